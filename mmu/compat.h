/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where kernels differ about memory. Kbuild greps the headers and defines
 *   HAVE_FOLLOW_PFNMAP	follow_pfnmap_start() in linux/mm.h
 *   HAVE_NOTIFIER_BOOL	aging notifiers return bool in linux/mmu_notifier.h
 */
#ifndef KVMLET_MMU_COMPAT_H
#define KVMLET_MMU_COMPAT_H

#include <linux/atomic.h>
#include <linux/mm.h>

#ifdef HAVE_NOTIFIER_BOOL
#define aging_result	bool
#else
#define aging_result	int
#endif

/**
 * follow_device_page() - the host frame that a VM_PFNMAP or VM_IO mapping has at an address
 * @vma: the mapping
 * @hva: address within it
 * @pfn: receives the frame
 * @writable: receives whether the process may write there
 *
 * The answer is good until the next invalidation: the caller checks for one.
 *
 * Context: the mm's mmap lock held.
 * Return: 0, or -EINVAL if nothing is mapped there yet.
 */
static inline int follow_device_page(struct vm_area_struct *vma, unsigned long hva,
				     unsigned long *pfn, bool *writable)
{
#ifdef HAVE_FOLLOW_PFNMAP
	struct follow_pfnmap_args args = { .vma = vma, .address = hva };
	int r = follow_pfnmap_start(&args);

	if (r)
		return r;
	*pfn = args.pfn;
	*writable = args.writable;
	follow_pfnmap_end(&args);
#else
	spinlock_t *lock;
	pte_t *pte;
	int r = follow_pte(vma->vm_mm, hva, &pte, &lock);

	if (r)
		return r;
	__acquire(lock);	/* for sparse, which does not see it in there */
	*pfn = pte_pfn(*pte);
	*writable = pte_write(*pte);
	pte_unmap_unlock(pte, lock);
#endif
	return 0;
}

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
