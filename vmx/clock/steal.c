// SPDX-License-Identifier: GPL-2.0
/*
 * Stolen time: a record per vCPU of how long its thread had to wait for a processor, in which the
 * host also says that it has preempted the vCPU. Other vCPUs then leave it to the host to flush
 * its TLB. Format: struct kvm_steal_time in asm/kvm_para.h.
 *
 * vcpu->mutex. The address is the guest's choice, and may lead nowhere: then nothing is told.
 */
#include <linux/kvm_para.h>
#include <linux/sched.h>
#include "vmx/hw/controls.h"
#include "vmx/vcpu.h"

#define TRIES	3	/* A guest changes the flags once. One that goes on gets its TLB flushed. */

/**
 * steal_write_msr() - write MSR_KVM_STEAL_TIME
 * @vcpu: loaded
 * @value: address of the vCPU's record, bit 0: enable
 *
 * Return: 0.
 */
int steal_write_msr(struct vcpu *vcpu, u64 value)
{
	vcpu->msr.steal_time = value;
	vcpu->clock.spot = (struct mmu_spot) { .gpa = value & ~(u64)KVM_MSR_ENABLED };
	vcpu->clock.flags_spot = vcpu->clock.spot;
	vcpu->clock.flags_spot.gpa += offsetof(struct kvm_steal_time, preempted);
	vcpu->clock.flagged = true;
	vcpu_request(vcpu, REQ_STEAL);
	return 0;
}

/* The guest runs: it is preempted no more. Others may have left it to us to flush its TLB. */
static noinline void take_flags(struct vcpu *vcpu)
{
	gpa_t gpa = vcpu->clock.flags_spot.gpa;
	u8 flags = KVM_VCPU_PREEMPTED, none = 0;
	int i, r = 0;

	for (i = 0; i < TRIES && !r; i++)
		r = mmu_cmpxchg(&vcpu->vm->mmu, 0, gpa, &flags, &none, sizeof(flags));
	vcpu->clock.flagged = !r;
	if (!r || (r > 0 && flags & KVM_VCPU_FLUSH_TLB)) {
		stats_add(vcpu, tlb_flush);
		tlb_flush_guest(vcpu);
	}
}

/* The lower half is the version, even again. */
static u64 next_version(u64 word)
{
	return (word & ~(u64)U32_MAX) | (u32)(((u32)word | 1) + 1);
}

/**
 * steal_update() - bring the vCPU's record up to date
 * @vcpu: about to enter, on REQ_STEAL; may sleep
 */
void steal_update(struct vcpu *vcpu)
{
	/* Of another thread than last time it may have waited less. */
	u64 waited = current->sched_info.run_delay;
	u64 more = max_t(s64, waited - vcpu->clock.waited, 0);
	u64 *record = vcpu->clock.record;
	int i, r = 0;

	if (!(vcpu->msr.steal_time & KVM_MSR_ENABLED))
		return;
	/*
	 * It is as it was left, or once more: the guest, or who restores it, may write there. The
	 * time is one word, of which no 64-bit reader sees a half.
	 */
	for (i = 0; i < TRIES && !r; i++)
		r = mmu_replace(&vcpu->vm->mmu, &vcpu->clock.spot, record, record[0] + more,
				next_version(record[1]));
	if (r > 0)
		vcpu->clock.waited = waited;
	if (r >= 0 && vcpu->clock.flagged)
		take_flags(vcpu);
}

/**
 * steal_preempted() - tell the guest that the vCPU's thread must wait
 * @vcpu: loaded, between two instructions of the guest
 *
 * In the middle of one, translations may be in use that another vCPU then need not have flushed.
 *
 * Context: the scheduler's.
 */
void steal_preempted(struct vcpu *vcpu)
{
	if (vcpu->msr.steal_time & KVM_MSR_ENABLED && !vcpu->clock.flagged)
		vcpu->clock.flagged = mmu_swap_byte(&vcpu->vm->mmu, &vcpu->clock.flags_spot,
						    KVM_VCPU_PREEMPTED) >= 0;
}
