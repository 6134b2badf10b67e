/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel images of any content: loaded, with the entry point inside the guest's memory, or
 * refused with one line. The first byte chooses -m; the rest is the file.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "arch/x86/guest/load.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/mock_board.h"

static struct archive_file kernel;

int archive_find(const struct archive *ar, const char *name, struct archive_file *file)
{
	*file = kernel;
	snprintf(file->name, sizeof(file->name), "%s", name);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	u8 *copy;
	int err;

	board_init(take(&in, 1) & 1 ? 2 : 18);
	copy = malloc(in.left ? in.left : 1);	/* ends where ASan sees it */
	memcpy(copy, in.p, in.left);
	kernel.data = copy;
	kernel.size = in.left;
	strcpy(board.config.kernel, "kernel");
	strcpy(board.config.initrd, "initrd args,second");
	board.config.append = "a=b";
	err = arch_guest_load(&board.guest, NULL);
	if (err)
		check(err < 0 && host_log_count("guest test: ") == 1);
	else
		check(guest_mem_ptr(&board.guest.mem, board.state.rip, 1));
	free(copy);
	board_free();
	return 0;
}
