/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvm-clock as a guest has it: its MSR and page.
 */
#ifndef KVMLET_TEST_CLOCK_H
#define KVMLET_TEST_CLOCK_H

#include <stdint.h>

#define MSR_TSC		0x10
#define MSR_CLOCK	0x4b564d01

/* As <asm/pvclock-abi.h> of the kernel has it. */
struct clock_page {
	uint32_t version, pad;
	uint64_t tsc, nanoseconds;
	uint32_t multiplier;
	int8_t shift;
	uint8_t flags, pad2[2];
} __attribute__((aligned(64)));

/* By what the page says now. */
static inline uint64_t clock_page_ns(const volatile struct clock_page *page, uint64_t tsc)
{
	uint64_t delta = tsc - page->tsc;

	delta = page->shift < 0 ? delta >> -page->shift : delta << page->shift;
	return page->nanoseconds + (uint64_t)((__uint128_t)delta * page->multiplier >> 32);
}

#endif
