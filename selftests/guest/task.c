// SPDX-License-Identifier: GPL-2.0
/*
 * Task switches: CALL, JMP, IRET, task gates in the GDT and the IDT, wide and narrow TSSs, and
 * what happens if the new task's segments cannot be loaded. A 32-bit guest with paging whose
 * tables are written here, in its low memory; it stops by guest_sync()'s port after each switch.
 *
 * lab: --ticks 3000
 */
#include <asm/processor-flags.h>
#include "selftests/lib/vm.h"

#define GDT		0x40000
#define IDT		0x41000
#define TSS(n)		(0x42000 + 0x1000 * (n))
#define LDT		0x4a000
#define TABLES(n)	(0x50000 + 0x1000 * (n))
#define CODE		0x10000
#define STACK(n)	(0x60000 + 0x1000 * (n))

/* Selectors. */
enum {
	CODE32 = 0x08, DATA32 = 0x10, TASK_MAIN = 0x18, TASK_CALLED = 0x20, TASK_NARROW = 0x28,
	GATE = 0x30, LDT_SEL = 0x38, TASK_FAULT = 0x40, ABSENT_CODE = 0x48, CODE_LOW = 0x50,
	ABSENT_DATA = 0x58, GDT_BYTES = 0x60,
};

enum { MAIN, CALLED, NARROW, FAULT };

/* Cells of a wide TSS. */
enum { LINK, T_CR3 = 7, T_EIP, T_FLAGS, T_EAX, T_ECX, T_EDX, T_EBX, T_ESP, T_EBP, T_ESI, T_EDI,
       T_ES, T_CS, T_SS, T_DS, T_FS, T_GS, T_LDT, T_TRAP };

extern const uint8_t main_start[], main_end[], called_start[], fault_start[], debug_start[];
extern const uint8_t after_call[], after_int[], after_sti[], bad_load[], after_load[];
extern const uint8_t vm86_start[], vm86_end[];

/* Each far CALL and JMP by hand: the selector is what the assembler would not take. */
asm(".pushsection .rodata\n"
    ".code32\n"
    "main_start:\n"
    "lcall $0x20, $0\n"
    "after_call: mov $2, %eax; out %eax, $0x10\n"
    "ljmp $0x20, $0\n"
    "mov $3, %eax; out %eax, $0x10\n"
    "lcall $0x30, $0\n"
    "mov $4, %eax; out %eax, $0x10\n"
    "mov $0x100, %ax\n"
    "bad_load: mov %ax, %ds\n"
    "after_load: mov $5, %eax; out %eax, $0x10\n"
    "int $0x40\n"
    "after_int: mov $6, %eax; out %eax, $0x10\n"
    "sti; nop\n"
    "after_sti: cli; mov $7, %eax; out %eax, $0x10\n"
    "mov $8, %eax; out %eax, $0x10\n"
    "lcall $0x20, $0\n"
    "mov $9, %eax; out %eax, $0x10\n"
    "lcall $0x28, $0\n"
    "mov $10, %eax; out %eax, $0x10\n"
    "1: lcall $0x20, $0\n"
    "mov $11, %eax; out %eax, $0x10\n"
    "jmp 1b\n"
    /* Another task: says 1 and goes back, the second time by a jump. */
    "called_start:\n"
    "mov $1, %eax; out %eax, $0x10; iret\n"
    "ljmp $0x18, $0\n"
    "1: mov $1, %eax; out %eax, $0x10; iret\n"
    "jmp 1b\n"
    /* The task that handles faults: says the error code. */
    "fault_start:\n"
    "pop %eax; out %eax, $0x10; iret\n"
    "jmp fault_start\n"
    /* An interrupt gate's code, for #DB: says DR6. */
    "debug_start:\n"
    "push %eax; mov %dr6, %eax; out %eax, $0x10; xor %eax, %eax; mov %eax, %dr6; pop %eax\n"
    "iret\n"
    /* In virtual-8086 mode, which has no ports here. */
    "vm86_start: int $0x42; int $0x43; int $0x42; vm86_end:\n"
    "main_end:\n"
    ".code64\n"
    ".popsection\n");

static struct vm vm;
static struct vcpu vcpu;
static struct kvm_sregs sregs;
static struct kvm_regs regs;

static uint32_t address(const uint8_t *code)
{
	return CODE + (code - main_start);
}

static uint32_t *tss(unsigned int n)
{
	return (uint32_t *)(vm.low + TSS(n));
}

static void descriptor(uint16_t selector, uint32_t base, uint32_t limit, uint8_t rights, uint8_t gd)
{
	uint64_t *d = (uint64_t *)(vm.low + GDT + selector);

	*d = (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)rights << 40 |
	     (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)gd << 52 | (uint64_t)(base >> 24) << 56;
}

static uint8_t rights(uint16_t selector)
{
	return vm.low[GDT + selector + 5];
}

static void gate(unsigned int vector, uint16_t selector, uint32_t offset, uint8_t type)
{
	uint64_t *d = (uint64_t *)(vm.low + IDT + 8 * vector);

	*d = (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)type << 40 |
	     (uint64_t)(offset >> 16) << 48;
}

static void task(unsigned int n, uint32_t eip)
{
	uint32_t *t = tss(n);
	unsigned int i;

	memset(t, 0, 104);
	t[T_CR3] = TABLES(n);
	t[T_EIP] = eip;
	t[T_FLAGS] = 2 | X86_EFLAGS_CF;
	t[T_ESP] = STACK(n);
	t[T_EBX] = 0xb0b00000 + n;
	t[T_EDI] = 0xd1d10000 + n;
	for (i = T_ES; i <= T_GS; i++)
		t[i] = i == T_CS ? CODE32 : DATA32;
	t[T_LDT] = LDT_SEL;
	*(uint32_t *)(vm.low + TABLES(n)) = 0x87 | 0x60;
}

/* The same in cells of 2 bytes, with code and stack below 64 KiB of their segment. */
static void narrow_task(void)
{
	static const uint16_t image[22] = {
		[8] = 2, [12] = 0xbbbb, [13] = 0x800, [16] = 0xdddd,
		[17] = DATA32, CODE_LOW, DATA32, DATA32, LDT_SEL,
	};
	uint16_t *t = (uint16_t *)tss(NARROW);

	memcpy(t, image, sizeof(image));
	t[7] = called_start - main_start;
}

static void tables(void)
{
	memset(vm.low + GDT, 0, 0x2000);
	descriptor(CODE32, 0, 0xfffff, 0x9b, 0xc);
	descriptor(CODE_LOW, CODE, 0xffff, 0x9b, 0x4);
	descriptor(DATA32, 0, 0xfffff, 0x92, 0xc);
	descriptor(ABSENT_CODE, 0, 0xfffff, 0x1b, 0xc);
	descriptor(ABSENT_DATA, 0, 0xfffff, 0x13, 0xc);
	descriptor(TASK_MAIN, TSS(MAIN), 103, 0x8b, 0);
	descriptor(TASK_CALLED, TSS(CALLED), 103, 0x89, 0);
	descriptor(TASK_NARROW, TSS(NARROW), 43, 0x81, 0);
	descriptor(TASK_FAULT, TSS(FAULT), 103, 0x89, 0);
	descriptor(LDT_SEL, LDT, 0xff, 0x82, 0);
	*(uint64_t *)(vm.low + GDT + GATE) = (uint64_t)TASK_CALLED << 16 | 0x85ULL << 40;
	gate(1, CODE32, address(debug_start), 0x8e);
	gate(2, TASK_CALLED, 0, 0x85);
	gate(10, TASK_FAULT, 0, 0x85);
	gate(11, TASK_FAULT, 0, 0x85);
	gate(12, TASK_FAULT, 0, 0x85);
	gate(13, TASK_FAULT, 0, 0x85);
	gate(0x40, TASK_CALLED, 0, 0x85);
	gate(0x41, TASK_CALLED, 0, 0x85);
	gate(0x42, TASK_FAULT, 0, 0xe5);
	gate(0x43, TASK_NARROW, 0, 0xe5);
	task(MAIN, 0);
	task(CALLED, address(called_start));
	task(FAULT, address(fault_start));
	narrow_task();
}

static void start(void)
{
	struct kvm_debugregs debug = { .db[0] = 0x70000, .dr7 = 0x703, .dr6 = 0xffff0ff0 };

	memcpy(vm.low + CODE, main_start, main_end - main_start);
	tables();
	vcpu_protected_mode(&vcpu, CODE);
	call(vcpu.fd, KVM_GET_SREGS, &sregs);
	sregs.gdt = (struct kvm_dtable) { .base = GDT, .limit = GDT_BYTES - 1 };
	sregs.idt = (struct kvm_dtable) { .base = IDT, .limit = 0x7ff };
	sregs.tr = (struct kvm_segment) { .base = TSS(MAIN), .limit = 103, .selector = TASK_MAIN,
					  .type = 11, .present = 1 };
	sregs.cr3 = TABLES(MAIN);
	sregs.cr4 = X86_CR4_PSE;
	sregs.cr0 |= X86_CR0_PG;
	call(vcpu.fd, KVM_SET_SREGS, &sregs);
	call(vcpu.fd, KVM_GET_REGS, &regs);
	regs.rbx = 0x12345678;
	regs.rsp = STACK(MAIN);
	call(vcpu.fd, KVM_SET_REGS, &regs);
	call(vcpu.fd, KVM_SET_DEBUGREGS, &debug);
}

/* Runs to what the guest says next, and looks at its registers. */
static void expect(uint32_t value, uint16_t tr, const char *name)
{
	TAP_EQ(vcpu_sync(&vcpu), value, name);
	call(vcpu.fd, KVM_GET_SREGS, &sregs);
	call(vcpu.fd, KVM_GET_REGS, &regs);
	TAP_EQ(sregs.tr.selector, tr, "... and TR is that task's");
}

static void call_and_return(void)
{
	struct kvm_debugregs debug;

	expect(1, TASK_CALLED, "CALL to a TSS begins its task");
	TAP_EQ(regs.rbx, 0xb0b00001, "a register is the new task's");
	TAP_EQ(regs.rsp, STACK(CALLED), "the stack is the new task's");
	TAP_EQ(sregs.cr3, TABLES(CALLED), "CR3 is the new task's");
	TAP_EQ(sregs.cr0 & X86_CR0_TS, X86_CR0_TS, "CR0.TS is set");
	TAP_EQ(regs.rflags, 2 | X86_EFLAGS_CF | X86_EFLAGS_NT, "RFLAGS are its own, with NT");
	TAP_EQ(sregs.ldt.base, LDT, "LDTR is loaded");
	TAP_EQ(sregs.tr.base, TSS(CALLED), "TR has the new base");
	TAP_EQ(sregs.tr.type, 11, "TR is busy");
	TAP_EQ(tss(CALLED)[LINK] & 0xffff, TASK_MAIN, "the link leads back");
	TAP_EQ(tss(MAIN)[T_EIP], address(after_call), "the old task goes on behind the CALL");
	TAP_EQ(tss(MAIN)[T_EBX], 0x12345678, "its registers are saved");
	TAP_EQ(tss(MAIN)[T_CS] & 0xffff, CODE32, "its segments are saved");
	TAP_EQ(tss(MAIN)[T_CR3], TABLES(MAIN), "its CR3 is not touched");
	TAP_EQ(rights(TASK_MAIN), 0x8b, "the old task stays busy");
	TAP_EQ(rights(TASK_CALLED), 0x8b, "the new one is busy");
	TAP_EQ(rights(DATA32), 0x93, "a loaded segment is accessed");
	call(vcpu.fd, KVM_GET_DEBUGREGS, &debug);
	TAP_EQ(debug.dr7, 0x602, "local breakpoints are off, global ones are not");

	expect(2, TASK_MAIN, "IRET with NT goes back");
	TAP_EQ(regs.rbx, 0x12345678, "a register is as it was");
	TAP_EQ(regs.rflags & X86_EFLAGS_NT, 0, "NT is clear");
	TAP_EQ(sregs.cr3, TABLES(MAIN), "CR3 is as it was");
	TAP_EQ(rights(TASK_CALLED), 0x89, "the task that was left is available");
	TAP_EQ(tss(CALLED)[T_FLAGS] & X86_EFLAGS_NT, 0, "and its NT is saved clear");
}

static void jump_and_gate(void)
{
	expect(3, TASK_MAIN, "JMP to a task, and back");
	TAP_EQ(rights(TASK_CALLED), 0x89, "the task that was left is available");
	TAP_EQ(rights(TASK_MAIN), 0x8b, "the one that runs is busy");
	TAP_EQ(regs.rflags & X86_EFLAGS_NT, 0, "a JMP does not nest");
	expect(1, TASK_CALLED, "CALL to a task gate begins the task");
	TAP_EQ(regs.rflags & X86_EFLAGS_NT, X86_EFLAGS_NT, "it is nested");
	expect(4, TASK_MAIN, "and IRET goes back");
}

static void events(void)
{
	struct kvm_vcpu_events now;
	struct kvm_interrupt interrupt = { .irq = 0x41 };

	expect(0x100, TASK_FAULT, "#GP by a task gate: the error code is on the task's stack");
	TAP_EQ(tss(MAIN)[T_EIP], address(bad_load), "the fault's task goes on at the instruction");
	TAP_EQ(tss(MAIN)[T_FLAGS] & X86_EFLAGS_RF, X86_EFLAGS_RF, "with RF, as after a fault");
	tss(MAIN)[T_EIP] = address(after_load);
	expect(5, TASK_MAIN, "its handler can go on behind it");
	expect(1, TASK_CALLED, "INT n by a task gate");
	TAP_EQ(tss(MAIN)[T_EIP], address(after_int), "the old task goes on behind the INT");
	TAP_EQ(regs.rsp, STACK(CALLED), "no error code is pushed");
	expect(6, TASK_MAIN, "and IRET goes back");
	vcpu.run->request_interrupt_window = 1;
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_IRQ_WINDOW_OPEN, "an interrupt window opens");
	vcpu.run->request_interrupt_window = 0;
	call(vcpu.fd, KVM_INTERRUPT, &interrupt);
	expect(1, TASK_CALLED, "an interrupt by a task gate");
	TAP_EQ(tss(MAIN)[T_EIP], address(after_sti), "the old task goes on where it was");
	TAP_EQ(regs.rflags & X86_EFLAGS_IF, 0, "IF is the new task's");
	expect(7, TASK_MAIN, "and IRET goes back");
	call(vcpu.fd, KVM_NMI, 0);
	expect(1, TASK_CALLED, "an NMI by a task gate");
	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &now);
	TAP_EQ(now.nmi.masked, 1, "NMIs are blocked in its task");
	call(vcpu.fd, KVM_NMI, 0);
	expect(1, TASK_CALLED, "a second one waits for IRET");
	expect(8, TASK_MAIN, "and IRET goes back");
	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &now);
	TAP_EQ(now.nmi.masked, 0, "NMIs are not blocked any more");
}

static void narrow(void)
{
	uint16_t *t = (uint16_t *)tss(NARROW);

	expect(1, TASK_NARROW, "CALL to a 16-bit TSS");
	TAP_EQ(regs.rbx & 0xffff, 0xbbbb, "a register is the new task's");
	TAP_EQ(sregs.cr3, TABLES(MAIN), "CR3 stays");
	TAP_EQ(t[0], TASK_MAIN, "the link leads back");
	TAP_EQ(rights(TASK_NARROW), 0x83, "it is busy");
	expect(10, TASK_MAIN, "and IRET goes back");
	TAP_EQ(regs.rbx, 0x12345678, "the old task was saved in full");
	TAP_EQ(t[12], 0xbbbb, "the 16-bit one in its words");
}

static void trap_bit(void)
{
	tss(CALLED)[T_TRAP] = 1;
	expect(0xffff8ff0, TASK_CALLED, "a TSS with its T bit: #DB with DR6.BT");
	TAP_EQ(rights(TASK_CALLED), 0x8b, "in the new task");
	expect(1, TASK_CALLED, "which goes on");
	expect(9, TASK_MAIN, "and IRET goes back");
	tss(CALLED)[T_TRAP] = 0;
}

/* The new task's own fault: its handler returns to it, and its CS is read again. */
static void fault_in_new(unsigned int cell, uint16_t selector, uint32_t error, const char *name)
{
	uint32_t good = tss(CALLED)[cell];

	tss(CALLED)[cell] = selector;
	expect(error, TASK_FAULT, name);
	TAP_EQ(tss(FAULT)[LINK] & 0xffff, TASK_CALLED, "the new task is at fault");
	tss(CALLED)[cell] = good;
	expect(1, TASK_CALLED, "it goes on when that is mended");
	expect(11, TASK_MAIN, "and back");
}

static void faults(void)
{
	fault_in_new(T_CS, ABSENT_CODE, ABSENT_CODE, "a CS that is absent: #NP");
	fault_in_new(T_SS, ABSENT_DATA, ABSENT_DATA, "an SS that is absent: #SS");
	fault_in_new(T_SS, 0, 0, "no SS: #TS(0)");
	fault_in_new(T_DS, CODE32 | 0x400, CODE32 | 0x400, "a DS beyond the GDT: #TS");
	fault_in_new(T_LDT, DATA32, DATA32, "an LDT that is none: #TS");
}

static void virtual8086(void)
{
	uint16_t *narrow = (uint16_t *)tss(NARROW), cs = narrow[18];
	uint32_t *t = tss(CALLED);
	unsigned int i;

	for (i = T_ES; i <= T_GS; i++)
		t[i] = i == T_CS ? CODE >> 4 : 0x1200 + i;
	t[T_FLAGS] = 2 | X86_EFLAGS_VM | X86_EFLAGS_IOPL;
	t[T_EIP] = vm86_start - main_start;
	expect(0, TASK_FAULT, "a task in virtual-8086 mode, and an INT n out of it");
	TAP_EQ(t[T_EIP], vm86_start + 2 - main_start, "it goes on behind the INT");
	TAP_EQ(t[T_FLAGS] & X86_EFLAGS_VM, X86_EFLAGS_VM, "in virtual-8086 mode");
	TAP_EQ(t[T_GS] & 0xffff, 0x1200 + T_GS, "with its segments");
	narrow[7] = called_start - main_start;
	narrow[18] = ABSENT_CODE;
	expect(ABSENT_CODE, TASK_FAULT, "from there to a task whose CS is absent: #NP");
	TAP_EQ(tss(FAULT)[LINK] & 0xffff, TASK_NARROW, "the new task is at fault");
	narrow[18] = cs;
	expect(1, TASK_NARROW, "it goes on when that is mended");
	expect(0, TASK_FAULT, "and back to virtual-8086 mode");
	TAP_EQ(t[T_EIP], vm86_end - main_start, "which has gone on");
}

int main(int argc, char **argv)
{
	tap_begin();
	vm_open(&vm, device_path(argc, argv));
	vm_memory(&vm);
	vcpu_open(&vm, &vcpu, 0);
	start();
	call_and_return();
	jump_and_gate();
	events();
	if (!on_upstream()) {
		trap_bit();
		narrow();
		faults();
		virtual8086();
	} else {
		tap_skip("a TSS with its T bit: #DB", "upstream does not look at it");
		tap_skip("tasks of 16 and of 32 bits mix", "upstream mixes their forms");
		tap_skip("faults of the new task", "upstream loses them");
		tap_skip("a fault of it out of virtual-8086 mode", "upstream loses it");
	}
	vcpu_reached(&vcpu, "TASK_SWITCH INTERRUPT_WINDOW NMI_WINDOW");
	machine_close(&vm, &vcpu);
	return tap_end();
}
