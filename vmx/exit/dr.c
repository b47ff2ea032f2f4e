// SPDX-License-Identifier: GPL-2.0
/*
 * MOV to and from debug registers. SDM vol. 3D, table 27-4; vol. 3B, 17.2.
 */
#include "vmx/cpu/cr.h"
#include "vmx/cpu/debug.h"
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"

static int write_dr(struct vcpu *vcpu, unsigned int dr, unsigned long value)
{
	if (value != (u32)value && !segment_cs_long(vcpu))
		value = (u32)value;
	return debug_set_dr(vcpu, dr, value) ? raise_gp(vcpu) : skip_instruction(vcpu);
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
	if (!(qual & TYPE_MOV_FROM_DR))
		return write_dr(vcpu, dr, vcpu_gpr(vcpu, gpr));
	vcpu_set_gpr(vcpu, gpr, debug_get_dr(vcpu, dr));
	return skip_instruction(vcpu);
}
