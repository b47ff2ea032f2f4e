// SPDX-License-Identifier: GPL-2.0
/*
 * CRC-32C with the processor's instruction, which takes eight bytes at a time, or by a table where
 * that is missing (SSE4.2; SDM vol. 2A, CRC32).
 */
#include <nmmintrin.h>

#include "userspace/crc32c.h"

#define POLYNOMIAL	0x82f63b78	/* bit-reversed, as the instruction has it */

static u32 by_table(u32 crc, const u8 *p, size_t size)
{
	static u32 table[256];
	unsigned int i, bit;

	for (i = 0; !table[255] && i < ARRAY_SIZE(table); i++) {
		table[i] = i;
		for (bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? POLYNOMIAL : 0);
	}
	while (size--)
		crc = table[(u8)(crc ^ *p++)] ^ crc >> 8;
	return crc;
}

__attribute__((target("sse4.2")))
static u32 by_instruction(u32 crc, const u8 *p, size_t size)
{
	u64 word, wide = crc;

	for (; size >= sizeof(word); size -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		wide = _mm_crc32_u64(wide, word);
	}
	for (crc = wide; size; size--)
		crc = _mm_crc32_u8(crc, *p++);
	return crc;
}

/**
 * crc32c() - checksum of bytes
 * @crc:	0, or of the bytes before these
 * @data:	the bytes
 * @size:	how many
 *
 * Context: one thread (the table is made at the first use).
 * Return: CRC-32C, all ones at first and inverted at the end.
 */
u32 crc32c(u32 crc, const void *data, size_t size)
{
	return ~(__builtin_cpu_supports("sse4.2") ? by_instruction(~crc, data, size) :
						     by_table(~crc, data, size));
}
