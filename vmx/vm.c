// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual machine's life: creation, the way to all its vCPUs, its descriptor and that
 * descriptor's ioctls.
 *
 * vm->lock serializes what changes the machine's shape: vCPUs and interrupt controllers.
 */
#include <linux/anon_inodes.h>
#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include "uapi/kvmlet.h"
#include "vmx/hw/controls.h"
#include "vmx/ioctl.h"
#include "vmx/irqchip/irqchip.h"
#include "vmx/vcpu.h"
#include "vmx/vm.h"

static void acknowledge(void *unused)
{
}

/*
 * Every vCPU that is in the guest leaves it, and flushes before it enters again. Those
 * outside see the request, because they set their mode before they look.
 */
static void flush_all(struct mmu *mmu)
{
	struct vm *vm = container_of(mmu, struct vm, mmu);
	struct vcpu *vcpu;
	unsigned int i;

	atomic64_inc(&vm->stats.remote_tlb_flush);
	vm_for_each_vcpu(i, vcpu, vm)
		vcpu_request(vcpu, REQ_TLB_FLUSH);
	/* Pairs with smp_store_mb() in enter(). */
	smp_mb();
	vm_for_each_vcpu(i, vcpu, vm) {
		/* In this order: if the mode has ended since, any CPU will do. */
		bool inside = smp_load_acquire(&vcpu->mode) != VCPU_OUTSIDE;
		int cpu = READ_ONCE(vcpu->cpu);

		if (inside && cpu >= 0)
			smp_call_function_single(cpu, acknowledge, NULL, 1);
	}
}

/**
 * vm_request_all() - make a request of every vCPU, and see to it that it is noticed
 * @vm: any
 * @request: REQ_*
 *
 * Context: any.
 */
void vm_request_all(struct vm *vm, unsigned int request)
{
	struct vcpu *vcpu;
	unsigned int i;

	vm_for_each_vcpu(i, vcpu, vm) {
		vcpu_request(vcpu, request);
		vcpu_kick(vcpu);
	}
}

static void log_writes(struct mmu *mmu)
{
	vm_request_all(container_of(mmu, struct vm, mmu), REQ_PML);
	flush_all(mmu);
}

/* The caller is a vCPU's thread, loaded: the vCPU is this processor's. */
static void push_dirty(struct mmu *mmu, u32 slot, u64 offset)
{
	struct vm *vm = container_of(mmu, struct vm, mmu);
	int cpu = get_cpu();
	struct vcpu *vcpu;
	unsigned int i;

	vm_for_each_vcpu(i, vcpu, vm)
		if (vcpu->cpu == cpu)
			dirty_ring_push(vcpu, slot, offset);
	put_cpu();
}

static const struct mmu_ops mmu_ops = {
	.flush		= flush_all,
	.log_writes	= log_writes,
	.push_dirty	= push_dirty,
};

/**
 * vm_vcpu_by_id() - find a vCPU
 * @vm: any
 * @id: KVM_CREATE_VCPU's argument
 *
 * Return: the vCPU or NULL.
 */
struct vcpu *vm_vcpu_by_id(struct vm *vm, u64 id)
{
	struct vcpu *vcpu;
	unsigned int i;

	vm_for_each_vcpu(i, vcpu, vm)
		if (vcpu->id == id)
			return vcpu;
	return NULL;
}

static void vm_free(struct vm *vm)
{
	unsigned int i;

	/* First what walks the vCPUs by itself. */
	debugfs_remove(vm->stats.dir);
	clock_vm_destroy(vm);
	eventfds_destroy(vm);
	irqchip_destroy(vm);
	coalesced_destroy(vm);
	mmu_stop(&vm->mmu);
	for (i = 0; i < vm->nr_vcpus; i++)
		vcpu_destroy(vm->vcpus[i]);
	mmu_destroy(&vm->mmu);
	msr_filter_destroy(vm);
	mmdrop(vm->mm);
	enable_put();
	kfree(vm);
}

/**
 * vm_get() - one more reference
 * @vm: held
 */
void vm_get(struct vm *vm)
{
	refcount_inc(&vm->users);
}

/**
 * vm_put() - one reference less; the last one frees the VM with its vCPUs
 * @vm: held
 *
 * Context: process, may sleep.
 */
void vm_put(struct vm *vm)
{
	if (refcount_dec_and_test(&vm->users))
		vm_free(vm);
}

static int set_boot_cpu_id(struct vm *vm, u32 id)
{
	if (vm->nr_vcpus)
		return -EBUSY;
	vm->boot_cpu_id = id;
	return 0;
}

static int set_line(struct vm *vm, struct kvm_irq_level *line)
{
	/* Pairs with irqchip_create() and irqchip_split(). */
	if (smp_load_acquire(&vm->irqchip) == IRQCHIP_NONE)
		return -ENXIO;
	line->status = irqchip_set_line(vm, LINE_USER, line->irq, line->level);
	return 0;
}

static int enable_events(struct vm *vm, u32 flag, bool on)
{
	WRITE_ONCE(vm->event_flags, on ? vm->event_flags | flag : vm->event_flags & ~flag);
	return 0;
}

/* Most capabilities need not be enabled; programs rely on hearing so. vm->lock is held. */
static int enable(struct vm *vm, u32 cap, u64 arg)
{
	switch (cap) {
	case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
		return mmu_set_log_mode(&vm->mmu, arg);
	case KVM_CAP_DIRTY_LOG_RING:
	case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
		return dirty_ring_enable(vm, arg);
	case KVM_CAP_SPLIT_IRQCHIP:
		return irqchip_split(vm, arg);
	case KVM_CAP_X2APIC_API:
		return lapic_set_api(vm, arg);
	case KVM_CAP_X86_USER_SPACE_MSR:
		if (arg & ~(u64)MSR_EXIT_REASONS)
			return -EINVAL;
		WRITE_ONCE(vm->msr_exits, arg);
		return 0;
	case KVM_CAP_HALT_POLL:
		if (arg > U32_MAX)
			return -EINVAL;
		WRITE_ONCE(vm->halt_poll, arg + 1);
		return 0;
	case KVM_CAP_EXCEPTION_PAYLOAD:
		return enable_events(vm, KVM_VCPUEVENT_VALID_PAYLOAD, arg);
	case KVM_CAP_X86_TRIPLE_FAULT_EVENT:
		return enable_events(vm, KVM_VCPUEVENT_VALID_TRIPLE_FAULT, arg);
	}
	return -EINVAL;
}

static int enable_cap(struct vm *vm, const struct kvm_enable_cap *cap)
{
	return cap->flags ? -EINVAL : enable(vm, cap->cap, cap->args[0]);
}

IOCTL_FN(do_KVM_GET_TSC_KHZ, READ_ONCE(((struct vm *)object)->clock.tsc_khz))
IOCTL_FN(do_KVM_REGISTER_COALESCED_MMIO, coalesced_set_zone(object, data, true))

static const struct ioctl_op get_tsc_khz = IOCTL_TWIN(KVM_GET_TSC_KHZ);
static const struct ioctl_op add_zone = IOCTL_TWIN(KVM_REGISTER_COALESCED_MMIO);

#define PIT2_FLAGS	(&((struct kvm_pit_state2 *)data)->flags)
#define MMU_OF(object)	(&((struct vm *)(object))->mmu)

/*
 * The PIT's channels come first in either of its structures. The two addresses, of a TSS and of an
 * identity map, are for processors without unrestricted guest; the rest only checks them.
 */
#define VM_IOCTLS(FN, LIST)								\
	FN(KVM_IRQ_LINE, set_line(object, data))					\
	FN(KVM_IRQ_LINE_STATUS, set_line(object, data), .twin = &add_zone)		\
	FN(KVM_SIGNAL_MSI, irqchip_signal_msi(object, data))				\
	LIST(KVM_SET_GSI_ROUTING, irqchip_set_routes(object, arg))			\
	FN(KVM_IOEVENTFD, ioeventfd_set(object, data))					\
	FN(KVM_IRQFD, irqfd_set(object, data))						\
	FN(KVM_UNREGISTER_COALESCED_MMIO, coalesced_set_zone(object, data, false))	\
	FN(KVM_CREATE_PIT, pit_create(object, KVM_PIT_SPEAKER_DUMMY))			\
	FN(KVM_CREATE_PIT2, pit_create(object, ((struct kvm_pit_config *)data)->flags))	\
	FN(KVM_GET_PIT, pit_state(object, data, NULL, false))				\
	FN(KVM_SET_PIT, pit_state(object, data, NULL, true), .takes = true)		\
	FN(KVM_GET_PIT2, pit_state(object, data, PIT2_FLAGS, false))			\
	FN(KVM_SET_PIT2, pit_state(object, data, PIT2_FLAGS, true))			\
	LIST(KVM_REINJECT_CONTROL, pit_set_reinject(object, arg))			\
	FN(KVM_SET_USER_MEMORY_REGION, mmu_set_region(MMU_OF(object), data))		\
	FN(KVM_SET_USER_MEMORY_REGION2, mmu_set_region(MMU_OF(object), data))		\
	FN(KVM_GET_DIRTY_LOG, mmu_get_dirty_log(MMU_OF(object), data))			\
	FN(KVM_CLEAR_DIRTY_LOG, mmu_clear_dirty_log(MMU_OF(object), data), .takes = true) \
	FN(KVM_RESET_DIRTY_RINGS, dirty_ring_reset(object), .locked = true)		\
	FN(KVM_CHECK_EXTENSION, cap_check((unsigned long)data))				\
	FN(KVM_CREATE_VCPU, vcpu_create(object, (unsigned long)data), .locked = true)	\
	FN(KVM_CREATE_IRQCHIP, irqchip_create(object), .locked = true)			\
	FN(KVM_GET_IRQCHIP, irqchip_state(object, data, false))				\
	FN(KVM_SET_IRQCHIP, irqchip_state(object, data, true), .takes = true)		\
	FN(KVM_SET_TSS_ADDR, (unsigned long)data > UINT_MAX - 3 * PAGE_SIZE ? -EINVAL : 0) \
	FN(KVM_SET_IDENTITY_MAP_ADDR, vm_nr_vcpus(object) ? -EINVAL : 0)		\
	FN(KVM_SET_BOOT_CPU_ID, set_boot_cpu_id(object, (unsigned long)data), .locked = true) \
	FN(KVM_GET_CLOCK, (pvclock_get(object, data), 0))				\
	FN(KVM_SET_CLOCK, pvclock_set(object, data))					\
	FN(KVM_SET_TSC_KHZ, tsc_set_vm_khz(object, (unsigned long)data))		\
	FN(KVM_X86_SET_MSR_FILTER, msr_filter_set(object, data))			\
	FN(KVM_ENABLE_CAP, enable_cap(object, data), .twin = &get_tsc_khz, .locked = true) \
	FN(KVM_GET_STATS_FD, stats_fd(object, NULL))

VM_IOCTLS(IOCTL_DEFINE_FN, IOCTL_DEFINE_LIST)

static const struct ioctl_op vm_ops[IOCTL_ROWS] = {
	VM_IOCTLS(IOCTL_ROW_FN, IOCTL_ROW_LIST)
};

static noinline long call_locked(const struct ioctl_op *op, struct vm *vm, unsigned long arg)
{
	long r;

	mutex_lock(&vm->lock);
	r = ioctl_call(op, vm, arg);
	mutex_unlock(&vm->lock);
	return r;
}

static long vm_file_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct ioctl_op *op = ioctl_find(vm_ops, cmd);
	struct vm *vm = file->private_data;

	if (vm->mm != current->mm)
		return -EIO;
	if (!op)
		return -ENOTTY;
	return op->locked ? call_locked(op, vm, arg) : ioctl_call(op, vm, arg);
}

/**
 * vm_release() - a descriptor that keeps a VM is closed
 * @inode: unused
 * @file: its private_data is the VM
 *
 * Return: 0.
 */
int vm_release(struct inode *inode, struct file *file)
{
	vm_put(file->private_data);
	return 0;
}

static const struct file_operations vm_fops = {
	.owner		= THIS_MODULE,
	.release	= vm_release,
	.unlocked_ioctl	= vm_file_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static int init_mmu(struct vm *vm)
{
	const struct mmu_format format = {
		.level_2m	= caps_has(&vmx_caps, VMX_CAP_EPT_2M),
		.level_1g	= caps_has(&vmx_caps, VMX_CAP_EPT_1G),
		.accessed_dirty	= caps_has(&vmx_caps, VMX_CAP_EPT_AD),
		.pml		= pml_there(),
		.nx_huge	= mitigate_nx_huge(),
		.maxphyaddr	= boot_cpu_data.x86_phys_bits,
	};

	return mmu_init(&vm->mmu, &mmu_ops, &format);
}

static struct vm *vm_new(void)
{
	struct vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	int err;

	if (!vm)
		return ERR_PTR(-ENOMEM);
	err = enable_get();
	if (err)
		goto err_free;
	refcount_set(&vm->users, 1);
	mutex_init(&vm->lock);
	INIT_LIST_HEAD(&vm->eventfds.irq);
	vm->mm = current->mm;
	mmgrab(vm->mm);
	err = coalesced_create(vm) ?: init_mmu(vm);
	if (err)
		goto err_disable;
	clock_vm_init(vm);
	/* 0 is what nothing was known at. */
	atomic64_set(&vm->lapic_changes, 1);
	return vm;

err_disable:
	coalesced_destroy(vm);
	mmdrop(vm->mm);
	enable_put();
err_free:
	kfree(vm);
	return ERR_PTR(err);
}

/**
 * vm_open() - a descriptor of a part of a VM, not installed yet
 * @name: of the anonymous inode
 * @fops: its operations
 * @object: its private_data
 * @flags: O_*
 * @file: set
 *
 * Return: the descriptor; -EMFILE, -ENOMEM.
 */
int vm_open(const char *name, const struct file_operations *fops, void *object, int flags,
	    struct file **file)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;
	*file = anon_inode_getfile(name, fops, object, flags);
	if (!IS_ERR(*file))
		return fd;
	put_unused_fd(fd);
	return PTR_ERR(*file);
}

/**
 * vm_create() - KVM_CREATE_VM
 * @type: must be 0, the only type there is
 *
 * Return: a descriptor; -EINVAL for another type; -EBUSY (VT-x in use), -ENOMEM, -EMFILE.
 */
int vm_create(unsigned long type)
{
	struct file *file;
	struct vm *vm;
	int fd;

	if (type)
		return -EINVAL;
	vm = vm_new();
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	fd = vm_open("kvm-vm", &vm_fops, vm, O_RDWR, &file);
	if (fd < 0) {
		vm_put(vm);
		return fd;
	}
	stats_vm_create(vm, fd);
	fd_install(fd, file);
	return fd;
}
