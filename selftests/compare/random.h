/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For guest.c: programs by chance. Each is a few slots of the hostile guests' instructions
 * (fuzz/guest_insns.h), of the kinds that leave the guest or that the driver has to emulate, with
 * operands that meet the device, its edges, and pages that are not there. What the same seed makes
 * is the same on every driver; a mask takes slots away, to find the one that matters.
 */
#ifndef KVMLET_COMPARE_RANDOM_H
#define KVMLET_COMPARE_RANDOM_H

#include "selftests/compare/row.h"
#include "selftests/fuzz/guest_insns.h"

#define MAX_SLOTS	5
#define ALL_SLOTS	((1U << MAX_SLOTS) - 1)

/* As often as they stand here. */
static const uint8_t random_kinds[] = {
	CPUID_, HLT, IO, IO, STRING_IO, MEMORY, MEMORY, MEMORY, MEMORY, MEMORY, MSRS, MSRS, CRS,
	CRS, DRS, CACHES, REFUSED, XSTATE,
};

/* MSRs whose values are not a matter of time, nor of the policies that `expected` has. */
static uint32_t random_msr(void)
{
	static const uint32_t others[] = {
		0x12345, 0x1b, 0xc0000080, 0xc0000100, 0xfe, 0xc1, 0x802,
	};

	return one_in(3) ? ANY_OF(others) : ANY_OF(recorded_msrs);
}

static uint32_t random_pointer(const struct start *s)
{
	static const uint32_t places[] = {
		HOLE, HOLE + 0x40, HOLE + 0x800, HOLE_END, DATA_AT, DATA_AT + 0x100, 0x13000,
		READ_ONLY, STACK - 0x100, CODE + 0x800,
	};
	uint32_t at = ANY_OF(places) + (one_in(2) ? 8 * below(16) : below(64) - 32);

	return pointer(s, at);
}

static uint32_t random_register(const struct start *s, unsigned int reg)
{
	static const uint32_t ports[] = { 0x77, 0x300, 0xcf8, 0x20, 0xfffe };

	if (reg == 1)
		return one_in(2) ? below(6) : random_msr();
	if (reg == 2)
		return one_in(2) ? ANY_OF(ports) : odd_value();
	return reg ? random_pointer(s) : one_in(4) ? control() : odd_value();
}

static uint8_t *random_loads(uint8_t *p, const struct start *s)
{
	static const uint8_t registers[] = { 0, 1, 2, 3, 6, 7 };
	unsigned int i;

	for (i = 0; i < sizeof(registers); i++) {
		if (is_16(s))
			*p++ = 0x66;
		*p++ = 0xb8 | registers[i];
		p = emit(p, random_register(s, registers[i]), 4);
	}
	return p;
}

/*
 * Not one that goes elsewhere: where it goes a guest may stay, and upstream's emulated host with
 * it. Nor what differs as differences.rst has it: repeated string I/O, MOV to CR8 and to DR7,
 * VMMCALL, and what kvmlet does not emulate: a user gets #UD.
 */
static const char *random_insn(void)
{
	static const char *const not[] = {
		"ff mr", "0f 05", "0f 07", "0f 34", "0f 35", "f3 6", "f3 R 6", "f2 6", "67 f3",
		"0f 22 rr", "44 0f 22", "0f 23", "0f 01 d9", "0f bc",
		"R f7 m6", "0f a5", "d9 mr", "dd mr",
	};
	const char *bytes = any_insn(ANY_OF(random_kinds))->bytes;
	unsigned int i;

	for (i = 0; i < sizeof(not) / sizeof(not[0]); i++)
		if (strstr(bytes, not[i]))
			return "0f a2";
	return bytes;
}

/* The slots of @mask; the others are nothing. Where it ends the marker is. */
static void random_code(struct setup *s, unsigned int mask)
{
	unsigned int i, bits = mode_bits(s->start->mode), slots = 1 + below(MAX_SLOTS);
	uint8_t code[SLOT_BYTES + 32], *ram = s->m->ram + CODE;

	for (i = 0; i < slots; i++) {
		memset(code, 0x90, sizeof(code));
		emit_insn(random_loads(code, s->start), random_insn(), bits);
		if (!(mask & 1U << i))
			memset(code, 0x90, sizeof(code));
		memcpy(ram + SLOT_BYTES * i, code, SLOT_BYTES);
	}
	memcpy(ram + SLOT_BYTES * slots, "\xe6\xf4\xe6\xf4", 4);
}

static void random_state_of(struct setup *s)
{
	const uint32_t flags = 0x8d5 | (one_in(8) ? X86_EFLAGS_DF : 0);

	/* With interrupts on, so that the host's end a guest that stays (lab.rst). */
	s->regs.rflags |= (random64() & flags) | X86_EFLAGS_IF;
	if (one_in(4))
		s->regs.rflags |= X86_EFLAGS_IOPL;
	if (one_in(8))
		s->sregs.cr0 |= random64() & (X86_CR0_TS | X86_CR0_EM | X86_CR0_AM);
	if (one_in(4))
		s->sregs.cr4 |= random64() & (X86_CR4_TSD | X86_CR4_DE | X86_CR4_OSXSAVE);
	if (one_in(8))
		change_page(s->m, 0x13000, ANY_OF(((uint64_t[]){ 1, 2, 4 })));
	if (one_in(8) && s->start->mode != LONG64 && s->start->mode != VM86)
		limit(&s->sregs.ds, 0xffff >> below(5));
}

/* The bytes of each slot, for people. */
static void say_slots(const struct setup *s)
{
	unsigned int i;

	for (i = 0; i < MAX_SLOTS; i++) {
		say("  slot %u: ", i);
		record_bytes(s->m->ram + CODE + SLOT_BYTES * i, SLOT_BYTES);
		say("\n");
	}
}

#endif
