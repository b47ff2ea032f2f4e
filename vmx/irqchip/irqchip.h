/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The border of the interrupt controllers: a LAPIC in each vCPU, and an IO-APIC and a pair of
 * 8259s in each VM. The contracts are at the functions; Documentation/irqchip.rst has the
 * whole picture. SDM vol. 3A, ch. 10.
 *
 * Functions that take a vcpu need vcpu->mutex unless they say otherwise. Those that need a
 * LAPIC say nothing of it: vcpu->lapic is there exactly when vm->irqchip is not IRQCHIP_NONE.
 */
#ifndef KVMLET_VMX_IRQCHIP_IRQCHIP_H
#define KVMLET_VMX_IRQCHIP_IRQCHIP_H

#include <linux/kvm.h>
#include <linux/kvm_types.h>
#include "uapi/kvmlet.h"

#define IRQCHIP_ROUTES	4096	/* GSIs, and routes, of one VM at most */
#define X2APIC_API	(KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
#define X2APIC_EOI	(KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST | \
			 KVM_X2APIC_DISABLE_SUPPRESS_EOI_BROADCAST)

struct lapic;
struct vcpu;
struct vm;

/* Whose wires lead to the controllers' inputs: KVM_IRQ_LINE's, and irqfds' with a resamplefd. */
enum line_source { LINE_USER, LINE_RESAMPLED, LINE_SOURCES };

/* The controllers of a VM (chip.c, route.c, deliver.c). */
int irqchip_create(struct vm *vm);
int irqchip_split(struct vm *vm, u64 pins);
void irqchip_destroy(struct vm *vm);
int irqchip_state(struct vm *vm, struct kvm_irqchip *chip, bool set);
int irqchip_set_line(struct vm *vm, enum line_source source, u32 gsi, bool level);
int irqchip_set_routes(struct vm *vm, struct kvm_irq_routing __user *user);
int irqchip_signal_msi(struct vm *vm, const struct kvm_msi *msi);

/* Messages may reach others, or another number of vCPUs, from now on (deliver.c). */
void deliver_changed(struct vm *vm);

/* The 8254 (pit_chip.c). */
int pit_create(struct vm *vm, u32 flags);
int pit_state(struct vm *vm, struct kvm_pit_channel_state *channels, u32 *pit_flags, bool set);
int pit_set_reinject(struct vm *vm, const struct kvm_reinject_control __user *user);

/* KVM_HC_SEND_IPI (deliver.c). */
#define IRQCHIP_IPIS	128	/* ids that one call names */
long irqchip_send_ipis(struct vcpu *vcpu, const unsigned long *ids, u32 first, u64 icr);

/* What a guest accesses (chip.c). False: no controller is there, and no eventfd. */
bool irqchip_pio(struct vcpu *vcpu, u16 port, unsigned int len, void *data, bool write);
bool irqchip_mmio(struct vcpu *vcpu, gpa_t gpa, unsigned int len, void *data, bool write);

/* Interrupts on their way into a vCPU (lapic_irq.c); interrupts may be off. */
int irqchip_pending(struct vcpu *vcpu);
bool irqchip_extint(struct vcpu *vcpu);
int irqchip_ack(struct vcpu *vcpu);

/* A vCPU's LAPIC (lapic.c, lapic_state.c). */
int lapic_create(struct vcpu *vcpu);
int lapic_set_api(struct vm *vm, u64 flags);
void lapic_destroy(struct vcpu *vcpu);
void lapic_reset(struct vcpu *vcpu, bool init);
int lapic_get_state(struct vcpu *vcpu, struct kvm_lapic_state __user *state);
int lapic_set_state(struct vcpu *vcpu, const struct kvm_lapic_state *state);
int lapic_set_base(struct vcpu *vcpu, u64 value, bool host);
u64 lapic_page(struct vcpu *vcpu);
u64 lapic_posts(struct vcpu *vcpu);
u32 lapic_tpr_threshold(struct vcpu *vcpu);
bool lapic_accepts_extint(const struct lapic *lapic);
bool lapic_settle(struct vcpu *vcpu);
int lapic_set_pv_eoi(struct vcpu *vcpu, u64 value);
int lapic_set_tpr_word(struct vcpu *vcpu, gpa_t gpa);

/* MSRs 0x800 to 0x8ff. 0, or 1 for #GP(0). IA32_TSC_DEADLINE has no invalid value. */
int lapic_x2apic_read(struct vcpu *vcpu, u32 msr, u64 *value);
int lapic_x2apic_write(struct vcpu *vcpu, u32 msr, u64 value);
u64 lapic_get_tsc_deadline(struct vcpu *vcpu);
void lapic_set_tsc_deadline(struct vcpu *vcpu, u64 value);

/* Where the processor helps (lapic.c, lapic_irq.c). */
void lapic_written(struct vcpu *vcpu, unsigned int offset);
void lapic_ended(struct vcpu *vcpu, u8 vector);
void lapic_let_deliver(struct vcpu *vcpu, bool held);

/* INIT and SIPI (lapic_startup.c). */
bool lapic_startup(struct vcpu *vcpu);
bool lapic_take_init(struct vcpu *vcpu);
bool lapic_init_waits(const struct vcpu *vcpu);
void lapic_post_init(struct lapic *lapic);
bool lapic_take_sipi(struct vcpu *vcpu, u8 *vector);
void lapic_set_sipi_vector(struct vcpu *vcpu, u8 vector);
void lapic_post_sipi(struct vcpu *vcpu);

#endif
