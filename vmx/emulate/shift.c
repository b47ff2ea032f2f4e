// SPDX-License-Identifier: GPL-2.0
/*
 * Rotates and shifts. A count of 0 (after masking) changes no flag; OF is defined for counts of
 * 1, and set by the same rule for the others. SDM vol. 2B, "RCL/RCR/ROL/ROR", "SAL/SAR/SHL/SHR".
 */
#include "vmx/emulate/insn.h"

static unsigned int count_of(const struct alu *a)
{
	return a->src & (a->size == 8 ? 63 : 31);
}

static void set_cf_of(struct alu *a, bool cf, bool of)
{
	a->rflags &= ~(u64)(X86_EFLAGS_CF | X86_EFLAGS_OF);
	a->rflags |= (cf ? X86_EFLAGS_CF : 0) | (of ? X86_EFLAGS_OF : 0);
}

static bool top(const struct alu *a, u64 value)
{
	return value & sign_bit(a->size);
}

/* Left by one, @in comes in at the bottom. Returns what goes out. */
static bool left(struct alu *a, bool in)
{
	bool out = top(a, a->dst);

	a->dst = ((a->dst << 1) | in) & size_mask(a->size);
	return out;
}

static bool right(struct alu *a, bool in)
{
	bool out = a->dst & 1;

	a->dst = (a->dst >> 1) | (in ? sign_bit(a->size) : 0);
	return out;
}

/**
 * alu_rol() - ROL
 * @a: operands and flags, changed to results
 */
void alu_rol(struct alu *a)
{
	unsigned int n;

	for (n = 0; n < count_of(a); n++)
		left(a, top(a, a->dst));
	if (n)
		set_cf_of(a, a->dst & 1, top(a, a->dst) ^ (a->dst & 1));
}

/**
 * alu_ror() - ROR
 * @a: operands and flags, changed to results
 */
void alu_ror(struct alu *a)
{
	unsigned int n;

	for (n = 0; n < count_of(a); n++)
		right(a, a->dst & 1);
	if (n)
		set_cf_of(a, top(a, a->dst), top(a, a->dst ^ (a->dst << 1)));
}

/**
 * alu_rcl() - RCL: the carry flag is one more bit of the operand
 * @a: operands and flags, changed to results
 */
void alu_rcl(struct alu *a)
{
	unsigned int n, count = count_of(a) % (a->size * 8 + 1);
	bool cf = a->rflags & X86_EFLAGS_CF;

	for (n = 0; n < count; n++)
		cf = left(a, cf);
	if (n)
		set_cf_of(a, cf, top(a, a->dst) ^ cf);
}

/**
 * alu_rcr() - RCR
 * @a: operands and flags, changed to results
 */
void alu_rcr(struct alu *a)
{
	unsigned int n, count = count_of(a) % (a->size * 8 + 1);
	bool cf = a->rflags & X86_EFLAGS_CF;

	for (n = 0; n < count; n++)
		cf = right(a, cf);
	if (n)
		set_cf_of(a, cf, top(a, a->dst ^ (a->dst << 1)));
}

static void shifted(struct alu *a, bool cf, bool of)
{
	a->rflags &= ~(u64)X86_EFLAGS_AF;
	alu_set_szp(a, a->dst);
	set_cf_of(a, cf, of);
}

/**
 * alu_shl() - SHL
 * @a: operands and flags, changed to results
 */
void alu_shl(struct alu *a)
{
	unsigned int n;
	bool cf = false;

	for (n = 0; n < count_of(a); n++)
		cf = left(a, false);
	if (n)
		shifted(a, cf, top(a, a->dst) ^ cf);
}

/**
 * alu_shr() - SHR
 * @a: operands and flags, changed to results
 */
void alu_shr(struct alu *a)
{
	unsigned int n;
	bool cf = false;

	for (n = 0; n < count_of(a); n++)
		cf = right(a, false);
	if (n)
		shifted(a, cf, top(a, a->dst << 1));
}

/**
 * alu_sar() - SAR
 * @a: operands and flags, changed to results
 */
void alu_sar(struct alu *a)
{
	unsigned int n;
	bool cf = false;

	for (n = 0; n < count_of(a); n++)
		cf = right(a, top(a, a->dst));
	if (n)
		shifted(a, cf, false);
}
