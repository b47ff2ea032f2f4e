// SPDX-License-Identifier: GPL-2.0
/*
 * ACPI tables that describe this machine: a LAPIC for each processor, one IO-APIC, the 8259 pair, a
 * serial port, a clock, a power button, power-off and reset, a PCI bus if there is one. No 8254: a
 * kernel with a clock from the hypervisor and a LAPIC timer does without. ACPI specification 6.5,
 * chapters 5 and 20 (AML).
 */
#include "userspace/loader.h"
#include "userspace/devices/devices.h"
#include "userspace/devices/pci.h"

#define __packed	__attribute__((packed))
#define OEM_ID		"KVMLET"
#define OEM_TABLE	"KVMLETVM"
#define LAPIC_BASE	0xfee00000
#define IOAPIC_BASE	0xfec00000
#define IOAPIC_ID	0xf0		/* none of a processor's */
#define FADT_WBINVD	BIT(0)
#define FADT_NO_SLEEP	BIT(5)		/* no button for it; BIT(4): none for power */
#define FADT_NO_RTC	BIT(6)		/* its alarm wakes nobody */
#define FADT_RESET	BIT(10)
#define BOOT_NO_VGA	BIT(2)
#define BOOT_NO_ASPM	BIT(4)

#define NO_C2		101		/* microseconds: too slow, so not there */
#define NO_C3		1001
#define MADT_PICS	BIT(0)
#define MADT_LEVEL_HIGH	0xd

struct rsdp {
	char signature[8];
	u8 checksum;
	char oem[6];
	u8 revision;
	u32 rsdt, length;
	u64 xsdt;
	u8 checksum_all, reserved[3];
} __packed;

struct header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem[6], oem_table[8];
	u32 oem_revision;
	char creator[4];
	u32 creator_revision;
} __packed;

struct address {
	u8 space, width, offset, access;
	u64 addr;
} __packed;

struct fadt {
	struct header h;
	u32 facs, dsdt;
	u8 reserved1, profile;
	u16 sci;
	u32 smi_command;
	u8 smi[4];
	u32 pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
	u8 pm1_event_len, pm1_control_len, pm2_control_len, pm_timer_len, gpe[3], cstate;
	u16 c2_latency, c3_latency;
	u16 flush[2];
	u8 duty[2], alarm[2], century;
	u16 boot_flags;
	u8 reserved2;
	u32 flags;
	struct address reset;
	u8 reset_value;
	u16 arm_flags;
	u8 minor;
	u64 x_facs, x_dsdt;
	struct address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control, x_pm2_control;
	struct address x_pm_timer, x_gpe[2];
	struct address sleep_control, sleep_status;
	u64 hypervisor;
} __packed;

struct madt {
	struct header h;
	u32 lapic_base, flags;
	struct {
		u8 type, length, id, reserved;
		u32 base, gsi;
	} __packed ioapic;
	struct {
		u8 type, length, bus, irq;
		u32 gsi;
		u16 flags;
	} __packed sci;
	struct {
		u8 type, length, uid, id;
		u32 flags;
	} __packed lapic[SAVE_MAX_CPUS];	/* as many as there are processors */
} __packed;

struct tables {
	struct rsdp rsdp;
	struct {
		struct header h;
		u64 table[2];
	} __packed xsdt;
	struct fadt fadt;
	struct madt madt;
	struct header dsdt;		/* the code follows */
} __packed;

_Static_assert(offsetof(struct fadt, boot_flags) == 109, "the FADT as the specification has it");
_Static_assert(sizeof(struct fadt) == 276, "the FADT of ACPI 6 has 276 bytes");

/*
 * Scope (\_SB) {
 *	Device (COM1) {
 *		Name (_HID, EisaId ("PNP0501"))
 *		Name (_UID, 0)
 *		Name (_CRS, ResourceTemplate () {
 *			IO (Decode16, 0x3f8, 0x3f8, 0, 8)
 *			IRQNoFlags () {4}
 *		})
 *	}
 *	Device (RTC0) {
 *		Name (_HID, EisaId ("PNP0B00"))
 *		Name (_CRS, ResourceTemplate () { IO (Decode16, 0x70, 0x70, 0, 2) })
 *	}
 * }
 * Name (\_S5, Package () {SLEEP_OFF, 0})
 */
static const u8 dsdt_code[] = {
	0x10, 0x48, 0x05, '\\', '_', 'S', 'B', '_',
	0x5b, 0x82, 0x2b, 'C', 'O', 'M', '1',
	0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x05, 0x01,
	0x08, '_', 'U', 'I', 'D', 0x00,
	0x08, '_', 'C', 'R', 'S', 0x11, 0x10, 0x0a, 0x0d,
	0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x00, 0x08, 0x22, 1 << IRQ_COM1, 0x00, 0x79, 0x00,
	0x5b, 0x82, 0x22, 'R', 'T', 'C', '0',
	0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x0b, 0x00,
	0x08, '_', 'C', 'R', 'S', 0x11, 0x0d, 0x0a, 0x0a,
	0x47, 0x01, PORT_CMOS, 0x00, PORT_CMOS, 0x00, 0x00, 0x02, 0x79, 0x00,
	0x08, '_', 'S', '5', '_', 0x12, 0x05, 0x02, 0x0a, SLEEP_OFF, 0x00,
};

/* A slot's INTA, without a link device between: the pin of the IO-APIC. */
#define PCI_ROUTE(slot) \
	0x12, 0x0b, 0x04, 0x0c, 0xff, 0xff, slot, 0x00, 0x00, 0x00, 0x0a, PCI_IRQ(slot)
#define BYTES4(x)	(u8)(x), (u8)((x) >> 8), (u8)((x) >> 16), (u8)((x) >> 24)
#define BYTES2(x)	(u8)(x), (u8)((x) >> 8)

/*
 * Scope (\_SB) {
 *	Device (PCI0) {
 *		Name (_HID, EisaId ("PNP0A03"))
 *		Name (_CRS, ResourceTemplate () {
 *			WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
 *				       0, 0, 0, 0, 1)
 *			IO (Decode16, 0xcf8, 0xcf8, 1, 8)
 *			WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
 *				0, PCI_PORTS, PCI_PORTS + PCI_PORTS_LEN - 1, 0, PCI_PORTS_LEN)
 *			DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
 *				     NonCacheable, ReadWrite, 0, PCI_MEMORY,
 *				     PCI_MEMORY + PCI_MEMORY_LEN - 1, 0, PCI_MEMORY_LEN)
 *		})
 *		Name (_PRT, Package (8) { Package (4) {0x0001ffff, 0, 0, PCI_IRQ(1)}, ... })
 *	}
 * }
 */
static const u8 pci_code[] = {
	0x10, 0x40, 0x0d, '\\', '_', 'S', 'B', '_',
	0x5b, 0x82, 0x47, 0x0c, 'P', 'C', 'I', '0',
	0x08, '_', 'H', 'I', 'D', 0x0c, 0x41, 0xd0, 0x0a, 0x03,
	0x08, '_', 'C', 'R', 'S', 0x11, 0x48, 0x04, 0x0a, 0x44,
	0x88, 0x0d, 0x00, 0x02, 0x0c, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
	0x47, 0x01, 0xf8, 0x0c, 0xf8, 0x0c, 0x01, 0x08,
	0x88, 0x0d, 0x00, 0x01, 0x0c, 0x03, 0, 0, BYTES2(PCI_PORTS),
	BYTES2(PCI_PORTS + PCI_PORTS_LEN - 1), 0, 0, BYTES2(PCI_PORTS_LEN),
	0x87, 0x17, 0x00, 0x00, 0x0c, 0x01, BYTES4(0), BYTES4(PCI_MEMORY),
	BYTES4(PCI_MEMORY + PCI_MEMORY_LEN - 1), BYTES4(0), BYTES4(PCI_MEMORY_LEN),
	0x79, 0x00,
	0x08, '_', 'P', 'R', 'T', 0x12, 0x43, 0x06, PCI_DEVICES,
	PCI_ROUTE(1), PCI_ROUTE(2), PCI_ROUTE(3), PCI_ROUTE(4),
	PCI_ROUTE(5), PCI_ROUTE(6), PCI_ROUTE(7), PCI_ROUTE(8),
};

/* The lengths above are those of this many bytes. */
_Static_assert(sizeof(pci_code) == 209 && PCI_DEVICES == 8, "the package lengths of pci_code");

static struct address port(u16 addr, u8 bytes)
{
	return (struct address) {
		.space = 1, .width = bytes * 8, .access = min(bytes, 2), .addr = addr
	};
}

static u8 sum(const void *p, size_t n)
{
	const u8 *byte = p;
	u8 s = 0;

	while (n--)
		s += *byte++;
	return s;
}

static void finish(struct header *h, const char *signature, u8 revision, u32 length)
{
	memcpy(h->signature, signature, sizeof(h->signature));
	memcpy(h->oem, OEM_ID, sizeof(h->oem));
	memcpy(h->oem_table, OEM_TABLE, sizeof(h->oem_table));
	memcpy(h->creator, OEM_ID, sizeof(h->creator));
	h->length = length;
	h->revision = revision;
	h->oem_revision = 1;
	h->creator_revision = 1;
	h->checksum = -sum(h, length);
}

static void write_fadt(struct fadt *f, u64 dsdt)
{
	f->sci = IRQ_SCI;
	f->pm1a_event = PORT_PM;
	f->pm1_event_len = PM_EVENT_LEN;
	f->pm1a_control = PORT_PM + PM_CONTROL;
	f->pm1_control_len = PM_CONTROL_LEN;
	f->pm_timer = PORT_PM_TIMER;
	f->pm_timer_len = PM_TIMER_LEN;
	f->c2_latency = NO_C2;
	f->c3_latency = NO_C3;
	f->boot_flags = BOOT_NO_VGA | BOOT_NO_ASPM;
	f->flags = FADT_WBINVD | FADT_NO_SLEEP | FADT_NO_RTC | FADT_RESET;
	f->reset = port(PORT_RESET, 1);
	f->reset_value = RESET_VALUE;
	f->x_dsdt = dsdt;
	f->x_pm1a_event = port(PORT_PM, PM_EVENT_LEN);
	f->x_pm1a_control = port(PORT_PM + PM_CONTROL, PM_CONTROL_LEN);
	f->x_pm_timer = port(PORT_PM_TIMER, PM_TIMER_LEN);
	finish(&f->h, "FACP", 6, sizeof(*f));
}

static void write_madt(struct madt *m, unsigned int cpus)
{
	unsigned int i;

	m->lapic_base = LAPIC_BASE;
	m->flags = MADT_PICS;
	for (i = 0; i < cpus; i++) {
		m->lapic[i].type = 0;
		m->lapic[i].length = sizeof(m->lapic[0]);
		m->lapic[i].uid = i;
		m->lapic[i].id = i;
		m->lapic[i].flags = 1;		/* enabled */
	}
	m->ioapic.type = 1;
	m->ioapic.length = sizeof(m->ioapic);
	m->ioapic.id = IOAPIC_ID;
	m->ioapic.base = IOAPIC_BASE;
	m->sci.type = 2;
	m->sci.length = sizeof(m->sci);
	m->sci.irq = IRQ_SCI;
	m->sci.gsi = IRQ_SCI;
	m->sci.flags = MADT_LEVEL_HIGH;
	finish(&m->h, "APIC", 5, offsetof(struct madt, lapic[cpus]));
}

/**
 * acpi_write_tables() - put the tables where the kernel looks for them
 * @ram:	guest memory
 * @cpus:	how many processors there are; their APIC ids count from 0
 * @pci:	there is a PCI bus
 */
void acpi_write_tables(const struct ram *ram, unsigned int cpus, bool pci)
{
	size_t code = sizeof(dsdt_code) + (pci ? sizeof(pci_code) : 0);
	struct tables *t = ram_at(ram, ADDR_ACPI, sizeof(*t) + code);

	memcpy(t + 1, dsdt_code, sizeof(dsdt_code));
	if (pci)
		memcpy((u8 *)(t + 1) + sizeof(dsdt_code), pci_code, sizeof(pci_code));
	finish(&t->dsdt, "DSDT", 2, sizeof(t->dsdt) + code);
	write_madt(&t->madt, cpus);
	write_fadt(&t->fadt, ADDR_ACPI + offsetof(struct tables, dsdt));
	t->xsdt.table[0] = ADDR_ACPI + offsetof(struct tables, fadt);
	t->xsdt.table[1] = ADDR_ACPI + offsetof(struct tables, madt);
	finish(&t->xsdt.h, "XSDT", 1, sizeof(t->xsdt));
	memcpy(t->rsdp.signature, "RSD PTR ", sizeof(t->rsdp.signature));
	memcpy(t->rsdp.oem, OEM_ID, sizeof(t->rsdp.oem));
	t->rsdp.revision = 2;
	t->rsdp.length = sizeof(t->rsdp);
	t->rsdp.xsdt = ADDR_ACPI + offsetof(struct tables, xsdt);
	t->rsdp.checksum = -sum(&t->rsdp, 20);
	t->rsdp.checksum_all = -sum(&t->rsdp, sizeof(t->rsdp));
}
