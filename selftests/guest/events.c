// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever the host does to the pages behind a guest, the guest's data is right. The guest writes
 * words to random pages, remembers them, and checks what it reads. Meanwhile another thread pages
 * out, merges, compacts, forks, protects, unmaps and maps again, splits and joins huge pages, moves
 * pages between NUMA nodes and has userfaultfd ask for them: all that keeps data must keep it, and
 * at once.
 *
 *	events DEVICE [PAGES [SEED]]
 *
 * lab: --cmdline numa=fake=2
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "selftests/lib/vm.h"

#define AREA		0x20000000UL
#define HUGE		0x200000UL
#define AREA_SIZE	(2 * HUGE)
#define AREA_PAGES	(AREA_SIZE / PAGE)
#define WORDS		4		/* of a page that are used */
#define BOUNDED		10500		/* pages, unless told: make campaign-memory checks more */
#define SLICE		50		/* pages between two syncs, */
#define EVENTS		4		/* and events at least */
#define COLLAPSE	25		/* MADV_COLLAPSE, newer than some headers */

typedef void (*event_fn)(void);

struct scene {
	const char *name;
	unsigned int pause_us;		/* after each slice, for a daemon of the host's */
	unsigned int values;		/* of each word; few let pages be equal */
	const char *proof;		/* counter of /proc/vmstat that grows if it happens */
	bool shared, huge, swap, numa;
	uint64_t uffd;			/* UFFDIO_REGISTER_MODE_* */
	event_fn events[10];
};

static const struct scene *scene;
static struct vm vm;
static struct vcpu vcpu;
static uint8_t *area;
static int memory_fd = -1;
static bool has_swap;
static volatile bool stop;
static volatile uint64_t values, checked, written, wrong, wrong_page, wrong_word, seed = 7;
static uint64_t journal[AREA_PAGES][WORDS];
static volatile uint64_t events, syncs;
static unsigned int efaults, leaked;

/* --- the guest -------------------------------------------------------------------------- */

static uint64_t next_random(void)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return seed >> 33;
}

static void check_page(uint64_t page)
{
	volatile uint64_t *words = (volatile uint64_t *)(AREA + page * PAGE);
	uint64_t i, n = next_random() % WORDS;

	for (i = 0; i < WORDS; i++) {
		if (words[i * 128 + 5] != journal[page][i]) {
			wrong_page = page;
			wrong_word = words[i * 128 + 5];
			wrong++;
			journal[page][i] = wrong_word;
		}
	}
	checked++;
	if (next_random() & 1)
		return;
	written++;
	/* Half of the pages are only read, so that some stay as they were merged. */
	journal[page][n] = next_random() % values;
	words[n * 128 + 5] = journal[page][n];
}

static void checker(void)
{
	unsigned int i;

	asm volatile("sti");
	for (;;) {
		for (i = 0; i < SLICE; i++)
			check_page(next_random() % AREA_PAGES);
		guest_sync(1);
	}
}

/* --- what the host does ----------------------------------------------------------------- */

static uint64_t host_seed = 99;

static unsigned int any(unsigned int n)
{
	host_seed = host_seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (host_seed >> 33) % n;
}

struct range {
	uint8_t *at;
	size_t bytes;
};

static struct range any_range(void)
{
	unsigned int first = any(AREA_PAGES), n = 1 + any(any(4) ? 16 : AREA_PAGES);

	if (n > AREA_PAGES - first)
		n = AREA_PAGES - first;
	return (struct range){ area + first * PAGE, n * PAGE };
}

static void advise(int advice)
{
	struct range range = any_range();

	madvise(range.at, range.bytes, advice);
}

static void page_out(void)
{
	advise(MADV_PAGEOUT);
}

static void cool(void)
{
	advise(MADV_COLD);
}

static void merge(void)
{
	advise(MADV_MERGEABLE);
}

static void collapse(void)
{
	advise(COLLAPSE);
}

static void compact(void)
{
	if (!access("/proc/sys/vm/compact_memory", W_OK))
		write_file("/proc/sys/vm/compact_memory", "1");
}

static bool two_nodes(void)
{
	return !access("/sys/devices/system/node/node1", F_OK);
}

/* To one of two nodes; what comes later goes there as well. */
static void migrate(void)
{
	struct range range = any_range();
	unsigned long nodes = 1UL << any(2);

	if (syscall(SYS_mbind, range.at, range.bytes, MPOL_BIND, &nodes, 3UL, MPOL_MF_MOVE))
		printf("# mbind: %m\n");
}

static void protect_for_a_while(int rights)
{
	struct range range = any_range();

	mprotect(range.at, range.bytes, rights);
	if (any(2))
		sched_yield();
	mprotect(range.at, range.bytes, PROT_READ | PROT_WRITE);
}

static void protect(void)
{
	protect_for_a_while(any(2) ? PROT_READ : PROT_NONE);
}

static uint64_t sum_of_area(void)
{
	uint64_t page, i, sum = 0;

	for (page = 0; page < AREA_PAGES; page++)
		for (i = 0; i < WORDS; i++)
			sum = sum * 31 + ((volatile uint64_t *)(area + page * PAGE))[i * 128 + 5];
	return sum;
}

/* Pages are copied on write, by the guest, too: what the child has does not change. */
static void forked(void)
{
	uint64_t before;
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		before = sum_of_area();
		usleep(300);
		_exit(sum_of_area() != before);
	}
	waitpid(pid, &status, 0);
	leaked += status != 0;
}

/* Moved away and back: the guest finds nothing in between. */
static void moved(void)
{
	struct range range = any_range();
	void *away = mremap(range.at, range.bytes, range.bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
			    area + 2 * AREA_SIZE);

	if (away != MAP_FAILED)
		mremap(away, range.bytes, range.bytes, MREMAP_MAYMOVE | MREMAP_FIXED, range.at);
}

/* Shared memory keeps its data when nobody maps it. */
static void remapped(void)
{
	struct range range = any_range();

	if (any(2))
		madvise(range.at, range.bytes, MADV_DONTNEED);
	else if (mmap(range.at, range.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		      memory_fd, range.at - area) != range.at)
		printf("# mmap: %m\n");
}

/* A counter of /proc/vmstat, -1 where this kernel has none such. */
static long counter(const char *name)
{
	FILE *file = fopen("/proc/vmstat", "r");
	char word[64];
	long value, found = -1;

	while (file && found < 0 && fscanf(file, "%63s %ld", word, &value) == 2)
		if (!strcmp(word, name))
			found = value;
	if (file)
		fclose(file);
	return found;
}

/*
 * --- userfaultfd: write protection is lifted, and what is missing is given back, by who waits for
 * the faults. A page that is taken away lies behind the area meanwhile.
 */

static int uffd = -1;
static long served;
static volatile bool away[AREA_PAGES];

static void uffd_range(struct range range, bool protect)
{
	struct uffdio_writeprotect arg = {
		.range = { (uintptr_t)range.at, range.bytes },
		.mode = protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	if (ioctl(uffd, UFFDIO_WRITEPROTECT, &arg) && errno != EAGAIN)
		printf("# UFFDIO_WRITEPROTECT: %m\n");
}

static void uffd_protect(void)
{
	uffd_range(any_range(), true);
}

static void *place_of(unsigned int page)
{
	return area + 2 * AREA_SIZE + page * PAGE;
}

static void uffd_take(void)
{
	unsigned int page = any(AREA_PAGES);

	if (!away[page] && mremap(area + page * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED |
				  MREMAP_DONTUNMAP, place_of(page)) != MAP_FAILED)
		away[page] = true;
}

static void uffd_give(unsigned int page)
{
	struct uffdio_copy arg = {
		.dst = (uintptr_t)area + page * PAGE, .src = (uintptr_t)place_of(page), .len = PAGE,
	};

	while (!away[page] && !stop)
		sched_yield();
	if (ioctl(uffd, UFFDIO_COPY, &arg) && errno != EEXIST)
		printf("# UFFDIO_COPY: %m\n");
	else
		away[page] = false;
}

static void uffd_lift(uint64_t address)
{
	struct range page = { (void *)(address & -PAGE), PAGE };

	served++;
	if (scene->uffd == UFFDIO_REGISTER_MODE_MISSING)
		uffd_give((page.at - area) / PAGE);
	else
		uffd_range(page, false);
}

static void *uffd_serve(void *unused)
{
	struct range all = { area, AREA_SIZE };
	struct pollfd poll_fd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;

	while (!stop) {
		if (poll(&poll_fd, 1, 20) > 0 && read(uffd, &msg, sizeof(msg)) == sizeof(msg) &&
		    msg.event == UFFD_EVENT_PAGEFAULT)
			uffd_lift(msg.arg.pagefault.address);
	}
	if (scene->uffd == UFFDIO_REGISTER_MODE_WP)
		uffd_range(all, false);
	return unused;
}

static bool uffd_begin(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	struct uffdio_register reg = { .range = { (uintptr_t)area, AREA_SIZE },
				       .mode = scene->uffd };

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	return uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api) &&
	       !ioctl(uffd, UFFDIO_REGISTER, &reg);
}

/* --- the monitor ------------------------------------------------------------------------ */

static const struct scene scenes[] = {
	{ .name = "private memory: cooled, protected, moved, forked, compacted",
	  .proof = "pgmigrate_success",
	  .events = { cool, protect, moved, forked, compact } },
	{ .name = "pages that migrate between two nodes", .numa = true,
	  .proof = "pgmigrate_success", .events = { migrate, migrate, cool, forked } },
	{ .name = "pages swapped out and in", .swap = true, .proof = "pswpin",
	  .events = { page_out, page_out, cool, forked } },
	{ .name = "pages merged by KSM, and written again", .values = 2, .pause_us = 5000,
	  .proof = "cow_ksm",
	  .events = { merge, merge, cool, protect } },
	{ .name = "huge pages split and collapsed", .huge = true, .proof = "thp_split_pmd",
	  .events = { collapse, protect, moved, forked, compact } },
	{ .name = "a memfd: unmapped, mapped again, paged out", .shared = true, .proof = "pswpin",
	  .events = { remapped, remapped, protect, page_out } },
	{ .name = "userfaultfd: write-protected, and lifted at the fault",
	  .uffd = UFFDIO_REGISTER_MODE_WP, .events = { uffd_protect, uffd_protect, cool } },
	{ .name = "userfaultfd: taken away, and given back at the fault",
	  .uffd = UFFDIO_REGISTER_MODE_MISSING, .events = { uffd_take, uffd_take, cool } },
};

static void *disturb(void *unused)
{
	unsigned int n;

	for (n = 0; scene->events[n]; n++)
		;
	while (!stop) {
		scene->events[any(n)]();
		events++;
		/* In the middle of a slice, more often than not. */
		if (events > EVENTS * syncs)
			usleep(any(400));
	}
	return unused;
}

static void new_area(void)
{
	size_t span = 4 * AREA_SIZE;
	uint8_t *memory = mmap(NULL, span + HUGE, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int flags = MAP_FIXED | (scene->shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS);

	area = (uint8_t *)(((uintptr_t)memory + HUGE - 1) & ~(HUGE - 1));
	memory_fd = scene->shared ? memfd_create("guest", 0) : -1;
	if (scene->shared && ftruncate(memory_fd, AREA_SIZE))
		printf("# ftruncate: %m\n");
	if (mmap(area, AREA_SIZE, PROT_READ | PROT_WRITE, flags, memory_fd, 0) != area)
		printf("Bail out! mmap: %m\n");
	madvise(area, AREA_SIZE, scene->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	memset(area, 0, AREA_SIZE);
	memset(journal, 0, sizeof(journal));
	vm_slot(&vm, 7, 0, 0, 0, NULL);
	vm_slot(&vm, 7, 0, AREA, AREA_SIZE, area);
}

/* What is not mapped just now is EFAULT: the guest tries again. */
static void run_until(uint64_t pages)
{
	int r;

	vcpu_long_mode(&vcpu, checker, 0);
	while (checked < pages) {
		r = vcpu_run(&vcpu);
		if (r == -EFAULT)
			efaults++;
		else if (r != KVM_EXIT_IO && r != -EINTR)
			break;
		syncs += r == KVM_EXIT_IO;
		while (events < EVENTS * syncs)
			sched_yield();
		usleep(scene->pause_us);
	}
}

static void start_counting(void)
{
	efaults = 0;
	leaked = 0;
	checked = 0;
	written = 0;
	wrong = 0;
	events = 0;
	syncs = 0;
}

static void report(uint64_t pages)
{
	tap_ok(!wrong && !leaked && checked >= pages && written > pages / 3, "%s", scene->name);
	printf("# %llu pages checked, %llu written, %llu wrong (page %llu: %#llx)\n",
	       (unsigned long long)checked, (unsigned long long)written,
	       (unsigned long long)wrong, (unsigned long long)wrong_page,
	       (unsigned long long)wrong_word);
	printf("# %llu events, %u times EFAULT, %u children's memory changed\n",
	       (unsigned long long)events, efaults, leaked);
}

static void play(uint64_t pages)
{
	pthread_t host, server;
	long before, after;

	if (scene->swap && !has_swap) {
		tap_skip(scene->name, "this host has no zram to swap to");
		return;
	}
	if (scene->numa && !two_nodes()) {
		tap_skip(scene->name, "this host has one NUMA node: it wants numa=fake=2");
		return;
	}
	new_area();
	if (scene->uffd && !uffd_begin()) {
		tap_skip(scene->name, "this host's userfaultfd cannot do that");
		return;
	}
	values = scene->values ? scene->values : 1 << 20;
	before = scene->proof ? counter(scene->proof) : 0;
	stop = false;
	start_counting();
	pthread_create(&host, NULL, disturb, NULL);
	if (scene->uffd)
		pthread_create(&server, NULL, uffd_serve, NULL);
	run_until(pages);
	stop = true;
	pthread_join(host, NULL);
	if (scene->uffd)
		pthread_join(server, NULL);
	report(pages);
	after = scene->proof ? counter(scene->proof) : served;
	if (after < 0)
		tap_skip("which has happened", "this host does not count it");
	else
		tap_ok(after > before, "which has happened: %ld times", after - before);
	munmap(area, AREA_SIZE);
	close(memory_fd);
	close(uffd);
}

static bool swap_on(void)
{
	return !system("modprobe zram 2>/dev/null && echo 16M >/sys/block/zram0/disksize &&"
		       " mkswap /dev/zram0 >/dev/null && swapon /dev/zram0");
}

int main(int argc, char **argv)
{
	const char *text = argc > 2 ? argv[2] : NULL;
	uint64_t pages = text ? strtoull(text, NULL, 0) : on_debug_host() ? BOUNDED / 3 : BOUNDED;
	unsigned int i, n = sizeof(scenes) / sizeof(*scenes);

	tap_begin();
	machine(&vm, &vcpu, device_path(argc, argv), false, checker);
	if (argc > 3)
		seed = strtoull(argv[3], NULL, 0);
	host_seed = seed;
	alarm(text ? 0 : on_debug_host() ? 280 : 120);
	has_swap = swap_on();
	write_file("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	write_file("/sys/kernel/mm/ksm/sleep_millisecs", "2");
	write_file("/sys/kernel/mm/ksm/pages_to_scan", "1000");
	write_file("/sys/kernel/mm/ksm/run", "1");
	for (i = 0; i < n; i++) {
		scene = &scenes[i];
		play(pages / n + 1);
	}
	write_file("/sys/kernel/mm/ksm/run", "0");
	write_file("/sys/kernel/mm/transparent_hugepage/enabled", "never");
	if (has_swap && system("swapoff /dev/zram0 && rmmod zram"))
		printf("# swap stays on\n");
	machine_close(&vm, &vcpu);
	return tap_end();
}
