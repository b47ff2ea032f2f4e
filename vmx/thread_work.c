// SPDX-License-Identifier: GPL-2.0
/*
 * What a thread has to do before it runs user code, or a guest: be scheduled, run task work,
 * restartable sequences, memory throttling. The kernel exports one helper that does it all,
 * for hypervisors; if a signal comes meanwhile it notes that in a structure of upstream's
 * KVM. It gets one that nobody reads.
 */
#include <linux/entry-kvm.h>
#include <linux/kvm_host.h>
#include "vmx/thread_work.h"

static struct kvm_run unread_run;
static struct kvm_vcpu unread = { .run = &unread_run };

/**
 * thread_work() - do the work that thread_work_waits() tells of
 *
 * Context: process, interrupts on. Return: 0, or -EINTR if a signal is pending.
 */
int thread_work(void)
{
	if (read_thread_flags() & THREAD_WORK_SIGNAL)
		return -EINTR;
	return xfer_to_guest_mode_handle_work(&unread);
}
