// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's side of a guest's CPUID: what it offers on this machine.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "userspace/cpu.h"
#include "userspace/report.h"

/**
 * cpu_host() - what the driver offers a guest on this machine
 * @device:	the driver's device, for the report
 * @sys:	its descriptor
 *
 * KVM's list has neither the TSC-deadline timer, which a capability tells, nor the bit that a
 * hypervisor is there, which the program that sets CPUID answers for.
 *
 * Return: a list with room for CPUID_MAX_ENTRIES, to be freed; NULL with the reason reported.
 */
struct kvm_cpuid2 *cpu_host(const char *device, int sys)
{
	struct kvm_cpuid2 *list;
	struct kvm_cpuid_entry2 *e;

	list = calloc(1, sizeof(*list) + CPUID_MAX_ENTRIES * sizeof(list->entries[0]));
	if (list)
		list->nent = CPUID_MAX_ENTRIES;
	if (!list || ioctl(sys, KVM_GET_SUPPORTED_CPUID, list)) {
		report("%s: KVM_GET_SUPPORTED_CPUID: %s", device, strerror(errno));
		free(list);
		return NULL;
	}
	e = cpu_find(list, 1, 0);
	if (e) {
		e->ecx |= BIT(31);
		if (ioctl(sys, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
			e->ecx |= BIT(CPUID_TSC_DEADLINE % 32);
	}
	return list;
}
