// SPDX-License-Identifier: GPL-2.0
/*
 * Page-modification logging: the processor writes the address of each page whose EPT dirty bit
 * it sets into a page of the vCPU. It is on while a slot of the VM has a dirty log. What lies
 * there is handed to mmu/ after each stay in the guest. SDM vol. 3C, 28.2.6.
 *
 * The vCPU's own thread is the only one that touches the page and the VMCS fields.
 */
#include <linux/gfp.h>
#include <linux/moduleparam.h>
#include "vmx/hw/controls.h"
#include "vmx/vcpu.h"

static bool pml = true;
module_param(pml, bool, 0444);
MODULE_PARM_DESC(pml, "dirty logs by page-modification logging, where the processor has it");

/**
 * pml_there() - will dirty logs be made so?
 */
bool pml_there(void)
{
	return pml && caps_has(&vmx_caps, VMX_CAP_PML);
}

/**
 * pml_create() - a vCPU's page
 * @vcpu: new
 *
 * Return: 0, or -ENOMEM.
 */
int pml_create(struct vcpu *vcpu)
{
	if (!pml_there())
		return 0;
	vcpu->pml = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return vcpu->pml ? 0 : -ENOMEM;
}

/**
 * pml_update() - REQ_PML: log from now on, or not any more
 * @vcpu: loaded
 */
void pml_update(struct vcpu *vcpu)
{
	vcpu->pml_on = vcpu->pml && READ_ONCE(vcpu->vm->mmu.nr_logs);
	vcpu->vmcs->proc2 &= ~SECONDARY_EXEC_ENABLE_PML;
	if (vcpu->pml_on) {
		vcpu->vmcs->proc2 |= SECONDARY_EXEC_ENABLE_PML;
		vmcs_write64(PML_ADDRESS, __pa(vcpu->pml));
		vmcs_write16(GUEST_PML_INDEX, PML_ENTRIES - 1);
	}
	vmcs_write32(SECONDARY_VM_EXEC_CONTROL, vcpu->vmcs->proc2);
}

/**
 * pml_drain() - tell mmu/ what the guest has written
 * @vcpu: loaded, logging; interrupts on
 */
void pml_drain(struct vcpu *vcpu)
{
	/* It is filled from the last entry to the first, and below. */
	unsigned int first = (u16)(vmcs_read16(GUEST_PML_INDEX) + 1);

	if (first >= PML_ENTRIES)
		return;
	mmu_mark_gpas(&vcpu->vm->mmu, vcpu->smm, vcpu->pml + first, PML_ENTRIES - first);
	vmcs_write16(GUEST_PML_INDEX, PML_ENTRIES - 1);
}
