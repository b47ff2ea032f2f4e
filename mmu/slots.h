/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory slots: which guest frames have memory behind them, and where it is in the monitor's
 * address space. A set is an array of pointers sorted by guest frame: lookup is a binary
 * search after a look at the last hit, growing upwards (as monitors do) appends. A slot costs
 * the same whatever its size. Pure logic; region.c and its locks keep the sets.
 */
#ifndef KVMLET_MMU_SLOTS_H
#define KVMLET_MMU_SLOTS_H

#include <linux/kvm.h>
#include "include/portable.h"

#define SLOT_IDS	32764		/* KVM_CAP_NR_MEMSLOTS: slots per address space */
#define SLOT_MAX_PAGES	((1ULL << 31) - 1)
#define SLOT_PAGE_SHIFT	12

struct slot {
	u64 gfn;		/* first guest frame */
	u64 npages;		/* never 0 */
	unsigned long hva;	/* host virtual address of the first frame */
	unsigned long *dirty;	/* KVM_MEM_LOG_DIRTY_PAGES: a bit a frame; NULL: rings have them */
	u32 flags;		/* KVM_MEM_* */
	u32 id;			/* address space << 16 | number, as user space names it */
	u8 as_id;
};

struct slot_set {
	struct slot **slot;	/* sorted by gfn, disjoint */
	unsigned int nr;
	unsigned int room;	/* entries allocated */
	unsigned int last;	/* index of the last hit: a hint, any value is valid */
};

/* Kinds of change that KVM_SET_USER_MEMORY_REGION may ask for. */
enum slot_change { SLOT_NONE, SLOT_CREATE, SLOT_DELETE, SLOT_MOVE, SLOT_FLAGS };

int slot_check_region(const struct kvm_userspace_memory_region *region, unsigned int spaces);
int slot_classify(const struct slot_set *set, const struct slot *old, const struct slot *new,
		  u64 max_gfn);
struct slot *slots_find(struct slot_set *set, u64 gfn);
bool slots_overlap(const struct slot_set *set, u64 gfn, u64 npages, const struct slot *except);
struct slot **slots_set_room(struct slot_set *set, struct slot **array, unsigned int room);
void slots_insert(struct slot_set *set, struct slot *slot);
void slots_remove(struct slot_set *set, struct slot *slot);

static inline bool slot_contains(const struct slot *slot, u64 gfn)
{
	return gfn - slot->gfn < slot->npages;
}

/* Does the slot hold all of the aligned block of @pages around @gfn, at an address as aligned? */
static inline bool slot_holds_block(const struct slot *slot, u64 gfn, u64 pages)
{
	u64 first = ALIGN_DOWN(gfn, pages);

	return first >= slot->gfn && first + pages <= slot->gfn + slot->npages &&
	       !((slot->gfn ^ (slot->hva >> SLOT_PAGE_SHIFT)) & (pages - 1));
}

static inline unsigned long slot_hva(const struct slot *slot, u64 gfn)
{
	return slot->hva + ((gfn - slot->gfn) << SLOT_PAGE_SHIFT);
}

#endif
