// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet caps`: shows the capability table for this machine (read through /dev/cpu/0/msr) or for
 * a dump, and ends with the verdict in the words that the module uses. It changes nothing.
 */
#include <argp.h>
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "userspace/caps.h"

#define MSR_DEVICE	"/dev/cpu/0/msr"

static const char *const row_id[VMX_CAP_COUNT] = {
#define CAPS_ROW(id, word, where, need, name, costs)	[VMX_CAP_##id] = #id,
#include "vmx/hw/caps_table.h"
};

static const struct {
	const char *gives, *costs;
} caps_words[VMX_CAP_COUNT] = {
#define CAPS_GIVES(id, gives)			[VMX_CAP_##id] = { gives, "" },
#define CAPS_OPTIONAL(id, gives, costs)		[VMX_CAP_##id] = { gives, costs },
#include "userspace/caps_words.h"
};

/* The order in which they are shown. */
static const u8 order[VMX_CAP_COUNT] = {
#define CAPS_GIVES(id, gives)			VMX_CAP_##id,
#define CAPS_OPTIONAL(id, gives, costs)		VMX_CAP_##id,
#include "userspace/caps_words.h"
};

static const char *costs_of(enum vmx_cap cap)
{
	return *caps_words[cap].costs ? caps_words[cap].costs : caps_table[cap].costs;
}

static const char *const need_name[] = {
	[CAPS_UNUSED] = "unused",
	[CAPS_GUARD] = "guard",
	[CAPS_FIRMWARE] = "firmware",
	[CAPS_OPTIONAL] = "optional",
	[CAPS_OPTIONAL_SWITCHED] = "optional",
	[CAPS_REQUIRED] = "required",
	[CAPS_REQUIRED_SWITCHED] = "required",
};

static const struct {
	const char *name;
	const char *error;
} verdict_info[] = {
	[CAPS_RUNS] = { "runs", "" },
	[CAPS_RUNS_WITH_LOSSES] = { "runs with losses", "" },
	[CAPS_NO_VMX] = { "does not run", "ENODEV" },
	[CAPS_LOCKED_OFF] = { "does not run", "EPERM" },
	[CAPS_MISSING] = { "does not run", "EOPNOTSUPP" },
};

struct options {
	const char *from;
	bool dump;
	bool json;
};

/* Everything there is to show. */
struct report {
	struct vmx_msrs msrs;
	struct vmx_caps caps;
	struct caps_reason why;
	char text[CAPS_TEXT];
};

static void explain_open_failure(int error)
{
	const char *way_out = "";

	if (error == ENOENT || error == ENXIO || error == ENODEV)
		way_out = "; load the module that provides it: modprobe msr";
	else if (error == EACCES || (error == EPERM && geteuid()))
		way_out = "; run this command as root";
	else if (error == EPERM)
		way_out = "; kernel lockdown (Secure Boot) or a container forbids it";
	fprintf(stderr, "kvmlet caps: %s: %s%s\n", MSR_DEVICE, strerror(error), way_out);
	fprintf(stderr, "To judge a dump from another machine: kvmlet caps --from FILE\n");
}

static void read_cpuid(struct vmx_msrs *m)
{
	u32 eax, ebx, ecx, edx;

	if (__get_cpuid(0, &eax, &ebx, &ecx, &edx))
		vmx_msr_set(m, VMX_MSR_CPUID_0_EBX, ebx);
	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx)) {
		vmx_msr_set(m, VMX_MSR_CPUID_1_EAX, eax);
		vmx_msr_set(m, VMX_MSR_CPUID_1_ECX, ecx);
	}
}

/* The device answers a #GP with EIO: such a register does not exist. */
static int read_msrs(int fd, struct vmx_msrs *m)
{
	enum vmx_msr_id id;
	u64 value;

	for (id = VMX_MSR_FEATURE_CONTROL; id < VMX_MSR_COUNT; id++) {
		if (!vmx_msr_exists(m, id))
			continue;
		if (pread(fd, &value, sizeof(value), vmx_msr_info[id].index) == sizeof(value)) {
			vmx_msr_set(m, id, value);
		} else if (errno != EIO) {
			fprintf(stderr, "kvmlet caps: %s: %s: %s\n", MSR_DEVICE,
				vmx_msr_info[id].name, strerror(errno));
			return -errno;
		}
	}
	return 0;
}

static int read_machine(struct vmx_msrs *m)
{
	int fd, err;

	memset(m, 0, sizeof(*m));
	read_cpuid(m);
	if (!vmx_msr_exists(m, VMX_MSR_BASIC))
		return 0;
	fd = open(MSR_DEVICE, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err = errno;
		explain_open_failure(err);
		return -err;
	}
	err = read_msrs(fd, m);
	close(fd);
	return err;
}

static int read_dump(const char *name, struct vmx_msrs *m)
{
	bool is_stdin = !strcmp(name, "-");
	FILE *in = is_stdin ? stdin : fopen(name, "r");
	char err[512];
	int ret;

	if (!in) {
		ret = -errno;
		fprintf(stderr, "kvmlet caps: %s: %s\n", name, strerror(errno));
		return ret;
	}
	ret = caps_dump_read(in, is_stdin ? "standard input" : name, m, err, sizeof(err));
	if (ret)
		fprintf(stderr, "kvmlet caps: %s\n", err);
	if (!is_stdin)
		fclose(in);
	return ret;
}

static const char *answer(const struct report *r, enum vmx_cap cap)
{
	const struct caps_row *row = &caps_table[cap];

	if (caps_has(&r->caps, cap))
		return caps_forced(&r->caps, cap) ? "always" : "yes";
	/* Reported, but something that it depends on is not. */
	return caps_field(&r->msrs, cap) == row->expect ? "useless" : "no";
}

static void print_row(const struct report *r, enum vmx_cap cap)
{
	const struct caps_row *row = &caps_table[cap];
	bool lost = row->need > CAPS_GUARD && !caps_has(&r->caps, cap);
	char bits[16], value[24];

	snprintf(bits, sizeof(bits), "%u", row->bit);
	snprintf(value, sizeof(value), "%s", answer(r, cap));
	if (row->width > 1) {
		snprintf(bits, sizeof(bits), "%u:%u", row->bit + row->width - 1, row->bit);
		snprintf(value, sizeof(value), "%llu",
			 (unsigned long long)caps_field(&r->msrs, cap));
	}
	printf("  %-47s %5s  %-10s %-8s  %s\n", row->name, bits, value, need_name[row->need],
	       lost ? costs_of(cap) : caps_words[cap].gives);
}

static void print_heading(const struct report *r, enum caps_word word)
{
	const struct caps_word_info *info = &caps_word_info[word];
	const struct vmx_msr_info *msr = &vmx_msr_info[info->msr];

	printf("\n%s: ", info->name);
	if (!msr->index)
		printf("CPUID.1:ECX\n");
	else if (!vmx_msr_exists(&r->msrs, info->msr))
		printf("%s, MSR 0x%x, does not exist on this processor\n", msr->name, msr->index);
	else
		printf("%s, MSR 0x%x = %llx%s\n", msr->name, msr->index,
		       (unsigned long long)r->msrs.value[info->msr],
		       info->shift ? " (bit n may be 1 if the MSR's bit 32+n is set)" : "");
}

static void print_table(const struct report *r)
{
	unsigned int i, cap, word = CAPS_WORD_COUNT;

	printf("  %-47s %5s  %-10s %-8s  %s\n", "capability", "bit", "there", "need",
	       "what it gives, or what its absence costs");
	for (i = 0; i < VMX_CAP_COUNT; i++) {
		cap = order[i];
		if (caps_table[cap].word != word) {
			if (i && r->why.verdict == CAPS_NO_VMX)
				return;
			word = caps_table[cap].word;
			print_heading(r, word);
		}
		if (vmx_msr_exists(&r->msrs, caps_word_info[word].msr))
			print_row(r, cap);
	}
}

static void print_verdict(const struct report *r)
{
	const char *error = verdict_info[r->why.verdict].error;
	const struct caps_row *row;
	unsigned int cap;

	printf("\nkvmlet %s\n", r->text);
	for (cap = 0; cap < VMX_CAP_COUNT; cap++) {
		row = &caps_table[cap];
		if (*error && row->need < CAPS_REQUIRED)
			continue;
		if (caps_is_missing(&r->msrs, cap))
			printf("  - %s, %s (%s): %s\n", need_name[row->need], row->name,
			       caps_word_info[row->word].name, costs_of(cap));
	}
	if (*error)
		printf("insmod kvmlet.ko fails with %s\n", error);
}

static void print_string(const char *key, const char *text, const char *end)
{
	printf("\"%s\": \"", key);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	printf("\"%s", end);
}

static void print_json_row(const struct report *r, enum vmx_cap cap)
{
	const struct caps_row *row = &caps_table[cap];
	const struct caps_word_info *info = &caps_word_info[row->word];

	printf("    {");
	print_string("id", row_id[cap], ", ");
	print_string("name", row->name, ", ");
	print_string("word", info->name, ", ");
	print_string("msr", vmx_msr_info[info->msr].name, ", ");
	printf("\"bit\": %u, \"width\": %u, \"value\": %llu, \"usable\": %s, \"always\": %s, ",
	       row->bit, row->width, (unsigned long long)caps_field(&r->msrs, cap),
	       caps_has(&r->caps, cap) ? "true" : "false",
	       caps_forced(&r->caps, cap) ? "true" : "false");
	printf("\"missing\": %s, ", caps_is_missing(&r->msrs, cap) ? "true" : "false");
	print_string("need", need_name[row->need], ", ");
	print_string("gives", caps_words[cap].gives, ", ");
	print_string("costs", costs_of(cap), "}");
}

static void print_json(const struct report *r)
{
	const char *comma = "";
	unsigned int i;

	printf("{\n  ");
	print_string("verdict", verdict_info[r->why.verdict].name, ",\n  ");
	print_string("errno", verdict_info[r->why.verdict].error, ",\n  ");
	print_string("text", r->text, ",\n");
	printf("  \"controls\": {\"pin\": \"%x\", \"proc\": \"%x\", \"proc2\": \"%x\", ",
	       r->caps.pin, r->caps.proc, r->caps.proc2);
	printf("\"proc3\": \"0\", \"exit\": \"%x\", \"entry\": \"%x\"},\n",
	       r->caps.exit, r->caps.entry);
	printf("  \"registers\": {");
	for (i = 0; i < VMX_MSR_COUNT; i++) {
		if (!(r->msrs.present & BIT(i)))
			continue;
		printf("%s\"%s\": \"%llx\"", comma, vmx_msr_info[i].name,
		       (unsigned long long)r->msrs.value[i]);
		comma = ", ";
	}
	printf("},\n  \"rows\": [\n");
	for (i = 0; i < VMX_CAP_COUNT; i++) {
		print_json_row(r, order[i]);
		printf("%s\n", i + 1 < VMX_CAP_COUNT ? "," : "");
	}
	printf("  ]\n}\n");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 'f':
		o->from = arg;
		return 0;
	case 'd':
		o->dump = true;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_END:
		if (o->dump && o->json)
			argp_error(state, "--dump and --json are two forms of output: give one");
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is too much; for a dump: --from %s", arg, arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option option_list[] = {
	{ "from", 'f', "FILE", 0, "Judge a dump instead of this machine; - is standard input", 0 },
	{ "dump", 'd', NULL, 0, "Write a dump, to be attached to a bug report", 0 },
	{ "json", 'j', NULL, 0, "Write registers, rows, control words and verdict as JSON", 0 },
	{ 0 }
};

static const struct argp command = {
	.options = option_list,
	.parser = parse_option,
	.doc = "Show what this processor's VT-x can do, what kvmlet needs of it, and whether\n"
	"kvmlet runs here.\n"
	"\vWithout --from it reads the capability MSRs of CPU 0, which needs root and the\n"
	"module msr (modprobe msr). It only reads; no hypervisor is started.\n"
	"\n"
	"The column `there' says yes, no, always (it cannot be switched off), useless\n"
	"(there, but something it depends on is not) or a number. `need' says whether\n"
	"kvmlet refuses to run without it (required), does without it at a cost\n"
	"(optional), never uses it (unused), or minds how firmware left it (firmware).\n"
	"\n"
	"A dump is text, one register a line: `NAME value', hexadecimal without prefix.\n"
	"\n"
	"Examples:\n"
	"  kvmlet caps\n"
	"  kvmlet caps --dump > mine.dump\n"
	"  kvmlet caps --from mine.dump\n"
	"\n"
	"Exit status: 0 kvmlet runs, 1 it does not, 2 wrong usage or unreadable input.",
};

/**
 * cmd_caps() - the command `kvmlet caps`
 * @argc:	number of arguments, the command's own name included
 * @argv:	the arguments
 *
 * Return: exit status
 */
int cmd_caps(int argc, char **argv)
{
	struct options o = { 0 };
	struct report r;
	int err;

	argv[0] = "kvmlet caps";
	argp_err_exit_status = CAPS_EXIT_ERROR;
	if (argp_parse(&command, argc, argv, 0, NULL, &o))
		return CAPS_EXIT_ERROR;
	if (o.from ? read_dump(o.from, &r.msrs) : read_machine(&r.msrs))
		return CAPS_EXIT_ERROR;
	err = caps_verdict(&r.msrs, &r.caps, &r.why);
	caps_explain(&r.why, r.text, sizeof(r.text));
	if (o.dump) {
		caps_dump_write(stdout, &r.msrs);
	} else if (o.json) {
		print_json(&r);
	} else {
		print_table(&r);
		print_verdict(&r);
	}
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "kvmlet caps: standard output: %s\n", strerror(errno));
		return CAPS_EXIT_ERROR;
	}
	return err ? CAPS_EXIT_RUNS_NOT : CAPS_EXIT_RUNS;
}
