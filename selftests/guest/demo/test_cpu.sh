#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A baseline as Linux sees it: the demo's guest on a newer processor, told that it is a Haswell.
# Runs here; the demo boots its lab.

here=$(dirname "$0")
. "$here"/../../lib/tap.sh

echo "TAP version 13"
output=$("$here"/demo --cpu corei7_skylake_x --guest-cpu haswell 2>&1 | tr -d '\r')
shows '^guest:~# free -m' "a Linux guest boots under haswell on a Skylake"
shows '^cpu family	: 6$' "/proc/cpuinfo: family 6"
shows '^model		: 63$' "/proc/cpuinfo: model 63"
shows '^stepping	: 0$' "/proc/cpuinfo: stepping 0"
shows '^cpuid level	: 13$' "/proc/cpuinfo: the last leaf is 13"
shows '^model name	: .*i7-7800X' "/proc/cpuinfo: the brand is the host's"
shows '^CPUID_1_EAX 306f0$' "CPUID leaf 1, EAX"
shows '^CPUID_1_ECX fffa3203$' "CPUID leaf 1, ECX"
flags=" $(echo "$output" | sed -n 's/^flags\t\t: //p') "
for flag in rdseed adx smap clflushopt xsavec xgetbv1 xsaves 3dnowprefetch avx512f clwb; do
	! echo "$flags" | grep -q " $flag "
	check $? "$flag is gone"
done
for flag in bmi1 avx2 smep bmi2 invpcid fma movbe rdrand; do
	echo "$flags" | grep -q " $flag "
	check $? "$flag stays"
done
tap_end
