// SPDX-License-Identifier: GPL-2.0
/*
 * Whom interrupt messages are for, as a table of LAPICs, destinations and answers. With the
 * driver's own source.
 */
#include "selftests/lib/tap.h"
#include "vmx/irqchip/match.c"

#define FLAT		0xffffffff
#define CLUSTER		0x0fffffff
#define PHYSICAL(i)	{ .id = (i) }
#define LOGICAL(i)	{ .id = (i), .logical = true }
#define DEVICE(i)	{ .id = (i), .device = true }

static const struct match_target
	xapic_3 = { .id = 3, .ldr = 0x08000000, .dfr = FLAT },
	xapic_clustered = { .id = 0x21, .ldr = 0x22000000, .dfr = CLUSTER },
	xapic_no_ldr = { .id = 1, .dfr = FLAT },
	x2apic_3 = { .id = 3, .ldr = 0x00000008, .dfr = FLAT, .x2apic = true },
	x2apic_18 = { .id = 0x12, .ldr = 0x00010004, .dfr = FLAT, .x2apic = true },
	x2apic_255 = { .id = 0xff, .ldr = 0x000f8000, .dfr = FLAT, .x2apic = true };

static const struct {
	const char *name;
	const struct match_target *target;
	struct match_dest dest;
	bool want;
} cases[] = {
	{ "physical: its id", &xapic_3, PHYSICAL(3), true },
	{ "physical: another id", &xapic_3, PHYSICAL(2), false },
	{ "physical: 0xff is all xAPICs", &xapic_3, PHYSICAL(0xff), true },
	{ "physical: an id over 255 is not cut", &xapic_3, PHYSICAL(0x103), false },
	{ "flat: its bit", &xapic_3, LOGICAL(0x08), true },
	{ "flat: its bit among others", &xapic_3, LOGICAL(0x0c), true },
	{ "flat: others' bits", &xapic_3, LOGICAL(0x37), false },
	{ "flat: 0xff is all", &xapic_no_ldr, LOGICAL(0xff), true },
	{ "flat: without a logical id, nothing else", &xapic_no_ldr, LOGICAL(0x7f), false },
	{ "cluster: its cluster and bit", &xapic_clustered, LOGICAL(0x22), true },
	{ "cluster: its cluster, several bits", &xapic_clustered, LOGICAL(0x2f), true },
	{ "cluster: its cluster, another bit", &xapic_clustered, LOGICAL(0x21), false },
	{ "cluster: another cluster", &xapic_clustered, LOGICAL(0x12), false },
	{ "cluster: 0xff is all", &xapic_clustered, LOGICAL(0xff), true },
	{ "x2APIC physical: its id", &x2apic_18, PHYSICAL(0x12), true },
	{ "x2APIC physical: another id", &x2apic_18, PHYSICAL(0x02), false },
	{ "x2APIC physical: an IPI to 0xff is for id 255", &x2apic_3, PHYSICAL(0xff), false },
	{ "x2APIC physical: which has it", &x2apic_255, PHYSICAL(0xff), true },
	{ "x2APIC: a device's 0xff is all", &x2apic_3, DEVICE(0xff), true },
	{ "x2APIC: 0xffffffff is all", &x2apic_18, PHYSICAL(0xffffffff), true },
	{ "x2APIC logical: 0xffffffff is all", &x2apic_18, LOGICAL(0xffffffff), true },
	{ "xAPIC: 0xffffffff is all", &xapic_3, PHYSICAL(0xffffffff), true },
	{ "x2APIC logical: its cluster and bit", &x2apic_18, LOGICAL(0x00010004), true },
	{ "x2APIC logical: several bits", &x2apic_18, LOGICAL(0x0001ffff), true },
	{ "x2APIC logical: another cluster", &x2apic_18, LOGICAL(0x00000004), false },
	{ "x2APIC logical: another bit", &x2apic_18, LOGICAL(0x0001fffb), false },
	{ "x2APIC logical: 8 bits reach cluster 0", &x2apic_3, LOGICAL(0x08), true },
	{ "logical 0 is nobody's", &x2apic_3, LOGICAL(0), false },
};

int main(void)
{
	unsigned int i;

	tap_begin();
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		TAP_EQ(match_destination(cases[i].target, &cases[i].dest), cases[i].want,
		       cases[i].name);
	return tap_end();
}
