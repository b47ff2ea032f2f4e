// SPDX-License-Identifier: GPL-2.0
/*
 * kvm-clock. A guest's clock is the host's raw monotonic time, suspend included, plus an
 * offset. Each vCPU's page says how to extrapolate it from the TSC. While the host itself
 * keeps time with the TSC and all TSCs of the VM are synchronized, all pages come from one
 * pair of time and TSC, the master clock, and the guest may compare clocks across vCPUs.
 *
 * The host's timekeeping is copied under host.seq by its notifier; a VM's master clock is
 * under vm->clock.lock and seq; the list of VMs under vms_lock.
 */
#include <linux/clocksource.h>
#include <linux/cpuhotplug.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/pvclock_gtod.h>
#include <linux/timekeeper_internal.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>
#include <asm/kvm_para.h>
#include <asm/pvclock-abi.h>
#include <asm/tsc.h>
#include "vmx/clock/clock.h"
#include "vmx/clock/record.h"
#include "vmx/vcpu.h"

static LIST_HEAD(vms);
static DEFINE_MUTEX(vms_lock);

/* How the host reads a clock: ns = base + ((tsc - cycle_last) * mult + xtime_nsec) >> shift. */
struct reading {
	struct tk_read_base tk;
	u64 base;
};

static struct {
	seqcount_t seq;			/* the notifier writes, under the timekeeper's lock */
	const struct clocksource *source;
	bool tsc;			/* the source is the TSC; else the rest is void */
	struct reading raw;		/* raw monotonic time, suspend included */
	struct reading real;		/* time of day */
} host = { .seq = SEQCNT_ZERO(host.seq) };

struct instant {
	u64 tsc, ns, real;
};

static u64 read_at(const struct reading *clock, u64 tsc)
{
	const struct tk_read_base *tk = &clock->tk;
	/* Another CPU's TSC may be a little behind. */
	u64 ticks = tsc > tk->cycle_last ? (tsc - tk->cycle_last) & tk->mask : 0;

	return clock->base + ((ticks * tk->mult + tk->xtime_nsec) >> tk->shift);
}

/* Both clocks and the TSC at one instant. False if the host does not keep time with the TSC. */
static bool read_instant(struct instant *now)
{
	unsigned int seq;
	bool tsc;

	do {
		seq = read_seqcount_begin(&host.seq);
		tsc = host.tsc;
		now->tsc = rdtsc_ordered();
		if (tsc) {
			now->ns = read_at(&host.raw, now->tsc);
			now->real = read_at(&host.real, now->tsc);
		}
	} while (read_seqcount_retry(&host.seq, seq));
	return tsc;
}

/**
 * pvclock_host_ns() - the host's clock that guests' clocks are made of
 *
 * Return: nanoseconds since boot, not slewed by NTP. Context: any.
 */
static u64 pvclock_host_ns(void)
{
	return ktime_to_ns(ktime_mono_to_any(ktime_get_raw(), TK_OFFS_BOOT));
}

/* Of a guest's TSC, by the very rate at which the host reads its clock: they stay together. */
static struct clock_scale tsc_scale(u64 ratio)
{
	struct tk_read_base raw;
	unsigned int seq;
	bool tsc;

	do {
		seq = read_seqcount_begin(&host.seq);
		tsc = host.tsc;
		raw = host.raw.tk;
	} while (read_seqcount_retry(&host.seq, seq));
	return tsc ? clock_scale_make(ratio, (u64)raw.mult << (TSC_RATIO_BITS - raw.shift)) :
		     clock_scale_make(tsc_scaled(ratio, (u64)tsc_khz * 1000), NSEC_PER_SEC);
}

static struct vm_time read_vm(const struct vm_clock *clock)
{
	struct vm_time s;
	unsigned int seq;

	do {
		seq = read_seqcount_begin(&clock->seq);
		s = clock->time;
	} while (read_seqcount_retry(&clock->seq, seq));
	return s;
}

/* The guest's clock when the host's TSC is @tsc, in the way the guest computes it. */
static u64 guest_ns_at(const struct vm_time *s, u64 tsc)
{
	u64 ticks = tsc > s->tsc ? tsc_scaled(s->ratio, tsc) - tsc_scaled(s->ratio, s->tsc) : 0;

	return s->ns + s->offset + clock_scale_ns(tsc_scale(s->ratio), ticks);
}

static bool tscs_match(struct vm *vm)
{
	struct vcpu *vcpu;
	unsigned int i;

	vm_for_each_vcpu(i, vcpu, vm)
		if (vcpu->clock.tsc_generation != vm->clock.tsc_generation ||
		    test_bit(REQ_CATCH_UP, &vcpu->requests))
			return false;
	return vm->clock.tsc_generation;
}

/* vm->clock.lock is held, interrupts are off. True if anything changed. */
static bool choose_master(struct vm *vm, bool renew)
{
	struct vm_clock *clock = &vm->clock;
	struct instant now;
	bool master = tscs_match(vm) && read_instant(&now);

	/* A pair that is right stays: two pairs differ by what rounding makes of them. */
	if (master == clock->time.master && clock->time.ratio == clock->tsc_ratio && !renew)
		return false;
	write_seqcount_begin(&clock->seq);
	clock->time.master = master;
	clock->time.ratio = clock->tsc_ratio;
	if (master) {
		clock->time.ns = now.ns;
		clock->time.tsc = now.tsc;
	}
	write_seqcount_end(&clock->seq);
	return true;
}

/**
 * pvclock_refresh_master() - decide anew whether a VM has a master clock
 * @vm: any
 * @renew: take a new pair in any case
 *
 * Context: vm->clock.lock not held.
 */
void pvclock_refresh_master(struct vm *vm, bool renew)
{
	bool changed;

	raw_spin_lock_irq(&vm->clock.lock);
	changed = choose_master(vm, renew);
	raw_spin_unlock_irq(&vm->clock.lock);
	if (changed)
		vm_request_all(vm, REQ_CLOCK);
}

static void host_changed(struct work_struct *work)
{
	struct vm *vm;

	mutex_lock(&vms_lock);
	list_for_each_entry(vm, &vms, clock.link)
		pvclock_refresh_master(vm, true);
	mutex_unlock(&vms_lock);
}

static DECLARE_WORK(host_changed_work, host_changed);

static void queue_host_changed(struct irq_work *work)
{
	queue_work(system_long_wq, &host_changed_work);
}

/* The notifier runs inside the timekeeper's own write section: waking anybody must wait. */
static DEFINE_IRQ_WORK(host_changed_irq_work, queue_host_changed);

static int on_timekeeping(struct notifier_block *nb, unsigned long stepped, void *data)
{
	const struct timekeeper *tk = data;
	const struct clocksource *source = tk->tkr_mono.clock;
	u64 boot = ktime_to_ns(tk->offs_boot);
	bool changed = source != host.source;

	write_seqcount_begin(&host.seq);
	host.source = source;
	host.tsc = source->vdso_clock_mode == VDSO_CLOCKMODE_TSC;
	host.raw = (struct reading) { tk->tkr_raw, ktime_to_ns(tk->tkr_raw.base) + boot };
	host.real = (struct reading) { tk->tkr_mono, tk->xtime_sec * NSEC_PER_SEC };
	write_seqcount_end(&host.seq);
	/* The TSC's frequency, too, is only corrected along with a change of source. */
	if (changed)
		irq_work_queue(&host_changed_irq_work);
	return NOTIFY_OK;
}

static struct notifier_block timekeeping_notifier = { .notifier_call = on_timekeeping };

/* The host may have found meanwhile that its TSCs differ. */
static int on_cpu_online(unsigned int cpu)
{
	queue_work(system_long_wq, &host_changed_work);
	return 0;
}

static int online_state;

/**
 * clock_exit() - undo clock_init(); there is no VM any more
 */
void clock_exit(void)
{
	pvclock_gtod_unregister_notifier(&timekeeping_notifier);
	cpuhp_remove_state_nocalls(online_state);
	irq_work_sync(&host_changed_irq_work);
	cancel_work_sync(&host_changed_work);
}

/**
 * clock_init() - follow the host's timekeeping
 *
 * Return: 0, or a notifier's error.
 */
int clock_init(void)
{
	int err;

	online_state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "virt/kvmlet:clock",
						 on_cpu_online, NULL);
	if (online_state < 0)
		return online_state;
	err = pvclock_gtod_register_notifier(&timekeeping_notifier);
	if (err)
		clock_exit();
	return err;
}

/**
 * clock_vm_init() - a new VM's clock, which starts at 0
 * @vm: being created
 */
void clock_vm_init(struct vm *vm)
{
	struct vm_clock *clock = &vm->clock;

	raw_spin_lock_init(&clock->lock);
	seqcount_raw_spinlock_init(&clock->seq, &clock->lock);
	clock->time.offset = -pvclock_host_ns();
	clock->tsc_khz = tsc_khz;
	mutex_lock(&vms_lock);
	list_add(&clock->link, &vms);
	mutex_unlock(&vms_lock);
}

/**
 * clock_vm_destroy() - forget a VM
 * @vm: being destroyed; its vCPUs are still there
 */
void clock_vm_destroy(struct vm *vm)
{
	mutex_lock(&vms_lock);
	list_del(&vm->clock.link);
	mutex_unlock(&vms_lock);
}

/**
 * clock_vcpu_load() - the vCPU has moved to another host CPU
 * @vcpu: its VMCS is current
 *
 * Context: preemption off.
 */
void clock_vcpu_load(struct vcpu *vcpu)
{
	if (vcpu->clock.system_msr & KVM_MSR_ENABLED)
		vcpu_request(vcpu, REQ_CLOCK);
}

struct guest_memory {
	struct vm *vm;
	gpa_t gpa;
};

static int write_guest(void *ctx, size_t at, const void *data, size_t size)
{
	const struct guest_memory *memory = ctx;
	int ret = mmu_write(&memory->vm->mmu, 0, memory->gpa + at, data, size);

	smp_wmb();	/* the version and what it guards, in order */
	return ret;
}

static void fill_page(struct vcpu *vcpu, struct pvclock_vcpu_time_info *page)
{
	struct vm_time s = read_vm(&vcpu->vm->clock);
	struct clock_scale scale = tsc_scale(vcpu->clock.tsc_ratio);
	unsigned long flags;

	if (!s.master) {
		local_irq_save(flags);
		s.tsc = rdtsc_ordered();
		s.ns = pvclock_host_ns();
		local_irq_restore(flags);
	}
	page->pad0 = 0;
	page->tsc_timestamp = tsc_scaled(vcpu->clock.tsc_ratio, s.tsc) + vcpu->clock.tsc_offset;
	page->system_time = s.ns + s.offset;
	page->tsc_to_system_mul = scale.mul;
	page->tsc_shift = scale.shift;
	/* The guest takes this flag back when it has seen it. */
	page->flags &= PVCLOCK_GUEST_STOPPED;
	if (vcpu->clock.stopped)
		page->flags |= PVCLOCK_GUEST_STOPPED;
	if (s.master)
		page->flags |= PVCLOCK_TSC_STABLE_BIT;
	memset(page->pad, 0, sizeof(page->pad));
}

/**
 * clock_update() - rewrite the vCPU's kvm-clock page
 * @vcpu: about to enter, on REQ_CLOCK; may sleep
 *
 * A page without memory is the guest's mistake, and stays unwritten.
 */
void clock_update(struct vcpu *vcpu)
{
	struct pvclock_vcpu_time_info page;
	struct guest_memory memory = {
		.vm = vcpu->vm, .gpa = vcpu->clock.system_msr & ~(u64)KVM_MSR_ENABLED,
	};

	if (!(vcpu->clock.system_msr & KVM_MSR_ENABLED) ||
	    mmu_read(&vcpu->vm->mmu, 0, memory.gpa, &page, sizeof(page)))
		return;
	fill_page(vcpu, &page);
	if (!clock_record_write(&page, sizeof(page), &memory, write_guest))
		vcpu->clock.stopped = false;
}

/**
 * pvclock_write_system() - write MSR_KVM_SYSTEM_TIME, old or new
 * @vcpu: any
 * @value: address of the vCPU's page, bit 0: enable
 *
 * Return: 0.
 */
int pvclock_write_system(struct vcpu *vcpu, u64 value)
{
	vcpu->clock.system_msr = value;
	vcpu_request(vcpu, REQ_CLOCK);
	return 0;
}

static u64 guest_now(struct vm *vm)
{
	struct vm_time s = read_vm(&vm->clock);

	return s.master ? guest_ns_at(&s, rdtsc_ordered()) : pvclock_host_ns() + s.offset;
}

/**
 * pvclock_write_wall() - write MSR_KVM_WALL_CLOCK, old or new: tell when kvm-clock was 0
 * @vcpu: any; may sleep
 * @value: address of the record
 *
 * Return: 0.
 */
int pvclock_write_wall(struct vcpu *vcpu, u64 value)
{
	struct guest_memory memory = { .vm = vcpu->vm, .gpa = value };
	struct pvclock_wall_clock wall;
	u64 ns;

	WRITE_ONCE(vcpu->vm->clock.wall_msr, value);
	if (!value || mmu_read(&vcpu->vm->mmu, 0, value, &wall, sizeof(wall)))
		return 0;
	ns = ktime_get_real_ns() - guest_now(vcpu->vm);
	wall.sec = ns / NSEC_PER_SEC;
	wall.nsec = ns % NSEC_PER_SEC;
	clock_record_write(&wall, sizeof(wall), &memory, write_guest);
	return 0;
}

/**
 * pvclock_set_stopped() - KVM_KVMCLOCK_CTRL: the guest was stopped, its watchdogs should know
 * @vcpu: any
 *
 * Return: 0, or -EINVAL if the guest does not use kvm-clock.
 */
int pvclock_set_stopped(struct vcpu *vcpu)
{
	if (!(vcpu->clock.system_msr & KVM_MSR_ENABLED))
		return -EINVAL;
	vcpu->clock.stopped = true;
	vcpu_request(vcpu, REQ_CLOCK);
	return 0;
}

/**
 * pvclock_get() - KVM_GET_CLOCK
 * @vm: any
 * @data: filled in
 */
void pvclock_get(struct vm *vm, struct kvm_clock_data *data)
{
	struct vm_time s = read_vm(&vm->clock);
	struct instant now;

	memset(data, 0, sizeof(*data));
	if (!s.master) {
		data->clock = pvclock_host_ns() + s.offset;
		return;
	}
	data->flags = KVM_CLOCK_TSC_STABLE;
	if (read_instant(&now)) {
		data->flags |= KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC;
		data->realtime = now.real;
	}
	data->host_tsc = now.tsc;
	data->clock = guest_ns_at(&s, now.tsc);
}

/**
 * pvclock_set() - KVM_SET_CLOCK
 * @vm: any
 * @data: the clock; with KVM_CLOCK_REALTIME as it was then, and so later by the time since
 *
 * Return: 0, or -EINVAL for unknown flags.
 */
int pvclock_set(struct vm *vm, const struct kvm_clock_data *data)
{
	struct vm_clock *clock = &vm->clock;
	u64 value = data->clock, real;

	if (data->flags & ~(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC))
		return -EINVAL;
	raw_spin_lock_irq(&clock->lock);
	choose_master(vm, true);
	if (data->flags & KVM_CLOCK_REALTIME) {
		real = ktime_get_real_ns();
		if (real > data->realtime)
			value += real - data->realtime;
	}
	write_seqcount_begin(&clock->seq);
	clock->time.offset = value - (clock->time.master ? clock->time.ns : pvclock_host_ns());
	write_seqcount_end(&clock->seq);
	raw_spin_unlock_irq(&clock->lock);
	vm_request_all(vm, REQ_CLOCK);
	return 0;
}
