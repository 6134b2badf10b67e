/* SPDX-License-Identifier: BSD-2-Clause */
/* The suite of all NIC drivers, for the e1000 and the e1000e by each kind of interrupt. */
#include "tests/unit/unit.h"

#include "tests/unit/e1000_bench.h"

int main(void)
{
	return nic_suite(e1000_models, E1000_MODELS);
}
