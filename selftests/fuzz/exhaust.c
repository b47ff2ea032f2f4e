// SPDX-License-Identifier: GPL-2.0
/*
 * A user without privileges takes all that a kind of object gives: VMs, vCPUs, memory slots, page
 * tables of the guest's memory, interrupt controllers, their timers and routes, ioeventfds. It is
 * charged to the user's cgroup, ends there with ENOMEM or the cgroup's OOM killer, and the host
 * goes on and gets it back.
 *
 * only: kvmlet
 * Upstream charges nobody for a fifth of a VM, and gives memory back later than this test waits.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "selftests/lib/cgroup.h"
#include "selftests/lib/vm.h"

#define LIMIT_KIB	(48UL * 1024)
#define LIMIT_BOUNDED_KIB (24UL * 1024)	/* shows a fifth that is not charged, too */
#define LIMIT_DEBUG_KIB	(3UL * 1024)	/* there, each object takes a millisecond */
#define NOBODY		65534
#define FILES		65536
#define TWO_MIB		0x200000UL
#define SPARSE_SIZE	(1UL << 39)
#define SPARSE_GPA	(1UL << 32)
#define REST_PERCENT	10		/* of what the host lost, what nobody was charged for */
#define PATIENCE	10		/* looks at the host's memory, 0.2 s each */
#define TOLERANCE_KIB	1024		/* what the host's caches may grow */

/* What the user's process tells the parent. */
struct shared {
	unsigned long objects;
	int error;
};

static const char *path;
static unsigned long limit_kib;		/* at the half the host's memory is looked at */
static struct shared *shared;
static int notice[2], go_on[2];		/* pipes: the first limit is reached; the parent has seen */
static int current_fd;
static bool debug;

static unsigned long charged_kib(void)
{
	char text[32] = "";

	return pread(current_fd, text, sizeof(text) - 1, 0) > 0 ? strtoul(text, NULL, 0) / 1024 : 0;
}

/* The host's free memory in KiB, without what caches would give back. */
static unsigned long free_kib(void)
{
	write_file("/proc/sys/vm/drop_caches", "3");
	usleep(200000);
	return meminfo_kib("MemFree:");
}

/* --- the user --------------------------------------------------------------------------------- */

/* One more object is there; the parent looks at the host when there are enough. */
static void made_one(void)
{
	static bool told;
	char byte = 0;

	shared->objects++;
	if (told || shared->objects % 4 || charged_kib() < limit_kib / 2)
		return;
	told = true;
	if (write(notice[1], &byte, 1) != 1 || read(go_on[0], &byte, 1) != 1)
		_exit(1);
}

/* What does not come for want of memory ends the process; anything else is a wrong end. */
static int must(int r)
{
	if (r >= 0)
		return r;
	shared->error = -r;
	_exit(0);
}

static int new_vm(int dev)
{
	return must(call(dev, KVM_CREATE_VM, 0));
}

static void take_vms(int dev)
{
	for (;; made_one())
		new_vm(dev);
}

static void take_vcpus(int dev)
{
	int r, id, vm;

	for (;;) {
		vm = new_vm(dev);
		for (id = 0; id < 64; id++, made_one()) {
			r = call(vm, KVM_CREATE_VCPU, id);
			if (r == -EINVAL)
				break;
			must(r);
		}
	}
}

static void take_slots(int dev)
{
	struct kvm_userspace_memory_region slot;
	uint8_t *memory = pages(PAGE);
	unsigned int i;
	int vm;

	for (;;) {
		vm = new_vm(dev);
		for (i = 0; i < 30000; i++, made_one()) {
			slot = (struct kvm_userspace_memory_region){
				.slot = i, .guest_phys_addr = 2 * i * PAGE, .memory_size = PAGE,
				.userspace_addr = (uintptr_t)memory,
			};
			must(call(vm, KVM_SET_USER_MEMORY_REGION, &slot));
		}
	}
}

static void take_irqchips(int dev)
{
	struct kvm_lapic_state lapic;
	int vm, vcpu;

	for (;; made_one()) {
		vm = new_vm(dev);
		must(call(vm, KVM_CREATE_IRQCHIP, 0));
		vcpu = must(call(vm, KVM_CREATE_VCPU, 0));
		/* Its timer runs for ever. */
		must(call(vcpu, KVM_GET_LAPIC, &lapic));
		*(uint32_t *)&lapic.regs[0x320] = 0x20040;
		*(uint32_t *)&lapic.regs[0x380] = 0xffffffff;
		must(call(vcpu, KVM_SET_LAPIC, &lapic));
	}
}

static void take_eventfds(int dev)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry last;
	} routes = { { .nr = 1 }, { .gsi = 4095, .type = KVM_IRQ_ROUTING_MSI } };
	struct kvm_ioeventfd args = { .len = 4, .fd = must(eventfd(0, 0)) };
	int vm;

	for (;; made_one()) {
		vm = new_vm(dev);
		must(call(vm, KVM_CREATE_IRQCHIP, 0));
		must(call(vm, KVM_SET_GSI_ROUTING, &routes));
		for (args.addr = 0; args.addr < 400 * PAGE; args.addr += PAGE)
			must(call(vm, KVM_IOEVENTFD, &args));
	}
}

/* Reads a byte of each 2 MiB, through the last large page of the low 4 GiB. */
static void sparse_guest(void)
{
	volatile uint64_t *entry = &guest_tables[5][511];
	volatile uint8_t *window = (uint8_t *)0xffe00000UL;
	unsigned long i;

	for (i = 0; i < SPARSE_SIZE / TWO_MIB; i++) {
		*entry = (SPARSE_GPA + i * TWO_MIB) | (*entry & 0xfff);
		asm volatile("invlpg (%0)" : : "r"(window) : "memory");
		guest_sync(*window);
	}
}

/* Each read needs a page table of its own, here and in the process. */
static void take_page_tables(int dev)
{
	void *memory = mmap(NULL, SPARSE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct vcpu vcpu;
	struct vm vm;

	madvise(memory, SPARSE_SIZE, MADV_NOHUGEPAGE);
	machine(&vm, &vcpu, path, false, sparse_guest);
	must(vm_slot(&vm, 30, 0, SPARSE_GPA, SPARSE_SIZE, memory));
	for (;; made_one())
		must(call(vcpu.fd, KVM_RUN, 0));
}

static const struct kind {
	const char *name;
	void (*take)(int dev);
} kinds[] = {
	{ "VMs", take_vms },
	{ "vCPUs", take_vcpus },
	{ "memory slots", take_slots },
	{ "interrupt controllers", take_irqchips },
	{ "eventfds and routes", take_eventfds },
	{ "page tables", take_page_tables },
};

/* Joins the cgroup and lets go of all privileges. */
static void become_user(void)
{
	const struct rlimit files = { FILES, FILES };

	if (setrlimit(RLIMIT_NOFILE, &files) || cgroup_join() ||
	    setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
		_exit(1);
}

/* --- the host --------------------------------------------------------------------------------- */

/*
 * What the host has lost, and gets back, is not looked at on the debug host, where that takes
 * minutes: KASAN and kmemleak have memory of their own for each object, and keep what is freed.
 */
static void check_charged(const struct kind *kind, unsigned long before, unsigned long charged)
{
	unsigned long lost;

	if (debug)
		return;
	lost = before - free_kib();
	printf("# %s: %lu objects, %lu KiB charged, %lu KiB gone\n", kind->name, shared->objects,
	       charged, lost);
	tap_ok(lost <= charged + lost * REST_PERCENT / 100 + TOLERANCE_KIB,
	       "%s: the host's memory is charged to the user", kind->name);
}

static void check_back(const struct kind *kind, unsigned long before)
{
	unsigned long after, i;

	if (debug)
		return;
	after = free_kib();
	/* Some of it after a grace period of RCU, or by a worker. */
	for (i = 0; i < PATIENCE && after + TOLERANCE_KIB < before; i++)
		after = free_kib();
	printf("# %lu KiB free before, %lu after\n", before, after);
	tap_ok(after + 4 * TOLERANCE_KIB >= before, "%s: the host gets it back", kind->name);
}

static void exhaust(const struct kind *kind)
{
	unsigned long before = debug ? 0 : free_kib(), charged = charged_kib(), noticed;
	char byte = 0;
	int status = 0;
	pid_t pid;

	memset(shared, 0, sizeof(*shared));
	if (pipe(notice) || pipe(go_on))
		exit(1);
	pid = fork();
	if (!pid) {
		become_user();
		kind->take(open(path, O_RDWR | O_CLOEXEC));
	}
	close(notice[1]);		/* so that the user's early end is seen */
	close(go_on[0]);
	noticed = read(notice[0], &byte, 1);
	TAP_EQ(noticed, 1, "%s: there are some", kind->name);
	check_charged(kind, before, charged_kib() - charged);
	if (noticed == 1 && write(go_on[1], &byte, 1) != 1)
		exit(1);
	close(notice[0]);
	close(go_on[1]);
	waitpid(pid, &status, 0);
	printf("# %s: %lu objects, status %#x, %s\n", kind->name, shared->objects, status,
	       strerror(shared->error));
	tap_ok((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
	       (!status && shared->error == ENOMEM), "%s: the cgroup ends it: ENOMEM, or SIGKILL",
	       kind->name);
	check_back(kind, before);
}

static bool make_cgroup(void)
{
	if (!cgroup_make(limit_kib))
		return false;
	current_fd = open(CGROUP "/memory.current", O_RDONLY);
	return current_fd >= 0;
}

static void guest(void)
{
	guest_sync(1);
}

int main(int argc, char **argv)
{
	struct stat status;
	struct vcpu vcpu;
	unsigned int i;
	struct vm vm;

	tap_begin();
	path = device_path(argc, argv);
	alarm(280);
	debug = on_debug_host();
	limit_kib = debug ? LIMIT_DEBUG_KIB : bounded() ? LIMIT_BOUNDED_KIB : LIMIT_KIB;
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	signal(SIGPIPE, SIG_IGN);
	if (stat(path, &status) || chmod(path, 0666))
		return 1;
	TAP_EQ(make_cgroup(), true, "the host has cgroups");
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		exhaust(&kinds[i]);
	chmod(path, status.st_mode & 0777);
	close(current_fd);
	cgroup_remove();
	machine(&vm, &vcpu, path, true, guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a new guest runs");
	machine_close(&vm, &vcpu);
	return tap_end();
}
