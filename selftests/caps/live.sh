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
count=0
failed=0

# ok CONDITION-STATUS NAME
ok()
{
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
	else
		failed=$((failed + 1))
		echo "not ok $count - $2"
		echo "$output" | sed 's/^/# /'
	fi
}

has()
{
	echo "$output" | grep -q -- "$1"
	ok $? "$2"
}

# Ends with one line each: the tool's verdict and status, the module's verdict, insmod's error.
commands='modprobe msr
kvmlet caps > caps.out; echo "STATUS $?"
sed -n "s/^kvmlet \(runs\|does not run\)/TOOL \1/p" caps.out
insmod /kvmlet.ko 2>&1 | sed "s/^/INSMOD /"
dmesg | sed -n "s/.*kvmlet: \(runs\|does not run\)/MODULE \1/p" | tail -n 1'

# check MODEL STATUS WORDS
check()
{
	output=$("$lab" run --driver none --cpu "$1" --add "$program:/bin/kvmlet" \
		 --add "$module:/kvmlet.ko" -- sh -c "$commands" 2>&1)
	has "^TOOL .*$3" "$1: kvmlet caps says: $3"
	has "^STATUS $2\$" "$1: kvmlet caps ends with $2"
	tool=$(echo "$output" | sed -n 's/^TOOL //p')
	[ -n "$tool" ] && [ "$tool" = "$(echo "$output" | sed -n 's/^MODULE //p')" ]
	ok $? "$1: the module says the same words"
	if [ "$2" -eq 0 ]; then
		! echo "$output" | grep -q '^INSMOD'
		ok $? "$1: insmod succeeds"
	else
		has '^INSMOD .*Operation not supported' "$1: insmod fails with EOPNOTSUPP"
	fi
}

echo "TAP version 13"
for file in "$program" "$module"; do
	[ -e "$file" ] || { echo "Bail out! $file is missing: run make"; exit 1; }
done
check core2_penryn_t9600 1 'no EPT'
check corei5_lynnfield_750 0 'runs with [0-9]* losses: .*unrestricted guest'
check corei7_haswell_4770 0 'runs with [0-9]* losses: .*use TSC scaling'
check broadwell_ult 0 'runs with [0-9]* losses: .*enable PML'
echo "1..$count"
echo "# $((count - failed)) passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
