// SPDX-License-Identifier: GPL-2.0
/*
 * The policy of MSRs: the table, and the pure checks of values. What is not in the table does
 * not exist: #GP(0) in a guest, and the end of KVM_GET_MSRS and KVM_SET_MSRS.
 * Constant data. SDM vol. 4; vol. 3A, 11.11 and 11.12.
 */
#include <asm/kvm_para.h>
#include <asm/vmx.h>
#include "vmx/cpu/msr_table.h"

#define AT(field)	offsetof(struct vcpu_msrs, field)

#define ROW(index, count, title, what, how, bits, need, at, flag)			\
	{ .first = (index), .nr = (count), .kind = (what), .check = (how),		\
	  .flags = (flag), .offset = (at), .feature = (need), .mask = (bits),		\
	  .name = (title) }

/* A constant; read as 0; stored; stored and switched; in the VMCS; by functions. */
#define CONST(index, nr, name, value)							\
	ROW(index, nr, name, MSR_CONST, MSR_ANY, value, MSR_NO_FEATURE, 0, MSR_F_READ_ONLY)
#define NONE(index, nr, name, bits)							\
	ROW(index, nr, name, MSR_NULL, MSR_ANY, bits, MSR_NO_FEATURE, 0, 0)
#define STORE(index, nr, name, at, check, bits, flags)					\
	ROW(index, nr, name, MSR_STORE, check, bits, MSR_NO_FEATURE, at, flags)
#define SWITCH(index, name, nr, check, bits, need)					\
	ROW(index, 1, name, MSR_STORE_SWITCHED, check, bits, need, AT(switched[nr]), MSR_F_SAVE)
#define VMCS(index, name, field, check, bits, flags)					\
	ROW(index, 1, name, MSR_VMCS, check, bits, MSR_NO_FEATURE, field, flags)
#define OWN(index, nr, name, bits, need, flags)						\
	ROW(index, nr, name, MSR_OWN, MSR_ANY, bits, need, 0, flags)
#define STORE_OWN(index, name, at, bits, need)						\
	ROW(index, 1, name, MSR_STORE_OWN, MSR_ANY, bits, need, at, MSR_F_SAVE)

#define MTRR_CAP	(0x500 | MSR_MTRR_PAIRS)	/* fixed ranges, write combining */

#define ALL	MSR_ALL_BITS

const struct msr_row msr_table[] = {
	CONST(0x000, 2, "IA32_P5_MC_ADDR, TYPE", 0),
	OWN(0x010, 1, "IA32_TIME_STAMP_COUNTER", ALL, MSR_NO_FEATURE, MSR_F_SAVE),
	OWN(MSR_KVM_WALL_CLOCK, 2, "KVM_WALL_CLOCK, KVM_SYSTEM_TIME", ALL,
	    CPUID_PV_CLOCK, MSR_F_SAVE),
	CONST(0x017, 1, "IA32_PLATFORM_ID", 0),
	OWN(0x01b, 1, "IA32_APIC_BASE", ALL, MSR_NO_FEATURE, 0),
	CONST(0x02a, 1, "EBL_CR_POWERON", 0),
	CONST(0x02c, 1, "EBC_FREQUENCY_ID", 1 << 24),
	STORE(0x034, 1, "SMI_COUNT", AT(smi_count), MSR_ANY, MSR_ALL_BITS,
	      MSR_F_SAVE | MSR_F_HOST_WRITES),
	/* Nothing that it could lock is offered. */
	CONST(0x03a, 1, "IA32_FEATURE_CONTROL", 0),
	STORE_OWN(0x03b, "IA32_TSC_ADJUST", AT(tsc_adjust), ALL, CPUID_TSC_ADJUST),
	STORE_OWN(0x048, "IA32_SPEC_CTRL", AT(spec_ctrl), ALL, CPUID_SPEC_CTRL),
	OWN(0x049, 1, "IA32_PRED_CMD", 1, CPUID_SPEC_CTRL, MSR_F_WRITE_ONLY),
	NONE(0x079, 1, "IA32_BIOS_UPDT_TRIG", ALL),
	STORE(0x08b, 1, "IA32_BIOS_SIGN_ID", AT(ucode_rev), MSR_ANY, ALL,
	      MSR_F_FEATURE | MSR_F_GUEST_DROPPED),
	STORE(0x09e, 1, "IA32_SMBASE", AT(smbase), MSR_ANY, 0xffffffff,
	      MSR_F_SAVE | MSR_F_HOST_ONLY),
	/* The two counters of a P6, which systems touch before they look for a PMU. */
	NONE(0x0c1, 2, "IA32_PMC0", ALL),
	CONST(0x0cd, 1, "FSB_FREQ", 3),
	STORE(0x0ce, 1, "PLATFORM_INFO", AT(platform_info), MSR_ANY, ALL,
	      MSR_F_SAVE | MSR_F_HOST_WRITES),
	CONST(0x0fe, 1, "IA32_MTRRCAP", MTRR_CAP),
	ROW(0x10a, 1, "IA32_ARCH_CAPABILITIES", MSR_STORE, MSR_ANY, ALL,
	    CPUID_ARCH_CAPABILITIES, AT(arch_capabilities),
	    MSR_F_SAVE | MSR_F_FEATURE | MSR_F_HOST_WRITES),
	STORE_OWN(0x140, "MISC_FEATURE_ENABLES", AT(misc_features),
		  MSR_MISC_FEATURES_CPUID_FAULT, MSR_NO_FEATURE),
	VMCS(0x174, "IA32_SYSENTER_CS", GUEST_SYSENTER_CS, MSR_ANY, 0xffffffff, MSR_F_SAVE),
	VMCS(0x175, "IA32_SYSENTER_ESP", GUEST_SYSENTER_ESP, MSR_CANONICAL, ALL, MSR_F_SAVE),
	VMCS(0x176, "IA32_SYSENTER_EIP", GUEST_SYSENTER_EIP, MSR_CANONICAL, ALL, MSR_F_SAVE),
	STORE(0x179, 1, "IA32_MCG_CAP", AT(mcg_cap), MSR_ANY, 0, MSR_F_READ_ONLY),
	STORE(0x17a, 1, "IA32_MCG_STATUS", AT(mcg_status), MSR_ANY, ALL, MSR_F_SAVE),
	STORE(0x17b, 1, "IA32_MCG_CTL", AT(mcg_ctl), MSR_ALL_OR_NONE, ALL, MSR_F_SAVE),
	NONE(0x186, 2, "IA32_PERFEVTSEL0", ALL),
	CONST(0x198, 1, "IA32_PERF_STATUS", 1000 | 4ULL << 40),
	CONST(0x199, 1, "IA32_PERF_CTL", 0),
	STORE_OWN(0x1a0, "IA32_MISC_ENABLE", AT(misc_enable), ALL, MSR_NO_FEATURE),
	/* LBR and BTF may be written, as everywhere, but there is no branch record to give. */
	NONE(0x1d9, 1, "IA32_DEBUGCTL", 3),
	CONST(0x1db, 4, "LASTBRANCHFROMIP", 0),
	NONE(0x1fc, 1, "POWER_CTL", ALL),
	STORE(0x200, 16, "IA32_MTRR_PHYSBASE0", AT(mtrr_var), MSR_MTRR_VARIABLE, ALL, 0),
	STORE(0x250, 1, "IA32_MTRR_FIX64K_00000", AT(mtrr_fixed[0]), MSR_MTRR_TYPES, ALL, 0),
	STORE(0x258, 2, "IA32_MTRR_FIX16K_80000", AT(mtrr_fixed[1]), MSR_MTRR_TYPES, ALL, 0),
	STORE(0x268, 8, "IA32_MTRR_FIX4K_C0000", AT(mtrr_fixed[3]), MSR_MTRR_TYPES, ALL, 0),
	VMCS(0x277, "IA32_PAT", GUEST_IA32_PAT, MSR_PAT_TYPES, ALL, MSR_F_SAVE),
	STORE(0x2ff, 1, "IA32_MTRR_DEF_TYPE", AT(mtrr_def_type), MSR_MTRR_DEFAULT, 0xcff, 0),
	STORE(0x400, 4 * MSR_MC_BANKS, "IA32_MC0_CTL", AT(mc), MSR_MC_BANK, ALL, 0),
	/* Energy counters: Linux asks for their unit. */
	CONST(0x606, 1, "RAPL_POWER_UNIT", 0),
	CONST(0x611, 1, "PKG_ENERGY_STATUS", 0),
	CONST(0x619, 1, "DRAM_ENERGY_STATUS", 0),
	CONST(0x639, 1, "PP0_ENERGY_STATUS", 0),
	CONST(0x641, 1, "PP1_ENERGY_STATUS", 0),
	OWN(0x6e0, 1, "IA32_TSC_DEADLINE", ALL, MSR_NO_FEATURE, MSR_F_SAVE),
	OWN(0x800, 256, "IA32_X2APIC", ALL, MSR_NO_FEATURE, 0),
	/* Of the supervisor state components none is offered. */
	STORE_OWN(0xda0, "IA32_XSS", AT(xss), 0, CPUID_XSAVES),
	OWN(MSR_KVM_WALL_CLOCK_NEW, 2, "KVM_WALL_CLOCK_NEW, KVM_SYSTEM_TIME_NEW", ALL,
	    CPUID_PV_CLOCK_NEW, MSR_F_SAVE),
	STORE_OWN(MSR_KVM_STEAL_TIME, "KVM_STEAL_TIME", AT(steal_time),
		  ~(u64)KVM_STEAL_RESERVED_MASK, CPUID_PV_STEAL_TIME),
	/* An aligned word. */
	STORE_OWN(MSR_KVM_PV_EOI_EN, "KVM_PV_EOI_EN", AT(pv_eoi), ~2ULL, CPUID_PV_EOI),
	OWN(0xc0000080, 1, "IA32_EFER", ALL, MSR_NO_FEATURE, 0),
	SWITCH(0xc0000081, "IA32_STAR", 0, MSR_ANY, ALL, MSR_NO_FEATURE),
	SWITCH(0xc0000082, "IA32_LSTAR", 1, MSR_CANONICAL, ALL, MSR_NO_FEATURE),
	STORE(0xc0000083, 1, "IA32_CSTAR", AT(cstar), MSR_CANONICAL, ALL, MSR_F_SAVE),
	SWITCH(0xc0000084, "IA32_FMASK", 2, MSR_ANY, 0xffffffff, MSR_NO_FEATURE),
	VMCS(0xc0000100, "IA32_FS_BASE", GUEST_FS_BASE, MSR_CANONICAL, ALL, 0),
	VMCS(0xc0000101, "IA32_GS_BASE", GUEST_GS_BASE, MSR_CANONICAL, ALL, 0),
	ROW(0xc0000102, 1, "IA32_KERNEL_GS_BASE", MSR_OWN, MSR_CANONICAL, ALL,
	    MSR_NO_FEATURE, 0, MSR_F_SAVE),
	SWITCH(0xc0000103, "IA32_TSC_AUX", 3, MSR_ANY, 0xffffffff, CPUID_RDTSCP),
};

const unsigned int msr_table_rows = ARRAY_SIZE(msr_table);

/**
 * msr_find() - the row of a register
 * @index: ECX of RDMSR
 *
 * Return: the row, or NULL: there is no such register.
 */
const struct msr_row *msr_find(u32 index)
{
	unsigned int low = 0, high = ARRAY_SIZE(msr_table), middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (index < msr_table[middle].first)
			high = middle;
		else if (index - msr_table[middle].first >= msr_table[middle].nr)
			low = middle + 1;
		else
			return &msr_table[middle];
	}
	return NULL;
}

static bool canonical(u64 address)
{
	return (u64)((s64)(address << 16) >> 16) == address;
}

/* SDM 11.11.2.1 and 11.12.2: types that are defined, as a bitmap. */
#define MTRR_TYPES	0x73	/* UC, WC, WT, WP, WB */
#define PAT_TYPES	0xf3	/* and UC- */

static bool type_valid(u8 type, unsigned int types)
{
	return type <= 7 && (types & BIT(type));
}

static bool types_valid(u64 value, unsigned int types)
{
	unsigned int i;

	for (i = 0; i < 64; i += 8)
		if (!type_valid(value >> i, types))
			return false;
	return true;
}

static bool mtrr_variable_valid(u32 index, u64 value, u8 maxphyaddr)
{
	u64 reserved = ~(BIT_ULL(maxphyaddr) - 1);

	if (index & 1)
		return !(value & (reserved | 0x7ff));
	return type_valid(value, MTRR_TYPES) && !(value & (reserved | 0xf00));
}

static bool mc_bank_valid(u32 index, u64 value, bool host)
{
	switch (index & 3) {
	case 0:
		/* Old systems leave bit 0 or bit 10 clear. */
		return !value || (value | BIT_ULL(10) | 1) == ~0ULL;
	case 1:
		return host || !value;
	default:
		return true;
	}
}

/**
 * msr_value_valid() - may this be written?
 * @row: of the register
 * @index: of the register
 * @value: to be written
 * @maxphyaddr: bits of a guest-physical address
 * @host: user space writes, not the guest
 *
 * Return: false if WRMSR is to fault.
 */
bool msr_value_valid(const struct msr_row *row, u32 index, u64 value, u8 maxphyaddr, bool host)
{
	if (value & ~row->mask)
		return false;
	switch (row->check) {
	case MSR_CANONICAL:
		return canonical(value);
	case MSR_PAT_TYPES:
		return types_valid(value, PAT_TYPES);
	case MSR_MTRR_TYPES:
		return types_valid(value, MTRR_TYPES);
	case MSR_MTRR_DEFAULT:
		return type_valid(value, MTRR_TYPES);
	case MSR_MTRR_VARIABLE:
		return mtrr_variable_valid(index, value, maxphyaddr);
	case MSR_ALL_OR_NONE:
		return !value || value == ~0ULL;
	case MSR_MC_BANK:
		return mc_bank_valid(index, value, host);
	default:
		return true;
	}
}
