/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of vmx/hw/explain share: the state of one explanation, and the ways to state
 * a rule. It belongs to its caller; no lock.
 */
#ifndef KVMLET_HW_EXPLAIN_INTERNAL_H
#define KVMLET_HW_EXPLAIN_INTERNAL_H

#include <asm/processor-flags.h>
#include <asm/vmx.h>
#include "vmx/hw/explain.h"

/* What neither the kernel nor user space names under both. */
#define EXPLAIN_CR4_CET		BIT_ULL(23)
#define EXPLAIN_EFER_LME	BIT_ULL(8)
#define EXPLAIN_EFER_LMA	BIT_ULL(10)
#define EXPLAIN_EFER_DEFINED	(BIT_ULL(0) | EXPLAIN_EFER_LME | EXPLAIN_EFER_LMA | BIT_ULL(11))

/* An event to be injected, SDM 24.8.3. */
enum explain_event {
	EVENT_INTERRUPT, EVENT_RESERVED, EVENT_NMI, EVENT_EXCEPTION, EVENT_SOFT_INTERRUPT,
	EVENT_PRIVILEGED_EXCEPTION, EVENT_SOFT_EXCEPTION, EVENT_OTHER, EVENT_NONE
};

/**
 * struct explain - one explanation
 * @source:	what is explained
 * @section:	of the SDM whose rules are being applied
 * @word:	control words; one that is not activated is 0
 * @cr0:	the guest's CR0
 * @cr4:	its CR4
 * @rflags:	its RFLAGS
 * @long_mode:	"IA-32e mode guest" is 1
 * @restricted:	"unrestricted guest" is 0
 * @event:	type of the event to be injected
 * @vector:	its vector
 * @found:	broken rules so far
 */
struct explain {
	const struct explain_source *source;
	const char *section;
	u64 word[CAPS_WORD_COUNT];
	u64 cr0, cr4, rflags;
	bool long_mode, restricted;
	enum explain_event event;
	u8 vector;
	unsigned int found;
};

/* A field, and how it is called. */
struct explain_field {
	u32 encoding;
	const char *name;
};

#define FIELD(name)	((struct explain_field) { name, #name })

/* What a field must be, as a row of a table. */
enum explain_kind {
	EXPLAIN_BITS,		/* 0, but for the bits of @arg */
	EXPLAIN_ADDRESS,	/* a physical address whose bits in @arg are 0 */
	EXPLAIN_CANONICAL,	/* a linear address */
	EXPLAIN_NOT_0,
	EXPLAIN_PAT,		/* eight memory types */
	EXPLAIN_SELECTOR,	/* of the GDT, with RPL 0 */
};

#define EXPLAIN_ALWAYS	VMX_CAP_VMX	/* of @cap: it is no control */

/**
 * struct explain_row - one rule
 * @section:	of the SDM
 * @cap:	the control that must be 1 for the rule to hold, or EXPLAIN_ALWAYS
 * @kind:	enum explain_kind
 * @field:	the field
 * @arg:	see @kind
 */
struct explain_row {
	const char *section;
	u8 cap, kind;
	struct explain_field field;
	u64 arg;
};

static inline u64 explain_get(const struct explain *e, u32 field)
{
	return e->source->read(e->source->context, field);
}

/* Is a control 1, in a word that is activated? */
static inline bool explain_on(const struct explain *e, enum vmx_cap cap)
{
	return e->word[caps_table[cap].word] >> caps_table[cap].bit & 1;
}

static inline bool explain_can(const struct explain *e, enum vmx_cap cap)
{
	return caps_has(e->source->caps, cap);
}

/* The bits of a physical address that are beyond the processor's width. */
static inline u64 explain_beyond(const struct explain *e)
{
	return ~0ULL << e->source->physical_bits;
}

__printf(4, 5)
void explain_rule(struct explain *e, bool holds, struct explain_field field,
		  const char *words, ...);
void explain_bits(struct explain *e, struct explain_field field, u64 must, u64 may);
void explain_address(struct explain *e, struct explain_field field, u64 low);
void explain_canonical(struct explain *e, struct explain_field field);
void explain_rows(struct explain *e, const struct explain_row *rows, unsigned int nr);
void explain_cr(struct explain *e, struct explain_field cr0, struct explain_field cr4, u64 ignored);
void explain_efer(struct explain *e, struct explain_field field, bool is_64);

void explain_controls(struct explain *e);
void explain_host(struct explain *e);
void explain_guest(struct explain *e);
void explain_segments(struct explain *e);

#endif
