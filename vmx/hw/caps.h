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
#include "vmx/hw/caps_table.h"

/*
 * Every register that the verdict reads: X(id, name, index, told by, mask). It exists if one of
 * the mask's bits is set in the register that tells of it, which stands earlier in the list.
 */
#define VMX_MSR_LIST(X)										\
X(CPUID_0_EBX, "CPUID_0_EBX", 0x000, CPUID_0_EBX, 0)						\
X(CPUID_1_EAX, "CPUID_1_EAX", 0x000, CPUID_1_EAX, 0)						\
X(CPUID_1_ECX, "CPUID_1_ECX", 0x000, CPUID_1_ECX, 0)						\
X(FEATURE_CONTROL, "IA32_FEATURE_CONTROL", 0x03a, CPUID_1_ECX, BIT_ULL(5))			\
X(BASIC, "IA32_VMX_BASIC", 0x480, CPUID_1_ECX, BIT_ULL(5))					\
X(PINBASED, "IA32_VMX_PINBASED_CTLS", 0x481, CPUID_1_ECX, BIT_ULL(5))				\
X(PROCBASED, "IA32_VMX_PROCBASED_CTLS", 0x482, CPUID_1_ECX, BIT_ULL(5))				\
X(EXIT, "IA32_VMX_EXIT_CTLS", 0x483, CPUID_1_ECX, BIT_ULL(5))					\
X(ENTRY, "IA32_VMX_ENTRY_CTLS", 0x484, CPUID_1_ECX, BIT_ULL(5))					\
X(MISC, "IA32_VMX_MISC", 0x485, CPUID_1_ECX, BIT_ULL(5))					\
X(CR0_FIXED0, "IA32_VMX_CR0_FIXED0", 0x486, CPUID_1_ECX, BIT_ULL(5))				\
X(CR0_FIXED1, "IA32_VMX_CR0_FIXED1", 0x487, CPUID_1_ECX, BIT_ULL(5))				\
X(CR4_FIXED0, "IA32_VMX_CR4_FIXED0", 0x488, CPUID_1_ECX, BIT_ULL(5))				\
X(CR4_FIXED1, "IA32_VMX_CR4_FIXED1", 0x489, CPUID_1_ECX, BIT_ULL(5))				\
X(VMCS_ENUM, "IA32_VMX_VMCS_ENUM", 0x48a, CPUID_1_ECX, BIT_ULL(5))				\
X(PROCBASED2, "IA32_VMX_PROCBASED_CTLS2", 0x48b, PROCBASED, BIT_ULL(63))			\
X(EPT_VPID_CAP, "IA32_VMX_EPT_VPID_CAP", 0x48c, PROCBASED2, BIT_ULL(33) | BIT_ULL(37))		\
X(TRUE_PINBASED, "IA32_VMX_TRUE_PINBASED_CTLS", 0x48d, BASIC, BIT_ULL(55))			\
X(TRUE_PROCBASED, "IA32_VMX_TRUE_PROCBASED_CTLS", 0x48e, BASIC, BIT_ULL(55))			\
X(TRUE_EXIT, "IA32_VMX_TRUE_EXIT_CTLS", 0x48f, BASIC, BIT_ULL(55))				\
X(TRUE_ENTRY, "IA32_VMX_TRUE_ENTRY_CTLS", 0x490, BASIC, BIT_ULL(55))				\
X(VMFUNC, "IA32_VMX_VMFUNC", 0x491, PROCBASED2, BIT_ULL(45))					\
X(PROCBASED3, "IA32_VMX_PROCBASED_CTLS3", 0x492, PROCBASED, BIT_ULL(49))			\
X(EXIT2, "IA32_VMX_EXIT_CTLS2", 0x493, EXIT, BIT_ULL(63))

enum vmx_msr_id {
#define X(id, name, index, told_by, mask)	VMX_MSR_##id,
	VMX_MSR_LIST(X)
#undef X
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
	CAPS_CPUID,
	CAPS_FEATURE,
	CAPS_BASIC,
	CAPS_MISC,
	CAPS_PIN,
	CAPS_PROC,
	CAPS_PROC2,
	CAPS_PROC3,
	CAPS_EXIT,
	CAPS_EXIT2,
	CAPS_ENTRY,
	CAPS_EPT_VPID,
	CAPS_VMFUNC,
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
 * word; the driver turns it on when needed.
 */
enum caps_need {
	CAPS_UNUSED,
	CAPS_FIRMWARE,
	CAPS_OPTIONAL,
	CAPS_OPTIONAL_SWITCHED,
	CAPS_REQUIRED,
	CAPS_REQUIRED_SWITCHED,
};

enum vmx_cap {
#define X(id, word, where, need, name, gives, costs)	VMX_CAP_##id,
	CAPS_TABLE(X)
#undef X
	VMX_CAP_COUNT
};

/* One bit, or a field of several; there if it equals @expect (CAPS_ANY: if it is not zero). */
struct caps_row {
	const char *name;
	const char *gives;
	const char *costs;	/* of its absence; empty if kvmlet does not use it */
	u8 word;
	u8 bit;
	u8 width;
	u8 expect;
	u8 need;
};

extern const struct caps_row caps_table[VMX_CAP_COUNT];

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
 * @proc3:	default tertiary processor-based controls
 * @cr0_fixed0:	CR0 bits that must be 1 in VMX operation (less PE and PG for such a guest)
 * @cr0_fixed1:	CR0 bits that may be 1
 * @cr4_fixed0:	CR4 bits that must be 1 in VMX operation
 * @cr4_fixed1:	CR4 bits that may be 1
 * @revision:	VMCS revision identifier, the first word of VMXON region and VMCS
 * @vmcs_size:	bytes of a VMXON region or VMCS, at most 4096
 * @timer_shift: the preemption timer counts down once in 2^shift TSC ticks
 * @cr3_targets: number of CR3-target values
 * @msr_list_max: recommended maximum of entries in an MSR load or store area
 */
struct vmx_caps {
	u64 has[(VMX_CAP_COUNT + 63) / 64];
	u64 must[CAPS_WORD_COUNT];
	u64 may[CAPS_WORD_COUNT];
	u32 pin, proc, proc2, exit, entry;
	u64 proc3;
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	u32 revision;
	u16 vmcs_size;
	u16 cr3_targets;
	u16 msr_list_max;
	u8 timer_shift;
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
bool caps_forced(const struct vmx_caps *caps, enum vmx_cap cap);
bool caps_is_missing(const struct vmx_msrs *m, enum vmx_cap cap);
int caps_verdict(const struct vmx_msrs *m, struct vmx_caps *caps, struct caps_reason *why);
int caps_explain(const struct caps_reason *why, char *buf, size_t size);
int caps_first_difference(const struct vmx_msrs *a, const struct vmx_msrs *b);

#ifdef __KERNEL__
void caps_read(struct vmx_msrs *m);
int caps_check_cpu(const struct vmx_msrs *boot);
#endif

#endif
