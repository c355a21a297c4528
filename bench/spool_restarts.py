"""A Spool above receivers that end and begin 50 times in ten minutes, in a program that is killed ten times.

The receivers are real servers, and the programs those of examples/out: a web server (kill -9), mosquitto with
its queues on disk (SIGTERM) and PostgreSQL (SIGQUIT: an end as in a crash). Each has a program of its own,
which gives 20 results per second and is killed -9 at random moments. At the end all numbers must have come,
none behind a larger one. Numbers that came twice are counted: they are of batches whose answer was lost.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))

from _measure import Result, Row, arguments
from rigs import receivers
from rigs.restarts import Broker, Database, Found, Hook, Receiver, play


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "spool_restarts", seconds=600, restarts=50, kills=10)
    outcome = Result(
        "spool_restarts",
        "results while their receivers and the program die",
        {"seconds": options.seconds, "restarts": options.restarts, "kills": options.kills},
    )
    kinds: dict[str, type[Receiver]] = {"web server": Hook}
    if receivers.mosquitto() is not None:
        kinds["mosquitto"] = Broker
    if receivers.postgres() is not None:
        kinds["PostgreSQL"] = Database
    found: dict[str, Found] = {}
    with tempfile.TemporaryDirectory() as name:

        def run(kind: str, seed: int) -> None:
            receiver = kinds[kind](Path(name) / kind.replace(" ", "_"))
            found[kind] = play(receiver, options.seconds, options.restarts, options.kills, seed)

        threads = [threading.Thread(target=run, args=(kind, seed)) for seed, kind in enumerate(kinds)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for kind in kinds:
        figures = dataclasses.asdict(found[kind])
        outcome.add(Row(kind, figures, float(found[kind].gaps + found[kind].disorder), 0.0))
    outcome.keep(options.out)


if __name__ == "__main__":
    main()
