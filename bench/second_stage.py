"""A detector and a classifier of its crops, beside the same chain by hand with cv2 and ONNX Runtime.

python bench/second_stage.py [--out FILE.json]

A video of 720p with 20 shapes that move, read by both from the same file. The detector is the one of
`demo:shapes`, the classifier a network with random weights on crops of 96x96 (some 40 million
multiplications), both on the CPU. By hand: cv2.VideoCapture, cv2.resize, onnxruntime, cv2.dnn.NMSBoxes, then
a crop of every box with cv2.resize, one run for all crops of a frame, softmax. freshframe: the nodes, with
when="each" (the same work), "growing" and "best" (each track a few times). Rounds alternate, "by hand" is
measured twice: A/A is the difference.

Then the rate and the age of a live detector's tracks at 30 pictures/s, without a second stage, with one of
some 200 ms per run (when="growing"), and without again. Each stage has one thread.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python"))
from rigs.onnx_files import OnnxFile, node, tensor

import freshframe as ff

FRAMES, ROUNDS, SIDE, KINDS = 120, 5, 96, 10
CONFIDENCE, IOU = 0.25, 0.45


def classifier(path: Path, *, more: int = 0) -> Path:
    """Four convolutions with stride 2, further ones behind the first of them, and a mean."""
    rng = np.random.default_rng(0)
    file = OnnxFile(
        inputs={"images": (("n", 3, SIDE, SIDE), "float32")}, outputs={"scores": (("n", KINDS), "float32")}
    )
    name, channels = "images", 3
    layers = [(32, 2), *[(32, 1)] * more, (64, 2), (96, 2), (128, 2)]  # channels and stride
    for step, (wider, stride) in enumerate(layers):
        weights = rng.normal(0, (2 / (9 * channels)) ** 0.5, (wider, channels, 3, 3)).astype(np.float32)
        file.tensors.append(tensor(f"w{step}", weights))
        file.nodes.append(
            node(
                "Conv",
                [name, f"w{step}"],
                [f"c{step}"],
                strides=[stride, stride],
                pads=[1, 1, 1, 1],
            )
        )
        file.nodes.append(node("Relu", [f"c{step}"], [f"r{step}"]))
        name, channels = f"r{step}", wider
    file.tensors.append(tensor("last", rng.normal(0, 1, (channels, KINDS)).astype(np.float32)))
    file.nodes.append(node("ReduceMean", [name], ["mean"], axes=[2, 3], keepdims=0))
    file.nodes.append(node("MatMul", ["mean", "last"], ["scores"]))
    return file.save(path)


def by_hand(video: Path, detector: str, kinds: Path, threads: int) -> tuple[float, int, int]:
    """Seconds, frames and looks."""
    import cv2  # noqa: PLC0415
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    first, second = (
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        for path in (detector, kinds)
    )
    given = first.get_inputs()[0]
    height, width = given.shape[2:]
    capture = cv2.VideoCapture(str(video))
    begun, frames, looks = time.perf_counter(), 0, 0
    while True:
        more, picture = capture.read()
        if not more:
            break
        frames += 1
        scale = min(width / picture.shape[1], height / picture.shape[0])
        size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
        left, top = (width - size[0]) // 2, (height - size[1]) // 2
        padded = np.full((height, width, 3), 114, np.uint8)
        padded[top : top + size[1], left : left + size[0]] = cv2.resize(picture, size)
        blob = np.ascontiguousarray(padded[..., ::-1].transpose(2, 0, 1)[None], np.float32) / 255
        rows = first.run(None, {given.name: blob})[0][0].T
        scores = rows[:, 4:].max(axis=1)
        rows, scores = rows[scores > CONFIDENCE], scores[scores > CONFIDENCE]
        corners = np.column_stack([rows[:, :2] - rows[:, 2:4] / 2, rows[:, 2:4]])
        kept = cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), CONFIDENCE, IOU)
        crops = []
        for x, y, wide, high in (corners[list(kept)] - [left, top, 0, 0]) / scale:
            x0, y0 = max(int(x), 0), max(int(y), 0)
            part = picture[y0 : int(np.ceil(y + high)), x0 : int(np.ceil(x + wide))]
            if part.size:
                crops.append(cv2.resize(part, (SIDE, SIDE)))
        if crops:
            batch = np.stack(crops)[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
            logits = second.run(None, {"images": batch})[0]
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            looks += len(crops)
    return time.perf_counter() - begun, frames, looks


def nodes(video: Path, detector: str, kinds: Path, threads: int, looks: Any) -> tuple[float, int, int]:
    """The same with freshframe's nodes; looks of tracks are counted by their pts."""
    pipeline = ff.Pipeline()
    source = pipeline.add(ff.open(str(video)))
    boxes = pipeline.add(
        ff.OnnxDetector(detector, min_confidence=CONFIDENCE, max_iou=IOU, threads=threads, provider="cpu"),
        source,
    )
    tracks = pipeline.add(ff.BoxTracker(), boxes)
    stage = ff.OnnxClassifier(kinds, when=looks, threads=threads, provider="cpu")
    reader = pipeline.reader(pipeline.add(stage, tracks))
    begun, frames, seen = time.perf_counter(), 0, 0
    views: set[tuple[int, float]] = set()
    with pipeline:
        for sample in reader:
            frames += 1
            found = sample.value
            if looks == "each":
                seen += len(found)
            else:
                times, ids = found.data["kind_pts"], found.tracker_id
                assert ids is not None
                views |= {(int(i), float(t)) for i, t in zip(ids, times, strict=True) if not np.isnan(t)}
    return time.perf_counter() - begun, frames, seen or len(views)


def live(detector: str, kinds: Path | None, seconds: float) -> dict[str, float]:
    """Results per second, quantiles of their ages, and the time of a run of the second stage."""
    pipeline = ff.Pipeline()
    source = pipeline.add(ff.open("demo:shapes?size=1280x720&shapes=20&fps=30&seed=2"))
    boxes = pipeline.add(ff.OnnxDetector(detector, threads=1, provider="cpu"), source)
    tracks = pipeline.add(ff.BoxTracker(), boxes)
    if kinds:
        stage = ff.OnnxClassifier(kinds, when="growing", threads=1, provider="cpu")
        pipeline.reader(pipeline.add(stage, tracks, name="second"))
    reader = pipeline.reader(tracks)
    ages = []
    with pipeline:
        begun = time.perf_counter()
        for sample in reader:
            ages.append(sample.age * 1e3)
            if (took := time.perf_counter() - begun) > seconds:
                break
        runs = pipeline.stats().nodes["second"].inference if kinds else None
    return {
        "per_second": len(ages) / took,
        "age_p50_ms": float(np.quantile(ages, 0.5)),
        "age_p99_ms": float(np.quantile(ages, 0.99)),
        "run_p50_ms": runs.p50 * 1e3 if runs else 0,
        "runs": runs.runs if runs else 0,
    }


def main() -> None:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path)
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--seconds", type=float, default=8.0, help="of each live run")
    arguments.add_argument("--more", type=int, default=900, help="convolutions of the slow second stage")
    given = arguments.parse_args()
    threads = min(len(os.sched_getaffinity(0)), 4)
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "shapes.mp4"
        pipeline = ff.Pipeline()
        source = ff.open(f"demo:shapes?size=1280x720&shapes=20&fps=30&frames={FRAMES}&pace=0&seed=2")
        pipeline.add(ff.VideoFile(str(video)), pipeline.add(source))
        pipeline.run()
        detector, kinds = str(ff.demo.shapes_model()), classifier(Path(folder) / "kinds.onnx")
        ways: dict[str, Any] = {"by hand": None, "by hand, again": None} | {
            looks: looks for looks in ("each", "growing", "best")
        }
        times: dict[str, list[tuple[float, int, int]]] = {name: [] for name in ways}
        for turn in range(given.rounds + 1):
            for name in list(ways)[:: 1 if turn % 2 else -1]:
                looks = ways[name]
                made = (
                    nodes(video, detector, kinds, threads, looks)
                    if looks
                    else by_hand(video, detector, kinds, threads)
                )
                if turn:  # the first one warms up
                    times[name].append(made)
        slow = classifier(Path(folder) / "slow.onnx", more=given.more)
        beside = {
            name: live(detector, file, given.seconds)
            for name, file in (("without", None), ("slow second stage", slow), ("without, again", None))
        }
    rates = {name: np.array([frames / took for took, frames, _ in made]) for name, made in times.items()}
    result = {
        name: {
            "frames_per_second": float(np.median(rates[name])),
            "ratio": float(np.median(rates[name] / rates["by hand"])),
            "frames": times[name][0][1],
            "looks": times[name][0][2],
        }
        for name in ways
    }
    for name, row in result.items():
        print(
            f"{name:15s} {row['frames_per_second']:7.1f} frames/s, {row['ratio']:.2f} x by hand, "
            f"{row['frames']} frames, {row['looks']} looks"
        )
    for name, each in beside.items():
        print(f"{name:18s} " + ", ".join(f"{key} {value:.1f}" for key, value in each.items()))
    if given.out:
        given.out.write_text(json.dumps({"file": result, "live": beside}, indent=2) + "\n")


if __name__ == "__main__":
    main()
