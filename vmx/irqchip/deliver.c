// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt messages on their way to LAPICs: of IO-APIC pins, of MSIs, and between vCPUs.
 *
 * No lock; may be called with the IO-APIC's held. vCPUs are noted down and kicked by the caller
 * when it holds none. SDM vol. 3A, 10.6 (IPIs), 10.11 (MSI), 10.6.2.4 (lowest priority).
 */
#include <linux/kvm_para.h>
#include "vmx/irqchip/internal.h"

/* Address and data of an MSI. */
#define MSI_DEST(address)	((u32)(address) >> 12 & 0xff)
#define MSI_DEST_HIGH(address)	((u32)((address) >> 32) & ~0xffu)
#define MSI_HINT		BIT(3)
#define MSI_LOGICAL		BIT(2)

/* In xAPIC mode, where a processor starts, one whose id has no room there must be reached, too. */
static bool is_for(const struct apic_msg *msg, const struct lapic *lapic)
{
	int mode = READ_ONCE(lapic->mode);
	u32 id = lapic->vcpu->id;
	struct match_target target = {
		.id	= mode == LAPIC_X2APIC || id > 0xff ? id : lapic_get(lapic, APIC_ID) >> 24,
		.ldr	= lapic_get(lapic, APIC_LDR),
		.dfr	= lapic_get(lapic, APIC_DFR),
		.x2apic	= mode == LAPIC_X2APIC,
	};

	if (mode == LAPIC_DISABLED)
		return false;
	switch (msg->shorthand) {
	case APIC_DEST_SELF:
		return lapic == msg->source;
	case APIC_DEST_ALLINC:
		return true;
	case APIC_DEST_ALLBUT:
		return lapic != msg->source;
	default:
		return match_destination(&target, &msg->dest);
	}
}

/* True if the vCPU got something, even if it had it already. */
static bool accept(struct vcpu *vcpu, const struct apic_msg *msg, struct kicks *kicks)
{
	struct lapic *lapic = vcpu->lapic;

	switch (msg->mode) {
	case APIC_DM_FIXED:
	case APIC_DM_LOWEST:
		if (!lapic_software_enabled(lapic))
			return false;
		kicks->last = vcpu->index;
		if (lapic_post(lapic, msg->vector, msg->level, lapic == msg->source))
			__set_bit(vcpu->index, kicks->vcpus);
		return true;
	case APIC_DM_NMI:
		vcpu_inject_nmi(vcpu);
		break;
	case APIC_DM_SMI:
		vcpu_inject_smi(vcpu);
		break;
	case APIC_DM_INIT:
		lapic_post_init(lapic);
		break;
	case APIC_DM_STARTUP:
		lapic_set_sipi_vector(vcpu, msg->vector);
		lapic_post_sipi(vcpu);
		break;
	default:
		/* ExtINT comes by the 8259s' own wire. */
		return false;
	}
	__set_bit(vcpu->index, kicks->vcpus);
	return true;
}

/* The lower task priority class; among equals the one that had fewer. */
static bool is_better(const struct lapic *a, const struct lapic *b)
{
	u32 class_a = lapic_get(a, APIC_TASKPRI) >> 4, class_b = lapic_get(b, APIC_TASKPRI) >> 4;

	if (class_a != class_b)
		return class_a < class_b;
	return (s32)(READ_ONCE(a->deliveries) - READ_ONCE(b->deliveries)) < 0;
}

static struct vcpu *choose(struct vm *vm, const struct apic_msg *msg)
{
	struct vcpu *vcpu, *best = NULL;
	unsigned int i;

	vm_for_each_vcpu(i, vcpu, vm)
		if (is_for(msg, vcpu->lapic) && lapic_software_enabled(vcpu->lapic) &&
		    (!best || is_better(vcpu->lapic, best->lapic)))
			best = vcpu;
	return best;
}

/**
 * deliver() - give a message to whom it is for
 * @vm: any with LAPICs here
 * @msg: the message
 * @kicks: vCPUs are added that must be kicked
 *
 * Return: how many vCPUs accepted it. Context: any.
 */
int deliver(struct vm *vm, const struct apic_msg *msg, struct kicks *kicks)
{
	struct vcpu *vcpu;
	unsigned int i;
	int n = 0;

	if (msg->lowest || msg->mode == APIC_DM_LOWEST) {
		vcpu = choose(vm, msg);
		if (!vcpu)
			return 0;
		WRITE_ONCE(vcpu->lapic->deliveries, vcpu->lapic->deliveries + 1);
		return accept(vcpu, msg, kicks);
	}
	vm_for_each_vcpu(i, vcpu, vm)
		if (is_for(msg, vcpu->lapic))
			n += accept(vcpu, msg, kicks);
	return n;
}

/**
 * deliver_kick() - have vCPUs see what was delivered
 * @vm: theirs
 * @kicks: who
 * @self: the vCPU that this thread runs, which sees it anyway; or NULL
 *
 * Context: any; no lock of the controllers is held.
 */
void deliver_kick(struct vm *vm, const struct kicks *kicks, const struct vcpu *self)
{
	unsigned int i;

	for_each_set_bit(i, kicks->vcpus, VM_MAX_VCPUS)
		if (vm->vcpus[i] != self)
			vcpu_kick(vm->vcpus[i]);
}

/**
 * deliver_ipi() - the guest writes the interrupt command register
 * @lapic: this thread's
 * @icr: low half
 * @dest: destination, 8 bits from an xAPIC, else 32
 */
void deliver_ipi(struct lapic *lapic, u32 icr, u32 dest)
{
	struct apic_msg msg = {
		.dest		= { .id = dest, .logical = icr & APIC_DEST_LOGICAL },
		.source		= lapic,
		.shorthand	= icr & APIC_DEST_ALLBUT,
		.mode		= icr & APIC_DM_FIXED_MASK,
		.vector		= icr & APIC_VECTOR_MASK,
	};
	struct kicks kicks = { };

	if (msg.mode <= APIC_DM_LOWEST && msg.vector < LAPIC_FIRST_VECTOR) {
		lapic_error(lapic, APIC_ESR_SENDILL);
		return;
	}
	/* INIT level de-assert is only for processors before the Pentium 4. */
	if (msg.mode == APIC_DM_INIT && (icr & (APIC_INT_LEVELTRIG | APIC_INT_ASSERT)) ==
	    APIC_INT_LEVELTRIG)
		return;
	if (msg.shorthand == APIC_DEST_SELF) {
		accept(lapic->vcpu, &msg, &kicks);
		return;
	}
	deliver(lapic->vcpu->vm, &msg, &kicks);
	deliver_kick(lapic->vcpu->vm, &kicks, lapic->vcpu);
}

/**
 * irqchip_send_ipis() - KVM_HC_SEND_IPI: one interrupt to many
 * @vcpu: loaded
 * @ids: bits that stand for APIC ids
 * @first: the first of these
 * @icr: low half, with neither logical mode nor shorthand
 *
 * Return: how many got it; -KVM_EINVAL; -KVM_EOPNOTSUPP without LAPICs here. Context: any.
 */
long irqchip_send_ipis(struct vcpu *vcpu, const unsigned long *ids, u32 first, u64 icr)
{
	struct apic_msg msg = {
		.mode	= icr & APIC_DM_FIXED_MASK,
		.vector	= icr & APIC_VECTOR_MASK,
	};
	struct kicks kicks = { };
	struct vcpu *target;
	unsigned long i;
	long n = 0;

	if (icr & (APIC_DEST_LOGICAL | APIC_DEST_ALLBUT))
		return -KVM_EINVAL;
	if (!vcpu->lapic)
		return -KVM_EOPNOTSUPP;
	for_each_set_bit(i, ids, IRQCHIP_IPIS) {
		target = vm_vcpu_by_id(vcpu->vm, (u64)first + i);
		if (target && READ_ONCE(target->lapic->mode) != LAPIC_DISABLED)
			n += accept(target, &msg, &kicks);
	}
	deliver_kick(vcpu->vm, &kicks, vcpu);
	return n;
}

/*
 * The destination's bits 31:8 are in the upper half of the address if ids have 32 bits. @changes:
 * vm->lapic_changes before.
 */
static noinline int deliver_msi(struct vm *vm, struct known_msi *msi, u64 changes)
{
	struct apic_msg msg = {
		.dest	= {
			.id		= MSI_DEST(msi->address),
			.logical	= msi->address & MSI_LOGICAL,
			.device		= !READ_ONCE(vm->x2apic_strict),
		},
		.mode	= msi->data & APIC_DM_FIXED_MASK,
		.vector	= msi->data & APIC_VECTOR_MASK,
		.level	= msi->data & MSI_LEVEL,
		.lowest	= msi->address & MSI_HINT,
	};
	struct kicks kicks = { };
	int r;

	if (READ_ONCE(vm->x2apic_ids))
		msg.dest.id |= MSI_DEST_HIGH(msi->address);
	r = deliver(vm, &msg, &kicks);
	deliver_kick(vm, &kicks, NULL);
	if (r == 1 && msg.mode == APIC_DM_FIXED && !msg.lowest)
		WRITE_ONCE(msi->known, changes * VM_MAX_VCPUS + kicks.last);
	return r;
}

/**
 * deliver_changed() - which vCPUs a message reaches may have changed
 * @vm: any; ids, modes, destination registers or software's enabling of a LAPIC, or their number
 *
 * Comes after the change. Context: any.
 */
void deliver_changed(struct vm *vm)
{
	atomic64_inc(&vm->lapic_changes);
}

/**
 * deliver_known_msi() - a device's message that may have been sent before
 * @vm: with LAPICs here
 * @msi: the message, of any contents
 *
 * A fixed interrupt that one vCPU got is that one's again, as long as nothing has changed.
 * Return: how many vCPUs accepted it. Context: any.
 */
int deliver_known_msi(struct vm *vm, struct known_msi *msi)
{
	/* Read before the LAPICs are looked at: who changes them says so afterwards. */
	u64 changes = atomic64_read_acquire(&vm->lapic_changes);
	u64 known = READ_ONCE(msi->known);
	struct vcpu *vcpu;

	if (unlikely(known / VM_MAX_VCPUS != changes))
		return deliver_msi(vm, msi, changes);
	vcpu = vm->vcpus[known % VM_MAX_VCPUS];
	if (lapic_post(vcpu->lapic, msi->data, msi->data & MSI_LEVEL, false))
		vcpu_kick(vcpu);
	return 1;
}

/**
 * irqchip_signal_msi() - KVM_SIGNAL_MSI
 * @vm: any
 * @msi: address and data; KVM_MSI_VALID_DEVID says nothing here
 *
 * Return: how many vCPUs accepted it; -EINVAL for another flag, an address that cannot be, or
 * without LAPICs.
 * Context: any.
 */
int irqchip_signal_msi(struct vm *vm, const struct kvm_msi *msi)
{
	struct known_msi own = {
		.address = (u64)msi->address_hi << 32 | msi->address_lo, .data = msi->data,
	};

	if (vm->irqchip == IRQCHIP_NONE || (msi->flags & ~KVM_MSI_VALID_DEVID) ||
	    !msi_allowed(vm, msi->address_hi))
		return -EINVAL;
	return deliver_msi(vm, &own, 0);
}
