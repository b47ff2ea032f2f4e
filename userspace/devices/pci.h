/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI as a device sees it: its configuration space, its windows, its interrupt.
 */
#ifndef KVMLET_USERSPACE_PCI_H
#define KVMLET_USERSPACE_PCI_H

#include <pthread.h>

#include "userspace/vm.h"

#define PCI_DEVICES	8		/* in slots 1 to 8 of the only bus; slot 0 is the bridge */
#define PCI_IRQ(slot)	(15 + (slot))	/* of INTA: a pin of the IO-APIC for each slot */
#define PCI_PORTS	0xc000		/* windows of the devices, as ACPI tells of them */
#define PCI_PORTS_LEN	0x1000
#define PCI_MEMORY	0xe0000000
#define PCI_MEMORY_LEN	0x01000000
#define PCI_VECTORS	2		/* of MSI-X, for each device */

/**
 * struct pci_device - one function
 * @lock:	guards the rest; of the device itself, too
 * @slot:	its number on the bus
 * @config:	configuration space
 * @writable:	the bits there that the guest can change
 * @msix:	offset of the MSI-X capability
 * @table:	of MSI-X, as the guest writes it
 * @pending:	vectors that were masked when they were due
 * @gsi:	for each vector
 * @event:	that raises it
 */
struct pci_device {
	struct vm *vm;
	pthread_mutex_t lock;
	unsigned int slot;
	u8 config[256], writable[256];
	unsigned int msix;
	u32 table[PCI_VECTORS][4], pending;
	unsigned int gsi[PCI_VECTORS];
	int event[PCI_VECTORS];
};

/* What is saved of one, in Documentation/save-format.rst's words. */
struct pci_saved {
	u8 config[256];
	u32 table[PCI_VECTORS][4], pending, reserved;
};

struct pci_ids {
	u16 vendor, device, subsystem_vendor, subsystem;
	u8 revision;
	u32 class;			/* three bytes */
};

void pci_init(struct vm *vm);
void pci_add(struct pci_device *d, struct vm *vm, const struct pci_ids *ids);
u32 pci_add_window(struct pci_device *d, unsigned int bar, bool io, u32 len);
unsigned int pci_add_capability(struct pci_device *d, u8 id, const void *data, unsigned int len);
int pci_add_msix(struct pci_device *d, unsigned int bar);
bool pci_has_msix(const struct pci_device *d);
void pci_interrupt(struct pci_device *d, unsigned int vector);
void pci_end_interrupt(struct pci_device *d);
void pci_save(const struct pci_device *d, struct pci_saved *to);
void pci_restore(struct pci_device *d, const struct pci_saved *from);

#endif
