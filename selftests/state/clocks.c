// SPDX-License-Identifier: GPL-2.0
/*
 * In a guest that is saved, restored and moved: reads its clocks at each tick of a timer until
 * SIGTERM, and says whether one of them has gone back. Status 1: it has, or the timer stood still.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS		10000000
#define READINGS	50		/* of each clock at a tick */

static const struct {
	clockid_t id;
	const char *name;
} clocks[] = {
	{ CLOCK_MONOTONIC, "monotonic" }, { CLOCK_BOOTTIME, "boot" }, { CLOCK_REALTIME, "real" },
	{ CLOCK_MONOTONIC_RAW, "raw" },
};

#define NR_CLOCKS	(sizeof(clocks) / sizeof(clocks[0]))

static volatile sig_atomic_t stop;
static int64_t last[NR_CLOCKS + 1];
static unsigned long readings, back;

static void stopped(int sig)
{
	stop = sig;
}

static void look(unsigned int i, int64_t value, const char *name)
{
	readings++;
	if (value < last[i]) {
		back++;
		printf("clocks: %s went back by %lld\n", name, (long long)(last[i] - value));
	}
	last[i] = value;
}

static void look_at_all(void)
{
	struct timespec t;
	unsigned int i;

	for (i = 0; i < NR_CLOCKS; i++) {
		clock_gettime(clocks[i].id, &t);
		look(i, t.tv_sec * 1000000000LL + t.tv_nsec, clocks[i].name);
	}
	look(NR_CLOCKS, __builtin_ia32_rdtsc(), "TSC");
}

int main(void)
{
	const struct itimerspec every = { { 0, TICK_NS }, { 0, TICK_NS } };
	int timer = timerfd_create(CLOCK_MONOTONIC, 0), i;
	uint64_t ticks = 0, n;

	signal(SIGTERM, stopped);
	timerfd_settime(timer, 0, &every, NULL);
	while (!stop) {
		if (read(timer, &n, sizeof(n)) == sizeof(n))
			ticks += n;
		for (i = 0; i < READINGS; i++)
			look_at_all();
	}
	printf("clocks: %llu ticks, %lu readings, %lu went back\n", (unsigned long long)ticks,
	       readings, back);
	return back || !ticks;
}
