// SPDX-License-Identifier: GPL-2.0
/*
 * Virtio over PCI, transitional: the registers of before 1.0 behind ports (window 0), those of 1.x
 * in memory (window 4), MSI-X (window 1). Virtio 1.2, 4.1.
 *
 * pci.lock guards all state. The vCPU writes registers; a thread of the device's own serves the
 * queue whenever its eventfd is signalled, which the driver does by itself at a notification
 * (KVM_IOEVENTFD), so that the vCPU goes on at once; and the kernel when file I/O is over. No
 * request outlives its queue: what takes one away waits for those under way.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "userspace/devices/virtio.h"

#define VENDOR		0x1af4
#define DEVICE(type)	(0x1000 + (type) - 1)	/* of a transitional block device: 0x1001 */
#define CLASS_STORAGE	0x018000
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

/* --- what both kinds of registers do -------------------------------------------------------- */

static void interrupt(struct virtio *v, u8 why, u16 vector)
{
	if (!pci_has_msix(&v->pci))
		v->isr |= why;
	pci_interrupt(&v->pci, vector);
}

/* The guest has broken its queue: nothing is served until it resets the device. */
static void broken(struct virtio *v)
{
	v->vq.enabled = false;
	v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	interrupt(v, ISR_CONFIG, v->config_vector);
}

/* Take the queue away. Meanwhile nothing is taken, even if another vCPU enables it again. */
static void drain(struct virtio *v)
{
	v->vq.enabled = false;
	v->draining++;
	while (v->under_way)
		pthread_cond_wait(&v->idle, &v->pci.lock);
	v->draining--;
}

static void reset(struct virtio *v)
{
	drain(v);
	v->vq = (struct virtqueue) { .ram = &v->pci.vm->ram, .size = VIRTQUEUE_SIZE };
	v->accepted = 0;
	v->offered_select = 0;
	v->accepted_select = 0;
	v->queue_select = 0;
	v->queue_vector = NO_VECTOR;
	v->config_vector = NO_VECTOR;
	v->status = 0;
	v->isr = 0;
	v->pci.pending = 0;
	pci_end_interrupt(&v->pci);
}

static void set_status(struct virtio *v, u8 status)
{
	if (!status)
		reset(v);
	else
		v->status = status | (v->status & VIRTIO_CONFIG_S_NEEDS_RESET);
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

static void kick(struct virtio *v)
{
	u64 one = 1;

	while (write(v->kick, &one, sizeof(one)) < 0 && errno == EINTR)
		;
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
	const bool there = !v->queue_select;

	switch (offset) {
	case VIRTIO_PCI_HOST_FEATURES:
		return (u32)v->features;
	case VIRTIO_PCI_GUEST_FEATURES:
		return (u32)v->accepted;
	case VIRTIO_PCI_QUEUE_PFN:
		return there && v->vq.enabled ? v->vq.desc >> 12 : 0;
	case VIRTIO_PCI_QUEUE_NUM:
		return there ? VIRTQUEUE_SIZE : 0;
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
		return there ? v->queue_vector : NO_VECTOR;
	return read_config(v, offset - VIRTIO_PCI_CONFIG_OFF(vectors), size);
}

static void legacy_set(struct virtio *v, u64 offset, u32 value)
{
	switch (offset) {
	case VIRTIO_PCI_GUEST_FEATURES:
		set_half(&v->accepted, 0, value);
		break;
	case VIRTIO_PCI_QUEUE_PFN:
		if (v->queue_select)
			break;
		drain(v);
		v->vq.size = VIRTQUEUE_SIZE;
		virtqueue_set_legacy(&v->vq, value);
		v->vq.next = 0;
		v->vq.enabled = value != 0;
		break;
	case VIRTIO_PCI_QUEUE_SEL:
		v->queue_select = value;
		break;
	case VIRTIO_PCI_QUEUE_NOTIFY:
		kick(v);
		break;
	case VIRTIO_PCI_STATUS:
		set_status(v, value);
		break;
	case VIRTIO_MSI_CONFIG_VECTOR:
		v->config_vector = valid_vector(value);
		break;
	case VIRTIO_MSI_QUEUE_VECTOR:
		if (!v->queue_select)
			v->queue_vector = valid_vector(value);
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

static u32 common_queue_register(const struct virtio *v, u64 offset)
{
	if (v->queue_select)
		return offset == VIRTIO_PCI_COMMON_Q_MSIX ? NO_VECTOR : 0;
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		return v->vq.size;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		return v->queue_vector;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return v->vq.enabled;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		return half_of(v->vq.desc, offset == VIRTIO_PCI_COMMON_Q_DESCHI);
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		return half_of(v->vq.avail, offset == VIRTIO_PCI_COMMON_Q_AVAILHI);
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		return half_of(v->vq.used, offset == VIRTIO_PCI_COMMON_Q_USEDHI);
	}
	return 0;
}

static u32 common_register(const struct virtio *v, u64 offset)
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
		return 1;
	case VIRTIO_PCI_COMMON_STATUS:
		return v->status;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		return v->queue_select;
	}
	return common_queue_register(v, offset);
}

/* What a queue is may only change while it is not in use. */
static void common_set_queue(struct virtio *v, u64 offset, u32 value)
{
	struct virtqueue *vq = &v->vq;

	if (v->queue_select)
		return;
	if (offset == VIRTIO_PCI_COMMON_Q_MSIX)
		v->queue_vector = valid_vector(value);
	if (vq->enabled)
		return;
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		if (valid_size(value))
			vq->size = value;
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		vq->enabled = value == 1 && !v->draining;
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
		kick(v);
	pthread_mutex_unlock(&v->pci.lock);
}

/* --- the queue's thread --------------------------------------------------------------------- */

/**
 * virtio_take() - take a request from the queue
 * @v:		the device
 * @chain:	filled in; it stays the device's until virtio_give()
 *
 * A guest that adds requests as fast as they are served gets so many at a time as there is room
 * for: others want the lock.
 *
 * Context: @work. Return: whether there was one.
 */
bool virtio_take(struct virtio *v, struct chain *chain)
{
	int r = 0;

	if (v->vq.enabled && v->turns && !v->draining && !READ_ONCE(v->stopping))
		r = virtqueue_take(&v->vq, chain);
	if (r < 0)
		broken(v);
	if (r <= 0)
		return false;
	v->under_way++;
	if (!--v->turns)
		kick(v);
	return true;
}

/**
 * virtio_give() - give a request back, unless its queue is gone
 * @v:		the device
 * @chain:	of virtio_take()
 * @written:	bytes that the device has written there
 *
 * Context: @work.
 */
void virtio_give(struct virtio *v, const struct chain *chain, u32 written)
{
	if (v->vq.enabled) {
		v->given = true;
		if (virtqueue_give(&v->vq, chain->head, written) < 0)
			broken(v);
	}
	if (!--v->under_way)
		pthread_cond_broadcast(&v->idle);
}

static void serve_queue(struct virtio *v)
{
	const bool msix = pci_has_msix(&v->pci) && v->queue_vector < PCI_VECTORS;

	v->given = false;
	v->turns = VIRTQUEUE_SIZE;
	v->work(v->dev);
	if (v->given && v->vq.enabled && virtqueue_wants_interrupt(&v->vq)) {
		trace_sent(v->way, msix ? (u8)v->pci.table[v->queue_vector][2] : 0);
		interrupt(v, ISR_QUEUE, v->queue_vector);
	}
	trace_way_end(v->way);
	v->way = NULL;
}

static void *serve(void *arg)
{
	struct virtio *v = arg;
	bool stopped = false;
	u64 count;

	while (!stopped) {
		if (read(v->kick, &count, sizeof(count)) < 0 && errno != EINTR)
			break;
		pthread_mutex_lock(&v->pci.lock);
		v->woken = trace_now();
		serve_queue(v);
		stopped = READ_ONCE(v->stopping) && !v->under_way;
		pthread_mutex_unlock(&v->pci.lock);
		if (!v->turns)
			sched_yield();
	}
	return NULL;
}

/**
 * virtio_start() - start the device's thread, which looks at the queue at once
 * @v:		the device; one that is started stays so
 *
 * Context: signals are blocked and stay so in the new thread. Return: 0, or -1 with errno set.
 */
int virtio_start(struct virtio *v)
{
	if (v->started)
		return 0;
	v->stopping = false;
	/* The last notification may have come before a stop, or where the guest was saved. */
	kick(v);
	errno = pthread_create(&v->thread, NULL, serve, v);
	v->started = !errno;
	return v->started ? 0 : -1;
}

/**
 * virtio_stop() - wait for the device's thread; the requests that it has taken are carried out
 * @v:		the device; its thread may never have been started
 */
void virtio_stop(struct virtio *v)
{
	if (!v->started)
		return;
	/* Not under the lock, which a guest may keep busy. */
	WRITE_ONCE(v->stopping, true);
	kick(v);
	pthread_join(v->thread, NULL);
	v->started = false;
}

/* --- saved and restored --------------------------------------------------------------------- */

/**
 * virtio_save() - what is to be saved of a device
 * @v:		the device, stopped
 * @to:		filled in
 */
void virtio_save(const struct virtio *v, struct virtio_saved *to)
{
	*to = (struct virtio_saved) {
		.accepted = v->accepted,
		.desc = v->vq.desc, .avail = v->vq.avail, .used = v->vq.used,
		.offered_select = v->offered_select, .accepted_select = v->accepted_select,
		.queue_select = v->queue_select, .queue_vector = v->queue_vector,
		.config_vector = v->config_vector, .queue_size = v->vq.size,
		.queue_next = v->vq.next, .queue_enabled = v->vq.enabled,
		.status = v->status, .isr = v->isr,
	};
	pci_save(&v->pci, &to->pci);
}

/**
 * virtio_restore() - give a device what was saved of one
 * @v:		the device, not started yet
 * @from:	of the same kind of device, or anything: only what a guest could write gets in
 */
void virtio_restore(struct virtio *v, const struct virtio_saved *from)
{
	reset(v);
	v->accepted = from->accepted;
	v->vq.desc = from->desc;
	v->vq.avail = from->avail;
	v->vq.used = from->used;
	v->offered_select = from->offered_select;
	v->accepted_select = from->accepted_select;
	v->queue_select = from->queue_select;
	v->queue_vector = valid_vector(from->queue_vector);
	v->config_vector = valid_vector(from->config_vector);
	if (valid_size(from->queue_size))
		v->vq.size = from->queue_size;
	v->vq.next = from->queue_next;
	v->vq.enabled = from->queue_enabled;
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

static int add_kick(struct virtio *v, u64 addr, u32 len, u32 flags)
{
	struct kvm_ioeventfd args = {
		.fd = v->kick, .addr = addr, .len = len, .flags = flags,
	};

	return ioctl(v->pci.vm->fd, KVM_IOEVENTFD, &args);
}

static int add_windows(struct virtio *v)
{
	struct region regions[] = {
		{ "virtio", PIO, pci_add_window(&v->pci, 0, true, PORTS_LEN), PORTS_LEN, 4,
		  legacy_read, legacy_write, NULL },
		{ "virtio", MMIO, pci_add_window(&v->pci, 4, false, MEMORY_LEN), MEMORY_LEN, 4,
		  memory_read, memory_write, NULL },
	};

	bus_add(&v->pci.vm->bus, regions, ARRAY_SIZE(regions), v);
	add_part(v, VIRTIO_PCI_CAP_COMMON_CFG, COMMON, PART_LEN);
	add_part(v, VIRTIO_PCI_CAP_ISR_CFG, ISR, PART_LEN);
	add_part(v, VIRTIO_PCI_CAP_DEVICE_CFG, CONFIG, PART_LEN);
	add_part(v, VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY, PART_LEN);
	v->notify[0] = regions[0].base + VIRTIO_PCI_QUEUE_NOTIFY;
	v->notify[1] = regions[1].base + NOTIFY;
	/* Before 1.0 the number of the queue is written: 2 bytes, always 0. Since then any. */
	if (add_kick(v, v->notify[0], 2, KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH))
		return -1;
	return add_kick(v, v->notify[1], 0, 0);
}

/**
 * virtio_add() - put a device on the PCI bus
 * @v:		all zeros but @features, @config, @config_len, @work and @dev
 * @vm:		the VM
 * @type:	VIRTIO_ID_*
 *
 * Return: 0, or -1 with errno set.
 */
int virtio_add(struct virtio *v, struct vm *vm, u16 type)
{
	const struct pci_ids ids = {
		VENDOR, DEVICE(type), VENDOR, type, 0, CLASS_STORAGE
	};

	v->features |= FEATURES;
	pthread_cond_init(&v->idle, NULL);
	v->kick = eventfd(0, EFD_CLOEXEC);
	if (v->kick < 0)
		return -1;
	pci_add(&v->pci, vm, &ids);
	reset(v);
	return pci_add_msix(&v->pci, 1) || add_windows(v) ? -1 : 0;
}
