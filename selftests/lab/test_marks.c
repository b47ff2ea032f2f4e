// SPDX-License-Identifier: GPL-2.0
/*
 * For test_lab.py: three instructions of which --trace is to see the one between two marks.
 */
int main(void)
{
	__asm__ volatile("clc\n\t"
			 "xchg %%bx, %%bx\n\t"
			 "cmc\n\t"
			 "xchg %%bx, %%bx\n\t"
			 "stc"
			 : : : "cc");
	return 0;
}
