// SPDX-License-Identifier: GPL-2.0
/*
 * The emulator in the modes and situations that a process cannot bring about natively: 16-bit
 * and 32-bit code, segments, faults, devices that answer later, repetitions cut short, string
 * I/O, and random bytes. The forms themselves: emulate_native_test.c.
 */
#include <asm/kvm.h>
#include <asm/processor-flags.h>
#include "selftests/lib/tap.h"
#include "vmx/emulate/emulate.h"

static int emul_one(struct emul *e)
{
	return emul_decode(e) ?: emul_execute(e);
}

/* A case names what it changes. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wunused-parameter"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

#define RAM_BYTES	0x20000U	/* linear 0 on */
#define CODE		0x8000U
#define DATA		0x4000U
#define ABSENT		0xd000U		/* a page that is not present, */
#define READONLY	0xe000U		/* one that is not writable, */
#define DEVICE		0xf000U		/* and one that user space answers for */
#define PAGE		0x1000U
#define ANSWERS		4

struct guest {
	u64 gpr[16], rip, rflags, cr0, cr4;
	struct kvm_segment seg[6];
	u8 xmm[16][16];
	u8 ram[RAM_BYTES];
	/* Of the device: answers given, used and wanted; what was posted. */
	u64 answers[ANSWERS];
	unsigned int nr_answers, next_answer, posted;
	u64 wanted, posted_at, posted_value;
	/* Of the port. */
	unsigned int port_calls, port_count, port_size;
	bool port_waits;
	u8 port_data[EMUL_IO_BYTES];
	unsigned int cmpxchgs, changed_by_others;
	unsigned int highest_fetch;
};

static struct guest g, saved;
static struct emul e;

static u64 get_gpr(struct emul *e, unsigned int nr)
{
	return g.gpr[nr];
}

static void set_gpr(struct emul *e, unsigned int nr, u64 value)
{
	g.gpr[nr] = value;
}

static u64 get_rip(struct emul *e)
{
	return g.rip;
}

static void set_rip(struct emul *e, u64 rip)
{
	g.rip = rip;
}

static u64 get_rflags(struct emul *e)
{
	return g.rflags;
}

static void set_rflags(struct emul *e, u64 rflags)
{
	g.rflags = rflags;
}

static u64 get_cr(struct emul *e, unsigned int nr)
{
	return nr == EMUL_XCR0 ? 7 : nr == 4 ? g.cr4 : g.cr0;
}

static void get_segment(struct emul *e, unsigned int nr, struct kvm_segment *seg)
{
	*seg = g.seg[nr];
}

static int page_fault(struct emul *e, u64 linear, unsigned int access)
{
	e->fault = (struct emul_fault) {
		.address = linear, .vector = PF_VECTOR, .has_error = true,
		.error_code = access << 1,
	};
	return EMUL_FAULT;
}

static int check_page(struct emul *e, u64 linear, unsigned int access)
{
	u64 page = linear & ~(u64)(PAGE - 1);

	if (linear >= RAM_BYTES || page == ABSENT || (page == READONLY && (access & EMUL_WRITE)))
		return page_fault(e, linear, access & (EMUL_WRITE | EMUL_USER));
	return page == DEVICE ? EMUL_MMIO : EMUL_OK;
}

static int probe(struct emul *e, u64 linear, unsigned int len, unsigned int access)
{
	int r = check_page(e, linear, access);

	return r == EMUL_FAULT ? r : check_page(e, linear + len - 1, access);
}

static int read_memory(struct emul *e, u64 linear, void *data, unsigned int len,
		       unsigned int access)
{
	int r = probe(e, linear, len, access);

	if (r == EMUL_OK)
		memcpy(data, g.ram + linear, len);
	if (r == EMUL_OK && (access & EMUL_FETCH))
		g.highest_fetch = linear + len - 1;
	if (r != EMUL_MMIO)
		return r;
	g.wanted = linear;
	if (g.next_answer == g.nr_answers)
		return EMUL_MMIO;
	memcpy(data, &g.answers[g.next_answer++], min(len, 8U));
	e->stop = true;
	return EMUL_OK;
}

static int write_memory(struct emul *e, u64 linear, const void *data, unsigned int len,
			unsigned int access)
{
	int r = probe(e, linear, len, access | EMUL_WRITE);

	if (r == EMUL_OK)
		memcpy(g.ram + linear, data, len);
	if (r != EMUL_MMIO)
		return r;
	g.posted++;
	g.posted_at = linear;
	g.posted_value = 0;
	memcpy(&g.posted_value, data, min(len, 8U));
	e->stop = true;
	return EMUL_OK;
}

static int exchange(struct emul *e, u64 linear, const void *old, const void *new,
		    unsigned int len, unsigned int access)
{
	int r = probe(e, linear, len, access | EMUL_WRITE);

	g.cmpxchgs++;
	if (r == EMUL_OK && g.changed_by_others) {
		g.changed_by_others--;
		g.ram[linear] ^= 0xff;
	}
	if (r == EMUL_OK && memcmp(g.ram + linear, old, len))
		return EMUL_REPEAT;
	return write_memory(e, linear, new, len, access);
}

static int port(unsigned int size, unsigned int count)
{
	g.port_calls++;
	g.port_size = size;
	g.port_count = count;
	return g.port_waits ? EMUL_MMIO : EMUL_OK;
}

static int port_in(struct emul *e, u16 nr, unsigned int size, unsigned int count, void *data)
{
	int r = port(size, count);

	if (r == EMUL_OK)
		memcpy(data, g.port_data, size * count);
	return r;
}

static int port_out(struct emul *e, u16 nr, unsigned int size, unsigned int count,
		    const void *data)
{
	memcpy(g.port_data, data, size * count);
	return port(size, count);
}

static void get_xmm(struct emul *e, unsigned int nr, void *data)
{
	memcpy(data, g.xmm[nr], 16);
}

static void set_xmm(struct emul *e, unsigned int nr, const void *data)
{
	memcpy(g.xmm[nr], data, 16);
}

static const struct emul_ops ops = {
	.get_gpr = get_gpr, .set_gpr = set_gpr, .get_rip = get_rip, .set_rip = set_rip,
	.get_rflags = get_rflags, .set_rflags = set_rflags, .get_cr = get_cr,
	.get_segment = get_segment, .read = read_memory, .write = write_memory,
	.compare_swap = exchange, .probe = probe, .port_in = port_in, .port_out = port_out,
	.get_xmm = get_xmm, .set_xmm = set_xmm,
};

/* A guest in @mode with flat segments, or those that real mode has at selector 0. */
static void fresh(enum emul_mode mode, bool wide, unsigned int cpl)
{
	bool small = mode == EMUL_REAL || mode == EMUL_VM86;
	unsigned int n;

	memset(&g, 0, sizeof(g));
	for (n = 0; n < 6; n++)
		g.seg[n] = (struct kvm_segment) {
			.limit = small ? 0xffff : ~0U, .present = 1, .s = 1, .db = wide,
			.type = n == EMUL_CS ? 0xb : 3, .dpl = cpl, .l = mode == EMUL_LONG,
		};
	g.rip = CODE;
	g.rflags = X86_EFLAGS_FIXED;
	g.cr0 = mode == EMUL_REAL ? 0 : X86_CR0_PE | X86_CR0_AM;
	g.cr4 = X86_CR4_OSFXSR;
	g.gpr[RSP] = 0x3000;
	memset(g.ram + CODE, 0xcc, 64);
	for (n = 0; n < 64; n++)
		g.ram[DATA + n] = n + 1;
	emul_init(&e, &ops, NULL, mode, cpl);
}

static void code(const char *bytes, unsigned int len)
{
	memcpy(g.ram + g.seg[EMUL_CS].base + g.rip, bytes, len);
}

#define CODE_BYTES(s)	code(s, sizeof(s) - 1)

static int run(void)
{
	saved = g;
	g.next_answer = 0;
	e.insn.nr_bytes = 0;
	return emul_one(&e);
}

/* What a guest can see has not changed. */
static bool untouched(void)
{
	return !memcmp(g.gpr, saved.gpr, sizeof(g.gpr)) && g.rip == saved.rip &&
	       g.rflags == saved.rflags && !memcmp(g.xmm, saved.xmm, sizeof(g.xmm)) &&
	       !memcmp(g.ram, saved.ram, sizeof(g.ram)) && g.posted == saved.posted;
}

static u64 ram(unsigned int at, unsigned int len)
{
	u64 value = 0;

	memcpy(&value, g.ram + at, len);
	return value;
}

/* ---- addressing and sizes ---- */

struct address_case {
	const char *name;
	enum emul_mode mode;
	bool wide;
	const char *bytes;
	u8 len;
	u64 rax, rcx, rbx, rbp, rsi, rdi;
	u64 want;		/* RAX afterwards */
};

#define B(s)	s, sizeof(s) - 1
#define HIGH	0xabcd000000000000ULL

static const struct address_case address_cases[] = {
	{ "real: [bx+si]", EMUL_REAL, 0, B("\x8b\x00"), .rbx = 0x3ff0, .rsi = 0x12,
	  .want = 0x0403 },
	{ "real: [bx+di+8]", EMUL_REAL, 0, B("\x8b\x41\x08"), .rbx = 0x3ff0, .rdi = 8,
	  .want = 0x0201 },
	{ "real: [bp+si-2]", EMUL_REAL, 0, B("\x8b\x42\xfe"), .rbp = 0x4000, .rsi = 2,
	  .want = 0x0201 },
	{ "real: [bp+di+disp16]", EMUL_REAL, 0, B("\x8b\x83\x00\x40"), .rbp = 2, .rdi = 2,
	  .want = 0x0605 },
	{ "real: [si]", EMUL_REAL, 0, B("\x8b\x04"), .rsi = 0x4004, .want = 0x0605 },
	{ "real: [di+disp16]", EMUL_REAL, 0, B("\x8b\x85\x01\x40"), .rdi = 1, .want = 0x0403 },
	{ "real: [disp16]", EMUL_REAL, 0, B("\x8b\x06\x06\x40"), .rbp = 0x99, .want = 0x0807 },
	{ "real: [bp+0]", EMUL_REAL, 0, B("\x8b\x46\x00"), .rbp = 0x4001, .want = 0x0302 },
	{ "real: [bx]", EMUL_REAL, 0, B("\x8b\x07"), .rbx = 0x4001, .want = 0x0302 },
	{ "real: an offset wraps at 64 KiB", EMUL_REAL, 0, B("\x8b\x00"), .rbx = 0xfff0,
	  .rsi = 0x4010, .want = 0x0201 },
	{ "real: the upper halves of registers do not count", EMUL_REAL, 0, B("\x8b\x07"),
	  .rbx = 0x12344000, .want = 0x0201 },
	{ "real: 66H makes 32-bit operands, the rest of RAX clear", EMUL_REAL, 0,
	  B("\x66\x8b\x07"), .rbx = 0x4000, .want = 0x04030201 },
	{ "real: 67H makes 32-bit addresses", EMUL_REAL, 0, B("\x67\x8b\x44\x4b\x02"),
	  .rbx = 0x3000, .rcx = 0x800, .want = 0x0403 },
	{ "real with CS.D: 32-bit code", EMUL_REAL, 1, B("\x8b\x03"), .rbx = 0x4000,
	  .want = 0x04030201 },
	{ "vm86: 16-bit code", EMUL_VM86, 0, B("\x8b\x07"), .rbx = 0x4000, .want = 0x0201 },
	{ "prot16: a 16-bit result leaves the rest of EAX", EMUL_PROT, 0, B("\x8b\x07"),
	  .rax = 0x12345678, .rbx = 0x4000, .want = 0x12340201 },
	{ "prot32: [ebx+ecx*4+disp8]", EMUL_PROT, 1, B("\x8b\x44\x8b\x04"), .rbx = 0x3ff8,
	  .rcx = 1, .want = 0x04030201 },
	{ "prot32: [disp32] is not relative to EIP", EMUL_PROT, 1, B("\x8b\x05\x04\x40\0\0"),
	  .want = 0x08070605 },
	{ "prot32: SIB without base", EMUL_PROT, 1, B("\x8b\x04\x8d\x00\x40\0\0"), .rcx = 1,
	  .want = 0x08070605 },
	{ "prot32: an address wraps at 4 GiB", EMUL_PROT, 1, B("\x8b\x43\x10"), .rbx = 0xfffffff0,
	  .want = 0xfeed },
	{ "prot32: 67H makes 16-bit addresses", EMUL_PROT, 1, B("\x67\x8b\x07"), .rbx = 0x14000,
	  .want = 0x04030201 },
	{ "prot32: 66H makes 16-bit operands", EMUL_PROT, 1, B("\x66\x8b\x03"), .rax = 0x12345678,
	  .rbx = 0x4000, .want = 0x12340201 },
	{ "prot32: 48H is no REX", EMUL_PROT, 1, B("\x66\xa1\x00\x40\0\0"), .want = 0x0201 },
	{ "prot32: MOV AL, moffs32", EMUL_PROT, 1, B("\xa0\x02\x40\0\0"), .want = 3 },
	{ "prot16: MOV AX, moffs16", EMUL_PROT, 0, B("\xa1\x02\x40"), .want = 0x0403 },
	{ "long: MOV RAX, moffs64", EMUL_LONG, 0, B("\x48\xa1\x00\x40\0\0\0\0\0\0"),
	  .want = 0x0807060504030201 },
	{ "long: RIP-relative counts from the end, immediates included", EMUL_LONG, 0,
	  B("\xf7\x05\xf6\xbf\xff\xff\x01\x02\x03\x04"), .rax = 7, .want = 7 },
	{ "long: RIP-relative", EMUL_LONG, 0, B("\x8b\x05\xfa\xbf\xff\xff"), .want = 0x04030201 },
	{ "long: 67H RIP-relative", EMUL_LONG, 0, B("\x67\x8b\x05\xf9\xbf\xff\xff"),
	  .want = 0x04030201 },
	{ "long: 67H cuts the address to 32 bits", EMUL_LONG, 0, B("\x67\x8b\x03"),
	  .rbx = HIGH | 0x4000, .want = 0x04030201 },
	{ "long: AH without REX", EMUL_LONG, 0, B("\x8a\x23"), .rbx = 0x4000, .want = 0x0100 },
	{ "long: MOVBE of 16 bits", EMUL_LONG, 0, B("\x66\x0f\x38\xf0\x03"), .rbx = 0x4000,
	  .want = 0x0102 },
};

static void test_addressing(void)
{
	unsigned int n;
	bool ok;
	int r;

	for (n = 0; n < ARRAY_SIZE(address_cases); n++) {
		const struct address_case *c = &address_cases[n];

		fresh(c->mode, c->wide, 0);
		g.gpr[RAX] = c->rax;
		g.gpr[RCX] = c->rcx;
		g.gpr[RBX] = c->rbx;
		g.gpr[RBP] = c->rbp;
		g.gpr[RSI] = c->rsi;
		g.gpr[RDI] = c->rdi;
		memcpy(g.ram, "\xed\xfe", 2);
		code(c->bytes, c->len);
		r = run();
		ok = r == EMUL_OK && g.gpr[RAX] == c->want && g.rip == CODE + c->len;
		if (!tap_ok(ok, "%s", c->name))
			printf("# status %d, vector %u, rax expected %#llx, got %#llx, rip %#llx\n",
			       r, e.fault.vector, (long long)c->want, (long long)g.gpr[RAX],
			       (long long)g.rip);
	}
}

/* ---- what faults, and how ---- */

struct fault_case {
	const char *name;
	enum emul_mode mode;
	bool wide;
	u8 cpl;
	const char *bytes;
	u8 len;
	u64 rbx, rbp;
	u8 seg;			/* this segment is */
	struct kvm_segment is;	/* so, if its type, limit or unusable is set */
	u64 rflags, cr0_clear, cr0_set, cr4_clear, cr4_set;
	u8 status, vector;
	bool no_error;
	u64 address;
};

#define FAULT(v)	.status = EMUL_FAULT, .vector = v##_VECTOR
#define LOAD_BX16	B("\x8b\x07")		/* mov ax, [bx] */
#define LOAD		B("\x8b\x03")		/* mov eax, [ebx] */
#define STORE		B("\x89\x03")		/* mov [ebx], eax */
#define LOAD_SS		B("\x8b\x45\x00")	/* mov eax, [ebp] */
#define BAD		0x0000800000000000ULL	/* the first address that is not canonical */
#define SEG(...)	{ .present = 1, .s = 1, __VA_ARGS__ }

static const struct fault_case fault_cases[] = {
	/* Limits. */
	{ "real: an offset of FFFFH is over the limit for a word: #GP without error code",
	  EMUL_REAL, 0, 0, LOAD_BX16, .rbx = 0xffff, FAULT(GP), .no_error = true },
	{ "real: the stack's: #SS without error code", EMUL_REAL, 0, 0, B("\x8b\x46\x00"),
	  .rbp = 0xffff, FAULT(SS), .no_error = true },
	{ "vm86: #GP with error code", EMUL_VM86, 0, 3, LOAD_BX16, .rbx = 0xffff, FAULT(GP) },
	{ "prot32: the limit's last byte is inside", EMUL_PROT, 1, 0, LOAD, .rbx = 0x4000,
	  .seg = EMUL_DS, .is = SEG(.type = 3, .limit = 0x4003) },
	{ "prot32: one less is a #GP", EMUL_PROT, 1, 0, LOAD, .rbx = 0x4000, .seg = EMUL_DS,
	  .is = SEG(.type = 3, .limit = 0x4002), FAULT(GP) },
	{ "prot32: of the stack, #SS", EMUL_PROT, 1, 0, LOAD_SS, .rbp = 0x4000, .seg = EMUL_SS,
	  .is = SEG(.type = 3, .limit = 0x4002, .db = 1), FAULT(SS) },
	{ "prot32: EBP with DS override, #GP", EMUL_PROT, 1, 0, B("\x3e\x8b\x45\x00"),
	  .rbp = 0x4000, .seg = EMUL_DS, .is = SEG(.type = 3, .limit = 0x4002), FAULT(GP) },
	{ "prot32: EBX with SS override, #SS", EMUL_PROT, 1, 0, B("\x36\x8b\x03"),
	  .rbx = 0x4000, .seg = EMUL_SS, .is = SEG(.type = 3, .limit = 0x4002), FAULT(SS) },
	{ "prot32: an offset that wraps is over any limit", EMUL_PROT, 1, 0, LOAD,
	  .rbx = 0xfffffffe, FAULT(GP) },
	{ "prot32: expand-down: above the limit is inside", EMUL_PROT, 1, 0, LOAD, .rbx = 0x4000,
	  .seg = EMUL_DS, .is = SEG(.type = 7, .limit = 0x3fff, .db = 1) },
	{ "prot32: expand-down: the limit is outside", EMUL_PROT, 1, 0, LOAD, .rbx = 0x4000,
	  .seg = EMUL_DS, .is = SEG(.type = 7, .limit = 0x4000, .db = 1), FAULT(GP) },
	{ "prot32: expand-down without B ends at 64 KiB", EMUL_PROT, 1, 0, LOAD, .rbx = 0xfffe,
	  .seg = EMUL_DS, .is = SEG(.type = 7, .limit = 0x10), FAULT(GP) },
	/* Types. */
	{ "prot32: null segment", EMUL_PROT, 1, 0, LOAD, .rbx = 0x4000, .seg = EMUL_DS,
	  .is = { .unusable = 1, .limit = ~0U }, FAULT(GP) },
	{ "prot32: read-only data is not written", EMUL_PROT, 1, 0, STORE, .rbx = 0x4000,
	  .seg = EMUL_DS, .is = SEG(.type = 1, .limit = ~0U), FAULT(GP) },
	{ "prot32: read-only data is read", EMUL_PROT, 1, 0, LOAD, .rbx = 0x4000,
	  .seg = EMUL_DS, .is = SEG(.type = 1, .limit = ~0U) },
	{ "prot32: code is not written", EMUL_PROT, 1, 0, B("\x2e\x89\x03"), .rbx = 0x4000,
	  FAULT(GP) },
	{ "prot32: readable code is read", EMUL_PROT, 1, 0, B("\x2e\x8b\x03"), .rbx = 0x4000 },
	{ "prot32: execute-only code is not read", EMUL_PROT, 1, 0, LOAD, .rbx = 0x4000,
	  .seg = EMUL_DS, .is = SEG(.type = 9, .limit = ~0U), FAULT(GP) },
	{ "prot32: CMP with read-only data is no write", EMUL_PROT, 1, 0, B("\x39\x03"),
	  .rbx = 0x4000, .seg = EMUL_DS, .is = SEG(.type = 1, .limit = ~0U) },
	{ "real: a code segment may be written", EMUL_REAL, 0, 0, B("\x2e\x89\x07"),
	  .rbx = 0x4000 },
	{ "long: limits and types do not matter", EMUL_LONG, 0, 0, STORE, .rbx = 0x4000,
	  .seg = EMUL_DS, .is = { .unusable = 1, .limit = 1 } },
	/* Canonical addresses. */
	{ "long: not canonical: #GP", EMUL_LONG, 0, 0, LOAD, .rbx = BAD, FAULT(GP) },
	{ "long: by RBP: #SS", EMUL_LONG, 0, 0, LOAD_SS, .rbp = BAD, FAULT(SS) },
	{ "long: by RBP and GS: #GP", EMUL_LONG, 0, 0, B("\x65\x8b\x45\x00"), .rbp = BAD,
	  FAULT(GP) },
	{ "long: last byte not canonical: #GP", EMUL_LONG, 0, 0, LOAD, .rbx = BAD - 2, FAULT(GP) },
	{ "long: FS.base takes part in it", EMUL_LONG, 0, 0, B("\x64\x8b\x03"),
	  .rbx = 0x7fffffffffff, .seg = EMUL_FS, .is = { .base = 0x4000, .type = 3 }, FAULT(GP) },
	{ "long: FS.base may bring it back", EMUL_LONG, 0, 0, B("\x64\x8b\x03"),
	  .rbx = ~0ULL, .seg = EMUL_FS, .is = { .base = 0x4001, .type = 3 } },
	{ "long with LA57: canonical, and not mapped", EMUL_LONG, 0, 0, LOAD, .rbx = BAD,
	  .cr4_set = X86_CR4_LA57, FAULT(PF), .address = BAD },
	{ "long with LA57: not canonical", EMUL_LONG, 0, 0, LOAD, .rbx = 1ULL << 56,
	  .cr4_set = X86_CR4_LA57, FAULT(GP) },
	/* Alignment. */
	{ "user, AC and AM: #AC", EMUL_PROT, 1, 3, LOAD, .rbx = 0x4001, .rflags = X86_EFLAGS_AC,
	  FAULT(AC) },
	{ "supervisor: no #AC", EMUL_PROT, 1, 0, LOAD, .rbx = 0x4001, .rflags = X86_EFLAGS_AC },
	{ "user without AM: no #AC", EMUL_PROT, 1, 3, LOAD, .rbx = 0x4001,
	  .rflags = X86_EFLAGS_AC, .cr0_clear = X86_CR0_AM },
	{ "CMPXCHG16B misaligned: #GP", EMUL_LONG, 0, 0, B("\x48\x0f\xc7\x0b"), .rbx = 0x4008,
	  FAULT(GP) },
	{ "CMPXCHG8B misaligned: fine", EMUL_LONG, 0, 0, B("\x0f\xc7\x0b"), .rbx = 0x4003 },
	{ "MOVAPS misaligned: #GP", EMUL_LONG, 0, 0, B("\x0f\x28\x03"), .rbx = 0x4008,
	  FAULT(GP) },
	{ "MOVUPS misaligned: fine", EMUL_LONG, 0, 0, B("\x0f\x10\x03"), .rbx = 0x4008 },
	/* SSE's conditions. */
	{ "CR0.EM: #UD", EMUL_LONG, 0, 0, B("\x0f\x10\x03"), .rbx = 0x4000,
	  .cr0_set = X86_CR0_EM | X86_CR0_TS, FAULT(UD), .no_error = true },
	{ "CR4.OSFXSR clear: #UD", EMUL_LONG, 0, 0, B("\x0f\x11\x03"), .rbx = 0x4000,
	  .cr4_clear = X86_CR4_OSFXSR, FAULT(UD), .no_error = true },
	{ "CR0.TS: #NM", EMUL_LONG, 0, 0, B("\x66\x0f\x7f\x03"), .rbx = 0x4000,
	  .cr0_set = X86_CR0_TS, FAULT(NM), .no_error = true },
	/* Pages. */
	{ "page not present, user's read", EMUL_PROT, 1, 3, LOAD, .rbx = ABSENT + 5, FAULT(PF),
	  .address = ABSENT + 5 },
	{ "a write over a page's end into one that is absent writes nothing", EMUL_LONG, 0, 0,
	  STORE, .rbx = ABSENT - 2, FAULT(PF), .address = ABSENT + 1 },
	{ "a read-modify-write faults as a write, on its read", EMUL_LONG, 0, 0, B("\x01\x03"),
	  .rbx = READONLY, FAULT(PF), .address = READONLY },
	{ "XADD writes back its register only after memory", EMUL_LONG, 0, 0, B("\x0f\xc1\x1b"),
	  .rbx = READONLY, FAULT(PF), .address = READONLY },
	{ "POP to a page that is not writable leaves the stack", EMUL_LONG, 0, 0, B("\x8f\x03"),
	  .rbx = READONLY, FAULT(PF), .address = READONLY },
	{ "MOVS reports the source's fault first", EMUL_LONG, 0, 0, B("\xa4"), FAULT(PF),
	  .address = ABSENT + 1 },
	/* What is no instruction. */
	{ "LOCK MOV: #UD", EMUL_LONG, 0, 0, B("\xf0\x89\x03"), FAULT(UD), .no_error = true },
	{ "LOCK CMP: #UD", EMUL_LONG, 0, 0, B("\xf0\x39\x03"), FAULT(UD), .no_error = true },
	{ "LOCK ADD to a register: #UD", EMUL_LONG, 0, 0, B("\xf0\x01\xc3"), FAULT(UD),
	  .no_error = true },
	{ "LOCK ADD from memory: #UD", EMUL_LONG, 0, 0, B("\xf0\x03\x03"), FAULT(UD),
	  .no_error = true },
	{ "LOCK BT: #UD", EMUL_LONG, 0, 0, B("\xf0\x0f\xba\x23\x01"), FAULT(UD),
	  .no_error = true },
	{ "LOCK MOVS: #UD", EMUL_LONG, 0, 0, B("\xf0\xa4"), FAULT(UD), .no_error = true },
	{ "opcode 82H in 64-bit mode: #UD", EMUL_LONG, 0, 0, B("\x82\x03\x01"), FAULT(UD),
	  .no_error = true },
	{ "opcode 82H elsewhere: as 80H", EMUL_PROT, 1, 0, B("\x82\x03\x01"), .rbx = 0x4000 },
	{ "MOVBE of registers: #UD", EMUL_LONG, 0, 0, B("\x0f\x38\xf0\xc3"), FAULT(UD),
	  .no_error = true },
	/* What is one, but not for here. */
	{ "CPUID", EMUL_LONG, 0, 0, B("\x0f\xa2"), .status = EMUL_UNHANDLED },
	{ "ARPL (63H outside 64-bit mode)", EMUL_PROT, 1, 0, B("\x63\x03"),
	  .status = EMUL_UNHANDLED },
	{ "MUL", EMUL_LONG, 0, 0, B("\xf7\x23"), .status = EMUL_UNHANDLED },
	{ "VEX of 256 bits", EMUL_LONG, 0, 0, B("\xc5\xfc\x10\x03"), .status = EMUL_UNHANDLED },
	{ "VADDPS", EMUL_LONG, 0, 0, B("\xc5\xf8\x58\x03"), .status = EMUL_UNHANDLED },
	{ "LDS, which is no VEX", EMUL_PROT, 1, 0, B("\xc5\x03"), .status = EMUL_UNHANDLED },
	{ "what would be VEX, in real mode", EMUL_REAL, 0, 0, B("\xc5\xf8\x10\x03"),
	  .status = EMUL_UNHANDLED },
	{ "EVEX", EMUL_LONG, 0, 0, B("\x62\xf1\x7c\x08\x10\x03"), .status = EMUL_UNHANDLED },
	{ "XSAVEOPT, a neighbour of CLWB", EMUL_LONG, 0, 0, B("\x0f\xae\x33"),
	  .status = EMUL_UNHANDLED },
	{ "VEX without CR4.OSXSAVE", EMUL_LONG, 0, 0, B("\xc5\xf8\x10\x03"),
	  FAULT(UD), .no_error = true },
	{ "VEX in 32-bit code with CR0.TS", EMUL_PROT, 1, 0, B("\xc5\xf8\x10\x03"),
	  .cr4_set = X86_CR4_OSXSAVE, .cr0_set = X86_CR0_TS, FAULT(NM), .no_error = true },
	{ "VEX after 66H", EMUL_LONG, 0, 0, B("\x66\xc5\xf8\x10\x03"),
	  .cr4_set = X86_CR4_OSXSAVE, FAULT(UD), .no_error = true },
	{ "VEX with LOCK", EMUL_LONG, 0, 0, B("\xf0\xc5\xf8\x10\x03"),
	  .cr4_set = X86_CR4_OSXSAVE, FAULT(UD), .no_error = true },
	{ "VEX with a register too many", EMUL_LONG, 0, 0, B("\xc5\xf0\x10\x03"),
	  .cr4_set = X86_CR4_OSXSAVE, FAULT(UD), .no_error = true },
	{ "ANDN, which uses that register", EMUL_LONG, 0, 0, B("\xc4\xe2\x70\xf2\x03"),
	  .cr4_set = X86_CR4_OSXSAVE, .status = EMUL_UNHANDLED },
	{ "CRC32, MOVBE's neighbour", EMUL_LONG, 0, 0, B("\xf2\x0f\x38\xf0\x03"),
	  .status = EMUL_UNHANDLED },
};

static void change(const struct fault_case *c)
{
	g.gpr[RBX] = c->rbx;
	g.gpr[RBP] = c->rbp;
	g.gpr[RSI] = ABSENT + 1;
	g.gpr[RDI] = READONLY;
	if (c->is.type || c->is.limit || c->is.unusable)
		g.seg[c->seg] = c->is;
	g.rflags |= c->rflags;
	g.cr0 = (g.cr0 & ~c->cr0_clear) | c->cr0_set;
	g.cr4 = (g.cr4 & ~c->cr4_clear) | c->cr4_set;
}

static void test_faults(void)
{
	unsigned int n;
	bool ok;
	int r;

	for (n = 0; n < ARRAY_SIZE(fault_cases); n++) {
		const struct fault_case *c = &fault_cases[n];

		fresh(c->mode, c->wide, c->cpl);
		change(c);
		code(c->bytes, c->len);
		r = run();
		ok = r == c->status && (r == EMUL_OK || untouched());
		if (r == EMUL_FAULT)
			ok = ok && e.fault.vector == c->vector &&
			     e.fault.has_error == !c->no_error && e.fault.address == c->address;
		if (r == EMUL_UNHANDLED)
			ok = ok && e.insn.nr_bytes >= c->len &&
			     !memcmp(e.insn.bytes, c->bytes, c->len);
		if (!tap_ok(ok, "%s", c->name))
			printf("# expected status %u vector %u, got %d, %u (error %d, %#llx)\n",
			       c->status, c->vector, r, e.fault.vector, e.fault.has_error,
			       (long long)e.fault.address);
	}
}

/* ---- fetching ---- */

static void test_length(void)
{
	static const char long15[] = "\x3e\x3e\x3e\x3e\x3e\x3e\x3e\x3e\x3e\x8b\x83\x00\x40\0\0";

	fresh(EMUL_LONG, false, 0);
	CODE_BYTES("\x3e\x3e\x3e\x3e\x3e\x3e\x3e\x3e\x3e\x8b\x83\x00\x40\0\0");
	TAP_EQ(run(), EMUL_OK, "an instruction of 15 bytes is executed");
	TAP_EQ(g.rip, CODE + 15, "RIP is behind its 15 bytes");

	fresh(EMUL_LONG, false, 0);
	CODE_BYTES("\x3e");
	g.rip++;
	code(long15, 15);
	g.rip--;
	TAP_EQ(run(), EMUL_FAULT, "one of 16 bytes is not");
	TAP_EQ(e.fault.vector, GP_VECTOR, "it is a #GP");
}

static void test_fetch(void)
{
	fresh(EMUL_LONG, false, 0);
	g.gpr[RBX] = DATA;
	g.rip = ABSENT - 2;
	CODE_BYTES("\x8b\x03");
	TAP_EQ(run(), EMUL_OK, "the last two bytes before an absent page are an instruction");
	TAP_EQ(g.highest_fetch, ABSENT - 1, "no byte of the absent page was fetched");

	fresh(EMUL_LONG, false, 3);
	g.rip = ABSENT - 1;
	CODE_BYTES("\x8b");
	TAP_EQ(run(), EMUL_FAULT, "an instruction that reaches into an absent page faults");
	tap_ok(e.fault.vector == PF_VECTOR && e.fault.address == ABSENT && untouched(),
	       "#PF names the absent page's first byte");
	tap_ok(!e.insn.op, "and nobody can execute what was decoded of it");

	fresh(EMUL_LONG, false, 0);
	g.gpr[RBX] = DATA;
	memcpy(e.insn.bytes, "\x8b\x03", 2);
	e.insn.nr_bytes = 2;
	TAP_EQ(emul_one(&e), EMUL_OK, "bytes that the caller knows are not fetched");
	TAP_EQ(g.highest_fetch, 0, "nothing was fetched");
}

static void test_code_segment(void)
{
	fresh(EMUL_PROT, true, 0);
	g.gpr[RBX] = DATA;
	g.seg[EMUL_CS].limit = CODE + 1;
	CODE_BYTES("\x8b\x03");
	TAP_EQ(run(), EMUL_OK, "an instruction may end at CS's limit");
	g.rip = CODE;
	g.seg[EMUL_CS].limit = CODE;
	TAP_EQ(run(), EMUL_FAULT, "but not behind it");
	TAP_EQ(e.fault.vector, GP_VECTOR, "#GP for CS's limit");

	fresh(EMUL_REAL, false, 0);
	g.gpr[RBX] = DATA;
	g.seg[EMUL_CS].base = CODE;
	g.rip = 0x10;
	CODE_BYTES("\x8b\x07");
	TAP_EQ(run(), EMUL_OK, "CS.base is added");
	TAP_EQ(g.rip, 0x12, "and not part of RIP");
}

/* ---- devices that answer later ---- */

static void answer(u64 value)
{
	g.answers[g.nr_answers++] = value;
	g.next_answer = 0;
}

struct device_case {
	const char *name;
	const char *bytes;
	u8 len;
	u64 answer;
	u64 rax;		/* afterwards */
	bool posts;
	u64 posted;
};

static const struct device_case device_cases[] = {
	{ "MOV from a device", B("\x8b\x03"), 0x11223344, 0x11223344 },
	{ "MOVZX from a device", B("\x0f\xb6\x03"), 0xff, 0xff },
	{ "MOVSX from a device", B("\x48\x0f\xbe\x03"), 0xff, ~0ULL },
	{ "ADD to a device", B("\x83\x03\x05"), 10, 0x55, true, 15 },
	{ "LOCK OR to a device", B("\xf0\x83\x0b\x05"), 10, 0x55, true, 15 },
	{ "XCHG with a device", B("\x87\x03"), 10, 10, true, 0x55 },
	{ "XADD to a device", B("\x0f\xc1\x03"), 10, 10, true, 0x5f },
	{ "CMPXCHG with a device, equal", B("\x0f\xb1\x0b"), 0x55, 0x55, true, 0x77 },
	{ "CMPXCHG with a device, not equal", B("\x0f\xb1\x0b"), 0x56, 0x56, true, 0x56 },
	{ "CMP with a device", B("\x39\x03"), 10, 0x55 },
	{ "PUSH from a device", B("\xff\x33"), 0x1234, 0x55 },
	{ "LODS from a device", B("\xad"), 0x99, 0x99 },
	{ "MOVS from a device to a device", B("\xa5"), 0x77, 0x55, true, 0x77 },
	{ "NEG of a device", B("\xf6\x1b"), 1, 0x55, true, 0xff },
	{ "SHL of a device", B("\xc1\x23\x04"), 0x11, 0x55, true, 0x110 },
	{ "BTS of a device", B("\x0f\xba\x2b\x03"), 0, 0x55, true, 8 },
};

static void test_devices(void)
{
	unsigned int n;
	bool ok;
	int r;

	for (n = 0; n < ARRAY_SIZE(device_cases); n++) {
		const struct device_case *c = &device_cases[n];

		fresh(EMUL_LONG, false, 0);
		g.gpr[RAX] = 0x55;
		g.gpr[RCX] = 0x77;
		g.gpr[RBX] = DEVICE + 0x10;
		g.gpr[RSI] = DEVICE + 0x10;
		g.gpr[RDI] = DEVICE + 0x10;
		code(c->bytes, c->len);
		r = run();
		tap_ok(r == EMUL_MMIO && untouched() && g.wanted == DEVICE + 0x10,
		       "%s: asks, and changes nothing", c->name);
		answer(c->answer);
		r = n & 1 ? emul_execute(&e) : run();
		ok = r == EMUL_OK && g.gpr[RAX] == c->rax && g.posted == c->posts &&
		     g.posted_value == c->posted && g.rip == CODE + c->len;
		if (!tap_ok(ok, "%s: replayed with the answer", c->name))
			printf("# status %d rax %#llx posted %u %#llx\n", r,
			       (long long)g.gpr[RAX], g.posted, (long long)g.posted_value);
	}
	fresh(EMUL_LONG, false, 0);
	g.gpr[RBX] = DEVICE;
	g.gpr[RAX] = 0xcafe;
	CODE_BYTES("\x89\x03");
	TAP_EQ(run(), EMUL_OK, "a write to a device does not wait");
	TAP_EQ(g.posted_value, 0xcafe, "it is posted");
}

/* CMPS of two device registers: two questions, and each replay starts anew. */
static void test_two_answers(void)
{
	fresh(EMUL_LONG, false, 0);
	g.gpr[RSI] = DEVICE;
	g.gpr[RDI] = DEVICE + 8;
	CODE_BYTES("\xa7");
	TAP_EQ(run(), EMUL_MMIO, "CMPS asks for its source");
	answer(5);
	TAP_EQ(run(), EMUL_MMIO, "then for its target");
	tap_ok(g.wanted == DEVICE + 8 && untouched(), "with nothing changed in between");
	answer(5);
	TAP_EQ(run(), EMUL_OK, "and has both on the third run");
	tap_ok(g.rflags & X86_EFLAGS_ZF, "which compares them");
}

/* ---- repetitions ---- */

static void test_repeat(void)
{
	fresh(EMUL_LONG, false, 0);
	g.gpr[RCX] = 100;
	g.gpr[RDI] = DATA;
	g.gpr[RAX] = 0xee;
	CODE_BYTES("\xf3\xaa");
	TAP_EQ(run(), EMUL_REPEAT, "a long repetition is cut");
	TAP_EQ(g.gpr[RCX], 100 - EMUL_MAX_REPEAT, "its iterations are committed");
	TAP_EQ(g.rip, CODE, "RIP is still at it");
	tap_ok(!e.single_step, "no trap is due");
	TAP_EQ(run(), EMUL_OK, "it ends on the next call");
	tap_ok(g.gpr[RDI] == DATA + 100 && !g.gpr[RCX] && g.rip == CODE + 2, "at its end");
	TAP_EQ(ram(DATA + 99, 2), 0xee, "100 bytes were written, not 101");
}

static void test_repeat_stops(void)
{
	fresh(EMUL_LONG, false, 0);
	g.gpr[RCX] = 2;
	g.gpr[RDI] = DATA;
	g.rflags |= X86_EFLAGS_TF | X86_EFLAGS_RF;
	CODE_BYTES("\xf3\xaa");
	TAP_EQ(run(), EMUL_REPEAT, "TF ends it after each iteration");
	tap_ok(e.single_step && (g.rflags & X86_EFLAGS_RF), "the trap is due, RF stays");
	TAP_EQ(run(), EMUL_OK, "the last one retires it");
	tap_ok(e.single_step && !(g.rflags & X86_EFLAGS_RF), "the trap is due, RF is clear");

	fresh(EMUL_LONG, false, 0);
	g.gpr[RCX] = 3;
	g.gpr[RSI] = DATA;
	g.gpr[RDI] = DEVICE;
	CODE_BYTES("\xf3\xa4");
	TAP_EQ(run(), EMUL_REPEAT, "a posted write ends it after that iteration");
	tap_ok(g.posted == 1 && g.gpr[RCX] == 2, "which is committed");
}

static void test_repeat_faults(void)
{
	fresh(EMUL_LONG, false, 0);
	g.gpr[RCX] = 8;
	g.gpr[RDI] = ABSENT - 4;
	CODE_BYTES("\xf3\xaa");
	TAP_EQ(run(), EMUL_FAULT, "a fault in the middle is a fault");
	tap_ok(g.gpr[RCX] == 4 && g.gpr[RDI] == ABSENT && e.fault.address == ABSENT &&
	       g.rip == CODE, "the iterations before it are committed");

	fresh(EMUL_LONG, false, 0);
	g.gpr[RCX] = 2;
	g.gpr[RSI] = DEVICE - 1;
	g.gpr[RDI] = DATA;
	g.ram[READONLY + 0xfff] = 0x42;
	CODE_BYTES("\xf3\xa4");
	TAP_EQ(run(), EMUL_MMIO, "a question in the middle is a question");
	tap_ok(g.gpr[RCX] == 1 && g.ram[DATA] == 0x42 && g.rip == CODE,
	       "the iterations before it are committed");
}

static void test_repeat_16(void)
{
	fresh(EMUL_PROT, false, 0);
	g.gpr[RCX] = 0x10002;
	g.gpr[RSI] = 0x14001;
	g.gpr[RDI] = 0x14000;
	g.seg[EMUL_DS].limit = 0xffff;
	g.seg[EMUL_ES].limit = 0xffff;
	g.rflags |= X86_EFLAGS_DF;
	CODE_BYTES("\xf3\xa4");
	TAP_EQ(run(), EMUL_OK, "16-bit MOVS counts in CX, down with DF");
	tap_ok(g.gpr[RCX] == 0x10000 && g.gpr[RSI] == 0x13fff && g.gpr[RDI] == 0x13ffe,
	       "the upper halves stay");
}

/* ---- string I/O ---- */

static void ports(unsigned int count, u64 rdi, const char *bytes, unsigned int len)
{
	unsigned int n;

	fresh(EMUL_PROT, true, 0);
	g.gpr[RDX] = 0x1f0;
	g.gpr[RCX] = count;
	g.gpr[RDI] = rdi;
	g.gpr[RSI] = rdi;
	for (n = 0; n < sizeof(g.port_data); n++)
		g.port_data[n] = n * 3 + 1;
	code(bytes, len);
}

static void test_ports(void)
{
	ports(256, DATA, B("\x66\xf3\x6d"));
	TAP_EQ(run(), EMUL_OK, "REP INSW of a sector");
	TAP_EQ(g.port_calls, 1, "goes at once");
	tap_ok(!memcmp(g.ram + DATA, g.port_data, 512) && !g.gpr[RCX] &&
	       g.gpr[RDI] == DATA + 512, "into memory");

	ports(10, DATA + PAGE - 6, B("\x66\xf3\x6d"));
	TAP_EQ(run(), EMUL_OK, "over a page's end");
	TAP_EQ(g.port_calls, 2, "in two parts");

	ports(4, ABSENT, B("\xf3\x6c"));
	TAP_EQ(run(), EMUL_FAULT, "INS to an absent page faults");
	TAP_EQ(g.port_calls, 0, "before the port is read");

	ports(4, DATA, B("\xf3\x6c"));
	g.port_waits = true;
	TAP_EQ(run(), EMUL_MMIO, "a port may have to wait for user space");
	tap_ok(untouched(), "with nothing changed");
	g.port_waits = false;
	TAP_EQ(run(), EMUL_OK, "and is replayed");
	TAP_EQ(g.port_count, 4, "for the same elements");
}

static void test_ports_singly(void)
{
	ports(3, DATA, B("\xf3\x6c"));
	g.rflags |= X86_EFLAGS_DF;
	TAP_EQ(run(), EMUL_OK, "downwards");
	tap_ok(g.port_calls == 3 && g.gpr[RDI] == DATA - 3, "one by one");

	ports(3, DEVICE, B("\xf3\x6c"));
	TAP_EQ(run(), EMUL_REPEAT, "to a device");
	tap_ok(g.posted == 1 && g.port_count == 1 && g.gpr[RCX] == 2, "one by one");
}

static void test_ports_out(void)
{
	ports(8, DATA, B("\xf3\x6e"));
	TAP_EQ(run(), EMUL_OK, "REP OUTSB");
	tap_ok(g.port_count == 8 && !memcmp(g.port_data, "\1\2\3\4\5\6\7\10", 8) &&
	       g.gpr[RSI] == DATA + 8, "writes memory's bytes");

	ports(1, DATA, B("\x6f"));
	TAP_EQ(run(), EMUL_OK, "OUTSD");
	tap_ok(g.port_size == 4 && g.gpr[RCX] == 1, "once, RCX as it was");

	ports(8, DATA, B("\xf3\x6e"));
	g.seg[EMUL_DS].limit = DATA + 7;
	tap_ok(run() == EMUL_OK && g.port_calls == 1, "up to the segment's limit at once");

	ports(600, DATA, B("\xf3\x6e"));
	g.seg[EMUL_DS].limit = DATA + 9;
	TAP_EQ(run(), EMUL_FAULT, "the segment's limit ends it");
	TAP_EQ(g.gpr[RCX], 590, "at the first element beyond");
}

/* ---- locked accesses, ends of instructions ---- */

static void test_locked(void)
{
	fresh(EMUL_LONG, false, 0);
	g.gpr[RBX] = DATA;
	CODE_BYTES("\xf0\xff\x03");
	TAP_EQ(run(), EMUL_OK, "LOCK INC");
	TAP_EQ(g.cmpxchgs, 1, "is atomic");

	fresh(EMUL_LONG, false, 0);
	g.gpr[RBX] = DATA;
	CODE_BYTES("\xff\x03");
	TAP_EQ(run(), EMUL_OK, "INC");
	TAP_EQ(g.cmpxchgs, 0, "is not");

	fresh(EMUL_LONG, false, 0);
	g.gpr[RBX] = DATA;
	CODE_BYTES("\x87\x03");
	g.changed_by_others = 1;
	TAP_EQ(run(), EMUL_REPEAT, "XCHG is, and starts again if memory changed under it");
	tap_ok(g.gpr[RAX] == saved.gpr[RAX] && g.rip == CODE, "with no register changed");
	TAP_EQ(run(), EMUL_OK, "the next time it succeeds");
}

static void test_retire(void)
{
	fresh(EMUL_LONG, false, 0);
	g.gpr[RBX] = DATA;
	g.rflags |= X86_EFLAGS_TF | X86_EFLAGS_RF;
	CODE_BYTES("\x8b\x03");
	TAP_EQ(run(), EMUL_OK, "with TF");
	tap_ok(e.single_step, "a trap is due");
	tap_ok(!(g.rflags & X86_EFLAGS_RF), "RF is clear");

	fresh(EMUL_PROT, true, 0);
	g.gpr[RBX] = DATA;
	g.rip = 0xfffffffe;
	g.seg[EMUL_CS].base = CODE + 2;
	memcpy(g.ram + CODE, "\x8b\x03", 2);
	TAP_EQ(run(), EMUL_OK, "32-bit code at its very end");
	TAP_EQ(g.rip, 0, "EIP wraps");

	fresh(EMUL_REAL, false, 0);
	g.gpr[RSP] = 0xffff0002;
	g.gpr[RBX] = DATA;
	CODE_BYTES("\xff\x37");
	TAP_EQ(run(), EMUL_OK, "PUSH on a 16-bit stack");
	TAP_EQ(g.gpr[RSP], 0xffff0000, "moves SP only");
	TAP_EQ(ram(0, 2), 0x0201, "and pushes a word");

	fresh(EMUL_PROT, false, 0);
	g.seg[EMUL_SS].db = 1;
	g.gpr[RBX] = DATA;
	g.gpr[RSP] = 0x13000;
	CODE_BYTES("\xff\x37");
	TAP_EQ(run(), EMUL_OK, "16-bit code on a 32-bit stack");
	TAP_EQ(g.gpr[RSP], 0x12ffe, "pushes a word by ESP");
	TAP_EQ(ram(0x12ffe, 2), 0x0201, "where ESP points");
}

/* ---- random bytes ---- */

static u64 random64(void)
{
	static u64 x = 0x9e3779b97f4a7c15ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x * 0x2545f4914f6cdd1dULL;
}

static void random_guest(unsigned int n)
{
	static const u8 starts[] = { 0x0f, 0x66, 0xf3, 0xf0, 0xa4, 0x6c, 0x80, 0xff };
	unsigned int i;
	u64 word;

	for (i = 0; i < 16; i++) {
		word = random64();
		g.gpr[i] = word & 7 ? word & 0x1ffff : word;
		g.ram[CODE + i] = word >> 32;
	}
	g.rip = CODE;
	g.rflags = X86_EFLAGS_FIXED | (random64() & 0x40ed5);
	if (n & 8)
		g.ram[CODE] = starts[(n >> 4) & 7];
	g.nr_answers = random64() & 3;
	g.posted = 0;
	g.port_waits = n & 16;
}

static void test_random(void)
{
	unsigned int n, odd = 0, done = 0;
	bool repeats;
	int r;

	for (n = 0; n < 150000; n++) {
		if (n % 1000 == 0)
			fresh(n / 1000 % 4, n / 4000 % 2, n / 8000 % 2 * 3);
		random_guest(n);
		saved = (struct guest) { .rip = g.rip };
		memcpy(saved.gpr, g.gpr, sizeof(g.gpr));
		g.next_answer = 0;
		e.insn.nr_bytes = 0;
		r = emul_one(&e);
		repeats = e.insn.repeat;
		done += r == EMUL_OK;
		if (r == EMUL_OK ? g.rip == saved.rip : g.rip != saved.rip)
			odd++;
		if (r != EMUL_OK && !repeats && memcmp(g.gpr, saved.gpr, sizeof(g.gpr)))
			odd++;
		if (e.insn.len > EMUL_MAX_INSN || e.insn.nr_bytes > EMUL_MAX_INSN)
			odd++;
	}
	TAP_EQ(odd, 0, "random bytes: what does not retire changes neither RIP nor a register");
	tap_ok(done > 10000, "random bytes: %u of %u retire", done, n);
}

int main(void)
{
	tap_begin();
	test_addressing();
	test_faults();
	test_length();
	test_fetch();
	test_code_segment();
	test_devices();
	test_two_answers();
	test_repeat();
	test_repeat_stops();
	test_repeat_faults();
	test_repeat_16();
	test_ports();
	test_ports_singly();
	test_ports_out();
	test_locked();
	test_retire();
	test_random();
	return tap_end();
}
