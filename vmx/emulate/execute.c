// SPDX-License-Identifier: GPL-2.0
/*
 * Executing what decode.c found: registers, the instructions of the form
 * "destination = f(destination, source)", and how an instruction retires.
 */
#include "vmx/emulate/insn.h"

/* Without REX, the byte registers 4 to 7 are AH, CH, DH and BH. */
static bool is_high_byte(const struct emul *e, unsigned int nr, unsigned int size)
{
	return size == 1 && !e->insn.rex && nr >= 4;
}

/**
 * emul_reg() - read a general register, zero-extended
 * @e: executing
 * @nr: 0 to 15 as encoded
 * @size: bytes
 *
 * Return: its value.
 */
u64 emul_reg(struct emul *e, unsigned int nr, unsigned int size)
{
	if (is_high_byte(e, nr, size))
		return (u8)(e->ops->get_gpr(e, nr - 4) >> 8);
	return e->ops->get_gpr(e, nr) & size_mask(size);
}

/**
 * emul_set_reg() - write a general register: 4 bytes clear the rest, 1 and 2 leave it
 * @e: executing
 * @nr: 0 to 15 as encoded
 * @size: bytes
 * @value: excess bits do not matter
 */
void emul_set_reg(struct emul *e, unsigned int nr, unsigned int size, u64 value)
{
	u64 mask = size_mask(size);

	if (is_high_byte(e, nr, size)) {
		nr -= 4;
		mask <<= 8;
		value <<= 8;
	}
	value &= mask;
	if (size < 4)
		value |= e->ops->get_gpr(e, nr) & ~mask;
	e->ops->set_gpr(e, nr, value);
}

/**
 * emul_retire() - the end of an instruction that has done all else
 * @e: executing; e->rflags holds the new flags
 *
 * Return: EMUL_OK.
 */
int emul_retire(struct emul *e)
{
	u64 rip = e->rip + e->insn.len;

	e->ops->set_rflags(e, e->rflags & ~(u64)X86_EFLAGS_RF);
	e->ops->set_rip(e, e->mode == EMUL_LONG ? rip : (u32)rip);
	e->single_step = e->rflags & X86_EFLAGS_TF;
	return EMUL_OK;
}

/**
 * emul_read_rm() - read the operand that ModRM says, zero-extended
 * @e: executing
 * @size: bytes
 * @access: 0 or EMUL_WRITE
 * @ref: set, if it is in memory
 * @value: set
 *
 * Return: as emul_ref_at(), emul_load().
 */
int emul_read_rm(struct emul *e, unsigned int size, unsigned int access, struct emul_ref *ref,
		 u64 *value)
{
	*value = e->insn.mem ? 0 : emul_reg(e, e->insn.rm, size);
	if (!e->insn.mem)
		return EMUL_OK;
	return emul_ref_rm(e, size, access, ref) ?: emul_load(e, ref, value);
}

static u64 operand(struct emul *e, enum operand kind, unsigned int size)
{
	const struct emul_insn *i = &e->insn;

	switch (kind) {
	case OPD_REG:
		return emul_reg(e, i->reg, size);
	case OPD_ACC:
		return emul_reg(e, RAX, size);
	case OPD_IMM:
		return i->imm & size_mask(size);
	case OPD_ONE:
		return 1;
	case OPD_CL:
		return emul_reg(e, RCX, 4) & 0xff;
	default:
		return 0;
	}
}

static int load_source(struct emul *e, unsigned int size, u64 *value)
{
	struct emul_ref ref;

	if (e->insn.op->src == OPD_RM)
		return emul_read_rm(e, size, 0, &ref, value);
	*value = operand(e, e->insn.op->src, size);
	return EMUL_OK;
}

/* The destination in memory: read if need be, computed, written. */
static int compute_memory(struct emul *e, struct alu *a)
{
	u32 flags = e->insn.op->flags;
	struct emul_ref ref;
	u64 old;
	int r = emul_ref_rm(e, a->size, flags & OPF_NOWRITE ? 0 : EMUL_WRITE, &ref);

	if (r == EMUL_OK && (flags & OPF_READ))
		r = emul_load(e, &ref, &a->dst);
	if (r != EMUL_OK)
		return r;
	old = a->dst;
	e->insn.op->compute(a);
	return flags & OPF_NOWRITE ? EMUL_OK : emul_store(e, &ref, &old, &a->dst);
}

static int compute_register(struct emul *e, struct alu *a)
{
	const struct emul_insn *i = &e->insn;
	unsigned int nr = i->op->dst == OPD_REG ? i->reg : i->op->dst == OPD_ACC ? RAX : i->rm;

	a->dst = emul_reg(e, nr, a->size);
	i->op->compute(a);
	if (!(i->op->flags & OPF_NOWRITE))
		emul_set_reg(e, nr, a->size, a->dst);
	return EMUL_OK;
}

/**
 * emul_generic() - destination = compute(destination, source), with flags
 * @e: executing; the row says the rest
 *
 * Return: see emul_execute().
 */
int emul_generic(struct emul *e)
{
	const struct emul_insn *i = &e->insn;
	struct alu a = {
		.rflags		= e->rflags,
		.size		= i->size,
		.src_size	= min_t(u8, i->op->src_size ?: i->size, i->size),
	};
	bool to_memory = i->op->dst == OPD_RM && i->mem;
	int r = load_source(e, a.src_size, &a.src);

	r = r ?: (to_memory ? compute_memory(e, &a) : compute_register(e, &a));
	if (r != EMUL_OK)
		return r;
	e->rflags = a.rflags;
	return emul_retire(e);
}

/**
 * emul_cache_line() - CLFLUSH, CLFLUSHOPT, CLWB: a byte is loaded, of what has no caches nothing
 * @e: executing
 *
 * Return: see emul_execute().
 */
int emul_cache_line(struct emul *e)
{
	struct emul_ref ref;
	int r = emul_ref_rm(e, 1, 0, &ref) ?: e->ops->probe(e, ref.linear, 1, ref.access);

	return r == EMUL_OK || r == EMUL_MMIO ? emul_retire(e) : r;
}

/**
 * emul_execute() - execute the decoded instruction
 * @e: after emul_decode() returned EMUL_OK, and again after EMUL_MMIO
 *
 * The guest's memory first, then its registers, RFLAGS and RIP, all through the ops; the guest
 * must not have run in between.
 *
 * Return: enum emul_status.
 */
int emul_execute(struct emul *e)
{
	e->rflags = e->ops->get_rflags(e);
	e->stop = false;
	e->single_step = false;
	return e->insn.op->exec(e);
}
