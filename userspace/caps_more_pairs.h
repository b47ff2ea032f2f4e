/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rows of caps_more.h depend on, for caps_pairs[] of vmx/hw/caps.c.
 */

USES(EPTP_SWITCHING, VM_FUNCTIONS),
USES(EPTP_SWITCHING, EPT),
