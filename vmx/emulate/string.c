// SPDX-License-Identifier: GPL-2.0
/*
 * String instructions. Every iteration commits RCX, RSI and RDI, so a repetition may end at any
 * of them with EMUL_REPEAT, RIP still at it, and be taken up by the processor. It ends so after
 * EMUL_MAX_REPEAT iterations, when an op asks for it, and with RFLAGS.TF. A fault in a later
 * iteration leaves the flags as they were before the first, the SDM says.
 * SDM vol. 2B, "REP/REPE/REPZ/REPNE/REPNZ"; vol. 1, 19.3 (string I/O).
 */
#include "vmx/emulate/insn.h"

/* One iteration of an instruction, and what it moved. */
struct step {
	int (*run)(struct emul *e, struct step *s);
	u64 left;		/* iterations, this one included */
	unsigned int elements;	/* done at once */
	bool compares;		/* REPE and REPNE look at ZF */
	bool uses_si, uses_di;
	bool fast;		/* has a fast form in processors: MOVS and STOS */
};

static u64 address_reg(struct emul *e, unsigned int nr)
{
	return emul_reg(e, nr, e->insn.addr_bytes);
}

/* The source is at RSI in the instruction's segment, the target at RDI in ES. */
static int ref_element(struct emul *e, unsigned int nr, unsigned int access, struct emul_ref *ref)
{
	return emul_ref_at(e, nr == RSI ? e->insn.seg : EMUL_ES, address_reg(e, nr), e->insn.size,
			   access, ref);
}

static int load_element(struct emul *e, unsigned int nr, u64 *value)
{
	struct emul_ref ref;

	*value = 0;
	return ref_element(e, nr, 0, &ref) ?: emul_load(e, &ref, value);
}

static int store_target(struct emul *e, u64 value)
{
	struct emul_ref ref;

	return ref_element(e, RDI, EMUL_WRITE, &ref) ?: emul_store(e, &ref, NULL, &value);
}

static int run_movs(struct emul *e, struct step *s)
{
	u64 value;

	return load_element(e, RSI, &value) ?: store_target(e, value);
}

static int run_stos(struct emul *e, struct step *s)
{
	return store_target(e, emul_reg(e, RAX, e->insn.size));
}

static int run_lods(struct emul *e, struct step *s)
{
	u64 value;
	int r = load_element(e, RSI, &value);

	if (r == EMUL_OK)
		emul_set_reg(e, RAX, e->insn.size, value);
	return r;
}

static int compare(struct emul *e, u64 first)
{
	struct alu a = { .dst = first, .rflags = e->rflags, .size = e->insn.size };
	int r = load_element(e, RDI, &a.src);

	if (r == EMUL_OK) {
		alu_sub(&a);
		e->rflags = a.rflags;
	}
	return r;
}

static int run_cmps(struct emul *e, struct step *s)
{
	u64 value;

	return load_element(e, RSI, &value) ?: compare(e, value);
}

static int run_scas(struct emul *e, struct step *s)
{
	return compare(e, emul_reg(e, RAX, e->insn.size));
}

/*
 * How many elements of string I/O go at once: upwards, within one page of memory, if the last
 * of them passes the checks as the first did. Sets @ref to all of them.
 */
static int widen(struct emul *e, struct step *s, unsigned int nr, struct emul_ref *ref)
{
	unsigned int seg = nr == RSI ? e->insn.seg : EMUL_ES;
	unsigned int size = e->insn.size, access = ref->access & EMUL_WRITE;
	unsigned int room = PAGE_BYTES - (ref->linear & (PAGE_BYTES - 1));
	int r = e->ops->probe(e, ref->linear, size, ref->access);
	u64 offset = address_reg(e, nr);
	struct emul_ref last;
	unsigned int n;

	if (r != EMUL_OK || (e->rflags & (X86_EFLAGS_DF | X86_EFLAGS_TF)))
		return r == EMUL_MMIO ? EMUL_OK : r;
	n = min_t(u64, s->left, min_t(unsigned int, room, EMUL_IO_BYTES) / size);
	if (n < 2)
		return EMUL_OK;
	offset += (n - 1) * size;
	if (offset != (offset & size_mask(e->insn.addr_bytes)) ||
	    emul_ref_at(e, seg, offset, size, access, &last) != EMUL_OK)
		return EMUL_OK;
	s->elements = n;
	ref->len = n * size;
	return EMUL_OK;
}

/* The target is checked before the port is read: what a port gave cannot be put back. */
static int run_ins(struct emul *e, struct step *s)
{
	u16 port = emul_reg(e, RDX, 2);
	struct emul_ref ref;

	return ref_element(e, RDI, EMUL_WRITE, &ref) ?: widen(e, s, RDI, &ref) ?:
	       e->ops->port_in(e, port, e->insn.size, s->elements, e->io) ?:
	       emul_store(e, &ref, NULL, e->io);
}

static int run_outs(struct emul *e, struct step *s)
{
	u16 port = emul_reg(e, RDX, 2);
	struct emul_ref ref;

	return ref_element(e, RSI, 0, &ref) ?: widen(e, s, RSI, &ref) ?:
	       emul_load(e, &ref, e->io) ?:
	       e->ops->port_out(e, port, e->insn.size, s->elements, e->io);
}

static const struct step steps[] = {
	{ .run = run_ins,	.uses_di = true },			/* 6C, 6D */
	{ .run = run_outs,	.uses_si = true },			/* 6E, 6F */
	{ .run = run_movs,	.uses_si = true, .uses_di = true, .fast = true },
	{ .run = run_cmps,	.uses_si = true, .uses_di = true, .compares = true },
	{ .run = NULL },						/* A8, A9: TEST */
	{ .run = run_stos,	.uses_di = true, .fast = true },	/* AA, AB */
	{ .run = run_lods,	.uses_si = true },			/* AC, AD */
	{ .run = run_scas,	.uses_di = true, .compares = true },	/* AE, AF */
};

static const struct step *step_of(u8 opcode)
{
	return &steps[opcode < 0xa4 ? (opcode - 0x6c) / 2 : 2 + (opcode - 0xa4) / 2];
}

static void commit(struct emul *e, const struct step *s)
{
	u64 delta = (u64)e->insn.size * s->elements;
	unsigned int width = e->insn.addr_bytes;

	if (e->rflags & X86_EFLAGS_DF)
		delta = -delta;
	if (s->uses_si)
		emul_set_reg(e, RSI, width, address_reg(e, RSI) + delta);
	if (s->uses_di)
		emul_set_reg(e, RDI, width, address_reg(e, RDI) + delta);
	if (e->insn.repeat)
		emul_set_reg(e, RCX, width, address_reg(e, RCX) - s->elements);
}

/* Not one iteration: Intel's processors write the 32-bit registers back all the same. */
static int retire_empty(struct emul *e, const struct step *s)
{
	unsigned int width = e->insn.addr_bytes;

	emul_set_reg(e, RCX, width, 0);
	if (s->fast && s->uses_si)
		emul_set_reg(e, RSI, width, address_reg(e, RSI));
	if (s->fast)
		emul_set_reg(e, RDI, width, address_reg(e, RDI));
	return emul_retire(e);
}

static bool is_last(struct emul *e, const struct step *s)
{
	if (!e->insn.repeat || s->left == s->elements)
		return true;
	return s->compares && !(e->rflags & X86_EFLAGS_ZF) == (e->insn.repeat == 0xf3);
}

/**
 * emul_string() - INS, OUTS, MOVS, CMPS, STOS, LODS, SCAS, once or repeated
 * @e: executing
 *
 * Return: see emul_execute(). A fault or EMUL_MMIO of a later iteration leaves the earlier ones
 * committed.
 */
int emul_string(struct emul *e)
{
	struct step s = *step_of(e->insn.opcode);
	unsigned int n;
	int r;

	for (n = 0; n < EMUL_MAX_REPEAT; n++) {
		s.left = e->insn.repeat ? address_reg(e, RCX) : 1;
		if (!s.left)
			return retire_empty(e, &s);
		s.elements = 1;
		r = s.run(e, &s);
		if (r != EMUL_OK)
			return r;
		commit(e, &s);
		if (is_last(e, &s))
			return emul_retire(e);
		if (e->stop || (e->rflags & X86_EFLAGS_TF))
			break;
	}
	/* The breakpoint on it has been served (SDM vol. 3B, 17.3.1.1). */
	e->ops->set_rflags(e, e->rflags | X86_EFLAGS_RF);
	e->single_step = e->rflags & X86_EFLAGS_TF;
	return EMUL_REPEAT;
}
