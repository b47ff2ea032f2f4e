// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel images (bzImage with a 64-bit entry, ELF vmlinux) and initial RAM disks into guest
 * memory. Every field of a file is checked before it is used; a failure leaves its words in
 * image.why. Layouts: Linux' boot protocol, and the ELF specification.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "userspace/loader.h"
#include "userspace/progress.h"

#define SECTOR		512
#define HDR_START	0x1f1
#define HDR_MAGIC	0x53726448	/* "HdrS" */
#define HDR_VERSION	0x020c		/* the first with xloadflags */
#define ENTRY_64	0x200		/* of the protected-mode part */
#define PHDR_MAX	64
#define CHUNK		(1ULL << 20)	/* of a file, from one look at the progress to the next */
#define LOW_4G		0x100000000ULL
#define ELF_CMDLINE	2047		/* x86's COMMAND_LINE_SIZE less the NUL */

static int __attribute__((format(printf, 2, 3))) bad(struct image *img, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(img->why, sizeof(img->why), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/**
 * image_open() - open a file that is to be loaded
 * @img:	filled in
 * @path:	the file
 *
 * Return: 0, or -EINVAL with the words in @img->why.
 */
int image_open(struct image *img, const char *path)
{
	struct stat st;

	img->name = path;
	img->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (img->fd < 0)
		return bad(img, "%s", strerror(errno));
	if (fstat(img->fd, &st) || !S_ISREG(st.st_mode)) {
		image_close(img);
		return bad(img, "not a regular file");
	}
	img->size = st.st_size;
	return 0;
}

/**
 * image_close() - close what image_open() opened
 * @img:	the file
 */
void image_close(struct image *img)
{
	progress_end();
	close(img->fd);
	img->fd = -1;
}

/* Read exactly @len bytes at @offset; both come from the file itself. */
static int image_read(struct image *img, u64 offset, void *to, u64 len)
{
	ssize_t n;

	if (offset > img->size || len > img->size - offset)
		return bad(img, "cut short: it ends before byte %llu",
			   (unsigned long long)(offset + len));
	while (len) {
		n = pread(img->fd, to, min(len, CHUNK), offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return bad(img, "%s", n ? strerror(errno) : "it shrank while it was read");
		to = (char *)to + n;
		offset += n;
		len -= n;
		progress_to(offset);
	}
	return 0;
}

/* Read a piece of the file into guest memory that has room for @room bytes. */
static int image_load(struct image *img, u64 offset, u64 len, const struct ram *ram, u64 gpa,
		      u64 room)
{
	void *to = gpa < ADDR_IMAGE_MIN ? NULL : ram_at(ram, gpa, room);

	if (!to && gpa < ADDR_IMAGE_MIN)
		return bad(img, "wants to be loaded at %#llx, below 1 MiB",
			   (unsigned long long)gpa);
	if (!to)
		return bad(img, "needs guest memory from %#llx to %#llx: give more --mem",
			   (unsigned long long)gpa, (unsigned long long)(gpa + room));
	return image_read(img, offset, to, len);
}

/* The setup header's own length stands in the offset of the jump before its magic. */
static int bzimage_header(struct image *img, struct setup_header *hdr)
{
	u8 jump[2];
	u64 len;

	memset(hdr, 0, sizeof(*hdr));
	if (image_read(img, 0x200, jump, sizeof(jump)))
		return -EINVAL;
	len = min_t(u64, 0x202 + jump[1] - HDR_START, sizeof(*hdr));
	if (image_read(img, HDR_START, hdr, len))
		return -EINVAL;
	if (hdr->version < HDR_VERSION)
		return bad(img, "boot protocol %u.%02u is too old, 2.12 is needed",
			   hdr->version >> 8, hdr->version & 0xff);
	if (!(hdr->xloadflags & XLF_KERNEL_64))
		return bad(img, "a kernel without a 64-bit entry point");
	if (!(hdr->loadflags & LOADED_HIGH))
		return bad(img, "a zImage, not a bzImage");
	return 0;
}

static int load_bzimage(struct image *img, const struct ram *ram, struct boot *boot)
{
	struct setup_header *hdr = &boot->hdr;
	u64 setup, size, room, addr;

	if (bzimage_header(img, hdr))
		return -EINVAL;
	setup = ((hdr->setup_sects ?: 4) + 1) * SECTOR;
	if (img->size <= setup + ENTRY_64)
		return bad(img, "cut short: no kernel follows the setup code");
	size = img->size - setup;
	addr = hdr->pref_address;
	if (addr >= LOW_4G)
		return bad(img, "wants to be loaded at %#llx, above 4 GiB",
			   (unsigned long long)addr);
	room = max_t(u64, size, hdr->init_size);
	progress_begin("loading", img->name, img->size);
	if (image_load(img, setup, size, ram, addr, room))
		return -EINVAL;
	boot->entry = addr + ENTRY_64;
	boot->end = addr + room;
	return 0;
}

static int check_elf(struct image *img, const Elf64_Ehdr *eh)
{
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB ||
	    eh->e_machine != EM_X86_64)
		return bad(img, "an ELF file, but not for x86-64");
	if (eh->e_type != ET_EXEC)
		return bad(img, "an ELF file, but not a kernel's vmlinux (type %u, not EXEC)",
			   eh->e_type);
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || !eh->e_phnum || eh->e_phnum > PHDR_MAX)
		return bad(img, "%u program headers of %u bytes make no sense", eh->e_phnum,
			   eh->e_phentsize);
	return 0;
}

static int load_segment(struct image *img, const struct ram *ram, const Elf64_Phdr *ph,
			struct boot *boot)
{
	if (ph->p_filesz > ph->p_memsz)
		return bad(img, "a segment has more bytes in the file than in memory");
	if (ph->p_paddr >= LOW_4G || ph->p_memsz >= LOW_4G)
		return bad(img, "a segment lies above 4 GiB");
	if (image_load(img, ph->p_offset, ph->p_filesz, ram, ph->p_paddr, ph->p_memsz))
		return -EINVAL;
	boot->end = max(boot->end, (u64)(ph->p_paddr + ph->p_memsz));
	return 0;
}

/* Where in the file the last byte is that is loaded; symbols follow, which are not. */
static u64 segments_end(const Elf64_Phdr *ph, unsigned int n)
{
	u64 end = 0;

	for (; n; n--, ph++)
		if (ph->p_type == PT_LOAD)
			end = max(end, (u64)(ph->p_offset + ph->p_filesz));
	return end;
}

/* vmlinux has no setup header: make the one that a bzImage's decompressor would leave. */
static void elf_header(struct boot *boot)
{
	boot->hdr = (struct setup_header) {
		.boot_flag = 0xaa55,
		.header = HDR_MAGIC,
		.version = HDR_VERSION,
		.loadflags = LOADED_HIGH,
		.initrd_addr_max = 0x7fffffff,
		.cmdline_size = ELF_CMDLINE,
		.kernel_alignment = 0x200000,
	};
}

static int load_elf(struct image *img, const struct ram *ram, struct boot *boot)
{
	Elf64_Phdr ph[PHDR_MAX];
	Elf64_Ehdr eh;
	bool inside = false;
	unsigned int i;

	if (image_read(img, 0, &eh, sizeof(eh)) || check_elf(img, &eh) ||
	    image_read(img, eh.e_phoff, ph, eh.e_phnum * sizeof(*ph)))
		return -EINVAL;
	boot->end = 0;
	progress_begin("loading", img->name, segments_end(ph, eh.e_phnum));
	for (i = 0; i < eh.e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD || !ph[i].p_memsz)
			continue;
		if (load_segment(img, ram, &ph[i], boot))
			return -EINVAL;
		inside |= eh.e_entry - ph[i].p_paddr < ph[i].p_memsz;
	}
	if (!inside)
		return bad(img, "its entry point %#llx is in none of its segments",
			   (unsigned long long)eh.e_entry);
	elf_header(boot);
	boot->entry = eh.e_entry;
	return 0;
}

/**
 * load_kernel() - load a bzImage or an ELF vmlinux
 * @img:	the open file
 * @ram:	guest memory, all zeros
 * @boot:	filled in
 *
 * Return: 0, or -EINVAL with the words in @img->why.
 */
int load_kernel(struct image *img, const struct ram *ram, struct boot *boot)
{
	u8 start[4] = { 0 };
	u32 magic = 0;

	image_read(img, 0, start, sizeof(start));
	if (!memcmp(start, ELFMAG, SELFMAG))
		return load_elf(img, ram, boot);
	image_read(img, 0x202, &magic, sizeof(magic));
	if (magic == HDR_MAGIC)
		return load_bzimage(img, ram, boot);
	return bad(img, "neither a bzImage (vmlinuz) nor an ELF vmlinux");
}

/**
 * load_initrd() - load an initial RAM disk as high as the kernel allows
 * @img:	the open file
 * @ram:	guest memory
 * @boot:	of load_kernel(); the header learns where the RAM disk is
 *
 * Return: 0, or -EINVAL with the words in @img->why.
 */
int load_initrd(struct image *img, const struct ram *ram, struct boot *boot)
{
	u64 top = min(ram->low, (u64)boot->hdr.initrd_addr_max + 1) & ~0xfffULL;
	u64 addr;

	if (!img->size)
		return bad(img, "an empty file");
	if (boot->end > top || img->size > top - boot->end ||
	    ((top - img->size) & ~0xfffULL) < boot->end)
		return bad(img, "no room for its %llu KiB after the kernel: give more --mem",
			   (unsigned long long)img->size >> 10);
	addr = (top - img->size) & ~0xfffULL;
	boot->hdr.ramdisk_image = addr;
	boot->hdr.ramdisk_size = img->size;
	progress_begin("loading", img->name, img->size);
	return image_load(img, 0, img->size, ram, addr, img->size);
}
