// SPDX-License-Identifier: GPL-2.0
/*
 * What KVM_IOEVENTFD, KVM_IRQFD and KVM_SET_GSI_ROUTING refuse, and what they take.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include "selftests/lib/eventfd.h"

#define PORT		0x700
#define ADDRESS		0xd0000000ULL
#define PIO		KVM_IOEVENTFD_FLAG_PIO
#define MATCH		KVM_IOEVENTFD_FLAG_DATAMATCH
#define DEASSIGN	KVM_IOEVENTFD_FLAG_DEASSIGN
#define MOST_ROUTES	4096
#define MANY		2000

static struct vm vm;
static int event, other, no_event;

static void capabilities(void)
{
	static const struct {
		const char *name;
		int cap, value;
	} expected[] = {
		{ "KVM_CAP_IRQ_ROUTING: 4096 routes", KVM_CAP_IRQ_ROUTING, MOST_ROUTES },
		{ "KVM_CAP_IRQFD", KVM_CAP_IRQFD, 1 },
		{ "KVM_CAP_IRQFD_RESAMPLE", KVM_CAP_IRQFD_RESAMPLE, 1 },
		{ "KVM_CAP_IOEVENTFD", KVM_CAP_IOEVENTFD, 1 },
		{ "KVM_CAP_IOEVENTFD_NO_LENGTH", KVM_CAP_IOEVENTFD_NO_LENGTH, 1 },
		{ "KVM_CAP_IOEVENTFD_ANY_LENGTH", KVM_CAP_IOEVENTFD_ANY_LENGTH, 1 },
		{ "KVM_CAP_SIGNAL_MSI", KVM_CAP_SIGNAL_MSI, 1 },
		{ "no KVM_CAP_MSI_DEVID", KVM_CAP_MSI_DEVID, 0 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		TAP_EQ(call(vm.fd, KVM_CHECK_EXTENSION, expected[i].cap), expected[i].value,
		       expected[i].name);
}

static void refused_ioeventfds(void)
{
	TAP_EQ(ioeventfd(&vm, event, PORT, 3, PIO, 0), -EINVAL, "a length of 3: EINVAL");
	TAP_EQ(ioeventfd(&vm, event, PORT, 16, PIO, 0), -EINVAL, "a length of 16: EINVAL");
	TAP_EQ(ioeventfd(&vm, event, -4ULL, 8, 0, 0), -EINVAL, "a range beyond 2^64: EINVAL");
	TAP_EQ(ioeventfd(&vm, event, PORT, 4, 1 << 5, 0), -EINVAL, "an unknown flag: EINVAL");
	TAP_EQ(ioeventfd(&vm, event, PORT, 0, PIO | MATCH, 0), -EINVAL,
	       "no length, but a value to match: EINVAL");
	TAP_EQ(ioeventfd(&vm, -1, PORT, 4, PIO, 0), -EBADF, "no descriptor: EBADF");
	TAP_EQ(ioeventfd(&vm, no_event, PORT, 4, PIO, 0), -EINVAL, "no eventfd: EINVAL");
	TAP_EQ(ioeventfd(&vm, -1, PORT, 3, PIO, 0), -EINVAL, "the length is looked at first");
	TAP_EQ(ioeventfd(&vm, -1, PORT, 4, PIO | DEASSIGN, 0), -EBADF, "deassigned: EBADF, too");
	TAP_EQ(ioeventfd(&vm, event, PORT, 4, PIO | DEASSIGN, 0), -ENOENT,
	       "what was never assigned: ENOENT");
	TAP_EQ(ioeventfd(&vm, event, PORT, 3, PIO | DEASSIGN | 1 << 7, 0), -ENOENT,
	       "nonsense deassigned: ENOENT, too");
	TAP_EQ(call(vm.fd, KVM_IOEVENTFD, 0), -EFAULT, "NULL: EFAULT");
}

static void assigned_ioeventfds(void)
{
	TAP_EQ(ioeventfd(&vm, event, PORT, 2, PIO, 0), 0, "a port");
	TAP_EQ(ioeventfd(&vm, event, PORT, 2, PIO, 0), -EEXIST, "the same again: EEXIST");
	TAP_EQ(ioeventfd(&vm, other, PORT, 2, PIO, 0), -EEXIST, "by another eventfd: EEXIST");
	TAP_EQ(ioeventfd(&vm, other, PORT, 2, PIO | MATCH, 5), -EEXIST,
	       "one value of what is taken already: EEXIST");
	TAP_EQ(ioeventfd(&vm, other, PORT, 0, PIO, 0), -EEXIST, "without length: EEXIST");
	TAP_EQ(ioeventfd(&vm, other, PORT, 4, PIO, 0), 0, "another length is another write");
	TAP_EQ(ioeventfd(&vm, other, PORT, 1, PIO | MATCH, 5), 0, "a value");
	TAP_EQ(ioeventfd(&vm, event, PORT, 1, PIO | MATCH, 6), 0, "and another one");
	TAP_EQ(ioeventfd(&vm, event, PORT, 1, PIO | MATCH, 5), -EEXIST, "the same value: EEXIST");
	TAP_EQ(ioeventfd(&vm, event, PORT, 2, 0, 0), 0, "an address is no port");
	TAP_EQ(ioeventfd(&vm, event, ADDRESS, 0, 0, 0), 0, "an address without length");
	TAP_EQ(ioeventfd(&vm, event, ADDRESS, 8, 0, 0), -EEXIST, "any length there: EEXIST");
	TAP_EQ(ioeventfd(&vm, event, ADDRESS + 4, 8, 0, 0), 0, "but not beside it");
	TAP_EQ(ioeventfd(&vm, event, ADDRESS, 4, KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY, 0), 0,
	       "other machines' notifications are taken");
}

static void deassigned_ioeventfds(void)
{
	const uint32_t pio = PIO | DEASSIGN;

	TAP_EQ(ioeventfd(&vm, other, PORT, 2, pio, 0), -ENOENT, "deassigned by another: ENOENT");
	TAP_EQ(ioeventfd(&vm, event, PORT, 2, pio | MATCH, 0), -ENOENT, "with a value: ENOENT");
	TAP_EQ(ioeventfd(&vm, event, PORT, 0, pio, 0), -ENOENT, "with another length: ENOENT");
	TAP_EQ(ioeventfd(&vm, event, PORT, 2, pio, 77), 0,
	       "deassigned; the value is not looked at");
	TAP_EQ(ioeventfd(&vm, event, PORT, 2, pio, 0), -ENOENT, "a second time: ENOENT");
	TAP_EQ(ioeventfd(&vm, event, PORT, 1, pio | MATCH, 5), -ENOENT, "another's value: ENOENT");
	TAP_EQ(ioeventfd(&vm, other, PORT, 1, pio | MATCH, 5), 0, "its own");
	TAP_EQ(ioeventfd(&vm, other, PORT, 4, pio, 0), 0, "the other length");
	TAP_EQ(ioeventfd(&vm, other, PORT, 2, PIO, 0), 0, "what was given up is free");
	TAP_EQ(ioeventfd(&vm, event, ADDRESS, 0, DEASSIGN, 0), 0, "the address");
}

/* Many of one VM, found and given up in another order; the rest goes with the VM. */
static void many_ioeventfds(bool bounded)
{
	unsigned int i, wrong = 0;
	int r = 0;

	for (i = 1; i <= MANY; i++)
		wrong += ioeventfd(&vm, event, ADDRESS + PAGE * i, 4, 0, 0) != 0;
	for (i = 1; i <= MANY; i++)
		wrong += ioeventfd(&vm, event, ADDRESS + PAGE * i, 4, 0, 0) != -EEXIST;
	for (i = MANY; i > MANY - 20; i--)
		wrong += ioeventfd(&vm, event, ADDRESS + PAGE * i, 4, DEASSIGN, 0) != 0;
	TAP_EQ(wrong, 0, "two thousand addresses");
	for (i = MANY; bounded && !r && i < 3 * MANY; i++)
		r = ioeventfd(&vm, event, ADDRESS + PAGE * i, 4, 0, 0);
	if (bounded)
		TAP_EQ(r, -ENOSPC, "more than 4096: ENOSPC");
}

static void refused_irqfds(void)
{
	TAP_EQ(irqfd(&vm, event, 5, 1 << 2, 0), -EINVAL, "irqfd: an unknown flag: EINVAL");
	TAP_EQ(irqfd(&vm, -1, 5, 0, 0), -EBADF, "no descriptor: EBADF");
	TAP_EQ(irqfd(&vm, no_event, 5, 0, 0), -EINVAL, "no eventfd: EINVAL");
	TAP_EQ(irqfd(&vm, event, 5, KVM_IRQFD_FLAG_RESAMPLE, -1), -EBADF, "no resamplefd: EBADF");
	TAP_EQ(irqfd(&vm, event, 5, KVM_IRQFD_FLAG_RESAMPLE, no_event), -EINVAL,
	       "a resamplefd that is no eventfd: EINVAL");
	TAP_EQ(irqfd(&vm, -1, 5, KVM_IRQFD_FLAG_DEASSIGN, 0), -EBADF, "deassigned: EBADF, too");
	TAP_EQ(irqfd(&vm, event, 5, KVM_IRQFD_FLAG_DEASSIGN, 0), 0,
	       "to deassign what is not assigned is no error");
	TAP_EQ(call(vm.fd, KVM_IRQFD, 0), -EFAULT, "NULL: EFAULT");
}

static void assigned_irqfds(void)
{
	int short_lived = eventfd(0, 0);

	TAP_EQ(irqfd(&vm, event, 5, 0, 0), 0, "a GSI");
	TAP_EQ(irqfd(&vm, event, 5, 0, 0), -EBUSY, "the same again: EBUSY");
	TAP_EQ(irqfd(&vm, event, 6, 0, 0), -EBUSY, "an eventfd raises one GSI: EBUSY");
	TAP_EQ(irqfd(&vm, other, 5, 0, 0), 0, "a GSI has several eventfds");
	TAP_EQ(irqfd(&vm, event, 6, KVM_IRQFD_FLAG_DEASSIGN, 0), 0, "another GSI is deassigned: 0");
	TAP_EQ(irqfd(&vm, event, 5, 0, 0), -EBUSY, "which changes nothing");
	TAP_EQ(irqfd(&vm, event, 5, KVM_IRQFD_FLAG_DEASSIGN, 0), 0, "deassigned");
	TAP_EQ(irqfd(&vm, event, 5000, 0, 0), 0, "and assigned to a GSI that is not there");
	TAP_EQ(irqfd(&vm, event, 5000, KVM_IRQFD_FLAG_DEASSIGN, 0), 0, "which ends, too");
	TAP_EQ(irqfd(&vm, event, 10, KVM_IRQFD_FLAG_RESAMPLE, other), 0, "with a resamplefd");
	TAP_EQ(irqfd(&vm, short_lived, 10, KVM_IRQFD_FLAG_RESAMPLE, other), 0, "and its neighbour");
	close(short_lived);
	TAP_EQ(irqfd(&vm, event, 10, KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE, -1), 0,
	       "deassigned, whatever the resamplefd is");
}

/* --- routes --------------------------------------------------------------------------------- */

static struct {
	struct kvm_irq_routing head;
	struct kvm_irq_routing_entry entries[MOST_ROUTES + 1];
} table;

static struct kvm_irq_routing_entry chip_route(uint32_t gsi, uint32_t chip, uint32_t pin)
{
	return (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

static struct kvm_irq_routing_entry msi_route(uint32_t gsi, uint32_t flags)
{
	return (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI, .flags = flags,
		.u.msi = { .address_lo = 0xfee00000, .data = 0x51 },
	};
}

static int route(unsigned int nr)
{
	table.head.nr = nr;
	return call(vm.fd, KVM_SET_GSI_ROUTING, &table);
}

static int route1(struct kvm_irq_routing_entry entry)
{
	table.entries[0] = entry;
	return route(1);
}

static int route2(struct kvm_irq_routing_entry a, struct kvm_irq_routing_entry b)
{
	table.entries[1] = b;
	table.entries[0] = a;
	return route(2);
}

static int status(uint32_t gsi, uint32_t level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	call(vm.fd, KVM_IRQ_LINE_STATUS, &line);
	return line.status;
}

static void refused_routes(void)
{
	struct kvm_irq_routing_entry bad = chip_route(1, KVM_IRQCHIP_IOAPIC, 1);
	void *readable = pages(2 * PAGE);
	struct kvm_irq_routing *cut = readable + PAGE - sizeof(*cut);

	TAP_EQ(route1(chip_route(MOST_ROUTES, 2, 0)), -EINVAL, "route: GSI 4096: EINVAL");
	TAP_EQ(route1(chip_route(1, KVM_IRQCHIP_IOAPIC, 24)), -EINVAL, "pin 24: EINVAL");
	TAP_EQ(route1(chip_route(1, KVM_IRQCHIP_PIC_MASTER, 8)), -EINVAL, "line 8: EINVAL");
	TAP_EQ(route1(chip_route(1, KVM_IRQCHIP_PIC_SLAVE, 8)), -EINVAL, "line 16: EINVAL");
	TAP_EQ(route1(chip_route(1, 3, 0)), -EINVAL, "controller 3: EINVAL");
	bad.flags = 1;
	TAP_EQ(route1(bad), -EINVAL, "a flag: EINVAL");
	TAP_EQ(route1(msi_route(1, 2)), -EINVAL, "a message's unknown flag: EINVAL");
	bad.flags = 0;
	bad.type = 0;
	TAP_EQ(route1(bad), -EINVAL, "no type: EINVAL");
	TAP_EQ(route2(chip_route(1, 2, 1), chip_route(1, 2, 2)), -EINVAL,
	       "two pins of one controller: EINVAL");
	TAP_EQ(route2(chip_route(1, 2, 1), msi_route(1, 0)), -EINVAL, "pin and message: EINVAL");
	TAP_EQ(route2(msi_route(1, 0), chip_route(1, 2, 1)), -EINVAL, "message and pin: EINVAL");
	TAP_EQ(route2(msi_route(1, 0), msi_route(1, 0)), -EINVAL, "two messages: EINVAL");
	TAP_EQ(route(MOST_ROUTES + 1), -EINVAL, "4097 routes: EINVAL");
	table.head.flags = 1;
	TAP_EQ(route(0), -EINVAL, "a flag of all: EINVAL");
	table.head.flags = 0;
	TAP_EQ(call(vm.fd, KVM_SET_GSI_ROUTING, 0), -EFAULT, "NULL: EFAULT");
	mprotect(readable + PAGE, PAGE, PROT_NONE);
	cut->nr = 1;
	TAP_EQ(call(vm.fd, KVM_SET_GSI_ROUTING, cut), -EFAULT, "entries that end early: EFAULT");
	TAP_EQ(status(4, 0), 2, "the routes are as before");
	munmap(readable, 2 * PAGE);
}

static void routes(void)
{
	struct vcpu vcpu;
	unsigned int i;

	vcpu_open(&vm, &vcpu, 0);
	TAP_EQ(route2(chip_route(7, 2, 1), chip_route(7, 0, 1)), 0, "IO-APIC and first 8259");
	table.entries[2] = chip_route(7, KVM_IRQCHIP_PIC_SLAVE, 3);
	TAP_EQ(route(3), 0, "and second 8259");
	TAP_EQ(status(7, 0), 3, "all three hear of it");
	TAP_EQ(status(4, 0), -1, "a GSI without a route leads nowhere");
	TAP_EQ(route1(msi_route(4095, KVM_MSI_VALID_DEVID)), 0, "GSI 4095 is a message");
	TAP_EQ(status(4095, 1), 0, "which nobody takes before LAPICs are enabled");
	TAP_EQ(status(4095, 0), -1, "and is none when the wire falls");
	for (i = 0; i < MOST_ROUTES; i++)
		table.entries[i] = msi_route(i, 0);
	TAP_EQ(route(MOST_ROUTES), 0, "4096 routes");
	TAP_EQ(route(0), 0, "no routes");
	TAP_EQ(status(7, 1), -1, "no GSI leads anywhere");
	TAP_EQ(status(0xffffffff, 1), -1, "nor does GSI 2^32 - 1");
	vcpu_close(&vcpu);
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);

	tap_begin();
	event = eventfd(0, 0);
	other = eventfd(0, 0);
	no_event = open("/dev/null", O_RDWR);
	vm_open(&vm, path);
	capabilities();
	refused_ioeventfds();
	assigned_ioeventfds();
	deassigned_ioeventfds();
	many_ioeventfds(strstr(path, "kvmlet"));
	TAP_EQ(irqfd(&vm, event, 5, 0, 0), -EINVAL, "irqfd without controllers: EINVAL");
	TAP_EQ(irqfd(&vm, event, 5, KVM_IRQFD_FLAG_DEASSIGN, 0), 0, "to deassign is allowed");
	TAP_EQ(route(0), -EINVAL, "routes without controllers: EINVAL");
	call(vm.fd, KVM_CREATE_IRQCHIP, 0);
	refused_irqfds();
	assigned_irqfds();
	refused_routes();
	routes();
	vm_close(&vm);
	return tap_end();
}
