#!/usr/bin/env bash
# Runs the Python tests against an installed wheel: suite.sh WHEEL [ARGUMENTS OF PYTEST]. Only the packages for the tests
# come from .venv or TESTS_ENVIRONMENT. Its path entry for python/ is ignored.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
wheel=$1
shift
environment=$PWD/build/wheel/suite
tests=${TESTS_ENVIRONMENT:-$PWD/.venv}
"$tests/bin/python" -m venv --clear "$environment"
site=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
"$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps "$wheel"
"$tests/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$site/packages-of-the-tests.pth"
echo "$PWD/fleet/python" >"$site/fleet-of-the-tree.pth"  # only Python code, of the same version
"$environment/bin/python" -c 'import freshframe, sys; sys.exit("build/wheel/suite" not in freshframe.__file__)'
unset PYTHONPATH
export PATH=$environment/bin:$PATH VIRTUAL_ENV=$environment
exec "$environment/bin/python" -m pytest -p no:cacheprovider "$@"
