#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# A Linux guest in the middle of work is saved and restored twice; one of a newer processor is
# refused on an older one. Runs here; the program boots its labs.
exec "$(dirname "$0")"/state --times 2 --refused
