/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VM entry and the VM exit: the general registers, which the VMCS does not hold, and
 * what must happen between the guest's last instruction and the host's first branch.
 * SDM vol. 3C, 26 (VM entries) and 27 (VM exits).
 */
#include <linux/linkage.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/unwind_hints.h>
#include "offsets.h"

/* Where the arguments that are needed again lie below the saved registers. */
#define SAVED_SPEC_CTRL	0
#define SAVED_VCPU	8
#define SAVED_SIZE	16

/* Those that the vCPU has a slot for, but RSP, which the VMCS holds, and RDI, which leads there. */
#define EACH_GPR(op)							\
	op(rax, RAX); op(rcx, RCX); op(rdx, RDX); op(rbx, RBX);		\
	op(rbp, RBP); op(rsi, RSI); op(r8, R8); op(r9, R9);		\
	op(r10, R10); op(r11, R11); op(r12, R12); op(r13, R13);		\
	op(r14, R14); op(r15, R15)
#define LOAD(reg, slot)		mov VCPU_##slot(%rdi), %reg
#define STORE(reg, slot)	mov %reg, VCPU_##slot(%rdi)

.section .noinstr.text, "ax"

/*
 * u32 vmx_enter(struct vcpu *vcpu, bool launched, u64 guest_spec_ctrl,
 *		 unsigned long *host_rsp)
 *
 * @host_rsp is what the VMCS field HOST_RSP holds; the VMWRITE is saved while it is right.
 * Interrupts are off. Returns 0 after a VM exit, 1 if the entry instruction failed, 2 if it
 * faulted (a reboot took VMX operation away).
 */
SYM_FUNC_START(vmx_enter)
	push	%rbp
	mov	%rsp, %rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi				/* SAVED_VCPU */
	push	%rdx				/* SAVED_SPEC_CTRL */

	cmp	%rsp, (%rcx)
	je	.Lhost_rsp_right
	mov	%rsp, (%rcx)
	mov	$FIELD_HOST_RSP, %eax
.Lwrite_host_rsp:
	vmwrite	%rsp, %rax
.Lhost_rsp_right:

	/* The guest runs under its own speculation controls, the host under its own. */
	ALTERNATIVE "jmp .Lguest_spec_ctrl_set", "", X86_FEATURE_MSR_SPEC_CTRL
	mov	PER_CPU_VAR(x86_spec_ctrl_current), %rax
	cmp	%rax, %rdx
	je	.Lguest_spec_ctrl_set
	mov	%edx, %eax
	xor	%edx, %edx
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	wrmsr
.Lguest_spec_ctrl_set:

	/* CF chooses the instruction below: neither MOV nor VERW changes it. */
	bt	$0, %esi

	EACH_GPR(LOAD)
	mov	VCPU_RDI(%rdi), %rdi

	/* MDS, TAA, RFDS: leave nothing of the host in the CPU's buffers. (VM_... is for AMD.) */
	CLEAR_CPU_BUFFERS

	jnc	.Lvmlaunch

	/* The unwinder finds the frame again at the exit, where only RSP is as it was here. */
	UNWIND_HINT_SAVE
.Lvmresume:
	vmresume
	jmp	.Lentry_failed
.Lvmlaunch:
	vmlaunch
	jmp	.Lentry_failed

	_ASM_EXTABLE(.Lwrite_host_rsp, .Lentry_faulted)
	_ASM_EXTABLE(.Lvmresume, .Lentry_faulted)
	_ASM_EXTABLE(.Lvmlaunch, .Lentry_faulted)

SYM_INNER_LABEL(vmx_exit, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ENDBR

	push	%rdi
	mov	8 + SAVED_VCPU(%rsp), %rdi
	EACH_GPR(STORE)
	pop	VCPU_RDI(%rdi)

	xor	%ebx, %ebx

.Lhost_state:
	/* The guest chose these values: leave none of them to be speculated with. */
	.irp	reg, eax, ecx, edx, ebp, esi, edi, r8d, r9d, r10d, r11d, r12d, r13d, r14d, r15d
	xor	%\reg, %\reg
	.endr

	/* Before the first RET: the guest may have filled the return stack buffer. */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
			   X86_FEATURE_RSB_VMEXIT_LITE

	/* With IBRS in the kernel the write itself is the barrier, so it is never saved. */
	ALTERNATIVE "jmp .Lhost_spec_ctrl_set", "", X86_FEATURE_MSR_SPEC_CTRL
	mov	PER_CPU_VAR(x86_spec_ctrl_current), %rax
	ALTERNATIVE "", "jmp .Lwrite_host_spec_ctrl", X86_FEATURE_KERNEL_IBRS
	cmp	%rax, SAVED_SPEC_CTRL(%rsp)
	je	.Lspec_ctrl_fence
.Lwrite_host_spec_ctrl:
	xor	%edx, %edx
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	wrmsr
.Lspec_ctrl_fence:
	lfence
.Lhost_spec_ctrl_set:

	CLEAR_BRANCH_HISTORY_VMEXIT

	mov	%ebx, %eax
	add	$SAVED_SIZE, %rsp
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lentry_faulted:
	mov	$2, %ebx
	jmp	.Lhost_state
.Lentry_failed:
	mov	$1, %ebx
	jmp	.Lhost_state
SYM_FUNC_END(vmx_enter)

/*
 * void vmx_take_interrupt(u8 vector)
 *
 * The exit has acknowledged this interrupt of the host's: go through its gate in the IDT, by the
 * instruction that does that. Interrupts are off, and are when it returns.
 */
SYM_FUNC_START(vmx_take_interrupt)
	movzbl	%dil, %eax
	shl	$4, %eax
	lea	.Lgates(%rip), %rcx
	add	%rcx, %rax
	JMP_NOSPEC rax
SYM_FUNC_END(vmx_take_interrupt)

	.balign 16
SYM_CODE_START_LOCAL(vmx_gates)
.Lgates:
	vector = 0
	.rept 256
	UNWIND_HINT_FUNC
	ENDBR
	int	$vector
	RET
	.balign 16, 0xcc
	vector = vector + 1
	.endr
SYM_CODE_END(vmx_gates)
