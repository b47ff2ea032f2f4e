// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet run --rng`: a guest of some instructions finds the device and is given bytes; one that
 * breaks its queue, or feeds it by itself, harms nobody but itself; saved and restored.
 *
 * lab: --add build/userspace/kvmlet:/bin/kvmlet
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "selftests/runner/virtio.h"

#define SAVED		"/tmp/rng.saved"
#define IMAGE		"/tmp/rng.img"

GUEST(finds_it,
      CONFIG(1, 0) UNLESS(0x10051af4, 1)
      CONFIG(1, 0x2c) UNLESS(0x00041af4, 2)
      CONFIG(2, 0) UNLESS(-1, 3)
      QUEUE(1, 1) "mov $0xc08c, %dx; in %dx, %ax; movzx %ax, %eax;" UNLESS(0, 4)
      GOOD);
/*
 * 64 bytes; 8 behind a piece that is not to be written; 64 KiB, of which there are 4096; nothing.
 * The queue is the second page, what comes begins at 0x4000.
 */
GUEST(asks_for_bytes,
      QUEUE(0, 1) DRIVER_OK NOTIFY(0)
      UNTIL_USED(4, 0x2000)
      "mov 0x1002008, %eax;" UNLESS(64, 1)
      "mov 0x1002010, %eax;" UNLESS(8, 2)
      "mov 0x1002018, %eax;" UNLESS(4096, 3)
      "mov 0x1002020, %eax;" UNLESS(0, 4)
      "mov $5, %bl; mov 0x1004000, %rax; or 0x1004008, %rax; jz 8f;"
      "mov $6, %bl; mov 0x1004000, %rax; cmp 0x1004008, %rax; je 8f;"
      "mov $7, %bl; mov 0x1004100, %rax; cmp 0x1004000, %rax; je 8f; test %rax, %rax; jz 8f;"
      "mov $8, %bl; mov 0x1005ff8, %rax; test %rax, %rax; jz 8f;"
      "mov 0x1006000, %eax; or 0x1004040, %eax; or 0x1004108, %eax;" UNLESS(0, 9)
      "mov 0x1000f00, %eax;" UNLESS(0x5a5a5a5a, 10)
      GOOD
      ".org asks_for_bytes + 0xf00; .fill 16, 1, 0x5a;"
      ".org asks_for_bytes + 0x1000;"
      DESC(0x4000, 64, 2, 0) DESC(0xf00, 16, 1, 2) DESC(0x4100, 8, 2, 0)
      DESC(0x5000, 0x10000, 2, 0) DESC(0xf00, 16, 0, 0)
      ".org asks_for_bytes + 0x1800; .word 0, 4, 0, 1, 3, 4;");
/* A descriptor that is its own next; memory that is not there; then, after a reset, a good one. */
GUEST(breaks_it,
      QUEUE(0, 1) DRIVER_OK NOTIFY(0) UNTIL_BROKEN
      RESET "movl $0x70, 0x1001004; movl $64, 0x1001008; movw $2, 0x100100c;"
      QUEUE(0, 1) DRIVER_OK NOTIFY(0) UNTIL_BROKEN
      RESET "movq $0x1004000, 0x1001000;"
      QUEUE(0, 1) DRIVER_OK NOTIFY(0) UNTIL_USED(1, 0x2000)
      "mov 0x1002008, %eax;" UNLESS(64, 1)
      GOOD
      ".org breaks_it + 0x1000;" DESC(0x4000, 16, 3, 0)
      ".org breaks_it + 0x1800; .word 0, 1, 0;");
/* Its used ring is its available ring, by the registers of 1.x, as in disk.c. */
GUEST(feeds_itself,
      "mov $0xe0010000, %edi; movl $2, 24(%rdi); movl $0x1001000, 32(%rdi);"
      "movl $0x1002000, 40(%rdi); movl $0x1002000, 48(%rdi); movl $1, 28(%rdi);"
      "movl $0, 0x3000(%rdi);" OUTB(0x3f8, 'x') "1: pause; jmp 1b;"
      ".org feeds_itself + 0x1000;" DESC(0x4000, 64, 2, 0) DESC(0x4000, 64, 2, 0)
      ".org feeds_itself + 0x2000; .word 0, 1, 0, 0; .fill 16, 1, 0;");
/* Saved with a request in its queue of which the device was not told. */
GUEST(is_saved,
      QUEUE(0, 1) DRIVER_OK "out %al, $0xf5;"
      UNTIL_USED(1, 0x2000) "mov 0x1002008, %eax;" UNLESS(64, 1)
      "mov $2, %bl; mov 0x1004000, %rax; test %rax, %rax; jz 8f;"
      GOOD
      ".org is_saved + 0x1000;" DESC(0x4000, 64, 2, 0)
      ".org is_saved + 0x1800; .word 0, 1, 0;");

static void is_hostile(void)
{
	WRITE_GUEST(breaks_it);
	TAP_EQ(BOOT("--rng"), 99, "a chain that is a ring, and one outside memory, stop the device "
	       "until it is reset");
	WRITE_GUEST(feeds_itself);
	runner_start(&one, -1, (const char * const []) {
		"kvmlet", "run", "--device", device, "--kernel", KERNEL, "--mem", "32M", "--rng",
		NULL });
	tap_ok(runner_read(&one, "x"), "a queue that feeds itself keeps its device busy");
	usleep(100000);
	runner_stops(&one, "a signal ends the machine all the same");
}

static void saves(void)
{
	WRITE_GUEST(is_saved);
	TAP_EQ(BOOT("--rng", "--save", SAVED), 106, "a guest with the device is saved");
	said_with(RUN("--restore", SAVED), "devices, this machine has",
		  "restored without one it is refused");
	TAP_EQ(RUN("--restore", SAVED, "--rng"), 99,
	       "with it, its queue is where it was, and served");
	unlink(SAVED);
	TAP_EQ(BOOT("--rng", "--live", "/tmp/rng.socket"), 104, "it is not moved while it runs");
	runner_said(&one, "saved, but not moved", "which is said, with the reason");
}

static void is_one_too_many(void)
{
	int fd = open(IMAGE, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (ftruncate(fd, 65536))
		printf("# %s cannot be made\n", IMAGE);
	close(fd);
#define D	"--disk", IMAGE ",ro"
	TAP_EQ(BOOT("--rng", D, D, D, D, D, D, D, D), 104,
	       "with eight disks there is no room for it");
	runner_said(&one, "9 devices, and there is room for 8", "which is said");
	WRITE_GUEST(finds_it);
	TAP_EQ(BOOT("--rng", D, D, D, D, D, D, D), 1, "with seven there is");
#undef D
	unlink(IMAGE);
}

int main(int argc, char **argv)
{
	device = argc > 1 ? argv[1] : "/dev/kvmlet";
	tap_begin();
	alarm(200);
	WRITE_GUEST(finds_it);
	TAP_EQ(BOOT("--rng"), 99, "a guest finds it, with one queue");
	WRITE_GUEST(asks_for_bytes);
	TAP_EQ(BOOT("--rng"), 99, "it is given the bytes that it asks for, where it wants them");
	is_hostile();
	saves();
	is_one_too_many();
	return tap_end();
}
