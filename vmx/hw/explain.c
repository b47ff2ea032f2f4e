// SPDX-License-Identifier: GPL-2.0
/*
 * Explains a refused VM entry: what all rules share, the order in which they are applied, and
 * the words. The rules are in explain_control.c, explain_host.c, explain_guest.c and
 * explain_segment.c. Pure computation on the caller's structures: no lock, no hardware.
 * SDM vol. 3C, 26.2, 26.3, 30.4 (VM-instruction errors).
 *
 * Not checked, because no field tells it: what memory holds (the virtual APIC's TPR, the VMCS
 * of the link pointer, MSR areas), and the state of SMM.
 */
#include "vmx/hw/explain_internal.h"

/**
 * explain_rule() - state a rule, and report it if it is broken
 * @e:		the explanation
 * @holds:	does it hold?
 * @field:	the field that is wrong if not
 * @words:	the rule, a format
 */
void explain_rule(struct explain *e, bool holds, struct explain_field field, const char *words, ...)
{
	struct explain_finding finding = {
		.field = field.encoding, .name = field.name, .section = e->section,
	};
	char rule[EXPLAIN_TEXT / 2];
	va_list args;

	if (holds)
		return;
	va_start(args, words);
	vsnprintf(rule, sizeof(rule), words, args);
	va_end(args);
	finding.value = explain_get(e, field.encoding);
	finding.rule = rule;
	e->found++;
	e->source->found(e->source->context, &finding);
}

static void wrong_bits(struct explain *e, struct explain_field field, u64 bits, int want)
{
	if (bits & (bits - 1))
		explain_rule(e, false, field, "bits %#llx must be %d", (unsigned long long)bits,
			     want);
	else
		explain_rule(e, !bits, field, "bit %d must be %d",
			     bits ? __builtin_ctzll(bits) : 0, want);
}

/**
 * explain_bits() - bits that must be 1, and bits that must be 0
 * @e:		the explanation
 * @field:	which has them
 * @must:	those that must be 1
 * @may:	those that need not be 0
 */
void explain_bits(struct explain *e, struct explain_field field, u64 must, u64 may)
{
	u64 value = explain_get(e, field.encoding);

	wrong_bits(e, field, must & ~value, 1);
	wrong_bits(e, field, value & ~may, 0);
}

/**
 * explain_address() - a physical address, aligned
 * @e:		the explanation
 * @field:	which holds it
 * @low:	low bits that must be 0
 */
void explain_address(struct explain *e, struct explain_field field, u64 low)
{
	explain_bits(e, field, 0, ~(low | explain_beyond(e)));
}

/**
 * explain_canonical() - a linear address, canonical
 * @e:		the explanation
 * @field:	which holds it
 */
void explain_canonical(struct explain *e, struct explain_field field)
{
	unsigned int shift = 64 - e->source->linear_bits;
	u64 value = explain_get(e, field.encoding);

	explain_rule(e, (u64)((s64)(value << shift) >> shift) == value, field,
		     "must be canonical: bits 63:%u equal", e->source->linear_bits - 1);
}

static void check_pat(struct explain *e, struct explain_field field, u64 value)
{
	unsigned int i, type;

	for (i = 0; i < 8; i++) {
		type = value >> 8 * i & 0xff;
		explain_rule(e, type < 8 && type != 2 && type != 3, field,
			     "byte %u must be 0, 1, 4, 5, 6 or 7", i);
	}
}

static void check_row(struct explain *e, const struct explain_row *row)
{
	u64 value = explain_get(e, row->field.encoding);

	switch (row->kind) {
	case EXPLAIN_BITS:
		return explain_bits(e, row->field, 0, row->arg);
	case EXPLAIN_ADDRESS:
		return explain_address(e, row->field, row->arg);
	case EXPLAIN_CANONICAL:
		return explain_canonical(e, row->field);
	case EXPLAIN_NOT_0:
		return explain_rule(e, value, row->field, "must not be 0");
	case EXPLAIN_PAT:
		return check_pat(e, row->field, value);
	case EXPLAIN_SELECTOR:
		return explain_rule(e, !(value & 7), row->field, "RPL and TI (bits 2:0) must be 0");
	}
}

/**
 * explain_rows() - apply a table of rules
 * @e:		the explanation
 * @rows:	the table
 * @nr:		rows in it
 */
void explain_rows(struct explain *e, const struct explain_row *rows, unsigned int nr)
{
	for (; nr--; rows++) {
		e->section = rows->section;
		if (rows->cap == EXPLAIN_ALWAYS || explain_on(e, rows->cap))
			check_row(e, rows);
	}
}

/**
 * explain_cr() - CR0 and CR4 against what VMX operation fixes
 * @e:		the explanation
 * @cr0:	CR0 of guest or host
 * @cr4:	CR4 of the same
 * @ignored:	bits of CR0 that it does not fix
 */
void explain_cr(struct explain *e, struct explain_field cr0, struct explain_field cr4, u64 ignored)
{
	const struct vmx_caps *caps = e->source->caps;

	explain_bits(e, cr0, caps->cr0_fixed0 & ~ignored, caps->cr0_fixed1 | ignored);
	explain_bits(e, cr4, caps->cr4_fixed0, caps->cr4_fixed1);
	explain_rule(e, !(explain_get(e, cr4.encoding) & EXPLAIN_CR4_CET) ||
		     (explain_get(e, cr0.encoding) & X86_CR0_WP), cr4, "CET (bit 23) needs CR0.WP");
}

/**
 * explain_efer() - IA32_EFER against the address-space size
 * @e:		the explanation
 * @field:	IA32_EFER of guest or host
 * @is_64:	the control that says whether there is IA-32e mode
 */
void explain_efer(struct explain *e, struct explain_field field, bool is_64)
{
	u64 value = explain_get(e, field.encoding);
	bool lma = value & EXPLAIN_EFER_LMA, lme = value & EXPLAIN_EFER_LME;

	explain_bits(e, field, 0, EXPLAIN_EFER_DEFINED);
	explain_rule(e, lma == is_64, field,
		     "LMA (bit 10) must be %d, as the control for IA-32e mode", is_64);
	if (field.encoding == HOST_IA32_EFER || (e->cr0 & X86_CR0_PG))
		explain_rule(e, lma == lme, field, "LME (bit 8) must be as LMA (bit 10)");
}

static void read_words(struct explain *e)
{
	e->word[CAPS_PIN] = explain_get(e, PIN_BASED_VM_EXEC_CONTROL);
	e->word[CAPS_PROC] = explain_get(e, CPU_BASED_VM_EXEC_CONTROL);
	e->word[CAPS_EXIT] = explain_get(e, VM_EXIT_CONTROLS);
	e->word[CAPS_ENTRY] = explain_get(e, VM_ENTRY_CONTROLS);
	if (explain_on(e, VMX_CAP_SECONDARY_CTLS) && explain_can(e, VMX_CAP_SECONDARY_CTLS))
		e->word[CAPS_PROC2] = explain_get(e, SECONDARY_VM_EXEC_CONTROL);
	if (explain_on(e, VMX_CAP_TERTIARY_CTLS) && explain_can(e, VMX_CAP_TERTIARY_CTLS))
		e->word[CAPS_PROC3] = explain_get(e, TERTIARY_VM_EXEC_CONTROL);
}

/**
 * explain_entry() - apply every rule of VM entry
 * @source:	the VMCS and the processor
 *
 * Context: any that @source->read and @source->found may be called in.
 * Return: number of broken rules, each of which was reported.
 */
unsigned int explain_entry(const struct explain_source *source)
{
	struct explain e = { .source = source, .event = EVENT_NONE };
	u64 info;

	read_words(&e);
	e.cr0 = explain_get(&e, GUEST_CR0);
	e.cr4 = explain_get(&e, GUEST_CR4);
	e.rflags = explain_get(&e, GUEST_RFLAGS);
	e.long_mode = explain_on(&e, VMX_CAP_ENTRY_IA32E);
	e.restricted = !explain_on(&e, VMX_CAP_UNRESTRICTED_GUEST);
	info = explain_get(&e, VM_ENTRY_INTR_INFO_FIELD);
	if (info & INTR_INFO_VALID_MASK) {
		e.event = info >> 8 & 7;
		e.vector = info;
	}
	explain_controls(&e);
	explain_host(&e);
	explain_guest(&e);
	explain_segments(&e);
	return e.found;
}

/* Host state is in fields of type 3, addresses of the host's in 64-bit control fields. */
static bool is_secret(u32 field)
{
	u32 type = field >> 10 & 3, width = field >> 13 & 3;

	return type == 3 || (type == 0 && width == 1);
}

/**
 * explain_text() - a finding in words
 * @finding:	it
 * @full:	also values that tell of the host's memory, for root only
 * @buf:	takes one line without a newline
 * @size:	bytes of @buf, best EXPLAIN_TEXT
 *
 * Return: length of the text; @size or more: it was cut short
 */
int explain_text(const struct explain_finding *finding, bool full, char *buf, size_t size)
{
	char value[24] = "";

	if (full || !is_secret(finding->field))
		snprintf(value, sizeof(value), " = %#llx", (unsigned long long)finding->value);
	return snprintf(buf, size, "%s (0x%04x)%s: %s (SDM %s)", finding->name, finding->field,
			value, finding->rule, finding->section);
}

/**
 * explain_instruction_error() - a VM-instruction error in words
 * @number:	the field VM_INSTRUCTION_ERROR
 *
 * Return: what VMLAUNCH or VMRESUME had against it (SDM 30.4)
 */
const char *explain_instruction_error(u32 number)
{
	static const char *const words[] = {
		[4] = "VMLAUNCH with a VMCS that is not clear",
		[5] = "VMRESUME with a VMCS that was not launched",
		[6] = "VMRESUME after VMXOFF and VMXON",
		[7] = "invalid control field",
		[8] = "invalid host-state field",
		[26] = "events blocked by MOV SS",
	};

	if (number < ARRAY_SIZE(words) && words[number])
		return words[number];
	return "no reason of a VM entry";
}
