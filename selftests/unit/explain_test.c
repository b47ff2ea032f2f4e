// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of VM entry: nothing is found in valid states of every kind on every processor of the
 * lab, and each rule, broken alone in such a state, is found and named by its field.
 */
#include <stdlib.h>

#include "selftests/lib/tap.h"
#include "userspace/caps.h"
#include "vmx/hw/explain_internal.h"

#define MOST_FINDINGS	16
#define CPU		"tigerlake"
#define UNRESTRICTED	BIT(7)
#define BIT_OF(cap)	BIT_ULL(CAPS_WHERE_##cap & 0xff)
#define EFER_LONG	(EXPLAIN_EFER_LME | EXPLAIN_EFER_LMA | BIT_ULL(0))
#define BAD_ADDRESS	BIT_ULL(60)
#define NOT_CANONICAL	BIT_ULL(50)

#define EVENT_VALID	INTR_INFO_VALID_MASK
#define EVENT_HAS_ERROR	INTR_INFO_DELIVER_CODE_MASK
#define AR_S		VMX_AR_S_MASK
#define AR_P		VMX_AR_P_MASK
#define AR_DB		VMX_AR_DB_MASK
#define AR_G		VMX_AR_G_MASK
#define AR_UNUSABLE	VMX_AR_UNUSABLE_MASK

#define INFO(type, vector)	(EVENT_VALID | (type) << 8 | (vector))

/* A VMCS on a processor, and what was found in it. */
static u64 vmcs[0x7000];
static struct vmx_caps caps;
static struct {
	u32 field;
	char text[EXPLAIN_TEXT];
} found[MOST_FINDINGS];
static unsigned int nr_found, unknown_reads;

static u64 read_field(void *context, u32 field)
{
	(void)context;
	if (field >= ARRAY_SIZE(vmcs)) {
		unknown_reads++;
		return 0;
	}
	return vmcs[field];
}

static void take_finding(void *context, const struct explain_finding *finding)
{
	(void)context;
	if (nr_found >= MOST_FINDINGS)
		return;
	found[nr_found].field = finding->field;
	explain_text(finding, true, found[nr_found++].text, EXPLAIN_TEXT);
}

static unsigned int explain(void)
{
	const struct explain_source source = {
		.read = read_field, .found = take_finding, .caps = &caps,
		.physical_bits = 39, .linear_bits = 48,
	};

	nr_found = 0;
	return explain_entry(&source);
}

static void show(void)
{
	unsigned int i;

	for (i = 0; i < nr_found; i++)
		printf("# %s\n", found[i].text);
}

static bool processor(const char *model)
{
	char path[512], err[512];
	struct caps_reason why;
	struct vmx_msrs m;
	FILE *in;
	int ret;

	snprintf(path, sizeof(path), VECTORS "/%s.dump", model);
	in = fopen(path, "r");
	if (!in || caps_dump_read(in, path, &m, err, sizeof(err))) {
		printf("Bail out! %s\n", path);
		exit(1);
	}
	fclose(in);
	ret = caps_verdict(&m, &caps, &why);
	return !ret;
}

/* --- valid states -------------------------------------------------------------------------- */

static void segment(unsigned int nr, u64 selector, u64 base, u64 limit, u32 ar)
{
	vmcs[GUEST_ES_SELECTOR + 2 * nr] = selector;
	vmcs[GUEST_ES_BASE + 2 * nr] = base;
	vmcs[GUEST_ES_LIMIT + 2 * nr] = limit;
	vmcs[GUEST_ES_AR_BYTES + 2 * nr] = ar;
}

/* In the order of the encodings. */
enum { ES, CS, SS, DS, FS, GS, LDTR, TR };

static void segments(u64 selector, u64 limit, u32 ar, u32 cs_ar)
{
	unsigned int nr;

	for (nr = ES; nr <= GS; nr++)
		segment(nr, selector, 0, limit, ar);
	segment(CS, selector, 0, limit, cs_ar);
	segment(LDTR, 0, 0, 0, AR_UNUSABLE);
	segment(TR, 0x40, 0x7000, 0x67, 0x8b);
}

static void controls_and_host(void)
{
	unsigned int nr;

	memset(vmcs, 0, sizeof(vmcs));
	vmcs[PIN_BASED_VM_EXEC_CONTROL] = caps.pin;
	vmcs[CPU_BASED_VM_EXEC_CONTROL] = caps.proc;
	vmcs[SECONDARY_VM_EXEC_CONTROL] = caps.proc2;
	vmcs[VM_EXIT_CONTROLS] = caps.exit;
	vmcs[VM_ENTRY_CONTROLS] = caps.entry & ~BIT_OF(ENTRY_IA32E);
	vmcs[MSR_BITMAP] = 0x3000;
	vmcs[VIRTUAL_APIC_PAGE_ADDR] = 0x4000;
	vmcs[EPT_POINTER] = 0x5000 | 6 | 3 << 3;
	vmcs[VIRTUAL_PROCESSOR_ID] = 1;
	vmcs[VMCS_LINK_POINTER] = ~0ULL;
	vmcs[HOST_CR0] = 0x80050033;
	vmcs[HOST_CR3] = 0x123456000;
	vmcs[HOST_CR4] = 0x26e0;
	for (nr = HOST_FS_BASE; nr <= HOST_IA32_SYSENTER_EIP; nr += 2)
		vmcs[nr] = 0xffff888000001000;
	vmcs[HOST_RIP] = 0xffffffff81000000;
	vmcs[HOST_CS_SELECTOR] = 0x10;
	vmcs[HOST_TR_SELECTOR] = 0x40;
	vmcs[HOST_IA32_PAT] = 0x0407050600070106;
	vmcs[HOST_IA32_EFER] = 0xd01;
}

static void common(void)
{
	controls_and_host();
	vmcs[GUEST_CR4] = 0x2000;
	vmcs[GUEST_DR7] = 0x400;
	vmcs[GUEST_RIP] = 0x1000;
	vmcs[GUEST_RFLAGS] = 0x202;
	vmcs[GUEST_IA32_PAT] = 0x0007040600070406;
	vmcs[GUEST_GDTR_LIMIT] = 0xffff;
	vmcs[GUEST_IDTR_LIMIT] = 0xffff;
}

static void real_mode(void)
{
	common();
	vmcs[GUEST_CR0] = 0x30;
	segments(0xf000, 0xffff, 0x93, 0x9b);
	vmcs[GUEST_CS_BASE] = 0xffff0000;
	vmcs[GUEST_LDTR_AR_BYTES] = 0x82;
	vmcs[GUEST_RFLAGS] = 2;
}

/* On the way to protected mode: CR0.PE with the segments of real mode. */
static void big_real_mode(void)
{
	real_mode();
	vmcs[GUEST_CR0] = 0x31;
	vmcs[GUEST_CS_AR_BYTES] = 0x93;
}

static void unpaged(void)
{
	common();
	vmcs[GUEST_CR0] = 0x31;
	segments(0x10, 0xffffffff, 0xc093, 0xc09b);
}

static void protected_mode(void)
{
	unpaged();
	vmcs[GUEST_CR0] = 0x80000031;
	vmcs[GUEST_CR3] = 0x8000;
	vmcs[SECONDARY_VM_EXEC_CONTROL] &= ~UNRESTRICTED;
}

static void virtual_8086(void)
{
	unsigned int nr;

	protected_mode();
	for (nr = ES; nr <= GS; nr++)
		segment(nr, 0x1234, 0x12340, 0xffff, 0xf3);
	vmcs[GUEST_RFLAGS] = 0x20202;
}

static void pae(void)
{
	protected_mode();
	vmcs[GUEST_CR4] |= 0x20;
	vmcs[GUEST_PDPTR0] = 0x9001;
	vmcs[GUEST_PDPTR3] = ~1ULL;
}

static void long_mode(void)
{
	protected_mode();
	vmcs[VM_ENTRY_CONTROLS] |= BIT_OF(ENTRY_IA32E);
	vmcs[GUEST_CR4] |= 0x20;
	vmcs[GUEST_IA32_EFER] = EFER_LONG;
	vmcs[GUEST_CS_AR_BYTES] = 0xa09b;
	vmcs[GUEST_RIP] = 0xffffffff81000000;
	vmcs[GUEST_FS_BASE] = 0xffff888000000000;
	segment(SS, 0, 0, 0, AR_UNUSABLE);
	segment(LDTR, 0x28, 0xffff888000000000, 0xfff, 0x82);
}

static void user_mode(void)
{
	long_mode();
	segments(0x2b, 0xffffffff, 0xc0f3, 0xa0fb);
	vmcs[GUEST_RIP] = 0x400000;
}

static void compat_mode(void)
{
	user_mode();
	vmcs[GUEST_CS_AR_BYTES] = 0xc0fb;
}

static void halted(void)
{
	long_mode();
	vmcs[GUEST_ACTIVITY_STATE] = 1;
}

static void shut_down(void)
{
	long_mode();
	vmcs[GUEST_ACTIVITY_STATE] = 2;
}

static void shadowed(void)
{
	long_mode();
	vmcs[GUEST_INTERRUPTIBILITY_INFO] = BIT(1);
	vmcs[GUEST_RFLAGS] = 0x302;
	vmcs[GUEST_PENDING_DBG_EXCEPTIONS] = BIT(14);
}

static void interrupt(void)
{
	halted();
	vmcs[VM_ENTRY_INTR_INFO_FIELD] = INFO(EVENT_INTERRUPT, 0x20);
}

static void nmi(void)
{
	long_mode();
	vmcs[VM_ENTRY_INTR_INFO_FIELD] = INFO(EVENT_NMI, 2);
}

static void page_fault(void)
{
	user_mode();
	vmcs[VM_ENTRY_INTR_INFO_FIELD] = INFO(EVENT_EXCEPTION, 14) | EVENT_HAS_ERROR;
	vmcs[VM_ENTRY_EXCEPTION_ERROR_CODE] = 6;
}

static void real_fault(void)
{
	real_mode();
	vmcs[VM_ENTRY_INTR_INFO_FIELD] = INFO(EVENT_EXCEPTION, 13);
}

static void breakpoint(void)
{
	user_mode();
	vmcs[VM_ENTRY_INTR_INFO_FIELD] = INFO(EVENT_SOFT_EXCEPTION, 3);
	vmcs[VM_ENTRY_INSTRUCTION_LEN] = 1;
}

#define STATE(name, unrestricted)	{ name, #name, unrestricted }
static const struct state {
	void (*make)(void);
	const char *name;
	bool unrestricted;
} states[] = {
	STATE(real_mode, true), STATE(big_real_mode, true), STATE(unpaged, true),
	STATE(real_fault, true), STATE(protected_mode, false), STATE(virtual_8086, false),
	STATE(pae, false), STATE(long_mode, false), STATE(user_mode, false),
	STATE(compat_mode, false), STATE(halted, false), STATE(shut_down, false),
	STATE(shadowed, false), STATE(interrupt, false), STATE(nmi, false),
	STATE(page_fault, false), STATE(breakpoint, false),
};

static void test_valid(void)
{
	static const char * const models[] = {
		"broadwell_ult", "corei3_cnl", "corei5_arrandale_m520", "corei5_lynnfield_750",
		"corei7_haswell_4770", "corei7_icelake_u", "corei7_ivy_bridge_3770k",
		"corei7_sandy_bridge_2600k", "corei7_skylake_x", "tigerlake",
	};
	unsigned int m, i;

	for (m = 0; m < ARRAY_SIZE(models); m++) {
		tap_ok(processor(models[m]), "%s runs kvmlet", models[m]);
		for (i = 0; i < ARRAY_SIZE(states); i++) {
			if (states[i].unrestricted && !caps_has(&caps, VMX_CAP_UNRESTRICTED_GUEST))
				continue;
			states[i].make();
			if (!tap_ok(!explain(), "nothing is wrong with %s on %s", states[i].name,
				    models[m]))
				show();
		}
	}
}

/* --- broken ones --------------------------------------------------------------------------- */

struct change {
	u32 field;
	enum { END, SET, OR, CLEAR } how;
	u64 value;
};

#define PIN	PIN_BASED_VM_EXEC_CONTROL
#define PROC	CPU_BASED_VM_EXEC_CONTROL
#define PROC2	SECONDARY_VM_EXEC_CONTROL
#define EXITS	VM_EXIT_CONTROLS
#define ENTRY	VM_ENTRY_CONTROLS
#define EVENT	VM_ENTRY_INTR_INFO_FIELD
#define BLOCKED	GUEST_INTERRUPTIBILITY_INFO
#define PENDING	GUEST_PENDING_DBG_EXCEPTIONS

static const struct broken {
	const char *name;
	void (*make)(void);
	u32 field;			/* that must be named */
	struct change change[4];
} broken[] = {
	/* Controls, 26.2.1.1 */
	{ "a pin control that must be 1", long_mode, PIN, {{ PIN, CLEAR, BIT(1) }} },
	{ "a pin control that must be 0", long_mode, PIN, {{ PIN, OR, BIT(31) }} },
	{ "a primary control that must be 1", long_mode, PROC, {{ PROC, CLEAR, BIT(1) }} },
	{ "a primary control that must be 0", long_mode, PROC, {{ PROC, OR, BIT(0) }} },
	{ "a secondary control that must be 0", long_mode, PROC2, {{ PROC2, OR, BIT(31) }} },
	{ "too many CR3 targets", long_mode, CR3_TARGET_COUNT, {{ CR3_TARGET_COUNT, SET, 5 }} },
	{ "I/O bitmap A not aligned", long_mode, IO_BITMAP_A,
	  {{ PROC, OR, BIT_OF(IO_BITMAPS) }, { IO_BITMAP_A, SET, 0x10 }} },
	{ "I/O bitmap B too high", long_mode, IO_BITMAP_B,
	  {{ PROC, OR, BIT_OF(IO_BITMAPS) }, { IO_BITMAP_B, SET, BIT_ULL(39) }} },
	{ "MSR bitmap not aligned", long_mode, MSR_BITMAP, {{ MSR_BITMAP, SET, 0x3800 }} },
	{ "MSR bitmap too high", long_mode, MSR_BITMAP, {{ MSR_BITMAP, OR, BAD_ADDRESS }} },
	{ "virtual-APIC page not aligned", long_mode, VIRTUAL_APIC_PAGE_ADDR,
	  {{ VIRTUAL_APIC_PAGE_ADDR, SET, 1 }} },
	{ "TPR threshold over 15", long_mode, TPR_THRESHOLD, {{ TPR_THRESHOLD, SET, 0x10 }} },
	{ "x2APIC mode without TPR shadow", long_mode, PROC2,
	  {{ PROC, CLEAR, BIT_OF(TPR_SHADOW) }, { PROC2, OR, BIT_OF(VIRT_X2APIC) }} },
	{ "APIC registers without TPR shadow", long_mode, PROC2,
	  {{ PROC, CLEAR, BIT_OF(TPR_SHADOW) }, { PROC2, OR, BIT_OF(APIC_REG_VIRT) }} },
	{ "interrupt delivery without TPR shadow", long_mode, PROC2,
	  {{ PROC, CLEAR, BIT_OF(TPR_SHADOW) }, { PROC2, OR, BIT_OF(VIRT_INTR_DELIVERY) }} },
	{ "x2APIC mode with APIC accesses", long_mode, PROC2,
	  {{ PROC2, OR, BIT_OF(VIRT_X2APIC) | BIT_OF(VIRT_APIC_ACCESS) }} },
	{ "interrupt delivery without interrupt exiting", long_mode, PROC2,
	  {{ PIN, CLEAR, BIT_OF(EXTINT_EXITING) }, { PROC2, OR, BIT_OF(VIRT_INTR_DELIVERY) }} },
	{ "APIC-access page not aligned", long_mode, APIC_ACCESS_ADDR,
	  {{ PROC2, OR, BIT_OF(VIRT_APIC_ACCESS) }, { APIC_ACCESS_ADDR, SET, 8 }} },
	{ "virtual NMIs without NMI exiting", long_mode, PIN,
	  {{ PIN, CLEAR, BIT_OF(NMI_EXITING) }} },
	{ "NMI window without virtual NMIs", long_mode, PROC,
	  {{ PIN, CLEAR, BIT_OF(VIRTUAL_NMIS) }, { PROC, OR, BIT_OF(NMI_WINDOW) }} },
	{ "posted interrupts without delivery", long_mode, PIN,
	  {{ PIN, OR, BIT_OF(POSTED_INTR) }, { EXITS, OR, BIT_OF(EXIT_ACK_INTR) }} },
	{ "posted interrupts without acknowledge", long_mode, PIN,
	  {{ PIN, OR, BIT_OF(POSTED_INTR) }, { PROC2, OR, BIT_OF(VIRT_INTR_DELIVERY) }} },
	{ "notification vector over 255", long_mode, POSTED_INTR_NV,
	  {{ PIN, OR, BIT_OF(POSTED_INTR) }, { PROC2, OR, BIT_OF(VIRT_INTR_DELIVERY) },
	   { EXITS, OR, BIT_OF(EXIT_ACK_INTR) }, { POSTED_INTR_NV, SET, 0x100 }} },
	{ "posted-interrupt descriptor not aligned", long_mode, POSTED_INTR_DESC_ADDR,
	  {{ PIN, OR, BIT_OF(POSTED_INTR) }, { PROC2, OR, BIT_OF(VIRT_INTR_DELIVERY) },
	   { EXITS, OR, BIT_OF(EXIT_ACK_INTR) }, { POSTED_INTR_DESC_ADDR, SET, 0x20 }} },
	{ "VPID 0", long_mode, VIRTUAL_PROCESSOR_ID, {{ VIRTUAL_PROCESSOR_ID, SET, 0 }} },
	{ "EPT memory type", long_mode, EPT_POINTER, {{ EPT_POINTER, CLEAR, 2 }} },
	{ "EPT walk length", long_mode, EPT_POINTER, {{ EPT_POINTER, CLEAR, 0x18 }} },
	{ "EPT reserved bits", long_mode, EPT_POINTER, {{ EPT_POINTER, OR, BIT(11) }} },
	{ "EPT too high", long_mode, EPT_POINTER, {{ EPT_POINTER, OR, BAD_ADDRESS }} },
	{ "unrestricted guest without EPT", unpaged, PROC2, {{ PROC2, CLEAR, BIT_OF(EPT) }} },
	{ "PML without EPT", long_mode, PROC2,
	  {{ PROC2, OR, BIT_OF(PML) }, { PROC2, CLEAR, BIT_OF(EPT) }} },
	{ "PML address not aligned", long_mode, PML_ADDRESS,
	  {{ PROC2, OR, BIT_OF(PML) }, { PML_ADDRESS, SET, 0x40 }} },
	{ "TSC multiplier 0", long_mode, TSC_MULTIPLIER, {{ PROC2, OR, BIT_OF(TSC_SCALING) }} },
	{ "VMREAD bitmap not aligned", long_mode, VMREAD_BITMAP,
	  {{ PROC2, OR, BIT_OF(VMCS_SHADOWING) }, { VMREAD_BITMAP, SET, 2 }} },
	{ "VMWRITE bitmap too high", long_mode, VMWRITE_BITMAP,
	  {{ PROC2, OR, BIT_OF(VMCS_SHADOWING) }, { VMWRITE_BITMAP, SET, BAD_ADDRESS }} },
	{ "a VM function that is not there", long_mode, VM_FUNCTION_CONTROL,
	  {{ PROC2, OR, BIT_OF(VM_FUNCTIONS) }, { VM_FUNCTION_CONTROL, SET, BIT_ULL(40) }} },
	{ "EPTP list not aligned", long_mode, EPTP_LIST_ADDRESS,
	  {{ PROC2, OR, BIT_OF(VM_FUNCTIONS) }, { VM_FUNCTION_CONTROL, SET, 1 },
	   { EPTP_LIST_ADDRESS, SET, 0x800 }} },

	/* 26.2.1.2 */
	{ "an exit control that must be 1", long_mode, EXITS, {{ EXITS, CLEAR, BIT(0) }} },
	{ "an exit control that must be 0", long_mode, EXITS, {{ EXITS, OR, BIT(27) }} },
	{ "saved timer without a timer", long_mode, EXITS,
	  {{ EXITS, OR, BIT_OF(EXIT_SAVE_TIMER) }} },
	{ "MSR-store area not aligned", long_mode, VM_EXIT_MSR_STORE_ADDR,
	  {{ VM_EXIT_MSR_STORE_COUNT, SET, 1 }, { VM_EXIT_MSR_STORE_ADDR, SET, 8 }} },
	{ "exit MSR-load area too high", long_mode, VM_EXIT_MSR_LOAD_ADDR,
	  {{ VM_EXIT_MSR_LOAD_COUNT, SET, 1 }, { VM_EXIT_MSR_LOAD_ADDR, SET, BAD_ADDRESS }} },
	{ "exit MSR-load area ends too high", long_mode, VM_EXIT_MSR_LOAD_COUNT,
	  {{ VM_EXIT_MSR_LOAD_COUNT, SET, 2 }, { VM_EXIT_MSR_LOAD_ADDR, SET, BIT_ULL(39) - 16 }} },

	/* 26.2.1.3 */
	{ "an entry control that must be 1", long_mode, ENTRY, {{ ENTRY, CLEAR, BIT(0) }} },
	{ "an entry control that must be 0", long_mode, ENTRY, {{ ENTRY, OR, BIT(31) }} },
	{ "entry MSR-load area not aligned", long_mode, VM_ENTRY_MSR_LOAD_ADDR,
	  {{ VM_ENTRY_MSR_LOAD_COUNT, SET, 1 }, { VM_ENTRY_MSR_LOAD_ADDR, SET, 4 }} },
	{ "entry to SMM", long_mode, ENTRY, {{ ENTRY, OR, BIT_OF(ENTRY_SMM) }} },
	{ "an event of type 1", long_mode, EVENT, {{ EVENT, SET, INFO(1, 0x20) }} },
	{ "an NMI of vector 3", nmi, EVENT, {{ EVENT, OR, 1 }} },
	{ "an exception of vector 32", breakpoint, EVENT,
	  {{ EVENT, SET, INFO(EVENT_EXCEPTION, 32) }} },
	{ "type 7 with a vector", long_mode, EVENT, {{ EVENT, SET, INFO(EVENT_OTHER, 1) }} },
	{ "reserved bits of the event", page_fault, EVENT, {{ EVENT, OR, BIT(20) }} },
	{ "an interrupt with an error code", interrupt, EVENT, {{ EVENT, OR, EVENT_HAS_ERROR }} },
	{ "#UD with an error code", page_fault, EVENT,
	  {{ EVENT, SET, INFO(EVENT_EXCEPTION, 6) | EVENT_HAS_ERROR }} },
	{ "#PF without an error code", page_fault, EVENT, {{ EVENT, CLEAR, EVENT_HAS_ERROR }} },
	{ "an error code in real mode", real_fault, EVENT, {{ EVENT, OR, EVENT_HAS_ERROR }} },
	{ "an error code over 16 bits", page_fault, VM_ENTRY_EXCEPTION_ERROR_CODE,
	  {{ VM_ENTRY_EXCEPTION_ERROR_CODE, SET, 0x10000 }} },
	{ "an instruction of 16 bytes", breakpoint, VM_ENTRY_INSTRUCTION_LEN,
	  {{ VM_ENTRY_INSTRUCTION_LEN, SET, 16 }} },

	/* Host state, 26.2.2 to 26.2.4 */
	{ "host CR0 without NE", long_mode, HOST_CR0, {{ HOST_CR0, CLEAR, BIT(5) }} },
	{ "host CR0 beyond 32 bits", long_mode, HOST_CR0, {{ HOST_CR0, OR, BIT_ULL(32) }} },
	{ "host CR4 without VMXE", long_mode, HOST_CR4, {{ HOST_CR4, CLEAR, BIT(13) }} },
	{ "host CR4 with reserved bits", long_mode, HOST_CR4, {{ HOST_CR4, OR, BIT_ULL(40) }} },
	{ "host CR4 without PAE", long_mode, HOST_CR4, {{ HOST_CR4, CLEAR, BIT(5) }} },
	{ "host CR3 too high", long_mode, HOST_CR3, {{ HOST_CR3, OR, BAD_ADDRESS }} },
	{ "host SYSENTER_ESP", long_mode, HOST_IA32_SYSENTER_ESP,
	  {{ HOST_IA32_SYSENTER_ESP, SET, NOT_CANONICAL }} },
	{ "host SYSENTER_EIP", long_mode, HOST_IA32_SYSENTER_EIP,
	  {{ HOST_IA32_SYSENTER_EIP, SET, NOT_CANONICAL }} },
	{ "host PAT with type 2", long_mode, HOST_IA32_PAT, {{ HOST_IA32_PAT, SET, 2 }} },
	{ "host PAT with type 8", long_mode, HOST_IA32_PAT, {{ HOST_IA32_PAT, SET, 8ULL << 56 }} },
	{ "host EFER without LMA and LME", long_mode, HOST_IA32_EFER,
	  {{ HOST_IA32_EFER, SET, 0x801 }} },
	{ "host EFER without LME", long_mode, HOST_IA32_EFER,
	  {{ HOST_IA32_EFER, CLEAR, EXPLAIN_EFER_LME }} },
	{ "host EFER with reserved bits", long_mode, HOST_IA32_EFER,
	  {{ HOST_IA32_EFER, OR, BIT(1) }} },
	{ "host ES with RPL", long_mode, HOST_ES_SELECTOR, {{ HOST_ES_SELECTOR, SET, 3 }} },
	{ "host SS with RPL", long_mode, HOST_SS_SELECTOR, {{ HOST_SS_SELECTOR, SET, 0x1b }} },
	{ "host GS with TI", long_mode, HOST_GS_SELECTOR, {{ HOST_GS_SELECTOR, SET, 4 }} },
	{ "host CS of 0", long_mode, HOST_CS_SELECTOR, {{ HOST_CS_SELECTOR, SET, 0 }} },
	{ "host TR of 0", long_mode, HOST_TR_SELECTOR, {{ HOST_TR_SELECTOR, SET, 0 }} },
	{ "host FS base", long_mode, HOST_FS_BASE, {{ HOST_FS_BASE, SET, NOT_CANONICAL }} },
	{ "host GS base", long_mode, HOST_GS_BASE, {{ HOST_GS_BASE, SET, NOT_CANONICAL }} },
	{ "host TR base", long_mode, HOST_TR_BASE, {{ HOST_TR_BASE, SET, NOT_CANONICAL }} },
	{ "host GDTR base", long_mode, HOST_GDTR_BASE, {{ HOST_GDTR_BASE, SET, NOT_CANONICAL }} },
	{ "host IDTR base", long_mode, HOST_IDTR_BASE, {{ HOST_IDTR_BASE, SET, NOT_CANONICAL }} },
	{ "host RIP", long_mode, HOST_RIP, {{ HOST_RIP, SET, NOT_CANONICAL }} },
	{ "a 32-bit host", long_mode, EXITS,
	  {{ EXITS, CLEAR, BIT_OF(EXIT_HOST_64) }, { HOST_IA32_EFER, SET, 1 }} },

	/* Guest registers, 26.3.1.1 */
	{ "CR0 without NE", long_mode, GUEST_CR0, {{ GUEST_CR0, CLEAR, BIT(5) }} },
	{ "CR0 beyond 32 bits", long_mode, GUEST_CR0, {{ GUEST_CR0, OR, BIT_ULL(63) }} },
	{ "no paging without unrestricted guest", protected_mode, GUEST_CR0,
	  {{ GUEST_CR0, CLEAR, BIT(31) }} },
	{ "paging without protection", real_mode, GUEST_CR0, {{ GUEST_CR0, OR, BIT(31) }} },
	{ "IA-32e mode without paging", long_mode, GUEST_CR0,
	  {{ PROC2, OR, UNRESTRICTED }, { GUEST_CR0, CLEAR, BIT(31) }} },
	{ "CR4 without VMXE", long_mode, GUEST_CR4, {{ GUEST_CR4, CLEAR, BIT(13) }} },
	{ "CR4 with reserved bits", protected_mode, GUEST_CR4, {{ GUEST_CR4, OR, BIT_ULL(31) }} },
	{ "IA-32e mode without PAE", long_mode, GUEST_CR4, {{ GUEST_CR4, CLEAR, BIT(5) }} },
	{ "PCIDs outside IA-32e mode", pae, GUEST_CR4, {{ GUEST_CR4, OR, BIT(17) }} },
	{ "CET without write protection", long_mode, GUEST_CR4, {{ GUEST_CR4, OR, BIT(23) }} },
	{ "CR3 too high", long_mode, GUEST_CR3, {{ GUEST_CR3, OR, BIT_ULL(39) }} },
	{ "DEBUGCTL with reserved bits", long_mode, GUEST_IA32_DEBUGCTL,
	  {{ GUEST_IA32_DEBUGCTL, SET, BIT(3) }} },
	{ "DR7 beyond 32 bits", long_mode, GUEST_DR7, {{ GUEST_DR7, OR, BIT_ULL(32) }} },
	{ "SYSENTER_ESP", long_mode, GUEST_SYSENTER_ESP,
	  {{ GUEST_SYSENTER_ESP, SET, NOT_CANONICAL }} },
	{ "SYSENTER_EIP", long_mode, GUEST_SYSENTER_EIP,
	  {{ GUEST_SYSENTER_EIP, SET, NOT_CANONICAL }} },
	{ "PAT with type 3", long_mode, GUEST_IA32_PAT, {{ GUEST_IA32_PAT, SET, 0x0300 }} },
	{ "EFER with reserved bits", long_mode, GUEST_IA32_EFER,
	  {{ GUEST_IA32_EFER, OR, BIT_ULL(20) }} },
	{ "EFER without LMA in IA-32e mode", long_mode, GUEST_IA32_EFER,
	  {{ GUEST_IA32_EFER, SET, 1 }} },
	{ "EFER with LMA outside IA-32e mode", pae, GUEST_IA32_EFER,
	  {{ GUEST_IA32_EFER, SET, EFER_LONG }} },
	{ "EFER with LME alone and paging", pae, GUEST_IA32_EFER,
	  {{ GUEST_IA32_EFER, SET, EXPLAIN_EFER_LME }} },

	/* Segments, 26.3.1.2 */
	{ "TR in an LDT", long_mode, GUEST_TR_SELECTOR, {{ GUEST_TR_SELECTOR, OR, 4 }} },
	{ "LDTR in an LDT", long_mode, GUEST_LDTR_SELECTOR, {{ GUEST_LDTR_SELECTOR, OR, 4 }} },
	{ "SS with another RPL than CS", compat_mode, GUEST_SS_SELECTOR,
	  {{ GUEST_SS_SELECTOR, CLEAR, 3 }, { GUEST_SS_AR_BYTES, SET, 0xc093 },
	   { GUEST_CS_AR_BYTES, SET, 0xc09b }} },
	{ "virtual-8086 base", virtual_8086, GUEST_DS_BASE, {{ GUEST_DS_BASE, SET, 0 }} },
	{ "virtual-8086 limit", virtual_8086, GUEST_ES_LIMIT, {{ GUEST_ES_LIMIT, SET, 0xfffff }} },
	{ "virtual-8086 rights", virtual_8086, GUEST_GS_AR_BYTES,
	  {{ GUEST_GS_AR_BYTES, SET, 0x93 }} },
	{ "TR base", long_mode, GUEST_TR_BASE, {{ GUEST_TR_BASE, SET, NOT_CANONICAL }} },
	{ "FS base", long_mode, GUEST_FS_BASE, {{ GUEST_FS_BASE, SET, NOT_CANONICAL }} },
	{ "GS base", long_mode, GUEST_GS_BASE, {{ GUEST_GS_BASE, SET, NOT_CANONICAL }} },
	{ "LDTR base", long_mode, GUEST_LDTR_BASE, {{ GUEST_LDTR_BASE, SET, NOT_CANONICAL }} },
	{ "CS base beyond 32 bits", long_mode, GUEST_CS_BASE,
	  {{ GUEST_CS_BASE, SET, BIT_ULL(32) }} },
	{ "DS base beyond 32 bits", long_mode, GUEST_DS_BASE,
	  {{ GUEST_DS_BASE, SET, BIT_ULL(32) }} },
	{ "CS of type 3 without unrestricted guest", protected_mode, GUEST_CS_AR_BYTES,
	  {{ GUEST_CS_AR_BYTES, SET, 0xc093 }} },
	{ "CS of type 8", unpaged, GUEST_CS_AR_BYTES, {{ GUEST_CS_AR_BYTES, SET, 0xc098 }} },
	{ "CS of type 3 with DPL", unpaged, GUEST_CS_AR_BYTES,
	  {{ GUEST_CS_AR_BYTES, SET, 0xc0f3 }} },
	{ "CS with another DPL than SS", user_mode, GUEST_CS_AR_BYTES,
	  {{ GUEST_CS_AR_BYTES, CLEAR, 0x60 }} },
	{ "conforming CS with DPL over SS's", long_mode, GUEST_CS_AR_BYTES,
	  {{ GUEST_CS_AR_BYTES, SET, 0xa0ff }} },
	{ "CS not present", long_mode, GUEST_CS_AR_BYTES, {{ GUEST_CS_AR_BYTES, CLEAR, AR_P }} },
	{ "CS of the system", long_mode, GUEST_CS_AR_BYTES, {{ GUEST_CS_AR_BYTES, CLEAR, AR_S }} },
	{ "CS with D and L", long_mode, GUEST_CS_AR_BYTES, {{ GUEST_CS_AR_BYTES, OR, AR_DB }} },
	{ "CS rights with reserved bits", long_mode, GUEST_CS_AR_BYTES,
	  {{ GUEST_CS_AR_BYTES, OR, BIT(8) }} },
	{ "CS limit with G and low bits", compat_mode, GUEST_CS_AR_BYTES,
	  {{ GUEST_CS_LIMIT, SET, 0xfffff000 }} },
	{ "CS limit without G and high bits", compat_mode, GUEST_CS_AR_BYTES,
	  {{ GUEST_CS_AR_BYTES, CLEAR, AR_G }} },
	{ "SS not writable", compat_mode, GUEST_SS_AR_BYTES, {{ GUEST_SS_AR_BYTES, CLEAR, 2 }} },
	{ "SS with another DPL than RPL", long_mode, GUEST_SS_AR_BYTES,
	  {{ GUEST_SS_SELECTOR, SET, 0x10 }, { GUEST_CS_AR_BYTES, SET, 0xa09f },
	   { GUEST_SS_AR_BYTES, SET, 0xc0f3 }, { GUEST_SS_LIMIT, SET, ~0U }} },
	{ "SS with DPL in real mode", real_mode, GUEST_SS_AR_BYTES,
	  {{ GUEST_SS_AR_BYTES, SET, 0xf3 }, { GUEST_CS_AR_BYTES, SET, 0x9f }} },
	{ "DS not accessed", user_mode, GUEST_DS_AR_BYTES, {{ GUEST_DS_AR_BYTES, CLEAR, 1 }} },
	{ "ES of code that cannot be read", user_mode, GUEST_ES_AR_BYTES,
	  {{ GUEST_ES_AR_BYTES, SET, 0xc0f9 }} },
	{ "FS with DPL under RPL", user_mode, GUEST_FS_AR_BYTES,
	  {{ GUEST_FS_AR_BYTES, CLEAR, 0x60 }} },
	{ "GS not present", user_mode, GUEST_GS_AR_BYTES, {{ GUEST_GS_AR_BYTES, CLEAR, AR_P }} },
	{ "DS rights with reserved bits", user_mode, GUEST_DS_AR_BYTES,
	  {{ GUEST_DS_AR_BYTES, OR, BIT(17) }} },
	{ "TR of a 16-bit TSS in IA-32e mode", long_mode, GUEST_TR_AR_BYTES,
	  {{ GUEST_TR_AR_BYTES, SET, 0x83 }} },
	{ "TR that is not busy", protected_mode, GUEST_TR_AR_BYTES,
	  {{ GUEST_TR_AR_BYTES, SET, 0x89 }} },
	{ "TR not present", protected_mode, GUEST_TR_AR_BYTES, {{ GUEST_TR_AR_BYTES, SET, 0xb }} },
	{ "TR not of the system", protected_mode, GUEST_TR_AR_BYTES,
	  {{ GUEST_TR_AR_BYTES, OR, AR_S }} },
	{ "TR unusable", real_mode, GUEST_TR_AR_BYTES, {{ GUEST_TR_AR_BYTES, OR, AR_UNUSABLE }} },
	{ "TR limit with G", protected_mode, GUEST_TR_AR_BYTES, {{ GUEST_TR_AR_BYTES, OR, AR_G }} },
	{ "LDTR of type 3", long_mode, GUEST_LDTR_AR_BYTES, {{ GUEST_LDTR_AR_BYTES, SET, 0x83 }} },
	{ "LDTR not present", long_mode, GUEST_LDTR_AR_BYTES, {{ GUEST_LDTR_AR_BYTES, SET, 2 }} },
	{ "LDTR limit without G", long_mode, GUEST_LDTR_AR_BYTES,
	  {{ GUEST_LDTR_LIMIT, SET, 0x1fffff }} },

	/* Tables, RIP, RFLAGS, 26.3.1.3 and 26.3.1.4 */
	{ "GDTR base", long_mode, GUEST_GDTR_BASE, {{ GUEST_GDTR_BASE, SET, NOT_CANONICAL }} },
	{ "IDTR base", real_mode, GUEST_IDTR_BASE, {{ GUEST_IDTR_BASE, SET, NOT_CANONICAL }} },
	{ "GDTR limit", long_mode, GUEST_GDTR_LIMIT, {{ GUEST_GDTR_LIMIT, SET, 0x10000 }} },
	{ "IDTR limit", long_mode, GUEST_IDTR_LIMIT, {{ GUEST_IDTR_LIMIT, SET, 0xfffff }} },
	{ "RIP beyond 32 bits", compat_mode, GUEST_RIP, {{ GUEST_RIP, SET, BIT_ULL(32) }} },
	{ "RIP not canonical", long_mode, GUEST_RIP, {{ GUEST_RIP, SET, NOT_CANONICAL }} },
	{ "RFLAGS without bit 1", long_mode, GUEST_RFLAGS, {{ GUEST_RFLAGS, CLEAR, 2 }} },
	{ "RFLAGS with bit 3", long_mode, GUEST_RFLAGS, {{ GUEST_RFLAGS, OR, BIT(3) }} },
	{ "RFLAGS with bit 63", long_mode, GUEST_RFLAGS, {{ GUEST_RFLAGS, OR, BIT_ULL(63) }} },
	{ "an interrupt while IF is 0", interrupt, GUEST_RFLAGS, {{ GUEST_RFLAGS, SET, 2 }} },

	/* Non-register state, 26.3.1.5; PDPTEs, 26.3.1.6 */
	{ "activity 4", long_mode, GUEST_ACTIVITY_STATE, {{ GUEST_ACTIVITY_STATE, SET, 4 }} },
	{ "HLT in user mode", user_mode, GUEST_ACTIVITY_STATE, {{ GUEST_ACTIVITY_STATE, SET, 1 }} },
	{ "HLT in a shadow", long_mode, GUEST_ACTIVITY_STATE,
	  {{ GUEST_ACTIVITY_STATE, SET, 1 }, { BLOCKED, SET, 1 }} },
	{ "an event in wait-for-SIPI", nmi, GUEST_ACTIVITY_STATE,
	  {{ GUEST_ACTIVITY_STATE, SET, 3 }} },
	{ "an interrupt in shutdown", interrupt, GUEST_ACTIVITY_STATE,
	  {{ GUEST_ACTIVITY_STATE, SET, 2 }} },
	{ "#UD in HLT", halted, GUEST_ACTIVITY_STATE, {{ EVENT, SET, INFO(EVENT_EXCEPTION, 6) }} },
	{ "reserved interruptibility", long_mode, BLOCKED, {{ BLOCKED, SET, BIT(5) }} },
	{ "both shadows", long_mode, BLOCKED, {{ BLOCKED, SET, 3 }} },
	{ "STI shadow while IF is 0", long_mode, BLOCKED,
	  {{ BLOCKED, SET, 1 }, { GUEST_RFLAGS, SET, 2 }} },
	{ "an interrupt in a shadow", interrupt, BLOCKED,
	  {{ GUEST_ACTIVITY_STATE, SET, 0 }, { BLOCKED, SET, 1 }} },
	{ "an NMI in MOV SS's shadow", nmi, BLOCKED, {{ BLOCKED, SET, 2 }} },
	{ "an NMI while NMIs are blocked", nmi, BLOCKED, {{ BLOCKED, SET, BIT(3) }} },
	{ "SMI blocking outside SMM", long_mode, BLOCKED, {{ BLOCKED, SET, BIT(2) }} },
	{ "reserved pending debug exceptions", long_mode, PENDING, {{ PENDING, SET, BIT(4) }} },
	{ "no BS while single-stepped", shadowed, PENDING, {{ PENDING, SET, 0 }} },
	{ "BS though not single-stepped", halted, PENDING, {{ PENDING, SET, BIT(14) }} },
	{ "BS though branches are stepped", shadowed, PENDING, {{ GUEST_IA32_DEBUGCTL, SET, 2 }} },
	{ "link pointer not aligned", long_mode, VMCS_LINK_POINTER,
	  {{ VMCS_LINK_POINTER, SET, 0x1001 }} },
	{ "link pointer too high", long_mode, VMCS_LINK_POINTER,
	  {{ VMCS_LINK_POINTER, SET, BAD_ADDRESS }} },
	{ "PDPTE with reserved bits", pae, GUEST_PDPTR0, {{ GUEST_PDPTR0, OR, 2 }} },
	{ "PDPTE too high", pae, GUEST_PDPTR2, {{ GUEST_PDPTR2, SET, BAD_ADDRESS | 1 }} },
};

static void apply(const struct change *change)
{
	switch (change->how) {
	case END:
		break;
	case SET:
		vmcs[change->field] = change->value;
		break;
	case OR:
		vmcs[change->field] |= change->value;
		break;
	case CLEAR:
		vmcs[change->field] &= ~change->value;
		break;
	}
}

/* Give the processor a capability, or take it away. */
static void offer(enum vmx_cap cap, bool there)
{
	u64 *has = &caps.has[cap / 64], *may = &caps.may[caps_table[cap].word];

	*has = (*has & ~BIT_ULL(cap % 64)) | (u64)there << cap % 64;
	*may = (*may & ~BIT_ULL(caps_table[cap].bit)) | (u64)there << caps_table[cap].bit;
}

static void test_broken(void)
{
	unsigned int i, j, n;
	bool named;

	processor(CPU);
	offer(VMX_CAP_POSTED_INTR, true);
	offer(VMX_CAP_HW_EXC_NO_ERROR, false);
	for (i = 0; i < ARRAY_SIZE(broken); i++) {
		broken[i].make();
		for (j = 0; j < ARRAY_SIZE(broken[i].change); j++)
			apply(&broken[i].change[j]);
		n = explain();
		named = n && n == nr_found;
		for (j = 0; j < nr_found; j++)
			named = named && found[j].field == broken[i].field;
		if (!tap_ok(named, "%s: found, and only there", broken[i].name))
			show();
	}
}

/* Rules that a processor's capabilities lift or make. */
static void test_capabilities(void)
{
	processor("corei5_lynnfield_750");
	long_mode();
	vmcs[EPT_POINTER] |= BIT(6);
	tap_ok(explain() == 1 && found[0].field == EPT_POINTER,
	       "accessed and dirty flags need a processor that has them");
	processor(CPU);
	long_mode();
	vmcs[EPT_POINTER] |= BIT(6);
	TAP_EQ(explain(), 0, "and are right on one that does");
	page_fault();
	vmcs[EVENT] &= ~EVENT_HAS_ERROR;
	TAP_EQ(explain(), 0, "an exception needs no error code where IA32_VMX_BASIC says so");
	long_mode();
	vmcs[GUEST_ACTIVITY_STATE] = 3;
	offer(VMX_CAP_ACTIVITY_SIPI, false);
	tap_ok(explain() == 1 && found[0].field == GUEST_ACTIVITY_STATE,
	       "an activity state needs a processor that has it");
	long_mode();
	vmcs[PROC2] |= UNRESTRICTED;
	vmcs[PROC2] &= ~BIT_OF(EPT);
	vmcs[PROC] &= ~BIT_OF(SECONDARY_CTLS);
	TAP_EQ(explain(), 0, "secondary controls that are not activated are not looked at");
	long_mode();
	vmcs[GUEST_RIP] = 0x0000f00000000000;
	TAP_EQ(explain(), 0, "RIP need not be canonical, only equal beyond bit 47");
}

static void test_words(void)
{
	struct explain_finding finding = {
		.field = GUEST_CR4, .name = "GUEST_CR4", .value = 0x20, .section = "26.3.1.1",
		.rule = "bit 13 must be 1",
	};
	char text[EXPLAIN_TEXT];
	unsigned int i;

	explain_text(&finding, false, text, sizeof(text));
	tap_ok(!strcmp(text, "GUEST_CR4 (0x6804) = 0x20: bit 13 must be 1 (SDM 26.3.1.1)"),
	       "a finding tells field, encoding, value, rule and section: %s", text);
	finding.field = HOST_RIP;
	finding.name = "HOST_RIP";
	explain_text(&finding, false, text, sizeof(text));
	tap_ok(!strstr(text, "0x20:"), "but not the value of a host field: %s", text);
	explain_text(&finding, true, text, sizeof(text));
	tap_ok(strstr(text, "= 0x20:"), "unless root asks: %s", text);
	finding.field = MSR_BITMAP;
	explain_text(&finding, false, text, sizeof(text));
	tap_ok(!strstr(text, "0x20:"), "nor of an address of the host's");
	for (i = 4; i <= 8; i++)
		tap_ok(strcmp(explain_instruction_error(i), explain_instruction_error(99)),
		       "VM-instruction error %u has words", i);
}

/* Whatever a VMCS holds, it is judged, and only fields that exist are read. */
static void test_garbage(void)
{
	unsigned int i, n, quiet = 0;

	srandom(1);
	for (n = 0; n < 2000; n++) {
		for (i = 0; i < ARRAY_SIZE(vmcs); i += 2)
			vmcs[i] = n & 1 ? ~0ULL >> (random() % 64) :
				  (u64)random() << 33 ^ (u64)random() << 11 ^ random();
		quiet += !explain();
	}
	TAP_EQ(quiet, 0, "garbage is never valid");
	TAP_EQ(unknown_reads, 0, "only VMCS fields are read");
}

int main(void)
{
	tap_begin();
	test_valid();
	test_broken();
	test_capabilities();
	test_words();
	test_garbage();
	return tap_end();
}
