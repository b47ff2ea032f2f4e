/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Eventfds that take the place of an exit to user space (ioeventfds) and of an ioctl that
 * raises an interrupt (irqfds). The contracts are at the functions in eventfd.c.
 */
#ifndef KVMLET_VMX_IRQCHIP_EVENTFD_H
#define KVMLET_VMX_IRQCHIP_EVENTFD_H

#include <linux/atomic.h>
#include <linux/kvm.h>
#include <linux/list.h>

struct vm;

#define IOEVENTFD_BUCKETS	64

/**
 * struct vm_eventfds - a VM's eventfds; written under vm->lock
 * @io:		ioeventfds by address; read under RCU
 * @irq:	irqfds; read under RCU, too
 * @nr_io:	how many, read by anybody
 * @nr_irq:	how many
 * @ears:	who hears of each interrupt's end: how many of these, those with a resamplefd, and
 *		the 8254 while it waits for its own; atomic
 */
struct vm_eventfds {
	struct hlist_head io[IOEVENTFD_BUCKETS];
	struct list_head irq;
	unsigned int nr_io, nr_irq;
	atomic_t ears;
};

/* The space of an ioeventfd's address, by its flags. No guest here writes to that of CCW. */
#define IO_MEMORY	0
#define IO_PORTS	KVM_IOEVENTFD_FLAG_PIO
#define IO_SPACES	(KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY)

void eventfds_destroy(struct vm *vm);
int ioeventfd_set(struct vm *vm, const struct kvm_ioeventfd *args);
bool post_write(struct vm *vm, u32 space, u64 addr, unsigned int len, const void *data);
int irqfd_set(struct vm *vm, const struct kvm_irqfd *args);
void irqfd_ended(struct vm *vm, bool ioapic, unsigned int pin);

#define irqfd_resamples(vm)	(atomic_read(&(vm)->eventfds.ears) != 0)

#endif
