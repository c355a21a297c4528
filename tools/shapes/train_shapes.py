"""Trains the model of shapes on a CPU and writes it as ONNX: `python tools/shapes/train_shapes.py`.

Needs PyTorch and NumPy, in an environment of their own: README.md beside this file has the commands. The
file is written without PyTorch's exporter: convolutions with their normalisation folded in, and a head that
gives the layout of YOLOv8, [1, 4 + classes, places].
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import copy
import math
import multiprocessing
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from shape_scenes import NAMES, SIDE, Scene, scene
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "python"))
from rigs.onnx_files import OnnxFile, node, tensor

MODEL = Path(__file__).resolve().parents[2] / "python" / "freshframe" / "_shapes" / "shapes.onnx"
STRIDE = 8
PLACES = SIDE // STRIDE  # per axis
BATCH = 32
#        channels, stride, dilation
LAYERS = [(12, 2, 1), (24, 2, 1), (32, 1, 1), (48, 2, 1), (48, 1, 1), (64, 1, 1), (64, 1, 2), (64, 1, 3)]
RATE = 3e-3
AVERAGED = 0.998  # of the weights' running mean, which is written to the model file


def network() -> nn.Sequential:
    """Convolutions to a grid of centres, sizes and classes."""
    parts: list[nn.Module] = []
    channels = 3
    for wide, stride, dilation in LAYERS:
        parts += [
            nn.Conv2d(channels, wide, 3, stride, dilation, dilation, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(inplace=True),
        ]
        channels = wide
    head = nn.Conv2d(channels, 4 + len(NAMES), 1)
    nn.init.constant_(head.bias[4:], -4.0)  # hardly anything is a shape
    return nn.Sequential(*parts, head)


# ---- training data


def _scenes(given: tuple[int, int]) -> list[Scene]:
    seed, count = given
    rng = np.random.default_rng([1, seed])
    return [scene(rng) for _ in range(count)]


def pool(count: int) -> list[Scene]:
    """Scenes to draw batches from."""
    with multiprocessing.Pool(2) as workers:
        parts = workers.map(_scenes, [(seed, 100) for seed in range(count // 100)])
    return [one for part in parts for one in part]


def turned(one: Scene, rng: np.random.Generator) -> Scene:
    """The scene mirrored, turned, with its colours swapped or inverted: one of 96 ways."""
    picture, boxes = one.picture[..., rng.permutation(3)], one.boxes
    if rng.random() < 0.5:
        picture = 255 - picture
    if rng.random() < 0.5:
        picture, boxes = (
            picture[:, ::-1],
            np.stack([SIDE - boxes[:, 2], boxes[:, 1], SIDE - boxes[:, 0], boxes[:, 3]], 1),
        )
    if rng.random() < 0.5:
        picture, boxes = (
            picture[::-1],
            np.stack([boxes[:, 0], SIDE - boxes[:, 3], boxes[:, 2], SIDE - boxes[:, 1]], 1),
        )
    if rng.random() < 0.5:
        picture, boxes = picture.transpose(1, 0, 2), boxes[:, [1, 0, 3, 2]]
    return Scene(picture, boxes, one.classes)


def targets(scenes: list[Scene]) -> tuple[torch.Tensor, torch.Tensor]:
    """Per place: box and classes, and whether it is near the centre of a shape."""
    wanted = np.zeros((len(scenes), 4 + len(NAMES), PLACES, PLACES), np.float32)
    near = np.zeros((len(scenes), PLACES, PLACES), np.float32)
    for i, one in enumerate(scenes):
        # Small shapes last: where two want a place, the smaller gets it.
        sizes = (one.boxes[:, 2] - one.boxes[:, 0]) * (one.boxes[:, 3] - one.boxes[:, 1])
        for k in np.argsort(-sizes):
            x1, y1, x2, y2 = one.boxes[k] / STRIDE
            x, y = (x1 + x2) / 2, (y1 + y2) / 2
            for row in range(max(0, math.ceil(y - 1.5)), min(PLACES, math.floor(y + 0.5) + 1)):
                for column in range(max(0, math.ceil(x - 1.5)), min(PLACES, math.floor(x + 0.5) + 1)):
                    box = [x - column - 0.5, y - row - 0.5, math.log(x2 - x1), math.log(y2 - y1)]
                    wanted[i, :4, row, column] = box
                    wanted[i, 4:, row, column] = 0
                    wanted[i, 4 + one.classes[k], row, column] = 1
                    near[i, row, column] = 1
    return torch.from_numpy(wanted), torch.from_numpy(near)


def batch(scenes: list[Scene], rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pictures, targets, and where there is something."""
    chosen = [turned(scenes[i], rng) for i in rng.integers(len(scenes), size=BATCH)]
    pictures = np.stack([one.picture for one in chosen]).transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(pictures)).float() / 255, *targets(chosen)


def loss(found: torch.Tensor, wanted: torch.Tensor, near: torch.Tensor) -> torch.Tensor:
    """Focal for the classes; for boxes 1 - IoU and the differences themselves, where there is something."""
    count = near.sum().clamp(min=20)
    scores, truth = found[:, 4:], wanted[:, 4:]
    chance = scores.sigmoid()
    hit = chance * truth + (1 - chance) * (1 - truth)
    plain = nn.functional.binary_cross_entropy_with_logits(scores, truth, reduction="none")
    classes = (plain * (1 - hit) ** 2).sum() / count
    here = near.bool()[:, None].expand(-1, 4, -1, -1)
    a, b = (given[:, :4][here].reshape(-1) for given in (found, wanted))
    difference = nn.functional.smooth_l1_loss(a, b, beta=0.05, reduction="sum") / count
    return classes + 2 * difference + overlap_loss(found, wanted, near) / count


def overlap_loss(found: torch.Tensor, wanted: torch.Tensor, near: torch.Tensor) -> torch.Tensor:
    """The sum of 1 - IoU."""
    corners = []
    for given in (found, wanted):
        centre, half = given[:, :2], given[:, 2:4].clamp(max=4).exp() / 2
        corners.append((centre - half, centre + half))
    (low, high), (low2, high2) = corners
    shared = (torch.minimum(high, high2) - torch.maximum(low, low2)).clamp(min=0).prod(1)
    either = (high - low).prod(1) + (high2 - low2).prod(1) - shared
    return ((1 - shared / either) * near).sum()


def train(minutes: float, at_most: float) -> nn.Sequential:
    """The running mean of the weights after so many minutes of processor time, or of the clock at most."""
    begin = time.monotonic()
    scenes = pool(4000)
    print(f"{len(scenes)} scenes, {time.monotonic() - begin:.0f} s", flush=True)
    torch.manual_seed(1)
    rng = np.random.default_rng(2)
    torch.set_num_threads(1)  # several wait for each other longer than they compute
    net = network().to(memory_format=torch.channels_last)
    mean = copy.deepcopy(net)
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-3)
    step, begin, begin_cpu = 0, time.monotonic(), time.process_time()

    def progress() -> float:
        by_clock = (time.monotonic() - begin) / 60 / at_most
        return max(by_clock, (time.process_time() - begin_cpu) / 60 / minutes)

    while (spent := progress()) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * spent)) + 1e-5
        pictures, wanted, near = batch(scenes, rng)
        with torch.autocast("cpu", torch.bfloat16):
            found = net(pictures.contiguous(memory_format=torch.channels_last))
        missed = loss(found.float(), wanted, near)
        optimiser.zero_grad()
        missed.backward()
        optimiser.step()
        step += 1
        with torch.no_grad():
            kept = min(AVERAGED, step / (step + 10))
            for to, given in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
                to.copy_(to * kept + given * (1 - kept) if to.is_floating_point() else given)
        if step % 100 == 0:
            print(f"{step}: {spent:.0%}, loss {missed.item():.3f}", flush=True)
    print(f"{step} steps of {BATCH} pictures")
    return mean.eval()


# ---- the file


def write(net: nn.Sequential, path: Path) -> None:
    """As ONNX, with what OnnxDetector reads in the metadata."""
    places = PLACES * PLACES
    names = str(dict(enumerate(NAMES)))
    file = OnnxFile(
        inputs={"images": ((1, 3, SIDE, SIDE), "float32")},
        outputs={"output0": ((1, 4 + len(NAMES), places), "float32")},
        metadata={
            "names": names,
            "task": "detect",
            "stride": str(STRIDE),
            "imgsz": f"[{SIDE}, {SIDE}]",
            "description": "balls, squares and triangles; trained by tools/shapes of freshframe",
            "license": "Apache-2.0",
        },
    )

    def kept(name: str, array: Any) -> str:
        file.tensors.append(tensor(name, np.ascontiguousarray(array)))
        return name

    parts = list(net)
    at = "images"
    for i in range(len(LAYERS)):
        weight, bias = folded(parts[3 * i], parts[3 * i + 1])
        _, stride, dilation = LAYERS[i]
        given = [at, kept(f"weight{i}", weight), kept(f"bias{i}", bias)]
        file.nodes.append(
            node(
                "Conv",
                given,
                [f"conv{i}"],
                strides=[stride] * 2,
                dilations=[dilation] * 2,
                pads=[dilation] * 4,
            )
        )
        file.nodes.append(node("Relu", [f"conv{i}"], [f"relu{i}"]))
        at = f"relu{i}"
    head = parts[-1]
    given = [at, kept("head", head.weight.detach().numpy()), kept("head_bias", head.bias.detach().numpy())]
    file.nodes.append(node("Conv", given, ["grid"]))
    form = kept("form", np.array([1, 4 + len(NAMES), places], np.int64))
    file.nodes.append(node("Reshape", ["grid", form], ["rows"]))
    file.nodes.append(
        node("Split", ["rows", kept("parts", np.array([2, 2, len(NAMES)]))], ["xy", "wh", "raw"], axis=1)
    )
    y, x = np.mgrid[:PLACES, :PLACES].astype(np.float32) + np.float32(0.5)
    cells, stride_name = (
        np.stack([x.ravel(), y.ravel()])[None],
        kept("stride", np.array([STRIDE], np.float32)),
    )
    file.nodes.append(node("Add", ["xy", kept("cells", cells)], ["centre_cells"]))
    file.nodes.append(node("Mul", ["centre_cells", stride_name], ["centre"]))
    file.nodes.append(node("Exp", ["wh"], ["size_cells"]))
    file.nodes.append(node("Mul", ["size_cells", stride_name], ["size"]))
    file.nodes.append(node("Sigmoid", ["raw"], ["scores"]))
    file.nodes.append(node("Concat", ["centre", "size", "scores"], ["output0"], axis=1))
    file.save(path)


def folded(conv: Any, norm: Any) -> tuple[Any, Any]:
    """Weights and biases of a convolution that does what both do."""
    scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
    weight = conv.weight.detach() * scale[:, None, None, None]
    return weight.numpy(), (norm.bias - norm.running_mean * scale).detach().numpy()


def main() -> None:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=6.0, help="of processor time")
    options.add_argument("--at-most", type=float, default=60.0, metavar="MINUTES", help="of the clock")
    options.add_argument("--out", type=Path, default=MODEL)
    given = options.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    net = train(given.minutes, given.at_most)
    write(net, given.out)
    print(f"{given.out.name}: {given.out.stat().st_size / 1e3:.0f} KB; now: evaluate_shapes.py")


if __name__ == "__main__":
    main()
