#!/usr/bin/env bash
# Makes CPython of versions and kinds that no suite ships: for this machine once each, in a cache outside the tree.
#
# 3.10 and 3.12, of which Debian has no sources, are unpacked from the builds that JavaCPP Presets publish for Maven.
# The others are built from Debian's source packages.
# SPDX-License-Identifier: Apache-2.0
#
# interpreters.sh NAME...   prints the path of each interpreter on stdout. A NAME is a version with the letters of its kind behind it:
#   3.12    as published: without symbols, for glibc 2.30 or newer. 3.10 has no sqlite3
#   3.14    as Debian configures it, without the profile-guided optimisation that takes half an hour
#   3.14t   free-threaded (--disable-gil)
#   3.14ts  free-threaded, under ThreadSanitizer; start it through `setarch -R`. CPython's list of its own known races is kept
#           beside it, in share/tsan-suppressions.txt
# interpreters.sh --published MACHINE VERSION FOLDER   unpacks the published build for another machine: bin, include, lib
# interpreters.sh --cross TRIPLE NAME ROOT   cross-compiles a free-threaded CPython, such as 3.14t, into ROOT/usr, with the
#                                            headers and libraries of that root
set -euo pipefail
[ $# -gt 0 ] || set -- 3.14t 3.14

cache=${XDG_CACHE_HOME:-$HOME/.cache}/freshframe/interpreters
packages='build-essential ca-certificates libbz2-dev libffi-dev liblzma-dev libsqlite3-dev libssl-dev pkg-config uuid-dev zlib1g-dev'
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# shellcheck source=tools/debian-mirror.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/debian-mirror.sh"

say() { printf '== %s (%d s)\n' "$*" "$SECONDS" >&2; }
die() { printf 'interpreters.sh: %s\n' "$*" >&2; exit 1; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

install_packages() { # PACKAGES
  local package missing=()
  for package; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  say "installing ${missing[*]}"
  as_root apt-get update -qq || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >"$cache/apt.log" 2>&1 ||
    die "apt-get install failed; its whole output is in $cache/apt.log"
}

# apt with lists of its own: the machine's sources stay as they are, and apt checks signatures and sums as always.
own_apt() { # COMMAND ARGS...
  local command=$1
  shift
  "$command" -qq -o Dir::Etc::SourceList="$cache/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$cache/apt/lists" \
    -o Dir::Cache="$cache/apt/cache" -o APT::Sandbox::User=root "$@"
}

# Known sources: the pool keeps a version for some weeks after the index has gone on to the next one, and sometimes the
# index names one that the pool does not have yet. Any that is here is taken first, so that results can be repeated.
pinned() { # VERSION
  case $1 in
    3.14) echo 3.14.7 3b48dac8fb59f62eaa67ac83c1eb12bda1b7a08406dd286e252c11a66be27f81 ;;
    3.15) echo '3.15.0~rc2' 8d93af5eaaaea5adfd41bd786a7ba3f03f2ad1ab57c6a65e0b963deab91d5ad7 ;;
  esac
}

# Published builds: the version of org.bytedeco:cpython, and the sum of the jar for a machine.
published() { # VERSION MACHINE
  case $1-$2 in
    3.10-x86_64) echo 3.10.8-1.5.8 linux-x86_64 2f101b1aa06effdbda3c318c1728b13f22b571707c7b7704abaf5d19a33aa981 ;;
    3.10-aarch64) echo 3.10.8-1.5.8 linux-arm64 b14738d971f43bcb7e74242980d0a621c4464b9a7f1294d22c17f9186b32db09 ;;
    3.12-x86_64) echo 3.12.1-1.5.10 linux-x86_64 a135fcf4dc01adebf7ea439252276fc3196db80f7e0dd3da0b61f1ec489b68bd ;;
    3.12-aarch64) echo 3.12.1-1.5.10 linux-arm64 4876e6a9eb45c4e2faf7c9f9ef8cb9f16a462c45c3440d4c2e15e6acc8f4e0df ;;
  esac
}

# jar NAME VERSION CLASSIFIER SUM: downloads a published build into the cache. Prints its path.
jar() {
  local name=$1 version=$2 classifier=$3 sum=$4 jar artifact
  artifact=org.bytedeco:cpython:$version:jar:$classifier
  jar=$cache/source/cpython-$version-$classifier.jar
  mkdir -p "$cache/source"
  if ! echo "$sum  $jar" | sha256sum --check --status 2>/dev/null; then
    install_packages default-jre-headless maven unzip
    say "downloading CPython $name: 26 MB"
    if ! {
      mvn -B -q dependency:get -Dtransitive=false "-Dartifact=$artifact" &&
        mvn -B -q dependency:copy "-Dartifact=$artifact" "-DoutputDirectory=$cache/source"
    } >"$cache/$name.log" 2>&1; then
      tail -5 "$cache/$name.log" >&2
      die "$artifact cannot be downloaded; all of it: $cache/$name.log"
    fi
    echo "$sum  $jar" | sha256sum --check --quiet >&2 || die "$jar is not the file that this program knows: its sum differs"
  fi
  install_packages unzip
  echo "$jar"
}

# unpack FOLDER NAME VERSION CLASSIFIER SUM: a published build.
unpack() {
  local place=$1 name=$2 classifier=$4 file unpacked libffi
  file=$(jar "${@:2}")
  rm -rf "$place" "$place.part"
  unzip -q "$file" "org/bytedeco/cpython/$classifier/*" -d "$place.part"
  unpacked=$place.part/org/bytedeco/cpython/$classifier
  chmod +x "$unpacked"/bin/*
  # ctypes looks for libffi beside the standard library: version 6 for 3.10, and 7 for 3.12.
  if [ "$name" = 3.10 ]; then libffi=libffi.so.6; else libffi=libffi.so.7; fi
  ln -s "../../$libffi" "$unpacked/lib/python$name/$libffi"
  mv "$unpacked" "$place"
  rm -r "$place.part"
  say "unpacked: $place"
}

# fetch VERSION: the upstream tarball of python$VERSION: the pinned one, else the newest of testing, sid or trixie. Prints its path.
fetch() {
  local package=python$1 release sum file version
  mkdir -p "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial" "$cache/source"
  read -r release sum <<<"$(pinned "$1")" || true
  if [ -n "$release" ]; then
    file=$cache/source/${package}_$release.orig.tar.xz
    [ -f "$file" ] || /usr/lib/apt/apt-helper download-file "$(debian_mirror Debian)/pool/main/p/$package/${file##*/}" "$file" "SHA256:$sum" >&2 || rm -f "$file"
    if [ -f "$file" ] && echo "$sum  $file" | sha256sum --check --quiet >&2; then echo "$file" && return; fi
  fi
  printf "deb-src [signed-by=$keyring] $(debian_mirror Debian) %s main\n" testing sid trixie >"$cache/apt/sources.list"
  own_apt apt-get update || say "apt-get update failed; trying with the lists that are there"
  for version in $(own_apt apt-cache showsrc "$package" | sed -n 's/^Version: //p' | sort -rV | uniq); do
    if (cd "$cache/source" && own_apt apt-get source --download-only "$package=$version" >&2); then
      for file in "$cache/source/${package}_${version%-*}.orig.tar."*z; do
        [ -f "$file" ] && echo "$file" && return
      done
    fi
  done
  die "no source of $package could be had from testing, sid or trixie"
}

# unpack_source NAME VERSION: into a folder to build in.
unpack_source() {
  local tarball
  tarball=$(fetch "$2") || exit
  say "building CPython $1 from ${tarball##*/}: about three minutes on two cores"
  rm -rf "$cache/build-$1"
  mkdir -p "$cache/build-$1"
  tar -xf "$tarball" -C "$cache/build-$1" --strip-components=1
}

# cross TRIPLE NAME ROOT: a free-threaded one. This machine's of the same name freezes its modules.
cross() {
  local triple=$1 name=$2 root here
  root=$(readlink -e "$3") || die "--cross wants a folder; there is no $3"
  [[ $name =~ ^3\.[0-9]+t$ ]] || die "a name to cross-compile must be like 3.14t, got '$name'"
  here=$(build "$name") || exit
  unpack_source "$name" "${name%t}"
  (
    cd "$cache/build-$name"
    # configure would run programs to find these three out: Linux has only the first of the two files, and glibc's
    # getaddrinfo() works.
    ./configure -q --host="$triple" --build="$(uname -m)-linux-gnu" --with-build-python="$here" --prefix=/usr --disable-gil \
      --enable-shared --without-ensurepip --disable-test-modules OPT='-O2 -Wall' \
      CC="$triple-gcc --sysroot=$root" CXX="$triple-g++ --sysroot=$root" PKG_CONFIG_SYSROOT_DIR="$root" \
      PKG_CONFIG_LIBDIR="$root/usr/lib/$triple/pkgconfig" ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no \
      ac_cv_buggy_getaddrinfo=no &&
      make -s -j"${JOBS:-$(nproc)}" &&
      make -s install DESTDIR="$root"
  ) >"$cache/$name-$triple.log" 2>&1 || {
    tail -20 "$cache/$name-$triple.log" >&2
    die "cross-compiling $name failed; all of it: $cache/$name-$triple.log"
  }
  rm -rf "$cache/build-$name"
}

build() { # NAME
  local name=$1 version kind place pin known_races options=() flags='-O2'
  [[ $name =~ ^(3\.[0-9]+)(t?s?)$ ]] || die "the name of an interpreter must be like 3.14, 3.14t or 3.14ts, got '$name'"
  version=${BASH_REMATCH[1]} kind=${BASH_REMATCH[2]} place=$cache/$name
  if [ -z "$kind" ] && [ -n "$(published "$version" "$(uname -m)")" ]; then
    # shellcheck disable=SC2046  # three words
    [ -x "$place/bin/python$version" ] || unpack "$place" "$version" $(published "$version" "$(uname -m)")
    "$place/bin/python$version" -c 'import ctypes, ssl' || die "the published CPython $version does not run here"
    echo "$place/bin/python$version"
    return
  fi
  known_races=''
  case $kind in
    ts) known_races=Tools/tsan/suppressions_free_threading.txt ;;
    s) known_races=Tools/tsan/suppressions.txt ;;
  esac
  pin=$(pinned "$version")  # after a new pin the old one's interpreter is no longer taken
  if [ ! -x "$place/bin/python3" ] || [ "$(cat "$place/share/pinned-source" 2>/dev/null)" != "$pin" ] ||
    { [ -n "$known_races" ] && [ ! -f "$place/share/tsan-suppressions.txt" ]; }; then
    # shellcheck disable=SC2086  # a list
    install_packages $packages
    rm -rf "$place.part"
    case $kind in *t*) options+=(--disable-gil) ;; esac
    # Frame pointers and symbols: a report names functions.
    case $kind in *s*) options+=(--with-thread-sanitizer) flags='-O1 -g -fno-omit-frame-pointer' ;; esac
    unpack_source "$name" "$version"
    (
      cd "$cache/build-$name"
      wrapper=()
      # ThreadSanitizer of g++ 12 cannot start where the kernel randomises addresses with more than 28 bits.
      case $kind in *s*) wrapper=(setarch "$(uname -m)" -R) ;; esac
      export TSAN_OPTIONS=report_bugs=0
      "${wrapper[@]}" ./configure -q --prefix="$place" --with-ensurepip=install --disable-test-modules "${options[@]}" OPT="$flags -Wall" &&
        "${wrapper[@]}" make -s -j"${JOBS:-$(nproc)}" &&
        rm -rf "$place" && { [ -z "$known_races" ] || install -D -m 644 "$known_races" "$place/share/tsan-suppressions.txt"; } &&
        "${wrapper[@]}" make -s install && echo "$pin" >"$place/share/pinned-source"
    ) >"$cache/$name.log" 2>&1 || { tail -20 "$cache/$name.log" >&2; die "building $name failed; all of it: $cache/$name.log"; }
    rm -rf "$cache/build-$name"
    say "built: $place"
  fi
  echo "$place/bin/python3"
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ "$1" = --published ]; then
  [ $# = 4 ] || die "interpreters.sh --published MACHINE VERSION FOLDER; got $*"
  known=$(published "$3" "$2")
  [ -n "$known" ] || die "no build of CPython $3 is published for $2"
  # shellcheck disable=SC2086  # three words
  unpack "$4" "$3" $known
  exit
fi
if [ "$1" = --cross ]; then
  [ $# = 4 ] || die "wanted --cross TRIPLE NAME ROOT; got $*"
  cross "${@:2}"
  exit
fi
for name in "$@"; do build "$name"; done
