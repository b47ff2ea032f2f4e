// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CHECK_EXTENSION: what this driver tells programs that it can do. Programs compare some
 * values exactly, so they are KVM's; what is not in the table is not there, and gives 0.
 * The answer is the same on the system's and on a VM's descriptor.
 */
#include <linux/cpumask.h>
#include "uapi/kvmlet.h"
#include "vmx/cpu/debugger.h"
#include "vmx/cpu/msr.h"
#include "vmx/cpu/xstate.h"
#include "vmx/dirty_ring.h"
#include "vmx/hw/enable.h"
#include "vmx/ioctl.h"
#include "vmx/irqchip/irqchip.h"
#include "vmx/vm.h"

/* There, with nothing more to say: 1. */
static const u16 plain[] = {
	KVM_CAP_IRQCHIP, KVM_CAP_HLT, KVM_CAP_USER_MEMORY, KVM_CAP_SET_TSS_ADDR, KVM_CAP_EXT_CPUID,
	KVM_CAP_CLOCKSOURCE, KVM_CAP_NOP_IO_DELAY, KVM_CAP_MP_STATE, KVM_CAP_SYNC_MMU,
	KVM_CAP_DESTROY_MEMORY_REGION_WORKS, KVM_CAP_USER_NMI, KVM_CAP_IRQ_INJECT_STATUS,
	KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, KVM_CAP_IRQFD, KVM_CAP_SET_BOOT_CPU_ID,
	KVM_CAP_IOEVENTFD, KVM_CAP_SET_IDENTITY_MAP_ADDR, KVM_CAP_INTERNAL_ERROR_DATA,
	KVM_CAP_VCPU_EVENTS, KVM_CAP_DEBUGREGS, KVM_CAP_SET_GUEST_DEBUG, KVM_CAP_XSAVE,
	KVM_CAP_GET_TSC_KHZ, KVM_CAP_TSC_DEADLINE_TIMER, KVM_CAP_KVMCLOCK_CTRL, KVM_CAP_SIGNAL_MSI,
	KVM_CAP_VCPU_ATTRIBUTES, KVM_CAP_READONLY_MEM, KVM_CAP_SPLIT_IRQCHIP,
	KVM_CAP_IRQFD_RESAMPLE, KVM_CAP_IOEVENTFD_NO_LENGTH, KVM_CAP_IOEVENTFD_ANY_LENGTH,
	KVM_CAP_EXT_EMUL_CPUID, KVM_CAP_ENABLE_CAP_VM, KVM_CAP_CHECK_EXTENSION_VM,
	KVM_CAP_X86_USER_SPACE_MSR, KVM_CAP_X86_MSR_FILTER, KVM_CAP_PIT, KVM_CAP_PIT2,
	KVM_CAP_PIT_STATE2, KVM_CAP_REINJECT_CONTROL, KVM_CAP_COALESCED_PIO,
	KVM_CAP_EXCEPTION_PAYLOAD, KVM_CAP_X86_TRIPLE_FAULT_EVENT, KVM_CAP_SREGS2,
	KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_GET_MSR_FEATURES, KVM_CAP_BINARY_STATS_FD,
	KVM_CAP_USER_MEMORY2, KVM_CAP_MEMORY_FAULT_INFO, KVM_CAP_HALT_POLL,
	KVM_CAP_ENABLE_CAP, KVM_CAP_ENFORCE_PV_FEATURE_CPUID,
};

static const struct {
	u16 nr;
	int value;
} valued[] = {
	{ KVM_CAP_NR_MEMSLOTS, SLOT_IDS },
	{ KVM_CAP_IRQ_ROUTING, IRQCHIP_ROUTES },
	{ KVM_CAP_COALESCED_MMIO, KVM_COALESCED_MMIO_PAGE_OFFSET },
	{ KVM_CAP_MCE, MSR_MC_BANKS },
	{ KVM_CAP_ADJUST_CLOCK,
	  KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC },
	{ KVM_CAP_SET_GUEST_DEBUG2, DEBUGGER_CONTROLS },
	{ KVM_CAP_MAX_VCPUS, VM_MAX_VCPUS },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, MMU_LOG_MODES },
	{ KVM_CAP_DIRTY_LOG_RING, DIRTY_RING_MOST_BYTES },
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL, DIRTY_RING_MOST_BYTES },
	{ KVM_CAP_MULTI_ADDRESS_SPACE, MMU_ADDRESS_SPACES },
	{ KVM_CAP_MAX_VCPU_ID, VM_MAX_VCPU_ID },
	{ KVM_CAP_X2APIC_API, X2APIC_API | X2APIC_EOI },
	{ KVM_CAP_XSAVE2, sizeof(struct kvm_xsave) },
	{ KVM_CAP_NESTED_STATE, sizeof(struct kvm_nested_state) },
	{ KVM_CAP_SYNC_REGS, KVM_SYNC_X86_VALID_FIELDS },
};

/**
 * cap_check() - KVM_CHECK_EXTENSION
 * @cap: KVM_CAP_*
 *
 * Return: 0 for one that is unknown or not there, else its value.
 */
int cap_check(unsigned long cap)
{
	unsigned int i;

	if (cap == KVM_CAP_NR_VCPUS)
		return min_t(unsigned int, num_online_cpus(), VM_MAX_VCPUS);
	switch (cap) {
	case KVM_CAP_X86_SMM:
		/* It begins in real mode. */
		return caps_has(&vmx_caps, VMX_CAP_UNRESTRICTED_GUEST);
	case KVM_CAP_TSC_CONTROL:
	case KVM_CAP_VM_TSC_CONTROL:
		return caps_has(&vmx_caps, VMX_CAP_TSC_SCALING);
	case KVM_CAP_XCRS:
		return xstate_host_xcr0() != 0;
	}
	for (i = 0; i < ARRAY_SIZE(plain); i++)
		if (plain[i] == cap)
			return 1;
	for (i = 0; i < ARRAY_SIZE(valued); i++)
		if (valued[i].nr == cap)
			return valued[i].value;
	return 0;
}
