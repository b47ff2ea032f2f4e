// SPDX-License-Identifier: GPL-2.0
/*
 * I/O instructions: a controller in the kernel answers, or user space does. RIP stays at the
 * instruction until user space has answered. SDM vol. 3D, table 27-5.
 */
#include <linux/irqflags.h>
#include "vmx/cpu/debug.h"
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"
#include "vmx/irqchip/irqchip.h"
#include "vmx/trace.h"

/* Exit qualification for I/O instructions. */
#define IO_SIZE(qual)		(((qual) & 7) + 1)
#define IO_IS_IN(qual)		((qual) & BIT(3))
#define IO_IS_STRING(qual)	((qual) & BIT(4))
#define IO_PORT(qual)		((u16)((qual) >> 16))

/* Nothing has been entered since the exit: the qualification still tells the port. */
static noinline int done_armed(struct vcpu *vcpu, unsigned int size)
{
	unsigned long hits = debug_access(vcpu, IO_PORT(vmcs_readl(EXIT_QUALIFICATION)), size,
					  DEBUG_PORT);

	skip_instruction(vcpu);
	if (hits)
		event_debug(vcpu, hits);
	return 1;
}

static int done(struct vcpu *vcpu, unsigned int size)
{
	return unlikely(vcpu->armed_dr7 & DR7_ARMED) ? done_armed(vcpu, size) :
						       skip_instruction(vcpu);
}

static int complete_out(struct vcpu *vcpu)
{
	return vcpu_rip_moved(vcpu) ? 1 : done(vcpu, vcpu->io_size);
}

static int complete_in(struct vcpu *vcpu)
{
	if (vcpu_rip_moved(vcpu))
		return 1;
	if (trace_pio_enabled())
		trace_pio(vcpu, true, IO_PORT(vmcs_readl(EXIT_QUALIFICATION)), vcpu->io_size, 1,
			  vcpu->pio_data);
	vcpu_merge_gpr(vcpu, GPR_RAX, READ_ONCE(*(u32 *)vcpu->pio_data), vcpu->io_size);
	return done(vcpu, vcpu->io_size);
}

static noinline int to_user(struct vcpu *vcpu, unsigned long qual)
{
	struct kvm_run *run = vcpu->run;
	unsigned int size = IO_SIZE(qual);
	bool in = IO_IS_IN(qual);

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = size;
	run->io.port = IO_PORT(qual);
	run->io.count = 1;
	run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	vcpu->io_rip = vcpu_rip(vcpu);
	vcpu->io_size = size;
	vcpu->complete = in ? complete_in : complete_out;
	if (!in) {
		memcpy(vcpu->pio_data, &vcpu->gpr[GPR_RAX], size);
		trace_pio(vcpu, false, IO_PORT(qual), size, 1, vcpu->pio_data);
	}
	return 0;
}

/* A controller in the kernel may have the port, or an eventfd; else it is user space's. */
static noinline int here(struct vcpu *vcpu, unsigned long qual)
{
	unsigned int size = IO_SIZE(qual);
	bool in = IO_IS_IN(qual);
	u32 *data = in ? vcpu->pio_data : (u32 *)&vcpu->gpr[GPR_RAX];

	if (!irqchip_pio(vcpu, IO_PORT(qual), size, data, !in))
		return to_user(vcpu, qual);
	trace_pio(vcpu, in, IO_PORT(qual), size, 1, data);
	if (in)
		vcpu_merge_gpr(vcpu, GPR_RAX, READ_ONCE(*data), size);
	return done(vcpu, size);
}

/**
 * exit_io() - IN, OUT, INS, OUTS
 * @vcpu: loaded
 *
 * Return: 1; 0 with KVM_EXIT_IO; EXIT_LATER.
 */
int exit_io(struct vcpu *vcpu)
{
	unsigned long qual = vmcs_readl(EXIT_QUALIFICATION);

	/* Debug registers that are lent still may hold breakpoints on ports. */
	if (unlikely(IO_IS_STRING(qual) || vcpu->dr_lent) && irqs_disabled())
		return EXIT_LATER;
	if (unlikely(IO_IS_STRING(qual)))
		return mmio_emulate(vcpu);
	return READ_ONCE(vcpu->vm->has_ports) ? here(vcpu, qual) : to_user(vcpu, qual);
}
