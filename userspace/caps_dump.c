// SPDX-License-Identifier: GPL-2.0
/*
 * Dumps of capability registers as text: `NAME value` a line, names as in the SDM, hexadecimal
 * without prefix; empty lines and lines that begin with # say nothing. Dumps come from strangers,
 * so nothing is guessed: what is not understood is an error that names file and line.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/caps.h"

#define LINE_SIZE	256

static int find_name(const char *name)
{
	int id;

	for (id = 0; id < VMX_MSR_COUNT; id++)
		if (!strcmp(name, vmx_msr_info[id].name))
			return id;
	return -1;
}

static bool parse_hex(const char *text, u64 *value)
{
	size_t digits = strspn(text, "0123456789abcdefABCDEF");

	if (!digits || digits > 16 || text[digits])
		return false;
	*value = strtoull(text, NULL, 16);
	return true;
}

/* Returns NULL, or what is wrong with the line. */
static const char *parse_line(char *line, struct vmx_msrs *m)
{
	const char *space = " \t\r\n\v\f";
	char *rest, *name, *text;
	u64 value;
	int id;

	name = strtok_r(line, space, &rest);
	if (!name || name[0] == '#')
		return NULL;
	text = strtok_r(NULL, space, &rest);
	if (!text)
		return "no value after the name";
	if (strtok_r(NULL, space, &rest))
		return "more than a name and a value";
	id = find_name(name);
	if (id < 0)
		return "unknown register name";
	if (!parse_hex(text, &value))
		return "the value is not 1 to 16 hexadecimal digits without prefix";
	if (m->present & BIT(id))
		return "this register stood in an earlier line already";
	vmx_msr_set(m, id, value);
	return NULL;
}

/* Registers that no verdict depends on may be left out, whatever the architecture promises. */
static bool may_be_left_out(enum vmx_msr_id id)
{
	return !vmx_msr_info[id].index || (id >= VMX_MSR_CR0_FIXED0 && id <= VMX_MSR_VMCS_ENUM);
}

static int check_complete(const char *name, const struct vmx_msrs *m, char *err, size_t size)
{
	const struct vmx_msr_info *info;
	enum vmx_msr_id id;

	for (id = 0; id < VMX_MSR_COUNT; id++) {
		info = &vmx_msr_info[id];
		if (may_be_left_out(id) || !vmx_msr_exists(m, id) || (m->present & BIT(id)))
			continue;
		if (info->told_by == VMX_MSR_CPUID_1_ECX)
			snprintf(err, size, "%s: %s is missing; every processor with VT-x has it",
				 name, info->name);
		else
			snprintf(err, size, "%s: %s is missing; %s says that this processor has it",
				 name, info->name, vmx_msr_info[info->told_by].name);
		return -EINVAL;
	}
	return 0;
}

/**
 * caps_dump_read() - read and check a dump
 * @in:		the stream
 * @name:	what to call it in an error
 * @m:		filled
 * @err:	one line without newline on an error, "name:line: reason"
 * @size:	bytes of @err
 *
 * Return: 0; -EINVAL: malformed or incomplete; -EIO: the stream cannot be read
 */
int caps_dump_read(FILE *in, const char *name, struct vmx_msrs *m, char *err, size_t size)
{
	char line[LINE_SIZE];
	unsigned int number = 0;
	const char *wrong;
	size_t len;

	memset(m, 0, sizeof(*m));
	errno = 0;
	while (fgets(line, sizeof(line), in)) {
		number++;
		len = strlen(line);
		if ((!len || line[len - 1] != '\n') && !feof(in))
			wrong = "not a line of text, or longer than 254 characters";
		else
			wrong = parse_line(line, m);
		if (wrong) {
			snprintf(err, size, "%s:%u: %s", name, number, wrong);
			return -EINVAL;
		}
	}
	if (ferror(in)) {
		snprintf(err, size, "%s: %s", name, strerror(errno));
		return -EIO;
	}
	return check_complete(name, m, err, size);
}

/**
 * caps_dump_write() - write a dump that caps_dump_read() takes
 * @out:	the stream
 * @m:		the registers
 */
void caps_dump_write(FILE *out, const struct vmx_msrs *m)
{
	enum vmx_msr_id id;

	for (id = 0; id < VMX_MSR_COUNT; id++)
		if (m->present & BIT(id))
			fprintf(out, "%s %llx\n", vmx_msr_info[id].name,
				(unsigned long long)m->value[id]);
}
