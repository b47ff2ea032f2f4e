// SPDX-License-Identifier: GPL-2.0
/*
 * `kvmlet run --net`: a TAP interface of the host's as a virtio network device. Virtio 1.2, 5.1.
 *
 * The device's thread (virtio_pci.c) copies frames between the TAP and the guest's memory, by a
 * buffer of its own. It looks at the TAP only while the guest has room: what comes meanwhile waits
 * in the host's queue, and what that has no room for is lost, as on a wire. No offloads: a header
 * is all zeros on this way, whatever the guest has written there.
 *
 * The guest's link is up while the TAP is: a netlink socket tells when to look. pci.lock of the
 * device guards its state.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "userspace/devices/virtio.h"

#define TUN		"/dev/net/tun"
#define HEADER		12		/* of a frame at the TAP, and at the guest's of 1.x */
#define HEADER_OLD	10		/* at that of before 1.0 */
#define FRAME		(HEADER + 65536)
#define NEWS		16		/* of netlink, at a time */

enum { RX, TX, QUEUES };
enum { SOURCE_TAP = 1, SOURCE_LINK, SOURCES };

/* What is saved of one. */
struct net_saved {
	u8 mac[ETH_ALEN];
	u16 status;
	struct virtio_saved virtio;
	struct virtio_queue_saved tx;
};

_Static_assert(sizeof(struct net_saved) == 392, "as Documentation/save-format.rst has it");

struct net {
	struct virtio virtio;
	struct net_saved saved;
	struct virtio_net_config config;
	const char *tap;
	int fd, link;			/* the TAP, the netlink socket */
	bool mac_given;
	bool gone;			/* somebody has removed the TAP */
	bool look;			/* the link may have changed */
	u8 frame[FRAME];
};

static struct net nets[NETS_MOST];

/* --- frames --------------------------------------------------------------------------------- */

static size_t length(const struct iovec *iov, unsigned int n)
{
	size_t sum = 0;

	while (n--)
		sum += iov++->iov_len;
	return sum;
}

static size_t header_of(const struct net *n)
{
	return n->virtio.accepted & BIT_ULL(VIRTIO_F_VERSION_1) ? HEADER : HEADER_OLD;
}

/* Returns the bytes written: none if there is no room for all of them. */
static u32 put(const struct iovec *iov, unsigned int n, const u8 *data, size_t bytes)
{
	size_t done, step;

	if (length(iov, n) < bytes)
		return 0;
	for (done = 0; done < bytes; done += step, iov++) {
		step = min(iov->iov_len, bytes - done);
		memcpy(iov->iov_base, data + done, step);
	}
	return bytes;
}

/* From the TAP to the guest. False: there is nothing more. */
static bool receive(struct net *n)
{
	const size_t header = header_of(n);
	u8 *at = n->frame + HEADER - header;
	struct chain chain;
	ssize_t bytes = read(n->fd, n->frame, sizeof(n->frame));

	if (bytes < 0) {
		n->look |= errno != EAGAIN;
		return false;
	}
	if (bytes <= HEADER)
		return false;
	/* The guest has taken the request back meanwhile: then the frame is lost. */
	if (!virtio_take(&n->virtio, RX, &chain))
		return false;
	memset(n->frame, 0, HEADER);
	if (header == HEADER)
		n->frame[HEADER_OLD] = 1;	/* the frame takes one request */
	virtio_give(&n->virtio, RX, &chain,
		    put(chain.iov + chain.nr_read, chain.nr_write, at, n->frame + bytes - at));
	return true;
}

/* From the guest to the TAP. What is no frame is dropped, and what the host has no room for. */
static void transmit(struct net *n, const struct chain *chain)
{
	const size_t header = header_of(n);
	size_t bytes = length(chain->iov, chain->nr_read), step;
	u8 *at = n->frame + HEADER - header;
	const struct iovec *iov = chain->iov;

	if (n->gone || bytes < header + ETH_HLEN || bytes > header + FRAME - HEADER)
		return;
	for (; bytes; bytes -= step, at += step, iov++) {
		step = iov->iov_len;
		memcpy(at, iov->iov_base, step);
	}
	memset(n->frame, 0, HEADER);
	while (write(n->fd, n->frame, at - n->frame) < 0 && errno == EINTR)
		;
}

/* --- the link ------------------------------------------------------------------------------- */

/* The TAP may have another name by now. One that is in another namespace is not seen: up. */
static bool is_up(struct net *n)
{
	struct ifreq ifr = { .ifr_flags = 0 };

	if (!n->gone && ioctl(n->fd, TUNGETIFF, &ifr)) {
		n->gone = true;
		report("--net tap=%s: the interface is gone", n->tap);
	}
	if (n->gone)
		return false;
	ifr.ifr_flags = 0;
	return ioctl(n->link, SIOCGIFFLAGS, &ifr) || ifr.ifr_flags & IFF_UP;
}

static void look_at_link(struct net *n)
{
	u16 status = is_up(n) ? VIRTIO_NET_S_LINK_UP : 0;

	n->look = false;
	if (status == n->config.status)
		return;
	n->config.status = status;
	virtio_changed(&n->virtio);
}

/* What the news are does not matter, nor that some were lost (ENOBUFS). */
static void hear_of_links(struct net *n)
{
	unsigned int i;
	u8 data[4096];

	for (i = 0; i < NEWS; i++)
		if (recv(n->link, data, sizeof(data), MSG_DONTWAIT) < 0 && errno != ENOBUFS)
			break;
	n->look |= i > 0;
}

static void work(void *dev)
{
	struct net *n = dev;
	struct virtio *v = &n->virtio;
	struct chain chain;

	hear_of_links(n);
	while (!n->gone && virtio_waits(v, RX) && receive(n))
		;
	while (virtio_take(v, TX, &chain)) {
		transmit(n, &chain);
		virtio_give(v, TX, &chain, 0);
	}
	if (n->look)
		look_at_link(n);
	/* No room: the guest's next notification tells of some. */
	v->source[SOURCE_TAP].fd = !n->gone && virtio_waits(v, RX) ? n->fd : -1;
}

/* --- options -------------------------------------------------------------------------------- */

static int refuse(const struct net *n, const char *words)
{
	report("--net tap=%s: %s", n->tap, words);
	return -1;
}

static int parse_mac(struct net *n, const char *word)
{
	u8 *mac = n->config.mac;
	int end = -1;

	if (sscanf(word, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &end) != ETH_ALEN || end != 17 || word[end]) {
		report("--net tap=%s: 'mac=%s': expected six bytes, as 02:00:00:00:00:01", n->tap,
		       word);
		return -1;
	}
	if (mac[0] & 1)
		return refuse(n, "the address is a group's: the first byte must be even");
	if (!memcmp(mac, "\0\0\0\0\0", ETH_ALEN))
		return refuse(n, "the address is nobody's");
	n->mac_given = true;
	return 0;
}

static int parse(struct net *n, char *spec)
{
	char *word = strsep(&spec, ",");

	if (strncmp(word, "tap=", 4)) {
		report("--net %s: expected tap=NAME[,mac=MAC]", word);
		return -1;
	}
	n->tap = word + 4;
	while ((word = strsep(&spec, ",")) != NULL) {
		if (strncmp(word, "mac=", 4)) {
			report("--net tap=%s: '%s': expected mac=MAC", n->tap, word);
			return -1;
		}
		if (parse_mac(n, word + 4))
			return -1;
	}
	/* A name with a % would be a pattern. */
	if (!*n->tap || strlen(n->tap) >= IFNAMSIZ || strpbrk(n->tap, "%/: "))
		return refuse(n, "a name has 1 to 15 bytes, and no '/', ':', '%' or space");
	return 0;
}

static const char *why_no_tun(int error)
{
	if (error == ENOENT || error == ENODEV || error == ENXIO)
		return TUN " is not there; `modprobe tun' brings it";
	if (error == EACCES || error == EPERM)
		return TUN " may not be opened by this user";
	return strerror(error);
}

static const char *why_no_tap(int error)
{
	switch (error) {
	case EPERM:
		return "no right to it; `ip tuntap add dev NAME mode tap user USER', as root, "
		       "makes one for USER";
	case EBUSY:
		return "another program uses it";
	case EINVAL:
		return "there is an interface of that name, but no TAP of one queue";
	}
	return strerror(error);
}

/* One that is not there yet is made, and goes with this program. */
static int open_tap(struct net *n)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	const int header = HEADER;

	n->fd = open(TUN, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (n->fd < 0)
		return refuse(n, why_no_tun(errno));
	strcpy(ifr.ifr_name, n->tap);
	if (ioctl(n->fd, TUNSETIFF, &ifr))
		return refuse(n, why_no_tap(errno));
	/* Its last user may have left other settings. */
	if (ioctl(n->fd, TUNSETVNETHDRSZ, &header) || ioctl(n->fd, TUNSETOFFLOAD, 0))
		return refuse(n, strerror(errno));
	return 0;
}

static int open_link(struct net *n)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };

	n->link = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (n->link >= 0 &&
	    !bind(n->link, (const struct sockaddr *)&address, sizeof(address)))
		return 0;
	report("--net tap=%s: a netlink socket: %s", n->tap, strerror(errno));
	return -1;
}

/* --- the device ----------------------------------------------------------------------------- */

static void saving(void *dev)
{
	struct net *n = dev;

	memcpy(n->saved.mac, n->config.mac, sizeof(n->saved.mac));
	n->saved.status = n->config.status;
	virtio_save(&n->virtio, &n->saved.virtio, &n->saved.tx);
}

static const char *loaded(void *dev)
{
	struct net *n = dev;

	if (n->mac_given && memcmp(n->saved.mac, n->config.mac, sizeof(n->saved.mac)))
		return "it had another address; without mac= it keeps that";
	memcpy(n->config.mac, n->saved.mac, sizeof(n->saved.mac));
	n->config.status = n->saved.status & VIRTIO_NET_S_LINK_UP;
	virtio_restore(&n->virtio, &n->saved.virtio, &n->saved.tx);
	return NULL;
}

/* An address that nobody else has: locally administered. */
static void choose_mac(struct net *n)
{
	if (n->mac_given || getrandom(n->config.mac, ETH_ALEN, 0) != ETH_ALEN)
		return;
	n->config.mac[0] = (n->config.mac[0] & ~1) | 2;
}

static void describe(struct net *n)
{
	struct virtio *v = &n->virtio;

	snprintf(v->name, sizeof(v->name), "net%u", (unsigned int)(n - nets));
	v->queues = QUEUES;
	v->features = BIT_ULL(VIRTIO_NET_F_MAC) | BIT_ULL(VIRTIO_NET_F_STATUS);
	v->config = &n->config;
	v->config_len = offsetof(struct virtio_net_config, max_virtqueue_pairs);
	v->work = work;
	v->dev = n;
	v->listens = true;
	v->sources = SOURCES;
	v->source[SOURCE_TAP] = (struct pollfd) { .fd = -1, .events = POLLIN };
	v->source[SOURCE_LINK] = (struct pollfd) { .fd = n->link, .events = POLLIN };
}

static int add_net(struct net *n, struct vm *vm, char *spec)
{
	struct kept kept = {
		.state = &n->saved, .size = sizeof(n->saved), .loaded = loaded, .dev = n,
		.saving = saving,
	};

	if (parse(n, spec) || open_link(n) || open_tap(n))
		return -1;
	choose_mac(n);
	describe(n);
	n->config.status = is_up(n) ? VIRTIO_NET_S_LINK_UP : 0;
	n->look = true;
	if (virtio_add(&n->virtio, vm, VIRTIO_ID_NET))
		return refuse(n, strerror(errno));
	memcpy(kept.name, n->virtio.name, sizeof(kept.name));
	vm_keep(vm, &kept);
	return 0;
}

/**
 * nets_init() - open TAPs and put their devices on the PCI bus
 * @vm:		the VM, after virtio_bus()
 * @specs:	tap=NAME[,mac=MAC] for each; they are cut up
 * @n:		how many, at most NETS_MOST
 *
 * Return: 0, or -1 with the reason reported.
 */
int nets_init(struct vm *vm, char * const *specs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (add_net(&nets[i], vm, specs[i]))
			return -1;
	return 0;
}
