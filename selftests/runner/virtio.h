/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For tests of `kvmlet run` with virtio devices: pieces of guests that find and drive them.
 */
#ifndef KVMLET_TEST_RUNNER_VIRTIO_H
#define KVMLET_TEST_RUNNER_VIRTIO_H

#include "selftests/runner/runner.h"

/* EAX of configuration register REG of slot SLOT; then what is left of it decides the status. */
#define CONFIG(slot, reg) \
	"mov $0xcf8, %dx; mov $0x80000000 + (" #slot " << 11) + " #reg ", %eax; out %eax, %dx;" \
	"mov $0xcfc, %dx; in %dx, %eax;"
#define SET_CONFIG(slot, reg, value) \
	CONFIG(slot, reg) "mov $" #value ", %eax; out %eax, %dx;"
#define UNLESS(value, status) "mov $" #status ", %bl; cmp $" #value ", %eax; jne 8f;"

/* A descriptor; ADDR is an offset into the guest's program. */
#define DESC(addr, len, flags, next) \
	".quad 0x1000000 + " #addr "; .long " #len "; .word " #flags ", " #next ";"
/* Registers of before 1.0 of the device in slot 1. */
#define OUT4(port, value)	"mov $" #port ", %dx; mov $" #value ", %eax; out %eax, %dx;"
#define OUT2(port, value)	"mov $" #port ", %dx; mov $" #value ", %ax; out %ax, %dx;"
/* A queue there at the program's page PAGE, and that the driver is ready. */
#define QUEUE(number, page)	OUT2(0xc08e, number) OUT4(0xc088, 0x1000 + page)
#define DRIVER_OK		OUTB(0xc092, 7)
#define NOTIFY(number)		OUT2(0xc090, number)
#define RESET			OUTB(0xc092, 0)
/* Until so many requests have come back, by the used ring's address. */
#define UNTIL_USED(count, used)	"1: pause; cmpw $" #count ", 0x1000002 + " #used "; jne 1b;"
#define UNTIL_BROKEN \
	"mov $0xc092, %dx; 1: pause; in %dx, %al; test $0x40, %al; jz 1b;"
/* Ends with 99; any UNLESS before it that is not met, with its own status. */
#define GOOD			"mov $99, %bl; 8: mov %bl, %al;" FINISH

static struct runner one;

/* A runner's status; what it says is in one.text. */
#define RUN(...) ({									\
	runner_start(&one, -1, (const char * const []) {				\
		"kvmlet", "run", "--device", device, __VA_ARGS__, NULL });		\
	runner_end(&one);								\
})
#define BOOT(...)	RUN("--kernel", KERNEL, "--mem", "32M", __VA_ARGS__)

static inline void said_with(int status, const char *words, const char *name)
{
	if (!tap_ok(status == 103 && strstr(one.text, words), "%s", name))
		printf("# status %d, %s\n", status, one.text);
}

/* Hundredths of a second that the runner has computed for; ~0: not known. */
static inline unsigned int ticks(void)
{
	unsigned int field, user, system;
	char path[64], text[512] = "";
	const char *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", one.pid);
	f = fopen(path, "r");
	if (f && !fgets(text, sizeof(text), f))
		text[0] = 0;
	if (f)
		fclose(f);
	/* Behind the name: the third field; these two are the 14th and the 15th. */
	at = strrchr(text, ')');
	for (field = 2; at && field < 14; field++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, "%u %u", &user, &system) == 2 ? user + system : ~0u;
}

static inline void is_idle(const char *name)
{
	unsigned int before, spent;

	usleep(100000);
	before = ticks();
	usleep(500000);
	spent = ticks() - before;
	if (!tap_ok(before != ~0u && spent < 10, "%s", name))
		printf("# %u of 50 hundredths of a second\n", spent);
}

#endif
