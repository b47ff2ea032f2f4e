// SPDX-License-Identifier: GPL-2.0
/*
 * Paravirtual features: the record of stolen time, what it says of preemption and what others ask
 * for in it (TLB flush); hypercalls that send IPIs, end a HLT and yield;
 * and the word of memory that ends an interrupt. And what is not there: asynchronous page faults.
 *
 * The words are for processors that do not end interrupts by themselves, and several vCPUs at once
 * cannot touch what the emulator wants touched for those that do (lab.rst, 12).
 *
 * lab:
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include "selftests/lib/apic.h"

#define MSR_STEAL	0x4b564d03
#define RECORD		0x40000000UL	/* a slot of its own, with a dirty log */
#define NOWHERE		0x60000000UL
#define SLOT		5
#define AREA_SIZE	(2 * PAGE)
#define GP		13
#define PREEMPTED	1
#define FLUSH_TLB	2

/* As <asm/kvm_para.h> has it. */
struct steal {
	uint64_t steal;
	uint32_t version, flags;
	uint8_t preempted, pad8[3];
	uint32_t pad[11];
};

static const char *path;
static struct vm vm;
static struct vcpu vcpu;
static struct steal *area;

static volatile struct steal *record(void)
{
	return (volatile struct steal *)RECORD;
}

static uint64_t wrmsr_trap(uint32_t msr, uint64_t value)
{
	return TRAP("wrmsr", : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
		    : TRAP_CLOBBERS);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static int set_msr(uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };

	return call(vcpu.fd, KVM_SET_MSRS, &msr);
}

static uint64_t get_msr(uint32_t index)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1, .entry = { .index = index } };

	return call(vcpu.fd, KVM_GET_MSRS, &msr) == 1 ? msr.entry.data : ~0ULL;
}

/* Bits of pages that were written since the last call. */
static uint64_t written(void)
{
	uint64_t bits = 0;
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = &bits };
	int r = call(vm.fd, KVM_GET_DIRTY_LOG, &log);

	return r ? ~0ULL : bits;
}

static uint32_t offered(void)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid(vm.dev);
	uint32_t eax = 0;
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0x40000001)
			eax = cpuid->entries[i].eax;
	free(cpuid);
	return eax;
}

static void begin(void (*guest)(void))
{
	int fd = memfd_create("area", 0);

	/* Its pages can be taken out of the page tables and are still there. */
	if (ftruncate(fd, AREA_SIZE))
		exit(1);
	area = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	machine(&vm, &vcpu, path, true, guest);
	vm_slot(&vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, RECORD, AREA_SIZE, area);
}

static void end(void)
{
	machine_close(&vm, &vcpu);
	munmap(area, AREA_SIZE);
}

/* --- the record of stolen time ---------------------------------------------------------------- */

static void steal_guest(void)
{
	unsigned int bit, faults = 0;

	for (bit = 1; bit < 6; bit++)
		faults += wrmsr_trap(MSR_STEAL, RECORD | 1ULL << bit | 1) == GP;
	guest_check("a record's address is a multiple of 64: #GP for each other bit", faults, 5);
	guest_check("the MSR is as it was", guest_rdmsr(MSR_STEAL), 0);
	guest_sync(1);
	guest_check("it takes an address", wrmsr_trap(MSR_STEAL, RECORD + 64 + 1), NO_TRAP);
	guest_check("and gives it back", guest_rdmsr(MSR_STEAL), RECORD + 64 + 1);
	guest_check("the record has a version, even", record()[1].version &&
		    !(record()[1].version & 1), 1);
	guest_check("nobody is preempted while it runs", record()[1].preempted, 0);
	guest_check("what is before the record is as it was", record()->version, 0);
	guest_sync(2);
	guest_check("an address without memory is the guest's mistake",
		    wrmsr_trap(MSR_STEAL, NOWHERE | 1), NO_TRAP);
	guest_sync(3);
	guest_check("one beyond all memory, too", wrmsr_trap(MSR_STEAL, ~0x3eULL), NO_TRAP);
	guest_sync(4);
	wrmsr_trap(MSR_STEAL, RECORD);
	guest_check("nothing is written without the enable bit", record()->version, 0);
	guest_sync(5);
	for (;;)
		guest_sync(6);
}

/* Where the record lies changes after it was written there. */
static void steal_moves(void)
{
	struct steal *other = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int version;

	area[0].version = 100;
	vcpu_sync(&vcpu);
	TAP_EQ(area[0].version, 100, "what was its memory is user space's own");
	TAP_EQ(vm_slot(&vm, SLOT, KVM_MEM_READONLY, RECORD, AREA_SIZE, area), 0,
	       "it comes back, read-only");
	TAP_EQ(vcpu_sync(&vcpu), 6, "the guest goes on");
	TAP_EQ(area[0].version, 100, "and nothing is written");
	vm_slot(&vm, SLOT, 0, RECORD, 0, NULL);
	vm_slot(&vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, RECORD, AREA_SIZE, area);
	vcpu_sync(&vcpu);
	version = area[0].version;
	tap_ok(version != 100, "with memory that can be written it is written again");
	written();
	madvise(area, AREA_SIZE, MADV_DONTNEED);
	vcpu_sync(&vcpu);
	tap_ok(area[0].version != version, "so is a page that the host has unmapped");
	TAP_EQ(written(), 1, "the dirty log has it");
	version = area[0].version;
	TAP_EQ(vm_slot(&vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, RECORD + 0x100000, AREA_SIZE, area), 0,
	       "its slot moves");
	vcpu_sync(&vcpu);
	TAP_EQ(area[0].version, version, "then nothing is written");
	TAP_EQ(vm_slot(&vm, SLOT + 1, 0, RECORD, AREA_SIZE, other), 0, "other memory comes there");
	vcpu_sync(&vcpu);
	tap_ok(other->version && !(other->version & 1), "which gets the record");
	TAP_EQ(area[0].version, version, "and the first does not");
	munmap(other, AREA_SIZE);
	TAP_EQ(vcpu_sync(&vcpu), 6, "without a page behind the slot the guest goes on");
	vm_slot(&vm, SLOT + 1, 0, RECORD, 0, NULL);
}

static void steal_msr(void)
{
	unsigned int version;

	begin(steal_guest);
	TAP_EQ(offered() >> 5 & 1, 1, "KVM_FEATURE_STEAL_TIME is offered");
	TAP_EQ(vcpu_sync(&vcpu), 1, "reserved bits");
	written();
	area[1].preempted = PREEMPTED | FLUSH_TLB;
	TAP_EQ(vcpu_sync(&vcpu), 2, "a record");
	TAP_EQ(written(), 1, "the dirty log has it");
	TAP_EQ(vcpu_sync(&vcpu), 3, "no memory");
	TAP_EQ(vcpu_sync(&vcpu), 4, "no such address");
	TAP_EQ(vcpu_sync(&vcpu), 5, "not enabled");
	tap_checks();
	TAP_EQ(set_msr(MSR_STEAL, RECORD | 3), 0, "a reserved bit is refused from user space, too");
	TAP_EQ(get_msr(MSR_STEAL), RECORD, "user space reads the MSR");
	/* A guest that was saved while it was preempted, and comes back. */
	area[0].preempted = PREEMPTED | FLUSH_TLB;
	area[0].steal = 1ULL << 40;
	area[0].version = 7;
	written();
	TAP_EQ(set_msr(MSR_STEAL, RECORD | 1), 1, "and writes it");
	TAP_EQ(vcpu_sync(&vcpu), 6, "a restored guest goes on");
	TAP_EQ(area[0].preempted, 0, "it is not preempted any more");
	tap_ok(area[0].steal >> 40 == 1, "its stolen time goes on from what it was");
	version = area[0].version;
	tap_ok(version >= 8 && !(version & 1), "and so does the version");
	TAP_EQ(written(), 1, "the dirty log has what was written to it");
	vm_slot(&vm, SLOT, 0, RECORD, 0, NULL);
	TAP_EQ(vcpu_sync(&vcpu), 6, "a record whose slot is deleted is no more");
	steal_moves();
	end();
}

/* A counter by the name that both drivers have for it. */
static uint64_t counter(int fd, const char *name)
{
	uint64_t value = 0;

	stats_find(fd, name, &value);
	return value;
}

/* --- preemption, and what others leave to the host -------------------------------------------- */

#define WINDOW	(1UL << 39)	/* a virtual address with tables of its own */
#define ROUNDS	12
#define BETWEEN	~0u

static uint64_t tables[3][512] __attribute__((aligned(4096)));
static volatile uint64_t frame[2][512] __attribute__((aligned(4096)));
static volatile unsigned int turn, looks, wrong, flagged;
static volatile bool stop;

/* What it reads in a round is that round's frame. */
static void looking_guest(void)
{
	unsigned int before;
	uint64_t value;

	guest_tables[0][1] = (uintptr_t)tables[0] | 7;
	tables[0][0] = (uintptr_t)tables[1] | 7;
	tables[1][0] = (uintptr_t)tables[2] | 7;
	guest_wrmsr(MSR_STEAL, RECORD | 1);
	guest_sync(1);
	asm volatile("sti");
	while (!stop) {
		before = turn;
		value = *(volatile uint64_t *)WINDOW;
		flagged += record()->preempted != 0;
		if (before != turn || before == BETWEEN)
			continue;
		wrong += value != (before & 1);
		looks++;
	}
	guest_sync(2);
}

static void *run(void *unused)
{
	TAP_EQ(vcpu_sync(&vcpu), 2, "a guest looks at memory, beside another busy thread");
	return unused;
}

/* The other vCPU, if it were one: it changes a page table, and need not send an IPI. */
static unsigned int change(void)
{
	unsigned int rounds = 0, told = 0;
	uint64_t until = now() + 4000;
	uint8_t *flags = &area->preempted;

	while (rounds < ROUNDS && now() < until) {
		uint8_t old = PREEMPTED;

		if (__atomic_load_n(flags, __ATOMIC_SEQ_CST) != PREEMPTED)
			continue;
		told++;
		turn = BETWEEN;
		tables[2][0] = (uintptr_t)frame[(rounds + 1) & 1] | 7;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (!__atomic_compare_exchange_n(flags, &old, PREEMPTED | FLUSH_TLB, false,
						 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			continue;
		turn = ++rounds;
	}
	printf("# told %u times, %u looks\n", told, looks);
	return rounds;
}

static void preemption(void)
{
	cpu_set_t all;
	pthread_t thread;
	unsigned int rounds;
	uint64_t flushed;
	int fd;

	stop = false;
	frame[1][0] = 1;
	tables[2][0] = (uintptr_t)frame[0] | 7;
	begin(looking_guest);
	TAP_EQ(offered() >> 9 & 1, 1, "KVM_FEATURE_PV_TLB_FLUSH is offered");
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest with a record");
	written();
	fd = call(vcpu.fd, KVM_GET_STATS_FD, 0);
	flushed = counter(fd, "tlb_flush");
	/* On one processor each has to wait for the other. */
	sched_getaffinity(0, sizeof(all), &all);
	stay_on(0, 0);
	pthread_create(&thread, NULL, run, NULL);
	rounds = change();
	sched_setaffinity(0, sizeof(all), &all);
	stop = true;
	pthread_join(thread, NULL);
	TAP_EQ(rounds, ROUNDS, "the record says again and again that it is preempted");
	TAP_EQ(flagged, 0, "but never while it runs");
	tap_ok(looks, "it has looked");
	/* The emulator's TLB keeps nothing over an exit: it is the counter that tells. */
	tap_ok(counter(fd, "tlb_flush") - flushed >= rounds,
	       "a TLB that another one wants flushed is");
	close(fd);
	TAP_EQ(wrong, 0, "before it runs again");
	TAP_EQ(written() & 1, 1, "the dirty log has the record");
	printf("# stolen: %llu ns\n", (unsigned long long)area->steal);
	tap_ok(area->steal > 1000000, "the time that the other thread had is stolen");
	end();
}

/* --- hypercalls ------------------------------------------------------------------------------- */

#define KICK		5
#define POLL_IRQ	1
#define SEND_IPI	10
#define YIELD		11
#define ENOSYS_KVM	1000
#define FAR_ID		70
#define VECTOR		0x51
#define CODE32		0x8000

static struct vcpu near, far;
static volatile int64_t results[4];
static volatile bool spinning;

static int64_t hypercall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	asm volatile("vmcall" : "+a"(nr) : "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	return nr;
}

static void calling_guest(void)
{
	guest_check("VAPIC_POLL_IRQ", hypercall(POLL_IRQ, 0, 0, 0, 0), 0);
	guest_check("an unknown call", hypercall(0x7777, 0, 0, 0, 0), -ENOSYS_KVM);
	guest_check("a number of more than 32 bits", hypercall(1ULL << 32 | POLL_IRQ, 0, 0, 0, 0),
		    -ENOSYS_KVM);
	guest_check("an IPI to nobody", hypercall(SEND_IPI, 0, 0, 0, VECTOR), 0);
	guest_check("to ids that nobody has", hypercall(SEND_IPI, 0xf0, 0, 1, VECTOR), 0);
	guest_check("to ids above all others", hypercall(SEND_IPI, ~0ULL, ~0ULL, 5000, VECTOR), 0);
	guest_check("to the last ids there could be",
		    hypercall(SEND_IPI, ~0ULL, 0, 0xffffffff, VECTOR), 0);
	guest_check("in logical mode: EINVAL",
		    hypercall(SEND_IPI, 1, 0, 1, 0x800 | VECTOR), -EINVAL);
	guest_check("by shorthand: EINVAL",
		    hypercall(SEND_IPI, 1, 0, 1, ICR_SELF | VECTOR), -EINVAL);
	guest_sync(1);
	guest_check("to two, in both words", hypercall(SEND_IPI, 1, 1 << 5, 1, VECTOR), 2);
	guest_sync(2);
	guest_check("to all there are, less this one",
		    hypercall(SEND_IPI, ~0ULL, ~0ULL, 1, VECTOR + 1), 2);
	guest_sync(3);
	guest_check("a kick of nobody", hypercall(KICK, 0, 99, 0, 0), 0);
	guest_check("a yield to nobody", hypercall(YIELD, 99, 0, 0, 0), 0);
	guest_check("to a large id", hypercall(YIELD, ~0ULL, 0, 0, 0), 0);
	guest_check("to oneself", hypercall(YIELD, 0, 0, 0, 0), 0);
	guest_sync(4);
	guest_check("a kick of one that halts", hypercall(KICK, 0, 1, 0, 0), 0);
	guest_sync(5);
	guest_check("a kick of oneself", hypercall(KICK, 0, 0, 0, 0), 0);
	asm volatile("hlt");
	guest_sync(6);
	asm volatile("sti");
	while (!stop)
		results[0] |= hypercall(YIELD, 1, 0, 0, 0);
	guest_sync(7);
}

/* In 32-bit mode the words have 32 bits, and so has the result. */
extern const uint8_t code32[], code32_end[];
asm(".pushsection .rodata\n"
    ".code32\n"
    "code32:\n"
    "mov $10, %eax\n"		/* SEND_IPI to 70 = 7 + 63 */
    "xor %ebx, %ebx\n"
    "mov $0x80000000, %ecx\n"
    "mov $7, %edx\n"
    "mov $0x53, %esi\n"
    "vmcall\n"
    "out %eax, $0x10\n"
    "mov $0x7777, %eax\n"
    "vmcall\n"
    "out %eax, $0x10\n"
    "code32_end:\n"
    ".code64\n"
    ".popsection\n");

static bool got(struct vcpu *who, unsigned int vector)
{
	struct kvm_lapic_state state;

	call(who->fd, KVM_GET_LAPIC, &state);
	return state.regs[APIC_IRR + vector / 32 * 16 + vector % 32 / 8] >> vector % 8 & 1;
}

static void enable_lapic(struct vcpu *who)
{
	struct kvm_lapic_state state;

	call(who->fd, KVM_GET_LAPIC, &state);
	state.regs[APIC_SPIV + 1] |= 1;
	call(who->fd, KVM_SET_LAPIC, &state);
}

static unsigned int state_of(struct vcpu *who)
{
	struct kvm_mp_state state = { };

	call(who->fd, KVM_GET_MP_STATE, &state);
	return state.mp_state;
}

static void set_state(struct vcpu *who, unsigned int value)
{
	struct kvm_mp_state state = { value };

	call(who->fd, KVM_SET_MP_STATE, &state);
}

static void spinning_guest(void)
{
	guest_warm();
	asm volatile("sti");
	while (!stop)
		spinning = true;
	guest_sync(1);
}

static void *run_last(void *unused)
{
	vcpu_sync(&vcpu);
	return unused;
}

static void *run_near(void *unused)
{
	vcpu_sync(&near);
	return unused;
}

/* Two busy vCPUs on one processor: the other one is preempted now and then. */
static void yields(void)
{
	int fd = call(vcpu.fd, KVM_GET_STATS_FD, 0);
	uint64_t tried = counter(fd, "directed_yield_attempted"), until = now() + 3000;
	pthread_t threads[2];

	stop = false;
	vcpu_long_mode(&near, spinning_guest, 1);
	set_state(&near, KVM_MP_STATE_RUNNABLE);
	pthread_create(&threads[0], NULL, run_near, NULL);
	pthread_create(&threads[1], NULL, run_last, NULL);
	while (now() < until && !counter(fd, "directed_yield_successful"))
		usleep(20000);
	stop = true;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	tap_ok(counter(fd, "directed_yield_attempted") > tried, "yields are counted");
	tap_ok(counter(fd, "directed_yield_successful") > 0,
	       "one to a vCPU that is preempted succeeds");
	TAP_EQ(results[0], 0, "and always returns 0");
	close(fd);
}

static void hypercalls(void)
{
	begin(calling_guest);
	TAP_EQ(offered() & 0x2880, 0x2880, "PV_UNHALT, PV_SEND_IPI and PV_SCHED_YIELD are offered");
	vcpu_open(&vm, &near, 1);
	vcpu_open(&vm, &far, FAR_ID);
	vcpu_supported_cpuid(&vm, &near);
	enable_lapic(&near);
	enable_lapic(&far);
	TAP_EQ(vcpu_sync(&vcpu), 1, "calls, and IPIs that come to nothing");
	tap_ok(!got(&near, VECTOR) && !got(&far, VECTOR), "nobody got one");
	TAP_EQ(vcpu_sync(&vcpu), 2, "one IPI to many");
	tap_ok(got(&near, VECTOR) && got(&far, VECTOR), "each has got it");
	tap_ok(!got(&vcpu, VECTOR), "the sender has not");
	TAP_EQ(vcpu_sync(&vcpu), 3, "and to all ids of both words");
	tap_ok(got(&near, VECTOR + 1) && got(&far, VECTOR + 1), "each has got that");
	TAP_EQ(vcpu_sync(&vcpu), 4, "kicks and yields that come to nothing");
	set_state(&near, KVM_MP_STATE_HALTED);
	TAP_EQ(state_of(&near), KVM_MP_STATE_HALTED, "one halts");
	TAP_EQ(vcpu_sync(&vcpu), 5, "and is kicked");
	TAP_EQ(state_of(&near), KVM_MP_STATE_RUNNABLE, "that ends its HLT");
	TAP_EQ(vcpu_sync(&vcpu), 6, "a kick that came first ends the next HLT, interrupts off");
	yields();
	tap_checks();
	memcpy(vm.low + CODE32, code32, code32_end - code32);
	vcpu_supported_cpuid(&vm, &far);
	vcpu_protected_mode(&far, CODE32);
	set_state(&far, KVM_MP_STATE_RUNNABLE);
	TAP_EQ(vcpu_sync(&far), 1, "32-bit mode: the second word goes on behind bit 31");
	tap_ok(got(&far, 0x53), "its IPI has come");
	TAP_EQ(vcpu_sync(&far), (uint32_t)-ENOSYS_KVM, "an error has 32 bits");
	vcpu_close(&near);
	vcpu_close(&far);
	end();
}

/* --- the word that ends an interrupt ---------------------------------------------------------- */

#define MSR_EOI		0x4b564d04
#define WORD		(RECORD + PAGE)
#define LEVEL		0x8000
#define MASKED		0x10000
#define PIN		5
#define OTHER		0x41	/* of a lower class than VECTOR */

static volatile unsigned int by_word, by_write, asks;
static volatile bool waits;

static volatile uint32_t *word(void)
{
	return (volatile uint32_t *)WORD;
}

/* As guests do it. */
static void either_eoi(void)
{
	if (asks) {
		guest_sync(asks);
		asks = 0;
	}
	if (irqs[VECTOR + 3])
		ioapic_route(PIN, MASKED);
	if (__atomic_exchange_n(word(), 0, __ATOMIC_SEQ_CST) & 1) {
		by_word++;
	} else {
		apic_eoi();
		by_write++;
	}
}

static void eois(const char *what, unsigned int words, unsigned int writes)
{
	unsigned int i, in_service = 0;

	guest_open();
	for (i = 0; i < 8; i++)
		in_service |= apic_read(APIC_ISR + i * 16);
	guest_check(what, by_word << 8 | by_write, words << 8 | writes);
	guest_check("and none is in service", in_service, 0);
	by_word = 0;
	by_write = 0;
}

static void eoi_word_set(void)
{
	guest_eoi = either_eoi;
	apic_write(APIC_SPIV, 0x1ff);
	apic_write(APIC_LINT0, MASKED);
	guest_check("a word has 4 bytes: #GP", wrmsr_trap(MSR_EOI, WORD | 3), GP);
	guest_check("an address without memory: #GP", wrmsr_trap(MSR_EOI, NOWHERE | 1), GP);
	guest_check("... unless it is not used", wrmsr_trap(MSR_EOI, NOWHERE), NO_TRAP);
	apic_write(APIC_ICR, ICR_SELF | VECTOR);
	eois("without a word the LAPIC is written to", 0, 1);
	guest_check("it takes an address", wrmsr_trap(MSR_EOI, WORD | 1), NO_TRAP);
	guest_check("and gives it back", guest_rdmsr(MSR_EOI), WORD | 1);
	guest_sync(1);
}

static void eoi_not_at_hand(void)
{
	unsigned int i;

	apic_write(APIC_ICR, ICR_SELF | VECTOR);
	guest_open();
	waits = false;
	asm volatile("sti");
	for (i = 0; i < 30000000 && !irqs[OTHER]; i++)
		asm volatile("pause");
	asm volatile("cli");
	guest_check("what comes while the word is not at hand comes all the same", irqs[OTHER], 1);
	guest_check("each of the two has ended", by_word + by_write, 2);
	by_word = 0;
	by_write = 0;
	eois("nothing more comes", 0, 0);
}

static void eoi_guest(void)
{
	eoi_word_set();
	/* Upstream takes the offer back at each exit, of a fault, too. */
	*word() = 0;
	apic_write(APIC_ICR, ICR_SELF | VECTOR);
	eois("an interrupt is ended by the word", 1, 0);
	apic_write(APIC_ICR, ICR_SELF | VECTOR);
	apic_write(APIC_ICR, ICR_SELF | (VECTOR + 1));
	eois("not if another one waits for that", 1, 1);
	guest_sync(2);
	asks = 3;
	apic_write(APIC_ICR, ICR_SELF | VECTOR);
	eois("not after user space had a look", 0, 1);
	apic_write(APIC_ICR, ICR_SELF | VECTOR);
	guest_open();
	guest_sync(4);
	eois("one before user space has a look", 1, 0);
	ioapic_route(PIN, LEVEL | (VECTOR + 3));
	guest_sync(5);
	eois("a level-triggered one is ended by a write", 0, 1);
	irqs[VECTOR + 3] = 0;
	guest_check("which the IO-APIC hears", ioapic_read(0x10 + 2 * PIN) >> 14 & 1, 0);
	guest_sync(6);
	eoi_not_at_hand();
	apic_write(APIC_ICR, ICR_SELF | VECTOR);
	eois("the next one is ended by the word again", 1, 0);
	guest_wrmsr(MSR_EOI, 0);
	apic_write(APIC_ICR, ICR_SELF | VECTOR);
	eois("not if it is switched off", 0, 1);
	guest_sync(7);
}

static bool in_service(unsigned int vector)
{
	struct kvm_lapic_state state;

	call(vcpu.fd, KVM_GET_LAPIC, &state);
	return state.regs[APIC_ISR + vector / 32 * 16 + vector % 32 / 8] >> vector % 8 & 1;
}

/* One interrupt has been ended: the word goes out of the page tables, then one more comes. */
static void *disturb(void *unused)
{
	struct kvm_msi msi = { .address_lo = APIC_PAGE, .data = OTHER };

	while (waits)
		usleep(1000);
	madvise((uint8_t *)area + PAGE, PAGE, MADV_DONTNEED);
	call(vm.fd, KVM_SIGNAL_MSI, &msi);
	return unused;
}

static void eoi_word(void)
{
	struct kvm_irq_level line = { .irq = PIN, .level = 1 };
	volatile uint32_t *flag;
	pthread_t thread;

	begin(eoi_guest);
	flag = (volatile uint32_t *)((uint8_t *)area + PAGE);
	TAP_EQ(offered() >> 6 & 1, 1, "KVM_FEATURE_PV_EOI is offered");
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest has a word");
	TAP_EQ(set_msr(MSR_EOI, WORD | 3), 0, "an odd address is refused from user space, too");
	TAP_EQ(get_msr(MSR_EOI), WORD | 1, "user space reads the MSR");
	TAP_EQ(set_msr(MSR_EOI, WORD | 1), 1, "and writes it");
	TAP_EQ(vcpu_sync(&vcpu), 2, "it ends interrupts");
	written();
	TAP_EQ(vcpu_sync(&vcpu), 3, "one is in service");
	TAP_EQ(written() >> 1 & 1, 1, "the dirty log has the word that the host wrote");
	tap_ok(in_service(VECTOR), "KVM_GET_LAPIC shows it");
	TAP_EQ(*flag, 0, "the word is as if there were none");
	TAP_EQ(vcpu_sync(&vcpu), 4, "one was in service");
	tap_ok(!in_service(VECTOR), "KVM_GET_LAPIC shows that it has ended");
	TAP_EQ(vcpu_sync(&vcpu), 5, "a pin is level-triggered");
	call(vm.fd, KVM_IRQ_LINE, &line);
	TAP_EQ(vcpu_sync(&vcpu), 6, "and high");
	line.level = 0;
	call(vm.fd, KVM_IRQ_LINE, &line);
	waits = true;
	pthread_create(&thread, NULL, disturb, NULL);
	TAP_EQ(vcpu_sync(&vcpu), 7, "a guest whose word is not at hand");
	pthread_join(thread, NULL);
	tap_checks();
	end();
}

/* --- KVM_CAP_ENFORCE_PV_FEATURE_CPUID --------------------------------------------------------- */

static const uint32_t pv_msrs[] = { 0x11, 0x12, 0x4b564d00, 0x4b564d01, MSR_STEAL, MSR_EOI };
static const uint32_t pv_calls[] = { KICK, SEND_IPI, YIELD };

/* A bit for each that is not there: reads of MSRs, writes, calls. */
static void enforced_guest(void)
{
	uint32_t missing = 0, index;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		index = pv_msrs[i];
		if (TRAP("rdmsr", : : "c"(index) : "eax", "edx", TRAP_CLOBBERS) == GP)
			missing |= 1U << i;
		if (wrmsr_trap(index, 0) == GP)
			missing |= 0x100U << i;
	}
	for (i = 0; i < 3; i++)
		if (hypercall(pv_calls[i], 0, 0, 0, VECTOR) == -ENOSYS_KVM)
			missing |= 0x10000U << i;
	guest_sync(missing);
}

static int enforce(uint32_t cap, uint32_t flags, uint64_t on)
{
	struct kvm_enable_cap arg = { .cap = cap, .flags = flags, .args[0] = on };

	return call(vcpu.fd, KVM_ENABLE_CAP, &arg);
}

/* A guest that is shown all features but these. */
static void without(const char *what, uint32_t hidden, bool on, uint32_t missing)
{
	struct kvm_cpuid2 *cpuid;
	unsigned int i;

	begin(enforced_guest);
	enforce(KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 0, on);
	cpuid = supported_cpuid(vm.dev);
	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0x40000001)
			cpuid->entries[i].eax &= ~hidden;
	call(vcpu.fd, KVM_SET_CPUID2, cpuid);
	free(cpuid);
	TAP_EQ(vcpu_sync(&vcpu), missing, "%s", what);
	if (strstr(path, "kvmlet"))
		tap_ok(get_msr(MSR_STEAL) != ~0ULL, "user space may read what is hidden");
	end();
}

static void enforcing(void)
{
	begin(enforced_guest);
	TAP_EQ(call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_ENFORCE_PV_FEATURE_CPUID), 1,
	       "KVM_CAP_ENFORCE_PV_FEATURE_CPUID is 1");
	TAP_EQ(enforce(KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1, 1), -EINVAL, "a flag: EINVAL");
	TAP_EQ(enforce(KVM_CAP_HALT_POLL, 0, 1), -EINVAL, "a VM's capability: EINVAL");
	TAP_EQ(enforce(KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 0, 1), 0, "it can be enabled");
	end();
	without("what is hidden works", ~0U, false, 0);
	without("unless that is enforced", ~0U, true, 0x73f3f);
	without("all is shown", 0, true, 0);
	without("the old clock is not", 1U << 0, true, 0x303);
	without("the new clock is not", 1U << 3, true, 0xc0c);
	without("stolen time is not", 1U << 5, true, 0x1010);
	without("the EOI word is not", 1U << 6, true, 0x2020);
	without("kicks are not", 1U << 7, true, 0x10000);
	without("IPIs are not", 1U << 11, true, 0x20000);
	without("yields are not", 1U << 13, true, 0x40000);
}

/* --- asynchronous page faults ----------------------------------------------------------------- */

#define MSR_ASYNC_PF	0x4b564d02
#define ASYNC_PF_BITS	(1U << 4 | 1U << 10 | 1U << 14)

static void async_guest(void)
{
	guest_check("their MSR: #GP", wrmsr_trap(MSR_ASYNC_PF, RECORD | 1), GP);
	guest_check("0, too", wrmsr_trap(MSR_ASYNC_PF, 0), GP);
	guest_sync(1);
}

static void async_faults(void)
{
	if (!strstr(path, "kvmlet")) {
		tap_skip("no asynchronous page faults", "upstream has them");
		return;
	}
	begin(async_guest);
	TAP_EQ(offered() & ASYNC_PF_BITS, 0, "CPUID does not offer asynchronous page faults");
	TAP_EQ(call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_ASYNC_PF), 0, "KVM_CAP_ASYNC_PF is 0");
	TAP_EQ(call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_ASYNC_PF_INT), 0,
	       "KVM_CAP_ASYNC_PF_INT is 0");
	TAP_EQ(vcpu_sync(&vcpu), 1, "a guest tries them nevertheless");
	tap_checks();
	end();
}

int main(int argc, char **argv)
{
	path = device_path(argc, argv);
	tap_begin();
	steal_msr();
	preemption();
	hypercalls();
	/* Where the processor ends interrupts by itself there is no use for it. */
	if (host_helps(HELP_DELIVERY))
		tap_skip("interrupts ended by the word", "the processor delivers and ends them");
	else
		eoi_word();
	enforcing();
	async_faults();
	return tap_end();
}
