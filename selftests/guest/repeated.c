// SPDX-License-Identifier: GPL-2.0
/*
 * Doorbells and devices' registers: one instruction accesses an eventfd's address, or user space's,
 * again and again. The driver may remember it, but never what it was, or what it accessed, before
 * the guest or user space has changed that.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#include <asm/processor-flags.h>
#include "selftests/lib/eventfd.h"
#include "selftests/lib/vm.h"
#include "selftests/lib/tap.h"

#define MATCH		KVM_IOEVENTFD_FLAG_DATAMATCH
#define ALIAS		0x80000000UL
#define LARGE_PAGE	(2UL << 20)
#define SLOT		5

/* Where what rings. */
#define PLAIN		(DEVICE + 0x10)
#define VALUE		(DEVICE + 0x20)	/* 7 only */
#define PORT		0x70
#define BYTE		(DEVICE + 0x40)	/* 5AH only, a byte */
#define REGISTER	(DEVICE + 8)	/* user space's */

static struct vm vm;
static struct vcpu vcpu;
static struct device device;
static uint8_t code[2][LARGE_PAGE] __attribute__((aligned(LARGE_PAGE)));

/* --- the guest ------------------------------------------------------------------------------ */

static const uint8_t store[] = { 0x89, 0x03, 0xc3 };		/* mov %eax, (%rbx); ret */
static const uint8_t store_0[] = { 0x89, 0x13, 0xc3 };		/* mov %edx, (%rbx); ret */
static const uint8_t load[] = { 0x8b, 0x03, 0xc3 };		/* mov (%rbx), %eax; ret */
static const uint8_t add[] = { 0x01, 0x03, 0xc3 };		/* add %eax, (%rbx); ret */
static const uint8_t store_ah[] = { 0x88, 0x23, 0xc3 };		/* mov %ah, (%rbx); ret */
static const uint8_t store_7[] = { 0xc7, 0x04, 0x1a, 7, 0, 0, 0, 0xc3 };	/* (%rdx,%rbx) */
static const uint8_t store_far[] = { 0xc7, 0x43, 0x10, 7, 0, 0, 0, 0xc3 };	/* 16(%rbx) */

/* Into RAX, which was all ones, but for the last but one. */
static const struct {
	const char *name;
	uint8_t code[16];
	uint64_t address, value;
} loads[] = {
	{ "mov (%rbx), %al", { 0x8a, 0x03, 0xc3 }, REGISTER, ~0xffUL | 0x08 },
	{ "mov (%rbx), %ah", { 0x8a, 0x23, 0xc3 }, REGISTER, ~0xff00UL | 0x0800 },
	{ "mov (%rbx), %ax", { 0x66, 0x8b, 0x03, 0xc3 }, REGISTER, ~0xffffUL | 0x0908 },
	{ "mov (%rbx), %eax", { 0x8b, 0x03, 0xc3 }, REGISTER, 0x0b0a0908 },
	{ "mov (%rbx), %rax", { 0x48, 0x8b, 0x03, 0xc3 }, REGISTER, 0x0f0e0d0c0b0a0908 },
	{ "mov (%rbx), %r9d", { 0x44, 0x8b, 0x0b, 0x4c, 0x89, 0xc8, 0xc3 }, REGISTER, 0x0b0a0908 },
	{ "mov 8(%rbx), %ax", { 0x66, 0x8b, 0x43, 8, 0xc3 }, REGISTER - 8, ~0xffffUL | 0x0908 },
};

#define NR_LOADS	(sizeof(loads) / sizeof(loads[0]))

static uint64_t run_at(const void *at, uint64_t address, uint64_t value)
{
	asm volatile("mov $-1, %%r9\n\tcall *%1"
		     : "+a"(value) : "r"(at), "b"(address), "d"(0UL) : "r9", "memory", "cc");
	return value;
}

static uint64_t run(uint64_t address, uint64_t value)
{
	return run_at(code[0], address, value);
}

static void write_code(unsigned int nr, const uint8_t *insn, unsigned int len)
{
	uint32_t serialize[4];

	memcpy(code[nr], insn, len);
	guest_cpuid(0, 0, serialize);
}

#define CODE(nr, insn) write_code(nr, insn, sizeof(insn))

static void map_alias(const void *page)
{
	uint64_t *entry = &guest_tables[2 + ALIAS / (512 * LARGE_PAGE)][0];

	*(volatile uint64_t *)entry = (*entry & (PAGE - 1)) | (uintptr_t)page;
	asm volatile("invlpg (%0)" : : "r"(ALIAS) : "memory");
}

static void same_store(void)
{
	unsigned int i;

	CODE(0, store);
	for (i = 0; i < 5; i++)
		run(PLAIN, i);
	guest_sync(1);
	for (i = 5; i < 9; i++)
		run(VALUE, i);
	guest_sync(2);
	CODE(0, store_ah);
	for (i = 0; i < 4; i++)
		run(BYTE, i & 1 ? 0x5a00 : 0x005a);
	guest_sync(3);
	CODE(0, store_7);
	for (i = 0; i < 3; i++)
		run(VALUE, 0);
	CODE(0, store_far);
	for (i = 0; i < 3; i++)
		run(VALUE - 0x10, 0);
	guest_sync(4);
}

static void other_code(void)
{
	unsigned int i;

	CODE(0, store);
	for (i = 0; i < 3; i++)
		run(PLAIN, 1);
	CODE(0, load);
	guest_check("a load in the place of the store loads", (uint32_t)run(PLAIN, 1), 0x13121110);
	CODE(0, add);
	run(VALUE, 1);
	CODE(0, store);
	run(VALUE, 7);
	run(VALUE, 7);
	CODE(0, store_0);
	run(VALUE, 7);
	guest_sync(5);
	CODE(0, store);
	CODE(1, store_0);
	map_alias(code[0]);
	for (i = 0; i < 3; i++)
		run_at((void *)ALIAS, VALUE, 7);
	map_alias(code[1]);
	run_at((void *)ALIAS, VALUE, 7);
	guest_sync(6);
}

static void other_places(void)
{
	run(DEVICE, 1);
	run(DEVICE, 1);
	run(DEVICE - 2, 0x44332211);
	guest_check("a store across two pages fills the first", *(uint16_t *)(DEVICE - 2), 0x2211);
	guest_sync(7);
	run(PLAIN, 0x1234);
	guest_check("memory that is there now is written", *(volatile uint32_t *)PLAIN, 0x1234);
	guest_sync(8);
	run(PLAIN, 1);
	guest_sync(9);
}

static volatile unsigned int breakpoints;
static bool breakpoints_are_met;

static bool on_trap(struct guest_frame *frame)
{
	breakpoints += frame->vector == 1;
	return frame->vector == 1;
}

static void watch(uint64_t address, uint64_t dr7)
{
	asm volatile("mov %0, %%dr0\n\tmov %1, %%dr7" : : "r"(address), "r"(dr7 | 0x400));
}

/* The debug registers are the guest's own from its MOV on until the next exit: the store. */
static void watched(void)
{
	guest_trap_hook = on_trap;
	watch(PLAIN, 0xd0003);
	run(PLAIN, 1);
	run(PLAIN, 1);
	watch(PLAIN, 0);
	run(PLAIN, 1);
	if (breakpoints_are_met)
		guest_check("a breakpoint on the address is met while it is set", breakpoints, 2);
	breakpoints = 0;
	asm volatile("mov %0, %%cr4" : : "r"(0x620UL | X86_CR4_DE));
	watch(PORT, 0x20003);
	asm volatile("outb %%al, %0\n\toutb %%al, %0" : : "N"((uint8_t)PORT));
	watch(PORT, 0);
	asm volatile("outb %%al, %0" : : "N"((uint8_t)PORT));
	if (breakpoints_are_met)
		guest_check("and so is one on a port", breakpoints, 2);
	guest_sync(10);
}

static void same_load(void)
{
	unsigned int i, n, wrong;

	for (i = 0; i < NR_LOADS; i++) {
		write_code(0, loads[i].code, sizeof(loads[i].code));
		for (n = 0, wrong = 0; n < 3; n++)
			wrong += run(loads[i].address, ~0UL) != loads[i].value;
		guest_check(loads[i].name, wrong, 0);
	}
	guest_sync(11);
}

/* A second place, which a driver that remembers by address is not to take for the first. */
static void both(void)
{
	uint8_t *second = code[0] + 0x12;
	unsigned int i, wrong = 0;

	CODE(0, store);
	memcpy(second, load, sizeof(load));
	for (i = 0; i < 6; i++) {
		run(REGISTER, 0x01020304 * i);
		wrong += run_at(second, REGISTER, ~0UL) != 0x01020304 * i;
		wrong += run_at(second, REGISTER + 4, ~0UL) != 0x0f0e0d0c;
	}
	guest_check("a register reads as it was written last", wrong, 0);
	guest_sync(12);
}

static unsigned int traps_of_step(void)
{
	breakpoints = 0;
	asm volatile("pushf\n\torl $0x100, (%%rsp)\n\tpopf\n\t"
		     "call *%0\n\t"
		     "pushf\n\tandl $~0x100, (%%rsp)\n\tpopf"
		     : : "r"(code[0]), "b"(REGISTER) : "rax", "memory", "cc");
	return breakpoints;
}

static void stepped(void)
{
	unsigned int first;

	CODE(0, load);
	first = traps_of_step();
	run(REGISTER, 0);
	guest_check("a single step over a load", traps_of_step(), first);
	guest_check("is one", first, 6);
	guest_sync(13);
}

static void skipped(void)
{
	unsigned int i;

	CODE(0, load);
	for (i = 0; i < 3; i++)
		run(REGISTER, 0);
	guest_check("user space's RIP and RAX are kept", run(REGISTER, 0), 0x77);
	guest_sync(14);
}

static void guest(void)
{
	same_store();
	other_code();
	other_places();
	watched();
	same_load();
	both();
	stepped();
	skipped();
}

/* --- the monitor ---------------------------------------------------------------------------- */

static int new_bell(uint64_t address, unsigned int len, unsigned int flags, uint64_t value)
{
	int fd = new_event();

	ioeventfd(&vm, fd, address, len, flags, value);
	return fd;
}

static int plain, value, byte, first, port;

/* To the guest's next guest_sync(); what user space got meanwhile is in @device. */
static void go_on(unsigned int sync)
{
	unsigned int i;

	device.reads = 0;
	device.writes = 0;
	for (i = 0; i < 0x20; i++)
		device.memory[i] = i;
	TAP_EQ(vcpu_sync_io(&vcpu, &device), sync, "the guest goes on to %u", sync);
}

static void check_stores(void)
{
	go_on(1);
	TAP_EQ(taken(plain) + 100 * device.writes, 5, "each of a store's executions rings");
	go_on(2);
	TAP_EQ(taken(value), 1, "of four values the one that matches rings");
	TAP_EQ(device.writes, 3, "and user space gets the others");
	go_on(3);
	TAP_EQ(taken(byte), 2, "AH is what stores AH");
	TAP_EQ(device.writes, 2, "and not what is below it");
	go_on(4);
	TAP_EQ(taken(value) + 100 * device.writes, 6, "constants ring, at [a+b] and at [a+16]");
	go_on(5);
	TAP_EQ(taken(plain), 3, "another instruction in its place does not ring");
	TAP_EQ(taken(value), 2, "nor the store of another register");
	TAP_EQ(device.reads + 100 * device.writes, 202, "user space gets their reads and writes");
	go_on(6);
	TAP_EQ(taken(value) + 100 * device.writes, 103, "nor one that is mapped there");
}

static void check_places(void)
{
	void *before = pages(PAGE), *there = pages(PAGE);

	TAP_EQ(vm_slot(&vm, SLOT, 0, DEVICE - PAGE, PAGE, before), 0, "memory before the device");
	go_on(7);
	TAP_EQ(taken(first), 2, "the end of a store across two pages does not ring");
	TAP_EQ(vm_slot(&vm, SLOT + 1, 0, DEVICE, PAGE, there), 0, "memory in the device's place");
	go_on(8);
	TAP_EQ(taken(plain) + 100 * device.writes, 0, "there are no doorbells any more");
	TAP_EQ(vm_slot(&vm, SLOT + 1, 0, DEVICE, 0, there), 0, "memory taken away");
	go_on(9);
	TAP_EQ(taken(plain) + 100 * device.writes, 1, "and it rings again");
	go_on(10);
	TAP_EQ(taken(plain) + 100 * device.writes, 3, "with a breakpoint on it, too");
	TAP_EQ(taken(port), 3, "so does a port");
	tap_checks();
}

/* While user space is asked for a load it goes on behind it, with another result. */
static void skip_load(void)
{
	struct kvm_regs regs;
	unsigned int asked = 0;

	while (vcpu_run(&vcpu) == KVM_EXIT_MMIO && ++asked < 4)
		memset(vcpu.run->mmio.data, 0, sizeof(vcpu.run->mmio.data));
	TAP_EQ(asked, 4, "four loads");
	call(vcpu.fd, KVM_GET_REGS, &regs);
	regs.rip += 2;
	regs.rax = 0x77;
	TAP_EQ(call(vcpu.fd, KVM_SET_REGS, &regs), 0, "user space skips the fourth");
	go_on(14);
}

static void check_loads(const char *path)
{
	long before = vcpu_counter(&vcpu, "insn_emulation");

	go_on(11);
	TAP_EQ(device.reads, 3 * NR_LOADS, "user space is asked each time");
	if (strstr(path, "kvmlet"))
		tap_ok(vcpu_counter(&vcpu, "insn_emulation") - before <= 3 * (long)NR_LOADS - 2 * 6,
		       "what is known is not emulated");
	go_on(12);
	TAP_EQ(device.reads + 100 * device.writes, 612, "and told each store");
	go_on(13);
	/* Upstream's emulator ends what it has begun. */
	if (strstr(path, "kvmlet"))
		skip_load();
	tap_checks();
}

static void whole(const char *path, bool irqchip)
{
	printf("# %s interrupt controllers in the kernel\n", irqchip ? "with" : "without");
	machine(&vm, &vcpu, path, irqchip, guest);
	breakpoints = 0;
	/* Upstream's emulator does not look for them: differences.rst. */
	breakpoints_are_met = strstr(path, "kvmlet");
	plain = new_bell(PLAIN, 4, 0, 0);
	value = new_bell(VALUE, 4, MATCH, 7);
	byte = new_bell(BYTE, 1, MATCH, 0x5a);
	first = new_bell(DEVICE, 4, 0, 0);
	port = new_bell(PORT, 1, KVM_IOEVENTFD_FLAG_PIO, 0);
	check_stores();
	check_places();
	check_loads(path);
	machine_close(&vm, &vcpu);
	close(plain);
	close(value);
	close(byte);
	close(first);
	close(port);
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);

	tap_begin();
	whole(path, false);
	whole(path, true);
	return tap_end();
}
