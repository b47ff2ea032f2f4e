// SPDX-License-Identifier: GPL-2.0
/*
 * INIT and SIPI: how one vCPU starts another. Anybody posts them, the vCPU's thread takes them;
 * the bits of vcpu->startup are atomic and need no lock.
 * SDM vol. 3A, 8.4.2 and 8.4.3; vol. 3C, 25.2 (a processor ignores SIPIs unless it waits).
 */
#include "vmx/irqchip/internal.h"

/**
 * lapic_post_init() - an INIT arrives
 * @lapic: any vCPU's
 *
 * A SIPI from before is void. Context: any; the caller kicks the vCPU.
 */
void lapic_post_init(struct lapic *lapic)
{
	xchg(&lapic->vcpu->startup, BIT(STARTUP_INIT));
	vcpu_request(lapic->vcpu, REQ_EVENT);
}

/**
 * lapic_set_sipi_vector() - where the next SIPI starts the vCPU
 * @vcpu: any
 * @vector: number of the page to start at
 *
 * Context: any.
 */
void lapic_set_sipi_vector(struct vcpu *vcpu, u8 vector)
{
	WRITE_ONCE(vcpu->lapic->sipi_vector, vector);
}

/**
 * lapic_post_sipi() - a SIPI arrives, with the vector that was set last
 * @vcpu: any
 *
 * Context: any; the caller kicks the vCPU.
 */
void lapic_post_sipi(struct vcpu *vcpu)
{
	/* The vector must be there with the bit; pairs with lapic_take_sipi(). */
	smp_mb__before_atomic();
	set_bit(STARTUP_SIPI, &vcpu->startup);
	vcpu_request(vcpu, REQ_EVENT);
}

/**
 * lapic_startup() - must INIT or SIPI be taken before the guest goes on?
 * @vcpu: this thread's
 *
 * A SIPI for a vCPU that does not wait for one is dropped here. In SMM an INIT waits for RSM.
 */
bool lapic_startup(struct vcpu *vcpu)
{
	unsigned long *startup = &vcpu->startup;

	if (likely(!READ_ONCE(*startup)))
		return false;
	if (vcpu->smm) {
		clear_bit(STARTUP_SIPI, startup);
		return false;
	}
	if (vcpu->mp_state == KVM_MP_STATE_INIT_RECEIVED)
		return true;
	/* Only if there is still no INIT in front of it. */
	return cmpxchg(startup, BIT(STARTUP_SIPI), 0) & BIT(STARTUP_INIT);
}

/**
 * lapic_take_init() - take an INIT
 * @vcpu: this thread's
 *
 * Return: true if there was one.
 */
bool lapic_take_init(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->startup) &&
	       test_and_clear_bit(STARTUP_INIT, &vcpu->startup);
}

/**
 * lapic_init_waits() - has an INIT arrived that was not taken?
 * @vcpu: any
 */
bool lapic_init_waits(const struct vcpu *vcpu)
{
	return test_bit(STARTUP_INIT, &vcpu->startup);
}

/**
 * lapic_take_sipi() - take a SIPI
 * @vcpu: this thread's, waiting for it
 * @vector: number of the page to start at
 *
 * Return: true if there was one.
 */
bool lapic_take_sipi(struct vcpu *vcpu, u8 *vector)
{
	unsigned long *startup = &vcpu->startup;

	/* An INIT in front of it is taken first. */
	if (cmpxchg(startup, BIT(STARTUP_SIPI), 0) != BIT(STARTUP_SIPI))
		return false;
	*vector = READ_ONCE(vcpu->lapic->sipi_vector);
	return true;
}
