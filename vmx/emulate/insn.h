/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the emulator's files share: the rows of the opcode tables and the helpers that the
 * instructions are written with. Nothing here is for the rest of the driver.
 */
#ifndef KVMLET_VMX_EMULATE_INSN_H
#define KVMLET_VMX_EMULATE_INSN_H

#include <asm/kvm.h>
#include <asm/processor-flags.h>
#include "vmx/emulate/emulate.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

#define NONE	0xff	/* no register, no override */

#define PAGE_BYTES	4096U

/* Types of descriptors of code and data. */
#define TYPE_CODE	BIT(3)
#define TYPE_CONFORMING	BIT(2)	/* code */
#define TYPE_DOWN	BIT(2)	/* data: expands down */
#define TYPE_RW		BIT(1)	/* data: writable; code: readable */
#define TYPE_ACCESSED	BIT(0)

#define REX_B	BIT(0)
#define REX_X	BIT(1)
#define REX_R	BIT(2)
#define REX_W	BIT(3)

/* The operands and flags of one computation. */
struct alu {
	u64 dst;		/* in: if OPF_READ; out: the result */
	u64 src;
	u64 rflags;
	u8 size, src_size;	/* bytes */
};

/* Where an operand is. */
enum operand { OPD_NONE, OPD_RM, OPD_REG, OPD_ACC, OPD_IMM, OPD_ONE, OPD_CL };

#define OPF_MODRM	BIT(0)
#define OPF_IMM8	BIT(1)	/* a byte follows, sign-extended */
#define OPF_IMM		BIT(2)	/* as wide as the operand, 4 bytes at most, sign-extended */
#define OPF_MOFFS	BIT(3)	/* the operand's address follows */
#define OPF_READ	BIT(4)	/* the destination is an input too */
#define OPF_NOWRITE	BIT(5)	/* the destination is no output */
#define OPF_LOCK	BIT(6)	/* LOCK is allowed, on a destination in memory */
#define OPF_LOCKED	BIT(7)	/* locked without the prefix (XCHG) */
#define OPF_MEM		BIT(8)	/* #UD with a register as rm */
#define OPF_BITS	BIT(9)	/* the source counts bits from the operand's address */
#define OPF_ALIGN	BIT(10)	/* #GP if an operand of 16 bytes is not aligned */
#define OPF_STACK	BIT(11)	/* in 64-bit mode the operand has 64 bits by default */
#define OPF_LONG	BIT(12)	/* another instruction outside 64-bit mode */
#define OPF_LEGACY	BIT(13)	/* #UD in 64-bit mode */
#define OPF_GROUP	BIT(14)	/* @sub[ModRM.reg] */
#define OPF_PREFIX	BIT(15)	/* @sub[none, 66H, F3H, F2H] */
#define OPF_DWORD	BIT(16)	/* 4 bytes in any mode, 8 with REX.W */
#define OPF_IO		BIT(17)	/* 4 bytes at most */

/* A row that has no @exec and no @sub is an instruction that is not emulated. */
struct emul_opcode {
	int (*exec)(struct emul *e);
	union {
		void (*compute)(struct alu *a);		/* emul_generic()'s */
		const struct emul_opcode *sub;
	};
	u32 flags;
	u8 dst, src;		/* enum operand */
	u8 size, src_size;	/* bytes; 0: as the prefixes say; as @size */
};

extern const struct emul_opcode emul_map0[256];
extern const struct emul_opcode emul_map1[256];
extern const struct emul_opcode emul_map2[256];

/* A checked memory operand. */
struct emul_ref {
	u64 linear;
	unsigned int len, access;
};

static inline u64 size_mask(unsigned int size)
{
	return size < 8 ? BIT_ULL(size * 8) - 1 : ~0ULL;
}

static inline u64 sign_bit(unsigned int size)
{
	return BIT_ULL(size * 8 - 1);
}

static inline u64 sign_extend(u64 value, unsigned int size)
{
	u64 sign = sign_bit(size);

	return ((value & size_mask(size)) ^ sign) - sign;
}

/* memory.c */
int emul_raise(struct emul *e, unsigned int vector);
int emul_raise_error(struct emul *e, unsigned int vector, u32 code);
int emul_ref_at(struct emul *e, unsigned int seg, u64 offset, unsigned int len,
		unsigned int access, struct emul_ref *ref);
int emul_ref_rm(struct emul *e, unsigned int len, unsigned int access, struct emul_ref *ref);
int emul_load(struct emul *e, const struct emul_ref *ref, void *data);
int emul_store(struct emul *e, const struct emul_ref *ref, const void *old, const void *data);

/* execute.c */
u64 emul_reg(struct emul *e, unsigned int nr, unsigned int size);
void emul_set_reg(struct emul *e, unsigned int nr, unsigned int size, u64 value);
int emul_retire(struct emul *e);
int emul_read_rm(struct emul *e, unsigned int size, unsigned int access, struct emul_ref *ref,
		 u64 *value);
int emul_generic(struct emul *e);
int emul_cache_line(struct emul *e);

/* exchange.c */
int emul_xchg(struct emul *e);
int emul_xadd(struct emul *e);
int emul_cmpxchg(struct emul *e);
int emul_cmpxchg_pair(struct emul *e);

/* stack.c */
int emul_push(struct emul *e, unsigned int size, u64 value);
int emul_push_mem(struct emul *e);
int emul_pop_mem(struct emul *e);

/* string.c */
int emul_string(struct emul *e);

/* sse.c */
int emul_sse_load(struct emul *e);
int emul_sse_store(struct emul *e);

/* alu.c, shift.c: set the destination and all flags that the instruction defines. */
void alu_set_szp(struct alu *a, u64 result);

#define ALU_FN(name, statement)	void name(struct alu *a) { statement; }
#define ALU_FNS(X)									\
	X(alu_mov) X(alu_movsx) X(alu_movbe) X(alu_and) X(alu_or) X(alu_xor) X(alu_not)	\
	X(alu_add) X(alu_adc) X(alu_sub) X(alu_sbb) X(alu_inc) X(alu_dec) X(alu_neg)	\
	X(alu_bt) X(alu_bts) X(alu_btr) X(alu_btc)					\
	X(alu_rol) X(alu_ror) X(alu_rcl) X(alu_rcr) X(alu_shl) X(alu_shr) X(alu_sar)

#define X(name)	void name(struct alu *a);
ALU_FNS(X)
#undef X

#endif
