// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet run`: options, putting the machine together, and the main thread, which waits for the
 * console, for signals and for the end. The guest runs in the vCPUs' threads (vcpu.c).
 */
#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "userspace/console.h"
#include "userspace/cpu.h"
#include "userspace/devices/devices.h"
#include "userspace/loader.h"
#include "userspace/run.h"
#include "userspace/save.h"
#include "userspace/state.h"
#include "userspace/trace.h"
#include "userspace/vm.h"

#define DEFAULT_DEVICE	"/dev/kvmlet"
#define DEFAULT_APPEND	"console=ttyS0"
#define DEFAULT_MEM	(256ULL << 20)

struct options {
	const char *kernel, *initrd, *append, *device;
	u64 mem;
	unsigned int tsc_khz;			/* of the guest, 0: the host's */
	unsigned int cpus;
	struct cpu_choice cpu;
	const char *vendor;
	char *disk[DISKS_MOST];
	unsigned int disks;
	char *net[NETS_MOST];
	unsigned int nets;
	bool rng, console;
	const char *restore, *incoming;		/* where the guest comes from */
	const char *save, *live;		/* where it goes */
	double after;				/* seconds until it does, 0: when it is told */
	const char *trace;			/* "-": standard error; NULL: no trace */
	bool cpu_list, boots;
};

enum {
	OPTION_CPU_LIST = 0x100, OPTION_VENDOR, OPTION_DISK, OPTION_NET, OPTION_RNG, OPTION_CONSOLE,
	OPTION_CPUS,
	OPTION_SAVE, OPTION_RESTORE, OPTION_LIVE, OPTION_INCOMING, OPTION_AFTER, OPTION_TSC,
};

/* --- options -------------------------------------------------------------------------------- */

static const struct argp_option option_list[] = {
	{ "kernel", 'k', "FILE", 0, "The guest's kernel: a bzImage (vmlinuz) or an ELF vmlinux, "
	  "which starts faster", 0 },
	{ "initrd", 'i', "FILE", 0, "Its initial RAM disk", 0 },
	{ "append", 'a', "STR", 0, "Its command line (console=ttyS0 unless given)", 0 },
	{ "mem", 'm', "SIZE", 0, "Its memory, with K, M or G (256M)", 0 },
	{ "device", 'd', "FILE", 0, "The driver's device (/dev/kvmlet); /dev/kvm works too", 0 },
	{ "disk", OPTION_DISK, "FILE[,ro][,cache=MODE][,io=WAY]", 0, "A disk: a raw image. ro: "
	  "nothing is written. cache=writeback (unless given): as safe as the guest's flushes; writethrough: "
	  "each write is on the disk before the guest hears of it; unsafe: flushes do nothing. "
	  "io=uring: by io_uring; thread: without; unless given as the host can. May be given "
	  "several times", 0 },
	{ "net", OPTION_NET, "tap=NAME[,mac=MAC]", 0, "A network device: a TAP interface of the "
	  "host's, which is made if it is not there. Its MAC address is a random one unless given. "
	  "May be given several times", 0 },
	{ "rng", OPTION_RNG, NULL, 0, "A source of random numbers: the host's", 0 },
	{ "console", OPTION_CONSOLE, NULL, 0, "A virtio console (hvc0), which has standard input "
	  "in place of the serial port; the output of both is standard output", 0 },
	{ "cpu", 'c', "NAME", 0, "Its processor: host (all that the driver offers here), or a "
	  "baseline, then any ,+feature and ,-feature", 0 },
	{ "cpus", OPTION_CPUS, "N", 0, "How many processors it has, up to 64 (1)", 0 },
	{ "cpu-list", OPTION_CPU_LIST, NULL, 0, "Print the baselines, and whether they run here",
	  0 },
	{ "tsc-khz", OPTION_TSC, "KHZ", 0, "The frequency of its TSC (the host's); a processor "
	  "without TSC scaling can only give it a faster one", 0 },
	{ "vendor-leaf", OPTION_VENDOR, "STR", 0, "The hypervisor's name that CPUID tells it, "
	  "at most 12 bytes", 0 },
	{ "save", OPTION_SAVE, "FILE", 0, "Save the guest and end, when SIGUSR1 comes or the guest "
	  "writes to port 0xf5", 0 },
	{ "restore", OPTION_RESTORE, "FILE", 0, "Go on with a saved guest, instead of --kernel",
	  0 },
	{ "live", OPTION_LIVE, "SOCKET", 0, "Move the running guest to another runner then: to the "
	  "path of its socket, or localhost:PORT", 0 },
	{ "incoming", OPTION_INCOMING, "SOCKET", 0, "Wait there for a guest to be moved here, "
	  "instead of --kernel", 0 },
	{ "after", OPTION_AFTER, "SECONDS", 0, "Save or move it when it has run for so long", 0 },
	{ "trace", 't', "FILE", OPTION_ARG_OPTIONAL, "Print every exit to this program, and the "
	  "way of a disk's write hop by hop, on standard error or into FILE", 0 },
	{ 0 }
};

static u64 parse_size(const char *arg)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(arg, &end, 10);
	if (errno || end == arg || *arg == '-' || n > RAM_MAX)
		return 0;
	switch (*end) {
	case 'G':
	case 'g':
		n <<= 10;
		fallthrough;
	case 'M':
	case 'm':
		n <<= 10;
		fallthrough;
	case 'K':
	case 'k':
		n <<= 10;
		end++;
	}
	return *end || n < RAM_MIN || n > RAM_MAX || n % 4096 ? 0 : n;
}

static unsigned int parse_cpus(const char *arg, struct argp_state *state)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 10);

	if (*arg < '0' || *arg > '9' || *end || n < 1 || n > SAVE_MAX_CPUS)
		argp_error(state, "--cpus %s: expected 1 to %u", arg, SAVE_MAX_CPUS);
	return n;
}

/* Options about the processors. */
static error_t parse_cpu(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	char why[512];

	switch (key) {
	case 'c':
		if (cpu_parse(arg, &o->cpu, why, sizeof(why)))
			argp_error(state, "%s", why);
		return 0;
	case OPTION_CPUS:
		o->cpus = parse_cpus(arg, state);
		return 0;
	case OPTION_CPU_LIST:
		o->cpu_list = true;
		return 0;
	case OPTION_TSC:
		o->tsc_khz = strtoul(arg, NULL, 10);
		if (!o->tsc_khz)
			argp_error(state, "--tsc-khz %s: not a frequency", arg);
		return 0;
	case OPTION_VENDOR:
		o->vendor = arg;
		if (strlen(arg) > CPU_VENDOR_SIZE)
			argp_error(state, "--vendor-leaf %s: at most %d bytes", arg,
				   CPU_VENDOR_SIZE);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* One more of a kind, of which as many as there is room for on PCI may be. */
static void parse_one(char *arg, char **list, unsigned int *n, const char *option,
		      struct argp_state *state)
{
	if (*n == VIRTIO_MOST)
		argp_error(state, "%s %s: more than %u", option, arg, VIRTIO_MOST);
	else
		list[(*n)++] = arg;
}

/* How many devices there are on PCI; without any there is no bus. */
static unsigned int on_pci(const struct options *o)
{
	return o->disks + o->nets + o->rng + o->console;
}

static double parse_seconds(const char *arg, struct argp_state *state)
{
	char *end;
	double n = strtod(arg, &end);

	if (end == arg || *end || !(n > 0 && n < 1e9))
		argp_error(state, "--after %s: expected seconds, more than 0", arg);
	return n;
}

/* Options about devices on PCI. */
static error_t parse_device(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case OPTION_DISK:
		parse_one(arg, o->disk, &o->disks, "--disk", state);
		return 0;
	case OPTION_NET:
		parse_one(arg, o->net, &o->nets, "--net", state);
		return 0;
	case OPTION_CONSOLE:
		o->console = true;
		return 0;
	case OPTION_RNG:
		o->rng = true;
		return 0;
	}
	return parse_cpu(key, arg, state);
}

/* Options about guests that come and go. */
static error_t parse_travel(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case OPTION_SAVE:
		o->save = arg;
		return 0;
	case OPTION_RESTORE:
		o->restore = arg;
		return 0;
	case OPTION_LIVE:
		o->live = arg;
		return 0;
	case OPTION_INCOMING:
		o->incoming = arg;
		return 0;
	case OPTION_AFTER:
		o->after = parse_seconds(arg, state);
		return 0;
	}
	return parse_device(key, arg, state);
}

static void check_pci(const struct options *o, struct argp_state *state)
{
	if (on_pci(o) > VIRTIO_MOST)
		argp_error(state, "--disk, --net, --rng and --console: %u devices, and "
			   "there is room for %u on PCI", on_pci(o), VIRTIO_MOST);
	if (o->disks && (o->live || o->incoming))
		argp_error(state, "--disk: a guest with disks is saved, but not moved: its images "
			   "are locked");
	if (on_pci(o) && (o->live || o->incoming))
		argp_error(state, "%s: a guest with it is saved, but not moved: what the device "
			   "writes is in no dirty log",
			   o->nets ? "--net" : o->rng ? "--rng" : "--console");
}

static void check_options(const struct options *o, struct argp_state *state)
{
	if (o->cpu_list)
		return;
	if (!o->kernel && !o->restore && !o->incoming)
		argp_error(state, "which kernel? --kernel FILE");
	if (o->restore && o->incoming)
		argp_error(state, "--restore and --incoming: a guest comes one way");
	if (o->boots && (o->restore || o->incoming))
		argp_error(state, "a guest that is restored or comes in has its kernel, memory and "
			   "processors: no --kernel, --initrd, --append, --mem, --cpu, "
			   "--cpus, --vendor-leaf");
	if (o->save && o->live)
		argp_error(state, "--save and --live: a guest leaves one way");
	check_pci(o, state);
	if (o->after && !o->save && !o->live)
		argp_error(state, "--after: where to? --save FILE or --live SOCKET");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	if (key == OPTION_VENDOR || key == OPTION_CPUS ||
	    (key > ' ' && key < 0x7f && strchr("kiamc", key)))
		o->boots = true;
	switch (key) {
	case 'k':
		o->kernel = arg;
		return 0;
	case 'i':
		o->initrd = arg;
		return 0;
	case 'a':
		o->append = arg;
		return 0;
	case 'd':
		o->device = arg;
		return 0;
	case 't':
		o->trace = arg ?: "-";
		return 0;
	case 'm':
		o->mem = parse_size(arg);
		if (!o->mem)
			argp_error(state, "--mem %s: expected 16M to 1024G, whole pages", arg);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is too much; for a kernel: --kernel %s", arg, arg);
		return 0;
	case ARGP_KEY_END:
		check_options(o, state);
		return 0;
	}
	return parse_travel(key, arg, state);
}

static const struct argp command = {
	.options = option_list,
	.parser = parse_option,
	.doc = "Boot a Linux kernel in a virtual machine with a serial console.\v"
	"The console is standard input and output; neither has to be a terminal. On a terminal, "
	"Ctrl-A x leaves and Ctrl-A Ctrl-A sends one Ctrl-A.\n\n"
	"Examples:\n"
	"  kvmlet run --kernel /boot/vmlinuz-$(uname -r) --initrd initrd.cpio\n"
	"  kvmlet run -d /dev/kvm -k vmlinux -i initrd.cpio -m 512M\n"
	"  kvmlet run -k vmlinux --cpus 4 --cpu haswell,-rdrand\n"
	"  kvmlet run -k vmlinux -i initrd.cpio --disk root.img --disk data.img,ro\n"
	"  kvmlet run -k vmlinux -i initrd.cpio --net tap=tap0 --rng\n"
	"  kvmlet run -k vmlinux --save guest.saved &  kill -USR1 $!\n"
	"  kvmlet run --restore guest.saved\n"
	"  kill -PWR PID    # presses the guest's power button\n"
	"  kvmlet run --incoming /tmp/new &  kvmlet run -k vmlinux --live /tmp/new --after 9\n\n"
	"Exit status:\n"
	"  0      the guest powered off\n"
	"  1-99   the guest wrote this byte to port 0xf4 (a larger one counts as 99)\n"
	"  100    the guest asked for a reset\n"
	"  101    the guest crashed (triple fault)\n"
	"  102    the driver reported an error; the registers are printed\n"
	"  103    a file, the device or a capability of the driver is missing or wrong\n"
	"  104    wrong usage\n"
	"  105    left by Ctrl-A x\n"
	"  106    the guest is saved, or has moved\n"
	"  128+N  ended by signal N",
};

/* --- the machine ---------------------------------------------------------------------------- */

static int load(const char *path, int (*loader)(struct image *, const struct ram *, struct boot *),
		const struct ram *ram, struct boot *boot)
{
	struct image img;
	int err = image_open(&img, path);

	if (!err) {
		err = loader(&img, ram, boot);
		image_close(&img);
	}
	if (err)
		report("%s: %s", path, img.why);
	return err;
}

static int load_images(struct vm *vm, const struct options *o, struct boot *boot)
{
	if (load(o->kernel, load_kernel, &vm->ram, boot))
		return -1;
	if (o->initrd && load(o->initrd, load_initrd, &vm->ram, boot))
		return -1;
	if (boot_prepare(&vm->ram, boot, o->append)) {
		report("--append: longer than the %u bytes that %s takes", boot->hdr.cmdline_size,
		       o->kernel);
		return -1;
	}
	acpi_write_tables(&vm->ram, o->cpus, on_pci(o));
	return 0;
}

static void add_devices(struct vm *vm, struct serial **serial)
{
	*serial = serial_init(vm, console_put);
	cmos_init(vm);
	timer_init(vm);
	pit_init(vm);
	power_init(vm);
}

/* In this order from slot 1 on: where a guest is restored, each is where it was. */
static int add_pci_devices(struct vm *vm, const struct options *o)
{
	if (!on_pci(o))
		return 0;
	if (virtio_bus(vm) || disks_init(vm, o->disk, o->disks) ||
	    nets_init(vm, o->net, o->nets))
		return -1;
	if (o->rng && rng_init(vm))
		return -1;
	return o->console ? hvc_init(vm) : 0;
}

static int set_tsc(const struct vm *vm, unsigned int khz)
{
	if (!khz || !ioctl(vm->fd, KVM_SET_TSC_KHZ, (unsigned long)khz))
		return 0;
	report("--tsc-khz %u: %s: %m", khz, vm->device);
	return -1;
}

/* A guest that begins. */
static int build(struct vm *vm, struct options *o, struct serial **serial)
{
	struct boot boot;

	if (vm_create(vm, o->device, o->mem, o->cpus) || set_tsc(vm, o->tsc_khz))
		return -1;
	vm->cpuid = cpu_guest(vm->device, vm->sys, &o->cpu, o->vendor, o->cpus);
	if (!vm->cpuid || load_images(vm, o, &boot))
		return -1;
	add_devices(vm, serial);
	if (add_pci_devices(vm, o))
		return -1;
	return vcpus_create(vm, boot.entry);
}

/* A guest that goes on. */
static int rebuild(struct vm *vm, const struct options *o, struct serial **serial,
		   struct incoming *in)
{
	int err;

	err = o->restore ? incoming_open(in, o->restore) : incoming_listen(in, o->incoming);
	if (!err)
		err = incoming_machine(in, vm, o->device);
	if (!err) {
		add_devices(vm, serial);
		err = add_pci_devices(vm, o);
	}
	return err ? err : incoming_state(in, vm);
}

/* --- the main thread ------------------------------------------------------------------------ */

enum { POLL_WAKE, POLL_SIGNAL, POLL_TIMER, POLL_INPUT, POLL_AFTER, POLL_COUNT };

struct runner {
	struct vm *vm;
	const struct options *o;
	struct serial *serial;
	struct moving moving;
	int signals, after;		/* descriptors */
};

static void give_up(struct vm *vm, int status)
{
	console_abandon();
	vm_end(vm, status);
}

static void take_signal(struct vm *vm, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1)
		vm_leave(vm);
	else if (info.ssi_signo == SIGPWR)
		power_press(vm);
	else
		give_up(vm, 128 + info.ssi_signo);
}

static unsigned int room_for_input(const struct runner *r)
{
	return r->o->console ? hvc_room() : serial_room(r->serial);
}

static void take_input(struct runner *r, int *in)
{
	u8 data[64];
	unsigned int room = min_t(unsigned int, room_for_input(r), sizeof(data));
	bool quit = false;
	int n;

	if (!room)
		return;
	n = console_read(data, room, &quit);
	if (n < 0)
		*in = -1;	/* the end of the input is not the end of the guest */
	else if (r->o->console)
		hvc_receive(data, n);
	else
		serial_receive(r->serial, data, n);
	if (quit)
		give_up(r->vm, RUN_QUIT);
}

static void flush(struct vm *vm)
{
	if (console_flush())
		vm_end(vm, RUN_CANNOT);		/* run() says why */
}

/* The guest shall move: it goes on running while its memory is copied. */
static void begin_move(struct runner *r)
{
	if (!moving_begin(&r->moving, r->vm, r->o->live))
		vm_end(r->vm, RUN_LEFT);
	else
		moving_close(&r->moving, r->vm);
}

static void attend(struct runner *r)
{
	struct pollfd fds[POLL_COUNT] = {
		[POLL_WAKE] = { .fd = r->vm->wake, .events = POLLIN },
		[POLL_SIGNAL] = { .fd = r->signals, .events = POLLIN },
		[POLL_TIMER] = { .fd = console_timer(), .events = POLLIN },
		[POLL_INPUT] = { .events = POLLIN },
		[POLL_AFTER] = { .fd = r->after, .events = POLLIN },
	};
	int input = STDIN_FILENO;
	u64 count;

	while (vm_running(r->vm)) {
		/* Its end would be told again and again, as long as nobody takes it. */
		fds[POLL_INPUT].fd = room_for_input(r) ? input : -1;
		if (poll(fds, POLL_COUNT, -1) < 0)
			continue;
		if (fds[POLL_WAKE].revents && read(r->vm->wake, &count, sizeof(count)) < 0)
			continue;
		if (fds[POLL_SIGNAL].revents)
			take_signal(r->vm, r->signals);
		if (fds[POLL_TIMER].revents)
			flush(r->vm);
		if (fds[POLL_INPUT].revents)
			take_input(r, &input);
		if (fds[POLL_AFTER].revents && read(r->after, &count, sizeof(count)) > 0)
			vm_leave(r->vm);
		if (atomic_exchange(&r->vm->move, false))
			begin_move(r);
	}
}

/* Signals come by a descriptor; the vCPUs' threads inherit the mask. */
static int open_signals(bool leaves)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGPWR);
	if (leaves)
		sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* What comes now ends the runner: it only waits for who reads its output. */
static void close_signals(int fd)
{
	sigset_t none;

	close(fd);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A descriptor that is readable when the guest has run for @seconds; -1: never. */
static int open_after(double seconds)
{
	struct itimerspec when = {
		.it_value = { (time_t)seconds, (seconds - (time_t)seconds) * 1e9 }
	};
	int fd;

	if (!seconds)
		return -1;
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (!when.it_value.tv_sec && !when.it_value.tv_nsec)
		when.it_value.tv_nsec = 1;
	timerfd_settime(fd, 0, &when, NULL);
	return fd;
}

/* The guest has stopped, to leave. False: it could not, and goes on here. */
static bool leave(struct runner *r)
{
	int err = vcpus_complete(r->vm);

	/* One of its last instructions was the end. */
	if (atomic_load(&r->vm->ended) != RUN_LEFT)
		return true;
	virtio_stop();
	if (!err)
		err = disks_settle();
	if (!err)
		err = r->o->save ? save_file(r->vm, r->o->save) : moving_end(&r->moving, r->vm);
	moving_close(&r->moving, r->vm);
	if (!err)
		return true;
	vm_go_on(r->vm);
	if (virtio_start())
		vm_end(r->vm, RUN_CANNOT);
	return false;
}

static void run_guest(struct runner *r)
{
	do {
		if (vcpus_start(r->vm))
			break;
		attend(r);
		vcpus_stop(r->vm);
	} while (atomic_load(&r->vm->ended) == RUN_LEFT && !leave(r));
	moving_close(&r->moving, r->vm);
}

/* All that may fail for reasons of this side, before a guest that comes is ours. */
static int prepare(struct runner *r)
{
	int err;

	r->vm->trace = r->o->trace;
	r->vm->leaves = r->o->save ? LEAVE_AT_ONCE : r->o->live ? LEAVE_MOVING : LEAVE_NEVER;
	if (r->vm->leaves != LEAVE_NEVER && state_check(r->vm))
		return -1;
	r->signals = open_signals(r->vm->leaves != LEAVE_NEVER);
	err = console_open();
	if (r->signals < 0 || err) {
		report("console: %s", strerror(r->signals < 0 ? errno : -err));
		return -1;
	}
	return r->o->trace ? trace_open(r->o->trace) : 0;
}

static int run(struct vm *vm, struct options *o)
{
	struct runner r = { .vm = vm, .o = o, .moving.fd = -1 };
	struct incoming in = { .fd = -1 };
	int err;

	err = (o->kernel ? build(vm, o, &r.serial) : rebuild(vm, o, &r.serial, &in)) ||
	      prepare(&r) || incoming_wait_go(&in);
	incoming_close(&in);
	if (err)
		return RUN_CANNOT;
	r.after = open_after(o->after);
	if (virtio_start())
		vm_end(vm, RUN_CANNOT);
	else
		run_guest(&r);
	/* A device may wait for who reads the output, too. */
	console_restore();
	close_signals(r.signals);
	virtio_stop();
	trace_close();
	if (r.after >= 0)
		close(r.after);
	err = console_close();
	if (err) {
		report("standard output: %s", strerror(-err));
		return RUN_CANNOT;
	}
	return atomic_load(&vm->ended);
}

/**
 * cmd_run() - the command `kvmlet run`
 * @argc:	number of arguments, the command's own name included
 * @argv:	the arguments
 *
 * Return: exit status
 */
int cmd_run(int argc, char **argv)
{
	struct options o = {
		.append = DEFAULT_APPEND, .device = DEFAULT_DEVICE, .mem = DEFAULT_MEM,
		.cpu.text = "host", .cpus = 1,
	};
	struct vm vm = VM_NONE;
	int status;

	argv[0] = "kvmlet run";
	argp_err_exit_status = RUN_USAGE;
	if (argp_parse(&command, argc, argv, 0, NULL, &o))
		return RUN_USAGE;
	if (o.cpu_list) {
		cpu_list(o.device);
		return 0;
	}
	status = run(&vm, &o);
	vm_destroy(&vm);
	return status;
}
