// SPDX-License-Identifier: GPL-2.0
/*
 * Memory slots: the sorted set, and what a region must look like to become a slot. Pure
 * logic, compiled into selftests/unit/slots_test.c too. The caller serializes: the functions
 * that take a const set, and slots_find(), may run in parallel with each other.
 */
#include "mmu/slots.h"

#define PAGE_OFFSET_BITS	((1ULL << SLOT_PAGE_SHIFT) - 1)

/**
 * slot_check_region() - is this a region that any slot could have?
 * @region: what user space passed
 * @spaces: number of address spaces
 *
 * Does not look at the host address beyond its alignment: access_ok() is the caller's.
 *
 * Return: 0, or -EINVAL.
 */
int slot_check_region(const struct kvm_userspace_memory_region *region, unsigned int spaces)
{
	u64 size = region->memory_size;

	if (region->flags & ~(u32)(KVM_MEM_READONLY | KVM_MEM_LOG_DIRTY_PAGES) ||
	    (size | region->guest_phys_addr | region->userspace_addr) & PAGE_OFFSET_BITS ||
	    region->slot >> 16 >= spaces || (u16)region->slot >= SLOT_IDS ||
	    region->guest_phys_addr + size < region->guest_phys_addr ||
	    size >> SLOT_PAGE_SHIFT > SLOT_MAX_PAGES)
		return -EINVAL;
	return 0;
}

/**
 * slot_classify() - what turns one state of a slot into another
 * @set: the other slots
 * @old: the slot that has the id now, or NULL
 * @new: what it shall be; npages 0 deletes
 * @max_gfn: last guest frame that can be mapped
 *
 * A slot may be created, deleted and moved within guest-physical space; its size, host
 * address and writability last as long as it does; whether its writes are logged may change.
 *
 * Return: enum slot_change, -EINVAL, or -EEXIST if another slot is in the way.
 */
int slot_classify(const struct slot_set *set, const struct slot *old, const struct slot *new,
		  u64 max_gfn)
{
	if (!new->npages)
		return old ? SLOT_DELETE : -EINVAL;
	if (old) {
		if (new->hva != old->hva || new->npages != old->npages ||
		    (new->flags ^ old->flags) & KVM_MEM_READONLY)
			return -EINVAL;
		if (new->gfn == old->gfn)
			return new->flags == old->flags ? SLOT_NONE : SLOT_FLAGS;
	}
	if (slots_overlap(set, new->gfn, new->npages, old))
		return -EEXIST;
	if (new->gfn + new->npages - 1 > max_gfn)
		return -EINVAL;
	return old ? SLOT_MOVE : SLOT_CREATE;
}

/* Index of the first slot that begins after @gfn. */
static unsigned int slots_upper(const struct slot_set *set, u64 gfn)
{
	unsigned int low = 0, high = set->nr;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (set->slot[middle]->gfn <= gfn)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/**
 * slots_find() - the slot that holds a guest frame
 * @set: where to look
 * @gfn: guest frame, any value
 *
 * Return: the slot, or NULL.
 */
struct slot *slots_find(struct slot_set *set, u64 gfn)
{
	unsigned int last = READ_ONCE(set->last), i;

	/* Readers write the hint without a lock: check it against the bound on each use. */
	if (last < set->nr && slot_contains(set->slot[last], gfn))
		return set->slot[last];
	i = slots_upper(set, gfn);
	if (!i || !slot_contains(set->slot[i - 1], gfn))
		return NULL;
	WRITE_ONCE(set->last, i - 1);
	return set->slot[i - 1];
}

/**
 * slots_overlap() - would a range touch a slot?
 * @set: where to look
 * @gfn: first guest frame
 * @npages: length, at least 1; the end does not wrap around
 * @except: a slot that does not count, or NULL
 */
bool slots_overlap(const struct slot_set *set, u64 gfn, u64 npages, const struct slot *except)
{
	/* Only neighbours can: walk down from the last that begins within the range. */
	unsigned int i = slots_upper(set, gfn + npages - 1);

	while (i--) {
		const struct slot *slot = set->slot[i];

		if (slot == except)
			continue;
		return slot->gfn + slot->npages > gfn;
	}
	return false;
}

/**
 * slots_set_room() - give a set a larger array
 * @set: any set
 * @array: zeroed memory for @room pointers, which the set then owns
 * @room: at least set->nr
 *
 * Return: the array it had, for the caller to free.
 */
struct slot **slots_set_room(struct slot_set *set, struct slot **array, unsigned int room)
{
	struct slot **old = set->slot;

	if (set->nr)
		memcpy(array, old, set->nr * sizeof(*array));
	set->slot = array;
	set->room = room;
	return old;
}

/**
 * slots_insert() - add a slot
 * @set: a set with nr below room
 * @slot: overlaps no member
 */
void slots_insert(struct slot_set *set, struct slot *slot)
{
	unsigned int i = slots_upper(set, slot->gfn);

	memmove(&set->slot[i + 1], &set->slot[i], (set->nr - i) * sizeof(*set->slot));
	set->slot[i] = slot;
	set->nr++;
}

/**
 * slots_remove() - take a slot out
 * @set: a set
 * @slot: its member
 */
void slots_remove(struct slot_set *set, struct slot *slot)
{
	unsigned int i = slots_upper(set, slot->gfn) - 1;

	set->nr--;
	memmove(&set->slot[i], &set->slot[i + 1], (set->nr - i) * sizeof(*set->slot));
}
