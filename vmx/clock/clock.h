/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest's time: its TSC, which is the host's, scaled, plus an offset, and kvm-clock, a page per
 * vCPU from which the guest computes nanoseconds out of its TSC.
 * SDM vol. 3B, 17.17 (TSC, IA32_TSC_ADJUST); vol. 3C, 24.6.5 (TSC offset and multiplier).
 */
#ifndef KVMLET_VMX_CLOCK_CLOCK_H
#define KVMLET_VMX_CLOCK_CLOCK_H

#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include "mmu/mmu.h"

struct vcpu;
struct vm;

/**
 * struct vm_time - what kvm-clock's pages are made of
 * @master:	all vCPUs' pages are written from the one pair below, and so agree exactly
 * @ns:		host time, and
 * @tsc:	host TSC at the same instant
 * @ratio:	of all vCPUs' TSCs then
 * @offset:	guest's kvm-clock minus the host's time, ns
 */
struct vm_time {
	bool master;
	u64 ns, tsc, ratio;
	s64 offset;
};

/**
 * struct vm_clock - what all vCPUs of a VM share
 * @link:	in the list of all VMs' clocks (under that list's mutex)
 * @lock:	guards the fields up to @seq, and serializes writers of @time
 * @tsc_offset:	of the present generation: vCPUs with synchronized TSCs have this offset
 * @tsc_ratio:	and this ratio
 * @tsc_generation: number of the present generation, 0: there is no vCPU yet
 * @tsc_set:	user space has written a TSC
 * @seq:	for readers of @time
 * @time:	written under @lock and @seq
 * @tsc_khz:	of new vCPUs, as user space set it (a single word, no lock)
 * @wall_msr:	last value written to MSR_KVM_WALL_CLOCK (a single word, no lock)
 */
struct vm_clock {
	struct list_head link;
	raw_spinlock_t lock;
	u64 tsc_offset, tsc_ratio;
	u64 tsc_generation;
	bool tsc_set;
	seqcount_raw_spinlock_t seq;
	struct vm_time time;
	u32 tsc_khz;
	u64 wall_msr;
};

/**
 * struct vcpu_clock - a vCPU's own (vcpu->mutex)
 * @tsc_offset:	guest TSC minus host TSC, which is scaled
 * @tsc_ratio:	guest TSC ticks for a tick of the host's, in 2^-TSC_RATIO_BITS
 * @tsc_generation: of the VM's TSC writes, that it belongs to (vm->clock.lock); 0: to none
 * @tsc_khz:	as user space set it
 * @true_khz:	what it is: the host's where that is nearly the same
 * @system_msr:	last value written to MSR_KVM_SYSTEM_TIME: address and enable bit
 * @flagged:	the record of stolen time may say that the vCPU is preempted
 * @waited:	how long its thread had waited for a processor at the last look, ns
 * @record:	the time and the version in the record of stolen time, as it was left
 * @spot:	where that is
 * @flags_spot:	and its flag that says that the vCPU is preempted
 * @stopped:	tell the guest at the next update that it was stopped (KVM_KVMCLOCK_CTRL)
 */
struct vcpu_clock {
	u64 tsc_offset;
	u64 tsc_ratio;
	u64 tsc_generation;
	u32 tsc_khz, true_khz;
	bool stopped, flagged;
	u64 waited;
	u64 record[2];
	struct mmu_spot spot, flags_spot;
	u64 system_msr;
};

int clock_init(void);
void clock_exit(void);
void clock_vm_init(struct vm *vm);
void clock_vm_destroy(struct vm *vm);
void clock_vcpu_load(struct vcpu *vcpu);
void clock_update(struct vcpu *vcpu);

/* TSC (tsc.c). */
#define TSC_RATIO_BITS	48	/* of the fraction in the VMCS's TSC multiplier */

/* A guest's TSC, but for its offset, when the host's is @tsc. */
static inline u64 tsc_scaled(u64 ratio, u64 tsc)
{
	return mul_u64_u64_shr(tsc, ratio, TSC_RATIO_BITS);
}

void tsc_load_offset(struct vcpu *vcpu);
u64 tsc_read_guest(const struct vcpu *vcpu);
void tsc_write_guest(struct vcpu *vcpu, u64 value, bool host);
void tsc_write_adjust(struct vcpu *vcpu, u64 value, bool host);
u64 tsc_ns_until(const struct vcpu *vcpu, u64 guest_tsc);
void tsc_set_offset(struct vcpu *vcpu, u64 offset);
int tsc_set_khz(struct vcpu *vcpu, u32 khz);
int tsc_set_vm_khz(struct vm *vm, u32 khz);

/* Stolen time (steal.c). */
int steal_write_msr(struct vcpu *vcpu, u64 value);
void steal_update(struct vcpu *vcpu);
void steal_preempted(struct vcpu *vcpu);

/* kvm-clock (pvclock.c). */
int pvclock_write_system(struct vcpu *vcpu, u64 value);
int pvclock_write_wall(struct vcpu *vcpu, u64 value);
int pvclock_set_stopped(struct vcpu *vcpu);
void pvclock_get(struct vm *vm, struct kvm_clock_data *data);
int pvclock_set(struct vm *vm, const struct kvm_clock_data *data);
void pvclock_refresh_master(struct vm *vm, bool renew);

#endif
