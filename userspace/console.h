/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The user's end of the serial line: standard input and output.
 */
#ifndef KVMLET_USERSPACE_CONSOLE_H
#define KVMLET_USERSPACE_CONSOLE_H

#include "include/portable.h"

int console_open(void);
void console_restore(void);
int console_close(void);
int console_timer(void);
void console_put(u8 byte);
int console_flush(void);
void console_abandon(void);
int console_read(u8 *data, unsigned int room, bool *quit);

#endif
