// SPDX-License-Identifier: GPL-2.0
/*
 * The LAPIC's arithmetic and its table of registers. With the driver's own sources.
 */
#include "selftests/lib/tap.h"
#include "vmx/irqchip/lapic_table.c"

static u32 set[8 * LAPIC_STRIDE / sizeof(u32)];

static void set_vector(unsigned int vector)
{
	set[vector / 32 * LAPIC_STRIDE / sizeof(u32)] |= 1u << vector % 32;
}

static void test_top(void)
{
	unsigned int i, wrong = 0;

	/* What is between the registers does not count. */
	memset(set, 0xff, sizeof(set));
	for (i = 0; i < 8; i++)
		set[i * LAPIC_STRIDE / sizeof(u32)] = 0;
	TAP_EQ(lapic_top_vector(set, 255), -1, "an empty set has no vector");
	for (i = 0; i < 256; i++) {
		set_vector(i);
		wrong += lapic_top_vector(set, 255) != (int)i;
		wrong += lapic_top_vector(set, i) != (int)i;
	}
	TAP_EQ(wrong, 0, "each vector is found above all lower ones");
}

static void test_priorities(void)
{
	unsigned int tpr, served, wrong = 0;

	TAP_EQ(lapic_ppr(0, -1), 0, "nothing in service, no task priority: 0");
	TAP_EQ(lapic_ppr(0x35, -1), 0x35, "the task's priority has a subclass");
	TAP_EQ(lapic_ppr(0x35, 0x31), 0x35, "of one class the task's goes");
	TAP_EQ(lapic_ppr(0x35, 0x41), 0x40, "a higher class in service has none");
	for (tpr = 0; tpr < 256; tpr++)
		for (served = 16; served < 256; served++)
			wrong += lapic_ppr(tpr, served) >> 4 != max(tpr >> 4, served >> 4);
	TAP_EQ(wrong, 0, "the class is the higher of both, always");
	TAP_EQ(lapic_passes(0x41, 0x3f), 1, "a higher class passes");
	TAP_EQ(lapic_passes(0x4f, 0x40), 0, "the same class does not");
	TAP_EQ(lapic_passes(-1, 0), 0, "no interrupt does not pass");
}

static void test_timer(void)
{
	static const u8 shift_by_tdcr[16] = {
		[0x0] = 1, [0x1] = 2, [0x2] = 3, [0x3] = 4,
		[0x8] = 5, [0x9] = 6, [0xa] = 7, [0xb] = 0,
	};
	unsigned int tdcr, wrong = 0;

	for (tdcr = 0; tdcr < 16; tdcr++)
		if (!(tdcr & 4))
			wrong += lapic_divide_shift(tdcr) != shift_by_tdcr[tdcr];
	TAP_EQ(wrong, 0, "the divisor is the SDM's for all eight settings");
}

static void test_ids(void)
{
	TAP_EQ(lapic_x2apic_ldr(0), 0x00000001, "x2APIC 0 is bit 0 of cluster 0");
	TAP_EQ(lapic_x2apic_ldr(0x1f), 0x00018000, "x2APIC 31 is bit 15 of cluster 1");
	TAP_EQ(lapic_x2apic_ldr(0xff), 0x000f8000, "x2APIC 255 is bit 15 of cluster 15");
}

static const struct lapic_reg *reg(unsigned int offset)
{
	return &lapic_regs[offset / LAPIC_STRIDE];
}

static void test_table(void)
{
	unsigned int i, both = 0, unused = 0;

	for (i = 0; i < LAPIC_REGS; i++) {
		both += !!(lapic_regs[i].mask & lapic_regs[i].ones);
		unused += !lapic_regs[i].access && (lapic_regs[i].mask | lapic_regs[i].ones);
	}
	TAP_EQ(both, 0, "no bit is both fixed and to be written");
	TAP_EQ(unused, 0, "a register that nobody can access has no bits");
	TAP_EQ(reg(0x30)->ones, 0x50014, "version 0x14, LVT entries 0 to 5");
	TAP_EQ(reg(0x2f0)->access, 0, "there is no LVT entry for CMCI");
	TAP_EQ(reg(0x0b0)->access & LAPIC_READ_X2APIC, 0, "EOI cannot be read");
	TAP_EQ(reg(0x0e0)->access & (LAPIC_READ_X2APIC | LAPIC_WRITE_X2APIC), 0,
	       "there is no DFR in x2APIC mode");
	TAP_EQ(reg(0x310)->access & (LAPIC_READ_X2APIC | LAPIC_WRITE_X2APIC), 0,
	       "nor a second half of ICR");
	TAP_EQ(reg(0x020)->access & LAPIC_WRITE_X2APIC, 0, "nor can its id be written");
	TAP_EQ(reg(0x3f0)->access, LAPIC_WRITE_X2APIC, "SELF IPI is x2APIC's, to be written only");
}

int main(void)
{
	tap_begin();
	test_top();
	test_priorities();
	test_timer();
	test_ids();
	test_table();
	return tap_end();
}
