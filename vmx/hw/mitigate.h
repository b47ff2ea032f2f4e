/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Protections against speculative-execution problems that are run from C at a VM entry; the
 * ones that must stand next to the entry and exit instructions are in entry.S.
 */
#ifndef KVMLET_VMX_HW_MITIGATE_H
#define KVMLET_VMX_HW_MITIGATE_H

#include <linux/types.h>

struct vcpu;

int mitigate_init(void);
void mitigate_exit(void);
bool mitigate_nx_huge(void);
void mitigate_enter(struct vcpu *vcpu);
void mitigate_left(void);

#endif
