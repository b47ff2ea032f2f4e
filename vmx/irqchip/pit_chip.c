// SPDX-License-Identifier: GPL-2.0
/*
 * The 8254 in its machine: lock, timer, wire to the controllers, ports, user space's access. What
 * the chip does is in pit.c. pit->lock guards its state; the wire, GSI 0, is pulsed after it.
 *
 * The host's timer is set for the moment when channel 0 interrupts next. Whether the guest has
 * ended the last interrupt it is told where resamplefds are (irqfd_ended()).
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "vmx/compat.h"
#include "vmx/irqchip/internal.h"

static s64 begin(struct pit *pit, unsigned long *flags) __acquires(&pit->lock)
{
	raw_spin_lock_irqsave(&pit->lock, *flags);
	return ktime_get();
}

/* After a change: the timer follows, and so does who hears of EOIs. */
static void end(struct pit *pit, s64 now, unsigned long flags) __releases(&pit->lock)
{
	s64 due = pit_due(&pit->chip, now);

	if (due == PIT_NEVER)
		hrtimer_try_to_cancel(&pit->timer);
	else if (due != pit->chip.due)
		hrtimer_start(&pit->timer, due, HRTIMER_MODE_ABS_HARD);
	/* A callback that was not stopped in time waits for the lock, and finds this. */
	pit->chip.due = due;
	atomic_add(pit->chip.waits - pit->hears, &pit->vm->eventfds.ears);
	pit->hears = pit->chip.waits;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

static bool step(struct pit *pit, bool (*fn)(struct pit_chip *chip, s64 now))
{
	unsigned long flags;
	s64 now = begin(pit, &flags);
	bool r = fn(&pit->chip, now);

	end(pit, now, flags);
	return r;
}

/* Nobody ends an interrupt that is masked. */
static void pulse(struct pit *pit)
{
	/* Pairs with irqchip_create(). */
	bool wired = smp_load_acquire(&pit->vm->irqchip) == IRQCHIP_KERNEL;

	if (!wired || irqchip_set_line(pit->vm, LINE_USER, PIT_GSI, true) < 0)
		step(pit, pit_forget);
	if (wired)
		irqchip_set_line(pit->vm, LINE_USER, PIT_GSI, false);
}

static enum hrtimer_restart on_timer(struct hrtimer *timer)
{
	struct pit *pit = container_of(timer, struct pit, timer);

	if (step(pit, pit_tick))
		pulse(pit);
	return HRTIMER_NORESTART;
}

/**
 * pit_hear_end() - the guest has ended an interrupt of GSI 0
 * @pit: the 8254
 *
 * Context: any; no lock of the controllers is held.
 */
void pit_hear_end(struct pit *pit)
{
	if (step(pit, pit_ended))
		pulse(pit);
}

/**
 * pit_create() - KVM_CREATE_PIT2
 * @vm: any. Without controllers here it counts and does not interrupt
 * @flags: KVM_PIT_SPEAKER_DUMMY: port 0x61 too
 *
 * Return: 0; -EEXIST if there is one; -ENOMEM.
 */
int pit_create(struct vm *vm, u32 flags)
{
	struct pit *pit = kzalloc(sizeof(*pit), GFP_KERNEL_ACCOUNT);

	if (!pit)
		return -ENOMEM;
	raw_spin_lock_init(&pit->lock);
	compat_hrtimer_setup(&pit->timer, on_timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	pit->vm = vm;
	pit->speaker = flags & KVM_PIT_SPEAKER_DUMMY;
	pit_reset(&pit->chip);
	if (cmpxchg(&vm->pit, NULL, pit)) {
		kfree(pit);
		return -EEXIST;
	}
	WRITE_ONCE(vm->has_ports, true);
	return 0;
}

/**
 * pit_destroy() - free a VM's 8254
 * @vm: that nobody can reach any more; its controllers are still there
 */
void pit_destroy(struct vm *vm)
{
	if (vm->pit)
		hrtimer_cancel(&vm->pit->timer);
	kfree(vm->pit);
}

/**
 * pit_io() - a guest's I/O instruction
 * @pit: the 8254
 * @port: any
 * @len: 1, 2 or 4 bytes; only bytes are decoded
 * @data: read or written
 * @write: OUT
 *
 * Return: false if the port is not its own.
 */
bool pit_io(struct pit *pit, u16 port, unsigned int len, u8 *data, bool write)
{
	unsigned long flags;
	s64 now;

	if ((port & ~3) != PIT_PORT && (port != PIT_PORT_SPEAKER || !pit->speaker))
		return false;
	if (!write)
		memset(data, 0, len);
	if (len != 1)
		return true;
	now = begin(pit, &flags);
	if (write)
		pit_write(&pit->chip, port, *data, now);
	else
		*data = pit_read(&pit->chip, port, now);
	end(pit, now, flags);
	return true;
}

/**
 * pit_state() - KVM_GET_PIT2 and KVM_SET_PIT2; KVM_GET_PIT and KVM_SET_PIT are a part of them
 * @vm: any
 * @channels: three; filled in, all of them; anything at all if they are set
 * @pit_flags: KVM_PIT_FLAGS_*, NULL: not asked for, or as they are
 * @set: they are set
 *
 * Return: 0; -ENXIO if there is no 8254.
 */
int pit_state(struct vm *vm, struct kvm_pit_channel_state *channels, u32 *pit_flags, bool set)
{
	struct pit *pit = READ_ONCE(vm->pit);
	unsigned long flags;
	s64 now;

	if (!pit)
		return -ENXIO;
	now = begin(pit, &flags);
	if (set)
		pit_load(&pit->chip, channels, pit_flags ? *pit_flags : pit->chip.flags, now);
	else
		pit_save(&pit->chip, channels, pit_flags ?: &(u32) { 0 });
	end(pit, now, flags);
	return 0;
}

/**
 * pit_set_reinject() - KVM_REINJECT_CONTROL
 * @vm: any
 * @user: whether the guest gets later the interrupts for which it was late; so it is at first
 *
 * Return: 0; -EFAULT; -ENXIO if there is no 8254.
 */
int pit_set_reinject(struct vm *vm, const struct kvm_reinject_control __user *user)
{
	struct pit *pit = READ_ONCE(vm->pit);
	u8 reinject;

	if (get_user(reinject, &user->pit_reinject))
		return -EFAULT;
	if (!pit)
		return -ENXIO;
	WRITE_ONCE(pit->chip.reinject, reinject);
	step(pit, pit_forget);
	return 0;
}
