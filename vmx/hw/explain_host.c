// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of VM entry for the host-state area of a 64-bit host. Pure computation.
 * SDM vol. 3C, 26.2.2 to 26.2.4.
 */
#include "vmx/hw/explain_internal.h"

#define REGISTERS	"26.2.2"
#define SEGMENTS	"26.2.3"
#define SPACE		"26.2.4"

static const u32 selectors[] = {
	HOST_ES_SELECTOR, HOST_CS_SELECTOR, HOST_SS_SELECTOR, HOST_DS_SELECTOR,
	HOST_FS_SELECTOR, HOST_GS_SELECTOR, HOST_TR_SELECTOR,
};

static const struct {
	u32 field;
	const char *section;
} canonical[] = {
	{ HOST_IA32_SYSENTER_ESP, REGISTERS },
	{ HOST_IA32_SYSENTER_EIP, REGISTERS },
	{ HOST_FS_BASE, SEGMENTS },
	{ HOST_GS_BASE, SEGMENTS },
	{ HOST_GDTR_BASE, SEGMENTS },
	{ HOST_IDTR_BASE, SEGMENTS },
	{ HOST_TR_BASE, SEGMENTS },
	{ HOST_RIP, SPACE },
};

static void check_registers(struct explain *e)
{
	const struct vmx_caps *caps = e->source->caps;
	u64 ignored = X86_CR0_NW | X86_CR0_CD;
	u64 cr4 = explain_get(e, HOST_CR4);

	explain_bits(e, HOST_CR0, REGISTERS, caps->cr0_fixed0 & ~ignored,
		     caps->cr0_fixed1 | ignored);
	explain_bits(e, HOST_CR4, REGISTERS, caps->cr4_fixed0, caps->cr4_fixed1);
	explain_rule(e, !(cr4 & EXPLAIN_CR4_CET) || (explain_get(e, HOST_CR0) & X86_CR0_WP),
		     HOST_CR4, REGISTERS, "CET (bit 23) needs CR0.WP");
	explain_address(e, HOST_CR3, REGISTERS, 0);
	if (explain_on(e, VMX_CAP_EXIT_LOAD_PAT))
		explain_pat(e, HOST_IA32_PAT, REGISTERS);
	if (explain_on(e, VMX_CAP_EXIT_LOAD_EFER))
		explain_efer(e, HOST_IA32_EFER, REGISTERS, explain_on(e, VMX_CAP_EXIT_HOST_64));
}

static void check_selectors(struct explain *e)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(selectors); i++)
		explain_rule(e, !(explain_get(e, selectors[i]) & 7), selectors[i], SEGMENTS,
			     "RPL and TI (bits 2:0) must be 0");
	explain_rule(e, explain_get(e, HOST_CS_SELECTOR), HOST_CS_SELECTOR, SEGMENTS,
		     "must not be 0");
	explain_rule(e, explain_get(e, HOST_TR_SELECTOR), HOST_TR_SELECTOR, SEGMENTS,
		     "must not be 0");
}

/**
 * explain_host() - the rules for host state
 * @e:		the explanation
 */
void explain_host(struct explain *e)
{
	unsigned int i;

	check_registers(e);
	check_selectors(e);
	for (i = 0; i < ARRAY_SIZE(canonical); i++)
		explain_canonical(e, canonical[i].field, canonical[i].section);
	explain_rule(e, explain_on(e, VMX_CAP_EXIT_HOST_64), VM_EXIT_CONTROLS, SPACE,
		     "bit 9 (%s) must be 1 on a 64-bit host",
		     caps_table[VMX_CAP_EXIT_HOST_64].name);
	explain_rule(e, explain_get(e, HOST_CR4) & X86_CR4_PAE, HOST_CR4, SPACE,
		     "PAE (bit 5) must be 1 for a 64-bit host");
}
