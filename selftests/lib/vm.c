// SPDX-License-Identifier: GPL-2.0
/*
 * The monitor's side of vm.h: descriptors, memory, vCPUs and the states they start in.
 * What cannot fail in a test that makes sense ends the program with "Bail out!".
 */
#define _GNU_SOURCE
#include <asm/processor-flags.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include "selftests/lib/vm.h"

#define EFER_LME_LMA	0x500
#define MAX_ENTRIES	256

extern char __executable_start[], _end[];

int vm_call(int fd, unsigned long cmd, unsigned long arg)
{
	int r = ioctl(fd, cmd, arg);

	return r < 0 ? -errno : r;
}

static int must(int r, const char *what)
{
	if (r >= 0)
		return r;
	printf("Bail out! %s: %s\n", what, strerror(-r));
	exit(1);
}

/* The debug host, where all takes several times as long. */
bool on_debug_host(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

/* Beside kvmlet, to compare: what upstream does otherwise is not asked of it. */
bool on_upstream(void)
{
	return !strcmp(getenv("LAB_DRIVER") ?: "", "kvm");
}

/* In `make check`, where a sample has to do; the whole of it is in a campaign's run. */
bool bounded(void)
{
	return getenv("BOUNDED");
}

/* A thread stays on a processor from now on; 0 is the caller. */
int stay_on(pid_t thread, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(thread, sizeof(set), &set);
}

/* To a file of the host's: 0, or -1 and a line that says why. */
int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (!done)
		printf("# %s: %m\n", path);
	close(fd);
	return done ? 0 : -1;
}

/* A line of /proc/meminfo, "NAME:", in KiB. */
long meminfo_kib(const char *name)
{
	int fd = open("/proc/meminfo", O_RDONLY);
	char text[4096];
	ssize_t n = read(fd, text, sizeof(text) - 1);
	const char *p;

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	p = strstr(text, name);
	return p ? atol(p + strlen(name)) : 0;
}

/* What the host's kernel holds that is no cache, in KiB. */
long memory_in_use(void)
{
	usleep(200000);
	write_file("/proc/sys/vm/drop_caches", "3");
	return meminfo_kib("SUnreclaim:") + meminfo_kib("Percpu:") + meminfo_kib("PageTables:");
}

/* The device that the program was told to test. A test that hangs dies after a while. */
const char *device_path(int argc, char **argv)
{
	alarm(on_debug_host() ? 200 : 20);
	return argc > 1 ? argv[1] : "/dev/kvmlet";
}

/* Opens the device and creates a VM without memory. */
void vm_open(struct vm *vm, const char *path)
{
	vm->low = NULL;
	vm->dev = open(path, O_RDWR | O_CLOEXEC);
	if (vm->dev < 0)
		must(-errno, path);
	vm->fd = must(call(vm->dev, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
}

void vm_close(struct vm *vm)
{
	close(vm->fd);
	close(vm->dev);
	if (vm->low)
		munmap(vm->low, LOW_SIZE);
}

/* Is this word among the flags that /proc/cpuinfo shows of the host's processor? */
bool host_has(const char *flag)
{
	char line[4096], word[64];
	FILE *file = fopen("/proc/cpuinfo", "r");
	bool found = false;

	snprintf(word, sizeof(word), " %s", flag);
	while (file && !found && fgets(line, sizeof(line), file)) {
		const char *p = strstr(line, word);

		found = p && strchr("\n ", p[strlen(word)]);
	}
	if (file)
		fclose(file);
	return found;
}

/* Fresh zeroed pages of this process. */
void *pages(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (memory == MAP_FAILED)
		must(-errno, "mmap");
	return memory;
}

/* KVM_SET_USER_MEMORY_REGION; 0 or -errno. */
int vm_slot(struct vm *vm, unsigned int slot, unsigned int flags, uint64_t gpa, uint64_t size,
	    void *memory)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};

	return call(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* Slots 0 and 1: low memory and the program's image. */
void vm_memory(struct vm *vm)
{
	uintptr_t start = (uintptr_t)__executable_start & -PAGE;
	uintptr_t end = ((uintptr_t)_end + PAGE - 1) & -PAGE;

	vm->low = pages(LOW_SIZE);
	must(vm_slot(vm, 0, 0, 0, LOW_SIZE, vm->low), "low memory");
	must(vm_slot(vm, 1, 0, start, end - start, (void *)start), "the image as memory");
}

/* KVM_CREATE_VCPU and its run page; 0 or -errno. */
int vcpu_open(struct vm *vm, struct vcpu *vcpu, unsigned int id)
{
	vcpu->fd = call(vm->fd, KVM_CREATE_VCPU, id);
	if (vcpu->fd < 0)
		return vcpu->fd;
	vcpu->run_size = must(call(vm->dev, KVM_GET_VCPU_MMAP_SIZE, 0), "mmap size");
	vcpu->run = mmap(NULL, vcpu->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		must(-errno, "mmap of a vCPU");
	return 0;
}

void vcpu_close(struct vcpu *vcpu)
{
	munmap(vcpu->run, vcpu->run_size);
	close(vcpu->fd);
}

/* KVM_GET_SUPPORTED_CPUID; the caller frees. */
struct kvm_cpuid2 *supported_cpuid(int dev)
{
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) + MAX_ENTRIES * sizeof(cpuid->entries[0]));
	cpuid->nent = MAX_ENTRIES;
	must(call(dev, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	return cpuid;
}

/*
 * The processor that the driver offers. The TSC deadline timer is not in that list, although
 * it is there; monitors add it, too.
 */
void vcpu_supported_cpuid(struct vm *vm, struct vcpu *vcpu)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid(vm->dev);
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 1)
			cpuid->entries[i].ecx |= 1 << 24;
	must(call(vcpu->fd, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
}

static void set_rip(struct vcpu *vcpu, uint64_t rip, uint64_t rsp)
{
	struct kvm_regs regs = { .rip = rip, .rsp = rsp, .rflags = X86_EFLAGS_FIXED };

	must(call(vcpu->fd, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void real_segment(struct kvm_segment *segment, uint16_t selector)
{
	segment->selector = selector;
	segment->base = selector << 4;
}

/* 16-bit code at segment:ip, everything else as after reset. */
void vcpu_real_mode(struct vcpu *vcpu, uint16_t segment, uint16_t ip)
{
	struct kvm_sregs sregs;

	must(call(vcpu->fd, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	real_segment(&sregs.cs, segment);
	real_segment(&sregs.ds, segment);
	real_segment(&sregs.es, segment);
	real_segment(&sregs.ss, segment);
	must(call(vcpu->fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	set_rip(vcpu, ip, 0xf000);
}

static void flat_segments(struct kvm_sregs *sregs, bool is_64)
{
	struct kvm_segment code = {
		.selector = CODE64, .type = 11, .present = 1, .s = 1, .g = 1,
		.limit = 0xffffffff, .l = is_64, .db = !is_64,
	};
	struct kvm_segment data = {
		.selector = DATA, .type = 3, .present = 1, .s = 1, .g = 1, .db = 1,
		.limit = 0xffffffff,
	};

	sregs->cs = code;
	sregs->ds = data;
	sregs->es = data;
	sregs->ss = data;
	sregs->fs = data;
	sregs->gs = data;
}

/* Flat 32-bit code at eip, no paging. */
void vcpu_protected_mode(struct vcpu *vcpu, uint32_t eip)
{
	struct kvm_sregs sregs;

	must(call(vcpu->fd, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	flat_segments(&sregs, false);
	sregs.cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE;
	must(call(vcpu->fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	set_rip(vcpu, eip, 0xf000);
}

/* A 64-bit guest function on stack number @stack of vm's guest side. */
void vcpu_long_mode(struct vcpu *vcpu, void (*guest)(void), unsigned int stack)
{
	struct kvm_sregs sregs;
	uint64_t rsp;

	must(call(vcpu->fd, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	flat_segments(&sregs, true);
	rsp = guest_tables_setup(&sregs, stack);
	sregs.cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG;
	sregs.cr3 = (uintptr_t)guest_tables;
	sregs.cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	sregs.efer = EFER_LME_LMA;
	must(call(vcpu->fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	set_rip(vcpu, (uintptr_t)guest, rsp);
}

/* KVM_RUN; the exit reason or -errno. */
int vcpu_run(struct vcpu *vcpu)
{
	int r = call(vcpu->fd, KVM_RUN, 0);

	return r < 0 ? r : (int)vcpu->run->exit_reason;
}

static void report_exit(struct vcpu *vcpu, int exit)
{
	struct kvm_regs regs = { 0 };

	call(vcpu->fd, KVM_GET_REGS, &regs);
	printf("# unexpected %s (%d) at rip %#llx\n",
	       exit < 0 ? strerror(-exit) : exit_name(exit), exit, regs.rip);
	if (exit == KVM_EXIT_INTERNAL_ERROR)
		printf("# suberror %u data %#llx %#llx\n", vcpu->run->internal.suberror,
		       vcpu->run->internal.data[0], vcpu->run->internal.data[1]);
	if (exit == KVM_EXIT_FAIL_ENTRY)
		printf("# hardware reason %#llx\n",
		       vcpu->run->fail_entry.hardware_entry_failure_reason);
}

/* As vcpu_run(), and goes on if it ends with EINTR, which needs no signal to happen. */
int vcpu_run_on(struct vcpu *vcpu)
{
	unsigned int patience = 10000;
	int exit;

	do
		exit = vcpu_run(vcpu);
	while (exit == -EINTR && --patience);
	return exit;
}

static uint32_t sync_value(struct vcpu *vcpu, int exit)
{
	struct kvm_run *run = vcpu->run;
	uint32_t value;

	if (exit != KVM_EXIT_IO || run->io.port != SYNC_PORT) {
		report_exit(vcpu, exit);
		return ~0u;
	}
	value = *(uint32_t *)((char *)run + run->io.data_offset);
	if (value == GUEST_PANIC)
		printf("# guest: exception %llu error %#llx at rip %#llx, cr2 %#llx\n",
		       (unsigned long long)trap.vector, (unsigned long long)trap.error,
		       (unsigned long long)trap.rip, (unsigned long long)trap.cr2);
	return value;
}

/* Runs to the guest's next guest_sync(); its value, or ~0 with an explanation. */
uint32_t vcpu_sync(struct vcpu *vcpu)
{
	return sync_value(vcpu, vcpu_run_on(vcpu));
}

static void play_port(struct kvm_run *run, struct device *device)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned int i, n = run->io.size * run->io.count;

	for (i = 0; i < n; i++)
		if (run->io.direction == KVM_EXIT_IO_IN)
			data[i] = device->next++;
		else if (device->logged < sizeof(device->log))
			device->log[device->logged++] = data[i];
}

static void play_memory(struct kvm_run *run, struct device *device)
{
	uint8_t *memory = device->memory + run->mmio.phys_addr % PAGE;

	if (run->mmio.is_write) {
		memcpy(memory, run->mmio.data, run->mmio.len);
		device->writes++;
	} else {
		memcpy(run->mmio.data, memory, run->mmio.len);
		device->reads++;
	}
}

/* As vcpu_run_on(), and plays the device until something else leaves the guest. */
int vcpu_run_io(struct vcpu *vcpu, struct device *device)
{
	struct kvm_run *run = vcpu->run;
	int exit;

	for (;;) {
		exit = vcpu_run_on(vcpu);
		if (exit == KVM_EXIT_IO && run->io.port == DEVICE_PORT)
			play_port(run, device);
		else if (exit == KVM_EXIT_MMIO && run->mmio.phys_addr - DEVICE < PAGE - 8)
			play_memory(run, device);
		else
			return exit;
	}
}

/* As vcpu_sync(), and plays the device until then. */
uint32_t vcpu_sync_io(struct vcpu *vcpu, struct device *device)
{
	return sync_value(vcpu, vcpu_run_io(vcpu, device));
}

/* VM, optional interrupt controllers, memory, one vCPU in a 64-bit guest function. */
void machine(struct vm *vm, struct vcpu *vcpu, const char *path, bool irqchip,
	     void (*guest)(void))
{
	vm_open(vm, path);
	vm_memory(vm);
	if (irqchip)
		must(call(vm->fd, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	must(vcpu_open(vm, vcpu, 0), "KVM_CREATE_VCPU");
	vcpu_supported_cpuid(vm, vcpu);
	vcpu_long_mode(vcpu, guest, 0);
}

void machine_close(struct vm *vm, struct vcpu *vcpu)
{
	vcpu_close(vcpu);
	vm_close(vm);
}

/* A KVM_EXIT_* by name. */
const char *exit_name(int exit)
{
	static const char * const names[] = {
		[KVM_EXIT_UNKNOWN] = "KVM_EXIT_UNKNOWN", [KVM_EXIT_IO] = "KVM_EXIT_IO",
		[KVM_EXIT_HLT] = "KVM_EXIT_HLT", [KVM_EXIT_MMIO] = "KVM_EXIT_MMIO",
		[KVM_EXIT_IRQ_WINDOW_OPEN] = "KVM_EXIT_IRQ_WINDOW_OPEN",
		[KVM_EXIT_SHUTDOWN] = "KVM_EXIT_SHUTDOWN", [KVM_EXIT_INTR] = "KVM_EXIT_INTR",
		[KVM_EXIT_FAIL_ENTRY] = "KVM_EXIT_FAIL_ENTRY",
		[KVM_EXIT_SET_TPR] = "KVM_EXIT_SET_TPR",
		[KVM_EXIT_INTERNAL_ERROR] = "KVM_EXIT_INTERNAL_ERROR",
	};
	const int nr = sizeof(names) / sizeof(names[0]);

	return exit >= 0 && exit < nr && names[exit] ? names[exit] : "another exit";
}

/* A counter behind KVM_GET_STATS_FD's @fd, by its name; false: there is none. */
bool stats_find(int fd, const char *name, uint64_t *value)
{
	struct kvm_stats_header head = { 0 };
	struct kvm_stats_desc *desc;
	bool found = false;
	unsigned int i;
	size_t size;

	pread(fd, &head, sizeof(head), 0);
	size = sizeof(*desc) + head.name_size;
	desc = calloc(1, size);
	for (i = 0; i < head.num_desc && !found; i++) {
		pread(fd, desc, size, head.desc_offset + i * size);
		found = !strcmp(desc->name, name);
	}
	if (found)
		pread(fd, value, sizeof(*value), head.data_offset + desc->offset);
	free(desc);
	return found;
}

/* A counter of the vCPU's, -1: there is none. */
long vcpu_counter(struct vcpu *vcpu, const char *name)
{
	int fd = call(vcpu->fd, KVM_GET_STATS_FD, 0);
	uint64_t value = 0;
	bool found = stats_find(fd, name, &value);

	close(fd);
	return found ? (long)value : -1;
}

/* How many exits of this name of vmx/exit/reasons.h the vCPU had; -1: it does not say. */
long vcpu_exits(struct vcpu *vcpu, const char *reason)
{
	char name[64];

	snprintf(name, sizeof(name), "exit_%s", reason);
	return vcpu_counter(vcpu, name);
}

/* A parameter that kvmlet was loaded with; "" if it is not there. */
static void parameter(const char *name, char *value, size_t size)
{
	char file[64];
	ssize_t len;
	int fd;

	snprintf(file, sizeof(file), "/sys/module/kvmlet/parameters/%s", name);
	fd = open(file, O_RDONLY);
	len = fd < 0 ? 0 : read(fd, value, size - 1);
	value[len > 0 ? len : 0] = 0;
	close(fd);
}

/* May a guest have this control, in the processor's words and kvmlet's parameter "hide"? */
static bool host_controls(uint32_t msr, unsigned int bit, const char *name)
{
	uint64_t controls = 0;
	char hidden[256];
	int fd;

	if (access("/dev/cpu/0/msr", F_OK) && system("modprobe msr"))
		printf("# there is no module msr\n");
	fd = open("/dev/cpu/0/msr", O_RDONLY);
	if (fd >= 0)
		pread(fd, &controls, sizeof(controls), msr);
	close(fd);
	parameter("hide", hidden, sizeof(hidden));
	return controls >> 32 >> bit & 1 && !strstr(hidden, name);
}

/* Does the processor help kvmlet with LAPICs in this way? */
bool host_helps(enum host_help help)
{
	static const struct {
		uint32_t msr;
		unsigned int bit;
		const char *name;
	} controls[] = {
		[HELP_TPR] = { 0x482, 21, "use TPR shadow" },
		[HELP_MEMORY] = { 0x48b, 0, "virtualize APIC accesses" },
		[HELP_X2APIC] = { 0x48b, 4, "virtualize x2APIC mode" },
		[HELP_REGISTERS] = { 0x48b, 8, "APIC-register virtualization" },
		[HELP_DELIVERY] = { 0x48b, 9, "virtual-interrupt delivery" },
		[HELP_POSTED] = { 0x481, 7, "process posted interrupts" },
	};
	char apicv[8];

	parameter("apicv", apicv, sizeof(apicv));
	if (help > HELP_X2APIC && *apicv != 'Y')
		return false;
	if (help == HELP_POSTED && !host_helps(HELP_DELIVERY))
		return false;
	if (help && !host_helps(HELP_TPR))
		return false;
	return host_controls(controls[help].msr, controls[help].bit, controls[help].name);
}
