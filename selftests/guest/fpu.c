// SPDX-License-Identifier: GPL-2.0
/*
 * Vector registers: the guest's survive its exits, the host's survive the guest.
 */
#include <asm/processor-flags.h>
#include <cpuid.h>
#include "selftests/lib/vm.h"

#define OSXSAVE_BIT	(1 << 27)

static uint8_t ours[16] __attribute__((aligned(32)));
static uint8_t theirs[32] __attribute__((aligned(32)));
static uint8_t seen[32] __attribute__((aligned(32)));
static bool avx;

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
