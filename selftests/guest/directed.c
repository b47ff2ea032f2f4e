// SPDX-License-Identifier: GPL-2.0
/*
 * Directed EOI: a guest that has its LAPIC keep the end of a level-triggered interrupt for itself
 * and tells the IO-APIC when the device is done; and that nothing of it is there unless user space
 * has asked for it.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#include "selftests/lib/apic.h"
#include "uapi/kvmlet.h"

#define PINS		24
#define PIN		10
#define EDGE_PIN	5
#define VECTOR		0x72
#define EDGE_VECTOR	0x73
#define LEVEL		0x8000
#define REMOTE_IRR	0x4000
#define DIRECTED	(1 << 24)	/* of the LAPIC's version */
#define SUPPRESS	(1 << 12)	/* of SVR */

static const char *path;
static struct vm vm;
static struct vcpu vcpu;
static bool there;			/* directed EOI */

static int enable(uint32_t number, uint64_t arg)
{
	struct kvm_enable_cap cap = { .cap = number, .args = { arg } };

	return call(vm.fd, KVM_ENABLE_CAP, &cap);
}

static int ask(void)
{
	return enable(KVM_CAP_X2APIC_API, KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST);
}

static void set_line(unsigned int gsi, unsigned int level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	call(vm.fd, KVM_IRQ_LINE, &line);
}

static void ioapic_eoi(void)
{
	*(volatile uint32_t *)(IOAPIC_PAGE + 0x40) = VECTOR;
}

static uint32_t remote_irr(void)
{
	return ioapic_read(0x10 + 2 * PIN) & REMOTE_IRR;
}

/* What the guest sees of it, whether it is there or not. */
static void versions(void)
{
	guest_warm();
	guest_eoi = apic_eoi;
	apic_write(APIC_SPIV, 0x1ff | SUPPRESS);
	guest_check("directed EOI of the LAPIC's version",
		    !!(apic_read(APIC_VERSION) & DIRECTED), there);
	guest_check("of SVR", !!(apic_read(APIC_SPIV) & SUPPRESS), there);
}

/* --- the IO-APIC here ------------------------------------------------------------------------- */

static void kernel_guest(void)
{
	versions();
	guest_check("of the IO-APIC's version", ioapic_read(1) & 0xff, there ? 0x20 : 0x11);
	apic_write(APIC_LINT0, 0x10000);
	ioapic_route(PIN, LEVEL | VECTOR);
	ioapic_route(EDGE_PIN, EDGE_VECTOR);
	guest_sync(1);
	guest_open();
	guest_check("a level interrupts", irqs[VECTOR], 1);
	guest_check("it is ended at the LAPIC alone", remote_irr(), REMOTE_IRR);
	guest_open();
	guest_check("and does not come again", irqs[VECTOR], 1);
	ioapic_eoi();
	guest_open();
	guest_check("until its end is told to the IO-APIC", irqs[VECTOR], 2);
	guest_sync(2);
	ioapic_eoi();
	guest_open();
	guest_check("when it is low it does not come again", irqs[VECTOR], 2);
	guest_check("and is ended", remote_irr(), 0);
	guest_sync(3);
	guest_open();
	guest_sync(4);
	guest_open();
	guest_check("edges come as ever", irqs[EDGE_VECTOR], 2);
	guest_sync(5);
}

static void in_kernel(bool want)
{
	memset((void *)irqs, 0, sizeof(irqs));
	vm_open(&vm, path);
	vm_memory(&vm);
	TAP_EQ(call(vm.fd, KVM_CREATE_IRQCHIP, 0), 0, "an IO-APIC here");
	there = want && !ask();
	vcpu_open(&vm, &vcpu, 0);
	vcpu_supported_cpuid(&vm, &vcpu);
	vcpu_long_mode(&vcpu, kernel_guest, 0);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest looks for directed EOI");
	if (there) {
		set_line(PIN, 1);
		TAP_EQ(vcpu_sync(&vcpu), 2, "its level is up");
		set_line(PIN, 0);
		TAP_EQ(vcpu_sync(&vcpu), 3, "and down");
		set_line(EDGE_PIN, 1);
		set_line(EDGE_PIN, 0);
		TAP_EQ(vcpu_sync(&vcpu), 4, "an edge");
		set_line(EDGE_PIN, 1);
		TAP_EQ(vcpu_sync(&vcpu), 5, "another one");
	} else if (want) {
		tap_skip("directed EOI", "this driver does not offer it");
	}
	tap_checks();
	machine_close(&vm, &vcpu);
}

/* --- the IO-APIC in user space ---------------------------------------------------------------- */

static void split_guest(void)
{
	versions();
	guest_sync(1);
	guest_open();
	guest_check("a pin's message comes", irqs[VECTOR], 1);
	guest_sync(2);
	apic_write(APIC_SPIV, 0x1ff);
	guest_open();
	guest_sync(3);
}

static void split(void)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} table = { { .nr = 1 }, { .gsi = PIN, .type = KVM_IRQ_ROUTING_MSI,
		    .u.msi = { .address_lo = APIC_PAGE, .data = VECTOR | LEVEL } } };

	memset((void *)irqs, 0, sizeof(irqs));
	vm_open(&vm, path);
	vm_memory(&vm);
	TAP_EQ(ask(), -EINVAL, "directed EOI without controllers: EINVAL");
	enable(KVM_CAP_SPLIT_IRQCHIP, PINS);
	call(vm.fd, KVM_SET_GSI_ROUTING, &table);
	vcpu_open(&vm, &vcpu, 0);
	vcpu_supported_cpuid(&vm, &vcpu);
	there = !ask();
	if (!there) {
		tap_skip("directed EOI", "this driver does not offer it");
		machine_close(&vm, &vcpu);
		return;
	}
	vcpu_long_mode(&vcpu, split_guest, 0);
	TAP_EQ(vcpu_sync(&vcpu), 1, "user space asks for it when there is a vCPU already");
	set_line(PIN, 1);
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_IO, "the end at the LAPIC is not told");
	set_line(PIN, 1);
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_IOAPIC_EOI, "it is when the guest wants that");
	TAP_EQ(vcpu_sync(&vcpu), 3, "and goes on");
	tap_checks();
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	path = device_path(argc, argv);
	tap_begin();
	in_kernel(false);
	in_kernel(true);
	split();
	return tap_end();
}
