// SPDX-License-Identifier: GPL-2.0
/*
 * kexec: goes on to another kernel, as `kexec -e` does. That kernel is a few instructions, which
 * say so by the first serial port and reset the machine. Whoever leaves the processor in VMX
 * operation does not get there: there, what clears CR4.VMXE on the way is #GP (SDM 24.8).
 */
#include <errno.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PLACE	0x2000000UL		/* anywhere in RAM */

asm(".pushsection .rodata\n"
    "next_kernel:\n"
    "	leaq	said(%rip), %rsi\n"
    "1:	movw	$0x3fd, %dx\n"		/* until the port takes a character */
    "2:	inb	%dx, %al\n"
    "	testb	$0x20, %al\n"
    "	jz	2b\n"
    "	lodsb\n"
    "	testb	%al, %al\n"
    "	jz	3f\n"
    "	movw	$0x3f8, %dx\n"
    "	outb	%al, %dx\n"
    "	jmp	1b\n"
    "3:	movb	$0xfe, %al\n"		/* the keyboard controller resets */
    "	outb	%al, $0x64\n"
    "4:	jmp	4b\n"
    "said:	.asciz	\"\\r\\nkexec: the next kernel is here\\r\\n\"\n"
    "next_kernel_end:\n"
    ".popsection");

extern const char next_kernel[], next_kernel_end[];

int main(void)
{
	struct kexec_segment segment = {
		.buf = next_kernel,
		.bufsz = next_kernel_end - next_kernel,
		.mem = (void *)PLACE,
		.memsz = 4096,
	};

	if (syscall(SYS_kexec_load, PLACE, 1, &segment, KEXEC_ARCH_DEFAULT)) {
		printf("kexec_load: %s\n", strerror(errno));
		return 1;
	}
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	printf("reboot: %s\n", strerror(errno));
	return 1;
}
