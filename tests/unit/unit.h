/* SPDX-License-Identifier: BSD-2-Clause */
/* What every unit test includes first: cmocka with what it needs before it, and arch/host. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/host/host.h"

#endif
