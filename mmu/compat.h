/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where kernels differ about memory. Kbuild greps the headers and defines
 *   HAVE_NOTIFIER_BOOL	aging notifiers return bool in linux/mmu_notifier.h
 * The rest is told by what the headers define themselves.
 */
#ifndef KVMLET_MMU_COMPAT_H
#define KVMLET_MMU_COMPAT_H

#include <linux/atomic.h>
#include <linux/pgtable.h>

#ifdef HAVE_NOTIFIER_BOOL
#define aging_result	bool
#else
#define aging_result	int
#endif

#ifndef _PAGE_DEVMAP
#define _PAGE_DEVMAP	0	/* pages of devices are ordinary ones there */
#endif

/* Exchanges 16 aligned bytes if they equal @old, which receives what was there. */
static inline bool cmpxchg_16(void *target, u64 old[2], const u64 new[2])
{
#ifdef try_cmpxchg128
	union { u64 half[2]; u128 whole; } o = { { old[0], old[1] } }, n = { { new[0], new[1] } };
	bool done = try_cmpxchg128((u128 *)target, &o.whole, n.whole);

	old[0] = o.half[0];
	old[1] = o.half[1];
	return done;
#else
	u64 *half = target;
	bool done = cmpxchg_double(&half[0], &half[1], old[0], old[1], new[0], new[1]);

	if (!done) {
		old[0] = READ_ONCE(half[0]);
		old[1] = READ_ONCE(half[1]);
	}
	return done;
#endif
}

#endif
