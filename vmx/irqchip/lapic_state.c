// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_LAPIC and KVM_SET_LAPIC: the registers as user space saves and restores them, in
 * xAPIC's layout whatever the mode. vcpu->mutex. What user space gives may be anything: bits
 * that a register does not have are dropped, by the table of registers.
 */
#include <linux/uaccess.h>
#include "vmx/irqchip/internal.h"

static_assert(sizeof_field(struct kvm_lapic_state, regs) == LAPIC_SIZE);

static int put(struct kvm_lapic_state __user *state, unsigned int offset, u32 value)
{
	return put_user(value, (u32 __user *)(state->regs + offset));
}

static u32 get(const struct kvm_lapic_state *state, unsigned int offset)
{
	u32 value;

	memcpy(&value, state->regs + offset, sizeof(value));
	return value;
}

/**
 * lapic_get_state() - KVM_GET_LAPIC
 * @vcpu: any
 * @state: filled in, all of it
 *
 * Return: 0 or -EFAULT; -EINVAL: it has none here.
 */
int lapic_get_state(struct vcpu *vcpu, struct kvm_lapic_state __user *state)
{
	struct lapic *lapic = vcpu->lapic;
	u32 count, ppr;

	if (!lapic)
		return -EINVAL;
	/* First: if the timer fires after this, its interrupt is in IRR, once or twice. */
	count = lapic_timer_count(lapic);
	lapic_join(lapic);
	ppr = lapic_get_ppr(lapic);
	if (copy_to_user(state->regs, lapic->page, sizeof(state->regs)) ||
	    put(state, APIC_TMCCT, count) || put(state, APIC_PROCPRI, ppr))
		return -EFAULT;
	/* In x2APIC mode too the id is in bits 31:24, unless user space knows better. */
	if (lapic->mode == LAPIC_X2APIC && !READ_ONCE(vcpu->vm->x2apic_ids))
		return put(state, APIC_ID, lapic_get(lapic, APIC_ID) << 24);
	return 0;
}

static u32 mask_of(const struct lapic *lapic, unsigned int i)
{
	if (i == APIC_ICR2 / LAPIC_STRIDE && lapic->mode == LAPIC_X2APIC)
		return ~0u;
	return lapic_regs[i].mask;
}

/* A LAPIC that software disabled has all of its LVT masked, but for a boot CPU's LINT0. */
static void set_registers(struct lapic *lapic, const struct kvm_lapic_state *state)
{
	u32 id = lapic_get(lapic, APIC_ID), ldr = lapic_get(lapic, APIC_LDR);
	unsigned int i;

	for (i = 0; i < LAPIC_REGS; i++)
		lapic_put(lapic, i * LAPIC_STRIDE,
			  (get(state, i * LAPIC_STRIDE) & mask_of(lapic, i)) |
			  lapic_regs[i].ones);
	lapic_put_version(lapic);
	lapic_put(lapic, APIC_SPIV, lapic_svr(lapic, lapic_get(lapic, APIC_SPIV)));
	if (lapic->mode == LAPIC_X2APIC) {
		lapic_put(lapic, APIC_ID, id);
		lapic_put(lapic, APIC_LDR, ldr);
	}
}

/**
 * lapic_set_state() - KVM_SET_LAPIC
 * @vcpu: loaded
 * @state: any
 *
 * The timer goes on from its current count. Return: 0; -EINVAL for another one's id of 32 bits, or
 * if there is none here.
 */
int lapic_set_state(struct vcpu *vcpu, const struct kvm_lapic_state *state)
{
	struct lapic *lapic = vcpu->lapic;

	if (!lapic || (lapic->mode == LAPIC_X2APIC && READ_ONCE(vcpu->vm->x2apic_ids) &&
		       get(state, APIC_ID) != lapic_get(lapic, APIC_ID)))
		return -EINVAL;
	hrtimer_cancel(&lapic->timer);
	lapic_join(lapic);
	set_registers(lapic, state);
	atomic_set(&lapic->errors, 0);
	lapic_sync_irq(lapic);
	lapic_write_tpr(lapic, get(state, APIC_TASKPRI));
	lapic_timer_restore(lapic, get(state, APIC_TMCCT));
	return 0;
}
