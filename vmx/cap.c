// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CHECK_EXTENSION: what this driver tells programs that it can do. Programs compare some
 * values exactly, so they are KVM's; what is not in the table is not there, and gives 0.
 * The answer is the same on the system's and on a VM's descriptor.
 */
#include <linux/cpumask.h>
#include "uapi/kvmlet.h"
#include "vmx/cap.h"
#include "vmx/cpu/debugger.h"
#include "vmx/cpu/msr.h"
#include "vmx/cpu/xstate.h"
#include "vmx/dirty_ring.h"
#include "vmx/hw/enable.h"
#include "vmx/irqchip/irqchip.h"
#include "vmx/vm.h"

struct cap {
	u16 nr;
	int value;
};

static const struct cap caps[] = {
	{ KVM_CAP_IRQCHIP, 1 },
	{ KVM_CAP_HLT, 1 },
	{ KVM_CAP_USER_MEMORY, 1 },
	{ KVM_CAP_SET_TSS_ADDR, 1 },
	{ KVM_CAP_EXT_CPUID, 1 },
	{ KVM_CAP_CLOCKSOURCE, 1 },
	{ KVM_CAP_NR_MEMSLOTS, SLOT_IDS },
	{ KVM_CAP_NOP_IO_DELAY, 1 },
	{ KVM_CAP_MP_STATE, 1 },
	{ KVM_CAP_SYNC_MMU, 1 },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
	{ KVM_CAP_USER_NMI, 1 },
	{ KVM_CAP_IRQ_ROUTING, IRQCHIP_ROUTES },
	{ KVM_CAP_IRQ_INJECT_STATUS, 1 },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1 },
	{ KVM_CAP_IRQFD, 1 },
	{ KVM_CAP_SET_BOOT_CPU_ID, 1 },
	{ KVM_CAP_IOEVENTFD, 1 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, 1 },
	{ KVM_CAP_MCE, MSR_MC_BANKS },
	{ KVM_CAP_ADJUST_CLOCK,
	  KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC },
	{ KVM_CAP_INTERNAL_ERROR_DATA, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_DEBUGREGS, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG2, DEBUGGER_CONTROLS },
	{ KVM_CAP_XSAVE, 1 },
	{ KVM_CAP_GET_TSC_KHZ, 1 },
	{ KVM_CAP_MAX_VCPUS, VM_MAX_VCPUS },
	{ KVM_CAP_TSC_DEADLINE_TIMER, 1 },
	{ KVM_CAP_KVMCLOCK_CTRL, 1 },
	{ KVM_CAP_SIGNAL_MSI, 1 },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, MMU_LOG_MODES },
	{ KVM_CAP_DIRTY_LOG_RING, DIRTY_RING_MOST_BYTES },
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL, DIRTY_RING_MOST_BYTES },
	{ KVM_CAP_READONLY_MEM, 1 },
	{ KVM_CAP_SPLIT_IRQCHIP, 1 },
	{ KVM_CAP_MULTI_ADDRESS_SPACE, MMU_ADDRESS_SPACES },
	{ KVM_CAP_IRQFD_RESAMPLE, 1 },
	{ KVM_CAP_IOEVENTFD_NO_LENGTH, 1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, 1 },
	{ KVM_CAP_EXT_EMUL_CPUID, 1 },
	{ KVM_CAP_ENABLE_CAP_VM, 1 },
	{ KVM_CAP_CHECK_EXTENSION_VM, 1 },
	{ KVM_CAP_MAX_VCPU_ID, VM_MAX_VCPU_ID },
	{ KVM_CAP_X86_USER_SPACE_MSR, 1 },
	{ KVM_CAP_X86_MSR_FILTER, 1 },
	{ KVM_CAP_EXCEPTION_PAYLOAD, 1 },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1 },
	{ KVM_CAP_SREGS2, 1 },
	{ KVM_CAP_XSAVE2, sizeof(struct kvm_xsave) },
	{ KVM_CAP_NESTED_STATE, sizeof(struct kvm_nested_state) },
	{ KVM_CAP_SYNC_REGS, KVM_SYNC_X86_VALID_FIELDS },
	{ KVM_CAP_IMMEDIATE_EXIT, 1 },
	{ KVM_CAP_GET_MSR_FEATURES, 1 },
	{ KVM_CAP_BINARY_STATS_FD, 1 },
	{ KVM_CAP_USER_MEMORY2, 1 },
	{ KVM_CAP_MEMORY_FAULT_INFO, 1 },
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

	switch (cap) {
	case KVM_CAP_NR_VCPUS:
		return min_t(unsigned int, num_online_cpus(), VM_MAX_VCPUS);
	case KVM_CAP_X86_SMM:
		/* It begins in real mode. */
		return caps_has(&vmx_caps, VMX_CAP_UNRESTRICTED_GUEST);
	case KVM_CAP_XCRS:
		return xstate_host_xcr0() != 0;
	}
	for (i = 0; i < ARRAY_SIZE(caps); i++)
		if (caps[i].nr == cap)
			return caps[i].value;
	return 0;
}
