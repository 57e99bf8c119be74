#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs Debian packages without questions and without starting services.
# Without arguments it updates the package lists.
# usage, as root: sh tools/apt-install.sh [PACKAGE]...
set -eu

if [ $# -eq 0 ]; then
  exec apt-get -q -o DPkg::Lock::Timeout=300 update
fi

# A package that contains a server (nginx) would start it. On Debian a policy
# that exits with 101 prevents that. An existing policy is left unchanged.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
  -o DPkg::Lock::Timeout=300 install "$@"
