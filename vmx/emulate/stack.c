// SPDX-License-Identifier: GPL-2.0
/*
 * PUSH and POP of an operand. The stack's width is SS.B's, 64 bits in 64-bit mode.
 * SDM vol. 1, 6.2.
 */
#include "vmx/emulate/insn.h"

static unsigned int stack_bytes(struct emul *e)
{
	struct kvm_segment ss;

	if (e->mode == EMUL_LONG)
		return 8;
	e->ops->get_segment(e, EMUL_SS, &ss);
	return e->mode != EMUL_VM86 && ss.db ? 4 : 2;
}

/**
 * emul_push() - push a value
 * @e: executing
 * @size: bytes of it
 * @value: excess bits do not matter
 *
 * Return: as emul_ref_at(), emul_store().
 */
int emul_push(struct emul *e, unsigned int size, u64 value)
{
	unsigned int width = stack_bytes(e);
	u64 sp = (e->ops->get_gpr(e, RSP) - size) & size_mask(width);
	struct emul_ref ref;
	int r = emul_ref_at(e, EMUL_SS, sp, size, EMUL_WRITE, &ref) ?:
		emul_store(e, &ref, NULL, &value);

	if (r == EMUL_OK)
		emul_set_reg(e, RSP, width, sp);
	return r;
}

/**
 * emul_push_mem() - PUSH r/m
 * @e: executing
 *
 * Return: see emul_execute().
 */
int emul_push_mem(struct emul *e)
{
	struct emul_ref ref;
	u64 value;

	return emul_read_rm(e, e->insn.size, 0, &ref, &value) ?:
	       emul_push(e, e->insn.size, value) ?: emul_retire(e);
}

/**
 * emul_pop_mem() - POP r/m
 * @e: executing
 *
 * Return: see emul_execute().
 */
int emul_pop_mem(struct emul *e)
{
	unsigned int width = stack_bytes(e), size = e->insn.size;
	u64 sp = e->ops->get_gpr(e, RSP) & size_mask(width);
	struct emul_ref ref;
	u64 value = 0;
	int r = emul_ref_at(e, EMUL_SS, sp, size, 0, &ref) ?: emul_load(e, &ref, &value);

	if (r == EMUL_OK && e->insn.mem)
		r = emul_ref_rm(e, size, EMUL_WRITE, &ref) ?: emul_store(e, &ref, NULL, &value);
	if (r != EMUL_OK)
		return r;
	emul_set_reg(e, RSP, width, sp + size);
	if (!e->insn.mem)
		emul_set_reg(e, e->insn.rm, size, value);
	return emul_retire(e);
}
