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

/* For slots_find()'s callers: either lock keeps the set and its slots. */
static inline struct slot *mmu_find_slot(struct mmu *mmu, u8 as_id, u64 gfn)
{
	lockdep_assert(lockdep_is_held(&mmu->lock) || lockdep_is_held(&mmu->slots_lock));
	return slots_find(&mmu->slots[as_id], gfn);
}

bool mmu_zap(struct mmu *mmu, u8 as_id, u64 start, u64 end, struct list_head *cut);
void mmu_free_cut(struct list_head *cut, bool may_sleep);
void mmu_free_regions(struct mmu *mmu);
extern const struct mmu_notifier_ops mmu_notifier_ops;

#endif
