/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * count.so: a plugin for QEMU 7.2's translator that counts executed instructions, those of the
 * hypervisor by address, those of its guests by user or kernel half. README.md says what for.
 *
 *	-plugin file=count.so,log=FILE,\
 *		entry=START-END,text=START-END[,wire=FD]
 *
 * Linear addresses: entry is its first code, with paging off; text all other code of it. It writes
 * a record at entry, at the first VMRUN, at each mark (`nopl 0x4b564dNN(%rax)`, in any mode) and at
 * the end:
 *
 *	mark NAME host N kernel N user N vmrun N
 *	at OFFSET COUNT				(instructions of text since the record before)
 *
 * wire: the tap device that is the NIC's cable. Another thread of the emulator reads it, when this
 * host lets it; with it given, no guest is entered before it has.
 *
 * One processor, one thread (-icount). What QEMU translates, it translates at the moment of its
 * first execution and anew for guest mode, so whose an instruction is is known at translation.
 */
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- What is used of QEMU's plugin interface, version 1 (docs/devel/tcg-plugins.rst) ---- */

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;

enum { CB_NO_REGS };
enum { INLINE_ADD_U64 };

typedef void exec_fn(unsigned int cpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, exec_fn *, int, void *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int, void *, uint64_t);
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);

#define EXPORT __attribute__((visibility("default")))

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(plugin_id id, const struct qemu_info *info, int argc, char **argv);

/* ---- Counters ---- */

#define VMRUNS_MAX	8	/* places in the code with a VMRUN */
#define USER_HALF(va)	(!((va) >> 47))
#define WIRE_LOOK_US	20
#define WIRE_LOOKS_MAX	5000	/* an emulator that does not read at all: its NIC is full */

struct range {
	uint64_t start, end;
};

static struct range entry, text;
static unsigned int nr_vmruns;
static uint64_t vmrun_end[VMRUNS_MAX];

static uint64_t *at, *at_before;	/* by offset in text */
static uint64_t host, kernel, user, vmruns;
static bool in_guest, entered;
static FILE *out;
static int wire = -1;

static bool inside(const struct range *r, uint64_t va)
{
	return va >= r->start && va < r->end;
}

static void record(const char *name)
{
	fprintf(out, "mark %s host %lu kernel %lu user %lu vmrun %lu\n", name, host, kernel,
		user, vmruns);
	for (uint64_t off = 0; off < text.end - text.start; off++) {
		if (at[off] == at_before[off])
			continue;
		fprintf(out, "at %lx %lu\n", off, at[off] - at_before[off]);
		at_before[off] = at[off];
	}
	fflush(out);
}

/* ---- While the machine runs ---- */

static void on_entry(unsigned int cpu, void *data)
{
	if (!entered)
		record("entry");
	entered = true;
}

/* The outside answers at once, in the emulator's write(): what is to be read now is all of it. */
static void await_wire(void)
{
	struct pollfd to_read = { .fd = wire, .events = POLLIN };

	for (unsigned int looks = 0; looks < WIRE_LOOKS_MAX && poll(&to_read, 1, 0) > 0; looks++)
		usleep(WIRE_LOOK_US);
}

static void on_vmrun(unsigned int cpu, void *data)
{
	if (wire >= 0)
		await_wire();
	if (!vmruns++)
		record("first-entry");
	in_guest = true;
}

static void on_exit_from_guest(unsigned int cpu, void *data)
{
	in_guest = false;
}

static void on_mark(unsigned int cpu, void *data)
{
	char name[8];

	snprintf(name, sizeof(name), "%u", (unsigned int)(uintptr_t)data);
	record(name);
}

/* ---- While it is translated ---- */

static bool follows_vmrun(uint64_t va)
{
	for (unsigned int i = 0; i < nr_vmruns; i++) {
		if (vmrun_end[i] == va)
			return true;
	}
	return false;
}

static bool is_vmrun(const uint8_t *code, size_t len)
{
	return len == 3 && !memcmp(code, "\x0f\x01\xd8", 3);
}

static bool is_mark(const uint8_t *code, size_t len)
{
	return len == 7 && !memcmp(code, "\x0f\x1f\x80", 3) && !memcmp(code + 4, "MVK", 3);
}

/* Of the hypervisor, or of what ran before it. */
static void watch_host(struct qemu_plugin_insn *insn, uint64_t va)
{
	const uint8_t *code = qemu_plugin_insn_data(insn);
	size_t len = qemu_plugin_insn_size(insn);

	qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &host, 1);
	if (inside(&entry, va))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_entry, CB_NO_REGS, NULL);
	if (follows_vmrun(va))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_exit_from_guest, CB_NO_REGS, NULL);
	if (!inside(&text, va))
		return;
	qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &at[va - text.start], 1);
	if (!is_vmrun(code, len))
		return;
	if (!follows_vmrun(va + len) && nr_vmruns < VMRUNS_MAX)
		vmrun_end[nr_vmruns++] = va + len;
	qemu_plugin_register_vcpu_insn_exec_cb(insn, on_vmrun, CB_NO_REGS, NULL);
}

static void watch_guest(struct qemu_plugin_insn *insn, uint64_t va)
{
	qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64,
						   USER_HALF(va) ? &user : &kernel, 1);
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	bool guest = in_guest && !follows_vmrun(qemu_plugin_tb_vaddr(tb));

	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *code = qemu_plugin_insn_data(insn);
		uint64_t va = qemu_plugin_insn_vaddr(insn);

		if (guest)
			watch_guest(insn, va);
		else
			watch_host(insn, va);
		if (is_mark(code, qemu_plugin_insn_size(insn)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, CB_NO_REGS,
							       (void *)(uintptr_t)code[3]);
	}
}

/* ---- Beginning and end ---- */

static void ended(plugin_id id, void *data)
{
	record("end");
	fclose(out);
}

static bool read_range(const char *arg, struct range *r)
{
	char *end;

	r->start = strtoull(arg, &end, 16);
	if (*end != '-')
		return false;
	r->end = strtoull(end + 1, &end, 16);
	return !*end && r->end > r->start;
}

static bool read_arg(const char *arg)
{
	if (!strncmp(arg, "log=", 4))
		return (out = fopen(arg + 4, "w"));
	if (!strncmp(arg, "entry=", 6))
		return read_range(arg + 6, &entry);
	if (!strncmp(arg, "text=", 5))
		return read_range(arg + 5, &text);
	if (!strncmp(arg, "wire=", 5))
		return (wire = atoi(arg + 5)) >= 0;
	return false;
}

int qemu_plugin_install(plugin_id id, const struct qemu_info *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (!read_arg(argv[i])) {
			fprintf(stderr, "count: %s: not understood\n", argv[i]);
			return -1;
		}
	}
	at = calloc(text.end - text.start, sizeof(*at));
	at_before = calloc(text.end - text.start, sizeof(*at));
	if (!out || !entry.end || !text.end || !at || !at_before) {
		fprintf(stderr, "count: log=, entry= and text= are needed\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
