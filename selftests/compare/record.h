/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For guest.c: what user space can see of a guest, as lines of text that two drivers can be
 * compared by, or as a sum of it where there are too many programs to print.
 */
#ifndef KVMLET_COMPARE_RECORD_H
#define KVMLET_COMPARE_RECORD_H

#include "selftests/compare/machine.h"

#define SEGMENT_NAMES(s)	s ".selector", s ".base", s ".limit", s ".access"

static const char *const value_names[] = {
	"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip", "rflags",
	"cr0", "cr2", "cr3", "cr4", "cr8", "efer", "apic_base",
	"gdt.base", "gdt.limit", "idt.base", "idt.limit",
	SEGMENT_NAMES("cs"), SEGMENT_NAMES("ds"), SEGMENT_NAMES("es"), SEGMENT_NAMES("fs"),
	SEGMENT_NAMES("gs"), SEGMENT_NAMES("ss"), SEGMENT_NAMES("tr"), SEGMENT_NAMES("ldt"),
	"dr0", "dr1", "dr2", "dr3", "dr6", "dr7",
	"exception", "exception.error", "interrupt", "shadow", "nmi",
	"run.if_flag", "run.ready", "run.flags", "run.cr8", "run.apic_base",
};

#define NR_VALUES	(sizeof(value_names) / sizeof(value_names[0]))

struct state {
	uint64_t value[NR_VALUES];
};

static bool recording = true;		/* text; else only the sum */
static uint64_t record_sum;

static void sum_value(uint64_t value)
{
	record_sum = (record_sum ^ value) * 0x9e3779b97f4a7c15ULL;
	record_sum ^= record_sum >> 29;
}

#define say(...)								\
do {										\
	if (recording)								\
		printf(__VA_ARGS__);						\
} while (0)

static uint64_t *read_segment(uint64_t *v, const struct kvm_segment *s)
{
	*v++ = s->selector;
	*v++ = s->base;
	*v++ = s->limit;
	*v++ = s->type | s->s << 4 | s->dpl << 5 | s->present << 7 | s->avl << 12 | s->l << 13 |
	       s->db << 14 | s->g << 15 | s->unusable << 16;
	return v;
}

static uint64_t *read_sregs(uint64_t *v, const struct kvm_sregs *s)
{
	const struct kvm_segment *segments[] = {
		&s->cs, &s->ds, &s->es, &s->fs, &s->gs, &s->ss, &s->tr, &s->ldt,
	};
	const uint64_t values[] = {
		s->cr0, s->cr2, s->cr3, s->cr4, s->cr8, s->efer, s->apic_base,
		s->gdt.base, s->gdt.limit, s->idt.base, s->idt.limit,
	};
	unsigned int i;

	memcpy(v, values, sizeof(values));
	v += sizeof(values) / sizeof(values[0]);
	for (i = 0; i < 8; i++)
		v = read_segment(v, segments[i]);
	return v;
}

static void read_events(uint64_t v[5], struct vcpu *vcpu)
{
	struct kvm_vcpu_events e = { 0 };

	call(vcpu->fd, KVM_GET_VCPU_EVENTS, &e);
	/* What is left there when there is none means nothing. */
	if (!e.exception.injected)
		memset(&e.exception, 0, sizeof(e.exception));
	*v++ = e.exception.injected | e.exception.has_error_code << 1 | e.exception.nr << 8;
	*v++ = e.exception.has_error_code ? e.exception.error_code : 0;
	*v++ = e.interrupt.injected | (e.interrupt.injected ? e.interrupt.nr << 8 : 0);
	*v++ = e.interrupt.shadow;
	*v++ = e.nmi.injected | !!e.nmi.pending << 1 | e.nmi.masked << 2;
}

static void state_read(struct state *state, struct vcpu *vcpu)
{
	struct kvm_debugregs debug = { 0 };
	struct kvm_sregs sregs;
	uint64_t *v = state->value, events[5];

	/* This may deliver what waits to DR6 or CR2. */
	read_events(events, vcpu);
	call(vcpu->fd, KVM_GET_REGS, v);
	v = read_sregs(v + 18, call(vcpu->fd, KVM_GET_SREGS, &sregs) ? NULL : &sregs);
	call(vcpu->fd, KVM_GET_DEBUGREGS, &debug);
	memcpy(v, debug.db, 48);
	v += 6;
	memcpy(v, events, sizeof(events));
	v += 5;
	*v++ = vcpu->run->if_flag;
	*v++ = vcpu->run->ready_for_interrupt_injection;
	*v++ = vcpu->run->flags;
	*v++ = vcpu->run->cr8;
	*v++ = vcpu->run->apic_base;
}

/* What has changed since @before. */
static void record_change(const struct state *before, const struct state *now)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_VALUES; i++) {
		sum_value(now->value[i]);
		if (now->value[i] == before->value[i] || !recording)
			continue;
		printf("%s%s=%llx", nr++ ? " " : "  ", value_names[i],
		       (unsigned long long)now->value[i]);
	}
	if (nr)
		printf("\n");
}

/* The same of what is now, which is @before from here on. */
static void record_state(struct state *before, struct vcpu *vcpu)
{
	struct state now;

	state_read(&now, vcpu);
	record_change(before, &now);
	*before = now;
}

static void record_bytes(const uint8_t *bytes, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		sum_value(bytes[i]);
		say("%02x", bytes[i]);
	}
}

/* The exit's own fields. */
static void record_io(struct kvm_run *run)
{
	sum_value(run->io.port | run->io.size << 16 | run->io.direction << 24 |
		  (uint64_t)run->io.count << 32);
	say(" IO %s port=%x size=%u count=%u", run->io.direction ? "out" : "in", run->io.port,
	    run->io.size, run->io.count);
	if (run->io.direction == KVM_EXIT_IO_OUT && run->io.port != DONE_PORT) {
		say(" data=");
		record_bytes((uint8_t *)run + run->io.data_offset, run->io.size * run->io.count);
	}
}

static void record_mmio(struct kvm_run *run)
{
	sum_value(run->mmio.phys_addr);
	sum_value(run->mmio.len | run->mmio.is_write << 8);
	say(" MMIO %s %llx len=%u", run->mmio.is_write ? "write" : "read",
	    (unsigned long long)run->mmio.phys_addr, run->mmio.len);
	if (run->mmio.is_write) {
		say(" data=");
		record_bytes(run->mmio.data, run->mmio.len);
	}
}

static void record_error(struct kvm_run *run)
{
	unsigned int i;

	sum_value(run->internal.suberror);
	say(" INTERNAL_ERROR suberror=%u", run->internal.suberror);
	/* What else is there of an emulation that failed is for people. */
	if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION) {
		if (run->internal.ndata < 3 || !(run->emulation_failure.flags & 1))
			return;
		say(" bytes=");
		record_bytes(run->emulation_failure.insn_bytes,
			     run->emulation_failure.insn_size & 15);
		return;
	}
	/* The last one is the host's processor. */
	for (i = 0; i + 1 < run->internal.ndata && i < 16; i++)
		say(" %llx", (unsigned long long)run->internal.data[i]);
}

/* Upstream leaves there what was, where it has nothing to say. */
static void record_debug(struct kvm_run *run)
{
	const struct kvm_debug_exit_arch *debug = &run->debug.arch;

	say(" DEBUG exception=%u pc=%llx", debug->exception, (unsigned long long)debug->pc);
	if (debug->exception == 1)
		say(" dr6=%llx", (unsigned long long)debug->dr6);
	if (debug->exception == 1 && debug->dr6 & 15)
		say(" dr7=%llx", (unsigned long long)debug->dr7);
}

static void record_exit(struct kvm_run *run, int exit)
{
	sum_value(exit);
	if (exit < 0)
		say(" error %d", exit);
	else if (exit == KVM_EXIT_IO)
		record_io(run);
	else if (exit == KVM_EXIT_MMIO)
		record_mmio(run);
	else if (exit == KVM_EXIT_INTERNAL_ERROR)
		record_error(run);
	else if (exit == KVM_EXIT_FAIL_ENTRY)
		say(" FAIL_ENTRY %llx",
		    (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
	else if (exit == KVM_EXIT_X86_RDMSR || exit == KVM_EXIT_X86_WRMSR)
		say(" MSR %s index=%x reason=%x data=%llx error=%x",
		    exit == KVM_EXIT_X86_RDMSR ? "read" : "write", run->msr.index,
		    run->msr.reason, (unsigned long long)run->msr.data, run->msr.error);
	else if (exit == KVM_EXIT_DEBUG)
		record_debug(run);
	else
		say(" %s (%d)", exit_name(exit), exit);
}

/* What a handler finds: error code, if its vector has one, and what IRET takes. */
static void record_frame(struct machine *m, const struct state *now, int vector,
			 unsigned int size)
{
	const uint64_t *v = now->value;
	uint64_t at = v[6];		/* RSP */
	unsigned int i, words = size == 8 ? 5 : 3;
	uint64_t word;

	for (i = 0; i < NR_VALUES && strcmp(value_names[i], "ss.base"); i++)
		;
	at = (size == 8 ? at : (uint32_t)(at + v[i])) & 0x1fffff;
	words += pushes_error(vector) && size > 2;
	say("  vector %d frame", vector);
	for (i = 0; i < words && at + size <= RAM_END; i++, at += size) {
		word = 0;
		memcpy(&word, m->ram + at, size);
		sum_value(word);
		say(" %llx", (unsigned long long)word);
	}
	say("\n");
}

static void record_memory(const uint8_t *now, const uint8_t *before, uint32_t size, uint32_t base)
{
	const uint64_t *a = (const uint64_t *)now, *b = (const uint64_t *)before;
	uint32_t i, n;

	for (i = 0; i < size / 8; i += n) {
		n = 8;			/* most are the same */
		if (i + n <= size / 8 && !memcmp(a + i, b + i, 8 * n))
			continue;
		for (n = 0; i + n < size / 8 && n < 8 && a[i + n] != b[i + n]; n++)
			sum_value(a[i + n] ^ (i + n));
		if (n && recording) {
			printf("  memory %x: ", base + 8 * i);
			record_bytes(now + 8 * i, 8 * n);
			printf("\n");
		}
		n += !n;
	}
}

/* By XSAVE's layout: upstream's KVM_SET_FPU sets what its next XRSTOR resets. */
#define XSAVE_XMM	160
#define XSAVE_HEADER	512
#define X87_AND_SSE	3

static void record_xmm(const uint8_t *old, const uint8_t *new)
{
	unsigned int i;

	for (i = 0; i < 256; i += 16)
		if (memcmp(new + i, old + i, 16)) {
			say("  xmm%u=", i / 16);
			record_bytes(new + i, 16);
			say("\n");
		}
}

static void record_fpu(const struct kvm_xsave *before, struct vcpu *vcpu)
{
	struct kvm_xsave now;

	call(vcpu->fd, KVM_GET_XSAVE, &now);
	if (!(now.region[XSAVE_HEADER / 4] & X87_AND_SSE & ~1U))
		memset((uint8_t *)now.region + XSAVE_XMM, 0, 256);
	record_xmm((const uint8_t *)before->region + XSAVE_XMM,
		   (const uint8_t *)now.region + XSAVE_XMM);
}

/* Those that programs write; each on its own, for a driver may not have it. */
static const uint32_t recorded_msrs[] = {
	0x1a0, 0x277, 0x2ff, 0x200, 0x250, 0x3a, 0x48, 0x140, 0x174, 0x175, 0x176, 0x1d9,
	0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000102, 0xc0000103, 0x17a, 0x17b,
	0x8b, 0xda0,
};

#define NR_RECORDED	(sizeof(recorded_msrs) / sizeof(recorded_msrs[0]))

/* @request: KVM_GET_MSRS or KVM_SET_MSRS; one at a time, since some are not there. */
static void msrs_move(struct vcpu *vcpu, unsigned long request, uint64_t values[NR_RECORDED])
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1 };
	unsigned int i;

	for (i = 0; i < NR_RECORDED; i++) {
		msr.entry.index = recorded_msrs[i];
		msr.entry.data = request == KVM_SET_MSRS ? values[i] : 0;
		call(vcpu->fd, request, &msr);
		values[i] = msr.entry.data;
	}
}

static void record_msrs(const uint64_t before[NR_RECORDED], struct vcpu *vcpu)
{
	uint64_t now[NR_RECORDED];
	unsigned int i;

	msrs_move(vcpu, KVM_GET_MSRS, now);
	for (i = 0; i < NR_RECORDED; i++) {
		sum_value(now[i]);
		if (now[i] != before[i])
			say("  msr %x=%llx\n", recorded_msrs[i], (unsigned long long)now[i]);
	}
}

#endif
