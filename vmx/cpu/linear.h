/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Linear addresses of a guest, translated as its processor would. vcpu->mutex, vCPU loaded.
 */
#ifndef KVMLET_VMX_CPU_LINEAR_H
#define KVMLET_VMX_CPU_LINEAR_H

#include <linux/kvm_types.h>
#include <linux/types.h>

struct vcpu;

int linear_to_gpa(struct vcpu *vcpu, unsigned long address, unsigned int access, gpa_t *gpa,
		  u32 *error_code);

#endif
