#!/usr/bin/env bash
# Installs a wheel of gil-budget into a bare environment and runs two suites of tests there: wheel_prove.sh WHEEL PYTHON
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
wheel=$(readlink -f "$1") python=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

"$python" -m venv bare
bare/bin/pip install --quiet --disable-pip-version-check "$wheel" "pytest==9.2.0"
mkdir suite
cat >suite/test_it.py <<'END'
import ctypes, time
def test_quick(): assert sorted([2, 1]) == [1, 2]
def test_lets_go_of_the_gil(): time.sleep(0.3)
END
cat >suite/pyproject.toml <<'END'
[tool.pytest.ini_options]
gil_budget = "50ms"
END

run() { (cd suite && env -u PYTHONPATH ../bare/bin/python -m pytest -p no:cacheprovider 2>&1) | tee log; return "${PIPESTATUS[0]}"; }

run >/dev/null || { cat log >&2; echo "wheel_prove: a suite without a hold failed" >&2; exit 1; }
grep -q '^gil budget: 0 tests over it' log || { cat log >&2; echo "wheel_prove: the plugin did not measure" >&2; exit 1; }
echo 'def test_planted(): ctypes.PyDLL(None).usleep(1_000_000)' >>suite/test_it.py
if run >/dev/null; then cat log >&2; echo "wheel_prove: a planted hold passed" >&2; exit 1; fi
grep -q 'libc.so.6:usleep, called at .*test_it.py:4:test_planted' log || { cat log >&2; echo "wheel_prove: the hold has no name" >&2; exit 1; }
grep -q '1 failed, 2 passed' log || { cat log >&2; echo "wheel_prove: another test failed" >&2; exit 1; }
bare/bin/gil-budget run --budget 10s suite/test_it.py 2>log || { cat log >&2; echo "wheel_prove: the command failed" >&2; exit 1; }
bare/bin/pip list --format freeze --disable-pip-version-check | grep -qi '^\(freshframe\|numpy\)==' && { echo "wheel_prove: more was installed than wanted" >&2; exit 1; }
grep -A 2 '^gil-budget: the test held' <(run || true)
echo "proved in a bare environment: without a hold green, with a planted one red"
