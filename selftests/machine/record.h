/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A record of the journal that a guest keeps while it is killed: journal.c writes, kills.c reads.
 * Record n is the (n % RECORDS_OF_FILE)th of the file j(n / RECORDS_OF_FILE).
 */
#ifndef KVMLET_TEST_MACHINE_RECORD_H
#define KVMLET_TEST_MACHINE_RECORD_H

#include <stdint.h>
#include <string.h>

#define RECORD_MAGIC	0x6b766d6c65746a6eULL
#define RECORDS_OF_FILE	8

struct record {
	uint64_t magic;
	uint32_t number, sum;		/* sum: of the rest, FNV-1a */
	uint8_t data[1008];
};

static inline uint32_t record_sum(const struct record *r)
{
	uint32_t sum = 2166136261u ^ r->number;
	unsigned int i;

	for (i = 0; i < sizeof(r->data); i++)
		sum = (sum ^ r->data[i]) * 16777619;
	return sum;
}

static inline void record_make(struct record *r, uint32_t number)
{
	uint32_t x = number * 2654435761u + 1;
	unsigned int i;

	r->magic = RECORD_MAGIC;
	r->number = number;
	for (i = 0; i < sizeof(r->data); i++) {
		x = x * 1664525 + 1013904223;
		r->data[i] = x >> 24;
	}
	r->sum = record_sum(r);
}

static inline int record_is(const struct record *r, uint32_t number)
{
	return r->magic == RECORD_MAGIC && r->number == number && r->sum == record_sum(r);
}

#endif
