/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whom an interrupt message is for. Pure. SDM vol. 3A, 10.6.2 (destinations) and 10.12.10
 * (logical destinations in x2APIC mode).
 */
#ifndef KVMLET_VMX_IRQCHIP_MATCH_H
#define KVMLET_VMX_IRQCHIP_MATCH_H

#include "include/portable.h"

/* A LAPIC as messages see it. */
struct match_target {
	u32 id;		/* APIC id as a number */
	u32 ldr, dfr;	/* registers; DFR means nothing in x2APIC mode */
	bool x2apic;
};

/* Where a message goes. */
struct match_dest {
	u32 id;		/* physical id or logical destination; 8 bits unless by an x2APIC */
	bool logical;
	bool device;	/* by an IO-APIC or MSI that says 0xff for all, x2APICs too */
};

bool match_destination(const struct match_target *target, const struct match_dest *dest);

#endif
