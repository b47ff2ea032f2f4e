// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions that exit and need only a few lines: HLT, VMCALL, XSETBV and those that are
 * done by doing nothing. SDM vol. 3C, 25.1.
 */
#include <linux/kvm_para.h>
#include <linux/sched.h>
#include <asm/traps.h>
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"

/**
 * exit_skip() - INVD, WBINVD, MONITOR, MWAIT: done by doing nothing
 * @vcpu: loaded
 *
 * No device of the guest bypasses the caches, so there is nothing to write back; MWAIT may
 * always return at once. Return: 1.
 */
int exit_skip(struct vcpu *vcpu)
{
	return skip_instruction(vcpu);
}

/**
 * exit_undefined() - an instruction of a feature that the guest is not shown: #UD
 * @vcpu: loaded
 *
 * Return: 1.
 */
int exit_undefined(struct vcpu *vcpu)
{
	event_exception(vcpu, X86_TRAP_UD);
	return 1;
}

/**
 * exit_rdpmc() - RDPMC: there are no counters, so no ECX is valid
 * @vcpu: loaded
 *
 * Return: 1.
 */
int exit_rdpmc(struct vcpu *vcpu)
{
	return raise_gp(vcpu);
}

/**
 * exit_hlt() - HLT: sleep if the LAPIC is here, else it is user space's business
 * @vcpu: loaded
 *
 * Return: 1, or 0 with KVM_EXIT_HLT.
 */
int exit_hlt(struct vcpu *vcpu)
{
	skip_instruction(vcpu);
	/* The shadow of STI is over: what waited for its window needs none. */
	if (vcpu->vmcs->proc & (CPU_BASED_INTR_WINDOW_EXITING | CPU_BASED_NMI_WINDOW_EXITING))
		vcpu_request(vcpu, REQ_EVENT);
	if (vcpu->lapic) {
		vcpu->mp_state = KVM_MP_STATE_HALTED;
		return 1;
	}
	vcpu->run->exit_reason = KVM_EXIT_HLT;
	return 0;
}

/**
 * exit_vmcall() - a hypercall: none is offered, which the guest is told in RAX
 * @vcpu: loaded
 *
 * Return: 1.
 */
int exit_vmcall(struct vcpu *vcpu)
{
	long r = segment_cpl(vcpu) ? -KVM_EPERM : -KVM_ENOSYS;

	vcpu_set_gpr(vcpu, GPR_RAX, segment_cs_long(vcpu) ? r : (u32)r);
	return skip_instruction(vcpu);
}

/**
 * exit_pause() - a loop of PAUSEs waits for somebody: let others run
 * @vcpu: loaded
 *
 * Return: 1.
 */
int exit_pause(struct vcpu *vcpu)
{
	skip_instruction(vcpu);
	cond_resched();
	return 1;
}

/**
 * exit_xsetbv() - XSETBV, which exits whatever the controls say
 * @vcpu: loaded
 *
 * Return: 1.
 */
int exit_xsetbv(struct vcpu *vcpu)
{
	if (segment_cpl(vcpu) || (u32)vcpu->gpr[GPR_RCX] ||
	    xstate_set_xcr0(vcpu, vcpu_edx_eax(vcpu)))
		return raise_gp(vcpu);
	return skip_instruction(vcpu);
}
