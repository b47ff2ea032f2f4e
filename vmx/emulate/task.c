// SPDX-License-Identifier: GPL-2.0
/*
 * Task switches, which exit always: the state of one task into its task-state segment (TSS), and
 * that of another from its. The processor has checked the descriptor of the new TSS before the
 * exit. What else can be refused is so before anything changes, a fault of the old task; a segment
 * that cannot be loaded is a fault of the new one. No TSS or table may lie on a device.
 * SDM vol. 3A, 7.2 (TSS), 7.3 (steps; table 7-1), 7.4 (links); vol. 3C, 25.4.2 (what is checked).
 */
#include "vmx/emulate/insn.h"

/* A TSS is a row of cells of 4 bytes, or of 2 without CR3, FS and GS. The first is the link. */
struct tss {
	u32 base, at;		/* and where its descriptor is */
	unsigned int width, eip, segments;
	u8 rights;		/* that one's byte 5 */
	u8 image[104];
};

#define CELL_CR3	7
#define CELL_EIP	8	/* EFLAGS, 8 general registers, segments, LDTR follow */
#define CELL_GENERAL(t)	((t)->eip + 2)
#define CELL_SEGMENT(t)	(CELL_GENERAL(t) + 8)
#define TSS_T_FLAG	100	/* the byte that asks for #DB when the task begins */

/* Types of system descriptors. */
#define TYPE_LDT	2
#define TYPE_BUSY	BIT(1)
#define TYPE_WIDE	BIT(3)

/* No other bit of EFLAGS can be set. */
#define TASK_FLAGS	0x3f7fd5

static u32 get(const struct tss *t, unsigned int cell)
{
	u32 value = 0;

	memcpy(&value, t->image + cell * t->width, t->width);
	return value;
}

static void put(struct tss *t, unsigned int cell, u32 value)
{
	memcpy(t->image + cell * t->width, &value, t->width);
}

static int bad(struct emul *e, const struct emul_task *task, unsigned int vector, u16 selector)
{
	return emul_raise_error(e, vector, (selector & ~3U) | task->external);
}

/* May this be accessed, and is it memory? */
static int check(struct emul *e, u32 at, unsigned int len, unsigned int access)
{
	int r = e->ops->probe(e, at, 1, access | EMUL_IMPLICIT) ?:
		e->ops->probe(e, at + len - 1, 1, access | EMUL_IMPLICIT);

	return r == EMUL_MMIO ? EMUL_UNHANDLED : r;
}

static int load(struct emul *e, u32 at, void *data, unsigned int len, unsigned int access)
{
	return check(e, at, len, access) ?: e->ops->read(e, at, data, len, EMUL_IMPLICIT);
}

static int store(struct emul *e, u32 at, const void *data, unsigned int len)
{
	return check(e, at, len, EMUL_WRITE) ?: e->ops->write(e, at, data, len, EMUL_IMPLICIT);
}

/* @access: EMUL_WRITE if it is going to be written. */
static int load_descriptor(struct emul *e, const struct emul_task *task, u16 selector,
			   unsigned int access, u32 *at, u64 *descriptor)
{
	struct kvm_dtable table;
	struct kvm_segment ldt;

	e->ops->get_dtable(e, false, &table);
	if (selector & 4) {
		e->ops->get_segment(e, EMUL_LDTR, &ldt);
		table.base = ldt.base;
		table.limit = ldt.unusable ? 0 : min_t(u32, ldt.limit, 0xffff);
	}
	if ((selector | 7U) > table.limit)
		return bad(e, task, TS_VECTOR, selector);
	*at = table.base + (selector & ~7U);
	return load(e, *at, descriptor, sizeof(*descriptor), access);
}

static struct kvm_segment unpack(u64 d, u16 selector)
{
	u32 limit = (d & 0xffff) | (d >> 32 & 0xf0000);

	return (struct kvm_segment) {
		.base		= (d >> 16 & 0xffffff) | (d >> 32 & 0xff000000),
		.limit		= d >> 55 & 1 ? limit << 12 | 0xfff : limit,
		.selector	= selector,
		.type		= d >> 40 & 15,
		.s		= d >> 44 & 1,
		.dpl		= d >> 45 & 3,
		.present	= d >> 47 & 1,
		.avl		= d >> 52 & 1,
		.db		= d >> 54 & 1,
		.g		= d >> 55 & 1,
	};
}

/* Is this what the register may hold? e->cpl is the new task's. */
static bool fits(const struct emul *e, unsigned int nr, const struct kvm_segment *s)
{
	unsigned int rpl = s->selector & 3;
	bool code = s->type & TYPE_CODE, conforming = code && (s->type & TYPE_CONFORMING);

	if (nr == EMUL_LDTR)
		return !s->s && s->type == TYPE_LDT && s->present && !(s->selector & 4);
	if (!s->s)
		return false;
	if (nr == EMUL_CS)
		return code && (conforming ? s->dpl <= rpl : s->dpl == rpl);
	if (nr == EMUL_SS)
		return !code && (s->type & TYPE_RW) && rpl == e->cpl && s->dpl == e->cpl;
	return (!code || (s->type & TYPE_RW)) &&
	       (conforming || (s->dpl >= rpl && s->dpl >= e->cpl));
}

static int load_protected(struct emul *e, const struct emul_task *task, unsigned int nr,
			  struct kvm_segment *s)
{
	struct kvm_segment loaded;
	u32 at;
	u64 d;
	int r;

	if (!(s->selector & ~3U))
		return nr == EMUL_CS || nr == EMUL_SS ? bad(e, task, TS_VECTOR, 0) : EMUL_OK;
	r = load_descriptor(e, task, s->selector, 0, &at, &d);
	if (r != EMUL_OK)
		return r;
	loaded = unpack(d, s->selector);
	if (!fits(e, nr, &loaded))
		return bad(e, task, TS_VECTOR, s->selector);
	if (!loaded.present)
		return bad(e, task, nr == EMUL_SS ? SS_VECTOR : NP_VECTOR, s->selector);
	if (loaded.s && !(loaded.type & TYPE_ACCESSED))
		r = store(e, at + 5, &(u8) { (d >> 40) | TYPE_ACCESSED }, 1);
	if (r == EMUL_OK)
		*s = loaded;
	return r;
}

/* One that cannot be loaded is left unusable, but CS, without which no guest can be entered. */
static int load_segment(struct emul *e, const struct emul_task *task, unsigned int nr, u16 selector)
{
	struct kvm_segment s = { .selector = selector, .unusable = true, .dpl = e->cpl };
	int r = load_protected(e, task, nr, &s);

	if (nr == EMUL_SS)
		s.selector = (selector & ~3U) | e->cpl;
	if (r == EMUL_OK || nr != EMUL_CS)
		e->ops->set_segment(e, nr, &s);
	return r;
}

/*
 * Into virtual-8086 mode, the registers follow from the selectors. Out of it, what they hold would
 * not do for a fault of the new task, before they are loaded.
 */
static void change_mode(struct emul *e, const struct tss *t)
{
	bool vm86 = e->mode == EMUL_VM86;
	unsigned int nr;

	for (nr = 0; nr <= EMUL_GS; nr++) {
		u16 selector = nr < t->segments ? get(t, CELL_SEGMENT(t) + nr) : 0;
		struct kvm_segment s = {
			.base = vm86 ? selector << 4 : 0, .limit = 0xffff, .selector = selector,
			.type = TYPE_RW | TYPE_ACCESSED, .s = 1, .dpl = e->cpl, .present = 1,
		};

		if (nr == EMUL_CS && !vm86)
			s.type |= TYPE_CODE;
		s.unusable = nr != EMUL_CS && !vm86;
		e->ops->set_segment(e, nr, &s);
	}
}

static int load_segments(struct emul *e, const struct emul_task *task, const struct tss *t)
{
	static const u8 order[] = { EMUL_CS, EMUL_SS, EMUL_DS, EMUL_ES, EMUL_FS, EMUL_GS };
	unsigned int i;
	int r = load_segment(e, task, EMUL_LDTR, get(t, CELL_SEGMENT(t) + t->segments));

	for (i = 0; e->mode != EMUL_VM86 && i < t->segments && r == EMUL_OK; i++)
		r = load_segment(e, task, order[i], get(t, CELL_SEGMENT(t) + order[i]));
	return r;
}

/* Only what changes is written; the rest of a TSS is the guest's business. */
static int save_old(struct emul *e, const struct emul_task *task, struct tss *t)
{
	u64 nt = task->source == EMUL_TASK_IRET ? X86_EFLAGS_NT : 0;
	unsigned int i, first = t->eip * t->width;
	struct kvm_segment s;

	put(t, t->eip, e->rip + task->insn_len);
	put(t, t->eip + 1, e->rflags & ~nt);
	for (i = 0; i < 8; i++)
		put(t, CELL_GENERAL(t) + i, e->ops->get_gpr(e, i));
	for (i = 0; i < t->segments; i++) {
		e->ops->get_segment(e, i, &s);
		put(t, CELL_SEGMENT(t) + i, s.selector);
	}
	return store(e, t->base + first, t->image + first, (10 + t->segments) * t->width);
}

/* Registers first, then segments, whose faults are the new task's. */
static int load_new(struct emul *e, struct emul_task *task, const struct tss *t, bool links)
{
	enum emul_mode before = e->mode;
	unsigned int i;

	if (t->width == 4 && (e->ops->get_cr(e, 0) & X86_CR0_PG) &&
	    e->ops->set_cr(e, 3, get(t, CELL_CR3)))
		return emul_raise_error(e, GP_VECTOR, task->external);
	e->rflags = (get(t, t->eip + 1) & TASK_FLAGS) | (links ? X86_EFLAGS_NT : 0);
	e->ops->set_rflags(e, e->rflags);
	e->ops->set_rip(e, get(t, t->eip));
	for (i = 0; i < 8; i++)
		e->ops->set_gpr(e, i, get(t, CELL_GENERAL(t) + i));
	task->trap = t->width == 4 && (t->image[TSS_T_FLAG] & 1);
	e->mode = e->rflags & X86_EFLAGS_VM ? EMUL_VM86 : EMUL_PROT;
	e->cpl = e->mode == EMUL_VM86 ? 3 : get(t, CELL_SEGMENT(t) + EMUL_CS) & 3;
	if (e->mode == EMUL_VM86 || before == EMUL_VM86)
		change_mode(e, t);
	return load_segments(e, task, t);
}

/* The error code of the exception whose handler this task is. */
static int push_error(struct emul *e, const struct emul_task *task, unsigned int width)
{
	static const struct emul_opcode none;

	e->insn.op = &none;
	e->insn.rex = 0;
	return emul_push(e, width, task->error);
}

static void lay_out(struct tss *t, const struct kvm_segment *tr)
{
	t->base = tr->base;
	t->width = tr->type & TYPE_WIDE ? 4 : 2;
	t->eip = t->width == 4 ? CELL_EIP : CELL_EIP - 1;
	t->segments = t->width == 4 ? EMUL_GS + 1 : EMUL_DS + 1;
}

/* What an entry insists on in TR is so, whatever the descriptor holds by now. */
static int find_new(struct emul *e, const struct emul_task *task, struct tss *t, bool links,
		    struct kvm_segment *tr)
{
	bool marks = task->source != EMUL_TASK_IRET;
	u64 d = 0;
	int r = load_descriptor(e, task, task->selector & ~4, marks ? EMUL_WRITE : 0, &t->at, &d);

	*tr = unpack(d, task->selector & ~4);
	tr->s = 0;
	tr->present = 1;
	tr->type = (tr->type & TYPE_WIDE) | TYPE_BUSY | 1;
	t->rights = d >> 40;
	lay_out(t, tr);
	if (r == EMUL_OK)
		r = load(e, t->base, t->image, t->width == 4 ? 104 : 44, links ? EMUL_WRITE : 0);
	return r;
}

/**
 * emul_task_switch() - switch to another task
 * @e: after emul_init()
 * @task: what switches, and to which; @task->trap is set if #DB is due at the new task's start
 *
 * Return: EMUL_OK: the new task's registers are loaded. EMUL_FAULT: of the old task if RIP is
 * unchanged, else of the new one. EMUL_REPEAT: nothing changed, try again. EMUL_UNHANDLED.
 */
int emul_task_switch(struct emul *e, struct emul_task *task)
{
	bool links = task->source == EMUL_TASK_CALL || task->source == EMUL_TASK_GATE;
	struct kvm_segment tr, next;
	struct tss old, new;
	u64 d = 0;
	int r;

	e->rip = e->ops->get_rip(e);
	e->rflags = e->ops->get_rflags(e);
	e->ops->get_segment(e, EMUL_TR, &tr);
	lay_out(&old, &tr);
	r = find_new(e, task, &new, links, &next);
	if (r == EMUL_OK && !links)
		r = load_descriptor(e, task, tr.selector, EMUL_WRITE, &old.at, &d);
	if (r == EMUL_OK)
		r = save_old(e, task, &old);
	if (r == EMUL_OK && !links)
		r = store(e, old.at + 5, &(u8) { (d >> 40) & ~TYPE_BUSY }, 1);
	if (r == EMUL_OK && task->source != EMUL_TASK_IRET)
		r = store(e, new.at + 5, &(u8) { new.rights | TYPE_BUSY }, 1);
	if (r == EMUL_OK && links)
		r = store(e, new.base, &tr.selector, sizeof(tr.selector));
	if (r != EMUL_OK)
		return r;
	e->ops->set_segment(e, EMUL_TR, &next);
	e->ops->set_cr(e, 0, e->ops->get_cr(e, 0) | X86_CR0_TS);
	r = load_new(e, task, &new, links);
	return r == EMUL_OK && task->has_error ? push_error(e, task, new.width) : r;
}
