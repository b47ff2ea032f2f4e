// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet run --net`: what it refuses, with which words; frames of a guest of some instructions
 * come and go whole; guests that break their queues, feed them by themselves, or take nothing. What
 * Linux does with the device is guest/net's. In a network namespace of its own.
 *
 * lab: --add build/userspace/kvmlet:/bin/kvmlet
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "selftests/runner/virtio.h"

#define SAVED		"/tmp/net.saved"
#define TUN		"/dev/net/tun"
#define TAP		"ktap0"
#define NET		"--net", "tap=" TAP
#define TYPE		0x88b5		/* of frames: for experiments */
#define FRAME		60
#define MANY		3000

/* Queue 0, what comes, at pages 1 and 2; queue 1 at pages 3 and 4; buffers behind them. */
#define MAC_AT		"mov $0xc094, %dx; in %dx, %eax;"
#define HEADER_OLD(n)	".fill " #n ", 1, 0xff;"
#define A_FRAME		".fill 6, 1, 0xff; .byte 2, 0, 0, 0, 0, 9, 0x88, 0xb5; .fill 46, 1, 'd';"

GUEST(finds_it,
      CONFIG(1, 0) UNLESS(0x10001af4, 1)
      CONFIG(1, 8) "shr $16, %eax;" UNLESS(0x200, 2)
      "mov $0xc080, %dx; in %dx, %eax; and $0xfffff, %eax;" UNLESS(0x10020, 3)
      MAC_AT UNLESS(0x04030202, 4)
      "mov $0xc098, %dx; in %dx, %eax;" UNLESS(0x00010605, 5)
      OUT2(0xc08e, 1) "mov $0xc08c, %dx; in %dx, %ax; movzx %ax, %eax;" UNLESS(128, 6)
      OUT2(0xc08e, 2) "mov $0xc08c, %dx; in %dx, %ax; movzx %ax, %eax;" UNLESS(0, 7)
      GOOD);
/* No frame; nothing; more than one can have; a piece to write; then one, its header nonsense. */
GUEST(sends,
      QUEUE(1, 3) DRIVER_OK NOTIFY(1) UNTIL_USED(5, 0x4000)
      "mov 0x1004008, %eax;" UNLESS(0, 1)
      GOOD
      ".org sends + 0x3000;"
      DESC(0x5000, 10, 0, 0) DESC(0x5000, 0, 0, 0) DESC(0x5000, 0x9000, 1, 3)
      DESC(0x5000, 0x9000, 0, 0) DESC(0x5800, 70, 2, 0)
      DESC(0x5000, 10, 1, 6) DESC(0x500a, 60, 0, 0)
      ".org sends + 0x3800; .word 0, 5, 0, 1, 2, 4, 5;"
      ".org sends + 0x5000;" HEADER_OLD(10) A_FRAME ".org sends + 0x6000;");
/* The first has no room for a frame, the second is in pieces. */
GUEST(receives,
      QUEUE(0, 1) DRIVER_OK NOTIFY(0) OUTB(0x3f8, 'x') UNTIL_USED(2, 0x2000)
      "mov 0x1002008, %eax;" UNLESS(0, 1)
      "mov 0x1005014, %eax;" UNLESS(0x5a5a5a5a, 2)
      "mov 0x1002010, %eax;" UNLESS(70, 3)
      "mov $4, %bl; mov 0x1005100, %rax; test %rax, %rax; jnz 8f; cmpw $0, 0x1005108; jne 8f;"
      "movzwl 0x1005210, %eax;" UNLESS(0xb588, 5)
      "mov 0x1005212, %eax;" UNLESS(0x64646464, 6)
      GOOD
      ".org receives + 0x1000;"
      DESC(0x5000, 20, 2, 0) DESC(0x5100, 14, 3, 2) DESC(0x5208, 1000, 2, 0)
      ".org receives + 0x1800; .word 0, 2, 0, 1;"
      ".org receives + 0x5000; .fill 256, 1, 0x5a; .org receives + 0x6000;");
GUEST(breaks_what_goes,
      QUEUE(1, 3) DRIVER_OK NOTIFY(1) UNTIL_BROKEN GOOD
      ".org breaks_what_goes + 0x3000;" DESC(0x5000, 16, 1, 0)
      ".org breaks_what_goes + 0x3800; .word 0, 1, 0; .org breaks_what_goes + 0x5000;");
GUEST(breaks_what_comes,
      QUEUE(0, 1) DRIVER_OK NOTIFY(0) OUTB(0x3f8, 'x') UNTIL_BROKEN GOOD
      ".org breaks_what_comes + 0x1000; .quad 0x7000000000; .long 2048; .word 2, 0;"
      ".org breaks_what_comes + 0x1800; .word 0, 1, 0; .org breaks_what_comes + 0x3000;");
/* Its used ring is its available ring, by the registers of 1.x, as in disk.c; of queue NUMBER. */
#define FEEDS(number, flags, name) \
	"mov $0xe0010000, %edi; movb $7, 20(%rdi); movw $" #number ", 22(%rdi);" \
	"movl $2, 24(%rdi); movl $0x1001000, 32(%rdi);" \
	"movl $0x1002000, 40(%rdi); movl $0x1002000, 48(%rdi); movl $1, 28(%rdi);" \
	"movl $0, 0x3000(%rdi);" OUTB(0x3f8, 'x') "1: pause; jmp 1b;" \
	".org " #name " + 0x1000;" DESC(0x5000, 70, flags, 0) DESC(0x5000, 70, flags, 0) \
	".org " #name " + 0x2000; .word 0, 1, 0, 0; .fill 16, 1, 0;" \
	".org " #name " + 0x5000;" HEADER_OLD(10) A_FRAME ".org " #name " + 0x6000;"
GUEST(feeds_what_goes, FEEDS(1, 0, feeds_what_goes));
GUEST(feeds_what_comes, FEEDS(0, 2, feeds_what_comes));
/* Takes one frame, and no more. */
GUEST(takes_one,
      QUEUE(0, 1) DRIVER_OK NOTIFY(0) OUTB(0x3f8, 'x') "1: hlt; jmp 1b;"
      ".org takes_one + 0x1000;" DESC(0x5000, 2048, 2, 0)
      ".org takes_one + 0x1800; .word 0, 1, 0; .org takes_one + 0x6000;");
/* Saved with room for a frame. */
GUEST(is_saved,
      QUEUE(0, 1) DRIVER_OK "out %al, $0xf5;" MAC_AT UNLESS(0x04030202, 1)
      OUTB(0x3f8, 'x') UNTIL_USED(1, 0x2000) "mov 0x1002008, %eax;" UNLESS(70, 2)
      GOOD
      ".org is_saved + 0x1000;" DESC(0x5000, 2048, 2, 0)
      ".org is_saved + 0x1800; .word 0, 1, 0; .org is_saved + 0x6000;");

static int wire;			/* the host's end of the TAP */

static void refused(const char *spec, const char *words, const char *name)
{
	said_with(BOOT("--net", spec), words, name);
}

static void refusals(void)
{
	refused("eth0", "expected tap=NAME", "a word that is no TAP is refused");
	refused("tap=", "1 to 15 bytes", "an empty name");
	refused("tap=a123456789abcdef", "1 to 15 bytes", "a long one");
	refused("tap=tap%d", "no '/', ':', '%'", "a pattern");
	refused("tap=t,speed=9", "'speed=9': expected mac=MAC", "an unknown word behind the name");
	refused("tap=t,mac=2:0:0:0:0:1", "expected six bytes", "half an address");
	refused("tap=t,mac=02:00:00:00:00:01:02", "expected six bytes", "more than one");
	refused("tap=t,mac=03:00:00:00:00:01", "a group's", "a group's");
	refused("tap=t,mac=00:00:00:00:00:00", "nobody's", "nobody's");
	if (access(TUN, F_OK))
		refused("tap=t", "`modprobe tun' brings it", "a host without TAPs: the way out");
	TAP_EQ(BOOT("--net", "tap=t", "--live", "/tmp/net.socket"), 104,
	       "a guest with a network is not moved while it runs");
	runner_said(&one, "--net: a guest with it is saved, but not moved", "which is said");
}

static int tap_open(void)
{
	struct ifreq ifr = { .ifr_name = TAP, .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open(TUN, O_RDWR);

	if (fd >= 0 && (ioctl(fd, TUNSETIFF, &ifr) || ioctl(fd, TUNSETPERSIST, 1)))
		printf("# %s: %s\n", TAP, strerror(errno));
	return fd;
}

/* The TAP is there and up, without a runner; the wire is its other end. */
static bool connect_wire(void)
{
	struct ifreq ifr = { .ifr_name = TAP };
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(TYPE) };
	int fd = tap_open();

	if (fd < 0)
		return false;
	close(fd);
	wire = socket(AF_PACKET, SOCK_RAW, htons(TYPE));
	if (ioctl(wire, SIOCGIFFLAGS, &ifr))
		return false;
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(wire, SIOCSIFFLAGS, &ifr) || ioctl(wire, SIOCGIFINDEX, &ifr))
		return false;
	address.sll_ifindex = ifr.ifr_ifindex;
	return !bind(wire, (struct sockaddr *)&address, sizeof(address));
}

static void put_frames(unsigned int n)
{
	uint8_t frame[FRAME];

	memset(frame, 'd', sizeof(frame));
	memcpy(frame, "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\1\x88\xb5", 14);
	while (n--)
		if (send(wire, frame, sizeof(frame), 0) < 0 && errno != ENOBUFS) {
			printf("# no frame is sent: %s\n", strerror(errno));
			break;
		}
}

/* Starts a guest and waits until it says that it is ready. */
static bool begin(void)
{
	runner_start(&one, -1, (const char * const []) {
		"kvmlet", "run", "--device", device, "--kernel", KERNEL, "--mem", "32M", NET,
		NULL });
	return runner_read(&one, "x");
}

static void frames(void)
{
	uint8_t frame[2048];
	ssize_t n;

	WRITE_GUEST(finds_it);
	TAP_EQ(BOOT("--net", "tap=" TAP ",mac=02:02:03:04:05:06"), 99,
	       "a guest finds it, its address, that its link is up, and two queues");
	WRITE_GUEST(sends);
	TAP_EQ(BOOT(NET), 99, "what is no frame is given back as one is");
	n = recv(wire, frame, sizeof(frame), MSG_DONTWAIT);
	tap_ok(n == FRAME && frame[11] == 9 && frame[14] == 'd' && frame[59] == 'd',
	       "the frame goes out, whatever is in its header");
	tap_ok(recv(wire, frame, sizeof(frame), MSG_DONTWAIT) < 0, "and nothing else");
	WRITE_GUEST(receives);
	begin();
	put_frames(2);
	TAP_EQ(runner_end(&one), 99, "a frame comes in, into pieces; not where it has no room");
}

static void are_hostile(void)
{
	WRITE_GUEST(breaks_what_goes);
	TAP_EQ(BOOT(NET), 99, "a chain that is a ring stops the device");
	WRITE_GUEST(breaks_what_comes);
	begin();
	put_frames(1);
	TAP_EQ(runner_end(&one), 99, "so does room for a frame outside memory");
	WRITE_GUEST(feeds_what_goes);
	tap_ok(begin(), "a queue that feeds itself keeps its device busy");
	usleep(100000);
	runner_stops(&one, "a signal ends the machine all the same");
	WRITE_GUEST(feeds_what_comes);
	begin();
	put_frames(MANY);
	runner_stops(&one, "so it does if that is the queue of what comes");
	while (recv(wire, one.text, sizeof(one.text), MSG_DONTWAIT) >= 0)
		;
}

static void is_slow(void)
{
	WRITE_GUEST(takes_one);
	begin();
	put_frames(MANY);
	is_idle("a guest that takes no more frames costs nothing, however many there are");
	runner_stops(&one, "and ends as others do");
	begin();
	if (system("ip link del " TAP))
		printf("# %s is not removed\n", TAP);
	tap_ok(runner_read(&one, "is gone"), "that the TAP was removed is said");
	is_idle("and costs nothing");
	kill(one.pid, SIGTERM);
	runner_end(&one);
	close(wire);
	tap_ok(connect_wire(), "there is another one");
}

static void saves(void)
{
	WRITE_GUEST(is_saved);
	TAP_EQ(BOOT("--net", "tap=" TAP ",mac=02:02:03:04:05:06", "--save", SAVED), 106,
	       "a guest with a network is saved");
	said_with(RUN("--restore", SAVED), "devices, this machine has",
		  "restored without one it is refused");
	said_with(RUN("--restore", SAVED, "--net", "tap=" TAP ",mac=02:00:00:00:00:01"),
		  "it had another address", "so it is with another address");
	runner_start(&one, -1, (const char * const []) {
		"kvmlet", "run", "--device", device, "--restore", SAVED, NET, NULL });
	runner_read(&one, "x");
	put_frames(1);
	TAP_EQ(runner_end(&one), 99, "it keeps its own, and the room for a frame");
	unlink(SAVED);
}

static void others(void)
{
	int fd = tap_open();

	refused("tap=" TAP, "another program uses it", "a TAP that is in use is refused");
	close(fd);
	refused("tap=lo", "but no TAP", "an interface that is none");
	/* The last: the right is gone then. */
	prctl(PR_CAPBSET_DROP, CAP_NET_ADMIN, 0, 0, 0);
	refused("tap=knew0", "no right to it", "a TAP that this user may not make");
}

int main(int argc, char **argv)
{
	device = argc > 1 ? argv[1] : "/dev/kvmlet";
	tap_begin();
	alarm(250);
	WRITE_GUEST(finds_it);
	if (unshare(CLONE_NEWNET))
		printf("# no network namespace: %s\n", strerror(errno));
	refusals();
	if (system("modprobe tun 2>/dev/null"))
		printf("# modprobe tun fails\n");
	mkdir("/dev/net", 0755);
	if (access(TUN, F_OK))
		mknod(TUN, S_IFCHR | 0600, makedev(10, 200));
	if (!connect_wire()) {
		tap_skip("frames, hostile queues, saved guests", "this kernel has no TAPs");
		return tap_end();
	}
	frames();
	are_hostile();
	is_slow();
	saves();
	others();
	return tap_end();
}
