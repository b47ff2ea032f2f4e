// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_SYNC_REGS: registers that go in and out by the run page, without an ioctl each.
 *
 * The page is shared with user space, which may write to it at any time: what is taken from it is
 * copied first, and what is put there is never read back.
 *
 * vcpu->mutex, vCPU loaded.
 */
#include "vmx/cpu/regs.h"
#include "vmx/ioctl.h"

/* Each part goes by the handlers of its ioctls. */
#define PART(member, get, set)								\
	offsetof(struct kvm_sync_regs, member), sizeof_field(struct kvm_sync_regs, member), get, set

static const struct {
	u64 bit;
	u16 offset, size;
	unsigned int get, set;
} parts[] = {
	{ KVM_SYNC_X86_REGS, PART(regs, KVM_GET_REGS, KVM_SET_REGS) },
	{ KVM_SYNC_X86_SREGS, PART(sregs, KVM_GET_SREGS, KVM_SET_SREGS) },
	{ KVM_SYNC_X86_EVENTS, PART(events, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS) },
};

static int take(struct vcpu *vcpu, unsigned int i)
{
	struct kvm_sync_regs copy;

	memcpy(&copy, (void *)&vcpu->run->s.regs + parts[i].offset, parts[i].size);
	return ioctl_find(vcpu_ops, parts[i].set)->fn(vcpu, &copy);
}

static void put(struct vcpu *vcpu, unsigned int i)
{
	struct kvm_sync_regs copy;

	memset(&copy, 0, parts[i].size);
	ioctl_find(vcpu_ops, parts[i].get)->fn(vcpu, &copy);
	memcpy((void *)&vcpu->run->s.regs + parts[i].offset, &copy, parts[i].size);
}

/**
 * sync_regs_in() - take what user space says is new, when KVM_RUN begins
 * @vcpu: loaded
 *
 * Return: 0; -EINVAL for an unknown bit in either mask, or for values that their ioctl refuses.
 */
int sync_regs_in(struct vcpu *vcpu)
{
	u64 dirty = READ_ONCE(vcpu->run->kvm_dirty_regs);
	unsigned int i;
	int r;

	if ((dirty | READ_ONCE(vcpu->run->kvm_valid_regs)) & ~KVM_SYNC_X86_VALID_FIELDS)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!(dirty & parts[i].bit))
			continue;
		r = take(vcpu, i);
		if (r)
			return r;
		dirty &= ~parts[i].bit;
		WRITE_ONCE(vcpu->run->kvm_dirty_regs, dirty);
	}
	return 0;
}

/**
 * sync_regs_out() - show user space what it asked for, when KVM_RUN ends
 * @vcpu: loaded
 */
void sync_regs_out(struct vcpu *vcpu)
{
	u64 valid = READ_ONCE(vcpu->run->kvm_valid_regs);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (valid & parts[i].bit)
			put(vcpu, i);
}
