// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet run --disk`: an image file as a virtio block device. Virtio 1.2, 5.2.
 *
 * Requests are carried out one after the other by the device's thread (virtio_pci.c), so that all
 * that was acknowledged before a flush is written when the flush begins. The image is locked
 * (flock) against other monitors.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userspace/devices/devices.h"
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

struct disk {
	struct virtio virtio;
	struct disk_saved saved;
	struct virtio_blk_config config;
	const char *path;
	int fd;
	u64 size;
	bool read_only, write_through, unsafe;
};

static struct disk disks[DISKS_MOST];
static unsigned int nr_disks;

/* --- requests ------------------------------------------------------------------------------- */

/* What is left of a list of pieces. */
struct pieces {
	struct iovec *iov;
	unsigned int n;
};

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

static u8 transfer(const struct disk *d, struct pieces *p, u64 sector, bool write)
{
	u64 left = length(p), at = sector * SECTOR;
	ssize_t n;

	if (left % SECTOR || sector > d->size / SECTOR || left > d->size - at ||
	    (write && d->read_only))
		return VIRTIO_BLK_S_IOERR;
	for (; left; left -= n, at += n) {
		n = write ? pwritev(d->fd, p->iov, p->n, at) : preadv(d->fd, p->iov, p->n, at);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return VIRTIO_BLK_S_IOERR;
		advance(p, n);
	}
	return VIRTIO_BLK_S_OK;
}

static u8 flush(const struct disk *d)
{
	return d->unsafe || !fdatasync(d->fd) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

/* A discarded range reads as zeros, or as before where the host cannot punch holes. */
static u8 discard(const struct disk *d, struct pieces *p)
{
	struct virtio_blk_discard_write_zeroes range;
	u64 at, bytes;

	if (d->read_only || length(p) != sizeof(range) ||
	    !copy(p, &range, sizeof(range), false))
		return VIRTIO_BLK_S_IOERR;
	if (range.flags)
		return VIRTIO_BLK_S_UNSUPP;
	bytes = (u64)range.num_sectors * SECTOR;
	at = range.sector * SECTOR;
	if (range.num_sectors > DISCARD_MOST || range.sector > d->size / SECTOR ||
	    bytes > d->size - at)
		return VIRTIO_BLK_S_IOERR;
	if (!bytes || !fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, bytes) ||
	    errno == EOPNOTSUPP)
		return VIRTIO_BLK_S_OK;
	return VIRTIO_BLK_S_IOERR;
}

static u8 give_id(const struct disk *d, struct pieces *p)
{
	char id[VIRTIO_BLK_ID_BYTES + 1] = "";

	snprintf(id, sizeof(id), "kvmlet%u", (unsigned int)(d - disks));
	return copy(p, id, VIRTIO_BLK_ID_BYTES, true) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

static u8 carry_out(const struct disk *d, struct pieces *out, struct pieces *in)
{
	struct virtio_blk_outhdr head;

	if (!copy(out, &head, sizeof(head), false))
		return VIRTIO_BLK_S_IOERR;
	switch (head.type) {
	case VIRTIO_BLK_T_IN:
		return transfer(d, in, head.sector, false);
	case VIRTIO_BLK_T_OUT:
		return transfer(d, out, head.sector, true);
	case VIRTIO_BLK_T_FLUSH:
		return flush(d);
	case VIRTIO_BLK_T_DISCARD:
		return discard(d, out);
	case VIRTIO_BLK_T_GET_ID:
		return give_id(d, in);
	}
	return VIRTIO_BLK_S_UNSUPP;
}

/* The last byte that the device writes is the status. */
static u32 serve(void *dev, const struct chain *chain)
{
	struct chain c = *chain;
	struct pieces out = { c.iov, c.nr_read };
	struct pieces in = { c.iov + c.nr_read, c.nr_write };
	struct iovec *last = in.iov + in.n - 1;
	u32 written;
	u8 *status;

	if (!in.n || !last->iov_len)
		return 0;
	status = (u8 *)last->iov_base + --last->iov_len;
	written = length(&in) + 1;
	*status = carry_out(dev, &out, &in);
	return *status == VIRTIO_BLK_S_OK ? written : 1;
}

/* --- the image ------------------------------------------------------------------------------ */

static int parse(struct disk *d, char *spec)
{
	static const char * const known[] = {
		"ro", "cache=writeback", "cache=writethrough", "cache=unsafe"
	};
	unsigned int i;
	char *word;

	d->path = strsep(&spec, ",");
	while ((word = strsep(&spec, ",")) != NULL) {
		d->read_only |= !strcmp(word, "ro");
		d->write_through |= !strcmp(word, "cache=writethrough");
		d->unsafe |= !strcmp(word, "cache=unsafe");
		for (i = 0; i < ARRAY_SIZE(known) && strcmp(word, known[i]); i++)
			;
		if (i == ARRAY_SIZE(known)) {
			report("--disk %s: '%s': expected ro, cache=writeback, "
			       "cache=writethrough or cache=unsafe", d->path, word);
			return -1;
		}
	}
	return 0;
}

static const char *locked(const struct disk *d)
{
	if (!flock(d->fd, (d->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB))
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

	if (fstat(d->fd, &st))
		return strerror(errno);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return "neither a file nor a block device";
	end = lseek(d->fd, 0, SEEK_END);
	if (end < SECTOR)
		return "smaller than a sector (512 bytes); `truncate -s 64M FILE' makes it larger";
	if (end % SECTOR)
		return "its size is not a whole number of sectors (512 bytes)";
	if (pread(d->fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	    !memcmp(magic, QCOW2_MAGIC, sizeof(magic)))
		return "a qcow2 image, not a raw one; `qemu-img convert -O raw' makes one";
	d->size = end;
	return locked(d);
}

static int open_image(struct disk *d)
{
	const char *wrong;

	d->fd = open(d->path, (d->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC |
		     (d->write_through ? O_DSYNC : 0));
	if (d->fd < 0) {
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
	d->virtio.serve = serve;
	d->virtio.dev = d;
}

static void saving(void *dev)
{
	struct disk *d = dev;

	d->saved = (struct disk_saved) {
		.sectors = d->config.capacity, .read_only = d->read_only,
	};
	virtio_save(&d->virtio, &d->saved.virtio);
}

static const char *loaded(void *dev)
{
	struct disk *d = dev;

	if (d->saved.sectors != d->config.capacity)
		return "its image had another size";
	if (d->saved.read_only != d->read_only)
		return d->read_only ? "it could be written, and this one is read-only" :
				      "it was read-only, and this one is not";
	virtio_restore(&d->virtio, &d->saved.virtio);
	return NULL;
}

static int add_disk(struct disk *d, struct vm *vm, char *spec)
{
	struct kept kept = {
		.state = &d->saved, .size = sizeof(d->saved), .loaded = loaded, .dev = d,
		.saving = saving,
	};

	d->fd = -1;
	if (parse(d, spec) || open_image(d))
		return -1;
	describe(d);
	if (virtio_add(&d->virtio, vm, VIRTIO_ID_BLOCK)) {
		report("--disk %s: %s", d->path, strerror(errno));
		return -1;
	}
	snprintf(kept.name, sizeof(kept.name), "disk%u", (unsigned int)(d - disks));
	vm_keep(vm, &kept);
	return 0;
}

static int check_driver(const struct vm *vm)
{
	static const int needed[] = {
		KVM_CAP_IOEVENTFD, KVM_CAP_IOEVENTFD_NO_LENGTH, KVM_CAP_IRQFD, KVM_CAP_IRQ_ROUTING
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(needed); i++)
		if (!vm_has(vm, needed[i])) {
			report("%s: --disk: the driver has no eventfds for requests and "
			       "interrupts (capability %d)", vm->device, needed[i]);
			return -1;
		}
	return 0;
}

/**
 * disks_init() - open images and put their disks on a PCI bus
 * @vm:		the VM
 * @specs:	FILE[,ro][,cache=...] for each; they are cut up
 * @n:		how many, at most DISKS_MOST; without any there is no bus
 *
 * Return: 0, or -1 with the reason reported.
 */
int disks_init(struct vm *vm, char * const *specs, unsigned int n)
{
	unsigned int i;

	if (!n)
		return 0;
	if (check_driver(vm))
		return -1;
	pci_init(vm);
	for (i = 0; i < n; i++)
		if (add_disk(&disks[i], vm, specs[i]))
			return -1;
	nr_disks = n;
	return 0;
}

/**
 * disks_start() - let the disks serve requests
 *
 * Context: signals are blocked. Return: 0, or -1 with the reason reported.
 */
int disks_start(void)
{
	unsigned int i;

	for (i = 0; i < nr_disks; i++)
		if (virtio_start(&disks[i].virtio)) {
			report("--disk %s: %s", disks[i].path, strerror(errno));
			return -1;
		}
	return 0;
}

/**
 * disks_stop() - let the disks finish what they have begun
 *
 * Context: no vCPU runs any more.
 */
void disks_stop(void)
{
	unsigned int i;

	for (i = 0; i < nr_disks; i++)
		virtio_stop(&disks[i].virtio);
}

/**
 * disks_settle() - stop the disks, and write what the guest has written
 *
 * A saved guest takes for written what the host's page cache has.
 *
 * Context: no vCPU runs. Return: 0, or -1 with the reason reported; disks_start() undoes it.
 */
int disks_settle(void)
{
	struct disk *d;

	disks_stop();
	for (d = disks; d < disks + nr_disks; d++)
		if (!d->read_only && flush(d) != VIRTIO_BLK_S_OK) {
			report("--disk %s: %s", d->path, strerror(errno));
			return -1;
		}
	return 0;
}
