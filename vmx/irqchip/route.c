// SPDX-License-Identifier: GPL-2.0
/*
 * Routes: which inputs of which controllers a GSI, the number that user space knows, is wired
 * to. Read under RCU by whoever raises an interrupt; replaced as a whole under vm->lock.
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include "vmx/irqchip/internal.h"

#define ROUTE_TARGETS	2

/**
 * struct irq_routes - all routes of a VM, constant once published
 * @nr:		number of GSIs
 * @row:	per GSI its targets, @nr of them: KVM_IRQCHIP_IOAPIC with a pin from 0 to 23, or
 *		KVM_IRQCHIP_PIC_MASTER for both 8259s with a line from 0 to 15
 */
struct irq_routes {
	unsigned int nr;
	struct irq_row {
		u8 nr;
		struct {
			u8 chip, pin;
		} target[ROUTE_TARGETS];
	} row[];
};

/**
 * routes_create() - the routes that a VM begins with
 *
 * GSI n is pin n of the IO-APIC; the first 16 are the lines of the 8259s too. As KVM has it,
 * that holds for 0 as well: that pin 2 is the timer's is for user space to say.
 * Return: them, or NULL without memory.
 */
struct irq_routes *routes_create(void)
{
	struct irq_routes *routes;
	unsigned int gsi;

	routes = kzalloc(struct_size(routes, row, IOAPIC_PINS), GFP_KERNEL_ACCOUNT);
	if (!routes)
		return NULL;
	routes->nr = IOAPIC_PINS;
	for (gsi = 0; gsi < IOAPIC_PINS; gsi++) {
		struct irq_row *row = &routes->row[gsi];

		row->target[row->nr].chip = KVM_IRQCHIP_IOAPIC;
		row->target[row->nr++].pin = gsi;
		if (gsi >= PIC_LINES)
			continue;
		row->target[row->nr].chip = KVM_IRQCHIP_PIC_MASTER;
		row->target[row->nr++].pin = gsi;
	}
	return routes;
}

/* A GSI's row, NULL if there is no such GSI. Under RCU. */
static const struct irq_row *find_row(struct vm *vm, u32 gsi)
{
	const struct irq_routes *routes = rcu_dereference(vm->routes);

	return gsi < routes->nr ? &routes->row[array_index_nospec(gsi, routes->nr)] : NULL;
}

/**
 * irqchip_irq_line() - KVM_IRQ_LINE: a wire is raised or lowered
 * @vm: with controllers here
 * @gsi: any number
 * @level: 0 is low, anything else high
 *
 * Return: 1 or more if an interrupt was injected, or the wire lowered; 0 if one was waiting
 * already; -1 if it is masked or the wire leads nowhere. Context: any.
 */
int irqchip_irq_line(struct vm *vm, u32 gsi, int level)
{
	const struct irq_row *row;
	unsigned int i;
	int status = -1;

	rcu_read_lock();
	row = find_row(vm, gsi);
	for (i = 0; row && i < row->nr; i++) {
		int r = row->target[i].chip == KVM_IRQCHIP_IOAPIC ?
				ioapic_line(vm, row->target[i].pin, level) :
				pic_line(vm, row->target[i].pin, level);

		if (r >= 0)
			status = max(status, 0) + r;
	}
	rcu_read_unlock();
	return status;
}
