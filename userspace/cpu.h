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

int cpu_feature(const char *name);
void cpu_words(const struct kvm_cpuid2 *list, u32 words[CPUID_WORD_COUNT]);
unsigned int cpu_names(const u32 words[CPUID_WORD_COUNT], const char *before, char *text,
		       size_t size);
struct kvm_cpuid_entry2 *cpu_find(const struct kvm_cpuid2 *list, u32 leaf, u32 index);

#endif
