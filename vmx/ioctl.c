// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls by table. Nothing of the kernel's memory gets out: the buffer is zeroed before a
 * handler fills it, and only as much is copied as the ioctl's number says.
 */
#include <linux/ioctl.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "vmx/ioctl.h"

#define ON_STACK	256	/* bytes; larger arguments are allocated */

static long call_buffered(const struct ioctl_op *op, void *object, void __user *arg, void *buf)
{
	bool in = op->takes || (_IOC_DIR(op->cmd) & _IOC_WRITE);
	bool out = !op->takes && (_IOC_DIR(op->cmd) & _IOC_READ);
	size_t size = _IOC_SIZE(op->cmd);
	long r;

	if (in && copy_from_user(buf, arg, size))
		return -EFAULT;
	r = op->fn(object, buf);
	if (r >= 0 && out && copy_to_user(arg, buf, size))
		return -EFAULT;
	return r;
}

static long call_allocated(const struct ioctl_op *op, void *object, void __user *arg)
{
	void *buf = kzalloc(_IOC_SIZE(op->cmd), GFP_KERNEL_ACCOUNT);
	long r;

	if (!buf)
		return -ENOMEM;
	r = call_buffered(op, object, arg, buf);
	kfree(buf);
	return r;
}

static long call_on_stack(const struct ioctl_op *op, void *object, void __user *arg)
{
	u64 buf[ON_STACK / sizeof(u64)] = { 0 };

	return call_buffered(op, object, arg, buf);
}

/**
 * ioctl_call() - find an ioctl in a table and call it
 * @ops: the table
 * @nr: its length
 * @object: first argument of the handler
 * @cmd: ioctl number
 * @arg: ioctl argument
 * @unknown: what a number that is not in the table gets, a negative errno
 *
 * Return: the handler's result; @unknown; -EFAULT; -ENOMEM.
 */
long ioctl_call(const struct ioctl_op *ops, size_t nr, void *object, unsigned int cmd,
		unsigned long arg, int unknown)
{
	const struct ioctl_op *op;

	for (op = ops; op < ops + nr; op++)
		if (op->cmd == cmd)
			break;
	if (op == ops + nr)
		return unknown;
	if (op->list)
		return op->list(object, (void __user *)arg);
	if (!_IOC_SIZE(cmd))
		return op->fn(object, (void *)arg);
	if (_IOC_SIZE(cmd) > ON_STACK)
		return call_allocated(op, object, (void __user *)arg);
	return call_on_stack(op, object, (void __user *)arg);
}
