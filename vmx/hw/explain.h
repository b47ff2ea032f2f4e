/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why a VM entry was refused: the rules that the processor checks, applied to a VMCS through a
 * function that reads its fields. Pure computation: no lock, no hardware, the same code in the
 * module and in a test. SDM vol. 3C, 26.2 (controls and host state), 26.3 (guest state).
 */
#ifndef KVMLET_HW_EXPLAIN_H
#define KVMLET_HW_EXPLAIN_H

#include "vmx/hw/caps.h"

/* Bytes that hold any finding in words. */
#define EXPLAIN_TEXT	224

/**
 * struct explain_finding - a rule that is broken
 * @field:	encoding of the offending VMCS field
 * @name:	its name
 * @value:	its value
 * @section:	of the SDM, volume 3C
 * @rule:	what must hold, in words; valid during the call
 */
struct explain_finding {
	u32 field;
	const char *name;
	u64 value;
	const char *section;
	const char *rule;
};

/**
 * struct explain_source - a VMCS, and the processor that refused it
 * @read:	value of a field; 0 if the processor has none such
 * @found:	called for each broken rule
 * @context:	first argument of both
 * @caps:	judged capabilities of the processor
 * @physical_bits: width of its physical addresses
 * @linear_bits: width of its linear addresses
 */
struct explain_source {
	u64 (*read)(void *context, u32 field);
	void (*found)(void *context, const struct explain_finding *finding);
	void *context;
	const struct vmx_caps *caps;
	u8 physical_bits;
	u8 linear_bits;
};

unsigned int explain_entry(const struct explain_source *source);
int explain_text(const struct explain_finding *finding, bool full, char *buf, size_t size);
const char *explain_instruction_error(u32 number);

#endif
