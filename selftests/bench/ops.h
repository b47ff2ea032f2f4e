/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the bench measures, once: the loops that the guest runs, and what its monitor does when one
 * of them comes to user space. A loop holds the operation and nothing else, because each of its
 * instructions is part of what is told; exceptions and interrupts go to handlers of a few
 * instructions. Guest and monitor are one program (lib/vm.h) and share its variables.
 */
#ifndef KVMLET_BENCH_OPS_H
#define KVMLET_BENCH_OPS_H

#include <asm/processor-flags.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include "selftests/lib/apic.h"

#define PORT		0x30		/* nobody's */
#define KICK_PORT	0x34		/* an ioeventfd's */
#define PIC_MASK	0x21
#define VECTOR		0x60
#define NONE_MSR	0x12345
#define MSR_TSC_ADJUST	0x3b
#define MSR_PLATFORM	0xce
#define MSR_SYSENTER	0x174
#define MSR_FS_BASE	0xc0000100
#define MSR_MISC	0x1a0
#define MSR_EFER	0xc0000080
#define UD		6
#define GP		13
#define KICK_MMIO	(DEVICE + 0x800)	/* ioeventfds: any length, and four bytes */
#define KICK_MMIO_4	(DEVICE + 0x900)
#define REGION		0x40000000UL	/* memory whose first touch is measured, and its size */
#define REGION_SIZE	(12UL << 20)
#define REGION_AT	0x200000000000UL /* in the monitor: above its heap, whose place is random */
#define SMALL_PAGES	256UL
#define HUGE		(2UL << 20)
#define HUGE_PAGES	(REGION_SIZE / HUGE)
#define LOGGED_PAGES	512UL
#define WAKE_AFTER	50000		/* ticks that a guest sleeps */

static struct vm vm;
static struct vcpu vcpu, other;
static uint8_t *region;			/* REGION, as the monitor sees it */
static unsigned long region_size;
static volatile uint64_t own_ticks;	/* of a loop that takes its time itself */
static volatile bool pong_ends;
static uint32_t old_low;		/* of an MSR that is written as it is */

/* --- handlers ------------------------------------------------------------------------------- */

extern const char on_ud[], on_gp[], on_irq[], on_irq_x2apic[], on_irq_xapic[], on_wake[];

/* on_irq_xapic wants RBX to hold the APIC's page; on_wake leaves the time in R8. */
asm(".pushsection .text\n"
    "on_ud:		addq $2, (%rsp)\n"
    "		iretq\n"
    "on_gp:		add $8, %rsp\n"
    "		addq $2, (%rsp)\n"
    "on_irq:	iretq\n"
    "on_irq_xapic:	mov %eax, 0xb0(%rbx)\n"
    "		iretq\n"
    "on_wake:	rdtsc\n"
    "		shl $32, %rdx\n"
    "		lea (%rax, %rdx), %r8\n"
    "on_irq_x2apic:	mov $0x80b, %ecx\n"
    "		xor %eax, %eax\n"
    "		xor %edx, %edx\n"
    "		wrmsr\n"
    "		iretq\n"
    ".popsection\n");

/* In the guest, whose interrupt descriptor table is where IDTR says. */
static void handle(unsigned int vector, const char *handler)
{
	struct { uint16_t limit; uintptr_t base; } __attribute__((packed)) idtr;
	uintptr_t address = (uintptr_t)handler;
	uint16_t *gate;

	asm volatile("sidt %0" : "=m"(idtr));
	gate = (uint16_t *)(idtr.base + 16 * vector);
	gate[0] = address;
	gate[3] = address >> 16;
}

/* --- loops ---------------------------------------------------------------------------------- */

#define LOOP(name, before, insns, operands...)					\
static void name(unsigned int n)						\
{										\
	before;									\
	while (n--)								\
		asm volatile(insns operands);					\
}

#define NOTHING		do { } while (0)
#define ABCD		"eax", "ebx", "ecx", "edx", "memory", "cc"

LOOP(do_nothing, NOTHING, "", : : : "memory")
LOOP(do_cpuid_0, NOTHING, "xor %%eax, %%eax; xor %%ecx, %%ecx; cpuid", : : : ABCD)
LOOP(do_cpuid_8, NOTHING, "mov $0x80000008, %%eax; xor %%ecx, %%ecx; cpuid", : : : ABCD)
LOOP(do_vmcall, NOTHING, "mov $999, %%eax; vmcall", : : : ABCD)
LOOP(do_ud2, NOTHING, "ud2", : : : "memory")
LOOP(do_wbinvd, NOTHING, "wbinvd", : : : "memory")
LOOP(do_out, NOTHING, "xor %%eax, %%eax; outb %%al, %0", : : "N"((uint8_t)PORT) : "eax", "cc")
LOOP(do_out_irq, NOTHING, "xor %%eax, %%eax; outb %%al, %0", : : "N"((uint8_t)PORT)
     : "eax", "ecx", "edx", "cc")
LOOP(do_in, NOTHING, "xor %%eax, %%eax; inb %0, %%al", : : "N"((uint8_t)PORT) : "eax", "cc")
LOOP(do_in_pic, NOTHING, "xor %%eax, %%eax; inb %0, %%al", : : "N"((uint8_t)PIC_MASK) : "eax")
LOOP(do_out_kick, NOTHING, "xor %%eax, %%eax; outb %%al, %0", :
     : "N"((uint8_t)KICK_PORT) : "eax")
LOOP(do_outs, NOTHING, "mov $64, %%ecx; mov %1, %%esi; rep outsb", :
     : "d"(PORT), "i"(guest_tables) : "ecx", "esi", "memory")
LOOP(do_read, NOTHING, "mov (%0), %%eax", : : "r"(DEVICE) : "eax", "memory")
LOOP(do_write, NOTHING, "mov %%eax, (%0)", : : "r"(DEVICE) : "memory")
LOOP(do_kick, NOTHING, "mov %%eax, (%0)", : : "r"(KICK_MMIO) : "memory")
LOOP(do_kick_4, NOTHING, "mov %%eax, (%0)", : : "r"(KICK_MMIO_4) : "memory")
LOOP(do_dr7, NOTHING, "xor %%eax, %%eax; cpuid; mov %0, %%dr7", : : "r"(0x400UL) : ABCD)
LOOP(do_window, NOTHING, "xor %%eax, %%eax; outb %%al, %0; sti; nop; cli", :
     : "N"((uint8_t)PORT) : "eax", "cc")

#define RDMSR_LOOP(name, msr)							\
LOOP(name, NOTHING, "mov %0, %%ecx; rdmsr", : : "i"(msr) : "eax", "ecx", "edx")
#define WRMSR_LOOP(name, before, msr, low, high)				\
LOOP(name, before, "mov %0, %%ecx; mov %1, %%eax; mov %2, %%edx; wrmsr", :	\
     : "i"(msr), "r"(low), "r"(high) : "eax", "ecx", "edx", "memory")

RDMSR_LOOP(do_rd_base, MSR_APIC_BASE)
RDMSR_LOOP(do_rd_misc, MSR_MISC)
RDMSR_LOOP(do_rd_platform, MSR_PLATFORM)
RDMSR_LOOP(do_rd_none, NONE_MSR)
RDMSR_LOOP(do_rd_id, X2APIC(APIC_ID))
WRMSR_LOOP(do_wr_adjust, NOTHING, MSR_TSC_ADJUST, 0, 0)
WRMSR_LOOP(do_wr_misc, uint32_t low = old_low, MSR_MISC, low, 0)
WRMSR_LOOP(do_wr_efer, uint32_t low = old_low, MSR_EFER, low, 0)
WRMSR_LOOP(do_eoi, NOTHING, X2APIC(APIC_EOI), 0, 0)
WRMSR_LOOP(do_icr_self, NOTHING, X2APIC(APIC_ICR), ICR_SELF | VECTOR, 0)
WRMSR_LOOP(do_icr_dest, NOTHING, X2APIC(APIC_ICR), VECTOR, 0)

#define XCR0_X87_SSE	3
LOOP(do_xsetbv, NOTHING, "xor %%ecx, %%ecx; xor %%edx, %%edx; mov %0, %%eax; xsetbv", :
     : "i"(XCR0_X87_SSE) : "eax", "ecx", "edx")

#define READ_CR(nr) ({ uint64_t cr; asm volatile("mov %%cr" #nr ", %0" : "=r"(cr)); cr; })
#define TOGGLE_LOOP(name, nr, now, bit)						\
LOOP(name, uint64_t value = now, "xor %1, %0; mov %0, %%cr" #nr,	\
     : "+r"(value) : "r"((uint64_t)(bit)) : "memory", "cc")

TOGGLE_LOOP(do_cr0_am, 0, READ_CR(0), X86_CR0_AM)
TOGGLE_LOOP(do_cr4_mce, 4, READ_CR(4), X86_CR4_MCE)
TOGGLE_LOOP(do_cr4_osxsave, 4, READ_CR(4), X86_CR4_OSXSAVE)
TOGGLE_LOOP(do_cr4_smep, 4, READ_CR(4), X86_CR4_SMEP)
TOGGLE_LOOP(do_cr8, 8, 0, 1)

/* What no processor with these features leaves the guest for. */
LOOP(do_rdtsc, NOTHING, "rdtsc", : : : ABCD)
LOOP(do_pause, NOTHING, "pause", : : : "memory")
LOOP(do_invlpg, NOTHING, "invlpg (%0)", : : "r"(REGION) : "memory")
LOOP(do_rd_cr0, NOTHING, "mov %%cr0, %%rax", : : : "rax", "memory")
LOOP(do_rd_cr8, NOTHING, "mov %%cr8, %%rax", : : : "rax", "memory")
LOOP(do_cr0_same, uint64_t old = READ_CR(0), "mov %0, %%cr0", : : "r"(old) : "memory")
LOOP(do_cr3_same, uint64_t old = READ_CR(3), "mov %0, %%cr3", : : "r"(old) : "memory")
LOOP(do_dr7_alone, NOTHING, "mov %0, %%dr7", : : "r"(0x400UL) : "memory")
TOGGLE_LOOP(do_cr0_ts, 0, READ_CR(0), X86_CR0_TS)
TOGGLE_LOOP(do_cr0_wp, 0, READ_CR(0), X86_CR0_WP)
TOGGLE_LOOP(do_cr4_pge, 4, READ_CR(4), X86_CR4_PGE)
RDMSR_LOOP(do_rd_fs, MSR_FS_BASE)
WRMSR_LOOP(do_wr_sysenter, NOTHING, MSR_SYSENTER, 0, 0)
WRMSR_LOOP(do_wr_tpr, NOTHING, X2APIC(APIC_TPR), 0x10, 0)

/* An IPI to itself; it is delivered at once, or ends a HLT. */
#define IPI_LOOP(name, msr, low, wait)						\
LOOP(name, NOTHING, "mov %0, %%ecx; mov %1, %%eax; xor %%edx, %%edx; wrmsr; " wait, :	\
     : "i"(msr), "i"(low) : "eax", "ecx", "edx", "memory", "cc")

IPI_LOOP(do_ipi_self, X2APIC(APIC_ICR), ICR_SELF | VECTOR, "")
IPI_LOOP(do_ipi_dest, X2APIC(APIC_ICR), VECTOR, "")
IPI_LOOP(do_ipi_msr, X2APIC_SELF, VECTOR, "")
IPI_LOOP(do_ipi_halt, X2APIC(APIC_ICR), VECTOR, "sti; hlt; cli")
IPI_LOOP(do_past, MSR_DEADLINE, 1, "")
WRMSR_LOOP(do_arm, NOTHING, MSR_DEADLINE, 0, 0x7fff)

/* Only with on_irq_xapic. */
#define XAPIC_LOOP(name, reg, insns)						\
LOOP(name, NOTHING, insns, : : "b"(APIC_PAGE), "i"(reg), "a"(ICR_SELF | VECTOR)	\
     : "ecx", "memory", "cc")

XAPIC_LOOP(do_xapic_eoi, APIC_EOI, "mov %%eax, %c1(%0)")
XAPIC_LOOP(do_xapic_icr, APIC_ICR, "mov %%eax, %c1(%0)")
XAPIC_LOOP(do_xapic_svr, APIC_SPIV, "mov %c1(%0), %%ecx")
LOOP(do_xapic_tpr, NOTHING, "mov %%eax, %c1(%0)", : : "b"(APIC_PAGE), "i"(APIC_TPR), "a"(0)
     : "memory")

static void touch(unsigned int n, unsigned long step, bool write)
{
	volatile uint8_t *p = (uint8_t *)REGION;

	for (; n--; p += step)
		if (write)
			*p = 1;
		else
			(void)*p;
}

static void do_touch(unsigned int n)
{
	touch(n, PAGE, true);
}

static void do_look(unsigned int n)
{
	touch(n, PAGE, false);
}

static void do_touch_huge(unsigned int n)
{
	touch(n, HUGE, true);
}

static void do_log_cycle(unsigned int n)
{
	do_out(1);
	do_touch(n);
}

/* How late the guest's handler is. */
static void do_wake(unsigned int n)
{
	register uint64_t now asm("r8");
	uint64_t late = 0, deadline;

	while (n--) {
		deadline = guest_rdtsc() + WAKE_AFTER;
		guest_wrmsr(MSR_DEADLINE, deadline);
		asm volatile("sti; hlt; cli" : "=r"(now) : : "eax", "ecx", "edx", "memory");
		late += now - deadline;
	}
	own_ticks = late;
}

static void do_ping(unsigned int n)
{
	while (n--) {
		guest_wrmsr(X2APIC(APIC_ICR), 1ULL << 32 | VECTOR);
		asm volatile("sti; hlt; cli" : : : "eax", "ecx", "edx", "memory");
	}
}

/* --- the guest's preparations --------------------------------------------------------------- */

static void on_exceptions(void)
{
	handle(UD, on_ud);
	handle(GP, on_gp);
}

static void keep_misc(void)
{
	old_low = guest_rdmsr(MSR_MISC);
}

static void keep_efer(void)
{
	old_low = guest_rdmsr(MSR_EFER);
}

/* Nothing that SMEP keeps the guest's kernel from. */
static void no_user_pages(void)
{
	guest_tables[0][0] &= ~4ULL;
	guest_tables[0][256] &= ~4ULL;
	asm volatile("mov %0, %%cr3" : : "r"(READ_CR(3)) : "memory");
}

static void use_xsave(void)
{
	asm volatile("mov %0, %%cr4" : : "r"(READ_CR(4) | X86_CR4_OSXSAVE));
}

static void on_user_irqs(void)
{
	handle(VECTOR, on_irq);
}

static void open_to_irqs(void)
{
	handle(VECTOR, on_irq);
	asm volatile("sti");
}

static void use_xapic(void)
{
	guest_warm();
	handle(VECTOR, on_irq_xapic);
	apic_write(APIC_SPIV, 0x1ff);
}

static void use_open_xapic(void)
{
	use_xapic();
	asm volatile("sti");
}

static void use_x2apic(void)
{
	guest_warm();
	handle(VECTOR, on_irq_x2apic);
	guest_wrmsr(MSR_APIC_BASE, guest_rdmsr(MSR_APIC_BASE) | 0x400);
	guest_wrmsr(X2APIC(APIC_SPIV), 0x1ff);
}

static void use_open_x2apic(void)
{
	use_x2apic();
	asm volatile("sti");
}

static void use_deadline(void)
{
	use_x2apic();
	handle(VECTOR, on_wake);
	guest_wrmsr(X2APIC(APIC_LVTT), LVTT_DEADLINE | VECTOR);
}

static void use_open_deadline(void)
{
	use_deadline();
	handle(VECTOR, on_irq_x2apic);
	asm volatile("sti");
}

/* Takes what a loop with interrupts off has left. */
static void drain(void)
{
	asm volatile("sti; nop; nop; cli" : : "b"(APIC_PAGE)
		     : "eax", "ecx", "edx", "memory", "cc");
}

/* The other processor of do_ping(). */
static void pong_guest(void)
{
	use_x2apic();
	for (;;) {
		guest_sync(1);
		while (!pong_ends) {
			asm volatile("sti; hlt; cli" : : : "eax", "ecx", "edx", "memory");
			guest_wrmsr(X2APIC(APIC_ICR), VECTOR);
		}
	}
}

/* --- the monitor's part --------------------------------------------------------------------- */

static int kick_fd = -1;

static int with_kick(unsigned long address, unsigned int length, unsigned int flags)
{
	struct kvm_ioeventfd kick = { .addr = address, .len = length, .flags = flags };

	kick_fd = eventfd(0, 0);
	kick.fd = kick_fd;
	return call(vm.fd, KVM_IOEVENTFD, &kick);
}

static int kick_port(void)
{
	return with_kick(KICK_PORT, 1, KVM_IOEVENTFD_FLAG_PIO);
}

static int kick_mmio(void)
{
	return with_kick(KICK_MMIO, 0, 0);
}

static int kick_mmio_4(void)
{
	return with_kick(KICK_MMIO_4, 4, 0);
}

static int with_irqfd(void)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routes = { { .nr = 1 }, { .gsi = 24, .type = KVM_IRQ_ROUTING_MSI } };
	struct kvm_irqfd irqfd = { .gsi = 24 };

	routes.entry.u.msi.address_lo = APIC_PAGE;
	routes.entry.u.msi.data = VECTOR;
	kick_fd = eventfd(0, 0);
	irqfd.fd = kick_fd;
	return call(vm.fd, KVM_SET_GSI_ROUTING, &routes) ?: call(vm.fd, KVM_IRQFD, &irqfd);
}

static void answer_regs(void)
{
	struct kvm_regs regs;

	call(vcpu.fd, KVM_GET_REGS, &regs);
}

static void answer_interrupt(void)
{
	struct kvm_interrupt interrupt = { .irq = VECTOR };

	call(vcpu.fd, KVM_INTERRUPT, &interrupt);
}

static void answer_window(void)
{
	bool out = vcpu.run->exit_reason == KVM_EXIT_IO;

	vcpu.run->request_interrupt_window = out;
	if (!out)
		answer_interrupt();
}

static void answer_msi(void)
{
	struct kvm_msi msi = { .address_lo = APIC_PAGE, .data = VECTOR };

	call(vm.fd, KVM_SIGNAL_MSI, &msi);
}

static void answer_irqfd(void)
{
	uint64_t one = 1;

	if (write(kick_fd, &one, sizeof(one)) != sizeof(one))
		printf("# an eventfd takes no number\n");
}

static uint64_t dirty_bits[LOGGED_PAGES / 64];

static void answer_log(void)
{
	struct kvm_dirty_log log = { .slot = 2, .dirty_bitmap = dirty_bits };

	call(vm.fd, KVM_GET_DIRTY_LOG, &log);
}

/* REGION as it is to be before each round of touches. */
static int with_region(unsigned long size, unsigned int flags, int advice)
{
	region_size = size;
	region = mmap((void *)REGION_AT, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (region == MAP_FAILED || madvise(region, size, advice))
		return -errno;
	return vm_slot(&vm, 2, flags, REGION, size, region);
}

static int small_pages(void)
{
	return with_region(SMALL_PAGES * PAGE, 0, MADV_NOHUGEPAGE);
}

static int huge_pages(void)
{
	return with_region(REGION_SIZE, 0, MADV_HUGEPAGE);
}

static int logged_pages(void)
{
	return with_region(LOGGED_PAGES * PAGE, KVM_MEM_LOG_DIRTY_PAGES, MADV_NOHUGEPAGE);
}

static void fresh(void)
{
	madvise(region, region_size, MADV_DONTNEED);
}

/*
 * The host's clock ticks once in so many instructions as it takes to clear 2 MiB: such a round
 * starts right after a tick, which shows as a gap.
 */
static void fresh_after_tick(void)
{
	uint64_t last, now;

	fresh();
	now = guest_rdtsc();
	do {
		last = now;
		now = guest_rdtsc();
	} while (now - last < 500);
}

static void present(void)
{
	unsigned long i;

	fresh();
	for (i = 0; i < region_size; i += PAGE)
		*(volatile uint8_t *)(region + i) = 1;
}

static void drop_region(void)
{
	if (!region)
		return;
	munmap(region, region_size);
	region = NULL;
}

#endif
