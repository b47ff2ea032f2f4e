// SPDX-License-Identifier: GPL-2.0
/*
 * VMX operation on every CPU. VMXON comes with the first VM and VMXOFF after the last one;
 * in between CPUs that come online join, and those that go offline, suspend, reboot or crash
 * clear their VMCSs and leave. Nobody else's VMX operation is touched: CR4.VMXE that is
 * already set means another hypervisor, and -EBUSY.
 *
 * enable_lock guards the number of users. SDM vol. 3C, 23.7 and 30.3 (VMXON, VMXOFF).
 */
#define pr_fmt(fmt) "kvmlet: " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/gfp.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/reboot.h>
#include <asm/perf_event.h>
#include <asm/reboot.h>
#include <asm/tlbflush.h>
#include "vmx/compat.h"
#include "vmx/hw/enable.h"
#include "vmx/hw/vmcs.h"

struct vmx_caps vmx_caps;
bool enable_vmx_rebooting;

static struct vmx_msrs boot_msrs;
static DEFINE_PER_CPU(struct vmcs_region *, vmxon_region);
static DEFINE_PER_CPU(bool, in_vmx);
static DEFINE_MUTEX(enable_lock);
static unsigned int enable_users;
static int enable_cpuhp_state;

/**
 * enable_other_user() - name of another hypervisor's module that is loaded
 *
 * kvm-intel and kvm-amd take the kernel's single emergency callback when they are loaded,
 * with or without a VM, so that one of them excludes kvmlet even while it is idle.
 *
 * Context: process. Return: a constant string, NULL if none is known.
 */
static const char *enable_other_user(void)
{
	static const char *const names[] = { "kvm_intel", "kvm_amd", "vboxdrv", "vmmon" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		struct kobject *kobj = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, names[i]);

		if (kobj) {
			kobject_put(kobj);
			return names[i];
		}
	}
	return NULL;
}

static bool asm_vmxon(struct vmcs_region *region)
{
	u64 pa = __pa(region);
	bool failed = true;

	asm volatile("1: vmxon %[pa]\n\t"
		     "setbe %[failed]\n2:\n" _ASM_EXTABLE(1b, 2b)
		     : [failed] "+qm" (failed) : [pa] "m" (pa) : "cc", "memory");
	return !failed;
}

/* Firmware that left the register open lets us do its work; a locked one was judged before. */
static void unlock_feature_control(void)
{
	u64 value;

	rdmsrl(MSR_IA32_FEAT_CTL, value);
	if (!(value & FEAT_CTL_LOCKED))
		wrmsrl(MSR_IA32_FEAT_CTL,
		       value | FEAT_CTL_LOCKED | FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX);
}

static int enter_vmx(void)
{
	if (__read_cr4() & X86_CR4_VMXE || enable_rebooting())
		return -EBUSY;
	unlock_feature_control();
	intel_pt_handle_vmx(1);
	cr4_set_bits(X86_CR4_VMXE);
	if (asm_vmxon(this_cpu_read(vmxon_region))) {
		this_cpu_write(in_vmx, true);
		return 0;
	}
	cr4_clear_bits(X86_CR4_VMXE);
	intel_pt_handle_vmx(0);
	return -EIO;
}

/* Also runs from the crash path, where nothing but this CPU may be relied on. */
static void leave_vmx(void)
{
	if (!this_cpu_read(in_vmx))
		return;
	vmcs_clear_all_local();
	this_cpu_write(in_vmx, false);
	asm volatile("1: vmxoff\n2:\n" _ASM_EXTABLE(1b, 2b) : : : "cc", "memory");
	cr4_clear_bits(X86_CR4_VMXE);
	intel_pt_handle_vmx(0);
}

static void leave_vmx_call(void *unused)
{
	leave_vmx();
}

static int vmx_cpu_online(unsigned int cpu)
{
	unsigned long flags;
	int err;

	err = caps_check_cpu(&boot_msrs);
	if (err) {
		pr_err("CPU %u: its VT-x differs from the boot CPU's\n", cpu);
		return err;
	}
	local_irq_save(flags);
	err = enter_vmx();
	local_irq_restore(flags);
	if (err == -EBUSY)
		pr_err("CPU %u: VT-x is in use by %s\n", cpu,
		       enable_other_user() ?: "an unknown hypervisor");
	else if (err)
		pr_err("CPU %u: VMXON failed\n", cpu);
	return err;
}

/* Is this CPU; the call is with interrupts off. */
static int vmx_cpu_offline(unsigned int cpu)
{
	return smp_call_function_single(cpu, leave_vmx_call, NULL, true);
}

/* A vCPU that runs into this sees its VMX instructions fail, and enable_rebooting(). */
static int on_reboot(struct notifier_block *nb, unsigned long action, void *data)
{
	WRITE_ONCE(enable_vmx_rebooting, true);
	on_each_cpu(leave_vmx_call, NULL, 1);
	return NOTIFY_DONE;
}

static struct notifier_block reboot_notifier = { .notifier_call = on_reboot };

/* Only the last CPU gets here; the others went offline before. */
static int on_suspend(COMPAT_SYSCORE_ARG)
{
	leave_vmx();
	return 0;
}

static void on_resume(COMPAT_SYSCORE_ARG)
{
	if (enable_users && enter_vmx())
		pr_err("VMXON after resume failed\n");
}

COMPAT_SYSCORE(syscore, on_suspend, on_resume);

/**
 * enable_get() - be in VMX operation on every CPU, for one more VM
 *
 * Context: process, may sleep.
 * Return: 0; -EBUSY (VT-x in use by another), -EIO (VMXON refused), -EOPNOTSUPP (a CPU
 * that differs), -ENOMEM.
 */
int enable_get(void)
{
	int err = 0;

	mutex_lock(&enable_lock);
	if (enable_rebooting()) {
		err = -EBUSY;
	} else if (!enable_users) {
		enable_cpuhp_state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "virt/kvmlet:online",
						       vmx_cpu_online, vmx_cpu_offline);
		err = min(enable_cpuhp_state, 0);
	}
	if (!err)
		enable_users++;
	mutex_unlock(&enable_lock);
	return err;
}

/**
 * enable_put() - one VM less; VMXOFF everywhere after the last
 */
void enable_put(void)
{
	mutex_lock(&enable_lock);
	if (!--enable_users)
		cpuhp_remove_state(enable_cpuhp_state);
	mutex_unlock(&enable_lock);
}

static void free_vmxon_regions(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		free_page((unsigned long)per_cpu(vmxon_region, cpu));
}

static int alloc_vmxon_regions(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct vmcs_region *region = (void *)get_zeroed_page(GFP_KERNEL);

		if (!region) {
			free_vmxon_regions();
			return -ENOMEM;
		}
		region->revision = vmx_caps.revision;
		per_cpu(vmxon_region, cpu) = region;
		vmcs_cpu_init(cpu);
	}
	return 0;
}

static int judge(void)
{
	struct caps_reason why;
	char text[CAPS_TEXT];
	int err;

	caps_read(&boot_msrs);
	err = caps_verdict(&boot_msrs, &vmx_caps, &why);
	caps_explain(&why, text, sizeof(text));
	if (err)
		pr_err("%s\n", text);
	else
		pr_info("%s\n", text);
	return err;
}

static int check_unused(void)
{
	const char *other = enable_other_user();

	if (!other && !(__read_cr4() & X86_CR4_VMXE))
		return 0;
	pr_err("VT-x is in use by %s: unload it first\n", other ?: "an unknown hypervisor");
	return -EBUSY;
}

/* An NMI that ends a guest's run is handed to the host through its IDT: see context.h. */
static int check_host(void)
{
	if (!compat_host_has_fred())
		return 0;
	pr_err("this kernel delivers its NMIs by FRED: boot it with fred=off\n");
	return -EOPNOTSUPP;
}

/**
 * enable_init() - judge this machine's VT-x and be ready for VMXON
 *
 * Says in words why if it cannot be used. Context: module initialization.
 * Return: 0; -ENODEV, -EPERM, -EOPNOTSUPP (see caps_verdict()), -EBUSY, -EINVAL, -ENOMEM.
 */
int enable_init(void)
{
	int err;

	err = caps_hide() ?: judge() ?: check_unused() ?: check_host() ?: alloc_vmxon_regions();
	if (err)
		return err;
	register_reboot_notifier(&reboot_notifier);
	compat_register_syscore(&syscore);
	cpu_emergency_register_virt_callback(leave_vmx);
	return 0;
}

/**
 * enable_exit() - undo enable_init(); no VM is left
 */
void enable_exit(void)
{
	cpu_emergency_unregister_virt_callback(leave_vmx);
	compat_unregister_syscore(&syscore);
	unregister_reboot_notifier(&reboot_notifier);
	free_vmxon_regions();
}
