/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Linear addresses of a guest, translated as its processor would. vcpu->mutex, vCPU loaded.
 */
#ifndef KVMLET_VMX_CPU_LINEAR_H
#define KVMLET_VMX_CPU_LINEAR_H

#include <linux/kvm_types.h>
#include <linux/types.h>
#include "mmu/mmu.h"

struct vcpu;

/* The last instruction fetch in 64-bit mode: where, and what decided what came of it. */
struct linear_fetch {
	unsigned long rip;
	unsigned int access;
	u64 cr3, cr4, efer;
	gpa_t gpa;
	struct mmu_watch watch;	/* entries of page tables, and the code; empty: there was none */
};

void linear_note_code(struct vcpu *vcpu, const u8 *bytes, unsigned int len);
bool linear_same_code(struct vcpu *vcpu, unsigned long rip, unsigned int access);
int linear_to_gpa(struct vcpu *vcpu, unsigned long address, unsigned int access, gpa_t *gpa,
		  u32 *error_code);

#endif
