// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's own page tables: five paging modes, access rights, reserved bits, protection
 * keys, accessed and dirty bits. It owns nothing and takes no lock; entries may change under
 * it as they may under a processor. SDM volume 3, "Paging": "Determination of Access Rights",
 * "Page-Fault Exceptions", "Accessed and Dirty Flags".
 */
#include <asm/processor-flags.h>
#include "mmu/walk.h"

/* What user space has no name for. */
#define EFER_LMA_BIT	BIT_ULL(10)
#define EFER_NXE_BIT	BIT_ULL(11)

#define PTE_P		BIT_ULL(0)
#define PTE_RW		BIT_ULL(1)
#define PTE_US		BIT_ULL(2)
#define PTE_A		BIT_ULL(5)
#define PTE_D		BIT_ULL(6)
#define PTE_PS		BIT_ULL(7)
#define PTE_XD		BIT_ULL(63)
#define PTE_ADDRESS	GENMASK_ULL(51, 12)

#define PF_P		BIT(0)
#define PF_WRITE	BIT(1)
#define PF_USER		BIT(2)
#define PF_RSVD		BIT(3)
#define PF_FETCH	BIT(4)
#define PF_PK		BIT(5)

/* Another vCPU that keeps changing an entry shall not hold us: the guest runs again instead. */
#define MAX_RESTARTS	8

struct walk_mode {
	u8 levels;		/* of tables in memory */
	u8 index_bits;		/* of the address, per level */
	u8 entry_size;		/* bytes */
};

static const struct walk_mode mode_32bit = { 2, 10, 4 };
static const struct walk_mode mode_pae = { 2, 9, 8 };	/* below the PDPTE registers */
static const struct walk_mode mode_4level = { 4, 9, 8 };
static const struct walk_mode mode_5level = { 5, 9, 8 };

struct walk {
	const struct walk_env *env;
	const struct walk_mode *mode;
	u64 address;
	unsigned int access;
	int level;			/* of the last entry read; the first level is the last's */
	u64 entry[WALK_LEVELS + 1];	/* by level */
	u64 entry_gpa[WALK_LEVELS + 1];
	u64 all;			/* bits that all entries have */
	u64 any;			/* bits that some entry has */
};

static const struct walk_mode *walk_mode(const struct walk_env *env)
{
	if (!(env->cr4 & X86_CR4_PAE))
		return &mode_32bit;
	if (!(env->efer & EFER_LMA_BIT))
		return &mode_pae;
	return env->cr4 & X86_CR4_LA57 ? &mode_5level : &mode_4level;
}

static unsigned int page_bits(const struct walk *w, int level)
{
	return 12 + w->mode->index_bits * (level - 1);
}

/* Fills the fault in; @cause is what the page tables add to what the access says. */
static int fault(const struct walk *w, u32 cause, struct walk_result *result)
{
	const struct walk_env *env = w->env;
	bool nx = env->cr4 & X86_CR4_PAE && env->efer & EFER_NXE_BIT;

	result->error_code = cause;
	if (w->access & WALK_WRITE)
		result->error_code |= PF_WRITE;
	if (w->access & WALK_USER)
		result->error_code |= PF_USER;
	if (w->access & WALK_FETCH && (nx || env->cr4 & X86_CR4_SMEP))
		result->error_code |= PF_FETCH;
	return WALK_FAULT;
}

static bool is_leaf(const struct walk *w, int level)
{
	if (level == 1)
		return true;
	if (!(w->entry[level] & PTE_PS) || level > 3)
		return false;
	return w->mode != &mode_32bit || w->env->cr4 & X86_CR4_PSE;
}

/* Bits from @low up to @high - 1, none if the range is empty. */
static u64 bits(unsigned int high, unsigned int low)
{
	return high > low ? GENMASK_ULL(high - 1, low) : 0;
}

/* Reserved bits of an entry at w->level, which must be clear. */
static u64 reserved_bits(const struct walk *w)
{
	const struct walk_env *env = w->env;
	int level = w->level;
	u64 mask;

	if (w->mode == &mode_32bit) {
		/* A 4 MiB page has address bits 39:32 in bits 20:13. */
		if (level == 1 || !is_leaf(w, level))
			return 0;
		return BIT_ULL(21) | bits(21, min_t(unsigned int, env->maxphyaddr, 40) - 19);
	}
	mask = bits(w->mode == &mode_pae ? 63 : 52, env->maxphyaddr);
	if (!(env->efer & EFER_NXE_BIT))
		mask |= PTE_XD;
	if (level > 3 || (level == 3 && !env->pages_1g))
		mask |= PTE_PS;
	if (level > 1 && is_leaf(w, level))
		mask |= bits(page_bits(w, level), 13);
	return mask;
}

/* Reads entries from the top down until one maps a page. */
static int descend(struct walk *w, u64 table, struct walk_result *result)
{
	size_t size = w->mode->entry_size;
	int level;

	w->all = PTE_RW | PTE_US;
	w->any = 0;
	for (level = w->mode->levels; ; level--) {
		u64 index = (w->address >> page_bits(w, level)) &
			    (BIT_ULL(w->mode->index_bits) - 1);

		w->level = level;
		w->entry[level] = 0;
		w->entry_gpa[level] = table + index * size;
		/* Where no memory is, nothing is present. */
		if (w->env->ops->read(w->env->ctx, w->entry_gpa[level], &w->entry[level], size) ||
		    !(w->entry[level] & PTE_P))
			return fault(w, 0, result);
		if (w->entry[level] & reserved_bits(w))
			return fault(w, PF_P | PF_RSVD, result);
		w->all &= w->entry[level];
		w->any |= w->entry[level];
		if (is_leaf(w, level))
			return WALK_OK;
		table = w->entry[level] & PTE_ADDRESS;
	}
}

/* Rights that depend on the page being the user's or the supervisor's. */
static bool mode_allows(const struct walk *w)
{
	const struct walk_env *env = w->env;

	if (!(w->all & PTE_US))
		return !(w->access & WALK_USER);
	if (w->access & WALK_USER)
		return true;
	if (w->access & WALK_FETCH)
		return !(env->cr4 & X86_CR4_SMEP);
	return !(env->cr4 & X86_CR4_SMAP) || (env->ac && !(w->access & WALK_IMPLICIT));
}

/* Must a write be refused where writing is not allowed? */
static bool write_protected(const struct walk *w)
{
	return w->access & WALK_USER || w->env->cr0 & X86_CR0_WP;
}

static bool key_allows(const struct walk *w)
{
	const struct walk_env *env = w->env;
	unsigned int key = (w->entry[w->level] >> 59) & 15;
	u32 rights = env->pkru >> (2 * key);

	if (!(env->cr4 & X86_CR4_PKE) || !(env->efer & EFER_LMA_BIT) || w->access & WALK_FETCH ||
	    !(w->all & PTE_US))
		return true;
	if (rights & 1)
		return false;
	return !(rights & 2) || !(w->access & WALK_WRITE) || !write_protected(w);
}

static int check_rights(const struct walk *w, struct walk_result *result)
{
	bool allowed = mode_allows(w);

	if (w->access & WALK_WRITE && !(w->all & PTE_RW) && write_protected(w))
		allowed = false;
	/* A 32-bit entry has no such bit, and a reserved one does not get here. */
	if (w->access & WALK_FETCH && w->any & PTE_XD)
		allowed = false;
	if (!key_allows(w))
		return fault(w, PF_P | PF_PK, result);
	return allowed ? WALK_OK : fault(w, PF_P, result);
}

/* Return: WALK_OK, or -EAGAIN if an entry changed since it was read. */
static int mark_used(const struct walk *w)
{
	int level;

	for (level = w->mode->levels; level >= w->level; level--) {
		u64 old = w->entry[level], new = old | PTE_A;

		if (level == w->level && w->access & WALK_WRITE)
			new |= PTE_D;
		if (new == old)
			continue;
		/* Tables in ROM stay as they are. */
		if (!w->env->ops->compare_swap(w->env->ctx, w->entry_gpa[level], old, new,
					       w->mode->entry_size))
			return -EAGAIN;
	}
	return WALK_OK;
}

static void translate(const struct walk *w, struct walk_result *result)
{
	u64 entry = w->entry[w->level], offset;
	int level;

	for (level = w->level; level <= w->mode->levels; level++) {
		result->trail.gpa[result->trail.nr] = w->entry_gpa[level];
		result->trail.entry[result->trail.nr++] = w->entry[level];
	}
	result->page_size = BIT_ULL(page_bits(w, w->level));
	offset = result->page_size - 1;
	result->gpa = (entry & PTE_ADDRESS & ~offset) | (w->address & offset);
	if (w->mode == &mode_32bit && w->level == 2)
		result->gpa |= (entry & bits(21, 13)) << 19;
}

static int walk_once(struct walk *w, struct walk_result *result)
{
	const struct walk_env *env = w->env;
	u64 table = env->cr3 & PTE_ADDRESS;
	int r;

	if (w->mode == &mode_32bit) {
		table = env->cr3 & bits(32, 12);
	} else if (w->mode == &mode_pae) {
		table = env->pdptr[(w->address >> 30) & 3];
		if (!(table & PTE_P))
			return fault(w, 0, result);
		table &= PTE_ADDRESS;
	}
	r = descend(w, table, result);
	if (!r)
		r = check_rights(w, result);
	if (!r && !(w->access & WALK_PASSIVE))
		r = mark_used(w);
	if (!r)
		translate(w, result);
	return r;
}

/**
 * guest_walk() - translate a linear address as the guest's processor would
 * @env: the guest's registers and memory
 * @address: linear; canonical in long mode (the caller's check), else its low 32 bits count
 * @access: WALK_* bits
 * @result: receives the translation or the fault; the rest of it is 0
 *
 * Context: that of @env->ops.
 * Return: WALK_OK, WALK_FAULT, or -EAGAIN if the tables keep changing: let the guest run.
 */
int guest_walk(const struct walk_env *env, u64 address, unsigned int access,
	       struct walk_result *result)
{
	struct walk w = { .env = env, .mode = walk_mode(env), .access = access };
	int i, r = -EAGAIN;

	result->gpa = 0;
	result->page_size = 0;
	result->error_code = 0;
	result->trail.nr = 0;
	w.address = env->efer & EFER_LMA_BIT ? address : lower_32_bits(address);
	if (!(env->cr0 & X86_CR0_PG)) {
		result->gpa = w.address;
		result->page_size = BIT_ULL(12);
		return WALK_OK;
	}
	for (i = 0; i < MAX_RESTARTS && r == -EAGAIN; i++)
		r = walk_once(&w, result);
	return r;
}
