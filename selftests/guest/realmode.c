// SPDX-License-Identifier: GPL-2.0
/*
 * 16-bit real mode and flat 32-bit protected mode without paging, as firmware starts.
 */
#include "selftests/lib/vm.h"

extern const uint8_t real_start[], real_end[], protected_start[], protected_end[];

/* Ten bytes to a port, a string of four, an INT through the vector table, far memory, HLT. */
asm(".pushsection .rodata\n"
    ".code16\n"
    "real_start:\n"
    "mov $0xe000, %sp\n"
    "mov $10, %cx\n"
    "mov $'0', %al\n"
    "1: out %al, $0x20\n"
    "inc %al\n"
    "loop 1b\n"
    "mov $2f - real_start, %si\n"
    "mov $4, %cx\n"
    "mov $0x20, %dx\n"
    "cld\n"
    "rep outsb\n"
    "xor %ax, %ax\n"
    "mov %ax, %es\n"
    "movw $3f - real_start, %es:(0x21 * 4)\n"
    "movw %cs, %es:(0x21 * 4 + 2)\n"
    "int $0x21\n"
    "mov $0x3000, %ax\n"
    "mov %ax, %es\n"
    "xor %di, %di\n"
    "mov $3, %cx\n"
    "rep insw\n"
    "smsw %ax\n"
    "out %al, $0x20\n"
    "hlt\n"
    "2: .ascii \"abcd\"\n"
    "3: mov $'!', %al\n"
    "out %al, $0x20\n"
    "iret\n"
    "real_end:\n"
    ".code32\n"
    "protected_start:\n"
    "mov $0x20, %edx\n"
    "mov $0x44332211, %eax\n"
    "out %eax, %dx\n"
    "mov $0x30000, %edi\n"
    "mov $2, %ecx\n"
    "rep insl\n"
    "movl $0x55667788, 0x30010\n"
    "mov %cr0, %eax\n"
    "out %al, %dx\n"
    "push $0x1234\n"
    "pop %ebx\n"
    "movw %bx, %ax\n"
    "out %ax, %dx\n"
    "hlt\n"
    "protected_end:\n"
    ".code64\n"
    ".popsection\n");

static const char *path;

static void check_log(const struct device *device, const void *want, unsigned int len,
		      const char *name)
{
	unsigned int i;

	TAP_EQ(device->logged, len, "as many bytes arrive as were written");
	if (!tap_ok(!memcmp(device->log, want, len), "%s", name))
		for (i = 0; i < device->logged; i++)
			printf("# %#x\n", device->log[i]);
}

static void real(void)
{
	static struct device device;
	struct vcpu vcpu;
	struct vm vm;

	vm_open(&vm, path);
	vm_memory(&vm);
	vcpu_open(&vm, &vcpu, 0);
	memcpy(vm.low + 0x10000, real_start, real_end - real_start);
	vcpu_real_mode(&vcpu, 0x1000, 0);
	TAP_EQ(vcpu_run_io(&vcpu, &device), KVM_EXIT_HLT, "real mode runs to its HLT");
	check_log(&device, "0123456789abcd!\x10", 16, "a loop, a string and an interrupt handler "
		  "write to a port");
	TAP_EQ(memcmp(vm.low + 0x30000, "\0\1\2\3\4\5", 6), 0, "INSW fills far memory");
	machine_close(&vm, &vcpu);
}

static void protected(void)
{
	static struct device device;
	struct vcpu vcpu;
	struct vm vm;

	vm_open(&vm, path);
	vm_memory(&vm);
	vcpu_open(&vm, &vcpu, 0);
	memcpy(vm.low + 0x10000, protected_start, protected_end - protected_start);
	vcpu_protected_mode(&vcpu, 0x10000);
	TAP_EQ(vcpu_run_io(&vcpu, &device), KVM_EXIT_HLT, "protected mode runs to its HLT");
	check_log(&device, "\x11\x22\x33\x44\x31\x34\x12", 7, "it writes to a port");
	TAP_EQ(*(uint64_t *)(vm.low + 0x30000), 0x0706050403020100, "INSD fills memory");
	TAP_EQ(*(uint32_t *)(vm.low + 0x30010), 0x55667788, "MOV fills memory");
	machine_close(&vm, &vcpu);
}

/* As a processor starts: the first instruction is at 0xfffffff0. */
static void reset_vector(void)
{
	static struct device device;
	uint8_t *rom = pages(PAGE);
	struct vcpu vcpu;
	struct vm vm;

	vm_open(&vm, path);
	vm_memory(&vm);
	vm_slot(&vm, 2, KVM_MEM_READONLY, 0xfffff000, PAGE, rom);
	memcpy(rom + 0xff0, "\xb0\x5a\xe6\x20\xf4", 5);
	vcpu_open(&vm, &vcpu, 0);
	TAP_EQ(vcpu_run_io(&vcpu, &device), KVM_EXIT_HLT, "a new vCPU runs from the reset vector");
	check_log(&device, "Z", 1, "in read-only memory");
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	tap_begin();
	path = device_path(argc, argv);
	if (!host_has("unrestricted_guest")) {
		tap_skip("real mode runs", "this processor has no unrestricted guest");
		return tap_end();
	}
	real();
	protected();
	reset_vector();
	return tap_end();
}
