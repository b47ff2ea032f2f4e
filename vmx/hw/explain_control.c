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
	u8 word;
	u32 field;
	const char *section;
} words[] = {
	{ CAPS_PIN, PIN_BASED_VM_EXEC_CONTROL, EXECUTION },
	{ CAPS_PROC, CPU_BASED_VM_EXEC_CONTROL, EXECUTION },
	{ CAPS_PROC2, SECONDARY_VM_EXEC_CONTROL, EXECUTION },
	{ CAPS_PROC3, TERTIARY_VM_EXEC_CONTROL, EXECUTION },
	{ CAPS_EXIT, VM_EXIT_CONTROLS, EXIT },
	{ CAPS_ENTRY, VM_ENTRY_CONTROLS, ENTRY },
};

/* A control that is 1 and another that must then be 1, or 0. */
static const struct {
	u8 cap, other;
	bool want;
} pairs[] = {
#define NEEDS(a, b)	{ VMX_CAP_##a, VMX_CAP_##b, true }
#define EXCLUDES(a, b)	{ VMX_CAP_##a, VMX_CAP_##b, false }
	NEEDS(VIRTUAL_NMIS, NMI_EXITING),
	NEEDS(NMI_WINDOW, VIRTUAL_NMIS),
	NEEDS(VIRT_X2APIC, TPR_SHADOW),
	NEEDS(APIC_REG_VIRT, TPR_SHADOW),
	NEEDS(VIRT_INTR_DELIVERY, TPR_SHADOW),
	NEEDS(IPI_VIRT, TPR_SHADOW),
	EXCLUDES(VIRT_X2APIC, VIRT_APIC_ACCESS),
	NEEDS(VIRT_INTR_DELIVERY, EXTINT_EXITING),
	NEEDS(POSTED_INTR, VIRT_INTR_DELIVERY),
	NEEDS(POSTED_INTR, EXIT_ACK_INTR),
	NEEDS(UNRESTRICTED_GUEST, EPT),
	NEEDS(PML, EPT),
	NEEDS(MBEC, EPT),
	NEEDS(SUB_PAGE_WRITE, EPT),
	NEEDS(PT_USE_GPA, EPT),
	NEEDS(PT_USE_GPA, ENTRY_LOAD_RTIT),
	NEEDS(PT_USE_GPA, EXIT_CLEAR_RTIT),
	NEEDS(EXIT_SAVE_TIMER, PREEMPTION_TIMER),
	EXCLUDES(ENTRY_SMM, ENTRY_DEACT_DUAL),
#undef NEEDS
#undef EXCLUDES
};

/* A field that must hold an aligned physical address when a control is 1. */
static const struct {
	u8 cap;
	u32 field;
	u32 low;
} addresses[] = {
	{ VMX_CAP_IO_BITMAPS, IO_BITMAP_A, 0xfff },
	{ VMX_CAP_IO_BITMAPS, IO_BITMAP_B, 0xfff },
	{ VMX_CAP_MSR_BITMAPS, MSR_BITMAP, 0xfff },
	{ VMX_CAP_TPR_SHADOW, VIRTUAL_APIC_PAGE_ADDR, 0xfff },
	{ VMX_CAP_VIRT_APIC_ACCESS, APIC_ACCESS_ADDR, 0xfff },
	{ VMX_CAP_POSTED_INTR, POSTED_INTR_DESC_ADDR, 0x3f },
	{ VMX_CAP_PML, PML_ADDRESS, 0xfff },
	{ VMX_CAP_VMCS_SHADOWING, VMREAD_BITMAP, 0xfff },
	{ VMX_CAP_VMCS_SHADOWING, VMWRITE_BITMAP, 0xfff },
};

static const struct {
	u32 count, address;
	const char *section;
} msr_areas[] = {
	{ VM_EXIT_MSR_STORE_COUNT, VM_EXIT_MSR_STORE_ADDR, EXIT },
	{ VM_EXIT_MSR_LOAD_COUNT, VM_EXIT_MSR_LOAD_ADDR, EXIT },
	{ VM_ENTRY_MSR_LOAD_COUNT, VM_ENTRY_MSR_LOAD_ADDR, ENTRY },
};

static u32 field_of(unsigned int word)
{
	unsigned int i;

	for (i = 0; words[i].word != word; i++)
		;
	return words[i].field;
}

static const char *section_of(unsigned int word)
{
	return word == CAPS_ENTRY ? ENTRY : word == CAPS_EXIT ? EXIT : EXECUTION;
}

static const char *control_name(unsigned int word, unsigned int bit)
{
	unsigned int i;

	for (i = 0; i < VMX_CAP_COUNT; i++)
		if (caps_table[i].word == word && caps_table[i].bit == bit)
			return caps_table[i].name;
	return "reserved";
}

/* Each control must be as the capability registers allow it. */
static void check_word(struct explain *e, unsigned int i)
{
	unsigned int bit, word = words[i].word;
	u64 must = e->source->caps->must[word], may = e->source->caps->may[word];

	/* A word that is not activated is not looked at. */
	if (!e->word[word] && (word == CAPS_PROC2 || word == CAPS_PROC3))
		return;
	for (bit = 0; bit < 64; bit++) {
		bool want = must >> bit & 1, is = e->word[word] >> bit & 1;

		explain_rule(e, is == want || (is && (may >> bit & 1)), words[i].field,
			     words[i].section, "bit %u (%s) must be %d", bit,
			     control_name(word, bit), want);
	}
}

static void check_pairs(struct explain *e)
{
	unsigned int i, word;

	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		word = caps_table[pairs[i].cap].word;
		explain_rule(e, !explain_on(e, pairs[i].cap) ||
			     explain_on(e, pairs[i].other) == pairs[i].want,
			     field_of(word), section_of(word), "\"%s\" needs \"%s\" to be %d",
			     caps_table[pairs[i].cap].name, caps_table[pairs[i].other].name,
			     pairs[i].want);
	}
}

static void check_addresses(struct explain *e)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(addresses); i++)
		if (explain_on(e, addresses[i].cap))
			explain_address(e, addresses[i].field, EXECUTION, addresses[i].low);
}

static void check_msr_areas(struct explain *e)
{
	u64 count, address;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msr_areas); i++) {
		count = explain_get(e, msr_areas[i].count);
		if (!count)
			continue;
		explain_address(e, msr_areas[i].address, msr_areas[i].section, 0xf);
		address = explain_get(e, msr_areas[i].address);
		explain_rule(e, (address & explain_beyond(e)) ||
			     !((address + count * 16 - 1) & explain_beyond(e)),
			     msr_areas[i].count, msr_areas[i].section,
			     "the area's last byte must be below 2^%u",
			     e->source->physical_bits);
	}
}

static void check_apic(struct explain *e)
{
	if (explain_on(e, VMX_CAP_TPR_SHADOW) && !explain_on(e, VMX_CAP_VIRT_INTR_DELIVERY))
		explain_bits(e, TPR_THRESHOLD, EXECUTION, 0, 0xf);
	if (explain_on(e, VMX_CAP_POSTED_INTR))
		explain_bits(e, POSTED_INTR_NV, EXECUTION, 0, 0xff);
}

static bool eptp_type_valid(const struct explain *e, u64 eptp)
{
	switch (eptp & 7) {
	case 0:
		return explain_can(e, VMX_CAP_EPT_UC);
	case 6:
		return explain_can(e, VMX_CAP_EPT_WB);
	}
	return false;
}

static void check_eptp(struct explain *e)
{
	u64 eptp, reserved = 0xf00 | explain_beyond(e);

	if (!explain_on(e, VMX_CAP_EPT))
		return;
	eptp = explain_get(e, EPT_POINTER);
	explain_rule(e, eptp_type_valid(e, eptp), EPT_POINTER, EXECUTION,
		     "bits 2:0 must be a memory type of IA32_VMX_EPT_VPID_CAP");
	explain_rule(e, (eptp >> 3 & 7) == 3 ||
		     ((eptp >> 3 & 7) == 4 && explain_can(e, VMX_CAP_EPT_WALK_5)),
		     EPT_POINTER, EXECUTION, "bits 5:3 must be a page-walk length minus 1");
	if (!explain_can(e, VMX_CAP_EPT_AD))
		reserved |= BIT(6);
	if (!explain_can(e, VMX_CAP_EPT_SHADOW_STACK))
		reserved |= BIT(7);
	explain_bits(e, EPT_POINTER, EXECUTION, 0, ~reserved);
}

static void check_values(struct explain *e)
{
	unsigned int targets = e->source->caps->cr3_targets;

	explain_rule(e, explain_get(e, CR3_TARGET_COUNT) <= targets, CR3_TARGET_COUNT, EXECUTION,
		     "must be at most %u", targets);
	if (explain_on(e, VMX_CAP_VPID))
		explain_rule(e, explain_get(e, VIRTUAL_PROCESSOR_ID), VIRTUAL_PROCESSOR_ID,
			     EXECUTION, "must not be 0");
	if (explain_on(e, VMX_CAP_TSC_SCALING))
		explain_rule(e, explain_get(e, TSC_MULTIPLIER), TSC_MULTIPLIER, EXECUTION,
			     "must not be 0");
	if (!explain_on(e, VMX_CAP_VM_FUNCTIONS))
		return;
	explain_bits(e, VM_FUNCTION_CONTROL, EXECUTION, 0, e->source->caps->may[CAPS_VMFUNC]);
	if (!(explain_get(e, VM_FUNCTION_CONTROL) & 1))
		return;
	explain_rule(e, explain_on(e, VMX_CAP_EPT), VM_FUNCTION_CONTROL, EXECUTION,
		     "\"EPTP switching\" needs \"enable EPT\" to be 1");
	explain_address(e, EPTP_LIST_ADDRESS, EXECUTION, 0xfff);
}

/* The exceptions that have an error code: #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP. */
#define WITH_ERROR	(BIT(8) | GENMASK(14, 10) | BIT(17) | BIT(21))

static void check_event_error(struct explain *e, u64 info)
{
	const u32 field = VM_ENTRY_INTR_INFO_FIELD;
	bool has = info & EVENT_HAS_ERROR, exception = e->event == EVENT_EXCEPTION;
	bool real = !e->restricted && !(e->cr0 & X86_CR0_PE);

	if (!exception || real)
		explain_rule(e, !has, field, ENTRY,
			     "bit 11 must be 0: no error code in real mode or without exception");
	else if (!explain_can(e, VMX_CAP_HW_EXC_NO_ERROR))
		explain_rule(e, has == (e->vector < 32 && (WITH_ERROR >> e->vector & 1)), field,
			     ENTRY, "bit 11 must be %d: the vector's error code", !has);
	if (has)
		explain_bits(e, VM_ENTRY_EXCEPTION_ERROR_CODE, ENTRY, 0, 0xffff);
}

static void check_event(struct explain *e)
{
	const u32 field = VM_ENTRY_INTR_INFO_FIELD;
	u64 info = explain_get(e, field), length;

	if (e->event == EVENT_NONE)
		return;
	explain_rule(e, e->event != EVENT_RESERVED, field, ENTRY, "type 1 is reserved");
	explain_rule(e, e->event != EVENT_OTHER || explain_can(e, VMX_CAP_MONITOR_TRAP), field,
		     ENTRY, "type 7 needs \"monitor trap flag\"");
	explain_rule(e, e->event != EVENT_NMI || e->vector == 2, field, ENTRY,
		     "an NMI's vector must be 2");
	explain_rule(e, e->event != EVENT_EXCEPTION || e->vector < 32, field, ENTRY,
		     "an exception's vector must be at most 31");
	explain_rule(e, e->event != EVENT_OTHER || !e->vector, field, ENTRY,
		     "the vector of type 7 must be 0");
	explain_bits(e, field, ENTRY, 0, 0x80000fff);
	check_event_error(e, info);
	if (e->event < EVENT_SOFT_INTERRUPT || e->event > EVENT_SOFT_EXCEPTION)
		return;
	length = explain_get(e, VM_ENTRY_INSTRUCTION_LEN);
	explain_rule(e, length <= 15 && (length || explain_can(e, VMX_CAP_ZERO_LEN_INJECT)),
		     VM_ENTRY_INSTRUCTION_LEN, ENTRY, "must be an instruction's length");
}

/**
 * explain_controls() - the rules for control fields
 * @e:		the explanation
 */
void explain_controls(struct explain *e)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		check_word(e, i);
	check_pairs(e);
	check_addresses(e);
	check_msr_areas(e);
	check_apic(e);
	check_eptp(e);
	check_values(e);
	check_event(e);
	explain_rule(e, !explain_on(e, VMX_CAP_ENTRY_SMM) &&
		     !explain_on(e, VMX_CAP_ENTRY_DEACT_DUAL), VM_ENTRY_CONTROLS, ENTRY,
		     "bits 10 and 11 must be 0 outside SMM");
}
