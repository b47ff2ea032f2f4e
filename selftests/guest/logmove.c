// SPDX-License-Identifier: GPL-2.0
/*
 * A logged slot moves while the guest writes to it from another processor. The log has all that was
 * written before, also what the guest's processor alone knows of yet (page-modification logging).
 *
 * lab:
 * lab@kvmlet: --cpu corei7_skylake_x --smp 2
 */
#include <pthread.h>
#include <sched.h>
#include "selftests/lib/vm.h"

#define AREA		0x20000000UL
#define AREA_PAGES	1024
#define AREA_SIZE	(AREA_PAGES * PAGE)
#define WORDS		(AREA_PAGES / 64)
#define SLOT		7
#define ROUNDS		6

static struct vm vm;
static struct vcpu vcpu;
static uint8_t *area, copy[AREA_SIZE];
static uint64_t marks[WORDS];
static volatile uint64_t round_nr, written;

/* Each page, so that all of them are mapped. */
static void toucher(void)
{
	uint64_t i;

	for (i = 0; i < AREA_PAGES; i++)
		*(volatile uint64_t *)(AREA + i * PAGE) = round_nr;
	guest_sync(1);
}

/* One page after the other, until they are gone. */
static void writer(void)
{
	for (written = 0; ; written++)
		*(volatile uint64_t *)(AREA + written % AREA_PAGES * PAGE) = ~round_nr;
}

static int place(uint64_t gpa)
{
	return vm_slot(&vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, gpa, AREA_SIZE, area);
}

/* What a monitor would copy. */
static void take_and_copy(void)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = marks };
	unsigned long i;

	call(vm.fd, KVM_GET_DIRTY_LOG, &log);
	for (i = 0; i < AREA_PAGES; i++)
		if (marks[i / 64] >> i % 64 & 1)
			memcpy(copy + i * PAGE, area + i * PAGE, PAGE);
}

static void *run_until_gone(void *result)
{
	*(int *)result = vcpu_run_on(&vcpu);
	return result;
}

/* True if the guest ran into the hole that the slot has left. */
static bool move_away(unsigned int after)
{
	pthread_t thread;
	int exit = 0;

	written = 0;
	vcpu_long_mode(&vcpu, writer, 0);
	pthread_create(&thread, NULL, run_until_gone, &exit);
	while (written < after)
		sched_yield();
	place(AREA + AREA_SIZE);
	pthread_join(thread, NULL);
	return exit == KVM_EXIT_MMIO;
}

int main(int argc, char **argv)
{
	unsigned int gone = 0, missed = 0;

	tap_begin();
	area = pages(AREA_SIZE);
	machine(&vm, &vcpu, device_path(argc, argv), false, toucher);
	for (round_nr = 1; round_nr <= ROUNDS; round_nr++) {
		place(AREA);
		vcpu_long_mode(&vcpu, toucher, 0);
		vcpu_sync(&vcpu);
		take_and_copy();
		gone += move_away(round_nr * 50);
		take_and_copy();
		missed += !!memcmp(copy, area, AREA_SIZE);
	}
	TAP_EQ(gone, ROUNDS, "a logged slot moves while the guest writes to it, %u times", ROUNDS);
	TAP_EQ(missed, 0, "the log has all that was written before");
	machine_close(&vm, &vcpu);
	return tap_end();
}
