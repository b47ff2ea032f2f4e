// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of VM entry for the guest's registers, but segments, and for its non-register
 * state. Pure computation. SDM vol. 3C, 26.3.1.1 and 26.3.1.3 to 26.3.1.6.
 */
#include "vmx/hw/explain_internal.h"

#define REGISTERS	"26.3.1.1"
#define TABLES		"26.3.1.3"
#define RIP_RFLAGS	"26.3.1.4"
#define NON_REGISTER	"26.3.1.5"
#define PDPTES		"26.3.1.6"

#define DEBUGCTL_BTF		BIT(1)
#define RFLAGS_RESERVED		(~0ULL << 22 | BIT(15) | BIT(5) | BIT(3))
#define PENDING_BS		BIT(14)
#define PENDING_DEFINED		(0xfULL | BIT(12) | PENDING_BS | BIT(16))
#define PDPTE_RESERVED		0x1e6ULL

#define SHADOWS			(GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)

enum { ACTIVE, HLT, SHUTDOWN, WAIT_FOR_SIPI, ACTIVITIES };

static const struct explain_row rows[] = {
	{ REGISTERS, EXPLAIN_ALWAYS, EXPLAIN_ADDRESS, FIELD(GUEST_CR3), 0 },
	{ REGISTERS, VMX_CAP_ENTRY_LOAD_DEBUG, EXPLAIN_BITS, FIELD(GUEST_IA32_DEBUGCTL), 0xffc7 },
	{ REGISTERS, VMX_CAP_ENTRY_LOAD_DEBUG, EXPLAIN_BITS, FIELD(GUEST_DR7), 0xffffffff },
	{ REGISTERS, EXPLAIN_ALWAYS, EXPLAIN_CANONICAL, FIELD(GUEST_SYSENTER_ESP), 0 },
	{ REGISTERS, EXPLAIN_ALWAYS, EXPLAIN_CANONICAL, FIELD(GUEST_SYSENTER_EIP), 0 },
	{ REGISTERS, VMX_CAP_ENTRY_LOAD_PAT, EXPLAIN_PAT, FIELD(GUEST_IA32_PAT), 0 },
	{ REGISTERS, VMX_CAP_ENTRY_LOAD_BNDCFGS, EXPLAIN_BITS, FIELD(GUEST_BNDCFGS), ~0xffcULL },
	{ REGISTERS, VMX_CAP_ENTRY_LOAD_BNDCFGS, EXPLAIN_CANONICAL, FIELD(GUEST_BNDCFGS), 0 },
	{ TABLES, EXPLAIN_ALWAYS, EXPLAIN_CANONICAL, FIELD(GUEST_GDTR_BASE), 0 },
	{ TABLES, EXPLAIN_ALWAYS, EXPLAIN_CANONICAL, FIELD(GUEST_IDTR_BASE), 0 },
	{ TABLES, EXPLAIN_ALWAYS, EXPLAIN_BITS, FIELD(GUEST_GDTR_LIMIT), 0xffff },
	{ TABLES, EXPLAIN_ALWAYS, EXPLAIN_BITS, FIELD(GUEST_IDTR_LIMIT), 0xffff },
};

static void check_control_registers(struct explain *e)
{
	bool pg = e->cr0 & X86_CR0_PG;

	explain_cr(e, FIELD(GUEST_CR0), FIELD(GUEST_CR4), X86_CR0_NW | X86_CR0_CD |
		   (e->restricted ? 0 : X86_CR0_PE | X86_CR0_PG));
	explain_rule(e, !pg || (e->cr0 & X86_CR0_PE), FIELD(GUEST_CR0),
		     "PG (bit 31) needs PE (bit 0)");
	explain_rule(e, !e->long_mode || pg, FIELD(GUEST_CR0),
		     "PG (bit 31) must be 1 in IA-32e mode");
	explain_rule(e, !e->long_mode || (e->cr4 & X86_CR4_PAE), FIELD(GUEST_CR4),
		     "PAE (bit 5) must be 1 in IA-32e mode");
	explain_rule(e, e->long_mode || !(e->cr4 & X86_CR4_PCIDE), FIELD(GUEST_CR4),
		     "PCIDE (bit 17) must be 0 outside IA-32e mode");
	if (explain_on(e, VMX_CAP_ENTRY_LOAD_EFER))
		explain_efer(e, FIELD(GUEST_IA32_EFER), e->long_mode);
}

/* In 64-bit mode only bits beyond the linear-address width must agree: not quite canonical. */
static void check_rip(struct explain *e)
{
	u64 rip = explain_get(e, GUEST_RIP), high = rip >> e->source->linear_bits;

	if (!e->long_mode || !(explain_get(e, GUEST_CS_AR_BYTES) & VMX_AR_L_MASK))
		explain_bits(e, FIELD(GUEST_RIP), 0, 0xffffffff);
	else
		explain_rule(e, !high || high == ~0ULL >> e->source->linear_bits, FIELD(GUEST_RIP),
			     "bits 63:%u must be equal", e->source->linear_bits);
}

static void check_rflags(struct explain *e)
{
	const struct explain_field field = FIELD(GUEST_RFLAGS);

	explain_bits(e, field, BIT(1), ~RFLAGS_RESERVED);
	explain_rule(e, !(e->rflags & X86_EFLAGS_VM) || (!e->long_mode && (e->cr0 & X86_CR0_PE)),
		     field, "VM (bit 17) must be 0 in IA-32e and in real mode");
	explain_rule(e, e->event != EVENT_INTERRUPT || (e->rflags & X86_EFLAGS_IF), field,
		     "IF (bit 9) must be 1 to inject an external interrupt");
}

/* May the event be injected into a processor that is not active? */
static bool event_fits(const struct explain *e, u64 activity)
{
	bool exception = e->event == EVENT_EXCEPTION, nmi = e->event == EVENT_NMI;

	if (e->event == EVENT_NONE || activity == ACTIVE)
		return true;
	if (activity == WAIT_FOR_SIPI)
		return false;
	if (activity == SHUTDOWN)
		return nmi || (exception && e->vector == 18);
	return nmi || e->event == EVENT_INTERRUPT || (e->event == EVENT_OTHER && !e->vector) ||
	       (exception && (e->vector == 1 || e->vector == 18));
}

static void check_activity(struct explain *e, u64 blocked)
{
	static const u8 caps[ACTIVITIES] = {
		[HLT] = VMX_CAP_ACTIVITY_HLT, [SHUTDOWN] = VMX_CAP_ACTIVITY_SHUTDOWN,
		[WAIT_FOR_SIPI] = VMX_CAP_ACTIVITY_SIPI,
	};
	const struct explain_field field = FIELD(GUEST_ACTIVITY_STATE);
	u64 activity = explain_get(e, GUEST_ACTIVITY_STATE);

	explain_rule(e, activity < ACTIVITIES, field, "must be at most 3");
	if (activity == ACTIVE || activity >= ACTIVITIES)
		return;
	explain_rule(e, explain_can(e, caps[activity]), field,
		     "must be a state that IA32_VMX_MISC allows");
	explain_rule(e, activity != HLT || !VMX_AR_DPL(explain_get(e, GUEST_SS_AR_BYTES)), field,
		     "HLT (1) needs SS.DPL to be 0");
	explain_rule(e, !(blocked & SHADOWS), field,
		     "must be active (0) while STI or MOV SS blocks");
	explain_rule(e, event_fits(e, activity), field,
		     "the event to be injected is not allowed in this state");
}

static void check_blocking(struct explain *e, u64 blocked)
{
	const struct explain_field field = FIELD(GUEST_INTERRUPTIBILITY_INFO);
	bool mov_ss = blocked & GUEST_INTR_STATE_MOV_SS, nmi = e->event == EVENT_NMI;

	explain_bits(e, field, 0, SHADOWS | GUEST_INTR_STATE_NMI | GUEST_INTR_STATE_ENCLAVE_INTR);
	explain_rule(e, (blocked & SHADOWS) != SHADOWS, field,
		     "STI (bit 0) and MOV SS (bit 1) must not both block");
	explain_rule(e, !(blocked & GUEST_INTR_STATE_STI) || (e->rflags & X86_EFLAGS_IF), field,
		     "STI (bit 0) must not block while RFLAGS.IF is 0");
	explain_rule(e, e->event != EVENT_INTERRUPT || !(blocked & SHADOWS), field,
		     "bits 1:0 must be 0 to inject an external interrupt");
	explain_rule(e, !nmi || !mov_ss, field, "MOV SS (bit 1) must not block to inject an NMI");
	explain_rule(e, !nmi || !explain_on(e, VMX_CAP_VIRTUAL_NMIS) ||
		     !(blocked & GUEST_INTR_STATE_NMI), field,
		     "NMI (bit 3) must not block to inject an NMI");
	explain_rule(e, !(blocked & GUEST_INTR_STATE_ENCLAVE_INTR) || !mov_ss, field,
		     "enclave (bit 4) and MOV SS (bit 1) must not both be 1");
}

/* A trap after a shadow is pending if, and only if, the guest is single-stepped. */
static void check_pending(struct explain *e, u64 blocked)
{
	const struct explain_field field = FIELD(GUEST_PENDING_DBG_EXCEPTIONS);
	bool bs = explain_get(e, GUEST_PENDING_DBG_EXCEPTIONS) & PENDING_BS;
	bool stepped = (e->rflags & X86_EFLAGS_TF) &&
		       !(explain_get(e, GUEST_IA32_DEBUGCTL) & DEBUGCTL_BTF);

	explain_bits(e, field, 0, PENDING_DEFINED);
	if ((blocked & SHADOWS) || explain_get(e, GUEST_ACTIVITY_STATE) == HLT)
		explain_rule(e, bs == stepped, field,
			     "BS (bit 14) must be %d: RFLAGS.TF and DEBUGCTL.BTF after a shadow or HLT",
			     stepped);
}

static void check_pdptes(struct explain *e)
{
	static const struct explain_field fields[] = {
		FIELD(GUEST_PDPTR0), FIELD(GUEST_PDPTR1), FIELD(GUEST_PDPTR2), FIELD(GUEST_PDPTR3),
	};
	unsigned int i;

	if (!(e->cr0 & X86_CR0_PG) || !(e->cr4 & X86_CR4_PAE) || e->long_mode ||
	    !explain_on(e, VMX_CAP_EPT))
		return;
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (explain_get(e, fields[i].encoding) & 1)
			explain_address(e, fields[i], PDPTE_RESERVED);
}

/**
 * explain_guest() - the rules for guest state, but segments
 * @e:		the explanation
 */
void explain_guest(struct explain *e)
{
	u64 blocked = explain_get(e, GUEST_INTERRUPTIBILITY_INFO);

	e->section = REGISTERS;
	check_control_registers(e);
	explain_rows(e, rows, ARRAY_SIZE(rows));
	e->section = RIP_RFLAGS;
	check_rip(e);
	check_rflags(e);
	e->section = NON_REGISTER;
	check_activity(e, blocked);
	check_blocking(e, blocked);
	check_pending(e, blocked);
	if (explain_get(e, VMCS_LINK_POINTER) != ~0ULL)
		explain_address(e, FIELD(VMCS_LINK_POINTER), 0xfff);
	e->section = PDPTES;
	check_pdptes(e);
}
