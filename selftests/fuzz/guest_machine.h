/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For guest.c: the memory of a hostile guest, its tables, and the states that it starts in.
 *
 * Everything is valid to a VM entry (SDM 26.3.1): a failed entry is the guest's doing, and a
 * finding. Handlers of all vectors go on with the next instruction slot, in every mode, so that
 * most of a program runs whatever its instructions do.
 */
#ifndef KVMLET_FUZZ_GUEST_MACHINE_H
#define KVMLET_FUZZ_GUEST_MACHINE_H

#include <asm/processor-flags.h>
#include "selftests/lib/vm.h"

/* Guest-physical layout. */
#define GDT		0x01000
#define IDT32		0x01800
#define IDT64		0x02000
#define TSS32		0x03000
#define TSS32_OTHER	0x03100		/* of the task that a switch goes to */
#define TSS64		0x03200
#define TSS16		0x03300
#define LDT		0x03800
#define HANDLERS	0x04000
#define PD32		0x05000
#define PDPT_PAE	0x06000
#define PD_PAE		0x07000		/* four */
#define PML4		0x0b000
#define PDPT64		0x0c000
#define PT_PAE		0x0d000		/* of the first 2 MiB, for PAE and long mode */
#define PT32		0x0e000		/* of the first 4 MiB */
#define CODE		0x10000
#define CODE_SIZE	0x01000
#define DATA_AT		0x12000
#define STACK		0x15000		/* its top */
#define BORDER		0x18000		/* slot 0 ends and slot 1 begins */
#define RAM_END		0x20000
#define READ_ONLY	0x30000		/* a page of slot 2 */
#define TOP_PAGE	0xffffe000u	/* slot 3; no code ends at 4 GiB (lab.rst, bug 9) */
#define TOP_GDT		0x800		/* in it, see system_registers() */
#define MMIO		0xd0000000u
#define LAPIC_PAGE	0xfee00000u
#define IOAPIC		0xfec00000u

/* Selectors. */
#define SEL_CODE32	0x08
#define SEL_DATA	0x10
#define SEL_CODE64	0x18
#define SEL_CODE16	0x20
#define SEL_USER32	0x2b
#define SEL_USER_DATA	0x33
#define SEL_USER64	0x3b
#define SEL_TSS32	0x40
#define SEL_TSS_OTHER	0x48
#define SEL_TASK_GATE	0x50
#define SEL_LDT		0x58
#define SEL_TSS64	0x68
#define SEL_TSS16	0x80

#define TASK_VECTOR	0x30		/* of a task gate in the IDT */
#define SLOT_BYTES	64		/* of an instruction and what loads its registers */
#define EFER_SCE	0x001
#define EFER_LONG	0x500
#define EFER_NX		0x800
#define APIC_X2		0xfee00d00
#define APIC_X		0xfee00900
#define DR7_FIXED	0x400

enum guest_mode { REAL, UNREAL, VM86, PROT16, PROT32, PAGED32, PAE, COMPAT, LONG64, NR_MODES };

static const char *const mode_names[NR_MODES] = {
	"real mode", "real mode with large segments", "virtual-8086 mode",
	"16-bit protected mode", "32-bit protected mode", "32-bit paging", "PAE paging",
	"compatibility mode", "64-bit mode",
};

struct machine {
	struct vm vm;
	struct vcpu vcpu, other;	/* the other one never runs: it is somebody to send to */
	bool irqchip;
	uint32_t lines;			/* that are raised */
	uint8_t *ram, *top;
	struct kvm_lapic_state lapic;
	struct kvm_irqchip chips[3];
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entries[256];
	} msrs;
};

/* --- random numbers -------------------------------------------------------------------------- */

static uint64_t random_state;

static inline void random_seed(uint64_t seed)
{
	seed = (seed + 1) * 0x9e3779b97f4a7c15ULL;
	seed = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9ULL;
	random_state = (seed ^ seed >> 27) | 1;
}

/* Marsaglia's xorshift, multiplied. */
static uint64_t random64(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

static uint32_t below(uint32_t n)
{
	return (random64() >> 32) % n;
}

static bool one_in(uint32_t n)
{
	return below(n) == 0;
}

#define ANY_OF(array) ((array)[below(sizeof(array) / sizeof((array)[0]))])

/* Small numbers, single bits, all ones and what is near to them, and anything. */
static uint64_t odd_value(void)
{
	uint64_t r = random64();

	switch (below(6)) {
	case 0:
		return r;
	case 1:
		return 1ULL << (r & 63);
	case 2:
		return -(r & 31);
	case 3:
		return (1ULL << (r & 63)) - 1;
	case 4:
		return (uint32_t)r;
	default:
		return r & 255;
	}
}

/* Where something interesting is, or a few bytes before it. */
static uint32_t odd_address(void)
{
	static const uint32_t places[] = {
		DATA_AT, DATA_AT, DATA_AT, CODE, STACK, BORDER, RAM_END, READ_ONLY,
		READ_ONLY + PAGE, MMIO, MMIO, LAPIC_PAGE, IOAPIC, TOP_PAGE, 0, GDT, TSS32, PT_PAE,
		PD_PAE, PML4, PT32, PD32, DATA_AT + PAGE, 0x100000, 0x40000000, 0x80000000,
	};

	if (one_in(16))
		return odd_value();
	return ANY_OF(places) + below(48) - 16;
}

/* --- memory ---------------------------------------------------------------------------------- */

static uint8_t pristine[RAM_END], pristine_top[PAGE];

static void put16(uint32_t at, uint16_t value)
{
	memcpy(pristine + at, &value, sizeof(value));
}

static void put32(uint32_t at, uint32_t value)
{
	memcpy(pristine + at, &value, sizeof(value));
}

static void put64(uint32_t at, uint64_t value)
{
	memcpy(pristine + at, &value, sizeof(value));
}

/* Handlers: pop the error code if there is one, then on with the next slot. */
asm(".pushsection .rodata\n"
    "hostile_handlers:\n"
    ".code32\n"
    "32: add $4, %esp\n .balign 8, 0x90\n"
    "33: andl $-64, (%esp)\n addl $64, (%esp)\n iret\n .balign 32\n"
    ".code64\n"
    "64: add $8, %rsp\n .balign 8, 0x90\n"
    "65: andq $-64, (%rsp)\n addq $64, (%rsp)\n iretq\n .balign 32\n"
    ".code16\n"
    "16: push %bp\n mov %sp, %bp\n andw $-64, 2(%bp)\n addw $64, 2(%bp)\n pop %bp\n iret\n"
    ".balign 32\n"
    ".code32\n"
    "48: iret\n jmp 48b\n"
    ".balign 32\n"
    ".code64\n"
    ".popsection\n");
extern const uint8_t hostile_handlers[];

#define HANDLERS_SIZE	128
#define HANDLER32	HANDLERS
#define HANDLER64	(HANDLERS + 32)
#define HANDLER16	(HANDLERS + 64)
#define OTHER_TASK	(HANDLERS + 96)
#define NO_ERROR	8		/* the way in without an error code */

static bool pushes_error(unsigned int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

static void put_gates(void)
{
	unsigned int i, entry;

	for (i = 0; i < 256; i++) {
		put32(4 * i, HANDLER16);
		entry = pushes_error(i) ? 0 : NO_ERROR;
		put64(IDT32 + 8 * i, (HANDLER32 + entry) | SEL_CODE32 << 16 | 0xee00ULL << 32);
		put64(IDT64 + 16 * i, (HANDLER64 + entry) | SEL_CODE64 << 16 | 0xee00ULL << 32);
	}
	put64(IDT32 + 8 * TASK_VECTOR, SEL_TSS_OTHER << 16 | 0xe500ULL << 32);
}

static uint64_t system_segment(uint32_t base, uint16_t limit, unsigned int access)
{
	return limit | (uint64_t)base << 16 | (uint64_t)access << 40;
}

static void put_descriptors(void)
{
	static const uint64_t flat[] = {
		0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff,
		0x00009b010000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff,
	};
	unsigned int i;

	for (i = 0; i < 8; i++)
		put64(GDT + 8 * i, flat[i]);
	put64(GDT + SEL_TSS32, system_segment(TSS32, 0x67, 0x8b));
	put64(GDT + SEL_TSS_OTHER, system_segment(TSS32_OTHER, 0x67, 0xe9));
	put64(GDT + SEL_TASK_GATE, SEL_TSS_OTHER << 16 | 0xe500ULL << 32);
	put64(GDT + SEL_LDT, system_segment(LDT, 0x7f, 0xe2));
	put64(GDT + SEL_TSS64, system_segment(TSS64, 0x67, 0x89));
	/* A call gate, a 16-bit TSS, conforming code, data that grows down, and that is absent. */
	put64(GDT + 0x78, (HANDLER32 + NO_ERROR) | SEL_CODE32 << 16 | 0xec00ULL << 32);
	put64(GDT + SEL_TSS16, system_segment(TSS16, 0x2b, 0xe1));
	put64(GDT + 0x88, 0x00cf9f000000ffff);
	put64(GDT + 0x90, 0x00cff7000000000f);
	put64(GDT + 0x98, 0x00cf73000000ffff);
	memcpy(pristine + LDT, pristine + GDT, 0x80);
	memcpy(pristine_top + TOP_GDT, pristine + GDT, 0xa0);
}

static void put_task_states(void)
{
	const uint32_t other = TSS32_OTHER;
	unsigned int i;

	put32(TSS32 + 4, STACK - 0x800);
	put32(TSS32 + 8, SEL_DATA);
	put32(TSS32 + 0x64, 0x68 << 16);
	put32(other + 4, STACK - 0x800);
	put32(other + 8, SEL_DATA);
	put32(other + 0x20, OTHER_TASK);
	put32(other + 0x24, X86_EFLAGS_FIXED);
	put32(other + 0x38, STACK - 0xc00);
	for (i = 0; i < 6; i++)
		put32(other + 0x48 + 4 * i, i == 1 ? SEL_CODE32 : SEL_DATA);
	for (i = 0; i < 3; i++)
		put64(TSS64 + 4 + 8 * i, STACK - 0x800);
	put32(TSS64 + 0x64, 0x68 << 16);
	put16(TSS16 + 2, DATA_AT - CODE);
	put16(TSS16 + 4, SEL_DATA);
}

/* One to one. The low part in small pages, so that each can be made different. */
static void put_tables(void)
{
	uint64_t i;

	for (i = 0; i < 1024; i++) {
		put32(PD32 + 4 * i, i << 22 | 0xe7);
		put32(PT32 + 4 * i, i << 12 | 0x67);
	}
	put32(PD32, PT32 | 0x67);
	for (i = 0; i < 4; i++)
		put64(PDPT_PAE + 8 * i, (PD_PAE + i * PAGE) | 1);
	for (i = 0; i < 4; i++)
		put64(PDPT64 + 8 * i, (PD_PAE + i * PAGE) | 7);
	for (i = 0; i < 4 * 512; i++)
		put64(PD_PAE + 8 * i, i << 21 | 0xe7);
	for (i = 0; i < 512; i++)
		put64(PT_PAE + 8 * i, i << 12 | 0x67);
	put64(PD_PAE, PT_PAE | 0x67);
	put64(PML4, PDPT64 | 7);
}

static void make_pristine(void)
{
	memcpy(pristine + HANDLERS, hostile_handlers, HANDLERS_SIZE);
	put_gates();
	put_descriptors();
	put_task_states();
	put_tables();
}

/* --- the machine ----------------------------------------------------------------------------- */

static void save_chips(struct machine *m)
{
	unsigned int i;

	call(m->vcpu.fd, KVM_GET_LAPIC, &m->lapic);
	for (i = 0; i < 3; i++) {
		m->chips[i].chip_id = i;
		call(m->vm.fd, KVM_GET_IRQCHIP, &m->chips[i]);
	}
}

static void save_msrs(struct machine *m)
{
	struct {
		struct kvm_msr_list head;
		uint32_t indices[256];
	} list;
	unsigned int i;

	list.head.nmsrs = 256;
	if (call(m->vm.dev, KVM_GET_MSR_INDEX_LIST, &list))
		exit(1);
	m->msrs.head.nmsrs = list.head.nmsrs;
	for (i = 0; i < list.head.nmsrs; i++)
		m->msrs.entries[i].index = list.indices[i];
	call(m->vcpu.fd, KVM_GET_MSRS, &m->msrs);
}

static inline void machine_make(struct machine *m, const char *path, bool irqchip)
{
	memset(m, 0, sizeof(*m));
	m->irqchip = irqchip;
	vm_open(&m->vm, path);
	m->ram = pages(RAM_END);
	m->top = pages(PAGE);
	if (vm_slot(&m->vm, 0, 0, 0, BORDER, m->ram) ||
	    vm_slot(&m->vm, 1, 0, BORDER, RAM_END - BORDER, m->ram + BORDER) ||
	    vm_slot(&m->vm, 2, KVM_MEM_READONLY, READ_ONLY, PAGE, m->ram + CODE) ||
	    vm_slot(&m->vm, 3, 0, TOP_PAGE, PAGE, m->top) ||
	    (irqchip && call(m->vm.fd, KVM_CREATE_IRQCHIP, 0)) ||
	    vcpu_open(&m->vm, &m->vcpu, 0) || (irqchip && vcpu_open(&m->vm, &m->other, 1))) {
		printf("Bail out! no machine: %s\n", strerror(errno));
		exit(1);
	}
	vcpu_supported_cpuid(&m->vm, &m->vcpu);
	save_msrs(m);
	if (irqchip)
		save_chips(m);
}

static inline void machine_end(struct machine *m)
{
	if (m->irqchip)
		vcpu_close(&m->other);
	machine_close(&m->vm, &m->vcpu);
	munmap(m->ram, RAM_END);
	munmap(m->top, PAGE);
}

/* --- states ---------------------------------------------------------------------------------- */

static inline unsigned int mode_bits(enum guest_mode mode)
{
	if (mode == LONG64)
		return 64;
	return mode <= PROT16 ? 16 : 32;
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, uint64_t base, uint32_t limit)
{
	return (struct kvm_segment) {
		.selector = selector, .type = type, .base = base, .limit = limit, .s = 1,
		.present = 1, .dpl = selector & 3, .g = limit > 0xffff, .db = limit > 0xffff,
	};
}

static void real_segments(struct kvm_sregs *sregs, uint32_t limit, bool vm86)
{
	static const uint16_t places[] = { 0, 0x1000, 0x1200, 0x1fff, 0xf000, 0xffff };
	struct kvm_segment *const data[] = { &sregs->ds, &sregs->es, &sregs->fs, &sregs->gs };
	unsigned int i;

	sregs->cs = segment(CODE >> 4, vm86 ? 3 : 11, CODE, 0xffff);
	sregs->ss = segment(CODE >> 4, 3, CODE, 0xffff);
	for (i = 0; i < 4; i++) {
		uint16_t selector = ANY_OF(places);

		*data[i] = segment(selector, 3, selector << 4, limit);
	}
	for (i = 0; i < 4; i++)
		data[i]->dpl = vm86 ? 3 : 0;
	sregs->cs.dpl = vm86 ? 3 : 0;
	sregs->ss.dpl = sregs->cs.dpl;
}

/*
 * A data segment: mostly flat, sometimes small, read-only, growing down, moved, or null. Null
 * only where the guest does not get to real mode easily: there the emulator loads such a segment
 * register as one that is usable and has no type, and fails the next entry for that.
 */
static struct kvm_segment odd_segment(bool user, bool is_64)
{
	uint16_t selector = user ? SEL_USER_DATA : SEL_DATA;
	struct kvm_segment s = segment(selector, 3, 0, 0xffffffff);

	switch (below(12)) {
	case 0:
		return segment(selector, 3, 0, 0xfff);
	case 1:
		s.type = 1;
		break;
	case 2:
		s.type = 7;
		s.limit = 0x12fff;
		s.g = 0;
		break;
	case 3:
		s.base = (uint32_t)odd_value();
		break;
	case 4:
		s.unusable = is_64;
	}
	s.base = is_64 ? 0 : s.base;
	return s;
}

static void flat_code(struct kvm_sregs *sregs, enum guest_mode mode, bool user)
{
	uint16_t selector = user ? SEL_USER32 : SEL_CODE32;

	if (mode == PROT16) {
		sregs->cs = segment(SEL_CODE16, 11, CODE, 0xffff);
		return;
	}
	if (mode == LONG64)
		selector = user ? SEL_USER64 : SEL_CODE64;
	sregs->cs = segment(selector, 11, 0, 0xffffffff);
	if (mode == LONG64) {
		sregs->cs.l = 1;
		sregs->cs.db = 0;
	}
}

static void protected_segments(struct kvm_sregs *sregs, enum guest_mode mode)
{
	bool user = mode != PROT16 && one_in(4), is_64 = mode == LONG64;

	flat_code(sregs, mode, user);
	sregs->ss = segment(user ? SEL_USER_DATA : SEL_DATA, 3, 0, 0xffffffff);
	sregs->ds = odd_segment(user, is_64);
	sregs->es = odd_segment(user, is_64);
	sregs->fs = odd_segment(user, is_64);
	sregs->gs = odd_segment(user, is_64);
	if (is_64 && one_in(4))
		sregs->gs.base = odd_address();
}

/*
 * In virtual-8086 mode the descriptors are where the guest cannot reach them: the emulator keeps
 * bit L of what an SS held before an IRET to that mode, and fails the next entry for it.
 */
static void system_registers(struct kvm_sregs *sregs, enum guest_mode mode)
{
	bool is_long = mode >= COMPAT;

	sregs->tr = segment(is_long ? SEL_TSS64 : SEL_TSS32, 11, is_long ? TSS64 : TSS32, 0x67);
	/* Sometimes with a map of ports: whatever follows in memory. */
	if (one_in(2))
		sregs->tr.limit = 0x2067;
	sregs->ldt = segment(SEL_LDT, 2, LDT, 0x7f);
	sregs->tr.s = 0;
	sregs->ldt.s = 0;
	sregs->ldt.unusable = one_in(2);
	sregs->gdt = (struct kvm_dtable) { .base = GDT, .limit = 0x9f };
	if (mode == VM86)
		sregs->gdt.base = TOP_PAGE + TOP_GDT;
	sregs->idt = (struct kvm_dtable) { .base = is_long ? IDT64 : IDT32, .limit = 0x7ff };
	if (is_long)
		sregs->idt.limit = 0xfff;
	if (mode <= UNREAL)
		sregs->idt = (struct kvm_dtable) { .base = 0, .limit = 0x3ff };
}

static void control_registers(struct kvm_sregs *sregs, enum guest_mode mode)
{
	static const uint32_t cr3[NR_MODES] = {
		[PAGED32] = PD32, [PAE] = PDPT_PAE, [COMPAT] = PML4, [LONG64] = PML4,
	};
	const uint64_t cr0 = X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_WP | X86_CR0_AM;
	const uint64_t cr4 = X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PGE |
			     X86_CR4_PCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_MCE |
			     X86_CR4_FSGSBASE | X86_CR4_OSXSAVE;

	sregs->cr0 = X86_CR0_ET | X86_CR0_NE | (random64() & cr0);
	sregs->cr4 = random64() & cr4;
	sregs->cr3 = cr3[mode];
	sregs->efer = random64() & (EFER_SCE | EFER_NX);
	sregs->cr0 |= mode > UNREAL ? X86_CR0_PE : 0;
	/* Virtual-8086 mode with paging or without. */
	if (mode >= PAGED32 || (mode == VM86 && one_in(2))) {
		sregs->cr0 |= X86_CR0_PG;
		sregs->cr4 |= mode >= PAE ? X86_CR4_PAE : X86_CR4_PSE;
		sregs->cr3 = cr3[mode] ? cr3[mode] : PD32;
	}
	if (mode >= COMPAT)
		sregs->efer |= EFER_LONG;
	if (mode >= COMPAT && one_in(4))
		sregs->cr4 |= X86_CR4_PCIDE;
	if (one_in(8))
		sregs->cr4 |= random64() & (X86_CR4_SMEP | X86_CR4_SMAP);
	if (one_in(8))
		sregs->cr0 |= X86_CR0_CD | (random64() & X86_CR0_NW);
}

static int set_sregs(struct machine *m, enum guest_mode mode, struct kvm_sregs *sregs)
{
	int r;

	memset(sregs, 0, sizeof(*sregs));
	if (mode <= VM86)
		real_segments(sregs, mode == UNREAL ? 0xffffffff : 0xffff, mode == VM86);
	else
		protected_segments(sregs, mode);
	system_registers(sregs, mode);
	control_registers(sregs, mode);
	sregs->apic_base = m->irqchip && one_in(4) ? APIC_X2 : APIC_X;
	sregs->cr8 = one_in(4) ? below(16) : 0;
	m->vcpu.run->cr8 = sregs->cr8;
	/* The features of this processor's CPUID may be fewer. */
	r = call(m->vcpu.fd, KVM_SET_SREGS, sregs);
	if (r != -EINVAL)
		return r;
	sregs->cr4 &= X86_CR4_PAE | X86_CR4_PSE;
	sregs->efer &= EFER_LONG;
	return call(m->vcpu.fd, KVM_SET_SREGS, sregs);
}

static int set_regs(struct machine *m, enum guest_mode mode, struct kvm_regs *regs)
{
	uint64_t *gprs = (uint64_t *)regs;
	unsigned int i;

	for (i = 0; i < 16; i++)
		gprs[i] = one_in(2) ? odd_value() : odd_address();
	regs->rsp = one_in(32) ? odd_address() : STACK - (one_in(8) ? below(32) : 0);
	regs->rip = CODE;
	if (mode <= VM86 || mode == PROT16)
		regs->rip = 0;
	if (mode <= VM86)
		regs->rsp -= CODE;
	regs->rflags = X86_EFLAGS_FIXED | (random64() & 0x253ed5);
	if (one_in(16))
		regs->rflags |= X86_EFLAGS_TF;
	if (one_in(16))
		regs->rflags |= X86_EFLAGS_NT;
	if (mode == VM86)
		regs->rflags |= X86_EFLAGS_VM;
	return call(m->vcpu.fd, KVM_SET_REGS, regs);
}

static void odd_event(struct kvm_vcpu_events *events, bool irqchip, bool flag_if)
{
	static const uint8_t vectors[] = { 0, 1, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18 };

	switch (below(16)) {
	case 0:
		events->exception.injected = 1;
		events->exception.nr = ANY_OF(vectors);
		events->exception.has_error_code = pushes_error(events->exception.nr);
		break;
	case 1:
		events->nmi.injected = 1;
		break;
	case 2:
		events->nmi.pending = 1 + below(2);
		break;
	case 3:
		events->nmi.masked = 1;
		break;
	case 4:
		if (flag_if || !irqchip) {
			events->interrupt.injected = 1;
			events->interrupt.nr = below(256);
		}
	}
}

/*
 * No shadow of STI or MOV SS: an entry wants the single step that waits behind it to agree with
 * RFLAGS.TF, and user space cannot set that.
 */
static int set_events(struct machine *m, const struct kvm_regs *regs)
{
	struct kvm_debugregs debug = { .dr6 = 0xffff0ff0, .dr7 = DR7_FIXED };
	struct kvm_vcpu_events events = {
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW,
	};
	unsigned int i;

	for (i = 0; i < 4; i++)
		debug.db[i] = one_in(4) ? odd_value() : odd_address();
	if (one_in(8))
		debug.dr7 |= (uint32_t)random64() & 0xffff23ff;
	odd_event(&events, m->irqchip, regs->rflags & X86_EFLAGS_IF);
	if (call(m->vcpu.fd, KVM_SET_DEBUGREGS, &debug))
		return -1;
	return call(m->vcpu.fd, KVM_SET_VCPU_EVENTS, &events);
}

static void set_line(struct machine *m, unsigned int line, bool level)
{
	struct kvm_irq_level irq = { .irq = line, .level = level };

	if (call(m->vm.fd, KVM_IRQ_LINE, &irq))
		return;
	m->lines &= ~(1U << line);
	m->lines |= (uint32_t)level << line;
}

static int reset_chips(struct machine *m)
{
	struct kvm_mp_state mp = { KVM_MP_STATE_RUNNABLE };
	unsigned int i;
	int r = 0;

	while (m->lines)
		set_line(m, __builtin_ctz(m->lines), false);
	for (i = 0; i < 3; i++)
		r |= call(m->vm.fd, KVM_SET_IRQCHIP, &m->chips[i]);
	r |= call(m->vcpu.fd, KVM_SET_LAPIC, &m->lapic);
	return r | call(m->vcpu.fd, KVM_SET_MP_STATE, &mp);
}

/*
 * The exit that the last program ended with is finished, so that it has no effect on this one; and
 * an SMI that it sent itself: in SMM, where this machine has no memory, nothing would run any more.
 */
static void finish_exit(struct machine *m)
{
	struct kvm_vcpu_events events;
	unsigned int patience = 64;

	m->vcpu.run->immediate_exit = 1;
	while (patience-- && vcpu_run(&m->vcpu) >= 0)
		;
	m->vcpu.run->immediate_exit = 0;
	call(m->vcpu.fd, KVM_GET_VCPU_EVENTS, &events);
	if (!events.smi.smm && !events.smi.pending)
		return;
	events.flags |= KVM_VCPUEVENT_VALID_SMM;
	events.smi.smm = 0;
	events.smi.pending = 0;
	call(m->vcpu.fd, KVM_SET_VCPU_EVENTS, &events);
}

/* The emulated processor moves a byte at a time in memcpy()'s REP MOVSB. */
static void restore_memory(struct machine *m)
{
	unsigned int i;

	for (i = 0; i < RAM_END; i += 64)
		__builtin_memcpy(m->ram + i, pristine + i, 64);
	for (i = 0; i < PAGE; i += 64)
		__builtin_memcpy(m->top + i, pristine_top + i, 64);
}

/* Sometimes some pages are different: not there, read-only, supervisor's, with reserved bits. */
static void odd_pages(struct machine *m)
{
	uint64_t *pt = (uint64_t *)(m->ram + PT_PAE), *pd = (uint64_t *)(m->ram + PD_PAE);
	uint32_t *pt32 = (uint32_t *)(m->ram + PT32);
	unsigned int i, page;

	if (!one_in(4))
		return;
	for (i = below(6); i; i--) {
		page = below(RAM_END / PAGE);
		pt[page] ^= 1ULL << below(64);
		pt32[page] ^= 1U << below(32);
		pd[1 + below(2047)] ^= 1ULL << below(64);
	}
}

/*
 * States that no entry would take: they are set and not entered, since the lab counts entries
 * that fail. The next state has to replace all of it.
 */
static void wild_state(struct machine *m)
{
	struct kvm_vcpu_events events = { .flags = below(16) };
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	uint64_t *words = (uint64_t *)&sregs;
	unsigned int i;

	call(m->vcpu.fd, KVM_GET_SREGS, &sregs);
	for (i = 1 + below(3); i; i--)
		words[below(sizeof(sregs) / 8)] ^= odd_value();
	call(m->vcpu.fd, KVM_SET_SREGS, &sregs);
	call(m->vcpu.fd, KVM_GET_REGS, &regs);
	regs.rip = random64();
	regs.rflags = random64();
	call(m->vcpu.fd, KVM_SET_REGS, &regs);
	for (i = 0; i < 16; i++)
		((uint8_t *)&events)[i] = below(4);
	call(m->vcpu.fd, KVM_SET_VCPU_EVENTS, &events);
	finish_exit(m);
}

/* Memory as it was, all registers by chance. 0 if the driver takes them, as it has to. */
static inline int machine_reset(struct machine *m, enum guest_mode mode, struct kvm_regs *regs,
				struct kvm_sregs *sregs)
{
	int r;

	finish_exit(m);
	if (one_in(8))
		wild_state(m);
	restore_memory(m);
	odd_pages(m);
	r = call(m->vcpu.fd, KVM_SET_MSRS, &m->msrs) != (int)m->msrs.head.nmsrs;
	r |= set_sregs(m, mode, sregs);
	if (m->irqchip)
		r |= reset_chips(m);
	r |= set_regs(m, mode, regs);
	return r | set_events(m, regs);
}

#endif
