// SPDX-License-Identifier: GPL-2.0
/*
 * In a guest: roundtrip DISK. Reads blocks of 4 KiB past the page cache, each between two marks
 * for the lab's trace; test_roundtrip.py counts what lies between them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK	4096
#define WARM	8		/* reads before, which fill caches and tables */
#define READS	9

static void mark(void)
{
	asm volatile("xchg %%bx, %%bx" : : : "memory");
}

static int failed(const char *what)
{
	printf("roundtrip: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	int fd = open(argc > 1 ? argv[1] : "/dev/vda", O_RDONLY | O_DIRECT), i;
	char *block = aligned_alloc(BLOCK, BLOCK);
	ssize_t got;

	if (fd < 0 || !block)
		return failed("its disk");
	for (i = 0; i < WARM + READS; i++) {
		if (i >= WARM)
			mark();
		got = pread(fd, block, BLOCK, (off_t)i * BLOCK);
		if (i >= WARM)
			mark();
		if (got != BLOCK)
			return failed("a read");
		if (block[0] != 'a' + i)
			return failed("another block");
	}
	printf("roundtrip: %d blocks read\n", READS);
	return 0;
}
