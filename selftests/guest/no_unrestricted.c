// SPDX-License-Identifier: GPL-2.0
/*
 * A processor without unrestricted guest: paged modes run; real mode ends KVM_RUN with an
 * internal error, or, where it is emulated, runs. Everything passes on other processors, too.
 *
 * lab:
 * lab: --cpu corei5_lynnfield_750
 */
#include "selftests/lib/vm.h"

static void guest(void)
{
	uint64_t cr0;

	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	guest_check("CR0 reads as set", cr0, 0x80010033);
	guest_sync(1);
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);
	struct vcpu vcpu;
	struct vm vm;
	int exit;

	tap_begin();
	machine(&vm, &vcpu, path, false, guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a 64-bit guest runs");
	tap_checks();
	machine_close(&vm, &vcpu);
	vm_open(&vm, path);
	vm_memory(&vm);
	call(vm.fd, KVM_SET_TSS_ADDR, 0xfffbd000);
	vcpu_open(&vm, &vcpu, 0);
	memcpy(vm.low + 0x10000, "\xf4\xeb\xfd", 3);	/* hlt; jmp back */
	vcpu_real_mode(&vcpu, 0x1000, 0);
	exit = vcpu_run_on(&vcpu);
	printf("# real mode: %s\n", exit_name(exit));
	tap_ok(exit == KVM_EXIT_HLT || exit == KVM_EXIT_INTERNAL_ERROR,
	       "real mode runs, or says that it cannot");
	exit = vcpu_run_on(&vcpu);
	tap_ok(exit == KVM_EXIT_HLT || exit == KVM_EXIT_INTERNAL_ERROR, "and again");
	machine_close(&vm, &vcpu);
	return tap_end();
}
