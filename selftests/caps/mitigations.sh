#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The entry path has the protections that Documentation/security.rst promises: mitigations.py.

exec python3 "$(dirname "$0")/mitigations.py"
