// SPDX-License-Identifier: GPL-2.0
/*
 * Measures what each class costs on one driver, in the lab; selftests/bench/bench reads it.
 *
 *	measure DEVICE [--trace] [CLASS...]
 *
 * A class's figure is the least of ROUNDS rounds, because a tick of the host's clock makes some
 * dearer, less the same number of empty loops, divided by the round's operations. (Where the host's
 * allocator has better and worse days it is the middle of MORE_ROUNDS.) One emulated
 * instruction is one tick of the TSC. With --trace, the operation is done a few times more, each
 * between two marks at which the emulator starts and stops to write what it executes. Lines:
 *
 *	class KEY BASELINE TITLE	BASELINE is "-" for none, "base" if it is one itself
 *	row KEY INSTRUCTIONS TO_USER	times a hundred both, each for one operation
 *	traced KEY TIMES OPERATIONS	so many pairs of marks have passed
 *	missing KEY CAPABILITY
 *
 * `measure --list` prints the classes and ends.
 */
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include "selftests/bench/classes.h"

#define ROUNDS		9
#define MORE_ROUNDS	25
#define TIMES		5
#define TIME_LIMIT	600

/* The guest's orders, and its answer. */
static const struct class *volatile now;
static volatile struct {
	unsigned int n;
	bool empty;
	uint64_t ticks;
} order;

static bool with_traces;
static unsigned int to_user;

/* --- the guest -------------------------------------------------------------------------------- */

static void take_time(void (*loop)(unsigned int n))
{
	uint64_t began;

	own_ticks = 0;
	began = guest_rdtsc();
	loop(order.n);
	order.ticks = guest_rdtsc() - began;
	if (own_ticks)
		order.ticks = own_ticks;
}

/* A kernel's code is in the upper half of the address space. */
static void guest(void)
{
	uintptr_t upper = (uintptr_t)now->loop | GUEST_UPPER;
	void (*loop)(unsigned int n) = (void *)upper;

	if (now->prepare)
		now->prepare();
	for (;;) {
		guest_sync(1);
		if (now->tidy)
			now->tidy();
		if (tracing) {
			/* What the exit for the order has left behind is not this one's. */
			if (!now->before)
				loop(order.n);
			mark();
			loop(order.n);
			mark();
		} else {
			take_time(order.empty ? do_nothing : loop);
		}
	}
}

/* --- the monitor ------------------------------------------------------------------------------ */

static void bail_out(const char *what)
{
	printf("Bail out! %s: %s (exit %u, trap %llu)\n", now->key, what,
	       vcpu.run->exit_reason, (unsigned long long)trap.vector);
	exit(1);
}

/* Until the guest has done what was ordered. */
static void run_guest(void)
{
	struct kvm_run *run = vcpu.run;
	void (*answer)(void) = now->answer;

	for (;;) {
		if (ioctl(vcpu.fd, KVM_RUN, 0) && errno != EINTR)
			bail_out(strerror(errno));
		if (run->exit_reason == KVM_EXIT_IO && run->io.port == SYNC_PORT)
			break;
		to_user++;
		if (run->exit_reason == KVM_EXIT_SHUTDOWN ||
		    run->exit_reason == KVM_EXIT_INTERNAL_ERROR ||
		    run->exit_reason == KVM_EXIT_FAIL_ENTRY)
			bail_out("the guest has ended");
		if (answer)
			answer();
	}
	if (*(uint32_t *)((char *)run + run->io.data_offset) == GUEST_PANIC)
		bail_out("the guest got an exception");
}

static void wake_up(int number)
{
}

static void *run_other(void *unused)
{
	while (!pong_ends && !ioctl(other.fd, KVM_RUN, 0))
		;
	return NULL;
}

static uint64_t round_of(bool empty)
{
	order.empty = empty;
	if (now->before && !empty)
		now->before();
	if (now->flags & HOST)
		take_time(now->loop);
	else
		run_guest();
	return order.ticks;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Of some rounds, the least; the middle one of more of a class that asks for that. */
static uint64_t rounds_of(bool empty)
{
	unsigned int i, n = now->flags & MEDIAN ? MORE_ROUNDS : ROUNDS;
	uint64_t ticks[MORE_ROUNDS];

	for (i = 0; i < n; i++) {
		to_user = 0;
		ticks[i] = round_of(empty);
	}
	qsort(ticks, n, sizeof(ticks[0]), by_size);
	return ticks[now->flags & MEDIAN ? n / 2 : 0];
}

static void measure(void)
{
	uint64_t empty, ticks;

	order.n = now->ops ?: ROUND;
	empty = now->flags & HOST ? 0 : rounds_of(true);
	ticks = rounds_of(false);
	if (!own_ticks)
		ticks -= empty;
	printf("row %s %llu %u\n", now->key, (unsigned long long)ticks * 100 / order.n,
	       to_user * 100 / order.n);
}

static void trace_one(void)
{
	if (now->before)
		now->before();
	if (!(now->flags & HOST)) {
		run_guest();
		return;
	}
	if (now->flags & ITSELF) {
		now->loop(order.n);
		return;
	}
	mark();
	now->loop(order.n);
	mark();
}

static void trace(void)
{
	unsigned int i, times = now->flags & HUGE_TRACE ? 1 : TIMES;

	order.n = now->traced ?: 1;
	tracing = true;
	for (i = 0; i < times; i++)
		trace_one();
	tracing = false;
	printf("traced %s %u %u\n", now->key, times, order.n);
}

static void with_other(pthread_t *thread)
{
	struct vcpu both[] = { other };

	if (vcpu_open(&vm, &both[0], 1))
		bail_out("no second vCPU");
	other = both[0];
	vcpu_supported_cpuid(&vm, &other);
	vcpu_long_mode(&other, pong_guest, 1);
	call(other.fd, KVM_SET_MP_STATE, &(struct kvm_mp_state) { KVM_MP_STATE_RUNNABLE });
	pong_ends = false;
	if (vcpu_sync(&other) != 1)
		bail_out("the second vCPU does not start");
	pthread_create(thread, NULL, run_other, NULL);
}

static void without_other(pthread_t *thread)
{
	pong_ends = true;
	pthread_kill(*thread, SIGUSR1);
	pthread_join(*thread, NULL);
	vcpu_close(&other);
}

static void open_machine(const char *path)
{
	machine(&vm, &vcpu, path, now->flags & IRQCHIP, guest);
	if (!(now->flags & NO_CPUID))
		return;
	vcpu_close(&vcpu);
	vm_close(&vm);
	vm_open(&vm, path);
	vm_memory(&vm);
	vcpu_open(&vm, &vcpu, 0);
	vcpu_long_mode(&vcpu, guest, 0);
}

static bool lacks(void)
{
	return (now->cap && call(vm.fd, KVM_CHECK_EXTENSION, now->cap) <= 0) ||
	       (now->set_up && now->set_up() < 0);
}

static void do_class(const char *path)
{
	pthread_t thread;

	open_machine(path);
	if (lacks()) {
		printf("missing %s %s\n", now->key, now->needs ?: "?");
	} else {
		if (!(now->flags & HOST))
			run_guest();
		if (now->flags & PONG)
			with_other(&thread);
		measure();
		if (with_traces && !(now->flags & BASE))
			trace();
		if (now->flags & PONG)
			without_other(&thread);
	}
	machine_close(&vm, &vcpu);
	drop_region();
	if (kick_fd >= 0)
		close(kick_fd);
	kick_fd = -1;
}

static bool is_wanted(const struct class *class, int argc, char **argv)
{
	int i;

	for (i = 2; i < argc; i++)
		if (!strcmp(class->key, argv[i]))
			return true;
	return argc <= 2;
}

static void list(void)
{
	const struct class *class;

	for (class = classes; class < classes + NR_CLASSES; class++)
		printf("class %s %s %s\n", class->key,
		       class->flags & BASE ? "base" : class->less ?: "-", class->title);
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "/dev/kvmlet";
	unsigned int i;

	if (!strcmp(path, "--list")) {
		list();
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(TIME_LIMIT);
	sigaction(SIGUSR1, &(struct sigaction) { .sa_handler = wake_up }, NULL);
	if (argc > 2 && !strcmp(argv[2], "--trace")) {
		with_traces = true;
		argv[2] = argv[1];
		argv++;
		argc--;
	}
	for (i = 0; i < NR_CLASSES; i++) {
		if (!is_wanted(&classes[i], argc, argv))
			continue;
		now = &classes[i];
		do_class(path);
	}
	return 0;
}
