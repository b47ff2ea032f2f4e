// SPDX-License-Identifier: GPL-2.0
/*
 * Coalesced MMIO and port I/O: a guest's write into a zone goes into a ring, without an exit to
 * user space, which takes it out when it comes there next. Who must see a write at once names no
 * zone for it.
 *
 * vm->ring_lock guards the zones and the ring's end. User space may write anything into the ring
 * at any time: what is read from there is two indexes.
 */
#include <linux/slab.h>
#include "vmx/vm.h"

#define ZONES_MOST	1000

/**
 * coalesced_create() - an empty ring
 * @vm: being created
 *
 * Return: 0 or -ENOMEM.
 */
int coalesced_create(struct vm *vm)
{
	raw_spin_lock_init(&vm->ring_lock);
	vm->ring = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return vm->ring ? 0 : -ENOMEM;
}

/**
 * coalesced_destroy() - undo coalesced_create(); user space's mappings keep their page
 * @vm: that nobody can reach any more
 */
void coalesced_destroy(struct vm *vm)
{
	kvfree(vm->zones);
	free_page((unsigned long)vm->ring);
}

static bool holds(const struct kvm_coalesced_mmio_zone *zone, u32 pio, u64 addr, u32 len)
{
	return zone->pio == pio && addr >= zone->addr && len <= zone->size &&
	       addr - zone->addr <= zone->size - len;
}

/* Room for all that there may be, when the first one comes. */
static bool has_room(struct vm *vm)
{
	struct kvm_coalesced_mmio_zone *zones;

	if (READ_ONCE(vm->zones))
		return true;
	zones = kvcalloc(ZONES_MOST, sizeof(*zones), GFP_KERNEL_ACCOUNT);
	if (zones && cmpxchg(&vm->zones, NULL, zones))
		kvfree(zones);
	return zones;
}

/**
 * coalesced_set_zone() - KVM_REGISTER_COALESCED_MMIO and KVM_UNREGISTER_COALESCED_MMIO
 * @vm: any
 * @zone: of ports if @zone->pio is 1, of addresses if 0
 * @add: register it; else all zones are taken away that hold it
 *
 * When zones were taken away, no write comes into the ring for them. Return: 0; -EINVAL for
 * another @zone->pio; -ENOSPC for too many; -ENOMEM.
 */
int coalesced_set_zone(struct vm *vm, const struct kvm_coalesced_mmio_zone *zone, bool add)
{
	unsigned int i, nr = 0;
	int r = 0;

	if (zone->pio > 1)
		return -EINVAL;
	if (!has_room(vm))
		return -ENOMEM;
	raw_spin_lock(&vm->ring_lock);
	for (i = 0; i < vm->nr_zones; i++)
		if (add || !holds(&vm->zones[i], zone->pio, zone->addr, zone->size))
			vm->zones[nr++] = vm->zones[i];
	if (add && nr == ZONES_MOST)
		r = -ENOSPC;
	else if (add)
		vm->zones[nr++] = *zone;
	WRITE_ONCE(vm->nr_zones, nr);
	raw_spin_unlock(&vm->ring_lock);
	if (zone->pio)
		WRITE_ONCE(vm->has_ports, true);
	return r;
}

/* False if the ring has no room. Under the lock. */
static bool put(struct kvm_coalesced_mmio_ring *ring, u32 pio, u64 addr, u32 len, const void *data)
{
	u32 last = READ_ONCE(ring->last), next = (last + 1) % KVM_COALESCED_MMIO_MAX;
	struct kvm_coalesced_mmio *entry;

	if (last >= KVM_COALESCED_MMIO_MAX || next == READ_ONCE(ring->first))
		return false;
	entry = &ring->coalesced_mmio[array_index_nospec(last, KVM_COALESCED_MMIO_MAX)];
	entry->phys_addr = addr;
	entry->len = len;
	entry->pio = pio;
	memcpy(entry->data, data, len);
	/* The entry is there when the end says so. */
	smp_store_release(&ring->last, next);
	return true;
}

/**
 * coalesced_write() - a guest writes: into the ring, if a zone holds the address
 * @vm: any
 * @pio: @addr is a port
 * @addr: any
 * @len: 1 to 8 bytes
 * @data: what is written
 *
 * Return: false if no zone holds all of it, or the ring has no room. Context: may be preempted.
 */
bool coalesced_write(struct vm *vm, bool pio, u64 addr, unsigned int len, const void *data)
{
	bool held = false;
	unsigned int i;

	if (likely(!READ_ONCE(vm->nr_zones)))
		return false;
	raw_spin_lock(&vm->ring_lock);
	for (i = 0; i < vm->nr_zones && !held; i++)
		held = holds(&vm->zones[i], pio, addr, len);
	held = held && put(vm->ring, pio, addr, len, data);
	raw_spin_unlock(&vm->ring_lock);
	return held;
}
