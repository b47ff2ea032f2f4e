// SPDX-License-Identifier: GPL-2.0
/*
 * ioeventfd: a guest's write to a port or an address signals an eventfd, without an exit to user
 * space. irqfd: a signal to an eventfd raises an interrupt; with a resamplefd the line stays high
 * until the guest has ended the interrupt, which is told there.
 *
 * vm->lock for all changes; the guest's side looks things up under RCU. An irqfd's callback runs
 * under the lock of its eventfd's wait queue, with interrupts off; what it calls takes the
 * controllers' locks, none of which is held when an eventfd is signalled.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/hash.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include "vmx/compat.h"
#include "vmx/irqchip/eventfd.h"
#include "vmx/irqchip/internal.h"

/* One eventfd may serve any number of addresses: somebody has to say when. */
#define MOST		4096
#define RESAMPLED_MOST	128	/* they hear of an end with interrupts off */

/**
 * struct ioeventfd - all constant
 * @link:	in vm_eventfds.io
 * @ctx:	is signalled
 * @addr:	of the write, in @space
 * @match:	what must be written, unless @any
 * @space:	IO_*
 * @len:	of the write; 0: any
 * @any:	whatever is written
 */
struct ioeventfd {
	struct hlist_node link;
	struct eventfd_ctx *ctx;
	u64 addr, match;
	u32 space, len;
	bool any;
};

/**
 * struct irqfd - constant but for @count, @dead and @gone
 * @link:	in vm_eventfds.irq
 * @vm:	whose interrupt it raises
 * @ctx:	its signal raises @gsi
 * @resample:	is signalled when that interrupt has ended; NULL: @gsi is only pulsed
 * @gsi:	see route.c
 * @wait:	in @ctx's wait queue
 * @poll:	puts it there
 * @count:	what was signalled, under that queue's lock
 * @dead:	the descriptor was closed: taken out at the next occasion
 * @gone:	the next one that is about to be freed
 */
struct irqfd {
	struct list_head link;
	struct vm *vm;
	struct eventfd_ctx *ctx, *resample;
	u32 gsi;
	wait_queue_entry_t wait;
	poll_table poll;
	u64 count;
	bool dead;
	struct irqfd *gone;
};

/* --- ioeventfd ------------------------------------------------------------------------------ */

static struct hlist_head *bucket(struct vm *vm, u64 addr)
{
	return &vm->eventfds.io[hash_64(addr, ilog2(IOEVENTFD_BUCKETS))];
}

static bool is_valid(const struct kvm_ioeventfd *args)
{
	if (args->len > 8 || (args->len & (args->len - 1)) || args->addr + args->len < args->addr)
		return false;
	return !(args->flags & ~KVM_IOEVENTFD_VALID_FLAG_MASK) &&
	       (args->len || !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH));
}

/* Is there a write that both are for? */
static bool overlap(const struct ioeventfd *a, const struct ioeventfd *b)
{
	if (a->space != b->space || a->addr != b->addr)
		return false;
	return !a->len || !b->len ||
	       (a->len == b->len && (a->any || b->any || a->match == b->match));
}

static bool same(const struct ioeventfd *a, const struct ioeventfd *b)
{
	return overlap(a, b) && a->ctx == b->ctx && a->len == b->len && a->any == b->any;
}

static void ioeventfd_free(struct ioeventfd *e)
{
	if (!e)
		return;
	eventfd_ctx_put(e->ctx);
	kfree(e);
}

/* Puts *@e into the table. Whatever is to be freed is left in *@e. */
static int add_io(struct vm *vm, struct ioeventfd **e)
{
	struct hlist_head *head = bucket(vm, (*e)->addr);
	struct ioeventfd *other;

	hlist_for_each_entry(other, head, link)
		if (overlap(other, *e))
			return -EEXIST;
	if (vm->eventfds.nr_io == MOST)
		return -ENOSPC;
	hlist_add_head_rcu(&(*e)->link, head);
	WRITE_ONCE(vm->eventfds.nr_io, vm->eventfds.nr_io + 1);
	WRITE_ONCE(vm->has_ports, true);
	*e = NULL;
	return 0;
}

static struct ioeventfd *take_io(struct vm *vm, const struct ioeventfd *like)
{
	struct ioeventfd *e;

	hlist_for_each_entry(e, bucket(vm, like->addr), link) {
		if (!same(e, like))
			continue;
		hlist_del_rcu(&e->link);
		WRITE_ONCE(vm->eventfds.nr_io, vm->eventfds.nr_io - 1);
		return e;
	}
	return NULL;
}

/**
 * ioeventfd_set() - KVM_IOEVENTFD
 * @vm: any
 * @args: anything
 *
 * When a deassignment returns, the eventfd is not signalled any more. Return: 0; -EINVAL for
 * arguments that make no sense, or a descriptor that is no eventfd; -EBADF; -EEXIST if the same
 * write has an eventfd; -ENOENT if that which is to be deassigned is not there; -ENOSPC, -ENOMEM.
 */
int ioeventfd_set(struct vm *vm, const struct kvm_ioeventfd *args)
{
	bool deassign = args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN;
	struct ioeventfd *e, *old = NULL;
	int r = 0;

	if (!deassign && !is_valid(args))
		return -EINVAL;
	e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);
	if (!e)
		return -ENOMEM;
	e->ctx = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(e->ctx)) {
		r = PTR_ERR(e->ctx);
		kfree(e);
		return r;
	}
	e->space = args->flags & IO_SPACES;
	e->addr = args->addr;
	e->len = args->len;
	e->any = !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);
	e->match = args->datamatch;
	mutex_lock(&vm->lock);
	if (!deassign)
		r = add_io(vm, &e);
	else
		old = take_io(vm, e);
	mutex_unlock(&vm->lock);
	ioeventfd_free(e);
	if (deassign && !old)
		return -ENOENT;
	if (old)
		synchronize_rcu();
	ioeventfd_free(old);
	return r;
}

static noinline bool matches(const struct ioeventfd *e, unsigned int len, const void *data)
{
	u64 value = 0;

	memcpy(&value, data, len);
	return value == e->match;
}

/* Under RCU. */
static bool is_for(const struct ioeventfd *e, u32 space, u64 addr, unsigned int len,
		   const void *data)
{
	if (e->addr != addr || e->space != space || (e->len && e->len != len))
		return false;
	return likely(e->any) || matches(e, len, data);
}

/**
 * post_write() - a guest writes: signal the eventfd that it is for, or keep it in a zone
 * @vm: any
 * @space: of @addr, IO_*
 * @addr: any
 * @len: 1 to 8 bytes
 * @data: what is written
 *
 * Return: false if there is neither. Context: any.
 */
bool post_write(struct vm *vm, u32 space, u64 addr, unsigned int len, const void *data)
{
	const struct ioeventfd *e;

	if (likely(!READ_ONCE(vm->eventfds.nr_io)))
		return coalesced_write(vm, space == IO_PORTS, addr, len, data);
	rcu_read_lock();
	hlist_for_each_entry_rcu(e, bucket(vm, addr), link) {
		if (is_for(e, space, addr, len, data)) {
			compat_eventfd_signal(e->ctx);
			rcu_read_unlock();
			return true;
		}
	}
	rcu_read_unlock();
	return coalesced_write(vm, space == IO_PORTS, addr, len, data);
}

/* --- irqfd ---------------------------------------------------------------------------------- */

static __always_inline void raise(const struct irqfd *f)
{
	if (f->resample)
		irqchip_set_line(f->vm, LINE_RESAMPLED, f->gsi, true);
	else
		irqchip_pulse(f->vm, f->gsi);
}

/* An irqfd's end: its line falls, unless others hold it. */
static void let_go(const struct irqfd *f)
{
	const struct irqfd *other;
	bool shared = false;

	if (!f->resample)
		return;
	rcu_read_lock();
	list_for_each_entry_rcu(other, &f->vm->eventfds.irq, link)
		shared |= other != f && other->resample && other->gsi == f->gsi &&
			  !READ_ONCE(other->dead);
	rcu_read_unlock();
	if (!shared)
		irqchip_set_line(f->vm, LINE_RESAMPLED, f->gsi, false);
}

/* The wait queue's lock is held, interrupts are off. */
static int signalled(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *f = container_of(wait, struct irqfd, wait);
	__poll_t events = key_to_poll(key);

	if (events & EPOLLHUP) {
		WRITE_ONCE(f->dead, true);
		let_go(f);
	}
	if (!(events & EPOLLIN) || f->dead)
		return 0;
	eventfd_ctx_do_read(f->ctx, &f->count);
	raise(f);
	return 1;
}

static void listen(struct file *file, wait_queue_head_t *queue, poll_table *poll)
{
	struct irqfd *f = container_of(poll, struct irqfd, poll);

	add_wait_queue_priority(queue, &f->wait);
}

static void irqfd_free(struct irqfd *f)
{
	if (!IS_ERR_OR_NULL(f->resample))
		eventfd_ctx_put(f->resample);
	if (!IS_ERR_OR_NULL(f->ctx))
		eventfd_ctx_put(f->ctx);
	kfree(f);
}

static void unlink(struct vm *vm, struct irqfd *f)
{
	u64 count;

	eventfd_ctx_remove_wait_queue(f->ctx, &f->wait, &count);
	list_del_rcu(&f->link);
	vm->eventfds.nr_irq--;
	atomic_sub(!!f->resample, &vm->eventfds.ears);
	let_go(f);
}

/* Takes out those whose descriptor is closed, and that of @ctx and @gsi. */
static void sweep(struct vm *vm, const struct eventfd_ctx *ctx, u32 gsi)
{
	struct irqfd *f, *next, *gone = NULL;

	lockdep_assert_held(&vm->lock);
	list_for_each_entry_safe(f, next, &vm->eventfds.irq, link) {
		if (!READ_ONCE(f->dead) && (f->ctx != ctx || f->gsi != gsi))
			continue;
		unlink(vm, f);
		f->gone = gone;
		gone = f;
	}
	/* An EOI, or another's end, may be looking at them. */
	if (gone)
		synchronize_rcu();
	for (; gone; gone = next) {
		next = gone->gone;
		irqfd_free(gone);
	}
}

static int add_irq(struct vm *vm, struct irqfd *f, struct file *file)
{
	const struct irqfd *other;

	sweep(vm, NULL, 0);
	list_for_each_entry(other, &vm->eventfds.irq, link)
		if (other->ctx == f->ctx)
			return -EBUSY;
	if (vm->eventfds.nr_irq == MOST ||
	    (f->resample && atomic_read(&vm->eventfds.ears) >= RESAMPLED_MOST))
		return -ENOSPC;
	vm->eventfds.nr_irq++;
	atomic_add(!!f->resample, &vm->eventfds.ears);
	list_add_tail_rcu(&f->link, &vm->eventfds.irq);
	init_waitqueue_func_entry(&f->wait, signalled);
	init_poll_funcptr(&f->poll, listen);
	/* Signalled before it was assigned. */
	if (vfs_poll(file, &f->poll) & EPOLLIN)
		raise(f);
	return 0;
}

static int assign_irq(struct vm *vm, const struct kvm_irqfd *args)
{
	struct irqfd *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	struct file *file = fget(args->fd);
	int r = f ? -EBADF : -ENOMEM;

	if (!f || !file)
		goto out;
	f->vm = vm;
	f->gsi = args->gsi;
	f->ctx = eventfd_ctx_fileget(file);
	r = PTR_ERR_OR_ZERO(f->ctx);
	if (!r && (args->flags & KVM_IRQFD_FLAG_RESAMPLE)) {
		f->resample = eventfd_ctx_fdget(args->resamplefd);
		r = PTR_ERR_OR_ZERO(f->resample);
	}
	if (!r) {
		mutex_lock(&vm->lock);
		r = add_irq(vm, f, file);
		mutex_unlock(&vm->lock);
	}
out:
	if (file)
		fput(file);
	if (r && f)
		irqfd_free(f);
	return r;
}

static int deassign_irq(struct vm *vm, const struct kvm_irqfd *args)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(args->fd);

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	mutex_lock(&vm->lock);
	sweep(vm, ctx, args->gsi);
	mutex_unlock(&vm->lock);
	eventfd_ctx_put(ctx);
	return 0;
}

/**
 * irqfd_set() - KVM_IRQFD
 * @vm: any
 * @args: anything
 *
 * When a deassignment returns, no interrupt comes from the eventfd any more; of one that is not
 * assigned it is no error. Return: 0; -EINVAL for an unknown flag, without LAPICs here, with a
 * resamplefd without an IO-APIC here, or for a descriptor that is no eventfd; -EBADF; -EBUSY if
 * the eventfd raises an interrupt of this VM already; -ENOSPC, -ENOMEM.
 */
int irqfd_set(struct vm *vm, const struct kvm_irqfd *args)
{
	enum irqchip_mode mode;

	if (args->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	if (args->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return deassign_irq(vm, args);
	mode = smp_load_acquire(&vm->irqchip);
	/* Who has the IO-APIC hears of an interrupt's end. */
	if (mode < (args->flags & KVM_IRQFD_FLAG_RESAMPLE ? IRQCHIP_KERNEL : IRQCHIP_SPLIT))
		return -EINVAL;
	return assign_irq(vm, args);
}

/**
 * irqfd_ended() - the guest has ended an interrupt: its resampled lines fall, and who raises
 * them looks whether they have to rise again; the 8254's next may come
 * @vm: any
 * @ioapic: the input is the IO-APIC's, else the 8259s'
 * @pin: the input
 *
 * Context: any; no lock of the controllers is held.
 */
void irqfd_ended(struct vm *vm, bool ioapic, unsigned int pin)
{
	const struct irqfd *f;

	rcu_read_lock();
	/* All fall first: who is told may raise its own at once. */
	list_for_each_entry_rcu(f, &vm->eventfds.irq, link)
		if (f->resample && irqchip_leads_to(vm, f->gsi, ioapic, pin))
			irqchip_set_line(vm, LINE_RESAMPLED, f->gsi, false);
	list_for_each_entry_rcu(f, &vm->eventfds.irq, link)
		if (f->resample && irqchip_leads_to(vm, f->gsi, ioapic, pin))
			compat_eventfd_signal(f->resample);
	if (READ_ONCE(vm->pit) && irqchip_leads_to(vm, PIT_GSI, ioapic, pin))
		pit_hear_end(vm->pit);
	rcu_read_unlock();
}

/**
 * eventfds_destroy() - let go of a VM's eventfds
 * @vm: that nobody can reach any more, but by its eventfds; its controllers are still there
 */
void eventfds_destroy(struct vm *vm)
{
	struct ioeventfd *e;
	struct hlist_node *n;
	struct irqfd *f;
	unsigned int i;

	mutex_lock(&vm->lock);
	list_for_each_entry(f, &vm->eventfds.irq, link)
		WRITE_ONCE(f->dead, true);
	sweep(vm, NULL, 0);
	mutex_unlock(&vm->lock);
	for (i = 0; i < IOEVENTFD_BUCKETS; i++)
		hlist_for_each_entry_safe(e, n, &vm->eventfds.io[i], link)
			ioeventfd_free(e);
}
