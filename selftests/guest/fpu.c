// SPDX-License-Identifier: GPL-2.0
/*
 * Vector registers: the guest's survive its exits, the host's survive the guest. In the last part
 * another thread takes the processor, signals end KVM_RUN, and where there are two processors
 * the vCPU's thread goes from one to the other.
 *
 * lab:
 * lab: --smp 2
 */
#define _GNU_SOURCE
#include <asm/processor-flags.h>
#include <cpuid.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include "selftests/lib/vm.h"

#define OSXSAVE_BIT	(1 << 27)

static uint8_t ours[16] __attribute__((aligned(32)));
static uint8_t theirs[32] __attribute__((aligned(32)));
static uint8_t seen[32] __attribute__((aligned(32)));
static bool avx;

#define ROUNDS		60		/* in each of which the guest loses the processor */
#define SIGNAL_EVERY	4		/* rounds */
#define SPINS		20000
#define EACH_REGISTER	".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"

/* An image of all registers, by FXSAVE or XSAVE, as long as an instruction writes it. */
struct image {
	uint64_t words[104];
} __attribute__((aligned(64)));

static uint8_t patterns[16][32] __attribute__((aligned(32)));
static struct image first, again;
static volatile uint32_t stop, looks, changes;
static volatile sig_atomic_t handled;
static unsigned int rival_lost;
static pthread_t vcpu_thread;

static void sse_guest(void)
{
	asm volatile("movaps %0, %%xmm0\n\tmovaps %0, %%xmm15" : : "m"(theirs) : "xmm0", "xmm15");
	asm volatile("fninit\n\tfldpi");
	guest_sync(1);
	asm volatile("movaps %%xmm15, %0" : "=m"(seen));
	guest_sync(2);
	asm volatile("movaps %%xmm0, %0" : "=m"(seen));
	guest_sync(3);
}

static void avx_guest(void)
{
	uint32_t out[4];

	asm volatile("mov %0, %%cr4" : : "r"(0x620UL | X86_CR4_OSXSAVE));
	guest_cpuid(1, 0, out);
	guest_check("CPUID.OSXSAVE follows CR4", !!(out[2] & OSXSAVE_BIT), 1);
	guest_check("XCR0 without x87: #GP",
		    TRAP("xsetbv", : : "c"(0), "a"(2), "d"(0) : TRAP_CLOBBERS), 13);
	guest_check("AVX without SSE: #GP",
		    TRAP("xsetbv", : : "c"(0), "a"(5), "d"(0) : TRAP_CLOBBERS), 13);
	guest_check("XCR1: #GP", TRAP("xsetbv", : : "c"(1), "a"(7), "d"(0) : TRAP_CLOBBERS), 13);
	guest_check("XCR0 of 7", TRAP("xsetbv", : : "c"(0), "a"(7), "d"(0) : TRAP_CLOBBERS),
		    NO_TRAP);
	asm volatile("xgetbv" : "=a"(out[0]), "=d"(out[1]) : "c"(0));
	guest_check("XGETBV reads it", out[0], 7);
	asm volatile("vmovaps %0, %%ymm7" : : "m"(theirs) : "xmm7");
	guest_sync(1);
	asm volatile("vmovaps %%ymm7, %0" : "=m"(seen));
	guest_sync(2);
}

static void take_image(struct image *image)
{
	if (avx)
		asm volatile("xsave64 %0" : "+m"(*image) : "a"(7), "d"(0));
	else
		asm volatile("fxsave64 %0" : "+m"(*image));
}

static bool images_differ(void)
{
	const void *a = &first, *b = &again;
	long words = avx ? 104 : 52;
	bool differ;

	asm volatile("repe cmpsq" : "+S"(a), "+D"(b), "+c"(words), "=@ccne"(differ) : : "memory");
	return differ;
}

/* Holds a value in each register and looks whether it still does; RFLAGS.IF: see lab.rst. */
static void holding_guest(void)
{
	asm volatile("sti\n\tfninit\n\tfldpi");
	if (avx) {
		asm volatile("mov %0, %%cr4" : : "r"(0x620UL | X86_CR4_OSXSAVE));
		asm volatile("xsetbv" : : "c"(0), "a"(7), "d"(0));
		asm volatile(EACH_REGISTER "vmovaps 32*\\n(%0), %%ymm\\n\n\t.endr"
			     : : "r"(patterns));
	} else {
		asm volatile(EACH_REGISTER "movaps 32*\\n(%0), %%xmm\\n\n\t.endr"
			     : : "r"(patterns));
	}
	take_image(&first);
	while (!stop) {
		take_image(&again);
		changes += images_differ();
		looks++;
	}
	guest_sync(1);
}

/* KVM_RUN between loading and storing a register, with nothing of the C library between. */
static int run_with_xmm(struct vcpu *vcpu, uint8_t *after)
{
	long r;

	asm volatile("movaps %[ours], %%xmm9\n\t"
		     "syscall\n\t"
		     "movaps %%xmm9, %[after]"
		     : "=a"(r), [after] "=m"(*(uint8_t (*)[16])after)
		     : "a"(16), "D"(vcpu->fd), "S"(KVM_RUN), "d"(0), [ours] "m"(ours)
		     : "rcx", "r11", "memory", "xmm9");
	return r;
}

static void sse(struct vm *vm, struct vcpu *vcpu, const char *path)
{
	static uint8_t after[16] __attribute__((aligned(16)));
	struct kvm_fpu fpu;
	int r;

	machine(vm, vcpu, path, false, sse_guest);
	do
		r = run_with_xmm(vcpu, after);
	while (r == -EINTR);
	TAP_EQ(r, 0, "the guest loads XMM registers");
	TAP_EQ(memcmp(after, ours, 16), 0, "the process's survive");
	call(vcpu->fd, KVM_GET_FPU, &fpu);
	TAP_EQ(memcmp(fpu.xmm[15], theirs, 16), 0, "KVM_GET_FPU shows the guest's");
	TAP_EQ(fpu.fpr[0][7], 0xc9, "and its x87 stack");
	TAP_EQ(vcpu_sync(vcpu), 2, "the guest stores them");
	TAP_EQ(memcmp(seen, theirs, 16), 0, "they have survived the exit");
	memset(fpu.xmm[0], 0x66, 16);
	call(vcpu->fd, KVM_SET_FPU, &fpu);
	TAP_EQ(vcpu_sync(vcpu), 3, "the guest stores another");
	tap_ok(seen[0] == 0x66 && seen[15] == 0x66, "which KVM_SET_FPU has changed");
	machine_close(vm, vcpu);
}

static void on_signal(int signal)
{
	(void)signal;
	asm volatile("pcmpeqd %%xmm9, %%xmm9\n\tpcmpeqd %%xmm3, %%xmm3" : : : "xmm3", "xmm9");
	handled++;
}

/* Uses a register for longer than it takes to be preempted. */
static bool loses_register(const uint8_t *pattern)
{
	uint8_t after[16] __attribute__((aligned(16)));
	long n = SPINS;

	asm volatile("movaps %[in], %%xmm9\n"
		     "1: dec %[n]\n\t"
		     "jnz 1b\n\t"
		     "movaps %%xmm9, %[out]"
		     : [n] "+r"(n), [out] "=m"(after) : [in] "m"(*(const uint8_t (*)[16])pattern)
		     : "xmm9", "cc");
	return memcmp(after, pattern, 16) != 0;
}

static void run_on(pthread_t thread, unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_setaffinity_np(thread, sizeof(set), &set);
}

static void *rival(void *arg)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int n;

	(void)arg;
	run_on(pthread_self(), 0);
	for (n = 1; n <= ROUNDS; n++) {
		usleep(1000);
		rival_lost += loses_register(patterns[n % 16]);
		run_on(vcpu_thread, n / 2 % cpus);
		if (n % SIGNAL_EVERY == 0)
			pthread_kill(vcpu_thread, SIGUSR1);
	}
	stop = 1;
	return NULL;
}

static void preempted(struct vm *vm, struct vcpu *vcpu, const char *path)
{
	static uint8_t after[16] __attribute__((aligned(16)));
	struct sigaction action = { .sa_handler = on_signal };
	unsigned int lost = 0;
	struct rusage usage;
	pthread_t thread;
	int r;

	sigaction(SIGUSR1, &action, NULL);
	machine(vm, vcpu, path, false, holding_guest);
	vcpu_thread = pthread_self();
	run_on(vcpu_thread, 0);
	pthread_create(&thread, NULL, rival, NULL);
	do {
		r = run_with_xmm(vcpu, after);
		lost += memcmp(after, ours, 16) != 0;
	} while (r == -EINTR);
	pthread_join(thread, NULL);
	getrusage(RUSAGE_THREAD, &usage);
	printf("# %u looks, %ld times preempted, %d signals\n", looks, usage.ru_nivcsw, handled);
	TAP_EQ(r, 0, "a guest holds values in its registers");
	tap_ok(looks && usage.ru_nivcsw >= ROUNDS / 2 && handled >= ROUNDS / SIGNAL_EVERY / 2,
	       "another thread takes its processor and signals come meanwhile");
	TAP_EQ(changes, 0, "the guest's registers survive");
	TAP_EQ(lost, 0, "its thread's do after each KVM_RUN");
	TAP_EQ(rival_lost, 0, "the other thread's do");
	machine_close(vm, vcpu);
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);
	unsigned int a, b, c, d, i;
	struct vcpu vcpu;
	struct vm vm;

	tap_begin();
	for (i = 0; i < 32; i++) {
		theirs[i] = 0xc0 + i;
		ours[i % 16] = 0x30 + i;
	}
	sse(&vm, &vcpu, path);
	__cpuid(1, a, b, c, d);
	avx = (c & OSXSAVE_BIT) && (c & 1 << 28);
	for (i = 0; i < sizeof(patterns); i++)
		patterns[i / 32][i % 32] = 0x11 + i * 7;
	preempted(&vm, &vcpu, path);
	if (!avx) {
		tap_skip("YMM registers survive", "this processor has no AVX");
		return tap_end();
	}
	machine(&vm, &vcpu, path, false, avx_guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "the guest loads YMM registers");
	tap_checks();
	memset(seen, 0, sizeof(seen));
	asm volatile("vzeroall" : : : "xmm7");
	TAP_EQ(vcpu_sync(&vcpu), 2, "the guest stores them");
	TAP_EQ(memcmp(seen, theirs, 32), 0, "they have survived the exit");
	machine_close(&vm, &vcpu);
	return tap_end();
}
