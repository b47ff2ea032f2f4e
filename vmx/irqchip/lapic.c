// SPDX-License-Identifier: GPL-2.0
/*
 * A LAPIC's life, its mode, and its registers as the guest reads and writes them: by memory
 * (xAPIC) or by MSRs (x2APIC).
 *
 * The vCPU's thread (vcpu->mutex) owns it; what others may touch is in internal.h.
 * SDM vol. 3A, 10.4 (xAPIC), 10.5.1 (LVT), 10.12 (x2APIC).
 */
#include <linux/slab.h>
#include "vmx/hw/controls.h"
#include "vmx/irqchip/internal.h"

static void mask_lvt(struct lapic *lapic)
{
	unsigned int i;

	for (i = APIC_LVTT; i <= APIC_LVTERR; i += LAPIC_STRIDE)
		lapic_put(lapic, i, lapic_get(lapic, i) | APIC_LVT_MASKED);
}

/* The id is a number in x2APIC mode, where the logical id follows from it, else 8 bits on top. */
static void set_id(struct lapic *lapic)
{
	u32 id = lapic->vcpu->id;

	if (lapic->mode == LAPIC_X2APIC) {
		lapic_put(lapic, APIC_ID, id);
		lapic_put(lapic, APIC_LDR, lapic_x2apic_ldr(id));
	} else {
		lapic_put(lapic, APIC_ID, id << 24);
		lapic_put(lapic, APIC_LDR, 0);
	}
}

/* Posts from other vCPUs may come in between: they get lost, or survive, as on a processor. */
static void reset_registers(struct lapic *lapic)
{
	u32 id = lapic_get(lapic, APIC_ID), ldr = lapic_get(lapic, APIC_LDR);
	unsigned int i;

	hrtimer_cancel(&lapic->timer);
	lapic_join(lapic);
	for (i = 0; i < LAPIC_REGS; i++)
		lapic_put(lapic, i * LAPIC_STRIDE, lapic_regs[i].ones);
	lapic_put(lapic, APIC_ID, id);
	lapic_put_version(lapic);
	lapic_put(lapic, APIC_LDR, lapic->mode == LAPIC_X2APIC ? ldr : 0);
	lapic_put(lapic, APIC_DFR, APIC_DFR_FLAT);
	lapic_put(lapic, APIC_SPIV, 0xff);
	mask_lvt(lapic);
	/* A boot processor's firmware finds the 8259s connected. */
	if (lapic->vcpu->id == lapic->vcpu->vm->boot_cpu_id)
		lapic_put(lapic, APIC_LVT0, APIC_DM_EXTINT);
	atomic_set(&lapic->errors, 0);
	lapic->due = 0;
	lapic_sync_irq(lapic);
}

static enum lapic_mode mode_of(u64 base)
{
	if (!(base & MSR_IA32_APICBASE_ENABLE))
		return LAPIC_DISABLED;
	return base & X2APIC_ENABLE ? LAPIC_X2APIC : LAPIC_XAPIC;
}

/*
 * The page where guests find their xAPIC. Alone it would cost more than EPT violations do, after
 * which stores are done at once (known.c).
 */
static void make_access_page(struct mmu *mmu)
{
	void *page;

	if (mmu->own_hpa || !controls_help(VMX_CAP_VIRT_APIC_ACCESS) ||
	    !controls_help(VMX_CAP_APIC_REG_VIRT))
		return;
	page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	mmu->own_gfn = APIC_DEFAULT_PHYS_BASE >> PAGE_SHIFT;
	mmu->own_hpa = page ? __pa(page) : 0;
}

/**
 * lapic_create() - give a vCPU its LAPIC
 * @vcpu: being created; lapic_reset() follows
 *
 * Return: 0 or -ENOMEM.
 */
int lapic_create(struct vcpu *vcpu)
{
	struct lapic *lapic = (void *)__get_free_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO, 1);

	if (!lapic)
		return -ENOMEM;
	lapic->page = (u8 *)lapic + PAGE_SIZE;
	lapic->vcpu = vcpu;
	make_access_page(&vcpu->vm->mmu);
	lapic->delivers = controls_help(VMX_CAP_VIRT_INTR_DELIVERY);
	lapic_timer_create(lapic);
	vcpu->lapic = lapic;
	return 0;
}

/**
 * lapic_set_api() - KVM_CAP_X2APIC_API
 * @vm: its lock is held
 * @flags: what user space knows of LAPICs, KVM_X2APIC_*
 *
 * Directed EOI is for those that ask: an IO-APIC in user space may not have it.
 * Return: 0; -EINVAL for an unknown flag, or one of X2APIC_EOI without controllers here.
 */
int lapic_set_api(struct vm *vm, u64 flags)
{
	struct vcpu *vcpu;
	unsigned int i;

	if ((flags & ~(u64)(X2APIC_API | X2APIC_EOI)) || (flags & X2APIC_EOI) == X2APIC_EOI ||
	    ((flags & X2APIC_EOI) && vm->irqchip == IRQCHIP_NONE))
		return -EINVAL;
	if (flags & KVM_X2APIC_API_USE_32BIT_IDS)
		WRITE_ONCE(vm->x2apic_ids, true);
	if (flags & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
		WRITE_ONCE(vm->x2apic_strict, true);
	deliver_changed(vm);
	if (flags & KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST) {
		WRITE_ONCE(vm->directed_eoi, true);
		vm_for_each_vcpu(i, vcpu, vm)
			lapic_put_version(vcpu->lapic);
	}
	return 0;
}

/**
 * lapic_page() - the registers as the processor knows them, its virtual-APIC page
 * @vcpu: any
 *
 * With a TPR shadow the guest reads and writes the TPR there without an exit. Return: its
 * host-physical address. SDM vol. 3C, 29.1.
 */
u64 lapic_page(struct vcpu *vcpu)
{
	return __pa(vcpu->lapic->page);
}

/**
 * lapic_posts() - where the processor finds what others post while the guest runs
 * @vcpu: any, with a LAPIC here
 *
 * Return: the host-physical address of its posted-interrupt descriptor. SDM vol. 3C, 29.6.
 */
u64 lapic_posts(struct vcpu *vcpu)
{
	return __pa(vcpu->lapic->pir);
}

/**
 * lapic_destroy() - free a vCPU's LAPIC
 * @vcpu: that nobody can reach any more
 */
void lapic_destroy(struct vcpu *vcpu)
{
	hrtimer_cancel(&vcpu->lapic->timer);
	free_pages((unsigned long)vcpu->lapic, 1);
	vcpu->lapic = NULL;
}

/**
 * lapic_reset() - the state after power-on or INIT
 * @vcpu: loaded; at power-on vcpu->apic_base is right already
 * @init: by INIT: the mode and the id stay
 *
 * A SIPI that waits stays: it came after the INIT. SDM vol. 3A, 10.4.7.
 */
void lapic_reset(struct vcpu *vcpu, bool init)
{
	struct lapic *lapic = vcpu->lapic;

	if (!init) {
		WRITE_ONCE(lapic->mode, mode_of(vcpu->apic_base));
		set_id(lapic);
		controls_set_lapic(vcpu);
	}
	reset_registers(lapic);
}

/* SDM vol. 3A, 10.12.5. User space may go from any mode to any. */
static bool base_allowed(struct vcpu *vcpu, u64 value, bool host)
{
	u64 allowed = MSR_IA32_APICBASE_BSP | MSR_IA32_APICBASE_ENABLE |
		      ((BIT_ULL(vcpu->cpuid.maxphyaddr) - 1) & PAGE_MASK);
	enum lapic_mode old = mode_of(vcpu->apic_base), new = mode_of(value);

	if (cpuid_has(&vcpu->cpuid, CPUID_X2APIC))
		allowed |= X2APIC_ENABLE;
	if ((value & ~allowed) || (new == LAPIC_DISABLED && (value & X2APIC_ENABLE)))
		return false;
	if (host)
		return true;
	/* From x2APIC mode only off; from off only to xAPIC mode. */
	return !(old == LAPIC_X2APIC && new == LAPIC_XAPIC) &&
	       !(old == LAPIC_DISABLED && new == LAPIC_X2APIC);
}

/**
 * lapic_set_base() - write IA32_APIC_BASE
 * @vcpu: loaded, with or without a LAPIC here
 * @value: new value
 * @host: by user space, which may set any mode; the guest keeps to their order
 *
 * A guest that turns its LAPIC off finds it reset when it turns it on again.
 *
 * Return: 0, or 1 for #GP(0): reserved bits or a forbidden change of mode.
 */
int lapic_set_base(struct vcpu *vcpu, u64 value, bool host)
{
	enum lapic_mode old = mode_of(vcpu->apic_base), new = mode_of(value);
	struct lapic *lapic = vcpu->lapic;

	if (!base_allowed(vcpu, value, host))
		return 1;
	vcpu->apic_base = value;
	if (lapic) {
		WRITE_ONCE(lapic->mode, new);
		controls_set_lapic(vcpu);
	}
	if (new == old)
		return 0;
	if (lapic && new != LAPIC_DISABLED)
		set_id(lapic);
	else if (lapic && !host)
		reset_registers(lapic);
	deliver_changed(vcpu->vm);
	cpuid_update_dynamic(vcpu);
	vcpu_request(vcpu, REQ_EVENT);
	return 0;
}

static u32 read_reg(struct lapic *lapic, unsigned int offset)
{
	switch (offset) {
	case APIC_TMCCT:
		return lapic_timer_count(lapic);
	case APIC_TASKPRI:
	case APIC_PROCPRI:
	case APIC_ISR ... APIC_IRR + 7 * LAPIC_STRIDE:
		lapic_settle(lapic->vcpu);
		lapic_join(lapic);
		return offset == APIC_PROCPRI ? lapic_get_ppr(lapic) : lapic_get(lapic, offset);
	default:
		return lapic_get(lapic, offset);
	}
}

static void write_svr(struct lapic *lapic, u32 value)
{
	lapic_put(lapic, APIC_SPIV, lapic_svr(lapic, value));
	if (!(value & APIC_SPIV_APIC_ENABLED))
		mask_lvt(lapic);
	deliver_changed(lapic->vcpu->vm);
}

static void write_lvt(struct lapic *lapic, unsigned int offset, u32 value)
{
	if (!lapic_software_enabled(lapic))
		value |= APIC_LVT_MASKED;
	if (offset == APIC_LVTT) {
		if (!cpuid_has(&lapic->vcpu->cpuid, CPUID_TSC_DEADLINE))
			value &= ~APIC_LVT_TIMER_TSCDEADLINE;
		lapic_timer_set_mode(lapic, value);
		return;
	}
	lapic_put(lapic, offset, value);
	/* The 8259s may be waiting for LINT0. */
	if (offset == APIC_LVT0)
		vcpu_request(lapic->vcpu, REQ_EVENT);
}

/* @value has no bits but those of the register's mask. */
static void write_reg(struct lapic *lapic, unsigned int offset, u32 value)
{
	switch (offset) {
	case APIC_EOI:
		lapic_eoi(lapic);
		break;
	case APIC_TASKPRI:
		lapic_write_tpr(lapic, value);
		break;
	case APIC_ICR:
		lapic_put(lapic, APIC_ICR, value);
		deliver_ipi(lapic, value, lapic_get(lapic, APIC_ICR2) >> 24);
		break;
	case APIC_TMICT:
		lapic_timer_set_count(lapic, value);
		break;
	case APIC_TDCR:
		lapic_timer_set_divisor(lapic, value);
		break;
	case APIC_ESR:
		lapic_put(lapic, APIC_ESR, atomic_xchg(&lapic->errors, 0));
		break;
	case APIC_SPIV:
		write_svr(lapic, value);
		break;
	case APIC_LVTT ... APIC_LVTERR:
		write_lvt(lapic, offset, value);
		break;
	case APIC_ID:
	case APIC_LDR:
	case APIC_DFR:
		lapic_put(lapic, offset, value);
		deliver_changed(lapic->vcpu->vm);
		break;
	default:
		lapic_put(lapic, offset, value);
		break;
	}
}

/* The register at an offset, or NULL if there is none that may be accessed so. */
static const struct lapic_reg *find_reg(unsigned int offset, u8 access)
{
	unsigned int i = offset / LAPIC_STRIDE;

	if (i >= LAPIC_REGS)
		return NULL;
	i = array_index_nospec(i, LAPIC_REGS);
	return lapic_regs[i].access & access ? &lapic_regs[i] : NULL;
}

/* Aligned accesses of 32 bits are architectural; smaller reads get that part. */
static void mmio_read(struct lapic *lapic, unsigned int offset, unsigned int len, void *data)
{
	unsigned int shift = offset % LAPIC_STRIDE;
	u32 value = 0;

	memset(data, 0, len);
	if (shift + len > sizeof(value))
		return;
	if (find_reg(offset, LAPIC_READ_XAPIC))
		value = read_reg(lapic, offset - shift);
	else
		lapic_error(lapic, APIC_ESR_ILLREGA);
	memcpy(data, (u8 *)&value + shift, len);
}

static void mmio_write(struct lapic *lapic, unsigned int offset, unsigned int len,
		       const void *data)
{
	const struct lapic_reg *reg = find_reg(offset, LAPIC_WRITE_XAPIC);

	if (len != sizeof(u32) || offset % LAPIC_STRIDE)
		return;
	if (reg)
		write_reg(lapic, offset, (*(const u32 *)data & reg->mask) | reg->ones);
	else
		lapic_error(lapic, APIC_ESR_ILLREGA);
}

/**
 * lapic_mmio() - a guest accesses the LAPIC's page
 * @lapic: this thread's
 * @offset: in the page
 * @len: 1 to 8 bytes
 * @data: read or written
 * @write: a store
 *
 * Outside xAPIC mode there is a hole in memory here: it reads as ones.
 */
void lapic_mmio(struct lapic *lapic, unsigned int offset, unsigned int len, void *data,
		bool write)
{
	if (lapic->mode == LAPIC_XAPIC && write)
		mmio_write(lapic, offset, len, data);
	else if (lapic->mode == LAPIC_XAPIC)
		mmio_read(lapic, offset, len, data);
	else if (!write)
		memset(data, 0xff, len);
}

/**
 * lapic_x2apic_read() - RDMSR of one of the LAPIC's
 * @vcpu: loaded
 * @msr: 0x800 to 0x8ff
 * @value: read
 *
 * Return: 0, or 1 for #GP(0): not in x2APIC mode, or no such register. SDM vol. 3A, 10.12.1.2.
 */
int lapic_x2apic_read(struct vcpu *vcpu, u32 msr, u64 *value)
{
	unsigned int offset = (msr - APIC_BASE_MSR) * LAPIC_STRIDE;
	struct lapic *lapic = vcpu->lapic;

	if (lapic->mode != LAPIC_X2APIC || !find_reg(offset, LAPIC_READ_X2APIC))
		return 1;
	*value = read_reg(lapic, offset);
	if (offset == APIC_ICR)
		*value |= (u64)lapic_get(lapic, APIC_ICR2) << 32;
	return 0;
}

/**
 * lapic_x2apic_write() - WRMSR to one of the LAPIC's
 * @vcpu: loaded
 * @msr: 0x800 to 0x8ff
 * @value: to write
 *
 * Return: 0, or 1 for #GP(0): not in x2APIC mode, no such register, or not this value.
 * SDM vol. 3A, 10.12.1.2 and table 10-6.
 */
int lapic_x2apic_write(struct vcpu *vcpu, u32 msr, u64 value)
{
	unsigned int offset = (msr - APIC_BASE_MSR) * LAPIC_STRIDE;
	const struct lapic_reg *reg = find_reg(offset, LAPIC_WRITE_X2APIC);
	struct lapic *lapic = vcpu->lapic;

	if (lapic->mode != LAPIC_X2APIC || !reg)
		return 1;
	/* The one register of 64 bits. Reserved bits are no fault: programs rely on that. */
	if (offset == APIC_ICR) {
		lapic_put(lapic, APIC_ICR, value & reg->mask);
		lapic_put(lapic, APIC_ICR2, value >> 32);
		deliver_ipi(lapic, value & reg->mask, value >> 32);
		return 0;
	}
	if (value >> 32 || ((offset == APIC_EOI || offset == APIC_ESR) && value) ||
	    (offset == APIC_TASKPRI && (value & ~(u64)reg->mask)))
		return 1;
	if (offset == APIC_SELF_IPI) {
		if (value & ~(u64)APIC_VECTOR_MASK)
			return 1;
		deliver_ipi(lapic, APIC_DEST_SELF | value, 0);
		return 0;
	}
	write_reg(lapic, offset, ((u32)value & reg->mask) | reg->ones);
	return 0;
}

/**
 * lapic_written() - the processor has put what the guest writes into the page; now it takes effect
 * @vcpu: loaded
 * @offset: of the register
 *
 * SDM vol. 3C, 29.4.3.
 */
void lapic_written(struct vcpu *vcpu, unsigned int offset)
{
	struct lapic *lapic = vcpu->lapic;
	u32 value;

	offset &= LAPIC_SIZE - LAPIC_STRIDE;
	value = lapic_get(lapic, offset);
	if (lapic->mode == LAPIC_X2APIC)
		lapic_x2apic_write(vcpu, APIC_BASE_MSR + offset / LAPIC_STRIDE, value);
	else
		mmio_write(lapic, offset, sizeof(value), &value);
}
