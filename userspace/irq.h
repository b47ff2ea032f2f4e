/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupts that are messages: GSIs of their own, each with an eventfd that raises it.
 */
#ifndef KVMLET_USERSPACE_IRQ_H
#define KVMLET_USERSPACE_IRQ_H

#include "include/portable.h"

struct vm;

int irq_new(struct vm *vm, unsigned int *gsi);
void irq_route(struct vm *vm, unsigned int gsi, u32 address, u32 address_high, u32 data);

#endif
