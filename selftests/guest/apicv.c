// SPDX-License-Identifier: GPL-2.0
/*
 * The processor's help for LAPICs: which accesses and ends of interrupts do not exit, and that a
 * guest cannot tell whether there is help: as MSRs and as memory, with and without it.
 *
 * only: kvmlet
 * lab:
 * lab@kvmlet: --param apicv=1
 * lab@kvmlet: --param apicv=1 --cpu corei7_skylake_x
 * lab@kvmlet: --param apicv=1 --cpu sapphire_rapids
 * lab@kvmlet: --param apicv=1 --cpu corei7_skylake_x --param 'hide="use TPR shadow"'
 * lab@kvmlet: --param apicv=1 --cpu corei7_skylake_x --param 'hide="virtual-interrupt delivery"'
 * lab@kvmlet: --param apicv=1 --cpu corei7_skylake_x --param 'hide="APIC-register virtualization"'
 * lab@kvmlet: --param apicv=1 --cpu corei7_skylake_x --param 'hide="virtualize x2APIC mode"'
 * lab@kvmlet: --param apicv=1 --cpu corei7_skylake_x --param 'hide="virtualize APIC accesses"'
 */
#include <pthread.h>
#include "selftests/lib/apic.h"

#define LOW		0x45
#define MIDDLE		0x51
#define HIGH		0x61
#define HIGHER		0x71
#define LAPIC_PPR	0x0a0
#define MSI_LEVEL	(1 << 15)
#define ROUNDS		100
#define ROUNDS_DEBUG	25

static const char *path;
static bool in_x2apic;
static unsigned int rounds;
static struct vm vm;
static struct vcpu vcpu;
static volatile uint32_t log[16];
static volatile unsigned int logged;
static volatile bool done;

/* --- the guest's side ----------------------------------------------------------------------- */

static uint32_t rd(unsigned int reg)
{
	return in_x2apic ? guest_rdmsr(X2APIC(reg)) : apic_read(reg);
}

static void wr(unsigned int reg, uint32_t value)
{
	if (in_x2apic)
		guest_wrmsr(X2APIC(reg), value);
	else
		apic_write(reg, value);
}

static void self(uint32_t vector)
{
	if (in_x2apic)
		guest_wrmsr(X2APIC_SELF, vector);
	else
		apic_write(APIC_ICR, ICR_SELF | vector);
}

static bool bit_of(unsigned int set, unsigned int vector)
{
	return rd(set + vector / 32 * 16) >> (vector & 31) & 1;
}

static void end(void)
{
	wr(APIC_EOI, 0);
}

static void do_reads(void)
{
	unsigned int reg, ones = 0;

	guest_check("the version reads", rd(0x030), 0x50014);
	guest_check("SVR reads as written", rd(APIC_SPIV), 0x1ff);
	guest_check("LINT1 is masked", rd(0x360), 0x10000);
	guest_check("the timer is masked", rd(APIC_LVTT), 0x10000);
	guest_check("there is no error", rd(0x280), 0);
	guest_check("the initial count is 0", rd(APIC_TMICT), 0);
	guest_check("the divisor is 2", rd(APIC_TDCR), 0);
	guest_check("the id is 0", rd(APIC_ID), 0);
	guest_check("TPR is 0", rd(APIC_TPR), 0);
	for (reg = APIC_ISR; reg < APIC_IRR + 0x80; reg += 0x10)
		ones |= rd(reg);
	guest_check("ISR, TMR and IRR are empty", ones, 0);
	guest_check("the thermal entry is masked", rd(0x330), 0x10000);
	guest_check("the counters' entry is masked", rd(0x340), 0x10000);
	guest_check("the errors' entry is masked", rd(0x370), 0x10000);
	if (!in_x2apic) {
		guest_check("DFR is flat", rd(0x0e0), ~0u);
		guest_check("ICR's upper half is 0", rd(APIC_ICR2), 0);
	}
}

static void do_task_priority(void)
{
	unsigned int i, wrong = 0;

	for (i = 0; i < 16; i++) {
		wr(APIC_TPR, i << 4);
		wrong += rd(APIC_TPR) != i << 4;
	}
	wr(APIC_TPR, 0);
	guest_check("TPR reads as written, whatever it is", wrong, 0);
}

static void do_priority(void)
{
	wr(APIC_TPR, 0x50);
	guest_check("TPR reads as written", rd(APIC_TPR), 0x50);
	self(LOW);
	guest_open();
	guest_check("TPR holds a lower interrupt back", irqs[LOW], 0);
	guest_check("it waits in IRR", bit_of(APIC_IRR, LOW), 1);
	asm volatile("sti");
	wr(APIC_TPR, 0x40);
	guest_check("its own class, too", irqs[LOW], 0);
	wr(APIC_TPR, 0x30);
	asm volatile("nop; cli");
	guest_check("it comes when TPR falls", irqs[LOW], 1);
	wr(APIC_TPR, 0);
}

static void do_self(void)
{
	unsigned int i;

	asm volatile("sti");
	for (i = 0; i < rounds; i++)
		self(MIDDLE);
	asm volatile("nop; cli");
	guest_check("self-IPIs arrive", irqs[MIDDLE], rounds);
}

static void do_closed(void)
{
	self(MIDDLE);
	self(MIDDLE);
	guest_check("with IF = 0 one waits", irqs[MIDDLE], rounds);
	guest_open();
	guest_check("and comes with IF, once", irqs[MIDDLE], rounds + 1);
	guest_check("ISR is empty after EOI", bit_of(APIC_ISR, MIDDLE), 0);
}

/* In MIDDLE's handler: what is higher comes at once, what is lower after it. */
static void nest(void)
{
	log[logged++] = bit_of(APIC_ISR, HIGH) ? HIGH : bit_of(APIC_ISR, MIDDLE) ? MIDDLE : LOW;
	if (logged == 1) {
		self(LOW);
		self(HIGH);
		guest_open();
		log[logged++] = 1;
	}
	end();
}

static void do_nest(void)
{
	logged = 0;
	guest_eoi = nest;
	self(MIDDLE);
	guest_open();
	guest_eoi = end;
	guest_check("the first comes", log[0], MIDDLE);
	guest_check("a higher one in its handler", log[1], HIGH);
	guest_check("the handler goes on", log[2], 1);
	guest_check("and the lower one after it", log[3], LOW);
	guest_check("that is all", logged, 4);
}

/* What each takes, by what the processor must do for it not to exit, beside the mode's own help. */
static const struct {
	void (*work)(void);
	const char *name;
	bool reads, delivers;
} steps[] = {
	{ do_reads, "reads of registers", true, false },
	{ do_task_priority, "the task priority alone", false, false },
	{ do_priority, "the task priority, and what waits for it", true, true },
	{ do_self, "self-IPIs, delivery and EOI", false, true },
	{ do_closed, "an interrupt that waits for IF", true, true },
	{ do_nest, "nested interrupts", true, true },
};

#define STEPS	(sizeof(steps) / sizeof(steps[0]))

/* Handlers on the stack that is in use, so that they nest. */
static void allow_nesting(void)
{
	struct { uint16_t limit; uintptr_t base; } __attribute__((packed)) idtr;
	unsigned int vector;

	asm volatile("sidt %0" : "=m"(idtr));
	for (vector = 32; vector < 256; vector++)
		*(uint8_t *)(idtr.base + 16 * vector + 4) = 0;
}

static void enter(void)
{
	allow_nesting();
	guest_warm();
	guest_eoi = end;
	if (in_x2apic)
		guest_wrmsr(MSR_APIC_BASE, guest_rdmsr(MSR_APIC_BASE) | 0x400);
	wr(APIC_SPIV, 0x1ff);
	rd(APIC_SPIV);
}

static void steps_guest(void)
{
	unsigned int i;

	enter();
	for (i = 0; i < STEPS; i++) {
		guest_sync(i);
		steps[i].work();
	}
	guest_sync(STEPS);
	/* What has effects, or must be worked out. */
	wr(APIC_LVTT, 0x10000 | LVTT_PERIODIC | LOW);
	guest_check("the timer's entry reads as written", rd(APIC_LVTT),
		    0x10000 | LVTT_PERIODIC | LOW);
	wr(APIC_TDCR, APIC_BY_1);
	wr(APIC_TMICT, 0x10000000);
	guest_check("the timer counts", rd(APIC_TMCCT) - 1 < 0x10000000, 1);
	wr(APIC_LVTT, 0x10000 | LVTT_DEADLINE | LOW);
	guest_check("in TSC-deadline mode it does not", rd(APIC_TMCCT), 0);
	wr(APIC_TMICT, 0x1234);
	guest_check("and its initial count stays 0", rd(APIC_TMICT), 0);
	wr(0x280, 0);
	self(5);
	wr(0x280, 0);
	guest_check("an illegal vector is an error", rd(0x280) & 0x20, 0x20);
	wr(APIC_SPIV, 0xff);
	guest_check("a LAPIC that is disabled masks LINT0", rd(APIC_LINT0) >> 16, 1);
	guest_sync(STEPS + 1);
}

/* --- what exits ----------------------------------------------------------------------------- */

static long exits(void)
{
	return vcpu_exits(&vcpu, "APIC_ACCESS") + vcpu_exits(&vcpu, "APIC_WRITE") +
	       vcpu_exits(&vcpu, "EOI_INDUCED") +
	       vcpu_exits(&vcpu, "MSR_READ") + vcpu_exits(&vcpu, "MSR_WRITE") +
	       vcpu_exits(&vcpu, "INTERRUPT_WINDOW") + vcpu_exits(&vcpu, "TPR_BELOW_THRESHOLD");
}

static void open_machine(void (*guest)(void))
{
	machine(&vm, &vcpu, path, true, guest);
	memset((void *)irqs, 0, sizeof(irqs));
	logged = 0;
	done = false;
}

/* Memory is the LAPIC's page only where reads of it do not exit, either (irqchip.rst). */
static bool mode_helps(bool x2apic)
{
	return x2apic ? host_helps(HELP_X2APIC) :
			host_helps(HELP_MEMORY) && host_helps(HELP_REGISTERS);
}

static void all_steps(bool x2apic)
{
	const bool mode = mode_helps(x2apic), reads = host_helps(HELP_REGISTERS);
	const bool delivers = host_helps(HELP_DELIVERY);
	unsigned int i;
	long before, faults;

	in_x2apic = x2apic;
	open_machine(steps_guest);
	TAP_EQ(vcpu_sync(&vcpu), 0, x2apic ? "as MSRs" : "as memory");
	for (i = 0; i < STEPS; i++) {
		before = exits();
		faults = vcpu_exits(&vcpu, "EPT_VIOLATION");
		TAP_EQ(vcpu_sync(&vcpu), i + 1, steps[i].name);
		/* Memory is touched for the first time, too. */
		faults = vcpu_exits(&vcpu, "EPT_VIOLATION") - faults;
		if (mode && reads >= steps[i].reads && delivers >= steps[i].delivers)
			TAP_EQ(exits() - before + (faults > 4 ? faults : 0), 0, "without an exit");
		else
			tap_ok(exits() - before + faults > (mode || delivers ? 0 : 4), "by exits");
	}
	TAP_EQ(vcpu_sync(&vcpu), STEPS + 1, "registers with effects");
	tap_checks();
	if (mode && !x2apic)
		vcpu_reached(&vcpu, "APIC_WRITE APIC_ACCESS");
	machine_close(&vm, &vcpu);
}

/* --- interrupts from outside ---------------------------------------------------------------- */

static void spin_guest(void)
{
	enter();
	guest_sync(1);
	asm volatile("sti");
	while (!done)
		asm volatile("pause");
	asm volatile("cli");
	guest_sync(2);
}

static void *post(void *arg)
{
	struct kvm_msi msi = { .address_lo = APIC_PAGE, .data = (uintptr_t)arg };
	unsigned int i;

	for (i = 0; i < rounds; i++) {
		call(vm.fd, KVM_SIGNAL_MSI, &msi);
		while (irqs[msi.data & 0xff] == i)
			usleep(100);
	}
	done = true;
	return NULL;
}

/* Each must arrive, or this does not end. */
static void storm(bool level)
{
	const bool induced = level && mode_helps(in_x2apic) && host_helps(HELP_DELIVERY);
	pthread_t thread;
	long before;

	open_machine(spin_guest);
	vcpu_sync(&vcpu);
	before = vcpu_exits(&vcpu, "EOI_INDUCED");
	pthread_create(&thread, NULL, post, (void *)(uintptr_t)(HIGH | (level ? MSI_LEVEL : 0)));
	TAP_EQ(vcpu_sync(&vcpu), 2, "a guest runs on, and interrupts of another thread come");
	pthread_join(thread, NULL);
	TAP_EQ(irqs[HIGH], rounds, "each of them");
	TAP_EQ(vcpu_exits(&vcpu, "EOI_INDUCED") - before, induced ? rounds : 0,
	       level ? "the end of level-triggered ones exits" : "that of others does not");
	if (induced)
		vcpu_reached(&vcpu, "EOI_INDUCED");
	machine_close(&vm, &vcpu);
}

/* --- state ---------------------------------------------------------------------------------- */

static void stop_in_handler(void)
{
	if (!logged++) {
		guest_sync(2);
		guest_open();
		guest_check("an interrupt that user space adds comes, nested", irqs[HIGHER], 1);
		guest_check("the lower one still waits", irqs[LOW], 0);
	}
	end();
}

static void state_guest(void)
{
	enter();
	guest_eoi = stop_in_handler;
	guest_sync(1);
	self(LOW);
	self(HIGH);
	guest_open();
	guest_open();
	guest_check("then the lower one", irqs[LOW], 1);
	guest_check("once each", irqs[HIGH] + irqs[HIGHER], 2);
	self(LOW);
	if (!in_x2apic) {
		guest_wrmsr(MSR_APIC_BASE, guest_rdmsr(MSR_APIC_BASE) | 0x400);
		in_x2apic = true;
	}
	guest_open();
	guest_check("what waits does so into x2APIC mode", irqs[LOW], 2);
	guest_sync(3);
}

static bool state_bit(const struct kvm_lapic_state *state, unsigned int set, unsigned int vector)
{
	return state->regs[set + vector / 32 * 16 + vector % 32 / 8] >> vector % 8 & 1;
}

static void state(bool x2apic)
{
	struct kvm_lapic_state regs;

	in_x2apic = x2apic;
	open_machine(state_guest);
	vcpu_sync(&vcpu);
	TAP_EQ(vcpu_sync(&vcpu), 2, "a guest stops in a handler");
	call(vcpu.fd, KVM_GET_LAPIC, &regs);
	TAP_EQ(state_bit(&regs, APIC_ISR, HIGH), 1, "KVM_GET_LAPIC: it is in service");
	TAP_EQ(state_bit(&regs, APIC_IRR, LOW), 1, "another waits");
	TAP_EQ((uint8_t)regs.regs[LAPIC_PPR], HIGH & 0xf0, "PPR is its class");
	regs.regs[APIC_IRR + HIGHER / 32 * 16 + HIGHER % 32 / 8] |= 1 << HIGHER % 8;
	call(vcpu.fd, KVM_SET_LAPIC, &regs);
	TAP_EQ(vcpu_sync(&vcpu), 3, "KVM_SET_LAPIC: the guest goes on");
	tap_checks();
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	path = device_path(argc, argv);
	rounds = on_debug_host() ? ROUNDS_DEBUG : ROUNDS;
	tap_begin();
	printf("# the processor helps with%s%s%s%s%s%s\n", host_helps(HELP_TPR) ? " TPR" : "",
	       host_helps(HELP_X2APIC) ? " x2APIC" : "", host_helps(HELP_MEMORY) ? " memory" : "",
	       host_helps(HELP_REGISTERS) ? " reads" : "",
	       host_helps(HELP_DELIVERY) ? " delivery" : "",
	       host_helps(HELP_POSTED) ? " posting" : "");
	all_steps(false);
	all_steps(true);
	storm(false);
	storm(true);
	state(false);
	state(true);
	return tap_end();
}
