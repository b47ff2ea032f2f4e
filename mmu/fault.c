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
	bool own;			/* may be to the page of ours */
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
 * Puts a table where there is none, or splits a huge leaf into one; what the processor has
 * cached of the leaf stays true. @old: what stands there. NULL: no spare table is left.
 */
static u64 *link_table(struct fault *f, u64 *entry, u64 old, int level)
{
	u64 link, *spare;

	do {
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
	} while (!ept_is_link(old, level));
	return ept_table_at(old & EPT_ADDRESS);
}

/*
 * Return: true if the entry lets the access happen now, false if a table stands there meanwhile.
 * Another vCPU may have mapped the page, perhaps with more rights: none are taken away here.
 */
static bool set_leaf(struct fault *f, u64 *entry, u64 old, const struct host_page *host)
{
	u64 new = ept_leaf(ALIGN_DOWN(host->pfn, ept_pages(f->level)), f->level, f->rights,
			   host->ram);

	if (f->mmu->format.accessed_dirty)
		new |= EPT_ACCESSED | (f->access & MMU_WRITE ? EPT_DIRTY : 0);
	do {
		if (ept_is_link(old, f->level))
			return false;
		if ((old & f->access) == f->access)
			return true;
	} while (!try_cmpxchg(entry, &old, new));
	return true;
}

/* Down to the level that was chosen, or to a leaf that allows the access already. */
static int map_page(struct fault *f, const struct host_page *host)
{
	u64 *table = f->root->table, *entry, old;
	int level;

	for (level = EPT_ROOT; ; level--) {
		entry = &table[ept_index(f->gfn, level)];
		old = READ_ONCE(*entry);
		if (!ept_is_link(old, level)) {
			if ((old & f->access) == f->access ||
			    (level == f->level && set_leaf(f, entry, old, host)))
				return MMU_FAULT_MAPPED;
			if (level == f->level)
				return NEED_ROOM;
			table = link_table(f, entry, old, level);
			if (!table) {
				f->tables = level - f->level;
				return NEED_TABLES;
			}
			continue;
		}
		/* Small entries of earlier times are in the way. */
		if (level == f->level && !(old & EPT_SPLIT))
			return NEED_ROOM;
		/* Unless they are for fetches: then this one is as small. */
		if (level == f->level) {
			f->level = EPT_4K;
			f->rights |= EPT_EXEC;
		}
		table = ept_table_at(old & EPT_ADDRESS);
	}
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
	int level = min(mmu_max_level(f->mmu), ept_level_of(host->shift));

	if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES)
		return EPT_4K;
	for (; level > EPT_4K; level--) {
		u64 pages = ept_pages(level);
		unsigned long hva = ALIGN_DOWN(f->hva, pages << PAGE_SHIFT);

		if (slot_holds_block(slot, f->gfn, pages) &&
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
	if (!host->writable || slot->flags & KVM_MEM_READONLY)
		return;
	f->rights |= EPT_MAY_WRITE;
	/* The first write to a logged page must be noticed. */
	if (write || !logged || f->mmu->format.pml)
		f->rights |= EPT_WRITE;
}

/*
 * The write that a log is waiting for: the entry is there and lacks nothing but the right. The
 * host cannot have taken its own away, or the entry would be gone.
 */
static bool write_logged(struct fault *f, struct slot *slot)
{
	u64 *entry = f->root->table + ept_index(f->gfn, EPT_ROOT), old = READ_ONCE(*entry);
	int level;

	if (!(f->access & MMU_WRITE) || !(slot->flags & KVM_MEM_LOG_DIRTY_PAGES))
		return false;
	for (level = EPT_ROOT; ept_is_link(old, level); old = READ_ONCE(*entry))
		entry = ept_table_at(old & EPT_ADDRESS) + ept_index(f->gfn, --level);
	if (level > EPT_4K || !(old & EPT_MAY_WRITE) ||
	    !try_cmpxchg(entry, &old, old | EPT_WRITE | EPT_ACCESSED | EPT_DIRTY))
		return false;
	mmu_mark_dirty(f->mmu, slot, f->gfn - slot->gfn);
	return true;
}

/* vCPUs in the guest have to leave it before it can reach a device: they look then. */
static void reach_device(struct mmu *mmu, const struct host_page *host)
{
	if (likely(host->ram || READ_ONCE(mmu->maps_devices)))
		return;
	WRITE_ONCE(mmu->maps_devices, true);
	mmu->ops->flush(mmu);
}

static void mapped(struct fault *f, struct slot *slot, const struct host_page *host)
{
	/* Whoever cleans the page unmaps it first, so once is enough, be it written or not. */
	if (f->rights & EPT_MAY_WRITE && host->page && !PageDirty(host->page))
		SetPageDirty(host->page);
	if (f->access & MMU_WRITE)
		mmu_mark_dirty(f->mmu, slot, f->gfn - slot->gfn);
}

/* The page of ours is written to by the processor alone, and never logged. */
static int map_own(struct fault *f)
{
	const struct host_page host = { .pfn = f->mmu->own_hpa >> PAGE_SHIFT, .ram = true };

	f->access = EPT_READ | EPT_WRITE;
	f->rights = f->access;
	f->level = EPT_4K;
	return map_page(f, &host);
}

static int fault_locked(struct fault *f)
{
	bool write = f->access & MMU_WRITE;
	struct host_page host;
	struct slot *slot;
	int r;

	lockdep_assert_held_read(&f->mmu->lock);
	slot = mmu_find_slot(f->mmu, f->root->as_id, f->gfn);
	if (!slot && f->gfn == f->mmu->own_gfn && f->own)
		return map_own(f);
	if (!slot || (write && slot->flags & KVM_MEM_READONLY))
		return MMU_FAULT_MMIO;
	if (write_logged(f, slot))
		return MMU_FAULT_MAPPED;
	f->hva = slot_hva(slot, f->gfn);
	if (being_invalidated(f->mmu, f->hva, 1))
		return MMU_FAULT_MAPPED;
	if (!host_lookup(f->hva, write, &host))
		return NEED_PAGE;
	decide(f, slot, &host);
	reach_device(f->mmu, &host);
	r = map_page(f, &host);
	if (r == MMU_FAULT_MAPPED)
		mapped(f, slot, &host);
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

	mmu_unmap(f->mmu, f->root->as_id, first, first + pages);
	return 0;
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
		if (r == NEED_PAGE)
			r = get_page_in(f);
		else if (r == NEED_TABLES)
			r = get_tables(f);
		else
			r = make_room(f);
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
	f.access = access & ~MMU_OWN;
	f.own = access & MMU_OWN;
	f.nr_spare = 0;
	f.split = false;
	r = fault_loop(&f);
	if (f.split)
		mmu_recover_later(mmu);
	while (f.nr_spare)
		free_page((unsigned long)f.spare[--f.nr_spare]);
	return r;
}
