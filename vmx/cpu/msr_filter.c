// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_X86_SET_MSR_FILTER: ranges of MSRs with a bitmap each, which say what a guest may read and
 * write. Where no range speaks, the default does. The x2APIC's registers are not subject to it.
 *
 * vm->msr_filter is replaced as a whole: under vm->lock, and read under RCU. SDM vol. 4.
 */
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/apicdef.h>
#include "vmx/vcpu.h"

#define ACCESSES	(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)

/* Its ranges are user space's, but for the bitmaps, which are copies. */
struct msr_filter {
	bool default_allow;
	unsigned int nr;
	struct kvm_msr_filter_range ranges[KVM_MSR_FILTER_MAX_RANGES];
};

static void filter_free(struct msr_filter *filter)
{
	unsigned int i;

	if (!filter)
		return;
	for (i = 0; i < filter->nr; i++)
		kfree(filter->ranges[i].bitmap);
	kfree(filter);
}

static int take_range(struct msr_filter *filter, const struct kvm_msr_filter_range *user)
{
	size_t bytes = BITS_TO_LONGS((u64)user->nmsrs) * sizeof(long);
	struct kvm_msr_filter_range *range = &filter->ranges[filter->nr];

	if (!user->nmsrs)
		return 0;
	if ((user->flags & ~ACCESSES) || bytes > KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;
	*range = *user;
	range->bitmap = kmalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!range->bitmap)
		return -ENOMEM;
	/* From here on filter_free() knows the range. */
	filter->nr++;
	return copy_from_user(range->bitmap, (void __user *)user->bitmap, bytes) ? -EFAULT : 0;
}

/* NULL: everything is allowed. */
static struct msr_filter *make_filter(const struct kvm_msr_filter *user)
{
	struct msr_filter *filter = kzalloc(sizeof(*filter), GFP_KERNEL_ACCOUNT);
	unsigned int i;
	int r = 0;

	if (!filter)
		return ERR_PTR(-ENOMEM);
	filter->default_allow = !(user->flags & KVM_MSR_FILTER_DEFAULT_DENY);
	for (i = 0; i < ARRAY_SIZE(user->ranges) && !r; i++)
		r = take_range(filter, &user->ranges[i]);
	/* Nobody who denies all means it. */
	if (!r && !filter->nr && !filter->default_allow)
		r = -EINVAL;
	if (!r && filter->nr)
		return filter;
	filter_free(filter);
	return ERR_PTR(r);
}

/**
 * msr_filter_set() - KVM_X86_SET_MSR_FILTER
 * @vm: whose guest is filtered from now on
 * @user: the filter; its bitmaps are copied
 *
 * Each vCPU that runs leaves the guest, so that it obeys soon after. Return: 0; -EINVAL for an
 * unknown flag, a bitmap of more than 1536 bytes or a filter that denies all; -EFAULT, -ENOMEM.
 */
int msr_filter_set(struct vm *vm, const struct kvm_msr_filter *user)
{
	struct msr_filter *new, *old;

	if (user->flags & ~KVM_MSR_FILTER_DEFAULT_DENY)
		return -EINVAL;
	new = make_filter(user);
	if (IS_ERR(new))
		return PTR_ERR(new);
	mutex_lock(&vm->lock);
	old = rcu_replace_pointer(vm->msr_filter, new, lockdep_is_held(&vm->lock));
	vm_request_all(vm, REQ_MSR_FILTER);
	mutex_unlock(&vm->lock);
	synchronize_rcu();
	filter_free(old);
	return 0;
}

static bool filter_allows(const struct msr_filter *filter, u32 index, bool write)
{
	u32 access = write ? KVM_MSR_FILTER_WRITE : KVM_MSR_FILTER_READ, bit;
	const struct kvm_msr_filter_range *range;
	unsigned int i;

	for (i = 0; i < filter->nr; i++) {
		range = &filter->ranges[i];
		bit = index - range->base;
		if ((range->flags & access) && bit < range->nmsrs)
			return test_bit(array_index_nospec(bit, range->nmsrs),
					(unsigned long *)range->bitmap);
	}
	return filter->default_allow;
}

/**
 * msr_filter_allows() - may the guest access an MSR?
 * @vm: whose guest it is
 * @index: ECX, any value
 * @write: WRMSR
 *
 * Return: true without a filter.
 */
bool msr_filter_allows(struct vm *vm, u32 index, bool write)
{
	struct msr_filter *filter;
	bool allowed;

	if (likely(!rcu_access_pointer(vm->msr_filter)) || index - APIC_BASE_MSR < 0x100)
		return true;
	rcu_read_lock();
	filter = rcu_dereference(vm->msr_filter);
	allowed = !filter || filter_allows(filter, index, write);
	rcu_read_unlock();
	return allowed;
}

/**
 * msr_filter_passes() - may the guest read and write all of these MSRs?
 * @vm: whose guest it is
 * @indices: of the MSRs
 * @nr: how many
 *
 * Return: true without a filter.
 */
bool msr_filter_passes(struct vm *vm, const u32 *indices, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!msr_filter_allows(vm, indices[i], false) ||
		    !msr_filter_allows(vm, indices[i], true))
			return false;
	return true;
}

/**
 * msr_filter_destroy() - the end of a VM
 * @vm: nobody uses it any more
 */
void msr_filter_destroy(struct vm *vm)
{
	filter_free(rcu_dereference_protected(vm->msr_filter, true));
}
