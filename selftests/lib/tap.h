/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TAP for test programs, in kselftest's manner: one line per case that says what must hold,
 * expected and actual on failure, exit status 0 pass, 1 fail, 4 all skipped.
 *
 *	int main(void)
 *	{
 *		tap_begin();
 *		TAP_EQ(f(2), 4, "f doubles its argument");
 *		if (!have_x)
 *			tap_skip("x is computed", "this processor has no x");
 *		return tap_end();
 *	}
 */
#ifndef KVMLET_TAP_H
#define KVMLET_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static struct {
	unsigned int run, failed, skipped;
} tap;

static inline void tap_begin(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n");
}

static inline bool tap_case(bool ok, const char *name, va_list ap)
{
	tap.run++;
	tap.failed += !ok;
	printf("%sok %u - ", ok ? "" : "not ", tap.run);
	vprintf(name, ap);
	printf("\n");
	return ok;
}

static inline bool __attribute__((format(printf, 2, 3)))
tap_ok(bool ok, const char *name, ...)
{
	va_list ap;

	va_start(ap, name);
	tap_case(ok, name, ap);
	va_end(ap);
	return ok;
}

static inline void tap_skip(const char *name, const char *why)
{
	tap.run++;
	tap.skipped++;
	printf("ok %u - %s # SKIP %s\n", tap.run, name, why);
}

static inline bool __attribute__((format(printf, 5, 6)))
tap_eq(unsigned long long got, unsigned long long want, const char *file, int line,
       const char *name, ...)
{
	va_list ap;

	va_start(ap, name);
	tap_case(got == want, name, ap);
	va_end(ap);
	if (got != want)
		printf("# %s:%d: expected %#llx (%lld), got %#llx (%lld)\n",
		       file, line, want, (long long)want, got, (long long)got);
	return got == want;
}

/* The name is a format, as in tap_ok(). */
#define TAP_EQ(got, want, ...)							\
	tap_eq((unsigned long long)(got), (unsigned long long)(want), __FILE__, __LINE__,	\
	       __VA_ARGS__)

static inline int tap_end(void)
{
	printf("1..%u\n", tap.run);
	printf("# %u passed, %u failed, %u skipped\n",
	       tap.run - tap.failed - tap.skipped, tap.failed, tap.skipped);
	if (tap.failed)
		return 1;
	return tap.run && tap.skipped == tap.run ? 4 : 0;
}

#endif
