// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses to addresses without memory, and string I/O: the emulator executes the instruction,
 * here it gets the guest. A controller in the kernel answers at once; else user space does,
 * with KVM_EXIT_MMIO or KVM_EXIT_IO, and the instruction is replayed.
 *
 * vcpu->mutex, vCPU loaded. SDM vol. 3C, 28.2.3 (EPT violations), 25.1.3 (string I/O).
 */
#include <linux/string.h>
#include <asm/traps.h>
#include "mmu/walk.h"
#include "vmx/cpu/cr.h"
#include "vmx/cpu/debug.h"
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"
#include "vmx/irqchip/irqchip.h"
#include "vmx/trace.h"
#include "vmx/vcpu.h"

static_assert(EMUL_WRITE == WALK_WRITE && EMUL_USER == WALK_USER &&
	      EMUL_FETCH == WALK_FETCH && EMUL_IMPLICIT == WALK_IMPLICIT);

/* An operand, translated: at most two pages. */
struct operand {
	gpa_t gpa[2];
	unsigned int len[2];
};

static struct vcpu *vcpu_of(struct emul *e)
{
	return e->cpu;
}

/* Has the processor made this very translation, and found the access allowed, before it exited? */
static bool translated(const struct mmio_state *m, u64 linear, unsigned int access)
{
	return m->translated && (linear ^ m->linear) < PAGE_SIZE &&
	       !(access & (EMUL_FETCH | EMUL_IMPLICIT)) &&
	       (m->wrote || !(access & EMUL_WRITE));
}

static int translate_one(struct emul *e, u64 linear, unsigned int access, gpa_t *gpa)
{
	const struct mmio_state *m = &vcpu_of(e)->mmio;
	u32 error_code;
	int r;

	if (translated(m, linear, access)) {
		*gpa = m->gpa + offset_in_page(linear);
		return EMUL_OK;
	}
	r = linear_to_gpa(vcpu_of(e), linear, access, gpa, &error_code);
	if (r == WALK_OK)
		return EMUL_OK;
	if (r == -EAGAIN)
		return EMUL_REPEAT;
	e->fault = (struct emul_fault) {
		.address	= linear,
		.error_code	= error_code,
		.vector		= X86_TRAP_PF,
		.has_error	= true,
	};
	return EMUL_FAULT;
}

static int translate(struct emul *e, u64 linear, unsigned int len, unsigned int access,
		     struct operand *op)
{
	int r;

	op->len[0] = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(linear));
	op->len[1] = len - op->len[0];
	r = translate_one(e, linear, access, &op->gpa[0]);
	if (r == EMUL_OK && op->len[1])
		r = translate_one(e, linear + op->len[0], access, &op->gpa[1]);
	return r;
}

/* Up to eight bytes from a device: of the kernel, answered before, or to be asked for. */
static int device_read(struct vcpu *vcpu, gpa_t gpa, void *data, unsigned int len)
{
	struct mmio_state *m = &vcpu->mmio;

	if (irqchip_mmio(vcpu, gpa, len, data, false)) {
		trace_mmio(vcpu, false, gpa, len, data);
		known_note(vcpu, gpa, false);
		return EMUL_OK;
	}
	if (m->next_read < m->nr_reads) {
		const struct mmio_part *part = &m->reads[m->next_read];

		/* The instruction is another one by now: from the start, without the answer. */
		if (part->gpa != gpa || part->len != len)
			return EMUL_REPEAT;
		memcpy(data, part->data, len);
		known_note(vcpu, gpa, false);
		m->next_read++;
		/* A repeated instruction's next element starts anew, with no answers. */
		m->emul.stop = true;
		return EMUL_OK;
	}
	if (m->nr_reads == MMIO_MAX_PARTS)
		return EMUL_UNHANDLED;
	m->wanted = (struct mmio_part) { .gpa = gpa, .len = len };
	return EMUL_MMIO;
}

static int device_write(struct vcpu *vcpu, gpa_t gpa, const void *data, unsigned int len)
{
	struct mmio_state *m = &vcpu->mmio;
	struct mmio_part part = { .gpa = gpa, .len = len };

	memcpy(part.data, data, len);
	known_note(vcpu, gpa, true);
	if (irqchip_mmio(vcpu, gpa, len, part.data, true)) {
		trace_mmio(vcpu, true, gpa, len, part.data);
		return EMUL_OK;
	}
	if (m->nr_writes == MMIO_MAX_PARTS)
		return EMUL_UNHANDLED;
	m->writes[m->nr_writes++] = part;
	m->emul.stop = true;
	return EMUL_OK;
}

/* What lies in one page: memory, or a device. */
static int access_part(struct vcpu *vcpu, gpa_t gpa, u8 *data, unsigned int len, bool write)
{
	struct mmu *mmu = &vcpu->vm->mmu;
	unsigned int n;
	int r;

	if (mmu_is_ram(mmu, vcpu->smm, gpa, write)) {
		r = write ? mmu_write(mmu, vcpu->smm, gpa, data, len) :
			    mmu_read(mmu, vcpu->smm, gpa, data, len);
		return r ? EMUL_UNHANDLED : EMUL_OK;
	}
	for (r = EMUL_OK; len && r == EMUL_OK; len -= n, gpa += n, data += n) {
		n = min(len, 8U);
		r = write ? device_write(vcpu, gpa, data, n) : device_read(vcpu, gpa, data, n);
	}
	return r;
}

/* The breakpoints that an instruction, or its iteration, meets, for when it is done. */
static void note_access(struct emul *e, u64 at, unsigned int len, u8 kinds)
{
	struct vcpu *vcpu = vcpu_of(e);

	if (likely(!(vcpu->armed_dr7 & DR7_ARMED)))
		return;
	vcpu->mmio.hits |= debug_access(vcpu, at, len, kinds);
	if (vcpu->mmio.hits)
		e->stop = true;
}

/* Is this the access that ended the guest's stay? Then no memory is there. */
static bool is_exit_access(const struct mmio_state *m, u64 linear, unsigned int len,
			   unsigned int access)
{
	return translated(m, linear, access) && m->wrote == !!(access & EMUL_WRITE) &&
	       len <= 8 && offset_in_page(linear) + len <= PAGE_SIZE;
}

/* @access says what must be allowed: a write, too, of what is read to be changed. */
static int access_anywhere(struct emul *e, u64 linear, u8 *data, unsigned int len,
			   unsigned int access, bool write)
{
	struct vcpu *vcpu = vcpu_of(e);
	struct operand op;
	int r = translate(e, linear, len, access, &op);

	/* Instructions are fetched a page at a time, and from memory alone. */
	if (r == EMUL_OK && (access & EMUL_FETCH))
		return mmu_read(&vcpu->vm->mmu, vcpu->smm, op.gpa[0], data, len) ?
			       EMUL_UNHANDLED : EMUL_OK;
	if (r == EMUL_OK)
		r = access_part(vcpu, op.gpa[0], data, op.len[0], write);
	if (r == EMUL_OK && op.len[1])
		r = access_part(vcpu, op.gpa[1], data + op.len[0], op.len[1], write);
	return r;
}

static int op_read(struct emul *e, u64 linear, void *data, unsigned int len, unsigned int access)
{
	struct vcpu *vcpu = vcpu_of(e);

	if (!(access & (EMUL_FETCH | EMUL_IMPLICIT)))
		note_access(e, linear, len, DEBUG_READ);
	/* What cannot be written may be memory that is read-only. */
	if (!vcpu->mmio.wrote && is_exit_access(&vcpu->mmio, linear, len, access))
		return device_read(vcpu, vcpu->mmio.gpa + offset_in_page(linear), data, len);
	return access_anywhere(e, linear, data, len, access, false);
}

static int op_write(struct emul *e, u64 linear, const void *data, unsigned int len,
		    unsigned int access)
{
	struct vcpu *vcpu = vcpu_of(e);

	if (!(access & EMUL_IMPLICIT))
		note_access(e, linear, len, DEBUG_WRITE);
	access |= EMUL_WRITE;
	if (is_exit_access(&vcpu->mmio, linear, len, access))
		return device_write(vcpu, vcpu->mmio.gpa + offset_in_page(linear), data, len);
	return access_anywhere(e, linear, (u8 *)data, len, access, true);
}

/* Across two pages, or to a device, a locked access is a plain write: nobody else can tell. */
static int op_cmpxchg(struct emul *e, u64 linear, const void *old, const void *new,
		      unsigned int len, unsigned int access)
{
	struct vcpu *vcpu = vcpu_of(e);
	struct mmu *mmu = &vcpu->vm->mmu;
	u8 expected[EMUL_MAX_OPERAND];
	struct operand op;
	int r = translate(e, linear, len, access | EMUL_WRITE, &op);

	if (r != EMUL_OK)
		return r;
	note_access(e, linear, len, DEBUG_WRITE);
	if (op.len[1] || !mmu_is_ram(mmu, vcpu->smm, op.gpa[0], true))
		return op_write(e, linear, new, len, access);
	memcpy(expected, old, len);
	r = mmu_cmpxchg(mmu, vcpu->smm, op.gpa[0], expected, new, len);
	if (r < 0)
		return EMUL_UNHANDLED;
	return r ? EMUL_OK : EMUL_REPEAT;
}

static int op_probe(struct emul *e, u64 linear, unsigned int len, unsigned int access)
{
	struct vcpu *vcpu = vcpu_of(e);
	gpa_t gpa;
	int r = translate_one(e, linear, access, &gpa);

	if (r == EMUL_OK &&
	    !mmu_is_ram(&vcpu->vm->mmu, vcpu->smm, gpa, access & EMUL_WRITE))
		return EMUL_MMIO;
	return r;
}

/*
 * Whether a port may be used the processor has checked, for the instruction that exited. Another
 * processor of the guest may have replaced that meanwhile: what stands there now is checked when
 * it is executed.
 */
static bool port_checked(struct vcpu *vcpu, u16 port, unsigned int size)
{
	unsigned long qualification;

	if ((u16)vcpu->exit_reason != EXIT_REASON_IO_INSTRUCTION)
		return false;
	qualification = vmcs_readl(EXIT_QUALIFICATION);
	return (u16)(qualification >> 16) == port && (qualification & 7) + 1 == size;
}

static bool kernel_in(struct vcpu *vcpu, u16 port, unsigned int size, unsigned int count,
		      u8 *data)
{
	for (; count; count--, data += size)
		if (!irqchip_pio(vcpu, port, size, data, false))
			return false;
	return true;
}

/* What nobody in the kernel wants moves to the front. Returns how many these are. */
static unsigned int kernel_out(struct vcpu *vcpu, u16 port, unsigned int size,
			       unsigned int count, u8 *data)
{
	u8 *next = data;
	unsigned int left = 0;

	for (; count; count--, next += size)
		if (!irqchip_pio(vcpu, port, size, next, true))
			memmove(data + size * left++, next, size);
	return left;
}

static int op_port_in(struct emul *e, u16 port, unsigned int size, unsigned int count, void *data)
{
	struct vcpu *vcpu = vcpu_of(e);
	struct mmio_pio *answered = &vcpu->mmio.in_answered;

	if (!port_checked(vcpu, port, size))
		return EMUL_REPEAT;
	note_access(e, port, size, DEBUG_PORT);
	if (kernel_in(vcpu, port, size, count, data)) {
		trace_pio(vcpu, true, port, size, count, data);
		return EMUL_OK;
	}
	if (!answered->set) {
		vcpu->mmio.in_wanted = (struct mmio_pio) { true, port, size, count };
		return EMUL_MMIO;
	}
	answered->set = false;
	if (answered->port != port || answered->size != size || answered->count != count)
		return EMUL_REPEAT;
	memcpy(data, vcpu->pio_data, size * count);
	trace_pio(vcpu, true, port, size, count, data);
	return EMUL_OK;
}

static int op_port_out(struct emul *e, u16 port, unsigned int size, unsigned int count,
		       const void *data)
{
	struct vcpu *vcpu = vcpu_of(e);

	if (!port_checked(vcpu, port, size))
		return EMUL_REPEAT;
	if (size * count > PAGE_SIZE)
		return EMUL_UNHANDLED;
	note_access(e, port, size, DEBUG_PORT);
	memcpy(vcpu->pio_data, data, size * count);
	trace_pio(vcpu, false, port, size, count, data);
	count = kernel_out(vcpu, port, size, count, vcpu->pio_data);
	if (!count)
		return EMUL_OK;
	vcpu->mmio.out = (struct mmio_pio) { true, port, size, count };
	e->stop = true;
	return EMUL_OK;
}

/* Those that are one call. */
#define OP(type, name, call, ...)						\
	static type op_##name(struct emul *e, ##__VA_ARGS__) { return call; }

OP(u64, get_gpr, vcpu_gpr(vcpu_of(e), nr), unsigned int nr)
OP(void, set_gpr, vcpu_set_gpr(vcpu_of(e), nr, value), unsigned int nr, u64 value)
OP(u64, get_rip, vcpu_rip(vcpu_of(e)))
OP(void, set_rip, vcpu_set_rip(vcpu_of(e), rip), u64 rip)
OP(u64, get_rflags, vcpu_rflags(vcpu_of(e)))
OP(void, set_rflags, vcpu_set_rflags(vcpu_of(e), rflags), u64 rflags)
OP(void, get_segment, segment_get(vcpu_of(e), nr, seg), unsigned int nr, struct kvm_segment *seg)
OP(void, set_segment, segment_set(vcpu_of(e), nr, seg),
   unsigned int nr, const struct kvm_segment *seg)
OP(void, get_dtable, dtable_get(vcpu_of(e), idt, table), bool idt, struct kvm_dtable *table)
OP(void, get_xmm, xstate_read_xmm(vcpu_of(e), nr, data), unsigned int nr, void *data)
OP(void, set_xmm, xstate_write_xmm(vcpu_of(e), nr, data, e->insn.vex),
   unsigned int nr, const void *data)

static u64 op_get_cr(struct emul *e, unsigned int nr)
{
	switch (nr) {
	case 0:
		return cr0_get(vcpu_of(e));
	case 2:
		return vcpu_of(e)->cr2;
	case 3:
		return cr3_get(vcpu_of(e));
	case 4:
		return cr4_get(vcpu_of(e));
	case EMUL_XCR0:
		return vcpu_of(e)->xcr0;
	default:
		return vcpu_cr8(vcpu_of(e));
	}
}

static int op_set_cr(struct emul *e, unsigned int nr, u64 value)
{
	int r = nr ? cr3_set(vcpu_of(e), value) : cr0_set(vcpu_of(e), value);

	return r ? EMUL_UNHANDLED : EMUL_OK;
}

static const struct emul_ops emul_ops = {
	.get_gpr	= op_get_gpr,
	.set_gpr	= op_set_gpr,
	.get_rip	= op_get_rip,
	.set_rip	= op_set_rip,
	.get_rflags	= op_get_rflags,
	.set_rflags	= op_set_rflags,
	.get_cr		= op_get_cr,
	.get_segment	= op_get_segment,
	.read		= op_read,
	.write		= op_write,
	.compare_swap	= op_cmpxchg,
	.probe		= op_probe,
	.port_in	= op_port_in,
	.port_out	= op_port_out,
	.get_xmm	= op_get_xmm,
	.set_xmm	= op_set_xmm,
	.set_cr		= op_set_cr,
	.set_segment	= op_set_segment,
	.get_dtable	= op_get_dtable,
};

static enum emul_mode mode_of(struct vcpu *vcpu)
{
	if (!cr_protected(vcpu))
		return EMUL_REAL;
	if (vcpu_rflags(vcpu) & X86_EFLAGS_VM)
		return EMUL_VM86;
	return segment_cs_long(vcpu) ? EMUL_LONG : EMUL_PROT;
}

/**
 * mmio_exit() - tell user space a write, or ask it for a read
 * @vcpu: loaded
 * @gpa: where
 * @len: 1 to 8 bytes
 * @written: eight bytes, those behind @len are 0; NULL for a read
 * @complete: what comes next, NULL: the next instruction
 *
 * Return: 0. Context: any.
 */
int mmio_exit(struct vcpu *vcpu, gpa_t gpa, u8 len, const void *written,
	      int (*complete)(struct vcpu *vcpu))
{
	struct kvm_run *run = vcpu->run;

	if (written)
		memcpy(run->mmio.data, written, sizeof(run->mmio.data));
	stats_add(vcpu, mmio_exits);
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = gpa;
	run->mmio.len = len;
	run->mmio.is_write = !!written;
	vcpu->complete = complete;
	return 0;
}

static int pio_exit(struct vcpu *vcpu, const struct mmio_pio *pio, bool in,
		    int (*complete)(struct vcpu *vcpu))
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = pio->size;
	run->io.port = pio->port;
	run->io.count = pio->count;
	run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	vcpu->complete = complete;
	return 0;
}

/* The instruction is done; its writes go out one an exit. */
static int hand_out_writes(struct vcpu *vcpu)
{
	struct mmio_state *m = &vcpu->mmio;
	const struct mmio_part *part = &m->writes[m->next_write];

	if (m->next_write++ == m->nr_writes)
		return 1;
	trace_mmio(vcpu, true, part->gpa, part->len, part->data);
	return mmio_exit(vcpu, part->gpa, part->len, part->data, hand_out_writes);
}

/* The instruction, or some iterations of it, took place. */
static int committed(struct vcpu *vcpu, bool retired)
{
	struct mmio_state *m = &vcpu->mmio;

	if (retired)
		event_set_shadow(vcpu, 0);
	if (m->emul.single_step || m->hits)
		event_debug(vcpu, m->hits | (m->emul.single_step ? DR6_BS : 0));
	if (m->out.set)
		return pio_exit(vcpu, &m->out, false, NULL);
	return hand_out_writes(vcpu);
}

static int inject_fault(struct vcpu *vcpu, const struct emul_fault *fault)
{
	if (fault->vector == X86_TRAP_PF)
		event_page_fault(vcpu, fault->address, fault->error_code);
	else if (fault->has_error)
		event_exception_error(vcpu, fault->vector, fault->error_code);
	else
		event_exception(vcpu, fault->vector);
	return 1;
}

static int execute(struct vcpu *vcpu);

static int complete_read(struct vcpu *vcpu)
{
	struct mmio_state *m = &vcpu->mmio;

	memcpy(m->wanted.data, vcpu->run->mmio.data, sizeof(m->wanted.data));
	trace_mmio(vcpu, false, m->wanted.gpa, m->wanted.len, m->wanted.data);
	m->reads[m->nr_reads++] = m->wanted;
	return execute(vcpu);
}

static int complete_in(struct vcpu *vcpu)
{
	vcpu->mmio.in_answered = vcpu->mmio.in_wanted;
	return execute(vcpu);
}

static int ask_user(struct vcpu *vcpu)
{
	struct mmio_state *m = &vcpu->mmio;

	vcpu->io_rip = vcpu_rip(vcpu);
	if (m->in_wanted.set)
		return pio_exit(vcpu, &m->in_wanted, true, complete_in);
	return mmio_exit(vcpu, m->wanted.gpa, m->wanted.len, NULL, complete_read);
}

/* A guest's user program must not be able to stop the VM: it gets #UD, its kernel an error. */
static int not_emulated(struct vcpu *vcpu)
{
	const struct emul_insn *insn = &vcpu->mmio.emul.insn;

	stats_add(vcpu, insn_emulation_fail);
	if (!segment_cpl(vcpu))
		return exit_emulation_error(vcpu, insn->bytes, insn->nr_bytes);
	event_exception(vcpu, X86_TRAP_UD);
	return 1;
}

static int finish(struct vcpu *vcpu, int r)
{
	switch (r) {
	case EMUL_OK:
	case EMUL_REPEAT:
		return committed(vcpu, r == EMUL_OK);
	case EMUL_FAULT:
		return inject_fault(vcpu, &vcpu->mmio.emul.fault);
	case EMUL_MMIO:
		return ask_user(vcpu);
	default:
		return not_emulated(vcpu);
	}
}

/* Executes the decoded instruction from its start, with the answers there are. */
static int execute(struct vcpu *vcpu)
{
	struct mmio_state *m = &vcpu->mmio;

	if (m->nr_reads + m->in_answered.set && vcpu_rip_moved(vcpu))
		return 1;
	m->hits = 0;
	m->next_read = 0;
	m->nr_writes = 0;
	m->next_write = 0;
	m->in_wanted.set = false;
	m->out.set = false;
	return finish(vcpu, emul_execute(&m->emul));
}

/* Fetches and decodes, unless this is an instruction that was emulated lately. */
static int decode(struct vcpu *vcpu)
{
	unsigned long rip = vcpu_rip(vcpu);
	struct emul_insn *known = &vcpu->mmio.known[linear_place(rip)];
	struct emul *e = &vcpu->mmio.emul;
	enum emul_mode mode = mode_of(vcpu);
	unsigned int cpl = segment_cpl(vcpu);
	int r;

	if (mode == EMUL_LONG &&
	    linear_same_code(vcpu, rip, EMUL_FETCH | (cpl == 3 ? EMUL_USER : 0))) {
		if (e->insn.op && e->mode == mode && e->cpl == cpl && e->rip == rip)
			return EMUL_OK;
		emul_init(e, &emul_ops, vcpu, mode, cpl);
		emul_decoded(e, known);
		return EMUL_OK;
	}
	vcpu->mmio.accesses[linear_place(rip)].page = 0;
	emul_init(e, &emul_ops, vcpu, mode, cpl);
	r = emul_decode(e);
	/* Code that may be in two pages was fetched in two pieces. */
	if (mode == EMUL_LONG && r == EMUL_OK && e->insn.nr_bytes == EMUL_MAX_INSN &&
	    offset_in_page(rip) + EMUL_MAX_INSN <= PAGE_SIZE) {
		linear_note_code(vcpu, rip, e->insn.bytes, e->insn.len);
		*known = e->insn;
	}
	return r;
}

static int emulate(struct vcpu *vcpu)
{
	struct mmio_state *m = &vcpu->mmio;
	int r;

	stats_add(vcpu, insn_emulation);
	m->nr_reads = 0;
	m->in_answered.set = false;
	/* What the emulator touched for this guest is in the L1D cache of the next. */
	vcpu->flush_l1d = true;
	r = decode(vcpu);
	if (r == EMUL_OK)
		return execute(vcpu);
	/* Again: nothing was done, and what is to be handed out is an earlier instruction's. */
	return r == EMUL_REPEAT ? 1 : finish(vcpu, r);
}

/**
 * mmio_emulate() - execute the instruction at RIP in software
 * @vcpu: loaded
 *
 * Return: see exit.h.
 */
int mmio_emulate(struct vcpu *vcpu)
{
	vcpu->mmio.translated = false;
	return emulate(vcpu);
}

/**
 * mmio_is_rsm() - is the instruction at RIP RSM?
 * @vcpu: loaded
 *
 * Context: may sleep.
 */
bool mmio_is_rsm(struct vcpu *vcpu)
{
	struct emul *e = &vcpu->mmio.emul;

	emul_init(e, &emul_ops, vcpu, mode_of(vcpu), segment_cpl(vcpu));
	/* 0F AA has no row in the tables of what is emulated: the decoder ends there. */
	emul_decode(e);
	return e->insn.map == 1 && e->insn.opcode == 0xaa && !e->insn.vex && !e->insn.lock;
}

/**
 * mmio_access() - execute the instruction that accessed an address without memory
 * @vcpu: has just exited by an EPT violation
 * @gpa: guest-physical address
 * @qual: exit qualification
 *
 * Return: see exit.h.
 */
int mmio_access(struct vcpu *vcpu, gpa_t gpa, unsigned long qual)
{
	struct mmio_state *m = &vcpu->mmio;

	/* Neither a fetch, nor an access to the guest's page tables. */
	m->translated = (qual & EPT_VIOLATION_GVA_IS_VALID) && !(qual & EPT_VIOLATION_ACC_INSTR) &&
			(qual & EPT_VIOLATION_GVA_TRANSLATED);
	if (m->translated) {
		m->linear = vmcs_readl(GUEST_LINEAR_ADDRESS) & PAGE_MASK;
		m->gpa = gpa & PAGE_MASK;
		m->wrote = qual & EPT_VIOLATION_ACC_WRITE;
	}
	return emulate(vcpu);
}

/**
 * mmio_task_switch() - switch to another task
 * @vcpu: loaded
 * @task: see emul_task_switch()
 * @r: set to what the handler returns
 *
 * Return: true if the new task is loaded.
 */
bool mmio_task_switch(struct vcpu *vcpu, struct emul_task *task, int *r)
{
	struct emul *e = &vcpu->mmio.emul;
	int status;

	emul_init(e, &emul_ops, vcpu, mode_of(vcpu), segment_cpl(vcpu));
	vcpu->flush_l1d = true;
	vcpu->mmio.translated = false;
	status = emul_task_switch(e, task);
	*r = 1;
	if (status == EMUL_OK)
		event_set_shadow(vcpu, 0);
	else if (status == EMUL_FAULT)
		inject_fault(vcpu, &e->fault);
	else if (status != EMUL_REPEAT)
		*r = exit_emulation_error(vcpu, NULL, 0);
	return status == EMUL_OK;
}
