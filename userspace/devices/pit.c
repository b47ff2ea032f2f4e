// SPDX-License-Identifier: GPL-2.0
/*
 * The 8254, with port 0x61: the driver's, where it has one. Here is only its state for a saved
 * guest. In it are times of the host's clock, so that time goes with it.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <time.h>

#include "userspace/devices/devices.h"

static struct {
	struct kvm_pit_state2 state;
	s64 now;		/* CLOCK_MONOTONIC when it was taken, ns */
} pit;

_Static_assert(sizeof(pit) == 120, "as Documentation/save-format.rst has it");

static s64 clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void pit_saving(void *dev)
{
	struct vm *vm = dev;

	pit.now = clock_now();
	if (ioctl(vm->fd, KVM_GET_PIT2, &pit.state))
		report("%s: KVM_GET_PIT2: %s", vm->device, strerror(errno));
}

/* The guest did not exist meanwhile: what it was counting goes on from where it was. */
static const char *pit_loaded(void *dev)
{
	s64 passed = (u64)clock_now() - (u64)pit.now;
	struct kvm_pit_channel_state *c;
	struct vm *vm = dev;

	for (c = pit.state.channels; c < pit.state.channels + ARRAY_SIZE(pit.state.channels); c++)
		if (c->count_load_time > 0)
			c->count_load_time = (u64)c->count_load_time + (u64)passed;
	return ioctl(vm->fd, KVM_SET_PIT2, &pit.state) ? "the driver refuses its state" : NULL;
}

/**
 * pit_init() - have the driver make an 8254
 * @vm:		the VM
 */
void pit_init(struct vm *vm)
{
	struct kvm_pit_config config = { .flags = KVM_PIT_SPEAKER_DUMMY };
	const struct kept kept = {
		.name = "pit", .state = &pit, .size = sizeof(pit), .loaded = pit_loaded,
		.saving = pit_saving, .dev = vm,
	};

	if (!vm_has(vm, KVM_CAP_PIT2) || !vm_has(vm, KVM_CAP_PIT_STATE2))
		return;
	if (ioctl(vm->fd, KVM_CREATE_PIT2, &config)) {
		report("%s: KVM_CREATE_PIT2: %s", vm->device, strerror(errno));
		vm_end(vm, RUN_KVM_ERROR);
		return;
	}
	vm_keep(vm, &kept);
}
