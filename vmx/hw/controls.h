/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a VMCS is told once: control words, bitmaps, pointers. SDM vol. 3C, 24.6 to 24.8.
 */
#ifndef KVMLET_VMX_HW_CONTROLS_H
#define KVMLET_VMX_HW_CONTROLS_H

#include "vmx/hw/caps.h"

struct vcpu;

int controls_init(void);
void controls_exit(void);
void controls_setup(struct vcpu *vcpu);
void controls_set_cpuid(struct vcpu *vcpu);
void controls_set_msr_bitmap(struct vcpu *vcpu);
void controls_set_lapic(struct vcpu *vcpu);
bool controls_help(enum vmx_cap cap);
unsigned int controls_entries(void);
u64 controls_eptp(u64 root_hpa);

#endif
