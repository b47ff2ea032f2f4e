// SPDX-License-Identifier: GPL-2.0
/*
 * A monitor is killed at a thousand random points of its life: the host goes on, and nothing of
 * the VMs is left. In `make check` 250 times, on the debug host fifty: it is ten times as slow.
 * Not on upstream:
 * it waits so long while it makes and ends a VM that few would live to be killed in KVM_RUN.
 *
 * only: kvmlet
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include "selftests/lib/vm.h"

#define KILLS		1000
#define KILLS_BOUNDED	250
#define KILLS_DEBUG	50
#define TRIED		3		/* lives that are measured */
#define KIB_A_KILL	1		/* less than a page may be left */

/* How far a monitor got. */
enum stage { STARTED, FIRST_VM, BETWEEN, SECOND_VM, RUNNING, NR_STAGES };

static const char *path;
static volatile enum stage *stage;
static unsigned int deaths[NR_STAGES];
static uint8_t touched[64 * PAGE] __attribute__((aligned(4096)));

static void guest(void)
{
	volatile uint32_t *device = (volatile uint32_t *)DEVICE;
	uint32_t regs[4];
	unsigned int i;

	for (i = 0;; i++) {
		guest_cpuid(1, 0, regs);
		touched[i % 64 * PAGE]++;
		*device = i;
		guest_sync(*device);
	}
}

static void *run_for_ever(void *arg)
{
	for (;;)
		vcpu_run(arg);
	return NULL;
}

/* A life of its own: VMs come and go, with one vCPU and with two. */
static void monitor(void)
{
	struct vcpu vcpu, second;
	pthread_t thread;
	struct vm vm;

	*stage = FIRST_VM;
	machine(&vm, &vcpu, path, false, guest);
	vcpu_run(&vcpu);
	*stage = BETWEEN;
	machine_close(&vm, &vcpu);
	*stage = SECOND_VM;
	machine(&vm, &vcpu, path, true, guest);
	*stage = RUNNING;
	if (!vcpu_open(&vm, &second, 1))
		pthread_create(&thread, NULL, run_for_ever, &second);
	run_for_ever(&vcpu);
}

static unsigned int kill_some(unsigned int n, unsigned int life)
{
	unsigned int killed = 0;
	int status;
	pid_t pid;

	while (n--) {
		*stage = STARTED;
		pid = fork();
		if (!pid)
			monitor();
		usleep(random() % life);
		kill(pid, SIGKILL);
		if (waitpid(pid, &status, 0) == pid)
			killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		deaths[*stage]++;
	}
	return killed;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000;
}

/* How long a monitor may live: half as long again as it takes to run, on this host. */
static unsigned int measured_life(void)
{
	uint64_t start, life = 0;
	unsigned int i;
	pid_t pid;

	for (i = 0; i < TRIED; i++) {
		*stage = STARTED;
		start = now_us();
		pid = fork();
		if (!pid)
			monitor();
		while (*stage != RUNNING)
			usleep(100);
		life += now_us() - start;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return life / TRIED * 3 / 2;
}

static void good_guest(void)
{
	guest_sync(5);
}

int main(int argc, char **argv)
{
	unsigned int kills = on_debug_host() ? KILLS_DEBUG :
			     bounded() ? KILLS_BOUNDED : KILLS;
	unsigned int life;
	long before, after;
	struct vcpu vcpu;
	struct vm vm;

	tap_begin();
	path = device_path(argc, argv);
	alarm(0);
	stage = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	srandom(1);
	life = measured_life();
	kill_some(20, life);
	memset(deaths, 0, sizeof(deaths));
	before = memory_in_use();
	TAP_EQ(kill_some(kills, life), kills, "each monitor is killed");
	after = memory_in_use();
	printf("# killed within %u us: at the start %u, first VM %u, between %u, second VM %u, "
	       "running %u\n",
	       life, deaths[STARTED], deaths[FIRST_VM], deaths[BETWEEN], deaths[SECOND_VM],
	       deaths[RUNNING]);
	tap_ok(deaths[FIRST_VM] && deaths[SECOND_VM] && deaths[RUNNING],
	       "some while their VM was made, some while it ran");
	printf("# %u killed; %ld KiB in use before, %ld after\n", kills, before, after);
	if (on_debug_host())
		tap_skip("nothing of their VMs is left", "KASAN keeps what is freed");
	else
		tap_ok(after - before < (long)kills * KIB_A_KILL, "nothing of their VMs is left");
	machine(&vm, &vcpu, path, true, good_guest);
	TAP_EQ(vcpu_sync(&vcpu), 5, "a new guest runs");
	machine_close(&vm, &vcpu);
	return tap_end();
}
