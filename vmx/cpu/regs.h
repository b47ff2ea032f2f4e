/* SPDX-License-Identifier: GPL-2.0 */
/*
 * General registers, RIP, RSP and RFLAGS. The last three live in the VMCS: they are read at
 * most once an exit and written back at most once an entry. vcpu->mutex, vCPU loaded.
 */
#ifndef KVMLET_VMX_CPU_REGS_H
#define KVMLET_VMX_CPU_REGS_H

#include <asm/processor-flags.h>
#include "vmx/vcpu.h"

static inline unsigned long vcpu_rip(struct vcpu *vcpu)
{
	if (!(vcpu->vmcs->cached & VMCS_CACHED_RIP)) {
		vcpu->rip = vmcs_readl(GUEST_RIP);
		vcpu->vmcs->cached |= VMCS_CACHED_RIP;
	}
	return vcpu->rip;
}

/* User space may have moved RIP, by a reset say: then the instruction that waits is no more. */
static inline bool vcpu_rip_moved(struct vcpu *vcpu)
{
	return vcpu_rip(vcpu) != vcpu->io_rip;
}

static inline void vcpu_set_rip(struct vcpu *vcpu, unsigned long rip)
{
	vcpu->rip = rip;
	vcpu->vmcs->cached |= VMCS_CACHED_RIP;
	vcpu->vmcs->dirty |= VMCS_CACHED_RIP;
}

static inline unsigned long vcpu_rflags(struct vcpu *vcpu)
{
	if (!(vcpu->vmcs->cached & VMCS_CACHED_RFLAGS)) {
		vcpu->rflags = vmcs_readl(GUEST_RFLAGS);
		vcpu->vmcs->cached |= VMCS_CACHED_RFLAGS;
	}
	return vcpu->rflags;
}

static inline void vcpu_set_rflags(struct vcpu *vcpu, unsigned long rflags)
{
	vcpu->rflags = rflags | X86_EFLAGS_FIXED;
	vcpu->vmcs->cached |= VMCS_CACHED_RFLAGS;
	vcpu->vmcs->dirty |= VMCS_CACHED_RFLAGS;
}

static inline unsigned long vcpu_gpr(struct vcpu *vcpu, unsigned int nr)
{
	nr = array_index_nospec(nr, NR_GPRS);
	if (nr == GPR_RSP && !(vcpu->vmcs->cached & VMCS_CACHED_RSP)) {
		vcpu->gpr[GPR_RSP] = vmcs_readl(GUEST_RSP);
		vcpu->vmcs->cached |= VMCS_CACHED_RSP;
	}
	return vcpu->gpr[nr];
}

static inline void vcpu_set_gpr(struct vcpu *vcpu, unsigned int nr, unsigned long value)
{
	nr = array_index_nospec(nr, NR_GPRS);
	vcpu->gpr[nr] = value;
	if (nr == GPR_RSP) {
		vcpu->vmcs->cached |= VMCS_CACHED_RSP;
		vcpu->vmcs->dirty |= VMCS_CACHED_RSP;
	}
}

/* A load of @size bytes into @nr, valid and not RSP: 1 or 2 leave the rest, 4 clear it. */
static inline void vcpu_merge_gpr(struct vcpu *vcpu, unsigned int nr, u64 value, unsigned int size)
{
	unsigned long mask = ~0UL >> (64 - 8 * size);

	vcpu->gpr[nr] = (size == 4 ? 0 : vcpu->gpr[nr] & ~mask) | (value & mask);
}

/* EDX:EAX as RDMSR, WRMSR and XSETBV use them. */
static inline u64 vcpu_edx_eax(struct vcpu *vcpu)
{
	return (u32)vcpu->gpr[GPR_RAX] | ((u64)(u32)vcpu->gpr[GPR_RDX] << 32);
}

static inline void vcpu_set_edx_eax(struct vcpu *vcpu, u64 value)
{
	vcpu->gpr[GPR_RAX] = (u32)value;
	vcpu->gpr[GPR_RDX] = value >> 32;
}

/* The one invalidation point of what an exit changed behind our back. */
static inline void vmcs_forget(struct vmcs_state *vmcs)
{
	vmcs->cached = 0;
}

/* Write back what handlers changed. Context: about to enter, interrupts off. */
static inline void regs_flush(struct vcpu *vcpu)
{
	u32 dirty = vcpu->vmcs->dirty;

	if (!dirty)
		return;
	if (dirty & VMCS_CACHED_RIP)
		vmcs_writel(GUEST_RIP, vcpu->rip);
	if (dirty & VMCS_CACHED_RSP)
		vmcs_writel(GUEST_RSP, vcpu->gpr[GPR_RSP]);
	if (dirty & VMCS_CACHED_RFLAGS)
		vmcs_writel(GUEST_RFLAGS, vcpu->rflags);
	vcpu->vmcs->dirty = 0;
}

void regs_get(struct vcpu *vcpu, struct kvm_regs *regs);
void regs_set(struct vcpu *vcpu, const struct kvm_regs *regs);
void sregs_get(struct vcpu *vcpu, struct kvm_sregs *sregs);
int sregs_set(struct vcpu *vcpu, const struct kvm_sregs *sregs);
void sregs2_get(struct vcpu *vcpu, struct kvm_sregs2 *sregs);
int sregs2_set(struct vcpu *vcpu, const struct kvm_sregs2 *sregs);

/* sync_regs.c: KVM_CAP_SYNC_REGS */
int sync_regs_in(struct vcpu *vcpu);
void sync_regs_out(struct vcpu *vcpu);

/* reset.c: what a processor is after power-on or INIT */
void reset_vcpu(struct vcpu *vcpu, bool init);
void reset_sipi(struct vcpu *vcpu, u8 vector);

#endif
