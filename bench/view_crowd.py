"""What do 10 cameras with 20 viewers each cost their server, and do 19 that have stopped disturb the 20th?

A process of its own sends 640x360, H.264, at 15 pictures per second and 1 Mbit/s over RTSP to ten cameras of
this process, which serves them. Viewers are plain sockets that acknowledge each picture: one of each camera
in a process of its own, the other 19 of each in another one. `alone` is without the others. The `crowd` of
200 reads everything. Of `stopped` the 190 others read nothing from 2 s before the measurement on, so that
what may be on its way to them has been sent. It takes 7 s, because a server disconnects viewers that
acknowledge nothing for 10 s. The reference of the ratios is `alone`, run twice. No node and no reader takes
the cameras' frames, so they are not decoded, but for a key picture in 15 s that shows whether the picture
stands still. In the end the crowd comes once more, to cameras whose frames a reader takes.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from _measure import ROOT, Result, Row, arguments, median, spread, take_turns
from many import resident_mb
from view_slow import FPS, film

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.live.camera import PATIENT
from rigs.live.program import Program

import freshframe as ff

CAMERAS, VIEWERS = 10, 20
SECONDS, SETTLING = 7, 2
NETWORK = "ff serve"  # the thread that sends to all viewers
GOALS = {
    "network_percent": 10.0,
    "pictures": 0.95,
    "age_p50": 1.1,
    "age_p99": 1.1,
    "mb_each": 1.0,
    "decoded": 0.0,
}

Run = dict[str, Any]


class Viewers:
    """COUNT viewers of each port, who all have pictures."""

    def __init__(self, url: str, count: int, ports: Sequence[str]) -> None:
        """Starts them."""
        program = str(Path(__file__).with_name("_crowd_viewers.py"))
        self.process = subprocess.Popen(
            [sys.executable, program, url, str(count), *ports],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.line() == "ready", "the viewers did not get pictures"

    def line(self) -> str:
        """Returns the next line that they print."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, command: str) -> None:
        """Sends a command of _crowd_viewers.py."""
        assert self.process.stdin is not None
        print(command, file=self.process.stdin, flush=True)

    def __enter__(self) -> Viewers:
        """Does nothing more."""
        return self

    def __exit__(self, *error: object) -> None:
        """Ends them."""
        self.process.kill()
        self.process.communicate()


def cpu_seconds() -> dict[str, float]:
    """Of the threads of this process, by their names."""
    found: dict[str, float] = {}
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            name, fields = task.joinpath("comm").read_text().strip(), task.joinpath("stat").read_text()
            user, system = fields.rpartition(")")[2].split()[11:13]
            found[name] = found.get(name, 0.0) + (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return found


def kernel_mb() -> float:
    """In the buffers of all TCP sockets of this machine."""
    line = next(
        line for line in Path("/proc/net/sockstat").read_text().splitlines() if line.startswith("TCP:")
    )
    return int(line.split()[-1]) * os.sysconf("SC_PAGESIZE") / 2**20


def run(pipeline: ff.Pipeline, url: str, others: str) -> Run:
    """One measurement with `others` "alone", "crowd" or "stopped"."""
    ports = [f"camera{number}" for number in range(CAMERAS)]
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(Viewers(url, 1, ports))
        if others != "alone":
            rest = stack.enter_context(Viewers(url, VIEWERS - 1, ports))
        time.sleep(SETTLING)
        before = resident_mb()
        if others == "stopped":
            rest.tell("stop")
            time.sleep(SETTLING)
        elif others == "crowd":
            rest.tell("measure")
        one.tell("measure")
        cpu, decoded, began = cpu_seconds(), decoded_pictures(pipeline), time.monotonic()
        memory, kernel = [resident_mb()], [kernel_mb()]
        while time.monotonic() < began + SECONDS:
            time.sleep(0.2)
            memory.append(resident_mb())
            kernel.append(kernel_mb())
        lasted = time.monotonic() - began
        used = {name: seconds - cpu.get(name, 0.0) for name, seconds in cpu_seconds().items()}
        decoded = decoded_pictures(pipeline) - decoded
        one.tell("end")
        figures: Run = json.loads(one.line())
        if others == "crowd":
            rest.tell("end")
            figures["others"] = json.loads(rest.line())
    return figures | {
        "network_percent": 100 * used.get(NETWORK, 0.0) / lasted,
        "cameras_percent": 100 * sum(seconds for name, seconds in used.items() if name in ports) / lasted,
        "server_percent": 100 * sum(used.values()) / lasted,
        "decoded_per_s": decoded / lasted / CAMERAS,
        "rss_mb": max(memory),
        "grown_mb": max(memory) - before,
        "kernel_mb": max(kernel),
    }


def decoded_pictures(pipeline: ff.Pipeline) -> int:
    """Returns the number of pictures that all cameras have decoded."""
    nodes = pipeline.stats().nodes
    return sum(nodes[f"camera{number}"].processed for number in range(CAMERAS))


@contextlib.contextmanager
def cameras(*, read: bool) -> Iterator[tuple[ff.Pipeline, str]]:
    """The pipeline and the address of its server; `read`: each camera has a reader."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            str(ROOT / "bench" / "_many_rtsp.py"),
            str(film(8 * FPS).save(Path(folder) / "clip")),
            str(FPS),
        ]
        with Program(command) as server:
            pipeline = ff.Pipeline()
            ports, readers = [], []
            for number in range(CAMERAS):
                source = ff.open(f"rtsp://127.0.0.1:{server.said}/{number}", **PATIENT)
                ports.append(pipeline.add(source, name=f"camera{number}"))
                if read:
                    readers.append(pipeline.reader(ports[-1]))  # decoding goes on as long as it is there
            with pipeline, pipeline.serve(view=ports) as dashboard:
                yield pipeline, dashboard.url


def series(runs: list[Run], key: str) -> list[float]:
    """One figure of all runs."""
    return [float(each[key]) for each in runs]


def main() -> None:
    """The kinds in turns; then the crowd once more."""
    options = arguments(__doc__, "view_crowd", rounds=5)
    result = Result("view_crowd", "Ten cameras with twenty viewers each", {"rounds": options.rounds})
    with cameras(read=False) as (pipeline, url):
        kinds = {
            name: partial(run, pipeline, url, name.partition(" ")[0])
            for name in ("alone", "crowd", "stopped", "alone again")
        }
        runs = take_turns(kinds, options.rounds)
    keys = ("pictures_per_s", "age_p50_ms", "age_p99_ms", "network_percent", "server_percent", "rss_mb")
    medians = {name: {key: median(series(mine, key)) for key in keys} for name, mine in runs.items()}
    crowd, stopped, alone = medians["crowd"], medians["stopped"], medians["alone"]
    noise = {key: spread(series(runs["alone"], key), series(runs["alone again"], key)) for key in keys[:3]}
    for name, figures in medians.items():
        result.add(Row(f"{name}: the viewer of each camera", figures))
    rest = [each["others"] for each in runs["crowd"]]
    result.add(Row("crowd: the 190 others", {key: median(series(rest, key)) for key in rest[0]}))
    share, bound = crowd["network_percent"], GOALS["network_percent"]
    result.add(Row("200 viewers: network thread, percent of a core", {}, share, bound))
    ratio = stopped["pictures_per_s"] / alone["pictures_per_s"]
    result.add(
        Row(
            "190 stopped: pictures of the others, of those alone",
            {"of_those_in_the_crowd": stopped["pictures_per_s"] / crowd["pictures_per_s"]},
            ratio,
            GOALS["pictures"],
            at_least=True,
            spread=noise["pictures_per_s"],
        )
    )
    for name in ("age_p50", "age_p99"):
        key = f"{name}_ms"
        figures = {"of_that_in_the_crowd": stopped[key] / crowd[key]}
        ratio = stopped[key] / alone[key]
        result.add(Row(f"190 stopped: {name}, of that alone", figures, ratio, GOALS[name], spread=noise[key]))
    count = CAMERAS * (VIEWERS - 1)
    grown = max(series(runs["stopped"], "grown_mb")) / count
    whole = (max(series(runs["stopped"], "rss_mb")) - min(series(runs["alone"], "rss_mb"))) / count
    kernel = {name: median(series(runs[name], "kernel_mb")) for name in ("stopped", "alone")}
    buffers = (kernel["stopped"] - kernel["alone"]) / count
    figures = {"since_it_stopped_mb": grown, "of_the_kernel_mb": buffers}
    result.add(Row("a stopped viewer: memory, MB", figures, whole, GOALS["mb_each"]))
    with cameras(read=True) as (pipeline, url):
        read = [run(pipeline, url, "crowd")]
    goals: dict[str, float | None] = {"cameras": GOALS["decoded"], "cameras with a reader": None}
    for (name, goal), mine in zip(goals.items(), (runs["crowd"], read), strict=True):
        figures = {key: median(series(mine, key)) for key in ("cameras_percent", "server_percent")}
        decoded = median(series(mine, "decoded_per_s"))
        result.add(Row(f"200 viewers of {name}: pictures decoded per s of one", figures, decoded, goal))
    result.keep(options.out)


if __name__ == "__main__":
    main()
