// SPDX-License-Identifier: GPL-2.0
/*
 * The table of GSIs: pins of the IO-APIC and lines of the 8259s, as the driver has them at first,
 * and behind them messages. lock guards it; a message's GSI leads nowhere until it is routed.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "userspace/irq.h"
#include "userspace/vm.h"

#define IOAPIC_PINS	24
#define PIC_LINES	16
#define MESSAGES	32

static struct {
	pthread_mutex_t lock;
	unsigned int messages;		/* GSIs that were given out */
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry[IOAPIC_PINS + PIC_LINES + MESSAGES];
	} table;
	struct kvm_irq_routing_entry *message[MESSAGES];	/* NULL: not routed yet */
} irqs = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void add_pin(unsigned int gsi, unsigned int chip, unsigned int pin)
{
	irqs.table.entry[irqs.table.head.nr++] = (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = { chip, pin },
	};
}

static void add_pins(void)
{
	unsigned int gsi;

	for (gsi = 0; gsi < IOAPIC_PINS; gsi++)
		add_pin(gsi, KVM_IRQCHIP_IOAPIC, gsi);
	for (gsi = 0; gsi < PIC_LINES; gsi++)
		add_pin(gsi, gsi / 8, gsi % 8);
}

/**
 * irq_new() - a GSI for messages, and an eventfd that sends them
 * @vm:		the VM
 * @gsi:	set to the GSI
 *
 * Return: the eventfd, or -1 with errno set.
 */
int irq_new(struct vm *vm, unsigned int *gsi)
{
	struct kvm_irqfd args = { .gsi = IOAPIC_PINS + irqs.messages };
	int fd;

	if (irqs.messages == MESSAGES) {
		errno = ENOSPC;
		return -1;
	}
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	args.fd = fd;
	if (fd >= 0 && ioctl(vm->fd, KVM_IRQFD, &args)) {
		close(fd);
		fd = -1;
	}
	irqs.messages += fd >= 0;
	*gsi = args.gsi;
	return fd;
}

/**
 * irq_route() - say what a GSI's message is
 * @vm:		the VM
 * @gsi:	of irq_new()
 * @address:	low half
 * @address_high: high half
 * @data:	of the message
 *
 * Context: any thread.
 */
void irq_route(struct vm *vm, unsigned int gsi, u32 address, u32 address_high, u32 data)
{
	struct kvm_irq_routing_entry **e = &irqs.message[gsi - IOAPIC_PINS];

	pthread_mutex_lock(&irqs.lock);
	if (!irqs.table.head.nr)
		add_pins();
	if (!*e)
		*e = &irqs.table.entry[irqs.table.head.nr++];
	**e = (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = address, .address_hi = address_high, .data = data },
	};
	if (ioctl(vm->fd, KVM_SET_GSI_ROUTING, &irqs.table)) {
		report("%s: KVM_SET_GSI_ROUTING: %s", vm->device, strerror(errno));
		vm_end(vm, RUN_KVM_ERROR);
	}
	pthread_mutex_unlock(&irqs.lock);
}
