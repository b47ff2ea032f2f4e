// SPDX-License-Identifier: GPL-2.0
/*
 * VMCS regions: allocation, and which CPU has which of them active. A VMCS may be active on
 * one CPU only, and must be cleared there before it is freed or loaded elsewhere.
 *
 * Each CPU's list of active VMCSs is touched only by that CPU with interrupts off, so that
 * CPU offline, reboot and crash can clear them all (SDM vol. 3C, 24.11).
 */
#define pr_fmt(fmt) "kvmlet: " fmt

#include <linux/gfp.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <asm/io.h>
#include <asm/nospec-branch.h>
#include "vmx/hw/vmcs.h"

static DEFINE_PER_CPU(struct list_head, active_vmcs);
DEFINE_PER_CPU(struct vmcs_state *, current_vmcs);

/* asm_vmclear(), asm_vmptrld(): false if the instruction failed. */
#define VMCS_INSTRUCTION(name)							\
static bool asm_##name(struct vmcs_region *region)				\
{										\
	u64 pa = __pa(region);							\
	bool failed;								\
										\
	asm volatile("1: " #name " %[pa]\n2:\n" _ASM_EXTABLE(1b, 2b)		\
		     : "=@ccbe" (failed) : [pa] "m" (pa) : "memory");		\
	return !failed;								\
}

VMCS_INSTRUCTION(vmclear)
VMCS_INSTRUCTION(vmptrld)

/**
 * vmcs_alloc() - allocate a VMCS region, cleared and active nowhere
 * @vmcs: its state
 *
 * Context: process, may sleep. Return: 0 or -ENOMEM.
 */
int vmcs_alloc(struct vmcs_state *vmcs)
{
	vmcs->region = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vmcs->region)
		return -ENOMEM;
	vmcs->region->revision = vmx_caps.revision;
	vmcs->cpu = -1;
	return 0;
}

/* Runs on the CPU that has @info active: there the list is ours. */
static void vmcs_clear_local(void *info)
{
	struct vmcs_state *vmcs = info;

	/* The CPU may have gone offline, and cleared it, before the call got here. */
	if (vmcs->cpu != raw_smp_processor_id())
		return;
	if (this_cpu_read(current_vmcs) == vmcs)
		this_cpu_write(current_vmcs, NULL);
	asm_vmclear(vmcs->region);
	list_del_init(&vmcs->link);
	/* Off the list before another CPU may take it as its own. */
	smp_wmb();
	vmcs->cpu = -1;
	vmcs->launched = false;
}

/**
 * vmcs_clear() - make a VMCS active nowhere
 * @vmcs: its state
 *
 * Context: any with interrupts on; sends an IPI if it is active on another CPU.
 */
static void vmcs_clear(struct vmcs_state *vmcs)
{
	int cpu = READ_ONCE(vmcs->cpu);

	if (cpu >= 0)
		smp_call_function_single(cpu, vmcs_clear_local, vmcs, 1);
}

/**
 * vmcs_free() - clear and free a VMCS region
 * @vmcs: its state; a zeroed one is fine
 */
void vmcs_free(struct vmcs_state *vmcs)
{
	if (!vmcs->region)
		return;
	vmcs_clear(vmcs);
	free_page((unsigned long)vmcs->region);
}

/**
 * vmcs_load_anew() - make a VMCS current on this CPU, where another one is
 * @vmcs: its state
 * @cpu: this CPU
 *
 * Context: preemption off, interrupts on.
 * Return: true if it was not active here before, so that the fields which name this CPU
 * must be written.
 */
bool vmcs_load_anew(struct vmcs_state *vmcs, int cpu)
{
	bool moved = vmcs->cpu != cpu;

	if (moved) {
		vmcs_clear(vmcs);
		local_irq_disable();
		/* Pairs with smp_wmb() in vmcs_clear_local(). */
		smp_rmb();
		list_add(&vmcs->link, this_cpu_ptr(&active_vmcs));
		vmcs->cpu = cpu;
		local_irq_enable();
	}
	this_cpu_write(current_vmcs, vmcs);
	/* What another guest taught the branch predictor must not steer this one. */
	indirect_branch_prediction_barrier();
	if (!asm_vmptrld(vmcs->region) && !enable_rebooting())
		pr_warn_once("VMPTRLD of %#lx failed\n", __pa(vmcs->region));
	return moved;
}

/**
 * vmcs_clear_all_local() - clear every VMCS active on this CPU
 *
 * Context: interrupts off. Called before VMXOFF, also by a crash, so it takes no lock and
 * allows for having interrupted vmcs_load(): a VMCS not on the list yet is not active yet.
 */
void vmcs_clear_all_local(void)
{
	struct vmcs_state *vmcs, *next;

	list_for_each_entry_safe(vmcs, next, this_cpu_ptr(&active_vmcs), link)
		vmcs_clear_local(vmcs);
}

/**
 * vmcs_cpu_init() - prepare a CPU's list, once, before any VMCS is loaded there
 * @cpu: possible CPU
 */
void vmcs_cpu_init(int cpu)
{
	INIT_LIST_HEAD(per_cpu_ptr(&active_vmcs, cpu));
}
