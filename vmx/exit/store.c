// SPDX-License-Identifier: GPL-2.0
/*
 * Stores to a controller in the kernel or to an eventfd: EOIs, IPIs, doorbells. A guest makes them
 * again and again with the same few instructions. One that was emulated before, and is a plain
 * MOV, is done here with interrupts off and without the emulator.
 *
 * What the emulator would find is what it found then. The processor has translated the address
 * and has allowed this very access. The code and the guest's page tables on the way to it read the
 * same (linear_code_stands()), and so do the slots, which had no memory there.
 *
 * vcpu->mutex, vCPU loaded. SDM vol. 3D, table 27-7.
 */
#include <linux/mm.h>
#include "vmx/cpu/debug.h"
#include "vmx/cpu/linear.h"
#include "vmx/cpu/regs.h"
#include "vmx/cpu/segment.h"
#include "vmx/exit/exit.h"
#include "vmx/irqchip/irqchip.h"
#include "vmx/trace.h"

/* Of a plain store the exit qualification has the second, and none of the others. */
#define QUAL_KIND	(EPT_VIOLATION_ACC_READ | EPT_VIOLATION_ACC_WRITE |		\
			 EPT_VIOLATION_ACC_INSTR | EPT_VIOLATION_GVA_IS_VALID |		\
			 EPT_VIOLATION_GVA_TRANSLATED | QUAL_NMI_UNBLOCKED)
#define QUAL_STORE	(EPT_VIOLATION_ACC_WRITE | EPT_VIOLATION_GVA_IS_VALID |		\
			 EPT_VIOLATION_GVA_TRANSLATED)

#define MOV_REGISTER	0x88	/* and 0x89, with its operand's size */
#define MOV_CONSTANT	0xc6	/* and 0xc7 */

/* RSP is not among the registers that are at hand; AH to BH are parts of others. */
static bool is_plain(const struct emul_insn *insn)
{
	unsigned int opcode = insn->opcode & ~1;

	return insn->map == 0 && insn->mem && insn->addr_bytes == 8 && insn->index >= NR_GPRS &&
	       insn->seg != EMUL_FS && insn->seg != EMUL_GS && insn->base != GPR_RSP &&
	       (opcode == MOV_CONSTANT ||
		(opcode == MOV_REGISTER && insn->reg != GPR_RSP &&
		 (insn->size > 1 || insn->rex || insn->reg < 4)));
}

/**
 * store_note() - the emulator has stored something, and somebody in the kernel has taken it
 * @vcpu: has the instruction, decoded
 * @gpa: where to
 *
 * If this is all that the instruction does, store_at_once() knows it from now on.
 */
void store_note(struct vcpu *vcpu, gpa_t gpa)
{
	unsigned long rip = vcpu_rip(vcpu);
	struct mmio_state *m = &vcpu->mmio;
	struct known_store *s = &m->stores[linear_place(rip)];
	const struct emul_insn *insn = &m->emul.insn;

	if (!m->translated || !m->wrote || m->emul.mode != EMUL_LONG || !is_plain(insn))
		return;
	m->knows_stores = true;
	s->page = gpa & PAGE_MASK;
	s->base = min_t(u8, insn->base, NR_GPRS);
	s->source = insn->opcode < MOV_CONSTANT ? insn->reg : NR_GPRS;
	s->disp = insn->disp + (insn->rip_relative ? rip + insn->len : 0);
	s->value = insn->imm;
	s->size = insn->size;
	s->len = insn->len;
}

/* Where in its page it writes; an access that is not there has come from the page before. */
static unsigned int offset_of(const struct vcpu *vcpu, const struct known_store *s)
{
	return offset_in_page(s->disp + (s->base < NR_GPRS ? vcpu->gpr[s->base] : 0));
}

/* In the order of what it costs to find out. */
static bool is_known(struct vcpu *vcpu, const struct known_store *s, const struct linear_fetch *f,
		     gpa_t gpa)
{
	return s->page + offset_of(vcpu, s) == gpa && IS_ALIGNED(gpa, s->size) &&
	       (vmcs_readl(EXIT_QUALIFICATION) & QUAL_KIND) == QUAL_STORE &&
	       !(vcpu->armed_dr7 & DR7_ARMED) && !vcpu->dr_lent &&
	       (f->rip >> 32 || segment_cs_long(vcpu)) &&
	       !(vmcs_read32(IDT_VECTORING_INFO_FIELD) & VECTORING_INFO_VALID_MASK) &&
	       linear_code_stands(vcpu, f);
}

static noinline int do_known(struct vcpu *vcpu, struct known_store *s,
			     const struct linear_fetch *f)
{
	gpa_t gpa = vmcs_read64(GUEST_PHYSICAL_ADDRESS);

	if (!is_known(vcpu, s, f, gpa))
		return EXIT_LATER;
	if (s->source < NR_GPRS)
		s->value = vcpu->gpr[s->source];
	if (!irqchip_mmio(vcpu, gpa, s->size, &s->value, true))
		return EXIT_LATER;
	/* As after the emulator: guest memory was read. */
	vcpu->flush_l1d = true;
	trace_mmio(vcpu, true, gpa, s->size, &s->value);
	stats_add(vcpu, pf_emulate);
	return skip_bytes(vcpu, s->len);
}

/**
 * store_at_once() - do the store that exited by an EPT violation, if it is known
 * @vcpu: loaded; its last exit
 *
 * Context: interrupts off. Return: 1 if it is done, else EXIT_LATER.
 */
int store_at_once(struct vcpu *vcpu)
{
	struct known_store *s;
	struct linear_fetch *f;
	unsigned long rip;

	if (likely(!vcpu->mmio.knows_stores))
		return EXIT_LATER;
	rip = vcpu_rip(vcpu);
	s = &vcpu->mmio.stores[linear_place(rip)];
	f = &vcpu->fetch[linear_place(rip)];
	return unlikely(s->page && f->rip == rip) ? do_known(vcpu, s, f) : EXIT_LATER;
}
