// SPDX-License-Identifier: GPL-2.0
/*
 * Machine checks from outside: the banks that a guest is given, errors reported to it, and what
 * becomes of a guest that cannot take one.
 */
#include "selftests/lib/vm.h"

#define MCG_CTL_P	(1ULL << 8)
#define MCG_SER_P	(1ULL << 24)
#define MCG_CAP		0x179
#define MCG_STATUS	0x17a
#define MC0_CTL		0x400
#define BANK(n, reg)	(MC0_CTL + 4 * (n) + (reg))
#define STATUS		1
#define ADDR		2
#define VAL		(1ULL << 63)
#define OVER		(1ULL << 62)
#define UC		(1ULL << 61)
#define MCIP		(1ULL << 2)
#define CR4_MCE		(1UL << 6)
#define MC_VECTOR	18

static struct vm vm;
static struct vcpu vcpu;

static uint64_t msr(uint32_t index)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { { .nmsrs = 1 }, { .index = index } };

	return call(vcpu.fd, KVM_GET_MSRS, &msrs) == 1 ? msrs.entry.data : 0xbad;
}

static int setup(uint64_t cap)
{
	return call(vcpu.fd, KVM_X86_SETUP_MCE, &cap);
}

static int report(unsigned int bank, uint64_t status, uint64_t addr)
{
	struct kvm_x86_mce mce = {
		.bank = bank, .status = status, .addr = addr, .mcg_status = MCIP | 1,
	};

	return call(vcpu.fd, KVM_X86_SET_MCE, &mce);
}

static void banks(void)
{
	int most = call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_MCE);
	uint64_t supported = 0;

	TAP_EQ(most, 32, "KVM_CAP_MCE: 32 banks");
	TAP_EQ(call(vm.dev, KVM_X86_GET_MCE_CAP_SUPPORTED, &supported), 0, "what is supported");
	TAP_EQ(supported & (MCG_CTL_P | MCG_SER_P), MCG_CTL_P | MCG_SER_P, "MCG_CTL and recovery");
	TAP_EQ(call(vm.dev, KVM_X86_GET_MCE_CAP_SUPPORTED, 0), -EFAULT, "NULL: EFAULT");
	TAP_EQ(setup(0), -EINVAL, "no bank: EINVAL");
	TAP_EQ(setup(most + 1), -EINVAL, "too many: EINVAL");
	TAP_EQ(setup(1ULL << 40 | 4), -EINVAL, "a feature that there is not: EINVAL");
	TAP_EQ(setup(supported | 10), 0, "ten banks");
	TAP_EQ(msr(MCG_CAP), supported | 10, "IA32_MCG_CAP shows them");
	TAP_EQ(msr(BANK(9, 0)), ~0ULL, "the last one is switched on");
}

static void corrected(void)
{
	TAP_EQ(report(10, VAL, 0), -EINVAL, "a bank that is not there: EINVAL");
	TAP_EQ(report(255, VAL, 0), -EINVAL, "nor the last that fits: EINVAL");
	TAP_EQ(report(1, 0, 0), -EINVAL, "a status that is not valid: EINVAL");
	TAP_EQ(report(1, VAL | 0x123, 0x5000), 0, "a corrected error");
	TAP_EQ(msr(BANK(1, STATUS)), VAL | 0x123, "is in its bank");
	TAP_EQ(msr(BANK(1, ADDR)), 0x5000, "with its address");
	TAP_EQ(report(1, VAL | 0x124, 0x6000), 0, "a second one");
	TAP_EQ(msr(BANK(1, STATUS)), VAL | OVER | 0x124, "takes its place: overflow");
	TAP_EQ(msr(MCG_STATUS), 0, "no machine check is in progress");
}

static void uncorrected(void)
{
	struct kvm_vcpu_events events;
	struct kvm_sregs sregs;

	call(vcpu.fd, KVM_GET_SREGS, &sregs);
	sregs.cr4 |= CR4_MCE;
	TAP_EQ(call(vcpu.fd, KVM_SET_SREGS, &sregs), 0, "the guest takes machine checks");
	TAP_EQ(report(2, VAL | UC | 0x150, 0x7000), 0, "an uncorrected error");
	TAP_EQ(msr(BANK(2, STATUS)), VAL | UC | 0x150, "is in its bank");
	TAP_EQ(msr(MCG_STATUS), MCIP | 1, "a machine check is in progress");
	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &events);
	TAP_EQ(events.exception.nr, MC_VECTOR, "the exception is on its way");
	TAP_EQ(report(2, VAL | 0x125, 0), 0, "a corrected one now");
	TAP_EQ(msr(BANK(2, STATUS)), VAL | UC | OVER | 0x150, "only shows as an overflow");
	TAP_EQ(report(3, VAL | UC, 0), 0, "an uncorrected one while one is in progress");
	TAP_EQ(vcpu_run(&vcpu), KVM_EXIT_SHUTDOWN, "is the guest's end");
}

static void guest(void)
{
	guest_sync(1);
}

int main(int argc, char **argv)
{
	tap_begin();
	machine(&vm, &vcpu, device_path(argc, argv), true, guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest runs");
	banks();
	corrected();
	uncorrected();
	machine_close(&vm, &vcpu);
	return tap_end();
}
