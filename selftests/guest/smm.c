// SPDX-License-Identifier: GPL-2.0
/*
 * System-management mode: what the handler finds, what RSM gives back, memory that only it sees,
 * and what waits until it is left. In address space 1 everything is where it is in address
 * space 0, but for SMRAM.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/time.h>
#include "selftests/lib/apic.h"

#define SMBASE		0x30000U
#define AREA		0xfe00U		/* the state-save area, from SMBASE on */
#define SMRAM		0xa0000U	/* memory of its own in address space 1 */
#define SMRAM_SIZE	0x20000U
#define OS_CODE		0x20000U	/* in each mode: OUT to SYNC_PORT for ever */
#define HANDLER_PORT	0x12		/* what the handlers say */
#define SECOND_PORT	0x13
#define RESET_PORT	0x14
#define AS1		(1U << 16)	/* of a slot's number */
#define SMRAM_SLOT	(AS1 | 2)
#define MSR_SMBASE	0x9e
#define MSR_SMI_COUNT	0x34
#define MSI_INIT	0x500

extern const uint8_t os_loop[], os_loop_end[], plain[], plain_end[], twice[], twice_end[];
extern const uint8_t halting[], halting_end[], moving[], moving_end[], faulty[], faulty_end[];
extern const uint8_t after_reset[], after_reset_end[];

asm(".pushsection .rodata\n"
    "os_loop: .byte 0xe7, 0x10, 0xeb, 0xfc\n"	/* out %eax, $SYNC_PORT; jmp . - 2 */
    "os_loop_end:\n"
    ".code16\n"
    "plain: out %al, $0x12\n"
    "rsm\n"
    "plain_end:\n"
    "twice: out %al, $0x12\n"
    "out %al, $0x13\n"
    "rsm\n"
    "twice_end:\n"
    "halting: out %al, $0x12\n"
    "hlt\n"
    "out %al, $0x13\n"
    "rsm\n"
    "halting_end:\n"
    /* What stands in SMRAM to user space, to a device and to SMRAM. */
    "moving: addr32 movl 0xa9000, %eax\n"
    "out %eax, $0x12\n"
    "addr32 movl %eax, 0xd0000010\n"
    "addr32 movl %eax, 0xa9004\n"
    "rsm\n"
    "moving_end:\n"
    "faulty: ud2\n"
    "faulty_end:\n"
    "after_reset: out %al, $0x14\n"
    "after_reset_end:\n"
    ".code64\n"
    ".popsection\n");

static const char *path;
static bool upstream;
static struct vm vm;
static struct vcpu vcpu;
static uint8_t *smram;

#define PUT(at, code)	memcpy(at, code, code##_end - code)

/* Address space 1, and handlers at SMBASE as it is after a reset. */
static void smm_memory(void)
{
	extern char __executable_start[], _end[];
	uintptr_t start = (uintptr_t)__executable_start & -PAGE;
	uintptr_t end = ((uintptr_t)_end + PAGE - 1) & -PAGE;

	smram = pages(SMRAM_SIZE);
	vm_slot(&vm, AS1 | 0, 0, 0, SMRAM, vm.low);
	vm_slot(&vm, AS1 | 1, 0, start, end - start, (void *)start);
	vm_slot(&vm, SMRAM_SLOT, KVM_MEM_LOG_DIRTY_PAGES, SMRAM, SMRAM_SIZE, smram);
	PUT(vm.low + OS_CODE, os_loop);
	PUT(vm.low + SMBASE + 0x8000, plain);
}

static void begin(bool irqchip, void (*guest)(void))
{
	machine(&vm, &vcpu, path, irqchip, guest);
	smm_memory();
}

/* The port of the next exit, or minus the exit; @smm: what KVM_RUN_X86_SMM says. */
static int run_to_port(bool *smm)
{
	int exit = vcpu_run_on(&vcpu);
	int port = exit == KVM_EXIT_IO ? vcpu.run->io.port : -exit;

	*smm = vcpu.run->flags & KVM_RUN_X86_SMM;
	return port;
}

/* In the handler, or outside it. */
static void in_handler(int want, const char *name)
{
	bool smm;
	int port = run_to_port(&smm);

	TAP_EQ(port, want, name);
	TAP_EQ(smm, 1, "which KVM_RUN_X86_SMM says");
}

static void in_system(int want, const char *name)
{
	bool smm;
	int port = run_to_port(&smm);

	TAP_EQ(port, want, name);
	TAP_EQ(smm, 0, "and not in SMM");
}

static void send_smi(void)
{
	TAP_EQ(call(vcpu.fd, KVM_SMI, 0), 0, "KVM_SMI");
}

static uint64_t msr(uint32_t index)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = { .head.nmsrs = 1, .entry.index = index };

	return call(vcpu.fd, KVM_GET_MSRS, &one) == 1 ? one.entry.data : ~0ULL;
}

/* --- registers ------------------------------------------------------------------------------- */

struct state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_debugregs debug;
};

static struct state get_state(void)
{
	struct state s;

	memset(&s, 0, sizeof(s));
	call(vcpu.fd, KVM_GET_REGS, &s.regs);
	call(vcpu.fd, KVM_GET_SREGS, &s.sregs);
	call(vcpu.fd, KVM_GET_DEBUGREGS, &s.debug);
	return s;
}

static uint64_t word(unsigned int at, unsigned int bytes)
{
	uint64_t value = 0;

	memcpy(&value, vm.low + SMBASE + at, bytes);
	return value;
}

/* As a descriptor has them, from bit 40 on. */
static uint32_t attributes(const struct kvm_segment *s)
{
	return s->type | s->s << 4 | s->dpl << 5 | s->present << 7 | s->avl << 12 | s->l << 13 |
	       s->db << 14 | s->g << 15;
}

static void set_registers(void)
{
	struct kvm_debugregs debug = { .dr6 = 0xffff0ff1, .dr7 = 0x400, .db = { 1, 2, 3, 4 } };
	struct kvm_regs regs;
	__u64 *r;
	unsigned int i;

	call(vcpu.fd, KVM_GET_REGS, &regs);
	for (i = 0, r = &regs.rax; r <= &regs.r15; i++, r++)
		*r = 0x11223344 + i * 0x1010101;
	regs.rflags |= 0x8d5;		/* OF, SF, ZF, AF, PF, CF */
	call(vcpu.fd, KVM_SET_REGS, &regs);
	call(vcpu.fd, KVM_SET_DEBUGREGS, &debug);
}

/* All that a handler could change; the legacy area has no more than eight registers. */
static void spoil_registers(bool legacy)
{
	struct kvm_debugregs debug = { .dr6 = 0xffff0ff2, .dr7 = 0x400, .db = { 1, 2, 3, 4 } };
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	__u64 *r;

	call(vcpu.fd, KVM_GET_REGS, &regs);
	for (r = &regs.rax; r <= (legacy ? &regs.rbp : &regs.r15); r++)
		*r = 0xbadbad;
	regs.rflags = 0x2;
	call(vcpu.fd, KVM_SET_REGS, &regs);
	call(vcpu.fd, KVM_GET_SREGS, &sregs);
	sregs.ds.base = 0x500;
	sregs.ds.selector = 0x50;
	sregs.ss = sregs.ds;
	sregs.gdt.base = 0x600;
	sregs.gdt.limit = 0x7f;
	sregs.cr3 = 0x7000;
	sregs.cr4 = 0x20;
	call(vcpu.fd, KVM_SET_SREGS, &sregs);
	call(vcpu.fd, KVM_SET_DEBUGREGS, &debug);
}

static void handler_state(const struct state *s, const struct state *before)
{
	TAP_EQ(s->regs.rip, 0x8000, "the handler begins at 8000H");
	TAP_EQ(s->sregs.cs.base, SMBASE, "of a CS based at SMBASE");
	TAP_EQ(s->sregs.cs.selector, SMBASE >> 4, "with its selector");
	TAP_EQ(s->sregs.cs.limit, 0xffffffff, "and 4 GiB long");
	TAP_EQ(s->sregs.ds.base | s->sregs.ds.selector, 0, "DS begins at 0");
	TAP_EQ(s->sregs.ss.limit, 0xffffffff, "SS has 4 GiB");
	TAP_EQ(s->sregs.cr0 & 0x8000000d, 0, "CR0 has no PE, EM, TS, PG");
	TAP_EQ(s->sregs.cr0 | 0x8000000d, before->sregs.cr0 | 0x8000000d, "the rest of it stays");
	TAP_EQ(s->sregs.cr4 | s->sregs.efer, 0, "CR4 and EFER are 0");
	TAP_EQ(s->sregs.idt.limit | s->sregs.idt.base, 0, "there is no IDT");
	TAP_EQ(s->regs.rflags, 2, "RFLAGS is 2");
	TAP_EQ(s->debug.dr7, 0x400, "DR7 is 400H");
	TAP_EQ(s->regs.rbx, before->regs.rbx, "general registers stay");
}

static void area_64(const struct state *s)
{
	const struct kvm_segment *cs = &s->sregs.cs, *tr = &s->sregs.tr;

	TAP_EQ(word(0xfefc, 4), 0x20064, "the save area's revision is 20064H");
	TAP_EQ(word(0xff00, 4), SMBASE, "SMBASE is at FF00H");
	TAP_EQ(word(0xfff8, 8), s->regs.rax, "RAX at FFF8H");
	TAP_EQ(word(0xffd8, 8), s->regs.rsp, "RSP at FFD8H");
	TAP_EQ(word(0xff80, 8), s->regs.r15, "R15 at FF80H");
	TAP_EQ(word(0xff78, 8), s->regs.rip + 2, "RIP at FF78H, after the OUT");
	TAP_EQ(word(0xff70, 8), s->regs.rflags, "RFLAGS at FF70H");
	TAP_EQ(word(0xff68, 8), s->debug.dr6, "DR6 at FF68H");
	TAP_EQ(word(0xff60, 8), s->debug.dr7, "DR7 at FF60H");
	TAP_EQ(word(0xff58, 8), s->sregs.cr0, "CR0 at FF58H");
	TAP_EQ(word(0xff50, 8), s->sregs.cr3, "CR3 at FF50H");
	TAP_EQ(word(0xff48, 8), s->sregs.cr4, "CR4 at FF48H");
	TAP_EQ(word(0xfed0, 8), s->sregs.efer, "EFER at FED0H");
	TAP_EQ(word(0xfe10, 2), cs->selector, "CS at FE10H");
	TAP_EQ(word(0xfe12, 2), attributes(cs), "with attributes");
	TAP_EQ(word(0xfe14, 4), cs->limit, "limit");
	TAP_EQ(word(0xfe18, 8), cs->base, "and base");
	TAP_EQ(word(0xfe98, 8), tr->base, "TR's base at FE98H");
	TAP_EQ(word(0xfe92, 2), attributes(tr), "its attributes at FE92H");
	TAP_EQ(word(0xfe64, 4), s->sregs.gdt.limit, "GDTR's limit at FE64H");
	TAP_EQ(word(0xfe68, 8), s->sregs.gdt.base, "its base at FE68H");
	TAP_EQ(word(0xfe88, 8), s->sregs.idt.base, "IDTR's base at FE88H");
}

static void area_32(const struct state *s)
{
	const struct kvm_segment *cs = &s->sregs.cs, *gs = &s->sregs.gs;

	TAP_EQ(word(0xfefc, 4), 0x20000, "the save area's revision is 20000H");
	TAP_EQ(word(0xfef8, 4), SMBASE, "SMBASE is at FEF8H");
	TAP_EQ(word(0xfffc, 4), s->sregs.cr0, "CR0 at FFFCH");
	TAP_EQ(word(0xfff8, 4), s->sregs.cr3, "CR3 at FFF8H");
	TAP_EQ(word(0xfff4, 4), s->regs.rflags, "EFLAGS at FFF4H");
	TAP_EQ(word(0xfff0, 4), s->regs.rip + 2, "EIP at FFF0H, after the OUT");
	TAP_EQ(word(0xffd0, 4), s->regs.rax, "EAX at FFD0H");
	TAP_EQ(word(0xffec, 4), s->regs.rdi, "EDI at FFECH");
	TAP_EQ(word(0xffcc, 4), s->debug.dr6, "DR6 at FFCCH");
	TAP_EQ(word(0xffc8, 4), s->debug.dr7, "DR7 at FFC8H");
	TAP_EQ(word(0xffac, 4), cs->selector, "CS at FFACH");
	TAP_EQ(word(0xff90, 4), attributes(cs) << 8, "with attributes at FF90H");
	TAP_EQ(word(0xff94, 4), cs->limit, "limit at FF94H");
	TAP_EQ(word(0xff98, 4), cs->base, "and base at FF98H");
	TAP_EQ(word(0xffbc, 4), gs->selector, "GS at FFBCH");
	TAP_EQ(word(0xff48, 4), gs->limit, "with its limit at FF48H");
	TAP_EQ(word(0xff74, 4), s->sregs.gdt.base, "GDTR's base at FF74H");
	TAP_EQ(word(0xff54, 4), s->sregs.idt.limit, "IDTR's limit at FF54H");
	TAP_EQ(word(0xff14, 4), s->sregs.cr4, "CR4 at FF14H");
}

/* Upstream's legacy area keeps no more than it must, and some of it in 20 bits. */
static void same_again(struct state *now, struct state *before)
{
	TAP_EQ(memcmp(&now->regs, &before->regs, sizeof(now->regs)), 0,
	       "RSM restores all general registers, RIP and RFLAGS");
	TAP_EQ(memcmp(&now->sregs, &before->sregs, sizeof(now->sregs)), 0,
	       "and all segments and control registers");
	TAP_EQ(memcmp(&now->debug, &before->debug, sizeof(now->debug)), 0, "and DR6 and DR7");
}

static void interrupted(bool legacy)
{
	struct state before, inside, after;

	in_system(SYNC_PORT, "the guest runs");
	set_registers();
	before = get_state();
	send_smi();
	in_handler(HANDLER_PORT, "an SMI comes before the next instruction");
	inside = get_state();
	handler_state(&inside, &before);
	if (legacy)
		area_32(&before);
	else
		area_64(&before);
	spoil_registers(legacy);
	in_system(SYNC_PORT, "RSM goes back");
	after = get_state();
	same_again(&after, &before);
}

/* As after a reset. */
static void begin_reset(void)
{
	vm_open(&vm, path);
	vm_memory(&vm);
	vcpu_open(&vm, &vcpu, 0);
	smm_memory();
}

static void each_mode(void)
{
	printf("# long mode\n");
	begin(false, (void (*)(void))(uintptr_t)OS_CODE);
	interrupted(false);
	TAP_EQ(msr(MSR_SMI_COUNT), 1, "SMI_COUNT is 1");
	machine_close(&vm, &vcpu);
	printf("# protected mode\n");
	begin_reset();
	vcpu_supported_cpuid(&vm, &vcpu);
	vcpu_protected_mode(&vcpu, OS_CODE);
	interrupted(false);
	machine_close(&vm, &vcpu);
	printf("# real mode, of a processor without long mode\n");
	begin_reset();
	vcpu_real_mode(&vcpu, OS_CODE >> 4, 0);
	interrupted(true);
	machine_close(&vm, &vcpu);
}

/* --- memory ---------------------------------------------------------------------------------- */

static void reader(void)
{
	guest_sync(1);
	guest_check("SMRAM has other contents outside", *(volatile uint32_t *)0xa9000UL, 0x05);
	guest_check("and is not written by the handler", *(volatile uint32_t *)0xa9004UL, 0);
	guest_check("nor is its code there", *(volatile uint16_t *)0xa8000UL, 0);
	guest_check("RSM is #UD", TRAP("rsm", : : : TRAP_CLOBBERS), 6);
	guest_check("IA32_SMBASE is nothing to a guest",
		    TRAP("rdmsr", : : "c"(MSR_SMBASE) : "rax", "rdx", TRAP_CLOBBERS), 13);
	guest_sync(2);
}

static uint64_t log_of(unsigned int slot)
{
	uint64_t marks[1] = { };
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = marks };

	return call(vm.fd, KVM_GET_DIRTY_LOG, &log) ? ~0ULL : marks[0];
}

/* SMBASE moves to SMRAM: what runs there has code, data and a log that are nobody else's. */
static void relocated(void)
{
	uint32_t secret = 0x53;

	begin(false, reader);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest runs");
	send_smi();
	in_handler(HANDLER_PORT, "an SMI");
	memcpy(vm.low + SMBASE + 0xff00, &(uint32_t) { SMRAM }, 4);
	PUT(smram + 0x8000, moving);
	memcpy(smram + 0x9000, &secret, 4);
	vm.low[0xa9000] = 0x05;
	send_smi();
	in_handler(HANDLER_PORT, "an SMI in SMM comes after RSM");
	TAP_EQ(msr(MSR_SMBASE), SMRAM, "at the SMBASE that the handler has written");
	TAP_EQ(*((uint8_t *)vcpu.run + vcpu.run->io.data_offset), secret, "it reads SMRAM");
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_MMIO, "it writes to a device");
	TAP_EQ(vcpu.run->mmio.phys_addr, 0xd0000010, "from code that is only there");
	TAP_EQ(vcpu_sync(&vcpu), 2, "and RSM goes back");
	tap_checks();
	memcpy(&secret, smram + 0x9004, 4);
	TAP_EQ(secret, 0x53, "it has written to SMRAM");
	/* Upstream marks the handler's page, too, since it maps it writable. */
	TAP_EQ(log_of(SMRAM_SLOT) & ~(1ULL << 8), 1 << 9 | 1 << 15,
	       "whose dirty log has that, and the save area");
	TAP_EQ(log_of(SMRAM_SLOT), 0, "once");
	machine_close(&vm, &vcpu);
}

static void ring(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { 16384 } };
	struct kvm_dirty_gfn *entry;
	unsigned int i, found = 0;

	vm_open(&vm, path);
	call(vm.fd, KVM_ENABLE_CAP, &cap);
	vm_memory(&vm);
	vcpu_open(&vm, &vcpu, 0);
	vcpu_supported_cpuid(&vm, &vcpu);
	smm_memory();
	vcpu_long_mode(&vcpu, reader, 0);
	PUT(smram + 0x8000, moving);
	memcpy(vm.low + SMBASE + 0xff00, &(uint32_t) { SMRAM }, 4);
	entry = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu.fd,
		     KVM_DIRTY_LOG_PAGE_OFFSET * PAGE);
	vcpu_sync(&vcpu);
	send_smi();
	in_handler(HANDLER_PORT, "an SMI of a VM with dirty rings");
	memcpy(vm.low + SMBASE + 0xff00, &(uint32_t) { SMRAM }, 4);
	send_smi();
	in_handler(HANDLER_PORT, "and one in SMRAM");
	for (i = 0; i < 16384 / sizeof(*entry); i++)
		found += (entry[i].flags & KVM_DIRTY_GFN_F_DIRTY) &&
			 entry[i].slot == SMRAM_SLOT && entry[i].offset == 15;
	TAP_EQ(found, 1, "the ring names the address space");
	munmap(entry, 16384);
	machine_close(&vm, &vcpu);
}

/* --- what waits ------------------------------------------------------------------------------ */

static struct kvm_vcpu_events events(void)
{
	struct kvm_vcpu_events e;

	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &e);
	return e;
}

/* The emulated processor unblocks NMIs by IRET only (lab.rst): that of an exception's handler. */
static void counter(void)
{
	TRAP("ud2", : : : TRAP_CLOBBERS);
	guest_sync(1);
	TRAP("ud2", : : : TRAP_CLOBBERS);
	guest_check("an NMI of SMM comes after RSM", irqs[2], 1);
	guest_sync(2);
	for (;;)
		guest_sync(3);
}

static void nmi(void)
{
	begin(false, counter);
	PUT(vm.low + SMBASE + 0x8000, twice);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest runs");
	send_smi();
	in_handler(HANDLER_PORT, "an SMI");
	TAP_EQ(events().smi.smm, 1, "KVM_GET_VCPU_EVENTS says SMM");
	TAP_EQ(events().nmi.masked, 1, "and that NMIs are blocked");
	TAP_EQ(events().smi.smm_inside_nmi, 0, "which they were not before");
	call(vcpu.fd, KVM_NMI, 0);
	call(vcpu.fd, KVM_SMI, 0);
	in_handler(SECOND_PORT, "neither an NMI nor an SMI comes in SMM");
	TAP_EQ(events().smi.pending, 1, "the SMI is pending");
	in_handler(HANDLER_PORT, "after RSM the SMI comes, before the NMI");
	in_handler(SECOND_PORT, "its handler goes on");
	TAP_EQ(vcpu_sync(&vcpu), 2, "and the guest after it");
	tap_checks();
	machine_close(&vm, &vcpu);
}

static void inside_nmi(void)
{
	struct kvm_vcpu_events e;

	begin(false, (void (*)(void))(uintptr_t)OS_CODE);
	in_system(SYNC_PORT, "the guest runs");
	e = events();
	e.nmi.masked = 1;
	call(vcpu.fd, KVM_SET_VCPU_EVENTS, &e);
	send_smi();
	in_handler(HANDLER_PORT, "an SMI in an NMI's handler");
	TAP_EQ(events().smi.smm_inside_nmi, 1, "is told so");
	in_system(SYNC_PORT, "RSM goes back");
	TAP_EQ(events().nmi.masked, 1, "after RSM NMIs are still blocked");
	machine_close(&vm, &vcpu);
}

/* By messages, since the guest is in SMM. */
static void message(uint32_t data)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = data };

	call(vm.fd, KVM_SIGNAL_MSI, &msi);
}

static void init(void)
{
	uint8_t *top = pages(PAGE);
	struct kvm_vcpu_events e;

	begin(true, counter);
	PUT(top + 0xff0, after_reset);
	vm_slot(&vm, 5, 0, 0xfffff000, PAGE, top);
	PUT(vm.low + SMBASE + 0x8000, twice);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest runs");
	send_smi();
	in_handler(HANDLER_PORT, "an SMI");
	if (upstream) {
		e = events();
		e.smi.latched_init = 1;
		call(vcpu.fd, KVM_SET_VCPU_EVENTS, &e);
	} else {
		message(MSI_INIT);
	}
	in_handler(SECOND_PORT, "an INIT does not come in SMM");
	TAP_EQ(events().smi.latched_init, 1, "it is latched");
	in_system(RESET_PORT, "and comes after RSM");
	TAP_EQ(events().smi.latched_init, 0, "once");
	machine_close(&vm, &vcpu);
	munmap(top, PAGE);
}

/* --- HLT ------------------------------------------------------------------------------------- */

static void halted_guest(void)
{
	TRAP("ud2", : : : TRAP_CLOBBERS);
	guest_sync(1);
	asm volatile("cli; hlt");
	guest_sync(2);
}

static void nothing(int signal)
{
	(void)signal;
}

/* KVM_RUN, which a signal ends after 20 ms. */
static int run_a_while(void)
{
	struct itimerval timer = { .it_value.tv_usec = 20000 };
	struct sigaction action = { .sa_handler = nothing };
	int exit;

	sigaction(SIGVTALRM, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	exit = vcpu_run(&vcpu);
	memset(&timer, 0, sizeof(timer));
	setitimer(ITIMER_REAL, &timer, NULL);
	signal(SIGALRM, SIG_DFL);
	device_path(0, NULL);
	return exit;
}

static unsigned int mp_state(void)
{
	struct kvm_mp_state state;

	call(vcpu.fd, KVM_GET_MP_STATE, &state);
	return state.mp_state;
}

static void halt(void)
{
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };

	begin(true, halted_guest);
	PUT(vm.low + SMBASE + 0x8000, halting);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest runs");
	TAP_EQ(run_a_while(), -EINTR, "and halts");
	TAP_EQ(mp_state(), KVM_MP_STATE_HALTED, "for KVM_GET_MP_STATE, too");
	send_smi();
	in_handler(HANDLER_PORT, "an SMI ends HLT");
	TAP_EQ(run_a_while(), -EINTR, "the handler halts");
	if (upstream) {
		tap_skip("neither an NMI nor an SMI ends it", "upstream's SMI does");
		machine_close(&vm, &vcpu);
		return;
	}
	call(vcpu.fd, KVM_NMI, 0);
	call(vcpu.fd, KVM_SMI, 0);
	TAP_EQ(run_a_while(), -EINTR, "which neither an NMI nor an SMI ends");
	TAP_EQ(vcpu.run->flags & KVM_RUN_X86_SMM, KVM_RUN_X86_SMM, "in SMM");
	call(vcpu.fd, KVM_SET_MP_STATE, &runnable);
	in_handler(SECOND_PORT, "but user space does");
	PUT(vm.low + SMBASE + 0x8000, plain);
	in_handler(HANDLER_PORT, "the SMI that waited comes");
	TAP_EQ(vcpu_sync(&vcpu), 2, "the NMI that waited ends the guest's own HLT");
	machine_close(&vm, &vcpu);
}

static void auto_halt(void)
{
	begin(true, halted_guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest runs");
	TAP_EQ(run_a_while(), -EINTR, "and halts");
	send_smi();
	in_handler(HANDLER_PORT, "an SMI ends HLT");
	TAP_EQ(word(0xfec9, 1), 1, "the auto-halt restart field is 1");
	TAP_EQ(run_a_while(), -EINTR, "RSM goes back into HLT");
	TAP_EQ(mp_state(), KVM_MP_STATE_HALTED, "for KVM_GET_MP_STATE, too");
	send_smi();
	in_handler(HANDLER_PORT, "another SMI");
	vm.low[SMBASE + 0xfec9] = 0;
	TAP_EQ(vcpu_sync(&vcpu), 2, "whose handler clears the field: RSM goes on after HLT");
	machine_close(&vm, &vcpu);
}

/* The shadow of STI is in the save area, and back after RSM. */
static void shadow(void)
{
	struct kvm_vcpu_events e;
	struct kvm_regs regs;

	begin(false, (void (*)(void))(uintptr_t)OS_CODE);
	in_system(SYNC_PORT, "the guest runs");
	/* To a jump, so that no OUT is under way. */
	call(vcpu.fd, KVM_GET_REGS, &regs);
	regs.rip += 2;
	regs.rflags |= 0x200;
	call(vcpu.fd, KVM_SET_REGS, &regs);
	e = events();
	e.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	call(vcpu.fd, KVM_SET_VCPU_EVENTS, &e);
	send_smi();
	in_handler(HANDLER_PORT, "an SMI in the shadow of STI");
	TAP_EQ(events().interrupt.shadow, 0, "the handler is not in it");
	TAP_EQ(word(0xfecb, 1), KVM_X86_SHADOW_INT_STI, "the save area has it");
	in_system(SYNC_PORT, "and the entry after RSM succeeds");
	machine_close(&vm, &vcpu);
}

/* --- the end, and the LAPIC ------------------------------------------------------------------ */

static void shutdown(void)
{
	uint64_t bad = ~0ULL;

	begin(false, counter);
	vcpu_sync(&vcpu);
	send_smi();
	in_handler(HANDLER_PORT, "an SMI");
	memcpy(vm.low + SMBASE + 0xff48, &bad, 8);
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_SHUTDOWN, "a CR4 that cannot be: RSM is a shutdown");
	machine_close(&vm, &vcpu);

	begin(false, counter);
	PUT(vm.low + SMBASE + 0x8000, faulty);
	vcpu_sync(&vcpu);
	send_smi();
	TAP_EQ(vcpu_run_on(&vcpu), KVM_EXIT_SHUTDOWN, "an exception without an IDT, too");
	TAP_EQ(vcpu.run->flags & KVM_RUN_X86_SMM, KVM_RUN_X86_SMM, "in SMM");
	machine_close(&vm, &vcpu);
}

static void sender(void)
{
	apic_write(APIC_SPIV, 0x1ff);
	guest_sync(1);
	apic_write(APIC_ICR2, 0);
	apic_write(APIC_ICR, 0x4200);
	guest_sync(2);
}

static void by_lapic(void)
{
	begin(true, sender);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest runs");
	in_handler(HANDLER_PORT, "an IPI in delivery mode SMI is an SMI");
	TAP_EQ(vcpu_sync(&vcpu), 2, "the guest goes on");
	message(0x200);
	in_handler(HANDLER_PORT, "and so is a message");
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	path = device_path(argc, argv);
	upstream = on_upstream();
	tap_begin();
	each_mode();
	relocated();
	ring();
	nmi();
	inside_nmi();
	init();
	halt();
	if (upstream) {
		tap_skip("auto-halt restart", "upstream has none");
		tap_skip("an SMI in the shadow of STI", "upstream of 6.1 loses the shadow");
	} else {
		auto_halt();
		shadow();
	}
	shutdown();
	by_lapic();
	return tap_end();
}
