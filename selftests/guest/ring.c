// SPDX-License-Identifier: GPL-2.0
/*
 * Dirty rings miss no write, and a monitor that writes nonsense into one harms only itself. The
 * guest keeps a journal of the pages that it has written, as in dirty.c.
 *
 *	ring DEVICE [SEED [ROUNDS]]
 *
 * lab:
 * lab@kvmlet: --cpu corei7_skylake_x
 */
#define _GNU_SOURCE
#include <pthread.h>
#include "selftests/lib/userfault.h"
#include "selftests/lib/vm.h"

#define AREA		0x20000000UL
#define AREA_PAGES	1024
#define AREA_SIZE	(AREA_PAGES * PAGE)
#define WORDS		(AREA_PAGES / 64)
#define SLOT		7
#define ENTRIES		1024
#define SYSTEM_TIME	0x4b564d01	/* MSR_KVM_SYSTEM_TIME_NEW */
#define RING_BYTES	(ENTRIES * sizeof(struct kvm_dirty_gfn))

static const char *path;
static struct vm vm;
static struct vcpu vcpu;
static struct kvm_dirty_gfn *ring;
static uint8_t *area;
static uint64_t journal[WORDS], marks[WORDS];
static volatile uint64_t seed = 1, writes;
static unsigned int next, foreign;
static volatile bool stop;
static unsigned int rounds = 30;

/* --- the guest -------------------------------------------------------------------------- */

static uint64_t next_random(void)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return seed >> 33;
}

static void writer(void)
{
	uint64_t i, page;

	for (;;) {
		for (i = 0; i < writes; i++) {
			page = writes == AREA_PAGES ? i : next_random() % AREA_PAGES;
			journal[page / 64] |= 1ULL << page % 64;
			*(volatile uint64_t *)(AREA + page * PAGE) = seed ^ i;
		}
		guest_sync(1);
	}
}

/* --- the monitor ------------------------------------------------------------------------ */

/* Takes all that is in the ring. */
static unsigned int take(void)
{
	unsigned int n;

	for (n = 0; __atomic_load_n(&ring[next].flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY;
	     n++) {
		struct kvm_dirty_gfn *entry = &ring[next];

		if (entry->slot == SLOT && entry->offset < AREA_PAGES)
			marks[entry->offset / 64] |= 1ULL << entry->offset % 64;
		else
			foreign++;
		__atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		next = (next + 1) % ENTRIES;
	}
	return n;
}

static int reset_rings(void)
{
	return call(vm.fd, KVM_RESET_DIRTY_RINGS, 0);
}

static int enable(int fd, uint64_t bytes)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { bytes } };

	return call(fd, KVM_ENABLE_CAP, &cap);
}

static void *map_ring(int flags, int prot)
{
	return mmap(NULL, RING_BYTES, prot, flags, vcpu.fd, KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
}

/* Runs the guest up to its sync, serving a full ring; the number of times it was full. */
static int serve(uint64_t n)
{
	int full = 0, r;

	writes = n;
	while ((r = vcpu_run_on(&vcpu)) == KVM_EXIT_DIRTY_RING_FULL && full < 1000) {
		take();
		reset_rings();
		full++;
	}
	return r == KVM_EXIT_IO ? full : -1;
}

static void errors(void)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = marks };
	struct vm other;

	vm_open(&other, path);
	TAP_EQ(call(other.fd, KVM_RESET_DIRTY_RINGS, 0), -EINVAL, "no rings, no reset: EINVAL");
	TAP_EQ(enable(other.fd, 3 * PAGE), -EINVAL, "not a power of two: EINVAL");
	TAP_EQ(enable(other.fd, 64), -EINVAL, "too small: EINVAL");
	TAP_EQ(enable(other.fd, 1 << 21), -E2BIG, "too large: E2BIG");
	vm_close(&other);
	TAP_EQ(enable(vm.fd, RING_BYTES), -EINVAL, "a second time: EINVAL");
	TAP_EQ(call(vm.fd, KVM_GET_DIRTY_LOG, &log), -ENXIO, "there are no bitmaps: ENXIO");
}

/* What is read, and who may map it how. */
static void mapping(void)
{
	TAP_EQ(map_ring(MAP_PRIVATE, PROT_READ | PROT_WRITE) == MAP_FAILED, 1,
	       "a private mapping of the ring is refused");
	TAP_EQ(map_ring(MAP_SHARED, PROT_READ | PROT_EXEC) == MAP_FAILED, 1,
	       "an executable one, too");
	ring = map_ring(MAP_SHARED, PROT_READ | PROT_WRITE);
	tap_ok(ring != MAP_FAILED, "it is mapped");
	TAP_EQ(ring[0].flags | ring[ENTRIES - 1].flags, 0, "and empty");
}

static void exact(void)
{
	unsigned int i, wrong = 0, entries = 0;
	int full = 0, n;

	for (i = 0; i < rounds; i++) {
		memset(journal, 0, sizeof(journal));
		memset(marks, 0, sizeof(marks));
		n = serve(i == 0 || i == 7 ? AREA_PAGES : 40);
		full += n;
		entries += take();
		reset_rings();
		if (n < 0 || memcmp(marks, journal, sizeof(marks)))
			wrong++;
	}
	printf("# %u entries at the ends, %d times full\n", entries, full);
	TAP_EQ(wrong, 0, "each ring has the pages written since the last, in %u rounds", rounds);
	tap_ok(full >= 2, "a ring that is nearly full stops the guest until it is reset");
	TAP_EQ(foreign, 0, "no entry is of another slot");
}

/* The hypervisor writes a record of the guest's, twice. */
static void by_us(void)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} clock = { { .nmsrs = 1 }, { .index = SYSTEM_TIME, .data = AREA + 5 * PAGE + 1 } };

	TAP_EQ(call(vcpu.fd, KVM_SET_MSRS, &clock), 1, "kvm-clock is in a logged page");
	serve(0);
	TAP_EQ(take(), 1, "that is written and told");
	call(vcpu.fd, KVM_SET_MSRS, &clock);
	serve(0);
	TAP_EQ(take(), 1, "written again before the ring is reset: told again");
	clock.entry.data = 0;
	call(vcpu.fd, KVM_SET_MSRS, &clock);
	reset_rings();
}

static int asked;

static void *ask_reset(void *unused)
{
	/* Told too early would be lost by now. */
	take();
	memset(marks, 0, sizeof(marks));
	asked = reset_rings();
	return unused;
}

static void while_it_waits(void)
{
	const char *name = "rings are reset while a write waits for its page";
	int r, taken;

	serve(40);
	taken = take();
	r = ask_meanwhile(&vcpu, AREA + 5 * PAGE, area + 5 * PAGE, ask_reset);
	if (r < 0) {
		tap_skip(name, "this host's userfaultfd cannot do that");
		return;
	}
	TAP_EQ(r, 1, "%s", name);
	TAP_EQ(asked, taken, "all that was taken");
	take();
	TAP_EQ(marks[0], 1 << 5, "the write is told after that");
	reset_rings();
	vcpu_long_mode(&vcpu, writer, 0);
}

static void not_reset(void)
{
	unsigned int i;

	writes = AREA_PAGES;
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_DIRTY_RING_FULL, "a full ring ends KVM_RUN");
	for (i = 0; i < 3 && vcpu_run_on(&vcpu) == KVM_EXIT_DIRTY_RING_FULL; i++)
		;
	TAP_EQ(i, 3, "again and again, as long as nothing is reset");
	TAP_EQ(reset_rings(), 0, "what was not taken is not reset");
	tap_ok(take() > 0 && reset_rings() > 0, "taken and reset");
	TAP_EQ(serve(AREA_PAGES) >= 0, 1, "the guest goes on");
	take();
	reset_rings();
}

/* Another thread writes whatever it likes to the ring while the guest runs. */
static void *tamper(void *unused)
{
	volatile uint64_t *words = (uint64_t *)ring;
	uint64_t x = 88172645463325252ULL;

	while (!stop) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		words[x % (RING_BYTES / 8)] = x & 64 ? x : x & 3 ? ~0ULL : SLOT | 2ULL << 32;
		if (x % 16 == 0)
			reset_rings();
	}
	return unused;
}

static void tampered(void)
{
	unsigned int i, runs = 0;
	pthread_t thread;
	int r;

	stop = false;
	writes = 200;
	pthread_create(&thread, NULL, tamper, NULL);
	for (i = 0; i < 200; i++) {
		r = vcpu_run_on(&vcpu);
		runs += r == KVM_EXIT_IO || r == KVM_EXIT_DIRTY_RING_FULL;
	}
	stop = true;
	pthread_join(thread, NULL);
	TAP_EQ(runs, 200, "nonsense in the ring: the guest runs, or waits for room");
	for (i = 0; i < ENTRIES; i++)
		ring[i].flags = KVM_DIRTY_GFN_F_RESET;
	reset_rings();
	vm_slot(&vm, SLOT, 0, AREA, AREA_SIZE, area);
	/* Upstream 6.1 frees entries that were never in use: its ring seems full for ever. */
	if (!strcmp(path, "/dev/kvm"))
		tap_skip("after the log the guest runs as before", "upstream's ring stays full");
	else
		TAP_EQ(serve(AREA_PAGES), 0, "after the log the guest runs as before");
}

static void ring_machine(void)
{
	vm_open(&vm, path);
	vm_memory(&vm);
	TAP_EQ(enable(vm.fd, RING_BYTES), 0, "rings of 1,024 entries");
	if (vcpu_open(&vm, &vcpu, 0) < 0)
		printf("Bail out! KVM_CREATE_VCPU\n");
	vcpu_supported_cpuid(&vm, &vcpu);
	vcpu_long_mode(&vcpu, writer, 0);
	area = pages(AREA_SIZE);
	memset(area, 1, AREA_SIZE);
	TAP_EQ(vm_slot(&vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, AREA, AREA_SIZE, area), 0,
	       "a logged slot");
}

int main(int argc, char **argv)
{
	tap_begin();
	path = device_path(argc, argv);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	if (argc > 3) {
		rounds = strtoul(argv[3], NULL, 0);
		alarm(0);
	}
	ring_machine();
	errors();
	mapping();
	exact();
	by_us();
	while_it_waits();
	not_reset();
	tampered();
	munmap(ring, RING_BYTES);
	machine_close(&vm, &vcpu);
	return tap_end();
}
