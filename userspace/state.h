/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A machine's state between the driver and the sections of a saved guest.
 */
#ifndef KVMLET_USERSPACE_STATE_H
#define KVMLET_USERSPACE_STATE_H

#include "userspace/savefile.h"
#include "userspace/vm.h"

int state_check(struct vm *vm);
int state_put_front(struct vm *vm, struct save_stream *s);
int state_put(struct vm *vm, struct save_stream *s);
int state_take_cpuid(struct vm *vm, const struct saved *saved, char *why, size_t size);
int state_set(struct vm *vm, const struct saved *saved);

#endif
