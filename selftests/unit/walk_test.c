// SPDX-License-Identifier: GPL-2.0
/*
 * The walker of the guest's own tables against a table of cases, each derived from the SDM's
 * "Determination of Access Rights", "Page-Fault Exceptions" and the figures of the entries'
 * formats. One tree per paging mode; a case sets and clears bits of its entries.
 */
#include "mmu/walk.h"
#include "selftests/lib/tap.h"

/* A case names what it changes. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* Bits as the manual numbers them, written here a second time on purpose. */
#define P	BIT_ULL(0)
#define RW	BIT_ULL(1)
#define US	BIT_ULL(2)
#define A	BIT_ULL(5)
#define D	BIT_ULL(6)
#define PS	BIT_ULL(7)
#define XD	BIT_ULL(63)
#define KEY(n)	((u64)(n) << 59)

#define WP	BIT_ULL(16)
#define PSE	BIT_ULL(4)
#define SMEP	BIT_ULL(20)
#define SMAP	BIT_ULL(21)
#define PKE	BIT_ULL(22)
#define NXE	BIT_ULL(11)

/* Error codes. */
#define E_P	0x1
#define E_W	0x2
#define E_U	0x4
#define E_RSVD	0x8
#define E_I	0x10
#define E_PK	0x20

#define PAGES		7
#define FRAME		0x777000ULL
#define OK		0
#define PF(code)	(0x100 | (code))	/* a fault, even with an error code of 0 */

enum mode { OFF, M32, PAE, L4, L5 };

/* Tables of level n are at n * 0x1000, for all modes; the walk uses entry 1 of each. */
static u64 memory[PAGES][512];
static unsigned int exchanges, refuse_exchanges;
static bool rom;

static int read_entry(void *ctx, u64 gpa, void *entry, size_t len)
{
	(void)ctx;
	if (gpa + len > sizeof(memory))
		return -EFAULT;
	memcpy(entry, (u8 *)memory + gpa, len);
	return 0;
}

static int cmpxchg_entry(void *ctx, u64 gpa, u64 old, u64 new, size_t len)
{
	u64 now = 0;

	exchanges++;
	if (rom)
		return -EFAULT;
	if (refuse_exchanges) {
		refuse_exchanges--;
		return 0;
	}
	if (read_entry(ctx, gpa, &now, len))
		return -EFAULT;
	if (now != old)
		return 0;
	memcpy((u8 *)memory + gpa, &new, len);
	return 1;
}

static const struct walk_ops ops = { .read = read_entry, .compare_swap = cmpxchg_entry };

struct walk_case {
	const char *name;
	enum mode mode;
	u64 cr0, cr4, efer;		/* on top of what the mode needs */
	bool ac;
	u32 pkru;
	unsigned int access;
	u64 set[6], clear[6];		/* bits of the entry of each level */
	int want;			/* OK or PF(error code) */
	u64 gpa;			/* 0: FRAME + 0x123 */
	u64 size;			/* 0: 4096 */
	u64 address;			/* 0: entry 1 of each table, + 0x123 */
	u8 maxphyaddr;			/* 0: 40 */
	bool no_1g;
};

static const u64 addresses[] = {
	[OFF] = 0x12345678,
	[M32] = 0x00401123,
	[PAE] = 0x40201123,
	[L4] = 0x0000008040201123,
	[L5] = 0x0001008040201123,
};

static int top_level(enum mode mode)
{
	return mode == M32 || mode == PAE ? 2 : mode == L4 ? 4 : 5;
}

static u64 *entry_of(int level)
{
	return &memory[level][1];
}

static void put_entry(enum mode mode, int level, u64 value)
{
	if (mode == M32)
		((u32 *)memory[level])[1] = value;
	else
		*entry_of(level) = value;
}

static u64 get_entry(enum mode mode, int level)
{
	return mode == M32 ? ((u32 *)memory[level])[1] : *entry_of(level);
}

static void set_up(const struct walk_case *c, struct walk_env *env)
{
	int level;

	memset(memory, 0, sizeof(memory));
	*env = (struct walk_env) {
		.ops = &ops, .cr0 = c->cr0, .cr4 = c->cr4, .efer = c->efer, .ac = c->ac,
		.pkru = c->pkru, .pages_1g = !c->no_1g,
		.maxphyaddr = c->maxphyaddr ? c->maxphyaddr : 40,
	};
	if (c->mode == OFF)
		return;
	env->cr0 |= 1ULL << 31;
	env->cr4 |= c->mode >= PAE ? 1ULL << 5 : 0;
	env->cr4 |= c->mode == L5 ? 1ULL << 12 : 0;
	env->efer |= c->mode >= L4 ? 1ULL << 10 : 0;
	/* The low bits of CR3 are no part of the address. */
	env->cr3 = ((u64)top_level(c->mode) << 12) | 0x18;
	for (level = 1; level <= top_level(c->mode); level++) {
		u64 entry = level == 1 ? FRAME : (u64)(level - 1) << 12;

		entry |= P | RW | US;
		put_entry(c->mode, level, (entry | c->set[level]) & ~c->clear[level]);
	}
	if (c->mode == PAE) {
		env->cr3 = 0xdead000;
		env->pdptr[1] = ((0x2000 | P) | c->set[3]) & ~c->clear[3];
	}
}

#define W	WALK_WRITE
#define U	WALK_USER
#define F	WALK_FETCH
#define IMP	WALK_IMPLICIT

static const struct walk_case cases[] = {
	/* No paging. */
	{ "paging off: linear is physical", OFF, .gpa = 0x12345678 },
	{ "paging off: 32 bits count", OFF, .address = 0xabc00000123, .gpa = 0x123 },
	{ "paging off: no rights", OFF, .access = U | W | F, .cr4 = SMEP, .gpa = 0x12345678 },

	/* 32-bit. */
	{ "32-bit: a 4 KiB page", M32 },
	{ "32-bit: upper bits of the address do not count", M32,
	  .address = 0xffffffff00401123 },
	{ "32-bit: PDE not present", M32, .clear[2] = P, .want = PF(0) },
	{ "32-bit: PTE not present", M32, .access = W | U, .clear[1] = P, .want = PF(E_W | E_U) },
	{ "32-bit: user reads user", M32, .access = U },
	{ "32-bit: user reads supervisor", M32, .access = U, .clear[1] = US,
	  .want = PF(E_P | E_U) },
	{ "32-bit: the PDE counts, too", M32, .access = U, .clear[2] = US, .want = PF(E_P | E_U) },
	{ "32-bit: user writes read-only", M32, .access = U | W, .clear[2] = RW,
	  .want = PF(E_P | E_U | E_W) },
	{ "32-bit: supervisor writes read-only with WP clear", M32, .access = W, .clear[1] = RW },
	{ "32-bit: supervisor writes read-only with WP set", M32, .cr0 = WP, .access = W,
	  .clear[1] = RW, .want = PF(E_P | E_W) },
	{ "32-bit: a 4 MiB page", M32, .cr4 = PSE, .set[2] = PS | 0x00c00000,
	  .clear[2] = 0x1000, .gpa = 0x00c01123, .size = 1 << 22 },
	{ "32-bit: PS is ignored without CR4.PSE", M32, .set[2] = PS },
	{ "32-bit: PSE-36 gives address bits 39:32", M32, .cr4 = PSE,
	  .set[2] = PS | 0x001fe000 | 0x00c00000, .clear[2] = 0x1000, .gpa = 0xff00c01123,
	  .size = 1 << 22 },
	{ "32-bit: bit 21 of a 4 MiB PDE is reserved", M32, .cr4 = PSE,
	  .set[2] = PS | (1 << 21), .clear[2] = 0x1000, .want = PF(E_P | E_RSVD) },
	{ "32-bit: PSE-36 stops at MAXPHYADDR", M32, .cr4 = PSE, .maxphyaddr = 36,
	  .set[2] = PS | (1 << 17), .clear[2] = 0x1000, .want = PF(E_P | E_RSVD) },
	{ "32-bit: below MAXPHYADDR it does not", M32, .cr4 = PSE, .maxphyaddr = 36,
	  .set[2] = PS | (1 << 16) | 0x00c00000, .clear[2] = 0x1000, .gpa = 0x800c01123,
	  .size = 1 << 22 },
	{ "32-bit: a fetch is not told without NX and SMEP", M32, .access = F | U, .clear[1] = P,
	  .want = PF(E_U) },
	{ "32-bit: NXE alone does not tell it either", M32, .efer = NXE, .access = F | U,
	  .clear[1] = P, .want = PF(E_U) },
	{ "32-bit: SMEP tells it", M32, .cr4 = SMEP, .access = F | U, .clear[1] = P,
	  .want = PF(E_U | E_I) },
	{ "32-bit: SMEP forbids the supervisor's fetch of a user page", M32, .cr4 = SMEP,
	  .access = F, .want = PF(E_P | E_I) },
	{ "32-bit: SMAP forbids the supervisor's read of a user page", M32, .cr4 = SMAP,
	  .want = PF(E_P) },

	/* PAE. */
	{ "PAE: a 4 KiB page, by the PDPTE registers", PAE },
	{ "PAE: PDPTE not present", PAE, .access = W, .clear[3] = P, .want = PF(E_W) },
	{ "PAE: a 2 MiB page", PAE, .set[2] = PS | 0x00c00000, .clear[2] = 0x1000,
	  .gpa = 0x00c01123, .size = 1 << 21 },
	{ "PAE: PS needs no CR4.PSE, and bit 13 is reserved then", PAE,
	  .set[2] = PS | (1 << 13), .clear[2] = 0x1000, .want = PF(E_P | E_RSVD) },
	{ "PAE: bit 12 of a large page is the PAT's", PAE, .set[2] = PS | 0x1000 | 0x00c00000,
	  .gpa = 0x00c01123, .size = 1 << 21 },
	{ "PAE: address bits from MAXPHYADDR are reserved", PAE, .set[1] = 1ULL << 40,
	  .want = PF(E_P | E_RSVD) },
	{ "PAE: address bits below it are not", PAE, .set[1] = 1ULL << 39,
	  .gpa = (1ULL << 39) | (FRAME + 0x123) },
	{ "PAE: bit 62 is reserved", PAE, .set[1] = 1ULL << 62, .want = PF(E_P | E_RSVD) },
	{ "PAE: XD is reserved without NXE", PAE, .set[1] = XD, .want = PF(E_P | E_RSVD) },
	{ "PAE: XD stops a fetch", PAE, .efer = NXE, .access = F, .set[1] = XD,
	  .want = PF(E_P | E_I) },
	{ "PAE: XD of the PDE stops a fetch", PAE, .efer = NXE, .access = F | U, .set[2] = XD,
	  .want = PF(E_P | E_I | E_U) },
	{ "PAE: XD lets a read through", PAE, .efer = NXE, .set[1] = XD },
	{ "PAE: protection keys do not exist", PAE, .cr4 = PKE, .pkru = ~0u, .access = U },

	/* 4-level. */
	{ "4-level: a 4 KiB page", L4 },
	{ "4-level: PML4E not present", L4, .clear[4] = P, .want = PF(0) },
	{ "4-level: PDPTE not present", L4, .access = W, .clear[3] = P, .want = PF(E_W) },
	{ "4-level: PDE not present", L4, .access = U, .clear[2] = P, .want = PF(E_U) },
	{ "4-level: PTE not present", L4, .efer = NXE, .access = F, .clear[1] = P,
	  .want = PF(E_I) },
	{ "4-level: a fetch is not told without NX and SMEP", L4, .access = F, .clear[1] = P,
	  .want = PF(0) },
	{ "4-level: not present wins over reserved", L4, .clear[1] = P, .set[1] = 1ULL << 45,
	  .want = PF(0) },
	{ "4-level: a table where no memory is, is not present", L4, .set[3] = 0x100000,
	  .want = PF(0) },
	{ "4-level: a 2 MiB page", L4, .set[2] = PS | 0x00c00000, .clear[2] = 0x1000,
	  .gpa = 0x00c01123, .size = 1 << 21 },
	{ "4-level: bit 20 of a 2 MiB page is reserved", L4, .set[2] = PS | (1 << 20),
	  .clear[2] = 0x1000, .want = PF(E_P | E_RSVD) },
	{ "4-level: a 1 GiB page", L4, .set[3] = PS | 0x80000000, .clear[3] = 0x2000,
	  .gpa = 0x80201123, .size = 1 << 30 },
	{ "4-level: bit 29 of a 1 GiB page is reserved", L4, .set[3] = PS | (1 << 29),
	  .clear[3] = 0x2000, .want = PF(E_P | E_RSVD) },
	{ "4-level: 1 GiB pages that the guest has not are reserved", L4, .no_1g = true,
	  .set[3] = PS, .clear[3] = 0x2000, .want = PF(E_P | E_RSVD) },
	{ "4-level: PS of a PML4E is reserved", L4, .set[4] = PS, .want = PF(E_P | E_RSVD) },
	{ "4-level: bit 7 of a PTE is the PAT's", L4, .set[1] = PS },
	{ "4-level: bits 62:52 are ignored", L4, .set[1] = 0x7ffULL << 52 },
	{ "4-level: bit 51 is reserved", L4, .set[4] = 1ULL << 51, .want = PF(E_P | E_RSVD) },
	{ "4-level: with MAXPHYADDR 52 it is not", L4, .maxphyaddr = 52, .set[1] = 1ULL << 51,
	  .gpa = (1ULL << 51) | (FRAME + 0x123) },
	{ "4-level: reserved with user, write", L4, .access = U | W, .set[2] = 1ULL << 40,
	  .want = PF(E_P | E_RSVD | E_U | E_W) },
	{ "4-level: XD of the PML4E stops a fetch", L4, .efer = NXE, .access = F, .set[4] = XD,
	  .want = PF(E_P | E_I) },
	{ "4-level: XD is reserved without NXE", L4, .set[3] = XD, .want = PF(E_P | E_RSVD) },
	{ "4-level: user writes", L4, .access = U | W },
	{ "4-level: user reads where the PDPTE is the supervisor's", L4, .access = U,
	  .clear[3] = US, .want = PF(E_P | E_U) },
	{ "4-level: user writes where the PML4E is read-only", L4, .access = U | W,
	  .clear[4] = RW, .want = PF(E_P | E_U | E_W) },
	{ "4-level: user reads read-only", L4, .access = U, .clear[1] = RW },
	{ "4-level: supervisor writes a read-only user page with WP clear", L4, .access = W,
	  .clear[1] = RW },
	{ "4-level: supervisor writes a read-only user page with WP set", L4, .cr0 = WP,
	  .access = W, .clear[1] = RW, .want = PF(E_P | E_W) },

	/* SMEP and SMAP. */
	{ "SMEP: the supervisor fetches its own", L4, .cr4 = SMEP, .access = F, .clear[1] = US },
	{ "SMEP: the user fetches its own", L4, .cr4 = SMEP, .access = F | U },
	{ "SMEP: the supervisor may not fetch the user's", L4, .cr4 = SMEP, .access = F,
	  .want = PF(E_P | E_I) },
	{ "SMEP: it may read it", L4, .cr4 = SMEP },
	{ "SMEP: one supervisor entry makes it the supervisor's", L4, .cr4 = SMEP, .access = F,
	  .clear[4] = US },
	{ "SMAP: the supervisor may not read the user's", L4, .cr4 = SMAP, .want = PF(E_P) },
	{ "SMAP: nor write it", L4, .cr4 = SMAP, .access = W, .want = PF(E_P | E_W) },
	{ "SMAP: unless AC is set", L4, .cr4 = SMAP, .ac = true, .access = W },
	{ "SMAP: which does not count for the processor's own accesses", L4, .cr4 = SMAP,
	  .ac = true, .access = IMP, .want = PF(E_P) },
	{ "SMAP: these reach the supervisor's pages", L4, .cr4 = SMAP, .access = IMP,
	  .clear[1] = US },
	{ "SMAP: does not stop fetches", L4, .cr4 = SMAP, .access = F },
	{ "SMAP: does not stop the user", L4, .cr4 = SMAP, .access = U },
	{ "SMAP: AC does not lift WP", L4, .cr4 = SMAP, .cr0 = WP, .ac = true, .access = W,
	  .clear[1] = RW, .want = PF(E_P | E_W) },

	/* Protection keys. */
	{ "keys: a key without rights stops the user's read", L4, .cr4 = PKE, .pkru = 1 << 6,
	  .access = U, .set[1] = KEY(3), .want = PF(E_P | E_U | E_PK) },
	{ "keys: another key does not", L4, .cr4 = PKE, .pkru = 1 << 6, .access = U,
	  .set[1] = KEY(2) },
	{ "keys: the supervisor is stopped at a user page, too", L4, .cr4 = PKE, .pkru = 1 << 6,
	  .set[1] = KEY(3), .want = PF(E_P | E_PK) },
	{ "keys: they do not concern supervisor pages", L4, .cr4 = PKE, .pkru = 1 << 6,
	  .set[1] = KEY(3), .clear[1] = US },
	{ "keys: nor fetches", L4, .cr4 = PKE, .pkru = 1 << 6, .access = U | F,
	  .set[1] = KEY(3) },
	{ "keys: nor anything without CR4.PKE", L4, .pkru = ~0u, .access = U, .set[1] = KEY(3) },
	{ "keys: write-disable lets the user read", L4, .cr4 = PKE, .pkru = 2u << 30,
	  .access = U, .set[1] = KEY(15) },
	{ "keys: write-disable stops the user's write", L4, .cr4 = PKE, .pkru = 2u << 30,
	  .access = U | W, .set[1] = KEY(15), .want = PF(E_P | E_U | E_W | E_PK) },
	{ "keys: write-disable lets the supervisor write with WP clear", L4, .cr4 = PKE,
	  .pkru = 2, .access = W },
	{ "keys: write-disable stops it with WP set", L4, .cr4 = PKE, .cr0 = WP, .pkru = 2,
	  .access = W, .want = PF(E_P | E_W | E_PK) },
	{ "keys: the large page's entry has the key", L4, .cr4 = PKE, .pkru = 1 << 8,
	  .access = U, .set[2] = PS | KEY(4) | 0x00c00000, .clear[2] = 0x1000,
	  .want = PF(E_P | E_U | E_PK) },

	/* 5-level. */
	{ "5-level: a 4 KiB page", L5 },
	{ "5-level: PML5E not present", L5, .clear[5] = P, .want = PF(0) },
	{ "5-level: PS of a PML5E is reserved", L5, .set[5] = PS, .want = PF(E_P | E_RSVD) },
	{ "5-level: US of the PML5E counts", L5, .access = U, .clear[5] = US,
	  .want = PF(E_P | E_U) },
	{ "5-level: a 1 GiB page", L5, .set[3] = PS | 0x80000000, .clear[3] = 0x2000,
	  .gpa = 0x80201123, .size = 1 << 30 },
};

static void run_case(const struct walk_case *c)
{
	u64 address = c->address ? c->address : addresses[c->mode];
	u64 gpa = c->gpa ? c->gpa : FRAME + 0x123, size = c->size ? c->size : 4096;
	struct walk_result result = { 0 };
	struct walk_env env;
	int got;

	set_up(c, &env);
	got = guest_walk(&env, address, c->access, &result);
	if (got == WALK_FAULT)
		got = PF(result.error_code);
	if (got != c->want) {
		TAP_EQ(got, c->want, c->name);
		return;
	}
	if (got == OK && result.page_size != size)
		TAP_EQ(result.page_size, size, c->name);
	else
		TAP_EQ(got == OK ? result.gpa : gpa, gpa, c->name);
}

/* Accessed and dirty bits after one walk: bit n - 1 of @accessed is level n's. */
static void run_marks(const struct walk_case *c, unsigned int accessed, bool dirty)
{
	unsigned int got = 0;
	struct walk_result result;
	struct walk_env env;
	bool got_dirty = false;
	int level;

	set_up(c, &env);
	guest_walk(&env, addresses[c->mode], c->access, &result);
	for (level = 1; level <= top_level(c->mode); level++) {
		got |= get_entry(c->mode, level) & A ? 1 << (level - 1) : 0;
		got_dirty |= !!(get_entry(c->mode, level) & D);
	}
	TAP_EQ(got << 1 | got_dirty, accessed << 1 | dirty, c->name);
}

static void test_marks(void)
{
	run_marks(&(struct walk_case) { "a read marks all entries accessed", L4 }, 15, false);
	run_marks(&(struct walk_case) { "a write marks the last one dirty", L4, .access = W },
		  15, true);
	run_marks(&(struct walk_case) { "5-level: five entries", L5 }, 31, false);
	run_marks(&(struct walk_case) { "PAE: two entries", PAE, .access = W }, 3, true);
	run_marks(&(struct walk_case) { "32-bit: two entries", M32, .access = W }, 3, true);
	run_marks(&(struct walk_case) { "a large page's entry takes both", L4, .access = W,
		  .set[2] = PS, .clear[2] = 0x1000 }, 14, true);
	run_marks(&(struct walk_case) { "a fault marks nothing", L4, .access = U | W,
		  .clear[1] = RW }, 0, false);
	run_marks(&(struct walk_case) { "a debugger's look marks nothing", L4,
		  .access = W | WALK_PASSIVE }, 0, false);
}

static void test_exchanges(void)
{
	const struct walk_case plain = { "", L4, .access = W };
	struct walk_result result = { 0 };
	struct walk_env env;

	set_up(&plain, &env);
	exchanges = 0;
	guest_walk(&env, addresses[L4], W, &result);
	TAP_EQ(exchanges, 4, "fresh tables take an exchange per entry");
	guest_walk(&env, addresses[L4], W, &result);
	TAP_EQ(exchanges, 4, "marked ones take none");

	set_up(&plain, &env);
	refuse_exchanges = 1;
	TAP_EQ(guest_walk(&env, addresses[L4], W, &result), WALK_OK,
	       "an entry that changes makes the walk start over");
	refuse_exchanges = 1000;
	set_up(&plain, &env);
	TAP_EQ(guest_walk(&env, addresses[L4], W, &result), -EAGAIN,
	       "entries that keep changing end it");
	TAP_EQ(refuse_exchanges > 900, true, "soon");
	refuse_exchanges = 0;

	rom = true;
	set_up(&plain, &env);
	TAP_EQ(guest_walk(&env, addresses[L4], W, &result), WALK_OK, "tables in ROM translate");
	TAP_EQ(result.gpa, FRAME + 0x123, "to the right address");
	TAP_EQ(get_entry(L4, 1) & (A | D), 0, "and stay as they are");
	rom = false;
}

int main(void)
{
	unsigned int i;

	tap_begin();
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		run_case(&cases[i]);
	test_marks();
	test_exchanges();
	return tap_end();
}
