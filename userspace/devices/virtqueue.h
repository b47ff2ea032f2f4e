/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A split virtqueue, the device's side. Virtio 1.2, 2.7.
 */
#ifndef KVMLET_USERSPACE_VIRTQUEUE_H
#define KVMLET_USERSPACE_VIRTQUEUE_H

#include <sys/uio.h>

#include "userspace/memory.h"

#define VIRTQUEUE_SIZE	128		/* entries; so many pieces has a chain at most */

/**
 * struct virtqueue - where a queue lies in the guest's memory, and how far it was served
 * @ram:	the guest's memory
 * @size:	entries, a power of two up to VIRTQUEUE_SIZE
 * @enabled:	the guest has set it up
 * @desc:	addresses of its three parts
 * @next:	of the available ring
 */
struct virtqueue {
	const struct ram *ram;
	u16 size;
	bool enabled;
	u64 desc, avail, used;
	u16 next;
};

/**
 * struct chain - a request, as pieces of this program's memory
 * @iov:	those that the device reads, then those that it writes
 */
struct chain {
	u16 head;
	unsigned int nr_read, nr_write;
	struct iovec iov[VIRTQUEUE_SIZE];
};

bool virtqueue_waits(const struct virtqueue *vq);
int virtqueue_take(struct virtqueue *vq, struct chain *chain);
int virtqueue_give(struct virtqueue *vq, u16 head, u32 written);
bool virtqueue_wants_interrupt(const struct virtqueue *vq);
void virtqueue_set_legacy(struct virtqueue *vq, u32 page);

#endif
