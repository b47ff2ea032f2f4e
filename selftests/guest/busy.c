// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that compute for a while, one a processor: busy DEVICE [MILLISECONDS], or until SIGUSR1.
 * Others do something to the host meanwhile (see life/module.sh).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include "selftests/lib/vm.h"

#define GUESTS	2

static struct machine {
	struct vm vm;
	struct vcpu vcpu;
	pthread_t thread;
	unsigned int rounds;
	bool wrong;
} machines[GUESTS];

static const char *path;
static unsigned int milliseconds = 200;
static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

/* A sum that cannot be right if a register is lost. */
static void guest(void)
{
	uint64_t sum, i;

	asm volatile("sti");
	for (;;) {
		for (sum = 0, i = 0; i < 20000; i++)
			asm volatile("add %1, %0" : "+r"(sum) : "r"(i));
		guest_sync(sum);
	}
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static void *run(void *arg)
{
	struct machine *m = arg;
	uint64_t end = now() + milliseconds;

	vcpu_long_mode(&m->vcpu, guest, m - machines);
	do {
		m->wrong = vcpu_sync(&m->vcpu) != 20000 / 2 * 19999;
		m->rounds++;
	} while (!stop && now() < end && !m->wrong);
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned int i;

	struct sigaction action = { .sa_handler = on_signal };

	tap_begin();
	sigaction(SIGUSR1, &action, NULL);
	path = device_path(argc, argv);
	if (argc > 2)
		milliseconds = atoi(argv[2]);
	alarm(20 + milliseconds / 1000);
	for (i = 0; i < GUESTS; i++)
		machine(&machines[i].vm, &machines[i].vcpu, path, false, guest);
	for (i = 0; i < GUESTS; i++)
		pthread_create(&machines[i].thread, NULL, run, &machines[i]);
	for (i = 0; i < GUESTS; i++)
		pthread_join(machines[i].thread, NULL);
	for (i = 0; i < GUESTS; i++) {
		printf("# %u rounds\n", machines[i].rounds);
		tap_ok(!machines[i].wrong && machines[i].rounds > 0, "a guest computes rightly");
		machine_close(&machines[i].vm, &machines[i].vcpu);
	}
	return tap_end();
}
