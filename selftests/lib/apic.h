/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's way to its LAPIC, as memory and as MSRs, and to the IO-APIC.
 */
#ifndef KVMLET_TEST_APIC_H
#define KVMLET_TEST_APIC_H

#include "selftests/lib/vm.h"

#define APIC_PAGE	0xfee00000UL
#define APIC_ID		0x020
#define APIC_VERSION	0x030
#define APIC_TPR	0x080
#define APIC_EOI	0x0b0
#define APIC_SPIV	0x0f0
#define APIC_ISR	0x100
#define APIC_IRR	0x200
#define APIC_ICR	0x300
#define APIC_ICR2	0x310
#define APIC_LVTT	0x320
#define APIC_LINT0	0x350
#define APIC_TMICT	0x380
#define APIC_TMCCT	0x390
#define APIC_TDCR	0x3e0
#define APIC_BY_1	0x0b
#define ICR_SELF	0x40000
#define LVTT_PERIODIC	0x20000
#define LVTT_DEADLINE	0x40000
#define MSR_DEADLINE	0x6e0
#define MSR_APIC_BASE	0x1b
#define X2APIC(reg)	(0x800 + (reg) / 16)
#define X2APIC_SELF	0x83f
#define IOAPIC_PAGE	0xfec00000UL

/* An 8259's four words; the mask is written next. */
static inline void pic_init(uint16_t port, uint8_t vector, uint8_t cascade)
{
	guest_outb(port, 0x11);
	guest_outb(port + 1, vector);
	guest_outb(port + 1, cascade);
	guest_outb(port + 1, 1);
}

static inline uint32_t apic_read(unsigned int reg)
{
	return *(volatile uint32_t *)(APIC_PAGE + reg);
}

static inline void apic_write(unsigned int reg, uint32_t value)
{
	*(volatile uint32_t *)(APIC_PAGE + reg) = value;
}

static inline void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

static inline void x2apic_eoi(void)
{
	guest_wrmsr(X2APIC(APIC_EOI), 0);
}

static inline void ioapic_write(unsigned int index, uint32_t value)
{
	*(volatile uint32_t *)IOAPIC_PAGE = index;
	*(volatile uint32_t *)(IOAPIC_PAGE + 0x10) = value;
}

static inline uint32_t ioapic_read(unsigned int index)
{
	*(volatile uint32_t *)IOAPIC_PAGE = index;
	return *(volatile uint32_t *)(IOAPIC_PAGE + 0x10);
}

/* One pin to LAPIC 0. */
static inline void ioapic_route(unsigned int pin, uint32_t low)
{
	ioapic_write(0x11 + 2 * pin, 0);
	ioapic_write(0x10 + 2 * pin, low);
}

/*
 * Touches what the delivery of an interrupt does. The emulator forgets which interrupt the
 * processor was delivering by itself when that had to exit (lab.rst).
 */
static inline void guest_warm(void)
{
	void (*eoi)(void) = guest_eoi;

	guest_eoi = NULL;
	asm volatile("int $0xf0" : : : "memory");
	irqs[0xf0]--;
	guest_eoi = eoi;
}

/* Lets waiting interrupts in, all that come at once. */
static inline void guest_open(void)
{
	asm volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
}

/* Waits with interrupts let in, not for ever: has it come true? */
#define guest_soon(condition)							\
({										\
	unsigned int soon_left = 3000000;					\
										\
	asm volatile("sti");							\
	while (!(condition) && --soon_left)					\
		asm volatile("pause");						\
	soon_left > 0;								\
})

/* Sleeps until an interrupt has been handled. */
static inline void guest_halt(void)
{
	asm volatile("sti\n\thlt\n\tcli" : : : "memory");
}

#endif
