/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small monitor for test programs. The program's own image is guest memory at the same
 * addresses, so a 64-bit guest is a C function of the test, and guest and test share its
 * globals. That needs an executable at fixed low addresses: gcc -static, not -static-pie.
 *
 * Guest physical memory: LOW_SIZE bytes from 0 (real-mode code, SIPI targets), then the image.
 * The guest's page tables map the low 4 GiB one to one with 2 MiB pages.
 */
#ifndef KVMLET_TEST_VM_H
#define KVMLET_TEST_VM_H

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "selftests/lib/tap.h"

#define PAGE		4096UL
#define LOW_SIZE	0x100000UL
#define SYNC_PORT	0x10		/* the guest has something to say: guest_sync() */
#define GUEST_PANIC	0xdeadu		/* value of a sync: an exception nobody expected */

/* Interrupt vectors' selectors and stacks are vm.c's; these two a test may want to name. */
#define CODE64		0x08
#define DATA		0x10

struct vm {
	int dev, fd;
	uint8_t *low;
};

struct vcpu {
	int fd;
	struct kvm_run *run;
	size_t run_size;
};

/* ioctl() that returns -errno; @arg is a pointer or a number. */
#define call(fd, cmd, arg) vm_call(fd, cmd, (unsigned long)(arg))
int vm_call(int fd, unsigned long cmd, unsigned long arg);

bool on_debug_host(void);
bool on_upstream(void);
bool bounded(void);
int stay_on(pid_t thread, int cpu);
int write_file(const char *path, const char *text);
long meminfo_kib(const char *name);
long memory_in_use(void);
const char *device_path(int argc, char **argv);
void vm_open(struct vm *vm, const char *path);
void vm_memory(struct vm *vm);
int vm_slot(struct vm *vm, unsigned int slot, unsigned int flags, uint64_t gpa, uint64_t size,
	    void *memory);
void vm_close(struct vm *vm);
void *pages(size_t bytes);
bool host_has(const char *flag);

int vcpu_open(struct vm *vm, struct vcpu *vcpu, unsigned int id);
void vcpu_close(struct vcpu *vcpu);
void vcpu_supported_cpuid(struct vm *vm, struct vcpu *vcpu);
void vcpu_real_mode(struct vcpu *vcpu, uint16_t segment, uint16_t ip);
void vcpu_protected_mode(struct vcpu *vcpu, uint32_t eip);
void vcpu_long_mode(struct vcpu *vcpu, void (*guest)(void), unsigned int stack);
int vcpu_run(struct vcpu *vcpu);
int vcpu_run_on(struct vcpu *vcpu);
uint32_t vcpu_sync(struct vcpu *vcpu);
const char *exit_name(int exit);
bool stats_find(int fd, const char *name, uint64_t *value);
long vcpu_counter(struct vcpu *vcpu, const char *name);
long vcpu_exits(struct vcpu *vcpu, const char *reason);
/* What a processor may do of a LAPIC by itself; in kvmlet those behind HELP_X2APIC need apicv=1. */
enum host_help {
	HELP_TPR, HELP_X2APIC, HELP_MEMORY, HELP_REGISTERS, HELP_DELIVERY, HELP_POSTED,
};

bool host_helps(enum host_help help);
struct kvm_cpuid2 *supported_cpuid(int dev);

/* A machine with one vCPU in a 64-bit guest function. */
void machine(struct vm *vm, struct vcpu *vcpu, const char *path, bool irqchip,
	     void (*guest)(void));
void machine_close(struct vm *vm, struct vcpu *vcpu);

/*
 * A device that vcpu_run_io() plays: memory at DEVICE, and at port DEVICE_PORT a log of what
 * is written; what is read there counts up, a byte at a time.
 */
#define DEVICE		0xd0000000UL
#define DEVICE_PORT	0x20

struct device {
	uint8_t memory[PAGE];
	uint8_t log[64];
	unsigned int logged, next;
	unsigned int reads, writes;		/* of memory: exits */
};

int vcpu_run_io(struct vcpu *vcpu, struct device *device);
uint32_t vcpu_sync_io(struct vcpu *vcpu, struct device *device);

/*
 * A case for each of these names of vmx/exit/reasons.h: such an exit has come. Who calls it shows
 * the exit: scripts/exits looks for the calls.
 */
static inline void vcpu_reached(struct vcpu *vcpu, const char *reasons)
{
	char name[64];
	long count;
	int n;

	for (; sscanf(reasons, " %63s%n", name, &n) == 1; reasons += n) {
		count = vcpu_exits(vcpu, name);
		/* Upstream does not count them so. */
		if (count >= 0)
			tap_ok(count > 0, "the exit %s has come", name);
	}
}

/* --- the guest's side ------------------------------------------------------------------- */

/* What the last exception was, and where to go on after the next one (0: panic). */
struct guest_trap {
	uint64_t resume, vector, error, rip, cr2, rflags, count;
};

struct guest_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rdx, rcx, rbx, rax;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

#define NO_TRAP 0xffffULL

extern volatile struct guest_trap trap;
extern volatile uint32_t irqs[256];		/* interrupts and NMIs seen, by vector */
extern void (*guest_eoi)(void);			/* called after each interrupt, if set */
extern bool (*guest_trap_hook)(struct guest_frame *frame);	/* true: handled */
extern uint64_t guest_tables[6][512];		/* PML4, PDPT, four page directories */
#define GUEST_UPPER 0xffff800000000000UL	/* from here on the lowest 4 GiB are again */

/* For vm.c: the guest's tables, and where they are; returns the initial stack pointer. */
uint64_t guest_tables_setup(struct kvm_sregs *sregs, unsigned int stack);

/* Runs an instruction; its value is the vector of the exception it raised, or NO_TRAP. */
#define TRAP(insn, operands...)							\
({										\
	trap.vector = NO_TRAP;							\
	asm volatile("lea 77f(%%rip), %%r11\n\tmov %%r11, trap(%%rip)\n\t"	\
		     insn "\n77:\tmovq $0, trap(%%rip)"				\
		     operands);							\
	trap.vector;								\
})
/* For TRAP()'s clobber list: TRAP("ud2", : : : TRAP_CLOBBERS). */
#define TRAP_CLOBBERS "r11", "memory", "cc"

#define MAX_CHECKS	128

struct guest_check {
	const char *name;
	uint64_t got, want;
};

extern struct guest_check checks[MAX_CHECKS];
extern volatile unsigned int nr_checks;

/* What must hold, said in the guest; tap_checks() reports it. */
void guest_check(const char *name, uint64_t got, uint64_t want);

/* Reports what the guest has checked since the last time. */
static inline void tap_checks(void)
{
	unsigned int i;

	for (i = 0; i < nr_checks; i++)
		TAP_EQ(checks[i].got, checks[i].want, "%s", checks[i].name);
	nr_checks = 0;
}

static inline void guest_sync(uint32_t value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"((uint16_t)SYNC_PORT) : "memory");
}

static inline uint64_t guest_rdmsr(uint32_t msr)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return low | (uint64_t)high << 32;
}

static inline void guest_wrmsr(uint32_t msr, uint64_t value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
		     : "memory");
}

static inline void guest_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	asm volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
		     : "a"(leaf), "c"(sub));
}

static inline void guest_outb(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t guest_inb(uint16_t port)
{
	uint8_t value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint64_t guest_rdtsc(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return low | (uint64_t)high << 32;
}

/* Several threads or vCPUs keep the most that any of them has seen. */
static inline void raise_to(volatile uint64_t *word, uint64_t value)
{
	uint64_t old = *word;

	while (old < value && !__atomic_compare_exchange_n(word, &old, value, false,
							   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

#endif
