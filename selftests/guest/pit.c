// SPDX-License-Identifier: GPL-2.0
/*
 * The 8254 with a guest: its interrupt through the IO-APIC and the 8259s, its counters against the
 * TSC, port 0x61, interrupts for which the guest was late, and a state that is moved.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#include <time.h>
#include "selftests/lib/apic.h"

#define HZ		1193182
#define COUNT		5966		/* 5 ms */
#define CONTROL		0x43
#define SPEAKER		0x61
#define MODE(n)		(3 << 4 | (n) << 1)
#define CHANNEL2	(2 << 6)
#define VECTOR		0x50		/* of the IO-APIC's pin 0, */
#define PIC_VECTOR	0x58		/* and of the 8259s' line 0 */
#define LATE		12		/* interrupts */
#define STORM		20

static const char *path;
static struct vm vm;
static struct vcpu vcpu;
static uint64_t tsc_khz;
static bool slow;		/* the debug host, where an exit may take a period */

/* --- the guest's side ------------------------------------------------------------------------- */

static void program(uint8_t control, uint16_t count)
{
	uint16_t port = 0x40 + (control >> 6);

	guest_outb(CONTROL, control);
	guest_outb(port, count & 0xff);
	guest_outb(port, count >> 8);
}

static uint16_t latched(unsigned int channel)
{
	uint16_t low;

	guest_outb(CONTROL, channel << 6);
	low = guest_inb(0x40 + channel);
	return low | guest_inb(0x40 + channel) << 8;
}

static uint64_t tsc_of(uint64_t ticks)
{
	return ticks * 1000 * tsc_khz / HZ;
}

static void spin(uint64_t ticks)
{
	uint64_t end = guest_rdtsc() + tsc_of(ticks);

	while (guest_rdtsc() < end)
		asm volatile("pause");
}

/* The 8259s masked, pin 0 to this vCPU. */
static void by_ioapic(void)
{
	guest_outb(0x21, 0xff);
	guest_outb(0xa1, 0xff);
	apic_write(APIC_SPIV, 0x1ff);
	guest_eoi = apic_eoi;
	ioapic_route(0, VECTOR);
}

static void pic_eoi(void)
{
	guest_outb(0x20, 0x20);
}

static void by_pic(void)
{
	ioapic_route(0, 0x10000 | VECTOR);
	guest_outb(0x20, 0x11);
	guest_outb(0x21, PIC_VECTOR);
	guest_outb(0x21, 4);
	guest_outb(0x21, 1);
	guest_outb(0x21, 0xfe);
	guest_eoi = pic_eoi;
}

/* Sleeps through @n interrupts; their time in thousandths of what it should be. */
static uint64_t sleep_for(unsigned int n, uint64_t ticks)
{
	uint64_t start = guest_rdtsc();

	while (n--)
		guest_halt();
	return (guest_rdtsc() - start) * 1000 / tsc_of(ticks);
}

/* Never early; late by what a host has to do. */
static void check_time(const char *name, uint64_t thousandths)
{
	uint64_t most = slow ? 2000 : 1300;

	guest_check(name, thousandths > 950 && thousandths < most ? 1000 : thousandths, 1000);
}

/* Where the guest is late by itself, more come before it stops the timer. */
static void check_count(const char *name, unsigned int count, unsigned int wanted)
{
	guest_check(name, slow && count > wanted ? wanted : count, wanted);
}

/* --- interrupts ------------------------------------------------------------------------------- */

/* Masks the pin, since an emulated host may have no time for anything else. */
static void storm_eoi(void)
{
	if (irqs[VECTOR] == STORM)
		ioapic_route(0, 0x10000 | VECTOR);
	apic_eoi();
}

static void storm(void)
{
	uint64_t start;

	by_ioapic();
	guest_eoi = storm_eoi;
	irqs[VECTOR] = 0;
	start = guest_rdtsc();
	program(MODE(2), 2);
	while (irqs[VECTOR] < STORM)
		guest_halt();
	guest_check("periods of 1.7 us become 200 us",
		    guest_rdtsc() - start >= tsc_of((STORM - 1) * (HZ / 5000)), 1);
	program(MODE(0), 0);
}

static void interrupt_guest(void)
{
	by_ioapic();
	program(MODE(2), COUNT);
	check_time("mode 2 interrupts in each period", sleep_for(6, 6 * COUNT));
	check_count("once", irqs[VECTOR], 6);
	program(MODE(3), COUNT);
	check_time("mode 3 does, too", sleep_for(4, 4 * COUNT));
	program(MODE(0), COUNT);
	check_time("mode 0 interrupts after its count", sleep_for(1, COUNT));
	spin(2 * COUNT);
	guest_open();
	check_count("once", irqs[VECTOR], 11);
	program(MODE(4), COUNT);
	check_time("mode 4 does, too", sleep_for(1, COUNT));
	ioapic_route(0, 0x10000 | VECTOR);
	program(MODE(2), COUNT);
	spin(3 * COUNT);
	ioapic_route(0, VECTOR);
	guest_open();
	check_count("what comes while the pin is masked is lost", irqs[VECTOR], 12);
	program(MODE(0), 0);

	by_pic();
	program(MODE(2), COUNT);
	check_time("by the 8259s it interrupts in each period", sleep_for(4, 4 * COUNT));
	check_count("once", irqs[PIC_VECTOR], 4);
	program(MODE(0), 0);
	guest_sync(1);
	storm();
	guest_sync(2);
}

static int create(uint32_t flags)
{
	struct kvm_pit_config config = { .flags = flags };

	return call(vm.fd, KVM_CREATE_PIT2, &config);
}

static void begin(void (*guest)(void), uint32_t flags)
{
	machine(&vm, &vcpu, path, true, guest);
	memset((void *)irqs, 0, sizeof(irqs));
	tsc_khz = call(vcpu.fd, KVM_GET_TSC_KHZ, 0);
	TAP_EQ(create(flags), 0, "KVM_CREATE_PIT2");
}

static void interrupts(void)
{
	begin(interrupt_guest, KVM_PIT_SPEAKER_DUMMY);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest sleeps until the timer interrupts");
	TAP_EQ(vcpu_sync(&vcpu), 2, "a guest asks for far too many interrupts");
	tap_checks();
	machine_close(&vm, &vcpu);
}

/* --- being late ------------------------------------------------------------------------------- */

/*
 * Interrupts that come within half a period after LATE of them with interrupts off must be @wanted,
 * and at most one more for each period that a slow host lets pass until the guest looks.
 */
static void check_late(const char *name, unsigned int vector, unsigned int wanted)
{
	uint64_t start = guest_rdtsc();
	unsigned int n, more;

	irqs[vector] = 0;
	program(MODE(2), COUNT);
	spin(LATE * COUNT + COUNT / 4);
	asm volatile("sti");
	spin(COUNT / 2);
	asm volatile("cli");
	more = (guest_rdtsc() - start) / tsc_of(COUNT) - LATE;
	n = irqs[vector];
	program(MODE(0), 0);
	guest_check(name, n > wanted && n <= wanted + more ? wanted : n, wanted);
}

static void late_guest(void)
{
	by_ioapic();
	check_late("a late guest gets its interrupts later", VECTOR, LATE);
	by_pic();
	check_late("by the 8259s, too", PIC_VECTOR, LATE);
	guest_sync(1);
	by_ioapic();
	check_late("without reinjection it gets one", VECTOR, 1);
	by_pic();
	check_late("by the 8259s, too", PIC_VECTOR, 1);
	guest_sync(2);
}

static void late(void)
{
	struct kvm_reinject_control control = { .pit_reinject = 0 };

	begin(late_guest, KVM_PIT_SPEAKER_DUMMY);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest is late");
	TAP_EQ(call(vm.fd, KVM_REINJECT_CONTROL, &control), 0, "KVM_REINJECT_CONTROL");
	TAP_EQ(vcpu_sync(&vcpu), 2, "a guest is late again");
	tap_checks();
	machine_close(&vm, &vcpu);
}

/* --- counters and port 0x61 ------------------------------------------------------------------- */

/* As operating systems measure the TSC. */
static void measure(void)
{
	uint64_t start, ticks;

	guest_outb(SPEAKER, (guest_inb(SPEAKER) & ~2) | 1);
	program(CHANNEL2 | MODE(0), 4 * COUNT);
	start = guest_rdtsc();
	guest_check("channel 2 is low in mode 0", guest_inb(SPEAKER) & 0x20, 0);
	while (!(guest_inb(SPEAKER) & 0x20))
		asm volatile("pause");
	ticks = (guest_rdtsc() - start) * 1000 / tsc_of(4 * COUNT);
	check_time("and high after its count", ticks);
}

static void counter_guest(void)
{
	uint16_t first, second;
	unsigned int i;

	measure();
	program(CHANNEL2 | MODE(2), 0);
	first = latched(2);
	spin(10000);
	second = latched(2);
	check_time("a counter counts down at 1.19 MHz", (first - second) / 10);
	program(CHANNEL2 | MODE(2), 1000);
	for (i = 0; i < 200; i++)
		if (latched(2) > 1000 || !latched(2))
			break;
	guest_check("and is never above its count", i, 200);
	guest_outb(CONTROL, 0xc0 | 2 << 2);
	guest_check("read-back gives the mode", guest_inb(0x42) & 0x3f, 3 << 4 | 2 << 1);
	first = guest_inb(0x42);
	first |= guest_inb(0x42) << 8;
	guest_check("and the count", first && first <= 1000, 1);
	guest_outb(SPEAKER, 3);
	guest_check("port 0x61 holds gate and data", guest_inb(SPEAKER) & 3, 3);
	guest_outb(SPEAKER, 0);
	guest_check("and gives them back", guest_inb(SPEAKER) & 3, 0);
	first = guest_inb(SPEAKER) & 0x10;
	for (i = 0; i < 100000 && (guest_inb(SPEAKER) & 0x10) == first; i++)
		;
	guest_check("its refresh bit toggles", i < 100000, 1);
	guest_sync(1);
}

static void counters(void)
{
	begin(counter_guest, KVM_PIT_SPEAKER_DUMMY);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest reads counters");
	tap_checks();
	machine_close(&vm, &vcpu);
}

static void speaker_guest(void)
{
	guest_outb(SPEAKER, 1);
	guest_sync(1);
}

static void no_speaker(void)
{
	begin(speaker_guest, 0);
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_IO, "without its flag port 0x61");
	TAP_EQ(vcpu.run->io.port, SPEAKER, "is user space's");
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest goes on");
	machine_close(&vm, &vcpu);
}

/* --- state ------------------------------------------------------------------------------------ */

static void moved_guest(void)
{
	by_ioapic();
	program(MODE(2), COUNT);
	guest_halt();
	guest_sync(1);
	guest_halt();
	guest_halt();
	irqs[VECTOR] = 0;
	check_time("in a new machine it interrupts", sleep_for(4, 4 * COUNT));
	guest_check("once in each period", irqs[VECTOR], 4);
	guest_check("and its counter counts", latched(0) <= COUNT, 1);
	guest_sync(2);
}

/* All of the timer goes through user space, as to another machine. */
static void moved(void)
{
	struct kvm_pit_state2 state = { .flags = 0 }, back;
	struct timespec wait = { .tv_nsec = 3000000 };

	begin(moved_guest, KVM_PIT_SPEAKER_DUMMY);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest has started the timer");
	TAP_EQ(call(vm.fd, KVM_GET_PIT2, &state), 0, "KVM_GET_PIT2");
	TAP_EQ(state.channels[0].mode, 2, "has the mode");
	TAP_EQ(state.channels[0].count, COUNT, "and the count");
	back = state;
	back.channels[0].mode = 4;
	back.channels[0].count = 0x10000;
	TAP_EQ(call(vm.fd, KVM_SET_PIT2, &back), 0, "KVM_SET_PIT2 of something else");
	nanosleep(&wait, NULL);
	TAP_EQ(call(vm.fd, KVM_SET_PIT2, &state), 0, "and of what was there");
	TAP_EQ(vcpu_sync(&vcpu), 2, "the guest goes on");
	tap_checks();
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	path = device_path(argc, argv);
	slow = on_debug_host();
	tap_begin();
	interrupts();
	late();
	counters();
	no_speaker();
	moved();
	return tap_end();
}
