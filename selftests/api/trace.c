// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints kvmlet:* tell what a guest did: each thing it does is one line of tracefs, with
 * its reason in words and its data.
 *
 * lab: --ftrace
 * only: kvmlet
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include "selftests/lib/vm.h"

#define TRACEFS		"/sys/kernel/tracing/"
#define EVENTS		TRACEFS "events/kvmlet/"
#define UNKNOWN_MSR	0x12345
#define LIST		(1 << 20)

static const char * const events[] = {
	"entry", "exit", "inj", "msr", "pio", "mmio", "ept_fault",
};

static const struct {
	const char *event, *words;
	unsigned int times;			/* 0: at least once */
	const char *name;
} told[] = {
	{ "exit", "vcpu 0 reason CPUID rip 0x", 3, "each CPUID is an exit of that name" },
	{ "exit", "vcpu 0 reason MSR_READ rip 0x", 3, "each RDMSR" },
	{ "exit", "vcpu 0 reason MSR_WRITE rip 0x", 1, "a WRMSR" },
	{ "exit", "vcpu 0 reason EPT_VIOLATION rip 0x", 0, "EPT violations" },
	{ "exit", "vcpu 0 reason IO_INSTRUCTION rip 0x", 4, "each IN and OUT, OUTS once" },
	{ "msr", "vcpu 0 read 0x1b value 0xfee00900", 1, "an MSR's value is told" },
	{ "msr", "vcpu 0 write 0x1a0 value 0x", 1, "and what is written" },
	{ "msr", "vcpu 0 read 0x12345 value 0x0 #GP", 1, "and that there is no such MSR" },
	{ "inj", "vcpu 0 exception 13 #GP error 0x0", 0, "its #GP is injected" },
	{ "pio", "vcpu 0 out port 0x20 size 1 count 1 value 0x5a", 1, "OUT with its value" },
	{ "pio", "vcpu 0 in port 0x20 size 1 count 1 value 0x41", 1, "IN with what was answered" },
	{ "pio", "vcpu 0 out port 0x20 size 1 count 3 value 0x61", 1, "OUTS with its first value" },
	{ "mmio", "vcpu 0 write gpa 0xd0000010 len 4 value 0x11223344", 1, "a write to a device" },
	{ "mmio", "vcpu 0 read gpa 0xd0000010 len 2 value 0x3344", 1, "a read, once, as answered" },
	{ "ept_fault", "vcpu 0 gpa 0xd0000010 rip 0x", 2, "both are EPT faults" },
	{ "ept_fault", "access write mmio", 1, "one a write without memory" },
	{ "ept_fault", "access read mmio", 1, "one a read" },
	{ "ept_fault", " mapped", 0, "others are mapped" },
};

static const char string[] = "abc";

static void guest(void)
{
	volatile uint32_t *word = (volatile uint32_t *)(DEVICE + 0x10);
	const void *p = string;
	unsigned long count = 3;
	uint32_t out[4];

	guest_cpuid(0, 0, out);
	guest_cpuid(1, 0, out);
	guest_cpuid(0x80000000, 0, out);
	guest_rdmsr(0x1b);
	guest_wrmsr(0x1a0, guest_rdmsr(0x1a0));
	TRAP("rdmsr", : : "c"(UNKNOWN_MSR) : "eax", "edx", TRAP_CLOBBERS);
	asm volatile("outb %b0, %1" : : "a"(0x5a), "Nd"((uint8_t)DEVICE_PORT));
	asm volatile("inb %0, %%al" : : "Nd"((uint8_t)DEVICE_PORT) : "eax");
	asm volatile("rep outsb" : "+S"(p), "+c"(count) : "d"(DEVICE_PORT) : "memory");
	*word = 0x11223344;
	(void)*(volatile uint16_t *)word;
	guest_sync(7);
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	close(fd);
	return n == (ssize_t)strlen(text);
}

static char *get(const char *path)
{
	char *text = calloc(1, LIST);
	FILE *f = fopen(path, "r");

	if (f) {
		fread(text, 1, LIST - 1, f);
		fclose(f);
	}
	return text;
}

/* Lines of that event that hold the words. */
static unsigned int lines(const char *trace, const char *event, const char *words)
{
	char name[32];
	const char *end;
	unsigned int n = 0;

	snprintf(name, sizeof(name), " %s: ", event);
	for (; *trace; trace = end + 1) {
		end = strchrnul(trace, '\n');
		n += memmem(trace, end - trace, name, strlen(name)) &&
		     memmem(trace, end - trace, words, strlen(words));
		if (!*end)
			break;
	}
	return n;
}

static char *traced_run(const char *path)
{
	struct device device = { .next = 0x41 };
	struct vcpu vcpu;
	struct vm vm;
	char *trace;

	machine(&vm, &vcpu, path, false, guest);
	put(TRACEFS "trace", "");
	put(EVENTS "enable", "1");
	TAP_EQ(vcpu_sync_io(&vcpu, &device), 7, "the guest runs to its end");
	put(EVENTS "enable", "0");
	machine_close(&vm, &vcpu);
	trace = get(TRACEFS "trace");
	return trace;
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);
	char name[128], *trace;
	unsigned int i, n;

	tap_begin();
	alarm(100);
	if (access(TRACEFS "events", F_OK)) {
		tap_skip("tracepoints", "this kernel has none: lab run --ftrace");
		return tap_end();
	}
	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		snprintf(name, sizeof(name), EVENTS "%s/format", events[i]);
		tap_ok(!access(name, R_OK), "the event kvmlet:%s is there", events[i]);
	}
	trace = traced_run(path);
	for (i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		n = lines(trace, told[i].event, told[i].words);
		if (!tap_ok(told[i].times ? n == told[i].times : n, "%s: %s", told[i].event,
			    told[i].name))
			printf("# %u lines with '%s'\n", n, told[i].words);
	}
	TAP_EQ(lines(trace, "entry", "vcpu 0 rip 0x"), lines(trace, "exit", "vcpu 0 reason "),
	       "as many entries as exits");
	free(trace);
	return tap_end();
}
