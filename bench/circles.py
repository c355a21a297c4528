"""Runs the circle set through the detector and the tracker, scores both and writes a table and JSON.

The set brings its own scorer, evaluate.py. Detection is scored on every fourth frame;
tracking on all frames, and on random shares of them. Times are those of the node's own thread per frame.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from _measure import ROOT, provenance
from rich.console import Console
from rich.table import Table

import freshframe as ff

RADIUS = (5.0, 230.0)
MAX_CIRCLES = 64
STRIDE = 4
IOUS = (0.5, 0.8, 0.9)
GROUPS = {"vga": "VGA video", "hd": "720p video", "still": "stills", "real": "real pictures", "": "all"}
CLIPS = ("vga", "hd")
KEPT = (1.0, 0.5, 0.2)

Record = dict[str, Any]
Luma = npt.NDArray[np.uint8]


def load_scorer(folder: Path) -> ModuleType:
    """The set's own evaluate.py as a module."""
    spec = importlib.util.spec_from_file_location("evaluate", folder / "evaluate.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"no evaluate.py in {folder}: give the folder of the circle set")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record(name: str, sample: ff.Sample[ff.Circles]) -> Record:
    """One line of the scorer's format."""
    value = sample.value
    rows = np.column_stack([value.xyr, value.score]).round(3).tolist()
    ids = [] if value.tracker_id is None else value.tracker_id.tolist()
    return {"seq": name, "frame": sample.seq, "pts": sample.pts, "circles": rows, "ids": ids}


def run_node(
    name: str, path: Path, node: ff.CircleDetector | ff.CircleTracker
) -> tuple[list[Record], float, float]:
    """Every frame of a file through a node: records, mean and median milliseconds per frame."""
    with ff.stream(ff.open(path), node) as stream:
        records = [record(name, sample) for sample in stream]
        stats = stream.pipeline.stats()
    own = stats.nodes[type(node).__name__]
    if len(records) != own.processed:
        raise SystemExit(f"{path}: {own.processed} frames went in, {len(records)} came out")
    return records, 1e3 * own.busy * stats.uptime / max(1, own.processed), 1e3 * own.p50


def detect(folder: Path, sequences: dict[str, Record]) -> list[Record]:
    """Detector records at STRIDE; "ms" is the clip's mean, "ms_p50" its median."""
    out = []
    for name, about in sequences.items():
        node = ff.CircleDetector(radius=RADIUS, max_circles=MAX_CIRCLES)
        records, mean, median = run_node(name, folder / about["file"], node)
        out += [{**r, "ms": mean, "ms_p50": median} for r in records[::STRIDE]]
    return out


def track(folder: Path, sequences: dict[str, Record], share: float, seed: int) -> list[Record]:
    """Tracker records of the clips; with share < 1, of frames kept at random before the detector."""
    chance = random.Random(seed)
    out: list[Record] = []
    for name, about in sequences.items():
        if not name.startswith(CLIPS):
            continue
        node = ff.CircleTracker(radius=RADIUS, max_circles=MAX_CIRCLES)
        kept = Kept(
            folder / about["file"], [share >= 1 or chance.random() < share for _ in range(about["frames"])]
        )
        with ff.stream(kept, node) as stream:
            out += [record(name, s) | {"frame": kept.frames[s.seq]} for s in stream]
    return out


class Kept(ff.Source[ff.Frame]):
    """A file of which only some frames are let through, with their own times."""

    live = False

    def __init__(self, path: Path, wanted: list[bool]) -> None:
        """``wanted[n]``: let frame n through."""
        self.path = path
        self.wanted = wanted
        self.frames = [n for n, keep in enumerate(wanted) if keep]

    def read(self, stop: ff.StopToken) -> Iterator[tuple[ff.Frame, float]]:
        """Yields frames with their pts."""
        with ff.stream(ff.open(self.path)) as stream:
            for sample in stream:
                if sample.seq < len(self.wanted) and self.wanted[sample.seq]:
                    yield sample.value, sample.pts


def hough_finders() -> dict[str, Callable[[Luma], npt.NDArray[np.float32]]]:
    """OpenCV's detectors with the settings that suit this set best; empty without OpenCV."""
    try:
        import cv2  # noqa: PLC0415  (only where asked for)
    except ImportError:
        return {}
    cv2.setNumThreads(1)

    def gradient(luma: Luma) -> npt.NDArray[np.float32]:
        blurred = cv2.GaussianBlur(luma, (0, 0), 1.5)
        found = cv2.HoughCircles(blurred, cv2.HOUGH_GRADIENT, 1, 20, None, 150, 45, 5, 230)
        return np.zeros((0, 3), np.float32) if found is None else np.asarray(found[0, :, :3], np.float32)

    def alternative(luma: Luma) -> npt.NDArray[np.float32]:
        blurred = cv2.GaussianBlur(luma, (0, 0), 1.6)
        found = cv2.HoughCircles(blurred, cv2.HOUGH_GRADIENT_ALT, 1.5, 10, None, 300, 0.92, 5, 230)
        return np.zeros((0, 3), np.float32) if found is None else np.asarray(found[0, :, :3], np.float32)

    return {"HoughCircles": gradient, "HoughCircles ALT": alternative}


def run_peers(folder: Path, sequences: dict[str, Record]) -> dict[str, list[Record]]:
    """Each peer on the luma of the same frames."""
    finders = hough_finders()
    out: dict[str, list[Record]] = {peer: [] for peer in finders}
    for name, about in sequences.items():
        with ff.stream(ff.open(folder / about["file"])) as stream:
            for sample in stream:
                if sample.seq % STRIDE:
                    continue
                luma = np.ascontiguousarray(sample.value.luma)
                for peer, find in finders.items():
                    start = time.perf_counter()
                    circles = find(luma).tolist()
                    ms = 1e3 * (time.perf_counter() - start)
                    line = {
                        "seq": name,
                        "frame": sample.seq,
                        "ms": ms,
                        "ms_p50": ms,
                        "circles": circles,
                        "ids": [],
                    }
                    out[peer].append(line)
    return out


def score_detection(scorer: ModuleType, truth: Any, records: list[Record]) -> dict[str, Record]:
    """By group: the scorer's figures and the times."""
    out = {}
    for prefix, label in GROUPS.items():
        mine = [r for r in records if r["seq"].startswith(prefix)]
        if not mine:
            continue
        figures = scorer.detscore(truth, mine, list(IOUS))
        figures["ms_mean"] = round(float(np.mean([r["ms"] for r in mine])), 3)
        figures["ms_p50"] = round(float(np.median([r["ms_p50"] for r in mine])), 3)
        figures.pop("ms_p99", None)
        out[label] = figures
    return out


def print_detection(console: Console, name: str, figures: dict[str, Record]) -> None:
    """One table per detector."""
    table = Table(title=name, title_justify="left")
    columns = [
        "group",
        "frames",
        *(f"F1@{t}" for t in IOUS),
        "P@0.8",
        "R@0.8",
        "centre px",
        "radius px",
        "ms mean",
        "p50",
    ]
    for column in columns:
        table.add_column(column, justify="left" if column == "group" else "right")
    for group, f in figures.items():
        keys = [
            *(f"F1@{t}" for t in IOUS),
            "P@0.8",
            "R@0.8",
            "centre_px_med",
            "radius_px_med",
            "ms_mean",
            "ms_p50",
        ]
        table.add_row(group, str(f["frames"]), *(f"{f[k]:.3f}" if k in f else "-" for k in keys))
    console.print(table)


def print_tracking(console: Console, figures: dict[str, Record]) -> None:
    """One row per share of kept frames."""
    table = Table(title="CircleTracker, pooled over the clips, IoU 0.5", title_justify="left")
    columns = ["kept", "IDF1", "MOTA", "HOTA", "IDSW", "FP", "FN", "GT"]
    for column in columns:
        table.add_column(column, justify="right")
    for kept, f in figures.items():
        table.add_row(kept, *(str(f[c]) for c in columns[1:]))
    console.print(table)


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = ROOT.parent / "shared" / "circles"
    parser.add_argument(
        "set", type=Path, nargs="?", default=default, help="folder of the set (default: %(default)s)"
    )
    parser.add_argument(
        "--peers", action="store_true", help="OpenCV's detectors beside it, where cv2 is installed"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "circles.json")
    parser.add_argument("--dry", action="store_true", help="write no result")
    a = parser.parse_args(argv)
    if a.set == default and not default.exists():
        print(f"skipped: no circle set in {default}; give its folder")
        return
    if not (a.set / "sequences.json").exists():
        parser.error(f"no sequences.json in {a.set}: give the folder of the circle set")
    load_before = os.getloadavg()[0]
    scorer = load_scorer(a.set)
    truth, sequences = scorer.load(str(a.set))
    console = Console(width=120)  # of a terminal or a log

    detection = {"CircleDetector": score_detection(scorer, truth, detect(a.set, sequences))}
    if a.peers:
        for peer, records in run_peers(a.set, sequences).items():
            detection[peer] = score_detection(scorer, truth, records)
    for name, figures in detection.items():
        print_detection(console, name, figures)
    tracking = {
        f"{share:.0%}": scorer.trackscore(truth, track(a.set, sequences, share, seed=1)) for share in KEPT
    }
    print_tracking(console, tracking)

    if a.dry:
        return
    a.out.parent.mkdir(parents=True, exist_ok=True)
    about = {**provenance(load_before), "set": a.set.name, "version": ff.__version__}
    result = {**about, "detection": detection, "tracking": tracking}
    a.out.write_text(json.dumps(result, indent=1) + "\n")
    console.print(f"written to {a.out}")


if __name__ == "__main__":
    main()
