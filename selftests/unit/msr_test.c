// SPDX-License-Identifier: GPL-2.0
/*
 * The MSR table: its order, its storage, what monitors and guests need of it, and the checks
 * of values. With vmx/cpu/msr_table.c.
 */
#include <asm/kvm_para.h>
#include "selftests/lib/tap.h"
#include "vmx/cpu/msr_table.h"

#define MAXPHYADDR	40

static bool is_stored(const struct msr_row *row)
{
	return row->kind == MSR_STORE || row->kind == MSR_STORE_SWITCHED ||
	       row->kind == MSR_STORE_OWN;
}

static void check_order(void)
{
	unsigned int i, unsorted = 0, empty = 0, lost = 0;

	for (i = 0; i < msr_table_rows; i++) {
		const struct msr_row *row = &msr_table[i];

		unsorted += i && row->first < row[-1].first + row[-1].nr;
		empty += !row->nr || !row->name;
		lost += msr_find(row->first) != row || msr_find(row->first + row->nr - 1) != row;
	}
	TAP_EQ(unsorted, 0, "the table is sorted and no two rows overlap");
	TAP_EQ(empty, 0, "each row has registers and a name");
	TAP_EQ(lost, 0, "the first and last register of each row is found");
}

static void check_storage(void)
{
	static u8 used[sizeof(struct vcpu_msrs)];
	unsigned int i, j, outside = 0, twice = 0;

	for (i = 0; i < msr_table_rows; i++) {
		const struct msr_row *row = &msr_table[i];

		if (!is_stored(row))
			continue;
		if (row->offset + row->nr * sizeof(u64) > sizeof(struct vcpu_msrs)) {
			outside++;
			continue;
		}
		for (j = 0; j < row->nr * sizeof(u64); j++)
			twice += used[row->offset + j]++;
	}
	TAP_EQ(outside, 0, "stored registers lie within their structure");
	TAP_EQ(twice, 0, "no two registers share a place");
}

static void check_lists(void)
{
	unsigned int i, saved = 0, features = 0, broken = 0;

	for (i = 0; i < msr_table_rows; i++) {
		const struct msr_row *row = &msr_table[i];

		saved += row->flags & MSR_F_SAVE ? row->nr : 0;
		features += row->flags & MSR_F_FEATURE ? row->nr : 0;
		broken += (row->flags & MSR_F_SAVE) &&
			  (row->flags & (MSR_F_READ_ONLY | MSR_F_WRITE_ONLY));
	}
	TAP_EQ(saved && saved < MSR_LIST_MAX, 1, "the list of saved registers has room");
	TAP_EQ(features && features < MSR_LIST_MAX, 1, "the list of features is not empty");
	TAP_EQ(broken, 0, "what is listed can be read and written");
}

static bool accepts(u32 index, u64 value, bool host)
{
	const struct msr_row *row = msr_find(index);

	return row && !(row->flags & MSR_F_READ_ONLY) &&
	       msr_value_valid(row, index, value, MAXPHYADDR, host);
}

/* What monitors write before the first entry; they give up at the first refusal. */
static void check_monitors(void)
{
	static const struct {
		u32 first, last;
		u64 value;
	} boot[] = {
		{ 0x10, 0x12, 0 }, { 0x1b, 0x1b, 0xfee00900 }, { 0x174, 0x176, 0 },
		{ 0x17a, 0x17a, 0 }, { 0x17b, 0x17b, ~0ULL }, { 0x1a0, 0x1a0, 1 },
		{ 0x200, 0x20f, 0 }, { 0x250, 0x250, 0 }, { 0x258, 0x259, 0 }, { 0x268, 0x26f, 0 },
		{ 0x277, 0x277, 0x0007040600070406 }, { 0x2ff, 0x2ff, 0xc06 }, { 0x400, 0x427, 0 },
		{ 0x6e0, 0x6e0, 0 }, { 0xc0000080, 0xc0000084, 0 }, { 0xc0000102, 0xc0000103, 0 },
		{ 0x3b, 0x3b, 0 }, { 0x140, 0x140, 0 }, { 0x8b, 0x8b, 0x100000000 },
		{ 0x10a, 0x10a, 0 }, { 0xda0, 0xda0, 0 }, { 0x48, 0x48, 0 },
		{ MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW, 0 },
	};
	unsigned int i;
	u32 index;

	for (i = 0; i < ARRAY_SIZE(boot); i++)
		for (index = boot[i].first; index <= boot[i].last; index++)
			TAP_EQ(accepts(index, boot[i].value, true), 1,
			       "user space may write %#llx to MSR %#x",
			       (unsigned long long)boot[i].value, index);
}

static void check_absent(void)
{
	static const u32 absent[] = {
		2, 0xf, 0x13, 0x35, 0x3c, 0x9d, 0x122, 0x345, 0x38d, 0x38f, 0x480, 0x48b, 0x560,
		0x570, 0x900, 0xd90, 0x1c4, 0x6a0, 0x600, 0x40000000, 0x4b564d02,
		0xc0010015, 0xc0000104, 0xffffffff,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(absent); i++)
		TAP_EQ(!msr_find(absent[i]), 1, "there is no MSR %#x", absent[i]);
}

static void check_addresses(void)
{
	static const u32 addresses[] = {
		0x175, 0x176, 0xc0000082, 0xc0000083, 0xc0000100, 0xc0000101, 0xc0000102,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		TAP_EQ(accepts(addresses[i], 0x00007fffffffffff, false), 1,
		       "MSR %#x takes the last address of the lower half", addresses[i]);
		TAP_EQ(accepts(addresses[i], 0xffff800000000000, false), 1,
		       "MSR %#x takes the first address of the upper half", addresses[i]);
		TAP_EQ(accepts(addresses[i], 0x0000800000000000, false), 0,
		       "MSR %#x refuses an address that is not canonical", addresses[i]);
	}
}

static void check_memory_types(void)
{
	TAP_EQ(accepts(0x277, 0x0606060606060607, false), 1, "PAT: UC- is a type");
	TAP_EQ(accepts(0x277, 0x0706050401000000, false), 1, "PAT: all six types");
	TAP_EQ(accepts(0x277, 0x02, false), 0, "PAT: 2 is reserved");
	TAP_EQ(accepts(0x277, 0x03ULL << 56, false), 0, "PAT: 3 is reserved in the last byte");
	TAP_EQ(accepts(0x277, 0x80, false), 0, "PAT: high bits of a type are reserved");
	TAP_EQ(accepts(0x250, 0x0606060606060606, false), 1, "fixed MTRR: WB");
	TAP_EQ(accepts(0x26f, 0x07, false), 0, "fixed MTRR: UC- is no type");
	TAP_EQ(accepts(0x2ff, 0xc06, false), 1, "default type: WB, both enabled");
	TAP_EQ(accepts(0x2ff, 0x1c06, false), 0, "default type: reserved bit");
	TAP_EQ(accepts(0x2ff, 0x02, false), 0, "default type: reserved type");
	TAP_EQ(accepts(0x200, 0xc0000006, false), 1, "variable MTRR: base");
	TAP_EQ(accepts(0x200, 0x100, false), 0, "variable MTRR: reserved bit of the base");
	TAP_EQ(accepts(0x20e, BIT_ULL(MAXPHYADDR), false), 0, "variable MTRR: base too high");
	TAP_EQ(accepts(0x201, 0xffc0000800, false), 1, "variable MTRR: mask");
	TAP_EQ(accepts(0x201, 0x400, false), 0, "variable MTRR: reserved bit of the mask");
	TAP_EQ(accepts(0x20f, BIT_ULL(MAXPHYADDR), false), 0, "variable MTRR: mask too high");
}

static void check_the_rest(void)
{
	TAP_EQ(accepts(0x400, ~0ULL, false), 1, "bank control: all ones");
	TAP_EQ(accepts(0x404, 5, false), 0, "bank control: all or none");
	TAP_EQ(accepts(0x401, 1, false), 0, "bank status: a guest can only clear it");
	TAP_EQ(accepts(0x401, 1, true), 1, "bank status: user space can set it");
	TAP_EQ(accepts(0x402, 1, false), 1, "bank address: any");
	TAP_EQ(!!msr_find(0x47f), 1, "32 banks");
	TAP_EQ(!msr_find(0x480), 1, "and no more");
	TAP_EQ(accepts(0x17b, 2, false), 0, "machine-check control: all or none");
	TAP_EQ(accepts(MSR_KVM_STEAL_TIME, 0x1041, false), 1, "KVM_STEAL_TIME: a record, enabled");
	TAP_EQ(accepts(MSR_KVM_STEAL_TIME, 0x1021, true), 0, "KVM_STEAL_TIME: 64 bytes, aligned");
	TAP_EQ(accepts(MSR_KVM_PV_EOI_EN, 0x1005, false), 1, "KVM_PV_EOI_EN: a word, enabled");
	TAP_EQ(accepts(MSR_KVM_PV_EOI_EN, 0x1003, true), 0, "KVM_PV_EOI_EN: 4 bytes, aligned");
	TAP_EQ(accepts(0x174, BIT_ULL(32), false), 0, "SYSENTER_CS has 32 bits");
	TAP_EQ(accepts(0xc0000103, BIT_ULL(32), false), 0, "TSC_AUX has 32 bits");
	TAP_EQ(accepts(0xda0, 0x100, true), 0, "no supervisor state component");
	TAP_EQ(accepts(0x49, 2, false), 0, "PRED_CMD has one bit");
	TAP_EQ(accepts(0x140, 2, false), 0, "MISC_FEATURE_ENABLES has one bit");
	TAP_EQ(accepts(0x1d9, 1, false), 1, "DEBUGCTL: LBR may be written");
	TAP_EQ(accepts(0x1d9, 0x40, false), 0, "DEBUGCTL: no trace messages");
	TAP_EQ(accepts(0xfe, 0x508, true), 0, "MTRRCAP is read-only");
	TAP_EQ(accepts(0x179, 0, true), 0, "MCG_CAP is read-only");
	TAP_EQ(msr_find(0xfe)->mask, 0x508, "MTRRCAP: fixed, write combining, eight variable");
	TAP_EQ(msr_find(0x174)->offset, 0x482a, "SYSENTER_CS is where the VMCS has it");
}

int main(void)
{
	tap_begin();
	check_order();
	check_storage();
	check_lists();
	check_monitors();
	check_absent();
	check_addresses();
	check_memory_types();
	check_the_rest();
	return tap_end();
}
