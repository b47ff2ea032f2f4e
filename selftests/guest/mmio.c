// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions on addresses that no memory is at: each form that drivers use gives
 * KVM_EXIT_MMIO and has its architectural effect.
 */
#define _GNU_SOURCE
#include "selftests/lib/vm.h"

static struct device device;
static uint8_t buffer[64] __attribute__((aligned(64)));

#define FILL	0x1122334455667788UL

/* Reads with one instruction into RAX, which held FILL. */
#define READ(insn, offset)							\
({										\
	uint64_t rax = FILL;							\
	asm volatile(insn : "+a"(rax) : "b"(DEVICE + (offset)) : "memory", "cc");	\
	rax;									\
})
#define WRITE(insn, offset, value)						\
	asm volatile(insn : : "a"((uint64_t)(value)), "b"(DEVICE + (offset)) : "memory", "cc")

static void reads(void)
{
	guest_check("MOV r8", READ("movb (%%rbx), %%al", 0), 0x1122334455667780);
	guest_check("MOV r16", READ("movw (%%rbx), %%ax", 0), 0x1122334455668180);
	guest_check("MOV r32 clears the upper half", READ("movl (%%rbx), %%eax", 0), 0x83828180);
	guest_check("MOV r64", READ("movq (%%rbx), %%rax", 0), 0x8786858483828180);
	guest_check("MOV r8 high", READ("movb (%%rbx), %%ah", 1), 0x1122334455668188);
	guest_check("MOVZX r32, m8", READ("movzbl (%%rbx), %%eax", 1), 0x81);
	guest_check("MOVZX r32, m16", READ("movzwl (%%rbx), %%eax", 2), 0x8382);
	guest_check("MOVZX r64, m8", READ("movzbq (%%rbx), %%rax", 3), 0x83);
	guest_check("MOVSX r64, m8", READ("movsbq (%%rbx), %%rax", 1), 0xffffffffffffff81);
	guest_check("MOVSX r32, m16", READ("movswl (%%rbx), %%eax", 2), 0xffff8382);
	guest_check("MOVSXD r64, m32", READ("movslq (%%rbx), %%rax", 4), 0xffffffff87868584);
	guest_check("an address with index and displacement",
		    READ("mov $8, %%ecx\n\tmovl -16(%%rbx,%%rcx,2), %%eax", 0), 0x83828180);
	guest_check("an unaligned one", READ("movl (%%rbx), %%eax", 3), 0x86858483);
}

static void writes(void)
{
	WRITE("movb %%al, (%%rbx)", 0x100, 0x11);
	WRITE("movw %%ax, 2(%%rbx)", 0x100, 0x2222);
	WRITE("movl %%eax, 4(%%rbx)", 0x100, 0x33333333);
	WRITE("movq %%rax, 8(%%rbx)", 0x100, 0x4444444444444444);
	WRITE("movl $0x55555555, 16(%%rbx)", 0x100, 0);
	WRITE("movb $0x66, 20(%%rbx)", 0x100, 0);
	WRITE("movq $-2, 24(%%rbx)", 0x100, 0);
	WRITE("movb %%ah, 32(%%rbx)", 0x100, 0x7788);
}

static void strings(void)
{
	uint64_t count = 4;
	void *si = (void *)DEVICE, *di = buffer;

	asm volatile("rep movsl" : "+S"(si), "+D"(di), "+c"(count) : : "memory");
	guest_check("REP MOVS from the device", *(volatile uint64_t *)buffer,
		    0x8786858483828180);
	guest_check("its count is 0", count, 0);
	guest_check("its pointers advance", (uintptr_t)di, (uintptr_t)buffer + 16);
	si = buffer;
	di = (void *)DEVICE + 0x200;
	count = 2;
	asm volatile("rep movsq" : "+S"(si), "+D"(di), "+c"(count) : : "memory");
	di = (void *)DEVICE + 0x220;
	count = 3;
	asm volatile("rep stosw" : "+D"(di), "+c"(count) : "a"(0xabcd) : "memory");
	guest_check("REP STOS advances RDI", (uintptr_t)di, DEVICE + 0x226);
	si = (void *)DEVICE + 3;
	asm volatile("std\n\tlodsb\n\tcld" : "+S"(si), "=a"(count) : "a"(0UL) : "memory");
	guest_check("LODS", count, 0x83);
	guest_check("it goes down under DF", (uintptr_t)si, DEVICE + 2);
}

static void read_modify_write(void)
{
	uint64_t flags;
	uint32_t old = 7;

	WRITE("movl %%eax, (%%rbx)", 0x300, 0x10);
	WRITE("orl $1, (%%rbx)", 0x300, 0);
	guest_check("OR", READ("movl (%%rbx), %%eax", 0x300), 0x11);
	WRITE("andl %%eax, (%%rbx)", 0x300, 0x01);
	guest_check("AND", READ("movl (%%rbx), %%eax", 0x300), 0x01);
	WRITE("addl $0x20, (%%rbx)", 0x300, 0);
	WRITE("subl %%eax, (%%rbx)", 0x300, 1);
	guest_check("ADD and SUB", READ("movl (%%rbx), %%eax", 0x300), 0x20);
	WRITE("xorl $0x22, (%%rbx)", 0x300, 0);
	guest_check("XOR", READ("movl (%%rbx), %%eax", 0x300), 0x02);
	asm volatile("xchgl %0, (%1)" : "+r"(old) : "b"(DEVICE + 0x300) : "memory");
	guest_check("XCHG gives the old value", old, 2);
	guest_check("and leaves the new", READ("movl (%%rbx), %%eax", 0x300), 7);
	asm volatile("testl $8, (%1)\n\tpushfq\n\tpop %0" : "=r"(flags) : "b"(DEVICE + 0x300) :
		     "cc", "memory");
	guest_check("TEST sets ZF", flags >> 6 & 1, 1);
	asm volatile("cmpl $7, (%1)\n\tpushfq\n\tpop %0" : "=r"(flags) : "b"(DEVICE + 0x300) :
		     "cc", "memory");
	guest_check("CMP sets ZF", flags >> 6 & 1, 1);
	asm volatile("btl $1, (%1)\n\tpushfq\n\tpop %0" : "=r"(flags) : "b"(DEVICE + 0x300) :
		     "cc", "memory");
	guest_check("BT sets CF", flags & 1, 1);
}

static uint8_t wide[32] __attribute__((aligned(32)));

/* A 256-bit register whose lower half is loaded from the device. */
static void vex(void)
{
	unsigned int i;

	asm volatile("mov %0, %%cr4" : : "r"(0x40620UL));
	asm volatile("xsetbv" : : "a"(7), "c"(0), "d"(0));
	memset(wide, 0xff, sizeof(wide));
	asm volatile("vmovdqu (%0), %%ymm9\n\t"
		     "vmovdqu (%1), %%xmm9\n\t"
		     "vmovdqu %%ymm9, (%0)\n\t"
		     "vmovaps %%xmm9, 0x400(%1)\n\t"
		     "vzeroupper\n\t"
		     "clflush (%1)"
		     : : "r"(wide), "r"(DEVICE) : "memory");
	for (i = 0; i < 4; i++)
		guest_check(i < 2 ? "VMOVDQU from the device" : "clears the rest of the register",
			    ((uint64_t *)wide)[i],
			    i < 2 ? 0x8786858483828180 + i * 0x0808080808080808 : 0);
}

static void hopeless(void)
{
	asm volatile("mulps (%0), %%xmm0" : : "r"(DEVICE));
}

/* Nobody emulates that: the monitor gets its bytes and what the exit said. */
static void not_emulated(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	vcpu_long_mode(vcpu, hopeless, 0);
	TAP_EQ(vcpu_run_io(vcpu, &device), KVM_EXIT_INTERNAL_ERROR,
	       "MULPS on the device is KVM_EXIT_INTERNAL_ERROR");
	TAP_EQ(run->emulation_failure.suberror, KVM_INTERNAL_ERROR_EMULATION, "of the emulator");
	TAP_EQ(run->emulation_failure.flags, 1, "with the instruction");
	tap_ok(run->emulation_failure.insn_size >= 3 &&
	       (memmem(run->emulation_failure.insn_bytes, 15, "\x0f\x59", 2)), "its bytes");
	TAP_EQ(run->emulation_failure.ndata, 8, "and five values of the exit");
	tap_ok(run->internal.data[3] == 48 || run->internal.data[3] == 49,
	       "of which the first is its reason");
}

/* The same address twice is not the same instruction, if the code or its mapping has changed. */
#define ALIAS		0x80000000UL
#define LARGE_PAGE	(2UL << 20)

static const uint8_t read_long[] = { 0x8b, 0x03, 0xc3 };	/* mov (%rbx), %eax; ret */
static const uint8_t read_byte[] = { 0x0f, 0xb6, 0x03, 0xc3 };	/* movzbl (%rbx), %eax; ret */
static uint8_t code[2][LARGE_PAGE] __attribute__((aligned(LARGE_PAGE)));

static uint64_t run_at(const void *at)
{
	uint64_t rax;
	uint32_t serialize[4];

	guest_cpuid(0, 0, serialize);
	asm volatile("call *%1" : "=a"(rax) : "r"(at), "b"(DEVICE) : "memory", "cc");
	return rax;
}

static void map_alias(const void *page)
{
	uint64_t *entry = &guest_tables[2 + ALIAS / (512 * LARGE_PAGE)][0];

	*(volatile uint64_t *)entry = (*entry & (PAGE - 1)) | (uintptr_t)page;
	asm volatile("invlpg (%0)" : : "r"(ALIAS) : "memory");
}

static void changing_code(void)
{
	unsigned int i;

	memcpy(code[0], read_long, sizeof(read_long));
	for (i = 0; i < 3; i++)
		guest_check("an instruction is executed again", run_at(code[0]), 0x83828180);
	memcpy(code[0], read_byte, sizeof(read_byte));
	guest_check("another instruction in its place", run_at(code[0]), 0x80);
	guest_check("which is executed again", run_at(code[0]), 0x80);
	memcpy(code[1], read_long, sizeof(read_long));
	map_alias(code[0]);
	for (i = 0; i < 3; i++)
		guest_check("through another address", run_at((void *)ALIAS), 0x80);
	map_alias(code[1]);
	guest_check("where another page is mapped then", run_at((void *)ALIAS), 0x83828180);
}

static void guest(void)
{
	reads();
	guest_sync(1);
	writes();
	guest_sync(2);
	read_modify_write();
	guest_sync(3);
	strings();
	guest_sync(4);
	changing_code();
	guest_sync(5);
	vex();
	guest_sync(6);
}

static void written(void)
{
	static const uint8_t want[] = {
		0x11, 0, 0x22, 0x22, 0x33, 0x33, 0x33, 0x33,
		0x44, 0x44, 0x44, 0x44, 0x44, 0x44, 0x44, 0x44,
		0x55, 0x55, 0x55, 0x55, 0x66, 0, 0, 0,
		0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x77, 0,
	};

	TAP_EQ(memcmp(device.memory + 0x100, want, sizeof(want)), 0,
	       "MOV to memory of each width, from registers and immediates");
	TAP_EQ(device.writes, 8, "each is one exit");
}

int main(int argc, char **argv)
{
	struct vcpu vcpu;
	struct vm vm;
	unsigned int i;

	tap_begin();
	for (i = 0; i < 16; i++)
		device.memory[i] = 0x80 + i;
	machine(&vm, &vcpu, device_path(argc, argv), false, guest);
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 1, "the guest gets through its reads");
	tap_checks();
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 2, "the guest gets through its writes");
	written();
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 3, "the guest gets through reading and writing");
	tap_checks();
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 4, "the guest gets through its strings");
	tap_checks();
	TAP_EQ(memcmp(device.memory + 0x200, device.memory, 16), 0, "REP MOVS to the device");
	TAP_EQ(memcmp(device.memory + 0x220, "\xcd\xab\xcd\xab\xcd\xab\0", 7), 0,
	       "REP STOS to the device");
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 5, "the guest gets through code that changes");
	tap_checks();
	if (!host_has("avx") || on_upstream()) {
		tap_skip("VMOVDQU", "no AVX, or upstream's emulator, which has no VEX");
	} else {
		TAP_EQ(vcpu_sync_io(&vcpu, &device), 6, "the guest gets through VEX and CLFLUSH");
		tap_checks();
		TAP_EQ(memcmp(device.memory + 0x400, device.memory, 16), 0,
		       "VMOVAPS to the device");
	}
	not_emulated(&vcpu);
	vcpu_reached(&vcpu, "EPT_VIOLATION");
	machine_close(&vm, &vcpu);
	return tap_end();
}
