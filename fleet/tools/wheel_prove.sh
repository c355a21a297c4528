#!/usr/bin/env bash
# Installs a wheel of freshframe-fleet and freshframe's wheel of dist/ into bare environments: wheel_prove.sh WHEEL PYTHON
# Without freshframe-fleet, the error must say what to install. With both, a fleet of two agents must run.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
wheel=$(readlink -f "$1") python=$(realpath -s "$(command -v "$2")")
dist=$(dirname "$wheel")
version=$(basename "$wheel" | cut -d- -f2)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

"$python" -m venv bare
pip() { bare/bin/python -m pip --quiet --disable-pip-version-check "$@"; }
if ! pip download --no-index --no-deps --find-links "$dist" --dest engine "freshframe==$version" 2>/dev/null; then
  echo "not proved: dist/ has no wheel of freshframe $version for $python, which ./dev wheel makes"
  exit
fi
pip install engine/*.whl
run() { env -u PYTHONPATH XDG_RUNTIME_DIR="$folder" XDG_STATE_HOME="$folder" "$@"; }

wanted='pip install freshframe-fleet'
if run bare/bin/freshframe fleet status 2>log; then echo "wheel_prove: a fleet without freshframe-fleet" >&2; exit 1; fi
grep -q "$wanted" log || { cat log >&2; echo "wheel_prove: the command does not say what to install" >&2; exit 1; }
if run bare/bin/python -c 'from freshframe.fleet import Fleet' 2>log; then exit 1; fi
grep -q "$wanted" log || { cat log >&2; echo "wheel_prove: the import does not say what to install" >&2; exit 1; }

pip install --no-index --find-links engine "$wheel"
cat >program.py <<'END'
import json
import subprocess
import urllib.request

import freshframe as ff
from freshframe.fleet import Fleet


def build(url):
    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url)))
    return pipeline, {"circles": circles}


if __name__ == "__main__":
    with Fleet(agents=2, name="proof") as fleet:
        for name in ("gate", "yard"):
            fleet.add(name, "demo:circles?fps=30&size=320x240", build)
        seen = set()
        for sample in fleet.reader("circles"):
            seen.add(sample.camera)
            if seen == {"gate", "yard"}:
                break
        page = fleet.serve()
        files = ("", "fleet.js", "fleet.css", "fleet_cameras.js", "dom.js", "api/fleet")
        sizes = [len(urllib.request.urlopen(page.url + file).read()) for file in files]
        assert min(sizes) > 0, sizes
        state = json.loads(subprocess.check_output(["bare/bin/freshframe", "fleet", "status", "--json"]))
        assert sorted(state["cameras"]) == ["gate", "yard"], state
    print("two cameras on two agents, a page and the command line")
END
run bare/bin/python program.py
bare/bin/python -m pip check --disable-pip-version-check
