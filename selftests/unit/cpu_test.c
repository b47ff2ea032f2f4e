// SPDX-License-Identifier: GPL-2.0
/*
 * Baselines and features by name, on the driver's own policy: what each baseline is, on which
 * models of the lab it runs, what `--cpu` refuses and in which words, and what of a saved guest's
 * CPUID a host lacks. With userspace/cpu_baseline.c, userspace/cpu_features.c and the policy.
 */
#include "selftests/lib/tap.h"
#include "selftests/unit/model.h"
#include "userspace/cpu.h"

#define INTEL		.ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69
#define AMD		.ebx = 0x68747541, .ecx = 0x444d4163, .edx = 0x69746e65
#define INDEXED		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX
#define BY_PROGRAM	((u32)(BIT(24) | BIT(31)))	/* deadline timer, hypervisor: cpu_host() */
#define OSXSAVE		((u32)BIT(27))

union list {
	struct kvm_cpuid2 l;
	u8 room[sizeof(struct kvm_cpuid2) + CPUID_MAX_ENTRIES * sizeof(struct kvm_cpuid_entry2)];
};

static union list host, guest;
static char why[4096];

/* --- hosts --------------------------------------------------------------------------------- */

/* A Core i3-7100U, as the instruction gives it. */
static const struct model kaby_lake = {
	.name = "kaby_lake_i3_7100u", .nr = 19,
	.entry = {
		{ .function = 0, .eax = 0x16, INTEL },
		{ .function = 1, 0, 0, 0x806e9, 0x100800, 0x7ffafbbf, 0xbfebfbff },
		{ .function = 2, .eax = 0x76036301, .ebx = 0xf0b5ff, .edx = 0xc30000 },
		{ .function = 4, .eax = 0x1c004121, .ebx = 0x1c0003f, .ecx = 0x3f },
		{ .function = 4, .index = 1, .eax = 0x1c004122, .ebx = 0x1c0003f, .ecx = 0x3f },
		{ .function = 4, .index = 2, .eax = 0x1c004143, .ebx = 0x0c0003f, .ecx = 0x3ff },
		{ .function = 4, .index = 3, .eax = 0x1c03c163, .ebx = 0x2c0003f, .ecx = 0xfff },
		{ .function = 6, .eax = 0x27f7, .ebx = 2, .ecx = 9 },
		{ .function = 7, .ebx = 0x029c67af, .edx = 0x9c000400 },
		{ .function = 0xa, .eax = 0x7300404, .edx = 0x603 },
		{ .function = 0xd, .eax = 0x1f, .ebx = 0x440, .ecx = 0x440 },
		{ .function = 0xd, .index = 1, .eax = 0xf, .ebx = 0x440, .ecx = 0x100 },
		{ .function = 0x14, .eax = 1, .ebx = 0xf, .ecx = 7 },
		{ .function = 0x16, .eax = 2400, .ebx = 2400, .ecx = 100 },
		{ .function = 0x80000000, .eax = 0x80000008 },
		{ .function = 0x80000001, .ecx = 0x121, .edx = 0x2c100800 },
		{ .function = 0x80000002, .eax = 0x65746e49 },
		{ .function = 0x80000007, .edx = 0x100 },
		{ .function = 0x80000008, .eax = 0x3027 },
	},
};

/* What the driver offers on a model, as cpu_host() gives it. */
static void offer(const struct model *model)
{
	struct model copy = *model;
	struct cpuid_host policy = host_of(&copy);

	host.l.nent = CPUID_MAX_ENTRIES;
	if (cpuid_policy_list(&policy, host.l.entries, &host.l.nent))
		host.l.nent = 0;
	cpu_find(&host.l, 1, 0)->ecx |= BY_PROGRAM;
}

static void offer_named(const char *name)
{
	struct model model;
	char file[80];

	snprintf(file, sizeof(file), "%s.cpuid", name);
	load(&model, VECTORS, file);
	offer(&model);
}

/* --cpu's text on that host: 0 or -1. */
static int apply(const char *text)
{
	struct cpu_choice choice;

	why[0] = '\0';
	return cpu_parse(text, &choice, why, sizeof(why)) ||
	       cpu_apply(&choice, &host.l, &guest.l, why, sizeof(why)) ? -1 : 0;
}

static void says(const char *words, const char *name)
{
	if (!tap_ok(!strcmp(why, words), "%s", name))
		printf("# expected: %s\n# got:      %s\n", words, why);
}

/* A register of the guest's CPUID, 0 where it has no entry. */
static u32 shown(u32 leaf, u32 index, enum cpuid_reg reg)
{
	const struct kvm_cpuid_entry2 *e = cpu_find(&guest.l, leaf, index);
	u32 regs[4] = { 0 };

	if (e)
		to_regs(e, regs);
	return regs[reg];
}

static bool has(const char *feature)
{
	u32 words[CPUID_WORD_COUNT];
	int nr = cpu_feature(feature);

	cpu_words(&guest.l, words);
	return nr >= 0 && (words[nr / 32] & BIT(nr % 32));
}

/* --- the table ----------------------------------------------------------------------------- */

/* What each is by the SDM's numbers; leaf 1 EDX, 6, and KVM's own are the same in all. */
static const struct {
	const char *name;
	u32 words[CPUID_WORD_COUNT];
	u64 xcr0;
} expected[] = {
#define ROW(name, ecx1, edx1, b7, c7, d7, a71, d1, ecx8, edx8, edx87, ebx88, xcr0)	\
	{ name, { ecx1, edx1, 0, b7, c7, d7, a71, d1, 0, ecx8, edx8, edx87, ebx88 }, xcr0 }
	ROW("merom", 0x2201, 0x078bfbff, 0, 0, 0, 0, 0, 1, 0x20100800, 0, 0, 0),
	ROW("penryn", 0x82201, 0x078bfbff, 0, 0, 0, 0, 0, 1, 0x20100800, 0, 0, 0),
	ROW("nehalem", 0x982201, 0x078bfbff, 0, 0, 0, 0, 0, 1, 0x28100800, 0x100, 0, 0),
	ROW("westmere", 0x2982203, 0x078bfbff, 0, 0, 0, 0, 0, 1, 0x28100800, 0x100, 0, 0),
	ROW("sandybridge", 0x169a2203, 0x078bfbff, 0, 0, 0, 0, 1, 1, 0x28100800, 0x100, 0, 7),
	ROW("ivybridge", 0x769a2203, 0x0f8bfbff, 0x81, 0, 0, 0, 1, 1, 0x28100800, 0x100, 0, 7),
	ROW("haswell", 0x76da3203, 0x0f8bfbff, 0x05ab, 0, 0, 0, 1, 0x21, 0x2c100800, 0x100, 0, 7),
	ROW("broadwell", 0x76da3203, 0x0f8bfbff, 0x1c05ab, 0, 0, 0, 1, 0x121, 0x2c100800, 0x100,
	    0, 7),
	ROW("skylake", 0x76da3203, 0x0f8bfbff, 0x9c05ab, 0, 0, 0, 0xf, 0x121, 0x2c100800, 0x100,
	    0, 7),
	ROW("cascadelake", 0x76da3203, 0x0f8bfbff, 0xd19f05ab, 0x808, 0xac000000, 0, 0xf, 0x121,
	    0x2c100800, 0x100, 0, 0x2e7),
	ROW("icelake", 0x76da3203, 0x0f8bfbff, 0xf1bf05ab, 0x405f4e, 0xac000000, 0, 0xf, 0x121,
	    0x2c100800, 0x100, 0x200, 0x2e7),
	ROW("sapphirerapids", 0x76da3203, 0x0f8bfbff, 0xf1bf05ab, 0x1a405f4e, 0xac804000, 0x30, 0xf,
	    0x121, 0x2c100800, 0x100, 0x200, 0x2e7),
#undef ROW
};

static void test_table(void)
{
	u32 words[CPUID_WORD_COUNT];
	unsigned int i, j, unknown = 0;
	char name[64];
	int n;

	TAP_EQ(cpu_nr_baselines, ARRAY_SIZE(expected), "there are twelve baselines");
	for (i = 0; i < cpu_nr_baselines && i < ARRAY_SIZE(expected); i++) {
		const struct cpu_baseline *b = &cpu_baselines[i];
		const char *p;

		TAP_EQ(strcmp(b->name, expected[i].name), 0, "%s is number %u",
		       expected[i].name, i);
		for (p = b->adds; sscanf(p, "%63s%n", name, &n) == 1; p += n)
			unknown += cpu_feature(name) < 0;
		cpu_baseline_words(b, words);
		for (j = 0; j < CPUID_WORD_COUNT; j++)
			TAP_EQ(words[j], expected[i].words[j], "%s: leaf %#x.%u, register %u",
			       b->name,
			       cpuid_word_info[j].leaf, cpuid_word_info[j].index,
			       cpuid_word_info[j].reg);
		TAP_EQ(cpu_xcr0(words), expected[i].xcr0, "%s: XSAVE components", b->name);
	}
	TAP_EQ(unknown, 0, "each name in the table is a feature's");
	TAP_EQ(cpu_feature("avx512_vnni"), CPUID_FEATURE(7_ECX, 11), "a feature is found by name");
	TAP_EQ(cpu_feature(""), -1, "no name is no feature");
}

/* No driver offers what the policy hides, so no baseline may need it. */
static void test_offered(void)
{
	u32 words[CPUID_WORD_COUNT];
	unsigned int i, hidden = 0;

	cpu_baseline_words(&cpu_baselines[cpu_nr_baselines - 1], words);
	for (i = 0; i < CPUID_WORD_COUNT * 32; i++)
		if (words[i / 32] & BIT(i % 32))
			hidden += cpuid_word_info[i / 32].bits[i % 32].policy == CPUID_HIDE;
	TAP_EQ(hidden, 0, "no baseline needs what the policy hides");
}

/* --- the published case: a Kaby Lake, and Haswell on it ------------------------------------ */

/* What the instruction gives a guest that has set CR4.OSXSAVE. */
static void instruction(u32 regs[4])
{
	static u16 next[CPUID_MAX_ENTRIES];
	struct vcpu_cpuid cpuid = { .entries = guest.l.entries, .next = next, .nr = guest.l.nent };
	struct model copy = kaby_lake;
	struct cpuid_host policy = host_of(&copy);
	struct cpuid_component components[CPUID_COMPONENTS];
	const struct cpuid_state state = { .osxsave = true, .apic = true, .xcr0 = 7 };

	cpuid_index(&cpuid);
	cpuid_derive(&cpuid, &policy);
	cpuid_components_read(&policy, components);
	cpuid_apply_state(&cpuid, components, &state);
	to_regs(cpuid_lookup(&cpuid, 1, 0), regs);
}

static void test_haswell_on_kaby_lake(void)
{
	static const char * const gone[] = { "rdseed", "adx", "smap", "clflushopt", "xsavec",
					     "xgetbv1", "xsaves", "3dnowprefetch" };
	static const char * const stay[] = { "bmi1", "avx2", "smep", "bmi2", "invpcid", "fma",
					     "movbe", "rdrand" };
	unsigned int i;
	u32 regs[4];

	offer(&kaby_lake);
	TAP_EQ(apply("host"), 0, "a Kaby Lake's guest without a baseline");
	instruction(regs);
	TAP_EQ(regs[0], 0x000806e9, "reads leaf 1 EAX");
	TAP_EQ(regs[2], 0xfffa3203, "leaf 1 ECX");
	TAP_EQ(regs[3], 0x0f8bfbff, "leaf 1 EDX");
	TAP_EQ(shown(0, 0, CPUID_REG_EAX), 22, "a maximum leaf of 22");
	for (i = 0; i < ARRAY_SIZE(gone); i++)
		TAP_EQ(has(gone[i]), 1, "and has %s", gone[i]);
	TAP_EQ(apply("haswell"), 0, "with the baseline Haswell");
	instruction(regs);
	TAP_EQ(regs[0], 0x000306f0, "it reads leaf 1 EAX");
	TAP_EQ(regs[2], 0xfffa3203, "leaf 1 ECX");
	TAP_EQ(regs[3], 0x0f8bfbff, "leaf 1 EDX");
	TAP_EQ(shown(0, 0, CPUID_REG_EAX), 13, "a maximum leaf of 13");
	for (i = 0; i < ARRAY_SIZE(gone); i++)
		TAP_EQ(has(gone[i]), 0, "%s is gone", gone[i]);
	for (i = 0; i < ARRAY_SIZE(stay); i++)
		TAP_EQ(has(stay[i]), 1, "%s stays", stay[i]);
	TAP_EQ(shown(0x80000002, 0, CPUID_REG_EAX), 0x65746e49, "the brand string is left alone");
	TAP_EQ(shown(0xd, 0, CPUID_REG_EAX), 7, "XCR0 may have x87, SSE and AVX");
	TAP_EQ(apply("skylake"), 0, "the baseline of its own generation runs");
	TAP_EQ(apply("cascadelake"), -1, "a newer one does not");
}

/* --- the lab's models ---------------------------------------------------------------------- */

static void test_models(void)
{
	static const struct {
		const char *model, *best;
	} models[] = {
		{ "core2_penryn_t9600", "penryn" },
		{ "corei5_lynnfield_750", "nehalem" },
		{ "corei5_arrandale_m520", "westmere" },
		{ "corei7_sandy_bridge_2600k", "sandybridge" },
		{ "corei7_ivy_bridge_3770k", "ivybridge" },
		{ "corei7_haswell_4770", "haswell" },
		{ "broadwell_ult", "broadwell" },
		{ "corei7_skylake_x", "skylake" },
		{ "corei3_cnl", "skylake" },
		{ "corei7_icelake_u", "skylake" },
		{ "tigerlake", "cascadelake" },
	};
	unsigned int i, j, past;

	for (i = 0; i < ARRAY_SIZE(models); i++) {
		offer_named(models[i].model);
		for (j = 0, past = 0; j < cpu_nr_baselines; j++) {
			TAP_EQ(apply(cpu_baselines[j].name), past ? -1 : 0, "%s: %s %s",
			       models[i].model, cpu_baselines[j].name,
			       past ? "is refused" : "runs");
			past |= !strcmp(cpu_baselines[j].name, models[i].best);
		}
	}
}

static unsigned int lacks(void)
{
	return cpu_missing(&guest.l, &host.l, why, sizeof(why));
}

/* A guest saved under a baseline: which models satisfy it, and what the others lack. */
static void test_missing(void)
{
	u32 i;

	offer_named("corei7_skylake_x");
	TAP_EQ(apply("broadwell"), 0, "a guest is saved on a Skylake as a Broadwell");
	offer_named("broadwell_ult");
	TAP_EQ(lacks(), 0, "a Broadwell satisfies it");
	offer_named("corei7_haswell_4770");
	TAP_EQ(lacks(), 4, "a Haswell lacks four features");
	says("rdseed adx smap 3dnowprefetch", "it names them");
	TAP_EQ(cpu_missing(&guest.l, &host.l, why, 12), 4, "without room, too, they are counted");
	says("rdseed adx", "and no name is cut in two");
	offer_named("core2_penryn_t9600");
	lacks();
	tap_ok(strstr(why, "aes") && strstr(why, "XSAVE-component-2"),
	       "a Penryn lacks features and state components");
	offer_named("corei7_skylake_x");
	TAP_EQ(apply("host"), 0, "a guest is saved as its host");
	for (i = 0; i < guest.l.nent; i++)
		if (guest.l.entries[i].function == 0xd && guest.l.entries[i].index == 2)
			guest.l.entries[i].ebx += 64;
	TAP_EQ(lacks(), 1, "a component that is elsewhere");
	says("place-of-XSAVE-component-2", "it is named");
}

static void add(struct kvm_cpuid2 *list, struct kvm_cpuid_entry2 e)
{
	list->entries[list->nent++] = e;
}

static void test_missing_numbers(void)
{
	offer(&kaby_lake);
	guest.l.nent = 0;
	TAP_EQ(lacks(), 0, "an empty CPUID needs nothing");
	add(&guest.l, (struct kvm_cpuid_entry2) { .function = 0x80000008, .eax = 0x302e });
	add(&guest.l, (struct kvm_cpuid_entry2) { .function = 0xa, .eax = 4 });
	add(&guest.l, (struct kvm_cpuid_entry2) { 7, 1, .edx = 0x4000, INDEXED });
	add(&guest.l, (struct kvm_cpuid_entry2) { .function = 1, .ecx = BIT(16) | OSXSAVE });
	TAP_EQ(lacks(), 4,
	       "wider addresses, a PMU and bits without a name; OSXSAVE is the guest's own");
	says("CPUID.1.0:ECX[16] CPUID.7.1:EDX[14] arch_perfmon:4(here:0) "
	     "physical-address-bits:46(here:39)", "each is named");
	guest.l.nent = 0;
	add(&guest.l, (struct kvm_cpuid_entry2) { .function = 0, AMD });
	TAP_EQ(lacks(), 1, "another vendor's processor");
	host.l.nent = 0;
	TAP_EQ(lacks(), 0, "an empty host is no crash");
}

/* --- --cpu --------------------------------------------------------------------------------- */

static void test_refusals(void)
{
	offer_named("corei7_haswell_4770");
	TAP_EQ(apply("broadwell"), -1, "a newer baseline");
	says("--cpu broadwell: this host lacks rdseed adx smap 3dnowprefetch; without: "
	     "--cpu broadwell,-rdseed,-adx,-smap,-3dnowprefetch", "the features and the way out");
	TAP_EQ(apply("broadwell,-rdseed,-adx,-smap,-3dnowprefetch"), 0, "the way out is one");
	TAP_EQ(apply("haswell,+vmx"), -1, "a feature that the driver does not offer");
	says("--cpu haswell,+vmx: this host lacks vmx; without: --cpu haswell,+vmx,-vmx", "is so");
	TAP_EQ(apply("haswell,+vmx,-vmx"), 0, "of two words about a feature the last counts");
	TAP_EQ(apply("sapphirerapids"), -1, "a baseline that is far off");
	tap_ok(strstr(why, "avx512f ") && strstr(why, "; --cpu-list shows what runs here"),
	       "names the features and another way out");
	TAP_EQ(apply("haswel"), -1, "a name that is none");
	says("--cpu haswel: 'haswel': no such baseline; --cpu-list shows them", "says so");
	TAP_EQ(apply(""), -1, "no name at all");
	TAP_EQ(apply("haswell,"), -1, "a comma and nothing");
	TAP_EQ(apply("haswell,rdrand"), -1, "a feature without a sign");
	says("--cpu haswell,rdrand: 'rdrand': expected +feature or -feature", "says so");
	TAP_EQ(apply("haswell,-frob"), -1, "a feature that is none");
	says("--cpu haswell,-frob: '-frob': no such feature; they are called as in /proc/cpuinfo",
	     "says so");
	TAP_EQ(apply("haswell,+osxsave"), -1, "a bit that is the guest's own");
	TAP_EQ(apply("merom,+avx2"), -1, "a feature without what it needs");
	says("--cpu merom,+avx2: avx2 is no use without avx", "is named");
	TAP_EQ(apply("merom,+xsave,+avx,+avx2"), 0, "with what it needs it runs");
	TAP_EQ(apply("haswell,-frobfrobfrobfrobfrobfrobfrobfrobfrobfrobfrobfrobfrobfrobfrobfrob"),
	       -1, "a very long word");
}

static void test_features(void)
{
	offer_named("corei7_skylake_x");
	TAP_EQ(apply("host,-rdrand,-smap"), 0, "features are taken from the host");
	TAP_EQ(has("rdrand") || has("smap"), 0, "they are gone");
	TAP_EQ(has("avx512f") && has("rdseed"), 1, "the others are there");
	TAP_EQ(apply("haswell,+rdseed,-rdrand"), 0, "or given and taken from a baseline");
	TAP_EQ(has("rdseed") && !has("rdrand"), 1, "they are");
	TAP_EQ(apply("host,-avx"), 0, "what needs a feature that is gone");
	TAP_EQ(has("avx2") || has("fma") || has("f16c") || has("avx512f") || has("avx512dq"), 0,
	       "goes with it");
	TAP_EQ(shown(0xd, 0, CPUID_REG_EAX), 3, "and so do its state components");
	TAP_EQ(shown(0xd, 0, CPUID_REG_ECX), 576, "the area is smaller");
	TAP_EQ(!cpu_find(&guest.l, 0xd, 2) && !cpu_find(&guest.l, 0xd, 5), 1, "their leaves, too");
	TAP_EQ(apply("host,-avx512f"), 0, "AVX-512 alone");
	TAP_EQ(shown(0xd, 0, CPUID_REG_EAX), 7, "leaves AVX");
	TAP_EQ(shown(0xd, 0, CPUID_REG_EBX), 0x340, "and its area");
	TAP_EQ(apply("host,-xsave"), 0, "XSAVE");
	TAP_EQ(shown(0xd, 0, CPUID_REG_EAX) | shown(0xd, 0, CPUID_REG_EBX) |
	       shown(0xd, 1, CPUID_REG_EAX), 0, "leaves nothing of leaf 0xd");
	TAP_EQ(apply("haswell,-hypervisor"), 0, "that there is a hypervisor");
	TAP_EQ(has("hypervisor"), 0, "can be hidden");
	TAP_EQ(apply("merom"), 0, "the oldest baseline");
	TAP_EQ(has("x2apic") && has("tsc_deadline_timer") && has("kvmclock"), 1,
	       "has what the driver does by itself");
	TAP_EQ(has("arch_capabilities") || has("tsc_adjust"), 0, "and no bits of later processors");
}

/* --- the leaves ---------------------------------------------------------------------------- */

static void test_leaves(void)
{
	u32 i, beyond = 0;

	offer_named("tigerlake");
	add(&host.l, (struct kvm_cpuid_entry2) { .function = 0x7, .index = 2, .edx = 1, INDEXED });
	add(&host.l, (struct kvm_cpuid_entry2) { .function = 0x14, .eax = 1, .ebx = 1 });
	add(&host.l, (struct kvm_cpuid_entry2) { .function = 0x80000021, .eax = 1 });
	TAP_EQ(apply("host"), 0, "without a baseline");
	TAP_EQ(guest.l.nent, host.l.nent, "every leaf is the host's");
	TAP_EQ(memcmp(guest.l.entries, host.l.entries, host.l.nent * sizeof(host.l.entries[0])), 0,
	       "and every bit");
	TAP_EQ(apply("merom"), 0, "under merom");
	for (i = 0; i < guest.l.nent; i++)
		beyond += guest.l.entries[i].function > 0xa &&
			  guest.l.entries[i].function < 0x40000000;
	TAP_EQ(beyond, 0, "no leaf is above the last");
	TAP_EQ(shown(1, 0, CPUID_REG_EAX), 0x6fb, "family 6, model 15, stepping 11");
	TAP_EQ(apply("cascadelake"), 0, "under cascadelake");
	TAP_EQ(shown(1, 0, CPUID_REG_EAX), 0x50657, "family 6, model 85, stepping 7");
	TAP_EQ(shown(0, 0, CPUID_REG_EAX), 0x16, "its own last leaf");
	TAP_EQ(!cpu_find(&guest.l, 7, 2) && !cpu_find(&guest.l, 0x14, 0) &&
	       !cpu_find(&guest.l, 0x80000021, 0), 1,
	       "what the table does not know is not shown");
	TAP_EQ(shown(7, 0, CPUID_REG_EAX), 0, "no index of leaf 7 without a feature in it");
	TAP_EQ(shown(0xd, 0, CPUID_REG_EAX), 0x2e7, "state components");
	TAP_EQ(shown(0xd, 0, CPUID_REG_ECX), 2696, "and the size of all");
	TAP_EQ(shown(0x80000008, 0, CPUID_REG_EAX), 0x3028, "the width of addresses is the host's");
}

static void test_processor(void)
{
	offer(&kaby_lake);
	apply("host");
	cpu_find(&guest.l, 1, 0)->ebx = 0x03100800;
	cpu_find(&guest.l, 1, 0)->edx |= 1u << 28;
	cpu_topology(&guest.l, 1);
	TAP_EQ(shown(1, 0, CPUID_REG_EBX), 0x10800, "APIC id 0, one logical processor");
	TAP_EQ(shown(1, 0, CPUID_REG_EDX), 0x0f8bfbff, "no more than one in the package");
	TAP_EQ(shown(4, 0, CPUID_REG_EAX), 0x121, "that shares no cache");
	TAP_EQ(shown(0xb, 0, CPUID_REG_EBX), 1, "nor a core");
	TAP_EQ(shown(0x40000000, 0, CPUID_REG_EBX), 0x4b4d564b, "the hypervisor is KVM");
	cpu_vendor_leaf(&guest.l, "kvmlet");
	TAP_EQ(shown(0x40000000, 0, CPUID_REG_EBX), 0x6c6d766b, "or what --vendor-leaf says");
	TAP_EQ(shown(0x40000000, 0, CPUID_REG_ECX), 0x7465, "padded with zeros");
	TAP_EQ(shown(0x40000000, 0, CPUID_REG_EDX), 0, "to the end");
	cpu_vendor_leaf(&guest.l, "abcdefghijkl");
	TAP_EQ(shown(0x40000000, 0, CPUID_REG_EDX), 0x6c6b6a69, "twelve bytes fit");
}

/* One package of so many cores, each with an APIC id of its own. */
static void test_cores(u32 cpus, u32 ids, u32 bits)
{
	u32 id = cpus - 1;

	offer(&kaby_lake);
	apply("host");
	cpu_topology(&guest.l, cpus);
	cpu_number(&guest.l, 1);
	cpu_number(&guest.l, id);
	TAP_EQ(shown(1, 0, CPUID_REG_EBX), id << 24 | ids << 16 | 0x800,
	       "%u processors: the last one's APIC id, and room for %u", cpus, ids);
	TAP_EQ(shown(1, 0, CPUID_REG_EDX) >> 28 & 1, 1, "more than one in the package");
	TAP_EQ(shown(4, 0, CPUID_REG_EAX), 0x121 | (ids - 1) << 26, "a cache of each core's own");
	TAP_EQ(shown(4, 3, CPUID_REG_EAX), 0x163 | (ids - 1) << 26 | (ids - 1) << 14,
	       "and one that all share");
	TAP_EQ(shown(0xb, 0, CPUID_REG_EBX), 1, "a thread a core");
	TAP_EQ(shown(0xb, 0, CPUID_REG_ECX), 0x100, "the first level is threads");
	TAP_EQ(shown(0xb, 1, CPUID_REG_EAX), bits, "bits of the APIC id that tell cores apart");
	TAP_EQ(shown(0xb, 1, CPUID_REG_EBX), cpus, "so many cores");
	TAP_EQ(shown(0xb, 1, CPUID_REG_ECX), 0x201, "the second level is cores");
	TAP_EQ(shown(0xb, 2, CPUID_REG_ECX), 2, "there is no third");
	TAP_EQ(shown(0xb, 0, CPUID_REG_EDX) + shown(0xb, 1, CPUID_REG_EDX) +
	       shown(0xb, 2, CPUID_REG_EDX), 3 * id, "each level has the x2APIC id");
	tap_ok(!cpu_find(&guest.l, 0x1f, 0), "no leaf behind the last");
}

int main(void)
{
	tap_begin();
	test_cores(2, 2, 1);
	test_cores(3, 4, 2);
	test_cores(64, 64, 6);
	test_table();
	test_offered();
	test_haswell_on_kaby_lake();
	test_models();
	test_missing();
	test_missing_numbers();
	test_refusals();
	test_features();
	test_leaves();
	test_processor();
	return tap_end();
}
