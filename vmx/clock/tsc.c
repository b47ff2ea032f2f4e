// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's TSC: the host's plus an offset in the VMCS. vCPUs whose TSCs user space sets to
 * about the same time get exactly the same offset, for a guest that sees its processors'
 * TSCs apart does not use them.
 *
 * A vCPU's offset is under vcpu->mutex with the vCPU loaded; what a VM's vCPUs share is under
 * vm->clock.lock. SDM vol. 3B, 17.17; vol. 3C, 24.6.5.
 */
#include <linux/errno.h>
#include <linux/math64.h>
#include <asm/tsc.h>
#include <asm/vmx.h>
#include "vmx/clock/clock.h"
#include "vmx/clock/record.h"
#include "vmx/vcpu.h"

#define TOLERANCE_PPM	250	/* of a frequency that user space asks for */

static void set_offset(struct vcpu *vcpu, u64 offset)
{
	vcpu->clock.tsc_offset = offset;
	vmcs_write64(TSC_OFFSET, offset);
	vcpu_request(vcpu, REQ_CLOCK);
}

/**
 * tsc_read_guest() - the guest's TSC now
 * @vcpu: any
 *
 * Return: what RDTSC in the guest would read.
 */
u64 tsc_read_guest(const struct vcpu *vcpu)
{
	return rdtsc_ordered() + vcpu->clock.tsc_offset;
}

/* 0, as monitors write it to start a vCPU, or within a second of what the others have. */
static bool is_synchronizing(const struct vm_clock *clock, u64 value, u64 ns)
{
	u64 second = (u64)tsc_khz * 1000, expected;

	if (!clock->tsc_generation)
		return false;
	if (!value)
		return true;
	/* The first value is the VM's own, even if it is near: a guest's that goes on here. */
	if (!clock->tsc_set)
		return false;
	expected = clock->tsc_value + mul_u64_u32_div(ns - clock->tsc_ns, tsc_khz, 1000000);
	return value < expected + second && value + second > expected;
}

static void synchronize(struct vcpu *vcpu, u64 value)
{
	struct vm_clock *clock = &vcpu->vm->clock;
	u64 offset, ns;
	bool changed;

	raw_spin_lock_irq(&clock->lock);
	ns = pvclock_host_ns();
	if (!is_synchronizing(clock, value, ns)) {
		clock->tsc_offset = value - rdtsc_ordered();
		clock->tsc_generation++;
	}
	if (value)
		clock->tsc_set = true;
	/* What the VM's TSC really has, not the 0 that a monitor wrote for "as the others". */
	clock->tsc_value = rdtsc_ordered() + clock->tsc_offset;
	clock->tsc_ns = ns;
	offset = clock->tsc_offset;
	changed = vcpu->clock.tsc_generation != clock->tsc_generation;
	vcpu->clock.tsc_generation = clock->tsc_generation;
	raw_spin_unlock_irq(&clock->lock);

	set_offset(vcpu, offset);
	if (changed)
		pvclock_refresh_master(vcpu->vm, false);
}

/**
 * clock_vcpu_init() - a new vCPU's TSC is its VM's
 * @vcpu: being created, loaded
 */
void clock_vcpu_init(struct vcpu *vcpu)
{
	vcpu->clock.tsc_khz = tsc_khz;
	synchronize(vcpu, 0);
}

/**
 * tsc_write_guest() - write IA32_TSC
 * @vcpu: loaded
 * @value: new value
 * @host: by user space, which means the VM's time; a guest's write means this vCPU's TSC,
 *	and shows in IA32_TSC_ADJUST
 */
void tsc_write_guest(struct vcpu *vcpu, u64 value, bool host)
{
	u64 change;

	if (host) {
		synchronize(vcpu, value);
		return;
	}
	change = value - tsc_read_guest(vcpu);
	vcpu->clock.tsc_adjust += change;
	set_offset(vcpu, vcpu->clock.tsc_offset + change);
}

/**
 * tsc_write_adjust() - write IA32_TSC_ADJUST
 * @vcpu: loaded
 * @value: new value
 * @host: by user space, which restores it, and the TSC by itself; a guest's write moves the
 *	TSC by the difference
 */
void tsc_write_adjust(struct vcpu *vcpu, u64 value, bool host)
{
	u64 change = value - vcpu->clock.tsc_adjust;

	vcpu->clock.tsc_adjust = value;
	if (!host)
		set_offset(vcpu, vcpu->clock.tsc_offset + change);
}

/**
 * tsc_ns_until() - when will the guest's TSC be there?
 * @vcpu: any
 * @guest_tsc: a value of it
 *
 * Return: nanoseconds from now; 0 if it was there already; at most KTIME_MAX.
 */
u64 tsc_ns_until(const struct vcpu *vcpu, u64 guest_tsc)
{
	u64 now = tsc_read_guest(vcpu);

	return guest_tsc > now ? clock_ticks_to_ns(guest_tsc - now, tsc_khz) : 0;
}

/**
 * tsc_get_khz() - KVM_GET_TSC_KHZ
 * @vcpu: any
 *
 * Return: the guest's TSC frequency in kHz.
 */
u32 tsc_get_khz(const struct vcpu *vcpu)
{
	return vcpu->clock.tsc_khz;
}

/**
 * tsc_set_khz() - KVM_SET_TSC_KHZ
 * @vcpu: any
 * @khz: what it should be, 0: the host's
 *
 * Return: 0, or -EINVAL for another than the host's within a tolerance: TSCs are not scaled.
 */
int tsc_set_khz(struct vcpu *vcpu, u32 khz)
{
	u64 tolerance = (u64)tsc_khz * TOLERANCE_PPM / 1000000;

	if (!khz)
		khz = tsc_khz;
	if (khz > tsc_khz + tolerance || khz + tolerance < tsc_khz)
		return -EINVAL;
	vcpu->clock.tsc_khz = khz;
	return 0;
}
