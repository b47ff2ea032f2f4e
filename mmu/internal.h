/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of mmu/ share among themselves: slots with their place in the tree of host
 * addresses, and the removal of mappings.
 */
#ifndef KVMLET_MMU_INTERNAL_H
#define KVMLET_MMU_INTERNAL_H

#include <linux/interval_tree.h>
#include <linux/lockdep.h>
#include "mmu/ept.h"
#include "mmu/mmu.h"

/* A slot as the kernel keeps it. */
struct region {
	struct slot slot;
	struct interval_tree_node hva;	/* its host addresses, in mmu->hva_tree */
};

/* The host page behind an address of the monitor; see host.c. */
struct host_page {
	unsigned long pfn;
	struct page *page;	/* NULL: not one whose use the host keeps book on */
	u8 shift;		/* of the bytes that the host maps as one page */
	bool writable;
	bool ram;
};

bool host_lookup(unsigned long hva, bool write, struct host_page *host);
int host_fault_in(unsigned long hva, bool write);

/* Those of an address space. */
#define mmu_for_each_root(root, mmu, as)					\
	list_for_each_entry(root, &(mmu)->roots, link)			\
		if (root->as_id == (as))

/* Of the largest leaf. */
static inline int mmu_max_level(const struct mmu *mmu)
{
	return mmu->format.level_1g ? EPT_1G : mmu->format.level_2m ? EPT_2M : EPT_4K;
}

/* For slots_find()'s callers: either lock keeps the set and its slots. */
static inline struct slot *mmu_find_slot(struct mmu *mmu, u8 as_id, u64 gfn)
{
	lockdep_assert(lockdep_is_held(&mmu->lock) || lockdep_is_held(&mmu->slots_lock));
	return slots_find(&mmu->slots[as_id], gfn);
}

/* The guest or the hypervisor writes to a frame of the slot. mmu->lock is held, see dirty.c. */
static inline void mmu_mark_dirty(struct mmu *mmu, struct slot *slot, u64 offset)
{
	if (!(slot->flags & KVM_MEM_LOG_DIRTY_PAGES))
		return;
	if (!slot->dirty)
		mmu->ops->push_dirty(mmu, slot->id, offset);
	else if (!test_bit(offset, slot->dirty))
		set_bit(offset, slot->dirty);
}

int mmu_alloc_log(struct mmu *mmu, struct slot *slot);
void mmu_begin_log(struct mmu *mmu, const struct slot *slot);
void mmu_end_log(struct mmu *mmu);
void mmu_recover(struct work_struct *work);
void mmu_recover_later(struct mmu *mmu);
void mmu_rejoin(struct mmu *mmu, const struct slot *slot);
bool mmu_zap(struct mmu *mmu, u8 as_id, u64 start, u64 end, struct list_head *cut);
void mmu_unmap(struct mmu *mmu, u8 as_id, u64 start, u64 end);
void mmu_free_cut(struct list_head *cut, bool may_sleep);
extern const struct mmu_notifier_ops mmu_notifier_ops;

#endif
