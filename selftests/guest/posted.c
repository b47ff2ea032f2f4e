// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts for a guest that runs on one processor, from a thread on the other: each arrives,
 * whatever the guest is at, in order of priority, and the end of those that are level-triggered is
 * heard. With posted interrupts they come without an exit, and the host's own still get through.
 *
 * lab: --smp 2
 * lab@kvmlet: --smp 2 --cpu sapphire_rapids --param apicv=1
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <time.h>
#include "selftests/lib/apic.h"

#define EDGE		0x51
#define LEVEL		0x61
#define BOTH		0x71		/* now edge-, now level-triggered */
#define MSI_LEVEL	(1 << 15)
#define ROUNDS		300
#define ROUNDS_DEBUG	60

static const char *path;
static bool on_kvmlet, posted;
static unsigned int rounds;
static struct vm vm;
static struct vcpu vcpu;
static volatile unsigned int go, ready;
static volatile uint32_t log[16];
static volatile unsigned int logged, early;	/* and before they are let in */

/* --- the guest's side ----------------------------------------------------------------------- */

static void enter(void)
{
	guest_warm();
	guest_eoi = apic_eoi;
	apic_write(APIC_SPIV, 0x1ff);
	guest_sync(1);
}

static void running_guest(void)
{
	enter();
	asm volatile("sti");
	/* A PAUSE may exit, too. */
	for (ready = 1; !go; )
		asm volatile("nop");
	asm volatile("cli");
	guest_sync(2);
}

static void halting_guest(void)
{
	enter();
	for (ready = 1; !go; )
		guest_halt();
	guest_sync(2);
}

/* In a handler: which one it is, by what is in service. */
static void note(void)
{
	unsigned int vector;

	for (vector = 0x40; vector < 0xf0; vector += 0x10)
		if (apic_read(APIC_ISR + vector / 32 * 16) >> (vector & 31) & 1)
			log[logged++] = vector;
	apic_eoi();
}

static void closed_guest(void)
{
	enter();
	guest_eoi = note;
	for (ready = 1; !go; )
		asm volatile("pause");
	early = logged;
	guest_open();
	guest_open();
	guest_open();
	guest_open();
	guest_open();
	guest_sync(2);
}

/* --- the host's ----------------------------------------------------------------------------- */

static void post(uint32_t data)
{
	struct kvm_msi msi = { .address_lo = APIC_PAGE, .data = data };

	call(vm.fd, KVM_SIGNAL_MSI, &msi);
}

/* For up to ten seconds. */
static bool comes(volatile uint32_t *count, uint32_t wanted)
{
	struct timespec now, end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	do {
		if (*count >= wanted)
			return true;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec + 10);
	return false;
}

static void *run(void *said)
{
	stay_on(0, 1);
	*(uint32_t *)said = vcpu_sync(&vcpu);
	return said;
}

static void machine_with(void (*guest)(void))
{
	machine(&vm, &vcpu, path, true, guest);
	memset((void *)irqs, 0, sizeof(irqs));
	go = 0;
	ready = 0;
	logged = 0;
	vcpu_sync(&vcpu);
}

/* The guest runs on the other processor meanwhile. */
static void while_it_runs(void (*guest)(void), const char *name, void (*act)(void))
{
	pthread_t thread;
	uint32_t said = 0;

	machine_with(guest);
	pthread_create(&thread, NULL, run, &said);
	tap_ok(comes(&ready, 1), "%s", name);
	act();
	go = 1;
	post(EDGE);
	pthread_join(thread, NULL);
	TAP_EQ(said, 2, "it goes on to its end");
}

static void one_after_the_other(void)
{
	unsigned int i, lost = 0;

	for (i = 0; i < rounds && !lost; i++) {
		post(EDGE);
		lost += !comes(&irqs[EDGE], i + 1);
	}
	TAP_EQ(lost, 0, "each interrupt comes");
	TAP_EQ(irqs[EDGE], rounds, "and once");
}

static void running(void)
{
	long ends;

	while_it_runs(running_guest, "a guest runs", one_after_the_other);
	ends = vcpu_exits(&vcpu, "EXTERNAL_INTERRUPT");
	if (posted)
		tap_ok(ends < rounds / 2, "without an exit: %ld in %u", ends, rounds);
	else if (on_kvmlet)
		tap_ok(ends >= rounds / 2, "by an exit: %ld in %u", ends, rounds);
	machine_close(&vm, &vcpu);
}

static void in_a_halt(void)
{
	volatile unsigned int wait;
	unsigned int i, lost = 0;

	for (i = 0; i < rounds && !lost; i++) {
		post(EDGE);
		lost += !comes(&irqs[EDGE], i + 1);
		/* It is on its way back into HLT, a little further each time. */
		for (wait = 0; wait < i * 16 % 3000; wait++)
			;
	}
	TAP_EQ(lost, 0, "none is lost on the way");
	TAP_EQ(irqs[EDGE], rounds, "nor doubled");
}

static void halting(void)
{
	while_it_runs(halting_guest, "a guest halts", in_a_halt);
	machine_close(&vm, &vcpu);
}

static void both_kinds(void)
{
	unsigned int i, lost = 0;

	for (i = 0; i < rounds && !lost; i++) {
		post(BOTH | MSI_LEVEL);
		post(EDGE);
		lost += !comes(&irqs[BOTH], 2 * i + 1) || !comes(&irqs[EDGE], i + 1);
		post(BOTH);
		lost += !comes(&irqs[BOTH], 2 * i + 2);
	}
	TAP_EQ(lost, 0, "interrupts of both kinds come");
}

/* The end of a level-triggered one exits, however close others are. */
static void levels(void)
{
	long ends;

	while_it_runs(running_guest, "a guest runs on", both_kinds);
	ends = vcpu_exits(&vcpu, "EOI_INDUCED");
	if (on_kvmlet && host_helps(HELP_DELIVERY))
		tap_ok(ends >= rounds, "each level-triggered one's end is heard: %ld", ends);
	machine_close(&vm, &vcpu);
}

static void five_at_once(void)
{
	unsigned int vector;

	for (vector = 0x50; vector < 0xa0; vector += 0x10)
		post(vector);
	/* The last one's notification is on its way as long as that of any IPI. */
	usleep(10000);
}

static void in_order(void)
{
	unsigned int i, wrong = 0;

	while_it_runs(closed_guest, "a guest keeps interrupts out", five_at_once);
	TAP_EQ(logged, 5, "five wait");
	/* The emulator may let one in all the same: lab.rst, 13. */
	printf("# %u came too early\n", early);
	tap_ok(early < 3, "until they are let in");
	for (i = early + 1; i < logged; i++)
		wrong += log[i] >= log[i - 1];
	TAP_EQ(wrong, 0, "then the highest comes first");
	machine_close(&vm, &vcpu);
}

/* What others post meanwhile, too. */
static void for_a_debugger(void)
{
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_BLOCKIRQ
	};
	pthread_t thread;
	uint32_t said = 0;

	machine_with(running_guest);
	call(vcpu.fd, KVM_SET_GUEST_DEBUG, &debug);
	pthread_create(&thread, NULL, run, &said);
	tap_ok(comes(&ready, 1), "a debugger has a guest run");
	post(EDGE);
	usleep(20000);
	go = 1;
	pthread_join(thread, NULL);
	TAP_EQ(irqs[EDGE], 0, "KVM_GUESTDBG_BLOCKIRQ: none comes");
	machine_close(&vm, &vcpu);
}

static void *sleeper(void *times)
{
	unsigned int i;

	stay_on(0, 1);
	for (i = 0; i < 50; i++) {
		usleep(1000);
		++*(volatile uint32_t *)times;
	}
	return NULL;
}

static void others(void)
{
	static volatile uint32_t times;
	pthread_t thread;

	times = 0;
	pthread_create(&thread, NULL, sleeper, (void *)&times);
	tap_ok(comes(&times, 50), "a thread of the host's sleeps and wakes on its processor");
	pthread_join(thread, NULL);
}

static void others_there(void)
{
	while_it_runs(running_guest, "a guest has a processor for itself", others);
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	path = device_path(argc, argv);
	on_kvmlet = strstr(path, "kvmlet");
	posted = on_kvmlet && host_helps(HELP_POSTED);
	rounds = on_debug_host() ? ROUNDS_DEBUG : ROUNDS;
	alarm(120);
	stay_on(0, 0);
	tap_begin();
	printf("# interrupts are %sposted to the processor\n", posted ? "" : "not ");
	running();
	levels();
	halting();
	others_there();
	in_order();
	for_a_debugger();
	return tap_end();
}
