/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The records of kvm-clock that a guest reads: how it turns TSC ticks into nanoseconds, and
 * how a record is rewritten under its eyes. Pure functions, no lock.
 * Format: asm/pvclock-abi.h.
 */
#ifndef KVMLET_VMX_CLOCK_RECORD_H
#define KVMLET_VMX_CLOCK_RECORD_H

#include "include/portable.h"

/* ns = ((ticks << shift) * mul) >> 32; a negative shift is one to the right. */
struct clock_scale {
	u32 mul;
	s8 shift;
};

struct clock_scale clock_scale_make(u64 ticks, u64 ns);
u64 clock_scale_ns(struct clock_scale scale, u64 ticks);
u64 clock_ticks_to_ns(u64 ticks, u32 khz);

int clock_record_write(void *record, size_t size, void *ctx,
		       int (*write)(void *ctx, size_t at, const void *data, size_t size));

#endif
