// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SET_GUEST_DEBUG: a debugger's breakpoints and single steps, and what it gives back.
 */
#include "selftests/lib/apic.h"
#include "selftests/lib/vm.h"

#define STEPS_MOST	16
#define VECTOR_BP	3
#define VECTOR_DB	1
#define DR6_FIXED	0xffff0ff0UL
#define DR6_BS		0x4000UL
#define DR7_FIXED	0x400UL
#define DR7_L0_EXECUTE	0x1UL
#define DR7_L1_WRITE_4	0xd00004UL
#define DR7_GE		0x200UL
#define RFLAGS_TF	0x100UL
#define INTERRUPT	0x55

static struct vm vm;
static struct vcpu vcpu;
static const char *path;
static volatile uint32_t watched;
static uint64_t dr7_seen;

static int set_debug(uint32_t control, const uint64_t *dr)
{
	struct kvm_guest_debug debug = { .control = control };

	if (dr)
		memcpy(debug.arch.debugreg, dr, sizeof(debug.arch.debugreg));
	return call(vcpu.fd, KVM_SET_GUEST_DEBUG, &debug);
}

static void expect_debug(int exit, uint32_t exception, const char *pc, const char *what)
{
	TAP_EQ(exit, KVM_EXIT_DEBUG, "%s: KVM_EXIT_DEBUG", what);
	TAP_EQ(vcpu.run->debug.arch.exception, exception, "%s: the exception", what);
	TAP_EQ(vcpu.run->debug.arch.pc, (uintptr_t)pc, "%s: where", what);
}

static void set_rip(const char *rip)
{
	struct kvm_regs regs;

	call(vcpu.fd, KVM_GET_REGS, &regs);
	regs.rip = (uintptr_t)rip;
	call(vcpu.fd, KVM_SET_REGS, &regs);
}

/* --- INT3 ------------------------------------------------------------------------------------- */

extern const char breakpoint[], after_breakpoint[];

static void breaking_guest(void)
{
	for (;;) {
		trap.vector = NO_TRAP;
		trap.resume = (uintptr_t)after_breakpoint;
		asm volatile(".globl breakpoint, after_breakpoint\n"
			     "breakpoint: int3\n"
			     "after_breakpoint:" : : : "memory");
		guest_sync(trap.vector);
	}
}

static void software_breakpoints(void)
{
	machine(&vm, &vcpu, path, false, breaking_guest);
	TAP_EQ(vcpu_sync(&vcpu), VECTOR_BP, "without a debugger INT3 is the guest's");
	TAP_EQ(set_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP, NULL), 0,
	       "KVM_GUESTDBG_USE_SW_BP");
	expect_debug(vcpu_run(&vcpu), VECTOR_BP, breakpoint, "INT3");
	set_rip(after_breakpoint);
	TAP_EQ(vcpu_sync(&vcpu), (uint32_t)NO_TRAP, "the guest goes on and has seen nothing");
	expect_debug(vcpu_run(&vcpu), VECTOR_BP, breakpoint, "INT3 again");
	TAP_EQ(set_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_INJECT_BP,
			 NULL), 0, "KVM_GUESTDBG_INJECT_BP");
	TAP_EQ(vcpu_sync(&vcpu), VECTOR_BP, "the guest gets the #BP that was given back");
	TAP_EQ(trap.rip, (uintptr_t)after_breakpoint, "behind the INT3");
	TAP_EQ(set_debug(0, NULL), 0, "no debugger");
	TAP_EQ(vcpu_sync(&vcpu), VECTOR_BP, "INT3 is the guest's again");
	machine_close(&vm, &vcpu);
}

/* --- debug registers -------------------------------------------------------------------------- */

extern const char executed[], after_write[];

static void watched_guest(void)
{
	for (;;) {
		asm volatile("mov %%dr7, %0" : "=r"(dr7_seen));
		asm volatile(".globl executed, after_write\n"
			     "executed: nop\n"
			     "	movl $1, %0\n"
			     "after_write:" : "=m"(watched));
		guest_sync(7);
	}
}

static void hardware_breakpoints(void)
{
	uint64_t dr[8] = { [0] = (uintptr_t)executed, [7] = DR7_GE | DR7_L0_EXECUTE };

	machine(&vm, &vcpu, path, false, watched_guest);
	TAP_EQ(set_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, dr), 0,
	       "KVM_GUESTDBG_USE_HW_BP");
	expect_debug(vcpu_run(&vcpu), VECTOR_DB, executed, "a breakpoint on code");
	TAP_EQ(vcpu.run->debug.arch.dr6, DR6_FIXED | 1, "DR6 names the breakpoint");
	TAP_EQ(vcpu.run->debug.arch.dr7, DR7_FIXED | DR7_GE | DR7_L0_EXECUTE, "DR7");
	dr[1] = (uintptr_t)&watched;
	dr[7] = DR7_GE | DR7_L1_WRITE_4;
	TAP_EQ(set_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, dr), 0, "another one");
	expect_debug(vcpu_run(&vcpu), VECTOR_DB, after_write, "a breakpoint on data");
	TAP_EQ(vcpu.run->debug.arch.dr6, DR6_FIXED | 2, "DR6 names the second one");
	TAP_EQ(vcpu_sync(&vcpu), 7, "the guest goes on");
	TAP_EQ(dr7_seen, DR7_FIXED, "its own DR7 is untouched");
	TAP_EQ(set_debug(0, NULL), 0, "no debugger");
	TAP_EQ(vcpu_sync(&vcpu), 7, "nothing stops the guest then");
	machine_close(&vm, &vcpu);
}

/* --- single steps ----------------------------------------------------------------------------- */

extern const char steps_begin[];
extern const char *const steps[];
extern const unsigned int nr_steps;

asm(".pushsection .text\n"
    "steps_begin:	nop\n"
    "1:	xor	%eax, %eax\n"
    "2:	cpuid\n"				/* is emulated */
    "3:	pushfq\n"
    "4:	popfq\n"
    "5:	sti\n"
    "6:	nop\n"					/* in the shadow of STI */
    "7:	mov	%cr0, %rax\n"
    "8:	mov	%rax, %cr0\n"			/* may be emulated */
    "9:	mov	%ss, %ax\n"
    "10: jmp	steps_begin\n"
    ".popsection\n"
    ".pushsection .rodata\n"
    ".balign 8\n"
    "steps:	.quad 1b, 2b, 3b, 4b, 5b, 6b, 7b, 8b, 9b, 10b, steps_begin\n"
    "nr_steps:	.long 11\n"
    ".popsection\n");

static void stepped_guest(void)
{
	asm volatile("jmp steps_begin");
}

/*
 * The emulator sets the pending single step (BS) when an exit comes in the middle of an instruction
 * that is stepped, so the entry after it steps nowhere. It does no harm once the guest's pages are
 * there; upstream shows it after each instruction that it emulates, too.
 */
static int step(void)
{
	uint64_t before = vcpu.run->debug.arch.pc;
	int exit;

	set_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, NULL);
	exit = vcpu_run(&vcpu);
	if (!strcmp(path, "/dev/kvm") && exit == KVM_EXIT_DEBUG &&
	    vcpu.run->debug.arch.pc == before)
		exit = vcpu_run(&vcpu);
	return exit;
}

static void warm_up(const char *begin)
{
	unsigned int i;

	set_rip(begin);
	for (i = 0; i < 2 * STEPS_MOST; i++)
		step();
	set_rip(begin);
	vcpu.run->debug.arch.pc = (uintptr_t)begin;
}

static void single_steps(void)
{
	unsigned int i, wrong = 0, exceptions = 0, no_step = 0;
	struct kvm_regs regs;
	int exit;

	machine(&vm, &vcpu, path, true, stepped_guest);
	warm_up(steps_begin);
	for (i = 0; i < 2 * nr_steps; i++) {
		exit = step();
		exceptions += exit != KVM_EXIT_DEBUG;
		no_step += vcpu.run->debug.arch.dr6 != (DR6_FIXED | DR6_BS);
		if (vcpu.run->debug.arch.pc == (uintptr_t)steps[i % nr_steps])
			continue;
		printf("# step %u: at %#llx, not %p\n", i,
		       (unsigned long long)vcpu.run->debug.arch.pc, steps[i % nr_steps]);
		wrong++;
	}
	TAP_EQ(exceptions, 0, "each single step is a KVM_EXIT_DEBUG");
	TAP_EQ(no_step, 0, "which DR6 calls a single step");
	TAP_EQ(wrong, 0, "and goes one instruction on");
	call(vcpu.fd, KVM_GET_REGS, &regs);
	TAP_EQ(regs.rflags & RFLAGS_TF, 0, "KVM_GET_REGS does not show the debugger's TF");
	machine_close(&vm, &vcpu);
}

extern const char out_begin[], out_end[];

static void out_guest(void)
{
	asm volatile(".globl out_begin, out_end\n"
		     "out_begin: out %%al, $0x80\n"
		     "out_end: nop; 1: jmp 1b" : : "a"(1));
}

static void step_through_exit(void)
{
	machine(&vm, &vcpu, path, false, out_guest);
	warm_up(out_begin);
	set_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, NULL);
	TAP_EQ(vcpu_run(&vcpu), KVM_EXIT_IO, "a step into OUT: user space serves it");
	expect_debug(vcpu_run(&vcpu), VECTOR_DB, out_end, "and the step ends behind it");
	machine_close(&vm, &vcpu);
}

/* --- what is given back and what is held back ------------------------------------------------- */

static void db_guest(void)
{
	for (;;) {
		trap.vector = NO_TRAP;
		trap.resume = 0;
		asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %0\n"
			     "nop\n"
			     "1:" : "=m"(trap.resume) : : "rax", "memory");
		guest_sync(trap.vector);
	}
}

static void give_back_debug(void)
{
	machine(&vm, &vcpu, path, false, db_guest);
	vcpu_sync(&vcpu);
	TAP_EQ(set_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, NULL), 0, "a debugger");
	set_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, NULL);
	vcpu_run(&vcpu);		/* behind the OUT */
	vcpu_run(&vcpu);
	trap.vector = NO_TRAP;
	TAP_EQ(set_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_INJECT_DB, NULL), 0,
	       "KVM_GUESTDBG_INJECT_DB");
	vcpu_sync(&vcpu);
	TAP_EQ(trap.vector, VECTOR_DB, "the guest gets the #DB that was given back");
	TAP_EQ(set_debug(1U << 31, NULL) == 0, !strcmp(path, "/dev/kvm"),
	       "an unknown control is refused (upstream takes it)");
	machine_close(&vm, &vcpu);
}

static void interrupted_guest(void)
{
	apic_write(APIC_SPIV, 0x1ff);
	asm volatile("sti");
	for (;;)
		guest_sync(irqs[INTERRUPT]);
}

static void held_interrupts(void)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = INTERRUPT };
	unsigned int i, left = 0;
	int exit;

	machine(&vm, &vcpu, path, true, interrupted_guest);
	vcpu_sync(&vcpu);
	call(vm.fd, KVM_SIGNAL_MSI, &msi);
	set_debug(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_BLOCKIRQ, NULL);
	for (i = 0; i < STEPS_MOST; i++) {
		exit = vcpu_run(&vcpu);
		left += exit != KVM_EXIT_DEBUG && exit != KVM_EXIT_IO;
	}
	TAP_EQ(irqs[INTERRUPT], 0, "KVM_GUESTDBG_BLOCKIRQ: no interrupt comes between the steps");
	TAP_EQ(left, 0, "and the steps go on");
	set_debug(0, NULL);
	vcpu_sync(&vcpu);
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[INTERRUPT], 1, "it comes when the debugger is gone");
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	int dev;

	tap_begin();
	path = device_path(argc, argv);
	vm_open(&vm, path);
	dev = vm.dev;
	TAP_EQ(call(dev, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG), 1,
	       "KVM_CAP_SET_GUEST_DEBUG is 1");
	TAP_EQ(call(dev, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG2), 0x1f0003,
	       "KVM_CAP_SET_GUEST_DEBUG2 tells the controls");
	vm_close(&vm);
	software_breakpoints();
	hardware_breakpoints();
	single_steps();
	step_through_exit();
	give_back_debug();
	held_interrupts();
	return tap_end();
}
