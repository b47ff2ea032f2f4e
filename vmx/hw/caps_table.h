/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one capability table: every architected bit of the VMX capability registers, whether
 * kvmlet needs it, and in words what it gives and what its absence costs. Set-up, error text,
 * `kvmlet caps` and the tests' skips all come from here. Nothing is required that is not used.
 * SDM vol. 3: 25.6-25.8 (the controls), appendix A (where each is reported).
 *
 * Include it with CAPS_ROW(id, word, where, need, name, gives, costs) defined, any number of
 * times. where: CAPS_B(bit), CAPS_CLEAR(bit), CAPS_F(lowest bit, width), CAPS_F_IS(.., value).
 * In the order of judgement: the first required row that is missing is the one that is named.
 */

CAPS_ROW(VMX, CPUID, CAPS_B(5), REQUIRED, "VMX",
	 "this processor has VT-x", "no virtual machine can run")
CAPS_ROW(LOCKED, FEATURE, CAPS_B(0), FIRMWARE, "lock bit",
	 "firmware has decided; clear: the driver may enable VT-x itself", "")
CAPS_ROW(VMX_IN_SMX, FEATURE, CAPS_B(1), UNUSED, "VMX inside SMX operation",
	 "VT-x after a measured launch", "")
CAPS_ROW(VMX_OUTSIDE_SMX, FEATURE, CAPS_B(2), FIRMWARE, "VMX outside SMX operation",
	 "VT-x may be switched on (see the lock bit)", "")

CAPS_ROW(REVISION, BASIC, CAPS_F(0, 31), UNUSED, "VMCS revision identifier",
	 "first word of every VMCS", "")
CAPS_ROW(VMCS_SIZE, BASIC, CAPS_F(32, 13), UNUSED, "VMCS region size",
	 "bytes of a VMCS", "")
CAPS_ROW(ANY_ADDRESS, BASIC, CAPS_CLEAR(48), REQUIRED, "VMX structures at any physical address",
	 "VMCS and bitmaps lie in any page of memory", "only the first 4 GiB could be used")
CAPS_ROW(DUAL_MONITOR, BASIC, CAPS_B(49), UNUSED, "dual-monitor treatment of SMIs and SMM",
	 "a second monitor for system management mode", "")
CAPS_ROW(VMCS_WB, BASIC, CAPS_F_IS(50, 4, 6), REQUIRED, "write-back memory for the VMCS",
	 "a VMCS lies in ordinary memory", "a VMCS would need uncached memory")
CAPS_ROW(INOUT_INFO, BASIC, CAPS_B(54), OPTIONAL, "INS/OUTS information at VM exits",
	 "segment and address size of a string I/O come with the exit",
	 "the instruction is fetched and decoded at each string I/O")
CAPS_ROW(TRUE_CTLS, BASIC, CAPS_B(55), OPTIONAL, "TRUE capability MSRs",
	 "CR3 accesses and debug-control switches can be left to the guest",
	 "each move to or from CR3 exits")
CAPS_ROW(HW_EXC_NO_ERROR, BASIC, CAPS_B(56), UNUSED, "exceptions with or without error code",
	 "injection does not check the vector's error code", "")
CAPS_ROW(NESTED_EXC, BASIC, CAPS_B(58), UNUSED, "nested-exception information",
	 "an event can be marked as nested (FRED)", "")

CAPS_ROW(TIMER_RATE, MISC, CAPS_F(0, 5), UNUSED, "preemption timer rate",
	 "the timer counts once in 2^rate TSC ticks", "")
CAPS_ROW(SAVE_LMA, MISC, CAPS_B(5), UNUSED, "EFER.LMA stored into \"IA-32e mode guest\"",
	 "the entry control follows the guest's mode", "")
CAPS_ROW(ACTIVITY_HLT, MISC, CAPS_B(6), UNUSED, "activity state HLT",
	 "a halted guest can be entered", "")
CAPS_ROW(ACTIVITY_SHUTDOWN, MISC, CAPS_B(7), UNUSED, "activity state shutdown",
	 "a guest in shutdown can be entered", "")
CAPS_ROW(ACTIVITY_SIPI, MISC, CAPS_B(8), UNUSED, "activity state wait-for-SIPI",
	 "a processor waiting for its start can be entered", "")
CAPS_ROW(PT_IN_VMX, MISC, CAPS_B(14), UNUSED, "Intel PT in VMX operation",
	 "processor trace goes on while guests run", "")
CAPS_ROW(SMBASE_MSR, MISC, CAPS_B(15), UNUSED, "RDMSR of IA32_SMBASE in SMM",
	 "SMM can read its own base", "")
CAPS_ROW(CR3_TARGETS, MISC, CAPS_F(16, 9), UNUSED, "CR3-target values",
	 "number of CR3 values that load without an exit", "")
CAPS_ROW(MSR_LIST, MISC, CAPS_F(25, 3), UNUSED, "MSR list size code N",
	 "512 * (N + 1) entries in an MSR load or store area", "")
CAPS_ROW(SMM_MONITOR_BIT2, MISC, CAPS_B(28), UNUSED, "IA32_SMM_MONITOR_CTL bit 2",
	 "VMXOFF can leave SMIs unblocked", "")
CAPS_ROW(VMWRITE_ANY, MISC, CAPS_B(29), UNUSED, "VMWRITE to any field",
	 "exit-information fields are writable", "")
CAPS_ROW(ZERO_LEN_INJECT, MISC, CAPS_B(30), UNUSED, "injection with instruction length 0",
	 "a soft event can be injected at the current RIP", "")
CAPS_ROW(MSEG_REVISION, MISC, CAPS_F(32, 32), UNUSED, "MSEG revision identifier",
	 "version of the SMM monitor's header", "")

CAPS_ROW(EXTINT_EXITING, PIN, CAPS_B(0), REQUIRED, "external-interrupt exiting",
	 "the host takes its interrupts while a guest runs", "the guest would take them")
CAPS_ROW(NMI_EXITING, PIN, CAPS_B(3), REQUIRED, "NMI exiting",
	 "the host takes its NMIs while a guest runs", "the guest would take them")
CAPS_ROW(VIRTUAL_NMIS, PIN, CAPS_B(5), REQUIRED, "virtual NMIs",
	 "NMI blocking is the guest's own", "no NMI can be given to a guest safely")
CAPS_ROW(PREEMPTION_TIMER, PIN, CAPS_B(6), OPTIONAL_SWITCHED, "activate VMX-preemption timer",
	 "a guest's time slice and timer end without a host interrupt",
	 "each guest timer costs a host timer")
CAPS_ROW(POSTED_INTR, PIN, CAPS_B(7), OPTIONAL_SWITCHED, "process posted interrupts",
	 "interrupts reach a running guest without an exit",
	 "each interrupt of a running guest costs an exit")

CAPS_ROW(INTR_WINDOW, PROC, CAPS_B(2), REQUIRED_SWITCHED, "interrupt-window exiting",
	 "tells when the guest can take an interrupt", "interrupts would be delivered late or lost")
CAPS_ROW(TSC_OFFSETTING, PROC, CAPS_B(3), REQUIRED, "use TSC offsetting",
	 "each guest has a time-stamp counter of its own",
	 "the guest would read the host's counter")
CAPS_ROW(HLT_EXITING, PROC, CAPS_B(7), REQUIRED, "HLT exiting",
	 "an idle guest gives its processor back", "an idle guest would hold a processor")
CAPS_ROW(INVLPG_EXITING, PROC, CAPS_B(9), UNUSED, "INVLPG exiting",
	 "INVLPG can be watched (EPT makes that needless)", "")
CAPS_ROW(MWAIT_EXITING, PROC, CAPS_B(10), REQUIRED, "MWAIT exiting",
	 "a guest cannot put the processor to sleep", "a guest could put the processor to sleep")
CAPS_ROW(RDPMC_EXITING, PROC, CAPS_B(11), REQUIRED, "RDPMC exiting",
	 "performance counters stay the host's", "a guest could read the host's counters")
CAPS_ROW(RDTSC_EXITING, PROC, CAPS_B(12), UNUSED, "RDTSC exiting",
	 "RDTSC can be watched", "")
CAPS_ROW(CR3_LOAD_EXITING, PROC, CAPS_B(15), OPTIONAL_SWITCHED, "CR3-load exiting",
	 "CR3 is emulated while paging is off without unrestricted guest",
	 "without unrestricted guest, no guest with paging off")
CAPS_ROW(CR3_STORE_EXITING, PROC, CAPS_B(16), OPTIONAL_SWITCHED, "CR3-store exiting",
	 "CR3 is emulated while paging is off without unrestricted guest",
	 "without unrestricted guest, no guest with paging off")
CAPS_ROW(TERTIARY_CTLS, PROC, CAPS_B(17), UNUSED, "activate tertiary controls",
	 "the tertiary controls exist", "")
CAPS_ROW(CR8_LOAD_EXITING, PROC, CAPS_B(19), REQUIRED_SWITCHED, "CR8-load exiting",
	 "the task priority is emulated where no TPR shadow serves",
	 "a guest could mask the host's interrupts")
CAPS_ROW(CR8_STORE_EXITING, PROC, CAPS_B(20), REQUIRED_SWITCHED, "CR8-store exiting",
	 "the task priority is emulated where no TPR shadow serves",
	 "a guest would read the host's task priority")
CAPS_ROW(TPR_SHADOW, PROC, CAPS_B(21), OPTIONAL, "use TPR shadow",
	 "a guest changes its task priority without an exit", "each access to CR8 exits")
CAPS_ROW(NMI_WINDOW, PROC, CAPS_B(22), REQUIRED_SWITCHED, "NMI-window exiting",
	 "tells when the guest can take an NMI", "a second NMI would be delivered late or lost")
CAPS_ROW(MOV_DR_EXITING, PROC, CAPS_B(23), REQUIRED_SWITCHED, "MOV-DR exiting",
	 "debug registers are switched only for guests that use them",
	 "a guest could use the host's breakpoints")
CAPS_ROW(UNCOND_IO_EXITING, PROC, CAPS_B(24), REQUIRED, "unconditional I/O exiting",
	 "no guest reaches an I/O port of the host", "a guest could reach the host's I/O ports")
CAPS_ROW(IO_BITMAPS, PROC, CAPS_B(25), UNUSED, "use I/O bitmaps",
	 "chosen I/O ports can be given to a guest", "")
CAPS_ROW(MONITOR_TRAP, PROC, CAPS_B(27), OPTIONAL_SWITCHED, "monitor trap flag",
	 "single steps that the guest cannot see", "single steps use the guest's trap flag")
CAPS_ROW(MSR_BITMAPS, PROC, CAPS_B(28), OPTIONAL, "use MSR bitmaps",
	 "MSRs of the guest's own are read and written without an exit",
	 "each RDMSR and WRMSR exits")
CAPS_ROW(MONITOR_EXITING, PROC, CAPS_B(29), REQUIRED, "MONITOR exiting",
	 "a guest cannot arm the processor's monitor", "a guest could arm the processor's monitor")
CAPS_ROW(PAUSE_EXITING, PROC, CAPS_B(30), UNUSED, "PAUSE exiting",
	 "every PAUSE can be watched", "")
CAPS_ROW(SECONDARY_CTLS, PROC, CAPS_B(31), REQUIRED, "activate secondary controls",
	 "the secondary controls exist", "there would be no EPT")

CAPS_ROW(VIRT_APIC_ACCESS, PROC2, CAPS_B(0), OPTIONAL_SWITCHED, "virtualize APIC accesses",
	 "accesses to the APIC's page come decoded", "each access to the APIC's page is emulated")
CAPS_ROW(EPT, PROC2, CAPS_B(1), REQUIRED, "enable EPT",
	 "the guest has page tables of its own", "no EPT, and kvmlet has no shadow page tables")
CAPS_ROW(DESC_EXITING, PROC2, CAPS_B(2), OPTIONAL_SWITCHED, "descriptor-table exiting",
	 "UMIP for guests on processors without it", "no emulated UMIP")
CAPS_ROW(RDTSCP, PROC2, CAPS_B(3), OPTIONAL, "enable RDTSCP",
	 "RDTSCP and RDPID work in a guest", "the guest has no RDTSCP and no RDPID")
CAPS_ROW(VIRT_X2APIC, PROC2, CAPS_B(4), OPTIONAL_SWITCHED, "virtualize x2APIC mode",
	 "x2APIC registers are read without an exit", "each access to an x2APIC register exits")
CAPS_ROW(VPID, PROC2, CAPS_B(5), OPTIONAL, "enable VPID",
	 "the TLB survives entries and exits", "each entry and each exit flushes the TLB")
CAPS_ROW(WBINVD_EXITING, PROC2, CAPS_B(6), OPTIONAL, "WBINVD exiting",
	 "a guest cannot flush the host's caches", "a guest can flush the host's caches")
CAPS_ROW(UNRESTRICTED_GUEST, PROC2, CAPS_B(7), OPTIONAL, "unrestricted guest",
	 "real mode and protected mode without paging run",
	 "a guest runs only with CR0.PE and CR0.PG set")
CAPS_ROW(APIC_REG_VIRT, PROC2, CAPS_B(8), OPTIONAL_SWITCHED, "APIC-register virtualization",
	 "APIC registers are read without an exit", "each read of an APIC register exits")
CAPS_ROW(VIRT_INTR_DELIVERY, PROC2, CAPS_B(9), OPTIONAL_SWITCHED, "virtual-interrupt delivery",
	 "the processor delivers interrupts and handles EOI", "each EOI exits")
CAPS_ROW(PAUSE_LOOP_EXITING, PROC2, CAPS_B(10), OPTIONAL, "PAUSE-loop exiting",
	 "a spinning guest CPU gives way", "a spinning guest CPU uses up its time slice")
CAPS_ROW(RDRAND_EXITING, PROC2, CAPS_B(11), GUARD, "RDRAND exiting",
	 "RDRAND faults where CPUID hides it", "")
CAPS_ROW(INVPCID, PROC2, CAPS_B(12), OPTIONAL, "enable INVPCID",
	 "INVPCID works in a guest", "the guest has no INVPCID")
CAPS_ROW(VM_FUNCTIONS, PROC2, CAPS_B(13), UNUSED, "enable VM functions",
	 "a guest can call the processor with VMFUNC", "")
CAPS_ROW(VMCS_SHADOWING, PROC2, CAPS_B(14), UNUSED, "VMCS shadowing",
	 "a nested hypervisor reads and writes its VMCS without exits", "")
CAPS_ROW(ENCLS_EXITING, PROC2, CAPS_B(15), GUARD, "enable ENCLS exiting",
	 "a guest cannot use SGX, which it is not shown", "")
CAPS_ROW(RDSEED_EXITING, PROC2, CAPS_B(16), GUARD, "RDSEED exiting",
	 "RDSEED faults where CPUID hides it", "")
CAPS_ROW(PML, PROC2, CAPS_B(17), OPTIONAL_SWITCHED, "enable PML",
	 "the processor lists the pages a guest writes", "dirty logging write-protects pages")
CAPS_ROW(EPT_VE, PROC2, CAPS_B(18), UNUSED, "EPT-violation #VE",
	 "a guest can take EPT violations as exceptions", "")
CAPS_ROW(PT_CONCEAL, PROC2, CAPS_B(19), UNUSED, "conceal VMX from PT",
	 "processor trace does not show VMX", "")
CAPS_ROW(XSAVES, PROC2, CAPS_B(20), OPTIONAL, "enable XSAVES/XRSTORS",
	 "XSAVES and XRSTORS work in a guest", "the guest has no XSAVES")
CAPS_ROW(PASID_TRANSLATION, PROC2, CAPS_B(21), UNUSED, "PASID translation",
	 "a guest can use ENQCMD", "")
CAPS_ROW(MBEC, PROC2, CAPS_B(22), UNUSED, "mode-based execute control for EPT",
	 "execute rights differ for user and supervisor", "")
CAPS_ROW(SUB_PAGE_WRITE, PROC2, CAPS_B(23), UNUSED, "sub-page write permissions for EPT",
	 "write rights for 128-byte pieces of a page", "")
CAPS_ROW(PT_USE_GPA, PROC2, CAPS_B(24), UNUSED, "Intel PT uses guest physical addresses",
	 "a guest can trace into its own memory", "")
CAPS_ROW(TSC_SCALING, PROC2, CAPS_B(25), OPTIONAL_SWITCHED, "use TSC scaling",
	 "a guest can have a TSC frequency of its own", "guests have the host's TSC frequency")
CAPS_ROW(USER_WAIT_PAUSE, PROC2, CAPS_B(26), UNUSED, "enable user wait and pause",
	 "TPAUSE, UMONITOR and UMWAIT can work in a guest", "")
CAPS_ROW(PCONFIG, PROC2, CAPS_B(27), UNUSED, "enable PCONFIG",
	 "PCONFIG can work in a guest", "")
CAPS_ROW(ENCLV_EXITING, PROC2, CAPS_B(28), UNUSED, "enable ENCLV exiting",
	 "the virtualization instructions of SGX can be watched", "")
CAPS_ROW(BUS_LOCK_DETECTION, PROC2, CAPS_B(30), UNUSED, "VMM bus-lock detection",
	 "bus locks of a guest can be watched", "")
CAPS_ROW(INSN_TIMEOUT, PROC2, CAPS_B(31), UNUSED, "instruction timeout",
	 "a guest that blocks all interrupts can be stopped", "")

CAPS_ROW(LOADIWKEY_EXITING, PROC3, CAPS_B(0), UNUSED, "LOADIWKEY exiting",
	 "the loading of wrapping keys can be watched", "")
CAPS_ROW(HLAT, PROC3, CAPS_B(1), UNUSED, "enable HLAT",
	 "the hypervisor can fix linear addresses of a guest", "")
CAPS_ROW(EPT_PAGING_WRITE, PROC3, CAPS_B(2), UNUSED, "EPT paging-write control",
	 "accessed and dirty bits in protected tables", "")
CAPS_ROW(GUEST_PAGING_VERIFY, PROC3, CAPS_B(3), UNUSED, "guest-paging verification",
	 "page walks of a guest can be verified", "")
CAPS_ROW(IPI_VIRT, PROC3, CAPS_B(4), UNUSED, "IPI virtualization",
	 "IPIs are sent without an exit", "")
CAPS_ROW(MSR_LIST_INSNS, PROC3, CAPS_B(6), UNUSED, "enable MSR-list instructions",
	 "RDMSRLIST and WRMSRLIST can work in a guest", "")
CAPS_ROW(VIRT_SPEC_CTRL, PROC3, CAPS_B(7), UNUSED, "virtualize IA32_SPEC_CTRL",
	 "the host can force mitigations on a guest", "")

CAPS_ROW(EXIT_SAVE_DEBUG, EXIT, CAPS_B(2), REQUIRED, "save debug controls",
	 "DR7 and DEBUGCTL of the guest are kept", "the guest's breakpoints would be lost")
CAPS_ROW(EXIT_HOST_64, EXIT, CAPS_B(9), REQUIRED, "host address-space size",
	 "exits lead to a 64-bit host", "kvmlet is a 64-bit driver")
CAPS_ROW(EXIT_LOAD_PERF, EXIT, CAPS_B(12), UNUSED, "load IA32_PERF_GLOBAL_CTRL",
	 "counters can be switched at exits", "")
CAPS_ROW(EXIT_ACK_INTR, EXIT, CAPS_B(15), UNUSED, "acknowledge interrupt on exit",
	 "the exit tells the interrupt's vector", "")
CAPS_ROW(EXIT_SAVE_PAT, EXIT, CAPS_B(18), UNUSED, "save IA32_PAT",
	 "a guest can write its PAT without an exit", "")
CAPS_ROW(EXIT_LOAD_PAT, EXIT, CAPS_B(19), REQUIRED, "load IA32_PAT",
	 "the host's PAT is back after an exit", "the host would run with the guest's memory types")
CAPS_ROW(EXIT_SAVE_EFER, EXIT, CAPS_B(20), UNUSED, "save IA32_EFER",
	 "a guest can write its EFER without an exit", "")
CAPS_ROW(EXIT_LOAD_EFER, EXIT, CAPS_B(21), REQUIRED, "load IA32_EFER",
	 "the host's EFER is back after an exit", "the host would run with the guest's EFER")
CAPS_ROW(EXIT_SAVE_TIMER, EXIT, CAPS_B(22), UNUSED, "save VMX-preemption timer value",
	 "a time slice goes on over exits", "")
CAPS_ROW(EXIT_CLEAR_BNDCFGS, EXIT, CAPS_B(23), UNUSED, "clear IA32_BNDCFGS",
	 "MPX state can be switched at exits", "")
CAPS_ROW(EXIT_PT_CONCEAL, EXIT, CAPS_B(24), UNUSED, "conceal VMX from PT",
	 "processor trace does not show exits", "")
CAPS_ROW(EXIT_CLEAR_RTIT, EXIT, CAPS_B(25), UNUSED, "clear IA32_RTIT_CTL",
	 "processor trace of a guest stops at exits", "")
CAPS_ROW(EXIT_CLEAR_LBR, EXIT, CAPS_B(26), UNUSED, "clear IA32_LBR_CTL",
	 "branch records of a guest stop at exits", "")
CAPS_ROW(EXIT_CLEAR_UINV, EXIT, CAPS_B(27), UNUSED, "clear UINV",
	 "user interrupts of a guest stop at exits", "")
CAPS_ROW(EXIT_LOAD_CET, EXIT, CAPS_B(28), UNUSED, "load CET state",
	 "shadow stacks can be switched at exits", "")
CAPS_ROW(EXIT_LOAD_PKRS, EXIT, CAPS_B(29), UNUSED, "load PKRS",
	 "supervisor protection keys can be switched at exits", "")
CAPS_ROW(EXIT_SAVE_PERF, EXIT, CAPS_B(30), UNUSED, "save IA32_PERF_GLOBAL_CTRL",
	 "a guest can write its counters' control without an exit", "")
CAPS_ROW(EXIT_SECONDARY, EXIT, CAPS_B(31), UNUSED, "activate secondary VM-exit controls",
	 "the secondary VM-exit controls exist", "")
CAPS_ROW(EXIT2_SAVE_FRED, EXIT2, CAPS_B(0), UNUSED, "save IA32 FRED MSRs",
	 "FRED state of a guest is kept at exits", "")
CAPS_ROW(EXIT2_LOAD_FRED, EXIT2, CAPS_B(1), UNUSED, "load IA32 FRED MSRs",
	 "FRED state of the host is back after an exit", "")
CAPS_ROW(EXIT2_BUSY_SHADOW_STACK, EXIT2, CAPS_B(3), UNUSED, "prematurely busy shadow stack",
	 "an exit tells of a shadow stack left busy", "")

CAPS_ROW(ENTRY_LOAD_DEBUG, ENTRY, CAPS_B(2), REQUIRED, "load debug controls",
	 "a guest has a DR7 of its own", "a guest would run with the host's breakpoints")
CAPS_ROW(ENTRY_IA32E, ENTRY, CAPS_B(9), REQUIRED_SWITCHED, "IA-32e mode guest",
	 "64-bit guests", "no 64-bit guest")
CAPS_ROW(ENTRY_SMM, ENTRY, CAPS_B(10), UNUSED, "entry to SMM",
	 "for an SMM monitor only", "")
CAPS_ROW(ENTRY_DEACT_DUAL, ENTRY, CAPS_B(11), UNUSED, "deactivate dual-monitor treatment",
	 "for an SMM monitor only", "")
CAPS_ROW(ENTRY_LOAD_PERF, ENTRY, CAPS_B(13), UNUSED, "load IA32_PERF_GLOBAL_CTRL",
	 "counters can be switched at entries", "")
CAPS_ROW(ENTRY_LOAD_PAT, ENTRY, CAPS_B(14), REQUIRED, "load IA32_PAT",
	 "a guest has a PAT of its own", "a guest would run with the host's PAT")
CAPS_ROW(ENTRY_LOAD_EFER, ENTRY, CAPS_B(15), REQUIRED, "load IA32_EFER",
	 "a guest has an EFER of its own", "a guest would run with the host's EFER")
CAPS_ROW(ENTRY_LOAD_BNDCFGS, ENTRY, CAPS_B(16), UNUSED, "load IA32_BNDCFGS",
	 "MPX state can be switched at entries", "")
CAPS_ROW(ENTRY_PT_CONCEAL, ENTRY, CAPS_B(17), UNUSED, "conceal VMX from PT",
	 "processor trace does not show entries", "")
CAPS_ROW(ENTRY_LOAD_RTIT, ENTRY, CAPS_B(18), UNUSED, "load IA32_RTIT_CTL",
	 "processor trace of a guest goes on at entries", "")
CAPS_ROW(ENTRY_LOAD_UINV, ENTRY, CAPS_B(19), UNUSED, "load UINV",
	 "user interrupts of a guest go on at entries", "")
CAPS_ROW(ENTRY_LOAD_CET, ENTRY, CAPS_B(20), UNUSED, "load CET state",
	 "shadow stacks can be switched at entries", "")
CAPS_ROW(ENTRY_LOAD_LBR, ENTRY, CAPS_B(21), UNUSED, "load guest IA32_LBR_CTL",
	 "branch records of a guest go on at entries", "")
CAPS_ROW(ENTRY_LOAD_PKRS, ENTRY, CAPS_B(22), UNUSED, "load PKRS",
	 "supervisor protection keys can be switched at entries", "")
CAPS_ROW(ENTRY_LOAD_FRED, ENTRY, CAPS_B(23), UNUSED, "load IA32 FRED MSRs",
	 "a guest has a FRED state of its own", "")

CAPS_ROW(EPT_EXEC_ONLY, EPT_VPID, CAPS_B(0), UNUSED, "execute-only translations",
	 "pages that a guest can run but not read", "")
CAPS_ROW(EPT_WALK_4, EPT_VPID, CAPS_B(6), REQUIRED, "EPT page-walk length 4",
	 "256 TiB of guest memory addresses", "kvmlet builds four-level tables")
CAPS_ROW(EPT_WALK_5, EPT_VPID, CAPS_B(7), UNUSED, "EPT page-walk length 5",
	 "guest memory addresses beyond 256 TiB", "")
CAPS_ROW(EPT_UC, EPT_VPID, CAPS_B(8), UNUSED, "EPT structures in uncacheable memory",
	 "the tables can lie in uncached memory", "")
CAPS_ROW(EPT_WB, EPT_VPID, CAPS_B(14), REQUIRED, "EPT structures in write-back memory",
	 "the tables lie in ordinary memory", "the tables would need uncached memory")
CAPS_ROW(EPT_2M, EPT_VPID, CAPS_B(16), OPTIONAL, "2 MiB EPT pages",
	 "fewer table levels for large memory", "all guest memory is mapped by 4 KiB pages")
CAPS_ROW(EPT_1G, EPT_VPID, CAPS_B(17), OPTIONAL, "1 GiB EPT pages",
	 "fewer table levels for huge memory", "guest memory is mapped by 2 MiB pages at most")
CAPS_ROW(INVEPT, EPT_VPID, CAPS_B(20), REQUIRED, "INVEPT",
	 "cached translations can be dropped", "memory taken from a guest would stay reachable")
CAPS_ROW(EPT_AD, EPT_VPID, CAPS_B(21), OPTIONAL, "EPT accessed and dirty flags",
	 "the processor notes which pages a guest uses", "page ages are found by taking pages away")
CAPS_ROW(EPT_EXIT_INFO, EPT_VPID, CAPS_B(22), UNUSED, "advanced EPT-violation information",
	 "the exit tells the guest's own page rights", "")
CAPS_ROW(EPT_SHADOW_STACK, EPT_VPID, CAPS_B(23), UNUSED, "supervisor shadow-stack control",
	 "shadow stacks can be protected by EPT", "")
CAPS_ROW(INVEPT_TYPE, EPT_VPID, CAPS_F(25, 2), REQUIRED, "INVEPT single-context or all-context",
	 "a guest's translations can be dropped", "memory taken from a guest would stay reachable")
CAPS_ROW(INVEPT_SINGLE, EPT_VPID, CAPS_B(25), OPTIONAL, "INVEPT single-context",
	 "a flush concerns one guest", "a flush concerns all guests")
CAPS_ROW(INVEPT_ALL, EPT_VPID, CAPS_B(26), OPTIONAL, "INVEPT all-context",
	 "all guests can be flushed at once", "all guests are flushed one by one")
CAPS_ROW(INVVPID, EPT_VPID, CAPS_B(32), OPTIONAL, "INVVPID",
	 "cached translations of a guest CPU can be dropped", "VPIDs are not used")
CAPS_ROW(INVVPID_TYPE, EPT_VPID, CAPS_F(41, 2), OPTIONAL, "INVVPID single-context or all-context",
	 "a guest CPU's translations can be dropped", "VPIDs are not used")
CAPS_ROW(INVVPID_ADDR, EPT_VPID, CAPS_B(40), OPTIONAL, "INVVPID individual-address",
	 "a flush can concern one address", "a flush concerns the guest CPU's whole TLB")
CAPS_ROW(INVVPID_SINGLE, EPT_VPID, CAPS_B(41), OPTIONAL, "INVVPID single-context",
	 "a flush concerns one guest CPU", "a flush concerns all guest CPUs")
CAPS_ROW(INVVPID_ALL, EPT_VPID, CAPS_B(42), OPTIONAL, "INVVPID all-context",
	 "all guest CPUs can be flushed at once", "all guest CPUs are flushed one by one")
CAPS_ROW(INVVPID_KEEP_GLOBAL, EPT_VPID, CAPS_B(43), OPTIONAL,
	 "INVVPID single-context, keeping globals",
	 "a flush can keep global translations", "a flush drops global translations too")
CAPS_ROW(HLAT_PREFIX, EPT_VPID, CAPS_F(48, 6), UNUSED, "maximum HLAT prefix size",
	 "address bits that HLAT can fix", "")

CAPS_ROW(EPTP_SWITCHING, VMFUNC, CAPS_B(0), UNUSED, "EPTP switching",
	 "a guest can change among views of its memory", "")

#undef CAPS_ROW
