// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of VM entry for the guest's segment registers. Pure computation.
 * SDM vol. 3C, 26.3.1.2.
 */
#include "vmx/hw/explain_internal.h"

#define RPL(selector)	((selector) & 3)
#define TI		BIT(2)
#define AR_VIRTUAL_8086	0xf3

enum { CS, SS, DS, ES, FS, GS, LDTR, TR, SEGMENTS };

struct segment {
	u64 selector, base, limit;
	u32 ar;
	bool usable;
};

static const struct {
	struct explain_field selector, base, limit, ar;
} fields[SEGMENTS] = {
#define FIELDS(name)									\
	[name] = { FIELD(GUEST_##name##_SELECTOR), FIELD(GUEST_##name##_BASE),		\
		   FIELD(GUEST_##name##_LIMIT), FIELD(GUEST_##name##_AR_BYTES) }
	FIELDS(CS), FIELDS(SS), FIELDS(DS), FIELDS(ES), FIELDS(FS), FIELDS(GS), FIELDS(LDTR),
	FIELDS(TR),
#undef FIELDS
};

/* A rule for the access rights of a segment. */
static void rights(struct explain *e, unsigned int nr, bool holds, const char *words)
{
	explain_rule(e, holds, fields[nr].ar, "%s", words);
}

static void check_virtual_8086(struct explain *e, const struct segment *s)
{
	unsigned int nr;

	for (nr = CS; nr <= GS; nr++) {
		explain_rule(e, s[nr].base == s[nr].selector << 4, fields[nr].base,
			     "must be the selector times 16 in virtual-8086 mode");
		explain_rule(e, s[nr].limit == 0xffff, fields[nr].limit,
			     "must be 0xffff in virtual-8086 mode");
		rights(e, nr, s[nr].ar == AR_VIRTUAL_8086, "must be 0xf3 in virtual-8086 mode");
	}
}

static void check_selectors(struct explain *e, const struct segment *s)
{
	explain_rule(e, !(s[TR].selector & TI), fields[TR].selector, "TI (bit 2) must be 0");
	explain_rule(e, !s[LDTR].usable || !(s[LDTR].selector & TI), fields[LDTR].selector,
		     "TI (bit 2) must be 0");
	if (!(e->rflags & X86_EFLAGS_VM) && e->restricted)
		explain_rule(e, RPL(s[SS].selector) == RPL(s[CS].selector), fields[SS].selector,
			     "RPL must be CS's");
}

static void check_bases(struct explain *e, const struct segment *s)
{
	unsigned int nr;

	explain_canonical(e, fields[TR].base);
	explain_canonical(e, fields[FS].base);
	explain_canonical(e, fields[GS].base);
	if (s[LDTR].usable)
		explain_canonical(e, fields[LDTR].base);
	for (nr = CS; nr <= ES; nr++)
		if (nr == CS || s[nr].usable)
			explain_bits(e, fields[nr].base, 0, 0xffffffff);
}

/* G says in which unit the limit is: both must agree. */
static void check_limit(struct explain *e, unsigned int nr, const struct segment *s)
{
	if ((s->limit & 0xfff) != 0xfff)
		rights(e, nr, !(s->ar & VMX_AR_G_MASK),
		       "G (bit 15) must be 0: limit bits 11:0 are not 1");
	if (s->limit & 0xfff00000)
		rights(e, nr, s->ar & VMX_AR_G_MASK,
		       "G (bit 15) must be 1: limit bits 31:20 are not 0");
}

static void check_common(struct explain *e, unsigned int nr, const struct segment *s)
{
	rights(e, nr, s->ar & VMX_AR_P_MASK, "P (bit 7) must be 1");
	rights(e, nr, !(s->ar & VMX_AR_RESERVD_MASK), "bits 31:17 and 11:8 must be 0");
	rights(e, nr, !(s->ar & VMX_AR_S_MASK) == (nr >= LDTR),
	       nr < LDTR ? "S (bit 4) must be 1" : "S (bit 4) must be 0");
	check_limit(e, nr, s);
}

static void check_cs(struct explain *e, const struct segment *s)
{
	unsigned int type = s[CS].ar & VMX_AR_TYPE_MASK, dpl = VMX_AR_DPL(s[CS].ar);
	unsigned int ss_dpl = VMX_AR_DPL(s[SS].ar);

	if (type == 3 && !e->restricted)
		rights(e, CS, !dpl, "DPL (bits 6:5) must be 0 with type 3");
	else if (type == 9 || type == 11)
		rights(e, CS, dpl == ss_dpl, "DPL (bits 6:5) must be SS's: not conforming");
	else if (type == 13 || type == 15)
		rights(e, CS, dpl <= ss_dpl, "DPL (bits 6:5) must be at most SS's: conforming");
	else
		rights(e, CS, false, e->restricted ? "type must be 9, 11, 13 or 15" :
						     "type must be 3, 9, 11, 13 or 15");
	rights(e, CS, !e->long_mode || !(s[CS].ar & VMX_AR_L_MASK) || !(s[CS].ar & VMX_AR_DB_MASK),
	       "D/B (bit 14) must be 0 with L (bit 13)");
}

static void check_ss(struct explain *e, const struct segment *s)
{
	unsigned int type = s[SS].ar & VMX_AR_TYPE_MASK, dpl = VMX_AR_DPL(s[SS].ar);

	rights(e, SS, !s[SS].usable || type == 3 || type == 7, "type must be 3 or 7");
	if (e->restricted)
		rights(e, SS, dpl == RPL(s[SS].selector),
		       "DPL (bits 6:5) must be the selector's RPL");
	if ((s[CS].ar & VMX_AR_TYPE_MASK) == 3 || !(e->cr0 & X86_CR0_PE))
		rights(e, SS, !dpl,
		       "DPL (bits 6:5) must be 0 in real mode and with CS of type 3");
}

static void check_data(struct explain *e, unsigned int nr, const struct segment *s)
{
	unsigned int type = s->ar & VMX_AR_TYPE_MASK;

	rights(e, nr, type & 1, "type must have bit 0 (accessed)");
	rights(e, nr, !(type & 8) || (type & 2), "type must have bit 1 (readable) in code");
	if (e->restricted && type < 12)
		rights(e, nr, VMX_AR_DPL(s->ar) >= RPL(s->selector),
		       "DPL (bits 6:5) must be at least the selector's RPL");
}

static void check_system(struct explain *e, const struct segment *s)
{
	unsigned int type = s[TR].ar & VMX_AR_TYPE_MASK;

	rights(e, TR, type == 11 || (type == 3 && !e->long_mode),
	       e->long_mode ? "type must be 11 (busy 64-bit TSS)" :
			      "type must be 3 or 11 (busy TSS)");
	rights(e, TR, s[TR].usable, "bit 16 (unusable) must be 0");
	check_common(e, TR, &s[TR]);
	if (!s[LDTR].usable)
		return;
	rights(e, LDTR, (s[LDTR].ar & VMX_AR_TYPE_MASK) == 2, "type must be 2 (LDT)");
	check_common(e, LDTR, &s[LDTR]);
}

static void check_rights(struct explain *e, const struct segment *s)
{
	unsigned int nr;

	check_cs(e, s);
	check_ss(e, s);
	for (nr = CS; nr <= GS; nr++) {
		if (nr != CS && !s[nr].usable)
			continue;
		if (nr >= DS)
			check_data(e, nr, &s[nr]);
		check_common(e, nr, &s[nr]);
	}
}

/**
 * explain_segments() - the rules for the guest's segment registers
 * @e:		the explanation
 */
void explain_segments(struct explain *e)
{
	struct segment s[SEGMENTS];
	unsigned int nr;

	e->section = "26.3.1.2";
	for (nr = 0; nr < SEGMENTS; nr++) {
		s[nr].selector = explain_get(e, fields[nr].selector.encoding);
		s[nr].base = explain_get(e, fields[nr].base.encoding);
		s[nr].limit = explain_get(e, fields[nr].limit.encoding);
		s[nr].ar = explain_get(e, fields[nr].ar.encoding);
		s[nr].usable = !(s[nr].ar & VMX_AR_UNUSABLE_MASK);
	}
	check_selectors(e, s);
	check_bases(e, s);
	check_system(e, s);
	if (e->rflags & X86_EFLAGS_VM)
		check_virtual_8086(e, s);
	else
		check_rights(e, s);
}
