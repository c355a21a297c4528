#!/usr/bin/env bash
# Unpacks Debian's arm64 packages into build/aarch64/root: headers and libraries to compile with, and a Python to run.
# build/aarch64/bare has that Python alone, for a wheel. Nothing is installed: apt resolves the packages as for an empty
# machine, with lists of its own. The suite is this machine's, because the cross compiler brings the C++ library's
# headers of that suite. root.sh PACKAGE...: unpacks anew as well when Debian has a newer version of one of these.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
security=${DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
work=$PWD/build/aarch64
root=$work/root
bare=$work/bare
# Of the build's own lists what is a library with its headers; then what Python's tests need.
packages=$(grep -hE '^(lib.*-dev|nlohmann-json3-dev)$' tools/debian-packages.txt; echo libgtest-dev libstdc++6 libc6-dev libpython3-dev python3
  grep -E '^lib.*-dev$' tools/wheel/debian-packages.txt)
bare_packages='python3 libstdc++6'  # every Debian has the C++ library, which NumPy needs
python_packages='numpy==1.24.* cloudpickle rich pytest==9.2.0 pytest-timeout==2.4.0'

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS" >&2; }

own_apt() { APT_CONFIG=$work/apt/apt.conf "$@"; }

# Headers, libraries and copyright notices of packages, and a list of them for dpkg-query --admindir.
unpack() { # FOLDER FILE.deb...
  local target=$1 package
  shift
  rm -rf "$target"
  mkdir -p "$target"/usr/{bin,sbin,lib}
  ln -s usr/bin usr/sbin usr/lib "$target"  # as on a merged /usr
  for package in "$@"; do
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink --no-same-owner -C "$target" \
      --exclude='./usr/share/locale/*' --exclude='./usr/share/man/*' --exclude='./dev/*'
  done
  find "$target/usr/share/doc" -type f ! -name copyright -delete
  # A link to /lib/... would lead out of the root.
  find "$target" -type l -lname '/*' -printf '%p %l\n' | while read -r link file; do ln -sfnr "$target$file" "$link"; done
  for package in "$@"; do
    dpkg-deb -f "$package" | sed '1a Status: install ok installed'
    echo
  done >"$target/var/lib/dpkg/status"
}

own_apt_setup() {
  mkdir -p "$work"/apt/{lists/partial,cache/archives/partial}
  : >"$work/apt/status"
  cat >"$work/apt/apt.conf" <<CONF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Dir::State::Lists "$work/apt/lists";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt/cache";
Dir::Etc::SourceList "$work/apt/sources.list";
Dir::Etc::SourceParts "-";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
CONF
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite" \
    "$mirror" "$suite-updates" "$security" "$suite-security" >"$work/apt/sources.list"
  if [ -z "$(find "$work/apt/lists" -name '*Packages*' -mmin -1440 -print -quit)" ]; then own_apt apt-get update -qq; fi
}

roots() {
  local name files=()
  # shellcheck disable=SC2086  # a list of words
  own_apt apt-get install -qq -y --download-only --no-install-recommends $packages $bare_packages >"$work/apt/log" 2>&1 ||
    { tail -20 "$work/apt/log" >&2; return 1; }
  unpack "$root" "$work"/apt/cache/archives/*.deb
  # shellcheck disable=SC2086  # a list of words
  while read -r name; do
    files+=("$work/apt/cache/archives/${name}"_*.deb)
  done < <(own_apt apt-get install -s --no-install-recommends $bare_packages | sed -n 's/^Inst \([^ :]*\).*/\1/p')
  unpack "$bare" "${files[@]}"
  own_apt apt-get clean
}

# Python takes its own path for the place of its program: children are started through the same script.
python_script() { # FILE ROOT
  cat >"$1" <<SCRIPT
#!/bin/sh
exec qemu-aarch64 -L '$2' -0 "\$0" '$2/usr/bin/python3' "\$@"
SCRIPT
  chmod +x "$1"
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

wanted=$(cat "$0" tools/debian-packages.txt tools/wheel/debian-packages.txt | sha256sum)
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
