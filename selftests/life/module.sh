#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# module.sh BUSY SYSTEM [PART...]: the module comes and goes. It is run in the lab with --driver
# none and two programs added, guest/busy and api/system, by their paths:
#
#	lab run --driver none --add ... -- sh module.sh /t/busy /t/system
#
# The parts are leaks, descriptor, hidden, hypervisors and processors, which needs --smp 2; all if
# none is named. On the debug host, which is ten times as slow, all is done less often.

busy=$1
system=$2
shift 2
run=0
failed=0
skipped=0
kmemleak=/sys/kernel/debug/kmemleak
grep -q ' debugfs ' /proc/mounts || mount -t debugfs debugfs /sys/kernel/debug
debug=
[ ! -e $kmemleak ] || debug=yes

# count NORMAL DEBUG
count() {
	if [ "$debug" ]; then echo "$2"; else echo "$1"; fi
}

ok() {
	run=$((run + 1))
	echo "ok $run - $1"
}

not_ok() {
	run=$((run + 1))
	failed=$((failed + 1))
	echo "not ok $run - $1"
	[ -z "$2" ] || echo "# $2"
}

skip() {
	run=$((run + 1))
	skipped=$((skipped + 1))
	echo "ok $run - $1 # SKIP $2"
}

# holds NAME COMMAND...: COMMAND succeeds
holds() {
	name=$1
	shift
	if "$@" >/tmp/out 2>&1; then ok "$name"; else not_ok "$name" "$(tail -n 3 /tmp/out)"; fi
}

# fails NAME COMMAND...: COMMAND does not succeed
fails() {
	name=$1
	shift
	if "$@" >/tmp/out 2>&1; then not_ok "$name" "it succeeded"; else ok "$name"; fi
}

# field NAME: kilobytes of /proc/meminfo
field() {
	awk -v name="$1:" '$1 == name { print $2 }' /proc/meminfo
}

# What the module could leave behind: KiB that are in use and are no cache.
in_use() {
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	echo $(($(field SUnreclaim) + $(field Percpu) + $(field VmallocUsed)))
}

come_and_go() {
	n=$1
	while [ "$n" -gt 0 ]; do
		modprobe kvmlet && rmmod kvmlet || return 1
		n=$((n - 1))
	done
}

run_each_time() {
	n=$1
	while [ "$n" -gt 0 ]; do
		modprobe kvmlet && "$busy" /dev/kvmlet 5 >/tmp/busy && rmmod kvmlet || return 1
		n=$((n - 1))
	done
}

# What kmemleak finds; it takes two looks, at what is 5 s old.
suspects() {
	sleep 6
	echo scan >$kmemleak
	echo scan >$kmemleak
	cat $kmemleak
}

# no_leak NAME TIMES FUNCTION: less than 1 KiB a time is left. The debug host keeps what is freed
# for a while: there kmemleak is asked.
no_leak() {
	"$3" 4
	before=$(in_use)
	holds "$1" "$3" "$2"
	after=$(in_use)
	echo "# $before KiB before, $after KiB after"
	if [ "$debug" ]; then
		suspects >/tmp/suspects
		fails "$2 times leave no memory behind" grep -m 1 unreferenced /tmp/suspects
	elif [ $((after - before)) -lt "$2" ]; then
		ok "$2 times leave no memory behind"
	else
		not_ok "$2 times leave no memory behind" "$((after - before)) KiB more in use"
	fi
}

leaks() {
	no_leak "insmod and rmmod" "$(count 100 10)" come_and_go
	no_leak "insmod, guests, rmmod" "$(count 20 5)" run_each_time
}

# The device, or a VM or vCPU alone, keeps the module.
descriptor() {
	modprobe kvmlet
	exec 3<>/dev/kvmlet
	fails "rmmod is refused while the device is open" rmmod kvmlet
	"$busy" /dev/kvmlet 100000 >/tmp/busy 3>&- &
	sleep "$(count 1 4)"
	exec 3>&-
	fails "and while a guest runs" rmmod kvmlet
	kill -USR1 $!
	holds "which is not disturbed" wait $!
	holds "and works when all is closed" rmmod kvmlet
}

# says NAME WORDS: the log's last line of kvmlet's has them
says() {
	last=$(dmesg | grep kvmlet: | tail -n 1)
	case $last in
	*"$2"*) ok "$1" ;;
	*) not_ok "$1" "$last" ;;
	esac
}

# What the parameter hide names is as if the processor lacked it.
hidden() {
	fails "hide: insmod is refused for a name that no control has" modprobe kvmlet hide=nonsense
	says "in words" 'no control is called "nonsense"'
	fails "and for an empty one" modprobe kvmlet hide=,
	fails "hide: insmod is refused without what is needed" modprobe kvmlet 'hide=enable EPT'
	says "in words" '"enable EPT" is missing'
	holds "and works without what is not" modprobe kvmlet 'hide=enable VPID,use TPR shadow'
	says "in words" "enable VPID"
	holds "with guests" "$busy" /dev/kvmlet 5
	rmmod kvmlet
}

hypervisors() {
	modprobe kvm_intel
	fails "insmod is refused while kvm_intel is there" modprobe kvmlet
	if dmesg | grep -q 'kvmlet: .*kvm_intel'; then
		ok "the log names kvm_intel"
	else
		not_ok "the log names kvm_intel" "$(dmesg | grep kvmlet: | tail -n 1)"
	fi
	rmmod kvm_intel
	rmmod kvm
	holds "insmod works without it" modprobe kvmlet
	"$busy" /dev/kvmlet 100000 >/tmp/busy &
	sleep 1
	modprobe kvm_intel
	"$system" /dev/kvm >/tmp/out 2>&1
	if grep -q 'Bail out! KVM_CREATE_VM: Device or resource busy' /tmp/out; then
		ok "kvm_intel loaded later: its KVM_CREATE_VM is EBUSY"
	else
		not_ok "kvm_intel loaded later: its KVM_CREATE_VM is EBUSY" "$(tail -n 1 /tmp/out)"
	fi
	kill -USR1 $!
	holds "the guest that runs meanwhile is not disturbed" wait $!
	rmmod kvm_intel
	rmmod kvm
	holds "rmmod after kvm_intel has gone" rmmod kvmlet
}

# cpu1 goes and comes back
go_and_come() {
	n=$1
	while [ "$n" -gt 0 ]; do
		echo 0 >$cpu1 && sleep 0.1 && echo 1 >$cpu1 && sleep 0.1 || return 1
		n=$((n - 1))
	done
}

processors() {
	cpu1=/sys/devices/system/cpu/cpu1/online
	if [ ! -e $cpu1 ]; then
		skip "a processor goes and comes under guests" "this host has one processor"
		return
	fi
	modprobe kvmlet
	"$busy" /dev/kvmlet 100000 >/tmp/busy &
	sleep 1
	holds "a processor goes and comes under guests $(count 50 5) times" \
		go_and_come "$(count 50 5)"
	sleep 1
	kill -USR1 $!
	holds "the guests are not disturbed" wait $!
	echo 0 >$cpu1
	"$busy" /dev/kvmlet 100000 >/tmp/busy &
	sleep 1
	fails "rmmod is refused with a processor gone" rmmod kvmlet
	holds "which comes while guests run" sh -c "echo 1 >$cpu1"
	kill -USR1 $!
	holds "that are not disturbed" wait $!
	holds "rmmod after that" rmmod kvmlet
}

echo "TAP version 13"
for part in ${*:-leaks descriptor hidden hypervisors processors}; do
	$part
done
if dmesg | grep -q -e 'BUG:' -e 'Oops'; then
	not_ok "the log has no oops" "$(dmesg | grep -e BUG: -e Oops | head -n 1)"
else
	ok "the log has no oops"
fi
echo "1..$run"
echo "# $((run - failed - skipped)) passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
