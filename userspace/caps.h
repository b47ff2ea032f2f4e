/* SPDX-License-Identifier: GPL-2.0 */
/*
 * `kvmlet caps`: the capability table of vmx/hw/caps.h for this machine or for a dump that came
 * with a bug report. A dump is text, one `NAME value` a line, hexadecimal without prefix.
 */
#ifndef KVMLET_USERSPACE_CAPS_H
#define KVMLET_USERSPACE_CAPS_H

#include <stdio.h>

#include "vmx/hw/caps.h"

/* Exit status of the command. */
#define CAPS_EXIT_RUNS		0
#define CAPS_EXIT_RUNS_NOT	1
#define CAPS_EXIT_ERROR		2

/**
 * caps_forced() - must this control always be 1?
 * @caps:	judged capabilities
 * @cap:	the row
 */
static inline bool caps_forced(const struct vmx_caps *caps, enum vmx_cap cap)
{
	const struct caps_row *row = &caps_table[cap];

	return caps->must[row->word] >> row->bit & GENMASK_ULL(row->width - 1, 0);
}

int caps_dump_read(FILE *in, const char *name, struct vmx_msrs *m, char *err, size_t size);
void caps_dump_write(FILE *out, const struct vmx_msrs *m);
int cmd_caps(int argc, char **argv);

#endif
