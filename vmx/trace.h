/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: what a guest did and what was done for it, for trace-cmd, perf and tracefs
 * (kvmlet:*). Names of exit reasons come from the one list, vmx/exit/reasons.h. A tracepoint
 * that is off is one static branch; what it would tell is only read when it is on.
 *
 * All are hit by the vCPU's own thread with the vCPU loaded.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvmlet

#if !defined(KVMLET_VMX_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KVMLET_VMX_TRACE_H

#include <linux/tracepoint.h>
#include <asm/vmx.h>
#include "vmx/cpu/regs.h"
#include "vmx/exit/exit.h"
#include "vmx/vcpu.h"

/* Tools read these lists out of the event's format: numbers only, and each row brings its comma. */
#define TRACE_REFUSED	0xffff
#define TRACE_REASON(nr, name, handler, traits)	, { nr, #name }
#define TRACE_REASONS	{ TRACE_REFUSED, "ENTRY_REFUSED" } EXIT_REASONS(TRACE_REASON)
#define TRACE_EVENT_TYPES							\
	{ 0, "interrupt" }, { 2, "NMI" }, { 3, "exception" }, { 4, "INT n" },	\
	{ 5, "INT1" }, { 6, "INT3/INTO" }, { 7, "other" }
#define TRACE_EXCEPTIONS							\
	{ 0, "#DE" }, { 1, "#DB" }, { 2, "NMI" }, { 3, "#BP" }, { 4, "#OF" },	\
	{ 5, "#BR" }, { 6, "#UD" }, { 7, "#NM" }, { 8, "#DF" }, { 10, "#TS" },	\
	{ 11, "#NP" }, { 12, "#SS" }, { 13, "#GP" }, { 14, "#PF" }, { 16, "#MF" }, \
	{ 17, "#AC" }, { 18, "#MC" }, { 19, "#XM" }, { 20, "#VE" }, { 21, "#CP" }
#define TRACE_EPT_ACCESS							\
	{ 0x01, "read" }, { 0x02, "write" }, { 0x04, "fetch" },			\
	{ 0x08, "readable" }, { 0x10, "writable" }, { 0x20, "executable" }

TRACE_DEFINE_ENUM(MMU_FAULT_MAPPED);
TRACE_DEFINE_ENUM(MMU_FAULT_MMIO);

/* About to enter, interrupts off; nothing can keep the vCPU from it. */
TRACE_EVENT(entry,
	TP_PROTO(struct vcpu *vcpu),
	TP_ARGS(vcpu),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(unsigned long, rip)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->rip = vcpu_rip(vcpu);
	),
	TP_printk("vcpu %u rip 0x%lx", __entry->vcpu, __entry->rip)
);

/* Out again, interrupts still off. SDM vol. 3C, 24.9. */
TRACE_EVENT(exit,
	TP_PROTO(struct vcpu *vcpu),
	TP_ARGS(vcpu),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u16, reason)
		__field(u16, high)
		__field(u32, intr_info)
		__field(u32, vectoring)
		__field(unsigned long, rip)
		__field(unsigned long, qualification)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->reason = vcpu->exit_reason & EXIT_ENTRY_REFUSED ?
					  TRACE_REFUSED : vcpu->exit_reason;
		__entry->high = vcpu->exit_reason >> 16;
		__entry->intr_info = vmcs_read32(VM_EXIT_INTR_INFO);
		__entry->vectoring = vmcs_read32(IDT_VECTORING_INFO_FIELD);
		__entry->rip = vcpu_rip(vcpu);
		__entry->qualification = vmcs_readl(EXIT_QUALIFICATION);
	),
	TP_printk("vcpu %u reason %s%s rip 0x%lx qualification 0x%lx intr_info 0x%x vectoring 0x%x",
		  __entry->vcpu, __print_symbolic(__entry->reason, TRACE_REASONS),
		  __entry->high & 0x8000 ? " (entry failed)" : "", __entry->rip,
		  __entry->qualification, __entry->intr_info, __entry->vectoring)
);

/* An event is given to the processor, for the first time or again. SDM vol. 3C, 26.6. */
TRACE_EVENT(inj,
	TP_PROTO(struct vcpu *vcpu, u32 info, u32 error),
	TP_ARGS(vcpu, info, error),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u8, vector)
		__field(u8, type)
		__field(u8, has_error)
		__field(u32, error)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->vector = info & INTR_INFO_VECTOR_MASK;
		__entry->type = (info & INTR_INFO_INTR_TYPE_MASK) >> 8;
		__entry->has_error = !!(info & INTR_INFO_DELIVER_CODE_MASK);
		__entry->error = __entry->has_error ? error : 0;
	),
	TP_printk("vcpu %u %s %u%s%s error 0x%x", __entry->vcpu,
		  __print_symbolic(__entry->type, TRACE_EVENT_TYPES), __entry->vector,
		  __entry->type == 3 ? " " : "",
		  __entry->type == 3 ? __print_symbolic(__entry->vector, TRACE_EXCEPTIONS) : "",
		  __entry->error)
);

/* RDMSR or WRMSR that exited, with what was read or written, and whether it got #GP. */
TRACE_EVENT(msr,
	TP_PROTO(struct vcpu *vcpu, bool write, u32 index, u64 value, bool fault),
	TP_ARGS(vcpu, write, index, value, fault),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u32, index)
		__field(u64, value)
		__field(u8, write)
		__field(u8, fault)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->index = index;
		__entry->value = value;
		__entry->write = write;
		__entry->fault = fault;
	),
	TP_printk("vcpu %u %s 0x%x value 0x%llx%s", __entry->vcpu,
		  __entry->write ? "write" : "read", __entry->index, __entry->value,
		  __entry->fault ? " #GP" : "")
);

/* Port I/O with its data: OUT when it is handed on, IN when it is answered. */
TRACE_EVENT(pio,
	TP_PROTO(struct vcpu *vcpu, bool in, u16 port, u8 size, u32 count, const void *data),
	TP_ARGS(vcpu, in, port, size, count, data),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u32, count)
		__field(u32, value)
		__field(u16, port)
		__field(u8, size)
		__field(u8, in)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->count = count;
		__entry->value = 0;
		memcpy(&__entry->value, data, min_t(size_t, size, sizeof(__entry->value)));
		__entry->port = port;
		__entry->size = size;
		__entry->in = in;
	),
	TP_printk("vcpu %u %s port 0x%x size %u count %u value 0x%x", __entry->vcpu,
		  __entry->in ? "in" : "out", __entry->port, __entry->size, __entry->count,
		  __entry->value)
);

/* An access to a device in memory: a write when it is handed on, a read when it is answered. */
TRACE_EVENT(mmio,
	TP_PROTO(struct vcpu *vcpu, bool write, u64 gpa, u8 len, const void *data),
	TP_ARGS(vcpu, write, gpa, len, data),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u8, len)
		__field(u8, write)
		__field(u64, gpa)
		__field(u64, value)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->len = len;
		__entry->write = write;
		__entry->gpa = gpa;
		__entry->value = 0;
		memcpy(&__entry->value, data, min_t(size_t, len, sizeof(__entry->value)));
	),
	TP_printk("vcpu %u %s gpa 0x%llx len %u value 0x%llx", __entry->vcpu,
		  __entry->write ? "write" : "read", __entry->gpa, __entry->len, __entry->value)
);

/* An access that EPT did not allow, and what became of it. SDM vol. 3D, table 27-7. */
TRACE_EVENT(ept_fault,
	TP_PROTO(struct vcpu *vcpu, u64 gpa, unsigned long qualification, int result),
	TP_ARGS(vcpu, gpa, qualification, result),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(int, result)
		__field(u64, gpa)
		__field(unsigned long, rip)
		__field(unsigned long, qualification)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->result = result;
		__entry->gpa = gpa;
		__entry->rip = vcpu_rip(vcpu);
		__entry->qualification = qualification;
	),
	TP_printk("vcpu %u gpa 0x%llx rip 0x%lx access %s %s", __entry->vcpu, __entry->gpa,
		  __entry->rip,
		  __print_flags(__entry->qualification & 0x3f, "|", TRACE_EPT_ACCESS),
		  __print_symbolic(__entry->result, { MMU_FAULT_MAPPED, "mapped" },
				   { MMU_FAULT_MMIO, "mmio" }, { -4, "EINTR" },
				   { -5, "EIO" }, { -12, "ENOMEM" }, { -14, "EFAULT" }))
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH vmx
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
