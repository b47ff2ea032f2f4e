/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The machine's devices. Each puts its ranges on the VM's bus.
 */
#ifndef KVMLET_USERSPACE_DEVICES_H
#define KVMLET_USERSPACE_DEVICES_H

#include "userspace/vm.h"

#define PORT_COM1	0x3f8
#define IRQ_COM1	4
#define PORT_CMOS	0x70
#define PORT_I8042	0x64
#define PORT_TEST	0xf4	/* a byte written ends the machine with it as status */
#define PORT_LEAVE	0xf5	/* written: save or move the guest; read: how often it was */
#define PORT_CLOCK	0xf8	/* written: latch the host's time; read: nanoseconds, 64 bits */
#define PORT_PM		0x600	/* ACPI's PM1a registers: events, then control */
#define PM_EVENT_LEN	4
#define PM_CONTROL	PM_EVENT_LEN
#define PM_CONTROL_LEN	2
#define PORT_PM_TIMER	0x608	/* ACPI's power-management timer */
#define PM_TIMER_LEN	4
#define IRQ_SCI		9
#define PORT_RESET	0xcf9
#define RESET_VALUE	0x06
#define SLEEP_OFF	5	/* the value of \_S5 */

#define VIRTIO_MOST	8	/* devices on PCI, of all kinds */
#define DISKS_MOST	VIRTIO_MOST
#define NETS_MOST	VIRTIO_MOST

struct serial;

void power_init(struct vm *vm);
void power_press(struct vm *vm);
void cmos_init(struct vm *vm);
void timer_init(struct vm *vm);
void pit_init(struct vm *vm);
struct serial *serial_init(struct vm *vm, void (*put)(u8 byte));
unsigned int serial_room(struct serial *s);
void serial_receive(struct serial *s, const u8 *data, unsigned int n);

int virtio_bus(struct vm *vm);
int virtio_start(void);
void virtio_stop(void);
int disks_init(struct vm *vm, char * const *specs, unsigned int n);
int disks_settle(void);
int nets_init(struct vm *vm, char * const *specs, unsigned int n);
int rng_init(struct vm *vm);
int hvc_init(struct vm *vm);
unsigned int hvc_room(void);
void hvc_receive(const u8 *data, unsigned int n);

void acpi_write_tables(const struct ram *ram, unsigned int cpus, bool pci);

#endif
