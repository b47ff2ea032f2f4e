// SPDX-License-Identifier: GPL-2.0
/*
 * CPUID, the kernel's side: the facts about this processor that the policy needs, and the
 * vCPU's entries. What is constant after cpuid_init() has no lock; a vCPU's entries are under
 * vcpu->mutex. SDM vol. 2A, CPUID.
 */
#include <linux/cache.h>
#include <linux/slab.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>
#include <asm/processor.h>
#include "vmx/cpu/cpuid_policy.h"
#include "vmx/vcpu.h"

static struct cpuid_host host __ro_after_init;
static struct cpuid_component components[CPUID_COMPONENTS] __ro_after_init;
static u64 host_efer __ro_after_init;

/* The kernel's words of what it has not disabled; a word it does not keep is not masked. */
static const s8 kernel_word[CPUID_WORD_COUNT] = {
	[CPUID_WORD_1_ECX]	= CPUID_1_ECX,
	[CPUID_WORD_1_EDX]	= CPUID_1_EDX,
	[CPUID_WORD_6_EAX]	= CPUID_6_EAX,
	[CPUID_WORD_7_EBX]	= CPUID_7_0_EBX,
	[CPUID_WORD_7_ECX]	= CPUID_7_ECX,
	[CPUID_WORD_7_EDX]	= CPUID_7_EDX,
	[CPUID_WORD_7_1_EAX]	= CPUID_7_1_EAX,
	[CPUID_WORD_D_1_EAX]	= CPUID_D_1_EAX,
	[CPUID_WORD_KVM_EAX]	= -1,
	[CPUID_WORD_EXT1_ECX]	= CPUID_8000_0001_ECX,
	[CPUID_WORD_EXT1_EDX]	= CPUID_8000_0001_EDX,
	[CPUID_WORD_EXT7_EDX]	= -1,
	[CPUID_WORD_EXT8_EBX]	= CPUID_8000_0008_EBX,
};

static void read_processor(void *ctx, u32 leaf, u32 index, u32 regs[4])
{
	cpuid_count(leaf, index, &regs[CPUID_REG_EAX], &regs[CPUID_REG_EBX],
		    &regs[CPUID_REG_ECX], &regs[CPUID_REG_EDX]);
}

static void note_need(enum cpuid_need need, bool met)
{
	if (met)
		host.needs |= BIT(need);
}

/**
 * cpuid_init() - read what this processor and its VT-x offer
 *
 * After enable_init() and xstate_init(), whose results it uses.
 *
 * Return: 0.
 */
int cpuid_init(void)
{
	unsigned int i;

	host.read = read_processor;
	host.xcr0 = xstate_host_xcr0();
	for (i = 0; i < CPUID_WORD_COUNT; i++)
		host.enabled[i] = kernel_word[i] < 0 ? ~0U :
				  boot_cpu_data.x86_capability[kernel_word[i]];
	note_need(CPUID_NEED_RDTSCP, caps_has(&vmx_caps, VMX_CAP_RDTSCP));
	note_need(CPUID_NEED_INVPCID, caps_has(&vmx_caps, VMX_CAP_INVPCID));
	note_need(CPUID_NEED_XSAVES, caps_has(&vmx_caps, VMX_CAP_XSAVES));
	note_need(CPUID_NEED_SPEC_CTRL, boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL));
	note_need(CPUID_NEED_PKE, boot_cpu_has(X86_FEATURE_OSPKE));
	note_need(CPUID_NEED_AVX, host.xcr0 & CPUID_XCR0_AVX);
	note_need(CPUID_NEED_AVX512,
		  (host.xcr0 & CPUID_XCR0_AVX512) == CPUID_XCR0_AVX512);
	/* Of CR4, what is not VT-x's to say is the host's to have switched on. */
	host.cr4 = vmx_caps.cr4_fixed1;
	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		host.cr4 &= ~X86_CR4_OSXSAVE;
	if (!boot_cpu_has(X86_FEATURE_OSPKE))
		host.cr4 &= ~X86_CR4_PKE;
	host_efer = EFER_SCE | EFER_LME | EFER_LMA;
	if (boot_cpu_has(X86_FEATURE_NX))
		host_efer |= EFER_NX;
	cpuid_components_read(&host, components);
	return 0;
}

/**
 * cpuid_supported() - KVM_GET_SUPPORTED_CPUID
 * @unused: none
 * @out: filled in
 * @nent: in: entries that fit; out: entries filled in
 *
 * Return: 0, or -E2BIG if they do not fit.
 */
int cpuid_supported(struct vcpu *unused, struct kvm_cpuid_entry2 *out, u32 *nent)
{
	return cpuid_policy_list(&host, out, nent);
}

/**
 * cpuid_emulated() - KVM_GET_EMULATED_CPUID: features by emulating undefined opcodes
 * @unused: none
 * @out: not touched: there is none
 * @nent: out: 0
 *
 * Return: 0.
 */
int cpuid_emulated(struct vcpu *unused, struct kvm_cpuid_entry2 *out, u32 *nent)
{
	*nent = 0;
	return 0;
}

/**
 * cpuid_offered() - may a guest be shown this feature on this machine?
 * @feature: CPUID_*
 *
 * Return: true if KVM_GET_SUPPORTED_CPUID has the bit.
 */
bool cpuid_offered(enum cpuid_feature feature)
{
	return cpuid_policy_word(&host, feature / 32) & BIT(feature % 32);
}

/* As long as user space has set none, it may set what the processor can do. */
static void derive_efer(struct vcpu_cpuid *cpuid)
{
	u64 efer = host_efer;

	if (cpuid->nr && !cpuid_has(cpuid, CPUID_NX))
		efer &= ~EFER_NX;
	if (cpuid->nr && !cpuid_has(cpuid, CPUID_LM))
		efer &= ~(EFER_LME | EFER_LMA);
	if (cpuid->nr && !cpuid_has(cpuid, CPUID_SYSCALL))
		efer &= ~EFER_SCE;
	cpuid->efer_allowed = efer;
}

static void apply_state(const struct vcpu *vcpu, struct vcpu_cpuid *cpuid)
{
	const struct cpuid_state state = {
		.osxsave = vcpu->cr4 & X86_CR4_OSXSAVE,
		.pke = vcpu->cr4 & X86_CR4_PKE,
		.apic = vcpu->apic_base & MSR_IA32_APICBASE_ENABLE,
		.xcr0 = vcpu->xcr0,
		.xss = vcpu->msr.xss,
	};

	cpuid_apply_state(cpuid, components, &state);
}

static void derive(const struct vcpu *vcpu, struct vcpu_cpuid *cpuid)
{
	cpuid_index(cpuid);
	cpuid_derive(cpuid, &host);
	derive_efer(cpuid);
	cpuid->xsave_for = 0;
	apply_state(vcpu, cpuid);
}

static int copy_entries(struct vcpu_cpuid *cpuid, const struct kvm_cpuid_entry2 *entries,
			u32 nent)
{
	cpuid->nr = nent;
	if (!nent)
		return 0;
	cpuid->entries = kmalloc_array(nent, sizeof(*entries) + sizeof(*cpuid->next),
				       GFP_KERNEL_ACCOUNT);
	if (!cpuid->entries)
		return -ENOMEM;
	cpuid->next = (u16 *)(cpuid->entries + nent);
	memcpy(cpuid->entries, entries, nent * sizeof(*entries));
	return 0;
}

/**
 * cpuid_set() - KVM_SET_CPUID2
 * @vcpu: loaded
 * @entries: what the guest is to see
 * @nent: number of them, at most CPUID_MAX_ENTRIES
 *
 * Afterwards the VMCS's CR4 mask is to be written anew: cr4_reserved may have changed.
 *
 * Return: 0; -EINVAL for an impossible width of addresses, or a change
 * after KVM_RUN; -ENOMEM.
 */
int cpuid_set(struct vcpu *vcpu, const struct kvm_cpuid_entry2 *entries, u32 nent)
{
	struct vcpu_cpuid new = {};
	int ret;

	if (!cpuid_entries_valid(entries, nent))
		return -EINVAL;
	ret = copy_entries(&new, entries, nent);
	if (ret)
		return ret;
	derive(vcpu, &new);
	if (vcpu->ran) {
		if (nent != vcpu->cpuid.nr ||
		    memcmp(new.entries, vcpu->cpuid.entries, nent * sizeof(*entries)))
			ret = -EINVAL;
		kfree(new.entries);
		return ret;
	}
	kfree(vcpu->cpuid.entries);
	vcpu->cpuid = new;
	return 0;
}

/**
 * cpuid_get() - KVM_GET_CPUID2
 * @vcpu: any
 * @out: filled in
 * @nent: in: entries that fit; out: entries there are
 *
 * Return: 0, or -E2BIG if they do not fit.
 */
int cpuid_get(struct vcpu *vcpu, struct kvm_cpuid_entry2 *out, u32 *nent)
{
	u32 room = *nent;

	*nent = vcpu->cpuid.nr;
	if (room < vcpu->cpuid.nr)
		return -E2BIG;
	memcpy(out, vcpu->cpuid.entries, vcpu->cpuid.nr * sizeof(*out));
	return 0;
}

/**
 * cpuid_create() - a new vCPU's: no entry yet
 * @vcpu: being created, zeroed
 */
void cpuid_create(struct vcpu *vcpu)
{
	derive(vcpu, &vcpu->cpuid);
}

/**
 * cpuid_update_dynamic() - CR4, XCR0, XSS or the APIC base changed: show it
 * @vcpu: any
 */
void cpuid_update_dynamic(struct vcpu *vcpu)
{
	apply_state(vcpu, &vcpu->cpuid);
}
