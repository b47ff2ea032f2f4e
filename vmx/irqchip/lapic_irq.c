// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts inside a LAPIC: from the request (IRR) into service (ISR) to their end (EOI),
 * priorities, and errors; and which one a vCPU takes next, the LAPIC's or one from 8259s.
 *
 * No lock. Anybody sets bits of what is posted and of TMR, atomically; only the vCPU's thread,
 * and its processor while the guest runs, touch IRR, ISR and TPR. Who posts sets the bit of its
 * word in unjoined after that; the vCPU's thread clears these and then has what was posted join
 * IRR.
 * SDM vol. 3A, 10.5.3, 10.8.3, 10.8.4, 10.8.5.
 */
#include <linux/bitops.h>
#include <linux/kvm_para.h>
#include <trace/events/ipi.h>
#include "vmx/irqchip/internal.h"

/* Of a set of 256 vectors in the registers' layout. */
static unsigned long *word_of(u8 *set, u8 vector)
{
	return (unsigned long *)(set + vector / 32 * LAPIC_STRIDE);
}

static bool vector_test(const struct lapic *lapic, unsigned int set, u8 vector)
{
	return test_bit(vector & 31, word_of(lapic->page + set, vector));
}

/**
 * lapic_error() - note an error for ESR, and interrupt for the first since it was written
 * @lapic: any vCPU's
 * @error: APIC_ESR_*
 *
 * Context: any; the caller kicks the vCPU. SDM vol. 3A, 10.5.3.
 */
void lapic_error(struct lapic *lapic, u32 error)
{
	/* Its own vector may be illegal too: that is no second error. */
	if (!atomic_fetch_or(error, &lapic->errors) &&
	    (lapic_get(lapic, APIC_LVTERR) & APIC_VECTOR_MASK) >= LAPIC_FIRST_VECTOR)
		lapic_post_lvt(lapic, APIC_LVTERR);
}

static void set_trigger(struct lapic *lapic, u8 vector, bool level)
{
	if (vector_test(lapic, APIC_TMR, vector) == level)
		return;
	if (level)
		set_bit(vector & 31, word_of(lapic->page + APIC_TMR, vector));
	else
		clear_bit(vector & 31, word_of(lapic->page + APIC_TMR, vector));
	WRITE_ONCE(lapic->ends_known, false);
}

/*
 * Give the processor a vector that it takes without an exit. One that it has not taken when the
 * guest exits joins IRR as the others do. Return: true if the vCPU must be kicked all the same.
 */
static bool post_to_processor(struct lapic *lapic, u8 vector)
{
	if (test_and_set_bit(vector, (unsigned long *)lapic->pir))
		return false;
	set_bit(UNJOINED_PIR, &lapic->unjoined);
	vcpu_request(lapic->vcpu, REQ_EVENT);
	return !vcpu_notify(lapic->vcpu);
}

/**
 * lapic_post() - request an interrupt
 * @lapic: any vCPU's
 * @vector: illegal ones are an error instead
 * @level: level-triggered: its EOI goes to the IO-APIC
 * @own: by the vCPU's thread, so that its guest does not run
 *
 * Return: true if the vCPU must be kicked; not if the same vector was waiting already: who
 * posted that kicks it. Context: any.
 */
bool lapic_post(struct lapic *lapic, u8 vector, bool level, bool own)
{
	if (vector < LAPIC_FIRST_VECTOR) {
		lapic_error(lapic, APIC_ESR_RECVILL);
		return true;
	}
	set_trigger(lapic, vector, level);
	/* Not what only an entry prepares for: that the end of it is heard of. */
	if (READ_ONCE(lapic->posts) && !own && !level &&
	    READ_ONCE(lapic->all_ends) == irqfd_resamples(lapic->vcpu->vm))
		return post_to_processor(lapic, vector);
	if (own ? __test_and_set_bit(vector & 31, word_of(lapic->page + APIC_IRR, vector)) :
		  test_and_set_bit(vector, (unsigned long *)lapic->posted))
		return false;
	if (own)
		lapic->irr_top = max_t(int, lapic->irr_top, vector);
	else
		set_bit(vector / 32, &lapic->unjoined);
	vcpu_request(lapic->vcpu, REQ_EVENT);
	return true;
}

/**
 * lapic_post_lvt() - an event of the LAPIC's own, the timer's or an error
 * @lapic: any vCPU's
 * @offset: of its LVT entry, one that has a vector but no delivery mode
 *
 * Context: any; the caller kicks the vCPU.
 */
void lapic_post_lvt(struct lapic *lapic, unsigned int offset)
{
	u32 lvt = lapic_get(lapic, offset);

	if (!(lvt & APIC_LVT_MASKED) && READ_ONCE(lapic->mode) != LAPIC_DISABLED)
		lapic_post(lapic, lvt & APIC_VECTOR_MASK, false, false);
}

static void find_tops(struct lapic *lapic)
{
	lapic->irr_top = lapic_top_vector(lapic->page + APIC_IRR, 255);
	lapic->isr_top = lapic_top_vector(lapic->page + APIC_ISR, 255);
	lapic->vcpu->vmcs->cached |= VMCS_CACHED_VECTORS;
}

static void join_words(struct lapic *lapic, u32 *posted, unsigned long words)
{
	unsigned int i, irr;
	u32 bits;

	for (words &= BIT(UNJOINED_PIR) - 1; words; words &= words - 1) {
		i = __ffs(words);
		bits = xchg(&posted[i], 0);
		irr = APIC_IRR + i * LAPIC_STRIDE;
		lapic_put(lapic, irr, lapic_get(lapic, irr) | bits);
		/* It may have joined with another one that was posted before. */
		if (bits)
			lapic->irr_top = max_t(int, lapic->irr_top, i * 32 + __fls(bits));
	}
}

static noinline void join_posted(struct lapic *lapic)
{
	/* Taken before what was posted is looked at; pairs with the order in lapic_post(). */
	unsigned long words = xchg(&lapic->unjoined, 0);

	join_words(lapic, lapic->posted, words);
	if (words & BIT(UNJOINED_PIR))
		join_words(lapic, lapic->pir, ~0UL);
}

static __always_inline void join(struct lapic *lapic)
{
	if (lapic->delivers && !(lapic->vcpu->vmcs->cached & VMCS_CACHED_VECTORS))
		find_tops(lapic);
	if (READ_ONCE(lapic->unjoined))
		join_posted(lapic);
}

/**
 * lapic_join() - see what others have posted, and what the processor has done with IRR and ISR
 * @lapic: this thread's
 *
 * As long as the guest runs both are the processor's own. SDM vol. 3C, 24.11.4.
 */
void lapic_join(struct lapic *lapic)
{
	join(lapic);
}

static void set_eoi_exits(struct lapic *lapic, bool all)
{
	unsigned int i;

	WRITE_ONCE(lapic->all_ends, all);
	/* Before TMR is looked at; pairs with the order in set_trigger(). */
	smp_store_mb(lapic->ends_known, true);
	for (i = 0; i < 4; i++)
		vmcs_write64(EOI_EXIT_BITMAP0 + 2 * i, all ? ~0ULL :
			     lapic_get(lapic, APIC_TMR + 2 * i * LAPIC_STRIDE) |
			     (u64)lapic_get(lapic, APIC_TMR + (2 * i + 1) * LAPIC_STRIDE) << 32);
}

/**
 * lapic_let_deliver() - the processor takes from IRR what passes, as soon as the guest allows it
 * @vcpu: this thread's, about to enter, with virtual-interrupt delivery
 * @held: it must not, for a debugger
 *
 * SDM vol. 3C, 24.4.2 (guest interrupt status) and 29.2.
 */
void lapic_let_deliver(struct vcpu *vcpu, bool held)
{
	struct lapic *lapic = vcpu->lapic;
	int requested;
	bool all;

	lapic_join(lapic);
	/* Who posted what has joined said before that how it ends, and whether that is heard of. */
	all = irqfd_resamples(vcpu->vm);
	WRITE_ONCE(lapic->posts, !held && (vcpu->vmcs->pin & PIN_BASED_POSTED_INTR));
	requested = held || lapic->mode == LAPIC_DISABLED ? 0 : max(lapic->irr_top, 0);
	vmcs_write16(GUEST_INTR_STATUS, max(lapic->isr_top, 0) << 8 | requested);
	if (unlikely(!READ_ONCE(lapic->ends_known) || all != lapic->all_ends))
		set_eoi_exits(lapic, all);
}

static __always_inline int pending(struct lapic *lapic)
{
	join(lapic);
	if (lapic->irr_top < 0 || lapic->mode == LAPIC_DISABLED)
		return -1;
	return lapic_passes(lapic->irr_top, lapic_get_ppr(lapic)) ? lapic->irr_top : -1;
}

/**
 * lapic_tpr_threshold() - below which task priority an interrupt passes that waits for it
 * @vcpu: this thread's
 *
 * Return: its class, 0 if the TPR keeps none. At most the TPR's class, as an entry demands.
 */
u32 lapic_tpr_threshold(struct vcpu *vcpu)
{
	struct lapic *lapic = vcpu->lapic;
	u32 class;

	join(lapic);
	if (likely(lapic->irr_top < 0))
		return 0;
	class = lapic->irr_top >> 4;
	return lapic_get(lapic, APIC_TASKPRI) >> 4 < class ? 0 : class;
}

/* Not if somebody else needs to hear of the end, or another interrupt waits for that. */
static noinline void offer_eoi(struct lapic *lapic, u8 vector)
{
	struct vcpu *vcpu = lapic->vcpu;

	if (lapic->isr_top < 0 && lapic->irr_top < 0 && !READ_ONCE(lapic->unjoined) &&
	    !vcpu->in_memory && !vector_test(lapic, APIC_TMR, vector) &&
	    !irqfd_resamples(vcpu->vm))
		vcpu->in_memory = mmu_swap_byte(&vcpu->vm->mmu, &vcpu->eoi_spot,
						KVM_PV_EOI_ENABLED) >= 0;
}

/* Puts the interrupt that is delivered now into service. Return: its vector, or -1. */
static __always_inline int take(struct lapic *lapic)
{
	int vector = pending(lapic);

	if (vector < 0)
		return -1;
	__clear_bit(vector & 31, word_of(lapic->page + APIC_IRR, vector));
	lapic->irr_top = lapic_top_vector(lapic->page + APIC_IRR, vector);
	__set_bit(vector & 31, word_of(lapic->page + APIC_ISR, vector));
	/* The guest may end it by its word of memory, if that can be written now. */
	if (unlikely(lapic->vcpu->msr.pv_eoi & KVM_MSR_ENABLED) && !lapic->delivers)
		offer_eoi(lapic, vector);
	lapic->isr_top = vector;
	return vector;
}

/* After a change that may let an interrupt pass. */
static void look_again(struct lapic *lapic)
{
	if (lapic->irr_top >= 0 || lapic->delivers)
		vcpu_request(lapic->vcpu, REQ_EVENT);
}

static noinline void end_level(struct vcpu *vcpu, u8 vector)
{
	bool level = vector_test(vcpu->lapic, APIC_TMR, vector);

	/* The guest tells the IO-APIC itself. */
	if (level && lapic_get(vcpu->lapic, APIC_SPIV) & APIC_SPIV_DIRECTED_EOI)
		return;
	if (vcpu->vm->ioapic) {
		ioapic_eoi(vcpu, vector, level);
	} else if (irqchip_split_pin(vcpu->vm, vector)) {
		vcpu->eoi_vector = vector;
		vcpu_request(vcpu, REQ_EOI);
	}
}

static __always_inline void ended(struct vcpu *vcpu, u8 vector)
{
	if (unlikely(vector_test(vcpu->lapic, APIC_TMR, vector) || irqfd_resamples(vcpu->vm)))
		end_level(vcpu, vector);
}

/**
 * lapic_ended() - an interrupt has left ISR
 * @vcpu: this thread's
 * @vector: of the interrupt
 *
 * The IO-APIC hears of level-triggered ones, and of all where lines are resampled; user space
 * hears of those that its own IO-APIC has sent. SDM vol. 3A, 10.8.5.
 */
void lapic_ended(struct vcpu *vcpu, u8 vector)
{
	ended(vcpu, vector);
}

/**
 * lapic_eoi() - end the highest interrupt in service
 * @lapic: this thread's
 *
 * SDM vol. 3A, 10.8.5.
 */
void lapic_eoi(struct lapic *lapic)
{
	int vector;

	join(lapic);
	vector = lapic->isr_top;
	if (vector < 0)
		return;
	__clear_bit(vector & 31, word_of(lapic->page + APIC_ISR, vector));
	lapic->isr_top = lapic_top_vector(lapic->page + APIC_ISR, vector);
	ended(lapic->vcpu, vector);
	look_again(lapic);
}

/* Memory that is gone has no word: the guest cannot keep its interrupt for ever. */
static noinline u8 take_word(struct vcpu *vcpu)
{
	struct mmu *mmu = &vcpu->vm->mmu;
	u8 word = 0, none = 0;

	if (!mmu_read(mmu, 0, vcpu->eoi_spot.gpa, &word, sizeof(word)))
		mmu_write(mmu, 0, vcpu->eoi_spot.gpa, &none, sizeof(none));
	return word;
}

/*
 * What the word's first byte says is the TPR, unless that was written itself; the others tell a
 * guest that lowers it whether to make an exit. Memory that is gone leaves the TPR as it is.
 * Return: false: not with interrupts off.
 */
static noinline bool settle_tpr(struct vcpu *vcpu)
{
	struct lapic *lapic = vcpu->lapic;
	struct mmu *mmu = &vcpu->vm->mmu;
	gpa_t gpa = vcpu->tpr_gpa;
	u32 word;

	if (irqs_disabled())
		return xchg(&vcpu->tpr_known, false);
	join(lapic);
	if (lapic_get(lapic, APIC_TASKPRI) == vcpu->tpr_settled && !mmu_read(mmu, 0, gpa, &word, 1))
		lapic_put(lapic, APIC_TASKPRI, (u8)word);
	vcpu->tpr_settled = lapic_get(lapic, APIC_TASKPRI);
	word = vcpu->tpr_settled | (max(lapic->isr_top, 0) & 0xf0) << 8 |
	       max(lapic->irr_top, 0) << 24;
	mmu_write(mmu, 0, gpa, &word, sizeof(word));
	vcpu->tpr_known = true;
	/* event_prepare() forgets that it is known, before the guest can change it. */
	vcpu_request(vcpu, REQ_EVENT);
	return true;
}

static noinline bool settle_later(struct vcpu *vcpu)
{
	vcpu_request(vcpu, REQ_SETTLE);
	vcpu_request(vcpu, REQ_EVENT);
	smp_send_reschedule(smp_processor_id());
	return false;
}

/**
 * lapic_settle() - take over what the guest has done to its LAPIC by words of its memory
 * @vcpu: this thread's, with @in_memory or not
 *
 * The offer of an EOI is taken back; if the guest did that, it is one. That comes before anything
 * that puts another interrupt into service. A guest that writes to its LAPIC all the same has
 * emptied ISR by then: one more EOI does nothing. The TPR's word is read where one may sleep alone.
 *
 * Context: any. Return: false if a word cannot be read with interrupts off: it will be soon, by
 * REQ_SETTLE, and an interrupt of our own ends the next stay in the guest at once.
 */
bool lapic_settle(struct vcpu *vcpu)
{
	int r;

	if (!vcpu->in_memory)
		return true;
	if (unlikely(vcpu->tpr_gpa))
		return settle_tpr(vcpu) || settle_later(vcpu);
	r = mmu_swap_byte(&vcpu->vm->mmu, &vcpu->eoi_spot, 0);
	if (r < 0 && irqs_disabled())
		return settle_later(vcpu);
	if (unlikely(r < 0))
		r = take_word(vcpu);
	vcpu->in_memory = false;
	if (!(r & KVM_PV_EOI_ENABLED))
		lapic_eoi(vcpu->lapic);
	return true;
}

/**
 * lapic_set_pv_eoi() - write MSR_KVM_PV_EOI_EN
 * @vcpu: loaded, with or without a LAPIC here; may sleep
 * @value: address of the vCPU's word, bit 0: enable
 *
 * Return: 0, or 1 for #GP(0): there is no memory.
 */
int lapic_set_pv_eoi(struct vcpu *vcpu, u64 value)
{
	if (value & KVM_MSR_ENABLED &&
	    !mmu_is_ram(&vcpu->vm->mmu, 0, value & ~(u64)KVM_MSR_ENABLED, true))
		return 1;
	lapic_settle(vcpu);
	vcpu->msr.pv_eoi = value;
	vcpu->eoi_spot = (struct mmu_spot) { .gpa = value & ~(u64)KVM_MSR_ENABLED };
	return 0;
}

/**
 * lapic_set_tpr_word() - KVM_SET_VAPIC_ADDR: a word of guest memory stands for the TPR
 * @vcpu: not running
 * @gpa: of the word, which gets the TPR; 0: none does
 *
 * Return: 0, or -EINVAL: no LAPIC here, or no memory there.
 */
int lapic_set_tpr_word(struct vcpu *vcpu, gpa_t gpa)
{
	struct mmu *mmu = &vcpu->vm->mmu;

	if (!vcpu->lapic || (gpa && (!mmu_is_ram(mmu, 0, gpa, true) ||
				     !mmu_is_ram(mmu, 0, gpa + sizeof(u32) - 1, true))))
		return -EINVAL;
	/* No EOI is offered beside it. */
	lapic_settle(vcpu);
	vcpu->tpr_gpa = gpa;
	vcpu->in_memory = gpa;
	lapic_write_tpr(vcpu->lapic, lapic_get(vcpu->lapic, APIC_TASKPRI));
	return 0;
}

/**
 * lapic_write_tpr() - set the task priority
 * @lapic: this thread's
 * @tpr: class in bits 7:4
 */
void lapic_write_tpr(struct lapic *lapic, u8 tpr)
{
	struct vcpu *vcpu = lapic->vcpu;

	lapic_put(lapic, APIC_TASKPRI, tpr);
	/* It is newer than the word, even if it is what it was when that was read. */
	vcpu->tpr_settled = ~tpr;
	if (unlikely(vcpu->tpr_gpa))
		vcpu_request(vcpu, REQ_SETTLE);
	look_again(lapic);
}

/**
 * vcpu_cr8() - the guest's CR8, bits 7:4 of the TPR
 * @vcpu: loaded, with or without a LAPIC here
 */
unsigned long vcpu_cr8(struct vcpu *vcpu)
{
	return vcpu->lapic ? lapic_get(vcpu->lapic, APIC_TASKPRI) >> 4 & 15 : vcpu->cr8;
}

/**
 * vcpu_set_cr8() - write the guest's CR8
 * @vcpu: loaded, with or without a LAPIC here
 * @cr8: new value
 *
 * Return: 0, or 1 for #GP(0): reserved bits.
 */
int vcpu_set_cr8(struct vcpu *vcpu, unsigned long cr8)
{
	if (cr8 & ~15UL)
		return 1;
	if (vcpu->lapic)
		lapic_write_tpr(vcpu->lapic, cr8 << 4);
	else
		vcpu->cr8 = cr8;
	return 0;
}

/**
 * lapic_accepts_extint() - do the 8259s' interrupts reach this vCPU?
 * @lapic: any vCPU's
 *
 * They do through LINT0 in ExtINT mode, and around a LAPIC that is disabled.
 */
bool lapic_accepts_extint(const struct lapic *lapic)
{
	if (READ_ONCE(lapic->mode) == LAPIC_DISABLED)
		return true;
	return (lapic_get(lapic, APIC_LVT0) & (APIC_LVT_MASKED | APIC_MODE_MASK)) ==
	       APIC_DM_EXTINT;
}

/**
 * irqchip_extint() - does an interrupt wait that comes past the LAPIC, from 8259s?
 * @vcpu: this thread's
 */
bool irqchip_extint(struct vcpu *vcpu)
{
	const struct pic *pic = vcpu->vm->pic;

	return unlikely(pic ? READ_ONCE(pic->pair.output) : vcpu->ev.user_vector >= 0) &&
	       lapic_accepts_extint(vcpu->lapic);
}

/**
 * irqchip_pending() - does an interrupt wait that the vCPU's controllers let pass now?
 * @vcpu: this thread's
 *
 * Return: -1 if not; else 0 or more, the vector if it is the LAPIC's (the 8259s tell theirs only
 * when it is taken). Context: the vCPU's thread; takes no lock.
 */
int irqchip_pending(struct vcpu *vcpu)
{
	return irqchip_extint(vcpu) ? 0 : pending(vcpu->lapic);
}

/**
 * irqchip_ack() - take the interrupt that goes first; the vCPU delivers it
 * @vcpu: this thread's
 *
 * Return: vector, or -1 if there is none (any more). Context: interrupts may be off.
 */
int irqchip_ack(struct vcpu *vcpu)
{
	int vector = -1;

	if (irqchip_extint(vcpu))
		vector = vcpu->vm->pic ? pic_take(vcpu) : event_take_user(vcpu);
	return vector >= 0 ? vector : take(vcpu->lapic);
}

/**
 * lapic_sync_irq() - work out again what is derived from the registers
 * @lapic: this thread's; IRR, ISR or the mode was written as a whole
 */
void lapic_sync_irq(struct lapic *lapic)
{
	deliver_changed(lapic->vcpu->vm);
	find_tops(lapic);
	WRITE_ONCE(lapic->ends_known, false);
	lapic_timer_sync(lapic);
	vcpu_request(lapic->vcpu, REQ_EVENT);
}
