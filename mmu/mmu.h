/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest memory: the border of mmu/. It knows slots, guest frame numbers, levels and entry
 * bits, and nothing of vmx/: what it needs from there is in struct mmu_ops. It takes its own
 * locks; callers hold neither of them. See Documentation/mmu.rst for the whole picture.
 *
 * Lock letters on the fields below:
 *   (c) constant after mmu_init()
 *   (s) slots_lock: written with it held for write
 *   (m) mmu->lock: written with it held for write
 *   (sm) written with both, so that either is enough to read
 */
#ifndef KVMLET_MMU_MMU_H
#define KVMLET_MMU_MMU_H

#include <linux/kvm.h>
#include <linux/kvm_types.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/rbtree.h>
#include <linux/rwlock.h>
#include <linux/rwsem.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include "mmu/slots.h"

#define MMU_ADDRESS_SPACES	2	/* 1: what a vCPU in SMM sees */

struct mmu;

/* What the page tables need from the hypervisor around them. */
struct mmu_ops {
	/*
	 * No vCPU may use a translation removed before this call once it returns, and each has
	 * left the guest meanwhile. Called with mmu->lock held: it may wait for other
	 * processors but not sleep, and takes no lock that is held around a call into mmu/.
	 */
	void (*flush)(struct mmu *mmu);
	/*
	 * Writes that set a dirty bit have to be logged, or need not be any more, as
	 * mmu->nr_logs says. Once this returns, all vCPUs do. Called as flush is.
	 */
	void (*log_writes)(struct mmu *mmu);
	/* By a vCPU's thread: it wrote to frame @offset of a slot whose writes go to rings. */
	void (*push_dirty)(struct mmu *mmu, u32 slot, u64 offset);
};

/* What the processor's EPT can do; filled from IA32_VMX_EPT_VPID_CAP by the caller. */
struct mmu_format {
	bool level_2m, level_1g, accessed_dirty;
	bool pml;		/* writes that set a dirty bit are logged; see mmu_mark_gpas() */
	bool nx_huge;		/* a huge page must not be executable: ITLB multihit */
	u8 maxphyaddr;		/* bits of a host-physical address */
};

/* Roots are shared by all vCPUs whose view of memory has this key. */
struct mmu_root {
	struct list_head link;	/* (m) in mmu->roots */
	u64 *table;		/* (c) the top table; entries change by cmpxchg under mmu->lock */
	u64 hpa;		/* (c) host-physical address of the top table */
	unsigned int users;	/* (m) */
	u64 recover_gfn;	/* (m) see rejoin.c */
	u8 as_id;		/* (c) address space */
	u8 role;		/* (c) what else makes its entries differ; 0 today */
};

struct mmu {
	const struct mmu_ops *ops;		/* (c) */
	struct mmu_format format;		/* (c) */
	struct mm_struct *mm;			/* (c) whose memory the slots name */
	struct mmu_notifier notifier;
	/*
	 * Write: a change of slots. Read: an access to guest memory through a slot, so that no
	 * access is under way any more when the change returns.
	 */
	struct rw_semaphore slots_lock;
	struct slot_set slots[MMU_ADDRESS_SPACES];	/* (sm) by guest address */
	u64 generation;			/* (s) of slots, even while they change; anybody reads it */
	struct xarray slot_by_id;			/* (s) */
	u64 log_mode;				/* (s) KVM_DIRTY_LOG_* */
	bool log_by_rings;			/* (sm) no bitmaps: see push_dirty */
	unsigned int nr_logs;			/* (s) slots whose writes are logged */
	rwlock_t lock;				/* page tables, roots, and what follows */
	bool unflushed;				/* (m) a log has protected pages, not flushed yet */
	struct list_head roots;			/* (m) */
	struct rb_root_cached hva_tree;		/* (m) slots by host address */
	unsigned int invalidate_count;		/* (m) invalidations going on, in this range */
	unsigned long invalidate_start, invalidate_end;
	struct delayed_work recovery;		/* (-) */
	u64 own_gfn, own_hpa;			/* (c) a page of ours where no slot is; 0: none */
	bool maps_devices;			/* (-) something that is not RAM was mapped, once */
};

/* An access that the page tables did not allow; MMU_OWN: it may be to the page of ours. */
enum mmu_access { MMU_READ = 1, MMU_WRITE = 2, MMU_EXEC = 4, MMU_OWN = 8 };

enum mmu_fault_result {
	MMU_FAULT_MAPPED,	/* mapped, or a change was under way: re-enter */
	MMU_FAULT_MMIO,		/* no slot, or a write to a read-only one: emulate */
};

int mmu_init(struct mmu *mmu, const struct mmu_ops *ops, const struct mmu_format *format);
void mmu_stop(struct mmu *mmu);
void mmu_destroy(struct mmu *mmu);
struct mmu_root *mmu_root_get(struct mmu *mmu, u8 as_id, u8 role);
void mmu_root_put(struct mmu *mmu, struct mmu_root *root);
void mmu_unmap_all(struct mmu *mmu, u64 start, u64 end);
int mmu_set_region(struct mmu *mmu, const struct kvm_userspace_memory_region *region);

#define MMU_LOG_MODES	(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET)

int mmu_log_by_rings(struct mmu *mmu);
int mmu_clean(struct mmu *mmu, const struct kvm_dirty_gfn *page, unsigned int n);
int mmu_set_log_mode(struct mmu *mmu, u64 mode);
int mmu_get_dirty_log(struct mmu *mmu, const struct kvm_dirty_log *log);
int mmu_clear_dirty_log(struct mmu *mmu, const struct kvm_clear_dirty_log *log);
void mmu_mark_gpas(struct mmu *mmu, u8 as_id, const u64 *gpa, unsigned int n);

/*
 * enum mmu_fault_result, or -EFAULT (no host page), -EINTR (a fatal signal), -ENOMEM, -EIO
 * (not the process that created the VM). A broken page: SIGBUS is pending, MMU_FAULT_MAPPED.
 */
int mmu_fault(struct mmu *mmu, struct mmu_root *root, gpa_t gpa, enum mmu_access access);

/* Guest memory as a byte array; -EFAULT where no slot or no host page is. May sleep. */
int mmu_read(struct mmu *mmu, u8 as_id, gpa_t gpa, void *buf, size_t len);
int mmu_write(struct mmu *mmu, u8 as_id, gpa_t gpa, const void *buf, size_t len);
/* Exchange if equal; @len 1, 2, 4, 8 or 16, not across a page. 1: done, 0: differed. */
int mmu_cmpxchg(struct mmu *mmu, u8 as_id, gpa_t gpa, void *old, const void *new, size_t len);
/*
 * A place in address space 0 that is written again and again. Begins with nothing but @gpa, then is
 * these functions' own: where it lies is right as long as the slots are of @generation; 0: never.
 */
struct mmu_spot {
	gpa_t gpa;
	u64 generation;
	unsigned long hva;
	struct slot *slot;
};

/* For a record of two words that nobody else writes; 1: done, 0: differed. May sleep. */
int mmu_replace(struct mmu *mmu, struct mmu_spot *spot, u64 *word, u64 first, u64 second);
/* For where nothing may sleep: what was there, negative if it cannot be done now. */
int mmu_swap_byte(struct mmu *mmu, struct mmu_spot *spot, u8 value);
/* True where a slot backs @gpa (and may be written if @write). */
bool mmu_is_ram(struct mmu *mmu, u8 as_id, gpa_t gpa, bool write);

#define MMU_WATCHED	7

/* Words of guest memory, and what they were: nr = 0 to begin, mmu_watch(), mmu_unchanged(). */
struct mmu_watch {
	unsigned int nr;
	u64 generation;			/* of the slots */
	struct mmu_word {
		unsigned long hva;
		u64 value;
	} word[MMU_WATCHED];
};

bool mmu_watch(struct mmu *mmu, u8 as_id, struct mmu_watch *watch, gpa_t gpa, u64 value);
bool mmu_unchanged(struct mmu *mmu, const struct mmu_watch *watch);

#endif
