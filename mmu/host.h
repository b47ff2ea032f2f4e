/* SPDX-License-Identifier: GPL-2.0 */
/* The host page behind an address of the monitor; see host.c. */
#ifndef KVMLET_MMU_HOST_H
#define KVMLET_MMU_HOST_H

#include <linux/types.h>

struct page;

struct host_page {
	unsigned long pfn;
	struct page *page;	/* with a reference; NULL: a device mapping, without */
	bool writable;
	bool ram;
};

int host_page_get(unsigned long hva, bool write, bool want_writable, struct host_page *host);
void host_page_put(struct host_page *host);

#endif
