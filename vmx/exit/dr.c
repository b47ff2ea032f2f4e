// SPDX-License-Identifier: GPL-2.0
/*
 * MOV to and from debug registers. SDM vol. 3D, table 27-4; vol. 3B, 17.2.
 */
#include <linux/sched.h>
#include "vmx/cpu/cr.h"
#include "vmx/cpu/debug.h"
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"

static int read_dr(struct vcpu *vcpu, unsigned int dr, unsigned int gpr)
{
	unsigned long value;

	if (debug_get_dr(vcpu, dr, &value))
		return exit_undefined(vcpu);
	vcpu_set_gpr(vcpu, gpr, value);
	return skip_instruction(vcpu);
}

static int write_dr(struct vcpu *vcpu, unsigned int dr, unsigned long value)
{
	if (value != (u32)value && !segment_cs_long(vcpu))
		value = (u32)value;
	switch (debug_set_dr(vcpu, dr, value)) {
	case 0:
		return skip_instruction(vcpu);
	case 1:
		return exit_undefined(vcpu);
	default:
		return raise_gp(vcpu);
	}
}

/**
 * exit_dr() - MOV DR
 * @vcpu: loaded
 *
 * The exit comes before the instruction's own checks (SDM 25.1.1). Without a debugger the guest
 * does the access itself. Return: 1.
 */
int exit_dr(struct vcpu *vcpu)
{
	unsigned long qual = vmcs_readl(EXIT_QUALIFICATION);
	unsigned int dr = qual & DEBUG_REG_ACCESS_NUM, gpr = DEBUG_REG_ACCESS_REG(qual);

	if ((dr == 4 || dr == 5) && (cr4_get(vcpu) & X86_CR4_DE))
		return exit_undefined(vcpu);
	if (segment_cpl(vcpu))
		return raise_gp(vcpu);
	if (vcpu->armed_dr7 & DR7_GD) {
		event_debug(vcpu, DR6_BD);
		return 1;
	}
	if (!vcpu->debugger.control) {
		debug_lend(vcpu, true);
		return 1;
	}
	return qual & TYPE_MOV_FROM_DR ? read_dr(vcpu, dr, gpr) :
					 write_dr(vcpu, dr, vcpu_gpr(vcpu, gpr));
}
