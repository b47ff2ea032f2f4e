// SPDX-License-Identifier: GPL-2.0
/*
 * System-management mode. VT-x has none for a guest, so an SMI is taken between two entries: the
 * state goes to the guest's memory and the vCPU starts at SMBASE in real mode, in address space
 * 1 of its VM, where firmware has memory that nobody else sees. RSM is #UD to the processor, which
 * is intercepted as long as this lasts.
 *
 * The state-save area is AMD64's, as firmware for KVM expects it, for guests without long mode
 * the legacy one. What is kept beyond those layouts is the shadow of STI and MOV SS.
 *
 * vcpu->mutex, vCPU loaded; others add SMIs by vcpu_inject_smi(). SDM vol. 3C, ch. 34;
 * AMD64 Architecture Programmer's Manual vol. 2, 10.2 and 10.3.
 */
#include <asm/traps.h>
#include "vmx/cpu/cr.h"
#include "vmx/cpu/debug.h"
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"
#include "vmx/hw/controls.h"

#define SMM_ENTRY	0x8000		/* RIP of the handler, from SMBASE on */
#define SMM_AREA	0xfe00		/* the state-save area */
#define SMM_AREA_SIZE	512

#define RFLAGS_DEFINED	0x3f7fd5	/* CF to ID */

/* With SMBASE relocation; the low half is the layout. */
#define REVISION_64	0x20064
#define REVISION_32	0x20000

/* As the VMCS has its access rights, but for the bit that says unusable. */
struct smm_segment {
	u16 selector, ar;
	u32 limit;
	u64 base;
};

enum { AREA_GDTR = SEG_GS + 1, AREA_LDTR, AREA_IDTR, AREA_TR, AREA_SEGMENTS };

static const u8 place[NR_SEGMENTS] = {
	SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, [SEG_LDTR] = AREA_LDTR, [SEG_TR] = AREA_TR,
};

static const u8 tables[] = { AREA_GDTR, AREA_IDTR };

/* The state-save area of AMD64. */
struct smm_area {
	struct smm_segment segment[AREA_SEGMENTS];
	u8 io_restart[41];			/* not offered */
	u8 halted;				/* auto-halt restart: RSM goes back into HLT */
	u8 reserved1;
	u8 shadow;				/* KVM_X86_SHADOW_INT_* */
	u32 reserved2;
	u64 efer;
	u8 svm[36];
	u32 revision;
	u32 smbase;
	u8 reserved3[68];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u64 gpr[NR_GPRS];			/* the last one first */
};

static_assert(offsetof(struct smm_area, efer) == 0xd0 &&
	      offsetof(struct smm_area, cr4) == 0x148 && sizeof(struct smm_area) == SMM_AREA_SIZE);

/* Where a field of it is in the legacy area, and how large. */
struct legacy_field {
	u16 at, from;
	u8 size;
};

#define FIELD(offset, field, bytes)	{ offset, offsetof(struct smm_area, field), bytes }
#define GPR(offset, nr)			FIELD(offset, gpr[NR_GPRS - 1 - (nr)], 4)
#define TABLE(offset, nr)							\
	FIELD((offset) + 4, segment[nr].limit, 4), FIELD((offset) + 8, segment[nr].base, 4)
#define SEGMENT(selector_at, offset, nr)					\
	FIELD(selector_at, segment[nr].selector, 2),				\
	FIELD((offset) + 1, segment[nr].ar, 2), TABLE(offset, nr)

static const struct legacy_field legacy_area[] = {
	FIELD(0x0f8, smbase, 4), FIELD(0x0fc, revision, 4), FIELD(0x102, halted, 1),
	FIELD(0x114, cr4, 4), FIELD(0x11a, shadow, 1),
	SEGMENT(0x1b4, 0x12c, SEG_DS), SEGMENT(0x1b8, 0x138, SEG_FS), SEGMENT(0x1bc, 0x144, SEG_GS),
	TABLE(0x150, AREA_IDTR), SEGMENT(0x1c4, 0x15c, AREA_TR), TABLE(0x16c, AREA_GDTR),
	SEGMENT(0x1c0, 0x178, AREA_LDTR), SEGMENT(0x1a8, 0x184, SEG_ES),
	SEGMENT(0x1ac, 0x190, SEG_CS), SEGMENT(0x1b0, 0x19c, SEG_SS),
	FIELD(0x1c8, dr7, 4), FIELD(0x1cc, dr6, 4),
	GPR(0x1d0, GPR_RAX), GPR(0x1d4, GPR_RCX), GPR(0x1d8, GPR_RDX), GPR(0x1dc, GPR_RBX),
	GPR(0x1e0, GPR_RSP), GPR(0x1e4, GPR_RBP), GPR(0x1e8, GPR_RSI), GPR(0x1ec, GPR_RDI),
	FIELD(0x1f0, rip, 4), FIELD(0x1f4, rflags, 4), FIELD(0x1f8, cr3, 4), FIELD(0x1fc, cr0, 4),
};

static bool has_long_mode(const struct vcpu *vcpu)
{
	return cpuid_has(&vcpu->cpuid, CPUID_LM);
}

/* Not inline, as resume(): the stack would hold more at once than it must. */
static noinline int move_area(struct vcpu *vcpu, struct smm_area *area, bool save)
{
	const gpa_t gpa = vcpu->msr.smbase + SMM_AREA;
	struct mmu *mmu = &vcpu->vm->mmu;
	u8 legacy[SMM_AREA_SIZE] = { }, *image = has_long_mode(vcpu) ? (u8 *)area : legacy;
	const struct legacy_field *f = legacy_area;
	int r = save ? 0 : mmu_read(mmu, vcpu->smm, gpa, image, SMM_AREA_SIZE);

	for (; image == legacy && f < legacy_area + ARRAY_SIZE(legacy_area); f++)
		if (save)
			memcpy(legacy + f->at, (u8 *)area + f->from, f->size);
		else
			memcpy((u8 *)area + f->from, legacy + f->at, f->size);
	return save ? mmu_write(mmu, vcpu->smm, gpa, image, SMM_AREA_SIZE) : r;
}

static void save_segments(struct vcpu *vcpu, struct smm_area *area)
{
	struct kvm_dtable table;
	struct kvm_segment seg;
	unsigned int i;

	for (i = 0; i < NR_SEGMENTS; i++) {
		segment_get(vcpu, i, &seg);
		area->segment[place[i]] = (struct smm_segment) {
			seg.selector, segment_ar(&seg), seg.limit, seg.base
		};
	}
	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		dtable_get(vcpu, i, &table);
		area->segment[tables[i]].limit = table.limit;
		area->segment[tables[i]].base = table.base;
	}
}

static void load_segments(struct vcpu *vcpu, const struct smm_area *area)
{
	const struct smm_segment *from;
	struct kvm_dtable table;
	struct kvm_segment seg;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		table.limit = area->segment[tables[i]].limit;
		table.base = area->segment[tables[i]].base;
		dtable_set(vcpu, i, &table);
	}
	for (i = 0; i < NR_SEGMENTS; i++) {
		from = &area->segment[place[i]];
		segment_from_ar(&seg, from->ar);
		seg.selector = from->selector;
		seg.limit = from->limit;
		seg.base = from->base;
		segment_set(vcpu, i, &seg);
	}
}

static void save_registers(struct vcpu *vcpu, struct smm_area *area)
{
	unsigned int i;

	for (i = 0; i < NR_GPRS; i++)
		area->gpr[NR_GPRS - 1 - i] = vcpu_gpr(vcpu, i);
	area->rip = vcpu_rip(vcpu);
	area->rflags = vcpu_rflags(vcpu);
	/* A debugger's steps are not the guest's. */
	if (vcpu->debugger.control & KVM_GUESTDBG_SINGLESTEP)
		area->rflags &= ~X86_EFLAGS_TF;
	area->dr6 = vcpu->dr6;
	area->dr7 = vcpu->dr7;
	area->cr0 = cr0_get(vcpu);
	area->cr3 = cr3_get(vcpu);
	area->cr4 = cr4_get(vcpu);
	area->efer = vcpu->efer;
	area->smbase = vcpu->msr.smbase;
	area->revision = has_long_mode(vcpu) ? REVISION_64 : REVISION_32;
	area->halted = vcpu->mp_state == KVM_MP_STATE_HALTED;
	area->shadow = event_shadow(vcpu);
}

/* SDM table 34-4: flat real mode, with nothing of the interrupted program's but the registers. */
static void begin(struct vcpu *vcpu)
{
	struct kvm_segment seg = { .limit = ~0U, .type = 3, .s = 1, .present = 1, .g = 1 };
	unsigned int i;

	cr_force(vcpu, cr0_get(vcpu) & ~(X86_CR0_PE | X86_CR0_EM | X86_CR0_TS | X86_CR0_PG),
		 cr3_get(vcpu), 0, 0);
	for (i = SEG_ES; i <= SEG_GS; i++)
		segment_set(vcpu, i, &seg);
	seg.base = vcpu->msr.smbase;
	seg.selector = seg.base >> 4;
	segment_set(vcpu, SEG_CS, &seg);
	/* No exception has a handler here before the handler has set one up. */
	dtable_set(vcpu, true, &(struct kvm_dtable) { });
	vcpu_set_rip(vcpu, SMM_ENTRY);
	vcpu_set_rflags(vcpu, 0);
	debug_set_dr(vcpu, 7, 0);
	event_set_shadow(vcpu, 0);
	vmcs_writel(GUEST_PENDING_DBG_EXCEPTIONS, 0);
}

static noinline void resume(struct vcpu *vcpu, const struct smm_area *area)
{
	unsigned int i;

	cr_force(vcpu, area->cr0, area->cr3, area->cr4, area->efer);
	load_segments(vcpu, area);
	for (i = 0; i < (has_long_mode(vcpu) ? NR_GPRS : GPR_R8); i++)
		vcpu_set_gpr(vcpu, i, area->gpr[NR_GPRS - 1 - i]);
	vcpu_set_rip(vcpu, area->rip);
	vcpu_set_rflags(vcpu, area->rflags & RFLAGS_DEFINED);
	debug_set_dr(vcpu, 6, (u32)area->dr6);
	debug_set_dr(vcpu, 7, (u32)area->dr7);
	vcpu->msr.smbase = area->smbase;
	event_set_shadow(vcpu, area->shadow);
	/* An entry insists on finding it there with TF in a shadow. */
	vmcs_writel(GUEST_PENDING_DBG_EXCEPTIONS,
		    event_shadow(vcpu) && (area->rflags & X86_EFLAGS_TF) ? DR6_BS : 0);
	event_block_nmi(vcpu, vcpu->ev.smi_inside_nmi);
	if (area->halted && vcpu->lapic)
		vcpu->mp_state = KVM_MP_STATE_HALTED;
}

/**
 * vcpu_inject_smi() - an SMI arrives at a vCPU
 * @vcpu: any; the caller kicks it
 *
 * In SMM one is remembered. Context: any.
 */
void vcpu_inject_smi(struct vcpu *vcpu)
{
	WRITE_ONCE(vcpu->ev.smi_pending, true);
	vcpu_request(vcpu, REQ_SMI);
}

/**
 * smm_switch() - into the address space of SMM, or out of it
 * @vcpu: loaded
 * @on: into it; it is in the other one
 *
 * Registers stay. Return: 0, or -ENOMEM with nothing changed.
 */
int smm_switch(struct vcpu *vcpu, bool on)
{
	if (!vcpu->roots[on])
		vcpu->roots[on] = mmu_root_get(&vcpu->vm->mmu, on, 0);
	if (!vcpu->roots[on])
		return -ENOMEM;
	vcpu->smm = on;
	vcpu->root = vcpu->roots[on];
	vmcs_write64(EPT_POINTER, controls_eptp(vcpu->root->hpa));
	/* This processor may know the root from before: it was told of the other one's changes. */
	vcpu_request(vcpu, REQ_TLB_FLUSH);
	memset(vcpu->fetch, 0, sizeof(vcpu->fetch));
	vcpu->flush_l1d = true;
	vcpu->vmcs->exceptions ^= BIT(X86_TRAP_UD);
	vmcs_write32(EXCEPTION_BITMAP, vcpu->vmcs->exceptions);
	/* What was blocked may come now. */
	vcpu_request(vcpu, REQ_EVENT);
	vcpu_request(vcpu, REQ_SMI);
	vcpu_request(vcpu, REQ_DEBUG);
	return 0;
}

/**
 * smm_serve() - REQ_SMI: before an entry, take the SMI that waits if it can be taken now
 * @vcpu: loaded
 *
 * One that cannot waits for event_prepare() to request it again. Where the save area has no
 * memory, what is written is lost, as it would be on a board. Context: may sleep.
 *
 * Return: 1 to go on; 0 to user space; -ENOMEM.
 */
int smm_serve(struct vcpu *vcpu)
{
	struct smm_area area = { };

	if (!READ_ONCE(vcpu->ev.smi_pending) || !event_smi_allowed(vcpu))
		return 1;
	save_registers(vcpu, &area);
	save_segments(vcpu, &area);
	if (smm_switch(vcpu, true)) {
		vcpu_request(vcpu, REQ_SMI);
		return -ENOMEM;
	}
	WRITE_ONCE(vcpu->ev.smi_pending, false);
	vcpu->msr.smi_count++;
	move_area(vcpu, &area, true);
	begin(vcpu);
	vcpu->ev.smi_inside_nmi = !event_nmi_allowed(vcpu);
	event_block_nmi(vcpu, true);
	vcpu->mp_state = KVM_MP_STATE_RUNNABLE;
	return cr_state_runs(vcpu) ? 1 : exit_mode_unsupported(vcpu);
}

/**
 * smm_leave() - RSM
 * @vcpu: loaded, in SMM
 *
 * Return: 1; 0 with KVM_EXIT_SHUTDOWN for a state that cannot be, or KVM_EXIT_INTERNAL_ERROR if
 * the save area cannot be read.
 */
int smm_leave(struct vcpu *vcpu)
{
	struct smm_area area = { };
	struct kvm_sregs sregs = { };

	if (move_area(vcpu, &area, false))
		return exit_emulation_error(vcpu, NULL, 0);
	area.efer &= ~(u64)EFER_LMA;
	if ((area.efer & EFER_LME) && (area.cr0 & X86_CR0_PG))
		area.efer |= EFER_LMA;
	sregs.cr0 = area.cr0;
	sregs.cr3 = area.cr3;
	sregs.cr4 = area.cr4;
	sregs.efer = area.efer;
	/* SDM 34.3.2: a shutdown, as it is for PDPTEs. */
	if (!cr_sregs_valid(vcpu, &sregs))
		return exit_triple_fault(vcpu);
	smm_switch(vcpu, false);
	resume(vcpu, &area);
	if (cr_pae_paging(area.cr0, area.cr4, area.efer) && cr_load_pdptrs(vcpu))
		return exit_triple_fault(vcpu);
	return 1;
}
