// SPDX-License-Identifier: GPL-2.0
/*
 * A 64-bit guest: CPUID, MSRs, control registers, exceptions with their error codes, ports and
 * HLT.
 */
#include <asm/processor-flags.h>
#include "selftests/lib/vm.h"

#define ABSENT		0x30000000UL
#define READ_ONLY	0x30200000UL
#define NO_EXECUTE	0x30400000UL
#define RESERVED	0x30600000UL
#define PAGE_ENTRY(a)	guest_tables[2 + (a) / (1UL << 30)][(a) / (1UL << 21) % 512]
#define NX		(1ULL << 63)

static const uint64_t non_canonical = 1ULL << 60;

static uint64_t try_wrmsr(uint32_t msr, uint64_t value)
{
	return TRAP("wrmsr", : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) :
		    TRAP_CLOBBERS);
}

static uint64_t try_rdmsr(uint32_t msr)
{
	return TRAP("rdmsr", : : "c"(msr) : "rax", "rdx", TRAP_CLOBBERS);
}

#define READ_CR(n)								\
({										\
	uint64_t value;								\
	asm volatile("mov %%cr" #n ", %0" : "=r"(value) : : "memory");		\
	value;									\
})
#define WRITE_CR(n, value) TRAP("mov %0, %%cr" #n, : : "r"((uint64_t)(value)) : TRAP_CLOBBERS)

static void cpuid_and_msrs(void)
{
	uint32_t out[4];

	guest_cpuid(0x40000000, 0, out);
	guest_check("CPUID says KVMKVMKVM", out[1], 0x4b4d564b);
	guest_cpuid(1, 0, out);
	guest_check("CPUID.OSXSAVE follows CR4", out[2] >> 27 & 1, 0);
	guest_check("LSTAR takes an address", try_wrmsr(0xc0000082, 0xffffffff81000000), NO_TRAP);
	guest_check("LSTAR comes back", guest_rdmsr(0xc0000082), 0xffffffff81000000);
	guest_check("LSTAR takes no non-canonical address", try_wrmsr(0xc0000082, non_canonical),
		    13);
	guest_check("its #GP has error code 0", trap.error, 0);
	guest_check("reading an MSR that is none: #GP", try_rdmsr(0x12345678), 13);
	guest_check("writing an MSR that is none: #GP", try_wrmsr(0x12345678, 0), 13);
	guest_check("KERNEL_GS_BASE takes an address", try_wrmsr(0xc0000102, 0x1234000), NO_TRAP);
	asm volatile("swapgs");
	guest_check("SWAPGS fetches it", guest_rdmsr(0xc0000101), 0x1234000);
	guest_check("EFER says long mode", guest_rdmsr(0xc0000080) & 0x500, 0x500);
	guest_check("a reserved bit of EFER: #GP", try_wrmsr(0xc0000080, 1ULL << 40), 13);
	guest_check("EFER.LME cannot go while paging", try_wrmsr(0xc0000080, 0x400), 13);
	guest_check("EFER.SCE and NXE can be set", try_wrmsr(0xc0000080, 0xd01), NO_TRAP);
	guest_check("EFER comes back", guest_rdmsr(0xc0000080), 0xd01);
	guest_check("PAT takes no reserved type", try_wrmsr(0x277, 2), 13);
	guest_check("APIC base is the reset value", guest_rdmsr(0x1b), 0xfee00900);
	guest_check("a reserved bit in it: #GP",
		    TRAP("wrmsr", : : "c"(0x1b), "a"(0xfee00901), "d"(0) : TRAP_CLOBBERS), 13);
}

static void control_registers(void)
{
	uint64_t cr0 = READ_CR(0), cr3 = READ_CR(3), cr4 = READ_CR(4);

	guest_check("CR0 reads as set", cr0, 0x80010033);
	guest_check("CR0.NW without CD: #GP", WRITE_CR(0, cr0 | X86_CR0_NW), 13);
	guest_check("CR0.PE cleared under paging: #GP", WRITE_CR(0, cr0 & ~X86_CR0_PE), 13);
	guest_check("a reserved bit of CR0: #GP", WRITE_CR(0, cr0 | 1ULL << 40), 13);
	guest_check("CR0.TS can be set", WRITE_CR(0, cr0 | X86_CR0_TS), NO_TRAP);
	guest_check("CR0.TS makes FNINIT #NM", TRAP("fninit", : : : TRAP_CLOBBERS), 7);
	guest_check("CR0.TS is read back", READ_CR(0), cr0 | X86_CR0_TS);
	asm volatile("clts");
	guest_check("CLTS clears it", READ_CR(0), cr0);
	guest_check("FNINIT works again", TRAP("fninit", : : : TRAP_CLOBBERS), NO_TRAP);
	guest_check("CR4 reads as set", cr4, 0x620);
	guest_check("CR4.PAE cleared in long mode: #GP", WRITE_CR(4, cr4 & ~X86_CR4_PAE), 13);
	guest_check("a reserved bit of CR4: #GP", WRITE_CR(4, cr4 | 1ULL << 40), 13);
	guest_check("CR4.TSD and PGE can be set", WRITE_CR(4, cr4 | X86_CR4_TSD | X86_CR4_PGE),
		    NO_TRAP);
	guest_check("CR4 comes back", READ_CR(4), cr4 | X86_CR4_TSD | X86_CR4_PGE);
	guest_check("CR4 goes back", WRITE_CR(4, cr4), NO_TRAP);
	guest_check("CR3 can be reloaded", WRITE_CR(3, cr3), NO_TRAP);
	guest_check("CR3 beyond the physical addresses: #GP", WRITE_CR(3, cr3 | 1ULL << 60), 13);
	guest_check("CR8 takes 5", WRITE_CR(8, 5), NO_TRAP);
	guest_check("CR8 comes back", READ_CR(8), 5);
	guest_check("CR8 takes no 16", WRITE_CR(8, 16), 13);
}

static void exceptions(void)
{
	guest_check("UD2: #UD", TRAP("ud2", : : : TRAP_CLOBBERS), 6);
	guest_check("division by zero: #DE",
		    TRAP("divl %%ecx", : : "c"(0), "a"(1), "d"(0) : TRAP_CLOBBERS), 0);
	guest_check("INT3: #BP", TRAP("int3", : : : TRAP_CLOBBERS), 3);
	guest_check("a non-canonical address: #GP",
		    TRAP("mov (%0), %%rax", : : "r"(non_canonical) : "rax", TRAP_CLOBBERS), 13);
	guest_check("with error code 0", trap.error, 0);
	guest_check("a selector outside the GDT: #GP",
		    TRAP("mov %0, %%ds", : : "r"(0x1230) : TRAP_CLOBBERS), 13);
	guest_check("with the selector as error code", trap.error, 0x1230);
	guest_check("VMCALL's neighbour VMXON: #UD",
		    TRAP("vmxon (%0)", : : "r"(&trap) : TRAP_CLOBBERS), 6);
	guest_check("XGETBV without CR4.OSXSAVE: #UD",
		    TRAP("xgetbv", : : "c"(0) : "rax", "rdx", TRAP_CLOBBERS), 6);
	guest_check("RDPMC of a counter that is none: #GP",
		    TRAP("rdpmc", : : "c"(0x1234) : "rax", "rdx", TRAP_CLOBBERS), 13);
	guest_check("INVD or WBINVD pass", TRAP("wbinvd", : : : TRAP_CLOBBERS), NO_TRAP);
	guest_check("INVLPG passes", TRAP("invlpg (%0)", : : "r"(&trap) : TRAP_CLOBBERS),
		    NO_TRAP);
	guest_check("PAUSE passes", TRAP("pause", : : : TRAP_CLOBBERS), NO_TRAP);
}

static uint64_t touch(uint64_t address)
{
	return TRAP("mov (%0), %%rax", : : "r"(address) : "rax", TRAP_CLOBBERS);
}

static uint64_t poke(uint64_t address)
{
	return TRAP("movb $1, (%0)", : : "r"(address) : TRAP_CLOBBERS);
}

static uint64_t run_at(uint64_t address)
{
	return TRAP("call *%0", : : "r"(address) : TRAP_CLOBBERS);
}

static void page_faults(void)
{
	guest_check("reading an absent page: #PF", touch(ABSENT + 8), 14);
	guest_check("with error code 0", trap.error, 0);
	guest_check("CR2 is the address", trap.cr2, ABSENT + 8);
	guest_check("writing an absent page: #PF", poke(ABSENT), 14);
	guest_check("with error code 2", trap.error, 2);
	guest_check("writing a read-only page: #PF", poke(READ_ONLY), 14);
	guest_check("with error code 3", trap.error, 3);
	guest_check("fetching from a no-execute page: #PF", run_at(NO_EXECUTE), 14);
	guest_check("with error code 0x11", trap.error, 0x11);
	guest_check("a reserved bit in an entry: #PF", touch(RESERVED), 14);
	guest_check("with error code 9", trap.error, 9);
	PAGE_ENTRY(ABSENT) = (uintptr_t)&trap & -(1UL << 21);
	PAGE_ENTRY(ABSENT) |= 0x83;
	guest_check("a page made present is there without INVLPG",
		    touch(ABSENT + ((uintptr_t)&trap & 0x1fffff)), NO_TRAP);
}

static void ports(void)
{
	uint32_t in32 = 0;
	uint16_t in16 = 0;
	uint8_t in8 = 0;

	asm volatile("outb %0, %1" : : "a"((uint8_t)0x11), "Nd"((uint16_t)DEVICE_PORT));
	asm volatile("outw %0, %1" : : "a"((uint16_t)0x3322), "d"((uint16_t)DEVICE_PORT));
	asm volatile("outl %0, %1" : : "a"(0x77665544), "d"((uint16_t)DEVICE_PORT));
	asm volatile("inb %1, %0" : "=a"(in8) : "Nd"((uint16_t)DEVICE_PORT));
	guest_check("INB", in8, 0);
	asm volatile("inw %1, %0" : "=a"(in16) : "d"((uint16_t)DEVICE_PORT));
	guest_check("INW", in16, 0x0201);
	asm volatile("inl %1, %0" : "=a"(in32) : "d"((uint16_t)DEVICE_PORT));
	guest_check("INL", in32, 0x06050403);
}

static void string_ports(void)
{
	static uint8_t out[] = { 0x88, 0x99, 0xaa, 0xbb }, in[8];
	void *si = out, *di = in;
	uint64_t count = 4, rax = 0x1122334455667788;

	asm volatile("rep outsb" : "+S"(si), "+c"(count) : "d"(DEVICE_PORT) : "memory");
	guest_check("REP OUTSB counts to 0", count, 0);
	guest_check("REP OUTSB advances RSI", (uintptr_t)si, (uintptr_t)out + 4);
	count = 2;
	asm volatile("rep insl" : "+D"(di), "+c"(count) : "d"(DEVICE_PORT) : "memory");
	guest_check("REP INSL fills memory", *(volatile uint64_t *)in, 0x0e0d0c0b0a090807);
	guest_check("REP INSL advances RDI", (uintptr_t)di, (uintptr_t)in + 8);
	asm volatile("inl %%dx, %%eax" : "+a"(rax) : "d"(DEVICE_PORT));
	guest_check("INL clears the upper half of RAX", rax, 0x1211100f);
	rax = 0x1122334455667788;
	asm volatile("inb %%dx, %%al" : "+a"(rax) : "d"(DEVICE_PORT));
	guest_check("INB leaves the rest of RAX", rax, 0x1122334455667713);
}

static void guest(void)
{
	cpuid_and_msrs();
	control_registers();
	guest_sync(0);
	WRITE_CR(8, 0);
	exceptions();
	page_faults();
	guest_sync(1);
	ports();
	string_ports();
	guest_sync(2);
	for (;;)
		asm volatile("hlt");
}

int main(int argc, char **argv)
{
	static const uint8_t said[] = {
		0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb,
	};
	static struct device device;
	struct kvm_regs regs, after;
	struct vcpu vcpu;
	struct vm vm;

	tap_begin();
	machine(&vm, &vcpu, device_path(argc, argv), false, guest);
	PAGE_ENTRY(ABSENT) = 0;
	PAGE_ENTRY(READ_ONLY) &= ~2ULL;
	PAGE_ENTRY(NO_EXECUTE) |= NX;
	PAGE_ENTRY(RESERVED) |= 1ULL << 51;
	TAP_EQ(vcpu_sync(&vcpu), 0, "the guest gets through its control registers");
	tap_checks();
	TAP_EQ(vcpu.run->cr8, 5, "CR8 is in the run page");
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_SET_TPR, "a lower CR8 without a LAPIC exits");
	TAP_EQ(vcpu.run->cr8, 0, "with the new value in the run page");
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest gets through its instructions");
	tap_checks();
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 2, "the guest gets through its port I/O");
	tap_checks();
	TAP_EQ(device.logged, sizeof(said), "OUT and OUTS arrive, all of them");
	TAP_EQ(memcmp(device.log, said, sizeof(said)), 0, "in order");
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_HLT, "HLT without a LAPIC leaves the guest");
	call(vcpu.fd, KVM_GET_REGS, &regs);
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_HLT, "and again, if it is entered again");
	call(vcpu.fd, KVM_GET_REGS, &after);
	tap_ok(after.rip != 0 && after.rip - regs.rip + 16 < 32, "RIP is after HLT");
	vcpu_reached(&vcpu, "HLT MSR_READ MSR_WRITE");
	machine_close(&vm, &vcpu);
	return tap_end();
}
