/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For guest.c: the instructions that leave a guest or make a driver work, by kind, and how they
 * become code. A template is hexadecimal bytes and operands:
 *
 *	L		only in 64-bit mode
 *	R		a REX prefix, perhaps, in 64-bit mode
 *	m0 ... m7, mr	ModRM: memory at a register that has an address; reg field, or any
 *	r0 ... r7, rr	ModRM: registers
 *	i1 i2 i4	an immediate of so many bytes
 *	s		a selector of the descriptor table
 */
#ifndef KVMLET_FUZZ_GUEST_INSNS_H
#define KVMLET_FUZZ_GUEST_INSNS_H

#include "selftests/fuzz/guest_machine.h"

#define KINDS(X)								\
	X(CPUID_, "CPUID")							\
	X(HLT, "HLT, with everything masked or not")				\
	X(IO, "IN and OUT of all widths")					\
	X(STRING_IO, "INS and OUTS, repeated, across pages and slots")		\
	X(MEMORY, "reads and writes of memory that is not there")		\
	X(MSRS, "RDMSR and WRMSR of every index with any value")		\
	X(CRS, "moves to and from control registers, CLTS, LMSW, SMSW")		\
	X(DRS, "moves to and from debug registers")				\
	X(CACHES, "INVLPG, INVPCID, WBINVD, INVD, CLFLUSH")			\
	X(TIME, "RDTSC, RDTSCP, RDPMC, RDPID, RDRAND, RDSEED")			\
	X(XSTATE, "XSETBV with any value, XSAVE and its kin")			\
	X(REFUSED, "VMX, SMX, SGX, SVM and TDX instructions, RSM, VMCALL")	\
	X(WAITING, "PAUSE, MONITOR, MWAIT, UMWAIT, TPAUSE")			\
	X(TABLES, "descriptor tables, LLDT, LTR, segment loads")		\
	X(TASKS, "task switches: far jumps, calls, gates, IRET")		\
	X(EVENTS, "INT n, INT1, INT3, UD2, STI, CLI, POPF, IRET")		\
	X(APIC, "every register of the LAPIC, as memory and as MSRs")		\
	X(CHIPS, "IO-APIC and 8259")						\
	X(PAGING, "page tables that the guest rewrites")			\
	X(DELIVERY, "events with IDT, TSS or stack where there is no memory")	\
	X(BORDERS, "instructions and strings across the end of memory")

enum kind {
#define X(kind, name) kind,
	KINDS(X)
#undef X
	NR_KINDS
};

static const char *const kind_names[] = {
#define X(kind, name) [kind] = name,
	KINDS(X)
#undef X
};

static const struct insn {
	enum kind kind;
	const char *bytes;
} insns[] = {
	{ CPUID_, "R 0f a2" },

	{ HLT, "f4" }, { HLT, "fb f4" }, { HLT, "fa f4" }, { HLT, "fb 90 f4" },

	{ IO, "e4 i1" }, { IO, "e5 i1" }, { IO, "66 e5 i1" }, { IO, "e6 i1" }, { IO, "e7 i1" },
	{ IO, "66 e7 i1" }, { IO, "ec" }, { IO, "ed" }, { IO, "66 ed" }, { IO, "ee" },
	{ IO, "ef" }, { IO, "66 ef" },

	{ STRING_IO, "6c" }, { STRING_IO, "6d" }, { STRING_IO, "66 6d" }, { STRING_IO, "6e" },
	{ STRING_IO, "6f" }, { STRING_IO, "66 6f" }, { STRING_IO, "f3 6c" },
	{ STRING_IO, "f3 6d" }, { STRING_IO, "f3 66 6d" }, { STRING_IO, "f3 6e" },
	{ STRING_IO, "f3 6f" }, { STRING_IO, "f3 66 6f" }, { STRING_IO, "fd f3 6e" },
	{ STRING_IO, "fd f3 6d" }, { STRING_IO, "67 f3 6f" }, { STRING_IO, "f2 6c" },
	{ STRING_IO, "fc" },

	{ MEMORY, "R 8a mr" }, { MEMORY, "R 8b mr" }, { MEMORY, "66 8b mr" },
	{ MEMORY, "R 88 mr" }, { MEMORY, "R 89 mr" }, { MEMORY, "66 89 mr" },
	{ MEMORY, "c6 m0 i1" }, { MEMORY, "R 03 mr" }, { MEMORY, "f0 01 mr" },
	{ MEMORY, "66 c7 m0 i2" }, { MEMORY, "86 mr" }, { MEMORY, "R 87 mr" },
	{ MEMORY, "80 mr i1" }, { MEMORY, "R 83 mr i1" }, { MEMORY, "f6 m2" },
	{ MEMORY, "R f7 m3" }, { MEMORY, "R f7 m6" }, { MEMORY, "d0 mr" }, { MEMORY, "R d3 mr" },
	{ MEMORY, "fe mr" }, { MEMORY, "R ff mr" }, { MEMORY, "8f m0" }, { MEMORY, "R 39 mr" },
	{ MEMORY, "R 0f b6 mr" }, { MEMORY, "R 0f b7 mr" }, { MEMORY, "R 0f be mr" },
	{ MEMORY, "R 0f bf mr" }, { MEMORY, "R 0f a3 mr" }, { MEMORY, "R 0f ab mr" },
	{ MEMORY, "R 0f ba mr i1" }, { MEMORY, "R 0f bc mr" }, { MEMORY, "f0 R 0f b1 mr" },
	{ MEMORY, "f0 0f c1 mr" }, { MEMORY, "f0 R 0f c7 m1" }, { MEMORY, "R 0f c3 mr" },
	{ MEMORY, "0f 10 mr" }, { MEMORY, "0f 11 mr" }, { MEMORY, "66 0f 6f mr" },
	{ MEMORY, "66 0f 7f mr" }, { MEMORY, "f3 0f 6f mr" }, { MEMORY, "66 0f e7 mr" },
	{ MEMORY, "0f 7f mr" }, { MEMORY, "d9 mr" }, { MEMORY, "dd mr" }, { MEMORY, "0f 0d m1" },
	{ MEMORY, "R a4" }, { MEMORY, "f3 a4" }, { MEMORY, "f3 R a5" }, { MEMORY, "f3 66 a5" },
	{ MEMORY, "f3 aa" }, { MEMORY, "f3 R ab" }, { MEMORY, "R ad" }, { MEMORY, "f3 ac" },
	{ MEMORY, "f3 a6" }, { MEMORY, "f2 a7" }, { MEMORY, "f2 ae" }, { MEMORY, "f3 R af" },
	{ MEMORY, "fd f3 a4" }, { MEMORY, "fc" }, { MEMORY, "R 0f a5 mr" },
	{ MEMORY, "R 0f 38 f0 mr" }, { MEMORY, "R 0f 38 f1 mr" }, { MEMORY, "62 mr" },
	{ MEMORY, "c4 e2 78 f2 mr" }, { MEMORY, "c5 fd 6f mr" },

	{ MSRS, "0f 32" }, { MSRS, "0f 30" }, { MSRS, "0f 30" }, { MSRS, "R 0f 30" },

	{ CRS, "R 0f 22 r0" }, { CRS, "R 0f 22 r0" }, { CRS, "R 0f 22 r3" }, { CRS, "R 0f 22 r4" },
	{ CRS, "R 0f 22 rr" }, { CRS, "R 0f 20 rr" }, { CRS, "0f 06" }, { CRS, "0f 01 r6" },
	{ CRS, "0f 01 m6" }, { CRS, "R 0f 01 r4" }, { CRS, "0f 01 m4" }, { CRS, "L 44 0f 22 r0" },
	{ CRS, "L 44 0f 20 r0" }, { CRS, "f0 0f 22 r0" }, { CRS, "0f 30" },

	{ DRS, "0f 23 rr" }, { DRS, "R 0f 23 rr" }, { DRS, "0f 21 rr" }, { DRS, "0f 23 r7" },
	{ DRS, "8a mr" }, { DRS, "88 mr" }, { DRS, "9c" }, { DRS, "6a 02 9d" }, { DRS, "f1" },

	{ CACHES, "R 0f 01 m7" }, { CACHES, "0f 09" }, { CACHES, "0f 08" },
	{ CACHES, "66 0f 38 82 mr" }, { CACHES, "0f ae m7" }, { CACHES, "66 0f ae m7" },
	{ CACHES, "66 0f ae m6" }, { CACHES, "0f ae f0" }, { CACHES, "R 0f 22 r3" },
	{ CACHES, "f3 0f 09" }, { CACHES, "0f 18 m0" },

	{ TIME, "0f 31" }, { TIME, "0f 01 f9" }, { TIME, "0f 33" }, { TIME, "f3 0f c7 r7" },
	{ TIME, "R 0f c7 r6" }, { TIME, "R 0f c7 r7" }, { TIME, "66 0f c7 r6" },

	{ XSTATE, "0f 01 d1" }, { XSTATE, "0f 01 d1" }, { XSTATE, "0f 01 d0" },
	{ XSTATE, "R 0f ae m4" }, { XSTATE, "R 0f ae m5" }, { XSTATE, "R 0f ae m6" },
	{ XSTATE, "R 0f c7 m3" }, { XSTATE, "R 0f c7 m4" }, { XSTATE, "R 0f c7 m5" },
	{ XSTATE, "R 0f ae m0" }, { XSTATE, "R 0f ae m1" }, { XSTATE, "0f ae m2" },
	{ XSTATE, "9b db e3" }, { XSTATE, "dd m6" }, { XSTATE, "dd m4" }, { XSTATE, "0f 22 r4" },
	{ XSTATE, "c5 f8 77" }, { XSTATE, "0f 30" }, { XSTATE, "f3 R 0f ae rr" },

	{ REFUSED, "0f 01 c0" }, { REFUSED, "0f 01 c1" }, { REFUSED, "0f 01 c2" },
	{ REFUSED, "0f 01 c3" }, { REFUSED, "0f 01 c4" }, { REFUSED, "0f 01 c5" },
	{ REFUSED, "0f 01 d4" }, { REFUSED, "0f c7 m6" }, { REFUSED, "66 0f c7 m6" },
	{ REFUSED, "f3 0f c7 m6" }, { REFUSED, "0f c7 m7" }, { REFUSED, "R 0f 78 rr" },
	{ REFUSED, "0f 79 mr" }, { REFUSED, "66 0f 38 80 mr" }, { REFUSED, "66 0f 38 81 mr" },
	{ REFUSED, "0f 37" }, { REFUSED, "0f aa" }, { REFUSED, "0f 01 cf" },
	{ REFUSED, "0f 01 d7" }, { REFUSED, "0f 01 d8" }, { REFUSED, "0f 01 d9" },
	{ REFUSED, "0f 01 da" }, { REFUSED, "0f 01 dd" }, { REFUSED, "0f 01 de" },
	{ REFUSED, "66 0f 01 cc" }, { REFUSED, "66 0f 01 cd" }, { REFUSED, "66 0f 01 cf" },
	{ REFUSED, "f2 0f 01 c6" }, { REFUSED, "f3 0f 01 c6" }, { REFUSED, "f2 0f 38 f8 mr" },
	{ REFUSED, "f3 0f 38 dc rr" }, { REFUSED, "f3 0f 01 e8" }, { REFUSED, "0f 01 ee" },
	{ REFUSED, "0f 01 ef" }, { REFUSED, "0f 05" }, { REFUSED, "R 0f 07" },
	{ REFUSED, "0f 34" }, { REFUSED, "R 0f 35" },

	{ WAITING, "f3 90" }, { WAITING, "0f 01 c8" }, { WAITING, "0f 01 c9" },
	{ WAITING, "f2 0f ae r6" }, { WAITING, "66 0f ae r6" }, { WAITING, "f3 0f ae r6" },
	{ WAITING, "f3 90 f3 90 f3 90 eb f8" }, { WAITING, "fb 0f 01 c9" },

	{ TABLES, "0f 01 m2" }, { TABLES, "0f 01 m3" }, { TABLES, "0f 01 m0" },
	{ TABLES, "0f 01 m1" }, { TABLES, "0f 00 r0" }, { TABLES, "0f 00 m1" },
	{ TABLES, "66 b8 s 0f 00 d0" }, { TABLES, "66 b8 s 0f 00 d8" }, { TABLES, "0f 00 rr" },
	{ TABLES, "0f 00 m2" }, { TABLES, "0f 00 m3" }, { TABLES, "0f 00 r4" },
	{ TABLES, "0f 00 r5" }, { TABLES, "0f 02 rr" }, { TABLES, "0f 03 mr" },
	{ TABLES, "66 b8 s 8e d8" }, { TABLES, "66 b8 s 8e c0" }, { TABLES, "66 b8 s 8e d0" },
	{ TABLES, "66 b8 s 8e e8" }, { TABLES, "8e rr" }, { TABLES, "8e mr" }, { TABLES, "8c mr" },
	{ TABLES, "c5 mr" }, { TABLES, "c4 mr" }, { TABLES, "0f b2 mr" }, { TABLES, "0f b4 mr" },
	{ TABLES, "1e" }, { TABLES, "1f" }, { TABLES, "17" }, { TABLES, "0f a1" },
	{ TABLES, "ff m5" }, { TABLES, "ff m3" }, { TABLES, "cb" }, { TABLES, "0f 01 f8" },

	{ TASKS, "ea i4 s" }, { TASKS, "9a i4 s" }, { TASKS, "ea i4 48 00" },
	{ TASKS, "ea i4 50 00" }, { TASKS, "9a i4 48 00" }, { TASKS, "9a i4 80 00" },
	{ TASKS, "cd 30" }, { TASKS, "66 b8 48 00 0f 00 d8" }, { TASKS, "66 b8 80 00 0f 00 d8" },
	{ TASKS, "68 02 40 00 00 9d" }, { TASKS, "cf" }, { TASKS, "66 ea i4 s" },

	{ EVENTS, "cd i1" }, { EVENTS, "cd i1" }, { EVENTS, "cc" }, { EVENTS, "f1" },
	{ EVENTS, "ce" }, { EVENTS, "cf" }, { EVENTS, "R cf" }, { EVENTS, "0f 0b" },
	{ EVENTS, "0f ff rr" }, { EVENTS, "0f b9 rr" }, { EVENTS, "f6 r6" }, { EVENTS, "fb" },
	{ EVENTS, "fa" }, { EVENTS, "9c" }, { EVENTS, "9d" }, { EVENTS, "68 i4 9d" },
	{ EVENTS, "6a i1 9d" }, { EVENTS, "8e d0" }, { EVENTS, "8c d0 8e d0 cc" },
	{ EVENTS, "8c d0 8e d0 0f a2" }, { EVENTS, "fb f1" }, { EVENTS, "fb 0f a2" },
	{ EVENTS, "8c d0 8e d0 f4" }, { EVENTS, "8c d0 8e d0 cd i1" }, { EVENTS, "d4 00" },

	{ APIC, "89 m0" }, { APIC, "89 m0" }, { APIC, "89 m0" }, { APIC, "8b mr" },
	{ APIC, "0f 30" }, { APIC, "0f 30" }, { APIC, "0f 32" }, { APIC, "fb 90 fa" },
	{ APIC, "L 44 0f 22 r0" }, { APIC, "L 44 0f 20 r0" }, { APIC, "88 mr" },
	{ APIC, "R 89 mr" }, { APIC, "fb f4" }, { APIC, "f3 a5" },

	{ CHIPS, "89 m0" }, { CHIPS, "89 m0" }, { CHIPS, "8b mr" }, { CHIPS, "ee" },
	{ CHIPS, "ee" }, { CHIPS, "ec" }, { CHIPS, "ef" }, { CHIPS, "ed" }, { CHIPS, "fb 90 fa" },
	{ CHIPS, "66 89 mr" }, { CHIPS, "R 8b mr" }, { CHIPS, "f3 6e" }, { CHIPS, "88 mr" },

	{ PAGING, "89 m0" }, { PAGING, "R 89 m0" }, { PAGING, "f0 0f ba m7 i1" },
	{ PAGING, "R 0f 01 m7" }, { PAGING, "8b mr" }, { PAGING, "R 0f 22 r3" },
	{ PAGING, "0f 20 d8 0f 22 d8" }, { PAGING, "f3 ab" }, { PAGING, "31 mr" },
	{ PAGING, "0f 20 e0 35 80 00 00 00 0f 22 e0" }, { PAGING, "ff m6" },

	{ DELIVERY, "0f 01 m3" }, { DELIVERY, "0f 01 m3" }, { DELIVERY, "cd i1" },
	{ DELIVERY, "cc" }, { DELIVERY, "0f 0b" }, { DELIVERY, "89 f4" }, { DELIVERY, "R 89 f4" },
	{ DELIVERY, "89 fc" }, { DELIVERY, "f1" }, { DELIVERY, "fb" }, { DELIVERY, "50" },
	{ DELIVERY, "f6 f4" }, { DELIVERY, "8b mr" }, { DELIVERY, "ff m2" }, { DELIVERY, "cf" },
	{ DELIVERY, "66 b8 s 0f 00 d8" }, { DELIVERY, "9d" }, { DELIVERY, "c8 i2 i1" },

	{ BORDERS, "8b mr" }, { BORDERS, "R 89 mr" }, { BORDERS, "f3 a4" }, { BORDERS, "f3 R a5" },
	{ BORDERS, "fd f3 a4" }, { BORDERS, "f3 aa" }, { BORDERS, "f3 6c" }, { BORDERS, "f3 6f" },
	{ BORDERS, "ff r4" }, { BORDERS, "ff r2" }, { BORDERS, "0f 11 mr" },
	{ BORDERS, "0f ae m0" }, { BORDERS, "fc" }, { BORDERS, "f0 R 0f c7 m1" },
	{ BORDERS, "f0 87 mr" }, { BORDERS, "f2 a6" }, { BORDERS, "c7 m0 i4" },
};

#define NR_INSNS	(sizeof(insns) / sizeof(insns[0]))

/* --- operands, by kind ------------------------------------------------------------------------ */

static uint32_t msr_indices[256];
static unsigned int nr_msr_indices;

static uint32_t msr_index(void)
{
	static const uint32_t bases[] = {
		0, 0x10, 0x1b, 0x200, 0x400, 0x480, 0x600, 0x800, 0xc00, 0xda0, 0x4b564d00,
		0xc0000080, 0xc0000100, 0xc0010000, 0x40000000, 0xc0011000,
	};

	if (one_in(2))
		return msr_indices[below(nr_msr_indices)];
	return one_in(16) ? odd_value() : ANY_OF(bases) + below(64);
}

static uint32_t apic_address(void)
{
	return LAPIC_PAGE + 16 * below(64) + (one_in(8) ? below(16) : 0);
}

static uint32_t apic_msr(void)
{
	static const uint32_t others[] = { 0x1b, 0x6e0, 0x80b, 0x830, 0x83f, 0x838 };

	return one_in(4) ? ANY_OF(others) : 0x800 + below(64);
}

static uint32_t chip_address(void)
{
	return IOAPIC + (one_in(8) ? below(256) : 16 * below(2));
}

static uint32_t port(void)
{
	static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0xcf8, 0xffff, 0 };

	return one_in(2) ? ANY_OF(ports) : (uint16_t)odd_value();
}

static uint32_t count(void)
{
	return one_in(8) ? odd_value() : below(64);
}

static uint32_t any32(void)
{
	return odd_value();
}

/* CR0.PE where the program may have loaded a null segment, see odd_segment(). */
static uint32_t keep_bits;

/* Bits that make sense together, one way or another. */
static uint32_t control(void)
{
	static const uint32_t values[] = {
		0x80000031, 0x80000033, 0x00000031, 0x00000010, 0xe0000011, 0x80050033, 0x620, 0x20,
		0x10, 0x00, 0x40620, PD32, PDPT_PAE, PML4, PML4 + 1, 0xb0, 0x206a0, 0x300000,
	};

	return (ANY_OF(values) ^ (one_in(3) ? 1U << below(32) : 0)) | keep_bits;
}

static uint32_t control_msr(void)
{
	return one_in(2) ? 0xc0000080 : msr_index();
}

static uint32_t table_entry(void)
{
	static const uint32_t tables[] = {
		PD32, PDPT_PAE, PD_PAE, PD_PAE + PAGE, PML4, PDPT64, PT_PAE, PT32,
	};

	return ANY_OF(tables) + 8 * (one_in(2) ? below(32) : below(512));
}

static uint32_t entry_value(void)
{
	static const uint32_t flags[] = { 0, 1, 3, 7, 0x67, 0xe7, 0xe3, 0x1e7, 0xff };

	return (one_in(4) ? (uint32_t)odd_value() : PAGE * below(64)) ^ ANY_OF(flags);
}

static uint32_t border(void)
{
	static const uint32_t places[] = {
		BORDER, RAM_END, READ_ONLY, READ_ONLY + PAGE, 0, TOP_PAGE, DATA_AT + PAGE,
		0x7ffff000, 0x80000000,
	};

	return ANY_OF(places) - 1 - below(20) + below(8);
}

/* No memory, or a page table without it. */
static uint32_t nowhere(void)
{
	static const uint32_t places[] = {
		MMIO, RAM_END, READ_ONLY + 0x80, LAPIC_PAGE, IOAPIC, IDT32 - 6, DATA_AT, 0x40000000,
	};

	return ANY_OF(places) + below(32);
}

static uint32_t extended_states(void)
{
	return one_in(2) ? below(8) : odd_value();
}

/* What is in EAX, ECX, EDX, and in the registers that address memory. */
static const struct operands {
	uint32_t (*eax)(void);
	uint32_t (*ecx)(void);
	uint32_t (*edx)(void);
	uint32_t (*address)(void);
} operands[NR_KINDS] = {
	[CPUID_]	= { any32, count, any32, odd_address },
	[HLT]		= { any32, any32, any32, odd_address },
	[IO]		= { any32, count, port, odd_address },
	[STRING_IO]	= { any32, count, port, odd_address },
	[MEMORY]	= { any32, count, any32, odd_address },
	[MSRS]		= { any32, msr_index, any32, odd_address },
	[CRS]		= { control, control_msr, control, odd_address },
	[DRS]		= { any32, odd_address, any32, odd_address },
	[CACHES]	= { control, count, any32, odd_address },
	[TIME]		= { any32, count, any32, odd_address },
	[XSTATE]	= { extended_states, count, any32, odd_address },
	[REFUSED]	= { any32, count, any32, odd_address },
	[WAITING]	= { odd_address, count, any32, odd_address },
	[TABLES]	= { any32, any32, any32, odd_address },
	[TASKS]		= { any32, any32, any32, odd_address },
	[EVENTS]	= { any32, count, any32, odd_address },
	[APIC]		= { any32, apic_msr, any32, apic_address },
	[CHIPS]		= { any32, count, port, chip_address },
	[PAGING]	= { entry_value, count, entry_value, table_entry },
	[DELIVERY]	= { any32, nowhere, any32, nowhere },
	[BORDERS]	= { any32, count, port, border },
};

static uint32_t operand(enum kind kind, unsigned int reg)
{
	switch (reg) {
	case 0:
		return operands[kind].eax();
	case 1:
		return operands[kind].ecx();
	case 2:
		return operands[kind].edx();
	default:
		return operands[kind].address();
	}
}

/* --- code ------------------------------------------------------------------------------------- */

static uint8_t *emit(uint8_t *p, uint64_t value, unsigned int bytes)
{
	memcpy(p, &value, bytes);
	return p + bytes;
}

/* MOV register, immediate, for most of EAX, ECX, EDX, EBX, ESI and EDI. */
static uint8_t *emit_loads(uint8_t *p, enum kind kind, unsigned int bits)
{
	static const uint8_t registers[] = { 0, 1, 2, 3, 6, 7 };
	unsigned int i;

	for (i = 0; i < sizeof(registers); i++) {
		if (one_in(8))
			continue;
		if (bits == 16)
			*p++ = 0x66;
		*p++ = 0xb8 | registers[i];
		p = emit(p, operand(kind, registers[i]), 4);
	}
	return p;
}

static uint8_t *emit_prefixes(uint8_t *p, const char *bytes, unsigned int bits)
{
	static const uint8_t prefixes[] = {
		0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
	};

	if (one_in(16))
		*p++ = ANY_OF(prefixes);
	/* 32-bit addresses in 16-bit code. */
	if (bits == 16 && strpbrk(bytes, "m") && !one_in(8))
		*p++ = 0x67;
	return p;
}

static uint8_t modrm(char form, char reg)
{
	static const uint8_t addressed[] = { 3, 6, 7 };
	uint8_t field = reg == 'r' ? below(8) : (uint32_t)(reg - '0');

	if (form == 'r')
		return 0xc0 | field << 3 | below(8);
	return field << 3 | ANY_OF(addressed);
}

static uint8_t *emit_element(uint8_t *p, const char *t, unsigned int bits)
{
	switch (*t) {
	case 'L':
		return p;
	case 'R':
		if (bits == 64 && one_in(2))
			*p++ = one_in(2) ? 0x48 : 0x40 | below(16);
		return p;
	case 'm':
	case 'r':
		*p++ = modrm(t[0], t[1]);
		return p;
	case 'i':
		return emit(p, odd_value(), t[1] - '0');
	case 's':
		return emit(p, 8 * below(20) | (one_in(4) ? below(8) : 0), 2);
	default:
		*p++ = strtoul(t, NULL, 16);
		return p;
	}
}

static uint8_t *emit_insn(uint8_t *p, const char *bytes, unsigned int bits)
{
	if (*bytes == 'L' && bits != 64)
		return p;
	p = emit_prefixes(p, bytes, bits);
	while (*bytes) {
		p = emit_element(p, bytes, bits);
		bytes += strcspn(bytes, " ");
		bytes += strspn(bytes, " ");
	}
	return p;
}

static const struct insn *any_insn(enum kind kind)
{
	static unsigned int first[NR_KINDS + 1];
	unsigned int i;

	/* The table is sorted by kind. */
	if (!first[NR_KINDS]) {
		for (i = NR_INSNS; i; i--)
			first[insns[i - 1].kind] = i - 1;
		first[NR_KINDS] = NR_INSNS;
	}
	return &insns[first[kind] + below(first[kind + 1] - first[kind])];
}

/* One slot: registers, an instruction, and NOPs. */
static inline void emit_slot(uint8_t *slot, enum kind kind, unsigned int bits)
{
	uint8_t code[SLOT_BYTES + 32], *end;

	memset(code, 0x90, sizeof(code));
	end = emit_loads(code, kind, bits);
	emit_insn(end, any_insn(kind)->bytes, bits);
	memcpy(slot, code, SLOT_BYTES);
}

#endif
