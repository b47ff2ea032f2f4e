// SPDX-License-Identifier: GPL-2.0
/*
 * The module: its parts started in order, its device, and the ioctls of that device.
 */
#define pr_fmt(fmt) "kvmlet: " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <asm/mce.h>
#include "vmx/cpu/msr_table.h"
#include "vmx/exit/exit.h"
#include "vmx/hw/controls.h"
#include "vmx/ioctl.h"
#include "vmx/vcpu.h"

static char *device = "kvmlet";
module_param(device, charp, 0444);
MODULE_PARM_DESC(device, "name of the device: kvmlet, or kvm for programs that know only /dev/kvm");

#define SYSTEM_IOCTLS(FN, LIST)								\
	FN(KVM_GET_API_VERSION, data ? -EINVAL : KVM_API_VERSION)			\
	FN(KVM_CREATE_VM, vm_create((unsigned long)data))				\
	FN(KVM_CHECK_EXTENSION, cap_check((unsigned long)data))				\
	FN(KVM_GET_VCPU_MMAP_SIZE, data ? -EINVAL : VCPU_MMAP_PAGES * PAGE_SIZE)	\
	LIST(KVM_GET_SUPPORTED_CPUID, list_cpuid(NULL, arg, cpuid_supported))		\
	LIST(KVM_GET_EMULATED_CPUID, list_cpuid(NULL, arg, cpuid_emulated))		\
	LIST(KVM_GET_MSR_INDEX_LIST, list_indices(arg, MSR_F_SAVE))			\
	LIST(KVM_GET_MSR_FEATURE_INDEX_LIST, list_indices(arg, MSR_F_FEATURE))		\
	LIST(KVM_GET_MSRS, list_msrs(NULL, arg, false))					\
	FN(KVM_X86_GET_MCE_CAP_SUPPORTED, (*(u64 *)data = MCE_SUPPORTED, 0))

SYSTEM_IOCTLS(IOCTL_DEFINE_FN, IOCTL_DEFINE_LIST)

static const struct ioctl_op system_ops[IOCTL_ROWS] = {
	SYSTEM_IOCTLS(IOCTL_ROW_FN, IOCTL_ROW_LIST)
};

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct ioctl_op *op = ioctl_find(system_ops, cmd);

	return op ? ioctl_call(op, NULL, arg) : -EINVAL;
}

static const struct file_operations device_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= device_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice miscdev = { .fops = &device_fops };

static int register_device(void)
{
	bool kvm = !strcmp(device, "kvm");

	if (!kvm && strcmp(device, "kvmlet")) {
		pr_err("device=%s: the name is kvmlet or kvm\n", device);
		return -EINVAL;
	}
	miscdev.name = device;
	miscdev.minor = kvm ? KVM_MINOR : MISC_DYNAMIC_MINOR;
	return misc_register(&miscdev);
}

/* Started in order, stopped in reverse. */
static const struct part {
	int (*start)(void);
	void (*stop)(void);
} parts[] = {
	{ enable_init, enable_exit },
	{ mitigate_init, mitigate_exit },
	{ controls_init, controls_exit },
	{ xstate_init },
	{ cpuid_init },
	{ msr_init },
	{ clock_init, clock_exit },
	{ stats_init, stats_exit },
	{ entry_init },
};

static void stop_parts(unsigned int nr)
{
	while (nr--)
		if (parts[nr].stop)
			parts[nr].stop();
}

static int __init kvmlet_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		err = parts[i].start();
		if (err)
			goto err_parts;
	}
	preempt_notifier_inc();
	err = register_device();
	if (!err)
		return 0;
	preempt_notifier_dec();
err_parts:
	stop_parts(i);
	return err;
}

static void __exit kvmlet_exit(void)
{
	misc_deregister(&miscdev);
	preempt_notifier_dec();
	stop_parts(ARRAY_SIZE(parts));
}

module_init(kvmlet_init);
module_exit(kvmlet_exit);
MODULE_DESCRIPTION("kvmlet: KVM's interface on Intel VT-x, in a driver that can be read");
MODULE_AUTHOR("The kvmlet authors");
MODULE_LICENSE("GPL");
