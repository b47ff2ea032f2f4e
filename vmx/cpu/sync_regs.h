/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM_CAP_SYNC_REGS. vcpu->mutex, vCPU loaded.
 */
#ifndef KVMLET_VMX_CPU_SYNC_REGS_H
#define KVMLET_VMX_CPU_SYNC_REGS_H

struct vcpu;

int sync_regs_in(struct vcpu *vcpu);
void sync_regs_out(struct vcpu *vcpu);

#endif
