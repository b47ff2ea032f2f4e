// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting: a HLT that ends soon is looked at before its thread sleeps, within limits and not while
 * another thread wants the processor; and vCPUs that spin for each other on one processor let each
 * other run.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include "selftests/lib/apic.h"

#define TIMER		0x41
#define SHORT_NS	1000000U	/* of a HLT; the timer's bus has 1 GHz */
#define LONG_NS		20000000U
#define LIMIT_NS	4000000ULL

static const char *path;
static struct vm vm;
static struct vcpu vcpu;
static volatile unsigned int rounds, length;

/* A counter by the name that both drivers have for it. */
static uint64_t counter(int fd, const char *name)
{
	uint64_t value = ~0ULL;

	stats_find(fd, name, &value);
	return value;
}

/* --- HLT -------------------------------------------------------------------------------------- */

static void halting_guest(void)
{
	unsigned int i;

	guest_eoi = apic_eoi;
	apic_write(APIC_SPIV, 0x1ff);
	apic_write(APIC_TDCR, APIC_BY_1);
	apic_write(APIC_LVTT, TIMER);
	for (;;) {
		for (i = 0; i < rounds; i++) {
			irqs[TIMER] = 0;
			apic_write(APIC_TMICT, length);
			while (!irqs[TIMER])
				guest_halt();
		}
		guest_sync(1);
	}
}

struct polls {
	uint64_t tried, good, good_ns, bad_ns, woken;
};

static struct polls polls_now(int fd)
{
	return (struct polls) {
		counter(fd, "halt_attempted_poll"), counter(fd, "halt_successful_poll"),
		counter(fd, "halt_poll_success_ns"), counter(fd, "halt_poll_fail_ns"),
		counter(fd, "halt_wakeup"),
	};
}

/* What @times HLTs of that length did. */
static struct polls halts(unsigned int times, unsigned int ns)
{
	int fd = call(vcpu.fd, KVM_GET_STATS_FD, 0);
	struct polls old = polls_now(fd), new;

	rounds = times;
	length = ns;
	TAP_EQ(vcpu_sync(&vcpu), 1, "%u HLTs of %u us", times, ns / 1000);
	new = polls_now(fd);
	close(fd);
	new.tried -= old.tried;
	new.good -= old.good;
	new.good_ns -= old.good_ns;
	new.bad_ns -= old.bad_ns;
	new.woken -= old.woken;
	printf("# %llu looks, %llu found it; %llu and %llu us; %llu woken\n",
	       (unsigned long long)new.tried, (unsigned long long)new.good,
	       (unsigned long long)new.good_ns / 1000, (unsigned long long)new.bad_ns / 1000,
	       (unsigned long long)new.woken);
	return new;
}

static int limit(uint64_t ns, uint32_t flags)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_HALT_POLL, .flags = flags, .args[0] = ns,
	};

	return call(vm.fd, KVM_ENABLE_CAP, &cap);
}

static volatile bool stop;

static void *busy(void *unused)
{
	while (!stop)
		;
	return unused;
}

static void one_limit(void)
{
	struct polls p;
	pthread_t thread;

	TAP_EQ(limit(LIMIT_NS, 0), 0, "a VM has a limit of its own");
	p = halts(40, SHORT_NS);
	tap_ok(p.good >= 20, "most HLTs that are short enough end in a look");
	tap_ok(p.tried >= p.good && p.good_ns >= 20 * SHORT_NS / 4, "of the time that it takes");
	p = halts(12, LONG_NS);
	TAP_EQ(p.good, 0, "none that is too long does");
	tap_ok(p.bad_ns <= 2 * LIMIT_NS, "and the looks are few");
	tap_ok(p.woken >= 12, "they sleep, and are woken");
	halts(40, SHORT_NS);
	stop = false;
	pthread_create(&thread, NULL, busy, NULL);
	p = halts(20, SHORT_NS);
	stop = true;
	pthread_join(thread, NULL);
	tap_ok(p.good <= 5, "none looks while another thread wants the processor");
	TAP_EQ(limit(0, 0), 0, "a limit of 0");
	p = halts(20, SHORT_NS);
	TAP_EQ(p.tried, 0, "switches it off");
}

static void halt_polling(void)
{
	const char *of = strstr(path, "kvmlet") ? "/sys/module/kvmlet/parameters/halt_poll_ns" :
						  "/sys/module/kvm/parameters/halt_poll_ns";
	struct polls p;

	machine(&vm, &vcpu, path, true, halting_guest);
	TAP_EQ(call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_HALT_POLL), 1, "KVM_CAP_HALT_POLL is 1");
	TAP_EQ(limit(1ULL << 32, 0), -EINVAL, "a limit of more than 32 bits: EINVAL");
	TAP_EQ(limit(1, 1), -EINVAL, "a flag: EINVAL");
	one_limit();
	machine_close(&vm, &vcpu);
	TAP_EQ(write_file(of, "4000000"), 0, "the parameter is for VMs without a limit");
	machine(&vm, &vcpu, path, true, halting_guest);
	p = halts(40, SHORT_NS);
	tap_ok(p.good >= 20, "they look as long as that says");
	machine_close(&vm, &vcpu);
	TAP_EQ(write_file(of, "0"), 0, "the parameter is 0");
	machine(&vm, &vcpu, path, true, halting_guest);
	p = halts(20, SHORT_NS);
	TAP_EQ(p.tried, 0, "they do not look");
	machine_close(&vm, &vcpu);
	TAP_EQ(write_file(of, "200000"), 0, "the parameter is what it was");
}

/* --- PAUSE ------------------------------------------------------------------------------------ */

#define SPINNERS	3
#define TURNS		100
#define MOST_US		1500	/* of a turn; the scheduler's own are 3000 and more */

static struct vcpu spinners[SPINNERS];
static volatile unsigned int turn, next_id;

/* Each waits until it is its turn, at CPL 0, with interrupts on. */
static void spinning_guest(void)
{
	unsigned int id = __atomic_fetch_add(&next_id, 1, __ATOMIC_SEQ_CST), i;

	asm volatile("sti");
	for (i = 0; i < TURNS; i++) {
		while (turn % SPINNERS != id)
			asm volatile("pause");
		turn++;
	}
	guest_sync(2);
}

static void *run(void *spinner)
{
	return (void *)(uintptr_t)vcpu_sync(spinner);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000;
}

static void spinning(void)
{
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };
	pthread_t threads[SPINNERS];
	uint64_t begin, yields = 0;
	unsigned int i;
	int fd;

	machine(&vm, &spinners[0], path, true, spinning_guest);
	for (i = 1; i < SPINNERS; i++) {
		vcpu_open(&vm, &spinners[i], i);
		vcpu_supported_cpuid(&vm, &spinners[i]);
		vcpu_long_mode(&spinners[i], spinning_guest, i);
		call(spinners[i].fd, KVM_SET_MP_STATE, &runnable);
	}
	begin = now();
	for (i = 0; i < SPINNERS; i++)
		pthread_create(&threads[i], NULL, run, &spinners[i]);
	for (i = 0; i < SPINNERS; i++)
		pthread_join(threads[i], NULL);
	begin = (now() - begin) / (SPINNERS * TURNS);
	TAP_EQ(turn, SPINNERS * TURNS, "vCPUs that spin for each other all had their turns");
	for (i = 0; i < SPINNERS; i++) {
		fd = call(spinners[i].fd, KVM_GET_STATS_FD, 0);
		yields += counter(fd, "directed_yield_successful");
		close(fd);
	}
	printf("# %llu us a turn, %llu yields\n", (unsigned long long)begin,
	       (unsigned long long)yields);
	tap_ok(begin <= MOST_US, "sooner than by the scheduler alone");
	if (strstr(path, "kvmlet"))
		tap_ok(yields >= TURNS, "because they have let each other run");
	vcpu_reached(&spinners[0], "PAUSE_INSTRUCTION");
	for (i = 1; i < SPINNERS; i++)
		vcpu_close(&spinners[i]);
	machine_close(&vm, &spinners[0]);
}

int main(int argc, char **argv)
{
	path = device_path(argc, argv);
	tap_begin();
	alarm(100);
	halt_polling();
	if (host_has("ple"))
		spinning();
	else
		tap_skip("vCPUs that spin", "this processor has no PAUSE-loop exiting");
	return tap_end();
}
