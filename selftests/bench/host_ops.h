/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the bench measures without a guest that runs: ioctls, and what the host itself takes for a
 * part of an operation (the baselines that are subtracted).
 */
#ifndef KVMLET_BENCH_HOST_OPS_H
#define KVMLET_BENCH_HOST_OPS_H

#include <linux/futex.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include "selftests/bench/ops.h"

#define NS_PER_TICK	10			/* on the lab's host of one processor */

static union {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_xsave xsave;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp_state;
	struct kvm_vcpu_events events;
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs;
	struct kvm_irq_level line;
} arg;

#define IOCTL_LOOP(name, fd, cmd, argument)					\
static void name(unsigned int n)						\
{										\
	while (n--)								\
		ioctl(fd, cmd, argument);					\
}

/* The empty ioctl: the kernel answers this one itself, whoever's the descriptor is. */
IOCTL_LOOP(io_none_device, vm.dev, FIOCLEX, 0)
IOCTL_LOOP(io_none_vm, vm.fd, FIOCLEX, 0)
IOCTL_LOOP(io_none_vcpu, vcpu.fd, FIOCLEX, 0)
IOCTL_LOOP(io_extension, vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS)
IOCTL_LOOP(io_run, vcpu.fd, KVM_RUN, 0)
IOCTL_LOOP(io_get_regs, vcpu.fd, KVM_GET_REGS, &arg)
IOCTL_LOOP(io_set_regs, vcpu.fd, KVM_SET_REGS, &arg)
IOCTL_LOOP(io_get_sregs, vcpu.fd, KVM_GET_SREGS, &arg)
IOCTL_LOOP(io_set_sregs, vcpu.fd, KVM_SET_SREGS, &arg)
IOCTL_LOOP(io_get_fpu, vcpu.fd, KVM_GET_FPU, &arg)
IOCTL_LOOP(io_get_xsave, vcpu.fd, KVM_GET_XSAVE, &arg)
IOCTL_LOOP(io_get_lapic, vcpu.fd, KVM_GET_LAPIC, &arg)
IOCTL_LOOP(io_get_msrs, vcpu.fd, KVM_GET_MSRS, &arg)
IOCTL_LOOP(io_get_mp_state, vcpu.fd, KVM_GET_MP_STATE, &arg)
IOCTL_LOOP(io_get_events, vcpu.fd, KVM_GET_VCPU_EVENTS, &arg)
IOCTL_LOOP(io_irq_line, vm.fd, KVM_IRQ_LINE, &arg)

/* What the loop is to write, as it is. */
static int have_regs(void)
{
	return call(vcpu.fd, KVM_GET_REGS, &arg);
}

static int have_sregs(void)
{
	return call(vcpu.fd, KVM_GET_SREGS, &arg);
}

static int want_msr(void)
{
	arg.msrs.head.nmsrs = 1;
	arg.msrs.entry.index = MSR_SYSENTER;
	return call(vcpu.fd, KVM_GET_MSRS, &arg) == 1 ? 0 : -EINVAL;
}

static int want_line(void)
{
	arg.line = (struct kvm_irq_level) { .irq = 5 };
	return 0;
}

static int exit_at_once(void)
{
	vcpu.run->immediate_exit = 1;
	return 0;
}

/* --- ioctls that make and unmake -------------------------------------------------------------- */

/*
 * Some of them sleep until others have seen what was done, and that takes as long as it takes:
 * this thread's own time is told.
 */
static uint64_t thread_ticks(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (now.tv_sec * 1000000000ULL + now.tv_nsec) / NS_PER_TICK;
}

#define TIMED(operation) do {							\
	uint64_t began = thread_ticks();					\
	operation;								\
	own_ticks += thread_ticks() - began;					\
} while (0)

static void mark(void)
{
	asm volatile("xchg %%bx, %%bx" : : : "memory");
}

static volatile bool tracing;

#define TRACED(operation) do {							\
	if (tracing)								\
		mark();								\
	TIMED(operation);							\
	if (tracing)								\
		mark();								\
} while (0)

static void io_create_vm(unsigned int n)
{
	int fd;

	while (n--) {
		TRACED(fd = ioctl(vm.dev, KVM_CREATE_VM, 0));
		close(fd);
	}
}

static void io_create_irqchip(unsigned int n)
{
	int fd;

	while (n--) {
		fd = ioctl(vm.dev, KVM_CREATE_VM, 0);
		TRACED(ioctl(fd, KVM_CREATE_IRQCHIP, 0));
		close(fd);
	}
}

static void io_create_vcpu(unsigned int n)
{
	int fd, vcpu_fd;

	while (n--) {
		fd = ioctl(vm.dev, KVM_CREATE_VM, 0);
		ioctl(fd, KVM_CREATE_IRQCHIP, 0);
		TRACED(vcpu_fd = ioctl(fd, KVM_CREATE_VCPU, 0));
		close(vcpu_fd);
		close(fd);
	}
}

/* A VM with a vCPU that never runs, from its beginning to its end. */
static void life(void)
{
	int fd = ioctl(vm.dev, KVM_CREATE_VM, 0), vcpu_fd = ioctl(fd, KVM_CREATE_VCPU, 0);

	close(vcpu_fd);
	close(fd);
}

static void io_life(unsigned int n)
{
	while (n--)
		TRACED(life());
}

static void slot_of(uint64_t size)
{
	struct kvm_userspace_memory_region slot = {
		.slot = 2, .guest_phys_addr = REGION, .memory_size = size,
		.userspace_addr = REGION,
	};

	ioctl(vm.fd, KVM_SET_USER_MEMORY_REGION, &slot);
}

static void io_slot_add(unsigned int n)
{
	while (n--) {
		TRACED(slot_of(REGION_SIZE));
		slot_of(0);
	}
}

static void io_slot_delete(unsigned int n)
{
	while (n--) {
		slot_of(REGION_SIZE);
		TRACED(slot_of(0));
	}
}

/* --- the host's own part ---------------------------------------------------------------------- */

static uint64_t madvise_ticks(unsigned long size, int advice)
{
	uint64_t began = guest_rdtsc();

	madvise(region, size, advice);
	return guest_rdtsc() - began;
}

/* What is more in a call that populates than in one that finds all there. */
static void populate(unsigned int n, unsigned long size, int advice)
{
	uint64_t ticks = madvise_ticks(n * size, advice);

	own_ticks = ticks - madvise_ticks(n * size, advice);
}

static void host_page_new(unsigned int n)
{
	populate(n, PAGE, MADV_POPULATE_WRITE);
}

static void host_page_zero(unsigned int n)
{
	populate(n, PAGE, MADV_POPULATE_READ);
}

static void host_huge_new(unsigned int n)
{
	populate(n, HUGE, MADV_POPULATE_WRITE);
}

/* How late a thread is that sleeps for as long as do_wake()'s guest. */
static void host_wake(unsigned int n)
{
	struct timespec until;
	uint64_t late = 0, deadline, now;

	prctl(PR_SET_TIMERSLACK, 1);
	while (n--) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		deadline = until.tv_sec * 1000000000ULL + until.tv_nsec + WAKE_AFTER * NS_PER_TICK;
		until.tv_sec = deadline / 1000000000;
		until.tv_nsec = deadline % 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		clock_gettime(CLOCK_MONOTONIC, &until);
		now = until.tv_sec * 1000000000ULL + until.tv_nsec;
		late += (now - deadline) / NS_PER_TICK;
	}
	own_ticks = late;
}

static int with_eventfd(void)
{
	kick_fd = eventfd(0, 0);
	return kick_fd < 0 ? -errno : 0;
}

/* Nobody listens. */
static void host_signal(unsigned int n)
{
	while (n--)
		answer_irqfd();
}

static volatile int turn;

/* Waits until it is this thread's turn, and gives it to the other one. */
static void take_turn(int mine)
{
	while (turn != mine)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, !mine, NULL, NULL, 0);
	turn = !mine;
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *take_turns(void *rounds)
{
	uintptr_t n = (uintptr_t)rounds;

	while (n--)
		take_turn(1);
	return NULL;
}

static void host_ping(unsigned int n)
{
	uint64_t began;
	pthread_t thread;

	turn = 0;
	pthread_create(&thread, NULL, take_turns, (void *)(uintptr_t)(n + 2));
	take_turn(0);
	take_turn(0);
	began = guest_rdtsc();
	while (--n)
		take_turn(0);
	take_turn(0);
	own_ticks = guest_rdtsc() - began;
	pthread_join(thread, NULL);
}

#endif
