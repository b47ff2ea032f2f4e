/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What this processor's VT-x can do, what kvmlet needs of it, and the words for both.
 * The registers are read once (caps_read.c, or a dump in user space) and judged against one
 * table (caps_table.h); the result is constant afterwards, so no lock guards it.
 * SDM vol. 3 appendix A (VMX capability reporting), 26.2.1 (rules between controls).
 */
#ifndef KVMLET_HW_CAPS_H
#define KVMLET_HW_CAPS_H

#include "include/portable.h"

enum vmx_msr_id {
#define CAPS_MSR(id, name, index, told_by, mask)	VMX_MSR_##id,
#include "vmx/hw/caps_msrs.h"
	VMX_MSR_COUNT
};

/* A register's name as the SDM and a dump spell it; index 0: a CPUID word, not an MSR. */
struct vmx_msr_info {
	const char *name;
	u64 mask;
	u32 index;
	u8 told_by;
};

extern const struct vmx_msr_info vmx_msr_info[VMX_MSR_COUNT];

/* One processor's registers as read; a register whose present bit is clear has value 0. */
struct vmx_msrs {
	u64 value[VMX_MSR_COUNT];
	u32 present;
};

/* The words that the table's rows live in. */
enum caps_word {
	CAPS_CPUID, CAPS_FEATURE, CAPS_BASIC, CAPS_MISC,
	CAPS_PIN, CAPS_PROC, CAPS_PROC2, CAPS_PROC3, CAPS_EXIT, CAPS_EXIT2, CAPS_ENTRY,
	CAPS_EPT_VPID, CAPS_VMFUNC,
	CAPS_WORD_COUNT
};

/* How a word is read: msr's bits 63:32 (shift 32) or its low bits tell what may be 1. */
struct caps_word_info {
	const char *name;
	u8 msr;
	u8 true_msr;		/* tells what must be 1, when VMX_BASIC bit 55 is set; or msr */
	u8 shift;
	bool control;		/* a VMCS control word, not only a fact */
};

extern const struct caps_word_info caps_word_info[CAPS_WORD_COUNT];

/*
 * FIRMWARE: judged by a rule of its own (-EPERM). SWITCHED: used, but not in the default control
 * word; the driver turns it on when needed. GUARD: takes away an instruction that processors
 * without it lack, too, so its absence is no loss.
 */
enum caps_need {
	CAPS_UNUSED,
	CAPS_GUARD,
	CAPS_FIRMWARE,
	CAPS_OPTIONAL,
	CAPS_OPTIONAL_SWITCHED,
	CAPS_REQUIRED,
	CAPS_REQUIRED_SWITCHED,
};

enum vmx_cap {
#define CAPS_ROW(id, word, where, need, name, costs)	VMX_CAP_##id,
#include "vmx/hw/caps_table.h"
	VMX_CAP_COUNT
};

/* Where a row stands in its word: lowest bit, width, and the value that it must have. */
#define CAPS_ANY			0xff
#define CAPS_WHERE(lo, width, expect)	((lo) | (width) << 8 | (expect) << 16)
#define CAPS_B(n)			CAPS_WHERE(n, 1, 1)
#define CAPS_CLEAR(n)			CAPS_WHERE(n, 1, 0)
#define CAPS_F(lo, width)		CAPS_WHERE(lo, width, CAPS_ANY)
#define CAPS_F_IS(lo, width, value)	CAPS_WHERE(lo, width, value)

enum caps_where {
#define CAPS_ROW(id, word, where, need, name, costs)	CAPS_WHERE_##id = where,
#include "vmx/hw/caps_table.h"
};

/* One bit, or a field of several; there if it equals @expect (CAPS_ANY: if it is not zero). */
struct caps_row {
	const char *name;
	const char *costs;	/* of its absence, if it is required, else empty */
	u8 word;
	u8 bit;
	u8 width;
	u8 expect;
	u8 need;
};

extern const struct caps_row caps_table[VMX_CAP_COUNT];

/* A row is of use only if another is there too; @checked: a VM entry insists on both controls. */
struct caps_pair {
	u8 cap, needs;
	bool checked;
};

extern const struct caps_pair caps_pairs[];
extern const unsigned int caps_nr_pairs;

/**
 * struct vmx_caps - the judged capabilities, what the driver sets up from
 * @has:	bitmap over enum vmx_cap: there, and everything it depends on is there too
 * @must:	per word, the bits that a control word must have set
 * @may:	per word, the bits that a control word may have set
 * @pin:	default pin-based controls
 * @proc:	default primary processor-based controls
 * @proc2:	default secondary processor-based controls
 * @exit:	default VM-exit controls
 * @entry:	default VM-entry controls
 * @cr0_fixed0:	CR0 bits that must be 1 in VMX operation (less PE and PG for such a guest)
 * @cr0_fixed1:	CR0 bits that may be 1
 * @cr4_fixed0:	CR4 bits that must be 1 in VMX operation
 * @cr4_fixed1:	CR4 bits that may be 1
 * @revision:	VMCS revision identifier, the first word of VMXON region and VMCS
 * @cr3_targets: number of CR3-target values
 */
struct vmx_caps {
	u64 has[(VMX_CAP_COUNT + 63) / 64];
	u64 must[CAPS_WORD_COUNT];
	u64 may[CAPS_WORD_COUNT];
	u32 pin, proc, proc2, exit, entry;
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	u32 revision;
	u16 cr3_targets;
};

/* Bytes that hold every verdict in words (a very long list of losses ends in "..."). */
#define CAPS_TEXT	512

enum caps_verdict {
	CAPS_RUNS,		/* every required and every optional row */
	CAPS_RUNS_WITH_LOSSES,	/* some optional rows are missing */
	CAPS_NO_VMX,		/* -ENODEV: CPUID says there is no VT-x */
	CAPS_LOCKED_OFF,	/* -EPERM: firmware has disabled and locked it */
	CAPS_MISSING,		/* -EOPNOTSUPP: a required row is missing */
};

/**
 * struct caps_reason - a verdict and the facts that its words need
 * @verdict:	what came out
 * @cap:	CAPS_MISSING: the first required row that is missing
 * @missing:	number of required rows missing for a reason of their own
 * @losses:	number of optional rows missing likewise
 * @lost:	bitmap over enum vmx_cap of those optional rows
 * @feature_control: the value of IA32_FEATURE_CONTROL
 * @vendor:	CPUID.0:EBX, 0 if unknown
 */
struct caps_reason {
	enum caps_verdict verdict;
	enum vmx_cap cap;
	u16 missing;
	u16 losses;
	u64 lost[(VMX_CAP_COUNT + 63) / 64];
	u64 feature_control;
	u32 vendor;
};

/**
 * caps_has() - does the processor have this, with everything it depends on?
 * @caps:	judged capabilities
 * @cap:	the row
 */
static inline bool caps_has(const struct vmx_caps *caps, enum vmx_cap cap)
{
	return (caps->has[cap / 64] >> (cap % 64)) & 1;
}

/**
 * caps_adjust() - the value that a control word takes (SDM A.3.1, A.4, A.5)
 * @caps:	judged capabilities
 * @word:	a control word
 * @want:	the bits that should be 1
 *
 * Return: (want | must be 1) & may be 1
 */
static inline u64 caps_adjust(const struct vmx_caps *caps, enum caps_word word, u64 want)
{
	return (want | caps->must[word]) & caps->may[word];
}

bool vmx_msr_exists(const struct vmx_msrs *m, enum vmx_msr_id id);
void vmx_msr_set(struct vmx_msrs *m, enum vmx_msr_id id, u64 value);
u64 caps_field(const struct vmx_msrs *m, enum vmx_cap cap);
bool caps_is_missing(const struct vmx_msrs *m, enum vmx_cap cap);
int caps_verdict(const struct vmx_msrs *m, struct vmx_caps *caps, struct caps_reason *why);
int caps_explain(const struct caps_reason *why, char *buf, size_t size);
int caps_first_difference(const struct vmx_msrs *a, const struct vmx_msrs *b);

#ifdef __KERNEL__
int caps_hide(void);
void caps_read(struct vmx_msrs *m);
int caps_check_cpu(const struct vmx_msrs *boot);
#endif

#endif
