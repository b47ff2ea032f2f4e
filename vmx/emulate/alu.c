// SPDX-License-Identifier: GPL-2.0
/*
 * Results and flags of the arithmetic, logic and bit instructions. Flags that an instruction
 * leaves undefined are as processors have them: logic clears AF, bit tests touch only CF.
 * Operands are zero-extended; results are truncated by whoever stores them. SDM vol. 1, 3.4.3.
 */
#include "vmx/emulate/insn.h"

static void set_flag(struct alu *a, u64 flag, bool on)
{
	a->rflags = on ? a->rflags | flag : a->rflags & ~flag;
}

/**
 * alu_set_szp() - SF, ZF and PF
 * @a: its flags change
 * @result: what they describe, excess bits do not matter
 *
 * PF is the parity of the low byte: folded to 4 bits, which are looked up in one word.
 */
void alu_set_szp(struct alu *a, u64 result)
{
	unsigned int nibble = (result ^ (result >> 4)) & 15;

	set_flag(a, X86_EFLAGS_SF, result & sign_bit(a->size));
	set_flag(a, X86_EFLAGS_ZF, !(result & size_mask(a->size)));
	set_flag(a, X86_EFLAGS_PF, (0x9669 >> nibble) & 1);
}

static void logic(struct alu *a, u64 result)
{
	a->rflags &= ~(u64)(X86_EFLAGS_CF | X86_EFLAGS_OF | X86_EFLAGS_AF);
	alu_set_szp(a, result);
	a->dst = result;
}

/* The carry out of each bit; its top one is CF, that of bit 3 AF, the top two differ: OF. */
static void carries(struct alu *a, u64 result, u64 carry)
{
	u64 sign = sign_bit(a->size);

	set_flag(a, X86_EFLAGS_CF, carry & sign);
	set_flag(a, X86_EFLAGS_AF, carry & 8);
	set_flag(a, X86_EFLAGS_OF, ((carry << 1) ^ carry) & sign);
	alu_set_szp(a, result);
	a->dst = result;
}

static void add(struct alu *a, u64 src, bool carry_in)
{
	u64 r = a->dst + src + carry_in;

	carries(a, r, (a->dst & src) | ((a->dst | src) & ~r));
}

static void sub(struct alu *a, u64 src, bool borrow_in)
{
	u64 r = a->dst - src - borrow_in;

	carries(a, r, (~a->dst & src) | ((~a->dst | src) & r));
}

/* Sets CF to the bit that is meant, and returns it in its place. */
static u64 test_bit_of(struct alu *a)
{
	u64 bit = BIT_ULL(a->src & (a->size * 8 - 1));

	set_flag(a, X86_EFLAGS_CF, a->dst & bit);
	return bit;
}

/* The source of MOVZX comes zero-extended. */
ALU_FN(alu_mov, a->dst = a->src)
ALU_FN(alu_movsx, a->dst = sign_extend(a->src, a->src_size))
ALU_FN(alu_movbe, a->dst = __builtin_bswap64(a->src) >> (64 - 8 * a->size))

/* AND is TEST, too; SUB is CMP, CMPS, SCAS and CMPXCHG's comparison. */
ALU_FN(alu_and, logic(a, a->dst & a->src))
ALU_FN(alu_or, logic(a, a->dst | a->src))
ALU_FN(alu_xor, logic(a, a->dst ^ a->src))
ALU_FN(alu_not, a->dst = ~a->dst)
ALU_FN(alu_add, add(a, a->src, false))
ALU_FN(alu_adc, add(a, a->src, a->rflags & X86_EFLAGS_CF))
ALU_FN(alu_sub, sub(a, a->src, false))
ALU_FN(alu_sbb, sub(a, a->src, a->rflags & X86_EFLAGS_CF))

ALU_FN(alu_bt, test_bit_of(a))
ALU_FN(alu_bts, a->dst |= test_bit_of(a))
ALU_FN(alu_btr, a->dst &= ~test_bit_of(a))
ALU_FN(alu_btc, a->dst ^= test_bit_of(a))

/* INC and DEC leave CF as it is. */
static void count(struct alu *a, bool up)
{
	bool cf = a->rflags & X86_EFLAGS_CF;

	a->src = 1;
	if (up)
		alu_add(a);
	else
		alu_sub(a);
	set_flag(a, X86_EFLAGS_CF, cf);
}

ALU_FN(alu_inc, count(a, true))
ALU_FN(alu_dec, count(a, false))
ALU_FN(alu_neg, a->src = a->dst; a->dst = 0; alu_sub(a))
