// SPDX-License-Identifier: GPL-2.0
/*
 * Linear addresses of a guest, translated as its processor would: the walk is mmu/walk.c's,
 * here it gets the vCPU's registers and the guest's memory.
 *
 * vcpu->mutex, vCPU loaded. SDM vol. 3A, 4.
 */
#include "mmu/walk.h"
#include "vmx/cpu/cpuid.h"
#include "vmx/cpu/cr.h"
#include "vmx/cpu/linear.h"
#include "vmx/cpu/regs.h"
#include "vmx/vcpu.h"

static int read_entry(void *ctx, u64 gpa, void *entry, size_t len)
{
	struct vcpu *vcpu = ctx;

	return mmu_read(&vcpu->vm->mmu, 0, gpa, entry, len);
}

static int exchange_entry(void *ctx, u64 gpa, u64 old, u64 new, size_t len)
{
	struct vcpu *vcpu = ctx;

	return mmu_cmpxchg(&vcpu->vm->mmu, 0, gpa, &old, &new, len);
}

static const struct walk_ops walk_ops = {
	.read		= read_entry,
	.compare_swap	= exchange_entry,
};

static void load_pdptrs(struct walk_env *env)
{
	env->pdptr[0] = vmcs_read64(GUEST_PDPTR0);
	env->pdptr[1] = vmcs_read64(GUEST_PDPTR1);
	env->pdptr[2] = vmcs_read64(GUEST_PDPTR2);
	env->pdptr[3] = vmcs_read64(GUEST_PDPTR3);
}

/**
 * linear_to_gpa() - translate a linear address
 * @vcpu: loaded; guest memory is read, so this may sleep
 * @address: linear address, canonical
 * @access: WALK_*
 * @gpa: set to the guest-physical address
 * @error_code: of the page fault, if there is one
 *
 * Return: WALK_OK; WALK_FAULT for #PF; -EAGAIN if other processors keep changing the tables.
 */
int linear_to_gpa(struct vcpu *vcpu, unsigned long address, unsigned int access, gpa_t *gpa,
		  u32 *error_code)
{
	struct walk_env env = {
		.ops		= &walk_ops,
		.ctx		= vcpu,
		.cr0		= cr0_get(vcpu),
		.cr3		= cr3_get(vcpu),
		.cr4		= cr4_get(vcpu),
		.efer		= vcpu->efer,
		.pkru		= vcpu->fpu.pkru,
		.ac		= vcpu_rflags(vcpu) & X86_EFLAGS_AC,
		.pages_1g	= cpuid_has(&vcpu->cpuid, CPUID_PAGES_1G),
		.maxphyaddr	= vcpu->cpuid.maxphyaddr,
	};
	struct walk_result result;
	int r;

	if (cr_paging(vcpu) && (env.cr4 & X86_CR4_PAE) && !(vcpu->efer & EFER_LMA))
		load_pdptrs(&env);
	r = guest_walk(&env, address, access, &result);
	*gpa = result.gpa;
	*error_code = result.error_code;
	return r;
}
