// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet run` from outside: its statuses, its words, its serial line, its terminal. The guests are
 * a few instructions each, wrapped into ELF files on the spot. Runs where a driver is loaded (in
 * the lab); argv[1] is the driver's device, else the first of /dev/kvmlet and /dev/kvm that exists.
 *
 * lab: --add build/userspace/kvmlet:/bin/kvmlet
 */
#include <termios.h>
#include <time.h>

#include "selftests/runner/runner.h"

/* --- guests ----------------------------------------------------------------------------------- */

GUEST(status_7, OUTB(0xf4, 7) "hlt");
GUEST(status_200, OUTB(0xf4, 200) "hlt");
GUEST(power_off, "mov $0x604, %dx; mov $0x3400, %ax; out %ax, %dx; hlt");
GUEST(reset_cf9, OUTB(0xcf9, 6) "hlt");
GUEST(reset_i8042, OUTB(0x64, 0xfe) "hlt");
GUEST(pci_address, "mov $0xcf8, %dx; mov $0x80000400, %eax; out %eax, %dx;" OUTB(0xf4, 5) "hlt");
GUEST(triple_fault, "lidt 1f(%rip); ud2; 1: .fill 10, 1, 0");
GUEST(halted, "1: hlt; jmp 1b");
GUEST(no_memory, "mov $0xd0000000, %eax; jmp *%rax");
GUEST(all_ones,
      "mov $0x9990, %dx; in %dx, %al; cmp $0xff, %al; jne 1f; in %dx, %eax; cmp $-1, %eax; jne 1f;"
      "mov $0xd0000000, %ebx; cmpq $-1, (%rbx); jne 1f; mov $1, %al; jmp 2f; 1: mov $2, %al; 2:"
      FINISH);
GUEST(says_hello,
      "lea 1f(%rip), %rsi; mov $14, %ecx; mov $0x3f8, %dx; cld; rep outsb;"
      OUTB(0xf4, 3) "hlt; 1: .ascii \"hello, runner\\n\"");
GUEST(prompts, OUTB(0x3f8, '$') "1: hlt; jmp 1b");
GUEST(chatters,
      "mov $0x3f8, %dx; 1: mov $'x', %al; out %al, %dx; mov $'\\n', %al; out %al, %dx; jmp 1b");
/* Listens (IER bit 0), sends back what it gets, ends at 'q'. */
GUEST(echoes,
      OUTB(0x3f9, 1)
      "1: mov $0x3fd, %dx; in %dx, %al; test $1, %al; jz 1b; mov $0x3f8, %dx; in %dx, %al;"
      "out %al, %dx; cmp $'q', %al; jne 1b;" OUTB(0xf4, 4) "hlt");

/*
 * Seconds, minutes, hours, day of the week, day, month, year, century: again, unless it is still
 * the same second after that.
 */
GUEST(tells_time,
      "1: lea 3f(%rip), %rsi; mov $0x1100000, %edi; mov $9, %ecx; cld;"
      "2: lodsb; out %al, $0x70; in $0x71, %al; stosb; loop 2b;"
      "mov $0x1100000, %esi; mov (%rsi), %al; cmp 8(%rsi), %al; jne 1b;"
      "mov $8, %ecx; mov $0x3f8, %dx; rep outsb;" OUTB(0xf4, 7) "hlt;"
      "3: .byte 0, 2, 4, 6, 7, 8, 9, 0x32, 0");
/*
 * Writes 0x11, 0x22, ... to the clock's last register, two of its status and the first and the last
 * byte that are memory alone, and says what is there; then the last one's by the index with the
 * bit that masks NMI, and what the index reads as.
 */
GUEST(uses_cmos,
      "lea 3f(%rip), %rsi; mov $5, %ecx; mov $0x11, %bl; cld;"
      "1: lodsb; out %al, $0x70; mov %bl, %al; out %al, $0x71; add $0x11, %bl; loop 1b;"
      "lea 3f(%rip), %rsi; mov $6, %ecx; mov $0x3f8, %dx;"
      "2: lodsb; out %al, $0x70; in $0x71, %al; out %al, %dx; loop 2b;"
      "in $0x70, %al; out %al, %dx;" OUTB(0xf4, 7) "hlt;"
      "3: .byte 0x32, 0x0b, 0x0d, 0x40, 0x7f, 0xff");

/* --- the runner ------------------------------------------------------------------------------- */

static struct runner runner;

static void start(int tty, const char *option, const char *value)
{
	const char * const argv[] = {
		"kvmlet", "run", "--device", device, "--kernel", KERNEL, "--mem", "32M", option,
		value, NULL
	};

	runner_start(&runner, tty, argv);
}

static bool read_until(const char *words)
{
	return runner_read(&runner, words);
}

static int finish(void)
{
	return runner_end(&runner);
}

static void has(const char *words, const char *name)
{
	runner_said(&runner, words, name);
}

/* --- cases ------------------------------------------------------------------------------------ */

#define CASE(name, want, words) do {						\
	WRITE_GUEST(name);							\
	start(-1, NULL, NULL);							\
	TAP_EQ(finish(), want, words);						\
} while (0)

static void test_statuses(void)
{
	CASE(status_7, 7, "the guest's status is the runner's");
	TAP_EQ(runner.n, 0, "which says nothing of its own");
	CASE(status_200, 99, "a guest's status above 99 counts as 99");
	CASE(power_off, 0, "power-off is status 0");
	CASE(reset_cf9, 100, "a reset by port 0xcf9 is status 100");
	CASE(reset_i8042, 100, "a reset by port 0x64 is status 100");
	CASE(pci_address, 5, "a PCI configuration address is no reset");
	CASE(all_ones, 1, "ports and addresses without a device read as all ones");
	CASE(triple_fault, 101, "a triple fault is status 101");
	has("triple fault", "it is named");
	has("rip 0000000001000007", "with the registers");
	CASE(no_memory, 102, "running where no memory is: status 102");
	has("INTERNAL_ERROR", "the driver's reason is named");
	has("rip 00000000d0000000", "with the registers");
}

static void test_usage(void)
{
	WRITE_GUEST(status_7);
	start(-1, "--mem", "16M");
	TAP_EQ(finish(), 103, "a kernel that does not fit is status 103");
	has(KERNEL ": needs guest memory from 0x1000000 to 0x1001000: give more --mem",
	    "file, place and way out are named");
	start(-1, "--mem", "1");
	TAP_EQ(finish(), 104, "a memory size of one byte is wrong usage");
	start(-1, "--initrd", "/nowhere");
	TAP_EQ(finish(), 103, "a missing file is status 103");
	has("/nowhere: No such file", "it is named");
	start(-1, "--device", "/dev/null");
	TAP_EQ(finish(), 103, "a device that is not KVM's is status 103");
	has("/dev/null: not a KVM device", "it is named");
	start(-1, "--trace", NULL);
	TAP_EQ(finish(), 7, "--trace leaves the status alone");
	has("IO out 0xf4 1*1 0x7", "and names the exit");
}

static void test_serial(void)
{
	static char sent[600];
	unsigned int i;

	CASE(says_hello, 3, "a guest sends a string with one instruction");
	TAP_EQ(strcmp(runner.text, "hello, runner\n"), 0, "it arrives as it was sent");
	for (i = 0; i < sizeof(sent) - 2; i++)
		sent[i] = 'A' + i % 26;
	sent[i] = 'q';
	WRITE_GUEST(echoes);
	start(-1, NULL, NULL);
	TAP_EQ(write(runner.in, sent, i + 1), i + 1, "more than the queue holds is typed ahead");
	TAP_EQ(finish(), 4, "a guest sends back what it gets");
	TAP_EQ(strcmp(runner.text, sent), 0, "all of it, in order");
	start(-1, NULL, NULL);
	if (write(runner.in, "abc", 3) != 3)
		printf("# write: %s\n", strerror(errno));
	tap_ok(read_until("abc"), "a character without a line's end is not held back");
	close(runner.in);
	kill(runner.pid, SIGTERM);
	TAP_EQ(finish(), 128 + SIGTERM, "the end of the input is not the end of the guest");
}

static int bcd(unsigned int i)
{
	uint8_t byte = runner.text[i];

	return (byte >> 4) * 10 + (byte & 15);
}

static void test_clock(void)
{
	static const uint8_t cmos[] = { 0x02, 0x80, 0x44, 0x55, 0x55, 0xff };
	time_t before = time(NULL), told;
	struct tm tm, utc;

	CASE(tells_time, 7, "a guest reads the real-time clock");
	TAP_EQ(runner.n, 8, "all of it");
	tm = (struct tm) {
		.tm_sec = bcd(0), .tm_min = bcd(1), .tm_hour = bcd(2), .tm_mday = bcd(4),
		.tm_mon = bcd(5) - 1, .tm_year = (bcd(7) - 19) * 100 + bcd(6),
	};
	told = timegm(&tm);
	gmtime_r(&told, &utc);
	if (!tap_ok(told >= before && told <= time(NULL),
		    "it is the host's UTC, from seconds to the century, in BCD"))
		printf("# %lld, the host had %lld before\n", (long long)told, (long long)before);
	TAP_EQ(bcd(3), utc.tm_wday + 1, "and so is the day of the week, Sunday is 1");
	CASE(uses_cmos, 7, "a guest writes to CMOS memory");
	TAP_EQ(runner.n, 7, "and reads it");
	TAP_EQ(bcd(0), (utc.tm_year + 1900) / 100, "the clock cannot be set");
	TAP_EQ(memcmp(runner.text + 1, cmos, sizeof(cmos)), 0,
	       "24 hours in BCD, the battery is good; memory keeps what is written");
}

#define INITRD		"/tmp/runner.initrd"

/* A file of 24 MiB without blocks. */
static void write_initrd(void)
{
	int fd = open(INITRD, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (ftruncate(fd, 24 << 20))
		printf("# %s: %s\n", INITRD, strerror(errno));
	close(fd);
}

static void test_progress(void)
{
	const char * const argv[] = {
		"kvmlet", "run", "--device", device, "--kernel", KERNEL, "--mem", "64M",
		"--initrd", INITRD, NULL
	};

	WRITE_GUEST(says_hello);
	write_initrd();
	runner_start(&runner, -1, argv);
	TAP_EQ(finish(), 3, "a guest with a large initrd runs");
	TAP_EQ(strcmp(runner.text, "hello, runner\n"), 0,
	       "without a terminal there is no word about how far it is loaded");
	if (!runner_start_shown(&runner, argv)) {
		tap_skip("at a terminal there is", "no pseudo terminal here");
		return;
	}
	TAP_EQ(finish(), 3, "it runs at a terminal");
	has("\rkvmlet run: loading runner.initrd   0 %", "which is told how far it is loaded");
	runner_showed(&runner, "loading runner.initrd", "hello, runner",
		      "up to its end, and the line is erased before the guest speaks");
	tap_ok(!strstr(runner.text, "loading runner.elf"), "a small kernel has no line");
}

/* Until nothing more comes: the pipe is full. */
static void fill_output(void)
{
	int was = -1, now = 0;

	while (now != was || !now) {
		was = now;
		usleep(50000);
		ioctl(runner.out, FIONREAD, &now);
	}
}

/* The runner ends while its output is not read; finish() will. */
static bool ends_unread(void)
{
	siginfo_t info;
	unsigned int i;

	for (i = 0; i < 500; i++, usleep(10000)) {
		info.si_pid = 0;
		if (!waitid(P_PID, runner.pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid)
			return true;
	}
	kill(runner.pid, SIGKILL);
	return false;
}

static void test_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	unsigned int i;

	WRITE_GUEST(prompts);
	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		start(-1, NULL, NULL);
		read_until("$");
		kill(runner.pid, signals[i]);
		TAP_EQ(finish(), 128 + signals[i], "a signal ends a halted guest");
	}
	WRITE_GUEST(chatters);
	for (i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		start(-1, NULL, NULL);
		fill_output();
		kill(runner.pid, signals[i]);
		tap_ok(ends_unread(), "a signal ends a guest whose output nobody reads");
		TAP_EQ(finish(), 128 + signals[i], "with the status of the signal");
	}
	WRITE_GUEST(says_hello);
	start(-1, NULL, NULL);
	close(runner.out);
	runner.out = open("/dev/null", O_RDONLY);
	TAP_EQ(finish(), 103, "a closed standard output ends the guest with status 103");
}

static bool same_tty(int tty, const struct termios *want)
{
	struct termios now;

	tcgetattr(tty, &now);
	return now.c_lflag == want->c_lflag && now.c_iflag == want->c_iflag &&
	       now.c_oflag == want->c_oflag;
}

static void test_terminal(void)
{
	struct termios before;
	int master, tty;

	if (openpty(&master, &tty, NULL, NULL, NULL)) {
		tap_skip("the terminal is given back", "no pseudo terminal here");
		return;
	}
	tcgetattr(tty, &before);
	WRITE_GUEST(prompts);
	start(tty, NULL, NULL);
	read_until("$");
	tap_ok(!same_tty(tty, &before), "the terminal is raw while the guest runs");
	kill(runner.pid, SIGTERM);
	TAP_EQ(finish(), 128 + SIGTERM, "a signal ends it");
	tap_ok(same_tty(tty, &before), "and gives the terminal back");
	start(tty, NULL, NULL);
	read_until("$");
	kill(runner.pid, SIGSEGV);
	TAP_EQ(finish(), -SIGSEGV, "a deadly signal is deadly");
	tap_ok(same_tty(tty, &before), "and gives the terminal back");
	WRITE_GUEST(echoes);
	start(tty, NULL, NULL);
	if (write(master, "b\1\1c\1x", 6) != 6)
		printf("# write: %s\n", strerror(errno));
	TAP_EQ(finish(), 105, "Ctrl-A x leaves");
	tap_ok(same_tty(tty, &before), "and gives the terminal back");
	start(tty, NULL, NULL);
	if (write(master, "\1\1q", 3) != 3)
		printf("# write: %s\n", strerror(errno));
	TAP_EQ(finish(), 4, "Ctrl-A Ctrl-A sends one Ctrl-A");
	TAP_EQ(strcmp(runner.text, "\1q"), 0, "and nothing else");
}

int main(int argc, char **argv)
{
	device = argc > 1 ? argv[1] : access("/dev/kvmlet", F_OK) ? "/dev/kvm" : "/dev/kvmlet";
	tap_begin();
	signal(SIGPIPE, SIG_IGN);
	test_statuses();
	test_usage();
	test_serial();
	test_clock();
	test_progress();
	test_signals();
	test_terminal();
	unlink(KERNEL);
	unlink(INITRD);
	return tap_end();
}
