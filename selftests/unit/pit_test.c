// SPDX-License-Identifier: GPL-2.0
/*
 * The 8254: counters in each mode, latches, BCD, the gate and port 0x61; when channel 0 interrupts,
 * what a late guest gets later; states from user space, hostile ones too. With the machine's own
 * source and a clock of the test's.
 */
#include <stdlib.h>
#include "selftests/lib/tap.h"
#include "vmx/irqchip/pit.c"

#define CONTROL		(PIT_PORT + 3)
#define NR_RANDOM	300000
#define START		(1000 * (s64)NS_PER_SEC)

static struct pit_chip pit;
static s64 now;

static void begin(void)
{
	pit_reset(&pit);
	now = START;
}

/* The time is that of so many ticks after the last count was loaded. */
static void at(u64 ticks)
{
	now = START + to_ns(ticks);
}

static void program(unsigned int n, unsigned int mode, bool bcd, u16 count)
{
	pit_write(&pit, CONTROL, n << 6 | RW_WORD << 4 | mode << 1 | bcd, now);
	pit_write(&pit, PIT_PORT + n, count, now);
	pit_write(&pit, PIT_PORT + n, count >> 8, now);
}

static unsigned int get_byte(unsigned int n)
{
	return pit_read(&pit, PIT_PORT + n, now);
}

static unsigned int get_word(unsigned int n)
{
	unsigned int low = get_byte(n);

	return low | get_byte(n) << 8;
}

static unsigned int status(unsigned int n)
{
	pit_write(&pit, CONTROL, 0xe0 | 2 << n, now);
	return get_byte(n);
}

static bool is_high(unsigned int n)
{
	return status(n) & 0x80;
}

static void speaker(u8 value)
{
	pit_write(&pit, PIT_PORT_SPEAKER, value, now);
}

/* --- counters --------------------------------------------------------------------------------- */

static void test_counters(void)
{
	begin();
	program(1, 2, false, 1000);
	at(0);
	TAP_EQ(get_word(1), 1000, "mode 2 begins with its count");
	at(1);
	TAP_EQ(get_word(1), 999, "and counts down");
	at(999);
	TAP_EQ(get_word(1), 1, "to 1");
	at(1000);
	TAP_EQ(get_word(1), 1000, "from which it begins again");
	at(1000 * 12345678ULL + 7);
	TAP_EQ(get_word(1), 993, "also hours later");
	program(1, 2, false, 0);
	now += to_ns(1);
	TAP_EQ(get_word(1), 65535, "a count of 0 is 65536");

	begin();
	program(1, 3, false, 1000);
	at(1);
	TAP_EQ(get_word(1), 998, "mode 3 counts by two");
	at(500);
	TAP_EQ(get_word(1), 1000, "and begins again after half of its period");

	begin();
	program(1, 0, false, 5);
	at(5);
	TAP_EQ(get_word(1), 0, "mode 0 counts to 0");
	at(6);
	TAP_EQ(get_word(1), 0xffff, "and on from 65535");
	begin();
	program(1, 4, false, 5);
	at(65536 * 3 + 7);
	TAP_EQ(get_word(1), 0xfffe, "mode 4 does, too, round after round");
}

static void test_bcd(void)
{
	begin();
	program(1, 2, true, 0x1000);
	at(1);
	TAP_EQ(get_word(1), 0x0999, "a BCD count of 1000 goes to 999");
	at(1000);
	TAP_EQ(get_word(1), 0x1000, "and has 1000 steps");
	program(1, 2, true, 0);
	now += to_ns(1);
	TAP_EQ(get_word(1), 0x9999, "a BCD count of 0 is 10000");
	begin();
	program(1, 0, true, 2);
	at(3);
	TAP_EQ(get_word(1), 0x9999, "mode 0 goes on from 9999");
	program(1, 2, true, 0xffff);
	now += to_ns(1);
	TAP_EQ(get_word(1), 0x6664, "digits that are none count as what they are");
}

static void test_outputs(void)
{
	begin();
	TAP_EQ(is_high(1), 0, "before its control word a channel is in mode 0 and low");
	program(1, 0, false, 10);
	at(9);
	TAP_EQ(is_high(1), 0, "mode 0 is low");
	at(10);
	TAP_EQ(is_high(1), 1, "until its count has passed");
	at(100000);
	TAP_EQ(is_high(1), 1, "and then high for good");

	begin();
	program(1, 2, false, 10);
	at(8);
	TAP_EQ(is_high(1), 1, "mode 2 is high");
	at(9);
	TAP_EQ(is_high(1), 0, "and low for the last tick");
	at(10);
	TAP_EQ(is_high(1), 1, "of each period");

	begin();
	program(1, 3, false, 11);
	at(5);
	TAP_EQ(is_high(1), 1, "mode 3 is high for the longer half");
	at(6);
	TAP_EQ(is_high(1), 0, "and low for the shorter one");
	at(11);
	TAP_EQ(is_high(1), 1, "of each period");

	begin();
	program(1, 4, false, 10);
	at(9);
	TAP_EQ(is_high(1), 1, "mode 4 is high");
	at(10);
	TAP_EQ(is_high(1), 0, "low for one tick after its count");
	at(11);
	TAP_EQ(is_high(1), 1, "and then high for good");
}

/* --- access ----------------------------------------------------------------------------------- */

static void test_access(void)
{
	begin();
	pit_write(&pit, CONTROL, 1 << 6 | RW_LOW << 4 | 2 << 1, now);
	pit_write(&pit, PIT_PORT + 1, 100, now);
	TAP_EQ(get_byte(1), 100, "a low byte alone is the count");
	TAP_EQ(get_byte(1), 100, "and what is read each time");
	pit_write(&pit, CONTROL, 1 << 6 | RW_HIGH << 4 | 2 << 1, now);
	pit_write(&pit, PIT_PORT + 1, 3, now);
	TAP_EQ(get_byte(1), 3, "a high byte alone, likewise");
	TAP_EQ(pit.channel[1].count, 0x300, "has zeros below it");

	program(1, 2, false, 0x1234);
	pit_write(&pit, PIT_PORT + 1, 0x78, now);
	TAP_EQ(get_word(1), 0x1234, "half a count changes nothing");
	pit_write(&pit, PIT_PORT + 1, 0x56, now);
	TAP_EQ(get_word(1), 0x5678, "until its other half comes");
	program(1, 0, false, 0x1234);
	pit_write(&pit, PIT_PORT + 1, 0x78, now);
	TAP_EQ(status(1) & 0x40, 0x40, "but in mode 0 it stops the counter");

	TAP_EQ(pit_read(&pit, CONTROL, now), 0, "the control word cannot be read");
	program(1, 6, false, 100);
	TAP_EQ(status(1), 0x80 | 3 << 4 | 2 << 1, "mode 6 is mode 2");
	program(1, 7, false, 100);
	TAP_EQ(status(1) & 0x0e, 3 << 1, "mode 7 is mode 3");
}

static void test_latches(void)
{
	begin();
	program(1, 2, false, 0x1234);
	pit_write(&pit, CONTROL, 1 << 6, now);
	at(0x34);
	pit_write(&pit, CONTROL, 1 << 6, now);
	TAP_EQ(get_word(1), 0x1234, "a count that is latched twice is that of the first time");
	TAP_EQ(get_word(1), 0x1200, "and is latched until it is read");

	pit_write(&pit, CONTROL, 0xc0 | 2 << 1, now);
	at(0x35);
	TAP_EQ(get_byte(1), 0x80 | 3 << 4 | 2 << 1, "read-back latches the status, read first,");
	TAP_EQ(get_word(1), 0x1200, "and the count");
	TAP_EQ(get_word(1), 0x11ff, "then the counter is read again");
	pit_write(&pit, CONTROL, 0xd0 | 2 << 1 | 2 << 2, now);
	TAP_EQ(pit.channel[1].status_latched + pit.channel[2].status_latched, 0,
	       "read-back of counts latches no status");
	pit_write(&pit, CONTROL, 1 << 6 | RW_WORD << 4 | 2 << 1, now);
	TAP_EQ(status(1), 0x80 | 0x40 | 3 << 4 | 2 << 1, "after a control word there is no count");
	TAP_EQ(pit.channel[1].count_latched, 0, "and none is latched");
	TAP_EQ(get_word(1), 0, "it reads as 0");
}

/* --- the gate --------------------------------------------------------------------------------- */

static void test_gate(void)
{
	begin();
	program(2, 0, false, 1000);
	at(10);
	TAP_EQ(get_word(2), 1000, "a low gate holds mode 0");
	speaker(1);
	now += to_ns(100);
	TAP_EQ(get_word(2), 900, "which counts when it is high");
	speaker(0);
	now += to_ns(5000);
	TAP_EQ(get_word(2), 900, "stops when it falls");
	speaker(1);
	now += to_ns(50);
	TAP_EQ(get_word(2), 850, "and goes on when it rises");

	begin();
	speaker(1);
	program(2, 2, false, 1000);
	at(100);
	speaker(0);
	TAP_EQ(is_high(2), 1, "a low gate makes mode 2 high");
	now += to_ns(500);
	speaker(1);
	TAP_EQ(get_word(2), 1000, "its rise begins the period anew");
	program(2, 3, false, 10);
	now += to_ns(7);
	TAP_EQ(is_high(2), 0, "mode 3 is low in its second half");
	speaker(0);
	TAP_EQ(is_high(2), 1, "a low gate makes it high");
}

static void test_triggers(void)
{
	begin();
	program(2, 1, false, 100);
	TAP_EQ(is_high(2), 1, "mode 1 is high until its gate rises");
	speaker(1);
	now += to_ns(99);
	TAP_EQ(is_high(2), 0, "then low");
	speaker(0);
	TAP_EQ(is_high(2), 0, "whether the gate falls or not");
	now += to_ns(1);
	TAP_EQ(is_high(2), 1, "for as long as its count");
	speaker(1);
	now += to_ns(60);
	speaker(0);
	speaker(1);
	now += to_ns(99);
	TAP_EQ(is_high(2), 0, "a further rise begins anew");

	begin();
	program(2, 5, false, 100);
	TAP_EQ(is_high(2), 1, "mode 5 is high");
	speaker(1);
	now += to_ns(100);
	TAP_EQ(is_high(2), 0, "low for one tick, its count after the gate rose");
	now += to_ns(1);
	TAP_EQ(is_high(2), 1, "and then high");
	TAP_EQ(get_word(2), 0xffff, "while it counts on");
}

static void test_speaker(void)
{
	begin();
	TAP_EQ(pit_read(&pit, PIT_PORT_SPEAKER, now) & ~0x10, 0, "port 0x61 is 0 at first");
	speaker(0xff);
	TAP_EQ(pit_read(&pit, PIT_PORT_SPEAKER, now) & 0xcf, 3, "its two lowest bits can be set");
	TAP_EQ(pit.flags, KVM_PIT_FLAGS_SPEAKER_DATA_ON, "the second is a flag of the state");
	speaker(1);
	TAP_EQ(pit.flags, 0, "which goes with it");
	program(2, 0, false, 100);
	TAP_EQ(pit_read(&pit, PIT_PORT_SPEAKER, now) & 0x20, 0, "bit 5 is channel 2's output");
	now += to_ns(100);
	TAP_EQ(pit_read(&pit, PIT_PORT_SPEAKER, now) & 0x20, 0x20, "which rises");
	TAP_EQ((pit_read(&pit, PIT_PORT_SPEAKER, now) ^
		pit_read(&pit, PIT_PORT_SPEAKER, now + 16384)) & 0x10, 0x10, "bit 4 toggles");
}

/* --- channel 0's interrupts ------------------------------------------------------------------- */

/* As the host's timer does it; true for an interrupt. */
static bool tick(void)
{
	bool r = pit_tick(&pit, now);

	pit.due = pit_due(&pit, now);
	return r;
}

static void start(unsigned int mode, u16 count)
{
	program(0, mode, false, count);
	pit.due = pit_due(&pit, now);
}

static unsigned int ended(void)
{
	bool r = pit_ended(&pit, now);

	pit.due = pit_due(&pit, now);
	return r;
}

static void test_due(void)
{
	unsigned int mode;

	begin();
	TAP_EQ(pit_due(&pit, now), PIT_NEVER, "before its control word channel 0 is silent");
	pit_write(&pit, CONTROL, RW_WORD << 4 | 2 << 1, now);
	TAP_EQ(pit_due(&pit, now), PIT_NEVER, "before its count, too");
	for (mode = 0; mode < 6; mode++) {
		begin();
		start(mode, 11932);
		if (mode == 1 || mode == 5)
			TAP_EQ(pit.due, PIT_NEVER, "mode %u waits for its gate", mode);
		else
			TAP_EQ(pit.due, START + 10000151, "mode %u interrupts after 10 ms", mode);
	}
	begin();
	start(2, 1);
	TAP_EQ(pit.due, START + to_ns(239), "no more often than every 200 us");
	start(2, 100);
	TAP_EQ(pit.due, START + to_ns(300), "by whole periods");
}

static void test_rate(void)
{
	u64 n;

	begin();
	start(2, 1193);
	pit.reinject = false;
	for (n = 1; n < 1000000; n++) {
		now = pit.due;
		if (!tick())
			break;
	}
	TAP_EQ(n, 1000000, "a million interrupts come");
	TAP_EQ(now, START + to_ns(1193 * 999999ULL), "each at its time, no part of one is lost");
}

static void test_one_shot(void)
{
	begin();
	start(0, 100);
	now = pit.due;
	TAP_EQ(tick(), 1, "mode 0 interrupts");
	TAP_EQ(pit.due, PIT_NEVER, "once");
	pit_write(&pit, PIT_PORT, 50, now);
	pit_write(&pit, PIT_PORT, 0, now);
	TAP_EQ(pit_due(&pit, now), now + to_ns(50), "and again for each count");
	pit_write(&pit, CONTROL, RW_WORD << 4, now);
	TAP_EQ(pit_due(&pit, now), PIT_NEVER, "a control word takes it back");
}

static void test_reinjection(void)
{
	unsigned int n;

	begin();
	start(2, 1000);
	at(1000);
	TAP_EQ(tick(), 1, "the first interrupt comes");
	at(1500);
	TAP_EQ(ended(), 0, "ended in time, there is nothing to make up for");
	at(2000);
	tick();
	for (n = 3; n <= 6; n++) {
		at(n * 1000);
		TAP_EQ(tick(), 1, "the wire is pulsed at %u, though the guest is late", n);
	}
	for (n = 0; ended(); n++)
		;
	TAP_EQ(n, 4, "four more come as the guest ends them");
	TAP_EQ(pit.due, START + to_ns(7000), "the next in time");

	at(7000);
	tick();
	at(7000 + 1000 * 200000ULL);
	TAP_EQ(tick(), 1, "hours late");
	for (n = 0; ended(); n++)
		;
	TAP_EQ(n, MISSED_MOST, "some are lost");
}

static void test_no_reinjection(void)
{
	begin();
	start(2, 1000);
	pit.reinject = false;
	at(5500);
	TAP_EQ(tick(), 1, "without reinjection a late interrupt");
	TAP_EQ(pit.due, START + to_ns(6000), "is followed by the next in time");
	TAP_EQ(ended(), 0, "and none is made up for");

	begin();
	start(2, 1000);
	at(1000);
	tick();
	at(9500);
	pit_forget(&pit, now);
	TAP_EQ(pit.waits, 0, "nobody waits for the end of one that was masked");
	pit.due = pit_due(&pit, now);
	TAP_EQ(pit.due, START + to_ns(10000), "nor for those before it is unmasked");
	at(9600);
	TAP_EQ(tick(), 0, "a timer that expires too early raises nothing");
}

/* --- state ------------------------------------------------------------------------------------ */

static struct kvm_pit_channel_state saved[PIT_CHANNELS];

/* On another host, whose clock is elsewhere: as user space moves it. */
static void move(s64 by)
{
	unsigned int n;
	u32 flags;

	pit_save(&pit, saved, &flags);
	for (n = 0; n < PIT_CHANNELS; n++)
		if (saved[n].count_load_time > 0)
			saved[n].count_load_time += by;
	pit_reset(&pit);
	now += by;
	pit_load(&pit, saved, 0, now);
	pit.due = pit_due(&pit, now);
}

static void test_state(void)
{
	s64 due;

	begin();
	start(2, 10000);
	at(10000);
	tick();
	ended();
	at(12345);
	now += 100;
	due = pit.due;
	move(0);
	TAP_EQ(labs(pit.due - due) <= 1, 1, "a periodic timer goes on in its phase, within 1 ns");
	TAP_EQ(get_word(0), 10000 - 2345, "and its counter");
	move(-500 * (s64)NS_PER_SEC);
	due -= 500 * (s64)NS_PER_SEC;
	TAP_EQ(labs(pit.due - due) <= 2, 1, "by another clock, too");
	now += 3600 * (s64)NS_PER_SEC;
	pit_load(&pit, saved, 0, now);
	TAP_EQ(pit_due(&pit, now) <= now, 1, "set an hour late, it interrupts at once");
	pit.due = pit_due(&pit, now);
	tick();
	TAP_EQ(ended(), 0, "once");
	TAP_EQ(pit.due > now && pit.due <= now + (s64)to_ns(10000), 1, "and goes on");
}

static void test_one_shot_state(void)
{
	s64 due;

	begin();
	start(4, 10000);
	at(9999);
	due = pit.due;
	move(0);
	TAP_EQ(pit.due, due, "a one-shot timer comes when it is due");
	now = due + 1;
	move(0);
	TAP_EQ(pit.due, due, "at once if that is past");
	saved[0].count_load_time = now + 5;
	pit_load(&pit, saved, 0, now);
	TAP_EQ(pit_due(&pit, now), now + to_ns(10000), "from now on if it begins in the future");
	saved[0].count_load_time = INT64_MIN;
	pit_load(&pit, saved, 0, now);
	TAP_EQ(pit_due(&pit, now), to_ns(10000), "a time before all times is the first");
	pit_load(&pit, saved, KVM_PIT_FLAGS_HPET_LEGACY, now);
	TAP_EQ(pit_due(&pit, now), PIT_NEVER, "an HPET takes the interrupt over");
}

static void test_held_state(void)
{
	begin();
	speaker(1);
	program(2, 0, false, 1000);
	at(300);
	speaker(0);
	move(12345);
	now += to_ns(77);
	TAP_EQ(get_word(2), 700, "a channel that is held is restored as it was");
	speaker(1);
	now += to_ns(10);
	TAP_EQ(get_word(2), 690, "and goes on");
}

static void test_no_mode(void)
{
	u32 flags;

	begin();
	pit_save(&pit, saved, &flags);
	saved[0].mode = 0xff;
	saved[0].count = 0x10000;
	pit_load(&pit, saved, ~0U, now);
	TAP_EQ(pit_due(&pit, now), PIT_NEVER, "upstream's channel without a mode is silent");
	TAP_EQ(pit.flags, 3, "of the flags those are taken that exist");
	saved[0].gate = 0;
	pit_load(&pit, saved, 0, now);
	TAP_EQ(pit.channel[0].gate, 1, "channel 0's gate is high");
}

static u64 random64(void)
{
	return (u64)random() << 42 ^ (u64)random() << 21 ^ random();
}

static void random_state(void)
{
	u8 *bytes = (u8 *)saved;
	unsigned int i;

	for (i = 0; i < sizeof(saved); i++)
		bytes[i] = random();
	for (i = 0; i < PIT_CHANNELS; i++) {
		if (random() & 1)
			saved[i].count_load_time = random64() >> (random() & 63);
		if (random() & 1)
			saved[i].count = random() & 0x1ffff;
		if (random() & 1)
			saved[i].mode = random() & 7;
	}
	pit_load(&pit, saved, random(), now);
}

/* Whatever user space and the guest do, the interrupts' rate is bounded, and time goes forward. */
static void test_random(void)
{
	unsigned int i, wrong = 0;
	s64 due;

	srandom(1);
	begin();
	for (i = 0; i < NR_RANDOM; i++) {
		u16 port = random() & 7 ? PIT_PORT + (random() & 3) : PIT_PORT_SPEAKER;

		now += random64() >> (34 + random() % 29);
		if (!(random() & 31))
			random_state();
		if (random() & 1)
			pit_write(&pit, port, random(), now);
		else
			pit_read(&pit, port, now);
		due = pit_due(&pit, now);
		wrong += due <= 0;
		pit.due = due;
		if (!(random() & 3) && pit_tick(&pit, now)) {
			due = pit_due(&pit, now);
			wrong += pit.waits && due <= now;
			pit.due = due;
		}
		if (!(random() & 3))
			pit_ended(&pit, now);
		wrong += period(&pit) && pit.sent > passed(&pit, now);
	}
	TAP_EQ(wrong, 0, "%u random states and accesses do no harm", NR_RANDOM);
}

int main(void)
{
	tap_begin();
	test_counters();
	test_bcd();
	test_outputs();
	test_access();
	test_latches();
	test_gate();
	test_triggers();
	test_speaker();
	test_due();
	test_rate();
	test_one_shot();
	test_reinjection();
	test_no_reinjection();
	test_state();
	test_one_shot_state();
	test_held_state();
	test_no_mode();
	test_random();
	return tap_end();
}
