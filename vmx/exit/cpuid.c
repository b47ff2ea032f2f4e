// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID. SDM vol. 2A, CPUID; vol. 3C, 25.1.2.
 */
#include <asm/msr-index.h>
#include "vmx/cpu/cpuid_policy.h"
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"

static void answer(struct vcpu *vcpu, u32 eax, u32 ebx, u32 ecx, u32 edx)
{
	vcpu->gpr[GPR_RAX] = eax;
	vcpu->gpr[GPR_RBX] = ebx;
	vcpu->gpr[GPR_RCX] = ecx;
	vcpu->gpr[GPR_RDX] = edx;
}

static noinline void answer_missing(struct vcpu *vcpu)
{
	u32 r[4];

	cpuid_read_missing(&vcpu->cpuid, vcpu->gpr[GPR_RAX], vcpu->gpr[GPR_RCX], r);
	answer(vcpu, r[CPUID_REG_EAX], r[CPUID_REG_EBX], r[CPUID_REG_ECX], r[CPUID_REG_EDX]);
}

/**
 * exit_cpuid() - CPUID
 * @vcpu: loaded
 *
 * The most frequent exit of all: nothing more than this. Return: 1.
 */
int exit_cpuid(struct vcpu *vcpu)
{
	const struct kvm_cpuid_entry2 *e;

	/* The guest asked that its user code be told by a fault (MISC_FEATURES_ENABLES). */
	if (unlikely(vcpu->msr.misc_features & MSR_MISC_FEATURES_ENABLES_CPUID_FAULT) &&
	    segment_cpl(vcpu))
		return raise_gp(vcpu);
	e = cpuid_lookup(&vcpu->cpuid, vcpu->gpr[GPR_RAX], vcpu->gpr[GPR_RCX]);
	if (likely(e))
		answer(vcpu, e->eax, e->ebx, e->ecx, e->edx);
	else
		answer_missing(vcpu);
	return skip_instruction(vcpu);
}
