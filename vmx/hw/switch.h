/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Host state that a VM entry and exit do not switch, or that the VMCS must be told.
 * SDM vol. 3C, 24.5 (host-state area), 27.5 (loading host state).
 */
#ifndef KVMLET_VMX_HW_SWITCH_H
#define KVMLET_VMX_HW_SWITCH_H

#include <linux/kernel.h>
#include <asm/cpufeature.h>
#include "vmx/cpu/xstate.h"

struct vcpu;

/* MSRs that only matter to code outside the kernel: the guest's stay in until vcpu_put(). */
enum switched_msr {
	SWITCHED_STAR,
	SWITCHED_LSTAR,
	SWITCHED_SYSCALL_MASK,
	SWITCHED_TSC_AUX,
	NR_SWITCHED_MSRS
};

struct switch_state {
	bool guest;			/* the guest's values are in the registers */
	bool chosen;			/* @switched is right, for this CPU and these values */
	u16 ds, es, fs, gs, ldt;	/* the host's selectors meanwhile */
	u32 switched;			/* bit per switched_msr that differs from the host's */
};

/* entry.S, which documents them: the entry, and where the host goes on after an exit. */
extern char vmx_exit[];
u32 vmx_enter(struct vcpu *vcpu, bool launched, u64 guest_spec_ctrl, unsigned long *host_rsp);
void vmx_take_interrupt(u8 vector);

void switch_setup(struct vcpu *vcpu);
void switch_cpu(struct vcpu *vcpu, int cpu);
void switch_to_guest(struct vcpu *vcpu);
void switch_to_host(struct vcpu *vcpu);
void switch_reload_msrs(struct vcpu *vcpu);
u64 *switch_kernel_gs_base(struct vcpu *vcpu);
void switch_refresh(struct vcpu *vcpu);

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
