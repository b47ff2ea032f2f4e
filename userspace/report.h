/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The exit statuses of `kvmlet run` and the one way it speaks to its user.
 */
#ifndef KVMLET_USERSPACE_REPORT_H
#define KVMLET_USERSPACE_REPORT_H

#include <stdarg.h>

/* 1 to 99 are the guest's own, by the test port (devices/power.c); 128 + N: ended by signal N. */
enum run_status {
	RUN_POWER_OFF	= 0,
	RUN_GUEST_MAX	= 99,
	RUN_RESET	= 100,	/* the guest asked for a reset */
	RUN_CRASH	= 101,	/* triple fault */
	RUN_KVM_ERROR	= 102,	/* the driver gave up or an exit has no handler */
	RUN_CANNOT	= 103,	/* a file, the device or a capability is missing or wrong */
	RUN_USAGE	= 104,
	RUN_QUIT	= 105,	/* Ctrl-A x */
	RUN_LEFT	= 106,	/* the guest is saved, or runs elsewhere */
};

void __attribute__((format(printf, 1, 2))) report(const char *fmt, ...);
void report_set_raw(int raw);

#endif
