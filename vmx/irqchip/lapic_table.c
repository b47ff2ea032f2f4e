// SPDX-License-Identifier: GPL-2.0
/*
 * The registers of a LAPIC as data. Constant. SDM vol. 3A, table 10-1 (xAPIC) and 10-6
 * (x2APIC); there is no LVT entry for CMCI.
 */
#include "vmx/irqchip/lapic_logic.h"

#define R	(LAPIC_READ_XAPIC | LAPIC_READ_X2APIC)
#define W	(LAPIC_WRITE_XAPIC | LAPIC_WRITE_X2APIC)
#define R_X	LAPIC_READ_XAPIC
#define W_X	LAPIC_WRITE_XAPIC
#define W_X2	LAPIC_WRITE_X2APIC

#define ROW(offset, bits, how) \
	[(offset) / LAPIC_STRIDE] = { .mask = (bits), .access = (how) }
#define ROWS(first, last, bits, how) \
	[(first) / LAPIC_STRIDE ... (last) / LAPIC_STRIDE] = { .mask = (bits), .access = (how) }

const struct lapic_reg lapic_regs[LAPIC_REGS] = {
	ROW(0x020, 0xff000000, R | W_X),		/* ID */
	[0x030 / LAPIC_STRIDE] = { .ones = 0x50014, .access = R },	/* version, 6 LVT entries */
	ROW(0x080, 0x000000ff, R | W),			/* TPR */
	ROW(0x090, 0x00000000, R_X),			/* APR */
	ROW(0x0a0, 0x00000000, R),			/* PPR */
	ROW(0x0b0, 0x00000000, W),			/* EOI */
	ROW(0x0d0, 0xff000000, R | W_X),		/* LDR */
	[0x0e0 / LAPIC_STRIDE] = { 0xf0000000, 0x0fffffff, R_X | W_X },	/* DFR */
	ROW(0x0f0, 0x000013ff, R | W),			/* SVR; bit 12: lapic_svr() */
	ROWS(0x100, 0x170, ~0u, R),			/* ISR */
	ROWS(0x180, 0x1f0, ~0u, R),			/* TMR */
	ROWS(0x200, 0x270, ~0u, R),			/* IRR */
	ROW(0x280, 0x000000ff, R | W),			/* ESR */
	ROW(0x300, 0xffffefff, R | W),			/* ICR, low half: all but the status */
	ROW(0x310, 0xff000000, R_X | W_X),		/* ICR, high half */
	ROW(0x320, 0x000700ff, R | W),			/* LVT: timer */
	ROW(0x330, 0x000107ff, R | W),			/* LVT: thermal */
	ROW(0x340, 0x000107ff, R | W),			/* LVT: performance counters */
	ROW(0x350, 0x0001a7ff, R | W),			/* LVT: LINT0 */
	ROW(0x360, 0x0001a7ff, R | W),			/* LVT: LINT1 */
	ROW(0x370, 0x000100ff, R | W),			/* LVT: error */
	ROW(0x380, ~0u, R | W),				/* timer: initial count */
	ROW(0x390, ~0u, R),				/* timer: current count */
	ROW(0x3e0, 0x0000000b, R | W),			/* timer: divisor */
	ROW(0x3f0, 0x00000000, W_X2),			/* SELF IPI */
};
