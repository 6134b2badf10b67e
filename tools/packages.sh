#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Install what is missing of tools/packages.txt, after saying so. Does nothing, quickly, when all of
# it is there. -f FILE: another list. With another argument, only say what is missing (exit code 1).

set -eu
list=$(dirname "$0")/packages.txt
if [ "${1-}" = -f ]; then
	list=$2
	shift 2
fi

missing=
for package in $(sed 's/#.*//' "$list"); do
	case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
	installed) ;;
	*) missing="$missing $package" ;;
	esac
done
test -n "$missing" || exit 0

echo "These Debian packages are missing:$missing"
test $# -eq 0 || exit 1

if [ "$(id -u)" -eq 0 ]; then
	sudo=
elif command -v sudo >/dev/null; then
	sudo=sudo
else
	echo >&2 "Install them as root: apt-get install$missing"
	exit 1
fi
echo "Installing them (apt-get install; Ctrl-C to stop)."
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get -q update
# shellcheck disable=SC2086
$sudo apt-get -q -y --no-install-recommends install $missing
