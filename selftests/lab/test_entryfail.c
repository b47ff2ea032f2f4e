// SPDX-License-Identifier: GPL-2.0
/*
 * For test_lab.py: one VM entry that the processor must refuse, by a task register that is not
 * present. Exit status 0 if KVM_RUN reported a failed entry.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

int main(void)
{
	struct kvm_userspace_memory_region slot = { .memory_size = 1 << 20 };
	struct kvm_sregs sregs;
	struct kvm_run *run;
	int kvm, vm, vcpu, size;

	kvm = open("/dev/kvm", O_RDWR);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	slot.userspace_addr = (unsigned long)mmap(NULL, slot.memory_size, PROT_READ | PROT_WRITE,
						  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (vcpu < 0 || run == MAP_FAILED || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) ||
	    ioctl(vcpu, KVM_GET_SREGS, &sregs)) {
		perror("/dev/kvm");
		return 2;
	}
	sregs.tr.present = 0;
	sregs.tr.unusable = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_RUN, 0)) {
		perror("KVM_RUN");
		return 2;
	}
	printf("exit reason %u, hardware reason %#llx\n", run->exit_reason,
	       (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
	return run->exit_reason != KVM_EXIT_FAIL_ENTRY;
}
