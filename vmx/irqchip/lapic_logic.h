/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The LAPIC's arithmetic, and which registers it has. Pure, for the tests as well.
 * SDM vol. 3A, 10.8.3 (priorities), 10.5.4 (timer), 10.12.10.2 (logical id), table 10-6.
 */
#ifndef KVMLET_VMX_IRQCHIP_LAPIC_LOGIC_H
#define KVMLET_VMX_IRQCHIP_LAPIC_LOGIC_H

#include "include/portable.h"

#define LAPIC_STRIDE		0x10	/* bytes from one register to the next */
#define LAPIC_REGS		64	/* registers, used or not, in either mode */
#define LAPIC_SIZE		(LAPIC_REGS * LAPIC_STRIDE)
#define LAPIC_FIRST_VECTOR	16	/* those below are illegal in messages */

/* How a guest may use a register, by mode. */
enum {
	LAPIC_READ_XAPIC	= BIT(0),
	LAPIC_READ_X2APIC	= BIT(1),
	LAPIC_WRITE_XAPIC	= BIT(2),
	LAPIC_WRITE_X2APIC	= BIT(3),
};

/**
 * struct lapic_reg - a register
 * @mask:	bits that software may set: the guest if it may write, else only user space
 * @ones:	bits that are always set
 * @access:	LAPIC_READ_*, LAPIC_WRITE_*
 */
struct lapic_reg {
	u32 mask, ones;
	u8 access;
};

extern const struct lapic_reg lapic_regs[LAPIC_REGS];

/* Of a set of vectors in the registers' layout that has none above @last the highest, or -1. */
static inline int lapic_top_vector(const void *set, int last)
{
	int word;

	for (word = last / 32; word >= 0; word--) {
		u32 bits = READ_ONCE(*(const u32 *)((const u8 *)set + word * LAPIC_STRIDE));

		if (bits)
			return word * 32 + 31 - __builtin_clz(bits);
	}
	return -1;
}

/* The processor priority: the higher of the task's and of the interrupt in service. */
static inline u8 lapic_ppr(u8 tpr, int in_service)
{
	u8 class = in_service < 0 ? 0 : in_service & 0xf0;

	return (tpr & 0xf0) >= class ? tpr : class;
}

/* An interrupt passes if its class, bits 7:4, is above the processor's. */
static inline bool lapic_passes(int vector, u8 ppr)
{
	return vector >= 0 && (vector & 0xf0) > (ppr & 0xf0);
}

/* The timer's divisor as a power of two: bits 3, 1 and 0 of TDCR count from 2; 7 is 1. */
static inline unsigned int lapic_divide_shift(u32 tdcr)
{
	return (((tdcr & 8) >> 1 | (tdcr & 3)) + 1) & 7;
}

static inline u32 lapic_x2apic_ldr(u32 id)
{
	return (id >> 4) << 16 | 1u << (id & 15);
}

#endif
