/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the processor is asked to do for a guest, and to keep from it: control words, bitmaps and
 * pointers, flushes of its translations, the log of its writes, protections against speculation.
 * SDM vol. 3C, 24.6 to 24.8, 28.2.6, 28.3.
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

/* tlb.c: VPIDs, INVEPT and INVVPID */
u16 vpid_alloc(void);
void vpid_free(u16 vpid);
void tlb_flush_ept(u64 eptp);
void tlb_flush_guest(struct vcpu *vcpu);

/* pml.c: page-modification logging */
#define PML_ENTRIES	512
bool pml_there(void);
int pml_create(struct vcpu *vcpu);
void pml_update(struct vcpu *vcpu);
void pml_drain(struct vcpu *vcpu);

/* mitigate.c: what is run from C at a VM entry; what must stand next to it is in entry.S */
int mitigate_init(void);
void mitigate_exit(void);
bool mitigate_nx_huge(void);
void mitigate_enter(struct vcpu *vcpu);
void mitigate_left(void);

#endif
