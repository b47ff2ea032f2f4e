// SPDX-License-Identifier: GPL-2.0
/*
 * A VM's clock, and its vCPUs' TSCs from outside: value, offset and frequency, which a processor
 * with TSC scaling gives as it is asked, and another only if it is the host's or a faster one.
 *
 * lab:
 * lab: --cpu corei7_skylake_x
 */
#include <limits.h>
#include <time.h>
#include <x86intrin.h>
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
	call(vcpu.fd, KVM_SET_TSC_KHZ, 0);
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

static int attribute(struct vcpu *cpu, unsigned long cmd, uint64_t *offset)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)offset
	};

	return call(cpu->fd, cmd, &attr);
}

static uint64_t offset_of(struct vcpu *cpu)
{
	uint64_t offset = 0;

	attribute(cpu, KVM_GET_DEVICE_ATTR, &offset);
	return offset;
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

static void tsc_offset(void)
{
	struct kvm_device_attr other = { .group = 1 };
	uint64_t offset = 1ULL << 50, before, value, after;

	TAP_EQ(call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_VCPU_ATTRIBUTES), 1,
	       "KVM_CAP_VCPU_ATTRIBUTES is 1");
	TAP_EQ(attribute(&vcpu, KVM_HAS_DEVICE_ATTR, NULL), 0, "KVM_VCPU_TSC_OFFSET is there");
	TAP_EQ(attribute(&vcpu, KVM_SET_DEVICE_ATTR, &offset), 0, "it can be set");
	TAP_EQ(offset_of(&vcpu), 1ULL << 50, "and read back");
	before = __rdtsc();
	value = tsc_of(&vcpu);
	after = __rdtsc();
	tap_ok(value - offset >= before && value - offset <= after,
	       "it is the guest's TSC less the host's");
	TAP_EQ(attribute(&vcpu, KVM_SET_DEVICE_ATTR, NULL), -EFAULT, "an offset at NULL: EFAULT");
	TAP_EQ(attribute(&vcpu, KVM_GET_DEVICE_ATTR, NULL), -EFAULT, "to NULL: EFAULT");
	TAP_EQ(call(vcpu.fd, KVM_HAS_DEVICE_ATTR, &other), -ENXIO, "another group: ENXIO");
	TAP_EQ(call(vcpu.fd, KVM_SET_DEVICE_ATTR, &other), -ENXIO, "nor can it be set");
	other.group = KVM_VCPU_TSC_CTRL;
	other.attr = 1;
	TAP_EQ(call(vcpu.fd, KVM_GET_DEVICE_ATTR, &other), -ENXIO, "another attribute: ENXIO");
}

/* What is meant to synchronize gives offsets that are equal to the tick. */
static void synchronized(void)
{
	uint64_t khz = call(vcpu.fd, KVM_GET_TSC_KHZ, 0);
	struct vcpu second;

	set_tsc(&vcpu, 1ULL << 46);
	vcpu_open(&vm, &second, 1);
	TAP_EQ(offset_of(&second), offset_of(&vcpu), "a new vCPU has the others' offset");
	set_tsc(&vcpu, 1ULL << 47);
	usleep(3000);
	set_tsc(&second, (1ULL << 47) + khz * 500);
	TAP_EQ(offset_of(&second), offset_of(&vcpu), "a value half a second off: one offset");
	set_tsc(&second, 0);
	TAP_EQ(offset_of(&second), offset_of(&vcpu), "0: one offset");
	set_tsc(&second, (1ULL << 47) + khz * 2000);
	tap_ok(offset_of(&second) - offset_of(&vcpu) > khz * 1000, "two seconds off: its own");
	vcpu_close(&second);
}

/* Ticks of the guest's TSC for 2^20 of the host's, at least and at most. */
static void rate(struct vcpu *cpu, uint64_t *least, uint64_t *most)
{
	uint64_t t[4], first, ticks;

	t[0] = __rdtsc();
	first = tsc_of(cpu);
	t[1] = __rdtsc();
	usleep(30000);
	t[2] = __rdtsc();
	ticks = tsc_of(cpu) - first;
	t[3] = __rdtsc();
	*least = (ticks << 20) / (t[3] - t[0]);
	*most = (ticks << 20) / (t[2] - t[1]) + 1;
}

static void runs_at(struct vcpu *cpu, uint64_t khz, uint64_t host, const char *name)
{
	uint64_t least, most, wanted = (khz << 20) / host;

	TAP_EQ(call(cpu->fd, KVM_GET_TSC_KHZ, 0), khz, "%s: KVM_GET_TSC_KHZ", name);
	rate(cpu, &least, &most);
	tap_ok(least <= wanted && wanted <= most, "%s: the TSC has it", name);
	printf("# %llu to %llu, wanted %llu\n", (unsigned long long)least,
	       (unsigned long long)most, (unsigned long long)wanted);
}

static void each_vcpu(uint64_t host, bool scales)
{
	struct vcpu one, two;
	uint64_t before;

	vcpu_open(&vm, &one, 2);
	vcpu_open(&vm, &two, 3);
	before = tsc_of(&one);
	TAP_EQ(call(one.fd, KVM_SET_TSC_KHZ, host / 2), scales ? 0 : -EINVAL,
	       scales ? "half the host's frequency" : "a slower one, which it cannot give: EINVAL");
	if (scales)
		runs_at(&one, host / 2, host, "half the host's");
	TAP_EQ(call(one.fd, KVM_SET_TSC_KHZ, 2 * host), 0, "twice the host's frequency");
	TAP_EQ(call(two.fd, KVM_SET_TSC_KHZ, 2 * host), 0, "also on another vCPU");
	TAP_EQ(offset_of(&two), offset_of(&one), "which has the same offset then");
	if (scales)
		runs_at(&one, 2 * host, host, "twice the host's");
	set_tsc(&one, 1ULL << 48);
	usleep(3000);
	set_tsc(&two, 1ULL << 48);
	TAP_EQ(offset_of(&two), offset_of(&one), "and after one value was written to both");
	tap_ok(tsc_of(&one) - (1ULL << 48) < 10000 * host, "which is their TSC");
	/* The host must survive it: that is the case. Where nothing is scaled upstream takes it. */
	printf("# the highest there is: %d\n", call(one.fd, KVM_SET_TSC_KHZ, UINT32_MAX));
	printf("# 70,000 times this host's: %d\n", call(one.fd, KVM_SET_TSC_KHZ, 70000 * host));
	TAP_EQ(call(one.fd, KVM_SET_TSC_KHZ, 0), 0, "0: the host's again, after those");
	runs_at(&one, host, host, "the host's");
	tap_ok(tsc_of(&one) > before, "the TSC has not gone back");
	vcpu_close(&one);
	vcpu_close(&two);
}

static void whole_vm(uint64_t host, bool scales)
{
	struct vcpu one;

	TAP_EQ(call(vm.fd, KVM_GET_TSC_KHZ, 0), host, "a VM's frequency is the host's");
	TAP_EQ(call(vm.fd, KVM_SET_TSC_KHZ, 3 * host), 0, "three times that for a VM");
	TAP_EQ(call(vm.fd, KVM_GET_TSC_KHZ, 0), 3 * host, "which it has");
	TAP_EQ(call(vcpu.fd, KVM_GET_TSC_KHZ, 0), host, "its vCPUs keep theirs");
	vcpu_open(&vm, &one, 4);
	TAP_EQ(call(one.fd, KVM_GET_TSC_KHZ, 0), 3 * host, "a new one has the VM's");
	if (scales)
		runs_at(&one, 3 * host, host, "three times the host's");
	TAP_EQ(call(vm.fd, KVM_SET_TSC_KHZ, 0), 0, "0: the host's for the next");
	TAP_EQ(call(vm.fd, KVM_GET_TSC_KHZ, 0), host, "which the VM says");
	vcpu_close(&one);
}

static void scaling(void)
{
	uint64_t host = call(vcpu.fd, KVM_GET_TSC_KHZ, 0);
	int scales = call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL);

	printf("# this processor %s TSCs\n", scales ? "scales" : "does not scale");
	TAP_EQ(call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_VM_TSC_CONTROL), scales,
	       "KVM_CAP_VM_TSC_CONTROL is as KVM_CAP_TSC_CONTROL");
	TAP_EQ(call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL), scales, "also on a VM");
	if (scales) {
		TAP_EQ(call(vcpu.fd, KVM_SET_TSC_KHZ, INT_MAX), -EINVAL, "2 THz: EINVAL");
		TAP_EQ(call(vm.fd, KVM_SET_TSC_KHZ, INT_MAX), -EINVAL, "for a VM, too");
	}
	each_vcpu(host, scales);
	whole_vm(host, scales);
}

/* What a monitor does that moves a guest: the time it was away belongs to the guest's clock. */
static void clock_real_time(void)
{
	struct kvm_clock_data data, later;
	struct timespec now;

	memset(&data, 0, sizeof(data));
	call(vm.fd, KVM_GET_CLOCK, &data);
	if (!(data.flags & KVM_CLOCK_REALTIME)) {
		tap_skip("the time of day", "no master clock");
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	tap_ok(now.tv_sec * SECOND + now.tv_nsec - data.realtime < SECOND,
	       "KVM_CLOCK_REALTIME is the host's time of day");
	TAP_EQ(data.flags & KVM_CLOCK_HOST_TSC, KVM_CLOCK_HOST_TSC, "with the host's TSC");
	tap_ok(data.host_tsc <= __rdtsc() && data.host_tsc, "which is not in the future");
	data.realtime -= 7 * SECOND;
	data.flags = KVM_CLOCK_REALTIME;
	TAP_EQ(call(vm.fd, KVM_SET_CLOCK, &data), 0, "KVM_SET_CLOCK of seven seconds ago");
	call(vm.fd, KVM_GET_CLOCK, &later);
	tap_ok(later.clock - data.clock >= 7 * SECOND && later.clock - data.clock < 8 * SECOND,
	       "goes on seven seconds later");
	data.realtime += 3600 * SECOND;
	TAP_EQ(call(vm.fd, KVM_SET_CLOCK, &data), 0, "one of the future");
	call(vm.fd, KVM_GET_CLOCK, &later);
	tap_ok(later.clock >= data.clock && later.clock < data.clock + SECOND,
	       "goes on from what it says");
}

/* The host's clock that is not slewed, and the guest's, side by side. */
static void clock_pace(void)
{
	struct kvm_clock_data first, second;
	struct timespec t[4];
	int64_t least, most, ticks;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t[0]);
	call(vm.fd, KVM_GET_CLOCK, &first);
	clock_gettime(CLOCK_MONOTONIC_RAW, &t[1]);
	usleep(500000);
	clock_gettime(CLOCK_MONOTONIC_RAW, &t[2]);
	call(vm.fd, KVM_GET_CLOCK, &second);
	clock_gettime(CLOCK_MONOTONIC_RAW, &t[3]);
	least = (t[2].tv_sec - t[1].tv_sec) * (int64_t)SECOND + t[2].tv_nsec - t[1].tv_nsec;
	most = (t[3].tv_sec - t[0].tv_sec) * (int64_t)SECOND + t[3].tv_nsec - t[0].tv_nsec;
	ticks = second.clock - first.clock;
	tap_ok(ticks >= least - 2 && ticks <= most + 2, "the clock keeps the host's pace");
	printf("# %lld ns, %lld to %lld\n", (long long)ticks, (long long)least, (long long)most);
}

int main(int argc, char **argv)
{
	tap_begin();
	vm_open(&vm, device_path(argc, argv));
	vcpu_open(&vm, &vcpu, 0);
	clock_ioctls();
	frequency();
	tsc_values();
	tsc_offset();
	clock_real_time();
	clock_pace();
	synchronized();
	scaling();
	machine_close(&vm, &vcpu);
	return tap_end();
}
