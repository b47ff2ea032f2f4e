// SPDX-License-Identifier: GPL-2.0
/*
 * What a VMCS is told once: control words, bitmaps, pointers. The words come from the
 * capability table; here stand the few decisions that depend on the VM or on a parameter.
 *
 * All state is constant after controls_init(). SDM vol. 3C, 24.6 to 24.8.
 */
#include <linux/gfp.h>
#include <linux/moduleparam.h>
#include <asm/apicdef.h>
#include <asm/msr-index.h>
#include <asm/traps.h>
#include "vmx/compat.h"
#include "vmx/hw/controls.h"
#include "vmx/hw/enable.h"
#include "vmx/irqchip/irqchip.h"
#include "vmx/irqchip/lapic_logic.h"
#include "vmx/vcpu.h"

static uint slice;
module_param(slice, uint, 0444);
/* Only for an emulated host, which may lose its interrupts while a guest runs. */
MODULE_PARM_DESC(slice, "bound of a stay in the guest, in VMX-preemption-timer ticks; 0: none");

static bool apicv = true;
module_param(apicv, bool, 0444);
MODULE_PARM_DESC(apicv, "the processor's help for LAPICs, beyond the task priority (default 1)");

/*
 * MSRs that the guest may access itself: the VMCS or switch.c holds its values, and no value
 * that the processor accepts harms the host.
 */
static const u32 passed_through[] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
};

/* A loop of PAUSEs no further apart than the gap, and longer than the window, waits for another. */
#define PAUSE_GAP	128
#define PAUSE_WINDOW	4096

#define XAPIC_DEFAULT	(APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE)
#define BITMAPS_BYTES	(3 * PAGE_SIZE)	/* of those below, one after the other */

/* One lets those through, one also an x2APIC's; one, for a guest with a filter, none. */
static unsigned long *msr_bitmap, *msr_bitmap_x2apic, *msr_bitmap_none;

/* SDM 24.6.9: four bitmaps of 1 KiB: reads low, reads high, writes low, writes high. */
static void allow(unsigned long *bitmap, u32 msr, bool write)
{
	unsigned long bit = msr & 0x1fff;

	if (msr >= 0xc0000000)
		bit += 1024 * 8;
	if (write)
		bit += 2048 * 8;
	__clear_bit(bit, bitmap);
}

/**
 * controls_help() - may the processor help with LAPICs in this way?
 * @cap: VMX_CAP_*
 */
bool controls_help(enum vmx_cap cap)
{
	return apicv && caps_has(&vmx_caps, cap);
}

/*
 * What an x2APIC's guest reads and writes in the LAPIC's page itself. Not there are the timer's
 * count, the upper half of ICR, and the PPR unless the processor keeps it.
 */
static void allow_x2apic(unsigned long *bitmap)
{
	bool delivers = controls_help(VMX_CAP_VIRT_INTR_DELIVERY);
	unsigned int i;

	for (i = 0; i < LAPIC_REGS && controls_help(VMX_CAP_APIC_REG_VIRT); i++)
		if ((lapic_regs[i].access & LAPIC_READ_X2APIC) &&
		    i != APIC_TMCCT / LAPIC_STRIDE && i != APIC_ICR / LAPIC_STRIDE &&
		    (delivers || i != APIC_PROCPRI / LAPIC_STRIDE))
			allow(bitmap, APIC_BASE_MSR + i, false);
	allow(bitmap, APIC_BASE_MSR + APIC_TASKPRI / LAPIC_STRIDE, false);
	allow(bitmap, APIC_BASE_MSR + APIC_TASKPRI / LAPIC_STRIDE, true);
	if (delivers) {
		allow(bitmap, APIC_BASE_MSR + APIC_EOI / LAPIC_STRIDE, true);
		allow(bitmap, APIC_BASE_MSR + APIC_SELF_IPI / LAPIC_STRIDE, true);
	}
}

/**
 * controls_init() - make the MSR bitmaps
 *
 * Return: 0 or -ENOMEM.
 */
int controls_init(void)
{
	unsigned int i;

	msr_bitmap = alloc_pages_exact(BITMAPS_BYTES, GFP_KERNEL);
	if (!msr_bitmap)
		return -ENOMEM;
	msr_bitmap_x2apic = msr_bitmap + PAGE_SIZE / sizeof(long);
	msr_bitmap_none = msr_bitmap_x2apic + PAGE_SIZE / sizeof(long);
	memset(msr_bitmap, 0xff, BITMAPS_BYTES);
	for (i = 0; i < ARRAY_SIZE(passed_through); i++) {
		allow(msr_bitmap, passed_through[i], false);
		allow(msr_bitmap, passed_through[i], true);
	}
	/* A read has the TSC offset applied; a write must change that, so it exits. */
	allow(msr_bitmap, MSR_IA32_TSC, false);
	memcpy(msr_bitmap_x2apic, msr_bitmap, PAGE_SIZE);
	allow_x2apic(msr_bitmap_x2apic);
	return 0;
}

/**
 * controls_exit() - undo controls_init()
 */
void controls_exit(void)
{
	free_pages_exact(msr_bitmap, BITMAPS_BYTES);
}

/**
 * controls_eptp() - the EPT pointer for a root table
 * @root_hpa: its host-physical address
 *
 * Return: the VMCS field's value (SDM 24.6.11).
 */
u64 controls_eptp(u64 root_hpa)
{
	u64 eptp = root_hpa | VMX_EPTP_MT_WB | VMX_EPTP_PWL_4;

	if (caps_has(&vmx_caps, VMX_CAP_EPT_AD))
		eptp |= VMX_EPTP_AD_ENABLE_BIT;
	return eptp;
}

static void choose(struct vcpu *vcpu)
{
	struct vmcs_state *vmcs = vcpu->vmcs;

	vmcs->pin = vmx_caps.pin;
	vmcs->proc = vmx_caps.proc | CPU_BASED_MOV_DR_EXITING;
	/* CR8 is the TPR of the LAPIC's page, or user space's. */
	if (!vcpu->lapic)
		vmcs->proc = (vmcs->proc & ~CPU_BASED_TPR_SHADOW) | CPU_BASED_CR8_LOAD_EXITING |
			     CPU_BASED_CR8_STORE_EXITING;
	vmcs->proc2 = vmx_caps.proc2;
	if (vcpu->lapic && controls_help(VMX_CAP_APIC_REG_VIRT))
		vmcs->proc2 |= SECONDARY_EXEC_APIC_REGISTER_VIRT;
	if (vcpu->lapic && controls_help(VMX_CAP_VIRT_INTR_DELIVERY))
		vmcs->proc2 |= SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY;
	vmcs->exit = vmx_caps.exit;
	if (vcpu->lapic && controls_help(VMX_CAP_POSTED_INTR) && compat_may_post()) {
		vmcs->pin |= PIN_BASED_POSTED_INTR;
		vmcs->exit |= VM_EXIT_ACK_INTR_ON_EXIT;
	}
	vmcs->entry = vmx_caps.entry;
	if (!vcpu->vpid)
		vmcs->proc2 &= ~SECONDARY_EXEC_ENABLE_VPID;
	if (slice && caps_has(&vmx_caps, VMX_CAP_PREEMPTION_TIMER))
		vmcs->pin |= PIN_BASED_VMX_PREEMPTION_TIMER;
	/*
	 * #DB and #AC always: a guest that makes the delivery of one raise the next would
	 * keep the core for ever. #MC is the host's, #BP a debugger's (debugger.c). #PF never:
	 * EPT needs none, and a guest's narrower addresses are not emulated. #UD in SMM only, for
	 * RSM (smm.c). Nor #NM, since FPU state is never lazy.
	 */
	vmcs->exceptions = BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC) | BIT(X86_TRAP_MC);
}

/* Instructions that a control makes #UD where it is off, or an exit where it is on. */
static const struct {
	unsigned int cap;
	u32 control;
	enum cpuid_feature feature;
	bool exits;
} hidden[] = {
	{ VMX_CAP_RDTSCP, SECONDARY_EXEC_ENABLE_RDTSCP, CPUID_RDTSCP, false },
	{ VMX_CAP_INVPCID, SECONDARY_EXEC_ENABLE_INVPCID, CPUID_INVPCID, false },
	{ VMX_CAP_XSAVES, SECONDARY_EXEC_XSAVES, CPUID_XSAVES, false },
	{ VMX_CAP_ENCLS_EXITING, SECONDARY_EXEC_ENCLS_EXITING, CPUID_SGX, true },
	{ VMX_CAP_RDRAND_EXITING, SECONDARY_EXEC_RDRAND_EXITING, CPUID_RDRAND, true },
	{ VMX_CAP_RDSEED_EXITING, SECONDARY_EXEC_RDSEED_EXITING, CPUID_RDSEED, true },
};

/**
 * controls_set_cpuid() - what the guest's CPUID hides, and a control can take away, is #UD
 * @vcpu: loaded
 */
void controls_set_cpuid(struct vcpu *vcpu)
{
	u32 proc2 = vcpu->vmcs->proc2;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hidden); i++) {
		proc2 &= ~hidden[i].control;
		if (caps_has(&vmx_caps, hidden[i].cap) &&
		    cpuid_has(&vcpu->cpuid, hidden[i].feature) != hidden[i].exits)
			proc2 |= hidden[i].control;
	}
	/* RDPID has the same control. */
	if (cpuid_has(&vcpu->cpuid, CPUID_RDPID))
		proc2 |= vmx_caps.proc2 & SECONDARY_EXEC_ENABLE_RDTSCP;
	vcpu->vmcs->proc2 = proc2;
	vmcs_write32(SECONDARY_VM_EXEC_CONTROL, proc2);
}

/**
 * controls_set_msr_bitmap() - REQ_MSR_FILTER: which MSRs the guest may access without an exit
 * @vcpu: loaded
 */
void controls_set_msr_bitmap(struct vcpu *vcpu)
{
	bool pass = msr_filter_passes(vcpu->vm, passed_through, ARRAY_SIZE(passed_through)) &&
		    msr_filter_allows(vcpu->vm, MSR_IA32_TSC, false);
	bool x2apic = vcpu->vmcs->proc2 & SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE;

	if (vcpu->vmcs->proc & CPU_BASED_USE_MSR_BITMAPS)
		vmcs_write64(MSR_BITMAP, __pa(!pass ? msr_bitmap_none :
					      x2apic ? msr_bitmap_x2apic : msr_bitmap));
}

/**
 * controls_set_lapic() - after IA32_APIC_BASE: what of a LAPIC does the processor do itself?
 * @vcpu: loaded
 *
 * In x2APIC mode that is MSRs, in xAPIC mode a page at the usual address. SDM vol. 3C, 29.4, 29.5.
 */
void controls_set_lapic(struct vcpu *vcpu)
{
	const u32 both = SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE |
			 SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES;
	u64 base = vcpu->apic_base & ~(u64)MSR_IA32_APICBASE_BSP;
	u32 old = vcpu->vmcs->proc2, new = old & ~both;

	if (!(vcpu->vmcs->proc & CPU_BASED_TPR_SHADOW))
		return;
	if ((base & X2APIC_ENABLE) && caps_has(&vmx_caps, VMX_CAP_VIRT_X2APIC))
		new |= SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE;
	else if (base == XAPIC_DEFAULT && vcpu->vm->mmu.own_hpa)
		new |= SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES;
	if (new == old)
		return;
	vcpu->vmcs->proc2 = new;
	vmcs_write32(SECONDARY_VM_EXEC_CONTROL, new);
	controls_set_msr_bitmap(vcpu);
	if (old & ~new & SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES)
		mmu_unmap_all(&vcpu->vm->mmu, vcpu->vm->mmu.own_gfn, vcpu->vm->mmu.own_gfn + 1);
	/* It may have translated the page as any other. */
	vcpu_request(vcpu, REQ_TLB_FLUSH);
}

/**
 * controls_entries() - how often the guest is entered before the host's interrupts must be let in
 *
 * The processor ends a stay for them, but for the emulated one that needs a slice, too, whose timer
 * begins anew with each entry. Return: at least 1.
 */
unsigned int controls_entries(void)
{
	return slice ? 256 : UINT_MAX;
}

/* Where the processor finds the LAPIC that it helps with. */
static void setup_lapic(struct vcpu *vcpu)
{
	struct vmcs_state *vmcs = vcpu->vmcs;

	if (vmcs->proc & CPU_BASED_TPR_SHADOW) {
		vmcs_write64(VIRTUAL_APIC_PAGE_ADDR, lapic_page(vcpu));
		vmcs_write32(TPR_THRESHOLD, 0);
	}
	if (vmcs->pin & PIN_BASED_POSTED_INTR) {
		vmcs_write16(POSTED_INTR_NV, POSTED_INTR_VECTOR);
		vmcs_write64(POSTED_INTR_DESC_ADDR, lapic_posts(vcpu));
	}
	if (vcpu->vm->mmu.own_hpa)
		vmcs_write64(APIC_ACCESS_ADDR, vcpu->vm->mmu.own_hpa);
}

/**
 * controls_setup() - write the fields that stay as they are
 * @vcpu: loaded, its VMCS new, its root made
 */
void controls_setup(struct vcpu *vcpu)
{
	struct vmcs_state *vmcs = vcpu->vmcs;

	choose(vcpu);
	vmcs_write32(PIN_BASED_VM_EXEC_CONTROL, vmcs->pin);
	vmcs_write32(CPU_BASED_VM_EXEC_CONTROL, vmcs->proc);
	controls_set_cpuid(vcpu);
	vmcs_write32(VM_EXIT_CONTROLS, vmcs->exit);
	vmcs_write32(VM_ENTRY_CONTROLS, vmcs->entry);
	vmcs_write32(EXCEPTION_BITMAP, vmcs->exceptions);
	vmcs_write32(PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmcs_write32(PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmcs_write32(CR3_TARGET_COUNT, 0);
	vmcs_write32(VM_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write32(VM_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write32(VM_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write32(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmcs_write64(VMCS_LINK_POINTER, ~0ULL);
	vmcs_write64(EPT_POINTER, controls_eptp(vcpu->root->hpa));
	if (vcpu->vpid)
		vmcs_write16(VIRTUAL_PROCESSOR_ID, vcpu->vpid);
	controls_set_msr_bitmap(vcpu);
	setup_lapic(vcpu);
	if (caps_has(&vmx_caps, VMX_CAP_XSAVES))
		vmcs_write64(XSS_EXIT_BITMAP, 0);
	if (caps_has(&vmx_caps, VMX_CAP_ENCLS_EXITING))
		vmcs_write64(ENCLS_EXITING_BITMAP, ~0ULL);
	if (vmcs->proc2 & SECONDARY_EXEC_PAUSE_LOOP_EXITING) {
		vmcs_write32(PLE_GAP, PAUSE_GAP);
		vmcs_write32(PLE_WINDOW, PAUSE_WINDOW);
	}
	if (vmcs->pin & PIN_BASED_VMX_PREEMPTION_TIMER)
		vmcs_write32(VMX_PREEMPTION_TIMER_VALUE, slice);
	switch_setup(vcpu);
}
