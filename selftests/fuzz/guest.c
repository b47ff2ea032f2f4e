// SPDX-License-Identifier: GPL-2.0
/*
 * Hostile guests: programs of instructions that leave the guest, with operands by chance, from
 * states by chance; and guests that never end. Each runs for a bounded time and number of
 * exits, must end in a way that is known, and harms neither the host nor the next guest.
 *
 *	guest DEVICE [SEED [COUNT]]
 *
 * A finding names its seed: `guest DEVICE SEED 1` runs it again, for each kind of program.
 *
 * only: kvmlet
 * Upstream's kvm-intel has no bound on a stay in the guest, so a guest that spins with
 * interrupts off stops the emulated host (lab.rst), and it has suberrors of its own.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <time.h>
#include "selftests/fuzz/guest_insns.h"

#define SEED		20240229
#define PROGRAMS	10000
#define PROGRAMS_SLOW	1000		/* on the debug host */
#define MAX_EXITS	48
#define RUN_NS		800000
#define RUN_NS_SLOW	3000000
#define DEADLY_NS	20000000
#define BOUND_NS	1000000000	/* in which KVM_RUN has to follow a signal */
#define DONE_PORT	0xf4
#define PATIENCE	280

static const char *path;
static uint64_t base_seed = SEED;
static unsigned int programs;
static long run_ns = RUN_NS;
static timer_t timer;
static struct machine machines[2];

/* --- one program ----------------------------------------------------------------------------- */

/* One that comes between two KVM_RUNs ends the next one. */
static void on_signal(int number)
{
	(void)number;
	machines[0].vcpu.run->immediate_exit = 1;
	machines[1].vcpu.run->immediate_exit = 1;
}

/* 0: no more. */
static void interrupt_after(long ns)
{
	struct itimerspec when = { .it_value.tv_nsec = 0 };

	timer_settime(timer, 0, &when, NULL);
	machines[0].vcpu.run->immediate_exit = 0;
	machines[1].vcpu.run->immediate_exit = 0;
	when.it_value.tv_nsec = ns;
	if (ns)
		timer_settime(timer, 0, &when, NULL);
}

/* What has become of all programs: the numbers tell whether they do what they are for. */
static struct {
	unsigned int done, exits, time, shutdown, error, emulator;
} ends;

static void count_end(int exit, bool most_exits)
{
	if (most_exits)
		ends.exits++;
	else if (exit == -EINTR)
		ends.time++;
	else if (exit == KVM_EXIT_SHUTDOWN)
		ends.shutdown++;
	else if (exit == KVM_EXIT_IO)
		ends.done++;
	else
		ends.error++;
}

static bool known_error(const struct kvm_run *run)
{
	switch (run->internal.suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		return true;
	default:
		return false;
	}
}

static bool known_exit(const struct kvm_run *run, int exit)
{
	switch (exit) {
	case -EINTR:
	case KVM_EXIT_IO:
	case KVM_EXIT_MMIO:
	case KVM_EXIT_HLT:
	case KVM_EXIT_SHUTDOWN:
	case KVM_EXIT_SET_TPR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return true;
	case KVM_EXIT_INTERNAL_ERROR:
		return known_error(run);
	default:
		return false;
	}
}

/* Answers by chance. False: the program has come to its end. */
static bool play(struct kvm_run *run, int exit)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned int i, n = run->io.size * run->io.count;

	switch (exit) {
	case KVM_EXIT_IO:
		for (i = 0; run->io.direction == KVM_EXIT_IO_IN && i < n && i < PAGE; i++)
			data[i] = random64();
		return run->io.port != DONE_PORT;
	case KVM_EXIT_MMIO:
		for (i = 0; !run->mmio.is_write && i < 8; i++)
			run->mmio.data[i] = random64();
		return true;
	case KVM_EXIT_HLT:
	case KVM_EXIT_SET_TPR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return true;
	default:
		return false;
	}
}

/* Events from outside. What the driver refuses just does not happen. */
static void disturb(struct machine *m)
{
	struct kvm_interrupt interrupt = { .irq = below(256) };
	struct kvm_msi msi = {
		.address_lo = LAPIC_PAGE | (below(3) << 12), .data = below(0x10000),
	};

	m->vcpu.run->request_interrupt_window = one_in(8);
	switch (below(8)) {
	case 0:
		call(m->vcpu.fd, KVM_NMI, 0);
		break;
	case 1:
		call(m->vcpu.fd, KVM_INTERRUPT, &interrupt);
		break;
	case 2:
		set_line(m, below(24), below(2));
		break;
	case 3:
		call(m->vm.fd, KVM_SIGNAL_MSI, &msi);
	}
}

static bool real_segment(const struct kvm_segment *s)
{
	return s->unusable || ((s->type & 1) && !s->l);
}

/* A state that the emulator saved at an exit and refuses at the next entry: lab.rst, 6 and 9. */
static bool emulators_own(struct machine *m, int exit)
{
	struct kvm_sregs s;
	struct kvm_regs regs;

	if (exit != KVM_EXIT_FAIL_ENTRY)
		return false;
	call(m->vcpu.fd, KVM_GET_SREGS, &s);
	call(m->vcpu.fd, KVM_GET_REGS, &regs);
	if (!(!s.cs.l && regs.rip >> 32) &&
	    ((s.cr0 & X86_CR0_PE && !(regs.rflags & X86_EFLAGS_VM)) ||
	     (real_segment(&s.es) && real_segment(&s.ss) && real_segment(&s.ds) &&
	      real_segment(&s.fs) && real_segment(&s.gs))))
		return false;
	ends.emulator++;
	return true;
}

static bool run_program(struct machine *m)
{
	unsigned int exits;
	int exit = 0;

	interrupt_after(run_ns);
	for (exits = 0; exits < MAX_EXITS; exits++) {
		disturb(m);
		exit = vcpu_run(&m->vcpu);
		if (!known_exit(m->vcpu.run, exit) || !play(m->vcpu.run, exit))
			break;
	}
	interrupt_after(0);
	count_end(exit, exits == MAX_EXITS);
	return exits == MAX_EXITS || known_exit(m->vcpu.run, exit) || emulators_own(m, exit);
}

static void report(struct machine *m, uint64_t seed, enum guest_mode mode, const char *what)
{
	const struct kvm_run *run = m->vcpu.run;
	struct kvm_regs regs = { 0 };

	call(m->vcpu.fd, KVM_GET_REGS, &regs);
	printf("# finding: seed %llu, %s, %s: exit %u, rip %#llx, rflags %#llx\n",
	       (unsigned long long)seed, mode_names[mode], what, run->exit_reason, regs.rip,
	       regs.rflags);
	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		printf("# suberror %u data %#llx\n", run->internal.suberror,
		       run->internal.data[0]);
	if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		printf("# hardware reason %#llx\n",
		       run->fail_entry.hardware_entry_failure_reason);
}

/* --- code ------------------------------------------------------------------------------------- */

/* What a program is made of: one kind, or NR_KINDS for all of them and for plain noise. */
static void write_code(uint8_t *ram, unsigned int kind, enum guest_mode mode)
{
	unsigned int i, slots = 4 + below(28), bits = mode_bits(mode);
	uint8_t *slot;

	for (i = 0; i < CODE_SIZE / SLOT_BYTES; i++) {
		slot = ram + CODE + SLOT_BYTES * i;
		if (i >= slots)
			memcpy(slot, "\xe6\xf4", 2);
		else
			emit_slot(slot, kind < NR_KINDS ? kind : below(NR_KINDS), bits);
	}
}

static void write_noise(uint8_t *at, unsigned int bytes)
{
	unsigned int i;

	for (i = 0; i < bytes; i++)
		at[i] = random64();
}

/* Instructions that end where memory does, or beyond. */
static void write_borders(struct machine *m, unsigned int bits)
{
	uint8_t *const ends[] = {
		m->ram + RAM_END, m->ram + BORDER, m->top + PAGE, m->ram + DATA_AT + PAGE,
	};
	unsigned int i, at;
	uint8_t code[96];

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		memset(code, 0x90, sizeof(code));
		emit_insn(code, any_insn(below(NR_KINDS))->bytes, bits);
		at = 1 + below(16);
		memcpy(ends[i] - at, code, at);
	}
}

/* With in-kernel interrupt controllers for the kinds that are about them, or by chance. */
static bool program(unsigned int kind, enum guest_mode mode, uint64_t seed)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct machine *m;

	random_seed(seed ^ ((uint64_t)kind << 32 | (uint64_t)mode << 40));
	m = &machines[kind == APIC || kind == CHIPS || one_in(4)];
	if (machine_reset(m, mode, &regs, &sregs)) {
		report(m, seed, mode, "a valid state is refused");
		return false;
	}
	keep_bits = kind == NR_KINDS && mode > UNREAL ? X86_CR0_PE : 0;
	write_code(m->ram, kind, mode);
	if (kind == NR_KINDS && one_in(4))
		write_noise(m->ram + CODE, below(CODE_SIZE));
	if (kind == BORDERS || one_in(8))
		write_borders(m, mode_bits(mode));
	if (run_program(m))
		return true;
	report(m, seed, mode, kind < NR_KINDS ? kind_names[kind] : "a mixture");
	return false;
}

static void run_kinds(void)
{
	unsigned int kind, i, n = programs / (NR_KINDS + NR_MODES), wrong;

	for (kind = 0; kind < NR_KINDS; kind++) {
		wrong = 0;
		for (i = 0; i < n + !n; i++)
			wrong += !program(kind, (base_seed + i) % NR_MODES, base_seed + i);
		tap_ok(!wrong, "storms of %s end in a known way", kind_names[kind]);
	}
}

static void run_modes(void)
{
	unsigned int mode, i, n = programs / (NR_KINDS + NR_MODES), wrong;

	for (mode = 0; mode < NR_MODES; mode++) {
		wrong = 0;
		for (i = 0; i < n + !n; i++)
			wrong += !program(NR_KINDS, mode, base_seed + i);
		tap_ok(!wrong, "mixtures in %s end in a known way", mode_names[mode]);
	}
}

/* --- guests that never end -------------------------------------------------------------------- */

struct deadly {
	const char *name;
	enum guest_mode mode;
	bool irqchip;
	const char *code;
	unsigned int length;
	void (*prepare)(struct machine *m, struct kvm_sregs *sregs, struct kvm_regs *regs);
};

static void interrupts_on(struct machine *m, struct kvm_sregs *sregs, struct kvm_regs *regs)
{
	regs->rflags |= X86_EFLAGS_IF;
}

static void single_step(struct machine *m, struct kvm_sregs *sregs, struct kvm_regs *regs)
{
	regs->rflags |= X86_EFLAGS_TF;
}

static void gate32(struct machine *m, unsigned int vector, uint16_t selector, uint32_t offset)
{
	uint64_t gate = (offset & 0xffff) | selector << 16 | 0xee00ULL << 32 |
			(uint64_t)(offset >> 16) << 48;

	memcpy(m->ram + IDT32 + 8 * vector, &gate, 8);
}

/*
 * CVE-2015-5307: #AC is delivered at privilege level 3, to a stack that is not aligned, which is
 * another #AC, and so on without an instruction in between.
 */
static void alignment(struct machine *m, struct kvm_sregs *sregs, struct kvm_regs *regs)
{
	gate32(m, 17, SEL_USER32, CODE);
	sregs->cs = segment(SEL_USER32, 11, 0, 0xffffffff);
	sregs->ss = segment(SEL_USER_DATA, 3, 0, 0xffffffff);
	sregs->ds = sregs->ss;
	sregs->cr0 |= X86_CR0_AM;
	regs->rflags |= X86_EFLAGS_AC;
	regs->rsp = STACK - 0x801;
}

/* CVE-2015-8104: the delivery of #DB writes to where a breakpoint is. */
static void breakpoint(struct machine *m, struct kvm_sregs *sregs, struct kvm_regs *regs)
{
	struct kvm_debugregs debug = {
		.db = { regs->rsp - 4, regs->rsp - 8, regs->rsp - 12, CODE },
		.dr6 = 0xffff0ff0, .dr7 = DR7_FIXED | 0x0ddd00ff,
	};

	gate32(m, 1, SEL_CODE32, CODE);
	call(m->vcpu.fd, KVM_SET_DEBUGREGS, &debug);
}

/* Each fault's handler is the instruction that faults. */
static void own_handler(struct machine *m, struct kvm_sregs *sregs, struct kvm_regs *regs)
{
	unsigned int i;

	for (i = 0; i < 32; i++)
		gate32(m, i, SEL_CODE32, CODE);
}

static void own_handler16(struct machine *m, struct kvm_sregs *sregs, struct kvm_regs *regs)
{
	unsigned int i;
	const uint32_t vector = CODE << 12;

	for (i = 0; i < 256; i++)
		memcpy(m->ram + 4 * i, &vector, 4);
}

#define CODE_OF(string) string, sizeof(string) - 1

static const struct deadly deadlies[] = {
	{ "JMP to itself", LONG64, false, CODE_OF("\xeb\xfe"), NULL },
	{ "JMP to itself with interrupts on", LONG64, true, CODE_OF("\xeb\xfe"), interrupts_on },
	{ "JMP to itself, stepped", LONG64, false, CODE_OF("\xeb\xfe"), single_step },
	{ "JMP to itself in real mode", REAL, false, CODE_OF("\xeb\xfe"), NULL },
	{ "CPUID", LONG64, false, CODE_OF("\x0f\xa2\xeb\xfc"), NULL },
	{ "CPUID, stepped", PROT32, false, CODE_OF("\x0f\xa2\xeb\xfc"), single_step },
	{ "PAUSE", LONG64, true, CODE_OF("\xf3\x90\xeb\xfc"), NULL },
	{ "PAUSE with interrupts on", LONG64, true, CODE_OF("\xf3\x90\xeb\xfc"), interrupts_on },
	{ "HLT with all masked", LONG64, true, CODE_OF("\xfa\xf4\xeb\xfc"), NULL },
	{ "RDTSC and MOV CR3", LONG64, false,
	  CODE_OF("\x0f\x31\x0f\x20\xd8\x0f\x22\xd8\xeb\xf6"), NULL },
	{ "INVLPG, WBINVD", LONG64, false, CODE_OF("\x0f\x01\x38\x0f\x09\xeb\xf9"), NULL },
	{ "a long REP MOVSB", PROT32, false,
	  CODE_OF("\xbe\x00\x20\x01\x00\x89\xf7\x83\xc9\xff\xf3\xa4\xeb\xf2"), NULL },
	{ "REP LODSB across all memory", PROT32, true,
	  CODE_OF("\xbe\x00\x00\xe0\xfe\x83\xc9\xff\xf3\xac\xeb\xf4"), NULL },
	{ "writes to the LAPIC", PROT32, true,
	  CODE_OF("\xbe\x80\x00\xe0\xfe\x89\x06\xeb\xfc"), NULL },
	{ "the fastest timer", PROT32, true,
	  CODE_OF("\xbe\x00\x00\xe0\xfe\xc7\x86\xf0\x00\x00\x00\xff\x01\x00\x00"
		  "\xc7\x86\x20\x03\x00\x00\x40\x00\x02\x00\xc7\x86\x80\x03\x00\x00"
		  "\x01\x00\x00\x00\xfb\xc7\x86\xb0\x00\x00\x00\x00\x00\x00\x00\xeb\xf3"), NULL },
	{ "IPIs to itself", PROT32, true,
	  CODE_OF("\xbe\x00\x00\xe0\xfe\xc7\x86\xf0\x00\x00\x00\xff\x01\x00\x00\xfb"
		  "\xc7\x86\x00\x03\x00\x00\x40\x00\x04\x00"
		  "\xc7\x86\xb0\x00\x00\x00\x00\x00\x00\x00\xeb\xea"), NULL },
	{ "NMIs to itself", PROT32, true,
	  CODE_OF("\xbe\x00\x00\xe0\xfe\xc7\x86\xf0\x00\x00\x00\xff\x01\x00\x00\xfb"
		  "\xc7\x86\x00\x03\x00\x00\x00\x04\x04\x00\xeb\xf4"), NULL },
	{ "#AC whose delivery is #AC", PROT32, false, CODE_OF("\x89\x44\x24\x01\xeb\xfa"),
	  alignment },
	{ "#DB whose delivery is #DB", PROT32, false, CODE_OF("\x90\xeb\xfd"), breakpoint },
	{ "INT1 that is its own handler", PROT32, false, CODE_OF("\x89\xec\xf1"), own_handler },
	{ "UD2 that is its own handler", PROT32, false, CODE_OF("\x89\xec\x0f\x0b"), own_handler },
	{ "VMLAUNCH that is its own handler", PROT32, false, CODE_OF("\x89\xec\x0f\x01\xc2"),
	  own_handler },
	{ "RDMSR that is its own handler", PROT32, false, CODE_OF("\x89\xec\x83\xc9\xff\x0f\x32"),
	  own_handler },
	{ "INT n that is its own handler in real mode", REAL, false, CODE_OF("\x89\xec\xcd\x80"),
	  own_handler16 },
	{ "DIV by zero in real mode", REAL, false, CODE_OF("\x89\xec\xd4\x00"),
	  own_handler16 },
};

/* Nothing by chance here: a plain state, and no debug registers. */
static void plain_state(struct machine *m, const struct deadly *d)
{
	struct kvm_vcpu_events events = { .flags = KVM_VCPUEVENT_VALID_NMI_PENDING };
	struct kvm_debugregs debug = { .dr6 = 0xffff0ff0, .dr7 = DR7_FIXED };
	struct kvm_sregs sregs;
	struct kvm_regs regs = {
		.rip = CODE, .rsp = STACK, .rbp = STACK, .rax = DATA_AT,
		.rflags = X86_EFLAGS_FIXED,
	};

	finish_exit(m);
	restore_memory(m);
	memcpy(m->ram + CODE, d->code, d->length);
	/* Where the handlers go on. */
	memcpy(m->ram + CODE + SLOT_BYTES, "\xeb\xbe", 2);
	set_sregs(m, d->mode, &sregs);
	sregs.cr0 &= ~(X86_CR0_EM | X86_CR0_TS | X86_CR0_CD | X86_CR0_NW);
	sregs.cr4 &= X86_CR4_PAE | X86_CR4_PSE;
	sregs.apic_base = APIC_X;
	if (d->mode > VM86) {
		sregs.cs = segment(d->mode == LONG64 ? SEL_CODE64 : SEL_CODE32, 11, 0, ~0u);
		sregs.cs.l = d->mode == LONG64;
		sregs.cs.db = d->mode != LONG64;
		sregs.ss = segment(SEL_DATA, 3, 0, ~0u);
		sregs.ds = sregs.ss;
		sregs.es = sregs.ss;
	} else {
		regs.rip = 0;
		regs.rsp -= CODE;
	}
	if (m->irqchip)
		reset_chips(m);
	call(m->vcpu.fd, KVM_SET_DEBUGREGS, &debug);
	call(m->vcpu.fd, KVM_SET_VCPU_EVENTS, &events);
	if (d->prepare)
		d->prepare(m, &sregs, &regs);
	call(m->vcpu.fd, KVM_SET_SREGS, &sregs);
	call(m->vcpu.fd, KVM_SET_REGS, &regs);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void run_deadly(const struct deadly *d)
{
	struct machine *m = &machines[d->irqchip];
	int64_t began;
	int exit;

	plain_state(m, d);
	m->vcpu.run->request_interrupt_window = 0;
	began = now();
	interrupt_after(DEADLY_NS);
	/* Should the string reach a device, that is user space's: go on. */
	do
		exit = vcpu_run(&m->vcpu);
	while (exit == KVM_EXIT_MMIO && now() - began < BOUND_NS);
	interrupt_after(0);
	began = now() - began;
	if (!tap_ok(exit == -EINTR && began < BOUND_NS, "endless %s: a signal ends KVM_RUN",
		    d->name)) {
		printf("# %d after %lld us\n", exit, (long long)began / 1000);
		report(m, 0, d->mode, d->name);
	}
}

/* --- all ------------------------------------------------------------------------------------- */

static void good_guest(void)
{
	uint32_t regs[4];

	guest_cpuid(0, 0, regs);
	guest_sync(regs[0] ? 1 : 2);
}

static void good_guest_runs(void)
{
	struct vcpu vcpu;
	struct vm vm;

	machine(&vm, &vcpu, path, true, good_guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a good guest runs afterwards");
	machine_close(&vm, &vcpu);
}

static void setup(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	const char *environment = getenv("FUZZ_COUNT");
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	unsigned int i;

	path = device_path(argc, argv);
	programs = PROGRAMS;
	if (on_debug_host()) {
		programs = PROGRAMS_SLOW;
		run_ns = RUN_NS_SLOW;
	}
	if (environment)
		programs = strtoul(environment, NULL, 0);
	if (argc > 2)
		base_seed = strtoull(argv[2], NULL, 0);
	if (argc > 3)
		programs = strtoul(argv[3], NULL, 0);
	alarm(PATIENCE);
	sigaction(SIGUSR1, &action, NULL);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	make_pristine();
	for (i = 0; i < 2; i++)
		machine_make(&machines[i], path, i);
	nr_msr_indices = machines[0].msrs.head.nmsrs;
	for (i = 0; i < nr_msr_indices; i++)
		msr_indices[i] = machines[0].msrs.entries[i].index;
	printf("# seed %llu, %u programs\n", (unsigned long long)base_seed, programs);
}

int main(int argc, char **argv)
{
	unsigned int i;

	tap_begin();
	setup(argc, argv);
	run_kinds();
	run_modes();
	printf("# %u done, %u by exits, %u by time, %u shut down, %u errors\n", ends.done,
	       ends.exits, ends.time, ends.shutdown, ends.error);
	printf("# %u entries refused for the emulator's own faults\n", ends.emulator);
	for (i = 0; i < sizeof(deadlies) / sizeof(deadlies[0]); i++)
		run_deadly(&deadlies[i]);
	for (i = 0; i < 2; i++)
		machine_end(&machines[i]);
	good_guest_runs();
	return tap_end();
}
