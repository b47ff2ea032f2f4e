/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For tests only: one VMWRITE before the next VM entry, so that the processor refuses it, or
 * another reason for the next CPUID.
 */
#ifndef KVMLET_VMX_PLANT_H
#define KVMLET_VMX_PLANT_H

#include <linux/jump_label.h>

struct dentry;
struct vcpu;

DECLARE_STATIC_KEY_FALSE(plant_key);

void plant_init(struct dentry *dir);
void plant_write(struct vcpu *vcpu);
void plant_reason(struct vcpu *vcpu);
void plant_undo(struct vcpu *vcpu);

/**
 * plant_before_entry() - the last word on the VMCS, if a test has one
 * @vcpu: about to enter, everything is set up
 *
 * Context: interrupts off. Costs a no-op unless the module was loaded with test=1.
 */
static __always_inline void plant_before_entry(struct vcpu *vcpu)
{
	if (static_branch_unlikely(&plant_key))
		plant_write(vcpu);
}

/**
 * plant_after_exit() - the last word on the exit's reason, if a test has one
 * @vcpu: that has exited
 *
 * Costs a no-op unless the module was loaded with test=1.
 */
static __always_inline void plant_after_exit(struct vcpu *vcpu)
{
	if (static_branch_unlikely(&plant_key))
		plant_reason(vcpu);
}

#endif
