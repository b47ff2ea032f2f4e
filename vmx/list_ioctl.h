/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ioctls whose argument is a counted list: CPUID entries, MSRs, MSR indices.
 */
#ifndef KVMLET_VMX_LIST_IOCTL_H
#define KVMLET_VMX_LIST_IOCTL_H

#include "vmx/cpu/cpuid.h"

struct vcpu;

int list_cpuid(struct vcpu *vcpu, void __user *arg,
	       int (*fill)(struct vcpu *vcpu, struct kvm_cpuid_entry2 *out, u32 *nent));
int list_set_cpuid2(struct vcpu *vcpu, void __user *arg);
int list_indices(void __user *arg, u16 flag);
int list_get_feature_msrs(void __user *arg);
int list_get_msrs(struct vcpu *vcpu, void __user *arg);
int list_set_msrs(struct vcpu *vcpu, void __user *arg);

#endif
