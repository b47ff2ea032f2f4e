// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual machine's life: creation, the way to all its vCPUs, its descriptor and that
 * descriptor's ioctls.
 *
 * vm->lock serializes what changes the machine's shape: vCPUs and interrupt controllers.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include "uapi/kvmlet.h"
#include "vmx/clock/clock.h"
#include "vmx/coalesced.h"
#include "vmx/hw/enable.h"
#include "vmx/hw/mitigate.h"
#include "vmx/hw/pml.h"
#include "vmx/cpu/msr_filter.h"
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

	vm_for_each_vcpu(i, vcpu, vm) {
		if (vcpu->cpu == cpu) {
			dirty_ring_push(vcpu, slot, offset);
			break;
		}
	}
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
	stats_vm_destroy(vm);
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

#define VM	((struct vm *)object)

IOCTL_FN(set_region, mmu_set_region(&VM->mmu, data))
IOCTL_FN(get_dirty_log, mmu_get_dirty_log(&VM->mmu, data))
IOCTL_FN(clear_dirty_log, mmu_clear_dirty_log(&VM->mmu, data))
IOCTL_FN(check_extension, cap_check((unsigned long)data))
IOCTL_FN(create_vcpu, vcpu_create(object, (unsigned long)data))
IOCTL_FN(create_irqchip, VM->nr_vcpus && VM->irqchip == IRQCHIP_NONE ? -EINVAL :
									irqchip_create(object))

/* Both addresses are for processors without unrestricted guest; the rest only checks them. */
IOCTL_FN(set_tss_addr, (unsigned long)data > UINT_MAX - 3 * PAGE_SIZE ? -EINVAL : 0)
IOCTL_FN(set_identity_map_addr, vm_nr_vcpus(object) ? -EINVAL : 0)

IOCTL_FN(set_boot_cpu_id, VM->nr_vcpus ? -EBUSY : (VM->boot_cpu_id = (unsigned long)data, 0))

static bool has_irqchip(struct vm *vm)
{
	/* Pairs with irqchip_create(): the controllers are there when the mode says so. */
	return smp_load_acquire(&vm->irqchip) == IRQCHIP_KERNEL;
}

IOCTL_FN(get_irqchip, has_irqchip(object) ? irqchip_get(object, data) : -ENXIO)
IOCTL_FN(set_irqchip, has_irqchip(object) ? irqchip_set(object, data) : -ENXIO)

static int irq_line_status(void *object, void *data)
{
	struct kvm_irq_level *line = data;
	struct vm *vm = object;

	/* Pairs with irqchip_create() and irqchip_split(). */
	if (smp_load_acquire(&vm->irqchip) == IRQCHIP_NONE)
		return -ENXIO;
	line->status = irqchip_set_line(vm, LINE_USER, line->irq, line->level);
	return 0;
}

IOCTL_FN(signal_msi, VM->irqchip != IRQCHIP_NONE ? irqchip_signal_msi(object, data) : -EINVAL)
IOCTL_LIST(set_routes, irqchip_set_routes(object, arg))
IOCTL_FN(set_ioeventfd, ioeventfd_set(object, data))
IOCTL_FN(set_irqfd, irqfd_set(object, data))
IOCTL_FN(add_zone, coalesced_set_zone(object, data, true))
IOCTL_FN(remove_zone, coalesced_set_zone(object, data, false))
/* The channels come first in either of the two structures. */
IOCTL_FN(create_pit, pit_create(object, KVM_PIT_SPEAKER_DUMMY))
IOCTL_FN(create_pit2, pit_create(object, ((struct kvm_pit_config *)data)->flags))
IOCTL_LIST(reinject_control, pit_set_reinject(object, arg))

IOCTL_FN(get_pit, pit_state(object, data, NULL, false))
IOCTL_FN(set_pit, pit_state(object, data, NULL, true))
IOCTL_FN(get_pit2, pit_state(object, data, &((struct kvm_pit_state2 *)data)->flags, false))
IOCTL_FN(set_pit2, pit_state(object, data, &((struct kvm_pit_state2 *)data)->flags, true))
IOCTL_FN(get_clock, (pvclock_get(object, data), 0))
IOCTL_FN(set_clock, pvclock_set(object, data))
IOCTL_FN(get_tsc_khz, READ_ONCE(VM->clock.tsc_khz))
IOCTL_FN(set_tsc_khz, tsc_set_vm_khz(object, (unsigned long)data))
IOCTL_FN(set_msr_filter, msr_filter_set(object, data))

IOCTL_FN(reset_rings, dirty_ring_reset(object))

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
		return vm->nr_vcpus && arg <= IRQCHIP_ROUTES ? -EEXIST : irqchip_split(vm, arg);
	case KVM_CAP_X86_USER_SPACE_MSR:
		if (arg & ~(u64)MSR_EXIT_REASONS)
			return -EINVAL;
		WRITE_ONCE(vm->msr_exits, arg);
		return 0;
	case KVM_CAP_EXCEPTION_PAYLOAD:
		return enable_events(vm, KVM_VCPUEVENT_VALID_PAYLOAD, arg);
	case KVM_CAP_X86_TRIPLE_FAULT_EVENT:
		return enable_events(vm, KVM_VCPUEVENT_VALID_TRIPLE_FAULT, arg);
	}
	return -EINVAL;
}

static int enable_cap(void *object, void *data)
{
	const struct kvm_enable_cap *cap = data;
	struct vm *vm = object;
	int r;

	if (cap->flags)
		return -EINVAL;
	mutex_lock(&vm->lock);
	r = enable(vm, cap->cap, cap->args[0]);
	mutex_unlock(&vm->lock);
	return r;
}

IOCTL_FN(get_stats_fd, stats_fd(object, NULL))

static const struct ioctl_op get_tsc_khz_row = { .cmd = KVM_GET_TSC_KHZ, .fn = get_tsc_khz };
static const struct ioctl_op add_zone_row = { .cmd = KVM_REGISTER_COALESCED_MMIO, .fn = add_zone };

static const struct ioctl_op vm_ops[IOCTL_ROWS] = {
	IOCTL(KVM_IRQ_LINE, .fn = irq_line_status),
	IOCTL(KVM_IRQ_LINE_STATUS, .fn = irq_line_status, .twin = &add_zone_row),
	IOCTL(KVM_SIGNAL_MSI, .fn = signal_msi),
	IOCTL(KVM_SET_GSI_ROUTING, .list = set_routes),
	IOCTL(KVM_IOEVENTFD, .fn = set_ioeventfd),
	IOCTL(KVM_IRQFD, .fn = set_irqfd),
	IOCTL(KVM_UNREGISTER_COALESCED_MMIO, .fn = remove_zone),
	IOCTL(KVM_CREATE_PIT, .fn = create_pit),
	IOCTL(KVM_CREATE_PIT2, .fn = create_pit2),
	IOCTL(KVM_GET_PIT, .fn = get_pit),
	IOCTL(KVM_SET_PIT, .fn = set_pit, .takes = true),
	IOCTL(KVM_GET_PIT2, .fn = get_pit2),
	IOCTL(KVM_SET_PIT2, .fn = set_pit2),
	IOCTL(KVM_REINJECT_CONTROL, .list = reinject_control),
	IOCTL(KVM_SET_USER_MEMORY_REGION, .fn = set_region),
	IOCTL(KVM_SET_USER_MEMORY_REGION2, .fn = set_region),
	IOCTL(KVM_GET_DIRTY_LOG, .fn = get_dirty_log),
	IOCTL(KVM_CLEAR_DIRTY_LOG, .fn = clear_dirty_log, .takes = true),
	IOCTL(KVM_RESET_DIRTY_RINGS, .fn = reset_rings, .locked = true),
	IOCTL(KVM_CHECK_EXTENSION, .fn = check_extension),
	IOCTL(KVM_CREATE_VCPU, .fn = create_vcpu, .locked = true),
	IOCTL(KVM_CREATE_IRQCHIP, .fn = create_irqchip, .locked = true),
	IOCTL(KVM_GET_IRQCHIP, .fn = get_irqchip),
	IOCTL(KVM_SET_IRQCHIP, .fn = set_irqchip, .takes = true),
	IOCTL(KVM_SET_TSS_ADDR, .fn = set_tss_addr),
	IOCTL(KVM_SET_IDENTITY_MAP_ADDR, .fn = set_identity_map_addr),
	IOCTL(KVM_SET_BOOT_CPU_ID, .fn = set_boot_cpu_id, .locked = true),
	IOCTL(KVM_GET_CLOCK, .fn = get_clock),
	IOCTL(KVM_SET_CLOCK, .fn = set_clock),
	IOCTL(KVM_SET_TSC_KHZ, .fn = set_tsc_khz),
	IOCTL(KVM_X86_SET_MSR_FILTER, .fn = set_msr_filter),
	IOCTL(KVM_ENABLE_CAP, .fn = enable_cap, .twin = &get_tsc_khz_row),
	IOCTL(KVM_GET_STATS_FD, .fn = get_stats_fd),
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

	if (vm->mm != current->mm || READ_ONCE(vm->dead))
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
