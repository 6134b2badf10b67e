#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# make run: everything from a fresh checkout to a guest's shell. O, ACCEL and PORT in the environment.

set -eu
make="make --no-print-directory -j$(nproc)"
unset MAKEFLAGS MFLAGS MAKELEVEL

case ${ACCEL:-} in
'' | kvm | tcg | bochs) ;;
*)	echo >&2 "make run: ACCEL=$ACCEL is none of kvm, tcg, bochs"
	exit 1 ;;
esac
tools/packages.sh
$make O="$O" all guest-linux

folder=$O/run/archive
mkdir -p "$folder"
cp tests/guest/linux/ringvisor.conf "$O/guest/linux/vmlinuz" "$O/guest/linux/initrd.cpio.gz" "$folder/"
$make O="$O" bundle DIR="$folder" OUT="$O/run/bundle.cpio"
if [ "${ACCEL:-}" = bochs ]; then	# it has no other way in
	$make O="$O" iso BUNDLE="$O/run/bundle.cpio" ISO="$O/run/ringvisor.iso"
fi
exec /usr/bin/python3 tests/system/run.py
