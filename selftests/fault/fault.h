/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults one after the other: /proc/thread-self/fail-nth makes the N-th allocation, page
 * allocation or user copy of this thread fail, whichever it is. Needs the debug host.
 */
#ifndef KVMLET_TEST_FAULT_H
#define KVMLET_TEST_FAULT_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAULTS_MOST	4000		/* faults of one call; more is a bug of the test */

static int fault_fd = -1;

static inline bool fault_setting(const char *file, const char *value)
{
	char path[96];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", file);
	fd = open(path, O_WRONLY);
	ok = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return ok;
}

/* Allocations that may wait and single pages fail, too. Returns false on an ordinary host. */
static inline bool fault_begin(void)
{
	fault_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	return fault_fd >= 0 && fault_setting("failslab/ignore-gfp-wait", "N") &&
	       fault_setting("fail_page_alloc/ignore-gfp-wait", "N") &&
	       fault_setting("fail_page_alloc/ignore-gfp-highmem", "N") &&
	       fault_setting("fail_page_alloc/min-order", "0") &&
	       fault_setting("failslab/verbose", "0") &&
	       fault_setting("fail_page_alloc/verbose", "0") &&
	       fault_setting("fail_usercopy/verbose", "0");
}

/*
 * The @nth fault point from here on fails; 0: none does. What is left of an earlier count may
 * hit this very write.
 */
static inline void fault_arm(unsigned int nth)
{
	char text[12];
	int len = snprintf(text, sizeof(text), "%u", nth), tries;

	for (tries = 0; pwrite(fault_fd, text, len, 0) != len; tries++)
		if (tries == 3)
			abort();
}

/* Disarms; returns whether the fault took place: a count that is left may fail this read. */
static inline bool fault_disarm(void)
{
	char text[12] = "1";

	if (pread(fault_fd, text, sizeof(text) - 1, 0) <= 0)
		text[0] = '1';
	fault_arm(0);
	return atoi(text) == 0;
}

#endif
