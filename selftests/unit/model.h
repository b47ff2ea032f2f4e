/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processors as unit tests see them: the CPUID of each model of the lab, from vectors/MODEL.cpuid
 * (LEAF.INDEX and four registers a line, as the instruction gave them), as the policy of
 * vmx/cpu/cpuid_policy.c reads a host.
 */
#ifndef KVMLET_TEST_MODEL_H
#define KVMLET_TEST_MODEL_H

#include <stdlib.h>
#include "vmx/cpu/cpuid_policy.h"

#ifndef VECTORS
#define VECTORS "selftests/unit/vectors"
#endif

#define MODEL_ENTRIES	64
#define ALL_NEEDS	0xffffffffu

struct model {
	char name[64];
	unsigned int nr;
	struct kvm_cpuid_entry2 entry[MODEL_ENTRIES];
};

/* XSAVE's standard layout, the same on every processor: SDM vol. 1, 13.5. */
static const struct kvm_cpuid_entry2 components[] = {
	{ .function = 0xd, .index = 2, .eax = 256, .ebx = 576 },
	{ .function = 0xd, .index = 5, .eax = 64, .ebx = 1088 },
	{ .function = 0xd, .index = 6, .eax = 512, .ebx = 1152 },
	{ .function = 0xd, .index = 7, .eax = 1024, .ebx = 1664 },
	{ .function = 0xd, .index = 9, .eax = 8, .ebx = 2688, .ecx = 2 },
};

static inline void to_regs(const struct kvm_cpuid_entry2 *e, u32 regs[4])
{
	regs[0] = e->eax;
	regs[1] = e->ebx;
	regs[2] = e->ecx;
	regs[3] = e->edx;
}

static inline void read_model(void *ctx, u32 leaf, u32 index, u32 regs[4])
{
	const struct model *model = ctx;
	unsigned int i;

	memset(regs, 0, 4 * sizeof(*regs));
	for (i = 0; i < model->nr; i++)
		if (model->entry[i].function == leaf && model->entry[i].index == index)
			to_regs(&model->entry[i], regs);
	for (i = 0; leaf == 0xd && i < ARRAY_SIZE(components); i++)
		if (components[i].index == index)
			to_regs(&components[i], regs);
}

static inline struct cpuid_host host_of(struct model *model)
{
	struct cpuid_host host = { .read = read_model, .ctx = model, .needs = ALL_NEEDS };
	u32 regs[4];

	memset(host.enabled, 0xff, sizeof(host.enabled));
	read_model(model, 0, 0, regs);
	if (regs[0] >= 0xd) {
		read_model(model, 0xd, 0, regs);
		host.xcr0 = regs[0];
	}
	if (!(host.xcr0 & CPUID_XCR0_AVX))
		host.needs &= ~BIT(CPUID_NEED_AVX);
	if ((host.xcr0 & CPUID_XCR0_AVX512) != CPUID_XCR0_AVX512)
		host.needs &= ~BIT(CPUID_NEED_AVX512);
	host.cr4 = ~0UL;
	return host;
}

static inline void load(struct model *model, const char *folder, const char *file)
{
	struct kvm_cpuid_entry2 *e;
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	f = fopen(path, "r");
	if (!f) {
		perror(path);
		exit(1);
	}
	memset(model, 0, sizeof(*model));
	snprintf(model->name, sizeof(model->name), "%.*s", (int)strcspn(file, "."), file);
	while (model->nr < MODEL_ENTRIES) {
		e = &model->entry[model->nr];
		if (fscanf(f, "%x.%x %x %x %x %x", &e->function, &e->index, &e->eax, &e->ebx,
			   &e->ecx, &e->edx) != 6)
			break;
		model->nr++;
	}
	fclose(f);
}

#endif
