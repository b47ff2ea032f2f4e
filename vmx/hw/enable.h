/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMX operation on every CPU: who has it, when it begins and ends. SDM vol. 3C, 23.7.
 */
#ifndef KVMLET_VMX_HW_ENABLE_H
#define KVMLET_VMX_HW_ENABLE_H

#include "vmx/hw/caps.h"

extern struct vmx_caps vmx_caps;	/* constant after enable_init() */
extern bool enable_vmx_rebooting;

/* True once a reboot has begun: VMX instructions may fault from now on. */
static inline bool enable_rebooting(void)
{
	return READ_ONCE(enable_vmx_rebooting);
}

int enable_init(void);
void enable_exit(void);
int enable_get(void);
void enable_put(void);

#endif
