/* SPDX-License-Identifier: GPL-2.0 */
/* Dirty rings; see dirty_ring.c. */
#ifndef KVMLET_VMX_DIRTY_RING_H
#define KVMLET_VMX_DIRTY_RING_H

#include <linux/kvm.h>

struct page;
struct vcpu;
struct vm;

#define DIRTY_RING_MOST_BYTES	(65536 * sizeof(struct kvm_dirty_gfn))

/* Entries [freed, filled) are in use, modulo the ring's size. */
struct dirty_ring {
	struct kvm_dirty_gfn *entry;	/* shared with user space; NULL: none */
	u32 filled, freed;
	u32 last_slot;			/* of the last entry */
	u64 last_offset;
};

int dirty_ring_enable(struct vm *vm, u64 bytes);
int dirty_ring_create(struct vcpu *vcpu);
struct page *dirty_ring_page(struct vcpu *vcpu, unsigned long index);
bool dirty_ring_full(struct vcpu *vcpu);
void dirty_ring_push(struct vcpu *vcpu, u32 slot, u64 offset);
int dirty_ring_reset(struct vm *vm);

#endif
