// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers that entry.S needs from C: compiled to assembly, from which Kbuild makes offsets.h.
 */
#define COMPILE_OFFSETS
#include <linux/kbuild.h>
#include "vmx/vcpu.h"

static void __used offsets(void)
{
	DEFINE(VCPU_RAX, offsetof(struct vcpu, gpr[GPR_RAX]));
	DEFINE(VCPU_RCX, offsetof(struct vcpu, gpr[GPR_RCX]));
	DEFINE(VCPU_RDX, offsetof(struct vcpu, gpr[GPR_RDX]));
	DEFINE(VCPU_RBX, offsetof(struct vcpu, gpr[GPR_RBX]));
	DEFINE(VCPU_RBP, offsetof(struct vcpu, gpr[GPR_RBP]));
	DEFINE(VCPU_RSI, offsetof(struct vcpu, gpr[GPR_RSI]));
	DEFINE(VCPU_RDI, offsetof(struct vcpu, gpr[GPR_RDI]));
	DEFINE(VCPU_R8, offsetof(struct vcpu, gpr[GPR_R8]));
	DEFINE(VCPU_R9, offsetof(struct vcpu, gpr[GPR_R9]));
	DEFINE(VCPU_R10, offsetof(struct vcpu, gpr[GPR_R10]));
	DEFINE(VCPU_R11, offsetof(struct vcpu, gpr[GPR_R11]));
	DEFINE(VCPU_R12, offsetof(struct vcpu, gpr[GPR_R12]));
	DEFINE(VCPU_R13, offsetof(struct vcpu, gpr[GPR_R13]));
	DEFINE(VCPU_R14, offsetof(struct vcpu, gpr[GPR_R14]));
	DEFINE(VCPU_R15, offsetof(struct vcpu, gpr[GPR_R15]));
	DEFINE(FIELD_HOST_RSP, HOST_RSP);
}
