// SPDX-License-Identifier: GPL-2.0
/*
 * The real-time clock of a PC (MC146818): UTC in BCD, 24-hour, no alarm and no interrupt. The rest
 * of its 128 bytes is memory. No lock: vCPUs that use it at once get in each other's way, as on a
 * PC, and each field is one byte.
 */
#include <time.h>

#include "userspace/devices/devices.h"

#define CMOS_SIZE	128
#define STATUS_A	0x0a
#define STATUS_B	0x0b
#define STATUS_C	0x0c
#define STATUS_D	0x0d
#define CENTURY		0x32
#define A_32KHZ		0x26
#define B_24_HOURS	0x02
#define D_VALID		0x80

static struct cmos {
	u8 index;
	u8 memory[CMOS_SIZE];
} cmos;

_Static_assert(sizeof(struct cmos) == 129, "as Documentation/save-format.rst has it");

static u8 bcd(int n)
{
	return n / 10 % 10 << 4 | n % 10;
}

/* A register that the clock drives; -1 for one that is memory. */
static int clock_register(u8 index)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	switch (index) {
	case 0:
		return bcd(tm.tm_sec);
	case 2:
		return bcd(tm.tm_min);
	case 4:
		return bcd(tm.tm_hour);
	case 6:
		return bcd(tm.tm_wday + 1);
	case 7:
		return bcd(tm.tm_mday);
	case 8:
		return bcd(tm.tm_mon + 1);
	case 9:
		return bcd(tm.tm_year % 100);
	case CENTURY:
		return bcd(19 + tm.tm_year / 100);
	case STATUS_A:
		return A_32KHZ;
	case STATUS_B:
		return B_24_HOURS;
	case STATUS_C:
		return 0;
	case STATUS_D:
		return D_VALID;
	}
	return -1;
}

static u64 cmos_read(void *dev, u64 offset, unsigned int size)
{
	struct cmos *c = dev;
	int value;

	if (!offset)
		return ~0ULL;
	value = clock_register(c->index);
	return value < 0 ? c->memory[c->index] : value;
}

static void cmos_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct cmos *c = dev;

	if (offset)
		c->memory[c->index] = value;
	else
		c->index = value % CMOS_SIZE;	/* the top bit masks NMI, which there is none of */
}

static const char *cmos_loaded(void *dev)
{
	struct cmos *c = dev;

	c->index %= CMOS_SIZE;
	return NULL;
}

/**
 * cmos_init() - put the real-time clock on the bus
 * @vm:		the VM
 */
void cmos_init(struct vm *vm)
{
	static const struct region region = {
		"cmos", PIO, PORT_CMOS, 2, 1, cmos_read, cmos_write, NULL
	};
	const struct kept kept = {
		.name = "cmos", .state = &cmos, .size = sizeof(cmos), .loaded = cmos_loaded,
		.dev = &cmos,
	};

	bus_add(&vm->bus, &region, 1, &cmos);
	vm_keep(vm, &kept);
}
