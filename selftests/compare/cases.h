/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The list of cases. A row is an instruction (or a few), run once in each of its modes and, in
 * each, once plainly and once in each of its variants.
 *
 * X(name, exit reason, modes, variants, assembly, initial state...)
 *
 * \A \B \C \D \S are AX, BX, CX, DX and SI in the width of the mode's addresses, \P is the stack
 * pointer. BX points to a device, SI and DI to data, DX is a port: plain_regs().
 */

/* --- instructions that need nothing else --- */
X("cpuid 0", CPUID, M_ALL, V_ALL, "cpuid", AX(0), CX(0))
X("cpuid 1", CPUID, M_FEW | M_LONGU, 0, "cpuid", AX(1), CX(0))
X("cpuid 4.1", CPUID, M_FEW, 0, "cpuid", AX(4), CX(1))
X("cpuid 7.0", CPUID, M_FEW, 0, "cpuid", AX(7), CX(0))
X("cpuid 0xb.1", CPUID, M_LONG, 0, "cpuid", AX(11), CX(1))
X("cpuid 0xd.0 with OSXSAVE", CPUID, M_LONG, 0, "cpuid", AX(13), CX(0), .cr4 = X86_CR4_OSXSAVE)
X("cpuid 1 with OSXSAVE", CPUID, M_LONG, 0, "cpuid", AX(1), CX(0), .cr4 = X86_CR4_OSXSAVE)
X("cpuid above the last basic leaf", CPUID, M_FEW, 0, "cpuid", AX(0x3fffffff))
X("cpuid of the hypervisor", CPUID, M_LONG, 0, "cpuid", AX(0x40000000))
X("cpuid 0x80000000", CPUID, M_FEW, 0, "cpuid", AX(0x80000000))
X("cpuid 0x80000001", CPUID, M_LONG, 0, "cpuid", AX(0x80000001))
X("cpuid 0x80000008", CPUID, M_LONG, 0, "cpuid", AX(0x80000008))
X("cpuid of -1", CPUID, M_FEW, 0, "cpuid", AX(~0U))
X("cpuid, whose prefixes do nothing", CPUID, M_LONG, 0, ".byte 0x66, 0xf3, 0x0f, 0xa2", AX(0),
  CX(0))
X("lock cpuid", CPUID, M_FEW, 0, ".byte 0xf0, 0x0f, 0xa2", AX(0))
X("hlt", HLT, M_ALL, V_ALL, "hlt")
X("invd", INVD, M_ALL, V_TF | V_MOVSS, "invd")
X("wbinvd", WBINVD, M_ALL, V_TF | V_MOVSS | V_HERE, "wbinvd")
X("rdpmc", RDPMC, M_ALL, V_TF | V_MOVSS, "rdpmc", CX(0))
X("rdpmc of the fixed counter", RDPMC, M_LONG, 0, "rdpmc", CX(0x40000000))
X("rdpmc with CR4.PCE", RDPMC, M_LONG | M_LONGU, 0, "rdpmc", CX(0), .cr4 = X86_CR4_PCE)
X("vmcall of an unknown number", VMCALL, M_ALL, V_STEPS | V_MOVSS, "vmcall", AX(0x1234))
X("vmcall 5: kick", VMCALL, M_FEW | M_LONGU, 0, "vmcall", AX(5), CX(0))
X("vmcall 11: yield", VMCALL, M_LONG, 0, "vmcall", AX(11), CX(0))
X("vmmcall", EXCEPTION_NMI, M_FEW | M_LONGU, V_TF, ".byte 0x0f, 0x01, 0xd9", AX(0x1234))
X("getsec", GETSEC, M_SOME | M_VM86, 0, ".byte 0x0f, 0x37", AX(0))
X("rsm", RSM, M_SOME | M_VM86, 0, "rsm")
X("vmlaunch", VMLAUNCH, M_ALL, V_TF, "vmlaunch")
X("vmresume", VMRESUME, M_SOME, V_MOVSS, "vmresume")
X("vmxoff", VMOFF, M_SOME, 0, "vmxoff")
X("vmxon", VMON, M_SOME, 0, "vmxon (\\S)")
X("vmclear", VMCLEAR, M_SOME, 0, "vmclear (\\S)")
X("vmptrld", VMPTRLD, M_SOME, 0, "vmptrld (\\S)")
X("vmptrst", VMPTRST, M_SOME, 0, "vmptrst (\\S)")
X("vmread", VMREAD, M_SOME, 0, ".byte 0x0f, 0x78, 0xc1")
X("vmwrite", VMWRITE, M_SOME, 0, ".byte 0x0f, 0x79, 0xc1")
X("invept", INVEPT, M_SOME, 0, ".byte 0x66, 0x0f, 0x38, 0x80, 0x07")
X("invvpid", INVVPID, M_SOME, 0, ".byte 0x66, 0x0f, 0x38, 0x81, 0x07")
X("vmfunc", VMFUNC, M_SOME, 0, "vmfunc", AX(0))
X("encls", ENCLS, M_SOME, 0, ".byte 0x0f, 0x01, 0xcf", AX(0))
X("pconfig", PCONFIG, M_FEW, 0, ".byte 0x0f, 0x01, 0xc5", AX(0))
X("seamcall", SEAMCALL, M_LONG, 0, ".byte 0x66, 0x0f, 0x01, 0xcf", AX(0))
X("tdcall", TDCALL, M_LONG, 0, ".byte 0x66, 0x0f, 0x01, 0xcc", AX(0))
X("monitor", MONITOR_INSTRUCTION, M_ALL, V_TF, "monitor", CX(0), AX(0x2000))
X("monitor with ECX", MONITOR_INSTRUCTION, M_FEW, 0, "monitor", CX(1), AX(0x2000))
X("mwait", MWAIT_INSTRUCTION, M_ALL, V_TF | V_STI, "mwait", CX(0), AX(0))
X("mwait with ECX", MWAIT_INSTRUCTION, M_FEW, 0, "mwait", CX(2), AX(0))
X("pause", PAUSE_INSTRUCTION, M_ALL, V_STEPS | V_MOVSS, "pause")
X("many pauses", PAUSE_INSTRUCTION, M_REAL | M_LONG, V_TF, "mov $9, %cx\n 1: pause\n loop 1b",
  CX(0))
X("invlpg", INVLPG, M_ALL, V_TF, "invlpg (\\S)")
X("invpcid", INVPCID, M_FEW | M_LONGU | M_VM86, V_TF, ".byte 0x66, 0x0f, 0x38, 0x82, 0x07",
  AX(0))
X("rdtscp", RDTSCP, M_FEW | M_VM86, 0, "rdtscp; mov $0, %ax; movl $0, %eax; mov $0, %edx")
X("rdtsc", RDTSC, M_SOME | M_VM86, 0, "rdtsc; movl $0, %eax; movl $0, %edx")
X("rdtsc with CR4.TSD", RDTSC, M_ALL, 0, "rdtsc; movl $0, %eax; movl $0, %edx",
  .cr4 = X86_CR4_TSD)
X("rdrand", RDRAND, M_FEW, 0, "rdrand %eax; movl $0, %eax")
X("rdseed", RDSEED, M_FEW, 0, "rdseed %eax; movl $0, %eax")
X("xsetbv without OSXSAVE", XSETBV, M_FEW, 0, "xsetbv", AX(7), DX(0), CX(0))
X("xsetbv 7", XSETBV, M_SOME | M_VM86, V_STEPS | V_MOVSS, "xsetbv; xgetbv", AX(7), DX(0), CX(0),
  .cr4 = X86_CR4_OSXSAVE)
X("xsetbv 1", XSETBV, M_FEW, 0, "xsetbv; xgetbv", AX(1), DX(0), CX(0), .cr4 = X86_CR4_OSXSAVE)
X("xsetbv 0", XSETBV, M_FEW, 0, "xsetbv", AX(0), DX(0), CX(0), .cr4 = X86_CR4_OSXSAVE)
X("xsetbv 5", XSETBV, M_FEW, 0, "xsetbv", AX(5), DX(0), CX(0), .cr4 = X86_CR4_OSXSAVE)
X("xsetbv of an unknown state", XSETBV, M_FEW, 0, "xsetbv", AX(3), DX(0x80000000), CX(0),
  .cr4 = X86_CR4_OSXSAVE)
X("xsetbv 1 of ECX", XSETBV, M_FEW, 0, "xsetbv", AX(7), DX(0), CX(1), .cr4 = X86_CR4_OSXSAVE)
X("sgdt", GDTR_IDTR, M_FEW | M_P32U | M_LONGU, 0, "sgdt (\\S)")

/* --- control registers --- */
X("mov %cr0 with AM", CR_ACCESS, M_KERNEL & ~(M_LONG | M_COMPAT), V_TF | V_MOVSS,
  "mov %cr0, %eax; or $0x40000, %eax; mov %eax, %cr0; mov %cr0, %ecx")
X("mov %cr0 with AM in 64-bit mode", CR_ACCESS, M_LONG, V_ALL, "mov %rax, %cr0; mov %cr0, %rcx",
  AX(0x80050031))
X("mov %cr0 to a user", CR_ACCESS, M_USER & ~M_LONGU, 0, "mov %cr0, %eax")
X("mov to %cr0 by a user", CR_ACCESS, M_USER & ~M_LONGU, 0, "mov %eax, %cr0")
X("mov %cr0: enter protected mode", CR_ACCESS, M_REAL, V_ALL, "mov %eax, %cr0; mov %cr0, %ecx",
  AX(0x31))
X("mov %cr0: leave protected mode", CR_ACCESS, M_P16, V_TF, "mov %eax, %cr0; mov %cr0, %ecx",
  AX(0x30))
X("mov %cr0: leave protected mode, 32-bit", CR_ACCESS, M_P32, 0,
  "mov %eax, %cr0; mov %cr0, %ecx", AX(0x30))
X("mov %cr0: paging on", CR_ACCESS, M_P32, V_TF,
  "movl $0x5000, %ecx; mov %ecx, %cr3; mov %eax, %cr0; mov %cr0, %ecx", AX(0x80000031))
X("mov %cr0: PAE paging on", CR_ACCESS, M_P32, 0,
  "movl $0x6000, %ecx; mov %ecx, %cr3; mov %eax, %cr0; mov %cr0, %ecx", AX(0x80000031),
  .cr4 = X86_CR4_PAE)
X("mov %cr0: PAE paging with reserved bits", CR_ACCESS, M_P32, 0,
  "movl $0x10000, %ecx; mov %ecx, %cr3; mov %eax, %cr0; mov %cr0, %ecx", AX(0x80000031),
  .cr4 = X86_CR4_PAE)
X("mov %cr0: IA-32e paging on", CR_ACCESS, M_P32, 0,
  "movl $0xb000, %ecx; mov %ecx, %cr3; mov %eax, %cr0; mov %cr0, %ecx", AX(0x80000031),
  .cr4 = X86_CR4_PAE, .efer = 0x100)
X("mov %cr0: IA-32e paging without PAE", CR_ACCESS, M_P32, 0,
  "movl $0xb000, %ecx; mov %ecx, %cr3; mov %eax, %cr0", AX(0x80000031), .efer = 0x100)
X("mov %cr0: paging off", CR_ACCESS, M_PAGED | M_PAE | M_COMPAT, V_TF,
  "mov %eax, %cr0; mov %cr0, %ecx", AX(0x31))
X("mov %cr0: paging off in 64-bit mode", CR_ACCESS, M_LONG, 0, "mov %rax, %cr0", AX(0x31))
X("mov %cr0: PE off with paging", CR_ACCESS, M_PAGED | M_PAE | M_COMPAT, 0, "mov %eax, %cr0",
  AX(0x80000030))
X("mov %cr0: NW without CD", CR_ACCESS, M_KERNEL & ~M_LONG, 0, "mov %eax, %cr0", AX(0x20000031))
X("mov %cr0: CD and NW", CR_ACCESS, M_P32 | M_REAL, V_TF, "mov %eax, %cr0; mov %cr0, %ecx",
  AX(0x60000031))
X("mov %cr0: reserved low bits", CR_ACCESS, M_P32 | M_REAL, 0, "mov %eax, %cr0; mov %cr0, %ecx",
  AX(0x1ff8ffc1 | 0x31))
X("mov %cr0: bit 32", CR_ACCESS, M_LONG, V_TF, "mov %rax, %cr0", AX(0x180000031))
X("mov %cr0: NE off", CR_ACCESS, M_P32 | M_REAL, 0, "mov %eax, %cr0; mov %cr0, %ecx", AX(0x11))
X("mov %cr0: TS and WP, which do not exit", CR_ACCESS, M_LONG, V_TF,
  "mov %rax, %cr0; mov %cr0, %rcx", AX(0x80000039))
X("clts", CR_ACCESS, M_ALL, V_STEPS | V_MOVSS, "clts; smsw %cx", .cr0 = X86_CR0_TS)
X("clts where nothing is to clear", CR_ACCESS, M_FEW, 0, "clts; smsw %cx")
X("lmsw", CR_ACCESS, M_ALL, V_STEPS | V_MOVSS, "lmsw %ax; smsw %cx", AX(0xb))
X("lmsw cannot clear PE", CR_ACCESS, M_P32 | M_PAGED | M_LONG, 0, "lmsw %ax; smsw %cx", AX(0))
X("lmsw from memory", CR_ACCESS, M_FEW, V_TF, "lmsw (\\S); smsw %cx")
X("lmsw from the device", CR_ACCESS, M_FEW, V_TF, "lmsw (\\B); smsw %cx")
X("smsw", CR_ACCESS, M_ALL, 0, "smsw %cx")
X("mov %cr3", CR_ACCESS, M_KERNEL & ~M_LONG, V_TF, "mov %cr3, %eax; mov %eax, %cr3")
X("mov %cr3 in 64-bit mode", CR_ACCESS, M_LONG, V_TF, "mov %cr3, %rax; mov %rax, %cr3")
X("mov %cr3: PAE's reserved bits", CR_ACCESS, M_PAE, 0, "mov %eax, %cr3", AX(0x10000))
X("mov %cr3: reserved bits", CR_ACCESS, M_LONG, 0, "mov %rax, %cr3", AX(0x800000000000b000))
X("mov %cr3: bit 40 and above", CR_ACCESS, M_LONG, 0, "mov %rax, %cr3", AX(0x800000000b000))
X("mov %cr4: PGE and OSFXSR, which do not exit", CR_ACCESS, M_KERNEL & ~M_LONG, V_TF,
  "mov %cr4, %eax; xor $0x280, %eax; mov %eax, %cr4; mov %cr4, %ecx")
X("mov %cr4: MCE", CR_ACCESS, M_KERNEL & ~M_LONG, V_TF | V_MOVSS,
  "mov %cr4, %eax; or $0x40, %eax; mov %eax, %cr4; mov %cr4, %ecx")
X("mov %cr4: MCE in 64-bit mode", CR_ACCESS, M_LONG, V_ALL,
  "mov %cr4, %rax; or $0x40, %rax; mov %rax, %cr4; mov %cr4, %rcx")
X("mov %cr4 by a user", CR_ACCESS, M_USER & ~M_LONGU, 0, "mov %eax, %cr4")
X("mov %cr4: reserved bit 15", CR_ACCESS, M_REAL | M_P32 | M_COMPAT, 0, "mov %eax, %cr4",
  AX(0x8620))
X("mov %cr4: bit 31", CR_ACCESS, M_REAL | M_P32 | M_COMPAT, 0, "mov %eax, %cr4", AX(0x80000620))
X("mov %cr4: bit 32", CR_ACCESS, M_LONG, V_TF, "mov %rax, %cr4", AX(0x100000620))
X("mov %cr4: VMXE", CR_ACCESS, M_REAL | M_P32 | M_COMPAT, 0, "mov %eax, %cr4; mov %cr4, %ecx",
  AX(0x2620))
X("mov %cr4: SMXE", CR_ACCESS, M_P32 | M_COMPAT, 0, "mov %eax, %cr4", AX(0x4620))
X("mov %cr4: PAE off in long mode", CR_ACCESS, M_COMPAT, 0, "mov %eax, %cr4", AX(0x600))
X("mov %cr4: PAE off in 64-bit mode", CR_ACCESS, M_LONG, 0, "mov %rax, %cr4", AX(0x600))
X("mov %cr4: PAE off under PAE paging", CR_ACCESS, M_PAE, 0, "mov %eax, %cr4", AX(0x600))
X("mov %cr4: PAE on under 32-bit paging", CR_ACCESS, M_PAGED, 0, "mov %eax, %cr4", AX(0x630))
X("mov %cr4: PCIDE", CR_ACCESS, M_LONG, V_TF, "mov %rax, %cr4; mov %cr4, %rcx", AX(0x20620))
X("mov %cr4: PCIDE with a PCID", CR_ACCESS, M_LONG, 0,
  "mov %cr3, %rcx; or $1, %rcx; mov %rcx, %cr3; mov %rax, %cr4", AX(0x20620))
X("mov %cr4: PCIDE outside long mode", CR_ACCESS, M_PAE | M_P32, 0, "mov %eax, %cr4",
  AX(0x20620))
X("mov %cr4: PCIDE in compatibility mode", CR_ACCESS, M_COMPAT, 0,
  "mov %eax, %cr4; mov %cr4, %ecx", AX(0x20620))
X("mov %cr0: paging off with PCIDE", CR_ACCESS, M_COMPAT, 0, "mov %eax, %cr0", AX(0x31),
  .cr4 = X86_CR4_PCIDE)
X("mov %cr4: SMEP and SMAP", CR_ACCESS, M_FEW & ~M_LONG, V_TF, "mov %eax, %cr4; mov %cr4, %ecx",
  AX(0x300630))
X("mov %cr4: SMEP in 64-bit mode", CR_ACCESS, M_LONG, 0, "mov %rax, %cr4", AX(0x100620))
X("mov %cr4: OSXSAVE", CR_ACCESS, M_LONG, V_TF, "mov %rax, %cr4; mov %cr4, %rcx", AX(0x40620))
X("mov %cr4: LA57 in 64-bit mode", CR_ACCESS, M_LONG, 0, "mov %rax, %cr4", AX(0x1620))
X("mov %cr8", CR_ACCESS, M_LONG, V_ALL, "mov %rax, %cr8; mov %cr8, %rcx", AX(5))
X("mov %cr8: lower", CR_ACCESS, M_LONG, V_STEPS | V_SHADOWS,
  "mov %rax, %cr8; mov $2, %eax; mov %rax, %cr8; mov %cr8, %rcx", AX(9))
X("mov %cr8: 16", CR_ACCESS, M_LONG, V_TF, "mov %rax, %cr8", AX(16))
X("mov %cr8: upper half", CR_ACCESS, M_LONG, 0, "mov %rax, %cr8", AX(1ULL << 60))
X("mov %cr8 by a user", CR_ACCESS, M_LONGU, 0, "mov %rax, %cr8", AX(5))
X("mov %cr8 with a LAPIC", CR_ACCESS, M_LONG, V_TF | V_MOVSS, "mov %rax, %cr8; mov %cr8, %rcx",
  AX(5), .irqchip = true)
X("mov %cr1", CR_ACCESS, M_FEW | M_VM86, 0, ".byte 0x0f, 0x20, 0xc8")
X("mov to %cr2 and back, which does not exit", CR_ACCESS, M_FEW & ~M_LONG, 0,
  "mov %eax, %cr2; mov %cr2, %ecx")
X("mov to %cr5", CR_ACCESS, M_FEW | M_LONGU, 0, ".byte 0x0f, 0x22, 0xe8")

/* --- debug registers --- */
X("mov %dr0", DR_ACCESS, M_ALL & ~M_64, V_TF | V_MOVSS, "mov %eax, %dr0; mov %dr0, %ecx")
X("mov %dr0 in 64-bit mode", DR_ACCESS, M_64, V_ALL, "mov %rax, %dr0; mov %dr0, %rcx")
X("mov %dr3 non-canonical", DR_ACCESS, M_LONG, 0, "mov %rax, %dr3; mov %dr3, %rcx",
  AX(0x8000000000000000))
X("mov %dr1, %dr2, %dr3", DR_ACCESS, M_FEW & ~M_LONG, 0,
  "mov %eax, %dr1; mov %ebx, %dr2; mov %esi, %dr3; mov %dr1, %ecx; mov %dr3, %edi")
X("mov %dr4", DR_ACCESS, M_FEW & ~M_LONG, 0, "mov %eax, %db4; mov %db4, %ecx")
X("mov %dr4 with CR4.DE", DR_ACCESS, M_FEW & ~M_LONG, V_TF, "mov %db4, %ecx", .cr4 = X86_CR4_DE)
X("mov to %dr5 with CR4.DE by a user", DR_ACCESS, M_P32U | M_VM86, 0, "mov %eax, %db5",
  .cr4 = X86_CR4_DE)
X("mov %dr5 in 64-bit mode", DR_ACCESS, M_LONG, 0, "mov %rax, %db5; mov %db5, %rcx", AX(0x400))
X("mov %dr6", DR_ACCESS, M_FEW & ~M_LONG, V_TF, "mov %eax, %dr6; mov %dr6, %ecx",
  AX(0xffffffff))
X("mov %dr6 zero", DR_ACCESS, M_FEW & ~M_LONG, 0, "mov %eax, %dr6; mov %dr6, %ecx", AX(0))
X("mov %dr6: bit 32", DR_ACCESS, M_LONG, V_TF, "mov %rax, %dr6", AX(1ULL << 32))
X("mov %dr7", DR_ACCESS, M_FEW & ~M_LONG, V_TF, "mov %eax, %dr7; mov %dr7, %ecx", AX(0xd800))
X("mov %dr7: bit 32", DR_ACCESS, M_LONG, V_TF, "mov %rax, %dr7", AX(1ULL << 32))
X("mov %dr7: a breakpoint on what follows", DR_ACCESS, M_LONG, V_TF | V_MOVSS,
  "lea 1f(%rip), %rcx; mov %rcx, %dr0; mov %rax, %dr7; nop; 1: nop", AX(0x401))
X("mov %dr7: a data breakpoint", DR_ACCESS, M_LONG, V_TF,
  "mov %rsi, %dr1; mov %rax, %dr7; mov %eax, (%rsi); cpuid", AX(0x00d00404))
X("mov %dr0 with DR7.GD", DR_ACCESS, M_KERNEL & ~M_64, V_TF | V_MOVSS, "mov %dr0, %eax",
  .dr7 = 0x2400)
X("mov %dr0 with DR7.GD in 64-bit mode", DR_ACCESS, M_64, V_TF, "mov %rax, %dr0", .dr7 = 0x2400)
X("mov %dr7 with DR7.GD", DR_ACCESS, M_FEW & ~M_LONG, 0, "mov %eax, %dr7", .dr7 = 0x2400)

/* --- ports --- */
X("in al, imm", IO_INSTRUCTION, M_ALL, V_ALL, "inb $0x77, %al")
X("in ax, dx", IO_INSTRUCTION, M_KERNEL, V_TF, "inw %dx, %ax")
X("in eax, dx", IO_INSTRUCTION, M_KERNEL, V_TF | V_MOVSS, "inl %dx, %eax")
X("in al, dx", IO_INSTRUCTION, M_ALL, V_TF, "inb %dx, %al", .rflags = X86_EFLAGS_IOPL)
X("out imm, al", IO_INSTRUCTION, M_ALL, V_ALL, "outb %al, $0x77")
X("out dx, ax", IO_INSTRUCTION, M_KERNEL, V_TF, "outw %ax, %dx")
X("out dx, eax", IO_INSTRUCTION, M_ALL, V_TF | V_SHADOWS, "outl %eax, %dx",
  .rflags = X86_EFLAGS_IOPL)
X("out to port 0xffff", IO_INSTRUCTION, M_FEW, 0, "outl %eax, %dx", DX(0xffff))
X("in from port 0xfffd", IO_INSTRUCTION, M_FEW, 0, "inl %dx, %eax", DX(0xabcdfffd))
X("in with REX.W", IO_INSTRUCTION, M_64, 0, ".byte 0x48, 0xed", .rflags = X86_EFLAGS_IOPL)
X("out by a user whose map allows it", IO_INSTRUCTION, M_VM86 | M_P32U | M_LONGU, V_TF,
  "outb %al, $0x77", .tr_limit = 0x2067)
X("out by a user whose map forbids it", IO_INSTRUCTION, M_VM86 | M_P32U | M_LONGU, 0,
  "outb %al, %dx", DX(0x77), .tr_limit = 0x6f)
X("insb", IO_INSTRUCTION, M_ALL, V_ALL, "insb")
X("insw", IO_INSTRUCTION, M_FEW, V_TF, "insw")
X("insl", IO_INSTRUCTION, M_FEW, V_TF, "insl")
X("rep insb", IO_INSTRUCTION, M_KERNEL, V_ALL, "rep insb")
X("rep insl", IO_INSTRUCTION, M_FEW, V_TF, "rep insl")
X("rep insw downwards", IO_INSTRUCTION, M_FEW, V_TF, "rep insw", .rflags = X86_EFLAGS_DF)
X("rep insb of nothing", IO_INSTRUCTION, M_FEW, V_TF, "rep insb", CX(0))
X("rep insb across a page", IO_INSTRUCTION, M_FEW, V_TF, "rep insb", DI_AT(DATA_AT + 0xffe),
  CX(5))
X("rep insw to the device", IO_INSTRUCTION, M_FEW, V_TF, "rep insw", DI_AT(HOLE + 0x20))
X("insb to read-only memory", IO_INSTRUCTION, M_P32 | M_LONG, 0, "insb", DI_AT(READ_ONLY + 8))
X("insb beyond the segment", IO_INSTRUCTION, M_P16 | M_P32 | M_COMPAT, 0, "insb",
  .ds_limit = 0xff)
X("insb to a page that is not there", IO_INSTRUCTION, M_PAGED | M_PAE | M_LONG, 0, "insb",
  DI_AT(0x13010), .absent = 0x13000)
X("rep insb into a page that is not there", IO_INSTRUCTION, M_PAGED | M_LONG, V_TF, "rep insb",
  DI_AT(0x12ffe), CX(6), .absent = 0x13000)
X("insb, non-canonical", IO_INSTRUCTION, M_LONG, 0, "insb", DI(0x800000000000))
X("outsb", IO_INSTRUCTION, M_ALL, V_ALL, "outsb")
X("outsw", IO_INSTRUCTION, M_FEW, V_TF, "outsw")
X("outsl", IO_INSTRUCTION, M_KERNEL, V_TF, "outsl")
X("rep outsb", IO_INSTRUCTION, M_KERNEL, V_ALL, "rep outsb")
X("rep outsl downwards", IO_INSTRUCTION, M_FEW, V_TF, "rep outsl", .rflags = X86_EFLAGS_DF)
X("rep outsb of nothing", IO_INSTRUCTION, M_FEW, 0, "rep outsb", CX(0))
X("rep outsw of many", IO_INSTRUCTION, M_FEW, 0, "rep outsw", CX(9))
X("outsl from the device", IO_INSTRUCTION, M_FEW, V_TF, "rep outsl", SI_AT(HOLE + 0x30))
X("outsb from a page that is not there", IO_INSTRUCTION, M_PAGED | M_LONG, 0, "outsb",
  SI_AT(0x13010), .absent = 0x13000)
X("outsb beyond the segment", IO_INSTRUCTION, M_P16 | M_P32 | M_COMPAT, 0, "outsb",
  .ds_limit = 0xf)
X("outsb with 16-bit addresses", IO_INSTRUCTION, M_P32, V_TF, "addr16 rep outsb", SI(0x1fffe),
  CX(0x10003))
X("outsb with 32-bit addresses", IO_INSTRUCTION, M_64 & ~M_LONGU, 0, "addr32 rep outsb",
  SI(0x100012010), CX(0x100000002))

/* --- MSRs --- */
X("rdmsr of an unknown MSR", MSR_READ, M_ALL, V_STEPS | V_MOVSS, "rdmsr", CX(0x12345))
X("wrmsr of an unknown MSR", MSR_WRITE, M_ALL, V_STEPS | V_MOVSS, "wrmsr", CX(0x12345))
X("rdmsr of an unknown MSR, for user space", MSR_READ, M_FEW | M_LONGU, V_TF | V_SHADOWS,
  "rdmsr", CX(0x12345), .msr_exits = true)
X("wrmsr of an unknown MSR, for user space", MSR_WRITE, M_FEW | M_LONGU, V_TF | V_SHADOWS,
  "wrmsr", CX(0x12345), .msr_exits = true)
X("wrmsr refused by user space", MSR_WRITE, M_FEW, V_TF, "wrmsr", CX(0x12346),
  .msr_exits = true)
X("rdmsr refused by user space", MSR_READ, M_FEW, V_TF, "rdmsr", CX(0x12346), .msr_exits = true)
X("wrmsr of a wrong value, for user space", MSR_WRITE, M_FEW, 0, "wrmsr", CX(0x277), AX(2),
  DX(0), .msr_exits = true)
X("rdmsr MISC_ENABLE", MSR_READ, M_SOME, V_TF | V_MOVSS, "rdmsr", CX(0x1a0))
X("wrmsr MISC_ENABLE", MSR_WRITE, M_FEW, V_TF, "wrmsr; rdmsr", CX(0x1a0), AX(1), DX(0))
X("rdmsr APIC_BASE", MSR_READ, M_FEW, V_TF, "rdmsr", CX(0x1b))
X("wrmsr APIC_BASE of reserved bits", MSR_WRITE, M_FEW, 0, "wrmsr", CX(0x1b), AX(0xfee00901),
  DX(0))
X("wrmsr EFER: NXE", MSR_WRITE, M_FEW, V_ALL, "rdmsr; xor $0x800, %eax; wrmsr; rdmsr",
  CX(0xc0000080))
X("wrmsr EFER: SCE", MSR_WRITE, M_FEW, V_TF, "rdmsr; xor $1, %eax; wrmsr; rdmsr",
  CX(0xc0000080))
X("wrmsr EFER: LME under paging", MSR_WRITE, M_PAGED | M_PAE | M_LONG, 0,
  "rdmsr; xor $0x100, %eax; wrmsr", CX(0xc0000080))
X("wrmsr EFER: LME", MSR_WRITE, M_REAL | M_P32, 0, "rdmsr; xor $0x100, %eax; wrmsr; rdmsr",
  CX(0xc0000080))
X("wrmsr EFER: LMA", MSR_WRITE, M_FEW, 0, "rdmsr; xor $0x400, %eax; wrmsr; rdmsr",
  CX(0xc0000080))
X("wrmsr EFER: reserved", MSR_WRITE, M_FEW, 0, "rdmsr; or $0x10000, %eax; wrmsr",
  CX(0xc0000080))
X("wrmsr EFER: SVME", MSR_WRITE, M_FEW, 0, "rdmsr; or $0x1000, %eax; wrmsr", CX(0xc0000080))
X("wrmsr LSTAR", MSR_WRITE, M_FEW, V_TF, "wrmsr; rdmsr", CX(0xc0000082), DX(0xffff8000))
X("wrmsr LSTAR non-canonical", MSR_WRITE, M_FEW, V_TF, "wrmsr; rdmsr", CX(0xc0000082),
  DX(0x12345678))
X("wrmsr STAR", MSR_WRITE, M_FEW, 0, "wrmsr; rdmsr", CX(0xc0000081), DX(0x12345678))
X("wrmsr CSTAR", MSR_WRITE, M_FEW, 0, "wrmsr; rdmsr", CX(0xc0000083), DX(0))
X("wrmsr FMASK", MSR_WRITE, M_FEW, 0, "wrmsr; rdmsr", CX(0xc0000084), DX(0))
X("wrmsr FMASK, upper half", MSR_WRITE, M_FEW, 0, "wrmsr; rdmsr", CX(0xc0000084), DX(1))
X("wrmsr KERNEL_GS_BASE non-canonical", MSR_WRITE, M_FEW, 0, "wrmsr; rdmsr", CX(0xc0000102),
  DX(0x12345678))
X("wrmsr FS_BASE non-canonical", MSR_WRITE, M_LONG, 0, "wrmsr; rdmsr", CX(0xc0000100),
  DX(0x12345678))
X("wrmsr FS_BASE", MSR_WRITE, M_LONG, 0, "wrmsr; rdmsr", CX(0xc0000100), DX(0x1234))
X("wrmsr SYSENTER_EIP non-canonical", MSR_WRITE, M_FEW, 0, "wrmsr; rdmsr", CX(0x176),
  DX(0x12345678))
X("wrmsr SYSENTER_CS", MSR_WRITE, M_FEW, 0, "wrmsr; rdmsr", CX(0x174), AX(8), DX(0))
X("wrmsr TSC_AUX", MSR_WRITE, M_FEW, 0, "wrmsr; rdmsr", CX(0xc0000103), DX(0))
X("wrmsr PAT", MSR_WRITE, M_FEW, V_TF, "wrmsr; rdmsr", CX(0x277), AX(0x00070406),
  DX(0x00070406))
X("wrmsr PAT of a reserved type", MSR_WRITE, M_FEW, V_TF, "wrmsr", CX(0x277), AX(2), DX(0))
X("wrmsr MTRR_DEF_TYPE", MSR_WRITE, M_FEW, 0, "wrmsr; rdmsr", CX(0x2ff), AX(0xc06), DX(0))
X("wrmsr MTRR_DEF_TYPE, reserved", MSR_WRITE, M_FEW, 0, "wrmsr", CX(0x2ff), AX(0x1006), DX(0))
X("wrmsr MTRR_PHYSBASE0", MSR_WRITE, M_FEW, 0, "wrmsr; rdmsr", CX(0x200), AX(0x1006), DX(0))
X("wrmsr MTRR_FIX64K of a reserved type", MSR_WRITE, M_LONG, 0, "wrmsr", CX(0x250), AX(2),
  DX(0))
X("rdmsr MTRR_CAP", MSR_READ, M_FEW, 0, "rdmsr", CX(0xfe))
X("wrmsr MTRR_CAP", MSR_WRITE, M_FEW, 0, "wrmsr", CX(0xfe), AX(0), DX(0))
X("rdmsr FEATURE_CONTROL", MSR_READ, M_FEW, 0, "rdmsr", CX(0x3a))
X("wrmsr FEATURE_CONTROL", MSR_WRITE, M_LONG, 0, "wrmsr; rdmsr", CX(0x3a), AX(5), DX(0))
X("rdmsr PLATFORM_INFO", MSR_READ, M_LONG, 0, "rdmsr", CX(0xce))
X("rdmsr VMX_BASIC", MSR_READ, M_LONG, 0, "rdmsr", CX(0x480))
X("rdmsr PLATFORM_ID", MSR_READ, M_LONG, 0, "rdmsr", CX(0x17))
X("rdmsr UCODE_REV", MSR_READ, M_LONG, 0, "rdmsr", CX(0x8b))
X("wrmsr UCODE_REV", MSR_WRITE, M_LONG, 0, "wrmsr; rdmsr", CX(0x8b), AX(1))
X("rdmsr SMI_COUNT", MSR_READ, M_LONG, 0, "rdmsr", CX(0x34))
X("rdmsr ARCH_CAPABILITIES", MSR_READ, M_LONG, 0, "rdmsr", CX(0x10a))
X("rdmsr SPEC_CTRL", MSR_READ, M_LONG, 0, "rdmsr", CX(0x48))
X("wrmsr SPEC_CTRL", MSR_WRITE, M_LONG, 0, "wrmsr", CX(0x48), AX(1), DX(0))
X("wrmsr PRED_CMD", MSR_WRITE, M_LONG, 0, "wrmsr", CX(0x49), AX(1), DX(0))
X("wrmsr FLUSH_CMD", MSR_WRITE, M_LONG, 0, "wrmsr", CX(0x10b), AX(1), DX(0))
X("rdmsr DEBUGCTL", MSR_READ, M_LONG, 0, "rdmsr", CX(0x1d9))
X("wrmsr DEBUGCTL: BTF", MSR_WRITE, M_LONG, V_TF, "wrmsr; rdmsr", CX(0x1d9), AX(2), DX(0))
X("wrmsr DEBUGCTL: LBR", MSR_WRITE, M_LONG, 0, "wrmsr; rdmsr", CX(0x1d9), AX(1), DX(0))
X("wrmsr DEBUGCTL of reserved bits", MSR_WRITE, M_LONG, 0, "wrmsr", CX(0x1d9), AX(0x10000),
  DX(0))
X("rdmsr MCG_CAP", MSR_READ, M_LONG, 0, "rdmsr", CX(0x179))
X("wrmsr MCG_STATUS", MSR_WRITE, M_LONG, 0, "wrmsr; rdmsr", CX(0x17a), AX(1), DX(0))
X("wrmsr MC0_CTL", MSR_WRITE, M_LONG, 0, "wrmsr; rdmsr", CX(0x400), AX(~0U), DX(~0U))
X("wrmsr MC0_STATUS", MSR_WRITE, M_LONG, 0, "wrmsr; rdmsr", CX(0x401), AX(1), DX(0))
X("rdmsr of a performance counter", MSR_READ, M_LONG, 0, "rdmsr", CX(0xc1))
X("wrmsr of a performance event", MSR_WRITE, M_LONG, 0, "wrmsr; rdmsr", CX(0x186), AX(0x5300c0),
  DX(0))
X("rdmsr PERF_GLOBAL_CTRL", MSR_READ, M_LONG, 0, "rdmsr", CX(0x38f))
X("rdmsr XSS", MSR_READ, M_LONG, 0, "rdmsr", CX(0xda0))
X("wrmsr XSS", MSR_WRITE, M_LONG, 0, "wrmsr", CX(0xda0), AX(0x100), DX(0))
X("rdmsr BNDCFGS", MSR_READ, M_LONG, 0, "rdmsr", CX(0xd90))
X("rdmsr MISC_FEATURES_ENABLES", MSR_READ, M_LONG, 0, "rdmsr", CX(0x140))
X("wrmsr MISC_FEATURES_ENABLES: CPUID faulting", MSR_WRITE, M_LONG, 0, "wrmsr; rdmsr",
  CX(0x140), AX(1), DX(0))
X("rdmsr AMD's NB_CFG", MSR_READ, M_LONG, 0, "rdmsr", CX(0xc001001f))
X("rdmsr HWCR", MSR_READ, M_LONG, 0, "rdmsr", CX(0xc0010015))
X("wrmsr HWCR", MSR_WRITE, M_LONG, 0, "wrmsr; rdmsr", CX(0xc0010015), AX(8), DX(0))
X("rdmsr an x2APIC register without a LAPIC", MSR_READ, M_LONG, 0, "rdmsr", CX(0x802))
X("rdmsr POWER_CTL", MSR_READ, M_LONG, 0, "rdmsr", CX(0x1fc))
X("rdmsr RAPL", MSR_READ, M_LONG, 0, "rdmsr", CX(0x606))
X("rdmsr EBL_CR_POWERON", MSR_READ, M_LONG, 0, "rdmsr", CX(0x2a))
X("rdmsr TSC_DEADLINE", MSR_READ, M_LONG, 0, "rdmsr", CX(0x6e0))
X("rdmsr LASTBRANCHFROMIP", MSR_READ, M_LONG, 0, "rdmsr", CX(0x1db))
X("rdmsr of KVM's clock", MSR_READ, M_LONG, 0, "rdmsr", CX(0x4b564d01))
X("rdmsr of Hyper-V", MSR_READ, M_LONG, 0, "rdmsr", CX(0x40000000))

/* --- operands on a device --- */
X("mov r8, m", EPT_VIOLATION, M_ALL, V_ALL, "movb (\\B), %al")
X("mov r16, m", EPT_VIOLATION, M_FEW, V_TF, "movw (\\B), %ax")
X("mov r32, m", EPT_VIOLATION, M_ALL, V_TF | V_MOVSS, "movl (\\B), %eax")
X("mov r64, m", EPT_VIOLATION, M_64, V_TF, "movq (%rbx), %rax")
X("mov m, r8", EPT_VIOLATION, M_ALL, V_ALL, "movb %al, (\\B)")
X("mov m, r16", EPT_VIOLATION, M_FEW, V_TF, "movw %ax, (\\B)")
X("mov m, r32", EPT_VIOLATION, M_ALL, V_TF | V_MOVSS, "movl %eax, (\\B)")
X("mov m, r64", EPT_VIOLATION, M_64, V_TF, "movq %rax, (%rbx)")
X("mov m, imm", EPT_VIOLATION, M_SOME, V_TF, "movl $0x12345678, (\\B)")
X("mov ah, m", EPT_VIOLATION, M_FEW, 0, "movb (\\B), %ah")
X("mov m, r32 unaligned", EPT_VIOLATION, M_SOME, 0, "movl %eax, 3(\\B)")
X("mov m, r32 across the end of the device", EPT_VIOLATION, M_SOME, V_TF, "movl %eax, (\\B)",
  BX_AT(HOLE_END - 2))
X("mov r32, m across the start of the device", EPT_VIOLATION, M_SOME, V_TF, "movl (\\B), %eax",
  BX_AT(HOLE - 2))
X("mov m, r32 to read-only memory", EPT_VIOLATION, M_P32 | M_LONG, V_TF, "movl %eax, (\\B)",
  BX_AT(READ_ONLY + 0x80))
X("or m, r32 of read-only memory", EPT_VIOLATION, M_P32 | M_LONG, V_TF, "orl %eax, (\\B)",
  BX_AT(READ_ONLY + 0x80))
X("mov eax, moffs", EPT_VIOLATION, M_P32 | M_COMPAT, V_TF, "movl 0x1c044, %eax")
X("movabs eax, moffs", EPT_VIOLATION, M_LONG, V_TF, "movabsl 0x1c044, %eax")
X("mov r32, rip-relative", EPT_VIOLATION, M_LONG, V_TF, "movl 0x1c044(%rip), %eax")
X("movzx r32, m8", EPT_VIOLATION, M_FEW, V_TF, "movzbl (\\B), %eax")
X("movzx r32, m16", EPT_VIOLATION, M_FEW, 0, "movzwl (\\B), %eax")
X("movsx r32, m8", EPT_VIOLATION, M_FEW, 0, "movsbl (\\B), %eax")
X("movsx r64, m16", EPT_VIOLATION, M_LONG, 0, "movswq (%rbx), %rax")
X("movsxd", EPT_VIOLATION, M_LONG, V_TF, "movslq (%rbx), %rax")
X("add r32, m", EPT_VIOLATION, M_SOME, V_TF, "addl (\\B), %eax")
X("add m, r32", EPT_VIOLATION, M_SOME, V_TF, "addl %eax, (\\B)")
X("lock add m, r32", EPT_VIOLATION, M_SOME, V_TF, "lock addl %eax, (\\B)")
X("adc m, r8", EPT_VIOLATION, M_FEW, 0, "adcb %al, (\\B)", .rflags = X86_EFLAGS_CF)
X("sub m, imm", EPT_VIOLATION, M_FEW, 0, "subl $0x7f, (\\B)")
X("sbb r16, m", EPT_VIOLATION, M_FEW, 0, "sbbw (\\B), %ax", .rflags = X86_EFLAGS_CF)
X("and m, r32", EPT_VIOLATION, M_FEW, 0, "andl %eax, (\\B)")
X("or m, r32", EPT_VIOLATION, M_FEW, 0, "orl %eax, (\\B)")
X("xor m, r16", EPT_VIOLATION, M_FEW, 0, "xorw %ax, (\\B)")
X("cmp m, r32", EPT_VIOLATION, M_SOME, V_TF, "cmpl %eax, (\\B)")
X("cmp r8, m", EPT_VIOLATION, M_FEW, 0, "cmpb (\\B), %al")
X("test m, imm", EPT_VIOLATION, M_FEW, V_TF, "testl $0x80, (\\B)")
X("test m, r8", EPT_VIOLATION, M_FEW, 0, "testb %al, (\\B)")
X("not m", EPT_VIOLATION, M_FEW, V_TF, "notl (\\B)")
X("neg m", EPT_VIOLATION, M_FEW, 0, "negw (\\B)")
X("inc m", EPT_VIOLATION, M_FEW, 0, "incl (\\B)")
X("lock dec m", EPT_VIOLATION, M_FEW, 0, "lock decb (\\B)")
X("xchg m, r32", EPT_VIOLATION, M_SOME, V_TF, "xchgl %eax, (\\B)")
X("xadd m, r32", EPT_VIOLATION, M_FEW, V_TF, "lock xaddl %eax, (\\B)")
X("cmpxchg m, r32, equal", EPT_VIOLATION, M_FEW, V_TF, "lock cmpxchgl %ecx, (\\B)",
  AX(0xc3c2c1c0))
X("cmpxchg m, r32, not equal", EPT_VIOLATION, M_FEW, V_TF, "lock cmpxchgl %ecx, (\\B)", AX(1))
X("cmpxchg8b", EPT_VIOLATION, M_FEW, V_TF, "lock cmpxchg8b (\\S)", SI_AT(HOLE + 0x40),
  AX(0xc3c2c1c0), DX(0xc7c6c5c4))
X("cmpxchg16b", EPT_VIOLATION, M_LONG, 0, "lock cmpxchg16b (%rsi)", SI_AT(HOLE + 0x40))
X("bt m, imm", EPT_VIOLATION, M_FEW, V_TF, "btl $3, (\\B)")
X("bt m, r32", EPT_VIOLATION, M_FEW, 0, "btl %ecx, (\\B)", CX(37))
X("lock bts m, r32", EPT_VIOLATION, M_FEW, 0, "lock btsl %ecx, (\\B)")
X("btr m, imm", EPT_VIOLATION, M_FEW, 0, "btrl $6, (\\B)")
X("btc m, r16, negative", EPT_VIOLATION, M_FEW, 0, "btcw %cx, (\\B)", CX(0xffff))
X("shl m, 1", EPT_VIOLATION, M_FEW, V_TF, "shll (\\B)")
X("sar m, cl", EPT_VIOLATION, M_FEW, 0, "sarl %cl, (\\B)")
X("rol m, imm", EPT_VIOLATION, M_FEW, 0, "rolb $3, (\\B)")
X("rcr m, cl", EPT_VIOLATION, M_FEW, 0, "rcrw %cl, (\\B)", .rflags = X86_EFLAGS_CF)
X("shld m, r32, cl", EPT_VIOLATION, M_FEW, 0, "shldl %cl, %eax, (\\B)")
X("mul m", EPT_VIOLATION, M_FEW, 0, "mull (\\B)")
X("imul r32, m", EPT_VIOLATION, M_FEW, 0, "imull (\\B), %eax")
X("div m", EPT_VIOLATION, M_FEW, 0, "divl (\\B)", DX(0))
X("div m: #DE", EPT_VIOLATION, M_FEW, V_TF, "divb (\\B)", AX(0xffff))
X("push m", EPT_VIOLATION, M_SOME, V_TF, "pushw (\\B)")
X("pop m", EPT_VIOLATION, M_SOME, V_TF, "popw (\\B)")
X("push to the device", EPT_VIOLATION, M_P16 | M_P32 | M_LONG, V_TF, "push \\A",
  SP_AT(HOLE + 0x80))
X("pop from the device", EPT_VIOLATION, M_P16 | M_P32 | M_LONG, V_TF, "pop \\A",
  SP_AT(HOLE + 0x80))
X("call with a stack on the device", EPT_VIOLATION, M_P32 | M_LONG, 0, "call 1f; 1:",
  SP_AT(HOLE + 0x80))
X("ret with a stack on the device", EPT_VIOLATION, M_P32 | M_LONG, 0, "ret", SP_AT(HOLE + 0x80))
X("jmp through the device", EPT_VIOLATION, M_P32 | M_LONG, 0, "jmp *(\\B)")
X("call through the device", EPT_VIOLATION, M_P32 | M_LONG, 0, "call *(\\B)")
X("jmp to the device", EPT_VIOLATION, M_SOME, V_TF, "jmp *\\B")
X("lea does not touch it", EPT_VIOLATION, M_LONG, 0, "lea (%rbx), %rax")
X("stosb", EPT_VIOLATION, M_SOME, V_ALL, "stosb", DI_AT(HOLE + 0x20))
X("rep stosl", EPT_VIOLATION, M_SOME, V_ALL, "rep stosl", DI_AT(HOLE + 0x20))
X("rep stosq", EPT_VIOLATION, M_LONG, V_TF, "rep stosq", DI_AT(HOLE + 0x20))
X("rep stosb into the device", EPT_VIOLATION, M_SOME, V_TF, "rep stosb", DI_AT(HOLE - 2), CX(5))
X("rep stosb out of the device", EPT_VIOLATION, M_SOME, V_TF, "rep stosb", DI_AT(HOLE_END - 2),
  CX(5))
X("rep stosw downwards", EPT_VIOLATION, M_FEW, V_TF, "rep stosw", DI_AT(HOLE + 0x20),
  .rflags = X86_EFLAGS_DF)
X("lodsb", EPT_VIOLATION, M_SOME, V_TF, "lodsb", SI_AT(HOLE + 0x20))
X("rep lodsl", EPT_VIOLATION, M_FEW, V_TF, "rep lodsl", SI_AT(HOLE + 0x20))
X("movsb to the device", EPT_VIOLATION, M_SOME, V_TF, "movsb", DI_AT(HOLE + 0x20))
X("rep movsl to the device", EPT_VIOLATION, M_SOME, V_ALL, "rep movsl", DI_AT(HOLE + 0x20))
X("rep movsl from the device", EPT_VIOLATION, M_SOME, V_ALL, "rep movsl", SI_AT(HOLE + 0x20))
X("rep movsb within the device", EPT_VIOLATION, M_FEW, V_TF, "rep movsb", SI_AT(HOLE + 0x20),
  DI_AT(HOLE + 0x40))
X("rep movsb of nothing", EPT_VIOLATION, M_FEW, 0, "rep movsb", SI_AT(HOLE + 0x20), CX(0))
X("rep movsw to a page that is not there", EPT_VIOLATION, M_PAGED | M_LONG, V_TF, "rep movsw",
  SI_AT(HOLE + 0x20), DI_AT(0x12ffc), CX(6), .absent = 0x13000)
X("cmpsb", EPT_VIOLATION, M_FEW, V_TF, "cmpsb", SI_AT(HOLE + 0x20))
X("repe cmpsb", EPT_VIOLATION, M_FEW, V_TF, "repe cmpsb", SI_AT(HOLE + 0x20),
  DI_AT(HOLE + 0x20))
X("repne scasb", EPT_VIOLATION, M_FEW, V_TF, "repne scasb", DI_AT(HOLE + 0x20), AX(0xa1), CX(9))
X("scasl", EPT_VIOLATION, M_FEW, 0, "scasl", DI_AT(HOLE + 0x20))
X("movnti", EPT_VIOLATION, M_FEW, V_TF, "movnti %eax, (\\B)")
X("movaps m, xmm", EPT_VIOLATION, M_FEW, V_TF, "movaps %xmm1, (\\B)")
X("movaps xmm, m", EPT_VIOLATION, M_FEW, V_TF, "movaps (\\B), %xmm1")
X("movaps xmm, m unaligned", EPT_VIOLATION, M_FEW, 0, "movaps 4(\\B), %xmm1")
X("movups m, xmm", EPT_VIOLATION, M_FEW, 0, "movups %xmm1, 4(\\B)")
X("movdqu xmm, m", EPT_VIOLATION, M_FEW, 0, "movdqu 4(\\B), %xmm1")
X("movdqa m, xmm", EPT_VIOLATION, M_FEW, 0, "movdqa %xmm1, (\\B)")
X("movq m, xmm", EPT_VIOLATION, M_FEW, 0, "movq %xmm1, (\\B)")
X("movd m, xmm", EPT_VIOLATION, M_FEW, 0, "movd %xmm1, (\\B)")
X("movntdq", EPT_VIOLATION, M_FEW, 0, "movntdq %xmm1, (\\B)")
X("movaps with CR0.TS", EPT_VIOLATION, M_FEW, 0, "movaps %xmm1, (\\B)", .cr0 = X86_CR0_TS)
X("movaps with CR0.EM", EPT_VIOLATION, M_FEW, 0, "movaps %xmm1, (\\B)", .cr0 = X86_CR0_EM)
X("vmovups xmm, m", EPT_VIOLATION, M_LONG | M_P32, 0, "vmovups (\\B), %xmm1")
X("fld m32", EPT_VIOLATION, M_FEW, 0, "flds (\\B)")
X("fstp m64", EPT_VIOLATION, M_FEW, 0, "fldz; fstpl (\\B)")
X("fnstcw", EPT_VIOLATION, M_FEW, 0, "fnstcw (\\B)")
X("fxsave", EPT_VIOLATION, M_LONG, 0, "fxsave (\\B)")
X("movbe r32, m", EPT_VIOLATION, M_FEW, V_TF, "movbe (\\B), %eax")
X("movbe m, r16", EPT_VIOLATION, M_FEW, 0, "movbe %ax, (\\B)")
X("bsf r32, m", EPT_VIOLATION, M_FEW, 0, "bsfl (\\B), %eax")
X("bsr r16, m", EPT_VIOLATION, M_FEW, 0, "bsrw (\\B), %ax")
X("cmov taken", EPT_VIOLATION, M_FEW, 0, "cmovcl (\\B), %eax", .rflags = X86_EFLAGS_CF)
X("cmov not taken", EPT_VIOLATION, M_FEW, 0, "cmovcl (\\B), %eax")
X("setc", EPT_VIOLATION, M_FEW, 0, "setc (\\B)", .rflags = X86_EFLAGS_CF)
X("xlat", EPT_VIOLATION, M_FEW, 0, "xlat")
X("lds", EPT_VIOLATION, M_P32, 0, "lds (%ebx), %eax")
X("mov ds, m", EPT_VIOLATION, M_FEW, 0, "movw (\\B), %ds")
X("mov m, ds", EPT_VIOLATION, M_FEW, V_TF, "movw %ds, (\\B)")
X("lgdt from the device", EPT_VIOLATION, M_FEW, 0, "lgdt (\\B)")
X("sgdt to the device", EPT_VIOLATION, M_FEW, 0, "sgdt (\\B)", .hangs = true)
X("smsw to the device", EPT_VIOLATION, M_FEW, 0, "smsw (\\B)")
X("str to the device", EPT_VIOLATION, M_P32 | M_LONG, 0, "str (\\B)")
X("ltr from the device", EPT_VIOLATION, M_P32 | M_LONG, 0, "ltr (\\B)")
X("prefetch of the device", EPT_VIOLATION, M_FEW, 0, "prefetcht0 (\\B)")
X("clflush of the device", EPT_VIOLATION, M_FEW, V_TF, "clflush (\\B)")
X("invlpg of the device", INVLPG, M_FEW, 0, "invlpg (\\B)")
X("bound on the device", EPT_VIOLATION, M_P32, 0, "bound %eax, (%ebx)")
X("arpl on the device", EPT_VIOLATION, M_P32, 0, "arpl %ax, (%ebx)")
X("popcnt r32, m", EPT_VIOLATION, M_FEW, 0, "popcntl (\\B), %eax")
X("lzcnt r32, m", EPT_VIOLATION, M_LONG, 0, "lzcntl (\\B), %eax")
X("andn r32, m", EPT_VIOLATION, M_LONG, 0, "andnl (%rbx), %ecx, %eax")
X("enter with a stack on the device", EPT_VIOLATION, M_P32 | M_LONG, 0, "enter $8, $0",
  SP_AT(HOLE + 0x80))
X("leave with a stack on the device", EPT_VIOLATION, M_P32, 0, "mov %ebx, %ebp; leave")
X("pusha to the device", EPT_VIOLATION, M_P32, 0, "pusha", SP_AT(HOLE + 0x80))
X("popa from the device", EPT_VIOLATION, M_P32, 0, "popa", SP_AT(HOLE + 0x80))
X("pushf to the device", EPT_VIOLATION, M_P32 | M_LONG, 0, "pushf", SP_AT(HOLE + 0x80))
X("popf from the device", EPT_VIOLATION, M_P32 | M_LONG, 0, "popf", SP_AT(HOLE + 0x80))
X("iret from the device", EPT_VIOLATION, M_P32, 0, "iret", SP_AT(HOLE + 0x80))
X("mov r32, m of a user whose page is the supervisor's", EPT_VIOLATION, M_LONGU, 0,
  "movl (%rbx), %eax", .supervisor = HOLE)
X("mov m, r32 beyond the segment", EPT_VIOLATION, M_P16 | M_P32 | M_COMPAT, 0,
  "movl %eax, (\\B)", .ds_limit = 0xff)
X("mov r32, m, alignment checked", EPT_VIOLATION, M_P32U | M_LONGU, 0, "movl 1(\\B), %eax",
  .cr0 = X86_CR0_AM, .rflags = X86_EFLAGS_AC)

/* --- events --- */
X("ud2", EXCEPTION_NMI, M_ALL, V_TF | V_FRESH | V_MOVSS, "ud2")
X("int3", EXCEPTION_NMI, M_ALL, V_ALL, "int3")
X("int1", EXCEPTION_NMI, M_ALL, V_ALL, ".byte 0xf1")
X("int 0x21", EXCEPTION_NMI, M_ALL, V_TF | V_FRESH, "int $0x21")
X("into", EXCEPTION_NMI, M_P16 | M_P32 | M_COMPAT | M_P32U, V_TF, "into",
  .rflags = X86_EFLAGS_OF)
X("nop", EXCEPTION_NMI, M_ALL, V_ALL, "nop")
X("div by zero", EXCEPTION_NMI, M_ALL, V_TF | V_FRESH, "div %cl", CX(0))
X("#GP by a privileged instruction", EXCEPTION_NMI, M_USER, V_TF | V_FRESH, "cli")
X("#NP", EXCEPTION_NMI, M_PROT, V_FRESH, "mov %ax, %ds", AX(SEL_NOT_THERE))
X("#NP of SS", EXCEPTION_NMI, M_P32 | M_COMPAT, 0, "mov %ax, %ss", AX(SEL_NOT_THERE))
X("#SS", EXCEPTION_NMI, M_P16 | M_P32 | M_COMPAT, V_FRESH, "mov %bp, %sp; movl -1(%ebp), %eax",
  .ss_limit = 0x1f)
X("#PF: not there", EXCEPTION_NMI, M_PAGED | M_PAE | M_COMPAT | M_LONG | M_COMPATU | M_LONGU,
  V_TF | V_FRESH, "movl (\\S), %eax", SI_AT(0x13010), .absent = 0x13000)
X("#PF: write", EXCEPTION_NMI, M_PAGED | M_PAE | M_LONG | M_LONGU, 0, "movl %eax, (\\S)",
  SI_AT(0x13010), .absent = 0x13000)
X("#PF: the supervisor's", EXCEPTION_NMI, M_COMPATU | M_LONGU, 0, "movl (\\S), %eax",
  SI_AT(0x13010), .supervisor = 0x13000)
X("#PF: fetch", EXCEPTION_NMI, M_PAGED | M_LONG | M_LONGU, V_TF, "jmp *\\S", SI_AT(0x13010),
  .absent = 0x13000)
X("#AC", EXCEPTION_NMI, M_P32U | M_COMPATU | M_LONGU, V_TF | V_FRESH, "movl 1(\\S), %eax",
  .cr0 = X86_CR0_AM, .rflags = X86_EFLAGS_AC)
X("#NM", EXCEPTION_NMI, M_ALL, 0, "fninit", .cr0 = X86_CR0_TS)
X("data breakpoint, write", EXCEPTION_NMI, M_ALL, V_TF | V_STI, "movl %eax, (\\S)",
  .dr7 = 0xd0402, DR0(DATA_AT + 0x10))
X("data breakpoint, access, of a string", EXCEPTION_NMI, M_FEW, V_TF, "rep movsb",
  .dr7 = 0xf0402, DR0(DATA_AT + 0x10))
X("data breakpoint behind MOV SS", EXCEPTION_NMI, M_FEW, 0,
  "movw (\\S), %ax; mov %ss, %ax; mov %ax, %ss; nop", .dr7 = 0x70402, DR0(DATA_AT + 0x10))
X("data breakpoint on the device", EPT_VIOLATION, M_FEW, V_TF, "movl %eax, (\\B)",
  .dr7 = 0xd0402, DR0(HOLE + 0x40))
X("data breakpoint of string I/O", IO_INSTRUCTION, M_FEW, V_TF, "insb", .dr7 = 0x10402,
  DR0(DATA_AT + 0x100))
X("I/O breakpoint", IO_INSTRUCTION, M_FEW, V_TF, "inb $0x77, %al", .dr7 = 0x20402,
  .cr4 = X86_CR4_DE, DR0(0x77))
X("popf sets TF", EXCEPTION_NMI, M_ALL, V_FRESH, "pushf; orw $0x100, (\\P); popf; nop; nop",
  .rflags = X86_EFLAGS_IOPL)
X("iret", EXCEPTION_NMI, M_P32 | M_LONG, V_TF, "ud2", .rflags = X86_EFLAGS_RF)
X("double fault", EXCEPTION_NMI, M_P32 | M_LONG, V_FRESH, "mov %ax, %ds", AX(SEL_NOT_THERE),
  .prepare = gate_absent)
X("triple fault", TRIPLE_FAULT, M_ALL, V_TF, "ud2", .prepare = no_idt)
X("an IDT on the device", EPT_VIOLATION, M_FEW, 0, "ud2", .prepare = idt_on_device)
X("an IDT on the device, software interrupt", EPT_VIOLATION, M_FEW, 0, "int $0x21",
  .prepare = idt_on_device)
X("a stack on the device", EPT_VIOLATION, M_P16 | M_P32 | M_LONG, 0, "ud2", SP_AT(HOLE + 0x80))
X("a stack in read-only memory", EPT_VIOLATION, M_P32 | M_LONG, 0, "ud2",
  SP_AT(READ_ONLY + 0x80))
X("a stack that is not there", EXCEPTION_NMI, M_PAGED | M_LONG, 0, "ud2", SP_AT(0x13f00),
  .absent = 0x13000)
X("a user's stack that is not there", EXCEPTION_NMI, M_LONGU, V_FRESH, "ud2", .absent = 0x14000)
X("a GDT on the device", EPT_VIOLATION, M_P32 | M_LONG, 0, "mov %ax, %ds", AX(0x10),
  .prepare = gdt_on_device, .hangs = true)
X("an interrupt while IF is clear", INTERRUPT_WINDOW, M_ALL, V_TF, "nop; sti; nop; nop",
  .rflags = X86_EFLAGS_IOPL, .interrupt = true)
X("an interrupt while IF is set", INTERRUPT_WINDOW, M_ALL, V_TF | V_FRESH, "nop; nop",
  .rflags = X86_EFLAGS_IF, .interrupt = true)
X("an interrupt after hlt", INTERRUPT_WINDOW, M_FEW, 0, "sti; hlt; nop", .interrupt = true)
X("two NMIs", NMI_WINDOW, M_KERNEL | M_LONGU, V_TF | V_FRESH, "nop; nop; nop",
  .prepare = two_nmis)
X("an NMI while NMIs are masked", NMI_WINDOW, M_P32 | M_LONG, V_TF, "nop; ud2",
  .prepare = masked_nmi)
X("an NMI in the shadow", NMI_WINDOW, M_KERNEL, V_SHADOWS, "cpuid; nop", .prepare = one_nmi)
X("an exception that was injected", EXCEPTION_NMI, M_PROT, V_FRESH | V_TF, "nop",
  .prepare = injected_gp)
X("an interrupt that was injected", EXCEPTION_NMI, M_ALL, V_FRESH, "nop",
  .rflags = X86_EFLAGS_IF, .prepare = injected_interrupt)
X("an injected exception without a stack", EXCEPTION_NMI, M_LONG | M_PAGED, 0, "nop",
  SP_AT(0x13f00), .absent = 0x13000, .prepare = injected_gp)
X("a software breakpoint of the debugger", EXCEPTION_NMI, M_ALL, V_TF, "int3",
  .debug = KVM_GUESTDBG_USE_SW_BP)
X("a step of the debugger", EXCEPTION_NMI, M_ALL, V_TF | V_MOVSS, "cpuid; nop", AX(0),
  .debug = KVM_GUESTDBG_SINGLESTEP)
X("a step of the debugger over the device", EPT_VIOLATION, M_FEW, 0, "movl %eax, (\\B)",
  .debug = KVM_GUESTDBG_SINGLESTEP)
X("a step of the debugger over I/O", IO_INSTRUCTION, M_FEW, 0, "inb $0x77, %al; rep outsb",
  .debug = KVM_GUESTDBG_SINGLESTEP)
X("a hardware breakpoint of the debugger", EXCEPTION_NMI, M_FEW, V_TF, "nop; nop",
  .debug = KVM_GUESTDBG_USE_HW_BP)
X("a task switch by jmp", TASK_SWITCH, M_P32 | M_PAGED, V_TF, "ljmp $0x48, $0")
X("a task switch by call", TASK_SWITCH, M_P32 | M_PAGED | M_P32U, V_TF, "lcall $0x48, $0")
X("a task switch through a task gate", TASK_SWITCH, M_P32 | M_PAGED, V_TF, "ljmp $0x50, $0")
X("a task switch by int", TASK_SWITCH, M_P32 | M_PAGED | M_P32U, V_TF, "int $0x30")
X("a task switch by iret", TASK_SWITCH, M_P32, 0, "iret", .rflags = X86_EFLAGS_NT)
X("a task switch to a 16-bit TSS", TASK_SWITCH, M_P32, 0, "ljmp $0x80, $0")
X("a task switch to itself", TASK_SWITCH, M_P32, 0, "ljmp $0x40, $0")
X("a task switch in long mode", EXCEPTION_NMI, M_COMPAT, 0, "ljmp $0x68, $0")

/* --- interrupt controllers in the kernel --- */
X("xAPIC read of each register", EPT_VIOLATION, M_P32, 0,
  "movl 0x20(\\B), %eax; movl 0x30(\\B), %ecx; movl 0xf0(\\B), %edx;"
  "movl 0xe0(\\B), %esi; movl 0x350(\\B), %edi",
  BX(LAPIC_PAGE), .irqchip = true)
X("xAPIC TPR", EPT_VIOLATION, M_P32 | M_LONG | M_LONGU, V_TF | V_MOVSS,
  "movl %eax, 0x80(\\B); movl 0xa0(\\B), %ecx", AX(0x50), BX(LAPIC_PAGE), .irqchip = true)
X("xAPIC byte access", EPT_VIOLATION, M_P32, 0, "movb 0x30(\\B), %al; movb %al, 0x80(\\B)",
  BX(LAPIC_PAGE), .irqchip = true)
X("xAPIC unaligned access", EPT_VIOLATION, M_P32, 0, "movl 0x22(\\B), %eax", BX(LAPIC_PAGE),
  .irqchip = true)
X("xAPIC rmw", EPT_VIOLATION, M_P32, V_TF, "orl $0x100, 0xf0(\\B); movl 0xf0(\\B), %eax",
  BX(LAPIC_PAGE), .irqchip = true)
X("xAPIC self-IPI", EPT_VIOLATION, M_P32 | M_LONG, V_TF | V_SHADOWS,
  "movl $0x1ff, 0xf0(\\B); movl $0x40031, 0x300(\\B); nop; nop; movl 0x300(\\B), %eax",
  BX(LAPIC_PAGE), .rflags = X86_EFLAGS_IF, .irqchip = true)
X("xAPIC NMI to itself", EPT_VIOLATION, M_P32 | M_LONG, V_TF,
  "movl $0x1ff, 0xf0(\\B); movl $0x4402, 0x300(\\B); nop; nop", BX(LAPIC_PAGE), .irqchip = true)
X("xAPIC EOI", EPT_VIOLATION, M_P32, V_TF, "movl %eax, 0xb0(\\B)", BX(LAPIC_PAGE),
  .irqchip = true)
X("xAPIC with 8 bytes", EPT_VIOLATION, M_LONG, 0, "movq 0x20(%rbx), %rax", BX(LAPIC_PAGE),
  .irqchip = true)
X("x2APIC id", MSR_READ, M_P32 | M_LONG, V_TF, "rdmsr", CX(0x802), .irqchip = true,
  .x2apic = true)
X("x2APIC TPR", MSR_WRITE, M_P32 | M_LONG, V_TF, "wrmsr; rdmsr", CX(0x808), AX(0x50), DX(0),
  .irqchip = true, .x2apic = true)
X("x2APIC TPR, reserved bits", MSR_WRITE, M_P32 | M_LONG, 0, "wrmsr", CX(0x808), AX(0x150),
  DX(0), .irqchip = true, .x2apic = true)
X("x2APIC version, written", MSR_WRITE, M_P32 | M_LONG, 0, "wrmsr", CX(0x803), AX(0), DX(0),
  .irqchip = true, .x2apic = true)
X("x2APIC EOI", MSR_WRITE, M_P32 | M_LONG, V_TF, "wrmsr", CX(0x80b), AX(0), DX(0),
  .irqchip = true, .x2apic = true)
X("x2APIC EOI of 1", MSR_WRITE, M_P32 | M_LONG, 0, "wrmsr", CX(0x80b), AX(1), DX(0),
  .irqchip = true, .x2apic = true)
X("x2APIC EOI, read", MSR_READ, M_P32 | M_LONG, 0, "rdmsr", CX(0x80b), .irqchip = true,
  .x2apic = true)
X("x2APIC ICR to itself", MSR_WRITE, M_P32 | M_LONG, V_TF | V_SHADOWS, "wrmsr; nop; nop; rdmsr",
  CX(0x830), AX(0x40031), DX(0), .rflags = X86_EFLAGS_IF, .irqchip = true, .x2apic = true)
X("x2APIC SELF_IPI", MSR_WRITE, M_P32 | M_LONG, V_TF, "wrmsr; nop; nop", CX(0x83f), AX(0x31),
  DX(0), .rflags = X86_EFLAGS_IF, .irqchip = true, .x2apic = true)
X("x2APIC DFR is not there", MSR_READ, M_P32 | M_LONG, 0, "rdmsr", CX(0x80e), .irqchip = true,
  .x2apic = true)
X("an x2APIC register in xAPIC mode", MSR_READ, M_P32 | M_LONG, 0, "rdmsr", CX(0x802),
  .irqchip = true)
X("the xAPIC page in x2APIC mode", EPT_VIOLATION, M_P32, 0, "movl 0x20(\\B), %eax",
  BX(LAPIC_PAGE), .irqchip = true, .x2apic = true)
X("TSC_DEADLINE", MSR_READ, M_P32 | M_LONG, V_TF, "rdmsr", CX(0x6e0), .irqchip = true)
X("APIC_BASE: x2APIC on", MSR_WRITE, M_P32, V_TF, "wrmsr; rdmsr", CX(0x1b), AX(0xfee00d00),
  DX(0), .irqchip = true)
X("APIC_BASE: x2APIC to xAPIC", MSR_WRITE, M_P32, 0, "wrmsr; rdmsr", CX(0x1b), AX(0xfee00900),
  DX(0), .irqchip = true, .x2apic = true)
X("APIC_BASE: off", MSR_WRITE, M_P32, 0, "wrmsr; rdmsr", CX(0x1b), AX(0xfee00100), DX(0),
  .irqchip = true)
X("APIC_BASE: x2APIC without the enable bit", MSR_WRITE, M_P32, 0, "wrmsr", CX(0x1b),
  AX(0xfee00500), DX(0), .irqchip = true)
X("PIC mask", IO_INSTRUCTION, M_FEW, V_TF, "outb %al, $0x21; inb $0x21, %al", AX(0x5a),
  .irqchip = true)
X("PIC, two bytes", IO_INSTRUCTION, M_FEW, 0, "inw $0x20, %ax", .irqchip = true)
X("PIC, string", IO_INSTRUCTION, M_FEW, V_TF, "insb", DX(0x21), .irqchip = true)
X("IOAPIC version", EPT_VIOLATION, M_P32, V_TF, "movl $1, (\\B); movl 0x10(\\B), %eax",
  BX(IOAPIC), .irqchip = true)
