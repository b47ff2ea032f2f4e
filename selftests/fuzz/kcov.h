/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which places of the driver a thread has been to, by KCOV. Only the debug host has it, and there
 * only the driver is instrumented. kcov_begin() once a thread, kcov_take() now and then.
 */
#ifndef KVMLET_FUZZ_KCOV_H
#define KVMLET_FUZZ_KCOV_H

#include <fcntl.h>
#include <linux/kcov.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define KCOV_WORDS	32768
/* A place is an address within the module: its low bits tell it apart. */
#define KCOV_PLACES	(1U << 22)

/* A bit a place, for all processes. */
struct kcov_places {
	uint8_t bits[KCOV_PLACES / 8];
};

static __thread uint64_t *kcov_area;

/* Without KCOV the thread goes on without. */
static void kcov_begin(void)
{
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	void *area = MAP_FAILED;

	if (fd < 0)
		return;
	if (!ioctl(fd, KCOV_INIT_TRACE, KCOV_WORDS))
		area = mmap(NULL, KCOV_WORDS * 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (area != MAP_FAILED && !ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC))
		kcov_area = area;
	/* The mapping keeps it. */
	close(fd);
}

/* Notes the places since the last time. */
static void kcov_take(struct kcov_places *places)
{
	uint64_t i, n, place;

	if (!kcov_area)
		return;
	n = __atomic_exchange_n(&kcov_area[0], 0, __ATOMIC_RELAXED);
	for (i = 1; i <= n && i < KCOV_WORDS; i++) {
		place = kcov_area[i] % KCOV_PLACES;
		if (!(places->bits[place / 8] & 1 << place % 8))
			__atomic_fetch_or(&places->bits[place / 8], 1 << place % 8,
					  __ATOMIC_RELAXED);
	}
}

static unsigned int kcov_count(const struct kcov_places *places)
{
	unsigned int i, n = 0;

	for (i = 0; i < sizeof(places->bits); i++)
		n += __builtin_popcount(places->bits[i]);
	return n;
}

#endif
