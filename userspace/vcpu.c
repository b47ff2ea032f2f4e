// SPDX-License-Identifier: GPL-2.0
/*
 * The virtual processors: MSRs and registers at their start, their threads, the KVM_RUN loop. The
 * first one starts in 64-bit mode, as Linux' boot protocol wants it; the others wait in the driver
 * until they are sent INIT and SIPI.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <asm/processor-flags.h>

#include "userspace/cpu.h"
#include "userspace/loader.h"
#include "userspace/trace.h"
#include "userspace/vm.h"

#define EFER_LME	(1ULL << 8)
#define EFER_LMA	(1ULL << 10)
#define RFLAGS_FIXED	2
#define MSR_MISC_ENABLE	0x1a0
#define MSR_MTRR_TYPE	0x2ff
#define SIG_KICK	SIGUSR2

/* Firmware's part of the processor's state that a kernel takes for granted. */
static const struct kvm_msr_entry boot_msrs[] = {
	{ .index = MSR_MISC_ENABLE, .data = 1 },	/* fast strings */
	{ .index = MSR_MTRR_TYPE, .data = 0xc06 },	/* MTRRs on, memory is write-back */
};

static int failed(const struct vcpu *vcpu, const char *what)
{
	report("%s: %s: %s", vcpu->vm->device, what, strerror(errno));
	return -1;
}

static int set_msrs(struct vcpu *vcpu)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[ARRAY_SIZE(boot_msrs)];
	} msrs = { .head.nmsrs = ARRAY_SIZE(boot_msrs) };
	int done;

	memcpy(msrs.entry, boot_msrs, sizeof(boot_msrs));
	done = ioctl(vcpu->fd, KVM_SET_MSRS, &msrs);
	if (done < 0)
		return failed(vcpu, "KVM_SET_MSRS");
	if (done < (int)ARRAY_SIZE(boot_msrs)) {
		report("%s: the driver refuses the value %#llx of MSR %#x", vcpu->vm->device,
		       boot_msrs[done].data, boot_msrs[done].index);
		return -1;
	}
	return 0;
}

static int set_sregs(struct vcpu *vcpu)
{
	static const struct kvm_segment code = {
		.selector = SEL_CODE, .limit = ~0u, .type = 11, .s = 1, .present = 1, .l = 1, .g = 1
	}, data = {
		.selector = SEL_DATA, .limit = ~0u, .type = 3, .s = 1, .present = 1, .db = 1, .g = 1
	};
	struct kvm_sregs s;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &s))
		return failed(vcpu, "KVM_GET_SREGS");
	s.cs = code;
	s.ds = data;
	s.es = data;
	s.fs = data;
	s.gs = data;
	s.ss = data;
	s.gdt.base = ADDR_GDT;
	s.gdt.limit = 4 * 8 - 1;
	s.cr3 = ADDR_TABLES;
	s.cr4 = X86_CR4_PAE;
	s.efer = EFER_LME | EFER_LMA;
	s.cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE | X86_CR0_PG;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &s))
		return failed(vcpu, "KVM_SET_SREGS");
	return 0;
}

static int set_regs(struct vcpu *vcpu, u64 entry)
{
	struct kvm_regs r = {
		.rip = entry,
		.rsi = ADDR_ZERO_PAGE,
		.rflags = RFLAGS_FIXED,
	};

	if (ioctl(vcpu->fd, KVM_SET_REGS, &r))
		return failed(vcpu, "KVM_SET_REGS");
	return 0;
}

static int create(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	void *run;

	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)vcpu->id);
	if (vcpu->fd < 0)
		return failed(vcpu, "KVM_CREATE_VCPU");
	vm->nr_vcpus++;
	run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return failed(vcpu, "mmap of the vCPU");
	vcpu->run = run;
	cpu_number(vm->cpuid, vcpu->id);
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, vm->cpuid))
		return failed(vcpu, "KVM_SET_CPUID2");
	return set_msrs(vcpu);
}

/**
 * vcpus_create() - make the VM's processors, the first of them ready to start a kernel
 * @vm:		the VM, with the guest's CPUID
 * @entry:	guest-physical address of the first instruction
 *
 * Return: 0, or -1 with the reason reported.
 */
int vcpus_create(struct vm *vm, u64 entry)
{
	struct vcpu *first = &vm->vcpu[0], *vcpu;

	for (vcpu = first; vcpu < first + vm->cpus; vcpu++) {
		vcpu->vm = vm;
		vcpu->id = vcpu - first;
		if (create(vcpu))
			return -1;
	}
	cpu_number(vm->cpuid, 0);
	vm->tsc_khz = max(ioctl(first->fd, KVM_GET_TSC_KHZ, 0), 0);	/* 0: not known */
	return set_sregs(first) || set_regs(first, entry) ? -1 : 0;
}

/**
 * vcpus_destroy() - undo vcpus_create()
 * @vm:		the VM; the threads of its processors have ended
 */
void vcpus_destroy(struct vm *vm)
{
	struct vcpu *vcpu;

	while (vm->nr_vcpus) {
		vcpu = &vm->vcpu[--vm->nr_vcpus];
		if (vcpu->run)
			munmap(vcpu->run, vm->run_size);
		close(vcpu->fd);
	}
}

static void handle_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	u8 *data = (u8 *)run + run->io.data_offset;
	u32 i;

	for (i = 0; i < run->io.count; i++, data += run->io.size)
		bus_access(&vcpu->vm->bus, PIO, run->io.port, data, run->io.size,
			   run->io.direction == KVM_EXIT_IO_OUT);
}

static void handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	bus_access(&vcpu->vm->bus, MMIO, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
		   run->mmio.is_write);
}

static void handle_exit(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		handle_io(vcpu);
		break;
	case KVM_EXIT_MMIO:
		handle_mmio(vcpu);
		break;
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_SHUTDOWN:
		exit_explain(vcpu, 0);
		vm_end(vcpu->vm, RUN_CRASH);
		break;
	default:
		exit_explain(vcpu, 0);
		vm_end(vcpu->vm, RUN_KVM_ERROR);
	}
}

/* The loop that is the machine. */
static void *vcpu_loop(void *arg)
{
	struct vcpu *vcpu = arg;

	trace_vcpu();
	while (vm_running(vcpu->vm)) {
		if (ioctl(vcpu->fd, KVM_RUN, 0)) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			exit_explain(vcpu, errno);
			vm_end(vcpu->vm, RUN_KVM_ERROR);
			break;
		}
		if (vcpu->vm->trace)
			exit_trace(vcpu);
		handle_exit(vcpu);
	}
	return NULL;
}

static void kicked(int sig)
{
	(void)sig;	/* the signal's only work is to end KVM_RUN */
}

/* All of them are told before one is waited for. */
static void stop(struct vcpu *first, unsigned int n)
{
	struct vcpu *vcpu;

	for (vcpu = first; vcpu < first + n; vcpu++) {
		WRITE_ONCE(vcpu->run->immediate_exit, 1);
		pthread_kill(vcpu->thread, SIG_KICK);
	}
	for (vcpu = first; vcpu < first + n; vcpu++)
		pthread_join(vcpu->thread, NULL);
}

/**
 * vcpus_start() - let the processors run, each in a thread of its own
 * @vm:		the VM; ended with RUN_CANNOT if they cannot
 *
 * Context: signals that the main thread handles are blocked and stay so in the new threads.
 * Return: 0, or -1 with the reason reported, and none runs.
 */
int vcpus_start(struct vm *vm)
{
	struct sigaction action = { .sa_handler = kicked };
	struct vcpu *first = &vm->vcpu[0], *vcpu;

	sigaction(SIG_KICK, &action, NULL);
	for (vcpu = first; vcpu < first + vm->nr_vcpus; vcpu++) {
		WRITE_ONCE(vcpu->run->immediate_exit, 0);
		errno = pthread_create(&vcpu->thread, NULL, vcpu_loop, vcpu);
		if (!errno)
			continue;
		failed(vcpu, "pthread_create");
		vm_end(vm, RUN_CANNOT);
		stop(first, vcpu - first);
		return -1;
	}
	return 0;
}

/**
 * vcpus_stop() - wait for the processors' threads; the VM has been ended
 * @vm:		the VM, started
 */
void vcpus_stop(struct vm *vm)
{
	stop(vm->vcpu, vm->nr_vcpus);
}

static int complete(struct vcpu *vcpu)
{
	int error;

	do {
		error = ioctl(vcpu->fd, KVM_RUN, 0) ? errno : 0;
		if (!error)
			handle_exit(vcpu);
	} while (!error || error == EAGAIN);
	if (error == EINTR)
		return 0;
	exit_explain(vcpu, error);
	return -1;
}

/**
 * vcpus_complete() - finish the instructions whose exits were the last, so that the state is whole
 * @vm:		the VM, after vcpus_stop()
 *
 * What they do may end the VM.
 *
 * Return: 0, or -1 with the reason reported.
 */
int vcpus_complete(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		if (complete(&vm->vcpu[i]))
			return -1;
	return 0;
}
