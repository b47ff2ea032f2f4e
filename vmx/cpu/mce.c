// SPDX-License-Identifier: GPL-2.0
/*
 * Machine checks of a guest: the banks that it has, and errors that user space reports to it.
 * The registers themselves are ordinary MSRs (msr_table.c).
 *
 * vcpu->mutex, vCPU loaded. SDM vol. 3B, chapter 16.
 */
#include <asm/mce.h>
#include <asm/traps.h>
#include "vmx/cpu/cr.h"

/* A bank's registers, as they follow each other. */
enum { BANK_CTL, BANK_STATUS, BANK_ADDR, BANK_MISC, BANK_REGISTERS };

/**
 * mce_set_banks() - KVM_X86_SETUP_MCE
 * @vcpu: any
 * @mcg_cap: IA32_MCG_CAP as the guest is to see it
 *
 * Return: 0, or -EINVAL for a number of banks or a feature that there is not.
 */
int mce_set_banks(struct vcpu *vcpu, u64 mcg_cap)
{
	const u64 any = MCG_BANKCNT_MASK | MCG_EXT_CNT_MASK;
	unsigned int banks = mcg_cap & MCG_BANKCNT_MASK, i;

	if (!banks || banks > MSR_MC_BANKS || (mcg_cap & ~(MCE_SUPPORTED | any)))
		return -EINVAL;
	vcpu->msr.mcg_cap = mcg_cap;
	if (mcg_cap & MCG_CTL_P)
		vcpu->msr.mcg_ctl = ~0ULL;
	for (i = 0; i < banks; i++)
		vcpu->msr.mc[BANK_REGISTERS * i + BANK_CTL] = ~0ULL;
	return 0;
}

static void log_error(u64 *bank, const struct kvm_x86_mce *mce)
{
	u64 overflow = bank[BANK_STATUS] & MCI_STATUS_VAL ? MCI_STATUS_OVER : 0;

	bank[BANK_STATUS] = mce->status | overflow;
	bank[BANK_ADDR] = mce->addr;
	bank[BANK_MISC] = mce->misc;
}

/* An error that was not corrected interrupts the guest, or ends it if it cannot take that. */
static void raise(struct vcpu *vcpu, u64 *bank, const struct kvm_x86_mce *mce)
{
	if ((vcpu->msr.mcg_status & MCG_STATUS_MCIP) || !(cr4_get(vcpu) & X86_CR4_MCE)) {
		vcpu_request(vcpu, REQ_TRIPLE_FAULT);
		return;
	}
	log_error(bank, mce);
	vcpu->msr.mcg_status = mce->mcg_status;
	event_exception(vcpu, X86_TRAP_MC);
}

/**
 * mce_report() - KVM_X86_SET_MCE: an error, for the guest to find
 * @vcpu: loaded
 * @mce: the bank and what its registers are to hold
 *
 * An error that the guest has switched off is dropped, as is a corrected one where an
 * uncorrected one stands; the latter shows as an overflow.
 *
 * Return: 0, or -EINVAL for a bank that is not there or a status that is not valid.
 */
int mce_report(struct vcpu *vcpu, const struct kvm_x86_mce *mce)
{
	unsigned int banks = vcpu->msr.mcg_cap & MCG_BANKCNT_MASK;
	u64 *bank;

	if (mce->bank >= banks || !(mce->status & MCI_STATUS_VAL))
		return -EINVAL;
	bank = &vcpu->msr.mc[BANK_REGISTERS * array_index_nospec(mce->bank, banks)];
	if (mce->status & MCI_STATUS_UC) {
		bool on = !(vcpu->msr.mcg_cap & MCG_CTL_P) || vcpu->msr.mcg_ctl == ~0ULL;

		if (on && bank[BANK_CTL] == ~0ULL)
			raise(vcpu, bank, mce);
	} else if ((bank[BANK_STATUS] & (MCI_STATUS_VAL | MCI_STATUS_UC)) !=
		   (MCI_STATUS_VAL | MCI_STATUS_UC)) {
		log_error(bank, mce);
	} else {
		bank[BANK_STATUS] |= MCI_STATUS_OVER;
	}
	return 0;
}
