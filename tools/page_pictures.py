"""Makes the images of how-to pages: a moment of the video or page that the page's program produces.

Refuses a moment whose boxes differ from the truth of the scene. ./dev screenshots installs what it needs.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from scene_truth import agrees

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "web"))

import browser  # noqa: E402  (from tests/web)

import freshframe as ff  # noqa: E402

# For each image: its page, the file that a program of the page writes, the time in seconds, and the width.
PICTURES = {
    "blurred": ("draw", "labelled.mkv", 1.6, 640),
    "heat": ("count-objects", "heat.mp4", 3.9, 640),
    "speeds": ("measure-speed", "speeds.mkv", 1.45, 800),
}
QUALITY = 80
SECONDS = 20  # seconds for which a page is open before its screenshot
TRIES = 60


# For each screenshot: its page, a string in the program, the URL (or None if the program prints it), and the
# size.
SHOTS: dict[str, tuple[str, str, str | None, tuple[int, int]]] = {
    "browser": ("boxes-in-a-browser", "http.server", "http://127.0.0.1:8000", (680, 520)),
    "circles": ("flask", "flask.Flask", "http://127.0.0.1:5000", (976, 556)),
    "fleet": ("several-processes", "Fleet(agents=2)", None, (1200, 420)),
}


def program(page: str, sign: str) -> str:
    """Returns the program of a page that contains a string."""
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8")
    blocks: list[str] = re.findall(r"^```python(?: forever)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return next(block for block in blocks if sign in block)


def environment() -> dict[str, str]:
    """Returns the environment of a program."""
    folders = [str(Path(ff.__file__).parents[1]), str(ROOT / "fleet" / "python")]
    return os.environ | {"PYTHONPATH": os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")])}


def check_truth(name: str, url: str, second: float) -> None:
    """Fails if the detector is wrong at a moment of a scene."""
    pipeline = ff.Pipeline()
    boxes = pipeline.add(ff.OnnxDetector(ff.demo.shapes_model()), pipeline.add(ff.open(url)))
    tracks = pipeline.reader(pipeline.add(ff.BoxTracker(), boxes), frames=False)
    with pipeline:
        moment = min(tracks, key=lambda sample: abs(sample.pts - second))
    if not agrees(url, moment):
        raise SystemExit(
            f"page_pictures: {name} shows a wrong or missing box at {second} s: choose another moment"
        )


def draw(name: str, folder: str, target: Path) -> None:
    """Runs the program of a page, and writes a moment of its video."""
    page, file, second, width = PICTURES[name]
    text = program(page, f'"{file}"')
    for url in re.findall(r'"(demo:shapes[^"]*)"', text):
        check_truth(name, url, second)
    command = [sys.executable, "-c", text]
    subprocess.run(command, cwd=folder, env=environment(), check=True)
    picture = Image.fromarray(ff.Frame.read(Path(folder) / file, pts=second).rgb)
    picture = picture.resize((width, width * picture.height // picture.width), Image.Resampling.LANCZOS)
    picture.save(target, quality=QUALITY, method=6)


# The names in the list of the page, and the latest results that the view has shown.
LISTEN = """window.results = [];
document.querySelector('freshframe-view').addEventListener('results', event => results.push(event.detail));"""
READ = """const last = results.at(-1);
return {listed: [...document.querySelectorAll('li')].map(item => item.textContent).sort(), seq: last.seq,
  boxed: last.objects.map(object => object.class_name).sort()}"""


def wait_for_truth(page: browser.Page, url: str, target: Path) -> None:
    """Takes a screenshot in which the list, the boxes and the scene have the same names."""
    for _ in range(TRIES):
        page.load(url)
        page.run(LISTEN)
        page.until("return results.length > 10")
        before = page.run(READ)
        page.picture(target, quality=QUALITY)
        after = page.run(READ)
        shapes = ff.demo.shapes("demo:shapes", after["seq"])
        names = sorted(shape.class_name for shape in shapes)
        if all(shape.visible > 0.9 for shape in shapes) and all(
            found == names for moment in (before, after) for found in (moment["listed"], moment["boxed"])
        ):
            return
    raise SystemExit("page_pictures: no screenshot of the browser shows all names")


def shoot(name: str, folder: str, target: Path) -> None:
    """Runs the program of a page, and writes a screenshot of it in a browser."""
    page, sign, url, size = SHOTS[name]
    text = program(page, sign)
    if name == "fleet":  # the page's program neither serves its page nor runs on
        text = text.replace(
            "        for sample in", "        print(fleet.serve().url)\n        for sample in"
        )
        text = text.replace("                break\n", "                pass\n")
    (Path(folder) / "program.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-u", "program.py"]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            url = url or running.stdout.readline().strip()
            time.sleep(15)  # until it serves
            with browser.started(Path(folder) / "profile") as shown:
                shown.size(*size, dark=False)
                shown.load(url)
                time.sleep(SECONDS)
                if name == "browser":
                    wait_for_truth(shown, url, target)
                else:
                    shown.picture(target, quality=QUALITY)
        finally:
            running.terminate()


def main() -> None:
    """Writes the given images, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=sorted([*PICTURES, *SHOTS]))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    options = parser.parse_args()
    for name in options.names:
        path = options.out / f"{name}.webp"
        with tempfile.TemporaryDirectory(prefix="freshframe-web-", ignore_cleanup_errors=True) as folder:
            (draw if name in PICTURES else shoot)(name, folder, path)
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
