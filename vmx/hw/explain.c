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

#ifdef __KERNEL__
#define EXPLAIN_FIELD(name, encoding)	static_assert((name) == (encoding));
#include "vmx/hw/explain_fields.h"
#endif

static const struct {
	u32 field;
	const char *name;
} names[] = {
#define EXPLAIN_FIELD(name, encoding)	{ encoding, #name },
#include "vmx/hw/explain_fields.h"
};

static const char *name_of(u32 field)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].field == field)
			return names[i].name;
	return "?";
}

/**
 * explain_rule() - state a rule, and report it if it is broken
 * @e:		the explanation
 * @holds:	does it hold?
 * @field:	the field that is wrong if not
 * @section:	of the SDM
 * @words:	the rule, a format
 */
void explain_rule(struct explain *e, bool holds, u32 field, const char *section,
		  const char *words, ...)
{
	struct explain_finding finding = { .field = field, .section = section };
	char rule[EXPLAIN_TEXT / 2];
	va_list args;

	if (holds)
		return;
	va_start(args, words);
	vsnprintf(rule, sizeof(rule), words, args);
	va_end(args);
	finding.name = name_of(field);
	finding.value = explain_get(e, field);
	finding.rule = rule;
	e->found++;
	e->source->found(e->source->context, &finding);
}

static void wrong_bits(struct explain *e, u32 field, const char *section, u64 bits, int want)
{
	if (bits & (bits - 1))
		explain_rule(e, false, field, section, "bits %#llx must be %d",
			     (unsigned long long)bits, want);
	else
		explain_rule(e, !bits, field, section, "bit %d must be %d",
			     bits ? __builtin_ctzll(bits) : 0, want);
}

/**
 * explain_bits() - bits that must be 1, and bits that must be 0
 * @e:		the explanation
 * @field:	which has them
 * @section:	of the SDM
 * @must:	those that must be 1
 * @may:	those that need not be 0
 */
void explain_bits(struct explain *e, u32 field, const char *section, u64 must, u64 may)
{
	u64 value = explain_get(e, field);

	wrong_bits(e, field, section, must & ~value, 1);
	wrong_bits(e, field, section, value & ~may, 0);
}

/**
 * explain_address() - a physical address, aligned
 * @e:		the explanation
 * @field:	which holds it
 * @section:	of the SDM
 * @low:	low bits that must be 0
 */
void explain_address(struct explain *e, u32 field, const char *section, u64 low)
{
	explain_bits(e, field, section, 0, ~(low | explain_beyond(e)));
}

/**
 * explain_canonical() - a linear address, canonical
 * @e:		the explanation
 * @field:	which holds it
 * @section:	of the SDM
 */
void explain_canonical(struct explain *e, u32 field, const char *section)
{
	unsigned int shift = 64 - e->source->linear_bits;
	u64 value = explain_get(e, field);

	explain_rule(e, (u64)((s64)(value << shift) >> shift) == value, field, section,
		     "must be canonical: bits 63:%u equal", e->source->linear_bits - 1);
}

/**
 * explain_pat() - eight memory types
 * @e:		the explanation
 * @field:	IA32_PAT of guest or host
 * @section:	of the SDM
 */
void explain_pat(struct explain *e, u32 field, const char *section)
{
	u64 value = explain_get(e, field);
	unsigned int i, type;

	for (i = 0; i < 8; i++) {
		type = value >> 8 * i & 0xff;
		explain_rule(e, type < 8 && type != 2 && type != 3, field, section,
			     "byte %u must be 0, 1, 4, 5, 6 or 7", i);
	}
}

/**
 * explain_efer() - IA32_EFER against the address-space size
 * @e:		the explanation
 * @field:	IA32_EFER of guest or host
 * @section:	of the SDM
 * @is_64:	the control that says whether there is IA-32e mode
 */
void explain_efer(struct explain *e, u32 field, const char *section, bool is_64)
{
	u64 value = explain_get(e, field);

	explain_bits(e, field, section, 0, EXPLAIN_EFER_DEFINED);
	explain_rule(e, !(value & EXPLAIN_EFER_LMA) == !is_64, field, section,
		     "LMA (bit 10) must be %d, as the control for IA-32e mode", is_64);
	if (field == HOST_IA32_EFER || (e->cr0 & X86_CR0_PG))
		explain_rule(e, !(value & EXPLAIN_EFER_LMA) == !(value & EXPLAIN_EFER_LME), field,
			     section, "LME (bit 8) must be as LMA (bit 10)");
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
	if (info & EVENT_VALID) {
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
	switch (number) {
	case 4:
		return "VMLAUNCH with a VMCS that is not clear";
	case 5:
		return "VMRESUME with a VMCS that was not launched";
	case 6:
		return "VMRESUME after VMXOFF and VMXON";
	case 7:
		return "invalid control field";
	case 8:
		return "invalid host-state field";
	case 26:
		return "events blocked by MOV SS";
	}
	return "no reason of a VM entry";
}
