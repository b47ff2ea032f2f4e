/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The policy of MSRs as data: one row per register or run of registers, sorted by index; and
 * the pure checks of values. Constant, so no lock. SDM vol. 4.
 */
#ifndef KVMLET_VMX_CPU_MSR_TABLE_H
#define KVMLET_VMX_CPU_MSR_TABLE_H

#include "vmx/cpu/cpuid.h"
#include "vmx/cpu/msr.h"

/* Where the value is. */
enum msr_kind {
	MSR_CONST,		/* reads as @mask */
	MSR_NULL,		/* reads as 0; a write changes nothing */
	MSR_STORE,		/* at @offset of struct vcpu_msrs, the run's next ones behind it */
	MSR_STORE_SWITCHED,	/* likewise, and in the processor while the guest runs */
	MSR_STORE_OWN,		/* likewise, but written by a function, as the next */
	MSR_OWN,		/* by functions of its own, chosen by index in msr.c */
	MSR_VMCS,		/* in the VMCS field that @offset is */
};

/* What may be written, besides that no bit is outside @mask. */
enum msr_check {
	MSR_ANY,
	MSR_CANONICAL,		/* an address */
	MSR_PAT_TYPES,		/* eight memory types of the PAT */
	MSR_MTRR_TYPES,		/* eight memory types of an MTRR */
	MSR_MTRR_DEFAULT,	/* IA32_MTRR_DEF_TYPE */
	MSR_MTRR_VARIABLE,	/* even: base, odd: mask */
	MSR_ALL_OR_NONE,	/* 0 or all ones */
	MSR_MC_BANK,		/* CTL all or none; from a guest STATUS only 0 */
};

#define MSR_F_SAVE		BIT(0)	/* in KVM_GET_MSR_INDEX_LIST */
#define MSR_F_FEATURE		BIT(1)	/* in KVM_GET_MSR_FEATURE_INDEX_LIST */
#define MSR_F_HOST_WRITES	BIT(2)	/* a guest's write faults */
#define MSR_F_GUEST_DROPPED	BIT(3)	/* a guest's write changes nothing */
#define MSR_F_WRITE_ONLY	BIT(4)
#define MSR_F_READ_ONLY		BIT(5)	/* also for user space */
#define MSR_F_HOST_ONLY		BIT(6)	/* a guest's access faults */

#define MSR_NO_FEATURE		0xffff	/* of @feature: always there */
#define MSR_ALL_BITS		(~0ULL)

/**
 * struct msr_row - a run of registers with one policy
 * @first:	index of the first
 * @nr:		how many
 * @kind:	enum msr_kind
 * @check:	enum msr_check
 * @flags:	MSR_F_*
 * @offset:	see @kind
 * @feature:	enum cpuid_feature that a guest must be shown to have it, or MSR_NO_FEATURE
 * @mask:	bits that may be written, or MSR_CONST's value
 * @name:	as in the SDM
 */
struct msr_row {
	u32 first;
	u16 nr;
	u8 kind;
	u8 check;
	u16 flags;
	u16 offset;
	u16 feature;
	u64 mask;
	const char *name;
};

extern const struct msr_row msr_table[];
extern const unsigned int msr_table_rows;

const struct msr_row *msr_find(u32 index);
bool msr_value_valid(const struct msr_row *row, u32 index, u64 value, u8 maxphyaddr, bool host);

#endif
