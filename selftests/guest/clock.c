// SPDX-License-Identifier: GPL-2.0
/*
 * kvm-clock on a host of two processors: at which events a vCPU's page is rewritten, and at no
 * others; when it says that all agree; and that neither it nor the TSC goes back from one vCPU to
 * the other, wherever their threads are moved to and whatever processor goes offline and
 * comes back.
 *
 * lab: --smp 2
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include "selftests/lib/clock.h"
#include "selftests/lib/vm.h"

#define STABLE		1
#define ASKED		1		/* value of a sync: what now? */
#define MOVES		12
#define VCPUS		2

static volatile struct clock_page page[VCPUS];
static volatile uint32_t version, flags, again, stop;
static volatile uint64_t last_clock, last_tsc;
static volatile uint64_t rounds[VCPUS], clock_back[VCPUS], tsc_back[VCPUS], unstable[VCPUS];

static void second_cpu(bool online)
{
	write_file("/sys/devices/system/cpu/cpu1/online", online ? "1" : "0");
	/* What the driver does about it is not this thread's. */
	usleep(30000);
}

/* --- when a page is rewritten ----------------------------------------------------------------- */

static struct vm vm;
static struct vcpu vcpus[VCPUS];

static void counting_guest(void)
{
	guest_wrmsr(MSR_CLOCK, (uintptr_t)&page[0] | 1);
	for (;;) {
		if (again)
			guest_wrmsr(MSR_CLOCK, (uintptr_t)&page[0] | 1);
		again = 0;
		version = page[0].version;
		flags = page[0].flags;
		guest_sync(ASKED);
	}
}

/* How often the page was rewritten since the last call. */
static unsigned int rewritten(void)
{
	uint32_t old = version;

	vcpu_sync(&vcpus[0]);
	return (version - old) / 2;
}

static void set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };

	call(vcpu->fd, KVM_SET_MSRS, &msr);
}

static void nothing(void)
{
	unsigned int i;

	for (i = 0; i < 5; i++) {
		usleep(2000);
		sched_yield();
		vcpu_sync(&vcpus[0]);
	}
}

static void move_to_second(void)
{
	stay_on(0, 1);
}

static void move_to_first(void)
{
	stay_on(0, 0);
}

static void write_msr(void)
{
	again = 1;
}

static void set_clock(void)
{
	struct kvm_clock_data data = { .clock = 1000000000ULL };

	call(vm.fd, KVM_SET_CLOCK, &data);
}

static void get_clock(void)
{
	struct kvm_clock_data data;

	call(vm.fd, KVM_GET_CLOCK, &data);
}

static void write_tsc(void)
{
	set_msr(&vcpus[0], MSR_TSC, 1ULL << 50);
}

static void other_tsc_near(void)
{
	set_msr(&vcpus[1], MSR_TSC, 0);
}

static void same_frequency(void)
{
	call(vcpus[0].fd, KVM_SET_TSC_KHZ, call(vcpus[0].fd, KVM_GET_TSC_KHZ, 0));
}

static void other_frequency(void)
{
	call(vcpus[0].fd, KVM_SET_TSC_KHZ, 2 * call(vcpus[0].fd, KVM_GET_TSC_KHZ, 0));
}

static void first_frequency(void)
{
	call(vcpus[0].fd, KVM_SET_TSC_KHZ, 0);
}

static void stopped(void)
{
	call(vcpus[0].fd, KVM_KVMCLOCK_CTRL, 0);
}

static void offline(void)
{
	second_cpu(false);
}

static void online(void)
{
	second_cpu(true);
}

/* In this order: each begins as the one before has left it. */
static const struct {
	const char *name;
	void (*happens)(void);
	unsigned int times;
	bool ours;			/* upstream decides otherwise, or does so later */
} events[] = {
	{ "nothing, for a while", nothing, 0, false },
	{ "the guest writes MSR_KVM_SYSTEM_TIME", write_msr, 1, false },
	{ "KVM_GET_CLOCK", get_clock, 0, false },
	{ "KVM_SET_CLOCK", set_clock, 1, false },
	{ "KVM_KVMCLOCK_CTRL", stopped, 1, false },
	{ "the vCPU moves to another processor", move_to_second, 1, true },
	{ "it stays there", nothing, 0, false },
	{ "it moves back", move_to_first, 1, true },
	{ "another processor goes offline", offline, 0, true },
	{ "and comes online", online, 1, true },
	{ "another vCPU's TSC joins the VM's once more", other_tsc_near, 0, true },
	{ "its TSC is written", write_tsc, 1, true },
	{ "another vCPU's TSC joins it: a master clock", other_tsc_near, 1, true },
	{ "the frequency that it has is set", same_frequency, 0, true },
	{ "another frequency is set", other_frequency, 1, true },
	{ "the host's again", first_frequency, 1, true },
	{ "nothing, at the end", nothing, 0, true },
};

static void count(bool kvmlet)
{
	unsigned int i;

	stay_on(0, 0);
	vcpu_sync(&vcpus[0]);
	vcpu_sync(&vcpus[0]);
	for (i = 0; i < sizeof(events) / sizeof(*events); i++) {
		events[i].happens();
		if (events[i].ours && !kvmlet)
			printf("# %s: %u\n", events[i].name, rewritten());
		else
			TAP_EQ(rewritten(), events[i].times, "%s: %u times rewritten",
			       events[i].name, events[i].times);
	}
}

/* --- when the pages agree --------------------------------------------------------------------- */

#define SOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

static char source[64];			/* the host's, by the TSC */

static void source_set(const char *name)
{
	write_file(SOURCE, name);
	/* What the driver does about it is not this thread's. */
	usleep(30000);
}

static void source_other(void)
{
	source_set("hpet");
}

/* One that is not there any more makes the host take its best, which is made of the TSC, too. */
static void source_tsc(void)
{
	source_set(source);
}

static bool source_read(void)
{
	FILE *file = fopen(SOURCE, "r");
	bool ok = file && fgets(source, sizeof(source), file);

	if (file)
		fclose(file);
	return ok && !strncmp(source, "tsc", 3);
}

static void tsc_far(void)
{
	set_msr(&vcpus[0], MSR_TSC, 1ULL << 51);
}

/* In this order, too. */
static const struct {
	const char *name;
	void (*happens)(void);
	unsigned int times, stable;
	bool ours;			/* upstream decides later, or never */
} agreements[] = {
	{ "the other vCPU's TSC joins", other_tsc_near, 1, STABLE, true },
	{ "this one's is written, far away", tsc_far, 1, 0, true },
	{ "the other one's joins it", other_tsc_near, 1, STABLE, true },
	{ "the host's clock source is hpet", source_other, 1, 0, true },
	{ "it is the TSC again", source_tsc, 1, STABLE, true },
	{ "nothing, after all", nothing, 0, STABLE, true },
};

static void agree(bool kvmlet)
{
	unsigned int i, times;

	if (!source_read()) {
		tap_skip("pages say that they agree", "the host keeps time without the TSC");
		return;
	}
	for (i = 0; i < sizeof(agreements) / sizeof(*agreements); i++) {
		agreements[i].happens();
		times = rewritten();
		printf("# %s: %u, flags %#x\n", agreements[i].name, times, flags);
		if (kvmlet)
			TAP_EQ(times, agreements[i].times, "%s: %u times rewritten",
			       agreements[i].name, agreements[i].times);
		if (kvmlet || !agreements[i].ours)
			TAP_EQ(flags & STABLE, agreements[i].stable, "%s: the pages %s",
			       agreements[i].name, agreements[i].stable ? "agree" : "do not agree");
	}
}

/* --- never backwards -------------------------------------------------------------------------- */

static uint64_t clock_read(unsigned int n)
{
	volatile struct clock_page *p = &page[n];
	uint64_t ns;
	uint32_t seen;

	do {
		seen = p->version;
		asm volatile("lfence" : : : "memory");
		ns = clock_page_ns(p, guest_rdtsc());
		if (!(p->flags & STABLE))
			unstable[n]++;
	} while (seen & 1 || seen != p->version);
	return ns;
}

/* What somebody has read before is never more than what one reads now. */
static void racing_guest(unsigned int n)
{
	uint64_t before, now;

	guest_wrmsr(MSR_CLOCK, (uintptr_t)&page[n] | 1);
	for (; !stop; rounds[n]++) {
		before = last_clock;
		now = clock_read(n);
		clock_back[n] += now < before;
		raise_to(&last_clock, now);
		before = last_tsc;
		asm volatile("lfence" : : : "memory");
		now = guest_rdtsc();
		tsc_back[n] += now < before;
		raise_to(&last_tsc, now);
		if (rounds[n] % 64 == 0)
			guest_sync(ASKED);
	}
	guest_sync(ASKED + 1);
}

static void first_guest(void)
{
	racing_guest(0);
}

static void second_guest(void)
{
	racing_guest(1);
}

static volatile pid_t tids[VCPUS];

static void *race(void *argument)
{
	struct vcpu *vcpu = argument;

	tids[vcpu - vcpus] = syscall(SYS_gettid);
	while (vcpu_sync(vcpu) == ASKED)
		;
	return NULL;
}

static void moves(void)
{
	unsigned int i;

	for (i = 0; i < MOVES; i++) {
		stay_on(tids[0], i & 1);
		stay_on(tids[1], i >> 1 & 1);
		usleep(10000);
		/* Its threads go elsewhere. */
		if (i == MOVES / 2) {
			second_cpu(false);
			second_cpu(true);
		}
	}
}

static void never_backwards(void)
{
	pthread_t thread[VCPUS];
	unsigned int i;

	stay_on(0, 0);
	for (i = 0; i < VCPUS; i++)
		pthread_create(&thread[i], NULL, race, &vcpus[i]);
	while (!rounds[0] || !rounds[1])
		usleep(1000);
	unstable[0] = 0;
	unstable[1] = 0;
	moves();
	stop = 1;
	for (i = 0; i < VCPUS; i++) {
		pthread_join(thread[i], NULL);
		tap_ok(rounds[i] > 100, "vCPU %u reads its clocks", i);
		TAP_EQ(clock_back[i], 0, "vCPU %u: kvm-clock never goes back", i);
		TAP_EQ(tsc_back[i], 0, "vCPU %u: nor does the TSC", i);
		TAP_EQ(unstable[i], 0, "vCPU %u: the pages say that they agree", i);
		printf("# %llu rounds\n", (unsigned long long)rounds[i]);
	}
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);

	tap_begin();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		tap_skip("two processors", "this host has one");
		return tap_end();
	}
	machine(&vm, &vcpus[0], path, false, counting_guest);
	vcpu_open(&vm, &vcpus[1], 1);
	count(strstr(path, "kvmlet"));
	agree(strstr(path, "kvmlet"));
	vcpu_close(&vcpus[1]);
	machine_close(&vm, &vcpus[0]);

	machine(&vm, &vcpus[0], path, false, first_guest);
	vcpu_open(&vm, &vcpus[1], 1);
	vcpu_supported_cpuid(&vm, &vcpus[1]);
	vcpu_long_mode(&vcpus[1], second_guest, 1);
	never_backwards();
	vcpu_close(&vcpus[1]);
	machine_close(&vm, &vcpus[0]);
	return tap_end();
}
