/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Instructions executed in software: what touches memory that is not there, string I/O, and
 * what a processor without unrestricted guest cannot run. Pure logic: a guest is reached only
 * through struct emul_ops. No locks of its own; whoever owns the vCPU owns its struct emul.
 * SDM vol. 2 (instructions), vol. 3A, 5 (checks) and 6.9 (priorities).
 *
 * An instruction is all or nothing. Its reads come first, its one write last, and registers
 * are set when nothing can fail any more. So an op may end it at any point with EMUL_MMIO;
 * it is then replayed from its start once the data are there: emul_execute() may be called
 * again without emul_decode(). For a repeated string instruction all this holds of each
 * iteration: a fault or question of a later one leaves the earlier ones committed.
 */
#ifndef KVMLET_VMX_EMULATE_EMULATE_H
#define KVMLET_VMX_EMULATE_EMULATE_H

#include "include/portable.h"
#include <linux/kvm.h>

#define EMUL_MAX_INSN	15	/* bytes of the longest instruction */
#define EMUL_MAX_OPERAND 16	/* bytes of the widest memory operand */
#define EMUL_IO_BYTES	512	/* that one port_in() or port_out() moves at most */
#define EMUL_MAX_REPEAT	64	/* iterations of one call */

/* What an op, and what executing returns. EMUL_OK is 0: a ?: b goes on to b if a is done. */
enum emul_status {
	EMUL_OK,	/* op: done. Instruction: retired, RIP stands behind it */
	EMUL_FAULT,	/* struct emul's fault is to be injected; nothing changed */
	EMUL_MMIO,	/* user space has to answer first; nothing changed; to be replayed */
	EMUL_REPEAT,	/*
			 * Not at its end, RIP still at it: iterations of a repeated instruction
			 * are committed, or a locked write met a changed value. Enter the guest
			 * (or call again) after serving interrupts; reads answered for MMIO are
			 * used up.
			 */
	EMUL_UNHANDLED,	/* unknown or not possible; nothing changed; see insn.bytes */
};

/* The segmentation in force. Code and stack sizes outside EMUL_LONG are CS.D's and SS.B's. */
enum emul_mode {
	EMUL_REAL,	/* CR0.PE clear */
	EMUL_VM86,	/* RFLAGS.VM set */
	EMUL_PROT,	/* protected mode; EFER.LMA with CS.L clear */
	EMUL_LONG,	/* EFER.LMA and CS.L */
};

/* How memory is accessed. 0 is a supervisor's data read. Numbered as mmu/walk.h's WALK_*. */
#define EMUL_WRITE	BIT(0)	/* also on a read: the address is going to be written, so check */
#define EMUL_USER	BIT(1)	/* made at privilege level 3 */
#define EMUL_FETCH	BIT(2)
#define EMUL_IMPLICIT	BIT(3)	/* the processor's own, descriptor tables say: not EMUL_USER */

#define EMUL_XCR0	16

/* Segment registers as instructions number them, and the two system segments. */
enum emul_seg { EMUL_ES, EMUL_CS, EMUL_SS, EMUL_DS, EMUL_FS, EMUL_GS, EMUL_LDTR, EMUL_TR };

struct emul;

/*
 * The guest. Ops that return int return any status; one but EMUL_OK ends the instruction (or
 * its iteration) with that status and nothing of it committed. EMUL_FAULT: they filled
 * e->fault. Linear addresses are checked (segment, canonical form) and truncated to their
 * mode's width; accesses of more than one page are split by nobody.
 */
struct emul_ops {
	/* Full width; nr 0 to 15 as encoded (RAX, RCX, RDX, RBX, RSP, ...). */
	u64 (*get_gpr)(struct emul *e, unsigned int nr);
	void (*set_gpr)(struct emul *e, unsigned int nr, u64 value);
	u64 (*get_rip)(struct emul *e);
	void (*set_rip)(struct emul *e, u64 rip);
	u64 (*get_rflags)(struct emul *e);
	void (*set_rflags)(struct emul *e, u64 rflags);
	u64 (*get_cr)(struct emul *e, unsigned int nr);		/* or EMUL_XCR0 */
	void (*get_segment)(struct emul *e, unsigned int nr, struct kvm_segment *seg);

	/*
	 * Data of at most EMUL_MAX_OPERAND bytes anywhere, or more (instruction bytes, string
	 * I/O) within one page of memory. A write is checked in whole before its first byte
	 * lands; to MMIO it is posted, and EMUL_OK.
	 */
	int (*read)(struct emul *e, u64 linear, void *data, unsigned int len,
		    unsigned int access);
	int (*write)(struct emul *e, u64 linear, const void *data, unsigned int len,
		     unsigned int access);
	/* Atomic in memory, len 1, 2, 4, 8, 16. EMUL_REPEAT: not @old any more. MMIO: as write. */
	int (*compare_swap)(struct emul *e, u64 linear, const void *old, const void *new,
		       unsigned int len, unsigned int access);
	/* May this be accessed? No data move. Within one page. EMUL_MMIO: yes, but no memory. */
	int (*probe)(struct emul *e, u64 linear, unsigned int len, unsigned int access);

	/*
	 * String I/O: @count elements of @size 1, 2 or 4 bytes, whose port is permitted: the
	 * processor has checked that. Output is posted if need be. A replay asks for the same
	 * input again, but compare: the guest's memory may have changed the instruction.
	 */
	int (*port_in)(struct emul *e, u16 port, unsigned int size, unsigned int count,
		       void *data);
	int (*port_out)(struct emul *e, u16 port, unsigned int size, unsigned int count,
			const void *data);

	/*
	 * 16 bytes of XMM0 to XMM15; both NULL where SSE moves are not to be emulated. With
	 * insn.vex the rest of the register is cleared.
	 */
	void (*get_xmm)(struct emul *e, unsigned int nr, void *data);
	void (*set_xmm)(struct emul *e, unsigned int nr, const void *data);

	/* For task switches. What set_cr() is given may be refused: not EMUL_OK, for #GP. */
	int (*set_cr)(struct emul *e, unsigned int nr, u64 value);
	void (*set_segment)(struct emul *e, unsigned int nr, const struct kvm_segment *seg);
	void (*get_dtable)(struct emul *e, bool idt, struct kvm_dtable *table);
};

struct emul_fault {
	u64 address;		/* CR2, for #PF */
	u32 error_code;
	u8 vector;
	bool has_error;		/* an error code is pushed */
};

/* The instruction, as decoded. For the emulator; others read @bytes, @nr_bytes, @len. */
struct emul_insn {
	const struct emul_opcode *op;
	u64 imm, disp;		/* sign-extended */
	u8 bytes[EMUL_MAX_INSN];
	u8 nr_bytes;		/* known so far, maybe more than the instruction has */
	u8 len;
	u8 map;			/* 0: one byte, 1: 0F, 2: 0F 38 */
	u8 opcode;
	u8 rex;			/* 40H to 4FH, 0: none */
	u8 repeat;		/* F2H, F3H, 0: none */
	bool lock, opsize, addrsize;	/* prefixes F0H, 66H, 67H */
	bool vex;		/* its fields are in @rex, @opsize, @repeat */
	bool third_operand;	/* VEX.vvvv names a register */
	u8 seg;			/* of the memory operand, overridden or by default */
	u8 override;		/* EMUL_ES to EMUL_GS by prefix, 0xff: none */
	u8 modrm, reg, rm;	/* register numbers with REX.R and REX.B */
	bool mem;		/* the rm operand is memory */
	u8 base, index, scale;	/* 0xff: none; scale as a shift */
	bool rip_relative;
	u8 op_bytes, addr_bytes; /* 2, 4, 8 */
	u8 size;		/* of the operand, bytes: op_bytes or what the opcode says */
};

/* One instruction on its way. About 900 bytes: belongs to the vCPU, not on a stack. */
struct emul {
	const struct emul_ops *ops;
	void *cpu;		/* for the ops */
	enum emul_mode mode;
	u8 cpl;			/* 3 in virtual-8086 mode, 0 in real mode */

	/*
	 * An op that serves an answered read or posts a write sets it: a repetition ends after
	 * this iteration (EMUL_OK or EMUL_REPEAT), so answers never serve a second one.
	 */
	bool stop;

	/* After EMUL_FAULT. */
	struct emul_fault fault;

	/* After EMUL_OK, and @single_step after EMUL_REPEAT too. */
	bool single_step;	/* RFLAGS.TF was set: #DB (DR6.BS) is due */

	struct emul_insn insn;
	u64 rip, rflags;	/* of the instruction at hand */
	u8 io[EMUL_IO_BYTES];
};

/* What causes a task switch, as the exit qualification numbers it. */
enum emul_task_source { EMUL_TASK_CALL, EMUL_TASK_IRET, EMUL_TASK_JMP, EMUL_TASK_GATE };

struct emul_task {
	u16 selector;		/* of the new task */
	u8 source;		/* enum emul_task_source; EMUL_TASK_GATE: an event's, by the IDT */
	u8 insn_len;		/* of the instruction that is left behind, or 0 */
	bool external;		/* the event is not an instruction's: bit EXT of error codes */
	bool has_error;		/* the event has an error code: */
	u32 error;
	bool trap;		/* out: the new task's TSS asks for #DB */
};

void emul_init(struct emul *e, const struct emul_ops *ops, void *cpu, enum emul_mode mode,
	       unsigned int cpl);
int emul_decode(struct emul *e);
void emul_decoded(struct emul *e, const struct emul_insn *insn);
int emul_execute(struct emul *e);
int emul_task_switch(struct emul *e, struct emul_task *task);

#endif
