// SPDX-License-Identifier: GPL-2.0
/*
 * A 16550A UART at COM1. What the guest sends is handed on at once, so its transmitter is always
 * empty; what it receives waits in a queue. lock guards all of it, because the main thread feeds
 * the queue while the vCPU reads it. Data sheet: National Semiconductor PC16550D.
 */
#include "userspace/devices/devices.h"

enum { REG_DATA, REG_IER, REG_IIR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR, REG_COUNT };

#define IER_RX		0x01
#define IER_TX		0x02
#define IER_MASK	0x0f
#define IIR_NONE	0x01
#define IIR_TX		0x02
#define IIR_RX		0x04
#define IIR_FIFO	0xc0
#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02
#define LCR_DLAB	0x80
#define MCR_MASK	0x1f
#define MCR_RTS		0x02
#define MCR_DTR		0x01
#define MCR_OUT1	0x04
#define MCR_OUT2	0x08		/* on a PC: connects the interrupt */
#define MCR_LOOP	0x10
#define LSR_READY	0x01
#define LSR_TX_EMPTY	0x60
#define MSR_CTS		0x10
#define MSR_DSR		0x20
#define MSR_RI		0x40
#define MSR_DCD		0x80
#define QUEUE		64		/* a power of two */

struct serial {
	struct vm *vm;
	void (*put)(u8 byte);
	pthread_mutex_t lock;
	struct serial_state {
		u8 ier, fcr, lcr, mcr, scr, divisor[2];
		u8 tx_event;		/* the transmitter became empty and nobody has read so */
		u8 irq;			/* level of the line */
		u8 reserved[3];
		u32 head, tail;		/* free running */
		u8 queue[QUEUE];
	} r;
};

_Static_assert(sizeof(struct serial_state) == 84, "as Documentation/save-format.rst has it");

static struct serial com1 = { .lock = PTHREAD_MUTEX_INITIALIZER };

static u8 interrupt_id(const struct serial *s)
{
	if ((s->r.ier & IER_RX) && s->r.head != s->r.tail)
		return IIR_RX;
	if ((s->r.ier & IER_TX) && s->r.tx_event)
		return IIR_TX;
	return IIR_NONE;
}

static void update_irq(struct serial *s)
{
	bool irq = interrupt_id(s) != IIR_NONE && (s->r.mcr & MCR_OUT2);

	if (irq != s->r.irq) {
		s->r.irq = irq;
		vm_irq(s->vm, IRQ_COM1, irq);
	}
}

static void enqueue(struct serial *s, u8 byte)
{
	if (s->r.head - s->r.tail < QUEUE)
		s->r.queue[s->r.head++ % QUEUE] = byte;
}

static u8 read_data(struct serial *s)
{
	if (s->r.lcr & LCR_DLAB)
		return s->r.divisor[0];
	if (s->r.head == s->r.tail)
		return 0;
	if (s->r.head - s->r.tail == QUEUE)
		vm_wake(s->vm);		/* there is room again */
	return s->r.queue[s->r.tail++ % QUEUE];
}

static u8 read_iir(struct serial *s)
{
	u8 id = interrupt_id(s);

	if (id == IIR_TX)
		s->r.tx_event = false;
	return id | (s->r.fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static u8 modem_status(const struct serial *s)
{
	if (!(s->r.mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (s->r.mcr & MCR_RTS ? MSR_CTS : 0) | (s->r.mcr & MCR_DTR ? MSR_DSR : 0) |
	       (s->r.mcr & MCR_OUT1 ? MSR_RI : 0) | (s->r.mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static u8 read_register(struct serial *s, u64 reg)
{
	switch (reg) {
	case REG_DATA:
		return read_data(s);
	case REG_IER:
		return s->r.lcr & LCR_DLAB ? s->r.divisor[1] : s->r.ier;
	case REG_IIR:
		return read_iir(s);
	case REG_LCR:
		return s->r.lcr;
	case REG_MCR:
		return s->r.mcr;
	case REG_LSR:
		return LSR_TX_EMPTY | (s->r.head != s->r.tail ? LSR_READY : 0);
	case REG_MSR:
		return modem_status(s);
	default:
		return s->r.scr;
	}
}

static void write_data(struct serial *s, u8 value)
{
	if (s->r.lcr & LCR_DLAB) {
		s->r.divisor[0] = value;
		return;
	}
	if (s->r.mcr & MCR_LOOP) {
		enqueue(s, value);
	} else {
		/* It may wait for who reads the output; the main thread shall not wait for that. */
		pthread_mutex_unlock(&s->lock);
		s->put(value);
		pthread_mutex_lock(&s->lock);
	}
	s->r.tx_event = true;
}

static void write_ier(struct serial *s, u8 value)
{
	if (s->r.lcr & LCR_DLAB) {
		s->r.divisor[1] = value;
		return;
	}
	if (value & ~s->r.ier & IER_TX)
		s->r.tx_event = true;	/* enabled while empty: an interrupt at once */
	if (value & ~s->r.ier & IER_RX)
		vm_wake(s->vm);
	s->r.ier = value & IER_MASK;
}

static void write_register(struct serial *s, u64 reg, u8 value)
{
	switch (reg) {
	case REG_DATA:
		write_data(s, value);
		break;
	case REG_IER:
		write_ier(s, value);
		break;
	case REG_IIR:
		if (value & FCR_CLEAR_RX)
			s->r.tail = s->r.head;
		s->r.fcr = value;
		break;
	case REG_LCR:
		s->r.lcr = value;
		break;
	case REG_MCR:
		s->r.mcr = value & MCR_MASK;
		break;
	case REG_SCR:
		s->r.scr = value;
		break;
	}
}

static u64 serial_read(void *dev, u64 offset, unsigned int size)
{
	struct serial *s = dev;
	u8 value;

	pthread_mutex_lock(&s->lock);
	value = read_register(s, offset);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
	return value;
}

static void serial_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct serial *s = dev;

	pthread_mutex_lock(&s->lock);
	write_register(s, offset, value);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
}

/* What did not come from here may be anything; the line is the driver's to be told of again. */
static const char *serial_loaded(void *dev)
{
	struct serial *s = dev;

	if (s->r.head - s->r.tail > QUEUE)
		s->r.tail = s->r.head;
	s->r.irq = interrupt_id(s) != IIR_NONE && (s->r.mcr & MCR_OUT2);
	vm_irq(s->vm, IRQ_COM1, s->r.irq);
	vm_wake(s->vm);
	return NULL;
}

/**
 * serial_init() - put the serial port on the bus
 * @vm:		the VM
 * @put:	takes a byte that the guest sends; called by the vCPU thread
 *
 * Return: the port.
 */
struct serial *serial_init(struct vm *vm, void (*put)(u8 byte))
{
	static const struct region region = {
		"serial", PIO, PORT_COM1, REG_COUNT, 1, serial_read, serial_write, NULL
	};
	const struct kept kept = {
		.name = "serial", .state = &com1.r, .size = sizeof(com1.r),
		.loaded = serial_loaded, .dev = &com1,
	};

	com1.vm = vm;
	com1.put = put;
	bus_add(&vm->bus, &region, 1, &com1);
	vm_keep(vm, &kept);
	return &com1;
}

/**
 * serial_room() - how many bytes the port can receive now
 * @s:		the port
 *
 * None before the guest listens: a kernel empties the receiver when it opens the port, and what
 * was typed ahead or piped in would be lost.
 *
 * Context: any thread. When the answer is 0, vm_wake() tells of the change.
 * Return: bytes.
 */
unsigned int serial_room(struct serial *s)
{
	unsigned int room;

	pthread_mutex_lock(&s->lock);
	room = s->r.ier & IER_RX ? QUEUE - (s->r.head - s->r.tail) : 0;
	pthread_mutex_unlock(&s->lock);
	return room;
}

/**
 * serial_receive() - give the guest what came in
 * @s:		the port
 * @data:	the bytes
 * @n:		how many; what serial_room() does not cover is lost, as on a line
 *
 * Context: any thread.
 */
void serial_receive(struct serial *s, const u8 *data, unsigned int n)
{
	pthread_mutex_lock(&s->lock);
	while (n--)
		enqueue(s, *data++);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
}
