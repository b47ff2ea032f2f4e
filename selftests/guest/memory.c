// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory is the process's memory: whatever happens to that, the guest sees it at once.
 * The test area is a slot of its own, 4 MiB at AREA.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include "selftests/lib/vm.h"

#define AREA		0x20000000UL
#define AREA_PAGES	64
#define AREA_SIZE	(AREA_PAGES * PAGE)
#define SLOT		5
#define VGA		0xb8000
#define MEMORY_FAULT	39	/* KVM_EXIT_MEMORY_FAULT, newer than some headers */
#define MEMORY_FAULT_CAP 232	/* KVM_CAP_MEMORY_FAULT_INFO */

static const char *path;
static struct vm vm;
static struct vcpu vcpu;
static volatile uint64_t word, where;
static volatile bool stop;

static void start(void (*guest)(void))
{
	vcpu_long_mode(&vcpu, guest, 0);
}

/* The guest reads, or writes, one word a sync. */
static void reader(void)
{
	for (;;) {
		word = *(volatile uint64_t *)where;
		guest_sync(1);
	}
}

static void writer(void)
{
	for (;;) {
		*(volatile uint64_t *)where = word;
		guest_sync(2);
	}
}

static uint64_t guest_reads(uint64_t address)
{
	where = address;
	word = 0xbad;
	return vcpu_sync(&vcpu) == 1 ? word : 0xbad;
}

static bool guest_writes(uint64_t address, uint64_t value)
{
	where = address;
	word = value;
	return vcpu_sync(&vcpu) == 2;
}

static void demand(uint64_t *area)
{
	unsigned int i, wrong = 0;

	start(reader);
	area[1] = 0x1234;
	TAP_EQ(guest_reads(AREA + 8), 0x1234, "the guest sees what the process wrote");
	area[1] = 0x5678;
	TAP_EQ(guest_reads(AREA + 8), 0x5678, "and what it writes later");
	TAP_EQ(guest_reads(AREA + 2 * PAGE), 0, "a page nobody touched is zero");
	area[2 * 512] = 7;
	TAP_EQ(guest_reads(AREA + 2 * PAGE), 7, "also once the process has written it");
	start(writer);
	for (i = 0; i < AREA_PAGES; i++)
		wrong += !guest_writes(AREA + i * PAGE + 16, i + 1) || area[i * 512 + 2] != i + 1;
	TAP_EQ(wrong, 0, "the process sees what the guest wrote, in every page");
}

static void discard(uint64_t *area)
{
	start(writer);
	guest_writes(AREA + PAGE, 0x77);
	madvise(area, AREA_SIZE, MADV_DONTNEED);
	start(reader);
	TAP_EQ(guest_reads(AREA + PAGE), 0, "MADV_DONTNEED: the guest reads zeroes");
	TAP_EQ(guest_reads(AREA + 16), 0, "everywhere");
}

/* Pages that the host may take until they are written again. */
static void freed(uint64_t *area)
{
	start(writer);
	guest_writes(AREA + PAGE, 0x78);
	guest_writes(AREA + 2 * PAGE, 0x79);
	madvise(area, AREA_SIZE, MADV_FREE);
	guest_writes(AREA + PAGE, 0x7a);
	madvise(area, AREA_SIZE, MADV_PAGEOUT);
	start(reader);
	TAP_EQ(guest_reads(AREA + PAGE), 0x7a, "MADV_FREE: what the guest writes then stays");
	guest_reads(AREA + 2 * PAGE);
	tap_ok(word == 0x79 || !word, "what it does not write is there, or gone");
}

/* A file of the host's behind the slot. */
static void file(uint64_t *area)
{
	int fd = memfd_create("file", 0);

	if (ftruncate(fd, AREA_SIZE) ||
	    mmap(area, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != area)
		printf("Bail out! mmap of a file\n");
	start(writer);
	guest_writes(AREA + 3 * PAGE, 0x55);
	word = 0;
	TAP_EQ(pread(fd, (void *)&word, 8, 3 * PAGE) + word, 8 + 0x55,
	       "a mapped file has what the guest writes");
	start(reader);
	word = 0x66;
	TAP_EQ(pwrite(fd, (void *)&word, 8, 3 * PAGE), 8, "it is written");
	TAP_EQ(guest_reads(AREA + 3 * PAGE), 0x66, "and the guest sees it");
	where = AREA + 3 * PAGE;
	if (ftruncate(fd, PAGE))
		printf("# ftruncate: %m\n");
	TAP_EQ(vcpu_run_on(&vcpu), -EFAULT, "it is cut short: a read behind its end gives EFAULT");
	if (ftruncate(fd, AREA_SIZE))
		printf("# ftruncate: %m\n");
	TAP_EQ(guest_reads(AREA + 3 * PAGE), 0, "long again: the guest reads zeroes");
	close(fd);
	if (mmap(area, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) != area)
		printf("Bail out! mmap\n");
}

/* What the kernel has no pages for: the text screen of the host's VGA. */
static void device_memory(void)
{
	int fd = open("/dev/mem", O_RDWR);
	volatile uint64_t *screen = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, VGA);

	if (screen == MAP_FAILED) {
		tap_skip("a device's memory is mapped", "the host does not let it be");
		return;
	}
	TAP_EQ(vm_slot(&vm, 8, 0, AREA + 2 * AREA_SIZE, PAGE, (void *)screen), 0,
	       "a device's memory is a slot");
	screen[7] = 0x0741074207430744;
	start(reader);
	TAP_EQ(guest_reads(AREA + 2 * AREA_SIZE + 56), 0x0741074207430744, "the guest reads it");
	start(writer);
	guest_writes(AREA + 2 * AREA_SIZE + 64, 0x0745074607470748);
	TAP_EQ(screen[8], 0x0745074607470748, "and writes it");
	munmap((void *)screen, PAGE);
	word = 1;
	TAP_EQ(vcpu_run_on(&vcpu), -EFAULT, "unmapped: a write gives EFAULT");
	vm_slot(&vm, 8, 0, 0, 0, NULL);
	close(fd);
}

static void protect(uint64_t *area)
{
	start(writer);
	TAP_EQ(guest_writes(AREA, 1), 1, "the guest writes");
	mprotect(area, AREA_SIZE, PROT_READ);
	word = 2;
	TAP_EQ(vcpu_run_on(&vcpu), -EFAULT, "mprotect() to read-only: a write gives EFAULT");
	mprotect(area, AREA_SIZE, PROT_READ | PROT_WRITE);
	TAP_EQ(guest_writes(AREA, 2), 1, "writable again: the same write succeeds");
	TAP_EQ(area[0], 2, "and is there");
	start(reader);
	mprotect(area, AREA_SIZE, PROT_NONE);
	TAP_EQ(vcpu_run_on(&vcpu), -EFAULT, "PROT_NONE: a read gives EFAULT");
	mprotect(area, AREA_SIZE, PROT_READ | PROT_WRITE);
	TAP_EQ(guest_reads(AREA), 2, "readable again: the guest goes on");
}

static void fault_info(void)
{
	if (call(vm.dev, KVM_CHECK_EXTENSION, MEMORY_FAULT_CAP) <= 0) {
		tap_skip("EFAULT says which address", "KVM_CAP_MEMORY_FAULT_INFO is 0");
		return;
	}
	TAP_EQ(vcpu.run->exit_reason, MEMORY_FAULT, "EFAULT comes with KVM_EXIT_MEMORY_FAULT");
	/* flags, address, size: the three words of the union. */
	TAP_EQ(((uint64_t *)&vcpu.run->hw)[1], AREA, "EFAULT says which address");
}

static void unmap(uint64_t *area)
{
	start(reader);
	guest_reads(AREA);
	munmap(area, AREA_SIZE);
	TAP_EQ(vcpu_run_on(&vcpu), -EFAULT, "munmap(): a read gives EFAULT");
	fault_info();
	TAP_EQ(vcpu_run_on(&vcpu), -EFAULT, "and again");
	if (mmap(area, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) != area)
		printf("Bail out! mmap\n");
	area[0] = 0x99;
	TAP_EQ(guest_reads(AREA), 0x99, "mapped again: the guest sees the new memory");
}

/* The child's copy is made by whoever writes first; the guest is the parent's. */
static void forked(uint64_t *area)
{
	int pid, status = 0, go[2];
	char c;

	start(writer);
	guest_writes(AREA + 8, 1);
	fflush(stdout);
	if (pipe(go))
		return;
	pid = fork();
	if (!pid) {
		close(go[1]);
		if (read(go[0], &c, 1) < 0)
			_exit(99);
		_exit(area[1]);
	}
	guest_writes(AREA + 8, 2);
	TAP_EQ(area[1], 2, "after fork() the guest writes the parent's memory");
	area[1] = 3;
	close(go[0]);
	close(go[1]);
	waitpid(pid, &status, 0);
	TAP_EQ(WEXITSTATUS(status), 1, "and not the child's");
	start(reader);
	TAP_EQ(guest_reads(AREA + 8), 3, "the guest reads what the parent wrote");
}

static void readonly_slot(void)
{
	uint64_t *rom = pages(PAGE);

	rom[0] = 0xabcdef;
	TAP_EQ(vm_slot(&vm, 6, KVM_MEM_READONLY, AREA + AREA_SIZE, PAGE, rom), 0,
	       "a read-only slot");
	start(reader);
	TAP_EQ(guest_reads(AREA + AREA_SIZE), 0xabcdef, "the guest reads it");
	start(writer);
	where = AREA + AREA_SIZE;
	word = 0x4444;
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_MMIO, "a write to it is MMIO");
	TAP_EQ(vcpu.run->mmio.phys_addr, AREA + AREA_SIZE, "at its address");
	TAP_EQ(vcpu.run->mmio.is_write, 1, "a write");
	TAP_EQ(*(uint64_t *)vcpu.run->mmio.data, 0x4444, "with its value");
	TAP_EQ(vcpu_sync(&vcpu), 2, "the guest goes on");
	TAP_EQ(rom[0], 0xabcdef, "and the memory is unchanged");
	vm_slot(&vm, 6, 0, 0, 0, NULL);
	munmap(rom, PAGE);
}

static void slots(uint64_t *area)
{
	start(reader);
	area[0] = 0x31;
	TAP_EQ(guest_reads(AREA), 0x31, "the guest reads a slot");
	vm_slot(&vm, SLOT, 0, AREA, 0, area);
	where = AREA;
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_MMIO, "deleted: a read is MMIO");
	*(uint64_t *)vcpu.run->mmio.data = 0x32;
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest goes on");
	TAP_EQ(word, 0x32, "with what user space answered");
	vm_slot(&vm, SLOT, 0, AREA, AREA_SIZE, area);
	TAP_EQ(guest_reads(AREA), 0x31, "put back: memory again");
	vm_slot(&vm, SLOT, 0, AREA + AREA_SIZE, AREA_SIZE, area);
	TAP_EQ(guest_reads(AREA + AREA_SIZE), 0x31, "moved: at its new place");
	where = AREA;
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_MMIO, "and no longer at its old");
	vcpu_sync(&vcpu);
	vm_slot(&vm, SLOT, 0, AREA, AREA_SIZE, area);
	TAP_EQ(guest_reads(AREA), 0x31, "moved back");
}

/* While the guest runs: it counts in the first page, and does not care about the rest. */
static void busy(void)
{
	volatile uint64_t *counter = (volatile uint64_t *)AREA;
	unsigned int i;

	asm volatile("sti");
	while (!stop)
		for (i = 0; i < AREA_PAGES; i++)
			counter[i * 512]++;
	guest_sync(3);
}

static void *run_busy(void *unused)
{
	static uint32_t result;

	result = vcpu_sync(&vcpu);
	return unused ? unused : &result;
}

static void while_running(uint64_t *area)
{
	uint64_t before, *other;
	pthread_t thread;
	unsigned int i;
	void *result;

	stop = false;
	start(busy);
	pthread_create(&thread, NULL, run_busy, NULL);
	usleep(10000);
	for (i = 0; i < 20; i++) {
		madvise(area + 512, AREA_SIZE - PAGE, MADV_DONTNEED);
		usleep(2000);
	}
	before = *(volatile uint64_t *)area;
	for (i = 0; i < 20; i++) {
		other = pages(PAGE);
		vm_slot(&vm, 100 + i, 0, 0x30000000 + i * PAGE, PAGE, other);
		usleep(1000);
		vm_slot(&vm, 100 + i, 0, 0, 0, NULL);
		munmap(other, PAGE);
	}
	tap_ok(*(volatile uint64_t *)area > before, "the guest counts on while slots come and go");
	stop = true;
	pthread_join(thread, &result);
	TAP_EQ(*(uint32_t *)result, 3, "it survives its memory's discarding");
	tap_ok(area[512] < area[0], "and lost what was discarded");
}

int main(int argc, char **argv)
{
	uint64_t *area;

	tap_begin();
	path = device_path(argc, argv);
	area = pages(AREA_SIZE);
	machine(&vm, &vcpu, path, false, reader);
	TAP_EQ(vm_slot(&vm, SLOT, 0, AREA, AREA_SIZE, area), 0, "a slot of 64 pages");
	demand(area);
	discard(area);
	freed(area);
	file(area);
	device_memory();
	protect(area);
	unmap(area);
	forked(area);
	readonly_slot();
	slots(area);
	while_running(area);
	machine_close(&vm, &vcpu);
	return tap_end();
}
