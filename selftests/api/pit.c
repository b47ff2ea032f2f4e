// SPDX-License-Identifier: GPL-2.0
/*
 * The 8254 from outside: creation, state, what cannot be.
 */
#include "selftests/lib/vm.h"

static struct vm vm;

static int create(uint32_t flags)
{
	struct kvm_pit_config config = { .flags = flags };

	return call(vm.fd, KVM_CREATE_PIT2, &config);
}

static int reinject(uint8_t on)
{
	struct kvm_reinject_control control = { .pit_reinject = on };

	return call(vm.fd, KVM_REINJECT_CONTROL, &control);
}

static void caps(void)
{
	static const struct {
		int cap;
		const char *name;
	} caps[] = {
		{ KVM_CAP_PIT, "KVM_CAP_PIT" }, { KVM_CAP_PIT2, "KVM_CAP_PIT2" },
		{ KVM_CAP_PIT_STATE2, "KVM_CAP_PIT_STATE2" },
		{ KVM_CAP_REINJECT_CONTROL, "KVM_CAP_REINJECT_CONTROL" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		TAP_EQ(call(vm.dev, KVM_CHECK_EXTENSION, caps[i].cap), 1, "%s", caps[i].name);
}

static void without(void)
{
	struct kvm_pit_state state = { };
	struct kvm_pit_state2 state2 = { };

	TAP_EQ(call(vm.fd, KVM_GET_PIT, &state), -ENXIO, "KVM_GET_PIT without an 8254: ENXIO");
	TAP_EQ(call(vm.fd, KVM_SET_PIT, &state), -ENXIO, "KVM_SET_PIT: ENXIO");
	TAP_EQ(call(vm.fd, KVM_GET_PIT2, &state2), -ENXIO, "KVM_GET_PIT2: ENXIO");
	TAP_EQ(call(vm.fd, KVM_SET_PIT2, &state2), -ENXIO, "KVM_SET_PIT2: ENXIO");
	TAP_EQ(reinject(1), -ENXIO, "KVM_REINJECT_CONTROL: ENXIO");
	TAP_EQ(call(vm.fd, KVM_CREATE_PIT2, 8), -EFAULT, "KVM_CREATE_PIT2 of no memory: EFAULT");
	TAP_EQ(call(vm.fd, KVM_REINJECT_CONTROL, 8), -EFAULT, "KVM_REINJECT_CONTROL: EFAULT");
}

/* The time of loading apart, which is the beginning of what is being counted. */
static void set_and_get(void)
{
	struct kvm_pit_state2 set = {
		.channels = {
			{ .count = 0x10000, .mode = 2, .rw_mode = 3, .gate = 1 },
			{ .count = 18, .mode = 2, .rw_mode = 1, .read_state = 1, .gate = 1 },
			{ .count = 1234, .mode = 3, .rw_mode = 3, .read_state = 3,
			  .write_state = 4, .write_latch = 0x77, .status_latched = 1,
			  .status = 0x36, .count_latched = 3, .latched_count = 0x1234,
			  .gate = 1 },
		},
	}, got;
	struct kvm_pit_state old;
	unsigned int i, wrong = 0;

	memset(&got, 0xff, sizeof(got));
	TAP_EQ(call(vm.fd, KVM_SET_PIT2, &set), 0, "KVM_SET_PIT2");
	TAP_EQ(call(vm.fd, KVM_GET_PIT2, &got), 0, "KVM_GET_PIT2");
	for (i = 0; i < 3; i++)
		got.channels[i].count_load_time = 0;
	TAP_EQ(!memcmp(&set.channels, &got.channels, sizeof(set.channels)), 1,
	       "gives what was set");
	for (i = 0; i < 9; i++)
		wrong += got.reserved[i] != 0;
	TAP_EQ(wrong, 0, "and zeros where nothing is");
	set.flags = KVM_PIT_FLAGS_HPET_LEGACY;
	call(vm.fd, KVM_SET_PIT2, &set);
	TAP_EQ(call(vm.fd, KVM_GET_PIT, &old), 0, "KVM_GET_PIT");
	TAP_EQ(old.channels[2].count, 1234, "gives the same channels");
	old.channels[1].count = 77;
	TAP_EQ(call(vm.fd, KVM_SET_PIT, &old), 0, "KVM_SET_PIT");
	call(vm.fd, KVM_GET_PIT2, &got);
	TAP_EQ(got.channels[1].count, 77, "sets them");
	TAP_EQ(got.flags, KVM_PIT_FLAGS_HPET_LEGACY, "and leaves the flags");
}

static void hostile(void)
{
	struct kvm_pit_state2 state;
	unsigned int i, wrong = 0;

	for (i = 0; i < 256; i++) {
		memset(&state, i, sizeof(state));
		state.channels[0].mode = i & 7;
		wrong += call(vm.fd, KVM_SET_PIT2, &state) != 0;
		wrong += call(vm.fd, KVM_GET_PIT2, &state) != 0;
	}
	TAP_EQ(wrong, 0, "any state is taken, and made possible");
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);

	tap_begin();
	vm_open(&vm, path);
	caps();
	TAP_EQ(call(vm.fd, KVM_CREATE_IRQCHIP, 0), 0, "KVM_CREATE_IRQCHIP");
	without();
	TAP_EQ(create(KVM_PIT_SPEAKER_DUMMY), 0, "KVM_CREATE_PIT2");
	TAP_EQ(create(0), -EEXIST, "a second one: EEXIST");
	TAP_EQ(call(vm.fd, KVM_CREATE_PIT, 0), -EEXIST, "by its old name, too");
	TAP_EQ(reinject(0), 0, "KVM_REINJECT_CONTROL off");
	TAP_EQ(reinject(1), 0, "and on");
	set_and_get();
	hostile();
	vm_close(&vm);

	vm_open(&vm, path);
	TAP_EQ(call(vm.fd, KVM_CREATE_PIT, 0), 0, "KVM_CREATE_PIT, before any controllers");
	TAP_EQ(call(vm.fd, KVM_CREATE_IRQCHIP, 0), 0, "which may come after it");
	vm_close(&vm);
	return tap_end();
}
