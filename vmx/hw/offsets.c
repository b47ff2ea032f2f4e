// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers that entry.S needs from C: compiled to assembly, from which Kbuild makes offsets.h.
 */
#define COMPILE_OFFSETS
#include <linux/kbuild.h>
#include "vmx/vcpu.h"

#define EACH_GPR(X)								\
	X(RAX) X(RCX) X(RDX) X(RBX) X(RBP) X(RSI) X(RDI) X(R8) X(R9) X(R10) X(R11)	\
	X(R12) X(R13) X(R14) X(R15)

static void __used offsets(void)
{
#define X(name)	DEFINE(VCPU_##name, offsetof(struct vcpu, gpr[GPR_##name]));
	EACH_GPR(X)
#undef X
	DEFINE(FIELD_HOST_RSP, HOST_RSP);
}
