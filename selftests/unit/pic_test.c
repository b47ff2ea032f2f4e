// SPDX-License-Identifier: GPL-2.0
/*
 * The pair of 8259s: initialization, priorities, every way to end an interrupt, the cascade,
 * spurious interrupts, hostile states. With the machine's own source.
 */
#include <stdlib.h>
#include "selftests/lib/tap.h"
#include "vmx/irqchip/pic.c"

#define BASE_MASTER	0x20
#define BASE_SLAVE	0x28
#define NR_RANDOM	200000

static struct pic_pair pair;

static void init_chip(u16 port, u8 base, u8 icw3, u8 icw4)
{
	pic_write(&pair, port, 0x11);
	pic_write(&pair, port + 1, base);
	pic_write(&pair, port + 1, icw3);
	pic_write(&pair, port + 1, icw4);
}

/* As an operating system leaves them: no input masked, normal EOI. */
static void begin(u8 icw4_master)
{
	pic_reset(&pair);
	init_chip(PIC_PORT_MASTER, BASE_MASTER, 4, icw4_master);
	init_chip(PIC_PORT_SLAVE, BASE_SLAVE, 2, 1);
}

static void pulse(unsigned int line)
{
	pic_set_line(&pair, line, true);
	pic_set_line(&pair, line, false);
}

static void command(u16 port, u8 value)
{
	pic_write(&pair, port, value);
}

/* The vector that the processor gets, -1 if the output is low. */
static int take(void)
{
	return pair.output ? pic_acknowledge(&pair) : -1;
}

static u8 isr(u16 port)
{
	command(port, 0x0b);
	return pic_read(&pair, port);
}

static u8 irr(u16 port)
{
	command(port, 0x0a);
	return pic_read(&pair, port);
}

static void test_init(void)
{
	pic_reset(&pair);
	pic_write(&pair, PIC_PORT_MASTER, 0x11);
	TAP_EQ(pic_set_line(&pair, 0, true), 1, "a request during initialization is latched");
	TAP_EQ(pair.output, 0, "and not passed on before its end");
	pic_write(&pair, PIC_PORT_MASTER + 1, 0x37);
	pic_write(&pair, PIC_PORT_MASTER + 1, 4);
	pic_write(&pair, PIC_PORT_MASTER + 1, 1);
	TAP_EQ(take(), 0x30, "ICW2's low three bits are the line");

	begin(1);
	pulse(3);
	command(PIC_PORT_MASTER, 0x11);
	TAP_EQ(irr(PIC_PORT_MASTER), 0, "ICW1 forgets edges");
	begin(1);
	pic_write(&pair, PIC_PORT_MASTER + 1, 0xff);
	command(PIC_PORT_MASTER, 0x10);
	TAP_EQ(pic_read(&pair, PIC_PORT_MASTER + 1), 0, "ICW1 clears the mask");
	pic_write(&pair, PIC_PORT_MASTER + 1, 0x40);
	pic_write(&pair, PIC_PORT_MASTER + 1, 4);
	pic_write(&pair, PIC_PORT_MASTER + 1, 0xfe);
	TAP_EQ(pic_read(&pair, PIC_PORT_MASTER + 1), 0xfe, "without ICW4 the mask follows ICW3");
}

static void test_edges(void)
{
	begin(1);
	TAP_EQ(pic_set_line(&pair, 4, true), 1, "an edge is a request");
	TAP_EQ(pair.output, 1, "and raises the output");
	TAP_EQ(take(), BASE_MASTER + 4, "its vector is the base and the line");
	TAP_EQ(pair.output, 0, "the output falls with the acknowledge");
	command(PIC_PORT_MASTER, 0x20);
	TAP_EQ(take(), -1, "a line that stays high is one edge");
	pic_set_line(&pair, 4, false);
	pulse(4);
	TAP_EQ(pic_set_line(&pair, 4, true), 0, "an edge on top of a request is coalesced");
	TAP_EQ(take(), BASE_MASTER + 4, "a pulse is remembered");

	begin(1);
	pic_write(&pair, PIC_PORT_MASTER + 1, 0x10);
	TAP_EQ(pic_set_line(&pair, 4, true), -1, "a masked line says so");
	TAP_EQ(pair.output, 0, "and does not interrupt");
	pic_write(&pair, PIC_PORT_MASTER + 1, 0);
	TAP_EQ(take(), BASE_MASTER + 4, "but its edge does when it is unmasked");
	TAP_EQ(pic_set_line(&pair, 2, true), -1, "nothing drives the cascade from outside");
}

static void test_levels(void)
{
	begin(1);
	pic_write(&pair, PIC_PORT_ELCR, 0xff);
	pic_write(&pair, PIC_PORT_ELCR + 1, 0xff);
	TAP_EQ(pic_read(&pair, PIC_PORT_ELCR), 0xf8, "lines 0, 1, 2 cannot be level-triggered");
	TAP_EQ(pic_read(&pair, PIC_PORT_ELCR + 1), 0xde, "lines 8 and 13 cannot either");
	pic_set_line(&pair, 5, true);
	TAP_EQ(take(), BASE_MASTER + 5, "a high level interrupts");
	TAP_EQ(take(), -1, "not again while it is in service");
	command(PIC_PORT_MASTER, 0x20);
	TAP_EQ(take(), BASE_MASTER + 5, "but again after EOI");
	command(PIC_PORT_MASTER, 0x20);
	TAP_EQ(pair.output, 1, "and asks a third time");
	pic_set_line(&pair, 5, false);
	TAP_EQ(pair.output, 0, "until the line falls");
}

static void test_priorities(void)
{
	begin(1);
	pulse(5);
	TAP_EQ(take(), BASE_MASTER + 5, "line 5 is served");
	pulse(6);
	TAP_EQ(take(), -1, "a lower one waits");
	pulse(1);
	TAP_EQ(take(), BASE_MASTER + 1, "a higher one does not");
	TAP_EQ(isr(PIC_PORT_MASTER), 0x22, "both are in service");
	command(PIC_PORT_MASTER, 0x20);
	TAP_EQ(isr(PIC_PORT_MASTER), 0x20, "EOI ends the higher one");
	command(PIC_PORT_MASTER, 0x65);
	TAP_EQ(isr(PIC_PORT_MASTER), 0, "specific EOI ends the one it names");
	TAP_EQ(take(), BASE_MASTER + 6, "and the lower one has its turn");

	begin(1);
	command(PIC_PORT_MASTER, 0xc0 | 4);
	pulse(4);
	pulse(5);
	TAP_EQ(take(), BASE_MASTER + 5, "set priority: the line after the lowest goes first");
	command(PIC_PORT_MASTER, 0xa0);
	pulse(5);
	TAP_EQ(take(), BASE_MASTER + 4, "rotate on EOI: the one ended goes last");
	command(PIC_PORT_MASTER, 0xe0 | 4);
	TAP_EQ(isr(PIC_PORT_MASTER), 0, "rotate on specific EOI ends it");
	TAP_EQ(pair.chip[PIC_MASTER].priority_add, 5, "and makes it the lowest");
	command(PIC_PORT_MASTER, 0x40);
	TAP_EQ(take(), BASE_MASTER + 5, "OCW2's no-operation is none");
}

static void test_auto_eoi(void)
{
	begin(3);
	pulse(3);
	TAP_EQ(take(), BASE_MASTER + 3, "automatic EOI: served");
	TAP_EQ(isr(PIC_PORT_MASTER), 0, "and ended at once");
	command(PIC_PORT_MASTER, 0x80);
	pulse(3);
	take();
	TAP_EQ(pair.chip[PIC_MASTER].priority_add, 4, "rotating, it goes last");
	command(PIC_PORT_MASTER, 0x00);
	pulse(3);
	take();
	TAP_EQ(pair.chip[PIC_MASTER].priority_add, 4, "until rotation is turned off");
}

static void test_special_mask(void)
{
	begin(1);
	pulse(3);
	take();
	pic_write(&pair, PIC_PORT_MASTER + 1, 0x08);
	pulse(6);
	TAP_EQ(take(), -1, "a masked line in service still blocks lower ones");
	command(PIC_PORT_MASTER, 0x68);
	TAP_EQ(take(), BASE_MASTER + 6, "in special mask mode it does not");
	command(PIC_PORT_MASTER, 0x20);
	TAP_EQ(isr(PIC_PORT_MASTER), 0x08, "and EOI passes it over");
	command(PIC_PORT_MASTER, 0x48);
	command(PIC_PORT_MASTER, 0x20);
	TAP_EQ(isr(PIC_PORT_MASTER), 0, "in normal mode EOI ends it");
}

static void test_cascade(void)
{
	begin(1);
	pulse(12);
	TAP_EQ(irr(PIC_PORT_MASTER), 0x04, "the slave's request is the master's line 2");
	TAP_EQ(take(), BASE_SLAVE + 4, "the slave gives the vector");
	TAP_EQ(isr(PIC_PORT_MASTER), 0x04, "line 2 is in service");
	TAP_EQ(isr(PIC_PORT_SLAVE), 0x10, "and line 4 of the slave");
	pulse(8);
	TAP_EQ(take(), -1, "the master blocks a more urgent one of the slave");
	command(PIC_PORT_SLAVE, 0x20);
	command(PIC_PORT_MASTER, 0x20);
	TAP_EQ(take(), BASE_SLAVE, "until EOI");

	begin(0x11);
	pulse(12);
	take();
	pulse(8);
	TAP_EQ(take(), BASE_SLAVE, "in special fully nested mode it passes");

	begin(1);
	pulse(9);
	pic_write(&pair, PIC_PORT_SLAVE + 1, 0xff);
	TAP_EQ(irr(PIC_PORT_MASTER), 0, "masked at the slave, the master sees it no more");
}

static void test_spurious(void)
{
	begin(1);
	TAP_EQ(pic_acknowledge(&pair), BASE_MASTER + 7, "no request: the master's line 7");
	TAP_EQ(isr(PIC_PORT_MASTER), 0, "which is not in service");
	pair.chip[PIC_MASTER].irr |= 4;
	TAP_EQ(pic_acknowledge(&pair), BASE_SLAVE + 7, "none at the slave: its line 7");
	TAP_EQ(isr(PIC_PORT_MASTER), 4, "the master's line 2 is in service");
	TAP_EQ(isr(PIC_PORT_SLAVE), 0, "nothing of the slave");
}

static void test_poll(void)
{
	begin(1);
	command(PIC_PORT_MASTER, 0x0c);
	TAP_EQ(pic_read(&pair, PIC_PORT_MASTER), 0, "poll finds nothing");
	pulse(6);
	command(PIC_PORT_MASTER, 0x0c);
	TAP_EQ(pic_read(&pair, PIC_PORT_MASTER), 0x86, "poll finds line 6");
	TAP_EQ(isr(PIC_PORT_MASTER), 0x40, "and is its acknowledge");
	TAP_EQ(pic_read(&pair, PIC_PORT_MASTER), 0x40, "one poll is one read");
	pulse(10);
	command(PIC_PORT_SLAVE, 0x0c);
	TAP_EQ(pic_read(&pair, PIC_PORT_SLAVE), 0x82, "the slave is polled by itself");
	TAP_EQ(irr(PIC_PORT_MASTER), 0, "and asks the master no more");
}

static void test_hostile_state(void)
{
	struct kvm_pic_state state;

	memset(&state, 0xff, sizeof(state));
	pic_reset(&pair);
	pic_load(&pair, PIC_MASTER, &state);
	pic_load(&pair, PIC_SLAVE, &state);
	TAP_EQ(pair.chip[PIC_MASTER].elcr_mask, 0xf8, "user space cannot set ELCR's mask");
	TAP_EQ(pair.chip[PIC_SLAVE].elcr, 0xde, "nor inputs that have no level");
	TAP_EQ(pair.chip[PIC_SLAVE].irq_base, 0xf8, "nor a base that is not a multiple of 8");
	TAP_EQ(pair.chip[PIC_MASTER].priority_add, 7, "nor a priority over 7");
	TAP_EQ(pair.output, 0, "and one in the middle of initialization does not interrupt");
}

/* Whatever is done to them, the vector is one of theirs and the output is no lie. */
static bool random_step(void)
{
	static const u16 ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
	u16 port = ports[rand() % ARRAY_SIZE(ports)];
	struct kvm_pic_state state;
	unsigned int i;
	u8 vector;

	switch (rand() % 8) {
	case 0 ... 2:
		pic_set_line(&pair, rand() % PIC_LINES, rand() & 1);
		break;
	case 3:
		pic_write(&pair, port, rand());
		break;
	case 4:
		pic_read(&pair, port);
		break;
	case 5:
		if (rand() % 16)
			break;
		for (i = 0; i < sizeof(state); i++)
			((u8 *)&state)[i] = rand();
		pic_load(&pair, rand() & 1, &state);
		break;
	default:
		vector = pic_acknowledge(&pair);
		if ((vector & ~7) != pair.chip[PIC_MASTER].irq_base &&
		    (vector & ~7) != pair.chip[PIC_SLAVE].irq_base)
			return false;
	}
	return pair.output == (requested(&pair, PIC_MASTER) >= 0);
}

static void test_random(void)
{
	unsigned int i, bad = 0;

	srand(8259);
	begin(1);
	for (i = 0; i < NR_RANDOM; i++)
		bad += !random_step();
	TAP_EQ(bad, 0, "200000 random steps keep output and vectors right");
}

int main(void)
{
	tap_begin();
	test_init();
	test_edges();
	test_levels();
	test_priorities();
	test_auto_eoi();
	test_special_mask();
	test_cascade();
	test_spurious();
	test_poll();
	test_hostile_state();
	test_random();
	return tap_end();
}
