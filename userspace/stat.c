// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet stat`: the counters of all virtual machines, read from debugfs again and again, as a
 * table that is sorted by rate, or as JSON. On a terminal the table stays in place, else tables
 * follow each other. It changes nothing.
 */
#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "userspace/stat.h"

#define DEBUGFS		"/sys/kernel/debug"
#define FOLDER		DEBUGFS "/kvmlet"
#define DEBUGFS_MAGIC	0x64626720
#define PARAMETER	"/sys/module/kvmlet/parameters/exit_times"

#define MAX_VMS		256
#define MAX_COUNTERS	160
#define BUCKETS		32
#define NAME		48
#define SCREEN		24		/* lines, if the terminal does not say */

enum stat_status { STAT_OK, STAT_CANNOT, STAT_USAGE };

struct options {
	long pid;			/* 0: all */
	double interval;
	unsigned long count;		/* 0: until it is ended */
	bool json;
};

struct counter {
	char name[NAME];
	uint64_t value, before;
	uint64_t cycles, cycles_before;
	uint64_t bucket[BUCKETS], bucket_before[BUCKETS];
};

struct machine {
	char dir[64];			/* PID-FD, its name in debugfs */
	char program[32];
	long pid;
	uint64_t inode;			/* of that folder: tells it from others of this name */
	bool fresh;			/* not seen before: it has no rates yet */
	unsigned int nr;
	struct counter counters[MAX_COUNTERS];
};

/* What was read at one time. */
struct sample {
	double time;
	unsigned int nr;
	struct machine *machines[MAX_VMS];
};

/* --- reading ---------------------------------------------------------------------------------- */

static struct counter *find(struct machine *m, const char *name)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++)
		if (!strcmp(m->counters[i].name, name))
			return &m->counters[i];
	return NULL;
}

static uint64_t value_of(struct machine *m, const char *name)
{
	struct counter *c = find(m, name);

	return c ? c->value : 0;
}

static FILE *open_in(const struct machine *m, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), FOLDER "/%s/%s", m->dir, name);
	return fopen(path, "r");
}

static void read_program(struct machine *m)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/comm", m->pid);
	strcpy(m->program, "?");
	f = fopen(path, "r");
	if (!f)
		return;
	if (fgets(m->program, sizeof(m->program), f))
		m->program[strcspn(m->program, "\n")] = '\0';
	fclose(f);
}

/* A line is the name, all cycles, the histogram. */
static void read_times(struct machine *m)
{
	FILE *f = open_in(m, "times");
	struct counter *c, none;
	char name[NAME];
	unsigned int i;

	while (f && fscanf(f, "%47s", name) == 1) {
		c = find(m, name);
		if (!c)
			c = &none;
		if (fscanf(f, "%" SCNu64, &c->cycles) != 1)
			break;
		for (i = 0; i < BUCKETS; i++)
			if (fscanf(f, "%" SCNu64, &c->bucket[i]) != 1)
				break;
	}
	if (f)
		fclose(f);
}

/* A VM may end at any time: then there is none. */
static struct machine *read_machine(const char *dir)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct counter *c;
	FILE *f;

	if (!m)
		return NULL;
	memccpy(m->dir, dir, '\0', sizeof(m->dir) - 1);
	m->pid = atol(dir);
	m->fresh = true;
	f = open_in(m, "stats");
	for (c = m->counters; f && m->nr < MAX_COUNTERS; c++, m->nr++)
		if (fscanf(f, "%47s %" SCNu64, c->name, &c->value) != 2)
			break;
	if (f)
		fclose(f);
	if (!m->nr) {
		free(m);
		return NULL;
	}
	read_times(m);
	read_program(m);
	return m;
}

static void compare_with(struct machine *m, const struct sample *old)
{
	struct machine *was;
	struct counter *c;
	unsigned int i, n;

	for (i = 0; i < old->nr && old->machines[i]->inode != m->inode; i++)
		;
	if (i == old->nr)
		return;
	was = old->machines[i];
	m->fresh = false;
	for (n = 0; n < m->nr; n++) {
		c = find(was, m->counters[n].name);
		if (!c)
			continue;
		m->counters[n].before = c->value;
		m->counters[n].cycles_before = c->cycles;
		memcpy(m->counters[n].bucket_before, c->bucket, sizeof(c->bucket));
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int explain(int error)
{
	struct statfs fs;

	if (error == EACCES || error == EPERM)
		fprintf(stderr, "kvmlet stat: %s: %s; run this command as root\n", FOLDER,
			strerror(error));
	else if (statfs(DEBUGFS, &fs) || fs.f_type != DEBUGFS_MAGIC)
		fprintf(stderr, "kvmlet stat: no debugfs at " DEBUGFS "; mount it: "
			"mount -t debugfs none " DEBUGFS "\n");
	else
		fprintf(stderr, "kvmlet stat: %s: %s; the module is not loaded: modprobe kvmlet\n",
			FOLDER, strerror(error));
	return STAT_CANNOT;
}

static int read_sample(struct sample *s, const struct options *o, const struct sample *old)
{
	DIR *dir = opendir(FOLDER);
	struct dirent *e;
	struct machine *m;

	memset(s, 0, sizeof(*s));
	s->time = now();
	if (!dir)
		return explain(errno);
	while ((e = readdir(dir)) && s->nr < MAX_VMS) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    (o->pid && atol(e->d_name) != o->pid))
			continue;
		m = read_machine(e->d_name);
		if (!m)
			continue;
		m->inode = e->d_ino;
		if (old)
			compare_with(m, old);
		s->machines[s->nr++] = m;
	}
	closedir(dir);
	return STAT_OK;
}

static void free_sample(struct sample *s)
{
	while (s->nr)
		free(s->machines[--s->nr]);
}

/* --- the table -------------------------------------------------------------------------------- */

static uint64_t grown(const struct counter *c)
{
	return c->value - c->before;
}

static bool is_reason(const struct counter *c)
{
	return !strncmp(c->name, "exit_", 5);
}

/* Not counted but as it is now, so it has no rate. */
static bool is_state(const struct counter *c)
{
	return !strcmp(c->name, "vcpus") || !strcmp(c->name, "blocking");
}

/* By rate, then by all there were, then by name. */
static int order(const void *a, const void *b)
{
	const struct counter *x = *(const struct counter *const *)a;
	const struct counter *y = *(const struct counter *const *)b;

	if (grown(x) != grown(y))
		return grown(x) < grown(y) ? 1 : -1;
	if (x->value != y->value)
		return x->value < y->value ? 1 : -1;
	return strcmp(x->name, y->name);
}

static int order_machines(const void *a, const void *b)
{
	struct machine *x = *(struct machine *const *)a, *y = *(struct machine *const *)b;
	struct counter *p = find(x, "exits"), *q = find(y, "exits");

	return p && q && grown(p) != grown(q) ? (grown(p) < grown(q) ? 1 : -1) :
						strcmp(x->dir, y->dir);
}

static uint64_t timed(const struct counter *c, unsigned int n)
{
	return c->bucket[n] - c->bucket_before[n];
}

/* Cycles of the interval's exits: the mean, and the outline of the histogram from 2^6 to 2^30. */
static void print_times(const struct counter *c)
{
	static const char shades[] = " .:-=+*#%@";
	uint64_t most = 0, all = 0;
	unsigned int n;

	for (n = 0; n < BUCKETS; n++) {
		all += timed(c, n);
		most = timed(c, n) > most ? timed(c, n) : most;
	}
	if (!all) {
		printf(" %11s", "-");
		return;
	}
	printf(" %11" PRIu64 "  |", (c->cycles - c->cycles_before) / all);
	for (n = 7; n < 31; n++)
		putchar(shades[timed(c, n) ? 1 + timed(c, n) * 8 / most : 0]);
	putchar('|');
}

static bool has_times(const struct machine *m)
{
	unsigned int i, n;

	for (i = 0; i < m->nr; i++)
		for (n = 0; n < BUCKETS; n++)
			if (timed(&m->counters[i], n))
				return true;
	return false;
}

static void print_row(const struct counter *c, double seconds, uint64_t all, bool times)
{
	printf("  %-24s %14" PRIu64 " %12.1f", c->name + (is_reason(c) ? 5 : 0), c->value,
	       grown(c) / seconds);
	if (all)
		printf(" %6.1f%%", 100.0 * grown(c) / all);
	if (times)
		print_times(c);
	putchar('\n');
}

/* Rows that have ever counted something, at most @room lines of them. Returns how many. */
static unsigned int print_rows(struct machine *m, double seconds, bool reasons, unsigned int room)
{
	struct counter *rows[MAX_COUNTERS], *exits = find(m, "exits");
	unsigned int i, nr = 0;
	bool times = reasons && has_times(m);

	for (i = 0; i < m->nr; i++)
		if (is_reason(&m->counters[i]) == reasons && m->counters[i].value &&
		    &m->counters[i] != exits && !is_state(&m->counters[i]))
			rows[nr++] = &m->counters[i];
	if (!nr || room < 2)
		return 0;
	qsort(rows, nr, sizeof(rows[0]), order);
	printf("  %-24s %14s %12s%s%s\n", reasons ? "exit" : "counter", "total", "/s",
	       reasons ? "   share" : "",
	       times ? "      cycles  |2^6         2^18    2^29|" : "");
	for (i = 0; i < nr && i + 1 < room; i++)
		print_row(rows[i], seconds, reasons && exits ? grown(exits) : 0, times);
	return i + 1;
}

static void print_machine(struct machine *m, double seconds, unsigned int room)
{
	struct counter *exits = find(m, "exits");
	unsigned int used;

	if (room < 2)
		return;
	printf("VM %s  %s  %" PRIu64 " vCPU%s  %" PRIu64 " exits  ", m->dir, m->program,
	       value_of(m, "vcpus"), value_of(m, "vcpus") == 1 ? "" : "s", value_of(m, "exits"));
	if (m->fresh)
		printf("new\n");
	else
		printf("%.1f/s\n", exits ? grown(exits) / seconds : 0);
	used = 1 + print_rows(m, seconds, true, room * 2 / 3);
	print_rows(m, seconds, false, room - used);
}

static unsigned int screen_lines(void)
{
	struct winsize size = { 0 };

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row)
		return SCREEN;
	return size.ws_row;
}

/* On a terminal VMs share the screen; elsewhere nothing is left out. */
static void print_table(struct sample *s, double seconds)
{
	unsigned int lines = screen_lines(), i, room = MAX_COUNTERS * 2;
	time_t at = time(NULL);
	char clock[16];

	strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&at));
	if (lines)
		printf("\033[H\033[J");
	printf("%s  %u virtual machine%s, %.2f s\n", clock, s->nr, s->nr == 1 ? "" : "s", seconds);
	if (lines && s->nr)
		room = (lines - 2) / s->nr < 5 ? 5 : (lines - 2) / s->nr;
	qsort(s->machines, s->nr, sizeof(s->machines[0]), order_machines);
	for (i = 0; i < s->nr && (!lines || (i + 1) * room < lines); i++)
		print_machine(s->machines[i], seconds, room);
	if (i < s->nr)
		printf("... and %u more\n", s->nr - i);
	if (!lines)
		putchar('\n');
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void print_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\' || (unsigned char)*text < ' ')
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	}
	putchar('"');
}

static void print_json_counter(const struct counter *c, double seconds)
{
	unsigned int n;

	print_string(c->name);
	printf(": {\"total\": %" PRIu64 ", \"rate\": %.1f", c->value, grown(c) / seconds);
	if (c->cycles) {
		printf(", \"cycles\": %" PRIu64 ", \"histogram\": [", c->cycles);
		for (n = 0; n < BUCKETS; n++)
			printf("%s%" PRIu64, n ? ", " : "", c->bucket[n]);
		putchar(']');
	}
	putchar('}');
}

/* One object a line, each interval. */
static void print_json(struct sample *s, double seconds)
{
	struct machine *m;
	unsigned int i, n;

	printf("{\"time\": %lld, \"seconds\": %.3f, \"vms\": [", (long long)time(NULL), seconds);
	for (i = 0; i < s->nr; i++) {
		m = s->machines[i];
		printf("%s{\"vm\": ", i ? ", " : "");
		print_string(m->dir);
		printf(", \"pid\": %ld, \"program\": ", m->pid);
		print_string(m->program);
		printf(", \"new\": %s, \"counters\": {", m->fresh ? "true" : "false");
		for (n = 0; n < m->nr; n++) {
			printf("%s", n ? ", " : "");
			print_json_counter(&m->counters[n], seconds);
		}
		printf("}}");
	}
	printf("]}\n");
}

/* --- the command ------------------------------------------------------------------------------ */

/* False: a signal wants an end. They are blocked, so none can come at a bad moment. */
static bool sleep_until(double time, const sigset_t *ends)
{
	struct timespec t;
	double left;

	do {
		left = time - now() > 0 ? time - now() : 0;
		t.tv_sec = left;
		t.tv_nsec = (left - t.tv_sec) * 1e9;
		if (sigtimedwait(ends, NULL, &t) > 0)
			return false;
	} while (left > 0);
	return true;
}

static int no_such(const struct options *o)
{
	struct options all = { 0 };
	struct sample s;
	unsigned int i;

	fprintf(stderr, "kvmlet stat: process %ld has no virtual machine of kvmlet's; ", o->pid);
	if (read_sample(&s, &all, NULL) || !s.nr) {
		fprintf(stderr, "none has one\n");
		return STAT_CANNOT;
	}
	fprintf(stderr, "these have:");
	for (i = 0; i < s.nr; i++)
		fprintf(stderr, " %ld", s.machines[i]->pid);
	fprintf(stderr, "\n");
	free_sample(&s);
	return STAT_CANNOT;
}

static int output_failed(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return STAT_OK;
	fprintf(stderr, "kvmlet stat: standard output: %s\n", strerror(errno));
	return STAT_CANNOT;
}

static int show(const struct options *o, struct sample *old)
{
	struct sample new;
	double seconds;
	int r = read_sample(&new, o, old);

	if (r)
		return r;
	seconds = new.time - old->time > 0 ? new.time - old->time : o->interval;
	if (o->json)
		print_json(&new, seconds);
	else
		print_table(&new, seconds);
	free_sample(old);
	*old = new;
	return output_failed();
}

static int watch(const struct options *o, const sigset_t *ends)
{
	unsigned long n;
	struct sample s;
	double next;
	int r = read_sample(&s, o, NULL);

	if (r)
		return r;
	if (o->pid && !s.nr)
		return no_such(o);
	next = s.time;
	for (n = 0; !r && (!o->count || n < o->count); n++) {
		next += o->interval;
		if (!sleep_until(next, ends))
			break;
		r = show(o, &s);
		/* The process has ended, and said all there was to say. */
		if (o->pid && !s.nr)
			break;
	}
	free_sample(&s);
	return r;
}

static bool parse_number(const char *text, double least, double most, double *number)
{
	char *end;

	errno = 0;
	*number = strtod(text, &end);
	return end != text && !*end && !errno && *number >= least && *number <= most;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	double number;

	switch (key) {
	case 'i':
		if (!parse_number(arg, 0.01, 86400, &o->interval))
			argp_error(state, "--interval %s: seconds, from 0.01 to 86400", arg);
		return 0;
	case 'n':
		if (!parse_number(arg, 1, 1e9, &number) || number != (unsigned long)number)
			argp_error(state, "--count %s: a number from 1", arg);
		o->count = number;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (o->pid)
			argp_error(state, "'%s' is too much: one process or all", arg);
		if (!parse_number(arg, 1, 1 << 30, &number) || number != (long)number)
			argp_error(state, "'%s' is no process id", arg);
		o->pid = number;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option option_list[] = {
	{ "interval", 'i', "SEC", 0, "Seconds from one table to the next (1)", 0 },
	{ "count", 'n', "COUNT", 0, "End after so many tables", 0 },
	{ "json", 'j', NULL, 0, "Write a JSON object a line, each interval", 0 },
	{ 0 }
};

static const struct argp command = {
	.options = option_list,
	.parser = parse_option,
	.args_doc = "[PID]",
	.doc = "Show what the virtual machines of kvmlet do: all, or those of process PID.\n"
	"\vEach machine has two lists, sorted by rate: why its guest was left (`exit',\n"
	"with the share of all exits), and what was counted besides. A row that never\n"
	"counted is not shown. On a terminal the table stays in place and fills one\n"
	"screen; Ctrl-C ends it. The first table comes after one interval.\n"
	"\n"
	"With the module's parameter exit_times each reason has the mean of the cycles\n"
	"from an exit to the next entry, user space and sleep included, and how they\n"
	"are distributed:\n"
	"  echo 1 > " PARAMETER "\n"
	"\n"
	"It reads " FOLDER ", which needs root.\n"
	"\n"
	"Examples:\n"
	"  kvmlet stat\n"
	"  kvmlet stat $(pidof qemu-system-x86_64) -i 5\n"
	"  kvmlet stat --json -n 1 | jq '.vms[].counters.exits'\n"
	"\n"
	"Exit status: 0, 1 the counters cannot be read or written out, 2 wrong usage.",
};

/**
 * cmd_stat() - the command `kvmlet stat`
 * @argc:	number of arguments, the command's own name included
 * @argv:	the arguments
 *
 * Return: exit status
 */
int cmd_stat(int argc, char **argv)
{
	struct options o = { .interval = 1 };
	sigset_t ends;

	argv[0] = "kvmlet stat";
	argp_err_exit_status = STAT_USAGE;
	if (argp_parse(&command, argc, argv, 0, NULL, &o))
		return STAT_USAGE;
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	return watch(&o, &ends);
}
