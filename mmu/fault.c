// SPDX-License-Identifier: GPL-2.0
/*
 * EPT violations: find the slot and the host page, and enter it in the page tables. vCPUs
 * fault in parallel: mmu->lock is held for read, tables are linked and leaves written by
 * compare-and-exchange. Nothing sleeps under it, so the work is in three steps: look (locked),
 * get the page and the tables that will be missing (may sleep), map (locked, unless an
 * invalidation went by). SDM volume 3, "EPT Violations".
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include "mmu/host.h"
#include "mmu/internal.h"

static_assert(MMU_READ == EPT_READ && MMU_WRITE == EPT_WRITE && MMU_EXEC == EPT_EXEC);

struct fault {
	struct mmu *mmu;
	struct mmu_root *root;
	u64 gfn;
	u64 access;
	/* What the look found. */
	unsigned long hva;
	unsigned long seq;
	bool readonly;		/* the slot is */
	int tables;		/* number of tables missing on the way to the leaf */
	/* What was got. */
	struct host_page host;
	u64 *spare[EPT_ROOT];	/* empty tables, [0, nr_spare) */
	int nr_spare;
};

/* Return: 0 go on, -1 it is mapped already, or MMU_FAULT_MMIO. */
static int fault_look_locked(struct fault *f)
{
	struct slot *slot = mmu_find_slot(f->mmu, f->root->as_id, f->gfn);
	u64 entry;
	int level;

	if (!slot)
		return MMU_FAULT_MMIO;
	f->readonly = slot->flags & KVM_MEM_READONLY;
	if (f->readonly && f->access & MMU_WRITE)
		return MMU_FAULT_MMIO;
	f->hva = slot_hva(slot, f->gfn);
	f->seq = f->mmu->invalidate_seq;
	entry = ept_lookup(f->root->table, f->gfn, &level);
	if (ept_present(entry) && (entry & f->access) == f->access)
		return -1;
	f->tables = ept_present(entry) ? 0 : level - EPT_4K;
	return 0;
}

static int fault_get_tables(struct fault *f)
{
	while (f->nr_spare < f->tables) {
		u64 *table = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);

		if (!table)
			return -ENOMEM;
		f->spare[f->nr_spare++] = table;
	}
	return 0;
}

/* Links a spare table at a non-present entry. False: none is left. */
static bool link_table(struct fault *f, struct ept_iter *it)
{
	u64 new;

	if (!f->nr_spare)
		return false;
	new = ept_link(__pa(f->spare[f->nr_spare - 1]));
	it->old = cmpxchg(it->entry, 0, new);
	if (!it->old) {
		it->old = new;
		f->nr_spare--;
	}
	return true;
}

/*
 * Another vCPU may have mapped the page meanwhile, perhaps with more rights: never take any
 * away here.
 */
static void set_leaf(struct fault *f, struct ept_iter *it)
{
	u64 access = EPT_READ | EPT_EXEC | (f->host.writable ? EPT_WRITE : 0);
	u64 new = ept_leaf(f->host.pfn, it->level, access, f->host.ram);
	u64 seen;

	if (f->mmu->format.accessed_dirty)
		new |= EPT_ACCESSED | (f->access & MMU_WRITE ? EPT_DIRTY : 0);
	while ((it->old & f->access) != f->access) {
		seen = cmpxchg(it->entry, it->old, new);
		if (seen == it->old)
			break;
		it->old = seen;
	}
}

/* True if the page that was got may no longer be the one at the address. */
static bool invalidated(const struct fault *f)
{
	const struct mmu *mmu = f->mmu;

	if (mmu->invalidate_seq != f->seq)
		return true;
	return mmu->invalidate_count && f->hva >= mmu->invalidate_start &&
	       f->hva < mmu->invalidate_end;
}

static void fault_map_locked(struct fault *f)
{
	struct ept_iter it;

	lockdep_assert_held_read(&f->mmu->lock);
	if (invalidated(f))
		return;
	ept_for_each(&it, f->root->table, f->gfn, f->gfn + 1) {
		if (it.level == EPT_4K)
			set_leaf(f, &it);
		else if (!ept_present(it.old) && !link_table(f, &it))
			return;
	}
}

/* The two steps after the look. */
static int fault_resolve(struct fault *f)
{
	int r;

	r = fault_get_tables(f);
	if (r)
		return r;
	r = host_page_get(f->hva, f->access & MMU_WRITE, !f->readonly, &f->host);
	if (r == -EAGAIN)
		return MMU_FAULT_MAPPED;
	if (r == -EHWPOISON) {
		/* As on bare metal: the process is told, and may tell its guest. */
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)f->hva, PAGE_SHIFT, current);
		return MMU_FAULT_MAPPED;
	}
	if (r)
		return r;
	if (f->readonly)
		f->host.writable = false;
	read_lock(&f->mmu->lock);
	fault_map_locked(f);
	host_page_put(&f->host);
	read_unlock(&f->mmu->lock);
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
	read_lock(&mmu->lock);
	r = fault_look_locked(&f);
	read_unlock(&mmu->lock);
	if (r)
		return r < 0 ? MMU_FAULT_MAPPED : r;
	r = fault_resolve(&f);
	while (f.nr_spare)
		free_page((unsigned long)f.spare[--f.nr_spare]);
	return r;
}
