// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest's CPUID hides it cannot use, where the processor lets a hypervisor see to that:
 * instructions with a control, bits of CR4, EFER and XCR0, MSRs, modes of the LAPIC. One guest
 * tries everything twice: with the CPUID that the driver offers, where it works, and with one
 * that hides it all, where it faults as on a processor that lacks it.
 */
#include <asm/processor-flags.h>
#include "selftests/lib/vm.h"

#define EFER		0xc0000080u
#define EFER_SCE	1ULL
#define EFER_NX		(1ULL << 11)
#define APIC_BASE	0x1bu
#define X2APIC_ENABLE	(1ULL << 10)
#define LVT_TIMER	0xfee00320UL
#define LVT_MASKED	(1u << 16)
#define LVT_DEADLINE	(2u << 17)

enum { UD = 6, GP = 13 };
enum { ECX1, B7, C7, D7, XS, EDX8 };

/* The registers of CPUID, and the features by the SDM's numbers: X(name, register, bit). */
static const struct {
	uint32_t leaf, index;
	unsigned int reg;
} registers[] = {
	[ECX1] = { 1, 0, 2 }, [B7] = { 7, 0, 1 }, [C7] = { 7, 0, 2 }, [D7] = { 7, 0, 3 },
	[XS] = { 0xd, 1, 0 }, [EDX8] = { 0x80000001, 0, 3 },
};

#define FEATURES(X)									\
	X(PCID, ECX1, 17) X(X2APIC, ECX1, 21) X(TSC_DEADLINE, ECX1, 24) X(XSAVE, ECX1, 26)	\
	X(AVX, ECX1, 28) X(RDRAND, ECX1, 30) X(FSGSBASE, B7, 0) X(TSC_ADJUST, B7, 1)	\
	X(SMEP, B7, 7) X(INVPCID, B7, 10) X(RDSEED, B7, 18) X(SMAP, B7, 20)		\
	X(UMIP, C7, 2) X(PKU, C7, 3) X(RDPID, C7, 22) X(SPEC_CTRL, D7, 26)		\
	X(STIBP, D7, 27) X(ARCH_CAPABILITIES, D7, 29) X(SSBD, D7, 31) X(XSAVES, XS, 3)	\
	X(SYSCALL, EDX8, 11) X(NX, EDX8, 20) X(RDTSCP, EDX8, 27)

enum {
#define X(name, reg, bit) F_##name,
	FEATURES(X)
#undef X
	NR_FEATURES
};

static const struct {
	unsigned int reg, bit;
} features[] = {
#define X(name, reg, bit) { reg, bit },
	FEATURES(X)
#undef X
};

static bool shown[NR_FEATURES];		/* to the guest that runs */
static bool upstream;
static uint64_t memory[8] __attribute__((aligned(64)));

static void check(const char *name, bool works, uint64_t vector, uint64_t fault)
{
	guest_check(name, vector, works ? NO_TRAP : fault);
}

/* --- the guest -------------------------------------------------------------------------------- */

#define INSN(name, feature, insn)							\
	check(name, shown[F_##feature],							\
	      TRAP(insn, : : "a"(0), "c"(0), "D"(memory) : "rdx", TRAP_CLOBBERS), UD)
#define WRMSR(msr, value)								\
	TRAP("wrmsr", : : "a"((uint32_t)(value)), "c"(msr),				\
	     "d"((uint32_t)((uint64_t)(value) >> 32)) : TRAP_CLOBBERS)
#define RDMSR(msr)									\
	TRAP("rdmsr", : : "c"(msr) : "rax", "rdx", TRAP_CLOBBERS)
#define WRITE_CR4(value)								\
	TRAP("mov %0, %%cr4", : : "r"((uint64_t)(value)) : TRAP_CLOBBERS)
#define XSETBV(value)									\
	TRAP("xsetbv", : : "a"(value), "c"(0), "d"(0) : TRAP_CLOBBERS)

static void instructions(void)
{
	INSN("RDRAND", RDRAND, "rdrand %%rax");
	INSN("RDSEED", RDSEED, "rdseed %%rax");
	INSN("RDTSCP", RDTSCP, "rdtscp");
	INSN("INVPCID", INVPCID, "invpcid (%%rdi), %%rax");
	if (!shown[F_RDTSCP])		/* one control for both */
		INSN("RDPID", RDPID, "rdpid %%rax");
}

static void cr4_bit(const char *name, unsigned int feature, uint64_t bit)
{
	uint64_t cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	check(name, shown[feature], WRITE_CR4(cr4 | bit), GP);
	asm volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

static void cr4_bits(void)
{
	/* The code's own pages must not be the user's, for SMEP and SMAP. */
	guest_tables[0][0] &= ~4ULL;
	asm volatile("mov %0, %%cr3" : : "r"(guest_tables) : "memory");
	cr4_bit("CR4.SMEP", F_SMEP, X86_CR4_SMEP);
	cr4_bit("CR4.SMAP", F_SMAP, X86_CR4_SMAP);
	cr4_bit("CR4.FSGSBASE", F_FSGSBASE, X86_CR4_FSGSBASE);
	cr4_bit("CR4.PCIDE", F_PCID, X86_CR4_PCIDE);
	cr4_bit("CR4.UMIP", F_UMIP, X86_CR4_UMIP);
	cr4_bit("CR4.PKE", F_PKU, X86_CR4_PKE);
	cr4_bit("CR4.OSXSAVE", F_XSAVE, X86_CR4_OSXSAVE);
}

static void xstate(void)
{
	uint64_t cr4;

	check("XGETBV without CR4.OSXSAVE", false,
	      TRAP("xgetbv", : : "c"(0) : "rax", "rdx", TRAP_CLOBBERS), UD);
	if (!shown[F_XSAVE]) {
		check("XSETBV", false, XSETBV(3), UD);
		check("XSAVE", false, TRAP("xsave (%%rdi)", : : "a"(0), "d"(0), "D"(memory)
					   : TRAP_CLOBBERS), UD);
		return;
	}
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("mov %0, %%cr4" : : "r"(cr4 | X86_CR4_OSXSAVE));
	check("XCR0 = x87, SSE", true, XSETBV(3), GP);
	check("XCR0 = x87, SSE, AVX", shown[F_AVX], XSETBV(7), GP);
	check("XCR0 = all of AVX-512", shown[F_AVX] && memory[7], XSETBV(0xe7),
	      GP);
	check("an AVX instruction", shown[F_AVX],
	      TRAP("vxorps %%ymm0, %%ymm0, %%ymm0", : : : TRAP_CLOBBERS), UD);
}

static void efer(void)
{
	uint64_t value = guest_rdmsr(EFER);

	check("EFER.NXE", shown[F_NX], WRMSR(EFER, value | EFER_NX), GP);
	check("EFER.SCE", shown[F_SYSCALL] || upstream, WRMSR(EFER, value | EFER_SCE), GP);
	guest_wrmsr(EFER, value);
}

static void msrs(void)
{
	bool ibrs = shown[F_SPEC_CTRL] || shown[F_STIBP] || shown[F_SSBD];

	check("IA32_TSC_ADJUST", shown[F_TSC_ADJUST] || upstream, RDMSR(0x3b), GP);
	check("IA32_SPEC_CTRL", ibrs, RDMSR(0x48), GP);
	check("IA32_PRED_CMD", shown[F_SPEC_CTRL], WRMSR(0x49, 0), GP);
	check("IA32_ARCH_CAPABILITIES", shown[F_ARCH_CAPABILITIES], RDMSR(0x10a), GP);
	check("IA32_XSS", shown[F_XSAVES], RDMSR(0xda0), GP);
	check("IA32_TSC_AUX", shown[F_RDTSCP] || shown[F_RDPID], RDMSR(0xc0000103), GP);
}

static void lapic(void)
{
	volatile uint32_t *timer = (void *)LVT_TIMER;
	uint64_t base = guest_rdmsr(APIC_BASE);

	*timer = LVT_MASKED | LVT_DEADLINE;
	guest_check("the LAPIC timer's TSC-deadline mode", *timer & LVT_DEADLINE,
		    shown[F_TSC_DEADLINE] ? LVT_DEADLINE : 0);
	check("IA32_APIC_BASE: x2APIC mode", shown[F_X2APIC],
	      WRMSR(APIC_BASE, base | X2APIC_ENABLE), GP);
	check("the x2APIC's registers", shown[F_X2APIC], RDMSR(0x802), GP);
}

static void guest(void)
{
	instructions();
	cr4_bits();
	efer();
	msrs();
	lapic();
	xstate();
	guest_sync(1);
}

static void xstate_guest(void)
{
	xstate();
	guest_sync(1);
}

/* --- the monitor ------------------------------------------------------------------------------ */

static uint32_t *reg_of(struct kvm_cpuid_entry2 *e, unsigned int reg)
{
	uint32_t * const regs[] = { &e->eax, &e->ebx, &e->ecx, &e->edx };

	return regs[reg];
}

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *list, uint32_t leaf, uint32_t index)
{
	unsigned int i;

	for (i = 0; i < list->nent; i++)
		if (list->entries[i].function == leaf && list->entries[i].index == index)
			return &list->entries[i];
	return NULL;
}

/* Notes what the list shows; with @hide, none of it. Returns how much was there. */
static unsigned int set_features(struct kvm_cpuid2 *list, bool hide)
{
	unsigned int i, n = 0;

	find(list, 1, 0)->ecx |= 1u << 24;
	for (i = 0; i < NR_FEATURES; i++) {
		unsigned int reg = features[i].reg;
		uint32_t bit = 1u << features[i].bit;
		struct kvm_cpuid_entry2 *e;

		e = find(list, registers[reg].leaf, registers[reg].index);
		shown[i] = e && (*reg_of(e, registers[reg].reg) & bit);
		n += shown[i];
		if (!hide || !shown[i])
			continue;
		*reg_of(e, registers[reg].reg) &= ~bit;
		shown[i] = false;
	}
	return n;
}

static void run(const char *path, struct kvm_cpuid2 *list, void (*code)(void), const char *name)
{
	struct vcpu vcpu;
	struct vm vm;

	machine(&vm, &vcpu, path, true, code);
	TAP_EQ(call(vcpu.fd, KVM_SET_CPUID2, list), 0, "its CPUID is set");
	TAP_EQ(vcpu_sync(&vcpu), 1, name);
	if (!shown[F_RDSEED] && host_has("rdseed"))
		vcpu_reached(&vcpu, "RDRAND RDSEED");
	machine_close(&vm, &vcpu);
	tap_checks();
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);
	struct kvm_cpuid2 *list;
	struct vm vm;

	tap_begin();
	upstream = on_upstream();
	vm_open(&vm, path);
	list = supported_cpuid(vm.dev);
	vm_close(&vm);
	tap_ok(set_features(list, false) > 8, "the driver offers features that can be hidden");
	memory[7] = find(list, 0xd, 0) ? find(list, 0xd, 0)->eax & 0x80 : 0;
	run(path, list, guest, "a guest uses what CPUID shows");
	if (shown[F_AVX]) {
		find(list, 0xd, 0)->eax &= 3;
		find(list, 1, 0)->ecx &= ~(1u << 28);
		set_features(list, false);
		run(path, list, xstate_guest, "a guest tries state components that CPUID hides");
	}
	set_features(list, true);
	run(path, list, guest, "a guest tries everything that CPUID hides");
	free(list);
	return tap_end();
}
