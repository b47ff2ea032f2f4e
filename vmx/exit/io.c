// SPDX-License-Identifier: GPL-2.0
/*
 * I/O instructions: a controller in the kernel answers, or user space does. RIP stays at the
 * instruction until user space has answered. SDM vol. 3D, table 27-5.
 */
#include <linux/string.h>
#include "vmx/cpu/debug.h"
#include "vmx/cpu/event.h"
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"
#include "vmx/exit/mmio.h"
#include "vmx/irqchip/irqchip.h"
#include "vmx/trace.h"
#include "vmx/vcpu.h"

/* Exit qualification for I/O instructions. */
#define IO_SIZE(qual)		(((qual) & 7) + 1)
#define IO_IS_IN(qual)		((qual) & BIT(3))
#define IO_IS_STRING(qual)	((qual) & BIT(4))
#define IO_PORT(qual)		((u16)((qual) >> 16))

/* AL and AX leave the rest of RAX; EAX clears its upper half. */
static void set_rax(struct vcpu *vcpu, u32 value, unsigned int size)
{
	u32 mask = U32_MAX >> (32 - 8 * size);

	vcpu->gpr[GPR_RAX] = (size == 4 ? 0 : vcpu->gpr[GPR_RAX] & ~(u64)mask) | (value & mask);
}

static int done(struct vcpu *vcpu, unsigned int size)
{
	unsigned long hits = 0;

	/* Nothing has been entered since: the port is still there. */
	if (unlikely(vcpu->armed_dr7 & DR7_ARMED))
		hits = debug_access(vcpu, IO_PORT(vmcs_readl(EXIT_QUALIFICATION)), size,
				    DEBUG_PORT);
	skip_instruction(vcpu);
	if (unlikely(hits))
		event_debug(vcpu, hits);
	return 1;
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
	set_rax(vcpu, READ_ONCE(*(u32 *)vcpu->pio_data), vcpu->io_size);
	return done(vcpu, vcpu->io_size);
}

static int to_user(struct vcpu *vcpu, u16 port, unsigned int size, bool in)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = size;
	run->io.port = port;
	run->io.count = 1;
	run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	vcpu->io_rip = vcpu_rip(vcpu);
	vcpu->io_size = size;
	vcpu->complete = in ? complete_in : complete_out;
	if (!in) {
		memcpy(vcpu->pio_data, &vcpu->gpr[GPR_RAX], size);
		trace_pio(vcpu, false, port, size, 1, vcpu->pio_data);
	}
	return 0;
}

/* True if a controller in the kernel, or an eventfd, has the port, and the instruction is done. */
static bool in_kernel(struct vcpu *vcpu, u16 port, unsigned int size, bool in)
{
	u32 data = vcpu->gpr[GPR_RAX];

	if (!irqchip_pio(vcpu, port, size, &data, !in))
		return false;
	trace_pio(vcpu, in, port, size, 1, &data);
	if (in)
		set_rax(vcpu, data, size);
	done(vcpu, size);
	return true;
}

/**
 * exit_io() - IN, OUT, INS, OUTS
 * @vcpu: loaded
 *
 * Return: 1, or 0 with KVM_EXIT_IO.
 */
int exit_io(struct vcpu *vcpu)
{
	unsigned long qual = vmcs_readl(EXIT_QUALIFICATION);

	if (IO_IS_STRING(qual))
		return mmio_emulate(vcpu);
	if (in_kernel(vcpu, IO_PORT(qual), IO_SIZE(qual), IO_IS_IN(qual)))
		return 1;
	return to_user(vcpu, IO_PORT(qual), IO_SIZE(qual), IO_IS_IN(qual));
}
