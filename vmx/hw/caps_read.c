// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the VMX capability registers of the CPU it runs on, and holds the table's bit numbers
 * against the kernel's own definitions. No lock: a CPU reads only itself. SDM vol. 3 appendix A.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/vmx.h>

#include "vmx/hw/caps.h"

/* One bit of the table must be one mask of the kernel; some masks came with later kernels. */
#define SAME(id, mask)	(BIT_ULL(CAPS_WHERE_##id & 0xff) == (u64)(mask))

static_assert(SAME(EXTINT_EXITING, PIN_BASED_EXT_INTR_MASK));
static_assert(SAME(NMI_EXITING, PIN_BASED_NMI_EXITING));
static_assert(SAME(VIRTUAL_NMIS, PIN_BASED_VIRTUAL_NMIS));
static_assert(SAME(PREEMPTION_TIMER, PIN_BASED_VMX_PREEMPTION_TIMER));
static_assert(SAME(POSTED_INTR, PIN_BASED_POSTED_INTR));

static_assert(SAME(INTR_WINDOW, CPU_BASED_INTR_WINDOW_EXITING));
static_assert(SAME(TSC_OFFSETTING, CPU_BASED_USE_TSC_OFFSETTING));
static_assert(SAME(HLT_EXITING, CPU_BASED_HLT_EXITING));
static_assert(SAME(INVLPG_EXITING, CPU_BASED_INVLPG_EXITING));
static_assert(SAME(MWAIT_EXITING, CPU_BASED_MWAIT_EXITING));
static_assert(SAME(RDPMC_EXITING, CPU_BASED_RDPMC_EXITING));
static_assert(SAME(RDTSC_EXITING, CPU_BASED_RDTSC_EXITING));
static_assert(SAME(CR3_LOAD_EXITING, CPU_BASED_CR3_LOAD_EXITING));
static_assert(SAME(CR3_STORE_EXITING, CPU_BASED_CR3_STORE_EXITING));
static_assert(SAME(TERTIARY_CTLS, CPU_BASED_ACTIVATE_TERTIARY_CONTROLS));
static_assert(SAME(CR8_LOAD_EXITING, CPU_BASED_CR8_LOAD_EXITING));
static_assert(SAME(CR8_STORE_EXITING, CPU_BASED_CR8_STORE_EXITING));
static_assert(SAME(TPR_SHADOW, CPU_BASED_TPR_SHADOW));
static_assert(SAME(NMI_WINDOW, CPU_BASED_NMI_WINDOW_EXITING));
static_assert(SAME(MOV_DR_EXITING, CPU_BASED_MOV_DR_EXITING));
static_assert(SAME(UNCOND_IO_EXITING, CPU_BASED_UNCOND_IO_EXITING));
static_assert(SAME(IO_BITMAPS, CPU_BASED_USE_IO_BITMAPS));
static_assert(SAME(MONITOR_TRAP, CPU_BASED_MONITOR_TRAP_FLAG));
static_assert(SAME(MSR_BITMAPS, CPU_BASED_USE_MSR_BITMAPS));
static_assert(SAME(MONITOR_EXITING, CPU_BASED_MONITOR_EXITING));
static_assert(SAME(PAUSE_EXITING, CPU_BASED_PAUSE_EXITING));
static_assert(SAME(SECONDARY_CTLS, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS));

static_assert(SAME(VIRT_APIC_ACCESS, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES));
static_assert(SAME(EPT, SECONDARY_EXEC_ENABLE_EPT));
static_assert(SAME(DESC_EXITING, SECONDARY_EXEC_DESC));
static_assert(SAME(RDTSCP, SECONDARY_EXEC_ENABLE_RDTSCP));
static_assert(SAME(VIRT_X2APIC, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE));
static_assert(SAME(VPID, SECONDARY_EXEC_ENABLE_VPID));
static_assert(SAME(WBINVD_EXITING, SECONDARY_EXEC_WBINVD_EXITING));
static_assert(SAME(UNRESTRICTED_GUEST, SECONDARY_EXEC_UNRESTRICTED_GUEST));
static_assert(SAME(APIC_REG_VIRT, SECONDARY_EXEC_APIC_REGISTER_VIRT));
static_assert(SAME(VIRT_INTR_DELIVERY, SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY));
static_assert(SAME(PAUSE_LOOP_EXITING, SECONDARY_EXEC_PAUSE_LOOP_EXITING));
static_assert(SAME(RDRAND_EXITING, SECONDARY_EXEC_RDRAND_EXITING));
static_assert(SAME(INVPCID, SECONDARY_EXEC_ENABLE_INVPCID));
static_assert(SAME(VM_FUNCTIONS, SECONDARY_EXEC_ENABLE_VMFUNC));
static_assert(SAME(VMCS_SHADOWING, SECONDARY_EXEC_SHADOW_VMCS));
static_assert(SAME(ENCLS_EXITING, SECONDARY_EXEC_ENCLS_EXITING));
static_assert(SAME(RDSEED_EXITING, SECONDARY_EXEC_RDSEED_EXITING));
static_assert(SAME(PML, SECONDARY_EXEC_ENABLE_PML));
#ifdef SECONDARY_EXEC_EPT_VIOLATION_VE
static_assert(SAME(EPT_VE, SECONDARY_EXEC_EPT_VIOLATION_VE));
#endif
static_assert(SAME(PT_CONCEAL, SECONDARY_EXEC_PT_CONCEAL_VMX));
#ifdef SECONDARY_EXEC_ENABLE_XSAVES
static_assert(SAME(XSAVES, SECONDARY_EXEC_ENABLE_XSAVES));
#else
static_assert(SAME(XSAVES, SECONDARY_EXEC_XSAVES));
#endif
static_assert(SAME(MBEC, SECONDARY_EXEC_MODE_BASED_EPT_EXEC));
static_assert(SAME(PT_USE_GPA, SECONDARY_EXEC_PT_USE_GPA));
static_assert(SAME(TSC_SCALING, SECONDARY_EXEC_TSC_SCALING));
static_assert(SAME(USER_WAIT_PAUSE, SECONDARY_EXEC_ENABLE_USR_WAIT_PAUSE));
static_assert(SAME(BUS_LOCK_DETECTION, SECONDARY_EXEC_BUS_LOCK_DETECTION));
static_assert(SAME(INSN_TIMEOUT, SECONDARY_EXEC_NOTIFY_VM_EXITING));
static_assert(SAME(IPI_VIRT, TERTIARY_EXEC_IPI_VIRT));

static_assert(SAME(EXIT_SAVE_DEBUG, VM_EXIT_SAVE_DEBUG_CONTROLS));
static_assert(SAME(EXIT_HOST_64, VM_EXIT_HOST_ADDR_SPACE_SIZE));
static_assert(SAME(EXIT_LOAD_PERF, VM_EXIT_LOAD_IA32_PERF_GLOBAL_CTRL));
static_assert(SAME(EXIT_ACK_INTR, VM_EXIT_ACK_INTR_ON_EXIT));
static_assert(SAME(EXIT_SAVE_PAT, VM_EXIT_SAVE_IA32_PAT));
static_assert(SAME(EXIT_LOAD_PAT, VM_EXIT_LOAD_IA32_PAT));
static_assert(SAME(EXIT_SAVE_EFER, VM_EXIT_SAVE_IA32_EFER));
static_assert(SAME(EXIT_LOAD_EFER, VM_EXIT_LOAD_IA32_EFER));
static_assert(SAME(EXIT_SAVE_TIMER, VM_EXIT_SAVE_VMX_PREEMPTION_TIMER));
static_assert(SAME(EXIT_CLEAR_BNDCFGS, VM_EXIT_CLEAR_BNDCFGS));
static_assert(SAME(EXIT_PT_CONCEAL, VM_EXIT_PT_CONCEAL_PIP));
static_assert(SAME(EXIT_CLEAR_RTIT, VM_EXIT_CLEAR_IA32_RTIT_CTL));

static_assert(SAME(ENTRY_LOAD_DEBUG, VM_ENTRY_LOAD_DEBUG_CONTROLS));
static_assert(SAME(ENTRY_IA32E, VM_ENTRY_IA32E_MODE));
static_assert(SAME(ENTRY_SMM, VM_ENTRY_SMM));
static_assert(SAME(ENTRY_DEACT_DUAL, VM_ENTRY_DEACT_DUAL_MONITOR));
static_assert(SAME(ENTRY_LOAD_PERF, VM_ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL));
static_assert(SAME(ENTRY_LOAD_PAT, VM_ENTRY_LOAD_IA32_PAT));
static_assert(SAME(ENTRY_LOAD_EFER, VM_ENTRY_LOAD_IA32_EFER));
static_assert(SAME(ENTRY_LOAD_BNDCFGS, VM_ENTRY_LOAD_BNDCFGS));
static_assert(SAME(ENTRY_PT_CONCEAL, VM_ENTRY_PT_CONCEAL_PIP));
static_assert(SAME(ENTRY_LOAD_RTIT, VM_ENTRY_LOAD_IA32_RTIT_CTL));

static_assert(SAME(EPT_EXEC_ONLY, VMX_EPT_EXECUTE_ONLY_BIT));
static_assert(SAME(EPT_WALK_4, VMX_EPT_PAGE_WALK_4_BIT));
static_assert(SAME(EPT_WALK_5, VMX_EPT_PAGE_WALK_5_BIT));
static_assert(SAME(EPT_UC, VMX_EPTP_UC_BIT));
static_assert(SAME(EPT_WB, VMX_EPTP_WB_BIT));
static_assert(SAME(EPT_2M, VMX_EPT_2MB_PAGE_BIT));
static_assert(SAME(EPT_1G, VMX_EPT_1GB_PAGE_BIT));
static_assert(SAME(INVEPT, VMX_EPT_INVEPT_BIT));
static_assert(SAME(EPT_AD, VMX_EPT_AD_BIT));
static_assert(SAME(INVEPT_SINGLE, VMX_EPT_EXTENT_CONTEXT_BIT));
static_assert(SAME(INVEPT_ALL, VMX_EPT_EXTENT_GLOBAL_BIT));
static_assert(SAME(INVVPID, VMX_VPID_INVVPID_BIT << 32));
static_assert(SAME(INVVPID_ADDR, VMX_VPID_EXTENT_INDIVIDUAL_ADDR_BIT << 32));
static_assert(SAME(INVVPID_SINGLE, VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT << 32));
static_assert(SAME(INVVPID_ALL, VMX_VPID_EXTENT_GLOBAL_CONTEXT_BIT << 32));
static_assert(SAME(INVVPID_KEEP_GLOBAL, VMX_VPID_EXTENT_SINGLE_NON_GLOBAL_BIT << 32));
static_assert(SAME(EPTP_SWITCHING, VMX_VMFUNC_EPTP_SWITCHING));

static_assert(SAME(LOCKED, FEAT_CTL_LOCKED));
static_assert(SAME(VMX_IN_SMX, FEAT_CTL_VMX_ENABLED_INSIDE_SMX));
static_assert(SAME(VMX_OUTSIDE_SMX, FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX));
static_assert(SAME(INOUT_INFO, VMX_BASIC_INOUT));
static_assert(SAME(TRUE_CTLS, VMX_BASIC_TRUE_CTLS));
static_assert(SAME(SAVE_LMA, VMX_MISC_SAVE_EFER_LMA));
static_assert(SAME(ACTIVITY_HLT, VMX_MISC_ACTIVITY_HLT));
static_assert(SAME(ACTIVITY_SIPI, VMX_MISC_ACTIVITY_WAIT_SIPI));
static_assert(SAME(ZERO_LEN_INJECT, VMX_MISC_ZERO_LEN_INS));
static_assert(512 == VMX_MISC_MSR_LIST_MULTIPLIER);

/**
 * caps_read() - read the registers of the CPU it runs on
 * @m:	filled; a register that cannot be read is not present
 *
 * Context: the caller stays on its CPU. Only registers that exist are read: an outer hypervisor
 * would note the others in its log. SDM appendix A.
 */
void caps_read(struct vmx_msrs *m)
{
	enum vmx_msr_id id;
	u64 value;

	memset(m, 0, sizeof(*m));
	vmx_msr_set(m, VMX_MSR_CPUID_0_EBX, cpuid_ebx(0));
	vmx_msr_set(m, VMX_MSR_CPUID_1_EAX, cpuid_eax(1));
	vmx_msr_set(m, VMX_MSR_CPUID_1_ECX, cpuid_ecx(1));
	for (id = VMX_MSR_FEATURE_CONTROL; id < VMX_MSR_COUNT; id++)
		if (vmx_msr_exists(m, id) && !rdmsrl_safe(vmx_msr_info[id].index, &value))
			vmx_msr_set(m, id, value);
}

/**
 * caps_check_cpu() - may guests move between this CPU and the one that was judged?
 * @boot:	registers of the CPU that was judged
 *
 * Context: the CPU to be checked, which the caller stays on.
 *
 * Return: 0, or -EOPNOTSUPP after a line in the log that names the first register that differs
 */
int caps_check_cpu(const struct vmx_msrs *boot)
{
	struct vmx_msrs own;
	int id;

	caps_read(&own);
	id = caps_first_difference(boot, &own);
	if (id < 0)
		return 0;
	pr_err("CPU %d: %s is 0x%llx, but 0x%llx on the CPU that was judged\n",
	       smp_processor_id(), vmx_msr_info[id].name, own.value[id], boot->value[id]);
	return -EOPNOTSUPP;
}
