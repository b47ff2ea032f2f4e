// SPDX-License-Identifier: GPL-2.0
/*
 * The ways a guest ends its machine: ACPI's PM1 control register, the reset port 0xcf9 (ACPI's
 * reset register too), the reset command of a keyboard controller that is otherwise not there, a
 * test port; and the port by which it asks to be saved or moved. And how it is asked to end: by the
 * power button, the one event of PM1's event registers, which lock guards together with the line of
 * their interrupt. ACPI specification 6.5, sections 4.8.2.2, 4.8.3.1 and 4.8.3.2.
 */
#include <pthread.h>

#include "userspace/devices/devices.h"

#define PM_STATUS	0		/* offset of the status bits, */
#define PM_ENABLE	2		/* of the enable bits */
#define PM_BUTTON	BIT(8)		/* of both */
#define PM_SCI_ENABLED	BIT(0)
#define PM_SLEEP_TYPE(v) ((v) >> 10 & 7)
#define PM_SLEEP	BIT(13)
#define RESET_CPU	0x04
#define I8042_RESET	0xfe

static struct {
	u16 pm_enabled;		/* events that the guest wants */
	u8 restored;		/* how often the guest was restored or moved */
	u8 pm_status;		/* events that have happened, bits 15:8 */
} power;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

_Static_assert(sizeof(power) == 4, "as Documentation/save-format.rst has it");

/* Under the lock. */
static void set_line(struct vm *vm)
{
	vm_irq(vm, IRQ_SCI, power.pm_status << 8 & power.pm_enabled);
}

/**
 * power_press() - press the power button
 * @vm:		the VM; what happens then is the guest's decision
 *
 * Context: any thread.
 */
void power_press(struct vm *vm)
{
	pthread_mutex_lock(&lock);
	power.pm_status |= PM_BUTTON >> 8;
	set_line(vm);
	pthread_mutex_unlock(&lock);
}

/* Registers of 16 bits; an access may be to one byte of them. */
static u64 pm_read(void *dev, u64 offset, unsigned int size)
{
	u16 value = 0;

	pthread_mutex_lock(&lock);
	switch (offset & ~1ULL) {
	case PM_STATUS:
		value = power.pm_status << 8;
		break;
	case PM_ENABLE:
		value = power.pm_enabled;
		break;
	case PM_CONTROL:
		value = PM_SCI_ENABLED;
		break;
	}
	pthread_mutex_unlock(&lock);
	return value >> offset % 2 * 8;
}

static void pm_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	u16 mask = (size == 1 ? 0xff : 0xffff) << offset % 2 * 8;

	value = value << offset % 2 * 8 & mask;
	offset &= ~1ULL;
	pthread_mutex_lock(&lock);
	if (offset == PM_STATUS)
		power.pm_status &= ~(value >> 8);
	else if (offset == PM_ENABLE)
		power.pm_enabled = (power.pm_enabled & ~mask) | value;
	set_line(dev);
	pthread_mutex_unlock(&lock);
	if (offset == PM_CONTROL && (value & PM_SLEEP) && PM_SLEEP_TYPE(value) == SLEEP_OFF)
		vm_end(dev, RUN_POWER_OFF);
}

static void reset_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	if (value & RESET_CPU)
		vm_end(dev, RUN_RESET);
}

static void i8042_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	if (value == I8042_RESET)
		vm_end(dev, RUN_RESET);
}

static void test_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	vm_end(dev, min_t(u64, value, RUN_GUEST_MAX));
}

static u64 leave_read(void *dev, u64 offset, unsigned int size)
{
	return power.restored;
}

static void leave_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	vm_leave(dev);
}

static const char *power_loaded(void *dev)
{
	power.restored++;
	power.pm_status &= PM_BUTTON >> 8;
	set_line(dev);
	return NULL;
}

/**
 * power_init() - put the ports that end the machine on the bus
 * @vm:		the VM
 */
void power_init(struct vm *vm)
{
	static const struct region regions[] = {
		{ "pm", PIO, PORT_PM, PM_EVENT_LEN + PM_CONTROL_LEN, 2, pm_read, pm_write, NULL },
		{ "reset", PIO, PORT_RESET, 1, 1, NULL, reset_write, NULL },
		{ "i8042", PIO, PORT_I8042, 1, 1, NULL, i8042_write, NULL },
		{ "test", PIO, PORT_TEST, 1, 1, NULL, test_write, NULL },
		{ "leave", PIO, PORT_LEAVE, 1, 1, leave_read, leave_write, NULL },
	};
	const struct kept kept = {
		.name = "power", .state = &power, .size = sizeof(power), .loaded = power_loaded,
		.dev = vm,
	};

	bus_add(&vm->bus, regions, ARRAY_SIZE(regions), vm);
	vm_keep(vm, &kept);
}
