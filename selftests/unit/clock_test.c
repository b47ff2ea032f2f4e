// SPDX-License-Identifier: GPL-2.0
/*
 * The records of kvm-clock: the factor between TSC and time, and that a guest never takes a
 * half-written record for a whole one. With vmx/clock/record.c.
 */
#include <stdlib.h>
#include <asm/kvm_para.h>
#include "selftests/lib/tap.h"
#include "vmx/clock/record.h"

#define SECONDS		300
#define NS		1000000000LL
#define TRUE_HZ		3400109000ULL	/* what the host's TSC really ran at */
#define LABEL_HZ	3478274491ULL	/* what a hypervisor once told its guest instead */
#define KTIME_END	0x7fffffffffffffffULL

/* How far a guest is off, in ns, after its TSC ran at @hz for some time. */
static long long error_ns(u64 told, u64 hz, u64 seconds)
{
	return llabs((long long)clock_scale_ns(clock_scale_make(told, NS), hz * seconds) -
		     (long long)seconds * NS);
}

static void check_scale(void)
{
	static const u64 hz[] = {
		1000, 999999, 50000000, 999999999, 1000000000, 1000000001, 1193182000,
		2000000000, 2400000000, TRUE_HZ, LABEL_HZ, 4294967295, 4294967296, 4294967297,
		5800000000, 10000000000, 1ULL << 40,
	};
	struct clock_scale scale;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hz); i++) {
		scale = clock_scale_make(hz[i], NS);
		TAP_EQ(scale.mul >= 1u << 31, 1, "%llu Hz: the factor uses all its bits",
		       (unsigned long long)hz[i]);
		TAP_EQ(error_ns(hz[i], hz[i], SECONDS) < SECONDS * NS / 1000000, 1,
		       "%llu Hz: below 1 ppm over %d s", (unsigned long long)hz[i], SECONDS);
	}
	TAP_EQ(error_ns(TRUE_HZ, TRUE_HZ, SECONDS) < 10000, 1,
	       "the true frequency: below 10 us over 300 s");
	TAP_EQ(error_ns(LABEL_HZ, TRUE_HZ, SECONDS) > 6 * NS, 1,
	       "the frequency on the label: more than 6 s lost over 300 s");
	scale = clock_scale_make(TRUE_HZ, NS);
	TAP_EQ(clock_scale_ns(scale, 0), 0, "no ticks, no time");
	TAP_EQ(clock_scale_ns(scale, TRUE_HZ) - 999999990 < 20, 1, "a second's ticks: a second");
	/* A factor of one half, as 2 GHz has it, would not fit into 32 bits as one. */
	scale = clock_scale_make(1000000000, NS);
	TAP_EQ(clock_scale_ns(scale, 12345), 12345, "1 GHz: a tick is a nanosecond");
}

/* Rates as a host has them: mult / 2^shift ns a tick; and guests' TSCs that are scaled. */
static void check_rates(void)
{
	static const struct {
		u64 mult, shift, ratio, ticks, ns;
		const char *name;
	} rates[] = {
		{ 10u << 24, 24, 1ULL << 48, 100000000, NS, "100 MHz" },
		{ 10u << 24, 24, 1ULL << 49, 200000000, NS, "100 MHz, twice" },
		{ 10u << 24, 24, 1ULL << 47, 50000000, NS, "100 MHz, half" },
		{ 10u << 24, 24, 5ULL << 47, 250000000, NS, "100 MHz, 5/2" },
		{ 4934475, 24, 1ULL << 48, 1ULL << 24, 4934475, "3.4 GHz, as a host rounds it" },
		{ 4934475, 24, 1ULL << 33, 1ULL << 24, 4934475ULL << 15, "a very slow guest" },
		{ 10u << 24, 24, 1ULL << 63, 1ULL << 62, 10ULL << 47, "the fastest guest" },
		{ ~0u, 17, 1ULL << 48, 1 << 17, ~0u, "the slowest host, 30 kHz" },
	};
	struct clock_scale scale;
	unsigned int i;
	u64 ns;

	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		scale = clock_scale_make(rates[i].ratio, rates[i].mult << (48 - rates[i].shift));
		ns = clock_scale_ns(scale, rates[i].ticks);
		TAP_EQ(ns <= rates[i].ns && rates[i].ns - ns <= 1 + (rates[i].ns >> 30), 1,
		       "%s: not too fast, and exact to 2^-30", rates[i].name);
		TAP_EQ(scale.mul >= 1u << 31, 1, "%s: the factor uses all its bits", rates[i].name);
	}
}

static void check_monotonic(void)
{
	struct clock_scale scale = clock_scale_make(TRUE_HZ, NS);
	unsigned int back = 0, i;
	u64 last = 0, now;

	for (i = 0; i < 1000000; i++) {
		now = clock_scale_ns(scale, 0x123456789abcULL + i);
		back += now < last;
		last = now;
	}
	TAP_EQ(back, 0, "a million ticks in a row: never backwards");
}

static void check_ticks(void)
{
	TAP_EQ(clock_ticks_to_ns(0, 1), 0, "deadline: now");
	TAP_EQ(clock_ticks_to_ns(3400109, 3400109), 1000000, "deadline: a millisecond");
	TAP_EQ(clock_ticks_to_ns(TRUE_HZ * 3600, 3400109), 3600 * NS, "deadline: an hour");
	TAP_EQ(clock_ticks_to_ns(~0ULL, 1), KTIME_END, "deadline: the farthest, the slowest TSC");
	TAP_EQ(clock_ticks_to_ns(~0ULL, 50000), KTIME_END, "deadline: the farthest, a slow TSC");
	TAP_EQ(clock_ticks_to_ns(~0ULL, 0xffffffff) <= KTIME_END, 1, "deadline: the fastest TSC");
}

/* A guest's memory that notes how each write leaves it. */
struct memory {
	u8 bytes[32];
	unsigned int writes, fail_at;
	unsigned int torn;	/* moments at which a record looked whole and was not */
	u8 before[32], after[32];
};

static bool looks_whole(const struct memory *m)
{
	return !(m->bytes[0] & 1);
}

static int write_memory(void *ctx, size_t at, const void *data, size_t size)
{
	struct memory *m = ctx;
	size_t i;

	if (++m->writes == m->fail_at)
		return -EFAULT;
	if (at + size > sizeof(m->bytes))
		return -EINVAL;
	/* A guest's other processor may look after each byte. */
	for (i = 0; i < size; i++) {
		m->bytes[at + i] = ((const u8 *)data)[i];
		m->torn += looks_whole(m) && memcmp(m->bytes + 4, m->before + 4, 28) &&
			   memcmp(m->bytes + 4, m->after + 4, 28);
	}
	return 0;
}

static u32 version_of(const u8 *bytes)
{
	u32 version;

	memcpy(&version, bytes, sizeof(version));
	return version;
}

static void check_old_versions(void)
{
	static const u32 old[] = { 0, 2, 0xfe, 0x1ffff00, 0xfffffffe };
	struct memory m;
	u8 record[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(old); i++) {
		memset(&m, 0, sizeof(m));
		memset(m.bytes + 4, 0x11, 28);
		memcpy(m.bytes, &old[i], 4);
		memcpy(m.before, m.bytes, 32);
		memset(record, 0x22, sizeof(record));
		memcpy(record, &old[i], 4);
		memcpy(m.after, record, 32);
		TAP_EQ(clock_record_write(record, sizeof(record), &m, write_memory), 0,
		       "version %#x: written", old[i]);
		TAP_EQ(version_of(m.bytes), old[i] + 2, "version %#x: two more afterwards", old[i]);
		TAP_EQ(version_of(record), old[i] + 2, "version %#x: the caller knows", old[i]);
		TAP_EQ(m.torn, 0, "version %#x: never half a record", old[i]);
		TAP_EQ(memcmp(m.bytes + 4, m.after + 4, 28), 0, "version %#x: all of it", old[i]);
	}
}

static void check_junk_versions(void)
{
	static const u32 junk[] = { 1, 0xff, 0xffffffff };
	struct memory m;
	u8 record[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(junk); i++) {
		memset(&m, 0, sizeof(m));
		memcpy(m.bytes, &junk[i], 4);
		memcpy(record, &junk[i], 4);
		clock_record_write(record, sizeof(record), &m, write_memory);
		TAP_EQ(version_of(m.bytes) & 1, 0, "junk %#x: an even version afterwards", junk[i]);
		TAP_EQ(version_of(m.bytes) != junk[i], 1, "junk %#x: another version", junk[i]);
	}
}

static void check_failing_writes(void)
{
	struct memory m;
	u8 record[32];
	unsigned int i;

	for (i = 1; i <= 3; i++) {
		memset(&m, 0, sizeof(m));
		m.fail_at = i;
		memset(record, 0, sizeof(record));
		TAP_EQ(clock_record_write(record, sizeof(record), &m, write_memory), -EFAULT,
		       "write %u fails: so does the whole", i);
		TAP_EQ(m.writes, i, "write %u fails: no further write", i);
	}
}

int main(void)
{
	tap_begin();
	check_scale();
	check_rates();
	check_monotonic();
	check_ticks();
	check_old_versions();
	check_junk_versions();
	check_failing_writes();
	return tap_end();
}
