// SPDX-License-Identifier: GPL-2.0
/*
 * The in-kernel interrupt controllers from outside: creation, state, lines, messages.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#include "selftests/lib/vm.h"

static struct vm vm;
static struct vcpu vcpu;

static int line(unsigned int gsi, unsigned int level)
{
	struct kvm_irq_level arg = { .irq = gsi, .level = level };

	return call(vm.fd, KVM_IRQ_LINE, &arg);
}

static int msi(uint64_t address, uint32_t data, uint32_t flags)
{
	struct kvm_msi arg = {
		.address_lo = address, .address_hi = address >> 32, .data = data, .flags = flags,
	};

	return call(vm.fd, KVM_SIGNAL_MSI, &arg);
}

static void without(const char *path)
{
	struct kvm_irqchip chip = { .chip_id = 0 };
	struct kvm_interrupt interrupt = { .irq = 0x40 };
	struct kvm_vapic_addr vapic = { .vapic_addr = 0 };
	struct kvm_lapic_state lapic;

	vm_open(&vm, path);
	TAP_EQ(line(4, 1), -ENXIO, "KVM_IRQ_LINE without controllers: ENXIO");
	TAP_EQ(call(vm.fd, KVM_GET_IRQCHIP, &chip), -ENXIO, "KVM_GET_IRQCHIP: ENXIO");
	TAP_EQ(call(vm.fd, KVM_SET_IRQCHIP, &chip), -ENXIO, "KVM_SET_IRQCHIP: ENXIO");
	TAP_EQ(msi(0xfee00000, 0x40, 0), -EINVAL, "KVM_SIGNAL_MSI: EINVAL");
	vcpu_open(&vm, &vcpu, 0);
	TAP_EQ(call(vm.fd, KVM_CREATE_IRQCHIP, 0), -EINVAL, "controllers after a vCPU: EINVAL");
	TAP_EQ(call(vcpu.fd, KVM_GET_LAPIC, &lapic), -EINVAL, "KVM_GET_LAPIC: EINVAL");
	memset(&lapic, 0, sizeof(lapic));
	TAP_EQ(call(vcpu.fd, KVM_SET_LAPIC, &lapic), -EINVAL, "KVM_SET_LAPIC: EINVAL");
	TAP_EQ(call(vcpu.fd, KVM_SET_VAPIC_ADDR, &vapic), -EINVAL, "KVM_SET_VAPIC_ADDR: EINVAL");
	TAP_EQ(call(vcpu.fd, KVM_INTERRUPT, &interrupt), 0, "KVM_INTERRUPT is accepted");
	interrupt.irq = 256;
	TAP_EQ(call(vcpu.fd, KVM_INTERRUPT, &interrupt), -EINVAL, "vector 256: EINVAL");
	TAP_EQ(call(vcpu.fd, KVM_NMI, 0), 0, "KVM_NMI is accepted");
	machine_close(&vm, &vcpu);
}

static void chips(void)
{
	struct kvm_irqchip chip, back;
	unsigned int i, wrong = 0;

	for (i = 0; i < 3; i++) {
		chip.chip_id = i;
		if (call(vm.fd, KVM_GET_IRQCHIP, &chip) ||
		    call(vm.fd, KVM_SET_IRQCHIP, &chip))
			wrong++;
	}
	TAP_EQ(wrong, 0, "each of the three controllers can be read and written back");
	chip.chip_id = KVM_IRQCHIP_IOAPIC;
	call(vm.fd, KVM_GET_IRQCHIP, &chip);
	TAP_EQ(chip.chip.ioapic.base_address, 0xfec00000, "the IO-APIC is at 0xfec00000");
	TAP_EQ(chip.chip.ioapic.redirtbl[23].fields.mask, 1, "its inputs are masked");
	chip.chip.ioapic.redirtbl[5].bits = 0x10031;
	call(vm.fd, KVM_SET_IRQCHIP, &chip);
	back.chip_id = KVM_IRQCHIP_IOAPIC;
	call(vm.fd, KVM_GET_IRQCHIP, &back);
	TAP_EQ(back.chip.ioapic.redirtbl[5].bits, 0x10031, "a redirection entry comes back");
	chip.chip_id = KVM_IRQCHIP_PIC_MASTER;
	call(vm.fd, KVM_GET_IRQCHIP, &chip);
	chip.chip.pic.irq_base = 0x20;
	chip.chip.pic.imr = 0xfb;
	call(vm.fd, KVM_SET_IRQCHIP, &chip);
	back.chip_id = KVM_IRQCHIP_PIC_MASTER;
	call(vm.fd, KVM_GET_IRQCHIP, &back);
	TAP_EQ(back.chip.pic.irq_base, 0x20, "the 8259's base comes back");
	TAP_EQ(back.chip.pic.imr, 0xfb, "the 8259's mask comes back");
	chip.chip_id = 3;
	TAP_EQ(call(vm.fd, KVM_GET_IRQCHIP, &chip), -EINVAL, "controller 3: EINVAL");
	TAP_EQ(call(vm.fd, KVM_SET_IRQCHIP, &chip), -EINVAL, "controller 3: EINVAL");
	TAP_EQ(call(vm.fd, KVM_GET_IRQCHIP, 0), -EFAULT, "NULL: EFAULT");
}

static void lines(void)
{
	struct kvm_irq_level level = { .irq = 3, .level = 1 };

	TAP_EQ(line(4, 1), 0, "a line is raised");
	TAP_EQ(line(4, 0), 0, "a line is lowered");
	TAP_EQ(line(23, 1), 0, "the IO-APIC's last line");
	TAP_EQ(line(23, 0), 0, "and back");
	TAP_EQ(line(1000, 1), 0, "a line without a route is no error");
	TAP_EQ(line(0xffffffff, 1), 0, "nor is line 2^32 - 1");
	TAP_EQ(call(vm.fd, KVM_IRQ_LINE_STATUS, &level), 0, "KVM_IRQ_LINE_STATUS");
	level.level = 0;
	call(vm.fd, KVM_IRQ_LINE_STATUS, &level);
	TAP_EQ(call(vm.fd, KVM_IRQ_LINE, 0), -EFAULT, "NULL: EFAULT");
}

static void lapic(void)
{
	struct kvm_lapic_state state, back;
	struct kvm_interrupt interrupt = { .irq = 0x40 };
	struct kvm_vapic_addr vapic = { .vapic_addr = 0 };
	uint32_t *reg = (uint32_t *)state.regs;

	TAP_EQ(call(vcpu.fd, KVM_GET_LAPIC, &state), 0, "KVM_GET_LAPIC");
	TAP_EQ(reg[0x20 / 4] >> 24, 0, "the first LAPIC's id is 0");
	TAP_EQ(reg[0x30 / 4] & 0xff, 0x14, "its version is 0x14");
	TAP_EQ(reg[0xf0 / 4], 0xff, "it is disabled by software");
	TAP_EQ(reg[0x350 / 4], 0x700, "LINT0 of the boot vCPU is ExtINT");
	reg[0x80 / 4] = 0x20;
	reg[0xf0 / 4] = 0x1ff;
	TAP_EQ(call(vcpu.fd, KVM_SET_LAPIC, &state), 0, "KVM_SET_LAPIC");
	call(vcpu.fd, KVM_GET_LAPIC, &back);
	TAP_EQ(*(uint32_t *)(back.regs + 0x80), 0x20, "TPR comes back");
	TAP_EQ(*(uint32_t *)(back.regs + 0xf0), 0x1ff, "SPIV comes back");
	TAP_EQ(call(vcpu.fd, KVM_SET_LAPIC, 0), -EFAULT, "NULL: EFAULT");
	TAP_EQ(call(vcpu.fd, KVM_SET_VAPIC_ADDR, &vapic), 0, "no TPR is in memory");
	vapic.vapic_addr = 0xfffffffff000;
	TAP_EQ(call(vcpu.fd, KVM_SET_VAPIC_ADDR, &vapic), -EINVAL, "nor beyond memory: EINVAL");
	TAP_EQ(call(vcpu.fd, KVM_SET_VAPIC_ADDR, 8), -EFAULT, "of no memory: EFAULT");
	TAP_EQ(call(vcpu.fd, KVM_INTERRUPT, &interrupt), -ENXIO,
	       "KVM_INTERRUPT with the kernel's 8259: ENXIO");
}

static void messages(void)
{
	struct kvm_lapic_state state;
	uint32_t *irr = (uint32_t *)(state.regs + 0x200);

	TAP_EQ(msi(0xfee00000, 0x51, 0), 1, "KVM_SIGNAL_MSI says that one LAPIC took it");
	call(vcpu.fd, KVM_GET_LAPIC, &state);
	TAP_EQ(irr[(0x51 / 32) * 4] >> (0x51 % 32) & 1, 1, "it is in that LAPIC's IRR");
	TAP_EQ(msi(0xfee00000, 0x51, 0), 1, "a second one is taken, too");
	TAP_EQ(msi(0xfee7f000, 0x52, 0), 0, "nobody takes a message to nobody");
}

static void states(void)
{
	struct kvm_mp_state state = { .mp_state = 99 };
	struct vcpu ap;

	call(vcpu.fd, KVM_GET_MP_STATE, &state);
	TAP_EQ(state.mp_state, KVM_MP_STATE_RUNNABLE, "the boot vCPU is runnable");
	vcpu_open(&vm, &ap, 1);
	call(ap.fd, KVM_GET_MP_STATE, &state);
	TAP_EQ(state.mp_state, KVM_MP_STATE_UNINITIALIZED, "another waits for INIT");
	state.mp_state = KVM_MP_STATE_HALTED;
	TAP_EQ(call(ap.fd, KVM_SET_MP_STATE, &state), 0, "it can be told to halt");
	state.mp_state = KVM_MP_STATE_INIT_RECEIVED;
	TAP_EQ(call(ap.fd, KVM_SET_MP_STATE, &state), 0, "and to wait for SIPI");
	call(ap.fd, KVM_GET_MP_STATE, &state);
	TAP_EQ(state.mp_state, KVM_MP_STATE_INIT_RECEIVED, "which comes back");
	state.mp_state = KVM_MP_STATE_STOPPED;
	TAP_EQ(call(ap.fd, KVM_SET_MP_STATE, &state), -EINVAL, "a state of other machines: EINVAL");
	ap.run->immediate_exit = 1;
	TAP_EQ(vcpu_run(&ap), -EINTR, "immediate_exit of one that waits: EINTR");
	vcpu_close(&ap);
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);

	tap_begin();
	without(path);
	vm_open(&vm, path);
	TAP_EQ(call(vm.fd, KVM_CREATE_IRQCHIP, 0), 0, "KVM_CREATE_IRQCHIP");
	TAP_EQ(call(vm.fd, KVM_CREATE_IRQCHIP, 0), -EEXIST, "a second time: EEXIST");
	vcpu_open(&vm, &vcpu, 0);
	TAP_EQ(call(vm.fd, KVM_CREATE_IRQCHIP, 0), -EEXIST, "and after a vCPU: EEXIST");
	chips();
	lines();
	lapic();
	messages();
	states();
	machine_close(&vm, &vcpu);
	return tap_end();
}
