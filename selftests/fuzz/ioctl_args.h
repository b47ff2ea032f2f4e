/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For ioctl.c: contents for each ioctl's structure (ioctls.h): plausible enough to get past the
 * first checks, hostile enough to try the others. Each fills ARGUMENT_BYTES at @p, so that what an
 * ioctl reads beyond its structure is odd, too.
 */
#ifndef KVMLET_FUZZ_IOCTL_ARGS_H
#define KVMLET_FUZZ_IOCTL_ARGS_H

#include <linux/kvm.h>
#include <string.h>
#include <unistd.h>
#include "selftests/fuzz/ioctl_memory.h"
#include "selftests/fuzz/ioctl_random.h"

#define ARGUMENT_BYTES	8192

static void fill_words(void *p)
{
	uint64_t *words = p;
	unsigned int i;

	/* Many words of one kind cost nothing to make. */
	for (i = 0; i < ARGUMENT_BYTES / 8; i++)
		words[i] = i < 64 ? odd_value() : words[i - 1 - (i & 31)] * (i | 1);
}

static void fill_number(void *p, uint64_t value)
{
	memcpy(p, &value, sizeof(value));
}

static void fill_small(void *p)
{
	fill_number(p, one_in(4) ? odd_value() : below(5));
}

static void fill_mostly_zero(void *p)
{
	fill_number(p, one_in(8) ? odd_value() : 0);
}

static void fill_capability(void *p)
{
	fill_number(p, one_in(8) ? odd_value() : below(256));
}

static void fill_address(void *p)
{
	fill_number(p, one_in(2) ? odd_value() : 0xfffbd000);
}

static void fill_tsc_khz(void *p)
{
	static const uint64_t rates[] = {
		0, 1, 50000, 100000, 250000, 2194000, 4000000000, 0xffffffff,
	};

	fill_number(p, one_in(2) ? odd_value() : ONE_OF(rates));
}

static void fill_device_attr(void *p)
{
	struct kvm_device_attr *attr = p;

	fill_words(p);
	attr->group = one_in(8) ? odd_value() : 0;
	attr->attr = one_in(8) ? odd_value() : 0;
	attr->addr = one_in(8) ? odd_value() : (uintptr_t)p;
}

static void fill_region(void *p)
{
	static const uint32_t slots[] = { 32763, 32764, 0xffff, 0x10000, 0x1ffff, 0xffffffff };
	static const uint64_t sizes[] = {
		1, 0xfff, 1ULL << 40, 1ULL << 43, 1ULL << 44, 0xfffffffffffff000, 1ULL << 63,
	};
	struct kvm_userspace_memory_region *region = p;
	unsigned int piece = below(NR_PIECES);

	region->slot = one_in(8) ? ONE_OF(slots) : 1 + below(24);
	region->flags = one_in(8) ? odd_value() : below(4);
	region->guest_phys_addr = one_in(4) ? odd_value() : (uint64_t)below(NR_PIECES + 4) << 16;
	region->memory_size = one_in(8) ? ONE_OF(sizes) :
			      one_in(3) ? 0 : (uint64_t)(1 + below(20)) << 12;
	region->userspace_addr = one_in(6) ? odd_value() : PIECE(piece);
	region->userspace_addr += one_in(8) ? below(16) << 12 : one_in(16);
}

static void fill_dirty_log(void *p)
{
	struct kvm_dirty_log *log = p;

	log->slot = one_in(8) ? odd_value() : 1 + below(24);
	log->padding1 = odd_value();
	log->dirty_bitmap = one_in(8) ? (void *)odd_value() : (void *)PIECE(below(NR_PIECES));
}

static void fill_clear_dirty_log(void *p)
{
	struct kvm_clear_dirty_log *log = p;

	log->slot = one_in(8) ? odd_value() : 1 + below(24);
	log->num_pages = one_in(8) ? odd_value() : below(24);
	log->first_page = one_in(8) ? odd_value() : 0;
	log->dirty_bitmap = one_in(8) ? (void *)odd_value() : (void *)PIECE(below(NR_PIECES));
}

static void fill_irqchip(void *p)
{
	struct kvm_irqchip *chip = p;

	fill_words(p);
	chip->chip_id = one_in(8) ? odd_value() : below(3);
}

static void fill_irq_level(void *p)
{
	struct kvm_irq_level *level = p;

	level->irq = one_in(8) ? odd_value() : below(26);
	level->level = one_in(8) ? odd_value() : below(2);
}

static void fill_msi(void *p)
{
	struct kvm_msi *msi = p;

	fill_words(p);
	msi->address_lo = one_in(4) ? odd_value() : 0xfee00000 | below(256) << 12 | below(4) << 2;
	msi->address_hi = one_in(8) ? odd_value() : 0;
	msi->data = one_in(4) ? odd_value() : below(0x10000);
	msi->flags = one_in(8) ? odd_value() : 0;
}

static void fill_routes(void *p)
{
	struct kvm_irq_routing *table = p;
	struct kvm_irq_routing_entry *entry;
	unsigned int i;

	fill_words(p);
	table->nr = one_in(16) ? odd_count(4100) : below(40);
	table->flags = one_in(16) ? odd_value() : 0;
	for (i = 0; i < 100; i++) {
		entry = &table->entries[i];
		entry->gsi = one_in(64) ? odd_value() : below(30) + below(60) * one_in(4);
		entry->type = one_in(64) ? odd_value() : 1 + below(2);
		entry->flags = one_in(64) ? odd_value() : 0;
		entry->u.irqchip.irqchip = one_in(64) ? odd_value() : below(3);
		entry->u.irqchip.pin = one_in(64) ? odd_value() : below(8);
		if (entry->type == KVM_IRQ_ROUTING_MSI)
			entry->u.msi.address_lo = 0xfee00000 | below(4) << 12;
	}
}

/* Eventfds of a session. */
static int events[4];

static int any_event(void)
{
	return one_in(8) ? (int)below(64) : ONE_OF(events);
}

static void fill_ioeventfd(void *p)
{
	static const uint32_t lengths[] = { 0, 1, 2, 4, 8 };
	struct kvm_ioeventfd *args = p;

	fill_words(p);
	args->fd = any_event();
	args->addr = one_in(4) ? odd_value() : below(0x30);
	args->len = one_in(16) ? odd_value() : ONE_OF(lengths);
	args->flags = one_in(16) ? odd_value() : below(16);
	args->datamatch = below(4);
}

/* Signals one, too. */
static void fill_irqfd(void *p)
{
	const uint64_t one = 1;
	struct kvm_irqfd *args = p;

	fill_words(p);
	args->fd = any_event();
	args->gsi = one_in(8) ? odd_value() : below(40);
	args->flags = one_in(16) ? odd_value() : below(4);
	args->resamplefd = any_event();
	if (write(ONE_OF(events), &one, sizeof(one)) < 0)
		memset(args->pad, 1, sizeof(args->pad));
}

static void fill_zone(void *p)
{
	struct kvm_coalesced_mmio_zone *zone = p;

	zone->pio = one_in(16) ? odd_value() : below(2);
	zone->addr = one_in(4) ? odd_value() : below(0x30);
	zone->size = one_in(4) ? odd_value() : below(0x20);
}

/* Of both sets of channels, whose structure begins alike: most of them count. */
static void fill_pit(void *p)
{
	struct kvm_pit_state2 *state = p;
	unsigned int i;

	fill_words(p);
	for (i = 0; i < 3; i++) {
		if (!one_in(4))
			state->channels[i].mode = below(8);
		if (!one_in(4))
			state->channels[i].count = below(0x10001);
	}
	state->flags = one_in(4) ? odd_value() : 0;
}

static void fill_clock(void *p)
{
	struct kvm_clock_data *clock = p;

	fill_words(p);
	clock->flags = one_in(4) ? odd_value() : one_in(2) ? 0 : KVM_CLOCK_REALTIME;
}

static void fill_cpuid(void *p)
{
	static const uint32_t leaves[] = {
		0, 1, 2, 4, 6, 7, 0xa, 0xb, 0xd, 0x14, 0x1f, 0x40000000, 0x40000001, 0x80000000,
		0x80000001, 0x80000007, 0x80000008, 0xffffffff,
	};
	struct kvm_cpuid2 *cpuid = p;
	unsigned int i;

	fill_words(p);
	cpuid->nent = odd_count(100);
	for (i = 0; i < 24; i++) {
		cpuid->entries[i].function = one_in(4) ? odd_value() : ONE_OF(leaves);
		cpuid->entries[i].index = one_in(4) ? odd_value() : below(3);
		cpuid->entries[i].flags = one_in(4) ? odd_value() : below(2);
	}
}

static void fill_msr_list(void *p)
{
	*(uint32_t *)p = odd_count(256);
}

static void fill_msrs(void *p)
{
	static const uint32_t indices[] = {
		0x10, 0x11, 0x12, 0x1b, 0x3a, 0x3b, 0x34, 0x48, 0x49, 0x8b, 0x9e, 0xfe, 0x10a,
		0x10b, 0x122, 0x174, 0x175, 0x176, 0x179, 0x17a, 0x17b, 0x186, 0x198, 0x1a0, 0x1d9,
		0x200, 0x20f,
		0x250, 0x277, 0x2ff, 0x345, 0x38f, 0x400, 0x401, 0x47f, 0x480, 0x48b, 0x491, 0x6e0,
		0x800, 0x802, 0x830, 0x8ff, 0xda0, 0x4b564d00, 0x4b564d01, 0x4b564d02, 0x4b564d03,
		0x4b564d04, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000100,
		0xc0000101, 0xc0000102, 0xc0000103, 0xc0010015,
	};
	struct kvm_msrs *msrs = p;
	unsigned int i;

	fill_words(p);
	msrs->nmsrs = odd_count(8);
	for (i = 0; i < 16; i++) {
		msrs->entries[i].index = one_in(8) ? odd_value() : ONE_OF(indices);
		msrs->entries[i].data = odd_value();
	}
}

static void fill_interrupt(void *p)
{
	*(uint32_t *)p = one_in(4) ? odd_value() : below(256);
}

static void fill_mp_state(void *p)
{
	*(uint32_t *)p = one_in(4) ? odd_value() : one_in(2) ? 0 : below(6);
}

static void fill_events(void *p)
{
	struct kvm_vcpu_events *events = p;
	uint8_t *bytes = p;
	unsigned int i;

	for (i = 0; i < sizeof(*events); i++)
		bytes[i] = one_in(3) ? odd_value() : below(2);
	events->flags = one_in(4) ? odd_value() : below(64);
}

static void fill_xcrs(void *p)
{
	struct kvm_xcrs *xcrs = p;

	fill_words(p);
	xcrs->nr_xcrs = one_in(4) ? odd_value() : below(18);
	xcrs->flags = one_in(8) ? odd_value() : 0;
	xcrs->xcrs[0].xcr = one_in(8) ? odd_value() : 0;
	xcrs->xcrs[0].value = one_in(4) ? odd_value() : below(8);
}

/* A mask that holds the kicks back would let a KVM_RUN last for ever: ioctl.c takes them out. */
static void fill_signal_mask(void *p)
{
	struct kvm_signal_mask *mask = p;
	uint64_t set = random64();

	mask->len = one_in(4) ? odd_value() : sizeof(set);
	memcpy(mask->sigset, &set, sizeof(set));
}

static void fill_enable_cap(void *p)
{
	static const uint32_t caps[] = {
		KVM_CAP_X86_USER_SPACE_MSR, KVM_CAP_EXCEPTION_PAYLOAD,
		KVM_CAP_X86_TRIPLE_FAULT_EVENT, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		KVM_CAP_DIRTY_LOG_RING, KVM_CAP_SPLIT_IRQCHIP, KVM_CAP_X2APIC_API,
		KVM_CAP_HALT_POLL, KVM_CAP_ENFORCE_PV_FEATURE_CPUID,
	};
	struct kvm_enable_cap *cap = p;

	fill_words(p);
	cap->cap = one_in(4) ? odd_value() : ONE_OF(caps);
	cap->flags = one_in(8) ? odd_value() : 0;
	cap->args[0] = one_in(4) ? odd_value() : one_in(8) ? 4096U << below(10) : below(16);
}

static void fill_msr_filter(void *p)
{
	static const uint32_t bases[] = { 0, 0x10, 0x174, 0xc0000080, 0xc0000100, 0xfffffff0 };
	struct kvm_msr_filter *filter = p;
	unsigned int i;

	fill_words(p);
	filter->flags = one_in(8) ? odd_value() : one_in(4);
	for (i = 0; i < KVM_MSR_FILTER_MAX_RANGES; i++) {
		filter->ranges[i].flags = one_in(16) ? odd_value() : below(4);
		filter->ranges[i].base = one_in(4) ? odd_value() : ONE_OF(bases);
		filter->ranges[i].nmsrs = one_in(16) ? odd_count(0x3000) : below(40);
		filter->ranges[i].bitmap = (void *)(one_in(16) ? odd_value() : (uintptr_t)p);
	}
}

static void fill_guest_debug(void *p)
{
	struct kvm_guest_debug *debug = p;

	fill_words(p);
	debug->control = one_in(8) ? odd_value() : random64() & 0x1f0003;
}

static void fill_mce_cap(void *p)
{
	fill_number(p, one_in(4) ? odd_value() : below(34) | 1ULL << 8 | 1ULL << 24);
}

static void fill_mce(void *p)
{
	struct kvm_x86_mce *mce = p;

	fill_words(p);
	mce->bank = one_in(4) ? odd_value() : below(10);
	mce->status = one_in(4) ? odd_value() : 1ULL << 63 | random64() >> 1;
}

/* --- the table -------------------------------------------------------------------------------- */

enum descriptor { SYSTEM, VM, VCPU, NR_DESCRIPTORS };

struct ioctl {
	const char *name;
	enum descriptor descriptor;
	bool number;			/* the argument is one, not an address */
	uint32_t cmd, get;
	void (*fill)(void *p);
};

static const struct ioctl ioctls[] = {
#define IOCTL(descriptor, cmd, argument, get, fill) \
	{ #cmd, descriptor, !_IOC_SIZE(cmd), cmd, get, fill_##fill },
#include "selftests/fuzz/ioctls.h"
#undef IOCTL
};

#define NR_IOCTLS (sizeof(ioctls) / sizeof(ioctls[0]))

/* A structure that the table has wrong would leave a part of it out. void has size 1 here. */
#define IOCTL(descriptor, cmd, argument, get, fill) \
	_Static_assert(_IOC_SIZE(cmd) ? _IOC_SIZE(cmd) == sizeof(argument) : \
				       sizeof(argument) == sizeof(void), #cmd);
#include "selftests/fuzz/ioctls.h"
#undef IOCTL

#endif
