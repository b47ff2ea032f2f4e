// SPDX-License-Identifier: GPL-2.0
/*
 * ioeventfds and irqfds with a guest: which writes signal, which interrupts come, and how often.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include "selftests/lib/apic.h"
#include "selftests/lib/eventfd.h"

#define PORT		0x700
#define PIO		KVM_IOEVENTFD_FLAG_PIO
#define MATCH		KVM_IOEVENTFD_FLAG_DATAMATCH
#define DEASSIGN	KVM_IOEVENTFD_FLAG_DEASSIGN
#define RESAMPLE	KVM_IRQFD_FLAG_RESAMPLE

static struct vm vm;
static struct vcpu vcpu;
static struct device device;

static void signal_event(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		printf("# an eventfd takes no signal\n");
}

/* --- ports ---------------------------------------------------------------------------------- */

#define OUT(type, suffix, port, value) \
	asm volatile("out" suffix " %0, %1" : : "a"((type)(value)), "Nd"((uint16_t)(port)))

static const uint16_t words[] = { 7, 8, 7, 7, 9, 7 };

static void port_guest(void)
{
	const uint16_t *from = words;
	uint64_t count = 6;
	uint8_t in;

	OUT(uint8_t, "b", PORT, 5);
	OUT(uint16_t, "w", PORT, 5);
	OUT(uint32_t, "l", PORT, 5);
	guest_sync(1);
	asm volatile("inb %1, %0" : "=a"(in) : "Nd"((uint16_t)PORT));
	OUT(uint16_t, "w", PORT + 1, 5);
	guest_sync(2);
	OUT(uint16_t, "w", PORT, 7);
	OUT(uint16_t, "w", PORT, 8);
	OUT(uint8_t, "b", PORT, 7);
	guest_sync(3);
	asm volatile("rep outsw" : "+S"(from), "+c"(count) : "d"(PORT) : "memory");
	guest_check("REP OUTS writes all", count, 0);
	guest_sync(4);
	OUT(uint32_t, "l", PORT, 1);
	OUT(uint8_t, "b", PORT, 1);
	guest_sync(5);
	OUT(uint8_t, "b", PORT, 1);
	guest_sync(6);
}

/* What user space gets: by port, and the words that were written. */
static struct {
	unsigned int outs, ins;
	uint16_t words[8];
} left;

/* Runs to the next guest_sync(), whose value it returns; ~0 for any other exit. */
static uint32_t sync_ports(void)
{
	struct kvm_run *run = vcpu.run;
	unsigned int i;

	memset(&left, 0, sizeof(left));
	while (vcpu_run_on(&vcpu) == KVM_EXIT_IO) {
		uint8_t *data = (uint8_t *)run + run->io.data_offset;

		if (run->io.port == SYNC_PORT)
			return *(uint32_t *)data;
		for (i = 0; i < run->io.count; i++, data += run->io.size) {
			if (run->io.direction == KVM_EXIT_IO_IN)
				left.ins++;
			else
				memcpy(&left.words[left.outs++ & 7], data, 2);
		}
	}
	return ~0u;
}

static void ports(const char *path, bool irqchip)
{
	int event = new_event(), seven = new_event();

	machine(&vm, &vcpu, path, irqchip, port_guest);
	ioeventfd(&vm, event, PORT, 2, PIO, 0);
	TAP_EQ(sync_ports(), 1, "a guest writes to a port");
	TAP_EQ(taken(event), 1, "the write of that length signals");
	TAP_EQ(left.outs, 2, "the two other ones are user space's");
	sync_ports();
	TAP_EQ(taken(event), 0, "neither IN nor the next port signal");
	TAP_EQ(left.ins * 10 + left.outs, 11, "which user space gets");
	ioeventfd(&vm, event, PORT, 2, PIO | DEASSIGN, 0);
	ioeventfd(&vm, seven, PORT, 2, PIO | MATCH, 7);
	sync_ports();
	TAP_EQ(taken(seven), 1, "only the value that matches signals");
	TAP_EQ(left.outs, 2, "the others are user space's");
	sync_ports();
	tap_checks();
	TAP_EQ(taken(seven), 4, "REP OUTS signals for each value that matches");
	TAP_EQ(left.outs, 2, "and hands out two of six");
	TAP_EQ(left.words[0] * 10 + left.words[1], 89, "the ones that do not");
	ioeventfd(&vm, seven, PORT, 2, PIO | MATCH | DEASSIGN, 7);
	ioeventfd(&vm, event, PORT, 0, PIO, 0);
	sync_ports();
	TAP_EQ(taken(event), 2, "without length, writes of any length signal");
	TAP_EQ(left.outs, 0, "and user space gets none");
	ioeventfd(&vm, event, PORT, 0, PIO | DEASSIGN, 0);
	sync_ports();
	TAP_EQ(taken(event) + 10 * left.outs, 10, "deassigned, user space gets it");
	machine_close(&vm, &vcpu);
	close(event);
	close(seven);
}

/* --- addresses ------------------------------------------------------------------------------ */

#define STORE(type, offset, value) \
	(*(volatile type *)(DEVICE + (offset)) = (type)(value))

static void memory_guest(void)
{
	STORE(uint32_t, 0x10, 1);
	STORE(uint64_t, 0x10, 1);
	guest_check("a read is user space's", *(volatile uint32_t *)(DEVICE + 0x10), 1);
	guest_sync(1);
	STORE(uint64_t, 0x20, 0x1122334455667788);
	STORE(uint64_t, 0x20, 0x1122334455667789);
	guest_sync(2);
	STORE(uint8_t, 0x30, 1);
	STORE(uint16_t, 0x30, 2);
	STORE(uint32_t, 0x30, 3);
	STORE(uint64_t, 0x30, 4);
	guest_sync(3);
	asm volatile("lock incl %0" : "+m"(*(volatile uint32_t *)(DEVICE + 0x10)));
	guest_sync(4);
	guest_check("a read is no write", *(volatile uint16_t *)(DEVICE + 0x30), 0x4444);
	guest_sync(5);
}

static void memory(const char *path, bool irqchip)
{
	int event = new_event(), value = new_event(), any = new_event();

	machine(&vm, &vcpu, path, irqchip, memory_guest);
	memset(&device, 0, sizeof(device));
	ioeventfd(&vm, event, DEVICE + 0x10, 4, 0, 0);
	ioeventfd(&vm, value, DEVICE + 0x20, 8, MATCH, 0x1122334455667788);
	ioeventfd(&vm, any, DEVICE + 0x30, 0, 0, 0);
	*(uint16_t *)(device.memory + 0x30) = 0x4444;
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 1, "a guest writes to an address");
	TAP_EQ(taken(event), 1, "the write of that length signals");
	TAP_EQ(device.writes, 1, "the other one is user space's");
	vcpu_sync_io(&vcpu, &device);
	TAP_EQ(taken(value), 1, "64 bits are matched");
	TAP_EQ(device.writes, 2, "another value is user space's");
	vcpu_sync_io(&vcpu, &device);
	TAP_EQ(taken(any), 4, "without length, writes of any length signal");
	TAP_EQ(device.writes, 2, "and user space gets none");
	vcpu_sync_io(&vcpu, &device);
	TAP_EQ(taken(event), 1, "an instruction that reads and writes signals");
	/* Upstream takes any access for a write and skips it: differences.rst. */
	if (strstr(path, "kvmlet")) {
		vcpu_sync_io(&vcpu, &device);
		TAP_EQ(taken(any), 0, "without length, a read does not signal");
	}
	tap_checks();
	machine_close(&vm, &vcpu);
	close(event);
	close(value);
	close(any);
}

/* --- irqfd ---------------------------------------------------------------------------------- */

#define EDGE_PIN	5
#define LEVEL_PIN	10
#define MSI_GSI		40
#define EDGE		0x45
#define LEVEL		0x4a
#define MSI		0x50

/* So many interrupts of the level-triggered pin, then it is masked. 0: never. */
static volatile uint32_t most;

static void end_interrupt(void)
{
	if (most && irqs[LEVEL] >= most)
		ioapic_route(LEVEL_PIN, LEVEL | 1 << 15 | 1 << 16);
	apic_eoi();
}

static void enable_controllers(void)
{
	guest_warm();
	guest_eoi = end_interrupt;
	apic_write(APIC_SPIV, 0x1ff);
	ioapic_route(EDGE_PIN, EDGE);
	ioapic_route(LEVEL_PIN, LEVEL | 1 << 15);
}

static void irq_guest(void)
{
	uint32_t step = 0;

	enable_controllers();
	for (;;) {
		guest_sync(++step);
		guest_open();
	}
}

static void irq_machine(const char *path)
{
	static struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entries[3];
	} table = { .head = { .nr = 3 }, .entries = {
		{ .gsi = EDGE_PIN, .type = KVM_IRQ_ROUTING_IRQCHIP,
		  .u.irqchip = { KVM_IRQCHIP_IOAPIC, EDGE_PIN } },
		{ .gsi = LEVEL_PIN, .type = KVM_IRQ_ROUTING_IRQCHIP,
		  .u.irqchip = { KVM_IRQCHIP_IOAPIC, LEVEL_PIN } },
		{ .gsi = MSI_GSI, .type = KVM_IRQ_ROUTING_MSI,
		  .u.msi = { .address_lo = 0xfee00000, .data = MSI } },
	} };

	machine(&vm, &vcpu, path, true, irq_guest);
	TAP_EQ(call(vm.fd, KVM_SET_GSI_ROUTING, &table), 0, "pins and a message are routed");
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest enables its controllers");
}

static void edges(const char *path)
{
	int event = new_event(), message = new_event(), early = new_event();

	irq_machine(path);
	TAP_EQ(irqfd(&vm, event, EDGE_PIN, 0, 0), 0, "irqfd of an edge-triggered pin");
	TAP_EQ(irqfd(&vm, message, MSI_GSI, 0, 0), 0, "irqfd of a message");
	signal_event(event);
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[EDGE], 1, "a signal is an interrupt");
	TAP_EQ(taken(event), 0, "and was taken from the eventfd");
	signal_event(event);
	signal_event(event);
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[EDGE], 2, "two signals that nobody took between are one");
	signal_event(message);
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[MSI], 1, "a message arrives");
	irqfd(&vm, event, EDGE_PIN, KVM_IRQFD_FLAG_DEASSIGN, 0);
	signal_event(event);
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[EDGE], 2, "deassigned, it interrupts no more");
	TAP_EQ(taken(event), 1, "and the eventfd keeps its count");
	signal_event(early);
	TAP_EQ(irqfd(&vm, early, EDGE_PIN, 0, 0), 0, "an eventfd that is signalled already");
	usleep(20000);
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[EDGE], 3, "interrupts at once");
	close(early);
	close(message);
	early = new_event();
	message = new_event();
	TAP_EQ(irqfd(&vm, early, EDGE_PIN, 0, 0), 0, "a closed eventfd has left its place");
	machine_close(&vm, &vcpu);
	signal_event(early);
	TAP_EQ(taken(early), 1, "after the VM's end an eventfd is free");
	close(early);
	close(message);
	close(event);
}

/* --- whom a message reaches, as the LAPIC changes --------------------------------------------- */

#define APIC_LDR	0x0d0
#define APIC_DFR	0x0e0

static const struct {
	uint32_t reg, value;
	unsigned int arrives;
	const char *what;
} moves[] = {
	{ APIC_LDR, 2u << 24, 1, "a message arrives by a logical id" },
	{ APIC_LDR, 4u << 24, 0, "not when the guest has changed that" },
	{ APIC_LDR, 2u << 24, 1, "again when it has changed it back" },
	{ APIC_SPIV, 0xff, 0, "not when software has disabled the LAPIC" },
	{ APIC_SPIV, 0x1ff, 1, "again when it has enabled it" },
	{ APIC_DFR, 0x0fffffff, 1, "in a cluster of one" },
	{ APIC_LDR, 0x12u << 24, 0, "not in another cluster" },
	{ APIC_LDR, 2u << 24, 1, "again in its own" },
};

#define MOVES	(sizeof(moves) / sizeof(moves[0]))

static void moving_guest(void)
{
	unsigned int i;

	enable_controllers();
	for (i = 0; i < MOVES; i++) {
		apic_write(moves[i].reg, moves[i].value);
		guest_sync(i + 1);
		guest_open();
	}
	guest_sync(MOVES + 1);
	for (;;) {
		guest_open();
		guest_sync(MOVES + 2);
	}
}

static void moving(const char *path)
{
	static struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} table = { .head = { .nr = 1 }, .entry = {
		.gsi = MSI_GSI, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = 0xfee00004 | 2 << 12, .data = MSI },
	} };
	struct kvm_lapic_state lapic;
	int event = new_event();
	unsigned int i, before;

	machine(&vm, &vcpu, path, true, moving_guest);
	call(vm.fd, KVM_SET_GSI_ROUTING, &table);
	irqfd(&vm, event, MSI_GSI, 0, 0);
	vcpu_sync(&vcpu);
	for (i = 0; i < MOVES; i++) {
		before = irqs[MSI];
		signal_event(event);
		vcpu_sync(&vcpu);
		TAP_EQ(irqs[MSI] - before, moves[i].arrives, "%s", moves[i].what);
	}
	call(vcpu.fd, KVM_GET_LAPIC, &lapic);
	lapic.regs[APIC_LDR + 3] = 4;
	call(vcpu.fd, KVM_SET_LAPIC, &lapic);
	before = irqs[MSI];
	signal_event(event);
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[MSI] - before, 0, "not when user space has changed the id");
	table.entry.u.msi.address_lo = 0xfee00004 | 4 << 12;
	call(vm.fd, KVM_SET_GSI_ROUTING, &table);
	signal_event(event);
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[MSI] - before, 1, "again when the route says the same");
	machine_close(&vm, &vcpu);
	close(event);
}

static void levels(const char *path)
{
	int a = new_event(), b = new_event(), ended_a = new_event(), ended_b = new_event();

	irq_machine(path);
	TAP_EQ(irqfd(&vm, a, LEVEL_PIN, RESAMPLE, ended_a), 0, "a pin with a resamplefd");
	TAP_EQ(irqfd(&vm, b, LEVEL_PIN, RESAMPLE, ended_b), 0, "and a second one of the same pin");
	signal_event(a);
	TAP_EQ(taken(ended_a), 0, "nothing has ended yet");
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[LEVEL], 1, "a signal is one interrupt");
	TAP_EQ(taken(ended_a), 1, "whose end is told");
	TAP_EQ(taken(ended_b), 1, "to each who has the pin");
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[LEVEL], 1, "the pin has fallen");
	signal_event(b);
	irqfd(&vm, b, LEVEL_PIN, KVM_IRQFD_FLAG_DEASSIGN, 0);
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[LEVEL], 2, "the line is the other one's now, who has not lowered it");
	TAP_EQ(taken(ended_a), 1, "and who hears of its end");
	TAP_EQ(taken(ended_b), 0, "the one that was deassigned does not");
	signal_event(a);
	irqfd(&vm, a, LEVEL_PIN, KVM_IRQFD_FLAG_DEASSIGN, 0);
	vcpu_sync(&vcpu);
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[LEVEL], 3, "the last one takes its line along");
	machine_close(&vm, &vcpu);
	close(a);
	close(b);
	close(ended_a);
	close(ended_b);
}

/* A device that is not done when the guest has ended its interrupt: it raises its line again. */
static void again(const char *path)
{
	int both = new_event(), ended = new_event();
	unsigned int i;

	irq_machine(path);
	irqfd(&vm, both, LEVEL_PIN, RESAMPLE, ended);
	signal_event(both);
	for (i = 0; i < 5; i++) {
		vcpu_sync(&vcpu);
		if (taken(ended))
			signal_event(both);
	}
	TAP_EQ(irqs[LEVEL], 5, "a line that is raised again interrupts again");
	machine_close(&vm, &vcpu);
	close(both);
	close(ended);
}

/* A message has the vector of a level-triggered pin, whose interrupt another vCPU has. */
static void elsewhere(const char *path)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = LEVEL };
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	int event = new_event(), ended = new_event();
	struct kvm_lapic_state lapic;
	struct vcpu other;

	irq_machine(path);
	vcpu_open(&vm, &other, 1);
	call(other.fd, KVM_GET_LAPIC, &lapic);
	memcpy(lapic.regs + APIC_SPIV, &(uint32_t){ 0x1ff }, sizeof(uint32_t));
	call(other.fd, KVM_SET_LAPIC, &lapic);
	call(vm.fd, KVM_GET_IRQCHIP, &chip);
	chip.chip.ioapic.redirtbl[LEVEL_PIN].fields.dest_id = 1;
	call(vm.fd, KVM_SET_IRQCHIP, &chip);
	irqfd(&vm, event, LEVEL_PIN, RESAMPLE, ended);
	signal_event(event);
	call(vm.fd, KVM_SIGNAL_MSI, &msi);
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[LEVEL], 1, "a message with the vector of a pin");
	if (strstr(path, "kvmlet"))
		TAP_EQ(taken(ended), 0, "its end is not that of the pin's interrupt");
	else
		tap_skip("its end is not that of the pin's interrupt", "upstream tells each end of "
			 "the vector, by whichever vCPU");
	call(vm.fd, KVM_GET_IRQCHIP, &chip);
	TAP_EQ(chip.chip.ioapic.redirtbl[LEVEL_PIN].fields.remote_irr, 1,
	       "which is still in service at the other vCPU");
	vcpu_close(&other);
	machine_close(&vm, &vcpu);
	close(event);
	close(ended);
}

/* An input that two wires lead to is high while one of them is. */
static void shared(const char *path)
{
	int event = new_event(), ended = new_event();
	struct kvm_irq_level line = { .irq = LEVEL_PIN, .level = 1 };

	most = 3;
	irq_machine(path);
	irqfd(&vm, event, LEVEL_PIN, RESAMPLE, ended);
	signal_event(event);
	call(vm.fd, KVM_IRQ_LINE, &line);
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[LEVEL], 3, "the resampled wire falls, and user space's keeps the pin high");
	most = 0;
	machine_close(&vm, &vcpu);
	close(event);
	close(ended);
}

/* --- 8259s ---------------------------------------------------------------------------------- */

static void end_pic(void)
{
	OUT(uint8_t, "b", 0xa0, 0x20);
	OUT(uint8_t, "b", 0x20, 0x20);
}

static void pic_guest(void)
{
	guest_eoi = end_pic;
	OUT(uint8_t, "b", 0x20, 0x11);
	OUT(uint8_t, "b", 0x21, 0x60);
	OUT(uint8_t, "b", 0x21, 0x04);
	OUT(uint8_t, "b", 0x21, 0x01);
	OUT(uint8_t, "b", 0xa0, 0x11);
	OUT(uint8_t, "b", 0xa1, 0x68);
	OUT(uint8_t, "b", 0xa1, 0x02);
	OUT(uint8_t, "b", 0xa1, 0x01);
	OUT(uint8_t, "b", 0x4d1, 0x04);
	guest_sync(1);
	guest_open();
	guest_sync(2);
	guest_open();
	guest_sync(3);
}

static void pics(const char *path)
{
	int event = new_event(), ended = new_event();

	machine(&vm, &vcpu, path, true, pic_guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest with 8259s");
	irqfd(&vm, event, 10, RESAMPLE, ended);
	signal_event(event);
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[0x6a], 1, "line 10 of the 8259s interrupts");
	TAP_EQ(taken(ended), 1, "its end is told");
	vcpu_sync(&vcpu);
	TAP_EQ(irqs[0x6a], 1, "and the line has fallen");
	machine_close(&vm, &vcpu);
	close(event);
	close(ended);
}

/* --- a vCPU that sleeps, and one that is never asked ------------------------------------------ */

#define ROUNDS		200

static void sleeper_guest(void)
{
	enable_controllers();
	OUT(uint32_t, "l", 0x500, 1);
	for (;;) {
		guest_halt();
		OUT(uint32_t, "l", 0x500, 1);
		if (irqs[MSI] == ROUNDS)
			guest_sync(1);
	}
}

static void *runner(void *arg)
{
	return (void *)(uintptr_t)vcpu_sync(&vcpu);
}

/* Each signal wakes the guest, and each wake-up is signalled: no exit to user space at all. */
static void ping_pong(const char *path)
{
	int kick = new_event(), done = new_event(), i, lost = 0;
	struct pollfd wait = { .fd = done, .events = POLLIN };
	static struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} table = { .head = { .nr = 1 }, .entry = {
		.gsi = MSI_GSI, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = 0xfee00000, .data = MSI },
	} };
	pthread_t thread;
	void *value = NULL;

	machine(&vm, &vcpu, path, true, sleeper_guest);
	call(vm.fd, KVM_SET_GSI_ROUTING, &table);
	irqfd(&vm, kick, MSI_GSI, 0, 0);
	ioeventfd(&vm, done, 0x500, 4, PIO, 0);
	pthread_create(&thread, NULL, runner, NULL);
	for (i = 0; i <= ROUNDS; i++) {
		lost += poll(&wait, 1, 3000) != 1 || taken(done) != 1;
		if (i < ROUNDS)
			signal_event(kick);
	}
	if (!lost)
		pthread_join(thread, &value);
	TAP_EQ(lost, 0, "a sleeping guest answers each of 200 signals with one");
	TAP_EQ((uintptr_t)value, 1, "and leaves the kernel only at the end");
	if (!lost)
		machine_close(&vm, &vcpu);
	close(kick);
	close(done);
}

/* --- eventfds that come and go while the guest uses them -------------------------------------- */

static volatile bool stop;

static void storm_guest(void)
{
	enable_controllers();
	while (!stop) {
		OUT(uint16_t, "w", PORT, 7);
		STORE(uint32_t, 0x40, 1);
		guest_open();
	}
	guest_sync(1);
}

static void *storm(void *arg)
{
	int exit;

	do
		exit = vcpu_run_io(&vcpu, &device);
	while (exit == KVM_EXIT_IO && vcpu.run->io.port == PORT);
	return (void *)(uintptr_t)(exit == KVM_EXIT_IO && vcpu.run->io.port == SYNC_PORT);
}

static void churn(const char *path)
{
	int event = new_event(), line, ended, i, wrong = 0;
	pthread_t thread;
	void *value;

	stop = false;
	machine(&vm, &vcpu, path, true, storm_guest);
	pthread_create(&thread, NULL, storm, NULL);
	for (i = 0; i < 60; i++) {
		line = new_event();
		ended = new_event();
		usleep(500);
		wrong += !!ioeventfd(&vm, event, PORT, 2, PIO, 0);
		wrong += !!ioeventfd(&vm, event, DEVICE + 0x40, 4, 0, 0);
		wrong += !!irqfd(&vm, line, LEVEL_PIN, RESAMPLE, ended);
		signal_event(line);
		usleep(1000);
		wrong += !!ioeventfd(&vm, event, PORT, 2, PIO | DEASSIGN, 0);
		if (i & 1)
			wrong += !!irqfd(&vm, line, LEVEL_PIN, KVM_IRQFD_FLAG_DEASSIGN, 0);
		wrong += !!ioeventfd(&vm, event, DEVICE + 0x40, 4, DEASSIGN, 0);
		close(line);
		close(ended);
	}
	stop = true;
	pthread_join(thread, &value);
	TAP_EQ(wrong, 0, "eventfds come and go while the guest uses them");
	TAP_EQ((uintptr_t)value, 1, "and the guest goes on");
	tap_ok(taken(event), "some of its writes were signals");
	tap_ok(irqs[LEVEL], "some signals were interrupts (%u)", irqs[LEVEL]);
	machine_close(&vm, &vcpu);
	close(event);
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);

	tap_begin();
	ports(path, false);
	ports(path, true);
	memory(path, false);
	memory(path, true);
	edges(path);
	moving(path);
	levels(path);
	again(path);
	elsewhere(path);
	shared(path);
	pics(path);
	ping_pong(path);
	churn(path);
	return tap_end();
}
