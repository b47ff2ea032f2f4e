// SPDX-License-Identifier: GPL-2.0
/*
 * The host page behind an address of the monitor. It takes no lock of mmu/; it may sleep on
 * the mm's. The reference it returns is short: the caller gives it back once the page is
 * mapped, and notifiers guard the mapping from then on.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>
#include "mmu/compat.h"
#include "mmu/host.h"

static void host_page_set(struct host_page *host, struct page *page, bool writable)
{
	host->page = page;
	host->pfn = page_to_pfn(page);
	host->writable = writable;
	host->ram = true;
}

/*
 * A mapping of frames that have no owner to hold on to. Frames without a struct page, and
 * reserved ones, are devices.
 */
static int host_page_device(unsigned long hva, bool write, struct host_page *host)
{
	unsigned long need = write ? VM_WRITE : VM_READ;
	struct vm_area_struct *vma;
	bool unlocked = false;
	int r = -EFAULT;

	mmap_read_lock(current->mm);
	vma = vma_lookup(current->mm, hva);
	if (!vma || !(vma->vm_flags & (VM_IO | VM_PFNMAP)) || !(vma->vm_flags & need))
		goto out;
	r = follow_device_page(vma, hva, &host->pfn, &host->writable);
	if (!r && write && !host->writable)
		r = -EFAULT;
	if (r) {
		r = fixup_user_fault(current->mm, hva, write ? FAULT_FLAG_WRITE : 0, &unlocked);
		/* The mapping may be another by now: the caller starts over. */
		if (!r)
			r = -EAGAIN;
		goto out;
	}
	host->page = NULL;
	host->ram = pfn_valid(host->pfn) && !PageReserved(pfn_to_page(host->pfn));
out:
	mmap_read_unlock(current->mm);
	return r;
}

/**
 * host_page_get() - find, or have the host make, the page at an address
 * @hva: address in the current process
 * @write: the access writes
 * @want_writable: a writable page is welcome though the access only reads
 * @host: receives the page; to be given to host_page_put()
 *
 * Context: may sleep.
 * Return: 0; -EFAULT no page can be had, -EHWPOISON it is broken, -EAGAIN try again, -EINTR
 * a fatal signal, -ENOMEM.
 */
int host_page_get(unsigned long hva, bool write, bool want_writable, struct host_page *host)
{
	unsigned int flags = FOLL_HWPOISON | (write ? FOLL_WRITE : 0);
	struct page *page;
	struct page *better;
	long r;

	/* The page is mostly there: no sleep, no lock. */
	if ((write || want_writable) && get_user_page_fast_only(hva, FOLL_WRITE, &page)) {
		host_page_set(host, page, true);
		return 0;
	}
	r = get_user_pages_unlocked(hva, 1, &page, flags);
	if (r == 1 && want_writable && !write &&
	    get_user_page_fast_only(hva, FOLL_WRITE, &better)) {
		/* The read made a page that may be written as well: save a second fault. */
		put_page(page);
		host_page_set(host, better, true);
		return 0;
	}
	if (r == 1) {
		host_page_set(host, page, write);
		return 0;
	}
	if (fatal_signal_pending(current))
		return -EINTR;
	if (r == -EHWPOISON || r == -ENOMEM)
		return r;
	return host_page_device(hva, write, host);
}

/**
 * host_page_put() - mark the page used, and give its reference back
 * @host: what host_page_get() returned
 *
 * The dirty bit is set here for as long as the page stays mapped writable: whoever cleans the
 * page first unmaps it, through the notifiers.
 *
 * Context: before mmu->lock is dropped, if the page was mapped.
 */
void host_page_put(struct host_page *host)
{
	struct page *page = host->page;

	if (!page)
		return;
	if (!PageReserved(page)) {
		if (host->writable && !PageDirty(page))
			SetPageDirty(page);
		mark_page_accessed(page);
	}
	put_page(page);
}
