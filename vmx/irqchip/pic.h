/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pair of 8259s as a state machine, without locks or wires (those are in pic_chip.c), so
 * that it is tested in user space. Intel 8259A data sheet, 231468-003.
 */
#ifndef KVMLET_VMX_IRQCHIP_PIC_H
#define KVMLET_VMX_IRQCHIP_PIC_H

#include "include/portable.h"
#include <asm/kvm.h>

#define PIC_LINES	16

#define PIC_PORT_MASTER	0x20
#define PIC_PORT_SLAVE	0xa0
#define PIC_PORT_ELCR	0x4d0

enum { PIC_MASTER, PIC_SLAVE };

/**
 * struct pic_pair - two 8259s, the second on input 2 of the first
 * @chip:	registers, in the form that user space gets and sets
 * @output:	INTR: the pair asks for an interrupt
 */
struct pic_pair {
	struct kvm_pic_state chip[2];
	bool output;
};

/* Does the pair answer at this I/O port? Each chip has two, and so have their edge/level masks. */
static inline bool pic_has_port(u16 port)
{
	port &= ~1;
	return port == PIC_PORT_MASTER || port == PIC_PORT_SLAVE || port == PIC_PORT_ELCR;
}

void pic_reset(struct pic_pair *pair);
void pic_load(struct pic_pair *pair, unsigned int chip, const struct kvm_pic_state *state);
int pic_set_line(struct pic_pair *pair, unsigned int line, bool level);
u8 pic_acknowledge(struct pic_pair *pair);
u8 pic_read(struct pic_pair *pair, u16 port);
void pic_write(struct pic_pair *pair, u16 port, u8 value);

#endif
