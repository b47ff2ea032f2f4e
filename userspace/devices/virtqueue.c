// SPDX-License-Identifier: GPL-2.0
/*
 * A split virtqueue, the device's side: descriptors, available and used ring. Virtio 1.2, 2.7.
 *
 * All of it lies in memory that the guest may write at any time. So each address is checked where
 * it is used, each descriptor is copied before it is looked at, and no chain is followed further
 * than VIRTQUEUE_SIZE. The device's lock guards struct virtqueue.
 */
#include <linux/virtio_ring.h>

#include "userspace/devices/virtqueue.h"

#define LEGACY_PAGE	4096

static bool read_desc(const struct virtqueue *vq, u64 table, u32 index, struct vring_desc *out)
{
	const void *p = ram_at(vq->ram, table + index * sizeof(*out), sizeof(*out));

	if (p)
		memcpy(out, p, sizeof(*out));
	/* Nothing is read from there again. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return p;
}

static bool add_piece(const struct virtqueue *vq, struct chain *c, const struct vring_desc *d)
{
	unsigned int n = c->nr_read + c->nr_write;
	void *p = ram_at(vq->ram, d->addr, d->len);

	if (!p || n == VIRTQUEUE_SIZE || (c->nr_write && !(d->flags & VRING_DESC_F_WRITE)))
		return false;
	c->iov[n] = (struct iovec) { p, d->len };
	if (d->flags & VRING_DESC_F_WRITE)
		c->nr_write++;
	else
		c->nr_read++;
	return true;
}

static bool follow(const struct virtqueue *vq, struct chain *c)
{
	u64 table = vq->desc;
	u32 size = vq->size, index = c->head;
	bool indirect = false;
	struct vring_desc d;

	for (;;) {
		if (index >= size || !read_desc(vq, table, index, &d))
			return false;
		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (indirect || d.flags & VRING_DESC_F_NEXT || d.len % sizeof(d))
				return false;
			indirect = true;
			table = d.addr;
			size = d.len / sizeof(d);
			index = 0;
			continue;
		}
		if (!add_piece(vq, c, &d))
			return false;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return true;
		index = d.next;
	}
}

/**
 * virtqueue_waits() - is there a request, good or not?
 * @vq:		the queue, enabled
 *
 * Return: whether there is one; the guest may take it back.
 */
bool virtqueue_waits(const struct virtqueue *vq)
{
	const u16 *avail = ram_at(vq->ram, vq->avail, 4);

	return !avail || vq->avail % sizeof(*avail) ||
	       __atomic_load_n(&avail[1], __ATOMIC_ACQUIRE) != vq->next;
}

/**
 * virtqueue_take() - take the next request
 * @vq:		the queue, enabled
 * @chain:	filled in
 *
 * Return: 1; 0 if there is none; -1 if the guest has broken the queue.
 */
int virtqueue_take(struct virtqueue *vq, struct chain *chain)
{
	const u16 *avail = ram_at(vq->ram, vq->avail, 4 + 2 * vq->size);
	u16 waiting;

	if (!avail || vq->avail % sizeof(*avail))
		return -1;
	/* What was written before the index is seen after it. */
	waiting = __atomic_load_n(&avail[1], __ATOMIC_ACQUIRE) - vq->next;
	if (!waiting)
		return 0;
	chain->head = READ_ONCE(avail[2 + vq->next % vq->size]);
	chain->nr_read = 0;
	chain->nr_write = 0;
	if (waiting > vq->size || !follow(vq, chain))
		return -1;
	vq->next++;
	return 1;
}

/**
 * virtqueue_give() - give a request back
 * @vq:		the queue, enabled
 * @head:	of the chain
 * @written:	bytes that the device wrote
 *
 * Return: 0, or -1 if the queue is not in memory, or not aligned.
 */
int virtqueue_give(struct virtqueue *vq, u16 head, u32 written)
{
	struct vring_used *used = ram_at(vq->ram, vq->used,
					 sizeof(*used) + vq->size * sizeof(used->ring[0]));
	u16 index;

	if (!used || vq->used % sizeof(u32))
		return -1;
	index = READ_ONCE(used->idx);
	used->ring[index % vq->size] = (struct vring_used_elem) { head, written };
	__atomic_store_n(&used->idx, index + 1, __ATOMIC_RELEASE);
	return 0;
}

/**
 * virtqueue_wants_interrupt() - does the guest want to hear of what was given back?
 * @vq:		the queue, enabled
 *
 * Return: whether it does.
 */
bool virtqueue_wants_interrupt(const struct virtqueue *vq)
{
	const u16 *avail = ram_at(vq->ram, vq->avail, 4);

	/* The used index is out before the flag is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return avail && !(READ_ONCE(avail[0]) & VRING_AVAIL_F_NO_INTERRUPT);
}

/**
 * virtqueue_set_legacy() - the three parts in one piece, as before virtio 1.0
 * @vq:		the queue
 * @page:	number of its first page
 */
void virtqueue_set_legacy(struct virtqueue *vq, u32 page)
{
	vq->desc = (u64)page * LEGACY_PAGE;
	vq->avail = vq->desc + vq->size * sizeof(struct vring_desc);
	vq->used = ALIGN(vq->avail + 2 * (3 + vq->size), LEGACY_PAGE);
}
