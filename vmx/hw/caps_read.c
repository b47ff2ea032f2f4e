// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the VMX capability registers of the CPU it runs on, less what the administrator hides.
 * No lock: a CPU reads only itself; what is hidden is told once, at the module's start.
 * SDM vol. 3 appendix A.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <asm/msr.h>
#include <asm/processor.h>

#include "vmx/hw/caps.h"

static char *hide;
module_param(hide, charp, 0444);
MODULE_PARM_DESC(hide, "controls to do without: kvmlet caps' names, with commas between");

static u64 hidden[VMX_MSR_COUNT];

static bool hide_rows(const char *name, size_t len)
{
	const struct caps_word_info *word;
	const struct caps_row *row;
	bool found = false;

	for (row = caps_table; row < caps_table + VMX_CAP_COUNT; row++) {
		if (row->word < CAPS_PIN || strncmp(row->name, name, len) || row->name[len])
			continue;
		word = &caps_word_info[row->word];
		hidden[word->msr] |= BIT_ULL(row->bit + word->shift);
		found = true;
	}
	return found;
}

/**
 * caps_hide() - have caps_read() find nothing of what the parameter "hide" names
 *
 * So each capability, and the lack of it, can be tried on any processor that has it, and one that
 * an erratum spoils can be done without. Context: module initialization, before caps_read().
 *
 * Return: 0, or -EINVAL after a line in the log: nothing is called so
 */
int caps_hide(void)
{
	const char *name = hide ?: "";
	int len;

	for (; *name; name += len + !!name[len]) {
		len = strcspn(name, ",");
		if (!hide_rows(name, len)) {
			pr_err("hide: no control is called \"%.*s\": see `kvmlet caps`\n",
			       len, name);
			return -EINVAL;
		}
	}
	return 0;
}

/**
 * caps_read() - read the registers of the CPU it runs on
 * @m:	filled; a register that cannot be read is not present, what is hidden reads as 0
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
			vmx_msr_set(m, id, value & ~hidden[id]);
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
