// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet run --cpu` from outside: what a guest reads by CPUID under a baseline, that it cannot use
 * what it is not shown, and what is refused in which words. Runs where a driver is loaded (in the
 * lab); argv[1] is the driver's device.
 *
 * lab: --add build/userspace/kvmlet:/bin/kvmlet
 */
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftests/lib/tap.h"
#include "selftests/runner/guest.h"

#define FAULTED		101	/* a fault is a triple fault: these guests handle none */

/* --- guests ---------------------------------------------------------------------------------- */

/* Sends the four registers of each leaf of its table, 16 bytes each; the index is 0. */
#define CPUID(leaf)	"mov $" #leaf ", %eax; xor %ecx, %ecx; cpuid; mov %eax, (%rdi);"	\
			"mov %ebx, 4(%rdi); mov %ecx, 8(%rdi); mov %edx, 12(%rdi); add $16, %rdi;"
#define OSXSAVE		"mov %cr4, %rax; bts $18, %rax; mov %rax, %cr4;"
#define WORDS		"mov $0x1800000, %edi;"							\
			CPUID(0) CPUID(1) CPUID(7) CPUID(0xd) CPUID(0x40000000)		\
			CPUID(0x80000001)							\
			"mov $0x1800000, %esi; mov $96, %ecx; mov $0x3f8, %dx; cld; rep outsb;"	\
			OUTB(0xf4, 6) "hlt"
enum { LEAF_0, LEAF_1, LEAF_7, LEAF_D, LEAF_HYPERVISOR, LEAF_EXT1, LEAVES };

GUEST(words, WORDS);
GUEST(words_osxsave, OSXSAVE WORDS);
GUEST(rdrand, "rdrand %rax;" OUTB(0xf4, 7) "hlt");
GUEST(rdtscp, "rdtscp;" OUTB(0xf4, 7) "hlt");
GUEST(invpcid, "mov $0x1800000, %edi; mov $3, %eax; invpcid (%rdi), %rax;" OUTB(0xf4, 7) "hlt");
GUEST(xsetbv, OSXSAVE "xor %ecx, %ecx; xor %edx, %edx; mov $7, %eax; xsetbv;" OUTB(0xf4, 7) "hlt");
GUEST(smap, "mov %cr4, %rax; bts $21, %rax; mov %rax, %cr4;" OUTB(0xf4, 7) "hlt");

#define RUN(guest, ...)		(WRITE_GUEST(guest), run(__VA_ARGS__))

/* --- the runner ------------------------------------------------------------------------------ */

static const char *device;
static char said[65536];	/* its standard output and standard error */
static size_t length;

/* `kvmlet run` with these options, NULL after the last; its exit status, negative for a signal. */
static int run(const char *option, ...)
{
	char line[1024];
	const char *word;
	va_list ap;
	FILE *f;
	int n, status;

	n = snprintf(line, sizeof(line), "exec kvmlet run --device %s", device);
	va_start(ap, option);
	for (word = option; word; word = va_arg(ap, const char *))
		n += snprintf(line + n, sizeof(line) - n, " '%s'", word);
	va_end(ap);
	snprintf(line + n, sizeof(line) - n, " --kernel %s --mem 32M 2>&1 </dev/null", KERNEL);
	f = popen(line, "r");
	if (!f) {
		printf("Bail out! popen: %s\n", strerror(errno));
		exit(1);
	}
	length = fread(said, 1, sizeof(said) - 1, f);
	said[length] = '\0';
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void has(const char *words, const char *name)
{
	if (!tap_ok(strstr(said, words), "%s", name))
		printf("# expected \"%s\" in: %.600s\n", words, said);
}

static uint32_t word(unsigned int leaf, unsigned int reg)
{
	uint32_t value = 0;

	if (length == LEAVES * 16)
		memcpy(&value, said + leaf * 16 + reg * 4, sizeof(value));
	return value;
}

enum { EAX, EBX, ECX, EDX };

/* --- cases ----------------------------------------------------------------------------------- */

/* The lab's default processor is a Broadwell. */
static void test_words(void)
{
	TAP_EQ(RUN(words_osxsave, "--cpu", "haswell", NULL), 6, "a guest runs under haswell");
	TAP_EQ(word(LEAF_0, EAX), 13, "its last leaf is 13");
	TAP_EQ(word(LEAF_1, EAX), 0x000306f0, "leaf 1 EAX: family 6, model 63, stepping 0");
	TAP_EQ(word(LEAF_1, EBX) & 0xffff0000, 0x10000, "leaf 1 EBX: one processor, APIC id 0");
	TAP_EQ(word(LEAF_1, ECX), 0xfffa3203, "leaf 1 ECX");
	TAP_EQ(word(LEAF_1, EDX), 0x0f8bfbff, "leaf 1 EDX");
	TAP_EQ(word(LEAF_7, EAX), 0, "leaf 7 EAX");
	TAP_EQ(word(LEAF_7, EBX), 0x05ab, "leaf 7 EBX: no RDSEED, ADX, SMAP");
	TAP_EQ(word(LEAF_7, ECX) | word(LEAF_7, EDX), 0, "leaf 7 ECX, EDX");
	TAP_EQ(word(LEAF_D, EAX), 7, "leaf 0xd EAX: x87, SSE, AVX");
	TAP_EQ(word(LEAF_D, EBX), 576, "leaf 0xd EBX: the size for XCR0 = 1");
	TAP_EQ(word(LEAF_D, ECX), 832, "leaf 0xd ECX: the size for all three");
	TAP_EQ(word(LEAF_EXT1, ECX), 0x21, "leaf 0x80000001 ECX: no PREFETCHW");
	TAP_EQ(word(LEAF_EXT1, EDX), 0x2c100800, "leaf 0x80000001 EDX");
	TAP_EQ(RUN(words, "--cpu", "merom", NULL), 6, "a guest runs under merom");
	TAP_EQ(word(LEAF_0, EAX), 10, "its last leaf is 10");
	TAP_EQ(word(LEAF_1, EAX), 0x6fb, "leaf 1 EAX: family 6, model 15, stepping 11");
	TAP_EQ(word(LEAF_1, ECX), 0x81202201, "leaf 1 ECX: SSE3, SSSE3 and CMPXCHG16B");
	TAP_EQ(word(LEAF_1, EDX), 0x078bfbff, "leaf 1 EDX");
	TAP_EQ(word(LEAF_D, EAX), word(LEAF_7, EAX), "a leaf above the last is the last one's");
	TAP_EQ(RUN(words, "--cpu", "host", NULL), 6, "a guest runs with what the host has");
	TAP_EQ(word(LEAF_1, EAX), 0x000306d4, "leaf 1 EAX is the host's");
	TAP_EQ(word(LEAF_7, EBX) & 0x1c0000, 0x1c0000, "it has RDSEED, ADX, SMAP");
	TAP_EQ(memcmp(said + LEAF_HYPERVISOR * 16 + 4, "KVMKVMKVM\0\0\0", 12), 0,
	       "and knows that it is KVM's");
	TAP_EQ(RUN(words, "--cpu", "haswell,-movbe,+adx", "--vendor-leaf", "NotKVM", NULL), 6,
	       "a guest runs with features added and taken away");
	TAP_EQ(word(LEAF_1, ECX) & 1 << 22, 0, "one is gone");
	TAP_EQ(word(LEAF_7, EBX), 0x805ab, "one has come");
	TAP_EQ(memcmp(said + LEAF_HYPERVISOR * 16 + 4, "NotKVM\0\0\0\0\0\0", 12), 0,
	       "--vendor-leaf names the hypervisor");
}

/* The same instructions under a baseline that has them and under one that has not. */
static void test_hidden(void)
{
	TAP_EQ(RUN(rdrand, "--cpu", "ivybridge", NULL), 7, "ivybridge: RDRAND works");
	TAP_EQ(RUN(rdrand, "--cpu", "sandybridge", NULL), FAULTED, "sandybridge: it faults");
	TAP_EQ(RUN(rdrand, "--cpu", "ivybridge,-rdrand", NULL), FAULTED, "and without rdrand");
	TAP_EQ(RUN(rdtscp, "--cpu", "nehalem", NULL), 7, "nehalem: RDTSCP works");
	TAP_EQ(RUN(rdtscp, "--cpu", "penryn", NULL), FAULTED, "penryn: it faults");
	TAP_EQ(RUN(invpcid, "--cpu", "haswell", NULL), 7, "haswell: INVPCID works");
	TAP_EQ(RUN(invpcid, "--cpu", "ivybridge", NULL), FAULTED, "ivybridge: it faults");
	TAP_EQ(RUN(xsetbv, "--cpu", "sandybridge", NULL), 7, "sandybridge: XSETBV enables AVX");
	TAP_EQ(RUN(xsetbv, "--cpu", "sandybridge,-avx", NULL), FAULTED, "without avx it faults");
	TAP_EQ(RUN(xsetbv, "--cpu", "westmere", NULL), FAULTED, "westmere: CR4.OSXSAVE does");
	TAP_EQ(RUN(smap, "--cpu", "broadwell", NULL), 7, "broadwell: CR4.SMAP works");
	TAP_EQ(RUN(smap, "--cpu", "haswell", NULL), FAULTED, "haswell: it faults");
}

static void test_refusals(void)
{
	TAP_EQ(RUN(words, "--cpu", "skylake", NULL), 103, "a baseline that the host cannot be");
	has("--cpu skylake: this host lacks clflushopt xsavec xgetbv1 xsaves",
	    "what is missing is named");
	TAP_EQ(RUN(words, "--cpu", "haswel", NULL), 104, "a name that is none is wrong usage");
	has("'haswel': no such baseline; --cpu-list shows them", "it says so");
	TAP_EQ(RUN(words, "--cpu", "haswell,+frob", NULL), 104, "so is a feature that is none");
	TAP_EQ(RUN(words, "--vendor-leaf", "thirteen byte", NULL), 104, "and a name too long");
	TAP_EQ(run("--cpu-list", NULL), 0, "--cpu-list needs no kernel");
	has("broadwell            6     61        4      0x14  runs", "it says what runs here");
	has("lacks clflushopt", "and what does not, and why");
}

int main(int argc, char **argv)
{
	device = argc > 1 ? argv[1] : "/dev/kvmlet";
	tap_begin();
	test_words();
	test_hidden();
	test_refusals();
	unlink(KERNEL);
	return tap_end();
}
