/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System-management mode: how a vCPU gets in and out. vcpu->mutex, vCPU loaded, unless said
 * otherwise. SDM vol. 3C, ch. 34; AMD64 Architecture Programmer's Manual vol. 2, ch. 10.
 */
#ifndef KVMLET_VMX_CPU_SMM_H
#define KVMLET_VMX_CPU_SMM_H

#include <linux/types.h>

struct vcpu;

#define SMM_BASE_RESET	0x30000		/* SMBASE after power-on */

void vcpu_inject_smi(struct vcpu *vcpu);
int smm_switch(struct vcpu *vcpu, bool on);
int smm_serve(struct vcpu *vcpu);
int smm_leave(struct vcpu *vcpu);

#endif
