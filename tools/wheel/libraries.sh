#!/usr/bin/env bash
# Builds the libraries that a wheel carries, from Debian's source packages, into build/wheel/prefix. A library that is
# there stays until its version or its recipe changes. Shared are those under the LGPL, so that a user can replace them;
# those under BSD-like licences are static.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cd "$here/../.."

suite=trixie  # its versions get security fixes until 2028; Debian 12's do no longer
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
security=${DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
work=$PWD/build/wheel
prefix=$work/prefix
jobs=$(nproc)
# Nothing of the machine's own libraries may slip in.
export PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig PKG_CONFIG_PATH=
old_glibc="-include $here/old_glibc.h"
export CFLAGS="-O2 -fPIC -fvisibility=hidden $old_glibc -I$prefix/include" CXXFLAGS="-O2 -fPIC $old_glibc -I$prefix/include"
export LDFLAGS="-L$prefix/lib -Wl,--exclude-libs,ALL -Wl,--as-needed"

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS" >&2; }
die() { printf '\ntools/wheel/libraries.sh: %s\n' "$*" >&2; exit 1; }

# --- Debian's source packages -------------------------------------------------------------------------------

# An apt of our own, so that the machine's lists stay as they are.
apt_setup() {
  mkdir -p "$work"/apt/{lists/partial,cache/archives/partial}
  cat >"$work/apt/apt.conf" <<END
Dir::State::Lists "$work/apt/lists";
Dir::Cache "$work/apt/cache";
Dir::Etc::SourceList "$work/apt/sources.list";
Dir::Etc::SourceParts "-";
Acquire::Languages "none";
APT::Sandbox::User "root";
END
  printf 'deb-src %s %s main\n' "$mirror" $suite "$mirror" $suite-updates "$security" $suite-security \
    "$mirror" bookworm "$security" bookworm-security >"$work/apt/sources.list"
  if [ -z "$(find "$work/apt/lists" -name '*Sources*' -mmin -1440 -print -quit)" ]; then
    say "fetching the list of Debian's source packages ($suite)"
    APT_CONFIG=$work/apt/apt.conf apt-get update -qq || die "apt-get update failed; is $mirror reachable?"
  fi
}

versions_of() { # SOURCE: newest first
  APT_CONFIG=$work/apt/apt.conf apt-cache showsrc --only-source "$1" | sed -n 's/^Version: //p' | sort -uVr
}

upstream_of() { # VERSION: without Debian's epoch and revision
  local version=${1#*:}
  echo "${version%-*}"
}

# Downloads a source package, checked by apt against Debian's signed lists. A mirror may lack a file: without the
# upstream author's signature (.asc) it is complete for us.
fetch() { # SOURCE VERSION
  local dsc=$work/download/${1}_${2#*:}.dsc missing
  cd "$work/download"
  if APT_CONFIG=$work/apt/apt.conf apt-get -o Acquire::Retries=3 source --download-only -qq "$1=$2" >"$work/log/$1.fetch" 2>&1; then
    return 0
  fi
  missing=$(sed -n 's/.*Failed to fetch [^ ]*\/\([^ /]*\) .*/\1/p' "$work/log/$1.fetch" | grep -v '\.asc$' || true)
  [ -z "$missing" ] && [ -f "$dsc" ] && sed -i '/\.asc$/d' "$dsc"
}

# Unpacks a source package with Debian's patches into build/wheel/src/NAME.
unpack() { # SOURCE VERSION
  rm -rf "${work:?}/src/$1"
  if [ -f "$work/download/${1}_${2#*:}.dsc" ]; then
    dpkg-source --no-check -x "$work/download/${1}_${2#*:}.dsc" "$work/src/$1" >>"$work/log/$1.fetch" 2>&1
  else
    mkdir "$work/src/$1"
    tar -C "$work/src/$1" --strip-components=1 -xf "$work/download/${1}_$2.orig.tar."*[!c]
  fi
}

# library SOURCE FUNCTION: builds it unless this version was built by this recipe.
library() {
  local source=$1 recipe=$2 version stamp=$prefix/share/freshframe-wheel/$1 wanted
  wanted=$(printf '%s\n' "$(versions_of "$source" | head -1)" "$(declare -f "$recipe")" "$CFLAGS" "$(cat "$here/old_glibc.h")" \
    "$([ "$source" != ffmpeg ] || cat "$here/ffmpeg_parts.txt")" | sha256sum | cut -c1-16)
  if [ -f "$stamp/built" ] && [ "$(cat "$stamp/built")" = "$wanted" ]; then return; fi
  mkdir -p "$work"/{src,download,log} "$stamp"
  for version in $(versions_of "$source") none; do
    if [ "$version" = none ]; then break; fi
    if (fetch "$source" "$version"); then break; fi
    say "$source $version cannot be fetched: the next older version"
  done
  [ "$version" != none ] || version=$(orig_version "$source") || { cat "$work/log/$source.fetch" >&2; die "no version of $source can be fetched"; }
  say "$source $version"
  unpack "$source" "$version"
  # In the background, since `set -e` is off in what stands before ||.
  (cd "$work/src/$source"; set -x; $recipe) >"$work/log/$source.build" 2>&1 &
  wait $! ||
    { tail -30 "$work/log/$source.build" >&2; die "building $source failed; all of it: $work/log/$source.build"; }
  cat "$work/src/$source"/debian/copyright "$work/src/$source"/COPYING >"$stamp/copyright" 2>/dev/null || [ -s "$stamp/copyright" ]
  printf '%s\n' "$version" >"$stamp/version"
  (cd "$work/download" && sha256sum "${source}_$(upstream_of "$version").orig.tar."*[!c]) >"$stamp/sha256"
  printf '%s\n' "$wanted" >"$stamp/built"
  rm -rf "${work:?}/src/$source"
}

# Where only Debian's own additions cannot be fetched: the version of the author's archive, used without them.
orig_version() { # SOURCE
  find "$work/download" -name "${1}_*.orig.tar.*" ! -name '*.asc' -printf '%f\n' | sed 's/^[^_]*_//; s/\.orig\..*//' | sort -V | tail -1 | grep .
}

# --- recipes ------------------------------------------------------------------------------------------------

cmake_static() {
  cmake -S . -B build-wheel -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
    -DBUILD_SHARED_LIBS=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_POLICY_VERSION_MINIMUM=3.5 "$@"
  cmake --build build-wheel
  cmake --install build-wheel
}

meson_build() { # static|shared OPTIONS...
  meson setup build-wheel --buildtype=release --prefix="$prefix" --libdir=lib --default-library="$1" --wrap-mode=nodownload "${@:2}"
  ninja -C build-wheel install
}

build_zlib() {
  ./configure --static --prefix="$prefix"
  make -j"$jobs" libz.a
  make install-libs
  install -m 644 zlib.h zconf.h "$prefix/include"
}
build_highway() { cmake_static -DHWY_ENABLE_TESTS=OFF -DHWY_ENABLE_EXAMPLES=OFF -DHWY_ENABLE_CONTRIB=OFF -DBUILD_TESTING=OFF; }
build_jpeg() { cmake_static -DENABLE_SHARED=OFF -DWITH_JPEG8=OFF -DREQUIRE_SIMD=ON -DWITH_JAVA=OFF; }
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
  make -j"$jobs"
  make install
}
build_dav1d() { meson_build static -Denable_tools=false -Denable_tests=false; }
build_pixman() {
  meson_build static -Dtests=disabled -Ddemos=disabled -Dgtk=disabled -Dlibpng=disabled -Dopenmp=disabled
}
build_cairo() {  # pictures in memory and a font of its own: no X, no fontconfig, no FreeType
  meson_build shared -Dfontconfig=disabled -Dfreetype=disabled -Dpng=disabled -Dxlib=disabled -Dxcb=disabled -Dxlib-xcb=disabled \
    -Dzlib=disabled -Dtee=disabled -Dquartz=disabled -Dtests=disabled -Dgtk2-utils=disabled -Dglib=disabled -Dspectre=disabled \
    -Dsymbol-lookup=disabled -Dlzo=disabled -Ddwrite=disabled -Dgtk_doc=false
}
no_autotools() {  # Debian's patches touch files that autoconf and automake would be wanted for
  find . -name aclocal.m4 -exec touch {} +
  sleep 1
  find . \( -name configure -o -name Makefile.in -o -name config.h.in -o -name config.in \) -exec touch {} +
}
build_elfutils() {
  no_autotools
  ./configure --prefix="$prefix" --disable-debuginfod --disable-libdebuginfod --without-bzlib --without-lzma --without-zstd \
    --disable-nls --disable-demangler --disable-werror CFLAGS="${CFLAGS/-fvisibility=hidden/} -g0"
  local part
  for part in lib libelf libebl libdwelf libdwfl libcpu backends libdw; do make -j"$jobs" -C $part; done
  for part in libelf libdwelf libdwfl libdw; do make -C $part install; done
  make -C config install
  rm -f "$prefix"/lib/libelf.a "$prefix"/lib/libdw.a
}
build_gmp() {
  no_autotools
  ./configure --prefix="$prefix" --disable-shared --enable-static --with-pic --enable-fat
  make -j"$jobs"
  make install
}
build_nettle() {
  no_autotools
  ./configure --prefix="$prefix" --libdir="$prefix/lib" --disable-shared --enable-static --enable-fat --disable-documentation \
    --disable-openssl --with-include-path="$prefix/include" --with-lib-path="$prefix/lib"
  make -j"$jobs" libnettle.a libhogweed.a
  make install-headers install-static install-pkgconfig
}
build_gnutls() {  # one library with Nettle and GMP inside; the certificates are those of the system
  no_autotools
  ./configure --prefix="$prefix" --disable-static --with-included-libtasn1 --with-included-unistring --without-idn --without-p11-kit \
    --without-tpm --without-tpm2 --without-brotli --without-zstd --without-zlib --disable-doc --disable-tests --disable-tools \
    --disable-cxx --disable-libdane --disable-nls --disable-guile --disable-ktls --disable-valgrind-tests \
    --with-default-trust-store-file=/etc/ssl/certs/ca-certificates.crt \
    --with-system-priority-file=/nonexistent --with-unbound-root-key-file=/nonexistent \
    CFLAGS="${CFLAGS/-fvisibility=hidden/}" GMP_CFLAGS="-I$prefix/include" GMP_LIBS="-L$prefix/lib -lgmp"
  make -j"$jobs" -C gl
  make -j"$jobs" -C lib
  make -C lib install
}
ffmpeg_parts() {  # the lines of ffmpeg_parts.txt as options of configure
  local kind names name
  while read -r kind names; do
    case $kind in '' | '#'*) continue ;; esac
    for name in $names; do
      if [ "$name" = ALL ]; then echo "--enable-${kind}s"; else echo "--enable-$kind=$name"; fi
    done
  done <"$here/ffmpeg_parts.txt"
}
build_ffmpeg() {
  # shellcheck disable=SC2046  # a list of words
  ./configure --prefix="$prefix" --enable-shared --disable-static --disable-autodetect --disable-programs --disable-doc --disable-avdevice \
    --disable-avfilter --disable-postproc --disable-swresample --disable-debug --disable-everything $(ffmpeg_parts) \
    --enable-zlib --enable-gnutls --enable-libvpx --enable-libdav1d --enable-pthreads --pkg-config-flags=--static \
    --extra-cflags="${CFLAGS/-fvisibility=hidden/}" --extra-ldflags="$LDFLAGS"
  grep -q '^License: LGPL' <(./configure --help >/dev/null; sed -n 's/^#define FFMPEG_LICENSE "\(.*\)"/License: \1/p' config.h) || { echo "not LGPL"; return 1; }
  make -j"$jobs"
  make install
}

main() {
  apt_setup
  mkdir -p "$work/log" "$prefix"/{lib/pkgconfig,include,share}
  library zlib build_zlib
  library highway build_highway
  library libjpeg-turbo build_jpeg
  library libyuv build_yuv
  library libvpx build_vpx
  library dav1d build_dav1d
  library pixman build_pixman
  library cairo build_cairo
  library elfutils build_elfutils
  library gmp build_gmp
  library nettle build_nettle
  library gnutls28 build_gnutls
  library ffmpeg build_ffmpeg
}
main
