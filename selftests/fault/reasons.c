// SPDX-License-Identifier: GPL-2.0
/*
 * Every handler of the one list, also of exits that no control asks for or that the emulator
 * lacks: a CPUID of the guest passes for the exit, and what the handler says of itself must come
 * to pass. What it does to a guest whose instruction it really is, other tests show.
 *
 * only: kvmlet
 * lab: --param test=1
 */
#include <fcntl.h>
#include "selftests/lib/vm.h"
#include "vmx/exit/reasons.h"

#define PLANT		"/sys/kernel/debug/kvmlet/plant"
#define VM_EXIT_REASON	0x4402
#define UNEXPECTED	4		/* KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON */
#define UD		6

static struct vm vm;
static struct vcpu vcpu;
static volatile uint64_t vector, rip;

extern const char the_cpuid[];

/* What a CPUID that passes for something else does here: the vector, or NO_TRAP. */
__attribute__((noinline))
static void guest(void)
{
	for (;;) {
		vector = TRAP("xor %%eax, %%eax; .globl the_cpuid; the_cpuid: cpuid",
			      : : : "rax", "rbx", "rcx", "rdx", TRAP_CLOBBERS);
		rip = trap.rip;
		guest_sync(1);
	}
}

static void plant(uint64_t reason)
{
	char words[32];
	int fd = open(PLANT, O_WRONLY | O_CLOEXEC);
	int n = snprintf(words, sizeof(words), "%x %llx", VM_EXIT_REASON,
			 (unsigned long long)reason);

	if (write(fd, words, n) != n)
		printf("# %s: %m\n", PLANT);
	close(fd);
}

static void go_on(const char *name)
{
	if (vcpu_sync(&vcpu) != 1)
		tap_ok(false, "%s: the guest goes on", name);
}

static void unexpected(const char *name, uint32_t reason)
{
	int exit = vcpu_run_on(&vcpu);

	tap_ok(exit == KVM_EXIT_INTERNAL_ERROR && vcpu.run->internal.suberror == UNEXPECTED &&
	       vcpu.run->internal.ndata == 2 && vcpu.run->internal.data[0] == reason,
	       "%s: KVM_EXIT_INTERNAL_ERROR with the reason", name);
	go_on(name);
}

static void undefined(const char *name)
{
	go_on(name);
	tap_ok(vector == UD && rip == (uintptr_t)the_cpuid, "%s: #UD at the instruction", name);
}

static void passes(const char *name)
{
	go_on(name);
	tap_ok(vector == NO_TRAP, "%s: the guest goes on", name);
}

static void failed(const char *name, uint32_t reason)
{
	int exit = vcpu_run_on(&vcpu);

	tap_ok(exit == KVM_EXIT_FAIL_ENTRY &&
	       vcpu.run->fail_entry.hardware_entry_failure_reason == reason,
	       "%s: KVM_EXIT_FAIL_ENTRY with the reason", name);
	go_on(name);
}

/* Others need a qualification that fits, or another instruction. */
static void one(uint32_t reason, const char *name, const char *handler)
{
	/* After this one the host's own machine-check handler runs. */
	if (reason == 41)
		return;
	plant(reason);
	if (!strcmp(handler, "exit_unexpected"))
		unexpected(name, reason);
	else if (!strcmp(handler, "exit_undefined"))
		undefined(name);
	else if (!strcmp(handler, "exit_skip") || !strcmp(handler, "exit_nothing") ||
		 !strcmp(handler, "exit_window") || !strcmp(handler, "exit_pause"))
		passes(name);
	else if (!strcmp(handler, "exit_entry_failed"))
		failed(name, reason);
	else
		plant(10);
}

int main(int argc, char **argv)
{
	tap_begin();
	machine(&vm, &vcpu, device_path(argc, argv), false, guest);
	go_on("CPUID");
#define X(nr, name, handler, traits)	one(nr, #name, #handler);
	EXIT_REASONS(X)
#undef X
	plant(35);
	unexpected("a number that is none", 35);
	plant(NR_EXIT_REASONS);
	unexpected("a number beyond the list", NR_EXIT_REASONS);
	plant(0x80000000 | 33);
	failed("a failed entry", 0x80000000 | 33);
	machine_close(&vm, &vcpu);
	return tap_end();
}
