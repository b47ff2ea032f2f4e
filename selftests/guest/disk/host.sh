#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the lab: makes two images, boots the guest of `init` with them, which is saved when it asks for
# it, restores it, and shows what is in the first image.
# host.sh DEVICE WORD...: a WORD is a run and goes to the guest's command line. The first one is
# traced, from where the guest is restored.
device=$1
shift
trace=--trace=/trace

# piece N: 64 KiB of the image
piece()
{
	dd if=/disk.img bs=64k skip="$1" count=1 2>/dev/null
}

for word; do
	echo "host: run $word"
	case $word in
	legacy) io=io=thread ;;
	*) io=io=uring ;;
	esac
	dd if=/dev/zero bs=64k count=32 2>/dev/null | tr '\0' 'x' > /disk.img
	{ echo "second disk"; head -c 4084 /dev/zero; } > /second.img
	kvmlet run --device "$device" --kernel /vmlinux --initrd /guest.cpio --mem 128M \
		--append "$(cat /cmdline) $word" --disk "/disk.img,$io" --disk /second.img,ro \
		--save /saved
	echo "host: saved, status $?"
	kvmlet run --device "$device" --restore /saved --disk "/disk.img,$io" \
		--disk /second.img,ro $trace
	echo "host: status $?"
	rm -f /saved
	[ -z "$trace" ] || grep -E '^ *[0-9]+ (disk0|  )' /trace |
		awk '/disk0: a write/ && n++ { exit } { print "trace:" $0 }'
	trace=
	rm -rf /found
	mkdir /found
	tar xf /disk.img -C /found
	echo "host: hello $(cat /found/hello)"
	echo "host: noise $(md5sum < /found/noise)"
	echo "host: block $(for n in 20 21 22 23; do piece $n; done | md5sum)"
	echo "host: discarded $(piece 16 | tr -d '\0' | wc -c)"
	echo "host: kept $(piece 17 | tr -d 'x' | wc -c)"
	echo "host: second $(head -c 11 /second.img)"
done
