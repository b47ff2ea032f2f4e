/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a thread has to do before it runs user code, or a guest.
 */
#ifndef KVMLET_VMX_THREAD_WORK_H
#define KVMLET_VMX_THREAD_WORK_H

#include <linux/thread_info.h>

#define THREAD_WORK_SIGNAL	(_TIF_SIGPENDING | _TIF_NOTIFY_SIGNAL)
#define THREAD_WORK		(THREAD_WORK_SIGNAL | _TIF_NEED_RESCHED | _TIF_NOTIFY_RESUME)

static inline bool thread_work_waits(void)
{
	return read_thread_flags() & THREAD_WORK;
}

int thread_work(void);

#endif
