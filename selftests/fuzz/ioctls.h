/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one table of ioctls: every one that the driver knows, with the descriptor it belongs to, the
 * structure behind its argument and who makes up hostile contents for it (ioctl_args.h).
 * selftests/test_ioctls.py holds this list to the driver's.
 *
 * Include it with IOCTL(descriptor, ioctl, argument, getter, contents) defined. descriptor: SYSTEM,
 * VM, VCPU. argument: the structure, or void for a number. getter: the ioctl whose result may be
 * given back with a change, or 0.
 */

IOCTL(SYSTEM, KVM_GET_API_VERSION, void, 0, small)
IOCTL(SYSTEM, KVM_CREATE_VM, void, 0, mostly_zero)
IOCTL(SYSTEM, KVM_CHECK_EXTENSION, void, 0, capability)
IOCTL(SYSTEM, KVM_GET_VCPU_MMAP_SIZE, void, 0, mostly_zero)
IOCTL(SYSTEM, KVM_GET_SUPPORTED_CPUID, struct kvm_cpuid2, 0, cpuid)
IOCTL(SYSTEM, KVM_GET_EMULATED_CPUID, struct kvm_cpuid2, 0, cpuid)
IOCTL(SYSTEM, KVM_GET_MSR_INDEX_LIST, struct kvm_msr_list, 0, msr_list)
IOCTL(SYSTEM, KVM_GET_MSR_FEATURE_INDEX_LIST, struct kvm_msr_list, 0, msr_list)
IOCTL(SYSTEM, KVM_GET_MSRS, struct kvm_msrs, 0, msrs)
IOCTL(SYSTEM, KVM_X86_GET_MCE_CAP_SUPPORTED, __u64, 0, words)

IOCTL(VM, KVM_SET_USER_MEMORY_REGION, struct kvm_userspace_memory_region, 0, region)
IOCTL(VM, KVM_CHECK_EXTENSION, void, 0, capability)
IOCTL(VM, KVM_CREATE_VCPU, void, 0, small)
IOCTL(VM, KVM_CREATE_IRQCHIP, void, 0, mostly_zero)
IOCTL(VM, KVM_GET_IRQCHIP, struct kvm_irqchip, 0, irqchip)
IOCTL(VM, KVM_SET_IRQCHIP, struct kvm_irqchip, KVM_GET_IRQCHIP, irqchip)
IOCTL(VM, KVM_IRQ_LINE, struct kvm_irq_level, 0, irq_level)
IOCTL(VM, KVM_IRQ_LINE_STATUS, struct kvm_irq_level, 0, irq_level)
IOCTL(VM, KVM_SIGNAL_MSI, struct kvm_msi, 0, msi)
IOCTL(VM, KVM_SET_TSS_ADDR, void, 0, address)
IOCTL(VM, KVM_SET_IDENTITY_MAP_ADDR, __u64, 0, words)
IOCTL(VM, KVM_SET_BOOT_CPU_ID, void, 0, small)
IOCTL(VM, KVM_GET_CLOCK, struct kvm_clock_data, 0, words)
IOCTL(VM, KVM_SET_CLOCK, struct kvm_clock_data, KVM_GET_CLOCK, clock)
IOCTL(VM, KVM_ENABLE_CAP, struct kvm_enable_cap, 0, words)

IOCTL(VCPU, KVM_RUN, void, 0, mostly_zero)
IOCTL(VCPU, KVM_GET_REGS, struct kvm_regs, 0, words)
IOCTL(VCPU, KVM_SET_REGS, struct kvm_regs, KVM_GET_REGS, words)
IOCTL(VCPU, KVM_GET_SREGS, struct kvm_sregs, 0, words)
IOCTL(VCPU, KVM_SET_SREGS, struct kvm_sregs, KVM_GET_SREGS, words)
IOCTL(VCPU, KVM_GET_MSRS, struct kvm_msrs, 0, msrs)
IOCTL(VCPU, KVM_SET_MSRS, struct kvm_msrs, KVM_GET_MSRS, msrs)
IOCTL(VCPU, KVM_INTERRUPT, struct kvm_interrupt, 0, interrupt)
IOCTL(VCPU, KVM_NMI, void, 0, mostly_zero)
IOCTL(VCPU, KVM_GET_MP_STATE, struct kvm_mp_state, 0, words)
IOCTL(VCPU, KVM_SET_MP_STATE, struct kvm_mp_state, 0, mp_state)
IOCTL(VCPU, KVM_GET_VCPU_EVENTS, struct kvm_vcpu_events, 0, words)
IOCTL(VCPU, KVM_SET_VCPU_EVENTS, struct kvm_vcpu_events, KVM_GET_VCPU_EVENTS, events)
IOCTL(VCPU, KVM_GET_FPU, struct kvm_fpu, 0, words)
IOCTL(VCPU, KVM_SET_FPU, struct kvm_fpu, KVM_GET_FPU, words)
IOCTL(VCPU, KVM_GET_XSAVE, struct kvm_xsave, 0, words)
IOCTL(VCPU, KVM_SET_XSAVE, struct kvm_xsave, KVM_GET_XSAVE, words)
IOCTL(VCPU, KVM_GET_XCRS, struct kvm_xcrs, 0, words)
IOCTL(VCPU, KVM_SET_XCRS, struct kvm_xcrs, KVM_GET_XCRS, xcrs)
IOCTL(VCPU, KVM_GET_DEBUGREGS, struct kvm_debugregs, 0, words)
IOCTL(VCPU, KVM_SET_DEBUGREGS, struct kvm_debugregs, KVM_GET_DEBUGREGS, words)
IOCTL(VCPU, KVM_GET_LAPIC, struct kvm_lapic_state, 0, words)
IOCTL(VCPU, KVM_SET_LAPIC, struct kvm_lapic_state, KVM_GET_LAPIC, words)
IOCTL(VCPU, KVM_SET_CPUID2, struct kvm_cpuid2, KVM_GET_CPUID2, cpuid)
IOCTL(VCPU, KVM_GET_CPUID2, struct kvm_cpuid2, 0, cpuid)
IOCTL(VCPU, KVM_SET_SIGNAL_MASK, struct kvm_signal_mask, 0, signal_mask)
IOCTL(VCPU, KVM_GET_TSC_KHZ, void, 0, mostly_zero)
IOCTL(VCPU, KVM_SET_TSC_KHZ, void, 0, tsc_khz)
IOCTL(VCPU, KVM_KVMCLOCK_CTRL, void, 0, mostly_zero)
IOCTL(VCPU, KVM_X86_SETUP_MCE, __u64, 0, mce_cap)
IOCTL(VCPU, KVM_X86_SET_MCE, struct kvm_x86_mce, 0, mce)
