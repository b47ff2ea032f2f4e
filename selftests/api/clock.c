// SPDX-License-Identifier: GPL-2.0
/*
 * A VM's clock and a vCPU's TSC frequency from outside.
 */
#include "selftests/lib/vm.h"

#define SECOND	1000000000ULL

static struct vm vm;
static struct vcpu vcpu;

static void clock_ioctls(void)
{
	struct kvm_clock_data data, later;
	int mask = call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_ADJUST_CLOCK);

	memset(&data, 0, sizeof(data));
	memset(&later, 0, sizeof(later));
	TAP_EQ(call(vm.fd, KVM_GET_CLOCK, &data), 0, "KVM_GET_CLOCK");
	TAP_EQ(data.flags & ~mask, 0, "it reports only flags of KVM_CAP_ADJUST_CLOCK");
	tap_ok(data.clock < 600 * SECOND, "a VM's clock starts with it");
	data.clock = 5000 * SECOND;
	data.flags = 0;
	TAP_EQ(call(vm.fd, KVM_SET_CLOCK, &data), 0, "KVM_SET_CLOCK");
	call(vm.fd, KVM_GET_CLOCK, &later);
	tap_ok(later.clock >= 5000 * SECOND && later.clock < 5010 * SECOND,
	       "the clock goes on from what was set");
	data.flags = 1U << 31;
	TAP_EQ(call(vm.fd, KVM_SET_CLOCK, &data), -EINVAL, "an unknown flag: EINVAL");
	data.flags = KVM_CLOCK_TSC_STABLE;
	TAP_EQ(call(vm.fd, KVM_SET_CLOCK, &data), 0,
	       "what KVM_GET_CLOCK says about the TSC may be handed back");
	TAP_EQ(call(vm.fd, KVM_SET_CLOCK, 0), -EFAULT, "NULL: EFAULT");
	TAP_EQ(call(vm.fd, KVM_GET_CLOCK, 0), -EFAULT, "NULL: EFAULT");
}

static void frequency(void)
{
	int khz = call(vcpu.fd, KVM_GET_TSC_KHZ, 0);

	tap_ok(khz > 10000, "KVM_GET_TSC_KHZ says more than 10 MHz");
	printf("# %d kHz\n", khz);
	TAP_EQ(call(vcpu.fd, KVM_SET_TSC_KHZ, khz), 0, "its own frequency can be set");
	TAP_EQ(call(vcpu.fd, KVM_SET_TSC_KHZ, 0), 0, "0 means the host's");
	TAP_EQ(call(vcpu.fd, KVM_GET_TSC_KHZ, 0), khz, "which it is");
	TAP_EQ(call(vcpu.fd, KVM_SET_TSC_KHZ, khz + khz / 4000), 0,
	       "a frequency within 250 ppm is the same");
}

static uint64_t tsc_of(struct vcpu *cpu)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1, .entry.index = 0x10 };

	call(cpu->fd, KVM_GET_MSRS, &msr);
	return msr.entry.data;
}

static void set_tsc(struct vcpu *cpu, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1, .entry = { .index = 0x10, .data = value } };

	call(cpu->fd, KVM_SET_MSRS, &msr);
}

static void tsc_values(void)
{
	uint64_t khz = call(vcpu.fd, KVM_GET_TSC_KHZ, 0), first, second;

	first = tsc_of(&vcpu);
	tap_ok(first < 600 * khz * 1000, "a vCPU's TSC starts with it");
	set_tsc(&vcpu, 1ULL << 45);
	second = tsc_of(&vcpu);
	tap_ok(second >= 1ULL << 45 && second < (1ULL << 45) + 10 * khz * 1000,
	       "the TSC goes on from what was set");
	TAP_EQ(call(vcpu.fd, KVM_KVMCLOCK_CTRL, 0), -EINVAL,
	       "KVM_KVMCLOCK_CTRL without a guest's clock page: EINVAL");
}

int main(int argc, char **argv)
{
	tap_begin();
	vm_open(&vm, device_path(argc, argv));
	vcpu_open(&vm, &vcpu, 0);
	clock_ioctls();
	frequency();
	tsc_values();
	machine_close(&vm, &vcpu);
	return tap_end();
}
