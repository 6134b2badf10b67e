/* SPDX-License-Identifier: BSD-2-Clause */
/* The suite of all NIC drivers, for virtio-net. */
#include "tests/unit/unit.h"

#include "tests/unit/virtio_nic.h"

int main(void)
{
	return nic_suite(virtio_nic_models, VIRTIO_NIC_MODELS);
}
