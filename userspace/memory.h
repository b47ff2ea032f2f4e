/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's RAM: one anonymous mapping of this process, seen by the guest in two pieces, below
 * the hole for devices (3 GiB to 4 GiB) and above it.
 */
#ifndef KVMLET_USERSPACE_MEMORY_H
#define KVMLET_USERSPACE_MEMORY_H

#include "include/portable.h"

#define RAM_MIN		(16ULL << 20)
#define RAM_MAX		(1ULL << 40)
#define HOLE_START	0xc0000000ULL
#define HOLE_END	0x100000000ULL

struct ram {
	u8 *base;
	u64 size;	/* bytes, whole pages */
	u64 low;	/* bytes below the hole */
};

int ram_alloc(struct ram *ram, u64 size);
void ram_free(struct ram *ram);
void *ram_at(const struct ram *ram, u64 gpa, u64 len);

#endif
