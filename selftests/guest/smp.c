// SPDX-License-Identifier: GPL-2.0
/*
 * Two vCPUs: INIT and SIPI, IPIs both ways, one memory; and what one takes out of their page
 * tables, and tells the other by IPI, that one has forgotten (TLB shootdown). And a second one with
 * each kind of xAPIC id.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include "selftests/lib/apic.h"

#define SIPI_PAGE	9		/* real-mode code at 0x9000 */
#define ICR_INIT	0x4500
#define ICR_SIPI	0x4600
#define TO_FIRST	(0U << 24)
#define TO_SECOND	(1U << 24)

extern const uint8_t trampoline[], trampoline_end[];

/* Says hello in memory, then waits in a loop for a word, which it answers, and halts. */
asm(".pushsection .rodata\n"
    ".code16\n"
    "trampoline:\n"
    "mov %cs, %ax\n"
    "mov %ax, %ds\n"
    "movw $0x600d, 0x800\n"
    "1: pause\n"
    "cmpw $0, 0x802\n"
    "je 1b\n"
    "movw 0x802, %ax\n"
    "inc %ax\n"
    "movw %ax, 0x804\n"
    "mov $0x5a, %al\n"
    "out %al, $0x20\n"
    "2: hlt\n"
    "jmp 2b\n"
    "trampoline_end:\n"
    ".code64\n"
    ".popsection\n");

static struct vm vm;
static struct vcpu first, second;
static volatile unsigned int eagain, port_writes;

static volatile uint16_t *mailbox(unsigned int offset)
{
	return (volatile uint16_t *)(SIPI_PAGE * PAGE + 0x800UL + offset);
}

static void send(uint32_t to, uint32_t what)
{
	apic_write(APIC_ICR2, to);
	apic_write(APIC_ICR, what);
}

static void guest(void)
{
	apic_write(APIC_SPIV, 0x1ff);
	guest_sync(1);
	send(TO_SECOND, ICR_INIT);
	send(TO_SECOND, ICR_SIPI | SIPI_PAGE);
	guest_check("the second vCPU starts at the SIPI's page",
		    guest_soon(*mailbox(0) == 0x600d), 1);
	send(TO_SECOND, ICR_SIPI | 8);
	*mailbox(2) = 41;
	guest_check("both share memory; a second SIPI does nothing",
		    guest_soon(*mailbox(4) == 42), 1);
	guest_sync(2);
	*mailbox(0) = 0;
	*mailbox(2) = 0;
	send(TO_SECOND, ICR_INIT);
	send(TO_SECOND, ICR_SIPI | SIPI_PAGE);
	guest_check("INIT and SIPI start it anew", guest_soon(*mailbox(0) == 0x600d), 1);
	guest_sync(3);
}

static void nothing(int signal)
{
	(void)signal;
}

static volatile bool stop;

static void *run_second(void *unused)
{
	int exit;

	while (!stop) {
		exit = vcpu_run(&second);
		if (exit == -EAGAIN)
			eagain++;
		else if (exit == KVM_EXIT_IO && second.run->io.port == 0x20)
			port_writes++;
		else if (exit == KVM_EXIT_IO)
			port_writes += 1000;
		else if (exit != -EINTR)
			break;
	}
	return unused;
}

static void end_second(pthread_t thread)
{
	stop = true;
	second.run->immediate_exit = 1;
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	vcpu_close(&second);
	machine_close(&vm, &first);
}

/* --- TLB shootdown -------------------------------------------------------------------------- */

#define SHOOTDOWN	0x41
#define WINDOW		(1UL << 39)	/* a virtual address with tables of its own */
#define PHASES		60		/* the window leads to one frame, to another, nowhere */
#define BETWEEN		~0u
#define PAGE_FAULT	14

static uint64_t tables[3][512] __attribute__((aligned(4096)));
static volatile uint64_t frame[2][512] __attribute__((aligned(4096)));
static volatile unsigned int phase, seen, wrong, acks, ready;

/* The second one's answer to the IPI. */
static void forget(void)
{
	asm volatile("invlpg (%0)" : : "r"(WINDOW) : "memory");
	acks++;
	apic_eoi();
}

/* What it reads in a phase that has not ended meanwhile must be that phase's. */
static void reader(void)
{
	unsigned int before, missed, what;
	uint64_t value, vector;

	apic_write(APIC_SPIV, 0x1ff);
	asm volatile("sti");
	ready = 1;
	for (;;) {
		before = phase;
		value = 0;
		vector = TRAP("mov (%1), %%rax\n\tmov %%rax, %0", : "+m"(value) : "r"(WINDOW)
			      : "rax", TRAP_CLOBBERS);
		if (before != phase || before == BETWEEN)
			continue;
		what = before % 3;
		missed = what == 2 ? vector != PAGE_FAULT : vector != NO_TRAP || value != what + 1;
		wrong += missed;
		seen = before;
	}
}

static bool wait_until(volatile unsigned int *word, unsigned int value)
{
	unsigned int i;

	for (i = 0; i < 3000000 && *word != value; i++)
		asm volatile("pause");
	return *word == value;
}

static void changer(void)
{
	unsigned int i, told = 0, late = 0;

	guest_eoi = forget;
	apic_write(APIC_SPIV, 0x1ff);
	guest_tables[0][1] = (uintptr_t)tables[0] | 7;
	tables[0][0] = (uintptr_t)tables[1] | 7;
	tables[1][0] = (uintptr_t)tables[2] | 7;
	frame[0][0] = 1;
	frame[1][0] = 2;
	asm volatile("sti");
	guest_check("the other one begins to read", wait_until(&ready, 1), 1);
	for (i = 0; i < PHASES; i++) {
		phase = BETWEEN;
		tables[2][0] = i % 3 == 2 ? 0 : (uintptr_t)frame[i % 3] | 7;
		asm volatile("mfence" : : : "memory");
		send(TO_SECOND, 0x4000 | SHOOTDOWN);
		told += wait_until(&acks, i + 1);
		phase = i;
		late += !wait_until(&seen, i);
	}
	guest_check("each shootdown is answered", told, PHASES);
	guest_check("once", acks, PHASES);
	guest_check("and the other one goes on", late, 0);
	guest_check("what it reads then is what the page tables have by then", wrong, 0);
	guest_sync(1);
}

static void shootdown(const char *path)
{
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };
	pthread_t thread;

	stop = false;
	phase = BETWEEN;
	seen = BETWEEN;
	machine(&vm, &first, path, true, changer);
	vcpu_open(&vm, &second, 1);
	vcpu_supported_cpuid(&vm, &second);
	vcpu_long_mode(&second, reader, 1);
	call(second.fd, KVM_SET_MP_STATE, &runnable);
	pthread_create(&thread, NULL, run_second, NULL);
	TAP_EQ(vcpu_sync(&first), 1, "one of two vCPUs changes the page tables of both");
	tap_checks();
	end_second(thread);
}

/* --- ids that do not fit 6 bits ------------------------------------------------------------- */

#define GDTR		(SIPI_PAGE * PAGE + 0x900UL)
#define VECTOR_IPI	0x42
#define VECTOR_MSI	0x43

extern const uint8_t listener[], listener_ipi[], listener_msi[], listener_end[];

/*
 * Real mode, but for a data segment of 4 GiB, by which it reaches its LAPIC: enables that, says
 * hello, sleeps and counts interrupts.
 */
asm(".pushsection .rodata\n"
    ".code16\n"
    "listener:\n"
    "mov %cs, %ax; mov %ax, %ds\n"
    "lgdtl 0x900\n"
    "mov %cr0, %eax; or $1, %al; mov %eax, %cr0\n"
    "mov $0x10, %bx; mov %bx, %ds\n"
    "and $0xfe, %al; mov %eax, %cr0\n"
    "xor %ax, %ax; mov %ax, %ds\n"
    "mov $0xfee00000, %ebx; mov $0x1ff, %eax; movl %eax, 0xf0(%ebx)\n"
    "movw $0x600d, 0x9800\n"
    "1: sti; hlt; jmp 1b\n"
    "listener_ipi: incw 0x9802; jmp 2f\n"
    "listener_msi: incw 0x9804\n"
    "2: xor %eax, %eax; movl %eax, 0xb0(%ebx)\n"
    "iret\n"
    "listener_end:\n"
    ".code64\n"
    ".popsection\n");

static volatile uint32_t high_id;

static void caller(void)
{
	apic_write(APIC_SPIV, 0x1ff);
	send(high_id << 24, ICR_INIT);
	send(high_id << 24, ICR_SIPI | SIPI_PAGE);
	guest_check("INIT and SIPI start it", guest_soon(*mailbox(0) == 0x600d), 1);
	send(high_id << 24, 0x4000 | VECTOR_IPI);
	guest_check("it gets an IPI", guest_soon(*mailbox(2) == 1), 1);
	guest_sync(1);
	guest_check("and a message", guest_soon(*mailbox(4) == 1), 1);
	guest_check("each once", *mailbox(2) + *mailbox(4), 2);
	guest_check("and nobody else does", irqs[VECTOR_IPI] + irqs[VECTOR_MSI], 0);
	guest_sync(2);
}

/* In the table of real mode, which begins at 0. */
static void set_vector(unsigned int vector, const uint8_t *code)
{
	uint16_t gate[2] = { code - listener, SIPI_PAGE << 8 };

	memcpy(vm.low + 4UL * vector, gate, sizeof(gate));
}

static void prepare_listener(void)
{
	struct kvm_sregs sregs;

	call(first.fd, KVM_GET_SREGS, &sregs);
	memcpy(vm.low + SIPI_PAGE * PAGE, listener, listener_end - listener);
	memcpy(vm.low + GDTR, &sregs.gdt.limit, 2);
	memcpy(vm.low + GDTR + 2, &sregs.gdt.base, 4);
	set_vector(VECTOR_IPI, listener_ipi);
	set_vector(VECTOR_MSI, listener_msi);
}

static void with_id(const char *path, unsigned int id)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000 | id << 12, .data = VECTOR_MSI };
	pthread_t thread;

	stop = false;
	high_id = id;
	machine(&vm, &first, path, true, caller);
	prepare_listener();
	TAP_EQ(vcpu_open(&vm, &second, id), 0, "a second vCPU has the id %u", id);
	vcpu_supported_cpuid(&vm, &second);
	pthread_create(&thread, NULL, run_second, NULL);
	TAP_EQ(vcpu_sync(&first), 1, "the first one calls it by that");
	TAP_EQ(call(vm.fd, KVM_SIGNAL_MSI, &msi), 1, "a message to id %u arrives", id);
	TAP_EQ(vcpu_sync(&first), 2, "the first one goes on");
	tap_checks();
	end_second(thread);
}

/* --- starting ------------------------------------------------------------------------------- */

/* The second one's port is the 8259's with controllers in the kernel: it never gets here. */
static void starting(const char *path)
{
	struct kvm_mp_state state;
	pthread_t thread;

	machine(&vm, &first, path, true, guest);
	memcpy(vm.low + SIPI_PAGE * PAGE, trampoline, trampoline_end - trampoline);
	vcpu_open(&vm, &second, 1);
	vcpu_supported_cpuid(&vm, &second);
	call(second.fd, KVM_GET_MP_STATE, &state);
	TAP_EQ(state.mp_state, KVM_MP_STATE_UNINITIALIZED, "the second vCPU waits for INIT");
	TAP_EQ(vcpu_sync(&first), 1, "the first one runs");
	pthread_create(&thread, NULL, run_second, NULL);
	TAP_EQ(vcpu_sync(&first), 2, "the first one starts the second");
	TAP_EQ(vcpu_sync(&first), 3, "and once more");
	tap_checks();
	TAP_EQ(port_writes, 0, "the 8259's port is the kernel's on each vCPU");
	tap_ok(eagain >= 1, "KVM_RUN of one that waited ends with EAGAIN once it is started");
	end_second(thread);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = nothing };
	static const unsigned int ids[] = { 63, 64, 200, 254 };
	const char *path = device_path(argc, argv);
	unsigned int i;

	tap_begin();
	sigaction(SIGUSR1, &action, NULL);
	if (host_has("unrestricted_guest"))
		starting(path);
	else
		tap_skip("a second vCPU starts", "this processor has no unrestricted guest");
	shootdown(path);
	/* What fits 6 bits, 8 and the last one, for 255 means all. */
	for (i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		if (host_has("unrestricted_guest"))
			with_id(path, ids[i]);
		else
			tap_skip("a high id", "this processor has no unrestricted guest");
	return tap_end();
}
