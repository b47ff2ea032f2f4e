// SPDX-License-Identifier: GPL-2.0
/*
 * Judges a processor's VMX capability registers by the table in caps_table.h: which rows are
 * there, which control words follow, whether kvmlet runs, and the words that say why. Pure
 * computation on the caller's structures: no lock, no hardware, the same code in the module
 * and in `kvmlet caps`. SDM vol. 3: appendix A, 26.2.1.1-26.2.1.3.
 */
#include "vmx/hw/caps.h"

const struct vmx_msr_info vmx_msr_info[VMX_MSR_COUNT] = {
#define CAPS_MSR(id, _name, _index, by, _mask) \
	[VMX_MSR_##id] = { .name = _name, .mask = _mask, .index = _index, .told_by = VMX_MSR_##by },
#include "vmx/hw/caps_msrs.h"
};

const struct caps_row caps_table[VMX_CAP_COUNT] = {
#define CAPS_ROW(id, _word, where, _need, _name, _costs)				\
	[VMX_CAP_##id] = {								\
		.name = _name, .costs = _costs, .word = CAPS_##_word,			\
		.bit = CAPS_WHERE_##id & 0xff, .width = CAPS_WHERE_##id >> 8 & 0xff,	\
		.expect = CAPS_WHERE_##id >> 16, .need = CAPS_##_need,			\
	},
#include "vmx/hw/caps_table.h"
};

#define FACT(_name, id)	{ .name = _name, .msr = VMX_MSR_##id, .true_msr = VMX_MSR_##id }
#define CONTROL(_name, id, true_id, _shift)							\
	{ .name = _name, .msr = VMX_MSR_##id, .true_msr = VMX_MSR_##true_id, .shift = _shift,	\
	  .control = true }

const struct caps_word_info caps_word_info[CAPS_WORD_COUNT] = {
	[CAPS_CPUID] = FACT("processor", CPUID_1_ECX),
	[CAPS_FEATURE] = FACT("firmware's decision", FEATURE_CONTROL),
	[CAPS_BASIC] = FACT("basic information", BASIC),
	[CAPS_MISC] = FACT("miscellaneous data", MISC),
	[CAPS_PIN] = CONTROL("pin-based controls", PINBASED, TRUE_PINBASED, 32),
	[CAPS_PROC] = CONTROL("primary processor-based controls", PROCBASED, TRUE_PROCBASED, 32),
	[CAPS_PROC2] = CONTROL("secondary processor-based controls", PROCBASED2, PROCBASED2, 32),
	[CAPS_PROC3] = CONTROL("tertiary processor-based controls", PROCBASED3, PROCBASED3, 0),
	[CAPS_EXIT] = CONTROL("VM-exit controls", EXIT, TRUE_EXIT, 32),
	[CAPS_EXIT2] = CONTROL("secondary VM-exit controls", EXIT2, EXIT2, 0),
	[CAPS_ENTRY] = CONTROL("VM-entry controls", ENTRY, TRUE_ENTRY, 32),
	[CAPS_EPT_VPID] = FACT("EPT and VPID capabilities", EPT_VPID_CAP),
	[CAPS_VMFUNC] = FACT("VM functions", VMFUNC),
};

/*
 * In order: the prerequisites of a prerequisite stand first. NEEDS: VMCS checks of SDM 26.2.1;
 * USES: no check, but of no use otherwise, and facts that mean nothing without their control.
 */
const struct caps_pair caps_pairs[] = {
#define NEEDS(a, b)	{ VMX_CAP_##a, VMX_CAP_##b, true }
#define USES(a, b)	{ VMX_CAP_##a, VMX_CAP_##b, false }
	NEEDS(VIRTUAL_NMIS, NMI_EXITING),
	NEEDS(NMI_WINDOW, VIRTUAL_NMIS),
	NEEDS(EXIT_SAVE_TIMER, PREEMPTION_TIMER),
	NEEDS(VIRT_X2APIC, TPR_SHADOW),
	NEEDS(APIC_REG_VIRT, TPR_SHADOW),
	NEEDS(VIRT_INTR_DELIVERY, TPR_SHADOW),
	NEEDS(VIRT_INTR_DELIVERY, EXTINT_EXITING),
	NEEDS(POSTED_INTR, VIRT_INTR_DELIVERY),
	NEEDS(POSTED_INTR, EXIT_ACK_INTR),
	NEEDS(UNRESTRICTED_GUEST, EPT),
	USES(EPT_AD, EPT),
	NEEDS(PML, EPT),
	USES(PML, EPT_AD),
	USES(EPT_WALK_4, EPT),
	USES(EPT_WB, EPT),
	USES(EPT_2M, EPT),
	USES(EPT_1G, EPT),
	USES(INVEPT, EPT),
	USES(INVEPT_TYPE, INVEPT),
	USES(INVEPT_SINGLE, INVEPT),
	USES(INVEPT_ALL, INVEPT),
	USES(VPID, INVVPID),
	USES(VPID, INVVPID_TYPE),
	USES(INVVPID, VPID),
	USES(INVVPID_TYPE, INVVPID),
	USES(INVVPID_ADDR, INVVPID),
	USES(INVVPID_SINGLE, INVVPID_TYPE),
	USES(INVVPID_ALL, INVVPID_TYPE),
	USES(INVVPID_KEEP_GLOBAL, INVVPID),
	USES(TSC_SCALING, TSC_OFFSETTING),
#ifndef __KERNEL__
#include "userspace/caps_more_pairs.h"
#endif
#undef NEEDS
#undef USES
};

const unsigned int caps_nr_pairs = ARRAY_SIZE(caps_pairs);

static bool has_vmx(const struct vmx_msrs *m)
{
	/* Older dumps hold MSRs only: who could read them has VT-x. */
	if (!(m->present & BIT(VMX_MSR_CPUID_1_ECX)))
		return true;
	return m->value[VMX_MSR_CPUID_1_ECX] & vmx_msr_info[VMX_MSR_BASIC].mask;
}

/**
 * vmx_msr_exists() - does the architecture promise this register on this processor?
 * @m:		the registers read so far; those that stand before @id in the list must be there
 * @id:		the register
 *
 * Reading a register that does not exist is a #GP. SDM appendix A.
 *
 * Return: true if it can be read
 */
bool vmx_msr_exists(const struct vmx_msrs *m, enum vmx_msr_id id)
{
	enum vmx_msr_id by = vmx_msr_info[id].told_by;

	if (by == id)
		return true;
	for (; by != VMX_MSR_CPUID_1_ECX; id = by, by = vmx_msr_info[id].told_by)
		if (!(m->value[by] & vmx_msr_info[id].mask))
			return false;
	return has_vmx(m);
}

/**
 * vmx_msr_set() - note the value of a register
 * @m:		where
 * @id:		the register
 * @value:	as read
 */
void vmx_msr_set(struct vmx_msrs *m, enum vmx_msr_id id, u64 value)
{
	m->value[id] = value;
	m->present |= BIT(id);
}

/* A register that does not exist says nothing, whatever a dump holds for it. */
static u64 msr_value(const struct vmx_msrs *m, enum vmx_msr_id id)
{
	return vmx_msr_exists(m, id) ? m->value[id] : 0;
}

static u64 word_may(const struct vmx_msrs *m, enum caps_word word)
{
	const struct caps_word_info *info = &caps_word_info[word];

	if (word == CAPS_CPUID)
		return has_vmx(m) ? vmx_msr_info[VMX_MSR_BASIC].mask : 0;
	return msr_value(m, info->msr) >> info->shift;
}

/* The TRUE register tells which bits are really fixed; the plain one fixes a default class. */
static u64 word_must(const struct vmx_msrs *m, enum caps_word word)
{
	const struct caps_word_info *info = &caps_word_info[word];
	enum vmx_msr_id id = info->msr;

	if (!info->shift)
		return 0;
	if ((m->present & BIT(info->true_msr)) && vmx_msr_exists(m, info->true_msr))
		id = info->true_msr;
	return lower_32_bits(msr_value(m, id));
}

static u64 field_of(u64 word, const struct caps_row *row)
{
	return (word >> row->bit) & GENMASK_ULL(row->width - 1, 0);
}

/**
 * caps_field() - the value of a row as the processor reports it
 * @m:		its registers
 * @cap:	the row
 *
 * Return: the field; for a control bit, whether it may be 1
 */
u64 caps_field(const struct vmx_msrs *m, enum vmx_cap cap)
{
	return field_of(word_may(m, caps_table[cap].word), &caps_table[cap]);
}

static bool is_there(const struct vmx_msrs *m, enum vmx_cap cap)
{
	u64 value = caps_field(m, cap);

	if (caps_table[cap].expect == CAPS_ANY)
		return value;
	return value == caps_table[cap].expect;
}

/**
 * caps_is_missing() - is this row missing for a reason of its own?
 * @m:		the processor's registers
 * @cap:	the row
 *
 * A row whose register does not exist, or a fact about a control that is missing, is only the
 * consequence of another row that says so.
 *
 * Return: true if the row is needed, absent, and the cause of it
 */
bool caps_is_missing(const struct vmx_msrs *m, enum vmx_cap cap)
{
	const struct caps_row *row = &caps_table[cap];
	unsigned int i;

	if (row->need < CAPS_OPTIONAL || is_there(m, cap))
		return false;
	if (!vmx_msr_exists(m, caps_word_info[row->word].msr))
		return false;
	if (caps_word_info[row->word].control)
		return true;
	for (i = 0; i < caps_nr_pairs; i++)
		if (caps_pairs[i].cap == cap && !is_there(m, caps_pairs[i].needs))
			return false;
	return true;
}

static void resolve_rows(const struct vmx_msrs *m, struct vmx_caps *caps)
{
	unsigned int i;

	for (i = 0; i < VMX_CAP_COUNT; i++)
		if (is_there(m, i))
			caps->has[i / 64] |= BIT_ULL(i % 64);
	for (i = 0; i < caps_nr_pairs; i++)
		if (!caps_has(caps, caps_pairs[i].needs))
			caps->has[caps_pairs[i].cap / 64] &= ~BIT_ULL(caps_pairs[i].cap % 64);
}

static void set_controls(struct vmx_caps *caps)
{
	u64 want[CAPS_WORD_COUNT] = { 0 };
	const struct caps_row *row;
	unsigned int i;

	for (i = 0; i < VMX_CAP_COUNT; i++) {
		row = &caps_table[i];
		if ((row->need == CAPS_OPTIONAL || row->need == CAPS_REQUIRED) && caps_has(caps, i))
			want[row->word] |= BIT_ULL(row->bit);
	}
	/* Without a shadow, CR8 in a 64-bit guest would be the host's own task priority. */
	if (!caps_has(caps, VMX_CAP_TPR_SHADOW))
		want[CAPS_PROC] |= BIT_ULL(caps_table[VMX_CAP_CR8_LOAD_EXITING].bit) |
				   BIT_ULL(caps_table[VMX_CAP_CR8_STORE_EXITING].bit);
	caps->pin = caps_adjust(caps, CAPS_PIN, want[CAPS_PIN]);
	caps->proc = caps_adjust(caps, CAPS_PROC, want[CAPS_PROC]);
	caps->proc2 = caps_adjust(caps, CAPS_PROC2, want[CAPS_PROC2]);
	caps->exit = caps_adjust(caps, CAPS_EXIT, want[CAPS_EXIT]);
	caps->entry = caps_adjust(caps, CAPS_ENTRY, want[CAPS_ENTRY]);
}

static void compute(const struct vmx_msrs *m, struct vmx_caps *caps)
{
	unsigned int i;

	memset(caps, 0, sizeof(*caps));
	for (i = 0; i < CAPS_WORD_COUNT; i++) {
		caps->may[i] = word_may(m, i);
		caps->must[i] = word_must(m, i);
	}
	resolve_rows(m, caps);
	set_controls(caps);
	caps->cr0_fixed0 = msr_value(m, VMX_MSR_CR0_FIXED0);
	caps->cr0_fixed1 = msr_value(m, VMX_MSR_CR0_FIXED1);
	caps->cr4_fixed0 = msr_value(m, VMX_MSR_CR4_FIXED0);
	caps->cr4_fixed1 = msr_value(m, VMX_MSR_CR4_FIXED1);
	caps->revision = caps_field(m, VMX_CAP_REVISION);
	caps->cr3_targets = caps_field(m, VMX_CAP_CR3_TARGETS);
}

static void count_missing(const struct vmx_msrs *m, struct caps_reason *why)
{
	unsigned int i;

	for (i = 0; i < VMX_CAP_COUNT; i++) {
		if (!caps_is_missing(m, i))
			continue;
		if (caps_table[i].need < CAPS_REQUIRED) {
			why->losses++;
			why->lost[i / 64] |= BIT_ULL(i % 64);
		} else if (!why->missing++) {
			why->cap = i;
		}
	}
}

static bool locked_off(u64 feature_control)
{
	return (feature_control & BIT_ULL(caps_table[VMX_CAP_LOCKED].bit)) &&
	       !(feature_control & BIT_ULL(caps_table[VMX_CAP_VMX_OUTSIDE_SMX].bit));
}

/**
 * caps_verdict() - judge a processor
 * @m:		its registers
 * @caps:	filled with what the driver sets up from, also after an error
 * @why:	filled with the facts for caps_explain()
 *
 * Return: 0 if kvmlet runs on it; -ENODEV: no VT-x; -EPERM: disabled and locked by firmware;
 * -EOPNOTSUPP: a required row is missing, the first of them is in @why.
 */
int caps_verdict(const struct vmx_msrs *m, struct vmx_caps *caps, struct caps_reason *why)
{
	compute(m, caps);
	memset(why, 0, sizeof(*why));
	why->vendor = m->value[VMX_MSR_CPUID_0_EBX];
	why->feature_control = msr_value(m, VMX_MSR_FEATURE_CONTROL);
	if (!caps_has(caps, VMX_CAP_VMX)) {
		why->verdict = CAPS_NO_VMX;
		return -ENODEV;
	}
	count_missing(m, why);
	if (locked_off(why->feature_control)) {
		why->verdict = CAPS_LOCKED_OFF;
		return -EPERM;
	}
	if (why->missing) {
		why->verdict = CAPS_MISSING;
		return -EOPNOTSUPP;
	}
	why->verdict = why->losses ? CAPS_RUNS_WITH_LOSSES : CAPS_RUNS;
	return 0;
}

static int explain_missing(const struct caps_reason *why, char *buf, size_t size)
{
	const struct caps_row *row = &caps_table[why->cap];
	const struct caps_word_info *info = &caps_word_info[row->word];
	const struct vmx_msr_info *msr = &vmx_msr_info[info->msr];
	unsigned int lo = row->bit + info->shift;
	char bits[24], more[48] = "";

	if (row->width > 1)
		snprintf(bits, sizeof(bits), "bits %u:%u", lo + row->width - 1, lo);
	else
		snprintf(bits, sizeof(bits), "bit %u", lo);
	if (why->missing > 1)
		snprintf(more, sizeof(more), "; %u more missing too",
			 why->missing - 1);
	return snprintf(buf, size,
			"does not run: \"%s\" is missing (%s, %s of %s, MSR 0x%x): %s%s",
			row->name, info->name, bits, msr->name, msr->index, row->costs, more);
}

static int explain_losses(const struct caps_reason *why, char *buf, size_t size)
{
	size_t len = snprintf(buf, size, "runs with %u loss%s: ", why->losses,
			      why->losses == 1 ? "" : "es");
	const char *comma = "";
	unsigned int i;

	for (i = 0; i < VMX_CAP_COUNT && len < size; i++) {
		if (!(why->lost[i / 64] & BIT_ULL(i % 64)))
			continue;
		len += snprintf(buf + len, size - len, "%s%s", comma, caps_table[i].name);
		comma = ", ";
	}
	if (len >= size && size > 4)
		strcpy(buf + size - 4, "...");
	return len;
}

static int explain_lock(const struct caps_reason *why, char *buf, size_t size)
{
	return snprintf(buf, size,
			"does not run: VT-x is locked off by firmware: IA32_FEATURE_CONTROL (MSR 0x3a) is 0x%llx: bit 0 (lock) is set, bit 2 (VMX outside SMX operation) is clear; switch on virtualization (VT-x) in the firmware's setup%s%s%s",
			(unsigned long long)why->feature_control,
			why->missing ? ", but \"" : "",
			why->missing ? caps_table[why->cap].name : "",
			why->missing ? "\" is missing too" : "");
}

/**
 * caps_explain() - a verdict in words, the same in the kernel log and in `kvmlet caps`
 * @why:	from caps_verdict()
 * @buf:	takes one line without a newline
 * @size:	bytes of @buf, best CAPS_TEXT
 *
 * Return: length of the text; @size or more: it was cut short
 */
int caps_explain(const struct caps_reason *why, char *buf, size_t size)
{
	const u32 auth = 0x68747541;	/* "Auth", of AuthenticAMD */

	switch (why->verdict) {
	case CAPS_NO_VMX:
		return snprintf(buf, size,
				"does not run: no VT-x: bit 5 (VMX) of CPUID.1:ECX is clear%s",
				why->vendor == auth ? " (this is an AMD processor; it has AMD-V)" :
				" (in a virtual machine, its host must offer nested VT-x)");
	case CAPS_LOCKED_OFF:
		return explain_lock(why, buf, size);
	case CAPS_MISSING:
		return explain_missing(why, buf, size);
	case CAPS_RUNS_WITH_LOSSES:
		return explain_losses(why, buf, size);
	case CAPS_RUNS:
		break;
	}
	return snprintf(buf, size, "runs: every capability that kvmlet can use is there");
}

/**
 * caps_first_difference() - compare two processors that are to run the same guests
 * @a:		one processor's registers
 * @b:		the other's
 *
 * Return: the first vmx_msr_id that differs in what a VMCS depends on, or -1
 */
int caps_first_difference(const struct vmx_msrs *a, const struct vmx_msrs *b)
{
	enum vmx_msr_id id;

	if (has_vmx(a) != has_vmx(b))
		return VMX_MSR_CPUID_1_ECX;
	if (locked_off(a->value[VMX_MSR_FEATURE_CONTROL]) !=
	    locked_off(b->value[VMX_MSR_FEATURE_CONTROL]))
		return VMX_MSR_FEATURE_CONTROL;
	for (id = VMX_MSR_BASIC; id < VMX_MSR_COUNT; id++)
		if (msr_value(a, id) != msr_value(b, id))
			return id;
	return -1;
}
