// SPDX-License-Identifier: GPL-2.0
/*
 * A guest stores to a device while its page tables change all the time, as another processor of its
 * may have them do. The emulator, which cannot mark an entry as used that is another one by
 * then, gives up for now, before the instruction has done anything. User space hears of each store
 * once, and of nothing else.
 *
 * lab: --smp 2
 */
#include <pthread.h>
#include <unistd.h>
#include "selftests/lib/vm.h"
#include "selftests/lib/tap.h"

#define ALIAS		0x80000000UL
#define LARGE_PAGE	(2UL << 20)
#define USED		0x60UL			/* of an entry: accessed, dirty */
#define STORES		200
#define AT_A_TIME	3000			/* changes, then the guest gets on */
#define STRANGE_MOST	50

static struct vm vm;
static struct vcpu vcpu;
static uint8_t code[LARGE_PAGE] __attribute__((aligned(LARGE_PAGE)));
static volatile uint64_t *const entry = &guest_tables[2 + ALIAS / (512 * LARGE_PAGE)][0];
static volatile bool stop;

static void guest(void)
{
	uint32_t i;

	for (i = 0; i < STORES; i++)
		asm volatile("call *%0" : : "r"(ALIAS), "a"(i), "b"(DEVICE) : "memory", "cc");
	guest_sync(1);
}

/* Nothing changes but bits that processors ignore; and no entry is ever marked as used. */
static void *change(void *unused)
{
	uint64_t n = 0, first = (*entry & (PAGE - 1) & ~USED) | (uintptr_t)code;

	stay_on(0, 1);
	while (!stop) {
		*entry = first | (n & 7) << 9 | (n >> 3 & 0x7f) << 52;
		if (++n % AT_A_TIME == 0)
			usleep(300);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static const uint8_t store[] = { 0x89, 0x03, 0xc3 };	/* mov %eax, (%rbx); ret */
	const char *path = device_path(argc, argv);
	unsigned int stores = 0, strange = 0;
	long before, emulated;
	pthread_t thread;
	int exit;

	tap_begin();
	memcpy(code, store, sizeof(store));
	machine(&vm, &vcpu, path, false, guest);
	*entry = (*entry & (PAGE - 1)) | (uintptr_t)code;
	stay_on(0, 0);
	pthread_create(&thread, NULL, change, NULL);
	before = vcpu_counter(&vcpu, "insn_emulation");
	while ((exit = vcpu_run(&vcpu)) == KVM_EXIT_MMIO && strange < STRANGE_MOST) {
		if (vcpu.run->mmio.phys_addr == DEVICE && vcpu.run->mmio.len == 4 &&
		    *(uint32_t *)vcpu.run->mmio.data == stores)
			stores++;
		else
			strange++;
	}
	emulated = vcpu_counter(&vcpu, "insn_emulation") - before;
	stop = true;
	pthread_join(thread, NULL);
	TAP_EQ(exit, KVM_EXIT_IO, "the guest comes to its end");
	TAP_EQ(stores, STORES, "user space hears of each store, once");
	TAP_EQ(strange, 0, "and of nothing else");
	/* Upstream's emulator sets the bits without a look at what has changed. */
	if (strstr(path, "kvmlet") && on_debug_host())
		tap_skip("the tables were in the way", "a debug host is too slow to meet them");
	else if (strstr(path, "kvmlet"))
		tap_ok(emulated > STORES, "the tables were in the way: %ld times",
		       emulated - STORES);
	machine_close(&vm, &vcpu);
	return tap_end();
}
