/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For guest.c: the machine that each program starts on, the same on every driver and bit for bit
 * the same for each program: memory with a hole that is a device, tables for every mode, and
 * handlers of which each tells user space that it was reached and changes nothing.
 *
 * Layout and tables are the hostile guests' (fuzz/guest_machine.h).
 */
#ifndef KVMLET_COMPARE_MACHINE_H
#define KVMLET_COMPARE_MACHINE_H

#include "selftests/fuzz/guest_machine.h"

#define HOLE		0x1c000		/* a page without memory, in reach of 16-bit code */
#define HOLE_END	0x1d000
#define SEL_DATA16	0xa0
#define SEL_NOT_THERE	0x98
#define STUB_BYTES	8
#define STUBS		64		/* a vector above has the last one */
#define STUBS_SIZE	(STUBS * STUB_BYTES)
#define STUB32		HANDLERS
#define STUB64		(STUB32 + STUBS_SIZE)
#define STUB16		(STUB64 + STUBS_SIZE)
#define DONE_PORT	0xf4

/* Modes, as bits: a row of cases.h gives a set of them, to the assembler, too. */
#define M_REAL		0x001
#define M_VM86		0x002
#define M_P16		0x004
#define M_P32		0x008
#define M_PAGED		0x010
#define M_PAE		0x020
#define M_COMPAT	0x040
#define M_LONG		0x080
#define M_P32U		0x100
#define M_COMPATU	0x200
#define M_LONGU		0x400
#define NR_STARTS	11

#define M_16		(M_REAL | M_VM86 | M_P16)
#define M_64		(M_LONG | M_LONGU)
#define M_KERNEL	(M_REAL | M_P16 | M_P32 | M_PAGED | M_PAE | M_COMPAT | M_LONG)
#define M_USER		(M_VM86 | M_P32U | M_COMPATU | M_LONGU)
#define M_ALL		(M_KERNEL | M_USER)
#define M_PROT		(M_ALL & ~(M_REAL | M_VM86))
#define M_FEW		(M_REAL | M_P32 | M_LONG)
#define M_SOME		(M_REAL | M_P16 | M_P32 | M_COMPAT | M_LONG | M_LONGU)

struct start {
	const char *name;
	enum guest_mode mode;
	bool user;
};

static const struct start starts[NR_STARTS] = {
	{ "real", REAL, false }, { "vm86", VM86, true }, { "prot16", PROT16, false },
	{ "prot32", PROT32, false }, { "paged32", PAGED32, false }, { "pae", PAE, false },
	{ "compat", COMPAT, false }, { "long", LONG64, false }, { "prot32 user", PROT32, true },
	{ "compat user", COMPAT, true }, { "long user", LONG64, true },
};

/* Each says its place by RIP. Error codes are dropped. */
asm(".pushsection .rodata\n"
    "compare_stubs:\n"
    ".macro stubs drop, ret\n"
    ".set vector, 0\n"
    ".rept 64\n"
    "9: outb %al, $0xf4\n"
    ".if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17\n"
    "\\drop\n"
    ".endif\n"
    "\\ret\n"
    ".skip 8 - (. - 9b), 0x90\n"
    ".set vector, vector + 1\n"
    ".endr\n"
    ".endm\n"
    ".code32\n stubs \"add $4, %esp\", iret\n"
    ".code64\n stubs \"pop %rbp\", iretq\n"
    ".code16\n stubs nop, iret\n"
    ".code64\n"
    ".popsection\n");
extern const uint8_t compare_stubs[];

static unsigned int stub_of(unsigned int vector)
{
	return STUB_BYTES * (vector < STUBS ? vector : STUBS - 1);
}

static void make_memory(void)
{
	unsigned int i;

	make_pristine();
	memcpy(pristine + HANDLERS, compare_stubs, 3 * STUBS_SIZE);
	for (i = 0; i < 256; i++) {
		uint32_t at = stub_of(i);

		put32(4 * i, STUB16 + at);
		put64(IDT32 + 8 * i, (STUB32 + at) | SEL_CODE32 << 16 | 0xee00ULL << 32);
		put64(IDT64 + 16 * i, (STUB64 + at) | SEL_CODE64 << 16 | 0xee00ULL << 32);
	}
	put64(IDT32 + 8 * TASK_VECTOR, SEL_TSS_OTHER << 16 | 0xe500ULL << 32);
	put32(TSS32_OTHER + 0x20, STUB32 + stub_of(STUBS - 1));
	put64(GDT + SEL_DATA16, 0x000093010000ffff);
	/* The processor shall have nothing to set in the tables. */
	put64(PML4, PDPT64 | 0x27);
	for (i = 0; i < 4; i++)
		put64(PDPT64 + 8 * i, (PD_PAE + i * PAGE) | 0x27);
	for (i = 0; i < PAGE; i++) {
		pristine[DATA_AT + i] = 0x80 + i;
		pristine[HOLE + i] = 0x80 + i;
	}
}

/* Which vector's handler, or -1. */
static int handler_of(uint64_t linear)
{
	if (linear < HANDLERS || linear >= HANDLERS + 3 * STUBS_SIZE || linear % STUB_BYTES)
		return -1;
	return (linear - HANDLERS) % STUBS_SIZE / STUB_BYTES;
}

static void must_be(int r, const char *what)
{
	if (r < 0) {
		printf("Bail out! %s: %s\n", what, strerror(-r));
		exit(1);
	}
}

static void slot_ram(struct machine *m)
{
	must_be(vm_slot(&m->vm, 0, 0, 0, HOLE, m->ram), "memory");
	must_be(vm_slot(&m->vm, 1, 0, HOLE_END, RAM_END - HOLE_END, m->ram + HOLE_END), "memory");
}

/* The driver forgets what it has mapped. */
static void slot_anew(struct machine *m)
{
	must_be(vm_slot(&m->vm, 0, 0, 0, 0, m->ram), "no memory");
	must_be(vm_slot(&m->vm, 0, 0, 0, HOLE, m->ram), "memory");
}

/* A processor that is the same on each driver: what they offer beyond it is not the matter here. */
static void same_cpuid(struct machine *m)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid(m->vm.dev);
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == 1) {
			e->ebx = 0x800;
			e->ecx &= ~0x80000020;		/* a hypervisor, VMX */
			e->ecx |= 1 << 24;		/* TSC deadline */
		} else if (e->function == 7) {
			e->ecx = 0;			/* UMIP */
			e->edx = 0;
		}
	}
	must_be(call(m->vcpu.fd, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
}

static void compare_machine(struct machine *m, const char *path, bool irqchip)
{
	memset(m, 0, sizeof(*m));
	m->irqchip = irqchip;
	vm_open(&m->vm, path);
	m->ram = pages(RAM_END);
	m->top = pages(PAGE);
	slot_ram(m);
	must_be(vm_slot(&m->vm, 2, KVM_MEM_READONLY, READ_ONLY, PAGE, m->ram + CODE), "slot 2");
	must_be(vm_slot(&m->vm, 3, 0, TOP_PAGE, PAGE, m->top), "slot 3");
	if (irqchip)
		must_be(call(m->vm.fd, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	must_be(vcpu_open(&m->vm, &m->vcpu, 0), "KVM_CREATE_VCPU");
	same_cpuid(m);
	if (irqchip)
		save_chips(m);
}

static bool is_16(const struct start *s)
{
	return s->mode == REAL || s->mode == VM86 || s->mode == PROT16;
}

/* What a pointer to a linear address is in the mode's data segments. */
static uint64_t pointer(const struct start *s, uint64_t linear)
{
	return is_16(s) ? (uint16_t)(linear - CODE) : linear;
}

static struct kvm_segment code_segment(const struct start *s)
{
	struct kvm_segment cs;

	if (s->mode == PROT16)
		return segment(SEL_CODE16, 11, CODE, 0xffff);
	if (s->mode == LONG64)
		cs = segment(s->user ? SEL_USER64 : SEL_CODE64, 11, 0, 0xffffffff);
	else
		cs = segment(s->user ? SEL_USER32 : SEL_CODE32, 11, 0, 0xffffffff);
	cs.l = s->mode == LONG64;
	cs.db = !cs.l;
	return cs;
}

static void plain_segments(struct kvm_sregs *sregs, const struct start *s)
{
	struct kvm_segment data = segment(s->user ? SEL_USER_DATA : SEL_DATA, 3, 0, 0xffffffff);

	if (s->mode == PROT16)
		data = segment(SEL_DATA16, 3, CODE, 0xffff);
	sregs->cs = code_segment(s);
	if (s->mode == REAL || s->mode == VM86) {
		data = segment(CODE >> 4, 3, CODE, 0xffff);
		data.dpl = s->user ? 3 : 0;
		sregs->cs = data;
		sregs->cs.type = s->user ? 3 : 11;
	}
	sregs->ds = data;
	sregs->es = data;
	sregs->fs = data;
	sregs->gs = data;
	sregs->ss = data;
}

/* A plain state of this mode. */
static void plain_sregs(struct kvm_sregs *sregs, const struct start *s)
{
	static const uint32_t cr3[NR_MODES] = {
		[PAGED32] = PD32, [PAE] = PDPT_PAE, [COMPAT] = PML4, [LONG64] = PML4,
	};
	bool is_long = s->mode >= COMPAT;

	memset(sregs, 0, sizeof(*sregs));
	plain_segments(sregs, s);
	sregs->tr = segment(is_long ? SEL_TSS64 : SEL_TSS32, 11, is_long ? TSS64 : TSS32, 0x67);
	sregs->ldt = segment(SEL_LDT, 2, LDT, 0x7f);
	sregs->tr.s = 0;
	sregs->ldt.s = 0;
	sregs->gdt = (struct kvm_dtable) { .base = GDT, .limit = 0xa7 };
	sregs->idt = (struct kvm_dtable) { .base = is_long ? IDT64 : IDT32, .limit = 0x7ff };
	if (is_long)
		sregs->idt.limit = 0xfff;
	if (s->mode == REAL)
		sregs->idt = (struct kvm_dtable) { .base = 0, .limit = 0x3ff };
	sregs->cr0 = X86_CR0_ET | X86_CR0_NE | (s->mode == REAL ? 0 : X86_CR0_PE);
	sregs->cr3 = cr3[s->mode];
	sregs->cr0 |= sregs->cr3 ? X86_CR0_PG | X86_CR0_WP : 0;
	sregs->cr4 = X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	sregs->cr4 |= s->mode >= PAE ? X86_CR4_PAE : X86_CR4_PSE;
	sregs->efer = is_long ? EFER_LONG : 0;
	sregs->apic_base = APIC_X;
}

static void plain_regs(struct kvm_regs *regs, const struct start *s)
{
	unsigned int i;

	memset(regs, 0, sizeof(*regs));
	for (i = 0; i < 8 && s->mode == LONG64; i++)
		(&regs->r8)[i] = 0x0808080808080808ULL + i;
	regs->rax = s->mode == LONG64 ? 0xa8a7a6a555667788 : 0x55667788;
	regs->rcx = 3;
	regs->rdx = 0x300;
	regs->rbx = pointer(s, HOLE + 0x40);
	regs->rsi = pointer(s, DATA_AT + 0x10);
	regs->rdi = pointer(s, DATA_AT + 0x100);
	regs->rsp = pointer(s, STACK);
	regs->rbp = pointer(s, STACK - 0x40);
	regs->rip = is_16(s) ? 0 : CODE;
	regs->rflags = X86_EFLAGS_FIXED | (s->mode == VM86 ? X86_EFLAGS_VM : 0);
}

#endif
