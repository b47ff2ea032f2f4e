// SPDX-License-Identifier: GPL-2.0
/*
 * Two log ioctls at once, while the guest writes to a page from another processor. The first
 * has protected that page and waits for the rest of its bitmap (userfaultfd); the second finds no
 * mark left and returns. What the guest writes from then on is to be in the next log. A stale
 * translation that lets it through lives until the guest's next exit, with the emulator: hence
 * the rounds.
 *
 * lab: --smp 2
 * lab@kvmlet: --cpu corei7_skylake_x --smp 2
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include "selftests/lib/userfault.h"
#include "selftests/lib/vm.h"

#define AREA		0x20000000UL
#define AREA_PAGES	8192UL			/* more than are protected at a time */
#define AREA_SIZE	(AREA_PAGES * PAGE)
#define WORDS		(AREA_PAGES / 64)
#define HERE		256			/* bytes of the bitmap, the rest is held */
#define SLOT		7
#define ROUNDS		16
#define PATIENCE	1000000

static struct vm vm;
static struct vcpu vcpu;
static volatile uint64_t *counter;		/* the area's first page */
static uint8_t *bitmap;				/* two pages: the first's clear_log() */
static struct pollfd held = { .events = POLLIN };
static volatile uint64_t returned_at;
static volatile bool stop;

/* The host's interrupts shall come while it runs (Documentation/lab.rst, 1). */
static void writer(void)
{
	asm volatile("sti");
	while (!stop)
		++*(volatile uint64_t *)AREA;
	guest_sync(1);
}

static int clear_log(uint32_t n, void *marks)
{
	struct kvm_clear_dirty_log log = { .slot = SLOT, .num_pages = n, .dirty_bitmap = marks };

	return call(vm.fd, KVM_CLEAR_DIRTY_LOG, &log);
}

static void *run_guest(void *result)
{
	stay_on(0, 1);
	*(uint32_t *)result = vcpu_sync(&vcpu);
	return NULL;
}

static void *first(void *result)
{
	*(int *)result = clear_log(AREA_PAGES, bitmap + PAGE - HERE);
	return NULL;
}

/* NULL unless it was done while the first waited, or after it. */
static void *second(void *done)
{
	uint64_t mark = 1;
	unsigned int i;

	if (poll(&held, 1, 5000) != 1 || clear_log(64, &mark))
		done = NULL;
	returned_at = *counter;
	for (i = 0; i < PATIENCE && *counter == returned_at; i++)
		asm volatile("pause");
	stop = true;
	return done;
}

static bool counter_is_marked(void)
{
	static uint64_t marks[WORDS];
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = marks };

	call(vm.fd, KVM_GET_DIRTY_LOG, &log);
	return marks[0] & 1;
}

struct tally {
	unsigned int done, answered, written, missed;
};

/* False if there is no userfaultfd. */
static bool one_round(struct tally *tally)
{
	uint64_t before = *counter;
	pthread_t guest, one, other;
	uint32_t said = 0;
	int cleared = -1;
	void *done;

	held.fd = page_hold(bitmap + PAGE);
	if (held.fd < 0)
		return false;
	stop = false;
	vcpu_long_mode(&vcpu, writer, 0);
	pthread_create(&guest, NULL, run_guest, &said);
	while (*counter - before < 100)
		sched_yield();
	pthread_create(&other, NULL, second, tally);
	pthread_create(&one, NULL, first, &cleared);
	/* It need not wait for the first, which is let go then in any case. */
	tally->answered += ends_without(other, &done, 1, held.fd, bitmap + PAGE);
	pthread_join(one, NULL);
	pthread_join(guest, NULL);
	tally->done += done && !cleared && said == 1;
	tally->written += *counter != returned_at;
	tally->missed += *counter != returned_at && !counter_is_marked();
	return true;
}

static void report(const struct tally *tally, unsigned int rounds)
{
	const char *name = "a log ioctl does not wait for another that waits for its bitmap";

	TAP_EQ(tally->done, rounds, "two log ioctls at once, %u times", rounds);
	TAP_EQ(tally->written, rounds, "the guest writes after the second has returned");
	TAP_EQ(tally->missed, 0, "and the next log has it");
	if (tally->answered)
		TAP_EQ(tally->answered, rounds, "%s", name);
	else
		tap_skip(name, "it does with this driver");
}

int main(int argc, char **argv)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
				      .args = { KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE } };
	struct tally tally = { 0 };
	unsigned int rounds = 0;

	tap_begin();
	stay_on(0, 0);
	bitmap = pages(2 * PAGE);
	memset(bitmap, 0xff, PAGE);
	counter = pages(AREA_SIZE);
	machine(&vm, &vcpu, device_path(argc, argv), false, writer);
	TAP_EQ(call(vm.fd, KVM_ENABLE_CAP, &cap), 0, "marks are left to KVM_CLEAR_DIRTY_LOG");
	TAP_EQ(vm_slot(&vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, AREA, AREA_SIZE, (void *)counter), 0,
	       "a logged slot");
	/* One that waits for the first each time has shown what there is to see. */
	while (rounds < ROUNDS && tally.answered == rounds && one_round(&tally))
		rounds++;
	if (rounds)
		report(&tally, rounds);
	else
		tap_skip("two log ioctls at once", "this host's userfaultfd cannot do that");
	machine_close(&vm, &vcpu);
	return tap_end();
}
