// SPDX-License-Identifier: GPL-2.0
/*
 * Control registers and EFER, as the guest sees them, and what the VMCS holds for them:
 * vcpu->cr0 and vcpu->cr4 are architectural, the VMCS adds what VMX operation fixes. Bits
 * that the guest owns change without an exit and are read back from the VMCS once an exit.
 *
 * vcpu->mutex, vCPU loaded. SDM vol. 3A, 2.5 and 4.1.2; vol. 3C, 23.8 and 25.3.
 */
#include <asm/tlbflush.h>
#include "vmx/cpu/cr.h"
#include "vmx/hw/controls.h"

/* What the guest may change by itself: nothing that VMX fixes or that changes our state. */
#define CR0_GUEST_OWNED	(X86_CR0_TS | X86_CR0_WP)
#define CR4_GUEST_OWNED	(X86_CR4_PVI | X86_CR4_DE | X86_CR4_PCE | X86_CR4_OSFXSR |	\
			 X86_CR4_OSXMMEXCPT | X86_CR4_PGE | X86_CR4_TSD | X86_CR4_FSGSBASE)

#define CR0_DEFINED	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET |	\
			 X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD |	\
			 X86_CR0_PG)

/* The translation of linear addresses depends on these, and on CR0.PG. */
#define CR4_PAGING_BITS	(X86_CR4_PAE | X86_CR4_PSE | X86_CR4_PGE | X86_CR4_PCIDE |	\
			 X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE)

#define PDPTE_RESERVED	0x1e6UL		/* bits 1, 2 and 5 to 8: SDM table 4-8 */

static unsigned long cr4_guest_owned(const struct vcpu *vcpu)
{
	/* A bit the guest's CPUID does not offer must exit, to fault. */
	return CR4_GUEST_OWNED & ~vcpu->cpuid.cr4_reserved;
}

/* Read back, once an exit, the bits that the guest may have changed: @owned. */
static __always_inline unsigned long get(struct vcpu *vcpu, u32 cached, unsigned long field,
					 unsigned long owned, unsigned long *copy)
{
	if (!(vcpu->vmcs->cached & cached)) {
		*copy = (*copy & ~owned) | (vmcs_readl(field) & owned);
		vcpu->vmcs->cached |= cached;
	}
	return *copy;
}

/**
 * cr0_get() - the guest's CR0
 * @vcpu: loaded
 *
 * Return: as MOV from CR0 gives it.
 */
unsigned long cr0_get(struct vcpu *vcpu)
{
	return get(vcpu, VMCS_CACHED_CR0, GUEST_CR0, CR0_GUEST_OWNED, &vcpu->cr0);
}

/**
 * cr4_get() - the guest's CR4
 * @vcpu: loaded
 *
 * Return: as MOV from CR4 gives it.
 */
unsigned long cr4_get(struct vcpu *vcpu)
{
	return get(vcpu, VMCS_CACHED_CR4, GUEST_CR4, cr4_guest_owned(vcpu), &vcpu->cr4);
}

/**
 * cr3_get() - the guest's CR3, which it changes without an exit
 * @vcpu: loaded
 *
 * Return: as MOV from CR3 gives it.
 */
unsigned long cr3_get(struct vcpu *vcpu)
{
	return get(vcpu, VMCS_CACHED_CR3, GUEST_CR3, ~0UL, &vcpu->cr3);
}

static void write_cr3_field(struct vcpu *vcpu, unsigned long value)
{
	vmcs_writel(GUEST_CR3, value);
	vcpu->cr3 = value;
	vcpu->vmcs->cached |= VMCS_CACHED_CR3;
}

static void write_mask(unsigned long field, unsigned long *known, unsigned long mask)
{
	if (*known != mask)
		vmcs_writel(field, mask);
	*known = mask;
}

static void write_cr0_fields(struct vcpu *vcpu)
{
	unsigned long hw = vcpu->cr0 | vmx_caps.cr0_fixed0;

	if (vcpu->vmcs->proc2 & SECONDARY_EXEC_UNRESTRICTED_GUEST)
		hw = (hw & ~(X86_CR0_PE | X86_CR0_PG)) | (vcpu->cr0 & (X86_CR0_PE | X86_CR0_PG));
	/* The caches stay on: memory types are EPT's business. */
	hw &= ~(X86_CR0_CD | X86_CR0_NW) & vmx_caps.cr0_fixed1;
	vmcs_writel(GUEST_CR0, hw);
	vmcs_writel(CR0_READ_SHADOW, vcpu->cr0);
	write_mask(CR0_GUEST_HOST_MASK, &vcpu->vmcs->cr0_mask, ~CR0_GUEST_OWNED);
	vcpu->vmcs->cached |= VMCS_CACHED_CR0;
}

/* MCE is the host's: without it a machine check in a guest shuts the processor down. */
static void write_cr4_fields(struct vcpu *vcpu)
{
	unsigned long cr4 = vcpu->cr4 & ~X86_CR4_MCE;

	cr4 |= cr4_read_shadow() & X86_CR4_MCE;
	vmcs_writel(GUEST_CR4, (cr4 | vmx_caps.cr4_fixed0) & vmx_caps.cr4_fixed1);
	vmcs_writel(CR4_READ_SHADOW, vcpu->cr4);
	write_mask(CR4_GUEST_HOST_MASK, &vcpu->vmcs->cr4_mask, ~cr4_guest_owned(vcpu));
	vcpu->vmcs->cached |= VMCS_CACHED_CR4;
}

static void write_efer_fields(struct vcpu *vcpu)
{
	u32 entry = vcpu->vmcs->entry & ~VM_ENTRY_IA32E_MODE;

	if (vcpu->efer & EFER_LMA)
		entry |= VM_ENTRY_IA32E_MODE;
	if (entry != vcpu->vmcs->entry) {
		vcpu->vmcs->entry = entry;
		vmcs_write32(VM_ENTRY_CONTROLS, entry);
	}
	vmcs_write64(GUEST_IA32_EFER, vcpu->efer);
}

/**
 * cr_force() - set CR0, CR3, CR4 and EFER together, unchecked
 * @vcpu: loaded
 * @cr0: new value
 * @cr3: new value
 * @cr4: new value
 * @efer: new value
 *
 * For a reset, and for KVM_SET_SREGS after cr_sregs_valid().
 */
void cr_force(struct vcpu *vcpu, unsigned long cr0, unsigned long cr3, unsigned long cr4,
	      u64 efer)
{
	bool scx_changed = (vcpu->efer ^ efer) & EFER_SCE;
	bool changed;

	cr0 = (cr0 & CR0_DEFINED) | X86_CR0_ET;
	changed = cr0 != cr0_get(vcpu) || cr3 != cr3_get(vcpu) || cr4 != cr4_get(vcpu) ||
		  efer != vcpu->efer;
	vcpu->cr0 = cr0;
	vcpu->cr4 = cr4;
	vcpu->efer = efer;
	if (scx_changed)
		switch_reload_msrs(vcpu);
	write_cr0_fields(vcpu);
	write_cr3_field(vcpu, cr3);
	write_cr4_fields(vcpu);
	write_efer_fields(vcpu);
	if (changed) {
		tlb_flush_guest(vcpu);
		cpuid_update_dynamic(vcpu);
	}
}

static const u32 pdptr_fields[4] = { GUEST_PDPTR0, GUEST_PDPTR1, GUEST_PDPTR2, GUEST_PDPTR3 };

/**
 * cr_get_pdptrs() - the four PDPTEs of PAE paging that the processor holds
 * @pdpte: receives four; the VMCS of the vCPU is current
 */
void cr_get_pdptrs(u64 *pdpte)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		pdpte[i] = vmcs_read64(pdptr_fields[i]);
}

/**
 * cr_set_pdptrs() - give the processor PDPTEs
 * @pdpte: four, unchecked: the entry refuses what the processor does
 */
void cr_set_pdptrs(const u64 *pdpte)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		vmcs_write64(pdptr_fields[i], pdpte[i]);
}

/**
 * cr_load_pdptrs() - read the four PDPTEs of PAE paging, as loading CR3 does
 * @vcpu: loaded; guest memory is read, so this may sleep
 *
 * With EPT the processor takes them from the VMCS (SDM 26.3.2.4), and after that loads them
 * by itself when the guest writes CR3.
 *
 * Return: 0, or 1 if one has reserved bits or no memory: #GP(0).
 */
int cr_load_pdptrs(struct vcpu *vcpu)
{
	u64 reserved = PDPTE_RESERVED | ~(BIT_ULL(vcpu->cpuid.maxphyaddr) - 1);
	gpa_t gpa = (u32)cr3_get(vcpu) & ~0x1fU;
	u64 pdpte[4];
	unsigned int i;

	if (mmu_read(&vcpu->vm->mmu, vcpu->smm, gpa, pdpte, sizeof(pdpte)))
		return 1;
	for (i = 0; i < 4; i++)
		if ((pdpte[i] & 1) && (pdpte[i] & reserved))
			return 1;
	cr_set_pdptrs(pdpte);
	return 0;
}

static bool cr0_combination_valid(unsigned long value)
{
	if (value & 0xffffffff00000000UL)
		return false;
	if ((value & X86_CR0_NW) && !(value & X86_CR0_CD))
		return false;
	return !(value & X86_CR0_PG) || (value & X86_CR0_PE);
}

/* SDM 4.1.2: what switching paging on or off needs. */
static bool paging_switch_valid(struct vcpu *vcpu, bool on)
{
	if (!on)
		return !(cr4_get(vcpu) & X86_CR4_PCIDE) && !segment_cs_long(vcpu);
	if (vcpu->efer & EFER_LME)
		return (vcpu->cr4 & X86_CR4_PAE) && !(vmcs_read32(GUEST_CS_AR_BYTES) & BIT(13));
	return true;
}

/**
 * cr0_set() - the guest writes CR0
 * @vcpu: loaded
 * @value: new value
 *
 * Return: 0, or 1 for #GP(0), with nothing changed.
 */
int cr0_set(struct vcpu *vcpu, unsigned long value)
{
	unsigned long old = cr0_get(vcpu), changed = old ^ value;
	u64 efer = vcpu->efer;

	if (!cr0_combination_valid(value))
		return 1;
	value = (value & CR0_DEFINED) | X86_CR0_ET;
	if (changed & X86_CR0_PG) {
		if (!paging_switch_valid(vcpu, value & X86_CR0_PG))
			return 1;
		efer &= ~EFER_LMA;
		if ((value & X86_CR0_PG) && (efer & EFER_LME))
			efer |= EFER_LMA;
	}
	if ((changed & (X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)) &&
	    cr_pae_paging(value, vcpu->cr4, efer) && cr_load_pdptrs(vcpu))
		return 1;
	vcpu->cr0 = value;
	write_cr0_fields(vcpu);
	if (efer != vcpu->efer) {
		vcpu->efer = efer;
		write_efer_fields(vcpu);
		if (efer & EFER_LMA)
			segment_fix_tr(vcpu);
	}
	if (changed & X86_CR0_PG)
		tlb_flush_guest(vcpu);
	return 0;
}

/**
 * cr3_set() - the guest's CR3 is written for it
 * @vcpu: loaded
 * @value: new value
 *
 * Return: 0, or 1 for #GP(0), with nothing changed.
 */
int cr3_set(struct vcpu *vcpu, unsigned long value)
{
	unsigned long old = cr3_get(vcpu);

	if ((vcpu->efer & EFER_LMA) && (value >> vcpu->cpuid.maxphyaddr))
		return 1;
	write_cr3_field(vcpu, value);
	if (cr_pae_paging(vcpu->cr0, vcpu->cr4, vcpu->efer) && cr_load_pdptrs(vcpu)) {
		write_cr3_field(vcpu, old);
		return 1;
	}
	tlb_flush_guest(vcpu);
	return 0;
}

static bool cr4_valid(struct vcpu *vcpu, unsigned long value, unsigned long changed)
{
	if (value & vcpu->cpuid.cr4_reserved)
		return false;
	if ((vcpu->efer & EFER_LMA) && !(value & X86_CR4_PAE))
		return false;
	if ((changed & value) & X86_CR4_PCIDE)
		return (vcpu->efer & EFER_LMA) && !(cr3_get(vcpu) & 0xfff);
	return true;
}

/**
 * cr4_set() - the guest writes CR4
 * @vcpu: loaded
 * @value: new value
 *
 * Return: 0, or 1 for #GP(0), with nothing changed.
 */
int cr4_set(struct vcpu *vcpu, unsigned long value)
{
	unsigned long changed = cr4_get(vcpu) ^ value;

	if (!cr4_valid(vcpu, value, changed))
		return 1;
	if ((changed & (X86_CR4_PAE | X86_CR4_PSE | X86_CR4_PGE | X86_CR4_SMEP)) &&
	    cr_pae_paging(vcpu->cr0, value, vcpu->efer) && cr_load_pdptrs(vcpu))
		return 1;
	vcpu->cr4 = value;
	write_cr4_fields(vcpu);
	if (changed & CR4_PAGING_BITS)
		tlb_flush_guest(vcpu);
	if (changed & (X86_CR4_OSXSAVE | X86_CR4_PKE))
		cpuid_update_dynamic(vcpu);
	return 0;
}

/**
 * cr_set_efer() - write EFER; LMA follows from LME and CR0.PG and is not written
 * @vcpu: loaded
 * @value: new value
 *
 * Return: 0, or 1 for #GP(0), with nothing changed.
 */
int cr_set_efer(struct vcpu *vcpu, u64 value)
{
	u64 changed;

	value = (value & ~EFER_LMA) | (vcpu->efer & EFER_LMA);
	changed = vcpu->efer ^ value;
	if (value & ~vcpu->cpuid.efer_allowed)
		return 1;
	if ((changed & EFER_LME) && (vcpu->cr0 & X86_CR0_PG))
		return 1;
	if (!changed)
		return 0;
	vcpu->efer = value;
	write_efer_fields(vcpu);
	if (changed & EFER_SCE)
		switch_reload_msrs(vcpu);
	if (changed & EFER_NX)
		tlb_flush_guest(vcpu);
	return 0;
}

/**
 * cr_sregs_valid() - may KVM_SET_SREGS set these together?
 * @vcpu: loaded
 * @sregs: what it wants
 *
 * Return: false for a combination that no sequence of instructions reaches: -EINVAL.
 */
bool cr_sregs_valid(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	bool lme = sregs->efer & EFER_LME, pg = sregs->cr0 & X86_CR0_PG;
	bool lma = sregs->efer & EFER_LMA;

	if (lme && pg) {
		if (!(sregs->cr4 & X86_CR4_PAE) || !lma)
			return false;
		if (sregs->cr3 >> vcpu->cpuid.maxphyaddr)
			return false;
	} else if (lma || sregs->cs.l) {
		return false;
	}
	if (!cr0_combination_valid(sregs->cr0) || (sregs->efer & ~vcpu->cpuid.efer_allowed))
		return false;
	return !(sregs->cr4 & vcpu->cpuid.cr4_reserved);
}

/**
 * cr_cpuid_changed() - the guest's CPUID is another: so is what it may change in CR4
 * @vcpu: loaded
 */
void cr_cpuid_changed(struct vcpu *vcpu)
{
	cr4_get(vcpu);
	write_cr4_fields(vcpu);
}

/**
 * cr_state_runs() - can this processor run the guest's mode?
 * @vcpu: any
 *
 * Return: false without paging or in real mode where unrestricted guest is missing.
 */
bool cr_state_runs(struct vcpu *vcpu)
{
	const unsigned long both = X86_CR0_PE | X86_CR0_PG;

	return (vcpu->vmcs->proc2 & SECONDARY_EXEC_UNRESTRICTED_GUEST) ||
	       (vcpu->cr0 & both) == both;
}
