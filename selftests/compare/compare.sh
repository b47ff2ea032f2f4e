#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# compare.sh: the comparison with upstream as a test: TAP, a case for each row of the list.

exec "$(dirname "$0")/compare" --tap
