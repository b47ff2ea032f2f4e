/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guests of a few instructions for `kvmlet run`, wrapped into an ELF file on the spot.
 */
#ifndef KVMLET_TEST_RUNNER_GUEST_H
#define KVMLET_TEST_RUNNER_GUEST_H

#include <elf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD		0x1000000
#define KERNEL		"/tmp/runner.elf"

/* 64-bit code; it starts with interrupts off, rsi = boot parameters. */
#define GUEST(name, code)							\
	extern const uint8_t name[], name##_end[];				\
	asm(".pushsection .rodata\n" #name ": " code "\n" #name "_end:\n.popsection")

#define OUTB(port, value)	"mov $" #value ", %al; mov $" #port ", %dx; out %al, %dx;"
#define FINISH			"mov $0xf4, %dx; out %al, %dx; 9: hlt; jmp 9b;"

#define WRITE_GUEST(name)	write_guest(name, name##_end - name)

static inline void write_guest(const uint8_t *code, size_t size)
{
	struct {
		Elf64_Ehdr eh;
		Elf64_Phdr ph;
	} elf = {
		.eh = {
			.e_ident = ELFMAG "\2\1\1", .e_type = ET_EXEC, .e_machine = EM_X86_64,
			.e_entry = LOAD, .e_phoff = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1,
		},
		.ph = {
			.p_type = PT_LOAD, .p_offset = sizeof(elf), .p_filesz = size,
			.p_memsz = size > 0x1000 ? size : 0x1000, .p_paddr = LOAD,
		},
	};
	FILE *f = fopen(KERNEL, "w");

	if (!f || fwrite(&elf, sizeof(elf), 1, f) != 1 || fwrite(code, size, 1, f) != 1 ||
	    fclose(f)) {
		printf("Bail out! %s: %s\n", KERNEL, strerror(errno));
		exit(1);
	}
}

#endif
