/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ioctls by table: the number says how large the argument is and which way it goes, so that
 * copying, bounding and zeroing it is done in one place.
 */
#ifndef KVMLET_VMX_IOCTL_H
#define KVMLET_VMX_IOCTL_H

#include <linux/types.h>

/*
 * @fn gets a zeroed or copied-in kernel buffer of the size in @cmd, or the value of the
 * argument itself where @cmd has no size. Its result is the ioctl's; the buffer is copied out
 * unless it is negative. @list is for structures whose length varies: it does the copying.
 * @takes: the number says that the buffer is copied out, but the ioctl takes it.
 */
struct ioctl_op {
	unsigned int cmd;
	int (*fn)(void *object, void *data);
	int (*list)(void *object, void __user *arg);
	bool takes;
};

long ioctl_call(const struct ioctl_op *ops, size_t nr, void *object, unsigned int cmd,
		unsigned long arg, int unknown);

#endif
