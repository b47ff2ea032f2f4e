// SPDX-License-Identifier: GPL-2.0
/*
 * MSRs from outside. The index list is a promise: programs read and write back all of it,
 * and end if one entry fails.
 */
#include "selftests/lib/vm.h"

#define MAX_MSRS	256

#define MSR_FS_BASE	0xc0000100U

static struct vm vm;
static struct vcpu vcpu;

static struct {
	struct kvm_msr_list head;
	uint32_t indices[MAX_MSRS];
} list;

static struct {
	struct kvm_msrs head;
	struct kvm_msr_entry entries[MAX_MSRS + 1];
} msrs;

static int get_one(uint32_t index, uint64_t *value)
{
	int r;

	msrs.head.nmsrs = 1;
	msrs.entries[0] = (struct kvm_msr_entry) { .index = index, .data = 0xbad };
	r = call(vcpu.fd, KVM_GET_MSRS, &msrs);
	*value = msrs.entries[0].data;
	return r;
}

static int set_one(uint32_t index, uint64_t value)
{
	msrs.head.nmsrs = 1;
	msrs.entries[0] = (struct kvm_msr_entry) { .index = index, .data = value };
	return call(vcpu.fd, KVM_SET_MSRS, &msrs);
}

static void index_list(unsigned long cmd, const char *what)
{
	unsigned int n;

	list.head.nmsrs = 0;
	TAP_EQ(call(vm.dev, cmd, &list), -E2BIG, what);
	n = list.head.nmsrs;
	tap_ok(n > 1 && n < MAX_MSRS, "E2BIG says how many, fewer than 256");
	printf("# %u\n", n);
	list.head.nmsrs = n - 1;
	TAP_EQ(call(vm.dev, cmd, &list), -E2BIG, "one too few: E2BIG");
	list.head.nmsrs = n;
	TAP_EQ(call(vm.dev, cmd, &list), 0, "room for exactly the list");
	TAP_EQ(call(vm.dev, cmd, 0), -EFAULT, "NULL: EFAULT");
}

static void feature_values(void)
{
	unsigned int i, n = list.head.nmsrs;

	for (i = 0; i < n; i++)
		msrs.entries[i] = (struct kvm_msr_entry) { .index = list.indices[i] };
	msrs.head.nmsrs = n;
	TAP_EQ(call(vm.dev, KVM_GET_MSRS, &msrs), n, "every feature MSR can be read");
	msrs.head.nmsrs = 1;
	msrs.entries[0].index = 0x12345678;
	TAP_EQ(call(vm.dev, KVM_GET_MSRS, &msrs), 0, "what is no feature MSR is not counted");
}

static void promise(void)
{
	unsigned int i, unreadable = 0, unwritable = 0, n = list.head.nmsrs;
	uint64_t value;

	for (i = 0; i < n; i++) {
		if (get_one(list.indices[i], &value) != 1) {
			printf("# %#x cannot be read\n", list.indices[i]);
			unreadable++;
		} else if (set_one(list.indices[i], value) != 1) {
			printf("# %#x = %#llx cannot be written\n", list.indices[i],
			       (unsigned long long)value);
			unwritable++;
		}
	}
	TAP_EQ(unreadable, 0, "every listed MSR can be read");
	TAP_EQ(unwritable, 0, "every listed MSR takes its own value");
}

/* What Firecracker, kvmtool, QEMU and others write before the first KVM_RUN. */
static const struct kvm_msr_entry boot_set[] = {
	{ .index = 0x174 }, { .index = 0x175 }, { .index = 0x176 },
	{ .index = 0xc0000081 }, { .index = 0xc0000082 }, { .index = 0xc0000083 },
	{ .index = 0xc0000084 }, { .index = 0xc0000102 }, { .index = 0x10 },
	{ .index = 0x1a0, .data = 1 }, { .index = 0x2ff, .data = 0xc06 },
	{ .index = 0x277, .data = 0x7040600070406 }, { .index = 0x11 }, { .index = 0x12 },
	{ .index = 0x250 }, { .index = 0x258 }, { .index = 0x259 }, { .index = 0x268 },
	{ .index = 0x26f }, { .index = 0x200 }, { .index = 0x201 }, { .index = 0x20f },
	{ .index = 0xc0000103 }, { .index = 0xc0000100, .data = 0x1000 },
	{ .index = 0xc0000101, .data = 0x2000 }, { .index = 0x8b }, { .index = 0x48 },
};

static void boot(void)
{
	unsigned int i, n = sizeof(boot_set) / sizeof(boot_set[0]);
	uint64_t value;

	for (i = 0; i < n; i++) {
		if (boot_set[i].index == 0x48)
			continue;
		tap_ok(set_one(boot_set[i].index, boot_set[i].data) == 1, "MSR %#x takes %#llx",
		       boot_set[i].index, (unsigned long long)boot_set[i].data);
	}
	TAP_EQ(get_one(0x277, &value), 1, "PAT can be read");
	TAP_EQ(value, 0x7040600070406, "PAT comes back");
	get_one(0xc0000101, &value);
	TAP_EQ(value, 0x2000, "GS base comes back");
	get_one(0x2ff, &value);
	TAP_EQ(value, 0xc06, "MTRR_DEF_TYPE comes back");
}

static void refused(void)
{
	uint64_t value;

	TAP_EQ(set_one(0x277, 0x0202020202020202), 0, "a reserved memory type in PAT is refused");
	TAP_EQ(set_one(0x2ff, 0xc02), 0, "a reserved memory type in MTRR_DEF_TYPE is refused");
	TAP_EQ(set_one(0xc0000082, 1ULL << 63), 0, "a non-canonical LSTAR is refused");
	TAP_EQ(set_one(0xc0000100, 1ULL << 63), 0, "a non-canonical FS base is refused");
	TAP_EQ(set_one(0xc0000080, 1ULL << 40), 0, "a reserved bit of EFER is refused");
	TAP_EQ(set_one(0x12345678, 0), 0, "an MSR that is none is refused");
	TAP_EQ(get_one(0x12345678, &value), 0, "and cannot be read");
	msrs.head.nmsrs = 3;
	msrs.entries[0] = (struct kvm_msr_entry) { .index = 0x174, .data = 0x10 };
	msrs.entries[1] = (struct kvm_msr_entry) { .index = 0x12345678 };
	msrs.entries[2] = (struct kvm_msr_entry) { .index = 0x174, .data = 0x20 };
	TAP_EQ(call(vcpu.fd, KVM_SET_MSRS, &msrs), 1, "writing stops at the first failure");
	get_one(0x174, &value);
	TAP_EQ(value, 0x10, "what comes after it is not written");
}

/* The base of FS, as the two ways to it have it. */
static void bases(void)
{
	struct kvm_sregs before, sregs;
	uint64_t value;

	call(vcpu.fd, KVM_GET_SREGS, &before);
	TAP_EQ(set_one(MSR_FS_BASE, 0x1234000), 1, "FS base is written as an MSR");
	call(vcpu.fd, KVM_GET_SREGS, &sregs);
	TAP_EQ(sregs.fs.base, 0x1234000, "KVM_GET_SREGS has it");
	TAP_EQ(call(vcpu.fd, KVM_SET_SREGS, &before), 0, "the segment as it was is written back");
	get_one(MSR_FS_BASE, &value);
	TAP_EQ(value, before.fs.base, "and the MSR is, too");
}

static void counts(void)
{
	memset(&msrs, 0, sizeof(msrs));
	TAP_EQ(call(vcpu.fd, KVM_SET_MSRS, &msrs), 0, "no MSR at all is no error");
	msrs.head.nmsrs = MAX_MSRS;
	TAP_EQ(call(vcpu.fd, KVM_SET_MSRS, &msrs), -E2BIG, "KVM_SET_MSRS of 256: E2BIG");
	TAP_EQ(call(vcpu.fd, KVM_GET_MSRS, &msrs), -E2BIG, "KVM_GET_MSRS of 256: E2BIG");
	TAP_EQ(call(vm.dev, KVM_GET_MSRS, &msrs), -E2BIG, "KVM_GET_MSRS of 256 features: E2BIG");
	TAP_EQ(call(vcpu.fd, KVM_GET_MSRS, 0), -EFAULT, "NULL: EFAULT");
}

int main(int argc, char **argv)
{
	tap_begin();
	vm_open(&vm, device_path(argc, argv));
	call(vm.fd, KVM_CREATE_IRQCHIP, 0);
	vcpu_open(&vm, &vcpu, 0);
	vcpu_supported_cpuid(&vm, &vcpu);
	index_list(KVM_GET_MSR_FEATURE_INDEX_LIST, "no room for feature MSRs: E2BIG");
	feature_values();
	index_list(KVM_GET_MSR_INDEX_LIST, "no room for MSRs: E2BIG");
	promise();
	boot();
	refused();
	bases();
	counts();
	machine_close(&vm, &vcpu);
	return tap_end();
}
