// SPDX-License-Identifier: GPL-2.0
/*
 * The program `kvmlet`: a table of commands, each in a file of its own.
 */
#include <stdio.h>
#include <string.h>

#include "userspace/caps.h"
#include "userspace/run.h"
#include "userspace/stat.h"

#define STATUS_USAGE	104

static const struct command {
	const char *name;
	int (*call)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "run", cmd_run, "boot a Linux kernel in a virtual machine" },
	{ "caps", cmd_caps, "say what this processor's VT-x can do and whether kvmlet runs here" },
	{ "stat", cmd_stat, "show what virtual machines do, live" },
};

static void usage(FILE *out)
{
	unsigned int i;

	fprintf(out, "Usage: kvmlet COMMAND [OPTION...]\n\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-6s %s\n", commands[i].name, commands[i].summary);
	fprintf(out, "\n`kvmlet help COMMAND' or `kvmlet COMMAND --help' tells more.\n");
}

static const struct command *find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	fprintf(stderr, "kvmlet: no command '%s'; `kvmlet help' lists them\n", name);
	return NULL;
}

static int help(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		usage(stdout);
		return 0;
	}
	c = find(argv[1]);
	argv[1] = "--help";
	return c ? c->call(2, argv) : STATUS_USAGE;
}

int main(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		usage(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(argc - 1, argv + 1);
	c = find(argv[1]);
	return c ? c->call(argc - 1, argv + 1) : STATUS_USAGE;
}
