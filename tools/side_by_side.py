"""Draws the animation in README.md: what an OpenCV loop and a freshframe loop see of the same camera.

A simulated camera sends H.264 at 30 fps over TCP, with the number of each frame drawn in it. Each of the two
programs reads it for seven seconds, one after the other, and computes for 100 ms per frame in pure Python.
The animation replays these two runs: at each moment it shows the frame that the program read last, and how
far that frame is behind the camera. A test draws it again from the runs, which are written beside it as JSON.

    side_by_side.py [FILE.webp]     the default is docs/pictures/side-by-side.webp
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
from PIL import Image, ImageDraw, ImageFont

import freshframe as ff

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench/peers"))
import camera  # noqa: E402  (a program of bench/peers)

WIDTH, HEIGHT, FPS = 640, 360, 30
PATH = ROOT / "docs/pictures/side-by-side.webp"
SECONDS = 7  # of the camera
SCENE = f"demo:circles?size={WIDTH}x{HEIGHT}&fps={FPS}&balls=4&seed=6&pace=0&frames={SECONDS * FPS}"
BURNING = 0.1  # seconds of computing per frame
# The animation.
BEGIN, END, RATE = 0.5, 6.5, 15
PANEL, GAP, TITLE_PX = (400, 225), 8, 34
SHADE, TEXT, FRESH, STALE = "#10161d", "#e6edf3", "#3fb97f", "#f2645a"

Run = list[tuple[float, int]]  # seconds since the camera's first frame, and the number of the frame read then


def read_with_opencv(url: str) -> Generator[Any]:
    """Yields BGR images from the loop that OpenCV's tutorials show."""
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    while True:
        found, image = capture.read()
        if not found:
            return
        yield image


def read_with_freshframe(url: str) -> Generator[Any]:
    """Yields BGR images from freshframe's loop."""
    with ff.stream(ff.open(url)) as stream:
        for sample in stream:
            yield sample.value.bgr


PROGRAMS = {"OpenCV loop": read_with_opencv, "freshframe": read_with_freshframe}


def burn() -> None:
    """Computes for 100 ms in pure Python."""
    end = time.monotonic() + BURNING
    while time.monotonic() < end:
        sum(range(200))


def measure(read: Callable[[str], Generator[Any]], clip: Path) -> Run:
    """Lets a program read the camera, and returns when it read which frame."""
    command = [sys.executable, camera.__file__, "send", str(clip), str(FPS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout is not None
        with closing(read(f"tcp://127.0.0.1:{int(sender.stdout.readline())}")) as images:
            taken = []
            for image in images:
                taken.append((time.monotonic(), camera.read_number(image)))
                burn()
                if taken[-1][0] > taken[0][0] + END:
                    break
        began = float(sender.stdout.readline())
        sender.kill()
    return [(at - began, number) for at, number in taken]


def held(run: Run, at: float) -> int:
    """Returns the number of the frame that the program had read last at this time, at least its first one."""
    return run[max(0, bisect_right(run, at, key=lambda read: read[0]) - 1)][1]


def draw(panels: list[tuple[str, str, Any]]) -> Image.Image:
    """Returns BGR images beside each other, each below its title in its colour."""
    width, height = PANEL
    page = Image.new("RGB", (len(panels) * (width + GAP) - GAP, height + TITLE_PX), SHADE)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=19)
    for place, (title, colour, image) in enumerate(panels):
        left = place * (width + GAP)
        small = Image.fromarray(image[:, :, ::-1].copy()).resize(PANEL, Image.Resampling.LANCZOS)
        page.paste(small, (left, TITLE_PX))
        pen.text((left + width // 2, TITLE_PX // 2), title, colour, font, anchor="mm")
    return page


def render(images: list[Any], runs: dict[str, Run]) -> Iterator[Image.Image]:
    """Yields the images of the animation. `images`: those of scene(); `runs`: by the program's name."""
    for step in range(int((END - BEGIN) * RATE)):
        at = BEGIN + step / RATE
        panels = [("The camera now", TEXT, images[int(at * FPS)])]
        for (name, run), colour in zip(runs.items(), (STALE, FRESH), strict=True):
            number = held(run, at)
            panels.append((f"{name}: {at - number / FPS:.1f} s behind", colour, images[number]))
        yield draw(panels)


def scene() -> list[Any]:
    """Returns the BGR images that the camera sends, without their numbers."""
    with ff.stream(ff.open(SCENE)) as stream:
        return [sample.value.bgr.copy() for sample in stream]


def main() -> None:
    """Measures, then writes the animation and the two runs."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PATH
    images = scene()
    numbered = [image.copy() for image in images]
    for number, image in enumerate(numbered):
        camera.write_number(image, number)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "clip.mkv")
        camera.encode(numbered, WIDTH, HEIGHT, clip, FPS)
        runs = {name: measure(read, clip) for name, read in PROGRAMS.items()}
    path.with_suffix(".json").write_text(json.dumps(runs))
    first, *others = render(images, runs)
    first.save(path, save_all=True, append_images=others, duration=1000 // RATE, loop=0, quality=60, method=6)
    for name, run in runs.items():
        ages = [at - number / FPS for at, number in run]
        print(
            f"{name}: {len(run)} frames, the first {ages[0]:.3f} s old when read, the last {ages[-1]:.3f} s"
        )
    print(f"{path}: {len(others) + 1} images, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
