"""How old is a picture in a browser: <freshframe-view> by WebCodecs, MSE and JPEG beside the .mjpg stream.

A camera on loopback sends 640x360 at 15 pictures per second over RTSP, each with its number in its pixels,
and notes when it has sent it. A headless Chromium shows the camera's port in turns: as `.mjpg` in an <img>,
measured twice, and by the element. The page reads the number from its canvas as soon as it is drawn, and of
the <img> at each refresh of the screen. The age is the time from the sending to that moment. Needs what
./dev test-web installs.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from _measure import ROOT, Result, Row, arguments, median, quantile, spread, take_turns

sys.path.insert(0, str(ROOT / "tests" / "python"))
sys.path.insert(0, str(ROOT / "tests" / "web"))

import browser
from rigs.live.camera import PATIENT
from rigs.live.media import encode
from rigs.live.rtsp import RtspServer
from test_web_view_server import draw
from video_server import BITS, COUNT

import freshframe as ff

MJPG_GOALS = {"webcodecs": 0.5, "mse": 0.8}
READ = f"""
window.seen = [];
window.note = (context, width, height) => {{
  const row = context.getImageData(0, Math.floor(height / 16), width, 1).data;
  let number = 0;
  for (let bit = 0; bit < {BITS}; ++bit)
    if (row[4 * Math.floor((bit + 0.5) * width / {BITS})] > 128) number |= 1 << bit;
  if (seen.at(-1)?.[0] !== number) seen.push([number, (performance.timeOrigin + performance.now()) / 1000]);
}};
"""
OF_VIEW = """
const view = document.createElement('freshframe-view');
for (const [name, value] of Object.entries({port: 'door', mode: arguments[0], labels: ''}))
  view.setAttribute(name, value);
view.addEventListener('results', () => {
  const canvas = view.shadowRoot.querySelector('canvas');
  note(canvas.getContext('2d'), canvas.width, canvas.height);
});
document.body.replaceChildren(view);
"""
OF_IMAGE = """
const image = document.createElement('img');
image.src = arguments[0];
document.body.replaceChildren(image);
const canvas = document.createElement('canvas');
const context = canvas.getContext('2d', {willReadFrequently: true});
const look = () => {
  if (image.naturalWidth > 0) {
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    context.drawImage(image, 0, 0);
    note(context, canvas.width, canvas.height);
  }
  requestAnimationFrame(look);
};
look();
"""


class Camera(RtspServer):
    """Notes when it has sent which number."""

    def paced(self) -> Iterator[tuple[int, bytes]]:
        """The frames, each when it is due."""
        self.sent: list[tuple[float, int]] = []
        assert self.clip is not None
        for number, frame in super().paced():
            self.sent.append((time.time(), number % len(self.clip.frames)))
            yield number, frame


def ages(seen: list[tuple[int, float]], sent: list[tuple[float, int]]) -> list[float]:
    """Of each picture that the page saw, the seconds since it was sent."""
    found = []
    for number, at in seen:
        times = [when for when, one in sent if one == number and at - 5 < when <= at]
        if times:
            found.append(at - times[-1])
    return found


def shown(
    page: browser.Page, camera: Camera, url: str, script: str, what: str, seconds: float
) -> dict[str, float]:
    """One way to show the camera, for some seconds."""
    page.load(url)
    page.until("return customElements.get('freshframe-view') !== undefined")
    page.run(READ + script, what)
    page.until("return seen.length > 10")
    page.run("seen.length = 0")
    time.sleep(seconds)
    found = ages(page.run("return seen"), camera.sent)
    return {
        "p50_ms": 1e3 * quantile(found, 0.5),
        "p99_ms": 1e3 * quantile(found, 0.99),
        "pictures_per_s": len(found) / seconds,
    }


def kinds(page: browser.Page, camera: Camera, seconds: float, dashboard: ff.Dashboard) -> Any:
    """What takes turns, on a page of the dashboard that shows nothing by itself."""
    url = dashboard.view_url("door").partition("#")[0]
    picture = dashboard.picture_url("door", fps=15, width=640)
    stream = partial(shown, page, camera, url, OF_IMAGE, picture, seconds)
    views = {
        mode: partial(shown, page, camera, url, OF_VIEW, mode, seconds)
        for mode in ("webcodecs", "mse", "jpeg")
    }
    return {"mjpg": stream, **views, "mjpg again": stream}


def main() -> None:
    """Runs the kinds in turns."""
    options = arguments(__doc__, "view_ages", rounds=3, seconds=10)
    result = Result(
        "view_ages",
        "The age of a picture in a browser",
        {key: getattr(options, key) for key in ("rounds", "seconds")},
    )
    film = replace(encode("h264", COUNT, size=(640, 360), draw=draw), fps=15)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        browser.started(Path(profile)) as page,
        Camera(film) as camera,
    ):
        pipeline = ff.Pipeline()
        door = pipeline.add(ff.open(camera.url, **PATIENT), name="door")
        with pipeline, pipeline.serve(view=door) as dashboard:
            runs = take_turns(kinds(page, camera, options.seconds, dashboard), options.rounds)
    found = {
        name: {key: median([one[key] for one in mine]) for key in mine[0]} for name, mine in runs.items()
    }
    noise = spread([one["p50_ms"] for one in runs["mjpg"]], [one["p50_ms"] for one in runs["mjpg again"]])
    for name, figures in found.items():
        ratio = figures["p50_ms"] / found["mjpg"]["p50_ms"]
        result.add(
            Row(f"{name}: age p50 beside .mjpg, ratio", figures, ratio, MJPG_GOALS.get(name), spread=noise)
        )
    result.keep(options.out)


if __name__ == "__main__":
    main()
