// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet run --rng`: the host's random numbers as a virtio entropy device. Virtio 1.2, 5.4.
 *
 * A request is memory to fill. getrandom(2) never waits once the host's generator has been seeded,
 * which is waited for before the guest runs.
 */
#include <errno.h>
#include <linux/virtio_ids.h>
#include <sys/random.h>

#include "userspace/devices/virtio.h"

#define MOST	4096		/* bytes for a request: the guest may ask again */

static struct rng {
	struct virtio virtio;
	struct virtio_saved saved;
} rng;

_Static_assert(sizeof(rng.saved) == 352, "as Documentation/save-format.rst has it");

/* What the host does not give is not told as given. */
static u32 fill(const struct iovec *iov, unsigned int n)
{
	u32 done = 0;
	ssize_t got;

	for (; n && done < MOST; n--, iov++) {
		got = getrandom(iov->iov_base, min_t(size_t, iov->iov_len, MOST - done), 0);
		if (got < 0)
			break;
		done += got;
	}
	return done;
}

static void work(void *dev)
{
	struct rng *r = dev;
	struct chain chain;

	while (virtio_take(&r->virtio, 0, &chain))
		virtio_give(&r->virtio, 0, &chain,
			    fill(chain.iov + chain.nr_read, chain.nr_write));
}

static void saving(void *dev)
{
	struct rng *r = dev;

	virtio_save(&r->virtio, &r->saved, NULL);
}

static const char *loaded(void *dev)
{
	struct rng *r = dev;

	virtio_restore(&r->virtio, &r->saved, NULL);
	return NULL;
}

/**
 * rng_init() - put the device on the PCI bus
 * @vm:		the VM, after virtio_bus()
 *
 * Return: 0, or -1 with the reason reported.
 */
int rng_init(struct vm *vm)
{
	const struct kept kept = {
		.name = "rng", .state = &rng.saved, .size = sizeof(rng.saved), .loaded = loaded,
		.dev = &rng, .saving = saving,
	};
	u8 byte;

	rng.virtio.queues = 1;
	rng.virtio.work = work;
	rng.virtio.dev = &rng;
	memcpy(rng.virtio.name, kept.name, sizeof(kept.name));
	if (getrandom(&byte, 1, 0) != 1) {
		report("--rng: getrandom(2): %s; without it a guest has RDRAND, if at all",
		       strerror(errno));
		return -1;
	}
	if (virtio_add(&rng.virtio, vm, VIRTIO_ID_RNG)) {
		report("--rng: %s", strerror(errno));
		return -1;
	}
	vm_keep(vm, &kept);
	return 0;
}
