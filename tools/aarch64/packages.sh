# Debian's arm64 packages, unpacked: functions of root.sh and python.sh, which set `suite` and `apt`, a folder for lists.
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# shellcheck source=tools/debian-mirror.sh
. tools/debian-mirror.sh

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS" >&2; }

own_apt() { APT_CONFIG=$apt/apt.conf "$@"; }

# Headers, libraries and copyright notices of packages, and a list of them for dpkg-query --admindir.
unpack() { # FOLDER FILE.deb...
  local target=$1 package
  shift
  rm -rf "$target"
  mkdir -p "$target"/usr/{bin,sbin,lib} "$target/var/lib/dpkg"
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
  local mirror security
  mirror=$(debian_mirror Debian)
  security=$(debian_mirror Debian-Security)
  mkdir -p "$apt"/{lists/partial,cache/archives/partial}
  : >"$apt/status"
  cat >"$apt/apt.conf" <<CONF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
Dir::State::Lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "-";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
CONF
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite" \
    "$mirror" "$suite-updates" "$security" "$suite-security" >"$apt/sources.list"
  if [ -z "$(find "$apt/lists" -name '*Packages*' -mmin -1440 -print -quit)" ]; then own_apt apt-get update -qq; fi
}

# Python takes its own path for the place of its program: children are started through the same script.
python_script() { # FILE ROOT [PROGRAM [HOME]]: a HOME for one that does not find its own
  cat >"$1" <<SCRIPT
#!/bin/sh
${4:+PYTHONHOME=$4 }exec qemu-aarch64 -L '$2' -0 "\$0" '$2/usr/bin/${3:-python3}' "\$@"
SCRIPT
  chmod +x "$1"
}
