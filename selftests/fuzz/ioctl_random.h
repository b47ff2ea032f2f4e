/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For ioctl.c: chance that can be had again. Each thread has a stream of its own, which it seeds.
 */
#ifndef KVMLET_FUZZ_IOCTL_RANDOM_H
#define KVMLET_FUZZ_IOCTL_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

static __thread uint64_t random_state;

/* Neighbouring seeds give streams that have nothing in common: a step of splitmix64. */
static void random_begin(uint64_t seed)
{
	seed += 0x9e3779b97f4a7c15ULL;
	seed = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9ULL;
	seed = (seed ^ seed >> 27) * 0x94d049bb133111ebULL;
	random_state = (seed ^ seed >> 31) | 1;
}

/* Marsaglia's xorshift. */
static uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static unsigned int below(unsigned int n)
{
	return (random64() >> 16) % n;
}

static bool one_in(unsigned int n)
{
	return !below(n);
}

#define ONE_OF(array) ((array)[below(sizeof(array) / sizeof((array)[0]))])

/* Boundaries, single bits, page addresses, and small numbers, which get past the first check. */
static uint64_t odd_value(void)
{
	static const uint64_t borders[] = {
		0x7f, 0xff, 0xfff, 0x1000, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
		0xffffffff, 0x100000000, 0x7fffffffff, 0x8000000000, 0xffffffffff, 0x7fffffffffff,
		0x800000000000, 0x7ffffffff000, 0xffff800000000000, 0x7fffffffffffffff,
		0x8000000000000000, 0xfffffffffffff000, 0xfee00000, 0xfec00000,
	};

	switch (below(8)) {
	case 0:
		return random64();
	case 1:
		return 1ULL << below(64);
	case 2:
		return -(uint64_t)below(16);
	case 3:
		return (uint64_t)below(256) << 12;
	case 4:
		return ONE_OF(borders) - one_in(4);
	default:
		return below(32);
	}
}

static uint32_t odd_count(unsigned int good)
{
	/* Products with 8, 16 and 40 that wrap; the driver's bounds. */
	static const uint32_t odd[] = {
		0, 1, 79, 80, 255, 256, 257, 0x6666667, 0x10000000, 0x10000001, 0x20000000,
		0x40000001, 0x7fffffff, 0x80000000, 0xffffffff,
	};

	return one_in(3) ? ONE_OF(odd) : 1 + below(good);
}

#endif
