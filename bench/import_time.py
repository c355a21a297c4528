"""Compares the time of `import freshframe` with a bare `import numpy`, and with cv2 and PyAV.

Each import runs in a separate process, which is timed from its start to its exit, as is one without imports.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from functools import partial
from importlib.metadata import version

from _measure import Result, Row, arguments, median, quantile, spread, take_turns

ALLOWED_MS = 30.0  # maximum time in addition to a bare import of NumPy


def import_ms(statement: str) -> float:
    """Returns the milliseconds of a Python process that runs one statement."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return 1e3 * (time.perf_counter() - began)


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "import_time", rounds=31)
    statements = {
        "nothing": "pass",
        "numpy": "import numpy",
        "numpy again": "import numpy",
        "freshframe": "import freshframe",
    }
    peers = [name for name in ("cv2", "av") if importlib.util.find_spec(name)]
    statements |= {peer: f"import {peer}" for peer in peers}
    for statement in statements.values():  # compiles byte code and fills the disk cache
        import_ms(statement)
    kinds = {name: partial(import_ms, statement) for name, statement in statements.items()}
    times = take_turns(kinds, options.rounds)
    noise = spread(times["numpy"], times["numpy again"])
    result = Result("import_time", "one process, ms", {"rounds": options.rounds}, {"numpy": version("numpy")})
    for name, values in times.items():
        more = median(values) - median(times["numpy"])
        goal = ALLOWED_MS if name == "freshframe" else None
        figures = {"p50_ms": median(values), "p99_ms": quantile(values, 0.99), "more_than_numpy_ms": more}
        scale = median(times["numpy"])
        result.add(Row(f"import {name}", figures, more, goal, spread=noise, scale=scale))
    result.keep(options.out)


if __name__ == "__main__":
    main()
