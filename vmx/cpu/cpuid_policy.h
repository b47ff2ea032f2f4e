/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a guest may be shown of CPUID, as data and as pure functions; they know the processor
 * only through struct cpuid_host, so that a test can bring its own. No lock: the table is
 * constant, everything else belongs to the caller. SDM vol. 2A, CPUID.
 */
#ifndef KVMLET_VMX_CPU_CPUID_POLICY_H
#define KVMLET_VMX_CPU_CPUID_POLICY_H

#include "vmx/cpu/cpuid.h"

/* How the guest's value of a bit comes about. */
enum cpuid_policy {
	CPUID_HIDE,		/* never shown: reserved, or not offered (yet) */
	CPUID_HOST,		/* shown if the processor and the kernel have it */
	CPUID_EMULATE,		/* always shown: the driver does it by itself */
	CPUID_STATE,		/* not offered; follows the guest's own state (CR4, APIC base) */
};

/* What a bit that is as the host's needs besides. */
enum cpuid_need {
	CPUID_NEED_NOTHING,
	CPUID_NEED_RDTSCP,	/* VMX control "enable RDTSCP" */
	CPUID_NEED_INVPCID,	/* VMX control "enable INVPCID" */
	CPUID_NEED_XSAVES,	/* VMX control "enable XSAVES/XRSTORS" */
	CPUID_NEED_SPEC_CTRL,	/* IA32_SPEC_CTRL, switched at each entry */
	CPUID_NEED_PKE,		/* the host runs with CR4.PKE */
	CPUID_NEED_AVX,		/* the host has enabled the state component, likewise: */
	CPUID_NEED_AVX512,
};

struct cpuid_bit {
	const char *name;	/* as /proc/cpuinfo spells it, where it does */
	u8 policy;		/* enum cpuid_policy */
	u8 need;		/* enum cpuid_need */
};

struct cpuid_word_info {
	u32 leaf;
	u8 index;
	u8 reg;			/* enum cpuid_reg */
	struct cpuid_bit bits[32];
};

extern const struct cpuid_word_info cpuid_word_info[CPUID_WORD_COUNT];

enum cpuid_leaf_kind {
	CPUID_LEAF_PLAIN,	/* no index */
	CPUID_LEAF_CACHES,	/* leaf 4: indices until a null type */
	CPUID_LEAF_INDEXED,	/* leaf 7: EAX of index 0 is the highest index */
	CPUID_LEAF_XSTATE,	/* leaf 0xd: an index per state component */
};

/* A leaf that is offered, and which of the host's bits go through where no word tells. */
struct cpuid_leaf {
	u32 leaf;
	u8 kind;
	u32 keep[4];
};

extern const struct cpuid_leaf cpuid_leaves[];
extern const unsigned int cpuid_nr_leaves;

/* State components that a guest may have: x87, SSE, AVX, the three of AVX-512, PKRU. */
#define CPUID_XCR0_SUPPORTED	0x2e7ULL
#define CPUID_XCR0_AVX		0x4ULL
#define CPUID_XCR0_AVX512	0xe0ULL
#define CPUID_XCR0_PKRU		0x200ULL
#define CPUID_COMPONENTS	10
#define CPUID_XSAVE_LEGACY	576	/* bytes: x87, SSE and the header */

/**
 * struct cpuid_host - the processor and what the kernel and VT-x leave of it
 * @read:	CPUID of leaf and index into four registers
 * @ctx:	for @read
 * @enabled:	per word, the bits that the kernel has not disabled
 * @needs:	bitmap over enum cpuid_need: those met
 * @xcr0:	the host's XCR0
 * @cr4:	CR4 bits that may be set while a guest runs
 */
struct cpuid_host {
	void (*read)(void *ctx, u32 leaf, u32 index, u32 regs[4]);
	void *ctx;
	u32 enabled[CPUID_WORD_COUNT];
	u32 needs;
	u64 xcr0;
	unsigned long cr4;
};

/* Where XSAVE puts a state component; size 0: there is none. CPUID_COMPONENTS, by number. */
struct cpuid_component {
	u32 size, offset;
	bool align;		/* at 64 bytes in the compacted format */
};

/* The guest's state that CPUID shows. */
struct cpuid_state {
	bool osxsave, pke, apic;
	u64 xcr0, xss;
};

u32 cpuid_policy_word(const struct cpuid_host *host, enum cpuid_word word);
u64 cpuid_policy_xcr0(const struct cpuid_host *host);
int cpuid_policy_list(const struct cpuid_host *host, struct kvm_cpuid_entry2 *out, u32 *nent);
void cpuid_components_read(const struct cpuid_host *host, struct cpuid_component *components);
u32 cpuid_xsave_size(const struct cpuid_component *components, u64 features, bool compacted);

bool cpuid_entries_valid(const struct kvm_cpuid_entry2 *entries, u32 nent);
void cpuid_index(struct vcpu_cpuid *cpuid);
void cpuid_read_missing(const struct vcpu_cpuid *cpuid, u32 leaf, u32 index, u32 regs[4]);
void cpuid_derive(struct vcpu_cpuid *cpuid, const struct cpuid_host *host);
void cpuid_apply_state(struct vcpu_cpuid *cpuid, const struct cpuid_component *components,
		       const struct cpuid_state *state);

/* 32 basic leaves and 32 extended ones; KVM's two lie among the basic. */
static inline unsigned int cpuid_bucket(u32 leaf)
{
	return (leaf & 0x1f) | (leaf >> 31) << 5;
}

/**
 * cpuid_lookup() - the entry of a leaf
 * @cpuid: indexed
 * @leaf: EAX
 * @index: ECX; only entries that say so look at it
 *
 * Return: the first entry that matches, or NULL.
 */
static inline struct kvm_cpuid_entry2 *cpuid_lookup(const struct vcpu_cpuid *cpuid, u32 leaf,
						    u32 index)
{
	struct kvm_cpuid_entry2 *e;
	u16 i;

	for (i = cpuid->head[cpuid_bucket(leaf)]; i != CPUID_NONE; i = cpuid->next[i]) {
		e = &cpuid->entries[i];
		if (e->function == leaf &&
		    (e->index == index || !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return e;
	}
	return NULL;
}

#endif
