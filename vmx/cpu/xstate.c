// SPDX-License-Identifier: GPL-2.0
/*
 * Extended state: FPU, SSE, AVX, XCR0, XSS, PKRU. The registers are swapped with the host's by
 * the kernel's own FPU code for the length of KVM_RUN, so that scheduling and the host's use
 * of the FPU in between need no care here; XCR0, XSS and PKRU are switched around each entry.
 *
 * Everything here is under vcpu->mutex. SDM vol. 1, 13; vol. 3C, 25.6.
 */
#include <linux/kvm.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/fpu/api.h>
#include <asm/fpu/xcr.h>
#include <asm/fpu/xstate.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include "vmx/cpu/cpuid.h"
#include "vmx/cpu/xstate.h"
#include "vmx/vcpu.h"

#define MXCSR_DEFINED	0xffffU

static u64 host_xcr0 __ro_after_init;
static u64 host_xss __ro_after_init;

/**
 * xstate_init() - read the host's XCR0 and XSS, which are constant and the same on each CPU
 *
 * Return: 0.
 */
int xstate_init(void)
{
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		host_xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	if (boot_cpu_has(X86_FEATURE_XSAVES))
		rdmsrl(MSR_IA32_XSS, host_xss);
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

/**
 * xstate_create() - allocate a vCPU's registers, in their reset state
 * @vcpu: being created
 *
 * Return: 0 or -ENOMEM.
 */
int xstate_create(struct vcpu *vcpu)
{
	if (!fpu_alloc_guest_fpstate(&vcpu->fpu.fpu))
		return -ENOMEM;
	return 0;
}

/**
 * xstate_destroy() - free a vCPU's registers
 * @vcpu: being destroyed
 */
void xstate_destroy(struct vcpu *vcpu)
{
	if (vcpu->fpu.fpu.fpstate)
		fpu_free_guest_fpstate(&vcpu->fpu.fpu);
}

/**
 * xstate_enter() - switch the control registers to the guest's
 * @vcpu: about to enter, its registers loaded
 *
 * Context: interrupts off.
 */
void xstate_enter(struct vcpu *vcpu)
{
	/* A softirq, or another thread, may have used the registers since they were loaded. */
	if (unlikely(test_thread_flag(TIF_NEED_FPU_LOAD)))
		switch_fpu_return();
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
	const u64 mpx = XFEATURE_MASK_BNDREGS | XFEATURE_MASK_BNDCSR;

	if (!(value & XFEATURE_MASK_FP) || (value & ~vcpu->cpuid.xcr0_allowed))
		return false;
	if ((value & XFEATURE_MASK_YMM) && !(value & XFEATURE_MASK_SSE))
		return false;
	if ((value & mpx) && (value & mpx) != mpx)
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

static struct fxregs_state *fxregs(struct vcpu *vcpu)
{
	return &vcpu->fpu.fpu.fpstate->regs.fxsave;
}

/**
 * xstate_get_fpu() - KVM_GET_FPU
 * @vcpu: its registers are not loaded
 * @fpu: filled in
 *
 * Return: 0.
 */
int xstate_get_fpu(struct vcpu *vcpu, struct kvm_fpu *fpu)
{
	const struct fxregs_state *fx = fxregs(vcpu);

	memcpy(fpu->fpr, fx->st_space, sizeof(fpu->fpr));
	fpu->fcw = fx->cwd;
	fpu->fsw = fx->swd;
	fpu->ftwx = fx->twd;
	fpu->last_opcode = fx->fop;
	fpu->last_ip = fx->rip;
	fpu->last_dp = fx->rdp;
	fpu->mxcsr = fx->mxcsr;
	memcpy(fpu->xmm, fx->xmm_space, sizeof(fpu->xmm));
	return 0;
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
	struct fxregs_state *fx = fxregs(vcpu);

	if (fpu->mxcsr & ~MXCSR_DEFINED)
		return -EINVAL;
	memcpy(fx->st_space, fpu->fpr, sizeof(fpu->fpr));
	fx->cwd = fpu->fcw;
	fx->swd = fpu->fsw;
	fx->twd = fpu->ftwx;
	fx->fop = fpu->last_opcode;
	fx->rip = fpu->last_ip;
	fx->rdp = fpu->last_dp;
	fx->mxcsr = fpu->mxcsr;
	memcpy(fx->xmm_space, fpu->xmm, sizeof(fpu->xmm));
	/* XRSTOR takes a component for its initial state unless the header names it. */
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		vcpu->fpu.fpu.fpstate->regs.xsave.header.xfeatures |= XFEATURE_MASK_FPSSE;
	return 0;
}

/* The kernel's FPU code knows how to have the registers in memory. */
static struct fxregs_state *borrow_fxregs(struct vcpu *vcpu, bool *loaded)
{
	struct fxregs_state *fx = fxregs(vcpu);
	struct xregs_state *xsave = &vcpu->fpu.fpu.fpstate->regs.xsave;

	*loaded = vcpu->fpu.fpu.fpstate->in_use;
	if (*loaded)
		xstate_put_fpu(&vcpu->fpu);
	/* A component in its initial state is not in memory. */
	if (boot_cpu_has(X86_FEATURE_XSAVE) && !(xsave->header.xfeatures & XFEATURE_MASK_SSE)) {
		memset(fx->xmm_space, 0, sizeof(fx->xmm_space));
		fx->mxcsr = MXCSR_DEFAULT;
		xsave->header.xfeatures |= XFEATURE_MASK_SSE;
	}
	return fx;
}

/**
 * xstate_read_xmm() - read an XMM register in the middle of KVM_RUN
 * @vcpu: its registers may be loaded
 * @nr: 0 to 15
 * @value: receives 16 bytes
 */
void xstate_read_xmm(struct vcpu *vcpu, unsigned int nr, void *value)
{
	bool loaded;
	struct fxregs_state *fx = borrow_fxregs(vcpu, &loaded);

	memcpy(value, &fx->xmm_space[array_index_nospec(nr, 16) * 4], 16);
	if (loaded)
		xstate_load_fpu(&vcpu->fpu);
}

/**
 * xstate_write_xmm() - write an XMM register in the middle of KVM_RUN
 * @vcpu: its registers may be loaded
 * @nr: 0 to 15
 * @value: 16 bytes
 */
void xstate_write_xmm(struct vcpu *vcpu, unsigned int nr, const void *value)
{
	bool loaded;
	struct fxregs_state *fx = borrow_fxregs(vcpu, &loaded);

	memcpy(&fx->xmm_space[array_index_nospec(nr, 16) * 4], value, 16);
	if (loaded)
		xstate_load_fpu(&vcpu->fpu);
}

/* Where a component is in the standard format. */
static void *component(struct kvm_xsave *xsave, unsigned int nr)
{
	u32 size, offset, flags, unused;

	cpuid_count(XSTATE_CPUID, nr, &size, &offset, &flags, &unused);
	return size && offset + size <= sizeof(xsave->region) ? (void *)xsave + offset : NULL;
}

/**
 * xstate_write_vex() - write an XMM register as a VEX instruction does: the rest of it is cleared
 * @vcpu: its registers may be loaded
 * @nr: 0 to 15
 * @value: 16 bytes
 *
 * Return: 0 or -ENOMEM.
 */
int xstate_write_vex(struct vcpu *vcpu, unsigned int nr, const void *value)
{
	struct kvm_xsave *xsave = kzalloc(sizeof(*xsave), GFP_KERNEL_ACCOUNT);
	struct fxregs_state *fx;
	void *ymm, *zmm;
	bool loaded;

	if (!xsave)
		return -ENOMEM;
	fx = borrow_fxregs(vcpu, &loaded);
	nr = array_index_nospec(nr, 16);
	memcpy(&fx->xmm_space[nr * 4], value, 16);
	xstate_get_xsave(vcpu, xsave);
	ymm = component(xsave, XFEATURE_YMM);
	zmm = component(xsave, XFEATURE_ZMM_Hi256);
	if (ymm)
		memset(ymm + nr * 16, 0, 16);
	if (zmm)
		memset(zmm + nr * 32, 0, 32);
	xstate_set_xsave(vcpu, xsave);
	if (loaded)
		xstate_load_fpu(&vcpu->fpu);
	kfree(xsave);
	return 0;
}

/**
 * xstate_get_xsave() - KVM_GET_XSAVE: the standard format of XSAVE
 * @vcpu: its registers are not loaded
 * @xsave: filled in
 *
 * Return: 0.
 */
int xstate_get_xsave(struct vcpu *vcpu, struct kvm_xsave *xsave)
{
	fpu_copy_guest_fpstate_to_uabi(&vcpu->fpu.fpu, xsave->region, sizeof(xsave->region),
				       vcpu->fpu.fpu.fpstate->user_xfeatures, vcpu->fpu.pkru);
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
	return fpu_copy_uabi_to_guest_fpstate(&vcpu->fpu.fpu, xsave->region, host_xcr0,
					      &vcpu->fpu.pkru);
}

/**
 * xstate_get_xcrs() - KVM_GET_XCRS
 * @vcpu: loaded
 * @xcrs: filled in, zeroed by the caller
 *
 * Return: 0.
 */
int xstate_get_xcrs(struct vcpu *vcpu, struct kvm_xcrs *xcrs)
{
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
 * Return: 0 or -EINVAL.
 */
int xstate_set_xcrs(struct vcpu *vcpu, const struct kvm_xcrs *xcrs)
{
	u32 i;

	if (xcrs->nr_xcrs > KVM_MAX_XCRS || xcrs->flags)
		return -EINVAL;
	for (i = 0; i < xcrs->nr_xcrs; i++)
		if (xcrs->xcrs[i].xcr == XCR_XFEATURE_ENABLED_MASK)
			return xstate_set_xcr0(vcpu, xcrs->xcrs[i].value) ? -EINVAL : 0;
	return 0;
}
