// SPDX-License-Identifier: GPL-2.0
/*
 * Huge pages that were split are joined again: the table of small entries is cut off, and the
 * next access maps the page as a whole. After the end of a dirty log that is done at once.
 * Where huge pages must not be executable, a table that a fetch made goes after a while, since
 * what was executed once may be data now: some at a time, by a work item of the VM.
 *
 * mmu->lock held for write guards the tables, and root->recover_gfn.
 */
#include <linux/moduleparam.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include "mmu/internal.h"

static uint recover_ms = 60000;
module_param(recover_ms, uint, 0644);
MODULE_PARM_DESC(recover_ms, "pages split for being executed are joined so often; 0: never");

/* At a time: entries of 2 MiB and more that are looked at, tables cut off, blocks of a slot. */
#define RECOVER_ENTRIES	8192
#define RECOVER_TABLES	64
#define REJOIN_BLOCKS	256

static bool is_huge_now(const struct slot *slot, u64 gfn)
{
	struct host_page host;

	return slot_holds_block(slot, gfn, ept_pages(EPT_2M)) &&
	       host_lookup(slot_hva(slot, gfn), false, &host) && host.shift >= PMD_SHIFT;
}

/* Returns where to go on. */
static u64 rejoin_some(struct mmu *mmu, const struct slot *slot, u64 gfn, struct list_head *cut)
{
	u64 pages = ept_pages(EPT_2M), end = slot->gfn + slot->npages;
	unsigned int i;
	bool any = false;

	write_lock(&mmu->lock);
	for (i = 0; i < REJOIN_BLOCKS && gfn < end; i++, gfn += pages)
		if (is_huge_now(slot, gfn))
			any |= mmu_zap(mmu, slot->as_id, gfn, gfn + pages, cut);
	if (any)
		mmu->ops->flush(mmu);
	write_unlock(&mmu->lock);
	return gfn;
}

/**
 * mmu_rejoin() - map a slot's pages as large again as the host has them
 * @mmu: guest memory, slots_lock held for write
 * @slot: any
 *
 * Context: the process that created the VM; may sleep.
 */
void mmu_rejoin(struct mmu *mmu, const struct slot *slot)
{
	u64 gfn = ALIGN(slot->gfn, ept_pages(EPT_2M));

	while (mmu_max_level(mmu) > EPT_4K && gfn < slot->gfn + slot->npages) {
		LIST_HEAD(cut);

		gfn = rejoin_some(mmu, slot, gfn, &cut);
		mmu_free_cut(&cut, true);
		cond_resched();
	}
}

/* Cuts off what a fetch has split, from root->recover_gfn on. Returns the number of tables. */
static unsigned int recover_root(struct mmu *mmu, struct mmu_root *root, struct list_head *cut)
{
	unsigned int entries = 0, tables = 0;
	u64 pages = ept_pages(EPT_2M);
	struct ept_iter it;

	ept_for_each(&it, root->table, root->recover_gfn, 1ULL << EPT_GFN_BITS) {
		root->recover_gfn = it.gfn;
		if (entries++ == RECOVER_ENTRIES || tables == RECOVER_TABLES)
			return tables;
		if (it.level != EPT_2M)
			continue;
		if (ept_present(it.old) && it.old & EPT_SPLIT)
			tables += mmu_zap(mmu, root->as_id, it.gfn, it.gfn + pages, cut);
		/* Sideways, not down. */
		it.old = 0;
	}
	root->recover_gfn = 0;
	return tables;
}

/**
 * mmu_recover() - the work item: look at some, and come again
 * @work: mmu->recovery
 */
void mmu_recover(struct work_struct *work)
{
	struct mmu *mmu = container_of(to_delayed_work(work), struct mmu, recovery);
	unsigned int tables = 0;
	struct mmu_root *root;
	bool all = true;
	LIST_HEAD(cut);

	write_lock(&mmu->lock);
	list_for_each_entry(root, &mmu->roots, link) {
		all &= !root->recover_gfn;
		tables += recover_root(mmu, root, &cut);
		all &= !root->recover_gfn;
	}
	if (tables)
		mmu->ops->flush(mmu);
	write_unlock(&mmu->lock);
	mmu_free_cut(&cut, true);
	/* Until once nothing was found from the first to the last. */
	if (tables || !all)
		mmu_recover_later(mmu);
}

/**
 * mmu_recover_later() - a huge page was split for a fetch
 * @mmu: guest memory
 *
 * Context: any.
 */
void mmu_recover_later(struct mmu *mmu)
{
	if (recover_ms)
		schedule_delayed_work(&mmu->recovery, msecs_to_jiffies(recover_ms));
}
