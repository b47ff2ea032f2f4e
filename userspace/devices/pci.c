// SPDX-License-Identifier: GPL-2.0
/*
 * PCI: configuration by ports 0xcf8 and 0xcfc, windows at fixed addresses (their registers tell the
 * size, but cannot be moved), INTx and MSI-X. PCI Local Bus Specification 3.0, 3.2.2.3.2, 6.1,
 * 6.2.5.1, 6.8.2.
 *
 * Each device's lock guards its state; the bus itself is filled before the guest runs, and its
 * address register is the vCPU's.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <unistd.h>

#include "userspace/devices/pci.h"
#include "userspace/irq.h"

#define PORT_ADDRESS	0xcf8
#define PORTS		8
#define ENABLE		BIT(31)
#define CAPABILITIES	0x40		/* where they begin */
#define PORTS_EACH	0x80
#define MEMORY_EACH	0x10000
#define TABLE_LEN	0x1000
#define PENDING_AT	0x800
#define ENTRY_MASKED	BIT(0)

static struct {
	u32 address;
	struct pci_device *device[1 + PCI_DEVICES];
	unsigned int count;
	struct pci_device bridge;
} bus;

static void put(struct pci_device *d, unsigned int at, u32 value, unsigned int bytes)
{
	memcpy(d->config + at, &value, bytes);
}

static u16 config16(const struct pci_device *d, unsigned int at)
{
	return d->config[at] | d->config[at + 1] << 8;
}

/* --- interrupts ----------------------------------------------------------------------------- */

/**
 * pci_has_msix() - has the guest turned MSI-X on?
 * @d:		the device, locked
 *
 * Return: false also if it has none.
 */
bool pci_has_msix(const struct pci_device *d)
{
	return d->msix && config16(d, d->msix + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_ENABLE;
}

static void set_line(struct pci_device *d, bool level)
{
	if (level)
		d->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	else
		d->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
	if (!level || !(config16(d, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE))
		vm_irq(d->vm, PCI_IRQ(d->slot), level);
}

static void send(struct pci_device *d, unsigned int vector)
{
	u64 one = 1;

	while (write(d->event[vector], &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/**
 * pci_interrupt() - the device interrupts, by a message if the guest has turned MSI-X on
 * @d:		the device, locked
 * @vector:	of MSI-X; one that is not there sends none
 */
void pci_interrupt(struct pci_device *d, unsigned int vector)
{
	if (!pci_has_msix(d))
		set_line(d, true);
	else if (vector >= PCI_VECTORS)
		return;
	else if ((config16(d, d->msix + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_MASKALL) ||
		 (d->table[vector][3] & ENTRY_MASKED))
		d->pending |= BIT(vector);
	else
		send(d, vector);
}

/**
 * pci_end_interrupt() - lower INTx
 * @d:		the device, locked
 */
void pci_end_interrupt(struct pci_device *d)
{
	if (d->config[PCI_STATUS] & PCI_STATUS_INTERRUPT)
		set_line(d, false);
}

/* Masks have changed: what waited and may go now goes; nothing without MSI-X. */
static void send_pending(struct pci_device *d)
{
	unsigned int vector, waiting = pci_has_msix(d) ? d->pending : 0;

	d->pending = 0;
	for (vector = 0; vector < PCI_VECTORS; vector++)
		if (waiting & BIT(vector))
			pci_interrupt(d, vector);
}

static void route(struct pci_device *d, unsigned int vector)
{
	const u32 *entry = d->table[vector];

	if (!(entry[3] & ENTRY_MASKED))
		irq_route(d->vm, d->gsi[vector], entry[0], entry[1], entry[2]);
}

static u64 table_read(void *dev, u64 offset, unsigned int size)
{
	struct pci_device *d = dev;
	u32 value = 0;

	pthread_mutex_lock(&d->lock);
	if (offset + size <= sizeof(d->table))
		memcpy(&value, (u8 *)d->table + offset, size);
	else if (offset == PENDING_AT)
		value = d->pending;
	pthread_mutex_unlock(&d->lock);
	return value;
}

static void table_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct pci_device *d = dev;

	if (offset + size > sizeof(d->table))
		return;
	pthread_mutex_lock(&d->lock);
	memcpy((u8 *)d->table + offset, &value, size);
	route(d, offset / sizeof(d->table[0]));
	send_pending(d);
	pthread_mutex_unlock(&d->lock);
}

/* --- configuration space -------------------------------------------------------------------- */

/* The device and register that the address register names; NULL: nobody there. */
static struct pci_device *addressed(u64 offset, unsigned int *at)
{
	u32 address = READ_ONCE(bus.address);	/* another vCPU may write it */
	unsigned int slot = address >> 11 & 0x1f;

	*at = (address & 0xfc) + (offset & 3);
	/* Bus 0, function 0. */
	if (!(address & ENABLE) || address & 0x00ff0700 || slot >= bus.count)
		return NULL;
	return bus.device[slot];
}

static u64 config_read(void *dev, u64 offset, unsigned int size)
{
	struct pci_device *d;
	unsigned int at;
	u32 value = ~0u;

	if (offset < 4)
		return offset || size != 4 ? ~0u : bus.address;
	d = addressed(offset, &at);
	if (!d)
		return ~0u;
	pthread_mutex_lock(&d->lock);
	memcpy(&value, d->config + at, size);
	pthread_mutex_unlock(&d->lock);
	return value;
}

static void command_changed(struct pci_device *d)
{
	bool wanted = d->config[PCI_STATUS] & PCI_STATUS_INTERRUPT;
	bool off = config16(d, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE;

	if (wanted)
		vm_irq(d->vm, PCI_IRQ(d->slot), !off);
}

static void config_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct pci_device *d;
	unsigned int at, i;

	if (offset < 4) {
		if (!offset && size == 4)
			bus.address = value;
		return;
	}
	d = addressed(offset, &at);
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	for (i = 0; i < size; i++) {
		u8 mask = d->writable[at + i];

		d->config[at + i] = (d->config[at + i] & ~mask) | (value >> 8 * i & mask);
	}
	if (at <= PCI_COMMAND + 1)
		command_changed(d);
	if (d->msix && at - d->msix < PCI_CAP_MSIX_SIZEOF)
		send_pending(d);
	pthread_mutex_unlock(&d->lock);
}

/* --- devices -------------------------------------------------------------------------------- */

/**
 * pci_add() - put a device into the next slot
 * @d:		all zeros
 * @vm:		the VM; pci_init() has been called
 * @ids:	what it is
 *
 * At most PCI_DEVICES.
 */
void pci_add(struct pci_device *d, struct vm *vm, const struct pci_ids *ids)
{
	pthread_mutex_init(&d->lock, NULL);
	d->vm = vm;
	d->slot = bus.count;
	put(d, PCI_VENDOR_ID, ids->vendor, 2);
	put(d, PCI_DEVICE_ID, ids->device, 2);
	put(d, PCI_REVISION_ID, ids->revision | ids->class << 8, 4);
	put(d, PCI_SUBSYSTEM_VENDOR_ID, ids->subsystem_vendor, 2);
	put(d, PCI_SUBSYSTEM_ID, ids->subsystem, 2);
	d->writable[PCI_COMMAND] = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	d->writable[PCI_COMMAND + 1] = PCI_COMMAND_INTX_DISABLE >> 8;
	d->writable[PCI_INTERRUPT_LINE] = 0xff;
	bus.device[bus.count++] = d;
}

/**
 * pci_add_window() - give a device a range of ports or addresses
 * @d:		the device
 * @bar:	number of its base address register
 * @io:		ports
 * @len:	a power of two; ports at most 0x80, memory 0x8000
 *
 * Its register takes what is written above the size, so that the size is found, but the range
 * stays where it is. Return: its base.
 */
u32 pci_add_window(struct pci_device *d, unsigned int bar, bool io, u32 len)
{
	u32 base = io ? PCI_PORTS + d->slot * PORTS_EACH :
			PCI_MEMORY + d->slot * MEMORY_EACH + (bar & 1) * MEMORY_EACH / 2;
	unsigned int at = PCI_BASE_ADDRESS_0 + 4 * bar;
	u32 writable = ~(len - 1);

	put(d, at, base | (io ? PCI_BASE_ADDRESS_SPACE_IO : 0), 4);
	memcpy(d->writable + at, &writable, 4);
	return base;
}

/**
 * pci_add_capability() - append to a device's list
 * @d:		the device
 * @id:		PCI_CAP_ID_*
 * @data:	what follows id and link
 * @len:	bytes of it
 *
 * Return: offset of the capability.
 */
unsigned int pci_add_capability(struct pci_device *d, u8 id, const void *data, unsigned int len)
{
	unsigned int link = PCI_CAPABILITY_LIST, at = CAPABILITIES;

	while (d->config[link]) {
		at = d->config[link];
		link = at + PCI_CAP_LIST_NEXT;
		/* Each is at most 20 bytes long. */
		at += 20;
	}
	d->config[link] = at;
	d->config[at] = id;
	memcpy(d->config + at + PCI_CAP_FLAGS, data, len);
	d->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	return at;
}

/**
 * pci_add_msix() - give a device INTA and MSI-X
 * @d:		the device
 * @bar:	the window for its table
 *
 * Return: 0, or -1 with errno set.
 */
int pci_add_msix(struct pci_device *d, unsigned int bar)
{
	const struct {
		u16 flags;
		u32 table, pending;
	} __attribute__((packed)) cap = { PCI_VECTORS - 1, bar, PENDING_AT | bar };
	struct region region = {
		"msix", MMIO, pci_add_window(d, bar, false, TABLE_LEN), TABLE_LEN, 4, table_read,
		table_write, NULL
	};
	unsigned int i;

	for (i = 0; i < PCI_VECTORS; i++) {
		d->table[i][3] = ENTRY_MASKED;
		d->event[i] = irq_new(d->vm, &d->gsi[i]);
		if (d->event[i] < 0)
			return -1;
	}
	d->msix = pci_add_capability(d, PCI_CAP_ID_MSIX, &cap, sizeof(cap));
	d->writable[d->msix + PCI_MSIX_FLAGS + 1] =
		(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
	d->config[PCI_INTERRUPT_PIN] = 1;
	d->config[PCI_INTERRUPT_LINE] = PCI_IRQ(d->slot);
	bus_add(&d->vm->bus, &region, 1, d);
	return 0;
}

/**
 * pci_save() - what is to be saved of a device
 * @d:		the device; nobody uses it
 * @to:		filled in
 */
void pci_save(const struct pci_device *d, struct pci_saved *to)
{
	*to = (struct pci_saved) { .pending = d->pending };
	memcpy(to->config, d->config, sizeof(to->config));
	memcpy(to->table, d->table, sizeof(to->table));
}

/**
 * pci_restore() - give a device what was saved of one
 * @d:		the device, with its windows and capabilities; nobody uses it yet
 * @from:	of the same kind of device, or anything: what a guest could not write is not taken
 *
 * The route of a message is the driver's to be told of again, and so is the level of INTx.
 */
void pci_restore(struct pci_device *d, const struct pci_saved *from)
{
	unsigned int i;

	for (i = 0; i < sizeof(d->config); i++)
		d->config[i] = (d->config[i] & ~d->writable[i]) |
			       (from->config[i] & d->writable[i]);
	memcpy(d->table, from->table, sizeof(d->table));
	d->pending = from->pending;
	for (i = 0; i < PCI_VECTORS; i++)
		route(d, i);
	if (from->config[PCI_STATUS] & PCI_STATUS_INTERRUPT)
		set_line(d, true);
}

/**
 * pci_init() - the bus, with a bridge in slot 0, without which Linux does not take it for one
 * @vm:		the VM; its reset port is on the bus already
 */
void pci_init(struct vm *vm)
{
	static const struct region region = {
		"pci", PIO, PORT_ADDRESS, PORTS, 4, config_read, config_write, NULL
	};
	static const struct pci_ids bridge = { 0x8086, 0x0d57, 0, 0, 0, 0x060000 };
	const struct kept kept = {
		.name = "pci", .state = &bus.address, .size = sizeof(bus.address),
	};

	bus_add(&vm->bus, &region, 1, NULL);
	vm_keep(vm, &kept);
	pci_add(&bus.bridge, vm, &bridge);
}
