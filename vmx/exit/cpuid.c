// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID. SDM vol. 2A, CPUID; vol. 3C, 25.1.2.
 */
#include <asm/msr-index.h>
#include "vmx/cpu/cpuid.h"
#include "vmx/cpu/regs.h"
#include "vmx/cpu/segment.h"
#include "vmx/exit/exit.h"

/**
 * exit_cpuid() - CPUID
 * @vcpu: loaded
 *
 * Return: 1.
 */
int exit_cpuid(struct vcpu *vcpu)
{
	u32 eax = vcpu->gpr[GPR_RAX], ebx, ecx = vcpu->gpr[GPR_RCX], edx;

	/* The guest asked that its user code be told by a fault (MISC_FEATURES_ENABLES). */
	if (unlikely(vcpu->msr.misc_features & MSR_MISC_FEATURES_ENABLES_CPUID_FAULT) &&
	    segment_cpl(vcpu))
		return raise_gp(vcpu);
	cpuid_query(vcpu, &eax, &ebx, &ecx, &edx);
	vcpu->gpr[GPR_RAX] = eax;
	vcpu->gpr[GPR_RBX] = ebx;
	vcpu->gpr[GPR_RCX] = ecx;
	vcpu->gpr[GPR_RDX] = edx;
	return skip_instruction(vcpu);
}
