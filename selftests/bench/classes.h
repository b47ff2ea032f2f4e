/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The classes: every kind of exit, and the named ioctls, that the bench compares; ops.h and
 * host_ops.h have what each one does. Documentation/cost.rst says how a row is read.
 */
#ifndef KVMLET_BENCH_CLASSES_H
#define KVMLET_BENCH_CLASSES_H

#include "selftests/bench/host_ops.h"

#define IRQCHIP		1	/* interrupt controllers in the kernel */
#define NO_CPUID	2	/* no KVM_SET_CPUID2 */
#define HOST		4	/* the monitor's loop, not the guest's */
#define BASE		8	/* what others subtract */
#define ITSELF		16	/* marks itself for the trace */
#define PONG		32	/* with the other processor */
#define HUGE_TRACE	64	/* hundreds of thousands of instructions: traced once */
#define MEDIAN		128	/* the middle round tells, not the least */

#define ROUND		128	/* operations, unless a class says otherwise */

struct class {
	const char *key, *title;
	unsigned int flags;
	unsigned int ops, traced;		/* 0: ROUND, 1 */
	void (*loop)(unsigned int n);
	void (*prepare)(void);			/* the guest, once */
	void (*tidy)(void);			/* the guest, before a round */
	int (*set_up)(void);			/* the monitor, once: 0 or -errno */
	void (*before)(void);			/* the monitor, before a round */
	void (*answer)(void);			/* the monitor, to an exit */
	const char *less;			/* the baseline that is subtracted */
	int cap;				/* KVM_CHECK_EXTENSION that it needs */
	const char *needs;			/* and its name */
};

#define NEEDS(name)	.cap = name, .needs = #name

static const struct class classes[] = {
	{ "empty-device", "empty ioctl on the device", HOST | BASE, .loop = io_none_device },
	{ "empty-vm", "empty ioctl on the VM", HOST | BASE, .loop = io_none_vm },
	{ "empty-vcpu", "empty ioctl on the vCPU", HOST | BASE, .loop = io_none_vcpu },
	{ "host-page", "host populates a page", HOST | BASE, SMALL_PAGES, .loop = host_page_new,
	  .set_up = small_pages, .before = fresh },
	{ "host-zero", "host maps the zero page", HOST | BASE, SMALL_PAGES,
	  .loop = host_page_zero, .set_up = small_pages, .before = fresh },
	{ "host-huge", "host populates 2 MiB", HOST | BASE | MEDIAN, 1, .loop = host_huge_new,
	  .set_up = huge_pages, .before = fresh_after_tick },
	{ "host-wake", "timer wakes a host thread", HOST | BASE, 20, .loop = host_wake },
	{ "host-eventfd", "host signals an eventfd", HOST | BASE, .loop = host_signal,
	  .set_up = with_eventfd },
	{ "host-ping", "two host threads in turns", HOST | BASE, 50, .loop = host_ping },

	{ "cpuid", "cpuid leaf 0", .loop = do_cpuid_0 },
	{ "cpuid-8", "cpuid leaf 0x80000008", .loop = do_cpuid_8 },
	{ "cpuid-none", "cpuid leaf 0, no KVM_SET_CPUID2", NO_CPUID, .loop = do_cpuid_0 },
	{ "vmcall", "vmcall, unknown", .loop = do_vmcall },
	{ "rdmsr-base", "rdmsr APIC_BASE", .loop = do_rd_base },
	{ "rdmsr-misc", "rdmsr MISC_ENABLE", .loop = do_rd_misc },
	{ "rdmsr-platform", "rdmsr PLATFORM_INFO", .loop = do_rd_platform },
	{ "rdmsr-none", "rdmsr unknown: #GP", .loop = do_rd_none, .prepare = on_exceptions },
	{ "ud2", "ud2: #UD", .loop = do_ud2, .prepare = on_exceptions },
	{ "wrmsr-adjust", "wrmsr TSC_ADJUST, same", .loop = do_wr_adjust },
	{ "wrmsr-misc", "wrmsr MISC_ENABLE, same", .loop = do_wr_misc, .prepare = keep_misc },
	{ "wrmsr-efer", "wrmsr EFER, same", .loop = do_wr_efer, .prepare = keep_efer },
	{ "cr0-am", "mov to cr0, toggle AM", .loop = do_cr0_am },
	{ "cr4-mce", "mov to cr4, toggle MCE", .loop = do_cr4_mce },
	{ "cr4-osxsave", "mov to cr4, toggle OSXSAVE", .loop = do_cr4_osxsave },
	{ "cr4-smep", "mov to cr4, toggle SMEP", .loop = do_cr4_smep, .prepare = no_user_pages },
	{ "cr8", "mov to cr8, no irqchip", .traced = 2, .loop = do_cr8 },
	{ "dr7", "cpuid + mov to dr7", .loop = do_dr7 },
	{ "wbinvd", "wbinvd", .loop = do_wbinvd },
	{ "xsetbv", "xsetbv", .loop = do_xsetbv, .prepare = use_xsave },

	{ "quiet-rdtsc", "rdtsc", .loop = do_rdtsc },
	{ "quiet-pause", "pause", .loop = do_pause },
	{ "quiet-invlpg", "invlpg", .loop = do_invlpg },
	{ "quiet-cr0-read", "mov from cr0", .loop = do_rd_cr0 },
	{ "quiet-cr0", "mov to cr0, same", .loop = do_cr0_same },
	{ "quiet-cr0-ts", "mov to cr0, toggle TS", .loop = do_cr0_ts },
	{ "quiet-cr0-wp", "mov to cr0, toggle WP", .loop = do_cr0_wp },
	{ "quiet-cr3", "mov to cr3", .loop = do_cr3_same },
	{ "quiet-cr4-pge", "mov to cr4, toggle PGE", .loop = do_cr4_pge },
	{ "quiet-cr8", "mov to cr8, irqchip", IRQCHIP, .loop = do_cr8 },
	{ "quiet-cr8-read", "mov from cr8, irqchip", IRQCHIP, .loop = do_rd_cr8 },
	{ "quiet-dr7", "mov to dr7", .loop = do_dr7_alone },
	{ "quiet-fs", "rdmsr FS_BASE", .loop = do_rd_fs },
	{ "quiet-sysenter", "wrmsr SYSENTER_CS", .loop = do_wr_sysenter },
	{ "quiet-tpr", "x2APIC TPR write", IRQCHIP, .loop = do_wr_tpr, .prepare = use_x2apic },

	{ "out", "out to user space", .loop = do_out },
	{ "in", "in from user space", .loop = do_in },
	{ "out-irqchip", "out to user space, irqchip", IRQCHIP, .loop = do_out },
	{ "out-regs", "out + KVM_GET_REGS", .loop = do_out, .answer = answer_regs,
	  .less = "empty-vcpu" },
	{ "outs", "rep outsb of 64 to user space", HUGE_TRACE, 8, .loop = do_outs },
	{ "in-pic", "in from the kernel's PIC", IRQCHIP, .loop = do_in_pic },
	{ "mmio-read", "MMIO read to user space", .loop = do_read },
	{ "mmio-write", "MMIO write to user space", .loop = do_write },
	{ "out-eventfd", "out to an ioeventfd", .loop = do_out_kick, .set_up = kick_port,
	  NEEDS(KVM_CAP_IOEVENTFD) },
	{ "mmio-eventfd-4", "MMIO write to an ioeventfd, len 4", .loop = do_kick_4,
	  .set_up = kick_mmio_4, NEEDS(KVM_CAP_IOEVENTFD) },
	{ "mmio-eventfd", "MMIO write to an ioeventfd, len 0", .loop = do_kick,
	  .set_up = kick_mmio, NEEDS(KVM_CAP_IOEVENTFD_ANY_LENGTH) },

	{ "page-new", "4K fault, host page new", 0, SMALL_PAGES, .loop = do_touch,
	  .set_up = small_pages, .before = fresh, .less = "host-page" },
	{ "page-present", "4K fault, host page present", 0, SMALL_PAGES, .loop = do_touch,
	  .set_up = small_pages, .before = present },
	{ "page-read", "4K fault, read, host page new", 0, SMALL_PAGES, .loop = do_look,
	  .set_up = small_pages, .before = fresh, .less = "host-zero" },
	{ "huge-new", "2M fault, host page new", HUGE_TRACE | MEDIAN, 1, .loop = do_touch_huge,
	  .set_up = huge_pages, .before = fresh_after_tick, .less = "host-huge" },
	{ "huge-present", "2M fault, host page present", 0, HUGE_PAGES, .loop = do_touch_huge,
	  .set_up = huge_pages, .before = present },
	{ "log-fault", "dirty-log fault, no PML", 0, LOGGED_PAGES, .loop = do_touch,
	  .set_up = logged_pages, .before = answer_log, .needs = "KVM_MEM_LOG_DIRTY_PAGES" },
	{ "log-cycle", "dirty-log cycle of 512, a page, no PML", HUGE_TRACE, LOGGED_PAGES,
	  LOGGED_PAGES, .loop = do_log_cycle, .set_up = logged_pages, .before = answer_log,
	  .answer = answer_log, .needs = "KVM_MEM_LOG_DIRTY_PAGES" },

	{ "x2apic-eoi", "x2APIC EOI, spurious", IRQCHIP, .loop = do_eoi, .prepare = use_x2apic },
	{ "x2apic-id", "x2APIC ID read", IRQCHIP, .loop = do_rd_id, .prepare = use_x2apic },
	{ "x2apic-icr-self", "x2APIC ICR self, IF = 0", IRQCHIP, .loop = do_icr_self,
	  .prepare = use_x2apic, .tidy = drain },
	{ "x2apic-icr-dest", "x2APIC ICR dest 0, IF = 0", IRQCHIP, .loop = do_icr_dest,
	  .prepare = use_x2apic, .tidy = drain },
	{ "x2apic-ipi-self", "x2APIC self-IPI, delivery, EOI", IRQCHIP, .loop = do_ipi_self,
	  .prepare = use_open_x2apic },
	{ "x2apic-ipi-dest", "x2APIC IPI to 0, delivery, EOI", IRQCHIP, .loop = do_ipi_dest,
	  .prepare = use_open_x2apic },
	{ "x2apic-ipi-msr", "x2APIC SELF_IPI, delivery, EOI", IRQCHIP, .loop = do_ipi_msr,
	  .prepare = use_open_x2apic },
	{ "x2apic-ipi-halt", "x2APIC IPI to 0, hlt, delivery, EOI", IRQCHIP,
	  .loop = do_ipi_halt, .prepare = use_x2apic },
	{ "xapic-eoi", "xAPIC EOI, spurious", IRQCHIP, .loop = do_xapic_eoi,
	  .prepare = use_xapic },
	{ "xapic-tpr", "xAPIC TPR write", IRQCHIP, .loop = do_xapic_tpr, .prepare = use_xapic },
	{ "xapic-svr", "xAPIC SVR read", IRQCHIP, .loop = do_xapic_svr, .prepare = use_xapic },
	{ "xapic-icr", "xAPIC ICR self, IF = 0", IRQCHIP, .loop = do_xapic_icr,
	  .prepare = use_xapic, .tidy = drain },
	{ "xapic-ipi", "xAPIC self-IPI, delivery, EOI", IRQCHIP, .loop = do_xapic_icr,
	  .prepare = use_open_xapic },
	{ "deadline-arm", "TSC deadline, future", IRQCHIP, .loop = do_arm,
	  .prepare = use_deadline },
	{ "deadline-past", "TSC deadline, past, delivery, EOI", IRQCHIP, .loop = do_past,
	  .prepare = use_open_deadline },
	{ "wake-timer", "hlt, woken by its timer", IRQCHIP, 20, .loop = do_wake,
	  .prepare = use_deadline, .less = "host-wake" },
	{ "wake-ping", "two vCPUs wake each other by IPI", IRQCHIP | PONG, 50, 16, .loop = do_ping,
	  .prepare = use_x2apic, .less = "host-ping" },

	{ "interrupt", "out + KVM_INTERRUPT, delivery", .loop = do_out, .prepare = open_to_irqs,
	  .answer = answer_interrupt, .less = "empty-vcpu" },
	{ "irq-window", "out + window + KVM_INTERRUPT, delivery", .loop = do_window,
	  .prepare = on_user_irqs, .answer = answer_window, .less = "empty-vcpu" },
	{ "msi", "out + KVM_SIGNAL_MSI, delivery, EOI", IRQCHIP, .loop = do_out_irq,
	  .prepare = use_open_x2apic, .answer = answer_msi, .less = "empty-vm" },
	{ "irqfd", "out + irqfd, delivery, EOI", IRQCHIP, .loop = do_out_irq,
	  .prepare = use_open_x2apic, .set_up = with_irqfd, .answer = answer_irqfd,
	  .less = "host-eventfd", NEEDS(KVM_CAP_IRQFD) },

	{ "io-extension", "KVM_CHECK_EXTENSION on a VM", HOST, .loop = io_extension,
	  .less = "empty-vm" },
	{ "io-run", "KVM_RUN, immediate_exit", HOST, .loop = io_run, .set_up = exit_at_once,
	  .less = "empty-vcpu" },
	{ "io-get-regs", "KVM_GET_REGS", HOST, .loop = io_get_regs, .less = "empty-vcpu" },
	{ "io-set-regs", "KVM_SET_REGS", HOST, .loop = io_set_regs, .set_up = have_regs,
	  .less = "empty-vcpu" },
	{ "io-get-sregs", "KVM_GET_SREGS", HOST, .loop = io_get_sregs, .less = "empty-vcpu" },
	{ "io-set-sregs", "KVM_SET_SREGS, same", HOST, .loop = io_set_sregs,
	  .set_up = have_sregs, .less = "empty-vcpu" },
	{ "io-get-fpu", "KVM_GET_FPU", HOST, .loop = io_get_fpu, .less = "empty-vcpu" },
	{ "io-get-xsave", "KVM_GET_XSAVE", HOST, .loop = io_get_xsave, .less = "empty-vcpu" },
	{ "io-get-lapic", "KVM_GET_LAPIC", HOST | IRQCHIP, .loop = io_get_lapic,
	  .less = "empty-vcpu" },
	{ "io-get-msrs", "KVM_GET_MSRS of one", HOST, .loop = io_get_msrs, .set_up = want_msr,
	  .less = "empty-vcpu" },
	{ "io-get-mp-state", "KVM_GET_MP_STATE", HOST, .loop = io_get_mp_state,
	  .less = "empty-vcpu" },
	{ "io-get-events", "KVM_GET_VCPU_EVENTS", HOST, .loop = io_get_events,
	  .less = "empty-vcpu" },
	{ "io-irq-line", "KVM_IRQ_LINE, deassert", HOST | IRQCHIP, .loop = io_irq_line,
	  .set_up = want_line, .less = "empty-vm" },
	{ "io-create-vm", "KVM_CREATE_VM", HOST | ITSELF | HUGE_TRACE, 4, .loop = io_create_vm,
	  .less = "empty-device" },
	{ "io-create-irqchip", "KVM_CREATE_IRQCHIP", HOST | ITSELF | HUGE_TRACE, 4,
	  .loop = io_create_irqchip, .less = "empty-vm" },
	{ "io-create-vcpu", "KVM_CREATE_VCPU", HOST | ITSELF | HUGE_TRACE, 4,
	  .loop = io_create_vcpu, .less = "empty-vm" },
	{ "io-life", "a VM with a vCPU, made and closed", HOST | ITSELF | HUGE_TRACE, 4,
	  .loop = io_life, .less = "empty-device" },
	{ "io-slot-add", "memory slot, add", HOST | ITSELF | HUGE_TRACE, 4, .loop = io_slot_add,
	  .less = "empty-vm" },
	{ "io-slot-delete", "memory slot, delete", HOST | ITSELF | HUGE_TRACE, 4,
	  .loop = io_slot_delete, .less = "empty-vm" },
};

#define NR_CLASSES	(sizeof(classes) / sizeof(classes[0]))

#endif
