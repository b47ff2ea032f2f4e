/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Control registers and EFER, as the guest sees them, and what the VMCS holds for them.
 * SDM vol. 3A, 2.5; vol. 3C, 23.8, 25.3. vcpu->mutex, vCPU loaded.
 */
#ifndef KVMLET_VMX_CPU_CR_H
#define KVMLET_VMX_CPU_CR_H

#include "vmx/vcpu.h"

unsigned long cr0_get(struct vcpu *vcpu);
unsigned long cr4_get(struct vcpu *vcpu);
unsigned long cr3_get(struct vcpu *vcpu);
int cr0_set(struct vcpu *vcpu, unsigned long value);
int cr3_set(struct vcpu *vcpu, unsigned long value);
int cr4_set(struct vcpu *vcpu, unsigned long value);
int cr_set_efer(struct vcpu *vcpu, u64 value);
bool cr_sregs_valid(struct vcpu *vcpu, const struct kvm_sregs *sregs);
void cr_force(struct vcpu *vcpu, unsigned long cr0, unsigned long cr3, unsigned long cr4,
	      u64 efer);
void cr_cpuid_changed(struct vcpu *vcpu);
int cr_load_pdptrs(struct vcpu *vcpu);
void cr_get_pdptrs(u64 *pdpte);
void cr_set_pdptrs(const u64 *pdpte);
bool cr_state_runs(struct vcpu *vcpu);

/* PE and PG are never the guest's own, so vcpu->cr0 is right about them. */
static inline bool cr_protected(const struct vcpu *vcpu)
{
	return vcpu->cr0 & X86_CR0_PE;
}

static inline bool cr_pae_paging(unsigned long cr0, unsigned long cr4, u64 efer)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !(efer & EFER_LMA);
}

#endif
