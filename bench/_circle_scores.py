"""Scores circles and tracks against a truth: F1 by overlap, pixels off, MOTA, IDF1, HOTA.

Circles and truth are paired one to one by the overlap (intersection over union) of the discs, in each frame
for the greatest sum. Truth that can't be expected to be found (mostly hidden, without contrast, smeared
beyond its size) is marked; it neither counts as missed nor makes a circle wrong.

MOTA: K. Bernardin, R. Stiefelhagen, EURASIP Journal on Image and Video Processing 2008. IDF1: E. Ristani
et al., ECCV Workshops 2016. HOTA: J. Luiten et al., International Journal of Computer Vision 2021.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Floats = npt.NDArray[np.float64]
Key = tuple[str, int]  # sequence, frame

ON_IGNORED = 0.4  # overlap with a marked circle from which a found one is left out
ON_COUNTED = 0.5  # ... unless it overlaps a counted one as much
TRACKED = 0.5  # overlap of a track with its circle
HOTA_OVERLAPS = np.arange(0.05, 0.99, 0.05)


@dataclass(frozen=True, eq=False)
class Truth:
    """The true circles of one frame.

    Attributes:
        xyr: (n, 3) pixels.
        ids: (n,) which circle of the sequence.
        ignored: (n,) bool: not to be expected.
        ease: (n,) 0 to 1, how clearly it is seen; for the order of pictures only.
    """

    xyr: Floats
    ids: npt.NDArray[np.int64]
    ignored: npt.NDArray[np.bool_]
    ease: Floats

    @property
    def counted(self) -> npt.NDArray[np.intp]:
        """Rows that count."""
        return np.flatnonzero(~self.ignored)


NOTHING = Truth(np.zeros((0, 3)), np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0))


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in one frame: (n, 3) pixels, scores, and ids from a tracker."""

    sequence: str
    frame: int
    xyr: Floats
    score: Floats
    ids: Sequence[int] = ()

    @property
    def key(self) -> Key:
        """Of the frame."""
        return self.sequence, self.frame


def overlaps(a: Floats, b: Floats) -> Floats:
    """Intersection over union of discs (n, 3) and (m, 3) as (n, m)."""
    x, y = a[:, None], b[None]
    r, s = np.broadcast_arrays(x[..., 2], y[..., 2])
    d = np.hypot(x[..., 0] - y[..., 0], x[..., 1] - y[..., 1])
    safe = np.maximum(d, 1e-9)
    alpha = np.arccos(np.clip((d * d + r * r - s * s) / (2 * safe * r), -1, 1))
    beta = np.arccos(np.clip((d * d + s * s - r * r) / (2 * safe * s), -1, 1))
    kite = np.sqrt(np.maximum(0, (r + s - d) * (d + r - s) * (d - r + s) * (d + r + s)))
    lens = r * r * alpha + s * s * beta - kite / 2
    inside = np.pi * np.minimum(r, s) ** 2
    shared = np.where(d >= r + s, 0, np.where(d <= np.abs(r - s), inside, lens))
    return np.asarray(shared / (np.pi * (r * r + s * s) - shared))


def pairs(overlap: Floats, least: float, bonus: Floats | None = None) -> list[tuple[int, int]]:
    """One-to-one pairs of rows and columns that overlap by ``least``, the greatest sum (plus ``bonus``)."""
    if overlap.size == 0:
        return []
    worth = np.where(overlap >= least, overlap + (0 if bonus is None else bonus), 0)
    rows, columns = linear_sum_assignment(-worth)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if overlap[i, j] >= least]


def judged(truth: Truth, found: Found) -> npt.NDArray[np.intp]:
    """The found circles that are right or wrong: all but those on marked truth alone."""
    ignored, counted = truth.xyr[truth.ignored], truth.xyr[~truth.ignored]
    if not len(ignored) or not len(found.xyr):
        return np.arange(len(found.xyr))
    on_ignored = overlaps(ignored, found.xyr).max(0) >= ON_IGNORED
    on_counted = overlaps(counted, found.xyr).max(0) >= ON_COUNTED if len(counted) else False
    return np.flatnonzero(~on_ignored | on_counted)


@dataclass
class Detection:
    """Right, wrong and missed by overlap, and how far right circles are off."""

    hits: Counter[float] = field(default_factory=Counter)
    wrong: Counter[float] = field(default_factory=Counter)
    missed: Counter[float] = field(default_factory=Counter)
    centre: list[float] = field(default_factory=list)
    radius: list[float] = field(default_factory=list)
    counted: int = 0

    def precision(self, overlap: float) -> float:
        """Share of the found circles that are right."""
        return self.hits[overlap] / max(1, self.hits[overlap] + self.wrong[overlap])

    def recall(self, overlap: float) -> float:
        """Share of the true circles that are found."""
        return self.hits[overlap] / max(1, self.hits[overlap] + self.missed[overlap])

    def f1(self, overlap: float) -> float:
        """Harmonic mean of both."""
        p, r = self.precision(overlap), self.recall(overlap)
        return 2 * p * r / max(1e-9, p + r)

    def figures(self, at: Sequence[float]) -> dict[str, float]:
        """F1 at each overlap, precision and recall at the middle one, median errors in pixels."""
        middle = at[len(at) // 2]
        out: dict[str, float] = {f"F1@{overlap}": round(self.f1(overlap), 4) for overlap in at}
        out |= {"P": round(self.precision(middle), 4), "R": round(self.recall(middle), 4)}
        if self.centre:
            out |= {
                "centre_px": round(float(np.median(self.centre)), 3),
                "radius_px": round(float(np.median(self.radius)), 3),
            }
        return out | {"circles": self.counted}


def score_detection(truth: Mapping[Key, Truth], records: Iterable[Found], at: Sequence[float]) -> Detection:
    """Over all frames that are in ``records``."""
    score = Detection()
    for found in records:
        wanted = truth.get(found.key, NOTHING)
        true, seen = wanted.xyr[wanted.counted], found.xyr[judged(wanted, found)]
        overlap = overlaps(true, seen)
        score.counted += len(true)
        for least in at:
            matched = pairs(overlap, least)
            score.hits[least] += len(matched)
            score.wrong[least] += len(seen) - len(matched)
            score.missed[least] += len(true) - len(matched)
            if least == min(at):
                for i, j in matched:
                    score.centre.append(float(np.hypot(*(true[i, :2] - seen[j, :2]))))
                    score.radius.append(float(abs(true[i, 2] - seen[j, 2])))
    return score


@dataclass(frozen=True, eq=False)
class _Frame:
    """One frame of a tracking score: which true circles and tracks are there, and how they overlap."""

    true: list[int]
    tracks: list[int]
    overlap: Floats


class _Numbers:
    """Gives identities of all sequences consecutive numbers and counts their frames."""

    def __init__(self) -> None:
        """Knows none."""
        self.of: dict[tuple[str, int], int] = {}
        self.frames: list[int] = []

    def __call__(self, sequence: str, identities: Iterable[int]) -> list[int]:
        """Numbers of one frame's identities."""
        numbers = [self.of.setdefault((sequence, int(i)), len(self.of)) for i in identities]
        self.frames += [0] * (len(self.of) - len(self.frames))
        for n in numbers:
            self.frames[n] += 1
        return numbers


def score_tracking(truth: Mapping[Key, Truth], records: Iterable[Found]) -> dict[str, Any]:
    """MOTA, IDF1, HOTA and their parts, pooled over all sequences in ``records``."""
    true_number, track_number = _Numbers(), _Numbers()
    frames = []
    for found in records:
        wanted = truth.get(found.key, NOTHING)
        kept, counted = judged(wanted, found), wanted.counted
        true = true_number(found.sequence, wanted.ids[counted])
        tracks = track_number(found.sequence, [found.ids[i] for i in kept])
        frames.append(_Frame(true, tracks, overlaps(wanted.xyr[counted], found.xyr[kept])))
    lengths = np.array(true_number.frames, float), np.array(track_number.frames, float)
    right, switches = _clear_mot(frames)
    true_total, track_total = int(lengths[0].sum()), int(lengths[1].sum())
    wrong, missed = track_total - right, true_total - right
    return {
        "IDF1": round(_idf1(frames, *lengths), 4),
        "HOTA": round(_hota(frames, *lengths), 4),
        "MOTA": round(1 - (wrong + missed + switches) / max(1, true_total), 4),
        "IDSW": switches,
        "FP": wrong,
        "FN": missed,
        "circles": true_total,
    }


def _clear_mot(frames: Sequence[_Frame]) -> tuple[int, int]:
    """Right pairs and identity switches; a pair of the last time is kept while it overlaps enough."""
    right = switches = 0
    last: dict[int, int] = {}
    for frame in frames:
        stays = np.array([[last.get(i) == j for j in frame.tracks] for i in frame.true], float)
        for i, j in pairs(frame.overlap, TRACKED, stays.reshape(frame.overlap.shape)):
            right += 1
            before = last.get(frame.true[i])
            switches += before is not None and before != frame.tracks[j]
            last[frame.true[i]] = frame.tracks[j]
    return right, switches


def _idf1(frames: Sequence[_Frame], true_lengths: Floats, track_lengths: Floats) -> float:
    """Share of frames under the best one-to-one choice of tracks for circles."""
    together = np.zeros((len(true_lengths), len(track_lengths)))
    for frame in frames:
        for i, j in zip(*np.nonzero(frame.overlap >= TRACKED), strict=True):
            together[frame.true[i], frame.tracks[j]] += 1
    chosen = linear_sum_assignment(-together) if together.size else ([], [])
    return float(2 * together[chosen].sum() / max(1.0, true_lengths.sum() + track_lengths.sum()))


def _hota(frames: Sequence[_Frame], true_lengths: Floats, track_lengths: Floats) -> float:
    """Mean over the overlaps of the geometric mean of detection and association."""
    shape = len(true_lengths), len(track_lengths)
    likely = np.zeros(shape)  # which circle and track belong together, before any decision
    for frame in frames:
        o = frame.overlap
        if o.size:
            rivals = o.sum(0)[None] + o.sum(1)[:, None] - o
            likely[np.ix_(frame.true, frame.tracks)] += np.where(
                rivals > 1e-9, o / np.maximum(rivals, 1e-9), 0
            )
    lengths = true_lengths[:, None] + track_lengths[None]
    likely /= np.maximum(1e-9, lengths - likely)
    by_overlap = []
    for least in HOTA_OVERLAPS - 1e-9:
        matched, right = np.zeros(shape), 0
        for frame in frames:
            if not frame.overlap.size:
                continue
            good = frame.overlap >= least
            worth = (1000 * likely[np.ix_(frame.true, frame.tracks)] + frame.overlap) * good
            for i, j in zip(*linear_sum_assignment(-worth), strict=True):
                if good[i, j]:
                    right += 1
                    matched[frame.true[i], frame.tracks[j]] += 1
        either = true_lengths.sum() + track_lengths.sum() - right
        association = (matched**2 / np.maximum(1, lengths - matched)).sum() / max(1, right)
        by_overlap.append(np.sqrt(right / max(1.0, either) * association))
    return float(np.mean(by_overlap))
