/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMCS access: VMREAD and VMWRITE by field width, checked when compiled, and the state that
 * travels with one VMCS region. Whoever calls these has the VMCS current on this CPU:
 * preemption off, or inside vcpu_load()/vcpu_put(). SDM vol. 3C, 24.11 and appendix B.
 */
#ifndef KVMLET_VMX_HW_VMCS_H
#define KVMLET_VMX_HW_VMCS_H

#include <linux/bug.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <asm/asm.h>
#include <asm/vmx.h>
#include "vmx/compat.h"
#include "vmx/hw/enable.h"

/* A VMCS region: 4 KiB at most, of which only the first word is ours (SDM 24.2). */
struct vmcs_region {
	u32 revision;
};

/*
 * Guest fields that struct vcpu keeps a copy of. A bit in @cached says the copy is right, a
 * bit in @dirty that the VMCS is not. vmcs_forget() is the one point that invalidates.
 */
enum vmcs_cached {
	VMCS_CACHED_RIP		= BIT(0),
	VMCS_CACHED_RSP		= BIT(1),
	VMCS_CACHED_RFLAGS	= BIT(2),
	VMCS_CACHED_CR0		= BIT(3),
	VMCS_CACHED_CR3		= BIT(4),
	VMCS_CACHED_CR4		= BIT(5),
	VMCS_CACHED_SS		= BIT(6),
	VMCS_CACHED_GDTR	= BIT(7),
	VMCS_CACHED_IDTR	= BIT(8),
	VMCS_CACHED_VECTORS	= BIT(9),	/* not a field: the tops of IRR and ISR */
};

/* One segment register, SEG_*, all four fields. */
#define VMCS_CACHED_SEGMENT(nr)	(BIT(16) << (nr))

/*
 * One VMCS and where it is. @cpu, @launched and @link change only on the CPU that has it
 * active, with interrupts off; the rest belongs to the vCPU's thread. The copies of control
 * words and host fields save VMREADs: they are what was last written.
 */
struct vmcs_state {
	struct vmcs_region *region;
	int cpu;			/* CPU where it is active, -1: cleared */
	bool launched;			/* VMRESUME rather than VMLAUNCH */
	struct list_head link;		/* in that CPU's list of active VMCSs */
	u32 cached, dirty;		/* enum vmcs_cached */
	u32 pin, proc, proc2, entry, exit;
	u32 exceptions, tpr_threshold;
	unsigned long cr0_mask, cr4_mask;	/* guest/host masks */
	unsigned long host_rsp, host_cr3, host_cr4, host_fs_base;
};

#define VMCS_WIDTH(field)	(((field) >> 13) & 3)
#define VMCS_WIDTH_16		0
#define VMCS_WIDTH_64		1
#define VMCS_WIDTH_32		2
#define VMCS_WIDTH_NATURAL	3

/* A constant field of another width than the accessor's is an error of the build. */
#define VMCS_CHECK(field, width)						\
	do {									\
		if (__builtin_constant_p(field))				\
			BUILD_BUG_ON_MSG(__builtin_constant_p(field) &&		\
					 VMCS_WIDTH(field) != (width),		\
					 "VMCS field and accessor differ in width");	\
	} while (0)

/*
 * A reboot takes VMX operation away under a vCPU's feet, so each VMX instruction may fault
 * then: it is skipped, and the vCPU finds out at its next entry. Otherwise one that fails is
 * a bug of the driver; a WARN is no call, so that it costs those who never fail no register.
 */

static __always_inline unsigned long __vmcs_read(unsigned long field)
{
	unsigned long value;

	compat_asm_goto("1: vmread %[field], %[value]\n\tjbe %l[failed]\n"
			_ASM_EXTABLE(1b, %l[failed])
			: [value] "=r" (value) : [field] "r" (field) : "cc" : failed);
	return value;
failed:
	WARN_ON_ONCE(!enable_rebooting());
	return 0;
}

static __always_inline void __vmcs_write(unsigned long field, unsigned long value)
{
	compat_asm_goto("1: vmwrite %[value], %[field]\n\tjbe %l[failed]\n"
			_ASM_EXTABLE(1b, %l[failed])
			: : [field] "r" (field), [value] "rm" (value) : "cc" : failed);
	return;
failed:
	WARN_ON_ONCE(!enable_rebooting());
}

/* vmcs_read16(), vmcs_write16() and so on: for fields of one width. */
#define VMCS_ACCESSORS(suffix, type, width)					\
static __always_inline type vmcs_read##suffix(unsigned long field)		\
{										\
	VMCS_CHECK(field, width);						\
	return __vmcs_read(field);						\
}										\
										\
static __always_inline void vmcs_write##suffix(unsigned long field, type value)	\
{										\
	VMCS_CHECK(field, width);						\
	__vmcs_write(field, value);						\
}

VMCS_ACCESSORS(16, u16, VMCS_WIDTH_16)
VMCS_ACCESSORS(32, u32, VMCS_WIDTH_32)
VMCS_ACCESSORS(64, u64, VMCS_WIDTH_64)
VMCS_ACCESSORS(l, unsigned long, VMCS_WIDTH_NATURAL)

int vmcs_alloc(struct vmcs_state *vmcs);
void vmcs_free(struct vmcs_state *vmcs);
bool vmcs_load_anew(struct vmcs_state *vmcs, int cpu);
void vmcs_clear_all_local(void);
void vmcs_cpu_init(int cpu);

DECLARE_PER_CPU(struct vmcs_state *, current_vmcs);	/* for vmcs_load() */

/**
 * vmcs_load() - make a VMCS current on this CPU
 * @vmcs: its state
 * @cpu: this CPU
 *
 * Context: preemption off. Return: see vmcs_load_anew().
 */
static inline bool vmcs_load(struct vmcs_state *vmcs, int cpu)
{
	/* Whoever makes it active elsewhere clears it here first. */
	return unlikely(this_cpu_read(current_vmcs) != vmcs) && vmcs_load_anew(vmcs, cpu);
}

#endif
