// SPDX-License-Identifier: GPL-2.0
/*
 * Counters told to user space: in KVM's binary form by KVM_GET_STATS_FD, as text in debugfs. Both
 * go by the same rows. Counters are read while their vCPU adds to them; a u64 is read whole.
 *
 * names_lock: the names of VMs in debugfs.
 */
#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/moduleparam.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <asm/msr.h>
#include "vmx/stats.h"
#include "vmx/vcpu.h"

#define NAME_SIZE	48		/* KVM's own: programs have it built in */

DEFINE_STATIC_KEY_FALSE(stats_timed);

struct dentry *stats_folder;
static DEFINE_MUTEX(names_lock);

/* --- parameter -------------------------------------------------------------------------------- */

static bool exit_times;
static u64 timed_since;			/* TSC; exits before it were not seen */

static int set_exit_times(const char *text, const struct kernel_param *param)
{
	int err = param_set_bool(text, param);

	if (err)
		return err;
	WRITE_ONCE(timed_since, rdtsc());
	if (exit_times)
		static_branch_enable(&stats_timed);
	else
		static_branch_disable(&stats_timed);
	return 0;
}

static const struct kernel_param_ops exit_times_ops = {
	.flags	= KERNEL_PARAM_OPS_FL_NOARG,
	.set	= set_exit_times,
	.get	= param_get_bool,
};

module_param_cb(exit_times, &exit_times_ops, &exit_times, 0644);
MODULE_PARM_DESC(exit_times, "measure the time from each exit to the next entry (debugfs, stat)");

/* --- times ------------------------------------------------------------------------------------ */

/**
 * stats_times_create() - room for a vCPU's times; without it they are not measured
 * @vcpu: loaded; may have it already
 */
void stats_times_create(struct vcpu *vcpu)
{
	struct stats_times *times;

	if (vcpu->stats.times)
		return;
	times = kvzalloc(sizeof(*times), GFP_KERNEL_ACCOUNT);
	/* Pairs with add_times(). */
	smp_store_release(&vcpu->stats.times, times);
}

/* Adds the histogram of one reason. Returns its cycles. */
static u64 add_times(const struct vcpu *vcpu, unsigned int reason, u64 *bucket)
{
	/* Pairs with stats_times_create(): it is zeroed when it is seen. */
	const struct stats_times *times = smp_load_acquire(&vcpu->stats.times);
	unsigned int n;

	for (n = 0; times && n < STATS_BUCKETS; n++)
		bucket[n] += READ_ONCE(times->bucket[reason][n]);
	return times ? READ_ONCE(times->cycles[reason]) : 0;
}

/**
 * stats_time_exit() - the guest has just been left
 * @vcpu: loaded, interrupts off
 */
void stats_time_exit(struct vcpu *vcpu)
{
	vcpu->stats.left_at = rdtsc();
}

/**
 * stats_time_entry() - the guest is about to be entered: the last exit is over
 * @vcpu: loaded, interrupts off
 */
void stats_time_entry(struct vcpu *vcpu)
{
	struct stats_times *times = vcpu->stats.times;
	u16 nr = vcpu->exit_reason;
	u64 cycles;

	if (!times || vcpu->stats.left_at <= READ_ONCE(timed_since) || nr >= NR_EXIT_REASONS)
		return;
	/* Another processor's TSC may be a little behind. */
	cycles = max_t(s64, rdtsc() - vcpu->stats.left_at, 0);
	times->cycles[nr] += cycles;
	times->bucket[nr][min(fls64(cycles), STATS_BUCKETS - 1)]++;
}

/* --- rows ------------------------------------------------------------------------------------- */

enum row_kind { ROW_VCPUS, ROW_FLUSHES, ROW_EXITS, ROW_BLOCKING, ROW_REASON, ROW_COUNT, ROW_TIMES };

struct row {
	const char *name;
	u8 kind;
	u16 index;		/* of ROW_REASON and ROW_COUNT */
	u16 size;		/* numbers */
	u32 flags;
};

static const struct row vm_rows[] = {
	{ "vcpus", ROW_VCPUS, 0, 1, KVM_STATS_TYPE_INSTANT },
	{ "remote_tlb_flush", ROW_FLUSHES, 0, 1, KVM_STATS_TYPE_CUMULATIVE },
};

#define NANOSECONDS	(KVM_STATS_UNIT_SECONDS | KVM_STATS_BASE_POW10)	/* by put_descs() */

/* KVM's names for some reasons come first, then each reason under its own. */
static const struct row vcpu_rows[] = {
	{ "exits", ROW_EXITS, 0, 1 },
	{ "halt_exits", ROW_REASON, EXIT_REASON_HLT, 1 },
	{ "io_exits", ROW_REASON, EXIT_REASON_IO_INSTRUCTION, 1 },
	{ "irq_exits", ROW_REASON, EXIT_REASON_EXTERNAL_INTERRUPT, 1 },
	{ "irq_window_exits", ROW_REASON, EXIT_REASON_INTERRUPT_WINDOW, 1 },
	{ "nmi_window_exits", ROW_REASON, EXIT_REASON_NMI_WINDOW, 1 },
	{ "hypercalls", ROW_REASON, EXIT_REASON_VMCALL, 1 },
	{ "pf_taken", ROW_REASON, EXIT_REASON_EPT_VIOLATION, 1 },
	{ "blocking", ROW_BLOCKING, 0, 1, KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_BOOLEAN },
#define X(name)	{ #name, ROW_COUNT, STATS_##name, 1 },
	STATS_COUNTERS(X)
#undef X
#define X(name)	{ #name, ROW_COUNT, STATS_##name, 1, NANOSECONDS },
	STATS_DURATIONS(X)
#undef X
#define X(nr, name, handler, traits)	{ "exit_" #name, ROW_REASON, nr, 1 },
	EXIT_REASONS(X)
#undef X
	{ "exit_times", ROW_TIMES, 0, STATS_BUCKETS,
	  KVM_STATS_TYPE_LOG_HIST | KVM_STATS_UNIT_CYCLES },
};

static u64 sum_exits(const struct vcpu *vcpu)
{
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < NR_EXIT_REASONS; i++)
		sum += READ_ONCE(vcpu->stats.exits[i]);
	return sum;
}

static u64 value_of(const struct row *row, struct vm *vm, const struct vcpu *vcpu)
{
	switch (row->kind) {
	case ROW_VCPUS:
		return vm_nr_vcpus(vm);
	case ROW_FLUSHES:
		return atomic64_read(&vm->stats.remote_tlb_flush);
	case ROW_EXITS:
		return sum_exits(vcpu);
	case ROW_BLOCKING:
		return READ_ONCE(vcpu->stats.blocking);
	case ROW_REASON:
		return READ_ONCE(vcpu->stats.exits[row->index]);
	case ROW_COUNT:
		return READ_ONCE(vcpu->stats.count[row->index]);
	default:
		return 0;
	}
}

/* --- KVM_GET_STATS_FD ------------------------------------------------------------------------- */

struct named_desc {
	struct kvm_stats_desc desc;
	char name[NAME_SIZE];
};

static_assert(sizeof(struct named_desc) == sizeof(struct kvm_stats_desc) + NAME_SIZE);

/* @data is NULL, or takes the numbers. Returns how many there are. */
static unsigned int put_numbers(const struct row *row, unsigned int rows, struct vm *vm,
				const struct vcpu *vcpu, u64 *data)
{
	unsigned int nr = 0, i;

	for (; rows--; nr += row->size, row++) {
		/* The sums of all reasons: one histogram. */
		for (i = 0; data && row->kind == ROW_TIMES && i < NR_EXIT_REASONS; i++)
			add_times(vcpu, i, data + nr);
		if (data && row->kind != ROW_TIMES)
			data[nr] = value_of(row, vm, vcpu);
	}
	return nr;
}

static void put_descs(const struct row *row, unsigned int rows, struct named_desc *d)
{
	u32 offset = 0;

	for (; rows--; row++, d++) {
		d->desc.flags = row->flags;
		d->desc.exponent = row->flags == NANOSECONDS ? -9 : 0;
		d->desc.size = row->size;
		d->desc.offset = offset;
		strscpy(d->name, row->name, NAME_SIZE);
		offset += row->size * sizeof(u64);
	}
}

static const struct file_operations vcpu_fops;

/* Header, name, descriptors, numbers; made anew for each read, so that no byte is by chance. */
static ssize_t read_all(struct file *file, char __user *user, size_t count, loff_t *pos)
{
	const struct vcpu *vcpu = file->f_op == &vcpu_fops ? file->private_data : NULL;
	struct vm *vm = vcpu ? vcpu->vm : file->private_data;
	const struct row *rows = vcpu ? vcpu_rows : vm_rows;
	unsigned int nr = vcpu ? ARRAY_SIZE(vcpu_rows) : ARRAY_SIZE(vm_rows);
	struct kvm_stats_header header = {
		.name_size	= NAME_SIZE,
		.num_desc	= nr,
		.id_offset	= sizeof(header),
		.desc_offset	= sizeof(header) + NAME_SIZE,
		.data_offset	= sizeof(header) + NAME_SIZE + nr * sizeof(struct named_desc),
	};
	size_t size = header.data_offset + put_numbers(rows, nr, vm, vcpu, NULL) * sizeof(u64);
	void *all = kvzalloc(size, GFP_KERNEL_ACCOUNT);
	ssize_t r;

	if (!all)
		return -ENOMEM;
	memcpy(all, &header, sizeof(header));
	if (vcpu)
		snprintf(all + header.id_offset, NAME_SIZE, "kvm-%d/vcpu-%u", vm->stats.pid,
			 vcpu->id);
	else
		snprintf(all + header.id_offset, NAME_SIZE, "kvm-%d", vm->stats.pid);
	put_descs(rows, nr, all + header.desc_offset);
	put_numbers(rows, nr, vm, vcpu, all + header.data_offset);
	r = simple_read_from_buffer(user, count, pos, all, size);
	kvfree(all);
	return r;
}

static const struct file_operations vm_fops = {
	.owner		= THIS_MODULE,
	.read		= read_all,
	.release	= vm_release,
	.llseek		= noop_llseek,
};

static const struct file_operations vcpu_fops = {
	.owner		= THIS_MODULE,
	.read		= read_all,
	.release	= vcpu_release,
	.llseek		= noop_llseek,
};

/**
 * stats_fd() - KVM_GET_STATS_FD
 * @vm: whose counters, or NULL
 * @vcpu: whose counters, if @vm is NULL
 *
 * Return: a descriptor, which keeps the VM or vCPU; -EMFILE, -ENOMEM.
 */
int stats_fd(struct vm *vm, struct vcpu *vcpu)
{
	struct file *file;
	int fd = vm ? vm_open("kvm-vm-stats", &vm_fops, vm, O_RDONLY, &file) :
		      vm_open("kvm-vcpu-stats", &vcpu_fops, vcpu, O_RDONLY, &file);

	if (fd < 0)
		return fd;
	file->f_mode |= FMODE_PREAD;
	vm_get(vm ?: vcpu->vm);
	fd_install(fd, file);
	return fd;
}

/* --- debugfs ---------------------------------------------------------------------------------- */

/* A line each: the name and the number. */
static int text_show(struct seq_file *out, void *unused)
{
	struct vcpu *vcpu = out->private;
	const struct row *row;

	for (row = vcpu_rows; row < vcpu_rows + ARRAY_SIZE(vcpu_rows); row++)
		if (row->kind != ROW_TIMES)
			seq_printf(out, "%s %llu\n", row->name, value_of(row, vcpu->vm, vcpu));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(text);

/* The VM's own, and the sums over its vCPUs. */
static int stats_show(struct seq_file *out, void *unused)
{
	struct vm *vm = out->private;
	const struct row *row;
	struct vcpu *vcpu;
	unsigned int i;
	u64 sum;

	for (row = vm_rows; row < vm_rows + ARRAY_SIZE(vm_rows); row++)
		seq_printf(out, "%s %llu\n", row->name, value_of(row, vm, NULL));
	for (row = vcpu_rows; row < vcpu_rows + ARRAY_SIZE(vcpu_rows); row++) {
		if (row->kind == ROW_TIMES)
			continue;
		sum = 0;
		vm_for_each_vcpu(i, vcpu, vm)
			sum += value_of(row, vm, vcpu);
		seq_printf(out, "%s %llu\n", row->name, sum);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/* A line for each reason that was timed: the name, all cycles, the histogram. */
static int times_show(struct seq_file *out, void *unused)
{
	struct vm *vm = out->private;
	const struct row *row;
	struct vcpu *vcpu;
	unsigned int n;

	for (row = vcpu_rows; row < vcpu_rows + ARRAY_SIZE(vcpu_rows); row++) {
		u64 cycles = 0, bucket[STATS_BUCKETS] = { };

		if (row->kind != ROW_REASON || strncmp(row->name, "exit_", 5))
			continue;
		vm_for_each_vcpu(n, vcpu, vm)
			cycles += add_times(vcpu, row->index, bucket);
		if (!memchr_inv(bucket, 0, sizeof(bucket)))
			continue;
		seq_printf(out, "%s %llu", row->name, cycles);
		for (n = 0; n < STATS_BUCKETS; n++)
			seq_printf(out, " %llu", bucket[n]);
		seq_putc(out, '\n');
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(times);

/*
 * PID-FD, as KVM names them. vCPUs may keep a VM after its descriptor was closed; another one of
 * that number then gets PID-FD-2.
 */
static struct dentry *make_dir(int pid, int fd)
{
	struct dentry *other;
	unsigned int n = 1;
	char name[48];

	snprintf(name, sizeof(name), "%d-%d", pid, fd);
	while ((other = debugfs_lookup(name, stats_folder))) {
		dput(other);
		snprintf(name, sizeof(name), "%d-%d-%u", pid, fd, ++n);
	}
	return debugfs_create_dir(name, stats_folder);
}

/**
 * stats_vm_create() - a new VM's counters are to be seen
 * @vm: complete
 * @fd: its descriptor
 *
 * Without debugfs, or memory for it, the VM goes without.
 */
void stats_vm_create(struct vm *vm, int fd)
{
	vm->stats.pid = task_tgid_nr(current);
	mutex_lock(&names_lock);
	vm->stats.dir = make_dir(vm->stats.pid, fd);
	mutex_unlock(&names_lock);
	debugfs_create_file("stats", 0444, vm->stats.dir, vm, &stats_fops);
	debugfs_create_file("times", 0444, vm->stats.dir, vm, &times_fops);
}

/**
 * stats_vcpu_create() - a new vCPU's counters are to be seen
 * @vcpu: complete, and found in its VM
 */
void stats_vcpu_create(struct vcpu *vcpu)
{
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", vcpu->id);
	debugfs_create_file(name, 0444, vcpu->vm->stats.dir, vcpu, &text_fops);
}

/**
 * stats_init() - the folder in debugfs
 *
 * Return: 0.
 */
int stats_init(void)
{
	stats_folder = debugfs_create_dir("kvmlet", NULL);
	return 0;
}

/**
 * stats_exit() - undo stats_init()
 */
void stats_exit(void)
{
	debugfs_remove(stats_folder);
}
