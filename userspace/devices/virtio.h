/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtio device with one queue, on PCI. The transport (virtio_pci.c) knows registers, the device
 * behind it what a request means.
 */
#ifndef KVMLET_USERSPACE_VIRTIO_H
#define KVMLET_USERSPACE_VIRTIO_H

#include "userspace/devices/pci.h"
#include "userspace/devices/virtqueue.h"
#include "userspace/trace.h"

/**
 * struct virtio - the transport's state, under pci.lock
 * @features:	offered, with those of the transport
 * @config:	the device's configuration, @config_len bytes, constant
 * @work:	takes requests (virtio_take()) and gives back those that are done (virtio_give());
 *		called by the device's thread, locked, whenever @kick is signalled
 * @dev:	its first argument
 * @kick:	eventfd: the guest has put something into the queue, or the device has work
 * @under_way:	requests that were taken and not given back
 * @idle:	signalled when that gets 0
 * @draining:	threads that wait for it
 * @turns:	requests that may still be taken before the lock is given back
 * @given:	something was given back of which the guest was not told yet
 * @notify:	the port and the address of notifications
 * @woken:	when the device's thread has last heard of one
 * @way:	of a request that was given back and is traced
 * @started:	the thread runs
 * @stopping:	the thread shall take no more requests, and end; no lock
 */
struct virtio {
	struct pci_device pci;
	struct virtqueue vq;
	u64 features, accepted;
	u32 offered_select, accepted_select;
	u16 queue_select, queue_vector, config_vector;
	u8 status, isr;
	const void *config;
	unsigned int config_len;
	void (*work)(void *dev);
	void *dev;
	int kick;
	unsigned int under_way, draining, turns;
	pthread_cond_t idle;
	pthread_t thread;
	u64 notify[2], woken;
	struct way *way;
	bool given, started, stopping;
};

/* What is saved of one. */
struct virtio_saved {
	u64 accepted, desc, avail, used;
	u32 offered_select, accepted_select;
	u16 queue_select, queue_vector, config_vector, queue_size, queue_next;
	u8 queue_enabled, status, isr, reserved[3];
	struct pci_saved pci;
};

int virtio_add(struct virtio *v, struct vm *vm, u16 type);
bool virtio_take(struct virtio *v, struct chain *chain);
void virtio_give(struct virtio *v, const struct chain *chain, u32 written);
int virtio_start(struct virtio *v);
void virtio_stop(struct virtio *v);
void virtio_save(const struct virtio *v, struct virtio_saved *to);
void virtio_restore(struct virtio *v, const struct virtio_saved *from);

#endif
