#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# host.sh IMAGE COMMAND...: runs the guest, and shows the file that it has left on its disk. The
# status is COMMAND's.
image=$1
shift

"$@"
status=$?
PATH=$PATH:/usr/sbin:/sbin
echo "host:~# debugfs -R 'cat /root/letter' $image"
debugfs -R 'cat /root/letter' "$image" 2>/dev/null
exit $status
