"""One reading of freshness.py: a library in a process of its own, and how old its pictures were."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from _freshness_cases import BEFORE, BURST, CV2, PYAV, Case
from _measure import quantile
from rigs.live.truth.log import Sent, SentLog
from rigs.live.truth.process import TruthProcess

HERE = Path(__file__).resolve().parent
DEBIANS_PYTHON = "/usr/bin/python3"  # the one that has GStreamer's bindings
WARM_UP = 1.0  # seconds from a reader's first picture to the first that counts
PAUSE_AFTER = 8.0  # seconds from a reader's start
BACK = 4.0  # seconds from the end of a pause to the first picture that counts: two segments of HLS
PATIENCE = 30.0  # seconds after which a reader is killed
MS = 1e3
PEERS = {PYAV: ("av", "av"), CV2: ("cv2", "opencv-python-headless")}  # their modules and packages
OURS, AGAIN, GSTREAMER = "freshframe", "freshframe again", "GStreamer latency=0"


@dataclass
class Run:
    """What one reader had in one round, in milliseconds.

    Attributes:
        ages: From the sending of the first packet; of HLS from the camera.
        hidden: What `captured` leaves out of these ages; below 0: what it adds.
        torn: Pictures without a readable number.
        failed: Why there is nothing.
    """

    ages: list[float] = field(default_factory=list)
    hidden: list[float] = field(default_factory=list)
    torn: int = 0
    failed: str = ""


def quantiles(runs: list[Run], of: str, share: float) -> list[float]:
    """Of the ages or what is hidden, of each round that has any."""
    return [quantile(getattr(run, of), share) for run in runs if getattr(run, of)]


def read(reader: str, case: Case, server: TruthProcess, seconds: float, before: Path | None) -> Run:
    """Runs a reader. `before`: the package of another build of freshframe."""
    wanted = WARM_UP + seconds
    if case.pause:
        wanted += PAUSE_AFTER + case.pause + BACK
    own = [case.url(server), case.way, str(wanted)]
    if reader == GSTREAMER:
        command = [DEBIANS_PYTHON, str(HERE / "_freshness_gst.py"), case.shape.codec, *own]
    else:
        library = "freshframe" if reader == BEFORE else reader.removesuffix(" again")
        command = [sys.executable, str(HERE / "_freshness_reader.py"), library, *own]
    package = {"PYTHONPATH": str(before)} if reader == BEFORE else {}
    begin = 0.0
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=out, stderr=errors, env=os.environ | package)
        if case.pause:
            begin = _pause(server, case.pause) + BACK
        try:
            process.wait(PATIENCE + wanted)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        out.seek(0)
        errors.seek(0)
        lines, complaints = out.read().splitlines(), errors.read().strip().splitlines()
    if not lines:
        return Run(failed=complaints[-1] if complaints else f"no picture, status {process.returncode}")
    return judged(lines, server.sent(), begin)


def _pause(server: TruthProcess, seconds: float) -> float:
    """The server stands still; returns when it goes on, by CLOCK_MONOTONIC."""
    time.sleep(PAUSE_AFTER)
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    server.process.send_signal(signal.SIGCONT)
    return time.monotonic()


def judged(lines: list[str], log: SentLog, begin: float = 0.0) -> Run:
    """The ages of what was read after `begin`, and without the first WARM_UP seconds.

    Args:
        lines: When, the number in the picture or -1, `captured` or nothing.
        log: Of the server.
        begin: CLOCK_MONOTONIC.
    """
    run = Run()
    rows = [line.split(" ") for line in lines]
    begin = max(begin, float(rows[0][0]) + WARM_UP)
    for now, number, captured in ((float(a), int(b), c) for a, b, c in rows):
        if now < begin:
            continue
        sent = log.find(number, now)
        if sent is None:
            run.torn += 1
            continue
        run.ages.append(MS * (now - sent.first))
        if captured:
            run.hidden.append(MS * hidden(float(captured), sent))
    return run if run.ages else replace(run, failed="no whole picture")


def hidden(captured: float, sent: Sent) -> float:
    """Seconds by which `captured` is later than the first packet, or earlier than the camera.

    What lies between is true: a picture that is sent out of its order (B-frames) waited in the camera.
    """
    return captured - min(max(captured, sent.due), sent.first)


def readers(before: Path | None) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Those that are installed, freshframe twice; the peers' versions; why others are missing.

    `before`: the package of another build of freshframe.
    """
    found, versions, missing = [OURS, AGAIN, BURST], {}, {}
    if before is None:
        missing[BEFORE] = "--before names no build"
    else:
        found.append(BEFORE)
    told, why = _gstreamer()
    if why:
        missing[GSTREAMER] = why
    else:
        found.append(GSTREAMER)
        versions[GSTREAMER] = told
    for peer, (module, package) in PEERS.items():
        if importlib.util.find_spec(module) is None:
            missing[peer] = f"there is no module {module}"
        else:
            found.append(peer)
            versions[peer] = importlib.metadata.version(package)
    return found, versions, missing


def _gstreamer() -> tuple[str, str]:
    """Its version and its decoders, or why it cannot take part."""
    if not Path(DEBIANS_PYTHON).exists():
        return "", f"there is no {DEBIANS_PYTHON}"
    told = []
    for codec in ("h264", "h265"):
        command = [DEBIANS_PYTHON, str(HERE / "_freshness_gst.py"), codec, "", "", "0"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return "", (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        told.append(done.stdout.strip())
    return " and ".join(told), ""
