// SPDX-License-Identifier: GPL-2.0
/*
 * The lab's process 1: loads the driver, runs the COMMAND, reports, powers off.
 *
 * What to do stands in /lab/job (written by labinitrd.py): NUL-terminated "key=value" records. The
 * report is a stream of frames to Bochs' port 0xe9, which arrives on Bochs' standard output at the
 * cost of one emulated instruction a byte: FRAME_MARK, a letter, a 16-bit little-endian length, and
 * so many bytes. labbochs.py reads it. The letters:
 *
 *	S  started: the log before this is the boot's own
 *	K  kernel log, as /dev/kmsg gives it
 *	O  standard output	E  standard error of COMMAND
 *	I  so many (one byte) of the user's input were taken; no more than 255 may be on their way
 *	L  a module did not load: "PATH: reason"
 *	A  a module was loaded: "PATH: address of its .text"
 *	B  COMMAND begins: TSC	X  COMMAND ended: TSC, wait status (two 64-bit words)
 *	G  a file begins: path	D  its bytes		M  a file is missing: "PATH: reason"
 *	Z  the end: nothing follows
 *
 * The agent runs at real-time priority, so that it takes what COMMAND wrote before COMMAND goes on:
 * the two streams keep their order, and a crash loses nothing that was written before it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <x86intrin.h>

#define PORT_OUTPUT	0xe9
#define PORT_POWER	0x8900		/* Bochs powers off when "Shutdown" is written here */
#define COM1		0x3f8
#define COM_LSR		5
#define COM_LSR_IDLE	0x60		/* holding and shift registers are empty */
#define FRAME_MARK	0x01
#define MAX_RECORDS	256
#define CHUNK		4096

static struct {
	char *module[MAX_RECORDS];
	char *get[MAX_RECORDS];
	char *arg[MAX_RECORDS];
	unsigned int modules, gets, args;
	unsigned int rows, columns;	/* both 0: COMMAND has no terminal */
} job;

static int kmsg = -1;
static sigset_t original_signals;

/* glibc's outsb() does not tell the compiler that it reads memory; the barrier does. */
static void put(unsigned short port, const void *data, size_t len)
{
	__asm__ volatile("" : : "r" (data) : "memory");
	outsb(port, data, len);
}

static void frame(char kind, const void *data, size_t len)
{
	uint8_t head[4] = { FRAME_MARK, kind, len, len >> 8 };

	put(PORT_OUTPUT, head, sizeof(head));
	put(PORT_OUTPUT, data, len);
}

static void __attribute__((format(printf, 2, 3))) frame_text(char kind, const char *format, ...)
{
	char text[512];
	va_list ap;
	int len;

	va_start(ap, format);
	len = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	frame(kind, text, len < (int)sizeof(text) ? len : (int)sizeof(text) - 1);
}

/* Forward what is there to read; false at the end of the file. */
static bool forward(int fd, char kind)
{
	char data[CHUNK];
	ssize_t len = read(fd, data, sizeof(data));

	if (len > 0)
		frame(kind, data, len);
	return len > 0 || (len < 0 && (errno == EAGAIN || errno == EINTR));
}

static void forward_all(int fd, char kind)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	while (poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLIN) && forward(fd, kind))
		;
}

/* One read of /dev/kmsg gives one record; EPIPE says that records were lost, and goes on. */
static void forward_kmsg(void)
{
	char data[CHUNK * 2];
	ssize_t len;

	while ((len = read(kmsg, data, sizeof(data))) > 0 || (len < 0 && errno == EPIPE))
		if (len > 0)
			frame('K', data, len);
}

static void __attribute__((noreturn)) power_off(void)
{
	const char *word = "Shutdown";

	forward_kmsg();
	while ((inb(COM1 + COM_LSR) & COM_LSR_IDLE) != COM_LSR_IDLE)
		;
	frame('Z', "", 0);
	put(PORT_POWER, word, strlen(word));
	for (;;)
		pause();
}

static void __attribute__((noreturn)) give_up(const char *what)
{
	frame_text('L', "%s: %s", what, strerror(errno));
	power_off();
}

static void add_record(char **list, unsigned int *count, char *value)
{
	if (*count < MAX_RECORDS - 1)
		list[(*count)++] = value;
}

static void read_job(void)
{
	static char text[1 << 16];
	int fd = open("/lab/job", O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, text, sizeof(text) - 1);
	char *record;

	if (len < 0)
		give_up("/lab/job");
	close(fd);
	for (record = text; record < text + len; record += strlen(record) + 1) {
		char *value = strchr(record, '=');

		if (!value)
			continue;
		value++;
		if (!strncmp(record, "module=", 7))
			add_record(job.module, &job.modules, value);
		else if (!strncmp(record, "get=", 4))
			add_record(job.get, &job.gets, value);
		else if (!strncmp(record, "arg=", 4))
			add_record(job.arg, &job.args, value);
		else if (!strncmp(record, "env=", 4))
			putenv(value);
		else if (!strncmp(record, "tty=", 4))
			sscanf(value, "%ux%u", &job.rows, &job.columns);
	}
}

static void set_up(void)
{
	struct sched_param priority = { .sched_priority = 10 };

	if (iopl(3))
		_exit(1);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mkdir("/dev/pts", 0755);
	mkdir("/dev/shm", 01777);
	mount("devpts", "/dev/pts", "devpts", 0, "ptmxmode=0666");
	mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority);
	forward_kmsg();
	frame('S', "", 0);
}

/* Where a module's code is, for the names of addresses; sysfs has "_" for "-". */
static void report_address(const char *path)
{
	const char *slash = strrchr(path, '/');
	char name[64], file[128], address[32] = "";
	unsigned int i;
	int fd;

	snprintf(name, sizeof(name), "%s", slash ? slash + 1 : path);
	name[strcspn(name, ".")] = '\0';
	for (i = 0; name[i]; i++)
		if (name[i] == '-')
			name[i] = '_';
	snprintf(file, sizeof(file), "/sys/module/%s/sections/.text", name);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (read(fd, address, sizeof(address) - 1) > 0)
		frame_text('A', "%s: %s", path, address);
	close(fd);
}

/* A record is "PATH PARAMETERS". */
static void load_module(char *record)
{
	char *params = strchr(record, ' ');
	int fd;

	*params++ = '\0';
	fd = open(record, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, params, 0))
		give_up(record);
	close(fd);
	report_address(record);
}

static void __attribute__((noreturn)) run_command(int in, int out, int err)
{
	sigprocmask(SIG_SETMASK, &original_signals, NULL);
	iopl(0);
	setsid();
	if (job.rows)
		ioctl(in, TIOCSCTTY, 0);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	execvp(job.arg[0], job.arg);
	fprintf(stderr, "%s: %s\n", job.arg[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* COMMAND with a terminal: line is the user's, a raw serial port; pty[0] the terminal's far end. */
static pid_t start_on_terminal(int *line, int *terminal)
{
	struct winsize size = { .ws_row = job.rows, .ws_col = job.columns };
	struct termios raw;
	int slave;
	pid_t pid;

	*line = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (*line < 0 || openpty(terminal, &slave, NULL, NULL, &size))
		give_up("terminal");
	tcgetattr(*line, &raw);
	cfmakeraw(&raw);
	cfsetspeed(&raw, B115200);
	tcsetattr(*line, TCSANOW, &raw);
	fcntl(*terminal, F_SETFD, FD_CLOEXEC);
	fcntl(*terminal, F_SETFL, O_RDWR | O_NONBLOCK);
	pid = fork();
	if (!pid)
		run_command(slave, slave, slave);
	close(slave);
	return pid;
}

static pid_t start_on_pipes(int *out, int *err)
{
	int o[2], e[2];
	pid_t pid;

	if (pipe2(o, O_CLOEXEC) || pipe2(e, O_CLOEXEC))
		give_up("pipe");
	pid = fork();
	if (!pid)
		run_command(open("/dev/null", O_RDONLY), o[1], e[1]);
	close(o[1]);
	close(e[1]);
	*out = o[0];
	*err = e[0];
	return pid;
}

/* Reap every child (orphans come to process 1); true when COMMAND was among them. */
static bool reap(int signals, pid_t command, int *status)
{
	struct signalfd_siginfo info;
	bool ended = false;
	pid_t pid;
	int st;

	while (read(signals, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &st, WNOHANG)) > 0) {
		if (pid == command) {
			*status = st;
			ended = true;
		}
	}
	return ended;
}

/* What the user typed goes to the terminal; what that does not take yet is kept. */
static struct {
	char data[256];
	size_t len;
} input;

static void forward_input(int line, int terminal)
{
	ssize_t len;
	uint8_t taken;

	if (!input.len) {
		len = read(line, input.data, sizeof(input.data) - 1);
		if (len > 0)
			input.len = len;
	}
	len = write(terminal, input.data, input.len);
	if (len <= 0)
		return;
	taken = len;
	frame('I', &taken, sizeof(taken));
	input.len -= len;
	memmove(input.data, input.data + len, input.len);
}

/* Forward until COMMAND ends; a stream that ends (poll: POLLHUP, or EIO of a terminal) is left. */
static int watch_command(pid_t command, int signals, int out, int err, int line)
{
	struct pollfd fds[] = {
		{ .fd = signals, .events = POLLIN }, { .fd = kmsg, .events = POLLIN },
		{ .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN },
		{ .fd = line, .events = POLLIN },
	};
	int status = 0;

	for (;;) {
		fds[2].events = input.len ? POLLIN | POLLOUT : POLLIN;
		fds[4].fd = input.len ? -1 : line;
		poll(fds, sizeof(fds) / sizeof(fds[0]), -1);
		if (fds[1].revents & POLLIN)
			forward_kmsg();
		if (fds[2].revents & ~POLLOUT && !forward(out, 'O'))
			fds[2].fd = -1;
		if (fds[3].revents && !forward(err, 'E'))
			fds[3].fd = -1;
		if (fds[2].revents & POLLOUT || fds[4].revents & POLLIN)
			forward_input(line, out);
		if ((fds[0].revents & POLLIN) && reap(signals, command, &status))
			break;
	}
	forward_all(out, 'O');
	if (err >= 0)
		forward_all(err, 'E');
	return status;
}

static void run(void)
{
	uint64_t report[2] = { 0 };
	int out, err = -1, line = -1, signals, status;
	sigset_t child;
	pid_t command;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &original_signals);
	signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	report[0] = __rdtsc();
	frame('B', report, sizeof(report[0]));
	command = job.rows ? start_on_terminal(&line, &out) : start_on_pipes(&out, &err);
	status = watch_command(command, signals, out, err, line);
	forward_kmsg();
	report[0] = __rdtsc();
	report[1] = status;
	frame('X', report, sizeof(report));
}

static void get_file(const char *path)
{
	char data[CHUNK];
	ssize_t len;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		frame_text('M', "%s: %s", path, strerror(errno));
		return;
	}
	frame_text('G', "%s", path);
	while ((len = read(fd, data, sizeof(data))) > 0)
		frame('D', data, len);
	if (len < 0)
		frame_text('M', "%s: %s", path, strerror(errno));
	close(fd);
}

int main(void)
{
	unsigned int i;

	set_up();
	read_job();
	for (i = 0; i < job.modules; i++)
		load_module(job.module[i]);
	forward_kmsg();
	run();
	for (i = 0; i < job.gets; i++)
		get_file(job.get[i]);
	power_off();
}
