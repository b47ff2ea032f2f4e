// SPDX-License-Identifier: GPL-2.0
/*
 * The pair of 8259s: requests, priorities, the acknowledge cycle, and the command words.
 * Pure state; the caller has the lock. The slave's output is wired to input 2 of the master,
 * whose request bit therefore follows it. Names of words and modes are the data sheet's.
 */
#include "vmx/irqchip/pic.h"

#define CASCADE_LINE	2
#define SPURIOUS_LINE	7

#define ICW1		0x10	/* in a write to the even port: begins initialization */
#define ICW1_ICW4	0x01
#define ICW4_AUTO_EOI	0x02
#define ICW4_NESTED	0x10
#define OCW3		0x08	/* in a write to the even port, without ICW1 */
#define OCW3_READ_ISR	0x01
#define OCW3_READ	0x02
#define OCW3_POLL	0x04
#define OCW3_MASK_ON	0x20
#define OCW3_MASK	0x40

/* kvm_pic_state.init_state: the word that comes next to the odd port. */
enum { INIT_DONE, INIT_ICW2, INIT_ICW3, INIT_ICW4 };

/* Inputs that can be level-triggered; the timer, keyboard, cascade, RTC and FPU cannot. */
static const u8 elcr_masks[2] = { 0xf8, 0xde };

/* Bits 7:5 of OCW2. */
enum {
	OCW2_ROTATE_AUTO_OFF, OCW2_EOI, OCW2_NOTHING, OCW2_SPECIFIC_EOI,
	OCW2_ROTATE_AUTO_ON, OCW2_ROTATE_EOI, OCW2_SET_PRIORITY, OCW2_ROTATE_SPECIFIC_EOI
};

/* Distance from the line of highest priority; 8 if there is no line. */
static unsigned int rank(const struct kvm_pic_state *chip, u8 lines)
{
	unsigned int turned = ((lines | lines << 8) >> chip->priority_add) & 0xff;

	return turned ? __builtin_ctz(turned) : 8;
}

static unsigned int line_at(const struct kvm_pic_state *chip, unsigned int rank)
{
	return (rank + chip->priority_add) & 7;
}

/* The line for which a chip raises its output, or -1. */
static int requested(const struct pic_pair *pair, unsigned int n)
{
	const struct kvm_pic_state *chip = &pair->chip[n];
	unsigned int waiting = rank(chip, chip->irr & ~chip->imr);
	u8 served = chip->isr;

	if (chip->init_state != INIT_DONE)
		return -1;
	if (chip->special_mask)
		served &= ~chip->imr;
	/* The slave may have found a more urgent one than that which is being served. */
	if (n == PIC_MASTER && chip->special_fully_nested_mode)
		served &= ~BIT(CASCADE_LINE);
	return waiting < rank(chip, served) ? (int)line_at(chip, waiting) : -1;
}

static void update(struct pic_pair *pair)
{
	struct kvm_pic_state *master = &pair->chip[PIC_MASTER];

	if (requested(pair, PIC_SLAVE) >= 0)
		master->irr |= BIT(CASCADE_LINE);
	else
		master->irr &= ~BIT(CASCADE_LINE);
	/* Others look at it without the lock. */
	WRITE_ONCE(pair->output, requested(pair, PIC_MASTER) >= 0);
}

/**
 * pic_reset() - the state after power-on
 * @pair: any
 */
void pic_reset(struct pic_pair *pair)
{
	unsigned int n;

	memset(pair, 0, sizeof(*pair));
	for (n = 0; n < 2; n++)
		pair->chip[n].elcr_mask = elcr_masks[n];
}

/**
 * pic_load() - take a chip's registers from user space
 * @pair: any
 * @chip: PIC_MASTER or PIC_SLAVE
 * @state: anything at all; what cannot be is made possible
 */
void pic_load(struct pic_pair *pair, unsigned int chip, const struct kvm_pic_state *state)
{
	struct kvm_pic_state *to = &pair->chip[chip];

	*to = *state;
	to->priority_add &= 7;
	to->irq_base &= 0xf8;
	to->read_reg_select &= 1;
	to->init_state &= 3;
	to->elcr_mask = elcr_masks[chip];
	to->elcr &= to->elcr_mask;
	update(pair);
}

/**
 * pic_set_line() - an input changes, or is said to be as it was
 * @pair: any
 * @line: 0 to 15
 * @level: high
 *
 * Return: 1; 0 if a request was waiting already; -1 if the line is masked, or the cascade.
 */
int pic_set_line(struct pic_pair *pair, unsigned int line, bool level)
{
	struct kvm_pic_state *chip = &pair->chip[line / 8 & 1];
	u8 bit = BIT(line & 7), irr = chip->irr;
	bool edge = !(chip->elcr & bit);
	int r = 1;

	if (line == CASCADE_LINE)
		return -1;
	if (level && (!edge || !(chip->last_irr & bit))) {
		r = !(chip->irr & bit);
		chip->irr |= bit;
	} else if (!level && !edge) {
		chip->irr &= ~bit;
	}
	chip->last_irr = level ? chip->last_irr | bit : chip->last_irr & ~bit;
	if (chip->irr != irr)
		update(pair);
	return chip->imr & bit ? -1 : r;
}

/* INTA for one chip: the request becomes the interrupt in service. Returns its line, or -1. */
static int serve(struct pic_pair *pair, unsigned int n)
{
	struct kvm_pic_state *chip = &pair->chip[n];
	int line = requested(pair, n);

	if (line < 0)
		return line;
	if (!(chip->elcr & BIT(line)))
		chip->irr &= ~BIT(line);
	if (!chip->auto_eoi)
		chip->isr |= BIT(line);
	else if (chip->rotate_on_auto_eoi)
		chip->priority_add = (line + 1) & 7;
	return line;
}

/**
 * pic_acknowledge() - the processor's INTA cycles
 * @pair: any
 *
 * Return: the vector; that of line 7 of a chip which finds no request any more.
 */
u8 pic_acknowledge(struct pic_pair *pair)
{
	unsigned int n = PIC_MASTER;
	int line = serve(pair, n);

	if (line == CASCADE_LINE) {
		n = PIC_SLAVE;
		line = serve(pair, n);
	}
	update(pair);
	return pair->chip[n].irq_base + (line >= 0 ? line : SPURIOUS_LINE);
}

/* A poll is an acknowledge cycle whose answer is read from the chip. */
static u8 poll(struct pic_pair *pair, unsigned int n)
{
	int line = serve(pair, n);

	pair->chip[n].poll = 0;
	update(pair);
	return line < 0 ? 0 : 0x80 | line;
}

/* All but this is 0; without ICW4 so is what that would set. */
static void begin_init(struct kvm_pic_state *chip, u8 icw1)
{
	bool icw4 = icw1 & ICW1_ICW4;

	*chip = (struct kvm_pic_state) {
		.irr = chip->irr & chip->elcr, .irq_base = chip->irq_base,
		.elcr = chip->elcr, .elcr_mask = chip->elcr_mask,
		.init4 = icw4, .init_state = INIT_ICW2,
		.auto_eoi = icw4 && chip->auto_eoi,
		.special_fully_nested_mode = icw4 && chip->special_fully_nested_mode,
	};
}

static void write_ocw3(struct kvm_pic_state *chip, u8 value)
{
	if (value & OCW3_POLL)
		chip->poll = 1;
	if (value & OCW3_READ)
		chip->read_reg_select = value & OCW3_READ_ISR;
	if (value & OCW3_MASK)
		chip->special_mask = !!(value & OCW3_MASK_ON);
}

static void write_ocw2(struct kvm_pic_state *chip, u8 value)
{
	unsigned int command = value >> 5, line = value & 7, top;

	switch (command) {
	case OCW2_ROTATE_AUTO_OFF:
	case OCW2_ROTATE_AUTO_ON:
		chip->rotate_on_auto_eoi = command == OCW2_ROTATE_AUTO_ON;
		return;
	case OCW2_EOI:
	case OCW2_ROTATE_EOI:
		/* In special mask mode a masked line is passed over. */
		top = rank(chip, chip->special_mask ? chip->isr & ~chip->imr : chip->isr);
		if (top == 8)
			return;
		line = line_at(chip, top);
		fallthrough;
	case OCW2_SPECIFIC_EOI:
	case OCW2_ROTATE_SPECIFIC_EOI:
		chip->isr &= ~BIT(line);
		break;
	}
	if (command >= OCW2_ROTATE_EOI)
		chip->priority_add = (line + 1) & 7;
}

static void write_data(struct kvm_pic_state *chip, u8 value)
{
	switch (chip->init_state) {
	case INIT_DONE:
		chip->imr = value;
		break;
	case INIT_ICW2:
		chip->irq_base = value & 0xf8;
		chip->init_state = INIT_ICW3;
		break;
	case INIT_ICW3:
		/* How the two are wired cannot be changed. */
		chip->init_state = chip->init4 ? INIT_ICW4 : INIT_DONE;
		break;
	case INIT_ICW4:
		chip->special_fully_nested_mode = !!(value & ICW4_NESTED);
		chip->auto_eoi = !!(value & ICW4_AUTO_EOI);
		chip->init_state = INIT_DONE;
		break;
	}
}

/**
 * pic_read() - IN of a byte
 * @pair: any
 * @port: one that pic_has_port()
 *
 * Return: the byte. After a poll command it has side effects.
 */
u8 pic_read(struct pic_pair *pair, u16 port)
{
	unsigned int n = (port & ~1) == PIC_PORT_SLAVE;

	if ((port & ~1) == PIC_PORT_ELCR)
		return pair->chip[port & 1].elcr;
	if (pair->chip[n].poll)
		return poll(pair, n);
	if (port & 1)
		return pair->chip[n].imr;
	return pair->chip[n].read_reg_select ? pair->chip[n].isr : pair->chip[n].irr;
}

/**
 * pic_write() - OUT of a byte
 * @pair: any
 * @port: one that pic_has_port()
 * @value: the byte
 */
void pic_write(struct pic_pair *pair, u16 port, u8 value)
{
	unsigned int n = (port & ~1) == PIC_PORT_SLAVE;

	if ((port & ~1) == PIC_PORT_ELCR)
		pair->chip[port & 1].elcr = value & elcr_masks[port & 1];
	else if (port & 1)
		write_data(&pair->chip[n], value);
	else if (value & ICW1)
		begin_init(&pair->chip[n], value);
	else if (value & OCW3)
		write_ocw3(&pair->chip[n], value);
	else
		write_ocw2(&pair->chip[n], value);
	update(pair);
}
