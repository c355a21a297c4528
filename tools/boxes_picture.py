"""Draws the animation in README.md: the shapes of the built-in scene, with boxes, names and trails.

Takes the first four seconds in which every frame agrees with the truth of its scene.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image
from scene_truth import agrees

import freshframe as ff

FPS = 15
FRAMES = 4 * FPS
SCENE = f"demo:shapes?size=640x360&fps={FPS}&frames={5 * FRAMES}&pace=0&seed="
SEEDS = range(1, 100)


def draw(url: str) -> list[Image.Image] | None:
    """Returns drawn frames of a scene, or None if it has too few in a row without a wrong or missing box."""
    pipeline = ff.Pipeline()
    boxes = pipeline.add(
        ff.OnnxDetector(ff.demo.shapes_model(), min_confidence=0.5), pipeline.add(ff.open(url))
    )
    tracks = pipeline.add(ff.BoxTracker(), boxes)
    found = pipeline.reader(tracks, frames=False)
    drawn = pipeline.reader(pipeline.add(ff.Annotate(trail=1.5), tracks))
    images: list[Image.Image] = []
    with pipeline:
        for result, sample in zip(found, drawn, strict=True):
            if not agrees(url, result):
                images.clear()
                continue
            images.append(Image.fromarray(sample.value.rgb))
            if len(images) == FRAMES:
                return images
    return None


def main() -> None:
    """Writes to the given path, or to docs/pictures/boxes.webp."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs/pictures/boxes.webp"
    seed, images = next((seed, images) for seed in SEEDS if (images := draw(f"{SCENE}{seed}")))
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=1000 // FPS, loop=0, quality=60, method=6
    )
    print(f"{path}: seed {seed}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
