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

#define DEBUGCTL_DEFINED	0xffc7ULL
#define DEBUGCTL_BTF		BIT(1)
#define RFLAGS_RESERVED		(~0ULL << 22 | BIT(15) | BIT(5) | BIT(3))
#define PENDING_BS		BIT(14)
#define PENDING_DEFINED		(0xfULL | BIT(12) | PENDING_BS | BIT(16))
#define PDPTE_RESERVED		0x1e6ULL

#define BLOCKED_STI		BIT(0)
#define BLOCKED_MOV_SS		BIT(1)
#define BLOCKED_SMI		BIT(2)
#define BLOCKED_NMI		BIT(3)
#define BLOCKED_ENCLAVE		BIT(4)

enum { ACTIVE, HLT, SHUTDOWN, WAIT_FOR_SIPI, ACTIVITIES };

static void check_cr0(struct explain *e)
{
	const struct vmx_caps *caps = e->source->caps;
	u64 ignored = X86_CR0_NW | X86_CR0_CD;

	if (!e->restricted)
		ignored |= X86_CR0_PE | X86_CR0_PG;
	explain_bits(e, GUEST_CR0, REGISTERS, caps->cr0_fixed0 & ~ignored,
		     caps->cr0_fixed1 | ignored);
	explain_rule(e, !(e->cr0 & X86_CR0_PG) || (e->cr0 & X86_CR0_PE), GUEST_CR0, REGISTERS,
		     "PG (bit 31) needs PE (bit 0)");
	explain_rule(e, !e->long_mode || (e->cr0 & X86_CR0_PG), GUEST_CR0, REGISTERS,
		     "PG (bit 31) must be 1 in IA-32e mode");
}

static void check_cr4(struct explain *e)
{
	const struct vmx_caps *caps = e->source->caps;

	explain_bits(e, GUEST_CR4, REGISTERS, caps->cr4_fixed0, caps->cr4_fixed1);
	explain_rule(e, !(e->cr4 & EXPLAIN_CR4_CET) || (e->cr0 & X86_CR0_WP), GUEST_CR4,
		     REGISTERS, "CET (bit 23) needs CR0.WP");
	explain_rule(e, !e->long_mode || (e->cr4 & X86_CR4_PAE), GUEST_CR4, REGISTERS,
		     "PAE (bit 5) must be 1 in IA-32e mode");
	explain_rule(e, e->long_mode || !(e->cr4 & X86_CR4_PCIDE), GUEST_CR4, REGISTERS,
		     "PCIDE (bit 17) must be 0 outside IA-32e mode");
}

static void check_msrs(struct explain *e)
{
	if (explain_on(e, VMX_CAP_ENTRY_LOAD_DEBUG)) {
		explain_bits(e, GUEST_IA32_DEBUGCTL, REGISTERS, 0, DEBUGCTL_DEFINED);
		explain_bits(e, GUEST_DR7, REGISTERS, 0, 0xffffffff);
	}
	explain_canonical(e, GUEST_SYSENTER_ESP, REGISTERS);
	explain_canonical(e, GUEST_SYSENTER_EIP, REGISTERS);
	if (explain_on(e, VMX_CAP_ENTRY_LOAD_PAT))
		explain_pat(e, GUEST_IA32_PAT, REGISTERS);
	if (explain_on(e, VMX_CAP_ENTRY_LOAD_EFER))
		explain_efer(e, GUEST_IA32_EFER, REGISTERS, e->long_mode);
	if (explain_on(e, VMX_CAP_ENTRY_LOAD_BNDCFGS)) {
		explain_bits(e, GUEST_BNDCFGS, REGISTERS, 0, ~0xffcULL);
		explain_canonical(e, GUEST_BNDCFGS, REGISTERS);
	}
}

static void check_tables(struct explain *e)
{
	explain_canonical(e, GUEST_GDTR_BASE, TABLES);
	explain_canonical(e, GUEST_IDTR_BASE, TABLES);
	explain_bits(e, GUEST_GDTR_LIMIT, TABLES, 0, 0xffff);
	explain_bits(e, GUEST_IDTR_LIMIT, TABLES, 0, 0xffff);
}

/* In 64-bit mode only bits beyond the linear-address width must agree: not quite canonical. */
static void check_rip(struct explain *e)
{
	u64 rip = explain_get(e, GUEST_RIP), high = rip >> e->source->linear_bits;

	if (!e->long_mode || !(explain_get(e, GUEST_CS_AR_BYTES) & AR_L))
		explain_bits(e, GUEST_RIP, RIP_RFLAGS, 0, 0xffffffff);
	else
		explain_rule(e, !high || high == ~0ULL >> e->source->linear_bits, GUEST_RIP,
			     RIP_RFLAGS, "bits 63:%u must be equal", e->source->linear_bits);
}

static void check_rflags(struct explain *e)
{
	explain_bits(e, GUEST_RFLAGS, RIP_RFLAGS, BIT(1), ~RFLAGS_RESERVED);
	explain_rule(e, !(e->rflags & X86_EFLAGS_VM) || (!e->long_mode && (e->cr0 & X86_CR0_PE)),
		     GUEST_RFLAGS, RIP_RFLAGS,
		     "VM (bit 17) must be 0 in IA-32e and in real mode");
	explain_rule(e, e->event != EVENT_INTERRUPT || (e->rflags & X86_EFLAGS_IF), GUEST_RFLAGS,
		     RIP_RFLAGS, "IF (bit 9) must be 1 to inject an external interrupt");
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
	const u32 field = GUEST_ACTIVITY_STATE;
	u64 activity = explain_get(e, field);

	explain_rule(e, activity < ACTIVITIES, field, NON_REGISTER, "must be at most 3");
	if (activity == ACTIVE || activity >= ACTIVITIES)
		return;
	explain_rule(e, explain_can(e, caps[activity]), field, NON_REGISTER,
		     "must be a state that IA32_VMX_MISC allows");
	explain_rule(e, activity != HLT || !AR_DPL(explain_get(e, GUEST_SS_AR_BYTES)), field,
		     NON_REGISTER, "HLT (1) needs SS.DPL to be 0");
	explain_rule(e, !(blocked & (BLOCKED_STI | BLOCKED_MOV_SS)), field, NON_REGISTER,
		     "must be active (0) while STI or MOV SS blocks");
	explain_rule(e, event_fits(e, activity), field, NON_REGISTER,
		     "the event to be injected is not allowed in this state");
}

static void check_blocking(struct explain *e, u64 blocked)
{
	const u32 field = GUEST_INTERRUPTIBILITY_INFO, both = BLOCKED_STI | BLOCKED_MOV_SS;
	bool nmi = e->event == EVENT_NMI;

	explain_bits(e, field, NON_REGISTER, 0, both | BLOCKED_NMI | BLOCKED_ENCLAVE);
	explain_rule(e, (blocked & both) != both, field, NON_REGISTER,
		     "STI (bit 0) and MOV SS (bit 1) must not both block");
	explain_rule(e, !(blocked & BLOCKED_STI) || (e->rflags & X86_EFLAGS_IF), field,
		     NON_REGISTER, "STI (bit 0) must not block while RFLAGS.IF is 0");
	explain_rule(e, e->event != EVENT_INTERRUPT || !(blocked & both), field, NON_REGISTER,
		     "bits 1:0 must be 0 to inject an external interrupt");
	explain_rule(e, !nmi || !(blocked & BLOCKED_MOV_SS), field, NON_REGISTER,
		     "MOV SS (bit 1) must not block to inject an NMI");
	explain_rule(e, !nmi || !explain_on(e, VMX_CAP_VIRTUAL_NMIS) || !(blocked & BLOCKED_NMI),
		     field, NON_REGISTER, "NMI (bit 3) must not block to inject an NMI");
	explain_rule(e, !(blocked & BLOCKED_ENCLAVE) || !(blocked & BLOCKED_MOV_SS), field,
		     NON_REGISTER, "enclave (bit 4) and MOV SS (bit 1) must not both be 1");
}

/* A trap after a shadow is pending if, and only if, the guest is single-stepped. */
static void check_pending(struct explain *e, u64 blocked)
{
	const u32 field = GUEST_PENDING_DBG_EXCEPTIONS;
	bool bs = explain_get(e, field) & PENDING_BS, stepped;

	explain_bits(e, field, NON_REGISTER, 0, PENDING_DEFINED);
	if (!(blocked & (BLOCKED_STI | BLOCKED_MOV_SS)) &&
	    explain_get(e, GUEST_ACTIVITY_STATE) != HLT)
		return;
	stepped = (e->rflags & X86_EFLAGS_TF) &&
		  !(explain_get(e, GUEST_IA32_DEBUGCTL) & DEBUGCTL_BTF);
	explain_rule(e, bs == stepped, field, NON_REGISTER,
		     "BS (bit 14) must be %d: RFLAGS.TF and DEBUGCTL.BTF after a shadow or HLT",
		     stepped);
}

static void check_link(struct explain *e)
{
	if (explain_get(e, VMCS_LINK_POINTER) != ~0ULL)
		explain_address(e, VMCS_LINK_POINTER, NON_REGISTER, 0xfff);
}

static void check_pdptes(struct explain *e)
{
	static const u32 fields[] = { GUEST_PDPTR0, GUEST_PDPTR1, GUEST_PDPTR2, GUEST_PDPTR3 };
	unsigned int i;

	if (!(e->cr0 & X86_CR0_PG) || !(e->cr4 & X86_CR4_PAE) || e->long_mode ||
	    !explain_on(e, VMX_CAP_EPT))
		return;
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (explain_get(e, fields[i]) & 1)
			explain_bits(e, fields[i], PDPTES, 0,
				     ~(PDPTE_RESERVED | explain_beyond(e)));
}

/**
 * explain_guest() - the rules for guest state, but segments
 * @e:		the explanation
 */
void explain_guest(struct explain *e)
{
	u64 blocked = explain_get(e, GUEST_INTERRUPTIBILITY_INFO);

	check_cr0(e);
	explain_address(e, GUEST_CR3, REGISTERS, 0);
	check_cr4(e);
	check_msrs(e);
	check_tables(e);
	check_rip(e);
	check_rflags(e);
	check_activity(e, blocked);
	check_blocking(e, blocked);
	check_pending(e, blocked);
	check_link(e);
	check_pdptes(e);
}
