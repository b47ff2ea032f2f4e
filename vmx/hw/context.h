/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel's bookkeepers are told when a CPU goes into a guest and comes back: time
 * accounting, RCU, context tracking, lockdep and the tracing of interrupt state. To them a
 * guest is what user space is. The order is that of the kernel's own entry to user mode.
 */
#ifndef KVMLET_VMX_HW_CONTEXT_H
#define KVMLET_VMX_HW_CONTEXT_H

#include <linux/context_tracking.h>
#include <linux/instrumentation.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/vtime.h>
#include "vmx/compat.h"

/*
 * Time from here to context_stop_time() is the guest's. Interrupts off.
 *
 * RCU is told that it need not wait for this CPU, unless it does not watch the guest anyway. A
 * tick makes it ask, so once in the time of a tick will do; @told is the vCPU's own.
 */
static __always_inline void context_start_time(unsigned long *told)
{
	vtime_account_guest_enter();
	if (!context_tracking_enabled_this_cpu() && *told != jiffies) {
		*told = jiffies;
		compat_rcu_guest_enter();
	}
}

static __always_inline void context_stop_time(void)
{
	vtime_account_guest_exit();
}

/* The host's NMI handler; NMIs are blocked since the exit, and its IRET unblocks them. */
static __always_inline void context_host_nmi(void)
{
	asm volatile("int $2");
}

/* Nothing instrumented, traced or protected by RCU between these two. Interrupts off. */
static __always_inline void context_enter_guest(void)
{
	instrumentation_begin();
	trace_hardirqs_on_prepare();
	lockdep_hardirqs_on_prepare();
	instrumentation_end();
	context_tracking_guest_enter();
	lockdep_hardirqs_on(CALLER_ADDR0);
}

static __always_inline void context_leave_guest(void)
{
	lockdep_hardirqs_off(CALLER_ADDR0);
	context_tracking_guest_exit();
	instrumentation_begin();
	trace_hardirqs_off_finish();
	instrumentation_end();
}

#endif
