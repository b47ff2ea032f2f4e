// SPDX-License-Identifier: GPL-2.0
/*
 * The IO-APIC: 24 inputs, each with an entry that says which message it sends.
 *
 * ioapic->lock guards all of it; messages are posted under it, vCPUs kicked after it.
 * Intel 82093AA data sheet, 290566; for end of interrupt SDM vol. 3A, 10.8.5.
 */
#include <linux/slab.h>
#include "vmx/irqchip/internal.h"

#define IOAPIC_SELECT		0x00
#define IOAPIC_WINDOW		0x10
#define IOAPIC_EOI		0x40		/* from version 0x20 on */

#define REG_ID			0
#define REG_VERSION		1
#define REG_ARBITRATION		2
#define REG_ENTRIES		0x10
#define VERSION(v)		((v) | (IOAPIC_PINS - 1) << 16)

#define ENTRY_VECTOR(e)		((u8)(e))
#define ENTRY_MODE(e)		((e) & APIC_DM_FIXED_MASK)
#define ENTRY_LOGICAL		BIT_ULL(11)
#define ENTRY_REMOTE_IRR	BIT_ULL(14)
#define ENTRY_LEVEL		BIT_ULL(15)
#define ENTRY_MASKED		BIT_ULL(16)
#define ENTRY_DEST(e)		((u32)((e) >> 56))
/* Delivery status, bit 12, is never set: messages do not wait. */
#define ENTRY_WRITABLE		(GENMASK_ULL(63, 56) | GENMASK_ULL(16, 15) | BIT_ULL(13) | \
				 GENMASK_ULL(11, 0))

/**
 * ioapic_create() - an IO-APIC with all inputs masked
 *
 * Return: it, or NULL without memory.
 */
struct ioapic *ioapic_create(void)
{
	struct ioapic *io = kzalloc(sizeof(*io), GFP_KERNEL_ACCOUNT);
	unsigned int pin;

	if (!io)
		return NULL;
	raw_spin_lock_init(&io->lock);
	io->base = IO_APIC_DEFAULT_PHYS_BASE;
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		io->entry[pin] = ENTRY_MASKED;
	return io;
}

/* Sends an input's message. Return: as deliver(), -1 also if it may not be sent now. */
static int send(struct vm *vm, unsigned int pin, struct kicks *kicks)
{
	struct ioapic *io = vm->ioapic;
	u64 e = io->entry[pin];
	const struct apic_msg msg = {
		.dest	= {
			.id		= ENTRY_DEST(e),
			.logical	= e & ENTRY_LOGICAL,
			.device		= !READ_ONCE(vm->x2apic_strict),
		},
		.mode	= ENTRY_MODE(e),
		.vector	= ENTRY_VECTOR(e),
		.level	= e & ENTRY_LEVEL,
	};
	int r;

	if (e & (ENTRY_MASKED | ENTRY_REMOTE_IRR))
		return -1;
	r = deliver(vm, &msg, kicks);
	if (!(e & ENTRY_LEVEL))
		io->sent |= BIT(pin);
	else if (r > 0)
		io->entry[pin] |= ENTRY_REMOTE_IRR;
	return r;
}

/* Under the lock. */
static int rise(struct vm *vm, unsigned int pin, struct kicks *kicks)
{
	struct ioapic *io = vm->ioapic;
	bool was = io->irr & BIT(pin);

	io->irr |= BIT(pin);
	if (!(io->entry[pin] & ENTRY_LEVEL)) {
		if (was)
			return 0;
		io->sent &= ~BIT(pin);
	}
	return send(vm, pin, kicks);
}

static noinline int change_line(struct vm *vm, unsigned int pin, enum line_source source,
				bool level)
{
	struct ioapic *io = vm->ioapic;
	struct kicks kicks = { };
	unsigned long flags;
	int r = 1;

	raw_spin_lock_irqsave(&io->lock, flags);
	if (line_level(io->wires, pin, source, level))
		r = rise(vm, pin, &kicks);
	else
		io->irr &= ~BIT(pin);
	raw_spin_unlock_irqrestore(&io->lock, flags);
	deliver_kick(vm, &kicks, NULL);
	return r;
}

/**
 * ioapic_line() - an input changes, or is said to be as it was
 * @vm: with an IO-APIC
 * @pin: 0 to 23
 * @source: whose wire
 * @level: high
 *
 * Return: how many vCPUs accepted an interrupt, 1 for a falling edge; 0 if there is no edge;
 * -1 if it is masked or not ended yet. Context: any.
 */
int ioapic_line(struct vm *vm, unsigned int pin, enum line_source source, bool level)
{
	const struct ioapic *io = vm->ioapic;

	/* User space often lowers what is low. */
	if (!level && !((READ_ONCE(io->wires[source]) | READ_ONCE(io->irr)) & BIT(pin)))
		return 1;
	return change_line(vm, pin, source, level);
}

/* Before the inputs are looked at: lines that are resampled fall, and may rise again. */
static void resample(struct vm *vm, u8 vector, bool level)
{
	unsigned int pin;
	u64 entry;

	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		entry = READ_ONCE(vm->ioapic->entry[pin]);
		if (ENTRY_VECTOR(entry) == vector && (level || !(entry & ENTRY_LEVEL)))
			irqfd_ended(vm, true, pin);
	}
}

/**
 * ioapic_eoi() - a vCPU, or its guest here, ended an interrupt by level or that is resampled
 * @vcpu: this thread's
 * @vector: of the interrupt
 * @level: as its sender had it: by an edge, an input by level may have it for another vCPU
 *
 * An input that is still high interrupts again.
 */
void ioapic_eoi(struct vcpu *vcpu, u8 vector, bool level)
{
	struct ioapic *io = vcpu->vm->ioapic;
	struct kicks kicks = { };
	unsigned long flags;
	unsigned int pin;

	if (unlikely(irqfd_resamples(vcpu->vm)))
		resample(vcpu->vm, vector, level);
	raw_spin_lock_irqsave(&io->lock, flags);
	for (pin = 0; pin < IOAPIC_PINS && level; pin++) {
		if (ENTRY_VECTOR(io->entry[pin]) != vector ||
		    !(io->entry[pin] & ENTRY_REMOTE_IRR))
			continue;
		io->entry[pin] &= ~ENTRY_REMOTE_IRR;
		if (io->irr & BIT(pin))
			send(vcpu->vm, pin, &kicks);
	}
	raw_spin_unlock_irqrestore(&io->lock, flags);
	deliver_kick(vcpu->vm, &kicks, vcpu);
}

static u32 read_window(const struct vm *vm)
{
	const struct ioapic *io = vm->ioapic;
	u32 i = io->select - REG_ENTRIES;
	u64 e;

	switch (io->select) {
	case REG_ID:
	case REG_ARBITRATION:
		return io->id << 24;
	case REG_VERSION:
		return VERSION(READ_ONCE(vm->directed_eoi) ? 0x20 : 0x11);
	}
	if (i >= 2 * IOAPIC_PINS)
		return ~0u;
	e = io->entry[array_index_nospec(i / 2, IOAPIC_PINS)];
	return i & 1 ? e >> 32 : e;
}

/* An input becoming edge-triggered forgets its unfinished interrupt: drivers reset it so. */
static void settle(struct vm *vm, unsigned int pin, struct kicks *kicks)
{
	struct ioapic *io = vm->ioapic;

	if (!(io->entry[pin] & ENTRY_LEVEL))
		io->entry[pin] &= ~ENTRY_REMOTE_IRR;
	else if (io->irr & BIT(pin))
		send(vm, pin, kicks);
}

static void write_window(struct vm *vm, u32 value, struct kicks *kicks)
{
	struct ioapic *io = vm->ioapic;
	u32 i = io->select - REG_ENTRIES;
	unsigned int pin;
	u64 mask, half;

	if (io->select == REG_ID)
		io->id = value >> 24 & 0xf;
	if (i >= 2 * IOAPIC_PINS)
		return;
	pin = array_index_nospec(i / 2, IOAPIC_PINS);
	half = i & 1 ? GENMASK_ULL(63, 32) : GENMASK_ULL(31, 0);
	mask = half & ENTRY_WRITABLE;
	io->entry[pin] = (io->entry[pin] & ~mask) | ((i & 1 ? (u64)value << 32 : value) & mask);
	settle(vm, pin, kicks);
}

/**
 * ioapic_mmio() - a guest accesses the IO-APIC
 * @vcpu: this thread's
 * @offset: from its base
 * @len: 1 to 8 bytes
 * @data: read or written
 * @write: a store
 */
void ioapic_mmio(struct vcpu *vcpu, u64 offset, unsigned int len, void *data, bool write)
{
	struct ioapic *io = vcpu->vm->ioapic;
	u64 value = 0;
	struct kicks kicks = { };
	unsigned long flags;

	if (write)
		memcpy(&value, data, len);
	if (write && offset == IOAPIC_EOI && READ_ONCE(vcpu->vm->directed_eoi)) {
		ioapic_eoi(vcpu, value, true);
		return;
	}
	raw_spin_lock_irqsave(&io->lock, flags);
	if (offset == IOAPIC_SELECT && write)
		io->select = value & 0xff;
	else if (offset == IOAPIC_SELECT)
		value = io->select;
	else if (offset == IOAPIC_WINDOW && write)
		write_window(vcpu->vm, value, &kicks);
	else if (offset == IOAPIC_WINDOW)
		value = read_window(vcpu->vm);
	raw_spin_unlock_irqrestore(&io->lock, flags);
	if (!write)
		memcpy(data, &value, len);
	deliver_kick(vcpu->vm, &kicks, vcpu);
}

/**
 * ioapic_get() - KVM_GET_IRQCHIP
 * @vm: with an IO-APIC
 * @state: filled in, all of it
 *
 * Edges that were delivered are not shown, so that they are not delivered again.
 */
void ioapic_get(struct vm *vm, struct kvm_ioapic_state *state)
{
	struct ioapic *io = vm->ioapic;
	unsigned long flags;
	unsigned int pin;

	raw_spin_lock_irqsave(&io->lock, flags);
	state->base_address = io->base;
	state->ioregsel = io->select;
	state->id = io->id;
	state->irr = io->irr & ~io->sent;
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		state->redirtbl[pin].bits = io->entry[pin];
	raw_spin_unlock_irqrestore(&io->lock, flags);
}

/**
 * ioapic_set() - KVM_SET_IRQCHIP
 * @vm: with an IO-APIC
 * @state: any; bits that do not exist are dropped
 */
void ioapic_set(struct vm *vm, const struct kvm_ioapic_state *state)
{
	struct ioapic *io = vm->ioapic;
	struct kicks kicks = { };
	unsigned long flags;
	unsigned int pin;

	raw_spin_lock_irqsave(&io->lock, flags);
	WRITE_ONCE(io->base, state->base_address);
	io->select = state->ioregsel & 0xff;
	io->id = state->id & 0xf;
	io->irr = 0;
	io->sent = 0;
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		io->entry[pin] = state->redirtbl[pin].bits & (ENTRY_WRITABLE | ENTRY_REMOTE_IRR);
		settle(vm, pin, &kicks);
		if (state->irr & BIT(pin))
			rise(vm, pin, &kicks);
	}
	raw_spin_unlock_irqrestore(&io->lock, flags);
	deliver_kick(vm, &kicks, NULL);
}
