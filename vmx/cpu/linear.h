/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Linear addresses of a guest, translated as its processor would. vcpu->mutex, vCPU loaded.
 */
#ifndef KVMLET_VMX_CPU_LINEAR_H
#define KVMLET_VMX_CPU_LINEAR_H

#include <linux/kvm_types.h>
#include "mmu/mmu.h"

struct vcpu;

/* An instruction fetch in 64-bit mode: where, and what decided what came of it. */
struct linear_fetch {
	unsigned long rip;
	unsigned int access;
	bool noted;		/* the code is among what is watched */
	u64 cr3, cr4, efer;
	gpa_t gpa;
	struct mmu_watch watch;	/* entries of page tables, and the code */
};

#define LINEAR_FETCHES	8

/* Which of vcpu->fetch is for an address. */
static inline unsigned int linear_place(unsigned long rip)
{
	return (rip ^ rip >> 4) % LINEAR_FETCHES;
}

void linear_note_code(struct vcpu *vcpu, unsigned long rip, const u8 *bytes, unsigned int len);
bool linear_code_stands(struct vcpu *vcpu, const struct linear_fetch *f);
bool linear_same_code(struct vcpu *vcpu, unsigned long rip, unsigned int access);
int linear_to_gpa(struct vcpu *vcpu, unsigned long address, unsigned int access, gpa_t *gpa,
		  u32 *error_code);

#endif
