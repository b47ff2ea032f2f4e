// SPDX-License-Identifier: GPL-2.0
/*
 * What a processor is after power-on or INIT, as data, and the start of an application
 * processor by SIPI.
 *
 * vcpu->mutex, vCPU loaded. SDM vol. 3A, table 9-1 and 8.4.
 */
#include "vmx/cpu/cpuid_policy.h"
#include "vmx/cpu/cr.h"
#include "vmx/cpu/debug.h"
#include "vmx/cpu/regs.h"
#include "vmx/irqchip/irqchip.h"

#define RESET_CR0	(X86_CR0_CD | X86_CR0_NW | X86_CR0_ET)
#define RESET_RIP	0xfff0
#define RESET_SIGNATURE	0x600		/* EDX, where CPUID offers no leaf 1: family 6 */

#define DATA		.limit = 0xffff, .type = 3, .s = 1, .present = 1
#define SYSTEM(t)	.limit = 0xffff, .type = (t), .present = 1

static const struct kvm_segment reset_segments[NR_SEGMENTS] = {
	[SEG_ES]		= { DATA },
	[SEG_CS]		= { .base = 0xffff0000, .limit = 0xffff, .selector = 0xf000,
				    .type = 11, .s = 1, .present = 1 },
	[SEG_SS ... SEG_GS]	= { DATA },
	[SEG_LDTR]		= { SYSTEM(2) },
	[SEG_TR]		= { SYSTEM(11) },
};

static const struct kvm_dtable reset_dtable = { .base = 0, .limit = 0xffff };

static void reset_registers(struct vcpu *vcpu)
{
	const struct kvm_cpuid_entry2 *leaf1 = cpuid_lookup(&vcpu->cpuid, 1, 0);
	unsigned int i;

	for (i = 0; i < NR_GPRS; i++)
		vcpu_set_gpr(vcpu, i, 0);
	vcpu->gpr[GPR_RDX] = leaf1 ? leaf1->eax : RESET_SIGNATURE;
	vcpu_set_rip(vcpu, RESET_RIP);
	vcpu_set_rflags(vcpu, X86_EFLAGS_FIXED);
	vcpu->cr2 = 0;
	for (i = 0; i < NR_SEGMENTS; i++)
		segment_set(vcpu, i, &reset_segments[i]);
	dtable_set(vcpu, false, &reset_dtable);
	dtable_set(vcpu, true, &reset_dtable);
}

/**
 * reset_vcpu() - put a vCPU into its initial state
 * @vcpu: loaded
 * @init: by INIT rather than power-on: MSRs, CR0's cache bits and the FPU stay
 */
void reset_vcpu(struct vcpu *vcpu, bool init)
{
	unsigned long cr0 = RESET_CR0;

	if (init)
		cr0 = X86_CR0_ET | (cr0_get(vcpu) & (X86_CR0_CD | X86_CR0_NW));
	else	/* Nothing is in the VMCS yet. */
		vcpu->vmcs->cached |= VMCS_CACHED_CR0 | VMCS_CACHED_CR3 | VMCS_CACHED_CR4;
	reset_registers(vcpu);
	cr_force(vcpu, cr0, 0, 0, 0);
	debug_reset(vcpu);
	vmcs_write32(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmcs_write32(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	vmcs_writel(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	event_reset(vcpu);
	/* Memory that the guest shares ends with INIT, too. */
	vcpu->msr.steal_time = 0;
	lapic_set_pv_eoi(vcpu, 0);
	lapic_set_tpr_word(vcpu, 0);
	if (vcpu->lapic)
		lapic_reset(vcpu, init);
	if (!init) {
		msr_reset(vcpu);
		vcpu->xcr0 = XFEATURE_MASK_FP;
	}
	vcpu_request(vcpu, REQ_EVENT);
}

/**
 * reset_sipi() - start at the page that a SIPI names
 * @vcpu: loaded, after INIT
 * @vector: of the SIPI: bits 19:12 of the address
 */
void reset_sipi(struct vcpu *vcpu, u8 vector)
{
	struct kvm_segment cs;

	segment_get(vcpu, SEG_CS, &cs);
	cs.selector = vector << 8;
	cs.base = (u32)vector << 12;
	segment_set(vcpu, SEG_CS, &cs);
	vcpu_set_rip(vcpu, 0);
}
