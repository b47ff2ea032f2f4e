/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Physical addresses on which loader.S and labimage.py agree; the latter reads this file. ENTRY is
 * where the address of the kernel's 64-bit entry stands.
 */
#define ROM_ADDR	0xd0000
#define ROM_BLOCKS	2
#define BOOT_PARAMS	0x100000
#define CMDLINE		0x101000
#define PML4		0x102000
#define ENTRY		0x108000
#define STACK_TOP	0x110000
