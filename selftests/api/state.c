// SPDX-License-Identifier: GPL-2.0
/*
 * What a monitor needs beside regs.c's getters and setters to take a guest out and put it back:
 * SREGS2 with its PDPTEs, XSAVE2, all flags of KVM_SET_VCPU_EVENTS, a TSC that is near the VM's,
 * and the nested state of a guest that has none.
 *
 * lab:
 * lab@kvmlet: --param apicv=1
 */
#include <asm/processor-flags.h>
#include <stddef.h>
#include "selftests/lib/vm.h"

#define HANDLER		0x1000		/* 32-bit code in low memory */
#define CODE		0x2000
#define PDPT		0x3000
#define DIRECTORY	0x4000
#define GDT		0x5000
#define IDT		0x5100
#define STACK		0x8000
#define PDE_LARGE	0x83
#define PDPTE_PRESENT	1
#define MSR_TSC		0x10
#define PAYLOAD		0xabc000ULL

static const char *path;
static struct vm vm;
static struct vcpu vcpu;

static int enable(int number, uint64_t value)
{
	struct kvm_enable_cap cap = { .cap = number, .args[0] = value };

	return call(vm.fd, KVM_ENABLE_CAP, &cap);
}

static bool has(int cap)
{
	return call(vm.dev, KVM_CHECK_EXTENSION, cap) > 0;
}

/* A vCPU in 32-bit code that says 7 at SYNC_PORT, with a handler of #PF that says what CR2 is. */
static void protected_guest(void)
{
	/* mov $7, %eax; out %eax, $SYNC_PORT; hlt */
	static const uint8_t code[] = { 0xb8, 7, 0, 0, 0, 0xe7, SYNC_PORT, 0xf4 };
	/* mov %cr2, %eax; out %eax, $SYNC_PORT; hlt */
	static const uint8_t handler[] = { 0x0f, 0x20, 0xd0, 0xe7, SYNC_PORT, 0xf4 };
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	uint64_t *gdt, *idt;

	vm_open(&vm, path);
	vm_memory(&vm);
	vcpu_open(&vm, &vcpu, 0);
	memcpy(vm.low + CODE, code, sizeof(code));
	memcpy(vm.low + HANDLER, handler, sizeof(handler));
	gdt = (uint64_t *)(vm.low + GDT);
	gdt[1] = 0x00cf9b000000ffff;
	gdt[2] = 0x00cf93000000ffff;
	idt = (uint64_t *)(vm.low + IDT);
	idt[14] = 0x00008e0000080000 | HANDLER;
	vcpu_protected_mode(&vcpu, CODE);
	call(vcpu.fd, KVM_GET_SREGS, &sregs);
	sregs.gdt = (struct kvm_dtable) { .base = GDT, .limit = 3 * 8 - 1 };
	sregs.idt = (struct kvm_dtable) { .base = IDT, .limit = 15 * 8 - 1 };
	call(vcpu.fd, KVM_SET_SREGS, &sregs);
	call(vcpu.fd, KVM_GET_REGS, &regs);
	regs.rsp = STACK;
	call(vcpu.fd, KVM_SET_REGS, &regs);
}

/* --- SREGS2 ----------------------------------------------------------------------------------- */

static void sregs2_alike(void)
{
	struct kvm_sregs2 two = { 0 };
	struct kvm_sregs one = { 0 };

	TAP_EQ(has(KVM_CAP_SREGS2), 1, "KVM_CAP_SREGS2 is there");
	TAP_EQ(call(vcpu.fd, KVM_GET_SREGS2, &two), 0, "KVM_GET_SREGS2");
	call(vcpu.fd, KVM_GET_SREGS, &one);
	TAP_EQ(memcmp(&one, &two, offsetof(struct kvm_sregs2, flags)), 0,
	       "it has what KVM_GET_SREGS has");
	TAP_EQ(two.flags, 0, "and no PDPTEs without PAE paging");
	two.cr2 = 0x1234;
	TAP_EQ(call(vcpu.fd, KVM_SET_SREGS2, &two), 0, "KVM_SET_SREGS2");
	call(vcpu.fd, KVM_GET_SREGS, &one);
	TAP_EQ(one.cr2, 0x1234, "KVM_GET_SREGS sees it");
	two.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	TAP_EQ(call(vcpu.fd, KVM_SET_SREGS2, &two), -EINVAL, "PDPTEs without PAE paging: EINVAL");
	two.flags = 2;
	TAP_EQ(call(vcpu.fd, KVM_SET_SREGS2, &two), -EINVAL, "an unknown flag: EINVAL");
}

/* In memory there is no PDPTE any more, as in a guest that has changed it since it loaded CR3. */
static void sregs2_pdptes(void)
{
	uint64_t *directory = (uint64_t *)(vm.low + DIRECTORY);
	struct kvm_sregs2 sregs, back;

	directory[0] = PDE_LARGE;
	call(vcpu.fd, KVM_GET_SREGS2, &sregs);
	sregs.cr3 = PDPT;
	sregs.cr4 |= X86_CR4_PAE;
	sregs.cr0 |= X86_CR0_PG;
	sregs.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	sregs.pdptrs[0] = DIRECTORY | PDPTE_PRESENT;
	sregs.pdptrs[3] = DIRECTORY | PDPTE_PRESENT;
	TAP_EQ(call(vcpu.fd, KVM_SET_SREGS2, &sregs), 0, "PDPTEs with PAE paging are accepted");
	call(vcpu.fd, KVM_GET_SREGS2, &back);
	TAP_EQ(back.flags, KVM_SREGS2_FLAGS_PDPTRS_VALID, "with PAE paging PDPTEs are there");
	TAP_EQ(memcmp(back.pdptrs, sregs.pdptrs, sizeof(back.pdptrs)), 0, "they come back");
	TAP_EQ(vcpu_sync(&vcpu), 7, "the guest runs with them, whatever memory has");
	call(vcpu.fd, KVM_GET_SREGS2, &back);
	TAP_EQ(memcmp(back.pdptrs, sregs.pdptrs, sizeof(back.pdptrs)), 0, "they come back again");
}

static void sregs2(void)
{
	protected_guest();
	sregs2_alike();
	sregs2_pdptes();
	machine_close(&vm, &vcpu);
}

/* --- XSAVE2 ----------------------------------------------------------------------------------- */

static void xsave2(void)
{
	static uint8_t one[65536], two[65536];
	int size;

	vm_open(&vm, path);
	vcpu_open(&vm, &vcpu, 0);
	size = call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
	tap_ok(size >= (int)sizeof(struct kvm_xsave), "KVM_CAP_XSAVE2 is a size, 4096 at least");
	memset(two, 0xa5, sizeof(two));
	TAP_EQ(call(vcpu.fd, KVM_GET_XSAVE2, two), 0, "KVM_GET_XSAVE2");
	call(vcpu.fd, KVM_GET_XSAVE, one);
	TAP_EQ(memcmp(one, two, sizeof(struct kvm_xsave)), 0, "it has what KVM_GET_XSAVE has");
	TAP_EQ(two[size], 0xa5, "and is no longer than KVM_CAP_XSAVE2");
	TAP_EQ(call(vcpu.fd, KVM_SET_XSAVE, two), 0, "KVM_SET_XSAVE takes it");
	machine_close(&vm, &vcpu);
}

/* --- events ----------------------------------------------------------------------------------- */

static const struct kvm_vcpu_events page_fault = {
	.flags = KVM_VCPUEVENT_VALID_PAYLOAD,
	.exception = { .pending = 1, .nr = 14, .has_error_code = 1, .error_code = 2 },
	.exception_has_payload = 1, .exception_payload = PAYLOAD,
};

static void payload_refused(void)
{
	struct kvm_vcpu_events events = page_fault, back;

	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &back);
	TAP_EQ(back.flags, KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW |
	       KVM_VCPUEVENT_VALID_SMM, "KVM_GET_VCPU_EVENTS has NMIs, shadow and SMM");
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &back), 0, "what was read can be written");
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &events), -EINVAL,
	       "a payload before KVM_CAP_EXCEPTION_PAYLOAD is enabled: EINVAL");
	events.flags = KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &events), -EINVAL,
	       "a triple fault before KVM_CAP_X86_TRIPLE_FAULT_EVENT is enabled: EINVAL");
}

static void payload(void)
{
	struct kvm_vcpu_events events = page_fault, back;
	struct kvm_sregs sregs;

	protected_guest();
	payload_refused();
	TAP_EQ(has(KVM_CAP_EXCEPTION_PAYLOAD), 1, "KVM_CAP_EXCEPTION_PAYLOAD is there");
	TAP_EQ(enable(KVM_CAP_EXCEPTION_PAYLOAD, 1), 0, "and can be enabled");
	events.exception.nr = 32;
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &events), -EINVAL,
	       "exception 32 cannot be pending: EINVAL");
	events.exception.nr = 14;
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &events), 0, "a pending #PF is accepted");
	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &back);
	tap_ok(back.flags & KVM_VCPUEVENT_VALID_PAYLOAD, "the flag is given");
	TAP_EQ(back.exception.pending, 1, "it is pending");
	TAP_EQ(back.exception.injected, 0, "and not injected");
	TAP_EQ(back.exception_has_payload, 1, "it has a payload");
	TAP_EQ(back.exception_payload, PAYLOAD, "which comes back");
	call(vcpu.fd, KVM_GET_SREGS, &sregs);
	TAP_EQ(sregs.cr2, 0, "and is not in CR2 yet");
	TAP_EQ(vcpu_sync(&vcpu), PAYLOAD, "the guest's handler finds it in CR2");
	events.exception.injected = 1;
	events.exception.pending = 0;
	call(vcpu.fd, KVM_SET_VCPU_EVENTS, &events);
	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &back);
	TAP_EQ(back.exception.injected, 1, "an injected exception stays injected");
	TAP_EQ(back.exception_has_payload, 0, "and has no payload");
	machine_close(&vm, &vcpu);
}

static void triple_fault(void)
{
	struct kvm_vcpu_events events = { .flags = KVM_VCPUEVENT_VALID_TRIPLE_FAULT }, back;

	protected_guest();
	TAP_EQ(has(KVM_CAP_X86_TRIPLE_FAULT_EVENT), 1, "KVM_CAP_X86_TRIPLE_FAULT_EVENT is there");
	TAP_EQ(enable(KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1), 0, "and can be enabled");
	events.triple_fault.pending = 1;
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &events), 0, "a triple fault is accepted");
	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &back);
	tap_ok(back.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT, "the flag is given");
	TAP_EQ(back.triple_fault.pending, 1, "it comes back");
	events.triple_fault.pending = 0;
	call(vcpu.fd, KVM_SET_VCPU_EVENTS, &events);
	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &back);
	TAP_EQ(back.triple_fault.pending, 0, "it can be taken away");
	events.triple_fault.pending = 1;
	call(vcpu.fd, KVM_SET_VCPU_EVENTS, &events);
	TAP_EQ(vcpu_run(&vcpu), KVM_EXIT_SHUTDOWN, "KVM_RUN ends with it");
	machine_close(&vm, &vcpu);
}

/* Whichever of the two is set first. */
static void sipi_vector(bool vector_first)
{
	struct kvm_vcpu_events events = {
		.flags = KVM_VCPUEVENT_VALID_SIPI_VECTOR, .sipi_vector = 3,
	};
	struct kvm_mp_state state = { KVM_MP_STATE_SIPI_RECEIVED };
	struct vcpu second;
	struct kvm_sregs sregs;
	int exit;

	vm_open(&vm, path);
	call(vm.fd, KVM_CREATE_IRQCHIP, 0);
	vm_memory(&vm);
	vcpu_open(&vm, &vcpu, 0);
	vcpu_open(&vm, &second, 1);
	vm.low[0x3000] = 0xe7;		/* out %ax, $SYNC_PORT */
	vm.low[0x3001] = SYNC_PORT;
	if (vector_first)
		call(second.fd, KVM_SET_VCPU_EVENTS, &events);
	call(second.fd, KVM_SET_MP_STATE, &state);
	if (!vector_first)
		call(second.fd, KVM_SET_VCPU_EVENTS, &events);
	do {
		exit = vcpu_run(&second);
	} while (exit == -EAGAIN);
	call(second.fd, KVM_GET_SREGS, &sregs);
	TAP_EQ(exit, KVM_EXIT_IO, vector_first ? "a SIPI's vector, then a SIPI: a vCPU starts" :
						 "a SIPI, then its vector: a vCPU starts");
	TAP_EQ(sregs.cs.selector, 0x300, "where the vector says");
	vcpu_close(&second);
	machine_close(&vm, &vcpu);
}

/* --- nested state ----------------------------------------------------------------------------- */

static void nested_refused(const struct kvm_nested_state *good)
{
	struct kvm_nested_state state = *good;

	state.hdr.vmx.vmxon_pa = 0x1000;
	TAP_EQ(call(vcpu.fd, KVM_SET_NESTED_STATE, &state), -EINVAL,
	       "a VMXON region in a guest without VMX: EINVAL");
	state = *good;
	state.hdr.vmx.vmcs12_pa = 0x1000;
	TAP_EQ(call(vcpu.fd, KVM_SET_NESTED_STATE, &state), -EINVAL, "a VMCS: EINVAL");
	state = *good;
	state.flags = KVM_STATE_NESTED_GUEST_MODE;
	TAP_EQ(call(vcpu.fd, KVM_SET_NESTED_STATE, &state), -EINVAL, "guest mode: EINVAL");
	state = *good;
	state.format = KVM_STATE_NESTED_FORMAT_SVM;
	TAP_EQ(call(vcpu.fd, KVM_SET_NESTED_STATE, &state), -EINVAL, "another vendor's: EINVAL");
	state = *good;
	state.size = 8;
	TAP_EQ(call(vcpu.fd, KVM_SET_NESTED_STATE, &state), -EINVAL, "a short one: EINVAL");
}

static void nested_state(void)
{
	struct kvm_nested_state *state = calloc(1, 65536);
	int size;

	vm_open(&vm, path);
	vcpu_open(&vm, &vcpu, 0);
	size = call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_NESTED_STATE);
	tap_ok(size >= (int)sizeof(*state), "KVM_CAP_NESTED_STATE is a size, a header at least");
	state->size = 8;
	TAP_EQ(call(vcpu.fd, KVM_GET_NESTED_STATE, state), -E2BIG, "less room than that: E2BIG");
	TAP_EQ(state->size, sizeof(*state), "with the size that is needed");
	state->size = size;
	TAP_EQ(call(vcpu.fd, KVM_GET_NESTED_STATE, state), 0, "KVM_GET_NESTED_STATE");
	TAP_EQ(state->size, sizeof(*state), "a guest without VMX has the header alone,");
	TAP_EQ(state->flags | state->format, 0, "no flags,");
	TAP_EQ(state->hdr.vmx.vmxon_pa, -1ULL, "no VMXON region,");
	TAP_EQ(state->hdr.vmx.vmcs12_pa, -1ULL, "no VMCS");
	TAP_EQ(call(vcpu.fd, KVM_SET_NESTED_STATE, state), 0, "it can be written back");
	nested_refused(state);
	free(state);
	machine_close(&vm, &vcpu);
}

/* --- TSC -------------------------------------------------------------------------------------- */

static uint64_t tsc(struct vcpu *cpu, unsigned long ioctl_number, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msr = { .head.nmsrs = 1, .entry = { .index = MSR_TSC, .data = value } };

	call(cpu->fd, ioctl_number, &msr);
	return msr.entry.data;
}

/*
 * A guest that came from elsewhere may have a TSC within a second of the new VM's. Upstream
 * before 6.7 takes such a value for an attempt to synchronize.
 */
static void near_tsc(bool literal)
{
	static const char name[] = "the first TSC that is written is literal, even if it is near";
	uint64_t khz, wanted, got;
	struct vcpu second;

	vm_open(&vm, path);
	vcpu_open(&vm, &vcpu, 0);
	vcpu_open(&vm, &second, 1);
	khz = call(vcpu.fd, KVM_GET_TSC_KHZ, 0);
	wanted = tsc(&vcpu, KVM_GET_MSRS, 0) + khz * 900;
	tsc(&vcpu, KVM_SET_MSRS, wanted);
	got = tsc(&vcpu, KVM_GET_MSRS, 0);
	if (literal)
		tap_ok(got >= wanted && got < wanted + khz * 100, name);
	else
		tap_skip(name, "kvm-intel before 6.7 synchronizes it");
	wanted = got + khz * 900;
	tsc(&vcpu, KVM_SET_MSRS, wanted);
	tap_ok(tsc(&vcpu, KVM_GET_MSRS, 0) < wanted, "a later one that is near is not");
	wanted += khz * 7200000;
	tsc(&vcpu, KVM_SET_MSRS, wanted);
	tsc(&second, KVM_SET_MSRS, wanted + khz * 500);
	got = tsc(&second, KVM_GET_MSRS, 0);
	tap_ok(got >= wanted && got < wanted + khz * 500, "a second vCPU's joins the first one's");
	vcpu_close(&second);
	machine_close(&vm, &vcpu);
}

int main(int argc, char **argv)
{
	path = device_path(argc, argv);
	tap_begin();
	sregs2();
	xsave2();
	payload();
	triple_fault();
	sipi_vector(true);
	sipi_vector(false);
	nested_state();
	near_tsc(strstr(path, "kvmlet"));
	return tap_end();
}
