// SPDX-License-Identifier: GPL-2.0
/*
 * Many VMs, one after the other and at once, leave no memory behind.
 */
#define _GNU_SOURCE
#include "selftests/lib/vm.h"

#define ROUNDS		60
#define AT_ONCE		40
/* A leak of one page a VM shows; what the kernel keeps in caches does not grow so. */
#define TOLERANCE_KIB	(ROUNDS * 4 / 2)

static const char *path;

static void guest(void)
{
	guest_sync(1);
}

static void settle(void)
{
	usleep(50000);
	write_file("/proc/sys/vm/drop_caches", "3");
	usleep(50000);
}

static unsigned int rounds(unsigned int n)
{
	unsigned int ran = 0;
	struct vcpu vcpu;
	struct vm vm;

	while (n--) {
		machine(&vm, &vcpu, path, n & 1, guest);
		ran += vcpu_sync(&vcpu) == 1;
		machine_close(&vm, &vcpu);
	}
	return ran;
}

static void at_once(void)
{
	struct vcpu vcpu[AT_ONCE];
	struct vm vm[AT_ONCE];
	unsigned int i, ran = 0;

	for (i = 0; i < AT_ONCE; i++)
		machine(&vm[i], &vcpu[i], path, true, guest);
	for (i = 0; i < AT_ONCE; i++) {
		vcpu_long_mode(&vcpu[i], guest, 0);
		ran += vcpu_sync(&vcpu[i]) == 1;
	}
	TAP_EQ(ran, AT_ONCE, "40 VMs at once run");
	for (i = 0; i < AT_ONCE; i++)
		machine_close(&vm[i], &vcpu[i]);
}

int main(int argc, char **argv)
{
	long before, after;

	tap_begin();
	path = device_path(argc, argv);
	alarm(on_debug_host() ? 250 : 60);
	at_once();
	TAP_EQ(rounds(10), 10, "ten VMs one after the other run");
	settle();
	before = meminfo_kib("MemAvailable:");
	TAP_EQ(rounds(ROUNDS), ROUNDS, "60 more run");
	settle();
	after = meminfo_kib("MemAvailable:");
	printf("# %ld KiB before, %ld KiB after\n", before, after);
	if (on_debug_host())
		tap_skip("they leave no memory behind", "KASAN keeps what is freed");
	else
		tap_ok(before - after < TOLERANCE_KIB, "they leave no memory behind");
	return tap_end();
}
