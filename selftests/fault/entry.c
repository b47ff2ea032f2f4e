// SPDX-License-Identifier: GPL-2.0
/*
 * VM entries that the processor refuses, live: one rule at a time is broken in the VMCS of a good
 * guest. KVM_RUN says KVM_EXIT_FAIL_ENTRY, the explanation names the field that was spoilt and no
 * other, and the same guest goes on. emulator.py compares with what the emulator says.
 *
 * shows: INVALID_STATE
 * only: kvmlet
 * lab: --param test=1 --expect entry-failure=55
 */
#include <fcntl.h>
#include "selftests/lib/vm.h"

#define FOLDER		"/sys/kernel/debug/kvmlet/"
#define FAILED		0x80000000u		/* exit reason: VM-entry failure */
#define INVALID_GUEST	(FAILED | 33)
#define INVALID_CONTROL	7
#define INVALID_HOST	8
#define BAD		(1ULL << 60)		/* no address, physical or linear */

static const struct plant {
	const char *name;
	uint32_t field;
	uint64_t value;
	uint32_t reason;
} plants[] = {
#define CONTROL(name, field, value)	{ #name, field, value, INVALID_CONTROL }
	CONTROL(PIN_BASED_VM_EXEC_CONTROL, 0x4000, 0),
	CONTROL(CPU_BASED_VM_EXEC_CONTROL, 0x4002, 0),
	CONTROL(SECONDARY_VM_EXEC_CONTROL, 0x401e, 0x80000082),
	CONTROL(SECONDARY_VM_EXEC_CONTROL, 0x401e, 0x80),
	CONTROL(CR3_TARGET_COUNT, 0x400a, 5),
	CONTROL(MSR_BITMAP, 0x2004, 0x123),
	CONTROL(EPT_POINTER, 0x201a, 6),
	CONTROL(VIRTUAL_PROCESSOR_ID, 0, 0),
	CONTROL(VM_EXIT_CONTROLS, 0x400c, 0),
	CONTROL(VM_ENTRY_CONTROLS, 0x4012, 0),
	CONTROL(VM_ENTRY_INTR_INFO_FIELD, 0x4016, 0x80000106),
	CONTROL(VM_ENTRY_INTR_INFO_FIELD, 0x4016, 0x80000203),
	CONTROL(VM_ENTRY_INTR_INFO_FIELD, 0x4016, 0x80001306),
	CONTROL(VM_ENTRY_INTR_INFO_FIELD, 0x4016, 0x80000b06),
	CONTROL(VM_ENTRY_INTR_INFO_FIELD, 0x4016, 0x8000030d),
#define HOST(name, field, value)	{ #name, field, value, INVALID_HOST }
	HOST(HOST_CR0, 0x6c00, 0),
	HOST(HOST_CR3, 0x6c02, BAD),
	HOST(HOST_CR4, 0x6c04, 0x20),
	HOST(HOST_CS_SELECTOR, 0xc02, 0),
	HOST(HOST_SS_SELECTOR, 0xc04, 3),
	HOST(HOST_TR_SELECTOR, 0xc0c, 0),
	HOST(HOST_FS_BASE, 0x6c06, BAD),
	HOST(HOST_GS_BASE, 0x6c08, BAD),
	HOST(HOST_TR_BASE, 0x6c0a, BAD),
	HOST(HOST_GDTR_BASE, 0x6c0c, BAD),
	HOST(HOST_IDTR_BASE, 0x6c0e, BAD),
	HOST(HOST_IA32_SYSENTER_ESP, 0x6c10, BAD),
	HOST(HOST_IA32_SYSENTER_EIP, 0x6c12, BAD),
	HOST(HOST_RIP, 0x6c16, BAD),
	HOST(HOST_IA32_PAT, 0x2c00, 2),
	HOST(HOST_IA32_EFER, 0x2c02, 0),
#define GUEST(name, field, value)	{ #name, field, value, INVALID_GUEST }
	GUEST(GUEST_RFLAGS, 0x6820, 0),
	GUEST(GUEST_RFLAGS, 0x6820, 0xa),
	GUEST(GUEST_CR0, 0x6800, 0x80000011),
	GUEST(GUEST_CR3, 0x6802, BAD),
	GUEST(GUEST_CR4, 0x6804, 0x20),
	GUEST(GUEST_DR7, 0x681a, 1ULL << 32),
	GUEST(GUEST_CS_BASE, 0x6808, 1ULL << 32),
	GUEST(GUEST_FS_BASE, 0x680e, BAD),
	GUEST(GUEST_TR_BASE, 0x6814, BAD),
	GUEST(GUEST_CS_AR_BYTES, 0x4816, 0xa01b),
	GUEST(GUEST_SS_AR_BYTES, 0x4818, 0xc091),
	GUEST(GUEST_DS_AR_BYTES, 0x481a, 0xc092),
	GUEST(GUEST_ES_AR_BYTES, 0x4814, 0xc083),
	GUEST(GUEST_TR_AR_BYTES, 0x4822, 0x83),
	GUEST(GUEST_TR_SELECTOR, 0x80e, 4),
	GUEST(GUEST_GDTR_LIMIT, 0x4810, 0x10000),
	GUEST(GUEST_IDTR_BASE, 0x6818, BAD),
	GUEST(GUEST_SYSENTER_ESP, 0x6824, BAD),
	GUEST(GUEST_IA32_PAT, 0x2804, 3),
	GUEST(GUEST_IA32_EFER, 0x2806, 0),
	GUEST(VMCS_LINK_POINTER, 0x2800, 0x1001),
	GUEST(GUEST_ACTIVITY_STATE, 0x4826, 7),
	GUEST(GUEST_INTERRUPTIBILITY_INFO, 0x4824, 0x20),
	GUEST(GUEST_PENDING_DBG_EXCEPTIONS, 0x6822, 0x10),
};

#define NR_PLANTS	(sizeof(plants) / sizeof(plants[0]))

static struct vm vm;
static struct vcpu vcpu;

static void guest(void)
{
	uint32_t i;

	for (i = 0;; i++)
		guest_sync(i);
}

static ssize_t plant_text(const char *text)
{
	int fd = open(FOLDER "plant", O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	if (n < 0)
		n = -errno;
	close(fd);
	return n;
}

static const char *explanation(void)
{
	static char text[4096];
	int fd = open(FOLDER "last-entry-failure", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

/* Does each line after the first begin with the name? Each is shown, for emulator.py too. */
static bool names_only(const char *text, const char *name)
{
	unsigned int lines = 0, good = 0;

	for (text = strchr(text, '\n'); text && text[1]; text = strchr(text, '\n')) {
		text++;
		lines++;
		good += !strncmp(text, name, strlen(name)) && text[strlen(name)] == ' ';
		printf("# found %.*s\n", (int)strcspn(text, "\n"), text);
	}
	return lines && good == lines;
}

static void test_plant(const struct plant *p, uint32_t *count)
{
	char words[64];
	int exit;

	snprintf(words, sizeof(words), "%x %llx", p->field, (unsigned long long)p->value);
	plant_text(words);
	printf("# planted %s\n", p->name);
	exit = vcpu_run(&vcpu);
	tap_ok(exit == KVM_EXIT_FAIL_ENTRY, "%s = %#llx: the entry fails", p->name,
	       (unsigned long long)p->value);
	TAP_EQ(vcpu.run->fail_entry.hardware_entry_failure_reason, p->reason,
	       "for the processor's reason");
	tap_ok(names_only(explanation(), p->name), "the explanation names %s alone", p->name);
	++*count;
	TAP_EQ(vcpu_sync(&vcpu), *count, "the guest goes on");
}

static void test_interface(void)
{
	char text[100];

	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	TAP_EQ(plant_text("hello"), -EINVAL, "what is no number is not planted");
	TAP_EQ(plant_text("6800"), -EINVAL, "nor a field without a value");
	TAP_EQ(plant_text(text), -EINVAL, "nor what is too long");
}

int main(int argc, char **argv)
{
	const char *path = device_path(argc, argv);
	uint32_t count = 0;
	unsigned int i;

	tap_begin();
	machine(&vm, &vcpu, path, false, guest);
	TAP_EQ(vcpu_sync(&vcpu), 0, "the guest runs");
	test_interface();
	for (i = 0; i < NR_PLANTS; i++)
		test_plant(&plants[i], &count);
	machine_close(&vm, &vcpu);
	return tap_end();
}
