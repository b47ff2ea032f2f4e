/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ioctls by table: the number says how large the argument is and which way it goes, so that
 * copying, bounding and zeroing it is done in one place.
 */
#ifndef KVMLET_VMX_IOCTL_H
#define KVMLET_VMX_IOCTL_H

#include <linux/ioctl.h>
#include "include/portable.h"

struct kvm_cpuid_entry2;
struct vcpu;

/*
 * @fn gets a zeroed or copied-in kernel buffer of the size in @cmd, or the value of the
 * argument itself where @cmd has no size. Its result is the ioctl's; the buffer is copied out
 * unless it is negative. @list does the copying: for structures whose length varies, and large
 * ones that lie ready.
 * @whole: @fn fills all of the buffer, so that it need not be zeroed.
 * @takes: the number says that the buffer is copied out, but the ioctl takes it.
 * @twin: another ioctl whose number has the same lowest byte.
 * @parked, of a vCPU: what it touches is all in memory, the vCPU need not be loaded.
 * @locked, of a VM: @fn runs under vm->lock; only where nothing is copied.
 */
struct ioctl_op {
	unsigned int cmd;
	bool whole, takes, parked, locked;
	int (*fn)(void *object, void *data);
	int (*list)(void *object, void __user *arg);
	const struct ioctl_op *twin;
};

/* An @fn, or @list, that is one expression of the descriptor's @object and its argument. */
#define IOCTL_FN(name, value)	static int name(void *object, void *data) { return value; }
#define IOCTL_LIST(name, value)	static int name(void *object, void __user *arg) { return value; }

/* A table has a row for each value of a number's lowest byte. */
#define IOCTL_ROWS		256
#define IOCTL(number, ...)	[_IOC_NR(number)] = { .cmd = number, __VA_ARGS__ }

/*
 * Tables written as one list X(FN, LIST) of FN(number, expression, more of the row) and
 * LIST(likewise): the list makes the functions with the first two, the rows with the others.
 */
#define IOCTL_DEFINE_FN(number, value, ...)	IOCTL_FN(do_##number, value)
#define IOCTL_DEFINE_LIST(number, value, ...)	IOCTL_LIST(do_##number, value)
#define IOCTL_TWIN(number)			{ .cmd = number, .fn = do_##number }
#define IOCTL_ROW_FN(number, value, ...)	IOCTL(number, .fn = do_##number, ##__VA_ARGS__),
#define IOCTL_ROW_LIST(number, value, ...)	IOCTL(number, .list = do_##number, ##__VA_ARGS__),

/**
 * ioctl_find() - find an ioctl in a table
 * @ops: the table
 * @cmd: ioctl number
 *
 * Return: its row, NULL if there is none.
 */
static inline const struct ioctl_op *ioctl_find(const struct ioctl_op ops[IOCTL_ROWS],
						unsigned int cmd)
{
	const struct ioctl_op *op = &ops[_IOC_NR(cmd)];

	if (likely(op->cmd == cmd && cmd))
		return op;
	return op->twin && op->twin->cmd == cmd ? op->twin : NULL;
}

long ioctl_call(const struct ioctl_op *op, void *object, unsigned long arg);

extern const struct ioctl_op vcpu_ops[IOCTL_ROWS];

/* cap.c */
int cap_check(unsigned long cap);

/* list_ioctl.c: those whose argument is a counted list. */
int list_cpuid(struct vcpu *vcpu, void __user *arg,
	       int (*fill)(struct vcpu *vcpu, struct kvm_cpuid_entry2 *out, u32 *nent));
int list_set_cpuid2(struct vcpu *vcpu, void __user *arg);
int list_indices(void __user *arg, u16 flag);
int list_msrs(struct vcpu *vcpu, void __user *arg, bool set);

#endif
