"""Measures the age of frames in a browser: <freshframe-view> with WebCodecs, MSE and JPEG, .mjpg, and go2rtc.

A camera on loopback sends 640x360 over RTSP at 5, 15 and 30 fps, each frame with its number in the pixels,
and records when it starts to send each frame. A headless Chromium shows the camera in several ways,
alternately: in the element; as `.mjpg` of at most 15 fps in an <img>; and in go2rtc's element video-rtc with
WebRTC and MSE, if go2rtc is installed or FRESHFRAME_BENCH_GO2RTC is its path. go2rtc reads a second camera
with the same frames. Everything but the element is measured twice.

The page reads the number from the view's canvas as soon as that is drawn, from the <img> at each screen
refresh, and from go2rtc's <video> when the browser presents a frame, which is then drawn to a canvas. The
view gets its frames from MSE in the same way. The age is the time from sending to that moment. With
WebCodecs, a frame may then wait up to 17 ms for the next screen refresh, which is not included. The camera is
slightly faster than its nominal rate, so that its frames arrive at all phases of the screen refresh. Requires
what ./dev test-web installs.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from _measure import ROOT, Result, Row, arguments, median, quantile, spread, take_turns
from _servers import MissingError, await_port, program, running

sys.path.insert(0, str(ROOT / "tests" / "python"))
sys.path.insert(0, str(ROOT / "tests" / "web"))

import browser
from rigs.live.camera import PATIENT
from rigs.live.faulty_server import Clip
from rigs.live.media import encode
from rigs.live.rtsp import RtspServer
from rigs.ports import free_port
from test_web_view_server import draw
from video_server import BITS

import freshframe as ff

RATES = (5, 15, 30)
FASTER = 1.003  # drifts by 3 ms per second relative to the screen refresh
PICTURES = 240  # numbers repeat after these: 8 s at 30 fps
OLDEST = 5.0  # seconds
SETTLED = 3.0  # seconds until players have settled on their latency
GOALS = {"webcodecs": {"p50_ms": 15, "p99_ms": 60}, "mse": {"p50_ms": 40, "p99_ms": 80}}  # on idle cores
MJPG_GOALS = {"webcodecs": 0.5, "mse": 0.8}
GO2RTC_GOAL = 1.0  # for both, relative to each of its modes
AGAIN = " again"
GO2RTC = """
app: {{modules: [api, ws, rtsp, webrtc, mp4]}}
api: {{listen: "127.0.0.1:{port}"}}
rtsp: {{listen: ""}}
webrtc: {{listen: "127.0.0.1:{media}", ice_servers: [], filters: {{loopback: true}}}}
streams: {{door: "{camera}"}}
"""
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
OF_GO2RTC = """
const mode = arguments[0];
import('/video-rtc.js').then(({VideoRTC}) => {
  customElements.define('video-rtc', VideoRTC);
  const element = document.createElement('video-rtc');
  element.mode = mode;
  element.pcConfig = {...element.pcConfig, iceServers: []};
  element.src = '/api/ws?src=door';
  document.body.replaceChildren(element);
  const {video} = element;
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', {alpha: false});
  const next = () => video.requestVideoFrameCallback(() => {
    const [width, height] = [video.videoWidth, video.videoHeight];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
    context.drawImage(video, 0, 0);
    note(context, width, height);
    next();
  });
  next();
});
"""


class Camera(RtspServer):
    """Records when it sent which number."""

    def paced(self) -> Iterator[tuple[int, bytes]]:
        """Yields each frame when it is due."""
        self.sent: list[tuple[float, int]] = []
        assert self.clip is not None
        for number, frame in super().paced():
            self.sent.append((time.time(), number % len(self.clip.frames)))
            yield number, frame


def ages(seen: list[tuple[int, float]], sent: list[tuple[float, int]]) -> list[float]:
    """Returns the age in seconds of each frame that the page saw."""
    found = []
    for number, at in seen:
        times = [when for when, one in sent if one == number and at - OLDEST < when <= at]
        if times:
            found.append(at - times[-1])
    return found


def show(
    page: browser.Page, camera: Camera, url: str, script: str, what: str, seconds: float
) -> dict[str, float]:
    """Shows the camera in one way for some seconds. Returns the quantiles of the age."""
    page.load(url)
    page.run(READ + script, what)
    page.until("return seen.length > 10")
    time.sleep(SETTLED)
    page.run("seen.length = 0")
    time.sleep(seconds)
    found = ages(page.run("return seen"), camera.sent)
    return {
        "p50_ms": 1e3 * quantile(found, 0.5),
        "p99_ms": 1e3 * quantile(found, 0.99),
        "pictures_per_s": len(found) / seconds,
    }


@contextlib.contextmanager
def go2rtc(path: str, camera: Camera) -> Iterator[str]:
    """Yields the URL of a go2rtc with the camera as `door`. It connects to no other machine."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        settings = Path(folder) / "go2rtc.yaml"
        text = GO2RTC.format(port=port, media=free_port(), camera=camera.url)
        settings.write_text(text, encoding="utf-8")
        ends_with_this = ["setpriv", "--pdeathsig", "KILL"]  # even if this process is killed
        command = [*ends_with_this, path, "-config", str(settings)]
        with running(command, Path(folder)) as process:
            await_port(port, process)
            yield f"http://127.0.0.1:{port}"


def installed() -> dict[str, str]:
    """Returns go2rtc's path and version; empty if it is not installed."""
    named = os.environ.get("FRESHFRAME_BENCH_GO2RTC")
    try:
        path = program("go2rtc", Path(named) if named else None)
    except MissingError as why:
        print(f"{why}: no rows beside it", file=sys.stderr)
        return {}
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=True).stdout
    return {"path": path, "version": said.strip()}


def turns(page: browser.Page, film: Clip, seconds: int, rounds: int, peer: str | None) -> Any:
    """Returns the runs of each kind with a camera of this film."""
    with contextlib.ExitStack() as stack:
        camera, second = (stack.enter_context(Camera(film)) for _ in range(2))
        pipeline = ff.Pipeline()
        door = pipeline.add(ff.open(camera.url, **PATIENT), name="door")
        stack.enter_context(pipeline)
        dashboard = stack.enter_context(pipeline.serve(view=door))
        url = dashboard.view_url("door").partition("#")[0]  # a page without a view
        picture = dashboard.mjpeg_url("door", fps=15, max_side=640)
        stream = partial(show, page, camera, url, OF_IMAGE, picture, seconds)
        kinds = {"mjpg": stream}
        for mode in ("webcodecs", "mse", "jpeg"):
            kinds[mode] = partial(show, page, camera, url, OF_VIEW, mode, seconds)
        kinds["mjpg" + AGAIN] = stream
        if peer:
            site = stack.enter_context(go2rtc(peer, second))
            for name in ("", AGAIN):
                for mode in ("webrtc", "mse"):
                    one = partial(show, page, second, f"{site}/api", OF_GO2RTC, mode, seconds)
                    kinds[f"go2rtc {mode}{name}"] = one
        return take_turns(kinds, rounds)


def add_rows(result: Result, rate: int, runs: Any) -> None:
    """Adds the results at one rate."""
    found = {
        name: {key: median([one[key] for one in mine]) for key in mine[0]} for name, mine in runs.items()
    }
    for name, figures in found.items():
        for key in ("p50_ms", "p99_ms"):
            what = f"{rate}/s {name}: age {key.removesuffix('_ms')}, ms"
            others = {other: value for other, value in figures.items() if not other.endswith("_ms")}
            result.add(Row(what, others, figures[key], GOALS.get(name, {}).get(key)))
    for other in found:
        if other + AGAIN not in found:
            continue
        noise = spread(*([one["p50_ms"] for one in runs[name]] for name in (other, other + AGAIN)))
        for mode in ("webcodecs", "mse", "jpeg"):
            goal = MJPG_GOALS.get(mode) if other == "mjpg" else GO2RTC_GOAL if mode in GOALS else None
            ratio, worst = (found[mode][key] / found[other][key] for key in ("p50_ms", "p99_ms"))
            what = f"{rate}/s {mode}: age p50 beside {other}, ratio"
            result.add(Row(what, {"p99_ratio": worst}, ratio, goal, spread=noise))


def main() -> None:
    """Runs the kinds alternately, at one rate after another."""
    options = arguments(__doc__, "view_ages", rounds=3, seconds=10, rates=RATES)
    peer = installed()
    result = Result(
        "view_ages",
        "The age of a picture in a browser",
        {key: getattr(options, key) for key in ("rounds", "seconds", "rates")},
        {"go2rtc": peer.get("version", "missing")},
    )
    film = encode("h264", PICTURES, size=(640, 360), draw=draw)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        browser.started(Path(profile)) as page,
    ):
        for rate in options.rates:
            clip = replace(film, fps=rate * FASTER)
            add_rows(result, rate, turns(page, clip, options.seconds, options.rounds, peer.get("path")))
    result.keep(options.out)


if __name__ == "__main__":
    main()
