/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest translations in the TLB: VPIDs, INVEPT and INVVPID. SDM vol. 3C, 28.3.
 */
#ifndef KVMLET_VMX_HW_TLB_H
#define KVMLET_VMX_HW_TLB_H

#include <linux/types.h>

struct vcpu;

u16 vpid_alloc(void);
void vpid_free(u16 vpid);
void tlb_flush_ept(u64 eptp);
void tlb_flush_guest(struct vcpu *vcpu);

#endif
