/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For guest.c: the cases on the processor itself, without a hypervisor, to decide disputes.
 *
 * The program writes itself to a file, with the cases in it, which `lab boot` starts in place of a
 * kernel, at the same addresses. What takes a hypervisor's place is system management mode (SDM
 * vol. 3C, 31): the area that RSM loads holds all of a processor's state, in any mode, and a
 * handler's marker, a write to the chipset's port 0xb2, brings an SMI. There the next case is
 * prepared, loaded by RSM, and what is found at each SMI sent; bare_tell() makes a record of it.
 * Whatever is marked BARE runs without libc.
 */
#ifndef KVMLET_COMPARE_BARE_H
#define KVMLET_COMPARE_BARE_H

#include <elf.h>
#include "selftests/compare/row.h"

#define BARE_PORT	0xb2		/* a write is an SMI */
#define SMRAM		0xa0000
#define SAVE_AT		(SMRAM + 0xfe00)	/* where the state is saved; offsets as AMD64's */
#define SAVE_BYTES	512
#define MAX_CASES	3000
#define MAX_WORDS	40
#define REPORT_PORT	0xe9		/* the lab's: see lab/agent.c */
#define POWER_PORT	0x8900

/* Offsets in the saved state, from SAVE_AT. */
enum {
	SAVE_ES = 0x000, SAVE_LDTR = 0x070, SAVE_GDTR = 0x060, SAVE_IDTR = 0x080, SAVE_TR = 0x090,
	SAVE_EFER = 0x0d0, SAVE_REVISION = 0x0fc, SAVE_BASE = 0x100, SAVE_CR4 = 0x148,
	SAVE_CR3 = 0x150, SAVE_CR0 = 0x158, SAVE_DR7 = 0x160, SAVE_DR6 = 0x168,
	SAVE_RFLAGS = 0x170, SAVE_RIP = 0x178, SAVE_RSP = 0x1d8,
};

/* Of rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, as struct kvm_regs has them; then r8 and on. */
static const uint16_t save_regs[16] = {
	0x1f8, 0x1e0, 0x1f0, 0x1e8, 0x1c8, 0x1c0, 0x1d8, 0x1d0,
	0x1b8, 0x1b0, 0x1a8, 0x1a0, 0x198, 0x190, 0x188, 0x180,
};

static const uint32_t bare_msrs[] = {
	0x174, 0x175, 0x176, 0x277, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000102,
};

#define NR_BARE_MSRS	(sizeof(bare_msrs) / sizeof(bare_msrs[0]))

struct word {
	uint64_t at, value;
};

struct bare_case {
	uint8_t save[SAVE_BYTES];
	uint64_t dr[4], mark;
	uint32_t frame_size, nr;
	struct word words[MAX_WORDS];		/* what is not as in pristine[] */
};

/* What is sent of each SMI; behind it the words that have changed since the case began. */
struct bare_event {
	uint32_t index, nr;
	uint64_t dr[4], cr2;
	uint8_t fpu[512], save[SAVE_BYTES];
};

#define MAX_CHANGED	2000
#define SHUTDOWN	~0U		/* instead of a number of words: the processor was reset */

static struct {
	unsigned int nr, next, events;
	bool reset;			/* by a triple fault, and begins anew */
	uint64_t before[RAM_END / 8], msrs[NR_BARE_MSRS];
	struct bare_case cases[MAX_CASES];
	struct {
		struct bare_event head;
		struct word words[MAX_CHANGED];
	} out;
} bare;

/* --- without Linux --------------------------------------------------------------------------- */

#define BARE __attribute__((used, noinline, target("general-regs-only"), \
			    optimize("no-tree-loop-distribute-patterns")))

extern const uint8_t bare_smm[], bare_smm_end[];
void bare_enter(void);
uint8_t bare_fpu[512] __attribute__((aligned(64))), bare_stack[16384] __attribute__((aligned(16)));
uint64_t bare_tables[6][512] __attribute__((aligned(4096)));

asm(".pushsection .text\n"
    /* An SMI comes here, in real mode with CS at SMRAM. */
    "bare_smm: .code16\n"
    "	mov	$9f, %ebx\n	lgdtl	(%ebx)\n"
    "	mov	%cr0, %eax\n	or	$1, %eax\n	mov	%eax, %cr0\n"
    "	ljmpl	$8, $1f\n"
    "bare_smm_end:\n"
    "8:	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff\n"
    "	.quad	0x0000890000000067\n"
    "9:	.word	39\n	.long	8b\n"
    "	.code32\n"
    "1:	mov	$0x10, %eax\n	mov	%eax, %ds\n	mov	%eax, %es\n	mov	%eax, %ss\n"
    /* A 16-bit TSS, which a case may have left, keeps long mode off. */
    "	movb	$0x89, 8b + 37\n	mov	$0x20, %eax\n	ltr	%ax\n"
    "	mov	$0x40620, %eax\n	mov	%eax, %cr4\n"
    "	mov	$bare_tables, %eax\n	mov	%eax, %cr3\n"
    "	mov	$0xc0000080, %ecx\n	mov	$0x100, %eax\n	xor	%edx, %edx\n	wrmsr\n"
    "	mov	%cr0, %eax\n	or	$0x80000000, %eax\n	mov	%eax, %cr0\n"
    "	ljmp	$0x18, $2f\n"
    "	.code64\n"
    "2:	mov	$bare_stack + 16384, %rsp\n"
    "	fxsave	bare_fpu\n	call	bare_smi\n	fxrstor	bare_fpu\n"
    "	rsm\n"
    "bare_enter:\n"
    "	cli\n	mov	$bare_stack + 16384, %rsp\n"
    "	mov	$bare_tables, %rax\n	mov	%rax, %cr3\n"
    "	call	bare_begin\n"
    "	outb	%al, $0xb2\n"
    "3:	jmp	3b\n"
    ".popsection\n");

static inline void bare_out8(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" : : "a" (value), "Nd" (port));
}

static inline void bare_send(const void *data, unsigned int size)
{
	asm volatile("rep outsb" : "+S" (data), "+c" (size) : "d" (REPORT_PORT) : "memory");
}

static inline void bare_frame(char kind, const void *data, unsigned int size)
{
	const uint8_t head[] = { 1, kind, size, size >> 8 };

	bare_send(head, sizeof(head));
	bare_send(data, size);
}

static inline void bare_copy(void *to, const void *from, unsigned int words)
{
	asm volatile("rep movsq" : "+D" (to), "+S" (from), "+c" (words) : : "memory");
}

/* A byte of the chipset's configuration space. */
static inline void bare_pci(uint32_t device, unsigned int reg, uint8_t value)
{
	uint32_t address = 0x80000000 | device << 8 | (reg & 0xfc);

	asm volatile("outl %0, %w1" : : "a" (address), "d" (0xcf8));
	bare_out8(0xcfc + (reg & 3), value);
}

static inline uint64_t bare_rdmsr(uint32_t msr)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a" (low), "=d" (high) : "c" (msr));
	return low | (uint64_t)high << 32;
}

static inline void bare_wrmsr(uint32_t msr, uint64_t value)
{
	asm volatile("wrmsr" : : "c" (msr), "a" ((uint32_t)value), "d" ((uint32_t)(value >> 32)));
}

/* Here, again after a reset: no interrupts but the SMI, whose handler is ours. */
BARE void bare_begin(void)
{
	unsigned int i;

	bare_out8(0x21, 0xff);
	bare_out8(0xa1, 0xff);
	*(volatile uint32_t *)0xfee000f0 = 0xff;		/* the LAPIC is off by software */
	for (i = 0; i < NR_BARE_MSRS && !bare.next; i++)
		bare.msrs[i] = bare_rdmsr(bare_msrs[i]);
	bare.reset = bare.next;
	bare_pci(0, 0x72, 0x4a);				/* SMRAM is open, and stays so */
	for (i = 0; i < (unsigned int)(bare_smm_end - bare_smm); i++)
		((volatile uint8_t *)SMRAM)[0x8000 + i] = bare_smm[i];
	bare_pci(0x0b, 0x5b, 2);				/* 00:01.3: port 0xb2 brings it */
}

BARE void bare_power_off(void)
{
	static const uint64_t ended[2];
	static const char word[] = "Shutdown";
	unsigned int i;

	bare_frame('X', ended, sizeof(ended));
	bare_frame('Z', ended, 0);
	for (i = 0; i < 8; i++)
		bare_out8(POWER_PORT, word[i]);
	for (;;)
		;
}

static inline void bare_set_debug(const uint64_t dr[4])
{
	asm volatile("mov %0, %%db0; mov %1, %%db1; mov %2, %%db2; mov %3, %%db3"
		     : : "r" (dr[0]), "r" (dr[1]), "r" (dr[2]), "r" (dr[3]));
}

BARE void bare_next_case(void)
{
	const struct bare_case *c = &bare.cases[bare.next++];
	void *ram = NULL;
	unsigned int i;

	if (c == &bare.cases[bare.nr])
		bare_power_off();
	bare.events = 0;
	bare_copy(bare.before, pristine, RAM_END / 8);
	for (i = 0; i < c->nr; i++)
		bare.before[c->words[i].at / 8] = c->words[i].value;
	asm("" : "+r" (ram));
	bare_copy(ram, bare.before, RAM_END / 8);
	/* But not the revision and the base. */
	bare_copy((void *)SAVE_AT, c->save, SAVE_REVISION / 8);
	bare_copy((void *)(SAVE_AT + SAVE_BASE + 8), c->save + SAVE_BASE + 8,
		  (SAVE_BYTES - SAVE_BASE - 8) / 8);
	for (i = 0; i < NR_BARE_MSRS; i++)
		bare_wrmsr(bare_msrs[i], bare.msrs[i]);
	for (i = 0; i < 512; i++)
		bare_fpu[i] = i >= 160 && i < 416 ? i - 160 : 0;
	*(uint16_t *)bare_fpu = 0x37f;
	*(uint32_t *)(bare_fpu + 24) = 0x1f80;
	bare_set_debug(c->dr);
	asm volatile("mov %0, %%cr2; mov %0, %%cr8" : : "r" (0UL));
	asm volatile("xsetbv" : : "a" (1), "d" (0), "c" (0));
}

BARE void bare_report(void)
{
	struct bare_event *e = &bare.out.head;
	volatile uint64_t *ram = NULL;
	unsigned int i;

	asm("" : "+r" (ram));
	e->index = bare.next - 1;
	asm volatile("mov %%db0, %0; mov %%db1, %1; mov %%db2, %2; mov %%db3, %3; mov %%cr2, %4"
		     : "=r" (e->dr[0]), "=r" (e->dr[1]), "=r" (e->dr[2]), "=r" (e->dr[3]),
		       "=r" (e->cr2));
	bare_copy(e->fpu, bare_fpu, 64);
	bare_copy(e->save, (void *)SAVE_AT, SAVE_BYTES / 8);
	for (i = 0, e->nr = 0; i < RAM_END / 8 && e->nr < MAX_CHANGED; i++)
		if (ram[i] != bare.before[i]) {
			bare.out.words[e->nr].at = 8 * i;
			bare.out.words[e->nr++].value = ram[i];
		}
	bare_frame('O', e, sizeof(*e) + e->nr * sizeof(struct word));
}

/* As reached() in guest.c, of the state that was saved. */
BARE bool bare_goes_on(void)
{
	const struct bare_case *c = &bare.cases[bare.next - 1];
	uint64_t cs = *(uint64_t *)(SAVE_AT + SAVE_ES + 0x18);
	uint64_t ss = *(uint64_t *)(SAVE_AT + SAVE_ES + 0x28), ip = 0;
	uint64_t sp = *(uint64_t *)(SAVE_AT + SAVE_RSP);
	uint64_t at = cs + *(uint64_t *)(SAVE_AT + SAVE_RIP) - 2 - HANDLERS;
	unsigned int i, vector = at % STUBS_SIZE / STUB_BYTES;

	if (at >= 3 * STUBS_SIZE || at % STUB_BYTES)
		return false;
	sp = (c->frame_size == 8 ? sp : (uint32_t)(sp + ss)) & 0x1fffff;
	for (i = 0; i < c->frame_size; i++)
		ip |= (uint64_t)((volatile uint8_t *)sp)[i] << 8 * i;
	if ((vector == 3 && ip == c->mark) || (vector > 4 && vector < 32))
		return false;
	return vector && ++bare.events < 4;
}

BARE void bare_smi(void)
{
	if (bare.reset) {
		bare.out.head.index = bare.next - 1;
		bare.out.head.nr = SHUTDOWN;
		bare_frame('O', &bare.out.head, sizeof(bare.out.head));
		bare.reset = false;
	} else if (bare.next) {
		bare_report();
		if (bare_goes_on())
			return;
	}
	bare_next_case();
}

/* --- as a program of Linux ------------------------------------------------------------------- */

static void save_put(uint8_t *save, unsigned int at, uint64_t value, unsigned int size)
{
	memcpy(save + at, &value, size);
}

static uint64_t save_get(const uint8_t *save, unsigned int at, unsigned int size)
{
	uint64_t value = 0;

	memcpy(&value, save + at, size);
	return value;
}

static void save_segment(uint8_t *save, unsigned int at, const struct kvm_segment *s)
{
	save_put(save, at, s->selector, 2);
	save_put(save, at + 2, s->type | s->s << 4 | s->dpl << 5 | s->present << 7 |
		 !s->unusable << 8 | s->avl << 12 | s->l << 13 | s->db << 14 | s->g << 15, 2);
	save_put(save, at + 4, s->limit, 4);
	save_put(save, at + 8, s->base, 8);
}

static struct kvm_segment saved_segment(const uint8_t *save, unsigned int at)
{
	unsigned int ar = save_get(save, at + 2, 2);

	return (struct kvm_segment) {
		.selector = save_get(save, at, 2), .limit = save_get(save, at + 4, 4),
		.base = save_get(save, at + 8, 8), .type = ar, .s = ar >> 4 & 1,
		.dpl = ar >> 5 & 3, .present = ar >> 7 & 1, .unusable = !(ar >> 8 & 1),
		.avl = ar >> 12 & 1, .l = ar >> 13 & 1, .db = ar >> 14 & 1, .g = ar >> 15 & 1,
	};
}

static void save_state(struct bare_case *c, const struct setup *s)
{
	const struct kvm_sregs *r = &s->sregs;
	const struct kvm_segment *segments[] = { &r->es, &r->cs, &r->ss, &r->ds, &r->fs, &r->gs };
	const uint64_t *regs = (const uint64_t *)&s->regs;
	unsigned int i;

	for (i = 0; i < 16; i++)
		save_put(c->save, save_regs[i], regs[i], 8);
	for (i = 0; i < 6; i++)
		save_segment(c->save, SAVE_ES + 16 * i, segments[i]);
	save_segment(c->save, SAVE_TR, &r->tr);
	save_segment(c->save, SAVE_LDTR, &r->ldt);
	save_put(c->save, SAVE_GDTR + 4, r->gdt.limit, 4);
	save_put(c->save, SAVE_GDTR + 8, r->gdt.base, 8);
	save_put(c->save, SAVE_IDTR + 4, r->idt.limit, 4);
	save_put(c->save, SAVE_IDTR + 8, r->idt.base, 8);
	save_put(c->save, SAVE_RIP, s->regs.rip, 8);
	save_put(c->save, SAVE_RFLAGS, s->regs.rflags, 8);
	save_put(c->save, SAVE_CR0, r->cr0, 8);
	save_put(c->save, SAVE_CR3, r->cr3, 8);
	save_put(c->save, SAVE_CR4, r->cr4, 8);
	save_put(c->save, SAVE_EFER, r->efer, 8);
	save_put(c->save, SAVE_DR6, s->debug.dr6, 8);
	save_put(c->save, SAVE_DR7, s->debug.dr7, 8);
	memcpy(c->dr, s->debug.db, sizeof(c->dr));
}

/* A case is ready to run, or to be told of. */
static void bare_add(const struct setup *s, unsigned int size)
{
	struct bare_case *c = &bare.cases[bare.nr++];
	const uint64_t *now = (const uint64_t *)s->m->ram, *was = (const uint64_t *)pristine;
	unsigned int i;

	if (bare.nr == MAX_CASES)
		must_be(-ENOSPC, "cases");
	memset(c, 0, sizeof(*c));
	save_state(c, s);
	c->mark = s->mark;
	c->frame_size = size;
	for (i = 0; i < RAM_END / 8; i++)
		if (now[i] != was[i]) {
			if (c->nr == MAX_WORDS)
				must_be(-ENOSPC, "memory of a case");
			c->words[c->nr++] = (struct word) { 8 * i, now[i] };
		}
}

extern char __executable_start[], _end[];

/* All of this program, where it is, as a kernel for `lab boot`. */
static void bare_write(const char *file)
{
	uintptr_t from = (uintptr_t)__executable_start & -PAGE, size = (uintptr_t)_end - from;
	Elf64_Ehdr header = {
		.e_ident = ELFMAG "\x02\x01\x01", .e_type = ET_EXEC, .e_machine = EM_X86_64,
		.e_version = EV_CURRENT, .e_entry = (uintptr_t)bare_enter,
		.e_phoff = sizeof(header), .e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1,
	};
	Elf64_Phdr segment = {
		.p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_offset = PAGE,
		.p_vaddr = from, .p_paddr = from, .p_filesz = size, .p_memsz = size,
	};
	FILE *out = fopen(file, "wb");
	unsigned int i;

	bare_tables[0][0] = (uintptr_t)bare_tables[1] | 3;
	for (i = 0; i < 4; i++)
		bare_tables[1][i] = (uintptr_t)bare_tables[2 + i] | 3;
	for (i = 0; i < 4 * 512; i++)
		bare_tables[2 + i / 512][i % 512] = (uint64_t)i << 21 | 0x83;
	if (!out || fwrite(&header, sizeof(header), 1, out) != 1 ||
	    fwrite(&segment, sizeof(segment), 1, out) != 1 || fseek(out, PAGE, SEEK_SET) ||
	    fwrite((void *)from, size, 1, out) != 1 || fclose(out))
		must_be(-errno, file);
}

/* The state of an SMI, behind its OUT, in the form of the others. */
static void bare_state(struct state *state, const struct bare_event *e)
{
	const uint8_t *save = e->save;
	struct kvm_sregs sregs = {
		.es = saved_segment(save, SAVE_ES),
		.cs = saved_segment(save, SAVE_ES + 0x10),
		.ss = saved_segment(save, SAVE_ES + 0x20),
		.ds = saved_segment(save, SAVE_ES + 0x30),
		.fs = saved_segment(save, SAVE_ES + 0x40),
		.gs = saved_segment(save, SAVE_ES + 0x50),
		.tr = saved_segment(save, SAVE_TR), .ldt = saved_segment(save, SAVE_LDTR),
		.gdt.base = save_get(save, SAVE_GDTR + 8, 8),
		.gdt.limit = save_get(save, SAVE_GDTR + 4, 4),
		.idt.base = save_get(save, SAVE_IDTR + 8, 8),
		.idt.limit = save_get(save, SAVE_IDTR + 4, 4),
		.cr0 = save_get(save, SAVE_CR0, 8), .cr2 = e->cr2,
		.cr3 = save_get(save, SAVE_CR3, 8), .cr4 = save_get(save, SAVE_CR4, 8),
		.efer = save_get(save, SAVE_EFER, 8),
	};
	uint64_t *v = state->value;
	unsigned int i;

	memset(state, 0, sizeof(*state));
	for (i = 0; i < 16; i++)
		*v++ = save_get(save, save_regs[i], 8);
	*v++ = save_get(save, SAVE_RIP, 8) - 2;
	*v++ = save_get(save, SAVE_RFLAGS, 8);
	v = read_sregs(v, &sregs);
	memcpy(v, e->dr, sizeof(e->dr));
	v[4] = save_get(save, SAVE_DR6, 8);
	v[5] = save_get(save, SAVE_DR7, 8);
}

/* What is a processor's, and not a hypervisor's. */
static void only_processor(struct state *state)
{
	static const char *const not[] = {
		"cr8", "apic_base", "exception", "interrupt", "shadow", "nmi", "run.",
	};
	unsigned int i, j;

	for (i = 0; i < NR_VALUES; i++) {
		for (j = 0; j < sizeof(not) / sizeof(not[0]); j++)
			if (!strncmp(value_names[i], not[j], strlen(not[j])))
				state->value[i] = 0;
		/* A segment that is not usable has no more than its selector. */
		if (strstr(value_names[i], ".access") && state->value[i] & 1 << 16) {
			state->value[i] = 1 << 16;
			state->value[i - 1] = 0;
			state->value[i - 2] = 0;
		}
	}
}

static void record_processor(struct state *before, struct state *now)
{
	only_processor(before);
	only_processor(now);
	record_change(before, now);
}

static void take_words(uint8_t *ram, unsigned int nr)
{
	struct word w;

	while (nr--)
		if (fread(&w, sizeof(w), 1, stdin) == 1 && w.at < RAM_END)
			memcpy(ram + w.at, &w.value, 8);
}

/* The next SMI on standard input, if it is of the case that was added last. */
static const struct bare_event *next_event(void)
{
	static struct bare_event e;
	static bool later;

	if (!later && fread(&e, sizeof(e), 1, stdin) != 1)
		return NULL;
	later = e.index != bare.nr - 1;
	return later ? NULL : &e;
}

/* What has become of registers, memory and XMM in the end. */
static void tell_end(const struct setup *s, const struct bare_event *first, struct state *now,
		     const uint8_t *before_ram, const uint8_t *xmm)
{
	struct state before;
	uint8_t numbers[256];
	unsigned int i;

	bare_state(&before, first);
	record_processor(&before, now);
	record_memory(s->m->ram, before_ram, RAM_END, 0);
	for (i = 0; i < sizeof(numbers); i++)
		numbers[i] = i;
	record_xmm(numbers, xmm);
}

/* The record of the case that was added last. */
static void bare_tell(const struct setup *s)
{
	static uint8_t before_ram[RAM_END], xmm[256];
	const struct bare_case *c = &bare.cases[bare.nr - 1];
	struct bare_event first = { 0 };
	const struct bare_event *e;
	unsigned int told = 0;
	struct state now;
	int vector;

	memcpy(first.save, c->save, SAVE_BYTES);
	memcpy(first.dr, c->dr, sizeof(c->dr));
	memcpy(before_ram, s->m->ram, RAM_END);
	while ((e = next_event())) {
		if (e->nr == SHUTDOWN) {
			printf("exit %s (%d)\n", exit_name(KVM_EXIT_SHUTDOWN), KVM_EXIT_SHUTDOWN);
			return;
		}
		memcpy(s->m->ram, before_ram, RAM_END);
		take_words(s->m->ram, e->nr);
		bare_state(&now, e);
		vector = handler_of(now.value[16] + now.value[30]);
		if (vector >= 0)
			record_frame(s->m, &now, vector, c->frame_size);
		memcpy(xmm, e->fpu + 160, sizeof(xmm));
		told++;
	}
	if (told)
		tell_end(s, &first, &now, before_ram, xmm);
	else
		printf("no answer\n");
}

#endif
