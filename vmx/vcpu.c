// SPDX-License-Identifier: GPL-2.0
/*
 * A virtual CPU's life: creation, its place on a host CPU, how others reach it, its
 * descriptor. Its ioctls are in vcpu_ioctl.c, KVM_RUN in run.c.
 *
 * vcpu->mutex is held by each of its ioctls. Loading and unloading also happen from the
 * scheduler's notifier, with preemption off.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include <trace/events/ipi.h>
#include "vmx/cpu/regs.h"
#include "vmx/hw/controls.h"
#include "vmx/ioctl.h"
#include "vmx/irqchip/irqchip.h"

/* Makes the vCPU this CPU's. Preemption is off. */
static __always_inline void load_on(struct vcpu *vcpu, int cpu)
{
	if (vmcs_load(vcpu->vmcs, cpu)) {
		switch_cpu(vcpu, cpu);
		/* Its translations may be in this TLB from an earlier stay, out of date. */
		vcpu_request(vcpu, REQ_TLB_FLUSH);
		clock_vcpu_load(vcpu);
	}
	WRITE_ONCE(vcpu->cpu, cpu);
	vcpu->flush_l1d = true;
}

static __always_inline void unload(struct vcpu *vcpu)
{
	/* switch_to_host() asks too: here it saves a KVM_RUN that did not enter 20 instructions. */
	if (vcpu->sw.guest)
		switch_to_host(vcpu);
	WRITE_ONCE(vcpu->cpu, -1);
}

static void on_sched_in(struct preempt_notifier *notifier, int cpu)
{
	struct vcpu *vcpu = container_of(notifier, struct vcpu, preempt);

	WRITE_ONCE(vcpu->off_cpu, NULL);
	load_on(vcpu, cpu);
	if (unlikely(vcpu->msr.steal_time))
		vcpu_request(vcpu, REQ_STEAL);
}

static void on_sched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	struct vcpu *vcpu = container_of(notifier, struct vcpu, preempt);

	/* It would run on, and does not sleep. */
	if (task_is_running(current)) {
		WRITE_ONCE(vcpu->off_kernel, !segment_cpl(vcpu));
		WRITE_ONCE(vcpu->off_cpu, current);
	}
	/* The host ended the guest's stay: it is in the middle of nothing. */
	if (vcpu->exit_reason == EXIT_REASON_EXTERNAL_INTERRUPT)
		steal_preempted(vcpu);
	unload(vcpu);
}

static struct preempt_ops preempt_ops = {
	.sched_in	= on_sched_in,
	.sched_out	= on_sched_out,
};

static __always_inline void load(struct vcpu *vcpu)
{
	int cpu = get_cpu();

	preempt_notifier_register(&vcpu->preempt);
	load_on(vcpu, cpu);
	put_cpu();
}

static __always_inline void put(struct vcpu *vcpu)
{
	preempt_disable();
	unload(vcpu);
	preempt_notifier_unregister(&vcpu->preempt);
	preempt_enable();
}

/**
 * vcpu_load() - bind a vCPU to this thread: its VMCS is current until vcpu_put()
 * @vcpu: its mutex is held
 */
void vcpu_load(struct vcpu *vcpu)
{
	load(vcpu);
}

/**
 * vcpu_put() - undo vcpu_load()
 * @vcpu: loaded
 */
void vcpu_put(struct vcpu *vcpu)
{
	put(vcpu);
}

/**
 * vcpu_kick() - have a request seen soon: wake the vCPU, or make the guest exit
 * @vcpu: any
 *
 * Context: any.
 */
void vcpu_kick(struct vcpu *vcpu)
{
	int cpu;

	rcuwait_wake_up(&vcpu->wait);
	preempt_disable();
	/* Full order after the request was made; pairs with smp_store_mb() in enter(). */
	if (cmpxchg(&vcpu->mode, VCPU_ENTERING, VCPU_EXITING) == VCPU_ENTERING) {
		cpu = READ_ONCE(vcpu->cpu);
		if (cpu >= 0 && cpu != smp_processor_id())
			smp_send_reschedule(cpu);
	}
	preempt_enable();
}

/**
 * vcpu_notify() - have the processor take what was posted to it, if this vCPU's guest runs
 * @vcpu: any, with posted interrupts, after a request
 *
 * Context: any. Return: false if it does not run elsewhere, so that it must be kicked. If it
 * exits meanwhile the notification does nothing, and the request is seen. SDM vol. 3C, 29.6.
 */
bool vcpu_notify(struct vcpu *vcpu)
{
	bool runs;
	int cpu;

	preempt_disable();
	cpu = READ_ONCE(vcpu->cpu);
	runs = READ_ONCE(vcpu->mode) == VCPU_ENTERING && cpu >= 0 && cpu != smp_processor_id();
	if (runs)
		compat_notify(cpu);
	preempt_enable();
	return runs;
}

/**
 * vcpu_release() - a descriptor that keeps a vCPU is closed
 * @inode: unused
 * @file: its private_data is the vCPU
 *
 * Return: 0.
 */
int vcpu_release(struct inode *inode, struct file *file)
{
	struct vcpu *vcpu = file->private_data;

	vm_put(vcpu->vm);
	return 0;
}

static vm_fault_t vcpu_page_fault(struct vm_fault *vmf)
{
	struct vcpu *vcpu = vmf->vma->vm_file->private_data;
	struct page *page = NULL;

	if (vmf->pgoff == 0)
		page = virt_to_page(vcpu->run);
	else if (vmf->pgoff == KVM_PIO_PAGE_OFFSET)
		page = virt_to_page(vcpu->pio_data);
	else if (vmf->pgoff == KVM_COALESCED_MMIO_PAGE_OFFSET)
		page = virt_to_page(vcpu->vm->ring);
	else if (vmf->pgoff >= KVM_DIRTY_LOG_PAGE_OFFSET)
		page = dirty_ring_page(vcpu, vmf->pgoff - KVM_DIRTY_LOG_PAGE_OFFSET);
	if (!page)
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct vcpu_vm_ops = { .fault = vcpu_page_fault };

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	bool ring = vma->vm_pgoff >= KVM_DIRTY_LOG_PAGE_OFFSET;

	if (!ring && vma->vm_pgoff + vma_pages(vma) > VCPU_MMAP_PAGES)
		return -EINVAL;
	if (ring && (vma->vm_flags & (VM_EXEC | VM_SHARED)) != VM_SHARED)
		return -EINVAL;
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static noinline long by_table(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	const struct ioctl_op *op = ioctl_find(vcpu_ops, cmd);
	long r;

	if (!op)
		return -EINVAL;
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	if (!op->parked)
		load(vcpu);
	r = ioctl_call(op, vcpu, arg);
	if (!op->parked)
		put(vcpu);
	mutex_unlock(&vcpu->mutex);
	return r;
}

static noinline long run(struct vcpu *vcpu)
{
	int r;

	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	load(vcpu);
	r = vcpu_run(vcpu);
	put(vcpu);
	mutex_unlock(&vcpu->mutex);
	return r;
}

/* -EIO from another process than the VM's, -EINTR if another thread held it and a signal came. */
static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vcpu *vcpu = file->private_data;

	if (vcpu->vm->mm != current->mm)
		return -EIO;
	if (cmd != KVM_RUN)
		return by_table(vcpu, cmd, arg);
	return arg ? -EINVAL : run(vcpu);
}

static const struct file_operations vcpu_fops = {
	.owner		= THIS_MODULE,
	.release	= vcpu_release,
	.unlocked_ioctl	= vcpu_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.mmap		= vcpu_mmap,
	.llseek		= noop_llseek,
};

static int alloc_parts(struct vcpu *vcpu)
{
	int err;

	vcpu->run = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vcpu->pio_data = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vcpu->run || !vcpu->pio_data)
		return -ENOMEM;
	err = vmcs_alloc(&vcpu->vmcs01) ?: xstate_create(vcpu) ?: pml_create(vcpu) ?:
	      dirty_ring_create(vcpu);
	if (err)
		return err;
	vcpu->roots[0] = mmu_root_get(&vcpu->vm->mmu, 0, 0);
	vcpu->root = vcpu->roots[0];
	if (!vcpu->root)
		return -ENOMEM;
	vcpu->vpid = vpid_alloc();
	return vcpu->vm->irqchip == IRQCHIP_NONE ? 0 : lapic_create(vcpu);
}

static void first_state(struct vcpu *vcpu)
{
	bool boot = vcpu->id == vcpu->vm->boot_cpu_id;

	vcpu_load(vcpu);
	controls_setup(vcpu);
	cpuid_create(vcpu);
	/* The first one's TSC begins with 0. */
	tsc_set_khz(vcpu, READ_ONCE(vcpu->vm->clock.tsc_khz));
	vcpu->apic_base = APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE |
			  (boot ? MSR_IA32_APICBASE_BSP : 0);
	reset_vcpu(vcpu, false);
	vcpu_put(vcpu);
	/* Without a LAPIC here user space starts each vCPU itself. */
	vcpu->mp_state = boot || !vcpu->lapic ? KVM_MP_STATE_RUNNABLE :
						KVM_MP_STATE_UNINITIALIZED;
}

/**
 * vcpu_destroy() - free a vCPU that nobody can reach any more
 * @vcpu: its VM's last reference is gone, or its creation failed
 */
void vcpu_destroy(struct vcpu *vcpu)
{
	unsigned int i;

	if (vcpu->lapic)
		lapic_destroy(vcpu);
	kfree(vcpu->cpuid.entries);
	vmcs_free(&vcpu->vmcs01);
	vpid_free(vcpu->vpid);
	for (i = 0; i < MMU_ADDRESS_SPACES; i++)
		if (vcpu->roots[i])
			mmu_root_put(&vcpu->vm->mmu, vcpu->roots[i]);
	free_page((unsigned long)vcpu->fpu.guest);
	free_page((unsigned long)vcpu->fpu.thread);
	kvfree(vcpu->stats.times);
	kvfree(vcpu->ring.entry);
	free_page((unsigned long)vcpu->pml);
	free_page((unsigned long)vcpu->pio_data);
	free_page((unsigned long)vcpu->run);
	kfree(vcpu);
}

static struct vcpu *vcpu_new(struct vm *vm, u32 id)
{
	struct vcpu *vcpu = kzalloc(sizeof(*vcpu), GFP_KERNEL_ACCOUNT);
	int err;

	if (!vcpu)
		return ERR_PTR(-ENOMEM);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->cpu = -1;
	vcpu->vmcs = &vcpu->vmcs01;
	mutex_init(&vcpu->mutex);
	rcuwait_init(&vcpu->wait);
	preempt_notifier_init(&vcpu->preempt, &preempt_ops);
	err = alloc_parts(vcpu);
	if (err) {
		vcpu_destroy(vcpu);
		return ERR_PTR(err);
	}
	first_state(vcpu);
	return vcpu;
}

/* The descriptor is installed last: from then on user space can use the vCPU. */
static int publish(struct vm *vm, struct vcpu *vcpu)
{
	struct file *file;
	int fd = vm_open("kvm-vcpu", &vcpu_fops, vcpu, O_RDWR, &file);

	if (fd < 0)
		return fd;
	vm_get(vm);
	vcpu->index = vm->nr_vcpus;
	vm->vcpus[vcpu->index] = vcpu;
	/* Pairs with vm_nr_vcpus(). */
	smp_store_release(&vm->nr_vcpus, vcpu->index + 1);
	deliver_changed(vm);
	/* Whoever has not seen it yet has said before that writes are to be logged. */
	vcpu_request(vcpu, REQ_PML);
	pvclock_refresh_master(vm, false);
	stats_vcpu_create(vcpu);
	fd_install(fd, file);
	return fd;
}

/**
 * vcpu_create() - KVM_CREATE_VCPU
 * @vm: its lock is held
 * @id: the vCPU's id, also its initial APIC id
 *
 * Return: a descriptor; -EINVAL for an id or a number of vCPUs over the limit, -EEXIST for an
 * id in use, -ENOMEM, -EMFILE.
 */
int vcpu_create(struct vm *vm, unsigned long id)
{
	struct vcpu *vcpu;
	int fd;

	lockdep_assert_held(&vm->lock);
	if (id >= VM_MAX_VCPU_ID || vm->nr_vcpus >= VM_MAX_VCPUS)
		return -EINVAL;
	if (vm_vcpu_by_id(vm, id))
		return -EEXIST;
	vcpu = vcpu_new(vm, id);
	if (IS_ERR(vcpu))
		return PTR_ERR(vcpu);
	fd = publish(vm, vcpu);
	if (fd < 0)
		vcpu_destroy(vcpu);
	return fd;
}
