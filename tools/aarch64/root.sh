#!/usr/bin/env bash
# Unpacks Debian's arm64 packages into build/aarch64/root: headers and libraries to compile with, and a Python to run.
# build/aarch64/bare has that Python alone, for a wheel. Nothing is installed: apt resolves the packages as for an empty
# machine, with lists of its own. The suite is this machine's, because the cross compiler brings the C++ library's
# headers of that suite. root.sh PACKAGE...: unpacks anew as well when Debian has a newer version of one of these.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
work=$PWD/build/aarch64
apt=$work/apt
root=$work/root
bare=$work/bare
# Of the build's own lists what is a library with its headers; then what Python's tests need.
packages=$(grep -hE '^(lib.*-dev|nlohmann-json3-dev)$' tools/debian-packages.txt; echo libgtest-dev libstdc++6 libc6-dev libpython3-dev python3
  grep -E '^lib.*-dev$' tools/wheel/debian-packages.txt)
bare_packages='python3 libstdc++6'  # every Debian has the C++ library, which NumPy needs
# pytest needs the last two on Python 3.10.
python_packages='numpy==1.24.* cloudpickle rich pytest==9.2.0 pytest-timeout==2.4.0 exceptiongroup==1.3.2 tomli==2.5.0'

# shellcheck source=tools/aarch64/packages.sh
. tools/aarch64/packages.sh

roots() {
  local name files=()
  # shellcheck disable=SC2086  # a list of words
  own_apt apt-get install -qq -y --download-only --no-install-recommends $packages $bare_packages >"$apt/log" 2>&1 ||
    { tail -20 "$apt/log" >&2; return 1; }
  unpack "$root" "$apt"/cache/archives/*.deb
  # shellcheck disable=SC2086  # a list of words
  while read -r name; do
    files+=("$apt/cache/archives/${name}"_*.deb)
  done < <(own_apt apt-get install -s --no-install-recommends $bare_packages | sed -n 's/^Inst \([^ :]*\).*/\1/p')
  unpack "$bare" "${files[@]}"
  own_apt apt-get clean
}

outdated() { # PACKAGE...
  own_apt_setup
  own_apt apt-get -s -o Dir::State::status="$root/var/lib/dpkg/status" --only-upgrade install "$@" 2>/dev/null | grep '^Inst ' >&2
}

python_packages() {
  local version pip=.venv/bin/python
  [ -x $pip ] || pip=build/wheel/tools/bin/python  # ./dev wheel makes no .venv
  version=$(cd "$root/usr/bin" && echo python3.*[0-9])
  # shellcheck disable=SC2086  # a list of words
  $pip -m pip install --quiet --disable-pip-version-check --upgrade --target "$work/site" --only-binary :all: \
    --platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 --python-version "${version#python}" $python_packages
}

wanted=$(cat "$0" tools/aarch64/packages.sh tools/debian-packages.txt tools/wheel/debian-packages.txt | sha256sum)
if [ "$(cat "$work/root.stamp" 2>/dev/null)" != "$wanted" ] || { [ $# != 0 ] && outdated "$@"; }; then
  say "Debian's arm64 packages: $work/root"
  rm -f "$work/root.stamp"
  own_apt_setup
  roots
  python_packages
  echo "$wanted" >"$work/root.stamp"
fi
python_script "$work/python" "$root"
python_script "$work/bare-python" "$bare"
