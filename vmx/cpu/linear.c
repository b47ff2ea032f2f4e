// SPDX-License-Identifier: GPL-2.0
/*
 * Linear addresses of a guest, translated as its processor would: the walk is mmu/walk.c's,
 * here it gets the vCPU's registers and the guest's memory.
 *
 * vcpu->mutex, vCPU loaded. SDM vol. 3A, 4.
 */
#include "mmu/walk.h"
#include "vmx/cpu/cr.h"
#include "vmx/cpu/linear.h"
#include "vmx/cpu/regs.h"

static int read_entry(void *ctx, u64 gpa, void *entry, size_t len)
{
	struct vcpu *vcpu = ctx;

	return mmu_read(&vcpu->vm->mmu, vcpu->smm, gpa, entry, len);
}

static int exchange_entry(void *ctx, u64 gpa, u64 old, u64 new, size_t len)
{
	struct vcpu *vcpu = ctx;

	return mmu_cmpxchg(&vcpu->vm->mmu, vcpu->smm, gpa, &old, &new, len);
}

static const struct walk_ops walk_ops = {
	.read		= read_entry,
	.compare_swap	= exchange_entry,
};

#define FETCH_CR4	(X86_CR4_PAE | X86_CR4_LA57 | X86_CR4_SMEP)	/* none the guest's own */

/* 64-bit paging only: no other bit of CR0 or CR4 has a say in fetches there. */
static void note_fetch(struct vcpu *vcpu, unsigned long address, unsigned int access,
		       const struct walk_env *env, const struct walk_result *result)
{
	struct linear_fetch *f = &vcpu->fetch[linear_place(address)];
	const struct walk_trail *trail = &result->trail;
	unsigned int i;

	f->noted = false;
	f->watch.nr = 0;
	f->rip = address;
	f->access = access;
	f->cr3 = env->cr3;
	f->cr4 = env->cr4 & FETCH_CR4;
	f->efer = env->efer;
	f->gpa = result->gpa;
	for (i = 0; i < trail->nr; i++)
		if (!mmu_watch(&vcpu->vm->mmu, vcpu->smm, &f->watch, trail->gpa[i],
			       trail->entry[i]))
			break;
}

static bool watch_code(struct vcpu *vcpu, struct linear_fetch *f, const u8 *bytes,
		       unsigned int offset)
{
	u64 value;

	memcpy(&value, bytes + offset, sizeof(value));
	return mmu_watch(&vcpu->vm->mmu, vcpu->smm, &f->watch, f->gpa + offset, value);
}

/**
 * linear_note_code() - an instruction that was fetched has been decoded
 * @vcpu: loaded, in 64-bit mode
 * @rip: where it is
 * @bytes: from its start, 15 of them, all in one page
 * @len: its length
 *
 * linear_same_code() will tell whether it is still the same.
 */
void linear_note_code(struct vcpu *vcpu, unsigned long rip, const u8 *bytes, unsigned int len)
{
	struct linear_fetch *f = &vcpu->fetch[linear_place(rip)];

	/* The entries of the page tables could be watched, all of them. */
	if (f->rip != rip || !f->watch.nr)
		return;
	f->noted = watch_code(vcpu, f, bytes, 0) &&
		   (len <= sizeof(u64) || watch_code(vcpu, f, bytes, len - sizeof(u64)));
}

/**
 * linear_code_stands() - is the code that the processor has just executed what was decoded there?
 * @vcpu: loaded, in 64-bit mode
 * @f: of its RIP
 *
 * That it may be fetched the processor has found. Context: interrupts may be off.
 */
bool linear_code_stands(struct vcpu *vcpu, const struct linear_fetch *f)
{
	return f->noted && f->efer == vcpu->efer && f->cr4 == (vcpu->cr4 & FETCH_CR4) &&
	       f->cr3 == cr3_get(vcpu) && mmu_unchanged(&vcpu->vm->mmu, &f->watch);
}

/**
 * linear_same_code() - would a fetch, and its decoding, have the same result as the last one?
 * @vcpu: loaded, in 64-bit mode
 * @rip: where
 * @access: WALK_FETCH, perhaps WALK_USER
 *
 * Code that accesses a device does so again and again. As long as the registers, the entries of
 * the guest's page tables (accessed bits included) and the code read the same, nothing that a
 * walk or the decoder would find can differ.
 */
bool linear_same_code(struct vcpu *vcpu, unsigned long rip, unsigned int access)
{
	const struct linear_fetch *f = &vcpu->fetch[linear_place(rip)];

	return f->rip == rip && f->access == access && linear_code_stands(vcpu, f);
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

	if (cr_pae_paging(env.cr0, env.cr4, env.efer))
		cr_get_pdptrs(env.pdptr);
	r = guest_walk(&env, address, access, &result);
	if ((access & WALK_FETCH) && r == WALK_OK && (vcpu->efer & EFER_LMA))
		note_fetch(vcpu, address, access, &env, &result);
	*gpa = result.gpa;
	*error_code = result.error_code;
	return r;
}
