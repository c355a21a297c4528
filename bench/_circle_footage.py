"""Makes a set of clips and stills with known circles, for who has none: the scenes of tools/circles, moving.

Kept in build/bench-circles until what draws them changes; the same seed and versions of the packages give the
same set. The photos behind half of the scenes come inside scikit-image; the detector learned from others.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import hashlib
import importlib.util
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from _measure import ROOT

import freshframe as ff

sys.path.insert(0, str(ROOT / "tools" / "circles"))

import photos
import scenes

FOLDER = ROOT / "build" / "bench-circles"
# Prefix: width, height, sequences, frames each.
PLAN = {"vga": (640, 480, 8, 60), "hd": (1280, 720, 4, 40), "still": (640, 480, 40, 1)}
COLUMNS = ("seq", "frame", "t", "id", "x", "y", "r", "vis", "blur", "contrast", "ignore")
CLIP_QUALITY = (20, 37)  # H.264 constant rate factor
STILL_QUALITY = (60, 92)  # JPEG

Gray = npt.NDArray[np.uint8]
Row = list[str]


class Clip(ff.Source[ff.Frame]):
    """The pictures of a scene with its balls moving, and the truth of each."""

    live = False

    def __init__(self, name: str, rng: scenes.Rng, scene: scenes.Scene, frames: int) -> None:
        """Nothing is drawn yet."""
        self.name = name
        self.rng = rng
        self.scene = scene
        self.frames = frames
        self.truth: list[Row] = []

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        """Yields frames with their pts."""
        for number in range(self.frames):
            yield ff.Frame.from_array(self.draw(number), "gray"), number / scenes.FPS

    def draw(self, number: int) -> Gray:
        """The next picture."""
        scene, rng = self.scene, self.rng
        image = scene.background.copy()
        owner = np.zeros(image.shape, np.int16)
        streaks = [float(np.hypot(b.vx, b.vy)) * scene.exposure for b in scene.balls]
        for k, (ball, streak) in enumerate(zip(scene.balls, streaks, strict=True), 1):
            scenes.draw_ball(image, owner, ball, k, streak)
        for x0, y0, x1, y1, grey in scene.occluders:
            image[y0:y1, x0:x1] = grey
            owner[y0:y1, x0:x1] = -1
        image *= scene.light
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), scene.defocus), np.float32)
        for k, (ball, streak) in enumerate(zip(scene.balls, streaks, strict=True), 1):
            if (owner == k).any():
                self._note(number, k, ball, scenes.rim_truth(image, owner, ball, k, streak))
        grain = rng.standard_normal(image.shape, np.float32) * scene.noise
        image += grain * np.sqrt(np.clip(image, 20, 255) / 128)
        for ball in scene.balls:
            move(ball, *image.shape[::-1])
        return np.asarray(np.clip(image, 0, 255), np.uint8)

    def _note(self, number: int, k: int, ball: scenes.Ball, rows: list[list[float]]) -> None:
        time = f"{number / scenes.FPS:.5f}"
        for part, (x, y, r, ignore) in enumerate(rows):  # the second one is a disc on the ball
            place = [f"{x:.3f}", f"{y:.3f}", f"{r:.3f}"]
            self.truth.append(
                [self.name, str(number), time, str(k + 1000 * part), *place, "", "", "", f"{ignore:.0f}"]
            )


def move(ball: scenes.Ball, width: int, height: int) -> None:
    """By one frame; balls turn back at the borders."""
    ball.x += ball.vx / scenes.FPS
    ball.y += ball.vy / scenes.FPS
    if (ball.x < 0.8 * ball.r and ball.vx < 0) or (ball.x > width - 0.8 * ball.r and ball.vx > 0):
        ball.vx = -ball.vx
    if (ball.y < 0.8 * ball.r and ball.vy < 0) or (ball.y > height - 0.8 * ball.r and ball.vy > 0):
        ball.vy = -ball.vy


def encode(clip: Clip, path: Path, quality: int) -> None:
    """Draws a clip into a file."""
    pipeline = ff.Pipeline()
    sink = ff.VideoFile(path, fps=scenes.FPS, quality=quality)
    pipeline.add(sink, pipeline.add(clip))
    pipeline.run()


def made(seed: int) -> Path:
    """Folder of the set of this seed; it is made now if it isn't there."""
    backdrops, what = [], "plain"
    if importlib.util.find_spec("skimage") is not None:
        backdrops, what = photos.load_photos(photos.package_photos("valid")), "photos"
    sources = sorted(Path(__file__).parents[1].glob("tools/circles/*.py"))
    recipe = hashlib.sha256(b"".join(s.read_bytes() for s in (Path(__file__), *sources)))
    folder = FOLDER / f"{what}-{seed}-{recipe.hexdigest()[:8]}"
    if not folder.exists():
        print(f"making {folder.name} in {FOLDER}", file=sys.stderr)
        unfinished = FOLDER / f"unfinished-{folder.name}"
        shutil.rmtree(unfinished, ignore_errors=True)
        _make(unfinished, seed, backdrops)
        unfinished.rename(folder)
    return folder


def _make(folder: Path, seed: int, backdrops: list[scenes.Image]) -> None:
    folder.mkdir(parents=True)
    about, truth = {}, []
    for prefix, (width, height, count, frames) in PLAN.items():
        for number in range(count):
            rng = np.random.default_rng([seed, *prefix.encode(), number])
            name = f"{prefix}_{number:02d}"
            scene = scenes.make_scene(rng, width, height, backdrops)
            clip = Clip(name, rng, scene, frames)
            file = f"{name}.mp4" if frames > 1 else f"{name}.jpg"
            if frames > 1:
                encode(clip, folder / file, int(rng.integers(*CLIP_QUALITY)))
            else:
                quality = int(rng.integers(*STILL_QUALITY))
                cv2.imwrite(str(folder / file), clip.draw(0), [cv2.IMWRITE_JPEG_QUALITY, quality])
            truth += clip.truth
            size = {"width": width, "height": height, "fps": scenes.FPS if frames > 1 else 0}
            about[name] = {"file": file, **size, "frames": frames, "level": "mixed"}
    with (folder / "truth.csv").open("w", newline="") as file_:
        writer = csv.writer(file_, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(truth)
    (folder / "sequences.json").write_text(json.dumps(about, indent=1))
