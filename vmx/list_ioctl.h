/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ioctls whose argument is a counted list: CPUID entries, MSRs, MSR indices.
 */
#ifndef KVMLET_VMX_LIST_IOCTL_H
#define KVMLET_VMX_LIST_IOCTL_H

struct vcpu;

int list_supported_cpuid(void __user *arg);
int list_emulated_cpuid(void __user *arg);
int list_get_cpuid2(struct vcpu *vcpu, void __user *arg);
int list_set_cpuid2(struct vcpu *vcpu, void __user *arg);
int list_msr_indices(void __user *arg);
int list_msr_features(void __user *arg);
int list_get_feature_msrs(void __user *arg);
int list_get_msrs(struct vcpu *vcpu, void __user *arg);
int list_set_msrs(struct vcpu *vcpu, void __user *arg);

#endif
