/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Extended state: FPU, SSE, AVX, XCR0, XSS, PKRU. The registers themselves are swapped with the
 * host's for the length of KVM_RUN; the control registers around each entry.
 * SDM vol. 1, 13; vol. 3C, 25.6.
 */
#ifndef KVMLET_VMX_CPU_XSTATE_H
#define KVMLET_VMX_CPU_XSTATE_H

#include <linux/kvm.h>
#include <linux/types.h>
#include <asm/page_types.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>

struct vcpu;

struct vcpu_xstate {
	struct fpu_guest fpu;		/* buffer managed by the host's FPU code */
	u32 pkru;			/* the guest's, while the host runs */
	u32 host_pkru;			/* the host's, while the guest runs */
};

int xstate_init(void);
u64 xstate_host_xcr0(void);
int xstate_create(struct vcpu *vcpu);
void xstate_destroy(struct vcpu *vcpu);
void xstate_enter(struct vcpu *vcpu);
void xstate_leave(struct vcpu *vcpu);
int xstate_set_xcr0(struct vcpu *vcpu, u64 value);
int xstate_get_fpu(struct vcpu *vcpu, struct kvm_fpu *fpu);
int xstate_set_fpu(struct vcpu *vcpu, const struct kvm_fpu *fpu);
int xstate_get_xsave(struct vcpu *vcpu, struct kvm_xsave *xsave);
int xstate_set_xsave(struct vcpu *vcpu, const struct kvm_xsave *xsave);
int xstate_get_xcrs(struct vcpu *vcpu, struct kvm_xcrs *xcrs);
int xstate_set_xcrs(struct vcpu *vcpu, const struct kvm_xcrs *xcrs);
void xstate_read_xmm(struct vcpu *vcpu, unsigned int nr, void *value);
void xstate_write_xmm(struct vcpu *vcpu, unsigned int nr, const void *value);
int xstate_write_vex(struct vcpu *vcpu, unsigned int nr, const void *value);

/* In KVM_RUN, before the first entry: make the guest's registers the thread's; PKRU is apart. */
static inline void xstate_load_fpu(struct vcpu_xstate *xstate)
{
	fpu_swap_kvm_fpstate(&xstate->fpu, true);
}

/* Undo it, after the last exit. */
static inline void xstate_put_fpu(struct vcpu_xstate *xstate)
{
	fpu_swap_kvm_fpstate(&xstate->fpu, false);
}

#endif
