/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The instructions that move FPU and vector registers to and from memory, in the standard
 * format. SDM vol. 1, 10.5 and 13.
 */
#ifndef KVMLET_VMX_HW_FPREGS_H
#define KVMLET_VMX_HW_FPREGS_H

#include <linux/kernel.h>
#include <linux/types.h>
#include <asm/cpufeature.h>
#include <asm/page_types.h>
#include <asm/fpu/types.h>

/**
 * fpregs_swap() - save the registers and load others
 * @old: receives the present values; its header has been zeroed or saved into before
 * @new: values that XRSTOR takes
 * @components: as in XCR0: which are saved and loaded
 *
 * Context: interrupts off, the registers are those of this thread. XSAVE writes all that it is
 * asked for, in use or not, unlike XSAVEOPT. SDM vol. 1, 13.7 and 13.8.
 */
static inline void fpregs_swap(struct xregs_state *old, const struct xregs_state *new,
			       u64 components)
{
	u32 low = lower_32_bits(components), high = upper_32_bits(components);

	if (cpu_feature_enabled(X86_FEATURE_XSAVE))
		asm volatile("xsave64 %0\n\txrstor64 %1"
			     : "+m" (*old) : "m" (*new), "a" (low), "d" (high) : "memory");
	else
		asm volatile("fxsave64 %0\n\tfxrstor64 %1"
			     : "=m" (old->i387) : "m" (new->i387) : "memory");
}

#endif
