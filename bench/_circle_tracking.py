"""Tracking: its cost beside searching every frame, how well identities last beside other trackers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from functools import partial
from typing import Any

import numpy as np
from _circle_peers import track
from _circle_scores import Found, score_detection, score_tracking
from _circle_set import KINDS, MAX_CIRCLES, RADIUS, STRIDE, CircleSet, kept, run
from _measure import Result, Row, median, spread, take_turns

import freshframe as ff

KEPT = (1.0, 0.5, 0.2)  # shares of the frames
SEED = 1
WHOLE = "CircleTracker, whole frames"  # on the very circles that the peers get
PEERS = ("ByteTrack", "norfair")
PEER_SCORE = 0.3  # what CircleTracker takes from the detector, too
FPS = 30.0
CHEAPER_GOAL = 3.0  # times, by mean
LOSS_GOAL = 0.02  # of F1@0.8
IDF1_GOAL = 0.80


def detector(min_score: float = 0.5) -> ff.CircleDetector:
    """Searches every frame."""
    return ff.CircleDetector(radius=RADIUS, max_circles=MAX_CIRCLES, min_confidence=min_score)


def tracker(full_every: float = 1.0) -> ff.CircleTracker:
    """On its defaults but for the set's sizes; 0: every frame is searched as a whole."""
    return ff.CircleTracker(radius=RADIUS, max_circles=MAX_CIRCLES, full_every=full_every)


def add_cost(result: Result, circles: CircleSet, rounds: int) -> None:
    """Rows of what a tracked frame costs, and what tracking loses of what searching every frame finds."""
    for prefix in ("vga", "hd"):
        group = KINDS[prefix]
        clips = [s for s in circles.clips if s.kind == prefix]
        if not clips:
            continue
        kinds: dict[str, Any] = {
            "CircleDetector": lambda s: run(s, detector())[1],
            "CircleTracker": lambda s: run(s, tracker())[1],
            "again": lambda s: run(s, detector())[1],
        }
        times: dict[str, list[float]] = {name: [] for name in kinds}
        for clip in clips:
            turns = take_turns({name: partial(of, clip) for name, of in kinds.items()}, rounds)
            for name, of_rounds in turns.items():
                times[name].append(median(of_rounds))
        restless = spread(times["CircleDetector"], times["again"])
        means = {f"{name}_ms": float(np.mean(times[name])) for name in ("CircleDetector", "CircleTracker")}
        ratio = means["CircleDetector_ms"] / means["CircleTracker_ms"]
        goal = CHEAPER_GOAL if prefix == "vga" else None
        result.add(
            Row(f"times as cheap as searching every frame, {group}", means, ratio, goal, True, restless)
        )
        scores = {
            name: score_detection(
                circles.truth, [f for s in clips for f in run(s, make())[0][::STRIDE]], (0.5, 0.8, 0.9)
            )
            for name, make in (("CircleDetector", detector), ("CircleTracker", tracker))
        }
        figures = {f"{name} F1@0.8": round(score.f1(0.8), 4) for name, score in scores.items()}
        figures |= {f"{name} R": round(score.recall(0.8), 4) for name, score in scores.items()}
        loss = scores["CircleDetector"].f1(0.8) - scores["CircleTracker"].f1(0.8)
        goal = LOSS_GOAL if prefix == "vga" else None
        result.add(Row(f"F1@0.8 lost by tracking, {group}", figures, loss, goal))


def add_identities(result: Result, circles: CircleSet) -> dict[str, str]:
    """Rows of how well identities last, pooled over the clips; returns the peers' versions."""
    found = {s.name: run(s, detector(PEER_SCORE))[0] for s in circles.clips}
    versions = {}
    for share in KEPT:
        scores = {}
        wanted = {s.name: kept(s, share, SEED) for s in circles.clips}
        for name, full_every in (("CircleTracker", 1.0), (WHOLE, 0.0)):
            ours = [f for s in circles.clips for f in run(s, tracker(full_every), wanted[s.name])[0]]
            scores[name] = score_tracking(circles.truth, ours)
        detections: list[Found] = [
            f for name, of_clip in found.items() for f in of_clip if wanted[name][f.frame]
        ]
        for peer in PEERS:
            tracked, version = track(peer, FPS, detections)
            package, number = version.split()
            versions[package] = number
            scores[peer] = score_tracking(circles.truth, tracked)
        for name, figures in scores.items():
            result.add(Row(f"{share:.0%} of the frames: {name}", figures))
        own, byte = scores["CircleTracker"], scores["ByteTrack"]
        result.add(Row(f"IDF1, {share:.0%} of the frames", {}, own["IDF1"], IDF1_GOAL, at_least=True))
        if share == 1:
            switches = {"ByteTrack": byte["IDSW"]}
            result.add(Row("id switches, no more than ByteTrack's", switches, own["IDSW"], byte["IDSW"]))
        more = own["HOTA"] - byte["HOTA"]
        result.add(Row(f"HOTA above ByteTrack's, {share:.0%} of the frames", {}, more, 0.0, at_least=True))
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return versions
