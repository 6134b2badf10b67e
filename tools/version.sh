#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The version (git describe) and a short hash of the configuration, as a header.
# Usage: version.sh CONFIG
set -eu
version=$(git describe --always --dirty 2>/dev/null || echo unknown)
hash=$(grep -v '^#' "$1" | sha256sum | cut -c 1-8)
echo "#define RINGVISOR_VERSION \"$version\""
echo "#define RINGVISOR_CONFIG_HASH \"$hash\""
