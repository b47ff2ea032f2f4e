#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# reboot.sh BUSY KEXEC [OPTION...]: a host with running guests reboots cleanly, and goes on to
# another kernel. Not run in the lab: it runs labs with these options, in which guest/busy keeps
# guests going, and reads the host's log. Both ways end a lab with status 112.

here=$(dirname "$0")
busy=$1
kexec=$2
shift 2
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
run=0
failed=0

check() {
	run=$((run + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $run - $3"
	else
		echo "not ok $run - $3"
		echo "# expected $2, got $1"
		failed=$((failed + 1))
	fi
}

# end COMMAND OPTION...: of the host; its log is kept
end() {
	command=$1
	shift
	"$here"/../lab/lab run --driver kvmlet --limit 300 --log "$log" "$@" --add "$busy":/busy \
		--add "$kexec":/kexec -- \
		sh -c "/busy /dev/kvmlet 100000 & sleep 1; $command; sleep 5" >/dev/null 2>&1
}

complaints() {
	grep -c -e BUG: -e WARNING: -e Oops -e 'Kernel panic' "$log"
}

echo "TAP version 13"
end "reboot -f" "$@"
check $? 112 "the host reboots under running guests"
check "$(grep -c 'reboot: Restarting system' "$log")" 1 "its kernel says so"
check "$(complaints)" 0 "and nothing worse"
end /kexec "$@"
check $? 112 "the host ends for another kernel under running guests"
check "$(grep -c 'kexec: the next kernel is here' "$log")" 1 "which comes up"
check "$(complaints)" 0 "and nobody complains"
echo "1..$run"
echo "# $((run - failed)) passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
