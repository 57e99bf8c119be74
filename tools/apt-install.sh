#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs Debian packages without questions and without starting services.
# usage, as root: sh tools/apt-install.sh PACKAGE...
set -eu

# A package that brings a server (nginx) would start it. This is Debian's own
# way to say no; a policy that is there already is left alone.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

apt-get -q -o DPkg::Lock::Timeout=300 update ||
  echo "the package lists could not be renewed; going on with those at hand"
DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
  -o DPkg::Lock::Timeout=300 install "$@"
