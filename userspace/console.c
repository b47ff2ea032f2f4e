// SPDX-License-Identifier: GPL-2.0
/*
 * The user's end of the serial line. A terminal is raw while the guest runs and is given back on
 * every way out, fatal signals included. Output is collected to lines, because a write() for each
 * character would cost more than the guest's exit for it: a line's end, a full buffer or a timer
 * sends it on. lock guards the buffer.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <unistd.h>

#include "userspace/console.h"
#include "userspace/report.h"

#define ESCAPE		('A' & 0x1f)	/* Ctrl-A */
#define DELAY_NS	5000000		/* of a character without a line's end */
#define LOOK_MS		100		/* between two looks whether the user has given up */

static struct {
	bool tty;			/* standard input is a terminal */
	struct termios saved;
	bool escaped;			/* the last key was ESCAPE */
	int timer;
	pthread_mutex_t lock;
	u8 out[1024];
	unsigned int n;
	int error;			/* errno of a failed write: output is dropped now */
	atomic_bool abandoned;		/* so is what nobody takes at once */
} con = { .timer = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

/**
 * console_restore() - give the terminal back; once is enough
 */
void console_restore(void)
{
	if (con.tty)
		tcsetattr(STDIN_FILENO, TCSANOW, &con.saved);
	report_set_raw(0);
}

static void fatal(int sig)
{
	console_restore();
	raise(sig);		/* SA_RESETHAND: this time it is deadly */
}

static void make_raw(void)
{
	static const int deadly[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction action = { .sa_handler = fatal, .sa_flags = SA_RESETHAND | SA_NODEFER };
	struct termios raw = con.saved;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(deadly); i++)
		sigaction(deadly[i], &action, NULL);
	atexit(console_restore);
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	report_set_raw(1);
}

/**
 * console_open() - take over standard input and output
 *
 * Return: 0 or -errno.
 */
int console_open(void)
{
	con.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (con.timer < 0)
		return -errno;
	con.tty = !tcgetattr(STDIN_FILENO, &con.saved);
	if (con.tty)
		make_raw();
	return 0;
}

/**
 * console_timer() - a descriptor that is readable when console_flush() is due
 */
int console_timer(void)
{
	return con.timer;
}

static void arm_timer(long ns)
{
	const struct itimerspec soon = { .it_value.tv_nsec = ns };

	timerfd_settime(con.timer, 0, &soon, NULL);
}

/* Whoever reads may let us wait. As long as a pipe is writable it takes a whole buffer. */
static bool writable(int ms)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&out, 1, ms) > 0;
}

static bool wait_for_reader(void)
{
	while (!writable(LOOK_MS))
		if (atomic_load(&con.abandoned))
			return false;
	return true;
}

/* The main thread hears of an error by the timer. */
static void send_locked(void)
{
	unsigned int done = 0;
	ssize_t n;

	while (done < con.n && !con.error && wait_for_reader()) {
		n = write(STDOUT_FILENO, con.out + done, con.n - done);
		if (n >= 0)
			done += n;
		else if (errno != EINTR)
			con.error = errno;
	}
	if (con.error)
		arm_timer(1);
	con.n = 0;
}

/**
 * console_put() - take a byte that the guest sent
 * @byte:	the byte
 *
 * Context: any thread; blocks while the reader of standard output does not read.
 */
void console_put(u8 byte)
{
	pthread_mutex_lock(&con.lock);
	con.out[con.n++] = byte;
	if (byte == '\n' || con.n == sizeof(con.out))
		send_locked();
	else if (con.n == 1)
		arm_timer(DELAY_NS);
	pthread_mutex_unlock(&con.lock);
}

/**
 * console_flush() - send what waits
 *
 * Return: 0, or the -errno that ended the output.
 */
int console_flush(void)
{
	u64 expirations;
	int error;

	if (read(con.timer, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		return -errno;
	/* The main thread has signals to look at: it does not wait for a reader, as vCPUs do. */
	if (pthread_mutex_trylock(&con.lock)) {
		arm_timer(DELAY_NS);
		return 0;
	}
	if (writable(0))
		send_locked();
	else if (con.n)
		arm_timer(DELAY_NS);
	error = con.error;
	pthread_mutex_unlock(&con.lock);
	return -error;
}

/**
 * console_abandon() - the user ends the guest: nobody waits for a reader any more
 *
 * Context: any thread.
 */
void console_abandon(void)
{
	atomic_store(&con.abandoned, true);
}

/**
 * console_close() - send what is left and give the terminal back
 *
 * Context: the last thread; signals end the process.
 * Return: 0, or the -errno that ended the output.
 */
int console_close(void)
{
	console_restore();
	send_locked();
	close(con.timer);
	return -con.error;
}

/* Drop Ctrl-A x (leave) and turn Ctrl-A Ctrl-A into one; returns what is left. */
static unsigned int filter(u8 *data, unsigned int n, bool *quit)
{
	unsigned int i, kept = 0;

	for (i = 0; i < n; i++) {
		if (!con.escaped && data[i] == ESCAPE) {
			con.escaped = true;
			continue;
		}
		if (con.escaped && (data[i] == 'x' || data[i] == 'X'))
			*quit = true;
		else
			data[kept++] = data[i];
		con.escaped = false;
	}
	return kept;
}

/**
 * console_read() - read what the user types
 * @data:	where to put it
 * @room:	bytes it has room for
 * @quit:	set if the user wants to leave
 *
 * Return: bytes for the guest, 0 if there are none now, -1 at the end of the input.
 */
int console_read(u8 *data, unsigned int room, bool *quit)
{
	ssize_t n = read(STDIN_FILENO, data, room);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0)
		return -1;
	return con.tty ? filter(data, n, quit) : n;
}
