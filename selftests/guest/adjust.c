// SPDX-License-Identifier: GPL-2.0
/*
 * IA32_TSC_ADJUST: what a guest has set its TSC by. A guest's write of the TSC shows in it and a
 * guest's write of it moves the TSC; user space restores each by itself, and no vCPU's moves
 * another's. SDM vol. 3B, 17.17.3.
 */
#include "selftests/lib/clock.h"
#include "selftests/lib/vm.h"

#define MSR_ADJUST	0x3b
#define FORWARD		(1ULL << 40)
#define STEP		(1ULL << 30)
#define RESTORED	(1ULL << 50)	/* what user space writes */
#define NEW_TSC		(1ULL << 45)
#define WINDOW		100000000ULL	/* what a few exits take at most, in ticks of the TSC */

static struct vm vm;
static struct vcpu vcpu, other;
static volatile uint64_t tsc_now;

static void by_tsc(void)
{
	uint64_t origin = guest_rdtsc() - guest_rdmsr(MSR_ADJUST), adjust;

	guest_check("a new vCPU has been adjusted by 0", guest_rdmsr(MSR_ADJUST), 0);
	guest_wrmsr(MSR_TSC, guest_rdtsc() + FORWARD);
	adjust = guest_rdmsr(MSR_ADJUST);
	guest_check("the guest sets its TSC forward: IA32_TSC_ADJUST grows by as much",
		    FORWARD - adjust < WINDOW, 1);
	guest_check("so that the TSC less that goes on as before",
		    guest_rdtsc() - adjust - origin < WINDOW, 1);
}

static void by_adjust(void)
{
	uint64_t adjust = guest_rdmsr(MSR_ADJUST), before = guest_rdtsc();

	guest_wrmsr(MSR_ADJUST, adjust + STEP);
	guest_check("the guest adds to IA32_TSC_ADJUST: its TSC moves by that",
		    guest_rdtsc() - before - STEP < WINDOW, 1);
	guest_check("it reads back", guest_rdmsr(MSR_ADJUST), adjust + STEP);
	before = guest_rdtsc();
	guest_wrmsr(MSR_ADJUST, adjust);
	guest_check("and back", guest_rdtsc() + STEP - before < WINDOW, 1);
}

static void guest(void)
{
	uint64_t before;

	by_tsc();
	by_adjust();
	tsc_now = guest_rdtsc();
	guest_sync(1);
	guest_check("user space writes IA32_TSC_ADJUST: the guest's TSC goes on",
		    guest_rdtsc() - tsc_now < WINDOW, 1);
	guest_check("the guest reads what was written", guest_rdmsr(MSR_ADJUST), RESTORED);
	before = guest_rdtsc();
	guest_wrmsr(MSR_ADJUST, RESTORED + STEP);
	guest_check("what it adds to that moves its TSC",
		    guest_rdtsc() - before - STEP < WINDOW, 1);
	guest_wrmsr(MSR_ADJUST, RESTORED);
	guest_sync(2);
	guest_check("user space writes the TSC: the guest has that",
		    guest_rdtsc() - NEW_TSC < WINDOW, 1);
	guest_check("and not another IA32_TSC_ADJUST", guest_rdmsr(MSR_ADJUST), RESTORED);
	guest_sync(3);
}

static int msr(unsigned long cmd, uint32_t index, uint64_t *value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1, .entry = { .index = index, .data = *value } };
	int r = call(vcpu.fd, cmd, &msr);

	*value = msr.entry.data;
	return r;
}

static uint64_t get_adjust(void)
{
	uint64_t value = ~0ULL;

	return msr(KVM_GET_MSRS, MSR_ADJUST, &value) == 1 ? value : ~0ULL;
}

static uint64_t offset(struct vcpu *of)
{
	uint64_t value = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&value
	};

	return call(of->fd, KVM_GET_DEVICE_ATTR, &attr) ? ~0ULL : value;
}

static void by_user_space(void)
{
	uint64_t before = offset(&vcpu), value = RESTORED;

	TAP_EQ(msr(KVM_SET_MSRS, MSR_ADJUST, &value), 1, "user space restores IA32_TSC_ADJUST");
	TAP_EQ(get_adjust(), RESTORED, "which reads back");
	TAP_EQ(offset(&vcpu), before, "and leaves KVM_VCPU_TSC_OFFSET as it was");
	TAP_EQ(vcpu_sync(&vcpu), 2, "the guest goes on");
	value = NEW_TSC;
	TAP_EQ(msr(KVM_SET_MSRS, MSR_TSC, &value), 1, "user space writes the TSC");
	TAP_EQ(get_adjust(), RESTORED, "which leaves IA32_TSC_ADJUST as it was");
	tap_ok(offset(&vcpu) != before, "and sets KVM_VCPU_TSC_OFFSET");
	TAP_EQ(vcpu_sync(&vcpu), 3, "the guest goes on again");
}

int main(int argc, char **argv)
{
	uint64_t others, first;

	tap_begin();
	machine(&vm, &vcpu, device_path(argc, argv), true, guest);
	vcpu_open(&vm, &other, 1);
	first = offset(&vcpu);
	others = offset(&other);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest sets its TSC");
	TAP_EQ(get_adjust(), offset(&vcpu) - first, "by what its offset has changed");
	TAP_EQ(offset(&other), others, "another vCPU's offset is as it was");
	by_user_space();
	TAP_EQ(offset(&other), others, "and still is after user space's writes");
	tap_checks();
	vcpu_close(&other);
	machine_close(&vm, &vcpu);
	return tap_end();
}
