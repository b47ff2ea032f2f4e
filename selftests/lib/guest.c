// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's side of vm.h: page tables, descriptor tables, and where its interrupts and
 * exceptions go. Exceptions have a stack of their own (IST 1): a test may break the other one.
 * Interrupts use what there is, so that the emulator may nest them (Documentation/lab.rst, 13).
 */
#include "selftests/lib/vm.h"

#define STACKS		4
#define STACK_SIZE	16384
#define PTE_TABLE	0x07
#define PTE_LARGE	0x87
#define NMI		2
#define FIRST_IRQ	32
#define TSS_OF(i)	(0x20 + 16 * (i))

struct tss64 {
	uint32_t reserved;
	uint64_t rsp[3], unused, ist[7];
	uint8_t rest[12];
} __attribute__((packed));

struct gate64 {
	uint16_t low, selector;
	uint8_t ist, type;
	uint16_t middle;
	uint32_t high, unused;
};

volatile struct guest_trap trap;
volatile uint32_t irqs[256];
void (*guest_eoi)(void);
bool (*guest_trap_hook)(struct guest_frame *frame);
uint64_t guest_tables[6][512] __attribute__((aligned(4096)));

static uint8_t stacks[STACKS][2][STACK_SIZE] __attribute__((aligned(64)));
static struct tss64 tss[STACKS] __attribute__((aligned(128)));
static uint64_t gdt[4 + 2 * STACKS] __attribute__((aligned(64)));
static struct gate64 idt[256] __attribute__((aligned(64)));

extern const char guest_stubs[];

/* One stub of 16 bytes a vector; those without an error code push a zero. */
asm(".pushsection .text\n"
    ".balign 16\n"
    "guest_stubs:\n"
    ".set vector, 0\n"
    ".rept 256\n"
    ".balign 16\n"
    ".if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)\n"
    "push $0\n"
    ".endif\n"
    "push $vector\n"
    "jmp guest_stub_common\n"
    ".set vector, vector + 1\n"
    ".endr\n"
    "guest_stub_common:\n"
    "push %rax; push %rbx; push %rcx; push %rdx; push %rbp; push %rsi; push %rdi\n"
    "push %r8; push %r9; push %r10; push %r11; push %r12; push %r13; push %r14; push %r15\n"
    "mov %rsp, %rdi\n"
    "mov %rsp, %rbp\n"
    "and $-16, %rsp\n"
    "cld\n"
    "call guest_trapped\n"
    "mov %rbp, %rsp\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %r11; pop %r10; pop %r9; pop %r8\n"
    "pop %rdi; pop %rsi; pop %rbp; pop %rdx; pop %rcx; pop %rbx; pop %rax\n"
    "add $16, %rsp\n"
    "iretq\n"
    ".popsection\n");

__attribute__((target("general-regs-only"), used))
void guest_trapped(struct guest_frame *frame)
{
	uint64_t cr2;

	if (frame->vector == NMI || frame->vector >= FIRST_IRQ) {
		irqs[frame->vector & 0xff]++;
		if (frame->vector != NMI && guest_eoi)
			guest_eoi();
		return;
	}
	asm volatile("mov %%cr2, %0" : "=r"(cr2));
	trap.vector = frame->vector;
	trap.error = frame->error;
	trap.rip = frame->rip;
	trap.rflags = frame->rflags;
	trap.cr2 = cr2;
	trap.count++;
	if (guest_trap_hook && guest_trap_hook(frame))
		return;
	while (!trap.resume)
		guest_sync(GUEST_PANIC);
	frame->rip = trap.resume;
	trap.resume = 0;
}

struct guest_check checks[MAX_CHECKS];
volatile unsigned int nr_checks;

void guest_check(const char *name, uint64_t got, uint64_t want)
{
	if (nr_checks < MAX_CHECKS)
		checks[nr_checks++] = (struct guest_check) { name, got, want };
}

static void identity_map(void)
{
	unsigned int i;

	guest_tables[0][0] = (uintptr_t)guest_tables[1] | PTE_TABLE;
	guest_tables[0][256] = guest_tables[0][0];
	for (i = 0; i < 4; i++)
		guest_tables[1][i] = (uintptr_t)guest_tables[2 + i] | PTE_TABLE;
	for (i = 0; i < 4 * 512; i++)
		guest_tables[2 + i / 512][i % 512] = ((uint64_t)i << 21) | PTE_LARGE;
}

static void interrupt_table(void)
{
	uintptr_t stub = (uintptr_t)guest_stubs;
	unsigned int i;

	for (i = 0; i < 256; i++, stub += 16)
		idt[i] = (struct gate64) {
			.low = stub, .middle = stub >> 16, .high = stub >> 32,
			.selector = CODE64, .ist = i < FIRST_IRQ, .type = 0x8e,
		};
}

static void descriptor_table(unsigned int stack)
{
	uint64_t base = (uintptr_t)&tss[stack], *entry = &gdt[TSS_OF(stack) / 8];

	gdt[CODE64 / 8] = 0x00af9b000000ffff;
	gdt[DATA / 8] = 0x00cf93000000ffff;
	tss[stack].ist[0] = (uintptr_t)stacks[stack][1] + STACK_SIZE;
	entry[0] = (sizeof(tss[0]) - 1) | (base & 0xffffff) << 16 | 0x8bULL << 40 |
		   (base >> 24 & 0xff) << 56;
	entry[1] = base >> 32;
}

/* The guest's tables, and where they are; the initial stack pointer. */
uint64_t guest_tables_setup(struct kvm_sregs *sregs, unsigned int stack)
{
	identity_map();
	interrupt_table();
	descriptor_table(stack);
	memset((void *)&trap, 0, sizeof(trap));
	memset((void *)irqs, 0, sizeof(irqs));
	sregs->gdt.base = (uintptr_t)gdt;
	sregs->gdt.limit = sizeof(gdt) - 1;
	sregs->idt.base = (uintptr_t)idt;
	sregs->idt.limit = sizeof(idt) - 1;
	sregs->tr = (struct kvm_segment) {
		.selector = TSS_OF(stack), .base = (uintptr_t)&tss[stack], .type = 11,
		.limit = sizeof(tss[0]) - 1, .present = 1,
	};
	/* As a call would leave it: 8 modulo 16. */
	return (uintptr_t)stacks[stack][0] + STACK_SIZE - 8;
}
