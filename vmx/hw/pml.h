/* SPDX-License-Identifier: GPL-2.0 */
/* Page-modification logging; see pml.c. */
#ifndef KVMLET_VMX_HW_PML_H
#define KVMLET_VMX_HW_PML_H

#include <linux/types.h>

struct vcpu;

#define PML_ENTRIES	512

bool pml_there(void);
int pml_create(struct vcpu *vcpu);
void pml_update(struct vcpu *vcpu);
void pml_drain(struct vcpu *vcpu);

#endif
