// SPDX-License-Identifier: GPL-2.0
/*
 * Everything in, everything out: what KVM's getters tell of a machine whose vCPUs have stopped, as
 * sections, and the way back. The order in which state is set matters: each line below says why.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "userspace/cpu.h"
#include "userspace/state.h"

#define MSR_TSC			0x10
#define MSR_TSC_ADJUST		0x3b
#define MSR_MCG_CAP		0x179
#define MSR_MC0_CTL		0x400
#define MSR_TSC_DEADLINE	0x6e0
#define XSAVE_MAX		65536

/* With what the driver must have for it. */
struct row {
	u32 type;
	const char *name;
	unsigned long get, set;
	size_t size;
	int cap;
};

/* Of a vCPU, with a fixed size, in the order of setting, and backwards that of getting. */
static const struct row rows[] = {
#define ROW(type, what, structure, cap)							\
	{ type, #what, KVM_GET_##what, KVM_SET_##what, sizeof(struct structure), cap }
	/* The mode first, the LAPIC's too: it decides what the others mean. */
	ROW(SAVE_SREGS, SREGS2, kvm_sregs2, KVM_CAP_SREGS2),
	ROW(SAVE_REGS, REGS, kvm_regs, 0),
	ROW(SAVE_XCRS, XCRS, kvm_xcrs, KVM_CAP_XCRS),
	/* After the IO-APIC, which may send again what the LAPIC has already. */
	ROW(SAVE_LAPIC, LAPIC, kvm_lapic_state, 0),
	/* After the registers: setting them drops exceptions. */
	ROW(SAVE_EVENTS, VCPU_EVENTS, kvm_vcpu_events, KVM_CAP_VCPU_EVENTS),
	ROW(SAVE_DEBUGREGS, DEBUGREGS, kvm_debugregs, KVM_CAP_DEBUGREGS),
	/* Got first: an INIT or SIPI that waits is taken then, and changes registers. */
	ROW(SAVE_MP_STATE, MP_STATE, kvm_mp_state, KVM_CAP_MP_STATE),
#undef ROW
};

static const u32 chips[] = { SAVE_PIC_MASTER, SAVE_PIC_SLAVE, SAVE_IOAPIC };

/* MSRs of which KVM's list says nothing. */
static const struct {
	u32 first, count;
} unlisted[] = {
	{ 0x200, 16 }, { 0x250, 1 }, { 0x258, 2 }, { 0x268, 8 }, { 0x2ff, 1 },	/* MTRRs */
};

static int failed(const struct vm *vm, const char *verb, const char *what)
{
	report("%s: KVM_%s_%s: %s", vm->device, verb, what, strerror(errno));
	return -1;
}

/**
 * state_check() - whether the driver has what taking a guest out and in needs
 * @vm:		the VM
 *
 * Return: 0, or -1 with the reason reported.
 */
int state_check(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].cap || rows[i].cap == KVM_CAP_XCRS || vm_has(vm, rows[i].cap))
			continue;
		report("%s: the driver has no KVM_GET_%s, without which no guest is saved",
		       vm->device, rows[i].name);
		return -1;
	}
	return 0;
}

/* --- MSRs ------------------------------------------------------------------------------------- */

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

static bool get_msr(const struct vcpu *vcpu, u32 index, u64 *value)
{
	struct one_msr msr = { .head.nmsrs = 1, .entry.index = index };
	bool there = ioctl(vcpu->fd, KVM_GET_MSRS, &msr) == 1;

	*value = msr.entry.data;
	return there;
}

static bool set_msr(const struct vcpu *vcpu, u32 index, u64 value)
{
	struct one_msr msr = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };

	return ioctl(vcpu->fd, KVM_SET_MSRS, &msr) == 1;
}

/* Those that can be read are saved. */
static unsigned int get_range(const struct vcpu *vcpu, u32 first, u32 count,
			      struct kvm_msr_entry *entry, unsigned int n)
{
	u64 value;

	for (; count; count--, first++)
		if (n < SAVE_MAX_MSRS && get_msr(vcpu, first, &value))
			entry[n++] = (struct kvm_msr_entry) { .index = first, .data = value };
	return n;
}

static int put_msrs(const struct vcpu *vcpu, struct save_stream *s)
{
	static struct kvm_msr_entry entry[SAVE_MAX_MSRS];
	static struct {
		struct kvm_msr_list head;
		u32 index[SAVE_MAX_MSRS];
	} list;
	unsigned int i, n = 0;
	u64 mcg_cap = 0;

	list.head.nmsrs = SAVE_MAX_MSRS;
	if (ioctl(vcpu->vm->sys, KVM_GET_MSR_INDEX_LIST, &list))
		return failed(vcpu->vm, "GET", "MSR_INDEX_LIST");
	for (i = 0; i < list.head.nmsrs; i++)
		n = get_range(vcpu, list.head.indices[i], 1, entry, n);
	for (i = 0; i < ARRAY_SIZE(unlisted); i++)
		n = get_range(vcpu, unlisted[i].first, unlisted[i].count, entry, n);
	get_msr(vcpu, MSR_MCG_CAP, &mcg_cap);
	n = get_range(vcpu, MSR_MC0_CTL, (mcg_cap & 0xff) * 4, entry, n);
	return save_put(s, SAVE_MSRS, entry, n * sizeof(entry[0]));
}

/* Zero where there is none. */
static u64 saved_msr(const struct saved *saved, u32 cpu, u32 index)
{
	const struct save_part *part = &saved->part[cpu][SAVE_MSRS];
	const struct kvm_msr_entry *e, *end = part->data + part->len;

	for (e = part->data; e < end; e++)
		if (e->index == index)
			return e->data;
	return 0;
}

/*
 * A driver takes a TSC that is near its VM's last one as meant to be equal, to the tick. One that
 * is far away before it makes the value literal: that is for the first processor, and for one whose
 * TSC the guest has moved away from the first one's.
 */
static int set_tsc(const struct vcpu *vcpu, const struct saved *saved, bool moved)
{
	u64 value = saved_msr(saved, moved ? vcpu->id : 0, MSR_TSC);
	u64 two_hours = (u64)vcpu->vm->tsc_khz * 7200000;

	if ((vcpu->id && !moved) || set_msr(vcpu, MSR_TSC, value + two_hours))
		if (set_msr(vcpu, MSR_TSC, value))
			return 0;
	report("%s: the driver refuses the value %#llx of the TSC", vcpu->vm->device,
	       (unsigned long long)value);
	return -1;
}

/* Those that were moved come last, so that the first one's is the last that the others meet. */
static int set_tscs(const struct vm *vm, const struct saved *saved)
{
	u64 first = saved_msr(saved, 0, MSR_TSC_ADJUST);
	unsigned int i, moved;

	for (moved = 0; moved < 2; moved++)
		for (i = 0; i < vm->nr_vcpus; i++)
			if (moved == (saved_msr(saved, i, MSR_TSC_ADJUST) != first) &&
			    set_tsc(&vm->vcpu[i], saved, moved))
				return -1;
	return 0;
}

/* What the driver has anyway it need not take, nor zeros for what it does not have. */
static int set_msrs(const struct vcpu *vcpu, const struct saved *saved, bool deadline)
{
	const struct save_part *part = &saved->part[vcpu->id][SAVE_MSRS];
	const struct kvm_msr_entry *e, *end = part->data + part->len;
	bool is_deadline;
	u64 now;

	for (e = part->data; e < end; e++) {
		is_deadline = e->index == MSR_TSC_DEADLINE;
		if (e->index == MSR_TSC || is_deadline != deadline)
			continue;
		if (set_msr(vcpu, e->index, e->data))
			continue;
		if (e->data == (get_msr(vcpu, e->index, &now) ? now : 0))
			continue;
		report("%s: the driver refuses the value %#llx of MSR %#x", vcpu->vm->device,
		       (unsigned long long)e->data, e->index);
		return -1;
	}
	return 0;
}

/* --- out -------------------------------------------------------------------------------------- */

/**
 * state_put_front() - write what a guest needs of a host
 * @vm:		the VM; its vCPUs may run
 * @s:		the stream, just begun
 *
 * Return: 0, or -1 with the reason in why.
 */
int state_put_front(struct vm *vm, struct save_stream *s)
{
	struct save_machine machine = {
		.ram = vm->ram.size, .tsc_khz = vm->tsc_khz, .cpus = vm->cpus
	};

	if (save_put(s, SAVE_MACHINE, &machine, sizeof(machine)))
		return -1;
	return save_put(s, SAVE_CPUID, vm->cpuid->entries,
			vm->cpuid->nent * sizeof(vm->cpuid->entries[0]));
}

static int put_rows(const struct vcpu *vcpu, struct save_stream *s)
{
	u8 data[sizeof(struct kvm_lapic_state)];
	unsigned int i;

	_Static_assert(sizeof(data) >= sizeof(struct kvm_xcrs), "the largest of the rows");
	for (i = ARRAY_SIZE(rows); i--;) {
		if (rows[i].cap && !vm_has(vcpu->vm, rows[i].cap))
			continue;
		memset(data, 0, sizeof(data));
		if (ioctl(vcpu->fd, rows[i].get, data))
			return failed(vcpu->vm, "GET", rows[i].name);
		if (save_put(s, rows[i].type, data, rows[i].size))
			return -1;
	}
	return 0;
}

static int put_xsave(const struct vcpu *vcpu, struct save_stream *s)
{
	static u8 xsave[XSAVE_MAX];
	int size = ioctl(vcpu->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);

	if (size > XSAVE_MAX)
		size = 0;
	if (ioctl(vcpu->fd, size > 0 ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, xsave))
		return failed(vcpu->vm, "GET", "XSAVE");
	return save_put(s, SAVE_XSAVE, xsave, max_t(size_t, size, sizeof(struct kvm_xsave)));
}

static int put_nested(const struct vcpu *vcpu, struct save_stream *s)
{
	static union {
		struct kvm_nested_state head;
		u8 room[65536];
	} nested;

	if (!vm_has(vcpu->vm, KVM_CAP_NESTED_STATE))
		return 0;
	nested.head.size = sizeof(nested);
	if (ioctl(vcpu->fd, KVM_GET_NESTED_STATE, &nested))
		return failed(vcpu->vm, "GET", "NESTED_STATE");
	return save_put(s, SAVE_NESTED, &nested, nested.head.size);
}

static int put_vcpus(struct vm *vm, struct save_stream *s)
{
	const struct vcpu *vcpu;

	for (vcpu = vm->vcpu; vcpu < vm->vcpu + vm->nr_vcpus; vcpu++)
		/* MSRs first: a TSC deadline that passes meanwhile is in the LAPIC then. */
		if (save_put(s, SAVE_CPU, &vcpu->id, sizeof(vcpu->id)) || put_msrs(vcpu, s) ||
		    put_rows(vcpu, s) || put_xsave(vcpu, s) || put_nested(vcpu, s))
			return -1;
	return 0;
}

static int put_platform(struct vm *vm, struct save_stream *s)
{
	struct kvm_clock_data clock = { 0 };
	struct kvm_irqchip chip;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(chips); i++) {
		memset(&chip, 0, sizeof(chip));
		chip.chip_id = i;
		if (ioctl(vm->fd, KVM_GET_IRQCHIP, &chip))
			return failed(vm, "GET", "IRQCHIP");
		if (save_put(s, chips[i], &chip, sizeof(chip)))
			return -1;
	}
	if (ioctl(vm->fd, KVM_GET_CLOCK, &clock))
		return failed(vm, "GET", "CLOCK");
	return save_put(s, SAVE_CLOCK, &clock, sizeof(clock));
}

static int put_devices(struct vm *vm, struct save_stream *s)
{
	const struct kept *k;

	for (k = vm->kept; k < vm->kept + vm->nr_kept; k++) {
		if (k->saving)
			k->saving(k->dev);
		if (save_put_named(s, SAVE_DEVICE, k->name, sizeof(k->name), k->state, k->size))
			return -1;
	}
	return 0;
}

/**
 * state_put() - write a machine's state, but for its memory
 * @vm:		the VM; its vCPUs have stopped
 * @s:		the stream
 *
 * Return: 0, or -1 with the reason reported or in why.
 */
int state_put(struct vm *vm, struct save_stream *s)
{
	/* kvm-clock comes last, after all that the guest could have read it for. */
	return put_devices(vm, s) || put_vcpus(vm, s) || put_platform(vm, s) ? -1 : 0;
}

/* --- in --------------------------------------------------------------------------------------- */

/**
 * state_take_cpuid() - give a VM a saved guest's CPUID, if this host can keep what it says
 * @vm:		the VM
 * @saved:	after load_guest()
 * @why:	what the host lacks, by name
 * @size:	bytes of it
 *
 * Return: 0 or -1.
 */
int state_take_cpuid(struct vm *vm, const struct saved *saved, char *why, size_t size)
{
	static const char words[] = "the guest was shown what this machine lacks: ";
	const struct save_part *part = &saved->part[0][SAVE_CPUID];
	struct kvm_cpuid2 *host = cpu_host(vm->device, vm->sys);
	unsigned int missing = 1;

	vm->cpuid = calloc(1, sizeof(*vm->cpuid) + part->len);
	snprintf(why, size, "no memory");
	if (host && vm->cpuid) {
		vm->cpuid->nent = part->len / sizeof(vm->cpuid->entries[0]);
		memcpy(vm->cpuid->entries, part->data, part->len);
		snprintf(why, size, "%s", words);
		missing = cpu_missing(vm->cpuid, host, why + strlen(words), size - strlen(words));
	}
	free(host);
	return missing ? -1 : 0;
}

/* Up to the LAPIC and with it, or what comes after it. */
static int set_rows(const struct vcpu *vcpu, const struct saved *saved, bool after)
{
	const struct save_part *part;
	bool is_after = false;
	const struct row *row;

	for (row = rows; row < rows + ARRAY_SIZE(rows); row++) {
		part = &saved->part[vcpu->id][row->type];
		if (is_after == after && part->data && ioctl(vcpu->fd, row->set, part->data))
			return failed(vcpu->vm, "SET", row->name);
		is_after = is_after || row->type == SAVE_LAPIC;
	}
	return 0;
}

static int set_xsave(const struct vcpu *vcpu, const struct saved *saved)
{
	const struct save_part *part = &saved->part[vcpu->id][SAVE_XSAVE];
	static u8 xsave[XSAVE_MAX];

	/* The driver may take more than the other one gave. */
	memset(xsave, 0, sizeof(xsave));
	memcpy(xsave, part->data, part->len);
	return ioctl(vcpu->fd, KVM_SET_XSAVE, xsave) ? failed(vcpu->vm, "SET", "XSAVE") : 0;
}

/* A driver without nested virtualization has nothing to set, and so had the guest, by its CPUID. */
static int set_nested(const struct vcpu *vcpu, const struct saved *saved)
{
	const struct save_part *part = &saved->part[vcpu->id][SAVE_NESTED];

	if (!part->data || !vm_has(vcpu->vm, KVM_CAP_NESTED_STATE))
		return 0;
	if (((struct kvm_nested_state *)part->data)->size > part->len)
		errno = EINVAL;
	else if (!ioctl(vcpu->fd, KVM_SET_NESTED_STATE, part->data))
		return 0;
	return failed(vcpu->vm, "SET", "NESTED_STATE");
}

static int set_chips(struct vm *vm, const struct saved *saved)
{
	struct kvm_irqchip chip;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(chips); i++) {
		memcpy(&chip, saved->part[0][chips[i]].data, sizeof(chip));
		chip.chip_id = i;
		if (ioctl(vm->fd, KVM_SET_IRQCHIP, &chip))
			return failed(vm, "SET", "IRQCHIP");
	}
	return 0;
}

/* The guest's clock goes on from where it was: time in which it did not exist does not count. */
static int set_clock(struct vm *vm, const struct saved *saved)
{
	const struct kvm_clock_data *then = saved->part[0][SAVE_CLOCK].data;
	struct kvm_clock_data clock = { .clock = then->clock };

	return ioctl(vm->fd, KVM_SET_CLOCK, &clock) ? failed(vm, "SET", "CLOCK") : 0;
}

static int set_tsc_khz(struct vm *vm, const struct saved *saved)
{
	u32 khz = saved_machine(saved)->tsc_khz, done = 0;

	while (done < vm->nr_vcpus &&
	       !ioctl(vm->vcpu[done].fd, KVM_SET_TSC_KHZ, (unsigned long)khz))
		done++;
	if (done == vm->nr_vcpus) {
		vm->tsc_khz = khz;	/* to be saved with it again */
		return 0;
	}
	report("%s: the guest's TSC runs at %u kHz, which the driver cannot give it here (%d kHz)",
	       vm->device, khz, vm->tsc_khz);
	return -1;
}

static int set_devices(struct vm *vm, const struct saved *saved)
{
	const struct save_part *part;
	const char *wrong;
	struct kept *k;

	for (k = vm->kept; k < vm->kept + vm->nr_kept; k++) {
		part = saved_device(saved, k->name);
		if (!part || part->len != SAVE_NAME + k->size) {
			report("the saved guest had %s %s, and this machine has one",
			       part ? "another" : "no", k->name);
			return -1;
		}
		memcpy(k->state, part->data + SAVE_NAME, k->size);
		wrong = k->loaded ? k->loaded(k->dev) : NULL;
		if (wrong) {
			report("the saved guest's %s: %s", k->name, wrong);
			return -1;
		}
	}
	if (saved->devices == vm->nr_kept)
		return 0;
	report("the saved guest had %u devices, this machine has %u", saved->devices, vm->nr_kept);
	return -1;
}

/**
 * state_set() - give a machine a saved guest's state
 * @vm:		the VM with all its devices and the guest's memory, its vCPUs have not run
 * @saved:	after load_rest()
 *
 * Return: 0, or -1 with the reason reported.
 */
int state_set(struct vm *vm, const struct saved *saved)
{
	const struct vcpu *vcpu, *end = vm->vcpu + vm->nr_vcpus;

	if (set_tsc_khz(vm, saved) || set_chips(vm, saved))
		return -1;
	for (vcpu = vm->vcpu; vcpu < end; vcpu++)
		if (set_rows(vcpu, saved, false) || set_nested(vcpu, saved) ||
		    set_xsave(vcpu, saved))
			return -1;
	/* kvm-clock is made of the TSC; the guest's pages, by the other MSRs, of both. */
	if (set_tscs(vm, saved) || set_clock(vm, saved))
		return -1;
	for (vcpu = vm->vcpu; vcpu < end; vcpu++) {
		/* The deadline in the LAPIC's mode, by the TSC; it may be past. */
		if (set_msrs(vcpu, saved, false) || set_rows(vcpu, saved, true) ||
		    set_msrs(vcpu, saved, true))
			return -1;
		/* The guest's watchdogs shall know. EINVAL: it does not use the clock. */
		if (ioctl(vcpu->fd, KVM_KVMCLOCK_CTRL, 0) && errno != EINVAL)
			return failed(vm, "KVMCLOCK", "CTRL");
	}
	return set_devices(vm, saved);
}
