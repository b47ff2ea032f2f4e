/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's own page tables, walked in software where the processor does not do it: for
 * instructions that are emulated and for KVM_TRANSLATE. Pure logic: the tables are reached
 * through struct walk_ops. SDM volume 3, "Paging".
 */
#ifndef KVMLET_MMU_WALK_H
#define KVMLET_MMU_WALK_H

#include "include/portable.h"

/* What the access is; 0 is a supervisor's data read. */
#define WALK_WRITE	BIT(0)
#define WALK_USER	BIT(1)	/* made at privilege level 3 */
#define WALK_FETCH	BIT(2)
#define WALK_IMPLICIT	BIT(3)	/* by the processor itself (descriptor table, TSS), as supervisor */
#define WALK_PASSIVE	BIT(4)	/* a debugger's look: leaves accessed and dirty bits alone */

struct walk_ops {
	/* Reads a table entry of @len 4 or 8 bytes. 0, or negative where no memory is. */
	int (*read)(void *ctx, u64 gpa, void *entry, size_t len);
	/* Exchanges it if equal: 1 done, 0 differed, negative: it cannot be written. */
	int (*compare_swap)(void *ctx, u64 gpa, u64 old, u64 new, size_t len);
};

/* The registers that decide how addresses are translated. */
struct walk_env {
	const struct walk_ops *ops;
	void *ctx;		/* for ops */
	u64 cr0, cr3, cr4, efer;
	u64 pdptr[4];		/* as loaded with CR3, for PAE paging outside long mode */
	u32 pkru;
	bool ac;		/* RFLAGS.AC */
	bool pages_1g;		/* CPUID 80000001H EDX bit 26 */
	u8 maxphyaddr;		/* the guest's, 32 to 52 */
};

#define WALK_LEVELS	5

/* The entries that made a translation: as long as they read the same, it holds. */
struct walk_trail {
	unsigned int nr;
	u64 gpa[WALK_LEVELS], entry[WALK_LEVELS];
};

struct walk_result {
	u64 gpa;
	u64 page_size;		/* of the guest's mapping, bytes */
	u32 error_code;		/* of the #PF, after WALK_FAULT */
	struct walk_trail trail; /* after WALK_OK with paging on */
};

enum { WALK_OK, WALK_FAULT };

int guest_walk(const struct walk_env *env, u64 address, unsigned int access,
	       struct walk_result *result);

#endif
