// SPDX-License-Identifier: GPL-2.0
/*
 * The VM behind KVM's interface: what the driver must offer, memory slots, the interrupt
 * controllers in the kernel. Nothing here is special to one driver.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "userspace/vm.h"

/* Three pages for the TSS and one for page tables of processors without unrestricted guest. */
#define ADDR_IDENTITY	0xfffbc000ULL
#define ADDR_TSS	0xfffbd000UL

static const struct {
	int cap;
	const char *name, *why;
} needed[] = {
#define CAP(cap, why) { cap, #cap, why }
	CAP(KVM_CAP_USER_MEMORY, "guest memory is this program's own"),
	CAP(KVM_CAP_IRQCHIP, "the interrupt controllers are the driver's"),
	CAP(KVM_CAP_EXT_CPUID, "the guest's CPUID is set by it"),
	CAP(KVM_CAP_SET_TSS_ADDR, "the processor may need it for real mode"),
	CAP(KVM_CAP_SET_IDENTITY_MAP_ADDR, "the processor may need it for real mode"),
	CAP(KVM_CAP_IMMEDIATE_EXIT, "a vCPU is stopped by it"),
#undef CAP
};

/**
 * vm_has() - ask the driver for a capability
 * @vm:		the VM, with its device open
 * @cap:	KVM_CAP_*
 *
 * Return: whether it is there.
 */
bool vm_has(const struct vm *vm, int cap)
{
	return ioctl(vm->sys, KVM_CHECK_EXTENSION, cap) > 0;
}

static int failed(const struct vm *vm, const char *what)
{
	report("%s: %s: %s", vm->device, what, strerror(errno));
	return -1;
}

static int check_driver(const struct vm *vm)
{
	int version = ioctl(vm->sys, KVM_GET_API_VERSION, 0), missing = 0;
	unsigned int i;

	if (version != KVM_API_VERSION) {
		report("%s: not a KVM device (API version %d, %d is needed)", vm->device, version,
		       KVM_API_VERSION);
		return -1;
	}
	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		if (vm_has(vm, needed[i].cap))
			continue;
		report("%s: the driver has no %s (%d): %s", vm->device, needed[i].name,
		       needed[i].cap, needed[i].why);
		missing = -1;
	}
	return missing;
}

static int open_driver(struct vm *vm)
{
	vm->sys = open(vm->device, O_RDWR | O_CLOEXEC);
	if (vm->sys < 0) {
		report("%s: %s%s", vm->device, strerror(errno), errno == EACCES ?
		       " (are you in the device's group?)" :
		       " (is the module loaded? --device names another driver)");
		return -1;
	}
	return check_driver(vm);
}

static int add_memory(struct vm *vm, u32 slot, u64 gpa, u64 offset, u64 size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)vm->ram.base + offset,
	};

	if (size && ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		return failed(vm, "KVM_SET_USER_MEMORY_REGION");
	return 0;
}

static int create_fds(struct vm *vm)
{
	do {
		vm->fd = ioctl(vm->sys, KVM_CREATE_VM, 0);
	} while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0)
		return failed(vm, "KVM_CREATE_VM");
	vm->run_size = ioctl(vm->sys, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vm->run_size < (int)sizeof(struct kvm_run))
		return failed(vm, "KVM_GET_VCPU_MMAP_SIZE");
	vm->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->wake < 0)
		return failed(vm, "eventfd");
	return 0;
}

static int create_platform(struct vm *vm)
{
	u64 identity = ADDR_IDENTITY;

	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity))
		return failed(vm, "KVM_SET_IDENTITY_MAP_ADDR");
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, ADDR_TSS))
		return failed(vm, "KVM_SET_TSS_ADDR");
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		return failed(vm, "KVM_CREATE_IRQCHIP");
	if (add_memory(vm, 0, 0, 0, vm->ram.low) ||
	    add_memory(vm, 1, HOLE_END, vm->ram.low, vm->ram.size - vm->ram.low))
		return -1;
	return 0;
}

/**
 * vm_create() - open the driver and make a VM with memory and interrupt controllers
 * @vm:		all zeros; filled in, also on failure (vm_destroy() undoes it)
 * @device:	path of the driver's device
 * @mem:	bytes of guest memory
 *
 * Return: 0, or -1 with the reason reported.
 */
int vm_create(struct vm *vm, const char *device, u64 mem)
{
	int err;

	vm->device = device;
	vm->sys = -1;
	vm->fd = -1;
	vm->wake = -1;
	vm->vcpu.fd = -1;
	atomic_store(&vm->ended, -1);
	if (open_driver(vm) || create_fds(vm))
		return -1;
	err = ram_alloc(&vm->ram, mem);
	if (err) {
		report("--mem: %llu MiB of memory: %s", (unsigned long long)mem >> 20,
		       strerror(-err));
		return -1;
	}
	return create_platform(vm);
}

/**
 * vm_destroy() - undo vm_create() and vcpu_create()
 * @vm:		the VM; its vCPU is stopped
 */
void vm_destroy(struct vm *vm)
{
	int *fd[] = { &vm->fd, &vm->sys, &vm->wake };
	unsigned int i;

	vcpu_destroy(&vm->vcpu);
	for (i = 0; i < ARRAY_SIZE(fd); i++)
		if (*fd[i] >= 0)
			close(*fd[i]);
	if (vm->ram.base)
		ram_free(&vm->ram);
	free(vm->cpuid);
}

/**
 * vm_irq() - set the level of an interrupt line
 * @vm:		the VM
 * @gsi:	the line
 * @level:	high or low
 *
 * Context: any thread.
 */
void vm_irq(struct vm *vm, unsigned int gsi, bool level)
{
	struct kvm_irq_level irq = { .irq = gsi, .level = level };

	if (ioctl(vm->fd, KVM_IRQ_LINE, &irq)) {
		failed(vm, "KVM_IRQ_LINE");
		vm_end(vm, RUN_KVM_ERROR);
	}
}

/**
 * vm_wake() - make the main thread look at the VM again
 * @vm:		the VM
 *
 * Context: any thread.
 */
void vm_wake(struct vm *vm)
{
	u64 one = 1;

	while (write(vm->wake, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/**
 * vm_end() - end the VM; only the first caller's status counts
 * @vm:		the VM
 * @status:	exit status of the program
 *
 * Context: any thread. The vCPU stops before it enters the guest again.
 */
void vm_end(struct vm *vm, int status)
{
	int running = -1;

	if (atomic_compare_exchange_strong(&vm->ended, &running, status))
		vm_wake(vm);
}

/**
 * vm_running() - whether nobody has ended the VM yet
 * @vm:		the VM
 */
bool vm_running(struct vm *vm)
{
	return atomic_load(&vm->ended) < 0;
}
