// SPDX-License-Identifier: GPL-2.0
/*
 * File I/O by io_uring(7), or by preadv(2) and its like. No lock: see struct file_io.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "userspace/devices/file_io.h"

#define ENTRIES		128
#define PUNCH		(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

/* --- by io_uring ---------------------------------------------------------------------------- */

static void put_into_ring(struct file_io *io, struct file_op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring);

	switch (op->kind) {
	case FILE_READ:
		io_uring_prep_readv(sqe, io->fd, op->iov, op->n, op->at);
		break;
	case FILE_WRITE:
		io_uring_prep_writev(sqe, io->fd, op->iov, op->n, op->at);
		break;
	case FILE_SYNC:
		io_uring_prep_fsync(sqe, io->fd, IORING_FSYNC_DATASYNC);
		break;
	case FILE_PUNCH:
		io_uring_prep_fallocate(sqe, io->fd, PUNCH, op->at, op->bytes);
		break;
	}
	io_uring_sqe_set_data(sqe, op);
}

static bool take_from_ring(struct file_io *io)
{
	struct io_uring_cqe *cqe;
	struct file_op *op;
	long result;

	if (io_uring_peek_cqe(&io->ring, &cqe))
		return false;
	op = io_uring_cqe_get_data(cqe);
	result = cqe->res;
	io_uring_cqe_seen(&io->ring, cqe);
	io->done(io, op, result);
	return true;
}

/* The kernel may be short of memory for a moment; all else would be a mistake of this file. */
static void submit(struct file_io *io)
{
	int n;

	while ((n = io_uring_submit(&io->ring)) == -EAGAIN || n == -EBUSY || n == -EINTR)
		sched_yield();
	assert(n >= 0);
}

/* --- by this thread ------------------------------------------------------------------------- */

static long carry_out(const struct file_io *io, const struct file_op *op)
{
	long n = -1;

	switch (op->kind) {
	case FILE_READ:
		n = preadv(io->fd, op->iov, op->n, op->at);
		break;
	case FILE_WRITE:
		n = pwritev(io->fd, op->iov, op->n, op->at);
		break;
	case FILE_SYNC:
		n = fdatasync(io->fd);
		break;
	case FILE_PUNCH:
		n = fallocate(io->fd, PUNCH, op->at, op->bytes);
		break;
	}
	return n < 0 ? -errno : n;
}

static void carry_out_all(struct file_io *io)
{
	struct file_op *op;

	while ((op = io->first)) {
		io->first = op->next;
		if (!io->first)
			io->last = &io->first;
		io->done(io, op, carry_out(io, op));
	}
}

/* --- either way ----------------------------------------------------------------------------- */

/**
 * file_io_open() - get ready
 * @io:		with @fd and @done
 * @event:	an eventfd, signalled when something is over
 * @uring:	by io_uring
 *
 * Return: 0, or a negative errno: this kernel, or what limits this process, has no io_uring.
 */
int file_io_open(struct file_io *io, int event, bool uring)
{
	int err = 0;

	io->uring = uring;
	io->first = NULL;
	io->last = &io->first;
	if (uring)
		err = io_uring_queue_init(ENTRIES, &io->ring, 0);
	if (uring && !err) {
		err = io_uring_register_eventfd(&io->ring, event);
		if (err)
			io_uring_queue_exit(&io->ring);
	}
	return err;
}

/**
 * file_io_begin() - begin an operation; the next file_io_work() makes it known
 * @io:		the file
 * @op:		what to do; it and its pieces stay until it is over
 *
 * At most ENTRIES are under way.
 */
void file_io_begin(struct file_io *io, struct file_op *op)
{
	if (io->uring) {
		put_into_ring(io, op);
		return;
	}
	op->next = NULL;
	*io->last = op;
	io->last = &op->next;
}

/**
 * file_io_work() - make known what was begun, and hear what is over
 * @io:		the file
 */
void file_io_work(struct file_io *io)
{
	if (!io->uring) {
		carry_out_all(io);
		return;
	}
	do
		submit(io);
	while (take_from_ring(io));
}
