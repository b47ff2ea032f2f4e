/* SPDX-License-Identifier: GPL-2.0 */
/* The host page behind an address of the monitor; see host.c. */
#ifndef KVMLET_MMU_HOST_H
#define KVMLET_MMU_HOST_H

#include <linux/types.h>

struct page;

struct host_page {
	unsigned long pfn;
	struct page *page;	/* NULL: not one whose use the host keeps book on */
	u8 shift;		/* of the bytes that the host maps as one page */
	bool writable;
	bool ram;
};

bool host_lookup(unsigned long hva, bool write, struct host_page *host);
int host_fault_in(unsigned long hva, bool write);

#endif
