// SPDX-License-Identifier: GPL-2.0
/*
 * The policy of CPUID: every feature bit that the SDM names, also those that no guest is
 * shown, and every leaf that is offered. A bit that stands in no table is reserved: hidden.
 * Constant data. SDM vol. 2A, CPUID; the leaves at 0x40000000 are KVM's.
 */
#include "vmx/cpu/cpuid_policy.h"

#define HIDE(n, name)		[n] = { name, CPUID_HIDE, CPUID_NEED_NOTHING }
#define HOST(n, name)		[n] = { name, CPUID_HOST, CPUID_NEED_NOTHING }
#define NEED(n, name, need)	[n] = { name, CPUID_HOST, CPUID_NEED_##need }
#define EMUL(n, name)		[n] = { name, CPUID_EMULATE, CPUID_NEED_NOTHING }
#define STATE(n, name)		[n] = { name, CPUID_STATE, CPUID_NEED_NOTHING }

#define WORD(name, leaf, index, reg, ...)						\
	[CPUID_WORD_##name] = { leaf, index, CPUID_REG_##reg, { __VA_ARGS__ } }

const struct cpuid_word_info cpuid_word_info[CPUID_WORD_COUNT] = {
	/*
	 * TSC_DEADLINE is not offered though it works: KVM's ABI has user space add it when it
	 * makes the local APIC here (KVM_CAP_TSC_DEADLINE_TIMER).
	 */
	WORD(1_ECX, 1, 0, ECX,
		HOST(0, "pni"),		HOST(1, "pclmulqdq"),	HIDE(2, "dtes64"),
		HIDE(3, "monitor"),	HIDE(4, "ds_cpl"),	HIDE(5, "vmx"),
		HIDE(6, "smx"),		HIDE(7, "est"),		HIDE(8, "tm2"),
		HOST(9, "ssse3"),	HIDE(10, "cid"),	HIDE(11, "sdbg"),
		NEED(12, "fma", AVX),	HOST(13, "cx16"),	HIDE(14, "xtpr"),
		HIDE(15, "pdcm"),	HOST(17, "pcid"),	HIDE(18, "dca"),
		HOST(19, "sse4_1"),	HOST(20, "sse4_2"),	EMUL(21, "x2apic"),
		HOST(22, "movbe"),	HOST(23, "popcnt"),	HIDE(24, "tsc_deadline_timer"),
		HOST(25, "aes"),	HOST(26, "xsave"),	STATE(27, "osxsave"),
		NEED(28, "avx", AVX),	NEED(29, "f16c", AVX),	HOST(30, "rdrand"),
		EMUL(31, "hypervisor")),

	WORD(1_EDX, 1, 0, EDX,
		HOST(0, "fpu"),		HOST(1, "vme"),		HOST(2, "de"),
		HOST(3, "pse"),		HOST(4, "tsc"),		HOST(5, "msr"),
		HOST(6, "pae"),		HOST(7, "mce"),		HOST(8, "cx8"),
		EMUL(9, "apic"),	HOST(11, "sep"),	HOST(12, "mtrr"),
		HOST(13, "pge"),	HOST(14, "mca"),	HOST(15, "cmov"),
		HOST(16, "pat"),	HOST(17, "pse36"),	HIDE(18, "pn"),
		HOST(19, "clflush"),	HIDE(21, "dts"),	HIDE(22, "acpi"),
		HOST(23, "mmx"),	HOST(24, "fxsr"),	HOST(25, "sse"),
		HOST(26, "sse2"),	HOST(27, "ss"),		HIDE(28, "ht"),
		HIDE(29, "tm"),		HIDE(30, "ia64"),	HIDE(31, "pbe")),

	WORD(6_EAX, 6, 0, EAX,
		HIDE(0, "dtherm"),	HIDE(1, "ida"),		EMUL(2, "arat"),
		HIDE(4, "pln"),		HIDE(5, "ecmd"),	HIDE(6, "pts"),
		HIDE(7, "hwp"),		HIDE(8, "hwp_notify"),	HIDE(9, "hwp_act_window"),
		HIDE(10, "hwp_epp"),	HIDE(11, "hwp_pkg_req"), HIDE(13, "hdc"),
		HIDE(14, "itbm3"),	HIDE(15, "hwp_caps"),	HIDE(16, "hwp_peci"),
		HIDE(17, "hwp_flex"),	HIDE(18, "hwp_fast"),	HIDE(19, "hfi"),
		HIDE(20, "hwp_idle"),	HIDE(23, "itd")),

	WORD(7_EBX, 7, 0, EBX,
		HOST(0, "fsgsbase"),	EMUL(1, "tsc_adjust"),	HIDE(2, "sgx"),
		HOST(3, "bmi1"),	HOST(4, "hle"),		NEED(5, "avx2", AVX),
		HOST(6, "fdp_excptn_only"), HOST(7, "smep"),	HOST(8, "bmi2"),
		HOST(9, "erms"),	NEED(10, "invpcid", INVPCID), HOST(11, "rtm"),
		HIDE(12, "cqm"),	HOST(13, "zero_fcs_fds"), HIDE(14, "mpx"),
		HIDE(15, "rdt_a"),	NEED(16, "avx512f", AVX512), NEED(17, "avx512dq", AVX512),
		HOST(18, "rdseed"),	HOST(19, "adx"),	HOST(20, "smap"),
		NEED(21, "avx512ifma", AVX512), HOST(23, "clflushopt"), HOST(24, "clwb"),
		HIDE(25, "intel_pt"),	NEED(26, "avx512pf", AVX512), NEED(27, "avx512er", AVX512),
		NEED(28, "avx512cd", AVX512), HOST(29, "sha_ni"), NEED(30, "avx512bw", AVX512),
		NEED(31, "avx512vl", AVX512)),

	WORD(7_ECX, 7, 0, ECX,
		HOST(0, "prefetchwt1"),	NEED(1, "avx512vbmi", AVX512), HOST(2, "umip"),
		NEED(3, "pku", PKE),	STATE(4, "ospke"),	HIDE(5, "waitpkg"),
		NEED(6, "avx512_vbmi2", AVX512), HIDE(7, "shstk"), HOST(8, "gfni"),
		NEED(9, "vaes", AVX),	NEED(10, "vpclmulqdq", AVX),
		NEED(11, "avx512_vnni", AVX512),
		NEED(12, "avx512_bitalg", AVX512), HIDE(13, "tme"),
		NEED(14, "avx512_vpopcntdq", AVX512), HIDE(16, "la57"),
		NEED(22, "rdpid", RDTSCP), HIDE(23, "key_locker"), HIDE(24, "bus_lock_detect"),
		HOST(25, "cldemote"),	HOST(27, "movdiri"),	HOST(28, "movdir64b"),
		HIDE(29, "enqcmd"),	HIDE(30, "sgx_lc"),	HIDE(31, "pks")),

	WORD(7_EDX, 7, 0, EDX,
		HIDE(1, "sgx_keys"),	NEED(2, "avx512_4vnniw", AVX512),
		NEED(3, "avx512_4fmaps", AVX512), HOST(4, "fsrm"), HIDE(5, "uintr"),
		NEED(8, "avx512_vp2intersect", AVX512), HIDE(9, "srbds_ctrl"),
		HOST(10, "md_clear"),	HIDE(11, "rtm_always_abort"), HIDE(13, "tsx_force_abort"),
		HOST(14, "serialize"),	HIDE(15, "hybrid"),	HOST(16, "tsxldtrk"),
		HIDE(18, "pconfig"),	HIDE(19, "arch_lbr"),	HIDE(20, "ibt"),
		HIDE(22, "amx_bf16"),	NEED(23, "avx512_fp16", AVX512), HIDE(24, "amx_tile"),
		HIDE(25, "amx_int8"),	NEED(26, "spec_ctrl", SPEC_CTRL),
		NEED(27, "stibp", SPEC_CTRL), HIDE(28, "flush_l1d"),
		EMUL(29, "arch_capabilities"), HIDE(30, "core_capabilities"),
		NEED(31, "ssbd", SPEC_CTRL)),

	WORD(7_1_EAX, 7, 1, EAX,
		NEED(0, "sha512", AVX),	NEED(1, "sm3", AVX),	NEED(2, "sm4", AVX),
		HIDE(3, "rao_int"),	NEED(4, "avx_vnni", AVX), NEED(5, "avx512_bf16", AVX512),
		HIDE(6, "lass"),	HOST(7, "cmpccxadd"),	HIDE(8, "arch_perfmon_ext"),
		HOST(10, "fzrm"),	HOST(11, "fsrs"),	HOST(12, "fsrc"),
		HIDE(17, "fred"),	HIDE(18, "lkgs"),	HIDE(19, "wrmsrns"),
		HIDE(20, "nmi_src"),	HIDE(21, "amx_fp16"),	HIDE(22, "hreset"),
		NEED(23, "avx_ifma", AVX), HIDE(26, "lam"),	HIDE(27, "msrlist")),

	WORD(D_1_EAX, 0xd, 1, EAX,
		HOST(0, "xsaveopt"),	HOST(1, "xsavec"),	HOST(2, "xgetbv1"),
		NEED(3, "xsaves", XSAVES), HIDE(4, "xfd")),

	/* KVM's paravirtual features: only what works. */
	WORD(KVM_EAX, 0x40000001, 0, EAX,
		EMUL(0, "kvmclock"),	EMUL(1, "kvm_nopiodelay"), HIDE(2, "kvm_mmu"),
		EMUL(3, "kvmclock2"),	HIDE(4, "kvm_asyncpf"),	EMUL(5, "kvm_steal_time"),
		EMUL(6, "kvm_pv_eoi"),	EMUL(7, "kvm_pv_unhalt"), EMUL(9, "kvm_pv_tlb_flush"),
		HIDE(10, "kvm_asyncpf_vmexit"), EMUL(11, "kvm_pv_ipi"),
		HIDE(12, "kvm_poll_control"),
		EMUL(13, "kvm_pv_sched_yield"), HIDE(14, "kvm_asyncpf_int"),
		HIDE(15, "kvm_msi_ext_dest_id"), HIDE(16, "kvm_hc_map_gpa_range"),
		HIDE(17, "kvm_migration_control"), EMUL(24, "kvmclock_stable")),

	WORD(EXT1_ECX, 0x80000001, 0, ECX,
		HOST(0, "lahf_lm"),	HOST(5, "abm"),		HOST(8, "3dnowprefetch")),

	WORD(EXT1_EDX, 0x80000001, 0, EDX,
		HOST(11, "syscall"),	HOST(20, "nx"),		HOST(26, "pdpe1gb"),
		NEED(27, "rdtscp", RDTSCP), HOST(29, "lm")),

	WORD(EXT7_EDX, 0x80000007, 0, EDX,
		HOST(8, "constant_tsc")),

	WORD(EXT8_EBX, 0x80000008, 0, EBX,
		HOST(9, "wbnoinvd")),
};

#define ALL	0xffffffff

/*
 * No PMU (0xa) and no topology (0xb) are leaves of zeros, because monitors insist on them. Of
 * leaf 1's EBX only the brand index and the line size of CLFLUSH are the same everywhere.
 * A linear address has 48 bits and a guest-physical one, with four levels of EPT, as well:
 * leaf 0x80000008 is bounded by cpuid_policy_list().
 */
const struct cpuid_leaf cpuid_leaves[] = {
	{ 0x00000000, CPUID_LEAF_PLAIN,	{ ALL, ALL, ALL, ALL } },
	{ 0x00000001, CPUID_LEAF_PLAIN,	{ ALL, 0xffff, 0, 0 } },
	{ 0x00000002, CPUID_LEAF_PLAIN,	{ ALL, ALL, ALL, ALL } },
	{ 0x00000004, CPUID_LEAF_CACHES, { ALL, ALL, ALL, ALL } },
	{ 0x00000006, CPUID_LEAF_PLAIN,	{ 0, 0, 0, 0 } },
	{ 0x00000007, CPUID_LEAF_INDEXED, { 0, 0, 0, 0 } },
	{ 0x0000000a, CPUID_LEAF_PLAIN,	{ 0, 0, 0, 0 } },
	{ 0x0000000b, CPUID_LEAF_PLAIN,	{ 0, 0, 0, 0 } },
	{ 0x0000000d, CPUID_LEAF_XSTATE, { 0, 0, 0, 0 } },
	{ 0x40000000, CPUID_LEAF_PLAIN,	{ 0, 0, 0, 0 } },
	{ 0x40000001, CPUID_LEAF_PLAIN,	{ 0, 0, 0, 0 } },
	{ 0x80000000, CPUID_LEAF_PLAIN,	{ ALL, 0, 0, 0 } },
	{ 0x80000001, CPUID_LEAF_PLAIN,	{ 0, 0, 0, 0 } },
	{ 0x80000002, CPUID_LEAF_PLAIN,	{ ALL, ALL, ALL, ALL } },
	{ 0x80000003, CPUID_LEAF_PLAIN,	{ ALL, ALL, ALL, ALL } },
	{ 0x80000004, CPUID_LEAF_PLAIN,	{ ALL, ALL, ALL, ALL } },
	{ 0x80000005, CPUID_LEAF_PLAIN,	{ 0, 0, 0, 0 } },
	{ 0x80000006, CPUID_LEAF_PLAIN,	{ 0, 0, ALL, 0 } },
	{ 0x80000007, CPUID_LEAF_PLAIN,	{ 0, 0, 0, 0 } },
	{ 0x80000008, CPUID_LEAF_PLAIN,	{ 0xffff, 0, 0, 0 } },
};

const unsigned int cpuid_nr_leaves = ARRAY_SIZE(cpuid_leaves);
