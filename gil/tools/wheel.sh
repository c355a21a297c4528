#!/usr/bin/env bash
# Makes dist/gil_budget-*-manylinux_2_34_*.whl for one Python, with the libraries of the watch:
# wheel.sh [PYTHON [ARCHITECTURE]]. For another architecture than this machine's it cross-builds, as tools/wheel/build.sh does,
# and only imports the module, under QEMU, whose registers and memory the watch cannot read.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
umask 022
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

python=${1:-python3}
machine=${2:-$(uname -m)}
common=$PWD/build/gil_budget
platform=manylinux_2_34_$machine

if "$python" -c 'import sys, sysconfig; sys.exit(not sysconfig.get_config_var("Py_GIL_DISABLED"))'; then
  echo "gil/tools/wheel.sh: gil-budget has no wheel for a free-threaded Python, because that has no GIL to watch; got $python" >&2
  exit 1
fi

# The tools that freshframe's wheel is made with, in an environment of the Python that the wheel is for.
tag=$("$python" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
tools=$common/tools-$tag
wanted=$(sed -n '/^wheel = \[/,/^\]/p; /^build = \[/p' pyproject.toml; "$python" --version)
if [ "$(cat "$tools/.stamp" 2>/dev/null)" != "$wanted" ]; then
  "$python" -m venv --clear "$tools"
  "$tools/bin/pip" install --quiet --upgrade "pip==26.3"
  "$tools/bin/pip" install --quiet --group build --group wheel
  echo "$wanted" >"$tools/.stamp"
fi
export PATH=$tools/bin:$PATH VIRTUAL_ENV=$tools PIP_DISABLE_PIP_VERSION_CHECK=1

compiler=(CC=/usr/bin/cc CXX=/usr/bin/c++) search=() auditwheel=(auditwheel) from=() hints=() work=$common
if [ "$machine" != "$(uname -m)" ]; then
  # shellcheck disable=SC2046  # a list of words
  tools/aarch64/root.sh $(PYTHONPATH=tools/wheel python3 -c 'import bundled; print(*{x.package for x in bundled.OF_GIL_BUDGET})')
  # shellcheck source=tools/wheel/aarch64.sh
  . "tools/wheel/$machine.sh"
  cross_python "$tag" "$tools"
  work=$common/$machine hints=(--config-settings=cmake.python-hints=false)
  export CMAKE_TOOLCHAIN_FILE=$PWD/tools/aarch64/toolchain.cmake  # of libraries it wants Debian's alone
fi
rm -rf "$work/raw" "$work/repaired"
mkdir -p dist "$work"
${CC:-cc} -O2 -fPIC -c tools/wheel/old_glibc.c -o "$work/old_glibc.o"
# Two checkouts give the same bytes, as in tools/wheel/build.sh.
same="-ffile-prefix-map=$PWD=/freshframe -ffile-prefix-map=$tools=/environment"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 315532800)
export SOURCE_DATE_EPOCH
env "${compiler[@]}" CMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" \
  CFLAGS="$same" CXXFLAGS="-Wall -Wextra -Wpedantic -Wshadow -Wconversion $same" \
  LDFLAGS="$work/old_glibc.o -static-libstdc++ -Wl,--strip-all -Wl,--exclude-libs,ALL -Wl,--as-needed -Wl,--gc-sections" \
  pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$work/raw" --config-settings "build-dir=$work/$tag" "${hints[@]}" ./gil
env "${search[@]}" "${auditwheel[@]}" repair --plat "$platform" --only-plat --strip --wheel-dir "$work/repaired" "$work"/raw/*.whl >"$work/auditwheel.log" 2>&1 ||
  { cat "$work/auditwheel.log" >&2; exit 1; }
wheel=$(PYTHONPATH=tools/wheel python gil/tools/wheel_notices.py "$work"/repaired/*.whl --into dist "${from[@]}")
echo "$wheel: $(stat -c %s "$wheel") bytes"
if [ "$machine" = "$(uname -m)" ]; then exec gil/tools/wheel_prove.sh "$wheel" "$python"; fi
rm -rf "$work/imported"
pip install --quiet --no-deps --target "$work/imported" --only-binary :all: --platform "$platform" --python-version "3.${tag#cp3}" "$wheel"
emulated=$PWD/build/aarch64/python3.${tag#cp3}-run
[ -x "$emulated" ] || emulated=$PWD/build/aarch64/bare-python
PYTHONPATH=$work/imported "$emulated" -c 'import gil_budget._gil, platform; print("imported on", platform.machine(), platform.python_version())'
