/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM_CHECK_EXTENSION: what this driver tells programs that it can do.
 */
#ifndef KVMLET_VMX_CAP_H
#define KVMLET_VMX_CAP_H

int cap_check(unsigned long cap);

#endif
