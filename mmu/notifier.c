// SPDX-License-Identifier: GPL-2.0
/*
 * MMU notifiers: the host takes pages away, or asks whether they were used. mmu->lock held
 * for write throughout. The host may hold its page-table locks here, so nothing sleeps under
 * ours. Between start and end of an invalidation no fault maps a page of its range
 * (invalidate_count), and a fault holds the lock from its look at the host's page tables to
 * its entry in ours. So no reference on a page is ever held for a mapping.
 */
#include <linux/mm.h>
#include "mmu/compat.h"
#include "mmu/internal.h"

/* The guest frames of @region that host addresses [start, end) are behind. */
static void region_frames(const struct region *region, unsigned long start, unsigned long end,
			  u64 *first, u64 *last)
{
	unsigned long low = max(start, region->hva.start);
	unsigned long high = min(end - 1, region->hva.last);

	*first = region->slot.gfn + ((low - region->hva.start) >> PAGE_SHIFT);
	*last = region->slot.gfn + ((high - region->hva.start) >> PAGE_SHIFT);
}

static bool zap_hva_range(struct mmu *mmu, unsigned long start, unsigned long end,
			  struct list_head *cut)
{
	struct interval_tree_node *node;
	bool any = false;
	u64 first, last;

	for (node = interval_tree_iter_first(&mmu->hva_tree, start, end - 1); node;
	     node = interval_tree_iter_next(node, start, end - 1)) {
		struct region *region = container_of(node, struct region, hva);

		region_frames(region, start, end, &first, &last);
		any |= mmu_zap(mmu, region->slot.as_id, first, last + 1, cut);
	}
	/* Once, however many slots name the range. */
	if (any)
		mmu->ops->flush(mmu);
	return any;
}

/* Clears, or only looks at, accessed bits. Where there are none, mapped is used. */
static bool age_region(struct mmu *mmu, const struct region *region, unsigned long start,
		       unsigned long end, bool clear)
{
	struct mmu_root *root;
	struct ept_iter it;
	bool young = false;
	u64 first, last;

	region_frames(region, start, end, &first, &last);
	mmu_for_each_root(root, mmu, region->slot.as_id) {
		ept_for_each(&it, root->table, first, last + 1) {
			if (!ept_present(it.old) || !ept_is_leaf(it.old, it.level) ||
			    (mmu->format.accessed_dirty && !(it.old & EPT_ACCESSED)))
				continue;
			young = true;
			if (clear)
				clear_bit(__ffs(EPT_ACCESSED), (unsigned long *)it.entry);
		}
	}
	return young;
}

/*
 * A stale cached translation lets an access go unnoticed, as on the host's own page tables:
 * not worth a flush.
 */
static bool age_hva_range(struct mmu *mmu, unsigned long start, unsigned long end, bool clear)
{
	struct interval_tree_node *node;
	bool young = false;

	write_lock(&mmu->lock);
	for (node = interval_tree_iter_first(&mmu->hva_tree, start, end - 1); node;
	     node = interval_tree_iter_next(node, start, end - 1))
		young |= age_region(mmu, container_of(node, struct region, hva), start, end,
				    clear);
	write_unlock(&mmu->lock);
	return young;
}

static struct mmu *to_mmu(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct mmu, notifier);
}

static int invalidate_range_start(struct mmu_notifier *notifier,
				  const struct mmu_notifier_range *range)
{
	struct mmu *mmu = to_mmu(notifier);
	LIST_HEAD(cut);

	write_lock(&mmu->lock);
	if (!mmu->invalidate_count++) {
		mmu->invalidate_start = range->start;
		mmu->invalidate_end = range->end;
	} else {
		/* One range that holds all is enough: they are rarely many. */
		mmu->invalidate_start = min(mmu->invalidate_start, range->start);
		mmu->invalidate_end = max(mmu->invalidate_end, range->end);
	}
	zap_hva_range(mmu, range->start, range->end, &cut);
	write_unlock(&mmu->lock);
	mmu_free_cut(&cut, mmu_notifier_range_blockable(range));
	return 0;
}

static void invalidate_range_end(struct mmu_notifier *notifier,
				 const struct mmu_notifier_range *range)
{
	struct mmu *mmu = to_mmu(notifier);

	write_lock(&mmu->lock);
	mmu->invalidate_count--;
	write_unlock(&mmu->lock);
}

/* Without accessed bits, used means mapped: unmap, and the next use faults. */
static aging_result clear_flush_young(struct mmu_notifier *notifier, struct mm_struct *mm,
				      unsigned long start, unsigned long end)
{
	struct mmu *mmu = to_mmu(notifier);
	LIST_HEAD(cut);
	bool young;

	if (mmu->format.accessed_dirty)
		return age_hva_range(mmu, start, end, true);
	write_lock(&mmu->lock);
	young = zap_hva_range(mmu, start, end, &cut);
	write_unlock(&mmu->lock);
	mmu_free_cut(&cut, false);
	return young;
}

static aging_result test_young(struct mmu_notifier *notifier, struct mm_struct *mm,
			       unsigned long addr)
{
	return age_hva_range(to_mmu(notifier), addr, addr + 1, false);
}

/* The process is gone; the descriptors may live on elsewhere. Runs at unregistration, too. */
static void release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	mmu_unmap_all(to_mmu(notifier), 0, 1ULL << EPT_GFN_BITS);
}

const struct mmu_notifier_ops mmu_notifier_ops = {
	.invalidate_range_start = invalidate_range_start,
	.invalidate_range_end = invalidate_range_end,
	.clear_flush_young = clear_flush_young,
	.clear_young = clear_flush_young,
	.test_young = test_young,
	.release = release,
};
