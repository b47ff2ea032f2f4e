// SPDX-License-Identifier: GPL-2.0
/*
 * LAPICs in the kernel, IO-APIC and 8259s in user space (KVM_CAP_SPLIT_IRQCHIP): messages on the
 * IO-APIC's behalf, the end of interrupts told to it, and KVM_INTERRUPT as the 8259s' wire.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#include <sys/eventfd.h>
#include "selftests/lib/apic.h"

#define PINS		24
#define LEVEL_GSI	4
#define EDGE_GSI	5
#define FAR_GSI		30		/* not one of the pins */
#define LEVEL		0x51
#define EDGE		0x52
#define FAR		0x53
#define WIRE		0x60		/* the 8259s' */
#define MSI_LEVEL	(1 << 15)
#define LINT0_EXTINT	0x700
#define LINT0_MASKED	0x10700

static struct vm vm;
static struct vcpu vcpu;

static struct {
	struct kvm_irq_routing head;
	struct kvm_irq_routing_entry entry[3];
} table = { .head = { .nr = 3 }, .entry = {
	{ .gsi = LEVEL_GSI, .type = KVM_IRQ_ROUTING_MSI,
	  .u.msi = { .address_lo = APIC_PAGE, .data = LEVEL | MSI_LEVEL } },
	{ .gsi = EDGE_GSI, .type = KVM_IRQ_ROUTING_MSI,
	  .u.msi = { .address_lo = APIC_PAGE, .data = EDGE } },
	{ .gsi = FAR_GSI, .type = KVM_IRQ_ROUTING_MSI,
	  .u.msi = { .address_lo = APIC_PAGE, .data = FAR | MSI_LEVEL } },
} };

static int split(uint64_t pins)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { pins } };

	return call(vm.fd, KVM_ENABLE_CAP, &cap);
}

static void open_split(const char *path, void (*guest)(void))
{
	vm_open(&vm, path);
	vm_memory(&vm);
	split(PINS);
	call(vm.fd, KVM_SET_GSI_ROUTING, &table);
	vcpu_open(&vm, &vcpu, 0);
	vcpu_supported_cpuid(&vm, &vcpu);
	vcpu_long_mode(&vcpu, guest, 0);
	memset((void *)irqs, 0, sizeof(irqs));
}

static int raise(unsigned int gsi)
{
	struct kvm_irq_level line = { .irq = gsi, .level = 1 };

	return call(vm.fd, KVM_IRQ_LINE, &line);
}

static int interrupt(unsigned int vector)
{
	struct kvm_interrupt args = { .irq = vector };

	return call(vcpu.fd, KVM_INTERRUPT, &args);
}

/* --- creation ------------------------------------------------------------------------------- */

static void creation(const char *path)
{
	struct kvm_irqchip chip = { .chip_id = 0 };
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} pin = { { .nr = 1 }, { .gsi = 0, .type = KVM_IRQ_ROUTING_IRQCHIP } };
	struct kvm_irqfd irqfd = { .gsi = EDGE_GSI };

	vm_open(&vm, path);
	TAP_EQ(call(vm.fd, KVM_CHECK_EXTENSION, (void *)KVM_CAP_SPLIT_IRQCHIP), 1,
	       "KVM_CAP_SPLIT_IRQCHIP is offered");
	TAP_EQ(split(4097), -EINVAL, "4097 pins: EINVAL");
	TAP_EQ(split(PINS), 0, "24 pins");
	TAP_EQ(split(PINS), -EEXIST, "a second time: EEXIST");
	TAP_EQ(call(vm.fd, KVM_CREATE_IRQCHIP, 0), -EEXIST, "KVM_CREATE_IRQCHIP after it: EEXIST");
	TAP_EQ(call(vm.fd, KVM_GET_IRQCHIP, &chip), -ENXIO, "KVM_GET_IRQCHIP: ENXIO");
	TAP_EQ(call(vm.fd, KVM_SET_IRQCHIP, &chip), -ENXIO, "KVM_SET_IRQCHIP: ENXIO");
	TAP_EQ(call(vm.fd, KVM_SET_GSI_ROUTING, &pin), -EINVAL, "a route to a pin: EINVAL");
	TAP_EQ(call(vm.fd, KVM_SET_GSI_ROUTING, &table), 0, "routes to messages");
	irqfd.fd = eventfd(0, 0);
	irqfd.resamplefd = irqfd.fd;
	irqfd.flags = KVM_IRQFD_FLAG_RESAMPLE;
	TAP_EQ(call(vm.fd, KVM_IRQFD, &irqfd), -EINVAL, "an irqfd with a resamplefd: EINVAL");
	irqfd.flags = 0;
	TAP_EQ(call(vm.fd, KVM_IRQFD, &irqfd), 0, "an irqfd");
	close(irqfd.fd);
	vm_close(&vm);
	vm_open(&vm, path);
	vcpu_open(&vm, &vcpu, 0);
	TAP_EQ(split(PINS), -EEXIST, "after a vCPU: EEXIST");
	machine_close(&vm, &vcpu);
}

/* --- interrupts of the IO-APIC -------------------------------------------------------------- */

static void pin_guest(void)
{
	uint32_t step = 0;

	guest_warm();
	guest_eoi = apic_eoi;
	apic_write(APIC_SPIV, 0x1ff);
	for (;;) {
		guest_sync(++step);
		guest_open();
	}
}

static void x2apic_guest(void)
{
	uint32_t step = 0;

	guest_warm();
	guest_eoi = x2apic_eoi;
	guest_wrmsr(MSR_APIC_BASE, APIC_PAGE | 1 << 8 | 1 << 11 | 1 << 10);
	guest_wrmsr(X2APIC(APIC_SPIV), 0x1ff);
	for (;;) {
		guest_sync(++step);
		guest_open();
	}
}

static void pins(const char *path, void (*guest)(void))
{
	open_split(path, guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest enables its LAPIC");
	TAP_EQ(raise(LEVEL_GSI), 0, "the IO-APIC's pin sends its message");
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_IOAPIC_EOI, "the end of a level-triggered one is told");
	TAP_EQ(vcpu.run->eoi.vector, LEVEL, "with its vector");
	TAP_EQ(irqs[LEVEL], 1, "when it was handled");
	TAP_EQ(vcpu_sync(&vcpu), 2, "and the guest goes on");
	raise(EDGE_GSI);
	TAP_EQ(vcpu_sync(&vcpu), 3, "the end of an edge-triggered one is not told");
	TAP_EQ(irqs[EDGE], 1, "though it came");
	raise(FAR_GSI);
	TAP_EQ(vcpu_sync(&vcpu), 4, "nor that of a GSI which is no pin");
	TAP_EQ(irqs[FAR], 1, "which came, too");
	machine_close(&vm, &vcpu);
}

static void both(const char *path)
{
	open_split(path, pin_guest);
	vcpu_sync(&vcpu);
	raise(LEVEL_GSI);
	raise(FAR_GSI);
	raise(EDGE_GSI);
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_IOAPIC_EOI, "of three at once one end is told");
	TAP_EQ(vcpu.run->eoi.vector, LEVEL, "that of the pin");
	TAP_EQ(vcpu_sync(&vcpu), 2, "and no other");
	TAP_EQ(irqs[LEVEL] + irqs[FAR] + irqs[EDGE], 3, "all three came");
	machine_close(&vm, &vcpu);
}

/* --- devices in user space ------------------------------------------------------------------ */

static void device_guest(void)
{
	uint8_t mask;

	guest_warm();
	asm volatile("inb $0x21, %0" : "=a"(mask));
	*(volatile uint32_t *)IOAPIC_PAGE = 0x10;
	guest_sync(1);
}

static void devices(const char *path)
{
	open_split(path, device_guest);
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_IO, "the 8259's port is user space's");
	TAP_EQ(vcpu.run->io.port, 0x21, "and it is told which");
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_MMIO, "the IO-APIC's page is user space's");
	TAP_EQ(vcpu.run->mmio.phys_addr, IOAPIC_PAGE, "and it is told where");
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest goes on");
	machine_close(&vm, &vcpu);
}

/* --- the 8259s' wire ------------------------------------------------------------------------ */

static void no_eoi(void)
{
}

static void wire_guest(void)
{
	guest_warm();
	guest_eoi = no_eoi;
	apic_write(APIC_SPIV, 0x1ff);
	apic_write(APIC_LINT0, LINT0_MASKED);
	guest_sync(1);
	guest_open();
	guest_sync(2);
	apic_write(APIC_LINT0, LINT0_EXTINT);
	guest_sync(3);
	guest_open();
	guest_sync(4);
	guest_halt();
	guest_sync(5);
	guest_open();
	guest_sync(6);
}

/* Upstream does not look again when LINT0 is opened, but when user space has touched it. */
static void touch_lapic(const char *path)
{
	struct kvm_lapic_state state;

	if (strstr(path, "kvmlet"))
		return;
	call(vcpu.fd, KVM_GET_LAPIC, &state);
	call(vcpu.fd, KVM_SET_LAPIC, &state);
}

static void wire(const char *path)
{
	open_split(path, wire_guest);
	vcpu_sync(&vcpu);
	TAP_EQ(interrupt(WIRE), 0, "KVM_INTERRUPT is the 8259s' wire");
	TAP_EQ(interrupt(WIRE), -EEXIST, "while one waits: EEXIST");
	vcpu.run->request_interrupt_window = 1;
	TAP_EQ(vcpu_sync(&vcpu), 2, "a guest opens itself with LINT0 masked: no window");
	vcpu.run->request_interrupt_window = 0;
	TAP_EQ(irqs[WIRE], 0, "the wire is cut");
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[WIRE], 0, "LINT0 is open, the guest is not");
	touch_lapic(path);
	TAP_EQ(vcpu_sync(&vcpu), 4, "the guest opens itself");
	TAP_EQ(irqs[WIRE], 1, "and the interrupt comes");
	TAP_EQ(vcpu.run->ready_for_interrupt_injection, 0, "a guest that is closed takes none");
	vcpu.run->request_interrupt_window = 1;
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_IRQ_WINDOW_OPEN, "its window is told");
	TAP_EQ(vcpu.run->ready_for_interrupt_injection, 1, "in which it takes one");
	vcpu.run->request_interrupt_window = 0;
	interrupt(WIRE + 1);
	TAP_EQ(vcpu_sync(&vcpu), 5, "a guest that sleeps is woken by it");
	TAP_EQ(irqs[WIRE + 1], 1, "with its vector");
	TAP_EQ(vcpu_sync(&vcpu), 6, "the guest ends");
	TAP_EQ(irqs[WIRE] + irqs[WIRE + 1], 2, "and none came twice");
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);

	tap_begin();
	creation(path);
	pins(path, pin_guest);
	pins(path, x2apic_guest);
	both(path);
	devices(path);
	wire(path);
	return tap_end();
}
