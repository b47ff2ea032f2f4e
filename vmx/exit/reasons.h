/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one list of exit reasons: every basic reason that the SDM names, in order. It makes the
 * dispatch table, the names and, by scripts/exits, Documentation/exits.rst; whoever wants to know
 * what an exit does starts here. SDM vol. 3C, 25 (causes); vol. 3D, appendix C (numbers).
 *
 * X(number, name, handler, traits) and what makes it come; off: no control of ours asks for it
 *
 * exit_unexpected: user space gets KVM_EXIT_INTERNAL_ERROR. exit_undefined: the guest is not
 * shown the instruction: #UD, as it would be on a processor that does not have it, in each mode
 * and at each CPL: where the SDM has #UD go before the exit it is the same, where #GP would come
 * for a CPL it comes after the exit. VECTORING: may come while an event is being delivered,
 * which must then be delivered again.
 * IRQS_OFF: handled and entered again without turning interrupts on; an interrupt that waits
 * ends the next entry at once. Such a handler does not sleep, reads guest memory only where it
 * is present, and leaves XCR0, XSS, CR4 and the debug registers alone; or it returns EXIT_LATER,
 * having done nothing, and is called again with interrupts on, and with an event that the exit
 * interrupted taken back (VECTORING).
 */
#ifndef KVMLET_VMX_EXIT_REASONS_H
#define KVMLET_VMX_EXIT_REASONS_H

/* All numbers are below. */
#define NR_EXIT_REASONS	80

#define EXIT_REASONS(X) \
	X(0,  EXCEPTION_NMI,       exit_exception,     VECTORING) /* #DB, #AC, #MC, NMI, #BP */ \
	X(1,  EXTERNAL_INTERRUPT,  exit_nothing,       0)         /* an interrupt of the host */ \
	X(2,  TRIPLE_FAULT,        exit_triple_fault,  0)         /* a fault delivering #DF */ \
	X(3,  INIT_SIGNAL,         exit_unexpected,    0)         /* INIT of the host's own */ \
	X(4,  SIPI_SIGNAL,         exit_unexpected,    0)         /* never waits for SIPI */ \
	X(5,  IO_SMI,              exit_unexpected,    0)         /* only for an SMM monitor */ \
	X(6,  OTHER_SMI,           exit_unexpected,    0)         /* only for an SMM monitor */ \
	X(7,  INTERRUPT_WINDOW,    exit_window,        0)         /* an interrupt waited for IF */ \
	X(8,  NMI_WINDOW,          exit_window,        0)         /* an NMI waited for IRET */ \
	X(9,  TASK_SWITCH,         exit_task_switch,   VECTORING) /* CALL, JMP, IRET, IDT gate */ \
	X(10, CPUID,               exit_cpuid,         IRQS_OFF)  /* always */ \
	X(11, GETSEC,              exit_undefined,     0)         /* CR4.SMXE is never set */ \
	X(12, HLT,                 exit_hlt,           0)         /* always */ \
	X(13, INVD,                exit_skip,          IRQS_OFF)  /* always */ \
	X(14, INVLPG,              exit_unexpected,    0)         /* off: EPT needs none */ \
	X(15, RDPMC,               exit_rdpmc,         0)         /* always */ \
	X(16, RDTSC,               exit_unexpected,    0)         /* off: the TSC has an offset */ \
	X(17, RSM,                 exit_undefined,     0)         /* only in SMM */ \
	X(18, VMCALL,              exit_vmcall,        IRQS_OFF)  /* always */ \
	X(19, VMCLEAR,             exit_undefined,     0)         /* always: no VMX in a guest */ \
	X(20, VMLAUNCH,            exit_undefined,     0)         /* always: no VMX in a guest */ \
	X(21, VMPTRLD,             exit_undefined,     0)         /* always: no VMX in a guest */ \
	X(22, VMPTRST,             exit_undefined,     0)         /* always: no VMX in a guest */ \
	X(23, VMREAD,              exit_undefined,     0)         /* always: no VMX in a guest */ \
	X(24, VMRESUME,            exit_undefined,     0)         /* always: no VMX in a guest */ \
	X(25, VMWRITE,             exit_undefined,     0)         /* always: no VMX in a guest */ \
	X(26, VMOFF,               exit_undefined,     0)         /* always: no VMX in a guest */ \
	X(27, VMON,                exit_undefined,     0)         /* always: no VMX in a guest */ \
	X(28, CR_ACCESS,           exit_cr,            0)         /* CR8; bits of CR0, CR4 */ \
	X(29, DR_ACCESS,           exit_dr,            0)         /* the first; all if debugged */ \
	X(30, IO_INSTRUCTION,      exit_io,            IRQS_OFF)  /* always */ \
	X(31, MSR_READ,            exit_rdmsr,         IRQS_OFF)  /* MSRs that are not passed */ \
	X(32, MSR_WRITE,           exit_wrmsr,         IRQS_OFF)  /* MSRs that are not passed */ \
	X(33, INVALID_STATE,       exit_entry_failed,  0)         /* guest state breaks a rule */ \
	X(34, MSR_LOAD_FAIL,       exit_entry_failed,  0)         /* no entry loads a list */ \
	X(36, MWAIT_INSTRUCTION,   exit_skip,          IRQS_OFF)  /* always */ \
	X(37, MONITOR_TRAP_FLAG,   exit_unexpected,    0)         /* off */ \
	X(39, MONITOR_INSTRUCTION, exit_skip,          IRQS_OFF)  /* always */ \
	X(40, PAUSE_INSTRUCTION,   exit_pause,         0)         /* a loop of them at CPL 0 */ \
	X(41, MCE_DURING_VMENTRY,  exit_entry_failed,  0)         /* after the host's #MC */ \
	X(43, TPR_BELOW_THRESHOLD, exit_window,        0)         /* an interrupt waited for it */ \
	X(44, APIC_ACCESS,         exit_apic_access,   VECTORING) /* what APIC_WRITE is not for */ \
	X(45, EOI_INDUCED,         exit_eoi,           IRQS_OFF)  /* who hears of its end? */ \
	X(46, GDTR_IDTR,           exit_unexpected,    0)         /* off */ \
	X(47, LDTR_TR,             exit_unexpected,    0)         /* off */ \
	X(48, EPT_VIOLATION,       exit_ept_violation, VECTORING | IRQS_OFF) /* none mapped */ \
	X(49, EPT_MISCONFIG,       exit_unexpected,    VECTORING) /* no entry of ours is wrong */ \
	X(50, INVEPT,              exit_undefined,     0)         /* always: no VMX in a guest */ \
	X(51, RDTSCP,              exit_unexpected,    0)         /* off: the TSC has an offset */ \
	X(52, PREEMPTION_TIMER,    exit_nothing,       0)         /* only with parameter slice */ \
	X(53, INVVPID,             exit_undefined,     0)         /* always: no VMX in a guest */ \
	X(54, WBINVD,              exit_skip,          IRQS_OFF)  /* always */ \
	X(55, XSETBV,              exit_xsetbv,        0)         /* always */ \
	X(56, APIC_WRITE,          exit_apic_write,    IRQS_OFF)  /* is done, and has effects */ \
	X(57, RDRAND,              exit_undefined,     0)         /* where CPUID hides it */ \
	X(58, INVPCID,             exit_unexpected,    0)         /* off: EPT needs none */ \
	X(59, VMFUNC,              exit_undefined,     0)         /* off: #UD without an exit */ \
	X(60, ENCLS,               exit_undefined,     0)         /* always, if there is SGX */ \
	X(61, RDSEED,              exit_undefined,     0)         /* where CPUID hides it */ \
	X(62, PML_FULL,            exit_pml_full,      VECTORING) /* 512 pages logged */ \
	X(63, XSAVES,              exit_unexpected,    0)         /* the XSS bitmap is empty */ \
	X(64, XRSTORS,             exit_unexpected,    0)         /* the XSS bitmap is empty */ \
	X(65, PCONFIG,             exit_undefined,     0)         /* off: #UD without an exit */ \
	X(66, SPP_EVENT,           exit_unexpected,    VECTORING) /* off */ \
	X(67, UMWAIT,              exit_undefined,     0)         /* off: #UD without an exit */ \
	X(68, TPAUSE,              exit_undefined,     0)         /* off: #UD without an exit */ \
	X(69, LOADIWKEY,           exit_undefined,     0)         /* CR4.KL is never set */ \
	X(70, ENCLV,               exit_undefined,     0)         /* off: #UD without an exit */ \
	X(72, ENQCMD_PASID,        exit_undefined,     0)         /* off */ \
	X(73, ENQCMDS_PASID,       exit_undefined,     0)         /* off */ \
	X(74, BUS_LOCK,            exit_unexpected,    0)         /* off */ \
	X(75, NOTIFY,              exit_unexpected,    VECTORING) /* off */ \
	X(76, SEAMCALL,            exit_undefined,     0)         /* always: no SEAM in a guest */ \
	X(77, TDCALL,              exit_undefined,     0)         /* always: no SEAM in a guest */ \
	X(78, RDMSRLIST,           exit_undefined,     0)         /* off: #UD without an exit */ \
	X(79, WRMSRLIST,           exit_undefined,     0)         /* off: #UD without an exit */

#endif
