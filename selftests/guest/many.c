// SPDX-License-Identifier: GPL-2.0
/*
 * 64 vCPUs with ids spread up to the largest, each created and run by a thread of its own. The
 * guest starts them by INIT and SIPI, all in x2APIC mode, and they pass a token round by
 * interrupts, asleep until it comes.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include "selftests/lib/apic.h"

#define MOST		64
#define ROUNDS		3
#define STACK		8192
#define SIPI_PAGE	9
#define PARAMS		0x9800UL	/* of the trampoline */
#define TOKEN		0x40
#define ALL		0x41
#define ICR_INIT	0x4500
#define ICR_SIPI	0x4600
#define ICR_FIXED	0x4000
#define ICR_OTHERS	0xc0000
#define ICR_LOGICAL	0x800
#define X2APIC_ON	0xc00		/* of IA32_APIC_BASE: enabled, x2APIC */

struct params {
	uint16_t gdt_limit;
	uint32_t gdt_base, cr3;
} __attribute__((packed));

struct gate {
	uint16_t low, selector, type, middle;
	uint32_t high, unused;
};

extern const uint8_t trampoline[], trampoline_end[];
extern const char on_token[], on_all[];

/*
 * From real mode to 64-bit code at once; then the vCPU's own stack, by its id, and member().
 * Interrupts come on that stack: their code saves what it changes.
 */
asm(".pushsection .rodata\n"
    ".code16\n"
    "trampoline:\n"
    "mov %cs, %ax; mov %ax, %ds\n"
    "lgdtl 0x800\n"
    "mov $0x620, %eax; mov %eax, %cr4\n"
    "mov 0x806, %eax; mov %eax, %cr3\n"
    "mov $0xc0000080, %ecx; mov $0x100, %eax; xor %edx, %edx; wrmsr\n"
    "mov $0x80010033, %eax; mov %eax, %cr0\n"
    "ljmpl $8, $member_start\n"
    "trampoline_end:\n"
    ".code64\n"
    ".popsection\n"
    "member_start:\n"
    "mov $0x10, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %ss\n"
    "mov $0x1b, %ecx; rdmsr; or $0xc00, %eax; wrmsr\n"
    "mov $0x802, %ecx; rdmsr; xor %edx, %edx; divl id_step(%rip); mov %eax, %edi\n"
    "lea stacks(%rip), %rsp; lea 1(%rdi), %eax; imul $8192, %eax; add %rax, %rsp\n"
    "call member\n"
    "on_token: push %rax; push %rcx; push %rdx\n"
    "mov $0x802, %ecx; rdmsr; xor %edx, %edx; divl id_step(%rip)\n"
    "lock incl tokens(, %rax, 4); jmp 1f\n"
    "on_all: push %rax; push %rcx; push %rdx; lock incl got_all(%rip)\n"
    "1: mov $0x80b, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr\n"
    "pop %rdx; pop %rcx; pop %rax; iretq\n");

static struct vm vm;
static struct vcpu vcpus[MOST];
static unsigned int nr = MOST;
static volatile bool stop;

uint32_t id_step;			/* ids are multiples of it */
uint8_t stacks[MOST][STACK] __attribute__((aligned(64)));
volatile uint32_t tokens[MOST];		/* interrupts that each has had */
volatile uint32_t got_all;
static struct gate idt[256] __attribute__((aligned(64)));
static volatile uint32_t started, passed, wrong_order;

/* --- the guest -------------------------------------------------------------------------------- */

static void send(unsigned int to, uint32_t what)
{
	guest_wrmsr(X2APIC(APIC_ICR), (uint64_t)(to * id_step) << 32 | what);
}

static void sleep_until(volatile uint32_t *word, uint32_t value)
{
	asm volatile("cli");
	while (*word < value)
		asm volatile("sti\n\thlt\n\tcli" : : : "memory");
	asm volatile("sti");
}

/* An interrupt that is not waited for would come late, or twice, or to another one. */
static void pass_on(unsigned int me, unsigned int round)
{
	sleep_until(&tokens[me], round + 1);
	wrong_order += passed != round * nr + me;
	passed++;
	if (passed < ROUNDS * nr)
		send((me + 1) % nr, ICR_FIXED | TOKEN);
}

static void load_idt(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = { sizeof(idt) - 1, (uintptr_t)idt };

	asm volatile("lidt %0" : : "m"(idtr));
	guest_wrmsr(X2APIC(APIC_SPIV), 0x1ff);
}

__attribute__((used, noreturn)) void member(unsigned int me)
{
	unsigned int round;

	load_idt();
	__sync_fetch_and_add(&started, 1);
	for (round = 0; round < ROUNDS; round++)
		pass_on(me, round);
	for (;;)
		asm volatile("hlt");
}

static void start_all(void)
{
	unsigned int i;

	for (i = 1; i < nr; i++) {
		send(i, ICR_INIT);
		send(i, ICR_SIPI | SIPI_PAGE);
	}
	guest_check("INIT and SIPI start each by its id", guest_soon(started == nr - 1), 1);
}

static void first_guest(void)
{
	unsigned int round;

	guest_wrmsr(MSR_APIC_BASE, guest_rdmsr(MSR_APIC_BASE) | X2APIC_ON);
	load_idt();
	start_all();
	guest_sync(1);
	tokens[0] = 1;
	for (round = 0; round < ROUNDS; round++)
		pass_on(0, round);
	guest_check("a token goes round by interrupts", guest_soon(passed == ROUNDS * nr), 1);
	guest_check("in order", wrong_order, 0);
	guest_wrmsr(X2APIC(APIC_ICR), ICR_OTHERS | ICR_FIXED | ALL);
	guest_check("one interrupt for all others reaches each", guest_soon(got_all == nr - 1), 1);
	/* The cluster of the last one, whose logical id follows from its id. */
	got_all = 0;
	guest_wrmsr(X2APIC(APIC_ICR), (uint64_t)((nr - 1) * id_step >> 4 << 16 |
		    1 << ((nr - 1) * id_step & 15)) << 32 | ICR_LOGICAL | ICR_FIXED | ALL);
	guest_check("a logical id beyond those of xAPICs reaches its one",
		    guest_soon(got_all == 1), 1);
	guest_sync(2);
}

/* --- the test --------------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned int created;
static int create_error;

static void *run_member(void *arg)
{
	struct vcpu *vcpu = arg;
	unsigned int i = vcpu - vcpus;
	int r = vcpu_open(&vm, vcpu, i * id_step);

	if (!r)
		vcpu_supported_cpuid(&vm, vcpu);
	pthread_mutex_lock(&lock);
	created++;
	create_error = create_error ?: r;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
	while (!r && !stop) {
		int exit = vcpu_run(vcpu);

		if (exit != -EAGAIN && exit != -EINTR)
			r = 1;
	}
	return NULL;
}

static void nothing(int signal)
{
	(void)signal;
}

static void set_gate(unsigned int vector, const char *code)
{
	uintptr_t at = (uintptr_t)code;

	idt[vector] = (struct gate) {
		.low = at, .middle = at >> 16, .high = at >> 32, .selector = CODE64, .type = 0x8e00,
	};
}

/* What the trampoline needs of the first one's state. */
static void prepare(void)
{
	struct params *params = (void *)(vm.low + PARAMS);
	struct kvm_sregs sregs;

	call(vcpus[0].fd, KVM_GET_SREGS, &sregs);
	*params = (struct params) { sregs.gdt.limit, sregs.gdt.base, sregs.cr3 };
	memcpy(vm.low + SIPI_PAGE * PAGE, trampoline, trampoline_end - trampoline);
	set_gate(TOKEN, on_token);
	set_gate(ALL, on_all);
}

static void limits(void)
{
	int most = call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	int ids = call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);

	tap_ok(most >= MOST, "a VM may have 64 vCPUs (%d)", most);
	tap_ok(ids > 256, "with ids beyond 255 (below %d)", ids);
	id_step = (ids - 1) / (MOST - 1);
	TAP_EQ(call(vm.fd, KVM_CREATE_VCPU, 0), -EEXIST, "an id that is in use: EEXIST");
	TAP_EQ(call(vm.fd, KVM_CREATE_VCPU, ids), -EINVAL, "an id of KVM_CAP_MAX_VCPU_ID: EINVAL");
}

static void create_all(pthread_t *threads)
{
	unsigned int i;

	for (i = 1; i < nr; i++)
		pthread_create(&threads[i], NULL, run_member, &vcpus[i]);
	pthread_mutex_lock(&lock);
	while (created < nr - 1)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	TAP_EQ(create_error, 0, "63 threads create one each, the last with id %u",
	       (nr - 1) * id_step);
}

static void one_more(const char *path)
{
	if (!strstr(path, "kvmlet")) {
		tap_skip("the 65th vCPU", "upstream has more");
		return;
	}
	TAP_EQ(call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS), MOST, "64 are the most");
	TAP_EQ(call(vm.fd, KVM_CREATE_VCPU, 1), -EINVAL, "the 65th: EINVAL");
}

/* The first one ends all others' runs. */
static void end_all(const pthread_t *threads)
{
	unsigned int i;

	stop = true;
	for (i = 1; i < nr; i++) {
		vcpus[i].run->immediate_exit = 1;
		pthread_kill(threads[i], SIGUSR1);
	}
	for (i = 1; i < nr; i++) {
		pthread_join(threads[i], NULL);
		vcpu_close(&vcpus[i]);
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = nothing };
	pthread_t threads[MOST];

	tap_begin();
	if (!host_has("unrestricted_guest")) {
		tap_skip("64 vCPUs", "this processor has no unrestricted guest");
		return tap_end();
	}
	sigaction(SIGUSR1, &action, NULL);
	machine(&vm, &vcpus[0], device_path(argc, argv), true, first_guest);
	alarm(on_debug_host() ? 400 : 100);
	limits();
	prepare();
	create_all(threads);
	one_more(argv[1]);
	TAP_EQ(vcpu_sync(&vcpus[0]), 1, "the first one starts them");
	TAP_EQ(vcpu_sync(&vcpus[0]), 2, "and they talk");
	tap_checks();
	end_all(threads);
	machine_close(&vm, &vcpus[0]);
	return tap_end();
}
