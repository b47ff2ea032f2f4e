// SPDX-License-Identifier: GPL-2.0
/*
 * Events on their way into a guest: exceptions, NMIs, interrupts. Handlers queue exceptions,
 * other threads add NMIs and interrupts; event_prepare() gives the processor the one that
 * goes first and asks for an exit when the next may follow.
 *
 * vcpu->mutex, vCPU loaded, unless said otherwise.
 * SDM vol. 3A, 6.9 (priorities), table 6-5 (double faults); vol. 3C, 26.6 and 27.2.4.
 */
#include <linux/sched.h>
#include <asm/traps.h>
#include "vmx/cpu/debug.h"
#include "vmx/cpu/event.h"
#include "vmx/cpu/regs.h"
#include "vmx/irqchip/irqchip.h"
#include "vmx/trace.h"

#define NMI_QUEUE_MAX	2

#define EVENT_TYPE(info)	((info) & INTR_INFO_INTR_TYPE_MASK)

enum exception_class { CLASS_BENIGN, CLASS_CONTRIBUTORY, CLASS_PAGE_FAULT };

static enum exception_class class_of(u8 vector)
{
	switch (vector) {
	case X86_TRAP_PF:
		return CLASS_PAGE_FAULT;
	case X86_TRAP_DE:
	case X86_TRAP_TS:
	case X86_TRAP_NP:
	case X86_TRAP_SS:
	case X86_TRAP_GP:
		return CLASS_CONTRIBUTORY;
	default:
		return CLASS_BENIGN;
	}
}

/**
 * event_reset() - nothing is on its way
 * @vcpu: being created or reset
 */
void event_reset(struct vcpu *vcpu)
{
	memset(&vcpu->ev, 0, sizeof(vcpu->ev));
	vcpu->ev.user_vector = -1;
}

/* While another one was being delivered. SDM table 6-5. */
static noinline void queue_second(struct vcpu *vcpu, struct vcpu_exception exception)
{
	enum exception_class first = class_of(vcpu->ev.exception.vector);
	enum exception_class second = class_of(exception.vector);

	if (vcpu->ev.exception.vector == X86_TRAP_DF && second != CLASS_BENIGN) {
		vcpu->ev.exception.injected = false;
		vcpu_request(vcpu, REQ_TRIPLE_FAULT);
		return;
	}
	if ((first == CLASS_CONTRIBUTORY && second == CLASS_CONTRIBUTORY) ||
	    (first == CLASS_PAGE_FAULT && second != CLASS_BENIGN))
		exception = (struct vcpu_exception) {
			.pending = true, .vector = X86_TRAP_DF, .has_error = true,
		};
	vcpu->ev.exception = exception;
}

/* Inlined, since most of it is known there. */
static __always_inline void queue(struct vcpu *vcpu, struct vcpu_exception exception)
{
	exception.pending = true;
	vcpu_request(vcpu, REQ_EVENT);
	if (vcpu->ev.exception.pending || vcpu->ev.exception.injected)
		queue_second(vcpu, exception);
	else
		vcpu->ev.exception = exception;
}

static void deliver_payload(struct vcpu *vcpu)
{
	if (vcpu->ev.exception.has_payload && vcpu->ev.exception.vector == X86_TRAP_PF)
		vcpu->cr2 = vcpu->ev.exception.payload;
	else if (vcpu->ev.exception.has_payload && vcpu->ev.exception.vector == X86_TRAP_DB)
		debug_deliver(vcpu, vcpu->ev.exception.payload);
	vcpu->ev.exception.has_payload = false;
}

/**
 * event_exception() - raise an exception without an error code
 * @vcpu: loaded
 * @vector: 0 to 31
 */
void event_exception(struct vcpu *vcpu, u8 vector)
{
	queue(vcpu, (struct vcpu_exception) { .vector = vector });
}

/**
 * event_exception_error() - raise an exception with an error code
 * @vcpu: loaded
 * @vector: 0 to 31
 * @error: what it pushes
 */
void event_exception_error(struct vcpu *vcpu, u8 vector, u32 error)
{
	queue(vcpu, (struct vcpu_exception) {
		.vector = vector, .has_error = true, .error = error
	});
}

/**
 * event_soft_exception() - raise an exception as an instruction does
 * @vcpu: loaded
 * @vector: #BP
 * @insn_len: bytes of the instruction at RIP
 */
void event_soft_exception(struct vcpu *vcpu, u8 vector, u8 insn_len)
{
	queue(vcpu, (struct vcpu_exception) {
		.vector = vector, .soft = true, .insn_len = insn_len
	});
}

/**
 * event_page_fault() - raise #PF
 * @vcpu: loaded
 * @address: linear address for CR2
 * @error: what it pushes
 */
void event_page_fault(struct vcpu *vcpu, unsigned long address, u32 error)
{
	queue(vcpu, (struct vcpu_exception) {
		.vector = X86_TRAP_PF, .has_error = true, .error = error,
		.has_payload = true, .payload = address
	});
}

/**
 * event_debug_pending() - does a #DB wait, whose conditions are not in DR6 yet?
 * @vcpu: any
 */
bool event_debug_pending(const struct vcpu *vcpu)
{
	return vcpu->ev.exception.pending && vcpu->ev.exception.has_payload &&
	       vcpu->ev.exception.vector == X86_TRAP_DB;
}

/**
 * event_debug() - raise #DB
 * @vcpu: loaded
 * @dr6: the bits of DR6 that it sets
 */
void event_debug(struct vcpu *vcpu, unsigned long dr6)
{
	/* One #DB tells of all that an instruction met. */
	if (event_debug_pending(vcpu))
		dr6 |= vcpu->ev.exception.payload;
	queue(vcpu, (struct vcpu_exception) {
		.vector = X86_TRAP_DB, .has_payload = true, .payload = dr6
	});
	if (unlikely(vcpu->debugger.control))
		vcpu_request(vcpu, REQ_DEBUG);
}

/**
 * vcpu_inject_nmi() - an NMI arrives at a vCPU
 * @vcpu: any; the caller kicks it
 *
 * Context: any.
 */
void vcpu_inject_nmi(struct vcpu *vcpu)
{
	atomic_add_unless(&vcpu->ev.nmi.pending, 1, NMI_QUEUE_MAX);
	vcpu_request(vcpu, REQ_EVENT);
}

static u32 interruptibility(struct vcpu *vcpu)
{
	return vmcs_read32(GUEST_INTERRUPTIBILITY_INFO);
}

/**
 * event_block_nmi() - NMIs are blocked as in an NMI's handler, or are not
 * @vcpu: loaded
 * @on: blocked
 */
void event_block_nmi(struct vcpu *vcpu, bool on)
{
	u32 blocked = interruptibility(vcpu) & ~GUEST_INTR_STATE_NMI;

	vmcs_write32(GUEST_INTERRUPTIBILITY_INFO, blocked | (on ? GUEST_INTR_STATE_NMI : 0));
}

static u8 shadow_of(u32 blocked)
{
	return (blocked & GUEST_INTR_STATE_MOV_SS ? KVM_X86_SHADOW_INT_MOV_SS : 0) |
	       (blocked & GUEST_INTR_STATE_STI ? KVM_X86_SHADOW_INT_STI : 0);
}

/**
 * event_shadow() - what the last instruction blocks for the next one
 * @vcpu: loaded
 *
 * Return: KVM_X86_SHADOW_INT_*
 */
u8 event_shadow(struct vcpu *vcpu)
{
	return shadow_of(interruptibility(vcpu));
}

/**
 * event_set_shadow() - the last instruction was STI or MOV SS, or none of them
 * @vcpu: loaded
 * @shadow: KVM_X86_SHADOW_INT_*; of both MOV SS counts, since a VM entry refuses both at once
 */
void event_set_shadow(struct vcpu *vcpu, u8 shadow)
{
	u32 old = interruptibility(vcpu), blocked = old & ~EVENT_SHADOWS;

	if (shadow & KVM_X86_SHADOW_INT_MOV_SS)
		blocked |= GUEST_INTR_STATE_MOV_SS;
	else if (shadow & KVM_X86_SHADOW_INT_STI)
		blocked |= GUEST_INTR_STATE_STI;
	if (blocked != old)
		vmcs_write32(GUEST_INTERRUPTIBILITY_INFO, blocked);
}

/**
 * event_interrupt_allowed() - would the guest take an interrupt at this instruction?
 * @vcpu: loaded
 *
 * Return: RFLAGS.IF and no shadow of STI or MOV SS.
 */
bool event_interrupt_allowed(struct vcpu *vcpu)
{
	return (vcpu_rflags(vcpu) & X86_EFLAGS_IF) && !(interruptibility(vcpu) & EVENT_SHADOWS);
}

/**
 * event_nmi_allowed() - would the guest take an NMI at this instruction?
 * @vcpu: loaded
 *
 * Return: true unless an NMI's handler runs or STI or MOV SS blocks it.
 */
bool event_nmi_allowed(struct vcpu *vcpu)
{
	return !(interruptibility(vcpu) & (GUEST_INTR_STATE_NMI | EVENT_SHADOWS));
}

/**
 * event_smi_allowed() - would the vCPU take an SMI now?
 * @vcpu: loaded
 *
 * Return: false in SMM, before it was started, for a debugger that holds it, and as long as
 * another event is on its way: that is delivered first.
 */
bool event_smi_allowed(const struct vcpu *vcpu)
{
	return !vcpu->smm && !(vcpu->debugger.control & KVM_GUESTDBG_BLOCKIRQ) &&
	       (vcpu->mp_state == KVM_MP_STATE_RUNNABLE ||
		vcpu->mp_state == KVM_MP_STATE_HALTED) &&
	       !vcpu->ev.exception.pending && !vcpu->ev.exception.injected &&
	       !vcpu->ev.nmi.injected && !vcpu->ev.interrupt.injected;
}

/**
 * event_interrupt_waiting() - does an interrupt wait for this vCPU?
 * @vcpu: loaded
 *
 * Return: true if one would be delivered as soon as the guest allows it.
 */
bool event_interrupt_waiting(struct vcpu *vcpu)
{
	if (vcpu->vm->irqchip == IRQCHIP_NONE)
		return vcpu->ev.user_vector >= 0;
	return irqchip_pending(vcpu) >= 0;
}

/**
 * event_take_user() - the vector of user space's KVM_INTERRUPT, which waits no more
 * @vcpu: loaded
 *
 * Return: 0 to 255, -1 if there is none.
 */
int event_take_user(struct vcpu *vcpu)
{
	int vector = vcpu->ev.user_vector;

	vcpu->ev.user_vector = -1;
	return vector;
}

static void inject(struct vcpu *vcpu, u32 info, u8 vector, u8 insn_len)
{
	u32 type = EVENT_TYPE(info);

	if (type == INTR_TYPE_SOFT_INTR || type == INTR_TYPE_SOFT_EXCEPTION ||
	    type == INTR_TYPE_PRIV_SW_EXCEPTION)
		vmcs_write32(VM_ENTRY_INSTRUCTION_LEN, insn_len);
	vmcs_write32(VM_ENTRY_INTR_INFO_FIELD, info | vector | INTR_INFO_VALID_MASK);
	trace_inj(vcpu, info | vector, vcpu->ev.exception.error);
}

static u32 exception_type(const struct vcpu *vcpu)
{
	if (!vcpu->ev.exception.soft)
		return INTR_TYPE_HARD_EXCEPTION;
	return vcpu->ev.exception.vector == X86_TRAP_DB ? INTR_TYPE_PRIV_SW_EXCEPTION :
							  INTR_TYPE_SOFT_EXCEPTION;
}

static void inject_exception(struct vcpu *vcpu)
{
	u32 info = exception_type(vcpu);

	/* Real mode has no error codes, and a VM entry refuses one there. */
	if (vcpu->ev.exception.has_error && (vcpu->cr0 & X86_CR0_PE)) {
		info |= INTR_INFO_DELIVER_CODE_MASK;
		vmcs_write32(VM_ENTRY_EXCEPTION_ERROR_CODE, vcpu->ev.exception.error);
	}
	stats_add(vcpu, exception_injections);
	inject(vcpu, info, vcpu->ev.exception.vector, vcpu->ev.exception.insn_len);
}

/* Delivery begins: only now may DR6, CR2 and RFLAGS.RF change. */
static void deliver_exception(struct vcpu *vcpu)
{
	bool fault = vcpu->ev.exception.vector != X86_TRAP_DB &&
		     vcpu->ev.exception.vector != X86_TRAP_BP &&
		     vcpu->ev.exception.vector != X86_TRAP_OF;

	deliver_payload(vcpu);
	if (fault)
		vcpu_set_rflags(vcpu, vcpu_rflags(vcpu) | X86_EFLAGS_RF);
	vcpu->ev.exception.pending = false;
	vcpu->ev.exception.injected = true;
	inject_exception(vcpu);
}

static void inject_nmi(struct vcpu *vcpu)
{
	vcpu->ev.nmi.injected = true;
	stats_add(vcpu, nmi_injections);
	inject(vcpu, INTR_TYPE_NMI_INTR, NMI_VECTOR, 0);
}

static void inject_interrupt(struct vcpu *vcpu)
{
	stats_add(vcpu, irq_injections);
	inject(vcpu, vcpu->ev.interrupt.soft ? INTR_TYPE_SOFT_INTR : INTR_TYPE_EXT_INTR,
	       vcpu->ev.interrupt.vector, vcpu->ev.interrupt.insn_len);
}

/* What was begun comes first. True if there was something. */
static bool reinject(struct vcpu *vcpu)
{
	if (vcpu->ev.exception.injected)
		inject_exception(vcpu);
	else if (vcpu->ev.nmi.injected)
		inject_nmi(vcpu);
	else if (vcpu->ev.interrupt.injected)
		inject_interrupt(vcpu);
	else
		return false;
	return true;
}

static void set_windows(struct vcpu *vcpu, bool nmi, bool interrupt)
{
	u32 proc = vcpu->vmcs->proc & ~(CPU_BASED_NMI_WINDOW_EXITING |
					CPU_BASED_INTR_WINDOW_EXITING);

	if (nmi)
		proc |= CPU_BASED_NMI_WINDOW_EXITING;
	if (interrupt)
		proc |= CPU_BASED_INTR_WINDOW_EXITING;
	if (proc == vcpu->vmcs->proc)
		return;
	vcpu->vmcs->proc = proc;
	vmcs_write32(CPU_BASED_VM_EXEC_CONTROL, proc);
}

static bool start_nmi(struct vcpu *vcpu)
{
	if (!atomic_read(&vcpu->ev.nmi.pending) || !event_nmi_allowed(vcpu))
		return false;
	atomic_dec(&vcpu->ev.nmi.pending);
	inject_nmi(vcpu);
	return true;
}

static bool start_interrupt(struct vcpu *vcpu)
{
	int vector;

	if (!event_interrupt_allowed(vcpu))
		return false;
	vector = vcpu->lapic ? irqchip_ack(vcpu) : event_take_user(vcpu);
	if (vector < 0)
		return false;
	vcpu->ev.interrupt.injected = true;
	vcpu->ev.interrupt.soft = false;
	vcpu->ev.interrupt.vector = vector;
	inject_interrupt(vcpu);
	return true;
}

/* A guest with a TPR shadow is looked at again when its TPR lets an interrupt pass. */
static void set_threshold(struct vcpu *vcpu)
{
	u32 threshold = lapic_tpr_threshold(vcpu);

	if (threshold == vcpu->vmcs->tpr_threshold)
		return;
	vcpu->vmcs->tpr_threshold = threshold;
	vmcs_write32(TPR_THRESHOLD, threshold);
}

/**
 * event_wire_free() - would KVM_INTERRUPT's vector reach the guest, once that allows interrupts?
 * @vcpu: any
 */
bool event_wire_free(const struct vcpu *vcpu)
{
	return vcpu->vm->irqchip != IRQCHIP_KERNEL && vcpu->ev.user_vector < 0 &&
	       (!vcpu->lapic || lapic_accepts_extint(vcpu->lapic));
}

/**
 * event_prepare() - give the processor the event that goes first
 * @vcpu: about to enter
 *
 * Of those that must wait, an NMI or interrupt gets a window: an exit as soon as the guest
 * allows it. If the processor cannot deliver what it is given, the exit says so and
 * event_reclaim() follows. Context: interrupts off; nothing may keep the vCPU from entering
 * after this.
 */
void event_prepare(struct vcpu *vcpu)
{
	bool held = vcpu->debugger.control & KVM_GUESTDBG_BLOCKIRQ;
	bool smi = READ_ONCE(vcpu->ev.smi_pending) && !vcpu->smm;
	bool delivers = vcpu->vmcs->proc2 & SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY;

	if (unlikely(vcpu->in_memory) && !held) {
		held = !lapic_settle(vcpu);
		/* What has ended lets pass what is looked at now, not after the next exit again. */
		if (!held)
			vcpu_test_request(vcpu, REQ_EVENT);
	}
	/* It waits for the delivery of another event: there is no better window for it. */
	if (smi)
		vcpu_request(vcpu, REQ_SMI);
	if (!reinject(vcpu)) {
		if (vcpu->ev.exception.pending)
			deliver_exception(vcpu);
		else if (!held && !start_nmi(vcpu))
			start_interrupt(vcpu);
	}
	set_windows(vcpu, !held && (smi || atomic_read(&vcpu->ev.nmi.pending)),
		    (!held && (delivers ? irqchip_extint(vcpu) : event_interrupt_waiting(vcpu))) ||
		    /* Else it would end each entry at once. */
		    (vcpu->run->request_interrupt_window && event_wire_free(vcpu)));
	if (delivers)
		lapic_let_deliver(vcpu, held);
	else if (vcpu->vmcs->proc & CPU_BASED_TPR_SHADOW)
		set_threshold(vcpu);
	vcpu->ev.exception.injected = false;
	vcpu->ev.nmi.injected = false;
	vcpu->ev.interrupt.injected = false;
}

/**
 * event_reclaim() - an exit came while an event was being delivered: deliver it again
 * @vcpu: that has just exited
 * @info: the VMCS's IDT-vectoring information, valid
 * @error: IDT-vectoring error code
 *
 * SDM 27.2.4. Context: any.
 */
void event_reclaim(struct vcpu *vcpu, u32 info, u32 error)
{
	u8 vector = info & INTR_INFO_VECTOR_MASK;
	u32 type = EVENT_TYPE(info);

	vcpu_request(vcpu, REQ_EVENT);
	switch (type) {
	case INTR_TYPE_NMI_INTR:
		vcpu->ev.nmi.injected = true;
		/* The delivery blocked NMIs, and an entry that injects one insists on none. */
		event_block_nmi(vcpu, false);
		break;
	case INTR_TYPE_EXT_INTR:
	case INTR_TYPE_SOFT_INTR:
		vcpu->ev.interrupt.injected = true;
		vcpu->ev.interrupt.soft = type == INTR_TYPE_SOFT_INTR;
		vcpu->ev.interrupt.vector = vector;
		vcpu->ev.interrupt.insn_len = vmcs_read32(VM_EXIT_INSTRUCTION_LEN);
		break;
	default:
		vcpu->ev.exception.injected = true;
		vcpu->ev.exception.soft = type != INTR_TYPE_HARD_EXCEPTION;
		vcpu->ev.exception.vector = vector & 31;
		vcpu->ev.exception.has_error = info & INTR_INFO_DELIVER_CODE_MASK;
		vcpu->ev.exception.error = error;
		vcpu->ev.exception.insn_len = vmcs_read32(VM_EXIT_INSTRUCTION_LEN);
		break;
	}
}

/**
 * event_interrupt_vector() - the interrupt that is taken and not delivered yet
 * @vcpu: loaded
 *
 * Return: its vector, -1 if there is none.
 */
int event_interrupt_vector(struct vcpu *vcpu)
{
	if (vcpu->ev.interrupt.injected && !vcpu->ev.interrupt.soft)
		return vcpu->ev.interrupt.vector;
	/* Beside LAPICs it is not a state of the processor: the 8259 that it comes from has it. */
	return vcpu->lapic ? -1 : vcpu->ev.user_vector;
}

/**
 * event_set_interrupt() - user space restores the interrupt that was taken
 * @vcpu: loaded
 * @vector: 0 to 255, -1 for none
 *
 * Without a controller here it waits until the guest allows it, as KVM_INTERRUPT's does.
 */
void event_set_interrupt(struct vcpu *vcpu, int vector)
{
	if (vcpu->vm->irqchip == IRQCHIP_NONE) {
		vcpu->ev.interrupt.injected = false;
		vcpu->ev.user_vector = vector;
		return;
	}
	vcpu->ev.interrupt.injected = vector >= 0;
	vcpu->ev.interrupt.vector = max(vector, 0);
	vcpu->ev.interrupt.soft = false;
}

/*
 * An exception that is pending is shown as injected without KVM_CAP_EXCEPTION_PAYLOAD, and its
 * payload is delivered to DR6 or CR2 now. Not so a #DB that is the debugger's.
 */
static noinline void get_exception(struct vcpu *vcpu, bool payload,
				   struct kvm_vcpu_events *events)
{
	bool pending = vcpu->ev.exception.pending && !debugger_takes(vcpu);

	if (pending && !payload)
		deliver_payload(vcpu);
	if (!vcpu->ev.exception.soft) {
		events->exception.injected = vcpu->ev.exception.injected || (pending && !payload);
		events->exception.pending = pending && payload;
	}
	events->exception_has_payload = vcpu->ev.exception.has_payload;
	events->exception_payload = vcpu->ev.exception.payload;
	events->exception.nr = vcpu->ev.exception.vector;
	events->exception.has_error_code = vcpu->ev.exception.has_error;
	events->exception.error_code = vcpu->ev.exception.error;
}

/**
 * event_get() - KVM_GET_VCPU_EVENTS
 * @vcpu: loaded
 * @events: filled in, all of it
 *
 * What an instruction raises (INT n, INT3) is not shown, because its length is not: RIP is still
 * at the instruction.
 */
void event_get(struct vcpu *vcpu, struct kvm_vcpu_events *events)
{
	u32 flags = READ_ONCE(vcpu->vm->event_flags), blocked;
	int vector = event_interrupt_vector(vcpu);

	memset(events, 0, sizeof(*events));
	blocked = interruptibility(vcpu);
	if (unlikely(vcpu->ev.exception.pending || vcpu->ev.exception.injected))
		get_exception(vcpu, flags & KVM_VCPUEVENT_VALID_PAYLOAD, events);
	events->interrupt.injected = vector >= 0;
	events->interrupt.nr = max(vector, 0);
	events->interrupt.shadow = shadow_of(blocked);
	events->nmi.injected = vcpu->ev.nmi.injected;
	events->nmi.pending = atomic_read(&vcpu->ev.nmi.pending) != 0;
	events->nmi.masked = !!(blocked & GUEST_INTR_STATE_NMI);
	events->smi.pending = READ_ONCE(vcpu->ev.smi_pending);
	if (unlikely(vcpu->smm)) {
		events->smi.smm = 1;
		events->smi.smm_inside_nmi = vcpu->ev.smi_inside_nmi;
	}
	if (vcpu->lapic && lapic_init_waits(vcpu))
		events->smi.latched_init = 1;
	if (flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		events->triple_fault.pending = test_bit(REQ_TRIPLE_FAULT, &vcpu->requests);
	events->flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW |
			KVM_VCPUEVENT_VALID_SMM | flags;
}

static bool events_valid(const struct vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	bool smm = (events->flags & KVM_VCPUEVENT_VALID_SMM) &&
		   (events->smi.smm || events->smi.pending);
	u32 known = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |
		    KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_SMM |
		    READ_ONCE(vcpu->vm->event_flags);
	bool exception = events->exception.injected;

	if (events->flags & KVM_VCPUEVENT_VALID_PAYLOAD)
		exception |= events->exception.pending;
	if (exception && (events->exception.nr > 31 || events->exception.nr == X86_TRAP_NMI))
		return false;
	/* SMM latches INIT, so it cannot have been taken there. */
	return !(events->flags & ~known) &&
	       !(smm && vcpu->mp_state == KVM_MP_STATE_INIT_RECEIVED);
}

static void set_exception(struct vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	bool pending = (events->flags & KVM_VCPUEVENT_VALID_PAYLOAD) && events->exception.pending;

	vcpu->ev.exception = (struct vcpu_exception) {
		.pending	= pending,
		.injected	= events->exception.injected && !pending,
		.vector		= events->exception.nr,
		.has_error	= events->exception.has_error_code,
		.error		= events->exception.error_code,
		.has_payload	= pending && events->exception_has_payload,
		.payload	= events->exception_payload,
	};
}

static int set_smm(struct vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	bool smm = events->smi.smm;

	if (smm != vcpu->smm && smm_switch(vcpu, smm))
		return -ENOMEM;
	vcpu->ev.smi_inside_nmi = events->smi.smm_inside_nmi;
	WRITE_ONCE(vcpu->ev.smi_pending, false);
	if (events->smi.pending)
		vcpu_inject_smi(vcpu);
	if (vcpu->lapic && events->smi.latched_init)
		lapic_post_init(vcpu->lapic);
	else if (vcpu->lapic)
		lapic_take_init(vcpu);
	return 0;
}

/**
 * event_set() - KVM_SET_VCPU_EVENTS
 * @vcpu: loaded
 * @events: new state; parts whose flag is absent stay as they are
 *
 * Return: 0; -EINVAL for an unknown flag or one whose capability is not enabled, SMM after an INIT,
 * or an exception that is none; -ENOMEM. With nothing changed.
 */
int event_set(struct vcpu *vcpu, const struct kvm_vcpu_events *events)
{
	if (!events_valid(vcpu, events))
		return -EINVAL;
	if ((events->flags & KVM_VCPUEVENT_VALID_SMM) && set_smm(vcpu, events))
		return -ENOMEM;
	set_exception(vcpu, events);
	event_set_interrupt(vcpu, events->interrupt.injected ? events->interrupt.nr : -1);
	vcpu->ev.interrupt.soft = events->interrupt.soft;
	vcpu->ev.nmi.injected = events->nmi.injected;
	if (events->flags & KVM_VCPUEVENT_VALID_NMI_PENDING)
		atomic_set(&vcpu->ev.nmi.pending, !!events->nmi.pending);
	event_block_nmi(vcpu, events->nmi.masked);
	if (events->flags & KVM_VCPUEVENT_VALID_SHADOW)
		event_set_shadow(vcpu, events->interrupt.shadow);
	if ((events->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR) && vcpu->lapic)
		lapic_set_sipi_vector(vcpu, events->sipi_vector);
	if (events->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT)
		assign_bit(REQ_TRIPLE_FAULT, &vcpu->requests, events->triple_fault.pending);
	vcpu_request(vcpu, REQ_EVENT);
	vcpu_request(vcpu, REQ_DEBUG);
	return 0;
}
