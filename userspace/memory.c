// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's RAM and the one check that an address lies in it.
 */
#include <sys/mman.h>

#include "userspace/memory.h"

#define HUGE_PAGE	(2ULL << 20)

/**
 * ram_alloc() - give the guest its memory, all zeros
 * @ram:	filled in
 * @size:	bytes, whole pages, RAM_MIN to RAM_MAX
 *
 * Return: 0 or -errno of mmap().
 */
int ram_alloc(struct ram *ram, u64 size)
{
	u8 *p = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	u64 head;

	if (p == MAP_FAILED)
		return -errno;
	/* Large pages need the same offset here and in the guest. */
	head = -(uintptr_t)p % HUGE_PAGE;
	if (head)
		munmap(p, head);
	munmap(p + head + size, HUGE_PAGE - head);
	ram->base = p + head;
	ram->size = size;
	ram->low = min(size, HOLE_START);
	return 0;
}

/**
 * ram_free() - undo ram_alloc()
 * @ram:	the memory; no VM may use it any more
 */
void ram_free(struct ram *ram)
{
	munmap(ram->base, ram->size);
	ram->base = NULL;
}

/**
 * ram_at() - where a piece of guest memory is in this process
 * @ram:	the memory
 * @gpa:	guest-physical address, from anywhere
 * @len:	bytes, from anywhere
 *
 * Return: the address, or NULL unless all of the piece is RAM without a gap.
 */
void *ram_at(const struct ram *ram, u64 gpa, u64 len)
{
	u64 start = 0, size = ram->low, offset = 0;

	if (gpa >= HOLE_END) {
		start = HOLE_END;
		size = ram->size - ram->low;
		offset = ram->low;
	}
	if (gpa - start > size || len > size - (gpa - start))
		return NULL;
	return ram->base + offset + (gpa - start);
}
