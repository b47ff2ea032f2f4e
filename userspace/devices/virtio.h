/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtio device on PCI. The transport (virtio_pci.c) knows registers and queues, the device
 * behind it what a request means.
 */
#ifndef KVMLET_USERSPACE_VIRTIO_H
#define KVMLET_USERSPACE_VIRTIO_H

#include <poll.h>

#include "userspace/devices/devices.h"
#include "userspace/devices/pci.h"
#include "userspace/devices/virtqueue.h"
#include "userspace/trace.h"

#define VIRTIO_QUEUES	2		/* of a device, at most */
#define VIRTIO_SOURCES	3		/* descriptors that its thread waits for, at most */

/**
 * struct virtio_queue - one of a device's queues
 * @vector:	of MSI-X, that tells of what was given back
 * @under_way:	requests that were taken and not given back
 * @draining:	threads that wait for that to get 0
 * @turns:	requests that may still be taken before the lock is given back
 * @given:	something was given back of which the guest was not told yet
 */
struct virtio_queue {
	struct virtqueue vq;
	u16 vector;
	unsigned int under_way, draining, turns;
	bool given;
};

/**
 * struct virtio - the transport's state, under pci.lock
 * @name:	of the device, where it is saved and in reports
 * @queues:	how many of @queue it has
 * @features:	offered, with those of the transport
 * @config:	the device's configuration, @config_len bytes; virtio_changed() tells of a change
 * @generation:	counts these
 * @work:	takes requests (virtio_take()) and gives back those that are done (virtio_give());
 *		called by the device's thread, locked, whenever one of @source has something
 * @dev:	its first argument
 * @kick:	eventfd: the guest has put something into a queue, or the device has work
 * @source:	the first is @kick; the others, @sources in all, are the device's
 * @listens:	it has things for the guest: its thread shall hear of the status
 * @idle:	signalled when a queue's under_way gets 0
 * @notify:	the port and the address of notifications
 * @woken:	when the device's thread has last heard of one
 * @way:	of a request that was given back and is traced
 * @more:	@work has stopped for the others' sake, not because it was done
 * @started:	the thread runs
 * @stopping:	the thread shall take no more requests, and end; no lock
 */
struct virtio {
	struct pci_device pci;
	char name[SAVE_NAME];
	struct virtio_queue queue[VIRTIO_QUEUES];
	unsigned int queues;
	u64 features, accepted;
	u32 offered_select, accepted_select;
	u16 queue_select, config_vector;
	u8 status, isr, generation;
	const void *config;
	unsigned int config_len;
	void (*work)(void *dev);
	void *dev;
	int kick;
	struct pollfd source[VIRTIO_SOURCES];
	unsigned int sources;
	pthread_cond_t idle;
	pthread_t thread;
	u64 notify[2], woken;
	struct way *way;
	bool listens, more, started, stopping;
};

/* What is saved of one, with its first queue. */
struct virtio_saved {
	u64 accepted, desc, avail, used;
	u32 offered_select, accepted_select;
	u16 queue_select, queue_vector, config_vector, queue_size, queue_next;
	u8 queue_enabled, status, isr, reserved[3];
	struct pci_saved pci;
};

/* And of each further queue. */
struct virtio_queue_saved {
	u64 desc, avail, used;
	u16 vector, size, next;
	u8 enabled, reserved;
};

int virtio_add(struct virtio *v, struct vm *vm, u16 type);
bool virtio_is_ready(const struct virtio *v);
void virtio_kick(struct virtio *v);
bool virtio_waits(const struct virtio *v, unsigned int queue);
bool virtio_take(struct virtio *v, unsigned int queue, struct chain *chain);
void virtio_give(struct virtio *v, unsigned int queue, const struct chain *chain, u32 written);
void virtio_changed(struct virtio *v);
void virtio_save(const struct virtio *v, struct virtio_saved *to, struct virtio_queue_saved *more);
void virtio_restore(struct virtio *v, const struct virtio_saved *from,
		    const struct virtio_queue_saved *more);

#endif
