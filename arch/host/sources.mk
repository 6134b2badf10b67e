# SPDX-License-Identifier: BSD-2-Clause
#
# What of the tree is built as Linux processes, by parts: ringvisor-vhost, unit tests, fuzz targets
# and benchmarks name these and not their files.

ring-sources := virtio/ring.c virtio/ring_split.c virtio/ring_packed.c virtio/ring_inflight.c kernel/guest_mem.c
vhost-net-sources := virtio/vhost.c virtio/vhost_net.c virtio/net_tx.c virtio/net_rx.c virtio/net_steer.c \
	kernel/poller.c $(ring-sources)
switch-sources := net/switch.c net/switches.c net/fdb.c net/port.c net/frame.c net/csum.c net/gso.c \
	net/offload.c net/part.c net/policing.c net/vlan.c net/capture.c
# The device models, on a guest's PCI bus.
virtio-sources := virtio/pci.c virtio/pci_common.c virtio/virtio.c virtio/vhost.c $(ring-sources) \
	kernel/poller.c kernel/vpci.c kernel/vpci_msix.c kernel/io.c kernel/doorbell.c
virtio-net-sources := $(sort $(virtio-sources) $(vhost-net-sources)) virtio/net.c virtio/net_ctrl.c \
	virtio/net_show.c virtio/vhost_worker.c kernel/place.c $(switch-sources)
config-sources := $(addprefix kernel/,guest_config.c guest_options.c nic_options.c options.c words.c)
# The virtual PC, and what loads it.
board-sources := $(addprefix arch/x86/guest/,vpc.c lapic.c lapic_irq.c pv_eoi.c lapic_timer.c lapic_msg.c \
	ioapic.c pic.c pit.c rtc.c uart.c pm.c debug_exit.c pci_host.c) kernel/io.c kernel/vpci.c \
	kernel/vpci_msix.c kernel/guest_mem.c kernel/time.c kernel/shared_timer.c
loader-sources := $(addprefix arch/x86/guest/,load.c linux.c multiboot.c elf.c acpi_tables.c)

# ringvisor-vhost
vhost-sources := $(wildcard arch/host/vhost_user/*.c) $(addprefix arch/host/,cpu.c mem.c panic.c time.c) \
	kernel/log.c kernel/work.c virtio/iotlb.c $(vhost-net-sources) $(switch-sources)
