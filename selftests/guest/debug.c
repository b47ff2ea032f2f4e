// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's own debugging: debug registers, single steps over instructions that leave it.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#include <asm/processor-flags.h>
#include "selftests/lib/vm.h"

static volatile uint64_t watched;
static volatile uint64_t steps[16];
static volatile unsigned int nr_steps, hits;
static volatile uint64_t dr6_seen;

extern const char after_cli[], after_cpuid[], after_nop[];

static struct device device;
static bool hide_rf;		/* the breakpoint is before its instruction */

static bool on_debug(struct guest_frame *frame)
{
	uint64_t dr6;

	if (frame->vector != 1)
		return false;
	asm volatile("mov %%dr6, %0" : "=r"(dr6));
	asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0UL));
	dr6_seen = dr6;
	hits++;
	if (hide_rf)
		frame->rflags |= X86_EFLAGS_RF;
	if (dr6 & 1 << 14 && nr_steps < 16)
		steps[nr_steps++] = frame->rip;
	return true;
}

#define READ_DR(n)								\
({										\
	uint64_t value;								\
	asm volatile("mov %%dr" #n ", %0" : "=r"(value) : : "memory");		\
	value;									\
})
#define WRITE_DR(n, value) TRAP("mov %0, %%dr" #n, : : "r"((uint64_t)(value)) : TRAP_CLOBBERS)

static void registers(void)
{
	guest_check("DR6 starts as 0xffff0ff0", READ_DR(6), 0xffff0ff0);
	guest_check("DR7 starts as 0x400", READ_DR(7), 0x400);
	guest_check("DR3 can be written", WRITE_DR(3, 0x123456789a), NO_TRAP);
	guest_check("DR3 comes back", READ_DR(3), 0x123456789a);
	guest_check("the upper half of DR7: #GP", WRITE_DR(7, 1ULL << 32), 13);
	guest_check("the upper half of DR6: #GP", WRITE_DR(6, 1ULL << 32), 13);
	guest_check("DR4 is DR6", READ_DR(4), READ_DR(6));
	asm volatile("mov %0, %%cr4" : : "r"(0x620UL | X86_CR4_DE));
	guest_check("DR4 with CR4.DE: #UD",
		    TRAP("mov %%dr4, %%rax", : : : "rax", TRAP_CLOBBERS), 6);
	guest_sync(1);
	guest_check("DR3 survives an exit", READ_DR(3), 0x123456789a);
}

static void watchpoint(void)
{
	hits = 0;
	WRITE_DR(0, (uintptr_t)&watched);
	WRITE_DR(7, 0x400 | 0xd0000 | 2);
	watched = 1;
	guest_check("a watched write: #DB", hits, 1);
	guest_check("DR6 says which", dr6_seen & 0xf, 1);
	guest_sync(2);
	watched = 2;
	guest_check("the watchpoint survives an exit", hits, 2);
	WRITE_DR(7, 0x400);
	watched = 3;
	guest_check("and ends with DR7", hits, 2);
}

static void single_step(void)
{
	nr_steps = 0;
	asm volatile("pushfq\n\t"
		     "orl $0x100, (%%rsp)\n\t"
		     "popfq\n\t"
		     "nop\n"
		     "after_nop:\n\t"
		     "cpuid\n"
		     "after_cpuid:\n\t"
		     "pushfq\n\t"
		     "andl $~0x100, (%%rsp)\n\t"
		     "popfq\n\t"
		     : : "a"(0), "c"(0) : "rbx", "rdx", "memory", "cc");
	guest_check("a step over NOP", steps[0], (uintptr_t)after_nop);
	guest_check("a step over CPUID, which leaves the guest, is one step", steps[1],
		    (uintptr_t)after_cpuid);
	guest_check("five steps in all", nr_steps, 5);
}

static void odd_traps(void)
{
	nr_steps = 0;
	hits = 0;
	asm volatile(".byte 0xf1" : : : "memory");
	guest_check("INT1 is one #DB, and the guest gets past it", hits, 1);
	asm volatile("pushfq\n\t"
		     "orl $0x100, (%%rsp)\n\t"
		     "popfq\n\t"
		     "sti\n\t"
		     "cli\n"
		     "after_cli:\n\t"
		     "pushfq\n\t"
		     "andl $~0x100, (%%rsp)\n\t"
		     "popfq\n\t"
		     : : : "memory", "cc");
	guest_check("a step over STI, and one over its shadow", steps[1], (uintptr_t)after_cli);
	guest_check("five steps in all", nr_steps, 5);
}

/* Of one instruction: how many #DB, with which of B0 to B3, BS. */
#define MEETS(name, insn, dr6)								\
do {											\
	hits = 0;									\
	dr6_seen = 0;									\
	insn;										\
	guest_check(name, dr6_seen & 0x400f, dr6);					\
	guest_check("... by one #DB, or none", hits, (dr6) != 0);			\
} while (0)

#define PORT_BP		2UL
#define WRITE_BP	1UL
#define ANY_BP		3UL
#define DR7_OF(rw, len)	(0x400 | (len) << 18 | (rw) << 16 | 2)

/* Instructions that are emulated meet breakpoints as the processor's own do. */
static void emulated(void)
{
	volatile uint32_t *device = (volatile uint32_t *)DEVICE;
	uint32_t from[2] = { 1, 2 };
	const void *si = from;

	WRITE_DR(0, DEVICE_PORT);
	WRITE_DR(1, DEVICE + 0x10);
	WRITE_DR(7, DR7_OF(PORT_BP, 0UL) | ANY_BP << 20 | 3UL << 22 | 8);
	MEETS("OUT to a port with a breakpoint", asm volatile("outb %%al, $0x20" : : "a"(0)), 1);
	MEETS("IN of more ports, that one among them",
	      asm volatile("inl $0x20, %%eax" : : : "rax"), 1);
	MEETS("OUTS", asm volatile("outsb" : "+S"(si) : "d"(DEVICE_PORT) : "memory"), 1);
	WRITE_DR(0, DEVICE_PORT + 4);
	MEETS("IN of the ports before it", asm volatile("inl $0x20, %%eax" : : : "rax"), 0);
	MEETS("a write to a device with a breakpoint", device[4] = 1, 2);
	MEETS("a read", (void)device[4], 2);
	MEETS("an access beside it", device[5] = 1, 0);
	WRITE_DR(7, 0x400 | WRITE_BP << 20 | 3UL << 22 | 8);
	MEETS("a read, with a breakpoint for writes", (void)device[4], 0);
	MEETS("a locked write", asm volatile("lock incl %0" : "+m"(device[4])), 2);
	asm volatile("mov %0, %%cr4" : : "r"(0x620UL));
	WRITE_DR(0, DEVICE_PORT);
	WRITE_DR(7, DR7_OF(PORT_BP, 0UL));
	MEETS("OUT without CR4.DE", asm volatile("outb %%al, $0x20" : : "a"(0)), 0);
	WRITE_DR(7, 0x400);
}

extern const char resumed[], next[];

/* RF is for one instruction, also if that leaves the guest. */
static void resume_flag(void)
{
	WRITE_DR(0, (uintptr_t)next);
	WRITE_DR(7, 0x402);
	hits = 0;
	hide_rf = true;
	asm volatile("mov %%rsp, %%rax\n\t"
		     "pushq %0; push %%rax; pushfq; orl $0x10000, (%%rsp); pushq %1\n\t"
		     "lea resumed(%%rip), %%rax; push %%rax; iretq\n"
		     "resumed: cpuid\n"
		     "next: nop"
		     : : "i"(DATA), "i"(CODE64) : "rax", "rbx", "rcx", "rdx", "memory");
	guest_check("RF ends with an instruction that leaves the guest", hits, 1);
	WRITE_DR(7, 0x400);
}

static void guest(void)
{
	registers();
	watchpoint();
	guest_sync(3);
	single_step();
	guest_sync(4);
	odd_traps();
	guest_sync(5);
	emulated();
	resume_flag();
	guest_sync(6);
}

int main(int argc, char **argv)
{
	struct kvm_debugregs regs;
	struct vcpu vcpu;
	struct vm vm;

	tap_begin();
	guest_trap_hook = on_debug;
	machine(&vm, &vcpu, device_path(argc, argv), false, guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest gets through its debug registers");
	memset(&regs, 0, sizeof(regs));
	call(vcpu.fd, KVM_GET_DEBUGREGS, &regs);
	TAP_EQ(regs.db[3], 0x123456789a, "KVM_GET_DEBUGREGS sees the guest's DR3");
	TAP_EQ(vcpu_sync(&vcpu), 2, "the guest sets a watchpoint");
	TAP_EQ(vcpu_sync(&vcpu), 3, "the guest takes it away");
	TAP_EQ(vcpu_sync(&vcpu), 4, "the guest gets through single steps");
	TAP_EQ(vcpu_sync(&vcpu), 5, "the guest gets through INT1 and STI");
	tap_checks();
	if (!on_upstream()) {
		TAP_EQ(vcpu_sync_io(&vcpu, &device), 6, "... and breakpoints on what is emulated");
		tap_checks();
	} else {
		tap_skip("breakpoints on what is emulated", "upstream has none");
	}
	vcpu_reached(&vcpu, "EXCEPTION_NMI DR_ACCESS CPUID");
	machine_close(&vm, &vcpu);
	return tap_end();
}
