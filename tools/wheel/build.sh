#!/usr/bin/env bash
# Builds dist/freshframe-*-manylinux_2_34_*.whl for one Python: libraries, module, bundling, licences, checks.
# If BILL is the bill of materials of a wheel (its .cdx.json), the libraries have the versions of that wheel.
# build.sh [PYTHON [ARCHITECTURE]] cross-builds if ARCHITECTURE is not this machine's.
# Build on Debian 12: with a newer C library, the wheel would use its functions, which the check refuses.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
umask 022
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

python=${1:-python3}
machine=${2:-$(uname -m)}
common=$PWD/build/wheel
work=$common
prefix=$work/prefix
dist=$PWD/dist
platform=manylinux_2_34_$machine
cross=''
if [ "$machine" != "$(uname -m)" ]; then cross=tools/wheel/$machine.sh; fi
if [ -n "$cross" ] && [ ! -f "$cross" ]; then
  echo "tools/wheel/build.sh: wheels can be built for $(uname -m) here, and cross-built for aarch64; got $machine" >&2
  exit 1
fi

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS" >&2; }

missing=$({ grep -v '^#' tools/wheel/debian-packages.txt; echo ${cross:+"g++-$machine-linux-gnu" qemu-user}; } | xargs -n 1 | while read -r package; do
  dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
done | tr '\n' ' ')
if [ -n "$missing" ]; then
  say "installing Debian packages: $missing"
  as_root=()
  if [ "$(id -u)" != 0 ]; then
    as_root=(sudo -n)
    if ! sudo -n true 2>/dev/null; then
      echo "run this once, then ./dev wheel again: sudo apt-get install --no-install-recommends $missing" >&2
      exit 1
    fi
  fi
  "${as_root[@]}" apt-get update -qq
  # shellcheck disable=SC2086  # a list of words
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
fi

if [ -n "${BILL:-}" ]; then
  BILL=$(readlink -e "$BILL") || { echo "tools/wheel/build.sh: BILL names a file that is not there" >&2; exit 1; }
  export BILL
fi

# Libraries that are bundled as Debian built them should have Debian's security fixes.
packages=$(PYTHONPATH=tools/wheel python3 -c 'import bundled; print(*{x.package for x in bundled.LIBRARIES} - {""})')
older=''
# shellcheck disable=SC2086  # a list of words
[ -n "$cross$(printenv BILL || true)" ] || older=$({ apt-get -s --only-upgrade install $packages 2>/dev/null || true; } | sed -n 's/^Inst \([^ ]*\).*/\1/p' | tr '\n' ' ')
if [ -n "$older" ]; then
  if [ "$(id -u)" = 0 ]; then
    say "upgrading Debian packages: $older"
    # shellcheck disable=SC2086  # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --only-upgrade $older >/dev/null
  else
    say "these have newer versions, and the wheel will carry the old ones: $older"
  fi
fi

# The tools that work with any Python, pinned in the group `wheel` of pyproject.toml.
tools=$common/tools
wanted=$(sed -n '/^wheel = \[/,/^\]/p' pyproject.toml | sha256sum)
if [ "$(cat "$tools/.stamp" 2>/dev/null)" != "$wanted" ]; then
  say "installing the tools for wheels"
  python3 -m venv --clear "$tools"
  "$tools/bin/pip" install --quiet --upgrade "pip==26.3"
  "$tools/bin/pip" install --quiet --group wheel
  echo "$wanted" >"$tools/.stamp"
fi
export PATH=$tools/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1

if [ -n "$cross" ]; then
  # shellcheck disable=SC2086  # a list of words
  tools/aarch64/root.sh $packages
fi
ARCH=$machine tools/wheel/libraries.sh

tag=$("$python" -c 'import sys, sysconfig
print("cp%d%d%s" % (*sys.version_info[:2], "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""))')
environment=$common/python-$tag
wanted=$(sed -n '/^build = \[/p' pyproject.toml; "$python" --version)
if [ "$(cat "$environment/.stamp" 2>/dev/null)" != "$wanted" ]; then
  say "a Python environment to build in: $tag"
  "$python" -m venv --clear "$environment"
  "$environment/bin/python" -m pip install --quiet --upgrade "pip==26.3"
  "$environment/bin/python" -m pip install --quiet --group build
  echo "$wanted" >"$environment/.stamp"
fi

say "freshframe for $tag, $machine"
build=build/wheel-objects${cross:+-$machine}
# All Pythons use the same folder and flags, so that ccache compiles the engine only once.
if [ "$(cat "$build/.tag" 2>/dev/null)" != "$tag" ]; then
  rm -rf "$build"
  mkdir -p "$build"
  echo "$tag" >"$build/.tag"
fi
compiler=(CC=/usr/bin/cc CXX=/usr/bin/c++)
search=(LD_LIBRARY_PATH="$prefix/lib")
auditwheel=(auditwheel)
from=()  # options that tell bill.py and check_wheel.py where Debian's packages are
link_paths=''
if [ -n "$cross" ]; then
  # shellcheck source=tools/wheel/aarch64.sh
  . "$cross"
  cross_python "$tag" "$environment"
fi
raw=$work/raw/$tag
rm -rf "$raw"
# Two checkouts must produce the same bytes, so the wheel contains no path of this checkout or the environment, no date,
# and no file modes of this user. The linker strips the symbol table, because the build id would hash the paths in it.
same="-ffile-prefix-map=$PWD=/freshframe -ffile-prefix-map=$common/python-=/environment-"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 315532800)
export SOURCE_DATE_EPOCH
${CC:-cc} -O2 -fPIC -c tools/wheel/old_glibc.c -o "$work/old_glibc.o"
# Uses the Python of the environment with its headers, and only the libraries of the prefix (Boost and nlohmann-json are
# headers). libgcc stays shared, because forced exits and frame lookups need a single unwinder per process. The flags
# are those of the preset `release`, so that ccache can reuse its objects.
env "${compiler[@]}" "${search[@]}" PKG_CONFIG_LIBDIR="$prefix/lib/pkgconfig" PKG_CONFIG_PATH='' VIRTUAL_ENV="$environment" \
  CMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" CMAKE_BUILD_PARALLEL_LEVEL="$(nproc)" CMAKE_PREFIX_PATH="$prefix" \
  CFLAGS="$same" CXXFLAGS="-Wall -Wextra -Wpedantic -Wshadow -Wconversion $same" \
  LDFLAGS="$work/old_glibc.o -static-libstdc++ -Wl,--strip-all -Wl,--exclude-libs,ALL -Wl,--as-needed${link_paths:+ $link_paths}" \
  "$environment/bin/python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$raw" \
  --config-settings "build-dir=$build" --config-settings=cmake.define.CMAKE_BUILD_WITH_INSTALL_RPATH=ON \
  ${cross:+--config-settings=cmake.python-hints=false} .

say "bundling the shared libraries"
# Without this search path auditwheel would take the machine's library of the same name, and Debian's FFmpeg is GPL.
rm -rf "$work/repaired"
env "${search[@]}" "${auditwheel[@]}" repair --plat "$platform" --only-plat --strip --wheel-dir "$work/repaired" "$raw"/*.whl \
  >"$work/log/auditwheel-$tag" 2>&1 || { cat "$work/log/auditwheel-$tag" >&2; exit 1; }

say "licences, bill of materials, checks"
mkdir -p "$dist"
wheel=$(python tools/wheel/bill.py "$work/repaired"/*.whl --libraries "$prefix" --into "$dist" "${from[@]}" ${BILL:+--like "$BILL"})
python tools/wheel/check_wheel.py "$wheel" --libraries "$prefix" "${from[@]}"
python tools/check_stable_abi.py "$wheel"
say "$wheel"
