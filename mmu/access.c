// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory as the hypervisor itself reads and writes it: through the monitor's addresses,
 * so that the host's page tables and notifiers see each access. slots_lock is held for read
 * around the access: a slot's deletion waits for it.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include "mmu/compat.h"
#include "mmu/internal.h"

#define MAX_RECORD	16

/*
 * The slot behind @gpa, about to be read or written, and its host address; NULL if no slot backs
 * it, or a read-only one a write.
 */
static struct slot *gpa_to_hva(struct mmu *mmu, u8 as_id, gpa_t gpa, bool write,
			       unsigned long *hva)
{
	struct slot *slot = mmu_find_slot(mmu, as_id, gpa >> PAGE_SHIFT);
	u64 gfn;

	if (!slot || (write && slot->flags & KVM_MEM_READONLY))
		return NULL;
	/* The guest chose the address; speculation may be past the search already. */
	gfn = slot->gfn + array_index_nospec((gpa >> PAGE_SHIFT) - slot->gfn, slot->npages);
	*hva = slot_hva(slot, gfn) + offset_in_page(gpa);
	return slot;
}

/*
 * Something was written at @hva, perhaps. Not before: a write may have to wait for its page, and
 * the log may be taken meanwhile. mmu->lock keeps that away from between a look at the mark and
 * what was written.
 */
static void mark_written(struct mmu *mmu, struct slot *slot, unsigned long hva)
{
	if (!(slot->flags & KVM_MEM_LOG_DIRTY_PAGES))
		return;
	read_lock(&mmu->lock);
	mmu_mark_dirty(mmu, slot, (hva - slot->hva) >> PAGE_SHIFT);
	read_unlock(&mmu->lock);
}

/* Bytes from @gpa that lie in one page, at most @len. */
static size_t in_page(gpa_t gpa, size_t len)
{
	return min_t(size_t, len, PAGE_SIZE - offset_in_page(gpa));
}

/* Entries of the guest's page tables are most of what is read. */
static unsigned long copy_in(void *buf, unsigned long hva, size_t n)
{
	u64 entry;

	if (n != sizeof(entry))
		return copy_from_user(buf, (void __user *)hva, n);
	if (get_user(entry, (u64 __user *)hva))
		return n;
	memcpy(buf, &entry, sizeof(entry));
	return 0;
}

/* A record is written by words: the guest, which may look at any time, sees each of them whole. */
static unsigned long copy_out(unsigned long hva, const void *buf, size_t n)
{
	if (n > MAX_RECORD || n % sizeof(u64))
		return copy_to_user((void __user *)hva, buf, n);
	if (!user_write_access_begin((void __user *)hva, n))
		return n;
	for (; n; n -= sizeof(u64), hva += sizeof(u64), buf += sizeof(u64))
		unsafe_put_user(*(const u64 *)buf, (u64 __user *)hva, out);
out:
	user_write_access_end();
	return n;
}

/* Either direction gets a copy of it. */
static __always_inline int transfer(struct mmu *mmu, u8 as_id, gpa_t gpa, void *buf, size_t len,
				    bool write)
{
	int r = 0;

	if (current->mm != mmu->mm)
		return -EIO;
	if (down_read_killable(&mmu->slots_lock))
		return -EINTR;
	while (len && !r) {
		size_t n = in_page(gpa, len);
		unsigned long hva;
		struct slot *slot = gpa_to_hva(mmu, as_id, gpa, write, &hva);

		if (!slot || (write ? copy_out(hva, buf, n) : copy_in(buf, hva, n)))
			r = -EFAULT;
		if (slot && write)
			mark_written(mmu, slot, hva);
		buf += n;
		gpa += n;
		len -= n;
	}
	up_read(&mmu->slots_lock);
	return r;
}

/**
 * mmu_read() - read guest memory
 * @mmu: guest memory
 * @as_id: address space
 * @gpa: first guest-physical address
 * @buf: receives the bytes; undefined after an error
 * @len: bytes
 *
 * Context: the process that created the VM; may sleep.
 * Return: 0, -EFAULT no slot or no host page, -EINTR a fatal signal, -EIO another process.
 */
int mmu_read(struct mmu *mmu, u8 as_id, gpa_t gpa, void *buf, size_t len)
{
	return transfer(mmu, as_id, gpa, buf, len, false);
}

/**
 * mmu_watch() - remember what a word of guest memory was
 * @mmu: guest memory
 * @as_id: address space
 * @watch: where to; emptied if this one cannot be watched
 * @gpa: guest-physical address of 8 bytes in one page
 * @value: what they were
 *
 * Context: the process that created the VM; may sleep. Return: false if it cannot be watched.
 */
bool mmu_watch(struct mmu *mmu, u8 as_id, struct mmu_watch *watch, gpa_t gpa, u64 value)
{
	unsigned int i = watch->nr;

	down_read(&mmu->slots_lock);
	if (!i)
		watch->generation = mmu->generation;
	watch->nr = 0;
	if (i < MMU_WATCHED && watch->generation == mmu->generation &&
	    gpa_to_hva(mmu, as_id, gpa, false, &watch->word[i].hva)) {
		watch->word[i].value = value;
		watch->nr = i + 1;
	}
	up_read(&mmu->slots_lock);
	return watch->nr;
}

/**
 * mmu_unchanged() - does guest memory still hold what is watched?
 * @mmu: guest memory
 * @watch: the words
 *
 * Context: the process that created the VM; interrupts may be off.
 * Return: false also if there are none, or it cannot be told: a page of them may be swapped out.
 */
bool mmu_unchanged(struct mmu *mmu, const struct mmu_watch *watch)
{
	const struct mmu_word *word = watch->word, *end = word + watch->nr;
	u64 now;

	if (word == end || current->mm != mmu->mm)
		return false;
	pagefault_disable();
	/* All of them are in slots: in user space's half of the address space. */
	if (user_read_access_begin((u64 __user *)word->hva, sizeof(now))) {
		do
			unsafe_get_user(now, (u64 __user *)word->hva, out);
		while (now == word->value && ++word < end);
out:
		user_read_access_end();
	}
	pagefault_enable();
	/* Read last: as long as it is the same, a change of the slots has not begun. */
	smp_rmb();
	return word == end && watch->generation == READ_ONCE(mmu->generation);
}

/**
 * mmu_write() - write guest memory
 * @mmu: guest memory
 * @as_id: address space
 * @gpa: first guest-physical address
 * @buf: the bytes
 * @len: their number
 *
 * After an error a part may have been written.
 *
 * Context: the process that created the VM; may sleep.
 * Return: 0, -EFAULT no slot, a read-only one or no host page, -EINTR, -EIO as mmu_read().
 */
int mmu_write(struct mmu *mmu, u8 as_id, gpa_t gpa, const void *buf, size_t len)
{
	return transfer(mmu, as_id, gpa, (void *)buf, len, true);
}

#define CMPXCHG_AS(type)								\
	(try_cmpxchg((type *)target, (type *)old, *(const type *)new))

static int exchange(void *target, void *old, const void *new, size_t len)
{
	switch (len) {
	case 1:
		return CMPXCHG_AS(u8);
	case 2:
		return CMPXCHG_AS(u16);
	case 4:
		return CMPXCHG_AS(u32);
	case 8:
		return CMPXCHG_AS(u64);
	case 16:
		return boot_cpu_has(X86_FEATURE_CX16) ? cmpxchg_16(target, old, new) : -EFAULT;
	default:
		return -EFAULT;
	}
}

static int cmpxchg_hva(unsigned long hva, void *old, const void *new, size_t len)
{
	struct page *page;
	void *base;
	int r;

	if (pin_user_pages_fast(hva, 1, FOLL_WRITE, &page) != 1)
		return -EFAULT;
	base = kmap_local_page(page);
	r = exchange(base + offset_in_page(hva), old, new, len);
	kunmap_local(base);
	unpin_user_pages_dirty_lock(&page, 1, r == 1);
	return r;
}

/* Compares and exchanges without atomicity, which is all that an odd address gets. */
static int cmpxchg_split(struct mmu *mmu, u8 as_id, gpa_t gpa, void *old, const void *new,
			 size_t len)
{
	u8 now[16];
	int r = mmu_read(mmu, as_id, gpa, now, len);

	if (r)
		return r;
	if (memcmp(now, old, len)) {
		memcpy(old, now, len);
		return 0;
	}
	r = mmu_write(mmu, as_id, gpa, new, len);
	return r ?: 1;
}

/**
 * mmu_cmpxchg() - compare and exchange guest memory
 * @mmu: guest memory
 * @as_id: address space
 * @gpa: guest-physical address
 * @old: expected bytes; receives what was there if that differed
 * @new: bytes to write
 * @len: 1, 2, 4, 8 or 16, not across a page
 *
 * Atomic against the guest and the monitor if @gpa is aligned to @len. Otherwise not: a locked
 * access across cache lines would raise the host's split-lock exception in the kernel.
 *
 * Context: the process that created the VM; may sleep.
 * Return: 1 exchanged, 0 differed, -EFAULT no slot, a read-only one, no host page or a bad
 * @len, -EINTR, -EIO as mmu_read().
 */
int mmu_cmpxchg(struct mmu *mmu, u8 as_id, gpa_t gpa, void *old, const void *new, size_t len)
{
	struct slot *slot;
	unsigned long hva;
	int r = -EFAULT;

	if (len > 16 || !is_power_of_2(len) || in_page(gpa, len) != len)
		return -EFAULT;
	if (!IS_ALIGNED(gpa, len))
		return cmpxchg_split(mmu, as_id, gpa, old, new, len);
	if (current->mm != mmu->mm)
		return -EIO;
	if (down_read_killable(&mmu->slots_lock))
		return -EINTR;
	slot = gpa_to_hva(mmu, as_id, gpa, true, &hva);
	if (slot)
		r = cmpxchg_hva(hva, old, new, len);
	if (r == 1)
		mark_written(mmu, slot, hva);
	up_read(&mmu->slots_lock);
	return r;
}

/*
 * Under mmu->lock, which keeps the slots, too. What is found while they change is not for later.
 */
static noinline bool find_spot(struct mmu *mmu, struct mmu_spot *spot)
{
	u64 generation = READ_ONCE(mmu->generation);

	spot->slot = gpa_to_hva(mmu, 0, spot->gpa, true, &spot->hva);
	spot->generation = spot->slot && generation & 1 ? generation : 0;
	return spot->slot;
}

/*
 * Where nothing may sleep. If true, mmu->lock is held and page faults are off. That all slots lie
 * in user space's half was seen when they were made: access_ok() need not be asked again.
 */
static __always_inline bool hold_spot(struct mmu *mmu, struct mmu_spot *spot)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT) || current->mm != mmu->mm || !read_trylock(&mmu->lock))
		return false;
	/* Who changes the slots says so before he takes the lock. */
	if (unlikely(spot->generation != READ_ONCE(mmu->generation)) && !find_spot(mmu, spot)) {
		read_unlock(&mmu->lock);
		return false;
	}
	pagefault_disable();
	return true;
}

/* @written: perhaps. */
static __always_inline void release_spot(struct mmu *mmu, const struct mmu_spot *spot,
					 bool written)
{
	pagefault_enable();
	if (written)
		mmu_mark_dirty(mmu, spot->slot, (spot->hva - spot->slot->hva) >> PAGE_SHIFT);
	read_unlock(&mmu->lock);
}

static noinline int replace_slowly(struct mmu *mmu, gpa_t gpa, u64 *word, u64 first, u64 second)
{
	u64 new[] = { first, second };
	int r = cmpxchg_split(mmu, 0, gpa, word, new, sizeof(new));

	if (r > 0)
		memcpy(word, new, sizeof(new));
	return r;
}

/**
 * mmu_replace() - write a record that only this caller writes, if it still is as it was
 * @mmu: guest memory
 * @spot: where, aligned to 16 bytes
 * @word: two words, as the record was; they receive what it is now
 * @first: the first to write; somebody else sees each of them whole
 * @second: the other
 *
 * Not atomic, as mmu_cmpxchg() is, but cheap where the host has the page mapped.
 *
 * Context and return: as mmu_cmpxchg().
 */
int mmu_replace(struct mmu *mmu, struct mmu_spot *spot, u64 *word, u64 first, u64 second)
{
	u64 now[2], __user *at;
	int r = -EAGAIN;

	if (!hold_spot(mmu, spot))
		return replace_slowly(mmu, spot->gpa, word, first, second);
	at = (u64 __user *)spot->hva;
	__uaccess_begin_nospec();
	unsafe_get_user(now[0], at, out);
	unsafe_get_user(now[1], at + 1, out);
	if (now[0] == word[0] && now[1] == word[1]) {
		/* If the page goes away in between, the first is as it was. */
		unsafe_put_user(second, at + 1, out);
		unsafe_put_user(first, at, out);
		word[0] = first;
		word[1] = second;
		r = 1;
	} else {
		word[0] = now[0];
		word[1] = now[1];
		r = 0;
	}
out:
	__uaccess_end();
	release_spot(mmu, spot, r);
	return likely(r >= 0) ? r : replace_slowly(mmu, spot->gpa, word, first, second);
}

/**
 * mmu_swap_byte() - write a byte of guest memory where nothing may sleep
 * @mmu: guest memory
 * @spot: where
 * @value: to write, unless it is there already; nobody else writes meanwhile
 *
 * Context: the process that created the VM, also in the scheduler: no lock may be waited for, nor
 * may giving it back wake anybody, as slots_lock and all locks of PREEMPT_RT do.
 * Return: what was there; -EAGAIN: no slot, or not now.
 */
int mmu_swap_byte(struct mmu *mmu, struct mmu_spot *spot, u8 value)
{
	u8 old, __user *byte;
	int r = -EAGAIN;

	if (!hold_spot(mmu, spot))
		return r;
	byte = (u8 __user *)spot->hva;
	__uaccess_begin_nospec();
	unsafe_get_user(old, byte, out);
	if (old != value)
		unsafe_put_user(value, byte, out);
	r = old;
out:
	__uaccess_end();
	release_spot(mmu, spot, r != value);
	return r;
}

/**
 * mmu_is_ram() - does a slot back an address?
 * @mmu: guest memory
 * @as_id: address space
 * @gpa: guest-physical address
 * @write: must it be writable, too?
 *
 * Context: may sleep.
 */
bool mmu_is_ram(struct mmu *mmu, u8 as_id, gpa_t gpa, bool write)
{
	unsigned long hva;
	bool ram;

	down_read(&mmu->slots_lock);
	ram = gpa_to_hva(mmu, as_id, gpa, write, &hva);
	up_read(&mmu->slots_lock);
	return ram;
}
