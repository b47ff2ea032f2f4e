// SPDX-License-Identifier: GPL-2.0
/*
 * Huge pages of the host are mapped as such where that is right: exits by EPT violation tell how
 * many entries had to be made. A further run forbids executable ones (nx_huge), and one is on a
 * host that has a page of 1 GiB.
 *
 * lab:
 * lab: --param nx_huge=1
 * lab: --mem 2112 --cmdline "hugepagesz=1G hugepages=1"
 * only: kvmlet
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include "selftests/lib/vm.h"

#define AREA		0x20000000UL
#define HUGE		0x200000UL
#define AREA_SIZE	(2 * HUGE)
#define GIGANTIC	(1UL << 30)
#define GIGANTIC_AT	GIGANTIC	/* in the guest */
#define LOG_WORDS	(GIGANTIC / PAGE / 64)
#define SLOT		7
#define RET		0xc3
#define RECOVER		"/sys/module/kvmlet/parameters/recover_ms"

static struct vm vm;
static struct vcpu vcpu;
static uint8_t *area;
static volatile uint64_t from, to, step, sum, fetch_at;

static bool parameter_is(const char *name, char value)
{
	char path[128], c = 0;
	int fd;

	snprintf(path, sizeof(path), "/sys/module/kvmlet/parameters/%s", name);
	fd = open(path, O_RDONLY);
	if (read(fd, &c, 1) != 1)
		c = 0;
	close(fd);
	return c == value;
}

/* --- the guest -------------------------------------------------------------------------- */

static void toucher(void)
{
	uint64_t at;

	sum = 0;
	for (at = from; at < to; at += step)
		sum += *(volatile uint64_t *)at;
	guest_sync(1);
}

static void writer(void)
{
	uint64_t at;

	for (at = from; at < to; at += step)
		*(volatile uint64_t *)at = at;
	guest_sync(2);
}

static void nothing(void)
{
}

static void caller(void)
{
	((void (*)(void))fetch_at)();
	guest_sync(3);
}

/* --- the monitor ------------------------------------------------------------------------ */

/* Exits that it takes the guest to do this; -1 if it did not. */
static long exits_of(void (*guest)(void), uint32_t sync)
{
	long before = vcpu_exits(&vcpu, "EPT_VIOLATION");

	vcpu_long_mode(&vcpu, guest, 0);
	if (vcpu_sync(&vcpu) != sync)
		return -1;
	return vcpu_exits(&vcpu, "EPT_VIOLATION") - before;
}

static long exits_of_reading(uint64_t first, uint64_t bytes)
{
	from = first;
	to = first + bytes;
	step = PAGE;
	return exits_of(toucher, 1);
}

/* What was taken apart once stays so in the host. */
static void new_area(void)
{
	area = (uint8_t *)(((uintptr_t)pages(AREA_SIZE + HUGE) + HUGE - 1) & ~(HUGE - 1));
	madvise(area, AREA_SIZE, MADV_HUGEPAGE);
	memset(area, 1, AREA_SIZE);
}

static int set_slot(uint64_t gpa, uint64_t offset, uint64_t size)
{
	vm_slot(&vm, SLOT, 0, 0, 0, NULL);
	return vm_slot(&vm, SLOT, 0, gpa, size, area + offset);
}

static void transparent(void)
{
	set_slot(AREA, 0, AREA_SIZE);
	TAP_EQ(exits_of_reading(AREA, AREA_SIZE), 2, "two huge pages are two entries");
	TAP_EQ(exits_of_reading(AREA, AREA_SIZE), 0, "which stay");
	from = AREA;
	to = AREA + AREA_SIZE;
	TAP_EQ(exits_of(writer, 2), 0, "and may be written");
	TAP_EQ(*(uint64_t *)(area + HUGE + 5 * PAGE), AREA + HUGE + 5 * PAGE,
	       "the process sees what was written");
	set_slot(AREA + PAGE, 0, AREA_SIZE);
	TAP_EQ(exits_of_reading(AREA + PAGE, AREA_SIZE), 1024,
	       "at an address not as aligned as the host's: an entry a page");
	set_slot(AREA, 0, HUGE + 3 * PAGE);
	TAP_EQ(exits_of_reading(AREA, HUGE + 3 * PAGE), 1 + 3,
	       "a slot that ends within a huge page: small entries there");
	set_slot(AREA + PAGE, PAGE, AREA_SIZE - PAGE);
	TAP_EQ(exits_of_reading(AREA + PAGE, AREA_SIZE - PAGE), 511 + 1,
	       "and one that begins within one");
}

static void taken_apart(void)
{
	uint64_t *page = (uint64_t *)(area + 7 * PAGE);

	set_slot(AREA, 0, AREA_SIZE);
	memset(area, 1, AREA_SIZE);
	exits_of_reading(AREA, AREA_SIZE);
	madvise(page, PAGE, MADV_DONTNEED);
	exits_of_reading(AREA + 7 * PAGE, PAGE);
	TAP_EQ(sum, 0,
	       "a page is taken out of a huge one: the guest reads zeroes");
	exits_of_reading(AREA + 8 * PAGE, PAGE);
	TAP_EQ(sum, 0x0101010101010101, "its neighbour is as it was");
	TAP_EQ(exits_of_reading(AREA + HUGE, HUGE), 0, "and the other huge page");
	mprotect(area + HUGE, HUGE, PROT_READ);
	TAP_EQ(exits_of_reading(AREA + HUGE, HUGE), 1, "read-only: one entry");
	mprotect(area + HUGE, HUGE, PROT_READ | PROT_WRITE);
	from = AREA + HUGE;
	to = AREA + AREA_SIZE;
	TAP_EQ(exits_of(writer, 2), 1, "writable again: one exit gives it the right");
}

/* A page of code in the middle of a huge one. */
static void executed(bool nx)
{
	long exits;

	/* Not while we look. */
	write_file(RECOVER, "0");
	new_area();
	memset(area, RET, AREA_SIZE);
	set_slot(AREA, 0, AREA_SIZE);
	exits_of_reading(AREA, AREA_SIZE);
	fetch_at = AREA + 9 * PAGE;
	TAP_EQ(exits_of(caller, 3), nx, nx ? "a fetch splits a huge page" :
					     "a huge page is executable");
	TAP_EQ(exits_of(caller, 3), 0, "executed again: no exit");
	fetch_at = AREA + 10 * PAGE;
	TAP_EQ(exits_of(caller, 3), 0, "nor for the page after it");
	TAP_EQ(exits_of_reading(AREA, AREA_SIZE), 0, "and all is still readable");
	/* The entries around it are still to be made then, and are not for a fetch. */
	new_area();
	memset(area, RET, AREA_SIZE);
	set_slot(AREA, 0, AREA_SIZE);
	fetch_at = AREA + 9 * PAGE;
	TAP_EQ(exits_of(caller, 3), 1, "a page that is executed before anything else");
	TAP_EQ(exits_of_reading(AREA, HUGE), nx ? 511 : 0, "the others around it are read");
	exits_of_reading(AREA + HUGE, HUGE);
	if (!nx)
		return;
	write_file(RECOVER, "300");
	fetch_at = AREA + HUGE;
	TAP_EQ(exits_of(caller, 3), 1, "the other huge page is not executable yet");
	usleep(1500000);
	exits = exits_of_reading(AREA, AREA_SIZE);
	TAP_EQ(exits, 2, "after a while both are joined again");
	fetch_at = AREA;
	TAP_EQ(exits_of(caller, 3), 1, "and not executable");
}

static void hugetlbfs(void)
{
	uint8_t *memory;

	write_file("/proc/sys/vm/nr_hugepages", "2");
	memory = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (memory == MAP_FAILED) {
		tap_skip("two pages of hugetlbfs are two entries", "the host has none to give");
		return;
	}
	memset(memory, 1, AREA_SIZE);
	TAP_EQ(vm_slot(&vm, 9, 0, AREA + 8 * HUGE, AREA_SIZE, memory), 0, "a slot of hugetlbfs");
	TAP_EQ(exits_of_reading(AREA + 8 * HUGE, AREA_SIZE), 2, "two of its pages are two entries");
	munmap(memory, AREA_SIZE);
	vm_slot(&vm, 9, 0, 0, 0, NULL);
	write_file("/proc/sys/vm/nr_hugepages", "0");
}

/* --- a page of 1 GiB ---------------------------------------------------------------------- */

static bool host_has_gigantic(void)
{
	char text[4096] = "";
	int fd = open("/proc/cmdline", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	return n > 0 && strstr(text, "hugepagesz=1G");
}

/* Exits that it takes to read a byte of each 512 KiB, or to write there. */
static long exits_of_all(void (*guest)(void), uint32_t sync, uint64_t at, uint64_t bytes)
{
	from = at;
	to = at + bytes;
	step = HUGE / 4;
	return exits_of(guest, sync);
}

/* The page of the slot that is marked; -1: none, or several are. */
static long marked_page(void)
{
	static uint64_t marks[LOG_WORDS];
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = marks };
	unsigned long i, found = 0;
	long page = -1;

	if (call(vm.fd, KVM_GET_DIRTY_LOG, &log))
		return -1;
	for (i = 0; i < GIGANTIC / PAGE; i++) {
		if (!(marks[i / 64] >> i % 64 & 1))
			continue;
		page = i;
		found++;
	}
	return found == 1 ? page : -1;
}

/* Logging takes it apart as far as it is written, and no further. */
static void gigantic_logged(void)
{
	vm_slot(&vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, GIGANTIC_AT, GIGANTIC, area);
	exits_of_all(toucher, 1, GIGANTIC_AT, GIGANTIC);
	marked_page();
	from = GIGANTIC_AT + 700 * HUGE / 2 + 3 * PAGE;
	to = from + 1;
	exits_of(writer, 2);
	TAP_EQ(marked_page(), 700 * 256 + 3, "logged: the page that is written is marked, alone");
	vm_slot(&vm, SLOT, 0, GIGANTIC_AT, GIGANTIC, area);
	exits_of_all(toucher, 1, GIGANTIC_AT, GIGANTIC);
	TAP_EQ(exits_of_all(writer, 2, GIGANTIC_AT, GIGANTIC), 0, "after the log all is writable");
}

static void gigantic(void)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 30 << MAP_HUGE_SHIFT;

	area = mmap(NULL, GIGANTIC, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (!tap_ok(area != MAP_FAILED, "the host has a page of 1 GiB"))
		return;
	area[0] = 1;
	vm_slot(&vm, SLOT, 0, 0, 0, NULL);
	TAP_EQ(vm_slot(&vm, SLOT, 0, GIGANTIC_AT, GIGANTIC, area), 0, "it is a slot");
	/* The guest's own page directory for it takes an exit, too. */
	tap_ok(exits_of_all(toucher, 1, GIGANTIC_AT, 1) <= 2, "a byte of it is read");
	TAP_EQ(exits_of_all(toucher, 1, GIGANTIC_AT, GIGANTIC), 0, "then all of it is mapped");
	TAP_EQ(exits_of_all(writer, 2, GIGANTIC_AT, GIGANTIC), 0, "which may be written");
	TAP_EQ(*(uint64_t *)(area + GIGANTIC - HUGE / 4), GIGANTIC_AT + GIGANTIC - HUGE / 4,
	       "the process sees what was written");
	gigantic_logged();
	set_slot(GIGANTIC_AT, 0, GIGANTIC / 2);
	TAP_EQ(exits_of_all(toucher, 1, GIGANTIC_AT, GIGANTIC / 2), 256,
	       "half of it: an entry for each 2 MiB");
	set_slot(GIGANTIC_AT + HUGE, 0, GIGANTIC);
	TAP_EQ(exits_of_all(toucher, 1, GIGANTIC_AT + HUGE, 16 * HUGE), 16,
	       "so it is at an address not as aligned as the host's");
	munmap(area, GIGANTIC);
	vcpu_long_mode(&vcpu, toucher, 0);
	TAP_EQ(vcpu_run_on(&vcpu), -EFAULT, "unmapped: a read gives EFAULT");
}

int main(int argc, char **argv)
{
	tap_begin();
	machine(&vm, &vcpu, device_path(argc, argv), false, toucher);
	write_file("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	new_area();
	/* So that the guest's own pages are there. */
	fetch_at = (uintptr_t)nothing;
	exits_of(toucher, 1);
	exits_of(writer, 2);
	exits_of(caller, 3);
	transparent();
	taken_apart();
	executed(parameter_is("nx_huge", '1'));
	hugetlbfs();
	if (host_has_gigantic())
		gigantic();
	write_file("/sys/kernel/mm/transparent_hugepage/enabled", "never");
	machine_close(&vm, &vcpu);
	return tap_end();
}
