// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls whose argument is a counted list: CPUID entries, MSRs, MSR indices. The count comes
 * from user space, so it is bounded before anything is allocated; the two protocols for a
 * list that is too short are KVM's: CPUID says only -E2BIG, MSR indices say how many.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "vmx/compat.h"
#include "vmx/cpu/cr.h"
#include "vmx/hw/controls.h"
#include "vmx/ioctl.h"

#define MAX_IO_MSRS	256
#define FEW_MSRS	16	/* need no allocation */

/**
 * list_cpuid() - KVM_GET_SUPPORTED_CPUID, KVM_GET_EMULATED_CPUID, KVM_GET_CPUID2
 * @vcpu: loaded, or NULL for the system's ioctls
 * @arg: struct kvm_cpuid2
 * @fill: is lent an array of the size that user space has room for; what it fills is copied out
 *
 * Return: 0, -E2BIG if the list has no room, -EFAULT, -ENOMEM.
 */
int list_cpuid(struct vcpu *vcpu, void __user *arg,
	       int (*fill)(struct vcpu *vcpu, struct kvm_cpuid_entry2 *out, u32 *nent))
{
	struct kvm_cpuid2 __user *user = arg;
	struct kvm_cpuid_entry2 *entries;
	struct kvm_cpuid2 head;
	int r;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (!head.nent)
		return -E2BIG;
	head.nent = min_t(u32, head.nent, CPUID_MAX_ENTRIES);
	entries = kvcalloc(head.nent, sizeof(*entries), GFP_KERNEL_ACCOUNT);
	if (!entries)
		return -ENOMEM;
	r = fill(vcpu, entries, &head.nent);
	if (!r && (copy_to_user(user->entries, entries, head.nent * sizeof(*entries)) ||
		   copy_to_user(user, &head, sizeof(head))))
		r = -EFAULT;
	kvfree(entries);
	return r;
}

/**
 * list_set_cpuid2() - KVM_SET_CPUID2
 * @vcpu: loaded
 * @arg: struct kvm_cpuid2
 *
 * Return: 0, -E2BIG for more than 256 entries, -EINVAL, -EFAULT, -ENOMEM.
 */
int list_set_cpuid2(struct vcpu *vcpu, void __user *arg)
{
	struct kvm_cpuid2 __user *user = arg;
	struct kvm_cpuid_entry2 *entries;
	struct kvm_cpuid2 head;
	int r;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.nent > CPUID_MAX_ENTRIES)
		return -E2BIG;
	entries = vmemdup_user(user->entries, head.nent * sizeof(*entries));
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	r = cpuid_set(vcpu, entries, head.nent);
	kvfree(entries);
	if (!r) {
		cr_cpuid_changed(vcpu);
		controls_set_cpuid(vcpu);
	}
	return r;
}

/**
 * list_indices() - KVM_GET_MSR_INDEX_LIST, KVM_GET_MSR_FEATURE_INDEX_LIST
 * @arg: struct kvm_msr_list
 * @flag: of the MSRs that belong into it, MSR_F_*
 *
 * Return: 0, -E2BIG with the count set if the list has no room, -EFAULT.
 */
int list_indices(void __user *arg, u16 flag)
{
	struct kvm_msr_list __user *user = arg;
	u32 indices[MSR_LIST_MAX], nr = msr_list(indices, flag), room;

	if (get_user(room, &user->nmsrs) || put_user(nr, &user->nmsrs))
		return -EFAULT;
	if (room < nr)
		return -E2BIG;
	return copy_to_user(user->indices, indices, nr * sizeof(*indices)) ? -EFAULT : 0;
}

static int msr_one(struct vcpu *vcpu, struct kvm_msr_entry *entry, bool set)
{
	if (set)
		return msr_set(vcpu, entry->index, entry->data, true);
	return vcpu ? msr_get(vcpu, entry->index, &entry->data, true) :
		      msr_get_feature(entry->index, &entry->data);
}

/* Goes on to the first that fails, and returns how many did not. @entries has room for @nr. */
static int msr_io(struct vcpu *vcpu, struct kvm_msr_entry __user *user, u32 nr, bool set,
		  struct kvm_msr_entry *entries)
{
	unsigned long size = nr * sizeof(*entries);
	int done;

	if (_copy_from_user(entries, user, size))
		return -EFAULT;
	for (done = 0; done < nr; done++)
		if (msr_one(vcpu, &entries[done], set))
			break;
	return !set && _copy_to_user(user, entries, size) ? -EFAULT : done;
}

/**
 * list_msrs() - KVM_GET_MSRS, KVM_SET_MSRS
 * @vcpu: loaded, or NULL for the system's KVM_GET_MSRS, which reads what msr_get_feature() does
 * @arg: struct kvm_msrs
 * @set: KVM_SET_MSRS
 *
 * Return: number of MSRs done, up to the first that is none or is refused; -E2BIG, -EFAULT,
 * -ENOMEM.
 */
int list_msrs(struct vcpu *vcpu, void __user *arg, bool set)
{
	struct kvm_msr_entry few[FEW_MSRS] compat_uninitialized;
	struct kvm_msrs __user *user = arg;
	struct kvm_msr_entry *many;
	u32 nr;
	int r;

	if (get_user(nr, &user->nmsrs))
		return -EFAULT;
	if (nr >= MAX_IO_MSRS)
		return -E2BIG;
	if (nr <= FEW_MSRS)
		return msr_io(vcpu, user->entries, nr, set, few);
	many = kmalloc_array(nr, sizeof(*many), GFP_KERNEL_ACCOUNT);
	if (!many)
		return -ENOMEM;
	r = msr_io(vcpu, user->entries, nr, set, many);
	kfree(many);
	return r;
}
