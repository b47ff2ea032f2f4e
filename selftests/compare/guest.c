// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the list of cases (cases.h) on a driver and prints what user space sees of each: the
 * exits in their order with all their fields, every register that changed, the frames that
 * handlers find, memory, XMM registers and MSRs. `compare` runs it on two drivers and compares.
 *
 *	guest DEVICE [WORD]			cases whose name holds WORD
 *	guest DEVICE end WORD			the same: what each comes to, for the judge
 *	guest bare FILE LIST			a list's cases as a program for the processor
 *	guest tell FILE LIST			what that has sent, in FILE, as text
 *	guest DEVICE random SEED COUNT		programs by chance, and the sum of each
 *	guest DEVICE shrink SEED...		each of them without some of its slots
 *	guest DEVICE show SEED MASK...		their records, with these slots
 */
#define _GNU_SOURCE
#include <signal.h>
#include "selftests/compare/bare.h"
#include "selftests/compare/random.h"

#define MAX_EXITS	16
#define MAX_EVENTS	4
#define INTERRUPT	0x31
#define FIRST_IRQ	32
#define USER_MSR	0x12345
#define USER_MSR_VALUE	0x1122334455667788ULL

/* --- the list -------------------------------------------------------------------------------- */

/* The code of each row, for 16, 32 and 64 bits, 64 bytes each. */
#define STRING(x)	#x
#define STR(x)		STRING(x)
#define X(name, reason, modes, variants, text, ...)				\
	".macro row A B C D S P\n" text "\n.endm\n"				\
	".code16\n 9:\n .if (" STR(modes) ") & " STR(M_16) "\n"			\
	"row %ax, %bx, %cx, %dx, %si, %esp\n"					\
	".endif\n 8: outb %al, $0xf4\n .skip 63 - (. - 9b), 0x90\n .byte 8b - 9b\n"	\
	".code32\n 9:\n .if (" STR(modes) ") & " STR((M_ALL & ~M_16 & ~M_64)) "\n"	\
	"row %eax, %ebx, %ecx, %edx, %esi, %esp\n"				\
	".endif\n 8: outb %al, $0xf4\n .skip 63 - (. - 9b), 0x90\n .byte 8b - 9b\n"	\
	".code64\n 9:\n .if (" STR(modes) ") & " STR(M_64) "\n"			\
	"row %rax, %rbx, %rcx, %rdx, %rsi, %rsp\n"				\
	".endif\n 8: outb %al, $0xf4\n .skip 63 - (. - 9b), 0x90\n .byte 8b - 9b\n"	\
	".purgem row\n"

asm(".pushsection .rodata\n .balign 64\n row_codes:\n"
#include "selftests/compare/cases.h"
    ".popsection\n");
#undef X

extern const uint8_t row_codes[][3][CODE_BYTES + 1];

#define X(n, r, m, v, text, ...)						\
	{ .name = n, .reason = #r, .modes = m, .variants = v, ##__VA_ARGS__ },
static const struct row rows[] = {
#include "selftests/compare/cases.h"
};

#undef X

#define NR_ROWS		(sizeof(rows) / sizeof(rows[0]))

static const char *path;
static struct machine machines[2];
static uint8_t before_memory[RAM_END];
static uint64_t initial_msrs[2][NR_RECORDED];

/* --- exit reasons: which of them a case has had, from the driver's own counters -------------- */

#define MAX_COUNTERS	256

static struct {
	int fd;
	struct kvm_stats_header header;
	unsigned int nr;
	struct {
		char name[64];
		uint32_t offset;
	} rows[MAX_COUNTERS];
	uint64_t before[MAX_COUNTERS], now[MAX_COUNTERS];
} counters = { .fd = -1 };

static void counters_read(uint64_t values[MAX_COUNTERS])
{
	if (pread(counters.fd, values, 8 * MAX_COUNTERS, counters.header.data_offset) < 0)
		counters.nr = 0;
}

/* kvmlet has a counter for each reason, named exit_REASON; upstream has none. */
static void counters_open(struct vcpu *vcpu)
{
	struct kvm_stats_desc *desc;
	unsigned int i, size;

	counters.fd = call(vcpu->fd, KVM_GET_STATS_FD, 0);
	if (counters.fd < 0 ||
	    pread(counters.fd, &counters.header, sizeof(counters.header), 0) < 0)
		return;
	size = sizeof(*desc) + counters.header.name_size;
	desc = calloc(1, size);
	for (i = 0; i < counters.header.num_desc && counters.nr < MAX_COUNTERS; i++) {
		if (pread(counters.fd, desc, size, counters.header.desc_offset + i * size) < 0 ||
		    strncmp(desc->name, "exit_", 5) || desc->offset >= 8 * MAX_COUNTERS)
			continue;
		snprintf(counters.rows[counters.nr].name, 64, "%s", desc->name + 5);
		counters.rows[counters.nr++].offset = desc->offset / 8;
	}
	free(desc);
}

static void reasons_begin(void)
{
	if (counters.nr)
		counters_read(counters.before);
}

/* The marker at the end is I/O, too. */
static void reasons_end(void)
{
	unsigned int i, at;

	if (!counters.nr)
		return;
	counters_read(counters.now);
	printf("reasons:");
	for (i = 0; i < counters.nr; i++) {
		at = counters.rows[i].offset;
		if (counters.now[at] != counters.before[at])
			printf(" %s", counters.rows[i].name);
	}
	printf("\n");
}

/* --- one program ----------------------------------------------------------------------------- */

static volatile sig_atomic_t late;

/* A program by chance that stays in the guest. */
static void on_alarm(int number)
{
	(void)number;
	late = 1;
	machines[0].vcpu.run->immediate_exit = 1;
}

/* What has happened in this program. */
static struct {
	unsigned int exits, events, halts;
	uint8_t next;
	int frame_size;
	uint64_t mark;
	bool whole;			/* registers at each exit, not at the last one alone */
	bool failed;			/* an instruction that is not emulated */
} done;

static void answer_port(struct kvm_run *run)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned int i, n = run->io.size * run->io.count;

	for (i = 0; run->io.direction == KVM_EXIT_IO_IN && i < n && i < PAGE; i++)
		data[i] = judged ? 0xff : 0x41 + done.next++;
}

static void answer_memory(struct kvm_run *run, uint8_t *ram)
{
	uint64_t at = run->mmio.phys_addr;
	unsigned int i;

	if (judged && at + run->mmio.len <= RAM_END) {
		memcpy(run->mmio.is_write ? ram + at : run->mmio.data,
		       run->mmio.is_write ? run->mmio.data : ram + at, run->mmio.len);
		return;
	}
	for (i = 0; !run->mmio.is_write && i < 8; i++)
		run->mmio.data[i] = 0x80 + run->mmio.phys_addr + i;
}

static void answer_msr(struct kvm_run *run)
{
	run->msr.error = run->msr.index != USER_MSR;
	run->msr.data = USER_MSR_VALUE;
}

static void answer_window(struct machine *m)
{
	struct kvm_interrupt interrupt = { .irq = INTERRUPT };

	m->vcpu.run->request_interrupt_window = 0;
	call(m->vcpu.fd, KVM_INTERRUPT, &interrupt);
}

/* Where a handler goes back to. */
static uint64_t frame_ip(struct machine *m, const struct state *now)
{
	uint64_t at = now->value[6], ip = 0, ss_base = now->value[50];

	at = (done.frame_size == 8 ? at : (uint32_t)(at + ss_base)) & 0x1fffff;
	if (at + done.frame_size <= RAM_END)
		memcpy(&ip, m->ram + at, done.frame_size);
	return ip;
}

/* The marker behind the code, or a handler. True: go on behind the handler's. */
static bool reached(struct machine *m, const struct state *now)
{
	unsigned int cs = 29;			/* value_names: cs.selector */
	int vector = handler_of(now->value[16] + now->value[cs + 1]);

	if (vector < 0) {
		say("  done\n");
		return false;
	}
	record_frame(m, now, vector, done.frame_size);
	if (judged && vector == 3 && frame_ip(m, now) == done.mark)
		return false;
	if (vector > 4 && vector < FIRST_IRQ)
		return false;
	return vector && ++done.events < MAX_EVENTS;
}

static bool answer(struct machine *m, int exit, const struct state *now)
{
	struct kvm_run *run = m->vcpu.run;

	switch (exit) {
	case KVM_EXIT_IO:
		if (run->io.port == DONE_PORT && run->io.direction == KVM_EXIT_IO_OUT)
			return reached(m, now);
		answer_port(run);
		return true;
	case KVM_EXIT_MMIO:
		answer_memory(run, m->ram);
		return true;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR:
		answer_msr(run);
		return true;
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		answer_window(m);
		return true;
	case KVM_EXIT_HLT:
	case KVM_EXIT_DEBUG:
		return ++done.halts < MAX_EVENTS;
	case KVM_EXIT_SET_TPR:
		return true;
	case KVM_EXIT_INTERNAL_ERROR:
		done.failed = true;
		return false;
	default:
		return false;
	}
}

static void run_program(struct machine *m, struct state *state)
{
	bool more = true;
	int exit;

	while (more && done.exits++ < (judged ? 8 * MAX_EXITS : MAX_EXITS)) {
		do
			exit = vcpu_run(&m->vcpu);
		while (exit == -EINTR && !late);
		done.failed |= exit == -EINTR;
		if (!judged || exit < 0 || (exit != KVM_EXIT_IO && exit != KVM_EXIT_MMIO)) {
			say("exit");
			record_exit(m->vcpu.run, exit);
			say("\n");
		}
		if (done.whole && !judged)
			record_state(state, &m->vcpu);
		else
			state_read(state, &m->vcpu);
		more = answer(m, exit, state);
	}
}

/* --- one case -------------------------------------------------------------------------------- */

/* Words: the emulated processor's REP MOVSB moves a byte an instruction. */
static void copy_memory(uint8_t *to, const uint8_t *from)
{
	unsigned int i;

	for (i = 0; i < RAM_END; i += 64)
		__builtin_memcpy(to + i, from + i, 64);
}

static int set_fpu(struct vcpu *vcpu, struct kvm_xsave *xsave)
{
	uint8_t *bytes = (uint8_t *)xsave->region;
	unsigned int i;

	memset(xsave, 0, sizeof(*xsave));
	xsave->region[0] = 0x37f;
	xsave->region[6] = 0x1f80;
	xsave->region[XSAVE_HEADER / 4] = X87_AND_SSE;
	for (i = 0; i < 256; i++)
		bytes[XSAVE_XMM + i] = i;
	return call(vcpu->fd, KVM_SET_XSAVE, xsave);
}

static int set_xcr0(struct vcpu *vcpu)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0].value = 1 };

	return call(vcpu->fd, KVM_SET_XCRS, &xcrs);
}

static int set_debugger(struct vcpu *vcpu, uint32_t control)
{
	struct kvm_guest_debug debug = { .control = control ? control | KVM_GUESTDBG_ENABLE : 0 };

	debug.arch.debugreg[0] = CODE + 1;
	debug.arch.debugreg[7] = 0x401;
	return call(vcpu->fd, KVM_SET_GUEST_DEBUG, &debug);
}

static int set_user_msrs(struct machine *m, bool on)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args[0] = on ? KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_INVAL : 0,
	};

	return call(m->vm.fd, KVM_ENABLE_CAP, &cap);
}

/* Everything is set, whatever the last case has left. */
static int set_all(struct setup *s, const struct row *row, struct kvm_xsave *fpu)
{
	struct machine *m = s->m;
	struct vcpu *vcpu = &m->vcpu;
	int r;

	finish_exit(m);
	r = set_debugger(vcpu, 0);
	msrs_move(vcpu, KVM_SET_MSRS, initial_msrs[m->irqchip]);
	r |= call(vcpu->fd, KVM_SET_SREGS, &s->sregs);
	if (m->irqchip)
		r |= reset_chips(m);
	r |= call(vcpu->fd, KVM_SET_REGS, &s->regs) | set_xcr0(vcpu) | set_fpu(vcpu, fpu);
	r |= call(vcpu->fd, KVM_SET_DEBUGREGS, &s->debug);
	r |= call(vcpu->fd, KVM_SET_VCPU_EVENTS, &s->events);
	r |= set_debugger(vcpu, row->debug) | set_user_msrs(m, row->msr_exits);
	vcpu->run->cr8 = 0;
	vcpu->run->request_interrupt_window = row->interrupt;
	return r;
}

/*
 * What waits behind a single step, or a breakpoint, is not in what user space can set: it goes to
 * a program of its own.
 */
static void rinse(struct machine *m)
{
	static const struct row nothing;
	static const uint8_t code[CODE_BYTES + 1] = { 0xe6, DONE_PORT, 0xe6, DONE_PORT };
	struct setup s = { .m = m, .start = &starts[3] };
	struct kvm_xsave fpu;

	row_setup(&s, &nothing, code, 0);
	set_all(&s, &nothing, &fpu);
	vcpu_run_on(&m->vcpu);
	vcpu_run_on(&m->vcpu);
}

static int frame_size(const struct start *s)
{
	if (s->mode >= COMPAT)
		return 8;
	return s->mode == REAL ? 2 : 4;
}

static void run_case(const struct row *row, const uint8_t *code, const struct start *start,
		     unsigned int variant)
{
	struct machine *m = &machines[row->irqchip];
	struct setup s = { .m = m, .start = start };
	uint64_t msrs[NR_RECORDED];
	struct state state, before;
	struct kvm_xsave fpu;

	memset(&done, 0, sizeof(done));
	done.frame_size = frame_size(start);
	done.whole = true;
	row_setup(&s, row, code, variant);
	done.mark = s.mark;
	if (set_all(&s, row, &fpu)) {
		say("this state is refused\n");
		return;
	}
	if (variant == V_STI && !judged)
		m->vcpu.run->request_interrupt_window = 1;
	if (variant == V_FRESH)
		slot_anew(m);
	copy_memory(before_memory, m->ram);
	msrs_move(&m->vcpu, KVM_GET_MSRS, msrs);
	state_read(&state, &m->vcpu);
	before = state;
	run_program(m, &state);
	if (judged && m->vcpu.run->exit_reason == KVM_EXIT_SHUTDOWN)
		return;
	if (judged)
		record_processor(&before, &state);
	record_memory(m->ram, before_memory, RAM_END, 0);
	record_fpu(&fpu, &m->vcpu);
	if (!judged)
		record_msrs(msrs, &m->vcpu);
	if (variant & (V_TF | V_NEXT | V_HERE) || row->debug || row->dr7)
		rinse(m);
}

/* --- the judge ------------------------------------------------------------------------------- */

static char list[1 << 18] = "\n";
static enum { A_DRIVER, BARE_ITSELF, BARE_TOLD } who;

/* Why the processor alone cannot be asked, or NULL. */
static const char *not_judged(const struct row *row)
{
	static const struct {
		const char *reason, *why;
	} of[] = {
		{ "CPUID", "its answer is the hypervisor's" },
		{ "VMCALL", "its answer is the hypervisor's" },
		{ "HLT", "the processor would sleep" },
		{ "MWAIT_INSTRUCTION", "the processor would sleep" },
		{ "TRIPLE_FAULT", "the machine would end" },
		{ "INTERRUPT_WINDOW", "the hypervisor brings the event" },
		{ "NMI_WINDOW", "the hypervisor brings the event" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		if (!strcmp(row->reason, of[i].reason))
			return of[i].why;
	if (row->irqchip || row->debug || row->msr_exits)
		return "a device, a debugger or a handler of the hypervisor's";
	if (row->prepare == injected_gp || row->prepare == injected_interrupt)
		return "the hypervisor brings the event";
	if (row->bx.is >= READ_ONLY && row->bx.kind == POINTER)
		return "no memory is read-only";
	if (row->di.is >= READ_ONLY && row->di.kind == POINTER)
		return "no memory is read-only";
	if (row->sp.is >= READ_ONLY && row->sp.kind == POINTER)
		return "no memory is read-only";
	return row->not_bare;
}

/* Whether the list of cases for the judge has it: a name a line. */
static bool listed(const char *name)
{
	char line[130];

	snprintf(line, sizeof(line), "\n%s\n", name);
	return strstr(list, line);
}

/* One of those that the judge sent, or its record from what was sent. */
static void bare_case(const struct row *row, const uint8_t *code, const struct start *start,
		      unsigned int variant)
{
	struct setup s = { .m = &machines[0], .start = start };

	row_setup(&s, row, code, variant);
	bare_add(&s, frame_size(start));
	if (who == BARE_TOLD)
		bare_tell(&s);
}

static void run_named(unsigned int i, unsigned int mode, int variant, const char *word)
{
	const struct row *row = &rows[i];
	unsigned int bits = 1U << mode & M_16 ? 0 : 1U << mode & M_64 ? 2 : 1;
	const char *which = variant < 0 ? "" : variant_names[variant];
	char name[128];

	snprintf(name, sizeof(name), "%s [%s]%s%s", row->name, starts[mode].name,
		 variant < 0 ? "" : " ", which);
	if (!strstr(name, word))
		return;
	alarm(5);
	if (judged && (not_judged(row) || (who != A_DRIVER && !listed(name))))
		return;
	if (who != BARE_ITSELF)
		printf("== %s | %s\n", row->reason, name);
	fflush(stdout);
	if (who != A_DRIVER) {
		bare_case(row, row_codes[i][bits], &starts[mode], variant < 0 ? 0 : 1U << variant);
		return;
	}
	if (row->hangs && !strcmp(path, "/dev/kvm")) {
		printf("exit none: KVM_RUN does not end\n");
		return;
	}
	if (!row->irqchip)
		reasons_begin();
	run_case(row, row_codes[i][bits], &starts[mode], variant < 0 ? 0 : 1U << variant);
	if (!row->irqchip)
		reasons_end();
}

/* The modes that a row's variants are run in. */
#define VARIED		(M_REAL | M_P32 | M_LONG | M_LONGU)

static void run_row(unsigned int i, const char *word)
{
	unsigned int mode;
	int variant;

	for (mode = 0; mode < NR_STARTS; mode++) {
		if (!(rows[i].modes & 1U << mode))
			continue;
		run_named(i, mode, -1, word);
		if (!(VARIED & 1U << mode))
			continue;
		for (variant = 0; variant < NR_VARIANTS; variant++)
			if (rows[i].variants & 1U << variant)
				run_named(i, mode, variant, word);
	}
}

/* --- programs by chance ---------------------------------------------------------------------- */

/* The sum is of the exits and of the state at the end. */
static void random_program(uint64_t seed, unsigned int mask)
{
	static const struct row nothing;
	static const uint8_t no_code[CODE_BYTES + 1];
	struct setup s = { .m = &machines[0] };
	struct kvm_xsave fpu;
	struct state state;

	random_seed(seed);
	s.start = &starts[below(NR_STARTS)];
	memset(&done, 0, sizeof(done));
	done.frame_size = frame_size(s.start);
	row_setup(&s, &nothing, no_code, 0);
	random_state_of(&s);
	random_code(&s, mask);
	say("  %s\n", s.start->name);
	say_slots(&s);
	record_sum = 0;
	if (set_all(&s, &nothing, &fpu))
		sum_value(1);
	copy_memory(before_memory, s.m->ram);
	state_read(&state, &s.m->vcpu);
	late = 0;
	alarm(1);
	run_program(s.m, &state);
	alarm(0);
	s.m->vcpu.run->immediate_exit = 0;
	if (recording)
		memset(&state, 0, sizeof(state));
	/* In the middle of a repeated instruction its flags differ: differences.rst. */
	if (done.exits <= MAX_EXITS)
		record_state(&state, &s.m->vcpu);
	record_memory(s.m->ram, before_memory, RAM_END, 0);
	record_fpu(&fpu, &s.m->vcpu);
	rinse(s.m);
}

static void random_sum(uint64_t seed, unsigned int mask)
{
	random_program(seed, mask);
	printf("%llu %u %016llx %d\n", (unsigned long long)seed, mask,
	       (unsigned long long)record_sum, done.failed);
	fflush(stdout);
}

static void run_random(const char *what, int argc, char **argv)
{
	uint64_t seed;
	int i;

	signal(SIGALRM, on_alarm);
	recording = !strcmp(what, "show");
	for (i = 0; recording && i + 1 < argc; i += 2) {
		printf("-- seed %s, slots %s\n", argv[i], argv[i + 1]);
		random_program(strtoull(argv[i], NULL, 0), strtoul(argv[i + 1], NULL, 0));
	}
	for (i = 0; !strcmp(what, "shrink") && i < argc; i++)
		for (seed = 1; seed <= ALL_SLOTS; seed++)
			random_sum(strtoull(argv[i], NULL, 0), seed);
	for (i = 0; !strcmp(what, "random") && i < atoi(argv[1]); i++)
		random_sum(strtoull(argv[0], NULL, 0) + i, ALL_SLOTS);
}

static void run_rows(const char *word)
{
	unsigned int i;

	for (i = 0; i < NR_ROWS; i++)
		run_row(i, word);
}

/* The judge, before and after. */
static int run_bare(const char *file, const char *names)
{
	FILE *in = fopen(names, "r");
	unsigned int i;

	if (!in || !fread(list + 1, 1, sizeof(list) - 2, in))
		must_be(-errno, names);
	if (who == BARE_TOLD && !freopen(file, "rb", stdin))
		must_be(-errno, file);
	fclose(in);

	judged = true;
	machines[0].ram = pages(RAM_END);
	machines[0].top = pages(PAGE);
	make_memory();
	for (i = 0; i < 3 * STUBS; i++)
		pristine[HANDLERS + STUB_BYTES * i + 1] = BARE_PORT;
	run_rows("");
	if (who == BARE_ITSELF)
		bare_write(file);
	else
		printf("== end\n");
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int i;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (argc > 3)
		who = !strcmp(argv[1], "bare") ? BARE_ITSELF :
		      !strcmp(argv[1], "tell") ? BARE_TOLD : A_DRIVER;
	if (who != A_DRIVER)
		return run_bare(argv[2], argv[3]);
	path = device_path(argc, argv);
	make_memory();
	compare_machine(&machines[0], path, false);
	compare_machine(&machines[1], path, true);
	for (i = 0; i < 2; i++)
		msrs_move(&machines[i].vcpu, KVM_GET_MSRS, initial_msrs[i]);
	counters_open(&machines[0].vcpu);
	judged = argc == 4 && !strcmp(argv[2], "end");
	if (argc > 3 && !judged)
		run_random(argv[2], argc - 3, argv + 3);
	else
		run_rows(argc > 2 ? argv[argc - 1] : "");
	printf("== end\n");
	return 0;
}
