// SPDX-License-Identifier: GPL-2.0
/*
 * In a guest that is saved, restored and moved: a thread on each processor reads the clocks at each
 * tick of a timer (every 10 ms, or as many as the argument says) until SIGTERM. Says whether one of
 * them has gone back behind what was read before, on whichever processor. Status 1: it has, or a
 * timer stood still.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "selftests/lib/vm.h"

#define READINGS	50		/* of each clock at a tick */
#define MAX_CPUS	64
#define SAID		20		/* how often it went back, at most, in words */

static const struct {
	clockid_t id;
	const char *name;
} clocks[] = {
	{ CLOCK_MONOTONIC, "monotonic" }, { CLOCK_BOOTTIME, "boot" }, { CLOCK_REALTIME, "real" },
	{ CLOCK_MONOTONIC_RAW, "raw" }, { -1, "TSC" },
};

#define NR_CLOCKS	(sizeof(clocks) / sizeof(clocks[0]))

static volatile sig_atomic_t stop;
static volatile uint64_t last[NR_CLOCKS];		/* the latest that anybody has read */
static unsigned long ticks[MAX_CPUS], readings, back;
static long tick_ns = 10000000;

static void stopped(int sig)
{
	stop = sig;
}

static uint64_t clock_read(unsigned int i)
{
	struct timespec t;

	if (clocks[i].id < 0) {
		__builtin_ia32_lfence();
		return __builtin_ia32_rdtsc();
	}
	clock_gettime(clocks[i].id, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void look(unsigned int i, unsigned int cpu)
{
	uint64_t before = last[i], now = clock_read(i);

	__atomic_fetch_add(&readings, 1, __ATOMIC_RELAXED);
	if (now < before && __atomic_fetch_add(&back, 1, __ATOMIC_RELAXED) < SAID)
		printf("clocks: %s went back by %lld on %u\n", clocks[i].name,
		       (long long)(before - now), cpu);
	raise_to(&last[i], now);
}

static void *reader(void *argument)
{
	const struct itimerspec every = { { 0, tick_ns }, { 0, tick_ns } };
	unsigned int cpu = (uintptr_t)argument, i;
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t n;

	stay_on(0, cpu);
	timerfd_settime(timer, 0, &every, NULL);
	while (!stop) {
		if (read(timer, &n, sizeof(n)) == sizeof(n))
			ticks[cpu] += n;
		for (i = 0; i < READINGS * NR_CLOCKS; i++)
			look(i % NR_CLOCKS, cpu);
	}
	close(timer);
	return NULL;
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), i;
	unsigned long all = 0, stood = 0;
	pthread_t thread[MAX_CPUS];

	if (argc > 1)
		tick_ns = atol(argv[1]) * 1000000;
	cpus = cpus > MAX_CPUS ? MAX_CPUS : cpus;
	signal(SIGTERM, stopped);
	for (i = 0; i < cpus; i++)
		pthread_create(&thread[i], NULL, reader, (void *)i);
	for (i = 0; i < cpus; i++) {
		pthread_join(thread[i], NULL);
		all += ticks[i];
		stood += !ticks[i];
	}
	printf("clocks: %ld processors, %lu ticks, %lu readings, %lu went back\n", cpus, all,
	       readings, back);
	return back || stood;
}
