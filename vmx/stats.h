/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters: what each vCPU did, for KVM_GET_STATS_FD and debugfs. A counter is a plain number
 * that its vCPU's thread alone adds to, so that counting costs one instruction; readers may see
 * a VM's counters a few events apart. See Documentation/stat.rst.
 */
#ifndef KVMLET_VMX_STATS_H
#define KVMLET_VMX_STATS_H

#include <linux/atomic.h>
#include <linux/jump_label.h>
#include <linux/types.h>
#include "vmx/exit/reasons.h"

struct dentry;
struct vcpu;
struct vm;

/* Counted where it happens. The name is KVM's if KVM counts the same; exits are counted apart. */
#define STATS_COUNTERS(X)							\
	X(user_exits)		/* KVM_RUN returned 0: an exit for user space */	\
	X(mmio_exits)		/* ... of which KVM_EXIT_MMIO */			\
	X(request_irq_exits)	/* ... of which KVM_EXIT_IRQ_WINDOW_OPEN */		\
	X(signal_exits)		/* KVM_RUN ended for a signal */			\
	X(irq_injections)							\
	X(nmi_injections)							\
	X(exception_injections)							\
	X(insn_emulation)							\
	X(insn_emulation_fail)							\
	X(pf_fixed)		/* an EPT fault mapped a page */			\
	X(pf_emulate)		/* ... was an access to a device */			\
	X(tlb_flush)								\
	X(directed_yield_attempted)	/* by a hypercall, or a loop of PAUSEs */ \
	X(directed_yield_successful)						\
	X(halt_attempted_poll)	/* HLT looked for its end before it would sleep */ \
	X(halt_successful_poll)	/* ... and found it */				\
	X(halt_poll_invalid)	/* none, as upstream on x86 */			\
	X(halt_wakeup)		/* it slept, and was woken */

/* Likewise, in nanoseconds. */
#define STATS_DURATIONS(X)							\
	X(halt_poll_success_ns)							\
	X(halt_poll_fail_ns)

enum stats_counter {
#define X(name)	STATS_##name,
	STATS_COUNTERS(X)
	STATS_DURATIONS(X)
#undef X
	NR_STATS_COUNTERS
};

#define STATS_BUCKETS	32	/* [2^(n-1), 2^n) cycles; the last one has all that took longer */

/* From an exit to the next entry, user space and sleep in HLT included. */
struct stats_times {
	u64 cycles[NR_EXIT_REASONS];
	u64 bucket[NR_EXIT_REASONS][STATS_BUCKETS];
};

/* Written by the vCPU's thread, under vcpu->mutex; read by anyone. */
struct vcpu_stats {
	u64 exits[NR_EXIT_REASONS];
	u64 count[NR_STATS_COUNTERS];
	bool blocking;			/* asleep in HLT or waiting for its start */
	struct stats_times *times;	/* NULL until a KVM_RUN with times on; release/acquire */
	u64 left_at;			/* TSC of the last exit */
};

struct vm_stats {
	struct dentry *dir;		/* debugfs: kvmlet/PID-FD */
	int pid;			/* of the process that made the VM */
	atomic64_t remote_tlb_flush;
};

DECLARE_STATIC_KEY_FALSE(stats_timed);

/* The module's, in debugfs, or what debugfs has for an error and takes as a folder. */
extern struct dentry *stats_folder;

int stats_init(void);
void stats_exit(void);
void stats_vm_create(struct vm *vm, int fd);
void stats_vcpu_create(struct vcpu *vcpu);
int stats_fd(struct vm *vm, struct vcpu *vcpu);
void stats_times_create(struct vcpu *vcpu);
void stats_time_entry(struct vcpu *vcpu);
void stats_time_exit(struct vcpu *vcpu);

/* One more; only by the vCPU's own thread. */
#define stats_add(vcpu, name)		((void)(vcpu)->stats.count[STATS_##name]++)
#define stats_add_n(vcpu, name, n)	((void)((vcpu)->stats.count[STATS_##name] += (n)))

/* Around a stay in the guest: nothing at all while times are off. */
static inline void stats_entering(struct vcpu *vcpu)
{
	if (static_branch_unlikely(&stats_timed))
		stats_time_entry(vcpu);
}

static inline void stats_left(struct vcpu *vcpu)
{
	if (static_branch_unlikely(&stats_timed))
		stats_time_exit(vcpu);
}

#endif
