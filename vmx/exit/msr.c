// SPDX-License-Identifier: GPL-2.0
/*
 * RDMSR and WRMSR that the MSR bitmap does not let through. What cannot be done is #GP(0), or
 * user space's business if it asked for it (KVM_CAP_X86_USER_SPACE_MSR). SDM vol. 3C, 25.1.3.
 */
#include <linux/irqflags.h>
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"
#include "vmx/trace.h"

static int fault(struct vcpu *vcpu, bool write)
{
	trace_msr(vcpu, write, vcpu->gpr[GPR_RCX], write ? vcpu_edx_eax(vcpu) : 0, true);
	return raise_gp(vcpu);
}

static int done_read(struct vcpu *vcpu, u64 value)
{
	trace_msr(vcpu, false, vcpu->gpr[GPR_RCX], value, false);
	vcpu_set_edx_eax(vcpu, value);
	return skip_instruction(vcpu);
}

static int done_write(struct vcpu *vcpu)
{
	trace_msr(vcpu, true, vcpu->gpr[GPR_RCX], vcpu_edx_eax(vcpu), false);
	return skip_instruction(vcpu);
}

static int complete_rdmsr(struct vcpu *vcpu)
{
	if (vcpu_rip_moved(vcpu))
		return 1;
	if (READ_ONCE(vcpu->run->msr.error))
		return fault(vcpu, false);
	return done_read(vcpu, READ_ONCE(vcpu->run->msr.data));
}

static int complete_wrmsr(struct vcpu *vcpu)
{
	if (vcpu_rip_moved(vcpu))
		return 1;
	return READ_ONCE(vcpu->run->msr.error) ? fault(vcpu, true) : done_write(vcpu);
}

/* @reason: KVM_MSR_EXIT_REASON_INVAL also for an MSR that is not there. */
static noinline int refuse(struct vcpu *vcpu, u32 reason, bool write)
{
	u32 exits = READ_ONCE(vcpu->vm->msr_exits), index = vcpu->gpr[GPR_RCX];
	struct kvm_run *run = vcpu->run;

	if (likely(!exits))
		return fault(vcpu, write);
	if (reason == KVM_MSR_EXIT_REASON_INVAL && !msr_known(vcpu, index))
		reason = KVM_MSR_EXIT_REASON_UNKNOWN;
	if (!(exits & reason))
		return fault(vcpu, write);
	run->exit_reason = write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	run->msr.error = 0;
	memset(run->msr.pad, 0, sizeof(run->msr.pad));
	run->msr.reason = reason;
	run->msr.index = index;
	run->msr.data = write ? vcpu_edx_eax(vcpu) : 0;
	vcpu->io_rip = vcpu_rip(vcpu);
	vcpu->complete = write ? complete_wrmsr : complete_rdmsr;
	return 0;
}

/**
 * exit_rdmsr() - RDMSR
 * @vcpu: loaded
 *
 * Return: 1, with #GP(0) for an MSR that the guest does not have; 0 with KVM_EXIT_X86_RDMSR.
 */
int exit_rdmsr(struct vcpu *vcpu)
{
	u32 index = vcpu->gpr[GPR_RCX];
	u64 value;

	if (!msr_filter_allows(vcpu->vm, index, false))
		return refuse(vcpu, KVM_MSR_EXIT_REASON_FILTER, false);
	if (msr_get(vcpu, index, &value, false))
		return refuse(vcpu, KVM_MSR_EXIT_REASON_INVAL, false);
	return done_read(vcpu, value);
}

/* Written often, and without anything that needs interrupts; the rest may even sleep. */
static bool written_at_once(u32 index)
{
	return index == MSR_IA32_TSC_DEADLINE || index == MSR_IA32_MISC_ENABLE ||
	       (index >= APIC_BASE_MSR && index <= APIC_BASE_MSR + 0xff);
}

/**
 * exit_wrmsr() - WRMSR
 * @vcpu: loaded
 *
 * Return: 1, with #GP(0) for an MSR or a value that the guest may not write; 0 with
 * KVM_EXIT_X86_WRMSR; EXIT_LATER.
 */
int exit_wrmsr(struct vcpu *vcpu)
{
	u32 index = vcpu->gpr[GPR_RCX];

	if (irqs_disabled() && !written_at_once(index))
		return EXIT_LATER;
	if (!msr_filter_allows(vcpu->vm, index, true))
		return refuse(vcpu, KVM_MSR_EXIT_REASON_FILTER, true);
	if (msr_set(vcpu, index, vcpu_edx_eax(vcpu), false))
		return refuse(vcpu, KVM_MSR_EXIT_REASON_INVAL, true);
	return done_write(vcpu);
}
