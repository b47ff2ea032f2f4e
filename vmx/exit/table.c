// SPDX-License-Identifier: GPL-2.0
/*
 * From an exit's reason to its handler, and the exits that go to user space because nothing
 * else can be done.
 *
 * vcpu->mutex, vCPU loaded. SDM vol. 3D, appendix C.
 */
#define pr_fmt(fmt) "kvmlet: " fmt

#include <linux/printk.h>
#include <asm/traps.h>
#include "uapi/kvmlet.h"
#include "vmx/cpu/debug.h"
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"

#define VECTORING	BIT(0)
#define IRQS_OFF	BIT(1)

struct exit_row {
	const char *name;
	int (*handler)(struct vcpu *vcpu);
	u8 traits;
};

static const struct exit_row exit_table[] = {
#define X(nr, name, handler, traits)	[nr] = { #name, handler, traits },
	EXIT_REASONS(X)
#undef X
};

/* Our numbers are the kernel's where it has one; a wrong row could not be found by a test. */
static_assert(EXIT_REASON_CPUID == 10 && EXIT_REASON_CR_ACCESS == 28 &&
	      EXIT_REASON_IO_INSTRUCTION == 30 && EXIT_REASON_MSR_WRITE == 32 &&
	      EXIT_REASON_EPT_VIOLATION == 48 && EXIT_REASON_XSETBV == 55 &&
	      EXIT_REASON_PML_FULL == 62 && EXIT_REASON_NOTIFY == 75);
static_assert(ARRAY_SIZE(exit_table) == NR_EXIT_REASONS);

static const struct exit_row *row_of(u32 reason)
{
	u32 nr = (u16)reason;

	if (nr >= ARRAY_SIZE(exit_table))
		return NULL;
	nr = array_index_nospec(nr, ARRAY_SIZE(exit_table));
	return exit_table[nr].handler ? &exit_table[nr] : NULL;
}

/**
 * exit_name() - name of an exit reason
 * @reason: full reason; only the basic reason counts
 *
 * Return: the SDM's name, or "unknown".
 */
const char *exit_name(u32 reason)
{
	const struct exit_row *row = row_of(reason);

	return row ? row->name : "unknown";
}

/* User space may write to the run page meanwhile: it is never read back here. */
static int internal_error(struct vcpu *vcpu, u32 suberror, const u64 *data, unsigned int nr)
{
	vcpu->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	vcpu->run->internal.suberror = suberror;
	vcpu->run->internal.ndata = nr;
	memcpy(vcpu->run->internal.data, data, nr * sizeof(*data));
	return 0;
}

/**
 * exit_unexpected() - an exit that nobody asked for: KVM_EXIT_INTERNAL_ERROR
 * @vcpu: loaded
 *
 * Data: the full exit reason, the CPU. Return: 0.
 */
noinline int exit_unexpected(struct vcpu *vcpu)
{
	const u64 data[] = { vcpu->exit_reason, vcpu->cpu };

	return internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, data,
			      ARRAY_SIZE(data));
}

/**
 * exit_delivery_error() - an event cannot be delivered, since its delivery needs an access
 * without memory: KVM_EXIT_INTERNAL_ERROR
 * @vcpu: loaded
 *
 * Data: IDT-vectoring information, full exit reason, qualification, guest-physical address,
 * CPU. Return: 0.
 */
int exit_delivery_error(struct vcpu *vcpu)
{
	const u64 data[] = {
		vmcs_read32(IDT_VECTORING_INFO_FIELD), vcpu->exit_reason,
		vmcs_readl(EXIT_QUALIFICATION), vmcs_read64(GUEST_PHYSICAL_ADDRESS), vcpu->cpu,
	};

	return internal_error(vcpu, KVM_INTERNAL_ERROR_DELIVERY_EV, data, ARRAY_SIZE(data));
}

/**
 * exit_emulation_error() - an instruction that is not emulated: KVM_EXIT_INTERNAL_ERROR
 * @vcpu: loaded
 * @bytes: the instruction
 * @nr: bytes known, at most 15
 *
 * Data, besides what struct kvm_run names: the full exit reason, its qualification, IDT-vectoring
 * and exit-interruption information, error code. Return: 0.
 */
int exit_emulation_error(struct vcpu *vcpu, const u8 *bytes, unsigned int nr)
{
	struct kvm_run *run = vcpu->run;
	unsigned int n = 1;

	nr = min_t(unsigned int, nr, sizeof(run->emulation_failure.insn_bytes));
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.flags = 0;
	if (nr) {
		run->emulation_failure.flags =
			KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
		n = 3;
		run->emulation_failure.insn_size = nr;
		memset(run->emulation_failure.insn_bytes, 0x90,
		       sizeof(run->emulation_failure.insn_bytes));
		memcpy(run->emulation_failure.insn_bytes, bytes, nr);
	}
	run->internal.data[n++] = vcpu->exit_reason;
	run->internal.data[n++] = vmcs_readl(EXIT_QUALIFICATION);
	run->internal.data[n++] = vmcs_read32(IDT_VECTORING_INFO_FIELD);
	run->internal.data[n++] = vmcs_read32(VM_EXIT_INTR_INFO);
	run->internal.data[n++] = vmcs_read32(VM_EXIT_INTR_ERROR_CODE);
	run->emulation_failure.ndata = n;
	return 0;
}

/**
 * exit_mode_unsupported() - the guest's mode needs unrestricted guest, which is missing
 * @vcpu: loaded
 *
 * Return: 0, with KVM_EXIT_INTERNAL_ERROR.
 */
int exit_mode_unsupported(struct vcpu *vcpu)
{
	const struct caps_row *row = &caps_table[VMX_CAP_UNRESTRICTED_GUEST];

	pr_warn_ratelimited("vCPU %u: no paging, and no \"%s\" (bit %u of %s)\n", vcpu->id,
			    row->name, row->bit + 32,
			    vmx_msr_info[caps_word_info[row->word].msr].name);
	return exit_emulation_error(vcpu, NULL, 0);
}

/**
 * exit_memory_fault() - no host memory can be had for an access: -EFAULT, and where
 * @vcpu: loaded
 * @gpa: guest-physical address
 * @size: bytes
 *
 * Return: -EFAULT, with KVM_EXIT_MEMORY_FAULT in the run page.
 */
int exit_memory_fault(struct vcpu *vcpu, u64 gpa, u64 size)
{
	struct kvmlet_memory_fault *fault = (void *)vcpu->run->padding;

	vcpu->run->exit_reason = KVM_EXIT_MEMORY_FAULT;
	fault->flags = 0;
	fault->gpa = gpa;
	fault->size = size;
	return -EFAULT;
}

static void reclaim_event(struct vcpu *vcpu)
{
	u32 info = vmcs_read32(IDT_VECTORING_INFO_FIELD);
	u32 error = 0;

	if (!(info & VECTORING_INFO_VALID_MASK))
		return;
	if (info & VECTORING_INFO_DELIVER_CODE_MASK)
		error = vmcs_read32(IDT_VECTORING_ERROR_CODE);
	event_reclaim(vcpu, info, error);
}

/**
 * exit_handle_at_once() - count the exit that vcpu->exit_reason tells, and handle it if it may be
 * @vcpu: loaded
 *
 * Context: interrupts off. Return: EXIT_LATER to call exit_handle() with them on; see exit.h.
 */
int exit_handle_at_once(struct vcpu *vcpu)
{
	u32 reason = vcpu->exit_reason;

	if (reason >= ARRAY_SIZE(exit_table))
		return EXIT_LATER;
	reason = array_index_nospec(reason, ARRAY_SIZE(exit_table));
	vcpu->stats.exits[reason]++;
	/* Spinlocks may sleep there; those of eventfds, say. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT) || !(exit_table[reason].traits & IRQS_OFF))
		return EXIT_LATER;
	return exit_table[reason].handler(vcpu);
}

/**
 * exit_handle() - handle the exit that vcpu->exit_reason tells
 * @vcpu: loaded
 *
 * Return: see exit.h.
 */
int exit_handle(struct vcpu *vcpu)
{
	const struct exit_row *row;

	if (unlikely(vcpu->exit_reason & (VMX_EXIT_REASONS_FAILED_VMENTRY | EXIT_ENTRY_REFUSED)))
		return exit_entry_failed(vcpu);
	row = row_of(vcpu->exit_reason);
	if (unlikely(!row))
		return exit_unexpected(vcpu);
	if (row->traits & VECTORING)
		reclaim_event(vcpu);
	return row->handler(vcpu);
}

/* EIP wraps at 4 GiB outside 64-bit mode, shadows of STI and MOV SS and RF end, TF traps. */
static noinline int skip_carefully(struct vcpu *vcpu)
{
	unsigned long rip = vcpu_rip(vcpu);

	if (rip != (u32)rip && !segment_cs_long(vcpu))
		vcpu_set_rip(vcpu, (u32)rip);
	event_set_shadow(vcpu, 0);
	vcpu_set_rflags(vcpu, vcpu_rflags(vcpu) & ~X86_EFLAGS_RF);
	if (vcpu_rflags(vcpu) & X86_EFLAGS_TF)
		event_debug(vcpu, DR6_BS);
	return 1;
}

/**
 * skip_bytes() - an instruction that the processor has not measured is done
 * @vcpu: loaded
 * @len: its bytes
 *
 * Ends a shadow of STI or MOV SS, clears RFLAGS.RF, and raises the trap of TF. Return: 1.
 */
int skip_bytes(struct vcpu *vcpu, unsigned int len)
{
	u32 blocked = vmcs_read32(GUEST_INTERRUPTIBILITY_INFO);
	unsigned long old = vcpu_rip(vcpu);
	unsigned long rip = old + len;

	/* As vcpu_set_rip(), where it has been read. */
	vcpu->rip = rip;
	vcpu->vmcs->dirty |= VMCS_CACHED_RIP;
	if (unlikely(((old ^ rip) & BIT_ULL(32)) || (blocked & EVENT_SHADOWS) ||
		     (vcpu_rflags(vcpu) & (X86_EFLAGS_TF | X86_EFLAGS_RF))))
		return skip_carefully(vcpu);
	return 1;
}

/**
 * skip_instruction() - the instruction that exited is done
 * @vcpu: loaded
 *
 * See skip_bytes(). Return: 1.
 */
int skip_instruction(struct vcpu *vcpu)
{
	return skip_bytes(vcpu, vmcs_read32(VM_EXIT_INSTRUCTION_LEN));
}

/**
 * raise_gp() - #GP(0)
 * @vcpu: loaded
 *
 * Return: 1.
 */
int raise_gp(struct vcpu *vcpu)
{
	event_exception_error(vcpu, X86_TRAP_GP, 0);
	return 1;
}
