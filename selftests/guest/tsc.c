// SPDX-License-Identifier: GPL-2.0
/*
 * Time in the guest: the TSC, one TSC on all vCPUs, and the kvm-clock page; and all of it with a
 * TSC that is faster or slower than the host's. A processor without TSC scaling gives the faster
 * one by catching up at each entry.
 *
 * lab:
 * lab: --cpu corei7_skylake_x
 * lab@kvmlet: --param apicv=1
 */
#include <time.h>
#include "selftests/lib/apic.h"
#include "selftests/lib/clock.h"

#define MSR_WALL	0x4b564d00
#define OLD_CLOCK	0x12
#define OLD_WALL	0x11
#define FEATURE_CLOCK	(1 << 3)
#define CYCLES		1000000ULL
#define TIMER		0x52		/* vector */
#define DEADLINES	5
#define CLOSE		1000000ULL	/* ns */
#define CLOSE_REAL	20000000ULL

struct wall_page {
	uint32_t version, seconds, nanoseconds;
} __attribute__((aligned(64)));

static volatile struct clock_page page;
static volatile struct wall_page wall;
static volatile uint64_t tsc_now, expected, host_seconds;

static uint64_t clock_read(void)
{
	uint32_t version;
	uint64_t ns;

	do {
		version = page.version;
		ns = clock_page_ns(&page, guest_rdtsc());
	} while (version != page.version || version & 1);
	return ns;
}

static void tsc_guest(void)
{
	unsigned int i, backwards = 0;
	uint64_t last = guest_rdtsc(), now;

	for (i = 0; i < 1000; i++, last = now) {
		now = guest_rdtsc();
		backwards += now < last;
	}
	guest_check("the TSC does not go backwards", backwards, 0);
	guest_wrmsr(MSR_TSC, 1ULL << 40);
	now = guest_rdtsc();
	guest_check("the guest can set it", now >= 1ULL << 40 && now < (1ULL << 40) + 10000000, 1);
	guest_check("RDMSR reads it", guest_rdmsr(MSR_TSC) >= now, 1);
	tsc_now = guest_rdtsc();
	guest_sync(1);
	guest_check("it goes on over an exit", guest_rdtsc() > tsc_now, 1);
	guest_sync(2);
}

static void clock_guest(void)
{
	uint64_t first, second, cycles;

	guest_wrmsr(MSR_CLOCK, (uintptr_t)&page | 1);
	guest_check("the clock page's version is even", page.version & 1, 0);
	guest_check("and not 0", page.version != 0, 1);
	guest_check("its multiplier is not 0", page.multiplier != 0, 1);
	guest_check("its TSC is not in the future", page.tsc <= guest_rdtsc(), 1);
	first = clock_read();
	for (cycles = guest_rdtsc(); guest_rdtsc() - cycles < CYCLES;)
		asm volatile("pause");
	second = clock_read();
	guest_check("the clock is not slower than the TSC", second - first >= expected * 9 / 10, 1);
	guest_check("nor faster", second - first <= expected * 12 / 10, 1);
	guest_wrmsr(MSR_WALL, (uintptr_t)&wall);
	guest_check("the wall clock's version is even", wall.version & 1, 0);
	/* When the clock started, which is when the VM did. */
	guest_check("the wall clock is the host's", wall.seconds + 60 - host_seconds <= 61, 1);
	guest_check("its nanoseconds are less than a second", wall.nanoseconds < 1000000000, 1);
	guest_check("the clock's MSR comes back", guest_rdmsr(MSR_CLOCK), (uintptr_t)&page | 1);
	guest_wrmsr(MSR_CLOCK, 0);
	guest_sync(1);
}

/* --- kvm-clock by the old MSRs and by the new ones -------------------------------------------- */

static volatile uint32_t clock_msr, wall_msr;
static volatile uint64_t clock_now;

static void named_guest(void)
{
	unsigned int i, back = 0;
	uint64_t last = 0, now;

	guest_wrmsr(clock_msr, (uintptr_t)&page | 1);
	for (i = 0; i < 1000; i++, last = now) {
		now = clock_read();
		back += now < last;
	}
	guest_check("kvm-clock does not go back", back, 0);
	guest_check("its MSR comes back", guest_rdmsr(clock_msr), (uintptr_t)&page | 1);
	guest_wrmsr(wall_msr, (uintptr_t)&wall);
	guest_check("the wall clock's, too", guest_rdmsr(wall_msr), (uintptr_t)&wall);
	guest_sync(1);
	clock_now = clock_read();
	guest_sync(2);
}

static uint64_t vm_ns(struct vm *vm)
{
	struct kvm_clock_data data = {};

	call(vm->fd, KVM_GET_CLOCK, &data);
	return data.clock;
}

static uint64_t real_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void between(uint64_t value, uint64_t least, uint64_t most, const char *name)
{
	tap_ok(value >= least && value <= most, "%s", name);
	printf("# %llu, from %llu to %llu\n", (unsigned long long)value,
	       (unsigned long long)least, (unsigned long long)most);
}

static void named(const char *path, uint32_t clock, uint32_t wall_clock)
{
	uint64_t least, most, real;
	struct vcpu vcpu;
	struct vm vm;

	memset((void *)&page, 0, sizeof(page));
	memset((void *)&wall, 0, sizeof(wall));
	clock_msr = clock;
	wall_msr = wall_clock;
	machine(&vm, &vcpu, path, true, named_guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "kvm-clock by MSR %#x", clock);
	real = real_ns();
	least = vm_ns(&vm);
	TAP_EQ(vcpu_sync(&vcpu), 2, "which the guest reads");
	most = vm_ns(&vm);
	between(clock_now, least - CLOSE, most + CLOSE, "it is KVM_GET_CLOCK's");
	between(wall.seconds * 1000000000ULL + wall.nanoseconds + clock_now, real - CLOSE_REAL,
		real_ns() + CLOSE_REAL, "with the wall clock it is the host's CLOCK_REALTIME");
	tap_checks();
	machine_close(&vm, &vcpu);
}

static uint64_t get_tsc(struct vcpu *vcpu)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1, .entry.index = MSR_TSC };

	call(vcpu->fd, KVM_GET_MSRS, &msr);
	return msr.entry.data;
}

static void set_tsc(struct vcpu *vcpu, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1, .entry = { .index = MSR_TSC, .data = value } };

	call(vcpu->fd, KVM_SET_MSRS, &msr);
}

/* All monitors write 0 to each vCPU's TSC: offsets must not differ by the time between. */
static void synchronized(const char *path)
{
	uint64_t first, second, third;
	struct vcpu one, two;
	struct vm vm;

	vm_open(&vm, path);
	vcpu_open(&vm, &one, 0);
	vcpu_open(&vm, &two, 1);
	set_tsc(&one, 0);
	usleep(20000);
	set_tsc(&two, 0);
	first = get_tsc(&one);
	second = get_tsc(&two);
	third = get_tsc(&one);
	tap_ok(first <= second && second <= third, "0 written to two TSCs, 20 ms apart, makes "
	       "them one clock");
	printf("# %llu %llu %llu\n", (unsigned long long)first, (unsigned long long)second,
	       (unsigned long long)third);
	vcpu_close(&one);
	machine_close(&vm, &two);
}

/* --- another frequency ------------------------------------------------------------------------ */

static bool slow;
static volatile uint64_t two_ms;	/* of the guest's TSC */
static volatile bool rearms;		/* a deadline goes by the TSC that the guest writes */
static volatile struct {
	uint64_t tsc, clock;
} before, after;

static void deadlines(void)
{
	unsigned int i, early = 0, late = 0;
	uint64_t due, now;

	guest_eoi = apic_eoi;
	apic_write(APIC_SPIV, 0x1ff);
	apic_write(APIC_LVTT, LVTT_DEADLINE | TIMER);
	for (i = 0; i < DEADLINES; i++) {
		due = guest_rdtsc() + two_ms;
		guest_wrmsr(MSR_DEADLINE, due);
		guest_halt();
		now = guest_rdtsc();
		early += now < due;
		late += now > due + two_ms / 2;
	}
	guest_check("each TSC deadline comes", irqs[TIMER], DEADLINES);
	if (rearms) {
		guest_wrmsr(MSR_DEADLINE, guest_rdtsc() + 1000 * two_ms);
		guest_wrmsr(MSR_TSC, guest_rdtsc() + 1001 * two_ms);
		guest_halt();
		guest_check("one that a new TSC has passed comes at once", irqs[TIMER],
			    DEADLINES + 1);
	}
	guest_check("none before the guest's TSC is there", early, 0);
	/* On the debug host an exit may take that long. */
	guest_check("none a millisecond later", slow ? 0 : late, 0);
}

static void scaled_guest(void)
{
	uint64_t last, now;
	unsigned int back = 0, i;

	guest_wrmsr(MSR_CLOCK, (uintptr_t)&page | 1);
	before.clock = clock_read();
	before.tsc = guest_rdtsc();
	guest_sync(1);
	after.tsc = guest_rdtsc();
	after.clock = clock_read();
	guest_sync(2);
	for (i = 0, last = 0; i < 2000; i++, last = now) {
		now = i % 100 ? clock_read() : (guest_sync(3), last);
		back += now < last;
	}
	guest_check("kvm-clock does not go back", back, 0);
	irqs[TIMER] = 0;
	deadlines();
	guest_sync(4);
}

static uint64_t host_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void keeps_pace(struct vcpu *vcpu, uint64_t khz)
{
	uint64_t least, most, first = host_ns(), exit;

	TAP_EQ(vcpu_sync(vcpu), 1, "the guest looks at its clocks");
	exit = host_ns();
	usleep(50000);
	least = host_ns() - exit;
	TAP_EQ(vcpu_sync(vcpu), 2, "and 50 ms later");
	most = host_ns() - first;
	between(after.tsc - before.tsc, least * khz / 1000000, most * khz / 1000000,
		"its TSC has the frequency that was asked for");
	between(after.clock - before.clock, least, most, "its kvm-clock is right");
}

/* Upstream's pages do not know that a TSC catches up. */
static void scaled(const char *path, unsigned int twice)
{
	struct vcpu vcpu;
	struct vm vm;
	uint64_t khz;

	machine(&vm, &vcpu, path, true, scaled_guest);
	khz = (uint64_t)call(vcpu.fd, KVM_GET_TSC_KHZ, 0) * twice / 2;
	printf("# %llu kHz\n", (unsigned long long)khz);
	if (!call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL) &&
	    (twice < 2 || !strstr(path, "kvmlet"))) {
		tap_skip("a TSC of another frequency", "this processor does not scale TSCs");
		machine_close(&vm, &vcpu);
		return;
	}
	TAP_EQ(call(vcpu.fd, KVM_SET_TSC_KHZ, khz), 0, "the frequency is set");
	two_ms = khz * 2;
	rearms = strstr(path, "kvmlet");
	keeps_pace(&vcpu, khz);
	while (vcpu_sync(&vcpu) == 3)
		;
	tap_checks();
	machine_close(&vm, &vcpu);
}

static bool has_clock(int dev)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid(dev);
	bool found = false;
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 0x40000001)
			found = cpuid->entries[i].eax & FEATURE_CLOCK;
	free(cpuid);
	return found;
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);
	struct vcpu vcpu;
	struct vm vm;

	slow = on_debug_host();
	tap_begin();
	machine(&vm, &vcpu, path, false, tsc_guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest reads its TSC");
	TAP_EQ(vcpu_sync(&vcpu), 2, "and reads on");
	tap_checks();
	machine_close(&vm, &vcpu);
	synchronized(path);
	machine(&vm, &vcpu, path, true, clock_guest);
	host_seconds = time(NULL);
	expected = CYCLES * 1000000 / call(vcpu.fd, KVM_GET_TSC_KHZ, 0);
	tap_ok(has_clock(vm.dev), "CPUID offers kvm-clock");
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest reads its clock");
	tap_checks();
	TAP_EQ(call(vcpu.fd, KVM_KVMCLOCK_CTRL, 0), -EINVAL, "KVM_KVMCLOCK_CTRL without a page");
	machine_close(&vm, &vcpu);
	named(path, OLD_CLOCK, OLD_WALL);
	named(path, MSR_CLOCK, MSR_WALL);
	scaled(path, 1);
	scaled(path, 2);
	scaled(path, 5);
	return tap_end();
}
