// SPDX-License-Identifier: GPL-2.0
/*
 * The save format: what is written is read, and nothing else is: each file that is cut short or has
 * one bit changed is refused with words, and files that a fuzzer makes up, with right checksums, do
 * no harm. With userspace/{savefile,crc32c,memory}.c.
 *
 *	savefile_test [FILES [SEED]]
 *
 * The fuzzer starts from a good file and keeps what has led it to a new place in savefile.c, which
 * is compiled so that each place calls __sanitizer_cov_trace_pc().
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftests/lib/tap.h"
#include "userspace/crc32c.h"
#include "userspace/savefile.h"

#define RAM		(16ULL << 20)
#define PAGES		(RAM / SAVE_PAGE)
#define FILE_MAX	(8 << 20)
#define FUZZ_FILES	6000
#define CORPUS		64
#define PLACES		65536
#define BIT_ROUNDS	4000
#define HEADER		16		/* bytes of the file's, */
#define SECTION		24		/* and of a section's header */

static struct ram ram, back;
static u8 file[FILE_MAX];
static size_t file_size;

/* --- making one ------------------------------------------------------------------------------- */

static int open_memory(const void *data, size_t size)
{
	int fd = memfd_create("saved", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET)) {
		printf("Bail out! memfd: %s\n", strerror(errno));
		exit(1);
	}
	return fd;
}

/* Each type with some length that it may have, and bytes of its own. */
static const struct {
	u32 type;
	size_t len;
} parts[] = {
	{ SAVE_REGS, sizeof(struct kvm_regs) }, { SAVE_SREGS, sizeof(struct kvm_sregs2) },
	{ SAVE_EVENTS, sizeof(struct kvm_vcpu_events) },
	{ SAVE_DEBUGREGS, sizeof(struct kvm_debugregs) },
	{ SAVE_MP_STATE, sizeof(struct kvm_mp_state) }, { SAVE_LAPIC, 1024 },
	{ SAVE_XSAVE, 4096 }, { SAVE_XCRS, sizeof(struct kvm_xcrs) },
	{ SAVE_NESTED, sizeof(struct kvm_nested_state) }, { SAVE_MSRS, 3 * 16 },
	{ SAVE_PIC_MASTER, sizeof(struct kvm_irqchip) },
	{ SAVE_PIC_SLAVE, sizeof(struct kvm_irqchip) }, { SAVE_IOAPIC, sizeof(struct kvm_irqchip) },
	{ SAVE_CLOCK, sizeof(struct kvm_clock_data) },
};

static void fill(u8 *data, u32 type, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		data[i] = type * 37 + i;
}

static void put_front(struct save_stream *s, const struct save_machine *machine)
{
	u8 cpuid[4 * sizeof(struct kvm_cpuid_entry2)];

	fill(cpuid, SAVE_CPUID, sizeof(cpuid));
	save_put(s, SAVE_MACHINE, machine, sizeof(*machine));
	save_put(s, SAVE_CPUID, cpuid, sizeof(cpuid));
}

/* Those of the first processor and of the machine, or of another processor. */
static void put_parts_of(struct save_stream *s, u32 cpu, u32 without)
{
	static u8 data[65536];
	unsigned int i;

	save_put(s, SAVE_CPU, &cpu, sizeof(cpu));
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		fill(data, parts[i].type + cpu, parts[i].len);
		if (parts[i].type != without && (!cpu || parts[i].type < SAVE_PIC_MASTER))
			save_put(s, parts[i].type, data, parts[i].len);
	}
}

static void put_parts(struct save_stream *s, u32 without)
{
	put_parts_of(s, 0, without);
}

static void keep_file(int fd)
{
	file_size = lseek(fd, 0, SEEK_END);
	if (file_size > FILE_MAX || pread(fd, file, file_size, 0) != (ssize_t)file_size) {
		printf("Bail out! a file of %zu bytes\n", file_size);
		exit(1);
	}
	close(fd);
}

static const struct save_machine machine = { RAM, 2000000, 1 }, three = { RAM, 2000000, 3 };

static void make_file(u32 without)
{
	int fd = open_memory("", 0);
	struct save_stream s;
	u64 pages = 0;

	save_begin(&s, fd);
	put_front(&s, &machine);
	save_ram(&s, &ram, NULL, &pages);
	put_parts(&s, without);
	save_put_named(&s, SAVE_DEVICE, "first\0\0\0\0\0\0\0\0\0\0", SAVE_NAME, "abc", 3);
	save_put_named(&s, SAVE_DEVICE, "second\0\0\0\0\0\0\0\0\0", SAVE_NAME, "", 0);
	save_end(&s);
	keep_file(fd);
}

static void touch(u64 page, u8 value)
{
	memset(ram.base + page * SAVE_PAGE, value, SAVE_PAGE);
}

/* --- reading it ------------------------------------------------------------------------------- */

static char why[SAVE_WHY];

static int load(const void *data, size_t size, struct saved *saved)
{
	int fd = open_memory(data, size), err;
	struct save_stream s;

	memset(saved, 0, sizeof(*saved));
	err = load_begin(&s, fd);
	if (!err)
		err = load_guest(&s, saved);
	if (!err && saved_machine(saved)->ram != back.size)
		err = -2;
	if (!err)
		err = load_rest(&s, saved, &back);
	if (!err)
		err = load_no_more(&s);
	memcpy(why, s.why, sizeof(why));
	load_end(&s);
	close(fd);
	return err;
}

static int try_file(void)
{
	struct saved saved;
	int err = load(file, file_size, &saved);

	saved_free(&saved);
	return err;
}

static void refused(const char *words, const char *name)
{
	TAP_EQ(try_file(), -1, name);
	if (!tap_ok(strstr(why, words), "its words say so"))
		printf("# expected \"%s\" in \"%s\"\n", words, why);
}

/* --- good files ------------------------------------------------------------------------------- */

static void test_checksum(void)
{
	TAP_EQ(crc32c(0, "123456789", 9), 0xe3069283, "CRC-32C of \"123456789\" is the standard's");
	TAP_EQ(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283, "also in two pieces");
}

static bool parts_equal(const struct saved *saved, u32 cpu)
{
	static u8 want[65536];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		const struct save_part *part = &saved->part[cpu][parts[i].type];

		if (cpu && parts[i].type >= SAVE_PIC_MASTER)
			break;
		fill(want, parts[i].type + cpu, parts[i].len);
		if (part->len != parts[i].len || memcmp(part->data, want, part->len))
			return false;
	}
	return true;
}

static void test_good(void)
{
	struct saved saved;

	TAP_EQ(load(file, file_size, &saved), 0, "a file is read");
	TAP_EQ(saved_machine(&saved)->tsc_khz, 2000000, "the machine is as it was written");
	TAP_EQ(saved.part[0][SAVE_CPUID].len, 4 * sizeof(struct kvm_cpuid_entry2), "so is CPUID");
	TAP_EQ(parts_equal(&saved, 0), 1, "so is each part of the state");
	TAP_EQ(memcmp(ram.base, back.base, RAM), 0, "so is each byte of memory");
	TAP_EQ(saved.devices, 2, "so are the devices");
	TAP_EQ(saved_device(&saved, "first")->len, SAVE_NAME + 3, "a device has its bytes");
	tap_ok(!saved_device(&saved, "third"), "a device that was not saved is not there");
	tap_ok(file_size < 600 * SAVE_PAGE, "pages of zeros are left out (%zu bytes)", file_size);
	saved_free(&saved);
}

/* As a running guest's memory is moved: what has changed since is sent again. */
static void test_dirty(void)
{
	static u64 dirty[PAGES / 64];
	int fd = open_memory("", 0);
	struct save_stream s;
	struct saved saved;
	u64 pages = 0;

	save_begin(&s, fd);
	put_front(&s, &machine);
	save_ram(&s, &ram, NULL, &pages);
	touch(5, 0x77);
	touch(PAGES - 1, 0);
	touch(9, 0x78);
	dirty[0] = 1 << 5;
	dirty[PAGES / 64 - 1] = 1ULL << 63;
	pages = 0;
	save_ram(&s, &ram, dirty, &pages);
	put_parts(&s, 0);
	save_end(&s);
	keep_file(fd);
	TAP_EQ(pages, 2, "of pages that are dirty each is written");
	TAP_EQ(load(file, file_size, &saved), 0, "memory may be written twice");
	saved_free(&saved);
	TAP_EQ(back.base[5 * SAVE_PAGE], 0x77, "the later page counts");
	TAP_EQ(back.base[RAM - 1], 0, "also if it became zeros");
	TAP_EQ(back.base[9 * SAVE_PAGE], 0, "a page that is not dirty is not written");
	touch(5, 0);
	touch(9, 0);
	touch(PAGES - 1, 0x42);
}

/* --- damaged files ---------------------------------------------------------------------------- */

/* Where section number @n begins, or the last one that there is before it. */
static size_t section_at(unsigned int n)
{
	size_t at = HEADER;
	u64 len;

	while (n--) {
		memcpy(&len, file + at + 8, sizeof(len));
		if (len > file_size || at + SECTION + len + SECTION > file_size)
			break;
		at += SECTION + len;
	}
	return at;
}

/* Makes the checksums of a section right again. */
static void sign(size_t at)
{
	u64 len;
	u32 crc;

	memcpy(&len, file + at + 8, sizeof(len));
	if (len <= file_size - at - SECTION) {
		crc = crc32c(0, file + at + SECTION, len);
		memcpy(file + at + 16, &crc, sizeof(crc));
	}
	crc = crc32c(0, file + at, SECTION - 4);
	memcpy(file + at + SECTION - 4, &crc, sizeof(crc));
}

static void sign_file(void)
{
	u32 crc = crc32c(0, file, HEADER - 4);

	memcpy(file + HEADER - 4, &crc, sizeof(crc));
}

/* Numbers of sections, and of the last one how many there are, unless it is to be wrong. */
static void number_sections(bool count)
{
	size_t at = HEADER;
	u64 len = 0, sections;
	u32 n, type;

	for (n = 0; at + SECTION <= file_size; n++, at += SECTION + len) {
		memcpy(&type, file + at, sizeof(type));
		memcpy(&len, file + at + 8, sizeof(len));
		memcpy(file + at + 4, &n, sizeof(n));
		if (len > file_size - at - SECTION)
			break;
		sections = n;
		if (type == SAVE_END && len == sizeof(sections) && count)
			memcpy(file + at + SECTION, &sections, sizeof(sections));
		sign(at);
	}
}

static void test_header(void)
{
	make_file(0);
	file[0] = 'k';
	refused("not a saved guest", "refused: another magic");
	make_file(0);
	file[8] = 3;
	refused("header is damaged", "refused: another version, with a wrong checksum");
	sign_file();
	refused("a newer kvmlet", "refused: a newer version");
	file[8] = 0;
	sign_file();
	refused("format, 0,", "refused: version 0");
	make_file(0);
	file[file_size++] = 0;
	refused("after its end", "refused: a byte after the end");
	file_size = 0;
	refused("too short", "refused: an empty file");
}

/* One field of a section's header or contents, with checksums that are right. */
static void wrong(unsigned int section, size_t offset, u64 value, size_t size, const char *words,
		  const char *name)
{
	make_file(0);
	memcpy(file + section_at(section) + offset, &value, size);
	sign(section_at(section));
	refused(words, name);
}

static void test_sections(void)
{
	bool spared;
	u32 type;

	wrong(3, 0, 99, 4, "type 99", "refused: an unknown type");
	wrong(3, 4, 7, 4, "stands in place of", "refused: another number");
	wrong(3, 8, 1ULL << 40, 8, "cannot have", "refused: an endless section");
	wrong(0, 0, SAVE_MP_STATE, 4, "cannot have", "refused: a length of another type");
	wrong(1, 8, 161, 8, "cannot have", "refused: a length that is no multiple");
	wrong(2, 0, SAVE_GO, 4, "cannot have", "refused: what a socket alone has");
	wrong(0, SECTION, RAM + 1, 8, "bytes of memory", "refused: memory of odd size");
	wrong(0, SECTION, 1 << 20, 8, "bytes of memory", "refused: memory of 1 MiB");
	wrong(0, SECTION, 1ULL << 50, 8, "bytes of memory", "refused: memory of 2^50 bytes");
	wrong(0, SECTION + 12, 0, 4, "0 processors", "refused: no processor");
	wrong(0, SECTION + 12, 65, 4, "65 processors", "refused: more than 64 processors");
	wrong(2, SECTION, PAGES, 8, "outside", "refused: a page behind memory");
	wrong(2, SECTION, ~0ULL, 8, "outside", "refused: a page number that wraps");
	wrong(2, SECTION + 8, PAGES + 1, 8, "outside", "refused: more pages than memory has");
	wrong(2, SECTION + 8, ~0ULL, 8, "outside", "refused: a count that wraps");
	wrong(2, SECTION + 8, 0, 8, "outside", "refused: no pages");
	for (type = SAVE_REGS; type < SAVE_DEVICE; type++) {
		make_file(type);
		spared = type == SAVE_XCRS || type == SAVE_NESTED;
		TAP_EQ(try_file(), spared ? 0 : -1, "a file without section type %u is %s", type,
		       spared ? "read" : "refused");
	}
}

static void test_order(void)
{
	int fd = open_memory("", 0);
	struct save_stream s;

	save_begin(&s, fd);
	put_parts(&s, 0);
	keep_file(fd);
	refused("out of place", "refused: a file that does not begin with the machine");
	fd = open_memory("", 0);
	save_begin(&s, fd);
	put_front(&s, &machine);
	put_parts(&s, 0);
	save_put(&s, SAVE_MP_STATE, "abc", sizeof(struct kvm_mp_state));
	keep_file(fd);
	refused("there twice", "refused: a part that is there twice");
	fd = open_memory("", 0);
	save_begin(&s, fd);
	put_front(&s, &machine);
	save_put(&s, SAVE_DEVICE, "0123456789abcdef", SAVE_NAME);
	keep_file(fd);
	refused("device without a name", "refused: a device's name without an end");
}

/* --- processors ------------------------------------------------------------------------------- */

/* A file of three; the processors' own sections come in this order, of the last without a type. */
static void make_three(const u32 order[3], u32 without)
{
	int fd = open_memory("", 0);
	struct save_stream s;
	unsigned int i;

	save_begin(&s, fd);
	put_front(&s, &three);
	for (i = 0; i < 3; i++)
		put_parts_of(&s, order[i], i == 2 ? without : 0);
	save_end(&s);
	keep_file(fd);
}

static void test_processors(void)
{
	static const u32 good[] = { 0, 1, 2 }, swapped[] = { 0, 2, 1 }, more[] = { 0, 1, 3 };
	struct saved saved;
	u32 type;

	make_three(good, 0);
	TAP_EQ(load(file, file_size, &saved), 0, "a file of three processors is read");
	TAP_EQ(saved.cpus, 3, "all of them");
	TAP_EQ(parts_equal(&saved, 0) + parts_equal(&saved, 1) + parts_equal(&saved, 2), 3,
	       "each has its own state");
	saved_free(&saved);
	for (type = SAVE_REGS; type < SAVE_PIC_MASTER; type++) {
		make_three(good, type);
		TAP_EQ(try_file(), type == SAVE_XCRS || type == SAVE_NESTED ? 0 : -1,
		       "a file whose last processor has no section type %u is %s", type,
		       type == SAVE_XCRS || type == SAVE_NESTED ? "read" : "refused");
	}
	make_three(swapped, 0);
	refused("processor 2 in place of 1 of 3", "refused: processors in another order");
	make_three(more, 0);
	refused("processor 3 in place of 2 of 3", "refused: a fourth processor");
	make_three((const u32[]) { 0, 1, 1 }, 0);
	refused("processor 1 in place of 2 of 3", "refused: a processor that is there twice");
}

/* Format 1 has no sections of processors: what there is belongs to the only one. */
static void test_format_1(void)
{
	size_t at, size = SECTION + sizeof(u32);
	u64 sections;

	make_file(0);
	for (at = HEADER; file[at] != SAVE_CPU;) {
		memcpy(&sections, file + at + 8, sizeof(sections));
		at += SECTION + sections;
	}
	memmove(file + at, file + at + size, file_size - at - size);
	file_size -= size;
	file[8] = 1;
	sign_file();
	number_sections(true);
	TAP_EQ(try_file(), 0, "a file of format 1 is read");
}

/* Those of the last section alone would say that it is complete. */
static void test_cut_short(void)
{
	unsigned int accepted = 0, tried = 0;
	size_t whole;

	make_file(0);
	for (whole = file_size, file_size = 0; file_size < whole;
	     file_size += file_size < 2048 || file_size + 2048 > whole ? 1 : 97, tried++)
		accepted += !try_file();
	TAP_EQ(accepted, 0, "no file that is cut short is read");
	tap_ok(tried > 4000, "%u lengths were tried", tried);
}

static void test_bits(void)
{
	unsigned int i, accepted = 0;
	size_t at, whole;

	make_file(0);
	whole = file_size;
	srandom(1);
	for (i = 0; i < BIT_ROUNDS; i++) {
		at = i < 400 ? i : i < 800 ? whole + 399 - i : random() % whole;
		file[at] ^= 1 << i % 8;
		accepted += !try_file();
		file[at] ^= 1 << i % 8;
	}
	TAP_EQ(accepted, 0, "no file with one bit changed is read");
	TAP_EQ(try_file(), 0, "with it changed back it is");
}

/* --- a fuzzer --------------------------------------------------------------------------------- */

static u8 place[PLACES];	/* of savefile.c, by the low bits of its address */
static unsigned int places;

void __sanitizer_cov_trace_pc(void);

void __sanitizer_cov_trace_pc(void)
{
	u8 *seen = &place[(uintptr_t)__builtin_return_address(0) % PLACES];

	places += !*seen;
	*seen = 1;
}

static struct {
	u8 *data;
	size_t size;
} corpus[CORPUS];
static unsigned int nr_corpus;

static void keep(void)
{
	unsigned int i = nr_corpus < CORPUS ? nr_corpus++ : random() % CORPUS;

	free(corpus[i].data);
	corpus[i].data = malloc(file_size);
	corpus[i].size = file_size;
	memcpy(corpus[i].data, file, file_size);
}

/* A section is put in front of another, or taken away. */
static void move_section(void)
{
	size_t at = section_at(random() % 20), to = section_at(random() % 20);
	size_t size = section_at(random() % 20) - at;

	if (size > file_size - at || !size)
		return;
	if (random() % 2 && file_size + size <= FILE_MAX) {
		memmove(file + to + size, file + to, file_size - to);
		memmove(file + to, file + (at < to ? at : at + size), size);
		file_size += size;
	} else {
		memmove(file + at, file + at + size, file_size - at - size);
		file_size -= size;
	}
}

static void change_byte(void)
{
	size_t at = section_at(random() % 20);
	size_t offset = random() % (random() % 2 ? SECTION : SECTION + 64);

	if (random() % 16 == 0) {
		at = 0;
		offset = random() % HEADER;
	}
	if (at + offset < file_size)
		file[at + offset] = random() % 2 ? random() : random() % 2 * 0xff;
	if (at && at + SECTION <= file_size && random() % 8)
		sign(at);
	else if (!at && random() % 4)
		sign_file();
}

static void mutate(void)
{
	unsigned int n = random() % 3 + 1, i = random() % nr_corpus;

	memcpy(file, corpus[i].data, corpus[i].size);
	file_size = corpus[i].size;
	if (random() % 8 == 0)
		move_section();
	if (random() % 64 == 0)
		file_size = random() % (file_size + 1);
	while (n--)
		change_byte();
	if (file_size > HEADER && random() % 2)
		number_sections(random() % 4);
}

/* The sanitizers watch; RAM ends at an unmapped page. */
static void test_fuzz(unsigned int files, unsigned int seed)
{
	unsigned int directed = places, i, accepted = 0, before;

	srandom(seed);
	touch(0, 0);
	memset(place, 0, sizeof(place));
	places = 0;
	make_file(0);
	accepted += !try_file();
	keep();
	for (i = 0; i < files; i++) {
		mutate();
		before = places;
		accepted += !try_file();
		if (places > before)
			keep();
	}
	printf("# %u files, %u of them read, %u kept; %u places, %u by the tests above\n", files,
	       accepted, nr_corpus, places, directed);
	tap_ok(directed > 50 && places * 10 >= directed * 8,
	       "a fuzzer finds most of the ways that a file can take, and none does harm");
}

int main(int argc, char **argv)
{
	u64 page;

	tap_begin();
	if (ram_alloc(&ram, RAM) || ram_alloc(&back, RAM)) {
		printf("Bail out! no memory\n");
		return 1;
	}
	for (page = 100; page < 100 + SAVE_RUN_PAGES + 3; page++)
		touch(page, page);
	touch(0, 0x41);
	touch(PAGES - 1, 0x42);
	make_file(0);
	test_checksum();
	test_good();
	test_dirty();
	/* The rest needs a run of pages alone. */
	for (page = 103; page < 100 + SAVE_RUN_PAGES + 3; page++)
		touch(page, 0);
	test_header();
	test_sections();
	test_order();
	test_processors();
	test_format_1();
	test_cut_short();
	test_bits();
	test_fuzz(argc > 1 ? strtoul(argv[1], NULL, 0) : FUZZ_FILES, argc > 2 ? atoi(argv[2]) : 1);
	return tap_end();
}
