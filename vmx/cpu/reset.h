/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a processor is after power-on or INIT. SDM vol. 3A, table 9-1.
 */
#ifndef KVMLET_VMX_CPU_RESET_H
#define KVMLET_VMX_CPU_RESET_H

#include <linux/types.h>

struct vcpu;

void reset_vcpu(struct vcpu *vcpu, bool init);
void reset_sipi(struct vcpu *vcpu, u8 vector);

#endif
