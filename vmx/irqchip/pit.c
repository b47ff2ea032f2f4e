// SPDX-License-Identifier: GPL-2.0
/*
 * The 8254: control words, counters, what its outputs are, and when channel 0 interrupts.
 * Pure state; the caller has the lock. Nothing is counted: what a counter holds follows from when
 * its count was loaded. Intel 8254 data sheet, 231164.
 *
 * Modes are 0 to 5: 2 and 3 are periodic, 1 and 5 (their low bits are 1) wait for the gate to
 * rise, which it does on channel 2 alone. A count takes effect when it is written, in modes 2 and
 * 3 too.
 */
#include "vmx/irqchip/pit.h"

#define NS_PER_SEC	1000000000ULL
#define SPEAKER		2		/* the channel with a gate; the others' are high */
#define FEWEST_TICKS	239U		/* 200 us: a guest may not keep the host busy */
#define MISSED_MOST	65536		/* interrupts that a late guest gets later */
#define BACK_NO_COUNT	0x20		/* of a read-back command */
#define BACK_NO_STATUS	0x10

/* Bits 5:4 of a control word, and which byte is next. Of the high bytes the lowest bit is 0. */
enum { RW_LATCH, RW_LOW, RW_HIGH, RW_WORD, RW_WORD_HIGH };

static u64 to_ticks(u64 ns)
{
	return ns / NS_PER_SEC * PIT_FREQUENCY + ns % NS_PER_SEC * PIT_FREQUENCY / NS_PER_SEC;
}

/* Rounded up, so that so many ticks have passed by then. */
static u64 to_ns(u64 ticks)
{
	return ticks / PIT_FREQUENCY * NS_PER_SEC +
	       (ticks % PIT_FREQUENCY * NS_PER_SEC + PIT_FREQUENCY - 1) / PIT_FREQUENCY;
}

static bool is_held(const struct kvm_pit_channel_state *c)
{
	return !c->gate && (c->mode & 3) != 1;
}

/* Ticks since the count was loaded. */
static u64 elapsed(const struct kvm_pit_channel_state *c, s64 now)
{
	return to_ticks((is_held(c) ? 0 : now) - c->count_load_time);
}

static u32 counter(const struct kvm_pit_channel_state *c, s64 now)
{
	u32 range = c->bcd ? 10000 : 65536, n;
	u64 t = elapsed(c, now) << (c->mode == 3);

	if (!c->count)
		return 0;
	n = (c->mode & 2 ? c->count - t % c->count : c->count + range - t % range) % range;
	return c->bcd ? n / 1000 << 12 | n / 100 % 10 << 8 | n / 10 % 10 << 4 | n % 10 : n;
}

static bool out(const struct kvm_pit_channel_state *c, s64 now)
{
	u64 t = elapsed(c, now);

	if (!c->count)
		return c->mode;
	if (!(c->mode & 2))
		return c->mode & 4 ? t != c->count : t >= c->count;
	t %= c->count;
	return !c->gate || (c->mode == 2 ? t != c->count - 1 : t < (c->count + 1) / 2);
}

/* --- channel 0's interrupts ------------------------------------------------------------------- */

/* Ticks to its first, and to the next of a periodic channel; 0 if there is none. */
static u64 period(const struct pit_chip *pit)
{
	const struct kvm_pit_channel_state *c = &pit->channel[0];

	if (!c->count || (c->mode & 3) == 1 || (pit->flags & KVM_PIT_FLAGS_HPET_LEGACY))
		return 0;
	if (!(c->mode & 2) || c->count >= FEWEST_TICKS)
		return c->count;
	return (FEWEST_TICKS + c->count - 1) / c->count * c->count;
}

/* How many there should have been. */
static u64 passed(const struct pit_chip *pit, s64 now)
{
	u64 p = period(pit), n = p ? elapsed(&pit->channel[0], now) / p : 0;

	return pit->channel[0].mode & 2 ? n : !!n;
}

/**
 * pit_due() - when channel 0 interrupts next
 * @pit: any
 * @now: the time
 *
 * Return: when; it may be past. PIT_NEVER if there is nothing to come.
 */
s64 pit_due(const struct pit_chip *pit, s64 now)
{
	u64 p = period(pit), next = (pit->waits ? max(passed(pit, now), pit->sent) : pit->sent) + 1;

	if (!p || (next > 1 && !(pit->channel[0].mode & 2)))
		return PIT_NEVER;
	return pit->channel[0].count_load_time + to_ns(next * p);
}

/**
 * pit_tick() - channel 0's timer has expired
 * @pit: any
 * @now: the time
 *
 * While the guest has not ended the last interrupt, a further one merges with it, or waits behind
 * it: pit_ended() makes up for it.
 * Return: true if an interrupt is to be raised. Call pit_due() after it.
 */
bool pit_tick(struct pit_chip *pit, s64 now)
{
	u64 all = passed(pit, now);

	if (now < pit->due)
		return false;
	if (!pit->waits)
		pit->sent = pit->reinject ? pit->sent + 1 : all;
	if (all > MISSED_MOST)
		pit->sent = max(pit->sent, all - MISSED_MOST);
	pit->waits = pit->reinject;
	return true;
}

/**
 * pit_ended() - the guest has ended channel 0's interrupt
 * @pit: any
 * @now: the time
 *
 * Return: true if the next is to be raised at once.
 */
bool pit_ended(struct pit_chip *pit, s64 now)
{
	pit->waits = pit->waits && passed(pit, now) > pit->sent;
	pit->sent += pit->waits;
	return pit->waits;
}

/**
 * pit_forget() - nobody took the last interrupt, or none shall be made up for
 * @pit: any
 * @now: the time
 *
 * Return: false: no interrupt is to be raised.
 */
bool pit_forget(struct pit_chip *pit, s64 now)
{
	pit->waits = false;
	pit->sent = max(pit->sent, passed(pit, now));
	return false;
}

/* --- registers -------------------------------------------------------------------------------- */

/* What a read-back command's bits leave. What was latched before stays. */
static void latch(struct kvm_pit_channel_state *c, u8 command, s64 now)
{
	if (!(command & BACK_NO_COUNT) && !c->count_latched) {
		c->latched_count = counter(c, now);
		c->count_latched = c->rw_mode;
	}
	if (!(command & BACK_NO_STATUS) && !c->status_latched) {
		c->status = out(c, now) << 7 | !c->count << 6 | c->rw_mode << 4 | c->mode << 1 |
			    c->bcd;
		c->status_latched = 1;
	}
}

static u8 known_mode(u8 mode)
{
	return mode & (mode & 2 ? 3 : 7);
}

/* A channel that gets a mode forgets what was latched, and waits for its count. */
static void write_control(struct pit_chip *pit, u8 word, s64 now)
{
	struct kvm_pit_channel_state *c;
	u8 rw = word >> 4 & 3;
	unsigned int n;

	for (n = 0, c = pit->channel; n < PIT_CHANNELS; n++, c++) {
		if (word >> 6 == PIT_CHANNELS && (word & 2 << n))
			latch(c, word, now);
		if (word >> 6 != n)
			continue;
		if (rw == RW_LATCH)
			latch(c, BACK_NO_STATUS, now);
		else
			*c = (struct kvm_pit_channel_state) {
				.rw_mode = rw, .read_state = rw, .write_state = rw, .gate = c->gate,
				.mode = known_mode(word >> 1 & 7), .bcd = word & 1,
			};
	}
}

static u8 read_counter(struct kvm_pit_channel_state *c, s64 now)
{
	u8 *part = c->count_latched ? &c->count_latched : &c->read_state, was = *part;
	u32 value = c->count_latched ? c->latched_count : counter(c, now);

	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	if (c->count_latched)
		*part = was == RW_WORD ? RW_HIGH : 0;
	else if (was >= RW_WORD)
		*part = was == RW_WORD ? RW_WORD_HIGH : RW_WORD;
	return value >> (was & 1 ? 0 : 8);
}

static void write_counter(struct pit_chip *pit, struct kvm_pit_channel_state *c, u8 value, s64 now)
{
	u32 count = c->write_state == RW_LOW ? value : c->write_latch | value << 8;

	if (c->write_state == RW_WORD) {
		c->write_latch = value;
		c->write_state = RW_WORD_HIGH;
		/* In mode 0 the first byte stops the counter. */
		c->count = c->mode ? c->count : 0;
		return;
	}
	if (c->write_state == RW_WORD_HIGH)
		c->write_state = RW_WORD;
	if (c->bcd)
		count = (count >> 12) * 1000 + (count >> 8 & 15) * 100 + (count >> 4 & 15) * 10 +
			(count & 15);
	c->count = count ?: c->bcd ? 10000 : 65536;
	if ((c->mode & 3) != 1)
		c->count_load_time = is_held(c) ? 0 : now;
	if (c == pit->channel) {
		pit->sent = 0;
		pit->waits = false;
	}
}

/* In modes 0 and 4 a low gate holds the count, in the others its rise begins anew. */
static void set_gate(struct kvm_pit_channel_state *c, bool gate, s64 now)
{
	if (gate && !c->gate)
		c->count_load_time = now + (c->mode & 3 ? 0 : c->count_load_time);
	else if (!gate && c->gate && (c->mode & 3) != 1)
		c->count_load_time -= now;
	c->gate = gate;
}

/**
 * pit_read() - IN of a byte
 * @pit: any
 * @port: PIT_PORT and the next three, of which the last reads as 0, or PIT_PORT_SPEAKER
 * @now: the time
 *
 * Return: the byte.
 */
u8 pit_read(struct pit_chip *pit, u16 port, s64 now)
{
	struct kvm_pit_channel_state *c = &pit->channel[SPEAKER];

	/* The bit of the refresh has to toggle, every 15 us or so. */
	if (port == PIT_PORT_SPEAKER)
		return c->gate | (pit->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON) |
		       (now >> 14 & 1) << 4 | out(c, now) << 5;
	port &= 3;
	return port < PIT_CHANNELS ?
	       read_counter(&pit->channel[array_index_nospec(port, PIT_CHANNELS)], now) : 0;
}

/**
 * pit_write() - OUT of a byte
 * @pit: any
 * @port: as of pit_read()
 * @value: the byte
 * @now: the time
 *
 * Call pit_due() after it.
 */
void pit_write(struct pit_chip *pit, u16 port, u8 value, s64 now)
{
	unsigned int n = port & 3;

	if (port == PIT_PORT_SPEAKER) {
		set_gate(&pit->channel[SPEAKER], value & 1, now);
		pit->flags = (pit->flags & ~KVM_PIT_FLAGS_SPEAKER_DATA_ON) |
			     (value & KVM_PIT_FLAGS_SPEAKER_DATA_ON);
	} else if (n == PIT_CHANNELS) {
		write_control(pit, value, now);
	} else {
		n = array_index_nospec(n, PIT_CHANNELS);
		write_counter(pit, &pit->channel[n], value, now);
	}
}

/* --- state ------------------------------------------------------------------------------------ */

/**
 * pit_reset() - the state after power-on: no channel counts
 * @pit: any
 */
void pit_reset(struct pit_chip *pit)
{
	*pit = (struct pit_chip) {
		.channel = { { .gate = 1 }, { .gate = 1 } }, .reinject = true, .due = PIT_NEVER,
	};
}

/**
 * pit_save() - give the channels' registers to user space
 * @pit: any
 * @to: three channels, filled in, all of them
 * @flags: KVM_PIT_FLAGS_*, set
 *
 * The time of loading says it all: of a periodic channel 0 it is when the last interrupt was due
 * that the guest has got.
 */
void pit_save(const struct pit_chip *pit, struct kvm_pit_channel_state *to, u32 *flags)
{
	*flags = pit->flags;
	memcpy(to, pit->channel, sizeof(pit->channel));
	if (to->mode & 2)
		to->count_load_time += to_ns(pit->sent * period(pit));
}

/**
 * pit_load() - take the channels' registers from user space
 * @pit: any
 * @from: three channels, anything at all; what cannot be is made possible
 * @flags: KVM_PIT_FLAGS_*; others are dropped
 * @now: the time
 *
 * They go on from where the time of loading puts them. If interrupts would have come since then,
 * one comes at once. Call pit_due() after it.
 */
void pit_load(struct pit_chip *pit, const struct kvm_pit_channel_state *from, u32 flags, s64 now)
{
	struct kvm_pit_channel_state *c;
	u64 all;

	memcpy(pit->channel, from, sizeof(pit->channel));
	for (c = pit->channel; c < pit->channel + PIT_CHANNELS; c++) {
		/* Upstream's 0xff: no control word has been written. */
		c->count = c->mode > 7 ? 0 : min(c->count, 65536U);
		c->mode = known_mode(c->mode);
		c->rw_mode &= 3;
		c->bcd &= 1;
		c->gate = c->gate || c != &pit->channel[SPEAKER];
		/* Of another clock: begin now. */
		c->count_load_time = is_held(c) ? clamp_t(s64, c->count_load_time, -now, 0) :
						  clamp_t(s64, c->count_load_time, 0, now);
	}
	pit->flags = flags & (KVM_PIT_FLAGS_HPET_LEGACY | KVM_PIT_FLAGS_SPEAKER_DATA_ON);
	pit->waits = false;
	all = passed(pit, now);
	pit->sent = all - !!all;
}
