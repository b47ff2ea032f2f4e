/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtio device with one queue, on PCI. The transport (virtio_pci.c) knows registers, the device
 * behind it what a request means.
 */
#ifndef KVMLET_USERSPACE_VIRTIO_H
#define KVMLET_USERSPACE_VIRTIO_H

#include "userspace/devices/pci.h"
#include "userspace/devices/virtqueue.h"

/**
 * struct virtio - the transport's state, under pci.lock
 * @features:	offered, with those of the transport
 * @config:	the device's configuration, @config_len bytes, constant
 * @serve:	carries out a request; returns how many bytes it wrote to the guest
 * @dev:	its first argument
 * @kick:	eventfd: the guest has put something into the queue
 * @started:	the thread runs
 * @stopping:	the thread shall end
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
	u32 (*serve)(void *dev, const struct chain *chain);
	void *dev;
	int kick;
	pthread_t thread;
	bool started, stopping;
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
int virtio_start(struct virtio *v);
void virtio_stop(struct virtio *v);
void virtio_save(const struct virtio *v, struct virtio_saved *to);
void virtio_restore(struct virtio *v, const struct virtio_saved *from);

#endif
