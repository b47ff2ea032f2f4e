// SPDX-License-Identifier: GPL-2.0
/*
 * The page tables as objects: roots, the removal of ranges, and the life of struct mmu.
 *
 * mmu->lock held for write guards the list of roots and every removal. Removal is short
 * whatever the range: an entry whose frames are all in the range is cleared at the highest
 * level possible, which cuts a whole tree off. After the flush no processor walks the tree
 * any more, and it is taken apart at leisure without a lock.
 * SDM volume 3, "Invalidating Cached Translation Information" (under VMX).
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "mmu/internal.h"

/* Frees a table, and the tables under it if its entries' @level allows any. */
static void free_tables(u64 *table, int level, bool may_sleep)
{
	int i;

	for (i = 0; level > EPT_4K && i < EPT_ENTRIES; i++) {
		u64 entry = table[i];

		if (!ept_present(entry) || ept_is_leaf(entry, level))
			continue;
		free_tables(ept_table_at(entry & EPT_ADDRESS), level - 1, may_sleep);
		if (may_sleep)
			cond_resched();
	}
	free_page((unsigned long)table);
}

/**
 * mmu_free_cut() - free what mmu_zap() cut off
 * @cut: list of top tables; the level of their entries is in page_private
 * @may_sleep: false in a context that must not
 *
 * Context: after the flush, without mmu->lock.
 */
void mmu_free_cut(struct list_head *cut, bool may_sleep)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, cut, lru) {
		int level = page_private(page);

		list_del(&page->lru);
		set_page_private(page, 0);
		free_tables(page_address(page), level, may_sleep);
	}
}

/* The table that @link leads to goes on the list, with the level of its entries. */
static void cut_off(u64 link, int level, struct list_head *cut)
{
	struct page *page = virt_to_page(ept_table_at(link & EPT_ADDRESS));

	set_page_private(page, level);
	list_add(&page->lru, cut);
}

/**
 * mmu_zap() - remove the mappings of a range from all roots of an address space
 * @mmu: page tables
 * @as_id: address space
 * @start: first guest frame
 * @end: guest frame after the last
 * @cut: receives tables to be given to mmu_free_cut() after the lock is dropped
 *
 * If anything was removed the caller flushes before it drops the lock: another thread that
 * finds a range empty must be able to rely on it. Takes a bounded number of steps.
 *
 * Context: mmu->lock held for write.
 * Return: true if anything was mapped.
 */
bool mmu_zap(struct mmu *mmu, u8 as_id, u64 start, u64 end, struct list_head *cut)
{
	struct mmu_root *root;
	struct ept_iter it;
	bool any = false;

	lockdep_assert_held_write(&mmu->lock);
	mmu_for_each_root(root, mmu, as_id) {
		ept_for_each(&it, root->table, start, end) {
			bool leaf = ept_is_leaf(it.old, it.level);

			if (!ept_present(it.old) || !(leaf || ept_iter_covered(&it)))
				continue;
			if (!leaf)
				cut_off(it.old, it.level - 1, cut);
			/* Atomic: the processor may be setting the accessed or dirty bit. */
			xchg(it.entry, 0);
			it.old = 0;
			any = true;
		}
	}
	return any;
}

/**
 * mmu_unmap() - remove the mappings of a range; slots map it again when it is used
 * @mmu: page tables
 * @as_id: address space
 * @start: first guest frame
 * @end: guest frame after the last
 *
 * Context: may sleep.
 */
void mmu_unmap(struct mmu *mmu, u8 as_id, u64 start, u64 end)
{
	LIST_HEAD(cut);

	write_lock(&mmu->lock);
	if (mmu_zap(mmu, as_id, start, end, &cut))
		mmu->ops->flush(mmu);
	write_unlock(&mmu->lock);
	mmu_free_cut(&cut, true);
}

/**
 * mmu_unmap_all() - remove the mappings of a range in each address space
 * @mmu: page tables
 * @start: first guest frame
 * @end: guest frame after the last
 *
 * Context: may sleep.
 */
void mmu_unmap_all(struct mmu *mmu, u64 start, u64 end)
{
	unsigned int as_id;

	for (as_id = 0; as_id < MMU_ADDRESS_SPACES; as_id++)
		mmu_unmap(mmu, as_id, start, end);
}

static struct mmu_root *root_alloc(u8 as_id, u8 role)
{
	struct mmu_root *root = kzalloc(sizeof(*root), GFP_KERNEL_ACCOUNT);

	if (root)
		root->table = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!root || !root->table) {
		kfree(root);
		return NULL;
	}
	root->hpa = __pa(root->table);
	root->as_id = as_id;
	root->role = role;
	return root;
}

static void root_free(struct mmu_root *root)
{
	free_tables(root->table, EPT_ROOT, true);
	kfree(root);
}

/**
 * mmu_root_get() - the page tables for a view of memory, made if there are none
 * @mmu: page tables
 * @as_id: address space, below MMU_ADDRESS_SPACES
 * @role: what else distinguishes the view
 *
 * A processor may still hold translations of an earlier tree at the same address: the caller
 * invalidates the EPTP's context on each processor before the root's first use there.
 *
 * Context: may sleep.
 * Return: a root with a reference for the caller, or NULL if memory is short.
 */
struct mmu_root *mmu_root_get(struct mmu *mmu, u8 as_id, u8 role)
{
	struct mmu_root *root, *fresh = root_alloc(as_id, role);

	write_lock(&mmu->lock);
	mmu_for_each_root(root, mmu, as_id)
		if (root->role == role)
			goto found;
	root = fresh;
	fresh = NULL;
	if (root)
		list_add(&root->link, &mmu->roots);
found:
	if (root)
		root->users++;
	write_unlock(&mmu->lock);
	if (fresh)
		root_free(fresh);
	return root;
}

/**
 * mmu_root_put() - give a reference up
 * @mmu: page tables
 * @root: no processor uses it for the caller any more
 *
 * Context: may sleep.
 */
void mmu_root_put(struct mmu *mmu, struct mmu_root *root)
{
	bool last;

	write_lock(&mmu->lock);
	last = !--root->users;
	if (last)
		list_del(&root->link);
	write_unlock(&mmu->lock);
	if (last)
		root_free(root);
}

/**
 * mmu_init() - guest memory of a new VM, which is the calling process's
 * @mmu: zeroed
 * @ops: what the page tables need from outside
 * @format: what the processor's EPT can do
 *
 * Context: may sleep; @ops->flush may be called before this returns.
 * Return: 0, -ENOMEM, or -EINTR.
 */
int mmu_init(struct mmu *mmu, const struct mmu_ops *ops, const struct mmu_format *format)
{
	mmu->ops = ops;
	mmu->generation = 1;
	mmu->format = *format;
	mmu->mm = current->mm;
	init_rwsem(&mmu->slots_lock);
	rwlock_init(&mmu->lock);
	INIT_LIST_HEAD(&mmu->roots);
	xa_init_flags(&mmu->slot_by_id, XA_FLAGS_ACCOUNT);
	mmu->hva_tree = RB_ROOT_CACHED;
	INIT_DELAYED_WORK(&mmu->recovery, mmu_recover);
	mmu->notifier.ops = &mmu_notifier_ops;
	/* Holds a reference on the mm, as long as it is registered. */
	return mmu_notifier_register(&mmu->notifier, mmu->mm);
}

/**
 * mmu_stop() - the host's changes concern nobody any more
 * @mmu: no thread runs on it, and none will
 *
 * After this @ops->flush is not called: what it walks may be taken apart.
 * Context: any process, may sleep.
 */
void mmu_stop(struct mmu *mmu)
{
	cancel_delayed_work_sync(&mmu->recovery);
	mmu_notifier_unregister(&mmu->notifier, mmu->mm);
}
