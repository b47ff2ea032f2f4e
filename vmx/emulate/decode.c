// SPDX-License-Identifier: GPL-2.0
/*
 * Instruction bytes into struct emul_insn: prefixes, opcode, ModRM, SIB, displacement,
 * immediate. The tables of opcodes.c say what follows which opcode. SDM vol. 2A, 2.1, 2.2.
 */
#include "vmx/emulate/insn.h"

#define VEX_VVVV	0x78
#define VEX_L		BIT(2)

/* Bytes that the length of instructions, CS and the page allow to be fetched; 0: #GP. */
static unsigned int fetch_room(struct emul *e, u64 *linear)
{
	struct emul_insn *i = &e->insn;
	unsigned int room = EMUL_MAX_INSN - i->nr_bytes;
	struct kvm_segment cs;
	u32 offset;

	*linear = e->rip + i->nr_bytes;
	if (e->mode != EMUL_LONG) {
		offset = *linear;
		e->ops->get_segment(e, EMUL_CS, &cs);
		if (offset > cs.limit)
			return 0;
		room = min_t(u64, room, (u64)cs.limit - offset + 1);
		*linear = (u32)(cs.base + offset);
	}
	return min_t(unsigned int, room, PAGE_BYTES - (*linear & (PAGE_BYTES - 1)));
}

/* Only to the end of a page at a time: the instruction may end before the next one. */
static int fetch_more(struct emul *e)
{
	unsigned int access = EMUL_FETCH | (e->cpl == 3 ? EMUL_USER : 0);
	struct emul_insn *i = &e->insn;
	u64 linear;
	unsigned int room = fetch_room(e, &linear);
	int r;

	if (!room)
		return emul_raise_error(e, GP_VECTOR, 0);
	r = e->ops->read(e, linear, i->bytes + i->nr_bytes, room, access);
	if (r == EMUL_OK)
		i->nr_bytes += room;
	return r;
}

static int next_byte(struct emul *e, u8 *byte)
{
	struct emul_insn *i = &e->insn;
	int r = i->len == i->nr_bytes ? fetch_more(e) : EMUL_OK;

	if (r == EMUL_OK)
		*byte = i->bytes[i->len++];
	return r;
}

/* A little-endian number, sign-extended. */
static int next_signed(struct emul *e, unsigned int size, u64 *value)
{
	unsigned int n;
	u64 v = 0;
	u8 byte;
	int r;

	for (n = 0; n < size; n++) {
		r = next_byte(e, &byte);
		if (r != EMUL_OK)
			return r;
		v |= (u64)byte << (8 * n);
	}
	*value = sign_extend(v, size);
	return EMUL_OK;
}

static bool is_prefix(struct emul_insn *i, u8 byte, bool longmode)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e:
		if (!longmode)
			i->override = (byte >> 3) & 3;
		return true;
	case 0x64: case 0x65:
		i->override = EMUL_FS + (byte & 1);
		return true;
	case 0x66:
		i->opsize = true;
		return true;
	case 0x67:
		i->addrsize = true;
		return true;
	case 0xf0:
		i->lock = true;
		return true;
	case 0xf2: case 0xf3:
		i->repeat = byte;
		return true;
	}
	return false;
}

/* Leaves the first byte of the opcode in insn.opcode. A REX before a prefix is void. */
static int decode_prefixes(struct emul *e)
{
	struct emul_insn *i = &e->insn;
	int r;

	for (;;) {
		r = next_byte(e, &i->opcode);
		if (r != EMUL_OK)
			return r;
		if (is_prefix(i, i->opcode, e->mode == EMUL_LONG))
			i->rex = 0;
		else if (e->mode == EMUL_LONG && (i->opcode & 0xf0) == 0x40)
			i->rex = i->opcode;
		else
			return EMUL_OK;
	}
}

static void decode_sizes(struct emul *e)
{
	struct emul_insn *i = &e->insn;
	struct kvm_segment cs;
	bool wide;

	if (e->mode == EMUL_LONG) {
		i->op_bytes = i->rex & REX_W ? 8 : i->opsize ? 2 : 4;
		i->addr_bytes = i->addrsize ? 4 : 8;
		return;
	}
	e->ops->get_segment(e, EMUL_CS, &cs);
	wide = e->mode != EMUL_VM86 && cs.db;
	i->op_bytes = wide != i->opsize ? 4 : 2;
	i->addr_bytes = wide != i->addrsize ? 4 : 2;
}

/* C5H: R vvvv L pp. C4H: R X B mmmmm, then W in R's place. R, X, B and vvvv are inverted. */
static int decode_vex(struct emul *e)
{
	struct emul_insn *i = &e->insn;
	bool three = i->opcode == 0xc4, prefixed = i->lock || i->opsize || i->repeat || i->rex;
	u8 first, last;
	int r = next_byte(e, &first);

	last = first;
	r = r ?: (three ? next_byte(e, &last) : EMUL_OK) ?: next_byte(e, &i->opcode);
	if (r != EMUL_OK)
		return r;
	i->vex = true;
	i->map = three ? first & 31 : 1;
	if (e->mode == EMUL_LONG)
		i->rex = (~first >> 5 & (three ? 7 : REX_R)) | (three && last & 0x80 ? REX_W : 0);
	i->opsize = (last & 3) == 1;
	i->repeat = (last & 3) < 2 ? 0 : (last & 3) == 2 ? 0xf3 : 0xf2;
	if (prefixed)
		return emul_raise(e, UD_VECTOR);
	i->third_operand = (last & VEX_VVVV) != VEX_VVVV;
	return last & VEX_L || i->map < 1 || i->map > 2 ? EMUL_UNHANDLED : EMUL_OK;
}

/* Outside 64-bit mode what follows LES and LDS, memory, is never so; 16-bit modes have no VEX. */
static int is_vex(struct emul *e, bool *vex)
{
	struct emul_insn *i = &e->insn;
	u8 next;
	int r;

	*vex = false;
	if ((i->opcode & 0xfe) != 0xc4 || e->mode == EMUL_REAL || e->mode == EMUL_VM86)
		return EMUL_OK;
	r = next_byte(e, &next);
	i->len--;
	*vex = e->mode == EMUL_LONG || next >= 0xc0;
	return r;
}

static int decode_opcode(struct emul *e)
{
	static const struct emul_opcode *const maps[] = { emul_map0, emul_map1, emul_map2 };
	struct emul_insn *i = &e->insn;
	bool vex;
	int r = is_vex(e, &vex) ?: (vex ? decode_vex(e) : EMUL_OK);

	if (r == EMUL_OK && !vex && i->opcode == 0x0f) {
		i->map = 1;
		r = next_byte(e, &i->opcode);
		if (r == EMUL_OK && i->opcode == 0x38) {
			i->map = 2;
			r = next_byte(e, &i->opcode);
		}
	}
	if (r == EMUL_OK)
		i->op = &maps[i->map][i->opcode];
	return r;
}

/* 16-bit addresses: BX or BP, SI or DI. */
static int decode_mem16(struct emul *e, unsigned int mod, unsigned int rm)
{
	static const u8 bases[8] = { RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX };
	static const u8 indexes[8] = { RSI, RDI, RSI, RDI, NONE, NONE, NONE, NONE };
	struct emul_insn *i = &e->insn;
	bool direct = mod == 0 && rm == 6;

	i->base = direct ? NONE : bases[rm];
	i->index = indexes[rm];
	if (i->base == RBP)
		i->seg = EMUL_SS;
	if (mod == 0 && !direct)
		return EMUL_OK;
	return next_signed(e, mod == 1 ? 1 : 2, &i->disp);
}

static int decode_sib(struct emul *e, unsigned int mod, bool *disp32)
{
	struct emul_insn *i = &e->insn;
	u8 sib;
	int r = next_byte(e, &sib);

	if (r != EMUL_OK)
		return r;
	i->scale = sib >> 6;
	i->index = ((sib >> 3) & 7) | (i->rex & REX_X ? 8 : 0);
	if (i->index == RSP)
		i->index = NONE;
	i->base = (sib & 7) | (i->rex & REX_B ? 8 : 0);
	if (mod == 0 && (sib & 7) == RBP) {
		i->base = NONE;
		*disp32 = true;
	}
	return EMUL_OK;
}

/* 32-bit and 64-bit addresses. */
static int decode_mem32(struct emul *e, unsigned int mod, unsigned int rm)
{
	struct emul_insn *i = &e->insn;
	bool disp32 = mod == 2;
	int r;

	if (rm == RSP) {
		r = decode_sib(e, mod, &disp32);
		if (r != EMUL_OK)
			return r;
	} else if (mod == 0 && rm == RBP) {
		i->rip_relative = e->mode == EMUL_LONG;
		disp32 = true;
	} else {
		i->base = rm | (i->rex & REX_B ? 8 : 0);
	}
	if (i->base == RSP || i->base == RBP)
		i->seg = EMUL_SS;
	if (disp32)
		return next_signed(e, 4, &i->disp);
	return mod == 1 ? next_signed(e, 1, &i->disp) : EMUL_OK;
}

static int decode_modrm(struct emul *e)
{
	struct emul_insn *i = &e->insn;
	unsigned int mod, rm;
	int r = next_byte(e, &i->modrm);

	if (r != EMUL_OK)
		return r;
	mod = i->modrm >> 6;
	rm = i->modrm & 7;
	i->reg = ((i->modrm >> 3) & 7) | (i->rex & REX_R ? 8 : 0);
	i->rm = rm | (i->rex & REX_B ? 8 : 0);
	i->mem = mod != 3;
	if (!i->mem)
		return EMUL_OK;
	return i->addr_bytes == 2 ? decode_mem16(e, mod, rm) : decode_mem32(e, mod, rm);
}

/* F2H and F3H go before 66H, which is then no more than a prefix. */
static unsigned int prefix_column(const struct emul_insn *i)
{
	if (i->repeat)
		return i->repeat == 0xf3 ? 2 : 3;
	return i->opsize;
}

/* Follow the table to the row that has no rows below it. */
static int decode_row(struct emul *e)
{
	struct emul_insn *i = &e->insn;
	int r = i->op->flags & OPF_MODRM ? decode_modrm(e) : EMUL_OK;

	if (r != EMUL_OK)
		return r;
	if (i->op->flags & OPF_PREFIX)
		i->op = &i->op->sub[prefix_column(i)];
	if (i->op->flags & OPF_GROUP)
		i->op = &i->op->sub[(i->modrm >> 3) & 7];
	if (i->vex && i->op->exec != emul_sse_load && i->op->exec != emul_sse_store)
		return EMUL_UNHANDLED;
	if (i->third_operand)	/* of a move */
		return emul_raise(e, UD_VECTOR);
	if (!i->op->exec || ((i->op->flags & OPF_LONG) && e->mode != EMUL_LONG))
		return EMUL_UNHANDLED;
	return EMUL_OK;
}

static int decode_immediate(struct emul *e)
{
	struct emul_insn *i = &e->insn;

	if (i->op->flags & OPF_MOFFS) {
		i->mem = true;
		return next_signed(e, i->addr_bytes, &i->disp);
	}
	if (i->op->flags & OPF_IMM8)
		return next_signed(e, 1, &i->imm);
	if (i->op->flags & OPF_IMM)
		return next_signed(e, min_t(unsigned int, i->size, 4), &i->imm);
	return EMUL_OK;
}

static unsigned int operand_size(const struct emul *e)
{
	const struct emul_insn *i = &e->insn;

	if (i->op->size)
		return i->op->size;
	if (i->op->flags & OPF_DWORD)
		return i->rex & REX_W ? 8 : 4;
	if (i->op->flags & OPF_IO)
		return min_t(unsigned int, i->op_bytes, 4);
	if ((i->op->flags & OPF_STACK) && e->mode == EMUL_LONG && i->op_bytes == 4)
		return 8;
	return i->op_bytes;
}

/* What is no instruction in any state of the processor. */
static int check_form(struct emul *e)
{
	const struct emul_insn *i = &e->insn;
	bool lockable = i->mem && (i->op->flags & OPF_LOCK);

	if ((i->lock && !lockable) || ((i->op->flags & OPF_MEM) && !i->mem) ||
	    ((i->op->flags & OPF_LEGACY) && e->mode == EMUL_LONG))
		return emul_raise(e, UD_VECTOR);
	return EMUL_OK;
}

static void reset_insn(struct emul_insn *i)
{
	struct emul_insn fresh = {
		.override	= NONE,
		.base		= NONE,
		.index		= NONE,
		.seg		= EMUL_DS,
		.nr_bytes	= min_t(unsigned int, i->nr_bytes, EMUL_MAX_INSN),
	};

	memcpy(fresh.bytes, i->bytes, sizeof(fresh.bytes));
	*i = fresh;
}

/**
 * emul_decode() - decode the instruction at RIP
 * @e: after emul_init(); insn.bytes and insn.nr_bytes may have been filled in by a caller that
 *	knows the first bytes already
 *
 * Reads the guest's code, RIP and CS through the ops. Nothing of the guest changes. SDM vol. 2A, 2.
 *
 * Return: EMUL_OK, EMUL_FAULT (#PF, #GP, #UD), EMUL_UNHANDLED, or what the read returned.
 */
int emul_decode(struct emul *e)
{
	struct emul_insn *i = &e->insn;
	int r;

	reset_insn(i);
	e->rip = e->ops->get_rip(e);
	r = decode_prefixes(e);
	if (r == EMUL_OK) {
		decode_sizes(e);
		r = decode_opcode(e) ?: decode_row(e);
	}
	if (r == EMUL_OK) {
		i->size = operand_size(e);
		if (i->override != NONE)
			i->seg = i->override;
		r = decode_immediate(e) ?: check_form(e);
	}
	/* What is decoded in part must not be taken for an instruction. */
	if (r != EMUL_OK)
		i->op = NULL;
	return r;
}

/**
 * emul_decoded() - in place of emul_decode(), with what that found here before
 * @e: see emul_init()
 * @insn: what it found; the code and how it is translated are the same now
 */
void emul_decoded(struct emul *e, const struct emul_insn *insn)
{
	e->rip = e->ops->get_rip(e);
	e->insn = *insn;
}

/**
 * emul_init() - start with a guest's current state
 * @e: any content
 * @ops: the guest; the ops for what is not emulated may be NULL
 * @cpu: for the ops
 * @mode: of the code that runs
 * @cpl: 0 to 3
 */
void emul_init(struct emul *e, const struct emul_ops *ops, void *cpu, enum emul_mode mode,
	       unsigned int cpl)
{
	e->ops = ops;
	e->cpu = cpu;
	e->mode = mode;
	e->cpl = cpl;
	e->insn.nr_bytes = 0;
}
