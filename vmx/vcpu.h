/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual CPU: its architectural state, what it shares with user space, and how other
 * threads reach it (requests and kicks). It brings the headers of its parts, which files that
 * include it do not name again.
 *
 * Lock letters on the fields below:
 *   (c) constant after vcpu_create()
 *   (v) vcpu->mutex, which every vCPU ioctl holds; most of it is only right while the
 *       vCPU is loaded (vcpu_load()), because a part of the state lives in the VMCS
 *   (i) as (v), and in addition touched with interrupts off around the VM entry
 *   (-) synchronizes itself: atomic, or the type's own lock
 */
#ifndef KVMLET_VMX_VCPU_H
#define KVMLET_VMX_VCPU_H

#include <linux/kvm.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcuwait.h>
#include "vmx/clock/clock.h"
#include "vmx/cpu/cpuid.h"
#include "vmx/cpu/debugger.h"
#include "vmx/cpu/event.h"
#include "vmx/cpu/linear.h"
#include "vmx/cpu/msr.h"
#include "vmx/cpu/segment.h"
#include "vmx/cpu/xstate.h"
#include "vmx/dirty_ring.h"
#include "vmx/exit/mmio.h"
#include "vmx/hw/switch.h"
#include "vmx/hw/vmcs.h"
#include "vmx/stats.h"
#include "vmx/vm.h"

struct lapic;

/* General registers as the instruction set numbers them. */
enum gpr {
	GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX, GPR_RSP, GPR_RBP, GPR_RSI, GPR_RDI,
	GPR_R8, GPR_R9, GPR_R10, GPR_R11, GPR_R12, GPR_R13, GPR_R14, GPR_R15,
	NR_GPRS
};

/* Bits of vcpu->requests: work another thread, or a handler, wants done before entry. */
enum vcpu_request {
	REQ_EVENT,		/* an interrupt, NMI or exception may be deliverable now */
	REQ_SMI,		/* an SMI waits, and may be taken now */
	REQ_TLB_FLUSH,		/* EPT entries were removed: INVEPT before the next entry */
	REQ_CLOCK,		/* rewrite this vCPU's kvm-clock page */
	REQ_STEAL,		/* and its record of stolen time */
	REQ_SETTLE,		/* lapic_settle() where one may sleep */
	REQ_UNHALT,		/* KVM_HC_KICK_CPU: stays, until it ends a HLT */
	REQ_CATCH_UP,		/* its TSC is faster than the host's: stays, for each entry */
	REQ_MSR_FILTER,		/* the VM's MSR filter has changed */
	REQ_PML,		/* the VM's writes are to be logged, or not any more */
	REQ_RING_FULL,		/* user space has to look at its dirty ring */
	REQ_EOI,		/* user space's IO-APIC has to hear of vcpu->eoi_vector */
	REQ_DEBUG,		/* a debugger may want an exit, or a single step */
	REQ_TRIPLE_FAULT,	/* shut the guest down */
};

/* Where the vCPU's thread is, for those who want its attention (vcpu->mode). */
enum vcpu_mode {
	VCPU_OUTSIDE,		/* in user space or in the kernel with interrupts on */
	VCPU_ENTERING,		/* interrupts off, about to enter or inside the guest */
	VCPU_EXITING,		/* kicked while entering: it comes out by itself */
};

struct vcpu {
	/* Reached from entry.S: keep first, the order is in vmx/hw/offsets.c. */
	unsigned long gpr[NR_GPRS];		/* (i) RSP's slot is a cache, see regs.h */
	unsigned long cr2;			/* (i) */

	struct vm *vm;				/* (c) */
	u32 id;					/* (c) KVM_CREATE_VCPU's argument, APIC id */
	unsigned int index;			/* (c) place in vm->vcpus */
	struct mutex mutex;
	struct kvm_run *run;			/* (c) page shared with user space: hostile */
	void *pio_data;				/* (c) the page after it */

	/* How others reach it. */
	unsigned long requests;			/* (-) atomic bits */
	int mode;				/* (-) enum vcpu_mode */
	int cpu;				/* (i) host CPU it is loaded on, -1: none */
	struct rcuwait wait;			/* (-) where its thread sleeps in HLT */
	struct preempt_notifier preempt;	/* (i) */
	bool off_kernel;			/* (-) with off_cpu: the guest was at CPL 0 */
	struct task_struct *off_cpu;		/* (-) its thread that waits for a processor, RCU */

	/* The hardware side. */
	struct vmcs_state vmcs01;		/* (i) the one it owns today */
	struct vmcs_state *vmcs;		/* (i) the current one */
	struct mmu_root *roots[MMU_ADDRESS_SPACES];	/* (v) SMM's from its first SMI on */
	struct mmu_root *root;			/* (v) of the address space it is in */
	bool smm;				/* (v) in SMM, which is address space 1 */
	struct switch_state sw;			/* (i) host registers while the guest's are in */
	u16 vpid;				/* (c) 0: none */
	u64 *pml;				/* (c) page that logs writes, NULL: none; pml.c */
	bool pml_on;				/* (i) */
	struct dirty_ring ring;			/* (-) dirty_ring.c */
	bool flush_l1d;				/* (i) the L1D cache may hold the host's data */
	u32 exit_reason;			/* (i) full reason of the last exit */
	u32 exit_intr_info;			/* (i) of an exit by exception or NMI */
	unsigned long rcu_told;			/* (i) jiffies when RCU heard of it last */

	/*
	 * Architectural state. What the VMCS holds is valid here by vmcs->cached; of CR0 and
	 * CR4 that is the bits the guest owns.
	 */
	unsigned long rip, rflags;		/* (v) regs.h */
	u32 ss_ar;				/* (v) segment.c */
	struct kvm_segment segment[NR_SEGMENTS];	/* (v) segment.c */
	struct kvm_dtable gdtr, idtr;		/* (v) segment.c */
	unsigned long cr0, cr3, cr4, cr8;	/* (v) cr.c; CR8 only without a LAPIC here */
	u64 efer;				/* (v) */
	u64 xcr0;				/* (v) */
	unsigned long dr[4], dr6, dr7;		/* (v) the guest's */
	unsigned long armed_dr7;		/* (v) what the processor gets, see debug_arm() */
	bool dr_lent;				/* (v) see debug_lend() */
	u64 apic_base;				/* (v) IA32_APIC_BASE */
	u32 mp_state;				/* (v) KVM_MP_STATE_* */
	struct vcpu_events ev;			/* (v) */
	struct vcpu_debugger debugger;		/* (v) */
	struct vcpu_cpuid cpuid;		/* (v) */
	struct vcpu_msrs msr;			/* (v) */
	struct vcpu_xstate fpu;			/* (v) */
	struct vcpu_clock clock;		/* (v) */
	struct lapic *lapic;			/* (c) NULL with IRQCHIP_NONE */
	unsigned long startup;			/* (-) INIT and SIPI that wait: lapic_startup.c */
	u8 eoi_vector;				/* valid with REQ_EOI */
	bool in_memory;				/* (i) an offered EOI, or the TPR: lapic_settle() */
	struct mmu_spot eoi_spot;		/* (i) where the word for EOIs is */
	gpa_t tpr_gpa;				/* (i) of the word that is the TPR, 0: none; it */
	bool tpr_known;				/* (i) was read after the guest ran, */
	u8 tpr_settled;				/* (i) was this when the TPR was the same */
	struct mmio_state mmio;			/* (v) an access being finished in user space */
	struct linear_fetch fetch[LINEAR_FETCHES];	/* (v) of instructions emulated lately */

	/* KVM_RUN's own. */
	int (*complete)(struct vcpu *vcpu);	/* (v) finishes the exit user space served */
	unsigned long io_rip;			/* (v) the I/O instruction it belongs to, */
	u8 io_size;				/* (v) and its operand's size */
	bool has_sigset;			/* (v) KVM_SET_SIGNAL_MASK */
	bool enforce_pv;			/* (v) KVM's features are those of its CPUID */
	bool ran;				/* (v) KVM_RUN has been called */
	u64 poll_ns;				/* (v) how long a HLT looks before it sleeps */
	sigset_t sigset;			/* (v) */

	struct vcpu_stats stats;		/* (v) to write */
};

int vcpu_create(struct vm *vm, unsigned long id);
int vcpu_release(struct inode *inode, struct file *file);
void vcpu_destroy(struct vcpu *vcpu);
void vcpu_load(struct vcpu *vcpu);
void vcpu_put(struct vcpu *vcpu);
int vcpu_run(struct vcpu *vcpu);
void vcpu_settle(struct vcpu *vcpu);
unsigned long vcpu_cr8(struct vcpu *vcpu);		/* both in irqchip/lapic_irq.c */
int vcpu_set_cr8(struct vcpu *vcpu, unsigned long cr8);

/* Others' way in, from any context; it also wakes it from HLT. */
void vcpu_kick(struct vcpu *vcpu);
bool vcpu_notify(struct vcpu *vcpu);

/**
 * vcpu_request() - ask a vCPU for work before its next entry
 * @vcpu: any vCPU
 * @req: REQ_* bit
 *
 * Pair with vcpu_kick() if the vCPU may be running or asleep. Context: any.
 */
static inline void vcpu_request(struct vcpu *vcpu, enum vcpu_request req)
{
	/* Orders what the request is about before the bit; pairs with vcpu_test_request(). */
	smp_mb__before_atomic();
	set_bit(req, &vcpu->requests);
}

/* True, once, for each time the request was made since the last call. */
static inline bool vcpu_test_request(struct vcpu *vcpu, enum vcpu_request req)
{
	if (likely(!test_bit(req, &vcpu->requests)))
		return false;
	clear_bit(req, &vcpu->requests);
	/* Pairs with vcpu_request(). */
	smp_mb__after_atomic();
	return true;
}

#endif
