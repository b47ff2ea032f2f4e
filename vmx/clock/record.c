// SPDX-License-Identifier: GPL-2.0
/*
 * The records of kvm-clock that a guest reads: the factor between TSC ticks and nanoseconds,
 * and the version protocol. Pure functions, no lock. Format: asm/pvclock-abi.h.
 */
#include "vmx/clock/record.h"

#define NS_PER_MS	1000000ULL
#define NS_MAX		(~0ULL >> 1)	/* KTIME_MAX */

/**
 * clock_scale_make() - the factor for a TSC
 * @ticks: it counts so many,
 * @ns: while so many nanoseconds pass; both 1 to 2^63. What the host has measured, not what the
 *	processor's label says: a guest that trusts that loses seconds within minutes
 *
 * Return: the factor, exact to 2^-31 of its value, never too large.
 */
struct clock_scale clock_scale_make(u64 ticks, u64 ns)
{
	struct clock_scale scale = {};
	unsigned int i;

	/* Bring the quotient ns / ticks between 1/2 and 1, so that mul uses all its bits. */
	for (; ns >= ticks; scale.shift++) {
		/* The last bit of so many does not count. */
		if (ticks >> 62)
			ns >>= 1;
		else
			ticks <<= 1;
	}
	for (; ns < ticks - ns; scale.shift--)
		ns <<= 1;
	/* Long division, as both may have more than 32 bits. */
	for (i = 0; i < 32; i++) {
		ns <<= 1;
		scale.mul <<= 1;
		if (ns >= ticks) {
			ns -= ticks;
			scale.mul |= 1;
		}
	}
	return scale;
}

/**
 * clock_scale_ns() - what the guest computes
 * @scale: the factor
 * @ticks: of the TSC
 *
 * Return: nanoseconds.
 */
u64 clock_scale_ns(struct clock_scale scale, u64 ticks)
{
	if (scale.shift < 0)
		ticks >>= -scale.shift;
	else
		ticks <<= scale.shift;
	return ((unsigned __int128)ticks * scale.mul) >> 32;
}

/**
 * clock_ticks_to_ns() - the time that a TSC takes for some ticks
 * @ticks: any number
 * @khz: its frequency, not 0
 *
 * Return: nanoseconds, at most KTIME_MAX.
 */
u64 clock_ticks_to_ns(u64 ticks, u32 khz)
{
	u64 ms = ticks / khz;

	if (ms >= NS_MAX / NS_PER_MS)
		return NS_MAX;
	return ms * NS_PER_MS + ticks % khz * NS_PER_MS / khz;
}

/**
 * clock_record_write() - rewrite a record that begins with a version
 * @record: new contents, with the version that the guest sees now; the new one comes out
 * @size: of the record
 * @ctx: first argument of @write
 * @write: puts bytes into the guest's memory; each call is seen after the one before
 *
 * While the version is odd the guest waits; a version that changed makes it read again.
 *
 * Return: 0, or what @write returned.
 */
int clock_record_write(void *record, size_t size, void *ctx,
		       int (*write)(void *ctx, size_t at, const void *data, size_t size))
{
	const size_t body = sizeof(u32);
	u32 version;
	int ret;

	memcpy(&version, record, sizeof(version));
	/* Memory that was no record yet may hold an odd number. */
	version = (version + 1) | 1;
	ret = write(ctx, 0, &version, sizeof(version)) ?:
	      write(ctx, body, (char *)record + body, size - body);
	if (ret)
		return ret;
	version++;
	memcpy(record, &version, sizeof(version));
	return write(ctx, 0, &version, sizeof(version));
}
