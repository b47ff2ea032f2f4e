// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls of a vCPU's descriptor. Each runs under vcpu->mutex with the vCPU loaded.
 */
#include <linux/mm.h>
#include <linux/signal.h>
#include <linux/uaccess.h>
#include "vmx/clock/clock.h"
#include "vmx/cpu/cpuid.h"
#include "vmx/cpu/debug.h"
#include "vmx/cpu/event.h"
#include "vmx/cpu/mce.h"
#include "vmx/cpu/msr.h"
#include "vmx/cpu/regs.h"
#include "vmx/cpu/xstate.h"
#include "vmx/ioctl.h"
#include "vmx/irqchip/irqchip.h"
#include "vmx/list_ioctl.h"
#include "vmx/vcpu.h"

static int get_regs(void *vcpu, void *data)
{
	return regs_get(vcpu, data);
}

static int set_regs(void *vcpu, void *data)
{
	return regs_set(vcpu, data);
}

static int get_sregs(void *vcpu, void *data)
{
	return sregs_get(vcpu, data);
}

static int set_sregs(void *vcpu, void *data)
{
	return sregs_set(vcpu, data);
}

static int get_fpu(void *vcpu, void *data)
{
	return xstate_get_fpu(vcpu, data);
}

static int set_fpu(void *vcpu, void *data)
{
	return xstate_set_fpu(vcpu, data);
}

static int get_xsave(void *vcpu, void *data)
{
	return xstate_get_xsave(vcpu, data);
}

static int set_xsave(void *vcpu, void *data)
{
	return xstate_set_xsave(vcpu, data);
}

static int get_xcrs(void *vcpu, void *data)
{
	return boot_cpu_has(X86_FEATURE_XSAVE) ? xstate_get_xcrs(vcpu, data) : -EINVAL;
}

static int set_xcrs(void *vcpu, void *data)
{
	return boot_cpu_has(X86_FEATURE_XSAVE) ? xstate_set_xcrs(vcpu, data) : -EINVAL;
}

static int get_debugregs(void *vcpu, void *data)
{
	debug_get(vcpu, data);
	return 0;
}

static int set_debugregs(void *vcpu, void *data)
{
	return debug_set(vcpu, data);
}

static int get_events(void *vcpu, void *data)
{
	event_get(vcpu, data);
	return 0;
}

static int set_events(void *vcpu, void *data)
{
	return event_set(vcpu, data);
}

static int set_guest_debug(void *vcpu, void *data)
{
	return debugger_set(vcpu, data);
}

static int get_lapic(void *object, void *data)
{
	struct vcpu *vcpu = object;

	return vcpu->lapic ? lapic_get_state(vcpu, data) : -EINVAL;
}

static int set_lapic(void *object, void *data)
{
	struct vcpu *vcpu = object;

	return vcpu->lapic ? lapic_set_state(vcpu, data) : -EINVAL;
}

static int get_mp_state(void *object, void *data)
{
	struct vcpu *vcpu = object;
	struct kvm_mp_state *mp = data;

	/* A wake-up that nobody has seen yet counts. */
	vcpu_settle(vcpu);
	mp->mp_state = vcpu->mp_state;
	return 0;
}

static int set_mp_state(void *object, void *data)
{
	struct vcpu *vcpu = object;
	struct kvm_mp_state *mp = data;

	switch (mp->mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		break;
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_HALTED:
	case KVM_MP_STATE_SIPI_RECEIVED:
		if (vcpu->lapic)
			break;
		fallthrough;
	default:
		return -EINVAL;
	}
	if (mp->mp_state == KVM_MP_STATE_SIPI_RECEIVED) {
		vcpu->mp_state = KVM_MP_STATE_INIT_RECEIVED;
		lapic_post_sipi(vcpu, 0);
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
	vcpu->ev.user_vector = irq->irq;
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

static int nmi(void *vcpu, void *data)
{
	vcpu_inject_nmi(vcpu);
	return 0;
}

static int get_tsc_khz(void *object, void *data)
{
	return tsc_get_khz(object);
}

static int set_tsc_khz(void *object, void *data)
{
	return tsc_set_khz(object, (unsigned long)data);
}

static int kvmclock_ctrl(void *object, void *data)
{
	return pvclock_set_stopped(object);
}

static int setup_mce(void *object, void *data)
{
	return mce_set_banks(object, *(u64 *)data);
}

static int set_mce(void *object, void *data)
{
	return mce_report(object, data);
}

static int get_stats_fd(void *vcpu, void *data)
{
	return stats_vcpu_fd(vcpu);
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

static int get_msrs(void *vcpu, void __user *arg)
{
	return list_get_msrs(vcpu, arg);
}

static int set_msrs(void *vcpu, void __user *arg)
{
	return list_set_msrs(vcpu, arg);
}

static int get_cpuid2(void *vcpu, void __user *arg)
{
	return list_get_cpuid2(vcpu, arg);
}

static int set_cpuid2(void *vcpu, void __user *arg)
{
	return list_set_cpuid2(vcpu, arg);
}

static const struct ioctl_op vcpu_ops[] = {
	{ KVM_GET_REGS, get_regs },
	{ KVM_SET_REGS, set_regs },
	{ KVM_GET_SREGS, get_sregs },
	{ KVM_SET_SREGS, set_sregs },
	{ KVM_GET_MSRS, .list = get_msrs },
	{ KVM_SET_MSRS, .list = set_msrs },
	{ KVM_INTERRUPT, interrupt },
	{ KVM_NMI, nmi },
	{ KVM_GET_MP_STATE, get_mp_state },
	{ KVM_SET_MP_STATE, set_mp_state },
	{ KVM_GET_VCPU_EVENTS, get_events },
	{ KVM_SET_VCPU_EVENTS, set_events },
	{ KVM_GET_FPU, get_fpu },
	{ KVM_SET_FPU, set_fpu },
	{ KVM_GET_XSAVE, get_xsave },
	{ KVM_SET_XSAVE, set_xsave },
	{ KVM_GET_XCRS, get_xcrs },
	{ KVM_SET_XCRS, set_xcrs },
	{ KVM_GET_DEBUGREGS, get_debugregs },
	{ KVM_SET_DEBUGREGS, set_debugregs },
	{ KVM_SET_GUEST_DEBUG, set_guest_debug },
	{ KVM_GET_LAPIC, get_lapic },
	{ KVM_SET_LAPIC, set_lapic },
	{ KVM_SET_CPUID2, .list = set_cpuid2 },
	{ KVM_GET_CPUID2, .list = get_cpuid2 },
	{ KVM_SET_SIGNAL_MASK, .list = set_signal_mask },
	{ KVM_GET_TSC_KHZ, get_tsc_khz },
	{ KVM_SET_TSC_KHZ, set_tsc_khz },
	{ KVM_KVMCLOCK_CTRL, kvmclock_ctrl },
	{ KVM_X86_SETUP_MCE, setup_mce },
	{ KVM_X86_SET_MCE, set_mce },
	{ KVM_GET_STATS_FD, get_stats_fd },
};

static long call(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	if (cmd == KVM_RUN)
		return arg ? -EINVAL : vcpu_run(vcpu);
	return ioctl_call(vcpu_ops, ARRAY_SIZE(vcpu_ops), vcpu, cmd, arg, -EINVAL);
}

/**
 * vcpu_ioctl() - an ioctl on a vCPU's descriptor
 * @vcpu: the vCPU
 * @cmd: ioctl number
 * @arg: ioctl argument
 *
 * Return: the ioctl's result; -EIO from another process than the VM's owner, -EINTR if a
 * signal came while another thread held the vCPU, -EINVAL for an unknown number.
 */
long vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	long r;

	if (vcpu->vm->mm != current->mm || READ_ONCE(vcpu->vm->dead))
		return -EIO;
	if (_IOC_TYPE(cmd) != KVMIO)
		return -EINVAL;
	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	vcpu_load(vcpu);
	r = call(vcpu, cmd, arg);
	vcpu_put(vcpu);
	mutex_unlock(&vcpu->mutex);
	return r;
}
