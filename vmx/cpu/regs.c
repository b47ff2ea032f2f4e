// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET/SET_REGS, KVM_GET/SET_SREGS and SREGS2: the general registers, and the system's.
 *
 * vcpu->mutex, vCPU loaded.
 */
#include "vmx/cpu/cr.h"
#include "vmx/cpu/regs.h"
#include "vmx/irqchip/irqchip.h"

/* struct kvm_regs has another order than instructions. */
#define EACH_GPR(X)								\
	X(rax, GPR_RAX) X(rbx, GPR_RBX) X(rcx, GPR_RCX) X(rdx, GPR_RDX)		\
	X(rsi, GPR_RSI) X(rdi, GPR_RDI) X(rsp, GPR_RSP) X(rbp, GPR_RBP)		\
	X(r8, GPR_R8) X(r9, GPR_R9) X(r10, GPR_R10) X(r11, GPR_R11)		\
	X(r12, GPR_R12) X(r13, GPR_R13) X(r14, GPR_R14) X(r15, GPR_R15)

/**
 * regs_get() - KVM_GET_REGS
 * @vcpu: loaded
 * @regs: filled in, all of it
 */
void regs_get(struct vcpu *vcpu, struct kvm_regs *regs)
{
	vcpu_gpr(vcpu, GPR_RSP);
#define GET(name, nr)	regs->name = vcpu->gpr[nr];
	EACH_GPR(GET)
#undef GET
	regs->rip = vcpu_rip(vcpu);
	regs->rflags = vcpu_rflags(vcpu);
	/* A debugger's steps are not the guest's business, nor the monitor's. */
	if (vcpu->debugger.control & KVM_GUESTDBG_SINGLESTEP)
		regs->rflags &= ~X86_EFLAGS_TF;
}

/**
 * regs_set() - KVM_SET_REGS; an exception on its way is dropped, as upstream does
 * @vcpu: loaded
 * @regs: new values
 */
void regs_set(struct vcpu *vcpu, const struct kvm_regs *regs)
{
#define SET(name, nr)	vcpu->gpr[nr] = regs->name;
	EACH_GPR(SET)
#undef SET
	vcpu_set_gpr(vcpu, GPR_RSP, regs->rsp);
	vcpu_set_rip(vcpu, regs->rip);
	vcpu_set_rflags(vcpu, regs->rflags);
	vcpu->ev.exception.pending = false;
	vcpu_request(vcpu, REQ_EVENT);
	vcpu_request(vcpu, REQ_DEBUG);
}

/* struct kvm_sregs names its segments; ours are numbered. */
static const struct { u8 nr; u16 offset; } kvm_segments[] = {
	{ SEG_CS, offsetof(struct kvm_sregs, cs) }, { SEG_DS, offsetof(struct kvm_sregs, ds) },
	{ SEG_ES, offsetof(struct kvm_sregs, es) }, { SEG_FS, offsetof(struct kvm_sregs, fs) },
	{ SEG_GS, offsetof(struct kvm_sregs, gs) }, { SEG_SS, offsetof(struct kvm_sregs, ss) },
	{ SEG_TR, offsetof(struct kvm_sregs, tr) }, { SEG_LDTR, offsetof(struct kvm_sregs, ldt) },
};

static void *segment_in(const struct kvm_sregs *sregs, unsigned int i)
{
	return (char *)sregs + kvm_segments[i].offset;
}

/* Up to there the two structures are one. */
static_assert(offsetof(struct kvm_sregs, interrupt_bitmap) == offsetof(struct kvm_sregs2, flags));

static void get_common(struct vcpu *vcpu, struct kvm_sregs *sregs)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kvm_segments); i++)
		segment_get(vcpu, kvm_segments[i].nr, segment_in(sregs, i));
	dtable_get(vcpu, false, &sregs->gdt);
	dtable_get(vcpu, true, &sregs->idt);
	sregs->cr0 = cr0_get(vcpu);
	sregs->cr2 = vcpu->cr2;
	sregs->cr3 = cr3_get(vcpu);
	sregs->cr4 = cr4_get(vcpu);
	sregs->cr8 = vcpu_cr8(vcpu);
	sregs->efer = vcpu->efer;
	sregs->apic_base = vcpu->apic_base;
}

/**
 * sregs_get() - KVM_GET_SREGS
 * @vcpu: loaded
 * @sregs: filled in, zeroed by the caller
 */
void sregs_get(struct vcpu *vcpu, struct kvm_sregs *sregs)
{
	int vector = event_interrupt_vector(vcpu);

	get_common(vcpu, sregs);
	if (vector >= 0)
		__set_bit(vector, (unsigned long *)sregs->interrupt_bitmap);
}

/**
 * sregs2_get() - KVM_GET_SREGS2: with the PDPTEs that the processor holds, which memory may not
 * @vcpu: loaded
 * @sregs: filled in, zeroed by the caller
 */
void sregs2_get(struct vcpu *vcpu, struct kvm_sregs2 *sregs)
{
	get_common(vcpu, (struct kvm_sregs *)sregs);
	if (cr_pae_paging(sregs->cr0, sregs->cr4, sregs->efer)) {
		cr_get_pdptrs(sregs->pdptrs);
		sregs->flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	}
}

static int set_common(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	unsigned int i;

	if (!cr_sregs_valid(vcpu, sregs) || lapic_set_base(vcpu, sregs->apic_base, true))
		return -EINVAL;
	dtable_set(vcpu, false, &sregs->gdt);
	dtable_set(vcpu, true, &sregs->idt);
	vcpu->cr2 = sregs->cr2;
	vcpu_set_cr8(vcpu, sregs->cr8);
	cr_force(vcpu, sregs->cr0, sregs->cr3, sregs->cr4, sregs->efer);
	for (i = 0; i < ARRAY_SIZE(kvm_segments); i++)
		segment_set(vcpu, kvm_segments[i].nr, segment_in(sregs, i));
	if (vcpu->efer & EFER_LMA)
		segment_fix_tr(vcpu);
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

/**
 * sregs_set() - KVM_SET_SREGS
 * @vcpu: loaded
 * @sregs: new values
 *
 * Return: 0, or -EINVAL with nothing changed: a combination of control registers that the
 * processor does not allow, or a mode of the LAPIC.
 */
int sregs_set(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	unsigned long vector = find_first_bit((const unsigned long *)sregs->interrupt_bitmap,
					      KVM_NR_INTERRUPTS);

	if (set_common(vcpu, sregs))
		return -EINVAL;
	/* Upstream takes bad PDPTEs here; the entry refuses them if they stay so. */
	if (cr_pae_paging(sregs->cr0, sregs->cr4, sregs->efer))
		cr_load_pdptrs(vcpu);
	if (vector < KVM_NR_INTERRUPTS)
		event_set_interrupt(vcpu, vector);
	return 0;
}

/**
 * sregs2_set() - KVM_SET_SREGS2
 * @vcpu: loaded
 * @sregs: new values; the PDPTEs are read from memory unless flags say that they are there
 *
 * Return: 0, or -EINVAL with nothing changed: as sregs_set(); PDPTEs in another paging mode.
 */
int sregs2_set(struct vcpu *vcpu, const struct kvm_sregs2 *sregs)
{
	bool pae = cr_pae_paging(sregs->cr0, sregs->cr4, sregs->efer);

	if ((sregs->flags & ~KVM_SREGS2_FLAGS_PDPTRS_VALID) || (sregs->flags && !pae) ||
	    set_common(vcpu, (const struct kvm_sregs *)sregs))
		return -EINVAL;
	if (sregs->flags)
		cr_set_pdptrs(sregs->pdptrs);
	else if (pae)
		cr_load_pdptrs(vcpu);
	return 0;
}
