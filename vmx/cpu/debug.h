/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's debug registers. SDM vol. 3B, 17.2. vcpu->mutex, vCPU loaded.
 */
#ifndef KVMLET_VMX_CPU_DEBUG_H
#define KVMLET_VMX_CPU_DEBUG_H

#include <linux/percpu.h>
#include <asm/processor.h>
#include <asm/debugreg.h>
#include "vmx/vcpu.h"

/* What asm/debugreg.h does not name. */
#define DR6_BD		BIT(13)		/* an access to a debug register, see DR7.GD */
#define DR6_BS		BIT(14)		/* single step */
#define DR6_BT		BIT(15)		/* task switch */
#define DR7_ARMED	0xffUL		/* L0 to G3 */
#define DR7_GD		BIT(13)		/* the next access to a debug register traps */

/* What a breakpoint may match, by DR7.RW. */
#define DEBUG_WRITE	(BIT(1) | BIT(3))
#define DEBUG_PORT	BIT(2)
#define DEBUG_READ	BIT(3)

void debug_reset(struct vcpu *vcpu);
void debug_arm(struct vcpu *vcpu);
void debug_lend(struct vcpu *vcpu, bool on);
unsigned long debug_dr6_of(unsigned long conditions);
unsigned long debug_access(struct vcpu *vcpu, unsigned long at, unsigned int len, u8 kinds);
void debug_deliver(struct vcpu *vcpu, unsigned long dr6);
unsigned long debug_get_dr(struct vcpu *vcpu, unsigned int nr);
int debug_set_dr(struct vcpu *vcpu, unsigned int nr, unsigned long value);
void debug_switch_in(struct vcpu *vcpu);
void debug_switch_out(struct vcpu *vcpu);

/* Has the guest, a debugger of it, or the host a breakpoint, or the guest all? Interrupts off. */
static inline bool debug_must_switch(const struct vcpu *vcpu)
{
	return (vcpu->armed_dr7 & DR7_ARMED) || vcpu->dr_lent || hw_breakpoint_active();
}

void debug_get(struct vcpu *vcpu, struct kvm_debugregs *regs);
int debug_set(struct vcpu *vcpu, const struct kvm_debugregs *regs);

#endif
