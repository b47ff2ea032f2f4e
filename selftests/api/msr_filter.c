// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_X86_SET_MSR_FILTER and KVM_CAP_X86_USER_SPACE_MSR: what a guest may access, and what user
 * space hears and answers.
 */
#include "selftests/lib/vm.h"

#define MSR_FS_BASE	0xc0000100U	/* is never an exit without a filter */
#define MSR_GS_BASE	0xc0000101U
#define MSR_STAR	0xc0000081U
#define MSR_NONE	0x474f4f00U	/* there is none */
#define VECTOR_GP	13

static struct vm vm;
static struct vcpu vcpu;
static const char *path;
static struct kvm_msr_filter filter;
static uint8_t all[KVM_MSR_FILTER_MAX_BITMAP_SIZE], none[KVM_MSR_FILTER_MAX_BITMAP_SIZE];
static volatile uint32_t index_to_use;
static volatile bool to_write;
static volatile uint64_t value_to_use;

/* Accesses the MSR that it is told, and says which exception came, if any. */
static void guest(void)
{
	uint32_t low, high;
	uint64_t got;

	for (;;) {
		low = value_to_use;
		high = value_to_use >> 32;
		if (to_write)
			got = TRAP("wrmsr", : : "c"(index_to_use), "a"(low), "d"(high)
				   : TRAP_CLOBBERS);
		else
			got = TRAP("rdmsr", : "=a"(low), "=d"(high) : "c"(index_to_use)
				   : TRAP_CLOBBERS);
		value_to_use = (uint64_t)high << 32 | low;
		guest_sync(got);
	}
}

static uint32_t read_msr(uint32_t index)
{
	index_to_use = index;
	to_write = false;
	return vcpu_sync(&vcpu);
}

static uint32_t write_msr(uint32_t index, uint64_t value)
{
	index_to_use = index;
	to_write = true;
	value_to_use = value;
	return vcpu_sync(&vcpu);
}

static int set(void)
{
	return call(vm.fd, KVM_X86_SET_MSR_FILTER, &filter);
}

static int one_range(uint32_t flags, uint32_t base, uint32_t nr, uint8_t *bitmap)
{
	memset(&filter, 0, sizeof(filter));
	filter.ranges[0] = (struct kvm_msr_filter_range) {
		.flags = flags, .base = base, .nmsrs = nr, .bitmap = bitmap,
	};
	return set();
}

static int report(uint64_t reasons)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_USER_SPACE_MSR, .args = { reasons } };

	return call(vm.fd, KVM_ENABLE_CAP, &cap);
}

static void bad_filters(void)
{
	const uint32_t both = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE;

	filter.flags = 2;
	TAP_EQ(set(), -EINVAL, "an unknown flag is EINVAL");
	filter.flags = KVM_MSR_FILTER_DEFAULT_DENY;
	TAP_EQ(set(), -EINVAL, "to deny all is EINVAL");
	TAP_EQ(one_range(4, 0, 8, all), -EINVAL, "an unknown flag of a range is EINVAL");
	TAP_EQ(one_range(both, 0, 8 * 0x600 + 1, all), -EINVAL, "a bitmap too long is EINVAL");
	TAP_EQ(one_range(both, 0, 0xffffffff, all), -EINVAL, "and one of 512 MiB");
	TAP_EQ(one_range(both, 0, 8, (void *)-4096L), -EFAULT, "one that is not there: EFAULT");
	TAP_EQ(read_msr(MSR_FS_BASE), (uint32_t)NO_TRAP, "none of them has changed anything");
	TAP_EQ(report(8), -EINVAL, "an unknown reason is EINVAL");
}

static void refused_accesses(void)
{
	TAP_EQ(one_range(KVM_MSR_FILTER_WRITE, MSR_FS_BASE, 1, none), 0, "a range of one MSR");
	TAP_EQ(write_msr(MSR_FS_BASE, 4), VECTOR_GP, "a write that is refused is #GP");
	TAP_EQ(read_msr(MSR_FS_BASE), (uint32_t)NO_TRAP, "a read is not");
	TAP_EQ(write_msr(MSR_GS_BASE, 4), (uint32_t)NO_TRAP, "nor is its neighbour");
	TAP_EQ(one_range(KVM_MSR_FILTER_READ, MSR_STAR, 4, none), 0, "another filter");
	TAP_EQ(write_msr(MSR_FS_BASE, 0), (uint32_t)NO_TRAP, "takes the place of the first");
	TAP_EQ(read_msr(MSR_STAR), VECTOR_GP, "a read is #GP");
	TAP_EQ(write_msr(MSR_STAR, 0), (uint32_t)NO_TRAP, "a write is not");
	memset(&filter, 0, sizeof(filter));
	filter.flags = KVM_MSR_FILTER_DEFAULT_DENY;
	filter.ranges[0] = (struct kvm_msr_filter_range) {
		.flags = KVM_MSR_FILTER_READ, .base = MSR_STAR, .nmsrs = 1, .bitmap = all,
	};
	TAP_EQ(set(), 0, "what is not allowed is refused");
	TAP_EQ(read_msr(MSR_STAR), (uint32_t)NO_TRAP, "the one is allowed");
	TAP_EQ(read_msr(MSR_GS_BASE), VECTOR_GP, "another one is not");
	TAP_EQ(write_msr(MSR_STAR, 0), VECTOR_GP, "nor is a write to it");
	memset(&filter, 0, sizeof(filter));
	TAP_EQ(set(), 0, "no filter");
	TAP_EQ(read_msr(MSR_GS_BASE), (uint32_t)NO_TRAP, "all is allowed");
}

static void expect_exit(int exit, int expected, uint32_t reason, uint32_t index, const char *what)
{
	TAP_EQ(exit, expected, "%s", what);
	TAP_EQ(vcpu.run->msr.reason, reason, "%s: the reason", what);
	TAP_EQ(vcpu.run->msr.index, index, "%s: the MSR", what);
	TAP_EQ(vcpu.run->msr.error, 0, "%s: no error yet", what);
}

static void answered_reads(void)
{
	TAP_EQ(report(KVM_MSR_EXIT_REASON_UNKNOWN), 0, "user space wants the unknown ones");
	index_to_use = MSR_NONE;
	to_write = false;
	expect_exit(vcpu_run(&vcpu), KVM_EXIT_X86_RDMSR, KVM_MSR_EXIT_REASON_UNKNOWN, MSR_NONE,
		    "RDMSR of one that is unknown");
	vcpu.run->msr.data = 0x1122334455667788;
	TAP_EQ(vcpu_sync(&vcpu), (uint32_t)NO_TRAP, "user space answers");
	TAP_EQ(value_to_use, 0x1122334455667788, "and the guest gets it");
	vcpu_run(&vcpu);
	vcpu.run->msr.error = 1;
	TAP_EQ(vcpu_sync(&vcpu), VECTOR_GP, "an error is #GP");
	TAP_EQ(write_msr(MSR_STAR, 0), (uint32_t)NO_TRAP, "a known one is no exit");
}

static void answered_writes(void)
{
	report(KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_FILTER |
	       KVM_MSR_EXIT_REASON_INVAL);
	one_range(KVM_MSR_FILTER_WRITE, MSR_FS_BASE, 1, none);
	index_to_use = MSR_FS_BASE;
	to_write = true;
	value_to_use = 0x123456789;
	expect_exit(vcpu_run(&vcpu), KVM_EXIT_X86_WRMSR, KVM_MSR_EXIT_REASON_FILTER, MSR_FS_BASE,
		    "WRMSR that the filter refuses");
	TAP_EQ(vcpu.run->msr.data, 0x123456789, "the value");
	TAP_EQ(vcpu_sync(&vcpu), (uint32_t)NO_TRAP, "user space takes it");
	TAP_EQ(read_msr(MSR_FS_BASE), (uint32_t)NO_TRAP, "the guest goes on");
	TAP_EQ(value_to_use, 0, "and has written nothing");
	index_to_use = 0x1b;		/* IA32_APIC_BASE */
	to_write = true;
	value_to_use = -1ULL;
	expect_exit(vcpu_run(&vcpu), KVM_EXIT_X86_WRMSR, KVM_MSR_EXIT_REASON_INVAL, 0x1b,
		    "WRMSR of a bad value");
	vcpu.run->msr.error = 1;
	TAP_EQ(vcpu_sync(&vcpu), VECTOR_GP, "which user space refuses, too");
	report(0);
	TAP_EQ(write_msr(MSR_FS_BASE, 4), VECTOR_GP, "without the capability it is #GP again");
}

int main(int argc, char **argv)
{
	tap_begin();
	path = device_path(argc, argv);
	memset(all, 0xff, sizeof(all));
	machine(&vm, &vcpu, path, false, guest);
	tap_ok(call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_X86_MSR_FILTER) > 0,
	       "KVM_CAP_X86_MSR_FILTER");
	tap_ok(call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_X86_USER_SPACE_MSR) > 0,
	       "KVM_CAP_X86_USER_SPACE_MSR");
	bad_filters();
	refused_accesses();
	answered_reads();
	answered_writes();
	machine_close(&vm, &vcpu);
	return tap_end();
}
