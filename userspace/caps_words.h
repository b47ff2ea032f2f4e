/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each row of vmx/hw/caps_table.h and of caps_more.h gives, and what the absence of an
 * optional one costs, in words, in the order in which `kvmlet caps` shows them. The module's table
 * says what the absence of a required one costs.
 *
 * Include it with CAPS_GIVES(id, gives) and CAPS_OPTIONAL(id, gives, costs) defined, any number of
 * times.
 */

CAPS_GIVES(VMX, "this processor has VT-x")

CAPS_GIVES(LOCKED, "firmware has decided; clear: the driver may enable VT-x itself")
CAPS_GIVES(VMX_IN_SMX, "VT-x after a measured launch")
CAPS_GIVES(VMX_OUTSIDE_SMX, "VT-x may be switched on (see the lock bit)")

CAPS_GIVES(REVISION, "first word of every VMCS")
CAPS_GIVES(VMCS_SIZE, "bytes of a VMCS")
CAPS_GIVES(ANY_ADDRESS, "VMCS and bitmaps lie in any page of memory")
CAPS_GIVES(DUAL_MONITOR, "a second monitor for system management mode")
CAPS_GIVES(VMCS_WB, "a VMCS lies in ordinary memory")
CAPS_OPTIONAL(INOUT_INFO, "segment and address size of a string I/O come with the exit",
	      "the instruction is fetched and decoded at each string I/O")
CAPS_OPTIONAL(TRUE_CTLS, "CR3 accesses and debug-control switches can be left to the guest",
	      "each move to or from CR3 exits")
CAPS_GIVES(HW_EXC_NO_ERROR, "injection does not check the vector's error code")
CAPS_GIVES(NESTED_EXC, "an event can be marked as nested (FRED)")

CAPS_GIVES(TIMER_RATE, "the timer counts once in 2^rate TSC ticks")
CAPS_GIVES(SAVE_LMA, "the entry control follows the guest's mode")
CAPS_GIVES(ACTIVITY_HLT, "a halted guest can be entered")
CAPS_GIVES(ACTIVITY_SHUTDOWN, "a guest in shutdown can be entered")
CAPS_GIVES(ACTIVITY_SIPI, "a processor waiting for its start can be entered")
CAPS_GIVES(PT_IN_VMX, "processor trace goes on while guests run")
CAPS_GIVES(SMBASE_MSR, "SMM can read its own base")
CAPS_GIVES(CR3_TARGETS, "number of CR3 values that load without an exit")
CAPS_GIVES(MSR_LIST, "512 * (N + 1) entries in an MSR load or store area")
CAPS_GIVES(SMM_MONITOR_BIT2, "VMXOFF can leave SMIs unblocked")
CAPS_GIVES(VMWRITE_ANY, "exit-information fields are writable")
CAPS_GIVES(ZERO_LEN_INJECT, "a soft event can be injected at the current RIP")
CAPS_GIVES(MSEG_REVISION, "version of the SMM monitor's header")

CAPS_GIVES(EXTINT_EXITING, "the host takes its interrupts while a guest runs")
CAPS_GIVES(NMI_EXITING, "the host takes its NMIs while a guest runs")
CAPS_GIVES(VIRTUAL_NMIS, "NMI blocking is the guest's own")
CAPS_OPTIONAL(PREEMPTION_TIMER, "a guest's time slice and timer end without a host interrupt",
	      "each guest timer costs a host timer")
CAPS_OPTIONAL(POSTED_INTR, "interrupts reach a running guest without an exit",
	      "each interrupt of a running guest costs an exit")

CAPS_GIVES(INTR_WINDOW, "tells when the guest can take an interrupt")
CAPS_GIVES(TSC_OFFSETTING, "each guest has a time-stamp counter of its own")
CAPS_GIVES(HLT_EXITING, "an idle guest gives its processor back")
CAPS_GIVES(INVLPG_EXITING, "INVLPG can be watched (EPT makes that needless)")
CAPS_GIVES(MWAIT_EXITING, "a guest cannot put the processor to sleep")
CAPS_GIVES(RDPMC_EXITING, "performance counters stay the host's")
CAPS_GIVES(RDTSC_EXITING, "RDTSC can be watched")
CAPS_OPTIONAL(CR3_LOAD_EXITING, "CR3 is emulated while paging is off without unrestricted guest",
	      "without unrestricted guest, no guest with paging off")
CAPS_OPTIONAL(CR3_STORE_EXITING, "CR3 is emulated while paging is off without unrestricted guest",
	      "without unrestricted guest, no guest with paging off")
CAPS_GIVES(TERTIARY_CTLS, "the tertiary controls exist")
CAPS_GIVES(CR8_LOAD_EXITING, "the task priority is emulated where no TPR shadow serves")
CAPS_GIVES(CR8_STORE_EXITING, "the task priority is emulated where no TPR shadow serves")
CAPS_OPTIONAL(TPR_SHADOW, "a guest changes its task priority without an exit",
	      "each access to CR8 exits")
CAPS_GIVES(NMI_WINDOW, "tells when the guest can take an NMI")
CAPS_GIVES(MOV_DR_EXITING, "debug registers are switched only for guests that use them")
CAPS_GIVES(UNCOND_IO_EXITING, "no guest reaches an I/O port of the host")
CAPS_GIVES(IO_BITMAPS, "chosen I/O ports can be given to a guest")
CAPS_OPTIONAL(MONITOR_TRAP, "single steps that the guest cannot see",
	      "single steps use the guest's trap flag")
CAPS_OPTIONAL(MSR_BITMAPS, "MSRs of the guest's own are read and written without an exit",
	      "each RDMSR and WRMSR exits")
CAPS_GIVES(MONITOR_EXITING, "a guest cannot arm the processor's monitor")
CAPS_GIVES(PAUSE_EXITING, "every PAUSE can be watched")
CAPS_GIVES(SECONDARY_CTLS, "the secondary controls exist")

CAPS_OPTIONAL(VIRT_APIC_ACCESS, "accesses to the APIC's page come decoded",
	      "each access to the APIC's page is emulated")
CAPS_GIVES(EPT, "the guest has page tables of its own")
CAPS_OPTIONAL(DESC_EXITING, "UMIP for guests on processors without it", "no emulated UMIP")
CAPS_OPTIONAL(RDTSCP, "RDTSCP and RDPID work in a guest", "the guest has no RDTSCP and no RDPID")
CAPS_OPTIONAL(VIRT_X2APIC, "x2APIC registers are read without an exit",
	      "each access to an x2APIC register exits")
CAPS_OPTIONAL(VPID, "the TLB survives entries and exits",
	      "each entry and each exit flushes the TLB")
CAPS_OPTIONAL(WBINVD_EXITING, "a guest cannot flush the host's caches",
	      "a guest can flush the host's caches")
CAPS_OPTIONAL(UNRESTRICTED_GUEST, "real mode and protected mode without paging run",
	      "a guest runs only with CR0.PE and CR0.PG set")
CAPS_OPTIONAL(APIC_REG_VIRT, "APIC registers are read without an exit",
	      "each read of an APIC register exits")
CAPS_OPTIONAL(VIRT_INTR_DELIVERY, "the processor delivers interrupts and handles EOI",
	      "each EOI exits")
CAPS_OPTIONAL(PAUSE_LOOP_EXITING, "a spinning guest CPU gives way",
	      "a spinning guest CPU uses up its time slice")
CAPS_GIVES(RDRAND_EXITING, "RDRAND faults where CPUID hides it")
CAPS_OPTIONAL(INVPCID, "INVPCID works in a guest", "the guest has no INVPCID")
CAPS_GIVES(VM_FUNCTIONS, "a guest can call the processor with VMFUNC")
CAPS_GIVES(VMCS_SHADOWING, "a nested hypervisor reads and writes its VMCS without exits")
CAPS_GIVES(ENCLS_EXITING, "a guest cannot use SGX, which it is not shown")
CAPS_GIVES(RDSEED_EXITING, "RDSEED faults where CPUID hides it")
CAPS_OPTIONAL(PML, "the processor lists the pages a guest writes",
	      "dirty logging write-protects pages")
CAPS_GIVES(EPT_VE, "a guest can take EPT violations as exceptions")
CAPS_GIVES(PT_CONCEAL, "processor trace does not show VMX")
CAPS_OPTIONAL(XSAVES, "XSAVES and XRSTORS work in a guest", "the guest has no XSAVES")
CAPS_GIVES(PASID_TRANSLATION, "a guest can use ENQCMD")
CAPS_GIVES(MBEC, "execute rights differ for user and supervisor")
CAPS_GIVES(SUB_PAGE_WRITE, "write rights for 128-byte pieces of a page")
CAPS_GIVES(PT_USE_GPA, "a guest can trace into its own memory")
CAPS_OPTIONAL(TSC_SCALING, "a guest can have a TSC frequency of its own",
	      "guests have the host's TSC frequency")
CAPS_GIVES(USER_WAIT_PAUSE, "TPAUSE, UMONITOR and UMWAIT can work in a guest")
CAPS_GIVES(PCONFIG, "PCONFIG can work in a guest")
CAPS_GIVES(ENCLV_EXITING, "the virtualization instructions of SGX can be watched")
CAPS_GIVES(BUS_LOCK_DETECTION, "bus locks of a guest can be watched")
CAPS_GIVES(INSN_TIMEOUT, "a guest that blocks all interrupts can be stopped")

CAPS_GIVES(LOADIWKEY_EXITING, "the loading of wrapping keys can be watched")
CAPS_GIVES(HLAT, "the hypervisor can fix linear addresses of a guest")
CAPS_GIVES(EPT_PAGING_WRITE, "accessed and dirty bits in protected tables")
CAPS_GIVES(GUEST_PAGING_VERIFY, "page walks of a guest can be verified")
CAPS_GIVES(IPI_VIRT, "IPIs are sent without an exit")
CAPS_GIVES(MSR_LIST_INSNS, "RDMSRLIST and WRMSRLIST can work in a guest")
CAPS_GIVES(VIRT_SPEC_CTRL, "the host can force mitigations on a guest")

CAPS_GIVES(EXIT_SAVE_DEBUG, "DR7 and DEBUGCTL of the guest are kept")
CAPS_GIVES(EXIT_HOST_64, "exits lead to a 64-bit host")
CAPS_GIVES(EXIT_LOAD_PERF, "counters can be switched at exits")
CAPS_OPTIONAL(EXIT_ACK_INTR, "the exit tells the interrupt's vector",
	      "no posted interrupts")
CAPS_GIVES(EXIT_SAVE_PAT, "a guest can write its PAT without an exit")
CAPS_GIVES(EXIT_LOAD_PAT, "the host's PAT is back after an exit")
CAPS_GIVES(EXIT_SAVE_EFER, "a guest can write its EFER without an exit")
CAPS_GIVES(EXIT_LOAD_EFER, "the host's EFER is back after an exit")
CAPS_GIVES(EXIT_SAVE_TIMER, "a time slice goes on over exits")
CAPS_GIVES(EXIT_CLEAR_BNDCFGS, "MPX state can be switched at exits")
CAPS_GIVES(EXIT_PT_CONCEAL, "processor trace does not show exits")
CAPS_GIVES(EXIT_CLEAR_RTIT, "processor trace of a guest stops at exits")
CAPS_GIVES(EXIT_CLEAR_LBR, "branch records of a guest stop at exits")
CAPS_GIVES(EXIT_CLEAR_UINV, "user interrupts of a guest stop at exits")
CAPS_GIVES(EXIT_LOAD_CET, "shadow stacks can be switched at exits")
CAPS_GIVES(EXIT_LOAD_PKRS, "supervisor protection keys can be switched at exits")
CAPS_GIVES(EXIT_SAVE_PERF, "a guest can write its counters' control without an exit")
CAPS_GIVES(EXIT_SECONDARY, "the secondary VM-exit controls exist")

CAPS_GIVES(EXIT2_SAVE_FRED, "FRED state of a guest is kept at exits")
CAPS_GIVES(EXIT2_LOAD_FRED, "FRED state of the host is back after an exit")
CAPS_GIVES(EXIT2_BUSY_SHADOW_STACK, "an exit tells of a shadow stack left busy")

CAPS_GIVES(ENTRY_LOAD_DEBUG, "a guest has a DR7 of its own")
CAPS_GIVES(ENTRY_IA32E, "64-bit guests")
CAPS_GIVES(ENTRY_SMM, "for an SMM monitor only")
CAPS_GIVES(ENTRY_DEACT_DUAL, "for an SMM monitor only")
CAPS_GIVES(ENTRY_LOAD_PERF, "counters can be switched at entries")
CAPS_GIVES(ENTRY_LOAD_PAT, "a guest has a PAT of its own")
CAPS_GIVES(ENTRY_LOAD_EFER, "a guest has an EFER of its own")
CAPS_GIVES(ENTRY_LOAD_BNDCFGS, "MPX state can be switched at entries")
CAPS_GIVES(ENTRY_PT_CONCEAL, "processor trace does not show entries")
CAPS_GIVES(ENTRY_LOAD_RTIT, "processor trace of a guest goes on at entries")
CAPS_GIVES(ENTRY_LOAD_UINV, "user interrupts of a guest go on at entries")
CAPS_GIVES(ENTRY_LOAD_CET, "shadow stacks can be switched at entries")
CAPS_GIVES(ENTRY_LOAD_LBR, "branch records of a guest go on at entries")
CAPS_GIVES(ENTRY_LOAD_PKRS, "supervisor protection keys can be switched at entries")
CAPS_GIVES(ENTRY_LOAD_FRED, "a guest has a FRED state of its own")

CAPS_GIVES(EPT_EXEC_ONLY, "pages that a guest can run but not read")
CAPS_GIVES(EPT_WALK_4, "256 TiB of guest memory addresses")
CAPS_GIVES(EPT_WALK_5, "guest memory addresses beyond 256 TiB")
CAPS_GIVES(EPT_UC, "the tables can lie in uncached memory")
CAPS_GIVES(EPT_WB, "the tables lie in ordinary memory")
CAPS_OPTIONAL(EPT_2M, "fewer table levels for large memory",
	      "all guest memory is mapped by 4 KiB pages")
CAPS_OPTIONAL(EPT_1G, "fewer table levels for huge memory",
	      "guest memory is mapped by 2 MiB pages at most")
CAPS_GIVES(INVEPT, "cached translations can be dropped")
CAPS_OPTIONAL(EPT_AD, "the processor notes which pages a guest uses",
	      "page ages are found by taking pages away")
CAPS_GIVES(EPT_EXIT_INFO, "the exit tells the guest's own page rights")
CAPS_GIVES(EPT_SHADOW_STACK, "shadow stacks can be protected by EPT")
CAPS_GIVES(INVEPT_TYPE, "a guest's translations can be dropped")
CAPS_OPTIONAL(INVEPT_SINGLE, "a flush concerns one guest", "a flush concerns all guests")
CAPS_OPTIONAL(INVEPT_ALL, "all guests can be flushed at once", "all guests are flushed one by one")
CAPS_OPTIONAL(INVVPID, "cached translations of a guest CPU can be dropped", "VPIDs are not used")
CAPS_OPTIONAL(INVVPID_TYPE, "a guest CPU's translations can be dropped", "VPIDs are not used")
CAPS_OPTIONAL(INVVPID_ADDR, "a flush can concern one address",
	      "a flush concerns the guest CPU's whole TLB")
CAPS_OPTIONAL(INVVPID_SINGLE, "a flush concerns one guest CPU", "a flush concerns all guest CPUs")
CAPS_OPTIONAL(INVVPID_ALL, "all guest CPUs can be flushed at once",
	      "all guest CPUs are flushed one by one")
CAPS_OPTIONAL(INVVPID_KEEP_GLOBAL, "a flush can keep global translations",
	      "a flush drops global translations too")
CAPS_GIVES(HLAT_PREFIX, "address bits that HLAT can fix")

CAPS_GIVES(EPTP_SWITCHING, "a guest can change among views of its memory")

#undef CAPS_GIVES
#undef CAPS_OPTIONAL
