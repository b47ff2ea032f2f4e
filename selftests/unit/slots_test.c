// SPDX-License-Identifier: GPL-2.0
/*
 * Memory slots: what a region must look like, which changes of a slot are allowed, and the
 * sorted set against a plain list over many random changes.
 */
#include <stdlib.h>
#include "mmu/slots.h"
#include "selftests/lib/tap.h"

#define MAX_GFN		((1ULL << 36) - 1)
#define NR_RANDOM	400
#define SPAN		4096

/* The cases change fields of a good one by naming them again. */
#pragma GCC diagnostic ignored "-Woverride-init"

/* A good region, with one field of each case changed. */
#define REGION(...) ((struct kvm_userspace_memory_region) {			\
	.guest_phys_addr = 0x100000, .memory_size = 0x200000,			\
	.userspace_addr = 0x7f0000000000, __VA_ARGS__ })

static const struct {
	const char *name;
	struct kvm_userspace_memory_region region;
	int want;
} regions[] = {
	{ "a plain region is good", REGION(.slot = 0), 0 },
	{ "a read-only region is good", REGION(.flags = KVM_MEM_READONLY), 0 },
	{ "so is a logged one", REGION(.flags = KVM_MEM_LOG_DIRTY_PAGES), 0 },
	{ "an unknown flag is refused", REGION(.flags = 1u << 31), -EINVAL },
	{ "an odd size is refused", REGION(.memory_size = 0x1001), -EINVAL },
	{ "size 0 has the right shape", REGION(.memory_size = 0), 0 },
	{ "an odd guest address is refused", REGION(.guest_phys_addr = 0x800), -EINVAL },
	{ "an odd host address is refused", REGION(.userspace_addr = 0x7f0000000010), -EINVAL },
	{ "the last slot id is good", REGION(.slot = SLOT_IDS - 1), 0 },
	{ "the id after it is refused", REGION(.slot = SLOT_IDS), -EINVAL },
	{ "id 65535 is refused", REGION(.slot = 0xffff), -EINVAL },
	{ "a missing address space is refused", REGION(.slot = 1 << 16), -EINVAL },
	{ "address space 65535 is refused", REGION(.slot = 0xffff0000), -EINVAL },
	{ "wrapping around is refused", REGION(.guest_phys_addr = -0x1000ULL), -EINVAL },
	{ "2^31 - 1 pages are good", REGION(.memory_size = SLOT_MAX_PAGES << 12), 0 },
	{ "2^31 pages are too many", REGION(.memory_size = 1ULL << 43), -EINVAL },
};

static void test_regions(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(regions); i++)
		TAP_EQ(slot_check_region(&regions[i].region, 1), regions[i].want,
		       regions[i].name);
	TAP_EQ(slot_check_region(&REGION(.slot = 1 << 16), 2), 0,
	       "the second address space is good if there are two");
}

static const struct slot slot_a = { .gfn = 100, .npages = 50, .hva = 0x1000000, .id = 1 };
static const struct slot slot_b = { .gfn = 200, .npages = 1, .hva = 0x2000000, .id = 2 };

#define SLOT(...) ((struct slot) { .id = 1, .hva = 0x1000000, __VA_ARGS__ })

static const struct {
	const char *name;
	const struct slot *old;
	struct slot new;
	int want;
} changes[] = {
	{ "free frames make a slot", NULL, SLOT(.gfn = 300, .npages = 5), SLOT_CREATE },
	{ "a slot may touch others", NULL, SLOT(.gfn = 150, .npages = 50), SLOT_CREATE },
	{ "one frame over the end overlaps", NULL, SLOT(.gfn = 150, .npages = 51), -EEXIST },
	{ "the last frame overlaps", NULL, SLOT(.gfn = 149, .npages = 1), -EEXIST },
	{ "holding others overlaps", NULL, SLOT(.gfn = 0, .npages = 1000), -EEXIST },
	{ "lying in another overlaps", NULL, SLOT(.gfn = 110, .npages = 2), -EEXIST },
	{ "the last frame there is can be mapped", NULL, SLOT(.gfn = MAX_GFN, .npages = 1),
	  SLOT_CREATE },
	{ "a frame beyond is refused", NULL, SLOT(.gfn = MAX_GFN, .npages = 2), -EINVAL },
	{ "nothing to delete is refused", NULL, SLOT(.gfn = 100), -EINVAL },
	{ "a slot is deleted", &slot_a, SLOT(.gfn = 0), SLOT_DELETE },
	{ "no change is none", &slot_a, SLOT(.gfn = 100, .npages = 50), SLOT_NONE },
	{ "a slot moves", &slot_a, SLOT(.gfn = 500, .npages = 50), SLOT_MOVE },
	{ "a slot moves over itself", &slot_a, SLOT(.gfn = 110, .npages = 50), SLOT_MOVE },
	{ "a slot may not move onto another", &slot_a, SLOT(.gfn = 160, .npages = 50), -EEXIST },
	{ "a slot may not move out of reach", &slot_a, SLOT(.gfn = MAX_GFN, .npages = 50),
	  -EINVAL },
	{ "a slot may not grow", &slot_a, SLOT(.gfn = 100, .npages = 51), -EINVAL },
	{ "a slot may not shrink", &slot_a, SLOT(.gfn = 100, .npages = 49), -EINVAL },
	{ "a slot may not change its memory", &slot_a,
	  SLOT(.gfn = 100, .npages = 50, .hva = 0x3000000), -EINVAL },
	{ "a slot may not become read-only", &slot_a,
	  SLOT(.gfn = 100, .npages = 50, .flags = KVM_MEM_READONLY), -EINVAL },
};

static void test_changes(void)
{
	struct slot a = slot_a, b = slot_b;
	struct slot *array[2];
	struct slot_set set = { .slot = array, .room = 2 };
	unsigned int i;

	slots_insert(&set, &b);
	slots_insert(&set, &a);
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		struct slot new = changes[i].new;

		TAP_EQ(slot_classify(&set, changes[i].old ? &a : NULL, &new, MAX_GFN),
		       changes[i].want, changes[i].name);
	}
}

static void test_find(void)
{
	struct slot a = slot_a, b = slot_b;
	struct slot *array[2];
	struct slot_set set = { .slot = array, .room = 2, .last = 12345 };

	TAP_EQ(!slots_find(&set, 0), true, "an empty set holds nothing");
	slots_insert(&set, &b);
	slots_insert(&set, &a);
	TAP_EQ(!slots_find(&set, 99), true, "the frame before a slot is not its");
	TAP_EQ(slots_find(&set, 100) == &a, true, "its first frame is");
	TAP_EQ(slots_find(&set, 149) == &a, true, "its last frame is");
	TAP_EQ(!slots_find(&set, 150), true, "the next is not");
	TAP_EQ(slots_find(&set, 200) == &b, true, "a one-frame slot is found");
	TAP_EQ(!slots_find(&set, ~0ULL), true, "the highest number is no slot's");
	slots_remove(&set, &b);
	TAP_EQ(!slots_find(&set, 200), true, "a removed slot is not found by the hint");
	TAP_EQ(slot_hva(&a, 149), 0x1000000 + 49 * 4096, "a frame has its host address");
}

/* What the set is compared with: one owner per frame. */
static struct slot *owner[SPAN];

static bool range_free(u64 gfn, u64 npages)
{
	u64 i;

	for (i = gfn; i < gfn + npages; i++)
		if (owner[i])
			return false;
	return true;
}

static void own(struct slot *slot, struct slot *by)
{
	u64 i;

	for (i = slot->gfn; i < slot->gfn + slot->npages; i++)
		owner[i] = by;
}

static bool same_everywhere(struct slot_set *set)
{
	u64 gfn;

	for (gfn = 0; gfn < SPAN; gfn++) {
		u64 mixed = gfn * 2654435761u % SPAN;	/* defeat the hint */

		if (slots_find(set, mixed) != owner[mixed])
			return false;
	}
	return true;
}

static void test_blocks(void)
{
	const struct slot slot = { .gfn = 0x400, .npages = 0x3ff, .hva = 0x7f0000400000 };
	const struct slot odd = { .gfn = 0x400, .npages = 0x400, .hva = 0x7f0000401000 };

	TAP_EQ(slot_holds_block(&slot, 0x5ff, 0x200), 1, "an aligned block at a slot's beginning");
	TAP_EQ(slot_holds_block(&slot, 0x600, 0x200), 0, "one that it does not hold as a whole");
	TAP_EQ(slot_holds_block(&slot, 0x400, 0x40000), 0, "one that begins before it");
	TAP_EQ(slot_holds_block(&odd, 0x400, 0x200), 0, "one whose host address is not as aligned");
}

static void test_random(void)
{
	static struct slot slots[NR_RANDOM];
	struct slot_set set = { 0 };
	unsigned int i, round, wrong = 0, grown = 0;

	srand(1);
	for (round = 0; round < 20000; round++) {
		struct slot *s = &slots[rand() % NR_RANDOM];
		u64 gfn = rand() % (SPAN - 64), npages = 1 + rand() % 64;

		if (s->npages) {
			own(s, NULL);
			slots_remove(&set, s);
			s->npages = 0;
			continue;
		}
		wrong += slots_overlap(&set, gfn, npages, NULL) == range_free(gfn, npages);
		if (!range_free(gfn, npages))
			continue;
		if (set.nr == set.room) {
			unsigned int room = set.room ? set.room * 2 : 1;

			free(slots_set_room(&set, calloc(room, sizeof(*set.slot)), room));
			grown++;
		}
		*s = (struct slot) { .gfn = gfn, .npages = npages };
		slots_insert(&set, s);
		own(s, s);
		if (round % 64 == 0)
			wrong += !same_everywhere(&set);
	}
	TAP_EQ(wrong, 0, "20000 random changes agree with a plain list");
	TAP_EQ(grown > 4, true, "the array grew on the way");
	for (i = 1; i < set.nr; i++)
		wrong += set.slot[i - 1]->gfn + set.slot[i - 1]->npages > set.slot[i]->gfn;
	TAP_EQ(wrong, 0, "the set is sorted and disjoint");
	free(set.slot);
}

static void test_many(void)
{
	struct slot *slots = calloc(SLOT_IDS, sizeof(*slots));
	struct slot_set set = { .slot = calloc(SLOT_IDS, sizeof(*set.slot)), .room = SLOT_IDS };
	unsigned int i, wrong = 0;

	for (i = 0; i < SLOT_IDS; i++) {
		slots[i] = (struct slot) { .gfn = 2 * (SLOT_IDS - i), .npages = 1, .id = i };
		slots_insert(&set, &slots[i]);
	}
	for (i = 0; i < SLOT_IDS; i++)
		wrong += slots_find(&set, 2 * (SLOT_IDS - i)) != &slots[i] ||
			 slots_find(&set, 2 * (SLOT_IDS - i) + 1);
	TAP_EQ(wrong, 0, "all 32764 slots are found, and the gaps between them are not");
	free(set.slot);
	free(slots);
}

int main(void)
{
	tap_begin();
	test_regions();
	test_changes();
	test_find();
	test_blocks();
	test_random();
	test_many();
	return tap_end();
}
