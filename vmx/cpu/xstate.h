/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Extended state: FPU, SSE, AVX, XCR0, XSS, PKRU. The registers themselves are swapped with the
 * thread's from the first entry of KVM_RUN to its end; the control registers around each entry.
 * SDM vol. 1, 13; vol. 3C, 25.6.
 */
#ifndef KVMLET_VMX_CPU_XSTATE_H
#define KVMLET_VMX_CPU_XSTATE_H

#include <linux/kvm.h>
#include <asm/page_types.h>
#include <asm/fpu/types.h>

struct vcpu;

struct vcpu_xstate {
	struct xregs_state *guest;	/* the guest's, unless loaded; a page each */
	struct xregs_state *thread;	/* the thread's own, while the guest's are loaded */
	bool loaded;
	u32 pkru;			/* the guest's, while the host runs */
	u32 host_pkru;			/* the host's, while the guest runs */
};

int xstate_init(void);
u64 xstate_host_xcr0(void);
int xstate_create(struct vcpu *vcpu);
void xstate_put_fpu(struct vcpu *vcpu);
void xstate_enter(struct vcpu *vcpu);
void xstate_leave(struct vcpu *vcpu);
int xstate_set_xcr0(struct vcpu *vcpu, u64 value);
void xstate_get_fpu(struct vcpu *vcpu, struct kvm_fpu *fpu);
int xstate_set_fpu(struct vcpu *vcpu, const struct kvm_fpu *fpu);
int xstate_get_xsave(struct vcpu *vcpu, struct kvm_xsave __user *xsave);
int xstate_set_xsave(struct vcpu *vcpu, const struct kvm_xsave *xsave);
int xstate_get_xcrs(struct vcpu *vcpu, struct kvm_xcrs *xcrs);
int xstate_set_xcrs(struct vcpu *vcpu, const struct kvm_xcrs *xcrs);
void xstate_read_xmm(struct vcpu *vcpu, unsigned int nr, void *value);
void xstate_write_xmm(struct vcpu *vcpu, unsigned int nr, const void *value, bool vex);

#endif
