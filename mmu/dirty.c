// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log: which frames of a slot were written since user space looked last. A frame that
 * is not marked cannot be written unnoticed: its entry lacks the right to write, so that the
 * write is an EPT violation, or the processor logs it as it sets the dirty bit (PML).
 *
 * Frames are marked with mmu->lock held for read, by the hypervisor after it has written, and the
 * marks taken with it held for write: whoever marks is never in between. A write that a stale
 * translation lets through meanwhile comes before the flush, hence before user space reads the
 * page. SDM volume 3, "Page-Modification Logging".
 *
 * slots_lock is held for read while the hypervisor writes, which may have to wait until the monitor
 * gives it a page (userfaultfd). So who takes marks holds it for read, too.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "mmu/internal.h"

/* Between two chances to reschedule: words of a bitmap, on the stack, and frames of a slot. */
#define CHUNK		32
#define CHUNK_FRAMES	BIT_ULL(18)

static u64 nr_words(const struct slot *slot)
{
	return DIV_ROUND_UP_ULL(slot->npages, 64);
}

/* A mask of ones goes for a range of any length, others for 64 frames. */
static bool in_mask(u64 mask, u64 i)
{
	return !~mask || mask >> i & 1;
}

/*
 * Makes the next write to each frame of [start, end) in @mask an event again. A huge leaf is
 * protected as a whole, and split by the first write.
 */
static void protect(struct mmu *mmu, u8 as_id, u64 start, u64 end, u64 mask)
{
	struct mmu_root *root;
	struct ept_iter it;

	lockdep_assert_held_write(&mmu->lock);
	mmu_for_each_root(root, mmu, as_id) {
		ept_for_each(&it, root->table, start, end) {
			bool huge = it.level > EPT_4K;
			u64 right = mmu->format.pml && !huge ? EPT_DIRTY : EPT_WRITE;

			if (!ept_present(it.old) || !ept_is_leaf(it.old, it.level) ||
			    !(it.old & right) || (!huge && !in_mask(mask, it.gfn - start)))
				continue;
			clear_bit(__ffs64(right), (unsigned long *)it.entry);
			mmu->unflushed = true;
		}
	}
}

/* Whoever ends first flushes for all: nobody is told of a page that can be written unnoticed. */
static void flush_protected(struct mmu *mmu)
{
	if (mmu->unflushed)
		mmu->ops->flush(mmu);
	mmu->unflushed = false;
}

static void call_locked(struct mmu *mmu, void (*op)(struct mmu *mmu))
{
	write_lock(&mmu->lock);
	op(mmu);
	write_unlock(&mmu->lock);
}

/* Nobody may write to the slot unnoticed any more. */
static void protect_slot(struct mmu *mmu, const struct slot *slot)
{
	u64 end = slot->gfn + slot->npages, start, stop;

	for (start = slot->gfn; start < end; start = stop) {
		stop = min(end, start + CHUNK_FRAMES);
		write_lock(&mmu->lock);
		protect(mmu, slot->as_id, start, stop, ~0ULL);
		write_unlock(&mmu->lock);
		cond_resched();
	}
	call_locked(mmu, flush_protected);
}

/**
 * mmu_alloc_log() - memory for the marks of a slot
 * @mmu: guest memory, slots_lock held
 * @slot: with its length
 *
 * Return: 0, or -ENOMEM.
 */
int mmu_alloc_log(struct mmu *mmu, struct slot *slot)
{
	if (mmu->log_by_rings)
		return 0;
	slot->dirty = kvcalloc(nr_words(slot), sizeof(*slot->dirty), GFP_KERNEL_ACCOUNT);
	if (!slot->dirty)
		return -ENOMEM;
	if (mmu->log_mode & KVM_DIRTY_LOG_INITIALLY_SET)
		bitmap_set(slot->dirty, 0, slot->npages);
	return 0;
}

/**
 * mmu_begin_log() - writes to a slot that had no log are noticed from now on
 * @mmu: guest memory, slots_lock held for write
 * @slot: with its marks; faults see its flags already
 */
void mmu_begin_log(struct mmu *mmu, const struct slot *slot)
{
	/* The processors must log before the first dirty bit is cleared. */
	if (mmu->nr_logs++ == 0 && mmu->format.pml)
		call_locked(mmu, mmu->ops->log_writes);
	/* All marked: each frame is protected as its mark is taken. */
	if (mmu->log_by_rings || !(mmu->log_mode & KVM_DIRTY_LOG_INITIALLY_SET))
		protect_slot(mmu, slot);
}

/**
 * mmu_end_log() - a slot's writes need not be noticed any more
 * @mmu: guest memory, slots_lock held for write; faults see the slot's flags already
 *
 * What is protected stays so until it is written.
 */
void mmu_end_log(struct mmu *mmu)
{
	if (--mmu->nr_logs == 0 && mmu->format.pml)
		call_locked(mmu, mmu->ops->log_writes);
}

/* Moves the marks of @n words from @first on to @to, as far as @to has them set. */
static void take_marks(struct mmu *mmu, struct slot *slot, u64 first, u64 n, u64 *to)
{
	u64 i;

	write_lock(&mmu->lock);
	for (i = 0; i < n; i++) {
		unsigned long *word = &slot->dirty[first + i];
		u64 gfn = slot->gfn + (first + i) * 64;

		to[i] &= *word;
		if (!to[i])
			continue;
		/* Atomic: take_log() sets marks without the lock. */
		atomic_long_andnot(to[i], (atomic_long_t *)word);
		protect(mmu, slot->as_id, gfn, min(gfn + 64, slot->gfn + slot->npages), to[i]);
	}
	write_unlock(&mmu->lock);
}

/*
 * Tells and takes all marks of @words words from @first on; if @clear, takes those that user space
 * has set instead.
 */
static int take_log(struct mmu *mmu, struct slot *slot, u64 first, u64 words, u64 __user *user,
		    bool clear)
{
	u64 marks[CHUNK], i, n;
	int r = 0;

	for (i = 0; i < words && !r; i += n) {
		n = min_t(u64, CHUNK, words - i);
		memset(marks, 0xff, sizeof(marks));
		if (clear && copy_from_user(marks, user + i, n * sizeof(u64)))
			r = -EFAULT;
		else
			take_marks(mmu, slot, first + i, n, marks);
		if (!clear && copy_to_user(user + i, marks, n * sizeof(u64))) {
			/* What was written counts as written; a mark too many does no harm. */
			bitmap_set(slot->dirty, 0, min((i + n) * 64, slot->npages));
			r = -EFAULT;
		}
		cond_resched();
	}
	call_locked(mmu, flush_protected);
	return r;
}

/* Finds the slot that an ioctl names, and leaves slots_lock held for read if it has a log. */
static int lock_logged_slot(struct mmu *mmu, u32 id, struct slot **slot)
{
	int r = -ENOENT;

	if (current->mm != mmu->mm)
		return -EIO;
	if (down_read_killable(&mmu->slots_lock))
		return -EINTR;
	*slot = xa_load(&mmu->slot_by_id, id);
	if (*slot && (*slot)->dirty)
		return 0;
	if (mmu->log_by_rings)
		r = -ENXIO;
	else if (id >> 16 >= MMU_ADDRESS_SPACES || (u16)id >= SLOT_IDS)
		r = -EINVAL;
	up_read(&mmu->slots_lock);
	return r;
}

/**
 * mmu_log_by_rings() - writes are told one by one from now on
 * @mmu: guest memory, of no vCPU yet
 *
 * Return: 0, -EINVAL if a slot has a log already, -EINTR.
 */
int mmu_log_by_rings(struct mmu *mmu)
{
	int r = 0;

	if (down_write_killable(&mmu->slots_lock))
		return -EINTR;
	if (mmu->nr_logs)
		r = -EINVAL;
	else
		mmu->log_by_rings = true;
	up_write(&mmu->slots_lock);
	return r;
}

/**
 * mmu_clean() - the next writes to some pages shall be told again
 * @mmu: guest memory
 * @page: slots and frames of theirs, as user space says: those that are none do not matter
 * @n: their number
 *
 * Context: may sleep. Return: 0, or -EINTR.
 */
int mmu_clean(struct mmu *mmu, const struct kvm_dirty_gfn *page, unsigned int n)
{
	if (down_read_killable(&mmu->slots_lock))
		return -EINTR;
	write_lock(&mmu->lock);
	for (; n--; page++) {
		struct slot *slot = xa_load(&mmu->slot_by_id, page->slot);

		if (slot && slot->flags & KVM_MEM_LOG_DIRTY_PAGES && page->offset < slot->npages)
			protect(mmu, slot->as_id, slot->gfn + page->offset,
				slot->gfn + page->offset + 1, ~0ULL);
	}
	flush_protected(mmu);
	write_unlock(&mmu->lock);
	up_read(&mmu->slots_lock);
	return 0;
}

/**
 * mmu_get_dirty_log() - KVM_GET_DIRTY_LOG
 * @mmu: guest memory
 * @log: a copy of what user space passed
 *
 * Tells the marks, and takes them unless that is left to KVM_CLEAR_DIRTY_LOG
 * (KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2). Those that could not be told stay, perhaps with others.
 *
 * Context: the process that created the VM; may sleep.
 * Return: 0, -EINVAL no such slot number, -ENOENT no slot or no log, -EFAULT, -EINTR, -EIO.
 */
int mmu_get_dirty_log(struct mmu *mmu, const struct kvm_dirty_log *log)
{
	struct slot *slot;
	int r = lock_logged_slot(mmu, log->slot, &slot);

	if (r)
		return r;
	if (!mmu->log_mode)
		r = take_log(mmu, slot, 0, nr_words(slot), log->dirty_bitmap, false);
	else if (copy_to_user(log->dirty_bitmap, slot->dirty, nr_words(slot) * sizeof(u64)))
		r = -EFAULT;
	up_read(&mmu->slots_lock);
	return r;
}

/**
 * mmu_clear_dirty_log() - KVM_CLEAR_DIRTY_LOG
 * @mmu: guest memory
 * @log: a copy of what user space passed
 *
 * Takes the marks that are set in the caller's bitmap.
 *
 * Context: the process that created the VM; may sleep.
 * Return: as mmu_get_dirty_log(), -EINVAL also for frames that are not the slot's, or not
 * whole words of its bitmap.
 */
int mmu_clear_dirty_log(struct mmu *mmu, const struct kvm_clear_dirty_log *log)
{
	struct slot *slot;
	int r = lock_logged_slot(mmu, log->slot, &slot);

	if (r)
		return r;
	if (log->first_page % 64 || log->first_page > slot->npages ||
	    log->num_pages > slot->npages - log->first_page ||
	    (log->num_pages % 64 && log->num_pages < slot->npages - log->first_page))
		r = -EINVAL;
	else
		r = take_log(mmu, slot, log->first_page / 64, DIV_ROUND_UP(log->num_pages, 64),
			     log->dirty_bitmap, true);
	up_read(&mmu->slots_lock);
	return r;
}

/**
 * mmu_set_log_mode() - KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2
 * @mmu: guest memory
 * @mode: KVM_DIRTY_LOG_*
 *
 * Return: 0, -EINVAL for a bit that is unknown or makes no sense alone, -EINTR.
 */
int mmu_set_log_mode(struct mmu *mmu, u64 mode)
{
	if (mode & ~(u64)MMU_LOG_MODES || mode == KVM_DIRTY_LOG_INITIALLY_SET)
		return -EINVAL;
	if (down_write_killable(&mmu->slots_lock))
		return -EINTR;
	mmu->log_mode = mode;
	up_write(&mmu->slots_lock);
	return 0;
}

/**
 * mmu_mark_gpas() - frames that the processor says were written
 * @mmu: guest memory
 * @as_id: address space
 * @gpa: guest-physical addresses
 * @n: their number
 *
 * Context: may wait for mmu->lock: interrupts on.
 */
void mmu_mark_gpas(struct mmu *mmu, u8 as_id, const u64 *gpa, unsigned int n)
{
	read_lock(&mmu->lock);
	while (n--) {
		struct slot *slot = mmu_find_slot(mmu, as_id, gpa[n] >> PAGE_SHIFT);

		if (slot)
			mmu_mark_dirty(mmu, slot, (gpa[n] >> PAGE_SHIFT) - slot->gfn);
	}
	read_unlock(&mmu->lock);
}
