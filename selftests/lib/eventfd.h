/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Eventfds of a test, and what KVM does with them.
 */
#ifndef KVMLET_TEST_EVENTFD_H
#define KVMLET_TEST_EVENTFD_H

#include <sys/eventfd.h>
#include "selftests/lib/vm.h"

static inline int new_event(void)
{
	return eventfd(0, EFD_NONBLOCK);
}

/* How often it was signalled since it was asked last. */
static inline uint64_t taken(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static inline int ioeventfd(struct vm *vm, int fd, uint64_t addr, uint32_t len, uint32_t flags,
			    uint64_t match)
{
	struct kvm_ioeventfd args = {
		.fd = fd, .addr = addr, .len = len, .flags = flags, .datamatch = match,
	};

	return call(vm->fd, KVM_IOEVENTFD, &args);
}

static inline int irqfd(struct vm *vm, int fd, uint32_t gsi, uint32_t flags, int resamplefd)
{
	struct kvm_irqfd args = {
		.fd = fd, .gsi = gsi, .flags = flags, .resamplefd = resamplefd,
	};

	return call(vm->fd, KVM_IRQFD, &args);
}

#endif
