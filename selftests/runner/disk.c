// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet run --disk`: which images it refuses, with which words, and that a guest finds the disks
 * by PCI configuration. What a guest's driver does with them is guest/disk's.
 *
 * lab: --add build/userspace/kvmlet:/bin/kvmlet
 * lab@kvmlet: --add build/userspace/kvmlet:/bin/kvmlet --param apicv=1
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "selftests/runner/virtio.h"

#define IMAGE		"/tmp/disk.img"
#define SAVED		"/tmp/disk.saved"

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
/*
 * Three requests at once, by the registers of before 1.0: 512 bytes to sector 3, a flush, and a
 * read far behind the end. The exit status has two bits for the status of each. The queue is the
 * second page; without interrupts.
 */
#define REQUESTS(name, features)						\
GUEST(name, features								\
      "mov $0xc088, %dx; mov $0x1001, %eax; out %eax, %dx;"			\
      "mov $0xc090, %dx; xor %eax, %eax; out %ax, %dx;"				\
      "1: pause; cmpw $3, 0x1002002; jb 1b;"					\
      "mov 0x1000f02, %al; shl $2, %al; or 0x1000f01, %al;"			\
      "shl $2, %al; or 0x1000f00, %al;"						\
      FINISH									\
      ".org " #name " + 0xc00; .fill 512, 1, 'w';"				\
      ".org " #name " + 0xe00; .long 1, 0; .quad 3; .long 4, 0; .quad 0;"	\
      ".long 0, 0; .quad 1 << 40;"						\
      ".org " #name " + 0xf00; .byte 3, 3, 3;"					\
      ".org " #name " + 0x1000;"						\
      DESC(0xe00, 16, 1, 1) DESC(0xc00, 512, 1, 2) DESC(0xf00, 1, 2, 0)		\
      DESC(0xe10, 16, 1, 4) DESC(0xf01, 1, 2, 0)				\
      DESC(0xe20, 16, 1, 6) DESC(0xa00, 512, 3, 7) DESC(0xf02, 1, 2, 0)		\
      ".org " #name " + 0x1800; .word 1, 3, 0, 3, 5;")

REQUESTS(requests, "");
/* The driver takes the device's flushes, so that no write is one. */
REQUESTS(flushes, "mov $0xc084, %dx; mov $0x200, %eax; out %eax, %dx;");
/*
 * Its used ring is its available ring: to give a request back is to make one. By the registers of
 * virtio 1.x, at the first device's addresses.
 */
GUEST(feeds_itself,
      "mov $0xe0010000, %edi; movl $2, 24(%rdi); movl $0x1001000, 32(%rdi);"
      "movl $0x1002000, 40(%rdi); movl $0x1002000, 48(%rdi); movl $1, 28(%rdi);"
      "movl $0, 0x3000(%rdi);" OUTB(0x3f8, 'x') "1: pause; jmp 1b;"
      ".org feeds_itself + 0xe00; .long 99, 0; .quad 0;"
      ".org feeds_itself + 0x1000;" DESC(0xe00, 16, 1, 1) DESC(0xf00, 1, 2, 0)
      ".org feeds_itself + 0x2000; .word 0, 1, 0, 0; .fill 16, 1, 0;");
/* To be saved; then says how often it was restored. */
GUEST(asks, "out %al, $0xf5; in $0xf5, %al; add $7, %al; out %al, $0xf4; hlt");

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
	refused(IMAGE ",io=", "'io='", "half a word");
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
	said_with(RUN("--restore", SAVED), "devices, this machine has",
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

/*
 * From here on a system call fails with EIO, for this program and those that it starts. False: this
 * kernel cannot (the debug host's, which has no io_uring either).
 */
static bool forbid(unsigned int call)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Does the image hold what the guest of requests writes, and nothing else? */
static bool is_written(void)
{
	uint8_t data[65536];
	unsigned int i, good = 0;
	int fd = open(IMAGE, O_RDONLY);

	if (read(fd, data, sizeof(data)) == sizeof(data))
		for (i = 0; i < sizeof(data); i++)
			good += data[i] == (i / 512 == 3 ? 'w' : 0);
	close(fd);
	return good == sizeof(data);
}

/* Statuses as the guest of requests puts them together. */
static void serves(const char *spec, int statuses, const char *name)
{
	image("", 65536);
	if (!TAP_EQ(boot(spec, NULL), statuses, name))
		printf("# %s\n", one.text);
}

#define ZRAM		"/dev/zram0"

/* Of what was written to a device, how much has reached it? */
static long writes_to_zram(void)
{
	FILE *f = fopen("/sys/block/zram0/stat", "r");
	long writes = -1;

	if (f && fscanf(f, "%*s %*s %*s %*s %ld", &writes) != 1)
		writes = -1;
	if (f)
		fclose(f);
	return writes;
}

/* The device is kept open: the last one to close it would write all out. */
static void flush_reaches(const char *how, const char *unsafe)
{
	int fd = open(ZRAM, O_RDWR);
	long before = writes_to_zram();

	serves(unsafe, 16, "a guest writes to a device and flushes, cache=unsafe");
	TAP_EQ(writes_to_zram() - before, 0, "nothing reaches it at once");
	serves(how, 16, how);
	tap_ok(writes_to_zram() > before, "a flush has what was written reach it");
	close(fd);
}

static void flushes_reach_devices(bool uring)
{
	if (system("modprobe zram 2>/dev/null && echo 1M >/sys/block/zram0/disksize")) {
		tap_skip("a flush has what was written reach a device", "this host has no zram");
		return;
	}
	WRITE_GUEST(flushes);
	flush_reaches(ZRAM ",io=thread", ZRAM ",io=thread,cache=unsafe");
	if (uring)
		flush_reaches(ZRAM ",io=uring", ZRAM ",io=uring,cache=unsafe");
	system("rmmod zram");
}

static void requests_are_served(void)
{
	const bool there = syscall(SYS_io_uring_setup, 1, NULL) < 0 && errno == EFAULT;

	flushes_reach_devices(there);
	WRITE_GUEST(requests);
	if (there) {
		serves(IMAGE ",io=uring", 16, "io=uring: write, flush, and a read behind the end");
		tap_ok(is_written(), "what is written is in the image");
	} else {
		tap_skip("io=uring", "this kernel has no io_uring");
	}
	serves(IMAGE ",io=thread", 16, "io=thread: the same");
	tap_ok(is_written(), "what is written is in the image");
	serves(IMAGE ",ro", 17, "ro: the write is an error, too");
	tap_ok(!is_written(), "and the image is as it was");
	forbid(SYS_io_uring_setup);
	refused(IMAGE ",io=uring", "io_uring: ", "io=uring is refused then, with the reason");
	serves(IMAGE, 16, "a disk that is not told how goes without");
	tap_ok(is_written(), "what is written is in the image");
	if (!forbid(SYS_fdatasync)) {
		tap_skip("a flush that fails", "this kernel has no seccomp");
		return;
	}
	serves(IMAGE, 21, "a flush that the host cannot carry out is an error of the guest's, "
	       "so is a write where the driver takes no flushes");
	serves(IMAGE ",cache=writethrough", 20, "which is not flushed if each lasts anyway");
	serves(IMAGE ",cache=unsafe", 16, "with cache=unsafe it does nothing");
}

/* A line of the trace that holds these words comes behind the one before. */
static void then(const char **at, const char *words, const char *name)
{
	const char *found = *at ? strstr(*at, words) : NULL;

	if (!tap_ok(found, "the trace of a write: %s", name))
		printf("# expected \"%s\" in: %s\n", words, one.text);
	*at = found;
}

static void way_of_a_write(void)
{
	const char *at = one.text;

	WRITE_GUEST(requests);
	image("", 65536);
	TAP_EQ(BOOT("--disk", IMAGE ",io=thread", "--trace"), 16, "a guest that writes is traced");
	then(&at, "tracepoints cannot be read", "what cannot be shown is said");
	at = one.text;
	then(&at, " disk0: a write of 512 bytes to sector 3", "which one");
	then(&at, "eventfd returns", "the notification");
	then(&at, "out of the queue", "the request");
	then(&at, "pwritev", "it is carried out");
	then(&at, "it is over, status 0", "and over");
	then(&at, "used ring", "and given back");
	TAP_EQ(BOOT("--disk", IMAGE, "--trace=/tmp/disk.trace"), 16, "a trace goes into a file");
	tap_ok(!strstr(one.text, "disk0") && !access("/tmp/disk.trace", R_OK), "there alone");
	TAP_EQ(BOOT("--disk", IMAGE, "--trace=/nowhere/trace"), 103, "one that can be made");
}

static void ends_all_the_same(void)
{
	WRITE_GUEST(feeds_itself);
	runner_start(&one, -1, (const char * const []) {
		"kvmlet", "run", "--device", device, "--kernel", KERNEL, "--mem", "32M", "--disk",
		IMAGE ",io=thread", NULL });
	tap_ok(runner_read(&one, "x"), "a queue that feeds itself keeps its device busy");
	usleep(100000);
	runner_stops(&one, "a signal ends the machine all the same");
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
	way_of_a_write();
	ends_all_the_same();
	requests_are_served();		/* the last: system calls are missing then */
	unlink(IMAGE);
	return tap_end();
}
