/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Model-specific registers: one table of all that a guest or user space may access, and the
 * storage of those that live in neither the VMCS nor another part of the vCPU.
 * SDM vol. 4; vol. 3A, 11.11 (MTRR), 15.3 (machine check). vcpu->mutex, vCPU loaded.
 */
#ifndef KVMLET_VMX_CPU_MSR_H
#define KVMLET_VMX_CPU_MSR_H

#include "include/portable.h"

struct kvm_msr_filter;
struct kvm_x86_mce;
struct vcpu;
struct vm;

#define MSR_MC_BANKS	32	/* machine-check banks, of four registers each */
#define MSR_MTRR_PAIRS	8	/* variable ranges */
#define MSR_MTRR_FIXED	11
#define MSR_SWITCHED	4	/* NR_SWITCHED_MSRS of vmx/hw/switch.h */
#define MSR_LIST_MAX	192	/* of either index list */

/**
 * struct vcpu_msrs - values of MSRs (vcpu->mutex)
 * @switched:	STAR, LSTAR, SYSCALL_MASK, TSC_AUX: by enum switched_msr
 * @kernel_gs_base: right while the host's value is in the register: switch_kernel_gs_base()
 * @spec_ctrl:	IA32_SPEC_CTRL in the guest
 * @mtrr_fixed:	in the order of their indices
 * @mc:		CTL, STATUS, ADDR, MISC of each bank
 *
 * The others have the name of their MSR.
 */
struct vcpu_msrs {
	u64 switched[MSR_SWITCHED];
	u64 kernel_gs_base;
	u64 cstar;
	u64 spec_ctrl;
	u64 xss;
	u64 arch_capabilities;
	u64 platform_info;
	u64 ucode_rev;
	u64 misc_enable;
	u64 misc_features;
	u64 tsc_adjust;
	u64 steal_time;
	u64 pv_eoi;
	u64 mtrr_def_type;
	u64 mtrr_fixed[MSR_MTRR_FIXED];
	u64 mtrr_var[2 * MSR_MTRR_PAIRS];
	u64 smbase;
	u64 smi_count;
	u64 mcg_cap;
	u64 mcg_status;
	u64 mcg_ctl;
	u64 mc[4 * MSR_MC_BANKS];
};

#define MSR_MISC_FEATURES_CPUID_FAULT	BIT(0)	/* CPUID outside ring 0 is #GP(0) */

int msr_init(void);
void msr_reset(struct vcpu *vcpu);

/* 0: done; 1: there is no such MSR, or not this value: #GP(0) in a guest. */
int msr_get(struct vcpu *vcpu, u32 index, u64 *value, bool host);
int msr_set(struct vcpu *vcpu, u32 index, u64 value, bool host);

/* Whether there is such an MSR at all for the guest, whatever may be read or written there. */
bool msr_known(struct vcpu *vcpu, u32 index);

u32 msr_list(u32 *out, u16 flag);
int msr_get_feature(u32 index, u64 *value);

/* mce.c: machine checks; bits of IA32_MCG_CAP besides the number of banks */
#define MCE_SUPPORTED	(MCG_CTL_P | MCG_SER_P)
int mce_set_banks(struct vcpu *vcpu, u64 mcg_cap);
int mce_report(struct vcpu *vcpu, const struct kvm_x86_mce *mce);

/*
 * msr_filter.c: which accesses of a guest are refused. Of a VM; changed under vm->lock, read under
 * RCU. And which ones user space may hear of (KVM_CAP_X86_USER_SPACE_MSR).
 */
#define MSR_EXIT_REASONS	(KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN |	\
				 KVM_MSR_EXIT_REASON_FILTER)
int msr_filter_set(struct vm *vm, const struct kvm_msr_filter *user);
bool msr_filter_allows(struct vm *vm, u32 index, bool write);
bool msr_filter_passes(struct vm *vm, const u32 *indices, unsigned int nr);
void msr_filter_destroy(struct vm *vm);

#endif
