"""What a neural detector costs from a frame to its boxes, beside ONNX Runtime alone and the usual Python.

The network has YOLOv8n's form, inputs, outputs and arithmetic, with random weights: no weights are
downloaded. `bare` is ONNX Runtime alone on a tensor that is ready. `detector` is the node of freshframe: a
lone node that is given a frame in I420, as a decoder makes it. `python` is the usual program by hand: cv2
scales, NumPy makes the tensor, ONNX Runtime runs, NumPy and cv2 decode. `cv2.dnn` is OpenCV's own runtime
with the same steps. `ultralytics` and `supervision` run in processes of the environment that
`./dev test --models` makes; without it they are left out.

What the detector needs more than `bare` is the median of the rounds' differences. The A/A spread is half the
width of the interval of the sign test (95 %) for those between the two `bare`.

`stop` is how long `Pipeline.stop()` takes while the network computes.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _measure import RESULTS, ROOT, Result, Row, median, quantile

import freshframe as ff
from freshframe import _native

sys.path.insert(0, str(ROOT / "tests" / "python"))
from rigs.onnx_files import OnnxFile, node, tensor

WIDTH, HEIGHT = 1280, 720
HERE = Path(__file__).parent
PEERS = ROOT / "build" / "models" / "venv" / "bin" / "python"
EXTRA_MS = 1.2  # goal: so much more than ONNX Runtime alone
STOP_MS = 5.0  # goal, where no operator takes longer
PARTS = ("640-1", "640-2", "320-1", "320-2", "stop")  # side of the input and threads


def network(path: Path, side: int) -> Path:
    """A network of YOLOv8n's size with random weights: 3 to 256 channels, heads at strides 8, 16 and 32."""
    rng = np.random.default_rng(1)
    places = sum((side // stride) ** 2 for stride in (8, 16, 32))
    file = OnnxFile(
        inputs={"images": ((1, 3, side, side), "float32")},
        outputs={"output0": ((1, 84, places), "float32")},
        metadata={
            "names": str({i: f"class {i}" for i in range(80)}),
            "task": "detect",
            "stride": "32",
            "batch": "1",
            "imgsz": f"[{side}, {side}]",
        },
    )
    made = 0

    def conv(given: str, channels: tuple[int, int], size: int = 3, stride: int = 1) -> str:
        nonlocal made
        made += 1
        many, few = channels
        weights = rng.normal(0, (2 / (few * size * size)) ** 0.5, (many, few, size, size)).astype(np.float32)
        file.tensors.append(tensor(f"w{made}", weights))
        pads = [size // 2] * 4
        file.nodes.append(
            node("Conv", [given, f"w{made}"], [f"c{made}"], pads=pads, strides=[stride, stride])
        )
        file.nodes.append(node("Sigmoid", [f"c{made}"], [f"s{made}"]))
        file.nodes.append(node("Mul", [f"c{made}", f"s{made}"], [f"a{made}"]))
        return f"a{made}"

    at, channels, heads = "images", 3, []
    for level, wide in enumerate((16, 32, 64, 128, 256), 1):
        at = conv(at, (wide, channels), stride=2)
        channels = wide
        for _ in range(0 if level == 1 else 2):
            at = conv(conv(at, (wide, wide)), (wide, wide), size=1)
        if level >= 3:
            heads.append(conv(conv(at, (64, wide)), (84, 64), size=1))
    rows = []
    for number, head in enumerate(heads):
        count = (side // (8, 16, 32)[number]) ** 2
        file.tensors.append(tensor(f"form{number}", np.array([1, 84, count], np.int64)))
        file.nodes.append(node("Reshape", [head, f"form{number}"], [f"rows{number}"]))
        rows.append(f"rows{number}")
    file.nodes.append(node("Concat", rows, ["all"], axis=2))
    scale = np.array([side] * 2 + [side / 4] * 2 + [1] * 80, np.float32).reshape(1, 84, 1)
    file.tensors.append(tensor("scale", scale))
    file.nodes.append(node("Sigmoid", ["all"], ["shares"]))
    file.nodes.append(node("Mul", ["shares", "scale"], ["output0"]))
    return file.save(path)


def letterboxed(bgr: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.float32]:
    """The input's tensor, as programs in Python make it."""
    import cv2  # noqa: PLC0415

    height, width = bgr.shape[:2]
    scale = min(side / width, side / height)
    small = cv2.resize(bgr, (round(width * scale), round(height * scale)))
    top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    full = cv2.copyMakeBorder(
        small,
        top,
        side - small.shape[0] - top,
        left,
        side - small.shape[1] - left,
        cv2.BORDER_CONSTANT,
        value=(114, 114, 114),
    )
    return np.ascontiguousarray(full[..., ::-1].transpose(2, 0, 1)[None], np.float32) / np.float32(255)


def decoded(output: npt.NDArray[Any], confidence: float) -> Any:
    """The boxes of YOLOv8's output, as programs in Python decode them."""
    import cv2  # noqa: PLC0415

    rows = output[0].T
    scores = rows[:, 4:]
    classes = scores.argmax(1)
    best = scores[np.arange(len(rows)), classes]
    kept = best > confidence
    boxes, best, classes = rows[kept, :4], best[kept], classes[kept]
    corners = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]], 1)
    chosen = cv2.dnn.NMSBoxesBatched(corners.tolist(), best.tolist(), classes.tolist(), confidence, 0.45)
    return corners[chosen]


class Peer:
    """A program of another environment that computes a picture when it is asked to."""

    def __init__(self, kind: str, model: Path, planes: Path, confidence: float, threads: int) -> None:
        """Starts it."""
        command = [PEERS, HERE / "_detect_peers.py", kind, model, planes, repr(confidence), str(threads)]
        self._process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.ready = self._answer() == "ready"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def __call__(self) -> float:
        """Milliseconds of a picture."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """Ends it."""
        self._process.communicate()


def peers_of(model: Path, planes: npt.NDArray[Any], confidence: float, threads: int) -> dict[str, Peer]:
    """Those that can be run here."""
    if not PEERS.exists():
        print(f"no ultralytics and supervision: {PEERS} is made by ./dev test --models", file=sys.stderr)
        return {}
    frame = model.with_suffix(".npy")
    np.save(frame, planes)
    started = {}
    for kind in ("ultralytics", "supervision"):
        peer = Peer(kind, model, frame, confidence, threads)
        if peer.ready:
            started[kind] = peer
        else:
            print(f"{kind} did not start", file=sys.stderr)
    return started


def kinds_of(model: Path, side: int, threads: int, frame: ff.Frame) -> dict[str, Callable[[], object]]:
    """What is compared: each computes one picture."""
    import cv2  # noqa: PLC0415
    import onnxruntime  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    planes = np.array(frame.array)  # of I420

    def picture() -> npt.NDArray[np.uint8]:
        return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420), np.uint8)

    ready = letterboxed(picture(), side)
    output = session.run(None, {"images": ready})[0]
    confidence = float(np.sort(output[0, 4:].max(0))[-200])  # about 200 boxes are left before suppression
    detector = ff.OnnxDetector(model, min_confidence=min(confidence, 1.0), threads=threads)
    lone = _native.LoneNode(detector._handle)
    lone.open()
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.testing.MockCamera(frame, fps=30)))
    with pipeline:
        sample = reader.get(timeout=10)
    network_cv2 = cv2.dnn.readNetFromONNX(str(model))
    cv2.setNumThreads(threads)

    def by_cv2() -> object:
        network_cv2.setInput(letterboxed(picture(), side))
        return decoded(network_cv2.forward(), confidence)

    kinds: dict[str, Callable[[], object]] = {
        "bare": lambda: session.run(None, {"images": ready}),
        "bare again": lambda: session.run(None, {"images": ready}),
        "detector": lambda: lone.process(sample),
        "python": lambda: decoded(session.run(None, {"images": letterboxed(picture(), side)})[0], confidence),
        "cv2.dnn": by_cv2,
    }
    return kinds | peers_of(model, planes, confidence, threads)


def measured(kinds: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds by kind. Each round has an order of its own: each kind leaves its data in the caches."""
    times: dict[str, list[float]] = {name: [] for name in kinds}
    draw = random.Random(3)
    for number in range(rounds + 2):
        for name, compute in draw.sample(list(kinds.items()), len(kinds)):
            begin = time.perf_counter()
            told = compute()
            spent = told if isinstance(told, float) else (time.perf_counter() - begin) * 1e3
            if number >= 2:
                times[name].append(spent)
    for compute in kinds.values():
        if isinstance(compute, Peer):
            compute.close()
    return times


def half_width(differences: list[float]) -> float:
    """Of the interval that holds the median of such differences with 95 %: that of the sign test."""
    ordered, count = sorted(differences), len(differences)
    rank = max(0, int((count - 1.96 * count**0.5) / 2))
    return (ordered[count - 1 - rank] - ordered[rank]) / 2


def latency(part: str, folder: Path, rounds: int) -> Row:
    """One network and number of threads."""
    side, threads = map(int, part.split("-"))
    rng = np.random.default_rng(2)
    noise = rng.integers(0, 256, (HEIGHT // 8 * 3 // 2, WIDTH // 8), np.uint8)
    frame = ff.Frame.from_array(np.kron(noise, np.ones((8, 8), np.uint8)), format="i420")
    model = network(folder / f"network{side}.onnx", side)
    times = measured(kinds_of(model, side, threads, frame), rounds)
    p50 = {name: median(values) for name, values in times.items()}
    bare = median(times["bare"] + times["bare again"])
    rounds_bare = [(a + b) / 2 for a, b in zip(times["bare"], times["bare again"], strict=True)]
    more = [detector - alone for detector, alone in zip(times["detector"], rounds_bare, strict=True)]
    apart = [a - b for a, b in zip(times["bare"], times["bare again"], strict=True)]
    figures = {f"{name.replace('.', '_').replace(' ', '_')}_p50_ms": value for name, value in p50.items()}
    figures["detector_p99_ms"] = quantile(times["detector"], 0.99)
    return Row(
        f"{side}, {threads} thread{'' if threads == 1 else 's'}: detector more than bare, ms",
        figures,
        median(more),
        EXTRA_MS,
        spread=half_width(apart) / bare,
        scale=bare,
    )


def stopped(model: Path, rounds: int) -> list[float]:
    """Milliseconds of each stop()."""
    rng = np.random.default_rng(2)
    frame = ff.Frame.from_array(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    times = []
    for number in range(rounds):
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.testing.MockCamera(frame, fps=200))
        pipeline.add(ff.OnnxDetector(model, threads=1), camera, name="detector")
        pipeline.start()
        while pipeline.stats().nodes["detector"].processed < 3:
            time.sleep(0.005)
        time.sleep(0.001 * (number % 10))  # anywhere in a run
        begin = time.perf_counter()
        pipeline.stop()
        times.append((time.perf_counter() - begin) * 1e3)
    return times


def stops(folder: Path, rounds: int) -> Row:
    """Of both networks; the goal is the small one's, whose operators are short."""
    figures: dict[str, float] = {}
    for side in (640, 320):
        times = stopped(network(folder / f"network{side}.onnx", side), rounds)
        figures |= {f"{side}_p50_ms": median(times), f"{side}_p99_ms": quantile(times, 0.99)}
    return Row("stop() while the network computes, 320, p99, ms", figures, figures["320_p99_ms"], STOP_MS)


def main() -> None:
    """Command line."""
    import onnxruntime  # noqa: PLC0415

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all")
    parser.add_argument("--rounds", type=int, default=30, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="default: %(default)s")
    parser.add_argument("--built-from", default="", help="the commit of the package, where it is another one")
    parser.add_argument("--dry", action="store_true", help="write no result")
    options = parser.parse_args()
    for part in options.part or PARTS:
        settings = {"rounds": options.rounds}
        if options.built_from:
            settings["built_from"] = options.built_from
        name = f"detect_{part.replace('-', '_')}"
        outcome = Result(
            name,
            f"a detector from frame to boxes, 1280x720 in I420: {part}",
            settings,
            {"onnxruntime": onnxruntime.__version__},
        )
        with tempfile.TemporaryDirectory() as folder:
            if part == "stop":
                outcome.add(stops(Path(folder), options.rounds))
            else:
                outcome.add(latency(part, Path(folder), options.rounds))
        outcome.keep(None if options.dry else options.folder / f"{name}.json")


if __name__ == "__main__":
    main()
