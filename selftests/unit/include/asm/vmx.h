/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel's asm/vmx.h has of VMCS fields, for unit tests: user space's header of that name
 * has exit reasons only. selftests/numbers/numbers.c holds it against the kernel's.
 */
#ifndef KVMLET_SELFTESTS_ASM_VMX_H
#define KVMLET_SELFTESTS_ASM_VMX_H

#include_next <asm/vmx.h>

enum vmcs_field {
#define VMCS_FIELD(name, encoding)	name = encoding,
#include "selftests/numbers/vmcs_fields.h"
};

#endif
