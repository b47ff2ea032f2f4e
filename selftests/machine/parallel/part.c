// SPDX-License-Identifier: GPL-2.0
/*
 * A program of several parts, which a guest compiles, each part on a processor of its own: counts
 * primes below 1,000 for PART 0, the next thousand for PART 1, and so on. It has no library: the
 * linker collects the parts' functions in a section, and PART 0 calls them in the linker's order.
 */
#define RANGE	1000
#define NR_WRITE 1
#define NR_EXIT	60

typedef unsigned int (*part_fn)(void);
extern const part_fn __start_parts[], __stop_parts[];

static unsigned int is_prime(unsigned int n)
{
	unsigned int i;

	for (i = 2; i * i <= n; i++)
		if (n % i == 0)
			return 0;
	return n > 1;
}

static unsigned int count_primes(void)
{
	unsigned int i, count = 0;

	for (i = 0; i < RANGE; i++)
		count += is_prime(PART * RANGE + i);
	return count;
}

static const part_fn part __attribute__((section("parts"), used)) = count_primes;

#if PART == 0

static long system_call(long number, long a, const void *b, long c)
{
	long value;

	__asm__ volatile("syscall" : "=a"(value) : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return value;
}

static void print(unsigned int n)
{
	char text[12];
	unsigned int at = sizeof(text);

	text[--at] = ' ';
	do
		text[--at] = '0' + n % 10;
	while (n /= 10);
	system_call(NR_WRITE, 1, text + at, sizeof(text) - at);
}

void _start(void)
{
	const part_fn *p;

	for (p = __start_parts; p < __stop_parts; p++)
		print((*p)());
	system_call(NR_EXIT, 0, 0, 0);
	__builtin_unreachable();
}

#endif
