// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_GET_STATS_FD: the layout field by field, counters that count exactly what a guest did, and a
 * descriptor that outlives what it describes. On kvmlet also the text in debugfs.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sys/resource.h>
#include "selftests/lib/vm.h"

#define MOST		(1 << 20)
#define CPUIDS		37
#define WRITES		5
#define READS		3
#define OUTS		11
#define DEBUGFS		"/sys/kernel/debug/kvmlet"

static const char *path;
static void *volatile bad_pointer;
static uint8_t blob[MOST], again[MOST];

static volatile unsigned int cpuids, outs, writes, reads, unknown_msrs;

/* Does what it is told to, by numbers that it shares with the test. */
static void guest(void)
{
	volatile uint32_t *word = (volatile uint32_t *)DEVICE;
	uint32_t out[4];
	unsigned int i;

	/* What follows causes no page faults. */
	TRAP("rdmsr", : : "c"(0x12345) : "eax", "edx", TRAP_CLOBBERS);
	guest_cpuid(0, 0, out);
	*word = 1;
	for (;;) {
		guest_sync(1);
		for (i = 0; i < cpuids; i++)
			guest_cpuid(i & 1, 0, out);
		for (i = 0; i < outs; i++)
			asm volatile("outb %b0, %1" : : "a"(i), "Nd"((uint8_t)DEVICE_PORT));
		for (i = 0; i < writes; i++)
			*word = i;
		for (i = 0; i < reads; i++)
			(void)*word;
		for (i = 0; i < unknown_msrs; i++)
			TRAP("rdmsr", : : "c"(0x12345) : "eax", "edx", TRAP_CLOBBERS);
	}
}

/* --- a blob ----------------------------------------------------------------------------------- */

static const struct kvm_stats_header *header(void)
{
	return (void *)blob;
}

static const struct kvm_stats_desc *desc(unsigned int n)
{
	return (void *)(blob + header()->desc_offset +
			n * (sizeof(struct kvm_stats_desc) + header()->name_size));
}

static const struct kvm_stats_desc *find(const char *name)
{
	unsigned int n;

	for (n = 0; n < header()->num_desc; n++)
		if (!strcmp(desc(n)->name, name))
			return desc(n);
	return NULL;
}

static uint64_t number(int fd, const char *name)
{
	const struct kvm_stats_desc *d = find(name);
	uint64_t value = ~0ULL;

	if (d && pread(fd, &value, sizeof(value), header()->data_offset + d->offset) !=
		 sizeof(value))
		value = ~1ULL;
	return value;
}

/* Bytes of the blob that nothing accounts for. */
static unsigned int uncovered(ssize_t size)
{
	unsigned int n, bad = 0;

	memset(again, 0, size);
	memset(again, 1, sizeof(struct kvm_stats_header));
	memset(again + header()->id_offset, 1, header()->name_size);
	for (n = 0; n < header()->num_desc; n++) {
		memset((void *)desc(n) - (void *)blob + again, 1,
		       sizeof(struct kvm_stats_desc) + header()->name_size);
		memset(again + header()->data_offset + desc(n)->offset, 1,
		       desc(n)->size * sizeof(uint64_t));
	}
	while (size--)
		bad += !again[size];
	return bad;
}

static bool is_clean_name(const char *name, unsigned int size)
{
	unsigned int length = strnlen(name, size), i;

	if (!length || length == size)
		return false;
	for (i = length; i < size; i++)
		if (name[i])
			return false;
	return true;
}

static unsigned int odd_descs(void)
{
	const struct kvm_stats_desc *d;
	unsigned int n, m, bad = 0;

	for (n = 0; n < header()->num_desc; n++) {
		d = desc(n);
		m = (d->flags & KVM_STATS_TYPE_MASK) > KVM_STATS_TYPE_MAX ||
		    (d->flags & KVM_STATS_UNIT_MASK) > KVM_STATS_UNIT_MAX ||
		    (d->flags & KVM_STATS_BASE_MASK) > KVM_STATS_BASE_MAX || d->flags >> 12 ||
		    !d->size || d->offset % sizeof(uint64_t) ||
		    !is_clean_name(d->name, header()->name_size) ||
		    find(d->name) != d;
		if (m)
			printf("# descriptor %u, '%.48s': flags %#x size %u offset %u\n", n,
			       d->name, d->flags, d->size, d->offset);
		bad += m;
	}
	return bad;
}

/* Where the blob ends, if no number is there twice. */
static ssize_t ends(void)
{
	ssize_t end = header()->data_offset;
	unsigned int n;

	for (n = 0; n < header()->num_desc; n++)
		end += desc(n)->size * sizeof(uint64_t);
	return end;
}

static void layout(int fd, const char *whose, const char *id)
{
	const struct kvm_stats_header *h = header();
	ssize_t size = pread(fd, blob, MOST, 0);

	tap_ok(size > (ssize_t)sizeof(*h) && h->flags == 0 && h->name_size == 48,
	       "%s: the header: no flags, names of 48 bytes", whose);
	tap_ok(h->num_desc && h->id_offset == sizeof(*h) &&
	       h->desc_offset == h->id_offset + h->name_size &&
	       h->data_offset == (uint8_t *)desc(h->num_desc) - blob,
	       "%s: name, descriptors and numbers lie one behind the other", whose);
	tap_ok(is_clean_name((char *)blob + h->id_offset, h->name_size) &&
	       !strcmp((char *)blob + h->id_offset, id), "%s: its name is %s", whose, id);
	tap_ok(!odd_descs(), "%s: each descriptor is in order, its name its own", whose);
	tap_ok(size == ends() && !uncovered(size), "%s: each byte belongs to one thing", whose);
}

/* --- reads ------------------------------------------------------------------------------------ */

static void reads_in_pieces(int fd)
{
	ssize_t size = pread(fd, blob, MOST, 0), n, at = 0;
	unsigned int bad = 0, step = on_debug_host() ? 13 : 1;

	for (n = 0; n < size; n += step)
		bad += pread(fd, again + n, 1, n) != 1 || again[n] != blob[n];
	TAP_EQ(bad, 0, "read byte by byte it is the same");
	for (n = 1; n < size; n += 61)
		bad += pread(fd, again, MOST, n) != size - n || memcmp(again, blob + n, size - n);
	TAP_EQ(bad, 0, "and from odd offsets");
	while ((n = read(fd, again + at, 77)) > 0)
		at += n;
	tap_ok(at == size && !memcmp(again, blob, size), "read() goes on where it was");
	TAP_EQ(pread(fd, again, 8, size), 0, "behind the end is nothing");
	TAP_EQ(pread(fd, again, 8, 1LL << 40), 0, "and far behind it");
	tap_ok(pread(fd, again, 8, -1) < 0 && errno == EINVAL, "a negative offset is EINVAL");
	tap_ok(pread(fd, bad_pointer, 8, 0) < 0 && errno == EFAULT, "a bad pointer is EFAULT");
	tap_ok(write(fd, again, 8) < 0 && (errno == EBADF || errno == EINVAL), "it is not written");
}

/* --- counting --------------------------------------------------------------------------------- */

/* What a round adds. The sync's OUT that ends it counts; MMIO accesses are one exit each. */
static const struct counted {
	const char *name;
	unsigned int grown;
} counted[] = {
	{ "exits", CPUIDS + OUTS + 1 + WRITES + READS }, { "io_exits", OUTS + 1 },
	{ "halt_exits", 0 }, { "mmio_exits", WRITES + READS },
	{ "insn_emulation", WRITES + READS }, { "insn_emulation_fail", 0 },
	{ "irq_injections", 0 }, { "nmi_injections", 0 }, { "hypercalls", 0 },
	{ "signal_exits", 0 },
	/* Not KVM's: */
	{ "exit_CPUID", CPUIDS }, { "exit_IO_INSTRUCTION", OUTS + 1 },
	{ "exit_EPT_VIOLATION", WRITES + READS }, { "pf_emulate", WRITES + READS },
	{ "user_exits", OUTS + 1 + WRITES + READS }, { "exit_MSR_READ", 0 },
	{ "exception_injections", 0 },
};

#define COUNTED		(sizeof(counted) / sizeof(counted[0]))
#define KVMS_COUNTED	10

static void work(unsigned int times)
{
	cpuids = CPUIDS * times;
	outs = OUTS * times;
	writes = WRITES * times;
	reads = READS * times;
}

static void count(struct vcpu *vcpu, int fd, struct device *device, bool kvmlet)
{
	const unsigned int nr = kvmlet ? COUNTED : KVMS_COUNTED;
	uint64_t before[COUNTED], irqs, others;
	unsigned int i;
	bool known;

	/* The second time all of the guest's memory is mapped. */
	work(1);
	vcpu_sync_io(vcpu, device);
	vcpu_sync_io(vcpu, device);
	pread(fd, blob, MOST, 0);
	irqs = number(fd, "irq_exits");
	for (i = 0; i < nr; i++)
		before[i] = number(fd, counted[i].name);
	vcpu_sync_io(vcpu, device);
	work(0);
	/* The host's own interrupts come when they like, and are exits, too. */
	irqs = number(fd, "irq_exits") - irqs;
	for (i = 0; i < nr; i++) {
		others = strcmp(counted[i].name, "exits") ? 0 : irqs;
		/* What kvmlet has emulated once it knows. */
		known = kvmlet && !strcmp(counted[i].name, "insn_emulation");
		TAP_EQ(number(fd, counted[i].name) - before[i] - others,
		       known ? 0 : counted[i].grown, counted[i].name);
	}
}

static void count_faults(struct vcpu *vcpu, int fd, struct device *device)
{
	uint64_t raised = number(fd, "exception_injections"), read = number(fd, "exit_MSR_READ");

	unknown_msrs = 4;
	vcpu_sync_io(vcpu, device);
	TAP_EQ(number(fd, "exception_injections") - raised, 4, "each #GP is an injection");
	TAP_EQ(number(fd, "exit_MSR_READ") - read, 4, "each RDMSR an exit");
	unknown_msrs = 0;
}

/* --- debugfs ---------------------------------------------------------------------------------- */

static char *directory(const char *prefix)
{
	static char name[300];
	DIR *d = opendir(DEBUGFS);
	struct dirent *e;

	name[0] = '\0';
	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, prefix, strlen(prefix)))
			snprintf(name, sizeof(name), DEBUGFS "/%s", e->d_name);
	if (d)
		closedir(d);
	return name[0] ? name : NULL;
}

static uint64_t text_number(const char *dir, const char *file, const char *wanted)
{
	char name[400], key[64];
	unsigned long long value;
	uint64_t found = ~0ULL;
	FILE *f;

	snprintf(name, sizeof(name), "%s/%s", dir, file);
	f = fopen(name, "r");
	while (f && fscanf(f, "%63s %llu", key, &value) == 2)
		if (!strcmp(key, wanted))
			found = value;
	if (f)
		fclose(f);
	return found;
}

static void texts(struct vm *vm, int fd)
{
	char prefix[32], *dir;

	if (access(DEBUGFS, F_OK)) {
		tap_skip("debugfs", "it is not mounted");
		return;
	}
	snprintf(prefix, sizeof(prefix), "%d-%d", getpid(), vm->fd);
	dir = directory(prefix);
	if (!tap_ok(dir, "debugfs: kvmlet/%s is there", prefix))
		return;
	TAP_EQ(text_number(dir, "stats", "vcpus"), 1, "the VM has one vCPU");
	TAP_EQ(text_number(dir, "stats", "exits"), number(fd, "exits"), "its exits are the vCPU's");
	TAP_EQ(text_number(dir, "vcpu0", "exit_CPUID"), number(fd, "exit_CPUID"),
	       "the vCPU's file has a reason's exits");
	TAP_EQ(text_number(dir, "vcpu0", "io_exits"), number(fd, "io_exits"),
	       "and KVM's counters");
}

static bool set_times(const char *value)
{
	FILE *f = fopen("/sys/module/kvmlet/parameters/exit_times", "w");

	return f && fputs(value, f) >= 0 && !fclose(f);
}

/* All that was timed, by the histogram of the vCPU's descriptor. */
static uint64_t timed(int fd)
{
	const struct kvm_stats_desc *d = find("exit_times");
	uint64_t bucket[64] = { 0 }, sum = 0;
	unsigned int i;

	if (!d || d->size > 64 || (d->flags & KVM_STATS_TYPE_MASK) != KVM_STATS_TYPE_LOG_HIST ||
	    (d->flags & KVM_STATS_UNIT_MASK) != KVM_STATS_UNIT_CYCLES)
		return ~0ULL;
	pread(fd, bucket, d->size * sizeof(uint64_t), header()->data_offset + d->offset);
	for (i = 0; i < d->size; i++)
		sum += bucket[i];
	return sum;
}

static void times(struct vcpu *vcpu, int fd, struct device *device)
{
	uint64_t exits = number(fd, "exits"), before;

	TAP_EQ(timed(fd), 0, "exits are not timed unless that is wanted");
	tap_ok(set_times("1"), "timing is switched on");
	work(1);
	vcpu_sync_io(vcpu, device);
	/* The last exit, by which it has just come out, lasts. */
	TAP_EQ(timed(fd), number(fd, "exits") - exits - 1, "each exit is timed");
	tap_ok(set_times("0"), "timing is switched off");
	before = timed(fd);
	vcpu_sync_io(vcpu, device);
	work(0);
	TAP_EQ(timed(fd), before, "no exit is timed any more");
}

/* A VM lives on in its vCPU; another one gets the number of its descriptor. */
static void same_number(void)
{
	struct vcpu vcpu;
	struct vm first, second;
	char prefix[32];
	unsigned int fd;

	vm_open(&first, path);
	vcpu_open(&first, &vcpu, 0);
	fd = first.fd;
	close(first.fd);
	second.dev = first.dev;
	second.fd = call(first.dev, KVM_CREATE_VM, 0);
	snprintf(prefix, sizeof(prefix), "%d-%u-2", getpid(), fd);
	tap_ok(second.fd == (int)fd && directory(prefix), "debugfs: its namesake is %s", prefix);
	close(second.fd);
	vcpu_close(&vcpu);
	close(first.dev);
	snprintf(prefix, sizeof(prefix), "%d-", getpid());
	tap_ok(!directory(prefix), "debugfs: with the last descriptor a VM is gone");
}

/* --- descriptors ------------------------------------------------------------------------------ */

static void limits(struct vm *vm, struct vcpu *vcpu)
{
	struct rlimit old, none = { 0 };

	getrlimit(RLIMIT_NOFILE, &old);
	none.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_NOFILE, &none);
	TAP_EQ(call(vm->fd, KVM_GET_STATS_FD, 0), -EMFILE, "no descriptor is free: EMFILE");
	TAP_EQ(call(vcpu->fd, KVM_GET_STATS_FD, 0), -EMFILE, "for a vCPU's, too");
	setrlimit(RLIMIT_NOFILE, &old);
}

static void outlives(struct vm *vm, struct vcpu *vcpu, int vm_stats, int vcpu_stats)
{
	uint64_t exits = number(vcpu_stats, "exits");

	machine_close(vm, vcpu);
	TAP_EQ(number(vcpu_stats, "exits"), exits, "the vCPU's numbers outlive its descriptor");
	tap_ok(pread(vm_stats, blob, MOST, 0) > 0, "and so do the VM's");
	close(vm_stats);
	pread(vcpu_stats, blob, MOST, 0);
	TAP_EQ(number(vcpu_stats, "exits"), exits, "the VM's end is not the vCPU's");
	close(vcpu_stats);
}

int main(int argc, char **argv)
{
	struct device device = { 0 };
	int vm_stats, vcpu_stats;
	struct vcpu vcpu;
	struct vm vm;
	char id[48];
	bool kvmlet;

	tap_begin();
	alarm(100);
	path = device_path(argc, argv);
	kvmlet = strstr(path, "kvmlet");
	machine(&vm, &vcpu, path, false, guest);
	TAP_EQ(call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_BINARY_STATS_FD), 1, "it is advertised");
	vm_stats = call(vm.fd, KVM_GET_STATS_FD, 0);
	vcpu_stats = call(vcpu.fd, KVM_GET_STATS_FD, 0);
	tap_ok(vm_stats >= 0 && vcpu_stats >= 0, "there are descriptors");
	snprintf(id, sizeof(id), "kvm-%d", getpid());
	layout(vm_stats, "the VM's", id);
	snprintf(id, sizeof(id), "kvm-%d/vcpu-0", getpid());
	layout(vcpu_stats, "the vCPU's", id);
	reads_in_pieces(vcpu_stats);
	count(&vcpu, vcpu_stats, &device, kvmlet);
	limits(&vm, &vcpu);
	if (kvmlet) {
		count_faults(&vcpu, vcpu_stats, &device);
		texts(&vm, vcpu_stats);
		times(&vcpu, vcpu_stats, &device);
	}
	outlives(&vm, &vcpu, vm_stats, vcpu_stats);
	if (kvmlet && !access(DEBUGFS, F_OK))
		same_number();
	return tap_end();
}
