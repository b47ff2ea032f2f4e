// SPDX-License-Identifier: GPL-2.0
/*
 * Task switches: what caused one, and what becomes of an event whose handler is a task. The
 * switch itself is vmx/emulate/task.c's. SDM vol. 3C, 25.4.2; vol. 3D, table 27-2.
 */
#include "vmx/cpu/debug.h"
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"

#define TASK_SOURCE(qual)	((qual) >> 30 & 3)
#define DR7_LOCAL		0x155UL		/* L0 to L3, LE */

/* The event's delivery is this switch, so it is not to be begun again. */
static void take_event(struct vcpu *vcpu, struct emul_task *task, u32 info)
{
	u32 type = info & INTR_INFO_INTR_TYPE_MASK;

	task->external = type == INTR_TYPE_EXT_INTR || type == INTR_TYPE_NMI_INTR ||
			 type == INTR_TYPE_HARD_EXCEPTION;
	task->has_error = info & VECTORING_INFO_DELIVER_CODE_MASK;
	if (task->has_error)
		task->error = vmcs_read32(IDT_VECTORING_ERROR_CODE);
	vcpu->ev.interrupt.injected = false;
	vcpu->ev.nmi.injected = false;
	if (type == INTR_TYPE_NMI_INTR)
		event_block_nmi(vcpu, true);
}

/**
 * exit_task_switch() - CALL, JMP or IRET to a task, or an event whose gate leads to one
 * @vcpu: loaded
 *
 * A fault while an exception is delivered so may be a double fault: the exception is forgotten
 * only when its task has begun. Return: see exit.h.
 */
int exit_task_switch(struct vcpu *vcpu)
{
	unsigned long qual = vmcs_readl(EXIT_QUALIFICATION);
	u32 info = vmcs_read32(IDT_VECTORING_INFO_FIELD);
	struct emul_task task = { .selector = qual, .source = TASK_SOURCE(qual) };
	int r;

	if (task.source == EMUL_TASK_GATE && (info & VECTORING_INFO_VALID_MASK))
		take_event(vcpu, &task, info);
	if (!task.external)
		task.insn_len = vmcs_read32(VM_EXIT_INSTRUCTION_LEN);
	if (!mmio_task_switch(vcpu, &task, &r))
		return r;
	vcpu->ev.exception.injected = false;
	if (task.source == EMUL_TASK_IRET)
		event_block_nmi(vcpu, false);
	debug_set_dr(vcpu, 7, vcpu->dr7 & ~DR7_LOCAL);
	if (task.trap)
		event_debug(vcpu, DR6_BT);
	return 1;
}
