/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For tests of `kvmlet run`: runners as child processes, whose words are read.
 */
#ifndef KVMLET_TEST_RUNNER_H
#define KVMLET_TEST_RUNNER_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/lib/tap.h"
#include "selftests/runner/guest.h"

#define TIMEOUT		60000		/* ms until a runner is a hang */

static const char *device;

struct runner {
	pid_t pid;
	int in, out;		/* the runner's standard input, its output and errors */
	char text[65536];
	size_t n;
};

/* Start one; tty is a terminal for its standard input, -1 for a pipe. */
static inline void runner_start(struct runner *r, int tty, const char * const *argv)
{
	int in[2], out[2];

	if (pipe(in) || pipe(out)) {
		printf("Bail out! pipe: %s\n", strerror(errno));
		exit(1);
	}
	r->pid = fork();
	if (!r->pid) {
		dup2(tty < 0 ? in[0] : tty, 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		close(in[1]);
		close(out[0]);
		execvp(argv[0], (char **)argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	r->in = in[1];
	r->out = out[0];
	r->n = 0;
	r->text[0] = 0;
}

/* Start one whose output and errors go to a terminal; false if there is none to be had. */
static inline bool runner_start_shown(struct runner *r, const char * const *argv)
{
	int tty;

	if (openpty(&r->out, &tty, NULL, NULL, NULL))
		return false;
	r->in = open("/dev/null", O_RDONLY);
	r->pid = fork();
	if (!r->pid) {
		dup2(r->in, 0);
		dup2(tty, 1);
		dup2(tty, 2);
		close(r->out);
		execvp(argv[0], (char **)argv);
		_exit(127);
	}
	close(tty);
	r->n = 0;
	r->text[0] = 0;
	return true;
}

/* Read its output until words come; false at its end. */
static inline bool runner_read(struct runner *r, const char *words)
{
	struct pollfd p = { .fd = r->out, .events = POLLIN };
	ssize_t n;

	while (!words || !strstr(r->text, words)) {
		if (poll(&p, 1, TIMEOUT) <= 0) {
			kill(r->pid, SIGKILL);
			return false;
		}
		n = read(r->out, r->text + r->n, sizeof(r->text) - 1 - r->n);
		if (n <= 0)
			return false;
		r->n += n;
		r->text[r->n] = 0;
	}
	return true;
}

/* Its exit status, negative if a signal killed it. */
static inline int runner_end(struct runner *r)
{
	int status;

	runner_read(r, NULL);
	waitpid(r->pid, &status, 0);
	close(r->in);
	close(r->out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* A signal ends it, as it does any other program. */
static inline void runner_stops(struct runner *r, const char *name)
{
	kill(r->pid, SIGTERM);
	TAP_EQ(runner_end(r), 128 + SIGTERM, "%s", name);
}

static inline void runner_said(const struct runner *r, const char *words, const char *name)
{
	if (!tap_ok(strstr(r->text, words), "%s", name))
		printf("# expected \"%s\" in: %.600s\n", words, r->text);
}

/* At a terminal: what it does to a file was shown up to its end, and erased before words came. */
static inline void runner_showed(const struct runner *r, const char *doing, const char *words,
				 const char *name)
{
	int width = strlen("kvmlet run:  100 %") + strlen(doing);
	char text[256];

	snprintf(text, sizeof(text), "\rkvmlet run: %s 100 %%\r%*s\r%s", doing, width, "", words);
	runner_said(r, text, name);
}

#endif
