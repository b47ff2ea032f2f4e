// SPDX-License-Identifier: GPL-2.0
/*
 * vCPUs go from one processor of the host to the other, and lose nothing: what a guest has changed
 * in its page tables meanwhile holds where it comes back to; four vCPUs of a VM that check all of
 * their registers, those too that are loaded only when needed, are moved by sched_setaffinity() at
 * random and by a processor that goes offline under them. moves [DEVICE [MOVES [SEED]]].
 *
 * lab: --smp 2
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include "selftests/lib/vm.h"

#define VCPUS		4
#define MOVES		300
#define OFFLINE		"/sys/devices/system/cpu/cpu1/online"
#define WINDOW		(1UL << 39)	/* a virtual address with tables of its own */
#define PTE		0x7
#define MSR_STAR	0xc0000081
#define MSR_LSTAR	0xc0000082
#define MSR_FMASK	0xc0000084
#define MSR_GS_BASE	0xc0000101
#define MSR_KERNEL_GS	0xc0000102
#define MSR_SYSENTER_ESP 0x175

static struct vm vm;
static struct vcpu vcpus[VCPUS];
static unsigned int moves = MOVES, seed = 1;

/* --- translations ----------------------------------------------------------------------------- */

static uint64_t tables[3][512] __attribute__((aligned(4096)));
static volatile uint64_t frame[2][512] __attribute__((aligned(4096)));

/* Reads through the window, then has it lead elsewhere, and says so where it was told to. */
static void window_guest(void)
{
	volatile uint64_t *window = (volatile uint64_t *)WINDOW;
	unsigned int i;

	guest_tables[0][1] = (uintptr_t)tables[0] | PTE;
	tables[0][0] = (uintptr_t)tables[1] | PTE;
	tables[1][0] = (uintptr_t)tables[2] | PTE;
	tables[2][0] = (uintptr_t)frame[0] | PTE;
	frame[0][0] = 0x100;
	frame[1][0] = 0x101;
	for (i = 1;; i++) {
		guest_sync(*window);
		tables[2][0] = (uintptr_t)frame[i & 1] | PTE;
		asm volatile("invlpg %0" : : "m"(*window) : "memory");
		guest_sync(*window);
	}
}

/* The first processor's TLB knows the window from the stay before, when it led elsewhere. */
static void translations(const char *path)
{
	unsigned int i, stale = 0;

	machine(&vm, &vcpus[0], path, false, window_guest);
	for (i = 0; i < 40; i++) {
		stay_on(0, 0);
		stale += vcpu_sync(&vcpus[0]) != 0x100 + (i & 1);
		stay_on(0, 1);
		stale += vcpu_sync(&vcpus[0]) != 0x100 + (~i & 1);
	}
	TAP_EQ(stale, 0, "a processor that a vCPU comes back to has forgotten what it knew");
	machine_close(&vm, &vcpus[0]);
}

/* --- registers -------------------------------------------------------------------------------- */

static volatile uint64_t rounds[VCPUS];		/* that each has done */
static volatile bool stop;
static volatile unsigned int moved, offline;
static const uint32_t msrs[] = {
	MSR_STAR, MSR_LSTAR, MSR_FMASK, MSR_GS_BASE, MSR_KERNEL_GS, MSR_SYSENTER_ESP
};

#define NR_MSRS		(sizeof(msrs) / sizeof(msrs[0]))

/* A value of its own for each vCPU, round and register, that each of the MSRs takes. */
static uint64_t value_of(unsigned int me, uint64_t round, unsigned int reg)
{
	return (me + 1) << 24 | (round & 0xffff) << 8 | reg;
}

static unsigned int wrong_msrs(unsigned int me, uint64_t round)
{
	unsigned int i, wrong = 0;

	for (i = 0; i < NR_MSRS; i++)
		wrong += guest_rdmsr(msrs[i]) != value_of(me, round, i);
	return wrong;
}

static void set_msrs(unsigned int me, uint64_t round)
{
	unsigned int i;

	for (i = 0; i < NR_MSRS; i++)
		guest_wrmsr(msrs[i], value_of(me, round, i));
}

/*
 * Puts the seed into general, vector and debug registers and CR2, computes with all of them for a
 * while, takes them together again; the sum is the same each time, unless one was lost.
 */
static uint64_t turn_round(uint64_t value)
{
	uint64_t sum;

	asm volatile("mov %1, %%rax; mov %%rax, %%cr2; mov %%rax, %%dr0; mov %%rax, %%dr3\n"
		"lea 1(%%rax), %%rbx; lea 2(%%rax), %%rcx; lea 3(%%rax), %%rdx\n"
		"lea 4(%%rax), %%rsi; lea 5(%%rax), %%rdi; lea 6(%%rax), %%r8\n"
		"lea 7(%%rax), %%r9; lea 8(%%rax), %%r10; lea 9(%%rax), %%r11\n"
		"lea 10(%%rax), %%r12; lea 11(%%rax), %%r13; lea 12(%%rax), %%r14\n"
		"movq %%rbx, %%xmm0; movq %%rcx, %%xmm7; movq %%rdx, %%xmm15\n"
		"mov $2000, %%r15\n"
		"1: add $1, %%rbx; add $1, %%rcx; add $1, %%rdx; add $1, %%rsi; add $1, %%rdi\n"
		"add $1, %%r8; add $1, %%r9; add $1, %%r10; add $1, %%r11; add $1, %%r12\n"
		"add $1, %%r13; add $1, %%r14; paddq %%xmm0, %%xmm7; psubq %%xmm0, %%xmm7\n"
		"dec %%r15; jnz 1b\n"
		"add %%rbx, %%rax; add %%rcx, %%rax; add %%rdx, %%rax; add %%rsi, %%rax\n"
		"add %%rdi, %%rax; add %%r8, %%rax; add %%r9, %%rax; add %%r10, %%rax\n"
		"add %%r11, %%rax; add %%r12, %%rax; add %%r13, %%rax; add %%r14, %%rax\n"
		"movq %%xmm0, %%rbx; add %%rbx, %%rax; movq %%xmm7, %%rbx; add %%rbx, %%rax\n"
		"movq %%xmm15, %%rbx; add %%rbx, %%rax; mov %%cr2, %%rbx; add %%rbx, %%rax\n"
		"mov %%dr0, %%rbx; add %%rbx, %%rax; mov %%dr3, %%rbx; add %%rbx, %%rax\n"
		"mov %%rax, %0\n"
		: "=m"(sum) : "m"(value)
		: "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
		  "r14", "r15", "xmm0", "xmm7", "xmm15", "cc");
	/* 13 general registers, of which 12 were counted, three vectors, three others. */
	return sum - (19 * value + 78 + 12 * 2000 + 6);
}

static void work(unsigned int me)
{
	uint64_t round;

	asm volatile("sti");
	for (round = 0; !stop; round++) {
		set_msrs(me, round);
		if (turn_round(value_of(me, round, 0x80)))
			guest_sync(2);
		if (wrong_msrs(me, round))
			guest_sync(3);
		rounds[me]++;
	}
	for (;;)
		guest_sync(1);
}

static void worker_0(void)
{
	work(0);
}

static void worker_1(void)
{
	work(1);
}

static void worker_2(void)
{
	work(2);
}

static void worker_3(void)
{
	work(3);
}

static void (* const workers[VCPUS])(void) = { worker_0, worker_1, worker_2, worker_3 };

static void *run_worker(void *arg)
{
	return (void *)(uintptr_t)vcpu_sync(arg);
}

/* One of them, or the tester itself, goes to one of the processors; it may be offline. */
static void move_one(const pthread_t *threads)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(random() % 2, &set);
	moved += !pthread_setaffinity_np(threads[random() % VCPUS], sizeof(set), &set);
	usleep(random() % 4000);
}

static void everywhere(pthread_t thread)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	CPU_SET(1, &set);
	pthread_setaffinity_np(thread, sizeof(set), &set);
}

/* The threads that were bound to it are let go, and bound again when it is back. */
static void take_offline(const pthread_t *threads)
{
	unsigned int i;

	for (i = 0; i < VCPUS; i++)
		everywhere(threads[i]);
	offline += !write_file(OFFLINE, "0");
	usleep(20000);
	write_file(OFFLINE, "1");
}

static void create(const char *path)
{
	unsigned int i;

	machine(&vm, &vcpus[0], path, false, workers[0]);
	for (i = 1; i < VCPUS; i++) {
		vcpu_open(&vm, &vcpus[i], i);
		vcpu_supported_cpuid(&vm, &vcpus[i]);
	}
	for (i = 0; i < VCPUS; i++)
		vcpu_long_mode(&vcpus[i], workers[i], i);
}

static void registers(const char *path)
{
	pthread_t threads[VCPUS];
	unsigned int i, idle = 0;
	bool can = !access(OFFLINE, W_OK);
	void *said[VCPUS];

	create(path);
	for (i = 0; i < VCPUS; i++)
		pthread_create(&threads[i], NULL, run_worker, &vcpus[i]);
	for (i = 1; i <= moves; i++) {
		move_one(threads);
		if (can && i % 100 == 50)
			take_offline(threads);
	}
	stop = true;
	for (i = 0; i < VCPUS; i++) {
		pthread_join(threads[i], &said[i]);
		idle += rounds[i] < 2;
		printf("# vCPU %u: %llu rounds\n", i, (unsigned long long)rounds[i]);
	}
	for (i = 0; i < VCPUS; i++)
		TAP_EQ((uintptr_t)said[i], 1, "vCPU %u has lost no register", i);
	TAP_EQ(idle, 0, "each of them has worked");
	tap_ok(moved > moves / 2, "they were moved %u times", moved);
	if (can)
		TAP_EQ(offline, (moves + 50) / 100, "a processor went offline under them");
	else
		tap_skip("a processor went offline under them", "this host's do not");
	for (i = 1; i < VCPUS; i++)
		vcpu_close(&vcpus[i]);
	machine_close(&vm, &vcpus[0]);
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);

	if (argc > 2)
		moves = atoi(argv[2]);
	if (argc > 3)
		seed = atoi(argv[3]);
	if (on_debug_host())
		moves /= 5;
	alarm((on_debug_host() ? 200 : 30) + moves / 10);
	srandom(seed);
	tap_begin();
	translations(path);
	everywhere(pthread_self());
	registers(path);
	return tap_end();
}
