// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SET_USER_MEMORY_REGION: slots made, moved and deleted. slots_lock held for write keeps
 * other changes and all accesses through slots away; mmu->lock held for write makes a change
 * one step for page faults and notifiers: slot, host address and mappings change together.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "mmu/internal.h"

static struct region *to_region(struct slot *slot)
{
	return container_of(slot, struct region, slot);
}

static void region_free(struct slot *slot)
{
	kvfree(slot->dirty);
	kfree(to_region(slot));
}

/* Makes room for one more slot in the sorted set. */
static int reserve_room(struct mmu *mmu, struct slot_set *set)
{
	unsigned int room = max(set->room * 2, 8U);
	struct slot **array;

	if (set->nr < set->room)
		return 0;
	array = kvcalloc(room, sizeof(*array), GFP_KERNEL_ACCOUNT);
	if (!array)
		return -ENOMEM;
	write_lock(&mmu->lock);
	array = slots_set_room(set, array, room);
	write_unlock(&mmu->lock);
	kvfree(array);
	return 0;
}

static int region_create(struct mmu *mmu, const struct slot *new)
{
	struct slot_set *set = &mmu->slots[new->as_id];
	struct region *region;
	int r = reserve_room(mmu, set);

	if (r)
		return r;
	region = kzalloc(sizeof(*region), GFP_KERNEL_ACCOUNT);
	if (!region)
		return -ENOMEM;
	region->slot = *new;
	if (new->flags & KVM_MEM_LOG_DIRTY_PAGES)
		r = mmu_alloc_log(mmu, &region->slot);
	r = r ?: xa_err(xa_store(&mmu->slot_by_id, new->id, &region->slot, GFP_KERNEL_ACCOUNT));
	if (r) {
		region_free(&region->slot);
		return r;
	}
	region->hva.start = new->hva;
	region->hva.last = new->hva + (new->npages << PAGE_SHIFT) - 1;
	write_lock(&mmu->lock);
	slots_insert(set, &region->slot);
	interval_tree_insert(&region->hva, &mmu->hva_tree);
	write_unlock(&mmu->lock);
	/* The page of ours may be there; memory goes first. */
	mmu_unmap(mmu, new->as_id, new->gfn, new->gfn + new->npages);
	if (new->flags & KVM_MEM_LOG_DIRTY_PAGES)
		mmu_begin_log(mmu, &region->slot);
	return 0;
}

/* Takes a slot out of the set, with its mappings. */
static void unlink_slot(struct mmu *mmu, struct slot *slot, struct list_head *cut)
{
	lockdep_assert_held_write(&mmu->lock);
	slots_remove(&mmu->slots[slot->as_id], slot);
	if (mmu_zap(mmu, slot->as_id, slot->gfn, slot->gfn + slot->npages, cut))
		mmu->ops->flush(mmu);
}

static void region_delete(struct mmu *mmu, struct slot *slot)
{
	LIST_HEAD(cut);

	write_lock(&mmu->lock);
	unlink_slot(mmu, slot, &cut);
	interval_tree_remove(&to_region(slot)->hva, &mmu->hva_tree);
	write_unlock(&mmu->lock);
	mmu_free_cut(&cut, true);
	xa_erase(&mmu->slot_by_id, slot->id);
	if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES)
		mmu_end_log(mmu);
	region_free(slot);
}

static void region_move(struct mmu *mmu, struct slot *slot, u64 gfn)
{
	LIST_HEAD(cut);

	write_lock(&mmu->lock);
	unlink_slot(mmu, slot, &cut);
	slot->gfn = gfn;
	slots_insert(&mmu->slots[slot->as_id], slot);
	write_unlock(&mmu->lock);
	mmu_free_cut(&cut, true);
	/* What vCPUs have not read from their PML pages yet names the old place. */
	if (slot->dirty && mmu->format.pml)
		bitmap_set(slot->dirty, 0, slot->npages);
}

/* Writes to a slot are logged from now on, or not any more. */
static int region_set_flags(struct mmu *mmu, struct slot *slot, u32 flags)
{
	bool log = flags & KVM_MEM_LOG_DIRTY_PAGES;
	struct slot next = *slot;
	int r;

	if (flags == slot->flags)
		return 0;
	r = log ? mmu_alloc_log(mmu, &next) : 0;
	if (r)
		return r;
	write_lock(&mmu->lock);
	slot->flags = flags;
	slot->dirty = log ? next.dirty : NULL;
	write_unlock(&mmu->lock);
	if (log) {
		mmu_begin_log(mmu, slot);
		return 0;
	}
	mmu_end_log(mmu);
	kvfree(next.dirty);
	mmu_rejoin(mmu, slot);
	return 0;
}

static int region_change(struct mmu *mmu, const struct slot *new)
{
	struct slot *old = xa_load(&mmu->slot_by_id, new->id);
	unsigned int gpa_bits = min_t(unsigned int, mmu->format.maxphyaddr, EPT_GPA_BITS);
	int change = slot_classify(&mmu->slots[new->as_id], old, new,
				   (1ULL << (gpa_bits - PAGE_SHIFT)) - 1);

	switch (change) {
	case SLOT_CREATE:
		return region_create(mmu, new);
	case SLOT_DELETE:
		region_delete(mmu, old);
		return 0;
	case SLOT_MOVE:
	case SLOT_FLAGS:
		change = region_set_flags(mmu, old, new->flags);
		if (!change && new->gfn != old->gfn)
			region_move(mmu, old, new->gfn);
		return change;
	default:
		return change;	/* SLOT_NONE is 0 */
	}
}

/**
 * mmu_set_region() - KVM_SET_USER_MEMORY_REGION
 * @mmu: guest memory
 * @region: a copy of what user space passed, unchecked
 *
 * Once it returns, nothing reaches a deleted or moved slot's memory any more.
 *
 * Context: the process that created the VM; may sleep.
 * Return: 0; -EINVAL a bad region or change, -EEXIST another slot is there, -ENOMEM, -EINTR a
 * fatal signal, -EIO another process.
 */
int mmu_set_region(struct mmu *mmu, const struct kvm_userspace_memory_region *region)
{
	struct slot new = {
		.gfn = region->guest_phys_addr >> PAGE_SHIFT,
		.npages = region->memory_size >> PAGE_SHIFT,
		.hva = region->userspace_addr,
		.flags = region->flags,
		.id = region->slot,
	};
	int r = slot_check_region(region, MMU_ADDRESS_SPACES);

	if (current->mm != mmu->mm)
		return -EIO;
	if (r)
		return r;
	/* To the letter: access_ok() of some kernels lets addresses through that are none. */
	if (region->userspace_addr != untagged_addr(region->userspace_addr) ||
	    region->memory_size > TASK_SIZE_MAX ||
	    region->userspace_addr > TASK_SIZE_MAX - region->memory_size ||
	    !access_ok((void __user *)new.hva, region->memory_size))
		return -EINVAL;
	new.as_id = array_index_nospec(region->slot >> 16, MMU_ADDRESS_SPACES);
	if (down_write_killable(&mmu->slots_lock))
		return -EINTR;
	WRITE_ONCE(mmu->generation, mmu->generation + 1);
	smp_wmb();	/* pairs with mmu_unchanged() */
	r = region_change(mmu, &new);
	/* After the change, before other slots can be seen without a lock. */
	smp_store_release(&mmu->generation, mmu->generation + 1);
	up_write(&mmu->slots_lock);
	return r;
}

/**
 * mmu_destroy() - free what mmu_stop() has left: the slots
 * @mmu: stopped; all roots were put
 *
 * Context: any process, may sleep.
 */
void mmu_destroy(struct mmu *mmu)
{
	unsigned int as_id, i;

	for (as_id = 0; as_id < MMU_ADDRESS_SPACES; as_id++) {
		for (i = 0; i < mmu->slots[as_id].nr; i++)
			region_free(mmu->slots[as_id].slot[i]);
		kvfree(mmu->slots[as_id].slot);
	}
	xa_destroy(&mmu->slot_by_id);
}
