// SPDX-License-Identifier: GPL-2.0
/*
 * A guest in the middle of work is saved and restored, at its own request, by a signal and after
 * some time, or moved to another runner while it runs, again and again, and does not notice: its
 * answer, registers, timer and clock are right. Files that are damaged, and targets that are not
 * there, are refused with words. argv[1] is the driver's device, argv[2] how often (3 unless told,
 * at most 70), argv[3] one test's name.
 *
 * lab: --add build/userspace/kvmlet:/bin/kvmlet
 */
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "selftests/lib/vm.h"
#include "selftests/runner/runner.h"

#define SAVED		"/tmp/save.guest"
#define SOCKET		"/tmp/save.3"
#define MACHINE_AT	(16 + 24)	/* behind the headers of the file and its first section */
#define STEPS		0x4000		/* of work between two requests */
#define LEFT		106		/* status of a runner whose guest has left */
#define DONE		42		/* the guest's own statuses */
#define MEM		"22M"		/* all of it is looked at for each file */

static unsigned int times = 3;
static struct runner one, two;

/* --- the guest -------------------------------------------------------------------------------- */

/*
 * Computes with registers and memory for as many requests to leave as the command line's first
 * character says, and looks at each step that its TSC has not gone back. XMM15 waits for the end,
 * and the LAPIC's timer ticks meanwhile. The result is 16 letters. Statuses: 2 the TSC went back,
 * 3 XMM15 is wrong, 4 the timer has stopped.
 */
GUEST(worker,
      "movzbl 0x20000, %ebp; sub $'0', %ebp; imul $0x4000, %ebp;"
      "mov $0x1080000, %esp; mov %cr4, %rax; or $0x200, %eax; mov %rax, %cr4;"
      /* the gate of vector 0x40, in an IDT at 0x1090000 */
      "lea 5f(%rip), %rax; mov $0x1090400, %edi; mov %ax, (%rdi); movw $0x10, 2(%rdi);"
      "movw $0x8e00, 4(%rdi); shr $16, %rax; mov %ax, 6(%rdi); shr $16, %rax; mov %eax, 8(%rdi);"
      "lidt 6f(%rip);"
      "mov $0xfee00000, %ebx; movl $0x1ff, 0xf0(%rbx); movl $0xb, 0x3e0(%rbx);"
      "movl $0x20040, 0x320(%rbx); movl $300000, 0x380(%rbx);"
      "movabs $0x123456789abcdef, %rax; movq %rax, %xmm15;"
      "xor %r12d, %r12d; mov $1, %r13d; xor %r14d, %r14d; xor %r15d, %r15d; sti;"
      "1: movabs $6364136223846793005, %rax; imul %rax, %r13;"
      "movabs $1442695040888963407, %rax; add %rax, %r13;"
      "mov %r12d, %edi; and $63, %edi; shl $12, %edi; add $0x1100000, %edi;"
      "add (%rdi), %r13; mov %r13, (%rdi);"
      "rdtsc; shl $32, %rdx; or %rdx, %rax; mov $2, %cl; cmp %r15, %rax; jb 8f; mov %rax, %r15;"
      "inc %r12d; test $0x3fff, %r12d; jnz 2f; out %al, $0xf5;"
      "2: cmp %ebp, %r12d; jb 1b;"
      "movq %xmm15, %rax; movabs $0x123456789abcdef, %rdx; mov $3, %cl; cmp %rax, %rdx; jne 8f;"
      /* the timer must still tick */
      "mov %r14, %rax; mov $1000000000, %r9d; mov $4, %cl;"
      "3: dec %r9; jz 8f; cmp %rax, %r14; je 3b;"
      "mov $16, %ecx; mov $0x3f8, %dx; 4: rol $4, %r13; mov %r13b, %al; and $15, %al;"
      "add $'A', %al; out %al, %dx; dec %ecx; jnz 4b; mov $42, %cl;"
      "8: mov %cl, %al; out %al, $0xf4; 9: hlt; jmp 9b;"
      "5: inc %r14; movl $0, 0xb0(%rbx); iretq;"
      "6: .word 0x40f; .quad 0x1090000;");

/* Listens (IER bit 0), sends back what it gets, ends at 'q'. */
GUEST(echoes,
      "mov $0x3f9, %dx; mov $1, %al; out %al, %dx;"
      "1: mov $0x3fd, %dx; in %dx, %al; test $1, %al; jz 1b; mov $0x3f8, %dx; in %dx, %al;"
      "out %al, %dx; cmp $'q', %al; jne 1b; mov $4, %al; out %al, $0xf4; hlt");

/* Says how often it was restored, after one request. */
GUEST(asks, "out %al, $0xf5; in $0xf5, %al; add $7, %al; out %al, $0xf4; hlt");

/* Leaves twice. */
GUEST(asks_twice, "out %al, $0xf5; out %al, $0xf5; mov $9, %al; out %al, $0xf4; hlt");

/*
 * Adds one to each of its pages, again and again, until it was moved as often as the command line's
 * first character says; the second one says how many times 128 pages. Status 6: a page has missed
 * something.
 */
GUEST(scribbles,
      "movzbl 0x20000, %ebp; sub $'0', %ebp; mov $'s', %al; mov $0x3f8, %dx; out %al, %dx;"
      "movzbl 0x20001, %esi; sub $'0', %esi; shl $7, %esi;"
      "sti; 1: mov $0x1100000, %edi; mov %esi, %ecx;"
      "2: incq (%rdi); add $0x1000, %edi; dec %ecx; jnz 2b; in $0xf5, %al; cmp %bpl, %al; jb 1b;"
      "mov $0x1100000, %edi; mov (%rdi), %rax; mov %esi, %ecx;"
      "3: cmp (%rdi), %rax; jne 4f; add $0x1000, %edi; dec %ecx; jnz 3b;"
      "mov $42, %al; out %al, $0xf4; hlt; 4: mov $6, %al; out %al, $0xf4; hlt");

/* Leaves, and speaks when it has. */
GUEST(asks_and_speaks,
      "out %al, $0xf5; 1: in $0xf5, %al; test %al, %al; jz 1b;"
      "mov $'+', %al; mov $0x3f8, %dx; out %al, %dx; mov $9, %al; out %al, $0xf4; hlt");

/* Writes to CMOS memory and leaves; its status is what port 0x71 reads then, no time in BCD. */
GUEST(keeps_cmos,
      "mov $0x40, %al; out %al, $0x70; mov $0x4d, %al; out %al, $0x71; mov $0, %al;"
      "out %al, $0xf5; in $0x71, %al; out %al, $0xf4; hlt");

static const char *expected_of(unsigned int requests)
{
	static uint64_t memory[64];
	static char text[17];
	uint64_t x = 1;
	unsigned int i;

	memset(memory, 0, sizeof(memory));
	for (i = 0; i < requests * STEPS; i++) {
		x = x * 6364136223846793005 + 1442695040888963407 + memory[i & 63];
		memory[i & 63] = x;
	}
	for (i = 0; i < 16; i++)
		text[i] = 'A' + (x >> (60 - 4 * i) & 15);
	return text;
}

/* --- runners ---------------------------------------------------------------------------------- */

#define RUN(r, ...)									\
	runner_start(r, -1, (const char * const []) {					\
		"kvmlet", "run", "--device", device, __VA_ARGS__, NULL })

#define RUN_SHOWN(r, ...)								\
	runner_start_shown(r, (const char * const []) {					\
		"kvmlet", "run", "--device", device, __VA_ARGS__, NULL })

/* More pages than are worth no further round of a move (userspace/live.c), in `make check`, too. */
static const char *length(unsigned int requests)
{
	static char text[3];

	text[0] = '0' + requests;
	text[1] = bounded() ? '2' : '8';
	return text;
}

/* The same work without leaving: what everything else is compared with. */
static void test_plain(void)
{
	WRITE_GUEST(worker);
	RUN(&one, "--kernel", KERNEL, "--mem", MEM, "--append", length(times));
	TAP_EQ(runner_end(&one), DONE, "a guest that is not to leave does its work");
	TAP_EQ(strcmp(one.text, expected_of(times)), 0, "its answer is right");
}

/* Restores the guest until it has ended; the number of times. */
static unsigned int restore_all(bool timed, int *status)
{
	unsigned int n = 0;
	char seconds[16];

	while (*status == LEFT && n < 100 * times) {
		/* Longer each time: a slow host may need all of the first ones to begin. */
		snprintf(seconds, sizeof(seconds), "%.4f", 0.002 + 0.0005 * n++);
		RUN(&one, "--restore", SAVED, "--save", SAVED, timed ? "--after" : NULL, seconds);
		*status = runner_end(&one);
	}
	return n;
}

static void test_request(void)
{
	int status;

	WRITE_GUEST(worker);
	RUN(&one, "--kernel", KERNEL, "--mem", MEM, "--append", length(times), "--save", SAVED);
	status = runner_end(&one);
	TAP_EQ(status, LEFT, "a guest is saved at its request");
	TAP_EQ(one.n, 0, "which says nothing");
	TAP_EQ(restore_all(false, &status), times, "it is restored as often as it asks");
	TAP_EQ(status, DONE, "and ends well");
	if (!tap_ok(!strcmp(one.text, expected_of(times)), "with the right answer"))
		printf("# it says: %.300s\n", one.text);
}

/* Wherever the guest is then. */
static void test_after(void)
{
	unsigned int n;
	int status;

	WRITE_GUEST(worker);
	unlink(SAVED);
	RUN(&one, "--kernel", KERNEL, "--mem", MEM, "--append", length(times), "--save", SAVED,
	    "--after", "0.004");
	status = runner_end(&one);
	n = restore_all(true, &status);
	tap_ok(n > 1, "a guest is saved after some milliseconds each time (%u times)", n);
	TAP_EQ(status, DONE, "it ends well");
	if (!tap_ok(!strcmp(one.text, expected_of(times)), "with the right answer"))
		printf("# it says: %.300s\n", one.text);
}

static void test_signal(void)
{
	struct stat st;

	WRITE_GUEST(echoes);
	unlink(SAVED);
	RUN(&one, "--kernel", KERNEL, "--mem", MEM, "--save", SAVED);
	if (write(one.in, "a", 1) != 1)
		printf("# write: %s\n", strerror(errno));
	tap_ok(runner_read(&one, "a"), "a guest answers at its console");
	kill(one.pid, SIGUSR1);
	TAP_EQ(runner_end(&one), LEFT, "SIGUSR1 saves it");
	TAP_EQ(stat(SAVED, &st), 0, "there is a file");
	TAP_EQ(st.st_mode & 0777, 0600, "that only its owner reads");
	tap_ok(st.st_size < 200000, "without the pages that are zero (%ld bytes)",
	       (long)st.st_size);
	TAP_EQ(access(SAVED ".new", F_OK), -1, "and no other");
	RUN(&one, "--restore", SAVED);
	if (write(one.in, "bq", 2) != 2)
		printf("# write: %s\n", strerror(errno));
	TAP_EQ(runner_end(&one), 4, "restored, it goes on listening");
	TAP_EQ(strcmp(one.text, "bq"), 0, "and answers");
	RUN(&one, "--restore", SAVED);
	if (write(one.in, "q", 1) != 1)
		printf("# write: %s\n", strerror(errno));
	TAP_EQ(runner_end(&one), 4, "the same file can be restored again");
}

static void test_port(void)
{
	WRITE_GUEST(asks);
	RUN(&one, "--kernel", KERNEL, "--mem", MEM);
	TAP_EQ(runner_end(&one), 7, "without --save the request is ignored; port 0xf5 reads 0");
	RUN(&one, "--kernel", KERNEL, "--mem", MEM, "--save", SAVED);
	TAP_EQ(runner_end(&one), LEFT, "with it the guest is saved");
	RUN(&one, "--restore", SAVED);
	TAP_EQ(runner_end(&one), 8, "port 0xf5 then reads 1");
	RUN(&one, "--kernel", KERNEL, "--mem", MEM, "--save", "/nowhere/file");
	TAP_EQ(runner_end(&one), 7, "a guest that cannot be saved goes on");
	runner_said(&one, "--save: /nowhere/file.new: No such file", "and the reason is said");
}

static void test_cmos(void)
{
	WRITE_GUEST(keeps_cmos);
	RUN(&one, "--kernel", KERNEL, "--mem", MEM, "--save", SAVED);
	TAP_EQ(runner_end(&one), LEFT, "a guest that uses CMOS memory is saved");
	RUN(&one, "--restore", SAVED);
	TAP_EQ(runner_end(&one), 0x4d, "the memory and its index are restored");
}

/* Of the machine's section, which is the first: behind its RAM's size. */
static uint32_t saved_khz(void)
{
	uint32_t khz = 0;
	int fd = open(SAVED, O_RDONLY);

	if (pread(fd, &khz, sizeof(khz), MACHINE_AT + 8) != sizeof(khz))
		printf("# %s: %s\n", SAVED, strerror(errno));
	close(fd);
	return khz;
}

/* A TSC that is not the host's is not forgotten, however often its guest moves. */
static void test_tsc(void)
{
	WRITE_GUEST(asks_twice);
	RUN(&one, "--kernel", KERNEL, "--mem", MEM, "--tsc-khz", "250000", "--save", SAVED);
	TAP_EQ(runner_end(&one), LEFT, "a guest with a TSC of its own is saved");
	TAP_EQ(saved_khz(), 250000, "and its TSC's frequency");
	RUN(&one, "--restore", SAVED, "--save", SAVED);
	TAP_EQ(runner_end(&one), LEFT, "restored and saved again");
	TAP_EQ(saved_khz(), 250000, "it still has it");
	RUN(&one, "--restore", SAVED);
	TAP_EQ(runner_end(&one), 9, "and ends well");
}

/* --- what is refused -------------------------------------------------------------------------- */

static void patch(off_t at, const void *data, size_t size)
{
	int fd = open(SAVED, O_WRONLY);

	if (pwrite(fd, data, size, at) != (ssize_t)size)
		printf("# %s: %s\n", SAVED, strerror(errno));
	close(fd);
}

static void refused(int status, const char *words, const char *name)
{
	RUN(&one, "--restore", SAVED);
	TAP_EQ(runner_end(&one), status, name);
	runner_said(&one, words, "it is said why");
}

static void test_refused(void)
{
	struct stat st;

	WRITE_GUEST(asks);
	RUN(&one, "--kernel", KERNEL, "--mem", MEM, "--save", SAVED);
	runner_end(&one);
	stat(SAVED, &st);
	patch(st.st_size / 2, "\x5a\x5a", 2);
	refused(103, "it is damaged", "a damaged file is status 103");
	if (truncate(SAVED, st.st_size / 2))
		printf("# truncate: %s\n", strerror(errno));
	refused(103, "it is cut short", "half a file is status 103");
	patch(8, "\x7f", 1);
	refused(103, "its header is damaged", "a changed version is status 103");
	unlink(SAVED);
	refused(103, "No such file", "no file is status 103");
	RUN(&one, "--restore", "/bin/kvmlet");
	TAP_EQ(runner_end(&one), 103, "another file is status 103");
	runner_said(&one, "it is not a saved guest", "it is said why");
	RUN(&one, "--restore", SAVED, "--mem", "64M");
	TAP_EQ(runner_end(&one), 104, "--restore with --mem is wrong usage");
	RUN(&one, "--kernel", KERNEL, "--after", "1");
	TAP_EQ(runner_end(&one), 104, "--after alone is wrong usage");
}

/* --- moving ----------------------------------------------------------------------------------- */

/* The new side listens when its socket is there: a path, or a port in hexadecimal. */
static bool listening(const char *path, const char *port)
{
	char text[16384];
	ssize_t n;
	int fd, i;

	for (i = 0; i < 3000; i++, usleep(10000)) {
		if (!port && !access(path, F_OK))
			return true;
		if (!port)
			continue;
		fd = open("/proc/net/tcp", O_RDONLY);
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = 0;
		if (strstr(text, port))
			return true;
	}
	return false;
}

/* One step: a new runner takes the guest of the old one. The old one's status. */
static int move(struct runner *old, struct runner *new, const char *from, const char *to,
		const char *port)
{
	RUN(new, "--incoming", from, "--live", to);
	if (!listening(from, port))
		printf("# nobody listens at %s\n", from);
	/* It is there before listen(). */
	usleep(50000);
	kill(old->pid, SIGUSR1);
	return runner_end(old);
}

static void test_moves(void)
{
	static const char * const sockets[] = { "/tmp/save.1", "/tmp/save.2" };
	struct runner *old = &one, *new = &two, *spare;
	unsigned int i, left = 0, told = 0;

	WRITE_GUEST(scribbles);
	RUN(old, "--kernel", KERNEL, "--mem", MEM, "--append", length(times), "--live",
	    sockets[0]);
	runner_read(old, "s");
	for (i = 0; i < times; i++) {
		left += move(old, new, sockets[i & 1], sockets[~i & 1], NULL) == LEFT;
		told += !!strstr(old->text, "paused for");
		printf("# %s", strchr(old->text, 'k') ?: "\n");
		spare = old;
		old = new;
		new = spare;
	}
	TAP_EQ(left, times, "a guest that writes all the time moves from runner to runner");
	TAP_EQ(told, times, "each tells how long it paused");
	TAP_EQ(runner_end(old), DONE, "it ends well, and no page has missed a write");
}

/* A lab's host has none. */
static void loopback_up(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (ioctl(fd, SIOCSIFFLAGS, &lo))
		printf("# lo: %s\n", strerror(errno));
	close(fd);
}

static void test_tcp(void)
{
	loopback_up();
	WRITE_GUEST(scribbles);
	RUN(&one, "--kernel", KERNEL, "--mem", MEM, "--append", length(1), "--live",
	    "localhost:7001");
	runner_read(&one, "s");
	TAP_EQ(move(&one, &two, "localhost:7001", "localhost:7002", ":1B59"), LEFT,
	       "a guest moves by TCP");
	TAP_EQ(runner_end(&two), DONE, "and ends well there");
	RUN(&one, "--incoming", "0.0.0.0:7001");
	TAP_EQ(runner_end(&one), 103, "another host than this one is refused");
	runner_said(&one, "only this machine", "and it is said why");
}

/* Nothing that goes wrong ends the guest. */
static void test_no_move(void)
{
	WRITE_GUEST(scribbles);
	RUN(&one, "--kernel", KERNEL, "--mem", MEM, "--append", length(1), "--live", SOCKET);
	runner_read(&one, "s");
	kill(one.pid, SIGUSR1);
	tap_ok(runner_read(&one, SOCKET ": No such file"), "a target that is not there is named");
	RUN(&two, "--incoming", SOCKET, "--device", "/dev/null");
	listening(SOCKET, NULL);
	usleep(50000);
	kill(one.pid, SIGUSR1);
	tap_ok(runner_read(&one, "it cannot run there"), "a target that cannot run it says so");
	TAP_EQ(runner_end(&two), 103, "and ends with status 103");
	RUN(&two, "--incoming", SOCKET, "--trace=/nowhere/trace");
	listening(SOCKET, NULL);
	usleep(50000);
	kill(one.pid, SIGUSR1);
	tap_ok(runner_read(&one, "the other side has gone"),
	       "a target that fails when it has all of the guest does not get it");
	TAP_EQ(runner_end(&two), 103, "and ends with status 103");
	RUN(&two, "--incoming", SOCKET);
	listening(SOCKET, NULL);
	usleep(50000);
	kill(one.pid, SIGUSR1);
	TAP_EQ(runner_end(&one), LEFT, "all the while the guest has run, and can still move");
	TAP_EQ(runner_end(&two), DONE, "and ends well");
}

/* A terminal is told how far a guest is saved, restored or received. */
static void test_progress(void)
{
	struct stat st;

	WRITE_GUEST(asks_and_speaks);
	if (!RUN_SHOWN(&one, "--kernel", KERNEL, "--mem", MEM, "--save", SAVED)) {
		tap_skip("progress is shown at a terminal", "no pseudo terminal here");
		return;
	}
	TAP_EQ(runner_end(&one), LEFT, "a guest is saved at a terminal");
	runner_showed(&one, "saving save.guest", "", "which was told how far, up to its end");
	RUN_SHOWN(&one, "--restore", SAVED);
	TAP_EQ(runner_end(&one), 9, "it is restored at a terminal");
	runner_showed(&one, "restoring save.guest", "+", "so, and the guest speaks after that");
	RUN(&one, "--restore", SAVED);
	runner_end(&one);
	TAP_EQ(strcmp(one.text, "+"), 0, "without a terminal there is no word about it");
	RUN_SHOWN(&two, "--incoming", SOCKET);
	listening(SOCKET, NULL);
	usleep(50000);
	RUN(&one, "--kernel", KERNEL, "--mem", MEM, "--live", SOCKET);
	TAP_EQ(runner_end(&one), LEFT, "it moves to a runner at a terminal");
	TAP_EQ(runner_end(&two), 9, "and goes on there");
	runner_showed(&two, "receiving save.3", "+", "which was told, too");
	stat(SAVED, &st);
	if (truncate(SAVED, st.st_size - 1))
		printf("# truncate: %s\n", strerror(errno));
	RUN_SHOWN(&one, "--restore", SAVED);
	TAP_EQ(runner_end(&one), 103, "a file that is cut short is refused there");
	runner_said(&one, " %\r", "when its progress was shown");
	runner_said(&one, "  \rkvmlet run: " SAVED ": it is cut short", "and erased");
}

static const struct {
	const char *name;
	void (*run)(void);
	bool everywhere;		/* on the debug host, too, where copying takes long */
} tests[] = {
	{ "plain", test_plain, false }, { "request", test_request, true },
	{ "after", test_after, false }, { "signal", test_signal, false },
	{ "port", test_port, false }, { "cmos", test_cmos, false },
	{ "refused", test_refused, false }, { "tsc", test_tsc, false },
	{ "moves", test_moves, true }, { "tcp", test_tcp, false },
	{ "no_move", test_no_move, false }, { "progress", test_progress, false },
};

static void test(unsigned int i, bool debug_host)
{
	if (debug_host && !tests[i].everywhere)
		tap_skip(tests[i].name, "too slow here; the driver's side is in the others");
	else
		tests[i].run();
}

int main(int argc, char **argv)
{
	bool debug_host = on_debug_host();
	unsigned int i;

	if (debug_host)
		times = 1;
	device = argc > 1 ? argv[1] : access("/dev/kvmlet", F_OK) ? "/dev/kvm" : "/dev/kvmlet";
	if (argc > 2)
		times = atoi(argv[2]);
	tap_begin();
	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (argc < 4 || !strcmp(argv[3], tests[i].name))
			test(i, debug_host);
	unlink(KERNEL);
	unlink(SAVED);
	return tap_end();
}
