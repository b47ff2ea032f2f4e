#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# TAP for scripts that run here, to be sourced: each case is judged by what the last command said,
# which the script keeps in $output.

count=0
failed=0
output=

# check STATUS NAME: the case held if STATUS is 0
check()
{
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
	else
		failed=$((failed + 1))
		echo "not ok $count - $2"
		echo "$output" | tail -n 40 | sed 's/^/# /'
	fi
}

# shows PATTERN NAME: $output has it, an extended regular expression
shows()
{
	echo "$output" | grep -qE -e "$1"
	check $? "$2"
}

# The plan; the status is the script's.
tap_end()
{
	echo "1..$count"
	echo "# $((count - failed)) passed, $failed failed, 0 skipped"
	[ $failed -eq 0 ]
}
