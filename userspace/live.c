// SPDX-License-Identifier: GPL-2.0
/*
 * --live and --incoming: a guest moves to another runner while it runs. Memory goes first, then in
 * rounds what the guest has written meanwhile, and when little is left the guest stops and the rest
 * follows. The guest is never in two places: the new side starts it when the old one has said "go",
 * after which that never does. If the old side hears nothing good before, the guest goes on there.
 *
 * The socket is a UNIX one by its path, or TCP on this machine: what goes over it is not encrypted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "userspace/save.h"
#include "userspace/state.h"

#define PATIENCE	30	/* s without an answer */
#define FEW_PAGES	128	/* that are worth no further round */
#define MAX_ROUNDS	30

union address {
	struct sockaddr any;
	struct sockaddr_un local;
	struct sockaddr_in tcp;
};

/* --- sockets ---------------------------------------------------------------------------------- */

static int parse_tcp(const char *text, const char *colon, union address *a)
{
	unsigned long port;
	char *end;

	port = strtoul(colon + 1, &end, 10);
	if (!colon[1] || *end || !port || port > 65535) {
		report("%s: a port is a number from 1 to 65535", text);
		return -1;
	}
	if (strncmp(text, "127.0.0.1:", 10) && strncmp(text, "localhost:", 10)) {
		report("%s: only this machine, as localhost:PORT; a guest is not encrypted", text);
		return -1;
	}
	a->tcp = (struct sockaddr_in) {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	return sizeof(a->tcp);
}

/* Returns the address's size, or -1. */
static int parse(const char *text, union address *a)
{
	const char *colon = strrchr(text, ':');

	memset(a, 0, sizeof(*a));
	if (colon && !strchr(text, '/'))
		return parse_tcp(text, colon, a);
	if (!*text || strlen(text) >= sizeof(a->local.sun_path)) {
		report("%s: a socket's path has 1 to %zu bytes", text,
		       sizeof(a->local.sun_path) - 1);
		return -1;
	}
	a->local.sun_family = AF_UNIX;
	strcpy(a->local.sun_path, text);
	return sizeof(a->local);
}

static int failed(const char *where)
{
	report("%s: %s", where, strerror(errno));
	return -1;
}

static void be_patient(int fd)
{
	const struct timeval limit = { .tv_sec = PATIENCE };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static int connect_to(const char *text)
{
	union address a;
	int size = parse(text, &a), fd;

	if (size < 0)
		return -1;
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failed(text);
	if (connect(fd, &a.any, size)) {
		failed(text);
		close(fd);
		return -1;
	}
	be_patient(fd);
	return fd;
}

/* Listens for one connection; returns it. */
static int accept_one(int listener, const union address *a, int size)
{
	const int one = 1;
	mode_t mask = umask(0077);
	int err, fd;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	err = bind(listener, &a->any, size);
	umask(mask);
	if (err || listen(listener, 1))
		return -1;
	do {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	} while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (a->any.sa_family == AF_UNIX)
		unlink(a->local.sun_path);
	return fd;
}

/* --- the new side ----------------------------------------------------------------------------- */

/**
 * incoming_listen() - wait for a guest to come by a socket
 * @in:		filled in; incoming_close() in any case
 * @address:	a path or localhost:PORT
 *
 * Return: 0, or -1 with the reason reported.
 */
int incoming_listen(struct incoming *in, const char *address)
{
	union address a;
	int size = parse(address, &a), listener;

	*in = (struct incoming) { .from = address, .fd = -1, .live = true };
	if (size < 0)
		return -1;
	/* The other side may go away: that is an error of write(), not the end. */
	signal(SIGPIPE, SIG_IGN);
	listener = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener >= 0) {
		in->fd = accept_one(listener, &a, size);
		close(listener);
	}
	if (in->fd < 0)
		return failed(address);
	be_patient(in->fd);
	return save_begin(&in->out, in->fd) ? failed(address) : 0;
}

/**
 * incoming_reply() - tell the old side to go on, or what is wrong
 * @in:		a socket's
 * @words:	what is wrong; "": nothing
 *
 * Return: 0, or -1 with the reason reported.
 */
int incoming_reply(struct incoming *in, const char *words)
{
	if (!save_put(&in->out, SAVE_REPLY, words, strlen(words)))
		return 0;
	report("%s: %s", in->from, in->out.why);
	return -1;
}

/**
 * incoming_wait_go() - all is here: take the guest over
 * @in:		after incoming_state(); a file's guest is ours already
 *
 * Nothing that may fail comes after it: the other side has given the guest up then.
 *
 * Return: 0, the guest is ours; or -1 with the reason reported.
 */
int incoming_wait_go(struct incoming *in)
{
	struct save_section section;

	if (!in->live)
		return 0;
	if (incoming_reply(in, ""))
		return -1;
	if (!load_next(&in->in, &section) && section.type == SAVE_GO)
		return 0;
	report("%s: the other side has kept the guest", in->from);
	return -1;
}

/* --- the old side ----------------------------------------------------------------------------- */

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static size_t log_bytes(const struct vm *vm)
{
	return ALIGN(vm->ram.size / SAVE_PAGE, 64) / 8 + sizeof(u64);
}

/* Wait until the new side says that it goes on; -1 with a reason in out.why. */
static int hear(struct moving *m)
{
	struct save_section section = { 0 };
	size_t len;

	if ((!m->in.data && load_begin(&m->in, m->fd)) || load_next(&m->in, &section) ||
	    section.type != SAVE_REPLY) {
		snprintf(m->out.why, sizeof(m->out.why), "the other side has gone: %.999s",
			 m->in.why);
		return -1;
	}
	len = min_t(size_t, section.len, sizeof(m->out.why) - 1);
	memcpy(m->out.why, section.data, len);
	m->out.why[len] = 0;
	return len ? -1 : 0;
}

static int count_dirty(struct moving *m, struct vm *vm, u64 *count)
{
	u64 i;

	if (vm_take_log(vm, m->dirty))
		return -1;
	for (*count = 0, i = 0; i < log_bytes(vm) / sizeof(u64); i++)
		*count += __builtin_popcountll(m->dirty[i]);
	return 0;
}

/* While the guest runs: all of memory, then what it has written meanwhile, until that is little. */
static int copy_ahead(struct moving *m, struct vm *vm)
{
	u64 count = ~0ULL, last;

	if (save_ram(&m->out, &vm->ram, NULL, &m->pages))
		return -1;
	for (m->rounds = 1; m->rounds < MAX_ROUNDS && count > FEW_PAGES; m->rounds++) {
		last = count;
		if (count_dirty(m, vm, &count) ||
		    save_ram(&m->out, &vm->ram, m->dirty, &m->pages))
			return -1;
		/* It writes as fast as we send. */
		if (count >= last / 4 * 3)
			break;
	}
	return 0;
}

static int refused(struct moving *m)
{
	report("--live %s: %s; the guest goes on here", m->to,
	       m->out.why[0] ? m->out.why : "see above");
	return -1;
}

/**
 * moving_begin() - connect, and copy memory while the guest runs
 * @m:		filled in; moving_close() in any case
 * @vm:		the guest's VM, running
 * @address:	where the new side listens
 *
 * A driver without a dirty log copies nothing ahead.
 *
 * Return: 0, the guest is to be stopped now; or -1 with the reason reported.
 */
int moving_begin(struct moving *m, struct vm *vm, const char *address)
{
	*m = (struct moving) { .to = address, .fd = connect_to(address) };
	if (m->fd < 0)
		return -1;
	m->dirty = calloc(1, log_bytes(vm));
	if (!m->dirty)
		return failed(address);
	if (save_begin(&m->out, m->fd) || state_put_front(vm, &m->out) || hear(m))
		return refused(m);
	m->logged = !vm_log_memory(vm, true);
	if (!m->logged)
		report("--live: the driver keeps no dirty log: the guest stops for the whole copy");
	else if (copy_ahead(m, vm))
		return refused(m);
	m->stopped = now_ns();
	return 0;
}

static int send_rest(struct moving *m, struct vm *vm)
{
	const u64 *dirty = m->logged ? m->dirty : NULL;

	if (m->logged && vm_take_log(vm, m->dirty))
		return -1;
	if (save_ram(&m->out, &vm->ram, dirty, &m->pages) || state_put(vm, &m->out) ||
	    save_end(&m->out))
		return -1;
	return hear(m);
}

/**
 * moving_end() - send the rest of a stopped guest, and hand it over
 * @m:		after moving_begin()
 * @vm:		its VM, whose vCPUs have stopped, each after a whole instruction
 *
 * Return: 0, the guest is the other side's; or -1 with the reason reported: it is still ours.
 */
int moving_end(struct moving *m, struct vm *vm)
{
	u64 ahead = m->pages;

	if (send_rest(m, vm))
		return refused(m);
	/* What is not sent does not arrive. What is sent may: then the guest is not ours. */
	if (save_put(&m->out, SAVE_GO, NULL, 0))
		return refused(m);
	report("--live: moved to %s: %llu pages in %u rounds, then %llu; paused for %.1f ms", m->to,
	       (unsigned long long)ahead, m->rounds, (unsigned long long)(m->pages - ahead),
	       (now_ns() - m->stopped) / 1e6);
	return 0;
}

/**
 * moving_close() - forget a move
 * @m:		after moving_begin()
 * @vm:		its VM, which may go on
 */
void moving_close(struct moving *m, struct vm *vm)
{
	if (m->logged)
		vm_log_memory(vm, false);
	m->logged = false;
	load_end(&m->in);
	free(m->dirty);
	m->dirty = NULL;
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}
