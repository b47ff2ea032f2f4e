/* SPDX-License-Identifier: GPL-2.0 */
/*
 * `kvmlet run --trace`: every exit to this program, and the way of a disk's write, hop by hop.
 */
#ifndef KVMLET_USERSPACE_TRACE_H
#define KVMLET_USERSPACE_TRACE_H

#include <x86intrin.h>

#include "include/portable.h"

struct way;

/* A stamp: the driver's tracepoints have the same clock. */
static inline u64 trace_now(void)
{
	return __rdtsc();
}

int trace_open(const char *path);
void trace_close(void);
void trace_vcpu(void);
void __printf(1, 2) trace_line(const char *fmt, ...);
struct way *trace_way(const char *what, const u64 *notify);
void __printf(3, 4) trace_hop(struct way *way, u64 when, const char *fmt, ...);
void trace_sent(struct way *way, unsigned int vector);
void trace_way_end(struct way *way);

#endif
