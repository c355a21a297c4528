"""What freshframe's circles are compared with: OpenCV's detectors, EDCircles, trackers from PyPI.

The trackers need other versions of NumPy and rich than this project has, so they get an environment of their
own (the dependency group "peers") in build/bench-peers, and are run there by _circle_trackers.py.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from _circle_scores import Floats, Found
from _circle_set import RADIUS, Gray
from _measure import ROOT

ENVIRONMENT = ROOT / "build" / "bench-peers"
WORKER = Path(__file__).with_name("_circle_trackers.py")


@dataclass(frozen=True)
class Setting:
    """Of HoughCircles and the Gaussian blur before it."""

    blur: float
    dp: float
    distance: float
    param1: float
    param2: float


# One setting for all pictures, the best of a search over the public set.
GRADIENT = Setting(blur=1.5, dp=1.0, distance=20.0, param1=150.0, param2=45.0)
ALTERNATIVE = Setting(blur=1.6, dp=1.5, distance=10.0, param1=300.0, param2=0.92)

Finder = Callable[[Gray], npt.NDArray[np.float32]]


def _hough(method: int, s: Setting) -> Finder:
    low, high = (int(r) for r in RADIUS)

    def find(gray: Gray) -> npt.NDArray[np.float32]:
        blurred = cv2.GaussianBlur(gray, (0, 0), s.blur)
        found = cv2.HoughCircles(blurred, method, s.dp, s.distance, None, s.param1, s.param2, low, high)
        return np.zeros((0, 3), np.float32) if found is None else np.asarray(found[0, :, :3], np.float32)

    return find


def hough_finders() -> dict[str, Finder]:
    """OpenCV's two detectors, on one core."""
    cv2.setNumThreads(1)
    return {
        "HoughCircles": _hough(cv2.HOUGH_GRADIENT, GRADIENT),
        "HoughCircles ALT": _hough(cv2.HOUGH_GRADIENT_ALT, ALTERNATIVE),
    }


def gray_of(bgr: Gray) -> Gray:
    """What a user of OpenCV gives HoughCircles."""
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)


# EDCircles (C. Akinlar, C. Topal, Pattern Recognition 2013) is in no package of PyPI. These are figures of
# ED_Lib at commit 65dedf0, circles only, it has no settings; measured once on the public set and valid for it
# alone, which its truth's checksum tells.
PUBLIC_SET = "be00e16863f4bd6f"
EDCIRCLES = {
    "VGA video": {"F1@0.5": 0.677, "F1@0.8": 0.639, "F1@0.9": 0.579, "P": 0.658, "R": 0.622},
    "720p video": {"F1@0.5": 0.720, "F1@0.8": 0.682, "F1@0.9": 0.650, "P": 0.659, "R": 0.707},
    "stills": {"F1@0.5": 0.682, "F1@0.8": 0.648, "F1@0.9": 0.614, "P": 0.583, "R": 0.730},
    "all": {"F1@0.5": 0.691, "F1@0.8": 0.654, "F1@0.9": 0.607, "P": 0.645, "R": 0.664},
}
EDCIRCLES_PIXELS = {
    "VGA video": (0.304, 0.17),
    "720p video": (0.226, 0.17),
    "stills": (0.195, 0.12),
    "all": (0.252, 0.16),
}
# How many times faster than HoughCircles ALT of OpenCV 5.0 it was in one run on one core: by mean, by median.
EDCIRCLES_SPEED = {"VGA video": (17.5 / 6.0, 13.0 / 5.4), "720p video": (81.3 / 16.1, 31.4 / 14.6)}


def edcircles(group: str) -> dict[str, float]:
    """The quoted figures of a group; empty where there are none."""
    if group not in EDCIRCLES:
        return {}
    centre, radius = EDCIRCLES_PIXELS[group]
    return {**EDCIRCLES[group], "centre_px": centre, "radius_px": radius}


def environment() -> Path:
    """The trackers' Python; their environment is made when it isn't there or their versions changed."""
    python = ENVIRONMENT / "bin" / "python"
    stamp = ENVIRONMENT / "made-from"
    wanted = (ROOT / "pyproject.toml").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        print("making the environment of the other trackers", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", ENVIRONMENT], check=True)
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
        # Every package is pinned, theirs included: supervision would bring a second OpenCV.
        subprocess.run([*pip, "--group", f"{ROOT / 'pyproject.toml'}:peers"], check=True)
        stamp.write_text(wanted)
    return python


def track(tracker: str, fps: float, records: Iterable[Found]) -> tuple[list[Found], str]:
    """Lets another tracker follow detections, sequence by sequence; its results, and its version."""
    records = list(records)
    lines = [{"seq": r.sequence, "circles": np.column_stack([r.xyr, r.score]).tolist()} for r in records]
    answer = subprocess.run(
        [str(environment()), str(WORKER), tracker, str(fps)],
        input="\n".join(map(json.dumps, lines)),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise SystemExit(f"{tracker} failed: {answer.stderr.strip()[-2000:]}")
    version, *results = map(json.loads, answer.stdout.splitlines())
    out = []
    for record, result in zip(records, results, strict=True):
        rows: Floats = np.array(result["circles"], float).reshape(-1, 4)
        out.append(Found(record.sequence, record.frame, rows[:, :3], rows[:, 3], result["ids"]))
    return out, version
