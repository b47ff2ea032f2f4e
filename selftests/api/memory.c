// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SET_USER_MEMORY_REGION: every check of its arguments.
 */
#include "selftests/lib/vm.h"
#include "uapi/kvmlet.h"

#define SLOTS	32764

static struct vm vm;
static uint8_t *memory;

static int set(unsigned int slot, unsigned int flags, uint64_t gpa, uint64_t size)
{
	return vm_slot(&vm, slot, flags, gpa, size, memory);
}

static void alignment(void)
{
	TAP_EQ(set(0, 0, 0x1000, PAGE), 0, "one page is a slot");
	TAP_EQ(set(1, 0, 0x10800, PAGE), -EINVAL, "a misaligned guest address: EINVAL");
	TAP_EQ(set(1, 0, 0x10000, 0x800), -EINVAL, "a misaligned size: EINVAL");
	TAP_EQ(vm_slot(&vm, 1, 0, 0x10000, PAGE, memory + 8), -EINVAL,
	       "a misaligned user address: EINVAL");
	TAP_EQ(vm_slot(&vm, 1, 0, 0x10000, PAGE, (void *)(1UL << 63)), -EINVAL,
	       "a kernel address as user address: EINVAL");
	TAP_EQ(set(1, 0, -PAGE, 2 * PAGE), -EINVAL, "a slot that wraps: EINVAL");
	TAP_EQ(set(1, 0, -PAGE, PAGE), -EINVAL, "a slot that ends at 2^64: EINVAL");
	TAP_EQ(set(1, 0, 0, 1ULL << 63), -EINVAL, "more pages than a slot may have: EINVAL");
	TAP_EQ(call(vm.fd, KVM_SET_USER_MEMORY_REGION, 0), -EFAULT, "NULL: EFAULT");
}

static void flags(void)
{
	TAP_EQ(set(1, 1U << 31, 0x10000, PAGE), -EINVAL, "an unknown flag: EINVAL");
	TAP_EQ(set(1, 1U << 2, 0x10000, PAGE), -EINVAL, "a flag that this structure has no "
	       "room for: EINVAL");
	TAP_EQ(set(1, KVM_MEM_READONLY, 0x10000, PAGE), 0, "a read-only slot");
	TAP_EQ(set(1, 0, 0x10000, PAGE), -EINVAL, "read-only cannot be taken back in place");
	TAP_EQ(set(1, 0, 0x10000, 0), 0, "a read-only slot is deleted");
	TAP_EQ(set(1, 0, 0x10000, PAGE), 0, "and is back as a writable one");
	TAP_EQ(set(1, KVM_MEM_READONLY, 0x10000, PAGE), -EINVAL,
	       "read-only cannot be added in place");
	TAP_EQ(set(1, 0, 0x10000, PAGE), 0, "the same slot once more changes nothing");
	set(1, 0, 0, 0);
}

/* The same structure with room for a guest_memfd, which is not offered. */
static void region2(void)
{
	struct kvm_userspace_memory_region2 region = {
		.slot = 9, .guest_phys_addr = 0x80000, .memory_size = PAGE,
		.userspace_addr = (uintptr_t)memory,
	};

	if (call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY2) <= 0) {
		tap_skip("KVM_SET_USER_MEMORY_REGION2", "KVM_CAP_USER_MEMORY2 is 0");
		return;
	}
	TAP_EQ(call(vm.fd, KVM_SET_USER_MEMORY_REGION2, &region), 0,
	       "KVM_SET_USER_MEMORY_REGION2 makes a slot");
	TAP_EQ(set(10, 0, 0x80000, PAGE), -EEXIST, "which is there");
	region.flags = 1 << 2;
	TAP_EQ(call(vm.fd, KVM_SET_USER_MEMORY_REGION2, &region), -EINVAL,
	       "one with a guest_memfd: EINVAL");
	set(9, 0, 0, 0);
}

static void overlap(void)
{
	TAP_EQ(set(2, 0, 0x20000, 4 * PAGE), 0, "a slot of four pages");
	TAP_EQ(set(3, 0, 0x20000, PAGE), -EEXIST, "a slot at its start: EEXIST");
	TAP_EQ(set(3, 0, 0x23000, PAGE), -EEXIST, "a slot at its end: EEXIST");
	TAP_EQ(set(3, 0, 0x1f000, 2 * PAGE), -EEXIST, "a slot that reaches into it: EEXIST");
	TAP_EQ(set(3, 0, 0x10000, 0x40000), -EEXIST, "a slot around it: EEXIST");
	TAP_EQ(set(3, 0, 0x24000, PAGE), 0, "a slot right after it");
	TAP_EQ(set(4, 0, 0x1f000, PAGE), 0, "a slot right before it");
	TAP_EQ(set(3, 0, 0x23000, PAGE), -EEXIST, "a slot moved into it: EEXIST");
	TAP_EQ(set(3, 0, 0x30000, PAGE), 0, "a slot moved elsewhere");
	TAP_EQ(set(5, 0, 0x24000, PAGE), 0, "its old place is free");
}

static void changes(void)
{
	TAP_EQ(set(2, 0, 0x20000, 2 * PAGE), -EINVAL, "a size cannot change");
	TAP_EQ(vm_slot(&vm, 2, 0, 0x20000, 4 * PAGE, memory + PAGE), -EINVAL,
	       "a user address cannot change");
	TAP_EQ(set(2, 0, 0x20000, 0), 0, "a slot is deleted by size 0");
	TAP_EQ(set(2, 0, 0x20000, 0), -EINVAL, "what is not there cannot be deleted");
	TAP_EQ(set(2, 0, 0x20000, 2 * PAGE), 0, "a deleted slot can have another size");
	TAP_EQ(set(7, 0, 0x40000, 0), -EINVAL, "a slot that never was cannot be deleted");
}

static void ids(void)
{
	TAP_EQ(set(SLOTS - 1, 0, 0x100000, PAGE), 0, "the last slot");
	TAP_EQ(set(SLOTS, 0, 0x200000, PAGE), -EINVAL, "the one after it: EINVAL");
	TAP_EQ(set(0xffff, 0, 0x200000, PAGE), -EINVAL, "slot 65535: EINVAL");
	if (call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_MULTI_ADDRESS_SPACE) > 1)
		TAP_EQ(set(2 << 16, 0, 0x200000, PAGE), -EINVAL, "address space 2: EINVAL");
	else
		TAP_EQ(set(1 << 16, 0, 0x200000, PAGE), -EINVAL, "address space 1: EINVAL");
	TAP_EQ(set(0xffffu << 16, 0, 0x200000, PAGE), -EINVAL, "address space 65535: EINVAL");
}

static void many(void)
{
	unsigned int i, failed = 0;

	for (i = 100; i < 1100; i++)
		failed += set(i, 0, 0x1000000 + 2 * i * PAGE, PAGE) != 0;
	TAP_EQ(failed, 0, "a thousand slots of the same user page");
	for (i = 100; i < 1100; i++)
		failed += set(i, 0, 0, 0) != 0;
	TAP_EQ(failed, 0, "a thousand slots deleted");
	TAP_EQ(vm_slot(&vm, 8, 0, 1ULL << 32, 1ULL << 33, NULL), 0,
	       "8 GiB of addresses that nothing is mapped at");
	TAP_EQ(vm_slot(&vm, 9, 0, 0x800000, PAGE, (void *)PAGE), 0,
	       "a user address that nothing is mapped at");
}

int main(int argc, char **argv)
{
	tap_begin();
	vm_open(&vm, device_path(argc, argv));
	memory = pages(0x40000);
	alignment();
	flags();
	region2();
	overlap();
	changes();
	ids();
	many();
	vm_close(&vm);
	return tap_end();
}
