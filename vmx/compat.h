/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only place that knows how kernels differ. Each entry says what changed; which form a
 * kernel has is found by looking into its headers (Kbuild's HAVE_*), never by its version,
 * because stable kernels get such changes too.
 */
#ifndef KVMLET_VMX_COMPAT_H
#define KVMLET_VMX_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>
#include <linux/syscore_ops.h>
#include <asm/apic.h>
#include <asm/cpufeature.h>
#include <asm/irq_vectors.h>
#include <asm/nospec-branch.h>
#include <asm/vmx.h>

/* register_syscore() replaced register_syscore_ops(): constant operations, a data pointer. */
#ifdef HAVE_REGISTER_SYSCORE
#define COMPAT_SYSCORE_ARG	void *unused
#define COMPAT_SYSCORE(name, suspend_fn, resume_fn)				\
	static const struct syscore_ops name##_ops = {				\
		.suspend = suspend_fn, .resume = resume_fn };			\
	static struct syscore name = { .ops = &name##_ops }
#define compat_register_syscore		register_syscore
#define compat_unregister_syscore	unregister_syscore
#else
#define COMPAT_SYSCORE_ARG	void
#define COMPAT_SYSCORE(name, suspend_fn, resume_fn)				\
	static struct syscore_ops name = {					\
		.suspend = suspend_fn, .resume = resume_fn }
#define compat_register_syscore		register_syscore_ops
#define compat_unregister_syscore	unregister_syscore_ops
#endif

/* rcu_virt_note_context_switch() lost its argument, the CPU. */
#ifdef HAVE_RCU_NOTE_VOID
#define compat_rcu_guest_enter()	rcu_virt_note_context_switch()
#else
#define compat_rcu_guest_enter()	rcu_virt_note_context_switch(smp_processor_id())
#endif

/* Reading immediate_exit off the shared page needs care, so its name came to say so. */
#ifdef HAVE_IMMEDIATE_EXIT_UNSAFE
#define compat_immediate_exit(run)	READ_ONCE((run)->immediate_exit__unsafe)
#else
#define compat_immediate_exit(run)	READ_ONCE((run)->immediate_exit)
#endif

/* hrtimer_setup() took the callback in; hrtimer_init() and the field's name went. */
#ifdef HAVE_HRTIMER_SETUP
#define compat_hrtimer_setup		hrtimer_setup
#else
static inline void compat_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*fn)(struct hrtimer *timer),
					clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = fn;
}
#endif

/* Assembly that jumps and has outputs, which some compilers take for superfluous: renamed. */
#ifdef asm_goto_output
#define compat_asm_goto			asm_goto_output
#else
#define compat_asm_goto			asm_volatile_goto
#endif

/* Kernels that know FRED run on it where the processor has it. */
#ifdef X86_FEATURE_FRED
#define compat_host_has_fred()		cpu_feature_enabled(X86_FEATURE_FRED)
#else
#define compat_host_has_fred()		false
#endif

/*
 * Posted interrupts need the vector of the kernel's own that notifies of them, which does nothing
 * outside a guest; and an interrupt that an exit acknowledges goes to the host by its IDT.
 */
#ifdef POSTED_INTR_VECTOR
#define compat_may_post()		(!compat_host_has_fred())
#define compat_notify(cpu)		apic->send_IPI(cpu, POSTED_INTR_VECTOR)
#else
#define POSTED_INTR_VECTOR		0
#define compat_may_post()		false
#define compat_notify(cpu)		do { } while (0)
#endif

/* The same switch, first named after the bug. */
#ifdef HAVE_CPU_BUF_VM_CLEAR
#define compat_mmio_leaks()		static_branch_unlikely(&cpu_buf_vm_clear)
#else
#define compat_mmio_leaks()		static_branch_unlikely(&mmio_stale_data_clear)
#endif

/* For a buffer that is filled before it is read, where the kernel's flags would zero it first. */
#if __has_attribute(uninitialized)
#define compat_uninitialized		__attribute__((uninitialized))
#else
#define compat_uninitialized
#endif

/* Older headers do not declare it. */
extern bool itlb_multihit_kvm_mitigation;

/* eventfd_signal() lost its count, which was always 1. */
#ifdef HAVE_EVENTFD_SIGNAL_VOID
#define compat_eventfd_signal(ctx)	eventfd_signal(ctx)
#else
#define compat_eventfd_signal(ctx)	eventfd_signal(ctx, 1)
#endif

/* Renamed after the instruction's enable bit. */
#ifndef SECONDARY_EXEC_XSAVES
#define SECONDARY_EXEC_XSAVES		SECONDARY_EXEC_ENABLE_XSAVES
#endif

#endif
