// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID as pure functions: the list of what is offered, looking an entry up, what the
 * instruction returns, and what a guest may do with its control registers because of it.
 * The caller guards what it passes. SDM vol. 2A, CPUID; vol. 1, 13.2 and 13.4 (XSAVE areas).
 */
#include <asm/kvm_para.h>
#include <asm/processor-flags.h>
#include "vmx/cpu/cpuid_policy.h"

#define LAST_BASIC		0x1f
#define LAST_EXTENDED		0x80000008
#define MAX_SUBLEAF_7		1
#define MAX_CACHES		8	/* of leaf 4, which ends by itself on real processors */
#define MAX_ADDRESS_BITS	48	/* four levels, of paging and of EPT */
#define DEFAULT_MAXPHYADDR	36	/* of a processor that does not tell */
#define LIMIT_MAXPHYADDR	52	/* of the architecture */
#define HYPERVISOR_CLASS	0x40000000
#define HYPERVISOR_CLASS_END	0x50000000

/**
 * cpuid_policy_word() - the bits of a feature word that may be shown
 * @host: the processor
 * @word: which
 *
 * Return: the word, without the bits that follow a guest's state.
 */
u32 cpuid_policy_word(const struct cpuid_host *host, enum cpuid_word word)
{
	const struct cpuid_word_info *info = &cpuid_word_info[word];
	u32 regs[4], value, result = 0;
	unsigned int i;

	host->read(host->ctx, info->leaf, info->index, regs);
	value = regs[info->reg] & host->enabled[word];
	for (i = 0; i < 32; i++) {
		const struct cpuid_bit *bit = &info->bits[i];

		if (bit->policy == CPUID_EMULATE ||
		    (bit->policy == CPUID_HOST && (value & BIT(i)) &&
		     (!bit->need || (host->needs & BIT(bit->need)))))
			result |= BIT(i);
	}
	return result;
}

/**
 * cpuid_policy_xcr0() - the state components that may be shown
 * @host: the processor
 *
 * Return: a mask for XCR0.
 */
u64 cpuid_policy_xcr0(const struct cpuid_host *host)
{
	u64 xcr0 = host->xcr0 & CPUID_XCR0_SUPPORTED;

	if (!(host->needs & BIT(CPUID_NEED_PKE)))
		xcr0 &= ~CPUID_XCR0_PKRU;
	return xcr0;
}

/* A list being made, at one of its leaves; @room entries fit, @nr were wanted. */
struct list {
	const struct cpuid_host *host;
	const struct cpuid_leaf *leaf;
	struct kvm_cpuid_entry2 *out;
	u32 nr, room;
};

static void add(struct list *list, u32 index, const u32 regs[4])
{
	bool indexed = list->leaf->kind != CPUID_LEAF_PLAIN;
	u32 nr = list->nr++;

	if (nr >= list->room)
		return;
	list->out[nr] = (struct kvm_cpuid_entry2) {
		.function = list->leaf->leaf, .index = index,
		.flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
		.eax = regs[CPUID_REG_EAX], .ebx = regs[CPUID_REG_EBX],
		.ecx = regs[CPUID_REG_ECX], .edx = regs[CPUID_REG_EDX],
	};
}

static void read_host(const struct list *list, u32 index, u32 regs[4])
{
	list->host->read(list->host->ctx, list->leaf->leaf, index, regs);
}

/* The host's registers, less what does not go through; feature words by their policy. */
static void read_kept(const struct list *list, u32 index, u32 regs[4])
{
	unsigned int i;

	read_host(list, index, regs);
	for (i = 0; i < 4; i++)
		regs[i] &= list->leaf->keep[i];
	for (i = 0; i < CPUID_WORD_COUNT; i++)
		if (cpuid_word_info[i].leaf == list->leaf->leaf &&
		    cpuid_word_info[i].index == index)
			regs[cpuid_word_info[i].reg] = cpuid_policy_word(list->host, i);
}

static void add_plain(struct list *list)
{
	u32 regs[4], *eax = &regs[CPUID_REG_EAX];

	read_kept(list, 0, regs);
	switch (list->leaf->leaf) {
	case 0:
		*eax = min_t(u32, *eax, LAST_BASIC);
		break;
	case KVM_CPUID_SIGNATURE:
		*eax = KVM_CPUID_FEATURES;
		memcpy(&regs[CPUID_REG_EBX], KVM_SIGNATURE, 12);
		break;
	case 0x80000000:
		*eax = min_t(u32, *eax, LAST_EXTENDED);
		break;
	case 0x80000008:
		*eax = min_t(u32, *eax & 0xff, MAX_ADDRESS_BITS) |
		       min_t(u32, *eax >> 8, MAX_ADDRESS_BITS) << 8;
		break;
	}
	add(list, 0, regs);
}

static void add_caches(struct list *list)
{
	u32 regs[4], i;

	for (i = 0; i < MAX_CACHES; i++) {
		read_kept(list, i, regs);
		if (i && !(regs[CPUID_REG_EAX] & 0x1f))
			return;
		add(list, i, regs);
	}
}

static void add_indexed(struct list *list)
{
	u32 regs[4], i, last;

	read_host(list, 0, regs);
	last = min_t(u32, regs[CPUID_REG_EAX], MAX_SUBLEAF_7);
	for (i = 0; i <= last; i++) {
		read_kept(list, i, regs);
		if (!i)
			regs[CPUID_REG_EAX] = last;
		add(list, i, regs);
	}
}

static void add_xstate(struct list *list)
{
	u64 xcr0 = cpuid_policy_xcr0(list->host);
	struct cpuid_component components[CPUID_COMPONENTS];
	u32 regs[4], i;

	cpuid_components_read(list->host, components);
	regs[CPUID_REG_EAX] = lower_32_bits(xcr0);
	regs[CPUID_REG_EBX] = xcr0 ? cpuid_xsave_size(components, xcr0, false) : 0;
	regs[CPUID_REG_ECX] = regs[CPUID_REG_EBX];
	regs[CPUID_REG_EDX] = upper_32_bits(xcr0);
	add(list, 0, regs);
	if (!xcr0)
		return;
	read_kept(list, 1, regs);
	if (regs[CPUID_REG_EAX] & (BIT(CPUID_XSAVEC % 32) | BIT(CPUID_XSAVES % 32)))
		regs[CPUID_REG_EBX] = cpuid_xsave_size(components, xcr0, true);
	add(list, 1, regs);
	for (i = 2; i < CPUID_COMPONENTS; i++) {
		if (!(xcr0 & BIT(i)))
			continue;
		read_host(list, i, regs);
		regs[CPUID_REG_ECX] &= 2;
		regs[CPUID_REG_EDX] = 0;
		add(list, i, regs);
	}
}

/* By enum cpuid_leaf_kind. */
static void (*const add_leaf[])(struct list *list) = {
	add_plain, add_caches, add_indexed, add_xstate,
};

/**
 * cpuid_policy_list() - everything that a guest may be shown
 * @host: the processor
 * @out: filled in
 * @nent: in: entries that fit; out: entries filled in
 *
 * Return: 0, or -E2BIG with *nent unchanged if they do not fit.
 */
int cpuid_policy_list(const struct cpuid_host *host, struct kvm_cpuid_entry2 *out, u32 *nent)
{
	struct list list = { .host = host, .out = out, .room = *nent };
	u32 basic[4], extended[4], leaf;
	unsigned int i;

	host->read(host->ctx, 0, 0, basic);
	host->read(host->ctx, 0x80000000, 0, extended);
	for (i = 0; i < cpuid_nr_leaves; i++) {
		leaf = cpuid_leaves[i].leaf;
		if (leaf < HYPERVISOR_CLASS && leaf > basic[CPUID_REG_EAX])
			continue;
		if (leaf > 0x80000000 && leaf > extended[CPUID_REG_EAX])
			continue;
		list.leaf = &cpuid_leaves[i];
		add_leaf[list.leaf->kind](&list);
	}
	if (list.nr > list.room)
		return -E2BIG;
	*nent = list.nr;
	return 0;
}

/**
 * cpuid_components_read() - where this processor's XSAVE puts each component
 * @host: the processor
 * @components: all of them, filled in
 */
void cpuid_components_read(const struct cpuid_host *host, struct cpuid_component *components)
{
	u32 regs[4], i;

	memset(components, 0, CPUID_COMPONENTS * sizeof(*components));
	for (i = 2; i < CPUID_COMPONENTS; i++) {
		if (!(host->xcr0 & BIT(i)))
			continue;
		host->read(host->ctx, 0xd, i, regs);
		components[i].size = regs[CPUID_REG_EAX];
		components[i].offset = regs[CPUID_REG_EBX];
		components[i].align = regs[CPUID_REG_ECX] & 2;
	}
}

/**
 * cpuid_xsave_size() - bytes of an XSAVE area
 * @components: of this processor
 * @features: state components in it
 * @compacted: as XSAVEC and XSAVES write it
 *
 * Return: the number, with the legacy area and the header.
 */
u32 cpuid_xsave_size(const struct cpuid_component *components, u64 features, bool compacted)
{
	u32 size = CPUID_XSAVE_LEGACY, start;
	unsigned int i;

	for (i = 2; i < CPUID_COMPONENTS; i++) {
		const struct cpuid_component *c = &components[i];

		if (!(features & BIT(i)) || !c->size)
			continue;
		start = c->offset;
		if (compacted)
			start = c->align ? ALIGN(size, 64) : size;
		if (start + c->size > size)
			size = start + c->size;
	}
	return size;
}

/**
 * cpuid_entries_valid() - may user space set these?
 * @entries: what it wants
 * @nent: number of them
 *
 * Return: false if they name a width of linear addresses that no processor has.
 */
bool cpuid_entries_valid(const struct kvm_cpuid_entry2 *entries, u32 nent)
{
	u32 i, bits;

	for (i = 0; i < nent; i++) {
		if (entries[i].function != 0x80000008)
			continue;
		bits = (entries[i].eax >> 8) & 0xff;
		return !bits || bits == 48 || bits == 57;
	}
	return true;
}

/**
 * cpuid_index() - make the buckets, for a CPUID exit is the most frequent of all
 * @cpuid: entries, nr and next[] are set
 */
void cpuid_index(struct vcpu_cpuid *cpuid)
{
	unsigned int i = CPUID_BUCKETS, bucket;

	while (i--)
		cpuid->head[i] = CPUID_NONE;
	/* From the end, so that a chain has the order that user space gave. */
	for (i = cpuid->nr; i--;) {
		bucket = cpuid_bucket(cpuid->entries[i].function);
		cpuid->next[i] = cpuid->head[bucket];
		cpuid->head[bucket] = i;
	}
}

static void entry_regs(const struct kvm_cpuid_entry2 *e, u32 regs[4])
{
	regs[CPUID_REG_EAX] = e->eax;
	regs[CPUID_REG_EBX] = e->ebx;
	regs[CPUID_REG_ECX] = e->ecx;
	regs[CPUID_REG_EDX] = e->edx;
}

static bool is_intel(const struct kvm_cpuid_entry2 *leaf0)
{
	return leaf0->ebx == 0x756e6547 && leaf0->edx == 0x49656e69 && leaf0->ecx == 0x6c65746e;
}

/* Intel: above the maximum of its range, a leaf reads as the highest basic one. */
static const struct kvm_cpuid_entry2 *out_of_range(const struct vcpu_cpuid *cpuid, u32 leaf,
						   u32 index)
{
	const struct kvm_cpuid_entry2 *basic = cpuid_lookup(cpuid, 0, 0), *class;

	if (!basic || !is_intel(basic))
		return NULL;
	if (leaf >= HYPERVISOR_CLASS && leaf < HYPERVISOR_CLASS_END)
		class = cpuid_lookup(cpuid, leaf & 0xffffff00, 0);
	else
		class = cpuid_lookup(cpuid, leaf & 0x80000000, 0);
	if (class && leaf <= class->eax)
		return NULL;
	return cpuid_lookup(cpuid, basic->eax, index);
}

/* The topology leaves show the x2APIC ID and the index itself at every index. */
static void read_topology(const struct vcpu_cpuid *cpuid, u32 leaf, u32 index, u32 regs[4])
{
	const struct kvm_cpuid_entry2 *first = cpuid_lookup(cpuid, leaf, 1);

	if (first) {
		regs[CPUID_REG_ECX] = index & 0xff;
		regs[CPUID_REG_EDX] = first->edx;
	}
}

/**
 * cpuid_read_missing() - what the instruction returns for a leaf that has no entry
 * @cpuid: indexed; cpuid_lookup() found nothing
 * @leaf: EAX
 * @index: ECX
 * @regs: filled in, by enum cpuid_reg
 */
void cpuid_read_missing(const struct vcpu_cpuid *cpuid, u32 leaf, u32 index, u32 regs[4])
{
	const struct kvm_cpuid_entry2 *e = out_of_range(cpuid, leaf, index);

	memset(regs, 0, 4 * sizeof(*regs));
	if (e)
		entry_regs(e, regs);
	else if (leaf == 0xb || leaf == 0x1f)
		read_topology(cpuid, leaf, index, regs);
}

/* CR4 bits that exist only with a feature; a bit that is in neither list is reserved. */
static const struct {
	unsigned long bit;
	enum cpuid_feature feature;
} cr4_by_feature[] = {
	{ X86_CR4_UMIP,		CPUID_UMIP },
	{ X86_CR4_FSGSBASE,	CPUID_FSGSBASE },
	{ X86_CR4_PCIDE,	CPUID_PCID },
	{ X86_CR4_OSXSAVE,	CPUID_XSAVE },
	{ X86_CR4_SMEP,		CPUID_SMEP },
	{ X86_CR4_SMAP,		CPUID_SMAP },
	{ X86_CR4_PKE,		CPUID_PKU },
};

#define CR4_ALWAYS	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE |	\
			 X86_CR4_PSE | X86_CR4_PAE | X86_CR4_MCE |		\
			 X86_CR4_PGE | X86_CR4_PCE |				\
			 X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

static void derive_cr4(struct vcpu_cpuid *cpuid, const struct cpuid_host *host)
{
	unsigned long allowed = CR4_ALWAYS;
	unsigned int i;

	/* Without a CPUID anything goes that the processor can do. */
	for (i = 0; i < ARRAY_SIZE(cr4_by_feature); i++)
		if (!cpuid->nr || cpuid_has(cpuid, cr4_by_feature[i].feature))
			allowed |= cr4_by_feature[i].bit;
	cpuid->cr4_reserved = ~(allowed & host->cr4);
}

/**
 * cpuid_derive() - what follows from a CPUID that was set, or from none
 * @cpuid: indexed; words, maxphyaddr, cr4_reserved and xcr0_allowed are filled in
 * @host: the processor: user space may have promised more than it can do
 */
void cpuid_derive(struct vcpu_cpuid *cpuid, const struct cpuid_host *host)
{
	const struct kvm_cpuid_entry2 *e;
	unsigned int i;

	for (i = 0; i < CPUID_WORD_COUNT; i++) {
		const struct cpuid_word_info *info = &cpuid_word_info[i];
		u32 regs[4] = {};

		e = cpuid_lookup(cpuid, info->leaf, info->index);
		if (e)
			entry_regs(e, regs);
		cpuid->words[i] = regs[info->reg];
	}
	e = cpuid_lookup(cpuid, 0x80000008, 0);
	cpuid->maxphyaddr = e ? min_t(u8, e->eax, LIMIT_MAXPHYADDR) : DEFAULT_MAXPHYADDR;
	e = cpuid_lookup(cpuid, 0xd, 0);
	cpuid->xcr0_allowed = 1;
	if (e)
		cpuid->xcr0_allowed |= (e->eax | (u64)e->edx << 32) & cpuid_policy_xcr0(host);
	derive_cr4(cpuid, host);
}

static void show(u32 *reg, enum cpuid_feature feature, bool on)
{
	*reg &= ~BIT(feature % 32);
	if (on)
		*reg |= BIT(feature % 32);
}

/**
 * cpuid_apply_state() - bring the entries up to date with the guest's state
 * @cpuid: derived
 * @components: of this processor
 * @state: of the guest
 */
void cpuid_apply_state(struct vcpu_cpuid *cpuid, const struct cpuid_component *components,
		       const struct cpuid_state *state)
{
	struct kvm_cpuid_entry2 *e = cpuid_lookup(cpuid, 1, 0);

	if (e) {
		show(&e->edx, CPUID_APIC, state->apic);
		if (cpuid_has(cpuid, CPUID_XSAVE))
			show(&e->ecx, CPUID_OSXSAVE, state->osxsave);
	}
	e = cpuid_lookup(cpuid, 7, 0);
	if (e && cpuid_has(cpuid, CPUID_PKU))
		show(&e->ecx, CPUID_OSPKE, state->pke);
	if (cpuid->xsave_for == (state->xcr0 | state->xss))
		return;
	cpuid->xsave_for = state->xcr0 | state->xss;
	e = cpuid_lookup(cpuid, 0xd, 0);
	if (e)
		e->ebx = cpuid_xsave_size(components, state->xcr0, false);
	e = cpuid_lookup(cpuid, 0xd, 1);
	if (e && (e->eax & (BIT(CPUID_XSAVEC % 32) | BIT(CPUID_XSAVES % 32))))
		e->ebx = cpuid_xsave_size(components, cpuid->xsave_for, true);
}
