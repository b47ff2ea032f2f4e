/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For ioctl.c: memory of every kind to make guest memory of, and what a monitor can do to it while
 * a guest runs there. It is a row of pieces at a fixed address; no piece but the first stays what
 * it is, so this program never touches them itself.
 */
#ifndef KVMLET_FUZZ_IOCTL_MEMORY_H
#define KVMLET_FUZZ_IOCTL_MEMORY_H

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "selftests/fuzz/ioctl_random.h"

#define ARENA		0x200000000000UL
#define PIECE_SIZE	0x10000UL
#define PIECE_PAGES	16
#define NR_PIECES	16
#define PIECE(n)	(ARENA + (n) * PIECE_SIZE)

/* What a piece may be. A device: a page of /dev/mem that is not RAM, if it can be had. */
enum memory {
	HOLE, PRIVATE, SHARED, READ_ONLY, NO_ACCESS, ZERO, TMPFS, SHORT_FILE, DEVICE_PAGE, RUN_PAGE,
	NR_MEMORY
};

static int tmpfs_fd, short_fd, zero_fd, device_fd;
static off_t device_page;

static void find_device(void)
{
	static const off_t candidates[] = { 0xe0000, 0xa0000, 0xfff00000, 0xfec01000 };
	unsigned int i;
	void *p;

	device_fd = open("/dev/mem", O_RDWR | O_SYNC);
	for (i = 0; device_fd >= 0 && i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device_fd, candidates[i]);
		if (p == MAP_FAILED)
			continue;
		munmap(p, 4096);
		device_page = candidates[i];
		return;
	}
	close(device_fd);
	device_fd = -1;
}

static void map(unsigned long at, unsigned long bytes, int prot, int flags, int fd, off_t offset)
{
	mmap((void *)at, bytes, prot, flags | MAP_FIXED, fd, offset);
}

static void piece_map(unsigned int n, enum memory memory, int vcpu_fd)
{
	const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS, all = PROT_READ | PROT_WRITE;
	unsigned long at = PIECE(n);

	munmap((void *)at, PIECE_SIZE);
	if (memory == PRIVATE)
		map(at, PIECE_SIZE, all, anonymous, -1, 0);
	else if (memory == SHARED)
		map(at, PIECE_SIZE, all, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	else if (memory == READ_ONLY)
		map(at, PIECE_SIZE, PROT_READ, one_in(2) ? anonymous : MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	else if (memory == NO_ACCESS)
		map(at, PIECE_SIZE, PROT_NONE, anonymous, -1, 0);
	else if (memory == ZERO)
		map(at, PIECE_SIZE, all, one_in(2) ? MAP_PRIVATE : MAP_SHARED, zero_fd, 0);
	else if (memory == TMPFS)
		map(at, PIECE_SIZE, all, one_in(2) ? MAP_PRIVATE : MAP_SHARED, tmpfs_fd, 0);
	else if (memory == SHORT_FILE)
		map(at, PIECE_SIZE, all, MAP_SHARED, short_fd, 0);
	else if (memory == DEVICE_PAGE && device_fd >= 0)
		map(at, 4096, all, MAP_SHARED, device_fd, device_page);
	else if (memory == RUN_PAGE && vcpu_fd >= 0)
		map(at, 2 * 4096, all, MAP_SHARED, vcpu_fd, 0);
}

/* A piece of each kind, and some more that are ordinary. */
static void arena_begin(void)
{
	unsigned int n;

	tmpfs_fd = memfd_create("fuzz", MFD_CLOEXEC);
	short_fd = memfd_create("fuzz-short", MFD_CLOEXEC);
	zero_fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	if (ftruncate(tmpfs_fd, PIECE_SIZE) || ftruncate(short_fd, 3 * 4096 + 1))
		return;
	for (n = 0; n < NR_PIECES; n++)
		piece_map(n, n && n < NR_MEMORY ? (enum memory)n : PRIVATE, -1);
}

static int any_advice(void)
{
	static const int advices[] = {
		MADV_DONTNEED, MADV_DONTNEED, MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_COLD,
		MADV_PAGEOUT, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE, MADV_UNMERGEABLE,
		MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_DONTFORK, MADV_DOFORK,
		MADV_WIPEONFORK, MADV_WILLNEED,
	};

	return ONE_OF(advices);
}

static int any_protection(void)
{
	static const int protections[] = {
		PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE | PROT_EXEC, PROT_WRITE, PROT_EXEC,
	};

	return ONE_OF(protections);
}

/*
 * What munmap, mremap and others do to memory that somebody uses: [@at, @at + @bytes). @moves: it
 * may become guest memory.
 */
static void disturb(unsigned long at, unsigned long bytes, bool moves)
{
	switch (below(8)) {
	case 0:
		munmap((void *)at, bytes);
		break;
	case 1:
	case 2:
		mprotect((void *)at, bytes, any_protection());
		break;
	case 3:
		if (moves)
			mremap((void *)at, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
			       (void *)PIECE(1 + below(NR_PIECES - 1)));
		break;
	default:
		madvise((void *)at, bytes, any_advice());
	}
}

/* @vcpu_fd: its run page may become guest memory; -1: it must not. */
static void disturb_arena(int vcpu_fd)
{
	unsigned int n = 1 + below(NR_PIECES - 1), page = below(PIECE_PAGES);

	switch (below(4)) {
	case 0:
		piece_map(n, one_in(2) ? PRIVATE : below(NR_MEMORY), vcpu_fd);
		break;
	case 1:
		if (!ftruncate(one_in(2) ? short_fd : tmpfs_fd, below(PIECE_SIZE + 1)))
			break;
		/* fallthrough */
	default:
		disturb(PIECE(n) + page * 4096, (1 + below(PIECE_PAGES - page)) * 4096UL, true);
	}
}

#endif
