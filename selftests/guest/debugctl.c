// SPDX-License-Identifier: GPL-2.0
/*
 * The host's IA32_DEBUGCTL under a guest that exits all the time: what an interrupt has written to
 * it is there after any number of exits, although every exit clears it (SDM 27.5.1).
 *
 * The emulator has no such MSR and clears nothing. So the lab makes it one that holds what is
 * written, and a list of MSRs that the processor loads at an exit, planted in the VMCS, clears it;
 * a second MSR in the list shows that the list is gone through.
 *
 * only: kvmlet
 * lab: --smp 2 --param test=1 --msr 1d9 --msr 1da
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include "selftests/lib/vm.h"

#define DEBUGCTL	0x1d9
#define WITNESS		0x1da
#define WITNESSED	0x5a
#define TOGGLES		3000
#define LIST_ADDRESS	0x2008		/* VM_EXIT_MSR_LOAD_ADDR and _COUNT */
#define LIST_COUNT	0x4010
#define PAGEMAP_FRAME	((1ULL << 55) - 1)

static const uint64_t values[] = { 1, 0, 0x40, 0x41, 0x2 };

static struct vm vm;
static struct vcpu vcpu;
static int msr_fd;
static volatile bool storm_ends;
static volatile uint64_t storm;

static void guest(void)
{
	uint32_t out[4];

	/* The emulator keeps an IPI back while a guest has interrupts off (lab.rst, bug 1). */
	asm volatile("sti");
	for (;;) {
		guest_sync(1);
		for (; !storm_ends; storm++)
			guest_cpuid(0, 0, out);
	}
}

/* On processor 0, by an IPI if the caller is on the other one. */
static uint64_t host_msr(uint32_t index)
{
	uint64_t value = ~0ULL;

	if (pread(msr_fd, &value, sizeof(value), index) != sizeof(value))
		printf("# MSR %#x cannot be read\n", index);
	return value;
}

static void set_host_msr(uint32_t index, uint64_t value)
{
	if (pwrite(msr_fd, &value, sizeof(value), index) != sizeof(value))
		printf("# MSR %#x cannot be written\n", index);
}

static void run_on(unsigned int cpu)
{
	TAP_EQ(stay_on(0, cpu), 0, "this thread has a processor");
}

static bool put(const char *path, const char *words)
{
	int fd = open(path, O_WRONLY);
	bool good = fd >= 0 && write(fd, words, strlen(words)) == (ssize_t)strlen(words);

	close(fd);
	return good;
}

static uint64_t physical(void *page)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	if (pread(fd, &entry, sizeof(entry), (uintptr_t)page / PAGE * 8) != sizeof(entry))
		printf("# no pagemap\n");
	close(fd);
	return (entry & PAGEMAP_FRAME) * PAGE;
}

static void plant(uint32_t field, uint64_t value)
{
	char words[48];

	snprintf(words, sizeof(words), "%x %llx", field, (unsigned long long)value);
	tap_ok(put("/sys/kernel/debug/kvmlet/plant", words), "field %#x is planted", field);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest goes on");
}

static void plant_list(void)
{
	struct {
		uint64_t index, value;
	} *list = pages(PAGE);

	mlock(list, PAGE);
	list[0].index = DEBUGCTL;
	list[1].index = WITNESS;
	list[1].value = WITNESSED;
	storm_ends = true;
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest runs");
	plant(LIST_ADDRESS, physical(list));
	plant(LIST_COUNT, 2);
	TAP_EQ(host_msr(WITNESS), WITNESSED, "an exit loads the list of MSRs that clears DEBUGCTL");
}

static void *run_storm(void *unused)
{
	TAP_EQ(vcpu_sync(&vcpu), 1, "the storm of CPUIDs ends");
	return NULL;
}

static void wait_for_exits(unsigned int n)
{
	uint64_t end = storm + n;

	while (storm < end)
		;
}

static void toggle(void)
{
	unsigned int i, lost = 0;

	for (i = 0; i < TOGGLES; i++) {
		uint64_t value = values[i % (sizeof(values) / sizeof(*values))], got;

		set_host_msr(DEBUGCTL, value);
		wait_for_exits(i % 7);
		got = host_msr(DEBUGCTL);
		if (got != value && !lost++)
			printf("# toggle %u: %#llx was written, %#llx is there\n", i,
			       (unsigned long long)value, (unsigned long long)got);
	}
	TAP_EQ(lost, 0, "DEBUGCTL is what an IPI has written, after some CPUIDs or none");
}

int main(int argc, char **argv)
{
	pthread_t thread;

	tap_begin();
	if (access("/dev/cpu/0/msr", F_OK) && system("modprobe msr"))
		printf("# there is no module msr\n");
	put("/sys/module/msr/parameters/allow_writes", "on");
	msr_fd = open("/dev/cpu/0/msr", O_RDWR);
	if (msr_fd < 0) {
		tap_skip("DEBUGCTL survives exits", "this host has no /dev/cpu/0/msr");
		return tap_end();
	}
	run_on(0);
	machine(&vm, &vcpu, device_path(argc, argv), false, guest);
	set_host_msr(DEBUGCTL, 0);
	plant_list();
	storm_ends = false;
	pthread_create(&thread, NULL, run_storm, NULL);
	run_on(1);
	wait_for_exits(100);
	toggle();
	storm_ends = true;
	pthread_join(thread, NULL);
	set_host_msr(DEBUGCTL, 0);
	machine_close(&vm, &vcpu);
	return tap_end();
}
