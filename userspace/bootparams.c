// SPDX-License-Identifier: GPL-2.0
/*
 * What a 64-bit kernel expects in memory when it starts: the "zero page" with the memory map, the
 * command line, a GDT with the two flat segments of the protocol, and page tables that map the
 * first 4 GiB one to one.
 */
#include "userspace/loader.h"

#define PTE_TABLE	0x3		/* present, writable */
#define PTE_2M		0x83		/* and a large page */
#define GDT_CODE	0x00af9b000000ffffULL
#define GDT_DATA	0x00cf93000000ffffULL
#define LOADER_UNKNOWN	0xff
#define MIB		(1ULL << 20)

enum e820_type { E820_RAM = 1, E820_RESERVED = 2 };

static void page_tables(const struct ram *ram)
{
	u64 *pml4 = ram_at(ram, ADDR_TABLES, 6 * 4096);
	u64 *pdpt = pml4 + 512, *pd = pdpt + 512;
	unsigned int i;

	pml4[0] = (ADDR_TABLES + 0x1000) | PTE_TABLE;
	for (i = 0; i < 4; i++)
		pdpt[i] = (ADDR_TABLES + 0x2000 + i * 0x1000) | PTE_TABLE;
	for (i = 0; i < 4 * 512; i++)
		pd[i] = i * 2 * MIB | PTE_2M;
}

static void gdt(const struct ram *ram)
{
	u64 *entry = ram_at(ram, ADDR_GDT, 4 * sizeof(*entry));

	entry[SEL_CODE / 8] = GDT_CODE;
	entry[SEL_DATA / 8] = GDT_DATA;
}

static void e820(struct boot_params *bp, u64 from, u64 to, enum e820_type type)
{
	if (from < to)
		bp->e820_table[bp->e820_entries++] = (struct boot_e820_entry) {
			.addr = from, .size = to - from, .type = type
		};
}

static void memory_map(struct boot_params *bp, const struct ram *ram)
{
	e820(bp, 0, 0xa0000, E820_RAM);
	e820(bp, ADDR_ACPI, MIB, E820_RESERVED);
	e820(bp, MIB, ram->low, E820_RAM);
	e820(bp, HOLE_END, HOLE_END + ram->size - ram->low, E820_RAM);
}

/**
 * boot_prepare() - write what the kernel finds in memory
 * @ram:	guest memory, at least RAM_MIN
 * @boot:	of load_kernel() and load_initrd()
 * @cmdline:	the kernel's command line
 *
 * Return: 0, or -E2BIG if the command line is longer than this kernel takes.
 */
int boot_prepare(const struct ram *ram, struct boot *boot, const char *cmdline)
{
	struct boot_params *bp = ram_at(ram, ADDR_ZERO_PAGE, sizeof(*bp));
	size_t len = strlen(cmdline);

	if (len > min_t(u32, boot->hdr.cmdline_size, 0xffff))
		return -E2BIG;
	boot->hdr.type_of_loader = LOADER_UNKNOWN;
	boot->hdr.cmd_line_ptr = ADDR_CMDLINE;
	memcpy(ram_at(ram, ADDR_CMDLINE, len + 1), cmdline, len + 1);
	memset(bp, 0, sizeof(*bp));
	bp->hdr = boot->hdr;
	bp->acpi_rsdp_addr = ADDR_ACPI;
	memory_map(bp, ram);
	page_tables(ram);
	gdt(ram);
	return 0;
}
