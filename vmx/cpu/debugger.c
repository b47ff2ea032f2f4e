// SPDX-License-Identifier: GPL-2.0
/*
 * The debugger in user space, KVM_SET_GUEST_DEBUG: breakpoints by INT3 or in the debug registers,
 * single steps, and exceptions that it gives back to the guest.
 *
 * A #DB of the guest, by hardware or by an instruction that is emulated, is queued like any other
 * exception. With a debugger REQ_DEBUG is made then, and before the next entry debugger_serve()
 * takes it out of the queue and leaves by KVM_EXIT_DEBUG. One that was given back has no payload,
 * and is the guest's. So a vCPU without a debugger pays nothing.
 *
 * vcpu->mutex, vCPU loaded. SDM vol. 3B, 17.2 and 17.3; vol. 3C, 26.7.3 (pending debug exceptions).
 */
#include <asm/traps.h>
#include "vmx/cpu/debug.h"
#include "vmx/cpu/debugger.h"
#include "vmx/cpu/regs.h"

#define INT3_BYTES	1

/**
 * debugger_takes() - is there a #DB that is the debugger's, not the guest's?
 * @vcpu: loaded
 *
 * Return: true if one is pending that the next entry makes KVM_EXIT_DEBUG.
 */
bool debugger_takes(const struct vcpu *vcpu)
{
	return event_debug_pending(vcpu) &&
	       (vcpu->debugger.control & (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP));
}

/**
 * debugger_set() - KVM_SET_GUEST_DEBUG
 * @vcpu: loaded
 * @debug: what the debugger wants from now on, and the exception that it gives back
 *
 * Return: 0; -EINVAL for an unknown control; -EBUSY, with nothing changed, if an exception is to
 * be given back while another one is on its way.
 */
int debugger_set(struct vcpu *vcpu, const struct kvm_guest_debug *debug)
{
	const u32 gives_back = KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP;
	struct vcpu_debugger *debugger = &vcpu->debugger;

	if (debug->control & ~DEBUGGER_CONTROLS)
		return -EINVAL;
	if ((debug->control & gives_back) && vcpu->ev.exception.pending)
		return -EBUSY;
	if (debug->control & KVM_GUESTDBG_INJECT_DB)
		event_exception(vcpu, X86_TRAP_DB);
	else if (debug->control & KVM_GUESTDBG_INJECT_BP)
		event_soft_exception(vcpu, X86_TRAP_BP, INT3_BYTES);
	if (debugger->control & KVM_GUESTDBG_SINGLESTEP)
		vcpu_set_rflags(vcpu, vcpu_rflags(vcpu) & ~X86_EFLAGS_TF);
	debugger->control = debug->control & KVM_GUESTDBG_ENABLE ? debug->control : 0;
	memcpy(debugger->dr, debug->arch.debugreg, sizeof(debugger->dr));
	debugger->dr7 = debug->arch.debugreg[7];
	debug_arm(vcpu);
	vcpu->vmcs->exceptions &= ~BIT(X86_TRAP_BP);
	if (debugger->control & KVM_GUESTDBG_USE_SW_BP)
		vcpu->vmcs->exceptions |= BIT(X86_TRAP_BP);
	vmcs_write32(EXCEPTION_BITMAP, vcpu->vmcs->exceptions);
	vcpu_request(vcpu, REQ_DEBUG);
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

static unsigned long linear_rip(struct vcpu *vcpu)
{
	struct kvm_segment cs;

	if (segment_cs_long(vcpu))
		return vcpu_rip(vcpu);
	segment_get(vcpu, SEG_CS, &cs);
	return (u32)(cs.base + vcpu_rip(vcpu));
}

static void leave(struct vcpu *vcpu, u8 vector, unsigned long dr6)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.exception = vector;
	run->debug.arch.pad = 0;
	run->debug.arch.pc = linear_rip(vcpu);
	run->debug.arch.dr6 = dr6;
	run->debug.arch.dr7 = vcpu->armed_dr7;
}

/*
 * The step goes into what follows, whatever shadow STI or MOV SS casts. With the shadow goes the
 * single step that an entry would insist on finding there.
 */
static void begin_step(struct vcpu *vcpu)
{
	vcpu_set_rflags(vcpu, vcpu_rflags(vcpu) | X86_EFLAGS_TF);
	event_set_shadow(vcpu, 0);
	vmcs_writel(GUEST_PENDING_DBG_EXCEPTIONS,
		    vmcs_readl(GUEST_PENDING_DBG_EXCEPTIONS) & ~DR6_BS);
}

/**
 * debugger_serve() - REQ_DEBUG: before an entry
 * @vcpu: loaded
 *
 * Return: 1 to go on; 0 with KVM_EXIT_DEBUG for a #DB that is the debugger's.
 */
int debugger_serve(struct vcpu *vcpu)
{
	if (debugger_takes(vcpu)) {
		leave(vcpu, X86_TRAP_DB, debug_dr6_of(vcpu->ev.exception.payload));
		vcpu->ev.exception.pending = false;
		vcpu->ev.exception.has_payload = false;
		/* The next KVM_RUN steps on. */
		vcpu_request(vcpu, REQ_DEBUG);
		return 0;
	}
	if (vcpu->debugger.control & KVM_GUESTDBG_SINGLESTEP)
		begin_step(vcpu);
	return 1;
}

/**
 * debugger_breakpoint() - #BP, which is intercepted for a debugger only
 * @vcpu: loaded, RIP at the INT3
 *
 * Return: 0, with KVM_EXIT_DEBUG.
 */
int debugger_breakpoint(struct vcpu *vcpu)
{
	leave(vcpu, X86_TRAP_BP, 0);
	vcpu_request(vcpu, REQ_DEBUG);
	return 0;
}
