/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The debugger in user space: KVM_SET_GUEST_DEBUG. vcpu->mutex, vCPU loaded.
 */
#ifndef KVMLET_VMX_CPU_DEBUGGER_H
#define KVMLET_VMX_CPU_DEBUGGER_H

#include <linux/kvm.h>

struct vcpu;

#define DEBUGGER_CONTROLS	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |	\
				 KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP |	\
				 KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP |	\
				 KVM_GUESTDBG_BLOCKIRQ)

struct vcpu_debugger {
	u32 control;			/* KVM_GUESTDBG_*, 0: there is none */
	unsigned long dr[4], dr7;	/* its breakpoints, with KVM_GUESTDBG_USE_HW_BP */
};

int debugger_set(struct vcpu *vcpu, const struct kvm_guest_debug *debug);
bool debugger_takes(const struct vcpu *vcpu);
int debugger_serve(struct vcpu *vcpu);
int debugger_breakpoint(struct vcpu *vcpu);

#endif
