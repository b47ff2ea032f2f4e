// SPDX-License-Identifier: GPL-2.0
/*
 * Lowest priority: of those that a message is for one gets it, whoever sends it, a device by MSI, a
 * pin of the IO-APIC or a guest. Three vCPUs, of which one runs, in the end; what they got waits
 * in IRR.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#include "selftests/lib/apic.h"

#define CPUS		3
#define ALL		((1 << CPUS) - 1)
#define LDR		0x0d0
#define DFR		0x0e0
#define LOWEST		0x100		/* delivery mode, in data, entries and ICR */
#define LOGICAL		0x800		/* in entries and ICR */
#define MSI_LOGICAL	0x4		/* in an address, */
#define MSI_HINT	0x8		/* and that one of them is enough */
#define PIN		18		/* of the IO-APIC alone */
#define ENABLED		0x1ff
#define DISABLED	0x0ff

static struct vm vm;
static struct vcpu vcpus[CPUS];
static bool upstream;
static unsigned int next_vector = 0x30;

/* Logical ids are 1, 2 and 4. */
static void set_lapic(unsigned int i, uint32_t svr, uint32_t tpr)
{
	struct kvm_lapic_state state;

	call(vcpus[i].fd, KVM_GET_LAPIC, &state);
	*(uint32_t *)(state.regs + APIC_SPIV) = svr;
	*(uint32_t *)(state.regs + APIC_TPR) = tpr;
	*(uint32_t *)(state.regs + LDR) = 1u << (24 + i);
	*(uint32_t *)(state.regs + DFR) = ~0u;
	TAP_EQ(call(vcpus[i].fd, KVM_SET_LAPIC, &state), 0,
	       "vCPU %u: software has %s it, its TPR is %#x", i,
	       svr == ENABLED ? "enabled" : "disabled", tpr);
}

/* Which vCPUs have a vector waiting, as bits. */
static unsigned int have(unsigned int vector)
{
	struct kvm_lapic_state state;
	unsigned int i, bits = 0;

	for (i = 0; i < CPUS; i++) {
		call(vcpus[i].fd, KVM_GET_LAPIC, &state);
		bits |= (state.regs[APIC_IRR + vector / 32 * 16 + vector % 32 / 8] >>
			 vector % 8 & 1) << i;
	}
	return bits;
}

static bool is_one(unsigned int bits)
{
	return bits && !(bits & (bits - 1));
}

static int msi(uint32_t address, uint32_t data)
{
	struct kvm_msi arg = { .address_lo = APIC_PAGE | ALL << 12 | address, .data = data };

	return call(vm.fd, KVM_SIGNAL_MSI, &arg);
}

/* A message, of another vector each time, for all three: who has it. */
static unsigned int send_lowest(void)
{
	unsigned int vector = next_vector++;
	int accepted = msi(MSI_LOGICAL, LOWEST | vector);
	unsigned int bits = have(vector);

	if (accepted != 1 || !is_one(bits))
		printf("# vector %#x: %d accept it, %#x have it\n", vector, accepted, bits);
	return accepted == 1 && is_one(bits) ? bits : 0;
}

/* Upstream's choice is by vector, not by priority. */
static void by_priority(void)
{
	unsigned int bits;

	set_lapic(0, ENABLED, 0x40);
	set_lapic(1, ENABLED, 0x20);
	set_lapic(2, ENABLED, 0x20);
	bits = send_lowest();
	tap_ok(bits, "a lowest-priority MSI for three LAPICs goes to one");
	if (upstream)
		tap_skip("to one of the lower TPR", "upstream chooses by the vector");
	else
		tap_ok(bits & 6, "to one of the lower TPR");
	set_lapic(0, ENABLED, 0x10);
	bits = send_lowest();
	if (upstream)
		tap_skip("whose TPR falls gets the next", "upstream chooses by the vector");
	else
		TAP_EQ(bits, 1, "whose TPR falls gets the next");
	set_lapic(0, ENABLED, 0x40);
}

#define TURNS	8

static void in_turns(void)
{
	unsigned int i, bits, last = 0, none = 0, first = 0, again = 0;

	/* The class, bits 7:4, is all that counts. */
	set_lapic(2, ENABLED, 0x2f);
	for (i = 0; i < TURNS; i++) {
		bits = send_lowest();
		none += !bits;
		first += bits == 1;
		again += i && bits == last;
		last = bits;
	}
	TAP_EQ(none, 0, "each of several goes to one");
	if (upstream) {
		tap_skip("those of equal class take turns", "upstream chooses by the vector");
		return;
	}
	TAP_EQ(first, 0, "none to the one of higher class");
	TAP_EQ(again, 0, "those of equal class take turns");
}

static void disabled(void)
{
	unsigned int i, bits, none = 0, wrong = 0, vector;

	set_lapic(2, DISABLED, 0);
	for (i = 0; i < TURNS; i++) {
		bits = send_lowest();
		none += !bits;
		wrong += bits == 4;
	}
	if (upstream)
		tap_skip("each of several goes to one of the other two",
			 "upstream chooses the disabled one, too, and they are lost");
	else
		TAP_EQ(none, 0, "each of several goes to one of the other two");
	TAP_EQ(wrong, 0, "none to the LAPIC that is disabled, although it has the lowest TPR");
	set_lapic(0, DISABLED, 0);
	set_lapic(1, DISABLED, 0);
	vector = next_vector++;
	/* Upstream tells -1. */
	tap_ok(msi(MSI_LOGICAL, LOWEST | vector) <= 0, "where all are disabled nobody accepts it");
	TAP_EQ(have(vector), 0, "and nobody has it");
	for (i = 0; i < CPUS; i++)
		set_lapic(i, ENABLED, 0);
}

static void by_hint(void)
{
	unsigned int vector = next_vector++;

	TAP_EQ(msi(MSI_LOGICAL, vector), CPUS, "a fixed MSI for three LAPICs is accepted by all");
	TAP_EQ(have(vector), ALL, "who have it");
	vector = next_vector++;
	TAP_EQ(msi(MSI_LOGICAL | MSI_HINT, vector), 1, "with the redirection hint by one");
	tap_ok(is_one(have(vector)), "who alone has it");
}

static void by_pin(void)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_irq_level line = { .irq = PIN, .level = 1 };
	unsigned int vector = next_vector++;

	call(vm.fd, KVM_GET_IRQCHIP, &chip);
	chip.chip.ioapic.redirtbl[PIN].bits = (uint64_t)ALL << 56 | LOGICAL | LOWEST | vector;
	call(vm.fd, KVM_SET_IRQCHIP, &chip);
	call(vm.fd, KVM_IRQ_LINE_STATUS, &line);
	TAP_EQ(line.status, 1, "a lowest-priority pin's interrupt is accepted by one");
	tap_ok(is_one(have(vector)), "who alone has it");
}

static volatile uint32_t icr;

/* Each ICR that it finds there. */
static void guest(void)
{
	for (;;) {
		guest_sync(1);
		apic_write(APIC_ICR2, ALL << 24);
		apic_write(APIC_ICR, icr);
	}
}

static void by_guest(void)
{
	unsigned int i, wrong = 0, vector;

	TAP_EQ(vcpu_sync(&vcpus[0]), 1, "a guest runs");
	for (i = 0; i < TURNS; i++) {
		vector = next_vector++;
		icr = LOWEST | LOGICAL | vector;
		wrong += vcpu_sync(&vcpus[0]) != 1 || !is_one(have(vector));
	}
	TAP_EQ(wrong, 0, "each of its lowest-priority IPIs for three LAPICs goes to one");
	vector = next_vector++;
	icr = LOGICAL | vector;
	vcpu_sync(&vcpus[0]);
	TAP_EQ(have(vector), ALL, "a fixed one goes to all");
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);
	unsigned int i;

	tap_begin();
	upstream = on_upstream();
	machine(&vm, &vcpus[0], path, true, guest);
	for (i = 1; i < CPUS; i++) {
		TAP_EQ(vcpu_open(&vm, &vcpus[i], i), 0, "vCPU %u", i);
		vcpu_supported_cpuid(&vm, &vcpus[i]);
	}
	by_priority();
	in_turns();
	disabled();
	by_hint();
	by_pin();
	by_guest();
	for (i = 1; i < CPUS; i++)
		vcpu_close(&vcpus[i]);
	machine_close(&vm, &vcpus[0]);
	return tap_end();
}
