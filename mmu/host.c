// SPDX-License-Identifier: GPL-2.0
/*
 * The host page behind an address of the monitor. The host's page tables are read as the
 * processor reads them, without a lock of the mm: interrupts off keep the tables from being
 * freed, and mmu->lock with no invalidation going on keeps their present entries true, since
 * the host announces each change that takes something away to the notifiers first. So no
 * reference is needed, neither here nor later. A page that is not present, or not in the way
 * it is needed, is faulted in as if the process had touched it.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include "mmu/compat.h"
#include "mmu/internal.h"

/* Set in the last entry of a way that ends early; the final level has another bit there. */
#define ENDS_WAY	_PAGE_PSE
/* Not pages whose use the host keeps book on. */
#define NO_BOOK		(_PAGE_SPECIAL | _PAGE_DEVMAP)

/* The last entry on the way to @hva, and the shift of the pages it stands for. */
static u64 host_entry(unsigned long hva, unsigned int *shift)
{
	u64 *table = (u64 *)current->mm->pgd, entry;
	unsigned int s = PGDIR_SHIFT;

	for (;; s -= 9) {
		entry = READ_ONCE(table[(hva >> s) & (PTRS_PER_PTE - 1)]);
		if (!(entry & _PAGE_PRESENT) || entry & ENDS_WAY || s == PAGE_SHIFT)
			break;
		table = __va(entry & PTE_PFN_MASK);
	}
	*shift = s;
	return entry;
}

/*
 * RAM is what the host has a page for and maps write-back. The rest is uncached in the guest:
 * right for a device, and never worse than slow.
 */
static bool is_ram(unsigned long pfn, u64 entry, unsigned int shift)
{
	if (entry & (shift == PAGE_SHIFT ? _PAGE_CACHE_MASK : _PAGE_LARGE_CACHE_MASK))
		return false;
	if (shift == PAGE_SHIFT && !(entry & NO_BOOK))
		return true;
	return pfn_valid(pfn) && (!PageReserved(pfn_to_page(pfn)) || is_zero_pfn(pfn));
}

/**
 * host_lookup() - the page at an address, if the process could access it right now
 * @hva: address in the current process
 * @write: for writing
 * @host: receives the page; @page is set for those that get marked dirty when written
 *
 * Context: mmu->lock held, and no invalidation of @hva is going on; the answer is good while
 * this is so.
 */
bool host_lookup(unsigned long hva, bool write, struct host_page *host)
{
	unsigned long flags;
	unsigned int shift;
	u64 entry;

	local_irq_save(flags);
	entry = host_entry(hva, &shift);
	local_irq_restore(flags);
	if (!__pte_access_permitted(entry, write))
		return false;
	host->pfn = (entry & PTE_PFN_MASK & ~(BIT_ULL(shift) - 1)) >> PAGE_SHIFT;
	host->pfn += (hva & (BIT_ULL(shift) - 1)) >> PAGE_SHIFT;
	host->shift = shift;
	host->writable = write || __pte_access_permitted(entry, true);
	host->ram = is_ram(host->pfn, entry, shift);
	host->page = host->ram && !(entry & NO_BOOK) ? pfn_to_page(host->pfn) : NULL;
	return true;
}

/**
 * host_fault_in() - have the host make a page present
 * @hva: address in the current process
 * @write: for writing
 *
 * Context: may sleep.
 * Return: 0, and host_lookup() is worth another try; -EFAULT the process may not access it,
 * -EHWPOISON the page is broken, -EINTR a fatal signal, -ENOMEM.
 */
int host_fault_in(unsigned long hva, bool write)
{
	struct mm_struct *mm = current->mm;
	bool unlocked = false;
	int r;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	r = fixup_user_fault(mm, hva, write ? FAULT_FLAG_WRITE : 0, &unlocked);
	mmap_read_unlock(mm);
	/* Only this call tells a broken page from none. */
	if (r == -EFAULT &&
	    get_user_pages_unlocked(hva, 1, NULL, FOLL_HWPOISON) == -EHWPOISON)
		return -EHWPOISON;
	return r;
}
