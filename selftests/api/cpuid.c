// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID as programs ask for it and as they set it.
 */
#include "selftests/lib/vm.h"

#define MAX_ENTRIES	256

static struct vm vm;
static struct vcpu vcpu;
static struct kvm_cpuid2 *supported;

static const struct kvm_cpuid_entry2 *find(uint32_t function)
{
	unsigned int i;

	for (i = 0; i < supported->nent; i++)
		if (supported->entries[i].function == function)
			return &supported->entries[i];
	return NULL;
}

static int ask(unsigned long cmd, int fd, struct kvm_cpuid2 *list, unsigned int nent)
{
	list->nent = nent;
	return call(fd, cmd, list);
}

static void size_protocol(struct kvm_cpuid2 *list)
{
	unsigned int n = supported->nent;

	tap_ok(n > 10 && n <= 80, "the supported list fits in 80 entries");
	printf("# %u entries\n", n);
	TAP_EQ(ask(KVM_GET_SUPPORTED_CPUID, vm.dev, list, 0), -E2BIG, "room for 0: E2BIG");
	TAP_EQ(ask(KVM_GET_SUPPORTED_CPUID, vm.dev, list, 1), -E2BIG, "room for 1: E2BIG");
	TAP_EQ(list->nent, 1, "E2BIG does not say how many");
	TAP_EQ(ask(KVM_GET_SUPPORTED_CPUID, vm.dev, list, n - 1), -E2BIG, "one too few: E2BIG");
	TAP_EQ(ask(KVM_GET_SUPPORTED_CPUID, vm.dev, list, n), 0, "room for exactly the list");
	TAP_EQ(ask(KVM_GET_SUPPORTED_CPUID, vm.dev, list, ~0u), 0, "room for 2^32 - 1");
	TAP_EQ(list->nent, n, "the count says how many were written");
	TAP_EQ(call(vm.dev, KVM_GET_SUPPORTED_CPUID, 0), -EFAULT, "NULL: EFAULT");
}

static void required_leaves(void)
{
	static const uint32_t leaves[] = {
		0, 1, 6, 7, 0xa, 0xd, 0x40000000, 0x40000001, 0x80000000, 0x80000001, 0x80000002,
		0x80000003, 0x80000004, 0x80000005, 0x80000006, 0x80000007, 0x80000008,
	};
	const struct kvm_cpuid_entry2 *max = find(0), *kvm = find(0x40000000), *one = find(1);
	unsigned int i;

	for (i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
		if (leaves[i] < 0x40000000 && max && leaves[i] > max->eax) {
			tap_skip("a leaf beyond this processor's", "its highest leaf is lower");
			continue;
		}
		tap_ok(find(leaves[i]), "leaf %#x is there", leaves[i]);
	}
	TAP_EQ(kvm ? kvm->ebx : 0, 0x4b4d564b, "leaf 0x40000000 says KVMKVMKVM");
	TAP_EQ(one ? one->ecx >> 21 & 1 : 0, 1, "x2APIC is offered");
}

static void round_trip(struct kvm_cpuid2 *list)
{
	unsigned int i, n = supported->nent;

	TAP_EQ(ask(KVM_GET_CPUID2, vcpu.fd, list, MAX_ENTRIES), 0, "KVM_GET_CPUID2 of a new vCPU");
	TAP_EQ(call(vcpu.fd, KVM_SET_CPUID2, supported), 0, "the supported list can be set");
	TAP_EQ(ask(KVM_GET_CPUID2, vcpu.fd, list, n - 1), -E2BIG, "one too few: E2BIG");
	TAP_EQ(ask(KVM_GET_CPUID2, vcpu.fd, list, MAX_ENTRIES), 0, "KVM_GET_CPUID2");
	/* Upstream leaves the count alone: some versions do, some do not. */
	tap_ok(list->nent == n || list->nent == MAX_ENTRIES, "the count is right or unchanged");
	for (i = 0; i < n && list->entries[i].function == supported->entries[i].function; i++)
		;
	TAP_EQ(i, n, "in the same order");
	TAP_EQ(call(vcpu.fd, KVM_SET_CPUID2, supported), 0, "the list can be set again");
	TAP_EQ(ask(KVM_SET_CPUID2, vcpu.fd, list, MAX_ENTRIES + 1), -E2BIG,
	       "more than 256 entries: E2BIG");
	TAP_EQ(call(vcpu.fd, KVM_SET_CPUID2, 0), -EFAULT, "NULL: EFAULT");
}

static void long_list(struct kvm_cpuid2 *list)
{
	unsigned int i;

	memcpy(list, supported, sizeof(*list) + supported->nent * sizeof(list->entries[0]));
	for (i = supported->nent; i < 120; i++)
		list->entries[i] = (struct kvm_cpuid_entry2) { .function = 0x50000000 + i };
	TAP_EQ(ask(KVM_SET_CPUID2, vcpu.fd, list, 120), 0, "120 entries can be set");
}

static void guest(void)
{
	guest_sync(1);
}

/* What the guest has seen does not change any more. */
static void after_run(const char *path, struct kvm_cpuid2 *list)
{
	unsigned int i, refused = 0;

	machine(&vm, &vcpu, path, false, guest);
	call(vcpu.fd, KVM_SET_CPUID2, supported);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest has run");
	TAP_EQ(call(vcpu.fd, KVM_SET_CPUID2, supported), 0, "the same list can be set after that");
	memcpy(list, supported, sizeof(*list) + supported->nent * sizeof(list->entries[0]));
	for (i = 0; i < 20; i++) {
		list->entries[0].ebx = i;
		refused += call(vcpu.fd, KVM_SET_CPUID2, list) == -EINVAL;
	}
	TAP_EQ(refused, 20, "another one is EINVAL, each time");
	TAP_EQ(ask(KVM_GET_CPUID2, vcpu.fd, list, MAX_ENTRIES), 0, "KVM_GET_CPUID2");
	TAP_EQ(list->entries[0].ebx, supported->entries[0].ebx, "and nothing has changed");
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);
	struct kvm_cpuid2 *list;

	tap_begin();
	vm_open(&vm, path);
	vcpu_open(&vm, &vcpu, 0);
	list = calloc(1, sizeof(*list) + (MAX_ENTRIES + 1) * sizeof(list->entries[0]));
	supported = supported_cpuid(vm.dev);
	size_protocol(list);
	required_leaves();
	round_trip(list);
	long_list(list);
	TAP_EQ(ask(KVM_GET_EMULATED_CPUID, vm.dev, list, MAX_ENTRIES), 0,
	       "KVM_GET_EMULATED_CPUID");
	tap_ok(list->nent < 16, "its list is short");
	TAP_EQ(ask(KVM_GET_EMULATED_CPUID, vm.dev, list, 0), -E2BIG, "room for 0: E2BIG");
	machine_close(&vm, &vcpu);
	after_run(path, list);
	return tap_end();
}
