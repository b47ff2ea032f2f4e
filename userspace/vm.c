// SPDX-License-Identifier: GPL-2.0
/*
 * The VM behind KVM's interface: what the driver must offer, memory slots, the interrupt
 * controllers in the kernel. Nothing here is special to one driver.
 */
#include <assert.h>
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

/* Without the capability the header promises four. */
static int check_cpus(const struct vm *vm)
{
	int most = ioctl(vm->sys, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);

	if (most <= 0)
		most = ioctl(vm->sys, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS);
	most = most > 0 ? most : 4;
	if (vm->cpus <= (unsigned int)most)
		return 0;
	report("%s: a guest of %u processors: the driver has at most %d for one "
	       "(KVM_CAP_MAX_VCPUS)", vm->device, vm->cpus, most);
	return -1;
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
	return check_driver(vm) ?: check_cpus(vm);
}

static int set_slot(struct vm *vm, u32 slot, u32 flags, u64 gpa, u64 offset, u64 size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)vm->ram.base + offset,
	};

	return size ? ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) : 0;
}

static int set_slots(struct vm *vm, u32 flags)
{
	if (set_slot(vm, 0, flags, 0, 0, vm->ram.low) ||
	    set_slot(vm, 1, flags, HOLE_END, vm->ram.low, vm->ram.size - vm->ram.low))
		return -1;
	return 0;
}

/**
 * vm_log_memory() - have the driver note which pages the guest writes
 * @vm:		the VM
 * @on:		begin or end
 *
 * Return: 0, or -1 if the driver cannot.
 */
int vm_log_memory(struct vm *vm, bool on)
{
	return set_slots(vm, on ? KVM_MEM_LOG_DIRTY_PAGES : 0);
}

/**
 * vm_take_log() - which pages the guest has written since the last time
 * @vm:		the VM, with vm_log_memory() on
 * @dirty:	a bit for each page of RAM, filled in
 *
 * Return: 0, or -1 with the reason reported.
 */
int vm_take_log(struct vm *vm, u64 *dirty)
{
	struct kvm_dirty_log low = { .slot = 0, .dirty_bitmap = dirty };
	/* With a second slot the first one ends at HOLE_START, a multiple of 64 pages. */
	struct kvm_dirty_log high = {
		.slot = 1, .dirty_bitmap = dirty + vm->ram.low / SAVE_PAGE / 64,
	};

	if (ioctl(vm->fd, KVM_GET_DIRTY_LOG, &low) ||
	    (vm->ram.size > vm->ram.low && ioctl(vm->fd, KVM_GET_DIRTY_LOG, &high)))
		return failed(vm, "KVM_GET_DIRTY_LOG");
	return 0;
}

/* So that KVM_GET_VCPU_EVENTS tells all. A driver without them has nothing to tell. */
static void enable_events(struct vm *vm)
{
	static const int caps[] = { KVM_CAP_EXCEPTION_PAYLOAD, KVM_CAP_X86_TRIPLE_FAULT_EVENT };
	struct kvm_enable_cap cap;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(caps); i++) {
		cap = (struct kvm_enable_cap) { .cap = caps[i], .args[0] = 1 };
		if (vm_has(vm, caps[i]))
			ioctl(vm->fd, KVM_ENABLE_CAP, &cap);
	}
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
	if (set_slots(vm, 0))
		return failed(vm, "KVM_SET_USER_MEMORY_REGION");
	enable_events(vm);
	return 0;
}

/**
 * vm_create() - open the driver and make a VM with memory and interrupt controllers
 * @vm:		VM_NONE; filled in, also on failure (vm_destroy() undoes it)
 * @device:	path of the driver's device
 * @mem:	bytes of guest memory
 * @cpus:	processors that it shall have, at most SAVE_MAX_CPUS
 *
 * Return: 0, or -1 with the reason reported.
 */
int vm_create(struct vm *vm, const char *device, u64 mem, unsigned int cpus)
{
	int err;

	vm->device = device;
	vm->cpus = cpus;
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
 * vm_destroy() - undo vm_create() and vcpus_create()
 * @vm:		the VM; its vCPUs are stopped
 */
void vm_destroy(struct vm *vm)
{
	int *fd[] = { &vm->fd, &vm->sys, &vm->wake };
	unsigned int i;

	vcpus_destroy(vm);
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
 * vm_end() - end the VM; the first caller's status counts
 * @vm:		the VM
 * @status:	exit status of the program
 *
 * A guest that is on its way to a file or another runner can still end: then it does not leave.
 *
 * Context: any thread. The vCPUs stop before they enter the guest again.
 */
void vm_end(struct vm *vm, int status)
{
	int was = -1;

	while (was == -1 || (was == RUN_LEFT && status != RUN_LEFT))
		if (atomic_compare_exchange_weak(&vm->ended, &was, status)) {
			vm_wake(vm);
			break;
		}
}

/**
 * vm_running() - whether nobody has ended the VM yet
 * @vm:		the VM
 */
bool vm_running(struct vm *vm)
{
	return atomic_load(&vm->ended) < 0;
}

/**
 * vm_keep() - a device's state belongs to a saved guest
 * @vm:		the VM
 * @kept:	what it is; the state stays where it is
 */
void vm_keep(struct vm *vm, const struct kept *kept)
{
	assert(vm->nr_kept < ARRAY_SIZE(vm->kept));
	vm->kept[vm->nr_kept++] = *kept;
}

/**
 * vm_leave() - the guest shall be saved or moved now, if that is what this program is for
 * @vm:		the VM
 *
 * Context: any thread. Called by a vCPU, it does not go on before the guest is saved.
 */
void vm_leave(struct vm *vm)
{
	if (vm->leaves == LEAVE_AT_ONCE)
		vm_end(vm, RUN_LEFT);
	if (vm->leaves != LEAVE_MOVING)
		return;
	atomic_store(&vm->move, true);
	vm_wake(vm);
}

/**
 * vm_go_on() - the guest could not leave after all
 * @vm:		the VM, ended with RUN_LEFT, its vCPUs stopped
 */
void vm_go_on(struct vm *vm)
{
	int left = RUN_LEFT;

	atomic_store(&vm->move, false);
	atomic_compare_exchange_strong(&vm->ended, &left, -1);
}
