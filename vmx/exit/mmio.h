/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Instructions that access an address without memory, or do string I/O, while user space
 * serves them. The instruction is decoded once and executed again with each answer, which is
 * served from here.
 */
#ifndef KVMLET_VMX_EXIT_MMIO_H
#define KVMLET_VMX_EXIT_MMIO_H

#include <linux/kvm_types.h>
#include "vmx/cpu/linear.h"
#include "vmx/emulate/emulate.h"

struct vcpu;

/* Of an EPT violation's exit qualification: an IRET that it ended had unblocked NMIs. */
#define QUAL_NMI_UNBLOCKED	BIT(12)

#define MMIO_MAX_PARTS	4	/* an operand of 16 bytes across a page, 8 bytes an exit */

struct mmio_part {
	gpa_t gpa;
	u8 len;
	u8 data[8];
};

/* String I/O by user space: its data are in vcpu->pio_data. */
struct mmio_pio {
	bool set;
	u16 port;
	u8 size;
	u16 count;
};

/* MOV to or from [@base + @disp] in @page, @len bytes long: see known.c. */
struct known_access {
	gpa_t page;			/* 0: not known */
	u64 disp, value;		/* registers are added, and taken, if there are some */
	u8 base, reg;			/* registers, or NR_GPRS */
	u8 size, len;			/* bytes that are accessed, and of the instruction */
	bool write;			/* a store */
	u32 qual;			/* of its exit: the kind of access */
};

struct mmio_state {
	struct emul emul;
	struct emul_insn known[LINEAR_FETCHES];		/* decoded from vcpu->fetch */
	bool knows_accesses;				/* there is one, or was */
	struct known_access accesses[LINEAR_FETCHES];	/* what those do, if it is only that */
	struct mmio_part reads[MMIO_MAX_PARTS];		/* answered, in order of the access */
	struct mmio_part writes[MMIO_MAX_PARTS];	/* to be handed out */
	u8 nr_reads, next_read;				/* answered; used by this replay */
	u8 nr_writes, next_write;			/* posted; handed out */
	struct mmio_part wanted;			/* the read that stopped the replay */
	unsigned long hits;				/* of DR6: breakpoints met */
	struct mmio_pio in_wanted, in_answered, out;
	bool translated, wrote;				/* the next two hold; it was a write */
	unsigned long linear;				/* page that was accessed, */
	gpa_t gpa;					/* and where it is */
};

/* Accesses that were emulated before (known.c). */
void known_note(struct vcpu *vcpu, gpa_t gpa, bool write);
int known_at_once(struct vcpu *vcpu);
int mmio_exit(struct vcpu *vcpu, gpa_t gpa, u8 len, const void *written,
	      int (*complete)(struct vcpu *vcpu));

int mmio_emulate(struct vcpu *vcpu);
bool mmio_is_rsm(struct vcpu *vcpu);
bool mmio_task_switch(struct vcpu *vcpu, struct emul_task *task, int *r);
int mmio_access(struct vcpu *vcpu, gpa_t gpa, unsigned long qual);

#endif
