// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions with two destinations, of which one may be memory: XCHG, XADD, CMPXCHG,
 * CMPXCHG8B and CMPXCHG16B. Memory is written first, since only that may fail.
 */
#include "vmx/emulate/insn.h"

/* The register gets what the operand was, and the operand @value. */
static int exchange(struct emul *e, const struct emul_ref *ref, u64 old, u64 value)
{
	const struct emul_insn *i = &e->insn;
	int r = i->mem ? emul_store(e, ref, &old, &value) : EMUL_OK;

	if (r != EMUL_OK)
		return r;
	emul_set_reg(e, i->reg, i->size, old);
	if (!i->mem)
		emul_set_reg(e, i->rm, i->size, value);
	return emul_retire(e);
}

/**
 * emul_xchg() - XCHG, locked with or without the prefix
 * @e: executing
 *
 * Return: see emul_execute().
 */
int emul_xchg(struct emul *e)
{
	struct emul_ref ref;
	u64 old;

	return emul_read_rm(e, e->insn.size, EMUL_WRITE, &ref, &old) ?:
	       exchange(e, &ref, old, emul_reg(e, e->insn.reg, e->insn.size));
}

/**
 * emul_xadd() - XADD
 * @e: executing
 *
 * Return: see emul_execute().
 */
int emul_xadd(struct emul *e)
{
	struct alu a = { .rflags = e->rflags, .size = e->insn.size };
	struct emul_ref ref;
	u64 old;
	int r = emul_read_rm(e, e->insn.size, EMUL_WRITE, &ref, &old);

	if (r != EMUL_OK)
		return r;
	a.dst = old;
	a.src = emul_reg(e, e->insn.reg, e->insn.size);
	alu_add(&a);
	e->rflags = a.rflags;
	return exchange(e, &ref, old, a.dst);
}

/**
 * emul_cmpxchg() - CMPXCHG
 * @e: executing
 *
 * Return: see emul_execute().
 */
int emul_cmpxchg(struct emul *e)
{
	const struct emul_insn *i = &e->insn;
	struct alu a = {
		.dst = emul_reg(e, RAX, i->size), .rflags = e->rflags, .size = i->size,
	};
	struct emul_ref ref;
	bool equal;
	u64 new;
	int r = emul_read_rm(e, i->size, EMUL_WRITE, &ref, &a.src);

	if (r != EMUL_OK)
		return r;
	equal = a.dst == a.src;
	alu_sub(&a);
	/* If not equal, memory is written all the same, with what it holds; a register is not. */
	new = equal ? emul_reg(e, i->reg, i->size) : a.src;
	r = i->mem ? emul_store(e, &ref, &a.src, &new) : EMUL_OK;
	if (r != EMUL_OK)
		return r;
	if (!equal)
		emul_set_reg(e, RAX, i->size, a.src);
	else if (!i->mem)
		emul_set_reg(e, i->rm, i->size, new);
	e->rflags = a.rflags;
	return emul_retire(e);
}

/* A number of 2 * @half bytes in memory, from two registers. */
static void pack(struct emul *e, void *to, unsigned int low, unsigned int high, unsigned int half)
{
	u64 value = emul_reg(e, low, half);

	memcpy(to, &value, half);
	value = emul_reg(e, high, half);
	memcpy(to + half, &value, half);
}

static void unpack(struct emul *e, const void *from, unsigned int low, unsigned int high,
		   unsigned int half)
{
	u64 value = 0;

	memcpy(&value, from, half);
	emul_set_reg(e, low, half, value);
	memcpy(&value, from + half, half);
	emul_set_reg(e, high, half, value);
}

/**
 * emul_cmpxchg_pair() - CMPXCHG8B, with REX.W CMPXCHG16B
 * @e: executing
 *
 * Return: see emul_execute().
 */
int emul_cmpxchg_pair(struct emul *e)
{
	unsigned int half = e->insn.rex & REX_W ? 8 : 4;
	u8 old[16], want[16], new[16];
	struct emul_ref ref;
	bool equal;
	int r = emul_ref_rm(e, 2 * half, EMUL_WRITE, &ref) ?: emul_load(e, &ref, old);

	if (r != EMUL_OK)
		return r;
	pack(e, want, RAX, RDX, half);
	pack(e, new, RBX, RCX, half);
	equal = !memcmp(old, want, 2 * half);
	r = emul_store(e, &ref, old, equal ? new : old);
	if (r != EMUL_OK)
		return r;
	if (!equal)
		unpack(e, old, RAX, RDX, half);
	e->rflags &= ~(u64)X86_EFLAGS_ZF;
	e->rflags |= equal ? X86_EFLAGS_ZF : 0;
	return emul_retire(e);
}
