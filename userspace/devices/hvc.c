// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet run --console`: standard input and output as a virtio console of one port. Virtio 1.2,
 * 5.3.
 *
 * Output goes to console.c, without the lock: it waits for who reads it, and others shall not wait
 * for that. Input comes from the main thread, which only reads what there is room for here, and
 * waits until the guest takes it. A driver offers room before it knows what to do with input, and
 * throws it away: so there is none before the guest has spoken, which it does when somebody has
 * opened its end. pci.lock of the device guards its state.
 */
#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "userspace/console.h"
#include "userspace/devices/virtio.h"

#define QUEUE		64		/* bytes of input, a power of two */
#define MOST		65536		/* bytes of output that a request can have */

enum { RX, TX, QUEUES };

static struct hvc {
	struct virtio virtio;
	struct virtio_console_config config;
	struct hvc_saved {
		u32 head, tail;		/* of the input, free running */
		u32 spoken, reserved;	/* since the driver is ready */
		u8 queue[QUEUE];
		struct virtio_saved virtio;
		struct virtio_queue_saved tx;
	} r;
	bool waiting;			/* the main thread waits for room */
} hvc;

_Static_assert(sizeof(hvc.r) == 464, "as Documentation/save-format.rst has it");

/* What waits here, into one request; as much as it has room for. */
static u32 put_input(struct hvc *h, const struct iovec *iov, unsigned int n)
{
	u32 done = 0;
	size_t i;

	for (; n; n--, iov++)
		for (i = 0; i < iov->iov_len && h->r.head != h->r.tail; i++, done++)
			((u8 *)iov->iov_base)[i] = h->r.queue[h->r.tail++ % QUEUE];
	return done;
}

static void input(struct hvc *h)
{
	struct chain chain;

	while (h->r.head != h->r.tail && virtio_waits(&h->virtio, RX) &&
	       virtio_take(&h->virtio, RX, &chain))
		virtio_give(&h->virtio, RX, &chain,
			    put_input(h, chain.iov + chain.nr_read, chain.nr_write));
}

static void output(const struct chain *chain)
{
	unsigned int i, left = MOST;
	size_t at;

	for (i = 0; i < chain->nr_read; i++)
		for (at = 0; at < chain->iov[i].iov_len && left; at++, left--)
			console_put(((const u8 *)chain->iov[i].iov_base)[at]);
}

static unsigned int room(const struct hvc *h)
{
	return h->r.spoken ? QUEUE - (h->r.head - h->r.tail) : 0;
}

static void work(void *dev)
{
	struct hvc *h = dev;
	struct chain chain;

	if (!virtio_is_ready(&h->virtio))
		h->r.spoken = false;
	input(h);
	while (virtio_take(&h->virtio, TX, &chain)) {
		h->r.spoken = true;
		pthread_mutex_unlock(&h->virtio.pci.lock);
		output(&chain);
		pthread_mutex_lock(&h->virtio.pci.lock);
		virtio_give(&h->virtio, TX, &chain, 0);
	}
	if (h->waiting && room(h)) {
		h->waiting = false;
		vm_wake(h->virtio.pci.vm);
	}
}

/**
 * hvc_room() - how many bytes of input there is room for now
 *
 * None before the guest has spoken.
 *
 * Context: the main thread. When the answer is 0, vm_wake() tells of the change.
 * Return: bytes.
 */
unsigned int hvc_room(void)
{
	unsigned int bytes;

	pthread_mutex_lock(&hvc.virtio.pci.lock);
	bytes = room(&hvc);
	hvc.waiting = !bytes;
	pthread_mutex_unlock(&hvc.virtio.pci.lock);
	return bytes;
}

/**
 * hvc_receive() - give the guest what came in
 * @data:	the bytes
 * @n:		how many, at most hvc_room()
 *
 * Context: the main thread.
 */
void hvc_receive(const u8 *data, unsigned int n)
{
	pthread_mutex_lock(&hvc.virtio.pci.lock);
	while (n-- && hvc.r.head - hvc.r.tail < QUEUE)
		hvc.r.queue[hvc.r.head++ % QUEUE] = *data++;
	virtio_kick(&hvc.virtio);
	pthread_mutex_unlock(&hvc.virtio.pci.lock);
}

static void saving(void *dev)
{
	struct hvc *h = dev;

	virtio_save(&h->virtio, &h->r.virtio, &h->r.tx);
}

/* What did not come from here may be anything. */
static const char *loaded(void *dev)
{
	struct hvc *h = dev;

	if (h->r.head - h->r.tail > QUEUE)
		h->r.tail = h->r.head;
	virtio_restore(&h->virtio, &h->r.virtio, &h->r.tx);
	return NULL;
}

/**
 * hvc_init() - put the console on the PCI bus
 * @vm:		the VM, after virtio_bus()
 *
 * Return: 0, or -1 with the reason reported.
 */
int hvc_init(struct vm *vm)
{
	const struct kept kept = {
		.name = "hvc", .state = &hvc.r, .size = sizeof(hvc.r), .loaded = loaded,
		.dev = &hvc, .saving = saving,
	};
	struct virtio *v = &hvc.virtio;

	memcpy(v->name, kept.name, sizeof(kept.name));
	v->queues = QUEUES;
	v->config = &hvc.config;
	v->config_len = sizeof(hvc.config);
	v->listens = true;
	v->work = work;
	v->dev = &hvc;
	if (virtio_add(v, vm, VIRTIO_ID_CONSOLE)) {
		report("--console: %s", strerror(errno));
		return -1;
	}
	vm_keep(vm, &kept);
	return 0;
}
