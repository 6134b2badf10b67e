/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is remembered of an instruction that exited on AMD-V: it answers as long as nothing that
 * decides the answer has changed, and for nothing else.
 */
#include "tests/unit/unit.h"

#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/guest/vcpu.h"
#include "arch/x86/msr.h"
#include "arch/x86/svm/decode.h"
#include "arch/x86/svm/svm.h"
#include "kernel/guest.h"

#define RAM_SIZE 0x20000
#define CODE_BYTES sizeof(struct svm_code)

static u8 ram[RAM_SIZE] __attribute__((aligned(4096)));
static struct guest guest;
static struct guest_config config = { .name = "memo" };
static struct vcpu vcpu = { .guest = &guest };
static struct vmcb vmcb;
static struct svm_vcpu v = { .vcpu = &vcpu, .vmcb = &vmcb };
static struct vmcb_save *const s = &vmcb.save;
static enum guest_request request;
struct svm_caps svm_caps;

enum { TOP = 0x1000, L3 = 0x2000, L2 = 0x3000, L1 = 0x4000, PAGE = 0x8000, OTHER = 0x9000 };
#define GVA 0x8040201000ull		/* entry 1 at each level */
#define RIP (GVA + 0x123)
#define LEAF (PTE_P | PTE_RW | PTE_US | PTE_A)

static u64 *entry(u64 table) { return (u64 *)(ram + table) + 1; }

/* ---- What it needs of the rest ---- */

void vcpu_reset_state(struct vcpu *vc, struct hvm_state *st) { fail(); }
void vcpu_set_cr2(struct vcpu *vc, u64 val) { vc->arch.cr2 = val; }

void hvm_inject_exception(struct vcpu *vc, u8 vector, bool has_error, u32 error)
{
	vc->arch.pending = (struct hvm_event){
		.valid = true, .vector = vector, .has_error = has_error, .error = error,
	};
}

void hvm_inject_ud(struct vcpu *vc) { hvm_inject_exception(vc, EXC_UD, false, 0); }

void guest_request(struct guest *g, enum guest_request req, u32 code, const char *why)
{
	request = req;
}

/* ---- The guest ---- */

static void put(u64 gpa, const char *bytes, size_t len)
{
	memset(ram + gpa, 0x90, CODE_BYTES);
	memcpy(ram + gpa, bytes, len);
}
#define PUT(gpa, text) put(gpa, text, sizeof(text) - 1)

static int setup(void **state)
{
	memset(ram, 0, sizeof(ram));
	memset(&guest.mem, 0, sizeof(guest.mem));
	memset(&vmcb, 0, sizeof(vmcb));
	svm_memo_forget(v.memos);
	memset(&svm_caps, 0, sizeof(svm_caps));
	guest.config = &config;
	vcpu.arch.hvm = &v;
	vcpu.arch.pending.valid = false;
	request = GUEST_REQ_NONE;
	s->cr0 = CR0_PE | CR0_PG | CR0_WP;
	s->cr3 = TOP;
	s->cr4 = CR4_PAE | CR4_MCE;
	v.cr4 = CR4_PAE;
	s->efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME;
	s->cs.attrib = ATTRIB_P | ATTRIB_L;
	s->rip = RIP;
	*entry(TOP) = L3 | LEAF;
	*entry(L3) = L2 | LEAF;
	*entry(L2) = L1 | LEAF;
	*entry(L1) = PAGE | LEAF;
	PUT(PAGE + 0x123, "\x0f\xa2");
	PUT(OTHER + 0x123, "\x66\x0f\xa2");
	return guest_mem_add(&guest.mem, 0, RAM_SIZE, ram, 0);
}

#define CPUID_ONLY BIT(SVM_INSN_CPUID)

static bool known(void) { return svm_memo_find(v.memos, s); }

/* ---- Tests ---- */

static void the_same_again_is_known(void **state)
{
	assert_false(known());
	assert_int_equal(svm_insn_len(&vcpu, CPUID_ONLY), 2);
	assert_true(known());
	assert_int_equal(svm_insn_len(&vcpu, CPUID_ONLY), 2);
	assert_true(known());
	/* In user mode too, with a memo of its own, as its place is the same. */
	s->cpl = 3;
	assert_false(known());
	assert_int_equal(svm_insn_len(&vcpu, CPUID_ONLY), 2);
	assert_true(known());
	s->cpl = 0;
	assert_false(known());
	assert_false(vcpu.arch.pending.valid);
}

static void large_pages_are_known(void **state)
{
	*entry(L2) = 0 | LEAF | PTE_PS;		/* 2 MiB from 0 on, of which there are 128 KiB */
	s->rip = (GVA & ~0x1fffffull) + PAGE + 0x123;
	assert_int_equal(svm_insn_len(&vcpu, CPUID_ONLY), 2);
	assert_true(known());
	*entry(L2) &= ~(u64)PTE_A;
	assert_false(known());
}

static void every_register_counts(void **state)
{
	const struct vmcb_save was = *s;

	svm_insn_len(&vcpu, CPUID_ONLY);
#define CHANGED(field, val) ({ s->field = (val); bool _k = known(); *s = was; !_k && known(); })
	assert_true(CHANGED(rip, RIP + 1));
	assert_true(CHANGED(rip, RIP + SVM_MEMOS));
	assert_true(CHANGED(rip, RIP + (1ull << 47)));
	assert_true(CHANGED(cr3, L3));
	assert_true(CHANGED(cs.attrib, ATTRIB_P | ATTRIB_DB));
	assert_true(CHANGED(cpl, 3));
#undef CHANGED
}

/* Those that a guest changes by exits only. */
static void a_change_of_mode_forgets_all(void **state)
{
	struct hvm_state st;

#define FORGETS(reg, bits) ({							\
	svm_insn_len(&vcpu, CPUID_ONLY);					\
	svm_get_state(&vcpu, &st);						\
	svm_set_state(&vcpu, &st);						\
	assert_true(known());							\
	st.reg ^= (bits);							\
	svm_set_state(&vcpu, &st);						\
	bool _forgotten = !known();						\
	st.reg ^= (bits);							\
	svm_set_state(&vcpu, &st);						\
	_forgotten && !known();							\
})
	assert_true(FORGETS(cr0, CR0_WP));
	assert_true(FORGETS(cr4, CR4_SMEP));
	assert_true(FORGETS(efer, EFER_NXE));
	assert_true(FORGETS(efer, EFER_LMA));
#undef FORGETS
}

static void every_entry_counts(void **state)
{
	static const u64 tables[] = { TOP, L3, L2, L1 };

	svm_insn_len(&vcpu, CPUID_ONLY);
	for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++) {
		for (unsigned int bit = 0; bit < 64; bit++) {
			*entry(tables[i]) ^= BIT_ULL(bit);
			assert_false(known());
			*entry(tables[i]) ^= BIT_ULL(bit);
			assert_true(known());
		}
	}
}

static void every_byte_counts(void **state)
{
	svm_insn_len(&vcpu, CPUID_ONLY);
	for (unsigned int i = 0; i < INSN_MAX_LEN; i++) {
		ram[PAGE + 0x123 + i] ^= 1;
		assert_false(known());
		ram[PAGE + 0x123 + i] ^= 1;
		assert_true(known());
	}
}

static void what_has_changed_is_seen(void **state)
{
	svm_insn_len(&vcpu, CPUID_ONLY);
	/* Another page, then other code. */
	*entry(L1) = OTHER | LEAF;
	assert_int_equal(svm_insn_len(&vcpu, CPUID_ONLY), 3);
	*entry(L1) = PAGE | LEAF;
	assert_int_equal(svm_insn_len(&vcpu, CPUID_ONLY), 2);
	PUT(PAGE + 0x123, "\x66\x66\x0f\xa2");
	assert_int_equal(svm_insn_len(&vcpu, CPUID_ONLY), 4);
	/* Another instruction, by which this exit cannot have come. */
	PUT(PAGE + 0x123, "\xf4");
	assert_true(svm_insn_len(&vcpu, CPUID_ONLY) < 0);
	assert_int_equal(vcpu.arch.pending.vector, EXC_UD);
	/* A known one, but not of those that this exit comes by. */
	assert_int_equal(svm_insn_len(&vcpu, BIT(SVM_INSN_HLT)), 1);
	assert_true(known());
	assert_true(svm_insn_len(&vcpu, CPUID_ONLY) < 0);
}

static void accessed_bits_are_set_again(void **state)
{
	static const u64 tables[] = { TOP, L3, L2, L1 };

	svm_insn_len(&vcpu, CPUID_ONLY);
	for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++) {
		*entry(tables[i]) &= ~(u64)PTE_A;
		assert_int_equal(svm_insn_len(&vcpu, CPUID_ONLY), 2);
		assert_true(*entry(tables[i]) & PTE_A);
	}
	assert_int_equal(svm_insn_len(&vcpu, CPUID_ONLY), 2);
	assert_true(known());
}

static void faults_are_as_without(void **state)
{
	svm_insn_len(&vcpu, CPUID_ONLY);
	*entry(L1) |= PTE_XD;
	assert_true(svm_insn_len(&vcpu, CPUID_ONLY) < 0);
	assert_int_equal(vcpu.arch.pending.vector, EXC_PF);
	assert_int_equal(vcpu.arch.pending.error, PF_P | PF_I);
	assert_int_equal(vcpu.arch.cr2, RIP);
	*entry(L1) = 0;
	assert_true(svm_insn_len(&vcpu, CPUID_ONLY) < 0);
	assert_int_equal(vcpu.arch.pending.error, PF_I);
	assert_int_equal(request, GUEST_REQ_NONE);
	*entry(L1) = 0x100000 | LEAF;
	assert_true(svm_insn_len(&vcpu, CPUID_ONLY) < 0);
	assert_int_equal(request, GUEST_REQ_CRASH);
}

/* Neither other modes nor what may go on in the next page. */
static void what_is_not_remembered(void **state)
{
	const struct vmcb_save was = *s;

	s->rip = GVA + PAGE_SIZE - CODE_BYTES;
	PUT(PAGE + PAGE_SIZE - CODE_BYTES, "\x0f\xa2");
	assert_int_equal(svm_insn_len(&vcpu, CPUID_ONLY), 2);
	assert_true(known());
	s->rip++;
	PUT(PAGE + PAGE_SIZE - CODE_BYTES + 1, "\x0f\xa2");
	assert_int_equal(svm_insn_len(&vcpu, CPUID_ONLY), 2);
	assert_false(known());
	*s = was;
	s->cs.attrib = ATTRIB_P | ATTRIB_DB;		/* compatibility mode */
	s->rip = 0x201123;
	*(u64 *)(ram + TOP) = L3 | LEAF;
	*(u64 *)(ram + L3) = L2 | LEAF;
	assert_int_equal(svm_insn_len(&vcpu, CPUID_ONLY), 2);
	assert_false(known());
}

static void stores(void **state)
{
	PUT(PAGE + 0x123, "\x66\x89\x07");		/* mov %ax, (%rdi) */
	assert_int_equal(svm_store_len(&vcpu), 3);
	assert_true(known());
	assert_int_equal(svm_store_len(&vcpu), 3);
	/* No instruction that exits as such. */
	assert_true(svm_insn_len(&vcpu, CPUID_ONLY) < 0);
	assert_int_equal(vcpu.arch.pending.vector, EXC_UD);
	/* The same bytes elsewhere, and other bytes. */
	*entry(L1) = OTHER | LEAF;
	PUT(OTHER + 0x123, "\x66\x89\x07");
	assert_false(known());
	assert_int_equal(svm_store_len(&vcpu), 3);
	assert_true(known());
	PUT(OTHER + 0x123, "\x89\x07");
	assert_int_equal(svm_store_len(&vcpu), 2);
	PUT(OTHER + 0x123, "\xf3\xaa");			/* rep stosb */
	assert_int_equal(svm_store_len(&vcpu), 0);
	PUT(OTHER + 0x123, "\x0f\xa2");
	svm_insn_len(&vcpu, CPUID_ONLY);
	assert_int_equal(svm_store_len(&vcpu), 0);
}

/* The bytes are the processor's: page tables do not count, mode and length do. */
static void stores_with_decode_assists(void **state)
{
	svm_caps.features = SVM_DECODE_ASSISTS;
	vmcb.control.bytes_fetched = 4;
	memcpy(vmcb.control.instruction, "\x66\x89\x07\x90", 4);
	*entry(TOP) = 0;
	assert_int_equal(svm_store_len(&vcpu), 3);
	assert_int_equal(svm_store_len(&vcpu), 3);
	vmcb.control.bytes_fetched = 2;
	assert_int_equal(svm_store_len(&vcpu), 0);
	vmcb.control.bytes_fetched = 6;
	memcpy(vmcb.control.instruction, "\xc7\x07\x01\x00\x00\x00", 6);
	assert_int_equal(svm_store_len(&vcpu), 6);
	s->cs.attrib = ATTRIB_P;
	assert_int_equal(svm_store_len(&vcpu), 4);
	assert_false(known());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_same_again_is_known, setup),
		cmocka_unit_test_setup(large_pages_are_known, setup),
		cmocka_unit_test_setup(every_register_counts, setup),
		cmocka_unit_test_setup(a_change_of_mode_forgets_all, setup),
		cmocka_unit_test_setup(every_entry_counts, setup),
		cmocka_unit_test_setup(every_byte_counts, setup),
		cmocka_unit_test_setup(what_has_changed_is_seen, setup),
		cmocka_unit_test_setup(accessed_bits_are_set_again, setup),
		cmocka_unit_test_setup(faults_are_as_without, setup),
		cmocka_unit_test_setup(what_is_not_remembered, setup),
		cmocka_unit_test_setup(stores, setup),
		cmocka_unit_test_setup(stores_with_decode_assists, setup),
	};

	return cmocka_run_group_tests_name("svm_memo", tests, NULL, NULL);
}
