// SPDX-License-Identifier: GPL-2.0
/*
 * The virtual processor: MSRs and registers at its start, its thread and the KVM_RUN loop.
 * It starts in 64-bit mode, as Linux' boot protocol wants it.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <asm/processor-flags.h>

#include "userspace/loader.h"
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

/**
 * vcpu_create() - make the VM's processor, ready to start a kernel
 * @vcpu:	filled in
 * @vm:		its VM, with the guest's CPUID
 * @entry:	guest-physical address of the first instruction
 *
 * Return: 0, or -1 with the reason reported.
 */
int vcpu_create(struct vcpu *vcpu, struct vm *vm, u64 entry)
{
	void *run;

	vcpu->vm = vm;
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	if (vcpu->fd < 0)
		return failed(vcpu, "KVM_CREATE_VCPU");
	run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (run == MAP_FAILED)
		return failed(vcpu, "mmap of the vCPU");
	vcpu->run = run;
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, vm->cpuid))
		return failed(vcpu, "KVM_SET_CPUID2");
	vm->tsc_khz = max(ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0), 0);	/* 0: not known */
	if (set_msrs(vcpu) || set_sregs(vcpu) || set_regs(vcpu, entry))
		return -1;
	return 0;
}

/**
 * vcpu_destroy() - undo vcpu_create()
 * @vcpu:	the processor; its thread has ended
 */
void vcpu_destroy(struct vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->vm->run_size);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
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

	while (vm_running(vcpu->vm)) {
		if (ioctl(vcpu->fd, KVM_RUN, 0)) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			exit_explain(vcpu, errno);
			vm_end(vcpu->vm, RUN_KVM_ERROR);
			break;
		}
		if (vcpu->vm->trace)
			exit_trace(vcpu->run);
		handle_exit(vcpu);
	}
	return NULL;
}

static void kicked(int sig)
{
	(void)sig;	/* the signal's only work is to end KVM_RUN */
}

/**
 * vcpu_start() - let the processor run in a thread of its own
 * @vcpu:	the processor
 *
 * Context: signals that the main thread handles are blocked and stay so in the new thread.
 * Return: 0, or -1 with the reason reported.
 */
int vcpu_start(struct vcpu *vcpu)
{
	struct sigaction action = { .sa_handler = kicked };

	sigaction(SIG_KICK, &action, NULL);
	WRITE_ONCE(vcpu->run->immediate_exit, 0);
	errno = pthread_create(&vcpu->thread, NULL, vcpu_loop, vcpu);
	if (errno)
		return failed(vcpu, "pthread_create");
	return 0;
}

/**
 * vcpu_stop() - wait for the processor's thread; the VM has been ended
 * @vcpu:	the processor, started
 */
void vcpu_stop(struct vcpu *vcpu)
{
	WRITE_ONCE(vcpu->run->immediate_exit, 1);
	pthread_kill(vcpu->thread, SIG_KICK);
	pthread_join(vcpu->thread, NULL);
}

/**
 * vcpu_complete() - finish the instruction whose exit was the last one, so that the state is whole
 * @vcpu:	the processor, after vcpu_stop()
 *
 * Return: 0, or -1 with the reason reported.
 */
int vcpu_complete(struct vcpu *vcpu)
{
	while (!ioctl(vcpu->fd, KVM_RUN, 0))
		handle_exit(vcpu);
	if (errno == EINTR)
		return 0;
	exit_explain(vcpu, errno);
	return -1;
}
