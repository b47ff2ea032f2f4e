// SPDX-License-Identifier: GPL-2.0
/*
 * The table of devices by port and address. It is filled before the first vCPU runs and only read
 * afterwards, so it has no lock; each device guards its own state.
 */
#include <assert.h>

#include "userspace/bus.h"

/**
 * bus_add() - put a device's ranges on the bus
 * @bus:	the bus
 * @region:	its ranges
 * @n:		how many
 * @dev:	what their functions get as first argument
 */
void bus_add(struct bus *bus, const struct region *region, unsigned int n, void *dev)
{
	assert(n <= ARRAY_SIZE(bus->region) - bus->count);
	while (n--) {
		bus->region[bus->count] = *region++;
		bus->region[bus->count++].dev = dev;
	}
}

/**
 * bus_find() - the range that an address belongs to
 * @bus:	the bus
 * @space:	ports or memory
 * @addr:	the port or guest-physical address
 *
 * Return: the range, NULL if nobody answers there.
 */
const struct region *bus_find(const struct bus *bus, enum space space, u64 addr)
{
	const struct region *r;

	for (r = bus->region; r < bus->region + bus->count; r++)
		if (r->space == space && addr - r->base < r->len)
			return r;
	return NULL;
}

/**
 * bus_access() - carry out one access of the guest
 * @bus:	the bus
 * @space:	ports or memory
 * @addr:	where
 * @data:	what is written, or where to put what is read
 * @size:	bytes, 1 to 8
 * @write:	the direction
 *
 * What nobody answers reads as all ones, as an empty bus does. The first byte decides: a 32-bit
 * access to port 0xcf8 (PCI configuration) is none to the reset port 0xcf9.
 */
void bus_access(const struct bus *bus, enum space space, u64 addr, u8 *data, unsigned int size,
		bool write)
{
	const struct region *r;
	unsigned int step;
	u64 value;

	for (; size; size -= step, data += step, addr += step) {
		r = bus_find(bus, space, addr);
		step = r ? min_t(u64, min(size, r->width), r->base + r->len - addr) : size;
		value = ~0ULL;
		if (write) {
			value = 0;
			memcpy(&value, data, step);
			if (r && r->write)
				r->write(r->dev, addr - r->base, value, step);
		} else {
			if (r && r->read)
				value = r->read(r->dev, addr - r->base, step);
			memcpy(data, &value, step);
		}
	}
}
