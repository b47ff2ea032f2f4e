/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the interrupt controllers know of each other; nobody outside vmx/irqchip/ includes it.
 *
 * Lock letters on the fields below:
 *   (c) constant after creation
 *   (v) the vCPU's thread (vcpu->mutex); others may read it, and get an old value or a new one
 *   (a) anybody, atomic
 *   (p) pic->lock        (o) ioapic->lock        (t) pit->lock
 * Nothing is called with one of the three locks held but the posting of interrupts to LAPICs,
 * which takes no lock. vCPUs are kicked after it was released.
 */
#ifndef KVMLET_VMX_IRQCHIP_INTERNAL_H
#define KVMLET_VMX_IRQCHIP_INTERNAL_H

#include <linux/bitmap.h>
#include <linux/hrtimer.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <asm/apicdef.h>
#include "vmx/irqchip/irqchip.h"
#include "vmx/irqchip/lapic_logic.h"
#include "vmx/irqchip/match.h"
#include "vmx/irqchip/pic.h"
#include "vmx/irqchip/pit.h"
#include "vmx/vcpu.h"

/* IA32_APIC_BASE's bits 11:10 in words. */
enum lapic_mode { LAPIC_DISABLED, LAPIC_XAPIC, LAPIC_X2APIC };

#define UNJOINED_PIR	(256 / 32)	/* of lapic->unjoined: @pir may have some */

/* Bits of vcpu->startup. */
enum { STARTUP_INIT, STARTUP_SIPI };

/**
 * struct lapic - a vCPU's LAPIC, in a page of its own
 * @pir:	vectors that the processor takes while the guest runs, as soon as it is notified:
 *		its posted-interrupt descriptor, whose other half nobody here needs (a)
 * @vcpu:	its vCPU (c)
 * @page:	the registers at their offsets, as the processor's virtual-APIC page has them. TMR
 *		is (a), the others (v); ESR and the current count are computed
 * @mode:	enum lapic_mode; follows vcpu->apic_base (v)
 * @delivers:	the processor delivers and ends interrupts by itself, and uses IRR and ISR (c)
 * @posts:	others may use @pir (v)
 * @posted:	vectors that others have requested, until they join IRR (a)
 * @unjoined:	the words of @posted that may have some, and UNJOINED_PIR (a)
 * @ends_known:	the processor's bitmap of vectors whose end exits is as TMR; if so... (a)
 * @all_ends:	... or has all vectors, as ends of all were to be heard of (v)
 * @irr_top:	highest vector of IRR, or -1; with @delivers after lapic_join() (v)
 * @isr_top:	highest vector in service, as well (v)
 * @errors:	for ESR, since its last write (a)
 * @sipi_vector: of the SIPI; written before its bit (a)
 * @deliveries:	how many lowest-priority interrupts it got, to take turns (a, losses allowed)
 * @timer:	its callback posts the interrupt; started and cancelled by (v)
 * @timer_mode:	of LVTT, whose register the guest may write before it takes effect (v)
 * @timer_shift: of TDCR, as well (v)
 * @period:	of the periodic timer, ns (v)
 * @deadline:	IA32_TSC_DEADLINE as written, valid as long as @due (v)
 * @due:	when that is, CLOCK_MONOTONIC; 0: none is awaited (-)
 */
struct lapic {
	u32 pir[512 / 32];
	struct vcpu *vcpu;
	u8 *page;
	int mode;
	bool delivers, posts;
	unsigned long unjoined;
	u32 posted[256 / 32] __aligned(8);
	bool ends_known, all_ends;
	int irr_top, isr_top;
	atomic_t errors;
	u8 sipi_vector;
	u32 deliveries;
	struct hrtimer timer;
	u32 timer_mode;
	unsigned int timer_shift;
	u64 period;
	u64 deadline;
	s64 due;
};

/**
 * struct pic - the pair of 8259s
 * @lock:	(p)
 * @wires:	that are high, by whose and by input (p)
 * @pair:	its state; @pair.output is also read without the lock
 */
struct pic {
	raw_spinlock_t lock;
	u32 wires[LINE_SOURCES];
	struct pic_pair pair;
};

/**
 * struct pit - the 8254
 * @lock:	(t)
 * @vm:		whose interrupt it raises (c)
 * @speaker:	port 0x61 is its own (c)
 * @hears:	it is counted in vm_eventfds.ears (t)
 * @timer:	set for @chip.due (t)
 * @chip:	its state (t)
 */
struct pit {
	raw_spinlock_t lock;
	struct vm *vm;
	bool speaker, hears;
	struct hrtimer timer;
	struct pit_chip chip;
};

#define PIT_GSI		0

#define IOAPIC_PINS	KVM_IOAPIC_NUM_PINS
#define IOAPIC_LENGTH	0x100	/* bytes of its registers */

/**
 * struct ioapic - the IO-APIC, (o) all but @lock
 * @wires:	to its inputs, those that are high, by whose
 * @base:	address of its page; read without the lock
 * @select:	index of the register in the window
 * @id:		bits 27:24 of its id register
 * @irr:	inputs that are high; of edge-triggered ones, since when they were unmasked
 * @sent:	edge-triggered ones of them that were delivered
 * @entry:	redirection table
 */
struct ioapic {
	raw_spinlock_t lock;
	u32 wires[LINE_SOURCES];
	u64 base;
	u32 select, id, irr, sent;
	u64 entry[IOAPIC_PINS];
};

#define MSI_LEVEL	BIT(15)		/* of an MSI's data */

/* One wire changes; is the input high? */
static inline bool line_level(u32 *wires, unsigned int pin, enum line_source source, bool level)
{
	wires[source] = level ? wires[source] | BIT(pin) : wires[source] & ~BIT(pin);
	return (wires[LINE_USER] | wires[LINE_RESAMPLED]) & BIT(pin);
}

/* The upper half of an MSI's address has nothing in bits 7:0, where it has anything at all. */
static inline bool msi_allowed(const struct vm *vm, u32 address_hi)
{
	return !READ_ONCE(vm->x2apic_ids) || !(u8)address_hi;
}

/* vCPUs to be kicked when no lock is held, and the index of the last that got an interrupt. */
struct kicks {
	DECLARE_BITMAP(vcpus, VM_MAX_VCPUS);
	unsigned int last;
};

/*
 * A device's message that is sent again and again: @known is whom it reached, if that was one vCPU,
 * with vm->lapic_changes of then; 0: not known. See deliver_known_msi().
 */
struct known_msi {
	u64 address;
	u32 data;
	u64 known;
};

/* An interrupt message on its way to LAPICs. */
struct apic_msg {
	struct match_dest dest;
	const struct lapic *source;	/* of an IPI, else NULL */
	u32 shorthand;			/* APIC_DEST_*, 0: by @dest */
	u32 mode;			/* APIC_DM_* */
	u8 vector;
	bool level;			/* level-triggered */
	bool lowest;			/* to one of those that match, as APIC_DM_LOWEST is */
};

static inline u32 lapic_get(const struct lapic *lapic, unsigned int offset)
{
	return READ_ONCE(*(const u32 *)(lapic->page + offset));
}

static inline void lapic_put(struct lapic *lapic, unsigned int offset, u32 value)
{
	WRITE_ONCE(*(u32 *)(lapic->page + offset), value);
}

/* What else than the table says depends on the VM: directed EOI. */
static inline void lapic_put_version(struct lapic *lapic)
{
	lapic_put(lapic, APIC_LVR, lapic_regs[APIC_LVR / LAPIC_STRIDE].ones |
		  (READ_ONCE(lapic->vcpu->vm->directed_eoi) ? APIC_LVR_DIRECTED_EOI : 0));
}

static inline u32 lapic_svr(const struct lapic *lapic, u32 value)
{
	return READ_ONCE(lapic->vcpu->vm->directed_eoi) ? value : value & ~APIC_SPIV_DIRECTED_EOI;
}

static inline bool lapic_software_enabled(const struct lapic *lapic)
{
	return lapic_get(lapic, APIC_SPIV) & APIC_SPIV_APIC_ENABLED;
}

static inline u8 lapic_get_ppr(const struct lapic *lapic)
{
	return lapic_ppr(lapic_get(lapic, APIC_TASKPRI), lapic->isr_top);
}

/* lapic.c */
void lapic_mmio(struct lapic *lapic, unsigned int offset, unsigned int len, void *data,
		bool write);

/* lapic_irq.c */
void lapic_error(struct lapic *lapic, u32 error);
bool lapic_post(struct lapic *lapic, u8 vector, bool level, bool own);
void lapic_post_lvt(struct lapic *lapic, unsigned int offset);
void lapic_join(struct lapic *lapic);
void lapic_eoi(struct lapic *lapic);
void lapic_write_tpr(struct lapic *lapic, u8 tpr);
void lapic_sync_irq(struct lapic *lapic);

/* lapic_timer.c */
void lapic_timer_create(struct lapic *lapic);
void lapic_timer_set_mode(struct lapic *lapic, u32 lvtt);
void lapic_timer_set_count(struct lapic *lapic, u32 count);
void lapic_timer_set_divisor(struct lapic *lapic, u32 tdcr);
void lapic_timer_sync(struct lapic *lapic);
u32 lapic_timer_count(const struct lapic *lapic);
void lapic_timer_restore(struct lapic *lapic, u32 count);

/* deliver.c */
int deliver(struct vm *vm, const struct apic_msg *msg, struct kicks *kicks);
void deliver_kick(struct vm *vm, const struct kicks *kicks, const struct vcpu *self);
int deliver_known_msi(struct vm *vm, struct known_msi *msi);
void deliver_ipi(struct lapic *lapic, u32 icr, u32 dest);

/* pic_chip.c */
struct pic *pic_create(void);
int pic_line(struct vm *vm, unsigned int line, enum line_source source, bool level);
int pic_take(struct vcpu *vcpu);
bool pic_io(struct vcpu *vcpu, u16 port, unsigned int len, u8 *data, bool write);
void pic_state(struct vm *vm, unsigned int chip, struct kvm_pic_state *state, bool set);

/* pit_chip.c */
void pit_hear_end(struct pit *pit);
void pit_destroy(struct vm *vm);
bool pit_io(struct pit *pit, u16 port, unsigned int len, u8 *data, bool write);

/* ioapic.c */
struct ioapic *ioapic_create(void);
int ioapic_line(struct vm *vm, unsigned int pin, enum line_source source, bool level);
void ioapic_eoi(struct vcpu *vcpu, u8 vector, bool level);
void ioapic_mmio(struct vcpu *vcpu, u64 offset, unsigned int len, void *data, bool write);
void ioapic_get(struct vm *vm, struct kvm_ioapic_state *state);
void ioapic_set(struct vm *vm, const struct kvm_ioapic_state *state);

/* route.c */
struct irq_routes *routes_create(bool wired);
void irqchip_pulse(struct vm *vm, u32 gsi);
bool irqchip_leads_to(struct vm *vm, u32 gsi, bool ioapic, unsigned int pin);
bool irqchip_split_pin(struct vm *vm, u8 vector);

#endif
