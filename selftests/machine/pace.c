// SPDX-License-Identifier: GPL-2.0
/*
 * pace SECONDS, in a guest of `kvmlet run`: how far its CLOCK_MONOTONIC and the host's, which it
 * asks for at the runner's clock port, come apart in that time; and whether it ever goes back.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>
#include <time.h>
#include <unistd.h>

#define PORT_CLOCK	0xf8
#define TRIES		20
#define READINGS	200	/* of the clock, in a row, each second */

static unsigned long readings, back;

static int64_t now(void)
{
	static int64_t last;
	struct timespec t;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &t);
	ns = t.tv_sec * 1000000000LL + t.tv_nsec;
	readings++;
	if (ns < last) {
		back++;
		printf("pace: %lld ns back\n", (long long)(last - ns));
	}
	last = ns;
	return ns;
}

/* A moment on both clocks, and how long it lasted: of several the shortest. */
struct moment {
	int64_t guest, host, width;
};

static struct moment look(void)
{
	struct moment best = { 0, 0, INT64_MAX }, m;
	int64_t first;
	int i;

	for (i = 0; i < TRIES; i++) {
		/* A clock that moves in steps is right when it has just moved. */
		for (first = now(); (m.guest = now()) == first;)
			;
		outl(0, PORT_CLOCK);
		m.width = now() - m.guest;
		m.host = inl(PORT_CLOCK);
		m.host |= (int64_t)inl(PORT_CLOCK + 4) << 32;
		if (m.width < best.width)
			best = m;
	}
	return best;
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? atoi(argv[1]) : 10, i, n;
	int64_t guest, host, width;
	struct moment first, last;

	if (iopl(3)) {
		perror("pace: iopl");
		return 1;
	}
	look();
	first = look();
	for (i = 0; i < seconds; i++) {
		sleep(1);
		for (n = 0; n < READINGS; n++)
			now();
	}
	last = look();
	guest = last.guest - first.guest;
	host = last.host - first.host;
	width = first.width + last.width;
	printf("pace: guest %lld ns, host %lld ns, drift %lld ppb, looks %lld ns, %lu readings, "
	       "%lu back\n", (long long)guest, (long long)host,
	       (long long)((guest - host) * 1000000000LL / host), (long long)width, readings, back);
	return back != 0;
}
