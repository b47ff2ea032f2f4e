/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM_X86_SET_MSR_FILTER and KVM_CAP_X86_USER_SPACE_MSR: which accesses of a guest to MSRs are
 * refused, and which ones user space hears of. Of a VM; changed under vm->lock, read under RCU.
 */
#ifndef KVMLET_VMX_CPU_MSR_FILTER_H
#define KVMLET_VMX_CPU_MSR_FILTER_H

#include <linux/kvm.h>

struct vcpu;
struct vm;

#define MSR_EXIT_REASONS	(KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN |	\
				 KVM_MSR_EXIT_REASON_FILTER)

int msr_filter_set(struct vm *vm, const struct kvm_msr_filter *user);
bool msr_filter_allows(struct vm *vm, u32 index, bool write);
bool msr_filter_passes(struct vm *vm, const u32 *indices, unsigned int nr);
void msr_filter_destroy(struct vm *vm);

#endif
