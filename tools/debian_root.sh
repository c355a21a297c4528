#!/usr/bin/env bash
# Runs a command as root in a bare Debian, in which a folder of this machine is mounted at /src. It is used to build
# wheels on Debian 12, and to try the README's commands where nothing is installed. Needs root, or sudo without a
# password, but no containers. If apt is not Debian's, set DEBIAN_MIRROR and DEBIAN_SECURITY_MIRROR to Debian's archives.
#
#   debian_root.sh [-s SUITE] [-r FOLDER] [--] COMMAND...    SUITE: bookworm (default), trixie, forky; FOLDER: this checkout
#
# Each command gets a new root, which is deleted afterwards. The result of debootstrap is kept in ~/.cache/freshframe/roots.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

say() { printf 'debian_root.sh: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

passed='PIP_.*|CI|[a-z]+_proxy|[A-Z]+_PROXY'  # environment variables that are passed to the command
suite=bookworm folder=$here/..
while [ $# -gt 0 ]; do
  case $1 in
    -s) suite=${2:?-s SUITE}; shift 2 ;;
    -r) folder=${2:?-r FOLDER}; shift 2 ;;
    --) shift; break ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || die "a command is wanted: debian_root.sh [-s SUITE] [-r FOLDER] [--] COMMAND..."
if [ "$(id -u)" != 0 ]; then  # chroot and mount require root
  kept=$(compgen -e | grep -E "^(DEBIAN_(SECURITY_)?MIRROR|$passed)$" | paste -sd , || true)
  exec sudo ${kept:+"--preserve-env=$kept"} "$here/debian_root.sh" -s "$suite" -r "$folder" -- "$@"
fi
if ! command -v debootstrap >/dev/null; then
  say "installing debootstrap"
  apt-get update -qq
  apt-get install -qq -y --no-install-recommends debootstrap debian-archive-keyring >/dev/null
fi
folder=$(readlink -f "$folder")

# shellcheck source=tools/debian-mirror.sh
. "$here/debian-mirror.sh"
mirror=$(debian_mirror Debian)
security=$(debian_mirror Debian-Security)

cache=${XDG_CACHE_HOME:-$HOME/.cache}/freshframe/roots
packed=$cache/$suite-$(dpkg --print-architecture).tar
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -s "$packed" ]; then
  say "debootstrap of $suite"
  new=$(mktemp -d "$cache/new-XXXXXX")
  # Without the keys of Debian's archive, debootstrap would not check signatures.
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || die "the keys of Debian's archive are missing: apt-get install debian-archive-keyring"
  [ -e "/usr/share/debootstrap/scripts/$suite" ] || ln -s sid "/usr/share/debootstrap/scripts/$suite"  # the suite is newer than debootstrap
  debootstrap --force-check-gpg --keyring=/usr/share/keyrings/debian-archive-keyring.gpg --variant=minbase \
    --include=ca-certificates,git "$suite" "$new" "$mirror" >"$cache/log" 2>&1 9>&- ||
    { tail -5 "$cache/log" >&2; rm -rf --one-file-system "$new"; die "debootstrap failed; all of it: $cache/log"; }
  chroot "$new" apt-get clean
  tar -C "$new" -cf "$packed.part" .
  mv "$packed.part" "$packed"
  rm -rf --one-file-system "$new"
fi
exec 9>&-

root=$(mktemp -d "${TMPDIR:-/tmp}/debian-XXXXXX")
# All mounts are in the command's own namespace, and disappear when it ends. Files that it created in the folder are then
# given to the folder's owner.
leave() {
  rm -rf --one-file-system "$root"
  [ "$(stat -c %u "$folder")" = 0 ] || chown -R --reference="$folder" "$folder"
}
trap leave EXIT
tar -C "$root" -xf "$packed"
chmod 755 "$root"
mkdir -p "$root/src"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"  # includes the certificate of a proxy
for file in /etc/apt/apt.conf.d/*proxy*; do if [ -f "$file" ]; then cp "$file" "$root/etc/apt/apt.conf.d/"; fi; done
{
  printf 'deb %s %s main\n' "$mirror" "$suite"
  case $suite in sid) ;; *) printf 'deb %s %s-updates main\ndeb %s %s-security main\n' "$mirror" "$suite" "$security" "$suite" ;; esac
} >"$root/etc/apt/sources.list"
# apt rejects a mirror that is a snapshot of an earlier day, unless this machine's apt is configured to accept it.
{ apt-config dump Acquire::Check-Valid-Until || true; } >"$root/etc/apt/apt.conf.d/valid-until" 2>/dev/null
printf '[safe]\n\tdirectory = *\n' >"$root/etc/gitconfig"  # the folder belongs to another user

settings=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}"
  DEBIAN_FRONTEND=noninteractive)
while read -r name; do settings+=("$name=${!name}"); done < <(compgen -e | grep -E "^($passed)$" || true)
# shellcheck disable=SC2016  # variables of the inner shell
unshare --mount --pid --ipc --uts --fork --kill-child --propagation private sh -ec '
  root=$1 folder=$2
  shift 2
  mount --bind "$folder" "$root/src"
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  ln -s /proc/self/fd "$root/dev/fd"
  ln -s fd/0 "$root/dev/stdin"
  ln -s fd/1 "$root/dev/stdout"
  ln -s fd/2 "$root/dev/stderr"
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  exec chroot "$root" "$@"' sh "$root" "$folder" env -i "${settings[@]}" sh -c 'cd /src && exec "$@"' sh "$@"
