// SPDX-License-Identifier: GPL-2.0
/*
 * VM entries that the processor refuses: KVM_EXIT_FAIL_ENTRY for user space, and which field
 * broke which rule in the host's log and, with all values, in debugfs for root.
 *
 * vcpu->mutex, vCPU loaded. last_lock guards the text of the last failure, of any vCPU.
 * SDM vol. 3C, 26.2, 26.3, 26.8 (failures while guest state is loaded).
 */
#define pr_fmt(fmt) "kvmlet: " fmt

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <asm/processor.h>
#include "vmx/exit/exit.h"
#include "vmx/hw/explain.h"
#include "vmx/plant.h"
#include "vmx/vcpu.h"

#define LOGGED	8		/* findings that go to the log, at most */

static DEFINE_SPINLOCK(last_lock);
static struct {
	size_t length;
	char text[4096];
} last;

static __printf(1, 2) void note(const char *words, ...)
{
	va_list args;

	va_start(args, words);
	last.length += vscnprintf(last.text + last.length, sizeof(last.text) - last.length, words,
				  args);
	va_end(args);
}

static u64 read_field(void *context, u32 field)
{
	return __vmcs_read(field);
}

/* @context: how many may still go to the log. */
static void take_finding(void *context, const struct explain_finding *finding)
{
	unsigned int *may_log = context;
	char text[EXPLAIN_TEXT];

	explain_text(finding, true, text, sizeof(text));
	note("%s\n", text);
	if (!*may_log)
		return;
	--*may_log;
	explain_text(finding, false, text, sizeof(text));
	pr_warn("VM entry failed: %s\n", text);
}

static void explain(struct vcpu *vcpu, u64 reason)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, 3);
	unsigned int may_log = __ratelimit(&limit) ? LOGGED : 0;
	u32 widths = cpuid_eax(0x80000008);
	const struct explain_source source = {
		.read = read_field, .found = take_finding, .context = &may_log,
		.caps = &vmx_caps, .physical_bits = widths, .linear_bits = widths >> 8,
	};
	/* An instruction that fails writes none. */
	bool refused = vcpu->exit_reason & EXIT_ENTRY_REFUSED;
	unsigned long qualification = refused ? 0 : vmcs_readl(EXIT_QUALIFICATION);
	const char *kind = refused ? explain_instruction_error(reason) : exit_name(reason);

	spin_lock(&last_lock);
	last.length = 0;
	note("process %d, vCPU %u: reason %#llx (%s), qualification %#lx\n", current->tgid,
	     vcpu->id, reason, kind, qualification);
	if (may_log)
		pr_warn("vCPU %u: VM entry failed: reason %#llx (%s), qualification %#lx\n",
			vcpu->id, reason, kind, qualification);
	if (!explain_entry(&source))
		note("no broken rule found\n");
	spin_unlock(&last_lock);
}

/**
 * exit_entry_failed() - the processor refused a VM entry: KVM_EXIT_FAIL_ENTRY
 * @vcpu: loaded
 *
 * Return: 0, or -EIO if VMX operation is off for a reboot.
 */
int exit_entry_failed(struct vcpu *vcpu)
{
	bool refused = vcpu->exit_reason & EXIT_ENTRY_REFUSED;
	u64 reason = refused ? vmcs_read32(VM_INSTRUCTION_ERROR) : vcpu->exit_reason;

	if (enable_rebooting())
		return -EIO;
	explain(vcpu, reason);
	plant_undo(vcpu);
	vcpu->run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	vcpu->run->fail_entry.hardware_entry_failure_reason = reason;
	vcpu->run->fail_entry.cpu = vcpu->cpu;
	return 0;
}

static int last_show(struct seq_file *to, void *unused)
{
	spin_lock(&last_lock);
	seq_write(to, last.text, last.length);
	spin_unlock(&last_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(last);

/**
 * entry_init() - make the files in debugfs, which the module can do without; after stats_init()
 *
 * They go with their folder: stats_exit().
 *
 * Return: 0.
 */
int entry_init(void)
{
	debugfs_create_file("last-entry-failure", 0400, stats_folder, NULL, &last_fops);
	plant_init(stats_folder);
	return 0;
}
