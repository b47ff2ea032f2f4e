/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CPUID: what a guest may be shown, what it is shown, and what follows from that. The policy
 * is a table (cpuid_table.c) judged by pure functions (cpuid_policy.c); cpuid.c is the
 * kernel's side. SDM vol. 2A, CPUID; vol. 3A, 2.5 and 13.
 */
#ifndef KVMLET_VMX_CPU_CPUID_H
#define KVMLET_VMX_CPU_CPUID_H

#include <linux/kvm.h>
#include "include/portable.h"

struct vcpu;

#define CPUID_MAX_ENTRIES	256	/* of KVM_SET_CPUID2 */
#define CPUID_BUCKETS		64
#define CPUID_NONE		0xffff	/* end of a bucket's chain */

enum cpuid_reg { CPUID_REG_EAX, CPUID_REG_EBX, CPUID_REG_ECX, CPUID_REG_EDX };

/* The words of feature bits, by leaf, index and register: cpuid_word_info[]. */
enum cpuid_word {
	CPUID_WORD_1_ECX, CPUID_WORD_1_EDX, CPUID_WORD_6_EAX, CPUID_WORD_7_EBX, CPUID_WORD_7_ECX,
	CPUID_WORD_7_EDX, CPUID_WORD_7_1_EAX, CPUID_WORD_D_1_EAX, CPUID_WORD_KVM_EAX,
	CPUID_WORD_EXT1_ECX, CPUID_WORD_EXT1_EDX, CPUID_WORD_EXT7_EDX, CPUID_WORD_EXT8_EBX,
	CPUID_WORD_COUNT
};

/* The features that other parts of the driver ask for: word and bit. */
#define CPUID_FEATURE(word, bit)	(CPUID_WORD_##word * 32 + (bit))
enum cpuid_feature {
	CPUID_PCID		= CPUID_FEATURE(1_ECX, 17),
	CPUID_X2APIC		= CPUID_FEATURE(1_ECX, 21),
	CPUID_TSC_DEADLINE	= CPUID_FEATURE(1_ECX, 24),
	CPUID_XSAVE		= CPUID_FEATURE(1_ECX, 26),
	CPUID_OSXSAVE		= CPUID_FEATURE(1_ECX, 27),
	CPUID_RDRAND		= CPUID_FEATURE(1_ECX, 30),
	CPUID_APIC		= CPUID_FEATURE(1_EDX, 9),
	CPUID_FSGSBASE		= CPUID_FEATURE(7_EBX, 0),
	CPUID_TSC_ADJUST	= CPUID_FEATURE(7_EBX, 1),
	CPUID_SGX		= CPUID_FEATURE(7_EBX, 2),
	CPUID_SMEP		= CPUID_FEATURE(7_EBX, 7),
	CPUID_INVPCID		= CPUID_FEATURE(7_EBX, 10),
	CPUID_RDSEED		= CPUID_FEATURE(7_EBX, 18),
	CPUID_SMAP		= CPUID_FEATURE(7_EBX, 20),
	CPUID_UMIP		= CPUID_FEATURE(7_ECX, 2),
	CPUID_PKU		= CPUID_FEATURE(7_ECX, 3),
	CPUID_OSPKE		= CPUID_FEATURE(7_ECX, 4),
	CPUID_RDPID		= CPUID_FEATURE(7_ECX, 22),
	CPUID_SPEC_CTRL		= CPUID_FEATURE(7_EDX, 26),
	CPUID_STIBP		= CPUID_FEATURE(7_EDX, 27),
	CPUID_ARCH_CAPABILITIES	= CPUID_FEATURE(7_EDX, 29),
	CPUID_SSBD		= CPUID_FEATURE(7_EDX, 31),
	CPUID_XSAVEC		= CPUID_FEATURE(D_1_EAX, 1),
	CPUID_XSAVES		= CPUID_FEATURE(D_1_EAX, 3),
	CPUID_PV_CLOCK		= CPUID_FEATURE(KVM_EAX, 0),
	CPUID_PV_CLOCK_NEW	= CPUID_FEATURE(KVM_EAX, 3),
	CPUID_PV_STEAL_TIME	= CPUID_FEATURE(KVM_EAX, 5),
	CPUID_PV_EOI		= CPUID_FEATURE(KVM_EAX, 6),
	CPUID_PV_UNHALT		= CPUID_FEATURE(KVM_EAX, 7),
	CPUID_PV_SEND_IPI	= CPUID_FEATURE(KVM_EAX, 11),
	CPUID_PV_SCHED_YIELD	= CPUID_FEATURE(KVM_EAX, 13),
	CPUID_SYSCALL		= CPUID_FEATURE(EXT1_EDX, 11),
	CPUID_NX		= CPUID_FEATURE(EXT1_EDX, 20),
	CPUID_PAGES_1G		= CPUID_FEATURE(EXT1_EDX, 26),
	CPUID_RDTSCP		= CPUID_FEATURE(EXT1_EDX, 27),
	CPUID_LM		= CPUID_FEATURE(EXT1_EDX, 29),
};

/**
 * struct vcpu_cpuid - a vCPU's CPUID and what was derived from it (vcpu->mutex)
 * @entries:	as user space set them, less the bits that follow the guest's state
 * @next:	per entry, the next one of its bucket
 * @nr:		number of entries
 * @head:	per bucket, its first entry
 * @words:	the feature words, without the bits that follow the guest's state
 * @maxphyaddr:	bits of a guest-physical address, at most 52
 * @cr4_reserved: CR4 bits that the guest may not set
 * @efer_allowed: EFER bits that it may
 * @xcr0_allowed: XCR0 bits that it may
 * @xsave_for:	XCR0 | XSS for which leaf 0xd's sizes are right
 */
struct vcpu_cpuid {
	struct kvm_cpuid_entry2 *entries;
	u16 *next;
	u16 nr;
	u16 head[CPUID_BUCKETS];
	u32 words[CPUID_WORD_COUNT];
	u8 maxphyaddr;
	unsigned long cr4_reserved;
	u64 efer_allowed;
	u64 xcr0_allowed;
	u64 xsave_for;
};

/**
 * cpuid_has() - is the guest shown this feature?
 * @cpuid:	of the vCPU
 * @feature:	CPUID_*
 *
 * Not for the bits that follow the guest's state (OSXSAVE, OSPKE): ask the state.
 */
static inline bool cpuid_has(const struct vcpu_cpuid *cpuid, enum cpuid_feature feature)
{
	return (cpuid->words[feature / 32] >> (feature % 32)) & 1;
}

/* System (without a vCPU) and vCPU ioctls: *nent is room first, then the number of entries. */
int cpuid_supported(struct vcpu *unused, struct kvm_cpuid_entry2 *out, u32 *nent);
int cpuid_emulated(struct vcpu *unused, struct kvm_cpuid_entry2 *out, u32 *nent);
int cpuid_get(struct vcpu *vcpu, struct kvm_cpuid_entry2 *out, u32 *nent);
int cpuid_set(struct vcpu *vcpu, const struct kvm_cpuid_entry2 *entries, u32 nent);

int cpuid_init(void);
bool cpuid_offered(enum cpuid_feature feature);
void cpuid_create(struct vcpu *vcpu);
void cpuid_update_dynamic(struct vcpu *vcpu);

#endif
