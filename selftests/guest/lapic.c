// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest's LAPIC does beside interrupts that come and end: errors, NMIs for others, how a
 * message was triggered, how fast its timer runs; and what the IO-APIC's lines tell user space.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include "selftests/lib/apic.h"

#define ESR		0x280
#define TMR		0x180
#define LVTERR		0x370
#define NO_REGISTER	0x040
#define MASKED		0x10000
#define LEVEL		0x8000
#define REMOTE_IRR	0x4000
#define NMI		2
#define DM_NMI		0x400		/* delivery mode, in data, entries and ICR */
#define ALL_BUT_SELF	0xc0000
#define EDGE_PIN	18		/* these of the IO-APIC alone */
#define LEVEL_PIN	19

static const char *path;
static bool upstream;
static struct vm vm;
static struct vcpu vcpu, second;

static int set_line(unsigned int gsi, unsigned int level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	return call(vm.fd, KVM_IRQ_LINE_STATUS, &line) ?: (int)line.status;
}

static int msi(uint32_t dest, uint32_t data)
{
	struct kvm_msi arg = { .address_lo = APIC_PAGE | dest << 12, .data = data };

	return call(vm.fd, KVM_SIGNAL_MSI, &arg);
}

static void open_machine(void (*guest)(void), void (*eoi)(void))
{
	guest_eoi = eoi;
	machine(&vm, &vcpu, path, true, guest);
	memset((void *)irqs, 0, sizeof(irqs));
}

/* --- HLT with an interrupt that waits --------------------------------------------------------- */

#define HALTS		50

static void halts_guest(void)
{
	unsigned int i;

	guest_warm();
	apic_write(APIC_SPIV, 0x1ff);
	guest_sync(1);
	for (i = 0; i < HALTS; i++) {
		apic_write(APIC_ICR, ICR_SELF | 0x41);
		guest_halt();
	}
	guest_sync(2);
}

/* STI's shadow ends after HLT, whose exit comes before the window's. */
static void halts(void)
{
	long windows, exits;

	open_machine(halts_guest, apic_eoi);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest sends itself interrupts with IF = 0");
	windows = vcpu_exits(&vcpu, "INTERRUPT_WINDOW");
	exits = vcpu_counter(&vcpu, "halt_exits");
	TAP_EQ(vcpu_sync(&vcpu), 2, "and halts with IF = 1");
	TAP_EQ(irqs[0x41], HALTS, "each HLT ends with one interrupt");
	exits = vcpu_counter(&vcpu, "halt_exits") - exits;
	tap_ok(exits <= HALTS, "for at most one exit of HLT");
	if (windows >= 0)
		TAP_EQ(vcpu_exits(&vcpu, "INTERRUPT_WINDOW") - windows, 0,
		       "and none for an interrupt window");
	else
		tap_skip("and none for an interrupt window", "upstream does not count them");
	machine_close(&vm, &vcpu);
}

/* --- errors ----------------------------------------------------------------------------------- */

/* A write of it takes over the errors since the last one. */
static uint32_t errors(void)
{
	guest_open();
	apic_write(ESR, 0);
	return apic_read(ESR);
}

static void own_errors(void)
{
	apic_write(NO_REGISTER, 1);
	guest_check("ESR shows an error only when it is written", apic_read(ESR), 0);
	guest_check("a store to no register: illegal register", errors(), 0x80);
	guest_check("interrupts, if its entry lets it", irqs[0x55], 1);
	guest_check("ESR is empty when it is written again", errors(), 0);
	apic_read(NO_REGISTER);
	guest_check("a load from none: illegal register", errors(), 0x80);
	guest_check("interrupts, too", irqs[0x55], 2);
	apic_write(APIC_ICR, ICR_SELF | 5);
	guest_check("an IPI of vector 5: send illegal vector", errors(), 0x20);
	guest_check("which is not received", irqs[5] + irqs[0x55], 3);
	apic_write(APIC_ICR, ICR_SELF | 5);
	guest_open();
	apic_write(NO_REGISTER, 1);
	guest_check("two errors are both in ESR", errors(), 0xa0);
	guest_check("and interrupt once", irqs[0x55], 4);
	apic_write(LVTERR, MASKED | 0x55);
	apic_write(NO_REGISTER, 1);
	guest_check("an error whose entry is masked is in ESR", errors(), 0x80);
	guest_check("and does not interrupt", irqs[0x55], 4);
	apic_write(LVTERR, 5);
	apic_write(NO_REGISTER, 1);
	guest_check("the entry's own illegal vector is no second error", errors(), 0x80);
	apic_write(LVTERR, 0x55);
}

static void errors_guest(void)
{
	guest_warm();
	apic_write(APIC_SPIV, 0x1ff);
	apic_write(LVTERR, 0x55);
	own_errors();
	irqs[0x55] = 0;
	guest_sync(1);
	guest_check("an MSI of vector 5: receive illegal vector", errors(), 0x40);
	guest_check("interrupts", irqs[0x55], 1);
	guest_sync(2);
	guest_check("two of them are one error", errors(), 0x40);
	guest_check("and one interrupt", irqs[0x55], 2);
	apic_write(APIC_SPIV, 0xff);
	guest_sync(3);
	guest_check("one for a LAPIC that is disabled is no error", errors(), 0);
	guest_sync(4);
}

static void all_errors(void)
{
	if (upstream) {
		tap_skip("ESR tells errors, which interrupt", "upstream's ESR is always 0");
		return;
	}
	open_machine(errors_guest, apic_eoi);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest makes errors at its LAPIC");
	msi(0, 5);
	TAP_EQ(vcpu_sync(&vcpu), 2, "it gets an MSI of vector 5");
	msi(0, 5);
	msi(0, 6);
	TAP_EQ(vcpu_sync(&vcpu), 3, "and two at once");
	TAP_EQ(msi(0, 5), 0, "nobody accepts one for a LAPIC that is disabled");
	TAP_EQ(vcpu_sync(&vcpu), 4, "the guest goes on");
	tap_checks();
	machine_close(&vm, &vcpu);
}

/* --- NMIs for another vCPU -------------------------------------------------------------------- */

static volatile unsigned int woken;
static volatile bool stop;
static int counters;			/* of the second one's, while it runs */

/* IF = 0: only an NMI ends its HLT. Its LAPIC is not enabled by software. */
static void sleeper(void)
{
	for (;;) {
		asm volatile("hlt");
		woken++;
	}
}

static void *run_second(void *unused)
{
	while (!stop)
		if (vcpu_run(&second) != -EINTR)
			break;
	return unused;
}

static void nothing(int signal)
{
	(void)signal;
}

static uint64_t halted(void)
{
	uint64_t count = 0;

	stats_find(counters, "halt_exits", &count);
	return count;
}

/* It sleeps again, then. */
static bool was_woken(unsigned int times)
{
	unsigned int patience = 1000;

	while ((woken < times || halted() <= times) && --patience)
		usleep(1000);
	return patience && woken == times && irqs[NMI] == times;
}

static void nmi_guest(void)
{
	apic_write(APIC_SPIV, 0x1ff);
	ioapic_write(0x11 + 2 * EDGE_PIN, 1U << 24);
	ioapic_write(0x10 + 2 * EDGE_PIN, DM_NMI);
	guest_sync(1);
	apic_write(APIC_ICR2, 1U << 24);
	apic_write(APIC_ICR, DM_NMI);
	guest_sync(2);
	apic_write(APIC_ICR2, 0);
	apic_write(APIC_ICR, ALL_BUT_SELF | DM_NMI);
	guest_sync(3);
	guest_sync(4);
}

static void nmis(void)
{
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };
	pthread_t thread;

	open_machine(nmi_guest, apic_eoi);
	vcpu_open(&vm, &second, 1);
	vcpu_supported_cpuid(&vm, &second);
	vcpu_long_mode(&second, sleeper, 1);
	counters = call(second.fd, KVM_GET_STATS_FD, 0);
	call(second.fd, KVM_SET_MP_STATE, &runnable);
	pthread_create(&thread, NULL, run_second, NULL);
	TAP_EQ(vcpu_sync(&vcpu), 1, "of two vCPUs one runs");
	tap_ok(was_woken(0), "and one sleeps, with IF = 0");
	TAP_EQ(vcpu_sync(&vcpu), 2, "the first sends it an NMI");
	tap_ok(was_woken(1), "which wakes it, once");
	TAP_EQ(vcpu_sync(&vcpu), 3, "it sends one to all but itself");
	tap_ok(was_woken(2), "which wakes the other, once");
	TAP_EQ(vcpu_sync(&vcpu), 4, "the sender goes on");
	TAP_EQ(irqs[NMI], 2, "and has none");
	TAP_EQ(msi(1, DM_NMI), 1, "an MSI may be an NMI");
	tap_ok(was_woken(3), "which wakes it, once");
	TAP_EQ(set_line(EDGE_PIN, 1), 1, "an IO-APIC's pin may send one");
	tap_ok(was_woken(4), "which wakes it, once");
	stop = true;
	second.run->immediate_exit = 1;
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	close(counters);
	vcpu_close(&second);
	machine_close(&vm, &vcpu);
}

/* --- how a message was triggered -------------------------------------------------------------- */

static volatile unsigned int tmr, remote;

static void look_at_trigger(void)
{
	tmr = apic_read(TMR + 0x71 / 32 * 16) >> (0x71 & 31) & 1;
	remote = ioapic_read(0x10 + 2 * LEVEL_PIN) & REMOTE_IRR;
	guest_sync(100);
	apic_eoi();
}

static void trigger_guest(void)
{
	guest_warm();
	apic_write(APIC_SPIV, 0x1ff);
	for (;;) {
		ioapic_route(LEVEL_PIN, LEVEL | 0x71);
		ioapic_route(EDGE_PIN, 0x71);
		guest_sync(1);
		guest_open();
	}
}

/* Has a message been handled? Its line falls meanwhile. */
static bool handled(unsigned int pin)
{
	bool came = vcpu_sync(&vcpu) == 100;

	if (pin)
		set_line(pin, 0);
	return came && vcpu_sync(&vcpu) == 1;
}

static void triggers(void)
{
	open_machine(trigger_guest, look_at_trigger);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest with one vector by edge and by level");
	set_line(EDGE_PIN, 1);
	tap_ok(handled(EDGE_PIN), "it handles an edge");
	TAP_EQ(tmr, 0, "whose TMR bit is 0");
	set_line(LEVEL_PIN, 1);
	tap_ok(handled(LEVEL_PIN), "it handles a level");
	TAP_EQ(tmr, 1, "whose TMR bit is 1");
	TAP_EQ(remote, REMOTE_IRR, "and the pin knows that it is not ended");
	set_line(EDGE_PIN, 1);
	tap_ok(handled(EDGE_PIN), "it handles an edge again");
	TAP_EQ(tmr, 0, "whose TMR bit is 0 again");
	msi(0, LEVEL | 0x71);
	tap_ok(handled(0), "it handles an MSI by level");
	TAP_EQ(tmr, 1, "whose TMR bit is 1");
	msi(0, 0x71);
	tap_ok(handled(0), "it handles another by edge");
	TAP_EQ(tmr, 0, "whose TMR bit is 0");
	machine_close(&vm, &vcpu);
}

/* --- the timer's rate ------------------------------------------------------------------------- */

#define BY_16		3
#define BY_2		0
#define MS		1000000UL	/* ticks: the bus runs at 1 GHz */

static volatile uint64_t tsc_khz;

static uint64_t us_since(uint64_t tsc)
{
	return (guest_rdtsc() - tsc) * 1000 / tsc_khz;
}

static void check_us(const char *name, uint64_t us, uint64_t want)
{
	bool right = us >= want - want / 50 && us <= want + want / 10 + 1500;

	guest_check(name, right ? want : us, want);
}

/* From the write of the count to the end of the interrupt. */
static uint64_t one_shot_us(uint32_t divide, uint32_t count)
{
	uint32_t before = irqs[0x51];
	uint64_t start;

	/* Upstream's timer that has ended does so again when its divisor changes. */
	if (upstream)
		apic_write(APIC_TMICT, 0);
	apic_write(APIC_TDCR, divide);
	start = guest_rdtsc();
	apic_write(APIC_TMICT, count);
	while (irqs[0x51] == before)
		guest_halt();
	return us_since(start);
}

static void changed_halfway(void)
{
	uint32_t half, before = irqs[0x51];
	uint64_t start;

	if (upstream)
		apic_write(APIC_TMICT, 0);
	apic_write(APIC_TDCR, APIC_BY_1);
	start = guest_rdtsc();
	apic_write(APIC_TMICT, 10 * MS);
	while (us_since(start) < 5000)
		;
	half = apic_read(APIC_TMCCT);
	apic_write(APIC_TDCR, BY_2);
	guest_check("half of the count is left at half time",
		    half <= 5 * MS + MS / 10 && half >= 4 * MS + MS / 2, 1);
	while (irqs[0x51] == before)
		guest_halt();
	check_us("the other half takes twice the time by 2", us_since(start), 15000);
}

static void timer_guest(void)
{
	uint64_t start, us;

	guest_warm();
	apic_write(APIC_SPIV, 0x1ff);
	apic_write(APIC_LVTT, 0x51);
	one_shot_us(APIC_BY_1, 1000);
	check_us("5,000,000 ticks take 5 ms", one_shot_us(APIC_BY_1, 5 * MS), 5000);
	check_us("312,500 by 16 do, too", one_shot_us(BY_16, 312500), 5000);
	changed_halfway();
	apic_write(APIC_TDCR, APIC_BY_1);
	apic_write(APIC_LVTT, LVTT_PERIODIC | 0x52);
	start = guest_rdtsc();
	apic_write(APIC_TMICT, 5 * MS);
	while (irqs[0x52] < 6)
		guest_halt();
	us = us_since(start);
	apic_write(APIC_TMICT, 0);
	check_us("6 periods of 5 ms take 30 ms", us, 30000);
	guest_sync(1);
}

static void timer(void)
{
	open_machine(timer_guest, apic_eoi);
	tsc_khz = call(vcpu.fd, KVM_GET_TSC_KHZ, 0);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest's timer runs");
	tap_checks();
	machine_close(&vm, &vcpu);
}

/* --- lines' status ---------------------------------------------------------------------------- */

static void lines_guest(void)
{
	apic_write(APIC_SPIV, 0x1ff);
	ioapic_route(EDGE_PIN, MASKED | 0x61);
	guest_sync(1);
	ioapic_route(EDGE_PIN, 0x61);
	ioapic_route(LEVEL_PIN, LEVEL | 0x62);
	guest_sync(2);
}

static void lines(void)
{
	open_machine(lines_guest, apic_eoi);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest masks a pin");
	TAP_EQ(set_line(EDGE_PIN, 1), -1, "its edge is not delivered: status -1");
	TAP_EQ(set_line(EDGE_PIN, 0), 1, "a line that falls: 1");
	TAP_EQ(vcpu_sync(&vcpu), 2, "the guest lets it through");
	TAP_EQ(set_line(EDGE_PIN, 1), 1, "an edge is delivered to one vCPU: 1");
	TAP_EQ(set_line(EDGE_PIN, 1), 0, "a line that is high already: 0");
	TAP_EQ(set_line(LEVEL_PIN, 1), 1, "a level is delivered to one vCPU: 1");
	TAP_EQ(set_line(LEVEL_PIN, 1), -1, "it is not again before its end: -1");
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = nothing };

	tap_begin();
	path = device_path(argc, argv);
	upstream = on_upstream();
	sigaction(SIGUSR1, &action, NULL);
	halts();
	all_errors();
	nmis();
	triggers();
	timer();
	lines();
	return tap_end();
}
