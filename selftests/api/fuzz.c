// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls with arguments that make no sense, in an order that makes none: the host survives, and
 * a guest runs afterwards. The same numbers each time.
 */
#include "selftests/lib/vm.h"

#define ROUNDS		4000
#define ROUNDS_DEBUG	200

static struct vm vm;
static struct vcpu vcpu;
static uint64_t state = 88172645463325252ULL;
static uint8_t buffer[3 * PAGE] __attribute__((aligned(4096)));

/* Marsaglia's xorshift. */
static uint64_t random64(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static const unsigned long system_ioctls[] = {
	KVM_GET_API_VERSION, KVM_CHECK_EXTENSION, KVM_GET_VCPU_MMAP_SIZE,
	KVM_GET_SUPPORTED_CPUID, KVM_GET_EMULATED_CPUID, KVM_GET_MSR_INDEX_LIST,
	KVM_GET_MSR_FEATURE_INDEX_LIST, KVM_GET_MSRS,
};

static const unsigned long vm_ioctls[] = {
	KVM_SET_USER_MEMORY_REGION, KVM_SET_TSS_ADDR, KVM_SET_IDENTITY_MAP_ADDR,
	KVM_IRQ_LINE, KVM_IRQ_LINE_STATUS, KVM_SIGNAL_MSI, KVM_GET_IRQCHIP, KVM_SET_IRQCHIP,
	KVM_GET_CLOCK, KVM_SET_CLOCK, KVM_ENABLE_CAP, KVM_SET_BOOT_CPU_ID, KVM_CREATE_IRQCHIP,
	KVM_CHECK_EXTENSION,
};

static const unsigned long vcpu_ioctls[] = {
	KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS, KVM_GET_MSRS, KVM_SET_MSRS,
	KVM_GET_FPU, KVM_SET_FPU, KVM_GET_XSAVE, KVM_SET_XSAVE, KVM_GET_XCRS, KVM_SET_XCRS,
	KVM_GET_CPUID2, KVM_SET_CPUID2, KVM_GET_LAPIC, KVM_SET_LAPIC, KVM_GET_MP_STATE,
	KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS,
	KVM_INTERRUPT, KVM_NMI, KVM_SMI, KVM_GET_TSC_KHZ, KVM_KVMCLOCK_CTRL,
};

/* Mostly small numbers and single bits: those get past the first check. */
static uint64_t odd_value(void)
{
	uint64_t r = random64();

	switch (r & 7) {
	case 0:
		return random64();
	case 1:
		return 1ULL << (r >> 8 & 63);
	case 2:
		return -(r >> 8 & 15);
	case 3:
		return (r >> 8 & 0xff) << 12;
	default:
		return r >> 8 & 31;
	}
}

static unsigned long odd_argument(unsigned int fields)
{
	unsigned int i;

	switch (random64() & 15) {
	case 0:
		return odd_value();
	case 1:
		/* The structure ends where memory does. */
		return (unsigned long)buffer + 2 * PAGE - (random64() & 63);
	default:
		for (i = 0; i < fields; i++)
			((uint64_t *)buffer)[i] = odd_value();
		return (unsigned long)buffer;
	}
}

static bool ioctls(int fd, const unsigned long *numbers, unsigned int n)
{
	unsigned long cmd = numbers[random64() % n];
	int r = call(fd, cmd, odd_argument(1 + random64() % 200));

	return r >= 0 || (r > -134 && r != -ENOTTY);
}

/* What was read, with one word of it changed: that gets past more checks. */
static bool change_one(void)
{
	static const unsigned long pairs[][2] = {
		{ KVM_GET_SREGS, KVM_SET_SREGS }, { KVM_GET_XSAVE, KVM_SET_XSAVE },
		{ KVM_GET_LAPIC, KVM_SET_LAPIC }, { KVM_GET_FPU, KVM_SET_FPU },
		{ KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS },
		{ KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS }, { KVM_GET_XCRS, KVM_SET_XCRS },
	};
	unsigned int i = random64() % (sizeof(pairs) / sizeof(pairs[0]));
	unsigned int words = _IOC_SIZE(pairs[i][0]) / 8;

	if (call(vcpu.fd, pairs[i][0], buffer))
		return true;
	((uint64_t *)buffer)[random64() % words] ^= odd_value();
	call(vcpu.fd, pairs[i][1], buffer);
	return true;
}

/* A run from whatever state that left, ended at once or by the first thing that goes wrong. */
static void run_somehow(void)
{
	uint8_t *page = (uint8_t *)vcpu.run;
	unsigned int i;

	for (i = 0; i < 4; i++)
		page[32 + random64() % (PAGE - 32)] = random64();
	page[0] = random64() & 1;
	vcpu.run->immediate_exit = 1;
	vcpu_run(&vcpu);
	vcpu.run->immediate_exit = 0;
}

static void guest(void)
{
	guest_sync(1);
}

static void fuzz(const char *path, bool irqchip, const char *name)
{
	unsigned int i, wrong = 0, rounds = on_debug_host() ? ROUNDS_DEBUG : ROUNDS;

	machine(&vm, &vcpu, path, irqchip, guest);
	for (i = 0; i < rounds; i++) {
		wrong += !ioctls(vm.dev, system_ioctls, sizeof(system_ioctls) / 8);
		wrong += !ioctls(vm.fd, vm_ioctls, sizeof(vm_ioctls) / 8);
		wrong += !ioctls(vcpu.fd, vcpu_ioctls, sizeof(vcpu_ioctls) / 8);
		wrong += !change_one();
		if (i % 16 == 0)
			run_somehow();
	}
	TAP_EQ(wrong, 0, name);
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);

	tap_begin();
	munmap(buffer + 2 * PAGE, PAGE);
	fuzz(path, false, "nonsense without interrupt controllers is survived");
	fuzz(path, true, "nonsense with interrupt controllers is survived");
	machine(&vm, &vcpu, path, true, guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest runs afterwards");
	machine_close(&vm, &vcpu);
	return tap_end();
}
