// SPDX-License-Identifier: GPL-2.0
/*
 * For tests only, and only in a module loaded with test=1: the debugfs file kvmlet/plant takes
 * "FIELD VALUE", in hexadecimal, which is written to the VMCS of the next vCPU that enters,
 * after all else is set up. If the processor refuses the entry, the old value is put back.
 * The exit reason, a field that only the processor writes, is planted over that of the next
 * CPUID: so a handler can be seen whose exit no control of ours asks for.
 *
 * A value that the processor accepts may take the host down: it is host state like any other.
 * plant_lock guards the one value that waits and the one that is planted.
 */
#define pr_fmt(fmt) "kvmlet: " fmt

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include "vmx/plant.h"
#include "vmx/vcpu.h"

static bool test;
module_param(test, bool, 0400);
MODULE_PARM_DESC(test, "for tests only: root may spoil VM entries through debugfs");

DEFINE_STATIC_KEY_FALSE(plant_key);

static DEFINE_RAW_SPINLOCK(plant_lock);
static struct {
	bool waits;
	u32 field;
	u64 value;
	u64 old;		/* what it replaced, */
	struct vcpu *vcpu;	/* in whose VMCS; only compared */
} plant;

/**
 * plant_write() - write what waits to be planted
 * @vcpu: about to enter
 *
 * Context: interrupts off.
 */
void plant_write(struct vcpu *vcpu)
{
	raw_spin_lock(&plant_lock);
	if (plant.vcpu == vcpu)
		plant.vcpu = NULL;
	if (plant.waits && plant.field != VM_EXIT_REASON) {
		plant.waits = false;
		plant.vcpu = vcpu;
		plant.old = __vmcs_read(plant.field);
		__vmcs_write(plant.field, plant.value);
	}
	raw_spin_unlock(&plant_lock);
}

/**
 * plant_reason() - let a CPUID pass for another exit, if one waits to be planted
 * @vcpu: that has exited
 */
void plant_reason(struct vcpu *vcpu)
{
	unsigned long flags;

	if (vcpu->exit_reason != EXIT_REASON_CPUID)
		return;
	raw_spin_lock_irqsave(&plant_lock, flags);
	if (plant.waits && plant.field == VM_EXIT_REASON) {
		plant.waits = false;
		vcpu->exit_reason = plant.value;
	}
	raw_spin_unlock_irqrestore(&plant_lock, flags);
}

/**
 * plant_undo() - an entry was refused: if something was planted, put the old value back
 * @vcpu: loaded
 */
void plant_undo(struct vcpu *vcpu)
{
	unsigned long flags;

	if (!static_branch_unlikely(&plant_key))
		return;
	raw_spin_lock_irqsave(&plant_lock, flags);
	if (plant.vcpu == vcpu) {
		plant.vcpu = NULL;
		__vmcs_write(plant.field, plant.old);
	}
	raw_spin_unlock_irqrestore(&plant_lock, flags);
}

static ssize_t take(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	unsigned long flags;
	char words[48] = "";
	u64 value;
	u32 field;

	if (size >= sizeof(words))
		return -EINVAL;
	if (copy_from_user(words, from, size))
		return -EFAULT;
	if (sscanf(words, "%x %llx", &field, &value) != 2)
		return -EINVAL;
	raw_spin_lock_irqsave(&plant_lock, flags);
	plant.field = field;
	plant.value = value;
	plant.vcpu = NULL;
	plant.waits = true;
	raw_spin_unlock_irqrestore(&plant_lock, flags);
	return size;
}

static const struct file_operations plant_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= take,
	.llseek	= noop_llseek,
};

/**
 * plant_init() - make the file, if the module was loaded for tests
 * @dir: the module's folder in debugfs, with which it goes
 */
void plant_init(struct dentry *dir)
{
	if (!test)
		return;
	pr_warn("test=1: root may spoil VM entries; not for use\n");
	static_branch_enable(&plant_key);
	debugfs_create_file("plant", 0200, dir, NULL, &plant_fops);
}
