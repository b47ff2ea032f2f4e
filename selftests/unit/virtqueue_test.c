// SPDX-License-Identifier: GPL-2.0
/*
 * The device's side of a virtqueue: requests come out as they were put in, and no queue that a
 * guest can make leads outside its memory or into a loop. With userspace/devices/virtqueue.c.
 */
#define _GNU_SOURCE
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "selftests/lib/tap.h"
#include "userspace/devices/virtqueue.h"

#define RAM		(16ULL << 20)
#define SIZE		16
#define DESC		0x10000
#define AVAIL		0x20000
#define USED		0x30000
#define TABLE		0x40000
#define DATA		0x50000
#define RANDOM_ROUNDS	200000

static struct ram ram;
static struct virtqueue vq;
static struct chain chain;

static struct vring_desc *desc(unsigned int i)
{
	return ram_at(&ram, DESC + i * sizeof(struct vring_desc), sizeof(struct vring_desc));
}

static struct vring_avail *avail(void)
{
	return ram_at(&ram, AVAIL, 4);
}

static struct vring_used *used(void)
{
	return ram_at(&ram, USED, 4);
}

static void fresh(void)
{
	memset(ram.base, 0, 0x100000);
	vq = (struct virtqueue) {
		.ram = &ram, .size = SIZE, .enabled = true, .desc = DESC, .avail = AVAIL,
		.used = USED,
	};
}

static void put(unsigned int i, u64 addr, u32 len, u16 flags, u16 next)
{
	*desc(i) = (struct vring_desc) { addr, len, flags, next };
}

static void offer(u16 head)
{
	avail()->ring[avail()->idx % SIZE] = head;
	avail()->idx++;
}

static int take(void)
{
	return virtqueue_take(&vq, &chain);
}

static void good(void)
{
	fresh();
	TAP_EQ(take(), 0, "an empty queue has nothing");
	tap_ok(!virtqueue_waits(&vq), "nothing waits there");
	put(3, DATA, 16, VRING_DESC_F_NEXT, 5);
	put(5, DATA + 0x1000, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	put(1, DATA + 0x2000, 1, VRING_DESC_F_WRITE, 77);
	offer(3);
	tap_ok(virtqueue_waits(&vq), "a request waits");
	TAP_EQ(take(), 1, "a request of three pieces");
	TAP_EQ(chain.head * 100 + chain.nr_read * 10 + chain.nr_write, 312,
	       "has its number, one piece to read and two to write");
	tap_ok(chain.iov[0].iov_base == ram_at(&ram, DATA, 16) && chain.iov[1].iov_len == 512 &&
	       chain.iov[2].iov_base == ram_at(&ram, DATA + 0x2000, 1), "they lie where it says");
	TAP_EQ(take(), 0, "it comes once");
	TAP_EQ(virtqueue_give(&vq, chain.head, 513), 0, "it is given back");
	TAP_EQ(used()->idx, 1, "the guest sees one more");
	TAP_EQ(used()->ring[0].id * 1000 + used()->ring[0].len, 3513, "which one, and how much");
	TAP_EQ(virtqueue_wants_interrupt(&vq), true, "it wants an interrupt");
	avail()->flags = VRING_AVAIL_F_NO_INTERRUPT;
	TAP_EQ(virtqueue_wants_interrupt(&vq), false, "unless it says that it does not");
}

static void wraps(void)
{
	unsigned int i, wrong = 0;

	fresh();
	avail()->idx = 0xfff0;
	used()->idx = 0xfff0;
	vq.next = 0xfff0;
	for (i = 0; i < 40; i++) {
		put(i % SIZE, DATA, i + 1, 0, 0);
		offer(i % SIZE);
		wrong += take() != 1 || chain.iov[0].iov_len != i + 1 ||
			 virtqueue_give(&vq, chain.head, 0);
	}
	TAP_EQ(wrong, 0, "the indices wrap at 65536");
	TAP_EQ(used()->idx, (0xfff0 + 40) & 0xffff, "the used one, too");
}

static void indirect(void)
{
	struct vring_desc *table = ram_at(&ram, TABLE, 4096);

	fresh();
	table[0] = (struct vring_desc) { DATA, 16, VRING_DESC_F_NEXT, 2 };
	table[2] = (struct vring_desc) { DATA, 1, VRING_DESC_F_WRITE, 0 };
	put(0, TABLE, 3 * sizeof(*table), VRING_DESC_F_INDIRECT, 0);
	offer(0);
	TAP_EQ(take(), 1, "a request in a table of its own");
	TAP_EQ(chain.nr_read * 10 + chain.nr_write, 11, "has both pieces");
	table[2].flags = VRING_DESC_F_INDIRECT;
	offer(0);
	TAP_EQ(take(), -1, "a table in a table is broken");
	fresh();
	put(0, TABLE, 3 * sizeof(*table) + 1, VRING_DESC_F_INDIRECT, 0);
	offer(0);
	TAP_EQ(take(), -1, "so is one with a piece of an entry");
	put(0, RAM, 0x1000, VRING_DESC_F_INDIRECT, 0);
	TAP_EQ(take(), -1, "and one outside memory");
	put(0, TABLE, 0, VRING_DESC_F_INDIRECT, 0);
	TAP_EQ(take(), -1, "and an empty one");
}

static void broken(void)
{
	fresh();
	put(0, DATA, 16, VRING_DESC_F_NEXT, 0);
	offer(0);
	TAP_EQ(take(), -1, "a chain that is a ring is broken");
	put(0, DATA, 16, VRING_DESC_F_NEXT, SIZE);
	TAP_EQ(take(), -1, "so is one that leads out of the table");
	put(0, RAM - 8, 16, 0, 0);
	TAP_EQ(take(), -1, "and a piece that ends outside memory");
	put(0, ~0ULL - 7, 16, 0, 0);
	TAP_EQ(take(), -1, "and one that ends at 2^64");
	put(0, DATA, 16, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	put(1, DATA, 16, 0, 0);
	TAP_EQ(take(), -1, "and a piece to read behind one to write");
	put(0, DATA, 16, 0, 0);
	TAP_EQ(take(), 1, "mended, it is taken");
	offer(SIZE);
	TAP_EQ(take(), -1, "a head outside the table is broken");
	avail()->idx += SIZE;
	TAP_EQ(take(), -1, "so are more requests than there are entries");
	vq.avail = RAM - 4;
	TAP_EQ(take(), -1, "and a ring outside memory");
	vq.used = RAM;
	TAP_EQ(virtqueue_give(&vq, 0, 0), -1, "which nothing is given back to");
}

static void legacy(void)
{
	fresh();
	vq.size = 128;
	virtqueue_set_legacy(&vq, 0x10);
	TAP_EQ(vq.desc, 0x10000, "before 1.0: descriptors at the page,");
	TAP_EQ(vq.avail, 0x10800, "the available ring behind them,");
	TAP_EQ(vq.used, 0x11000, "the used ring on the next page");
}

/* Whatever the queue holds, what comes out lies in memory. The sanitizers watch the rest. */
static void random_queues(void)
{
	unsigned int round, i, wrong = 0, taken = 0;
	u64 addr;
	int r;

	srand(1);
	for (round = 0; round < RANDOM_ROUNDS; round++) {
		fresh();
		for (i = 0; i < SIZE; i++) {
			addr = DATA + (unsigned int)rand() % 0x1000;
			if (rand() % 8 == 0)
				addr = (u64)rand() << (rand() % 34);
			put(i, addr, rand() % 8 ? rand() % 600 : rand(), rand() % 8,
			    rand() % (SIZE + 1));
		}
		avail()->idx = rand() % (SIZE + 2);
		for (i = 0; i < SIZE && (r = take()) > 0; i++) {
			taken++;
			wrong += chain.nr_read + chain.nr_write > VIRTQUEUE_SIZE;
			wrong += (u8 *)chain.iov[0].iov_base < ram.base ||
				 (u8 *)chain.iov[0].iov_base + chain.iov[0].iov_len >
				 ram.base + RAM;
			wrong += virtqueue_give(&vq, chain.head, 0) != 0;
		}
	}
	TAP_EQ(wrong, 0, "random queues: no piece lies outside memory");
	tap_ok(taken > RANDOM_ROUNDS / 20, "%u of their requests are good", taken);
}

int main(void)
{
	tap_begin();
	if (ram_alloc(&ram, RAM)) {
		printf("Bail out! no memory\n");
		return 1;
	}
	good();
	wraps();
	indirect();
	broken();
	legacy();
	random_queues();
	ram_free(&ram);
	return tap_end();
}
