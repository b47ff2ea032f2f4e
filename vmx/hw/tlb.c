// SPDX-License-Identifier: GPL-2.0
/*
 * Guest translations in the TLB: VPIDs, INVEPT and INVVPID. Flushes are as narrow as the
 * processor offers, and only on the CPU that calls; who must flush where is the caller's.
 * SDM vol. 3C, 28.3.
 */
#include <linux/idr.h>
#include <asm/asm.h>
#include "vmx/hw/controls.h"
#include "vmx/vcpu.h"

#define LAST_VPID	4095	/* more vCPUs than that run without one, at a TLB flush an exit */

static DEFINE_IDA(vpids);

/**
 * vpid_alloc() - take a virtual-processor identifier
 *
 * Context: may sleep.
 * Return: 0 if the processor has none, all are in use or memory is short: run without VPID then.
 */
u16 vpid_alloc(void)
{
	if (!(vmx_caps.proc2 & SECONDARY_EXEC_ENABLE_VPID))
		return 0;
	/* 0 is the host's. */
	return max(ida_alloc_range(&vpids, 1, LAST_VPID, GFP_KERNEL_ACCOUNT), 0);
}

/**
 * vpid_free() - give a VPID back
 * @vpid: from vpid_alloc(), 0 is fine
 *
 * Translations tagged with it may still be cached; whoever gets it next starts on each CPU
 * with a flush of its own EPT, and combined translations are tagged with that as well.
 */
void vpid_free(u16 vpid)
{
	if (vpid)
		ida_free(&vpids, vpid);
}

/* asm_invept() of an EPT pointer, asm_invvpid() of a VPID. */
#define FLUSH_INSTRUCTION(name)								\
static void asm_##name(unsigned long type, u64 context)					\
{											\
	struct { u64 context, address; } operand = { context, 0 };			\
											\
	asm volatile("1: " #name " %[operand], %[type]\n2:\n" _ASM_EXTABLE(1b, 2b)	\
		     : : [operand] "m" (operand), [type] "r" (type) : "cc", "memory");	\
}

FLUSH_INSTRUCTION(invept)
FLUSH_INSTRUCTION(invvpid)

/**
 * tlb_flush_ept() - drop every translation made through an EPT, on this CPU
 * @eptp: the EPT pointer as in the VMCS
 *
 * Context: preemption off, in VMX operation.
 */
void tlb_flush_ept(u64 eptp)
{
	if (caps_has(&vmx_caps, VMX_CAP_INVEPT_SINGLE))
		asm_invept(VMX_EPT_EXTENT_CONTEXT, eptp);
	else
		asm_invept(VMX_EPT_EXTENT_GLOBAL, 0);
}

/**
 * tlb_flush_guest() - drop a vCPU's translations, as its own write to a CR would have
 * @vcpu: loaded; moving to another CPU flushes there
 */
void tlb_flush_guest(struct vcpu *vcpu)
{
	/* Without a VPID each entry and exit flushes. */
	if (!vcpu->vpid)
		return;
	if (caps_has(&vmx_caps, VMX_CAP_INVVPID_SINGLE))
		asm_invvpid(VMX_VPID_EXTENT_SINGLE_CONTEXT, vcpu->vpid);
	else
		tlb_flush_ept(controls_eptp(vcpu->root->hpa));
}
