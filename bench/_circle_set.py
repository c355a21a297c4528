"""A set of clips and stills with the true circles of every frame, and how detectors and trackers run over it.

A folder with sequences.json ({name: {file, width, height, fps, frames, level}}) and truth.csv (seq, frame, t,
id, x, y, r, vis, blur, contrast, ignore: pixels, the centre of the top left pixel is 0, middle of the
exposure).
Names begin with vga, hd, still or real.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _circle_scores import Found, Key, Truth

import freshframe as ff

RADIUS = (5.0, 230.0)  # the sets hold radii from 6 to 200
MAX_CIRCLES = 64
STRIDE = 4  # frames between two that detection is scored on
KINDS = {"vga": "VGA video", "hd": "720p video", "still": "stills", "real": "real pictures"}
CLIPS = ("vga", "hd")

Gray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Sequence:
    """A clip, or a picture of one frame."""

    name: str
    path: Path
    frames: int
    level: str

    @property
    def kind(self) -> str:
        """A key of KINDS."""
        return self.name.split("_")[0]

    @property
    def is_clip(self) -> bool:
        """Whether anything can be tracked in it."""
        return self.kind in CLIPS

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups that it counts in."""
        return "all", KINDS[self.kind], f"{KINDS[self.kind]}, {self.level}"


@dataclass(frozen=True)
class CircleSet:
    """Sequences with their truth."""

    folder: Path
    sequences: dict[str, Sequence]
    truth: dict[Key, Truth]
    checksum: str  # of truth.csv

    @property
    def clips(self) -> list[Sequence]:
        """The sequences that move."""
        return [s for s in self.sequences.values() if s.is_clip]


def load(folder: Path) -> CircleSet:
    """Reads a set; exits with a sentence when the folder holds none."""
    if not (folder / "sequences.json").exists() or not (folder / "truth.csv").exists():
        raise SystemExit(
            f"a folder with sequences.json and truth.csv is wanted, {folder} has not both; "
            "without a folder the program makes a set of its own"
        )
    about = json.loads((folder / "sequences.json").read_text())
    sequences = {
        name: Sequence(name, folder / a["file"], a["frames"], a["level"]) for name, a in about.items()
    }
    text = (folder / "truth.csv").read_text()
    rows: defaultdict[Key, list[dict[str, str]]] = defaultdict(list)
    for row in csv.DictReader(text.splitlines()):
        rows[row["seq"], int(row["frame"])].append(row)
    truth = {key: _truth(of_frame) for key, of_frame in rows.items()}
    return CircleSet(folder, sequences, truth, hashlib.sha256(text.encode()).hexdigest())


def _truth(rows: list[dict[str, str]]) -> Truth:
    # The real pictures have no figures on how well a circle is seen.
    return Truth(
        xyr=np.array([[float(r["x"]), float(r["y"]), float(r["r"])] for r in rows]),
        ids=np.array([int(r["id"]) for r in rows]),
        ignored=np.array([r["ignore"] == "1" for r in rows]),
        ease=np.array([float(r["vis"] or 1) * float(r["contrast"] or 1) for r in rows]),
    )


class Kept(ff.Source[ff.Frame]):
    """A file of which only some frames are let through, with their own times."""

    live = False

    def __init__(self, path: Path, wanted: list[bool]) -> None:
        """``wanted[n]``: let frame n through."""
        self.path = path
        self.wanted = wanted
        self.frames = [n for n, keep in enumerate(wanted) if keep]

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        """Yields frames with their pts."""
        with ff.stream(ff.open(self.path)) as stream:
            for sample in stream:
                if sample.seq < len(self.wanted) and self.wanted[sample.seq]:
                    yield sample.value, sample.pts


def kept(sequence: Sequence, share: float, seed: int) -> list[bool]:
    """Which frames remain, by the rule of ``freshframe track --keep SHARE --seed SEED``."""
    return [share >= 1 or random.Random(f"{seed}:{n}").random() < share for n in range(sequence.frames)]


def run(sequence: Sequence, node: Any, wanted: list[bool] | None = None) -> tuple[list[Found], float]:
    """All frames of a sequence, or those wanted, through a detector or tracker; milliseconds per frame."""
    source: Any = ff.open(sequence.path) if wanted is None else Kept(sequence.path, wanted)
    frames = range(sequence.frames) if wanted is None else source.frames
    with ff.stream(source, node) as stream:
        found = [_found(sequence.name, frames[s.seq], s.value) for s in stream]
        stats = stream.pipeline.stats()
    own = stats.nodes[type(node).__name__]
    if len(found) != own.processed or len(found) != len(frames):
        raise SystemExit(f"{sequence.path}: {len(frames)} frames, {len(found)} results")
    return found, 1e3 * own.busy * stats.uptime / max(1, own.processed)


def _found(name: str, frame: int, circles: ff.Circles) -> Found:
    ids = () if circles.tracker_id is None else circles.tracker_id.tolist()
    return Found(name, frame, circles.xyr.astype(np.float64), circles.confidence.astype(np.float64), ids)


def pictures(sequence: Sequence, stride: int = STRIDE) -> Iterator[tuple[int, ff.Frame]]:
    """Every ``stride``-th frame with its number."""
    with ff.stream(ff.open(sequence.path)) as stream:
        for sample in stream:
            if sample.seq % stride == 0:
                yield sample.seq, sample.value
