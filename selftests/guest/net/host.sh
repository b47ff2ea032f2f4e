#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the lab, in a network namespace of its own: a TAP, a web server, and the guest of `init`, which
# is saved when it asks for it, and restored. What the guest wants done here it says by connecting
# to a port: 9000, a file is fetched from it; 9001, the TAP goes down for a while; 9002, it is
# removed.
# host.sh DEVICE WORD...: a WORD is a run and goes to the guest's command line.
if [ "$1" != inside ]; then
	modprobe tun 2>/dev/null || { echo "host: no tun"; exit 0; }
	mkdir -p /dev/net
	[ -c /dev/net/tun ] || mknod /dev/net/tun c 10 200
	exec unshare -n sh "$0" inside "$@"
fi
device=$2
shift 2

mkdir -p /www
dd if=/dev/urandom of=/www/noise bs=64k count=4 2>/dev/null
ifconfig lo 127.0.0.1 up
httpd -p 8080 -h /www
for word; do
	echo "host: run $word"
	tunctl -t tap0 >/dev/null
	ifconfig tap0 10.0.0.1 netmask 255.255.255.0 up
	rm -f /www/received
	{
		nc -l -p 9000 >/dev/null
		wget -q -O /received http://10.0.0.2:8080/sent
		mv /received /www/received
		nc -l -p 9001 >/dev/null
		ifconfig tap0 down
		sleep 2
		ifconfig tap0 up
		nc -l -p 9002 >/dev/null
		ip link del tap0
	} &
	echo "by hvc0" | kvmlet run --device "$device" --kernel /vmlinux --initrd /guest.cpio \
		--mem 128M --append "$(cat /cmdline) $word" --rng --console \
		--net tap=tap0,mac=02:00:00:00:00:02 --save /saved
	echo "host: saved, status $?"
	kvmlet run --device "$device" --restore /saved --rng --console --net tap=tap0 2>&1
	echo "host: status $?"
	rm -f /saved
	echo "host: noise $(md5sum < /www/noise)"
	echo "host: received $(md5sum < /www/received)"
	wait
done
