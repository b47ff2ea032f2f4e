/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Extended page tables: levels, entry bits, and the walk over a range of guest frames. Pure
 * logic (a test supplies ept_table_at()). Entries change only by compare-and-exchange; tables
 * are linked under mmu->lock held at least for read, unlinked with it held for write.
 * SDM volume 3, "The Extended Page Table Mechanism (EPT)".
 */
#ifndef KVMLET_MMU_EPT_H
#define KVMLET_MMU_EPT_H

#include "include/portable.h"

/* An entry of level n maps, or leads to tables that map, 512^(n - 1) frames of 4 KiB. */
enum ept_level { EPT_4K = 1, EPT_2M, EPT_1G, EPT_ROOT };

#define EPT_ENTRIES		512
#define EPT_GFN_BITS		(9 * EPT_ROOT)
#define EPT_GPA_BITS		(EPT_GFN_BITS + 12)

/* The first three are the bits of enum mmu_access and of the exit qualification, too. */
#define EPT_READ		BIT_ULL(0)
#define EPT_WRITE		BIT_ULL(1)
#define EPT_EXEC		BIT_ULL(2)
#define EPT_RWX			(EPT_READ | EPT_WRITE | EPT_EXEC)
#define EPT_MEMTYPE_UC		(0ULL << 3)
#define EPT_MEMTYPE_WB		(6ULL << 3)
#define EPT_IGNORE_PAT		BIT_ULL(6)
#define EPT_HUGE		BIT_ULL(7)	/* a leaf above the last level */
#define EPT_ACCESSED		BIT_ULL(8)
#define EPT_DIRTY		BIT_ULL(9)
#define EPT_ADDRESS		GENMASK_ULL(51, 12)
/* Ours, which processors ignore. */
#define EPT_SPLIT		BIT_ULL(52)	/* of a link: a fetch has split a huge page */
#define EPT_MAY_WRITE		BIT_ULL(53)	/* of a leaf: only a log forbids to write */

#ifdef __KERNEL__
#include <asm/page.h>
static inline u64 *ept_table_at(u64 hpa)
{
	return __va(hpa);
}
#else
u64 *ept_table_at(u64 hpa);
#endif

static inline unsigned int ept_gfn_shift(int level)
{
	return 9 * (level - 1);
}

/* Frames that one entry of @level covers. */
static inline u64 ept_pages(int level)
{
	return 1ULL << ept_gfn_shift(level);
}

static inline unsigned int ept_index(u64 gfn, int level)
{
	return (gfn >> ept_gfn_shift(level)) & (EPT_ENTRIES - 1);
}

static inline bool ept_present(u64 entry)
{
	return entry & EPT_RWX;
}

/* True if a present entry of @level maps memory rather than leading to a table. */
static inline bool ept_is_leaf(u64 entry, int level)
{
	return level == EPT_4K || entry & EPT_HUGE;
}

/* True for an entry of @level that leads to a table. */
static inline bool ept_is_link(u64 entry, int level)
{
	return ept_present(entry) && !ept_is_leaf(entry, level);
}

/* The level of what the host maps by pages of @shift. */
static inline int ept_level_of(unsigned int shift)
{
	return EPT_4K + (shift >= 21) + (shift >= 30);
}

static inline u64 ept_link(u64 table_hpa)
{
	return table_hpa | EPT_RWX;
}

/**
 * ept_leaf() - an entry that maps memory
 * @pfn: host frame of its beginning, aligned to the level
 * @level: where the entry will stand
 * @access: EPT_READ, EPT_WRITE, EPT_EXEC
 * @ram: true: write-back whatever the guest's PAT says, false: a device, uncached
 */
static inline u64 ept_leaf(u64 pfn, int level, u64 access, bool ram)
{
	u64 type = ram ? EPT_MEMTYPE_WB | EPT_IGNORE_PAT : EPT_MEMTYPE_UC;

	return pfn << 12 | access | type | (level > EPT_4K ? EPT_HUGE : 0);
}

/*
 * A walk over the frames [start, end) of one tree: each entry on the way, an entry that leads
 * to a table before those in it. The body may change the entry it stands on and must then set
 * @old to its new content, by which the walk decides whether to go down.
 */
struct ept_iter {
	u64 start, end;
	u64 gfn;			/* first frame of the range that this entry covers */
	u64 *entry;
	u64 old;			/* the entry's content when it was read */
	int level;			/* the entry's */
	u64 *table[EPT_ROOT + 1];	/* by the level of its entries */
};

void ept_split(u64 *table, u64 leaf, int level);
struct ept_iter *ept_iter_start(struct ept_iter *it, u64 *table, u64 start, u64 end);
void ept_iter_next(struct ept_iter *it);

static inline bool ept_iter_valid(const struct ept_iter *it)
{
	return it->gfn < it->end;
}

#define ept_for_each(it, root_table, start_gfn, end_gfn)				\
	for (struct ept_iter *__it = ept_iter_start(it, root_table, start_gfn, end_gfn); \
	     ept_iter_valid(__it); ept_iter_next(__it))

bool ept_iter_covered(const struct ept_iter *it);

#endif
