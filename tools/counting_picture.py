"""Draws the image of docs/how-to/count-objects.md: circles that crossed a line, and its counts."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
from pathlib import Path

import freshframe as ff

SCENE = "demo:circles?size=640x360&fps=30&frames=240&pace=0&balls=4&seed=5"


def main() -> None:
    """Writes to the given path, or to docs/pictures/line.png."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs/pictures/line.png"
    path.parent.mkdir(exist_ok=True)
    pipeline = ff.Pipeline()
    tracks = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(SCENE)))
    counts = pipeline.add(ff.LineCounter((0, 180), (640, 180)), tracks)
    pictures = pipeline.reader(pipeline.add(ff.Annotate(), counts))
    with pipeline:
        last = [sample.value for sample in pictures][-1]
    last.write(path)


if __name__ == "__main__":
    main()
