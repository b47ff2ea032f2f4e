// SPDX-License-Identifier: GPL-2.0
/*
 * Memory operands: effective addresses, the checks of segments, canonical form and alignment,
 * and the accesses. SDM vol. 1, 3.7.5; vol. 3A, 5.3 (limits), 5.5 (types), 6.15 (#SS, #AC).
 */
#include "vmx/emulate/insn.h"

/**
 * emul_raise() - end an instruction with a fault that has no error code
 * @e: executing
 * @vector: of the exception
 *
 * Return: EMUL_FAULT.
 */
int emul_raise(struct emul *e, unsigned int vector)
{
	e->fault = (struct emul_fault) { .vector = vector };
	return EMUL_FAULT;
}

/**
 * emul_raise_error() - end an instruction with a fault that has an error code
 * @e: executing
 * @vector: of the exception
 * @code: error code; real mode pushes none
 *
 * Return: EMUL_FAULT.
 */
int emul_raise_error(struct emul *e, unsigned int vector, u32 code)
{
	e->fault = (struct emul_fault) {
		.vector		= vector,
		.error_code	= code,
		.has_error	= e->mode != EMUL_REAL,
	};
	return EMUL_FAULT;
}

static int raise_segment(struct emul *e, unsigned int seg)
{
	return emul_raise_error(e, seg == EMUL_SS ? SS_VECTOR : GP_VECTOR, 0);
}

static bool is_canonical(struct emul *e, u64 linear)
{
	if (sign_extend(linear, 6) == linear)
		return true;
	return (e->ops->get_cr(e, 4) & X86_CR4_LA57) && linear + BIT_ULL(56) < BIT_ULL(57);
}

static int linear_long(struct emul *e, unsigned int seg, u64 offset, unsigned int len,
		       u64 *linear)
{
	struct kvm_segment s;

	*linear = offset;
	if (seg == EMUL_FS || seg == EMUL_GS) {
		e->ops->get_segment(e, seg, &s);
		*linear += s.base;
	}
	if (is_canonical(e, *linear) && is_canonical(e, *linear + len - 1))
		return EMUL_OK;
	return raise_segment(e, seg);
}

/* Real and virtual-8086 mode know limits only. */
static bool type_allows(const struct emul *e, const struct kvm_segment *s, bool write)
{
	if (e->mode != EMUL_PROT)
		return true;
	if (s->unusable || !s->present)
		return false;
	if (s->type & TYPE_CODE)
		return !write && (s->type & TYPE_RW);
	return !write || (s->type & TYPE_RW);
}

static bool limit_allows(const struct kvm_segment *s, u32 first, unsigned int len)
{
	u64 last = (u64)first + len - 1;

	if (!(s->type & TYPE_CODE) && (s->type & TYPE_DOWN))
		return first > s->limit && last <= (s->db ? ~0U : 0xffffU);
	return last <= s->limit;
}

static int linear_segmented(struct emul *e, unsigned int seg, u32 offset, unsigned int len,
			    bool write, u64 *linear)
{
	struct kvm_segment s;

	e->ops->get_segment(e, seg, &s);
	*linear = (u32)(s.base + offset);
	if (!type_allows(e, &s, write) || !limit_allows(&s, offset, len))
		return raise_segment(e, seg);
	/* It would run over 4 GiB into 0: no one's intent. */
	return *linear + len - 1 <= ~0U ? EMUL_OK : EMUL_UNHANDLED;
}

/* #AC has the last word, #GP for 16 bytes the first: so do processors. */
static int check_alignment(struct emul *e, u64 linear, unsigned int len, int status)
{
	if (status == EMUL_UNHANDLED || IS_ALIGNED(linear, (u64)len))
		return status;
	if ((e->insn.op->flags & OPF_ALIGN) && len == 16)
		return emul_raise_error(e, GP_VECTOR, 0);
	if (status == EMUL_OK && e->cpl == 3 && len <= 8 && (e->rflags & X86_EFLAGS_AC) &&
	    (e->ops->get_cr(e, 0) & X86_CR0_AM))
		return emul_raise_error(e, AC_VECTOR, 0);
	return status;
}

/**
 * emul_ref_at() - check a data access at a logical address
 * @e: executing
 * @seg: EMUL_ES to EMUL_GS
 * @offset: truncated to the address's size
 * @len: bytes, 1 or more
 * @access: 0 or EMUL_WRITE
 * @ref: set
 *
 * Return: EMUL_OK, EMUL_FAULT (#GP, #SS, #AC), EMUL_UNHANDLED.
 */
int emul_ref_at(struct emul *e, unsigned int seg, u64 offset, unsigned int len,
		unsigned int access, struct emul_ref *ref)
{
	int r;

	ref->len = len;
	ref->access = access | (e->cpl == 3 ? EMUL_USER : 0);
	if (e->mode == EMUL_LONG)
		r = linear_long(e, seg, offset, len, &ref->linear);
	else
		r = linear_segmented(e, seg, offset, len, access & EMUL_WRITE, &ref->linear);
	return check_alignment(e, ref->linear, len, r);
}

/* Bit strings: the operand that holds the bit, counted from the one that is addressed. */
static u64 bit_displacement(struct emul *e)
{
	unsigned int size = e->insn.size;
	s64 bit = sign_extend(emul_reg(e, e->insn.reg, size), size);

	return (bit >> 3) & ~(u64)(size - 1);
}

static u64 effective_address(struct emul *e)
{
	const struct emul_insn *i = &e->insn;
	u64 ea = i->disp;

	if (i->rip_relative)
		ea += e->rip + i->len;
	if (i->base != NONE)
		ea += e->ops->get_gpr(e, i->base);
	if (i->index != NONE)
		ea += e->ops->get_gpr(e, i->index) << i->scale;
	if (i->op->flags & OPF_BITS)
		ea += bit_displacement(e);
	/* POP counts from the stack pointer that it leaves. */
	if ((i->op->flags & OPF_STACK) && i->base == RSP && i->op->exec == emul_pop_mem)
		ea += i->size;
	return ea & size_mask(i->addr_bytes);
}

/**
 * emul_ref_rm() - check the access to the operand that ModRM says
 * @e: executing an instruction with insn.mem set
 * @len: bytes
 * @access: 0 or EMUL_WRITE
 * @ref: set
 *
 * Return: as emul_ref_at().
 */
int emul_ref_rm(struct emul *e, unsigned int len, unsigned int access, struct emul_ref *ref)
{
	return emul_ref_at(e, e->insn.seg, effective_address(e), len, access, ref);
}

/**
 * emul_load() - read memory
 * @e: executing
 * @ref: where
 * @data: ref->len bytes
 *
 * Return: as struct emul_ops's read.
 */
int emul_load(struct emul *e, const struct emul_ref *ref, void *data)
{
	return e->ops->read(e, ref->linear, data, ref->len, ref->access);
}

/**
 * emul_store() - write memory, the last that may fail in an instruction
 * @e: executing
 * @ref: where
 * @old: what it was computed from, if the instruction is a locked one
 * @data: ref->len bytes
 *
 * Return: as struct emul_ops's write or cmpxchg.
 */
int emul_store(struct emul *e, const struct emul_ref *ref, const void *old, const void *data)
{
	/* The kernel has a macro of that name. */
	typeof(e->ops->compare_swap) exchange = e->ops->compare_swap;

	if (old && (e->insn.lock || (e->insn.op->flags & OPF_LOCKED)))
		return exchange(e, ref->linear, old, data, ref->len, ref->access);
	return e->ops->write(e, ref->linear, data, ref->len, ref->access);
}
