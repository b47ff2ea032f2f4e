// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet run --cpus` from outside: how many there may be and in which words more are refused, that
 * each of the guest's processors is started and knows its number, that each can end the machine,
 * and that all of them are saved, restored and moved in the middle of work. argv[1] is the driver's
 * device, argv[2] how often the guest is restored (3 unless told, at most 9).
 *
 * lab: --add build/userspace/kvmlet:/bin/kvmlet
 * lab@kvmlet: --add build/userspace/kvmlet:/bin/kvmlet --param apicv=1
 */
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "selftests/runner/runner.h"

#define SAVED		"/tmp/cpus.guest"
#define SOCKET		"/tmp/cpus.socket"
#define LEFT		106		/* status of a runner whose guest has left */
#define DONE		42		/* the guest's own status */

static struct runner one, two;
static char times[2] = "3";

/* --- the guest -------------------------------------------------------------------------------- */

/*
 * Its command line is three characters: how many processors it has ('0' and 1 are '1', and 64 are
 * 'p'), what the others do, and how often the first one asks to leave.
 *
 * The first one starts all others at 0x10000 in real mode and waits until each has added one to a
 * word at 0x10800, its APIC id to the next, its x2APIC id to the one after. Then
 * 'l': each counts in a register and in a word of its own, which must not differ, and the first one
 *	sees after each request to leave that all of them go on;
 * 'm': the same, and the first one waits after a request until it has been moved;
 * 'e': they halt, and the first one ends;
 * 's', 't', 'o': they write 7 to port 0xf4, end by a triple fault, power off;
 * 'h': all halt for ever.
 * Statuses: 2 they did not start, 3 and 4 their ids are wrong, 5 one does not go on, 6 a register
 * was lost.
 */
GUEST(parallel,
      "movzbl 0x20000, %ebp; sub $'0', %ebp; movzbl 0x20002, %r8d; sub $'0', %r8d;"
      "lea 5f(%rip), %rsi; mov $0x10000, %edi; mov $(6f - 5f), %ecx; cld; rep movsb;"
      "mov 0x20001, %al; mov %al, 0x10ff0; sti;"
      "mov $0xfee00000, %ebx; movl $0x1ff, 0xf0(%rbx);"
      "movl $0xc4500, 0x300(%rbx); movl $0xc4610, 0x300(%rbx);"
      "mov $50000000, %ecx; lea -1(%rbp), %edx;"
      "1: cmp %edx, 0x10800; je 1f; pause; dec %ecx; jnz 1b; mov $2, %al; jmp 9f;"
      "1: imul %ebp, %edx; shr %edx; mov $3, %al; cmp %edx, 0x10804; jne 9f;"
      "mov $4, %al; cmp %edx, 0x10808; jne 9f;"
      "cmpb $'l', 0x10ff0; je 2f; cmpb $'m', 0x10ff0; je 2f; cmpb $'e', 0x10ff0; je 4f; 1: hlt; jmp 1b;"
      "2: test %r8d, %r8d; jz 4f; out %al, $0xf5; mov $1, %esi;"
      "cmpb $'m', 0x10ff0; jne 3f; 1: in $0xf5, %al; test %al, %al; jz 1b;"
      "3: cmp %ebp, %esi; je 1f; mov 0x10900(, %rsi, 4), %edx; mov $50000000, %ecx; mov $5, %al;"
      "7: cmp %edx, 0x10900(, %rsi, 4); jne 7f; pause; dec %ecx; jnz 7b; jmp 9f;"
      "7: inc %esi; jmp 3b; 1: mov $6, %al; cmpb $0, 0x10ff4; jne 9f; dec %r8d; jmp 2b;"
      "4: mov $42, %al; 9: out %al, $0xf4; 1: hlt; jmp 1b;"
      ".code16; 5: mov %cs, %ax; mov %ax, %ds; xor %eax, %eax; cpuid; mov %eax, %esi;"
      "mov $1, %eax; cpuid; shr $24, %ebx; mov %ebx, %edi; mov %ebx, %edx;"
      "cmp $0xb, %esi; jb 1f; mov $0xb, %eax; xor %ecx, %ecx; cpuid;"
      "1: lock addl %edx, 0x808; lock addl %edi, 0x804; shl $2, %di; lock incl 0x800; sti;"
      "mov 0xff0, %al; cmp $'l', %al; je 2f; cmp $'m', %al; je 2f; cmp $'t', %al; je 3f;"
      "cmp $'o', %al; je 4f; cmp $'s', %al; je 7f; 1: hlt; jmp 1b;"
      "2: xor %ebp, %ebp; 1: cmp %ebp, 0x900(%di); jne 8f; inc %ebp; mov %ebp, 0x900(%di);"
      "pause; jmp 1b; 8: movb $1, 0xff4; 1: hlt; jmp 1b;"
      "3: lidt 0xe00; ud2; 4: mov $0x604, %dx; mov $0x3400, %ax; out %ax, %dx; 1: hlt; jmp 1b;"
      "7: mov $7, %al; out %al, $0xf4; 1: hlt; jmp 1b; 6: .code64");

#define RUN(r, ...)									\
	runner_start(r, -1, (const char * const []) {					\
		"kvmlet", "run", "--device", device, __VA_ARGS__, NULL })

static const char *cpus_text(unsigned int n)
{
	static char text[12];

	snprintf(text, sizeof(text), "%u", n);
	return text;
}

/* What the guest's command line says. */
static const char *words(unsigned int cpus, char what, char leaves)
{
	static char text[4];

	text[0] = '0' + cpus;
	text[1] = what;
	text[2] = leaves;
	return text;
}

/* --- how many --------------------------------------------------------------------------------- */

static void test_usage(void)
{
	static const char * const wrong[] = { "0", "65", "-1", "4x", "", "+4", "9999999999999999" };
	unsigned int i;

	WRITE_GUEST(parallel);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		RUN(&one, "--kernel", KERNEL, "--cpus", wrong[i]);
		TAP_EQ(runner_end(&one), 104, "--cpus '%s' is wrong usage", wrong[i]);
		runner_said(&one, "expected 1 to 64", "it is said what is right");
	}
	RUN(&one, "--restore", SAVED, "--cpus", "2");
	TAP_EQ(runner_end(&one), 104, "--restore with --cpus is wrong usage");
}

#define LOAD_FIELD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)

/* Becomes a runner whose driver seems to have neither KVM_CAP_MAX_VCPUS nor KVM_CAP_NR_VCPUS. */
static int few_cpus(char **argv)
{
	struct sock_filter code[] = {
		LOAD_FIELD(nr), UNLESS(SYS_ioctl, 6),
		LOAD_FIELD(args[1]), UNLESS(KVM_CHECK_EXTENSION, 4),
		LOAD_FIELD(args[2]),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KVM_CAP_NR_VCPUS, 1, 0),
		UNLESS(KVM_CAP_MAX_VCPUS, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		return 126;
	execvp(argv[0], argv);
	return 127;
}

#define RUN_FEW(n)									\
	runner_start(&one, -1, (const char * const []) {				\
		"/proc/self/exe", "few", "kvmlet", "run", "--device", device,		\
		"--kernel", KERNEL, "--cpus", n, "--append", words(4, 's', '0'), NULL })

static void test_few(void)
{
	if (!access("/sys/kernel/debug/kmemleak", F_OK)) {
		tap_skip("more than the driver has are refused", "this kernel has no seccomp");
		return;
	}
	RUN_FEW("5");
	TAP_EQ(runner_end(&one), 103, "more than the driver has are refused");
	runner_said(&one, "a guest of 5 processors: the driver has at most 4 for one "
		    "(KVM_CAP_MAX_VCPUS)", "the capability is named");
	RUN_FEW("4");
	TAP_EQ(runner_end(&one), 7, "as many as it has run");
}

/* On the debug host a runner takes seconds to begin, and more with 64 processors. */
static bool too_slow(const char *what)
{
	if (access("/sys/kernel/debug/kmemleak", F_OK))
		return false;
	tap_skip(what, "too slow here; the driver's side is in the others");
	return true;
}

/* --- running ---------------------------------------------------------------------------------- */

/* The status of a guest with so many processors that do this. */
static int run(unsigned int cpus, char what)
{
	RUN(&one, "--kernel", KERNEL, "--mem", "32M", "--cpus", cpus_text(cpus), "--append",
	    words(cpus, what, '1'));
	return runner_end(&one);
}

static void test_start(void)
{
	static const unsigned int counts[] = { 1, 2, 3, 64 };
	unsigned int i;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		TAP_EQ(run(counts[i], 'e'), DONE,
		       "of %u processors each starts and knows its number", counts[i]);
	TAP_EQ(one.n, 0, "the runner says nothing of its own");
	TAP_EQ(run(4, 'l'), DONE, "four run at the same time");
}

static void test_end(void)
{
	TAP_EQ(run(4, 's'), 7, "a status by another processor than the first ends the machine");
	TAP_EQ(run(4, 'o'), 0, "so does its power-off");
	TAP_EQ(run(4, 't'), 101, "so does its triple fault");
	runner_said(&one, "processor ", "it is said whose");
	runner_said(&one, "triple fault", "and what it was");
	if (too_slow("a signal ends halted processors"))
		return;
	RUN(&one, "--kernel", KERNEL, "--cpus", "4", "--append", words(4, 'h', '0'), "--trace");
	usleep(200000);
	runner_stops(&one, "a signal ends four halted processors");
	RUN(&one, "--kernel", KERNEL, "--cpus", "64", "--append", words(1, 'h', '0'));
	usleep(200000);
	runner_stops(&one, "and 64 of which 63 were never started");
}

/* --- leaving ---------------------------------------------------------------------------------- */

static void test_save(unsigned int cpus)
{
	unsigned int restores = 0;
	int status;

	RUN(&one, "--kernel", KERNEL, "--mem", "32M", "--cpus", cpus_text(cpus), "--append",
	    words(cpus, 'l', times[0]), "--save", SAVED);
	for (status = runner_end(&one); status == LEFT; restores++) {
		RUN(&one, "--restore", SAVED, "--save", SAVED);
		status = runner_end(&one);
	}
	TAP_EQ(status, DONE, "%u processors go on where they were saved", cpus);
	TAP_EQ(restores, (unsigned int)(times[0] - '0'), "as often as the guest asked");
}

/* Wherever each of them is then. */
static void test_signal(void)
{
	int status;

	if (too_slow("halted processors are saved by a signal"))
		return;
	RUN(&one, "--kernel", KERNEL, "--mem", "32M", "--cpus", "4", "--append",
	    words(4, 'h', '0'), "--save", SAVED);
	usleep(200000);
	kill(one.pid, SIGUSR1);
	TAP_EQ(runner_end(&one), LEFT, "four halted processors are saved by a signal");
	RUN(&one, "--restore", SAVED, "--save", SAVED);
	usleep(200000);
	kill(one.pid, SIGUSR1);
	TAP_EQ(runner_end(&one), LEFT, "and again when they were restored");
	RUN(&one, "--kernel", KERNEL, "--mem", "32M", "--cpus", "4", "--append",
	    words(4, 'l', '9'), "--save", SAVED, "--after", "0.002");
	status = runner_end(&one);
	while (status == LEFT) {
		RUN(&one, "--restore", SAVED);
		status = runner_end(&one);
	}
	TAP_EQ(status, DONE, "four that begin are saved after some milliseconds");
}

static void test_move(void)
{
	unsigned int i;
	int status;

	unlink(SOCKET);
	RUN(&two, "--incoming", SOCKET);
	for (i = 0; i < 3000 && access(SOCKET, F_OK); i++)
		usleep(10000);
	usleep(50000);
	RUN(&one, "--kernel", KERNEL, "--mem", "32M", "--cpus", "4", "--append",
	    words(4, 'm', '2'), "--live", SOCKET);
	TAP_EQ(runner_end(&one), LEFT, "four processors that count move to another runner");
	status = runner_end(&two);
	TAP_EQ(status, DONE, "and go on there");
	if (status != DONE)
		printf("# %.300s\n# %.300s\n", one.text, two.text);
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "few"))
		return few_cpus(argv + 2);
	device = argc > 1 ? argv[1] : access("/dev/kvmlet", F_OK) ? "/dev/kvm" : "/dev/kvmlet";
	if (argc > 2 && argv[2][0] >= '1' && argv[2][0] <= '9')
		times[0] = argv[2][0];
	tap_begin();
	signal(SIGPIPE, SIG_IGN);
	test_usage();
	test_few();
	test_start();
	test_end();
	test_save(2);
	test_save(4);
	test_signal();
	test_move();
	unlink(KERNEL);
	unlink(SAVED);
	return tap_end();
}
