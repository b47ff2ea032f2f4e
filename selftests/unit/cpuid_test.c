// SPDX-License-Identifier: GPL-2.0
/*
 * The CPUID policy on every model of the lab (vectors/MODEL.cpuid: LEAF.INDEX and four
 * registers a line, as the instruction gave them): what is offered, what never is, what the
 * instruction returns, what follows for control registers. argv[1] names the vectors' folder.
 * With vmx/cpu/cpuid_policy.c and vmx/cpu/cpuid_table.c.
 */
#include <dirent.h>
#include <stdlib.h>
#include <asm/processor-flags.h>
#include "selftests/lib/tap.h"
#include "selftests/unit/model.h"

#define ENTRY_BOUND	80	/* monitors have no more room */

static void read_ones(void *ctx, u32 leaf, u32 index, u32 regs[4])
{
	(void)ctx;
	(void)index;
	memset(regs, 0xff, 4 * sizeof(*regs));
	if (leaf == 0)
		regs[0] = 0x20;
	if (leaf == 4 || leaf == 0xd)
		memset(regs, 0, 4 * sizeof(*regs));
}

static struct kvm_cpuid_entry2 list[CPUID_MAX_ENTRIES];
static u16 next[CPUID_MAX_ENTRIES];

static struct vcpu_cpuid guest_of(const struct cpuid_host *host)
{
	struct vcpu_cpuid cpuid = { .entries = list, .next = next };
	u32 nr = CPUID_MAX_ENTRIES;

	if (cpuid_policy_list(host, list, &nr))
		nr = 0;
	cpuid.nr = nr;
	cpuid_index(&cpuid);
	cpuid_derive(&cpuid, host);
	return cpuid;
}

/* What no guest may be shown, whatever the host has: in the SDM's numbers, not the table's. */
static const struct {
	u32 leaf, index;
	u32 regs[4];
	const char *what;
} never[] = {
	{ 1, 0, { 0, 0, 1 << 5 | 1 << 6, 0 }, "VMX, SMX" },
	{ 1, 0, { 0, 0, 1 << 3, 0 }, "MONITOR" },
	{ 1, 0, { 0, 0, 1 << 2 | 1 << 4 | 1 << 15, 1 << 21 }, "debug store, PDCM" },
	{ 1, 0, { 0, 0, 1 << 27, 0 }, "OSXSAVE of the host" },
	{ 1, 0, { 0, 0, 1 << 7 | 1 << 8, 1 << 22 | 1 << 29 }, "thermal and power control" },
	{ 6, 0, { ~4u, ~0u, ~0u, ~0u }, "power management but ARAT" },
	{ 7, 0, { 0, 1 << 2, 1 << 30, 1 << 1 }, "SGX" },
	{ 7, 0, { 0, 1 << 14, 0, 0 }, "MPX" },
	{ 7, 0, { 0, 1 << 25, 0, 0 }, "processor trace" },
	{ 7, 0, { 0, 1 << 12 | 1 << 15, 0, 0 }, "resource director" },
	{ 7, 0, { 0, 0, 1 << 16, 0 }, "five-level paging" },
	{ 7, 0, { 0, 0, 1 << 5, 0 }, "WAITPKG" },
	{ 7, 0, { 0, 0, 1 << 7, 1 << 20 }, "CET" },
	{ 7, 0, { 0, 0, 1 << 4, 0 }, "OSPKE of the host" },
	{ 7, 0, { 0, 0, 1 << 23 | 1 << 24 | 1 << 29 | 1u << 31, 0 }, "KL, bus lock, ENQCMD, PKS" },
	{ 7, 0, { 0, 0, 0, 1 << 15 | 1 << 19 }, "hybrid, LBR" },
	{ 7, 0, { 0, 0, 0, 1 << 22 | 1 << 24 | 1 << 25 }, "AMX" },
	{ 7, 0, { 0, 0, 0, 1 << 5 | 1 << 11 | 1 << 13 | 1 << 18 }, "UINTR, TSX control, PCONFIG" },
	{ 7, 0, { 0, 0, 0, 1 << 9 | 1 << 28 | 1 << 30 }, "MSRs the driver has not" },
	{ 0xa, 0, { ~0u, ~0u, ~0u, ~0u }, "a PMU" },
	{ 0xd, 0, { ~0x2e7u, 0, 0, ~0u }, "state components of MPX, PT, AMX" },
	{ 0xd, 1, { 1 << 4, 0, ~0u, ~0u }, "XFD, supervisor state" },
	{ 0x80000001, 0, { 0, 0, ~0x121u, ~0x2c100800u }, "what is AMD's" },
	{ 0x80000008, 0, { 0xff000000, ~0x200u, ~0u, ~0u }, "what is AMD's" },
};

static void check_never(const struct model *model, const struct vcpu_cpuid *cpuid)
{
	unsigned int i, j;
	u32 regs[4], seen;

	for (i = 0; i < ARRAY_SIZE(never); i++) {
		const struct kvm_cpuid_entry2 *e;

		e = cpuid_lookup(cpuid, never[i].leaf, never[i].index);
		seen = 0;
		if (e) {
			to_regs(e, regs);
			for (j = 0; j < 4; j++)
				seen |= regs[j] & never[i].regs[j];
		}
		TAP_EQ(seen, 0, "%s: %s is not shown (leaf %#x)", model->name, never[i].what,
		       never[i].leaf);
	}
}

static void check_words(const struct model *model, const struct cpuid_host *host,
			const struct vcpu_cpuid *cpuid)
{
	static const u32 emulated[CPUID_WORD_COUNT] = {
		[CPUID_WORD_1_ECX] = BIT(21) | BIT(31), [CPUID_WORD_1_EDX] = BIT(9),
		[CPUID_WORD_6_EAX] = BIT(2), [CPUID_WORD_7_EBX] = BIT(1),
		[CPUID_WORD_7_EDX] = BIT(29), [CPUID_WORD_KVM_EAX] = 0x01002aeb,
	};
	unsigned int i;
	u32 regs[4];

	for (i = 0; i < CPUID_WORD_COUNT; i++) {
		const struct cpuid_word_info *info = &cpuid_word_info[i];

		if (!cpuid_lookup(cpuid, info->leaf, info->index))
			continue;
		host->read(host->ctx, info->leaf, info->index, regs);
		TAP_EQ(cpuid->words[i] & ~(regs[info->reg] | emulated[i]), 0,
		       "%s: leaf %#x.%u reg %u has only what the host has or we emulate",
		       model->name, info->leaf, info->index, info->reg);
		TAP_EQ(cpuid->words[i] & emulated[i], emulated[i],
		       "%s: leaf %#x.%u reg %u has all that we emulate",
		       model->name, info->leaf, info->index, info->reg);
	}
}

static void check_leaves(const struct model *model, const struct vcpu_cpuid *cpuid)
{
	static const u32 needed[] = {
		0, 1, 6, 7, 0xa, 0xb, 0xd, 0x40000000, 0x40000001, 0x80000000, 0x80000001,
		0x80000002, 0x80000003, 0x80000004, 0x80000005, 0x80000006, 0x80000007, 0x80000008,
	};
	const struct kvm_cpuid_entry2 *e;
	unsigned int i;
	u32 max;

	max = cpuid_lookup(cpuid, 0, 0)->eax;
	for (i = 0; i < ARRAY_SIZE(needed); i++)
		if (needed[i] <= max || needed[i] >= 0x40000000)
			TAP_EQ(!!cpuid_lookup(cpuid, needed[i], 0), 1, "%s: leaf %#x exists",
			       model->name, needed[i]);
	e = cpuid_lookup(cpuid, 0x40000000, 0);
	TAP_EQ(memcmp(&e->ebx, "KVMKVMKVM\0\0\0", 12), 0, "%s: the signature is KVM's",
	       model->name);
	e = cpuid_lookup(cpuid, 0x80000008, 0);
	TAP_EQ(e->eax, 0x3028, "%s: widths of addresses are the host's", model->name);
	e = cpuid_lookup(cpuid, 1, 0);
	TAP_EQ(e->ebx, 0x0800, "%s: leaf 1 tells no APIC ID and no thread count", model->name);
}

static void check_bound(const struct model *model, const struct cpuid_host *host, u32 nr)
{
	u32 room = nr - 1;

	TAP_EQ(nr <= ENTRY_BOUND, 1, "%s: %u entries fit into %u", model->name, nr, ENTRY_BOUND);
	TAP_EQ(cpuid_policy_list(host, list, &room), -E2BIG, "%s: one entry less: E2BIG",
	       model->name);
	TAP_EQ(room, nr - 1, "%s: E2BIG leaves the count alone", model->name);
	room = 0;
	TAP_EQ(cpuid_policy_list(host, NULL, &room), -E2BIG, "%s: no entry: E2BIG", model->name);
}

static void check_model(struct model *model)
{
	struct cpuid_host host = host_of(model);
	struct vcpu_cpuid cpuid = guest_of(&host);
	struct cpuid_host bare = host;

	check_never(model, &cpuid);
	check_words(model, &host, &cpuid);
	check_leaves(model, &cpuid);
	check_bound(model, &host, cpuid.nr);
	TAP_EQ(cpuid.maxphyaddr, 40, "%s: maxphyaddr", model->name);

	bare.needs = 0;
	cpuid = guest_of(&bare);
	TAP_EQ(cpuid_has(&cpuid, CPUID_RDTSCP) || cpuid_has(&cpuid, CPUID_INVPCID) ||
	       cpuid_has(&cpuid, CPUID_XSAVES) || cpuid_has(&cpuid, CPUID_SPEC_CTRL) ||
	       cpuid_has(&cpuid, CPUID_PKU) || cpuid_has(&cpuid, CPUID_RDPID), 0,
	       "%s: what needs a VMX control is not shown without", model->name);
	TAP_EQ(cpuid.words[CPUID_WORD_1_ECX] & (BIT(12) | BIT(28) | BIT(29)), 0,
	       "%s: no AVX unless the host has enabled its state", model->name);
	TAP_EQ(cpuid.words[CPUID_WORD_7_EBX] & 0xd0230020, cpuid.words[CPUID_WORD_7_EBX] & 0x20000,
	       "%s: no AVX2, no AVX-512 likewise", model->name);
}

static void check_all_ones(void)
{
	struct cpuid_host host = { .read = read_ones, .needs = ALL_NEEDS, .xcr0 = ~0ULL };
	struct model ones = { .name = "a host with every bit" };
	struct vcpu_cpuid cpuid;

	memset(host.enabled, 0xff, sizeof(host.enabled));
	cpuid = guest_of(&host);
	check_never(&ones, &cpuid);
	/* A Kaby Lake's guest under KVM reads these, with TSC_DEADLINE and OSXSAVE added. */
	TAP_EQ(cpuid.words[CPUID_WORD_1_ECX], 0xfffa3203 & ~(BIT(24) | BIT(27)),
	       "leaf 1 ECX is what a guest of KVM reads");
	TAP_EQ(cpuid.words[CPUID_WORD_1_EDX], 0x0f8bfbff,
	       "leaf 1 EDX is what a guest of KVM reads");
	TAP_EQ(cpuid_lookup(&cpuid, 0, 0)->eax, 0x1f, "the last basic leaf is bounded");
	TAP_EQ(cpuid_lookup(&cpuid, 0x80000000, 0)->eax, 0x80000008,
	       "the last extended leaf is bounded");
	TAP_EQ(cpuid_lookup(&cpuid, 0x80000008, 0)->eax, 0x3030,
	       "widths of addresses are what four levels of tables reach");
	TAP_EQ(cpuid.nr <= ENTRY_BOUND, 1, "every bit set: the list still fits");
	TAP_EQ(cpuid_policy_xcr0(&host), 0x2e7, "XCR0 is bounded to what may be shown");
	memset(host.enabled, 0, sizeof(host.enabled));
	TAP_EQ(cpuid_policy_word(&host, CPUID_WORD_7_EBX), 2,
	       "what the kernel has disabled is not shown");
}

static void set_entries(struct vcpu_cpuid *cpuid, const struct kvm_cpuid_entry2 *entries,
			unsigned int nr)
{
	struct cpuid_host host = { .read = read_ones, .needs = ALL_NEEDS, .xcr0 = 0x2e7,
				   .cr4 = ~0UL };

	memset(host.enabled, 0xff, sizeof(host.enabled));
	memcpy(list, entries, nr * sizeof(*entries));
	*cpuid = (struct vcpu_cpuid) { .entries = list, .next = next, .nr = nr };
	cpuid_index(cpuid);
	cpuid_derive(cpuid, &host);
}

#define INTEL .ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69
#define AMD .ebx = 0x68747541, .ecx = 0x444d4163, .edx = 0x69746e65
#define INDEXED .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX

static void answer(const struct vcpu_cpuid *cpuid, u32 leaf, u32 index, u32 regs[4])
{
	const struct kvm_cpuid_entry2 *e = cpuid_lookup(cpuid, leaf, index);

	if (e)
		to_regs(e, regs);
	else
		cpuid_read_missing(cpuid, leaf, index, regs);
}

static u32 eax_of(const struct vcpu_cpuid *cpuid, u32 leaf, u32 index)
{
	u32 regs[4];

	answer(cpuid, leaf, index, regs);
	return regs[0];
}

static const struct kvm_cpuid_entry2 intel[] = {
	{ .function = 0, .eax = 0xd, INTEL },
	{ .function = 1, .eax = 0x50654 },
	{ .function = 4, .index = 0, .eax = 0x121, INDEXED },
	{ .function = 4, .index = 1, .eax = 0x122, INDEXED },
	{ .function = 0xb, .index = 0, .eax = 1, .ecx = 0x100, .edx = 5, INDEXED },
	{ .function = 0xb, .index = 1, .eax = 4, .ecx = 0x201, .edx = 5, INDEXED },
	{ .function = 0xd, .index = 0, .eax = 7, INDEXED },
	{ .function = 0xd, .index = 1, .eax = 0xf, INDEXED },
	{ .function = 0x40000000, .eax = 0x40000001, .ebx = 0x4b4d564b },
	{ .function = 0x40000001, .eax = 0x0100000b },
	{ .function = 0x80000000, .eax = 0x80000008 },
	{ .function = 0x80000001, .edx = 0x2c100800 },
};

static void check_instruction(void)
{
	struct vcpu_cpuid cpuid;
	u32 regs[4];

	set_entries(&cpuid, intel, ARRAY_SIZE(intel));
	TAP_EQ(eax_of(&cpuid, 0, 0), 0xd, "leaf 0");
	TAP_EQ(eax_of(&cpuid, 1, 77), 0x50654, "a leaf without index ignores ECX");
	TAP_EQ(eax_of(&cpuid, 4, 1), 0x122, "a leaf with index obeys ECX");
	TAP_EQ(eax_of(&cpuid, 4, 2), 0, "an index that is not there reads 0");
	TAP_EQ(eax_of(&cpuid, 5, 0), 0, "a leaf in range that is not there reads 0");
	TAP_EQ(eax_of(&cpuid, 0xe, 0), 7, "above the basic range: the highest basic leaf");
	TAP_EQ(eax_of(&cpuid, 0x3fffffff, 1), 0xf, "and of that the index asked for");
	TAP_EQ(eax_of(&cpuid, 0x80000009, 0), 7, "above the extended range: likewise");
	TAP_EQ(eax_of(&cpuid, 0x80000007, 0), 0, "in the extended range: 0");
	TAP_EQ(eax_of(&cpuid, 0x40000001, 0), 0x0100000b, "the hypervisor's range");
	TAP_EQ(eax_of(&cpuid, 0x40000002, 0), 7, "above the hypervisor's range: likewise");
	TAP_EQ(eax_of(&cpuid, 0x40000100, 0), 7, "another hypervisor's range: likewise");
	TAP_EQ(eax_of(&cpuid, 0xffffffff, 0xffffffff), 0, "the highest leaf and index");
	answer(&cpuid, 0xb, 9, regs);
	TAP_EQ(regs[2], 9, "topology above the last level: ECX is the index");
	TAP_EQ(regs[3], 5, "topology above the last level: EDX is the x2APIC ID");
	TAP_EQ(cpuid_lookup(&cpuid, 0x80000001, 0)->edx, 0x2c100800, "an extended leaf is found");
}

static void check_other_entries(void)
{
	struct kvm_cpuid_entry2 entries[] = {
		{ .function = 0, .eax = 0xd, AMD },
		{ .function = 0xd, .eax = 7 },
		{ .function = 0, .eax = 99 },
	};
	struct vcpu_cpuid cpuid;

	set_entries(&cpuid, entries, ARRAY_SIZE(entries));
	TAP_EQ(eax_of(&cpuid, 0xe, 0), 0, "AMD: above the basic range reads 0");
	TAP_EQ(eax_of(&cpuid, 0, 0), 0xd, "of two entries for a leaf the first counts");
	set_entries(&cpuid, entries, 0);
	TAP_EQ(eax_of(&cpuid, 0, 0), 0, "no CPUID set: 0");
}

static void check_dynamic(void)
{
	struct kvm_cpuid_entry2 entries[] = {
		{ .function = 1, .ecx = BIT(26) | BIT(27) },
		{ .function = 7, .ecx = BIT(3), INDEXED },
		{ .function = 0xd, .index = 0, .eax = 0x2e7, INDEXED },
		{ .function = 0xd, .index = 1, .eax = 0xf, INDEXED },
	};
	struct cpuid_state state = { .osxsave = true, .pke = true, .apic = true, .xcr0 = 7 };
	struct cpuid_component geometry[CPUID_COMPONENTS];
	struct model none = {};
	struct cpuid_host host = { .read = read_model, .ctx = &none, .xcr0 = 0x2e7 };
	struct vcpu_cpuid cpuid;

	cpuid_components_read(&host, geometry);
	TAP_EQ(cpuid_xsave_size(geometry, 3, false), 576, "x87 and SSE: 576 bytes");
	TAP_EQ(cpuid_xsave_size(geometry, 7, false), 0x340, "AVX: as the processor says");
	TAP_EQ(cpuid_xsave_size(geometry, 0xe7, false), 0xa80, "AVX-512: as the processor says");
	TAP_EQ(cpuid_xsave_size(geometry, 0x201, false), 2696, "PKRU at its own place");
	TAP_EQ(cpuid_xsave_size(geometry, 0x201, true), 584, "PKRU compacted");
	TAP_EQ(cpuid_xsave_size(geometry, 0x225, true), 576 + 256 + 64 + 8, "compacted: no holes");
	TAP_EQ(cpuid_xsave_size(geometry, ~0ULL, false), 2696, "unknown components need no room");

	set_entries(&cpuid, entries, ARRAY_SIZE(entries));
	cpuid_apply_state(&cpuid, geometry, &state);
	TAP_EQ(list[0].ecx & BIT(27), BIT(27), "OSXSAVE follows CR4: on");
	TAP_EQ(list[0].edx & BIT(9), BIT(9), "APIC follows its base: on");
	TAP_EQ(list[1].ecx & BIT(4), BIT(4), "OSPKE follows CR4: on");
	TAP_EQ(list[2].ebx, 0x340, "the area's size follows XCR0");
	TAP_EQ(list[3].ebx, 0x340, "the compacted area's size follows XCR0");
	state = (struct cpuid_state) { .xcr0 = 0xe7 };
	cpuid_apply_state(&cpuid, geometry, &state);
	TAP_EQ(list[0].ecx & BIT(27), 0, "OSXSAVE follows CR4: off");
	TAP_EQ(list[0].edx & BIT(9), 0, "APIC follows its base: off");
	TAP_EQ(list[1].ecx & BIT(4), 0, "OSPKE follows CR4: off");
	TAP_EQ(list[2].ebx, 0xa80, "the area's size follows XCR0 again");
}

static void check_derived(void)
{
	struct kvm_cpuid_entry2 entries[] = {
		{ .function = 1, .ecx = BIT(17) | BIT(26) },
		{ .function = 7, .ebx = BIT(0) | BIT(7), INDEXED },
		{ .function = 0xd, .index = 0, .eax = 0xff, .edx = 0xffffffff, INDEXED },
		{ .function = 0x80000008, .eax = 0x3027 },
	};
	unsigned long allowed;
	struct vcpu_cpuid cpuid;

	set_entries(&cpuid, entries, ARRAY_SIZE(entries));
	allowed = ~cpuid.cr4_reserved;
	TAP_EQ(allowed & X86_CR4_PCIDE, X86_CR4_PCIDE, "CR4.PCIDE with PCID");
	TAP_EQ(allowed & X86_CR4_SMEP, X86_CR4_SMEP, "CR4.SMEP with SMEP");
	TAP_EQ(allowed & X86_CR4_SMAP, 0, "no CR4.SMAP without SMAP");
	TAP_EQ(allowed & (X86_CR4_UMIP | X86_CR4_PKE), 0, "no CR4.UMIP, PKE without");
	TAP_EQ(allowed & (X86_CR4_VMXE | X86_CR4_SMXE | X86_CR4_LA57), 0, "no VMXE, SMXE, LA57");
	TAP_EQ(allowed & X86_CR4_PAE, X86_CR4_PAE, "CR4.PAE in any case");
	TAP_EQ(cpuid.maxphyaddr, 39, "maxphyaddr as set");
	TAP_EQ(cpuid.xcr0_allowed, 0xe7, "XCR0: what was set, no MPX, nothing unknown");
	entries[3].eax = 0x30ff;
	set_entries(&cpuid, entries, ARRAY_SIZE(entries));
	TAP_EQ(cpuid.maxphyaddr, 52, "maxphyaddr is bounded");
	set_entries(&cpuid, entries, 0);
	TAP_EQ(cpuid.maxphyaddr, 36, "maxphyaddr without CPUID");
	TAP_EQ(cpuid.cr4_reserved & (X86_CR4_SMAP | X86_CR4_OSXSAVE), 0,
	       "no CPUID set yet: CR4 as the processor can");
	TAP_EQ(cpuid.xcr0_allowed, 1, "no CPUID set yet: XCR0 is x87");
	entries[3].eax = 0x3127;
	TAP_EQ(cpuid_entries_valid(entries, 4), 0, "49 bits of linear address are refused");
	entries[3].eax = 0x0027;
	TAP_EQ(cpuid_entries_valid(entries, 4), 1, "0 bits of linear address mean 48");
}

static void check_table(void)
{
	unsigned int word, bit, nameless = 0, astray = 0, unsorted = 0, i;

	for (word = 0; word < CPUID_WORD_COUNT; word++) {
		bool listed = false;

		for (bit = 0; bit < 32; bit++) {
			const struct cpuid_bit *b = &cpuid_word_info[word].bits[bit];

			nameless += b->policy != CPUID_HIDE && !b->name;
			astray += b->need && b->policy != CPUID_HOST;
		}
		for (i = 0; i < cpuid_nr_leaves; i++)
			listed |= cpuid_leaves[i].leaf == cpuid_word_info[word].leaf;
		TAP_EQ(listed, 1, "leaf %#x of a feature word is offered",
		       cpuid_word_info[word].leaf);
	}
	for (i = 1; i < cpuid_nr_leaves; i++)
		unsorted += cpuid_leaves[i].leaf <= cpuid_leaves[i - 1].leaf;
	TAP_EQ(nameless, 0, "each bit that may be shown has a name");
	TAP_EQ(astray, 0, "only a bit of the host has a further need");
	TAP_EQ(unsorted, 0, "the leaves are in order");
}

int main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : VECTORS;
	struct dirent **files;
	unsigned int models = 0;
	struct model model;
	int i, nr;

	tap_begin();
	check_table();
	check_all_ones();
	check_instruction();
	check_other_entries();
	check_dynamic();
	check_derived();
	nr = scandir(folder, &files, NULL, alphasort);
	for (i = 0; i < nr; i++) {
		const char *dot = strrchr(files[i]->d_name, '.');

		if (dot && !strcmp(dot, ".cpuid")) {
			load(&model, folder, files[i]->d_name);
			check_model(&model);
			models++;
		}
		free(files[i]);
	}
	if (nr >= 0)
		free(files);
	TAP_EQ(models >= 11, 1, "every model of the lab was judged");
	return tap_end();
}
