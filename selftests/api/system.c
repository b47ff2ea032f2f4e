// SPDX-License-Identifier: GPL-2.0
/*
 * The system descriptor: version, capabilities, creation of VMs, numbers nobody knows.
 */
#include "selftests/lib/vm.h"

#define UNKNOWN_IOCTL	_IO(KVMIO, 0xfe)
#define FOREIGN_IOCTL	_IO('x', 0x01)

static void version(struct vm *vm)
{
	TAP_EQ(call(vm->dev, KVM_GET_API_VERSION, 0), 12, "the API version is 12");
	TAP_EQ(call(vm->dev, KVM_GET_API_VERSION, 1), -EINVAL,
	       "KVM_GET_API_VERSION takes no argument");
	TAP_EQ(call(vm->dev, KVM_GET_VCPU_MMAP_SIZE, 0), 3 * PAGE,
	       "a vCPU's shared area is three pages");
	TAP_EQ(call(vm->dev, KVM_GET_VCPU_MMAP_SIZE, 1), -EINVAL,
	       "KVM_GET_VCPU_MMAP_SIZE takes no argument");
}

static void create(struct vm *vm)
{
	int fd = call(vm->dev, KVM_CREATE_VM, 0);

	tap_ok(fd >= 0, "a VM of type 0 can be created");
	close(fd);
	TAP_EQ(call(vm->dev, KVM_CREATE_VM, 1), -EINVAL, "a VM of type 1 is refused");
	TAP_EQ(call(vm->dev, KVM_CREATE_VM, ~0UL), -EINVAL, "a VM of type ~0 is refused");
}

static void unknown(struct vm *vm)
{
	struct vcpu vcpu;

	vcpu_open(vm, &vcpu, 0);
	TAP_EQ(call(vm->dev, UNKNOWN_IOCTL, 0), -EINVAL, "unknown system ioctl: EINVAL");
	TAP_EQ(call(vm->dev, FOREIGN_IOCTL, 0), -EINVAL, "foreign system ioctl: EINVAL");
	TAP_EQ(call(vm->fd, UNKNOWN_IOCTL, 0), -ENOTTY, "unknown VM ioctl: ENOTTY");
	TAP_EQ(call(vm->fd, FOREIGN_IOCTL, 0), -ENOTTY, "foreign VM ioctl: ENOTTY");
	TAP_EQ(call(vcpu.fd, UNKNOWN_IOCTL, 0), -EINVAL, "unknown vCPU ioctl: EINVAL");
	TAP_EQ(call(vcpu.fd, FOREIGN_IOCTL, 0), -EINVAL, "foreign vCPU ioctl: EINVAL");
	TAP_EQ(call(vm->dev, KVM_CREATE_VCPU, 0), -EINVAL, "a VM ioctl on the system: EINVAL");
	TAP_EQ(call(vm->fd, KVM_GET_API_VERSION, 0), -ENOTTY, "a system ioctl on a VM: ENOTTY");
	TAP_EQ(call(vm->fd, KVM_RUN, 0), -ENOTTY, "a vCPU ioctl on a VM: ENOTTY");
	vcpu_close(&vcpu);
}

/* Programs compare these with a number, or refuse to work without them. */
static const struct {
	const char *name;
	int cap, low, high;
} caps[] = {
	{ "KVM_CAP_IRQCHIP is 1", KVM_CAP_IRQCHIP, 1, 1 },
	{ "KVM_CAP_HLT is 1", KVM_CAP_HLT, 1, 1 },
	{ "KVM_CAP_USER_MEMORY is 1", KVM_CAP_USER_MEMORY, 1, 1 },
	{ "KVM_CAP_SET_TSS_ADDR is 1", KVM_CAP_SET_TSS_ADDR, 1, 1 },
	{ "KVM_CAP_EXT_CPUID is 1", KVM_CAP_EXT_CPUID, 1, 1 },
	{ "KVM_CAP_NR_VCPUS is at least 1", KVM_CAP_NR_VCPUS, 1, 4096 },
	{ "KVM_CAP_NR_MEMSLOTS is 32764", KVM_CAP_NR_MEMSLOTS, 32764, 32764 },
	{ "KVM_CAP_MP_STATE is 1", KVM_CAP_MP_STATE, 1, 1 },
	{ "KVM_CAP_SYNC_MMU is 1", KVM_CAP_SYNC_MMU, 1, 1 },
	{ "KVM_CAP_DESTROY_MEMORY_REGION_WORKS is 1", KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1, 1 },
	{ "KVM_CAP_USER_NMI is 1", KVM_CAP_USER_NMI, 1, 1 },
	{ "KVM_CAP_IRQ_INJECT_STATUS is 1", KVM_CAP_IRQ_INJECT_STATUS, 1, 1 },
	{ "KVM_CAP_JOIN_MEMORY_REGIONS_WORKS is 1", KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1, 1 },
	{ "KVM_CAP_SET_IDENTITY_MAP_ADDR is 1", KVM_CAP_SET_IDENTITY_MAP_ADDR, 1, 1 },
	{ "KVM_CAP_ADJUST_CLOCK is a mask", KVM_CAP_ADJUST_CLOCK, 2, 14 },
	{ "KVM_CAP_INTERNAL_ERROR_DATA is 1", KVM_CAP_INTERNAL_ERROR_DATA, 1, 1 },
	{ "KVM_CAP_VCPU_EVENTS is 1", KVM_CAP_VCPU_EVENTS, 1, 1 },
	{ "KVM_CAP_DEBUGREGS is 1", KVM_CAP_DEBUGREGS, 1, 1 },
	{ "KVM_CAP_SET_GUEST_DEBUG is 1", KVM_CAP_SET_GUEST_DEBUG, 1, 1 },
	{ "KVM_CAP_XSAVE is 1", KVM_CAP_XSAVE, 1, 1 },
	{ "KVM_CAP_GET_TSC_KHZ is 1", KVM_CAP_GET_TSC_KHZ, 1, 1 },
	{ "KVM_CAP_MAX_VCPUS is at least 16", KVM_CAP_MAX_VCPUS, 16, 65536 },
	{ "KVM_CAP_TSC_DEADLINE_TIMER is 1", KVM_CAP_TSC_DEADLINE_TIMER, 1, 1 },
	{ "KVM_CAP_SIGNAL_MSI is 1", KVM_CAP_SIGNAL_MSI, 1, 1 },
	{ "KVM_CAP_READONLY_MEM is 1", KVM_CAP_READONLY_MEM, 1, 1 },
	{ "KVM_CAP_IMMEDIATE_EXIT is 1", KVM_CAP_IMMEDIATE_EXIT, 1, 1 },
	{ "KVM_CAP_GET_MSR_FEATURES is 1", KVM_CAP_GET_MSR_FEATURES, 1, 1 },
	{ "KVM_CAP_MSI_DEVID is 0", KVM_CAP_MSI_DEVID, 0, 0 },
	{ "KVM_CAP_IOMMU is 0", KVM_CAP_IOMMU, 0, 0 },
	{ "a capability that will never be is 0", 0x7fffff, 0, 0 },
};

static void capabilities(struct vm *vm)
{
	unsigned int i, differ = 0;

	TAP_EQ(call(vm->dev, KVM_CHECK_EXTENSION, KVM_CAP_XCRS), host_has("xsave"),
	       "KVM_CAP_XCRS is there if the processor has it");
	for (i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		int value = call(vm->dev, KVM_CHECK_EXTENSION, caps[i].cap);

		if (!tap_ok(value >= caps[i].low && value <= caps[i].high, "%s", caps[i].name))
			printf("# expected %d to %d, got %d\n", caps[i].low, caps[i].high, value);
	}
	for (i = 0; i < 512; i++)
		if (call(vm->dev, KVM_CHECK_EXTENSION, i) != call(vm->fd, KVM_CHECK_EXTENSION, i))
			differ++;
	TAP_EQ(differ, 0, "system and VM give the same answers to 512 capabilities");
	TAP_EQ(call(vm->dev, KVM_CHECK_EXTENSION, ~0UL), 0, "capability ~0 is 0");
}

/* uhyve takes success as proof that it speaks to something else than KVM. */
static void enable(struct vm *vm)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_TSC_DEADLINE_TIMER };

	TAP_EQ(call(vm->fd, KVM_ENABLE_CAP, &cap), -EINVAL,
	       "KVM_CAP_TSC_DEADLINE_TIMER cannot be enabled");
	cap.cap = KVM_CAP_IRQFD;
	TAP_EQ(call(vm->fd, KVM_ENABLE_CAP, &cap), -EINVAL, "KVM_CAP_IRQFD cannot be enabled");
	cap.cap = 0x7fffff;
	TAP_EQ(call(vm->fd, KVM_ENABLE_CAP, &cap), -EINVAL, "an unknown one cannot be enabled");
	cap.cap = KVM_CAP_EXCEPTION_PAYLOAD;
	cap.flags = 1;
	TAP_EQ(call(vm->fd, KVM_ENABLE_CAP, &cap), -EINVAL, "KVM_ENABLE_CAP takes no flags");
	TAP_EQ(call(vm->fd, KVM_ENABLE_CAP, 0), -EFAULT, "KVM_ENABLE_CAP of NULL: EFAULT");
}

static void addresses(struct vm *vm)
{
	uint64_t where = 0xfffbc000;

	TAP_EQ(call(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000), 0, "KVM_SET_TSS_ADDR works");
	TAP_EQ(call(vm->fd, KVM_SET_TSS_ADDR, 0xfffff000), -EINVAL,
	       "three pages of TSS have to fit below 4 GiB");
	TAP_EQ(call(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &where), 0,
	       "KVM_SET_IDENTITY_MAP_ADDR works");
	TAP_EQ(call(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, 0), -EFAULT,
	       "KVM_SET_IDENTITY_MAP_ADDR of NULL: EFAULT");
	TAP_EQ(call(vm->fd, KVM_SET_BOOT_CPU_ID, 0), 0, "KVM_SET_BOOT_CPU_ID works");
}

int main(int argc, char **argv)
{
	struct vm vm;

	tap_begin();
	vm_open(&vm, device_path(argc, argv));
	version(&vm);
	create(&vm);
	capabilities(&vm);
	enable(&vm);
	addresses(&vm);
	unknown(&vm);
	vm_close(&vm);
	return tap_end();
}
