// SPDX-License-Identifier: GPL-2.0
/*
 * The opcodes that are emulated: const tables, indexed by the opcode's last byte, and groups
 * indexed by ModRM.reg or by mandatory prefix. An absent row is an instruction that is not
 * emulated, not one that does not exist. SDM vol. 2D, appendix A.
 */
#include "vmx/emulate/insn.h"

#define GENERIC(fn, to, from, ...)						\
	{ .exec = emul_generic, .compute = fn, .dst = OPD_##to, .src = OPD_##from, __VA_ARGS__ }
#define EXEC(fn, ...)	{ .exec = fn, __VA_ARGS__ }
#define BYTE		.size = 1
#define FLAGS(f)	.flags = (f)

/* An opcode for bytes, and the next one for operands as wide as the prefixes say. */
#define BOTH(op, form, ...)	[op] = form(__VA_ARGS__, BYTE), [(op) + 1] = form(__VA_ARGS__)

/* ADD and its seven kin: six opcodes each. */
#define ARITH(op, fn, rw, lock)							\
	BOTH(op, GENERIC, fn, RM, REG, FLAGS(OPF_MODRM | (rw) | (lock))),		\
	BOTH((op) + 2, GENERIC, fn, REG, RM, FLAGS(OPF_MODRM | (rw))),			\
	[(op) + 4] = GENERIC(fn, ACC, IMM, BYTE, FLAGS(OPF_IMM8 | (rw))),		\
	[(op) + 5] = GENERIC(fn, ACC, IMM, FLAGS(OPF_IMM | (rw)))

#define TEST_ONLY	(OPF_READ | OPF_NOWRITE)

/* Rows by ModRM.reg; rows for no prefix, 66H, F3H, F2H. */
#define ROWS(n, ...)	(const struct emul_opcode[n]) { __VA_ARGS__ }
#define GROUP(...)	{ .sub = ROWS(8, __VA_ARGS__), .flags = OPF_MODRM | OPF_GROUP }
#define PREFIXED(...)	{ .sub = ROWS(4, __VA_ARGS__), .flags = OPF_MODRM | OPF_PREFIX }

/* 80 to 83. */
#define GROUP1(form, ...)	GROUP(						\
	GENERIC(alu_add, RM, IMM, FLAGS((form) | OPF_READ | OPF_LOCK), __VA_ARGS__),	\
	GENERIC(alu_or, RM, IMM, FLAGS((form) | OPF_READ | OPF_LOCK), __VA_ARGS__),	\
	GENERIC(alu_adc, RM, IMM, FLAGS((form) | OPF_READ | OPF_LOCK), __VA_ARGS__),	\
	GENERIC(alu_sbb, RM, IMM, FLAGS((form) | OPF_READ | OPF_LOCK), __VA_ARGS__),	\
	GENERIC(alu_and, RM, IMM, FLAGS((form) | OPF_READ | OPF_LOCK), __VA_ARGS__),	\
	GENERIC(alu_sub, RM, IMM, FLAGS((form) | OPF_READ | OPF_LOCK), __VA_ARGS__),	\
	GENERIC(alu_xor, RM, IMM, FLAGS((form) | OPF_READ | OPF_LOCK), __VA_ARGS__),	\
	GENERIC(alu_sub, RM, IMM, FLAGS((form) | TEST_ONLY), __VA_ARGS__))

/* C0, C1, D0 to D3. */
#define GROUP2(count, form, ...)	GROUP(					\
	GENERIC(alu_rol, RM, count, FLAGS((form) | OPF_READ), __VA_ARGS__),	\
	GENERIC(alu_ror, RM, count, FLAGS((form) | OPF_READ), __VA_ARGS__),	\
	GENERIC(alu_rcl, RM, count, FLAGS((form) | OPF_READ), __VA_ARGS__),	\
	GENERIC(alu_rcr, RM, count, FLAGS((form) | OPF_READ), __VA_ARGS__),	\
	GENERIC(alu_shl, RM, count, FLAGS((form) | OPF_READ), __VA_ARGS__),	\
	GENERIC(alu_shr, RM, count, FLAGS((form) | OPF_READ), __VA_ARGS__),	\
	GENERIC(alu_shl, RM, count, FLAGS((form) | OPF_READ), __VA_ARGS__),	\
	GENERIC(alu_sar, RM, count, FLAGS((form) | OPF_READ), __VA_ARGS__))

#define SSE(fn, bytes, ...)	EXEC(fn, .size = bytes, __VA_ARGS__)

/* TEST, twice, NOT and NEG; INC and DEC. */
#define UNARY_TEST(imm, bytes)							\
	[0 ... 1] = GENERIC(alu_and, RM, IMM, bytes, FLAGS((imm) | TEST_ONLY)),	\
	[2] = GENERIC(alu_not, RM, NONE, bytes, FLAGS(OPF_READ | OPF_LOCK)),	\
	[3] = GENERIC(alu_neg, RM, NONE, bytes, FLAGS(OPF_READ | OPF_LOCK))
#define INC_DEC(bytes)								\
	[0] = GENERIC(alu_inc, RM, NONE, bytes, FLAGS(OPF_READ | OPF_LOCK)),	\
	[1] = GENERIC(alu_dec, RM, NONE, bytes, FLAGS(OPF_READ | OPF_LOCK))

const struct emul_opcode emul_map0[256] = {
	ARITH(0x00, alu_add, OPF_READ, OPF_LOCK),
	ARITH(0x08, alu_or, OPF_READ, OPF_LOCK),
	ARITH(0x10, alu_adc, OPF_READ, OPF_LOCK),
	ARITH(0x18, alu_sbb, OPF_READ, OPF_LOCK),
	ARITH(0x20, alu_and, OPF_READ, OPF_LOCK),
	ARITH(0x28, alu_sub, OPF_READ, OPF_LOCK),
	ARITH(0x30, alu_xor, OPF_READ, OPF_LOCK),
	ARITH(0x38, alu_sub, TEST_ONLY, 0),
	[0x63] = GENERIC(alu_movsx, REG, RM, .src_size = 4, FLAGS(OPF_MODRM | OPF_LONG)),
	BOTH(0x6c, EXEC, emul_string, FLAGS(OPF_IO)), BOTH(0x6e, EXEC, emul_string, FLAGS(OPF_IO)),
	[0x80] = GROUP1(OPF_IMM8, BYTE), [0x81] = GROUP1(OPF_IMM, .size = 0),
	[0x82] = GROUP1(OPF_IMM8 | OPF_LEGACY, BYTE), [0x83] = GROUP1(OPF_IMM8, .size = 0),
	BOTH(0x84, GENERIC, alu_and, RM, REG, FLAGS(OPF_MODRM | TEST_ONLY)),
	BOTH(0x86, EXEC, emul_xchg, FLAGS(OPF_MODRM | OPF_LOCK | OPF_LOCKED)),
	BOTH(0x88, GENERIC, alu_mov, RM, REG, FLAGS(OPF_MODRM)),
	BOTH(0x8a, GENERIC, alu_mov, REG, RM, FLAGS(OPF_MODRM)),
	[0x8f] = GROUP([0] = EXEC(emul_pop_mem, FLAGS(OPF_STACK))),
	BOTH(0xa0, GENERIC, alu_mov, ACC, RM, FLAGS(OPF_MOFFS)),
	BOTH(0xa2, GENERIC, alu_mov, RM, ACC, FLAGS(OPF_MOFFS)),
	BOTH(0xa4, EXEC, emul_string), BOTH(0xa6, EXEC, emul_string),
	BOTH(0xaa, EXEC, emul_string), BOTH(0xac, EXEC, emul_string),
	BOTH(0xae, EXEC, emul_string),
	[0xc0] = GROUP2(IMM, OPF_IMM8, BYTE), [0xc1] = GROUP2(IMM, OPF_IMM8, .size = 0),
	[0xc6] = GROUP([0] = GENERIC(alu_mov, RM, IMM, BYTE, FLAGS(OPF_IMM8))),
	[0xc7] = GROUP([0] = GENERIC(alu_mov, RM, IMM, FLAGS(OPF_IMM))),
	[0xd0] = GROUP2(ONE, 0, BYTE), [0xd1] = GROUP2(ONE, 0, .size = 0),
	[0xd2] = GROUP2(CL, 0, BYTE), [0xd3] = GROUP2(CL, 0, .size = 0),
	[0xf6] = GROUP(UNARY_TEST(OPF_IMM8, BYTE)), [0xf7] = GROUP(UNARY_TEST(OPF_IMM, .size = 0)),
	[0xfe] = GROUP(INC_DEC(BYTE)),
	[0xff] = GROUP(INC_DEC(.size = 0), [6] = EXEC(emul_push_mem, FLAGS(OPF_STACK))),
};

const struct emul_opcode emul_map1[256] = {
	[0x10] = PREFIXED(SSE(emul_sse_load, 16), SSE(emul_sse_load, 16), SSE(emul_sse_load, 4),
			  SSE(emul_sse_load, 8)),
	[0x11] = PREFIXED(SSE(emul_sse_store, 16), SSE(emul_sse_store, 16),
			  SSE(emul_sse_store, 4), SSE(emul_sse_store, 8)),
	[0x28] = PREFIXED([0 ... 1] = SSE(emul_sse_load, 16, FLAGS(OPF_ALIGN))),
	[0x29] = PREFIXED([0 ... 1] = SSE(emul_sse_store, 16, FLAGS(OPF_ALIGN))),
	[0x2b] = PREFIXED([0 ... 1] = SSE(emul_sse_store, 16, FLAGS(OPF_ALIGN | OPF_MEM))),
	[0x6e] = PREFIXED([1] = SSE(emul_sse_load, 0, FLAGS(OPF_DWORD))),
	[0x6f] = PREFIXED([1] = SSE(emul_sse_load, 16, FLAGS(OPF_ALIGN)),
			  [2] = SSE(emul_sse_load, 16)),
	[0x7e] = PREFIXED([1] = SSE(emul_sse_store, 0, FLAGS(OPF_DWORD)),
			  [2] = SSE(emul_sse_load, 8)),
	[0x7f] = PREFIXED([1] = SSE(emul_sse_store, 16, FLAGS(OPF_ALIGN)),
			  [2] = SSE(emul_sse_store, 16)),
	[0xa3] = GENERIC(alu_bt, RM, REG, FLAGS(OPF_MODRM | OPF_BITS | TEST_ONLY)),
	[0xab] = GENERIC(alu_bts, RM, REG, FLAGS(OPF_MODRM | OPF_BITS | OPF_READ | OPF_LOCK)),
	[0xae] = PREFIXED(GROUP([7] = EXEC(emul_cache_line, FLAGS(OPF_MEM))),
			  GROUP([6 ... 7] = EXEC(emul_cache_line, FLAGS(OPF_MEM)))),
	BOTH(0xb0, EXEC, emul_cmpxchg, FLAGS(OPF_MODRM | OPF_LOCK)),
	[0xb3] = GENERIC(alu_btr, RM, REG, FLAGS(OPF_MODRM | OPF_BITS | OPF_READ | OPF_LOCK)),
	[0xb6] = GENERIC(alu_mov, REG, RM, .src_size = 1, FLAGS(OPF_MODRM)),
	[0xb7] = GENERIC(alu_mov, REG, RM, .src_size = 2, FLAGS(OPF_MODRM)),
	[0xba] = GROUP([4] = GENERIC(alu_bt, RM, IMM, FLAGS(OPF_IMM8 | TEST_ONLY)),
		       [5] = GENERIC(alu_bts, RM, IMM, FLAGS(OPF_IMM8 | OPF_READ | OPF_LOCK)),
		       [6] = GENERIC(alu_btr, RM, IMM, FLAGS(OPF_IMM8 | OPF_READ | OPF_LOCK)),
		       [7] = GENERIC(alu_btc, RM, IMM, FLAGS(OPF_IMM8 | OPF_READ | OPF_LOCK))),
	[0xbb] = GENERIC(alu_btc, RM, REG, FLAGS(OPF_MODRM | OPF_BITS | OPF_READ | OPF_LOCK)),
	[0xbe] = GENERIC(alu_movsx, REG, RM, .src_size = 1, FLAGS(OPF_MODRM)),
	[0xbf] = GENERIC(alu_movsx, REG, RM, .src_size = 2, FLAGS(OPF_MODRM)),
	BOTH(0xc0, EXEC, emul_xadd, FLAGS(OPF_MODRM | OPF_LOCK)),
	[0xc3] = PREFIXED([0] = GENERIC(alu_mov, RM, REG, FLAGS(OPF_MEM | OPF_DWORD))),
	[0xc7] = GROUP([1] = EXEC(emul_cmpxchg_pair, FLAGS(OPF_MEM | OPF_LOCK | OPF_ALIGN))),
	[0xd6] = PREFIXED([1] = SSE(emul_sse_store, 8)),
	[0xe7] = PREFIXED([1] = SSE(emul_sse_store, 16, FLAGS(OPF_ALIGN | OPF_MEM))),
	[0xf0] = PREFIXED([3] = SSE(emul_sse_load, 16, FLAGS(OPF_MEM))),
};

const struct emul_opcode emul_map2[256] = {
	[0x2a] = PREFIXED([1] = SSE(emul_sse_load, 16, FLAGS(OPF_ALIGN | OPF_MEM))),
	/* With F2H these are CRC32; 66H is the operand's size. */
	[0xf0] = PREFIXED([0 ... 1] = GENERIC(alu_movbe, REG, RM, FLAGS(OPF_MEM))),
	[0xf1] = PREFIXED([0 ... 1] = GENERIC(alu_movbe, RM, REG, FLAGS(OPF_MEM))),
};
