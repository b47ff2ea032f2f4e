// SPDX-License-Identifier: GPL-2.0
/*
 * Routes: where a GSI, the number that user space knows, leads to: inputs of the controllers, or
 * a message. Read under RCU by whoever raises an interrupt; replaced as a whole under vm->lock.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "vmx/irqchip/internal.h"

#define TARGETS_MOST	3		/* one a chip */

/**
 * struct irq_routes - all routes of a VM, constant once published but for known_msi.known
 * @rcu:	frees them when nobody reads them any more
 * @nr:		number of GSIs
 * @row:	per GSI a message (@is_msi), or its @nr targets: KVM_IRQCHIP_IOAPIC with a pin
 *		from 0 to 23, or one of the 8259s with the pair's line, from 0 to 15
 */
struct irq_routes {
	struct rcu_head rcu;
	unsigned int nr;
	struct irq_row {
		u8 nr;
		bool is_msi;
		union {
			struct irq_target {
				u8 chip, pin;
			} target[TARGETS_MOST];
			struct known_msi msi;
		};
	} row[];
};

static int add_target(struct irq_row *row, u32 chip, u32 pin)
{
	unsigned int i;

	if (row->is_msi || chip > KVM_IRQCHIP_IOAPIC ||
	    pin >= (chip == KVM_IRQCHIP_IOAPIC ? IOAPIC_PINS : PIC_LINES / 2))
		return -EINVAL;
	for (i = 0; i < row->nr; i++)
		if (row->target[i].chip == chip)
			return -EINVAL;
	row->target[row->nr++] = (struct irq_target) {
		.chip	= chip,
		.pin	= chip == KVM_IRQCHIP_PIC_SLAVE ? pin + PIC_LINES / 2 : pin,
	};
	return 0;
}

static int add_route(const struct vm *vm, struct irq_row *row,
		     const struct kvm_irq_routing_entry *entry)
{
	switch (entry->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		return entry->flags || !vm->ioapic ? -EINVAL :
		       add_target(row, entry->u.irqchip.irqchip, entry->u.irqchip.pin);
	case KVM_IRQ_ROUTING_MSI:
		if ((entry->flags & ~KVM_MSI_VALID_DEVID) || row->nr || row->is_msi ||
		    !msi_allowed(vm, entry->u.msi.address_hi))
			return -EINVAL;
		row->is_msi = true;
		row->msi.address = (u64)entry->u.msi.address_hi << 32 | entry->u.msi.address_lo;
		row->msi.data = entry->u.msi.data;
		return 0;
	}
	return -EINVAL;
}

static struct irq_routes *routes_alloc(unsigned int nr)
{
	struct irq_routes *routes;

	routes = kvzalloc(struct_size(routes, row, nr), GFP_KERNEL_ACCOUNT);
	if (routes)
		routes->nr = nr;
	return routes;
}

/**
 * routes_create() - the routes that a VM begins with
 * @wired: to controllers here; none otherwise
 *
 * GSI n is pin n of the IO-APIC; the first 16 are the lines of the 8259s too. As KVM has it,
 * that holds for 0 as well: that pin 2 is the timer's is for user space to say.
 * Return: them, or NULL without memory.
 */
struct irq_routes *routes_create(bool wired)
{
	struct irq_routes *routes = routes_alloc(wired ? IOAPIC_PINS : 0);
	unsigned int gsi;

	for (gsi = 0; routes && gsi < routes->nr; gsi++) {
		add_target(&routes->row[gsi], KVM_IRQCHIP_IOAPIC, gsi);
		if (gsi < PIC_LINES)
			add_target(&routes->row[gsi], gsi / 8, gsi % 8);
	}
	return routes;
}

static int replace_routes(struct vm *vm, const struct kvm_irq_routing_entry *entries, u32 nr)
{
	struct irq_routes *routes;
	unsigned int i, most = 0;
	int r = 0;

	for (i = 0; i < nr; i++)
		most = max(most, entries[i].gsi);
	if (most >= IRQCHIP_ROUTES)
		return -EINVAL;
	routes = routes_alloc(most + 1);
	if (!routes)
		return -ENOMEM;
	for (i = 0; i < nr && !r; i++)
		r = add_route(vm, &routes->row[array_index_nospec(entries[i].gsi, most + 1)],
			      &entries[i]);
	if (!r) {
		mutex_lock(&vm->lock);
		routes = rcu_replace_pointer(vm->routes, routes, lockdep_is_held(&vm->lock));
		mutex_unlock(&vm->lock);
	}
	kvfree_rcu(routes, rcu);
	return r;
}

/**
 * irqchip_set_routes() - KVM_SET_GSI_ROUTING
 * @vm: any
 * @user: all routes; those that there were are forgotten
 *
 * Return: 0; -EINVAL without controllers here, or for a route that cannot be; -EFAULT, -ENOMEM.
 */
int irqchip_set_routes(struct vm *vm, struct kvm_irq_routing __user *user)
{
	struct kvm_irq_routing_entry *entries;
	struct kvm_irq_routing head;
	int r;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (smp_load_acquire(&vm->irqchip) == IRQCHIP_NONE || head.nr > IRQCHIP_ROUTES ||
	    head.flags)
		return -EINVAL;
	entries = vmemdup_user(user->entries, array_size(head.nr, sizeof(*entries)));
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	r = replace_routes(vm, entries, head.nr);
	kvfree(entries);
	return r;
}

/* A GSI's row, NULL if there is no such GSI. Under RCU. */
static struct irq_row *find_row(struct vm *vm, u32 gsi)
{
	struct irq_routes *routes = rcu_dereference(vm->routes);

	return gsi < routes->nr ? &routes->row[array_index_nospec(gsi, routes->nr)] : NULL;
}

/**
 * irqchip_set_line() - a wire is raised or lowered
 * @vm: with LAPICs here
 * @source: whose wire; an input is high while one of the wires that lead there is
 * @gsi: any number
 * @level: high. A message is sent when it rises
 *
 * Return: 1 or more if an interrupt was injected, or the wire lowered; 0 if one was waiting
 * already; -1 if it is masked or the wire leads nowhere. Context: any.
 */
int irqchip_set_line(struct vm *vm, enum line_source source, u32 gsi, bool level)
{
	struct irq_row *row;
	unsigned int i;
	int status = -1;

	rcu_read_lock();
	row = find_row(vm, gsi);
	if (row && row->is_msi && level)
		status = deliver_known_msi(vm, &row->msi);
	for (i = 0; row && i < row->nr; i++) {
		const struct irq_target *to = &row->target[i];
		int r = to->chip == KVM_IRQCHIP_IOAPIC ?
				ioapic_line(vm, to->pin, source, level) :
				pic_line(vm, to->pin, source, level);

		if (r >= 0)
			status = max(status, 0) + r;
	}
	rcu_read_unlock();
	return status;
}

/**
 * irqchip_pulse() - a wire is raised and lowered at once
 * @vm: with LAPICs here
 * @gsi: any number
 *
 * Context: any.
 */
void irqchip_pulse(struct vm *vm, u32 gsi)
{
	struct irq_row *row;

	rcu_read_lock();
	row = find_row(vm, gsi);
	if (likely(row && row->is_msi)) {
		deliver_known_msi(vm, &row->msi);
	} else {
		irqchip_set_line(vm, LINE_USER, gsi, true);
		irqchip_set_line(vm, LINE_USER, gsi, false);
	}
	rcu_read_unlock();
}

/**
 * irqchip_split_pin() - does a pin of user space's IO-APIC send this interrupt, by level?
 * @vm: with IRQCHIP_SPLIT
 * @vector: of the interrupt
 *
 * Context: any.
 */
bool irqchip_split_pin(struct vm *vm, u8 vector)
{
	const struct irq_routes *routes;
	bool found = false;
	unsigned int gsi;

	rcu_read_lock();
	routes = rcu_dereference(vm->routes);
	for (gsi = 0; !found && gsi < min(vm->split_pins, routes->nr); gsi++)
		found = routes->row[gsi].is_msi && (u8)routes->row[gsi].msi.data == vector &&
			routes->row[gsi].msi.data & MSI_LEVEL;
	rcu_read_unlock();
	return found;
}

/**
 * irqchip_leads_to() - is a GSI wired to this input?
 * @vm: with controllers here
 * @gsi: any number
 * @ioapic: of the IO-APIC, else of the pair of 8259s
 * @pin: the input
 *
 * Context: any, under RCU.
 */
bool irqchip_leads_to(struct vm *vm, u32 gsi, bool ioapic, unsigned int pin)
{
	const struct irq_row *row = find_row(vm, gsi);
	unsigned int i;

	for (i = 0; row && i < row->nr; i++)
		if ((row->target[i].chip == KVM_IRQCHIP_IOAPIC) == ioapic &&
		    row->target[i].pin == pin)
			return true;
	return false;
}
