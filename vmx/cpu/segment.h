/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Segment and descriptor-table registers, as the guest sees them. SDM vol. 3A, 3.4;
 * vol. 3C, 24.4.1. vcpu->mutex, vCPU loaded.
 */
#ifndef KVMLET_VMX_CPU_SEGMENT_H
#define KVMLET_VMX_CPU_SEGMENT_H

#include <linux/kvm.h>

struct vcpu;

/* As instructions number them; the two system segments follow. */
enum segment_nr { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, NR_SEGMENTS };

void segment_get(struct vcpu *vcpu, unsigned int nr, struct kvm_segment *seg);
void segment_set(struct vcpu *vcpu, unsigned int nr, const struct kvm_segment *seg);
u32 segment_ar(const struct kvm_segment *seg);
void segment_from_ar(struct kvm_segment *seg, u32 ar);
void dtable_get(struct vcpu *vcpu, bool idt, struct kvm_dtable *table);
void dtable_set(struct vcpu *vcpu, bool idt, const struct kvm_dtable *table);
unsigned int segment_cpl(struct vcpu *vcpu);
bool segment_cs_long(struct vcpu *vcpu);
void segment_fix_tr(struct vcpu *vcpu);

#endif
