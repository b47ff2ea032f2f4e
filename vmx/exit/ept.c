// SPDX-License-Identifier: GPL-2.0
/*
 * EPT violations: a page is mapped, or there is none and the access is emulated; and accesses to
 * a LAPIC's page that the processor does not do, or not alone.
 * SDM vol. 3C, 28.2.3, 29.4; vol. 3D, tables 27-6 and 27-7.
 */
#include <linux/irqflags.h>
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"
#include "vmx/irqchip/irqchip.h"
#include "vmx/trace.h"

static bool event_interrupted(const struct vcpu *vcpu)
{
	return vcpu->ev.exception.injected || vcpu->ev.nmi.injected ||
	       vcpu->ev.interrupt.injected;
}

/* The page of ours is there only for one whose LAPIC the processor plays: else a hole is. */
static enum mmu_access access_of(const struct vcpu *vcpu, unsigned long qual)
{
	if (qual & EPT_VIOLATION_ACC_INSTR)
		return MMU_EXEC;
	return (qual & EPT_VIOLATION_ACC_WRITE ? MMU_WRITE : MMU_READ) |
	       (vcpu->vmcs->proc2 & SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES ? MMU_OWN : 0);
}

/* An IRET that was ended here has unblocked NMIs already; it will do so again. */
static void block_nmi_again(struct vcpu *vcpu, unsigned long qual)
{
	if ((qual & QUAL_NMI_UNBLOCKED) && !event_interrupted(vcpu))
		event_block_nmi(vcpu, true);
}

/**
 * exit_pml_full() - the log of writes is full, and was drained after the exit (pml.c)
 * @vcpu: loaded
 *
 * Return: see exit.h.
 */
int exit_pml_full(struct vcpu *vcpu)
{
	block_nmi_again(vcpu, vmcs_readl(EXIT_QUALIFICATION));
	return 1;
}

static noinline int violation(struct vcpu *vcpu)
{
	unsigned long qual = vmcs_readl(EXIT_QUALIFICATION);
	gpa_t gpa = vmcs_read64(GUEST_PHYSICAL_ADDRESS);
	int r;

	block_nmi_again(vcpu, qual);
	r = mmu_fault(&vcpu->vm->mmu, vcpu->root, gpa, access_of(vcpu, qual));
	trace_ept_fault(vcpu, gpa, qual, r);
	if (likely(r == MMU_FAULT_MAPPED)) {
		stats_add(vcpu, pf_fixed);
		return 1;
	}
	if (r == MMU_FAULT_MMIO) {
		stats_add(vcpu, pf_emulate);
		return event_interrupted(vcpu) ? exit_delivery_error(vcpu) :
						 mmio_access(vcpu, gpa, qual);
	}
	if (r == -EINTR) {
		vcpu->run->exit_reason = KVM_EXIT_INTR;
		return r;
	}
	if (r == -ENOMEM || r == -EIO)
		return r;
	return exit_memory_fault(vcpu, gpa & PAGE_MASK, PAGE_SIZE);
}

/**
 * exit_ept_violation() - the guest accessed what EPT does not map, or not so
 * @vcpu: loaded
 *
 * Return: see exit.h.
 */
int exit_ept_violation(struct vcpu *vcpu)
{
	return irqs_disabled() ? known_at_once(vcpu) : violation(vcpu);
}

/**
 * exit_apic_access() - an access to the LAPIC's page that has to be emulated
 * @vcpu: loaded
 *
 * Return: see exit.h.
 */
int exit_apic_access(struct vcpu *vcpu)
{
	stats_add(vcpu, pf_emulate);
	return event_interrupted(vcpu) ? exit_delivery_error(vcpu) : mmio_emulate(vcpu);
}

/**
 * exit_apic_write() - the guest has written to a register in the LAPIC's page
 * @vcpu: loaded
 *
 * Return: 1. The instruction is done.
 */
int exit_apic_write(struct vcpu *vcpu)
{
	lapic_written(vcpu, vmcs_readl(EXIT_QUALIFICATION));
	return 1;
}

/**
 * exit_eoi() - the guest has ended an interrupt of which others hear
 * @vcpu: loaded
 *
 * Return: 1. The instruction is done.
 */
int exit_eoi(struct vcpu *vcpu)
{
	lapic_ended(vcpu, vmcs_readl(EXIT_QUALIFICATION));
	return 1;
}
