// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions that exit and need only a few lines: HLT, VMCALL, XSETBV and those that are
 * done by doing nothing. SDM vol. 3C, 25.1.
 */
#include <linux/kvm_para.h>
#include <linux/rcupdate.h>
#include <linux/sched/stat.h>
#include <linux/sched/task.h>
#include <asm/traps.h>
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"
#include "vmx/irqchip/irqchip.h"

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

/* The thread of a vCPU that the host has preempted runs on instead of this one's. */
static bool boost(struct vcpu *vcpu, struct vcpu *target)
{
	struct task_struct *task;
	int r = 0;

	/* As long as the pointer is set the thread cannot end. */
	rcu_read_lock();
	task = READ_ONCE(target->off_cpu);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	if (task) {
		r = yield_to(task, true);
		put_task_struct(task);
	}
	stats_add_n(vcpu, directed_yield_successful, r > 0);
	return r > 0;
}

/* The guest has nothing to do before the vCPU of that APIC id did something. */
static noinline long yield_to_id(struct vcpu *vcpu, u64 id, bool kick)
{
	struct vcpu *target = vm_vcpu_by_id(vcpu->vm, id);

	stats_add(vcpu, directed_yield_attempted);
	if (kick && target) {
		vcpu_request(target, REQ_UNHALT);
		vcpu_kick(target);
	}
	if (target && target != vcpu && !single_task_running())
		boost(vcpu, target);
	return 0;
}

/* Two words of @mask's width, one behind the other, say to whom. */
static noinline long send_ipis(struct vcpu *vcpu, unsigned long mask)
{
	unsigned long low = vcpu->gpr[GPR_RBX] & mask, high = vcpu->gpr[GPR_RCX] & mask;
	unsigned long ids[IRQCHIP_IPIS / BITS_PER_LONG] = { low, high };

	if (mask == U32_MAX) {
		ids[0] |= high << 32;
		ids[1] = 0;
	}
	return irqchip_send_ipis(vcpu, ids, vcpu->gpr[GPR_RDX], vcpu->gpr[GPR_RSI] & mask);
}

static bool may_call(const struct vcpu *vcpu, enum cpuid_feature feature)
{
	return !vcpu->enforce_pv || cpuid_has(&vcpu->cpuid, feature);
}

static long hypercall(struct vcpu *vcpu, unsigned long nr, unsigned long mask)
{
	if (nr == KVM_HC_VAPIC_POLL_IRQ) {
		vcpu_request(vcpu, REQ_SETTLE);
		return 0;
	}
	if (nr == KVM_HC_KICK_CPU && may_call(vcpu, CPUID_PV_UNHALT))
		return yield_to_id(vcpu, (u32)vcpu->gpr[GPR_RCX], true);
	if (nr == KVM_HC_SEND_IPI && may_call(vcpu, CPUID_PV_SEND_IPI))
		return send_ipis(vcpu, mask);
	if (nr == KVM_HC_SCHED_YIELD && may_call(vcpu, CPUID_PV_SCHED_YIELD))
		return yield_to_id(vcpu, vcpu->gpr[GPR_RBX] & mask, false);
	return -KVM_ENOSYS;
}

/**
 * exit_vmcall() - a hypercall; its registers have 32 bits outside 64-bit mode
 * @vcpu: loaded
 *
 * Return: 1, or EXIT_LATER for one that yields.
 */
int exit_vmcall(struct vcpu *vcpu)
{
	unsigned long mask = segment_cs_long(vcpu) ? ULONG_MAX : U32_MAX;
	unsigned long nr = vcpu->gpr[GPR_RAX] & mask;
	long r = -KVM_EPERM;

	if ((nr == KVM_HC_KICK_CPU || nr == KVM_HC_SCHED_YIELD) && irqs_disabled())
		return EXIT_LATER;
	if (!segment_cpl(vcpu))
		r = hypercall(vcpu, nr, mask);
	vcpu_set_gpr(vcpu, GPR_RAX, r & mask);
	return skip_instruction(vcpu);
}

/* Might it be the one that a vCPU which spins at CPL 0 waits for? */
static bool may_hold_up(const struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->off_cpu) &&
	       (READ_ONCE(vcpu->off_kernel) || READ_ONCE(vcpu->requests));
}

/**
 * exit_pause() - a loop of PAUSEs waits for another vCPU: those that are preempted run, in turns
 * @vcpu: loaded
 *
 * Return: 1.
 */
int exit_pause(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	unsigned int nr = vm_nr_vcpus(vm), last = READ_ONCE(vm->boosted), tries = 3, i;

	skip_instruction(vcpu);
	for (i = 1; i < nr && tries; i++) {
		unsigned int next = (last + i) % nr;

		if (vm->vcpus[next] == vcpu || !may_hold_up(vm->vcpus[next]))
			continue;
		tries--;
		stats_add(vcpu, directed_yield_attempted);
		WRITE_ONCE(vm->boosted, next);
		if (boost(vcpu, vm->vcpus[next]))
			break;
	}
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
