/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few kernel names that pure logic needs, so that one source file compiles into the
 * module and into a sanitized user-space test, which has them from userspace/portable.h. Files
 * that include only this header (and each other) may not sleep, lock, allocate or touch hardware.
 * The others have it by the headers that they include.
 */
#ifndef KVMLET_PORTABLE_H
#define KVMLET_PORTABLE_H

#ifdef __KERNEL__

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/nospec.h>
#include <linux/stdarg.h>
#include <linux/string.h>
#include <linux/types.h>

#else
#include "userspace/portable.h"
#endif /* __KERNEL__ */
#endif
