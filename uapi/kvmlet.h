/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What kvmlet's interface has that <linux/kvm.h> of its oldest kernel does not. All of it is
 * KVM's own of later kernels, under KVM's own numbers; kvmlet adds none of its own.
 */
#ifndef KVMLET_UAPI_H
#define KVMLET_UAPI_H

#include <linux/kvm.h>

#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT		39
#endif

#ifndef KVM_CAP_MEMORY_FAULT_INFO
#define KVM_CAP_MEMORY_FAULT_INFO	232
#endif

#ifndef KVM_SET_USER_MEMORY_REGION2
/* Begins as struct kvm_userspace_memory_region, and has no flag that asks for more. */
struct kvm_userspace_memory_region2 {
	__u32 slot;
	__u32 flags;
	__u64 guest_phys_addr;
	__u64 memory_size;
	__u64 userspace_addr;
	__u64 guest_memfd_offset;
	__u32 guest_memfd;
	__u32 pad1;
	__u64 pad2[14];
};

#define KVM_SET_USER_MEMORY_REGION2	_IOW(KVMIO, 0x49, struct kvm_userspace_memory_region2)
#define KVM_CAP_USER_MEMORY2		231
#endif

#ifndef KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST
#define KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST	(1ULL << 2)
#define KVM_X2APIC_DISABLE_SUPPRESS_EOI_BROADCAST	(1ULL << 3)
#endif

/*
 * The part of struct kvm_run that belongs to KVM_EXIT_MEMORY_FAULT: KVM_RUN fails with
 * EFAULT, and this says which guest-physical access could not be resolved.
 */
struct kvmlet_memory_fault {
	__u64 flags;
	__u64 gpa;
	__u64 size;
};

_Static_assert(KVM_EXIT_MEMORY_FAULT == 39, "KVM's number of the exit");
_Static_assert(KVM_CAP_MEMORY_FAULT_INFO == 232, "KVM's number of the capability");
_Static_assert(sizeof(struct kvm_userspace_memory_region2) == 160, "KVM's layout of the ioctl");
_Static_assert(sizeof(struct kvmlet_memory_fault) == 24, "KVM's layout of the exit");

#endif
