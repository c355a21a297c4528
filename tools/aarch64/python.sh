#!/usr/bin/env bash
# Makes another Python for arm64 than root.sh's in build/aarch64/python3.N: its headers to compile wheels with, and that
# Python with a C library to try them. python.sh 3.N, or 3.Nt for a free-threaded one
# Debian's comes with the C library of its own suite. Published builds, and free-threaded builds, which tools/interpreters.sh
# cross-compiles, come with the C library of this machine's suite.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

version=${1:?python.sh 3.13}
home=''
case $version in
  3.10 | 3.12) make=published suite='' home=/usr ;;  # it was compiled for another place
  3.13) make=of_debian suite=trixie ;;
  3.14 | 3.15) make=of_debian suite=forky ;;
  3.14t | 3.15t) make=free_threaded suite=$(. /etc/os-release && echo "$VERSION_CODENAME") ;;
  *) echo "tools/aarch64/python.sh: beside root.sh's there are Python 3.10, 3.12 to 3.15, 3.14t and 3.15t for arm64; got $version" >&2; exit 1 ;;
esac
work=$PWD/build/aarch64
apt=$work/apt-$suite
place=$work/python$version
packages="python$version libpython$version-dev libstdc++6"
if [ $make = free_threaded ]; then  # what to compile it with
  packages='libbz2-dev libc6-dev libffi-dev liblzma-dev libsqlite3-dev libssl-dev libstdc++6 uuid-dev zlib1g-dev'
fi

# shellcheck source=tools/aarch64/packages.sh
. tools/aarch64/packages.sh

unpack_packages() {
  own_apt_setup
  own_apt apt-get clean
  # shellcheck disable=SC2086  # a list of words
  own_apt apt-get install -qq -y --download-only --no-install-recommends $packages >"$apt/log" 2>&1 || { tail -20 "$apt/log" >&2; exit 1; }
  unpack "$place" "$apt"/cache/archives/*.deb
  own_apt apt-get clean
}

of_debian() {
  unpack_packages
  # Debian's pyconfig.h includes that of the architecture, from beside the headers of the C library, which are not used.
  cp "$place/usr/include/aarch64-linux-gnu/python$version/pyconfig.h" "$place/usr/include/python$version/pyconfig.h"
}

free_threaded() {
  unpack_packages
  tools/interpreters.sh --cross aarch64-linux-gnu "$version" "$place"
  ln -s "../libpython$version.so" "$place/usr/lib/aarch64-linux-gnu/"  # where cross builds look for it
}

published() {
  tools/aarch64/root.sh
  tools/interpreters.sh --published aarch64 "$version" "$work/published"
  rm -rf "$place"
  cp -a "$work/bare" "$place"
  cp -a "$work/published/." "$place/usr"
  rm -r "$work/published"
  ln -s "../../libpython$version.so.1.0" "$place/usr/lib/aarch64-linux-gnu/libpython$version.so"
}

wanted=$(cat "$0" tools/aarch64/packages.sh tools/interpreters.sh | sha256sum)
if [ "$(cat "$place.stamp" 2>/dev/null)" != "$wanted" ]; then
  say "Python $version for arm64: $place"
  rm -f "$place.stamp"
  $make
  echo "$wanted" >"$place.stamp"
fi
python_script "$place-run" "$place" "python$version" "$home"
