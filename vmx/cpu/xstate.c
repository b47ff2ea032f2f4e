// SPDX-License-Identifier: GPL-2.0
/*
 * Extended state: FPU, SSE, AVX, XCR0, XSS, PKRU. From the first entry of a KVM_RUN to its end
 * the guest's registers are the thread's, and the thread's own lie in a buffer. So the kernel
 * saves and restores the guest's as it would any thread's, whoever else uses the registers
 * meanwhile; nobody reads them as the thread's own, because it neither gets a signal nor is
 * traced before KVM_RUN returns. XCR0, XSS and PKRU are switched around each entry.
 *
 * Only components that a guest may have are touched. In memory they have the standard format,
 * which is that of KVM_GET_XSAVE. The kernel's own buffers may be compacted, and saved into with
 * XSAVES, which leaves out what has not changed since the last XRSTOR from the same address:
 * ours is at another.
 *
 * Everything here is under vcpu->mutex. SDM vol. 1, 13; vol. 3C, 25.6.
 */
#include <linux/gfp.h>
#include <linux/irqflags.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include "vmx/cpu/cpuid_policy.h"
#include "vmx/cpu/xstate.h"
#include "vmx/vcpu.h"

#define MXCSR_DEFINED	0xffffU

static u64 host_xcr0 __ro_after_init;
static u64 host_xss __ro_after_init;
static u64 guest_components __ro_after_init = XFEATURE_MASK_FPSSE;

/* Where a component is in the standard format. PKRU is there for user space only. */
static struct {
	u32 size, offset;
} place[CPUID_COMPONENTS] __ro_after_init = {
	[XFEATURE_FP] = { offsetof(struct fxregs_state, xmm_space), 0 },
	[XFEATURE_SSE] = { sizeof_field(struct fxregs_state, xmm_space),
			   offsetof(struct fxregs_state, xmm_space) },
};

/**
 * xstate_init() - read the host's XCR0 and XSS, which are constant and the same on each CPU
 *
 * Return: 0.
 */
int xstate_init(void)
{
	unsigned int i;
	u32 unused;

	if (boot_cpu_has(X86_FEATURE_XSAVES))
		rdmsrl(MSR_IA32_XSS, host_xss);
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return 0;
	host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	guest_components = host_xcr0 & CPUID_XCR0_SUPPORTED & ~CPUID_XCR0_PKRU;
	for (i = XFEATURE_YMM; i < CPUID_COMPONENTS; i++)
		if (host_xcr0 & CPUID_XCR0_SUPPORTED & BIT(i))
			cpuid_count(0xd, i, &place[i].size, &place[i].offset, &unused, &unused);
	return 0;
}

/**
 * xstate_host_xcr0() - the components the host has enabled; no guest gets others
 *
 * Return: XCR0, 0 on a processor without XSAVE.
 */
u64 xstate_host_xcr0(void)
{
	return host_xcr0;
}

/* Components that @has does not name get their initial values. SDM vol. 1, 13.6. */
static void set_initial(struct xregs_state *state, u64 has)
{
	unsigned int i;

	for (i = 0; i < CPUID_COMPONENTS; i++)
		if (!(has & BIT(i)))
			memset((void *)state + place[i].offset, 0, place[i].size);
	if (!(has & XFEATURE_MASK_FP))
		state->i387.cwd = 0x37f;
	state->header.xfeatures = (has & guest_components) | XFEATURE_MASK_FPSSE;
}

/**
 * xstate_create() - allocate a vCPU's registers, in their reset state
 * @vcpu: being created
 *
 * Return: 0 or -ENOMEM.
 */
int xstate_create(struct vcpu *vcpu)
{
	vcpu->fpu.guest = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	vcpu->fpu.thread = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vcpu->fpu.guest || !vcpu->fpu.thread)
		return -ENOMEM;
	set_initial(vcpu->fpu.guest, 0);
	vcpu->fpu.guest->i387.mxcsr = MXCSR_DEFAULT;
	return 0;
}

/*
 * Makes the registers @new, and @old what they were. Interrupts are off. If the thread has lost
 * them to another one, or to the kernel, its come back first.
 */
static void swap_registers(struct xregs_state *old, struct xregs_state *new)
{
	if (unlikely(test_thread_flag(TIF_NEED_FPU_LOAD)))
		switch_fpu_return();
	fpregs_swap(old, new, guest_components);
}

/**
 * xstate_put_fpu() - the guest's registers into memory, the thread's own come back
 * @vcpu: any, loaded or not
 *
 * At the end of KVM_RUN, or for an access to them; the next entry loads them.
 */
void xstate_put_fpu(struct vcpu *vcpu)
{
	if (!vcpu->fpu.loaded)
		return;
	local_irq_disable();
	swap_registers(vcpu->fpu.guest, vcpu->fpu.thread);
	vcpu->fpu.loaded = false;
	local_irq_enable();
}

/**
 * xstate_enter() - load the guest's registers, and switch the control registers to its
 * @vcpu: about to enter
 *
 * Context: interrupts off.
 */
void xstate_enter(struct vcpu *vcpu)
{
	if (!vcpu->fpu.loaded) {
		swap_registers(vcpu->fpu.thread, vcpu->fpu.guest);
		vcpu->fpu.loaded = true;
	} else if (unlikely(test_thread_flag(TIF_NEED_FPU_LOAD))) {
		/* A softirq, or another thread, has used them since. */
		switch_fpu_return();
	}
	if (vcpu->cr4 & X86_CR4_OSXSAVE) {
		if (vcpu->xcr0 != host_xcr0)
			xsetbv(XCR_XFEATURE_ENABLED_MASK, vcpu->xcr0);
		if (vcpu->msr.xss != host_xss)
			wrmsrl(MSR_IA32_XSS, vcpu->msr.xss);
	}
	if (!cpu_feature_enabled(X86_FEATURE_PKU) ||
	    (!(vcpu->cr4 & X86_CR4_PKE) && !(vcpu->xcr0 & XFEATURE_MASK_PKRU)))
		return;
	vcpu->fpu.host_pkru = rdpkru();
	if (vcpu->fpu.pkru != vcpu->fpu.host_pkru)
		wrpkru(vcpu->fpu.pkru);
}

/**
 * xstate_leave() - switch the control registers back to the host's
 * @vcpu: that has just exited
 *
 * Context: interrupts off.
 */
void xstate_leave(struct vcpu *vcpu)
{
	if (cpu_feature_enabled(X86_FEATURE_PKU) &&
	    ((vcpu->cr4 & X86_CR4_PKE) || (vcpu->xcr0 & XFEATURE_MASK_PKRU))) {
		vcpu->fpu.pkru = rdpkru();
		if (vcpu->fpu.pkru != vcpu->fpu.host_pkru)
			wrpkru(vcpu->fpu.host_pkru);
	}
	if (vcpu->cr4 & X86_CR4_OSXSAVE) {
		if (vcpu->xcr0 != host_xcr0)
			xsetbv(XCR_XFEATURE_ENABLED_MASK, host_xcr0);
		if (vcpu->msr.xss != host_xss)
			wrmsrl(MSR_IA32_XSS, host_xss);
	}
}

/* SDM vol. 1, 13.3: which combinations XSETBV takes. */
static bool xcr0_valid(const struct vcpu *vcpu, u64 value)
{
	const u64 avx512 = XFEATURE_MASK_AVX512;

	if (!(value & XFEATURE_MASK_FP) || (value & ~vcpu->cpuid.xcr0_allowed))
		return false;
	if ((value & XFEATURE_MASK_YMM) && !(value & XFEATURE_MASK_SSE))
		return false;
	if (!(value & avx512))
		return true;
	return (value & XFEATURE_MASK_YMM) && (value & avx512) == avx512;
}

/**
 * xstate_set_xcr0() - give the guest another XCR0
 * @vcpu: loaded
 * @value: from XSETBV or user space
 *
 * Return: 0, or 1 if the processor would fault with #GP(0).
 */
int xstate_set_xcr0(struct vcpu *vcpu, u64 value)
{
	if (!xcr0_valid(vcpu, value))
		return 1;
	if (value != vcpu->xcr0) {
		vcpu->xcr0 = value;
		cpuid_update_dynamic(vcpu);
	}
	return 0;
}

/* KVM's names of what struct fxregs_state has, too. */
#define EACH_FPU_FIELD(X)								\
	X(fcw, cwd) X(fsw, swd) X(ftwx, twd) X(last_opcode, fop) X(last_ip, rip)	\
	X(last_dp, rdp) X(mxcsr, mxcsr)

/**
 * xstate_get_fpu() - KVM_GET_FPU
 * @vcpu: its registers are not loaded
 * @fpu: filled in, all of it
 */
void xstate_get_fpu(struct vcpu *vcpu, struct kvm_fpu *fpu)
{
	const struct fxregs_state *fx = &vcpu->fpu.guest->i387;

#define GET(ours, its)	fpu->ours = fx->its;
	EACH_FPU_FIELD(GET)
#undef GET
	fpu->pad1 = 0;
	fpu->pad2 = 0;
	memcpy(fpu->fpr, fx->st_space, sizeof(fpu->fpr));
	memcpy(fpu->xmm, fx->xmm_space, sizeof(fpu->xmm));
}

/**
 * xstate_set_fpu() - KVM_SET_FPU
 * @vcpu: its registers are not loaded
 * @fpu: new values
 *
 * Return: 0, or -EINVAL for an MXCSR that the processor would refuse.
 */
int xstate_set_fpu(struct vcpu *vcpu, const struct kvm_fpu *fpu)
{
	struct fxregs_state *fx = &vcpu->fpu.guest->i387;

	if (fpu->mxcsr & ~MXCSR_DEFINED)
		return -EINVAL;
#define SET(ours, its)	fx->its = fpu->ours;
	EACH_FPU_FIELD(SET)
#undef SET
	memcpy(fx->st_space, fpu->fpr, sizeof(fpu->fpr));
	memcpy(fx->xmm_space, fpu->xmm, sizeof(fpu->xmm));
	vcpu->fpu.guest->header.xfeatures |= XFEATURE_MASK_FPSSE;
	return 0;
}

static u32 *xmm(struct vcpu *vcpu, unsigned int nr)
{
	return &vcpu->fpu.guest->i387.xmm_space[array_index_nospec(nr, 16) * 4];
}

/**
 * xstate_read_xmm() - read an XMM register in the middle of KVM_RUN
 * @vcpu: its registers may be loaded
 * @nr: 0 to 15
 * @value: receives 16 bytes
 */
void xstate_read_xmm(struct vcpu *vcpu, unsigned int nr, void *value)
{
	xstate_put_fpu(vcpu);
	memcpy(value, xmm(vcpu, nr), 16);
}

/**
 * xstate_write_xmm() - write an XMM register in the middle of KVM_RUN
 * @vcpu: its registers may be loaded
 * @nr: 0 to 15
 * @value: 16 bytes
 * @vex: as a VEX instruction does: the rest of the register is cleared
 */
void xstate_write_xmm(struct vcpu *vcpu, unsigned int nr, const void *value, bool vex)
{
	void *state = vcpu->fpu.guest;

	xstate_put_fpu(vcpu);
	memcpy(xmm(vcpu, nr), value, 16);
	/* XSAVE has written initial values, too, but XRSTOR would not read them. */
	vcpu->fpu.guest->header.xfeatures |= XFEATURE_MASK_SSE;
	nr = array_index_nospec(nr, 16);
	if (vex && place[XFEATURE_YMM].size)
		memset(state + place[XFEATURE_YMM].offset + nr * 16, 0, 16);
	if (vex && place[XFEATURE_ZMM_Hi256].size)
		memset(state + place[XFEATURE_ZMM_Hi256].offset + nr * 32, 0, 32);
}

/**
 * xstate_get_xsave() - KVM_GET_XSAVE: the standard format of XSAVE
 * @vcpu: its registers are not loaded
 * @xsave: filled in
 *
 * Return: 0 or -EFAULT.
 */
int xstate_get_xsave(struct vcpu *vcpu, struct kvm_xsave __user *xsave)
{
	const struct xregs_state *state = vcpu->fpu.guest;
	u64 has = state->header.xfeatures | XFEATURE_MASK_PKRU;
	void __user *to = xsave->region;

	if (copy_to_user(to, state, sizeof(*xsave)))
		return -EFAULT;
	if ((host_xcr0 & XFEATURE_MASK_PKRU) &&
	    (copy_to_user(to + place[XFEATURE_PKRU].offset, &vcpu->fpu.pkru, sizeof(u32)) ||
	     copy_to_user(to + offsetof(struct xregs_state, header.xfeatures), &has, sizeof(has))))
		return -EFAULT;
	return 0;
}

/**
 * xstate_set_xsave() - KVM_SET_XSAVE
 * @vcpu: its registers are not loaded
 * @xsave: new values, standard format
 *
 * Return: 0, or -EINVAL if XRSTOR would refuse them.
 */
int xstate_set_xsave(struct vcpu *vcpu, const struct kvm_xsave *xsave)
{
	const struct xregs_state *new = (const void *)xsave->region;
	const struct xstate_header *header = &new->header;
	u64 has = header->xfeatures;
	bool has_mxcsr = has & (XFEATURE_MASK_SSE | XFEATURE_MASK_YMM);

	if ((has & ~(guest_components | (host_xcr0 & XFEATURE_MASK_PKRU))) || header->xcomp_bv ||
	    memchr_inv(header->reserved, 0, sizeof(header->reserved)) ||
	    (has_mxcsr && (new->i387.mxcsr & ~MXCSR_DEFINED)))
		return -EINVAL;
	memcpy(vcpu->fpu.guest, new, sizeof(*xsave));
	if (has & XFEATURE_MASK_PKRU)
		memcpy(&vcpu->fpu.pkru, (void *)new + place[XFEATURE_PKRU].offset, sizeof(u32));
	set_initial(vcpu->fpu.guest, has & ~XFEATURE_MASK_PKRU);
	/* XRSTOR loads it in any case. */
	vcpu->fpu.guest->i387.mxcsr = has_mxcsr ? new->i387.mxcsr : MXCSR_DEFAULT;
	return 0;
}

/**
 * xstate_get_xcrs() - KVM_GET_XCRS
 * @vcpu: loaded
 * @xcrs: filled in, zeroed by the caller
 *
 * Return: 0, or -EINVAL on a processor without XSAVE.
 */
int xstate_get_xcrs(struct vcpu *vcpu, struct kvm_xcrs *xcrs)
{
	if (!host_xcr0)
		return -EINVAL;
	xcrs->nr_xcrs = 1;
	xcrs->xcrs[0].xcr = XCR_XFEATURE_ENABLED_MASK;
	xcrs->xcrs[0].value = vcpu->xcr0;
	return 0;
}

/**
 * xstate_set_xcrs() - KVM_SET_XCRS
 * @vcpu: loaded
 * @xcrs: only XCR0 is looked at; others are for processors to come
 *
 * Return: 0 or -EINVAL, as on a processor without XSAVE.
 */
int xstate_set_xcrs(struct vcpu *vcpu, const struct kvm_xcrs *xcrs)
{
	u32 i;

	if (!host_xcr0 || xcrs->nr_xcrs > KVM_MAX_XCRS || xcrs->flags)
		return -EINVAL;
	for (i = 0; i < xcrs->nr_xcrs; i++)
		if (xcrs->xcrs[i].xcr == XCR_XFEATURE_ENABLED_MASK)
			return xstate_set_xcr0(vcpu, xcrs->xcrs[i].value) ? -EINVAL : 0;
	return 0;
}
