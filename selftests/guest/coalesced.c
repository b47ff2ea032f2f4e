// SPDX-License-Identifier: GPL-2.0
/*
 * Coalesced MMIO and port I/O: which writes wait in the ring, in what form, when there is no room,
 * and what a hostile ring does: nothing.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#include "selftests/lib/vm.h"

#define ZONE		(DEVICE + 0x100)
#define ZONE_SIZE	0x100
#define ZONE_PORT	0x3c0
#define RING_MOST	((PAGE - sizeof(struct kvm_coalesced_mmio_ring)) / \
			 sizeof(struct kvm_coalesced_mmio))

static struct vm vm;
static struct vcpu vcpu;
static struct device device;
static volatile uint32_t turns;		/* how often the guest writes */

static int zone(unsigned long cmd, uint64_t addr, uint32_t size, uint32_t pio)
{
	struct kvm_coalesced_mmio_zone args = { .addr = addr, .size = size, .pio = pio };

	return call(vm.fd, cmd, &args);
}

static int add(uint64_t addr, uint32_t size, uint32_t pio)
{
	return zone(KVM_REGISTER_COALESCED_MMIO, addr, size, pio);
}

static int drop(uint64_t addr, uint32_t size, uint32_t pio)
{
	return zone(KVM_UNREGISTER_COALESCED_MMIO, addr, size, pio);
}

static struct kvm_coalesced_mmio_ring *ring(void)
{
	return (void *)((uint8_t *)vcpu.run + 2 * PAGE);
}

/* The next entry of the ring is this write. */
static void next_is(uint64_t addr, uint32_t len, uint64_t data, uint32_t pio, const char *what)
{
	const struct kvm_coalesced_mmio *entry = &ring()->coalesced_mmio[ring()->first];
	uint64_t got = 0;

	if (!tap_ok(ring()->first != ring()->last, "%s is in the ring", what))
		return;
	memcpy(&got, entry->data, len);
	tap_ok(entry->phys_addr == addr && entry->len == len && got == data && entry->pio == pio,
	       "address, length, value and kind are its own");
	ring()->first = (ring()->first + 1) % RING_MOST;
}

static bool is_empty(void)
{
	return ring()->first == ring()->last;
}

/* --- which writes ----------------------------------------------------------------------------- */

#define WRITE(type, addr, value) (*(volatile type *)(addr) = (value))

static void write_guest(void)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	const uint8_t *from = bytes;
	uint64_t count = 3;

	WRITE(uint32_t, ZONE, 0x11223344);
	WRITE(uint8_t, ZONE + ZONE_SIZE - 1, 0x55);
	WRITE(uint64_t, ZONE + 8, 0x8877665544332211);
	guest_sync(1);
	WRITE(uint32_t, ZONE - 4, 1);
	WRITE(uint32_t, ZONE + ZONE_SIZE, 2);
	WRITE(uint64_t, ZONE + ZONE_SIZE - 4, 3);
	guest_check("a read", *(volatile uint32_t *)ZONE, 0);
	guest_sync(2);
	asm volatile("outb %b0, %1" : : "a"(0x77), "Nd"((uint16_t)ZONE_PORT));
	asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(ZONE_PORT + 1) : "memory");
	guest_sync(3);
	WRITE(uint32_t, ZONE, 9);
	guest_sync(4);
}

static void writes(const char *path, bool irqchip)
{
	unsigned int i;

	machine(&vm, &vcpu, path, irqchip, write_guest);
	memset(&device, 0, sizeof(device));
	TAP_EQ(add(ZONE, ZONE_SIZE, 0), 0, "a zone of addresses");
	TAP_EQ(add(ZONE_PORT, 2, 1), 0, "a zone of ports");
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 1, "a guest writes there");
	TAP_EQ(device.writes, 0, "user space gets no write");
	next_is(ZONE, 4, 0x11223344, 0, "the first");
	next_is(ZONE + ZONE_SIZE - 1, 1, 0x55, 0, "one at the zone's end");
	next_is(ZONE + 8, 8, 0x8877665544332211, 0, "one of eight bytes");
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 2, "and beside it");
	TAP_EQ(device.writes, 3, "writes beside the zone, and across its end, are user space's");
	TAP_EQ(device.reads, 1, "and a read from it");
	TAP_EQ(is_empty(), 1, "nothing is in the ring");
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 3, "to the ports");
	next_is(ZONE_PORT, 1, 0x77, 1, "OUT");
	for (i = 1; i <= 3; i++)
		next_is(ZONE_PORT + 1, 1, i, 1, "an element of REP OUTS");
	TAP_EQ(drop(ZONE, ZONE_SIZE, 1), 0, "a zone that is not there goes away");
	TAP_EQ(drop(ZONE, ZONE_SIZE, 0), 0, "and one that is");
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 4, "a write without a zone");
	TAP_EQ(device.writes, 4, "is user space's");
	TAP_EQ(is_empty(), 1, "and not in the ring");
	machine_close(&vm, &vcpu);
}

/* --- the ring --------------------------------------------------------------------------------- */

static void storm_guest(void)
{
	uint32_t i;

	for (;;) {
		for (i = 0; i < turns; i++)
			WRITE(uint32_t, ZONE, i);
		guest_sync(1);
	}
}

static void run_turns(unsigned int n)
{
	turns = n;
	device.writes = 0;
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 1, "the guest writes %u times", n);
}

/* An end that is none, from user space. */
static void hostile(uint32_t last)
{
	ring()->last = last;
	run_turns(400);
	TAP_EQ(device.writes, 400, "with an end at %#x all writes are user space's", last);
}

static void room(const char *path)
{
	unsigned int i, wrong = 0;

	machine(&vm, &vcpu, path, false, storm_guest);
	add(ZONE, ZONE_SIZE, 0);
	run_turns(400);
	tap_ok(ring()->last > 50 && ring()->last < RING_MOST, "the ring takes what it holds");
	TAP_EQ(device.writes + ring()->last, 400, "the others are user space's");
	for (i = 0; i < ring()->last; i++)
		wrong += *(uint32_t *)ring()->coalesced_mmio[i].data != i;
	TAP_EQ(wrong, 0, "all in their order");
	ring()->first = ring()->last;
	run_turns(50);
	TAP_EQ(device.writes, 0, "when it is empty there is room again");
	ring()->first = RING_MOST - 2;
	ring()->last = RING_MOST - 2;
	run_turns(5);
	TAP_EQ(ring()->last, 3, "after the last entry comes the first");
	hostile(RING_MOST);
	hostile(0xffffffff);
	hostile(0x80000000);
	ring()->first = RING_MOST + 5;
	ring()->last = 3;
	run_turns(400);
	tap_ok(ring()->last < RING_MOST, "with a beginning that is none the end stays in the ring");
	machine_close(&vm, &vcpu);
}

/* --- arguments -------------------------------------------------------------------------------- */

static void arguments(const char *path)
{
	unsigned int i, wrong = 0;

	vm_open(&vm, path);
	TAP_EQ(call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO), 2, "the ring is page 2");
	TAP_EQ(call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_PIO), 1, "ports, too");
	TAP_EQ(add(ZONE, ZONE_SIZE, 2), -EINVAL, "neither addresses nor ports: EINVAL");
	TAP_EQ(drop(ZONE, ZONE_SIZE, 2), -EINVAL, "nor taken away: EINVAL");
	TAP_EQ(call(vm.fd, KVM_REGISTER_COALESCED_MMIO, 8), -EFAULT, "no memory: EFAULT");
	for (i = 0; i < 1000; i++)
		wrong += add(ZONE + i, 1, 0) != 0;
	TAP_EQ(wrong, 0, "a thousand zones");
	TAP_EQ(add(ZONE, 8, 0), -ENOSPC, "one more: ENOSPC");
	TAP_EQ(drop(ZONE, 1, 0), 0, "one less");
	TAP_EQ(add(ZONE, 8, 0), 0, "and one more");
	vm_close(&vm);
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);

	tap_begin();
	arguments(path);
	writes(path, false);
	writes(path, true);
	room(path);
	return tap_end();
}
