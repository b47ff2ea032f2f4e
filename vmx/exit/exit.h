/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VM exits. A handler runs with the vCPU loaded, and with interrupts and preemption on unless
 * its row says IRQS_OFF. It returns 1 to re-enter the guest, 0 to return to user space with the
 * run page filled in, or a negative errno for KVM_RUN.
 */
#ifndef KVMLET_VMX_EXIT_EXIT_H
#define KVMLET_VMX_EXIT_EXIT_H

#include <linux/bits.h>
#include <linux/types.h>
#include "vmx/exit/reasons.h"

struct vcpu;

/* Not a reason of the processor's: VMLAUNCH or VMRESUME itself failed. */
#define EXIT_ENTRY_REFUSED	BIT(30)

#define X(nr, name, handler, traits)	int handler(struct vcpu *vcpu);
EXIT_REASONS(X)
#undef X

#define EXIT_LATER	2	/* not with interrupts off */

int exit_handle_at_once(struct vcpu *vcpu);
int exit_handle(struct vcpu *vcpu);
const char *exit_name(u32 reason);

/* entry.c: why an entry failed is read in debugfs. */
int entry_init(void);

/* What several handlers need. */
int skip_instruction(struct vcpu *vcpu);
int skip_bytes(struct vcpu *vcpu, unsigned int len);
int raise_gp(struct vcpu *vcpu);
int exit_memory_fault(struct vcpu *vcpu, u64 gpa, u64 size);
int exit_emulation_error(struct vcpu *vcpu, const u8 *bytes, unsigned int nr);
int exit_delivery_error(struct vcpu *vcpu);
int exit_mode_unsupported(struct vcpu *vcpu);

#endif
