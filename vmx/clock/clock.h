/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest's time: its TSC, which is the host's plus an offset, and kvm-clock, a page per vCPU
 * from which the guest computes nanoseconds out of its TSC.
 * SDM vol. 3B, 17.17 (TSC, IA32_TSC_ADJUST); vol. 3C, 24.6.5 (TSC offset).
 */
#ifndef KVMLET_VMX_CLOCK_CLOCK_H
#define KVMLET_VMX_CLOCK_CLOCK_H

#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct vcpu;
struct vm;

/**
 * struct vm_clock - what all vCPUs of a VM share
 * @link:	in the list of all VMs' clocks (its mutex)
 * @tsc_lock:	guards the fields of the last TSC write, below
 * @tsc_ns:	host time of the last write that began a generation
 * @tsc_value:	what it wrote
 * @tsc_offset:	the offset that came of it; vCPUs of one generation share it
 * @tsc_generation: counts such writes
 * @tsc_matched: vCPUs of the present generation
 * @seq:	guards the fields of the master clock, below; writers are serialized by tsc_lock
 * @master:	the vCPUs' pages are written from the pair below, and so agree exactly
 * @master_ns:	host time, and
 * @master_tsc:	host TSC at the same instant
 * @offset:	guest's kvm-clock minus the host's time, ns
 * @wall_msr:	last value written to MSR_KVM_WALL_CLOCK (vm->lock is not needed: one word)
 */
struct vm_clock {
	struct list_head link;
	raw_spinlock_t tsc_lock;
	u64 tsc_ns, tsc_value, tsc_offset;
	u64 tsc_generation;
	unsigned int tsc_matched;
	seqcount_raw_spinlock_t seq;
	bool master;
	u64 master_ns, master_tsc;
	s64 offset;
	u64 wall_msr;
};

/**
 * struct vcpu_clock - a vCPU's own (vcpu->mutex)
 * @tsc_offset:	guest TSC minus host TSC
 * @tsc_adjust:	IA32_TSC_ADJUST
 * @tsc_generation: of the VM's TSC writes that it belongs to
 * @system_msr:	last value written to MSR_KVM_SYSTEM_TIME: address and enable bit
 * @version:	of the page, even
 * @stopped:	tell the guest at the next update that it was stopped (KVM_KVMCLOCK_CTRL)
 */
struct vcpu_clock {
	u64 tsc_offset;
	u64 tsc_adjust;
	u64 tsc_generation;
	u64 system_msr;
	u32 version;
	bool stopped;
};

int clock_init(void);
void clock_exit(void);
void clock_vm_init(struct vm *vm);
void clock_vm_destroy(struct vm *vm);
void clock_vcpu_init(struct vcpu *vcpu);
void clock_vcpu_load(struct vcpu *vcpu, int cpu);
void clock_update(struct vcpu *vcpu);

/* TSC (tsc.c). */
u64 tsc_read_guest(const struct vcpu *vcpu);
void tsc_write_guest(struct vcpu *vcpu, u64 value, bool host);
void tsc_write_adjust(struct vcpu *vcpu, u64 value, bool host);
u64 tsc_ns_until(const struct vcpu *vcpu, u64 guest_tsc);
u32 tsc_get_khz(const struct vcpu *vcpu);
int tsc_set_khz(struct vcpu *vcpu, u32 khz);

/* kvm-clock (pvclock.c). pvclock_write_*(): 0, or 1 for #GP(0). */
int pvclock_write_system(struct vcpu *vcpu, u64 value);
int pvclock_write_wall(struct vcpu *vcpu, u64 value);
int pvclock_set_stopped(struct vcpu *vcpu);
void pvclock_get(struct vm *vm, struct kvm_clock_data *data);
int pvclock_set(struct vm *vm, const struct kvm_clock_data *data);
void pvclock_refresh_master(struct vm *vm);

#endif
