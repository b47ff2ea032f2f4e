// SPDX-License-Identifier: GPL-2.0
/*
 * The run page under attack: a second thread writes to every byte of it, and of the page of port
 * data, while the first one is in KVM_RUN and while it is between two. The driver may believe
 * nothing that stands there: KVM_RUN returns only what it may, the guest sees only odd data, and
 * afterwards it goes on.
 *
 * lab:
 * lab: --smp 2
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>
#include "selftests/lib/vm.h"

#define RUNS		4000
#define RUNS_DEBUG	800
#define REST_NS		20000		/* between two writes: one processor has to do both */
#define KICK_NS		5000000
#define DEBUG_FACTOR	50		/* an interrupt takes milliseconds on the debug host */
#define REP_BYTES	600
#define DONE		0x600d
#define BYTES		(2 * PAGE)

static struct vm vm;
static struct vcpu vcpu;
static struct device device;
static volatile bool stop;
static bool debug;
static volatile unsigned int rounds;	/* of the guest */
static volatile unsigned long writes;
static uint8_t buffer[REP_BYTES];

static void string_io(void)
{
	unsigned long count = sizeof(buffer);
	void *p = buffer;

	asm volatile("rep insb" : "+D"(p), "+c"(count) : "d"(DEVICE_PORT) : "memory");
	p = buffer;
	count = sizeof(buffer) / 4;
	asm volatile("rep outsl" : "+S"(p), "+c"(count) : "d"(DEVICE_PORT) : "memory");
}

/* One access of each kind that leaves something in the run page, until it is told to end. */
static void guest(void)
{
	volatile uint64_t *wide = (volatile uint64_t *)(DEVICE + 16);
	volatile uint8_t *byte = (volatile uint8_t *)(DEVICE + 3);
	uint32_t value;

	while (!stop) {
		asm volatile("inl %w1, %0" : "=a"(value) : "Nd"((uint16_t)DEVICE_PORT));
		asm volatile("outb %b0, %w1" : : "a"(value), "Nd"((uint16_t)DEVICE_PORT));
		*byte = value;
		*wide = *wide + *byte;
		if (rounds++ % 8 == 0)
			string_io();
	}
	guest_sync(DONE);
}

/* --- the attack ------------------------------------------------------------------------------- */

/* Every byte in turn, and most often those of the answer to an exit. */
static void *attack(void *unused)
{
	static const uint8_t values[] = { 0xff, 0x00, 0x80, 0x01, 0x7f };
	uint8_t *page = (uint8_t *)vcpu.run;
	const struct timespec rest = { 0, REST_NS * (debug ? DEBUG_FACTOR : 1) };
	unsigned int at = 0, turn = 0, i;

	while (!stop) {
		for (i = 0; i < (debug ? 256 : 16); i++, writes++) {
			at = (at + 1) % BYTES;
			page[at] ^= values[turn++ % sizeof(values)] | 1;
			page[turn % 96] = values[turn / 96 % sizeof(values)];
		}
		nanosleep(&rest, NULL);
	}
	return NULL;
}

/* What keeps KVM_RUN from running at all is taken back. */
static void let_it_run(void)
{
	vcpu.run->immediate_exit = 0;
	vcpu.run->request_interrupt_window = 0;
	vcpu.run->kvm_valid_regs = 0;
	vcpu.run->kvm_dirty_regs = 0;
	vcpu.run->cr8 = 0;
}

static bool known(int r)
{
	return r == 0 || r == -EINTR || r == -EINVAL;
}

static void on_kick(int number)
{
}

/* Nobody looks at exits here: they may be made up. */
static void run_under_attack(unsigned int runs)
{
	unsigned int i, wrong = 0, good = 0;
	int r;

	for (i = 0; i < runs; i++) {
		let_it_run();
		r = call(vcpu.fd, KVM_RUN, 0);
		good += !r;
		if (known(r))
			continue;
		printf("# KVM_RUN: %d\n", r);
		wrong++;
	}
	printf("# %u of %u runs with an exit, %lu bytes changed, %u rounds of the guest\n",
	       good, runs, writes, rounds);
	TAP_EQ(wrong, 0, "KVM_RUN returns 0, EINTR or EINVAL, whatever the run page says");
	tap_ok(good > runs / 4 && rounds > runs / 100, "the guest went on meanwhile");
	tap_ok(writes > BYTES, "each byte was changed");
}

static void attacked(unsigned int runs)
{
	const struct sigaction kick = { .sa_handler = on_kick };
	const long ns = KICK_NS * (debug ? DEBUG_FACTOR : 1);
	const struct itimerspec when = { { 0, ns }, { 0, ns } };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	pthread_t thread;
	timer_t timer;

	/* Whatever happens, no KVM_RUN lasts. */
	sigaction(SIGUSR1, &kick, NULL);
	event._sigev_un._tid = gettid();
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &when, NULL);
	pthread_create(&thread, NULL, attack, NULL);
	run_under_attack(runs);
	stop = true;
	pthread_join(thread, NULL);
	timer_delete(timer);
}

/* --- single fields ---------------------------------------------------------------------------- */

/* What KVM_EXIT_IO and KVM_EXIT_MMIO say is changed before the answer is taken. */
static void changed_answers(void)
{
	struct kvm_run *run = vcpu.run;
	unsigned int i, wrong = 0;
	int r;

	for (i = 0; i < 200; i++) {
		let_it_run();
		r = vcpu_run(&vcpu);
		wrong += r != KVM_EXIT_IO && r != KVM_EXIT_MMIO && r != -EINTR;
		memset(&run->io, i & 1 ? 0xff : 0x80 + i, sizeof(run->io));
		run->exit_reason = i;
		run->io.data_offset = -(uint64_t)PAGE * i;
		run->io.count = ~0u >> i % 32;
		if (i % 3 == 0)
			run->mmio.len = ~0u;
	}
	TAP_EQ(wrong, 0, "an exit's description is not read back");
}

int main(int argc, char **argv)
{
	int exit, i;

	tap_begin();
	debug = on_debug_host();
	machine(&vm, &vcpu, device_path(argc, argv), false, guest);
	alarm(debug ? 200 : 60);
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_IO, "the guest runs");
	changed_answers();
	attacked(debug ? RUNS_DEBUG : RUNS);
	memset(vcpu.run, 0, PAGE);
	for (i = 0; i < 1000; i++) {
		exit = vcpu_run_io(&vcpu, &device);
		if (exit != KVM_EXIT_MMIO && exit != -EINTR)
			break;
	}
	tap_ok(exit == KVM_EXIT_IO && vcpu.run->io.port == SYNC_PORT, "the guest comes to its end");
	machine_close(&vm, &vcpu);
	return tap_end();
}
