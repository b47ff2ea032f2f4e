// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU's descriptor: ids, the shared pages, how KVM_RUN is left before the guest is.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include "selftests/lib/vm.h"

static struct vm vm;
static struct vcpu vcpu;
static volatile sig_atomic_t alarms;

static void spin(void)
{
	asm volatile("sti");
	for (;;)
		asm volatile("pause");
}

static void on_alarm(int signal)
{
	(void)signal;
	alarms++;
}

/* KVM_RUN may end with EINTR for the scheduler's sake too: runs on until @done. */
static int run_until(bool (*done)(void))
{
	int r;

	do
		r = vcpu_run(&vcpu);
	while (r == -EINTR && !done());
	return r;
}

static bool alarmed(void)
{
	return alarms;
}

static bool alarm_pending(void)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, SIGALRM);
}

static void ids(void)
{
	int max_id = call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);
	int fd;

	TAP_EQ(call(vm.fd, KVM_CREATE_VCPU, 0), -EEXIST, "an id in use: EEXIST");
	fd = call(vm.fd, KVM_CREATE_VCPU, 7);
	tap_ok(fd >= 0, "ids need not be in sequence");
	close(fd);
	TAP_EQ(call(vm.fd, KVM_CREATE_VCPU, 7), -EEXIST, "a closed vCPU keeps its id");
	TAP_EQ(call(vm.fd, KVM_CREATE_VCPU, max_id), -EINVAL, "an id of KVM_CAP_MAX_VCPU_ID");
	TAP_EQ(call(vm.fd, KVM_CREATE_VCPU, -1), -EINVAL, "id -1: EINVAL");
	TAP_EQ(call(vm.fd, KVM_SET_BOOT_CPU_ID, 1), -EBUSY,
	       "KVM_SET_BOOT_CPU_ID after a vCPU: EBUSY");
}

static int try_mmap(size_t size, int prot, off_t offset)
{
	void *p = mmap(NULL, size, prot, MAP_SHARED, vcpu.fd, offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, size);
	return 0;
}

static void shared_pages(void)
{
	struct kvm_run *again;

	again = mmap(NULL, vcpu.run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu.fd, 0);
	vcpu.run->request_interrupt_window = 1;
	TAP_EQ(again->request_interrupt_window, 1, "a second mapping is the same page");
	vcpu.run->request_interrupt_window = 0;
	munmap(again, vcpu.run_size);
	TAP_EQ(try_mmap(PAGE, PROT_READ | PROT_WRITE, 0), 0, "the first page alone can be mapped");
	TAP_EQ(try_mmap(PAGE, PROT_READ, 0), 0, "it can be mapped for reading only");
	TAP_EQ(try_mmap(PAGE, PROT_READ | PROT_EXEC, 0), 0, "it can be mapped executable");
	TAP_EQ(call(vcpu.fd, KVM_RUN, 1), -EINVAL, "KVM_RUN takes no argument");
}

static void run_page(void)
{
	vcpu.run->immediate_exit = 1;
	TAP_EQ(vcpu_run(&vcpu), -EINTR, "immediate_exit: EINTR");
	vcpu.run->immediate_exit = 0;
	tap_ok(vcpu_sync(&vcpu) == 1, "the guest runs");
	TAP_EQ(vcpu.run->exit_reason, KVM_EXIT_IO, "exit_reason is KVM_EXIT_IO");
	TAP_EQ(vcpu.run->io.direction, KVM_EXIT_IO_OUT, "io.direction is out");
	TAP_EQ(vcpu.run->io.size, 4, "io.size is 4");
	TAP_EQ(vcpu.run->io.count, 1, "io.count is 1");
	TAP_EQ(vcpu.run->io.data_offset, PAGE, "io.data_offset is the second page");
	TAP_EQ(vcpu.run->if_flag, 0, "if_flag is the guest's");
	TAP_EQ(vcpu.run->cr8, 0, "cr8 is the guest's");
	TAP_EQ(vcpu.run->apic_base & 0xfffff000, 0xfee00000, "apic_base is the reset value");
	TAP_EQ(vcpu.run->ready_for_interrupt_injection, 0,
	       "not ready for an interrupt while IF is 0");
}

static void say_and_spin(void)
{
	guest_sync(1);
	spin();
}

static void arm(unsigned int milliseconds)
{
	struct itimerval when = { .it_value.tv_usec = milliseconds * 1000 };

	setitimer(ITIMER_REAL, &when, NULL);
}

static void signals(void)
{
	sigset_t set;

	arm(20);
	TAP_EQ(run_until(alarmed), -EINTR, "a signal: EINTR");
	TAP_EQ(vcpu.run->exit_reason, KVM_EXIT_INTR, "a signal: KVM_EXIT_INTR");
	TAP_EQ(alarms, 1, "the signal's handler has run");
	TAP_EQ(vcpu.run->if_flag, 1, "if_flag follows the guest's STI");
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGALRM);
	arm(20);
	TAP_EQ(alarms, 1, "a blocked signal waits");
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	TAP_EQ(alarms, 2, "and comes when it is unblocked");
	arm(0);
}

static int set_mask(const sigset_t *set, unsigned int length)
{
	struct {
		struct kvm_signal_mask mask;
		uint8_t bytes[8];
	} arg = { .mask.len = length };

	memcpy(arg.mask.sigset, set, 8);
	return call(vcpu.fd, KVM_SET_SIGNAL_MASK, &arg);
}

/* What gVisor does: blocked outside, let through in KVM_RUN, left pending. */
static void signal_mask(void)
{
	sigset_t none, set;
	int before;

	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	TAP_EQ(set_mask(&none, 4), -EINVAL, "a signal mask of 4 bytes: EINVAL");
	TAP_EQ(set_mask(&none, 8), 0, "a signal mask of 8 bytes");
	before = alarms;
	arm(20);
	TAP_EQ(run_until(alarm_pending), -EINTR, "a signal that only KVM_RUN lets through: EINTR");
	TAP_EQ(alarms, before, "its handler has not run");
	TAP_EQ(alarm_pending(), 1, "it is still pending");
	TAP_EQ(vcpu_run(&vcpu), -EINTR, "while it is pending, KVM_RUN does not enter");
	TAP_EQ(call(vcpu.fd, KVM_SET_SIGNAL_MASK, 0), 0, "the mask is taken away by NULL");
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	TAP_EQ(alarms, before + 1, "outside, the signal is delivered");
}

static void other_process(void)
{
	int pid, status = 0;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct kvm_regs regs;

		_exit((call(vcpu.fd, KVM_GET_REGS, &regs) == -EIO) |
		      (call(vm.fd, KVM_CHECK_EXTENSION, 0) == -EIO) << 1 |
		      (call(vcpu.fd, KVM_RUN, 0) == -EIO) << 2 |
		      (vcpu.run->exit_reason == KVM_EXIT_INTR) << 3);
	}
	waitpid(pid, &status, 0);
	status = WEXITSTATUS(status);
	TAP_EQ(status & 1, 1, "another process' KVM_GET_REGS: EIO");
	TAP_EQ(status & 2, 2, "another process' VM ioctl: EIO");
	TAP_EQ(status & 4, 4, "another process' KVM_RUN: EIO");
	TAP_EQ(status & 8, 8, "another process can read the shared page");
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };

	tap_begin();
	sigaction(SIGALRM, &action, NULL);
	machine(&vm, &vcpu, device_path(argc, argv), false, say_and_spin);
	shared_pages();
	run_page();
	signals();
	signal_mask();
	other_process();
	ids();
	machine_close(&vm, &vcpu);
	return tap_end();
}
