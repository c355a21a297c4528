"""Learns the validation of circle candidates and writes src/vision/circle_model.inc.

Draws scenes (scenes.py), lets circles_bench print every refined candidate with its features, labels each by
its overlap with the truth and fits a network of one hidden layer. Everything follows from the seed, so the
same seed, photos and sources give the same model.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import photos
import scenes

Floats = npt.NDArray[np.floating[Any]]

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "src" / "vision" / "circle_model.inc"
TRAIN_SEED, VALID_SEED = 1, 2
# Overlap with the truth from which a candidate begins to count as a hit, and from which it does fully.
NO_HIT, FULL_HIT = 0.65, 0.85
DEAD = 1e-9
IGNORED = 0.3  # overlap with a circle that is not counted; such candidates teach nothing
DETECTOR = ("min_radius=5", "max_radius=230", "candidates=1")


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
    command = [str(bench.resolve()), str(folder / "list.txt"), *DETECTOR]
    features, targets = [], []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            record = json.loads(line)
            candidates = np.array(record["candidates"], float)
            if not len(candidates):
                continue
            target, useful = label(candidates[:, :3], np.array(truth[record["seq"]], float).reshape(-1, 4))
            features.append(candidates[useful, 4:])
            targets.append(target[useful])
    if process.returncode:
        raise SystemExit(f"{bench} failed with status {process.returncode}")
    return Examples(np.vstack(features), np.concatenate(targets))


class Network:
    """Inputs, one layer of rectified units, one logistic output; trained with Adam."""

    def __init__(self, rng: np.random.Generator, inputs: int, hidden: int) -> None:
        """Draws the first weights (K. He et al., 2015)."""
        self.parameters: list[Floats] = [
            (rng.normal(size=(inputs, hidden)) * np.sqrt(2 / inputs)).astype(np.float32),
            np.zeros(hidden, np.float32),
            (rng.normal(size=hidden) * np.sqrt(1 / hidden)).astype(np.float32),
            np.zeros(1, np.float32),
        ]

    def logits(self, x: Floats) -> Floats:
        """Log odds of rows of standardised features."""
        w, b, v, c = self.parameters
        return np.asarray(np.maximum(x @ w + b, 0) @ v + c[0])

    def gradients(self, x: Floats, y: Floats, decay: float) -> list[Floats]:
        """Of the mean cross entropy plus weight decay."""
        w, b, v, _ = self.parameters
        hidden = np.maximum(x @ w + b, 0)
        error = (sigmoid(self.logits(x)) - y) / len(y)
        back = np.outer(error, v) * (hidden > 0)
        return [x.T @ back + decay * w, back.sum(0), hidden.T @ error + decay * v, np.array([error.sum()])]


def sigmoid(x: Floats) -> Floats:
    """Logistic function."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -40, 40))))


def fit(rng: np.random.Generator, data: Examples, hidden: int, epochs: int) -> Network:
    """Adam (D. Kingma, J. Ba, 2015) with a rate that falls to zero along a cosine."""
    network = Network(rng, data.features.shape[1], hidden)
    first = [np.zeros_like(p) for p in network.parameters]
    second = [np.zeros_like(p) for p in network.parameters]
    batch, rate, decay = 512, 3e-3, 1e-5
    steps = epochs * (len(data.targets) // batch)
    order = rng.permutation(len(data.targets))
    for step in range(steps):
        at = (step * batch) % (len(order) - batch)
        if at < batch:
            order = rng.permutation(len(order))
        rows = order[at : at + batch]
        gradients = network.gradients(data.features[rows], data.targets[rows], decay)
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


def literal(value: float) -> str:
    """As a C++ float."""
    text = f"{value:.6g}"
    return text + ("F" if "." in text or "e" in text else ".0F")


def write_model(path: Path, network: Network, mean: Floats, scale: Floats, origin: Sequence[str]) -> None:
    """Folds the standardisation into the first layer and writes C++."""
    w, b, v, c = network.parameters
    w = w / scale[:, None]
    b = b - mean @ w
    lines = ["// Weights of the circle validation network, written by tools/circles/train.py; do not edit."]
    lines += [
        "// SPDX-License-Identifier: Apache-2.0",
        "//",
        *(f"// {line}" for line in origin),
        "// clang-format off",
    ]
    alive = np.abs(v) * np.abs(w).max(0) > DEAD  # a rectified unit that is never on decays to nothing
    w, b, v = w[:, alive], b[alive], v[alive]
    lines.append(f"inline constexpr int kUnits = {len(v)};")
    lines.append("inline constexpr float kWeights[kFeatures][kUnits] = {")
    lines += [f"    {{{', '.join(literal(x) for x in row)}}}," for row in w]
    lines.append("};")
    for name, values in (("kBiases", b), ("kOutputs", v)):
        lines.append(f"inline constexpr float {name}[kUnits] = {{{', '.join(literal(x) for x in values)}}};")
    lines += [f"inline constexpr float kOutputBias = {literal(c[0])};", "// clang-format on", ""]
    path.write_text("\n".join(lines))


def arguments(argv: list[str] | None) -> Any:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bench", type=Path, required=True, help="the built circles_bench")
    parser.add_argument("--scenes", type=int, default=3000, help="to train on; a fifth as many validate")
    parser.add_argument(
        "--extra", type=Path, action="append", default=[], help="further set in the same format"
    )
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--work", type=Path, help="keep the scenes here, and use those that are there")
    parser.add_argument("--out", type=Path, default=MODEL)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Draws, collects, fits, writes."""
    a = arguments(argv)
    with tempfile.TemporaryDirectory() as scratch:
        work = a.work or Path(scratch)
        sets = []
        for name, seed, count in (
            ("train", TRAIN_SEED, a.scenes),
            ("valid", VALID_SEED, max(1, a.scenes // 5)),
        ):
            folder = work / f"{name}_{seed}_{count}"
            if not (folder / "truth.json").exists():
                scenes.write_set(folder, seed, count, photos.load_photos(photos.package_photos(name)))
            sets.append(collect(a.bench, folder))
    train, valid = sets
    for folder in a.extra:
        more = collect(a.bench, folder)
        train.features = np.vstack([train.features, more.features])
        train.targets = np.concatenate([train.targets, more.targets])
    mean, scale = train.features.mean(0), train.features.std(0) + 1e-6
    for data in sets:
        data.features = ((data.features - mean) / scale).astype(np.float32)
        data.targets = data.targets.astype(np.float32)
    network = fit(np.random.default_rng(TRAIN_SEED), train, a.hidden, a.epochs)
    hits = valid.targets > 0.5
    precision = average_precision(network.logits(valid.features), hits)
    losses = " ".join(f"{cross_entropy(network, data):.4f}" for data in sets)
    origin = [
        f"{a.scenes} scenes, seed {TRAIN_SEED}, {len(train.targets)} candidates, {a.epochs} epochs",
        f"validated on seed {VALID_SEED}: average precision {precision:.4f}",
        f"cross entropy (train, valid): {losses}",
    ]
    write_model(a.out, network, mean, scale, origin)
    print("\n".join(origin))


if __name__ == "__main__":
    main()
