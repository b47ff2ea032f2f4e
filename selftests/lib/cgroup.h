/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A memory cgroup of the test's own, and what is charged to it.
 */
#ifndef KVMLET_TEST_CGROUP_H
#define KVMLET_TEST_CGROUP_H

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include "selftests/lib/vm.h"

#define CGROUPS		"/tmp/cgroups"
#define CGROUP		CGROUPS "/test"

/* For @limit_kib, 0: no limit. */
static inline bool cgroup_make(unsigned long limit_kib)
{
	char limit[32] = "max";

	if (limit_kib)
		snprintf(limit, sizeof(limit), "%lu", limit_kib << 10);
	mkdir(CGROUPS, 0755);
	return !mount("none", CGROUPS, "cgroup2", 0, NULL) &&
	       !write_file(CGROUPS "/cgroup.subtree_control", "+memory") &&
	       !mkdir(CGROUP, 0755) && !write_file(CGROUP "/memory.max", limit);
}

static inline int cgroup_join(void)
{
	return write_file(CGROUP "/cgroup.procs", "0");
}

/* Nobody may be in it any more but the caller. */
static inline void cgroup_remove(void)
{
	write_file(CGROUPS "/cgroup.procs", "0");
	rmdir(CGROUP);
	umount(CGROUPS);
}

/* A line of memory.stat, "NAME ", in KiB. */
static inline unsigned long cgroup_stat_kib(const char *name)
{
	int fd = open(CGROUP "/memory.stat", O_RDONLY);
	static char text[8192];
	ssize_t n = read(fd, text + 1, sizeof(text) - 2);
	char word[64];
	char *p;

	close(fd);
	text[0] = '\n';
	text[n > 0 ? n + 1 : 1] = '\0';
	snprintf(word, sizeof(word), "\n%s ", name);
	p = strstr(text, word);
	return p ? strtoul(p + strlen(word), NULL, 10) / 1024 : 0;
}

#endif
