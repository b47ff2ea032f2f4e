/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guests that leave this runner and guests that come to it: by a file (save.c) or, while they run,
 * by a socket (live.c).
 */
#ifndef KVMLET_USERSPACE_SAVE_H
#define KVMLET_USERSPACE_SAVE_H

#include "userspace/savefile.h"
#include "userspace/vm.h"

/* A guest that comes. */
struct incoming {
	const char *from;		/* the file or socket, for reports */
	int fd;
	bool live;
	struct save_stream in, out;	/* out: a socket's other direction, for replies */
	struct saved saved;
};

/* A guest that moves. */
struct moving {
	const char *to;
	int fd;				/* -1: none moves */
	struct save_stream out, in;
	u64 *dirty;			/* a bit for each page */
	bool logged;			/* the driver notes what is written */
	u64 pages;			/* sent so far */
	unsigned int rounds;
	u64 stopped;			/* ns, when the guest was stopped */
};

int save_file(struct vm *vm, const char *path);

int incoming_open(struct incoming *in, const char *path);
int incoming_machine(struct incoming *in, struct vm *vm, const char *device);
int incoming_state(struct incoming *in, struct vm *vm);
void incoming_close(struct incoming *in);

int incoming_listen(struct incoming *in, const char *address);
int incoming_reply(struct incoming *in, const char *words);
int incoming_wait_go(struct incoming *in);

int moving_begin(struct moving *m, struct vm *vm, const char *address);
int moving_end(struct moving *m, struct vm *vm);
void moving_close(struct moving *m, struct vm *vm);

#endif
