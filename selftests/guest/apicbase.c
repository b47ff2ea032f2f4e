// SPDX-License-Identifier: GPL-2.0
/*
 * IA32_APIC_BASE: a LAPIC that the guest turns off and on again, or moves to another page. Off, it
 * hears nothing, is not in CPUID, and leaves the processor to the 8259s; on again, it is as after a
 * reset; elsewhere, it works as before, but for those accesses that the processor did by itself.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#include <stdlib.h>
#include <string.h>
#include "selftests/lib/apic.h"

#define OFF		(APIC_PAGE | 0x100)
#define XAPIC		(APIC_PAGE | 0x900)
#define X2APIC_ON	(APIC_PAGE | 0xd00)
#define MOVED_PAGE	DEVICE		/* nothing answers there but a LAPIC */
#define MOVED		(MOVED_PAGE | 0x900)
#define PIC		0x20
#define PIC_VECTOR	0x60
#define PIC_PIN		3
#define MASKED		0x10000

static const char *path;
static bool upstream;
static uint64_t page;			/* where the guest has its LAPIC */

static uint32_t rd(unsigned int reg)
{
	return *(volatile uint32_t *)(page + reg);
}

static void wr(unsigned int reg, uint32_t value)
{
	*(volatile uint32_t *)(page + reg) = value;
}

static void end(void)
{
	wr(APIC_EOI, 0);
}

static void pic_end(void)
{
	guest_outb(PIC, 0x20);
}

static uint64_t set_base(uint64_t base)
{
	return TRAP("wrmsr", : : "c"(MSR_APIC_BASE), "a"((uint32_t)base), "d"(base >> 32) :
		    TRAP_CLOBBERS);
}

static bool in_cpuid(void)
{
	uint32_t out[4];

	guest_cpuid(1, 0, out);
	return out[3] >> 9 & 1;
}

/* --- off and on ------------------------------------------------------------------------------- */

static void while_off(void)
{
	guest_check("off: CPUID has no LAPIC", in_cpuid(), false);
	guest_check("its page is a hole", rd(APIC_SPIV), 0xffffffff);
	wr(APIC_SPIV, 0x1ff);
	guest_open();
	guest_check("what waited for it does not come", irqs[0x41], 0);
	guest_check("its MSRs: #GP",
		    TRAP("rdmsr", : : "c"(X2APIC(APIC_SPIV)) : "rax", "rdx", TRAP_CLOBBERS), 13);
	guest_check("from off to x2APIC mode: #GP", set_base(X2APIC_ON), 13);
	guest_check("x2APIC mode of one that is off: #GP", set_base(OFF | 0x400), 13);
	guest_sync(1);
	guest_open();
	guest_check("nor does an MSI for it", irqs[0x42], 0);
	guest_eoi = pic_end;
	pic_init(PIC, PIC_VECTOR, 4);
	guest_outb(PIC + 1, 0xff & ~(1 << PIC_PIN));
	guest_sync(2);
	guest_open();
	guest_check("but the 8259 interrupts", irqs[PIC_VECTOR + PIC_PIN], 1);
	guest_eoi = end;
}

static void as_after_reset(void)
{
	guest_check("as after a reset: the spurious-interrupt vector", rd(APIC_SPIV), 0xff);
	guest_check("the priority", rd(APIC_TPR), 0);
	guest_check("the timer's entry", rd(APIC_LVTT), MASKED);
	guest_check("the timer", rd(APIC_TMICT), 0);
	guest_check("what waited", rd(APIC_IRR + 0x20), 0);
}

static void while_on(unsigned int vector)
{
	guest_check("on: CPUID has a LAPIC", in_cpuid(), true);
	if (!upstream)
		as_after_reset();
	wr(APIC_SPIV, 0x1ff);
	wr(APIC_ICR, ICR_SELF | vector);
	guest_open();
	guest_check("an interrupt for it comes", irqs[vector], 1);
	guest_check("and has ended", rd(APIC_ISR + 0x20), 0);
}

static void off_guest(void)
{
	guest_warm();
	wr(APIC_SPIV, 0x1ff);
	wr(APIC_TPR, 0x30);
	wr(APIC_LVTT, 0x51);
	wr(APIC_TMICT, 1000000000);
	wr(APIC_ICR, ICR_SELF | 0x41);
	guest_check("a guest turns its LAPIC off", set_base(OFF), NO_TRAP);
	while_off();
	guest_check("and on", set_base(XAPIC), NO_TRAP);
	while_on(0x43);
	guest_check("into x2APIC mode", set_base(X2APIC_ON), NO_TRAP);
	guest_check("where its page is a hole, too", rd(APIC_SPIV), 0xffffffff);
	guest_check("off from there", set_base(OFF), NO_TRAP);
	guest_check("on again", set_base(XAPIC), NO_TRAP);
	while_on(0x44);
	guest_sync(3);
}

static void off(void)
{
	struct kvm_msi msi = { .address_lo = APIC_PAGE, .data = 0x42 };
	struct kvm_irq_level line = { .irq = PIC_PIN, .level = 1 };
	struct vcpu vcpu;
	struct vm vm;

	machine(&vm, &vcpu, path, true, off_guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest turns its LAPIC off");
	tap_ok(call(vm.fd, KVM_SIGNAL_MSI, &msi) < 1, "an MSI for it is not taken");
	TAP_EQ(vcpu_sync(&vcpu), 2, "and sets the 8259 up");
	call(vm.fd, KVM_IRQ_LINE, &line);
	TAP_EQ(vcpu_sync(&vcpu), 3, "it takes it back");
	tap_checks();
	if (upstream)
		tap_skip("on again it is as after a reset",
			 "upstream keeps registers and what waited (SDM vol. 3A, 10.4.3)");
	machine_close(&vm, &vcpu);
}

/* --- elsewhere -------------------------------------------------------------------------------- */

static void works_here(unsigned int vector)
{
	uint64_t class;

	guest_check("it keeps its registers", rd(APIC_SPIV), 0x1ff);
	wr(APIC_TPR, 0x50);
	asm volatile("mov %%cr8, %0" : "=r"(class) : : "memory");
	guest_check("a priority written here is CR8's", class, 5);
	wr(APIC_ICR, ICR_SELF | vector);
	guest_open();
	guest_check("and holds an interrupt back", irqs[vector], 0);
	guest_check("that waits", rd(APIC_IRR + 0x20) >> (vector & 31), 1);
	wr(APIC_TPR, 0);
	guest_open();
	guest_check("until it is lowered", irqs[vector], 1);
	guest_check("its end is written here", rd(APIC_ISR + 0x20), 0);
}

static void moved_guest(void)
{
	guest_warm();
	wr(APIC_SPIV, 0x1ff);
	works_here(0x45);
	guest_check("a guest moves its LAPIC", set_base(MOVED), NO_TRAP);
	page = MOVED_PAGE;
	guest_check("the MSR says so", guest_rdmsr(MSR_APIC_BASE), MOVED);
	works_here(0x46);
	guest_sync(1);
	guest_check("user space moves it back: the MSR says so", guest_rdmsr(MSR_APIC_BASE), XAPIC);
	page = APIC_PAGE;
	works_here(0x47);
	guest_check("beyond the processor's addresses: #GP", set_base(XAPIC | 1ULL << 55), 13);
	guest_check("a reserved bit: #GP", set_base(XAPIC | 1), 13);
	guest_check("the MSR is as before", guest_rdmsr(MSR_APIC_BASE), XAPIC);
	guest_sync(2);
}

static void moved(void)
{
	static struct device device;
	struct kvm_sregs sregs;
	struct vcpu vcpu;
	struct vm vm;

	machine(&vm, &vcpu, path, true, moved_guest);
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 1, "a guest's LAPIC is elsewhere");
	TAP_EQ(device.reads + device.writes, 0, "and user space sees nothing of it");
	call(vcpu.fd, KVM_GET_SREGS, &sregs);
	TAP_EQ(sregs.apic_base, MOVED, "KVM_GET_SREGS: where");
	sregs.apic_base = XAPIC;
	TAP_EQ(call(vcpu.fd, KVM_SET_SREGS, &sregs), 0, "KVM_SET_SREGS: back");
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 2, "the guest goes on");
	tap_checks();
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	tap_begin();
	path = device_path(argc, argv);
	upstream = on_upstream();
	guest_eoi = end;
	page = APIC_PAGE;
	off();
	page = APIC_PAGE;
	moved();
	return tap_end();
}
