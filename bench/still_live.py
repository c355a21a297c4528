"""Checks in real time that `frozen` reports the frozen images of live encoders, and no others.

A separate process (`_still_cameras.py`) paints five scenes of 640x360 pixels four times per second, and
encodes each with four encoders, with a keyframe every two seconds. For `--minutes`, all 20 cameras work, and
everything that `frozen` reports is false. Then each scene freezes in its own way: two show a still image, one
of them mostly masked; a lens is covered, and another one with high gain; one repeats its last 14 s. The
figures are the seconds until `frozen` reports the right kind, with `frozen_after=10`.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import subprocess
import sys
import time

from _measure import ROOT, Result, Row, arguments
from _still_cameras import CODINGS, SCENES

import freshframe as ff

STILL = 10.0  # seconds
PATIENCE = 120.0  # seconds; at a constant bit rate, a loop takes long to repeat exactly
Told = dict[str, dict[str, float]]  # stream -> kind -> seconds


def watch(
    pipeline: ff.Pipeline, names: list[str], seconds: float, until: dict[str, str] | None = None
) -> Told:
    """Returns what `frozen` reports for each source, until time is up or each reports its kind of `until`."""
    told: Told = {name: {} for name in names}
    began = time.monotonic()
    while (now := time.monotonic() - began) < seconds:
        for name, node in pipeline.stats().nodes.items():
            if name in told and node.source is not None and node.source.frozen:
                told[name].setdefault(node.source.frozen, now)
        if until is not None and all(until[name] in told[name] for name in names):
            break
        time.sleep(0.5)
    return told


def count_frames(pipeline: ff.Pipeline, names: list[str]) -> list[int]:
    """Returns the number of frames of each source; -1 if it has lost its connection."""
    nodes = pipeline.stats().nodes
    sources = [(nodes[name], nodes[name].source) for name in names]
    return [-1 if source is None or source.outages else node.processed for node, source in sources]


def main() -> None:
    """Watches 20 cameras while they work, and after they have frozen."""
    options = arguments(__doc__, "still_live", minutes=5)
    result = Result("still_live", "Frozen pictures behind live encoders", {"minutes": options.minutes})
    command = [sys.executable, str(ROOT / "bench" / "_still_cameras.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cameras:
        assert cameras.stdin is not None
        assert cameras.stdout is not None
        ports: dict[str, list[int]] = json.loads(cameras.stdout.readline())
        pipeline, kinds = ff.Pipeline(), dict[str, str]()
        for scene, row in ports.items():
            for coding, port in zip(CODINGS, row, strict=True):
                name = f"{scene}, {coding}"
                url = f"tcp://127.0.0.1:{port}"  # detecting a stream of 4 fps takes long
                camera = pipeline.add(
                    ff.open(url, frozen_after=STILL, open_timeout=60, read_timeout=60), name=name
                )
                pipeline.add(lambda frame: None, camera, name=f"{name}, read")
                kinds[name] = SCENES[scene].ends_as
        names = list(kinds)
        with pipeline:
            told = watch(pipeline, names, options.minutes * 60)
            seen = count_frames(pipeline, names)
            false = [f"{name}: {', '.join(found)}" for name, found in told.items() if found]
            figures = {"pictures_least": min(seen), "told": "; ".join(false)}
            unclear = "" if min(seen) > 0 else "a connection was lost, or gave no picture"
            first = Row(f"told of {len(names)} sound streams", figures, len(false), 0, unclear=unclear)
            result.add(first)
            cameras.stdin.write("\n")
            cameras.stdin.flush()
            told = watch(pipeline, names, PATIENCE, until=kinds)
        cameras.stdin.close()
        cameras.wait()
    for scene, kind in ((scene, SCENES[scene].ends_as) for scene in SCENES):
        after = {coding: told[f"{scene}, {coding}"].get(kind, float("nan")) for coding in CODINGS}
        others = {
            f"{coding}_too": ", ".join(sorted(set(told[f"{scene}, {coding}"]) - {kind})) for coding in CODINGS
        }
        result.add(
            Row(f"{scene}, told as {kind}", {f"{coding}_s": s for coding, s in after.items()} | others)
        )
    result.keep(options.out)


if __name__ == "__main__":
    main()
