// SPDX-License-Identifier: GPL-2.0
/*
 * Rotates and shifts. A count of 0 (after masking) changes no flag; OF is defined for counts of
 * 1, and set by the same rule for the others. SDM vol. 2B, "RCL/RCR/ROL/ROR", "SAL/SAR/SHL/SHR".
 */
#include "vmx/emulate/insn.h"

/* What comes in where a bit goes out. */
enum shift_fill { ZERO, SIGN, CARRY, OTHER_END };

static bool top(const struct alu *a, u64 value)
{
	return value & sign_bit(a->size);
}

static void set_flags(struct alu *a, enum shift_fill fill, bool cf, bool of)
{
	if (fill == ZERO || fill == SIGN) {
		a->rflags &= ~(u64)X86_EFLAGS_AF;
		alu_set_szp(a, a->dst);
	}
	a->rflags &= ~(u64)(X86_EFLAGS_CF | X86_EFLAGS_OF);
	a->rflags |= (cf ? X86_EFLAGS_CF : 0) | (of ? X86_EFLAGS_OF : 0);
}

/* Bit by bit. OF says that the top bit has changed, or would with one step more to the right. */
static void shift(struct alu *a, bool left, enum shift_fill fill)
{
	unsigned int n, count = a->src & (a->size == 8 ? 63 : 31);
	bool in, out, cf = a->rflags & X86_EFLAGS_CF;

	/* The carry flag is one more bit of the operand. */
	if (fill == CARRY)
		count %= a->size * 8 + 1;
	for (n = 0; n < count; n++) {
		out = left ? top(a, a->dst) : a->dst & 1;
		in = fill == OTHER_END ? out : fill == CARRY ? cf : fill == SIGN && top(a, a->dst);
		if (left)
			a->dst = ((a->dst << 1) | in) & size_mask(a->size);
		else
			a->dst = (a->dst >> 1) | (in ? sign_bit(a->size) : 0);
		cf = out;
	}
	if (count)
		set_flags(a, fill, cf, top(a, a->dst) ^ (left ? cf : top(a, a->dst << 1)));
}

ALU_FN(alu_rol, shift(a, true, OTHER_END))
ALU_FN(alu_ror, shift(a, false, OTHER_END))
ALU_FN(alu_rcl, shift(a, true, CARRY))
ALU_FN(alu_rcr, shift(a, false, CARRY))
ALU_FN(alu_shl, shift(a, true, ZERO))
ALU_FN(alu_shr, shift(a, false, ZERO))
ALU_FN(alu_sar, shift(a, false, SIGN))
