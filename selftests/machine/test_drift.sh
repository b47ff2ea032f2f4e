#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A Linux guest's clock keeps the host's time, by each of its clock sources. Runs here; the program
# boots its lab.
exec "$(dirname "$0")"/drift --seconds 10
