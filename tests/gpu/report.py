"""Decodes clips on a card and on the processor, and prints a line of JSON per step: report.py CLIPS [STEP...]

A detector reads one of them in both places, if ONNX Runtime has a CUDA provider. It imports freshframe, NumPy
and the standard library, so that it runs from a packed folder on a machine
without a network. It changes no setting of the card. The exit status is the number of failed steps.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

import freshframe as ff

SECONDS = float(os.environ.get("REPORT_SECONDS", "8"))  # of each measurement of a rate
CAMERAS = [int(word) for word in os.environ.get("REPORT_CAMERAS", "1 8 32").split()]
# The simulated card paints pictures of all codecs but H.264.
PAINTED = os.environ.get("REPORT_PAINTED", "")
# MPEG-2 does not prescribe the last bit of its transform.
MOST_DIFFERENCE = {"mpeg2": 2}
DAMAGES = 12  # bytes of a clip


@dataclass
class Pictures:
    """A pipeline gave these pictures of a clip."""

    pictures: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    pts: list[float] = field(default_factory=list)
    damaged: int = 0
    first: float = 0.0  # seconds from start() on
    decoder: str | None = None
    reason: str | None = None
    drops: dict[str, int] = field(default_factory=dict)


def decoded(path: Path, decoder: str, most: int | None = None) -> Pictures:
    """Returns all pictures of a clip, or the first ones."""
    found = Pictures()
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(path, decoder=decoder), name="film"))
    began = time.perf_counter()
    with pipeline:
        for sample in reader:
            found.first = found.first or time.perf_counter() - began
            found.pictures.append(sample.frame.rgb.copy())
            found.pts.append(sample.pts)
            found.damaged += sample.frame.damaged
            if most is not None and len(found.pts) == most:
                break
        node = pipeline.stats().nodes["film"]
    assert node.source is not None
    found.decoder, found.reason = node.source.decoder, node.source.decoder_reason
    found.drops = {cause: count for cause, count in node.drops.items() if count}
    return found


def difference(a: Pictures, b: Pictures) -> int:
    """Returns the largest difference of a pixel, or 255 if there are not the same pictures."""
    if a.pts != b.pts:
        return 255
    pairs = zip(a.pictures, b.pictures, strict=True)
    return max((int(np.abs(x.astype(np.int16) - y).max()) for x, y in pairs), default=0)


def same_pictures(path: Path) -> object:
    """The card gives the pictures of the processor, or "auto" says why it does not decode the clip."""
    wanted, got = decoded(path, "cpu"), decoded(path, "auto")
    most = difference(wanted, got)
    allowed = 255 if PAINTED and not path.stem.startswith("h264") else MOST_DIFFERENCE.get(path.stem, 0)
    if most > allowed or got.pts != wanted.pts:
        raise RuntimeError(f"{len(got.pts)} pictures of {len(wanted.pts)}, which differ by up to {most}")
    return {
        "pictures": len(got.pts),
        "decoder": got.decoder,
        "reason": got.reason,
        "most difference": None if PAINTED and most else most,
    }


def flipped(path: Path, folder: Path) -> Path:
    """Returns a copy of the clip with damaged bytes in its middle."""
    data = bytearray(path.read_bytes())
    numbers = random.Random(1)
    for _ in range(DAMAGES):
        data[numbers.randrange(len(data) // 4, len(data) * 3 // 4)] ^= 0x55
    damaged = folder / path.name
    damaged.write_bytes(data)
    return damaged


def damage(path: Path) -> object:
    """Counts the pictures of a damaged clip that each of them marks."""
    with tempfile.TemporaryDirectory() as folder:
        clip = flipped(path, Path(folder))
        found = {decoder: decoded(clip, decoder) for decoder in ("cpu", "auto")}
    return {
        each.decoder or decoder: {"pictures": len(each.pts), "damaged": each.damaged, "drops": each.drops}
        for decoder, each in found.items()
    }


def opening(path: Path) -> object:
    """Measures the milliseconds from start() to the first picture, of two pipelines each."""
    return {
        decoder: [round(1e3 * decoded(path, decoder, 1).first, 1) for _ in range(2)]
        for decoder in ("cpu", "auto")
    }


def rate(path: Path, decoder: str, cameras: int, **options: Any) -> dict[str, object]:
    """Runs sources beside each other, and counts pictures and the processor's time for each."""
    pipeline = ff.Pipeline()
    for _ in range(cameras):
        pipeline.add(ff.open(path, decoder=decoder, loop=True, **options))
    with pipeline:
        time.sleep(min(2.0, SECONDS))  # the opening
        before, began, spent = pictures_of(pipeline), time.perf_counter(), time.process_time()
        time.sleep(SECONDS)
        count = pictures_of(pipeline) - before
        seconds, processor = time.perf_counter() - began, time.process_time() - spent
        places = {str(node.source.decoder) for node in pipeline.stats().nodes.values() if node.source}
    return {
        "decoder": sorted(places),
        "pictures a second": round(count / seconds, 1),
        "processor ms a picture": round(1e3 * processor / max(count, 1), 2),
    }


def pictures_of(pipeline: ff.Pipeline) -> int:
    """Returns the number of pictures that its sources have decoded."""
    return sum(node.processed for node in pipeline.stats().nodes.values() if node.source)


def boxes_of(path: Path, decoder: str, provider: Literal["cpu", "cuda"]) -> tuple[list[ff.Detections], int]:
    """Returns the boxes of each picture of a clip, and the number of pictures that came to the host."""
    pipeline = ff.Pipeline()
    places: dict[str, Any] = {} if decoder == "cpu" else {"on_device": True}
    camera = pipeline.add(ff.open(path, decoder=decoder, **places), name="film")
    detector = ff.OnnxDetector(ff.demo.shapes_model(), provider=provider, min_confidence=0.02)
    reader = pipeline.reader(pipeline.add(detector, camera))
    with pipeline:
        found = [sample.value for sample in reader]
    source = pipeline.stats().nodes["film"].source
    return found, source.downloads if source else 0


def overlap(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Returns the intersection of two boxes as a share of their union."""
    sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    shared = float(sides.prod())
    return shared / max(float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()) - shared, 1e-9)


def detector(path: Path) -> object:
    """The model finds the same boxes in pictures that stay on the card and in the host's memory."""
    try:
        wanted, _ = boxes_of(path, "cpu", "cpu")
        got, copies = boxes_of(path, "cuda", "cuda")
    except (ff.OptionError, ff.MissingPackageError) as error:
        return {"left out": str(error)}
    pairs = [(a, b) for a, b in zip(wanted, got, strict=True) if len(a) == len(b)]
    shares = [overlap(x, y) for a, b in pairs for x, y in zip(a.xyxy, b.xyxy, strict=True)]
    found = {
        "pictures": len(got),
        "of equally many boxes": len(pairs),
        "boxes": len(shares),
        "with an overlap of 0.99": sum(share >= 0.99 for share in shares),
        "copies to the host": copies,
    }
    if (
        not shares
        or copies
        or len(pairs) < 0.99 * len(got)
        or found["with an overlap of 0.99"] < 0.99 * len(shares)
    ):
        raise RuntimeError(json.dumps(found))
    return found


def doctor() -> object:
    """Returns its lines on cards."""
    program = [sys.executable, "-m", "freshframe", "doctor", "--json"]
    lines = subprocess.run(program, capture_output=True, text=True, check=False).stdout.splitlines()
    checks = [json.loads(line) for line in lines if line.startswith("{")]
    return [each for each in checks if "card" in json.dumps(each).lower()]


def machine() -> object:
    """Returns the versions."""
    return {
        "freshframe": ff.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
    }


def steps(clips: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yields each step with its name."""
    films = sorted(path for path in clips.iterdir() if path.stem != "full")
    yield "machine", machine
    yield "doctor", doctor
    for path in films:
        yield f"same pictures {path.stem}", partial(same_pictures, path)
    for path in films:
        if path.stem in ("h264", "hevc"):
            yield f"damage {path.stem}", partial(damage, path)
    yield "detector", partial(detector, clips / "h264.mp4")
    full = clips / "full.mp4"
    yield "opening", partial(opening, full)
    for cameras in CAMERAS:
        for decoder in ("cpu", "auto"):
            at = f"{cameras} {decoder}"
            yield f"paced {at}", partial(rate, full, decoder, cameras, realtime=True)
            yield f"all out {at}", partial(rate, full, decoder, cameras)


def main() -> int:
    """Runs every step, or the named ones."""
    failed = 0
    for name, step in steps(Path(sys.argv[1])):
        if len(sys.argv) > 2 and name not in sys.argv[2:]:
            continue
        try:
            print(json.dumps({"step": name, "found": step()}), flush=True)
        except Exception as error:
            failed += 1
            print(json.dumps({"step": name, "failed": f"{type(error).__name__}: {error}"}), flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
