// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU's registers from outside: what is set comes back, what cannot be is refused.
 */
#include <asm/processor-flags.h>
#include "selftests/lib/vm.h"

static struct vm vm;
static struct vcpu vcpu;

static void general(void)
{
	struct kvm_regs regs, back;

	call(vcpu.fd, KVM_GET_REGS, &regs);
	TAP_EQ(regs.rip, 0xfff0, "a new vCPU's RIP is the reset vector");
	TAP_EQ(regs.rflags, 2, "a new vCPU's RFLAGS is 2");
	memset(&regs, 0x5a, sizeof(regs));
	regs.rip = 0x123456789abc;
	regs.rflags = 0x246;
	TAP_EQ(call(vcpu.fd, KVM_SET_REGS, &regs), 0, "KVM_SET_REGS");
	call(vcpu.fd, KVM_GET_REGS, &back);
	TAP_EQ(memcmp(&regs, &back, sizeof(regs)), 0, "general registers come back");
	regs.rflags = 0;
	call(vcpu.fd, KVM_SET_REGS, &regs);
	call(vcpu.fd, KVM_GET_REGS, &back);
	TAP_EQ(back.rflags, 2, "bit 1 of RFLAGS is always set");
	TAP_EQ(call(vcpu.fd, KVM_SET_REGS, 0), -EFAULT, "KVM_SET_REGS of NULL: EFAULT");
	TAP_EQ(call(vcpu.fd, KVM_GET_REGS, 0), -EFAULT, "KVM_GET_REGS to NULL: EFAULT");
}

static void reset_sregs(void)
{
	struct kvm_sregs sregs;

	call(vcpu.fd, KVM_GET_SREGS, &sregs);
	TAP_EQ(sregs.cr0, 0x60000010, "a new vCPU's CR0 is 0x60000010");
	TAP_EQ(sregs.cr4, 0, "a new vCPU's CR4 is 0");
	TAP_EQ(sregs.efer, 0, "a new vCPU's EFER is 0");
	TAP_EQ(sregs.cs.selector, 0xf000, "a new vCPU's CS is 0xf000");
	TAP_EQ(sregs.cs.base, 0xffff0000, "a new vCPU's CS base is 0xffff0000");
	TAP_EQ(sregs.tr.type, 11, "a new vCPU's TR is a busy TSS");
	TAP_EQ(sregs.apic_base, 0xfee00900, "the boot vCPU's APIC base is 0xfee00900");
	TAP_EQ(call(vcpu.fd, KVM_SET_SREGS, &sregs), 0, "what was read can be written");
	sregs.apic_base = 0;
	TAP_EQ(call(vcpu.fd, KVM_SET_SREGS, &sregs), 0, "APIC base 0 is accepted");
}

static void round_trip(void)
{
	struct kvm_sregs sregs, back;

	vcpu_long_mode(&vcpu, general, 0);
	call(vcpu.fd, KVM_GET_SREGS, &sregs);
	sregs.cr2 = 0x123456789000;
	sregs.cr8 = 5;
	sregs.apic_base = 0xfee00900;
	sregs.fs.base = 0x7fff12345678;
	sregs.ldt = (struct kvm_segment) { .unusable = 1, .type = 2 };
	TAP_EQ(call(vcpu.fd, KVM_SET_SREGS, &sregs), 0, "a 64-bit state is accepted");
	call(vcpu.fd, KVM_GET_SREGS, &back);
	TAP_EQ(back.cr0, sregs.cr0, "CR0 comes back");
	TAP_EQ(back.cr2, sregs.cr2, "CR2 comes back");
	TAP_EQ(back.cr3, sregs.cr3, "CR3 comes back");
	TAP_EQ(back.cr4, sregs.cr4, "CR4 comes back, without CR4.VMXE");
	TAP_EQ(back.cr8, 5, "CR8 comes back");
	TAP_EQ(back.efer, sregs.efer, "EFER comes back");
	TAP_EQ(memcmp(&back.cs, &sregs.cs, sizeof(sregs.cs)), 0, "CS comes back");
	TAP_EQ(memcmp(&back.ss, &sregs.ss, sizeof(sregs.ss)), 0, "SS comes back");
	TAP_EQ(memcmp(&back.tr, &sregs.tr, sizeof(sregs.tr)), 0, "TR comes back");
	TAP_EQ(back.fs.base, sregs.fs.base, "FS base comes back");
	TAP_EQ(back.ldt.unusable, 1, "an unusable LDT comes back");
	TAP_EQ(back.gdt.base, sregs.gdt.base, "GDT base comes back");
	TAP_EQ(back.idt.limit, sregs.idt.limit, "IDT limit comes back");
}

/* One deviation each from a good 64-bit state. */
static void refused(void)
{
	static const struct {
		const char *name;
		uint64_t cr0, cr3, cr4, efer;	/* XORed */
	} bad[] = {
		{ "PG without PE: EINVAL", X86_CR0_PE, 0, 0, 0 },
		{ "LME and PG without LMA: EINVAL", 0, 0, 0, 0x400 },
		{ "long mode without PAE: EINVAL", 0, 0, X86_CR4_PAE, 0 },
		{ "CR3 beyond the physical addresses: EINVAL", 0, 1ULL << 60, 0, 0 },
		{ "a reserved bit of CR4: EINVAL", 0, 0, 1ULL << 40, 0 },
		{ "CR4.SMXE, which no guest has: EINVAL", 0, 0, X86_CR4_SMXE, 0 },
	};
	struct kvm_sregs good, sregs, back;
	unsigned int i;

	call(vcpu.fd, KVM_GET_SREGS, &good);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sregs = good;
		sregs.cr0 ^= bad[i].cr0;
		sregs.cr3 ^= bad[i].cr3;
		sregs.cr4 ^= bad[i].cr4;
		sregs.efer ^= bad[i].efer;
		TAP_EQ(call(vcpu.fd, KVM_SET_SREGS, &sregs), -EINVAL, bad[i].name);
	}
	call(vcpu.fd, KVM_GET_SREGS, &back);
	TAP_EQ(memcmp(&back, &good, sizeof(good)), 0, "a refused KVM_SET_SREGS changes nothing");
}

static void translate_one(uint64_t address, bool valid, const char *name)
{
	struct kvm_translation t = { .linear_address = address };

	TAP_EQ(call(vcpu.fd, KVM_TRANSLATE, &t), 0, name);
	TAP_EQ(t.valid, valid, "whether it is mapped");
	TAP_EQ(t.physical_address, valid ? address : ~0ULL, "and where");
}

/* The guest's tables map the low 4 GiB one to one. */
static void translate(void)
{
	vcpu_long_mode(&vcpu, general, 0);
	translate_one(0x12345, true, "KVM_TRANSLATE of an address in low memory");
	translate_one(0xffffffff, true, "of the last that is mapped");
	translate_one(0x100000000, false, "of the first that is not");
	translate_one(-4096, false, "of the last of all");
	vcpu_real_mode(&vcpu, 0x100, 0);
	translate_one(0x12345, true, "without paging: it is itself");
}

static void debug_registers(void)
{
	struct kvm_debugregs regs, back;

	memset(&regs, 0, sizeof(regs));
	call(vcpu.fd, KVM_GET_DEBUGREGS, &regs);
	TAP_EQ(regs.dr6, 0xffff0ff0, "a new vCPU's DR6 is 0xffff0ff0");
	TAP_EQ(regs.dr7, 0x400, "a new vCPU's DR7 is 0x400");
	regs.db[0] = 0x1000;
	regs.db[3] = 0x3000;
	regs.dr6 = 0xffff0ff1;
	TAP_EQ(call(vcpu.fd, KVM_SET_DEBUGREGS, &regs), 0, "KVM_SET_DEBUGREGS");
	call(vcpu.fd, KVM_GET_DEBUGREGS, &back);
	TAP_EQ(memcmp(&back, &regs, sizeof(regs)), 0, "debug registers come back");
	regs.flags = 1;
	TAP_EQ(call(vcpu.fd, KVM_SET_DEBUGREGS, &regs), -EINVAL, "flags must be 0");
	regs.flags = 0;
	regs.dr6 = 1ULL << 32;
	TAP_EQ(call(vcpu.fd, KVM_SET_DEBUGREGS, &regs), -EINVAL, "DR6 has 32 bits");
	regs.dr6 = 0xffff0ff0;
	regs.dr7 = 1ULL << 32;
	TAP_EQ(call(vcpu.fd, KVM_SET_DEBUGREGS, &regs), -EINVAL, "DR7 has 32 bits");
}

static void fpu(void)
{
	struct kvm_fpu fpu, back;

	memset(&back, 0, sizeof(back));
	call(vcpu.fd, KVM_GET_FPU, &fpu);
	TAP_EQ(fpu.fcw, 0x37f, "a new vCPU's FCW is 0x37f");
	memset(fpu.fpr, 0x11, sizeof(fpu.fpr));
	memset(fpu.xmm, 0x22, sizeof(fpu.xmm));
	TAP_EQ(call(vcpu.fd, KVM_SET_FPU, &fpu), 0, "KVM_SET_FPU");
	call(vcpu.fd, KVM_GET_FPU, &back);
	TAP_EQ(memcmp(back.xmm, fpu.xmm, sizeof(fpu.xmm)), 0, "XMM registers come back");
	TAP_EQ(memcmp(back.fpr, fpu.fpr, sizeof(fpu.fpr)), 0, "x87 registers come back");
}

/*
 * Not compared: struct kvm_fpu's MXCSR, and KVM_SET_FPU seen by KVM_GET_XSAVE before the first
 * KVM_RUN. Upstream gives neither.
 */
static void xsave(void)
{
	struct kvm_xsave xsave;
	struct kvm_fpu fpu;

	memset(&xsave, 0, sizeof(xsave));
	TAP_EQ(call(vcpu.fd, KVM_GET_XSAVE, &xsave), 0, "KVM_GET_XSAVE");
	TAP_EQ(xsave.region[6], 0x1f80, "a new vCPU's MXCSR is 0x1f80");
	xsave.region[128] = 3;
	xsave.region[40] = 0x33333333;
	xsave.region[6] = 0x1fa0;
	TAP_EQ(call(vcpu.fd, KVM_SET_XSAVE, &xsave), 0, "KVM_SET_XSAVE");
	call(vcpu.fd, KVM_GET_FPU, &fpu);
	TAP_EQ(*(uint32_t *)fpu.xmm[0], 0x33333333, "KVM_GET_FPU sees KVM_SET_XSAVE's XMM0");
	memset(&xsave, 0, sizeof(xsave));
	call(vcpu.fd, KVM_GET_XSAVE, &xsave);
	TAP_EQ(xsave.region[40], 0x33333333, "XMM0 comes back");
	TAP_EQ(xsave.region[6], 0x1fa0, "MXCSR comes back");
	TAP_EQ(xsave.region[128] & 2, 2, "the header says that SSE is there");
	xsave.region[6] = 0xffffffff;
	TAP_EQ(call(vcpu.fd, KVM_SET_XSAVE, &xsave), -EINVAL, "a reserved bit of MXCSR: EINVAL");
	xsave.region[6] = 0x1f80;
	xsave.region[129] = 1U << 31;
	TAP_EQ(call(vcpu.fd, KVM_SET_XSAVE, &xsave), -EINVAL, "an unknown component: EINVAL");
}

static void xcrs(void)
{
	struct kvm_xcrs xcrs;

	memset(&xcrs, 0, sizeof(xcrs));
	if (!call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_XCRS)) {
		tap_skip("XCR0 comes back", "this processor has no XSAVE");
		return;
	}
	TAP_EQ(call(vcpu.fd, KVM_GET_XCRS, &xcrs), 0, "KVM_GET_XCRS");
	TAP_EQ(xcrs.nr_xcrs, 1, "there is one");
	TAP_EQ(xcrs.xcrs[0].xcr, 0, "it is XCR0");
	TAP_EQ(xcrs.xcrs[0].value, 1, "a new vCPU's XCR0 is 1");
	xcrs.xcrs[0].value = 3;
	TAP_EQ(call(vcpu.fd, KVM_SET_XCRS, &xcrs), 0, "KVM_SET_XCRS of x87 and SSE");
	call(vcpu.fd, KVM_GET_XCRS, &xcrs);
	TAP_EQ(xcrs.xcrs[0].value, 3, "XCR0 comes back");
	xcrs.xcrs[0].value = 2;
	TAP_EQ(call(vcpu.fd, KVM_SET_XCRS, &xcrs), -EINVAL, "XCR0 without x87: EINVAL");
	xcrs.xcrs[0].value = 5;
	TAP_EQ(call(vcpu.fd, KVM_SET_XCRS, &xcrs), -EINVAL, "AVX without SSE: EINVAL");
	xcrs.xcrs[0].value = 1ULL << 62 | 1;
	TAP_EQ(call(vcpu.fd, KVM_SET_XCRS, &xcrs), -EINVAL, "an unknown component: EINVAL");
	xcrs.nr_xcrs = KVM_MAX_XCRS + 1;
	TAP_EQ(call(vcpu.fd, KVM_SET_XCRS, &xcrs), -EINVAL, "too many XCRs: EINVAL");
	xcrs.nr_xcrs = 1;
	xcrs.flags = 1;
	TAP_EQ(call(vcpu.fd, KVM_SET_XCRS, &xcrs), -EINVAL, "flags must be 0");
}

static void events(void)
{
	struct kvm_vcpu_events events, back;

	memset(&events, 0, sizeof(events));
	TAP_EQ(call(vcpu.fd, KVM_GET_VCPU_EVENTS, &events), 0, "KVM_GET_VCPU_EVENTS");
	TAP_EQ(events.exception.injected | events.interrupt.injected | events.nmi.pending, 0,
	       "a new vCPU has no event");
	events.exception.injected = 1;
	events.exception.nr = 14;
	events.exception.has_error_code = 1;
	events.exception.error_code = 7;
	events.flags = 0;
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &events), 0, "an exception is accepted");
	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &back);
	TAP_EQ(back.exception.injected, 1, "it comes back");
	TAP_EQ(back.exception.nr, 14, "with its vector");
	TAP_EQ(back.exception.error_code, 7, "and its error code");
	events.exception.nr = 2;
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &events), -EINVAL,
	       "an NMI is no exception: EINVAL");
	events.exception.nr = 32;
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &events), -EINVAL, "exception 32: EINVAL");
	events.exception.nr = 14;
	events.flags = 1U << 31;
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &events), -EINVAL, "an unknown flag: EINVAL");
	memset(&events, 0, sizeof(events));
	events.flags = KVM_VCPUEVENT_VALID_NMI_PENDING;
	events.nmi.pending = 1;
	events.nmi.masked = 1;
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &events), 0, "a masked, pending NMI is accepted");
	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &back);
	TAP_EQ(back.nmi.pending, 1, "it is pending");
	TAP_EQ(back.nmi.masked, 1, "and masked");
	TAP_EQ(back.exception.injected, 0, "the exception is gone");
}

static void mp_state(void)
{
	struct kvm_mp_state state = { .mp_state = 99 };

	TAP_EQ(call(vcpu.fd, KVM_GET_MP_STATE, &state), 0, "KVM_GET_MP_STATE");
	TAP_EQ(state.mp_state, KVM_MP_STATE_RUNNABLE, "without a LAPIC a vCPU is runnable");
	TAP_EQ(call(vcpu.fd, KVM_SET_MP_STATE, &state), 0, "and can be told so");
	state.mp_state = KVM_MP_STATE_HALTED;
	TAP_EQ(call(vcpu.fd, KVM_SET_MP_STATE, &state), -EINVAL,
	       "without a LAPIC it cannot be told to halt");
	state.mp_state = KVM_MP_STATE_UNINITIALIZED;
	TAP_EQ(call(vcpu.fd, KVM_SET_MP_STATE, &state), -EINVAL, "nor to wait for INIT");
	state.mp_state = 77;
	TAP_EQ(call(vcpu.fd, KVM_SET_MP_STATE, &state), -EINVAL, "state 77: EINVAL");
}

int main(int argc, char **argv)
{
	tap_begin();
	vm_open(&vm, device_path(argc, argv));
	vm_memory(&vm);
	vcpu_open(&vm, &vcpu, 0);
	general();
	reset_sregs();
	vcpu_supported_cpuid(&vm, &vcpu);
	round_trip();
	refused();
	translate();
	debug_registers();
	fpu();
	xsave();
	xcrs();
	events();
	mp_state();
	machine_close(&vm, &vcpu);
	return tap_end();
}
