/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CRC-32C (Castagnoli), the checksum of the save format.
 */
#ifndef KVMLET_USERSPACE_CRC32C_H
#define KVMLET_USERSPACE_CRC32C_H

#include "include/portable.h"

u32 crc32c(u32 crc, const void *data, size_t size);

#endif
