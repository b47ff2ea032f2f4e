#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The verdict of `kvmlet caps` and of insmod on processors of the lab: the same words from both,
# the right errno, and a refusal that names what is missing. TAP; needs the lab.
#
# KVMLET: the program; KVMLET_KO: the module; without them as `make` builds them.

root=$(cd "$(dirname "$0")/../.." && pwd)
lab=$root/selftests/lab/lab
program=${KVMLET:-$root/build/userspace/kvmlet}
module=${KVMLET_KO:-$root/build/$("$lab" release)/kvmlet.ko}
. "$root/selftests/lib/tap.sh"

# Ends with one line each: the tool's verdict and status, the module's verdict, insmod's error.
commands='modprobe msr
kvmlet caps > caps.out; echo "STATUS $?"
sed -n "s/^kvmlet \(runs\|does not run\)/TOOL \1/p" caps.out
insmod /kvmlet.ko 2>&1 | sed "s/^/INSMOD /"
dmesg | sed -n "s/.*kvmlet: \(runs\|does not run\)/MODULE \1/p" | tail -n 1'

# judge MODEL STATUS WORDS
judge()
{
	output=$("$lab" run --driver none --cpu "$1" --add "$program:/bin/kvmlet" \
		 --add "$module:/kvmlet.ko" -- sh -c "$commands" 2>&1)
	shows "^TOOL .*$3" "$1: kvmlet caps says: $3"
	shows "^STATUS $2\$" "$1: kvmlet caps ends with $2"
	tool=$(echo "$output" | sed -n 's/^TOOL //p')
	[ -n "$tool" ] && [ "$tool" = "$(echo "$output" | sed -n 's/^MODULE //p')" ]
	check $? "$1: the module says the same words"
	if [ "$2" -eq 0 ]; then
		! echo "$output" | grep -q '^INSMOD'
		check $? "$1: insmod succeeds"
	else
		shows '^INSMOD .*Operation not supported' "$1: insmod fails with EOPNOTSUPP"
	fi
}

echo "TAP version 13"
for file in "$program" "$module"; do
	[ -e "$file" ] || { echo "Bail out! $file is missing: run make"; exit 1; }
done
judge core2_penryn_t9600 1 'no EPT'
judge corei5_lynnfield_750 0 'runs with [0-9]* losses: .*unrestricted guest'
judge corei7_haswell_4770 0 'runs with [0-9]* losses: .*use TSC scaling'
judge broadwell_ult 0 'runs with [0-9]* losses: .*enable PML'
tap_end
