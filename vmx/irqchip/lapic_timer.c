// SPDX-License-Identifier: GPL-2.0
/*
 * The LAPIC timer: one-shot, periodic, TSC-deadline. Its bus runs at 1 GHz: a tick undivided is
 * a nanosecond.
 *
 * The vCPU's thread starts and cancels the host's timer, whose callback, in hard interrupt
 * context, posts the interrupt. Whatever the callback uses is changed only while it is
 * cancelled, or is one word. A TSC deadline is lapic->due: guests put it off again and again, so
 * the host's timer may be set for an earlier time, and looks there then. SDM vol. 3A, 10.5.4.
 */
#include <linux/ktime.h>
#include "vmx/compat.h"
#include "vmx/irqchip/internal.h"

#define MIN_PERIOD_NS	200000	/* a guest may not keep the host busy with interrupts */

static u32 mode_of(u32 lvtt)
{
	return lvtt & (3 << 17);
}

static u32 mode(const struct lapic *lapic)
{
	return READ_ONCE(lapic->timer_mode);
}

static void expire(struct lapic *lapic)
{
	lapic_post_lvt(lapic, APIC_LVTT);
	vcpu_kick(lapic->vcpu);
}

static enum hrtimer_restart on_deadline(struct lapic *lapic)
{
	s64 due = READ_ONCE(lapic->due);

	while (due) {
		if (due > ktime_get()) {
			hrtimer_set_expires(&lapic->timer, due);
			return HRTIMER_RESTART;
		}
		if (try_cmpxchg(&lapic->due, &due, 0)) {
			expire(lapic);
			break;
		}
	}
	return HRTIMER_NORESTART;
}

static enum hrtimer_restart on_timer(struct hrtimer *timer)
{
	struct lapic *lapic = container_of(timer, struct lapic, timer);

	if (mode(lapic) == APIC_LVT_TIMER_TSCDEADLINE)
		return on_deadline(lapic);
	expire(lapic);
	if (mode(lapic) != APIC_LVT_TIMER_PERIODIC)
		return HRTIMER_NORESTART;
	/* Ticks that were missed would not be seen one by one anyway. */
	hrtimer_forward_now(timer, ns_to_ktime(lapic->period));
	return HRTIMER_RESTART;
}

/**
 * lapic_timer_create() - a timer that is stopped
 * @lapic: being created
 */
void lapic_timer_create(struct lapic *lapic)
{
	compat_hrtimer_setup(&lapic->timer, on_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
}

static void start(struct lapic *lapic, u64 ns)
{
	hrtimer_start(&lapic->timer, ns_to_ktime(min_t(u64, ns, KTIME_MAX)),
		      HRTIMER_MODE_REL_HARD);
}

/* Counting down from @count, and if periodic again from the initial count. */
static void start_count(struct lapic *lapic, u32 count)
{
	u64 initial = lapic_get(lapic, APIC_TMICT);

	if (!count || !initial || mode(lapic) > APIC_LVT_TIMER_PERIODIC)
		return;
	lapic->period = max_t(u64, initial << lapic->timer_shift, MIN_PERIOD_NS);
	start(lapic, mode(lapic) == APIC_LVT_TIMER_PERIODIC && count == initial ?
		     lapic->period : (u64)count << lapic->timer_shift);
}

static void start_deadline(struct lapic *lapic)
{
	u64 ns = lapic->deadline ? tsc_ns_until(lapic->vcpu, lapic->deadline) : 0;
	s64 due = ns ? ktime_add_safe(ktime_get(), min_t(u64, ns, KTIME_MAX)) : 0;

	/* Orders it before the look at the timer, whose callback may find it. */
	xchg(&lapic->due, due);
	if (lapic->deadline && !ns)
		expire(lapic);
	if (!due || (hrtimer_is_queued(&lapic->timer) &&
		     hrtimer_get_expires(&lapic->timer) <= due))
		return;
	hrtimer_cancel(&lapic->timer);
	hrtimer_start(&lapic->timer, due, HRTIMER_MODE_ABS_HARD);
}

/**
 * lapic_timer_set_count() - the guest writes the initial count, which starts or stops the timer
 * @lapic: this thread's
 * @count: ticks; 0 stops
 */
void lapic_timer_set_count(struct lapic *lapic, u32 count)
{
	if (mode(lapic) == APIC_LVT_TIMER_TSCDEADLINE) {
		lapic_put(lapic, APIC_TMICT, 0);
		return;
	}
	hrtimer_cancel(&lapic->timer);
	lapic_put(lapic, APIC_TMICT, count);
	start_count(lapic, count);
}

/**
 * lapic_timer_count() - the current count
 * @lapic: this thread's
 *
 * Return: ticks; not 0 as long as the interrupt has not been posted.
 */
u32 lapic_timer_count(const struct lapic *lapic)
{
	u32 initial = lapic_get(lapic, APIC_TMICT);
	s64 left;

	if (mode(lapic) == APIC_LVT_TIMER_TSCDEADLINE || !hrtimer_active(&lapic->timer))
		return 0;
	left = ktime_to_ns(hrtimer_get_remaining(&lapic->timer));
	return clamp_t(s64, left >> lapic->timer_shift, 1, max_t(u32, initial, 1));
}

/**
 * lapic_timer_set_divisor() - the guest changes the timer's speed; it counts on from where it is
 * @lapic: this thread's
 * @tdcr: divide configuration, reserved bits 0
 */
void lapic_timer_set_divisor(struct lapic *lapic, u32 tdcr)
{
	u32 count = lapic_timer_count(lapic);

	lapic_put(lapic, APIC_TDCR, tdcr);
	if (lapic_divide_shift(tdcr) == lapic->timer_shift)
		return;
	/* Unless it has just expired. */
	if (count && !hrtimer_cancel(&lapic->timer))
		count = 0;
	lapic->timer_shift = lapic_divide_shift(tdcr);
	start_count(lapic, count);
}

/**
 * lapic_timer_set_mode() - the guest writes the timer's LVT entry
 * @lapic: this thread's
 * @lvtt: new value, reserved bits 0
 *
 * To and from TSC-deadline mode stops the timer; between the other two it counts on.
 */
void lapic_timer_set_mode(struct lapic *lapic, u32 lvtt)
{
	u32 old = mode(lapic);

	if (mode_of(lvtt) != old && ((lvtt | old) & APIC_LVT_TIMER_TSCDEADLINE)) {
		hrtimer_cancel(&lapic->timer);
		lapic_put(lapic, APIC_TMICT, 0);
		lapic->due = 0;
	}
	lapic_put(lapic, APIC_LVTT, lvtt);
	WRITE_ONCE(lapic->timer_mode, mode_of(lvtt));
}

/**
 * lapic_timer_sync() - the registers were replaced
 * @lapic: this thread's, its timer stopped
 */
void lapic_timer_sync(struct lapic *lapic)
{
	WRITE_ONCE(lapic->timer_mode, mode_of(lapic_get(lapic, APIC_LVTT)));
	lapic->timer_shift = lapic_divide_shift(lapic_get(lapic, APIC_TDCR));
}

/**
 * lapic_timer_restore() - go on after the registers were replaced
 * @lapic: this thread's, its timer stopped
 * @count: current count, ticks
 *
 * In TSC-deadline mode the deadline stays as it was; it is not part of the registers.
 */
void lapic_timer_restore(struct lapic *lapic, u32 count)
{
	if (mode(lapic) == APIC_LVT_TIMER_TSCDEADLINE) {
		if (lapic->due)
			start_deadline(lapic);
	} else {
		lapic->due = 0;
		start_count(lapic, min(count, lapic_get(lapic, APIC_TMICT)));
	}
}

/**
 * lapic_get_tsc_deadline() - read IA32_TSC_DEADLINE
 * @vcpu: loaded
 *
 * Return: guest TSC value; 0 if none is awaited.
 */
u64 lapic_get_tsc_deadline(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->lapic->due) ? vcpu->lapic->deadline : 0;
}

/**
 * lapic_set_tsc_deadline() - write IA32_TSC_DEADLINE; ignored in the other modes
 * @vcpu: loaded
 * @value: guest TSC value at which the timer fires, at once if it is past; 0 stops
 */
void lapic_set_tsc_deadline(struct vcpu *vcpu, u64 value)
{
	struct lapic *lapic = vcpu->lapic;

	if (mode(lapic) != APIC_LVT_TIMER_TSCDEADLINE || lapic->mode == LAPIC_DISABLED)
		return;
	lapic->deadline = value;
	start_deadline(lapic);
}
