#!/usr/bin/env bash
# Unpacks another Python for arm64 than root.sh's into build/aarch64/python3.N: its headers to compile wheels with, and
# that Python with a C library to try them. python.sh 3.N
# Debian's comes with the C library of its own suite, a published one of tools/interpreters.sh with root.sh's.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

version=${1:?python.sh 3.13}
case $version in
  3.10 | 3.12) suite='' ;;
  3.13) suite=trixie ;;
  3.14 | 3.15) suite=forky ;;
  *) echo "tools/aarch64/python.sh: beside root.sh's there are Python 3.10 and 3.12 to 3.15 for arm64; got $version" >&2; exit 1 ;;
esac
work=$PWD/build/aarch64
apt=$work/apt-$suite
place=$work/python$version
packages="python$version libpython$version-dev libstdc++6"

# shellcheck source=tools/aarch64/packages.sh
. tools/aarch64/packages.sh

of_debian() {
  own_apt_setup
  own_apt apt-get clean
  # shellcheck disable=SC2086  # a list of words
  own_apt apt-get install -qq -y --download-only --no-install-recommends $packages >"$apt/log" 2>&1 || { tail -20 "$apt/log" >&2; exit 1; }
  unpack "$place" "$apt"/cache/archives/*.deb
  own_apt apt-get clean
  # Debian's pyconfig.h includes that of the architecture, from beside the headers of the C library, which are not used.
  cp "$place/usr/include/aarch64-linux-gnu/python$version/pyconfig.h" "$place/usr/include/python$version/pyconfig.h"
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
  if [ -n "$suite" ]; then of_debian; else published; fi
  echo "$wanted" >"$place.stamp"
fi
home=''
if [ -z "$suite" ]; then home=/usr; fi  # it was compiled for another place
python_script "$place-run" "$place" "python$version" "$home"
