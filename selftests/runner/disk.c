// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet run --disk`: which images it refuses, with which words, and that a guest finds the disks
 * by PCI configuration. What a guest's driver does with them is guest/disk's.
 *
 * lab: --add build/userspace/kvmlet:/bin/kvmlet
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/file.h>

#include "selftests/runner/runner.h"

#define IMAGE		"/tmp/disk.img"
#define SAVED		"/tmp/disk.saved"

/* EAX of configuration register REG of slot SLOT; then what is left of it decides the status. */
#define CONFIG(slot, reg) \
	"mov $0xcf8, %dx; mov $0x80000000 + (" #slot " << 11) + " #reg ", %eax; out %eax, %dx;" \
	"mov $0xcfc, %dx; in %dx, %eax;"
#define SET_CONFIG(slot, reg, value) \
	CONFIG(slot, reg) "mov $" #value ", %eax; out %eax, %dx;"
#define UNLESS(value, status) "mov $" #status ", %bl; cmp $" #value ", %eax; jne 8f;"

GUEST(finds_disks,
      CONFIG(0, 8) "shr $16, %eax;" UNLESS(0x600, 1)
      CONFIG(1, 0) UNLESS(0x10011af4, 2)
      CONFIG(2, 0) UNLESS(0x10011af4, 3)
      CONFIG(3, 0) UNLESS(-1, 4)
      SET_CONFIG(1, 0x20, -1) CONFIG(1, 0x20) UNLESS(0xffffc000, 5)
      SET_CONFIG(1, 0, 0) CONFIG(1, 0) UNLESS(0x10011af4, 6)
      "mov $0xcfb, %dx; mov $1, %al; out %al, %dx; mov $0xcf8, %dx; in %dx, %eax;"
      UNLESS(0x80000800, 7)
      "mov $99, %bl; 8: mov %bl, %al;" FINISH);
/* Features of before 1.0, the queue's size, a queue behind the last, the capacity. */
GUEST(before_1_0,
      "mov $0xc080, %dx; in %dx, %eax; and $0x200, %eax;" UNLESS(0x200, 1)
      "mov $0xc08c, %dx; in %dx, %ax; movzx %ax, %eax;" UNLESS(128, 2)
      "mov $0xc08e, %dx; mov $1, %ax; out %ax, %dx;"
      "mov $0xc08c, %dx; in %dx, %ax; movzx %ax, %eax;" UNLESS(0, 3)
      "mov $0xc090, %dx; mov $0, %ax; out %ax, %dx;"
      "mov $0xc094, %dx; in %dx, %eax;" UNLESS(128, 4)
      "mov $98, %bl; 8: mov %bl, %al;" FINISH);
GUEST(powers_off, OUTB(0xf4, 5) "hlt");
/* To be saved; then says how often it was restored. */
GUEST(asks, "out %al, $0xf5; in $0xf5, %al; add $7, %al; out %al, $0xf4; hlt");

static struct runner one;

/* A runner's status; what it says is in one.text. */
#define RUN(...) ({									\
	runner_start(&one, -1, (const char * const []) {				\
		"kvmlet", "run", "--device", device, __VA_ARGS__, NULL });		\
	runner_end(&one);								\
})
#define BOOT(...)	RUN("--kernel", KERNEL, "--mem", "32M", __VA_ARGS__)

/* With some disks. */
static int boot(const char *first, const char *second)
{
	return BOOT("--disk", first, second ? "--disk" : NULL, second);
}

/* @size bytes that begin with @text. */
static void image(const char *text, off_t size)
{
	int fd = open(IMAGE, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (write(fd, text, strlen(text)) < 0 || ftruncate(fd, size))
		printf("# %s cannot be made\n", IMAGE);
	close(fd);
}

static void said_with(int status, const char *words, const char *name)
{
	if (!tap_ok(status == 103 && strstr(one.text, words), "%s", name))
		printf("# status %d, %s\n", status, one.text);
}

static void refused(const char *spec, const char *words, const char *name)
{
	said_with(boot(spec, NULL), words, name);
}

static void refusals(void)
{
	int fd;

	unlink(IMAGE);
	refused(IMAGE, "No such file", "a missing image is refused");
	image("", 0);
	refused(IMAGE, "smaller than a sector", "an empty one");
	image("", 511);
	refused(IMAGE, "smaller than a sector", "one smaller than a sector");
	image("", 1000);
	refused(IMAGE, "whole number of sectors", "one that ends in a sector");
	image("QFI\xfb", 65536);
	refused(IMAGE, "qcow2", "one that is not raw");
	refused("/tmp", "directory", "a folder");
	refused("/dev/null", "neither a file", "a device that is no disk");
	image("", 65536);
	refused(IMAGE ",cache=maybe", "cache=maybe", "an unknown word behind the name");
	fd = open(IMAGE, O_RDONLY);
	flock(fd, LOCK_EX);
	refused(IMAGE, "locked", "one that another program has locked");
	refused(IMAGE ",ro", "locked", "also to read it");
	flock(fd, LOCK_SH);
	TAP_EQ(boot(IMAGE ",ro", NULL), 5, "two may read one");
	refused(IMAGE, "locked", "but none may write it then");
	close(fd);
	TAP_EQ(boot(IMAGE, IMAGE), 103, "nor may one machine have it twice");
	TAP_EQ(boot(IMAGE ",ro", IMAGE ",ro"), 5, "unless it only reads");
	TAP_EQ(boot(IMAGE ",cache=writethrough", NULL), 5, "cache=writethrough");
	TAP_EQ(boot(IMAGE ",cache=unsafe", NULL), 5, "cache=unsafe");
}

/* What a disk is asked for when its guest is restored. */
static void saves(void)
{
	WRITE_GUEST(asks);
	image("", 65536);
	TAP_EQ(BOOT("--disk", IMAGE, "--live", "/tmp/disk.socket"), 104,
	       "a guest with a disk is not moved");
	TAP_EQ(BOOT("--disk", IMAGE, "--save", SAVED), 106, "it is saved");
	said_with(RUN("--restore", SAVED), "had 5 devices, this machine has 3",
		  "restored without its disk it is refused");
	said_with(RUN("--restore", SAVED, "--disk", IMAGE ",ro"), "it could be written",
		  "so it is with one that is read-only");
	TAP_EQ(RUN("--restore", SAVED, "--disk", IMAGE ",cache=writethrough"), 8,
	       "with its own it goes on");
	image("", 131072);
	said_with(RUN("--restore", SAVED, "--disk", IMAGE), "another size",
		  "with a larger one it is refused");
	unlink(SAVED);
}

int main(int argc, char **argv)
{
	device = argc > 1 ? argv[1] : "/dev/kvmlet";
	tap_begin();
	alarm(200);
	WRITE_GUEST(powers_off);
	refusals();
	WRITE_GUEST(finds_disks);
	TAP_EQ(boot(IMAGE ",ro", IMAGE ",ro"), 99,
	       "a guest finds a bridge, two disks and no third");
	WRITE_GUEST(before_1_0);
	TAP_EQ(boot(IMAGE, NULL), 98, "registers of before virtio 1.0");
	saves();
	unlink(IMAGE);
	return tap_end();
}
