// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_RUN: the loop of VM entries and exits, what must be settled before each entry, and
 * when the thread sleeps or goes back to user space.
 *
 * vcpu->mutex throughout. Other threads reach a vCPU by vcpu_request() and vcpu_kick(): the
 * request is seen either before the entry, or its kick makes the guest exit. For that
 * vcpu->mode is written before the requests are looked at, and read after one was made.
 */
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/signal.h>
#include <asm/mce.h>
#include <asm/traps.h>
#include "vmx/compat.h"
#include "vmx/cpu/cr.h"
#include "vmx/cpu/debug.h"
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"
#include "vmx/hw/context.h"
#include "vmx/hw/controls.h"
#include "vmx/irqchip/irqchip.h"
#include "vmx/plant.h"
#include "vmx/thread_work.h"
#include "vmx/trace.h"

static uint halt_poll_ns = 200000;
module_param(halt_poll_ns, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns, "longest look for the end of a HLT before it sleeps (ns); 0: none");

#define POLL_FIRST_NS	10000ULL	/* the first look after none */

/* The part of an entry in which nothing may be traced: RCU does not watch. */
static noinstr u32 enter_guest(struct vcpu *vcpu)
{
	struct vmcs_state *vmcs = vcpu->vmcs;
	u32 failed;

	context_enter_guest();
	mitigate_enter(vcpu);
	if (vcpu->cr2 != native_read_cr2())
		native_write_cr2(vcpu->cr2);
	failed = vmx_enter(vcpu, vmcs->launched, vcpu->msr.spec_ctrl, &vmcs->host_rsp);
	vcpu->cr2 = native_read_cr2();
	mitigate_left();
	context_leave_guest();
	return failed;
}

static bool request_waits(struct vcpu *vcpu)
{
	/* Events are looked at with interrupts off, at the very last. Two have no end. */
	return READ_ONCE(vcpu->requests) &
	       ~(BIT(REQ_EVENT) | BIT(REQ_CATCH_UP) | BIT(REQ_UNHALT));
}

static bool startup_waits(struct vcpu *vcpu)
{
	return unlikely(READ_ONCE(vcpu->startup)) && lapic_startup(vcpu);
}

static bool must_not_enter(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->mode) != VCPU_ENTERING || request_waits(vcpu) ||
	       startup_waits(vcpu) || thread_work_waits();
}

/* Whoever makes an INIT or SIPI wait makes a request, too. */
static bool must_not_enter_again(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->requests) || READ_ONCE(vcpu->mode) != VCPU_ENTERING ||
	       thread_work_waits();
}

static noinline void machine_check(void)
{
	struct pt_regs regs = { .cs = 3, .flags = X86_EFLAGS_IF };

	do_machine_check(&regs);
}

/* An NMI or a machine check that ended the guest's run, or its entry, is the host's, now. */
static void hand_to_host(struct vcpu *vcpu)
{
	u32 info;

	if (unlikely((u16)vcpu->exit_reason == EXIT_REASON_MCE_DURING_VMENTRY))
		machine_check();
	if ((u16)vcpu->exit_reason != EXIT_REASON_EXCEPTION_NMI)
		return;
	info = vmcs_read32(VM_EXIT_INTR_INFO);
	vcpu->exit_intr_info = info;
	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR)
		context_host_nmi();
	else if ((info & INTR_INFO_VECTOR_MASK) == X86_TRAP_MC)
		machine_check();
}

/* An interrupt of the host's is taken here, where a tick finds the guest's time running. */
static void take_interrupt(struct vcpu *vcpu)
{
	if (vcpu->vmcs->exit & VM_EXIT_ACK_INTR_ON_EXIT) {
		vmx_take_interrupt(vmcs_read32(VM_EXIT_INTR_INFO));
	} else {
		local_irq_enable();
		nop();
		local_irq_disable();
	}
}

/* One entry and one exit. */
static void enter_and_exit(struct vcpu *vcpu)
{
	regs_flush(vcpu);
	plant_before_entry(vcpu);
	trace_entry(vcpu);
	stats_entering(vcpu);
	if (unlikely(enter_guest(vcpu))) {
		vcpu->exit_reason = EXIT_ENTRY_REFUSED;
	} else {
		vcpu->exit_reason = vmcs_read32(VM_EXIT_REASON);
		plant_after_exit(vcpu);
		if (likely(!(vcpu->exit_reason & VMX_EXIT_REASONS_FAILED_VMENTRY)))
			vcpu->vmcs->launched = true;
	}
	vmcs_forget(vcpu->vmcs);
	stats_left(vcpu);
	trace_exit(vcpu);
}

/*
 * With interrupts off, enter again after each exit that is handled so, until something else
 * waits. What a processor keeps of the host is put aside once for all of these entries; only
 * interrupts could change it. The host's DEBUGCTL does not survive an exit.
 *
 * Return: EXIT_LATER, or what the last exit's handler returned.
 */
static int stay_in_guest(struct vcpu *vcpu)
{
	unsigned long debugctl = __rdmsr(MSR_IA32_DEBUGCTLMSR);
	unsigned int left = controls_entries();
	int r;

	if (vcpu_test_request(vcpu, REQ_EVENT))
		event_prepare(vcpu);
	switch_refresh(vcpu);
	xstate_enter(vcpu);
	if (unlikely(debug_must_switch(vcpu))) {
		debug_switch_in(vcpu);
		/* What the guest writes to its debug registers is read after its first exit. */
		left = vcpu->dr_lent ? 1 : left;
	}
	context_start_time(&vcpu->rcu_told);
	do {
		enter_and_exit(vcpu);
		r = exit_handle_at_once(vcpu);
	} while (r == 1 && --left && !must_not_enter_again(vcpu));
	if (debugctl)
		update_debugctlmsr(debugctl);
	if (unlikely(debug_must_switch(vcpu)))
		debug_switch_out(vcpu);
	xstate_leave(vcpu);
	hand_to_host(vcpu);
	/* A kick from here on is not needed; whoever waits for an IPI's answer gets it below. */
	WRITE_ONCE(vcpu->mode, VCPU_OUTSIDE);
	if ((u16)vcpu->exit_reason == EXIT_REASON_EXTERNAL_INTERRUPT)
		take_interrupt(vcpu);
	context_stop_time();
	return r;
}

/* Return: 1 after an exit, or to try again. */
static int enter(struct vcpu *vcpu)
{
	int r;

	preempt_disable();
	switch_to_guest(vcpu);
	local_irq_disable();
	/* Orders the mode before the requests; pairs with vcpu_kick() and vm_flush(). */
	smp_store_mb(vcpu->mode, VCPU_ENTERING);
	if (must_not_enter(vcpu)) {
		WRITE_ONCE(vcpu->mode, VCPU_OUTSIDE);
		local_irq_enable();
		preempt_enable();
		return 1;
	}
	r = stay_in_guest(vcpu);
	local_irq_enable();
	preempt_enable();
	if (unlikely(vcpu->pml_on))
		pml_drain(vcpu);
	return r == EXIT_LATER ? exit_handle(vcpu) : r;
}

static void serve_clocks(struct vcpu *vcpu)
{
	if (vcpu_test_request(vcpu, REQ_CLOCK))
		clock_update(vcpu);
	if (vcpu_test_request(vcpu, REQ_STEAL))
		steal_update(vcpu);
	/* After the clock, which tells the guest a TSC that it must have reached. */
	if (test_bit(REQ_CATCH_UP, &vcpu->requests))
		tsc_load_offset(vcpu);
}

/* Those that are not made all the time. As handle_requests(). */
static noinline int handle_rare(struct vcpu *vcpu)
{
	int r;

	if (vcpu_test_request(vcpu, REQ_EOI)) {
		vcpu->run->exit_reason = KVM_EXIT_IOAPIC_EOI;
		vcpu->run->eoi.vector = vcpu->eoi_vector;
		return 0;
	}
	if (vcpu_test_request(vcpu, REQ_TRIPLE_FAULT))
		return exit_triple_fault(vcpu);
	if (vcpu_test_request(vcpu, REQ_RING_FULL) && dirty_ring_full(vcpu)) {
		vcpu_request(vcpu, REQ_RING_FULL);
		vcpu->run->exit_reason = KVM_EXIT_DIRTY_RING_FULL;
		return 0;
	}
	if (vcpu_test_request(vcpu, REQ_SMI)) {
		r = smm_serve(vcpu);
		if (r <= 0)
			return r;
	}
	if (vcpu_test_request(vcpu, REQ_DEBUG) && !debugger_serve(vcpu))
		return 0;
	if (vcpu_test_request(vcpu, REQ_MSR_FILTER))
		controls_set_msr_bitmap(vcpu);
	if (vcpu_test_request(vcpu, REQ_PML))
		pml_update(vcpu);
	if (vcpu_test_request(vcpu, REQ_SETTLE))
		lapic_settle(vcpu);
	return 1;
}

#define REQS_OFTEN	(BIT(REQ_EVENT) | BIT(REQ_TLB_FLUSH) | BIT(REQ_CLOCK) |		\
			 BIT(REQ_STEAL) | BIT(REQ_CATCH_UP) | BIT(REQ_UNHALT))

/* Return: 1 to go on, 0 to user space, or a negative errno. */
static noinline int handle_requests(struct vcpu *vcpu)
{
	int r = READ_ONCE(vcpu->requests) & ~REQS_OFTEN ? handle_rare(vcpu) : 1;

	if (r <= 0)
		return r;
	serve_clocks(vcpu);
	if (vcpu_test_request(vcpu, REQ_TLB_FLUSH)) {
		stats_add(vcpu, tlb_flush);
		tlb_flush_ept(controls_eptp(vcpu->root->hpa));
	}
	return 1;
}

/* INIT and SIPI are taken between instructions, whatever the vCPU does outside SMM. */
static void take_startup(struct vcpu *vcpu)
{
	bool waits, sipi;
	u8 vector;

	if (!vcpu->lapic || vcpu->smm)
		return;
	if (lapic_take_init(vcpu)) {
		reset_vcpu(vcpu, true);
		vcpu->mp_state = vcpu->id == vcpu->vm->boot_cpu_id ? KVM_MP_STATE_RUNNABLE :
								     KVM_MP_STATE_INIT_RECEIVED;
	}
	waits = vcpu->mp_state == KVM_MP_STATE_INIT_RECEIVED;
	/* One that nobody waits for is lost. */
	sipi = lapic_take_sipi(vcpu, &vector);
	if (waits && sipi) {
		reset_sipi(vcpu, vector);
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	}
}

static __always_inline bool halt_ends(struct vcpu *vcpu)
{
	return vcpu->mp_state == KVM_MP_STATE_HALTED &&
	       (vcpu->ev.exception.pending || vcpu->ev.exception.injected ||
		(atomic_read(&vcpu->ev.nmi.pending) && event_nmi_allowed(vcpu)) ||
		(event_interrupt_waiting(vcpu) && event_interrupt_allowed(vcpu)) ||
		test_bit(REQ_UNHALT, &vcpu->requests));
}

/**
 * vcpu_settle() - take the INIT, SIPI or event that has arrived into vcpu->mp_state
 * @vcpu: loaded
 */
void vcpu_settle(struct vcpu *vcpu)
{
	take_startup(vcpu);
	if (halt_ends(vcpu)) {
		vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
		vcpu_test_request(vcpu, REQ_UNHALT);
	}
}

/* Is asked by a thread that is about to sleep, so nothing here may. */
static bool must_wake(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->requests) & (BIT(REQ_TRIPLE_FAULT) | BIT(REQ_SMI)) ||
	       startup_waits(vcpu) || halt_ends(vcpu) || signal_pending(current);
}

/* The VM's own, or the parameter. */
static u64 poll_limit(const struct vcpu *vcpu)
{
	u64 own = READ_ONCE(vcpu->vm->halt_poll);

	return own ? own - 1 : READ_ONCE(halt_poll_ns);
}

/*
 * A HLT that nothing has ended yet: keeps the processor for a while, as long as nobody else wants
 * it. Return: when it began.
 */
static noinline u64 poll(struct vcpu *vcpu, u64 limit)
{
	u64 start = ktime_get_ns(), end = start;
	bool woken;

	vcpu->poll_ns = min(vcpu->poll_ns, limit);
	if (!vcpu->poll_ns)
		return start;
	do {
		cpu_relax();
		woken = must_wake(vcpu);
		end = ktime_get_ns();
	} while (!woken && end - start < vcpu->poll_ns && single_task_running() && !need_resched());
	stats_add(vcpu, halt_attempted_poll);
	if (woken) {
		stats_add(vcpu, halt_successful_poll);
		stats_add_n(vcpu, halt_poll_success_ns, end - start);
	} else {
		stats_add_n(vcpu, halt_poll_fail_ns, end - start);
	}
	return start;
}

/*
 * As a sleep costs more than a short look, the next HLT is looked at as long as that would have
 * paid: twice as long after one that ended soon, not at all after one longer than the limit.
 */
static noinline void poll_adapt(struct vcpu *vcpu, u64 limit, u64 start)
{
	u64 time = ktime_get_ns() - start;

	if (time > limit)
		vcpu->poll_ns = 0;
	else if (time > vcpu->poll_ns)
		vcpu->poll_ns = clamp(2 * vcpu->poll_ns, min(POLL_FIRST_NS, limit), limit);
}

static void block(struct vcpu *vcpu)
{
	u64 limit = vcpu->mp_state == KVM_MP_STATE_HALTED ? poll_limit(vcpu) : 0, start = 0;

	/* Else an interrupt that waits for the end of another would not wake it. */
	if (unlikely(vcpu->in_memory))
		lapic_settle(vcpu);
	if (limit && !must_wake(vcpu))
		start = poll(vcpu, limit);
	WRITE_ONCE(vcpu->stats.blocking, true);
	prepare_to_rcuwait(&vcpu->wait);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (must_wake(vcpu))
			break;
		schedule();
		stats_add(vcpu, halt_wakeup);
	}
	finish_rcuwait(&vcpu->wait);
	WRITE_ONCE(vcpu->stats.blocking, false);
	if (start)
		poll_adapt(vcpu, limit, start);
	vcpu_settle(vcpu);
}

static bool window_open(struct vcpu *vcpu)
{
	return event_wire_free(vcpu) && !vcpu->ev.interrupt.injected &&
	       !vcpu->ev.exception.pending && !vcpu->ev.exception.injected &&
	       event_interrupt_allowed(vcpu);
}

/* Return: 1 to go on, 0 to user space, or -EINTR. */
static int between_entries(struct vcpu *vcpu)
{
	int r;

	/* REQ_EOI comes first: it is user space's, and not saved with the vCPU. */
	if (vcpu->run->request_interrupt_window && window_open(vcpu) &&
	    !test_bit(REQ_EOI, &vcpu->requests)) {
		vcpu->run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
		stats_add(vcpu, request_irq_exits);
		return 0;
	}
	if (likely(!thread_work_waits()) || test_bit(REQ_EOI, &vcpu->requests))
		return 1;
	r = thread_work();
	if (!r)
		return 1;
	stats_add(vcpu, signal_exits);
	vcpu->run->exit_reason = KVM_EXIT_INTR;
	return r;
}

static int step(struct vcpu *vcpu)
{
	int r = likely(!(READ_ONCE(vcpu->requests) & ~BIT(REQ_EVENT))) ? 1 : handle_requests(vcpu);

	if (r <= 0)
		return r;
	if (vcpu->mp_state != KVM_MP_STATE_RUNNABLE || startup_waits(vcpu)) {
		block(vcpu);
		return vcpu->mp_state != KVM_MP_STATE_RUNNABLE || cr_state_runs(vcpu) ?
			       1 : exit_mode_unsupported(vcpu);
	}
	return enter(vcpu);
}

static int run_loop(struct vcpu *vcpu)
{
	int r;

	if (vcpu->mp_state == KVM_MP_STATE_RUNNABLE && !cr_state_runs(vcpu))
		return exit_mode_unsupported(vcpu);
	do {
		r = step(vcpu);
		if (r > 0)
			r = between_entries(vcpu);
	} while (r > 0);
	/* Its thread may have to wait for a processor in user space, too. */
	if (unlikely(vcpu->msr.steal_time))
		vcpu_request(vcpu, REQ_STEAL);
	/* User space is to find the LAPIC and the word as one. */
	if (unlikely(vcpu->in_memory))
		lapic_settle(vcpu);
	xstate_put_fpu(vcpu);
	return r;
}

/* An application processor that has not been started waits here, once a KVM_RUN. */
static int wait_for_startup(struct vcpu *vcpu)
{
	int r;

	if (compat_immediate_exit(vcpu->run))
		return -EINTR;
	r = handle_requests(vcpu);
	if (r <= 0)
		return r;
	block(vcpu);
	if (!signal_pending(current))
		return -EAGAIN;
	stats_add(vcpu, signal_exits);
	vcpu->run->exit_reason = KVM_EXIT_INTR;
	return -EINTR;
}

static int finish_last_exit(struct vcpu *vcpu)
{
	int (*complete)(struct vcpu *) = vcpu->complete;

	if (!complete)
		return 1;
	vcpu->complete = NULL;
	return complete(vcpu);
}

static int run(struct vcpu *vcpu)
{
	int r;

	if (vcpu->mp_state == KVM_MP_STATE_UNINITIALIZED)
		return wait_for_startup(vcpu);
	if (!vcpu->lapic && vcpu->run->cr8 != vcpu->cr8 && vcpu_set_cr8(vcpu, vcpu->run->cr8))
		return -EINVAL;
	if (vcpu->run->request_interrupt_window)
		vcpu_request(vcpu, REQ_EVENT);
	r = finish_last_exit(vcpu);
	if (r <= 0)
		return r;
	if (compat_immediate_exit(vcpu->run)) {
		vcpu->run->exit_reason = KVM_EXIT_INTR;
		return -EINTR;
	}
	return run_loop(vcpu);
}

static void report_state(struct vcpu *vcpu)
{
	bool if_flag = vcpu_rflags(vcpu) & X86_EFLAGS_IF;
	struct kvm_run *run = vcpu->run;

	run->flags = vcpu->smm ? KVM_RUN_X86_SMM : 0;
	run->if_flag = if_flag;
	run->cr8 = vcpu_cr8(vcpu);
	run->apic_base = vcpu->apic_base;
	run->ready_for_interrupt_injection =
		vcpu->vm->irqchip == IRQCHIP_KERNEL || (if_flag && window_open(vcpu));
}

/**
 * vcpu_run() - KVM_RUN
 * @vcpu: loaded, under vcpu->mutex
 *
 * Return: 0 with an exit reason in the run page; -EINTR for a signal or immediate_exit;
 * -EAGAIN after an application processor was started; -EFAULT with KVM_EXIT_MEMORY_FAULT;
 * -EINVAL; -EIO if a reboot has taken VT-x away.
 */
int vcpu_run(struct vcpu *vcpu)
{
	int r;

	if (unlikely(vcpu->run->kvm_valid_regs || vcpu->run->kvm_dirty_regs)) {
		r = sync_regs_in(vcpu);
		if (r)
			return r;
	}
	/* What is blocked outside does not kill inside: the signal code looks at real_blocked. */
	if (vcpu->has_sigset)
		sigprocmask(SIG_SETMASK, &vcpu->sigset, &current->real_blocked);
	vcpu->ran = true;
	if (static_branch_unlikely(&stats_timed))
		stats_times_create(vcpu);
	r = run(vcpu);
	if (!r)
		stats_add(vcpu, user_exits);
	report_state(vcpu);
	if (unlikely(vcpu->run->kvm_valid_regs))
		sync_regs_out(vcpu);
	if (vcpu->has_sigset) {
		sigprocmask(SIG_SETMASK, &current->real_blocked, NULL);
		sigemptyset(&current->real_blocked);
	}
	return r;
}
