// SPDX-License-Identifier: GPL-2.0
/*
 * Model-specific registers: access by the table, the registers that do something when they
 * are accessed, the lists, and the values after a reset.
 *
 * vcpu->mutex, vCPU loaded; what is constant after msr_init() has no lock. SDM vol. 4.
 */
#include <linux/cache.h>
#include <asm/cpufeature.h>
#include <asm/kvm_para.h>
#include <asm/mce.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include "vmx/cpu/cr.h"
#include "vmx/cpu/msr_table.h"
#include "vmx/irqchip/irqchip.h"

#define MISC_ENABLE_READ_ONLY	(MSR_IA32_MISC_ENABLE_BTS_UNAVAIL |	\
				 MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL)
#define UCODE_REV_RESET		0x100000000ULL	/* revision 1 in the upper half */
#define PAT_RESET		0x0007040600070406ULL

static u64 spec_ctrl_bits __ro_after_init;
static u64 arch_capabilities __ro_after_init;

/* Of the host's IA32_ARCH_CAPABILITIES goes through what needs nothing of the driver. */
#define ARCH_CAP_KEPT	(ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_RSBA |		\
			 ARCH_CAP_SKIP_VMENTRY_L1DFLUSH | ARCH_CAP_SSB_NO |		\
			 ARCH_CAP_MDS_NO | ARCH_CAP_PSCHANGE_MC_NO | ARCH_CAP_TAA_NO |	\
			 ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO | ARCH_CAP_PSDP_NO |	\
			 ARCH_CAP_FB_CLEAR | ARCH_CAP_RRSBA | ARCH_CAP_BHI_NO |		\
			 ARCH_CAP_PBRSB_NO | ARCH_CAP_GDS_NO | ARCH_CAP_RFDS_NO |	\
			 ARCH_CAP_RFDS_CLEAR | ARCH_CAP_ITS_NO)

/* Older processors without a bug lack the bit that says so. */
static const struct {
	u64 bit;
	unsigned int bug;
} arch_cap_by_bug[] = {
	{ ARCH_CAP_RDCL_NO,	X86_BUG_CPU_MELTDOWN },
	{ ARCH_CAP_SSB_NO,	X86_BUG_SPEC_STORE_BYPASS },
	{ ARCH_CAP_MDS_NO,	X86_BUG_MDS },
	{ ARCH_CAP_TAA_NO,	X86_BUG_TAA },
	{ ARCH_CAP_GDS_NO,	X86_BUG_GDS },
	{ ARCH_CAP_RFDS_NO,	X86_BUG_RFDS },
	{ ARCH_CAP_ITS_NO,	X86_BUG_ITS },
};

static u64 make_arch_capabilities(void)
{
	u64 value = 0;
	unsigned int i;

	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, value);
	value &= ARCH_CAP_KEPT;
	for (i = 0; i < ARRAY_SIZE(arch_cap_by_bug); i++)
		if (!boot_cpu_has_bug(arch_cap_by_bug[i].bug))
			value |= arch_cap_by_bug[i].bit;
	/* A guest cannot change the size of the pages that really map it. */
	value |= ARCH_CAP_PSCHANGE_MC_NO;
	/* Without TSX the bit would have a guest look for a register to switch TSX off. */
	if (!boot_cpu_has(X86_FEATURE_RTM))
		value &= ~ARCH_CAP_TAA_NO;
	return value;
}

/**
 * msr_init() - read what this processor's MSRs offer; after cpuid_init()
 *
 * Return: 0.
 */
int msr_init(void)
{
	BUILD_BUG_ON(MSR_SWITCHED != NR_SWITCHED_MSRS);
	/* A bit too many would fault at a VM entry, in the host. */
	spec_ctrl_bits = (cpuid_offered(CPUID_SPEC_CTRL) ? SPEC_CTRL_IBRS : 0) |
			 (cpuid_offered(CPUID_STIBP) ? SPEC_CTRL_STIBP : 0) |
			 (cpuid_offered(CPUID_SSBD) ? SPEC_CTRL_SSBD : 0);
	arch_capabilities = make_arch_capabilities();
	return 0;
}

/**
 * msr_reset() - the values after power-on
 * @vcpu: loaded
 */
void msr_reset(struct vcpu *vcpu)
{
	/* Also takes the guest's values out of the processor. */
	*switch_kernel_gs_base(vcpu) = 0;
	memset(&vcpu->msr, 0, sizeof(vcpu->msr));
	vcpu->msr.ucode_rev = UCODE_REV_RESET;
	vcpu->msr.misc_enable = MISC_ENABLE_READ_ONLY;
	vcpu->msr.platform_info = MSR_PLATFORM_INFO_CPUID_FAULT;
	vcpu->msr.mcg_cap = MSR_MC_BANKS;
	vcpu->msr.smbase = SMM_BASE_RESET;
	vcpu->msr.arch_capabilities = arch_capabilities;
	vmcs_write64(GUEST_IA32_PAT, PAT_RESET);
	vmcs_write64(GUEST_IA32_DEBUGCTL, 0);
	vmcs_write32(GUEST_SYSENTER_CS, 0);
	vmcs_writel(GUEST_SYSENTER_ESP, 0);
	vmcs_writel(GUEST_SYSENTER_EIP, 0);
}

static bool is_x2apic(u32 index)
{
	return index - APIC_BASE_MSR < 0x100;
}

static int get_own(struct vcpu *vcpu, u32 index, u64 *value)
{
	switch (index) {
	case MSR_IA32_TSC:
		*value = tsc_read_guest(vcpu);
		return 0;
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		*value = vcpu->vm->clock.wall_msr;
		return 0;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		*value = vcpu->clock.system_msr;
		return 0;
	case MSR_IA32_APICBASE:
		*value = vcpu->apic_base;
		return 0;
	case MSR_IA32_TSC_DEADLINE:
		*value = vcpu->lapic ? lapic_get_tsc_deadline(vcpu) : 0;
		return 0;
	case MSR_EFER:
		*value = vcpu->efer;
		return 0;
	case MSR_KERNEL_GS_BASE:
		*value = *switch_kernel_gs_base(vcpu);
		return 0;
	default:
		return vcpu->lapic && is_x2apic(index) ? lapic_x2apic_read(vcpu, index, value) : 1;
	}
}

/* 1, for #GP(0), if that value is not allowed. */
static int store_if(bool allowed, u64 *to, u64 value)
{
	if (!allowed)
		return 1;
	*to = value;
	return 0;
}

static int set_pred_cmd(u64 value)
{
	if (!boot_cpu_has(X86_FEATURE_IBPB))
		return 1;
	if (value)
		wrmsrl(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
	return 0;
}

static int set_misc_enable(struct vcpu *vcpu, u64 value, bool host)
{
	const u64 monitoring = MSR_IA32_MISC_ENABLE_EMON;
	u64 old = vcpu->msr.misc_enable;

	if (!host) {
		if ((old ^ value) & MISC_ENABLE_READ_ONLY)
			return 1;
		value = (value & ~monitoring) | (old & monitoring);
	}
	vcpu->msr.misc_enable = value;
	return 0;
}

static int set_kvms_own(struct vcpu *vcpu, u32 index, u64 value)
{
	switch (index) {
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		return pvclock_write_wall(vcpu, value);
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		return pvclock_write_system(vcpu, value);
	case MSR_KVM_STEAL_TIME:
		return steal_write_msr(vcpu, value);
	case MSR_KVM_PV_EOI_EN:
		return lapic_set_pv_eoi(vcpu, value);
	default:
		return 1;
	}
}

static int set_own(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	switch (index) {
	case MSR_IA32_TSC:
		tsc_write_guest(vcpu, value, host);
		return 0;
	case MSR_IA32_TSC_ADJUST:
		tsc_write_adjust(vcpu, value, host);
		return 0;
	case MSR_IA32_APICBASE:
		return lapic_set_base(vcpu, value, host);
	case MSR_IA32_TSC_DEADLINE:
		if (vcpu->lapic)
			lapic_set_tsc_deadline(vcpu, value);
		return 0;
	case MSR_IA32_SPEC_CTRL:
		return store_if(!(value & ~spec_ctrl_bits), &vcpu->msr.spec_ctrl, value);
	case MSR_IA32_PRED_CMD:
		return set_pred_cmd(value);
	case MSR_IA32_MISC_ENABLE:
		return set_misc_enable(vcpu, value, host);
	case MSR_MISC_FEATURES_ENABLES:
		return store_if(!value || vcpu->msr.platform_info & MSR_PLATFORM_INFO_CPUID_FAULT,
				&vcpu->msr.misc_features, value);
	case MSR_IA32_XSS:
		vcpu->msr.xss = value;
		cpuid_update_dynamic(vcpu);
		return 0;
	case MSR_EFER:
		return cr_set_efer(vcpu, value);
	case MSR_KERNEL_GS_BASE:
		*switch_kernel_gs_base(vcpu) = value;
		return 0;
	default:
		return set_kvms_own(vcpu, index, value);
	}
}

/* Does the guest have the register? RDPID reads TSC_AUX as well as RDTSCP. */
static bool guest_has(struct vcpu *vcpu, const struct msr_row *row)
{
	if (row->feature == MSR_NO_FEATURE || cpuid_has(&vcpu->cpuid, row->feature))
		return true;
	if (row->feature / 32 == CPUID_WORD_KVM_EAX)
		return !vcpu->enforce_pv;
	if (row->feature == CPUID_RDTSCP)
		return cpuid_has(&vcpu->cpuid, CPUID_RDPID);
	return row->feature == CPUID_SPEC_CTRL && row->first == MSR_IA32_SPEC_CTRL &&
	       (cpuid_has(&vcpu->cpuid, CPUID_STIBP) || cpuid_has(&vcpu->cpuid, CPUID_SSBD));
}

/* Machine-check registers come and go with IA32_MCG_CAP. */
static bool mce_has(struct vcpu *vcpu, u32 index, bool host)
{
	if (index == MSR_IA32_MCG_CTL)
		return host || (vcpu->msr.mcg_cap & MCG_CTL_P);
	if (index - MSR_IA32_MC0_CTL < 4 * MSR_MC_BANKS)
		return (index - MSR_IA32_MC0_CTL) / 4 < (vcpu->msr.mcg_cap & MCG_BANKCNT_MASK);
	return true;
}

static const struct msr_row *find_for(struct vcpu *vcpu, u32 index, bool host)
{
	const struct msr_row *row = msr_find(index);

	if (!row || !mce_has(vcpu, index, host) ||
	    (!host && (!guest_has(vcpu, row) || row->flags & MSR_F_HOST_ONLY)))
		return NULL;
	return row;
}

/**
 * msr_known() - does the guest have an MSR?
 * @vcpu: loaded
 * @index: ECX
 *
 * Return: true if it has, though it may refuse the value or the direction of an access.
 */
bool msr_known(struct vcpu *vcpu, u32 index)
{
	return find_for(vcpu, index, true);
}

static u64 *row_storage(struct vcpu *vcpu, const struct msr_row *row, u32 index)
{
	u64 *first = (void *)&vcpu->msr + row->offset;

	return first + array_index_nospec(index - row->first, row->nr);
}

/**
 * msr_get() - RDMSR, or KVM_GET_MSRS
 * @vcpu: loaded
 * @index: ECX
 * @value: filled in
 * @host: for user space, which may read what the guest's CPUID hides
 *
 * Return: 0; 1: #GP(0), or the end of KVM_GET_MSRS.
 */
int msr_get(struct vcpu *vcpu, u32 index, u64 *value, bool host)
{
	const struct msr_row *row = find_for(vcpu, index, host);

	if (!row || (row->flags & MSR_F_WRITE_ONLY))
		return 1;
	switch (row->kind) {
	case MSR_CONST:
		*value = row->mask;
		return 0;
	case MSR_NULL:
		*value = 0;
		return 0;
	case MSR_STORE:
	case MSR_STORE_SWITCHED:
	case MSR_STORE_OWN:
		*value = *row_storage(vcpu, row, index);
		return 0;
	case MSR_VMCS:
		*value = __vmcs_read(row->offset);
		return 0;
	default:
		return get_own(vcpu, index, value);
	}
}

/**
 * msr_set() - WRMSR, or KVM_SET_MSRS
 * @vcpu: loaded
 * @index: ECX
 * @value: EDX:EAX
 * @host: for user space, which may write what is read-only to the guest
 *
 * Return: 0; 1: #GP(0), or the end of KVM_SET_MSRS, with nothing changed.
 */
int msr_set(struct vcpu *vcpu, u32 index, u64 value, bool host)
{
	const struct msr_row *row;

	/* What a guest writes most; there is nothing in the table that says more. */
	if (is_x2apic(index))
		return vcpu->lapic ? lapic_x2apic_write(vcpu, index, value) : 1;
	row = find_for(vcpu, index, host);
	if (!row || (row->flags & (host ? MSR_F_READ_ONLY : MSR_F_READ_ONLY | MSR_F_HOST_WRITES)))
		return 1;
	if (!msr_value_valid(row, index, value, vcpu->cpuid.maxphyaddr, host))
		return 1;
	if (!host && (row->flags & MSR_F_GUEST_DROPPED))
		return 0;
	switch (row->kind) {
	case MSR_NULL:
		return 0;
	case MSR_STORE:
		*row_storage(vcpu, row, index) = value;
		return 0;
	case MSR_STORE_SWITCHED:
		*row_storage(vcpu, row, index) = value;
		switch_reload_msrs(vcpu);
		return 0;
	case MSR_VMCS:
		/* The bases of FS and GS are among them. */
		vcpu->vmcs->cached &= ~(VMCS_CACHED_SEGMENT(SEG_FS) | VMCS_CACHED_SEGMENT(SEG_GS));
		__vmcs_write(row->offset, value);
		return 0;
	default:
		return set_own(vcpu, index, value, host);
	}
}

/**
 * msr_list() - the MSRs of this machine whose row has a flag
 * @out: room for MSR_LIST_MAX indices
 * @flag: MSR_F_SAVE: what a saved vCPU consists of, each of which can be written back by user
 *	space; MSR_F_FEATURE: what msr_get_feature() knows
 *
 * Return: number of indices.
 */
u32 msr_list(u32 *out, u16 flag)
{
	u32 nr = 0, i, j;

	for (i = 0; i < msr_table_rows; i++) {
		const struct msr_row *row = &msr_table[i];

		if (!(row->flags & flag) ||
		    (row->feature != MSR_NO_FEATURE && !cpuid_offered(row->feature)))
			continue;
		for (j = 0; j < row->nr && nr < MSR_LIST_MAX; j++)
			out[nr++] = row->first + j;
	}
	return nr;
}

/**
 * msr_get_feature() - KVM_GET_MSRS on the system's descriptor: what can be offered
 * @index: one of those that msr_list() has for MSR_F_FEATURE
 * @value: filled in
 *
 * Return: 0, or 1 if it is not in the list.
 */
int msr_get_feature(u32 index, u64 *value)
{
	switch (index) {
	case MSR_IA32_ARCH_CAPABILITIES:
		*value = arch_capabilities;
		return 0;
	case MSR_IA32_UCODE_REV:
		return rdmsrl_safe(MSR_IA32_UCODE_REV, value) ? 1 : 0;
	default:
		return 1;
	}
}
