// SPDX-License-Identifier: GPL-2.0
/*
 * The pair of 8259s in its machine: lock, wire to the vCPUs, ports. What the chips do is in
 * pic.c. pic->lock guards the state; vCPUs are kicked after it.
 */
#include <linux/slab.h>
#include "vmx/irqchip/internal.h"

/**
 * pic_create() - a pair of 8259s
 *
 * Return: it, or NULL without memory.
 */
struct pic *pic_create(void)
{
	struct pic *pic = kzalloc(sizeof(*pic), GFP_KERNEL_ACCOUNT);

	if (!pic)
		return NULL;
	raw_spin_lock_init(&pic->lock);
	pic_reset(&pic->pair);
	return pic;
}

/* The output went up: tell the first vCPU that the wire leads to. */
static void raise(struct vm *vm, const struct vcpu *self)
{
	struct vcpu *vcpu;
	unsigned int i;

	vm_for_each_vcpu(i, vcpu, vm) {
		if (!lapic_accepts_extint(vcpu->lapic))
			continue;
		vcpu_request(vcpu, REQ_EVENT);
		if (vcpu != self)
			vcpu_kick(vcpu);
		return;
	}
}

/**
 * pic_line() - an input changes, or is said to be as it was
 * @vm: with 8259s
 * @line: 0 to 15
 * @source: whose wire
 * @level: high
 *
 * Return: see pic_set_line(). Context: any.
 */
int pic_line(struct vm *vm, unsigned int line, enum line_source source, bool level)
{
	struct pic *pic = vm->pic;
	unsigned long flags;
	bool rises;
	int r;

	raw_spin_lock_irqsave(&pic->lock, flags);
	rises = !pic->pair.output;
	r = pic_set_line(&pic->pair, line, line_level(pic->wires, line, source, level));
	rises &= pic->pair.output;
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	if (rises)
		raise(vm, NULL);
	return r;
}

/**
 * pic_take() - acknowledge the interrupt that the output asks for
 * @vcpu: this thread's
 *
 * Return: vector, or -1 if the output has fallen meanwhile.
 */
int pic_take(struct vcpu *vcpu)
{
	struct pic *pic = vcpu->vm->pic;
	unsigned long flags;
	int vector = -1;

	raw_spin_lock_irqsave(&pic->lock, flags);
	if (pic->pair.output)
		vector = pic_acknowledge(&pic->pair);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	return vector;
}

/* The lines whose interrupts are being served. */
static unsigned long served(const struct pic *pic)
{
	return pic->pair.chip[PIC_MASTER].isr | pic->pair.chip[PIC_SLAVE].isr << 8;
}

/**
 * pic_io() - a guest's I/O instruction
 * @vcpu: this thread's
 * @port: one that pic_has_port()
 * @len: 1, 2 or 4 bytes; only bytes are decoded
 * @data: read or written
 * @write: OUT
 *
 * Return: true.
 */
bool pic_io(struct vcpu *vcpu, u16 port, unsigned int len, u8 *data, bool write)
{
	struct pic *pic = vcpu->vm->pic;
	unsigned long flags, ended = 0;
	unsigned int line;
	bool rises;

	if (len != 1) {
		if (!write)
			memset(data, 0, len);
		return true;
	}
	raw_spin_lock_irqsave(&pic->lock, flags);
	rises = !pic->pair.output;
	if (write) {
		ended = served(pic);
		pic_write(&pic->pair, port, *data);
		ended &= ~served(pic);
	} else {
		*data = pic_read(&pic->pair, port);
	}
	rises &= pic->pair.output;
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	if (unlikely(irqfd_resamples(vcpu->vm)))
		for_each_set_bit(line, &ended, PIC_LINES)
			irqfd_ended(vcpu->vm, false, line);
	if (rises)
		raise(vcpu->vm, vcpu);
	return true;
}

/**
 * pic_state() - KVM_GET_IRQCHIP and KVM_SET_IRQCHIP
 * @vm: with 8259s
 * @chip: PIC_MASTER or PIC_SLAVE
 * @state: filled in, all of it; or any: what cannot be is made possible
 * @set: it is set
 */
void pic_state(struct vm *vm, unsigned int chip, struct kvm_pic_state *state, bool set)
{
	unsigned long flags;
	bool after;

	raw_spin_lock_irqsave(&vm->pic->lock, flags);
	if (set)
		pic_load(&vm->pic->pair, chip, state);
	else
		*state = vm->pic->pair.chip[chip];
	after = set && vm->pic->pair.output;
	raw_spin_unlock_irqrestore(&vm->pic->lock, flags);
	if (after)
		raise(vm, NULL);
}
