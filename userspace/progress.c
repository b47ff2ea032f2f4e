// SPDX-License-Identifier: GPL-2.0
/*
 * One line on standard error, if that is a terminal: what is done to a file, and how much of it.
 * It is there at once where there is much to do, else when it takes long, and is erased before
 * anything else is printed. One thread copies; stdio's lock of stderr guards the line, since
 * others may report.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "userspace/progress.h"

#define LARGE		(16ULL << 20)
#define PATIENCE	500000000ULL	/* ns until something small is slow */
#define INTERVAL	200000000ULL	/* ns between two lines */

static struct {
	const char *doing, *name;	/* doing: NULL without a copy */
	u64 total, done;
	u64 next;			/* ns, when the line is due */
	int width;			/* of the line that stands there, 0: none */
} line;

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/**
 * progress_begin() - begin a copy
 * @doing:	"loading", or the like
 * @path:	the file; it and @doing must last until progress_end()
 * @total:	bytes, or any other unit
 */
void progress_begin(const char *doing, const char *path, u64 total)
{
	const char *slash = strrchr(path, '/');

	if (!total || !isatty(STDERR_FILENO))
		return;
	line.doing = doing;
	line.name = slash ? slash + 1 : path;
	line.total = total;
	line.done = 0;
	line.next = total < LARGE ? now_ns() + PATIENCE : 0;
	progress_to(0);
}

/**
 * progress_to() - say how far the copy has come
 * @done:	of progress_begin()'s total; less than before, or no copy: nothing happens
 */
void progress_to(u64 done)
{
	u64 now;

	if (!line.doing || done < line.done)
		return;
	line.done = min(done, line.total);
	now = now_ns();
	/* The end is always shown, but not of what was too short to be shown before. */
	if (now < line.next && (line.done < line.total || !line.width))
		return;
	line.next = now + INTERVAL;
	flockfile(stderr);
	/* A line that wraps could not be erased: no long names. */
	line.width = fprintf(stderr, "\rkvmlet run: %s %.40s %3u %%", line.doing, line.name,
			     (unsigned int)(line.done * 100 / line.total));
	funlockfile(stderr);
}

/**
 * progress_clear() - erase the line, for something else; the next progress_to() may bring it back
 *
 * Context: any thread.
 */
void progress_clear(void)
{
	flockfile(stderr);
	if (line.width > 0)
		fprintf(stderr, "\r%*s\r", line.width - 1, "");
	line.width = 0;
	funlockfile(stderr);
}

/**
 * progress_end() - the copy has ended, well or not; without one nothing happens
 */
void progress_end(void)
{
	progress_clear();
	line.doing = NULL;
}
