#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# make run: everything from a fresh checkout to a guest's shell. O in the environment.

set -eu
make="make --no-print-directory -j$(nproc)"
unset MAKEFLAGS MFLAGS MAKELEVEL

tools/packages.sh
$make O="$O" all guest-linux

folder=$O/run/archive
mkdir -p "$folder"
cp tests/guest/linux/ringvisor.conf "$O/guest/linux/vmlinuz" "$O/guest/linux/initrd.cpio.gz" "$folder/"
$make O="$O" bundle DIR="$folder" OUT="$O/run/bundle.cpio"
$make O="$O" iso BUNDLE="$O/run/bundle.cpio" ISO="$O/run/ringvisor.iso"
exec /usr/bin/python3 tests/system/run.py "$O/run"
