// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet stat` from outside: its tables, its JSON, its words when it cannot read the counters. The
 * virtual machine is this program's own, and works while `kvmlet stat` watches.
 *
 * lab: --add build/userspace/kvmlet:/bin/kvmlet
 * only: kvmlet
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "selftests/lib/vm.h"

#define MOST		65536
#define OUTPUT		"/tmp/stat.out"
#define TIMES		"/sys/module/kvmlet/parameters/exit_times"
#define ROWS		24

enum circumstance { PLAIN, UNPRIVILEGED, NO_DEBUGFS, FULL, INTERRUPTED };

static struct vm vm;
static struct vcpu vcpu;
static char self[24], text[MOST];

/* Ten times as many CPUIDs as anything else. */
static void guest(void)
{
	uint32_t out[4];
	unsigned int i;

	for (;;) {
		for (i = 0; i < 10; i++)
			guest_cpuid(0, 0, out);
		guest_rdmsr(0x1b);
		guest_sync(1);
	}
}

/* In a child: what is to go wrong. */
static void arrange(enum circumstance c)
{
	int fd = open(c == FULL ? "/dev/full" : OUTPUT, O_RDWR | O_CREAT | O_TRUNC, 0666);

	dup2(fd, STDOUT_FILENO);
	dup2(c == FULL ? STDERR_FILENO : fd, STDERR_FILENO);
	if (c == UNPRIVILEGED && setuid(65534))
		_exit(99);
	if (c == NO_DEBUGFS &&
	    (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	     umount2("/sys/kernel/debug", MNT_DETACH)))
		_exit(98);
}

/* SIGINT may come now: it is blocked, and will be looked for. */
static bool expects_sigint(pid_t child)
{
	unsigned long long blocked = 0;
	char path[32], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", child);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f) && sscanf(line, "SigBlk: %llx", &blocked) != 1)
		;
	if (f)
		fclose(f);
	return blocked >> (SIGINT - 1) & 1;
}

/* The guest works until the child has ended. */
static int status_of(pid_t child, bool interrupt)
{
	int status = 0;

	while (!waitpid(child, &status, WNOHANG)) {
		if (vcpu.run)
			vcpu_sync(&vcpu);
		else
			usleep(1000);
		if (interrupt && expects_sigint(child)) {
			kill(child, SIGINT);
			interrupt = false;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void read_text(int fd)
{
	ssize_t n, at = 0;

	while ((n = read(fd, text + at, MOST - 1 - at)) > 0)
		at += n;
	text[at] = '\0';
	close(fd);
}

static int run(enum circumstance c, const char *const argv[])
{
	pid_t child = fork();
	int status;

	if (!child) {
		arrange(c);
		execv("/bin/kvmlet", (char *const *)argv);
		_exit(97);
	}
	status = status_of(child, c == INTERRUPTED);
	text[0] = '\0';
	if (c != FULL)
		read_text(open(OUTPUT, O_RDONLY));
	return status;
}

#define STAT(c, ...)	run(c, (const char *const []) { "kvmlet", "stat", ##__VA_ARGS__, NULL })

static bool holds(const char *words)
{
	if (strstr(text, words))
		return true;
	printf("# no '%s' in: %.400s\n", words, text);
	return false;
}

static unsigned int times_of(const char *words)
{
	unsigned int n = 0;
	char *p;

	for (p = text; (p = strstr(p, words)); p++)
		n++;
	return n;
}

/* --- cases ------------------------------------------------------------------------------------ */

static void usage(void)
{
	TAP_EQ(STAT(PLAIN, "--help"), 0, "--help is no error");
	tap_ok(holds("/sys/kernel/debug/kvmlet") && holds("--json") && holds("exit_times"),
	       "it tells where the numbers are from");
	TAP_EQ(STAT(PLAIN, "-i", "0"), 2, "an interval of 0 is wrong usage");
	TAP_EQ(STAT(PLAIN, "-n", "1.5"), 2, "and so is a count of 1.5");
	TAP_EQ(STAT(PLAIN, "qemu"), 2, "and a process that is no number");
	tap_ok(holds("'qemu' is no process id"), "which is said");
	TAP_EQ(STAT(PLAIN, "1", "2"), 2, "and two processes");
}

static void nobody(void)
{
	TAP_EQ(STAT(PLAIN, "-n", "1", "-i", "0.01"), 0, "no machine is no error");
	tap_ok(holds("0 virtual machines"), "and is said");
	TAP_EQ(STAT(PLAIN, "-n", "1", "-i", "0.01", "--json"), 0, "in JSON, too");
	tap_ok(holds("\"vms\": []}"), "as an empty list");
	TAP_EQ(STAT(PLAIN, self), 1, "a process without a machine is one");
	tap_ok(holds(self) && holds("none has one"), "which names it");
}

/* Rates of the rows of the first list. */
static unsigned int rising_rates(void)
{
	char *line = strstr(text, "  exit  "), name[64];
	double rate, last = 1e18;
	unsigned long total;
	unsigned int wrong = 0, rows = 0;

	while (line && (line = strchr(line, '\n')) &&
	       sscanf(++line, "%63s %lu %lf", name, &total, &rate) == 3) {
		wrong += rate > last;
		last = rate;
		rows++;
	}
	return rows < 3 ? 1000 : wrong;
}

static void tables(void)
{
	char heading[64];

	snprintf(heading, sizeof(heading), "VM %s-%d  watched  1 vCPU  ", self, vm.fd);
	TAP_EQ(STAT(PLAIN, "-n", "2", "-i", "0.05"), 0, "it works without a terminal");
	tap_ok(holds(heading), "a machine has its process, descriptor, program and vCPUs");
	TAP_EQ(times_of(heading), 2, "-n 2 gives two tables");
	TAP_EQ(times_of("\033"), 0, "and no escape sequences");
	tap_ok(holds("  CPUID  ") && holds("  io_exits  "), "exits and other counters have rows");
	tap_ok(strstr(text, "  CPUID  ") < strstr(text, "  IO_INSTRUCTION  "),
	       "the most frequent exit comes first");
	TAP_EQ(rising_rates(), 0, "rows are sorted by rate");
	tap_ok(!strstr(text, "TASK_SWITCH"), "what never came has no row");
	TAP_EQ(STAT(PLAIN, self, "-n", "1", "-i", "0.05"), 0, "a process can be named");
	tap_ok(holds(heading), "and is shown");
	TAP_EQ(STAT(PLAIN, "1", "-n", "1"), 1, "another one has no machine");
	tap_ok(holds("process 1 has no virtual machine") && holds(self),
	       "and who has is told");
}

static void json(void)
{
	char words[128];

	TAP_EQ(STAT(PLAIN, "--json", "-n", "3", "-i", "0.05"), 0, "JSON works");
	snprintf(words, sizeof(words), "\"vm\": \"%s-%d\", \"pid\": %s, \"program\": \"watched\"",
		 self, vm.fd, self);
	tap_ok(holds(words), "a machine is named");
	TAP_EQ(times_of("\n"), 3, "each interval is a line");
	tap_ok(holds("\"exit_CPUID\": {\"total\": ") && holds("\"exits\": {\"total\": "),
	       "counters are there");
	TAP_EQ(times_of("{"), times_of("}"), "braces are closed");
}

static void timed(void)
{
	FILE *f = fopen(TIMES, "w");

	fputs("1", f);
	fclose(f);
	TAP_EQ(STAT(PLAIN, "-n", "1", "-i", "0.05"), 0, "exits are timed");
	tap_ok(holds("  cycles  |2^6 "), "a table has the mean and the distribution");
	STAT(PLAIN, "-n", "1", "-i", "0.05", "--json");
	tap_ok(holds("\"histogram\": [0, "), "JSON has the histogram");
	f = fopen(TIMES, "w");
	fputs("0", f);
	fclose(f);
}

/* Lines between two clearings of the screen. */
static unsigned int longest_screen(void)
{
	unsigned int lines = 0, most = 0;
	char *p;

	for (p = text; *p; p++) {
		if (!strncmp(p, "\033[H", 3))
			lines = 0;
		lines += *p == '\n';
		most = lines > most ? lines : most;
	}
	return most;
}

static void terminal(void)
{
	struct winsize size = { .ws_row = ROWS, .ws_col = 80 };
	pid_t child;
	int fd;

	child = forkpty(&fd, NULL, NULL, &size);
	if (!child) {
		execl("/bin/kvmlet", "kvmlet", "stat", "-n", "3", "-i", "0.05", NULL);
		_exit(97);
	}
	TAP_EQ(status_of(child, false), 0, "it works on a terminal");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	read_text(fd);
	TAP_EQ(times_of("\033[H\033[J"), 3, "each table takes the place of the last");
	tap_ok(longest_screen() < ROWS && longest_screen() > 5, "and fills one screen (%u lines)",
	       longest_screen());
}

static void failures(void)
{
	TAP_EQ(STAT(UNPRIVILEGED, "-n", "1"), 1, "without rights it cannot read");
	tap_ok(holds("/sys/kernel/debug/kvmlet") && holds("run this command as root"),
	       "and says what would help");
	TAP_EQ(STAT(NO_DEBUGFS, "-n", "1"), 1, "nor without debugfs");
	tap_ok(holds("mount -t debugfs none /sys/kernel/debug"), "and says what would help");
	TAP_EQ(STAT(FULL, "-n", "1", "-i", "0.01"), 1, "output that cannot be written is an error");
	TAP_EQ(STAT(INTERRUPTED, "-i", "3600"), 0, "Ctrl-C ends it, and is no error");
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);

	tap_begin();
	alarm(200);
	prctl(PR_SET_NAME, "watched");
	snprintf(self, sizeof(self), "%d", getpid());
	usage();
	nobody();
	machine(&vm, &vcpu, path, false, guest);
	vcpu_sync(&vcpu);
	tables();
	json();
	timed();
	terminal();
	failures();
	machine_close(&vm, &vcpu);
	return tap_end();
}
