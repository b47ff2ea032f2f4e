// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_X2APIC_API: ids of 32 bits in a LAPIC's state and in messages' addresses, and 0xff as
 * one processor's id. Two vCPUs in x2APIC mode, one with an id beyond those of xAPICs.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#include "selftests/lib/apic.h"

#define FAR		300U		/* the second vCPU's id */
#define FAR_HIGH	0x100		/* the same in a message's address: upper half, */
#define FAR_LOW		(APIC_PAGE | (FAR & 0xff) << 12)	/* lower half */
#define ALL_LOW		(APIC_PAGE | 0xff << 12)
#define PIN		5
#define GSI		40
#define X2APIC_BASE	(APIC_PAGE | 0xd00)

static struct vm vm;
static struct vcpu vcpus[2];

static int enable(uint64_t flags)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X2APIC_API, .args = { flags } };

	return call(vm.fd, KVM_ENABLE_CAP, &cap);
}

static int msi(uint32_t high, uint32_t low, uint32_t vector)
{
	struct kvm_msi arg = { .address_lo = low, .address_hi = high, .data = vector };

	return call(vm.fd, KVM_SIGNAL_MSI, &arg);
}

static int route(uint32_t high, uint32_t low, uint32_t vector)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry[2];
	} table = { { .nr = 2 }, {
		{ .gsi = GSI, .type = KVM_IRQ_ROUTING_MSI,
		  .u.msi = { .address_lo = low, .address_hi = high, .data = vector } },
		{ .gsi = PIN, .type = KVM_IRQ_ROUTING_IRQCHIP,
		  .u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = PIN } },
	} };

	return call(vm.fd, KVM_SET_GSI_ROUTING, &table);
}

static void pulse(unsigned int gsi)
{
	struct kvm_irq_level line = { .irq = gsi, .level = 1 };

	call(vm.fd, KVM_IRQ_LINE, &line);
	line.level = 0;
	call(vm.fd, KVM_IRQ_LINE, &line);
}

static uint32_t reg(struct vcpu *vcpu, unsigned int offset)
{
	struct kvm_lapic_state state;

	call(vcpu->fd, KVM_GET_LAPIC, &state);
	return *(uint32_t *)(state.regs + offset);
}

static int set_id(struct vcpu *vcpu, uint32_t id)
{
	struct kvm_lapic_state state;

	call(vcpu->fd, KVM_GET_LAPIC, &state);
	*(uint32_t *)(state.regs + APIC_ID) = id;
	*(uint32_t *)(state.regs + APIC_SPIV) = 0x1ff;
	return call(vcpu->fd, KVM_SET_LAPIC, &state);
}

/* Which vCPUs have a vector waiting, as bits. */
static unsigned int have(unsigned int vector)
{
	unsigned int at = APIC_IRR + vector / 32 * 0x10, bit = vector % 32;

	return (reg(&vcpus[0], at) >> bit & 1) | (reg(&vcpus[1], at) >> bit & 1) << 1;
}

static void create(const char *path)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} base = { { .nmsrs = 1 }, { .index = MSR_APIC_BASE, .data = X2APIC_BASE } };
	unsigned int i;

	vm_open(&vm, path);
	TAP_EQ(call(vm.fd, KVM_CREATE_IRQCHIP, 0), 0, "KVM_CREATE_IRQCHIP");
	for (i = 0; i < 2; i++) {
		vcpu_open(&vm, &vcpus[i], i * FAR);
		vcpu_supported_cpuid(&vm, &vcpus[i]);
		/* Not in x2APIC mode: upstream's processor would lose the rest of its id. */
		TAP_EQ(set_id(&vcpus[i], i * FAR << 24), 0, "vCPU %u is enabled", i * FAR);
		TAP_EQ(call(vcpus[i].fd, KVM_SET_MSRS, &base), 1, "and in x2APIC mode");
	}
}

static void pin(unsigned int vector, uint64_t dest)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	call(vm.fd, KVM_GET_IRQCHIP, &chip);
	chip.chip.ioapic.redirtbl[PIN].bits = dest << 56 | vector;
	call(vm.fd, KVM_SET_IRQCHIP, &chip);
	pulse(PIN);
}

static void before(void)
{
	TAP_EQ(reg(&vcpus[1], APIC_ID), FAR << 24, "GET_LAPIC has the low bits of an id on top");
	TAP_EQ(msi(FAR_HIGH, FAR_LOW, 0x41), 0, "a message's upper half is not looked at");
	TAP_EQ(msi(0xff, ALL_LOW, 0x42), 2, "whatever it is, and 0xff is for all");
	TAP_EQ(have(0x42), 3, "who all have it");
	TAP_EQ(route(FAR_HIGH | 1, FAR_LOW, 0x43), 0, "nor is a route's");
	pulse(GSI);
	TAP_EQ(have(0x43), 0, "so that it leads nowhere");
	pin(0x44, 0xff);
	TAP_EQ(have(0x44), 3, "0xff of an IO-APIC is for all");
}

static void long_ids(void)
{
	TAP_EQ(enable(KVM_X2APIC_API_USE_32BIT_IDS), 0, "ids of 32 bits, with vCPUs there");
	TAP_EQ(reg(&vcpus[1], APIC_ID), FAR, "GET_LAPIC has the id as a number");
	TAP_EQ(set_id(&vcpus[1], FAR), 0, "SET_LAPIC takes it");
	TAP_EQ(set_id(&vcpus[1], FAR << 24), -EINVAL, "but no other: EINVAL");
	TAP_EQ(msi(FAR_HIGH, FAR_LOW, 0x51), 1, "a message goes to an id beyond 255");
	TAP_EQ(have(0x51), 2, "and to no other");
	TAP_EQ(msi(0, FAR_LOW, 0x52), 0, "not to one with the same low bits");
	TAP_EQ(msi(FAR_HIGH | 1, FAR_LOW, 0x53), -EINVAL, "reserved bits: EINVAL");
	TAP_EQ(route(FAR_HIGH | 1, FAR_LOW, 0x54), -EINVAL, "of a route, too: EINVAL");
	TAP_EQ(route(FAR_HIGH, FAR_LOW, 0x55), 0, "a route to an id beyond 255");
	pulse(GSI);
	TAP_EQ(have(0x55), 2, "leads there");
	TAP_EQ(msi(0, ALL_LOW, 0x56), 2, "0xff is still for all");
}

static void no_quirk(void)
{
	TAP_EQ(enable(KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK), 0, "0xff as an id");
	TAP_EQ(msi(0, ALL_LOW, 0x61), 0, "is nobody's here");
	pin(0x62, 0xff);
	TAP_EQ(have(0x62), 0, "of an IO-APIC neither");
	TAP_EQ(msi(0xffffff00, ALL_LOW, 0x63), 2, "0xffffffff is for all");
	TAP_EQ(reg(&vcpus[1], APIC_ID), FAR, "ids keep their 32 bits");
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);

	tap_begin();
	create(path);
	TAP_EQ(call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_X2APIC_API) & 3, 3,
	       "KVM_CAP_X2APIC_API offers both");
	TAP_EQ(enable(1 << 16), -EINVAL, "a flag that is unknown: EINVAL");
	TAP_EQ(enable(12), -EINVAL, "directed EOI and none: EINVAL");
	before();
	long_ids();
	no_quirk();
	vcpu_close(&vcpus[1]);
	machine_close(&vm, &vcpus[0]);
	return tap_end();
}
