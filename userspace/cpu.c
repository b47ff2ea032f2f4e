// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's side of a guest's CPUID: what it offers on this machine, the guest's own list, and
 * which baselines run here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "userspace/cpu.h"
#include "userspace/report.h"

static struct kvm_cpuid2 *new_list(void)
{
	struct kvm_cpuid2 *list;

	list = calloc(1, sizeof(*list) + CPUID_MAX_ENTRIES * sizeof(list->entries[0]));
	if (list)
		list->nent = CPUID_MAX_ENTRIES;
	return list;
}

/**
 * cpu_host() - what the driver offers a guest on this machine
 * @device:	the driver's device, for the report
 * @sys:	its descriptor
 *
 * KVM's list has neither the TSC-deadline timer, which a capability tells, nor the bits that a
 * hypervisor is there and more than one processor, which the program that sets CPUID answers for.
 *
 * Return: a list with room for CPUID_MAX_ENTRIES, to be freed; NULL with the reason reported.
 */
struct kvm_cpuid2 *cpu_host(const char *device, int sys)
{
	struct kvm_cpuid2 *list = new_list();
	struct kvm_cpuid_entry2 *e;

	if (!list || ioctl(sys, KVM_GET_SUPPORTED_CPUID, list)) {
		report("%s: KVM_GET_SUPPORTED_CPUID: %s", device, strerror(errno));
		free(list);
		return NULL;
	}
	e = cpu_find(list, 1, 0);
	if (e) {
		e->ecx |= BIT(31);
		e->edx |= BIT(CPUID_FEATURE(1_EDX, 28) % 32);
		if (ioctl(sys, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
			e->ecx |= BIT(CPUID_TSC_DEADLINE % 32);
	}
	return list;
}

/**
 * cpu_guest() - the CPUID of a guest's first processor
 * @device:	the driver's device, for the report
 * @sys:	its descriptor
 * @choice:	what --cpu says
 * @vendor:	the hypervisor's name in leaf 0x40000000, at most 12 bytes, or NULL
 * @cpus:	how many processors it has
 *
 * Return: a list to be freed; NULL with the reason reported.
 */
struct kvm_cpuid2 *cpu_guest(const char *device, int sys, const struct cpu_choice *choice,
			     const char *vendor, unsigned int cpus)
{
	struct kvm_cpuid2 *host = cpu_host(device, sys), *guest = new_list();
	char why[4096] = "no memory";

	if (!host) {
		free(guest);
		return NULL;
	}
	if (!guest || cpu_apply(choice, host, guest, why, sizeof(why))) {
		report("%s", why);
		free(guest);
		guest = NULL;
	} else {
		cpu_topology(guest, cpus);
		if (vendor)
			cpu_vendor_leaf(guest, vendor);
	}
	free(host);
	return guest;
}

static void list_baseline(const struct cpu_baseline *b, const u32 *offered)
{
	u32 words[CPUID_WORD_COUNT];
	char lacks[2048] = "";
	unsigned int i, n = 0;

	cpu_baseline_words(b, words);
	if (offered) {
		for (i = 0; i < CPUID_WORD_COUNT; i++)
			words[i] &= ~offered[i];
		n = cpu_names(words, " ", lacks, sizeof(lacks));
	}
	printf("%-15s %6u %6u %8u %#9x  %s%s\n", b->name, b->family, b->model, b->stepping,
	       b->last_leaf, !offered ? "unknown" : n ? "lacks " : "runs", lacks);
}

/**
 * cpu_list() - print the baselines, and what each lacks on this machine
 * @device:	the driver's device; without it the baselines alone
 */
void cpu_list(const char *device)
{
	int sys = open(device, O_RDWR | O_CLOEXEC);
	struct kvm_cpuid2 *host = NULL;
	u32 offered[CPUID_WORD_COUNT];
	char names[4096];
	unsigned int i;

	if (sys >= 0)
		host = cpu_host(device, sys);
	else
		report("%s: %s: what runs here is not known", device, strerror(errno));
	if (host)
		cpu_words(host, offered);
	printf("%-15s %6s %6s %8s %9s  %s\n", "baseline", "family", "model", "stepping",
	       "last leaf", "here");
	for (i = 0; i < cpu_nr_baselines; i++)
		list_baseline(&cpu_baselines[i], host ? offered : NULL);
	if (host) {
		cpu_names(offered, " ", names, sizeof(names));
		printf("\nhost: %s\n", names);
	}
	free(host);
	if (sys >= 0)
		close(sys);
}
