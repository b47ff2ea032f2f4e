#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# trace-cmd and perf read kvmlet's tracepoints: of each event that they record they print what the
# kernel prints.
cd "$(dirname "$0")/../.." || exit 1

run=0
failed=0

# case_ NAME COMMAND...: COMMAND succeeds
case_() {
	name=$1
	shift
	run=$((run + 1))
	if "$@"; then
		echo "ok $run - $name"
	else
		failed=$((failed + 1))
		echo "not ok $run - $name"
		tail -n 5 "$work/log" "$work/strange" | sed 's/^/# /'
	fi
}

echo "TAP version 13"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# look TOOL RECORD-AND-REPORT: the tool and its libraries in the lab's host, where a guest runs that
# it records, and the kernel beside it. Both tools read all of /proc/kallsyms, which no event needs
# and which takes the emulator 20 s each time: they get two lines of it.
look() {
	path=$(command -v "$1") || {
		echo "1..0 # SKIP $1 is not installed: make setup CHECK=1"
		exit 4
	}
	add=(--add "$(readlink -f "$path"):/bin/$1")
	for file in $(ldd "$path" | grep -o '/[^ ]*'); do
		add+=(--add "$(readlink -f "$file"):$file")
	done
	cat >"$work/record.sh" <<-SCRIPT
		grep -m 2 -w -e _text -e _stext /proc/kallsyms >/few.txt
		mount -o bind /few.txt /proc/kallsyms
		own=/sys/kernel/tracing/instances/own
		mkdir \$own && echo 1 >\$own/events/kvmlet/enable || exit 1
		echo 16384 >\$own/buffer_size_kb
		$2
		echo 0 >\$own/events/kvmlet/enable
		# "EVENT: WORDS" of each
		sed -n 's/^.*[0-9]: *\(kvmlet:\)*\([a-z_]*\): */\2: /p' /report.txt |
			sort -u >/told.txt
		sed -n 's/^.*[0-9]: *\([a-z_]*\): */\1: /p' \$own/trace | sort -u >/kernel.txt
	SCRIPT
	selftests/lab/lab run --driver kvmlet --ftrace "${add[@]}" --add build/guest/mmio \
		--add "$work/record.sh:/record.sh" --get "/told.txt:$work/told" \
		--get "/kernel.txt:$work/kernel" -- sh /record.sh >"$work/log" 2>&1
	case_ "$1 records a guest's run" test $? -eq 0
	comm -23 "$work/told" "$work/kernel" >"$work/strange"
	case_ "what $1 prints is what the kernel prints" test ! -s "$work/strange"
	for words in "exit: vcpu 0 reason EPT_VIOLATION rip 0x" \
		"ept_fault: vcpu 0 gpa 0xd0000000 rip 0x" "entry: vcpu 0 rip 0x" \
		"mmio: vcpu 0 read gpa 0xd0000000 len 1 value 0x"; do
		case_ "$1 prints: $words" grep -q "^$words" "$work/told"
	done
}

look trace-cmd "trace-cmd record -e kvmlet -o /t.dat mmio /dev/kvmlet >/record.txt 2>&1 || exit 1
		trace-cmd report -i /t.dat >/report.txt"
look perf "perf record -m 1024 -e 'kvmlet:*' -o /p.dat mmio /dev/kvmlet >/record.txt 2>&1 || exit 1
		perf script -i /p.dat >/report.txt"
echo "1..$run"
echo "# $((run - failed)) passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
