"""Counts and times in a zone beside supervision's examples, on the same boxes, with the truth.

python bench/beside_supervision.py            # needs supervision: the group `peers` of pyproject.toml

Boxes are those of the scene's truth with a noise of one pixel, 30 per second. Both get the same ones, of
which a share is dropped. supervision's way is that of its examples count_people_in_zone and time_in_zone
(FPSBasedTimer: it counts frames), 0.26.1. Its PolygonZone cuts boxes off at the zone's largest x and y
before it takes their anchors: a box that straddles the zone's right edge with its middle outside counts
as inside. The column "as if cut off" is the share of frames whose result of supervision is exactly that,
which accounts for all of its wrong counts. Speeds are not compared: the scene's things bounce, which
neither is made for.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from collections import defaultdict
from importlib.util import find_spec
from typing import Any

import numpy as np

import freshframe as ff

FPS, SECONDS = 30, 60
SCENE = f"demo:shapes?size=640x360&fps={FPS}&seed=4"
ZONE = [(0, 0), (320, 0), (320, 360), (0, 360)]


def boxes_of(share: float, seed: int = 0) -> list[tuple[int, ff.Detections, list[int]]]:
    """Number, boxes and the truth's ids of the frames that were not dropped."""
    chance = np.random.default_rng(seed)
    frames = []
    for seq in range(FPS * SECONDS):
        shapes = [shape for shape in ff.demo.demo_shapes(SCENE, seq) if shape.visible > 0.5]
        corners = np.array([[shape.x1, shape.y1, shape.x2, shape.y2] for shape in shapes]).reshape(-1, 4)
        noisy = corners + chance.normal(0, 1, corners.shape)
        if chance.random() >= share:
            found = ff.Detections(noisy, [0.9] * len(shapes), [0] * len(shapes))
            frames.append((seq, found, [shape.id for shape in shapes]))
    return frames


def foot(shape: Any) -> tuple[float, float]:
    """The middle of its lower edge."""
    return (shape.x1 + shape.x2) / 2, shape.y2


def true_counts(frames: list[Any]) -> list[int]:
    """How many are in the zone in each frame."""
    return [
        sum(shape.visible > 0.5 and foot(shape)[0] < ZONE[1][0] for shape in ff.demo.demo_shapes(SCENE, seq))
        for seq, _, _ in frames
    ]


def owner(found: ff.Detections, ids: list[int], box: Any) -> int:
    """The truth's id of a tracker's box, which is one of the given ones."""
    return ids[int(np.abs(found.xyxy - box).sum(axis=1).argmin())]


def ours(frames: list[Any]) -> dict[str, Any]:
    """Counts per frame, and seconds in the zone by object."""
    tracker = ff.BoxTracker()
    zones = ff.Zones({"zone": ZONE}, anchor="bottom")
    counts: list[int] = []
    seconds: dict[int, float] = defaultdict(float)
    latest: dict[int, float] = {}
    owners: dict[int, int] = {}
    for seq, found, ids in frames:
        tracks = tracker.update(found, time=seq / FPS, size=(640, 360))
        zone = zones.update(tracks, time=seq / FPS)["zone"]
        counts.append(int(ff.inside(found, ZONE, anchor="bottom").sum()))
        assert tracks.tracker_id is not None
        for tracker_id, box in zip(tracks.tracker_id.tolist(), tracks.xyxy, strict=True):
            owners[tracker_id] = owner(found, ids, box)
        for visit in zone.visits:
            seconds[owners[visit.tracker_id]] += visit.dwell
        latest = zone.dwell
    for tracker_id, dwell in latest.items():
        seconds[owners[tracker_id]] += dwell
    return {"counts": counts, "seconds": seconds}


def cut_off(found: ff.Detections, width: int, height: int) -> Any:
    """Which boxes have their anchor in the zone, if they end at that width and height."""
    x1, _, x2, y2 = found.xyxy.T
    middle = np.ceil((np.clip(x1, 0, width) + np.clip(x2, 0, width)) / 2)
    return (middle <= ZONE[1][0]) & (np.ceil(np.clip(y2, 0, height)) <= ZONE[2][1])


def theirs(frames: list[Any]) -> dict[str, Any]:
    """The same by the examples of supervision."""
    import supervision as sv  # noqa: PLC0415  (of the peers' environment)

    tracker = sv.ByteTrack(frame_rate=FPS)
    zone = sv.PolygonZone(np.array(ZONE), triggering_anchors=(sv.Position.BOTTOM_CENTER,))
    counts, alike = [], 0
    begun: dict[int, int] = {}
    lasted: dict[int, float] = {}
    owners: dict[int, int] = {}
    for number, (_, found, ids) in enumerate(frames):
        detections = found.to_supervision()
        inside = zone.trigger(detections)
        counts.append(int(inside.sum()))
        alike += bool((inside == cut_off(found, *zone.frame_resolution_wh)).all())
        tracks = tracker.update_with_detections(detections)
        for tracker_id, box in zip(tracks.tracker_id, tracks.xyxy, strict=True):
            owners[tracker_id] = owner(found, ids, box)
        for tracker_id in tracks[zone.trigger(tracks)].tracker_id:  # FPSBasedTimer
            begun.setdefault(tracker_id, number)
            lasted[tracker_id] = (number - begun[tracker_id]) / FPS
    seconds: dict[int, float] = defaultdict(float)
    for tracker_id, dwell in lasted.items():
        seconds[owners[tracker_id]] += dwell
    return {"counts": counts, "seconds": seconds, "as if cut off": alike / len(frames)}


def true_seconds() -> dict[int, float]:
    """Seconds in the zone by object, of all frames."""
    seconds: dict[int, float] = defaultdict(float)
    for seq in range(FPS * SECONDS):
        for shape in ff.demo.demo_shapes(SCENE, seq):
            seconds[shape.id] += (shape.visible > 0.5 and foot(shape)[0] < ZONE[1][0]) / FPS
    return seconds


def compared(found: dict[str, Any], frames: list[Any], truth: dict[int, float]) -> dict[str, float]:
    """The errors of one of the two."""
    right = np.array(found["counts"]) == np.array(true_counts(frames))
    result = {
        "frames with the right count, %": round(100 * float(np.mean(right)), 1),
        "seconds in the zone, of those of the truth": round(
            sum(found["seconds"].values()) / sum(truth.values()), 3
        ),
    }
    if "as if cut off" in found:
        result["frames as if cut off, %"] = round(100 * found["as if cut off"], 1)
    return result


def main() -> None:
    """Prints both for three shares of dropped frames."""
    if find_spec("supervision") is None:
        print("beside_supervision needs supervision, which is in the dependency group `peers`: left out")
        return
    truth = true_seconds()
    for share in (0.0, 0.5, 0.8):
        frames = boxes_of(share)
        for name, way in (("freshframe", ours), ("supervision", theirs)):
            found = way(frames)
            print(json.dumps({"dropped": share, "way": name, **compared(found, frames, truth)}), flush=True)


if __name__ == "__main__":
    main()
