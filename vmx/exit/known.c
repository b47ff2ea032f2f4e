// SPDX-License-Identifier: GPL-2.0
/*
 * Loads and stores where no memory is: EOIs, IPIs, doorbells, registers of user space's devices. A
 * guest makes them again and again with the same few instructions. One that was emulated before,
 * and is a plain MOV, is done here with interrupts off and without the emulator.
 *
 * What the emulator would find is what it found then. The processor has translated the address
 * and has allowed this very access. The code and the guest's page tables on the way to it read the
 * same (linear_code_stands()), and so do the slots, which had no memory there. It is the operand's
 * access, not one of an event's delivery: no stack, IDT, GDT or TSS lies in a device. So the
 * IDT-vectoring information need not be read.
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

/* Of a plain MOV the exit qualification has one of the first two, and none of the others. */
#define QUAL_KIND	(EPT_VIOLATION_ACC_READ | EPT_VIOLATION_ACC_WRITE |		\
			 EPT_VIOLATION_ACC_INSTR | EPT_VIOLATION_GVA_IS_VALID |		\
			 EPT_VIOLATION_GVA_TRANSLATED | QUAL_NMI_UNBLOCKED)
#define QUAL_PLAIN(write)	(EPT_VIOLATION_GVA_IS_VALID | EPT_VIOLATION_GVA_TRANSLATED |	\
				 ((write) ? EPT_VIOLATION_ACC_WRITE : EPT_VIOLATION_ACC_READ))

/* Each with the next one, where the operand has its size. */
#define MOV_STORE	0x88
#define MOV_LOAD	0x8a
#define MOV_CONSTANT	0xc6

/* RSP is not among the registers that are at hand; AH to BH are parts of others. */
static bool is_plain(const struct emul_insn *insn)
{
	unsigned int opcode = insn->opcode & ~1;

	return insn->map == 0 && insn->mem && insn->addr_bytes == 8 && insn->index >= NR_GPRS &&
	       insn->seg != EMUL_FS && insn->seg != EMUL_GS && insn->base != GPR_RSP &&
	       (opcode == MOV_CONSTANT ||
		((opcode == MOV_STORE || opcode == MOV_LOAD) && insn->reg != GPR_RSP &&
		 (insn->size > 1 || insn->rex || insn->reg < 4)));
}

/**
 * known_note() - the emulator has accessed something for which somebody has answered
 * @vcpu: has the instruction, decoded
 * @gpa: where
 * @write: a store
 *
 * If this is all that the instruction does, known_at_once() knows it from now on.
 */
void known_note(struct vcpu *vcpu, gpa_t gpa, bool write)
{
	unsigned long rip = vcpu_rip(vcpu);
	struct mmio_state *m = &vcpu->mmio;
	struct known_access *k = &m->accesses[linear_place(rip)];
	const struct emul_insn *insn = &m->emul.insn;

	/* Slots may have changed since the exit: what is fetched after that vouches for these. */
	if (!m->translated || m->wrote != write || m->emul.mode != EMUL_LONG || !is_plain(insn) ||
	    mmu_is_ram(&vcpu->vm->mmu, vcpu->smm, gpa, write))
		return;
	m->knows_accesses = true;
	k->page = gpa & PAGE_MASK;
	k->qual = QUAL_PLAIN(write);
	k->write = write;
	k->base = min_t(u8, insn->base, NR_GPRS);
	k->reg = insn->opcode < MOV_CONSTANT ? insn->reg : NR_GPRS;
	k->disp = insn->disp + (insn->rip_relative ? rip + insn->len : 0);
	k->value = insn->imm;
	k->size = insn->size;
	k->len = insn->len;
}

/* Where in its page it accesses; what is not there has come from the page before. */
static unsigned int offset_of(const struct vcpu *vcpu, const struct known_access *k)
{
	return offset_in_page(k->disp + (k->base < NR_GPRS ? vcpu->gpr[k->base] : 0));
}

/* In the order of what it costs to find out. */
static bool is_known(struct vcpu *vcpu, const struct known_access *k,
		     const struct linear_fetch *f, gpa_t gpa)
{
	return k->page + offset_of(vcpu, k) == gpa && IS_ALIGNED(gpa, k->size) &&
	       (vmcs_readl(EXIT_QUALIFICATION) & QUAL_KIND) == k->qual &&
	       !(vcpu->armed_dr7 & DR7_ARMED) && !vcpu->dr_lent &&
	       /* A load of ISR is to see the end that waits in memory: that may sleep. */
	       (k->write || !vcpu->in_memory) &&
	       (f->rip >> 32 || segment_cs_long(vcpu)) &&
	       linear_code_stands(vcpu, f);
}

static __always_inline int done(struct vcpu *vcpu, const struct known_access *k, gpa_t gpa)
{
	trace_mmio(vcpu, k->write, gpa, k->size, &k->value);
	if (!k->write)
		vcpu_merge_gpr(vcpu, k->reg, k->value, k->size);
	return skip_bytes(vcpu, k->len);
}

static int complete_load(struct vcpu *vcpu)
{
	struct known_access *k = &vcpu->mmio.accesses[linear_place(vcpu->io_rip)];

	if (vcpu_rip_moved(vcpu))
		return 1;
	memcpy(&k->value, vcpu->run->mmio.data, sizeof(k->value));
	return done(vcpu, k, vcpu->mmio.wanted.gpa);
}

static int to_user(struct vcpu *vcpu, struct known_access *k, gpa_t gpa)
{
	if (!k->write) {
		vcpu->io_rip = vcpu_rip(vcpu);
		vcpu->mmio.wanted.gpa = gpa;
		return mmio_exit(vcpu, gpa, k->size, NULL, complete_load);
	}
	k->value &= ~0ULL >> (64 - 8 * k->size);
	done(vcpu, k, gpa);
	return mmio_exit(vcpu, gpa, k->size, &k->value, NULL);
}

static noinline int do_known(struct vcpu *vcpu, struct known_access *k,
			     const struct linear_fetch *f)
{
	gpa_t gpa = vmcs_read64(GUEST_PHYSICAL_ADDRESS);

	if (!is_known(vcpu, k, f, gpa))
		return EXIT_LATER;
	/* As after the emulator: guest memory was read. */
	vcpu->flush_l1d = true;
	stats_add(vcpu, pf_emulate);
	if (k->reg < NR_GPRS)
		k->value = vcpu->gpr[k->reg];
	return irqchip_mmio(vcpu, gpa, k->size, &k->value, k->write) ? done(vcpu, k, gpa) :
								       to_user(vcpu, k, gpa);
}

/**
 * known_at_once() - do the access that exited by an EPT violation, if it is known
 * @vcpu: loaded; its last exit
 *
 * Context: interrupts off. Return: 1 if it is done, 0 with KVM_EXIT_MMIO, or EXIT_LATER.
 */
int known_at_once(struct vcpu *vcpu)
{
	struct known_access *k;
	struct linear_fetch *f;
	unsigned long rip;

	if (likely(!vcpu->mmio.knows_accesses))
		return EXIT_LATER;
	rip = vcpu_rip(vcpu);
	k = &vcpu->mmio.accesses[linear_place(rip)];
	f = &vcpu->fetch[linear_place(rip)];
	return unlikely(k->page && f->rip == rip) ? do_known(vcpu, k, f) : EXIT_LATER;
}
