// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet run --disk`: an image file as a virtio block device. Virtio 1.2, 5.2.
 *
 * The device's thread (virtio_pci.c) takes requests and begins them; the host carries out as many
 * as there are at a time (file_io.c). A write that the guest has heard of is in the host's page
 * cache, so a flush, which begins later, covers it. The image is locked (flock) against other
 * monitors.
 *
 * pci.lock of the device guards its requests.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userspace/devices/devices.h"
#include "userspace/devices/file_io.h"
#include "userspace/devices/virtio.h"

#define SECTOR		512
#define QCOW2_MAGIC	"QFI\xfb"
#define DISCARD_MOST	0x400000	/* sectors of one request */

/* What is saved of one: the first two must be as they were. */
struct disk_saved {
	u64 sectors;
	u32 read_only, reserved;
	struct virtio_saved virtio;
};

_Static_assert(sizeof(struct disk_saved) == 368, "as Documentation/save-format.rst has it");

/* What is left of a list of pieces. */
struct pieces {
	struct iovec *iov;
	unsigned int n;
};

/**
 * struct request - one of the guest's
 * @op:		what is asked of the host
 * @data:	of a read or write, what is left of it
 * @status:	in the guest's memory
 * @written:	bytes that the device writes if it succeeds
 * @way:	if it is traced
 * @next:	of those that are free
 */
struct request {
	struct file_op op;
	struct chain chain;
	struct pieces data;
	u8 *status;
	u32 written;
	struct way *way;
	struct request *next;
};

struct disk {
	struct virtio virtio;
	struct disk_saved saved;
	struct virtio_blk_config config;
	const char *path;
	struct file_io io;
	u64 size;
	bool read_only, write_through, unsafe;
	bool lost;			/* something that the guest has written */
	enum { IO_ANY, IO_URING, IO_THREAD } how;
	struct request request[VIRTQUEUE_SIZE], *free;
};

static struct disk disks[DISKS_MOST];
static unsigned int nr_disks;

/* --- requests ------------------------------------------------------------------------------- */

static u64 length(const struct pieces *p)
{
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < p->n; i++)
		sum += p->iov[i].iov_len;
	return sum;
}

static void advance(struct pieces *p, size_t bytes)
{
	size_t step;

	for (; p->n && bytes >= p->iov->iov_len; p->iov++, p->n--)
		bytes -= p->iov->iov_len;
	step = p->n ? bytes : 0;
	if (step) {
		p->iov->iov_base = (u8 *)p->iov->iov_base + step;
		p->iov->iov_len -= step;
	}
}

/* Copies the first bytes from there, or to there, and takes them away. */
static bool copy(struct pieces *p, void *buf, size_t bytes, bool to_guest)
{
	size_t step;
	u8 *at = buf;

	if (length(p) < bytes)
		return false;
	for (; bytes; bytes -= step, at += step) {
		step = min(bytes, p->iov->iov_len);
		if (to_guest)
			memcpy(p->iov->iov_base, at, step);
		else
			memcpy(at, p->iov->iov_base, step);
		advance(p, step);
	}
	return true;
}

static void end(struct disk *d, struct request *r, u8 status)
{
	if (r->status)
		*r->status = status;
	trace_hop(r->way, trace_now(), "it is over, status %u", status);
	virtio_give(&d->virtio, 0, &r->chain, !r->status ? 0 :
		    status == VIRTIO_BLK_S_OK ? r->written : 1);
	trace_hop(r->way, trace_now(), "status and used ring are written");
	if (r->way)
		d->virtio.way = r->way;
	r->next = d->free;
	d->free = r;
}

/* A driver that knows no flushes takes a write that is over for lasting. Virtio 1.2, 5.2.6.2. */
static bool lasts_at_once(const struct disk *d)
{
	return !d->unsafe && !d->write_through &&
	       !(d->virtio.accepted & BIT_ULL(VIRTIO_BLK_F_FLUSH));
}

/* The host has done something. A part of a transfer: the rest is begun. */
static void done(struct file_io *io, struct file_op *op, long result)
{
	struct disk *d = container_of(io, struct disk, io);
	struct request *r = container_of(op, struct request, op);
	const bool transfer = op->kind == FILE_READ || op->kind == FILE_WRITE;
	u8 status = result < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;

	/* A disk's own sectors may be larger than the guest's. The range then reads as before. */
	if (op->kind == FILE_PUNCH && (result == -EOPNOTSUPP || result == -EINVAL))
		status = VIRTIO_BLK_S_OK;
	if (transfer && !result)
		status = VIRTIO_BLK_S_IOERR;	/* the image has become shorter */
	if (transfer && result > 0) {
		advance(&r->data, result);
		op->at += result;
	}
	if (result == -EINTR || (transfer && result > 0 && r->data.n)) {
		op->iov = r->data.iov;
		op->n = r->data.n;
		file_io_begin(io, op);
	} else if (op->kind == FILE_WRITE && status == VIRTIO_BLK_S_OK && lasts_at_once(d)) {
		op->kind = FILE_SYNC;
		file_io_begin(io, op);
	} else {
		end(d, r, status);
	}
}

static void ask(struct disk *d, struct request *r, enum file_op_kind kind, u64 at, u64 bytes)
{
	r->op = (struct file_op) {
		.kind = kind, .iov = r->data.iov, .n = r->data.n, .at = at, .bytes = bytes,
	};
	trace_hop(r->way, trace_now(), d->io.uring ? "submitted to io_uring" : "pwritev(2)");
	file_io_begin(&d->io, &r->op);
}

static void follow(struct disk *d, struct request *r, u64 sector, u64 bytes)
{
	char what[80];

	snprintf(what, sizeof(what), "disk%u: a write of %llu bytes to sector %llu",
		 (unsigned int)(d - disks), (unsigned long long)bytes, (unsigned long long)sector);
	r->way = trace_way(what, d->virtio.notify);
	trace_hop(r->way, d->virtio.woken, "read(2) of the eventfd returns in the disk's thread");
	trace_hop(r->way, trace_now(), "the request is out of the queue, its addresses checked");
}

static void transfer(struct disk *d, struct request *r, u64 sector, bool write)
{
	u64 bytes = length(&r->data);

	if (write)
		follow(d, r, sector, bytes);

	if (bytes % SECTOR || sector > d->size / SECTOR || bytes > d->size - sector * SECTOR ||
	    (write && d->read_only))
		end(d, r, VIRTIO_BLK_S_IOERR);
	else if (!bytes)
		end(d, r, VIRTIO_BLK_S_OK);
	else
		ask(d, r, write ? FILE_WRITE : FILE_READ, sector * SECTOR, bytes);
}

static void flush(struct disk *d, struct request *r)
{
	bool lost = d->lost;

	/* The host tells but once of what it could not write: disks_settle() has heard of it. */
	d->lost = false;
	if (lost || d->unsafe)
		end(d, r, lost ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
	else
		ask(d, r, FILE_SYNC, 0, 0);
}

/* A discarded range reads as zeros, or as before where the host cannot punch holes. */
static void discard(struct disk *d, struct request *r, struct pieces *p)
{
	struct virtio_blk_discard_write_zeroes range = { .num_sectors = 0 };
	u64 at, bytes;

	if (d->read_only || length(p) != sizeof(range) ||
	    !copy(p, &range, sizeof(range), false)) {
		end(d, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	bytes = (u64)range.num_sectors * SECTOR;
	at = range.sector * SECTOR;
	if (range.flags)
		end(d, r, VIRTIO_BLK_S_UNSUPP);
	else if (range.num_sectors > DISCARD_MOST || range.sector > d->size / SECTOR ||
		 bytes > d->size - at)
		end(d, r, VIRTIO_BLK_S_IOERR);
	else if (!bytes)
		end(d, r, VIRTIO_BLK_S_OK);
	else
		ask(d, r, FILE_PUNCH, at, bytes);
}

static void give_id(struct disk *d, struct request *r, struct pieces *p)
{
	char id[VIRTIO_BLK_ID_BYTES + 1] = "";

	snprintf(id, sizeof(id), "kvmlet%u", (unsigned int)(d - disks));
	end(d, r, copy(p, id, VIRTIO_BLK_ID_BYTES, true) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
}

static void begin_kind(struct disk *d, struct request *r, struct pieces *out, struct pieces *in)
{
	struct virtio_blk_outhdr head;

	if (!copy(out, &head, sizeof(head), false)) {
		end(d, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	switch (head.type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		r->data = head.type == VIRTIO_BLK_T_IN ? *in : *out;
		transfer(d, r, head.sector, head.type == VIRTIO_BLK_T_OUT);
		break;
	case VIRTIO_BLK_T_FLUSH:
		flush(d, r);
		break;
	case VIRTIO_BLK_T_DISCARD:
		discard(d, r, out);
		break;
	case VIRTIO_BLK_T_GET_ID:
		give_id(d, r, in);
		break;
	default:
		end(d, r, VIRTIO_BLK_S_UNSUPP);
	}
}

/* The last byte that the device writes is the status. */
static void begin(struct disk *d, struct request *r)
{
	struct chain *c = &r->chain;
	struct pieces out = { c->iov, c->nr_read };
	struct pieces in = { c->iov + c->nr_read, c->nr_write };
	struct iovec *last = in.iov + in.n - 1;

	d->free = r->next;
	r->status = NULL;
	r->way = NULL;
	r->data = (struct pieces) { NULL, 0 };
	if (!in.n || !last->iov_len) {
		end(d, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	r->status = (u8 *)last->iov_base + --last->iov_len;
	r->written = length(&in) + 1;
	begin_kind(d, r, &out, &in);
}

static void work(void *dev)
{
	struct disk *d = dev;

	file_io_work(&d->io);
	while (d->free && virtio_take(&d->virtio, 0, &d->free->chain))
		begin(d, d->free);
	file_io_work(&d->io);
}

/* --- the image ------------------------------------------------------------------------------ */

static int parse(struct disk *d, char *spec)
{
	static const char * const known[] = {
		"ro", "cache=writeback", "cache=writethrough", "cache=unsafe", "io=uring",
		"io=thread",
	};
	unsigned int i;
	char *word;

	d->path = strsep(&spec, ",");
	while ((word = strsep(&spec, ",")) != NULL) {
		d->read_only |= !strcmp(word, "ro");
		d->write_through |= !strcmp(word, "cache=writethrough");
		d->unsafe |= !strcmp(word, "cache=unsafe");
		if (!strncmp(word, "io=", 3))
			d->how = strcmp(word, "io=uring") ? IO_THREAD : IO_URING;
		for (i = 0; i < ARRAY_SIZE(known) && strcmp(word, known[i]); i++)
			;
		if (i == ARRAY_SIZE(known)) {
			report("--disk %s: '%s': expected ro, cache=writeback, cache=writethrough, "
			       "cache=unsafe, io=uring or io=thread", d->path, word);
			return -1;
		}
	}
	return 0;
}

static const char *locked(const struct disk *d)
{
	if (!flock(d->io.fd, (d->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB))
		return NULL;
	if (errno != EWOULDBLOCK)
		return strerror(errno);
	return "another program has locked it; two that write would ruin it";
}

/* What is wrong with the image, or NULL. */
static const char *examine(struct disk *d)
{
	char magic[4] = "";
	struct stat st;
	off_t end;

	if (fstat(d->io.fd, &st))
		return strerror(errno);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return "neither a file nor a block device";
	end = lseek(d->io.fd, 0, SEEK_END);
	if (end < SECTOR)
		return "smaller than a sector (512 bytes); `truncate -s 64M FILE' makes it larger";
	if (end % SECTOR)
		return "its size is not a whole number of sectors (512 bytes)";
	if (pread(d->io.fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	    !memcmp(magic, QCOW2_MAGIC, sizeof(magic)))
		return "a qcow2 image, not a raw one; `qemu-img convert -O raw' makes one";
	d->size = end;
	return locked(d);
}

static int open_image(struct disk *d)
{
	const char *wrong;

	d->io.fd = open(d->path, (d->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC |
		     (d->write_through ? O_DSYNC : 0));
	if (d->io.fd < 0) {
		report("--disk %s: %s%s", d->path, strerror(errno),
		       errno == EACCES || errno == EROFS ? " (read-only: --disk FILE,ro)" : "");
		return -1;
	}
	wrong = examine(d);
	if (wrong)
		report("--disk %s: %s", d->path, wrong);
	return wrong ? -1 : 0;
}

static void describe(struct disk *d)
{
	d->config.capacity = d->size / SECTOR;
	d->config.seg_max = VIRTQUEUE_SIZE - 2;
	d->config.blk_size = SECTOR;
	d->config.max_discard_sectors = DISCARD_MOST;
	d->config.max_discard_seg = 1;
	d->config.discard_sector_alignment = 8;
	d->virtio.features = BIT_ULL(VIRTIO_BLK_F_SEG_MAX) | BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) |
			     BIT_ULL(VIRTIO_BLK_F_FLUSH);
	d->virtio.features |= BIT_ULL(d->read_only ? VIRTIO_BLK_F_RO : VIRTIO_BLK_F_DISCARD);
	d->virtio.config = &d->config;
	d->virtio.config_len = sizeof(d->config);
	d->virtio.queues = 1;
	d->virtio.work = work;
	d->virtio.dev = d;
	snprintf(d->virtio.name, sizeof(d->virtio.name), "disk%u", (unsigned int)(d - disks));
}

/* Unless told how, by io_uring where the host has it and allows it. */
static int open_io(struct disk *d)
{
	unsigned int i;
	int err;

	for (i = 0; i < VIRTQUEUE_SIZE; i++)
		d->request[i].next = i ? &d->request[i - 1] : NULL;
	d->free = &d->request[VIRTQUEUE_SIZE - 1];
	d->io.done = done;
	err = file_io_open(&d->io, d->virtio.kick, d->how != IO_THREAD);
	if (err && d->how == IO_ANY)
		err = file_io_open(&d->io, d->virtio.kick, false);
	if (err)
		report("--disk %s: io_uring: %s; io=thread goes without", d->path, strerror(-err));
	return err;
}

static void saving(void *dev)
{
	struct disk *d = dev;

	d->saved = (struct disk_saved) {
		.sectors = d->config.capacity, .read_only = d->read_only,
	};
	virtio_save(&d->virtio, &d->saved.virtio, NULL);
}

static const char *loaded(void *dev)
{
	struct disk *d = dev;

	if (d->saved.sectors != d->config.capacity)
		return "its image had another size";
	if (d->saved.read_only != d->read_only)
		return d->read_only ? "it could be written, and this one is read-only" :
				      "it was read-only, and this one is not";
	virtio_restore(&d->virtio, &d->saved.virtio, NULL);
	return NULL;
}

static int add_disk(struct disk *d, struct vm *vm, char *spec)
{
	struct kept kept = {
		.state = &d->saved, .size = sizeof(d->saved), .loaded = loaded, .dev = d,
		.saving = saving,
	};

	d->io.fd = -1;
	if (parse(d, spec) || open_image(d))
		return -1;
	describe(d);
	if (virtio_add(&d->virtio, vm, VIRTIO_ID_BLOCK)) {
		report("--disk %s: %s", d->path, strerror(errno));
		return -1;
	}
	if (open_io(d))
		return -1;
	memcpy(kept.name, d->virtio.name, sizeof(kept.name));
	vm_keep(vm, &kept);
	return 0;
}

/**
 * disks_init() - open images and put their disks on the PCI bus
 * @vm:		the VM, after virtio_bus()
 * @specs:	FILE[,ro][,cache=...][,io=...] for each; they are cut up
 * @n:		how many, at most DISKS_MOST
 *
 * Return: 0, or -1 with the reason reported.
 */
int disks_init(struct vm *vm, char * const *specs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (add_disk(&disks[i], vm, specs[i]))
			return -1;
	nr_disks = n;
	return 0;
}

/**
 * disks_settle() - write what the guest has written
 *
 * A saved guest takes for written what the host's page cache has.
 *
 * Context: after virtio_stop(). Return: 0, or -1 with the reason reported.
 */
int disks_settle(void)
{
	struct disk *d;

	for (d = disks; d < disks + nr_disks; d++)
		if (!d->read_only && !d->unsafe && fdatasync(d->io.fd)) {
			d->lost = true;
			report("--disk %s: %s", d->path, strerror(errno));
			return -1;
		}
	return 0;
}
