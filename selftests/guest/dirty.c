// SPDX-License-Identifier: GPL-2.0
/*
 * The dirty log misses no write. The guest keeps a journal of the pages that it has written, in
 * memory that is not logged; and what a monitor would copy by the log alone ends up equal to the
 * guest's memory. The area is two huge pages of the host's, so that logging splits them.
 *
 *	dirty DEVICE [SEED [ROUNDS]]
 *
 * lab:
 * lab@kvmlet: --cpu corei7_skylake_x
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include "selftests/lib/userfault.h"
#include "selftests/lib/vm.h"

#define AREA		0x20000000UL
#define HUGE		0x200000UL
#define AREA_SIZE	(2 * HUGE)
#define AREA_PAGES	(AREA_SIZE / PAGE)
#define WORDS		(AREA_PAGES / 64)
#define SLOT		7
#define LOG		KVM_MEM_LOG_DIRTY_PAGES
#define MODES_ALL	(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET)
#define SYSTEM_TIME	0x4b564d01	/* MSR_KVM_SYSTEM_TIME_NEW */

static struct vm vm;
static struct vcpu vcpu;
static uint8_t *area;
static uint64_t journal[WORDS], marks[WORDS], ones[WORDS];
static uint8_t copy[AREA_SIZE];
static volatile uint64_t seed = 1, writes, stride, clock_at;
static volatile bool stop;
static unsigned int rounds = 12;

/* The lab's host has no transparent huge pages unless asked. */
static void host_gives_huge(const char *when)
{
	write_file("/sys/kernel/mm/transparent_hugepage/enabled", when);
}

static int get_log(void)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = marks };

	memset(marks, 0xa5, sizeof(marks));
	return call(vm.fd, KVM_GET_DIRTY_LOG, &log);
}

static int clear_log(uint64_t first, uint32_t n, void *bitmap)
{
	struct kvm_clear_dirty_log log = { .slot = SLOT, .first_page = first, .num_pages = n,
					   .dirty_bitmap = bitmap };

	return call(vm.fd, KVM_CLEAR_DIRTY_LOG, &log);
}

static int set_flags(unsigned int flags)
{
	return vm_slot(&vm, SLOT, flags, AREA, AREA_SIZE, area);
}

static int count(const uint64_t *bits)
{
	unsigned int i;
	int n = 0;

	for (i = 0; i < WORDS; i++)
		n += __builtin_popcountll(bits[i]);
	return n;
}

/* --- the guest -------------------------------------------------------------------------- */

static void write_page(uint64_t page)
{
	volatile uint64_t *word = (volatile uint64_t *)(AREA + page * PAGE + 8 * (seed % 512));

	journal[page / 64] |= 1ULL << page % 64;
	*word = seed ^ page;
}

static uint64_t next_random(void)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return seed >> 33;
}

/* Some pages a sync: every @stride-th, or @writes random ones. */
static void writer(void)
{
	uint64_t i;

	for (;;) {
		for (i = 0; i < AREA_PAGES && stride; i += stride)
			write_page(i);
		for (i = 0; i < writes; i++)
			write_page(next_random() % AREA_PAGES);
		guest_sync(1);
	}
}

/* Writes without end; the journal does not matter here. */
static void busy_writer(void)
{
	asm volatile("sti");
	while (!stop)
		write_page(next_random() % AREA_PAGES);
	guest_sync(2);
}

static void reader(void)
{
	uint64_t i, sum = 0;

	for (i = 0; i < AREA_PAGES; i++)
		sum += *(volatile uint64_t *)(AREA + i * PAGE);
	guest_sync(3 + !(sum + 1));
}

static void clock_user(void)
{
	guest_wrmsr(SYSTEM_TIME, clock_at);
	guest_sync(4);
}

/* --- the monitor ------------------------------------------------------------------------ */

static void guest_writes(uint64_t every, uint64_t random)
{
	stride = every;
	writes = random;
	memset(journal, 0, sizeof(journal));
	vcpu_long_mode(&vcpu, writer, 0);
	if (vcpu_sync(&vcpu) != 1)
		tap_ok(false, "the guest writes");
}

static void errors(void)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = (void *)8 };

	TAP_EQ(get_log(), -ENOENT, "a slot without a log: ENOENT");
	TAP_EQ(clear_log(0, 64, ones), -ENOENT, "to clear it, too");
	TAP_EQ(set_flags(LOG), 0, "logging begins");
	guest_writes(64, 0);
	TAP_EQ(call(vm.fd, KVM_GET_DIRTY_LOG, &log), -EFAULT, "a bad bitmap: EFAULT");
	log.slot = 0x7fff;
	TAP_EQ(call(vm.fd, KVM_GET_DIRTY_LOG, &log), -EINVAL, "a slot number too large: EINVAL");
	log.slot = 7 << 16;
	TAP_EQ(call(vm.fd, KVM_GET_DIRTY_LOG, &log), -EINVAL, "no such address space: EINVAL");
	log.slot = 33;
	TAP_EQ(call(vm.fd, KVM_GET_DIRTY_LOG, &log), -ENOENT, "no such slot: ENOENT");
	TAP_EQ(clear_log(1, 64, ones), -EINVAL, "to clear from within a word: EINVAL");
	TAP_EQ(clear_log(0, 63, ones), -EINVAL, "up to within a word: EINVAL");
	TAP_EQ(clear_log(0, AREA_PAGES + 64, ones), -EINVAL, "beyond the slot: EINVAL");
	TAP_EQ(clear_log(1ULL << 63, 64, ones), -EINVAL, "far beyond it: EINVAL");
	TAP_EQ(clear_log(0, 64, (void *)8), -EFAULT, "by a bad bitmap: EFAULT");
	get_log();
	TAP_EQ(set_flags(0), 0, "logging ends");
}

/* The log holds what the guest has written since it was taken last, not more and not less. */
static void exact(void)
{
	unsigned int i, wrong = 0;

	for (i = 0; i < rounds; i++) {
		guest_writes(i % 4 == 1 ? i % 64 + 2 : 0, i % 4 == 3 ? 0 : 50);
		if (get_log() || memcmp(marks, journal, sizeof(marks)))
			wrong++;
	}
	TAP_EQ(wrong, 0, "each log has the pages written since the last, in %u rounds", rounds);
}

static void taken(void)
{
	memset(area, 1, AREA_SIZE);
	guest_writes(1, 0);
	set_flags(LOG);
	TAP_EQ(get_log() ?: count(marks), 0, "what was written before the log began is not in it");
	exact();
	vcpu_long_mode(&vcpu, reader, 0);
	vcpu_sync(&vcpu);
	TAP_EQ(get_log() ?: count(marks), 0, "reading marks nothing");
	memset(area, 2, AREA_SIZE);
	TAP_EQ(get_log() ?: count(marks), 0, "nor does what the monitor itself writes");
	clock_at = AREA + 5 * PAGE + 1;
	vcpu_long_mode(&vcpu, clock_user, 0);
	vcpu_sync(&vcpu);
	get_log();
	TAP_EQ(marks[0], 1 << 5, "what the hypervisor writes for the guest is marked: kvm-clock");
	/* It would go on writing there when it likes. */
	clock_at = 0;
	vcpu_long_mode(&vcpu, clock_user, 0);
	vcpu_sync(&vcpu);
	get_log();
	set_flags(0);
}

/* While the guest runs, the log is all that the copy is made by. */
static void *run_busy(void *unused)
{
	static uint32_t result;

	result = vcpu_sync(&vcpu);
	return unused ? unused : &result;
}

static void copy_marked(void)
{
	unsigned long i;

	for (i = 0; i < AREA_PAGES; i++)
		if (marks[i / 64] >> i % 64 & 1)
			memcpy(copy + i * PAGE, area + i * PAGE, PAGE);
}

static void take_and_copy(bool manual)
{
	get_log();
	if (manual)
		clear_log(0, AREA_PAGES, marks);
	copy_marked();
}

static void while_running(bool manual, const char *name)
{
	unsigned int i, moved = 0;
	pthread_t thread;
	void *result;

	set_flags(0);
	guest_writes(1, 0);
	set_flags(LOG);
	memcpy(copy, area, AREA_SIZE);
	stop = false;
	vcpu_long_mode(&vcpu, busy_writer, 0);
	pthread_create(&thread, NULL, run_busy, NULL);
	for (i = 0; i < rounds; i++) {
		usleep(3000);
		take_and_copy(manual);
		moved += count(marks);
		if (i == rounds / 2)
			madvise(area, HUGE, MADV_DONTNEED);
		if (i == rounds / 2)
			memset(copy, 0, HUGE);
	}
	stop = true;
	pthread_join(thread, &result);
	TAP_EQ(*(uint32_t *)result, 2, "the guest ran meanwhile");
	take_and_copy(manual);
	tap_ok(!memcmp(copy, area, AREA_SIZE), "%s", name);
	printf("# %u pages in %u rounds\n", moved, rounds);
}

static void mode(uint64_t value, int want, const char *name)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
				      .args = { value } };

	TAP_EQ(call(vm.fd, KVM_ENABLE_CAP, &cap), want, name);
}

static void manual(void)
{
	unsigned int i;

	mode(4, -EINVAL, "an unknown mode: EINVAL");
	mode(KVM_DIRTY_LOG_INITIALLY_SET, -EINVAL, "initially set alone: EINVAL");
	mode(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE, 0, "marks are left to KVM_CLEAR_DIRTY_LOG");
	set_flags(0);
	guest_writes(1, 0);
	set_flags(LOG);
	guest_writes(3, 0);
	get_log();
	TAP_EQ(memcmp(marks, journal, sizeof(marks)), 0, "the log has what was written");
	get_log();
	TAP_EQ(memcmp(marks, journal, sizeof(marks)), 0, "and again");
	memset(marks, 0, sizeof(marks));
	TAP_EQ(clear_log(64, 64, ones), 0, "the second word is cleared");
	get_log();
	TAP_EQ(marks[1], 0, "it has no marks");
	TAP_EQ(marks[0], journal[0], "the others have theirs");
	for (i = 0; i < AREA_PAGES; i += 128)
		clear_log(i, 128, ones);
	get_log();
	TAP_EQ(count(marks), 0, "all are cleared in pieces");
	guest_writes(0, 100);
	get_log();
	TAP_EQ(memcmp(marks, journal, sizeof(marks)), 0, "and what is written then is marked");
	while_running(true, "a copy by the cleared marks is what the guest has");
}

static void initially_set(void)
{
	set_flags(0);
	mode(MODES_ALL, 0, "all marks are set at first");
	guest_writes(1, 0);
	set_flags(LOG);
	TAP_EQ(get_log() ?: count(marks), AREA_PAGES, "so they are");
	clear_log(0, AREA_PAGES / 2, ones);
	guest_writes(0, 100);
	get_log();
	TAP_EQ(memcmp(marks, journal, sizeof(marks) / 2), 0, "cleared: what was written");
	TAP_EQ(memcmp(marks + WORDS / 2, ones, sizeof(marks) / 2), 0, "the rest is still set");
	while_running(true, "a copy by the cleared marks is what the guest has");
	set_flags(0);
}

/* A reading guest needs an exit for each entry that has to be made. */
static long exits_of_reading(void)
{
	long before = vcpu_exits(&vcpu, "EPT_VIOLATION");

	vcpu_long_mode(&vcpu, reader, 0);
	vcpu_sync(&vcpu);
	return before < 0 ? -1 : vcpu_exits(&vcpu, "EPT_VIOLATION") - before;
}

static void huge_again(void)
{
	long exits;

	set_flags(0);
	exits = exits_of_reading();
	if (exits < 0)
		tap_skip("after the log huge pages are mapped as such", "exits are not counted");
	else
		tap_ok(exits <= 2, "after the log huge pages are mapped as such: %ld exits", exits);
	set_flags(LOG);
	guest_writes(1, 0);
	get_log();
	TAP_EQ(count(marks), AREA_PAGES, "a log after that has its writes");
	set_flags(0);
}

/* Where the processor has PML and uses it: 1,024 pages are two full logs, and no violations. */
static void by_the_processor(void)
{
	long before;
	char on = 0;
	int fd = open("/sys/module/kvmlet/parameters/pml", O_RDONLY);

	if (read(fd, &on, 1) != 1 || on != 'Y' || !host_has("pml")) {
		tap_skip("the processor logs writes", "it has no PML, or this is another driver");
		return;
	}
	close(fd);
	set_flags(LOG);
	guest_writes(1, 0);
	get_log();
	before = vcpu_exits(&vcpu, "EPT_VIOLATION");
	guest_writes(1, 0);
	TAP_EQ(vcpu_exits(&vcpu, "EPT_VIOLATION") - before, 0, "the processor logs writes");
	vcpu_reached(&vcpu, "PML_FULL");
	get_log();
	TAP_EQ(memcmp(marks, journal, sizeof(marks)), 0, "and the log has them");
	set_flags(0);
}

/* A move may mark more. */
static int written_but_clean(void)
{
	unsigned int i;
	int n = 0;

	for (i = 0; i < WORDS; i++)
		n += __builtin_popcountll(journal[i] & ~marks[i]);
	return n;
}

static void moved_and_deleted(void)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = marks };

	set_flags(LOG);
	guest_writes(2, 0);
	TAP_EQ(vm_slot(&vm, SLOT, LOG, AREA + HUGE, AREA_SIZE, area), 0, "a logged slot moves");
	TAP_EQ(call(vm.fd, KVM_GET_DIRTY_LOG, &log), 0, "it has its log");
	TAP_EQ(written_but_clean(), 0, "as before");
	TAP_EQ(vm_slot(&vm, SLOT, 0, AREA, 0, NULL), 0, "it is deleted");
	TAP_EQ(get_log(), -ENOENT, "and has none");
	TAP_EQ(set_flags(LOG), 0, "one that is logged from the start");
	guest_writes(5, 0);
	get_log();
	TAP_EQ(memcmp(marks, journal, sizeof(marks)), 0, "has what was written");
	set_flags(0);
}

/* KiB of the memfd that the host takes for unchanged, and may drop. */
static long clean_kib(void)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	bool here = false;
	char line[256];
	long kib = -1;

	while (f && kib < 0 && fgets(line, sizeof(line), f)) {
		here = here || strstr(line, "memfd:guest");
		if (here)
			sscanf(line, "Private_Clean: %ld", &kib);
	}
	fclose(f);
	return kib;
}

static void changed_for_the_host(void)
{
	int fd = memfd_create("guest", 0);
	uint8_t *mine = area;

	TAP_EQ(ftruncate(fd, AREA_SIZE), 0, "a memfd");
	area = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	vm_slot(&vm, SLOT, 0, AREA, 0, NULL);
	TAP_EQ(set_flags(LOG), 0, "is a logged slot");
	vcpu_long_mode(&vcpu, reader, 0);
	vcpu_sync(&vcpu);
	guest_writes(1, 0);
	vm_slot(&vm, SLOT, 0, AREA, 0, NULL);
	TAP_EQ(clean_kib(), 0, "read first, then written: no page is clean to the host");
	munmap(area, AREA_SIZE);
	close(fd);
	area = mine;
	set_flags(0);
}

static int asked;

static void *ask_log(void *unused)
{
	asked = get_log() ?: clear_log(0, AREA_PAGES, ones);
	return unused;
}

/* A monitor may have to look at the log before it gives pages. A page of the area is small then. */
static void while_it_waits(void)
{
	const char *name = "the log is told while a write waits for its page";
	int r;

	set_flags(LOG);
	r = ask_meanwhile(&vcpu, AREA + 5 * PAGE, area + 5 * PAGE, ask_log);
	if (r < 0) {
		tap_skip(name, "this host's userfaultfd cannot do that");
		return;
	}
	TAP_EQ(r, 1, "%s", name);
	TAP_EQ(asked, 0, "and cleared");
	get_log();
	TAP_EQ(marks[0], 1 << 5, "the write is in the next");
	set_flags(0);
}

int main(int argc, char **argv)
{
	tap_begin();
	area = (uint8_t *)(((uintptr_t)pages(AREA_SIZE + HUGE) + HUGE - 1) & ~(HUGE - 1));
	host_gives_huge("madvise");
	madvise(area, AREA_SIZE, MADV_HUGEPAGE);
	memset(area, 1, AREA_SIZE);
	memset(ones, 0xff, sizeof(ones));
	machine(&vm, &vcpu, device_path(argc, argv), false, writer);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	if (argc > 3) {
		rounds = strtoul(argv[3], NULL, 0);
		alarm(0);
	}
	vcpu_supported_cpuid(&vm, &vcpu);
	TAP_EQ(set_flags(0), 0, "a slot of two huge pages");
	errors();
	taken();
	while_running(false, "a copy by the marks taken is what the guest has");
	by_the_processor();
	moved_and_deleted();
	huge_again();
	manual();
	initially_set();
	mode(0, 0, "as at first");
	while_it_waits();
	changed_for_the_host();
	host_gives_huge("never");
	machine_close(&vm, &vcpu);
	return tap_end();
}
