/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The save format (Documentation/save-format.rst): a header and a sequence of checked sections, in
 * a file or on a socket, and a guest's state as it was read from one. Pure: nothing here knows a
 * driver. Nothing that is read is trusted.
 */
#ifndef KVMLET_USERSPACE_SAVEFILE_H
#define KVMLET_USERSPACE_SAVEFILE_H

#include <linux/kvm.h>

#include "userspace/memory.h"

#define SAVE_VERSION		2
#define SAVE_PAGE		4096
#define SAVE_RUN_PAGES		256	/* of one section, at most */
#define SAVE_MAX_CPUS		64
#define SAVE_MAX_CPUID		256
#define SAVE_MAX_MSRS		1024
#define SAVE_MAX_DEVICES	16
#define SAVE_MAX_DEVICE		4096	/* bytes of its state */
#define SAVE_NAME		16
#define SAVE_WHY		2304	/* of the sentence that says what is wrong */

/* Types of sections; the numbers are the format's. */
enum save_type {
	SAVE_MACHINE = 1,	/* struct save_machine */
	SAVE_CPUID,		/* struct kvm_cpuid_entry2 each */
	SAVE_MEMORY,		/* struct save_memory, then the pages or nothing: zeros */
	SAVE_REGS,		/* struct kvm_regs */
	SAVE_SREGS,		/* struct kvm_sregs2 */
	SAVE_EVENTS,		/* struct kvm_vcpu_events */
	SAVE_DEBUGREGS,		/* struct kvm_debugregs */
	SAVE_MP_STATE,		/* struct kvm_mp_state */
	SAVE_LAPIC,		/* struct kvm_lapic_state */
	SAVE_XSAVE,		/* the standard format of XSAVE */
	SAVE_XCRS,		/* struct kvm_xcrs; not on a processor without XSAVE */
	SAVE_NESTED,		/* struct kvm_nested_state; not from a driver that has none */
	SAVE_MSRS,		/* struct kvm_msr_entry each */
	SAVE_PIC_MASTER,	/* struct kvm_irqchip, one each */
	SAVE_PIC_SLAVE,
	SAVE_IOAPIC,
	SAVE_CLOCK,		/* struct kvm_clock_data */
	SAVE_DEVICE,		/* its name, SAVE_NAME bytes, then its own */
	SAVE_END,		/* u64: sections before this one */
	SAVE_REPLY,		/* on a socket: words; none: go on */
	SAVE_GO,		/* on a socket: the guest is yours */
	SAVE_CPU,		/* u32: this processor's state follows; since format 2 */
	SAVE_TYPES
};

struct save_machine {
	u64 ram;		/* bytes */
	u32 tsc_khz;
	u32 cpus;
};

/* Pages are counted in RAM, as if it had no hole. */
struct save_memory {
	u64 first, count;
};

/* One direction of a file or socket. */
struct save_stream {
	int fd;
	u32 seq;		/* sections so far */
	u8 *data;		/* of the section that was read last */
	char why[SAVE_WHY];	/* after a failure */
};

struct save_section {
	u32 type;
	size_t len;
	const u8 *data;		/* the stream's, until the next one is read */
};

struct save_part {
	void *data;
	size_t len;
};

/* A guest that was read, but for its memory. What is the machine's own is processor 0's, too. */
struct saved {
	struct save_part part[SAVE_MAX_CPUS][SAVE_TYPES];
	unsigned int cpus;		/* whose state has begun */
	struct save_part device[SAVE_MAX_DEVICES];
	unsigned int devices;
};

int save_begin(struct save_stream *s, int fd);
int save_put(struct save_stream *s, u32 type, const void *data, size_t len);
int save_put_named(struct save_stream *s, u32 type, const void *head, size_t head_len,
		   const void *data, size_t len);
int save_ram(struct save_stream *s, const struct ram *ram, const u64 *dirty, u64 *pages);
int save_end(struct save_stream *s);

int load_begin(struct save_stream *s, int fd);
int load_next(struct save_stream *s, struct save_section *section);
int load_guest(struct save_stream *s, struct saved *saved);
int load_rest(struct save_stream *s, struct saved *saved, const struct ram *ram);
int load_no_more(struct save_stream *s);
void load_end(struct save_stream *s);
void saved_free(struct saved *saved);

const struct save_machine *saved_machine(const struct saved *saved);
const struct save_part *saved_device(const struct saved *saved, const char *name);

#endif
