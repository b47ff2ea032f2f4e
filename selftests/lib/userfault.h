/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A page of guest memory that userfaultfd holds back, and what may be asked meanwhile.
 */
#ifndef KVMLET_TEST_USERFAULT_H
#define KVMLET_TEST_USERFAULT_H

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include "selftests/lib/vm.h"

#define WRITTEN		77		/* guest_ins() is done */

static volatile uint64_t ins_to;

/* Has the hypervisor write a byte to guest memory, once. */
static inline void guest_ins(void)
{
	uint64_t to = ins_to;

	asm volatile("insb" : "+D"(to) : "d"(DEVICE_PORT) : "memory");
	guest_sync(WRITTEN);
}

static inline void *finish_ins(void *vcpu)
{
	return vcpu_sync(vcpu) == WRITTEN ? vcpu : NULL;
}

/* @page is missing from now on: who needs it waits. -1: not on this host. */
static inline int page_hold(void *page)
{
	struct uffdio_register range = { .range = { (uintptr_t)page, PAGE },
					 .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range) ||
	    madvise(page, PAGE, MADV_DONTNEED))
		return -1;
	return fd;
}

static inline void page_give(int fd, void *page)
{
	struct uffdio_zeropage range = { .range = { (uintptr_t)page, PAGE } };

	ioctl(fd, UFFDIO_ZEROPAGE, &range);
	close(fd);
}

/* Has @asker ended before @page, which it may wait for, is given? It gets @seconds, then that. */
static inline bool ends_without(pthread_t asker, void **result, int seconds, int fd, void *page)
{
	struct timespec until;
	bool ended;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += seconds;
	ended = !pthread_timedjoin_np(asker, result, &until);
	page_give(fd, page);
	if (!ended)
		pthread_join(asker, result);
	return ended;
}

/*
 * @ask while the hypervisor waits for @page, at @gpa, to write a byte to it. Another thread asks:
 * a test whose question waits, too, fails and does not hang.
 * Return: 1 it was answered before the page came, 0 it was not, -1 there is no userfaultfd.
 */
static inline int ask_meanwhile(struct vcpu *vcpu, uint64_t gpa, void *page,
				void *(*ask)(void *unused))
{
	struct pollfd wanted = { .fd = page_hold(page), .events = POLLIN };
	pthread_t writer, asker;
	bool waits, answered;
	void *written;

	if (wanted.fd < 0)
		return -1;
	ins_to = gpa;
	vcpu_long_mode(vcpu, guest_ins, 0);
	if (vcpu_run_on(vcpu) != KVM_EXIT_IO)
		return 0;
	pthread_create(&writer, NULL, finish_ins, vcpu);
	waits = poll(&wanted, 1, 5000) == 1;
	pthread_create(&asker, NULL, ask, NULL);
	answered = ends_without(asker, NULL, 3, wanted.fd, page);
	pthread_join(writer, &written);
	return waits && answered && written;
}

#endif
