// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_SYNC_REGS: registers that go in and out by the run page, without an ioctl each.
 *
 * The page is shared with user space, which may write to it at any time: what is taken from it is
 * copied first, and what is put there is never read back.
 *
 * vcpu->mutex, vCPU loaded.
 */
#include <linux/string.h>
#include "vmx/cpu/event.h"
#include "vmx/cpu/regs.h"
#include "vmx/cpu/sync_regs.h"
#include "vmx/vcpu.h"

static int take_regs(struct vcpu *vcpu, const struct kvm_sync_regs *from)
{
	struct kvm_regs regs;

	memcpy(&regs, &from->regs, sizeof(regs));
	return regs_set(vcpu, &regs);
}

static int take_sregs(struct vcpu *vcpu, const struct kvm_sync_regs *from)
{
	struct kvm_sregs sregs;

	memcpy(&sregs, &from->sregs, sizeof(sregs));
	return sregs_set(vcpu, &sregs);
}

static int take_events(struct vcpu *vcpu, const struct kvm_sync_regs *from)
{
	struct kvm_vcpu_events events;

	memcpy(&events, &from->events, sizeof(events));
	return event_set(vcpu, &events);
}

static void put_regs(struct vcpu *vcpu, struct kvm_sync_regs *to)
{
	struct kvm_regs regs = { 0 };

	regs_get(vcpu, &regs);
	memcpy(&to->regs, &regs, sizeof(regs));
}

static void put_sregs(struct vcpu *vcpu, struct kvm_sync_regs *to)
{
	struct kvm_sregs sregs = { 0 };

	sregs_get(vcpu, &sregs);
	memcpy(&to->sregs, &sregs, sizeof(sregs));
}

static void put_events(struct vcpu *vcpu, struct kvm_sync_regs *to)
{
	struct kvm_vcpu_events events = { 0 };

	event_get(vcpu, &events);
	memcpy(&to->events, &events, sizeof(events));
}

static const struct {
	u64 bit;
	int (*take)(struct vcpu *vcpu, const struct kvm_sync_regs *from);
	void (*put)(struct vcpu *vcpu, struct kvm_sync_regs *to);
} parts[] = {
	{ KVM_SYNC_X86_REGS, take_regs, put_regs },
	{ KVM_SYNC_X86_SREGS, take_sregs, put_sregs },
	{ KVM_SYNC_X86_EVENTS, take_events, put_events },
};

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
		r = parts[i].take(vcpu, &vcpu->run->s.regs);
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
			parts[i].put(vcpu, &vcpu->run->s.regs);
}
