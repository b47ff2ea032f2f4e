// SPDX-License-Identifier: GPL-2.0
/*
 * A guest's TSC: the host's, scaled to the frequency that user space gave it, plus an offset.
 * The processor does both, or adds the offset alone; then a guest whose TSC is faster than the
 * host's is given at each entry what it lacks, and a slower one is refused. vCPUs whose TSCs user
 * space sets to about the same time get exactly the same offset, for a guest that sees its
 * processors' TSCs apart does not use them.
 *
 * A vCPU's offset is under vcpu->mutex with the vCPU loaded; what a VM's vCPUs share is under
 * vm->clock.lock. SDM vol. 3B, 17.17; vol. 3C, 24.6.5 and 25.3 (TSC multiplier).
 */
#include <asm/tsc.h>
#include <asm/vmx.h>
#include "vmx/clock/clock.h"
#include "vmx/clock/record.h"
#include "vmx/irqchip/irqchip.h"
#include "vmx/vcpu.h"

#define TOLERANCE_PPM	250		/* of a frequency that user space asks for */
#define RATIO_1		BIT_ULL(TSC_RATIO_BITS)
#define RATIO_MOST	BIT_ULL(63)	/* clock_scale_make() can use it */

#define JOINS		U64_MAX		/* however far away the VM's TSC is */

/**
 * tsc_load_offset() - tell the processor the offset, with what a TSC that catches up lacks
 * @vcpu: loaded
 *
 * Since such a TSC is faster than the host's, this never sets it back.
 */
void tsc_load_offset(struct vcpu *vcpu)
{
	u64 offset = vcpu->clock.tsc_offset, now;

	if (test_bit(REQ_CATCH_UP, &vcpu->requests)) {
		now = rdtsc_ordered();
		offset += tsc_scaled(vcpu->clock.tsc_ratio, now) - now;
	}
	vmcs_write64(TSC_OFFSET, offset);
}

static void set_offset(struct vcpu *vcpu, u64 offset)
{
	vcpu->clock.tsc_offset = offset;
	tsc_load_offset(vcpu);
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
	return tsc_scaled(vcpu->clock.tsc_ratio, rdtsc_ordered()) + vcpu->clock.tsc_offset;
}

/* The guest does it, whose deadline is a value of its TSC. */
static void move_tsc(struct vcpu *vcpu, u64 change)
{
	u64 deadline = vcpu->lapic ? lapic_get_tsc_deadline(vcpu) : 0;

	set_offset(vcpu, vcpu->clock.tsc_offset + change);
	if (deadline)
		lapic_set_tsc_deadline(vcpu, deadline);
}

/*
 * The vCPU's TSC shall have @offset. It joins the VM's if that is no further away than @near; else
 * a new time begins, which the others join when their TSCs are written likewise. A new vCPU of
 * another frequency than the VM's is left alone.
 */
static void synchronize(struct vcpu *vcpu, u64 offset, u64 near)
{
	struct vm_clock *clock = &vcpu->vm->clock;
	u64 *generation = &vcpu->clock.tsc_generation, old = *generation;
	u64 ratio = vcpu->clock.tsc_ratio;

	raw_spin_lock_irq(&clock->lock);
	/* The first value is the VM's own, even if near: a guest's that goes on here. */
	if (near != JOINS && !clock->tsc_set)
		near = 0;
	clock->tsc_set |= near != JOINS;
	if (ratio == clock->tsc_ratio &&
	    (near == JOINS || offset - clock->tsc_offset + near <= 2 * near)) {
		offset = clock->tsc_offset;
		*generation = clock->tsc_generation;
	} else if (old || !clock->tsc_generation) {
		clock->tsc_offset = offset;
		clock->tsc_ratio = ratio;
		*generation = ++clock->tsc_generation;
	}
	raw_spin_unlock_irq(&clock->lock);

	set_offset(vcpu, offset);
	if (*generation != old)
		pvclock_refresh_master(vcpu->vm, false);
}

/**
 * tsc_write_guest() - write IA32_TSC
 * @vcpu: loaded
 * @value: new value
 * @host: by user space, which means the VM's time: 0, as monitors write it to start a vCPU, and
 *	what is within a second of the others' TSC, is their TSC exactly; a guest's write means
 *	this vCPU's TSC, and shows in IA32_TSC_ADJUST
 */
void tsc_write_guest(struct vcpu *vcpu, u64 value, bool host)
{
	u64 second = mul_u64_u64_shr((u64)tsc_khz * 1000, vcpu->clock.tsc_ratio, TSC_RATIO_BITS);
	u64 change = value - tsc_read_guest(vcpu);

	if (host) {
		synchronize(vcpu, vcpu->clock.tsc_offset + change, value ? second - 1 : JOINS);
		return;
	}
	vcpu->msr.tsc_adjust += change;
	move_tsc(vcpu, change);
}

/**
 * tsc_set_offset() - KVM_VCPU_TSC_OFFSET: the vCPU's TSC less the host's, scaled
 * @vcpu: loaded
 * @offset: taken as it is
 */
void tsc_set_offset(struct vcpu *vcpu, u64 offset)
{
	synchronize(vcpu, offset, 0);
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
	u64 change = value - vcpu->msr.tsc_adjust;

	vcpu->msr.tsc_adjust = value;
	if (change && !host)
		move_tsc(vcpu, change);
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

	return guest_tsc > now ? clock_ticks_to_ns(guest_tsc - now, vcpu->clock.true_khz) : 0;
}

/* 0 for what the processor cannot do. Nobody notices a difference within the tolerance. */
static u64 ratio_of(u32 khz)
{
	u64 tolerance = (u64)tsc_khz * TOLERANCE_PPM / 1000000;

	if (khz <= tsc_khz + tolerance && khz + tolerance >= tsc_khz)
		return RATIO_1;
	/* DIV faults if its quotient does not fit. */
	if (khz >= INT_MAX || khz / tsc_khz >= RATIO_MOST / RATIO_1 ||
	    (khz < tsc_khz && !caps_has(&vmx_caps, VMX_CAP_TSC_SCALING)))
		return 0;
	return mul_u64_u32_div(RATIO_1, khz, tsc_khz);
}

static void set_ratio(struct vcpu *vcpu, u64 ratio)
{
	u32 *proc2 = &vcpu->vmcs->proc2;

	vcpu->clock.tsc_ratio = ratio;
	if (caps_has(&vmx_caps, VMX_CAP_TSC_SCALING)) {
		*proc2 = (*proc2 & ~SECONDARY_EXEC_TSC_SCALING) |
			 (ratio != RATIO_1 ? SECONDARY_EXEC_TSC_SCALING : 0);
		vmcs_write32(SECONDARY_VM_EXEC_CONTROL, *proc2);
		vmcs_write64(TSC_MULTIPLIER, ratio);
	} else if (ratio != RATIO_1) {
		vcpu_request(vcpu, REQ_CATCH_UP);
	} else {
		clear_bit(REQ_CATCH_UP, &vcpu->requests);
	}
}

/**
 * tsc_set_khz() - KVM_SET_TSC_KHZ of a vCPU
 * @vcpu: loaded
 * @khz: what its TSC's frequency shall be, 0: the host's
 *
 * The TSC goes on from where it is, or joins the VM's if that has this frequency.
 *
 * Return: 0, or -EINVAL for one that the processor cannot give.
 */
int tsc_set_khz(struct vcpu *vcpu, u32 khz)
{
	u64 value = tsc_read_guest(vcpu), ratio;

	khz = khz ?: tsc_khz;
	ratio = ratio_of(khz);
	if (!ratio)
		return -EINVAL;
	vcpu->clock.tsc_khz = khz;
	vcpu->clock.true_khz = ratio == RATIO_1 ? tsc_khz : khz;
	if (ratio != vcpu->clock.tsc_ratio) {
		set_ratio(vcpu, ratio);
		synchronize(vcpu, value - tsc_scaled(ratio, rdtsc_ordered()), JOINS);
	}
	return 0;
}

/**
 * tsc_set_vm_khz() - KVM_SET_TSC_KHZ of a VM: of the vCPUs that will be created
 * @vm: any
 * @khz: as tsc_set_khz() takes it
 *
 * Return: 0, or -EINVAL.
 */
int tsc_set_vm_khz(struct vm *vm, u32 khz)
{
	if (khz && !ratio_of(khz))
		return -EINVAL;
	WRITE_ONCE(vm->clock.tsc_khz, khz ?: tsc_khz);
	return 0;
}
