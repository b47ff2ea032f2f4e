// SPDX-License-Identifier: GPL-2.0
/*
 * No byte of the kernel's gets out by accident. Each ioctl that tells something is called twice
 * into memory full of two different values, with the kernel's stack and heap filled by other work
 * in between: what it wrote is the same twice, and reserved fields are zero. A vCPU's pages are
 * zero at first, and what an exit leaves there is the same twice, too.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stddef.h>
#include <sys/select.h>
#include "selftests/lib/vm.h"

#define POISON_1	0x5a
#define POISON_2	0xa5
#define MOST		16384		/* bytes of the longest structure */
#define LIST		(MOST / sizeof(struct kvm_cpuid_entry2) - 1)

static const char *path;
static struct vm vm;
static struct vcpu vcpu;
static uint8_t first[MOST], second[MOST];

/* --- noise ------------------------------------------------------------------------------------ */

/* Kernel stack: poll() and select() keep what user space says there. */
static void stir_stack(uint8_t value)
{
	struct timeval now = { 0, 0 };
	struct pollfd fds[24];
	char name[200];
	unsigned int i;
	fd_set sets[3];

	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		fds[i] = (struct pollfd) { .fd = -1, .events = value << 8 | value };
	poll(fds, sizeof(fds) / sizeof(fds[0]), 0);
	memset(sets, value, sizeof(sets));
	select(FD_SETSIZE, &sets[0], &sets[1], &sets[2], &now);
	memset(name, value, sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	access(name, F_OK);
}

/* Free pages, and what a VM leaves on the heap. */
static void stir_heap(uint8_t value)
{
	uint8_t *memory = pages(64 * PAGE);
	struct kvm_xsave xsave;
	struct kvm_regs regs;
	struct vcpu other;
	struct vm vm;

	memset(memory, value, 64 * PAGE);
	memset(&regs, value, sizeof(regs));
	vm_open(&vm, path);
	call(vm.fd, KVM_CREATE_IRQCHIP, 0);
	if (!vcpu_open(&vm, &other, 0)) {
		memset(other.run, value, 2 * PAGE);
		call(other.fd, KVM_SET_REGS, &regs);
		call(other.fd, KVM_GET_XSAVE, &xsave);
		memset((uint8_t *)&xsave + 160, value, 256);
		call(other.fd, KVM_SET_XSAVE, &xsave);
		vcpu_close(&other);
	}
	vm_close(&vm);
	munmap(memory, 64 * PAGE);
}

static void stir(uint8_t value)
{
	stir_heap(value);
	stir_stack(value);
}

/* --- what ioctls tell ------------------------------------------------------------------------- */

/* Bytes [at, at + length) of every @step bytes, @times times. */
struct field {
	unsigned int at, length, step, times;
};

#define FIELD(type, member) \
	{ offsetof(type, member), sizeof(((type *)0)->member), 0, 1 }
#define ARRAY(type, array, member)						\
	{ offsetof(type, array[0].member), sizeof(((type *)0)->array[0].member), \
	  sizeof(((type *)0)->array[0]),						\
	  sizeof(((type *)0)->array) / sizeof(((type *)0)->array[0]) }

/* Zero, or it changes with time. The second kind is not compared. */
static const struct field segments[] = {
	{ offsetof(struct kvm_segment, padding), 1, sizeof(struct kvm_segment), 8 },
	FIELD(struct kvm_sregs, gdt.padding), FIELD(struct kvm_sregs, idt.padding), { 0 }
}, fpu[] = {
	FIELD(struct kvm_fpu, pad1), FIELD(struct kvm_fpu, pad2), { 0 }
}, xsave[] = {
	{ 520, 56, 0, 1 }, { 0 }
}, xcrs[] = {
	FIELD(struct kvm_xcrs, flags), FIELD(struct kvm_xcrs, padding),
	ARRAY(struct kvm_xcrs, xcrs, reserved), { 0 }
}, events[] = {
	FIELD(struct kvm_vcpu_events, reserved), FIELD(struct kvm_vcpu_events, nmi.pad), { 0 }
}, debugregs[] = {
	FIELD(struct kvm_debugregs, flags), FIELD(struct kvm_debugregs, reserved), { 0 }
}, lapic[] = {
	{ 4, 12, 16, 64 }, { 0 }
}, clock[] = {
	FIELD(struct kvm_clock_data, pad0), FIELD(struct kvm_clock_data, pad), { 0 }
}, clock_runs[] = {
	FIELD(struct kvm_clock_data, clock), FIELD(struct kvm_clock_data, realtime),
	FIELD(struct kvm_clock_data, host_tsc), { 0 }
}, ioapic[] = {
	FIELD(struct kvm_irqchip, chip.ioapic.pad), { 0 }
}, pit[] = {
	FIELD(struct kvm_pit_state2, reserved), { 0 }
}, nested[] = {
	FIELD(struct kvm_nested_state, flags), FIELD(struct kvm_nested_state, format),
	{ offsetof(struct kvm_nested_state, hdr) + sizeof(struct kvm_vmx_nested_state_hdr),
	  sizeof(((struct kvm_nested_state *)0)->hdr) - sizeof(struct kvm_vmx_nested_state_hdr),
	  0, 1 }, { 0 }
}, cpuid_entries[] = {
	{ sizeof(struct kvm_cpuid2) + offsetof(struct kvm_cpuid_entry2, padding), 12,
	  sizeof(struct kvm_cpuid_entry2), LIST }, { 0 }
};

/* @head: a word that the ioctl reads. @device: 0 the device, 1 the VM, 2 the vCPU. */
static const struct getter {
	const char *name;
	unsigned int device;
	unsigned long cmd;
	uint32_t head;
	const struct field *zero, *runs;
} getters[] = {
	{ "KVM_GET_REGS", 2, KVM_GET_REGS, 0, NULL, NULL },
	{ "KVM_GET_SREGS", 2, KVM_GET_SREGS, 0, segments, NULL },
	{ "KVM_GET_SREGS2", 2, KVM_GET_SREGS2, 0, segments, NULL },
	{ "KVM_GET_FPU", 2, KVM_GET_FPU, 0, fpu, NULL },
	{ "KVM_GET_XSAVE", 2, KVM_GET_XSAVE, 0, xsave, NULL },
	{ "KVM_GET_XSAVE2", 2, KVM_GET_XSAVE2, 0, xsave, NULL },
	{ "KVM_GET_NESTED_STATE", 2, KVM_GET_NESTED_STATE, 0, nested, NULL },
	{ "KVM_GET_XCRS", 2, KVM_GET_XCRS, 0, xcrs, NULL },
	{ "KVM_GET_VCPU_EVENTS", 2, KVM_GET_VCPU_EVENTS, 0, events, NULL },
	{ "KVM_GET_DEBUGREGS", 2, KVM_GET_DEBUGREGS, 0, debugregs, NULL },
	{ "KVM_GET_LAPIC", 2, KVM_GET_LAPIC, 0, lapic, NULL },
	{ "KVM_GET_MP_STATE", 2, KVM_GET_MP_STATE, 0, NULL, NULL },
	{ "KVM_GET_CPUID2", 2, KVM_GET_CPUID2, LIST, cpuid_entries, NULL },
	{ "KVM_GET_CLOCK", 1, KVM_GET_CLOCK, 0, clock, clock_runs },
	{ "KVM_GET_IRQCHIP, first PIC", 1, KVM_GET_IRQCHIP, 0, NULL, NULL },
	{ "KVM_GET_IRQCHIP, second PIC", 1, KVM_GET_IRQCHIP, 1, NULL, NULL },
	{ "KVM_GET_IRQCHIP, IO-APIC", 1, KVM_GET_IRQCHIP, 2, ioapic, NULL },
	{ "KVM_GET_PIT2", 1, KVM_GET_PIT2, 0, pit, NULL },
	{ "KVM_GET_SUPPORTED_CPUID", 0, KVM_GET_SUPPORTED_CPUID, LIST, cpuid_entries, NULL },
	{ "KVM_GET_EMULATED_CPUID", 0, KVM_GET_EMULATED_CPUID, LIST, cpuid_entries, NULL },
	{ "KVM_GET_MSR_INDEX_LIST", 0, KVM_GET_MSR_INDEX_LIST, 1024, NULL, NULL },
	{ "KVM_GET_MSR_FEATURE_INDEX_LIST", 0, KVM_GET_MSR_FEATURE_INDEX_LIST, 1024, NULL, NULL },
	{ "KVM_X86_GET_MCE_CAP_SUPPORTED", 0, KVM_X86_GET_MCE_CAP_SUPPORTED, 0, NULL, NULL },
};

static bool within(const struct field *fields, unsigned int byte)
{
	unsigned int i;

	for (; fields && fields->length; fields++)
		for (i = 0; i < fields->times; i++)
			if (byte - fields->at - i * fields->step < fields->length)
				return true;
	return false;
}

/* As the caller had it, both times. */
static bool untouched(unsigned int i)
{
	return first[i] == POISON_1 && second[i] == POISON_2;
}

/*
 * An answer has each byte of its structure written: @bytes from the start. What lies behind it, or
 * was given to the ioctl with the rest, may be as it was.
 */
static unsigned int different(unsigned int bytes, const struct field *runs)
{
	unsigned int i, n = 0;

	for (i = 0; i < MOST; i++) {
		if (first[i] == second[i] || (i >= bytes && untouched(i)) || within(runs, i))
			continue;
		if (n++ < 4)
			printf("# byte %u: %#x, then %#x\n", i, first[i], second[i]);
	}
	return n;
}

static unsigned int not_zero(const struct field *zero)
{
	unsigned int i, n = 0;

	for (i = 0; i < MOST; i++) {
		if (!within(zero, i) || untouched(i) || !(first[i] | second[i]))
			continue;
		if (n++ < 4)
			printf("# byte %u: %#x, %#x\n", i, first[i], second[i]);
	}
	return n;
}

static int get(const struct getter *g, uint8_t *buffer, uint8_t poison)
{
	const int fds[] = { vm.dev, vm.fd, vcpu.fd };

	stir(~poison);
	memset(buffer, poison, MOST);
	if (_IOC_DIR(g->cmd) & _IOC_WRITE)
		memcpy(buffer, &g->head, sizeof(g->head));
	return call(fds[g->device], g->cmd, buffer);
}

static void tells_nothing_else(const struct getter *g)
{
	/* The two-way ones are lists, and KVM_GET_IRQCHIP, whose union upstream fills in part. */
	unsigned int bytes = _IOC_DIR(g->cmd) & _IOC_WRITE ? 4 : _IOC_SIZE(g->cmd);
	int r = get(g, first, POISON_1);

	if (r == -EINVAL && g->cmd == KVM_GET_EMULATED_CPUID) {
		tap_skip(g->name, "upstream wants the padding of the caller's list to be zero");
		return;
	}
	tap_ok(r >= 0 && get(g, second, POISON_2) == r, "%s works", g->name);
	tap_ok(!different(bytes, g->runs), "%s writes the same twice, and all of it", g->name);
	if (g->zero)
		tap_ok(!not_zero(g->zero), "%s: what is reserved is zero", g->name);
}

/* What KVM_GET_STATS_FD's descriptor tells, while nobody counts. */
static void stats(int fd, const char *name)
{
	int stats = call(fd, KVM_GET_STATS_FD, 0);
	ssize_t n, again;

	stir(POISON_2);
	memset(first, POISON_1, MOST);
	n = pread(stats, first, MOST, 0);
	stir(POISON_1);
	memset(second, POISON_2, MOST);
	again = pread(stats, second, MOST, 0);
	tap_ok(n > 0 && n < MOST && again == n && !different(n, NULL),
	       "%s: reading it gives the same twice, and all of it", name);
	close(stats);
}

/* --- MSRs ------------------------------------------------------------------------------------- */

static bool runs_with_time(uint32_t index)
{
	return index == 0x10 || (index >= 0x40000000 && index < 0x40000200);
}

static unsigned int list_msrs(unsigned long cmd, struct kvm_msr_list *list)
{
	list->nmsrs = 1024;
	return call(vm.dev, cmd, list) ? 0 : list->nmsrs;
}

/* One by one: values, and the reserved word, which is the caller's. */
static void msrs(int fd, unsigned long list_cmd, const char *name)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} *a = (void *)first, *b = (void *)second;
	static struct {
		struct kvm_msr_list head;
		uint32_t indices[1024];
	} list;
	unsigned int i, n = list_msrs(list_cmd, &list.head), wrong = 0;

	for (i = 0; i < n; i++) {
		memset(first, POISON_1, MOST);
		memset(second, POISON_2, MOST);
		a->head.nmsrs = 1;
		b->head.nmsrs = 1;
		a->entry.index = list.indices[i];
		b->entry.index = list.indices[i];
		stir_stack(i);
		call(fd, KVM_GET_MSRS, a);
		stir_stack(~i);
		call(fd, KVM_GET_MSRS, b);
		wrong += !runs_with_time(list.indices[i]) && different(4, NULL);
	}
	tap_ok(n && !wrong, "%s: the same twice, of %u MSRs", name, n);
}

/* --- pages and exits -------------------------------------------------------------------------- */

static unsigned int bytes_set(const void *p, unsigned int bytes)
{
	const uint8_t *b = p;
	unsigned int n = 0;

	while (bytes--)
		n += !!*b++;
	return n;
}

static void fresh_pages(void)
{
	struct vm vm;
	struct vcpu vcpu;
	unsigned int i, wrong = 0;

	for (i = 0; i < 16; i++) {
		stir(0xc0 + i);
		vm_open(&vm, path);
		wrong += vcpu_open(&vm, &vcpu, 0) || bytes_set(vcpu.run, 3 * PAGE);
		vcpu_close(&vcpu);
		vm_close(&vm);
	}
	TAP_EQ(wrong, 0, "a new vCPU's run page, port page and ring are zero");
}

enum leaving { PORT_IN, PORT_OUT, PORT_STRING, READ, WRITE, HALT, BEYOND, NR_LEAVINGS };

static const char *const leaving_names[] = {
	"IN", "OUT", "OUTS", "a read of a device", "a write to a device", "HLT", "a bad jump",
};

static volatile unsigned int leaving;
static uint8_t string[] = "ssssssssssss";	/* upstream hands out a byte an exit */

/* The same way out, twice and more. */
static void guest(void)
{
	volatile uint8_t *byte = (volatile uint8_t *)(DEVICE + 8);
	unsigned long count;
	void *p;

	for (;;) {
		p = string;
		count = sizeof(string);
		if (leaving == PORT_IN)
			asm volatile("inb %0, %%al" : : "Nd"((uint8_t)DEVICE_PORT) : "eax");
		else if (leaving == PORT_OUT)
			asm volatile("outb %b0, %1" : : "a"(7), "Nd"((uint8_t)DEVICE_PORT));
		else if (leaving == PORT_STRING)
			asm volatile("rep outsb" : "+S"(p), "+c"(count) : "d"(DEVICE_PORT));
		else if (leaving == READ)
			(void)*byte;
		else if (leaving == WRITE)
			*byte = 9;
		else if (leaving == HALT)
			asm volatile("hlt");
		else
			asm volatile("jmp *%0" : : "r"(DEVICE + 64));
	}
}

/* The run page and the port page after an exit, with everything poisoned before it. */
static int leave(uint8_t *copy, uint8_t poison)
{
	struct kvm_run *run = vcpu.run;
	int exit;

	stir(~poison);
	memset(run, poison, 2 * PAGE);
	run->request_interrupt_window = 0;
	run->immediate_exit = 0;
	run->cr8 = 0;
	run->kvm_valid_regs = 0;
	run->kvm_dirty_regs = 0;
	exit = vcpu_run_on(&vcpu);
	memcpy(copy, run, 2 * PAGE);
	return exit;
}

static void exits(void)
{
	int a, b;

	memset(first, POISON_1, MOST);
	memset(second, POISON_2, MOST);
	for (leaving = 0; leaving < NR_LEAVINGS; leaving++) {
		vcpu_long_mode(&vcpu, guest, 0);
		/* What the last way out left is settled first. */
		leave(first, 0);
		if (leaving == BEYOND)
			vcpu_long_mode(&vcpu, guest, 0);
		a = leave(first, POISON_1);
		if (leaving == BEYOND)
			vcpu_long_mode(&vcpu, guest, 0);
		b = leave(second, POISON_2);
		tap_ok(a == b && a >= 0 && !different(0, NULL),
		       "%s (%s): the exit writes the same twice", leaving_names[leaving],
		       exit_name(a));
	}
}

int main(int argc, char **argv)
{
	unsigned int i;

	tap_begin();
	path = device_path(argc, argv);
	alarm(100);
	fresh_pages();
	machine(&vm, &vcpu, path, true, guest);
	call(vm.fd, KVM_CREATE_PIT, 0);
	for (i = 0; i < sizeof(getters) / sizeof(getters[0]); i++)
		tells_nothing_else(&getters[i]);
	stats(vm.fd, "KVM_GET_STATS_FD of a VM");
	stats(vcpu.fd, "KVM_GET_STATS_FD of a vCPU");
	msrs(vm.dev, KVM_GET_MSR_FEATURE_INDEX_LIST, "KVM_GET_MSRS of the system");
	msrs(vcpu.fd, KVM_GET_MSR_INDEX_LIST, "KVM_GET_MSRS");
	machine_close(&vm, &vcpu);
	machine(&vm, &vcpu, path, false, guest);
	exits();
	machine_close(&vm, &vcpu);
	return tap_end();
}
