/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For guest.c: a row of cases.h, and how the state that it wants is made.
 */
#ifndef KVMLET_COMPARE_ROW_H
#define KVMLET_COMPARE_ROW_H

#include "selftests/compare/record.h"

/* Variants, beside the plain one. */
#define V_TF		0x01		/* RFLAGS.TF is set */
#define V_STI		0x02		/* in the shadow of STI, and an interrupt waits */
#define V_MOVSS		0x04		/* in the shadow of MOV SS */
#define V_NEXT		0x08		/* a breakpoint on the next instruction */
#define V_HERE		0x10		/* one on the instruction itself */
#define V_FRESH		0x20		/* nothing is mapped yet: delivery exits, too */
#define V_SHADOWS	(V_STI | V_MOVSS)
#define V_STEPS		(V_TF | V_NEXT)
#define V_ALL		0x3f
#define NR_VARIANTS	6

static const char *const variant_names[NR_VARIANTS] = {
	"TF", "STI", "MOV SS", "breakpoint behind", "breakpoint", "fresh",
};

#define CODE_BYTES	63		/* of a row, in a mode; behind them their number */

/* A program ends with INT3, which needs no hypervisor; its device is memory, no port answers. */
static bool judged;

/* A register's value: as it is, or a pointer to this linear address. */
struct value {
	enum { DEFAULT, NUMBER, POINTER } kind;
	uint64_t is;
};

struct setup {
	struct machine *m;
	const struct start *start;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_debugregs debug;
	struct kvm_vcpu_events events;
	uint64_t mark;			/* where one that is judged ends: RIP behind its INT3 */
};

struct row {
	const char *name, *reason;
	uint16_t modes, variants;
	struct value ax, bx, cx, dx, si, di, sp;
	uint64_t dr0, dr7, rflags, cr0, cr4, efer;	/* the latter are added */
	uint32_t ds_limit, ss_limit, tr_limit, absent, supervisor, debug;
	bool irqchip, x2apic, msr_exits, interrupt;
	bool hangs;			/* upstream's KVM_RUN never ends */
	const char *not_bare;		/* why the processor itself is not asked */
	void (*prepare)(struct setup *s);
};

#define AX(x)		.ax = { NUMBER, (x) }
#define BX(x)		.bx = { NUMBER, (x) }
#define CX(x)		.cx = { NUMBER, (x) }
#define DX(x)		.dx = { NUMBER, (x) }
#define SI(x)		.si = { NUMBER, (x) }
#define DI(x)		.di = { NUMBER, (x) }
#define BX_AT(x)	.bx = { POINTER, (x) }
#define SI_AT(x)	.si = { POINTER, (x) }
#define DI_AT(x)	.di = { POINTER, (x) }
#define SP_AT(x)	.sp = { POINTER, (x) }
#define DR0(x)		.dr0 = (x)

/* --- what a row asks for by name ------------------------------------------------------------ */

static void no_idt(struct setup *s)
{
	s->sregs.idt.limit = 0;
}

static void idt_on_device(struct setup *s)
{
	s->sregs.idt.base = HOLE;
}

static void gdt_on_device(struct setup *s)
{
	s->sregs.gdt.base = HOLE;
}

/* The gate of #NP is absent, which is a second #NP. */
static void gate_absent(struct setup *s)
{
	bool is_long = s->start->mode == LONG64;

	s->m->ram[is_long ? IDT64 + 16 * 11 + 5 : IDT32 + 8 * 11 + 5] &= 0x7f;
}

static void one_nmi(struct setup *s)
{
	s->events.nmi.pending = 1;
}

static void two_nmis(struct setup *s)
{
	s->events.nmi.pending = 1;
	s->events.nmi.injected = 1;
}

static void masked_nmi(struct setup *s)
{
	s->events.nmi.pending = 1;
	s->events.nmi.masked = 1;
}

static void injected_gp(struct setup *s)
{
	s->events.exception.injected = 1;
	s->events.exception.nr = 13;
	s->events.exception.has_error_code = 1;
	s->events.exception.error_code = 0x18;
}

static void injected_interrupt(struct setup *s)
{
	s->events.interrupt.injected = 1;
	s->events.interrupt.nr = 0x32;
}

/* --- the state ------------------------------------------------------------------------------- */

static void set_value(unsigned long long *reg, const struct value *value, const struct start *s)
{
	if (value->kind == NUMBER)
		*reg = value->is;
	if (value->kind == POINTER)
		*reg = pointer(s, value->is);
}

static void row_regs(struct setup *s, const struct row *row)
{
	struct kvm_regs *regs = &s->regs;

	plain_regs(regs, s->start);
	set_value(&regs->rax, &row->ax, s->start);
	set_value(&regs->rbx, &row->bx, s->start);
	set_value(&regs->rcx, &row->cx, s->start);
	set_value(&regs->rdx, &row->dx, s->start);
	set_value(&regs->rsi, &row->si, s->start);
	set_value(&regs->rdi, &row->di, s->start);
	set_value(&regs->rsp, &row->sp, s->start);
	regs->rflags |= row->rflags;
}

static void limit(struct kvm_segment *s, uint32_t value)
{
	if (!value)
		return;
	s->limit = value;
	s->g = 0;
}

static void row_sregs(struct setup *s, const struct row *row)
{
	struct kvm_sregs *sregs = &s->sregs;

	plain_sregs(sregs, s->start);
	sregs->cr0 |= row->cr0;
	sregs->cr4 |= row->cr4;
	sregs->efer |= row->efer;
	limit(&sregs->ds, row->ds_limit);
	limit(&sregs->es, row->ds_limit);
	limit(&sregs->ss, row->ss_limit);
	limit(&sregs->tr, row->tr_limit);
	if (row->x2apic)
		sregs->apic_base = APIC_X2;
}

static void change_page(struct machine *m, uint32_t page, uint64_t bits)
{
	uint64_t *pt = (uint64_t *)(m->ram + PT_PAE);
	uint32_t *pt32 = (uint32_t *)(m->ram + PT32);

	if (!page)
		return;
	pt[page / PAGE] &= ~bits;
	pt32[page / PAGE] &= ~bits;
}

/* The instruction that makes the shadow; where the row's own begins. */
static uint8_t *shadow_code(uint8_t *at, unsigned int variant)
{
	static const uint8_t mov_ss[] = { 0x8c, 0xd5, 0x8e, 0xd5 };	/* by way of BP */

	if (variant == V_STI)
		*at++ = 0xfb;
	if (variant == V_MOVSS) {
		memcpy(at, mov_ss, sizeof(mov_ss));
		at += sizeof(mov_ss);
	}
	return at;
}

static void row_code(struct setup *s, const uint8_t *code, unsigned int variant)
{
	uint8_t *at = shadow_code(s->m->ram + CODE, variant);
	uint64_t linear = CODE + (at - (s->m->ram + CODE));

	memcpy(at, code, CODE_BYTES);
	s->mark = pointer(s->start, linear + code[CODE_BYTES] + 1);
	if (judged)
		memset(at + code[CODE_BYTES], 0xcc, 2);
	if (variant == V_NEXT)
		linear += code[CODE_BYTES];
	if (variant != V_NEXT && variant != V_HERE)
		return;
	s->debug.db[0] = linear;
	s->debug.dr7 = DR7_FIXED | 1;
}

static void row_setup(struct setup *s, const struct row *row, const uint8_t *code,
		      unsigned int variant)
{
	restore_memory(s->m);
	change_page(s->m, row->absent, 1);
	change_page(s->m, row->supervisor, 4);
	row_regs(s, row);
	row_sregs(s, row);
	memset(&s->debug, 0, sizeof(s->debug));
	memset(&s->events, 0, sizeof(s->events));
	s->debug.dr6 = 0xffff0ff0;
	s->debug.dr7 = row->dr7 ? row->dr7 : DR7_FIXED;
	s->debug.db[0] = row->dr0;
	s->events.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	row_code(s, code, variant);
	if (variant == V_TF)
		s->regs.rflags |= X86_EFLAGS_TF;
	if (row->prepare)
		row->prepare(s);
}

#endif
