# Finds the Debian mirrors that this machine's apt uses. Sourced by other scripts.
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

# Prints the address of Debian's archive or security archive, without a slash at the end. DEBIAN_MIRROR and
# DEBIAN_SECURITY_MIRROR take precedence.
debian_mirror() { # Debian|Debian-Security
  local found=${DEBIAN_MIRROR:-}
  [ "$1" = Debian ] || found=${DEBIAN_SECURITY_MIRROR:-}
  # shellcheck disable=SC2016  # apt's own variables
  [ -n "$found" ] || found=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' | sed -n "s|^$1 ||p" | sort -u | sed -n 1p)
  if [ -z "$found" ]; then
    echo "this machine's apt has no list of the archive $1: run apt-get update, or set DEBIAN_MIRROR and" \
      "DEBIAN_SECURITY_MIRROR to the addresses of mirrors" >&2
    return 1
  fi
  echo "${found%/}"
}
