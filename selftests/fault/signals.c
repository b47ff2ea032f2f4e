// SPDX-License-Identifier: GPL-2.0
/*
 * Signals at every point of KVM_RUN: a timer fires ever later while a guest leaves by CPUID, a
 * port, a device and untouched memory. No exit is lost or comes twice, and the guest goes on.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/time.h>
#include "selftests/lib/vm.h"

#define SIGNALS		1500		/* after 1 us, 2 us and so on */
#define SIGNALS_DEBUG	150
#define STEP_DEBUG	20		/* us: it is so much slower */

static struct vm vm;
static struct vcpu vcpu;
static volatile sig_atomic_t fired;
static uint8_t touched[64 * PAGE] __attribute__((aligned(4096)));

static void on_alarm(int signal)
{
	(void)signal;
	fired = 1;
}

/* What the device says goes back through the port: both sides count alike. */
static void guest(void)
{
	volatile uint32_t *device = (volatile uint32_t *)DEVICE;
	uint32_t regs[4];
	unsigned int i;

	for (i = 0;; i++) {
		guest_cpuid(0, 0, regs);
		touched[i % 64 * PAGE]++;
		guest_sync(*device);
		*device = i;
	}
}

struct counts {
	uint32_t read, synced, written, wrong;
};

/* Serves one exit and checks that it is the one that is due. */
static void serve(struct counts *c, int exit)
{
	struct kvm_run *run = vcpu.run;
	uint32_t value;

	if (exit == KVM_EXIT_MMIO && !run->mmio.is_write) {
		c->wrong += c->read != c->written;
		c->read++;
		memcpy(run->mmio.data, &c->read, 4);
	} else if (exit == KVM_EXIT_IO) {
		memcpy(&value, (uint8_t *)run + run->io.data_offset, 4);
		c->wrong += value != c->read || c->synced + 1 != c->read;
		c->synced++;
	} else if (exit == KVM_EXIT_MMIO) {
		memcpy(&value, run->mmio.data, 4);
		c->wrong += value != c->written || c->written + 1 != c->synced;
		c->written++;
	} else {
		c->wrong++;
	}
}

/* Runs until the signal of @delay microseconds has ended a KVM_RUN. */
static void round_of(struct counts *c, unsigned int delay)
{
	struct itimerval timer = { .it_value = { .tv_usec = delay } };
	int r;

	fired = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
	for (;;) {
		r = vcpu_run(&vcpu);
		if (r == -EINTR && fired) {
			c->wrong += vcpu.run->exit_reason != KVM_EXIT_INTR;
			return;
		}
		if (r != -EINTR)
			serve(c, r);
		if (fired)
			return;
	}
}

static void sweep(const char *path, bool irqchip, const char *name)
{
	unsigned int n, signals = on_debug_host() ? SIGNALS_DEBUG : SIGNALS;
	unsigned int step = on_debug_host() ? STEP_DEBUG : 1;
	struct counts c = { 0 };

	machine(&vm, &vcpu, path, irqchip, guest);
	for (n = 1; n <= signals; n++) {
		if (n % 16 == 0)
			madvise(touched, sizeof(touched), MADV_DONTNEED);
		round_of(&c, n * step);
	}
	printf("# %u signals, %u rounds of the guest\n", signals, c.written);
	TAP_EQ(c.wrong, 0, name);
	tap_ok(c.written > signals / 4, "the guest got on meanwhile");
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };
	const char *path = device_path(argc, argv);

	tap_begin();
	sigaction(SIGALRM, &action, NULL);
	sweep(path, false, "no exit is lost or repeated: controllers in user space");
	sweep(path, true, "no exit is lost or repeated: controllers in the kernel");
	return tap_end();
}
