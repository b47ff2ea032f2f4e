/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one capability table: the bits of the VMX capability registers that the module looks at,
 * whether it needs them, and in words what the absence of a required one costs: for the rest
 * `kvmlet caps` has words of its own (userspace/caps_words.h), and rows for every other architected
 * bit. Set-up, error text, the program and the tests' skips all come from here. Nothing is required
 * that is not used.
 * SDM vol. 3: 25.6-25.8 (the controls), appendix A (where each is reported).
 *
 * Include it with CAPS_ROW(id, word, where, need, name, costs) defined, any number of times.
 * where: CAPS_B(bit), CAPS_CLEAR(bit), CAPS_F(lowest bit, width), CAPS_F_IS(.., value).
 * In the order of judgement: the first required row that is missing is the one that is named.
 */

CAPS_ROW(VMX, CPUID, CAPS_B(5), REQUIRED, "VMX", "no virtual machine can run")
CAPS_ROW(LOCKED, FEATURE, CAPS_B(0), FIRMWARE, "lock bit", "")
CAPS_ROW(VMX_OUTSIDE_SMX, FEATURE, CAPS_B(2), FIRMWARE, "VMX outside SMX operation", "")

CAPS_ROW(REVISION, BASIC, CAPS_F(0, 31), UNUSED, "VMCS revision identifier", "")
CAPS_ROW(ANY_ADDRESS, BASIC, CAPS_CLEAR(48), REQUIRED, "VMX structures at any physical address",
	 "only the first 4 GiB could be used")
CAPS_ROW(VMCS_WB, BASIC, CAPS_F_IS(50, 4, 6), REQUIRED, "write-back memory for the VMCS",
	 "a VMCS would need uncached memory")
CAPS_ROW(INOUT_INFO, BASIC, CAPS_B(54), OPTIONAL, "INS/OUTS information at VM exits", "")
CAPS_ROW(TRUE_CTLS, BASIC, CAPS_B(55), OPTIONAL, "TRUE capability MSRs", "")
CAPS_ROW(HW_EXC_NO_ERROR, BASIC, CAPS_B(56), UNUSED, "exceptions with or without error code", "")

CAPS_ROW(ACTIVITY_HLT, MISC, CAPS_B(6), UNUSED, "activity state HLT", "")
CAPS_ROW(ACTIVITY_SHUTDOWN, MISC, CAPS_B(7), UNUSED, "activity state shutdown", "")
CAPS_ROW(ACTIVITY_SIPI, MISC, CAPS_B(8), UNUSED, "activity state wait-for-SIPI", "")
CAPS_ROW(CR3_TARGETS, MISC, CAPS_F(16, 9), UNUSED, "CR3-target values", "")
CAPS_ROW(ZERO_LEN_INJECT, MISC, CAPS_B(30), UNUSED, "injection with instruction length 0", "")

CAPS_ROW(EXTINT_EXITING, PIN, CAPS_B(0), REQUIRED, "external-interrupt exiting",
	 "the guest would take them")
CAPS_ROW(NMI_EXITING, PIN, CAPS_B(3), REQUIRED, "NMI exiting", "the guest would take them")
CAPS_ROW(VIRTUAL_NMIS, PIN, CAPS_B(5), REQUIRED, "virtual NMIs",
	 "no NMI can be given to a guest safely")
CAPS_ROW(PREEMPTION_TIMER, PIN, CAPS_B(6), OPTIONAL_SWITCHED, "activate VMX-preemption timer", "")
CAPS_ROW(POSTED_INTR, PIN, CAPS_B(7), OPTIONAL_SWITCHED, "process posted interrupts", "")

CAPS_ROW(INTR_WINDOW, PROC, CAPS_B(2), REQUIRED_SWITCHED, "interrupt-window exiting",
	 "interrupts would be delivered late or lost")
CAPS_ROW(TSC_OFFSETTING, PROC, CAPS_B(3), REQUIRED, "use TSC offsetting",
	 "the guest would read the host's counter")
CAPS_ROW(HLT_EXITING, PROC, CAPS_B(7), REQUIRED, "HLT exiting",
	 "an idle guest would hold a processor")
CAPS_ROW(MWAIT_EXITING, PROC, CAPS_B(10), REQUIRED, "MWAIT exiting",
	 "a guest could put the processor to sleep")
CAPS_ROW(RDPMC_EXITING, PROC, CAPS_B(11), REQUIRED, "RDPMC exiting",
	 "a guest could read the host's counters")
CAPS_ROW(CR3_LOAD_EXITING, PROC, CAPS_B(15), OPTIONAL_SWITCHED, "CR3-load exiting", "")
CAPS_ROW(CR3_STORE_EXITING, PROC, CAPS_B(16), OPTIONAL_SWITCHED, "CR3-store exiting", "")
CAPS_ROW(TERTIARY_CTLS, PROC, CAPS_B(17), UNUSED, "activate tertiary controls", "")
CAPS_ROW(CR8_LOAD_EXITING, PROC, CAPS_B(19), REQUIRED_SWITCHED, "CR8-load exiting",
	 "a guest could mask the host's interrupts")
CAPS_ROW(CR8_STORE_EXITING, PROC, CAPS_B(20), REQUIRED_SWITCHED, "CR8-store exiting",
	 "a guest would read the host's task priority")
CAPS_ROW(TPR_SHADOW, PROC, CAPS_B(21), OPTIONAL, "use TPR shadow", "")
CAPS_ROW(NMI_WINDOW, PROC, CAPS_B(22), REQUIRED_SWITCHED, "NMI-window exiting",
	 "a second NMI would be delivered late or lost")
CAPS_ROW(MOV_DR_EXITING, PROC, CAPS_B(23), REQUIRED_SWITCHED, "MOV-DR exiting",
	 "a guest could use the host's breakpoints")
CAPS_ROW(UNCOND_IO_EXITING, PROC, CAPS_B(24), REQUIRED, "unconditional I/O exiting",
	 "a guest could reach the host's I/O ports")
CAPS_ROW(IO_BITMAPS, PROC, CAPS_B(25), UNUSED, "use I/O bitmaps", "")
CAPS_ROW(MONITOR_TRAP, PROC, CAPS_B(27), OPTIONAL_SWITCHED, "monitor trap flag", "")
CAPS_ROW(MSR_BITMAPS, PROC, CAPS_B(28), OPTIONAL, "use MSR bitmaps", "")
CAPS_ROW(MONITOR_EXITING, PROC, CAPS_B(29), REQUIRED, "MONITOR exiting",
	 "a guest could arm the processor's monitor")
CAPS_ROW(SECONDARY_CTLS, PROC, CAPS_B(31), REQUIRED, "activate secondary controls",
	 "there would be no EPT")

CAPS_ROW(VIRT_APIC_ACCESS, PROC2, CAPS_B(0), OPTIONAL_SWITCHED, "virtualize APIC accesses", "")
CAPS_ROW(EPT, PROC2, CAPS_B(1), REQUIRED, "enable EPT",
	 "no EPT, and kvmlet has no shadow page tables")
CAPS_ROW(DESC_EXITING, PROC2, CAPS_B(2), OPTIONAL_SWITCHED, "descriptor-table exiting", "")
CAPS_ROW(RDTSCP, PROC2, CAPS_B(3), OPTIONAL, "enable RDTSCP", "")
CAPS_ROW(VIRT_X2APIC, PROC2, CAPS_B(4), OPTIONAL_SWITCHED, "virtualize x2APIC mode", "")
CAPS_ROW(VPID, PROC2, CAPS_B(5), OPTIONAL, "enable VPID", "")
CAPS_ROW(WBINVD_EXITING, PROC2, CAPS_B(6), OPTIONAL, "WBINVD exiting", "")
CAPS_ROW(UNRESTRICTED_GUEST, PROC2, CAPS_B(7), OPTIONAL, "unrestricted guest", "")
CAPS_ROW(APIC_REG_VIRT, PROC2, CAPS_B(8), OPTIONAL_SWITCHED, "APIC-register virtualization", "")
CAPS_ROW(VIRT_INTR_DELIVERY, PROC2, CAPS_B(9), OPTIONAL_SWITCHED, "virtual-interrupt delivery", "")
CAPS_ROW(PAUSE_LOOP_EXITING, PROC2, CAPS_B(10), OPTIONAL, "PAUSE-loop exiting", "")
CAPS_ROW(RDRAND_EXITING, PROC2, CAPS_B(11), GUARD, "RDRAND exiting", "")
CAPS_ROW(INVPCID, PROC2, CAPS_B(12), OPTIONAL, "enable INVPCID", "")
CAPS_ROW(VM_FUNCTIONS, PROC2, CAPS_B(13), UNUSED, "enable VM functions", "")
CAPS_ROW(VMCS_SHADOWING, PROC2, CAPS_B(14), UNUSED, "VMCS shadowing", "")
CAPS_ROW(ENCLS_EXITING, PROC2, CAPS_B(15), GUARD, "enable ENCLS exiting", "")
CAPS_ROW(RDSEED_EXITING, PROC2, CAPS_B(16), GUARD, "RDSEED exiting", "")
CAPS_ROW(PML, PROC2, CAPS_B(17), OPTIONAL_SWITCHED, "enable PML", "")
CAPS_ROW(XSAVES, PROC2, CAPS_B(20), OPTIONAL, "enable XSAVES/XRSTORS", "")
CAPS_ROW(TSC_SCALING, PROC2, CAPS_B(25), OPTIONAL_SWITCHED, "use TSC scaling", "")

CAPS_ROW(EXIT_SAVE_DEBUG, EXIT, CAPS_B(2), REQUIRED, "save debug controls",
	 "the guest's breakpoints would be lost")
CAPS_ROW(EXIT_HOST_64, EXIT, CAPS_B(9), REQUIRED, "host address-space size",
	 "kvmlet is a 64-bit driver")
CAPS_ROW(EXIT_ACK_INTR, EXIT, CAPS_B(15), OPTIONAL_SWITCHED, "acknowledge interrupt on exit", "")
CAPS_ROW(EXIT_LOAD_PAT, EXIT, CAPS_B(19), REQUIRED, "load IA32_PAT",
	 "the host would run with the guest's memory types")
CAPS_ROW(EXIT_LOAD_EFER, EXIT, CAPS_B(21), REQUIRED, "load IA32_EFER",
	 "the host would run with the guest's EFER")
CAPS_ROW(EXIT_SAVE_TIMER, EXIT, CAPS_B(22), UNUSED, "save VMX-preemption timer value", "")

CAPS_ROW(ENTRY_LOAD_DEBUG, ENTRY, CAPS_B(2), REQUIRED, "load debug controls",
	 "a guest would run with the host's breakpoints")
CAPS_ROW(ENTRY_IA32E, ENTRY, CAPS_B(9), REQUIRED_SWITCHED, "IA-32e mode guest", "no 64-bit guest")
CAPS_ROW(ENTRY_SMM, ENTRY, CAPS_B(10), UNUSED, "entry to SMM", "")
CAPS_ROW(ENTRY_DEACT_DUAL, ENTRY, CAPS_B(11), UNUSED, "deactivate dual-monitor treatment", "")
CAPS_ROW(ENTRY_LOAD_PAT, ENTRY, CAPS_B(14), REQUIRED, "load IA32_PAT",
	 "a guest would run with the host's PAT")
CAPS_ROW(ENTRY_LOAD_EFER, ENTRY, CAPS_B(15), REQUIRED, "load IA32_EFER",
	 "a guest would run with the host's EFER")
CAPS_ROW(ENTRY_LOAD_BNDCFGS, ENTRY, CAPS_B(16), UNUSED, "load IA32_BNDCFGS", "")

CAPS_ROW(EPT_WALK_4, EPT_VPID, CAPS_B(6), REQUIRED, "EPT page-walk length 4",
	 "kvmlet builds four-level tables")
CAPS_ROW(EPT_WALK_5, EPT_VPID, CAPS_B(7), UNUSED, "EPT page-walk length 5", "")
CAPS_ROW(EPT_UC, EPT_VPID, CAPS_B(8), UNUSED, "EPT structures in uncacheable memory", "")
CAPS_ROW(EPT_WB, EPT_VPID, CAPS_B(14), REQUIRED, "EPT structures in write-back memory",
	 "the tables would need uncached memory")
CAPS_ROW(EPT_2M, EPT_VPID, CAPS_B(16), OPTIONAL, "2 MiB EPT pages", "")
CAPS_ROW(EPT_1G, EPT_VPID, CAPS_B(17), OPTIONAL, "1 GiB EPT pages", "")
CAPS_ROW(INVEPT, EPT_VPID, CAPS_B(20), REQUIRED, "INVEPT",
	 "memory taken from a guest would stay reachable")
CAPS_ROW(EPT_AD, EPT_VPID, CAPS_B(21), OPTIONAL, "EPT accessed and dirty flags", "")
CAPS_ROW(EPT_SHADOW_STACK, EPT_VPID, CAPS_B(23), UNUSED, "supervisor shadow-stack control", "")
CAPS_ROW(INVEPT_TYPE, EPT_VPID, CAPS_F(25, 2), REQUIRED, "INVEPT single-context or all-context",
	 "memory taken from a guest would stay reachable")
CAPS_ROW(INVEPT_SINGLE, EPT_VPID, CAPS_B(25), OPTIONAL, "INVEPT single-context", "")
CAPS_ROW(INVEPT_ALL, EPT_VPID, CAPS_B(26), OPTIONAL, "INVEPT all-context", "")
CAPS_ROW(INVVPID, EPT_VPID, CAPS_B(32), OPTIONAL, "INVVPID", "")
CAPS_ROW(INVVPID_TYPE, EPT_VPID, CAPS_F(41, 2), OPTIONAL, "INVVPID single-context or all-context",
	 "")
CAPS_ROW(INVVPID_ADDR, EPT_VPID, CAPS_B(40), OPTIONAL, "INVVPID individual-address", "")
CAPS_ROW(INVVPID_SINGLE, EPT_VPID, CAPS_B(41), OPTIONAL, "INVVPID single-context", "")
CAPS_ROW(INVVPID_ALL, EPT_VPID, CAPS_B(42), OPTIONAL, "INVVPID all-context", "")
CAPS_ROW(INVVPID_KEEP_GLOBAL, EPT_VPID, CAPS_B(43), OPTIONAL,
	 "INVVPID single-context, keeping globals", "")

#if !defined(__KERNEL__) || defined(CAPS_MORE)
#include "userspace/caps_more.h"
#endif
#undef CAPS_ROW
