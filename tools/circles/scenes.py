"""Draws random scenes with circles of known place and size, to train and to test the circle detector.

Each scene is a short run of grey pictures: balls of several looks move over a photo or a procedural
background with clutter, occluders, uneven light, defocus, motion blur and noise. The last picture goes
through H.264, JPEG or nothing and is written as raw luma with its truth.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coded
import cv2
import numpy as np
import numpy.typing as npt
import photos
import textures

Image = npt.NDArray[np.float32]
Rng = np.random.Generator

SIZES = ((640, 480), (640, 480), (640, 480), (1280, 720))
FRAMES, FPS = coded.FRAMES, 30.0  # per scene
QUALITIES = (20, 25, 29, 33, 36)  # H.264 constant rate factors
LOOKS = (*["flat"] * 2, *["shaded"] * 2, *["glossy"] * 2, "striped", "patched", "grained", "concentric")
# Radius of a two-coloured ball's inner disc; it is a circle too, so finding it is neither right nor wrong.
INNER_DISC = 0.62
# Shares of boxes, words, lines, polygons, filled and drawn ellipses, bends, rounded squares.
CLUTTER = (0.16, 0.28, 0.16, 0.16, 0.08, 0.08, 0.08)
# The same for scenes full of what is mistaken for a circle: round spots on balls, letters, rounded squares.
LOOKALIKE_LOOKS = ("flat", "shaded", "glossy", "striped", "grained", *("patched",) * 4)
LOOKALIKE_CLUTTER = (0.08, 0.36, 0.08, 0.08, 0.10, 0.08, 0.08, 0.14)
# Shares of backgrounds: procedural textures, photos; the rest is smooth noise.
TEXTURED, PHOTOGRAPHED = 0.3, 0.4
RIM_SAMPLES = 120
MIN_VISIBLE = 0.5  # of the rim; less is not counted, neither as hit nor as miss
MIN_CONTRAST = 10.0  # grey levels across the rim, on half of it


@dataclass
class Ball:
    """One moving disc; grey levels, pixels, seconds."""

    x: float
    y: float
    r: float
    vx: float
    vy: float
    look: str
    grey: float
    second_grey: float
    turn: float
    light: float
    grain: Image

    def paint(self, dx: Image, dy: Image) -> tuple[Image, Image]:
        """Grey level and coverage at offsets from the centre, in pixels."""
        d = np.hypot(dx, dy)
        u = (np.cos(self.turn) * dx + np.sin(self.turn) * dy) / self.r
        v = (np.cos(self.turn) * dy - np.sin(self.turn) * dx) / self.r
        depth = np.sqrt(np.maximum(0, 1 - u * u - v * v))
        grey = np.full(dx.shape, self.grey, np.float32)
        cover = np.clip(self.r - d + 0.5, 0, 1)
        if self.look == "striped":
            grey[np.abs(u) < 0.3] = self.second_grey
        elif self.look == "patched":
            grey[np.sin(5 * u + 1) * np.sin(5 * v) + 0.3 * depth > 0.5] = self.second_grey
        elif self.look == "grained":
            index = ((np.stack([v, u]) + 1) * 31.5).clip(0, 63).astype(int)
            grey += 14 * self.grain[index[0], index[1]]
        elif self.look == "concentric":
            grey[d < INNER_DISC * self.r] = self.second_grey
        if self.look in ("shaded", "glossy", "striped", "patched"):
            towards = (np.cos(self.light) * dx + np.sin(self.light) * dy) / self.r
            grey *= np.clip(0.45 + 0.65 * (0.75 * depth + 0.66 * towards), 0.3, 1.2)
        if self.look == "glossy":
            across = (np.cos(self.light) * dy - np.sin(self.light) * dx) / self.r
            grey += 110 * np.exp(-((towards - 0.4) ** 2 + across**2) / 0.02)
        return grey.astype(np.float32), cover.astype(np.float32)


@dataclass(frozen=True)
class Mix:
    """What balls look like and what lies about."""

    looks: tuple[str, ...] = LOOKS
    clutter: tuple[float, ...] = CLUTTER


PLAIN, LOOKALIKES = Mix(), Mix(LOOKALIKE_LOOKS, LOOKALIKE_CLUTTER)


@dataclass
class Scene:
    """What is in one scene, and how it is seen."""

    background: Image
    balls: list[Ball]
    occluders: list[tuple[int, int, int, int, float]]
    light: Image
    exposure: float
    defocus: float
    noise: float
    truth: list[list[float]] = field(default_factory=list)


def noise_field(rng: Rng, width: int, height: int, scale: float) -> Image:
    """Smooth noise of unit deviation whose features are `scale` pixels wide."""
    small = rng.normal(size=(int(height / scale) + 3, int(width / scale) + 3)).astype(np.float32)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def background(rng: Rng, width: int, height: int, backdrops: list[Image]) -> Image:
    """A crop of a photo, a texture, or smooth noise."""
    kind = rng.random()
    if kind < TEXTURED:
        return textures.random_texture(rng, width, height)
    if backdrops and kind < TEXTURED + PHOTOGRAPHED:
        photo = backdrops[rng.integers(len(backdrops))]
        scale = max(width / photo.shape[1], height / photo.shape[0]) * rng.uniform(1, 1.8)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        photo = np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=how), np.float32)
        y = int(rng.integers(photo.shape[0] - height + 1))
        x = int(rng.integers(photo.shape[1] - width + 1))
        image = photo[y : y + height, x : x + width][:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
        return np.asarray((image - 128) * rng.uniform(0.6, 1.1) + 128 + rng.uniform(-20, 20), np.float32)
    image = np.full((height, width), rng.uniform(30, 220), np.float32)
    image += noise_field(rng, width, height, rng.uniform(40, 160)) * rng.uniform(3, 20)
    image += noise_field(rng, width, height, rng.uniform(2, 8)) * rng.uniform(0, 6)
    return image


def rounded_square(rng: Rng, x: int, y: int, size: float) -> npt.NDArray[np.int32]:
    """Outline of a superellipse, which is too square for a circle."""
    power, angle = rng.uniform(2.8, 6), rng.uniform(0, 2 * np.pi)
    turns = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    u, v = (np.sign(w) * np.abs(w) ** (2 / power) for w in (np.cos(turns), np.sin(turns)))
    v = v * rng.uniform(0.75, 1)
    outline = [u * np.cos(angle) - v * np.sin(angle), u * np.sin(angle) + v * np.cos(angle)]
    return np.asarray([x, y] + np.stack(outline, axis=1) * size / 2).round().astype(np.int32)


def clutter(rng: Rng, picture: Image, pieces: int, shares: tuple[float, ...] = CLUTTER) -> Image:
    """Draws things that are no circles: boxes, words, lines, polygons, ellipses, bends, rounded squares."""
    image = np.clip(picture, 0, 255).astype(np.uint8)
    height, width = image.shape
    for _ in range(pieces):
        grey = float(rng.uniform(10, 245))
        x, y = int(rng.integers(width)), int(rng.integers(height))
        size = float(rng.uniform(12, 0.3 * width))
        kind = rng.choice(len(shares), p=shares)
        if kind == 0:
            box = cv2.boxPoints(((x, y), (size, size * rng.uniform(0.2, 1)), float(rng.uniform(0, 180))))
            cv2.fillPoly(image, [box.astype(np.int32)], grey)
        elif kind == 1:
            word = "".join(chr(rng.integers(65, 123)) for _ in range(rng.integers(3, 12)))
            scale, thick = float(rng.uniform(0.5, 2.4)), int(rng.integers(1, 5))
            cv2.putText(
                image,
                word,
                (x, y),
                int(rng.integers(0, 8)),
                scale,
                grey,
                thick,
                int(rng.choice([cv2.LINE_8, cv2.LINE_AA])),
            )
        elif kind == 2:
            end = (int(rng.integers(width)), int(rng.integers(height)))
            cv2.line(image, (x, y), end, grey, int(rng.integers(1, 7)), cv2.LINE_AA)
        elif kind == 3:
            points = [x, y] + rng.normal(size=(int(rng.integers(3, 8)), 2)) * size * 0.4
            cv2.fillPoly(image, [cv2.convexHull(points.astype(np.int32))], grey)
        elif kind in (4, 5):  # clearly longer than wide
            axes = (int(size / 2), max(3, int(size / 2 * rng.uniform(0.25, 0.75))))
            thick = -1 if kind == 4 else int(rng.integers(1, 5))
            cv2.ellipse(image, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, grey, thick, cv2.LINE_AA)
        elif kind == 7:
            cv2.fillPoly(image, [rounded_square(rng, x, y, size / 2)], grey, cv2.LINE_AA)
        else:  # a bend: at most a third of a circle
            start = float(rng.uniform(0, 360))
            end_angle = start + float(rng.uniform(40, 120))
            cv2.ellipse(
                image, (x, y), (int(size / 3) + 4,) * 2, 0, start, end_angle, grey, int(rng.integers(1, 6))
            )
    return image.astype(np.float32)


def random_grey(rng: Rng) -> float:
    """Luma of a random colour, or any grey: colours differ less in luma than greys do."""
    if rng.random() < 0.6:
        return float(rng.uniform(5, 250, 3) @ (0.299, 0.587, 0.114))
    return float(rng.uniform(5, 250))


def random_ball(
    rng: Rng, width: int, height: int, speed: float, typical: float, looks: tuple[str, ...]
) -> Ball:
    """A ball anywhere in the picture, also cut by its border."""
    r = float(np.exp(rng.uniform(np.log(5.5), np.log(90 if rng.random() < 0.85 else 220))))
    angle, pace = rng.uniform(0, 2 * np.pi), speed * rng.uniform(0, 1)
    grey = random_grey(rng)
    while abs(grey - typical) < rng.uniform(5, 45):
        grey = random_grey(rng)
    grain = cv2.GaussianBlur(rng.normal(size=(64, 64)).astype(np.float32), (0, 0), 2.5)
    return Ball(
        x=float(rng.uniform(-0.2 * r, width + 0.2 * r)),
        y=float(rng.uniform(-0.2 * r, height + 0.2 * r)),
        r=r,
        vx=float(pace * np.cos(angle)),
        vy=float(pace * np.sin(angle)),
        look=str(rng.choice(looks)),
        grey=grey,
        second_grey=float(np.clip(grey + rng.choice([-1, 1]) * rng.uniform(25, 110), 0, 255)),
        turn=float(rng.uniform(0, 2 * np.pi)),
        light=float(rng.uniform(0, 2 * np.pi)),
        grain=np.asarray(grain / grain.std(), np.float32),
    )


def make_scene(rng: Rng, width: int, height: int, backdrops: list[Image], mix: Mix = PLAIN) -> Scene:
    """Draws everything about a scene from `rng`."""
    image = background(rng, width, height, backdrops)
    image = clutter(rng, image, int(rng.integers(0, 30)), mix.clutter)
    if rng.random() < 0.8:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.4)), np.float32)
    speed = rng.choice([0, 150, 300, 500, 700])
    balls: list[Ball] = []
    for _ in range(int(rng.integers(1, 15))):
        ball = random_ball(rng, width, height, speed, float(image.mean()), mix.looks)
        if all(np.hypot(ball.x - b.x, ball.y - b.y) > 0.5 * (ball.r + b.r) for b in balls):
            balls.append(ball)
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.9)
    light = 1 + slope * ((xx / width - 0.5) * np.cos(angle) + (yy / height - 0.5) * np.sin(angle))
    occluders = []
    for _ in range(int(rng.integers(0, 4))):
        w, h = rng.uniform(0.03, 0.13, 2) * width
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        occluders.append((int(x), int(y), int(x + w), int(y + h), float(rng.uniform(5, 250))))
    return Scene(
        background=image,
        balls=balls,
        occluders=occluders,
        light=light.astype(np.float32),
        exposure=float(rng.uniform(0.1, 0.8)) / FPS,
        defocus=float(rng.choice([0.4, 0.7, 0.7, 1.0, 1.5])),
        noise=float(rng.choice([0.5, 2, 4, 7, 9])),
    )


def draw_ball(image: Image, owner: npt.NDArray[np.int16], ball: Ball, number: int, streak: float) -> None:
    """Blends a ball in, smeared along its way; `streak` pixels; marks the pixels that it owns."""
    height, width = image.shape
    reach = ball.r + streak / 2 + 2
    x0, x1 = max(0, int(ball.x - reach)), min(width, int(ball.x + reach) + 2)
    y0, y1 = max(0, int(ball.y - reach)), min(height, int(ball.y + reach) + 2)
    if x1 <= x0 or y1 <= y0:
        return
    yy, xx = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    steps = 1 if streak < 0.5 else int(np.clip(np.ceil(streak), 3, 24))
    speed = float(np.hypot(ball.vx, ball.vy)) or 1.0
    colour = np.zeros(xx.shape, np.float32)
    cover = np.zeros(xx.shape, np.float32)
    for k in range(steps):
        along = ((k + 0.5) / steps - 0.5) * streak / speed
        grey, part = ball.paint(xx - ball.x - ball.vx * along, yy - ball.y - ball.vy * along)
        colour += grey * part / steps
        cover += part / steps
    region = image[y0:y1, x0:x1]
    region *= 1 - cover
    region += colour
    owner[y0:y1, x0:x1][np.hypot(xx - ball.x, yy - ball.y) <= ball.r] = number


def rim_truth(
    clean: Image, owner: npt.NDArray[np.int16], ball: Ball, number: int, streak: float
) -> list[list[float]]:
    """Rows [x, y, r, ignore] of a drawn ball; ignore: too little of its rim can be seen."""
    height, width = clean.shape
    angle = np.linspace(0, 2 * np.pi, RIM_SAMPLES, endpoint=False)

    def at(distance: float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        x = np.round(ball.x + distance * np.cos(angle)).astype(int)
        y = np.round(ball.y + distance * np.sin(angle)).astype(int)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        return x.clip(0, width - 1), y.clip(0, height - 1), inside

    x, y, inside = at(ball.r - 0.8)
    visible = inside & (owner[y, x] == number)
    outer, inner = at(ball.r + 2.5), at(ball.r - 2.5)
    contrast = np.abs(clean[outer[1], outer[0]] - clean[inner[1], inner[0]]) > MIN_CONTRAST
    seen = bool(visible.mean() >= MIN_VISIBLE and contrast[visible].mean() >= 0.5 and streak <= ball.r)
    rows = [[round(ball.x, 3), round(ball.y, 3), round(ball.r, 3), 0.0 if seen else 1.0]]
    if ball.look == "concentric":
        rows.append([*rows[0][:2], round(INNER_DISC * ball.r, 3), 1.0])
    return rows


def render(rng: Rng, scene: Scene) -> Iterator[npt.NDArray[np.uint8]]:
    """The pictures of a scene; leaves the truth of the last one in it."""
    height, width = scene.background.shape
    for frame in range(FRAMES):
        image = scene.background.copy()
        owner = np.zeros((height, width), np.int16)
        streaks = [float(np.hypot(b.vx, b.vy)) * scene.exposure for b in scene.balls]
        for number, (ball, streak) in enumerate(zip(scene.balls, streaks, strict=True), 1):
            draw_ball(image, owner, ball, number, streak)
        for x0, y0, x1, y1, grey in scene.occluders:
            image[y0:y1, x0:x1] = grey
            owner[y0:y1, x0:x1] = -1
        image *= scene.light
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), scene.defocus), np.float32)
        for number, (ball, streak) in enumerate(zip(scene.balls, streaks, strict=True), 1):
            if frame == FRAMES - 1 and (owner == number).any():
                scene.truth += rim_truth(image, owner, ball, number, streak)
        grain = rng.standard_normal(image.shape, np.float32) * scene.noise
        image += grain * np.sqrt(np.clip(image, 20, 255) / 128)
        yield np.clip(image, 0, 255).astype(np.uint8)
        for ball in scene.balls:
            ball.x += ball.vx / FPS
            ball.y += ball.vy / FPS


def write_set(
    out: Path, seed: int | list[int], scenes: int, backdrops: list[Image], mix: Mix = PLAIN
) -> None:
    """Writes list.txt and truth.json with raw pictures beside them, for circles_bench."""
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    truth: dict[str, list[list[float]]] = {}
    groups: dict[tuple[int, int, int], list[tuple[str, list[npt.NDArray[np.uint8]]]]] = {}
    ready: list[tuple[str, npt.NDArray[np.uint8]]] = []
    for number in range(scenes):
        width, height = SIZES[rng.integers(len(SIZES))]
        scene = make_scene(rng, width, height, backdrops, mix)
        name = f"scene_{number:05d}"
        pictures = list(render(rng, scene))
        truth[name] = scene.truth
        codec = rng.random()
        if codec < 0.6:
            quality = int(QUALITIES[rng.integers(len(QUALITIES))])
            groups.setdefault((width, height, quality), []).append((name, pictures))
        else:
            ready.append((name, coded.through_jpeg(rng, pictures[-1]) if codec < 0.85 else pictures[-1]))
        for key in [k for k, g in groups.items() if len(g) == 20 or number == scenes - 1]:
            group = groups.pop(key)
            planes = coded.through_h264([p for _, run in group for p in run], key[2])
            ready += [(n, plane) for (n, _), plane in zip(group, planes, strict=True)]
        for done, plane in ready:
            plane.tofile(out / f"{done}.y")
            truth[done] = [[plane.shape[1], plane.shape[0]], *truth[done]]
        ready.clear()
    lines = [f"{n} {out / n}.y {int(t[0][0])} {int(t[0][1])}" for n, t in sorted(truth.items())]
    (out / "list.txt").write_text("\n".join(lines) + "\n")
    (out / "truth.json").write_text(json.dumps({n: t[1:] for n, t in truth.items()}))


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--photos", type=Path, help="folder of background photos (default: from packages)")
    a: Any = parser.parse_args(argv)
    paths = list(a.photos.iterdir()) if a.photos else photos.package_photos("train")
    write_set(a.out, a.seed, a.scenes, photos.load_photos(paths))


if __name__ == "__main__":
    main()
