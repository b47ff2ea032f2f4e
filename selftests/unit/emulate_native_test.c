// SPDX-License-Identifier: GPL-2.0
/*
 * The emulator against this machine's processor: each instruction form runs natively on a page
 * of its own, and emulated on a copy of the same state, with random operands, prefixes and
 * addressing forms. Registers, flags (also undefined ones, but for those of shifts), memory, RIP
 * and whether it faults must agree.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <asm/kvm.h>
#include <asm/processor-flags.h>
#include "selftests/lib/tap.h"
#include "vmx/emulate/emulate.h"

static int emul_one(struct emul *e)
{
	return emul_decode(e) ?: emul_execute(e);
}

#define RUNS		3000
#define ARENA		0x10000000UL
#define ARENA_BYTES	0x4000UL
#define ARENA_END	(ARENA + ARENA_BYTES)
#define TARGET		(ARENA + 0x1c00)	/* operands are around it */
#define CODE		0x10010000UL
#define GS_BASE		0x400UL
#define FLAGS_CHECKED	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | \
			 X86_EFLAGS_SF | X86_EFLAGS_OF | X86_EFLAGS_DF)

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, NONE = 0xff };

struct state {
	u64 gpr[16];
	u64 rflags;
	u64 rip;
	u8 xmm[16][16];
};

/* The trampoline's: loaded, run, saved. */
struct state native_regs;
u64 native_host_rsp, native_code;
void native_enter(void);
void native_return(void);

asm(".text\n"
    "native_enter:\n"
    "	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "	mov %rsp, native_host_rsp(%rip)\n"
    "	lea native_regs(%rip), %rax\n"
    "	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "	movdqu 144+16*\\n(%rax), %xmm\\n\n"
    "	.endr\n"
    "	pushq 128(%rax); popfq\n"
    "	mov 8(%rax), %rcx; mov 16(%rax), %rdx; mov 24(%rax), %rbx; mov 40(%rax), %rbp\n"
    "	mov 48(%rax), %rsi; mov 56(%rax), %rdi; mov 64(%rax), %r8; mov 72(%rax), %r9\n"
    "	mov 80(%rax), %r10; mov 88(%rax), %r11; mov 96(%rax), %r12; mov 104(%rax), %r13\n"
    "	mov 112(%rax), %r14; mov 120(%rax), %r15; mov 32(%rax), %rsp; mov (%rax), %rax\n"
    "	jmp *native_code(%rip)\n"
    "native_return:\n"
    "	mov %rax, native_regs(%rip); mov %rsp, native_regs+32(%rip)\n"
    "	mov native_host_rsp(%rip), %rsp\n"
    "	pushfq; cld\n"
    "	lea native_regs(%rip), %rax\n"
    "	popq 128(%rax)\n"
    "	mov %rcx, 8(%rax); mov %rdx, 16(%rax); mov %rbx, 24(%rax); mov %rbp, 40(%rax)\n"
    "	mov %rsi, 48(%rax); mov %rdi, 56(%rax); mov %r8, 64(%rax); mov %r9, 72(%rax)\n"
    "	mov %r10, 80(%rax); mov %r11, 88(%rax); mov %r12, 96(%rax); mov %r13, 104(%rax)\n"
    "	mov %r14, 112(%rax); mov %r15, 120(%rax)\n"
    "	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "	movdqu %xmm\\n, 144+16*\\n(%rax)\n"
    "	.endr\n"
    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "	ret\n");

static volatile sig_atomic_t native_signal;
static bool is_intel, has_movbe, has_avx, has_clflushopt, has_clwb;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)info;
	native_signal = sig;
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)native_return;
}

static u64 random64(void)
{
	static u64 x = 0x9e3779b97f4a7c15ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x * 0x2545f4914f6cdd1dULL;
}

static unsigned int below(unsigned int n)
{
	return (random64() >> 33) % n;
}

static bool one_in(unsigned int n)
{
	return below(n) == 0;
}

/* Values at the edges are as likely as any. */
static u64 random_value(void)
{
	u64 v = random64();

	switch (below(6)) {
	case 0: return 0;
	case 1: return ~0ULL;
	case 2: return 1ULL << (v & 63);
	case 3: return (1ULL << (v & 63)) - 1;
	default: return v;
	}
}

/* What a form of an instruction looks like. */
#define M	BIT(0)	/* ModRM */
#define I8	BIT(1)
#define IZ	BIT(2)	/* 2 or 4 bytes */
#define MOFF	BIT(3)
#define BYTE	BIT(4)
#define MEM	BIT(5)	/* memory only */
#define BITS	BIT(6)	/* the register is a bit offset */
#define ALIGNED	BIT(7)	/* to 16 bytes */
#define STACK	BIT(8)
#define STRING	BIT(9)
#define NO66	BIT(10)	/* 66H would make another instruction of it */
#define SHIFT	BIT(11)	/* OF is undefined for counts over 1, CF for counts over the width */
#define CMPX	BIT(12)	/* compares with RAX: make it equal often */
#define FIXED	BIT(13)	/* ModRM.reg is part of the opcode */
#define VEX	BIT(14)	/* the last byte of the opcode, after a VEX prefix of 128 bits */

struct form {
	const char *name;
	u8 prefix;		/* mandatory, 0: none */
	u8 nr, opcode[3];
	u8 digit;		/* with FIXED */
	u32 kind;
};

#define MOVSXD		0x63
#define OP1(a)		1, { a }
#define OP2(a, b)	2, { a, b }
#define OP3(a, b, c)	3, { a, b, c }

#define ARITH(name, base)						\
	{ name " r/m8, r8", 0, OP1(base), 0, M | BYTE },		\
	{ name " r/m, r", 0, OP1(base + 1), 0, M },			\
	{ name " r8, r/m8", 0, OP1(base + 2), 0, M | BYTE },		\
	{ name " r, r/m", 0, OP1(base + 3), 0, M },			\
	{ name " al, imm8", 0, OP1(base + 4), 0, BYTE | I8 },	\
	{ name " eax, imm", 0, OP1(base + 5), 0, IZ },		\
	{ name " r/m8, imm8", 0, OP1(0x80), base / 8, M | FIXED | BYTE | I8 },	\
	{ name " r/m, imm", 0, OP1(0x81), base / 8, M | FIXED | IZ },		\
	{ name " r/m, imm8", 0, OP1(0x83), base / 8, M | FIXED | I8 }

#define SHIFTS(name, digit)							\
	{ name " r/m8, imm8", 0, OP1(0xc0), digit, M | FIXED | BYTE | I8 | SHIFT },	\
	{ name " r/m, imm8", 0, OP1(0xc1), digit, M | FIXED | I8 | SHIFT },		\
	{ name " r/m8, 1", 0, OP1(0xd0), digit, M | FIXED | BYTE | SHIFT },		\
	{ name " r/m, 1", 0, OP1(0xd1), digit, M | FIXED | SHIFT },			\
	{ name " r/m8, cl", 0, OP1(0xd2), digit, M | FIXED | BYTE | SHIFT },		\
	{ name " r/m, cl", 0, OP1(0xd3), digit, M | FIXED | SHIFT }

static const struct form forms[] = {
	ARITH("add", 0x00), ARITH("or", 0x08), ARITH("adc", 0x10), ARITH("sbb", 0x18),
	ARITH("and", 0x20), ARITH("sub", 0x28), ARITH("xor", 0x30), ARITH("cmp", 0x38),
	SHIFTS("rol", 0), SHIFTS("ror", 1), SHIFTS("rcl", 2), SHIFTS("rcr", 3),
	SHIFTS("shl", 4), SHIFTS("shr", 5), SHIFTS("sal", 6), SHIFTS("sar", 7),
	{ "mov r/m8, r8", 0, OP1(0x88), 0, M | BYTE },
	{ "mov r/m, r", 0, OP1(0x89), 0, M },
	{ "mov r8, r/m8", 0, OP1(0x8a), 0, M | BYTE },
	{ "mov r, r/m", 0, OP1(0x8b), 0, M },
	{ "mov al, moffs8", 0, OP1(0xa0), 0, MOFF | BYTE },
	{ "mov eax, moffs", 0, OP1(0xa1), 0, MOFF },
	{ "mov moffs8, al", 0, OP1(0xa2), 0, MOFF | BYTE },
	{ "mov moffs, eax", 0, OP1(0xa3), 0, MOFF },
	{ "mov r/m8, imm8", 0, OP1(0xc6), 0, M | FIXED | BYTE | I8 },
	{ "mov r/m, imm", 0, OP1(0xc7), 0, M | FIXED | IZ },
	{ "movsxd r, r/m32", 0, OP1(MOVSXD), 0, M },
	{ "movzx r, r/m8", 0, OP2(0x0f, 0xb6), 0, M },
	{ "movzx r, r/m16", 0, OP2(0x0f, 0xb7), 0, M },
	{ "movsx r, r/m8", 0, OP2(0x0f, 0xbe), 0, M },
	{ "movsx r, r/m16", 0, OP2(0x0f, 0xbf), 0, M },
	{ "movbe r, m", 0, OP3(0x0f, 0x38, 0xf0), 0, M | MEM },
	{ "movbe m, r", 0, OP3(0x0f, 0x38, 0xf1), 0, M | MEM },
	{ "movnti m, r", 0, OP2(0x0f, 0xc3), 0, M | MEM | NO66 },
	{ "test r/m8, r8", 0, OP1(0x84), 0, M | BYTE },
	{ "test r/m, r", 0, OP1(0x85), 0, M },
	{ "test r/m8, imm8", 0, OP1(0xf6), 0, M | FIXED | BYTE | I8 },
	{ "test r/m, imm", 0, OP1(0xf7), 0, M | FIXED | IZ },
	{ "not r/m8", 0, OP1(0xf6), 2, M | FIXED | BYTE },
	{ "not r/m", 0, OP1(0xf7), 2, M | FIXED },
	{ "neg r/m8", 0, OP1(0xf6), 3, M | FIXED | BYTE },
	{ "neg r/m", 0, OP1(0xf7), 3, M | FIXED },
	{ "inc r/m8", 0, OP1(0xfe), 0, M | FIXED | BYTE },
	{ "inc r/m", 0, OP1(0xff), 0, M | FIXED },
	{ "dec r/m8", 0, OP1(0xfe), 1, M | FIXED | BYTE },
	{ "dec r/m", 0, OP1(0xff), 1, M | FIXED },
	{ "push r/m", 0, OP1(0xff), 6, M | FIXED | STACK },
	{ "pop r/m", 0, OP1(0x8f), 0, M | FIXED | STACK },
	{ "xchg r/m8, r8", 0, OP1(0x86), 0, M | BYTE },
	{ "xchg r/m, r", 0, OP1(0x87), 0, M },
	{ "xadd r/m8, r8", 0, OP2(0x0f, 0xc0), 0, M | BYTE },
	{ "xadd r/m, r", 0, OP2(0x0f, 0xc1), 0, M },
	{ "cmpxchg r/m8, r8", 0, OP2(0x0f, 0xb0), 0, M | BYTE | CMPX },
	{ "cmpxchg r/m, r", 0, OP2(0x0f, 0xb1), 0, M | CMPX },
	{ "cmpxchg8b/16b m", 0, OP2(0x0f, 0xc7), 1, M | FIXED | MEM | CMPX | ALIGNED },
	{ "bt r/m, r", 0, OP2(0x0f, 0xa3), 0, M | BITS },
	{ "bts r/m, r", 0, OP2(0x0f, 0xab), 0, M | BITS },
	{ "btr r/m, r", 0, OP2(0x0f, 0xb3), 0, M | BITS },
	{ "btc r/m, r", 0, OP2(0x0f, 0xbb), 0, M | BITS },
	{ "bt r/m, imm8", 0, OP2(0x0f, 0xba), 4, M | FIXED | I8 },
	{ "bts r/m, imm8", 0, OP2(0x0f, 0xba), 5, M | FIXED | I8 },
	{ "btr r/m, imm8", 0, OP2(0x0f, 0xba), 6, M | FIXED | I8 },
	{ "btc r/m, imm8", 0, OP2(0x0f, 0xba), 7, M | FIXED | I8 },
	{ "movs8", 0, OP1(0xa4), 0, STRING | BYTE },
	{ "movs", 0, OP1(0xa5), 0, STRING },
	{ "cmps8", 0, OP1(0xa6), 0, STRING | BYTE },
	{ "cmps", 0, OP1(0xa7), 0, STRING },
	{ "stos8", 0, OP1(0xaa), 0, STRING | BYTE },
	{ "stos", 0, OP1(0xab), 0, STRING },
	{ "lods8", 0, OP1(0xac), 0, STRING | BYTE },
	{ "lods", 0, OP1(0xad), 0, STRING },
	{ "scas8", 0, OP1(0xae), 0, STRING | BYTE },
	{ "scas", 0, OP1(0xaf), 0, STRING },
	{ "movups x, m", 0, OP2(0x0f, 0x10), 0, M | MEM | NO66 },
	{ "movups m, x", 0, OP2(0x0f, 0x11), 0, M | MEM | NO66 },
	{ "movupd x, m", 0x66, OP2(0x0f, 0x10), 0, M | MEM },
	{ "movupd m, x", 0x66, OP2(0x0f, 0x11), 0, M | MEM },
	{ "movss x, m", 0xf3, OP2(0x0f, 0x10), 0, M | MEM },
	{ "movss m, x", 0xf3, OP2(0x0f, 0x11), 0, M | MEM },
	{ "movsd x, m", 0xf2, OP2(0x0f, 0x10), 0, M | MEM },
	{ "movsd m, x", 0xf2, OP2(0x0f, 0x11), 0, M | MEM },
	{ "movaps x, m", 0, OP2(0x0f, 0x28), 0, M | MEM | NO66 | ALIGNED },
	{ "movaps m, x", 0, OP2(0x0f, 0x29), 0, M | MEM | NO66 | ALIGNED },
	{ "movapd x, m", 0x66, OP2(0x0f, 0x28), 0, M | MEM | ALIGNED },
	{ "movapd m, x", 0x66, OP2(0x0f, 0x29), 0, M | MEM | ALIGNED },
	{ "movntps m, x", 0, OP2(0x0f, 0x2b), 0, M | MEM | NO66 | ALIGNED },
	{ "movntpd m, x", 0x66, OP2(0x0f, 0x2b), 0, M | MEM | ALIGNED },
	{ "movd/movq x, m", 0x66, OP2(0x0f, 0x6e), 0, M | MEM },
	{ "movd/movq m, x", 0x66, OP2(0x0f, 0x7e), 0, M | MEM },
	{ "movq x, m", 0xf3, OP2(0x0f, 0x7e), 0, M | MEM },
	{ "movq m, x", 0x66, OP2(0x0f, 0xd6), 0, M | MEM },
	{ "movdqa x, m", 0x66, OP2(0x0f, 0x6f), 0, M | MEM | ALIGNED },
	{ "movdqa m, x", 0x66, OP2(0x0f, 0x7f), 0, M | MEM | ALIGNED },
	{ "movdqu x, m", 0xf3, OP2(0x0f, 0x6f), 0, M | MEM },
	{ "movdqu m, x", 0xf3, OP2(0x0f, 0x7f), 0, M | MEM },
	{ "movntdq m, x", 0x66, OP2(0x0f, 0xe7), 0, M | MEM | ALIGNED },
	{ "movntdqa x, m", 0x66, OP3(0x0f, 0x38, 0x2a), 0, M | MEM | ALIGNED },
	{ "lddqu x, m", 0xf2, OP2(0x0f, 0xf0), 0, M | MEM },
	{ "vmovups x, m", 0, OP2(0x0f, 0x10), 0, M | MEM | VEX },
	{ "vmovups m, x", 0, OP2(0x0f, 0x11), 0, M | MEM | VEX },
	{ "vmovupd x, m", 0x66, OP2(0x0f, 0x10), 0, M | MEM | VEX },
	{ "vmovupd m, x", 0x66, OP2(0x0f, 0x11), 0, M | MEM | VEX },
	{ "vmovss x, m", 0xf3, OP2(0x0f, 0x10), 0, M | MEM | VEX },
	{ "vmovss m, x", 0xf3, OP2(0x0f, 0x11), 0, M | MEM | VEX },
	{ "vmovsd x, m", 0xf2, OP2(0x0f, 0x10), 0, M | MEM | VEX },
	{ "vmovsd m, x", 0xf2, OP2(0x0f, 0x11), 0, M | MEM | VEX },
	{ "vmovaps x, m", 0, OP2(0x0f, 0x28), 0, M | MEM | VEX | ALIGNED },
	{ "vmovaps m, x", 0, OP2(0x0f, 0x29), 0, M | MEM | VEX | ALIGNED },
	{ "vmovapd x, m", 0x66, OP2(0x0f, 0x28), 0, M | MEM | VEX | ALIGNED },
	{ "vmovapd m, x", 0x66, OP2(0x0f, 0x29), 0, M | MEM | VEX | ALIGNED },
	{ "vmovntps m, x", 0, OP2(0x0f, 0x2b), 0, M | MEM | VEX | ALIGNED },
	{ "vmovntpd m, x", 0x66, OP2(0x0f, 0x2b), 0, M | MEM | VEX | ALIGNED },
	{ "vmovd/vmovq x, m", 0x66, OP2(0x0f, 0x6e), 0, M | MEM | VEX },
	{ "vmovd/vmovq m, x", 0x66, OP2(0x0f, 0x7e), 0, M | MEM | VEX },
	{ "vmovq x, m", 0xf3, OP2(0x0f, 0x7e), 0, M | MEM | VEX },
	{ "vmovq m, x", 0x66, OP2(0x0f, 0xd6), 0, M | MEM | VEX },
	{ "vmovdqa x, m", 0x66, OP2(0x0f, 0x6f), 0, M | MEM | VEX | ALIGNED },
	{ "vmovdqa m, x", 0x66, OP2(0x0f, 0x7f), 0, M | MEM | VEX | ALIGNED },
	{ "vmovdqu x, m", 0xf3, OP2(0x0f, 0x6f), 0, M | MEM | VEX },
	{ "vmovdqu m, x", 0xf3, OP2(0x0f, 0x7f), 0, M | MEM | VEX },
	{ "vmovntdq m, x", 0x66, OP2(0x0f, 0xe7), 0, M | MEM | VEX | ALIGNED },
	{ "vmovntdqa x, m", 0x66, OP3(0x0f, 0x38, 0x2a), 0, M | MEM | VEX | ALIGNED },
	{ "vlddqu x, m", 0xf2, OP2(0x0f, 0xf0), 0, M | MEM | VEX },
	{ "clflush m", 0, OP2(0x0f, 0xae), 7, M | FIXED | MEM | NO66 },
	{ "clflushopt m", 0x66, OP2(0x0f, 0xae), 7, M | FIXED | MEM },
	{ "clwb m", 0x66, OP2(0x0f, 0xae), 6, M | FIXED | MEM },
};

/* One instruction and the state it starts in. */
struct trial {
	u8 bytes[32];
	unsigned int len;
	struct state start;
	bool addr32, gs;
	u8 rex, reg, rm, mod;
	u8 base, index, scale;
	u64 target;
};

static void emit(struct trial *t, u64 value, unsigned int bytes)
{
	memcpy(t->bytes + t->len, &value, bytes);
	t->len += bytes;
}

/* What a REX prefix and a mandatory one would say. A vvvv that names a register is #UD. */
static void make_vex(struct trial *t, const struct form *f)
{
	unsigned int pp = f->prefix == 0x66 ? 1 : f->prefix == 0xf3 ? 2 : f->prefix ? 3 : 0;
	unsigned int last = (one_in(16) ? below(16) : 15) << 3 | pp;

	t->rex = below(16);
	if (f->nr == 2 && !(t->rex & 0xb) && one_in(2)) {
		emit(t, 0xc5, 1);
		emit(t, (~t->rex & 4) << 5 | last, 1);
		return;
	}
	emit(t, 0xc4, 1);
	emit(t, (~t->rex & 7) << 5 | (f->nr - 1), 1);
	emit(t, (t->rex & 8) << 4 | last, 1);
}

static void make_prefixes(struct trial *t, const struct form *f, bool lock)
{
	static const u8 null_prefixes[] = { 0x26, 0x2e, 0x36, 0x3e };

	t->addr32 = one_in(5);
	t->gs = one_in(5);
	if (t->gs)
		emit(t, 0x65, 1);
	if (one_in(8))
		emit(t, null_prefixes[below(4)], 1);
	if (!(f->kind & NO66) && one_in(f->kind & VEX ? 30 : 3))
		emit(t, 0x66, 1);
	if (t->addr32)
		emit(t, 0x67, 1);
	if (lock)
		emit(t, 0xf0, 1);
	if ((f->kind & STRING) && !one_in(3))
		emit(t, 0xf2 + below(2), 1);
	if (f->kind & VEX) {
		make_vex(t, f);
		return;
	}
	if (f->prefix)
		emit(t, f->prefix, 1);
	t->rex = one_in(3) ? 0 : 0x40 | below(16);
	if (t->rex && one_in(16)) {
		emit(t, t->rex, 1);		/* void, since a prefix follows */
		emit(t, 0x3e, 1);
		t->rex = 0;
	}
	if (t->rex)
		emit(t, t->rex, 1);
}

/* Registers such that base + (index << scale) + disp is the target; @disp is what is left. */
static u64 aim(struct trial *t, u64 disp)
{
	u64 offset = t->target - (t->gs ? GS_BASE : 0);
	u64 *gpr = t->start.gpr;

	if (t->base == NONE && t->index == NONE)
		return offset;
	if (t->base == NONE)
		return offset - (gpr[t->index] << t->scale);
	if (t->base == t->index) {
		gpr[t->base] = (s64)(offset - disp) / (1 + (1 << t->scale));
		return disp;
	}
	gpr[t->base] = offset - disp;
	if (t->index != NONE)
		gpr[t->base] -= gpr[t->index] << t->scale;
	return disp;
}

static void make_memory(struct trial *t, const struct form *f, unsigned int tail)
{
	unsigned int rm = t->rm & 7, disp_bytes = t->mod == 1 ? 1 : t->mod == 2 ? 4 : 0;
	bool relative = false;
	u64 disp = (s32)random64();
	u8 sib = random64();

	t->base = t->rm;
	t->index = NONE;
	if (rm == RSP) {
		t->index = ((sib >> 3) & 7) | (t->rex & 2 ? 8 : 0);
		if (t->index == RSP)
			t->index = NONE;
		t->base = (sib & 7) | (t->rex & 1 ? 8 : 0);
		t->scale = sib >> 6;
		emit(t, sib, 1);
		rm = sib & 7;
	} else {
		relative = t->mod == 0 && rm == RBP;
	}
	if (t->mod == 0 && rm == RBP) {
		t->base = NONE;
		disp_bytes = 4;
		if (t->index != NONE)
			t->start.gpr[t->index] = below(0x10000);
	}
	if (disp_bytes == 1 || (f->kind & STACK))
		disp = (s8)disp;
	if (!disp_bytes)
		disp = 0;
	disp = aim(t, disp);
	if (relative)
		disp -= CODE + t->len + 4 + tail;
	emit(t, disp, disp_bytes);
	if (t->addr32 && t->base != NONE && t->base != RSP)
		t->start.gpr[t->base] ^= random64() << 32;
	if (t->addr32 && t->index != NONE)
		t->start.gpr[t->index] ^= random64() << 32;
}

static unsigned int immediate_bytes(const struct trial *t, const struct form *f)
{
	bool wide = t->rex & 8;
	bool small = memchr(t->bytes, 0x66, t->len) && !wide;

	if (f->kind & I8)
		return 1;
	return f->kind & IZ ? (small ? 2 : 4) : 0;
}

static void make_modrm(struct trial *t, const struct form *f, unsigned int tail)
{
	u8 modrm = random64();

	if (f->kind & FIXED)
		modrm = (modrm & ~0x38) | f->digit << 3;
	t->mod = modrm >> 6;
	if (t->mod == 3 && (f->kind & MEM)) {
		modrm &= 0x3f;
		t->mod = 0;
	}
	t->reg = ((modrm >> 3) & 7) | (t->rex & 4 ? 8 : 0);
	t->rm = (modrm & 7) | (t->rex & 1 ? 8 : 0);
	emit(t, modrm, 1);
	if (f->kind & BITS)
		t->start.gpr[t->reg] = (s64)below(2048) - 1024;
	if (t->mod != 3)
		make_memory(t, f, tail);
}

static void make_state(struct trial *t, const struct form *f)
{
	unsigned int n;

	for (n = 0; n < 16; n++) {
		t->start.gpr[n] = random_value();
		memcpy(t->start.xmm[n], (u64[]) { random64(), random64() }, 16);
	}
	t->start.rflags = (random64() & FLAGS_CHECKED) | X86_EFLAGS_FIXED | X86_EFLAGS_IF;
	t->target = TARGET + below(0x800);
	if (f->kind & ALIGNED && !one_in(8))
		t->target &= ~15UL;
	if (one_in(16))
		t->target = ARENA_END - below(20);	/* over it or not, by the operand's size */
	if (!is_intel && f->opcode[0] == MOVSXD)
		t->target &= ~3UL;	/* with 66H an AMD reads four bytes, an Intel two */
	if (one_in(16))
		t->target ^= 1ULL << 50;		/* not canonical, if its address holds it */
	if (f->kind & STACK)
		t->start.gpr[RSP] = TARGET + below(0x800);
	if (!(f->kind & STRING))
		return;
	t->start.gpr[RSI] = one_in(16) ? ARENA_END - below(80) : TARGET + below(0x800);
	t->start.gpr[RDI] = one_in(16) ? ARENA_END - below(80) : TARGET + below(0x800);
	t->start.gpr[RCX] = below(100);
}

/* The memory operand that a compare-and-exchange is to find equal. */
static void make_equal(struct trial *t)
{
	memcpy(&t->start.gpr[RAX], (void *)t->target, 8);
	t->start.gpr[RDX] = t->start.gpr[RAX] >> 32;
	if (t->rex & 8)
		memcpy(&t->start.gpr[RDX], (void *)(t->target + 8), 8);
}

static bool uses(const struct trial *t, unsigned int reg)
{
	return t->base == reg || t->index == reg;
}

/* Excess bits. With a count of 0 an Intel clears them, an AMD leaves them. */
static void soil_string_registers(struct trial *t)
{
	if (!is_intel && !t->start.gpr[RCX])
		return;
	t->start.gpr[RSI] ^= random64() << 32;
	t->start.gpr[RDI] ^= random64() << 32;
	t->start.gpr[RCX] ^= random64() << 32;
}

/* False: these choices do not go together. */
static bool make_trial(struct trial *t, const struct form *f, bool lock)
{
	unsigned int tail;

	memset(t, 0, sizeof(*t));
	t->base = NONE;
	t->index = NONE;
	t->mod = 3;
	make_state(t, f);
	make_prefixes(t, f, lock);
	if (f->kind & VEX)
		emit(t, f->opcode[f->nr - 1], 1);
	else
		emit(t, f->opcode[0] | f->opcode[1] << 8 | f->opcode[2] << 16, f->nr);
	tail = immediate_bytes(t, f);
	if (f->kind & M)
		make_modrm(t, f, tail);
	if (f->kind & MOFF)
		emit(t, t->target - (t->gs ? GS_BASE : 0), t->addr32 ? 4 : 8);
	emit(t, random_value(), tail);
	if (t->mod != 3 && (f->kind & BITS) && uses(t, t->reg))
		return false;
	if ((f->kind & STACK) && t->mod != 3 && t->gs && uses(t, RSP))
		return false;
	if ((f->kind & CMPX) && one_in(2) && t->target < ARENA_END - 16 && !uses(t, RAX) &&
	    !uses(t, RDX))
		make_equal(t);
	if ((f->kind & STRING) && t->gs)
		t->start.gpr[RSI] -= GS_BASE;
	if ((f->kind & STRING) && t->addr32)
		soil_string_registers(t);
	return true;
}

/* The emulated side: a copy of the arena at the same linear addresses. */
static u8 copy[ARENA_BYTES];
static struct state cpu;

static u64 get_gpr(struct emul *e, unsigned int nr)
{
	(void)e;
	return cpu.gpr[nr];
}

static void set_gpr(struct emul *e, unsigned int nr, u64 value)
{
	(void)e;
	cpu.gpr[nr] = value;
}

static u64 get_rip(struct emul *e)
{
	(void)e;
	return cpu.rip;
}

static void set_rip(struct emul *e, u64 rip)
{
	(void)e;
	cpu.rip = rip;
}

static u64 get_rflags(struct emul *e)
{
	(void)e;
	return cpu.rflags;
}

static void set_rflags(struct emul *e, u64 rflags)
{
	(void)e;
	cpu.rflags = rflags;
}

static u64 get_cr(struct emul *e, unsigned int nr)
{
	(void)e;
	if (nr == EMUL_XCR0)
		return 7;
	return nr == 4 ? X86_CR4_OSFXSR | X86_CR4_OSXSAVE : X86_CR0_PE | X86_CR0_PG;
}

static void get_segment(struct emul *e, unsigned int nr, struct kvm_segment *seg)
{
	(void)e;
	*seg = (struct kvm_segment) { .base = nr == EMUL_GS ? GS_BASE : 0 };
}

static int page_fault(struct emul *e, u64 linear)
{
	e->fault = (struct emul_fault) { .vector = PF_VECTOR, .address = linear };
	return EMUL_FAULT;
}

static u8 *arena_at(u64 linear, unsigned int len)
{
	if (linear < ARENA || linear - ARENA + len > ARENA_BYTES)
		return NULL;
	return copy + (linear - ARENA);
}

static int read_memory(struct emul *e, u64 linear, void *data, unsigned int len,
		       unsigned int access)
{
	const u8 *from = arena_at(linear, len);

	if (access & EMUL_FETCH)
		from = (const u8 *)linear;
	if (!from)
		return page_fault(e, linear);
	memcpy(data, from, len);
	return EMUL_OK;
}

static int write_memory(struct emul *e, u64 linear, const void *data, unsigned int len,
			unsigned int access)
{
	u8 *to = arena_at(linear, len);

	(void)access;
	if (!to)
		return page_fault(e, linear);
	memcpy(to, data, len);
	return EMUL_OK;
}

static int exchange_memory(struct emul *e, u64 linear, const void *old, const void *new,
			   unsigned int len, unsigned int access)
{
	u8 *at = arena_at(linear, len);

	if (at && memcmp(at, old, len))
		return EMUL_REPEAT;
	return write_memory(e, linear, new, len, access);
}

static int probe(struct emul *e, u64 linear, unsigned int len, unsigned int access)
{
	(void)access;
	return arena_at(linear, len) ? EMUL_OK : page_fault(e, linear);
}

static void get_xmm(struct emul *e, unsigned int nr, void *data)
{
	(void)e;
	memcpy(data, cpu.xmm[nr], 16);
}

static void set_xmm(struct emul *e, unsigned int nr, const void *data)
{
	(void)e;
	memcpy(cpu.xmm[nr], data, 16);
}

static const struct emul_ops ops = {
	.get_gpr = get_gpr, .set_gpr = set_gpr, .get_rip = get_rip, .set_rip = set_rip,
	.get_rflags = get_rflags, .set_rflags = set_rflags, .get_cr = get_cr,
	.get_segment = get_segment, .read = read_memory, .write = write_memory,
	.compare_swap = exchange_memory, .probe = probe, .get_xmm = get_xmm, .set_xmm = set_xmm,
};

static struct emul emul;

static int run_emulated(const struct trial *t)
{
	int r;

	cpu = t->start;
	cpu.rip = CODE;
	emul_init(&emul, &ops, NULL, EMUL_LONG, 3);
	r = emul_one(&emul);
	while (r == EMUL_REPEAT)
		r = emul_execute(&emul);
	return r;
}

static void run_native(const struct trial *t)
{
	static const u8 jump[6] = { 0xff, 0x25 };	/* JMP to the address that follows */
	u64 back = (u64)native_return;
	u8 *code = (u8 *)CODE;

	memcpy(code, t->bytes, t->len);
	memcpy(code + t->len, jump, sizeof(jump));
	memcpy(code + t->len + sizeof(jump), &back, sizeof(back));
	native_code = CODE;
	native_regs = t->start;
	native_signal = 0;
	native_enter();
}

/* The signal that Linux makes of a fault. */
static int signal_of(int status)
{
	if (status == EMUL_OK)
		return 0;
	if (status != EMUL_FAULT)
		return -1;
	switch (emul.fault.vector) {
	case UD_VECTOR: return SIGILL;
	case SS_VECTOR: return SIGBUS;
	default: return SIGSEGV;
	}
}

static u64 undefined_flags(const struct trial *t, const struct form *f)
{
	unsigned int bits = f->kind & BYTE ? 8 : t->rex & 8 ? 64 : 32;
	unsigned int count = 1;

	if (!(f->kind & SHIFT))
		return 0;
	if (bits == 32 && memchr(t->bytes, 0x66, t->len))
		bits = 16;
	if (f->kind & I8)
		count = t->bytes[t->len - 1];
	else if (f->opcode[0] >= 0xd2)
		count = t->start.gpr[RCX] & 0xff;
	count &= bits == 64 ? 63 : 31;
	return (count > 1 ? X86_EFLAGS_OF : 0) | (count && f->digit >= 4 ? X86_EFLAGS_AF : 0) |
	       (count >= bits && f->digit >= 4 && f->digit < 7 ? X86_EFLAGS_CF : 0);
}

/* A fault in REP CMPS or SCAS: an AMD has the last comparison's flags, an Intel the old ones. */
static u64 makers_flags(const struct form *f)
{
	return !is_intel && native_signal && (f->kind & STRING) ? FLAGS_CHECKED : 0;
}

static void print_trial(const struct trial *t)
{
	unsigned int n;

	printf("#");
	for (n = 0; n < t->len; n++)
		printf(" %02x", t->bytes[n]);
	printf("\n");
}

static bool registers_agree(const struct trial *t, unsigned int bytes)
{
	bool ok = true;
	int n;

	for (n = 0; n < 16; n++) {
		if (!memcmp(&cpu.gpr[n], &native_regs.gpr[n], bytes))
			continue;
		printf("# gpr %d: was %#llx, expected %#llx, got %#llx\n", n,
		       (long long)t->start.gpr[n], (long long)native_regs.gpr[n],
		       (long long)cpu.gpr[n]);
		ok = false;
	}
	return ok;
}

static bool agrees(const struct trial *t, const struct form *f)
{
	u64 flags = FLAGS_CHECKED & ~undefined_flags(t, f);
	int status, want;
	bool ok = true;

	memcpy(copy, (void *)ARENA, ARENA_BYTES);
	run_native(t);
	flags &= ~makers_flags(f);
	status = run_emulated(t);
	want = native_signal;
	if (signal_of(status) != want) {
		printf("# expected signal %d, got status %d vector %u\n", want, status,
		       emul.fault.vector);
		ok = false;
	}
	/* A string instruction that faults clears upper halves, which no manual says. */
	ok = registers_agree(t, want && (f->kind & STRING) && t->addr32 ? 4 : 8) && ok;
	if ((cpu.rflags ^ native_regs.rflags) & flags) {
		printf("# flags: were %#llx, expected %#llx, got %#llx\n",
		       (long long)t->start.rflags, (long long)native_regs.rflags,
		       (long long)cpu.rflags);
		ok = false;
	}
	if (memcmp(copy, (void *)ARENA, ARENA_BYTES) ||
	    memcmp(cpu.xmm, native_regs.xmm, sizeof(cpu.xmm))) {
		printf("# memory or XMM registers differ\n");
		ok = false;
	}
	if (status == EMUL_OK && cpu.rip != CODE + t->len) {
		printf("# length: expected %u, got %d\n", t->len, (int)(cpu.rip - CODE));
		ok = false;
	}
	if (!ok)
		print_trial(t);
	return ok;
}

static void test_form(const struct form *f)
{
	unsigned int run, done = 0;
	struct trial t;
	bool ok = true;

	if ((!strncmp(f->name, "movbe", 5) && !has_movbe) || ((f->kind & VEX) && !has_avx) ||
	    (!strcmp(f->name, "clflushopt m") && !has_clflushopt) ||
	    (!strcmp(f->name, "clwb m") && !has_clwb)) {
		tap_skip(f->name, "this processor does not have it");
		return;
	}
	for (run = 0; run < RUNS && ok; run++) {
		if (!make_trial(&t, f, one_in(5)))
			continue;
		ok = agrees(&t, f);
		done++;
	}
	tap_ok(ok && done > RUNS / 4, "%s does what the processor does", f->name);
}

static void set_up(void)
{
	static u8 alternate[65536];
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	unsigned int n, a, b, c, d;
	u64 word;

	if (mmap((void *)ARENA, ARENA_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0) !=
	    (void *)ARENA ||
	    mmap((void *)CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0) !=
	    (void *)CODE || syscall(SYS_arch_prctl, ARCH_SET_GS, GS_BASE)) {
		perror("no place for the native runs");
		exit(1);
	}
	__cpuid(0, a, b, c, d);
	is_intel = c == signature_INTEL_ecx;
	__cpuid(1, a, b, c, d);
	has_movbe = c & bit_MOVBE;
	has_avx = c & bit_AVX;
	__cpuid_count(7, 0, a, b, c, d);
	has_clflushopt = b & bit_CLFLUSHOPT;
	has_clwb = b & bit_CLWB;
	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	for (n = 0; n < ARENA_BYTES; n += 8) {
		word = random_value();
		memcpy((void *)(ARENA + n), &word, 8);
	}
}

int main(void)
{
	unsigned int n;

	tap_begin();
	set_up();
	for (n = 0; n < ARRAY_SIZE(forms); n++)
		test_form(&forms[n]);
	return tap_end();
}
