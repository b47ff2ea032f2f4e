/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel images and what a kernel finds in memory when it starts (Linux' 64-bit boot protocol,
 * Documentation/x86/boot.rst of the kernel).
 */
#ifndef KVMLET_USERSPACE_LOADER_H
#define KVMLET_USERSPACE_LOADER_H

#include <asm/bootparam.h>

#include "userspace/memory.h"

/* Where the loader puts things below 1 MiB; images are refused there. */
#define ADDR_GDT	0x500
#define ADDR_ZERO_PAGE	0x7000
#define ADDR_TABLES	0x9000		/* page tables: 6 pages */
#define ADDR_CMDLINE	0x20000
#define ADDR_ACPI	0xe0000
#define ADDR_IMAGE_MIN	0x100000

#define SEL_CODE	0x10
#define SEL_DATA	0x18

/* A file that is loaded. Nothing in it is trusted. */
struct image {
	const char *name;
	int fd;
	u64 size;
	char why[256];		/* after a failure: what is wrong and the way out */
};

struct boot {
	struct setup_header hdr;
	u64 entry;		/* guest-physical, 64-bit code */
	u64 end;		/* first byte after the kernel's memory */
};

int image_open(struct image *img, const char *path);
void image_close(struct image *img);
int load_kernel(struct image *img, const struct ram *ram, struct boot *boot);
int load_initrd(struct image *img, const struct ram *ram, struct boot *boot);
int boot_prepare(const struct ram *ram, struct boot *boot, const char *cmdline);

#endif
