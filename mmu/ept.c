// SPDX-License-Identifier: GPL-2.0
/*
 * Extended page tables: the walk, and what a huge leaf is made of. It owns nothing: the caller
 * keeps the tables from being freed (mmu->lock). SDM volume 3, "EPT Translation Mechanism".
 */
#include "mmu/ept.h"

/**
 * ept_split() - fill a table so that it maps what a huge leaf maps, with the same rights
 * @table: empty, not linked yet
 * @leaf: the huge leaf
 * @level: the leaf's, above EPT_4K
 */
void ept_split(u64 *table, u64 leaf, int level)
{
	u64 step = ept_pages(level - 1) << 12;
	int i;

	if (level - 1 == EPT_4K)
		leaf &= ~EPT_HUGE;
	for (i = 0; i < EPT_ENTRIES; i++)
		table[i] = leaf + i * step;
}

static void ept_iter_load(struct ept_iter *it)
{
	it->entry = it->table[it->level] + ept_index(it->gfn, it->level);
	it->old = READ_ONCE(*it->entry);
}

/**
 * ept_iter_start() - begin a walk and stand on its first entry
 * @it: the walk
 * @table: top table
 * @start: first guest frame
 * @end: guest frame after the last; nothing is walked if it is not above @start
 *
 * Frames beyond EPT_GFN_BITS are not walked: no table maps them.
 *
 * Return: @it.
 */
struct ept_iter *ept_iter_start(struct ept_iter *it, u64 *table, u64 start, u64 end)
{
	it->start = start;
	it->end = min(end, 1ULL << EPT_GFN_BITS);
	it->gfn = start;
	it->level = EPT_ROOT;
	it->table[EPT_ROOT] = table;
	if (ept_iter_valid(it))
		ept_iter_load(it);
	return it;
}

/**
 * ept_iter_next() - step down, else sideways, else up and sideways
 * @it: a valid walk
 */
void ept_iter_next(struct ept_iter *it)
{
	u64 pages = ept_pages(it->level);

	if (ept_present(it->old) && !ept_is_leaf(it->old, it->level)) {
		it->level--;
		it->table[it->level] = ept_table_at(it->old & EPT_ADDRESS);
		ept_iter_load(it);
		return;
	}
	it->gfn = ALIGN_DOWN(it->gfn, pages) + pages;
	if (!ept_iter_valid(it))
		return;
	while (it->level < EPT_ROOT && !ept_index(it->gfn, it->level))
		it->level++;
	ept_iter_load(it);
}

/**
 * ept_iter_covered() - does the range hold all frames of the current entry?
 * @it: a valid walk
 */
bool ept_iter_covered(const struct ept_iter *it)
{
	u64 pages = ept_pages(it->level);
	u64 first = ALIGN_DOWN(it->gfn, pages);

	return first >= it->start && first + pages <= it->end;
}
