/* SPDX-License-Identifier: BSD-2-Clause */
/* The e1000 driver on the NICs' test bench, in each of its models. */
#ifndef TESTS_UNIT_E1000_BENCH_H
#define TESTS_UNIT_E1000_BENCH_H

#include "drivers/net/e1000.h"
#include "tests/unit/mock_e1000.h"
#include "tests/unit/nic_bench.h"

/* 82540EM; 82574L by MSI-X with one CPU and with two, by MSI, by INTx. */
#define E1000_MODELS 5
#define E1000_TWO_QUEUES 2
extern const struct nic_model e1000_models[E1000_MODELS];

#endif
