#!/usr/bin/env bash
# Builds dist/freshframe_fleet-*-py3-none-any.whl, and tests it with freshframe's wheel: wheel.sh [PYTHON]
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
umask 022
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

# The Python in .venv has the pinned build backend. ./dev wheel --fleet sets it up.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 315532800)
export SOURCE_DATE_EPOCH
rm -rf build/freshframe_fleet
.venv/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/freshframe_fleet ./fleet
mkdir -p dist
cp build/freshframe_fleet/*.whl dist/
wheel=$(ls build/freshframe_fleet/*.whl)
wheel=dist/$(basename "$wheel")
echo "$wheel: $(stat -c %s "$wheel") bytes"
fleet/tools/wheel_prove.sh "$wheel" "${1:-python3}"
