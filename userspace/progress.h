/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How far a long copy between a file and the guest's memory has come, for who waits at a terminal.
 */
#ifndef KVMLET_USERSPACE_PROGRESS_H
#define KVMLET_USERSPACE_PROGRESS_H

#include "include/portable.h"

void progress_begin(const char *doing, const char *path, u64 total);
void progress_to(u64 done);
void progress_clear(void);
void progress_end(void);

#endif
