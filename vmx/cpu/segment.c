// SPDX-License-Identifier: GPL-2.0
/*
 * Segment and descriptor-table registers, as the guest sees them. Today they are kept in the
 * VMCS as they are; a processor without unrestricted guest will need another copy for real
 * mode, and only this file will know.
 *
 * vcpu->mutex, vCPU loaded. SDM vol. 3C, 24.4.1 (fields), 26.3.1.2 (what an entry accepts).
 */
#include "vmx/cpu/cr.h"
#include "vmx/cpu/regs.h"
#include "vmx/cpu/segment.h"

/* Of the access rights, which are a descriptor's bits 40 to 55 and VMX_AR_UNUSABLE_MASK. */
#define SEG_AR_AVL	BIT(12)

static const struct segment_fields {
	u32 selector, base, limit, ar;
} segment_fields[NR_SEGMENTS] = {
#define FIELDS(name)	{ GUEST_##name##_SELECTOR, GUEST_##name##_BASE,		\
			  GUEST_##name##_LIMIT, GUEST_##name##_AR_BYTES }
	[SEG_ES] = FIELDS(ES), [SEG_CS] = FIELDS(CS), [SEG_SS] = FIELDS(SS), [SEG_DS] = FIELDS(DS),
	[SEG_FS] = FIELDS(FS), [SEG_GS] = FIELDS(GS), [SEG_LDTR] = FIELDS(LDTR),
	[SEG_TR] = FIELDS(TR),
#undef FIELDS
};

static const struct segment_fields *fields_of(unsigned int nr)
{
	return &segment_fields[array_index_nospec(nr, NR_SEGMENTS)];
}

/**
 * segment_from_ar() - what access rights say of a segment
 * @seg: set, but for its base, limit and selector, which are 0
 * @ar: as in the VMCS; without VMX_AR_P_MASK it is unusable, too
 */
void segment_from_ar(struct kvm_segment *seg, u32 ar)
{
	bool unusable = (ar & VMX_AR_UNUSABLE_MASK) || !(ar & VMX_AR_P_MASK);

	*seg = (struct kvm_segment) {
		.type		= ar & VMX_AR_TYPE_MASK,
		.s		= !!(ar & VMX_AR_S_MASK),
		.dpl		= (ar >> VMX_AR_DPL_SHIFT) & 3,
		.present	= !unusable,
		.avl		= !!(ar & SEG_AR_AVL),
		.l		= !!(ar & VMX_AR_L_MASK),
		.db		= !!(ar & VMX_AR_DB_MASK),
		.g		= !!(ar & VMX_AR_G_MASK),
		.unusable	= unusable,
	};
}

/**
 * segment_get() - read a segment register
 * @vcpu: loaded
 * @nr: SEG_*
 * @seg: filled in
 */
void segment_get(struct vcpu *vcpu, unsigned int nr, struct kvm_segment *seg)
{
	const struct segment_fields *f = fields_of(nr);
	struct kvm_segment *known;

	nr = array_index_nospec(nr, NR_SEGMENTS);
	known = &vcpu->segment[nr];
	if (!(vcpu->vmcs->cached & VMCS_CACHED_SEGMENT(nr))) {
		segment_from_ar(known, vmcs_read32(f->ar));
		known->base = vmcs_readl(f->base);
		known->limit = vmcs_read32(f->limit);
		known->selector = vmcs_read16(f->selector);
		vcpu->vmcs->cached |= VMCS_CACHED_SEGMENT(nr);
	}
	*seg = *known;
}

/**
 * segment_ar() - access rights of a segment
 * @seg: any
 *
 * Return: as in the VMCS.
 */
u32 segment_ar(const struct kvm_segment *seg)
{
	/* Also of an unusable one: SS has the CPL (SDM 24.4.1). */
	return (seg->unusable || !seg->present ? VMX_AR_UNUSABLE_MASK : VMX_AR_P_MASK) |
	       (seg->type & VMX_AR_TYPE_MASK) | (seg->s ? VMX_AR_S_MASK : 0) |
	       (seg->dpl & 3) << VMX_AR_DPL_SHIFT | (seg->avl ? SEG_AR_AVL : 0) |
	       (seg->l ? VMX_AR_L_MASK : 0) | (seg->db ? VMX_AR_DB_MASK : 0) |
	       (seg->g ? VMX_AR_G_MASK : 0);
}

/**
 * segment_set() - write a segment register
 * @vcpu: loaded
 * @nr: SEG_*
 * @seg: taken as it is; what the processor refuses fails the VM entry
 */
void segment_set(struct vcpu *vcpu, unsigned int nr, const struct kvm_segment *seg)
{
	const struct segment_fields *f = fields_of(nr);
	u32 ar;

	nr = array_index_nospec(nr, NR_SEGMENTS);
	if ((vcpu->vmcs->cached & VMCS_CACHED_SEGMENT(nr)) &&
	    !memcmp(seg, &vcpu->segment[nr], sizeof(*seg)))
		return;
	ar = segment_ar(seg);
	/* Loading a code or data segment accesses it; an entry insists on the bit. */
	if (nr < SEG_LDTR && !(ar & VMX_AR_UNUSABLE_MASK))
		ar |= 1;
	vmcs_write16(f->selector, seg->selector);
	vmcs_writel(f->base, seg->base);
	vmcs_write32(f->limit, seg->limit);
	vmcs_write32(f->ar, ar);
	vcpu->vmcs->cached &= ~(VMCS_CACHED_SEGMENT(nr) | (nr == SEG_SS ? VMCS_CACHED_SS : 0));
}

/**
 * dtable_get() - read GDTR or IDTR
 * @vcpu: loaded
 * @idt: IDTR rather than GDTR
 * @table: filled in
 */
void dtable_get(struct vcpu *vcpu, bool idt, struct kvm_dtable *table)
{
	u32 cached = idt ? VMCS_CACHED_IDTR : VMCS_CACHED_GDTR;
	struct kvm_dtable *known = idt ? &vcpu->idtr : &vcpu->gdtr;

	if (!(vcpu->vmcs->cached & cached)) {
		known->base = vmcs_readl(idt ? GUEST_IDTR_BASE : GUEST_GDTR_BASE);
		known->limit = vmcs_read32(idt ? GUEST_IDTR_LIMIT : GUEST_GDTR_LIMIT);
		vcpu->vmcs->cached |= cached;
	}
	*table = *known;
}

/**
 * dtable_set() - write GDTR or IDTR
 * @vcpu: loaded
 * @idt: IDTR rather than GDTR
 * @table: taken as it is
 */
void dtable_set(struct vcpu *vcpu, bool idt, const struct kvm_dtable *table)
{
	u32 cached = idt ? VMCS_CACHED_IDTR : VMCS_CACHED_GDTR;
	const struct kvm_dtable *known = idt ? &vcpu->idtr : &vcpu->gdtr;

	if ((vcpu->vmcs->cached & cached) && known->base == table->base &&
	    known->limit == table->limit)
		return;
	vmcs_writel(idt ? GUEST_IDTR_BASE : GUEST_GDTR_BASE, table->base);
	vmcs_write32(idt ? GUEST_IDTR_LIMIT : GUEST_GDTR_LIMIT, table->limit);
	vcpu->vmcs->cached &= ~cached;
}

/**
 * segment_cpl() - the current privilege level: SS.DPL, whatever the mode (SDM 24.4.1)
 * @vcpu: loaded
 *
 * Return: 0 to 3; real mode has 0.
 */
unsigned int segment_cpl(struct vcpu *vcpu)
{
	if (!(vcpu->vmcs->cached & VMCS_CACHED_SS)) {
		vcpu->ss_ar = vmcs_read32(GUEST_SS_AR_BYTES);
		vcpu->vmcs->cached |= VMCS_CACHED_SS;
	}
	return cr_protected(vcpu) ? (vcpu->ss_ar >> VMX_AR_DPL_SHIFT) & 3 : 0;
}

/**
 * segment_cs_long() - does the guest execute 64-bit code?
 * @vcpu: loaded
 *
 * Return: true in 64-bit mode, false in compatibility mode and outside long mode.
 */
bool segment_cs_long(struct vcpu *vcpu)
{
	return (vcpu->efer & EFER_LMA) && (vmcs_read32(GUEST_CS_AR_BYTES) & VMX_AR_L_MASK);
}

/**
 * segment_fix_tr() - long mode begins: make TR what an entry insists on
 * @vcpu: loaded
 *
 * Software may enter long mode with any TR and load a 64-bit one afterwards; the VM-entry
 * checks (SDM 26.3.1.2) want a busy 64-bit TSS at once.
 */
void segment_fix_tr(struct vcpu *vcpu)
{
	struct kvm_segment tr;

	segment_get(vcpu, SEG_TR, &tr);
	if (tr.type == VMX_AR_TYPE_BUSY_64_TSS)
		return;
	tr.type = VMX_AR_TYPE_BUSY_64_TSS;
	segment_set(vcpu, SEG_TR, &tr);
}
