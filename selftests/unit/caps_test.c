// SPDX-License-Identifier: GPL-2.0
/*
 * The capability table against known processors: an i7-870 as its owner dumped it and every model
 * of the lab (vectors/), the control formula, the rules between controls, the words of the
 * verdict, and dumps that must be refused. Run from anywhere; argv[1] names the vectors' folder.
 */
#include <stdlib.h>

#include "selftests/lib/tap.h"
#include "userspace/caps.h"

#ifndef VECTORS
#define VECTORS "selftests/unit/vectors"
#endif

static const char *vectors = VECTORS;

static const struct {
	const char *gives, *costs;
} caps_words[VMX_CAP_COUNT] = {
#define CAPS_GIVES(id, gives)			[VMX_CAP_##id] = { gives, "" },
#define CAPS_OPTIONAL(id, gives, costs)		[VMX_CAP_##id] = { gives, costs },
#include "userspace/caps_words.h"
};

static const u8 shown[] = {
#define CAPS_GIVES(id, gives)			VMX_CAP_##id,
#define CAPS_OPTIONAL(id, gives, costs)		VMX_CAP_##id,
#include "userspace/caps_words.h"
};

/* The name holds the case in a failure's line. */
#define CONTAINS(text, part, ...)						\
	do {									\
		const char *_text = text, *_part = part;			\
										\
		if (!tap_ok(strstr(_text, _part), __VA_ARGS__))			\
			printf("# expected \"%s\" in \"%s\"\n", _part, _text);	\
	} while (0)

static bool load(const char *model, struct vmx_msrs *m)
{
	char path[512], err[512] = "";
	FILE *in;
	int ret;

	snprintf(path, sizeof(path), "%s/%s.dump", vectors, model);
	in = fopen(path, "r");
	if (!tap_ok(in, "%s can be opened", path))
		return false;
	ret = caps_dump_read(in, path, m, err, sizeof(err));
	fclose(in);
	if (!tap_ok(!ret, "%s is a well-formed dump", path))
		printf("# %s\n", err);
	return !ret;
}

static int judge(const struct vmx_msrs *m, struct vmx_caps *caps, struct caps_reason *why,
		 char *text)
{
	int ret = caps_verdict(m, caps, why);

	caps_explain(why, text, CAPS_TEXT);
	return ret;
}

static void test_formula(void)
{
	struct vmx_caps caps = { 0 };

	caps.must[CAPS_PIN] = 0x16;
	caps.may[CAPS_PIN] = 0x7f;
	TAP_EQ(caps_adjust(&caps, CAPS_PIN, 0), 0x16, "what must be 1 is 1 unasked");
	TAP_EQ(caps_adjust(&caps, CAPS_PIN, 0x29), 0x3f, "what is wanted and may be 1 is 1");
	TAP_EQ(caps_adjust(&caps, CAPS_PIN, 0x80), 0x16, "what may not be 1 stays 0");
	caps.may[CAPS_PROC3] = BIT_ULL(4);
	TAP_EQ(caps_adjust(&caps, CAPS_PROC3, ~0ULL), BIT_ULL(4),
	       "a 64-bit word has allowed-1 only");
}

static void test_table(void)
{
	unsigned int i, j, overlaps = 0, wordless = 0, order = 0;
	const struct caps_row *a, *b;

	for (i = 0; i < VMX_CAP_COUNT; i++) {
		a = &caps_table[i];
		wordless += !*a->name || !caps_words[i].gives || !*caps_words[i].gives ||
			    !*a->costs != (a->need < CAPS_REQUIRED) ||
			    !*caps_words[i].costs != (a->need < CAPS_OPTIONAL || *a->costs);
		for (j = 0; j < i; j++) {
			b = &caps_table[j];
			overlaps += a->word == b->word && a->bit == b->bit && a->width == b->width;
		}
	}
	TAP_EQ(overlaps, 0, "no bit stands in the table twice");
	TAP_EQ(wordless, 0, "each row says what it gives, each needed row what its absence costs");
	TAP_EQ(ARRAY_SIZE(shown), VMX_CAP_COUNT, "each row is shown once");
	for (i = 1; i < ARRAY_SIZE(shown); i++)
		order += caps_table[shown[i]].word < caps_table[shown[i - 1]].word;
	TAP_EQ(order, 0, "rows of a word are shown together, in the order of the words");
	for (i = VMX_MSR_FEATURE_CONTROL; i < VMX_MSR_COUNT; i++)
		order += vmx_msr_info[i].told_by >= i;
	TAP_EQ(order, 0, "each register is told of by an earlier one");
}

/* The answers that the i7-870's owner could not get. */
static const struct {
	enum vmx_cap cap;
	bool there;
} i7_870[] = {
	{ VMX_CAP_VMX, true },
	{ VMX_CAP_VMX_OUTSIDE_SMX, true },
	{ VMX_CAP_VMX_IN_SMX, true },
	{ VMX_CAP_LOCKED, true },
	{ VMX_CAP_MSR_BITMAPS, true },
	{ VMX_CAP_TPR_SHADOW, true },
	{ VMX_CAP_SECONDARY_CTLS, true },
	{ VMX_CAP_VIRT_APIC_ACCESS, true },
	{ VMX_CAP_PREEMPTION_TIMER, true },
	{ VMX_CAP_EPT, true },
	{ VMX_CAP_DESC_EXITING, true },
	{ VMX_CAP_VPID, true },
	{ VMX_CAP_EPT_2M, true },
	{ VMX_CAP_INVVPID_KEEP_GLOBAL, true },
	{ VMX_CAP_EXIT_LOAD_EFER, true },
	{ VMX_CAP_ENTRY_LOAD_EFER, true },
	{ VMX_CAP_POSTED_INTR, false },
	{ VMX_CAP_UNRESTRICTED_GUEST, false },
	{ VMX_CAP_PAUSE_LOOP_EXITING, false },
	{ VMX_CAP_VMCS_SHADOWING, false },
	{ VMX_CAP_EPT_VE, false },
	{ VMX_CAP_EPT_1G, false },
	{ VMX_CAP_EPT_AD, false },
	{ VMX_CAP_TERTIARY_CTLS, false },
	{ VMX_CAP_EPTP_SWITCHING, false },
};

static void test_i7_870(void)
{
	struct vmx_msrs m;
	struct vmx_caps caps;
	struct caps_reason why;
	char text[CAPS_TEXT];
	unsigned int i;

	if (!load("i7-870", &m))
		return;
	TAP_EQ(judge(&m, &caps, &why, text), 0, "kvmlet runs on an i7-870");
	for (i = 0; i < ARRAY_SIZE(i7_870); i++)
		TAP_EQ(caps_has(&caps, i7_870[i].cap), i7_870[i].there, "i7-870: %s: %s",
		       caps_table[i7_870[i].cap].name, i7_870[i].there ? "yes" : "no");
	CONTAINS(text, "runs with 11 losses", "i7-870: the verdict counts the losses");
	CONTAINS(text, "unrestricted guest", "i7-870: the verdict names unrestricted guest");
	TAP_EQ(caps.pin, 0x3f, "i7-870: pin-based controls");
	TAP_EQ(caps.proc, 0xb5206dfa, "i7-870: primary controls, CR3 exiting left out (TRUE MSR)");
	TAP_EQ(caps.proc2, 0x6a, "i7-870: secondary controls");
	TAP_EQ(caps.exit, 0x2b6fff, "i7-870: VM-exit controls");
	TAP_EQ(caps.entry, 0xd1ff, "i7-870: VM-entry controls");
	TAP_EQ(caps.revision, 0xe, "i7-870: VMCS revision");
	TAP_EQ(caps_field(&m, VMX_CAP_VMCS_SIZE), 0x400, "i7-870: VMCS size");
	TAP_EQ(caps_field(&m, VMX_CAP_TIMER_RATE), 5, "i7-870: preemption timer rate");
	TAP_EQ(caps.cr3_targets, 4, "i7-870: CR3-target values");
	TAP_EQ(caps_field(&m, VMX_CAP_MSR_LIST), 0, "i7-870: MSR list size code");
}

/* What the lab's models must say: errno, losses, and the first row missing or one of the losses. */
static const struct {
	const char *model;
	int error;
	unsigned int losses;
	enum vmx_cap names;
	bool unrestricted;
} models[] = {
	{ "core2_penryn_t9600", -EOPNOTSUPP, 15, VMX_CAP_EPT, false },
	{ "corei5_lynnfield_750", 0, 12, VMX_CAP_UNRESTRICTED_GUEST, false },
	{ "corei5_arrandale_m520", 0, 11, VMX_CAP_PAUSE_LOOP_EXITING, true },
	{ "corei7_sandy_bridge_2600k", 0, 11, VMX_CAP_EPT_1G, true },
	{ "corei7_ivy_bridge_3770k", 0, 11, VMX_CAP_EPT_AD, true },
	{ "corei7_haswell_4770", 0, 5, VMX_CAP_XSAVES, true },
	{ "broadwell_ult", 0, 5, VMX_CAP_PML, true },
	{ "corei7_skylake_x", 0, 2, VMX_CAP_MONITOR_TRAP, true },
	{ "corei3_cnl", 0, 5, VMX_CAP_VIRT_INTR_DELIVERY, true },
	{ "corei7_icelake_u", 0, 1, VMX_CAP_POSTED_INTR, true },
	{ "tigerlake", 0, 1, VMX_CAP_POSTED_INTR, true },
};

static void test_models(void)
{
	char text[CAPS_TEXT];
	struct vmx_msrs m;
	struct vmx_caps caps;
	struct caps_reason why;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(models); i++) {
		if (!load(models[i].model, &m))
			continue;
		TAP_EQ(judge(&m, &caps, &why, text), models[i].error, "%s: verdict",
		       models[i].model);
		TAP_EQ(why.losses, models[i].losses, "%s: number of losses", models[i].model);
		TAP_EQ(caps_has(&caps, VMX_CAP_UNRESTRICTED_GUEST), models[i].unrestricted,
		       "%s: unrestricted guest", models[i].model);
		CONTAINS(text, caps_table[models[i].names].name, "%s: the verdict names \"%s\"",
			 models[i].model, caps_table[models[i].names].name);
	}
}

static void test_penryn(void)
{
	char text[CAPS_TEXT];
	struct vmx_msrs m;
	struct vmx_caps caps;
	struct caps_reason why;

	if (!load("core2_penryn_t9600", &m))
		return;
	judge(&m, &caps, &why, text);
	TAP_EQ(why.cap, VMX_CAP_EPT, "Penryn: the first row missing is EPT");
	TAP_EQ(why.missing, 5, "Penryn: EPT and the loading of PAT and EFER are missing");
	CONTAINS(text, "no EPT", "Penryn: refused in the words \"no EPT\"");
	CONTAINS(text, "bit 33 of IA32_VMX_PROCBASED_CTLS2, MSR 0x48b",
		 "Penryn: the verdict names MSR and bit");
}

/* The mask of a row within the register that reports it. */
static u64 msr_mask(const struct caps_row *row)
{
	return GENMASK_ULL(row->width - 1, 0) << (row->bit + caps_word_info[row->word].shift);
}

/* A processor that has everything. */
static void full_machine(struct vmx_msrs *m)
{
	enum vmx_msr_id id;

	memset(m, 0, sizeof(*m));
	for (id = VMX_MSR_FEATURE_CONTROL; id < VMX_MSR_COUNT; id++)
		vmx_msr_set(m, id, ~0ULL << 32);
	vmx_msr_set(m, VMX_MSR_FEATURE_CONTROL, 5);
	vmx_msr_set(m, VMX_MSR_BASIC, BIT_ULL(55) | BIT_ULL(54) | 6ULL << 50 | 4096ULL << 32 | 1);
	vmx_msr_set(m, VMX_MSR_EPT_VPID_CAP, ~0ULL);
	vmx_msr_set(m, VMX_MSR_MISC, 0x7fffffff);
	vmx_msr_set(m, VMX_MSR_VMFUNC, ~0ULL);
	vmx_msr_set(m, VMX_MSR_PROCBASED3, ~0ULL);
	vmx_msr_set(m, VMX_MSR_EXIT2, ~0ULL);
	vmx_msr_set(m, VMX_MSR_CPUID_1_ECX, BIT(5));
}

static void test_full(void)
{
	char text[CAPS_TEXT];
	struct vmx_msrs m;
	struct vmx_caps caps;
	struct caps_reason why;
	unsigned int i, absent = 0;

	full_machine(&m);
	TAP_EQ(judge(&m, &caps, &why, text), 0, "a processor with everything runs kvmlet");
	TAP_EQ(why.verdict, CAPS_RUNS, "and loses nothing");
	for (i = 0; i < VMX_CAP_COUNT; i++)
		if (caps_table[i].need >= CAPS_OPTIONAL)
			absent += !caps_has(&caps, i);
	TAP_EQ(absent, 0, "and every row that kvmlet needs is there");
	TAP_EQ(caps.proc & 0x0840018004, 0, "controls that are switched are not set by default");
	TAP_EQ(caps.exit & BIT(15), 0, "interrupts are not acknowledged at exits");
	TAP_EQ(caps.proc & (BIT(19) | BIT(20)), 0, "no CR8 exiting with a TPR shadow");
	TAP_EQ(!!(caps.proc2 & BIT(0)) & !!(caps.proc2 & BIT(4)), 0,
	       "APIC accesses and x2APIC mode are not virtualized both");
}

/* Each required row cleared alone: refused, and by the name of just that row. */
static void test_mutations(void)
{
	char text[CAPS_TEXT], quoted[128];
	const struct caps_row *row;
	struct vmx_msrs m;
	struct vmx_caps caps;
	struct caps_reason why;
	unsigned int i;
	int ret;

	for (i = 0; i < VMX_CAP_COUNT; i++) {
		row = &caps_table[i];
		if (row->need < CAPS_REQUIRED || row->word == CAPS_CPUID)
			continue;
		full_machine(&m);
		m.value[caps_word_info[row->word].msr] ^= msr_mask(row);
		ret = judge(&m, &caps, &why, text);
		snprintf(quoted, sizeof(quoted), "\"%s\"", row->name);
		TAP_EQ(ret, -EOPNOTSUPP, "without %s kvmlet is refused", row->name);
		TAP_EQ(why.cap, i, "without %s that row is named", row->name);
		TAP_EQ(why.missing, 1, "without %s no other row is", row->name);
		CONTAINS(text, quoted, "without %s the verdict says so", row->name);
	}
}

static void test_optional_mutations(void)
{
	char text[CAPS_TEXT];
	const struct caps_row *row;
	struct vmx_msrs m;
	struct vmx_caps caps;
	struct caps_reason why;
	unsigned int i;

	for (i = 0; i < VMX_CAP_COUNT; i++) {
		row = &caps_table[i];
		if (row->need != CAPS_OPTIONAL && row->need != CAPS_OPTIONAL_SWITCHED)
			continue;
		full_machine(&m);
		m.value[caps_word_info[row->word].msr] &= ~msr_mask(row);
		TAP_EQ(judge(&m, &caps, &why, text), 0, "without %s kvmlet runs", row->name);
		CONTAINS(text, row->name, "without %s the verdict names the loss", row->name);
	}
}

/* { cleared, then this must not be usable either } */
static const struct {
	enum vmx_cap without;
	enum vmx_cap gone;
} rules[] = {
	{ VMX_CAP_NMI_EXITING, VMX_CAP_VIRTUAL_NMIS },
	{ VMX_CAP_NMI_EXITING, VMX_CAP_NMI_WINDOW },
	{ VMX_CAP_VIRTUAL_NMIS, VMX_CAP_NMI_WINDOW },
	{ VMX_CAP_TPR_SHADOW, VMX_CAP_APIC_REG_VIRT },
	{ VMX_CAP_TPR_SHADOW, VMX_CAP_VIRT_INTR_DELIVERY },
	{ VMX_CAP_TPR_SHADOW, VMX_CAP_VIRT_X2APIC },
	{ VMX_CAP_TPR_SHADOW, VMX_CAP_POSTED_INTR },
	{ VMX_CAP_TPR_SHADOW, VMX_CAP_IPI_VIRT },
	{ VMX_CAP_EXIT_ACK_INTR, VMX_CAP_POSTED_INTR },
	{ VMX_CAP_EPT, VMX_CAP_UNRESTRICTED_GUEST },
	{ VMX_CAP_EPT, VMX_CAP_PML },
	{ VMX_CAP_EPT, VMX_CAP_EPTP_SWITCHING },
	{ VMX_CAP_EPT_AD, VMX_CAP_PML },
	{ VMX_CAP_VM_FUNCTIONS, VMX_CAP_EPTP_SWITCHING },
	{ VMX_CAP_INVVPID, VMX_CAP_VPID },
	{ VMX_CAP_INVVPID_TYPE, VMX_CAP_VPID },
	{ VMX_CAP_VPID, VMX_CAP_INVVPID_SINGLE },
	{ VMX_CAP_PREEMPTION_TIMER, VMX_CAP_EXIT_SAVE_TIMER },
	{ VMX_CAP_SECONDARY_CTLS, VMX_CAP_EPT },
	{ VMX_CAP_SECONDARY_CTLS, VMX_CAP_EPT_WALK_4 },
	{ VMX_CAP_TERTIARY_CTLS, VMX_CAP_IPI_VIRT },
	{ VMX_CAP_EXIT_SECONDARY, VMX_CAP_EXIT2_SAVE_FRED },
};

static void test_rules(void)
{
	const struct caps_row *row;
	struct vmx_msrs m;
	struct vmx_caps caps;
	struct caps_reason why;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		full_machine(&m);
		row = &caps_table[rules[i].without];
		m.value[caps_word_info[row->word].msr] &= ~msr_mask(row);
		caps_verdict(&m, &caps, &why);
		TAP_EQ(caps_has(&caps, rules[i].gone), false, "without %s no %s", row->name,
		       caps_table[rules[i].gone].name);
	}
	full_machine(&m);
	m.value[VMX_MSR_PROCBASED] &= ~BIT_ULL(32 + 21);
	caps_verdict(&m, &caps, &why);
	TAP_EQ(caps.proc & 0x380000, 0x180000, "without a TPR shadow, CR8 accesses exit");
	full_machine(&m);
	m.value[VMX_MSR_EPT_VPID_CAP] &= ~BIT_ULL(20 + 12);
	caps_verdict(&m, &caps, &why);
	TAP_EQ(caps.proc2 & BIT(5), 0, "without INVVPID the VPID control is not set");
	TAP_EQ(why.losses, 1, "and that is one loss, not one for each of its kinds");
}

static void test_true_registers(void)
{
	struct vmx_msrs m;
	struct vmx_caps caps;
	struct caps_reason why;

	full_machine(&m);
	m.value[VMX_MSR_PROCBASED] |= 0x0401e172;
	m.value[VMX_MSR_TRUE_PROCBASED] |= 0x04006172;
	caps_verdict(&m, &caps, &why);
	TAP_EQ(caps.proc & 0x18000, 0, "the TRUE register lets CR3 accesses run without an exit");
	TAP_EQ(caps_forced(&caps, VMX_CAP_CR3_LOAD_EXITING), false, "and says so");
	m.value[VMX_MSR_BASIC] &= ~BIT_ULL(55);
	TAP_EQ(caps_verdict(&m, &caps, &why), 0, "without TRUE registers kvmlet runs");
	TAP_EQ(caps.proc & 0x18000, 0x18000, "and CR3 accesses exit");
	TAP_EQ(caps_forced(&caps, VMX_CAP_CR3_LOAD_EXITING), true, "and the row says always");
}

static void test_locked(void)
{
	char text[CAPS_TEXT];
	struct vmx_msrs m;
	struct vmx_caps caps;
	struct caps_reason why;
	u64 value;

	for (value = 0; value < 8; value++) {
		full_machine(&m);
		m.value[VMX_MSR_FEATURE_CONTROL] = value;
		TAP_EQ(judge(&m, &caps, &why, text), (value & 5) == 1 ? -EPERM : 0,
		       "IA32_FEATURE_CONTROL %llu: %s", (unsigned long long)value,
		       (value & 5) == 1 ? "locked off" : "VT-x can be used");
		if ((value & 5) == 1)
			CONTAINS(text, "bit 2 (VMX outside SMX operation) is clear",
				 "IA32_FEATURE_CONTROL %llu: the verdict names the bit",
				 (unsigned long long)value);
	}
}

static void test_no_vmx(void)
{
	char text[CAPS_TEXT];
	struct vmx_msrs m;
	struct vmx_caps caps;
	struct caps_reason why;

	memset(&m, 0, sizeof(m));
	vmx_msr_set(&m, VMX_MSR_CPUID_0_EBX, 0x756e6547);
	vmx_msr_set(&m, VMX_MSR_CPUID_1_ECX, 0);
	TAP_EQ(judge(&m, &caps, &why, text), -ENODEV, "CPUID without VMX: no device");
	CONTAINS(text, "CPUID.1:ECX", "CPUID without VMX: the verdict names the bit");
	vmx_msr_set(&m, VMX_MSR_CPUID_0_EBX, 0x68747541);
	judge(&m, &caps, &why, text);
	CONTAINS(text, "AMD", "on an AMD processor the verdict says so");
}

static void test_explain_bounds(void)
{
	char text[CAPS_TEXT + 1];
	struct vmx_msrs m;
	struct vmx_caps caps;
	struct caps_reason why;
	size_t size;
	int broken = 0;

	full_machine(&m);
	m.value[VMX_MSR_PROCBASED2] = 0x0000008200000000;
	m.value[VMX_MSR_EPT_VPID_CAP] = 0x6104040;
	m.value[VMX_MSR_PINBASED] = 0x2900000000;
	TAP_EQ(caps_verdict(&m, &caps, &why), 0, "the barest processor still runs kvmlet");
	for (size = 1; size <= CAPS_TEXT; size++) {
		memset(text, 'x', sizeof(text));
		caps_explain(&why, text, size);
		broken += text[size] != 'x' || strlen(text) >= size;
	}
	TAP_EQ(broken, 0, "a text too long for its buffer is cut within it");
	caps_explain(&why, text, 100);
	TAP_EQ(strcmp(text + 96, "..."), 0, "and says that it was cut");
}

static void test_difference(void)
{
	struct vmx_msrs a, b;

	full_machine(&a);
	full_machine(&b);
	TAP_EQ(caps_first_difference(&a, &b), -1, "equal processors do not differ");
	b.value[VMX_MSR_FEATURE_CONTROL] = 4;
	TAP_EQ(caps_first_difference(&a, &b), -1, "an unlocked CPU may be enabled like the others");
	b.value[VMX_MSR_FEATURE_CONTROL] = 1;
	TAP_EQ(caps_first_difference(&a, &b), VMX_MSR_FEATURE_CONTROL, "a locked-off CPU differs");
	full_machine(&b);
	b.value[VMX_MSR_EPT_VPID_CAP] ^= BIT_ULL(17);
	b.value[VMX_MSR_VMFUNC] = 0;
	TAP_EQ(caps_first_difference(&a, &b), VMX_MSR_EPT_VPID_CAP,
	       "the first difference is named");
	full_machine(&b);
	b.value[VMX_MSR_CPUID_1_ECX] = 0;
	TAP_EQ(caps_first_difference(&a, &b), VMX_MSR_CPUID_1_ECX, "a CPU without VT-x differs");
}

#define MINIMAL								\
	"IA32_FEATURE_CONTROL 5\nIA32_VMX_BASIC 18040000000001\n"	\
	"IA32_VMX_PINBASED_CTLS 7f00000016\nIA32_VMX_EXIT_CTLS 7fffff00036dff\n" \
	"IA32_VMX_ENTRY_CTLS ffff000011ff\nIA32_VMX_MISC 401c5\n"

static const struct {
	const char *name;
	const char *text;
	const char *error;	/* NULL: it is a dump */
} dumps[] = {
	{ "smallest dump", MINIMAL "IA32_VMX_PROCBASED_CTLS 77f9fffe0401e172\n", NULL },
	{ "comments, empty lines, spaces, CRLF and no last newline",
	  "# x\r\n\r\n \t" MINIMAL "  IA32_VMX_PROCBASED_CTLS\t77f9fffe0401e172", NULL },
	{ "no VT-x", "CPUID_1_ECX 0\n", NULL },
	{ "empty file", "",
	  "d: IA32_FEATURE_CONTROL is missing; every processor with VT-x has it" },
	{ "a register that must exist is missing", MINIMAL,
	  "d: IA32_VMX_PROCBASED_CTLS is missing" },
	{ "a register that another tells of is missing",
	  MINIMAL "IA32_VMX_PROCBASED_CTLS f7f9fffe0401e172\n",
	  "d: IA32_VMX_PROCBASED_CTLS2 is missing; IA32_VMX_PROCBASED_CTLS says" },
	{ "unknown name", "IA32_EFER 500\n", "d:1: unknown register name" },
	{ "lower case", "ia32_vmx_basic 1\n", "d:1: unknown register name" },
	{ "name alone", "# x\nIA32_VMX_BASIC\n", "d:2: no value after the name" },
	{ "prefix", "IA32_VMX_BASIC 0x12\n", "d:1: the value is not" },
	{ "sign", "IA32_VMX_BASIC -1\n", "d:1: the value is not" },
	{ "17 digits", "IA32_VMX_BASIC 12345678123456781\n", "d:1: the value is not" },
	{ "not a number", "IA32_VMX_BASIC #GP\n", "d:1: the value is not" },
	{ "a third word", "IA32_VMX_BASIC 1 2\n", "d:1: more than a name and a value" },
	{ "a register twice", "IA32_VMX_MISC 1\nIA32_VMX_MISC 1\n", "d:2: this register stood" },
};

static void test_dumps(void)
{
	char err[512], copy[1024];
	struct vmx_msrs m;
	unsigned int i;
	FILE *in;
	int ret;

	for (i = 0; i < ARRAY_SIZE(dumps); i++) {
		snprintf(copy, sizeof(copy), "%s", dumps[i].text);
		in = fmemopen(copy, strlen(copy) ?: 1, "r");
		if (!*copy)
			fgetc(in);
		err[0] = '\0';
		ret = caps_dump_read(in, "d", &m, err, sizeof(err));
		fclose(in);
		TAP_EQ(ret, dumps[i].error ? -EINVAL : 0, "dump: %s: %s", dumps[i].name,
		       dumps[i].error ? "refused" : "read");
		if (dumps[i].error)
			CONTAINS(err, dumps[i].error, "dump: %s: the error says it", dumps[i].name);
	}
}

static void test_broken_dumps(void)
{
	static char line[600];
	char nul[] = "IA32_VMX_BASIC 1\n\0\nIA32_VMX_MISC 1\n", err[512];
	struct vmx_msrs m;
	FILE *in;

	memset(line, 'A', sizeof(line));
	in = fmemopen(line, sizeof(line), "r");
	TAP_EQ(caps_dump_read(in, "d", &m, err, sizeof(err)), -EINVAL,
	       "dump: endless line: refused");
	CONTAINS(err, "d:1: not a line of text", "dump: endless line: the error says it");
	fclose(in);
	in = fmemopen(nul, sizeof(nul) - 1, "r");
	TAP_EQ(caps_dump_read(in, "d", &m, err, sizeof(err)), -EINVAL, "dump: NUL byte: refused");
	CONTAINS(err, "d:2: not a line of text", "dump: NUL byte: the error says it");
	fclose(in);
}

static void test_round_trip(void)
{
	char text[4096], err[512];
	struct vmx_msrs m, again;
	FILE *file;

	if (!load("tigerlake", &m))
		return;
	file = fmemopen(text, sizeof(text), "w+");
	caps_dump_write(file, &m);
	rewind(file);
	TAP_EQ(caps_dump_read(file, "d", &again, err, sizeof(err)), 0,
	       "a written dump can be read");
	TAP_EQ(memcmp(&m, &again, sizeof(m)), 0, "and says the same");
	fclose(file);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		vectors = argv[1];
	tap_begin();
	test_formula();
	test_table();
	test_i7_870();
	test_models();
	test_penryn();
	test_full();
	test_mutations();
	test_optional_mutations();
	test_rules();
	test_true_registers();
	test_locked();
	test_no_vmx();
	test_explain_bounds();
	test_difference();
	test_dumps();
	test_broken_dumps();
	test_round_trip();
	return tap_end();
}
