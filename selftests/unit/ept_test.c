// SPDX-License-Identifier: GPL-2.0
/*
 * Extended page tables: entry bits as the manual has them, and the walk over ranges, against
 * an arena that stands for physical memory.
 */
#include <stdlib.h>
#include "mmu/ept.h"
#include "selftests/lib/tap.h"

#define ARENA_TABLES	64
#define ARENA_BASE	0x40000000ULL

static u64 ept_pfn(u64 entry)
{
	return (entry & EPT_ADDRESS) >> 12;
}

static u64 arena[ARENA_TABLES][EPT_ENTRIES];
static unsigned int arena_used;

u64 *ept_table_at(u64 hpa)
{
	u64 i = (hpa - ARENA_BASE) >> 12;

	if (hpa & 0xfff || i >= arena_used) {
		printf("Bail out! no table at %#llx\n", (unsigned long long)hpa);
		exit(1);
	}
	return arena[i];
}

static u64 new_table(void)
{
	if (arena_used == ARENA_TABLES) {
		printf("Bail out! the arena is full\n");
		exit(1);
	}
	return ARENA_BASE + ((u64)arena_used++ << 12);
}

static u64 *new_root(void)
{
	memset(arena, 0, sizeof(arena));
	arena_used = 0;
	return ept_table_at(new_table());
}

/* Maps one frame at a level, with the tables it needs. */
static void map(u64 *root, u64 gfn, u64 pfn, int level)
{
	struct ept_iter it;

	ept_for_each(&it, root, gfn, gfn + 1) {
		if (it.level == level)
			it.old = *it.entry = ept_leaf(pfn, level, EPT_RWX, true);
		else if (!ept_present(it.old))
			it.old = *it.entry = ept_link(new_table());
	}
}

/* The last entry on the way to a frame, and its level. */
static u64 ept_lookup(u64 *root, u64 gfn, int *level)
{
	u64 entry = 0;
	struct ept_iter it;

	ept_for_each(&it, root, gfn, gfn + 1) {
		entry = it.old;
		*level = it.level;
	}
	return entry;
}

static void test_bits(void)
{
	TAP_EQ(ept_link(0x1234000), 0x1234007, "a link has all rights and no memory type");
	TAP_EQ(ept_leaf(0x1234, EPT_4K, EPT_RWX, true), 0x1234077,
	       "RAM is write-back and ignores the guest's PAT");
	TAP_EQ(ept_leaf(0x1234, EPT_4K, EPT_READ, false), 0x1234001, "a device is uncached");
	TAP_EQ(ept_leaf(0x200, EPT_2M, EPT_RWX, true), 0x2000f7, "a large leaf says so");
	TAP_EQ(ept_pfn(ept_leaf(0xffffffffffULL, EPT_4K, EPT_RWX, true)), 0xffffffffffULL,
	       "52 bits of address survive");
	TAP_EQ(ept_present(EPT_ACCESSED | EPT_DIRTY), false, "no right, not present");
	TAP_EQ(ept_present(EPT_EXEC), true, "execute-only is present");
	TAP_EQ(ept_is_leaf(ept_link(0x1000), EPT_4K), true, "the last level holds leaves only");
	TAP_EQ(ept_is_leaf(ept_link(0x1000), EPT_2M), false, "a link is no leaf");
	TAP_EQ(ept_is_leaf(ept_leaf(0, EPT_1G, EPT_RWX, true), EPT_1G), true, "a 1 GiB leaf is");
}

static void test_levels(void)
{
	TAP_EQ(ept_pages(EPT_4K), 1, "a 4 KiB entry covers one frame");
	TAP_EQ(ept_pages(EPT_2M), 512, "a 2 MiB entry covers 512");
	TAP_EQ(ept_pages(EPT_1G), 512 * 512, "a 1 GiB entry covers 512^2");
	TAP_EQ(ept_pages(EPT_ROOT), 512 * 512 * 512, "a top entry covers 512^3");
	TAP_EQ(EPT_GPA_BITS, 48, "four levels translate 48 bits");
	TAP_EQ(ept_index(0xfffffffffULL, EPT_ROOT), 511, "the last frame is in the last entry");
	TAP_EQ(ept_index(0x200, EPT_2M), 1, "frame 512 is in the second entry of 2 MiB");
	TAP_EQ(ept_index(0x1ff, EPT_4K), 511, "frame 511 is the last of its table");
}

static void test_lookup(void)
{
	u64 *root = new_root();
	int level;

	TAP_EQ(ept_lookup(root, 5, &level), 0, "nothing is mapped at first");
	TAP_EQ(level, EPT_ROOT, "and the way ends at the top");
	map(root, 5, 0x77, EPT_4K);
	TAP_EQ(ept_pfn(ept_lookup(root, 5, &level)), 0x77, "a frame is found");
	TAP_EQ(level, EPT_4K, "at the last level");
	TAP_EQ(ept_lookup(root, 6, &level), 0, "its neighbour is not");
	TAP_EQ(level, EPT_4K, "but its table is there");
	TAP_EQ(ept_lookup(root, 512, &level), 0, "the next table's frame is not");
	TAP_EQ(level, EPT_2M, "the way ends where the table is missing");
	map(root, 0x40000, 0x80000, EPT_1G);
	TAP_EQ(ept_pfn(ept_lookup(root, 0x5ffff, &level)), 0x80000, "a 1 GiB leaf is found");
	TAP_EQ(level, EPT_1G, "at its level");
	TAP_EQ(arena_used, 4, "four tables were enough");
}

/* Counts steps and leaves of a walk and checks that it goes upwards only. */
struct count {
	unsigned int steps, leaves, disorder;
	u64 first, last;
};

static struct count walk_range(u64 *table, u64 start, u64 end)
{
	struct count c = { 0 };
	struct ept_iter it;
	u64 before = 0;

	for (ept_iter_start(&it, table, start, end); ept_iter_valid(&it); ept_iter_next(&it)) {
		c.steps++;
		c.disorder += it.gfn < before || it.gfn < start || it.gfn >= end;
		before = it.gfn;
		if (!ept_present(it.old) || !ept_is_leaf(it.old, it.level))
			continue;
		if (!c.leaves++)
			c.first = it.gfn;
		c.last = it.gfn;
	}
	return c;
}

static void test_ranges(void)
{
	u64 *root = new_root();
	struct count c;
	u64 i;

	c = walk_range(root, 0, ~0ULL);
	TAP_EQ(c.steps, EPT_ENTRIES, "an empty tree is 512 steps");
	TAP_EQ(walk_range(root, 7, 7).steps, 0, "an empty range is none");
	TAP_EQ(walk_range(root, 7, 3).steps, 0, "a reversed range is none");
	TAP_EQ(walk_range(root, 1ULL << 36, ~0ULL).steps, 0,
	       "a range beyond the tree is none");
	for (i = 510; i < 514; i++)
		map(root, i, i, EPT_4K);
	map(root, 0x7ffffff, 1, EPT_4K);
	map(root, 0x8000000, 2, EPT_4K);
	map(root, (1ULL << 36) - 1, 3, EPT_4K);
	c = walk_range(root, 0, ~0ULL);
	TAP_EQ(c.leaves, 7, "a walk over all finds all leaves");
	TAP_EQ(c.disorder, 0, "in order");
	TAP_EQ(c.last, (1ULL << 36) - 1, "up to the last frame there is");
	c = walk_range(root, 511, 513);
	TAP_EQ(c.leaves, 2, "a range over a table's border finds its two leaves");
	TAP_EQ(c.first, 511, "beginning with its start");
	c = walk_range(root, 0x7ffffff, 0x8000001);
	TAP_EQ(c.leaves, 2, "so does one over a border of all levels");
	TAP_EQ(c.steps, 8, "with four steps down each side");
	c = walk_range(root, 514, 0x7ffffff);
	TAP_EQ(c.leaves, 0, "ends do not belong to a range");
	c = walk_range(root, 513, 514);
	TAP_EQ(c.steps, EPT_ROOT, "one frame is one step per level");
}

static void test_touched_leaf(void)
{
	u64 *root = new_root();
	struct count c;
	int level;

	map(root, 600, 1, EPT_4K);
	map(root, 1024, 2, EPT_2M);
	TAP_EQ(ept_lookup(root, 1500, &level) & EPT_HUGE, EPT_HUGE, "a 2 MiB leaf is found");
	c = walk_range(root, 0, 1025);
	TAP_EQ(c.leaves, 2, "a leaf that the range only touches counts");
}

static void test_split(void)
{
	u64 table[EPT_ENTRIES], leaf = ept_leaf(0x40000, EPT_1G, EPT_READ | EPT_EXEC, true);

	ept_split(table, leaf | EPT_ACCESSED, EPT_1G);
	TAP_EQ(table[0], leaf | EPT_ACCESSED, "a 1 GiB leaf's first part is a 2 MiB leaf like it");
	TAP_EQ(table[511], ept_leaf(0x40000 + 511 * 512, EPT_2M, EPT_READ | EPT_EXEC, true) |
	       EPT_ACCESSED, "so is the last");
	ept_split(table, ept_leaf(0x200, EPT_2M, EPT_RWX, false), EPT_2M);
	TAP_EQ(table[7], ept_leaf(0x207, EPT_4K, EPT_RWX, false), "a 2 MiB leaf's are of 4 KiB");
}

static void test_covered(void)
{
	u64 *root = new_root();
	struct ept_iter it;
	unsigned int covered = 0, part = 0;
	u64 i;

	for (i = 0; i < 4; i++)
		map(root, i * 512, i, EPT_4K);
	/* From the middle of the first table to the first frame of the last. */
	ept_for_each(&it, root, 100, 3 * 512 + 1) {
		if (it.level != EPT_2M)
			continue;
		if (ept_iter_covered(&it))
			covered++;
		else
			part++;
	}
	TAP_EQ(covered, 2, "tables within the range are covered");
	TAP_EQ(part, 2, "tables at its ends are not");
}

/* The zapper's way: cut what is covered, clear leaves of the rest. */
static void test_cut(void)
{
	u64 *root = new_root();
	struct ept_iter it;
	unsigned int cut = 0, cleared = 0, steps = 0;
	u64 i;

	for (i = 0; i < 3 * 512; i++)
		map(root, i, i, EPT_4K);
	ept_for_each(&it, root, 511, 2 * 512 + 1) {
		steps++;
		if (!ept_present(it.old))
			continue;
		if (ept_is_leaf(it.old, it.level))
			cleared++;
		else if (ept_iter_covered(&it))
			cut++;
		else
			continue;
		it.old = *it.entry = 0;
	}
	TAP_EQ(cut, 1, "one table is cut off whole");
	TAP_EQ(cleared, 2, "one leaf is cleared on each side");
	TAP_EQ(steps, 2 + 3 + 2, "what was cut off is not walked");
	TAP_EQ(walk_range(root, 0, ~0ULL).leaves, 511 + 511, "the rest is still there");
}

int main(void)
{
	tap_begin();
	test_bits();
	test_levels();
	test_lookup();
	test_ranges();
	test_touched_leaf();
	test_split();
	test_covered();
	test_cut();
	return tap_end();
}
