// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting: a HLT that ends soon is looked at before its thread sleeps, within limits and not while
 * another thread wants the processor.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
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
	struct kvm_stats_header head;
	uint64_t value = ~0ULL;
	unsigned int i;

	pread(fd, &head, sizeof(head), 0);
	for (i = 0; i < head.num_desc; i++) {
		char raw[256];
		struct kvm_stats_desc *desc = (void *)raw;
		size_t size = sizeof(*desc) + head.name_size;

		pread(fd, raw, size, head.desc_offset + i * size);
		if (!strcmp(desc->name, name))
			pread(fd, &value, sizeof(value), head.data_offset + desc->offset);
	}
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

int main(int argc, char **argv)
{
	path = device_path(argc, argv);
	tap_begin();
	alarm(100);
	halt_polling();
	return tap_end();
}
