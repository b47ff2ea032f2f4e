// SPDX-License-Identifier: GPL-2.0
/*
 * Whom an interrupt message is for: physical and logical destinations in the flat, cluster
 * and x2APIC models. Pure functions. SDM vol. 3A, 10.6.2 and 10.12.10.
 */
#include "vmx/irqchip/match.h"

#define ALL_XAPIC	0xffu
#define ALL_X2APIC	0xffffffffu
#define DFR_FLAT	0xfu		/* bits 31:28 of the DFR */

static bool is_broadcast(const struct match_target *target, const struct match_dest *dest)
{
	if (dest->id == ALL_X2APIC)
		return true;
	return dest->id == ALL_XAPIC && (!target->x2apic || dest->device);
}

/* A cluster in the upper half, members of it in the lower. */
static bool matches_x2apic(u32 ldr, u32 id)
{
	return ldr >> 16 == id >> 16 && (ldr & id & 0xffff);
}

static bool matches_xapic(const struct match_target *target, u32 id)
{
	u32 logical = target->ldr >> 24;

	if (target->dfr >> 28 == DFR_FLAT)
		return logical & id & 0xff;
	return logical >> 4 == id >> 4 && (logical & id & 0xf);
}

/**
 * match_destination() - is a message for this LAPIC?
 * @target: the LAPIC, enabled by hardware
 * @dest: where the message goes
 */
bool match_destination(const struct match_target *target, const struct match_dest *dest)
{
	if (is_broadcast(target, dest))
		return true;
	if (!dest->logical)
		return target->id == dest->id;
	return target->x2apic ? matches_x2apic(target->ldr, dest->id) :
				matches_xapic(target, dest->id);
}
