/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include <string.h>

#include "net/csum.h"
#include "net/headers.h"
#include "tests/unit/mock_tso.h"

#define PART_MAX 16384

/* Ones' complement sum of [start, end), with what the field holds; then into the field. */
static void insert(u8 *part, u32 start, u32 end, u32 field, u64 sum)
{
	u16 check = (u16)~csum_reduce(csum_add(sum, part + start, end - start, false));

	memcpy(part + field, &check, sizeof(check));
}

/* §3.5.7: what changes from part to part. */
static void part_headers(u8 *part, u32 len, const struct e1000_tx_desc *c, u32 number, bool last)
{
	u32 cmd = le32_to_cpu(c->cmd), mss = le16_to_cpu(c->mss);
	u8 *ip = part + c->ipcss, *tcp = part + c->tucss;

	if (cmd & TX_CONTEXT_IP4) {
		put_be16(ip + IP4_LEN, (u16)(len - c->ipcss));
		put_be16(ip + IP4_ID, (u16)(get_be16(ip + IP4_ID) + number));
	} else {
		put_be16(ip + IP6_LEN, (u16)(len - c->ipcss - IP6_HLEN));
	}
	put_be32(tcp + TCP_SEQ, get_be32(tcp + TCP_SEQ) + number * mss);
	if (!last)
		tcp[TCP_FLAGS] &= (u8)~(TCP_FIN | TCP_PSH);
}

void mock_tso(const u8 *frame, u32 len, const struct e1000_tx_desc *c, u8 popts,
	      void (*emit)(const u8 *part, u32 len))
{
	u32 cmd = le32_to_cpu(c->cmd), hdr = c->hdr_len, mss = le16_to_cpu(c->mss), at = hdr;
	static u8 part[PART_MAX];

	assert_true(cmd & TX_CONTEXT_TCP);
	assert_true(mss && hdr && hdr + mss <= PART_MAX);
	assert_int_equal(cmd & TX_LENGTH_MASK, len - hdr);
	for (u32 number = 0; at < len; number++) {
		u32 n = MIN(mss, len - at), part_len = hdr + n;

		memcpy(part, frame, hdr);
		memcpy(part + hdr, frame + at, n);
		at += n;
		part_headers(part, part_len, c, number, at == len);
		if (popts & TX_POPTS_IXSM)
			insert(part, c->ipcss, le16_to_cpu(c->ipcse) + 1u, c->ipcso, 0);
		assert_int_equal(c->tucse, 0);
		assert_true(popts & TX_POPTS_TXSM);
		/* The driver's pseudo header has no length: it is added here. */
		insert(part, c->tucss, part_len, c->tucso,
		       __builtin_bswap16((u16)(part_len - c->tucss)));
		emit(part, part_len);
	}
}
