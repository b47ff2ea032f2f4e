// SPDX-License-Identifier: GPL-2.0
/*
 * What memory costs is what is used of it: a VM that has not run, a slot of 64 GiB of which little
 * is touched, and one of 32,000 slots. Sizes are those charged to a cgroup; times are ticks of the
 * TSC, which in the lab are instructions.
 *
 * only: kvmlet
 */
#define _GNU_SOURCE
#include "selftests/lib/cgroup.h"
#include "selftests/lib/vm.h"

#define VMS		50
#define VM_KIB		64
#define SPARSE		(64UL << 30)
#define SPARSE_GPA	(1UL << 32)
#define SPARSE_SLOT	30
#define FAR		(512UL << 20)	/* such pages need a page table each */
#define FARS		(SPARSE / FAR)
#define TABLES_EACH	3		/* of them, one of each level, at most */
#define TABLE_KIB	4
#define MANY		32000
#define MANY_DEBUG	2000
#define MANY_SLOT	100
#define MANY_GPA	0x20000000UL
#define FOUND		32		/* of these, which the guest reads */
#define TRIES		5		/* of which the shortest counts: the host has a clock */

static struct vm vm;
static struct vcpu vcpu;
static uint8_t *memory;
static volatile uint64_t first, step, count, ticks;

/* --- the guest -------------------------------------------------------------------------- */

/* Reads @count pages, through the last large page of the low 4 GiB where they lie beyond. */
static void reader(void)
{
	volatile uint64_t *entry = &guest_tables[5][511];
	volatile uint8_t *window = (uint8_t *)0xffe00000UL;
	uint64_t i, at, began, took = 0;

	for (i = 0; i < count; i++) {
		at = first + i * step;
		if (at >= SPARSE_GPA) {
			*entry = (at & -0x200000UL) | (*entry & 0xfff);
			asm volatile("invlpg (%0)" : : "r"(window) : "memory");
			(void)window[at & 0x1fffff];
			continue;
		}
		began = guest_rdtsc();
		(void)*(volatile uint8_t *)at;
		took += guest_rdtsc() - began;
	}
	ticks = took;
	guest_sync(1);
}

/* --- the monitor ------------------------------------------------------------------------ */

static void guest_reads(uint64_t from, uint64_t every, uint64_t n)
{
	first = from;
	step = every;
	count = n;
	vcpu_long_mode(&vcpu, reader, 0);
	if (vcpu_sync(&vcpu) != 1)
		tap_ok(false, "the guest reads %#lx", (unsigned long)from);
}

/* The kernel's memory that is charged, without the process's own page tables. */
static long kernel_kib(void)
{
	return cgroup_stat_kib("kernel") - cgroup_stat_kib("pagetables");
}

static void idle_vm(void)
{
	static struct vm vms[VMS];
	static struct vcpu vcpus[VMS];
	long before = kernel_kib(), each;
	unsigned int i;

	for (i = 0; i < VMS; i++) {
		vm_open(&vms[i], "/dev/kvmlet");
		vcpu_open(&vms[i], &vcpus[i], 0);
	}
	each = (kernel_kib() - before) / VMS;
	if (on_debug_host())
		tap_skip("a VM with a vCPU that has not run is small", "KASAN adds to each object");
	else
		tap_ok(each > 0 && each <= VM_KIB, "a VM with a vCPU that has not run takes at "
		       "most %u KiB of the kernel's memory (%ld)", VM_KIB, each);
	for (i = 0; i < VMS; i++) {
		vcpu_close(&vcpus[i]);
		vm_close(&vms[i]);
	}
}

static int sparse_slot(uint64_t size)
{
	return vm_slot(&vm, SPARSE_SLOT, 0, SPARSE_GPA, size, memory);
}

/* What it takes to delete a slot, of which @touched pages far apart were read. */
static uint64_t ticks_to_delete(uint64_t size, unsigned int touched)
{
	uint64_t least = ~0ULL, began, took;
	unsigned int i;

	for (i = 0; i < TRIES; i++) {
		sparse_slot(size);
		guest_reads(SPARSE_GPA, FAR, touched);
		began = guest_rdtsc();
		sparse_slot(0);
		took = guest_rdtsc() - began;
		if (took < least)
			least = took;
	}
	return least;
}

static void sparse_memory(void)
{
	long before = kernel_kib(), made, dense, far, after, i;

	TAP_EQ(sparse_slot(SPARSE), 0, "a slot of 64 GiB");
	made = kernel_kib() - before;
	tap_ok(made <= 2 * TABLE_KIB, "costs next to nothing until it is touched (%ld KiB)", made);
	guest_reads(SPARSE_GPA, PAGE, FARS);
	dense = kernel_kib() - before - made;
	tap_ok(dense <= 2 * TABLES_EACH * TABLE_KIB, "%lu pages side by side cost tables of one "
	       "path (%ld KiB)", FARS, dense);
	guest_reads(SPARSE_GPA, FAR, FARS);
	far = kernel_kib() - before - made;
	tap_ok(far > (long)FARS * TABLE_KIB && far <= (long)FARS * TABLES_EACH * TABLE_KIB,
	       "%lu pages far apart, tables for each (%ld KiB)", FARS, far);
	sparse_slot(0);
	/* Tables are freed after a grace period. */
	for (i = 0; i < 50 && kernel_kib() - before > TABLES_EACH * TABLE_KIB; i++)
		usleep(100000);
	after = kernel_kib() - before;
	tap_ok(after <= TABLES_EACH * TABLE_KIB, "all is given back with the slot (%ld KiB)",
	       after);
}

static void sparse_time(void)
{
	uint64_t page = ticks_to_delete(PAGE, 0), empty = ticks_to_delete(SPARSE, 0);
	uint64_t few = ticks_to_delete(SPARSE, FARS / 8), all = ticks_to_delete(SPARSE, FARS);

	printf("# ticks to delete: a page %lu, 64 GiB %lu, with %lu pages %lu, with %lu %lu\n",
	       page, empty, FARS / 8, few, FARS, all);
	tap_ok(20 * empty < all, "64 GiB that were not touched are deleted in no time");
	tap_ok(few < all && all - empty < 10 * (few - empty),
	       "touched, it takes as long as there are pages: eight times as many, not ten times");
}

static uint64_t ticks_to_find(unsigned int apart)
{
	guest_reads(MANY_GPA, 2 * PAGE * apart, FOUND);
	return ticks;
}

/* Slots of one page, with a gap behind each; every @apart-th is read. */
static unsigned int make_many(unsigned int n, unsigned int every)
{
	unsigned int i, failed = 0;

	for (i = 0; i < n; i += every)
		failed += !!vm_slot(&vm, MANY_SLOT + i, 0, MANY_GPA + 2 * PAGE * i, PAGE, memory);
	return failed;
}

/* From the last to the first: each one's place in the sorted array is given up. */
static unsigned int delete_many(unsigned int n, unsigned int every)
{
	unsigned int i = (n - 1) / every + 1, failed = 0;

	while (i--)
		failed += !!vm_slot(&vm, MANY_SLOT + i * every, 0, 0, 0, NULL);
	return failed;
}

static void many(void)
{
	unsigned int n = on_debug_host() ? MANY_DEBUG : MANY, apart = n / FOUND;
	uint64_t few, all;

	memory[0] = 1;
	make_many(n, apart);
	/* Once for the page tables, which stay. */
	ticks_to_find(apart);
	delete_many(n, apart);
	make_many(n, apart);
	few = ticks_to_find(apart);
	delete_many(n, apart);
	TAP_EQ(make_many(n, 1), 0, "%u slots are made", n);
	all = ticks_to_find(apart);
	printf("# ticks for %u faults: among %u slots %lu, among %u %lu\n", FOUND, FOUND, few, n,
	       all);
	tap_ok(few && all < few + few / 2, "a fault finds its slot among them nearly as fast as "
	       "among %u", FOUND);
	TAP_EQ(delete_many(n, 1), 0, "and deleted");
}

int main(int argc, char **argv)
{
	const char *path;

	tap_begin();
	path = device_path(argc, argv);
	alarm(on_debug_host() ? 250 : 60);
	TAP_EQ(cgroup_make(0) && !cgroup_join(), true, "the host has cgroups");
	idle_vm();
	memory = mmap(NULL, SPARSE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	madvise(memory, SPARSE, MADV_NOHUGEPAGE);
	machine(&vm, &vcpu, path, false, reader);
	guest_reads(MANY_GPA, PAGE, 0);
	sparse_memory();
	sparse_time();
	many();
	machine_close(&vm, &vcpu);
	cgroup_remove();
	return tap_end();
}
