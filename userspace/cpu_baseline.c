// SPDX-License-Identifier: GPL-2.0
/*
 * Baselines: what a guest is told of its processor instead of what this host has, so that it also
 * runs on other hosts. A baseline fixes family, model, stepping, the last leaf and every feature
 * bit; caches, brand and the width of addresses stay the host's. Constant data and pure functions.
 * SDM vol. 2A, CPUID; Documentation/cpu-baselines.rst.
 */
#include <stdlib.h>

#include "userspace/cpu.h"

#define XSTATE_LEAF	0xd
#define XSAVE_LEGACY	576	/* bytes: x87, SSE and the header */
#define NAME_SIZE	64
#define FEW		8	/* features that one may leave out by hand */

/*
 * Only what a guest can be given, and what each processor of the generation has: no TSX, which
 * microcode took away, and until cascadelake nothing that microcode has added; no fast strings
 * (erms, fsrm), which firmware may switch off; nothing that says what the FPU has given up. ss
 * comes late because Linux does not trust it on earlier ones.
 */
const struct cpu_baseline cpu_baselines[] = {
	{ "merom", 6, 0x0f, 11, 0xa,
	  "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
	  "sse sse2 pni ssse3 cx16 lahf_lm syscall nx lm" },
	{ "penryn", 6, 0x17, 10, 0xa, "sse4_1" },
	{ "nehalem", 6, 0x1a, 5, 0xb, "sse4_2 popcnt rdtscp constant_tsc" },
	{ "westmere", 6, 0x2c, 2, 0xb, "pclmulqdq aes" },
	{ "sandybridge", 6, 0x2a, 7, 0xd, "pcid xsave avx xsaveopt" },
	{ "ivybridge", 6, 0x3a, 9, 0xd, "ss f16c rdrand fsgsbase smep" },
	{ "haswell", 6, 0x3f, 0, 0xd,
	  "fma movbe abm bmi1 avx2 bmi2 invpcid tsc_adjust pdpe1gb" },
	{ "broadwell", 6, 0x3d, 4, 0x14, "rdseed adx smap 3dnowprefetch" },
	{ "skylake", 6, 0x5e, 3, 0x16, "clflushopt xsavec xgetbv1 xsaves" },
	{ "cascadelake", 6, 0x55, 7, 0x16,
	  "clwb avx512f avx512dq avx512cd avx512bw avx512vl avx512_vnni pku "
	  "spec_ctrl stibp ssbd arch_capabilities" },
	{ "icelake", 6, 0x6a, 6, 0x1b,
	  "umip avx512ifma avx512vbmi avx512_vbmi2 gfni vaes vpclmulqdq avx512_bitalg "
	  "avx512_vpopcntdq rdpid sha_ni wbnoinvd" },
	{ "sapphirerapids", 6, 0x8f, 8, 0x1f,
	  "avx_vnni avx512_bf16 avx512_fp16 serialize cldemote movdiri movdir64b" },
};

const unsigned int cpu_nr_baselines = ARRAY_SIZE(cpu_baselines);

#define HYPER_THREADING	BIT(28)		/* of leaf 1, EDX: more than one processor in the package */

/* Of leaves 0xb and 0x1f, in ECX. */
#define LEVEL_NONE	(0 << 8)
#define LEVEL_THREAD	(1 << 8)
#define LEVEL_CORE	(2 << 8)

/* Any processor's guest gets these where the driver offers them: it does them by itself. */
#define SOFTWARE	"apic x2apic tsc_deadline_timer hypervisor arat"

/* What is no use without something else; *: each name that begins so. Prerequisites come first. */
static const struct {
	const char *feature, *needs;
} dependencies[] = {
	{ "xsaveopt", "xsave" }, { "xsavec", "xsave" }, { "xgetbv1", "xsave" },
	{ "xsaves", "xsavec" }, { "pku", "xsave" }, { "avx", "xsave" }, { "fma", "avx" },
	{ "f16c", "avx" }, { "avx2", "avx" }, { "vaes", "avx" }, { "vpclmulqdq", "avx" },
	{ "avx_vnni", "avx2" }, { "avx_ifma", "avx2" }, { "sha512", "avx2" }, { "sm3", "avx" },
	{ "sm4", "avx2" }, { "avx512f", "avx2" }, { "avx512*", "avx512f" },
};

static const struct {
	const char *feature;
	u64 xcr0;
} components[] = {
	{ "xsave", 3 }, { "avx", CPUID_XCR0_AVX }, { "avx512f", CPUID_XCR0_AVX512 },
	{ "pku", CPUID_XCR0_PKRU },
};

#define EAX	BIT(CPUID_REG_EAX)
#define EBX	BIT(CPUID_REG_EBX)
#define ALL	0xf

/* The leaves under a baseline, and the registers that are as the host's but for feature words. */
static const struct {
	u32 leaf;
	u8 as_host;
} leaves[] = {
	{ 0x00000000, ALL }, { 0x00000001, EBX }, { 0x00000002, ALL }, { 0x00000004, ALL },
	{ 0x00000006, 0 },   { 0x00000007, 0 },   { 0x0000000a, 0 },   { 0x0000000b, ALL },
	{ 0x0000000d, ALL }, { 0x0000001f, ALL }, { 0x40000000, ALL }, { 0x40000001, ALL },
	{ 0x80000000, ALL }, { 0x80000001, 0 },   { 0x80000002, ALL }, { 0x80000003, ALL },
	{ 0x80000004, ALL }, { 0x80000005, 0 },   { 0x80000006, ALL }, { 0x80000007, 0 },
	{ 0x80000008, EAX },
};

static bool has(const u32 *words, unsigned int feature)
{
	return words[feature / 32] & BIT(feature % 32);
}

static bool has_named(const u32 *words, const char *name)
{
	int feature = cpu_feature(name);

	return feature >= 0 && has(words, feature);
}

/* Adds the features of a list with blanks between them; they are the tables' own. */
static void add_names(u32 *words, const char *names)
{
	char name[NAME_SIZE];
	int n, feature;

	for (; sscanf(names, "%63s%n", name, &n) == 1; names += n) {
		feature = cpu_feature(name);
		if (feature >= 0)
			words[feature / 32] |= BIT(feature % 32);
	}
}

/**
 * cpu_baseline_words() - every feature of a baseline
 * @baseline:	a row of cpu_baselines[]
 * @words:	filled in
 */
void cpu_baseline_words(const struct cpu_baseline *baseline, u32 words[CPUID_WORD_COUNT])
{
	const struct cpu_baseline *b;

	memset(words, 0, CPUID_WORD_COUNT * sizeof(*words));
	for (b = cpu_baselines; b <= baseline; b++)
		add_names(words, b->adds);
}

/**
 * cpu_xcr0() - the XSAVE components that features make use of
 * @words:	the features
 *
 * Return: XCR0's bits.
 */
u64 cpu_xcr0(const u32 words[CPUID_WORD_COUNT])
{
	u64 xcr0 = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(components); i++)
		if (has_named(words, components[i].feature))
			xcr0 |= components[i].xcr0;
	return xcr0;
}

static const struct cpu_baseline *find_baseline(const char *name)
{
	unsigned int i;

	for (i = 0; i < cpu_nr_baselines; i++)
		if (!strcmp(name, cpu_baselines[i].name))
			return &cpu_baselines[i];
	return NULL;
}

/* A word of --cpu after the first: returns NULL, or what is wrong with it. */
static const char *parse_feature(const char *word, struct cpu_choice *choice)
{
	u32 *to = word[0] == '+' ? choice->plus : choice->minus;
	u32 *from = word[0] == '+' ? choice->minus : choice->plus;
	int feature;

	if (word[0] != '+' && word[0] != '-')
		return "expected +feature or -feature";
	feature = cpu_feature(word + 1);
	if (feature < 0)
		return "no such feature; they are called as in /proc/cpuinfo";
	if (cpuid_word_info[feature / 32].bits[feature % 32].policy == CPUID_STATE)
		return "the guest switches this bit by itself";
	to[feature / 32] |= BIT(feature % 32);
	from[feature / 32] &= ~BIT(feature % 32);
	return NULL;
}

/**
 * cpu_parse() - read what --cpu says: host or a baseline, features to add and to take away
 * @text:	NAME[,+feature][,-feature]...; of two words about a feature the last counts
 * @choice:	filled in; @text must live as long
 * @why:	after a failure, what is wrong
 * @size:	bytes of it
 *
 * Return: 0 or -1.
 */
int cpu_parse(const char *text, struct cpu_choice *choice, char *why, size_t size)
{
	const char *wrong = NULL, *rest = text;
	char word[NAME_SIZE];
	size_t n;

	*choice = (struct cpu_choice) { .text = text };
	for (; !wrong; rest++) {
		n = strcspn(rest, ",");
		snprintf(word, sizeof(word), "%.*s", (int)n, rest);
		if (rest != text)
			wrong = parse_feature(word, choice);
		else if (strcmp(word, "host"))
			choice->baseline = find_baseline(word);
		if (rest == text && !choice->baseline && strcmp(word, "host"))
			wrong = "no such baseline; --cpu-list shows them";
		rest += n;
		if (!*rest)
			break;
	}
	if (wrong)
		snprintf(why, size, "--cpu %s: '%s': %s", text, word, wrong);
	return wrong ? -1 : 0;
}

static bool matches(const char *name, const char *pattern)
{
	size_t n = strcspn(pattern, "*");

	return !strncmp(name, pattern, n) && (pattern[n] || !name[n]);
}

/* Takes away what lacks its prerequisite; returns one that was asked for by name, or NULL. */
static const char *drop_dependents(const struct cpu_choice *choice, u32 *words, unsigned int row)
{
	const char *name;
	unsigned int i;

	if (has_named(words, dependencies[row].needs))
		return NULL;
	for (i = 0; i < CPUID_WORD_COUNT * 32; i++) {
		name = cpuid_word_info[i / 32].bits[i % 32].name;
		if (!has(words, i) || !name || !matches(name, dependencies[row].feature))
			continue;
		if (has(choice->plus, i))
			return name;
		words[i / 32] &= ~BIT(i % 32);
	}
	return NULL;
}

static int choose(const struct cpu_choice *choice, const u32 *host, u32 *words, char *why,
		  size_t size)
{
	u32 software[CPUID_WORD_COUNT] = { 0 };
	const char *name;
	unsigned int i;

	add_names(software, SOFTWARE);
	software[CPUID_WORD_KVM_EAX] = ~0u;
	if (choice->baseline)
		cpu_baseline_words(choice->baseline, words);
	for (i = 0; i < CPUID_WORD_COUNT; i++) {
		words[i] = choice->baseline ? words[i] | (software[i] & host[i]) : host[i];
		words[i] = (words[i] | choice->plus[i]) & ~choice->minus[i];
	}
	for (i = 0; i < ARRAY_SIZE(dependencies); i++) {
		name = drop_dependents(choice, words, i);
		if (!name)
			continue;
		snprintf(why, size, "--cpu %s: %s is no use without %s", choice->text, name,
			 dependencies[i].needs);
		return -1;
	}
	return 0;
}

static int check_host(const struct cpu_choice *choice, const u32 *host, const u32 *words,
		      char *why, size_t size)
{
	char names[1024], without[1024];
	u32 lacking[CPUID_WORD_COUNT];
	unsigned int i, n;

	for (i = 0; i < CPUID_WORD_COUNT; i++)
		lacking[i] = words[i] & ~host[i];
	n = cpu_names(lacking, " ", names, sizeof(names));
	if (!n)
		return 0;
	cpu_names(lacking, ",-", without, sizeof(without));
	if (n <= FEW)
		snprintf(why, size, "--cpu %s: this host lacks %s; without: --cpu %s,%s",
			 choice->text, names, choice->text, without);
	else
		snprintf(why, size, "--cpu %s: this host lacks %s; --cpu-list shows what runs here",
			 choice->text, names);
	return -1;
}

static u32 *reg_of(struct kvm_cpuid_entry2 *e, unsigned int nr)
{
	u32 * const regs[] = { &e->eax, &e->ebx, &e->ecx, &e->edx };

	return regs[nr];
}

static void set_words(struct kvm_cpuid_entry2 *e, const u32 *words)
{
	const struct cpuid_word_info *info = cpuid_word_info;
	unsigned int i;

	for (i = 0; i < CPUID_WORD_COUNT; i++, info++)
		if (info->leaf == e->function && info->index == e->index)
			*reg_of(e, info->reg) = words[i];
}

/* Bytes of an area with these components, in the standard format. */
static u32 area_size(const struct kvm_cpuid2 *host, u64 xcr0)
{
	const struct kvm_cpuid_entry2 *e;
	u32 size = XSAVE_LEGACY;
	unsigned int i;

	for (i = 2; i < 64; i++) {
		e = cpu_find(host, XSTATE_LEAF, i);
		if (e && (xcr0 & BIT_ULL(i)))
			size = max(size, e->ebx + e->eax);
	}
	return xcr0 ? size : 0;
}

/* Components that have no feature here are the host's own business. */
static u64 guest_xcr0(const struct cpu_choice *choice, const struct kvm_cpuid2 *host,
		      const u32 *words)
{
	const struct kvm_cpuid_entry2 *e = cpu_find(host, XSTATE_LEAF, 0);
	u64 xcr0 = cpu_xcr0(words);

	if (xcr0 && e && !choice->baseline)
		xcr0 |= (e->eax | (u64)e->edx << 32) & ~CPUID_XCR0_SUPPORTED;
	return xcr0;
}

/* Leaf 0xd for these components; false: this entry is not the guest's. */
static bool set_xstate(const struct cpu_choice *choice, const struct kvm_cpuid2 *host,
		       struct kvm_cpuid_entry2 *e, u64 xcr0)
{
	if (e->index > 1)
		return (e->index < 64 && (xcr0 & BIT_ULL(e->index))) ||
		       (!choice->baseline && (e->ecx & 1));
	if (e->index) {
		/* The driver brings the size of the compacted format up to date. */
		if (choice->baseline) {
			e->ecx = 0;
			e->edx = 0;
		}
		return true;
	}
	e->eax = lower_32_bits(xcr0);
	e->ebx = area_size(host, xcr0);
	e->ecx = e->ebx;
	e->edx = upper_32_bits(xcr0);
	return true;
}

/* Returns false if the leaf is none of the baseline's. */
static bool set_baseline(const struct cpu_baseline *b, struct kvm_cpuid_entry2 *e)
{
	unsigned int i, reg;

	for (i = 0; i < ARRAY_SIZE(leaves) && leaves[i].leaf != e->function; i++)
		;
	if (i == ARRAY_SIZE(leaves) || (e->function < 0x40000000 && e->function > b->last_leaf))
		return false;
	for (reg = 0; reg < 4; reg++)
		if (!(leaves[i].as_host & BIT(reg)))
			*reg_of(e, reg) = 0;
	if (e->function == 0)
		e->eax = b->last_leaf;
	if (e->function == 1)
		e->eax = (b->model >> 4) << 16 | b->family << 8 | (b->model & 0xf) << 4 |
			 b->stepping;
	return true;
}

/* One entry of the host's as the guest gets it; false: it does not get it. */
static bool set_entry(const struct cpu_choice *choice, const struct kvm_cpuid2 *host,
		      struct kvm_cpuid_entry2 *e, const u32 *words)
{
	bool more = words[CPUID_WORD_7_1_EAX];

	if (choice->baseline && !set_baseline(choice->baseline, e))
		return false;
	set_words(e, words);
	if (choice->baseline && e->function == 7) {
		e->eax = e->index ? e->eax : more;
		return e->index <= more;
	}
	return e->function != XSTATE_LEAF ||
	       set_xstate(choice, host, e, guest_xcr0(choice, host, words));
}

/**
 * cpu_apply() - the CPUID of a guest
 * @choice:	from cpu_parse()
 * @host:	what the host offers: cpu_host()
 * @guest:	filled in; room for as many entries as @host has
 * @why:	after a failure, what is wrong and the way out
 * @size:	bytes of it
 *
 * Return: 0; -1 if the host lacks a feature, or a feature that was asked for lacks another.
 */
int cpu_apply(const struct cpu_choice *choice, const struct kvm_cpuid2 *host,
	      struct kvm_cpuid2 *guest, char *why, size_t size)
{
	u32 offered[CPUID_WORD_COUNT], words[CPUID_WORD_COUNT];
	u32 i;

	cpu_words(host, offered);
	if (choose(choice, offered, words, why, size) ||
	    check_host(choice, offered, words, why, size))
		return -1;
	guest->nent = 0;
	for (i = 0; i < host->nent; i++) {
		guest->entries[guest->nent] = host->entries[i];
		guest->nent += set_entry(choice, host, &guest->entries[guest->nent], words);
	}
	return 0;
}

static bool is_topology(const struct kvm_cpuid_entry2 *e)
{
	return e->function == 0xb || e->function == 0x1f;
}

/* By how many bits an APIC id is to be shifted for the next level's, and how many there are. */
static void add_levels(struct kvm_cpuid2 *guest, u32 leaf, u32 bits, u32 cpus)
{
	const struct kvm_cpuid_entry2 levels[] = {
		{ .eax = 0, .ebx = 1, .ecx = 0 | LEVEL_THREAD },
		{ .eax = bits, .ebx = cpus, .ecx = 1 | LEVEL_CORE },
		{ .ecx = 2 | LEVEL_NONE },
	};
	struct kvm_cpuid_entry2 *e;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(levels) && guest->nent < CPUID_MAX_ENTRIES; i++) {
		e = &guest->entries[guest->nent++];
		*e = levels[i];
		e->function = leaf;
		e->index = i;
		e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	}
}

/* Levels 1 and 2 are each core's own. */
static void share_cache(struct kvm_cpuid_entry2 *e, u32 ids)
{
	u32 level = e->eax >> 5 & 7;

	e->eax &= 0x3fff;
	if (e->eax & 0x1f)
		e->eax |= (ids - 1) << 26 | (level > 2 ? (ids - 1) << 14 : 0);
}

/**
 * cpu_topology() - the fields that tell cores and threads apart: one package, a thread a core
 * @guest:	its CPUID, with room for CPUID_MAX_ENTRIES; then it is processor 0's
 * @cpus:	how many cores there are, at most 64
 */
void cpu_topology(struct kvm_cpuid2 *guest, u32 cpus)
{
	u32 bits = cpus > 1 ? 32 - __builtin_clz(cpus - 1) : 0, last, i, n = 0;
	const u32 leaves_of_levels[] = { 0xb, 0x1f };
	struct kvm_cpuid_entry2 *e;

	for (i = 0; i < guest->nent; i++)
		if (!is_topology(&guest->entries[i]))
			guest->entries[n++] = guest->entries[i];
	guest->nent = n;
	for (e = guest->entries; e < guest->entries + guest->nent; e++) {
		if (e->function == 1) {
			e->ebx = (e->ebx & 0xffff) | 1 << (16 + bits);
			e->edx = (e->edx & ~HYPER_THREADING) | (cpus > 1 ? HYPER_THREADING : 0);
		}
		if (e->function == 4)
			share_cache(e, 1 << bits);
	}
	e = cpu_find(guest, 0, 0);
	last = e ? e->eax : 0;
	for (i = 0; i < ARRAY_SIZE(leaves_of_levels); i++)
		if (leaves_of_levels[i] <= last)
			add_levels(guest, leaves_of_levels[i], bits, cpus);
}

/**
 * cpu_number() - make a guest's CPUID that of one of its processors
 * @guest:	its CPUID, of any of them
 * @id:		its APIC id
 */
void cpu_number(struct kvm_cpuid2 *guest, u32 id)
{
	struct kvm_cpuid_entry2 *e;

	for (e = guest->entries; e < guest->entries + guest->nent; e++) {
		if (e->function == 1)
			e->ebx = (e->ebx & 0xffffff) | id << 24;
		if (is_topology(e))
			e->edx = id;
	}
}

/**
 * cpu_vendor_leaf() - the hypervisor's name that the guest reads in leaf 0x40000000
 * @guest:	its CPUID
 * @vendor:	at most CPU_VENDOR_SIZE bytes
 */
void cpu_vendor_leaf(struct kvm_cpuid2 *guest, const char *vendor)
{
	struct kvm_cpuid_entry2 *e = cpu_find(guest, 0x40000000, 0);
	u32 name[CPU_VENDOR_SIZE / sizeof(u32)] = { 0 };

	memcpy(name, vendor, min(strlen(vendor), sizeof(name)));
	if (e) {
		e->ebx = name[0];
		e->ecx = name[1];
		e->edx = name[2];
	}
}
