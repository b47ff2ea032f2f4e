/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VM entries that the processor refuses, and where the explanation is read.
 */
#ifndef KVMLET_VMX_EXIT_ENTRY_H
#define KVMLET_VMX_EXIT_ENTRY_H

int entry_init(void);
void entry_exit(void);

#endif
