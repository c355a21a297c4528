"""Draws the animation in README.md: the shapes of the built-in scene, with boxes, names and trails."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

import freshframe as ff

FPS = 15
SCENE = f"demo:shapes?size=640x360&fps={FPS}&frames={5 * FPS}&pace=0&seed=4"


def main() -> None:
    """Writes to the given path, or to docs/pictures/boxes.webp."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs/pictures/boxes.webp"
    pipeline = ff.Pipeline()
    boxes = pipeline.add(
        ff.OnnxDetector(ff.demo.shapes_model(), min_confidence=0.5), pipeline.add(ff.open(SCENE))
    )
    drawn = pipeline.add(ff.Annotate(trail=1.5), pipeline.add(ff.BoxTracker(), boxes))
    with pipeline:
        first, *others = [Image.fromarray(sample.value.rgb) for sample in pipeline.reader(drawn)]
    first.save(path, save_all=True, append_images=others, duration=1000 // FPS, loop=0, quality=60, method=6)


if __name__ == "__main__":
    main()
