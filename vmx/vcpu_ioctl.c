// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of a vCPU's descriptor, but for KVM_RUN's way, which vcpu.c shortens. Each runs under
 * vcpu->mutex, and with the vCPU loaded unless its row says that it may stay parked.
 */
#include <linux/mm.h>
#include <linux/signal.h>
#include <linux/uaccess.h>
#include "mmu/walk.h"
#include "vmx/cpu/debug.h"
#include "vmx/cpu/regs.h"
#include "vmx/ioctl.h"
#include "vmx/irqchip/irqchip.h"

/* A look at the tables, which marks nothing as used. KVM always says writable, supervisor. */
static void translate(struct vcpu *vcpu, struct kvm_translation *t)
{
	gpa_t gpa;
	u32 error;

	t->valid = !linear_to_gpa(vcpu, t->linear_address, WALK_PASSIVE, &gpa, &error);
	t->physical_address = t->valid ? gpa : ~0ULL;
	t->writeable = 1;
	t->usermode = 0;
}

static void get_mp_state(struct vcpu *vcpu, struct kvm_mp_state *mp)
{
	/* A wake-up that nobody has seen yet counts. */
	if (vcpu->lapic || vcpu->mp_state != KVM_MP_STATE_RUNNABLE) {
		vcpu_load(vcpu);
		vcpu_settle(vcpu);
		vcpu_put(vcpu);
	}
	mp->mp_state = vcpu->mp_state;
}

static int set_mp_state(struct vcpu *vcpu, const struct kvm_mp_state *mp)
{
	/* The others, up to the last that x86 has, are those of a processor with a LAPIC. */
	if (mp->mp_state != KVM_MP_STATE_RUNNABLE &&
	    (!vcpu->lapic || mp->mp_state > KVM_MP_STATE_SIPI_RECEIVED))
		return -EINVAL;
	/* An INIT would be latched. */
	if ((mp->mp_state == KVM_MP_STATE_INIT_RECEIVED ||
	     mp->mp_state == KVM_MP_STATE_SIPI_RECEIVED) &&
	    (vcpu->smm || READ_ONCE(vcpu->ev.smi_pending)))
		return -EINVAL;
	vcpu->mp_state = mp->mp_state;
	if (mp->mp_state == KVM_MP_STATE_SIPI_RECEIVED) {
		vcpu->mp_state = KVM_MP_STATE_INIT_RECEIVED;
		lapic_post_sipi(vcpu);
	}
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

static int interrupt(struct vcpu *vcpu, const struct kvm_interrupt *irq)
{
	if (irq->irq >= KVM_NR_INTERRUPTS)
		return -EINVAL;
	if (vcpu->vm->irqchip == IRQCHIP_KERNEL)
		return -ENXIO;
	if (vcpu->lapic && vcpu->ev.user_vector >= 0)
		return -EEXIST;
	vcpu->ev.user_vector = irq->irq;
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

/* What a guest without VMX has: its buffer has the header alone, and the pointers are none. */
static int get_nested_state(struct kvm_nested_state __user *user)
{
	static const struct kvm_nested_state none = {
		.size = sizeof(none), .hdr.vmx = { .vmxon_pa = -1, .vmcs12_pa = -1 },
	};
	u32 size;

	if (get_user(size, &user->size))
		return -EFAULT;
	if (size < sizeof(none))
		return put_user(none.size, &user->size) ?: -E2BIG;
	return copy_to_user(user, &none, sizeof(none)) ? -EFAULT : 0;
}

static int set_nested_state(const struct kvm_nested_state *state)
{
	return state->size < sizeof(*state) || state->flags ||
	       state->format != KVM_STATE_NESTED_FORMAT_VMX || state->hdr.vmx.smm.flags ||
	       ~state->hdr.vmx.vmxon_pa || ~state->hdr.vmx.vmcs12_pa ? -EINVAL : 0;
}

static int set_signal_mask(struct vcpu *vcpu, struct kvm_signal_mask __user *user)
{
	struct kvm_signal_mask mask;
	sigset_t set;

	if (!user) {
		vcpu->has_sigset = false;
		return 0;
	}
	if (copy_from_user(&mask, user, sizeof(mask)))
		return -EFAULT;
	if (mask.len != sizeof(set))
		return -EINVAL;
	if (copy_from_user(&set, user->sigset, sizeof(set)))
		return -EFAULT;
	sigdelsetmask(&set, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->sigset = set;
	vcpu->has_sigset = true;
	return 0;
}

/* All that a vCPU has: the offset of its TSC. */
static int has_attr(const struct kvm_device_attr *attr)
{
	return attr->group == KVM_VCPU_TSC_CTRL && attr->attr == KVM_VCPU_TSC_OFFSET ? 0 : -ENXIO;
}

static int get_attr(const struct vcpu *vcpu, const struct kvm_device_attr *attr)
{
	return has_attr(attr) ?: put_user(vcpu->clock.tsc_offset, (u64 __user *)attr->addr);
}

static int set_attr(struct vcpu *vcpu, const struct kvm_device_attr *attr)
{
	u64 offset;
	int err = has_attr(attr) ?: get_user(offset, (u64 __user *)attr->addr);

	if (!err)
		tsc_set_offset(vcpu, offset);
	return err;
}

static int enable_cap(struct vcpu *vcpu, const struct kvm_enable_cap *cap)
{
	if (cap->flags || cap->cap != KVM_CAP_ENFORCE_PV_FEATURE_CPUID)
		return -EINVAL;
	vcpu->enforce_pv = cap->args[0];
	return 0;
}

IOCTL_FN(do_KVM_GET_TSC_KHZ, ((struct vcpu *)object)->clock.tsc_khz)
IOCTL_FN(do_KVM_SET_TSC_KHZ, tsc_set_khz(object, (unsigned long)data))

static const struct ioctl_op get_tsc_khz = IOCTL_TWIN(KVM_GET_TSC_KHZ);
static const struct ioctl_op set_tsc_khz = IOCTL_TWIN(KVM_SET_TSC_KHZ);

#define VCPU_IOCTLS(FN, LIST)								\
	FN(KVM_GET_REGS, (regs_get(object, data), 0), .whole = true)			\
	FN(KVM_SET_REGS, (regs_set(object, data), 0))					\
	FN(KVM_GET_SREGS, (sregs_get(object, data), 0))					\
	FN(KVM_SET_SREGS, sregs_set(object, data))					\
	FN(KVM_GET_SREGS2, (sregs2_get(object, data), 0))				\
	FN(KVM_SET_SREGS2, sregs2_set(object, data))					\
	LIST(KVM_GET_MSRS, list_msrs(object, arg, false))				\
	LIST(KVM_SET_MSRS, list_msrs(object, arg, true))				\
	FN(KVM_INTERRUPT, interrupt(object, data))					\
	FN(KVM_NMI, (vcpu_inject_nmi(object), 0))					\
	FN(KVM_SMI, (vcpu_inject_smi(object), 0))					\
	FN(KVM_GET_MP_STATE, (get_mp_state(object, data), 0), .parked = true)		\
	FN(KVM_SET_MP_STATE, set_mp_state(object, data), .parked = true)		\
	FN(KVM_GET_VCPU_EVENTS, (event_get(object, data), 0), .whole = true)		\
	FN(KVM_SET_VCPU_EVENTS, event_set(object, data))				\
	FN(KVM_GET_FPU, (xstate_get_fpu(object, data), 0), .whole = true, .parked = true) \
	FN(KVM_SET_FPU, xstate_set_fpu(object, data), .parked = true)			\
	LIST(KVM_GET_XSAVE, xstate_get_xsave(object, arg), .parked = true)		\
	LIST(KVM_GET_XSAVE2, xstate_get_xsave(object, arg), .parked = true)		\
	FN(KVM_SET_XSAVE, xstate_set_xsave(object, data), .parked = true)		\
	FN(KVM_GET_XCRS, xstate_get_xcrs(object, data), .parked = true)			\
	FN(KVM_SET_XCRS, xstate_set_xcrs(object, data))					\
	FN(KVM_TRANSLATE, (translate(object, data), 0))					\
	FN(KVM_GET_DEBUGREGS, (debug_get(object, data), 0))				\
	FN(KVM_SET_DEBUGREGS, debug_set(object, data), .twin = &set_tsc_khz)		\
	FN(KVM_SET_GUEST_DEBUG, debugger_set(object, data))				\
	LIST(KVM_GET_LAPIC, lapic_get_state(object, arg), .parked = true)		\
	FN(KVM_SET_LAPIC, lapic_set_state(object, data))				\
	FN(KVM_SET_VAPIC_ADDR, lapic_set_tpr_word(object, *(u64 *)data))		\
	LIST(KVM_SET_CPUID2, list_set_cpuid2(object, arg))				\
	LIST(KVM_GET_CPUID2, list_cpuid(object, arg, cpuid_get))			\
	LIST(KVM_SET_SIGNAL_MASK, set_signal_mask(object, arg))				\
	FN(KVM_ENABLE_CAP, enable_cap(object, data), .parked = true, .twin = &get_tsc_khz) \
	FN(KVM_HAS_DEVICE_ATTR, has_attr(data), .parked = true)				\
	FN(KVM_GET_DEVICE_ATTR, get_attr(object, data), .parked = true)			\
	FN(KVM_SET_DEVICE_ATTR, set_attr(object, data))					\
	FN(KVM_KVMCLOCK_CTRL, pvclock_set_stopped(object))				\
	FN(KVM_X86_SETUP_MCE, mce_set_banks(object, *(u64 *)data))			\
	FN(KVM_X86_SET_MCE, mce_report(object, data))					\
	LIST(KVM_GET_NESTED_STATE, get_nested_state(arg), .parked = true)		\
	FN(KVM_SET_NESTED_STATE, set_nested_state(data), .parked = true)		\
	FN(KVM_GET_STATS_FD, stats_fd(NULL, object))

VCPU_IOCTLS(IOCTL_DEFINE_FN, IOCTL_DEFINE_LIST)

/* Of each ioctl but KVM_RUN; see vcpu_ioctl() in vcpu.c. */
const struct ioctl_op vcpu_ops[IOCTL_ROWS] = {
	VCPU_IOCTLS(IOCTL_ROW_FN, IOCTL_ROW_LIST)
};
