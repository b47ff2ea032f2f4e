// SPDX-License-Identifier: GPL-2.0
/*
 * Features of CPUID by name, and what of a guest's CPUID a host cannot keep. Pure; lists may come
 * from a file, so nothing in them is believed. SDM vol. 2A, CPUID; vol. 1, 13.2.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "userspace/cpu.h"

#define XSTATE_LEAF	0xd
#define COMPONENTS	64

/* Words in which a newer host may offer something that has no name here. */
static const struct cpuid_word_info nameless[] = {
	{ .leaf = 7, .index = 1, .reg = CPUID_REG_EBX },
	{ .leaf = 7, .index = 1, .reg = CPUID_REG_ECX },
	{ .leaf = 7, .index = 1, .reg = CPUID_REG_EDX },
	{ .leaf = 7, .index = 2, .reg = CPUID_REG_EDX },
	{ .leaf = XSTATE_LEAF, .index = 1, .reg = CPUID_REG_ECX },
};

/* Words of a sentence, written into a buffer; one that does not fit is counted all the same. */
struct sentence {
	char *text;
	size_t size, used;
	unsigned int words;
};

static void __printf(2, 3) say(struct sentence *s, const char *fmt, ...)
{
	size_t room = s->size - s->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->text + s->used, room, fmt, ap);
	va_end(ap);
	s->words++;
	if (n >= 0 && (size_t)n < room)
		s->used += n;
	else
		s->text[s->used] = '\0';
}

static struct sentence begin(char *text, size_t size)
{
	text[0] = '\0';
	return (struct sentence) { .text = text, .size = size };
}

static const char *blank(const struct sentence *s)
{
	return s->words ? " " : "";
}

static u32 reg(const struct kvm_cpuid_entry2 *e, u8 nr)
{
	const u32 regs[] = { e->eax, e->ebx, e->ecx, e->edx };

	return regs[nr];
}

/**
 * cpu_find() - an entry as the instruction finds it
 * @list:	entries
 * @leaf:	EAX
 * @index:	ECX; only entries that say so look at it
 *
 * Return: the first that matches, or NULL.
 */
struct kvm_cpuid_entry2 *cpu_find(const struct kvm_cpuid2 *list, u32 leaf, u32 index)
{
	const struct kvm_cpuid_entry2 *e = list->entries;
	u32 i;

	for (i = 0; i < list->nent; i++, e++)
		if (e->function == leaf && (e->index == index ||
					    !(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)))
			return (struct kvm_cpuid_entry2 *)e;
	return NULL;
}

static u32 word_of(const struct kvm_cpuid2 *list, const struct cpuid_word_info *info)
{
	const struct kvm_cpuid_entry2 *e = cpu_find(list, info->leaf, info->index);

	return e ? reg(e, info->reg) : 0;
}

/**
 * cpu_words() - the feature words of a list
 * @list:	entries
 * @words:	filled in; bits that follow the guest's own state are left out
 */
void cpu_words(const struct kvm_cpuid2 *list, u32 words[CPUID_WORD_COUNT])
{
	unsigned int i, bit;

	for (i = 0; i < CPUID_WORD_COUNT; i++) {
		words[i] = word_of(list, &cpuid_word_info[i]);
		for (bit = 0; bit < 32; bit++)
			if (cpuid_word_info[i].bits[bit].policy == CPUID_STATE)
				words[i] &= ~BIT(bit);
	}
}

/**
 * cpu_feature() - the number of a feature
 * @name:	as /proc/cpuinfo spells it
 *
 * Return: word * 32 + bit, or -1: there is no such feature.
 */
int cpu_feature(const char *name)
{
	unsigned int i;

	for (i = 0; i < CPUID_WORD_COUNT * 32; i++) {
		const char *known = cpuid_word_info[i / 32].bits[i % 32].name;

		if (known && !strcmp(name, known))
			return i;
	}
	return -1;
}

static void say_bits(struct sentence *s, const struct cpuid_word_info *info, u32 bits,
		     const char *before)
{
	static const char * const regs[] = { "EAX", "EBX", "ECX", "EDX" };
	unsigned int i;

	for (i = 0; i < 32; i++) {
		if (!(bits & BIT(i)))
			continue;
		if (info->bits[i].name)
			say(s, "%s%s", s->words ? before : before + strspn(before, " ,"),
			    info->bits[i].name);
		else
			say(s, "%sCPUID.%x.%u:%s[%u]", blank(s), info->leaf, info->index,
			    regs[info->reg], i);
	}
}

/**
 * cpu_names() - the names of features
 * @words:	the features
 * @before:	what stands before each name, less the blanks and commas that the first begins with
 * @text:	filled in; a bit without a name has its place in CPUID
 * @size:	bytes of it, at least 1
 *
 * Return: how many there are, also if the text has no room for all.
 */
unsigned int cpu_names(const u32 words[CPUID_WORD_COUNT], const char *before, char *text,
		       size_t size)
{
	struct sentence s = begin(text, size);
	unsigned int i;

	for (i = 0; i < CPUID_WORD_COUNT; i++)
		say_bits(&s, &cpuid_word_info[i], words[i], before);
	return s.words;
}

static void missing_features(struct sentence *s, const struct kvm_cpuid2 *guest,
			     const struct kvm_cpuid2 *host)
{
	u32 wanted[CPUID_WORD_COUNT], offered[CPUID_WORD_COUNT];
	unsigned int i;

	cpu_words(guest, wanted);
	cpu_words(host, offered);
	for (i = 0; i < CPUID_WORD_COUNT; i++)
		say_bits(s, &cpuid_word_info[i], wanted[i] & ~offered[i], " ");
	for (i = 0; i < ARRAY_SIZE(nameless); i++)
		say_bits(s, &nameless[i],
			 word_of(guest, &nameless[i]) & ~word_of(host, &nameless[i]), " ");
}

static u64 xcr0_of(const struct kvm_cpuid2 *list)
{
	const struct kvm_cpuid_entry2 *e = cpu_find(list, XSTATE_LEAF, 0);

	return e ? e->eax | (u64)e->edx << 32 : 0;
}

static bool same_place(const struct kvm_cpuid_entry2 *a, const struct kvm_cpuid_entry2 *b)
{
	return a->eax == b->eax && a->ebx == b->ebx && (a->ecx & 2) == (b->ecx & 2);
}

/* A component that is not there, or that XSAVE puts elsewhere: saved registers would not fit. */
static void missing_components(struct sentence *s, const struct kvm_cpuid2 *guest,
			       const struct kvm_cpuid2 *host)
{
	const struct kvm_cpuid_entry2 *mine, *theirs;
	u64 wanted = xcr0_of(guest), offered = xcr0_of(host);
	unsigned int i;

	for (i = 0; i < COMPONENTS; i++) {
		if (!(wanted & BIT_ULL(i)))
			continue;
		mine = i > 1 ? cpu_find(guest, XSTATE_LEAF, i) : NULL;
		theirs = cpu_find(host, XSTATE_LEAF, i);
		if (!(offered & BIT_ULL(i)))
			say(s, "%sXSAVE-component-%u", blank(s), i);
		else if (mine && (!theirs || !same_place(mine, theirs)))
			say(s, "%splace-of-XSAVE-component-%u", blank(s), i);
	}
}

/* Numbers of which a guest may have less than the host, not more. */
static void missing_numbers(struct sentence *s, const struct kvm_cpuid2 *guest,
			    const struct kvm_cpuid2 *host)
{
	static const struct {
		u32 leaf;
		const char *name;
	} numbers[] = {
		{ 0xa, "arch_perfmon" },
		{ 0x80000008, "physical-address-bits" },
	};
	const struct kvm_cpuid_entry2 *mine, *theirs;
	unsigned int i;
	u8 here;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		mine = cpu_find(guest, numbers[i].leaf, 0);
		theirs = cpu_find(host, numbers[i].leaf, 0);
		here = theirs ? theirs->eax : 0;
		if (mine && (u8)mine->eax > here)
			say(s, "%s%s:%u(here:%u)", blank(s), numbers[i].name, (u8)mine->eax, here);
	}
}

/**
 * cpu_missing() - what a guest's CPUID has and a host cannot give
 * @guest:	what the guest is, or was, shown
 * @host:	what the host offers: cpu_host()
 * @text:	the names, with blanks between them
 * @size:	bytes of it, at least 1
 *
 * Family, model and all that only describes are no reason to refuse.
 *
 * Return: how many things are missing; 0: the host satisfies the guest.
 */
unsigned int cpu_missing(const struct kvm_cpuid2 *guest, const struct kvm_cpuid2 *host,
			 char *text, size_t size)
{
	const struct kvm_cpuid_entry2 *mine = cpu_find(guest, 0, 0), *theirs = cpu_find(host, 0, 0);
	struct sentence s = begin(text, size);

	if (mine && theirs && (mine->ebx != theirs->ebx || mine->ecx != theirs->ecx ||
			       mine->edx != theirs->edx))
		say(&s, "processor-vendor");
	missing_features(&s, guest, host);
	missing_components(&s, guest, host);
	missing_numbers(&s, guest, host);
	return s.words;
}
