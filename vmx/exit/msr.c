// SPDX-License-Identifier: GPL-2.0
/*
 * RDMSR and WRMSR that the MSR bitmap does not let through. SDM vol. 3C, 25.1.3.
 */
#include "vmx/cpu/msr.h"
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"

/**
 * exit_rdmsr() - RDMSR
 * @vcpu: loaded
 *
 * Return: 1; an MSR that the guest does not have raises #GP(0).
 */
int exit_rdmsr(struct vcpu *vcpu)
{
	u64 value;

	if (msr_get(vcpu, vcpu->gpr[GPR_RCX], &value, false))
		return raise_gp(vcpu);
	vcpu_set_edx_eax(vcpu, value);
	return skip_instruction(vcpu);
}

/**
 * exit_wrmsr() - WRMSR
 * @vcpu: loaded
 *
 * Return: 1; an MSR or a value that the guest may not write raises #GP(0).
 */
int exit_wrmsr(struct vcpu *vcpu)
{
	if (msr_set(vcpu, vcpu->gpr[GPR_RCX], vcpu_edx_eax(vcpu), false))
		return raise_gp(vcpu);
	return skip_instruction(vcpu);
}
