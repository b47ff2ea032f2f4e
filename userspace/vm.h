/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual machine as `kvmlet run` builds it: the driver's descriptors, memory, devices, the
 * processors, and how it ended. main thread: console and signals (run.c). A thread of each vCPU:
 * everything that the guest does there (vcpu.c). They meet in the devices, each of which guards its
 * own state, and in vm->ended.
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
	u32 id;			/* its number, and its APIC's */
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
	int tsc_khz;		/* of the first vCPU, once it is there */
	bool trace;
	struct ram ram;
	struct bus bus;
	unsigned int cpus;	/* that it shall have */
	struct vcpu vcpu[SAVE_MAX_CPUS];
	unsigned int nr_vcpus;	/* that it has */
	struct kvm_cpuid2 *cpuid;	/* processor 0's, before vcpus_create() */
	struct kept kept[SAVE_MAX_DEVICES];
	unsigned int nr_kept;
	enum { LEAVE_NEVER, LEAVE_AT_ONCE, LEAVE_MOVING } leaves;	/* --save, --live */
	atomic_bool move;	/* with LEAVE_MOVING: the main thread shall begin */
	int wake;		/* eventfd: the main thread shall look again */
	atomic_int ended;	/* the program's status, vm_end(); -1 while the VM runs */
};

/* One that is not there yet, for vm_create(), or never, for vm_destroy(). */
#define VM_NONE	{ .sys = -1, .fd = -1, .wake = -1, .ended = -1 }

int vm_create(struct vm *vm, const char *device, u64 mem, unsigned int cpus);
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

int vcpus_create(struct vm *vm, u64 entry);
int vcpus_start(struct vm *vm);
void vcpus_stop(struct vm *vm);
int vcpus_complete(struct vm *vm);
void vcpus_destroy(struct vm *vm);

void exit_trace(const struct vcpu *vcpu);
void exit_explain(struct vcpu *vcpu, int error);
const char *exit_name(u32 reason);

#endif
