// SPDX-License-Identifier: GPL-2.0
/*
 * EPT violations: find the slot and the host page, and enter it in the page tables. vCPUs
 * fault in parallel: mmu->lock is held for read, tables are linked and leaves written by
 * compare-and-exchange. All of it happens under the lock at once, so that nothing found can
 * have changed when it is used; what is missing for it, a host page or a table, is got
 * without the lock, and then it is all done again. SDM volume 3, "EPT Violations".
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include "mmu/host.h"
#include "mmu/internal.h"

static_assert(MMU_READ == EPT_READ && MMU_WRITE == EPT_WRITE && MMU_EXEC == EPT_EXEC);

/* A page, tables, and races for each: then the guest faults again, and sees its signals. */
#define MAX_TRIES	5

/* What may be missing, beside enum mmu_fault_result. */
enum { NEED_PAGE = 2, NEED_TABLES, NEED_ROOM };

struct fault {
	struct mmu *mmu;
	struct mmu_root *root;
	u64 gfn;
	u64 access;
	unsigned long hva;		/* valid with NEED_PAGE */
	int level;			/* where the page is to be mapped */
	u64 rights;			/* that the entry shall give */
	bool split;			/* small only because it is executed */
	int tables;			/* number missing, valid with NEED_TABLES */
	u64 *spare[EPT_ROOT];		/* empty tables, [0, nr_spare) */
	int nr_spare;
};

static int get_tables(struct fault *f)
{
	while (f->nr_spare < f->tables) {
		u64 *table = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);

		if (!table)
			return -ENOMEM;
		f->spare[f->nr_spare++] = table;
	}
	return 0;
}

/*
 * The table behind an entry: if there is none, one is linked there, or a huge leaf split into
 * one. What the processor has cached of the leaf stays true. NULL: no spare table is left.
 */
static u64 *table_behind(struct fault *f, u64 *entry, int level)
{
	u64 old = READ_ONCE(*entry), link, *spare;

	while (!ept_present(old) || ept_is_leaf(old, level)) {
		if (!f->nr_spare)
			return NULL;
		spare = f->spare[f->nr_spare - 1];
		if (ept_present(old))
			ept_split(spare, level == EPT_2M ? old | EPT_EXEC : old, level);
		link = ept_link(__pa(spare));
		if (f->split && level == EPT_2M)
			link |= EPT_SPLIT;
		if (try_cmpxchg(entry, &old, link)) {
			f->nr_spare--;
			return spare;
		}
		clear_page(spare);
	}
	return ept_table_at(old & EPT_ADDRESS);
}

/*
 * Return: true if the entry lets the access happen now. Another vCPU may have mapped the page
 * meanwhile, perhaps with more rights: none are taken away here.
 */
static bool enter_leaf(struct fault *f, u64 *entry, int level, const struct host_page *host)
{
	u64 old = READ_ONCE(*entry), new;

	new = ept_leaf(ALIGN_DOWN(host->pfn, ept_pages(level)), level, f->rights, host->ram);
	if (f->mmu->format.accessed_dirty)
		new |= EPT_ACCESSED | (f->access & MMU_WRITE ? EPT_DIRTY : 0);
	do {
		if (ept_present(old) && !ept_is_leaf(old, level))
			return false;
		if ((old & f->access) == f->access)
			return true;
		if (level > f->level)
			return false;
	} while (!try_cmpxchg(entry, &old, new));
	return true;
}

static int map_page(struct fault *f, const struct host_page *host)
{
	u64 *table = f->root->table, *entry;
	int level = EPT_ROOT;

	/* vCPUs in the guest have to leave it before it can reach the device: they look then. */
	if (!host->ram && !READ_ONCE(f->mmu->maps_devices)) {
		WRITE_ONCE(f->mmu->maps_devices, true);
		f->mmu->ops->flush(f->mmu);
	}
	for (;; level--) {
		entry = &table[ept_index(f->gfn, level)];
		if (enter_leaf(f, entry, level, host))
			break;
		/* Small entries of earlier times are in the way, unless they are for a fetch. */
		if (level == f->level && !(READ_ONCE(*entry) & EPT_SPLIT))
			return NEED_ROOM;
		table = table_behind(f, entry, level);
		if (!table) {
			f->tables = level - f->level;
			return NEED_TABLES;
		}
	}
	/* Whoever cleans the page unmaps it first, so once is enough. */
	if (f->rights & EPT_WRITE && host->page && !PageDirty(host->page))
		SetPageDirty(host->page);
	return MMU_FAULT_MAPPED;
}

/* Is one of @pages at @hva being taken away? */
static bool being_invalidated(const struct mmu *mmu, unsigned long hva, u64 pages)
{
	return mmu->invalidate_count && hva + (pages << PAGE_SHIFT) > mmu->invalidate_start &&
	       hva < mmu->invalidate_end;
}

/*
 * The largest entry for what is one page of the host and lies in the slot as a whole. A logged
 * slot's pages are told apart.
 */
static int best_level(const struct fault *f, const struct slot *slot,
		      const struct host_page *host)
{
	int level;

	if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES)
		return EPT_4K;
	for (level = mmu_max_level(f->mmu); level > EPT_4K; level--) {
		u64 pages = ept_pages(level);
		unsigned long hva = ALIGN_DOWN(f->hva, pages << PAGE_SHIFT);

		if (host->shift >= PAGE_SHIFT + ept_gfn_shift(level) &&
		    slot_holds_block(slot, f->gfn, pages) &&
		    !being_invalidated(f->mmu, hva, pages))
			break;
	}
	return level;
}

/* Where the page goes, and with which rights. */
static void decide(struct fault *f, const struct slot *slot, const struct host_page *host)
{
	bool fetch = f->access & MMU_EXEC, write = f->access & MMU_WRITE;
	bool logged = slot->flags & KVM_MEM_LOG_DIRTY_PAGES;

	f->level = best_level(f, slot, host);
	f->rights = EPT_READ;
	/* Where a huge page must not be executable, one that is executed is told in small ones. */
	f->split = f->mmu->format.nx_huge && fetch && f->level > EPT_4K;
	if (f->split)
		f->level = EPT_4K;
	if (f->level == EPT_4K || !f->mmu->format.nx_huge)
		f->rights |= EPT_EXEC;
	/* The first write to a logged page must be noticed. */
	if (host->writable && !(slot->flags & KVM_MEM_READONLY) &&
	    (write || !logged || f->mmu->format.pml))
		f->rights |= EPT_WRITE;
}

static int fault_locked(struct fault *f)
{
	bool write = f->access & MMU_WRITE;
	struct host_page host;
	struct slot *slot;
	int r;

	lockdep_assert_held_read(&f->mmu->lock);
	slot = mmu_find_slot(f->mmu, f->root->as_id, f->gfn);
	if (!slot || (write && slot->flags & KVM_MEM_READONLY))
		return MMU_FAULT_MMIO;
	f->hva = slot_hva(slot, f->gfn);
	if (being_invalidated(f->mmu, f->hva, 1))
		return MMU_FAULT_MAPPED;
	if (!host_lookup(f->hva, write, &host))
		return NEED_PAGE;
	decide(f, slot, &host);
	r = map_page(f, &host);
	if (r == MMU_FAULT_MAPPED && write)
		mmu_mark_dirty(f->mmu, slot, f->gfn);
	return r;
}

static int get_page_in(struct fault *f)
{
	int r = host_fault_in(f->hva, f->access & MMU_WRITE);

	/* As on bare metal: the process is told, and may tell its guest. */
	if (r == -EHWPOISON)
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)f->hva, PAGE_SHIFT, current);
	return r;
}

/* Cuts off what is mapped where the page is to go as a whole. */
static int make_room(struct fault *f)
{
	u64 pages = ept_pages(f->level), first = ALIGN_DOWN(f->gfn, pages);
	LIST_HEAD(cut);

	write_lock(&f->mmu->lock);
	if (mmu_zap(f->mmu, f->root->as_id, first, first + pages, &cut))
		f->mmu->ops->flush(f->mmu);
	write_unlock(&f->mmu->lock);
	mmu_free_cut(&cut, true);
	return 0;
}

static int get(struct fault *f, int what)
{
	switch (what) {
	case NEED_PAGE:
		return get_page_in(f);
	case NEED_TABLES:
		return get_tables(f);
	default:
		return make_room(f);
	}
}

static int fault_loop(struct fault *f)
{
	int i, r;

	for (i = 0; i < MAX_TRIES; i++) {
		read_lock(&f->mmu->lock);
		r = fault_locked(f);
		read_unlock(&f->mmu->lock);
		if (r < NEED_PAGE)
			return r;
		r = get(f, r);
		if (r)
			return r == -EHWPOISON ? MMU_FAULT_MAPPED : r;
	}
	return MMU_FAULT_MAPPED;
}

/**
 * mmu_fault() - map the page of an access that the page tables did not allow
 * @mmu: guest memory
 * @root: page tables of the vCPU
 * @gpa: guest-physical address
 * @access: what the guest wanted to do
 *
 * Context: the process that created the VM; may sleep.
 * Return: enum mmu_fault_result; after MMU_FAULT_MAPPED the guest may fault again, so the
 * caller looks for signals. -EFAULT no host page, -EINTR a fatal signal, -ENOMEM, -EIO
 * another process.
 */
int mmu_fault(struct mmu *mmu, struct mmu_root *root, gpa_t gpa, enum mmu_access access)
{
	struct fault f;
	int r;

	if (current->mm != mmu->mm)
		return -EIO;
	if (gpa >> EPT_GPA_BITS)
		return MMU_FAULT_MMIO;
	f.mmu = mmu;
	f.root = root;
	f.gfn = gpa >> PAGE_SHIFT;
	f.access = access;
	f.nr_spare = 0;
	f.split = false;
	r = fault_loop(&f);
	if (f.split)
		mmu_recover_later(mmu);
	while (f.nr_spare)
		free_page((unsigned long)f.spare[--f.nr_spare]);
	return r;
}
