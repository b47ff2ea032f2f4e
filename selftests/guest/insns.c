// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions that always leave the guest and need little: those of features that no guest is
 * shown, those that do nothing, and those whose operands are checked.
 */
#include <asm/processor-flags.h>
#include "selftests/lib/vm.h"

#define NO_SUCH_CALL	((uint64_t)-1000)	/* -KVM_ENOSYS */
#define CR4_USUAL	(X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

static bool nested;		/* upstream offers VMX */
static uint64_t memory[8] __attribute__((aligned(64)));

#define FAULTS(insn, vector)								\
	guest_check(insn ": #" #vector, TRAP(insn, : : "a"(0), "b"(0), "c"(0), "d"(0),	\
		    "D"(memory) : TRAP_CLOBBERS), vector)
#define WORKS(insn)	FAULTS(insn, NO_TRAP)

enum { UD = 6, GP = 13 };

static void undefined(void)
{
	FAULTS("getsec", UD);
	FAULTS("rsm", UD);
	FAULTS("vmclear (%%rdi)", UD);
	FAULTS("vmlaunch", UD);
	FAULTS("vmptrld (%%rdi)", UD);
	FAULTS("vmptrst (%%rdi)", UD);
	FAULTS("vmread %%rax, %%rdx", UD);
	FAULTS("vmresume", UD);
	FAULTS("vmwrite %%rax, %%rdx", UD);
	FAULTS("vmxoff", UD);
	FAULTS("vmxon (%%rdi)", UD);
	FAULTS("invept (%%rdi), %%rax", UD);
	FAULTS("invvpid (%%rdi), %%rax", UD);
	FAULTS("vmfunc", UD);
	FAULTS("encls", UD);
	FAULTS("enclv", UD);
	FAULTS("pconfig", UD);
	FAULTS("umwait %%eax", UD);
	FAULTS("tpause %%eax", UD);
	guest_check("the #UD is at the instruction", trap.rip != 0, 1);
}

static void harmless(void)
{
	WORKS("invd");
	WORKS("wbinvd");
	WORKS("mov %%rdi, %%rax; monitor");
	WORKS("mwait");
	WORKS("1: pause; inc %%eax; cmp $10000, %%eax; jne 1b");
	FAULTS("rdpmc", GP);
}

static void vmcall(void)
{
	uint64_t rax = 12345;

	guest_check("VMCALL comes back", TRAP("vmcall", : "+a"(rax) : : TRAP_CLOBBERS), NO_TRAP);
	guest_check("with -KVM_ENOSYS", rax, NO_SUCH_CALL);
}

#define XSETBV(index, low, high)							\
	TRAP("xsetbv", : : "a"(low), "c"(index), "d"(high) : TRAP_CLOBBERS)

static void xsetbv(void)
{
	guest_check("XSETBV without CR4.OSXSAVE: #UD", XSETBV(0, 1, 0), UD);
	asm volatile("mov %0, %%cr4" : : "r"(CR4_USUAL | X86_CR4_OSXSAVE));
	guest_check("XCR0 = x87 and SSE", XSETBV(0, 3, 0), NO_TRAP);
	guest_check("XCR0 without x87: #GP", XSETBV(0, 2, 0), GP);
	guest_check("XCR0 with AVX and no SSE: #GP", XSETBV(0, 5, 0), GP);
	guest_check("XCR0 with a bit that is none: #GP", XSETBV(0, 1, 1 << 30), GP);
	guest_check("XCR1: #GP", XSETBV(1, 3, 0), GP);
}

#define WRITE_CR(n, value)								\
	TRAP("mov %0, %%cr" #n, : : "r"((uint64_t)(value)) : TRAP_CLOBBERS)
#define READ_CR(n)									\
({											\
	uint64_t value;									\
	asm volatile("mov %%cr" #n ", %0" : "=r"(value) : : "memory");			\
	value;										\
})

static void control_registers(void)
{
	uint64_t cr0 = READ_CR(0), cr3 = READ_CR(3), cr4 = READ_CR(4);

	guest_check("CR0, upper half: #GP", WRITE_CR(0, cr0 | 1ULL << 32), GP);
	guest_check("CR0.NW without CD: #GP", WRITE_CR(0, cr0 | X86_CR0_NW), GP);
	guest_check("CR0.PG without PE: #GP", WRITE_CR(0, cr0 & ~1UL), GP);
	guest_check("CR0.PG off in 64-bit mode: #GP", WRITE_CR(0, cr0 & ~X86_CR0_PG), GP);
	guest_check("CR0.AM can be set", WRITE_CR(0, cr0 | X86_CR0_AM), NO_TRAP);
	guest_check("... and is", READ_CR(0), cr0 | X86_CR0_AM);
	WRITE_CR(0, cr0 | X86_CR0_TS);
	guest_check("CR0.TS", READ_CR(0) & X86_CR0_TS, X86_CR0_TS);
	asm volatile("clts");
	guest_check("CLTS clears it", READ_CR(0) & X86_CR0_TS, 0);
	memory[0] = X86_CR0_EM;
	asm volatile("lmsw (%0)" : : "r"(memory) : "memory");
	guest_check("LMSW from memory sets EM, clears MP and leaves PE",
		    READ_CR(0) & 0xf, X86_CR0_EM | X86_CR0_PE);
	asm volatile("lmsw %w0" : : "r"(X86_CR0_MP));
	guest_check("LMSW from a register", READ_CR(0) & 0xf, X86_CR0_MP | X86_CR0_PE);
	WRITE_CR(0, cr0);
	guest_check("CR3 beyond MAXPHYADDR: #GP", WRITE_CR(3, cr3 | 1ULL << 52), GP);
	guest_check("CR3 with bit 63 and no PCIDs: #GP", WRITE_CR(3, cr3 | 1ULL << 63), GP);
	guest_check("CR4.PAE off in long mode: #GP", WRITE_CR(4, cr4 & ~X86_CR4_PAE), GP);
	guest_check("CR4 with a bit that is none: #GP", WRITE_CR(4, cr4 | 1ULL << 31), GP);
	if (!nested)
		guest_check("CR4.VMXE, which is not offered: #GP",
			    WRITE_CR(4, cr4 | X86_CR4_VMXE), GP);
	guest_check("CR4.SMXE, which is not offered: #GP", WRITE_CR(4, cr4 | X86_CR4_SMXE), GP);
	guest_check("CR4.PCIDE", WRITE_CR(4, cr4 | X86_CR4_PCIDE), NO_TRAP);
	guest_check("CR3 with bit 63 and PCIDs", WRITE_CR(3, cr3 | 1ULL << 63 | 5), NO_TRAP);
	guest_check("... reads without it", READ_CR(3), cr3 | 5);
	WRITE_CR(4, cr4);
	guest_check("CR4.PCIDE with CR3[11:0]: #GP", WRITE_CR(4, cr4 | X86_CR4_PCIDE),
		    READ_CR(3) & 0xfff ? GP : NO_TRAP);
	WRITE_CR(3, cr3);
}

static void task_priority(void)
{
	guest_check("CR8 = 15", WRITE_CR(8, 15), NO_TRAP);
	guest_check("... and is", READ_CR(8), 15);
	guest_check("CR8 = 16: #GP", WRITE_CR(8, 16), GP);
	WRITE_CR(8, 3);
}

static void guest(void)
{
	undefined();
	harmless();
	vmcall();
	guest_sync(1);
	xsetbv();
	control_registers();
	task_priority();
	guest_sync(2);
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);
	struct vcpu vcpu;
	struct vm vm;

	tap_begin();
	nested = on_upstream();
	machine(&vm, &vcpu, path, false, guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest gets through instructions that always exit");
	tap_checks();
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_SET_TPR, "a lower CR8 is KVM_EXIT_SET_TPR");
	TAP_EQ(vcpu.run->cr8, 3, "with its value");
	TAP_EQ(vcpu_sync(&vcpu), 2, "... and through its control registers");
	tap_checks();
	vcpu_reached(&vcpu, "INVD RDPMC VMCALL VMCLEAR VMLAUNCH VMPTRLD VMPTRST VMREAD "
			    "VMRESUME VMWRITE VMOFF VMON MWAIT_INSTRUCTION MONITOR_INSTRUCTION "
			    "PAUSE_INSTRUCTION INVEPT INVVPID WBINVD XSETBV CR_ACCESS "
			    "IO_INSTRUCTION");
	machine_close(&vm, &vcpu);
	return tap_end();
}
