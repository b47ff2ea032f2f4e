// SPDX-License-Identifier: GPL-2.0
/*
 * MOV to and from control registers, CLTS, LMSW. SDM vol. 3D, table 27-3.
 */
#include "vmx/cpu/cr.h"
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"

/* Exit qualification for control-register accesses. */
#define CR_NUMBER(qual)		((qual) & 15)
#define CR_TYPE(qual)		(((qual) >> 4) & 3)
#define CR_GPR(qual)		(((qual) >> 8) & 15)
#define CR_LMSW_SOURCE(qual)	((u16)((qual) >> 16))

enum { CR_MOV_TO, CR_MOV_FROM, CR_CLTS, CR_LMSW };

#define LMSW_BITS	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS)

static int guest_cr0(struct vcpu *vcpu, unsigned long value)
{
	if (cr0_set(vcpu, value))
		return raise_gp(vcpu);
	skip_instruction(vcpu);
	return likely(cr_state_runs(vcpu)) ? 1 : exit_mode_unsupported(vcpu);
}

/* User space that owns the LAPIC must hear of a lower TPR: an interrupt may pass now. */
static int guest_cr8(struct vcpu *vcpu, unsigned long value)
{
	unsigned long old = vcpu_cr8(vcpu);

	if (vcpu_set_cr8(vcpu, value))
		return raise_gp(vcpu);
	skip_instruction(vcpu);
	if (vcpu->lapic || old <= value)
		return 1;
	vcpu->run->exit_reason = KVM_EXIT_SET_TPR;
	return 0;
}

static int mov_to_cr(struct vcpu *vcpu, unsigned int cr, unsigned long value)
{
	/* Outside 64-bit mode only the low half of the register is the operand. */
	if (value != (u32)value && !segment_cs_long(vcpu))
		value = (u32)value;
	switch (cr) {
	case 0:
		return guest_cr0(vcpu, value);
	case 3:
		if (cr4_get(vcpu) & X86_CR4_PCIDE)
			value &= ~X86_CR3_PCID_NOFLUSH;
		return cr3_set(vcpu, value) ? raise_gp(vcpu) : skip_instruction(vcpu);
	case 4:
		return cr4_set(vcpu, value) ? raise_gp(vcpu) : skip_instruction(vcpu);
	case 8:
		return guest_cr8(vcpu, value);
	default:
		return exit_unexpected(vcpu);
	}
}

static int mov_from_cr(struct vcpu *vcpu, unsigned int cr, unsigned int gpr)
{
	if (cr != 3 && cr != 8)
		return exit_unexpected(vcpu);
	vcpu_set_gpr(vcpu, gpr, cr == 3 ? cr3_get(vcpu) : vcpu_cr8(vcpu));
	return skip_instruction(vcpu);
}

/* LMSW cannot clear PE. */
static int lmsw(struct vcpu *vcpu, u16 source)
{
	unsigned long cr0 = cr0_get(vcpu);

	return guest_cr0(vcpu, (cr0 & ~(LMSW_BITS & ~X86_CR0_PE)) | (source & LMSW_BITS));
}

/**
 * exit_cr() - an access to a control register
 * @vcpu: loaded
 *
 * Return: see exit.h.
 */
int exit_cr(struct vcpu *vcpu)
{
	unsigned long qual = vmcs_readl(EXIT_QUALIFICATION);

	switch (CR_TYPE(qual)) {
	case CR_MOV_TO:
		return mov_to_cr(vcpu, CR_NUMBER(qual), vcpu_gpr(vcpu, CR_GPR(qual)));
	case CR_MOV_FROM:
		return mov_from_cr(vcpu, CR_NUMBER(qual), CR_GPR(qual));
	case CR_CLTS:
		return guest_cr0(vcpu, cr0_get(vcpu) & ~X86_CR0_TS);
	default:
		return lmsw(vcpu, CR_LMSW_SOURCE(qual));
	}
}
