// SPDX-License-Identifier: GPL-2.0
/*
 * Clocks that the guest compares its own with: ACPI's power-management timer, 24 bits that count
 * 3.579545 MHz and ask for no interrupt, and a port that tells what time the host has. Their state
 * is a word each, so that any vCPU may use them. ACPI specification 6.5, section 4.8.3.3.
 */
#include <stdatomic.h>
#include <time.h>

#include "userspace/devices/devices.h"

#define SECOND_NS	1000000000ULL
#define PM_TIMER_HZ	3579545
#define PM_TIMER_MASK	0xffffff

static struct {
	u32 count;		/* when it was saved */
} timer;

static u32 ahead;		/* of the host's count, which went on while the guest was saved */
static _Atomic u64 latched;	/* the host's time when the clock port was last written */

_Static_assert(sizeof(timer) == 4, "as Documentation/save-format.rst has it");

static u64 host_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static u32 host_count(void)
{
	return (unsigned __int128)host_ns() * PM_TIMER_HZ / SECOND_NS;
}

static u64 timer_read(void *dev, u64 offset, unsigned int size)
{
	return ((host_count() + ahead) & PM_TIMER_MASK) >> offset * 8;
}

static void timer_saving(void *dev)
{
	timer.count = timer_read(dev, 0, 4);
}

static const char *timer_loaded(void *dev)
{
	ahead = timer.count - host_count();
	return NULL;
}

static u64 clock_read(void *dev, u64 offset, unsigned int size)
{
	return latched >> offset * 8;
}

static void clock_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	latched = host_ns();
}

/**
 * timer_init() - put the power-management timer and the clock port on the bus
 * @vm:		the VM
 */
void timer_init(struct vm *vm)
{
	static const struct region regions[] = {
		{ "pm_timer", PIO, PORT_PM_TIMER, PM_TIMER_LEN, 4, timer_read, NULL, NULL },
		{ "clock", PIO, PORT_CLOCK, 8, 4, clock_read, clock_write, NULL },
	};
	const struct kept kept = {
		.name = "pm_timer", .state = &timer, .size = sizeof(timer),
		.loaded = timer_loaded, .saving = timer_saving, .dev = &timer,
	};

	bus_add(&vm->bus, regions, ARRAY_SIZE(regions), &timer);
	vm_keep(vm, &kept);
}
