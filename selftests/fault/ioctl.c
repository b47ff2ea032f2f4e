// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation and every user copy of every ioctl fails in turn. The ioctl says so with its
 * errno, or does without; then it works, and the object is as if nothing had been.
 *
 * lab: --debug
 * only: kvmlet
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include "selftests/lib/eventfd.h"
#include "selftests/fault/fault.h"

#define SLOT_GPA	0x40000000UL
#define LOGGED_GPA	0x50000000UL
#define SLOT_PAGES	64
#define FEW		2		/* entries of a list that needs no allocation, */
#define MANY		20		/* and of one that does */

static const char *path;
static struct vm vm;
static struct vcpu vcpu;
static void *memory;

static struct {
	struct kvm_msrs head;
	struct kvm_msr_entry entries[MANY];
} msrs = { .entries = { { .index = 0x10a }, [1 ... MANY - 1] = { .index = 0x277 } } };

static struct {
	struct kvm_msr_list head;
	uint32_t indices[256];
} msr_list;

static struct {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[100];
} cpuid;

static struct {
	struct kvm_signal_mask head;
	uint64_t set;
} mask = { { .len = 8 }, 0 };

static union {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debugregs;
	struct kvm_mp_state mp_state;
	struct kvm_clock_data clock;
	struct kvm_irqchip irqchip;
	struct kvm_pit_state2 pit;
	uint8_t bytes[4096];
} state, again;

/* A getter, and the setter that takes what it gives. */
static const struct pair {
	const char *name;
	bool of_vm;
	unsigned long get, set;
} pairs[] = {
	{ "REGS", false, KVM_GET_REGS, KVM_SET_REGS },
	{ "SREGS", false, KVM_GET_SREGS, KVM_SET_SREGS },
	{ "SREGS2", false, KVM_GET_SREGS2, KVM_SET_SREGS2 },
	{ "FPU", false, KVM_GET_FPU, KVM_SET_FPU },
	{ "XSAVE", false, KVM_GET_XSAVE, KVM_SET_XSAVE },
	{ "XSAVE2", false, KVM_GET_XSAVE2, KVM_SET_XSAVE },
	{ "XCRS", false, KVM_GET_XCRS, KVM_SET_XCRS },
	{ "LAPIC", false, KVM_GET_LAPIC, KVM_SET_LAPIC },
	{ "VCPU_EVENTS", false, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS },
	{ "DEBUGREGS", false, KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS },
	{ "MP_STATE", false, KVM_GET_MP_STATE, KVM_SET_MP_STATE },
	{ "IRQCHIP", true, KVM_GET_IRQCHIP, KVM_SET_IRQCHIP },
	{ "PIT2", true, KVM_GET_PIT2, KVM_SET_PIT2 },
};

/* --- the sweep ------------------------------------------------------------------------------- */

/* A call that is swept. @undo: what puts the object back after it worked. */
struct swept {
	const char *name;
	int (*fn)(void *arg);
	void (*undo)(void *arg, int result);
	void *arg;
};

static bool is_fault(int r)
{
	return r == -ENOMEM || r == -EFAULT;
}

/*
 * @good: what the call returns when nothing fails; negative: a descriptor. Returns the number of
 * faults that took place; *wrong counts odd results.
 */
static unsigned int sweep(const struct swept *s, int good, unsigned int *wrong)
{
	unsigned int n;
	bool hit;
	int r;

	for (n = 1; n < FAULTS_MOST; n++) {
		fault_arm(n);
		r = s->fn(s->arg);
		hit = fault_disarm();
		if (r >= 0 && s->undo)
			s->undo(s->arg, r);
		if (!hit)
			break;
		if (r < 0 ? !is_fault(r) : good >= 0 && r != good) {
			printf("# %s: fault %u: %d\n", s->name, n, r);
			(*wrong)++;
		}
	}
	return n - 1;
}

static void check(const struct swept *s, int good, unsigned int least)
{
	unsigned int wrong = 0, faults = sweep(s, good, &wrong);
	int r = s->fn(s->arg);

	if (r >= 0 && s->undo)
		s->undo(s->arg, r);
	printf("# %s: %u faults\n", s->name, faults);
	tap_ok(!wrong && faults >= least && faults < FAULTS_MOST - 1 &&
	       (good < 0 ? r >= 0 : r == good),
	       "%s fails cleanly at each fault, then works", s->name);
}

static void closed(void *arg, int fd)
{
	(void)arg;
	close(fd);
}

/* --- ioctls that make objects ----------------------------------------------------------------- */

static int create_vm(void *arg)
{
	(void)arg;
	return call(vm.dev, KVM_CREATE_VM, 0);
}

static int create_vcpu(void *arg)
{
	return call(*(int *)arg, KVM_CREATE_VCPU, 0);
}

/* An id is used up when it works: on with a fresh VM. */

static void next_vm(void *arg, int fd)
{
	int *vm_fd = arg;

	close(fd);
	close(*vm_fd);
	*vm_fd = call(vm.dev, KVM_CREATE_VM, 0);
}

static int create_irqchip(void *arg)
{
	return call(*(int *)arg, KVM_CREATE_IRQCHIP, 0);
}

static int create_pit(void *arg)
{
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };

	return call(*(int *)arg, KVM_CREATE_PIT2, &config);
}

static int add_zone(void *arg)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = SLOT_GPA, .size = PAGE };

	(void)arg;
	return call(vm.fd, KVM_REGISTER_COALESCED_MMIO, &zone);
}

static int drop_zone(void *arg)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = SLOT_GPA, .size = PAGE };

	(void)arg;
	return call(vm.fd, KVM_UNREGISTER_COALESCED_MMIO, &zone);
}

static void next_vm_only(void *arg, int result)
{
	int *vm_fd = arg;

	(void)result;
	close(*vm_fd);
	*vm_fd = call(vm.dev, KVM_CREATE_VM, 0);
}

static int stats_fd(void *arg)
{
	return call(*(int *)arg, KVM_GET_STATS_FD, 0);
}

static int read_stats(void *arg)
{
	static uint8_t all[1 << 16];

	return pread(*(int *)arg, all, sizeof(all), 0) < 0 ? -errno : 0;
}

static int add_slot(void *arg)
{
	(void)arg;
	return vm_slot(&vm, 20, 0, SLOT_GPA, SLOT_PAGES * PAGE, memory);
}

static void delete_slot(void *arg, int result)
{
	(void)arg;
	(void)result;
	vm_slot(&vm, 20, 0, SLOT_GPA, 0, memory);
}

static int remove_slot(void *arg)
{
	(void)arg;
	return vm_slot(&vm, 21, 0, SLOT_GPA * 2, 0, memory);
}

static void put_slot_back(void *arg, int result)
{
	(void)arg;
	(void)result;
	vm_slot(&vm, 21, 0, SLOT_GPA * 2, SLOT_PAGES * PAGE, memory);
}

static int map_run(void *arg)
{
	size_t size = vcpu.run_size;
	volatile uint8_t *run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu.fd, 0);

	(void)arg;
	if (run == MAP_FAILED)
		return -errno;
	munmap((void *)run, size);
	return 0;
}

static void objects(void)
{
	int fd = call(vm.dev, KVM_CREATE_VM, 0);

	check(&(struct swept) { "KVM_CREATE_VM", create_vm, closed, NULL }, -1, 5);
	check(&(struct swept) { "KVM_CREATE_VCPU", create_vcpu, next_vm, &fd }, -1, 5);
	check(&(struct swept) { "KVM_CREATE_IRQCHIP", create_irqchip, next_vm_only, &fd }, 0, 1);
	check(&(struct swept) { "KVM_CREATE_PIT2", create_pit, next_vm_only, &fd }, 0, 2);
	close(fd);
	check(&(struct swept) { "a VM's counters", stats_fd, closed, &vm.fd }, -1, 2);
	check(&(struct swept) { "a vCPU's counters", stats_fd, closed, &vcpu.fd }, -1, 2);
	fd = call(vcpu.fd, KVM_GET_STATS_FD, 0);
	check(&(struct swept) { "reading counters", read_stats, NULL, &fd }, 0, 2);
	close(fd);
	check(&(struct swept) { "a new slot", add_slot, delete_slot, NULL }, 0, 2);
	put_slot_back(NULL, 0);
	check(&(struct swept) { "a zone", add_zone, NULL, NULL }, 0, 2);
	check(&(struct swept) { "a zone's end", drop_zone, NULL, NULL }, 0, 1);
	check(&(struct swept) { "a slot's end", remove_slot, put_slot_back, NULL }, 0, 1);
	check(&(struct swept) { "mmap of the run page", map_run, NULL, NULL }, 0, 1);
}

/* --- ioctls that move state ------------------------------------------------------------------- */

struct request {
	int fd;
	unsigned long cmd;
	void *data;
};

static int request(void *arg)
{
	struct request *r = arg;

	return call(r->fd, r->cmd, r->data);
}

static void pair(const struct pair *p)
{
	struct request get = { p->of_vm ? vm.fd : vcpu.fd, p->get, &state };
	struct request set = { get.fd, p->set, &state };
	char name[64];

	memset(&state, 0, sizeof(state));
	memset(&again, 0, sizeof(again));
	snprintf(name, sizeof(name), "KVM_GET_%s", p->name);
	check(&(struct swept) { name, request, NULL, &get }, 0, 1);
	snprintf(name, sizeof(name), "KVM_SET_%s", p->name);
	check(&(struct swept) { name, request, NULL, &set }, 0, 1);
	get.data = &again;
	TAP_EQ(request(&get), 0, "the state can still be read");
	tap_ok(!memcmp(&state, &again, sizeof(state)), "KVM_SET_%s: the state is as before",
	       p->name);
}

/* Its page tables are made. */
static void into_smm(void)
{
	struct kvm_vcpu_events outside, inside;
	struct request r = { vcpu.fd, KVM_SET_VCPU_EVENTS, &inside };

	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &outside);
	inside = outside;
	inside.smi.smm = 1;
	check(&(struct swept) { "KVM_SET_VCPU_EVENTS into SMM", request, NULL, &r }, 0, 3);
	call(vcpu.fd, KVM_SET_VCPU_EVENTS, &outside);
}

static void lists(void)
{
	struct request r = { vm.dev, KVM_GET_SUPPORTED_CPUID, &cpuid };

	cpuid.head.nent = 100;
	check(&(struct swept) { "KVM_GET_SUPPORTED_CPUID", request, NULL, &r }, 0, 2);
	r.fd = vcpu.fd;
	r.cmd = KVM_GET_CPUID2;
	check(&(struct swept) { "KVM_GET_CPUID2", request, NULL, &r }, 0, 2);
	/* The guest has run: its CPUID may only be set to what it is. */
	r.cmd = KVM_SET_CPUID2;
	check(&(struct swept) { "KVM_SET_CPUID2", request, NULL, &r }, 0, 2);
	r = (struct request) { vm.dev, KVM_GET_MSR_INDEX_LIST, &msr_list };
	msr_list.head.nmsrs = 256;
	check(&(struct swept) { "KVM_GET_MSR_INDEX_LIST", request, NULL, &r }, 0, 1);
	r = (struct request) { vm.dev, KVM_GET_MSRS, &msrs };
	msrs.head.nmsrs = 1;
	check(&(struct swept) { "KVM_GET_MSRS of features", request, NULL, &r }, 1, 2);
	r.fd = vcpu.fd;
	msrs.head.nmsrs = FEW;
	check(&(struct swept) { "KVM_GET_MSRS", request, NULL, &r }, FEW, 2);
	r.cmd = KVM_SET_MSRS;
	check(&(struct swept) { "KVM_SET_MSRS", request, NULL, &r }, FEW, 1);
	msrs.head.nmsrs = MANY;
	check(&(struct swept) { "KVM_SET_MSRS of many", request, NULL, &r }, MANY, 2);
	r.cmd = KVM_GET_MSRS;
	check(&(struct swept) { "KVM_GET_MSRS of many", request, NULL, &r }, MANY, 3);
	r = (struct request) { vcpu.fd, KVM_SET_SIGNAL_MASK, &mask };
	check(&(struct swept) { "KVM_SET_SIGNAL_MASK", request, NULL, &r }, 0, 1);
	call(vcpu.fd, KVM_SET_SIGNAL_MASK, 0);
}

static uint8_t logged[64 * PAGE] __attribute__((aligned(4096)));

/* A slot's log begins: no memory for its marks. */
static int begin_log(void *unused)
{
	int r = vm_slot(&vm, 20, KVM_MEM_LOG_DIRTY_PAGES, LOGGED_GPA, sizeof(logged), logged);

	if (!r)
		r = vm_slot(&vm, 20, 0, LOGGED_GPA, sizeof(logged), logged);
	return unused ? -1 : r;
}

static void tsc_offset(void)
{
	static uint64_t offset;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset
	};
	struct request r = { vcpu.fd, KVM_GET_DEVICE_ATTR, &attr };

	check(&(struct swept) { "KVM_GET_DEVICE_ATTR", request, NULL, &r }, 0, 1);
	r.cmd = KVM_SET_DEVICE_ATTR;
	check(&(struct swept) { "KVM_SET_DEVICE_ATTR", request, NULL, &r }, 0, 1);
}

static void dirty_log(void)
{
	uint64_t marks[sizeof(logged) / PAGE / 64];
	struct kvm_dirty_log log = { .slot = 20, .dirty_bitmap = marks };
	struct kvm_clear_dirty_log clear = { .slot = 20, .num_pages = sizeof(logged) / PAGE,
					     .dirty_bitmap = marks };
	struct request r = { vm.fd, KVM_GET_DIRTY_LOG, &log };

	vm_slot(&vm, 20, 0, LOGGED_GPA, sizeof(logged), logged);
	check(&(struct swept) { "a dirty log begins", begin_log, NULL, NULL }, 0, 1);
	vm_slot(&vm, 20, KVM_MEM_LOG_DIRTY_PAGES, LOGGED_GPA, sizeof(logged), logged);
	check(&(struct swept) { "KVM_GET_DIRTY_LOG", request, NULL, &r }, 0, 2);
	r = (struct request) { vm.fd, KVM_CLEAR_DIRTY_LOG, &clear };
	check(&(struct swept) { "KVM_CLEAR_DIRTY_LOG", request, NULL, &r }, 0, 2);
	vm_slot(&vm, 20, 0, 0, 0, NULL);
}

static void small_ones(void)
{
	struct kvm_msi msi = { .address_lo = 0xfee00000, .data = 0x31 };
	struct kvm_irq_level level = { .irq = 5 };
	struct kvm_interrupt interrupt = { .irq = 0x40 };
	struct kvm_clock_data clock = { 0 };
	struct kvm_enable_cap polling = { .cap = KVM_CAP_HALT_POLL, .args[0] = 1000 };
	struct kvm_enable_cap enforcing = {
		.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args[0] = 1,
	};
	uint64_t address = 0xfffbc000;
	struct request all[] = {
		{ vm.fd, KVM_SIGNAL_MSI, &msi },
		{ vm.fd, KVM_IRQ_LINE, &level },
		{ vm.fd, KVM_ENABLE_CAP, &polling },
		{ vcpu.fd, KVM_ENABLE_CAP, &enforcing },
		{ vm.fd, KVM_GET_CLOCK, &clock },
		{ vm.fd, KVM_SET_IDENTITY_MAP_ADDR, &address },
	};
	unsigned int i;

	/* The first and the last have results of their own: any that is no crash will do. */
	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		unsigned int wrong = 0;
		struct swept s = { "small", request, NULL, &all[i] };
		int good = request(&all[i]);
		unsigned int faults = sweep(&s, good < 0 ? 0 : good, &wrong);

		tap_ok(faults >= 1 && !(wrong && good >= 0), "ioctl %#lx fails cleanly (%u faults)",
		       all[i].cmd, faults);
	}
	TAP_EQ(call(vcpu.fd, KVM_INTERRUPT, &interrupt), -ENXIO, "the vCPU still answers");
}

/* --- eventfds and routes ---------------------------------------------------------------------- */

static int assign_ioeventfd(void *arg)
{
	return ioeventfd(&vm, *(int *)arg, 0x700, 4, 0, 0);
}

static void deassign_ioeventfd(void *arg, int result)
{
	(void)result;
	ioeventfd(&vm, *(int *)arg, 0x700, 4, KVM_IOEVENTFD_FLAG_DEASSIGN, 0);
}

static int assign_irqfd(void *arg)
{
	return irqfd(&vm, *(int *)arg, 10, KVM_IRQFD_FLAG_RESAMPLE, *(int *)arg);
}

static void deassign_irqfd(void *arg, int result)
{
	(void)result;
	irqfd(&vm, *(int *)arg, 10, KVM_IRQFD_FLAG_DEASSIGN, 0);
}

static int set_routes(void *arg)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entries[24];
	} table = { .head.nr = 24 };
	unsigned int i;

	(void)arg;
	for (i = 0; i < 24; i++)
		table.entries[i] = (struct kvm_irq_routing_entry) {
			.gsi = i, .type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = i },
		};
	return call(vm.fd, KVM_SET_GSI_ROUTING, &table);
}

static void events(void)
{
	int event = eventfd(0, 0);

	check(&(struct swept) { "KVM_IOEVENTFD", assign_ioeventfd, deassign_ioeventfd, &event },
	      0, 2);
	check(&(struct swept) { "KVM_IRQFD", assign_irqfd, deassign_irqfd, &event }, 0, 2);
	check(&(struct swept) { "KVM_SET_GSI_ROUTING", set_routes, NULL, NULL }, 0, 4);
	close(event);
}

/* --- KVM_RUN ---------------------------------------------------------------------------------- */

static volatile uint8_t far_page[4 * PAGE] __attribute__((aligned(4096)));

/* Touches memory that has no mapping yet, and leaves by a port in between. */
static void guest(void)
{
	volatile uint8_t *slot = (volatile uint8_t *)(SLOT_GPA * 2);
	unsigned int i;

	for (;;) {
		for (i = 0; i < SLOT_PAGES; i++)
			slot[i * PAGE] = i + 1;
		far_page[PAGE] = 1;
		guest_sync(7);
	}
}

/* Memory is mapped anew each time, by a slot that comes and goes. */
static void running(void)
{
	unsigned int n, wrong = 0, faults = 0;
	uint32_t value;
	bool hit = true;
	int r;

	for (n = 1; hit && n < FAULTS_MOST; n++) {
		remove_slot(NULL);
		put_slot_back(NULL, 0);
		madvise(memory, SLOT_PAGES * PAGE, MADV_DONTNEED);
		fault_arm(n);
		r = vcpu_run(&vcpu);
		hit = fault_disarm();
		faults += hit;
		if (r < 0 && !is_fault(r) && r != -EINTR) {
			printf("# fault %u: KVM_RUN: %d\n", n, r);
			wrong++;
		}
		/* Whatever failed, the next run goes on from there. */
		value = r == KVM_EXIT_IO ? 7 : vcpu_sync(&vcpu);
		if (value != 7 || ((uint8_t *)memory)[5 * PAGE] != 6) {
			printf("# fault %u: KVM_RUN: %d, then %#x\n", n, r, value);
			wrong++;
		}
	}
	printf("# KVM_RUN: %u faults\n", faults);
	tap_ok(!wrong && faults > 3 && n < FAULTS_MOST,
	       "KVM_RUN: each failed page is told or made good, and the guest goes on");
}

int main(int argc, char **argv)
{
	unsigned int i;

	tap_begin();
	path = device_path(argc, argv);
	if (!fault_begin()) {
		tap_skip("faults", "this kernel has no fault injection: lab run --debug");
		return tap_end();
	}
	memory = pages(SLOT_PAGES * PAGE);
	machine(&vm, &vcpu, path, true, guest);
	put_slot_back(NULL, 0);
	create_pit(&vm.fd);
	TAP_EQ(vcpu_sync(&vcpu), 7, "a guest runs");
	running();
	objects();
	for (i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		pair(&pairs[i]);
	into_smm();
	lists();
	tsc_offset();
	dirty_log();
	small_ones();
	events();
	TAP_EQ(vcpu_sync(&vcpu), 7, "the guest still runs");
	machine_close(&vm, &vcpu);
	return tap_end();
}
