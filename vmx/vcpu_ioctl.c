// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of a vCPU's descriptor, but for KVM_RUN's way, which vcpu.c shortens. Each runs under
 * vcpu->mutex, and with the vCPU loaded unless its row says that it may stay parked.
 */
#include <linux/mm.h>
#include <linux/signal.h>
#include <linux/uaccess.h>
#include "mmu/walk.h"
#include "vmx/clock/clock.h"
#include "vmx/cpu/cpuid.h"
#include "vmx/cpu/debug.h"
#include "vmx/cpu/event.h"
#include "vmx/cpu/linear.h"
#include "vmx/cpu/mce.h"
#include "vmx/cpu/msr.h"
#include "vmx/cpu/regs.h"
#include "vmx/cpu/smm.h"
#include "vmx/cpu/xstate.h"
#include "vmx/ioctl.h"
#include "vmx/irqchip/irqchip.h"
#include "vmx/list_ioctl.h"
#include "vmx/vcpu.h"

IOCTL_FN(get_regs, regs_get(object, data))
IOCTL_FN(set_regs, regs_set(object, data))
IOCTL_FN(get_sregs, sregs_get(object, data))
IOCTL_FN(set_sregs, sregs_set(object, data))
IOCTL_FN(get_sregs2, sregs2_get(object, data))
IOCTL_FN(set_sregs2, sregs2_set(object, data))
IOCTL_FN(get_fpu, xstate_get_fpu(object, data))
IOCTL_FN(set_fpu, xstate_set_fpu(object, data))
IOCTL_LIST(get_xsave, xstate_get_xsave(object, arg))
IOCTL_FN(set_xsave, xstate_set_xsave(object, data))
IOCTL_FN(get_xcrs, boot_cpu_has(X86_FEATURE_XSAVE) ? xstate_get_xcrs(object, data) : -EINVAL)
IOCTL_FN(set_xcrs, boot_cpu_has(X86_FEATURE_XSAVE) ? xstate_set_xcrs(object, data) : -EINVAL)

/* A look at the tables, which marks nothing as used. KVM always says writable, supervisor. */
static int translate(void *object, void *data)
{
	struct kvm_translation *t = data;
	gpa_t gpa;
	u32 error;

	t->valid = !linear_to_gpa(object, t->linear_address, WALK_PASSIVE, &gpa, &error);
	t->physical_address = t->valid ? gpa : ~0ULL;
	t->writeable = 1;
	t->usermode = 0;
	return 0;
}

static bool has_lapic(const struct vcpu *vcpu)
{
	return vcpu->lapic;
}

IOCTL_LIST(get_lapic, has_lapic(object) ? lapic_get_state(object, arg) : -EINVAL)
IOCTL_FN(set_lapic, has_lapic(object) ? lapic_set_state(object, data) : -EINVAL)
IOCTL_FN(get_debugregs, debug_get(object, data))
IOCTL_FN(set_debugregs, debug_set(object, data))
IOCTL_FN(get_events, event_get(object, data))
IOCTL_FN(set_events, event_set(object, data))
IOCTL_FN(set_guest_debug, debugger_set(object, data))

static int get_mp_state(void *object, void *data)
{
	struct vcpu *vcpu = object;
	struct kvm_mp_state *mp = data;

	/* A wake-up that nobody has seen yet counts. */
	if (vcpu->lapic || vcpu->mp_state != KVM_MP_STATE_RUNNABLE) {
		vcpu_load(vcpu);
		vcpu_settle(vcpu);
		vcpu_put(vcpu);
	}
	mp->mp_state = vcpu->mp_state;
	return 0;
}

static int set_mp_state(void *object, void *data)
{
	struct vcpu *vcpu = object;
	struct kvm_mp_state *mp = data;

	/* The others, up to the last that x86 has, are those of a processor with a LAPIC. */
	if (mp->mp_state != KVM_MP_STATE_RUNNABLE &&
	    (!vcpu->lapic || mp->mp_state > KVM_MP_STATE_SIPI_RECEIVED))
		return -EINVAL;
	/* An INIT would be latched. */
	if ((mp->mp_state == KVM_MP_STATE_INIT_RECEIVED ||
	     mp->mp_state == KVM_MP_STATE_SIPI_RECEIVED) &&
	    (vcpu->smm || READ_ONCE(vcpu->ev.smi_pending)))
		return -EINVAL;
	if (mp->mp_state == KVM_MP_STATE_SIPI_RECEIVED) {
		vcpu->mp_state = KVM_MP_STATE_INIT_RECEIVED;
		lapic_post_sipi(vcpu);
	} else {
		vcpu->mp_state = mp->mp_state;
	}
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

static int interrupt(void *object, void *data)
{
	struct vcpu *vcpu = object;
	struct kvm_interrupt *irq = data;

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

static int nmi(void *vcpu, void *data)
{
	vcpu_inject_nmi(vcpu);
	return 0;
}

IOCTL_FN(smi, (vcpu_inject_smi(object), 0))
IOCTL_FN(get_tsc_khz, tsc_get_khz(object))
IOCTL_FN(set_tsc_khz, tsc_set_khz(object, (unsigned long)data))
IOCTL_FN(kvmclock_ctrl, pvclock_set_stopped(object))
IOCTL_FN(setup_mce, mce_set_banks(object, *(u64 *)data))
IOCTL_FN(set_mce, mce_report(object, data))
IOCTL_FN(get_stats_fd, stats_fd(NULL, object))

/* What a guest without VMX has: its buffer has the header alone, and the pointers are none. */
static int get_nested_state(void *object, void __user *arg)
{
	static const struct kvm_nested_state none = {
		.size = sizeof(none), .hdr.vmx = { .vmxon_pa = -1, .vmcs12_pa = -1 },
	};
	struct kvm_nested_state __user *user = arg;
	u32 size;

	if (get_user(size, &user->size))
		return -EFAULT;
	if (size < sizeof(none))
		return put_user(none.size, &user->size) ?: -E2BIG;
	return copy_to_user(user, &none, sizeof(none)) ? -EFAULT : 0;
}

static int set_nested_state(void *object, void *data)
{
	const struct kvm_nested_state *state = data;

	return state->size < sizeof(*state) || state->flags ||
	       state->format != KVM_STATE_NESTED_FORMAT_VMX || state->hdr.vmx.smm.flags ||
	       ~state->hdr.vmx.vmxon_pa || ~state->hdr.vmx.vmcs12_pa ? -EINVAL : 0;
}

static int set_signal_mask(void *object, void __user *arg)
{
	struct kvm_signal_mask __user *user = arg;
	struct vcpu *vcpu = object;
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

IOCTL_LIST(get_msrs, list_get_msrs(object, arg))
IOCTL_LIST(set_msrs, list_set_msrs(object, arg))
IOCTL_LIST(get_cpuid2, list_cpuid(object, arg, cpuid_get))
IOCTL_LIST(set_cpuid2, list_set_cpuid2(object, arg))

static const struct ioctl_op set_tsc_khz_row = { .cmd = KVM_SET_TSC_KHZ, .fn = set_tsc_khz };

/* Of each ioctl; see vcpu_ioctl() in vcpu.c. */
const struct ioctl_op vcpu_ops[IOCTL_ROWS] = {
	IOCTL(KVM_RUN),			/* vcpu.c has what it does */
	IOCTL(KVM_GET_REGS, .fn = get_regs, .whole = true),
	IOCTL(KVM_SET_REGS, .fn = set_regs),
	IOCTL(KVM_GET_SREGS, .fn = get_sregs),
	IOCTL(KVM_SET_SREGS, .fn = set_sregs),
	IOCTL(KVM_GET_SREGS2, .fn = get_sregs2),
	IOCTL(KVM_SET_SREGS2, .fn = set_sregs2),
	IOCTL(KVM_GET_MSRS, .list = get_msrs),
	IOCTL(KVM_SET_MSRS, .list = set_msrs),
	IOCTL(KVM_INTERRUPT, .fn = interrupt),
	IOCTL(KVM_NMI, .fn = nmi),
	IOCTL(KVM_SMI, .fn = smi),
	IOCTL(KVM_GET_MP_STATE, .fn = get_mp_state, .parked = true),
	IOCTL(KVM_SET_MP_STATE, .fn = set_mp_state, .parked = true),
	IOCTL(KVM_GET_VCPU_EVENTS, .fn = get_events, .whole = true),
	IOCTL(KVM_SET_VCPU_EVENTS, .fn = set_events),
	IOCTL(KVM_GET_FPU, .fn = get_fpu, .whole = true, .parked = true),
	IOCTL(KVM_SET_FPU, .fn = set_fpu, .parked = true),
	IOCTL(KVM_GET_XSAVE, .list = get_xsave, .parked = true),
	IOCTL(KVM_GET_XSAVE2, .list = get_xsave, .parked = true),
	IOCTL(KVM_SET_XSAVE, .fn = set_xsave, .parked = true),
	IOCTL(KVM_GET_XCRS, .fn = get_xcrs, .parked = true),
	IOCTL(KVM_SET_XCRS, .fn = set_xcrs),
	IOCTL(KVM_TRANSLATE, .fn = translate),
	IOCTL(KVM_GET_DEBUGREGS, .fn = get_debugregs),
	IOCTL(KVM_SET_DEBUGREGS, .fn = set_debugregs, .twin = &set_tsc_khz_row),
	IOCTL(KVM_SET_GUEST_DEBUG, .fn = set_guest_debug),
	IOCTL(KVM_GET_LAPIC, .list = get_lapic, .parked = true),
	IOCTL(KVM_SET_LAPIC, .fn = set_lapic),
	IOCTL(KVM_SET_CPUID2, .list = set_cpuid2),
	IOCTL(KVM_GET_CPUID2, .list = get_cpuid2),
	IOCTL(KVM_SET_SIGNAL_MASK, .list = set_signal_mask),
	IOCTL(KVM_GET_TSC_KHZ, .fn = get_tsc_khz),
	IOCTL(KVM_KVMCLOCK_CTRL, .fn = kvmclock_ctrl),
	IOCTL(KVM_X86_SETUP_MCE, .fn = setup_mce),
	IOCTL(KVM_X86_SET_MCE, .fn = set_mce),
	IOCTL(KVM_GET_NESTED_STATE, .list = get_nested_state, .parked = true),
	IOCTL(KVM_SET_NESTED_STATE, .fn = set_nested_state, .parked = true),
	IOCTL(KVM_GET_STATS_FD, .fn = get_stats_fd),
};
