/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The 8254 and port 0x61 as a state machine, without lock or clock (those are in pit_chip.c), so
 * that it is tested in user space. The caller says what time it is: nanoseconds of
 * CLOCK_MONOTONIC. Intel 8254 data sheet, 231164.
 */
#ifndef KVMLET_VMX_IRQCHIP_PIT_H
#define KVMLET_VMX_IRQCHIP_PIT_H

#include "include/portable.h"
#include <asm/kvm.h>

#define PIT_CHANNELS		3
#define PIT_FREQUENCY		1193182		/* Hz */
#define PIT_PORT		0x40		/* of channel 0; 0x43 is the control word's */
#define PIT_PORT_SPEAKER	0x61
#define PIT_NEVER		S64_MAX

/**
 * struct pit_chip - an 8254: channel 0 interrupts, channel 2 has a gate that a guest controls
 * @channel:	registers, in the form that user space gets and sets. @count is 0 if none came since
 *		the control word; @count_load_time is when it was loaded, or would have been if it
 *		had never been held; of a channel that its gate holds, minus what it has counted, ns
 * @flags:	KVM_PIT_FLAGS_*
 * @reinject:	each interrupt of channel 0 comes, also those for which the guest was late
 * @waits:	the guest has not ended the last one; only with @reinject
 * @sent:	those since @count_load_time that are not owed any more
 * @due:	when pit_tick() is to be called
 */
struct pit_chip {
	struct kvm_pit_channel_state channel[PIT_CHANNELS];
	u32 flags;
	bool reinject, waits;
	u64 sent;
	s64 due;
};

void pit_reset(struct pit_chip *pit);
void pit_save(const struct pit_chip *pit, struct kvm_pit_channel_state *to, u32 *flags);
void pit_load(struct pit_chip *pit, const struct kvm_pit_channel_state *from, u32 flags, s64 now);
u8 pit_read(struct pit_chip *pit, u16 port, s64 now);
void pit_write(struct pit_chip *pit, u16 port, u8 value, s64 now);
s64 pit_due(const struct pit_chip *pit, s64 now);
bool pit_tick(struct pit_chip *pit, s64 now);
bool pit_ended(struct pit_chip *pit, s64 now);
bool pit_forget(struct pit_chip *pit, s64 now);

#endif
