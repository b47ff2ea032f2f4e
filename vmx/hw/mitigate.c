// SPDX-License-Identifier: GPL-2.0
/*
 * Protections against speculative-execution problems that are run from C: the L1D flush
 * (L1TF), the branch predictor barrier between guests is in vmcs_load(), and the request for
 * one before the monitor's own code (VMSCAPE). They follow the kernel's own switches.
 *
 * All state is constant after mitigate_init().
 */
#include <linux/gfp.h>
#include <linux/cpu.h>
#include <linux/jump_label.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>
#include <asm/hardirq.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/processor.h>
#include "vmx/compat.h"
#include "vmx/hw/controls.h"
#include "vmx/vcpu.h"

/* The software flush reads this much, which displaces the whole of any L1D cache. */
#define L1D_ORDER	4
#define L1D_BYTES	(PAGE_SIZE << L1D_ORDER)
#define L1D_LINE	64

static int nx_huge = -1;
module_param(nx_huge, int, 0444);
MODULE_PARM_DESC(nx_huge, "huge pages not executable: 1, 0, or -1: where ITLB multihit needs it");

static DEFINE_STATIC_KEY_FALSE(l1d_flush);
static DEFINE_STATIC_KEY_FALSE(l1d_flush_always);
static char *l1d_pages;

static enum vmx_l1d_flush_state l1d_policy(void)
{
	u64 arch_caps = 0;

	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, arch_caps);
	if (!boot_cpu_has_bug(X86_BUG_L1TF) || (arch_caps & ARCH_CAP_SKIP_VMENTRY_L1DFLUSH))
		return VMENTER_L1D_FLUSH_NOT_REQUIRED;

	switch (l1tf_mitigation) {
	case L1TF_MITIGATION_OFF:
		return VMENTER_L1D_FLUSH_NEVER;
	case L1TF_MITIGATION_FULL:
	case L1TF_MITIGATION_FULL_FORCE:
		return VMENTER_L1D_FLUSH_ALWAYS;
	default:
		return VMENTER_L1D_FLUSH_COND;
	}
}

/* Each page another pattern: a hypervisor around this host may merge pages that are equal. */
static char *alloc_l1d_pages(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, L1D_ORDER);
	char *pages = page ? page_address(page) : NULL;
	unsigned int i;

	for (i = 0; pages && i < BIT(L1D_ORDER); i++)
		memset(pages + i * PAGE_SIZE, i + 1, PAGE_SIZE);
	return pages;
}

/**
 * mitigate_init() - choose what this machine needs, and tell the kernel's sysfs pages
 *
 * Return: 0 or -ENOMEM.
 */
int mitigate_init(void)
{
	enum vmx_l1d_flush_state policy = l1d_policy();

	if (policy == VMENTER_L1D_FLUSH_COND || policy == VMENTER_L1D_FLUSH_ALWAYS) {
		l1d_pages = alloc_l1d_pages();
		if (!l1d_pages)
			return -ENOMEM;
		static_branch_enable(&l1d_flush);
		if (policy == VMENTER_L1D_FLUSH_ALWAYS)
			static_branch_enable(&l1d_flush_always);
	}
	l1tf_vmx_mitigation = policy;
	itlb_multihit_kvm_mitigation = mitigate_nx_huge();
	return 0;
}

/**
 * mitigate_nx_huge() - must a guest have no huge page that is executable (ITLB multihit)?
 */
bool mitigate_nx_huge(void)
{
	if (nx_huge >= 0)
		return nx_huge;
	return boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT) && !cpu_mitigations_off();
}

/**
 * mitigate_exit() - undo mitigate_init()
 */
void mitigate_exit(void)
{
	itlb_multihit_kvm_mitigation = false;
	l1tf_vmx_mitigation = VMENTER_L1D_FLUSH_AUTO;
	free_pages((unsigned long)l1d_pages, L1D_ORDER);
}

static noinstr void flush_l1d(void)
{
	size_t i;

	if (static_cpu_has(X86_FEATURE_FLUSH_L1D)) {
		native_wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
		return;
	}
	/* Once a page for the TLB, so that the second pass has no page walks in between. */
	for (i = 0; i < L1D_BYTES; i += PAGE_SIZE)
		READ_ONCE(l1d_pages[i]);
	barrier_nospec();
	for (i = 0; i < L1D_BYTES; i += L1D_LINE)
		READ_ONCE(l1d_pages[i]);
	barrier_nospec();
}

/**
 * mitigate_enter() - what must be done right before a VM entry
 * @vcpu: about to enter
 *
 * The conditional flush is for entries after which the L1D cache may hold what is not the
 * guest's: the vCPU was loaded anew, the kernel emulated for it, an interrupt came by.
 * A processor that leaks by MMIO alone needs its buffers cleared only for guests that reach
 * devices; for other leaks of the buffers entry.S does it, and flushing L1D does it, too.
 * Context: interrupts off; last C code but the entry itself.
 */
noinstr void mitigate_enter(struct vcpu *vcpu)
{
	if (!static_branch_unlikely(&l1d_flush)) {
		if (compat_mmio_leaks() && READ_ONCE(vcpu->vm->mmu.maps_devices))
			x86_clear_cpu_buffers();
		return;
	}
	if (!static_branch_unlikely(&l1d_flush_always)) {
		if (!vcpu->flush_l1d && !kvm_get_cpu_l1tf_flush_l1d())
			return;
		vcpu->flush_l1d = false;
		kvm_clear_cpu_l1tf_flush_l1d();
	}
	flush_l1d();
}

/**
 * mitigate_left() - after a VM exit: the monitor's process may not be steered by its guest
 *
 * Context: interrupts off.
 */
noinstr void mitigate_left(void)
{
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
}
