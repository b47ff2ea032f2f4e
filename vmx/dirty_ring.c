// SPDX-License-Identifier: GPL-2.0
/*
 * Dirty rings: a way to tell written pages that costs by the page and not by the slot. Each vCPU
 * has a ring that user space maps: the vCPU's thread fills it, user space marks what it has
 * taken, KVM_RESET_DIRTY_RINGS frees that and has the pages' next writes noticed again.
 *
 * The ring is shared memory: what stands in it is hostile, and no index is. @filled is the
 * vCPU thread's; @freed is guarded by vm->lock.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include "vmx/dirty_ring.h"
#include "vmx/hw/controls.h"
#include "vmx/vcpu.h"

#define BATCH		16	/* entries that are freed at once, on the stack */

/* What one stay in the guest may add: a full PML page, and what the hypervisor writes. */
static u32 reserved(void)
{
	return 64 + (pml_there() ? PML_ENTRIES : 0);
}

static u32 used(const struct dirty_ring *ring)
{
	/* Pairs with reset_ring(): its entries are empty then. */
	return ring->filled - smp_load_acquire(&ring->freed);
}

static struct kvm_dirty_gfn *entry_at(struct vcpu *vcpu, u32 index)
{
	return &vcpu->ring.entry[index & (vcpu->vm->ring_entries - 1)];
}

/**
 * dirty_ring_enable() - KVM_CAP_DIRTY_LOG_RING
 * @vm: its lock is held
 * @bytes: size of each vCPU's ring
 *
 * Return: 0; -EINVAL: no power of two, too small, a second time, or there are vCPUs; -E2BIG.
 */
int dirty_ring_enable(struct vm *vm, u64 bytes)
{
	int r;

	if (!is_power_of_2(bytes) || bytes < PAGE_SIZE ||
	    bytes < reserved() * sizeof(struct kvm_dirty_gfn))
		return -EINVAL;
	if (bytes > DIRTY_RING_MOST_BYTES)
		return -E2BIG;
	if (vm->ring_entries || vm->nr_vcpus)
		return -EINVAL;
	r = mmu_log_by_rings(&vm->mmu);
	if (!r)
		vm->ring_entries = bytes / sizeof(struct kvm_dirty_gfn);
	return r;
}

/**
 * dirty_ring_create() - a vCPU's ring, if the VM has them
 * @vcpu: new
 *
 * Return: 0, or -ENOMEM.
 */
int dirty_ring_create(struct vcpu *vcpu)
{
	size_t bytes = vcpu->vm->ring_entries * sizeof(struct kvm_dirty_gfn);

	if (bytes)
		vcpu->ring.entry = __vmalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	return !bytes || vcpu->ring.entry ? 0 : -ENOMEM;
}

/**
 * dirty_ring_page() - a page of the ring, for user space's page fault
 * @vcpu: any
 * @index: page of the ring
 *
 * Return: the page, NULL beyond the ring.
 */
struct page *dirty_ring_page(struct vcpu *vcpu, unsigned long index)
{
	if (index >= vcpu->vm->ring_entries * sizeof(struct kvm_dirty_gfn) / PAGE_SIZE)
		return NULL;
	return vmalloc_to_page((void *)vcpu->ring.entry + index * PAGE_SIZE);
}

/**
 * dirty_ring_full() - must user space take something before the guest runs on?
 * @vcpu: this thread's
 */
bool dirty_ring_full(struct vcpu *vcpu)
{
	u32 entries = vcpu->vm->ring_entries;

	return entries && used(&vcpu->ring) >= entries - reserved();
}

/**
 * dirty_ring_push() - a page was written
 * @vcpu: this thread's
 * @slot: address space and id, as in KVM_SET_USER_MEMORY_REGION
 * @offset: frame in the slot
 */
void dirty_ring_push(struct vcpu *vcpu, u32 slot, u64 offset)
{
	struct dirty_ring *ring = &vcpu->ring;
	u32 n = used(ring);
	struct kvm_dirty_gfn *entry;

	/*
	 * An instruction that is emulated may write to a page again and again. Not if user space
	 * is done with the entry: the lock held here comes before or after that of mmu_clean().
	 */
	if (n && ring->last_slot == slot && ring->last_offset == offset &&
	    READ_ONCE(entry_at(vcpu, ring->filled - 1)->flags) == KVM_DIRTY_GFN_F_DIRTY)
		return;
	if (dirty_ring_full(vcpu))
		vcpu_request(vcpu, REQ_RING_FULL);
	/* Only for a monitor that has us write by ioctls and never looks at the ring. */
	if (n >= vcpu->vm->ring_entries)
		return;
	ring->last_slot = slot;
	ring->last_offset = offset;
	entry = entry_at(vcpu, ring->filled++);
	entry->slot = slot;
	entry->offset = offset;
	/* User space may take it once it sees the flag. */
	smp_store_release(&entry->flags, KVM_DIRTY_GFN_F_DIRTY);
}

/* Copies entries that user space is done with, at most BATCH. */
static unsigned int done_with(struct vcpu *vcpu, struct kvm_dirty_gfn *batch)
{
	u32 first = vcpu->ring.freed, n, most = READ_ONCE(vcpu->ring.filled) - first;

	for (n = 0; n < BATCH && n < most; n++) {
		struct kvm_dirty_gfn *entry = entry_at(vcpu, first + n);

		/* What user space did with the entry comes before its flag. */
		if (!(smp_load_acquire(&entry->flags) & KVM_DIRTY_GFN_F_RESET))
			break;
		batch[n].slot = READ_ONCE(entry->slot);
		batch[n].offset = READ_ONCE(entry->offset);
	}
	return n;
}

/* Once around at most, however fast others are. */
static int reset_ring(struct vcpu *vcpu)
{
	struct kvm_dirty_gfn batch[BATCH];
	unsigned int n, i, freed = 0;
	int r;

	while (freed < vcpu->vm->ring_entries && (n = done_with(vcpu, batch))) {
		r = mmu_clean(&vcpu->vm->mmu, batch, n);
		if (r)
			return r;
		for (i = 0; i < n; i++)
			WRITE_ONCE(entry_at(vcpu, vcpu->ring.freed + i)->flags, 0);
		/* The vCPU's thread may use them again. */
		smp_store_release(&vcpu->ring.freed, vcpu->ring.freed + n);
		freed += n;
		cond_resched();
	}
	return freed;
}

/**
 * dirty_ring_reset() - KVM_RESET_DIRTY_RINGS
 * @vm: its lock is held
 *
 * Return: number of entries freed; -EINVAL without rings; -EINTR.
 */
int dirty_ring_reset(struct vm *vm)
{
	struct vcpu *vcpu;
	int r, sum = 0;
	unsigned int i;

	if (!vm->ring_entries)
		return -EINVAL;
	vm_for_each_vcpu(i, vcpu, vm) {
		r = reset_ring(vcpu);
		if (r < 0)
			return r;
		sum += r;
	}
	return sum;
}
