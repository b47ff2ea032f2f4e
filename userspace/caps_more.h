/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rows that the module's table (vmx/hw/caps_table.h) can do without: kvmlet does not use them, but
 * `kvmlet caps` shows them. They are part of the table where it is compiled for user space.
 */

CAPS_ROW(VMX_IN_SMX, FEATURE, CAPS_B(1), UNUSED, "VMX inside SMX operation", "")

CAPS_ROW(VMCS_SIZE, BASIC, CAPS_F(32, 13), UNUSED, "VMCS region size", "")
CAPS_ROW(DUAL_MONITOR, BASIC, CAPS_B(49), UNUSED, "dual-monitor treatment of SMIs and SMM", "")
CAPS_ROW(NESTED_EXC, BASIC, CAPS_B(58), UNUSED, "nested-exception information", "")

CAPS_ROW(TIMER_RATE, MISC, CAPS_F(0, 5), UNUSED, "preemption timer rate", "")
CAPS_ROW(SAVE_LMA, MISC, CAPS_B(5), UNUSED, "EFER.LMA stored into \"IA-32e mode guest\"", "")
CAPS_ROW(PT_IN_VMX, MISC, CAPS_B(14), UNUSED, "Intel PT in VMX operation", "")
CAPS_ROW(SMBASE_MSR, MISC, CAPS_B(15), UNUSED, "RDMSR of IA32_SMBASE in SMM", "")
CAPS_ROW(MSR_LIST, MISC, CAPS_F(25, 3), UNUSED, "MSR list size code N", "")
CAPS_ROW(SMM_MONITOR_BIT2, MISC, CAPS_B(28), UNUSED, "IA32_SMM_MONITOR_CTL bit 2", "")
CAPS_ROW(VMWRITE_ANY, MISC, CAPS_B(29), UNUSED, "VMWRITE to any field", "")
CAPS_ROW(MSEG_REVISION, MISC, CAPS_F(32, 32), UNUSED, "MSEG revision identifier", "")

CAPS_ROW(EXIT2_SAVE_FRED, EXIT2, CAPS_B(0), UNUSED, "save IA32 FRED MSRs", "")
CAPS_ROW(EXIT2_LOAD_FRED, EXIT2, CAPS_B(1), UNUSED, "load IA32 FRED MSRs", "")
CAPS_ROW(EXIT2_BUSY_SHADOW_STACK, EXIT2, CAPS_B(3), UNUSED, "prematurely busy shadow stack", "")

CAPS_ROW(EPT_EXEC_ONLY, EPT_VPID, CAPS_B(0), UNUSED, "execute-only translations", "")
CAPS_ROW(EPT_EXIT_INFO, EPT_VPID, CAPS_B(22), UNUSED, "advanced EPT-violation information", "")
CAPS_ROW(HLAT_PREFIX, EPT_VPID, CAPS_F(48, 6), UNUSED, "maximum HLAT prefix size", "")

CAPS_ROW(EPTP_SWITCHING, VMFUNC, CAPS_B(0), UNUSED, "EPTP switching", "")
