// SPDX-License-Identifier: GPL-2.0
/*
 * What `kvmlet run --trace` prints, on standard error or into a file, each line with the cycles of
 * the TSC since the trace began.
 *
 * The way of a write: its hops in this program are stamped as they happen; those in the driver and
 * the guest are its tracepoints', read from an instance of tracefs that has the TSC for its clock.
 * One write is followed at a time; a thread prints it when its interrupt has had time to arrive.
 * Without tracefs (root's) or its events there are this program's hops alone, which is said.
 *
 * lock guards what is followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userspace/report.h"
#include "userspace/trace.h"

#define TRACEFS		"/sys/kernel/tracing"
#define BUFFER_KB	"128"		/* of each processor: some thousand events */
#define SETTLE_US	20000		/* from the interrupt's sending until it is in the guest */
#define HOPS		8
#define EVENTS		8192		/* that are looked at */
#define SHOWN		24		/* of them at either end of a way */

struct hop {
	u64 when;
	char what[96];
};

/*
 * Of a write. @notify: the port and the address that the guest may have written to; @vector: of its
 * interrupt, 0: not known.
 */
struct way {
	char what[96];
	u64 notify[2];
	unsigned int vector;
	struct hop hop[HOPS];
	unsigned int hops;
};

/* A line of tracefs. */
struct event {
	u64 when;
	char *what;
};

/*
 * Each driver's events; of them the first two are exit and entry, the third an injection, which has
 * these words for its vector.
 */
static const struct driver {
	const char *system, *injected, *event[6];
} drivers[] = {
	{ "kvmlet", " interrupt %u ", { "exit", "entry", "inj", "ept_fault" } },
	{ "kvm", "IRQ 0x%x", { "kvm_exit", "kvm_entry", "kvm_inj_virq", "kvm_pio",
			       "kvm_fast_mmio" } },
};

enum { EXIT, ENTRY, INJ };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum { WAY_NONE, WAY_FOLLOWED, WAY_ENDED } state;
	struct way way;
	unsigned int missed;		/* writes that were not followed since the last one was */
	bool on, stopping;
	pthread_t thread;
	FILE *file;			/* NULL: standard error */
	u64 zero;
	const struct driver *driver;	/* NULL: its events cannot be read */
	char folder[64];		/* the instance of tracefs */
} trace = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* --- lines ---------------------------------------------------------------------------------- */

static void print(u64 when, const char *text)
{
	const u64 at = when - trace.zero;

	if (trace.file)
		fprintf(trace.file, "%12" PRIu64 " %s\n", at, text);
	else
		report("%12" PRIu64 " %s", at, text);
}

/**
 * trace_line() - print a line, stamped now
 * @fmt:	as printf's, without the line's end
 */
void trace_line(const char *fmt, ...)
{
	const u64 now = trace_now();
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print(now, text);
}

/* --- tracefs -------------------------------------------------------------------------------- */

static bool put(const char *file, const char *text, int flags)
{
	char path[192];
	int fd, err;

	snprintf(path, sizeof(path), "%s/%s", trace.folder, file);
	fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	err = fd < 0 || write(fd, text, strlen(text)) < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	errno = err;
	return !err;
}

static bool turn_on(const struct driver *d)
{
	const char * const *event;
	char file[96];

	for (event = d->event; *event; event++) {
		snprintf(file, sizeof(file), "events/%s/%s/enable", d->system, *event);
		if (!put(file, "1", 0))
			return false;
	}
	return true;
}

/* Only one of the drivers can be loaded. */
static bool open_events(void)
{
	unsigned int i;

	snprintf(trace.folder, sizeof(trace.folder), TRACEFS "/instances/kvmlet-%d", getpid());
	if (mkdir(trace.folder, 0700)) {
		trace.folder[0] = 0;
		return false;
	}
	if (!put("trace_clock", "x86-tsc", 0) || !put("buffer_size_kb", BUFFER_KB, 0))
		return false;
	for (i = 0; i < ARRAY_SIZE(drivers) && !trace.driver; i++)
		if (turn_on(&drivers[i]))
			trace.driver = &drivers[i];
	return trace.driver;
}

/* "  TASK-PID  [CPU] FLAGS STAMP: EVENT: WORDS", or a comment. */
static bool parse(char *line, struct event *e)
{
	char *p = strstr(line, "] ");

	if (*line == '#' || !p)
		return false;
	p = strchr(p + 2, ' ');
	if (!p)
		return false;
	e->when = strtoull(p, &p, 10);
	if (p[0] != ':' || p[1] != ' ')
		return false;
	p[strcspn(p, "\n")] = 0;
	e->what = strdup(p + 2);
	return e->what;
}

/* In the order of their time. The buffer is empty afterwards. */
static unsigned int read_events(struct event *e)
{
	char path[96], line[512];
	unsigned int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/trace", trace.folder);
	f = trace.driver ? fopen(path, "re") : NULL;
	while (f && n < EVENTS && fgets(line, sizeof(line), f))
		n += parse(line, &e[n]);
	if (f)
		fclose(f);
	if (trace.driver)
		put("trace", "", O_TRUNC);
	return n;
}

/* --- the way of a write --------------------------------------------------------------------- */

static bool is(const struct event *e, unsigned int kind)
{
	const char *name = trace.driver->event[kind];

	return !strncmp(e->what, name, strlen(name)) && e->what[strlen(name)] == ':';
}

/* The last exit before the disk's thread woke that tells of a notification; n: there is none. */
static unsigned int find_begin(const struct way *way, const struct event *e, unsigned int n)
{
	unsigned int i, exit = n, found = n;
	char address[2][24];

	snprintf(address[0], sizeof(address[0]), "0x%" PRIx64, way->notify[0]);
	snprintf(address[1], sizeof(address[1]), "0x%" PRIx64, way->notify[1]);
	for (i = 0; i < n && e[i].when <= way->hop[0].when; i++) {
		if (is(&e[i], EXIT))
			exit = i;
		if (strstr(e[i].what, address[0]) || strstr(e[i].what, address[1]))
			found = exit;
	}
	return found;
}

/* An injection of the write's interrupt. */
static bool is_interrupt(const struct way *way, const struct event *e)
{
	char words[32];

	snprintf(words, sizeof(words), trace.driver->injected, way->vector);
	return is(e, INJ) && (!way->vector || strstr(e->what, words));
}

/* Behind the entry with which the interrupt came, or, if it came without one, the next entry. */
static unsigned int find_end(const struct way *way, const struct event *e, unsigned int n)
{
	const u64 sent = way->hop[way->hops - 1].when;
	unsigned int i, first = n;
	bool injected = false;

	for (i = 0; i < n; i++) {
		if (e[i].when < sent)
			continue;
		injected |= is_interrupt(way, &e[i]);
		if (!is(&e[i], ENTRY))
			continue;
		if (injected)
			return i + 1;
		if (first == n)
			first = i + 1;
	}
	return first;
}

static void print_hop(u64 when, u64 *before, const char *who, const char *what)
{
	char text[320];

	snprintf(text, sizeof(text), "  %+10" PRId64 "  %-6s  %s", when - *before, who, what);
	print(when, text);
	*before = when;
}

/* Hops and events by their time. */
static void print_merged(const struct way *way, const struct event *e, unsigned int i,
			 unsigned int end)
{
	u64 before = i < end ? min(e[i].when, way->hop[0].when) : way->hop[0].when;
	const unsigned int begin = i;
	unsigned int h = 0;

	while (i < end || h < way->hops) {
		if (i == end || (h < way->hops && way->hop[h].when < e[i].when)) {
			print_hop(way->hop[h].when, &before, "kvmlet", way->hop[h].what);
			h++;
		} else {
			if (i < begin + SHOWN || i + SHOWN >= end)
				print_hop(e[i].when, &before, "driver", e[i].what);
			else if (i == begin + SHOWN)
				print_hop(e[i].when, &before, "driver", "...");
			i++;
		}
	}
}

static void print_way(const struct way *way)
{
	static struct event e[EVENTS];
	unsigned int i, begin = 0, end = 0, n = read_events(e);

	if (n) {
		begin = find_begin(way, e, n);
		end = find_end(way, e, n);
	}
	flockfile(trace.file ?: stderr);
	print(way->hop[0].when, way->what);
	if (n && begin == n)
		print(way->hop[0].when, "  (its notification is not among the driver's events)");
	print_merged(way, e, min(begin, end), end);
	funlockfile(trace.file ?: stderr);
	if (trace.file)
		fflush(trace.file);
	for (i = 0; i < n; i++)
		free(e[i].what);
}

static void *print_ways(void *arg)
{
	pthread_mutex_lock(&trace.lock);
	for (;;) {
		while (trace.state != WAY_ENDED && !trace.stopping)
			pthread_cond_wait(&trace.changed, &trace.lock);
		if (trace.state != WAY_ENDED)
			break;
		pthread_mutex_unlock(&trace.lock);
		usleep(SETTLE_US);
		print_way(&trace.way);
		pthread_mutex_lock(&trace.lock);
		trace.state = WAY_NONE;
	}
	pthread_mutex_unlock(&trace.lock);
	return NULL;
}

/**
 * trace_way() - follow a write
 * @what:	which one, in words
 * @notify:	port and address by which the guest notifies the device
 *
 * Return: NULL if nothing is traced, or another one is followed.
 */
struct way *trace_way(const char *what, const u64 *notify)
{
	struct way *way = NULL;

	if (!trace.on)
		return NULL;
	pthread_mutex_lock(&trace.lock);
	if (trace.state == WAY_NONE) {
		trace.state = WAY_FOLLOWED;
		way = &trace.way;
		snprintf(way->what, sizeof(way->what), "%s; not followed before it: %u", what,
			 trace.missed);
		memcpy(way->notify, notify, sizeof(way->notify));
		way->hops = 0;
		way->vector = 0;
		trace.missed = 0;
	} else {
		trace.missed++;
	}
	pthread_mutex_unlock(&trace.lock);
	return way;
}

/**
 * trace_hop() - the write that is followed has come to a place
 * @way:	of trace_way(); NULL: nothing is done
 * @when:	of trace_now()
 * @fmt:	what happens there, as printf's
 */
void trace_hop(struct way *way, u64 when, const char *fmt, ...)
{
	struct hop *hop;
	va_list ap;

	if (!way || way->hops == HOPS)
		return;
	hop = &way->hop[way->hops++];
	hop->when = when;
	va_start(ap, fmt);
	vsnprintf(hop->what, sizeof(hop->what), fmt, ap);
	va_end(ap);
}

/**
 * trace_sent() - the write's interrupt is about to be sent
 * @way:	of trace_way(), or NULL
 * @vector:	of the message; 0: it is INTx
 */
void trace_sent(struct way *way, unsigned int vector)
{
	if (!way)
		return;
	way->vector = vector;
	if (vector)
		trace_hop(way, trace_now(), "write(2) of MSI-X's irqfd, vector %u", vector);
	else
		trace_hop(way, trace_now(), "KVM_IRQ_LINE raises INTx");
}

/**
 * trace_way_end() - the write's last hop in this program was told
 * @way:	of trace_way(), or NULL
 */
void trace_way_end(struct way *way)
{
	if (!way)
		return;
	pthread_mutex_lock(&trace.lock);
	trace.state = WAY_ENDED;
	pthread_cond_signal(&trace.changed);
	pthread_mutex_unlock(&trace.lock);
}

/* --- begin and end -------------------------------------------------------------------------- */

/**
 * trace_vcpu() - this thread is a vCPU: the driver's events are those of such threads
 */
void trace_vcpu(void)
{
	char text[16];

	if (!trace.driver)
		return;
	snprintf(text, sizeof(text), "%d", gettid());
	put("set_event_pid", text, O_APPEND);
}

/**
 * trace_open() - begin a trace
 * @path:	the file; "-": standard error
 *
 * Context: signals are blocked and stay so in the trace's thread.
 * Return: 0, or -1 with the reason reported.
 */
int trace_open(const char *path)
{
	if (strcmp(path, "-")) {
		trace.file = fopen(path, "we");
		if (!trace.file) {
			report("--trace=%s: %s", path, strerror(errno));
			return -1;
		}
	}
	trace.zero = trace_now();
	if (!open_events())
		trace_line("the driver's tracepoints cannot be read (%s: %s): what it does is not "
			   "shown", TRACEFS, strerror(errno));
	errno = pthread_create(&trace.thread, NULL, print_ways, NULL);
	trace.on = !errno;
	if (errno)
		report("--trace: %s", strerror(errno));
	return errno ? -1 : 0;
}

/**
 * trace_close() - end it, if it has begun; a write that has been followed is printed yet
 */
void trace_close(void)
{
	if (trace.on) {
		pthread_mutex_lock(&trace.lock);
		trace.stopping = true;
		pthread_cond_signal(&trace.changed);
		pthread_mutex_unlock(&trace.lock);
		pthread_join(trace.thread, NULL);
	}
	if (trace.folder[0])
		rmdir(trace.folder);
	if (trace.file)
		fclose(trace.file);
}
