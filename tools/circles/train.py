"""Learns the validation of circle candidates and writes src/vision/rim/model.inc.

Draws scenes (scenes.py), lets circles_bench print every refined candidate with its features, labels each by
its overlap with the truth and fits a glance at the edges, a weighted sum that passes over most others, and a
network of two hidden layers. Everything follows from the seed, so the
same seed, photos and sources give the same model.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import photos
import scenes

Floats = npt.NDArray[np.floating[Any]]

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "src" / "vision" / "rim" / "model.inc"
TRAIN_SEED, VALID_SEED, LOOKALIKE_SEED = 1, 2, 3
# Overlap with the truth from which a candidate begins to count as a hit, and from which it does fully.
NO_HIT, FULL_HIT = 0.65, 0.85
IGNORED = 0.3  # overlap with a circle that is not counted; such candidates teach nothing
DETECTOR = ("min_radius=5", "max_radius=230")
MISSED_AT_A_GLANCE = 0.004  # share of the circles that the glance at their edges may lose
HEAD = 5  # of each row that circles_bench writes: picture, x, y, r, score
FEATURES, EDGE_FEATURES = (
    int(n) for n in re.findall(r"eatures = (\d+);", (ROOT / "src/vision/rim/features.hpp").read_text())
)
SCENES, UNITS, EPOCHS = 5200, (64, 24), 24
DECAY = 2e-5  # of the weights, towards zero
CHUNK = 400  # scenes that are drawn by one process from one seed
LOOKALIKE_CHUNKS = (0, 1, 2, 10, 11, 12)  # their seeds; of what is mistaken for circles


@dataclass
class Examples:
    """Features and targets of candidates, one row each."""

    features: Floats
    targets: Floats


def overlaps(a: Floats, b: Floats) -> Floats:
    """Intersection over union of discs (n, 3) and (m, 3) as (n, m)."""
    a, b = a[:, None], b[None]
    d = np.hypot(a[..., 0] - b[..., 0], a[..., 1] - b[..., 1])
    r, s = a[..., 2] + 0 * d, b[..., 2] + 0 * d
    safe = np.maximum(d, 1e-9)
    x = np.clip((d * d + r * r - s * s) / (2 * safe * r), -1, 1)
    y = np.clip((d * d + s * s - r * r) / (2 * safe * s), -1, 1)
    kite = np.sqrt(np.maximum(0, (r + s - d) * (d + r - s) * (d - r + s) * (d + r + s)))
    lens = r * r * np.arccos(x) + s * s * np.arccos(y) - kite / 2
    inner = np.where(d <= np.abs(r - s), np.pi * np.minimum(r, s) ** 2, lens)
    shared = np.where(d >= r + s, 0, inner)
    return np.asarray(shared / (np.pi * (r * r + s * s) - shared))


def label(candidates: Floats, truth: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Target of each candidate, and whether it is worth learning from."""
    counted, ignored = truth[truth[:, 3] == 0, :3], truth[truth[:, 3] != 0, :3]
    best = overlaps(counted, candidates).max(0) if len(counted) else np.zeros(len(candidates))
    target = np.clip((best - NO_HIT) / (FULL_HIT - NO_HIT), 0, 1)
    useful = np.ones(len(candidates), bool)
    if len(ignored):
        useful = (overlaps(ignored, candidates).max(0) < IGNORED) | (target > 0)
    return target, useful


def collect(bench: Path, folder: Path) -> Examples:
    """Runs the detector over a set of scenes."""
    truth = json.loads((folder / "truth.json").read_text())
    names = [line.split()[0] for line in (folder / "list.txt").read_text().splitlines()]
    dump = folder / "features.f32"
    command = [str(bench.resolve()), str(folder / "list.txt"), *DETECTOR, f"features={dump}"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    rows = np.fromfile(dump, np.float32).reshape(-1, HEAD + FEATURES)
    dump.unlink()
    ends = np.searchsorted(rows[:, 0], np.arange(1, len(names) + 1))  # ascending by picture
    features, targets = [], []
    for name, candidates in zip(names, np.split(rows[:, 1:], ends[:-1]), strict=True):
        if not len(candidates):
            continue
        target, useful = label(candidates[:, :3].astype(float), np.array(truth[name], float).reshape(-1, 4))
        features.append(candidates[useful, HEAD - 1 :])
        targets.append(target[useful])
    return Examples(np.vstack(features), np.concatenate(targets).astype(np.float32))


def joined(parts: list[Examples]) -> Examples:
    """All examples of several sets."""
    return Examples(np.vstack([p.features for p in parts]), np.concatenate([p.targets for p in parts]))


class Network:
    """Inputs, two layers of rectified units, one logistic output; trained with Adam."""

    def __init__(self, rng: np.random.Generator, inputs: int, first: int, second: int) -> None:
        """Draws the first weights (K. He et al., 2015)."""
        self.parameters: list[Floats] = [
            (rng.normal(size=(inputs, first)) * np.sqrt(2 / inputs)).astype(np.float32),
            np.zeros(first, np.float32),
            (rng.normal(size=(first, second)) * np.sqrt(2 / first)).astype(np.float32),
            np.zeros(second, np.float32),
            (rng.normal(size=second) * np.sqrt(1 / second)).astype(np.float32),
            np.zeros(1, np.float32),
        ]

    def layers(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Both hidden layers and the log odds of rows of standardised features."""
        w, b, w2, b2, v, c = self.parameters
        first = np.maximum(x @ w + b, 0)
        second = np.maximum(first @ w2 + b2, 0)
        return first, second, second @ v + c[0]

    def logits(self, x: Floats) -> Floats:
        """Log odds of rows of standardised features."""
        return np.asarray(self.layers(x)[2])

    def gradients(self, x: Floats, y: Floats, decay: float) -> list[Floats]:
        """Of the mean cross entropy plus weight decay."""
        w, _, w2, _, v, _ = self.parameters
        first, second, logits = self.layers(x)
        error = (sigmoid(logits) - y) / len(y)
        back2 = np.outer(error, v) * (second > 0)
        back = (back2 @ w2.T) * (first > 0)
        return [
            x.T @ back + decay * w,
            back.sum(0),
            first.T @ back2 + decay * w2,
            back2.sum(0),
            second.T @ error + decay * v,
            np.array([error.sum()]),
        ]


def sigmoid(x: Floats) -> Floats:
    """Logistic function."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -40, 40))))


def fit(rng: np.random.Generator, data: Examples, units: tuple[int, int], epochs: int) -> Network:
    """Adam (D. Kingma, J. Ba, 2015) with a rate that falls to zero along a cosine."""
    network = Network(rng, data.features.shape[1], *units)
    first = [np.zeros_like(p) for p in network.parameters]
    second = [np.zeros_like(p) for p in network.parameters]
    batch, rate = 512, 3e-3
    steps = epochs * (len(data.targets) // batch)
    order = rng.permutation(len(data.targets))
    for step in range(steps):
        at = (step * batch) % (len(order) - batch)
        if at < batch:
            order = rng.permutation(len(order))
        rows = order[at : at + batch]
        gradients = network.gradients(data.features[rows], data.targets[rows], DECAY)
        pace = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        for i, g in enumerate(gradients):
            first[i] += 0.1 * (g - first[i])
            second[i] += 0.001 * (g * g - second[i])
            spread = np.sqrt(second[i] / (1 - 0.999 ** (step + 1)))
            network.parameters[i] -= pace * first[i] / (1 - 0.9 ** (step + 1)) / (spread + 1e-8)
    return network


def cross_entropy(network: Network, data: Examples) -> float:
    """Mean over the examples, in nats."""
    p = sigmoid(network.logits(data.features)).clip(1e-7, 1 - 1e-7)
    return float(-(data.targets * np.log(p) + (1 - data.targets) * np.log(1 - p)).mean())


def average_precision(scores: Floats, hits: npt.NDArray[np.bool_]) -> float:
    """Area under precision over recall."""
    ranked = hits[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return float(precision[ranked].mean())


def fit_glance(data: Examples) -> tuple[Floats, float, npt.NDArray[np.bool_]]:
    """A weighted sum of the first features that all but MISSED_AT_A_GLANCE of the circles pass.

    Logistic regression by Newton's method. Returns weights and bias, and who passes.
    """
    x = np.column_stack([data.features[:, :EDGE_FEATURES], np.ones(len(data.targets))]).astype(float)
    weights = np.zeros(x.shape[1])
    for _ in range(12):
        p = sigmoid(x @ weights)
        curvature = (x * (p * (1 - p) + 1e-6)[:, None]).T @ x + 1e-3 * np.eye(len(weights))
        weights += np.linalg.solve(curvature, x.T @ (data.targets - p))
    scores = x @ weights
    bias = weights[-1] - float(np.quantile(scores[data.targets > 0.5], MISSED_AT_A_GLANCE))
    return weights[:-1], bias, scores - weights[-1] + bias > 0


def literal(value: float) -> str:
    """As a C++ float."""
    text = f"{value:.6g}"
    return text + ("F" if "." in text or "e" in text else ".0F")


def array(name: str, values: Floats) -> list[str]:
    """A constant of C++ with the shape of `values`."""
    sizes = "".join(f"[{n}]" for n in values.shape)
    if values.ndim == 1:
        return [f"inline constexpr float {name}{sizes} = {{{', '.join(literal(x) for x in values)}}};"]
    rows = [f"    {{{', '.join(literal(x) for x in row)}}}," for row in values]
    return [f"inline constexpr float {name}{sizes} = {{", *rows, "};"]


@dataclass
class Model:
    """All that the detector needs: the features are standardised, then come the glance and the network."""

    mean: Floats
    scale: Floats
    glance: Floats
    glance_bias: float
    network: Network


def write_model(path: Path, model: Model, origin: Sequence[str]) -> None:
    """Folds the standardisation into the first layers and writes C++."""
    mean, scale = model.mean, model.scale
    glance = model.glance / scale[:EDGE_FEATURES]
    glance_bias = model.glance_bias - float(mean[:EDGE_FEATURES] @ glance)
    w, b, w2, b2, v, c = model.network.parameters
    w = w / scale[:, None]
    b = b - mean @ w
    lines = [
        "// Weights of the circle validation network, written by tools/circles/train.py; do not edit.",
        "// SPDX-License-Identifier: Apache-2.0",
        "//",
        *(f"// {line}" for line in origin),
        "// clang-format off",
        *array("kGlanceWeights", glance),
        f"inline constexpr float kGlanceBias = {literal(glance_bias)};",
        *array("kWeights", w),
        *array("kBiases", b),
        *array("kSecondWeights", w2),
        *array("kSecondBiases", b2),
        *array("kOutputs", v),
        f"inline constexpr float kOutputBias = {literal(c[0])};",
        "// clang-format on",
        "",
    ]
    path.write_text("\n".join(lines))


def arguments(argv: list[str] | None) -> Any:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bench", type=Path, required=True, help="the built circles_bench")
    parser.add_argument(
        "--scenes", type=int, default=SCENES, help="half as many show lookalikes, a fifth validate"
    )
    parser.add_argument("--units", type=int, nargs=2, default=UNITS, help="of the two hidden layers")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--work", type=Path, help="keep the scenes here, and use those that are there")
    parser.add_argument("--out", type=Path, default=MODEL)
    return parser.parse_args(argv)


def draw(task: tuple[Path, str, int, int]) -> None:
    """Draws one chunk of scenes, unless it is there."""
    folder, purpose, seed, chunk = task
    mix = scenes.LOOKALIKES if seed == LOOKALIKE_SEED else scenes.PLAIN
    if (folder / "truth.json").exists():
        return
    cv2.setNumThreads(1)
    backdrops = photos.load_photos(photos.package_photos(purpose))
    scenes.write_set(folder, [seed, chunk], CHUNK, backdrops, mix)


def learn(train: Examples, valid: Examples, units: tuple[int, int], epochs: int) -> tuple[Model, float]:
    """Standardises both sets in place and learns from one; also says which share passed the glance."""
    mean, scale = train.features.mean(0, dtype=float), train.features.std(0, dtype=float) + 1e-6
    for data in (train, valid):
        data.features -= mean.astype(np.float32)
        data.features /= scale.astype(np.float32)
    glance, bias, passed = fit_glance(train)
    seen = Examples(train.features[passed], train.targets[passed])
    network = fit(np.random.default_rng(TRAIN_SEED), seen, units, epochs)
    return Model(mean, scale, glance, bias, network), float(passed.mean())


def main(argv: list[str] | None = None) -> None:
    """Draws, collects, fits, writes."""
    a = arguments(argv)
    count = max(1, a.scenes // CHUNK)
    lookalikes = LOOKALIKE_CHUNKS[: (count + 1) // 2]
    sets: tuple[tuple[str, int, Sequence[int]], ...] = (
        ("train", TRAIN_SEED, range(count)),
        ("train", LOOKALIKE_SEED, lookalikes),
        ("valid", VALID_SEED, range(max(1, count // 5))),
    )
    with tempfile.TemporaryDirectory() as scratch:
        work = a.work or Path(scratch)
        tasks = [
            (work / f"{purpose}_{seed}" / f"{chunk:02}", purpose, seed, chunk)
            for purpose, seed, chunks in sets
            for chunk in chunks
        ]
        with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
            pool.map(draw, tasks, chunksize=1)
        train, valid = (
            joined([collect(a.bench, folder) for folder, use, *_ in tasks if use == purpose])
            for purpose in ("train", "valid")
        )
    model, passed = learn(train, valid, tuple(a.units), a.epochs)
    hits = valid.targets > 0.5
    precision = average_precision(model.network.logits(valid.features), hits)
    losses = " ".join(f"{cross_entropy(model.network, data):.4f}" for data in (train, valid))
    origin = [
        f"{count * CHUNK} scenes, seed {TRAIN_SEED}, and {len(lookalikes) * CHUNK} with lookalikes, "
        f"seed {LOOKALIKE_SEED}; {len(train.targets)} candidates, {passed:.0%} of them after the glance, "
        f"{a.epochs} epochs",
        f"validated on seed {VALID_SEED}: average precision {precision:.4f}",
        f"cross entropy (train, valid): {losses}",
    ]
    write_model(a.out, model, origin)
    print("\n".join(origin))


if __name__ == "__main__":
    main()
