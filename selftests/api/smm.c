// SPDX-License-Identifier: GPL-2.0
/*
 * What belongs to system-management mode of the interface: capabilities, the second address
 * space, SMBASE, and the events.
 */
#include "selftests/lib/vm.h"

#define AS1		(1U << 16)
#define MSR_SMBASE	0x9e
#define MSR_SMI_COUNT	0x34

static struct vm vm;
static struct vcpu vcpu;

static void capabilities(void)
{
	TAP_EQ(call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_X86_SMM), 1, "KVM_CAP_X86_SMM is 1");
	TAP_EQ(call(vm.fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_SMM), 1, "of a VM, too");
	TAP_EQ(call(vm.dev, KVM_CHECK_EXTENSION, KVM_CAP_MULTI_ADDRESS_SPACE), 2,
	       "KVM_CAP_MULTI_ADDRESS_SPACE is 2");
}

static void slots(void)
{
	struct kvm_dirty_log log = { .slot = AS1 | 3, .dirty_bitmap = (uint64_t[1]) { } };
	struct kvm_clear_dirty_log clear = { .slot = AS1 | 3, .num_pages = 1,
					     .dirty_bitmap = (uint64_t[1]) { } };
	void *memory = pages(4 * PAGE);

	TAP_EQ(vm_slot(&vm, 3, 0, 0x200000, PAGE, memory), 0, "a slot of address space 0");
	TAP_EQ(call(vm.fd, KVM_GET_DIRTY_LOG, &log), -ENOENT,
	       "is no slot of address space 1: ENOENT");
	TAP_EQ(vm_slot(&vm, AS1 | 3, KVM_MEM_LOG_DIRTY_PAGES, 0x200000, PAGE, memory + PAGE), 0,
	       "one of address space 1 at the same address, with the same number");
	TAP_EQ(vm_slot(&vm, AS1 | 4, 0, 0x200000, PAGE, memory), -EEXIST,
	       "a second one there: EEXIST");
	TAP_EQ(call(vm.fd, KVM_GET_DIRTY_LOG, &log), 0, "KVM_GET_DIRTY_LOG");
	TAP_EQ(call(vm.fd, KVM_CLEAR_DIRTY_LOG, &clear), 0, "KVM_CLEAR_DIRTY_LOG");
	log.slot = 3;
	TAP_EQ(call(vm.fd, KVM_GET_DIRTY_LOG, &log), -ENOENT, "the first one has no log: ENOENT");
	log.slot = 2 << 16 | 3;
	TAP_EQ(call(vm.fd, KVM_GET_DIRTY_LOG, &log), -EINVAL, "address space 2: EINVAL");
	TAP_EQ(vm_slot(&vm, 3, 0, 0x200000, 0, memory), 0, "the first one is deleted");
	TAP_EQ(vm_slot(&vm, AS1 | 3, KVM_MEM_LOG_DIRTY_PAGES, 0x300000, PAGE, memory + PAGE), 0,
	       "and the other one moved");
	TAP_EQ(vm_slot(&vm, AS1 | 3, 0, 0x300000, 0, memory), 0, "and deleted");
}

static int access_msr(unsigned long ioctl, uint32_t index, uint64_t *value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = { .head.nmsrs = 1, .entry = { .index = index, .data = *value } };
	int r = call(vcpu.fd, ioctl, &one);

	*value = one.entry.data;
	return r;
}

static bool listed(uint32_t index)
{
	static struct {
		struct kvm_msr_list head;
		uint32_t index[1024];
	} list = { .head.nmsrs = 1024 };
	unsigned int i;

	if (call(vm.dev, KVM_GET_MSR_INDEX_LIST, &list))
		return false;
	for (i = 0; i < list.head.nmsrs && list.head.indices[i] != index; i++)
		;
	return i < list.head.nmsrs;
}

static void smbase(void)
{
	uint64_t value = 0;

	TAP_EQ(access_msr(KVM_GET_MSRS, MSR_SMBASE, &value), 1, "IA32_SMBASE can be read");
	TAP_EQ(value, 0x30000, "and is 30000H");
	value = 0x7f000000;
	TAP_EQ(access_msr(KVM_SET_MSRS, MSR_SMBASE, &value), 1, "it can be written");
	value = 0;
	access_msr(KVM_GET_MSRS, MSR_SMBASE, &value);
	TAP_EQ(value, 0x7f000000, "and keeps that");
	TAP_EQ(listed(MSR_SMBASE), 1, "it is among the MSRs to be saved");
	TAP_EQ(listed(MSR_SMI_COUNT), 1, "and so is SMI_COUNT");
	value = 7;
	TAP_EQ(access_msr(KVM_SET_MSRS, MSR_SMI_COUNT, &value), 1, "which can be written");
	value = 0;
	access_msr(KVM_GET_MSRS, MSR_SMI_COUNT, &value);
	TAP_EQ(value, 7, "and keeps that");
}

static struct kvm_vcpu_events get(void)
{
	struct kvm_vcpu_events events;

	call(vcpu.fd, KVM_GET_VCPU_EVENTS, &events);
	return events;
}

static int set_mp_state(unsigned int state)
{
	struct kvm_mp_state mp = { state };

	return call(vcpu.fd, KVM_SET_MP_STATE, &mp);
}

static void events(void)
{
	struct kvm_vcpu_events first = get(), e = first;

	TAP_EQ(first.smi.smm | first.smi.pending | first.smi.latched_init, 0,
	       "a new vCPU is not in SMM and nothing waits");
	TAP_EQ(call(vcpu.fd, KVM_SMI, 0), 0, "KVM_SMI");
	TAP_EQ(get().smi.pending, 1, "makes one wait");
	TAP_EQ(set_mp_state(KVM_MP_STATE_INIT_RECEIVED), -EINVAL,
	       "then a vCPU cannot have got an INIT: EINVAL");
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &first), 0, "it can be taken back");
	TAP_EQ(get().smi.pending, 0, "and waits no more");
	memset(&e.smi, 1, sizeof(e.smi));
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &e), 0, "SMM can be set");
	e = get();
	TAP_EQ(e.smi.smm, 1, "it is kept");
	TAP_EQ(e.smi.smm_inside_nmi, 1, "and that an NMI's handler runs");
	TAP_EQ(e.smi.pending, 1, "and that an SMI waits");
	TAP_EQ(e.smi.latched_init, 1, "and an INIT");
	TAP_EQ(set_mp_state(KVM_MP_STATE_SIPI_RECEIVED), -EINVAL,
	       "in SMM there is no SIPI: EINVAL");
	e.flags &= ~KVM_VCPUEVENT_VALID_SMM;
	e.smi.smm = 0;
	call(vcpu.fd, KVM_SET_VCPU_EVENTS, &e);
	TAP_EQ(get().smi.smm, 1, "without the flag SMM stays");
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &first), 0, "it can be taken back");
	e = get();
	TAP_EQ(e.smi.smm | e.smi.smm_inside_nmi | e.smi.pending | e.smi.latched_init, 0,
	       "all of it");
	TAP_EQ(set_mp_state(KVM_MP_STATE_INIT_RECEIVED), 0, "now it can have got an INIT");
	e.smi.smm = 1;
	TAP_EQ(call(vcpu.fd, KVM_SET_VCPU_EVENTS, &e), -EINVAL, "and then not be in SMM: EINVAL");
	TAP_EQ(get().smi.smm, 0, "which changes nothing");
}

int main(int argc, char **argv)
{
	tap_begin();
	vm_open(&vm, device_path(argc, argv));
	capabilities();
	slots();
	call(vm.fd, KVM_CREATE_IRQCHIP, 0);
	vcpu_open(&vm, &vcpu, 0);
	smbase();
	events();
	machine_close(&vm, &vcpu);
	return tap_end();
}
