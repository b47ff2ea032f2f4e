// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of `kvmlet run`: one line each on standard error, whole even when two threads speak,
 * and with a carriage return while the terminal is raw.
 */
#include <stdio.h>

#include "userspace/progress.h"
#include "userspace/report.h"

static int raw;

/**
 * report_set_raw() - say whether the terminal is raw now
 * @now:	it needs a carriage return before a line feed
 */
void report_set_raw(int now)
{
	raw = now;
}

/**
 * report() - print one line for the user
 * @fmt:	as printf's, without the line's end
 */
void report(const char *fmt, ...)
{
	va_list ap;

	flockfile(stderr);
	progress_clear();
	fputs("kvmlet run: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs(raw ? "\r\n" : "\n", stderr);
	funlockfile(stderr);
}
