// SPDX-License-Identifier: GPL-2.0
/*
 * Every ioctl with hostile arguments, from several threads and processes at once, while
 * descriptors and memory come and go. Each result must be one that is known, each process must
 * end, nothing may be left behind, and a guest must run afterwards.
 *
 *	ioctl DEVICE [SEED [COUNT]]
 *
 * COUNT (or FUZZ_COUNT in the environment) calls are shared by sessions: processes with VMs of
 * their own, three threads, children that inherit the descriptors, and children that execute this
 * program anew and only have the descriptors. Session i of seed s makes the calls of seed s + i.
 *
 * A failed VM entry is an error of the driver for the lab (status 115). So there are two kinds of
 * sessions: in one guests run, and state that a VM entry checks is set only to what the vCPU had;
 * in the other it is set to anything, and KVM_RUN returns before the entry. With FUZZ_ENTRIES in
 * the environment there is only a third kind, which does both.
 *
 * lab:
 * lab: --smp 2
 * only: kvmlet
 * Upstream knows more ioctls, errnos and exits, and a guest that spins would stop the host.
 */
#define _GNU_SOURCE
#include <asm/processor-flags.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include "selftests/lib/vm.h"
#include "uapi/kvmlet.h"
#include "selftests/fuzz/ioctl_args.h"
#include "selftests/fuzz/kcov.h"

#define SEED		20240301
#define COUNT		100000
#define COUNT_BOUNDED	COUNT_LONG
#define COUNT_DEBUG	5000		/* there a call takes 40 times as long */
#define COUNT_DEBUG_BOUNDED 2000
#define COUNT_LONG	20000		/* by then each ioctl has worked */
#define SESSION_CALLS	1000
#define THREADS		3
#define HANDLES		24
#define WARM_UP		5		/* sessions before memory is measured */
#define FEW		8		/* ioctls */
#define KICK_NS		1000000
/* Seconds of a session, which takes less than one; with KASAN and a second processor, a hundred. */
#define PATIENCE	(debug_host ? 240 : 60)
#define TOLERANCE_KIB	1024		/* what the host's caches may grow */
#define CODE		0x1000UL	/* the guest's */

/*
 * Where run pages are, one place for each handle: what is done to a run page that is long gone
 * must not hit what the C library has there by now.
 */
#define RUN_PAGES	0x210000000000UL
#define RUN_PAGE_AT(n)	((uint8_t *)RUN_PAGES + (n) * 4 * PAGE)

/* What all processes add to. */
struct shared {
	unsigned long calls, runs, exits, children, children_done, odd, leaked, memory_ops;
	unsigned int worked[NR_IOCTLS], tried[NR_IOCTLS];
	struct kcov_places places;
};

/* A descriptor that the threads share. Each may be gone by the time that it is used. */
struct handle {
	volatile int fd;
	volatile enum descriptor kind;
	uint8_t *volatile run;		/* of a vCPU, where the run page was put */
};

static const char *path;
static struct shared *shared;
static int shared_fd;
static uint64_t base_seed = SEED, session_seed;
static unsigned int session_calls = SESSION_CALLS;
static bool debug_host, entering, any_state;
static struct handle handles[HANDLES];
static int odd_bytes_fd;		/* a page of odd values, and one of zeros */
static __thread uint8_t *argument;	/* of each thread: writable, read-only, no access */

#define ADD(counter) __atomic_fetch_add(&shared->counter, 1, __ATOMIC_RELAXED)

/* --- descriptors ------------------------------------------------------------------------------ */

/* The page is ours alone at first. Without entries nobody changes immediate_exit later. */
static bool map_run_page(int fd, uint8_t *at)
{
	struct kvm_run *run = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (run == MAP_FAILED)
		return false;
	run->immediate_exit = !entering;
	return mremap(run, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at) != MAP_FAILED;
}

static void adopt(int fd, enum descriptor kind)
{
	unsigned int n = below(HANDLES);
	struct handle *h = &handles[n];
	int old = h->fd;

	h->fd = -1;
	if (h->run && one_in(2))
		munmap(h->run, 2 * PAGE);
	if (kind == VCPU && !map_run_page(fd, RUN_PAGE_AT(n))) {
		close(fd);
		fd = -1;
	}
	h->kind = kind;
	h->run = kind == VCPU ? RUN_PAGE_AT(n) : NULL;
	h->fd = fd;
	if (old >= 0)
		close(old);
}

/* A handle of that kind, if one is found soon. */
static struct handle *any_handle(enum descriptor kind)
{
	struct handle *h = &handles[below(HANDLES)];
	unsigned int i;

	for (i = 0; i < 2 * HANDLES && (h->fd < 0 || h->kind != kind); i++)
		h = &handles[(h - handles + 1) % HANDLES];
	return h;
}

/*
 * A vCPU in real mode, which the guest stays in: its state is good for a VM entry. An interrupt
 * whose delivery is under way needs IF.
 */
static void start_guest(int fd)
{
	struct kvm_regs regs = { .rip = CODE, .rsp = 0xf000 };
	struct kvm_sregs sregs;

	if (call(fd, KVM_GET_SREGS, &sregs))
		return;
	regs.rflags = X86_EFLAGS_FIXED | X86_EFLAGS_IF;
	sregs.cs.selector = 0;
	sregs.cs.base = 0;
	if (!call(fd, KVM_SET_SREGS, &sregs))
		call(fd, KVM_SET_REGS, &regs);
}

static void new_vcpu(int vm_fd, unsigned long id)
{
	int fd = call(vm_fd, KVM_CREATE_VCPU, id);

	if (fd < 0)
		return;
	start_guest(fd);
	adopt(fd, VCPU);
}

static void new_vm(int dev)
{
	struct kvm_userspace_memory_region region = { .memory_size = PIECE_SIZE };
	int fd = call(dev, KVM_CREATE_VM, 0);
	unsigned int i;

	if (fd < 0)
		return;
	if (one_in(2))
		call(fd, KVM_CREATE_IRQCHIP, 0);
	for (i = 0; i < NR_PIECES; i++) {
		region.slot = i;
		region.guest_phys_addr = i * PIECE_SIZE;
		region.userspace_addr = PIECE(i);
		if (i != NR_PIECES - 1)
			call(fd, KVM_SET_USER_MEMORY_REGION, &region);
	}
	for (i = one_in(4) ? 2 : 0; i < 2; i++)
		new_vcpu(fd, i);
	adopt(fd, VM);
}

/* Opens, closes and doubles descriptors. */
static void disturb_descriptors(void)
{
	struct handle *h = &handles[below(HANDLES)];
	int fd = h->fd;

	switch (below(8)) {
	case 0:
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			adopt(fd, SYSTEM);
		break;
	case 1:
	case 2:
		new_vm(any_handle(SYSTEM)->fd);
		break;
	case 3:
		new_vcpu(any_handle(VM)->fd, below(4));
		break;
	case 4:
		fd = fcntl(fd, F_DUPFD, 20);
		if (fd >= 0)
			adopt(fd, h->kind);
		break;
	default:
		h->fd = -1;
		if (fd >= 0)
			close(fd);
	}
}

/* --- calls ------------------------------------------------------------------------------------ */

static bool known_result(int r)
{
	static const int known[] = {
		EINVAL, EFAULT, ENOMEM, EIO, EBADF, ENOTTY, EEXIST, E2BIG, ENXIO, EBUSY, EINTR,
		EAGAIN, EMFILE, ENOENT, ENOSPC,
	};
	unsigned int i;

	for (i = 0; r < 0 && i < sizeof(known) / sizeof(known[0]); i++)
		if (r == -known[i])
			return true;
	return r >= 0;
}

static unsigned long bad_pointer(void)
{
	static const unsigned long pointers[] = {
		0, 1, 8, 0xfff, 0x1000, 0x7fffffffffff, 0x7ffffffff000,
		0x800000000000, 0x8000000000000000, 0xffff800000000000, 0xffff888000001000,
		0xffffffff81000000, 0xffffffffff600000, 0xfffffffffffff000, 0xffffffffffffffff,
	};

	return one_in(4) ? (unsigned long)argument + 3 * PAGE : ONE_OF(pointers);
}

/* Into memory that others may take away meanwhile, or the end of ours. */
static unsigned long odd_pointer(unsigned int bytes)
{
	unsigned long at = (unsigned long)argument;

	switch (below(6)) {
	case 0:
		return bad_pointer();
	case 1:
		return at + 2 * PAGE - below(bytes + 64);
	case 2:
		return at + 3 * PAGE - below(bytes + 64);
	case 3:
		return at + 2 * PAGE;
	case 4:
		/* A piece may be a run page, whose immediate_exit must stay. */
		if (entering)
			return PIECE(below(NR_PIECES)) + below(PIECE_SIZE);
		return at + below(8);
	default:
		return at + below(64);
	}
}

/* Makes what was read from the vCPU a state that a VM entry takes, whatever it has done since. */
static void tame(uint32_t cmd, void *p)
{
	struct kvm_vcpu_events *events = p;
	struct kvm_sregs *sregs = p;
	struct kvm_regs *regs = p;

	if (cmd == KVM_SET_REGS) {
		regs->rip = one_in(4) ? CODE : regs->rip & 0xffff;
		regs->rflags &= X86_EFLAGS_CF | X86_EFLAGS_DF | X86_EFLAGS_OF;
		regs->rflags |= X86_EFLAGS_FIXED | X86_EFLAGS_IF;
	} else if (cmd == KVM_SET_SREGS || cmd == KVM_SET_SREGS2) {
		/* What SREGS2 has instead of the bitmap is as it was read. */
		if (cmd == KVM_SET_SREGS)
			memset(sregs->interrupt_bitmap, 0, sizeof(sregs->interrupt_bitmap));
		sregs->cr2 = odd_value();
		sregs->cr8 = one_in(4) ? odd_value() : below(16);
		sregs->apic_base ^= one_in(2) ? odd_value() : 0;
	} else {
		events->exception.injected = 0;
		events->interrupt.injected = 0;
		events->interrupt.shadow = 0;
		events->nmi.injected = 0;
		events->nmi.pending = odd_value();
		events->smi.smm = one_in(16);
		events->smi.pending = one_in(16);
	}
}

static bool is_entry_state(uint32_t cmd)
{
	return cmd == KVM_SET_REGS || cmd == KVM_SET_SREGS || cmd == KVM_SET_SREGS2 ||
	       cmd == KVM_SET_VCPU_EVENTS;
}

static unsigned long make_argument(const struct ioctl *io, int fd)
{
	unsigned int bytes = _IOC_SIZE(io->cmd);
	bool read = io->get && (one_in(2) || (is_entry_state(io->cmd) && entering && !any_state));

	if (!read || call(fd, io->get, argument)) {
		if (is_entry_state(io->cmd) && entering && !any_state)
			return bad_pointer();
		io->fill(argument);
		read = false;
	}
	if (read && is_entry_state(io->cmd) && entering && !any_state) {
		tame(io->cmd, argument);
		return one_in(8) ? bad_pointer() : (unsigned long)argument;
	}
	if (read)
		argument[below(bytes)] ^= odd_value();
	if (io->number)
		return *(unsigned long *)argument;
	if (io->cmd == KVM_SET_SIGNAL_MASK) {
		/* The kicks must get through. */
		((struct kvm_signal_mask *)argument)->sigset[(SIGUSR1 - 1) / 8] &=
			~(1 << (SIGUSR1 - 1) % 8);
		return one_in(4) ? bad_pointer() : (unsigned long)argument;
	}
	return one_in(4) ? odd_pointer(bytes) : (unsigned long)argument;
}

/* Counters are read somewhere, and into anything. */
static void read_stats(int fd)
{
	off_t at = one_in(4) ? odd_value() : below(4 * PAGE);

	pread(fd, (void *)odd_pointer(64), below(8 * PAGE), at);
	close(fd);
}

static void took_place(const struct ioctl *io, int r)
{
	unsigned int i = io - ioctls;

	ADD(calls);
	ADD(tried[i]);
	if (r >= 0)
		ADD(worked[i]);
	if (!known_result(r)) {
		ADD(odd);
		printf("# %s: %d (seed %llu)\n", io->name, r, (unsigned long long)session_seed);
	}
	if (r < 0)
		return;
	if (io->cmd == KVM_CREATE_VM)
		adopt(r, VM);
	else if (io->cmd == KVM_CREATE_VCPU)
		adopt(r, VCPU);
	else if (io->cmd == KVM_GET_STATS_FD)
		read_stats(r);
	else if (io->cmd == KVM_RUN)
		ADD(exits);
}

/* An ioctl that is none: another number, size or direction. Those of state are left out. */
static void odd_ioctl(int fd)
{
	uint32_t cmd = ioctls[below(NR_IOCTLS)].cmd ^ (1U << below(32));
	unsigned int i;
	int r;

	for (i = 0; i < NR_IOCTLS; i++)
		if (ioctls[i].cmd == cmd)
			return;
	fill_words(argument);
	r = call(fd, cmd, odd_pointer(_IOC_SIZE(cmd)));
	ADD(calls);
	if (r >= 0 || !known_result(r)) {
		ADD(odd);
		printf("# ioctl %#x: %d (seed %llu)\n", cmd, r, (unsigned long long)session_seed);
	}
}

static void any_ioctl(void)
{
	const struct ioctl *io = &ioctls[below(NR_IOCTLS)];
	struct handle *h = any_handle(one_in(32) ? below(NR_DESCRIPTORS) : io->descriptor);
	int fd = h->fd;

	if (one_in(32))
		odd_ioctl(fd);
	else
		took_place(io, call(fd, io->cmd, make_argument(io, fd)));
}

static void run(void)
{
	const struct ioctl *io = ioctls;
	struct handle *h = any_handle(VCPU);
	int fd = h->fd;

	while (io->cmd != KVM_RUN)
		io++;
	if (one_in(16))
		start_guest(fd);
	ADD(runs);
	took_place(io, call(fd, KVM_RUN, 0));
}

/*
 * Overwrites a part of a run page while somebody may be in KVM_RUN. By the kernel, which says
 * EFAULT where the page is gone. Registers that KVM_RUN takes from there are state like any other.
 */
static void tamper(uint8_t *run_page)
{
	unsigned int first = entering ? 0 : offsetof(struct kvm_run, immediate_exit) + 1;
	unsigned int at = first + below(one_in(2) ? 64 : 2 * PAGE - 16);
	const unsigned int dirty = offsetof(struct kvm_run, kvm_dirty_regs);

	if (!run_page || (entering && !any_state && at < dirty + 8 && at + 16 > dirty))
		return;
	if (pread(odd_bytes_fd, run_page + at, 1 + below(16), below(PAGE - 16)) > 0)
		ADD(memory_ops);
	/* With odd kvm_valid_regs or kvm_dirty_regs KVM_RUN is EINVAL: not for long. */
	if (one_in(2) && pread(odd_bytes_fd, run_page + offsetof(struct kvm_run, kvm_valid_regs),
			       16, PAGE) > 0)
		ADD(memory_ops);
}

static void disturb_memory(void)
{
	struct handle *h = any_handle(VCPU);

	ADD(memory_ops);
	if (one_in(8) && h->run)
		disturb((unsigned long)h->run + below(2) * PAGE, PAGE, !entering || any_state);
	else
		disturb_arena(any_state ? h->fd : -1);
}

/* --- other processes -------------------------------------------------------------------------- */

/* A descriptor of another process' VM answers nothing but EIO. */
static void foreign_calls(unsigned int n)
{
	const struct ioctl *io;
	char link[32], target[64];
	ssize_t length;
	int fd, r;

	while (n--) {
		fd = 3 + below(60);
		io = &ioctls[below(NR_IOCTLS)];
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		length = readlink(link, target, sizeof(target) - 1);
		target[length < 0 ? 0 : length] = '\0';
		if (strncmp(target, "anon_inode:kvm-", 15) || strstr(target, "-stats"))
			continue;
		io->fill(argument);
		r = call(fd, io->cmd, one_in(2) ? bad_pointer() : (unsigned long)argument);
		ADD(calls);
		if (r == -EIO)
			continue;
		ADD(leaked);
		printf("# another process' %s, %s: %d\n", target, io->name, r);
	}
}

static void new_argument(void)
{
	argument = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(argument + 2 * PAGE, PAGE, PROT_READ);
	mprotect(argument + 3 * PAGE, PAGE, PROT_NONE);
}

/* This program anew, with some descriptors and without the memory: held SHARED ODD_BYTES SEED. */
static int held(char **argv)
{
	unsigned int fd;
	void *p;

	alarm(PATIENCE);
	shared_fd = atoi(argv[2]);
	odd_bytes_fd = atoi(argv[3]);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd, 0);
	if (shared == MAP_FAILED)
		return 1;
	random_begin(strtoull(argv[4], NULL, 0));
	new_argument();
	foreign_calls(30);
	for (fd = 3; fd < 64; fd++) {
		p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p != MAP_FAILED && (int)fd != shared_fd && (int)fd != odd_bytes_fd)
			tamper(p);
	}
	ADD(children_done);
	return 0;
}

static void execute_anew(void)
{
	char numbers[3][24];
	char *argv[6] = { "ioctl", "held", numbers[0], numbers[1], numbers[2], NULL };
	unsigned int i;

	for (i = 3; i < 64; i++)
		if (one_in(2) || (int)i == shared_fd || (int)i == odd_bytes_fd)
			fcntl(i, F_SETFD, 0);
	snprintf(numbers[0], sizeof(numbers[0]), "%d", shared_fd);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", odd_bytes_fd);
	snprintf(numbers[2], sizeof(numbers[2]), "%llu", (unsigned long long)random64());
	execv("/proc/self/exe", argv);
}

/* The child has this thread only, and none of its timers. Nobody waits for it here. */
static void new_child(void)
{
	uint64_t seed = random64();
	pid_t pid;

	ADD(children);
	pid = fork();
	if (pid < 0)
		ADD(children_done);
	if (pid)
		return;
	alarm(PATIENCE);
	kcov_area = NULL;
	random_begin(seed);
	foreign_calls(20);
	tamper(any_handle(VCPU)->run);
	disturb_memory();
	if (one_in(4))
		execute_anew();
	ADD(children_done);
	_exit(0);
}

/* --- a session -------------------------------------------------------------------------------- */

/* Goes through the first megabyte, says something by a port and to a device, and halts. */
static const uint8_t guest_code[] = {
	0xfb,					/* sti */
	0x31, 0xdb,				/* xor bx, bx */
	0x8e, 0xdb,				/* 1: mov ds, bx */
	0xfe, 0x06, 0x00, 0x08,			/* inc byte [0x800] */
	0xa1, 0x10, 0x40,			/* mov ax, [0x4010] */
	0xe6, 0x10,				/* out 0x10, al */
	0xe4, 0x10,				/* in al, 0x10 */
	0x81, 0xc3, 0x80, 0x04,			/* add bx, 0x480 */
	0x73, 0xed,				/* jnc 1b */
	0x0f, 0xa2,				/* cpuid */
	0xf4,					/* hlt */
	0xeb, 0xe5,				/* jmp back */
};

static void on_kick(int number)
{
}

/*
 * A signal now and then for this thread alone: no KVM_RUN lasts. KVM_CREATE_VM must get done in
 * between: the kernel's part of it is EINTR when a signal comes. The debug host is slower, and so
 * is one of two processors.
 */
static void kick_regularly(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	long ns = KICK_NS * (debug_host ? 10 : 1) * (sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 5 : 1);
	struct itimerspec when = { { 0, ns }, { 0, ns } };
	timer_t timer;

	event._sigev_un._tid = gettid();
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &when, NULL);
}

static void *work(void *number)
{
	unsigned int i, calls = session_calls / THREADS;

	random_begin(session_seed * 16 + (uintptr_t)number);
	new_argument();
	kcov_begin();
	kick_regularly();
	for (i = 0; i < calls; i++) {
		if (one_in(8))
			run();
		else
			any_ioctl();
		if (one_in(8))
			tamper(any_handle(VCPU)->run);
		if (one_in(debug_host ? 20 : 8))
			disturb_memory();
		if (one_in(24))
			disturb_descriptors();
		if (one_in(200))
			new_child();
		kcov_take(&shared->places);
	}
	return NULL;
}

/* A file of /proc, in one line. */
static void show_file(const char *thread, const char *name)
{
	char path[64], text[1024];
	ssize_t i, n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%s/%s", thread, name);
	fd = open(path, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	for (i = 0; i < n; i++)
		if (text[i] == '\n')
			text[i] = ';';
	text[n > 0 ? n : 0] = '\0';
	printf("# %s %s: %s\n", thread, name, text);
}

/* Says where each thread is, of a session that does not end. Nothing else is to be saved here. */
static void on_alarm(int number)
{
	DIR *threads = opendir("/proc/self/task");
	struct dirent *thread;

	printf("# seed %llu has not ended in %d s\n", (unsigned long long)session_seed, PATIENCE);
	while (threads && (thread = readdir(threads))) {
		if (thread->d_name[0] == '.')
			continue;
		show_file(thread->d_name, "syscall");
		show_file(thread->d_name, "stack");
		show_file(thread->d_name, "stat");
	}
	fflush(stdout);
	_exit(1);
}

static void session(void)
{
	const struct sigaction kick = { .sa_handler = on_kick };
	const struct rlimit files = { 64, 64 };
	pthread_t threads[THREADS];
	uintptr_t i;

	signal(SIGALRM, on_alarm);
	alarm(PATIENCE);
	random_begin(session_seed);
	sigaction(SIGUSR1, &kick, NULL);
	signal(SIGCHLD, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &files);
	arena_begin();
	memcpy((void *)(PIECE(0) + CODE), guest_code, sizeof(guest_code));
	for (i = 0; i < HANDLES; i++)
		handles[i].fd = -1;
	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		events[i] = eventfd(0, EFD_NONBLOCK);
	for (i = 0; i < 3; i++)
		adopt(open(path, O_RDWR | O_CLOEXEC), SYSTEM);
	for (i = 0; i < 3; i++)
		new_vm(any_handle(SYSTEM)->fd);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* --- all of them ------------------------------------------------------------------------------ */

/* Returns whether the session's process ended as it should. */
static bool one_session(uint64_t seed)
{
	int status = 0;
	pid_t pid;

	session_seed = seed;
	entering = any_state || seed & 1;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		session();
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	/* Its children are ours now. */
	while (waitpid(-1, NULL, 0) > 0)
		;
	if (status)
		printf("# seed %llu: the session ends with status %#x\n",
		       (unsigned long long)seed, status);
	return !status;
}

static unsigned int sessions(uint64_t first, unsigned int n)
{
	unsigned int i, bad = 0;

	for (i = 0; i < n; i++)
		bad += !one_session(first + i);
	return bad;
}

static void guest(void)
{
	guest_sync(1);
}

static unsigned int never_worked(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < NR_IOCTLS; i++) {
		if (shared->worked[i] || ioctls[i].cmd == KVM_ENABLE_CAP)
			continue;
		printf("# %s has not worked in %u calls\n", ioctls[i].name, shared->tried[i]);
		n++;
	}
	return n;
}

static void begin(void)
{
	uint64_t odd[2 * PAGE / 8] = { 0 };
	unsigned int i;

	for (i = 0; i < PAGE / 8; i++)
		odd[i] = odd_value();
	odd_bytes_fd = memfd_create("odd", 0);
	shared_fd = memfd_create("shared", 0);
	if (ftruncate(shared_fd, sizeof(*shared)) ||
	    write(odd_bytes_fd, odd, sizeof(odd)) != sizeof(odd))
		exit(1);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd, 0);
	find_device();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The first sessions warm the host's caches up; what the others use they give back. */
static unsigned int fuzz(unsigned long count)
{
	const char *name = "no memory is left behind";
	unsigned int n = count > SESSION_CALLS ? count / SESSION_CALLS : 1;
	unsigned int warm = n < 2 * WARM_UP ? n / 2 : WARM_UP, bad;
	long before, after;

	session_calls = count < SESSION_CALLS ? count : SESSION_CALLS;
	bad = sessions(base_seed, warm);
	before = memory_in_use();
	bad += sessions(base_seed + warm, n - warm);
	after = memory_in_use();
	printf("# %ld KiB in use before, %ld after\n", before, after);
	if (debug_host)
		tap_skip(name, "KASAN keeps what is freed; kmemleak looks instead");
	else if (!warm)
		tap_skip(name, "a single session warms the host's caches up");
	else
		tap_ok(after - before < TOLERANCE_KIB, name);
	return bad;
}

static void report(unsigned int bad, bool long_enough)
{
	printf("# %lu calls, %lu runs, %lu with an exit, %lu times memory was disturbed, "
	       "%lu children\n", shared->calls, shared->runs, shared->exits, shared->memory_ops,
	       shared->children);
	if (debug_host)
		printf("# coverage: %u places\n", kcov_count(&shared->places));
	TAP_EQ(shared->odd, 0, "each result is one that is known");
	TAP_EQ(shared->leaked, 0, "another process gets EIO only");
	TAP_EQ(bad, 0, "each session ends");
	TAP_EQ(shared->children_done, shared->children, "each child of them ends");
	tap_ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "and no process is left");
	if (long_enough) {
		/* By chance some have not: which depends on how the threads meet. */
		tap_ok(never_worked() <= FEW, "all but a few ioctls have worked, too");
		tap_ok(shared->exits > shared->runs / 50, "guests have run");
	}
}

int main(int argc, char **argv)
{
	const char *text = argc > 3 ? argv[3] : getenv("FUZZ_COUNT");
	unsigned long count;
	struct vcpu vcpu;
	struct vm vm;

	if (argc == 5 && !strcmp(argv[1], "held"))
		return held(argv);
	tap_begin();
	path = device_path(argc, argv);
	alarm(0);
	debug_host = on_debug_host();
	any_state = getenv("FUZZ_ENTRIES");
	count = debug_host ? COUNT_DEBUG : COUNT;
	if (bounded())
		count = debug_host ? COUNT_DEBUG_BOUNDED : COUNT_BOUNDED;
	/* Two processors of the lab are several times as slow. */
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		count /= debug_host ? 10 : bounded() ? 2 : 4;
	if (text)
		count = strtoul(text, NULL, 0);
	if (argc > 2)
		base_seed = strtoull(argv[2], NULL, 0);
	printf("# seed %llu\n", (unsigned long long)base_seed);
	random_begin(base_seed);
	begin();
	report(fuzz(count), count >= COUNT_LONG);
	machine(&vm, &vcpu, path, true, guest);
	TAP_EQ(vcpu_sync(&vcpu), 1, "a new guest runs");
	machine_close(&vm, &vcpu);
	return tap_end();
}
