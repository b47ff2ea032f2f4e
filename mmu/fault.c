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
enum { NEED_PAGE = 2, NEED_TABLES };

struct fault {
	struct mmu *mmu;
	struct mmu_root *root;
	u64 gfn;
	u64 access;
	unsigned long hva;		/* valid with NEED_PAGE */
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

/* The table behind an entry, linked there if none was. NULL: no spare one is left. */
static u64 *table_behind(struct fault *f, u64 *entry)
{
	u64 old = READ_ONCE(*entry);

	if (!ept_present(old)) {
		u64 *spare;

		if (!f->nr_spare)
			return NULL;
		spare = f->spare[f->nr_spare - 1];
		old = cmpxchg(entry, 0, ept_link(__pa(spare)));
		if (!old) {
			f->nr_spare--;
			return spare;
		}
	}
	return ept_table_at(old & EPT_ADDRESS);
}

/*
 * Another vCPU may have mapped the page meanwhile, perhaps with more rights: none are taken
 * away here.
 */
static void set_leaf(struct fault *f, u64 *entry, const struct host_page *host)
{
	u64 access = EPT_READ | EPT_EXEC | (host->writable ? EPT_WRITE : 0);
	u64 new = ept_leaf(host->pfn, EPT_4K, access, host->ram);
	u64 old = READ_ONCE(*entry), seen;

	if (f->mmu->format.accessed_dirty)
		new |= EPT_ACCESSED | (f->access & MMU_WRITE ? EPT_DIRTY : 0);
	while ((old & f->access) != f->access) {
		seen = cmpxchg(entry, old, new);
		if (seen == old)
			break;
		old = seen;
	}
}

static int map_page(struct fault *f, const struct host_page *host)
{
	u64 *table = f->root->table;
	int level;

	for (level = EPT_ROOT; level > EPT_4K; level--) {
		table = table_behind(f, &table[ept_index(f->gfn, level)]);
		if (!table) {
			f->tables = level - EPT_4K;
			return NEED_TABLES;
		}
	}
	/* vCPUs in the guest have to leave it before it can reach the device: they look then. */
	if (!host->ram && !READ_ONCE(f->mmu->maps_devices)) {
		WRITE_ONCE(f->mmu->maps_devices, true);
		f->mmu->ops->flush(f->mmu);
	}
	set_leaf(f, &table[ept_index(f->gfn, EPT_4K)], host);
	/* Whoever cleans the page unmaps it first, so once is enough. */
	if (host->writable && host->page && !PageDirty(host->page))
		SetPageDirty(host->page);
	return MMU_FAULT_MAPPED;
}

static bool being_invalidated(const struct mmu *mmu, unsigned long hva)
{
	return mmu->invalidate_count && hva >= mmu->invalidate_start &&
	       hva < mmu->invalidate_end;
}

static int fault_locked(struct fault *f)
{
	bool write = f->access & MMU_WRITE, readonly;
	struct host_page host;
	struct slot *slot;

	lockdep_assert_held_read(&f->mmu->lock);
	slot = mmu_find_slot(f->mmu, f->root->as_id, f->gfn);
	if (!slot)
		return MMU_FAULT_MMIO;
	readonly = slot->flags & KVM_MEM_READONLY;
	if (readonly && write)
		return MMU_FAULT_MMIO;
	f->hva = slot_hva(slot, f->gfn);
	if (being_invalidated(f->mmu, f->hva))
		return MMU_FAULT_MAPPED;
	if (!host_lookup(f->hva, write, &host))
		return NEED_PAGE;
	if (readonly)
		host.writable = false;
	return map_page(f, &host);
}

static int get_page_in(struct fault *f)
{
	int r = host_fault_in(f->hva, f->access & MMU_WRITE);

	/* As on bare metal: the process is told, and may tell its guest. */
	if (r == -EHWPOISON)
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)f->hva, PAGE_SHIFT, current);
	return r;
}

static int fault_loop(struct fault *f)
{
	int i, r;

	for (i = 0; i < MAX_TRIES; i++) {
		read_lock(&f->mmu->lock);
		r = fault_locked(f);
		read_unlock(&f->mmu->lock);
		if (r != NEED_PAGE && r != NEED_TABLES)
			return r;
		r = r == NEED_PAGE ? get_page_in(f) : get_tables(f);
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
	r = fault_loop(&f);
	while (f.nr_spare)
		free_page((unsigned long)f.spare[--f.nr_spare]);
	return r;
}
