// SPDX-License-Identifier: GPL-2.0
/*
 * Exits by events: exceptions, windows, a triple fault. External interrupts, NMIs and machine
 * checks are the host's, and were handed to it when the exit came. SDM vol. 3C, 25.2, 27.2.2.
 */
#include <linux/sched.h>
#include <asm/debugreg.h>
#include <asm/traps.h>
#include <asm/vmx.h>
#include "vmx/cpu/debug.h"
#include "vmx/cpu/event.h"
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"

/* Of VM-exit interruption information: the exit came in IRET, after it unblocked NMIs. */
#define INTR_INFO_NMI_UNBLOCKED	BIT(12)

/**
 * exit_nothing() - an exit that needs nothing of us
 * @vcpu: loaded
 *
 * Return: 1.
 */
int exit_nothing(struct vcpu *vcpu)
{
	return 1;
}

/**
 * exit_window() - the guest allows the event that waits: it is looked at before the entry
 * @vcpu: loaded
 *
 * Return: 1.
 */
int exit_window(struct vcpu *vcpu)
{
	vcpu_request(vcpu, REQ_EVENT);
	return 1;
}

/**
 * exit_triple_fault() - the guest's processor shuts down
 * @vcpu: loaded
 *
 * Return: 0, with KVM_EXIT_SHUTDOWN.
 */
int exit_triple_fault(struct vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
	return 0;
}

/* The exit's qualification has the conditions; a single step must not be pending twice. */
static int debug_exception(struct vcpu *vcpu)
{
	unsigned long dr6 = vmcs_readl(EXIT_QUALIFICATION);

	event_debug(vcpu, dr6 & (DR_TRAP_BITS | DR6_BS | DR6_BD | DR6_BT));
	return 1;
}

/**
 * exit_exception() - an exception that is intercepted, or an NMI
 * @vcpu: loaded
 *
 * Return: see exit.h.
 */
int exit_exception(struct vcpu *vcpu)
{
	u32 info = vcpu->exit_intr_info;
	u8 vector = info & INTR_INFO_VECTOR_MASK;

	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR || vector == X86_TRAP_MC)
		return 1;
	if ((info & INTR_INFO_NMI_UNBLOCKED) && vector != X86_TRAP_DF &&
	    !(vmcs_read32(IDT_VECTORING_INFO_FIELD) & VECTORING_INFO_VALID_MASK))
		vmcs_write32(GUEST_INTERRUPTIBILITY_INFO,
			     vmcs_read32(GUEST_INTERRUPTIBILITY_INFO) | GUEST_INTR_STATE_NMI);
	switch (vector) {
	case X86_TRAP_DB:
		return debug_exception(vcpu);
	case X86_TRAP_AC:
		event_exception_error(vcpu, X86_TRAP_AC, vmcs_read32(VM_EXIT_INTR_ERROR_CODE));
		return 1;
	default:
		return exit_unexpected(vcpu);
	}
}
