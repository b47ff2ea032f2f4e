/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Coalesced MMIO and port I/O: writes into zones that user space has named wait in a ring until
 * it looks there, at an exit for another reason. The contracts are at the functions in coalesced.c.
 */
#ifndef KVMLET_VMX_COALESCED_H
#define KVMLET_VMX_COALESCED_H

#include <linux/kvm.h>

struct vm;

int coalesced_create(struct vm *vm);
void coalesced_destroy(struct vm *vm);
int coalesced_set_zone(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone, bool add);
bool coalesced_write(struct vm *vm, bool pio, u64 addr, unsigned int len, const void *data);

#endif
