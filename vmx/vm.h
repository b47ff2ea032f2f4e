/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual machine: what all its vCPUs share. One struct vm per KVM_CREATE_VM.
 *
 * Lock letters on the fields below:
 *   (c) constant after vm_create()
 *   (l) vm->lock
 *   (L) written under vm->lock, read anywhere (release/acquire)
 *   (r) vm->ring_lock, see coalesced.c
 *   (-) synchronizes itself; see the type's header
 */
#ifndef KVMLET_VMX_VM_H
#define KVMLET_VMX_VM_H

#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include "mmu/mmu.h"
#include "vmx/clock/clock.h"
#include "vmx/irqchip/eventfd.h"
#include "vmx/stats.h"

#define VM_MAX_VCPUS	64	/* vCPUs of one VM */
#define VM_MAX_VCPU_ID	4096	/* bound of vCPU ids, which are also initial APIC ids */

struct ioapic;
struct irq_routes;
struct msr_filter;
struct pic;
struct pit;
struct vcpu;

/* Who owns which interrupt controller; explicit wherever a vCPU's path depends on it. */
enum irqchip_mode {
	IRQCHIP_NONE,		/* all of them in user space */
	IRQCHIP_SPLIT,		/* LAPICs here, IO-APIC and 8259 in user space */
	IRQCHIP_KERNEL,		/* all of them here */
};

struct vm {
	refcount_t users;			/* (-) the VM's descriptor and one per vCPU */
	struct mm_struct *mm;			/* (c) owner; every ioctl checks it */
	struct mutex lock;
	struct mmu mmu;				/* (-) slots and page tables */
	struct vcpu *vcpus[VM_MAX_VCPUS];	/* (L) dense, never removed before the end */
	unsigned int nr_vcpus;			/* (L) store-release after vcpus[] is set */
	enum irqchip_mode irqchip;		/* (L) fixed once a vCPU exists */
	struct pic *pic;			/* (L) both or none with IRQCHIP_KERNEL */
	struct ioapic *ioapic;
	struct pit *pit;			/* (-) set once; NULL: none */
	bool has_ports;				/* (-) a port may be answered here; never falls */
	struct irq_routes __rcu *routes;	/* (L) */
	atomic64_t lapic_changes;		/* (-) see deliver_changed() */
	u32 split_pins;				/* (L) GSIs of user space's IO-APIC, from 0 on */
	bool x2apic_ids;			/* (-) user space sees ids of 32 bits; stays */
	bool x2apic_strict;			/* (-) a device's 0xff is one x2APIC's id; stays */
	bool directed_eoi;			/* (-) guests may end interrupts at IO-APICs */
	struct kvm_coalesced_mmio_ring *ring;	/* (c) a page shared with user space: hostile */
	struct kvm_coalesced_mmio_zone *zones;	/* (r) set once; NULL: never any */
	unsigned int nr_zones;			/* (r) to write */
	raw_spinlock_t ring_lock;
	struct vm_eventfds eventfds;		/* (L) */
	struct vm_clock clock;			/* (-) */
	struct msr_filter __rcu *msr_filter;	/* (L) NULL: none */
	u32 msr_exits;				/* (-) KVM_MSR_EXIT_REASON_* for user space */
	u32 event_flags;			/* (l) KVM_VCPUEVENT_VALID_* that were asked for */
	struct vm_stats stats;			/* (-) */
	u32 ring_entries;			/* (L) of each vCPU's dirty ring, 0: none */
	u32 boot_cpu_id;			/* (l) vCPU id of the bootstrap processor */
	unsigned int boosted;			/* (-) index of the vCPU that a PAUSE tried last */
	u64 halt_poll;				/* (-) 1 + its own limit, ns; 0: the parameter's */
};

static inline unsigned int vm_nr_vcpus(struct vm *vm)
{
	/* Pairs with vcpu_create(): the entries are there when the number says so. */
	return smp_load_acquire(&vm->nr_vcpus);
}

/* Walks all vCPUs; those created meanwhile may or may not be seen. */
#define vm_for_each_vcpu(i, vcpu, vm)						\
	for ((i) = 0; (i) < vm_nr_vcpus(vm) && ((vcpu) = (vm)->vcpus[i], true); (i)++)

#define VCPU_MMAP_PAGES	3	/* kvm_run, port I/O data, the ring of coalesced MMIO */

struct vcpu *vm_vcpu_by_id(struct vm *vm, u64 id);
void vm_get(struct vm *vm);
void vm_put(struct vm *vm);
int vm_open(const char *name, const struct file_operations *fops, void *object, int flags,
	    struct file **file);
int vm_release(struct inode *inode, struct file *file);
int vm_create(unsigned long type);
void vm_request_all(struct vm *vm, unsigned int request);

/* coalesced.c: writes into zones that user space has named wait in a ring until it looks there. */
int coalesced_create(struct vm *vm);
void coalesced_destroy(struct vm *vm);
int coalesced_set_zone(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone, bool add);
bool coalesced_write(struct vm *vm, bool pio, u64 addr, unsigned int len, const void *data);

#endif
