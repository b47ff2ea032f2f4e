/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest access to an address without memory, while user space finishes it. The instruction
 * is replayed: reads that user space answered are served from here, so that the emulator
 * needs no state between two KVM_RUNs.
 */
#ifndef KVMLET_VMX_EXIT_MMIO_H
#define KVMLET_VMX_EXIT_MMIO_H

#include <linux/kvm_types.h>
#include <linux/types.h>

struct vcpu;

#define MMIO_MAX_PARTS	4	/* an operand of 16 bytes across a page, 8 bytes an exit */

struct mmio_part {
	gpa_t gpa;
	u8 len;
	u8 data[8];
};

struct mmio_state {
	struct mmio_part reads[MMIO_MAX_PARTS];		/* answered, in order of the access */
	struct mmio_part writes[MMIO_MAX_PARTS];	/* to be handed out */
	u8 nr_reads, next_read;				/* answered; used by this replay */
	u8 nr_writes, next_write;			/* posted; handed out */
	struct mmio_part wanted;			/* the read that stopped the replay */
};

int mmio_emulate(struct vcpu *vcpu);
int mmio_fault(struct vcpu *vcpu, gpa_t gpa);

#endif
