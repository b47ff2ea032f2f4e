/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events on their way into a guest: exceptions, NMIs, interrupts. SDM vol. 3C, 26.6
 * (injection), 27.2.4 (what was being delivered when an exit came), 6.7 to 6.9 (priorities).
 */
#ifndef KVMLET_VMX_CPU_EVENT_H
#define KVMLET_VMX_CPU_EVENT_H

#include <linux/atomic.h>
#include <linux/kvm.h>
#include <asm/vmx.h>

struct vcpu;

/* Of the interruptibility: the instruction before blocks events for the next one. */
#define EVENT_SHADOWS	(GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)

struct vcpu_exception {
	bool pending;		/* to be delivered; DR6 and CR2 not written yet */
	bool injected;
	bool has_error;
	bool has_payload;	/* @payload goes to DR6 (#DB) or CR2 (#PF) at delivery */
	bool soft;		/* INT3, INTO, INT1: delivered with @insn_len */
	u8 vector;
	u8 insn_len;
	u32 error;
	unsigned long payload;
};

/*
 * At most one event is @injected: begun, and given to the processor by the next entry. An
 * exception may be @pending besides, and NMIs and interrupts wait for their turn.
 */
struct vcpu_events {
	struct vcpu_exception exception;
	struct {
		bool injected;
		bool soft;		/* INT n: delivered with @insn_len */
		u8 vector;
		u8 insn_len;
	} interrupt;
	struct {
		bool injected;
		atomic_t pending;	/* (-) others add; at most two wait, as on hardware */
	} nmi;
	int user_vector;		/* KVM_INTERRUPT's, -1: none */
	bool smi_pending;		/* (-) others set it */
	bool smi_inside_nmi;		/* in SMM: NMIs are blocked outside, too */
};

void event_reset(struct vcpu *vcpu);
void event_exception(struct vcpu *vcpu, u8 vector);
void event_exception_error(struct vcpu *vcpu, u8 vector, u32 error);
void event_soft_exception(struct vcpu *vcpu, u8 vector, u8 insn_len);
void event_page_fault(struct vcpu *vcpu, unsigned long address, u32 error);
bool event_debug_pending(const struct vcpu *vcpu);
void event_debug(struct vcpu *vcpu, unsigned long dr6);
void event_block_nmi(struct vcpu *vcpu, bool on);
u8 event_shadow(struct vcpu *vcpu);
void event_set_shadow(struct vcpu *vcpu, u8 shadow);
void vcpu_inject_nmi(struct vcpu *vcpu);
void event_prepare(struct vcpu *vcpu);
void event_reclaim(struct vcpu *vcpu, u32 info, u32 error);
bool event_interrupt_allowed(struct vcpu *vcpu);
bool event_interrupt_waiting(struct vcpu *vcpu);
bool event_wire_free(const struct vcpu *vcpu);
bool event_nmi_allowed(struct vcpu *vcpu);
bool event_smi_allowed(const struct vcpu *vcpu);
int event_interrupt_vector(struct vcpu *vcpu);
int event_take_user(struct vcpu *vcpu);
void event_set_interrupt(struct vcpu *vcpu, int vector);
void event_get(struct vcpu *vcpu, struct kvm_vcpu_events *events);
int event_set(struct vcpu *vcpu, const struct kvm_vcpu_events *events);

/* smm.c: SMIs, and how a vCPU gets into SMM and out. SDM vol. 3C, ch. 34. */
#define SMM_BASE_RESET	0x30000		/* SMBASE after power-on */

void vcpu_inject_smi(struct vcpu *vcpu);
int smm_switch(struct vcpu *vcpu, bool on);
int smm_serve(struct vcpu *vcpu);
int smm_leave(struct vcpu *vcpu);

#endif
