#!/usr/bin/env bash
# Tests the GIL watch and gil-budget, without the engine, on interpreters as strangers have them: without symbols, and newer ones.
# SPDX-License-Identifier: Apache-2.0
#
# interpreters.sh   after ./dev setup: .venv has the packages in Python that the tests need. One line for each interpreter
#                       is written into build/gil_interpreters/counts. It tests
#   /usr/bin/python3      where it is another interpreter than that of .venv: Debian's has no symbols
#   a copy without symbols of a Python of 3.12 or newer: the CPython 3.14 that tools/interpreters.sh has built before, else
#                         one that is there with its headers. Only where CI=true it builds that CPython (three minutes),
#                         which it keeps
# Where there is none, its line says so, and that is no failure. Each takes a minute on two cores.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

place=$PWD/build/gil_interpreters
venv=$PWD/.venv
cached=${XDG_CACHE_HOME:-$HOME/.cache}/freshframe/interpreters/3.14/bin/python3
longest=900 # seconds for the tests of one interpreter; only a hang takes so long
# What depends on an interpreter's records and names. How gil-budget treats options and files depends on neither.
tests=(
  test_hold_names.py test_hot_constructors.py test_budget.py test_budget_baseline.py::test_a_run_writes_it_and_the_next_one_passes
  test_budget_plugin.py::test_{planted_holds_are_found_and_the_others_pass,workers_of_xdist_measure_and_the_controller_sums_up}
  test_budget_plugin.py::test_bytecode_is_never_over_a_budget_whatever_the_switch_interval
  test_budget_plugin.py::test_{a_collection_counts_only_where_that_was_asked_for,tests_in_pure_python_that_make_many_objects_pass}
  test_budget_plugin.py::test_{without_a_budget_the_plugin_does_nothing,what_a_suite_keeps_until_the_exit_is_not_reported_below_the_result}
)

say() { printf -- '-- %s\n' "$*" >&2; }

# What a Python says: its real executable, its version as 3.14, and whether its headers are there.
ask() { # PYTHON
  "$1" -c 'import os, sys, sysconfig
headers = os.path.exists(sysconfig.get_path("include") + "/Python.h")
gil = not sysconfig.get_config_var("Py_GIL_DISABLED")
print(os.path.realpath(sys._base_executable), "%d.%d" % sys.version_info[:2], "complete" if headers and gil else "incomplete")' 2>/dev/null
}

# A Python from 3.12 on with its headers; prints its executable and its version. Nothing: there is none.
newer() {
  local name found path version state
  if [ "${CI:-}" = true ] && [ ! -x "$cached" ]; then tools/interpreters.sh 3.14 >/dev/null || true; fi
  for name in "$cached" python3.14 python3.13 python3.12 python3.15 python3; do
    found=$(ask "$name") || continue
    read -r path version state <<<"$found"
    [ "$state" = complete ] && [ "${version#3.}" -ge 12 ] && [ "${version#3.}" -le 15 ] && echo "$path $version" && return
  done
}

# Copies an interpreter and its library without their symbols. Prints the copy; its library is preload.so beside it.
without_symbols() { # PYTHON VERSION
  local prefix library=$place/stripped/lib/preload.so found
  prefix=$(dirname "$(dirname "$1")")
  rm -rf "$place/stripped"
  mkdir -p "$place/stripped/bin" "$place/stripped/lib"
  ln -s "$("$1" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" "$place/stripped/lib/python$2"
  ln -s "$prefix/include" "$place/stripped/include"
  strip --strip-all -o "$place/stripped/bin/python$2" "$1"
  found=$(ldd "$1" | awk '/libpython3\.[0-9]+/ { print $3 }')
  if [ -n "$found" ]; then strip --strip-all -o "$library" "$found"; fi
  echo "$place/stripped/bin/python$2"
}

# The tests' packages that are in Python alone, for any interpreter.
link_packages() {
  local from name
  from=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  rm -rf "$place/packages"
  mkdir -p "$place/packages"
  for name in nanobind pytest _pytest py.py pluggy iniconfig packaging pygments xdist execnet exceptiongroup tomli typing_extensions.py; do
    if [ -e "$from/$name" ]; then ln -s "$from/$name" "$place/packages/"; fi
  done
  for name in "$from"/{pytest,pytest_xdist,execnet,pluggy}-*.dist-info; do
    if [ -e "$name" ]; then ln -s "$name" "$place/packages/"; fi
  done
  printf '[pytest]\nmarkers =\n  needs_gil\n  repeats\n  table(cases)\n  slow\n' >"$place/pytest.ini"
}

build_for() { # NAME PYTHON
  if ! { cmake -S gil -B "$place/$1" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPython_EXECUTABLE="$2" -DPython_FIND_VIRTUALENV=STANDARD \
    -DFRESHFRAME_NUMERIC=OFF >"$place/$1.log" 2>&1 &&
    cmake --build "$place/$1" --target gil_budget >>"$place/$1.log" 2>&1; }; then
    tail -30 "$place/$1.log" >&2
    return 1
  fi
  rm -rf "$place/$1/package"
  mkdir -p "$place/$1/package"
  cp -r gil/python/gil_budget "$place/$1/package/"
  rm -rf "$place/$1/package/gil_budget"/{_gil.*.so,__pycache__}
  cp "$place/$1"/_gil.*.so "$place/$1/package/gil_budget/"
}

# The tests on one interpreter, into NAME-pytest.log.
run_tests() { # NAME PYTHON [LIBRARY]
  local status=0 log=$place/$1-pytest.log folder
  folder=$(mktemp -d /tmp/ff-XXXXXX)
  env -u VIRTUAL_ENV ${3:+LD_PRELOAD="$3"} PYTHONPATH="$place/$1/package:$PWD/tests/python:$place/packages" \
    timeout --kill-after=30 "$longest" "$2" -m pytest -c "$place/pytest.ini" --rootdir "$PWD" --noconftest -p rigs.repeated -p no:cacheprovider -q -n 4 --dist loadfile --basetemp "$folder/t" \
    "${tests[@]/#/gil/tests/python/}" >"$log" 2>&1 || status=$?
  rm -rf "$folder"
  if [ $status != 0 ]; then tail -60 "$log" >&2; fi
  return $status
}

# try NAME PYTHON [LIBRARY]: builds and tests, a second time where a busy machine may have spoiled the first. LIBRARY
# takes the place of the one that the interpreter was linked to.
try() {
  local name=$1 python=$2 status=0 log=$place/$1-pytest.log again=
  say "the GIL watch on $name"
  if ! PYTHONPATH=$place/packages build_for "$name" "$python"; then
    echo "GIL watch on $name: was not built" >>"$place/counts"
    return 1
  fi
  run_tests "$@" || { again=' (second attempt)'; cp "$log" "$log.first"; run_tests "$@" || status=$?; }
  echo "GIL watch on $name: $(grep -E '(passed|failed|error).* in [0-9.]+s' "$log" | tail -1 | tr -d = || echo 'did not finish')$again" >>"$place/counts"
  return $status
}

main() {
  local own system path version state status=0 copy library
  mkdir -p "$place"
  : >"$place/counts"
  link_packages
  own=$("$venv/bin/python" -c 'import os, sys; print(os.path.realpath(sys._base_executable))')
  system=$(ask /usr/bin/python3) || system='none 3.0 incomplete'
  read -r path version state <<<"$system"
  if [ "$path" = "$own" ]; then
    echo "GIL watch on /usr/bin/python3: left out, .venv is of that one" >>"$place/counts"
  elif [ "$state" != complete ] || [ "${version#3.}" -lt 10 ] || [ "${version#3.}" -gt 15 ]; then
    echo "GIL watch on /usr/bin/python3: left out, it is none of 3.10 to 3.15 with its headers" >>"$place/counts"
  else
    try "system-$version" "$path" || status=1
  fi
  read -r path version <<<"$(PATH=${PATH#"$venv/bin:"} newer)" || true
  if [ -z "${version:-}" ]; then
    echo "GIL watch on a Python of 3.12 or newer: left out, there is none with its headers" >>"$place/counts"
    return $status
  fi
  copy=$(without_symbols "$path" "$version")
  library=$place/stripped/lib/preload.so
  if [ -f "$library" ]; then try "stripped-$version" "$copy" "$library" || status=1; else try "stripped-$version" "$copy" || status=1; fi
  return $status
}

main
