/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual machine as `kvmlet run` builds it: the driver's descriptors, memory, devices, the
 * processor, and how it ended. main thread: console and signals (run.c). vCPU thread: everything
 * that the guest does (vcpu.c). They meet in the serial port (its own lock) and in vm->ended.
 */
#ifndef KVMLET_USERSPACE_VM_H
#define KVMLET_USERSPACE_VM_H

#include <pthread.h>
#include <stdatomic.h>
#include <linux/kvm.h>

#include "userspace/bus.h"
#include "userspace/memory.h"
#include "userspace/report.h"
#include "userspace/savefile.h"

struct vcpu {
	struct vm *vm;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
};

/*
 * What is saved of a device. saving() makes @state what is to be saved, if it is not always.
 * loaded() is called when the state has come: it may be anything. NULL, or what is wrong with it.
 */
struct kept {
	char name[SAVE_NAME];
	void *state;
	size_t size;
	const char *(*loaded)(void *dev);
	void *dev;
	void (*saving)(void *dev);
};

struct vm {
	const char *device;	/* path of the driver's device */
	int sys, fd;		/* descriptors: the driver, this VM */
	int run_size;		/* bytes of a vCPU's shared area */
	int tsc_khz;		/* of the vCPU, once it is there */
	bool trace;
	struct ram ram;
	struct bus bus;
	struct vcpu vcpu;
	struct kvm_cpuid2 *cpuid;	/* the guest's, before vcpu_create() */
	struct kept kept[SAVE_MAX_DEVICES];
	unsigned int nr_kept;
	enum { LEAVE_NEVER, LEAVE_AT_ONCE, LEAVE_MOVING } leaves;	/* --save, --live */
	atomic_bool move;	/* with LEAVE_MOVING: the main thread shall begin */
	int wake;		/* eventfd: the main thread shall look again */
	atomic_int ended;	/* exit status of the first who ended the VM, -1 while it runs */
};

/* One that is not there yet, for vm_create(), or never, for vm_destroy(). */
#define VM_NONE	{ .sys = -1, .fd = -1, .vcpu.fd = -1, .wake = -1, .ended = -1 }

int vm_create(struct vm *vm, const char *device, u64 mem);
void vm_destroy(struct vm *vm);
bool vm_has(const struct vm *vm, int cap);
void vm_keep(struct vm *vm, const struct kept *kept);
int vm_log_memory(struct vm *vm, bool on);
int vm_take_log(struct vm *vm, u64 *dirty);
void vm_leave(struct vm *vm);
void vm_go_on(struct vm *vm);
void vm_irq(struct vm *vm, unsigned int gsi, bool level);
void vm_wake(struct vm *vm);
void vm_end(struct vm *vm, int status);
bool vm_running(struct vm *vm);

int vcpu_create(struct vcpu *vcpu, struct vm *vm, u64 entry);
int vcpu_start(struct vcpu *vcpu);
void vcpu_stop(struct vcpu *vcpu);
int vcpu_complete(struct vcpu *vcpu);
void vcpu_destroy(struct vcpu *vcpu);

void exit_trace(const struct kvm_run *run);
void exit_explain(struct vcpu *vcpu, int error);
const char *exit_name(u32 reason);

#endif
