/* SPDX-License-Identifier: GPL-2.0 */
/* Machine checks of a guest: mce.c. */
#ifndef KVMLET_VMX_CPU_MCE_H
#define KVMLET_VMX_CPU_MCE_H

#include <linux/types.h>

struct kvm_x86_mce;
struct vcpu;

int mce_supported(u64 *mcg_cap);
int mce_set_banks(struct vcpu *vcpu, u64 mcg_cap);
int mce_report(struct vcpu *vcpu, const struct kvm_x86_mce *mce);

#endif
