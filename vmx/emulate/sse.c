// SPDX-License-Identifier: GPL-2.0
/*
 * Moves between memory and XMM registers, with and without VEX. A load of less than 16 bytes
 * clears the rest. SDM vol. 3A, 13.1 (when SSE faults); vol. 2A, 2.4 (alignment; VEX faults).
 */
#include "vmx/emulate/insn.h"

/* XCR0's bits of SSE and AVX. */
#define XCR0_AVX	6

static bool is_enabled(struct emul *e, u64 cr0, u64 cr4)
{
	if (e->insn.vex)
		return (cr4 & X86_CR4_OSXSAVE) && !(~e->ops->get_cr(e, EMUL_XCR0) & XCR0_AVX);
	return !(cr0 & X86_CR0_EM) && (cr4 & X86_CR4_OSFXSR);
}

static int check_sse(struct emul *e)
{
	u64 cr0 = e->ops->get_cr(e, 0);

	if (!e->ops->get_xmm || !e->insn.mem)
		return EMUL_UNHANDLED;
	if (!is_enabled(e, cr0, e->ops->get_cr(e, 4)))
		return emul_raise(e, UD_VECTOR);
	return cr0 & X86_CR0_TS ? emul_raise(e, NM_VECTOR) : EMUL_OK;
}

/**
 * emul_sse_load() - memory to XMM register
 * @e: executing
 *
 * Return: see emul_execute().
 */
int emul_sse_load(struct emul *e)
{
	u8 data[16] = { 0 };
	struct emul_ref ref;
	int r = check_sse(e) ?: emul_ref_rm(e, e->insn.size, 0, &ref) ?: emul_load(e, &ref, data);

	if (r != EMUL_OK)
		return r;
	e->ops->set_xmm(e, e->insn.reg, data);
	return emul_retire(e);
}

/**
 * emul_sse_store() - XMM register, or its low part, to memory
 * @e: executing
 *
 * Return: see emul_execute().
 */
int emul_sse_store(struct emul *e)
{
	struct emul_ref ref;
	u8 data[16];
	int r = check_sse(e) ?: emul_ref_rm(e, e->insn.size, EMUL_WRITE, &ref);

	if (r != EMUL_OK)
		return r;
	e->ops->get_xmm(e, e->insn.reg, data);
	return emul_store(e, &ref, NULL, data) ?: emul_retire(e);
}
