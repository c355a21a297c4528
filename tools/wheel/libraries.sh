#!/usr/bin/env bash
# Makes the libraries that a wheel contains, in build/wheel/prefix. If Debian's own binary is GPL or has a hundred
# dependencies, it is built from Debian's source package, otherwise that binary is used. A library is built again only if
# its version or its recipe changes. Libraries under the LGPL are shared, so that users can replace them; those built here
# under a BSD-like licence are static. ARCH=aarch64 on another machine cross-builds them in build/wheel/aarch64/prefix.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$here/../.."

suite=trixie  # newer than Debian 12, and gets security fixes for longer
# shellcheck source=tools/debian-mirror.sh
. tools/debian-mirror.sh
common=$PWD/build/wheel  # has Debian's sources
work=$common
prefix=$work/prefix
jobs=$(nproc)
# Set for a cross build:
root='' root_libraries='' link_paths='' old_glibc_header='' meson_file='' ffmpeg_options=''
# shellcheck source=tools/wheel/aarch64.sh
if [ "${ARCH:-$(uname -m)}" != "$(uname -m)" ]; then . "$here/$ARCH.sh"; fi
# The machine's own libraries must not be found.
export PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig PKG_CONFIG_PATH=
old_glibc="-include ${old_glibc_header:-$here/old_glibc.h}"
# Two checkouts must produce the same bytes, so the libraries contain no path of this checkout, no date, and no file modes
# of this user. The linker strips the symbol table, because the build id would hash the paths in it.
old_glibc+=" -ffile-prefix-map=$PWD=/freshframe"
export SOURCE_DATE_EPOCH=315532800
umask 022
export CFLAGS="-O2 -fPIC -fvisibility=hidden $old_glibc -I$prefix/include" CXXFLAGS="-O2 -fPIC $old_glibc -I$prefix/include"
export LDFLAGS="-L$prefix/lib -Wl,--strip-all -Wl,--exclude-libs,ALL -Wl,--as-needed${link_paths:+ $link_paths}"

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS" >&2; }
die() { printf '\ntools/wheel/libraries.sh: %s\n' "$*" >&2; exit 1; }

# --- Debian's source packages -------------------------------------------------------------------------------

# Uses separate apt lists, so that those of the machine do not change.
apt_setup() {
  local mirror security
  mirror=$(debian_mirror Debian)
  security=$(debian_mirror Debian-Security)
  mkdir -p "$common"/apt/{lists/partial,cache/archives/partial}
  cat >"$common/apt/apt.conf" <<END
Dir::State::Lists "$common/apt/lists";
Dir::Cache "$common/apt/cache";
Dir::Etc::SourceList "$common/apt/sources.list";
Dir::Etc::SourceParts "-";
Acquire::Languages "none";
APT::Sandbox::User "root";
END
  printf 'deb-src %s %s main\n' "$mirror" $suite "$mirror" $suite-updates "$security" $suite-security \
    "$mirror" bookworm "$security" bookworm-security >"$common/apt/sources.list"
  if [ -z "$(find "$common/apt/lists" -name '*Sources*' -mmin -1440 -print -quit)" ]; then
    say "fetching the list of Debian's source packages ($suite)"
    APT_CONFIG=$common/apt/apt.conf apt-get update -qq || die "apt-get update failed; is $mirror reachable?"
  fi
}

versions_of() { # SOURCE: newest first
  APT_CONFIG=$common/apt/apt.conf apt-cache showsrc --only-source "$1" | sed -n 's/^Version: //p' | sort -uVr
}

not_below() { # LEAST: prints the versions on standard input that are not older
  local version
  while read -r version; do
    if dpkg --compare-versions "$version" ge "$1"; then echo "$version"; fi
  done
}

# Prints the version of a library in BILL, the bill of materials of a wheel; nothing if it is not in there.
version_in_bill() { # SOURCE
  python3 - "$BILL" "$1" <<'END'
import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    print(*(each["version"] for each in json.load(file)["components"] if each["name"] == sys.argv[2]))
END
}

upstream_of() { # VERSION: without Debian's epoch and revision
  local version=${1#*:}
  echo "${version%-*}"
}

# Downloads a source package; apt checks it against Debian's signed lists. A mirror may not have all files: one without
# the upstream author's signature (.asc) counts as complete.
fetch() { # SOURCE VERSION
  local dsc=$common/download/${1}_${2#*:}.dsc missing
  cd "$common/download"
  if APT_CONFIG=$common/apt/apt.conf apt-get -o Acquire::Retries=3 source --download-only -qq "$1=$2" >"$work/log/$1.fetch" 2>&1; then
    return 0
  fi
  missing=$(sed -n 's/.*Failed to fetch [^ ]*\/\([^ /]*\) .*/\1/p' "$work/log/$1.fetch" | grep -v '\.asc$' || true)
  [ -z "$missing" ] && [ -f "$dsc" ] && sed -i '/\.asc$/d' "$dsc"
}

is_there() { # SOURCE VERSION: succeeds if the source was put there by hand or by an earlier build
  [ -n "$(find "$common/download" -name "${1}_${2#*:}.dsc" -o -name "${1}_$2.orig.tar.*" ! -name '*.asc')" ]
}

# Unpacks a source package with Debian's patches into build/wheel/src/NAME.
unpack() { # SOURCE VERSION
  rm -rf "${work:?}/src/$1"
  if [ -f "$common/download/${1}_${2#*:}.dsc" ]; then
    dpkg-source --no-check -x "$common/download/${1}_${2#*:}.dsc" "$work/src/$1" >>"$work/log/$1.fetch" 2>&1
  else
    mkdir "$work/src/$1"
    tar -C "$work/src/$1" --strip-components=1 -xf "$common/download/${1}_$2.orig.tar."*[!c]
  fi
}

# library SOURCE FUNCTION [LEAST]: builds it unless this version was already built by this recipe. LEAST: the oldest
# usable version.
library() {
  local source=$1 recipe=$2 least=${3:-0} version stamp=$prefix/share/freshframe-wheel/$1 wanted versions
  if [ -n "${BILL:-}" ]; then versions=$(version_in_bill "$source"); else versions=$(versions_of "$source" | not_below "$least"); fi
  wanted=$(printf '%s\n' "$(head -1 <<<"$versions")" "$(declare -f "$recipe")" "$CFLAGS" "$(cat "$here/old_glibc.h")" \
    "$([ "$source" != ffmpeg ] || cat "$here/ffmpeg_parts.txt" "$here/ffmpeg_status.patch"; [ -z "$root" ] || cat "$here/$ARCH.sh")" | sha256sum | cut -c1-16)
  if [ -f "$stamp/built" ] && [ "$(cat "$stamp/built")" = "$wanted" ]; then return; fi
  mkdir -p "$work"/{src,log} "$common/download" "$stamp"
  for version in $versions none; do
    if [ "$version" = none ]; then break; fi
    if (fetch "$source" "$version") || { [ -n "${BILL:-}" ] && is_there "$source" "$version"; }; then break; fi
    say "$source $version cannot be fetched: the next older version"
  done
  if [ "$version" = none ] && [ -n "${BILL:-}" ]; then
    die "$BILL wants $source $versions, which Debian's lists do not have any more: put its files into $common/download"
  fi
  [ "$version" != none ] || version=$(orig_version "$source") || { cat "$work/log/$source.fetch" >&2; die "no version of $source can be fetched"; }
  say "$source $version"
  unpack "$source" "$version"
  # In the background, because `set -e` has no effect in a command before ||.
  (cd "$work/src/$source"; set -x; $recipe) >"$work/log/$source.build" 2>&1 &
  wait $! ||
    { tail -30 "$work/log/$source.build" >&2; die "building $source failed; all of it: $work/log/$source.build"; }
  cat "$work/src/$source"/debian/copyright "$work/src/$source"/COPYING >"$stamp/copyright" 2>/dev/null || [ -s "$stamp/copyright" ]
  printf '%s\n' "$version" >"$stamp/version"
  (cd "$common/download" && sha256sum "${source}_$(upstream_of "$version").orig.tar."*[!c]) >"$stamp/sha256"
  printf '%s\n' "$wanted" >"$stamp/built"
  rm -rf "${work:?}/src/$source"
}

# Prints the version of the upstream archive, which is used alone if only Debian's additions cannot be fetched.
orig_version() { # SOURCE
  find "$common/download" -name "${1}_*.orig.tar.*" ! -name '*.asc' -printf '%f\n' | sed 's/^[^_]*_//; s/\.orig\..*//' | sort -V | tail -1 | grep .
}

# Uses Debian 12's own binary, through a .pc file that refers to nothing else on the machine. auditwheel bundles its
# dependencies.
debian_library() { # MODULE LIBRARIES
  local of_debian=(-u PKG_CONFIG_LIBDIR)
  if [ -n "$root" ]; then of_debian=("PKG_CONFIG_LIBDIR=$root_libraries/pkgconfig:$root/usr/share/pkgconfig"); fi
  printf 'Name: %s\nDescription: of Debian\nVersion: %s\nLibs: %s\n' "$1" \
    "$(env "${of_debian[@]}" pkg-config --modversion "$1")" "$2" >"$prefix/lib/pkgconfig/$1.pc"
}

# --- recipes ------------------------------------------------------------------------------------------------

cmake_static() {
  cmake -S . -B build-wheel -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
    -DBUILD_SHARED_LIBS=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_POLICY_VERSION_MINIMUM=3.5 "$@"
  cmake --build build-wheel
  cmake --install build-wheel
}

meson_build() { # static|shared OPTIONS...
  meson setup build-wheel --buildtype=release --prefix="$prefix" --libdir=lib --default-library="$1" --wrap-mode=nodownload \
    ${meson_file:+--cross-file="$meson_file"} "${@:2}"
  ninja -C build-wheel install
}

# Removes this checkout's path from the configuration that a library reports.
without_checkout() { # FILE
  sed -i "s|${here%/tools/wheel}|/freshframe|g" "$1"
}

build_zlib() {
  ./configure --static --prefix="$prefix"
  make -j"$jobs" libz.a
  make install-libs
  install -m 644 zlib.h zconf.h "$prefix/include"
}
build_highway() { cmake_static -DHWY_ENABLE_TESTS=OFF -DHWY_ENABLE_EXAMPLES=OFF -DHWY_ENABLE_CONTRIB=OFF -DBUILD_TESTING=OFF; }
build_jpeg() { cmake_static -DCMAKE_INSTALL_LIBDIR="$prefix/lib" -DENABLE_SHARED=OFF -DWITH_JPEG8=OFF -DREQUIRE_SIMD=ON -DWITH_JAVA=OFF; }
build_yuv() {
  cmake -S . -B build-wheel -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
    -DCMAKE_DISABLE_FIND_PACKAGE_JPEG=ON -DCMAKE_POLICY_VERSION_MINIMUM=3.5
  cmake --build build-wheel --target yuv
  cp build-wheel/libyuv.a "$prefix/lib"
  cp -r include/libyuv include/libyuv.h "$prefix/include"
}
build_vpx() {  # the encoders only: FFmpeg's own decoders are faster
  ./configure --prefix="$prefix" --enable-pic --disable-shared --enable-static --disable-examples --disable-tools --disable-docs \
    --disable-unit-tests --disable-vp8-decoder --disable-vp9-decoder --enable-vp9-highbitdepth --enable-runtime-cpu-detect \
    --as=nasm --extra-cflags="$CFLAGS"
  without_checkout vpx_config.c
  make -j"$jobs"
  make install
}
build_pixman() {
  meson_build static -Dtests=disabled -Ddemos=disabled -Dgtk=disabled -Dlibpng=disabled -Dopenmp=disabled
}
build_cairo() {  # draws only into memory, with a font of ours: no X, no fontconfig, no FreeType
  meson_build shared -Dfontconfig=disabled -Dfreetype=disabled -Dpng=disabled -Dxlib=disabled -Dxcb=disabled -Dxlib-xcb=disabled \
    -Dzlib=disabled -Dtee=disabled -Dquartz=disabled -Dtests=disabled -Dgtk2-utils=disabled -Dglib=disabled -Dspectre=disabled \
    -Dsymbol-lookup=disabled -Dlzo=disabled -Ddwrite=disabled -Dgtk_doc=false
}
build_card_headers() {  # there is no licence file, only the text in each header
  make PREFIX="$prefix" install
  sed -n '2,/\*\//p' include/ffnvcodec/dynlink_loader.h >COPYING
}
ffmpeg_parts() {  # prints the lines of ffmpeg_parts.txt as options of configure, and those for a cross build
  local kind names name
  echo "$ffmpeg_options"
  while read -r kind names; do
    case $kind in '' | '#'*) continue ;; esac
    for name in $names; do
      if [ "$name" = ALL ]; then echo "--enable-${kind}s"; else echo "--enable-$kind=$name"; fi
    done
  done <"$here/ffmpeg_parts.txt"
}
build_ffmpeg() {
  # FFmpeg's configure also reads these variables. With -fvisibility=hidden, its libraries would export nothing.
  local name compiler_flags=${CFLAGS/-fvisibility=hidden/} linker_flags=$LDFLAGS
  unset CFLAGS CXXFLAGS LDFLAGS
  patch -p1 --fuzz=0 <"$here/ffmpeg_status.patch" ||
    { echo "tools/wheel/ffmpeg_status.patch does not fit this version of FFmpeg: make it anew" >&2; return 1; }
  # shellcheck disable=SC2046  # a list of words
  ./configure --prefix="$prefix" --enable-shared --disable-static --disable-autodetect --disable-programs --disable-doc --disable-avdevice \
    --disable-avfilter --disable-postproc --disable-swresample --disable-debug --disable-everything $(ffmpeg_parts) \
    --enable-zlib --enable-gnutls --enable-libvpx --enable-libdav1d --enable-ffnvcodec --enable-nvdec --enable-pthreads --pkg-config-flags=--static \
    --extra-cflags="$compiler_flags" --extra-ldflags="$linker_flags"
  grep '^#define FFMPEG_LICENSE "LGPL' config.h
  # configure silently omits a hwaccel if one of its dependencies is missing.
  # shellcheck disable=SC2013  # words
  for name in $(sed -n 's/^hwaccel //p' "$here/ffmpeg_parts.txt"); do grep "^#define CONFIG_${name^^}_HWACCEL 1" config_components.h; done
  # arc4random_buf() requires glibc 2.36. getrandom() does the same.
  sed -i 's/^#define HAVE_ARC4RANDOM_BUF 1/#define HAVE_ARC4RANDOM_BUF 0/' config.h
  without_checkout config.h
  make -j"$jobs"
  make install
  nm -D --defined-only "$prefix/lib/libavutil.so" | grep -c ' av_frame_alloc'
}

# Downloads the sources of Debian 12's binaries, which must be distributed with a wheel that contains these.
sources_of() { # PACKAGE...
  local package source version
  for package in "$@"; do
    read -r source version < <(dpkg-query ${root:+--admindir="$root/var/lib/dpkg"} -W -f '${source:Package} ${source:Version}\n' "$package")
    (fetch "$source" "$version") || die "the source of $package, $source $version, cannot be fetched; is this machine up to date?"
  done
}

main() {
  apt_setup
  mkdir -p "$work/log" "$prefix"/{lib/pkgconfig,include,share}
  library zlib build_zlib
  library highway build_highway
  library libjpeg-turbo build_jpeg
  library libyuv build_yuv
  library libvpx build_vpx
  library pixman build_pixman
  library cairo build_cairo
  debian_library gnutls -lgnutls
  debian_library dav1d -ldav1d
  library nv-codec-headers build_card_headers 12.1.14  # FFmpeg 7.1 refuses Debian 12's
  library ffmpeg build_ffmpeg
}

# libraries.sh sources PACKAGE... only downloads these sources, into build/wheel/download
if [ "${1:-}" = sources ]; then
  apt_setup
  mkdir -p "$common/download" "$work/log"
  sources_of "${@:2}"
else
  main
fi
