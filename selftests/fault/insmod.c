// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation of insmod fails in turn: the module is not loaded and leaves nothing behind,
 * or it does without; then it loads. Of some 400 faults, a bounded run tries some.
 *
 * lab: --debug
 * only: kvmlet
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include "selftests/lib/vm.h"
#include "selftests/fault/fault.h"

#define STEP_BOUNDED	19		/* one takes a second */
#define PARAMETER	"/sys/module/kvmlet/parameters/slice"

static char parameters[64];
static int module_fd = -1;

static int load(void)
{
	return syscall(SYS_finit_module, module_fd, parameters, 0) ? -errno : 0;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "kvmlet", O_NONBLOCK) ? -errno : 0;
}

/* The lab's own parameter is there again afterwards. */
static void keep_parameters(void)
{
	char value[32] = "";
	int fd = open(PARAMETER, O_RDONLY);

	if (fd >= 0 && read(fd, value, sizeof(value) - 1) > 0)
		snprintf(parameters, sizeof(parameters), "slice=%lu", strtoul(value, NULL, 0));
	close(fd);
}

static void open_module(void)
{
	struct utsname name;
	char path[256];

	uname(&name);
	snprintf(path, sizeof(path), "/lib/modules/%s/kvmlet.ko", name.release);
	module_fd = open(path, O_RDONLY);
}

/* Loads with the @n-th fault; returns whether there was one. */
static bool once(unsigned int n, unsigned int *wrong)
{
	bool hit;
	int r;

	fault_arm(n);
	r = load();
	hit = fault_disarm();
	if (r && (!hit || access("/dev/kvmlet", F_OK) == 0)) {
		printf("# fault %u: %d, device %s\n", n, r,
		       access("/dev/kvmlet", F_OK) ? "gone" : "there");
		(*wrong)++;
	}
	if (!r && unload()) {
		printf("# fault %u: rmmod failed\n", n);
		(*wrong)++;
	}
	return hit;
}

int main(int argc, char **argv)
{
	unsigned int n, wrong = 0, step = getenv("BOUNDED") ? STEP_BOUNDED : 1;

	tap_begin();
	if (!fault_begin()) {
		tap_skip("faults of insmod", "this kernel has no fault injection: lab run --debug");
		return tap_end();
	}
	keep_parameters();
	open_module();
	tap_ok(module_fd >= 0, "the module's file is there");
	TAP_EQ(unload(), 0, "rmmod");
	for (n = 1; n < FAULTS_MOST && once(n, &wrong); n += step)
		;
	printf("# insmod: %u faults, %u of them tried\n", n - 1, (n - 1) / step);
	tap_ok(!wrong && n > 20 && n < FAULTS_MOST, "insmod fails cleanly at each fault");
	TAP_EQ(load(), 0, "then it works");
	TAP_EQ(access("/dev/kvmlet", F_OK), 0, "the device is there");
	return tap_end();
}
