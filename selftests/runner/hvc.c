// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet run --console`: what a guest of some instructions says and hears by it; input waits until
 * it is taken; a guest that breaks its queues, or feeds them by itself; saved with input waiting.
 *
 * lab: --add build/userspace/kvmlet:/bin/kvmlet
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "selftests/runner/virtio.h"

#define SAVED		"/tmp/hvc.saved"

/* Queue 0, what is typed, at pages 1 and 2; queue 1 at pages 3 and 4; text from 0x5000. */
GUEST(speaks,
      CONFIG(1, 0) UNLESS(0x10031af4, 1)
      QUEUE(1, 3) DRIVER_OK NOTIFY(1) UNTIL_USED(2, 0x4000) GOOD
      ".org speaks + 0x3000;" DESC(0x5000, 6, 1, 1) DESC(0x5010, 5, 0, 0) DESC(0x5020, 4, 0, 0)
      ".org speaks + 0x3800; .word 0, 2, 0, 2;"
      ".org speaks + 0x5000; .ascii \"hello \"; .org speaks + 0x5010; .ascii \"from \";"
      ".org speaks + 0x5020; .ascii \"hvc\\n\"; .org speaks + 0x6000;");
#define SPEAK		"movw $1, 0x1003802;" NOTIFY(1) UNTIL_USED(1, 0x4000)
#define WORD(name)	".org " #name " + 0x3000;" DESC(0x5f00, 2, 0, 0) \
			".org " #name " + 0x3800; .word 0, 0, 0;" \
			".org " #name " + 0x5f00; .ascii \"x\\n\"; .org " #name " + 0x6000;"
/* A driver that has not spoken may throw away what comes. */
GUEST(hears,
      QUEUE(0, 1) QUEUE(1, 3) DRIVER_OK NOTIFY(0) "mov $4000000, %ecx; 1: dec %ecx; jnz 1b;"
      "movzwl 0x1002002, %eax;" UNLESS(0, 5) SPEAK UNTIL_USED(2, 0x2000)
      "mov 0x1002008, %eax;" UNLESS(4, 1)
      "mov 0x1002010, %eax;" UNLESS(4, 2)
      "mov 0x1005000, %eax;" UNLESS(0x64636261, 3)
      "mov 0x1005100, %eax;" UNLESS(0x68676665, 4)
      GOOD
      ".org hears + 0x1000;" DESC(0x5000, 4, 2, 0) DESC(0x5100, 4, 2, 0)
      ".org hears + 0x1800; .word 0, 2, 0, 1;" WORD(hears));
/* Saved when half of it has come. */
GUEST(is_saved,
      QUEUE(0, 1) QUEUE(1, 3) DRIVER_OK SPEAK UNTIL_USED(1, 0x2000) "out %al, $0xf5;"
      "movw $2, 0x1001802;" NOTIFY(0) UNTIL_USED(2, 0x2000)
      "mov 0x1005000, %eax;" UNLESS(0x64636261, 1)
      "mov 0x1005100, %eax;" UNLESS(0x68676665, 2)
      GOOD
      ".org is_saved + 0x1000;" DESC(0x5000, 4, 2, 0) DESC(0x5100, 4, 2, 0)
      ".org is_saved + 0x1800; .word 0, 1, 0, 1;" WORD(is_saved));
GUEST(takes_nothing,
      QUEUE(0, 1) QUEUE(1, 3) DRIVER_OK SPEAK "1: hlt; jmp 1b;" WORD(takes_nothing));
GUEST(breaks_it,
      QUEUE(1, 3) DRIVER_OK NOTIFY(1) UNTIL_BROKEN
      RESET "movl $0x70, 0x1003004; movw $0, 0x100300c;"
      QUEUE(1, 3) DRIVER_OK NOTIFY(1) UNTIL_BROKEN GOOD
      ".org breaks_it + 0x3000;" DESC(0x5000, 16, 1, 0)
      ".org breaks_it + 0x3800; .word 0, 1, 0; .org breaks_it + 0x5000;");
/* Its used ring is its available ring, by the registers of 1.x, as in disk.c. */
GUEST(feeds_itself,
      "mov $0xe0010000, %edi; movb $7, 20(%rdi); movw $1, 22(%rdi);"
      "movl $2, 24(%rdi); movl $0x1001000, 32(%rdi);"
      "movl $0x1002000, 40(%rdi); movl $0x1002000, 48(%rdi); movl $1, 28(%rdi);"
      "movl $0, 0x3000(%rdi); 1: pause; jmp 1b;"
      ".org feeds_itself + 0x1000;" DESC(0x5000, 64, 0, 0) DESC(0x5000, 64, 0, 0)
      ".org feeds_itself + 0x2000; .word 0, 1, 0, 0; .fill 16, 1, 0;"
      ".org feeds_itself + 0x5000; .fill 63, 1, 'x'; .byte 10; .org feeds_itself + 0x6000;");

/* Ends with more on its way than a pipe holds. */
GUEST(says_much,
      QUEUE(1, 3) DRIVER_OK NOTIFY(1) UNTIL_USED(1, 0x4000)
      "mov $4000000, %ecx; 1: dec %ecx; jnz 1b;" OUTB(0xf4, 5) "1: hlt; jmp 1b;"
      ".org says_much + 0x3000;" DESC(0x5000, 50000, 0, 0) DESC(0x5000, 50000, 0, 0)
      ".org says_much + 0x3800; .word 0, 2, 0, 1; .org says_much + 0x12000;");

/* Starts a guest, with something typed ahead. */
static void begin(const char *typed, const char *option)
{
	runner_start(&one, -1, (const char * const []) {
		"kvmlet", "run", "--device", device, "--kernel", KERNEL, "--mem", "32M",
		"--console", option, option ? SAVED : NULL, NULL });
	if (write(one.in, typed, strlen(typed)) < 0)
		printf("# nothing is typed: %s\n", strerror(errno));
}

static void input_waits(void)
{
	static const char zeros[1000];
	unsigned int taken = 0, full = 0;
	ssize_t n;

	WRITE_GUEST(takes_nothing);
	begin("", NULL);
	runner_read(&one, "x");
	fcntl(one.in, F_SETFL, O_NONBLOCK);
	/* The runner has its time to read, if it wants to. */
	while (taken < 200000 && full < 20) {
		n = write(one.in, zeros, sizeof(zeros));
		if (n > 0) {
			taken += n;
		} else {
			full++;
			usleep(5000);
		}
	}
	if (!tap_ok(taken < 70000, "what a guest does not take waits in the pipe"))
		printf("# %u bytes are taken\n", taken);
	is_idle("and costs nothing");
	runner_stops(&one, "a signal ends it");
}

static void is_hostile(void)
{
	WRITE_GUEST(breaks_it);
	TAP_EQ(BOOT("--console"), 99, "a chain that is a ring, and one outside memory, stop the "
	       "device until it is reset");
	WRITE_GUEST(feeds_itself);
	begin("", NULL);
	tap_ok(runner_read(&one, "xxx\n"), "a queue that feeds itself keeps its device busy");
	usleep(100000);
	runner_stops(&one, "a signal ends the machine all the same, though nobody reads");
}

static void nobody_reads(void)
{
	siginfo_t info = { 0 };
	unsigned int i;

	WRITE_GUEST(says_much);
	TAP_EQ(BOOT("--console"), 5, "a guest ends when all that it has said is read");
	begin("", NULL);
	usleep(500000);
	kill(one.pid, SIGTERM);
	for (i = 0; i < 200 && !info.si_pid; i++) {
		usleep(5000);
		waitid(P_PID, one.pid, &info, WEXITED | WNOHANG | WNOWAIT);
	}
	tap_ok(info.si_pid, "or when a signal ends the runner");
	runner_end(&one);
}

static void saves(void)
{
	WRITE_GUEST(is_saved);
	begin("abcdefgh", "--save");
	TAP_EQ(runner_end(&one), 106, "a guest is saved when half of its input has come");
	said_with(RUN("--restore", SAVED), "devices, this machine has",
		  "restored without its console it is refused");
	TAP_EQ(RUN("--restore", SAVED, "--console"), 99, "with it, the other half comes");
	unlink(SAVED);
	TAP_EQ(BOOT("--console", "--live", "/tmp/hvc.socket"), 104,
	       "it is not moved while it runs");
	runner_said(&one, "--console: a guest with it is saved, but not moved", "which is said");
}

int main(int argc, char **argv)
{
	device = argc > 1 ? argv[1] : "/dev/kvmlet";
	tap_begin();
	alarm(200);
	WRITE_GUEST(speaks);
	TAP_EQ(BOOT("--console"), 99, "a guest finds it, and speaks");
	runner_said(&one, "hello from hvc", "which is standard output");
	WRITE_GUEST(hears);
	begin("abcdefgh", NULL);
	TAP_EQ(runner_end(&one), 99,
	       "standard input comes, as there is room, what was typed ahead when it has spoken");
	input_waits();
	is_hostile();
	nobody_reads();
	saves();
	return tap_end();
}
