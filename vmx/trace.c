// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the tracepoints of vmx/trace.h.
 */
#define CREATE_TRACE_POINTS
#include "vmx/trace.h"
