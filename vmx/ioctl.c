// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls by table. Nothing of the kernel's memory gets out: the buffer is zeroed before a
 * handler fills it, unless that fills all of it, and only as much is copied as the ioctl's
 * number says.
 */
#include <linux/math.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "vmx/compat.h"
#include "vmx/ioctl.h"

#define ON_STACK	1024	/* bytes; larger arguments are allocated */

/* @buf holds as much as is copied, so copy_to_user()'s search for its borders is left out. */
static __always_inline long call_buffered(const struct ioctl_op *op, void *object,
					  void __user *arg, void *buf)
{
	bool in = op->takes || (_IOC_DIR(op->cmd) & _IOC_WRITE);
	bool out = !op->takes && (_IOC_DIR(op->cmd) & _IOC_READ);
	size_t size = _IOC_SIZE(op->cmd);
	long r;

	if (in && _copy_from_user(buf, arg, size))
		return -EFAULT;
	if (!in && !op->whole)
		memset(buf, 0, round_up(size, sizeof(u64)));
	r = op->fn(object, buf);
	if (r >= 0 && out && _copy_to_user(arg, buf, size))
		return -EFAULT;
	return r;
}

static noinline long call_allocated(const struct ioctl_op *op, void *object, void __user *arg)
{
	void *buf = kmalloc(round_up(_IOC_SIZE(op->cmd), sizeof(u64)), GFP_KERNEL_ACCOUNT);
	long r;

	if (!buf)
		return -ENOMEM;
	r = call_buffered(op, object, arg, buf);
	kfree(buf);
	return r;
}

static noinline long call_on_stack(const struct ioctl_op *op, void *object, void __user *arg)
{
	u64 buf[ON_STACK / sizeof(u64)] compat_uninitialized;

	return call_buffered(op, object, arg, buf);
}

/**
 * ioctl_call() - call an ioctl
 * @op: its row
 * @object: first argument of the handler
 * @arg: ioctl argument
 *
 * Return: the handler's result; -EFAULT; -ENOMEM.
 */
long ioctl_call(const struct ioctl_op *op, void *object, unsigned long arg)
{
	if (op->list)
		return op->list(object, (void __user *)arg);
	if (!_IOC_SIZE(op->cmd))
		return op->fn(object, (void *)arg);
	if (_IOC_SIZE(op->cmd) > ON_STACK)
		return call_allocated(op, object, (void __user *)arg);
	return call_on_stack(op, object, (void __user *)arg);
}
