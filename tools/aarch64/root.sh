#!/usr/bin/env bash
# Unpacks Debian's arm64 packages into build/aarch64/root: headers and libraries to compile with, and a Python to run.
# Nothing is installed: apt resolves the packages as for an empty machine, with lists of its own. The suite is this
# machine's, because the cross compiler brings the C++ library's headers of that suite.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
security=${DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
work=$PWD/build/aarch64
root=$work/root
# Of the build's own lists what is a library with its headers; then what Python's tests need.
packages=$(grep -hE '^(lib.*-dev|nlohmann-json3-dev)$' tools/debian-packages.txt; echo libgtest-dev libstdc++6 libc6-dev libpython3-dev python3)
python_packages='numpy==1.24.* cloudpickle rich pytest==9.2.0 pytest-timeout==2.4.0'

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS" >&2; }

own_apt() { APT_CONFIG=$work/apt/apt.conf "$@"; }

unpack() {
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
  own_apt apt-get update -qq
  # shellcheck disable=SC2086  # a list of words
  own_apt apt-get install -qq -y --download-only --no-install-recommends $packages >"$work/apt/log" 2>&1 ||
    { tail -20 "$work/apt/log" >&2; return 1; }
  rm -rf "$root"
  mkdir -p "$root"/usr/{bin,sbin,lib}
  ln -s usr/bin usr/sbin usr/lib "$root"  # as on a merged /usr
  local package
  for package in "$work"/apt/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink --no-same-owner -C "$root" \
      --exclude='./usr/share/doc/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/man/*' --exclude='./dev/*'
  done
  # A link to /lib/... would lead out of the root.
  find "$root" -type l -lname '/*' -printf '%p %l\n' | while read -r link target; do ln -sfnr "$root$target" "$link"; done
  own_apt apt-get clean
}

python_packages() {
  local version
  version=$(cd "$root/usr/bin" && echo python3.*[0-9])
  # shellcheck disable=SC2086  # a list of words
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --target "$work/site" --only-binary :all: \
    --platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 --python-version "${version#python}" $python_packages
}

wanted=$(cat "$0" tools/debian-packages.txt | sha256sum)
if [ "$(cat "$work/root.stamp" 2>/dev/null)" != "$wanted" ]; then
  say "Debian's arm64 packages: $work/root"
  unpack
  python_packages
  echo "$wanted" >"$work/root.stamp"
fi
