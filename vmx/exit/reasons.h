/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one list of exit reasons: every basic reason that the SDM names, in order. It makes the
 * dispatch table and the names; whoever wants to know what an exit does starts here.
 * SDM vol. 3D, appendix C.
 *
 * X(number, name, handler, traits)
 *
 * exit_unexpected: not enabled, so it cannot come; if it does, user space gets
 * KVM_EXIT_INTERNAL_ERROR. exit_undefined: the guest is not shown the instruction: #UD.
 * VECTORING: may come while an event is being delivered, which must then be delivered again.
 * IRQS_OFF: handled and entered again without turning interrupts on; an interrupt that waits
 * ends the next entry at once. Such a handler does not sleep, touches no guest memory, and
 * leaves XCR0, XSS, CR4 and the debug registers alone; or it returns EXIT_LATER, having done
 * nothing, and is called again with interrupts on.
 */
#ifndef KVMLET_VMX_EXIT_REASONS_H
#define KVMLET_VMX_EXIT_REASONS_H

/* All numbers are below. */
#define NR_EXIT_REASONS	80

#define EXIT_REASONS(X)								\
	X(0,  EXCEPTION_NMI,		exit_exception,		VECTORING)	\
	X(1,  EXTERNAL_INTERRUPT,	exit_nothing,		0)		\
	X(2,  TRIPLE_FAULT,		exit_triple_fault,	0)		\
	X(3,  INIT_SIGNAL,		exit_unexpected,	0)		\
	X(4,  SIPI_SIGNAL,		exit_unexpected,	0)		\
	X(5,  IO_SMI,			exit_unexpected,	0)		\
	X(6,  OTHER_SMI,		exit_unexpected,	0)		\
	X(7,  INTERRUPT_WINDOW,		exit_window,		0)		\
	X(8,  NMI_WINDOW,		exit_window,		0)		\
	X(9,  TASK_SWITCH,		exit_unexpected,	VECTORING)	\
	X(10, CPUID,			exit_cpuid,		IRQS_OFF)	\
	X(11, GETSEC,			exit_undefined,		0)		\
	X(12, HLT,			exit_hlt,		0)		\
	X(13, INVD,			exit_skip,		IRQS_OFF)	\
	X(14, INVLPG,			exit_unexpected,	0)		\
	X(15, RDPMC,			exit_rdpmc,		0)		\
	X(16, RDTSC,			exit_unexpected,	0)		\
	X(17, RSM,			exit_undefined,		0)		\
	X(18, VMCALL,			exit_vmcall,		IRQS_OFF)	\
	X(19, VMCLEAR,			exit_undefined,		0)		\
	X(20, VMLAUNCH,			exit_undefined,		0)		\
	X(21, VMPTRLD,			exit_undefined,		0)		\
	X(22, VMPTRST,			exit_undefined,		0)		\
	X(23, VMREAD,			exit_undefined,		0)		\
	X(24, VMRESUME,			exit_undefined,		0)		\
	X(25, VMWRITE,			exit_undefined,		0)		\
	X(26, VMOFF,			exit_undefined,		0)		\
	X(27, VMON,			exit_undefined,		0)		\
	X(28, CR_ACCESS,		exit_cr,		0)		\
	X(29, DR_ACCESS,		exit_dr,		0)		\
	X(30, IO_INSTRUCTION,		exit_io,		0)		\
	X(31, MSR_READ,			exit_rdmsr,		IRQS_OFF)	\
	X(32, MSR_WRITE,		exit_wrmsr,		IRQS_OFF)	\
	X(33, INVALID_STATE,		exit_unexpected,	0)		\
	X(34, MSR_LOAD_FAIL,		exit_unexpected,	0)		\
	X(36, MWAIT_INSTRUCTION,	exit_skip,		IRQS_OFF)	\
	X(37, MONITOR_TRAP_FLAG,	exit_unexpected,	0)		\
	X(39, MONITOR_INSTRUCTION,	exit_skip,		IRQS_OFF)	\
	X(40, PAUSE_INSTRUCTION,	exit_pause,		0)		\
	X(41, MCE_DURING_VMENTRY,	exit_unexpected,	0)		\
	X(43, TPR_BELOW_THRESHOLD,	exit_unexpected,	0)		\
	X(44, APIC_ACCESS,		exit_unexpected,	VECTORING)	\
	X(45, EOI_INDUCED,		exit_unexpected,	0)		\
	X(46, GDTR_IDTR,		exit_unexpected,	0)		\
	X(47, LDTR_TR,			exit_unexpected,	0)		\
	X(48, EPT_VIOLATION,		exit_ept_violation,	VECTORING)	\
	X(49, EPT_MISCONFIG,		exit_unexpected,	VECTORING)	\
	X(50, INVEPT,			exit_undefined,		0)		\
	X(51, RDTSCP,			exit_unexpected,	0)		\
	X(52, PREEMPTION_TIMER,		exit_nothing,		0)		\
	X(53, INVVPID,			exit_undefined,		0)		\
	X(54, WBINVD,			exit_skip,		IRQS_OFF)	\
	X(55, XSETBV,			exit_xsetbv,		0)		\
	X(56, APIC_WRITE,		exit_unexpected,	0)		\
	X(57, RDRAND,			exit_unexpected,	0)		\
	X(58, INVPCID,			exit_unexpected,	0)		\
	X(59, VMFUNC,			exit_undefined,		0)		\
	X(60, ENCLS,			exit_undefined,		0)		\
	X(61, RDSEED,			exit_unexpected,	0)		\
	X(62, PML_FULL,			exit_unexpected,	VECTORING)	\
	X(63, XSAVES,			exit_unexpected,	0)		\
	X(64, XRSTORS,			exit_unexpected,	0)		\
	X(65, PCONFIG,			exit_undefined,		0)		\
	X(66, SPP_EVENT,		exit_unexpected,	VECTORING)	\
	X(67, UMWAIT,			exit_undefined,		0)		\
	X(68, TPAUSE,			exit_undefined,		0)		\
	X(69, LOADIWKEY,		exit_undefined,		0)		\
	X(70, ENCLV,			exit_undefined,		0)		\
	X(72, ENQCMD_PASID,		exit_undefined,		0)		\
	X(73, ENQCMDS_PASID,		exit_undefined,		0)		\
	X(74, BUS_LOCK,			exit_unexpected,	0)		\
	X(75, NOTIFY,			exit_unexpected,	VECTORING)	\
	X(76, SEAMCALL,			exit_undefined,		0)		\
	X(77, TDCALL,			exit_undefined,		0)		\
	X(78, RDMSRLIST,		exit_undefined,		0)		\
	X(79, WRMSRLIST,		exit_undefined,		0)

#endif
