// SPDX-License-Identifier: GPL-2.0
/*
 * Virtio over PCI, transitional: the registers of before 1.0 behind ports (window 0), those of 1.x
 * in memory (window 4), MSI-X (window 1). Virtio 1.2, 4.1.
 *
 * pci.lock guards all state. The vCPU writes registers; a thread of the device's own serves the
 * queues whenever its eventfd is signalled, which the driver does by itself at a notification
 * (KVM_IOEVENTFD), so that the vCPU goes on at once; and the kernel when file I/O is over; or when
 * another descriptor has something, which the device names. No request outlives its queue: what
 * takes one away waits for those under way.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "userspace/devices/virtio.h"

#define VENDOR		0x1af4
#define PORTS_LEN	0x80
#define MEMORY_LEN	0x4000
#define COMMON		0x0000			/* parts of the memory */
#define ISR		0x1000
#define CONFIG		0x2000
#define NOTIFY		0x3000
#define PART_LEN	0x1000
#define NO_VECTOR	0xffff
#define ISR_QUEUE	1
#define ISR_CONFIG	2
#define FEATURES	(BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | \
			 BIT_ULL(VIRTIO_F_ANY_LAYOUT))

/* What there is of each type, and under which numbers it was there before 1.0. */
static const struct {
	u16 type, device;
	u32 class;
} types[] = {
	{ VIRTIO_ID_NET, 0x1000, 0x020000 },
	{ VIRTIO_ID_BLOCK, 0x1001, 0x018000 },
	{ VIRTIO_ID_CONSOLE, 0x1003, 0x078000 },
	{ VIRTIO_ID_RNG, 0x1005, 0x00ff00 },
};

static struct virtio *devices[PCI_DEVICES];
static unsigned int nr_devices;

/* --- what both kinds of registers do -------------------------------------------------------- */

static void interrupt(struct virtio *v, u8 why, u16 vector)
{
	if (!pci_has_msix(&v->pci))
		v->isr |= why;
	pci_interrupt(&v->pci, vector);
}

/* The guest has broken a queue: none is served until it resets the device. */
static void broken(struct virtio *v)
{
	unsigned int i;

	for (i = 0; i < v->queues; i++)
		v->queue[i].vq.enabled = false;
	v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	interrupt(v, ISR_CONFIG, v->config_vector);
}

/* Take queues away. Meanwhile nothing is taken, even if another vCPU enables one again. */
static void drain(struct virtio *v, struct virtio_queue *first, unsigned int n)
{
	struct virtio_queue *q;

	for (q = first; q < first + n; q++) {
		q->vq.enabled = false;
		q->draining++;
	}
	for (q = first; q < first + n; q++)
		while (q->under_way)
			pthread_cond_wait(&v->idle, &v->pci.lock);
	for (q = first; q < first + n; q++)
		q->draining--;
}

static void reset(struct virtio *v)
{
	struct virtio_queue *q;

	drain(v, v->queue, v->queues);
	for (q = v->queue; q < v->queue + v->queues; q++) {
		q->vq = (struct virtqueue) { .ram = &v->pci.vm->ram, .size = VIRTQUEUE_SIZE };
		q->vector = NO_VECTOR;
	}
	v->accepted = 0;
	v->offered_select = 0;
	v->accepted_select = 0;
	v->queue_select = 0;
	v->config_vector = NO_VECTOR;
	v->status = 0;
	v->isr = 0;
	v->pci.pending = 0;
	pci_end_interrupt(&v->pci);
}

/**
 * virtio_kick() - let the device's thread look whether there is work
 * @v:		the device
 *
 * Context: any thread.
 */
void virtio_kick(struct virtio *v)
{
	u64 one = 1;

	while (write(v->kick, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void set_status(struct virtio *v, u8 status)
{
	if (!status)
		reset(v);
	else
		v->status = status | (v->status & VIRTIO_CONFIG_S_NEEDS_RESET);
	/* What does not come from the guest may have waited for this. */
	if (v->listens)
		virtio_kick(v);
	/* A feature that was not offered. */
	if (v->accepted & ~v->features)
		v->status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
}

static u8 take_isr(struct virtio *v)
{
	u8 isr = v->isr;

	v->isr = 0;
	pci_end_interrupt(&v->pci);
	return isr;
}

static u16 valid_vector(u16 vector)
{
	return vector < PCI_VECTORS ? vector : NO_VECTOR;
}

static bool valid_size(u32 size)
{
	return size && size <= VIRTQUEUE_SIZE && !(size & (size - 1));
}

/* NULL: there is no such queue. */
static struct virtio_queue *selected(struct virtio *v)
{
	return v->queue_select < v->queues ? &v->queue[v->queue_select] : NULL;
}

static u32 read_config(const struct virtio *v, u64 offset, unsigned int size)
{
	u32 value = 0;

	if (offset < v->config_len)
		memcpy(&value, (const u8 *)v->config + offset,
		       min_t(u64, size, v->config_len - offset));
	return value;
}

static void set_half(u64 *value, unsigned int half, u32 bits)
{
	unsigned int shift = half ? 32 : 0;

	*value = (*value & ~(0xffffffffULL << shift)) | (u64)bits << shift;
}

/* --- before 1.0: ports ---------------------------------------------------------------------- */

static u64 legacy_register(struct virtio *v, u64 offset, unsigned int size)
{
	const bool vectors = pci_has_msix(&v->pci);
	const struct virtio_queue *q = selected(v);

	switch (offset) {
	case VIRTIO_PCI_HOST_FEATURES:
		return (u32)v->features;
	case VIRTIO_PCI_GUEST_FEATURES:
		return (u32)v->accepted;
	case VIRTIO_PCI_QUEUE_PFN:
		return q && q->vq.enabled ? q->vq.desc >> 12 : 0;
	case VIRTIO_PCI_QUEUE_NUM:
		return q ? VIRTQUEUE_SIZE : 0;
	case VIRTIO_PCI_QUEUE_SEL:
		return v->queue_select;
	case VIRTIO_PCI_STATUS:
		return v->status;
	case VIRTIO_PCI_ISR:
		return take_isr(v);
	}
	if (vectors && offset == VIRTIO_MSI_CONFIG_VECTOR)
		return v->config_vector;
	if (vectors && offset == VIRTIO_MSI_QUEUE_VECTOR)
		return q ? q->vector : NO_VECTOR;
	return read_config(v, offset - VIRTIO_PCI_CONFIG_OFF(vectors), size);
}

static void legacy_set_queue(struct virtio *v, struct virtio_queue *q, u32 page)
{
	drain(v, q, 1);
	q->vq.size = VIRTQUEUE_SIZE;
	virtqueue_set_legacy(&q->vq, page);
	q->vq.next = 0;
	q->vq.enabled = page != 0;
}

static void legacy_set(struct virtio *v, u64 offset, u32 value)
{
	struct virtio_queue *q = selected(v);

	switch (offset) {
	case VIRTIO_PCI_GUEST_FEATURES:
		set_half(&v->accepted, 0, value);
		break;
	case VIRTIO_PCI_QUEUE_PFN:
		if (q)
			legacy_set_queue(v, q, value);
		break;
	case VIRTIO_PCI_QUEUE_SEL:
		v->queue_select = value;
		break;
	case VIRTIO_PCI_QUEUE_NOTIFY:
		virtio_kick(v);
		break;
	case VIRTIO_PCI_STATUS:
		set_status(v, value);
		break;
	case VIRTIO_MSI_CONFIG_VECTOR:
		v->config_vector = valid_vector(value);
		break;
	case VIRTIO_MSI_QUEUE_VECTOR:
		if (q)
			q->vector = valid_vector(value);
		break;
	}
}

static u64 legacy_read(void *dev, u64 offset, unsigned int size)
{
	struct virtio *v = dev;
	u64 value;

	pthread_mutex_lock(&v->pci.lock);
	value = legacy_register(v, offset, size);
	pthread_mutex_unlock(&v->pci.lock);
	return value;
}

static void legacy_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct virtio *v = dev;

	pthread_mutex_lock(&v->pci.lock);
	legacy_set(v, offset, value);
	pthread_mutex_unlock(&v->pci.lock);
}

/* --- 1.x: memory ---------------------------------------------------------------------------- */

static u32 half_of(u64 value, unsigned int half)
{
	return half == 1 ? value >> 32 : half ? 0 : value;
}

static u32 common_queue_register(struct virtio *v, u64 offset)
{
	const struct virtio_queue *q = selected(v);
	const struct virtqueue *vq = &q->vq;

	if (!q)
		return offset == VIRTIO_PCI_COMMON_Q_MSIX ? NO_VECTOR : 0;
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		return vq->size;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		return q->vector;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return vq->enabled;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		return half_of(vq->desc, offset == VIRTIO_PCI_COMMON_Q_DESCHI);
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		return half_of(vq->avail, offset == VIRTIO_PCI_COMMON_Q_AVAILHI);
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		return half_of(vq->used, offset == VIRTIO_PCI_COMMON_Q_USEDHI);
	}
	return 0;
}

static u32 common_register(struct virtio *v, u64 offset)
{
	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		return v->offered_select;
	case VIRTIO_PCI_COMMON_DF:
		return half_of(v->features, v->offered_select);
	case VIRTIO_PCI_COMMON_GFSELECT:
		return v->accepted_select;
	case VIRTIO_PCI_COMMON_GF:
		return half_of(v->accepted, v->accepted_select);
	case VIRTIO_PCI_COMMON_MSIX:
		return v->config_vector;
	case VIRTIO_PCI_COMMON_NUMQ:
		return v->queues;
	case VIRTIO_PCI_COMMON_STATUS:
		return v->status;
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		return v->generation;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		return v->queue_select;
	}
	return common_queue_register(v, offset);
}

/* What a queue is may only change while it is not in use. */
static void common_set_queue(struct virtio *v, u64 offset, u32 value)
{
	struct virtio_queue *q = selected(v);
	struct virtqueue *vq = &q->vq;

	if (!q)
		return;
	if (offset == VIRTIO_PCI_COMMON_Q_MSIX)
		q->vector = valid_vector(value);
	if (vq->enabled)
		return;
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		if (valid_size(value))
			vq->size = value;
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		vq->enabled = value == 1 && !q->draining;
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		set_half(&vq->desc, offset == VIRTIO_PCI_COMMON_Q_DESCHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		set_half(&vq->avail, offset == VIRTIO_PCI_COMMON_Q_AVAILHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		set_half(&vq->used, offset == VIRTIO_PCI_COMMON_Q_USEDHI, value);
		break;
	}
}

static void common_set(struct virtio *v, u64 offset, u32 value)
{
	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		v->offered_select = value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		v->accepted_select = value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		if (v->accepted_select < 2)
			set_half(&v->accepted, v->accepted_select, value);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		v->config_vector = valid_vector(value);
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		set_status(v, value);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		v->queue_select = value;
		break;
	default:
		common_set_queue(v, offset, value);
	}
}

static u64 memory_read(void *dev, u64 offset, unsigned int size)
{
	struct virtio *v = dev;
	u64 value = 0;

	pthread_mutex_lock(&v->pci.lock);
	if (offset < ISR)
		value = common_register(v, offset - COMMON);
	else if (offset == ISR)
		value = take_isr(v);
	else if (offset >= CONFIG && offset < NOTIFY)
		value = read_config(v, offset - CONFIG, size);
	pthread_mutex_unlock(&v->pci.lock);
	return value;
}

static void memory_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct virtio *v = dev;

	pthread_mutex_lock(&v->pci.lock);
	if (offset < ISR)
		common_set(v, offset - COMMON, value);
	else if (offset == NOTIFY)
		virtio_kick(v);
	pthread_mutex_unlock(&v->pci.lock);
}

/* --- the device's thread -------------------------------------------------------------------- */

/**
 * virtio_is_ready() - does the guest's driver listen?
 * @v:		the device, locked
 *
 * Return: whether it has said so.
 */
bool virtio_is_ready(const struct virtio *v)
{
	return v->status & VIRTIO_CONFIG_S_DRIVER_OK;
}

/**
 * virtio_waits() - is there a request in a queue, that can be taken now?
 * @v:		the device
 * @queue:	number of the queue
 *
 * For a device that has something for the guest, so only once the driver is ready. The guest may
 * take the request back.
 *
 * Context: @work.
 */
bool virtio_waits(const struct virtio *v, unsigned int queue)
{
	const struct virtio_queue *q = &v->queue[queue];

	return virtio_is_ready(v) && q->vq.enabled && q->turns && !q->draining &&
	       !READ_ONCE(v->stopping) && virtqueue_waits(&q->vq);
}

/**
 * virtio_take() - take a request from a queue
 * @v:		the device
 * @queue:	number of the queue
 * @chain:	filled in; it stays the device's until virtio_give()
 *
 * A guest that adds requests as fast as they are served gets so many at a time as there is room
 * for: others want the lock.
 *
 * Context: @work. Return: whether there was one.
 */
bool virtio_take(struct virtio *v, unsigned int queue, struct chain *chain)
{
	struct virtio_queue *q = &v->queue[queue];
	int r = 0;

	if (q->vq.enabled && q->turns && !q->draining && !READ_ONCE(v->stopping))
		r = virtqueue_take(&q->vq, chain);
	if (r < 0)
		broken(v);
	if (r <= 0)
		return false;
	q->under_way++;
	if (!--q->turns) {
		v->more = true;
		virtio_kick(v);
	}
	return true;
}

/**
 * virtio_give() - give a request back, unless its queue is gone
 * @v:		the device
 * @queue:	number of the queue
 * @chain:	of virtio_take()
 * @written:	bytes that the device has written there
 *
 * Context: @work.
 */
void virtio_give(struct virtio *v, unsigned int queue, const struct chain *chain, u32 written)
{
	struct virtio_queue *q = &v->queue[queue];

	if (q->vq.enabled) {
		q->given = true;
		if (virtqueue_give(&q->vq, chain->head, written) < 0)
			broken(v);
	}
	if (!--q->under_way)
		pthread_cond_broadcast(&v->idle);
}

/**
 * virtio_changed() - tell the guest that the device's configuration is another now
 * @v:		the device
 *
 * Context: @work.
 */
void virtio_changed(struct virtio *v)
{
	v->generation++;
	if (virtio_is_ready(v))
		interrupt(v, ISR_CONFIG, v->config_vector);
}

static void tell(struct virtio *v, const struct virtio_queue *q)
{
	const bool msix = pci_has_msix(&v->pci) && q->vector < PCI_VECTORS;

	if (!q->given || !q->vq.enabled || !virtqueue_wants_interrupt(&q->vq))
		return;
	trace_sent(v->way, msix ? (u8)v->pci.table[q->vector][2] : 0);
	interrupt(v, ISR_QUEUE, q->vector);
}

static void serve_queues(struct virtio *v)
{
	struct virtio_queue *q, *end = v->queue + v->queues;

	for (q = v->queue; q < end; q++) {
		q->given = false;
		q->turns = VIRTQUEUE_SIZE;
	}
	v->more = false;
	v->work(v->dev);
	for (q = v->queue; q < end; q++)
		tell(v, q);
	trace_way_end(v->way);
	v->way = NULL;
}

/* Until there is something to do; false: never again. */
static bool wait_for_work(struct virtio *v)
{
	u64 count;

	if (v->sources > 1) {
		if (poll(v->source, v->sources, -1) < 0)
			return errno == EINTR;
		if (!v->source[0].revents)
			return true;
	}
	return read(v->kick, &count, sizeof(count)) >= 0 || errno == EINTR;
}

static void *serve(void *arg)
{
	struct virtio *v = arg;
	bool stopped = false;

	while (!stopped && wait_for_work(v)) {
		unsigned int i, under_way = 0;

		pthread_mutex_lock(&v->pci.lock);
		v->woken = trace_now();
		serve_queues(v);
		for (i = 0; i < v->queues; i++)
			under_way += v->queue[i].under_way;
		stopped = READ_ONCE(v->stopping) && !under_way;
		pthread_mutex_unlock(&v->pci.lock);
		if (v->more)
			sched_yield();
	}
	return NULL;
}

static int start(struct virtio *v)
{
	if (v->started)
		return 0;
	v->stopping = false;
	/* The last notification may have come before a stop, or where the guest was saved. */
	virtio_kick(v);
	errno = pthread_create(&v->thread, NULL, serve, v);
	v->started = !errno;
	return v->started ? 0 : -1;
}

/**
 * virtio_start() - start the devices' threads, which look at their queues at once
 *
 * One that is started stays so.
 *
 * Context: signals are blocked and stay so in the new threads.
 * Return: 0, or -1 with the reason reported.
 */
int virtio_start(void)
{
	unsigned int i;

	for (i = 0; i < nr_devices; i++)
		if (start(devices[i])) {
			report("a thread for %s: %s", devices[i]->name, strerror(errno));
			return -1;
		}
	return 0;
}

/**
 * virtio_stop() - wait for the devices' threads; the requests that they have taken are carried out
 *
 * Context: no vCPU runs. virtio_start() undoes it.
 */
void virtio_stop(void)
{
	unsigned int i;

	for (i = 0; i < nr_devices; i++) {
		struct virtio *v = devices[i];

		if (!v->started)
			continue;
		/* Not under the lock, which a guest may keep busy. */
		WRITE_ONCE(v->stopping, true);
		virtio_kick(v);
		pthread_join(v->thread, NULL);
		v->started = false;
	}
}

/* --- saved and restored --------------------------------------------------------------------- */

static void save_queue(const struct virtio_queue *q, struct virtio_queue_saved *to)
{
	*to = (struct virtio_queue_saved) {
		.desc = q->vq.desc, .avail = q->vq.avail, .used = q->vq.used,
		.vector = q->vector, .size = q->vq.size, .next = q->vq.next,
		.enabled = q->vq.enabled,
	};
}

/**
 * virtio_save() - what is to be saved of a device
 * @v:		the device, stopped
 * @to:		filled in
 * @more:	so is this, for each queue but the first
 */
void virtio_save(const struct virtio *v, struct virtio_saved *to, struct virtio_queue_saved *more)
{
	struct virtio_queue_saved first;
	unsigned int i;

	save_queue(&v->queue[0], &first);
	for (i = 1; i < v->queues; i++)
		save_queue(&v->queue[i], more++);
	*to = (struct virtio_saved) {
		.accepted = v->accepted,
		.desc = first.desc, .avail = first.avail, .used = first.used,
		.offered_select = v->offered_select, .accepted_select = v->accepted_select,
		.queue_select = v->queue_select, .queue_vector = first.vector,
		.config_vector = v->config_vector, .queue_size = first.size,
		.queue_next = first.next, .queue_enabled = first.enabled,
		.status = v->status, .isr = v->isr,
	};
	pci_save(&v->pci, &to->pci);
}

static void restore_queue(struct virtio_queue *q, const struct virtio_queue_saved *from)
{
	q->vq.desc = from->desc;
	q->vq.avail = from->avail;
	q->vq.used = from->used;
	if (valid_size(from->size))
		q->vq.size = from->size;
	q->vq.next = from->next;
	q->vq.enabled = from->enabled;
	q->vector = valid_vector(from->vector);
}

/**
 * virtio_restore() - give a device what was saved of one
 * @v:		the device, not started yet
 * @from:	of the same kind of device, or anything: only what a guest could write gets in
 * @more:	likewise, each queue but the first
 */
void virtio_restore(struct virtio *v, const struct virtio_saved *from,
		    const struct virtio_queue_saved *more)
{
	const struct virtio_queue_saved first = {
		.desc = from->desc, .avail = from->avail, .used = from->used,
		.vector = from->queue_vector, .size = from->queue_size, .next = from->queue_next,
		.enabled = from->queue_enabled,
	};
	unsigned int i;

	reset(v);
	restore_queue(&v->queue[0], &first);
	for (i = 1; i < v->queues; i++)
		restore_queue(&v->queue[i], more++);
	v->accepted = from->accepted;
	v->offered_select = from->offered_select;
	v->accepted_select = from->accepted_select;
	v->queue_select = from->queue_select;
	v->config_vector = valid_vector(from->config_vector);
	v->status = from->status;
	v->isr = from->isr;
	pci_restore(&v->pci, &from->pci);
}

/* --- the device ----------------------------------------------------------------------------- */

static void add_part(struct virtio *v, u8 type, u32 offset, u32 length)
{
	const bool notify = type == VIRTIO_PCI_CAP_NOTIFY_CFG;
	struct virtio_pci_notify_cap cap = {
		.cap = {
			.cap_len = notify ? sizeof(cap) : sizeof(cap.cap), .cfg_type = type,
			.bar = 4, .offset = offset, .length = length,
		},
	};

	pci_add_capability(&v->pci, PCI_CAP_ID_VNDR, (u8 *)&cap + PCI_CAP_FLAGS,
			   cap.cap.cap_len - PCI_CAP_FLAGS);
}

static int add_kick(struct virtio *v, u64 addr, u32 len, u32 flags, u64 value)
{
	struct kvm_ioeventfd args = {
		.fd = v->kick, .addr = addr, .len = len, .flags = flags, .datamatch = value,
	};

	return ioctl(v->pci.vm->fd, KVM_IOEVENTFD, &args);
}

static int add_windows(struct virtio *v)
{
	const u32 port = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH;
	struct region regions[] = {
		{ "virtio", PIO, pci_add_window(&v->pci, 0, true, PORTS_LEN), PORTS_LEN, 4,
		  legacy_read, legacy_write, NULL },
		{ "virtio", MMIO, pci_add_window(&v->pci, 4, false, MEMORY_LEN), MEMORY_LEN, 4,
		  memory_read, memory_write, NULL },
	};
	unsigned int i;

	bus_add(&v->pci.vm->bus, regions, ARRAY_SIZE(regions), v);
	add_part(v, VIRTIO_PCI_CAP_COMMON_CFG, COMMON, PART_LEN);
	add_part(v, VIRTIO_PCI_CAP_ISR_CFG, ISR, PART_LEN);
	add_part(v, VIRTIO_PCI_CAP_DEVICE_CFG, CONFIG, PART_LEN);
	add_part(v, VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY, PART_LEN);
	v->notify[0] = regions[0].base + VIRTIO_PCI_QUEUE_NOTIFY;
	v->notify[1] = regions[1].base + NOTIFY;
	/* Before 1.0 the number of the queue is written, 2 bytes. Since then any, at any length. */
	for (i = 0; i < v->queues; i++)
		if (add_kick(v, v->notify[0], 2, port, i))
			return -1;
	return add_kick(v, v->notify[1], 0, 0, 0);
}

/**
 * virtio_add() - put a device on the PCI bus
 * @v:		all zeros but @name, @queues, @features, @config, @config_len, @work, @dev and, if
 *		there are any, @sources behind the first
 * @vm:		the VM, after virtio_bus()
 * @type:	VIRTIO_ID_*
 *
 * At most PCI_DEVICES. Return: 0, or -1 with errno set.
 */
int virtio_add(struct virtio *v, struct vm *vm, u16 type)
{
	struct pci_ids ids = { .vendor = VENDOR, .subsystem_vendor = VENDOR, .subsystem = type };
	unsigned int i;

	for (i = 0; types[i].type != type; i++)
		;
	ids.device = types[i].device;
	ids.class = types[i].class;
	v->features |= FEATURES;
	pthread_cond_init(&v->idle, NULL);
	v->kick = eventfd(0, EFD_CLOEXEC);
	if (v->kick < 0)
		return -1;
	v->source[0] = (struct pollfd) { .fd = v->kick, .events = POLLIN };
	v->sources = max(v->sources, 1u);
	pci_add(&v->pci, vm, &ids);
	reset(v);
	devices[nr_devices++] = v;
	return pci_add_msix(&v->pci, 1) || add_windows(v) ? -1 : 0;
}

/**
 * virtio_bus() - the bus for such devices
 * @vm:		the VM
 *
 * Return: 0, or -1 with the reason reported.
 */
int virtio_bus(struct vm *vm)
{
	static const int needed[] = {
		KVM_CAP_IOEVENTFD, KVM_CAP_IOEVENTFD_NO_LENGTH, KVM_CAP_IRQFD, KVM_CAP_IRQ_ROUTING
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(needed); i++)
		if (!vm_has(vm, needed[i])) {
			report("%s: --disk, --net, --rng, --console: the driver has no eventfds "
			       "for requests and interrupts (capability %d)", vm->device,
			       needed[i]);
			return -1;
		}
	pci_init(vm);
	return 0;
}
