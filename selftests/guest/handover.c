// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt controllers that are taken to another VM in the middle of their work: one interrupt in
 * service, others waiting, a line still high, a timer that counts. The memory stays where it is;
 * the first VM is gone when the second one runs.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#include <time.h>
#include "selftests/lib/apic.h"

#define CHIPS		3
#define LEVEL		0x8000
#define PPR		0x0a0
#define EDGE_PIN	18		/* these of the IO-APIC alone */
#define LEVEL_PIN	19
#define IN_SERVICE	100		/* the handler's word, before its EOI */
#define MASTER		0x20
#define SLAVE		0xa0
#define END		0x20		/* OCW2: the interrupt in service is ended */
#define MS		1000000UL

static const char *path;
static struct vm vm;
static struct vcpu vcpu;

/* What is taken along. */
static struct state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp_state;
	struct kvm_lapic_state lapic;
	struct kvm_irqchip chips[CHIPS];
} old, new;

static void set_line(unsigned int gsi, unsigned int level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	TAP_EQ(call(vm.fd, KVM_IRQ_LINE, &line), 0, "line %u is %s", gsi, level ? "high" : "low");
}

/* Completes the guest's last OUT, which moves RIP. */
static void complete(void)
{
	vcpu.run->immediate_exit = 1;
	vcpu_run(&vcpu);
	vcpu.run->immediate_exit = 0;
}

static bool get(struct state *state)
{
	int bad, i;

	complete();
	memset(state, 0, sizeof(*state));
	bad = call(vcpu.fd, KVM_GET_MP_STATE, &state->mp_state) ?:
	      call(vcpu.fd, KVM_GET_REGS, &state->regs) ?:
	      call(vcpu.fd, KVM_GET_SREGS, &state->sregs) ?:
	      call(vcpu.fd, KVM_GET_FPU, &state->fpu) ?:
	      call(vcpu.fd, KVM_GET_VCPU_EVENTS, &state->events) ?:
	      call(vcpu.fd, KVM_GET_LAPIC, &state->lapic);
	for (i = 0; i < CHIPS && !bad; i++) {
		state->chips[i].chip_id = i;
		bad = call(vm.fd, KVM_GET_IRQCHIP, &state->chips[i]);
	}
	return !bad;
}

static bool set(struct state *state)
{
	int bad, i;

	bad = call(vcpu.fd, KVM_SET_SREGS, &state->sregs) ?:
	      call(vcpu.fd, KVM_SET_REGS, &state->regs) ?:
	      call(vcpu.fd, KVM_SET_FPU, &state->fpu) ?:
	      call(vcpu.fd, KVM_SET_LAPIC, &state->lapic) ?:
	      call(vcpu.fd, KVM_SET_VCPU_EVENTS, &state->events) ?:
	      call(vcpu.fd, KVM_SET_MP_STATE, &state->mp_state);
	for (i = 0; i < CHIPS && !bad; i++)
		bad = call(vm.fd, KVM_SET_IRQCHIP, &state->chips[i]);
	return !bad;
}

static uint32_t lapic_word(const struct state *state, unsigned int reg)
{
	uint32_t value;

	memcpy(&value, state->lapic.regs + reg, sizeof(value));
	return value;
}

static bool lapic_bit(const struct state *state, unsigned int reg, unsigned int vector)
{
	return lapic_word(state, reg + vector / 32 * 16) >> (vector & 31) & 1;
}

/* But for PPR, which follows from others: upstream has it when the guest runs. */
static bool same_lapic(void)
{
	memset(old.lapic.regs + PPR, 0, 4);
	memset(new.lapic.regs + PPR, 0, 4);
	return !memcmp(&old.lapic, &new.lapic, sizeof(old.lapic));
}

static void open_machine(void (*guest)(void), void (*eoi)(void))
{
	guest_eoi = eoi;
	machine(&vm, &vcpu, path, true, guest);
}

static void warm_guest(void)
{
	guest_warm();
	guest_sync(0);
}

/* Another VM, whose guest has run already, on a stack of its own, with the same memory. */
static void open_second(void)
{
	uint32_t counts[256];

	memcpy(counts, (void *)irqs, sizeof(counts));
	vm_open(&vm, path);
	vm_memory(&vm);
	call(vm.fd, KVM_CREATE_IRQCHIP, 0);
	vcpu_open(&vm, &vcpu, 0);
	vcpu_supported_cpuid(&vm, &vcpu);
	vcpu_long_mode(&vcpu, warm_guest, 1);
	TAP_EQ(vcpu_sync(&vcpu), 0, "a second VM runs");
	memcpy((void *)irqs, counts, sizeof(counts));
}

static void hand_over(void)
{
	static const char *const names[] = { "the first 8259", "the second 8259", "the IO-APIC" };
	unsigned int i;

	tap_ok(get(&old), "the first VM's state is read");
	machine_close(&vm, &vcpu);
	open_second();
	complete();
	tap_ok(set(&old), "and takes it");
	tap_ok(get(&new), "and is asked for it");
	for (i = 0; i < CHIPS; i++)
		tap_ok(!memcmp(&old.chips[i].chip, &new.chips[i].chip, sizeof(old.chips[i].chip)),
		       "the state of %s is the same", names[i]);
}

/* --- LAPIC and IO-APIC ------------------------------------------------------------------------ */

/* Interrupts that have come, one vector a byte. */
static uint32_t came(unsigned int first, unsigned int second, unsigned int third)
{
	return irqs[first] | irqs[second] << 8 | irqs[third] << 16;
}

static void look(void)
{
	guest_sync(IN_SERVICE);
	apic_eoi();
}

static void apic_guest(void)
{
	guest_warm();
	apic_write(APIC_SPIV, 0x1ff);
	ioapic_route(LEVEL_PIN, LEVEL | 0x71);
	ioapic_route(EDGE_PIN, 0x61);
	for (;;) {
		guest_sync(1);
		guest_open();
	}
}

static void apics(void)
{
	open_machine(apic_guest, look);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest has a level and an edge at its IO-APIC");
	set_line(LEVEL_PIN, 1);
	TAP_EQ(vcpu_sync(&vcpu), IN_SERVICE, "the level is in service");
	set_line(EDGE_PIN, 1);
	hand_over();
	tap_ok(same_lapic(), "and that of the LAPIC");
	tap_ok(lapic_bit(&new, APIC_ISR, 0x71), "the level is in ISR");
	tap_ok(lapic_bit(&new, APIC_IRR, 0x61), "and the edge in IRR");
	TAP_EQ(came(0x71, 0x61, 0), 1, "of the two one has come");
	TAP_EQ(vcpu_sync(&vcpu), IN_SERVICE, "the guest ends the level, whose line is high");
	TAP_EQ(came(0x71, 0x61, 0), 2, "it comes again, before the edge");
	set_line(LEVEL_PIN, 0);
	TAP_EQ(vcpu_sync(&vcpu), IN_SERVICE, "it ends that, whose line is low");
	TAP_EQ(came(0x71, 0x61, 0), 0x102, "the edge comes");
	TAP_EQ(vcpu_sync(&vcpu), 1, "and nothing more");
	tap_ok(get(&new) && !lapic_bit(&new, APIC_ISR, 0x71) && !lapic_bit(&new, APIC_ISR, 0x61) &&
	       !lapic_bit(&new, APIC_IRR, 0x71), "ISR and IRR are empty");
	set_line(EDGE_PIN, 0);
	set_line(EDGE_PIN, 1);
	TAP_EQ(vcpu_sync(&vcpu), IN_SERVICE, "the next edge comes, too");
	TAP_EQ(came(0x71, 0x61, 0), 0x202, "as the second of its kind");
	hand_over();
	TAP_EQ(vcpu_sync(&vcpu), 1, "it does not come again, although its line is high");
	TAP_EQ(came(0x71, 0x61, 0), 0x202, "as the counts say");
	machine_close(&vm, &vcpu);
}

/* --- the 8259s -------------------------------------------------------------------------------- */

static void look_8259(void)
{
	guest_sync(IN_SERVICE);
	guest_outb(SLAVE, END);
	guest_outb(MASTER, END);
}

static void pic_guest(void)
{
	guest_warm();
	pic_init(MASTER, 0x20, 4);
	guest_outb(MASTER + 1, 0);
	pic_init(SLAVE, 0x28, 2);
	guest_outb(SLAVE + 1, 0);
	for (;;) {
		guest_sync(1);
		guest_open();
	}
}

static void pics(void)
{
	open_machine(pic_guest, look_8259);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest has 8259s, and no other controller");
	set_line(9, 1);
	TAP_EQ(vcpu_sync(&vcpu), IN_SERVICE, "IRQ 9 is in service");
	set_line(4, 1);
	set_line(10, 1);
	hand_over();
	tap_ok(same_lapic(), "and that of the LAPIC");
	TAP_EQ(new.chips[1].chip.pic.isr, 1 << 1, "the second 8259 has IRQ 9 in ISR");
	TAP_EQ(new.chips[1].chip.pic.irr, 1 << 2, "and IRQ 10 in IRR");
	TAP_EQ(new.chips[0].chip.pic.isr, 1 << 2, "the first one has its input in ISR");
	TAP_EQ(new.chips[0].chip.pic.irr & 1 << 4, 1 << 4, "and IRQ 4 in IRR");
	TAP_EQ(came(0x29, 0x2a, 0x24), 1, "of the three one has come");
	TAP_EQ(vcpu_sync(&vcpu), IN_SERVICE, "the guest ends IRQ 9");
	TAP_EQ(came(0x29, 0x2a, 0x24), 0x101, "IRQ 10 comes");
	TAP_EQ(vcpu_sync(&vcpu), IN_SERVICE, "it ends that");
	TAP_EQ(came(0x29, 0x2a, 0x24), 0x10101, "IRQ 4 comes");
	TAP_EQ(vcpu_sync(&vcpu), 1, "and nothing more");
	set_line(4, 0);
	set_line(4, 1);
	TAP_EQ(vcpu_sync(&vcpu), IN_SERVICE, "the next edge of IRQ 4 comes, too");
	TAP_EQ(came(0x29, 0x2a, 0x24), 0x20101, "as the second of its kind");
	machine_close(&vm, &vcpu);
}

/* --- the LAPIC's timer ------------------------------------------------------------------------ */

static void timer_guest(void)
{
	guest_warm();
	apic_write(APIC_SPIV, 0x1ff);
	apic_write(APIC_TDCR, APIC_BY_1);
	apic_write(APIC_LVTT, 0x51);
	apic_write(APIC_TMICT, 30 * MS);
	guest_sync(1);
	guest_halt();
	guest_sync(2);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000UL + ts.tv_nsec;
}

static void timers(void)
{
	uint64_t left, start;

	open_machine(timer_guest, apic_eoi);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest's timer counts 30 ms");
	usleep(10000);
	tap_ok(get(&old), "10 ms later the VM is left");
	left = lapic_word(&old, APIC_TMCCT);
	tap_ok(left > 0 && left <= 20 * MS, "with 20 ms to go, at most");
	machine_close(&vm, &vcpu);
	usleep(40000);
	open_second();
	complete();
	start = now();
	tap_ok(set(&old), "40 ms later another one takes its state");
	tap_ok(get(&new) && lapic_word(&new, APIC_TMCCT) <= left, "whose timer has no more to go");
	TAP_EQ(vcpu_sync(&vcpu), 2, "it interrupts");
	tap_ok(now() - start >= left - left / 50, "when it has counted what was left");
	TAP_EQ(irqs[0x51], 1, "once");
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	tap_begin();
	path = device_path(argc, argv);
	apics();
	pics();
	timers();
	return tap_end();
}
