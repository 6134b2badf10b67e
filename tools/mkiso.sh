#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A GRUB ISO that boots the image on BIOS and on UEFI machines, from CD or USB stick.
# Usage: mkiso.sh IMAGE ARCHIVE-OR-EMPTY ISO SERIAL-PORT BAUD [COMMAND LINE]
set -eu
test $# -ge 5 || {
	sed -n '3,4s/^# //p' "$0" >&2
	exit 1
}
image=$1 archive=$2 iso=$3 port=$4 baud=$5 cmdline=${6-}

# What GRUB needs to find the CD or stick it came from and to start a multiboot2 image. Its EFI
# core asks for every partition type.
modules='multiboot2 normal echo serial terminal iso9660 fat
	part_acorn part_amiga part_apple part_bsd part_dfly part_dvh part_gpt part_msdos part_plan
	part_sun part_sunpc'

missing() {
	echo >&2 "mkiso: $1 is missing: apt-get install $2"
	exit 1
}
command -v grub-mkrescue >/dev/null || missing grub-mkrescue grub-common
command -v xorriso >/dev/null || missing xorriso xorriso
command -v mformat >/dev/null || missing mformat mtools
test -d /usr/lib/grub/i386-pc || missing "GRUB for BIOS" grub-pc-bin
test -d /usr/lib/grub/x86_64-efi || missing "GRUB for UEFI" grub-efi-amd64-bin

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/boot/grub"
"${OBJCOPY:-objcopy}" --strip-debug "$image" "$root/boot/ringvisor.elf"
{
	echo "serial --port=$port --speed=$baud"
	echo 'terminal_input serial console'
	echo 'terminal_output serial console'
	echo 'set timeout=0'
	echo 'menuentry Ringvisor {'
	echo "	multiboot2 /boot/ringvisor.elf $cmdline"
	test -z "$archive" || echo '	module2 /boot/bundle.cpio bundle.cpio'
	echo '	boot'
	echo '}'
} >"$root/boot/grub/grub.cfg"
test -z "$archive" || cp "$archive" "$root/boot/bundle.cpio"

if ! grub-mkrescue --install-modules="$modules" --locales= --themes= --fonts= -o "$iso.tmp" "$root" >"$iso.log" 2>&1; then
	cat >&2 "$iso.log"
	exit 1
fi
rm -f "$iso.log"
mv "$iso.tmp" "$iso"
