// SPDX-License-Identifier: GPL-2.0
/*
 * Writing and reading the save format: framing, checksums, and what must be there. A stream has one
 * user at a time. Each failure leaves a sentence in the stream's why.
 */
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "userspace/crc32c.h"
#include "userspace/progress.h"
#include "userspace/savefile.h"

static const char magic[8] = "KVMLETSV";

struct file_header {
	char magic[8];
	u32 version;
	u32 crc;		/* of what is before it */
};

struct section_header {
	u32 type, seq;
	u64 len;		/* bytes that follow */
	u32 data_crc;
	u32 crc;		/* of what is before it */
};

_Static_assert(sizeof(struct file_header) == 16, "as Documentation/save-format.rst has it");
_Static_assert(sizeof(struct section_header) == 24, "as Documentation/save-format.rst has it");

/*
 * Of each type: bytes at least and at most, the unit of what is beyond the least; it must be there;
 * it is no part of the state, or one of many; each processor has one.
 */
static const struct {
	const char *name;
	u32 min, max, unit;
	bool needed, many, each;
} traits[SAVE_TYPES] = {
#define ONE(type, size)		{ type, size, size, 1, true, false, false }
#define EACH(type, size)	{ type, size, size, 1, true, false, true }
#define SOME(type, unit, max, each) { type, unit, (max) * (unit), unit, true, false, each }
	[SAVE_MACHINE] = ONE("machine", sizeof(struct save_machine)),
	[SAVE_CPUID] = SOME("CPUID", sizeof(struct kvm_cpuid_entry2), SAVE_MAX_CPUID, false),
	[SAVE_MEMORY] = { "memory", sizeof(struct save_memory),
			  sizeof(struct save_memory) + SAVE_RUN_PAGES * SAVE_PAGE, SAVE_PAGE,
			  false, true, false },
	[SAVE_REGS] = EACH("registers", sizeof(struct kvm_regs)),
	[SAVE_SREGS] = EACH("system registers", sizeof(struct kvm_sregs2)),
	[SAVE_EVENTS] = EACH("events", sizeof(struct kvm_vcpu_events)),
	[SAVE_DEBUGREGS] = EACH("debug registers", sizeof(struct kvm_debugregs)),
	[SAVE_MP_STATE] = EACH("MP state", sizeof(struct kvm_mp_state)),
	[SAVE_LAPIC] = EACH("LAPIC", sizeof(struct kvm_lapic_state)),
	[SAVE_XSAVE] = { "XSAVE", sizeof(struct kvm_xsave), 65536, 1, true, false, true },
	[SAVE_XCRS] = { "XCRs", sizeof(struct kvm_xcrs), sizeof(struct kvm_xcrs), 1, false, false,
			true },
	[SAVE_NESTED] = { "nested state", sizeof(struct kvm_nested_state), 65536, 1, false, false,
			  true },
	[SAVE_MSRS] = SOME("MSRs", sizeof(struct kvm_msr_entry), SAVE_MAX_MSRS, true),
	[SAVE_PIC_MASTER] = ONE("master 8259", sizeof(struct kvm_irqchip)),
	[SAVE_PIC_SLAVE] = ONE("slave 8259", sizeof(struct kvm_irqchip)),
	[SAVE_IOAPIC] = ONE("IO-APIC", sizeof(struct kvm_irqchip)),
	[SAVE_CLOCK] = ONE("clock", sizeof(struct kvm_clock_data)),
	[SAVE_DEVICE] = { "device", SAVE_NAME, SAVE_NAME + SAVE_MAX_DEVICE, 1, false, true,
			  false },
	[SAVE_END] = { "end", sizeof(u64), sizeof(u64), 1, false, true, false },
	[SAVE_REPLY] = { "reply", 0, SAVE_WHY, 1, false, true, false },
	[SAVE_GO] = { "go", 0, 0, 1, false, true, false },
	[SAVE_CPU] = { "processor", sizeof(u32), sizeof(u32), 1, false, true, false },
};

#define SECTION_MAX	(sizeof(struct save_memory) + SAVE_RUN_PAGES * SAVE_PAGE)

static int __printf(2, 3) fail(struct save_stream *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	return -1;
}

/* What a file or a socket says that does not take or give any more. */
static int fail_io(struct save_stream *s)
{
	return fail(s, "%s", errno == EAGAIN ? "the other side does not answer" : strerror(errno));
}

/* --- writing ---------------------------------------------------------------------------------- */

static int write_all(struct save_stream *s, struct iovec *iov, int n)
{
	ssize_t done;

	while (n) {
		done = writev(s->fd, iov, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return fail_io(s);
		for (; n && (size_t)done >= iov->iov_len; iov++, n--)
			done -= iov->iov_len;
		if (n) {
			iov->iov_base = (u8 *)iov->iov_base + done;
			iov->iov_len -= done;
		}
	}
	return 0;
}

/**
 * save_begin() - begin a stream that is written
 * @s:		filled in
 * @fd:		a file that is empty, or a socket
 *
 * Return: 0, or -1 with a reason in why.
 */
int save_begin(struct save_stream *s, int fd)
{
	struct file_header header = { .version = SAVE_VERSION };
	struct iovec iov = { &header, sizeof(header) };

	*s = (struct save_stream) { .fd = fd };
	memcpy(header.magic, magic, sizeof(magic));
	header.crc = crc32c(0, &header, offsetof(struct file_header, crc));
	return write_all(s, &iov, 1);
}

/**
 * save_put_named() - write a section that consists of two pieces
 * @s:		the stream
 * @type:	enum save_type
 * @head:	first piece
 * @head_len:	its bytes
 * @data:	second piece
 * @len:	its bytes
 *
 * Return: 0, or -1 with a reason in why.
 */
int save_put_named(struct save_stream *s, u32 type, const void *head, size_t head_len,
		   const void *data, size_t len)
{
	struct section_header header = {
		.type = type, .seq = s->seq++, .len = head_len + len,
		.data_crc = crc32c(crc32c(0, head, head_len), data, len),
	};
	struct iovec iov[] = {
		{ &header, sizeof(header) }, { (void *)head, head_len }, { (void *)data, len }
	};

	header.crc = crc32c(0, &header, offsetof(struct section_header, crc));
	return write_all(s, iov, ARRAY_SIZE(iov));
}

/**
 * save_put() - write a section
 * @s:		the stream
 * @type:	enum save_type
 * @data:	its contents
 * @len:	bytes
 *
 * Return: 0, or -1 with a reason in why.
 */
int save_put(struct save_stream *s, u32 type, const void *data, size_t len)
{
	return save_put_named(s, type, data, len, NULL, 0);
}

enum page_kind { PAGE_SKIP, PAGE_ZERO, PAGE_DATA };

static bool is_zero(const u8 *page)
{
	static const u8 zero[SAVE_PAGE];

	return !memcmp(page, zero, SAVE_PAGE);
}

static enum page_kind kind_of(const struct ram *ram, const u64 *dirty, u64 page)
{
	if (dirty && !(dirty[page / 64] >> page % 64 & 1))
		return PAGE_SKIP;
	if (!is_zero(ram->base + page * SAVE_PAGE))
		return PAGE_DATA;
	return dirty ? PAGE_ZERO : PAGE_SKIP;
}

/* A running guest changes pages while they are written: what is summed must be what is sent. */
static int put_run(struct save_stream *s, const struct save_memory *run, const u8 *pages, u8 *copy)
{
	size_t len = pages ? run->count * SAVE_PAGE : 0;

	if (len)
		memcpy(copy, pages, len);
	return save_put_named(s, SAVE_MEMORY, run, sizeof(*run), copy, len);
}

/**
 * save_ram() - write guest memory
 * @s:		the stream
 * @ram:	the memory; what changes meanwhile is to be written again
 * @dirty:	a bit for each page to be written; NULL: all that are not zero
 * @pages:	how many were written are added here
 *
 * Return: 0, or -1 with a reason in why.
 */
int save_ram(struct save_stream *s, const struct ram *ram, const u64 *dirty, u64 *pages)
{
	u64 end = ram->size / SAVE_PAGE, page, next, limit;
	u8 *copy = malloc(SAVE_RUN_PAGES * SAVE_PAGE);
	struct save_memory run;
	enum page_kind kind;
	int err = 0;

	if (!copy)
		return fail(s, "no memory");
	for (page = 0; !err && page < end; page = next) {
		kind = kind_of(ram, dirty, page);
		limit = kind == PAGE_ZERO ? end : min_t(u64, end, page + SAVE_RUN_PAGES);
		for (next = page + 1; next < limit && kind_of(ram, dirty, next) == kind; next++)
			;
		progress_to(next * SAVE_PAGE);
		if (kind == PAGE_SKIP)
			continue;
		run = (struct save_memory) { page, next - page };
		err = put_run(s, &run, kind == PAGE_ZERO ? NULL : ram->base + page * SAVE_PAGE,
			      copy);
		*pages += run.count;
	}
	free(copy);
	return err;
}

/**
 * save_end() - write the section that says that all is there
 * @s:		the stream
 *
 * Return: 0, or -1 with a reason in why.
 */
int save_end(struct save_stream *s)
{
	u64 sections = s->seq;

	return save_put(s, SAVE_END, &sections, sizeof(sections));
}

/* --- reading ---------------------------------------------------------------------------------- */

static int read_all(struct save_stream *s, void *to, size_t size)
{
	u8 *p = to;
	ssize_t n;

	while (size) {
		n = read(s->fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_io(s);
		if (!n)
			return fail(s, "it is cut short in section %u", s->seq);
		p += n;
		size -= n;
	}
	return 0;
}

/**
 * load_begin() - begin a stream that is read
 * @s:		filled in; load_end() in any case
 * @fd:		a file at its beginning, or a socket
 *
 * Return: 0, or -1 with a reason in why.
 */
int load_begin(struct save_stream *s, int fd)
{
	struct file_header header;

	*s = (struct save_stream) { .fd = fd };
	s->data = malloc(SECTION_MAX);
	if (!s->data)
		return fail(s, "no memory");
	if (read_all(s, &header, sizeof(header)))
		return fail(s, "it is too short to be a saved guest");
	if (memcmp(header.magic, magic, sizeof(magic)))
		return fail(s, "it is not a saved guest");
	if (header.crc != crc32c(0, &header, offsetof(struct file_header, crc)))
		return fail(s, "its header is damaged");
	if (header.version > SAVE_VERSION)
		return fail(s, "a newer kvmlet has saved it (format %u, this one reads up to %u)",
			    header.version, SAVE_VERSION);
	if (!header.version)
		return fail(s, "its format, %u, does not exist", header.version);
	return 0;
}

static int check_header(struct save_stream *s, const struct section_header *h)
{
	if (h->crc != crc32c(0, h, offsetof(struct section_header, crc)))
		return fail(s, "it is damaged: the header of section %u", s->seq);
	if (h->seq != s->seq)
		return fail(s, "it is damaged: section %u stands in place of section %u", h->seq,
			    s->seq);
	if (h->type >= SAVE_TYPES || !traits[h->type].name)
		return fail(s, "section %u has type %u, which this kvmlet does not know", s->seq,
			    h->type);
	if (h->len < traits[h->type].min || h->len > traits[h->type].max ||
	    (h->len - traits[h->type].min) % traits[h->type].unit)
		return fail(s, "section %u (%s) cannot have %llu bytes", s->seq,
			    traits[h->type].name, (unsigned long long)h->len);
	return 0;
}

/**
 * load_next() - read the next section and check it
 * @s:		the stream
 * @section:	filled in
 *
 * Its length is one that its type may have; what is in it is as it was written.
 *
 * Return: 0, or -1 with a reason in why.
 */
int load_next(struct save_stream *s, struct save_section *section)
{
	struct section_header h;

	if (read_all(s, &h, sizeof(h)) || check_header(s, &h) || read_all(s, s->data, h.len))
		return -1;
	if (h.data_crc != crc32c(0, s->data, h.len))
		return fail(s, "it is damaged: section %u (%s)", s->seq, traits[h.type].name);
	s->seq++;
	*section = (struct save_section) { h.type, h.len, s->data };
	return 0;
}

/**
 * load_end() - free what load_begin() allocated
 * @s:		the stream; its descriptor stays open
 */
void load_end(struct save_stream *s)
{
	free(s->data);
	s->data = NULL;
}

static int copy(struct save_stream *s, const struct save_section *section, struct save_part *part)
{
	part->data = malloc(section->len + 1);
	if (!part->data)
		return fail(s, "no memory");
	memcpy(part->data, section->data, section->len);
	part->len = section->len;
	return 0;
}

static int take_device(struct save_stream *s, struct saved *saved, struct save_section *section)
{
	const char *name = (const char *)section->data;

	if (!name[0] || !memchr(name, 0, SAVE_NAME) || saved_device(saved, name))
		return fail(s, "section %u is of a device without a name of its own", s->seq - 1);
	if (saved->devices == SAVE_MAX_DEVICES)
		return fail(s, "it has more than %u devices", SAVE_MAX_DEVICES);
	if (copy(s, section, &saved->device[saved->devices]))
		return -1;
	saved->devices++;
	return 0;
}

/* They come in order. */
static int take_cpu(struct save_stream *s, struct saved *saved, const struct save_section *section)
{
	u32 number;

	memcpy(&number, section->data, sizeof(number));
	if (number != saved->cpus || number >= saved_machine(saved)->cpus)
		return fail(s, "section %u has processor %u in place of %u of %u", s->seq - 1,
			    number, saved->cpus, saved_machine(saved)->cpus);
	saved->cpus++;
	return 0;
}

static int take(struct save_stream *s, struct saved *saved, struct save_section *section)
{
	struct save_part *part = saved->part[0];

	if (section->type == SAVE_DEVICE)
		return take_device(s, saved, section);
	if (section->type == SAVE_CPU)
		return take_cpu(s, saved, section);
	if (traits[section->type].many)
		return fail(s, "section %u (%s) is out of place", s->seq - 1,
			    traits[section->type].name);
	/* In format 1 none has begun: there is one. */
	if (traits[section->type].each && saved->cpus)
		part = saved->part[saved->cpus - 1];
	if (part[section->type].data)
		return fail(s, "section %u (%s) is there twice", s->seq - 1,
			    traits[section->type].name);
	return copy(s, section, &part[section->type]);
}

/**
 * load_guest() - read what a guest needs of a host, which stands first
 * @s:		the stream, just begun
 * @saved:	filled in; saved_free() in any case
 *
 * Return: 0 with the machine's and the CPUID section, or -1 with a reason in why.
 */
int load_guest(struct save_stream *s, struct saved *saved)
{
	const struct save_machine *machine;
	struct save_section section;
	u32 type;

	memset(saved, 0, sizeof(*saved));
	for (type = SAVE_MACHINE; type <= SAVE_CPUID; type++) {
		if (load_next(s, &section))
			return -1;
		if (section.type != type)
			return fail(s, "section %u (%s) is out of place", s->seq - 1,
				    traits[section.type].name);
		if (take(s, saved, &section))
			return -1;
	}
	machine = saved_machine(saved);
	if (!machine->cpus || machine->cpus > SAVE_MAX_CPUS)
		return fail(s, "it has %u processors: 1 to %u are possible", machine->cpus,
			    SAVE_MAX_CPUS);
	if (machine->ram < RAM_MIN || machine->ram > RAM_MAX || machine->ram % SAVE_PAGE)
		return fail(s, "it has %llu bytes of memory: 16M to 1024G are possible",
			    (unsigned long long)machine->ram);
	return 0;
}

static void clear_pages(u8 *page, u64 count)
{
	for (; count; count--, page += SAVE_PAGE)
		if (!is_zero(page))
			memset(page, 0, SAVE_PAGE);
}

static int take_memory(struct save_stream *s, const struct save_section *section,
		       const struct ram *ram)
{
	u64 pages = ram->size / SAVE_PAGE;
	size_t len = section->len - sizeof(struct save_memory);
	struct save_memory run;

	memcpy(&run, section->data, sizeof(run));
	if (!run.count || run.first >= pages || run.count > pages - run.first ||
	    (len && len != run.count * SAVE_PAGE))
		return fail(s, "section %u has pages outside of the guest's memory", s->seq - 1);
	if (len)
		memcpy(ram->base + run.first * SAVE_PAGE, section->data + sizeof(run), len);
	else
		clear_pages(ram->base + run.first * SAVE_PAGE, run.count);
	progress_to((run.first + run.count) * SAVE_PAGE);
	return 0;
}

static int check_complete(struct save_stream *s, const struct saved *saved,
			  const struct save_section *end)
{
	u32 cpus = saved_machine(saved)->cpus, cpu, type;
	u64 sections;

	memcpy(&sections, end->data, sizeof(sections));
	if (sections != s->seq - 1)
		return fail(s, "it is damaged: it has %u sections of %llu", s->seq - 1,
			    (unsigned long long)sections);
	for (cpu = 0; cpu < cpus; cpu++)
		for (type = 1; type < SAVE_TYPES; type++)
			if (traits[type].needed && (traits[type].each || !cpu) &&
			    !saved->part[cpu][type].data)
				return fail(s, "it has no section with the guest's %s",
					    traits[type].name);
	return 0;
}

/**
 * load_rest() - read a guest's memory and state
 * @s:		the stream after load_guest()
 * @saved:	filled in
 * @ram:	memory of the size that the machine's section has, zeros; filled in
 *
 * Return: 0 if all was there, or -1 with a reason in why.
 */
int load_rest(struct save_stream *s, struct saved *saved, const struct ram *ram)
{
	struct save_section section;
	int err;

	do {
		err = load_next(s, &section);
		if (err || section.type == SAVE_END)
			break;
		err = section.type == SAVE_MEMORY ? take_memory(s, &section, ram) :
						    take(s, saved, &section);
	} while (!err);
	if (err)
		return err;
	progress_to(ram->size);
	return check_complete(s, saved, &section);
}

/**
 * load_no_more() - see that a file ends where it says
 * @s:		the stream after load_rest()
 *
 * Return: 0, or -1 with a reason in why.
 */
int load_no_more(struct save_stream *s)
{
	u8 byte;

	return read(s->fd, &byte, 1) > 0 ? fail(s, "it goes on after its end") : 0;
}

/**
 * saved_free() - forget a guest that was read
 * @saved:	the guest
 */
void saved_free(struct saved *saved)
{
	unsigned int i;

	for (i = 0; i < SAVE_MAX_CPUS * SAVE_TYPES; i++)
		free(saved->part[i / SAVE_TYPES][i % SAVE_TYPES].data);
	for (i = 0; i < saved->devices; i++)
		free(saved->device[i].data);
	memset(saved, 0, sizeof(*saved));
}

/**
 * saved_machine() - the machine's section
 * @saved:	after load_guest()
 */
const struct save_machine *saved_machine(const struct saved *saved)
{
	return saved->part[0][SAVE_MACHINE].data;
}

/**
 * saved_device() - a device's section
 * @saved:	after load_rest()
 * @name:	of the device
 *
 * Return: the section with its name in front, NULL: there is none.
 */
const struct save_part *saved_device(const struct saved *saved, const char *name)
{
	unsigned int i;

	for (i = 0; i < saved->devices; i++)
		if (!strncmp(saved->device[i].data, name, SAVE_NAME))
			return &saved->device[i];
	return NULL;
}
