#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# reboot.sh BUSY: a host with running guests reboots cleanly. Not run in the lab: it runs one, in
# which guest/busy keeps guests going, and reads the host's log. A reboot ends a lab with status
# 112.

here=$(dirname "$0")
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
failed=0

check() {
	if [ "$2" = "$3" ]; then
		echo "ok $1 - $4"
	else
		echo "not ok $1 - $4"
		echo "# expected $3, got $2"
		failed=$((failed + 1))
	fi
}

echo "TAP version 13"
"$here"/../lab/lab run --driver kvmlet --limit 60 --log "$log" --add "$1":/busy -- \
	sh -c '/busy /dev/kvmlet 100000 & sleep 1; reboot -f; sleep 5' >/dev/null 2>&1
check 1 $? 112 "the host reboots under running guests"
check 2 "$(grep -c 'reboot: Restarting system' "$log")" 1 "its kernel says so"
check 3 "$(grep -c -e BUG: -e WARNING: -e Oops -e 'Kernel panic' "$log")" 0 "and nothing worse"
echo "1..3"
echo "# $((3 - failed)) passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
