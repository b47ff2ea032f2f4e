/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel's asm/vmx.h has and unit tests need: user space's header of that name has exit
 * reasons only. selftests/numbers/numbers.c holds it against the kernel's.
 */
#ifndef KVMLET_SELFTESTS_ASM_VMX_H
#define KVMLET_SELFTESTS_ASM_VMX_H

#include_next <asm/vmx.h>

enum {
#define VMX_NUMBER(name, value)	name = value,
#include "selftests/numbers/vmx.h"
};

#define VMX_AR_DPL(ar)	(((ar) >> VMX_AR_DPL_SHIFT) & 3)

#endif
