// SPDX-License-Identifier: GPL-2.0
/*
 * Host state that a VM entry and exit do not switch, or that the VMCS must be told: constant
 * fields, fields of a host CPU, segment registers and the MSRs of SYSCALL.
 *
 * The guest's values stay in the registers from its first entry until vcpu_put(), because
 * the kernel itself uses none of them. SDM vol. 3C, 24.5 and 27.5.
 */
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <asm/cpu_entry_area.h>
#include <asm/desc.h>
#include <asm/mmu_context.h>
#include <asm/msr.h>
#include <asm/segment.h>
#include <asm/tlbflush.h>
#include "vmx/hw/switch.h"
#include "vmx/vcpu.h"

static const u32 switched_index[NR_SWITCHED_MSRS] = {
	[SWITCHED_STAR]		= MSR_STAR,
	[SWITCHED_LSTAR]	= MSR_LSTAR,
	[SWITCHED_SYSCALL_MASK]	= MSR_SYSCALL_MASK,
	[SWITCHED_TSC_AUX]	= MSR_TSC_AUX,
};

/* The host never changes these after a CPU's start, so each CPU reads them once. */
struct host_values {
	struct desc_ptr gdt;
	u64 msr[NR_SWITCHED_MSRS];
};

static DEFINE_PER_CPU(struct host_values, host_values);

static void read_host_values(struct host_values *host, int cpu)
{
	unsigned int i;

	host->gdt.address = (unsigned long)get_cpu_gdt_ro(cpu);
	host->gdt.size = GDT_SIZE - 1;
	for (i = 0; i < NR_SWITCHED_MSRS; i++)
		rdmsrl_safe(switched_index[i], &host->msr[i]);
}

/**
 * switch_setup() - write the host fields that are the same on every CPU
 * @vcpu: loaded
 */
void switch_setup(struct vcpu *vcpu)
{
	struct desc_ptr idt;

	vmcs_writel(HOST_CR0, read_cr0() & ~X86_CR0_TS);
	vmcs_write16(HOST_CS_SELECTOR, __KERNEL_CS);
	vmcs_write16(HOST_SS_SELECTOR, __KERNEL_DS);
	vmcs_write16(HOST_DS_SELECTOR, 0);
	vmcs_write16(HOST_ES_SELECTOR, 0);
	vmcs_write16(HOST_FS_SELECTOR, 0);
	vmcs_write16(HOST_GS_SELECTOR, 0);
	vmcs_write16(HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
	store_idt(&idt);
	vmcs_writel(HOST_IDTR_BASE, idt.address);
	vmcs_writel(HOST_RIP, (unsigned long)vmx_exit);
	vmcs_write32(HOST_IA32_SYSENTER_CS, __rdmsr(MSR_IA32_SYSENTER_CS));
	vmcs_writel(HOST_IA32_SYSENTER_EIP, __rdmsr(MSR_IA32_SYSENTER_EIP));
	vmcs_write64(HOST_IA32_EFER, __rdmsr(MSR_EFER));
	if (vcpu->vmcs->exit & VM_EXIT_LOAD_IA32_PAT)
		vmcs_write64(HOST_IA32_PAT, __rdmsr(MSR_IA32_CR_PAT));
	/* As the copy of a new VMCS has it. */
	vmcs_writel(HOST_FS_BASE, 0);
}

/**
 * switch_cpu() - write the host fields that name a CPU
 * @vcpu: its VMCS is current
 * @cpu: this CPU
 */
void switch_cpu(struct vcpu *vcpu, int cpu)
{
	struct host_values *host = this_cpu_ptr(&host_values);

	if (!host->gdt.size)
		read_host_values(host, cpu);
	vcpu->sw.chosen = false;
	vmcs_writel(HOST_TR_BASE, (unsigned long)&get_cpu_entry_area(cpu)->tss.x86_tss);
	vmcs_writel(HOST_GDTR_BASE, host->gdt.address);
	vmcs_writel(HOST_GS_BASE, cpu_kernelmode_gs_base(cpu));
	vmcs_writel(HOST_IA32_SYSENTER_ESP, __rdmsr(MSR_IA32_SYSENTER_ESP));
}

/* The bases of FS and GS user space may have changed without the kernel's knowledge. */
static void save_host_segments(struct switch_state *sw)
{
	current_save_fsgs();
	sw->fs = current->thread.fsindex;
	sw->gs = current->thread.gsindex;
	savesegment(ds, sw->ds);
	savesegment(es, sw->es);
	asm volatile("sldt %0" : "=m" (sw->ldt));
}

/* A VM exit leaves the selectors 0; only 32-bit or LDT-using monitors have others. */
static void restore_host_segments(struct switch_state *sw)
{
	if (sw->ldt)
		asm volatile("lldt %0" : : "rm" (sw->ldt));
	if (sw->fs)
		loadsegment(fs, sw->fs);
	if (sw->gs)
		load_gs_index(sw->gs);
	if (sw->ds | sw->es) {
		loadsegment(ds, sw->ds);
		loadsegment(es, sw->es);
	}
}

/* Which of the guest's differ from this CPU's; SYSCALL's are dead while it cannot use it. */
static void choose_switched(struct vcpu *vcpu)
{
	const u64 *host = this_cpu_ptr(&host_values)->msr;
	unsigned int i;

	vcpu->sw.chosen = true;
	vcpu->sw.switched = 0;
	for (i = 0; i < NR_SWITCHED_MSRS; i++) {
		if (i != SWITCHED_TSC_AUX && !(vcpu->efer & EFER_SCE))
			continue;
		if (i == SWITCHED_TSC_AUX && !(vcpu->vmcs->proc2 & SECONDARY_EXEC_ENABLE_RDTSCP))
			continue;
		if (vcpu->msr.switched[i] != host[i])
			vcpu->sw.switched |= BIT(i);
	}
}

static void write_switched(unsigned long which, const u64 *values)
{
	unsigned int i;

	for (; which; which &= which - 1) {
		i = __ffs(which);
		native_wrmsrl(switched_index[i], values[i]);
	}
}

/**
 * switch_to_guest() - put the guest's values in, the first time after vcpu_load()
 * @vcpu: loaded
 *
 * Context: preemption off.
 */
void switch_to_guest(struct vcpu *vcpu)
{
	struct switch_state *sw = &vcpu->sw;

	if (sw->guest)
		return;
	save_host_segments(sw);
	if (current->thread.fsbase != vcpu->vmcs->host_fs_base) {
		vcpu->vmcs->host_fs_base = current->thread.fsbase;
		vmcs_writel(HOST_FS_BASE, current->thread.fsbase);
	}
	native_wrmsrl(MSR_KERNEL_GS_BASE, vcpu->msr.kernel_gs_base);
	if (!sw->chosen)
		choose_switched(vcpu);
	if (sw->switched)
		write_switched(sw->switched, vcpu->msr.switched);
	sw->guest = true;
}

/*
 * invalidate_tss_limit(), its rare half out of line: a host thread that has an I/O bitmap. Inline,
 * it costs every way to user space 14 instructions.
 */
static noinline void reload_tss_limit(void)
{
	invalidate_tss_limit();
}

/**
 * switch_to_host() - put the host's values back
 * @vcpu: its VMCS is current
 *
 * Context: preemption off; also as the thread is scheduled out.
 */
void switch_to_host(struct vcpu *vcpu)
{
	const struct host_values *host = this_cpu_ptr(&host_values);
	struct switch_state *sw = &vcpu->sw;

	if (!sw->guest)
		return;
	vcpu->msr.kernel_gs_base = __rdmsr(MSR_KERNEL_GS_BASE);
	if (sw->switched)
		write_switched(sw->switched, host->msr);
	/* An exit leaves the limits of GDT and TSS at 64 KiB and 0x67. */
	if (unlikely(test_thread_flag(TIF_IO_BITMAP)))
		reload_tss_limit();
	else
		this_cpu_write(__tss_limit_invalid, true);
	native_load_gdt(&host->gdt);
	restore_host_segments(sw);
	/* Loading a selector into GS may have changed it. */
	native_wrmsrl(MSR_KERNEL_GS_BASE, current->thread.gsbase);
	sw->guest = false;
}

/**
 * switch_reload_msrs() - a value in vcpu->msr.switched[], or EFER.SCE, has changed
 * @vcpu: loaded
 */
void switch_reload_msrs(struct vcpu *vcpu)
{
	preempt_disable();
	switch_to_host(vcpu);
	vcpu->sw.chosen = false;
	preempt_enable();
	/* Whoever is about to enter again has to take the long way, which switches. */
	vcpu_request(vcpu, REQ_EVENT);
}

/**
 * switch_kernel_gs_base() - the guest's IA32_KERNEL_GS_BASE, wherever it is
 * @vcpu: loaded
 *
 * Return: pointer to its storage, from which the next entry takes it.
 */
u64 *switch_kernel_gs_base(struct vcpu *vcpu)
{
	switch_reload_msrs(vcpu);
	return &vcpu->msr.kernel_gs_base;
}

/**
 * switch_refresh() - host CR3 and CR4, which the scheduler and others change at any time
 * @vcpu: about to enter
 *
 * Context: interrupts off.
 */
void switch_refresh(struct vcpu *vcpu)
{
	struct vmcs_state *vmcs = vcpu->vmcs;
	unsigned long cr3 = __get_current_cr3_fast();
	unsigned long cr4 = cr4_read_shadow();

	if (unlikely(cr3 != vmcs->host_cr3)) {
		vmcs_writel(HOST_CR3, cr3);
		vmcs->host_cr3 = cr3;
	}
	if (unlikely(cr4 != vmcs->host_cr4)) {
		vmcs_writel(HOST_CR4, cr4);
		vmcs->host_cr4 = cr4;
	}
}
