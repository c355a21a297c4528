#!/usr/bin/env bash
# Makes dist/gil_budget-*-manylinux_2_34_*.whl for one Python, with the libraries of the watch: wheel.sh [PYTHON]
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
umask 022
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

python=${1:-python3}
work=$PWD/build/gil_budget
platform=manylinux_2_34_$(uname -m)

# The tools that freshframe's wheel is made with, in an environment of the Python that the wheel is for.
tag=$("$python" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
tools=$work/tools-$tag
wanted=$(sed -n '/^wheel = \[/,/^\]/p; /^build = \[/p' pyproject.toml; "$python" --version)
if [ "$(cat "$tools/.stamp" 2>/dev/null)" != "$wanted" ]; then
  "$python" -m venv --clear "$tools"
  "$tools/bin/pip" install --quiet --upgrade "pip==26.3"
  "$tools/bin/pip" install --quiet --group build --group wheel
  echo "$wanted" >"$tools/.stamp"
fi
export PATH=$tools/bin:$PATH VIRTUAL_ENV=$tools PIP_DISABLE_PIP_VERSION_CHECK=1

rm -rf "$work/raw" "$work/repaired"
mkdir -p dist
cc -O2 -fPIC -c tools/wheel/old_glibc.c -o "$work/old_glibc.o"
# Two checkouts give the same bytes, as in tools/wheel/build.sh.
same="-ffile-prefix-map=$PWD=/freshframe -ffile-prefix-map=$tools=/environment"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 315532800)
export SOURCE_DATE_EPOCH
CMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" \
  CFLAGS="$same" CXXFLAGS="-Wall -Wextra -Wpedantic -Wshadow -Wconversion $same" \
  LDFLAGS="$work/old_glibc.o -static-libstdc++ -Wl,--strip-all -Wl,--exclude-libs,ALL -Wl,--as-needed -Wl,--gc-sections" \
  pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$work/raw" ./gil
auditwheel repair --plat "$platform" --only-plat --strip --wheel-dir "$work/repaired" "$work"/raw/*.whl >"$work/auditwheel.log" 2>&1 ||
  { cat "$work/auditwheel.log" >&2; exit 1; }
wheel=$(PYTHONPATH=tools/wheel python gil/tools/wheel_notices.py "$work"/repaired/*.whl --into dist)
echo "$wheel: $(stat -c %s "$wheel") bytes"
gil/tools/wheel_prove.sh "$wheel" "$python"
