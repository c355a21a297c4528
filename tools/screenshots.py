"""Makes the screenshots of the dashboard in docs/pictures from the real page, with a realistic program.

./dev screenshots installs the browser. The images replace those of the previous run.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "web"))

import browser  # noqa: E402  (from tests/web)

import freshframe as ff  # noqa: E402

LARGEST = 300_000  # bytes of a picture
QUALITY = 82


def brightness(frame: ff.Frame) -> float:
    """A Python step that computes while it holds the GIL."""
    rows = frame.luma[::16]
    return sum(float(sum(row.tolist())) for row in rows) / rows.size


def archive(frame: ff.Frame) -> None:
    """A step that is too slow for two cameras."""
    time.sleep(0.22)


def build() -> tuple[ff.Pipeline, list[ff.Port[ff.Frame]]]:
    """Returns a pipeline with two cameras, trackers, a Python step, and a consumer that cannot keep up."""
    pipeline = ff.Pipeline("Yard watch")
    north = pipeline.add(ff.open("demo:circles?fps=30&size=1280x720&balls=4&seed=1"), name="north camera")
    yard = pipeline.add(ff.open("demo:circles?fps=25&size=640x480&balls=3&seed=7"), name="yard camera")
    drawn = pipeline.add(ff.Annotate(), pipeline.add(ff.CircleTracker(), north))
    drawn_yard = pipeline.add(ff.Annotate(), pipeline.add(ff.CircleDetector(), yard), name="Annotate yard")
    pipeline.add(brightness, drawn)
    pipeline.add(archive, [drawn, drawn_yard], name="slow archive")
    return pipeline, [drawn, drawn_yard]


def main() -> int:
    """Writes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=65.0, help="to run before (default 65: full sparklines)"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    options = parser.parse_args()
    if problem := browser.missing():
        print(f"screenshots: {problem}", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    pipeline, views = build()
    with (
        tempfile.TemporaryDirectory(prefix="freshframe-web-", ignore_cleanup_errors=True) as profile,
        browser.started(Path(profile)) as page,
    ):
        url = pipeline.serve(view=views).url
        with pipeline:
            page.size(1440, 1360)
            page.open(url)
            time.sleep(options.seconds)
            for name, size in (("dashboard", (1440, 1360)), ("dashboard-phone", (390, 844))):
                for scheme in ("dark", "light"):
                    page.size(*size, dark=scheme == "dark", phone=size[0] < 500)
                    time.sleep(2)  # waits for the layout, and for an image of the new width
                    path = options.out / f"{name}-{scheme}.webp"
                    page.picture(path, quality=QUALITY)
                    print(f"{path}: {path.stat().st_size} bytes")
                    if path.stat().st_size > LARGEST:
                        print(f"screenshots: {path} is larger than {LARGEST} bytes", file=sys.stderr)
                        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
