#!/usr/bin/env bash
# Builds freshframe for aarch64 and runs its tests under QEMU: the C++ tests that start no process of their own, an
# embedded Python, and Python tests. ARGUMENTS of pytest replace the chosen ones.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

work=$PWD/build/aarch64
root=$work/root
packages='g++-aarch64-linux-gnu qemu-user'
# Their processes would be aarch64 programs, which this machine's kernel does not start. A process of Python goes
# through a script that starts QEMU.
start_processes='AgentEndDeathTest.*:Child.*:Crew.*:OrphanGuard.*'
# They read memory, registers and system calls of their process from /proc, which are those of QEMU.
see_the_emulator='GilCallStack.AThreadThatComputes*:GilCallStack.AThreadThatWaitsIsUnwound*:MediaLeak.*:Stress.AThousandStartsAndStops*'
chosen=(tests/python/gil/test_gil_header.py)
[ $# = 0 ] || chosen=("$@")

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS" >&2; }

install_packages() {
  local package missing=()
  for package in $packages; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  if [ "$(id -u)" != 0 ]; then
    echo "run this once, then again: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  say "installing Debian packages: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
}

build() {
  local settings=(-DCMAKE_TOOLCHAIN_FILE="$PWD/tools/aarch64/toolchain.cmake" -DPython_EXECUTABLE="$PWD/.venv/bin/python"
    -DPython3_EXECUTABLE="$PWD/.venv/bin/python" -DFRESHFRAME_QUICKLY_COMPILED=OFF
    "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O2 -DNDEBUG")  # the emulator takes longer than the compiler
  if command -v ccache >/dev/null; then settings+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  cmake --preset dev -B "$work/build" "${settings[@]}" >"$work/configure.log" 2>&1 || { tail -30 "$work/configure.log" >&2; exit 1; }
  cmake --build "$work/build" --target freshframe_tests gil_threads freshframe_python gil_plain gil_nanobind gil_lies
  cmake --build "$work/build" --target gil_pybind11 || say "without gil_pybind11: pybind11 is not installed"
}

# run NAME COMMAND...: its output goes to a log; its exit status becomes `status` and does not end this program.
run() {
  local name=$1
  shift
  status=0
  say "$name"
  "$@" >"$work/$name.log" 2>&1 || status=$?
  tail -3 "$work/$name.log"
  echo "$name: ended with $status"
}

install_packages
tools/aarch64/root.sh
say "building"
build

emulated=(qemu-aarch64 -L "$root")
tests=$work/build/tests/cpp/freshframe_tests
rm -f "$work/cpp.json"
FRESHFRAME_TEST_PATIENCE=20 run cpp "${emulated[@]}" "$tests" "--gtest_filter=-$start_processes:$see_the_emulator" --gtest_brief=1 "--gtest_output=json:$work/cpp.json"
count() { "${emulated[@]}" "$tests" "--gtest_filter=$1" --gtest_list_tests | grep -c '^  '; }  # tests of a filter
left_out="$(count "$start_processes") C++ tests that start processes and $(count "$see_the_emulator") that see QEMU in /proc"
run embedded env PYTHONHOME=/usr "${emulated[@]}" "$work/build/gil/tests/gil_threads"
embedded=$status
export PYTHONPATH=$PWD/python:$PWD/fleet/python:$work/site
run python "$work/python" -m pytest -q -rs -p no:cacheprovider --timeout-method signal "${chosen[@]}"
PYTHONPATH='' .venv/bin/python tools/aarch64/outcome.py "$work" "$left_out" "$embedded" "$(aarch64-linux-gnu-g++ --version | head -1)" \
  "$(PKG_CONFIG_LIBDIR=$root/usr/lib/aarch64-linux-gnu/pkgconfig pkg-config --modversion libavcodec)" \
  "$("$work/python" -c 'import platform; print(platform.python_version())')" \
  "$("$work/python" -c 'import numpy; print(numpy.__version__)')"
