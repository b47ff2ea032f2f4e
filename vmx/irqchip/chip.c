// SPDX-License-Identifier: GPL-2.0
/*
 * The controllers as one: creation, user space's access to their state, the guest's by port and
 * address. Which interrupt a vCPU takes next is in lapic_irq.c.
 *
 * vm->lock guards creation; each controller has its own lock.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include "vmx/irqchip/internal.h"

/**
 * irqchip_create() - KVM_CREATE_IRQCHIP: 8259s, IO-APIC and default routes
 * @vm: its lock is held
 *
 * Return: 0; -EEXIST if there are controllers already, else -EINVAL if there is a vCPU; -ENOMEM.
 */
int irqchip_create(struct vm *vm)
{
	struct irq_routes *routes;
	struct ioapic *ioapic;
	struct pic *pic;

	lockdep_assert_held(&vm->lock);
	if (vm->irqchip != IRQCHIP_NONE)
		return -EEXIST;
	if (vm->nr_vcpus)
		return -EINVAL;
	pic = pic_create();
	ioapic = ioapic_create();
	routes = routes_create(true);
	if (!pic || !ioapic || !routes) {
		kvfree(routes);
		kfree(ioapic);
		kfree(pic);
		return -ENOMEM;
	}
	vm->pic = pic;
	WRITE_ONCE(vm->has_ports, true);
	vm->ioapic = ioapic;
	rcu_assign_pointer(vm->routes, routes);
	/* Who sees the mode sees the controllers. */
	smp_store_release(&vm->irqchip, IRQCHIP_KERNEL);
	return 0;
}

/**
 * irqchip_split() - KVM_CAP_SPLIT_IRQCHIP: only the LAPICs are here
 * @vm: its lock is held
 * @pins: GSIs below it are the pins of user space's IO-APIC, which hears of their EOIs
 *
 * Return: 0; -EINVAL for too many pins; -EEXIST if there are controllers or a vCPU; -ENOMEM.
 */
int irqchip_split(struct vm *vm, u64 pins)
{
	lockdep_assert_held(&vm->lock);
	if (pins > IRQCHIP_ROUTES)
		return -EINVAL;
	if (vm->irqchip != IRQCHIP_NONE || vm->nr_vcpus)
		return -EEXIST;
	rcu_assign_pointer(vm->routes, routes_create(false));
	if (!rcu_access_pointer(vm->routes))
		return -ENOMEM;
	vm->split_pins = pins;
	smp_store_release(&vm->irqchip, IRQCHIP_SPLIT);
	return 0;
}

/**
 * irqchip_destroy() - free a VM's controllers
 * @vm: that nobody can reach any more
 */
void irqchip_destroy(struct vm *vm)
{
	pit_destroy(vm);
	if (vm->mmu.own_hpa)
		free_page((unsigned long)__va(vm->mmu.own_hpa));
	kvfree(rcu_dereference_protected(vm->routes, true));
	kfree(vm->ioapic);
	kfree(vm->pic);
}

/**
 * irqchip_state() - KVM_GET_IRQCHIP and KVM_SET_IRQCHIP
 * @vm: any
 * @chip: chip_id says which; its state is filled in, all of it, or may be anything
 * @set: it is set
 *
 * Return: 0; -ENXIO: no controllers here; -EINVAL: an unknown chip.
 */
int irqchip_state(struct vm *vm, struct kvm_irqchip *chip, bool set)
{
	/* Pairs with irqchip_create(): they are there when the mode says so. */
	if (smp_load_acquire(&vm->irqchip) != IRQCHIP_KERNEL)
		return -ENXIO;
	if (chip->chip_id > KVM_IRQCHIP_IOAPIC)
		return -EINVAL;
	if (!set)
		memset(&chip->chip, 0, sizeof(chip->chip));
	if (chip->chip_id != KVM_IRQCHIP_IOAPIC)
		pic_state(vm, chip->chip_id == KVM_IRQCHIP_PIC_SLAVE, &chip->chip.pic, set);
	else if (set)
		ioapic_set(vm, &chip->chip.ioapic);
	else
		ioapic_get(vm, &chip->chip.ioapic);
	return 0;
}

/**
 * irqchip_pio() - a guest's IN or OUT
 * @vcpu: loaded
 * @port: any
 * @len: 1, 2 or 4 bytes
 * @data: read or written, all of it
 * @write: OUT
 *
 * Return: false if no controller is there, no eventfd and no zone; so always unless
 * vm->has_ports.
 */
bool irqchip_pio(struct vcpu *vcpu, u16 port, unsigned int len, void *data, bool write)
{
	struct pit *pit = READ_ONCE(vcpu->vm->pit);

	if (vcpu->vm->pic && pic_has_port(port))
		return pic_io(vcpu, port, len, data, write);
	if (pit && pit_io(pit, port, len, data, write))
		return true;
	return write && post_write(vcpu->vm, IO_PORTS, port, len, data);
}

static noinline bool controllers_mmio(struct vcpu *vcpu, gpa_t gpa, unsigned int len, void *data,
				      bool write)
{
	const struct ioapic *ioapic = vcpu->vm->ioapic;
	u64 offset = ioapic ? gpa - READ_ONCE(ioapic->base) : IOAPIC_LENGTH;

	if (((gpa ^ vcpu->apic_base) & PAGE_MASK) == 0)
		lapic_mmio(vcpu->lapic, offset_in_page(gpa), len, data, write);
	else if (offset < IOAPIC_LENGTH)
		ioapic_mmio(vcpu, offset, len, data, write);
	else
		return write && post_write(vcpu->vm, IO_MEMORY, gpa, len, data);
	return true;
}

/**
 * irqchip_mmio() - a guest's access to physical memory
 * @vcpu: loaded
 * @gpa: any
 * @len: 1 to 8 bytes
 * @data: read or written, all of it
 * @write: a store
 *
 * Return: false if no controller is there, no eventfd and no zone.
 */
bool irqchip_mmio(struct vcpu *vcpu, gpa_t gpa, unsigned int len, void *data, bool write)
{
	if (vcpu->lapic)
		return controllers_mmio(vcpu, gpa, len, data, write);
	return write && post_write(vcpu->vm, IO_MEMORY, gpa, len, data);
}
