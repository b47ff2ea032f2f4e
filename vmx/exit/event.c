// SPDX-License-Identifier: GPL-2.0
/*
 * Exits by events: exceptions, windows, a triple fault. External interrupts, NMIs and machine
 * checks are the host's, and were handed to it when the exit came. SDM vol. 3C, 25.2, 27.2.2.
 */
#include <asm/cpu.h>
#include <asm/traps.h>
#include "vmx/cpu/cr.h"
#include "vmx/cpu/debug.h"
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
 * exit_window() - the guest may allow the event that waits: it is looked at before the entry
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

/*
 * The exit's qualification has the conditions. INT1 has not been passed yet. A single step into
 * the shadow of STI or MOV SS was taken out of the pending exceptions by the exit, but the entry
 * insists on finding it there.
 */
static int debug_exception(struct vcpu *vcpu)
{
	unsigned long dr6 = vmcs_readl(EXIT_QUALIFICATION);

	if ((vcpu->exit_intr_info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_PRIV_SW_EXCEPTION)
		skip_instruction(vcpu);
	else if ((vcpu_rflags(vcpu) & X86_EFLAGS_TF) &&
		 (vmcs_read32(GUEST_INTERRUPTIBILITY_INFO) & EVENT_SHADOWS))
		vmcs_writel(GUEST_PENDING_DBG_EXCEPTIONS,
			    vmcs_readl(GUEST_PENDING_DBG_EXCEPTIONS) | DR6_BS);
	event_debug(vcpu, dr6 & (DR_TRAP_BITS | DR6_BS | DR6_BD | DR6_BT));
	return 1;
}

/*
 * #AC is the guest's if it has alignment checks on. Otherwise the host's own detection of split
 * locks has found one: the kernel slows the thread down, or wants its program ended.
 */
static int alignment_check(struct vcpu *vcpu)
{
	u32 error = vmcs_read32(VM_EXIT_INTR_ERROR_CODE);
	bool guest = segment_cpl(vcpu) == 3 && (cr0_get(vcpu) & X86_CR0_AM) &&
		     (vcpu_rflags(vcpu) & X86_EFLAGS_AC);

	if (guest || !boot_cpu_has(X86_FEATURE_SPLIT_LOCK_DETECT)) {
		event_exception_error(vcpu, X86_TRAP_AC, error);
		return 1;
	}
	if (handle_guest_split_lock(vcpu_rip(vcpu)))
		return 1;
	vcpu->run->exit_reason = KVM_EXIT_EXCEPTION;
	vcpu->run->ex.exception = X86_TRAP_AC;
	vcpu->run->ex.error_code = error;
	return 0;
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
		event_block_nmi(vcpu, true);
	switch (vector) {
	case X86_TRAP_DB:
		return debug_exception(vcpu);
	case X86_TRAP_BP:
		return debugger_breakpoint(vcpu);
	case X86_TRAP_AC:
		return alignment_check(vcpu);
	case X86_TRAP_UD:
		/* Intercepted in SMM only. */
		return mmio_is_rsm(vcpu) ? smm_leave(vcpu) : exit_undefined(vcpu);
	default:
		return exit_unexpected(vcpu);
	}
}
