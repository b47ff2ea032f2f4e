// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts: from user space without controllers in the kernel, and through each of those.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#include "selftests/lib/apic.h"

#define LEVEL		0x8000
#define REMOTE_IRR	0x4000

static const char *path;
static bool early;		/* a timer that is put off comes at once */

/* --- no controllers ------------------------------------------------------------------------ */

static void window_guest(void)
{
	unsigned int i;

	guest_sync(1);
	guest_check("an interrupt waits for IF", irqs[0x40], 0);
	guest_open();
	guest_check("and comes when IF is set", irqs[0x40], 1);
	guest_sync(2);
	guest_check("an NMI does not wait", irqs[2], 1);
	guest_sync(3);
	asm volatile("sti");
	for (i = 0; i < 3000000; i++)
		asm volatile("");
	for (;;)
		guest_sync(4);
}

static void windows(void)
{
	struct kvm_interrupt interrupt = { .irq = 0x40 };
	struct vcpu vcpu;
	struct vm vm;

	machine(&vm, &vcpu, path, false, window_guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest runs with IF = 0");
	vcpu.run->request_interrupt_window = 1;
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_IRQ_WINDOW_OPEN, "an interrupt window is reported");
	TAP_EQ(vcpu.run->ready_for_interrupt_injection, 1, "and readiness for an interrupt");
	TAP_EQ(vcpu.run->if_flag, 1, "and IF");
	vcpu.run->request_interrupt_window = 0;
	TAP_EQ(call(vcpu.fd, KVM_INTERRUPT, &interrupt), 0, "KVM_INTERRUPT");
	TAP_EQ(vcpu_sync(&vcpu), 2, "the guest goes on");
	TAP_EQ(call(vcpu.fd, KVM_NMI, 0), 0, "KVM_NMI");
	TAP_EQ(vcpu_sync(&vcpu), 3, "the guest goes on");
	tap_checks();
	TAP_EQ(vcpu_sync(&vcpu), 4, "the guest goes on with IF = 1");
	TAP_EQ(vcpu.run->ready_for_interrupt_injection, 1, "an exit says that it is ready");
	vcpu_reached(&vcpu, "EXTERNAL_INTERRUPT");
	machine_close(&vm, &vcpu);
}

/* --- LAPIC --------------------------------------------------------------------------------- */

/* Guests put their next tick off, and take it back, far more often than it comes. */
static void deadlines_that_move(void)
{
	uint64_t due = guest_rdtsc() + 3000000, end;

	apic_write(APIC_LVTT, LVTT_DEADLINE | 0x54);
	guest_wrmsr(MSR_DEADLINE, guest_rdtsc() + 100000);
	guest_wrmsr(MSR_DEADLINE, due);
	guest_check("a deadline that is put off is the later one", guest_rdmsr(MSR_DEADLINE), due);
	guest_halt();
	guest_check("it comes once", irqs[0x54], 1);
	if (!early)
		guest_check("and not at the earlier time", guest_rdtsc() + 1000 > due, 1);
	end = guest_rdtsc() + 1000000000;
	guest_wrmsr(MSR_DEADLINE, end);
	guest_wrmsr(MSR_DEADLINE, guest_rdtsc() + 200000);
	guest_halt();
	guest_check("a deadline that is moved nearer comes", irqs[0x54], 2);
	guest_check("at the nearer time", guest_rdtsc() < end, 1);
	guest_wrmsr(MSR_DEADLINE, guest_rdtsc() + 100000);
	guest_wrmsr(MSR_DEADLINE, 0);
	guest_check("a deadline that is taken back is 0", guest_rdmsr(MSR_DEADLINE), 0);
	for (end = guest_rdtsc() + 1000000; guest_rdtsc() < end; )
		guest_open();
	guest_check("and does not come", irqs[0x54], 2);
}

static void xapic_timers(void)
{
	uint32_t first;

	apic_write(APIC_TDCR, APIC_BY_1);
	apic_write(APIC_LVTT, 0x50);
	apic_write(APIC_TMICT, 20000000);
	first = apic_read(APIC_TMCCT);
	guest_check("the timer counts down", first > 0 && first <= 20000000, 1);
	guest_halt();
	guest_check("a one-shot timer wakes HLT", irqs[0x50], 1);
	guest_check("and stands at 0", apic_read(APIC_TMCCT), 0);
	apic_write(APIC_LVTT, LVTT_PERIODIC | 0x51);
	/* 5 ms: an emulated host does nothing else if they come much faster. */
	apic_write(APIC_TMICT, 5000000);
	while (irqs[0x51] < 3)
		guest_halt();
	apic_write(APIC_TMICT, 0);
	guest_check("a periodic timer goes on", irqs[0x51] >= 3, 1);
	apic_write(APIC_LVTT, LVTT_DEADLINE | 0x52);
	guest_wrmsr(MSR_DEADLINE, guest_rdtsc() + 100000);
	guest_halt();
	guest_check("a TSC deadline wakes HLT", irqs[0x52], 1);
	guest_check("and is 0 then", guest_rdmsr(MSR_DEADLINE), 0);
	guest_wrmsr(MSR_DEADLINE, 1);
	guest_open();
	guest_check("a deadline in the past comes at once", irqs[0x52], 2);
	apic_write(APIC_LVTT, LVTT_DEADLINE | 0x10000 | 0x53);
	guest_wrmsr(MSR_DEADLINE, 1);
	guest_open();
	guest_check("a masked timer does not interrupt", irqs[0x53], 0);
	deadlines_that_move();
}

static void xapic_guest(void)
{
	guest_warm();
	guest_check("the LAPIC's id is 0", apic_read(APIC_ID), 0);
	apic_write(APIC_SPIV, 0x1ff);
	apic_write(APIC_ICR, ICR_SELF | 0x41);
	guest_check("a self-IPI is in IRR", apic_read(APIC_IRR + 0x20) >> 1 & 1, 1);
	guest_open();
	guest_check("a self-IPI arrives", irqs[0x41], 1);
	guest_check("IRR is clear again", apic_read(APIC_IRR + 0x20), 0);
	guest_check("ISR is clear after EOI", apic_read(APIC_ISR + 0x20), 0);
	apic_write(APIC_TPR, 0x50);
	apic_write(APIC_ICR, ICR_SELF | 0x45);
	guest_open();
	guest_check("TPR holds a lower interrupt back", irqs[0x45], 0);
	asm volatile("mov %0, %%cr8" : : "r"(0UL));
	guest_check("CR8 is TPR", apic_read(APIC_TPR), 0);
	guest_open();
	guest_check("it comes when TPR is lowered", irqs[0x45], 1);
	xapic_timers();
	guest_sync(1);
}

static void x2apic_guest(void)
{
	guest_warm();
	guest_wrmsr(MSR_APIC_BASE, guest_rdmsr(MSR_APIC_BASE) | 0x400);
	guest_check("x2APIC mode is on", guest_rdmsr(MSR_APIC_BASE), 0xfee00d00);
	guest_check("the x2APIC's id is 0", guest_rdmsr(X2APIC(APIC_ID)), 0);
	guest_wrmsr(X2APIC(APIC_SPIV), 0x1ff);
	guest_wrmsr(X2APIC_SELF, 0x42);
	guest_open();
	guest_check("a self-IPI by its own MSR arrives", irqs[0x42], 1);
	guest_wrmsr(X2APIC(APIC_ICR), ICR_SELF | 0x43);
	guest_open();
	guest_check("a self-IPI by ICR arrives", irqs[0x43], 1);
	guest_check("the MSR of ICR's second half: #GP",
		    TRAP("rdmsr", : : "c"(X2APIC(APIC_ICR2)) : "rax", "rdx", TRAP_CLOBBERS), 13);
	guest_check("a write to the read-only id: #GP",
		    TRAP("wrmsr", : : "c"(X2APIC(APIC_ID)), "a"(0), "d"(0) : TRAP_CLOBBERS), 13);
	guest_wrmsr(X2APIC(APIC_TDCR), APIC_BY_1);
	guest_wrmsr(X2APIC(APIC_LVTT), 0x54);
	guest_wrmsr(X2APIC(APIC_TMICT), 300000);
	guest_halt();
	guest_check("the timer wakes HLT", irqs[0x54], 1);
	guest_check("back to xAPIC mode: #GP",
		    TRAP("wrmsr", : : "c"(MSR_APIC_BASE), "a"(0xfee00900), "d"(0) :
			 TRAP_CLOBBERS), 13);
	guest_sync(1);
}

static void lapic(void (*guest)(void), void (*eoi)(void), const char *name)
{
	struct vcpu vcpu;
	struct vm vm;

	guest_eoi = eoi;
	machine(&vm, &vcpu, path, true, guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, name);
	tap_checks();
	machine_close(&vm, &vcpu);
}

/* --- task priorities ------------------------------------------------------------------------ */

#define STEPS		3000
#define FIRST		0x30		/* vectors that are posted: so many from here on */
#define VECTORS		0xc0

static volatile uint32_t expected[256];
static bool in_x2apic;

static void post(uint8_t vector)
{
	if (in_x2apic)
		guest_wrmsr(X2APIC_SELF, vector);
	else
		apic_write(APIC_ICR, ICR_SELF | vector);
}

/* In all the ways that there are. */
static void set_priority(uint32_t class, uint32_t way)
{
	if (way & 1)
		asm volatile("mov %0, %%cr8" : : "r"((uint64_t)class) : "memory");
	else if (in_x2apic)
		guest_wrmsr(X2APIC(APIC_TPR), class << 4);
	else
		apic_write(APIC_TPR, class << 4);
}

static uint32_t get_priority(uint32_t way)
{
	uint64_t class;

	if (!(way & 2))
		return (in_x2apic ? guest_rdmsr(X2APIC(APIC_TPR)) : apic_read(APIC_TPR)) >> 4;
	asm volatile("mov %%cr8, %0" : "=r"(class) : : "memory");
	return class;
}

/* A guest that is open posts interrupts and moves its priority: what may pass has come at once. */
static void priority_guest(void)
{
	static uint8_t waits[256];
	uint32_t seed = 1, step, vector, class = 0, wrong = 0, misread = 0;

	guest_warm();
	if (in_x2apic)
		guest_wrmsr(MSR_APIC_BASE, guest_rdmsr(MSR_APIC_BASE) | 0x400);
	memset(waits, 0, sizeof(waits));
	if (in_x2apic)
		guest_wrmsr(X2APIC(APIC_SPIV), 0x1ff);
	else
		apic_write(APIC_SPIV, 0x1ff);
	asm volatile("sti");
	for (step = 0; step < STEPS; step++) {
		seed = seed * 1664525 + 1013904223;
		if (seed >> 31) {
			vector = FIRST + (seed >> 16) % VECTORS;
			waits[vector] = 1;
			post(vector);
		} else {
			class = seed >> 16 & 15;
			set_priority(class, seed >> 20);
			misread += get_priority(seed >> 20) != class;
		}
		for (vector = FIRST; vector < FIRST + VECTORS; vector++) {
			if (waits[vector] && vector >> 4 > class) {
				waits[vector] = 0;
				expected[vector]++;
			}
			wrong += irqs[vector] != expected[vector];
		}
	}
	asm volatile("cli");
	guest_check("the priority reads as it was written", misread, 0);
	guest_check("each interrupt came when its priority let it, and not before", wrong, 0);
	guest_sync(1);
}

static void priorities(bool x2apic)
{
	const char *how = x2apic ? "x2APIC" : "xAPIC";
	struct vcpu vcpu;
	struct vm vm;
	long exits;

	guest_eoi = x2apic ? x2apic_eoi : apic_eoi;
	in_x2apic = x2apic;
	memset((void *)expected, 0, sizeof(expected));
	machine(&vm, &vcpu, path, true, priority_guest);
	memset((void *)irqs, 0, sizeof(irqs));
	TAP_EQ(vcpu_sync(&vcpu), 1, x2apic ? "a guest moves its x2APIC's priority" :
					     "a guest moves its xAPIC's priority");
	tap_checks();
	exits = vcpu_exits(&vcpu, "CR_ACCESS");
	if (exits >= 0)
		tap_ok(!exits == host_helps(HELP_TPR), "%s: CR8 is moved without an exit if "
		       "there is a TPR shadow", how);
	if (host_helps(HELP_TPR) && !host_helps(HELP_DELIVERY))
		vcpu_reached(&vcpu, "TPR_BELOW_THRESHOLD");
	machine_close(&vm, &vcpu);
}

/* --- from outside --------------------------------------------------------------------------- */

static void set_line(struct vm *vm, unsigned int gsi, unsigned int level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	call(vm->fd, KVM_IRQ_LINE, &line);
}

/* The line stays up until the second interrupt. */
static void level_eoi(void)
{
	if (irqs[0x72] == 2 && !irqs[0x73])
		guest_sync(4);
	apic_eoi();
}

static void outside_guest(void)
{
	guest_warm();
	apic_write(APIC_SPIV, 0x1ff);
	/* The 8259 pair sees the same lines. */
	apic_write(APIC_LINT0, 0x10000);
	ioapic_route(5, 0x71);
	ioapic_route(10, LEVEL | 0x72);
	ioapic_route(11, 0x10000 | 0x74);
	guest_check("a redirection entry reads as written", ioapic_read(0x10 + 2 * 10),
		    LEVEL | 0x72);
	guest_sync(1);
	guest_halt();
	guest_check("an MSI wakes HLT", irqs[0x61], 1);
	guest_sync(2);
	guest_open();
	guest_check("an edge interrupts", irqs[0x71], 1);
	guest_check("a masked pin does not", irqs[0x74], 0);
	guest_sync(3);
	guest_open();
	guest_open();
	guest_check("a level interrupts until it is lowered", irqs[0x72], 2);
	guest_check("Remote IRR is clear after EOI",
		    ioapic_read(0x10 + 2 * 10) & REMOTE_IRR, 0);
	guest_sync(5);
}

static void outside(void)
{
	struct kvm_msi msi = { .address_lo = APIC_PAGE, .data = 0x61 };
	struct vcpu vcpu;
	struct vm vm;

	guest_eoi = level_eoi;
	machine(&vm, &vcpu, path, true, outside_guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest programs its IO-APIC");
	TAP_EQ(call(vm.fd, KVM_SIGNAL_MSI, &msi), 1, "KVM_SIGNAL_MSI");
	TAP_EQ(vcpu_sync(&vcpu), 2, "the guest gets an MSI");
	set_line(&vm, 5, 1);
	set_line(&vm, 5, 0);
	set_line(&vm, 11, 1);
	set_line(&vm, 11, 0);
	TAP_EQ(vcpu_sync(&vcpu), 3, "the guest gets an edge");
	set_line(&vm, 10, 1);
	TAP_EQ(vcpu_sync(&vcpu), 4, "the guest gets a level, twice");
	set_line(&vm, 10, 0);
	TAP_EQ(vcpu_sync(&vcpu), 5, "the guest goes on after the level");
	tap_checks();
	machine_close(&vm, &vcpu);
}

/* --- 8259 ------------------------------------------------------------------------------------ */

static void pic_eoi(void)
{
	guest_outb(0xa0, 0x20);
	guest_outb(0x20, 0x20);
}

static void pic_guest(void)
{
	guest_warm();
	pic_init(0x20, 0x30, 4);
	pic_init(0xa0, 0x38, 2);
	guest_outb(0x21, 0xf3);
	guest_outb(0xa1, 0xfd);
	guest_check("the mask reads as written", guest_inb(0x21), 0xf3);
	guest_sync(1);
	guest_open();
	guest_check("IRQ 3 arrives at base + 3", irqs[0x33], 1);
	guest_check("a masked IRQ does not", irqs[0x34], 0);
	guest_sync(2);
	guest_halt();
	guest_check("IRQ 9 comes through the cascade and wakes HLT", irqs[0x39], 1);
	guest_sync(3);
}

static void pic(void)
{
	struct vcpu vcpu;
	struct vm vm;

	guest_eoi = pic_eoi;
	machine(&vm, &vcpu, path, true, pic_guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest programs its 8259 pair");
	set_line(&vm, 4, 1);
	set_line(&vm, 3, 1);
	TAP_EQ(vcpu_sync(&vcpu), 2, "the guest gets an IRQ");
	set_line(&vm, 3, 0);
	set_line(&vm, 9, 1);
	TAP_EQ(vcpu_sync(&vcpu), 3, "the guest gets another");
	tap_checks();
	machine_close(&vm, &vcpu);
}

/* --- odd moments ---------------------------------------------------------------------------- */

static bool on_step(struct guest_frame *frame)
{
	if (frame->vector != 1)
		return false;
	frame->rflags &= ~0x100UL;
	return true;
}

static void odd_guest(void)
{
	guest_warm();
	asm volatile("sti");
	guest_sync(1);
	guest_sync(2);
	asm volatile("pushfq\n\t"
		     "orl $0x100, (%%rsp)\n\t"
		     "popfq\n\t"
		     "hlt"
		     : : : "memory", "cc");
	guest_sync(3);
}

static void odd_moments(void)
{
	struct vcpu vcpu;
	struct vm vm;

	guest_trap_hook = on_step;
	machine(&vm, &vcpu, path, true, odd_guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest with controllers in the kernel");
	vcpu.run->request_interrupt_window = 1;
	TAP_EQ(vcpu_sync(&vcpu), 2, "does not mind a request for a window");
	vcpu.run->request_interrupt_window = 0;
	TAP_EQ(vcpu_sync(&vcpu), 3, "a single step ends HLT");
	guest_trap_hook = NULL;
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	tap_begin();
	path = device_path(argc, argv);
	early = on_upstream();
	if (early)
		tap_skip("a deadline that is put off does not come at the earlier time",
			 "upstream's comes 30 of 30 ms early in the emulator");
	windows();
	lapic(xapic_guest, apic_eoi, "the guest gets through its xAPIC");
	lapic(x2apic_guest, x2apic_eoi, "the guest gets through its x2APIC");
	priorities(false);
	priorities(true);
	outside();
	pic();
	odd_moments();
	return tap_end();
}
