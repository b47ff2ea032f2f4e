/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a guest is told of its processor, over KVM's own lists of CPUID entries: which features
 * they have, by name (cpu_features.c), and the baselines of `kvmlet run --cpu` (cpu_baseline.c).
 * Both are pure; cpu.c asks the driver. The names are those of the driver's one table,
 * vmx/cpu/cpuid_table.c, which are /proc/cpuinfo's where that has one.
 */
#ifndef KVMLET_USERSPACE_CPU_H
#define KVMLET_USERSPACE_CPU_H

#include <linux/kvm.h>

#include "vmx/cpu/cpuid_policy.h"

/* A host satisfies a guest's CPUID if this returns 0; else @text names what it lacks. */
unsigned int cpu_missing(const struct kvm_cpuid2 *guest, const struct kvm_cpuid2 *host,
			 char *text, size_t size);

/* What the driver offers here, for @host above; free() it. NULL: the reason is reported. */
struct kvm_cpuid2 *cpu_host(const char *device, int sys);

struct cpu_choice;
struct kvm_cpuid2 *cpu_guest(const char *device, int sys, const struct cpu_choice *choice,
			     const char *vendor, unsigned int cpus);
void cpu_list(const char *device);

/* --- baselines ------------------------------------------------------------------------------ */

/* A processor's model: what it adds to the features of the one before it in the table. */
struct cpu_baseline {
	const char *name;
	u8 family, model, stepping;
	u8 last_leaf;
	const char *adds;
};

extern const struct cpu_baseline cpu_baselines[];
extern const unsigned int cpu_nr_baselines;

#define CPU_VENDOR_SIZE	12	/* bytes of the hypervisor's name in leaf 0x40000000 */

/* What --cpu says. */
struct cpu_choice {
	const char *text;		/* as it was written */
	const struct cpu_baseline *baseline;	/* NULL: all that the host offers */
	u32 plus[CPUID_WORD_COUNT], minus[CPUID_WORD_COUNT];
};

int cpu_parse(const char *text, struct cpu_choice *choice, char *why, size_t size);
void cpu_baseline_words(const struct cpu_baseline *baseline, u32 words[CPUID_WORD_COUNT]);
u64 cpu_xcr0(const u32 words[CPUID_WORD_COUNT]);
int cpu_apply(const struct cpu_choice *choice, const struct kvm_cpuid2 *host,
	      struct kvm_cpuid2 *guest, char *why, size_t size);
void cpu_topology(struct kvm_cpuid2 *guest, u32 cpus);
void cpu_number(struct kvm_cpuid2 *guest, u32 id);
void cpu_vendor_leaf(struct kvm_cpuid2 *guest, const char *vendor);

/* --- features ------------------------------------------------------------------------------- */

int cpu_feature(const char *name);
void cpu_words(const struct kvm_cpuid2 *list, u32 words[CPUID_WORD_COUNT]);
unsigned int cpu_names(const u32 words[CPUID_WORD_COUNT], const char *before, char *text,
		       size_t size);
struct kvm_cpuid_entry2 *cpu_find(const struct kvm_cpuid2 *list, u32 leaf, u32 index);

#endif
