/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who answers a port or an address that is not RAM.
 */
#ifndef KVMLET_USERSPACE_BUS_H
#define KVMLET_USERSPACE_BUS_H

#include "include/portable.h"

enum space { PIO, MMIO };

/*
 * One range of a device. read and write get the offset into the range and an access of at most
 * width bytes: the bus cuts wider ones. Without read the range reads as all ones, without write
 * writes are dropped.
 */
struct region {
	const char *name;
	enum space space;
	u64 base, len;
	unsigned int width;
	u64 (*read)(void *dev, u64 offset, unsigned int size);
	void (*write)(void *dev, u64 offset, u64 value, unsigned int size);
	void *dev;
};

struct bus {
	struct region region[40];
	unsigned int count;
};

void bus_add(struct bus *bus, const struct region *region, unsigned int n, void *dev);
const struct region *bus_find(const struct bus *bus, enum space space, u64 addr);
void bus_access(const struct bus *bus, enum space space, u64 addr, u8 *data, unsigned int size,
		bool write);

#endif
