// SPDX-License-Identifier: GPL-2.0
/*
 * How a guest ends: a triple fault is KVM_EXIT_SHUTDOWN, and the VM can start anew.
 */
#include "selftests/lib/vm.h"

static void triple_guest(void)
{
	static struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none;

	guest_sync(1);
	asm volatile("lidt %0\n\tud2" : : "m"(none));
}

static void fine_guest(void)
{
	guest_sync(2);
}

/* A double fault is an exception as others are: #GP whose handler's gate is not present. */
static void double_guest(void)
{
	guest_check("a fault whose handler is missing: #DF",
		    TRAP("mov (%0), %%rax", : : "r"(1ULL << 60) : "rax", TRAP_CLOBBERS), 8);
	guest_check("with error code 0", trap.error, 0);
	guest_sync(3);
}

int main(int argc, char **argv)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct vcpu vcpu;
	struct vm vm;

	tap_begin();
	machine(&vm, &vcpu, device_path(argc, argv), false, triple_guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest runs");
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_SHUTDOWN, "a triple fault is KVM_EXIT_SHUTDOWN");
	memset(&regs, 0, sizeof(regs));
	call(vcpu.fd, KVM_SET_REGS, &regs);
	vcpu_long_mode(&vcpu, fine_guest, 0);
	TAP_EQ(vcpu_sync(&vcpu), 2, "another guest runs on the same vCPU");
	vcpu_long_mode(&vcpu, double_guest, 0);
	call(vcpu.fd, KVM_GET_SREGS, &sregs);
	((uint8_t *)(uintptr_t)sregs.idt.base)[13 * 16 + 5] = 0;
	TAP_EQ(vcpu_sync(&vcpu), 3, "a guest survives a double fault");
	tap_checks();
	vcpu_reached(&vcpu, "TRIPLE_FAULT");
	machine_close(&vm, &vcpu);
	return tap_end();
}
