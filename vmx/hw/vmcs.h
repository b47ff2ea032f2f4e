/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMCS access: VMREAD and VMWRITE by field width, checked when compiled, and the state that
 * travels with one VMCS region. Whoever calls these has the VMCS current on this CPU:
 * preemption off, or inside vcpu_load()/vcpu_put(). SDM vol. 3C, 24.11 and appendix B.
 */
#ifndef KVMLET_VMX_HW_VMCS_H
#define KVMLET_VMX_HW_VMCS_H

#include <linux/build_bug.h>
#include <linux/list.h>
#include <linux/types.h>
#include <asm/vmx.h>

/* A VMCS region: 4 KiB at most, the revision in its first word (SDM 24.2). */
struct vmcs_region {
	u32 revision;
	u32 abort;
	u8 data[];
};

/* Fields read once per exit; vmcs_forget() is the one invalidation point. */
enum vmcs_cached {
	VMCS_CACHED_RIP,
	VMCS_CACHED_RSP,
	VMCS_CACHED_RFLAGS,
	VMCS_CACHED_QUAL,
	VMCS_CACHED_INTR_INFO,
	VMCS_CACHED_CR0,
	VMCS_CACHED_CR3,
	VMCS_CACHED_CR4,
};

/*
 * One VMCS and where it is. @cpu and @link change only on the CPU that has it loaded, with
 * interrupts off. The shadows of control words save VMREADs: they are what was last written.
 */
struct vmcs_state {
	struct vmcs_region *region;	/* (c) */
	int cpu;			/* CPU where it is active, -1: cleared */
	bool launched;			/* VMRESUME rather than VMLAUNCH */
	struct list_head link;		/* in that CPU's list of active VMCSs */
	u32 proc, proc2, entry, exit, pin;	/* control words as in the VMCS */
	u32 exceptions;			/* exception bitmap as in the VMCS */
	u16 host_fs, host_gs, host_ds, host_es;
	unsigned long host_fs_base, host_gs_base, host_cr3, host_cr4;
	unsigned long cached;		/* bits of enum vmcs_cached */
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

void vmcs_read_failed(unsigned long field);
void vmcs_write_failed(unsigned long field, unsigned long value);

static __always_inline unsigned long __vmcs_read(unsigned long field)
{
	unsigned long value;
	bool failed;

	asm volatile("vmread %[field], %[value]"
		     : [value] "=r" (value), "=@ccbe" (failed) : [field] "r" (field));
	if (unlikely(failed)) {
		vmcs_read_failed(field);
		return 0;
	}
	return value;
}

static __always_inline void __vmcs_write(unsigned long field, unsigned long value)
{
	bool failed;

	asm volatile("vmwrite %[value], %[field]"
		     : "=@ccbe" (failed) : [field] "r" (field), [value] "rm" (value));
	if (unlikely(failed))
		vmcs_write_failed(field, value);
}

static __always_inline u16 vmcs_read16(unsigned long field)
{
	VMCS_CHECK(field, VMCS_WIDTH_16);
	return __vmcs_read(field);
}

static __always_inline u32 vmcs_read32(unsigned long field)
{
	VMCS_CHECK(field, VMCS_WIDTH_32);
	return __vmcs_read(field);
}

static __always_inline u64 vmcs_read64(unsigned long field)
{
	VMCS_CHECK(field, VMCS_WIDTH_64);
	return __vmcs_read(field);
}

static __always_inline unsigned long vmcs_readl(unsigned long field)
{
	VMCS_CHECK(field, VMCS_WIDTH_NATURAL);
	return __vmcs_read(field);
}

static __always_inline void vmcs_write16(unsigned long field, u16 value)
{
	VMCS_CHECK(field, VMCS_WIDTH_16);
	__vmcs_write(field, value);
}

static __always_inline void vmcs_write32(unsigned long field, u32 value)
{
	VMCS_CHECK(field, VMCS_WIDTH_32);
	__vmcs_write(field, value);
}

static __always_inline void vmcs_write64(unsigned long field, u64 value)
{
	VMCS_CHECK(field, VMCS_WIDTH_64);
	__vmcs_write(field, value);
}

static __always_inline void vmcs_writel(unsigned long field, unsigned long value)
{
	VMCS_CHECK(field, VMCS_WIDTH_NATURAL);
	__vmcs_write(field, value);
}

#endif
