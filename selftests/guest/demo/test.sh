#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The demo: Debian's own kernel boots to a busybox shell and powers off, under kvmlet and under
# kvm-intel, and the host has nothing to complain about. Runs here; the demo boots its lab.

here=$(dirname "$0")
. "$here"/../../lib/tap.sh

echo "TAP version 13"
for driver in kvmlet kvm; do
	began=$(date +%s)
	output=$("$here"/demo --driver $driver 2>&1)
	check $? "$driver: the guest powers off, the lab is content: status 0"
	seconds=$(($(date +%s) - began))
	[ $seconds -le 60 ]
	check $? "$driver: it takes at most 60 s (here $seconds)"
	shows 'This is a Linux guest' "$driver: the guest's init speaks"
	shows '^Linux guest .* Debian .* x86_64 GNU/Linux' "$driver: uname -a is Debian's"
	shows '^Hypervisor vendor: +KVM' "$driver: the guest sees KVM"
	shows '^(kvm-clock|tsc)' "$driver: its clock is kvm-clock, or a TSC that it trusts"
	shows '^/dev/vda +[0-9]' "$driver: its root is on the disk"
	[ "$(echo "$output" | tr -d '\r' | sed -n '/^host:.*debugfs/,$p' |
		grep -c '^written by the guest, which runs on [0-9]')" = 1 ]
	check $? "$driver: the host finds the file that the guest has left there"
	shows '^Mem: +[0-9]+ ' "$driver: a command at its prompt answers"
done
tap_end
