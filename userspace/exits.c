// SPDX-License-Identifier: GPL-2.0
/*
 * Exits in words: names for --trace, and the report when a vCPU cannot go on.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>

#include "userspace/trace.h"
#include "userspace/vm.h"

/* Newer than the oldest header this compiles with. */
#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT	39
#endif
_Static_assert(KVM_EXIT_MEMORY_FAULT == 39, "KVM's number of the memory fault exit");

struct memory_fault {
	u64 flags, gpa, size;
};

static const char * const names[] = {
#define EXIT(name) [KVM_EXIT_##name] = #name
	EXIT(UNKNOWN), EXIT(EXCEPTION), EXIT(IO), EXIT(HYPERCALL), EXIT(DEBUG), EXIT(HLT),
	EXIT(MMIO), EXIT(IRQ_WINDOW_OPEN), EXIT(SHUTDOWN), EXIT(FAIL_ENTRY), EXIT(INTR),
	EXIT(SET_TPR), EXIT(TPR_ACCESS), EXIT(NMI), EXIT(INTERNAL_ERROR), EXIT(WATCHDOG),
	EXIT(SYSTEM_EVENT), EXIT(IOAPIC_EOI), EXIT(HYPERV), EXIT(X86_RDMSR), EXIT(X86_WRMSR),
	EXIT(DIRTY_RING_FULL), EXIT(AP_RESET_HOLD), EXIT(X86_BUS_LOCK), EXIT(XEN), EXIT(NOTIFY),
	EXIT(MEMORY_FAULT),
#undef EXIT
};

static const char * const suberrors[] = {
	[KVM_INTERNAL_ERROR_EMULATION] = "an instruction could not be emulated",
	[KVM_INTERNAL_ERROR_SIMUL_EX] = "exceptions at the same time",
	[KVM_INTERNAL_ERROR_DELIVERY_EV] = "an exit during the delivery of an event",
	[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "an unknown exit reason of the processor",
};

/**
 * exit_name() - the name of an exit reason
 * @reason:	KVM_EXIT_*, from anywhere
 *
 * Return: the name without its prefix, "?" for a number without one.
 */
const char *exit_name(u32 reason)
{
	return reason < ARRAY_SIZE(names) && names[reason] ? names[reason] : "?";
}

/* Up to 8 bytes of an access as a number. */
static u64 value_of(const u8 *data, u32 size)
{
	u64 value = 0;

	memcpy(&value, data, min_t(u32, size, sizeof(value)));
	return value;
}

/**
 * exit_trace() - a line of the trace: one exit
 * @vcpu:	the vCPU after KVM_RUN
 */
void exit_trace(const struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	const u8 *data = (const u8 *)run + run->io.data_offset;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		if (run->io.direction == KVM_EXIT_IO_OUT)
			trace_line("IO out %#x %u*%u %#" PRIx64, run->io.port, run->io.count,
				   run->io.size, value_of(data, run->io.size));
		else
			trace_line("IO in %#x %u*%u", run->io.port, run->io.count, run->io.size);
		break;
	case KVM_EXIT_MMIO:
		trace_line("MMIO %s %#llx %u %#" PRIx64, run->mmio.is_write ? "write" : "read",
			   run->mmio.phys_addr, run->mmio.len,
			   run->mmio.is_write ? value_of(run->mmio.data, run->mmio.len) : 0);
		break;
	default:
		trace_line("%s (%u)", exit_name(run->exit_reason), run->exit_reason);
	}
}

static void print_registers(struct vcpu *vcpu)
{
	struct kvm_sregs s;
	struct kvm_regs r;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &r) || ioctl(vcpu->fd, KVM_GET_SREGS, &s)) {
		report("the registers cannot be read: %s", strerror(errno));
		return;
	}
	report("rip %016llx  rflags %08llx  cr0 %08llx  cr2 %016llx", r.rip, r.rflags, s.cr0,
	       s.cr2);
	report("cr3 %016llx  cr4 %08llx  efer %04llx  apic base %08llx", s.cr3, s.cr4, s.efer,
	       s.apic_base);
	report("rax %016llx  rbx %016llx  rcx %016llx", r.rax, r.rbx, r.rcx);
	report("rdx %016llx  rsi %016llx  rdi %016llx", r.rdx, r.rsi, r.rdi);
	report("rsp %016llx  rbp %016llx  r8  %016llx", r.rsp, r.rbp, r.r8);
	report("r9  %016llx  r10 %016llx  r11 %016llx", r.r9, r.r10, r.r11);
	report("r12 %016llx  r13 %016llx  r14 %016llx", r.r12, r.r13, r.r14);
	report("r15 %016llx  cs %04x base %016llx  ss %04x base %016llx", r.r15, s.cs.selector,
	       s.cs.base, s.ss.selector, s.ss.base);
}

static void explain_internal(const struct kvm_run *run)
{
	u32 sub = run->internal.suberror, n = run->internal.ndata, i;
	const char *words = sub < ARRAY_SIZE(suberrors) ? suberrors[sub] : NULL;

	report("INTERNAL_ERROR, suberror %u: %s", sub, words ?: "unknown");
	for (i = 0; i < min_t(u32, n, ARRAY_SIZE(run->internal.data)); i++)
		report("  data[%u] %#llx", i, run->internal.data[i]);
}

static void explain_memory(const struct kvm_run *run)
{
	struct memory_fault fault;

	memcpy(&fault, &run->hw, sizeof(fault));
	report("MEMORY_FAULT: no memory at %#" PRIx64 ", %" PRIu64 " bytes, flags %#" PRIx64,
	       fault.gpa, fault.size, fault.flags);
}

/**
 * exit_explain() - say why the vCPU cannot go on, with its registers
 * @vcpu:	the vCPU after KVM_RUN
 * @error:	errno of KVM_RUN, 0 if it returned an exit
 */
void exit_explain(struct vcpu *vcpu, int error)
{
	const struct kvm_run *run = vcpu->run;
	u32 reason = run->exit_reason;

	if (vcpu->vm->cpus > 1)
		report("processor %u:", vcpu->id);
	if (error)
		report("KVM_RUN: %s", strerror(error));
	if (reason == KVM_EXIT_MEMORY_FAULT)
		explain_memory(run);
	else if (!error && reason == KVM_EXIT_INTERNAL_ERROR)
		explain_internal(run);
	else if (!error && reason == KVM_EXIT_FAIL_ENTRY)
		report("FAIL_ENTRY: VM entry failed, hardware reason %#llx on CPU %u",
		       run->fail_entry.hardware_entry_failure_reason, run->fail_entry.cpu);
	else if (!error && reason == KVM_EXIT_SHUTDOWN)
		report("SHUTDOWN: the guest crashed (triple fault)");
	else if (!error)
		report("the exit %s (%u) has no handler", exit_name(reason), reason);
	print_registers(vcpu);
}
