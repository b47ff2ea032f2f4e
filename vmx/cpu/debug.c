// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's debug registers. MOV DR exits, so the values here are right, but for DR7, which an
 * entry loads from the VMCS, and DR6, which the processor changes while a breakpoint is armed:
 * only then are DR0 to DR3 and DR6 switched around an entry. Armed are the guest's breakpoints,
 * or those of a debugger in user space instead. A guest that accesses one without a debugger
 * probably accesses more: it has them all to itself until its next exit.
 *
 * vcpu->mutex, vCPU loaded. SDM vol. 3B, 17.2.
 */
#include <linux/hw_breakpoint.h>
#include "vmx/cpu/cr.h"
#include "vmx/cpu/debug.h"
#include "vmx/cpu/regs.h"

#define GUEST_DR6_FIXED_1	0xffff0ff0UL	/* reads as 1, without RTM */
#define GUEST_DR6_WRITABLE	0x0000e00fUL	/* B0 to B3, BD, BS, BT */
#define GUEST_DR7_FIXED_1	0x00000400UL
#define GUEST_DR7_WRITABLE	0xffff23ffUL	/* L, G, LE, GE, GD, RW, LEN */

static bool debugger_has_them(const struct vcpu *vcpu)
{
	return vcpu->debugger.control & KVM_GUESTDBG_USE_HW_BP;
}

/**
 * debug_lend() - the guest's next accesses to debug registers do not exit, or they do again
 * @vcpu: loaded, without a debugger
 * @on: they do not; the guest is to repeat the one that has
 */
void debug_lend(struct vcpu *vcpu, bool on)
{
	u32 *proc = &vcpu->vmcs->proc;

	vcpu->dr_lent = on;
	*proc = on ? *proc & ~CPU_BASED_MOV_DR_EXITING : *proc | CPU_BASED_MOV_DR_EXITING;
	vmcs_write32(CPU_BASED_VM_EXEC_CONTROL, *proc);
}

/**
 * debug_arm() - the guest's DR7, or a debugger's breakpoints, have changed
 * @vcpu: loaded
 */
void debug_arm(struct vcpu *vcpu)
{
	unsigned long dr7 = debugger_has_them(vcpu) ? vcpu->debugger.dr7 : vcpu->dr7;

	vcpu->armed_dr7 = (dr7 & GUEST_DR7_WRITABLE) | GUEST_DR7_FIXED_1;
	vmcs_writel(GUEST_DR7, vcpu->armed_dr7);
	if (vcpu->dr_lent)
		debug_lend(vcpu, false);
}

/**
 * debug_dr6_of() - DR6 after a #DB
 * @conditions: the bits that it sets
 *
 * Return: with those that are always set.
 */
unsigned long debug_dr6_of(unsigned long conditions)
{
	return (conditions & GUEST_DR6_WRITABLE) | GUEST_DR6_FIXED_1;
}

/**
 * debug_reset() - values at power-on
 * @vcpu: loaded
 */
void debug_reset(struct vcpu *vcpu)
{
	memset(vcpu->dr, 0, sizeof(vcpu->dr));
	vcpu->dr6 = GUEST_DR6_FIXED_1;
	vcpu->dr7 = GUEST_DR7_FIXED_1;
	debug_arm(vcpu);
}

/**
 * debug_access() - does an access that is emulated meet a breakpoint, as the processor's would?
 * @vcpu: loaded; callers see first that any is set, DR7_ARMED in its armed_dr7
 * @at: linear address, or port
 * @len: bytes
 * @kinds: DEBUG_*, as DR7.RW tells them: those that would match
 *
 * Return: the bits of DR6 that the #DB after the instruction sets, 0: none is due. SDM 17.2.4.
 */
unsigned long debug_access(struct vcpu *vcpu, unsigned long at, unsigned int len, u8 kinds)
{
	static const u8 bytes[] = { 1, 2, 8, 4 };
	const unsigned long *dr = debugger_has_them(vcpu) ? vcpu->debugger.dr : vcpu->dr;
	unsigned long dr7 = vcpu->armed_dr7, first, hits = 0;
	unsigned int n, size;

	if (kinds == DEBUG_PORT && !(cr4_get(vcpu) & X86_CR4_DE))
		return 0;
	for (n = 0; n < 4; n++) {
		size = bytes[dr7 >> (18 + 4 * n) & 3];
		first = dr[n] & ~(unsigned long)(size - 1);
		if ((dr7 >> (2 * n) & 3) && (kinds & BIT(dr7 >> (16 + 4 * n) & 3)) &&
		    at < first + size && first < at + len)
			hits |= BIT(n);
	}
	return hits;
}

/**
 * debug_deliver() - a #DB is delivered
 * @vcpu: loaded
 * @dr6: the conditions that caused it
 *
 * Sets them in DR6 and clears DR7.GD (SDM 17.2.3, 17.2.4).
 */
void debug_deliver(struct vcpu *vcpu, unsigned long dr6)
{
	vcpu->dr6 &= ~DR_TRAP_BITS;
	vcpu->dr6 |= debug_dr6_of(dr6);
	if (vcpu->dr7 & DR7_GD) {
		vcpu->dr7 &= ~DR7_GD;
		debug_arm(vcpu);
	}
}

/**
 * debug_get_dr() - the guest reads a debug register
 * @vcpu: loaded
 * @nr: 0 to 7; 4 and 5 are other names of 6 and 7
 *
 * Return: its value.
 */
unsigned long debug_get_dr(struct vcpu *vcpu, unsigned int nr)
{
	if (nr < ARRAY_SIZE(vcpu->dr))
		return vcpu->dr[array_index_nospec(nr, ARRAY_SIZE(vcpu->dr))];
	return nr & 1 ? vcpu->dr7 : vcpu->dr6;
}

static void set_dr7(struct vcpu *vcpu, unsigned long value)
{
	vcpu->dr7 = (value & GUEST_DR7_WRITABLE) | GUEST_DR7_FIXED_1;
	debug_arm(vcpu);
}

/**
 * debug_set_dr() - the guest writes a debug register
 * @vcpu: loaded
 * @nr: as of debug_get_dr()
 * @value: new value
 *
 * Return: 0, or 1 for #GP(0): bits 63:32 of DR6 or DR7.
 */
int debug_set_dr(struct vcpu *vcpu, unsigned int nr, unsigned long value)
{
	if (nr < ARRAY_SIZE(vcpu->dr)) {
		vcpu->dr[array_index_nospec(nr, ARRAY_SIZE(vcpu->dr))] = value;
		return 0;
	}
	if (upper_32_bits(value))
		return 1;
	if (nr & 1)
		set_dr7(vcpu, value);
	else
		vcpu->dr6 = debug_dr6_of(value);
	return 0;
}

/**
 * debug_switch_in() - arm the guest's or a debugger's breakpoints instead of the host's
 * @vcpu: about to enter
 *
 * Context: interrupts off.
 */
void debug_switch_in(struct vcpu *vcpu)
{
	const unsigned long *dr = debugger_has_them(vcpu) ? vcpu->debugger.dr : vcpu->dr;

	/* After an exit DR7 arms nothing; before the first it may be the host's. */
	if (hw_breakpoint_active())
		set_debugreg(0, 7);
	if (!(vcpu->armed_dr7 & DR7_ARMED) && !vcpu->dr_lent)
		return;
	set_debugreg(dr[0], 0);
	set_debugreg(dr[1], 1);
	set_debugreg(dr[2], 2);
	set_debugreg(dr[3], 3);
	set_debugreg(vcpu->dr6, 6);
}

static void take_back(struct vcpu *vcpu)
{
	unsigned long dr7 = vmcs_readl(GUEST_DR7);

	get_debugreg(vcpu->dr[0], 0);
	get_debugreg(vcpu->dr[1], 1);
	get_debugreg(vcpu->dr[2], 2);
	get_debugreg(vcpu->dr[3], 3);
	get_debugreg(vcpu->dr6, 6);
	vcpu->dr6 = debug_dr6_of(vcpu->dr6);
	set_debugreg(DR6_RESERVED, 6);
	debug_lend(vcpu, false);
	if (dr7 != vcpu->armed_dr7)
		set_dr7(vcpu, dr7);
}

/**
 * debug_switch_out() - arm the host's breakpoints again
 * @vcpu: that has just exited
 *
 * Context: interrupts off.
 */
void debug_switch_out(struct vcpu *vcpu)
{
	if (vcpu->dr_lent) {
		take_back(vcpu);
	} else if (vcpu->armed_dr7 & DR7_ARMED) {
		/* What a debugger's breakpoints leave there is not the guest's. */
		if (!debugger_has_them(vcpu))
			get_debugreg(vcpu->dr6, 6);
		set_debugreg(DR6_RESERVED, 6);
	}
	if (hw_breakpoint_active())
		hw_breakpoint_restore();
}

/**
 * debug_get() - KVM_GET_DEBUGREGS
 * @vcpu: loaded
 * @regs: filled in, zeroed by the caller
 */
void debug_get(struct vcpu *vcpu, struct kvm_debugregs *regs)
{
	memcpy(regs->db, vcpu->dr, sizeof(regs->db));
	regs->dr6 = vcpu->dr6;
	regs->dr7 = vcpu->dr7;
}

/**
 * debug_set() - KVM_SET_DEBUGREGS
 * @vcpu: loaded
 * @regs: new values
 *
 * Return: 0, or -EINVAL for flags or upper halves that are not zero.
 */
int debug_set(struct vcpu *vcpu, const struct kvm_debugregs *regs)
{
	if (regs->flags || upper_32_bits(regs->dr6) || upper_32_bits(regs->dr7))
		return -EINVAL;
	memcpy(vcpu->dr, regs->db, sizeof(vcpu->dr));
	vcpu->dr6 = debug_dr6_of(regs->dr6);
	set_dr7(vcpu, regs->dr7);
	return 0;
}
