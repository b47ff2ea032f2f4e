// SPDX-License-Identifier: GPL-2.0
/*
 * The runner's loader: good bzImages, ELF kernels and RAM disks land where they should, damaged
 * ones are refused with words, and no damage makes it write outside the guest's memory. With
 * userspace/{loader,bootparams,memory}.c.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftests/lib/tap.h"
#include "userspace/loader.h"

#define RAM		(32ULL << 20)
#define SETUP		(2 * 512)	/* boot sector and one sector of setup code */
#define KERNEL		0x3000
#define FILE_SIZE	(SETUP + KERNEL)
#define HDR		0x1f1
#define LOAD		0x1000000
#define RANDOM_ROUNDS	20000

static struct ram ram;
static u8 file[FILE_SIZE];

static struct image image_of(const void *data, size_t size)
{
	struct image img = { .name = "test", .size = size };

	img.fd = memfd_create("image", MFD_CLOEXEC);
	if (img.fd < 0 || write(img.fd, data, size) != (ssize_t)size) {
		printf("Bail out! memfd: %s\n", strerror(errno));
		exit(1);
	}
	return img;
}

static void fresh_ram(void)
{
	memset(ram.base, 0, RAM);
}

static void make_bzimage(void)
{
	struct setup_header hdr = {
		.setup_sects = 1, .boot_flag = 0xaa55, .header = 0x53726448, .version = 0x020f,
		.jump = 0x6aeb, .loadflags = LOADED_HIGH, .xloadflags = XLF_KERNEL_64,
		.pref_address = LOAD, .init_size = 0x10000, .cmdline_size = 2047,
		.initrd_addr_max = 0x7fffffff, .relocatable_kernel = 1,
	};

	memset(file, 0xcc, sizeof(file));
	memcpy(file + HDR, &hdr, sizeof(hdr));
}

static void make_elf(void)
{
	Elf64_Ehdr eh = {
		.e_ident = ELFMAG "\2\1\1", .e_type = ET_EXEC, .e_machine = EM_X86_64,
		.e_entry = LOAD + 0x10, .e_phoff = sizeof(eh), .e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	Elf64_Phdr ph[2] = {
		{ .p_type = PT_LOAD, .p_offset = 0x400, .p_filesz = 0x1000, .p_memsz = 0x2000,
		  .p_paddr = LOAD, .p_vaddr = 0xffffffff81000000 },
		{ .p_type = PT_LOAD, .p_offset = 0x1400, .p_filesz = 0x800, .p_memsz = 0x800,
		  .p_paddr = LOAD + 0x2000 },
	};

	memset(file, 0xcc, sizeof(file));
	memcpy(file, &eh, sizeof(eh));
	memcpy(file + sizeof(eh), ph, sizeof(ph));
}

/* --- good images ------------------------------------------------------------------------------ */

static void test_good_bzimage(void)
{
	struct boot boot;
	struct image img;

	fresh_ram();
	make_bzimage();
	img = image_of(file, sizeof(file));
	TAP_EQ(load_kernel(&img, &ram, &boot), 0, "a bzImage is loaded");
	TAP_EQ(boot.entry, LOAD + 0x200, "its entry is 512 bytes into the kernel");
	TAP_EQ(boot.end, LOAD + 0x10000, "its memory ends after init_size");
	TAP_EQ(memcmp(ram.base + LOAD, file + SETUP, KERNEL), 0, "its bytes are where it wants");
	TAP_EQ(ram.base[LOAD + KERNEL], 0, "and not one more");
	image_close(&img);
}

static void test_good_elf(void)
{
	struct boot boot;
	struct image img;

	fresh_ram();
	make_elf();
	img = image_of(file, sizeof(file));
	TAP_EQ(load_kernel(&img, &ram, &boot), 0, "an ELF kernel is loaded");
	TAP_EQ(boot.entry, LOAD + 0x10, "its entry is the file's");
	TAP_EQ(boot.end, LOAD + 0x2800, "its memory ends with its last segment");
	TAP_EQ(ram.base[LOAD + 0xfff], 0xcc, "a segment's bytes are there");
	TAP_EQ(ram.base[LOAD + 0x1000], 0, "a segment's rest is zero");
	TAP_EQ(boot.hdr.cmdline_size, 2047, "it gets a setup header of its own");
	image_close(&img);
}

static void test_boot_params(void)
{
	struct boot_params *bp = ram_at(&ram, ADDR_ZERO_PAGE, sizeof(*bp));
	struct boot boot;
	struct image img;
	char line[2050];

	fresh_ram();
	make_elf();
	img = image_of(file, sizeof(file));
	load_kernel(&img, &ram, &boot);
	image_close(&img);
	memset(line, 'x', sizeof(line));
	line[2048] = 0;
	TAP_EQ(boot_prepare(&ram, &boot, line), -E2BIG, "a command line of 2048 is too long");
	line[2047] = 0;
	TAP_EQ(boot_prepare(&ram, &boot, line), 0, "one of 2047 is not");
	TAP_EQ(strcmp(ram_at(&ram, bp->hdr.cmd_line_ptr, 2048), line), 0, "the kernel finds it");
	TAP_EQ(bp->e820_entries, 3, "three pieces of memory are told");
	TAP_EQ(bp->e820_table[2].addr + bp->e820_table[2].size, RAM, "up to the last byte");
}

static void test_initrd(void)
{
	u64 max = RAM - (LOAD + 0x3000);
	struct boot boot = { .end = LOAD + 0x2800, .hdr.initrd_addr_max = 0x7fffffff };
	struct image img = image_of(file, sizeof(file));
	u8 *big = calloc(1, max + 1);

	TAP_EQ(load_initrd(&img, &ram, &boot), 0, "a RAM disk is loaded");
	TAP_EQ(boot.hdr.ramdisk_image, (RAM - FILE_SIZE) & ~0xfffULL, "as high as memory reaches");
	TAP_EQ(boot.hdr.ramdisk_size, FILE_SIZE, "with its size");
	boot.hdr.initrd_addr_max = 0x17fffff;
	TAP_EQ(load_initrd(&img, &ram, &boot), 0, "a RAM disk is loaded below the kernel's limit");
	TAP_EQ(boot.hdr.ramdisk_image + FILE_SIZE <= 0x1800000, 1, "and stays below it");
	boot.hdr.initrd_addr_max = 0x10;
	TAP_EQ(load_initrd(&img, &ram, &boot), -EINVAL, "a limit below the kernel leaves no room");
	boot.hdr.initrd_addr_max = ~0u;
	image_close(&img);
	img = image_of(big, max);
	TAP_EQ(load_initrd(&img, &ram, &boot), 0, "a RAM disk may fill the rest of memory");
	image_close(&img);
	img = image_of(big, max + 1);
	TAP_EQ(load_initrd(&img, &ram, &boot), -EINVAL, "one byte more is refused");
	tap_ok(strstr(img.why, "--mem"), "and the way out is said");
	image_close(&img);
	img = image_of(big, 0);
	TAP_EQ(load_initrd(&img, &ram, &boot), -EINVAL, "an empty RAM disk is refused");
	image_close(&img);
	free(big);
}

static void test_ram_at(void)
{
	struct ram big = { .base = (u8 *)0x1000, .size = 5ULL << 30, .low = HOLE_START };

	tap_ok(ram_at(&big, HOLE_START - 1, 1), "the last byte below the hole is RAM");
	tap_ok(!ram_at(&big, HOLE_START - 1, 2), "a piece that reaches into the hole is not");
	tap_ok(!ram_at(&big, HOLE_START, 1), "the hole is not RAM");
	TAP_EQ((uintptr_t)ram_at(&big, HOLE_END, 1), 0x1000 + HOLE_START, "RAM goes on after it");
	tap_ok(ram_at(&big, 6ULL << 30, 0), "nothing at the end is a piece of RAM");
	tap_ok(!ram_at(&big, 6ULL << 30, 1), "one byte after the end is not");
	tap_ok(!ram_at(&big, ~0ULL, 2), "an address that wraps is not");
	tap_ok(!ram_at(&big, 1 << 20, ~0ULL), "a length that wraps is not");
}

/* --- damaged images --------------------------------------------------------------------------- */

#define BZ(field)	HDR + offsetof(struct setup_header, field),		\
			sizeof(((struct setup_header *)0)->field)
#define EH(field)	offsetof(Elf64_Ehdr, field), sizeof(((Elf64_Ehdr *)0)->field)
#define PH(field)	sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, field),	\
			sizeof(((Elf64_Phdr *)0)->field)

static const struct {
	const char *name;
	void (*make)(void);
	unsigned int offset, size;
	u64 value;
	const char *words;	/* that the refusal contains */
} damages[] = {
	{ "no magic", make_bzimage, BZ(header), 0, "neither" },
	{ "an old boot protocol", make_bzimage, BZ(version), 0x020b, "too old" },
	{ "no 64-bit entry", make_bzimage, BZ(xloadflags), 0, "64-bit" },
	{ "a zImage", make_bzimage, BZ(loadflags), 0, "zImage" },
	{ "setup code longer than the file", make_bzimage, BZ(setup_sects), 255, "cut short" },
	{ "a load address below 1 MiB", make_bzimage, BZ(pref_address), 0x7000, "below 1 MiB" },
	{ "a load address after RAM", make_bzimage, BZ(pref_address), RAM, "--mem" },
	{ "a load address above 4 GiB", make_bzimage, BZ(pref_address), 1ULL << 32, "4 GiB" },
	{ "a load address that wraps", make_bzimage, BZ(pref_address), ~0ULL - 0xfff, "4 GiB" },
	{ "init_size beyond RAM", make_bzimage, BZ(init_size), RAM - LOAD + 1, "--mem" },
	{ "init_size of 4 GiB", make_bzimage, BZ(init_size), ~0u, "--mem" },
	{ "a 32-bit ELF file", make_elf, EI_CLASS, 1, ELFCLASS32, "not for x86-64" },
	{ "another byte order", make_elf, EI_DATA, 1, ELFDATA2MSB, "not for x86-64" },
	{ "another machine", make_elf, EH(e_machine), EM_AARCH64, "not for x86-64" },
	{ "a shared object", make_elf, EH(e_type), ET_DYN, "not EXEC" },
	{ "program headers of another size", make_elf, EH(e_phentsize), 32, "no sense" },
	{ "no program header", make_elf, EH(e_phnum), 0, "no sense" },
	{ "65 program headers", make_elf, EH(e_phnum), 65, "no sense" },
	{ "program headers after the end", make_elf, EH(e_phoff), FILE_SIZE, "cut short" },
	{ "program headers that wrap", make_elf, EH(e_phoff), ~0ULL - 8, "cut short" },
	{ "an entry outside", make_elf, EH(e_entry), 0x100, "entry" },
	{ "no segment to load", make_elf, PH(p_type), PT_NOTE, "entry" },
	{ "a segment after the file's end", make_elf, PH(p_offset), FILE_SIZE - 1, "cut short" },
	{ "a segment offset that wraps", make_elf, PH(p_offset), ~0ULL, "cut short" },
	{ "more bytes in file than memory", make_elf, PH(p_filesz), 0x2001, "more bytes" },
	{ "a segment below 1 MiB", make_elf, PH(p_paddr), 0xf0000, "below 1 MiB" },
	{ "a segment over RAM's end", make_elf, PH(p_paddr), RAM - 0x1fff, "--mem" },
	{ "a segment above 4 GiB", make_elf, PH(p_paddr), 1ULL << 32, "4 GiB" },
	{ "a segment of 2^64 - 1 bytes", make_elf, PH(p_memsz), ~0ULL, "4 GiB" },
	{ "a segment as large as 4 GiB - 1", make_elf, PH(p_memsz), 0xffffffff, "--mem" },
};

static void test_damages(void)
{
	struct boot boot;
	struct image img;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(damages); i++) {
		damages[i].make();
		memcpy(file + damages[i].offset, &damages[i].value, damages[i].size);
		img = image_of(file, sizeof(file));
		TAP_EQ(load_kernel(&img, &ram, &boot), -EINVAL, "refused: %s", damages[i].name);
		if (!tap_ok(strstr(img.why, damages[i].words), "its words say so"))
			printf("# expected \"%s\" in \"%s\"\n", damages[i].words, img.why);
		image_close(&img);
	}
}

/* Every length of a file that is cut short, in its headers and at its end. */
static void test_cut_short(void)
{
	static void (* const make[])(void) = { make_bzimage, make_elf };
	static const size_t needed[] = { SETUP + 0x201, 0x1c00 };
	unsigned int i, accepted = 0, refused = 0;
	struct boot boot;
	struct image img;
	size_t size;

	for (i = 0; i < ARRAY_SIZE(make); i++) {
		make[i]();
		for (size = 0; size < needed[i]; size += size < 0x280 ? 1 : 0x40) {
			img = image_of(file, size);
			if (load_kernel(&img, &ram, &boot))
				refused++;
			else
				accepted++;
			image_close(&img);
		}
	}
	TAP_EQ(accepted, 0, "no image that is cut short is loaded");
	tap_ok(refused > 1000, "at least a thousand were tried");
}

/* The sanitizers watch; RAM ends at an unmapped page. */
static void test_random_damage(void)
{
	static void (* const make[])(void) = { make_bzimage, make_elf };
	struct boot boot = { 0 };
	struct image img;
	unsigned int i, n, outside = 0;
	u32 at;

	srandom(1);
	for (i = 0; i < RANDOM_ROUNDS; i++) {
		make[i & 1]();
		for (n = random() % 4 + 1; n; n--) {
			at = i & 1 ? random() % 0xb0 : HDR + random() % 0x80;
			file[at] = random() & 1 ? random() : random() % 2 * 0xff;
		}
		img = image_of(file, sizeof(file));
		if (!load_kernel(&img, &ram, &boot)) {
			outside += boot.end > RAM || boot.entry < ADDR_IMAGE_MIN ||
				   boot.entry >= boot.end;
			load_initrd(&img, &ram, &boot);
			boot_prepare(&ram, &boot, "console=ttyS0");
		}
		image_close(&img);
	}
	TAP_EQ(outside, 0, "random damage never gives an entry or an end outside of RAM");
}

int main(void)
{
	tap_begin();
	if (ram_alloc(&ram, RAM)) {
		printf("Bail out! no memory\n");
		return 1;
	}
	test_good_bzimage();
	test_good_elf();
	test_boot_params();
	test_initrd();
	test_ram_at();
	test_damages();
	test_cut_short();
	test_random_damage();
	ram_free(&ram);
	return tap_end();
}
