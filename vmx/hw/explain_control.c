// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of VM entry for control fields, most of them as tables. Pure computation.
 * SDM vol. 3C, 26.2.1.
 */
#include "vmx/hw/explain_internal.h"

#define EXECUTION	"26.2.1.1"
#define EXIT		"26.2.1.2"
#define ENTRY		"26.2.1.3"

static const struct {
	struct explain_field field;
	const char *section;
} words[CAPS_WORD_COUNT] = {
	[CAPS_PIN] = { FIELD(PIN_BASED_VM_EXEC_CONTROL), EXECUTION },
	[CAPS_PROC] = { FIELD(CPU_BASED_VM_EXEC_CONTROL), EXECUTION },
	[CAPS_PROC2] = { FIELD(SECONDARY_VM_EXEC_CONTROL), EXECUTION },
	[CAPS_PROC3] = { FIELD(TERTIARY_VM_EXEC_CONTROL), EXECUTION },
	[CAPS_EXIT] = { FIELD(VM_EXIT_CONTROLS), EXIT },
	[CAPS_ENTRY] = { FIELD(VM_ENTRY_CONTROLS), ENTRY },
};

static const struct explain_row rows[] = {
	{ EXECUTION, VMX_CAP_IO_BITMAPS, EXPLAIN_ADDRESS, FIELD(IO_BITMAP_A), 0xfff },
	{ EXECUTION, VMX_CAP_IO_BITMAPS, EXPLAIN_ADDRESS, FIELD(IO_BITMAP_B), 0xfff },
	{ EXECUTION, VMX_CAP_MSR_BITMAPS, EXPLAIN_ADDRESS, FIELD(MSR_BITMAP), 0xfff },
	{ EXECUTION, VMX_CAP_TPR_SHADOW, EXPLAIN_ADDRESS, FIELD(VIRTUAL_APIC_PAGE_ADDR), 0xfff },
	{ EXECUTION, VMX_CAP_VIRT_APIC_ACCESS, EXPLAIN_ADDRESS, FIELD(APIC_ACCESS_ADDR), 0xfff },
	{ EXECUTION, VMX_CAP_POSTED_INTR, EXPLAIN_ADDRESS, FIELD(POSTED_INTR_DESC_ADDR), 0x3f },
	{ EXECUTION, VMX_CAP_PML, EXPLAIN_ADDRESS, FIELD(PML_ADDRESS), 0xfff },
	{ EXECUTION, VMX_CAP_VMCS_SHADOWING, EXPLAIN_ADDRESS, FIELD(VMREAD_BITMAP), 0xfff },
	{ EXECUTION, VMX_CAP_VMCS_SHADOWING, EXPLAIN_ADDRESS, FIELD(VMWRITE_BITMAP), 0xfff },
	{ EXECUTION, VMX_CAP_POSTED_INTR, EXPLAIN_BITS, FIELD(POSTED_INTR_NV), 0xff },
	{ EXECUTION, VMX_CAP_VPID, EXPLAIN_NOT_0, FIELD(VIRTUAL_PROCESSOR_ID), 0 },
	{ EXECUTION, VMX_CAP_TSC_SCALING, EXPLAIN_NOT_0, FIELD(TSC_MULTIPLIER), 0 },
};

static const struct {
	struct explain_field count, address;
	const char *section;
} msr_areas[] = {
	{ FIELD(VM_EXIT_MSR_STORE_COUNT), FIELD(VM_EXIT_MSR_STORE_ADDR), EXIT },
	{ FIELD(VM_EXIT_MSR_LOAD_COUNT), FIELD(VM_EXIT_MSR_LOAD_ADDR), EXIT },
	{ FIELD(VM_ENTRY_MSR_LOAD_COUNT), FIELD(VM_ENTRY_MSR_LOAD_ADDR), ENTRY },
};

static const char *control_name(unsigned int word, unsigned int bit)
{
	unsigned int i;

	for (i = 0; i < VMX_CAP_COUNT; i++)
		if (caps_table[i].word == word && caps_table[i].bit == bit)
			return caps_table[i].name;
	return "unused";
}

/* Each control must be as the capability registers allow it. */
static void check_word(struct explain *e, unsigned int word)
{
	u64 must = e->source->caps->must[word], may = e->source->caps->may[word];
	unsigned int bit;

	e->section = words[word].section;
	for (bit = 0; bit < 64; bit++) {
		bool want = must >> bit & 1, is = e->word[word] >> bit & 1;

		explain_rule(e, is == want || (is && (may >> bit & 1)), words[word].field,
			     "bit %u (%s) must be %d", bit, control_name(word, bit), want);
	}
}

static void check_words(struct explain *e)
{
	unsigned int word;

	/* A word that is not activated is not looked at. */
	for (word = 0; word < CAPS_WORD_COUNT; word++)
		if (words[word].section &&
		    (e->word[word] || (word != CAPS_PROC2 && word != CAPS_PROC3)))
			check_word(e, word);
}

/* A control that is 1 and another that must then be 1, or 0. */
static void check_pair(struct explain *e, enum vmx_cap cap, enum vmx_cap other, bool want)
{
	unsigned int word = caps_table[cap].word;

	e->section = words[word].section;
	explain_rule(e, !explain_on(e, cap) || explain_on(e, other) == want, words[word].field,
		     "\"%s\" needs \"%s\" to be %d", caps_table[cap].name,
		     caps_table[other].name, want);
}

static void check_pairs(struct explain *e)
{
	unsigned int i;

	for (i = 0; i < caps_nr_pairs; i++)
		if (caps_pairs[i].checked)
			check_pair(e, caps_pairs[i].cap, caps_pairs[i].needs, true);
	check_pair(e, VMX_CAP_VIRT_X2APIC, VMX_CAP_VIRT_APIC_ACCESS, false);
	check_pair(e, VMX_CAP_ENTRY_SMM, VMX_CAP_ENTRY_DEACT_DUAL, false);
}

static void check_msr_areas(struct explain *e)
{
	u64 count, address;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msr_areas); i++) {
		count = explain_get(e, msr_areas[i].count.encoding);
		if (!count)
			continue;
		e->section = msr_areas[i].section;
		explain_address(e, msr_areas[i].address, 0xf);
		address = explain_get(e, msr_areas[i].address.encoding);
		explain_rule(e, (address & explain_beyond(e)) ||
			     !((address + count * 16 - 1) & explain_beyond(e)),
			     msr_areas[i].count, "the area's last byte must be below 2^%u",
			     e->source->physical_bits);
	}
}

static void check_eptp(struct explain *e)
{
	u64 eptp = explain_get(e, EPT_POINTER), reserved = 0xf00;
	const struct explain_field field = FIELD(EPT_POINTER);
	unsigned int type = eptp & 7, levels = (eptp >> 3 & 7) + 1;

	explain_rule(e, type == 0 ? explain_can(e, VMX_CAP_EPT_UC) :
		     type == 6 && explain_can(e, VMX_CAP_EPT_WB), field,
		     "bits 2:0 must be a memory type of IA32_VMX_EPT_VPID_CAP");
	explain_rule(e, levels == 4 || (levels == 5 && explain_can(e, VMX_CAP_EPT_WALK_5)), field,
		     "bits 5:3 must be a page-walk length minus 1");
	if (!explain_can(e, VMX_CAP_EPT_AD))
		reserved |= BIT(6);
	if (!explain_can(e, VMX_CAP_EPT_SHADOW_STACK))
		reserved |= BIT(7);
	explain_address(e, field, reserved);
}

static void check_functions(struct explain *e)
{
	explain_bits(e, FIELD(VM_FUNCTION_CONTROL), 0, e->source->caps->may[CAPS_VMFUNC]);
	if (!(explain_get(e, VM_FUNCTION_CONTROL) & 1))
		return;
	explain_rule(e, explain_on(e, VMX_CAP_EPT), FIELD(VM_FUNCTION_CONTROL),
		     "\"EPTP switching\" needs \"enable EPT\" to be 1");
	explain_address(e, FIELD(EPTP_LIST_ADDRESS), 0xfff);
}

static void check_execution(struct explain *e)
{
	unsigned int targets = e->source->caps->cr3_targets;

	if (explain_on(e, VMX_CAP_TPR_SHADOW) && !explain_on(e, VMX_CAP_VIRT_INTR_DELIVERY))
		explain_bits(e, FIELD(TPR_THRESHOLD), 0, 0xf);
	if (explain_on(e, VMX_CAP_EPT))
		check_eptp(e);
	explain_rule(e, explain_get(e, CR3_TARGET_COUNT) <= targets, FIELD(CR3_TARGET_COUNT),
		     "must be at most %u", targets);
	if (explain_on(e, VMX_CAP_VM_FUNCTIONS))
		check_functions(e);
}

/* The exceptions that have an error code: #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP. */
#define WITH_ERROR	(BIT(8) | GENMASK(14, 10) | BIT(17) | BIT(21))

static void check_event_error(struct explain *e, struct explain_field field, u64 info)
{
	bool has = info & INTR_INFO_DELIVER_CODE_MASK, exception = e->event == EVENT_EXCEPTION;
	bool real = !e->restricted && !(e->cr0 & X86_CR0_PE);

	if (!exception || real)
		explain_rule(e, !has, field,
			     "bit 11 must be 0: no error code in real mode or without exception");
	else if (!explain_can(e, VMX_CAP_HW_EXC_NO_ERROR))
		explain_rule(e, has == (e->vector < 32 && (WITH_ERROR >> e->vector & 1)), field,
			     "bit 11 must be %d: the vector's error code", !has);
	if (has)
		explain_bits(e, FIELD(VM_ENTRY_EXCEPTION_ERROR_CODE), 0, 0xffff);
}

static void check_event(struct explain *e)
{
	const struct explain_field field = FIELD(VM_ENTRY_INTR_INFO_FIELD);
	u64 length = explain_get(e, VM_ENTRY_INSTRUCTION_LEN);

	explain_rule(e, e->event != EVENT_RESERVED, field, "type 1 is reserved");
	explain_rule(e, e->event != EVENT_OTHER || explain_can(e, VMX_CAP_MONITOR_TRAP), field,
		     "type 7 needs \"monitor trap flag\"");
	explain_rule(e, e->event != EVENT_NMI || e->vector == 2, field,
		     "an NMI's vector must be 2");
	explain_rule(e, e->event != EVENT_EXCEPTION || e->vector < 32, field,
		     "an exception's vector must be at most 31");
	explain_rule(e, e->event != EVENT_OTHER || !e->vector, field,
		     "the vector of type 7 must be 0");
	explain_bits(e, field, 0, 0x80000fff);
	check_event_error(e, field, explain_get(e, VM_ENTRY_INTR_INFO_FIELD));
	if (e->event >= EVENT_SOFT_INTERRUPT && e->event <= EVENT_SOFT_EXCEPTION)
		explain_rule(e, length <= 15 && (length || explain_can(e, VMX_CAP_ZERO_LEN_INJECT)),
			     FIELD(VM_ENTRY_INSTRUCTION_LEN), "must be an instruction's length");
}

/**
 * explain_controls() - the rules for control fields
 * @e:		the explanation
 */
void explain_controls(struct explain *e)
{
	check_words(e);
	check_pairs(e);
	explain_rows(e, rows, ARRAY_SIZE(rows));
	check_msr_areas(e);
	e->section = EXECUTION;
	check_execution(e);
	e->section = ENTRY;
	if (e->event != EVENT_NONE)
		check_event(e);
	explain_rule(e, !explain_on(e, VMX_CAP_ENTRY_SMM) &&
		     !explain_on(e, VMX_CAP_ENTRY_DEACT_DUAL), FIELD(VM_ENTRY_CONTROLS),
		     "bits 10 and 11 must be 0 outside SMM");
}
