// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_SYNC_REGS: registers go in and out by the run page, as the ioctls would take and give
 * them.
 */
#include "selftests/lib/vm.h"

static struct vm vm;
static struct vcpu vcpu;
static const char *path;

/* Says what RBX is, and counts it up. */
static void guest(void)
{
	asm volatile("1: mov %%ebx, %%eax; out %%eax, %0; inc %%rbx; jmp 1b"
		     : : "i"(SYNC_PORT) : "rax", "rbx");
}

static struct kvm_sync_regs *page(void)
{
	return &vcpu.run->s.regs;
}

static void masks(void)
{
	static const uint64_t bad[] = { 8, 1ULL << 31, 1ULL << 32, 1ULL << 63, 0xf };
	unsigned int i, wrong = 0;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		vcpu.run->kvm_valid_regs = bad[i];
		wrong += vcpu_run(&vcpu) != -EINVAL;
		vcpu.run->kvm_valid_regs = 0;
		vcpu.run->kvm_dirty_regs = bad[i];
		wrong += vcpu_run(&vcpu) != -EINVAL;
		vcpu.run->kvm_dirty_regs = 0;
	}
	TAP_EQ(wrong, 0, "an unknown bit in either mask is EINVAL");
}

static void out(void)
{
	struct kvm_vcpu_events events;
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	memset(page(), 0x5a, sizeof(*page()));
	vcpu_sync(&vcpu);
	TAP_EQ(page()->regs.rax, 0x5a5a5a5a5a5a5a5a, "nothing is shown that was not asked for");
	/* Upstream leaves some bytes of the structures as they are. */
	memset(page(), 0, sizeof(*page()));
	memset(&events, 0, sizeof(events));
	memset(&sregs, 0, sizeof(sregs));
	vcpu.run->kvm_valid_regs = KVM_SYNC_X86_VALID_FIELDS;
	vcpu_sync(&vcpu);
	call(vcpu.fd, KVM_GET_REGS, &regs);
	call(vcpu.fd, KVM_GET_SREGS, &sregs);
	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &events);
	tap_ok(!memcmp(&regs, &page()->regs, sizeof(regs)), "KVM_GET_REGS is on the page");
	tap_ok(!memcmp(&sregs, &page()->sregs, sizeof(sregs)), "KVM_GET_SREGS is");
	tap_ok(!memcmp(&events, &page()->events, sizeof(events)), "KVM_GET_VCPU_EVENTS is");
	vcpu.run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	memset(&page()->sregs, 0x5a, sizeof(page()->sregs));
	vcpu_sync(&vcpu);
	TAP_EQ(page()->sregs.cr3, 0x5a5a5a5a5a5a5a5a, "one part comes without the others");
	TAP_EQ(page()->regs.rbx, (uint32_t)page()->regs.rax, "and is new each time");
	memset(page(), 0, sizeof(*page()));
}

static void in(void)
{
	uint64_t cr4;

	vcpu.run->kvm_valid_regs = KVM_SYNC_X86_VALID_FIELDS;
	vcpu_sync(&vcpu);
	page()->regs.rbx = 0xb0;
	vcpu.run->kvm_dirty_regs = 0;
	vcpu_sync(&vcpu);
	TAP_EQ(page()->regs.rax == 0xb0, false, "what is not called dirty is not taken");
	page()->regs.rbx = 0xb0;
	vcpu.run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	vcpu_sync(&vcpu);
	/* The exit was before the INC. */
	TAP_EQ(page()->regs.rax, 0xb1, "what is called dirty is taken");
	TAP_EQ(vcpu.run->kvm_dirty_regs, 0, "and is dirty no more");
	cr4 = page()->sregs.cr4;
	page()->sregs.cr4 = cr4 | 0x200;
	vcpu.run->kvm_dirty_regs = KVM_SYNC_X86_SREGS;
	vcpu_sync(&vcpu);
	TAP_EQ(page()->sregs.cr4, cr4 | 0x200, "system registers, too");
	page()->sregs.cr4 = 1ULL << 63;
	vcpu.run->kvm_dirty_regs = KVM_SYNC_X86_SREGS;
	TAP_EQ(vcpu_run(&vcpu), -EINVAL, "what KVM_SET_SREGS refuses is EINVAL");
	vcpu.run->kvm_dirty_regs = 0;
	vcpu_sync(&vcpu);
	TAP_EQ(page()->sregs.cr4, cr4 | 0x200, "and nothing has changed");
	page()->events.flags = 1U << 31;
	vcpu.run->kvm_dirty_regs = KVM_SYNC_X86_EVENTS;
	TAP_EQ(vcpu_run(&vcpu), -EINVAL, "what KVM_SET_VCPU_EVENTS refuses is EINVAL");
	vcpu.run->kvm_dirty_regs = 0;
}

int main(int argc, char **argv)
{
	struct kvm_regs regs;

	tap_begin();
	path = device_path(argc, argv);
	machine(&vm, &vcpu, path, false, guest);
	TAP_EQ(call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS), KVM_SYNC_X86_VALID_FIELDS,
	       "KVM_CAP_SYNC_REGS");
	call(vcpu.fd, KVM_GET_REGS, &regs);
	regs.rbx = 1;
	call(vcpu.fd, KVM_SET_REGS, &regs);
	masks();
	out();
	in();
	machine_close(&vm, &vcpu);
	return tap_end();
}
