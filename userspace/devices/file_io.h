/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading and writing a file without waiting for it: by io_uring, or, where the host has none, by
 * the thread itself, which then waits.
 */
#ifndef KVMLET_USERSPACE_FILE_IO_H
#define KVMLET_USERSPACE_FILE_IO_H

#include <liburing.h>
#include <sys/uio.h>

#include "include/portable.h"

enum file_op_kind { FILE_READ, FILE_WRITE, FILE_SYNC, FILE_PUNCH };

/**
 * struct file_op - one operation
 * @iov:	for FILE_READ and FILE_WRITE, @n pieces
 * @at:		offset in the file
 * @bytes:	for FILE_PUNCH: how many from there on become zeros
 * @next:	file_io.c's
 */
struct file_op {
	enum file_op_kind kind;
	struct iovec *iov;
	unsigned int n;
	u64 at, bytes;
	struct file_op *next;
};

/**
 * struct file_io - a file, and what is under way there; of one thread at a time
 * @fd:		the file
 * @done:	called when an operation is over, with what the system call would have returned, or
 *		a negative errno; it may begin another one
 * @uring:	by io_uring; otherwise operations wait in a list for file_io_work()
 */
struct file_io {
	int fd;
	void (*done)(struct file_io *io, struct file_op *op, long result);
	bool uring;
	struct io_uring ring;
	struct file_op *first, **last;
};

int file_io_open(struct file_io *io, int event, bool uring);
void file_io_begin(struct file_io *io, struct file_op *op);
void file_io_work(struct file_io *io);

#endif
