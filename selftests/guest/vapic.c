// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_SET_VAPIC_ADDR: a word of guest memory stands for the TPR. The guest writes its first byte;
 * the second has the class in service and the fourth the vector that waits, as of the last exit, so
 * that a guest knows when it has to exit (VAPIC_POLL_IRQ) for what it lets in.
 *
 * Where the processor delivers interrupts by itself, the word's TPR counts from the next exit on.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#include "selftests/lib/apic.h"

#define AREA		0x40000000UL	/* a slot of its own */
#define WORD		(AREA + 0x20)
#define NOWHERE		0x60000000UL
#define SLOT		5
#define POLL_IRQ	1
#define VECTOR		0x51

static const char *path;
static struct vm vm;
static struct vcpu vcpu;
static uint8_t *area;
static bool on_kvmlet, delivers;
static volatile unsigned int in_service;

static volatile uint8_t *word(void)
{
	return (volatile uint8_t *)WORD;
}

static void poll(void)
{
	asm volatile("vmcall" : : "a"(POLL_IRQ), "b"(0), "c"(0), "d"(0), "S"(0) : "memory");
}

static void poll_if_delivers(void)
{
	if (delivers)
		poll();
}

static void eoi_looks(void)
{
	poll();
	in_service = word()[1];
	apic_eoi();
}

static void send(void)
{
	apic_write(APIC_ICR, ICR_SELF | VECTOR);
	poll_if_delivers();
}

static void keeps_and_lets_in(void)
{
	word()[0] = 0x60;
	poll_if_delivers();
	send();
	guest_open();
	guest_check("a TPR in memory keeps an interrupt", irqs[VECTOR], 0);
	poll();
	guest_check("the word tells that it waits", word()[3], VECTOR);
	guest_check("the LAPIC's is the same", apic_read(APIC_TPR), 0x60);
	word()[0] = 0x40;
	poll();
	guest_open();
	guest_check("lowered, with an exit, it lets it in", irqs[VECTOR], 1);
	guest_check("whose class the word had meanwhile", in_service, VECTOR & 0xf0);
	poll();
	guest_check("and has not after its end", word()[1], 0);
	guest_check("nor that it waits", word()[3], 0);
}

static void is_written(void)
{
	if (on_kvmlet) {
		apic_write(APIC_TPR, 0x70);
		poll();
		guest_check("a TPR that is written to the LAPIC is the word's", word()[0], 0x70);
	}
	if (on_kvmlet && !delivers) {
		word()[0] = 0x30;
		apic_write(APIC_TPR, 0x70);
		poll();
		guest_check("also one that the word had before", word()[0], 0x70);
	}
	word()[0] = 0x50;
	send();
	poll();
	guest_open();
	guest_check("one of its own class keeps it", irqs[VECTOR], 1);
}

static void is_none_any_more(void)
{
	word()[0] = 0xf0;
	send();
	guest_open();
	guest_check("a word that is none keeps nothing", irqs[VECTOR], 3);
	guest_eoi = apic_eoi;
	guest_sync(5);
	guest_check("nor does one whose memory is gone", irqs[VECTOR], 3);
	send();
	guest_open();
	guest_check("and the TPR that was last stays", irqs[VECTOR], 4);
	guest_sync(6);
	word()[0] = 0;
	guest_sync(7);
}

static void vapic_guest(void)
{
	guest_warm();
	guest_eoi = eoi_looks;
	apic_write(APIC_SPIV, 0x1ff);
	apic_write(APIC_TPR, 0x20);
	guest_sync(1);
	keeps_and_lets_in();
	is_written();
	word()[0] = 0x10;
	guest_sync(2);
	guest_open();
	guest_check("any exit to user space lets it in", irqs[VECTOR], 2);
	word()[0] = 0x60;
	guest_sync(3);
	guest_check("user space's TPR is the word's", word()[0], 0x30);
	guest_sync(4);
	is_none_any_more();
}

static int set_word(uint64_t gpa)
{
	struct kvm_vapic_addr vapic = { .vapic_addr = gpa };

	return call(vcpu.fd, KVM_SET_VAPIC_ADDR, &vapic);
}

static uint8_t lapic_tpr(void)
{
	struct kvm_lapic_state state;

	return call(vcpu.fd, KVM_GET_LAPIC, &state) ? 0xff : (uint8_t)state.regs[APIC_TPR];
}

static void set_tpr(uint8_t tpr)
{
	struct kvm_lapic_state state;

	if (!call(vcpu.fd, KVM_GET_LAPIC, &state)) {
		state.regs[APIC_TPR] = tpr;
		call(vcpu.fd, KVM_SET_LAPIC, &state);
	}
}

/* It begins where no memory is. */
static void is_none_after_init(void)
{
	struct kvm_vcpu_events events;

	vm_slot(&vm, SLOT, 0, AREA, PAGE, area);
	TAP_EQ(set_word(WORD), 0, "a third time");
	TAP_EQ(vcpu_sync(&vcpu), 7, "there it is");
	area[WORD - AREA] = 0x90;
	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &events);
	events.flags = KVM_VCPUEVENT_VALID_SMM;
	events.smi.latched_init = 1;
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &events), 0, "an INIT comes");
	vcpu_run(&vcpu);
	TAP_EQ(lapic_tpr(), 0, "which clears the TPR");
	TAP_EQ(area[WORD - AREA], 0x90, "and not a word that is none any more");
}

int main(int argc, char **argv)
{
	path = device_path(argc, argv);
	tap_begin();
	on_kvmlet = strstr(path, "kvmlet");
	delivers = host_helps(HELP_DELIVERY);
	area = pages(PAGE);
	machine(&vm, &vcpu, path, true, vapic_guest);
	vm_slot(&vm, SLOT, 0, AREA, PAGE, area);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest with a LAPIC");
	TAP_EQ(set_word(NOWHERE), -EINVAL, "an address without memory is refused");
	TAP_EQ(set_word(AREA + PAGE - 2), -EINVAL, "and one that has half of it");
	area[WORD - AREA] = 0x20;
	TAP_EQ(set_word(WORD), 0, "a word stands for the TPR");
	TAP_EQ(vcpu_sync(&vcpu), 2, "the guest uses it");
	TAP_EQ(lapic_tpr(), 0x10, "what it wrote last is what user space sees");
	TAP_EQ(vcpu.run->cr8, 1, "with the exit, too");
	TAP_EQ(vcpu_sync(&vcpu), 3, "it goes on");
	TAP_EQ(lapic_tpr(), 0x60, "and writes another");
	set_tpr(0x30);
	TAP_EQ(vcpu_sync(&vcpu), 4, "user space writes it");
	TAP_EQ(set_word(0), 0, "the word is taken away");
	TAP_EQ(vcpu_sync(&vcpu), 5, "the guest goes on without");
	TAP_EQ(set_word(WORD), 0, "it has one again");
	vm_slot(&vm, SLOT, 0, AREA, 0, area);
	TAP_EQ(vcpu_sync(&vcpu), 6, "whose memory goes away");
	is_none_after_init();
	tap_checks();
	if (!on_kvmlet)
		tap_skip("a TPR that is written to the LAPIC is the word's",
			 "upstream forgets it if the write does not exit");
	machine_close(&vm, &vcpu);
	return tap_end();
}
